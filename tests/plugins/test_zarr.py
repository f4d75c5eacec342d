"""The codecs of zarr 3 and numcodecs."""

import json
import subprocess
import sys

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.codecs import numcodecs as filters
from zarr.storage import MemoryStore

import jans
from jans.plugins.numcodecs import Pack
from jans.plugins.zarr import PackCodec

DTYPES = ("bool", "i1", "u1", "i2", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16")


@pytest.mark.parametrize("level", ["fast", "small"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_come_back(dtype, level, tmp_path):
    values = (np.random.default_rng(0).normal(size=(70, 30)) * 9).astype(dtype)
    array = zarr.create_array(
        tmp_path, shape=(70, 30), dtype=dtype, chunks=(20, 30), serializer=PackCodec(level), compressors=None
    )
    array[:] = values
    again = zarr.open_array(tmp_path)
    assert again.metadata.codecs == (PackCodec(level),)
    assert again[:].tobytes() == values.tobytes()
    (chunk,) = (path for path in (tmp_path / "c").rglob("*") if path.match("0/0"))
    assert jans.unpack(chunk).tobytes() == values[:20].tobytes()


def test_the_metadata_name_the_codec(tmp_path):
    zarr.create_array(tmp_path, shape=(9,), dtype="f4", serializer=PackCodec("small"), compressors=None)
    metadata = json.loads((tmp_path / "zarr.json").read_text())
    assert metadata["codecs"] == [{"name": "jans.pack", "configuration": {"level": "small"}}]
    assert PackCodec.from_dict({"name": "jans.pack"}) == PackCodec("fast")


class Counting(MemoryStore):
    """Counts the bytes that are read."""

    count = 0

    async def get(self, key, prototype=None, byte_range=None):
        """As in MemoryStore."""
        found = await super().get(key, prototype, byte_range)
        if found is not None and key.startswith("c/"):
            self.count += len(found)
        return found


@pytest.mark.parametrize("level", ["fast", "small"])
def test_parts_of_chunks_are_read_alone(level):
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(6000, 300)) * np.exp(rng.normal(size=300))).astype(np.float32)
    store = Counting()
    array = zarr.create_array(
        store, shape=values.shape, dtype="f4", chunks=values.shape, serializer=PackCodec(level), compressors=None
    )
    array[:] = values
    store.count = 0
    assert (array[3000:3010] == values[3000:3010]).all()
    assert store.count < 0.25 * values.nbytes
    for index in (5, slice(2, 4000, 7), slice(None), (slice(5990, None), slice(3, 9)), (..., 4), (slice(0, 0),)):
        assert (array[index] == values[index]).all()
    assert (array.oindex[[1, 5999], [3, 4]] == values[[1, 5999]][:, [3, 4]]).all()
    assert (array.vindex[[1, 5999], [3, 4]] == values[[1, 5999], [3, 4]]).all()


@given(st.data())
def test_any_shape_and_selection(data):
    rank = data.draw(st.integers(0, 3))
    shape = tuple(data.draw(st.integers(1, 12)) for _ in range(rank))
    chunks = tuple(data.draw(st.integers(1, 12)) for _ in range(rank))
    dtype = data.draw(st.sampled_from([*DTYPES, ">i4", ">f8"]))
    values = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 99, shape).astype(dtype)
    array = zarr.create_array({}, shape=shape, chunks=chunks, dtype=dtype, serializer=PackCodec(), compressors=None)
    array[...] = values
    bounds = [sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    index = tuple(slice(*pair) for pair in bounds)
    assert (array[...] == values).all()
    assert (array[index] == values[index]).all()
    if rank:
        array[index] = 7
        values[index] = 7
        assert (array[...] == values).all()


def test_shards_and_fill_values(tmp_path):
    array = zarr.create_array(
        tmp_path, shape=(90, 90), dtype="f8", chunks=(15, 15), shards=(45, 45), serializer=PackCodec(), fill_value=2.5
    )
    array[:45] = np.arange(45 * 90).reshape(45, 90)
    assert (zarr.open_array(tmp_path)[:45] == np.arange(45 * 90).reshape(45, 90)).all()
    assert (zarr.open_array(tmp_path)[45:] == 2.5).all()


@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3 specification")
@pytest.mark.parametrize(
    ("name", "settings"),
    [("Delta", {"dtype": "float32"}), ("BitRound", {"keepbits": 9}), ("FixedScaleOffset", {"offset": 0, "scale": 2})],
)
def test_filters_that_change_shape_and_dtype(name, settings):
    filter_ = getattr(filters, name)(**settings)
    values = np.arange(12 * 16, dtype=np.float32).reshape(12, 16)
    array = zarr.create_array(
        {}, shape=values.shape, chunks=(6, 16), dtype="f4", filters=[filter_], serializer=PackCodec(), compressors=None
    )
    array[...] = values
    assert (array[...] == values).all()
    assert (array[3:7, 2:9] == values[3:7, 2:9]).all()


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="level must be one of fast, small, got 'best'"):
        PackCodec("best")
    with pytest.raises(TypeError, match=r"the codec jans.pack does not pack arrays of datetime64"):
        zarr.create_array({}, shape=(9,), dtype="datetime64[s]", serializer=PackCodec())
    array = zarr.create_array(tmp_path, shape=(9,), dtype="f4", chunks=(9,), serializer=PackCodec(), compressors=None)
    array[:] = np.arange(9)
    (chunk,) = (path for path in (tmp_path / "c").iterdir())
    good = chunk.read_bytes()
    other = jans.pack(np.arange(9))
    for data in (b"", b"JANP", good[:-1], other, jans.pack([np.zeros(9, np.float32)]), good[:8] + b"\xff" + good[9:]):
        chunk.write_bytes(data)
        for index in (slice(None), slice(2, 3)):
            with pytest.raises(jans.CodingError):
                array[index]


def test_plain_zarr_reads_what_workers_of_dask_wrote(tmp_path):
    """Two processes write chunks, and this one reads them; the codec is found by its entry point."""
    code = f"""
import dask.array, numpy as np, zarr
from dask.distributed import Client, LocalCluster
from jans.plugins.zarr import PackCodec

if __name__ == "__main__":
    with LocalCluster(n_workers=2, processes=True, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster):
            x = dask.array.arange(60_000, chunks=5_000, dtype="f4").reshape(200, 300).rechunk((50, 300))
            target = zarr.create_array(
                {str(tmp_path)!r}, shape=x.shape, dtype="f4", chunks=(50, 300), serializer=PackCodec("small"),
                compressors=None,
            )
            dask.array.store(x, target, lock=False)
"""
    script = tmp_path.parent / f"{tmp_path.name}.py"
    script.write_text(code)
    subprocess.run([sys.executable, script], check=True, timeout=300)
    found = subprocess.run(
        [sys.executable, "-P", "-c", f"import zarr; print(zarr.open_array({str(tmp_path)!r})[150:].sum(dtype='f8'))"],
        check=True, capture_output=True, timeout=300, text=True,
    )  # fmt: skip
    assert float(found.stdout) == np.arange(45_000.0, 60_000).sum()


# ---- numcodecs ----


@pytest.mark.parametrize("dtype", DTYPES)
def test_numcodecs(dtype):
    values = (np.random.default_rng(0).normal(size=(7, 30)) * 9).astype(dtype)
    codec = numcodecs.get_codec({"id": "jans", "level": "small"})
    assert codec == Pack("small")
    data = codec.encode(values)
    assert codec.decode(data).tobytes() == values.tobytes()
    out = np.empty_like(values)
    codec.decode(data, out)
    assert out.tobytes() == values.tobytes()
    assert bytes(codec.decode(codec.encode(b"some bytes"))) == b"some bytes"


def test_zarr_2_arrays(tmp_path):
    values = np.arange(3000, dtype="i4").reshape(60, 50)
    array = zarr.create_array(
        tmp_path, shape=(60, 50), dtype="i4", chunks=(25, 50), zarr_format=2, compressors=Pack("small")
    )
    array[:] = values
    assert (zarr.open_array(tmp_path)[:] == values).all()
    assert json.loads((tmp_path / ".zarray").read_text())["compressor"] == {"id": "jans", "level": "small"}


def test_errors_of_numcodecs():
    with pytest.raises(ValueError, match="level must be one of fast, small, got 3"):
        Pack(3)
    with pytest.raises(jans.CodingError, match="hold a tree, and not one array"):
        Pack().decode(jans.pack({"a": 3}))
