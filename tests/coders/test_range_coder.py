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


# ---- streaming ----

BLOCK, ROOM = 3, 9
STREAMED = {
    # Its last symbol keeps words waiting for a carry; the first of the other two takes a word.
    "carries": (models.Table(SKEWED), st.sampled_from([0, 1, 1, 1, 2, 2, 2, 2])),
    "precise": (models.Uniform(2**31 - 1, precision=32), st.integers(0, 2**31 - 2)),
    "small": (models.Uniform(3, precision=8), st.integers(0, 2)),
}


def in_pieces(blocks, model, cuts, capacity=50):
    """The words of a message, taken out after the blocks that `cuts` names."""
    encoder, taken = range_coder.encoder(capacity), []
    for block, cut in zip(blocks, cuts, strict=True):
        encoder = range_coder.encode(encoder, model, np.array(block))
        if cut:
            encoder, words, count = range_coder.take_words(encoder)
            taken += np.asarray(words)[: int(count)].tolist()
            assert (words.shape, int(encoder.size)) == ((capacity,), 0)
    return taken + range_coder.to_words(encoder).tolist()


@given(st.data(), st.sampled_from(sorted(STREAMED)))
def test_streams_are_those_of_one_call(draw, name):
    """Any symbols, any cuts, any portions: the same words as in one call, and the same symbols."""
    model, symbol = STREAMED[name]
    steps = draw.draw(st.lists(st.tuples(st.booleans(), *(symbol,) * BLOCK), max_size=9))
    cuts, blocks = [cut for cut, *_ in steps], [block for _, *block in steps]
    whole = range_coder.encoder(50)
    for block in blocks:
        whole = range_coder.encode(whole, model, np.array(block))
    words = range_coder.to_words(whole)
    assert in_pieces(blocks, model, cuts) == words.tolist()

    fed = draw.draw(st.integers(0, min(2, len(words))))
    decoder = range_coder.decoder(np.resize(np.append(words[:fed], np.zeros(ROOM, np.uint32)), ROOM), fed)
    found, passed = [], 0
    while len(found) < len(blocks):
        more = min(draw.draw(st.integers(0, 4)), len(words) - fed, ROOM - int(decoder.size) + int(decoder.index))
        portion = np.full(4, 77, np.uint32)
        portion[:more] = words[fed : fed + more]
        passed, fed = passed + int(decoder.index), fed + more
        decoder = range_coder.feed(decoder, portion, more)
        assert range_coder.to_words(decoder).tolist() == words[passed:fed].tolist()
        while len(found) < len(blocks) and (
            fed == len(words) or int(range_coder.symbols_ready(decoder, model)) >= BLOCK
        ):
            decoder, block = range_coder.decode(decoder, model, shape=(BLOCK,))
            found.append(block.tolist())
    assert found == blocks
    assert range_coder.is_empty(jans.check(decoder))
    here, there = range_coder.position(decoder), range_coder.position(whole)
    assert passed + int(here.index) == int(there.index)
    assert (number(here.lower), number(here.range)) == (number(there.lower), number(there.range))


@pytest.mark.parametrize("batch", [False, True], ids=["jit", "vmap"])
def test_streams_inside_programs(batch):
    """Encoding with cuts, and decoding with portions, as one `scan` each."""
    streams, count, n = 4, 30, 5
    symbols = np.random.default_rng(5).integers(0, 3, (streams, count, BLOCK)).astype(np.int32)
    symbols[1] = 1  # few words, so that streams end at different times
    model = models.Table(np.array([[0, 200, 2**16 - 100, 2**16]]), precision=16)

    def write(blocks):
        def step(encoder, block):
            encoder, words, taken = range_coder.take_words(range_coder.encode(encoder, model, block))
            return encoder, (words, taken)

        encoder, (words, counts) = jax.lax.scan(step, range_coder.encoder(n), blocks)
        return range_coder.finish(encoder), words, counts

    def read(words, size):
        def step(carry, _):
            decoder, fed, found, at = carry
            more = jnp.minimum(jnp.minimum(size - fed, 3), ROOM - decoder.size + decoder.index)
            decoder, fed = range_coder.feed(decoder, jax.lax.dynamic_slice(words, (fed,), (3,)), more), fed + more
            go = (at < count) & ((range_coder.symbols_ready(decoder, model) >= BLOCK) | (fed == size))
            after, block = range_coder.decode(decoder, model, shape=(BLOCK,))
            decoder = jax.tree.map(lambda a, b: jnp.where(go, a, b), after, decoder)
            found = jnp.where(go, found.at[at].set(block, mode="drop"), found)
            return (decoder, fed, found, at + go), None

        start = range_coder.decoder(np.zeros(ROOM, np.uint32), 0)
        found = jnp.zeros((count, BLOCK), jnp.int32)
        (decoder, fed, found, _), _ = jax.lax.scan(step, (start, jnp.int32(0), found, 0), length=2 * count)
        return decoder, fed, found

    write, read = (jax.jit(jax.vmap(f) if batch else f) for f in (write, read))
    parts = slice(None) if batch else 0
    ends, words, counts = write(symbols[parts])
    messages = []
    for k in range(streams if batch else 1):
        end, given, taken = jax.tree.map(lambda a, k=k: np.asarray(a[k] if batch else a), (ends, words, counts))
        pieces = [row[:m] for row, m in zip(given, taken, strict=True)]
        messages.append(np.concatenate([*pieces, end.words[: int(end.size)]]))
        whole = range_coder.encode(range_coder.encoder(100), model, symbols[k].reshape(-1))
        assert messages[k].tolist() == range_coder.to_words(whole).tolist()
    assert len(messages[0]) > 3 * n
    sizes = np.array([len(message) for message in messages], np.int32)
    padded = np.stack([np.pad(message, (0, 110 - len(message))) for message in messages])
    decoder, fed, found = read(*((padded, sizes) if batch else (padded[0], sizes[0])))
    assert np.array_equal(found, symbols[parts])
    assert np.array_equal(fed, sizes if batch else sizes[0])
    assert np.asarray(range_coder.is_empty(jans.check(decoder))).all()


def test_symbols_of_several_intervals_are_counted_as_such():
    """Escaped symbols take two words each or three, which must be there."""
    model = models.escape(models.Table(np.array([[0, TOP - 1, TOP]])))
    symbols = np.array([2**31 - 1, 1, 2**31 - 3, 2**31 - 5, 0, 2], np.int32)
    whole = range_coder.encoder(60)
    for symbol in symbols:
        whole = range_coder.encode(whole, model, symbol)
    words = range_coder.to_words(whole)
    decoder, fed, found = range_coder.decoder(np.zeros(5, np.uint32), 0), 0, []
    while len(found) < len(symbols):
        if int(range_coder.symbols_ready(decoder, model)) == 0 and fed < len(words):
            assert int(decoder.size - decoder.index) < 5
            decoder, fed = range_coder.feed(decoder, words[fed : fed + 1]), fed + 1
            continue
        decoder, symbol = range_coder.decode(decoder, model, shape=())
        found.append(int(symbol))
    assert found == symbols.tolist()
    assert range_coder.is_empty(jans.check(decoder))


def test_positions_in_a_stream():
    model, symbols = models.Uniform(1000), jnp.arange(60)
    encoder, taken, words = range_coder.encoder(30), 0, []
    for block in symbols.reshape(3, 20):
        encoder, part, count = range_coder.take_words(range_coder.encode(encoder, model, block))
        words, taken = [*words, *part[: int(count)].tolist()], taken + int(count)
        if len(words) == taken and block[0] == 20:
            here = range_coder.position(encoder)
            here = dataclasses.replace(here, index=here.index + taken)
    words = np.array([*words, *range_coder.to_words(encoder)], np.uint32)
    once = range_coder.position(range_coder.encode(range_coder.encoder(30), model, symbols[:40]))
    assert (int(here.index), number(here.lower), number(here.range)) == (
        int(once.index), number(once.lower), number(once.range),
    )  # fmt: skip
    decoder = range_coder.decoder(np.zeros(25, np.uint32), 0)
    decoder = range_coder.feed(decoder, words[9:])  # a reader that begins within the file
    decoder = range_coder.seek(decoder, dataclasses.replace(here, index=here.index - 9))
    left, found = range_coder.decode(decoder, model, shape=(20,))
    assert found.tolist() == list(range(40, 60))
    assert range_coder.is_empty(jans.check(left))


def test_a_full_encoder_gives_no_words():
    model = models.Uniform(2**16)
    encoder = range_coder.encode(range_coder.encoder(2), model, jnp.arange(9))
    after, _, count = range_coder.take_words(encoder)
    assert (int(count), int(after.size), int(after.status)) == (0, int(encoder.size), status.OVERFLOW)
    with pytest.raises(jans.CodingError, match=r"capacity of at least 6 words \(this one has 2\)"):
        jans.check(after)
    for size in (-1, 3):
        damaged = dataclasses.replace(range_coder.encoder(2), size=jnp.int32(size))
        after, _, count = range_coder.take_words(damaged)
        assert (int(count), int(after.size)) == (0, size)
    kept, _, _ = range_coder.take_words(range_coder.encode(range_coder.encoder(9), model, [2**20]))
    assert int(kept.status) == status.BAD_SYMBOL
    unused, _, count = range_coder.take_words(range_coder.encoder(0))
    assert (int(count), bool(range_coder.is_empty(unused))) == (0, True)


def test_feeding_more_than_fits():
    decoder = range_coder.feed(range_coder.decoder(np.arange(6, dtype=np.uint32), 4), np.arange(3, dtype=np.uint32))
    assert int(decoder.status) == status.OVERFLOW
    with pytest.raises(jans.CodingError, match=r"capacity of at least 7 words \(this one has 6\)"):
        jans.check(decoder)
    nothing = range_coder.feed(range_coder.decoder(np.zeros(0, np.uint32)), np.zeros(0, np.uint32))
    assert (int(nothing.status), int(nothing.size)) == (0, 0)


def test_decoding_before_the_words_are_there():
    """Is noticed with the next words, if zeros have stood in for them."""
    model, words = models.Uniform(2, precision=1), np.arange(1, 9, dtype=np.uint32)
    for there, n, expected in ((0, 1, status.UNDERFLOW), (1, 1, status.UNDERFLOW), (2, 1, 0), (2, 33, 0), (0, 0, 0)):
        decoder, _ = range_coder.decode(range_coder.decoder(words, there), model, shape=(n,))
        if n == 33:
            assert int(decoder.index) == 1
            expected = status.UNDERFLOW
        assert int(decoder.status) == 0
        assert int(range_coder.feed(decoder, words[:0]).status) == 0
        assert int(range_coder.feed(decoder, words[:1]).status) == expected


def test_impossible_portions():
    decoder, words = range_coder.decoder(np.zeros(6, np.uint32), 0), np.arange(3, dtype=np.uint32)
    for size in (-1, 4):
        assert int(range_coder.feed(decoder, words, size).status) == status.BAD_STATE
    for size in (np.uint8(2), jnp.int32(2), np.int64(2)):
        assert range_coder.to_words(range_coder.feed(decoder, words, size)).tolist() == [0, 1]
    damaged = dataclasses.replace(decoder, index=jnp.int32(-2))
    assert int(range_coder.feed(damaged, words).status) == status.BAD_STATE
    with jax.enable_x64(True):
        for size in (None, 2, np.int64(2)):
            fed = jax.jit(range_coder.feed)(decoder, words, size)
            assert [a.dtype for a in fed.arrays()] == [a.dtype for a in decoder.arrays()]


# ---- the end ----


def test_noise_may_end_like_a_message_but_not_with_its_mark():
    """As docs/determinism.md says."""
    n, streams, model = 100, 300, models.Categorical(jnp.array([0.1, 0.2, 0.3, 0.4]))
    mark, last = models.Uniform(2**16, precision=16), jnp.array([0x6A61, 0x6E73])
    symbols = np.random.default_rng(7).choice(4, (streams, n), p=[0.1, 0.2, 0.3, 0.4])

    @jax.jit
    @jax.vmap
    def messages(symbols):
        encoder = range_coder.encode(range_coder.encoder(20), model, symbols)
        return range_coder.finish(encoder), range_coder.finish(range_coder.encode(encoder, mark, last))

    def ends(decoders, probs, n):
        decode = lambda decoder: range_coder.decode(decoder, models.Categorical(probs), (n,))[0]
        left = jax.vmap(decode)(decoders)
        _, found = jax.vmap(lambda decoder: range_coder.decode(decoder, mark, (2,)))(left)
        return np.asarray(range_coder.is_empty(left) & (left.status == 0)), np.asarray(found == last).all(axis=1)

    plain, marked = messages(symbols)
    for probs, n_decoded, least, most in (
        (model.probs, n, 1, 1),
        (jnp.array([0.1, 0.2, 0.3001, 0.3999]), n, 0.02, 0.2),
        (model.probs, n + 1, 0.8, 0.99),
        (model.probs, n - 1, 0, 0.5),
    ):
        assert least <= ends(plain, probs, n_decoded)[0].mean() <= most
        assert ends(marked, probs, n_decoded)[1].mean() == (least == 1)


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
    with pytest.raises(jans.CodingError, match="a pop ran past the end of the message"):
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
        (
            lambda: range_coder.decoder(np.array([2**40 + 5], np.uint64)),
            TypeError,
            "must be one axis of uint32, got uint64",
        ),
        (lambda: range_coder.seek(MESSAGE, 5), TypeError, "position must be a jans.range_coder.Position, got int"),
        (
            lambda: range_coder.seek(MESSAGE, range_coder.Position(0.5, jnp.zeros(2, int), jnp.zeros(2, int))),
            ValueError,
            r"must have an integer index and two halves each of lower and range, got float64 of shape \(\), int32",
        ),
        (
            lambda: range_coder.take_words(MESSAGE),
            TypeError,
            "encoder must be a jans.range_coder.Encoder, got jans.range_coder.Decoder",
        ),
        (
            lambda: range_coder.take_words(jax.tree.map(lambda leaf: leaf[None], range_coder.encoder(3))),
            ValueError,
            "encoder must be one stream, got arrays of shapes lower",
        ),
        (
            lambda: range_coder.feed(range_coder.encoder(3), np.ones(3, np.uint32)),
            TypeError,
            "decoder must be a jans.range_coder.Decoder, got jans.range_coder.Encoder",
        ),
        (
            lambda: range_coder.feed(jax.tree.map(lambda leaf: leaf[None], MESSAGE), np.ones(3, np.uint32)),
            ValueError,
            "decoder must be one stream, got arrays of shapes point",
        ),
        (lambda: range_coder.feed(MESSAGE, [1, 2]), TypeError, "words must be one axis of uint32, got int64"),
        (lambda: range_coder.feed(MESSAGE, np.ones((1, 3), np.uint32)), TypeError, r"uint32 of shape \(1, 3\)"),
        (lambda: range_coder.feed(MESSAGE, np.ones(3, np.uint32), 0.5), TypeError, "size must be integers, got float"),
        (
            lambda: range_coder.feed(MESSAGE, np.ones(3, np.uint32), [1, 2]),
            TypeError,
            r"size must be one integer, got int\d+ of shape \(2,\)",
        ),
        (
            lambda: jax.jit(range_coder.feed)(MESSAGE, np.ones(3, np.uint32), np.float32(2)),
            TypeError,
            r"size must be one integer, got float32 of shape \(\)",
        ),
        (
            lambda: range_coder.symbols_ready(range_coder.encoder(3), models.Uniform(9)),
            TypeError,
            "decoder must be a jans.range_coder.Decoder, got jans.range_coder.Encoder",
        ),
        (lambda: range_coder.symbols_ready(MESSAGE, 5), TypeError, "model must be a model, such as"),
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
