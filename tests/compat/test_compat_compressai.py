"""CompressAI's entropy coder: bytes that the package wrote, and calls that crash or hang there."""

import importlib
import json

import cases
import hypothesis
import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest
from places import VECTORS as FOLDER
from vectors import compressai as generator

import jans
from jans.compat import compressai as ours

FILE = FOLDER / "compressai.json"
VECTORS = json.loads(FILE.read_text())
CDFS, SIZES, OFFSETS = [[0, 30000, 60000, 65536], [0, 1, 2, 3, 65535, 65536]], [4, 6], [0, -2]
TABLE = CDFS, SIZES, OFFSETS


def package():
    """CompressAI's modules, where they are installed."""
    try:
        return importlib.import_module("compressai.ans"), importlib.import_module("compressai._CXX")
    except ImportError:
        pytest.skip("the package compressai is not installed")


# ---- what the package wrote ----


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda v: f"{len(v['calls'])} calls")
def test_message(vector):
    table = vector["cdfs"], vector["sizes"], vector["offsets"]
    encoder = ours.BufferedRansEncoder()
    for call in vector["calls"]:
        assert encoder.encode_with_indexes(call["symbols"], call["indexes"], *table) is None
    data = encoder.flush()
    assert data.hex() == vector["bytes"]
    decoder = ours.RansDecoder()
    decoder.set_stream(data)
    for call in vector["calls"]:
        assert decoder.decode_stream(call["indexes"], *table) == call["symbols"]
    symbols, indexes = ([v for call in vector["calls"] for v in call[name]] for name in ("symbols", "indexes"))
    assert ours.RansEncoder().encode_with_indexes(symbols, indexes, *table) == data
    assert ours.RansDecoder().decode_with_indexes(data, indexes, *table) == symbols


@pytest.mark.parametrize("vector", VECTORS["pmfs"], ids=lambda v: f"{len(v['pmf'])}-{v['precision']}")
def test_pmf(vector):
    cdf = ours.pmf_to_quantized_cdf(vector["pmf"], vector["precision"])
    assert cdf == vector["cdf"]
    assert all(type(value) is int for value in cdf)


def test_the_file_is_what_the_package_writes():
    package()
    assert FILE.read_text() == generator.document()


@hypothesis.settings(max_examples=cases.examples(40) if cases.KERNELS else 5)
@hypothesis.given(seed=st.integers(0, 2**32 - 1))
def test_as_the_package(seed):
    ans, cxx = package()
    random = np.random.default_rng(seed)
    pmfs = [random.dirichlet(np.full(random.integers(2, 40), 0.3)).astype(np.float32) for _ in range(4)]
    cdfs = [ours.pmf_to_quantized_cdf(pmf, 16) for pmf in pmfs]
    assert cdfs == [cxx.pmf_to_quantized_cdf(pmf.tolist(), 16) for pmf in pmfs]
    sizes, offsets = [len(cdf) for cdf in cdfs], random.integers(-30, 30, 4).tolist()
    encoders = ours.BufferedRansEncoder(), ans.BufferedRansEncoder()
    calls = []
    for n in (2, *random.integers(1, 60, 3)):
        indexes = random.integers(0, 4, n)
        symbols = random.integers(0, np.array(sizes)[indexes]) + np.array(offsets)[indexes]
        far = (random.integers(-1, 2, n) * 2.0 ** random.integers(0, 27, n)).astype(int)
        symbols = np.where(random.random(n) < 0.2, far, symbols)
        calls.append((symbols.tolist(), indexes.tolist()))
        for encoder in encoders:
            encoder.encode_with_indexes(*calls[-1], cdfs, sizes, offsets)
    data = encoders[0].flush()
    assert data == encoders[1].flush()
    for decoder in (ours.RansDecoder(), ans.RansDecoder()):
        decoder.set_stream(data)
        for symbols, indexes in calls:
            assert decoder.decode_stream(indexes, cdfs, sizes, offsets) == symbols


# ---- what comes back ----


@hypothesis.settings(max_examples=cases.examples(25) if cases.KERNELS else 4)
@hypothesis.given(data=st.data())
def test_what_was_encoded_is_decoded(data):
    far = st.sampled_from([-(2**31), 2**31 - 1, 2**30, 2**27 + 8, -(2**28)])
    one = st.tuples(st.one_of(st.integers(-4, 5), far), st.integers(0, 1))
    places = data.draw(st.lists(one, max_size=50))
    symbols, indexes = ([place[k] for place in places] for k in range(2))
    encoded = ours.RansEncoder().encode_with_indexes(symbols, indexes, *TABLE)
    assert ours.RansDecoder().decode_with_indexes(encoded, indexes, *TABLE) == symbols


def test_many_symbols_far_from_their_rows():
    symbols = np.random.default_rng(0).integers(-(2**31), 2**31, 500)
    data = ours.RansEncoder().encode_with_indexes(symbols, symbols % 2, *TABLE)
    assert len(data) > 500 * 4
    assert (ours.RansDecoder().decode_with_indexes(data, symbols % 2, *TABLE) == symbols).all()


def test_arrays_for_lists():
    symbols, indexes = [0, 1, -2, 70], [0, 0, 1, 1]
    expected = ours.RansEncoder().encode_with_indexes(symbols, indexes, *TABLE)
    padded = np.array([[0, 30000, 60000, 65536, 0, 0], CDFS[1]])
    for array in (np.array, jnp.array, lambda values: np.array(values, np.int64)):
        table = array(padded), array(SIZES), array(OFFSETS)
        assert ours.RansEncoder().encode_with_indexes(array(symbols), array(indexes), *table) == expected
        decoded = ours.RansDecoder().decode_with_indexes(expected, array(indexes), *table)
        assert isinstance(decoded, np.ndarray)
        assert decoded.dtype == np.int32
        assert decoded.tolist() == symbols
    rows = [np.array(row) for row in CDFS], tuple(SIZES), tuple(OFFSETS)
    assert ours.RansEncoder().encode_with_indexes(tuple(symbols), indexes, *rows) == expected
    assert ours.RansEncoder().encode_with_indexes(symbols, indexes, tuple(CDFS), SIZES, OFFSETS) == expected
    assert ours.RansDecoder().decode_with_indexes(expected, tuple(indexes), *rows) == symbols
    padded[0, 4:] = 9  # what is behind a row is not looked at
    assert ours.RansEncoder().encode_with_indexes(symbols, indexes, padded, SIZES, OFFSETS) == expected


def test_nothing_to_encode():
    assert ours.BufferedRansEncoder().flush() == bytes.fromhex("0000008000000000")
    data = ours.RansEncoder().encode_with_indexes([], [], *TABLE)
    assert data == bytes.fromhex("0000008000000000")
    assert ours.RansDecoder().decode_with_indexes(data, [], *TABLE) == []
    one = ours.RansEncoder().encode_with_indexes([1], [0], *TABLE)
    assert ours.RansDecoder().decode_with_indexes(one, [0], *TABLE) == [1]


def test_flush_begins_anew():
    encoder = ours.BufferedRansEncoder()
    messages = []
    for _ in range(2):
        encoder.encode_with_indexes([0, 1], [0, 1], *TABLE)
        messages.append(encoder.flush())
    assert messages[0] == messages[1]


def test_tables_that_change_are_seen():
    def code(table):
        return ours.RansEncoder().encode_with_indexes([0, 1, 1, 0], [0, 0, 0, 0], *table)

    lists = [[0, 30000, 60000, 65536]], [4], [0]
    arrays = tuple(map(np.array, lists))
    before = code(lists)
    assert before == code(arrays)
    lists[0][0][1] = arrays[0][0, 1] = 100
    assert code(lists) == code(arrays) != before
    after = code(lists)
    lists[2][0] = arrays[2][0] = -3
    assert code(lists) == code(arrays) not in (before, after)


def test_arrays_may_change_after_a_call():
    encoder, symbols, indexes = ours.BufferedRansEncoder(), np.array([0, 1], np.int32), np.array([0, 1], np.int32)
    encoder.encode_with_indexes(symbols, indexes, *TABLE)
    symbols[:], indexes[:] = 9, 0
    assert encoder.flush() == ours.RansEncoder().encode_with_indexes([0, 1], [0, 1], *TABLE)


def test_tables_are_made_once(monkeypatch):
    made = []
    make = ours._make_table
    monkeypatch.setattr(ours, "_table", ours._tables.Kept(lambda *table: made.append(1) or make(*table), size=2))
    arrays = tuple(map(np.array, ([[0, 30000, 60000, 65536]], [4], [0])))
    for table in (TABLE, TABLE, arrays, arrays, TABLE, tuple(list(part) for part in TABLE)):
        ours.RansEncoder().encode_with_indexes([0], [0], *table)
    assert len(made) == 2
    other = CDFS, SIZES, [5, 5]
    for table in (other, arrays, TABLE):
        ours.RansEncoder().encode_with_indexes([0], [0], *table)
    assert len(made) == 4


# ---- arguments ----


@pytest.mark.parametrize(
    ("symbols", "indexes", "table", "error", "text"),
    [
        ([0], [2], TABLE, ValueError, "indexes must be from 0 to 1, as there are 2 rows, got 2 to 2"),
        ([0], [-1], TABLE, ValueError, "indexes must be from 0 to 1"),
        ([0, 1], [0], TABLE, ValueError, "symbols and indexes must be of one length, got 2 and 1"),
        ([[0]], [[0]], TABLE, ValueError, "symbols must be one axis of integers"),
        (np.array([0.0]), [0], TABLE, TypeError, "symbols must be integers, got float64"),
        ([0.5], [0], TABLE, TypeError, "symbols must be integers, got float64"),
        ([2**31], [0], TABLE, ValueError, "symbols must fit int32"),
        ([0], [0], ([[0, 5, 70000]], [3], [0]), ValueError, "row 0 of cdf does not rise from 0 to 2\\*\\*16"),
        ([0], [0], ([[0, 65536]], [3], [0]), ValueError, "cdfs_sizes must be from 2 to the 2 entries"),
        ([0], [0], ([[0, 65536]], [2], [0, 0]), ValueError, "offsets must have one number for each of the 1 rows"),
        ([0], [0], ([], [], []), ValueError, "cdfs must be"),
        ([0], [0], ([[0, 0.5, 65536]], [3], [0]), TypeError, r"cdfs\[0\] must be integers"),
    ],
)
def test_refused(symbols, indexes, table, error, text):
    with pytest.raises(error, match=text):
        ours.RansEncoder().encode_with_indexes(symbols, indexes, *table)


def test_a_symbol_of_probability_zero():
    with pytest.raises(jans.CodingError, match="of probability zero"):
        ours.RansEncoder().encode_with_indexes([1], [0], [[0, 5, 5, 65536]], [4], [0])


def test_refused_bytes():
    decoder = ours.RansDecoder()
    with pytest.raises(ValueError, match="there is no message to decode from"):
        decoder.decode_stream([0], *TABLE)
    for data in (b"", b"abc", bytes(8), bytes(11)):
        with pytest.raises(jans.CodingError):
            decoder.set_stream(data)
    data = ours.RansEncoder().encode_with_indexes([0, 1], [0, 0], *TABLE)
    with pytest.raises(jans.CodingError, match="a pop ran past the end of the message"):
        decoder.decode_with_indexes(data, [0] * 40, *TABLE)
    with pytest.raises(ValueError, match="indexes must be from 0 to 1"):
        decoder.decode_with_indexes(data, [5], *TABLE)


def test_an_error_leaves_the_decoder_where_it_was():
    data = ours.RansEncoder().encode_with_indexes([0, 1, 9], [0, 0, 1], *TABLE)
    decoder = ours.RansDecoder()
    decoder.set_stream(data)
    assert decoder.decode_stream([0], *TABLE) == [0]
    with pytest.raises(jans.CodingError):
        decoder.decode_stream([0] * 50, *TABLE)
    assert decoder.decode_stream([0, 1], *TABLE) == [1, 9]


@pytest.mark.parametrize(
    ("pmf", "precision", "text"),
    [
        ([], 16, "needs a symbol or more"),
        ([0.0, 0.0], 16, r"one of them 2\*\*-17 or more, so that not all are zero with 16 bits"),
        ([0.99 * 2**-17] * 4, 16, "one of them"),
        ([0.5, -0.5], 16, "pmf must hold finite probabilities that are not negative"),
        ([0.5, float("nan")], 16, "pmf must hold finite probabilities"),
        ([0.2] * 5, 2, "5 symbols do not fit a precision of 2 bits"),
        ([[1.0]], 16, "pmf must be one axis of probabilities"),
        ([1.0], 0, "precision must be"),
    ],
)
def test_refused_probabilities(pmf, precision, text):
    with pytest.raises(ValueError, match=text):
        ours.pmf_to_quantized_cdf(pmf, precision)
