"""Models in closed form: whatever the parameters, every symbol has its place, or the model is refused."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jans import models, rans, status
from jans._variants import RANS
from jans.coders._rans_state import check_stream
from jans.ffi import targets

MODELS = 16  # at a time
TINY = 2.0**-126

dtypes = pytest.mark.parametrize("dtype", cases.thin(["float32", "float64", "bfloat16"], 3))


def numbers(*values):
    """Any floats, of any size, and some that are special."""
    special = [0.0, -0.0, 1.0, -1.0, 0.5, TINY, 1e-40, -1e-40, 2.0**36, 2.0**37, 1e30, 3e38, np.inf, -np.inf, np.nan]
    return st.one_of(
        st.floats(width=32),
        st.floats(-50, 50, width=32),
        st.sampled_from([*special, *values]),
        st.integers(-60, 60).map(lambda k: 2.0**k),
    )


def rows_of(elements, count):
    return st.lists(st.tuples(*(elements,) * count), min_size=MODELS, max_size=MODELS)


def is_scale(x):
    return np.isfinite(x) & (x > 0)


def in_unit(x):
    return (x >= 0) & (x <= 1)


def countable(x):
    return (x >= 1e-30) & (x <= 1e30)


def on_integers(kind):
    return lambda a, b: kind(a, b, -20, 19), lambda a, b: np.isfinite(a) & is_scale(b)


KINDS = {
    "gaussian": (2, *on_integers(models.Gaussian)),
    "laplace": (2, *on_integers(models.Laplace)),
    "logistic": (2, *on_integers(models.Logistic)),
    "cauchy": (2, *on_integers(models.Cauchy)),
    "geometric": (1, lambda p: models.Geometric(p, 39), lambda p: (p >= 2.0**-40) & (p <= 1)),
    "binomial": (1, lambda p: models.Binomial(39, p), in_unit),
    "poisson": (1, lambda r: models.Poisson(r, 39), countable),
    "beta-binomial": (2, lambda a, b: models.BetaBinomial(39, a, b), lambda a, b: countable(a) & countable(b)),
}
kinds = pytest.mark.parametrize("kind", list(KINDS))


@jax.jit
def all_intervals(model, symbols):
    """Intervals of all symbols of all models, and what lies at the first and the last place of each."""
    start, freq = jax.vmap(model.interval)(symbols)
    return start, freq, jax.vmap(model.locate)(start), jax.vmap(model.locate)(start + freq - 1)


def assert_tiles(model, legal):
    """Where the parameters are legal, 40 symbols tile 2**24 places and are found in them; elsewhere there is none."""
    low = getattr(model, "bounds", (0, 39))[0]
    symbols = np.broadcast_to(np.arange(40)[:, None] + low, (40, MODELS)).astype(np.int32)
    start, freq, first, last = (np.asarray(a).astype(np.int64) for a in all_intervals(model, symbols))
    assert (freq[:, ~legal] == 0).all()
    assert (start[:, ~legal] == status.BAD_MODEL).all()
    start, freq, first, last, symbols = (a[:, legal] for a in (start, freq, first, last, symbols))
    assert (freq >= 1).all()
    ends = np.concatenate([np.zeros_like(start[:1]), start + freq])
    assert (ends[:-1] == start).all()
    assert (ends[-1] == 2**24).all()
    assert (first == symbols).all()
    assert (last == symbols).all()


@kinds
@dtypes
def test_any_parameters(kind, dtype):
    count, build, legal = KINDS[kind]

    @given(rows_of(numbers(), count))
    @example([(0.3, 2.0**37)[:count]] * MODELS)
    @example([(1e-12, 1e-30)[:count]] * MODELS)
    @example([(1 - 2.0**-24, 1e30)[:count]] * MODELS)
    def run(rows):
        with jax.enable_x64(dtype == "float64"):
            parameters = [jnp.asarray(np.array(column), dtype) for column in zip(*rows, strict=True)]
            read = jnp.float64 if dtype == "float64" else jnp.float32
            values = [np.asarray(p.astype(read)) for p in parameters]
            # Subnormal numbers count as zero.
            values = [np.where(np.abs(v) < np.finfo(v.dtype).tiny, 0, v).astype(np.float64) for v in values]
            assert_tiles(build(*parameters), legal(*values))

    run()


@pytest.mark.parametrize("kind", ["gaussian", "laplace", "logistic", "cauchy"])
def test_neighbours_under_the_widest_scales(kind):
    """Where neighbours differ by the last bits of F, or not at all, each still has a place."""
    rng = np.random.default_rng(0)
    n = 4000
    scale = 2.0 ** rng.uniform(30, 100, (n, 1))
    location = scale * rng.choice([-6, -5.9, -1, 0, 0.001, 1, 3, 5.86, 6], (n, 1)) * rng.uniform(0.999, 1.001, (n, 1))
    build, _ = KINDS[kind][1:]
    with jax.enable_x64(True):
        model = build(jnp.asarray(location), jnp.asarray(scale))
        start, freq = cases.interval(model, jnp.broadcast_to(jnp.arange(-20, 20), (n, 40)))
    start, freq = np.asarray(start).astype(np.int64), np.asarray(freq)
    assert (freq >= 1).all()
    assert (start[:, 1:] == start[:, :-1] + freq[:, :-1]).all()


def wide_models(rng, n):
    size = 2**22
    location, scale = rng.uniform(-size, size, n) / 2, 10.0 ** rng.uniform(-2, 8, n)
    single = lambda kind: kind(np.float32(location), np.float32(scale), -(2**21), 2**21)
    return {
        "gaussian": single(models.Gaussian),
        "laplace": single(models.Laplace),
        "logistic": single(models.Logistic),
        "cauchy": single(models.Cauchy),
        "geometric": models.Geometric(np.float32(10.0 ** rng.uniform(-9, 0, n)), 2**22),
        "binomial": models.Binomial(2**16, np.float32(rng.random(n))),
        "mixture": models.LogisticMixture(
            np.zeros((n, 1), np.float32), np.float32(location)[:, None], np.float32(scale)[:, None], -(2**21), 2**21
        ),
    }


@pytest.mark.parametrize("kind", ["gaussian", "laplace", "logistic", "cauchy", "geometric", "binomial", "mixture"])
def test_every_place_of_a_wide_support_leads_back(kind):
    """A hundred thousand places of as many models: the symbol that lies there has an interval that holds it."""
    n = 100_000 if cases.KERNELS else 2_000
    rng = np.random.default_rng(1)
    model = wide_models(rng, n)[kind]
    quantiles = jnp.asarray(rng.integers(0, 2**24, n).astype(np.uint32))
    symbols = cases.locate(model, quantiles)
    start, freq = cases.interval(model, symbols)
    assert (np.asarray(freq) >= 1).all()
    assert (np.asarray(quantiles - start) < np.asarray(freq)).all()


@pytest.mark.parametrize(
    "model",
    [
        lambda low, high: models.Gaussian(0.0, 1.0, low, high),
        lambda low, high: models.LogisticMixture(jnp.zeros(1), 0.0, 1.0, low, high),
        lambda low, high: models.Poisson(1.0, high - low),
        lambda low, high: models.BetaBinomial(high - low, 1.0, 1.0),
        lambda low, high: models.Binomial(high - low, 0.5),
        lambda low, high: models.Geometric(0.5, high - low),
    ],
    ids=["gaussian", "mixture", "poisson", "beta-binomial", "binomial", "geometric"],
)
@pytest.mark.parametrize(("low", "high"), [(3, 1), (0, 2**24), (-(2**31), 2**31 - 1), (2**30, 2**31 - 1)])
def test_supports_that_nobody_can_code(model, low, high):
    """As arrays, which are only known when it is too late for an error: the status says so, and nothing hangs."""
    made = model(jnp.int32(low), jnp.int32(high))
    assert int(rans.push(rans.init(9), made, jnp.array([low])).status) == status.BAD_MODEL
    popped, symbols = rans.pop(rans.from_words(np.arange(1, 5, dtype=np.uint32)), made)
    assert (int(popped.status), int(symbols)) == (status.BAD_MODEL, 0)


def test_bounds_of_each_symbol():
    low, high = jnp.array([-3, 0, 5]), jnp.array([-1, 0, 9])
    model = models.Gaussian(jnp.zeros(3), 1.0, low, high)
    start, freq = model.interval(jnp.stack([low, high, low - 1, high + 1]))
    assert (start[0] == 0).all()
    assert (start[1] + freq[1] == 2**24).all()
    assert (freq[2:] == 0).all()
    assert (start[2:] == status.BAD_SYMBOL).all()


def test_fixed_point_costs_next_to_nothing():
    """What symbols of a Gaussian cost under its fixed-point model, over what they cost under that in float64."""
    rng = np.random.default_rng(2)
    n = 200_000 if cases.KERNELS else 2_000
    mean, scale = rng.uniform(-20, 20, n).astype(np.float32), np.exp(rng.uniform(-2, 4, n)).astype(np.float32)
    symbols = np.clip(np.round(mean + scale * rng.normal(size=n)), -128, 127).astype(np.int32)
    exact = models.Gaussian(mean, scale, -128, 127)
    fixed = models.FixedPointGaussian(mean, scale, -128, 127)
    excess = np.asarray(cases.bits(fixed, symbols)) - np.asarray(cases.bits(exact, symbols))
    assert abs(excess.mean()) < 1e-3


@pytest.mark.parametrize(
    ("kind", "single_kind"),
    [(models.GaussianMixture, models.FixedPointGaussian), (models.LogisticMixture, models.FixedPointLogistic)],
)
@pytest.mark.parametrize("precision", [9, 16, 24, 31])
def test_a_single_component(kind, single_kind, precision):
    """The mixture of that component, whatever its logit; its symbols are found by lines, and by search beside these."""
    rng = np.random.default_rng(precision)
    n = 200
    mean = rng.choice([-1e6, -300, -1.5, 0, 0.25, 7, 90, 1e5], n).astype(np.float32)
    scale = rng.choice([1e-30, 0.01, 0.5, 3, 40, 1e4, 1e30], n).astype(np.float32)
    single = single_kind(mean, scale, -200, 250, precision)
    logits = rng.normal(0, 9, (n, 1))
    quantiles = jnp.asarray(rng.integers(0, 2**precision, n, np.uint32))
    symbols = cases.locate(single, quantiles)
    start, freq = cases.interval(single, symbols)
    assert ((start <= quantiles) & (quantiles - start < freq)).all()
    for model in (kind(logits, mean[:, None], scale[:, None], -200, 250, precision), single):
        alone = [jax.tree.map(lambda leaf, i=i: leaf[i], model) for i in range(0, n, 41)]
        intervals = [cases.interval(one, symbols[i]) for one, i in zip(alone, range(0, n, 41), strict=True)]
        assert [(int(a), int(b)) for a, b in intervals] == [(int(start[i]), int(freq[i])) for i in range(0, n, 41)]
    variant = "rans32_16" if precision == 9 else "rans64"
    for lanes in (1, 32):
        state = rans.push(rans.init(2 * n, lanes, variant), single, symbols)
        coder = {"variant": RANS[variant].number, "precision": precision}
        empty = check_stream(rans.init(2 * n, lanes, variant))
        head, tail, size, bad = targets.rans.push(*empty, start, freq, **coder)
        assert cases.content(state) == cases.content(rans.State(head, tail, size, bad, variant))
        assert not bad
        assert (rans.pop(state, single)[1] == symbols).all()
