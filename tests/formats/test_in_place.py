"""Arrays of NumPy are coded without XLA, and give what arrays of JAX give."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jans
from jans import TableCoder, chunked, models
from jans._variants import RANS
from jans.formats import _in_place

CDF = np.array([[0, 20, 40, 63, 64], [0, 1, 2, 3, 64], [0, 30, 31, 32, 64]])
TABLES = {
    "plain": models.Table(CDF, precision=6),
    "guided": models.Table(CDF, precision=6).prepare(),
    "dense": models.Table(CDF, precision=6).prepare("dense"),
    "alias": models.Table(CDF, precision=6).prepare("alias"),
}
TABLES |= {f"{name}-bypass": models.Bypass(table, 3, [-1, 0, 1]) for name, table in TABLES.items()}
BYPASS = models.Bypass(TABLES["guided"].at(np.arange(100) % 3))
"""For 100 symbols."""


def outcome(call):
    """What a call returns, or the text of its error."""
    try:
        return call()
    except (jans.CodingError, ValueError) as error:
        return str(error)


def assert_same(ours, theirs):
    """Equal values: in arrays of NumPy without XLA, and in arrays of JAX through it."""
    for mine, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert isinstance(mine, np.ndarray) and isinstance(other, jax.Array)  # noqa: PT018
        np.testing.assert_array_equal(mine, other)
        assert mine.dtype == other.dtype


@settings(max_examples=cases.examples(60) if cases.KERNELS else 10)
@given(
    st.sampled_from(sorted(TABLES)), st.sampled_from(sorted(RANS)), st.sampled_from([1, 4, 32]), st.integers(0, 2**31)
)
def test_table_coders(name, variant, lanes, seed):
    """Symbols and indexes of every kind, wrong ones among them, and strings that are not theirs."""
    rng = np.random.default_rng(seed)
    coder, streams, n = TableCoder(TABLES[name], variant, lanes), int(rng.integers(1, 4)), 37
    symbols = rng.integers(0, 4, (streams, n))
    if "bypass" in name:
        symbols = np.where(rng.random(symbols.shape) < 0.1, rng.integers(-(2**31), 2**31, symbols.shape), symbols)
    elif seed % 4 == 0:
        symbols[rng.integers(streams), rng.integers(n)] = rng.choice([-1, 4])
    elif seed % 4 == 1:
        symbols = symbols.astype(rng.choice([np.uint8, np.uint16, np.int64]))
    index = rng.integers(0, 3, [(streams, n), (n,), (1, n)][seed % 3])
    ours = outcome(lambda: coder.encode_batch(symbols, index))
    assert ours == outcome(lambda: coder.encode_batch(jnp.asarray(symbols, jnp.int32), jnp.asarray(index)))
    if isinstance(ours, str):
        assert "symbol" in ours
        return
    assert coder.encode(symbols[0], index if index.ndim == 1 else index[0]) == ours[0]
    index = index if len(index) == streams or index.ndim == 1 else np.repeat(index, streams, 0)
    assert_same(coder.decode_batch(ours, index), coder.decode_batch(ours, jnp.asarray(index)))
    strings = [data[: rng.integers(len(data) + 1)] + rng.bytes(rng.integers(3)) for data in ours]
    found, expected = (outcome(lambda k=k: coder.decode_batch(strings, k)) for k in (index, jnp.asarray(index)))
    if isinstance(found, str):
        assert found == expected
    else:
        assert_same(found, expected)


@pytest.mark.parametrize("case", cases.sample(cases.thin(cases.MODELS.values()), 4), ids=str)
def test_messages_in_chunks(case):
    model, symbols = case.draw(12, (5, 20))
    wrong = symbols.copy()
    wrong[2, 7] = -(2**31)
    for values, capacity in ((symbols, 60), (wrong, 60), (symbols, 1)):
        message = chunked.encode(model, values, chunk=16, lanes=3, capacity=capacity)
        if _in_place.parts_of(model, symbols.shape) is None:
            continue
        theirs = chunked.encode(model, jnp.asarray(values), chunk=16, lanes=3, capacity=capacity)
        assert_same((message.status, message.usage[0][0]), (theirs.status, theirs.usage[0][0]))
        text = outcome(lambda message=message: jans.to_bytes(message))
        assert text == outcome(lambda theirs=theirs: jans.to_bytes(theirs))
        if isinstance(text, bytes):
            for dtype in (np.int32, np.uint16, np.uint8):
                (left, ours), (last, others) = (chunked.decode(m, model, dtype) for m in (message, theirs))
                assert_same(ours, others)
                assert_same((left.status, left.usage[0][0]), (last.status, last.usage[0][0]))


@pytest.mark.parametrize("name", ["plain", "alias", "guided-bypass"])
@pytest.mark.parametrize("variant", [name for name, variant in RANS.items() if variant.max_precision >= 12])
def test_messages_of_narrow_symbols(name, variant):
    model = TABLES[name].at(np.arange(100) % 3)
    symbols = np.random.default_rng(0).integers(0, 4, 100)
    expected = jans.to_bytes(chunked.encode(model, jnp.asarray(symbols), chunk=30, lanes=4, variant=variant))
    for dtype in (np.uint8, np.int8, np.uint16, np.int64, ">i4"):
        assert (
            jans.to_bytes(chunked.encode(model, symbols.astype(dtype), chunk=30, lanes=4, variant=variant)) == expected
        )
    reader = chunked.Reader(expected)
    for begin, end in ((0, 100), (0, 30), (29, 31), (95, 100), (50, 50)):
        found = reader.read(model, begin, end)
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, symbols[begin:end])


@settings(max_examples=cases.examples(40) if cases.KERNELS else 5)
@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=100, max_size=100), st.integers(1, 120))
def test_messages_of_any_values(values, chunk):
    symbols = np.array(values, np.int32)
    message = chunked.encode(BYPASS, symbols, chunk=chunk, lanes=2)
    np.testing.assert_array_equal(chunked.Reader(jans.to_bytes(message)).read(BYPASS), symbols)


@pytest.mark.parametrize(
    "settings", [{"variant": "rans32_16"}, {"lanes": 0}, {"capacity": -1}, {"lanes": 2**31}], ids=str
)
def test_settings_that_no_coder_has(settings):
    model = models.Bypass(TABLES["guided"], 3, bypass_precision=16)
    ours, theirs = (
        outcome(lambda symbols=symbols: chunked.encode(model, symbols, chunk=4, **{"variant": "rans64"} | settings))
        for symbols in (np.arange(9) % 4, jnp.arange(9) % 4)
    )
    assert isinstance(ours, str)
    assert ours == theirs


def test_models_that_are_traced_go_through_xla():
    model, symbols = cases.MODELS["table"].draw(12, (40,))

    @jax.jit
    def encode(model):
        return chunked.encode(model, symbols, chunk=16, lanes=3)

    assert jans.to_bytes(encode(model)) == jans.to_bytes(chunked.encode(model, symbols, chunk=16, lanes=3))


def test_arrays_that_were_passed_stay_as_they_were():
    coder = TableCoder(TABLES["guided-bypass"])
    symbols, index = np.arange(60, dtype=np.int32).reshape(3, 20), np.arange(20) % 3
    symbols.flags.writeable = index.flags.writeable = False
    strings = coder.encode_batch(symbols, index)
    assert coder.encode_batch(symbols, index) == strings
    for _ in range(2):
        assert cases.same(coder.decode_batch(strings, index), symbols)
    message = chunked.encode(BYPASS, np.arange(100), chunk=32)
    for _ in range(2):
        assert cases.same(chunked.decode(message, BYPASS)[1], np.arange(100, dtype=np.int32))
