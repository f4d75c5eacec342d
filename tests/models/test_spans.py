"""Custom and Histogram: any function and any masses make a legal model or are refused, in a table and in a search."""

import functools
import math

import cases
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import jans
from jans import models, rans, status
from jans.models import _spans

KINDS = [models.Custom, cases.SearchedCustom]
kinds = pytest.mark.parametrize("kind", KINDS)
HIGH = 40
SYMBOLS = jnp.arange(-HIGH, HIGH + 1)


def steps(heights, x):
    """A function with a height of its own below every symbol."""
    return heights[jnp.int32(x + HIGH + 0.5)]


def stepwise(kind, heights, precision=12):
    heights = jnp.concatenate([jnp.zeros(1), jnp.asarray(heights, jnp.float32), jnp.ones(1)])
    return kind(steps, heights, low=-HIGH, high=HIGH, ranks=1, precision=precision)


heights = st.lists(st.floats(0, 1, width=32), min_size=2 * HIGH, max_size=2 * HIGH)
precisions = st.sampled_from(cases.thin([12, 24, 32, 7], 4))


def intervals(model, symbols=SYMBOLS):
    return [np.asarray(a).astype(np.int64) for a in cases.interval(model, symbols)]


def assert_tiles(model, symbols=SYMBOLS):
    """Intervals of all symbols lie end to end, and both ends of each are located."""
    start, freq = intervals(model, symbols)
    assert (freq >= 1).all()
    assert (start == np.cumsum(freq) - freq).all()
    assert freq.sum() == 2**model.precision
    for quantiles in (start, start + freq - 1):
        assert cases.locate(model, jnp.asarray(quantiles.astype(np.uint32))).tolist() == symbols.tolist()


# ---- fixed point ----


@given(st.integers(0, 2**31), st.integers(0, 2**32 - 1))
@example(2**31, 2**32 - 1)
@example(2**31 - 1, 2**32 - 1)
def test_shares_are_exact(fraction, places):
    assert int(SHARE(np.uint32(fraction), np.uint32(places))) == fraction * places >> 31


SHARE = jax.jit(_spans.share)


# ---- Custom ----


@given(heights, precisions)
@example([0.0] * 80, 12)
@example([1.0] * 80, 32)
@example([0.0] * 40 + [1.0] * 40, 7)
def test_any_rising_function_follows_the_leaky_rule(values, precision):
    values = np.sort(np.array(values, np.float32))
    n = 2 * HIGH + 1
    # floor(F * 2**31) is exact in integers, as the fixed-point number is.
    fixed = [math.floor(float(v) * 2**31) for v in values]
    left = [0, *((f * (2**precision - n) >> 31) + k for k, f in enumerate(fixed, 1)), 2**precision]
    for kind in KINDS:
        model = stepwise(kind, values, precision)
        start, freq = intervals(model)
        assert start.tolist() == left[:-1]
        assert freq.tolist() == np.diff(left).tolist()
        assert_tiles(model)


@given(heights)
def test_any_function_codes_right_or_not_at_all(values):
    """What the encoder accepts, the decoder returns; what a search refuses, it refuses both ways."""
    for kind in KINDS:
        model = stepwise(kind, values)
        start, freq = intervals(model)
        coded = freq > 0
        assert (start[~coded] == status.BAD_MODEL).all()
        for quantiles in (start, start + freq - 1):
            found = np.asarray(cases.locate(model, jnp.asarray(quantiles.astype(np.uint32))))
            assert (found == np.asarray(SYMBOLS))[coded].all()
        # A quantile leads to a symbol with that quantile, or to one that is refused.
        every = jnp.arange(2**12, dtype=jnp.uint32)
        start, freq = intervals(model, cases.locate(model, every))
        beside = (np.arange(2**12) < start) | (np.arange(2**12) >= start + freq)
        assert not (beside & (freq > 0) & (np.asarray(cases.locate(model, every)) != -HIGH)).any()


@kinds
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, -0.01, 1.01, 0.2])
def test_what_is_no_distribution_function_is_refused(kind, wrong):
    """A fall, NaN, or what is no probability; in a search, for the symbols that meet it."""
    values = np.full(2 * HIGH, 0.5)
    values[HIGH - 1] = wrong  # in the middle, where every search begins
    values[HIGH - 2] = 0.5
    model = stepwise(kind, values)
    start, freq = intervals(model)
    bad = freq == 0
    assert (start[bad] == status.BAD_MODEL).all()
    assert bad.all() or (wrong == 0.2 and bad.any() and kind is cases.SearchedCustom)
    at = SYMBOLS[int(np.flatnonzero(bad)[0])]
    assert int(rans.push(rans.init(9), model, at[None]).status) == status.BAD_MODEL
    if bad.all():
        popped, _ = rans.pop(cases.STACKS[0].random(0, 9, 9), model, shape=(5,))
        assert int(popped.status) == status.BAD_MODEL
    assert np.isposinf(cases.bits(model, SYMBOLS)[bad]).all()


@kinds
@given(st.lists(st.floats(-(2.0**-22), 2.0**-22, width=32), min_size=2 * HIGH, max_size=2 * HIGH))
def test_rounding_is_forgiven(kind, noise):
    """Functions that should be level or in [0, 1], and are so but for the last bits."""
    for level in (0.0, 0.37, 1.0):
        assert_tiles(stepwise(kind, level + np.array(noise, np.float32), 24))


def cauchy(loc, scale, x):
    """Its arctan is computed by other instructions in other programs."""
    return jnp.arctan((x - loc) / scale) / jnp.pi + 0.5


def test_programs_of_all_shapes_agree():
    wide = models.Custom(cauchy, 0.3, 20.0, low=-30000, high=30000)
    symbols = jnp.arange(-30000, 30001, 7)
    start, freq = cases.interval(wide, symbols)
    assert (freq > 0).all()
    for part in (slice(0, 1), slice(5, 8), slice(100, 1000)):
        assert cases.same(cases.interval(wide, symbols[part]), (start[part], freq[part]))
    pieces = jax.jit(jax.vmap(lambda s: wide.interval(s)))(symbols[:8000].reshape(20, 400))
    assert cases.same(pieces[0].reshape(-1), start[:8000])
    each = models.Custom(cauchy, jnp.full(500, 0.3), 20.0, low=-30000, high=30000)
    assert cases.same(cases.interval(each, symbols[:500]), (start[:500], freq[:500]))
    per_stream = jax.vmap(lambda loc, s: models.Custom(cauchy, loc, 20.0, low=-30000, high=30000).interval(s))
    assert cases.same(jax.jit(per_stream)(jnp.full(20, 0.3), symbols[:8000].reshape(20, 400)), pieces)
    assert cases.locate(wide, start).tolist() == symbols.tolist()


@pytest.mark.parametrize("high", [9, 5000])
def test_functions_may_close_over_what_is_traced(high):
    def both(loc, symbols):
        model = models.Custom(lambda x: cauchy(loc, 2.0, x), low=0, high=high)
        pushed = rans.push(rans.init(20), model, symbols)
        return pushed, rans.pop(pushed, model, shape=(3,))

    symbols, locs = jnp.array([[1, 2, 9], [3, 3, 0]]), jnp.array([3.0, 1.5])
    batch = jax.jit(jax.vmap(both))(locs, symbols)
    assert cases.same(batch[1][1], symbols)
    for k in range(2):
        assert cases.same(jax.tree.map(lambda a, k=k: a[k], batch), jax.jit(both)(locs[k], symbols[k]))


def test_parameters_with_dimensions_of_their_own():
    """A mixture: components along the last axis, one mixture for each symbol or one for all."""

    def mixture(logits, mean, x):
        return (jax.nn.softmax(logits) * jax.nn.sigmoid(x - mean)).sum()

    logits, mean = jnp.zeros((4, 1, 3)), jnp.arange(15.0).reshape(5, 3)
    model = models.Custom(mixture, logits, mean, low=0, high=20, ranks=1)
    assert model.shape == (4, 5)
    symbols = jnp.arange(20).reshape(4, 5)
    jans.check_codec(rans.codec(model), cases.STACKS[0].random(0, 5, 50), symbols)
    one = models.Custom(mixture, logits[0, 0], mean[3], low=0, high=20, ranks=(1, 1))
    assert one.shape == ()
    assert cases.same(cases.bits(one, symbols[:, 3]), cases.bits(model, symbols)[:, 3])


def test_custom_agrees_with_the_model_of_the_same_function():
    symbols = jnp.arange(60)
    custom = models.Custom(cases.sigmoid, 20.5, 4.0, low=0, high=59)
    logistic = models.LogisticMixture(jnp.zeros(1), 20.5, 4.0, 0, 59)
    np.testing.assert_allclose(cases.bits(custom, symbols), cases.bits(logistic, symbols), atol=1e-2)
    # A difference of two values of F, which float32 holds to 2**-24, and one that is taken where it does not cancel.
    masses = [np.exp(cases.log_prob(model, symbols)) for model in (custom, logistic)]
    np.testing.assert_allclose(*masses, atol=2.0**-22)
    grads = [
        jax.jit(jax.grad(lambda p, make=make: make(p).bits(symbols).sum()))(jnp.array([20.5, 4.0]))
        for make in (
            lambda p: models.Custom(cases.sigmoid, p[0], p[1], low=0, high=59),
            lambda p: models.LogisticMixture(jnp.zeros(1), p[0], p[1], 0, 59),
        )
    ]
    np.testing.assert_allclose(grads[0], grads[1], rtol=1e-3)


@pytest.mark.parametrize("high", [9, 5000])
@pytest.mark.parametrize(
    "make",
    [
        lambda p, high: models.Custom(cases.sigmoid, p, 4.0, low=0, high=high),
        lambda p, high: models.Histogram([0, 5, high + 1], jnp.stack([p, 1.0])),
    ],
)
def test_coding_has_no_derivative(make, high):
    loss = lambda p: rans.content_bits(rans.push(rans.init(20), make(p, high), jnp.array([1, 2])))
    with pytest.raises(TypeError, match="push, pop and quantised frequencies have no derivative"):
        jax.grad(loss)(3.0)


def test_a_single_symbol():
    for model in (models.Custom(cases.sigmoid, 0.0, 1.0, low=7, high=7), models.Histogram([7, 8], jnp.ones(1))):
        assert [a.tolist() for a in intervals(model, jnp.array([7]))] == [[0], [2**24]]
        state = cases.STACKS[0].random(0, 5, 9)
        jans.check_codec(rans.codec(model, (3,)), state, jnp.full(3, 7))
        assert cases.content(rans.push(state, model, jnp.full(3, 7))) == cases.content(state)


@given(heights)
def test_the_table_is_what_the_search_finds(values):
    """Also where rounding is forgiven; the table is refused as a whole, the search where it meets what is wrong."""
    noise = np.array(values, np.float32) * 2.0**-21
    rising = np.sort(np.array(values, np.float32))
    for heights in (rising, np.clip(rising + noise, 0, 1), np.array(values)):
        table, search = (intervals(stepwise(kind, heights, 24)) for kind in KINDS)
        if (table[1] > 0).all():
            assert cases.same(table, search)
        else:
            assert (table[1] == 0).all()
            assert (search[1] == 0).any()


# ---- Histogram ----

widths = st.lists(st.integers(1, 400), min_size=1, max_size=5)
masses = st.one_of(st.floats(0, 1, width=32), st.sampled_from([0.0, 1e-30, 1e-6, 1.0, 3e38]))


@hypothesis.settings(max_examples=cases.examples(4))  # each has shapes of its own, to be compiled
@given(widths, st.data(), st.sampled_from(cases.thin([12, 24, 31], 3)), st.integers(-1000, 1000))
def test_any_masses_tile(width, data, precision, low):
    mass = np.array(data.draw(st.lists(masses, min_size=len(width), max_size=len(width))), np.float32)
    assume((mass >= 2.0**-126).any())
    edges = low + np.concatenate([[0], np.cumsum(width)])
    symbols = jnp.arange(edges[0], edges[-1])
    table, search = (kind(edges, mass, precision) for kind in (models.Histogram, cases.SearchedHistogram))
    with jax.disable_jit(False):
        start, freq = map(np.asarray, search.interval(symbols))
        assert cases.same(table.interval(symbols), search.interval(symbols))
        for quantiles in (start, start + freq - 1):
            assert search.locate(jnp.asarray(quantiles)).tolist() == symbols.tolist()
            assert table.locate(jnp.asarray(quantiles)).tolist() == symbols.tolist()
    freq = freq.astype(np.int64)
    assert freq.sum() == 2**precision
    assert freq.min() >= 1
    inner = np.split(freq, np.cumsum(width)[:-1])
    assert all(part.max() - part.min() <= 1 for part in inner)
    # Within one count a bin, and the rounding of sums of float32, of the exact share.
    share = mass.astype(np.float64) / mass.astype(np.float64).sum() * (2**precision - len(symbols))
    off = np.array([part.sum() for part in inner]) - width - share
    assert (np.abs(off) <= 2 + 2**precision * len(width) * 2.0**-22).all()


def test_bins_may_be_wide():
    edges = [-(2**21), -5, 0, 1, 70000, 2**21]
    model = models.Histogram(edges, jnp.array([0.1, 0.2, 0.4, 0.2, 0.1]))
    symbols = jnp.array([-(2**21), -6, -5, -1, 0, 1, 69999, 70000, 2**21 - 1])
    jans.check_codec(rans.codec(model, symbols.shape), cases.STACKS[0].random(0, 5, 50), symbols)
    start, freq = intervals(model, jnp.arange(edges[0], edges[-1]))
    assert (start == np.cumsum(freq) - freq).all()
    assert freq.sum() == 2**24
    assert float(model.bits(jnp.array([0]))[0]) == pytest.approx(-math.log2(0.4 * 0.75), abs=1e-3)


@pytest.mark.parametrize("mass", [[np.nan, 1], [1, np.inf], [1, -1e-3], [0, 0]], ids=str)
@pytest.mark.parametrize("kind", [models.Histogram, cases.SearchedHistogram])
def test_masses_that_are_none(kind, mass):
    model = kind([0, 3, 9], jnp.array([mass, [1.0, 2.0]]), 12)
    state = cases.STACKS[0].random(0, 10, 20)
    start, freq = intervals(model, jnp.array([8, 8]))
    assert (start[0], freq[0]) == (status.BAD_MODEL, 0)
    assert freq[1] > 0
    popped, symbols = rans.pop(state, model)
    assert (int(popped.status), int(symbols[0])) == (status.BAD_MODEL, 0)


CAUCHY = functools.partial(models.Custom, cauchy, 0.0, 1.0)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: CAUCHY(low=5, high=4), ValueError, "low <= high must lie within .* got 5 and 4"),
        (lambda: CAUCHY(low=0, high=2**23), ValueError, "low <= high must lie within"),
        (lambda: CAUCHY(low=0, high=64, precision=6), ValueError, "65 symbols do not fit"),
        (lambda: CAUCHY(low=0, high=4, ranks=1), ValueError, r"ranks must say .* got 1"),
        (lambda: CAUCHY(low=0, high=4, ranks=(0,)), ValueError, r"ranks must say .* got \(0,\)"),
        (
            lambda: models.Custom(lambda a, x: a * x, jnp.zeros(3), low=0, high=4, ranks=1).interval(jnp.arange(2)),
            TypeError,
            r"cdf must return a float scalar .* got float32 of shape \(3,\). Say with ranks",
        ),
        (
            lambda: models.Custom(lambda x: jnp.int32(x), low=0, high=4).interval(jnp.arange(2)),
            TypeError,
            "cdf must return a float scalar .* got int32",
        ),
        (
            lambda: models.Custom(lambda a, b, x: x, jnp.ones(2), jnp.ones(3), low=0, high=5),
            ValueError,
            r"parameters must have shapes that broadcast to each other, got \(2,\), \(3,\)",
        ),
        (lambda: models.Histogram([0, 3, 3], jnp.ones(2)), ValueError, "edges must be two or more ascending"),
        (lambda: models.Histogram([0, 0.5], jnp.ones(1)), ValueError, "edges must be two or more ascending"),
        (lambda: models.Histogram([0, 1, 2], jnp.ones(3)), ValueError, "3 edges make 2 bins, got masses of shape"),
        (lambda: models.Histogram([0, 1, 2], jnp.ones(2), 32), ValueError, "at most 31 bits of precision"),
        (lambda: models.Histogram([0, 1, 2], jnp.ones(2, int)), TypeError, "masses must be floating point"),
    ],
)  # fmt: skip
def test_errors(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()
