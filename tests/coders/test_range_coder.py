"""The range coder: its specification in Python integers, constriction's words, random access, and what may go wrong."""

import dataclasses
import warnings

import cases
import constriction
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jans
from jans import models, range_coder, status
from jans.reference import spec

queue, peer_models = constriction.stream.queue, constriction.stream.model
TOP = 2**24
MESSAGE = range_coder.finish(range_coder.encoder(3))
# The last symbol keeps the interval at the end of the number line, where carries are waited for.
SKEWED = np.array([[0, 1, TOP - 1, TOP]])


def number(halves):
    low, high = np.asarray(halves).tolist()
    return low | high << 32


def content(encoder):
    """What an encoder holds, as in the specification."""
    words = tuple(np.asarray(encoder.words)[: int(encoder.size)].tolist())
    count = int(encoder.pending_words)
    held = (int(encoder.pending_first), *(2**32 - 1,) * (count - 1)) if count else ()
    return number(encoder.lower), number(encoder.range), held, words


# ---- the specification ----


@given(st.data())
def test_coder_is_that_of_the_specification(draw):
    precision = draw.draw(st.sampled_from(cases.thin([24, 1, 12, 31, 32], 2)))
    end = 2**precision - (precision == 32)
    near = st.one_of(st.integers(1, end), st.integers(max(1, end - 3), end), st.integers(1, min(3, end)))
    cdf = [*sorted({0, *draw.draw(st.lists(near, min_size=1, max_size=5))} - {2**precision}), 2**precision]
    if cdf[1] == 2**32:
        return
    coded = list(range(len(cdf) - 1))
    symbols = draw.draw(st.lists(st.sampled_from(coded), min_size=40, max_size=40))
    if draw.draw(st.booleans()):
        symbols[5:30] = [coded[-1]] * 25

    expected = spec.range_coder.START
    for s in symbols:
        expected = spec.range_coder.encode(expected, cdf[s], cdf[s + 1] - cdf[s], precision)
    message = spec.range_coder.finish(expected)
    model = models.Table(np.array([cdf]), 0, precision)
    state = range_coder.encode(range_coder.encoder(60), model, jnp.array(symbols))
    assert content(state) == expected
    assert tuple(range_coder.to_words(state).tolist()) == message
    assert spec.range_coder.decode(list(message), cdf, 40, precision) == symbols
    left, decoded = range_coder.decode(range_coder.finish(state), model, shape=(40,))
    assert decoded.tolist() == symbols
    assert int(left.status) == 0
    assert (number(left.lower), number(left.range)) == expected[:2]


def test_words_wait_for_a_carry():
    """Symbols after which words are held back, and then one that brings the carry, or one that does not."""
    model = models.Table(SKEWED)
    peer = peer_models.Categorical(np.array([0.0, 1.0, 0.0]), perfect=False)
    most = 0
    for last in (0, 1, 2):
        for n in range(1, 12):
            symbols = np.array([1, 1, *(2,) * n, last, 1], np.int32)
            state = range_coder.encode(range_coder.encoder(20), model, symbols[: n + 2])
            most = max(most, int(state.pending_words))
            words = range_coder.to_words(range_coder.encode(state, model, symbols[n + 2 :]))
            theirs = queue.RangeEncoder()
            theirs.encode(symbols, peer)
            assert words.tolist() == theirs.get_compressed().tolist()
    assert most > 3


# ---- constriction ----


@pytest.mark.parametrize("seed", range(3))
def test_words_are_those_of_the_peer(seed):
    rng = np.random.default_rng(seed)
    theirs, ours = queue.RangeEncoder(), range_coder.encoder(600)
    positions, parts = [], []
    with jax.enable_x64(True):
        for n in (1, 40, 0, 200, 7):
            loc, scale = rng.normal(0, 20, n), np.exp(rng.normal(1, 1, n))
            symbols = np.clip(np.round(rng.normal(loc, scale)), -100, 100).astype(np.int32)
            positions.append((theirs.pos(), range_coder.position(ours)))
            if n:
                theirs.encode(symbols, peer_models.QuantizedGaussian(-100, 100), loc, scale)
            model = models.Gaussian(jnp.asarray(loc), jnp.asarray(scale), -100, 100)
            ours = range_coder.encode(ours, model, jnp.asarray(symbols))
            parts.append((model, symbols))
            assert range_coder.to_words(ours).tolist() == theirs.get_compressed().tolist()
        decoder = range_coder.decoder(theirs.get_compressed())
        for _model, symbols in parts:
            decoder, found = range_coder.decode(decoder, _model)
            assert found.tolist() == symbols.tolist()
        # In any order, from positions that either library gave.
        for k in (3, 1, 4, 0):
            (index, numbers), here = positions[k]
            assert (int(here.index), number(here.lower), number(here.range)) == (index, *numbers)
            model, symbols = parts[k]
            assert range_coder.decode(range_coder.seek(decoder, here), model)[1].tolist() == symbols.tolist()
    jans.check(decoder)


def test_positions_of_a_decoder():
    model, symbols = models.Uniform(1000), jnp.arange(50)
    message = range_coder.finish(range_coder.encode(range_coder.encoder(40), model, symbols))
    half, _ = range_coder.decode(message, model, shape=(20,))
    end, rest = range_coder.decode(half, model, shape=(30,))
    again = range_coder.seek(end, range_coder.position(half))
    assert rest.tolist() == list(range(20, 50))
    assert range_coder.decode(again, model, shape=(30,))[1].tolist() == rest.tolist()


# ---- as any value ----


def test_an_encoder_goes_on_after_its_message():
    model = models.Uniform(100)
    first = range_coder.encode(range_coder.encoder(20), model, jnp.arange(10))
    before = content(first)
    range_coder.finish(first)
    assert content(first) == before
    whole = range_coder.encode(range_coder.encoder(20), model, jnp.arange(20))
    assert content(range_coder.encode(first, model, jnp.arange(10, 20))) == content(whole)


def test_a_thousand_streams():
    n = 12
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2, (1000, n, 5)).astype(np.float32)
    symbols = rng.integers(0, 5, (1000, n)).astype(np.uint8)

    def there(logits, symbols):
        model = models.Categorical(logits=logits)
        state = range_coder.encode(range_coder.encoder(12), model, symbols)
        return state, *range_coder.decode(range_coder.finish(state), model, dtype=jnp.uint8)

    states, decoders, decoded = jax.jit(jax.vmap(there))(logits, symbols)
    assert decoded.dtype == jnp.uint8
    assert (np.asarray(decoded) == symbols).all()
    assert not np.asarray(decoders.status).any()
    one = jax.jit(lambda logits, symbols: there(logits, symbols)[0])
    for i in range(0, 1000, 101):
        alone = one(logits[i], symbols[i])
        assert content(jax.tree.map(lambda a, i=i: a[i], states)) == content(alone)


def test_nothing_and_one_symbol():
    empty = range_coder.encoder(3)
    assert range_coder.to_words(empty).tolist() == []
    _, none = range_coder.decode(range_coder.finish(empty), models.Uniform(5), shape=(0,))
    assert none.shape == (0,)
    state = range_coder.encode(empty, models.Uniform(5), jnp.int32(3))
    left, symbol = range_coder.decode(range_coder.finish(state), models.Uniform(5), shape=())
    assert (symbol.shape, int(symbol), int(left.status)) == ((), 3, 0)


# ---- what may go wrong ----


def test_more_symbols_than_words():
    message = range_coder.finish(range_coder.encode(range_coder.encoder(9), models.Uniform(7), jnp.arange(7)))
    left, _ = range_coder.decode(message, models.Uniform(7), shape=(99,))
    assert int(left.status) & status.UNDERFLOW
    with pytest.raises(jans.CodingError, match="the decoder ran past the end of the message"):
        jans.check(left)


def test_the_first_word_too_many():
    """Two symbols of 16 bits take a word; the last word of a message and the one after it may be looked at."""
    model = models.Uniform(2**16, precision=16)
    message = range_coder.finish(range_coder.encode(range_coder.encoder(9), model, jnp.arange(8)))
    assert int(message.size) == 5
    for n, expected in ((8, 0), (9, 0), (10, status.UNDERFLOW)):
        assert int(range_coder.decode(message, model, shape=(n,))[0].status) == expected


def test_too_little_room():
    state = range_coder.encode(range_coder.encoder(2), models.Uniform(1000), jnp.arange(20))
    assert int(state.status) == status.OVERFLOW
    with pytest.raises(jans.CodingError, match=r"capacity of at least 7 words \(this one has 2\)"):
        range_coder.to_words(state)
    roomy = range_coder.encode(range_coder.encoder(7), models.Uniform(1000), jnp.arange(20))
    assert range_coder.to_words(roomy).size == 7


def test_the_room_that_is_asked_for_is_enough():
    """What still waits, and what the end of the message takes, are counted."""
    state = range_coder.encode(range_coder.encoder(0), models.Uniform(2**16), jnp.arange(9))
    with pytest.raises(jans.CodingError, match=r"capacity of at least 6 words \(this one has 0\)"):
        jans.check(state)
    roomy = range_coder.encode(range_coder.encoder(6), models.Uniform(2**16), jnp.arange(9))
    assert range_coder.to_words(roomy).size <= 6


def test_room_that_only_the_end_of_the_message_lacks():
    state = range_coder.encode(range_coder.encoder(1), models.Uniform(2**16), jnp.arange(3))
    assert int(state.status) == 0
    with pytest.raises(jans.CodingError, match=r"capacity of at least 2 words \(this one has 1\)"):
        range_coder.to_words(state)


def test_words_of_another_coder():
    words = np.full(20, 2**32 - 1, np.uint32)
    left, _ = range_coder.decode(range_coder.decoder(words), models.Uniform(1000), shape=(30,))
    assert int(left.status) == status.BAD_DATA
    with pytest.raises(jans.CodingError, match=r"cannot have written the words.* Decode with the models that"):
        jans.check(left)
    with pytest.raises(AssertionError, match="Tried to decode from compressed data that is invalid"):
        queue.RangeDecoder(words).decode(peer_models.Uniform(1000), 30)


def test_bad_models_and_symbols():
    start = range_coder.encoder(9)
    pushed = range_coder.encode(start, models.Uniform(5), jnp.array([1, 7, 2]))
    assert int(pushed.status) == status.BAD_SYMBOL
    assert content(pushed) == content(range_coder.encode(start, models.Uniform(5), jnp.array([1, 2])))
    model = models.Gaussian(jnp.array([0.0, jnp.nan, 0.0]), 1.0, -9, 9)
    assert int(range_coder.encode(start, model, jnp.zeros(3, jnp.int32)).status) == status.BAD_MODEL
    left, symbols = range_coder.decode(range_coder.decoder(np.arange(9, dtype=np.uint32)), model)
    assert (int(left.status), int(symbols[1])) == (status.BAD_MODEL, 0)


def test_damaged_coders_and_sizes():
    fresh = range_coder.encode(range_coder.encoder(9), models.Uniform(7), jnp.arange(7))
    for change in ({"pending_words": jnp.int32(-3)}, {"range": jnp.zeros(2, jnp.uint32)}, {"size": jnp.int32(-1)}):
        message = range_coder.finish(dataclasses.replace(fresh, **change))
        assert int(message.status) == status.BAD_STATE
    for size in (-1, 4):
        assert int(range_coder.decoder(np.ones(3, np.uint32), size).status) == status.BAD_STATE


def test_positions_from_a_file():
    model, symbols = models.Uniform(1000), jnp.arange(40)
    encoder = range_coder.encode(range_coder.encoder(40), model, symbols[:20])
    here = range_coder.position(encoder)
    message = range_coder.finish(range_coder.encode(encoder, model, symbols[20:]))
    kept = [np.asarray(a).tolist() for a in (here.index, here.lower, here.range)]
    for wide in (False, True):
        with jax.enable_x64(wide):
            halves = [np.array(a, np.uint64 if wide else np.uint32) for a in kept[1:]]
            there = range_coder.seek(message, range_coder.Position(kept[0], *halves))
            assert range_coder.decode(there, model, shape=(20,))[1].tolist() == list(range(20, 40))


def test_a_decoder_can_be_donated():
    message = range_coder.decoder(np.arange(1, 9, dtype=np.uint32))
    decode = lambda decoder: range_coder.decode(decoder, models.Uniform(7), (9,))
    expected = decode(message)[1].tolist()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Some donated buffers were not usable")
        assert jax.jit(decode, donate_argnums=0)(message)[1].tolist() == expected


class Broken(models.Model):
    """Finds a symbol anywhere, and gives it no interval."""

    shape = ()

    def __init__(self):
        self.precision = 24

    def interval(self, symbols):
        return jnp.full(symbols.shape, status.BAD_MODEL, jnp.uint32), jnp.zeros(symbols.shape, jnp.uint32)

    def locate(self, quantiles):
        return jnp.full(quantiles.shape, -500)

    def log_prob(self, symbols):
        return jnp.zeros(symbols.shape)


def test_a_bad_model_without_a_kernel_gives_zeros():
    model = Broken()
    left, symbols = range_coder.decode(range_coder.decoder(np.arange(9, dtype=np.uint32)), model, shape=(3,))
    assert (int(left.status), symbols.tolist()) == (status.BAD_MODEL, [0, 0, 0])
    popped, symbols = jans.rans.pop(jans.rans.random(jax.random.key(0), 9, 9), model, shape=(3,))
    assert (int(popped.status), symbols.tolist()) == (status.BAD_MODEL, [0, 0, 0])


def test_a_position_outside_of_the_message():
    message = range_coder.finish(range_coder.encode(range_coder.encoder(9), models.Uniform(7), jnp.arange(7)))
    here = range_coder.position(message)
    for index, range_ in ((-1, here.range), (99, here.range), (0, jnp.zeros(2, jnp.uint32))):
        there = range_coder.Position(jnp.int32(index), here.lower, range_)
        moved = range_coder.seek(message, there)
        assert int(moved.status) == status.BAD_STATE
        range_coder.decode(moved, models.Uniform(7), shape=(3,))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: range_coder.encoder(-1), ValueError, "capacity must be from 0 to"),
        (lambda: range_coder.decoder(np.ones(3, np.int32)), TypeError, "words must be one axis of uint32, got int32"),
        (lambda: range_coder.decoder(np.ones((1, 3), np.uint32)), TypeError, r"uint32 of shape \(1, 3\)"),
        (lambda: range_coder.seek(MESSAGE, 5), TypeError, "position must be a jans.range_coder.Position, got int"),
        (
            lambda: range_coder.seek(MESSAGE, range_coder.Position(0.5, jnp.zeros(2, int), jnp.zeros(2, int))),
            ValueError,
            r"must have an integer index and two halves each of lower and range, got float64 of shape \(\), int32",
        ),
        (
            lambda: range_coder.encode(jans.rans.init(3), models.Uniform(9), jnp.arange(2)),
            TypeError,
            "encoder must be a jans.range_coder.Encoder, got jans.rans.State",
        ),
        (
            lambda: range_coder.decode(range_coder.encoder(3), models.Uniform(9), (2,)),
            TypeError,
            "decoder must be a jans.range_coder.Decoder, got jans.range_coder.Encoder",
        ),
        (
            lambda: range_coder.encode(
                jax.vmap(lambda _: range_coder.encoder(3))(jnp.arange(2)), models.Uniform(9), jnp.arange(2)
            ),
            ValueError,
            "encoder must be one stream, got arrays of shapes lower",
        ),
        (
            lambda: range_coder.encode(range_coder.encoder(3), models.Uniform(9), jnp.ones(2)),
            TypeError,
            "symbols must be integers, got float32",
        ),
        (
            lambda: range_coder.decode(range_coder.finish(range_coder.encoder(3)), models.Uniform(9), (2,), float),
            TypeError,
            "dtype must be uint8",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
