"""What bad input gets: an error at trace time where it can be known, a sentence from the status otherwise."""

import re

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import checkify

import jans
from jans import models, rans, status

S = rans.init(8)
UNIFORM = models.Uniform(10)
X = jnp.array([1, 2])

MISTAKES = {
    "variant": (
        lambda: rans.init(8, variant="rans128"),
        "variant must be one of rans64, rans64_ryg, rans32_16, rans32",
    ),
    "lanes": (lambda: rans.init(8, lanes=0), "lanes must be at least 1, got 0"),
    "capacity": (lambda: rans.init(-1), "capacity must be from 0 to 2**31 - 1 words, got -1"),
    "words": (lambda: rans.random(jax.random.key(0), 9, 8), "n_words must be from 0 to the capacity of 8 words, got 9"),
    "state": (lambda: rans.push((1, 2), UNIFORM, X), "state must be a jans.rans.State, got tuple"),
    "batch": (
        lambda: rans.push(jax.tree.map(lambda x: x[None], S), UNIFORM, X),
        "state must be one stream; its head has shape (1, 1, 2) and its tail (1, 8). Map a batch",
    ),
    "other variant": (
        lambda: rans.push(rans.State(S.head, S.tail.astype(jnp.uint8), S.size, S.status, "rans64"), UNIFORM, X),
        "has a uint32 head and a uint32 tail, got uint32 and uint8. It seems to come from another variant",
    ),
    "precision of the variant": (
        lambda: rans.push(rans.init(8, variant="rans32_16"), UNIFORM, X),
        "variant rans32_16 codes with 1 to 15 bits of precision, got 24. Build the model with precision=15 or less",
    ),
    "symbols": (lambda: rans.push(S, UNIFORM, jnp.ones(2)), "symbols must be uint8, int8, uint16, int16 or int32, got"),
    "dtype": (lambda: rans.pop(S, UNIFORM, (2,), jnp.float32), "dtype must be uint8, int8, uint16, int16 or int32"),
    "shape": (
        lambda: rans.push(S, models.Uniform(jnp.array([4, 5, 6])), X),
        "symbols of shape (2,) do not fit a model of shape (3,): the model's shape must broadcast to theirs",
    ),
    "shape of pop": (lambda: rans.pop(S, models.Uniform(jnp.array([4, 5])), (3,)), "do not fit a model of shape (2,)"),
    "peek": (lambda: rans.peek(S, 24, 2), "n must be from 1 to the 1 lanes of the state, got 2"),
    "advance": (
        lambda: rans.advance(S, jnp.zeros(2), jnp.zeros(2), 24),
        "start and freq must be one axis of at most 1 intervals, one for each lane, got shapes (2,) and (2,)",
    ),
    "from_words dtype": (lambda: rans.from_words([0.5]), "words must be one axis of integers, got float64"),
    "from_words range": (lambda: rans.from_words([2**32]), "words of variant rans64 are 32-bit unsigned integers"),
    "from_words zero": (lambda: rans.from_words([5, 0]), "the last word is zero, so that it carries nothing"),
    "from_words short": (lambda: rans.from_words([5], lanes=2), "2 heads of variant rans64 take 4 words, got only 1"),
    "from_words heads": (
        lambda: rans.from_words([1, 0], variant="rans32_16"),
        "a head is out of the range of variant rans32_16: these words were written by another coder",
    ),
    "from_words capacity": (lambda: rans.from_words([1, 2, 3], 0), "capacity must be at least the 1 words of the tail"),
    "precision": (lambda: models.Uniform(4, precision=33), "precision must be an integer from 1 to 32 bits, got 33"),
    "precision of symbols": (
        lambda: models.Categorical(jnp.ones(300), precision=8),
        "300 symbols do not fit a precision of 8 bits, which has room for 256. Raise precision to at least 9",
    ),
    "uniform size": (lambda: models.Uniform(0), "size must be from 1 to 2**31 - 1, got 0"),
    "uniform dtype": (lambda: models.Uniform(jnp.ones(2)), "size must be an integer or an integer array, got float32"),
    "uniform lone": (lambda: models.Uniform(1, precision=32), "a single symbol has no interval of 32 bits"),
    "categorical none": (lambda: models.Categorical(), "Categorical takes either probs or logits"),
    "categorical both": (lambda: models.Categorical(X, logits=X), "Categorical takes either probs or logits"),
    "categorical dtype": (lambda: models.Categorical(X), "probs must be floating point, got int32"),
    "categorical shape": (
        lambda: models.Categorical(jnp.ones(1)),
        "probs needs two symbols or more along its last axis",
    ),
    "table": (lambda: models.Table(jnp.zeros(3)), "cdf must be an integer array [tables, symbols + 1], got float32"),
    "table index": (lambda: models.Table(jnp.zeros((1, 3), int), 0.5), "index must be integers, got float"),
    "table sum": (
        lambda: models.Table(np.array([[0, 8, 16], [0, 9, 15]]), precision=4),
        "row 1 of cdf does not rise from 0 to 2**4 = 16: it begins [ 0  9 15] and ends [ 0  9 15]",
    ),
    "edges": (lambda: models.BinnedGaussian(0.0, 1.0, jnp.zeros(2)), "edges must be one axis of three or more, got"),
    "grid": (lambda: models.NormalGrid(14), "bits must be from 1 to 13, got 14"),
    "mixture": (lambda: models.LogisticMixture(*[jnp.zeros(17)] * 3), "mixture parameters need 1 to 16 components"),
    "support": (
        lambda: models.LogisticMixture(*[jnp.zeros(1)] * 3, low=3, high=2),
        "low <= high must lie within +-4194304, got 3 and 2",
    ),
    "model symbols": (lambda: UNIFORM.bits(jnp.ones(2)), "symbols must be integers, got float32"),
    "check inside": (
        lambda: jax.jit(lambda s: jans.check(s).head)(S),
        "jans.check looks at values and cannot run inside jit, vmap or scan",
    ),
}


@pytest.mark.parametrize(("mistake", "text"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(mistake, text):
    with pytest.raises((ValueError, TypeError), match=re.escape(text)):
        mistake()


def test_leaves_of_a_user_model_lead_with_its_shape():
    class Odd(cases.Split):
        @property
        def shape(self):
            return (3,)

    with pytest.raises(ValueError, match="must have leaves that lead with this shape, got"):
        rans.pop(S, Odd(jnp.ones(2, jnp.uint32), 24))


# ---- the status ----

NAN = models.Categorical(jnp.array([jnp.nan, 1.0]))
FULL = rans.State(S.head + 5, jnp.zeros(0, jnp.uint32), S.size, S.status, "rans64")
CAUSES = {
    "overflow": (lambda: rans.push(rans.init(1), models.Uniform(2**20), jnp.arange(9)), "the tail is full and words"),
    "underflow": (lambda: rans.pop(rans.init(1, lanes=2), UNIFORM, (9,))[0], "more was popped than the stack held"),
    "bad symbol": (lambda: rans.push(S, UNIFORM, jnp.array([3, 10])), "a symbol outside of its model's support"),
    "negative symbol": (lambda: rans.push(S, UNIFORM, jnp.array([-1])), "a symbol outside of its model's support"),
    "zero symbol": (
        lambda: rans.push(S, models.Table(np.array([[0, 0, 16]]), 0, 4), jnp.array([0])),
        "or of probability zero, was pushed and left out",
    ),
    "bad model": (lambda: rans.push(S, NAN, X), "a model was no distribution: a NaN, infinite, negative"),
    "bad model popped": (lambda: rans.pop(S, NAN, (2,))[0], "a model was no distribution"),
    "bad index": (
        lambda: rans.push(S, models.Table(np.array([[0, 8, 16]]), 1, 4), jnp.array([0])),
        "a model was no distribution",
    ),
    "bad traced size": (lambda: rans.push(S, models.Uniform(jnp.array([0])), jnp.array([0])), "a model was no"),
    "bad interval": (
        lambda: rans.advance(rans.from_words([7]), jnp.array([8]), jnp.array([1]), 24),
        "a model was no distribution",
    ),
    "bad state": (
        lambda: rans.State(S.head, S.tail, jnp.int32(-1), S.status, "rans64"),
        "the state is none that a coder",
    ),
    "bad head": (
        lambda: rans.push(rans.State(S.head, S.tail, jnp.int32(3), S.status, "rans64"), UNIFORM, X),
        "the state is none that a coder produces",
    ),
}


@pytest.mark.parametrize(("make", "text"), CAUSES.values(), ids=CAUSES)
def test_causes(make, text):
    with pytest.raises(jans.CodingError, match=re.escape(text)):
        jans.check(make())


def test_a_clean_state_is_returned():
    assert jans.check(S) is S


def test_the_stream_is_named():
    rows = jnp.array([[1], [2], [12], [13]])
    batch = jax.vmap(lambda x: rans.push(rans.init(4), UNIFORM, x))(rows)
    with pytest.raises(jans.CodingError, match=r"^stream 2 of 4 \(2 at fault\): a symbol outside"):
        jans.check(batch)
    square = jax.tree.map(lambda x: x.reshape(2, 2, *x.shape[1:]), batch)
    with pytest.raises(jans.CodingError, match=r"^stream \(1, 0\) of 4"):
        jans.check(square)


def test_the_status_is_sticky_and_causes_add_up():
    state = rans.push(S, UNIFORM, jnp.array([99]))
    state = rans.push(state, NAN, X)
    state, _ = rans.pop(state, UNIFORM, (3,))
    assert int(state.status) == status.BAD_SYMBOL | status.BAD_MODEL
    with pytest.raises(jans.CodingError, match=r"outside of its model's support.* Also, a model was no distribution"):
        jans.check(state)


@pytest.mark.parametrize("coder", cases.CODERS, ids=str)
def test_overflow_says_how_much_would_do(coder):
    model = models.Uniform(200, precision=coder.precision)
    symbols = jnp.arange(200)
    state = rans.push(coder.init(3), model, symbols)
    with pytest.raises(jans.CodingError) as error:
        jans.check(state)
    (needed,) = re.findall(r"at least (\d+) words \(this one has 3\)", str(error.value))
    enough = jans.check(rans.push(coder.init(int(needed)), model, symbols))
    assert int(enough.size) == int(needed)
    # What was written before the tail was full is as it should be.
    assert cases.same(state.tail, enough.tail[:3])
    with pytest.raises(jans.CodingError):
        jans.check(rans.push(coder.init(int(needed) - 1), model, symbols))


@pytest.mark.parametrize("coder", [c for c in cases.CODERS if str(c) != "rans64-1"], ids=str)
def test_underflow_is_seen_where_heads_have_a_floor(coder):
    model = models.Uniform(200, precision=coder.precision)
    state = rans.push(coder.init(100), model, jnp.arange(5))
    state, _ = rans.pop(state, model, (5,))
    assert rans.is_empty(jans.check(state))
    state, _ = rans.pop(state, model, (5 * coder.lanes,))
    assert int(state.status) & status.UNDERFLOW


def test_a_single_rans64_head_ends_at_zero():
    state = rans.push(rans.init(10), UNIFORM, jnp.arange(5))
    state, _ = rans.pop(state, UNIFORM, (5,))
    assert rans.is_empty(state)
    state, symbols = rans.pop(state, UNIFORM, (3,))
    assert rans.is_empty(jans.check(state))
    assert not symbols.any()


def test_inside_jit_errors_travel_with_checkify():
    encode = lambda x: jans.check_inside(rans.push(rans.init(1), models.Uniform(2**20), x))
    error, _ = jax.jit(checkify.checkify(encode))(jnp.arange(9))
    with pytest.raises(Exception, match=r"jans: the tail is full and words were dropped.*at least 4 words"):
        error.throw()
    error, state = jax.jit(checkify.checkify(encode))(jnp.arange(1))
    error.throw()
    assert int(state.size) == 0
