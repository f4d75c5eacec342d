"""Escaped models code every int32 symbol, and what composites promise."""

import math

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import jans
from jans import models, rans, status
from jans.models._escape import Number

LEAST, MOST = -(2**31), 2**31 - 1
EVERY = jnp.array([LEAST, LEAST + 1, -70000, -9, -1, 0, 1, 2, 5, 39, 40, 300, 65536, 2**30, MOST - 1, MOST])
integers = st.one_of(st.integers(LEAST, MOST), st.integers(-40, 60), st.sampled_from(EVERY.tolist()))
HALF = models.Categorical(jnp.array([0.25, 0.25, 0.5]), precision=10)
WITH_ENDS = [case for case in cases.SIMPLE if case.name not in ("user-each", "masked", "masked-each")]
"""Models whose end symbols can be coded."""


def price(distance, most):
    """What the distance beyond an end costs, in bits; the longest distances, of which some do not exist, cost less."""
    length, longest = int(distance).bit_length(), int(most).bit_length()
    if distance == 0:
        return 6 - math.log2(64 - longest)
    return 5 + (length if length < longest else math.log2(most - 2 ** (longest - 1) + 1) + 1)


def ends_of(model, shape):
    return [np.broadcast_to(end, shape).astype(np.int64) for end in model.bounds]


@pytest.mark.parametrize("coder", cases.CODERS, ids=str)
def test_every_coder_codes_every_integer(coder):
    for model in (
        models.escape(models.Uniform(3, 12), "both"),
        models.escape(models.LogisticMixture(jnp.zeros(1), 1.0, 2.0, -4, 4, 12)),
    ):
        jans.check_codec(rans.codec(model, EVERY.shape), coder.random(0, 10, 200), EVERY)
        state = coder.random(1, 10, 200)
        grown = rans.content_bits(jans.check(rans.push(state, model, EVERY))) - rans.content_bits(state)
        grain = 2 * len(EVERY) * 2.0 ** (12 - coder.spec.lower_bits)
        assert grown == pytest.approx(float(cases.bits(model, EVERY).sum()), abs=grain)


@pytest.mark.parametrize("case", WITH_ENDS, ids=str)
def test_every_model_is_widened(case):
    """Within the ends nothing changes, and beyond them each symbol costs the end and its distance."""
    model, _ = case.make(12, EVERY.shape)
    symbols = np.asarray(EVERY).astype(np.int64)
    low, high = ends_of(model, EVERY.shape)
    assert np.isfinite(cases.bits(model, jnp.asarray(low, jnp.int32))).all()
    assert np.isfinite(cases.bits(model, jnp.asarray(high, jnp.int32))).all()
    for ends in ("both", "low", "high"):
        open_low, open_high = ends != "high", ends != "low"
        inner = np.clip(symbols, low if open_low else LEAST, high if open_high else MOST)
        is_high, is_low = (inner == high) & open_high, (inner == low) & open_low
        distance = np.where(is_high, (symbols - high) % 2**32, (low - symbols) % 2**32)
        most = np.where(is_high, np.where(is_low, 2**32 - 1, MOST - high), low - LEAST)
        extra = np.where(is_high | is_low, list(map(price, distance, most)), 0)
        expected = np.asarray(cases.bits(model, jnp.asarray(inner, jnp.int32))) + extra
        # The pieces of 11 bits of the longest distances are equal to 1 count in 2**11, but for the very last ones.
        paid = np.asarray(cases.bits(models.escape(model, ends), EVERY))
        np.testing.assert_allclose(paid[1:-1], expected[1:-1], atol=0.03)
        assert (paid <= expected + 1).all()


@given(st.lists(integers, min_size=7, max_size=7), st.sampled_from(cases.thin(["both", None], 2)))
@example([LEAST] * 7, "both")
@example([MOST] * 7, "both")
def test_any_integers_come_back(symbols, ends):
    symbols = jnp.array(symbols)
    for base in (
        models.Uniform(jnp.array([1, 2, 3, 4, 5, 6, 2**20])),
        models.LogisticMixture(jnp.zeros(1), 0.0, 9.0, -30, 30),
    ):
        model = models.escape(base, "both" if ends is None and base.ends == "both" else ends)
        coded = symbols if model.opened == "both" else jnp.maximum(symbols, 0)
        state = rans.push(rans.init(40), model, coded)
        popped, again = rans.pop(jans.check(state), model, shape=(7,))
        assert cases.same(again, coded)
        assert bool(rans.is_empty(popped))


def test_the_default_is_where_the_tails_are():
    assert (
        models.escape(HALF).opened
        == models.escape(models.Uniform(4)).opened
        == models.escape(models.Bernoulli(0.5)).opened
        == "high"
    )
    assert models.escape(models.LogisticMixture(jnp.zeros(1), 0.0, 1.0)).opened == "both"


def test_the_ends_of_a_table_have_an_interval():
    """Symbols of probability zero lie within and around them; 2**32 is written as 0."""
    model = models.Table(jnp.array([[0, 0, 4, 4, 16, 16], [0, 3, 3, 3, 3, 16]]), jnp.array([0, 1, 1]), precision=4)
    low, high = model.bounds
    assert (low.tolist(), high.tolist()) == ([1, 0, 0], [3, 4, 4])
    full = models.Table(np.array([[0, 0, 2**31, 2**32]]), precision=32)
    assert [int(end) for end in full.bounds] == [1, 2]


def test_an_end_that_is_closed_refuses_what_lies_beyond():
    model = models.escape(HALF, "high")
    assert np.isposinf(model.bits(jnp.array([-1, 0]))).tolist() == [True, False]
    assert int(rans.push(rans.init(9), model, jnp.array([-1, 0])).status) == status.BAD_SYMBOL


def test_no_distribution_is_told():
    model = models.escape(models.Categorical(jnp.array([jnp.nan, 1, 1])))
    state = rans.push(rans.init(9), model, jnp.array([1, 2, 7]))
    assert int(state.status) == status.BAD_MODEL
    assert int(rans.pop(rans.init(9), model, shape=(3,))[0].status) == status.BAD_MODEL


def test_without_end_symbols_the_stream_is_that_of_the_model():
    symbols = jnp.array([0, 1, 1, 0, 0])
    state = rans.init(9, lanes=2)
    assert cases.same(rans.push(state, models.escape(HALF), symbols), rans.push(state, HALF, symbols))


def test_batches_give_what_each_stream_alone_gives():
    """Also where some streams escape, by much or little, and others do not: skipping parts changes nothing."""
    base = models.LogisticMixture(jnp.zeros((4, 1, 1)), jnp.arange(4.0)[:, None, None], 2.0, -5, 5)
    symbols = jnp.array([[0, 1, 2], [0, -5, 5], [7, 1, 2], [0, MOST, LEAST]])
    state = rans.init(30, lanes=2)

    def both(mean, symbols):
        model = models.escape(models.LogisticMixture(jnp.zeros(1), mean, 2.0, -5, 5))
        pushed = rans.push(state, model, symbols)
        return pushed, rans.pop(pushed, model, shape=(3,))

    batch = jax.jit(jax.vmap(both))(base.loc[:, 0], symbols)
    assert cases.same(batch[1][1], symbols)
    for k in range(4):
        assert cases.same(jax.tree.map(lambda a, k=k: a[k], batch), both(base.loc[k, 0], symbols[k]))


def test_inside_scan_and_bits_back():
    likelihood = lambda z: rans.codec(
        models.escape(models.LogisticMixture(jnp.zeros(1), z[0] * 1.0, 2.0, -5, 5)), shape=(3,)
    )
    posterior = lambda x: rans.codec(models.escape(models.Uniform(4)), shape=(1,))
    codec = jans.repeat(jans.bits_back(rans.codec(models.escape(models.Uniform(9)), (1,)), likelihood, posterior), 3)
    state = cases.CODERS[1].random(0, 50, 200)
    jans.check_codec(codec, state, jnp.array([[0, 1, 2], [-600, 5, 5], [MOST, LEAST, 0]]))
    jitted = jans.Codec(jax.jit(codec.push), jax.jit(codec.pop))
    jans.check_codec(jitted, state, jnp.array([[0, 1, 2], [0, 0, 1], [-6, 70000, 0]]))


def test_gradients_reach_the_model():
    """Distances are no matter of the parameters: the derivative is that of the end symbol."""

    def loss(mean, symbols, widen):
        model = models.LogisticMixture(jnp.zeros(1), mean, 2.0, -5, 5)
        return (models.escape(model) if widen else model).bits(symbols).sum()

    grad = jax.jit(jax.grad(loss), static_argnums=2)
    assert float(grad(0.5, jnp.array([9, -100, 2]), True)) == pytest.approx(
        float(grad(0.5, jnp.array([5, -5, 2]), False)), rel=1e-6
    )


@given(st.lists(st.integers(0, 2**32 - 1), min_size=5, max_size=5), st.integers(0, 2**31 - 1))
@example([0, 1, 2**32 - 1, 2**31, 2**11], 0)
@example([2**22, 2**22 - 1, 2**33 // 3, 1025, 1024], 1)
def test_any_bits_are_numbers_that_give_them_back(most, seed):
    """The code is complete: popping from any state leaves nothing that pushing does not restore."""
    model = Number(jnp.array(most, jnp.uint32))
    state = cases.CODERS[0].random(seed, 20, 30)
    popped, number = rans.pop(state, model)
    assert (np.asarray(number).view(np.uint32) <= np.array(most)).all()
    assert cases.content(rans.push(popped, model, number)) == cases.content(state)
    jans.check_codec(rans.codec(model), state, jnp.array(most, jnp.uint32).view(jnp.int32))


@given(st.lists(integers, min_size=3, max_size=3))
def test_parts_are_split_and_joined(symbols):
    symbols = jnp.array(symbols)
    model = models.escape(models.Uniform(6), "both")
    parts = model.split(symbols)
    assert len(parts) == model.parts
    assert cases.same(model.join(parts), symbols)
    distance = model.part(1, parts[:1])
    assert cases.same(distance.join(distance.split(parts[1])), parts[1])


@pytest.mark.parametrize("symbols", [[0, 0, 0], [0, 6, 0]])
def test_parts_are_skipped_only_where_that_changes_nothing(symbols):
    """The same coder without skipping gives the same state."""
    model, symbols = models.escape(models.Uniform(6)), jnp.array(symbols)
    state = cases.CODERS[1].random(0, 5, 30)

    def push(state, model, symbols):
        if not model.parts:
            return rans.push(state, model, symbols)
        values = model.split(symbols)
        for k in reversed(range(model.parts)):
            state = push(state, model.part(k, values[:k]), values[k])
        return state

    assert cases.same(rans.push(state, model, symbols), push(state, model, symbols))


class Nowhere(models.Model):
    static = ("precision",)
    shape = ()
    precision = 8
    interval = locate = log_prob = None


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: models.escape(HALF, "top"), ValueError, "ends must be one of low, high, both, got 'top'"),
        (
            lambda: models.escape(Nowhere()),
            TypeError,
            "Nowhere does not say where its support ends. Give it a",
        ),
        (lambda: models.escape(models.escape(HALF)), TypeError, "Escape does not say where its support ends"),
        (
            lambda: models.escape(HALF).interval(EVERY),
            TypeError,
            "Escape has no interval: its symbols are coded in 2",
        ),
        (
            lambda: models.escape(HALF).locate(EVERY),
            TypeError,
            "Escape has no locate: its symbols are coded in 2",
        ),
        (lambda: models.escape(HALF).bits(jnp.zeros(3)), TypeError, "symbols must be integers, got float32"),
    ],
)
def test_errors(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()
