"""Trees in .npy, .npz and .safetensors files."""

import io
import json

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

import jans
from jans.plugins import files

BF16 = np.dtype(ml_dtypes.bfloat16)


def same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def test_safetensors_of_the_library_are_read_and_written():
    rng = np.random.default_rng(0)
    names = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint64", "bool")
    arrays = {name: (rng.normal(size=(3, 5)) * 9).astype(name) for name in names} | {"none": np.zeros((0, 3))}
    data = safetensors.numpy.save(arrays, metadata={"format": "np", "two": "\u00e9"})
    found = files.load_safetensors(data)
    assert found.pop(files.METADATA) == {"format": "np", "two": "\u00e9"}
    assert found.keys() == arrays.keys()
    assert all(same(found[name], array) for name, array in arrays.items())
    again = safetensors.numpy.load(files.save_safetensors(found | {files.METADATA: {"a": "b"}}))
    assert all(same(again[name], array) for name, array in arrays.items())


@pytest.mark.parametrize("dtype", files._SAFE.values(), ids=files._SAFE)
def test_all_dtypes_of_safetensors(dtype, tmp_path):
    array = np.arange(24, dtype=np.uint8).view(np.uint8).repeat(dtype.itemsize)[: 24 * dtype.itemsize] & 1
    tree = {"a": array.view(dtype).reshape(4, 6), "b": {"c": [array.view(dtype)]}}
    path = tmp_path / "a.safetensors"
    path.write_bytes(files.save_safetensors(tree))
    found = files.load_safetensors(path)
    assert same(found["a"], tree["a"])
    assert same(found["b.c.0"], tree["b"]["c"][0])
    assert files.kind_of(memoryview(path.read_bytes())) == "safetensors"


def test_numpy_files():
    array = np.arange(6.0).reshape(2, 3)
    for kind, tree in (("npy", array), ("npy", np.asfortranarray(array)), ("npz", {"x": array, "y": np.int8(3)})):
        data = memoryview(files.write(kind, tree))
        assert files.kind_of(data) == kind
        found = files.read(kind, data)
        if kind == "npy":
            assert same(found, array)
        else:
            assert all(same(found[name], leaf) for name, leaf in tree.items())
    assert files.kind_of(memoryview(b"some text")) == "raw"
    assert bytes(files.write("raw", files.read("raw", memoryview(b"some text")))) == b"some text"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: files.write("npy", np.zeros(3, BF16)), TypeError, "npy files do not hold bfloat16. Write safetensors"),
        (lambda: files.write("npz", {"a": np.zeros(3, BF16)}), TypeError, "npz files do not hold bfloat16"),
        (lambda: files.write("npy", {"a": np.zeros(3)}), TypeError, "holds one array, and the tree is dict"),
        (lambda: files.write("npz", 3), TypeError, "hold arrays by name, and the tree is int"),
        (lambda: files.write("safetensors", {"a": np.zeros(3, np.complex128)}), TypeError, "not hold complex128, the"),
        (lambda: files.write("safetensors", {"a": "text"}), TypeError, "do not hold <U4"),
        (lambda: files.read("npy", memoryview(b"\x93NUMPY")), jans.CodingError, "npy file cannot be read"),
        (lambda: files.read("npz", memoryview(b"PK")), jans.CodingError, "npz file cannot be read"),
        (lambda: files.load_safetensors(b""), jans.CodingError, "cut short, or none"),
        (lambda: files.load_safetensors(b"\xff" * 30), jans.CodingError, "cut short, or none"),
        (lambda: files.load_safetensors(safe({"a": {}})), jans.CodingError, "without, or with an unknown, 'dtype'"),
        (lambda: files.load_safetensors(safe({"a": entry(dtype="F3")})), jans.CodingError, "an unknown, 'F3'"),
        (lambda: files.load_safetensors(safe({"a": entry(data_offsets=[0, 9])})), jans.CodingError, "do not fit its"),
        (lambda: files.load_safetensors(safe({"a": entry(shape=[-2])})), jans.CodingError, "do not fit its|wrong type"),
        (lambda: files.load_safetensors(safe({"__metadata__": {"a": 3}})), jans.CodingError, "wrong type"),
        (lambda: files.load_safetensors(safe([])), jans.CodingError, "cannot be read"),
        (lambda: files.load_safetensors(safe("[" * 10**5)), jans.CodingError, "cannot be read"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def entry(**other):
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | other


def safe(header):
    text = header if isinstance(header, str) else json.dumps(header)
    return len(text).to_bytes(8, "little") + text.encode() + bytes(8)


def test_an_object_array_is_no_pickle():
    file = io.BytesIO()
    np.save(file, np.array([{}], object), allow_pickle=True)
    with pytest.raises(jans.CodingError, match="Object arrays cannot be loaded"):
        files.read("npy", memoryview(file.getvalue()))


@given(st.data())
def test_changed_headers_are_errors_or_arrays(data):
    made = bytearray(files.save_safetensors({"a": jnp.arange(3), "b": np.zeros((2, 2), np.float16)}))
    for _ in range(data.draw(st.integers(1, 4))):
        made[data.draw(st.integers(0, len(made) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = files.load_safetensors(bytes(made[: data.draw(st.integers(0, len(made)))]))
    except jans.CodingError:
        return
    assert all(isinstance(leaf, np.ndarray | dict) for leaf in found.values())
