"""Trees packed as their difference to another tree."""

import json
import pathlib

import cases
import hypothesis
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jans
from jans.archive import _arrays, _delta
from jans.archive._wire import Reader

LEVELS = pytest.mark.parametrize("level", ["fast", "small"])
DTYPES = pytest.mark.parametrize("dtype", _arrays.DTYPES, ids=lambda dtype: dtype.name)
GOLDEN = pathlib.Path(__file__).parents[1] / "vectors" / "packed_base.json"


def bits_of(array):
    return np.asarray(array).tobytes()


def two_steps(dtype, shape, step, seed=0):
    """An array, and one that is near to it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape) * 30
    with np.errstate(all="ignore"):
        return x.astype(dtype), (x * (1 + step * rng.normal(size=shape))).astype(dtype)


def any_words(dtype, n, seed):
    """Random bits as an array."""
    rng = np.random.default_rng(seed)
    size = dtype.itemsize * n
    if dtype.kind == "b":
        return rng.random(n) < 0.5
    data = rng.integers(0, 256, size, np.uint8)
    return (data & 15 if dtype.name.endswith("int4") else data).view(dtype)


# ---- round trips ----


@LEVELS
@DTYPES
@pytest.mark.parametrize("step", [0, 1e-3, 10])
def test_every_dtype_comes_back(dtype, step, level):
    before, after = two_steps(dtype, (37, 41), step)
    tree, base = {"w": [after, 3]}, {"w": [before, 4]}
    data = jans.pack(tree, level, base=base)
    again = jans.unpack(data, base=base)
    assert bits_of(again["w"][0]) == bits_of(after)
    assert again["w"][1] == 3
    assert len(data) <= len(jans.pack(tree, level)) + 16


@DTYPES
@pytest.mark.parametrize("n", [1, 65, 700])
def test_all_bits_given_all_bits(dtype, n):
    """The method alone, where another one would be shorter too."""
    after, before = any_words(dtype, n, 1), any_words(dtype, n, 2)
    words, base = _arrays.words_of(after), _arrays.words_of(before)
    make, bits = _delta.plan(words, base, _arrays.kind_of(dtype).layout)
    delta = make()
    block = slice(0, len(words))
    data, again = b"".join(delta.encode(words, block)), np.empty_like(words)
    delta.decode(memoryview(data), block, again)
    assert bits_of(again) == bits_of(words)
    assert 8 * len(data) <= bits + 64 * 33 + 64


def test_the_ends_of_the_order():
    """From the largest number to the smallest, and from one zero to the other."""
    after = np.float32([np.inf, -np.inf, 0.0, -0.0, np.nan, 1e-45, 3e38] * 99)
    before = np.float32([-np.inf, np.inf, -0.0, 0.0, -np.nan, -1e-45, 3e38] * 99)
    words, base = after.view(np.uint32), before.view(np.uint32)
    delta = _delta.plan(words, base, (8, 23))[0]()
    again = np.empty_like(words)
    delta.decode(memoryview(b"".join(delta.encode(words, slice(0, 693)))), slice(0, 693), again)
    assert bits_of(again) == bits_of(after)
    assert bits_of(jans.unpack(jans.pack(after, base=before), base=before)) == bits_of(after)


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float8_e5m2"])
def test_neighbours_in_the_order_of_floats_are_one_apart(name):
    """From the largest negative number over both zeros to the largest positive one, for every pair of neighbours."""
    dtype = np.dtype(getattr(jnp, name))
    words = np.arange(2 ** (8 * dtype.itemsize), dtype=f"u{dtype.itemsize}")
    with np.errstate(invalid="ignore"):  # NaNs of every kind
        values = words.view(dtype).astype(np.float64)
    finite = np.isfinite(values)
    order = np.lexsort((~np.signbit(values[finite]), values[finite]))
    ordered = words[finite][order]
    layout = _arrays.kind_of(dtype).layout
    assert (_delta._distances_of(ordered[1:], ordered[:-1], layout) == 2).all()
    assert (_delta._distances_of(ordered[:-1], ordered[1:], layout) == 1).all()


def test_near_arrays_take_few_bytes():
    before, after = two_steps("bfloat16", (300, 400), 2.0**-12)
    tree, base = {"w": jnp.asarray(after)}, {"w": jnp.asarray(before)}
    assert len(jans.pack(tree, base=base)) < 0.15 * after.nbytes < 0.5 * len(jans.pack(tree))
    assert len(jans.pack(base, base=base)) < 0.01 * after.nbytes
    ids = np.arange(10**5, dtype=np.int64) ** 2
    assert len(jans.pack(ids, base=ids + np.arange(10**5) % 3)) < 0.04 * ids.nbytes


def test_parts_and_archives_as_base(tmp_path):
    before, after = two_steps(np.float32, (9000, 70), 1e-4)
    path, base_path = tmp_path / "after", tmp_path / "before"
    base_path.write_bytes(jans.pack({"w": before, "n": 1}))
    path.write_bytes(jans.pack({"w": after, "n": 2}, base=jans.open(base_path)))
    archive = jans.open(path, base=jans.open(base_path))
    assert archive["w"].stored < 0.7 * after.nbytes
    for rows in (slice(0, 1), slice(3000, 6000), slice(8999, None), slice(None)):
        assert bits_of(archive["w"][rows]) == bits_of(after[rows])
    assert bits_of(archive.tree()["w"]) == bits_of(after)
    assert bits_of(jans.unpack(path, base={"w": before})["w"]) == bits_of(after)


def test_what_the_base_lacks_is_packed_alone():
    before, after = two_steps(np.float32, (50, 40), 1e-4)
    for base in (
        {},
        {"v": before},
        {"w": before[1:]},
        {"w": before.astype(np.float64)},
        {"w": 3},
        {"w": {"x": before}},
    ):
        data = jans.pack({"w": after}, base=base)
        assert data == jans.pack({"w": after})
        assert bits_of(jans.unpack(data, base=base)["w"]) == bits_of(after)


def test_zeros_are_kept_apart_where_that_is_shorter():
    rng = np.random.default_rng(0)
    after = np.where(rng.random(20_000) < 0.01, rng.normal(size=20_000), 0).astype(np.float32)
    for before in (rng.normal(size=20_000).astype(np.float32), after.copy()):
        data = jans.pack(after, base=before)
        assert bits_of(jans.unpack(data, base=before)) == bits_of(after)
        assert len(data) < 3000


# ---- errors ----


def test_another_base_is_an_error():
    before, after = two_steps(np.float32, (50, 40), 1e-4)
    data = jans.pack({"w": after}, base={"w": before})
    for base in (None, {}, {"w": before[1:]}, {"w": before.astype(np.float64)}, {"w": 3}, {"v": before}):
        with pytest.raises(jans.CodingError, match=r"float32 \(50, 40\) was packed as its difference to a base. Pass"):
            jans.unpack(data, base=base)
    other = before.copy()
    other[3, 3] += 1
    with pytest.raises(jans.CodingError, match=r"packed with another base\. Pass the tree that jans.pack was given"):
        jans.unpack(data, base={"w": other})
    with pytest.raises(TypeError, match=r"tree has object at"):
        jans.pack({"w": after}, base={"w": object()})


@hypothesis.settings(max_examples=300 if cases.KERNELS else 3)
@given(st.integers(0, 10**6), st.integers(1, 4), st.data())
def test_made_up_blocks_do_no_harm(seed, changes, data):
    before, after = two_steps("bfloat16", (900,), 1e-2, seed)
    words, base = _arrays.words_of(after), _arrays.words_of(before)
    delta = _delta.plan(words, base, (8, 7))[0]()
    block = bytearray(b"".join(delta.encode(words, slice(0, 900))))
    for _ in range(changes):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    again = np.empty_like(words)
    try:
        delta.decode(memoryview(bytes(block[: data.draw(st.integers(0, len(block)))])), slice(0, 900), again)
    except jans.CodingError:
        return
    assert again.shape == words.shape


@given(st.binary(max_size=80))
def test_made_up_heads_are_errors(head):
    base = np.zeros(900, np.uint16)
    with pytest.raises(jans.CodingError):
        _delta.Delta.read(Reader(b"\x80\x80\x80\x80\x08" + head), base, (8, 7))


# ---- a file of a released version ----


def golden():
    """Arrays from integers alone, so that every version has the same."""
    words = (np.arange(3000, dtype=np.uint64) * 2654435761 % 2**32).astype(np.uint32)
    before = (words >> 18 | 0x3F00).astype(np.uint16)
    after = before + (words >> 13 & 7).astype(np.uint16) * (words >> 20 & 1).astype(np.uint16)
    some = words[:700] >> 5
    tree = {"floats": after.view(jnp.bfloat16), "integers": some.view(np.int32), "more": words[:9]}
    base = {"floats": before.view(jnp.bfloat16), "integers": (some + (words[700:1400] >> 17)).view(np.int32)}
    return tree, base


def test_golden_file():
    tree, base = golden()
    data = bytes.fromhex(json.loads(GOLDEN.read_text())["data"])
    methods = [leaf._method for leaf in jans.open(data, base=base).values()]
    assert methods == [_arrays.DELTA, _arrays.DELTA, _arrays.RAW]
    again = jans.unpack(data, base=base)
    assert {name: bits_of(array) for name, array in again.items()} == {k: bits_of(a) for k, a in tree.items()}
