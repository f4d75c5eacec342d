"""The chain coder: its specification in Python integers, constriction's own, locality, and what a user may do wrong."""

import dataclasses
import re

import cases
import constriction
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.experimental import checkify

import jans
from jans import chain, models, status
from jans._variants import CHAIN
from jans.reference import spec

peer, peer_models = constriction.stream.chain, constriction.stream.model
VARIANTS = list(CHAIN.values())
PRECISIONS = {"chain64": [24, 12, 1, 17, 31, 32], "chain32_16": [12, 16, 5, 15]}
DATA = np.array([0x80D14131, 0xDDA97C6C, 0x5017A640, 0x01170A3E], np.uint32)
PROBS = np.array([[0.1, 0.7, 0.1, 0.1], [0.2, 0.2, 0.1, 0.5], [0.2, 0.1, 0.4, 0.3]])


def data(rng, n, word=np.uint32):
    return rng.integers(0, np.iinfo(word).max, n, word, endpoint=True)


def content(state):
    """What a coder holds, in Python integers."""
    used = lambda words, size: tuple(np.asarray(words)[: int(size)].tolist())
    halves = np.asarray(state.head).reshape(state.lanes, -1).astype(object)
    heads = tuple(int(sum(int(h) << 32 * k for k, h in enumerate(half))) for half in halves)
    return (
        (int(state.partial_word), used(state.compressed, state.compressed_size)),
        (heads, used(state.remainders, state.remainders_size)),
        int(state.status),
    )


# ---- the specification ----


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
@given(st.data())
def test_coder_is_that_of_the_specification(variant, draw):
    precision = draw.draw(st.sampled_from(cases.thin(PRECISIONS[variant.name], 3)))
    most = draw.draw(st.sampled_from([precision, variant.max_precision]))
    sizes = st.integers(0, 2**precision - 1)
    end = 2**precision - (precision == 32)
    cuts = sorted({0, end, *draw.draw(st.lists(sizes, min_size=1, max_size=6))})
    cdf = [*cuts[:-1], 2**precision]
    words = draw.draw(st.lists(st.integers(0, 2**variant.word_bits - 1), min_size=12, max_size=12))
    n = 10 * variant.word_bits // precision if precision > 2 else 40
    seal = draw.draw(st.booleans()) or words[-1] == 0 or words[-2] == 0

    left = list(words)
    head = spec.chain.fill(variant, 1 if seal else left.pop(), left, most)
    compressed, remainders, expected = (1, tuple(left)), ((head,), ()), []
    for _ in range(n):
        compressed, q = spec.chain.take(variant, compressed, precision)
        symbol = max(s for s in range(len(cdf) - 1) if cdf[s] <= q)
        freq = cdf[symbol + 1] - cdf[symbol]
        if freq == 2**32:
            return
        remainders = spec.chain.keep(variant, remainders, 0, q - cdf[symbol], freq, most)
        expected.append(symbol)

    array = jnp.asarray(np.array(words, f"uint{variant.word_bits}"))
    model = models.Table(np.array([cdf]), 0, precision)
    start = (chain.init if seal else chain.init_compressed)(array, variant=variant.name, precision=most)
    state, symbols = chain.pop(start, model, shape=(n,))
    assert symbols.tolist() == expected
    assert content(state) == (compressed, remainders, 0)
    assert content(chain.push(state, model, symbols)) == content(start)
    again = chain.init_remainders(
        np.concatenate(chain.to_remainders(state)), capacity=20, variant=variant.name, precision=most
    )
    assert content(again)[1] == ((remainders[0]), compressed[1] + remainders[1])
    assert (
        np.concatenate((chain.to_data if seal else chain.to_compressed)(chain.push(again, model, symbols))).tolist()
        == words
    )


_READ = jax.jit(lambda words, loc, scale: chain.pop(chain.init(words), models.Gaussian(loc, scale, -100, 100))[1])


@given(st.integers(0, 2**32), st.integers(0, 39), st.floats(-100, 100, width=32), st.floats(0.125, 100, width=32))
def test_a_change_of_one_model_changes_one_symbol(seed, k, loc, scale):
    """For any data and models; and the symbol is the one that this model alone would give it."""
    rng = np.random.default_rng(seed)
    locs, scales = rng.normal(0, 10, 40).astype(np.float32), np.exp(rng.normal(1, 1, 40)).astype(np.float32)
    words = data(rng, 40)
    before = np.asarray(_READ(words, locs, scales))
    locs[k], scales[k] = loc, scale
    after = np.asarray(_READ(words, locs, scales))
    assert np.flatnonzero(after != before).tolist() in ([], [k])
    alone = np.asarray(_READ(words, np.full_like(locs, loc), np.full_like(scales, scale)))
    assert after[k] == alone[k]


def test_a_change_of_one_part_changes_one_symbol():
    """A composite takes all of its bits, whether its parts need them or not."""
    words = data(np.random.default_rng(3), 60)
    base = lambda loc: models.escape(models.Gaussian(loc, jnp.full(8, 2.0), -4, 4))
    read = lambda loc: chain.pop(chain.init(words), base(loc))[1].tolist()
    before, after = read(jnp.zeros(8)), read(jnp.zeros(8).at[3].set(3.0))
    assert [a != b for a, b in zip(before, after, strict=True)] == [k == 3 for k in range(8)]


# ---- constriction ----


@pytest.mark.parametrize(
    ("first", "stack", "chained"), [([0.1, 0.7], [0, 0, 2], [0, 3, 3]), ([0.09, 0.71], [1, 0, 0], [1, 3, 3])]
)
def test_the_examples_of_its_documentation(first, stack, chained):
    probs = PROBS.copy()
    probs[0, :2] = first
    family = peer_models.Categorical(perfect=False)
    assert constriction.stream.stack.AnsCoder(DATA, seal=True).decode(family, probs).tolist() == stack
    assert peer.ChainCoder(DATA, seal=True).decode(family, probs).tolist() == chained
    with jax.enable_x64(True):
        model = models.Categorical(jnp.asarray(probs))
        sealed = jans.rans.from_words(np.append(DATA, np.uint32(1)))
        assert jans.rans.pop(sealed, model)[1].tolist() == stack
        assert chain.pop(chain.init(DATA), model)[1].tolist() == chained


@pytest.mark.parametrize("seed", range(4))
def test_words_are_those_of_the_peer(seed):
    rng = np.random.default_rng(seed)
    for n in (1, 2, 7, 60):
        words, count = data(rng, n), (n - 1) * 32 // 24
        loc, scale = rng.normal(0, 20, count), np.exp(rng.normal(1, 1, count))
        theirs = peer.ChainCoder(words, seal=True)
        gaussian = peer_models.QuantizedGaussian(-100, 100)
        symbols = theirs.decode(gaussian, loc, scale) if count else np.zeros(0, np.int32)
        with jax.enable_x64(True):
            model = models.Gaussian(jnp.asarray(loc), jnp.asarray(scale), -100, 100)
            state, ours = chain.pop(chain.init(words), model)
            assert ours.tolist() == symbols.tolist()
            left = theirs.get_remainders()
            assert [a.tolist() for a in chain.to_remainders(state)] == [a.tolist() for a in left]
            message = np.concatenate(left)
            theirs = peer.ChainCoder(message, is_remainders=True)
            if count:
                theirs.encode_reverse(symbols, gaussian, loc, scale)
            pushed = chain.push(chain.init_remainders(message, capacity=n), model, ours)
            assert [a.tolist() for a in chain.to_data(pushed)] == [a.tolist() for a in theirs.get_data(unseal=True)]
            assert np.concatenate(chain.to_data(pushed)).tolist() == words.tolist()


def test_unsealed_data_of_the_peer():
    words = np.append(data(np.random.default_rng(5), 20), np.uint32(3))
    for top in (3, 300, 2**31):
        words[-1] = top
        theirs = peer.ChainCoder(words, seal=False)
        uniform = peer_models.Uniform(1000)
        symbols = theirs.decode(uniform, 20)
        state, ours = chain.pop(chain.init_compressed(words), models.Uniform(1000), shape=(20,))
        assert ours.tolist() == symbols.tolist()
        assert [a.tolist() for a in chain.to_remainders(state)] == [a.tolist() for a in theirs.get_remainders()]
        back = chain.push(state, models.Uniform(1000), ours)
        assert np.concatenate(chain.to_compressed(back)).tolist() == words.tolist()


# ---- as any value ----


@pytest.mark.parametrize("precision", cases.sample([24, 16, 32]))
@pytest.mark.parametrize("lanes", [2, 7, 32])
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_lanes_of_the_remainders(variant, lanes, precision):
    """Symbols do not depend on lanes, and each lane keeps what a coder of its own would keep."""
    precision = min(precision, variant.max_precision)
    n = 90
    coder = {"variant": variant.name, "precision": precision}
    words = data(np.random.default_rng(lanes), 120, f"uint{variant.word_bits}")
    model = models.Uniform(7, precision)
    start = chain.init(words, lanes=lanes, **coder)
    assert (start.lanes, int(start.status)) == (lanes, 0)
    state, symbols = chain.pop(start, model, shape=(n,))
    taken = int(start.compressed_size)
    below = chain.pop(chain.init(np.append(words[:taken], words[:1]), **coder), model, shape=(n,))
    if taken == len(words) - lanes:  # heads took a word each
        assert below[1].tolist() == symbols.tolist()
    (_, used), (heads, remainders), _ = content(start)
    expected, compressed = (heads, remainders), (1, used)
    for i in range(n):
        compressed, q = spec.chain.take(variant, compressed, precision)
        width = 2**precision // 7
        symbol = min(q // width, 6)
        freq = width if symbol < 6 else 2**precision - 6 * width
        expected = spec.chain.keep(variant, expected, i % lanes, q - symbol * width, freq, precision)
    assert content(state) == (compressed, expected, 0)
    assert content(chain.push(state, model, symbols)) == content(start)
    again = chain.init_remainders(np.concatenate(chain.to_remainders(state)), capacity=150, lanes=lanes, **coder)
    assert int(again.status) == 0
    back = chain.to_data(chain.push(again, model, symbols))
    assert np.concatenate(back).tolist() == words.tolist()


def test_streams_are_mapped():
    rng = np.random.default_rng(6)
    words, loc = data(rng, (250, 4, 20)), rng.normal(0, 9, (250, 4, 12)).astype(np.float32)

    def there(words, loc):
        model = models.Gaussian(loc, 3.0, -50, 50)
        state, symbols = chain.pop(chain.init(words), model, dtype=jnp.int8)
        return state, symbols, chain.push(state, model, symbols)

    states, symbols, back = jax.jit(jax.vmap(jax.vmap(there)))(words, loc)
    for i in range(0, 250, 60):
        for j in range(4):
            one, expected, start = there(words[i, j], loc[i, j])
            assert symbols[i, j].tolist() == expected.tolist()
            assert content(jax.tree.map(lambda a, at=(i, j): a[at], states)) == content(one)
            assert content(jax.tree.map(lambda a, at=(i, j): a[at], back)) == content(start)
    assert symbols.dtype == jnp.int8
    jans.check(back)


def test_the_most_precision_by_default():
    assert chain.init(DATA).precision == 24
    words = DATA.astype(np.uint16)
    assert chain.init(words, variant="chain32_16").precision == 16
    assert chain.init_remainders(words, 9, variant="chain32_16").precision == 16


def test_symbols_of_no_or_several_axes():
    state, symbols = chain.pop(chain.init(DATA), models.Uniform(7), shape=())
    assert symbols.shape == ()
    state, none = chain.pop(state, models.Uniform(7), shape=(0,))
    assert content(chain.push(chain.push(state, models.Uniform(7), none), models.Uniform(7), symbols)) == content(
        chain.init(DATA)
    )


# ---- what may go wrong ----


def test_more_symbols_than_bits():
    state, _ = chain.pop(chain.init(DATA), models.Uniform(7), shape=(5,))
    assert int(state.status) == status.UNDERFLOW
    with pytest.raises(jans.CodingError, match="a pop ran past the end of the message"):
        jans.check(state)


def test_more_symbols_than_remainders():
    message = np.concatenate(chain.to_remainders(chain.pop(chain.init(DATA), models.Uniform(7), shape=(3,))[0]))
    state = chain.push(chain.init_remainders(message, capacity=90), models.Uniform(7), jnp.zeros(99, jnp.int32))
    assert int(state.status) == status.OUT_OF_REMAINDERS
    with pytest.raises(jans.CodingError, match=r"the remainders .* are used up.*\(jans\.chain\.init_remainders\)"):
        jans.check(state)


def test_too_little_room():
    state = chain.init_remainders(np.full(30, 9, np.uint32), capacity=2)
    state = chain.push(state, models.Uniform(2), jnp.zeros(16, jnp.int32))
    assert int(state.status) == status.OVERFLOW
    with pytest.raises(jans.CodingError, match=r"capacity of at least 12 words \(this one has 2\)"):
        chain.to_data(state)


def test_the_stack_that_is_too_small_is_named_inside_jit():
    for words, capacity, message in ((30, 2, "at least 12 words .this one has 2"), (30, 40, None)):
        state = chain.init_remainders(np.full(words, 9, np.uint32), capacity)
        push = lambda s: jans.check_inside(chain.push(s, models.Uniform(2), jnp.zeros(16, jnp.int32)))
        error, _ = jax.jit(checkify.checkify(push))(state)
        assert error.get() is None if message is None else re.search(message, error.get())
    state = chain.init(np.full(40, 9, np.uint32), capacity=1)
    pop = lambda s: jans.check_inside(chain.pop(s, models.Uniform(2), (50,))[0])
    error, _ = jax.jit(checkify.checkify(pop))(state)
    assert re.search("at least 36 words .this one has 1", error.get())


@pytest.mark.parametrize("words", [np.zeros(0, np.uint32), np.zeros(3, np.uint32)])
def test_unsealed_data_that_ends_with_zero(words):
    for state in (chain.init_compressed(words), chain.init_remainders(words, capacity=1)):
        assert int(state.status) == status.BAD_STATE


def test_bad_models_and_symbols():
    state, symbols = chain.pop(chain.init(DATA), models.Gaussian(jnp.array([0.0, jnp.nan, 0.0]), 1.0, -9, 9))
    assert (int(state.status), int(symbols[1])) == (status.BAD_MODEL, 0)
    start = chain.init_remainders(DATA, capacity=9)
    pushed = chain.push(start, models.Uniform(5), jnp.array([1, 7, 2]))
    assert int(pushed.status) == status.BAD_SYMBOL
    assert content(pushed)[:2] == content(chain.push(start, models.Uniform(5), jnp.array([1, 2])))[:2]


def test_a_fraction_of_a_word():
    state, _ = chain.pop(chain.init(DATA), models.Uniform(7), shape=(2,))
    with pytest.raises(jans.CodingError, match=r"does not hold a whole number of words\. Push exactly the symbols"):
        chain.to_data(state)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: chain.init(DATA, variant="rans64"), ValueError, "variant must be one of chain64, chain32_16, got"),
        (lambda: chain.init(DATA, capacity=-1), ValueError, "capacity must be from 0 to"),
        (lambda: chain.init_remainders(DATA, -2), ValueError, "capacity must be from 0 to"),
        (lambda: chain.to_data(3), TypeError, "state must be a jans.chain.State, got int"),
        (
            lambda: chain.to_remainders(dataclasses.replace(chain.init(DATA), head=jnp.zeros((1, 2), jnp.uint32))),
            jans.CodingError,
            "invalid coder state: a number is out of range",
        ),
        (lambda: chain.init(DATA, lanes=5), ValueError, "5 lanes take 5 words, got 4"),
        (lambda: chain.init(DATA, lanes=0), ValueError, "lanes must be at least 1, got 0"),
        (lambda: chain.to_compressed(chain.init(DATA, lanes=2)), ValueError, "of 2 lanes was made by jans.chain.init"),
        (lambda: chain.init(DATA, precision=33), ValueError, "precision must be an integer from 1 to 32"),
        (
            lambda: chain.init(DATA.astype(np.uint16), variant="chain32_16", precision=24),
            ValueError,
            "variant chain32_16 has at most 16 bits of precision, got 24",
        ),
        (lambda: chain.init(DATA[None]), TypeError, r"words must be one axis of uint32, got uint32 of shape"),
        (lambda: chain.init_remainders(DATA[:2] / 2, 3), TypeError, "words must be one axis of uint32, got float64"),
        (
            lambda: chain.pop(chain.init(DATA, precision=12), models.Uniform(9), (2,)),
            ValueError,
            "24 bits of precision and the coder room for 12. Build the model with precision=12 or less",
        ),
        (
            lambda: chain.pop(jans.rans.init(3), models.Uniform(9), (2,)),
            TypeError,
            "must be a jans.chain.State, got jans.rans.State",
        ),
        (
            lambda: chain.pop(jax.vmap(chain.init)(jnp.asarray(DATA)[None]), models.Uniform(9), (2,)),
            ValueError,
            "state must be one stream, got arrays of shapes partial_word",
        ),
        (lambda: chain.pop(chain.init(DATA), models.Uniform(9), (2,), jnp.float32), TypeError, "dtype must be uint8"),
        (
            lambda: chain.push(chain.init(DATA), models.Uniform(9), jnp.ones(2)),
            TypeError,
            "symbols must be integers, got float32",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
