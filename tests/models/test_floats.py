"""Models of floating-point numbers, and Student's t distribution."""

import functools

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import jans
from jans import chain, models, range_coder, rans
from jans.models import floats

NARROW = [name for name, form in floats.FORMATS.items() if form.bits <= 16]
narrow, dtypes = pytest.mark.parametrize("name", NARROW), pytest.mark.parametrize("name", floats.FORMATS)


def student(loc, scale):
    return models.StudentT(3.0, loc, scale)


def mixture(kind, loc, scale):
    logits = jnp.array([0.0, 1.0])
    return kind(logits, jnp.stack([loc, 2 * loc], -1), jnp.stack([scale, scale / 9], -1))


DISTRIBUTIONS = {
    "gaussian": models.Gaussian,
    "laplace": models.Laplace,
    "logistic": models.Logistic,
    "cauchy": models.Cauchy,
    "student": student,
    "gaussians": functools.partial(mixture, models.GaussianMixture),
    "logistics": functools.partial(mixture, models.LogisticMixture),
    "fixed": models.FixedPointGaussian,
}
distributions = pytest.mark.parametrize("kind", DISTRIBUTIONS)
TRUE = {
    "gaussian": scipy.stats.norm,
    "laplace": scipy.stats.laplace,
    "logistic": scipy.stats.logistic,
    "cauchy": scipy.stats.cauchy,
    "student": scipy.stats.t(3.0),
}


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def numpy_dtype(name):
    return np.dtype(getattr(jnp, name))


def patterns(name, n):
    """All values of a narrow dtype, or random values and special ones of a wide dtype."""
    form = floats.FORMATS[name]
    unsigned = np.dtype(f"u{form.bits // 8}")
    if form.bits <= 16:
        return np.arange(2**form.bits, dtype=unsigned).view(numpy_dtype(name))
    rng = np.random.default_rng(form.bits)
    bits = rng.integers(0, 2**form.bits, n, unsigned)
    sign = 2 ** (form.bits - 1)
    bits[:8] = np.array([0, 1, form.last, form.last + 1, form.last - 1, sign, sign + 1, sign + form.last], unsigned)
    usual = np.exp(rng.normal(size=n)) * rng.choice([-1, 1], n)
    return np.concatenate([bits.view(numpy_dtype(name)), usual.astype(numpy_dtype(name))])


def same_bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


def assert_tiles(start, freq, precision=24):
    start, freq = (np.asarray(a).astype(np.int64) for a in (start, freq))
    assert (freq >= 1).all()
    assert (start[..., 0] == 0).all()
    assert (start[..., 1:] == start[..., :-1] + freq[..., :-1]).all()
    assert (start[..., -1] + freq[..., -1] == 2**precision).all()


# ---- every value ----


@dtypes
@distributions
def test_every_value_comes_back(name, kind):
    values = patterns(name, 500_000 if cases.KERNELS else 300)
    if not cases.KERNELS:
        values = values[:: max(1, len(values) // 300)]
    rng = np.random.default_rng(0)
    scale = jnp.asarray(np.exp(rng.normal(0, 5, len(values))), jnp.float32)
    model = models.Float(DISTRIBUTIONS[kind](scale * 0.3, scale), name)
    state = rans.push(rans.init(rans.capacity_for(model, len(values))), model, values)
    left, popped = rans.pop(state, model)
    assert same_bits(popped, values)
    jans.check(left)
    assert bool(rans.is_empty(left))


@dtypes
def test_every_coder_takes_floats(name):
    values = patterns(name, 300)
    values = values[:: max(1, len(values) // 300)]
    model = models.Float(student(0.0, 2.0), name)
    n = len(values)

    encoder = range_coder.encode(range_coder.encoder(range_coder.capacity_for(model, n)), model, values)
    decoder, popped = range_coder.decode(range_coder.finish(encoder), model, shape=(n,))
    assert same_bits(popped, values)
    jans.check(decoder)

    words = np.random.default_rng(0).integers(0, 2**32, 4 * n, np.uint32)
    state, popped = chain.pop(chain.init(words, 8 * n), model, shape=(n,))
    back = chain.push(state, model, popped)
    jans.check(back)
    assert np.concatenate(chain.to_data(back)).tolist() == words.tolist()

    few = models.Float(models.Laplace(0.0, 2.0, precision=16), name, min(floats.FORMATS[name].bits, 12))
    for variant, lanes in (("rans32", 1), ("rans64", 8), ("rans64_ryg", 1)):
        codec = rans.codec(few, shape=(n,))
        state, popped = codec.pop(codec.push(rans.init(8 * n, lanes, variant), values))
        assert same_bits(popped, values)


@narrow
@distributions
def test_keys_tile_the_quantiles(name, kind):
    if not cases.KERNELS and floats.FORMATS[name].bits == 16:
        name = "float8_e5m2"
    rng = np.random.default_rng(1)
    scales = np.exp(rng.normal(0, 6, (3, 1)))
    scale = jnp.asarray(scales, jnp.float32)
    loc = jnp.asarray(scales * rng.choice([0, 1e-6, 1, 1e6], (3, 1)), jnp.float32)
    head = models.Float(DISTRIBUTIONS[kind](loc, scale), name).head
    keys = jnp.broadcast_to(jnp.arange(head.bounds[1] + 1), (3, head.bounds[1] + 1))
    start, freq = cases.interval(head, keys)
    assert_tiles(start, freq)
    assert (np.asarray(cases.locate(head, start)) == np.asarray(keys)).all()
    assert (np.asarray(cases.locate(head, start + freq - 1)) == np.asarray(keys)).all()


def magnitudes():
    """Numbers of all sizes, and some that are none."""
    special = st.sampled_from([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-310, -1e-310, 1.8e308, 2.0**36, 2.0**37])
    usual = st.tuples(st.floats(-1, 1), st.integers(-300, 300)).map(lambda pair: pair[0] * 10.0 ** pair[1])
    return usual | special


@given(magnitudes(), magnitudes(), st.floats(-6, 24), st.sampled_from(sorted(floats.FORMATS)), st.data())
def test_any_parameters(loc, scale, log_df, name, data):
    kind = data.draw(st.sampled_from(sorted(DISTRIBUTIONS)))
    with np.errstate(over="ignore"):
        made = models.StudentT(2.0**log_df, loc, scale) if kind == "student" else None
        distribution = made or DISTRIBUTIONS[kind](jnp.asarray(loc), jnp.asarray(scale))
        head = models.Float(distribution, name, bits=12 if floats.FORMATS[name].bits > 8 else 8).head
    start, freq = cases.interval(head, jnp.arange(head.bounds[1] + 1))
    if (np.asarray(freq) == 0).all():
        assert set(np.asarray(start).tolist()) == {jans.status.BAD_MODEL}
        single = not isinstance(distribution, models.Gaussian | models.Laplace | models.Logistic | models.Cauchy)
        tiny = float(np.finfo(np.float32 if single and kind != "student" else np.float64).tiny)
        usual = tiny * 10 <= scale <= 1e38 and abs(loc) <= 1e38
        assert not usual or not 2**-4 <= 2.0**log_df <= 2**20
    else:
        assert_tiles(start, freq)


# ---- the right mass ----


@narrow
def test_an_edge_is_where_numbers_begin_to_round_to_the_next_value(name):
    form = floats.FORMATS[name]
    table = floats.edges(form)
    assert (np.diff(table[np.isfinite(table)]) >= 0).all()
    assert (table == -table[::-1]).all() or form.one_zero
    rng = np.random.default_rng(2)
    x = rng.normal(size=200_000) * 2.0 ** rng.uniform(-30, 20, 200_000)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = x.astype(np.float32).astype(numpy_dtype(name))
    fits = np.isfinite(rounded.astype(np.float32))
    keys = np.asarray(floats.float_keys(rounded))[fits]
    slack = 1 + 1e-6 * np.array([-1, 1])[:, None] * np.sign(x[fits])
    assert (table[keys] <= x[fits] * slack[1]).all()
    assert (table[keys + 1] >= x[fits] * slack[0]).all()


@narrow
def test_keys_are_in_the_order_of_the_numbers(name):
    values = patterns(name, 0)
    keys = np.asarray(models.float_keys(values))
    assert sorted(keys.tolist()) == list(range(len(values)))
    ordered = values[np.argsort(keys)].astype(np.float32)
    numbers = ordered[~np.isnan(ordered)]
    assert (np.diff(numbers[np.isfinite(numbers)]) >= 0).all()
    assert (np.diff(models.float_keys(np.sort(np.float32([-np.inf, -2, -0.0, 0.0, 1e-40, 2, np.inf])))) > 0).all()


@pytest.mark.parametrize("kind", TRUE)
@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32", "float64", "float8_e4m3fn"])
def test_masses_are_those_of_the_distribution(name, kind):
    head = models.Float(DISTRIBUTIONS[kind](0.3, 1.7), name).head
    table = floats.edges(floats.FORMATS[name].first(head.form[0]))
    k = np.arange(len(table) - 1)[:: 1 if cases.KERNELS else 257]
    start = np.asarray(cases.interval(head, jnp.asarray(k))[0]).astype(np.float64)
    total, counts = 2**24 - len(table) + 1, 1
    if kind == "student":
        total, counts = 2**24 - 2 * (len(table) - 1), 2
    expected = TRUE[kind].cdf((table[k] - 0.3) / 1.7) * total + counts * k
    assert np.abs(start - expected).max() <= 1.01


@dtypes
@distributions
def test_log_prob_is_smooth_and_near_the_bits(name, kind):
    rng = np.random.default_rng(3)
    values = np.float64(rng.normal(0.4, 1.5, 400)).astype(numpy_dtype(name))
    model = models.Float(DISTRIBUTIONS[kind](jnp.float32(0.3), jnp.float32(1.5)), name)
    exact, smooth = model.bits(values), -model.log_prob(values) / np.log(2)
    assert abs(float((exact - smooth).mean())) < 0.02
    np.testing.assert_allclose(jax.jit(lambda m, x: m.bits(x))(model, values), exact, rtol=1e-6)

    def cost(loc, scale, x):
        return models.Float(DISTRIBUTIONS[kind](loc, scale), name).bits(x).mean()

    for x in (jnp.asarray(values), jnp.asarray(patterns(name, 100))):
        slopes = jax.grad(cost, (0, 1))(jnp.float32(0.3), jnp.float32(1.5), x)
        assert np.isfinite(slopes).all()
    # The right width costs least, but for mixtures, whose second component is narrower.
    costs = [float(cost(jnp.float32(0.4), jnp.float32(s), jnp.asarray(values))) for s in (0.3, 1.5, 8.0)]
    assert costs[1] == min(costs) or kind in ("gaussians", "logistics")


def test_a_gaussian_costs_its_differential_entropy():
    values = jnp.asarray(np.random.default_rng(4).normal(0, 0.02, 20_000), jnp.bfloat16)
    cost = float(models.Float(models.Gaussian(0.0, 0.02), "bfloat16").bits(values).mean())
    # A number with the exponent e has cells of 2**(e - 7).
    steps = np.frexp(np.asarray(values).astype(np.float64))[1] - 8
    expected = 0.5 * np.log2(2 * np.pi * np.e * 0.02**2) - steps.mean()
    assert abs(cost - expected - 0.006) < 0.02


def test_a_histogram_of_keys():
    rng = np.random.default_rng(5)
    values = jnp.asarray(np.round(rng.normal(size=3000), 1), jnp.float16)
    keys = np.asarray(models.float_keys(values, bits=12))
    edges = [0, *np.unique(keys[keys > 0]), *(np.unique(keys) + 1), 4096]
    edges = np.unique(edges)
    counts, _ = np.histogram(keys, edges)
    model = models.Float(models.Histogram(edges, jnp.asarray(counts, jnp.float32)), "float16", bits=12)
    state = rans.push(rans.init(9000), model, values)
    assert same_bits(rans.pop(state, model, shape=values.shape)[1], values)
    assert float(rans.content_bits(state)) < 3000 * 11.5


# ---- transformations, exports, other libraries ----


def test_streams_and_programs():
    rng = np.random.default_rng(6)
    values = jnp.asarray(rng.normal(size=(4, 50)), jnp.bfloat16)
    scale = jnp.asarray(np.exp(rng.normal(size=(4, 50))), jnp.float32)

    @jax.jit
    @jax.vmap
    def both(scale, values):
        model = models.Float(models.Laplace(0.0, scale), jnp.bfloat16)
        state = rans.push(rans.init(200), model, values)
        return state, rans.pop(state, model)[1]

    states, popped = both(scale, values)
    assert same_bits(popped, values)
    for i in range(4):
        model = models.Float(models.Laplace(0.0, scale[i]), "bfloat16")
        assert cases.content(rans.push(rans.init(200), model, values[i])) == cases.content(
            jax.tree.map(lambda leaf, i=i: leaf[i], states)
        )


def test_the_words_stay():
    model = models.Float(models.StudentT(4.0, 0.0, 0.02), "bfloat16")
    values = jnp.asarray([0.01, -0.02, 0.5, 0.0, -0.0, jnp.inf, jnp.nan, 3e38, 1e-40], jnp.bfloat16)
    words = rans.to_words(rans.push(rans.init(20), model, values))
    assert [f"{word:08x}" for word in words.tolist()] == WORDS


WORDS = ["01fffec4", "c0ffff00", "ff7fffff", "99ff7d84", "62add03c", "0009a289"]


def test_distributions_of_other_libraries():
    make = lambda name, **values: type(name, (), values)()
    normal, student_t = make("Normal", loc=0.1, scale=2.0), make("StudentT", df=3.0, loc=0.1, scale=2.0)
    expected = models.Float(models.Gaussian(0.1, 2.0, precision=20), "float16")
    assert cases.same(models.from_distribution(normal, dtype=jnp.float16, precision=20), expected)
    expected = models.Float(models.StudentT(3.0, 0.1, 2.0), "float32")
    assert cases.same(models.from_distribution(student_t, dtype="float32"), expected)
    on_integers = models.from_distribution(student_t, low=-9, high=9)
    assert cases.same(on_integers, models.StudentT(3.0, 0.1, 2.0, -9, 9))
    with pytest.raises(TypeError, match="dtype is for distributions on real numbers, and Categorical is on integers"):
        models.from_distribution(make("Categorical", logits=jnp.zeros(4)), dtype="float32")
    with pytest.raises(ValueError, match="pass low and high for integers, or dtype for floats, got both"):
        models.from_distribution(normal, low=-9, high=9, dtype="float32")


# ---- Student's t on integers ----


@pytest.mark.parametrize("df", [0.1, 0.5, 1, 2, 3.3, 10, 100, 1e4, 1e6])
def test_student_is_that_of_scipy(df):
    k = np.arange(-2000, 2001)
    model = models.StudentT(df, 3.3, 7.1, -2000, 2000)
    start, freq = (np.asarray(a).astype(np.float64) for a in cases.interval(model, jnp.asarray(k)))
    inner = (2**24 - 2 * 4001) * scipy.stats.t.cdf((k - 0.5 - 3.3) / 7.1, df) + 2 * np.arange(4001)
    assert np.abs(start - inner)[1:].max() <= 1.01
    assert (freq >= 1).all()
    cost = -np.asarray(model.log_prob(k)) / np.log(2)
    assert np.abs(cost - np.asarray(cases.bits(model, k)))[freq > 1000].max() < 0.01
    # A symbol that is all but impossible has two counts, and costs 23 bits of 24.
    far = models.StudentT(df, 0.0, 1e-6, -9, 9)
    if df > 4:
        assert float(far.bits(9)) == 23.0
        assert abs(float(far.log_prob(9)) / np.log(2) + 23) < 1e-3
    assert np.isfinite(jax.grad(lambda s: models.StudentT(df, 3.3, s, -9, 9).bits(jnp.arange(-9, 10)).sum())(7.1))


@pytest.mark.parametrize("df", [0.06, 2.0**21, -1.0, np.nan])
def test_other_degrees_of_freedom(df):
    start, freq = models.StudentT(df, 0.0, 1.0, -9, 9).interval(jnp.zeros((), int))
    assert (int(freq), int(start)) == (0, jans.status.BAD_MODEL)


@pytest.mark.parametrize("df", [0.5, 3.0, 40.0])
def test_the_derivative_in_df(df):
    k = jnp.arange(-30, 31)
    cost = jax.jit(lambda df: models.StudentT(df, 0.3, 2.0, -30, 30).log_prob(k).sum())
    slope = (cost(df * 1.001) - cost(df * 0.999)) / (0.002 * df)
    assert abs(float(jax.grad(cost)(df)) - float(slope)) < 0.02 * abs(float(slope)) + 1e-4
    values = jnp.asarray(np.random.default_rng(0).standard_t(3, 500), jnp.bfloat16)
    cost = lambda df: models.Float(models.StudentT(df, 0.0, 1.0), "bfloat16").log_prob(values).mean()
    slope = (cost(df * 1.001) - cost(df * 0.999)) / (0.002 * df)
    assert abs(float(jax.grad(cost)(df)) - float(slope)) < 0.02 * abs(float(slope)) + 1e-4


# ---- errors ----


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: models.Float(models.Gaussian(0.0, 1.0), "int8"), TypeError, "dtype must be one of .*'int8'"),
        (lambda: models.Float(models.Gaussian(0.0, 1.0), None), TypeError, "dtype must be one of .*None"),
        (lambda: models.Float(models.Uniform(9), "float16"), TypeError, "or a model of the keys 0 ... 65535"),
        (lambda: models.Float(models.Geometric(0.5, 9), "float16"), TypeError, "or a model of the keys 0 ... 65535"),
        (lambda: models.Float(0.3, "float16"), TypeError, "distribution must be a model"),
        (lambda: models.Float(models.Gaussian(0.0, 1.0), "float16", 5), ValueError, "bits must be from 6 to 16 for"),
        (lambda: models.Float(models.Gaussian(0.0, 1.0), "float32", 17), ValueError, "bits must be from 9 to 16 for"),
        (lambda: models.Float(models.Gaussian(0.0, 1.0, precision=12), "float16"), ValueError, "65536 symbols do"),
        (lambda: models.Float(models.StudentT(3.0, 0, 1.0, precision=16), "float16"), ValueError, "room for 32768"),
        (lambda: models.Float(student(0.0, 1.0), "float16").interval(0), TypeError, "Float has no interval"),
        (
            lambda: models.StudentT(3.0, 0.0, 1.0, 0, 128, precision=8),
            ValueError,
            "129 symbols do not fit a precision of 8 bits, which has room for 128. Raise precision to at least 9",
        ),
        (lambda: models.Gaussian(0.0, 1.0).bits(0), TypeError, "Gaussian has no support. Pass low and high"),
        (lambda: models.Gaussian(0.0, 1.0).log_prob(0), TypeError, "has no support"),
        (lambda: models.escape(models.Gaussian(0.0, 1.0)), TypeError, "has no support"),
        (lambda: models.Gaussian(0.0, 1.0, low=3), TypeError, "high must be"),
        (lambda: rans.push(rans.init(9), models.Gaussian(0.0, 1.0), jnp.array([3])), TypeError, "has no support"),
        (lambda: rans.push(rans.init(9), models.Uniform(9), jnp.ones(3)), TypeError, "must be integers, got float64"),
        (lambda: FLOAT16.bits(jnp.ones(3, jnp.bfloat16)), TypeError, "must be float16, the dtype of the"),
        (lambda: rans.push(rans.init(9), FLOAT16, jnp.ones(3, int)), TypeError, "must be float16, the dtype of the"),
        (lambda: rans.pop(rans.init(9), FLOAT16, (3,), jnp.int32), TypeError, "dtype must be float16, the dtype of"),
        (lambda: rans.pop(rans.init(9), models.Uniform(9), (3,), "float16"), TypeError, "dtype must be uint8, int8"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


FLOAT16 = models.Float(models.Gaussian(0.0, 1.0), "float16")


def test_float64_needs_wide_types():
    with jax.enable_x64(False):
        with pytest.raises(ValueError, match="float64 needs JAX's 64-bit types"):
            models.Float(models.Gaussian(0.0, 1.0), "float64")
        model = models.Float(models.Gaussian(0.0, 1.0), "float32")
        with pytest.raises(TypeError, match="symbols must be of at most 32 bits, got float64"):
            rans.push(rans.init(9), model, np.ones(3))


def test_the_text_of_a_model():
    text = repr(models.Float(models.Gaussian(0.0, 2.0, precision=20), "float16", bits=12))
    assert text == (
        "jans.models.Float(distribution=jans.models.Gaussian(loc=0, scale=2, precision=20), dtype='float16', bits=12)"
    )
