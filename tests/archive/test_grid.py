"""Arrays that are predicted from their neighbours, and distances as symbols and bits."""

import cases
import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jans
from jans.archive import _arrays, _distances, _grid, _symbols
from jans.archive._wire import Reader, Writer
from jans.ffi import host
from jans.reference.jax import fields

WORDS = [np.dtype(f"u{size}") for size in (1, 2, 4, 8)]
words_of_all_sizes = pytest.mark.parametrize("dtype", WORDS, ids=str)
EXAMPLES = 200 if cases.KERNELS else 10


def any_words(draw, shape, dtype):
    """Words whose lengths differ."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    bits = 8 * dtype.itemsize
    words = rng.integers(0, 2**bits, shape, dtype) if bits < 64 else rng.integers(0, 2**64, shape, np.uint64)
    return (words >> rng.integers(0, bits, shape).astype(dtype)).astype(dtype)


# ---- distances ----


@words_of_all_sizes
@hypothesis.settings(max_examples=EXAMPLES)
@given(st.data())
def test_distances_come_back(dtype, data):
    distances = any_words(data.draw, data.draw(st.integers(1, 99)), dtype)
    symbols, rest = _distances.split(distances)
    counts = _symbols.count(symbols)
    table = _symbols.fit(counts, _distances.PRECISION)
    coder, again = _distances.Coder(table), np.empty_like(distances)
    coder.decode(memoryview(b"".join(coder.encode(distances))), again)
    assert again.tolist() == distances.tolist()
    if dtype.itemsize > 1:
        lengths = [int(d).bit_length() for d in distances]
        below = [max(length, 3) - 3 for length in lengths]
        assert symbols.tolist() == [4 * b + (int(d) >> b) for d, b in zip(distances, below, strict=True)]
        assert len(rest) == -(-sum(below) // 8)


def test_a_distance_that_is_too_long_is_an_error():
    table = _symbols.fit(np.eye(1, 256, 60, dtype=np.int64) + np.eye(1, 256, 61, dtype=np.int64), _distances.PRECISION)
    coder = _distances.Coder(table)
    data = b"".join(coder.join(np.array([60, 61], np.uint8), np.zeros(9, np.uint8)))
    with pytest.raises(jans.CodingError, match="a distance that is longer than a word"):
        coder.decode(memoryview(data), np.empty(2, np.uint16))


# ---- prediction ----


def slow_split(words, channels, predictor, order, mixed):
    """The definition, in Python integers."""
    height, width = words.shape
    bits = 8 * words.itemsize
    half, ones = 1 << (bits - 1), (1 << bits) - 1

    def number(word):
        word = int(word)
        if order == _grid.FLOAT:
            return word ^ ones if word & half else word ^ half
        return word ^ half if order == _grid.SIGNED else word

    numbers = [[number(word) for word in row] for row in words]
    distances = []
    for r in range(height):
        before = 0
        for c in range(width):
            inside, below = c >= channels, r > 0
            left = numbers[r][c - channels] if inside else 0
            up = numbers[r - 1][c] if below else 0
            corner = numbers[r - 1][c - channels] if inside and below else 0
            plane = left + up - corner & ones
            slope = 2 * left - numbers[r][c - 2 * channels] if c >= 2 * channels else left
            median = sorted([left, up, left + up - corner])[1]
            guess = [0, left, up, plane, median, (left + up) // 2, slope][predictor]
            if predictor != _grid.NONE and not (inside and (below or predictor == _grid.SLOPE)):
                guess = left if inside else up
            error = numbers[r][c] - guess
            step = error - before if mixed and c % channels else error
            before = error
            step &= ones
            distances.append(((step << 1) & ones) ^ (ones if step & half else 0))
    return distances


@words_of_all_sizes
@hypothesis.settings(max_examples=EXAMPLES)
@given(st.data())
def test_grids(dtype, data):
    shape = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 9))
    words = any_words(data.draw, shape, dtype)
    numbers = {"channels": data.draw(st.integers(1, 4)), "predictor": data.draw(st.integers(0, 6))}
    numbers |= {"order": data.draw(st.integers(0, 2)), "mixed": data.draw(st.integers(0, 1))}
    (distances,) = host.call("grid_split", words, **numbers, dtype=dtype)
    assert distances.ravel().tolist() == slow_split(words, **numbers)
    (again,) = host.call("grid_merge", distances, **numbers, dtype=dtype)
    assert again.tolist() == words.tolist()


def test_plain_jax_merges_too():
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        for dtype in WORDS:
            words = rng.integers(0, 2 ** (8 * dtype.itemsize - 1), (5, 7)).astype(dtype)
            numbers = {"channels": 2, "predictor": 4, "order": 2, "mixed": 1}
            (distances,) = fields.grid_split(words, **numbers, dtype=dtype)
            assert (np.asarray(fields.grid_merge(distances, **numbers, dtype=dtype)[0]) == words).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((10,), (0, 1)),
        ((1, 10), (0, 1)),
        ((7, 10), (10, 1)),
        ((7, 10, 3), (30, 3)),
        ((7, 10, 5), (5, 1)),
        ((10, 3), (0, 3)),
        ((2, 3, 7, 10), (10, 1)),
        ((2, 2**19), (0, 1)),
    ],
)
def test_geometry(shape, expected):
    assert _grid.geometry_of(shape) == expected


# ---- arrays ----


def picture(*shape):
    """A smooth picture with some noise."""
    rng = np.random.default_rng(0)
    rows, columns, *channels = np.indices(shape)
    light = 128 + 60 * np.sin(rows / 9) * np.cos(columns / 13) + 5 * (channels[0] if channels else 0)
    return np.clip(light + rng.normal(size=shape[:2]).reshape(*shape[:2], *[1] * len(channels)), 0, 255)


def packed(array, level="fast"):
    data = jans.pack(array, level)
    assert jans.unpack(data).tobytes() == array.tobytes()
    return data


@pytest.mark.parametrize("level", ["fast", "small"])
@pytest.mark.parametrize("shape", [(64, 80), (40, 50, 3), (40, 50, 4)])
def test_pictures(shape, level):
    array = picture(*shape).astype(np.uint8)
    data = packed(array, level)
    assert jans.open(data)[""]._method == _arrays.GRID
    assert len(data) < 0.45 * array.nbytes
    for scaled in (array.astype(np.float32) / np.float32(255), array / 255, array.astype(np.float16), array / 1000):
        assert len(packed(scaled, level)) < 1.1 * len(data) + 200
    for other in (array.astype(np.int16) - 100, array.astype(np.int32) * 2, array.astype(np.uint64)):
        assert len(packed(other, level)) < 1.3 * len(data) + 200


def test_fields_of_floats():
    field = 280 + picture(70, 90).astype(np.float32) / 7
    assert len(packed(field)) < 0.75 * field.nbytes
    series = np.cumsum(np.random.default_rng(0).normal(size=5000))
    assert len(packed(series)) < 0.9 * series.nbytes
    assert len(packed(np.arange(0, 10**6, 7))) < 2000
    pairs = np.exp(1j * np.linspace(0, 9, 4000)).astype(np.complex64)
    assert len(packed(pairs)) < 0.6 * pairs.nbytes


def test_weights_are_not_predicted():
    weights = np.random.default_rng(0).normal(size=(100, 90)).astype(np.float32)
    assert jans.open(packed(weights))[""]._method != _arrays.GRID


def test_zeros_with_a_sign_and_nan_are_no_multiples():
    for value in (-0.0, np.nan, np.inf, 2.0**40, 1e-20):
        array = picture(30, 40).astype(np.uint8) / np.float32(255)
        array[3, 4] = value
        packed(array)


def test_rows_are_read_alone():
    array = picture(3000, 300).astype(np.uint8)
    leaf = jans.open(jans.pack(array))[""]
    assert leaf._method == _arrays.GRID
    for rows in (slice(0, 1), slice(870, 880), slice(2999, 3000), slice(5, 2000, 3)):
        assert (leaf[rows] == array[rows]).all()
    assert len(leaf.places(slice(0, 1))) == 2


@hypothesis.settings(max_examples=EXAMPLES)
@given(st.data())
def test_any_shape(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=4)))
    dtype = data.draw(st.sampled_from([d for d in _arrays.DTYPES if d.kind in "iuf"]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    array = np.cumsum(rng.integers(-3, 9, shape), axis=-1).astype(dtype)
    packed(array, data.draw(st.sampled_from(["fast", "small"])))


@hypothesis.settings(max_examples=EXAMPLES)
@given(st.data())
def test_made_up_grids_do_no_harm(data):
    array = picture(20, 30).astype(np.uint8)
    if data.draw(st.booleans()):
        array = array / np.float32(255)
    parts = Writer()
    _arrays.write(parts, _arrays.pack(array, small=False))
    made_up = bytearray(parts.data)
    for _ in range(data.draw(st.integers(1, 4))):
        made_up[data.draw(st.integers(0, min(len(made_up), 60) - 1))] = data.draw(st.integers(0, 255))
    dtype = data.draw(st.sampled_from([array.dtype, np.dtype(np.int16), np.dtype(np.float64)]))
    try:
        found = _arrays.read(Reader(bytes(made_up)), dtype, array.shape)
    except jans.CodingError:
        return
    assert (found.dtype, found.shape) == (dtype, array.shape)
