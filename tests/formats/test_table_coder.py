"""Tables, symbols and index to byte strings and back; and byte strings themselves."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jans
from jans import TableCoder, byte_strings, models, quantize, rans
from jans._variants import RANS

CDF = np.array([[0, 20, 40, 63, 64], [0, 1, 2, 3, 64], [0, 30, 31, 32, 64]])
TABLE = models.Table(CDF, precision=6).prepare()
CODERS = [(variant, lanes) for variant in RANS for lanes in (1, 3, 32)]


def messages(rng, *shape):
    symbols = rng.integers(0, 4, shape)
    wild = rng.random(shape) < 0.05
    symbols = np.where(wild, rng.integers(-(2**31), 2**31, shape) >> rng.integers(0, 32, shape), symbols)
    return symbols.astype(np.int32), rng.integers(0, 3, shape)


@pytest.mark.parametrize(("variant", "lanes"), CODERS)
def test_messages_come_back(variant, lanes):
    rng = np.random.default_rng(lanes)
    symbols, index = messages(rng, 5, 96)
    coder = TableCoder(models.Bypass(TABLE), variant, lanes)
    strings = coder.encode_batch(symbols, index)
    assert cases.same(coder.decode_batch(strings, index), symbols)
    for string, one, k in zip(strings, symbols, index, strict=True):
        assert coder.encode(one, k) == string
        assert cases.same(coder.decode(string, k), one)
    merged = byte_strings.merge(strings)
    assert byte_strings.split(merged) == strings
    assert cases.same(coder.decode_batch(byte_strings.split(merged), index), symbols)


def test_strings_hold_what_a_state_holds():
    rng = np.random.default_rng(0)
    symbols, index = messages(rng, 40)
    model = models.Bypass(TABLE.at(index))
    words = rans.to_words(rans.push(rans.init(200, 2, "rans64_ryg"), model, symbols))
    assert TableCoder(model, lanes=2).encode(symbols, index) == np.roll(words, 4).tobytes()


@pytest.mark.parametrize("lanes", [1, 4])
def test_step_by_step(lanes):
    rng = np.random.default_rng(1)
    symbols, index = messages(rng, 60)
    coder = TableCoder(models.Bypass(TABLE), lanes=lanes)
    data = coder.encode(symbols, index)
    state = coder.open(data)
    state, first = coder.pop(state, index[:20])
    step = jax.jit(lambda coder, state, k: coder.pop(state, k))
    state, last = step(coder, state, index[20:])
    coder.close(state)
    assert np.concatenate([first, last]).tolist() == symbols.tolist()
    state = coder.push(coder.init(200), symbols[20:], index[20:])
    assert coder.finish(coder.push(state, symbols[:20], index[:20])) == data
    with pytest.raises(jans.CodingError, match="message 0 of 1 goes on after its last symbol"):
        coder.close(coder.pop(coder.open(data), index[:20])[0])


def test_a_scan_decodes_what_depends_on_itself():
    """The row of each symbol is the symbol before it."""
    symbols = np.array([0, 2, 1, 1, 0, 2, 2], np.int32)
    index = np.concatenate([[0], symbols[:-1]])
    coder = TableCoder(TABLE)

    @jax.jit
    def decode(coder, state):
        def step(carry, _):
            state, symbol = coder.pop(*carry)
            return (state, symbol), symbol

        return jax.lax.scan(step, (state, jnp.int32(0)), length=len(symbols))

    (state, _), again = decode(coder, coder.open(coder.encode(symbols, index)))
    coder.close(state)
    assert cases.same(again, symbols)


@pytest.mark.parametrize("streams", [0, 1, 3])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_small_batches(streams, n):
    symbols, index = messages(np.random.default_rng(2), streams, n)
    coder = TableCoder(models.Bypass(TABLE))
    strings = coder.encode_batch(symbols, index)
    assert len(strings) == streams
    assert cases.same(coder.decode_batch(strings, index), symbols)
    assert byte_strings.split(byte_strings.merge(strings)) == strings


def test_an_index_for_all_streams():
    symbols, _ = messages(np.random.default_rng(3), 4, 9)
    index = np.arange(9) % 3
    coder = TableCoder(models.Bypass(TABLE))
    strings = coder.encode_batch(symbols, index)
    assert strings == coder.encode_batch(symbols, np.broadcast_to(index, (4, 9)))
    assert cases.same(coder.decode_batch(strings, index), symbols)


def test_values_outside_of_plain_tables_are_errors():
    coder = TableCoder(TABLE)
    with pytest.raises(jans.CodingError, match=r"stream 1 of 2 \(1 at fault\): a symbol outside"):
        coder.encode_batch(np.array([[0, 1], [0, 4]], np.int32), np.zeros((2, 2), int))
    with pytest.raises(jans.CodingError, match="the parameters of a model are invalid"):
        coder.encode(np.array([0, 1], np.int32), jnp.array([0, 3]))


def test_tables_from_probabilities():
    rng = np.random.default_rng(5)
    probs, sizes, offset = rng.random((3, 9)).astype(np.float32), np.array([9, 4, 1]), np.array([-4, 0, 7])
    probs /= probs.sum(axis=1, keepdims=True)
    tail = np.array([0.01, 0.2, 1e-9], np.float32)
    coder = TableCoder.from_probs(probs, tail, sizes, offset, precision=14)
    for k, row in enumerate(np.asarray(coder.model.table.cdf)):
        alone = np.append(probs[k, : sizes[k]], tail[k])
        assert row[: sizes[k] + 2].tolist() == quantize.nearest(jnp.asarray(alone), 14, ties="away").tolist()
        assert (row[sizes[k] + 2 :] == 2**14).all()
    values, index = rng.integers(-9, 9, 200).astype(np.int32), rng.integers(0, 3, 200)
    assert cases.same(coder.decode(coder.encode(values, index), index), values)
    with pytest.raises(ValueError, match=r"probs must be \[tables, values\], got shape \(3,\)"):
        TableCoder.from_probs(np.ones(3, np.float32), 0.1)


@settings(max_examples=cases.examples(60) if cases.KERNELS else 10)
@given(st.data())
def test_damaged_strings_are_errors_or_symbols(data):
    symbols, index = messages(np.random.default_rng(4), 50)
    lanes = data.draw(st.sampled_from([1, 4]))
    coder = TableCoder(models.Bypass(TABLE), lanes=lanes)
    string = bytearray(coder.encode(symbols, index))
    for _ in range(data.draw(st.integers(1, 3))):
        string[data.draw(st.integers(0, len(string) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del string[data.draw(st.integers(0, len(string))) :]
    try:
        decoded = coder.decode(bytes(string), index)
    except jans.CodingError:
        return
    assert coder.encode(decoded, index) == bytes(string)


def test_messages_of_errors():
    coder = TableCoder(TABLE)
    data = coder.encode(np.array([0, 1], np.int32), np.array([0, 1]))
    head = (2**31).to_bytes(8, "little")
    for call, kind, message in [
        (lambda: coder.encode(np.zeros((1, 1), np.int32), 0), ValueError, r"symbols must be one message \[n\], got"),
        (lambda: coder.encode_batch(np.zeros(1, np.int32), 0), ValueError, r"symbols must be a batch \[streams, n\]"),
        (lambda: coder.encode(np.array([2**31]), 0), ValueError, "symbols must fit 32 bits, .* got 2147483648"),
        (lambda: coder.decode(data, np.array([-(2**40)])), ValueError, "index must fit 32 bits, .* got -1099511627776"),
        (lambda: coder.encode(np.zeros(3), 0), TypeError, "symbols must be integers, got float64"),
        (lambda: coder.decode(data, np.zeros((1, 2), int)), ValueError, r"index must be \[n\], a row for each symbol"),
        (lambda: coder.decode_batch([data], np.zeros((2, 2), int)), ValueError, r"index must be \[n\] or \[1, n\]"),
        (lambda: coder.decode(data[:5], np.zeros(2, int)), jans.CodingError, "string 0 of 1 has 5 bytes: 1 heads of"),
        (lambda: coder.decode(data + b"x", np.zeros(2, int)), jans.CodingError, "take 8, and words 4 each"),
        (
            lambda: coder.decode_batch([data, bytes(8)], np.zeros(2, int)),
            jans.CodingError,
            "string 1 of 2 begins with a",
        ),
        (lambda: coder.decode(head + bytes(4), np.array([0])), jans.CodingError, "goes on after its last symbol"),
        (lambda: byte_strings.from_strings([data + bytes(4)], 0), ValueError, "capacity must be at least"),
        (lambda: byte_strings.to_strings(rans.init(3)), ValueError, r"a batch of streams \[streams\]"),
        (lambda: byte_strings.split(b"\1\0\0\0"), jans.CodingError, "end within string 0, which begins at 0"),
        (lambda: byte_strings.split(b"\1\0\0\0a\0\0"), jans.CodingError, "end within string 1, which begins at 5"),
        (lambda: byte_strings.split(b"\xff\xff\xff\xff"), jans.CodingError, "end within string 0"),
    ]:
        with pytest.raises(kind, match=message):
            call()
