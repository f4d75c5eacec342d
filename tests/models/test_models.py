"""Quantisation and models: every float becomes a legal distribution or is refused, and what training sees is what is
coded."""

import math
import statistics

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import jans
from jans import models, quantize, rans, status
from jans.models._rows import Rows

TINY = 2.0**-126  # the smallest normal float32


def floats32(**limits):
    return st.floats(width=32, allow_nan=False, allow_infinity=False, **limits)


def rows(elements, sizes=(2, 7, 40)):
    return st.sampled_from(cases.thin(sizes, 3)).flatmap(lambda n: st.lists(elements, min_size=n, max_size=n))


precisions = st.sampled_from(cases.thin([24, 6, 32, 12], 4))


def freqs(cdf, precision):
    """Frequencies of a row, which must begin at 0 and end at 2**precision."""
    wide = np.asarray(cdf).astype(np.int64)
    wide[-1] += (wide[-1] == 0) << 32
    assert (wide[0], wide[-1]) == (0, 2**precision)
    return np.diff(wide)


# ---- probabilities ----

magnitudes = st.one_of(
    floats32(min_value=0),
    st.sampled_from([0.0, 1e-45, 1e-40, TINY, 1e-30, 1.0, 3.4e38]),
    floats32(min_value=0, max_value=1),
)


@given(rows(magnitudes), precisions)
@example([1.0, 0.0], 24)
@example([0.0, 3.4e38], 32)
@example([TINY, 3.4e38], 24)
@example([3.4e38] * 40, 24)
@example([TINY] * 7, 24)
def test_any_probabilities_become_frequencies(values, precision):
    values = np.array(values, np.float32)
    assume((values >= TINY).any())
    freq = freqs(quantize.fast(values, precision), precision)
    assert (freq >= 1).all()
    # Within one count, and the rounding of sums of float32, of the exact share.
    exact = np.where(values < TINY, 0, values).astype(np.float64)
    share = exact / exact.sum() * (2**precision - len(values))
    assert (np.abs(freq - 1 - share) <= 1 + 2**precision * len(values) * 2.0**-23).all()


@given(rows(st.floats(min_value=0, allow_infinity=False)), precisions)
@example([1e308] * 40, 24)
@example([2.3e-308, 1e308], 32)
def test_any_double_probabilities_become_frequencies(values, precision):
    values = np.array(values)
    assume((values >= 2.0**-1022).any())
    with jax.enable_x64(True):
        cdf = quantize.fast(jnp.asarray(values), precision)
    assert (freqs(cdf, precision) >= 1).all()


@given(rows(floats32(min_value=2.0**-20, max_value=1)), precisions, st.integers(-100, 100))
def test_a_power_of_two_changes_nothing(values, precision, power):
    values = np.array(values, np.float32)
    for rule in (quantize.fast, quantize.perfect):
        assert cases.same(rule(np.ldexp(values, power), precision), rule(values, precision))


def cost(probs, freq, precision):
    """Bits a symbol."""
    probs = np.where(probs < TINY, 0, probs).astype(np.float64)
    return (probs / probs.sum() * (precision - np.log2(freq))).sum()


@given(rows(magnitudes), precisions, st.integers(0, 2**40 - 1))
@example([1.0, 0.0], 24, 0)
@example([TINY, 3.4e38], 24, 0)
@example([3.4e38] * 40, 24, 0)
@example([1.0] * 40, 6, 0)
@example([TINY] * 7, 24, 0)
def test_perfect_frequencies_cannot_be_improved(values, precision, trades):
    values = np.array(values, np.float32)
    assume((values >= TINY).any())
    freq = freqs(quantize.perfect(values, precision), precision)
    assert (freq >= 1).all()
    least = cost(values, freq, precision)
    assert least <= cost(values, freqs(quantize.fast(values, precision), precision), precision) + 1e-12
    for digit in range(8):  # nor by a count that one symbol gives to another
        seller, buyer = trades // 32**digit % len(values), trades // 32**digit // 7 % len(values)
        other = freq.copy()
        other[seller] -= 1
        other[buyer] += 1
        assert other[seller] < 1 or least <= cost(values, other, precision) + 1e-12


masks = st.integers(0, 2**40 - 1)
masked_precisions = st.sampled_from(cases.thin([24, 6, 31, 12], 4))


@pytest.mark.parametrize("rule", [quantize.fast, quantize.perfect, quantize.logits])
@given(rows(st.one_of(magnitudes, st.just(np.nan), st.just(-1.0), st.just(np.inf))), masked_precisions, masks)
@example([1.0, 2.0, 1.0, 0.0], 24, 0b0111)
@example([27.0, 1.0], 24, 0b01)
@example([1e-3, 0.7, 1.0, 1.0], 24, 0b0010)
@example([1.0, 1.0], 31, 0b01)
@example([np.nan, 1.0, 1.0], 24, 0b110)
def test_masked_symbols_have_no_place(rule, values, precision, bits):
    """The others have the frequencies that they would have alone."""
    values = np.array(values, np.float32)
    mask = bits >> np.arange(len(values)) & 1 == 1
    cdf = np.asarray(rule(values, precision, mask))
    # As many symbols again, so that few shapes are compiled: those that are masked come last, and do not count.
    front = np.argsort(~mask, kind="stable")
    alone = np.asarray(rule(values[front], precision, mask[front]))
    if cdf[0] != 0:
        assert (cdf == 2**32 - 1).all()
        assert (alone == 2**32 - 1).all()
        return
    freq, others = freqs(cdf, precision), freqs(alone, precision)
    assert (freq[mask] >= 1).all()
    assert (freq[~mask] == 0).all()
    assert (freq[mask] == others[: mask.sum()]).all()


def test_masks_are_arrays_like_any():
    """Traced, mapped over, shared and broadcast."""
    rng = np.random.default_rng(0)
    values, mask = rng.random((4, 3, 5), np.float32), rng.random((4, 3, 5)) < 0.6
    mask[..., 2] = True
    for rule in (quantize.fast, quantize.perfect, quantize.logits):
        rows = [[rule(v, 12, m) for v, m in zip(*pair, strict=True)] for pair in zip(values, mask, strict=True)]
        expected = jnp.stack([jnp.stack(row) for row in rows])
        assert cases.same(rule(values, 12, mask), expected)
        assert cases.same(jax.jit(lambda v, m, rule=rule: rule(v, 12, m))(values, mask), expected)
        assert cases.same(jax.vmap(lambda v, m, rule=rule: rule(v, 12, m))(values, mask), expected)
        shared = jax.vmap(lambda v, rule=rule: rule(v, 12, mask[0]))(values)
        assert cases.same(shared, rule(values, 12, mask[:1]))
        assert cases.same(rule(values, 12, mask[0, 0]), rule(values, 12, np.broadcast_to(mask[0, 0], values.shape)))


@pytest.mark.parametrize("n", [2, 7, 8, 9, 64, 257])
@pytest.mark.parametrize("rule", [quantize.fast, quantize.logits])
def test_masks_that_leave_all_symbols_change_nothing(rule, n):
    """There are loops for rows without a mask: of many spreads, and rows that are none."""
    rng = np.random.default_rng(n)
    values = (rng.normal(size=(200, n)) * np.logspace(-3, 3, 200)[:, None]).astype(np.float32)
    values[::7] = values[::7].round()
    if rule is quantize.fast:
        values = np.exp(np.clip(values, -80, 80))
    for row, wrong in enumerate([np.nan, np.inf, -np.inf, -1e-45, 3e38, -3e38]):
        values[row, rng.integers(n)] = wrong
    values[6], values[7] = -np.inf, 0
    refused = [0, 1, 2, 5, 6, 7] if rule is quantize.fast else [0, 1, 6]
    for precision in (9, 17, 24, 31):
        plain, masked = (rule(values, precision, mask) for mask in (None, np.ones(n, bool)))
        assert cases.same(plain, masked)
        assert (np.asarray(plain[:, 0]) != 0).nonzero()[0].tolist() == refused


@pytest.mark.parametrize("parameters", ["probs", "logits"])
def test_masked_symbols_cannot_be_pushed_and_get_no_gradient(parameters):
    values, mask = jnp.array([0.5, 0.2, 0.3]), jnp.array([True, False, True])
    build = lambda values: models.Categorical(**{parameters: values}, mask=mask)
    state = rans.push(rans.init(4), build(values), jnp.array([0, 1, 2]))
    assert int(state.status) == status.BAD_SYMBOL
    assert np.isinf(build(values).bits(jnp.arange(3))).tolist() == [False, True, False]
    gradient = jax.grad(lambda values: build(values).bits(jnp.array([0, 2])).sum())(values)
    assert np.isfinite(gradient).all()
    assert float(gradient[1]) == 0
    assert (
        int(rans.push(rans.init(4), models.Categorical(values, mask=False), jnp.array([0])).status) == status.BAD_MODEL
    )


RULES = {"fast": quantize.fast, "perfect": quantize.perfect}
BAD = [[np.nan, 1, 1], [1, np.inf, 1], [1, 1, -1e-3], [0, 0, 0], [-0.0, 0, 0], [1e-40, 1e-45, 0], [1, 1, -np.inf]]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("row", BAD, ids=str)
def test_what_is_no_distribution_is_refused(row, rule):
    values = jnp.array([row, [1, 2, 1]], jnp.float32)
    cdf = RULES[rule](values, 12)
    assert (np.asarray(cdf[0]) == 2**32 - 1).all()
    # Its neighbour in the batch is not harmed.
    assert freqs(cdf[1], 12).tolist() == {"fast": [1024, 2047, 1025], "perfect": [1024, 2048, 1024]}[rule]
    model = models.Categorical(values, rule=rule, precision=12)
    state = cases.STACKS[0].random(0, 10, 20)
    pushed = rans.push(state, model, jnp.array([1, 1]))
    popped, symbols = rans.pop(state, model)
    assert (int(pushed.status), int(popped.status)) == (status.BAD_MODEL, status.BAD_MODEL)
    assert int(symbols[0]) == 0
    assert np.isposinf(cases.bits(model, jnp.array([0, 0]))).tolist() == [True, False]
    # Refused symbols are left out: the good ones alone give the same coder.
    alone = rans.push(state, models.Categorical(values[1], rule=rule, precision=12), jnp.array([1]))
    assert cases.same(pushed.head, alone.head)


@pytest.mark.parametrize("prob", [-0.1, 1.1, np.nan, np.inf])
def test_probabilities_of_a_bernoulli(prob):
    assert int(rans.push(rans.init(4), models.Bernoulli(jnp.float32(prob)), jnp.array([1])).status) == status.BAD_MODEL


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precisions_widen(dtype):
    probs = jnp.asarray(np.random.default_rng(0).random(50), dtype)
    half, single = models.Categorical(probs), models.Categorical(probs.astype(jnp.float32))
    assert cases.same(half.cdf, single.cdf)
    assert cases.same(models.Categorical(probs, rule="perfect").cdf, quantize.perfect(probs.astype(jnp.float32), 24))
    assert cases.same(models.Categorical(logits=probs).cdf, models.Categorical(logits=probs.astype(jnp.float32)).cdf)


odd = [np.nan, np.inf, -1.0, -0.0, 0.0, 1e-45, -1e-45, 1e-40, TINY, 2.0**-101, 3.4e38]


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64, jnp.bfloat16])
@pytest.mark.parametrize(
    ("n", "precision"), cases.sample([(2, 24), (15, 24), (16, 12), (17, 24), (40, 30), (64, 32), (257, 24)])
)
def test_sums_give_what_tables_give(n, precision, dtype):
    """Rows that code one symbol each: the same integers for every symbol and every quantile, and the same refusals."""
    rng = np.random.default_rng(n)
    values = rng.random((40, n)) ** rng.choice([1, 8, 60], (40, 1)) * 10.0 ** rng.integers(-38, 38, (40, 1))
    values = np.where(rng.random((40, n)) < rng.choice([0, 0.3], (40, 1)), rng.choice(odd, (40, n)), values)
    values[::4] = np.where(rng.random((10, n)) < 0.7, 0, values[::4])
    symbols = jnp.asarray(rng.integers(-1, n + 1, 40), jnp.int32)
    quantiles = rng.integers(0, 2**precision, 40, np.uint64).astype(np.uint32)
    quantiles[::3], quantiles[1::6] = 2**precision - 1, 0
    quantiles = jnp.asarray(quantiles)
    with jax.enable_x64(dtype == jnp.float64):
        probs = jnp.asarray(values, dtype)
        summed = models.Categorical(probs, precision=precision)
        assert (summed.table, summed.kernel((40,)).kind) == (None, "lazy")
        table = Rows(summed.cdf, precision)
        legal = np.asarray(summed.cdf)[:, 0] == 0
        assert 0 < legal.sum() < 40 or n == 257
        for ours, theirs in zip(cases.interval(summed, symbols), cases.interval(table, symbols), strict=True):
            assert ours.tolist() == theirs.tolist()
        ours, theirs = (np.asarray(cases.locate(model, quantiles)) for model in (summed, table))
        assert (ours == np.where(legal, theirs, np.iinfo(np.int32).min)).all()
        state = cases.STACKS[0].random(0, 60, 80)
        if precision <= 24:
            assert cases.same(rans.pop(state, summed), rans.pop(state, table))
            pushed = [cases.content(rans.push(state, model, symbols)) for model in (summed, table)]
            assert pushed[0] == pushed[1]
        shared = [jax.tree.map(lambda leaf: leaf[legal.argmax()], model) for model in (summed, table)]
        assert cases.same(*(cases.interval(model, symbols) for model in shared))
        assert cases.same(*(cases.locate(model, quantiles) for model in shared))


def test_every_symbol_of_a_full_alphabet_has_one_place():
    assert freqs(quantize.fast(jnp.arange(64.0), 6), 6).tolist() == [1] * 64
    assert freqs(quantize.perfect(jnp.arange(64.0), 6), 6).tolist() == [1] * 64
    assert freqs(quantize.logits(jnp.arange(64.0), 6), 6).tolist() == [1] * 64


# ---- logits ----


@given(rows(st.one_of(floats32(), st.just(-np.inf), floats32(min_value=-30, max_value=30))), precisions)
@example([0.0, -3.4e38], 24)
@example([3.4e38, -3.4e38], 32)
@example([-np.inf, 5.0], 24)
def test_any_logits_become_frequencies(values, precision):
    values = np.array(values, np.float32)
    assume(np.isfinite(values).any())
    freq = freqs(quantize.logits(values, precision), precision)
    assert (freq >= 1).all()
    exact = values.astype(np.float64) - values.max()
    share = np.exp(exact) / np.exp(exact).sum()
    # exp in fixed point is good to 4e-6, and each value to 2**-30.
    close = 1 + 2**precision * (4e-6 * share + len(values) * 2.0**-29)
    assert (np.abs(freq - 1 - share * (2**precision - len(values))) <= close).all()
    assert (np.diff(freq[np.argsort(values)]) >= -1).all()  # what is likelier gets more, to one count


@pytest.mark.parametrize(
    "row", [[np.nan, 0, 0], [0, np.nan, 0], [0, np.inf, 0], [-np.inf] * 3, [0, 0, np.nan]], ids=str
)
def test_logits_that_are_none(row):
    cdf = quantize.logits(jnp.array(row, jnp.float32), 12)
    assert (np.asarray(cdf) == 2**32 - 1).all()


# ---- distribution functions in fixed point ----

SYMBOLS = np.arange(60)
extremes = [0.0, 1e-40, TINY, -1e-30, 5e-5, 1e8, -1e30, 3.4e38, -3.4e38]
means = st.one_of(floats32(), st.sampled_from(extremes), floats32(min_value=-80, max_value=80))
spreads = st.one_of(
    floats32(min_value=TINY, exclude_min=False), st.sampled_from([TINY, 1e-30, 1e-3, 1.0, 1e30, 3.4e38])
)


def assert_tiles(model, precision, symbols=SYMBOLS):
    """Intervals of all symbols lie end to end from 0 to 2**precision, and locate finds both ends of each."""
    start, freq = (np.asarray(a).astype(np.int64) for a in cases.interval(model, symbols))
    assert (freq >= 1).all()
    assert (start == np.cumsum(freq) - freq).all()
    assert freq.sum() == 2**precision
    for quantiles in (start, start + freq - 1):
        assert cases.locate(model, jnp.asarray(quantiles.astype(np.uint32))).tolist() == symbols.tolist()


EDGES = np.concatenate([[-np.inf], np.linspace(-3, 3, 59) ** 3, [np.inf]]).astype(np.float32)


@given(means, spreads, precisions)
def test_any_gaussian_tiles(mean, scale, precision):
    assert_tiles(models.BinnedGaussian(jnp.float32(mean), jnp.float32(scale), EDGES, precision), precision)


@given(st.lists(st.tuples(floats32(), means, spreads), min_size=3, max_size=3), precisions)
def test_any_mixture_tiles(parts, precision):
    logits, mean, scale = jnp.asarray(np.array(parts, np.float32).T)
    assert_tiles(models.LogisticMixture(logits, mean, scale, -20, 39, precision), precision, SYMBOLS - 20)


BAD_PARAMETERS = [(np.nan, 1), (np.inf, 1), (-np.inf, 1), (0, np.nan), (0, np.inf), (0, 0), (0, -1), (0, 1e-40)]


@pytest.mark.parametrize(("mean", "scale"), BAD_PARAMETERS)
def test_parameters_that_are_none(mean, scale):
    mean, scale = jnp.float32(mean), jnp.float32(scale)
    mixture = models.LogisticMixture(jnp.zeros(2), jnp.array([1.0, mean]), jnp.array([1.0, scale]), high=9)
    for model in (models.BinnedGaussian(mean, scale, EDGES), mixture):
        start, freq = cases.interval(model, jnp.arange(3))
        assert (start.tolist(), freq.tolist()) == ([status.BAD_MODEL] * 3, [0] * 3)
        assert int(rans.push(rans.init(4), model, jnp.array([1])).status) == status.BAD_MODEL
        popped, symbol = rans.pop(rans.init(4), model, shape=(1,))
        assert (int(popped.status), int(symbol[0])) == (status.BAD_MODEL, 0)


@pytest.mark.parametrize("logit", [np.nan, np.inf])
def test_logits_of_a_mixture_that_are_none(logit):
    model = models.LogisticMixture(jnp.array([0.0, logit]), 0.0, 1.0, high=9)
    assert int(rans.push(rans.init(4), model, jnp.array([1])).status) == status.BAD_MODEL


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (-1.3, 0.4), (2.0, 7.0), (0.5, 0.03)])
def test_gaussians_are_near_the_real_ones(mean, scale):
    start, _ = cases.interval(models.BinnedGaussian(mean, scale, EDGES), SYMBOLS)
    normal = statistics.NormalDist(mean, scale)
    exact = [0.0, *(normal.cdf(float(edge)) for edge in EDGES[1:-1])]
    assert np.abs(np.asarray(start) * 2.0**-24 - exact).max() < 5e-6  # 60 of 2**24 places are given away


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (12.3, 0.4), (2.0, 70.0), (25.0, 0.03)])
def test_logistics_are_near_the_real_ones(mean, scale):
    model = models.LogisticMixture(jnp.zeros(1), mean, scale, 0, 59)
    start, _ = cases.interval(model, SYMBOLS)
    exact = [0.0, *(0.5 + 0.5 * math.tanh((k - 0.5 - mean) / (2 * scale)) for k in SYMBOLS[1:])]
    assert np.abs(np.asarray(start) * 2.0**-24 - exact).max() < 2e-5  # straight lines between 64 points a unit


def test_the_weights_of_a_mixture():
    parts = jnp.log(jnp.array([0.2, 0.5, 0.3])), jnp.array([10.0, 30.0, 50.0]), jnp.full(3, 0.5)
    start, _ = cases.interval(models.LogisticMixture(*parts, 0, 59), SYMBOLS)
    assert np.abs(np.asarray(start)[[20, 40]] * 2.0**-24 - [0.2, 0.7]).max() < 1e-4  # 16 bits a weight


# ---- what training sees is what is coded ----


@pytest.mark.parametrize("case", cases.sample(cases.SIMPLE), ids=str)
def test_log_prob_is_the_length_of_the_code(case):
    """To two counts of the frequency and, where exp or Phi is read from a table, 1e-4 of it."""
    model, symbols = case.draw(20, (37,))
    symbols = jnp.asarray(symbols)
    freq = np.asarray(cases.interval(model, symbols)[1]).astype(np.float64)
    error = np.abs(np.asarray(cases.log_prob(model, symbols)) + np.asarray(cases.bits(model, symbols)) * math.log(2))
    assert (error <= 2 / freq + 1e-4).all()


@pytest.mark.parametrize("case", cases.sample(list(cases.MODELS.values())[:14]), ids=str)
@pytest.mark.parametrize("dtype", cases.sample(cases.thin([jnp.uint8, jnp.int8, jnp.uint16, jnp.int16], 4), 4))
def test_small_dtypes_of_symbols_change_nothing(case, dtype):
    model, symbols = case.draw(20, (37,))
    symbols = np.minimum(symbols, 127)
    assert cases.same(cases.log_prob(model, symbols.astype(dtype)), cases.log_prob(model, symbols))
    assert cases.same(cases.bits(model, symbols.astype(dtype)), cases.bits(model, symbols))


def test_supports_wider_than_the_dtype_of_symbols():
    symbols = jnp.array([0, 100], jnp.int8)
    wide = [
        models.Uniform(400),
        models.Categorical(jnp.ones(300)),
        models.LogisticMixture(jnp.zeros(1), 50.0, 9.0, high=255),
        models.NormalGrid(9).posterior(0.0, 1.0),
    ]
    for model in wide:
        assert cases.same(cases.log_prob(model, symbols), cases.log_prob(model, symbols.astype(jnp.int32)))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_bits_of_probabilities_of_any_size(scale):
    probs = jnp.array([3.0, 1.0, 0.0]) * jnp.float32(scale)
    small, even = models.Categorical(probs), models.Categorical(jnp.array([3.0, 1.0, 0.0]))
    np.testing.assert_allclose(small.log_prob(jnp.arange(2)), even.log_prob(jnp.arange(2)), rtol=1e-5)


at_extremes = st.tuples(
    st.sampled_from([-1e6, -1e4, -1.0, 0.0, 0.3, 1e4]), st.sampled_from([1e-9, 1e-6, 0.1, 1.0, 1e6, 1e9])
)


@given(at_extremes)
def test_gradients_are_finite(parameters):
    parameters = jnp.array(parameters, jnp.float32)
    for grad in GRADIENTS:
        assert np.isfinite(grad(parameters)).all()


def _gaussian_loss(p):
    return models.BinnedGaussian(p[0], p[1], EDGES).bits(SYMBOLS).sum()


def _mixture_loss(p):
    mean, scale = jnp.stack([p[0], 0.0]), jnp.stack([p[1], 1.0])
    return models.LogisticMixture(jnp.zeros(2), mean, scale, -20, 39).bits(SYMBOLS - 20).sum()


def _logits_loss(p):
    return models.Categorical(logits=jnp.stack([p[0], 0.0, p[0] / 3])).bits(jnp.arange(3)).sum()


def _probs_loss(p):
    return models.Categorical(jnp.stack([p[1], 1.0, p[1] / 3])).bits(jnp.arange(3)).sum()


GRADIENTS = [jax.jit(jax.grad(loss)) for loss in (_gaussian_loss, _mixture_loss, _logits_loss, _probs_loss)]


FAMILIES = {
    "gaussian": (lambda p: models.Gaussian(p[0], p[1], -9, 9), [0.5, 1.0]),
    "laplace": (lambda p: models.Laplace(p[0], p[1], -9, 9), [0.5, 1.0]),
    "logistic": (lambda p: models.Logistic(p[0], p[1], -9, 9), [0.5, 1.0]),
    "cauchy": (lambda p: models.Cauchy(p[0], p[1], -9, 9), [0.5, 1.0]),
    "geometric": (lambda p: models.Geometric(p[0], 9), [0.3]),
    "binomial": (lambda p: models.Binomial(9, p[0]), [0.3]),
    "poisson": (lambda p: models.Poisson(p[0], 20), [2.5]),
    "beta_binomial": (lambda p: models.BetaBinomial(9, p[0], p[1]), [2.0, 3.0]),
}


@pytest.mark.parametrize(("build", "at"), FAMILIES.values(), ids=FAMILIES)
def test_the_derivatives_of_log_prob_are_its_slopes(build, at):
    """Where a formula changes from one branch to another, too: a symbol's bound lies at the location."""
    symbols = jnp.array([0, 1, 3])
    with jax.enable_x64(True):
        log_prob = lambda p: build(p).log_prob(symbols).astype(jnp.float64)
        at = jnp.asarray(at, jnp.float64)
        found = jax.jacobian(log_prob)(at)
        step = 1e-3
        for k, unit in enumerate(np.eye(len(at))):
            slope = (log_prob(at + step * unit) - log_prob(at - step * unit)) / (2 * step)
            np.testing.assert_allclose(found[:, k], slope, rtol=2e-2, atol=2e-3)


# ---- the others ----


@given(st.integers(1, 2**31 - 1), st.sampled_from([24, 32, 5]))
def test_uniform_intervals(size, precision):
    sizes = jnp.array([size, 3])
    last = size - 1
    start, freq = cases.interval(models.Uniform(sizes, precision), jnp.array([last, 1]))
    if size > 2**precision or (size == 1 and precision == 32):
        assert (int(freq[0]), int(start[0])) == (0, status.BAD_MODEL)
    else:
        assert int(start[0]) == 2**precision // size * last
        assert int(start[0]) + int(freq[0]) == 2**precision
    assert (int(start[1]), int(freq[1])) == (2**precision // 3, 2**precision // 3)


@pytest.mark.parametrize("bits", [1, 5, 13])
def test_the_normal_grid(bits):
    grid = models.NormalGrid(bits)
    edges, centres = np.asarray(grid.edges), np.asarray(grid.centres)
    assert (len(edges), len(centres)) == (2**bits + 1, 2**bits)
    assert (edges[:-1] < centres).all()
    assert (centres < edges[1:]).all()
    assert (edges == -edges[::-1]).all()
    symbols = jnp.arange(2**bits)
    assert (grid.prior().bits(symbols) == bits).all()
    assert cases.same(grid.value(symbols), grid.centres)
    # Under the standard normal itself all bins weigh nearly the same.
    freq = np.asarray(cases.interval(grid.posterior(0.0, 1.0), symbols)[1])
    assert np.abs(freq / 2.0 ** (24 - bits) - 1).max() < 0.06


def test_a_model_class_can_be_defined_again():
    """As a notebook does with every run of its cell."""
    for size in (3, 4):

        class Even(models.Model):
            leaves = ("size",)

            def __init__(self, size):
                self.size, self.precision = jnp.uint32(size), 8

            @property
            def shape(self):
                return ()

            def interval(self, symbols):
                start = symbols.astype(jnp.uint32) * 64
                return start, jnp.full_like(start, 64)

            def locate(self, quantiles):
                return (quantiles // 64).astype(jnp.int32)

            def log_prob(self, symbols):
                return jnp.full(symbols.shape, -math.log(4))

        codec = rans.codec(Even(size), shape=(5,))
        jans.check_codec(codec, rans.init(8), jnp.array([0, 3, 1, 2, 2]))


def test_a_mixture_codes_the_integers_of_its_support():
    model = models.LogisticMixture(jnp.zeros(1), jnp.array([-2.0]), jnp.array([1.5]), low=-7, high=4, precision=12)
    symbols = jnp.arange(-7, 5, dtype=jnp.int8)
    state = rans.push(rans.init(20), model, symbols)
    _, again = rans.pop(jans.check(state), model, shape=symbols.shape, dtype=jnp.int8)
    assert (again == symbols).all()
    start, freq = model.interval(symbols)
    assert int(start[0]) == 0
    assert (start[1:] == start[:-1] + freq[:-1]).all()
    assert (model.locate(start) == symbols).all()
    assert np.isinf(model.bits(jnp.array([-8, 5]))).all()
    assert np.isinf(model.log_prob(jnp.array([-8, 5]))).all()
    np.testing.assert_allclose(model.log_prob(symbols), -model.bits(symbols) * np.log(2), atol=6e-3)
