"""Packed arrays and trees: every bit comes back, no byte string does harm, and files of released versions are read."""

import collections
import contextlib
import dataclasses
import functools
import itertools
import json
import math
import os
import subprocess
import sys
import zlib
from typing import NamedTuple

import cases
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT

import jans
from jans.archive import _arrays, _symbols
from jans.archive._wire import Reader, Writer
from jans.ffi import host

EXAMPLES = cases.examples(60) if cases.KERNELS else 5
DTYPES = [pytest.param(dtype, id=dtype.name) for dtype in _arrays.DTYPES]
LEVELS = pytest.mark.parametrize("level", ["fast", "small"])
FLOATS = [np.dtype(np.float32), np.dtype(jnp.bfloat16), np.dtype(np.float16), np.dtype(jnp.float8_e4m3fn)]


def assert_same(ours, theirs):
    """The same structure, types, dtypes, shapes, and bits."""
    if isinstance(ours, np.ndarray | np.generic):
        assert type(ours) is type(theirs)
        assert (ours.dtype, ours.shape, ours.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())
    elif isinstance(ours, dict):
        assert type(ours) is type(theirs)
        assert list(ours) == list(theirs)
        for key in ours:
            assert_same(ours[key], theirs[key])
    elif isinstance(ours, list | tuple):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other)
    else:
        assert type(ours) is type(theirs)
        assert repr(ours) == repr(theirs)


def round_trip(tree, level="fast"):
    data = jans.pack(tree, level)
    assert_same(jans.unpack(data), tree)
    return data


def bits(dtype, shape, seed=0):
    """Words of random bits."""
    size = math.prod(shape) * dtype.itemsize
    data = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    return (data % 2 if dtype.kind == "b" else data).view(dtype).reshape(shape)


# ---- arrays ----


@LEVELS
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_bit_pattern(dtype, level):
    """All of 8 and 16 bits, and a million of the others; as they come, and with more of one kind than of others."""
    if dtype.itemsize <= 2 and dtype.kind != "b":
        every = np.arange(256**dtype.itemsize, dtype=f"u{dtype.itemsize}")
        words = np.concatenate([every, np.repeat(every[3:90], 700)]).view(dtype)
    else:
        words = bits(dtype, (2**20 if cases.KERNELS else 2**12,))
    round_trip(words, level)
    round_trip(words[: len(words) // 64 * 64].reshape(-1, 64), level)


@LEVELS
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.name)
def test_floats_of_all_sizes(dtype, level):
    """Rows and columns of very different sizes, zeros, subnormal and infinite numbers, and NaN with payloads."""
    random = np.random.default_rng(1)
    sizes = np.exp2(random.uniform(-60, 60, (200, 1)) + random.uniform(-60, 60, (1, 120)))
    with np.errstate(all="ignore"):
        array = (random.normal(size=sizes.shape) * sizes).astype(dtype)
    array[3:5] = 0
    array[:, 7] = -0.0
    array.view(f"u{dtype.itemsize}")[50:60] = bits(np.dtype(f"u{dtype.itemsize}"), (10, 120))
    round_trip(array, level)
    round_trip(np.moveaxis(array.reshape(10, 20, 3, 40), 0, 2), level)
    every = np.arange(2 ** (8 * dtype.itemsize) - 1, 0, -(2 ** (8 * dtype.itemsize) // 150), dtype=f"u{dtype.itemsize}")
    round_trip(np.resize(every, (150, 150)).T.view(dtype), level)
    round_trip(np.resize(every, (3, 50, len(every))).view(dtype), level)


ARRAYS = {
    "normal": lambda r, n: r.normal(size=n).astype(np.float32),
    "rows": lambda r, n: (r.normal(size=(n // 50 + 1, 50)) * np.exp(r.normal(size=50))).astype(jnp.bfloat16),
    "cube": lambda r, n: r.standard_t(3, size=(3, n // 36 + 1, 12)).astype(np.float16),
    "constant": lambda r, n: np.full((n, 2), 1.5),
    "sparse": lambda r, n: np.where(r.random(n) < 0.1, r.normal(size=n), 0).astype(np.float32),
    "counts": lambda r, n: r.poisson(3, n).astype(np.int64) - 2,
    "steps": lambda r, n: np.arange(n, dtype=np.int32) * 3 - 7,
    "tokens": lambda r, n: r.zipf(1.3, n).clip(max=50_000).astype(np.uint16),
    "bools": lambda r, n: r.random((n, 1)) < 0.2,
    "narrow": lambda r, n: r.normal(size=n).astype(jnp.bfloat16).astype(np.float32),
    "complex": lambda r, n: (r.normal(size=n) + 1j * r.normal(size=n)).astype(np.complex64),
    "nibbles": lambda r, n: r.integers(-3, 4, n).astype(jnp.int4),
    "noise": lambda r, n: r.integers(0, 256, n, np.uint8),
    "double": lambda r, n: r.normal(size=(n // 4 + 1, 4)),
}


@LEVELS
@pytest.mark.parametrize("n", [0, 1, 2, 63, 64, 65, 999, 5000, 2**18 - 1, 2**18 + 70])
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_all_lengths(name, n, level):
    if n > 5000 and not cases.KERNELS:
        n = 6000
    array = np.asarray(ARRAYS[name](np.random.default_rng(n), n))
    data = round_trip(array, level)
    assert len(data) <= 1.001 * array.nbytes + 64


def test_what_levels_find():
    """About what is known of these: exponents, scales of rows and columns, and neighbours."""
    random = np.random.default_rng(0)
    normal = random.normal(size=(500, 400)).astype(jnp.bfloat16)
    assert len(jans.pack(normal)) < 0.665 * normal.nbytes
    scaled = (random.normal(size=(500, 400)) * np.exp(2 * random.normal(size=400))).astype(jnp.bfloat16)
    assert len(jans.pack(scaled, "small")) < 0.66 * scaled.nbytes < 0.7 * scaled.nbytes < len(jans.pack(scaled))
    assert len(jans.pack(np.arange(10**5), "small")) < 400
    assert len(jans.pack(np.zeros((1000, 1000)))) < 64


@pytest.mark.parametrize("view", ["read-only", "Fortran", "strided", "big-endian", "jax", "aligned on 1"])
def test_input_is_only_read(view):
    array = np.random.default_rng(0).normal(size=(70, 90)).astype(np.float32)
    before = array.copy()
    packed = {
        "read-only": lambda: array.view(),
        "Fortran": lambda: np.asfortranarray(array),
        "strided": lambda: np.repeat(np.repeat(array, 2, 0), 3, 1)[::2, ::3],
        "big-endian": lambda: array.astype(">f4"),
        "jax": lambda: jnp.asarray(array),
        "aligned on 1": lambda: np.frombuffer(b"x" + array.tobytes(), np.uint8)[1:].view(np.float32).reshape(70, 90),
    }[view]()
    if isinstance(packed, np.ndarray):
        packed.flags.writeable = False
    for level in ("fast", "small"):
        assert_same(jans.unpack(jans.pack(packed, level)), before)
    assert (np.asarray(packed) == before).all()


def test_bytes_do_not_depend_on_the_kernel():
    """Plain JAX writes the same bytes, and reads them."""
    code = "import sys; sys.path.insert(0, 'tests'); from archive import test_packing as t; print(t.digest())"
    printed = [
        subprocess.run(
            [sys.executable, "-P", "-c", code], cwd=ROOT, check=True, capture_output=True, text=True,
            env={**os.environ, "JANS_KERNELS": kernels, "JANS_SIMD": "none", "JAX_PLATFORMS": "cpu"},
        ).stdout
        for kernels in ("0", "1")
    ]  # fmt: skip
    assert printed == [f"{digest()}\n"] * 2


def digest():
    """A number that stands for packed arrays of all kinds."""
    arrays = {name: np.asarray(make(np.random.default_rng(3), 3000)) for name, make in ARRAYS.items()}
    return jans.fingerprint([np.frombuffer(round_trip(arrays, level), np.uint8) for level in ("fast", "small")])


# ---- trees ----


class Point(NamedTuple):
    x: np.ndarray
    y: int


@dataclasses.dataclass
class Settings:
    rate: float
    name: str


@dataclasses.dataclass
class Strict:
    rate: float = 0.0

    def __post_init__(self):
        raise ValueError("no rate")


@functools.partial(jax.tree_util.register_dataclass, data_fields=["weights"], meta_fields=["size"])
@dataclasses.dataclass
class Layer:
    weights: jax.Array
    size: int = 4


leaf = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.complex_numbers(), st.text(max_size=5),
    st.binary(max_size=5), st.sampled_from([np.float32(2.5), np.int8(-3), np.bool_(True), np.zeros((2, 0))]),
    st.integers(0, 80).map(lambda n: bits(np.dtype(np.uint16), (n,))),
)  # fmt: skip
trees = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=4), st.integers(-5, 300)), inner, max_size=3),
    ),
    max_leaves=12,
)


@hypothesis.settings(max_examples=EXAMPLES)
@given(trees)
def test_trees(tree):
    round_trip(tree)


def test_objects():
    tree = {"point": Point(np.arange(3), 5), "settings": Settings(0.5, "adam"), "layer": Layer(jnp.ones(4))}
    data = jans.pack(tree)
    assert list(jans.open(data)) == ["point/x", "point/y", "settings/rate", "settings/name", "layer/weights"]
    with pytest.raises(jans.CodingError, match="class Layer has the fields weights, size, and weights was packed"):
        jans.unpack(data, types=[Point, Settings, Layer])
    layer = {"layer": tree.pop("layer")}
    assert jans.unpack(jans.pack(layer), like=layer)["layer"].size == 4
    data = jans.pack(tree)
    found = jans.unpack(data, types=[Point, Settings])
    assert found["point"].y == 5
    assert found["settings"] == tree["settings"]
    with pytest.raises(jans.CodingError, match=r"the class 'Point' at 'point'. Pass types=\[Point\]"):
        jans.unpack(data)
    other = collections.namedtuple("Point", "x")
    with pytest.raises(jans.CodingError, match="class Point has the fields x, and x, y was packed"):
        jans.unpack(data, types=[other, Settings])
    ordered = jans.pack(collections.OrderedDict(a=1))
    with pytest.raises(jans.CodingError, match="fields of no named tuple and no dataclass, and a was packed"):
        jans.unpack(ordered, types=[collections.OrderedDict])
    assert type(jans.unpack(ordered, like=collections.OrderedDict(a=0))) is collections.OrderedDict
    strict = object.__new__(Strict)
    with pytest.raises(jans.CodingError, match="the class Strict refuses what was packed: no rate"):
        jans.unpack(jans.pack(strict), types=[Strict])


def test_like():
    """Containers of any class come back from a tree of the same structure."""
    optax, nnx = pytest.importorskip("optax"), pytest.importorskip("flax.nnx")
    model = nnx.Linear(3, 5, rngs=nnx.Rngs(0))
    parameters = nnx.state(model)
    optimiser = optax.adamw(1e-3)
    state = {"model": parameters, "optimiser": optimiser.init(nnx.to_pure_dict(parameters)), "step": 7}
    data = jans.pack(state, "small")
    blank = jax.tree.map(lambda part: part * 0, state)
    found = jans.unpack(data, like=blank)
    assert jax.tree.structure(found) == jax.tree.structure(state)
    assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(state), strict=True))
    with pytest.raises(jans.CodingError, match="these bytes have no leaf 'other', but like has one"):
        jans.unpack(data, like={"other": 1})
    with pytest.raises(jans.CodingError, match=r"has shape \(3, 5\), and \(4,\) in like"):
        jans.unpack(jans.pack({"kernel": np.zeros((3, 5))}), like={"kernel": np.zeros(4)})
    scalar = jans.unpack(jans.pack({"a": np.float32(2)}), like={"a": np.float32(0)})
    assert_same(scalar, {"a": np.float32(2)})
    with pytest.raises(jans.CodingError, match="like has no leaf 'bias', but these bytes have one"):
        jans.unpack(jans.pack({"kernel": 1, "bias": 2, "none": None}), like={"kernel": 1})


# ---- parts ----


def test_parts(tmp_path):
    big = np.random.default_rng(0).normal(size=(3000, 200)).astype(np.float32)
    path = tmp_path / "weights.jans"
    path.write_bytes(jans.pack({"layer": {"kernel": big, "bias": np.arange(5)}, "names": ["a"]}, "small"))
    archive = jans.open(path)
    assert (list(archive), len(archive)) == (["layer/kernel", "layer/bias", "names/0"], 3)
    assert archive["names/0"] == "a"
    kernel = archive["layer/kernel"]
    assert (kernel.shape, kernel.dtype, kernel.nbytes) == (big.shape, big.dtype, big.nbytes)
    for index in (
        (),
        0,
        -1,
        2999,
        slice(5, 9),
        slice(None),
        slice(2900, 100, -7),
        slice(3, 3),
        (slice(1200, 1400), 5),
        ...,
    ):
        assert_same(np.asarray(kernel[index]), np.asarray(big[index]))
    assert_same(np.asarray(kernel), big)
    assert_same(kernel[..., 3], big[..., 3])
    with pytest.raises(IndexError, match="row 3000 of an array with 3000"):
        kernel[3000]
    with pytest.raises(KeyError, match=r"no leaf 'kernel'\. There are 'layer/kernel', 'layer/bias', 'names/0'"):
        archive["kernel"]
    assert_same(jans.unpack(path)["layer"]["kernel"], big)


def test_a_part_reads_only_its_blocks():
    big = np.random.default_rng(0).normal(size=(4000, 200)).astype(np.float32)
    data = bytearray(jans.pack(big))
    data[-10] ^= 1
    leaf = jans.open(data)[""]
    assert_same(leaf[:10], big[:10])
    with pytest.raises(jans.CodingError, match="a checksum does not match"):
        leaf[3990:]


def test_paths_are_unique():
    tree = {"a/b": 1, "a": {"b": 2}, "~c": 3, 5: 4}
    archive = jans.open(jans.pack(tree))
    assert dict(archive) == {"a~1b": 1, "a/b": 2, "~0c": 3, "5": 4}
    assert archive.tree() == tree
    del tree[5]
    assert jans.unpack(jans.pack(tree), like=tree) == tree


def test_a_file_that_becomes_shorter(tmp_path):
    """Another program may cut a file while it is open."""
    path = tmp_path / "weights.jans"
    path.write_bytes(jans.pack(bits(np.dtype(np.uint8), (10**6,))))
    leaf = jans.open(path)[""]
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(jans.CodingError, match="damaged: a checksum does not match"):
        leaf[...]


# ---- errors ----


def deep(levels):
    tree = 1
    for _ in range(levels):
        tree = [tree]
    return tree


class Unknown:
    pass


ERRORS = {
    "objects": (lambda: jans.pack({"a": np.array([None])}), TypeError, "an array of object at 'a'"),
    "strings": (lambda: jans.pack([np.array(["x"])]), TypeError, "an array of <U1 at '0'. Convert it to numbers"),
    "a key": (lambda: jans.pack(jax.random.key(0)), TypeError, "a key at ''. Pack jax.random.key_data"),
    "an object": (lambda: jans.pack({"a": [Unknown()]}), TypeError, "Unknown at 'a/0', which is no array"),
    "a key of a dict": (
        lambda: jans.pack({(1, 2): 3}),
        TypeError,
        "must be strings or integers of 64 bits, got tuple at",
    ),
    "a level": (lambda: jans.pack(1, "tiny"), ValueError, "level must be one of fast, small, got 'tiny'"),
    "too deep": (lambda: jans.pack(deep(200)), ValueError, "more than 100 containers in each other, at '0/0/0/0'"),
    "a long integer": (lambda: jans.pack([1 << 5000]), ValueError, "an integer of 5001 bits at '0'"),
    "a name twice": (lambda: jans.pack({1: 2, "1": 3}), ValueError, "at '' has an integer and its digits as keys"),
    "parts of one name": (
        lambda: jans.pack([collections.OrderedDict([(1, 2), ("1", 3)])]),
        ValueError,
        "OrderedDict at '0' has parts of one name",
    ),
    "a wide key": (lambda: jans.pack({2**80: 1}), TypeError, "must be strings or integers of 64 bits, got int at ''"),
    "many axes": (lambda: jans.pack(np.zeros((1,) * 33)), ValueError, "an array of 33 axes; 32 are the most"),
    "a shape of like": (
        lambda: jans.unpack(jans.pack({"a": 5}), like={"a": np.zeros(3)}),
        jans.CodingError,
        r"what is packed at 'a' has shape \(\), and \(3,\) in like",
    ),
    "a negative limit": (lambda: jans.unpack(jans.pack(1), limit=-1), ValueError, "limit must be 0 or more, got -1"),
    "masked": (lambda: jans.pack([np.ma.zeros(3)]), TypeError, "a masked array at '0'. Pack its data and its mask"),
    "traced": (lambda: jax.jit(jans.pack)(jnp.ones(3)), TypeError, "a traced array at ''. Pack outside of jit"),
    "foreign": (lambda: jans.unpack(b"PK\3\4 and more"), jans.CodingError, "not from jans.pack: they begin with b'PK"),
    "nothing": (lambda: jans.unpack(b""), jans.CodingError, "not from jans.pack"),
    "later": (lambda: jans.unpack(b"JANP\2rest"), jans.CodingError, "version 2; this jans reads version 1. Update"),
    "longer": (
        lambda: jans.unpack(jans.pack(1) + b"x"),
        jans.CodingError,
        "longer than they should be: 12 are needed, 13",
    ),
    "no bytes": (lambda: jans.unpack(5), TypeError, "data must be bytes, got int"),
    "a limit": (
        lambda: jans.unpack(jans.pack(np.zeros(10**9, np.int8)), limit=10**6),
        jans.CodingError,
        "arrays of 1000000000 bytes, more than the limit of 1000000. Pass limit=1000000000 if",
    ),
    "a short file": (
        lambda: jans.open(jans.pack([np.zeros(2**20)] * 160)),
        jans.CodingError,
        "arrays of 1342177280 bytes, more than the limit of 10[78]",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    call, error, text = ERRORS[name]
    with pytest.raises(error, match=text):
        call()


# ---- hostile bytes ----


def some_trees():
    random = np.random.default_rng(0)
    return {name: np.asarray(make(random, 700)) for name, make in ARRAYS.items()} | {"more": [1, "x", None, (2.5,)]}


@LEVELS
def test_cut_and_changed_bytes_are_errors(level):
    data = jans.pack(some_trees(), level)
    random = np.random.default_rng(1)
    for length in (*range(40), *random.integers(40, len(data), 60)):
        with pytest.raises(jans.CodingError):
            jans.unpack(data[:length])
    for place in (*range(60), *random.integers(0, len(data), 200)):
        other = bytearray(data)
        other[place] ^= 1 << random.integers(8)
        with pytest.raises(jans.CodingError):
            jans.unpack(other)


@hypothesis.settings(max_examples=10 * EXAMPLES if cases.KERNELS else 3)
@given(st.sampled_from(sorted(ARRAYS)), st.sampled_from([False, True]), st.data())
def test_made_up_blocks_do_no_harm(name, small, data):
    """With a checksum that fits, too: an array of the same shape, or an error."""
    array = np.asarray(ARRAYS[name](np.random.default_rng(0), 900))
    packed, parts = _arrays.pack(array, small), Writer()
    _arrays.write(parts, packed)
    made_up = bytearray(parts.data)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(made_up), 300) - 1))
        made_up[place] = data.draw(st.integers(0, 255))
    shape = data.draw(st.sampled_from([array.shape, array.shape[::-1], (*array.shape, 1), (17,)]))
    try:
        found = _arrays.read(Reader(bytes(made_up)), array.dtype, shape)
    except jans.CodingError:
        return
    assert (found.dtype, found.shape) == (array.dtype, shape)


@pytest.mark.parametrize("method", range(7))
@pytest.mark.parametrize("length", [2**30, 2**50])
def test_long_arrays_of_nothing(method, length):
    """Much is claimed, and nothing is there: an error before much memory is taken."""
    heads = (b"", b"\0" * 9, b"\2\1\0\0\1" * 3, b"\xff" * 7 + b"\0" * 9)
    for head, dtype in itertools.product(heads, (np.dtype(np.uint16), np.dtype(jnp.bfloat16))):
        with pytest.raises(jans.CodingError):
            _arrays.Unpacked(method, memoryview(head), dtype, (length,)).check_blocks(1)


def archive_of(header):
    """An archive with a header of these bytes, whose checksum fits."""
    front = Writer()
    front.data += b"JANP"
    front.number(1).sized(header).data.extend(zlib.crc32(header).to_bytes(4, "little"))
    return bytes(front.data)


@hypothesis.settings(max_examples=5 * EXAMPLES)
@given(st.binary(max_size=60), st.sampled_from([0, 5, 20]))
def test_any_header_is_an_error_or_a_tree(body, kept):
    header = jans.pack([1, {"a": np.zeros(3)}, "x"])[6:-8][:kept] + body
    with contextlib.suppress(jans.CodingError):
        jans.unpack(archive_of(header), limit=10**6)


def test_made_up_structures():
    """What no writer writes, and what would take long, or much memory, before it is noticed."""
    empty = (0).to_bytes(4, "little")
    shape = Writer().number(12).number(10).number(2).number(0).number(2**62 - 1).number(0).number(0).number(0)
    paths = Writer().number(10).number(1).number(6).text("k" * 30_000).number(8).number(30_000)
    twice = Writer().number(10).number(2)
    for key in (1, 1):
        twice.number(3).signed(key).number(0)
    made_up = {
        "an array of shape": bytes(shape.data) + empty,
        "paths of more than": bytes(paths.data) + b"\0" * 30_000,
        "a name twice": bytes(twice.data),
        "more than 100 containers": b"\x08\1" * 200 + b"\0",
        "a number of": bytes(Writer().number(10).number(1).number(3).signed(2**90).number(0).data),
    }
    for text, header in made_up.items():
        with pytest.raises(jans.CodingError, match=text):
            jans.unpack(archive_of(header))
    nested = Writer().number(_arrays.SPARSE).sized(b"").number(0)
    with pytest.raises(jans.CodingError, match="a sparse array within a sparse array"):
        _arrays.read(Reader(bytes(nested.data)), np.dtype(np.float32), (3,))
    scales = Writer().number(3).number(700).signed(0).number(0)
    with pytest.raises(jans.CodingError, match="the scales are not those of the floats"):
        _arrays.Unpacked(_arrays.SCALED, memoryview(scales.data), np.dtype(np.float32), (1000,))


# ---- tables ----


@given(st.lists(st.integers(0, 10**6), min_size=256, max_size=256), st.integers(0, 200), st.sampled_from([12, 14]))
def test_tables_fit(counts, zeros, precision):
    counts = np.array([counts], np.int64)
    counts[:, :zeros] = 0
    table = _symbols.fit(counts, precision)
    assert table.frequencies.sum() == 2**precision
    assert ((table.frequencies > 0) == (counts > 0)).all() or not counts.any()
    writer = Writer()
    table.write(writer)
    again = _symbols.Table.read(Reader(bytes(writer.data)), 1, precision)
    assert (again.frequencies == table.frequencies).all()
    shares = counts / max(counts.sum(), 1)
    entropy = -(counts * np.log2(np.where(shares > 0, shares, 1))).sum()
    # At most what frequencies of at least one take from the others.
    assert table.bits(counts) <= entropy + 0.1 * counts.sum() + 1


# ---- files of released versions ----


def golden_trees():
    """Trees from integers alone, so that every version has the same."""
    words = (np.arange(3000, dtype=np.uint64) * 2654435761 % 2**32).astype(np.uint32)
    bell = sum(words >> shift & 255 for shift in (0, 8, 16, 24)).astype(np.float32) - 510
    rows = (bell.reshape(60, 50) * 2.0 ** np.arange(50)).astype(jnp.bfloat16)
    return {
        "floats": bell[:900],
        "ranked": (words >> 9 & 0x801F | 0x3F80).astype(np.uint16)[:700].view(jnp.bfloat16),
        "rows": rows[:30],
        "given": ((words >> 30) * 296 + (words >> 24 & 15)).astype(np.uint16)[:2000],
        "sparse": np.where(words % 16 == 0, bell, 0).astype(np.float32)[:1000],
        "grid": (np.arange(900) // 9 + (words[:900] >> 29)).astype(np.uint8).reshape(20, 15, 3),
        "multiples": (np.arange(900) // 9 + (words[:900] >> 29)).astype(np.float32).reshape(30, 30) / np.float32(255),
        "planes": (words >> 24 | (words >> 20 & words >> 22 & 3) << 16)[:2000],
        "bytes": (words >> 28).astype(np.uint8)[:400],
        "constant": np.full((9, 9), -1.5),
        "raw": words[:20],
        "tree": [None, True, -5, 2.5, 1j, "text", b"bytes", (np.float16(3),), {1: "one"}],
    }


GOLDEN = ROOT / "tests" / "vectors" / "packed.json"


@LEVELS
def test_golden_files(level):
    """What an earlier version wrote is read."""
    assert_same(jans.unpack(bytes.fromhex(json.loads(GOLDEN.read_text())[level])), golden_trees())


def test_golden_files_have_all_methods():
    """Each way to keep an array, and each way to keep a plane of bytes."""
    methods, modes = set(), set()
    for level in ("fast", "small"):
        for leaf in jans.open(bytes.fromhex(json.loads(GOLDEN.read_text())[level])).values():
            if hasattr(leaf, "stored"):
                found = leaf._open()
                methods.add(found.method)
                modes |= {plane.mode for plane in getattr(found._coder, "planes", ())}
    assert methods == set(range(7))
    assert modes == set(range(4))


@pytest.mark.parametrize("level", ["fast", "small"])
def test_threads_change_nothing(level, monkeypatch):
    random = np.random.default_rng(5)
    tree = {
        "floats": random.normal(size=(1200, 1100)).astype(np.float32),
        "tokens": random.zipf(1.3, size=1_200_000).astype(np.uint16),
        "steps": np.cumsum(random.integers(-9, 10, (1100, 1100)), axis=1, dtype=np.int32),
        "sparse": np.where(random.random(1_300_000) < 0.9, 0, random.normal(size=1_300_000)).astype(np.float32),
    }
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(host, "threads", lambda threads=threads: threads)
        found.append(jans.pack(tree, level))
        assert_same(jans.unpack(found[0]), tree)
    assert found[0] == found[1]
