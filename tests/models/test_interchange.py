"""A million pairs of parameters and symbol for each model, against constriction 0.5.0: the words of both are the same.

One interval that differs would change all words after it.
"""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jans import models, rans

constriction = pytest.importorskip("constriction", reason="the package constriction is not installed")
peer = constriction.stream.model

COUNT = 1_000_000 if cases.KERNELS else 10_000
LOW, HIGH = -500, 500

floats = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def words(model, symbols):
    state = jax.jit(lambda model, symbols: rans.push(rans.init(2 * COUNT), model, symbols))(model, symbols)
    assert int(state.status) == 0
    return rans.to_words(state)


def peer_words(model, symbols, *parameters):
    coder = constriction.stream.stack.AnsCoder()
    coder.encode_reverse(symbols, model, *parameters)
    return coder.get_compressed()


def assert_alike(model, symbols, peer_model, *parameters):
    expected = peer_words(peer_model, symbols, *parameters)
    assert np.array_equal(words(model, symbols), expected)
    popped, decoded = jax.jit(lambda state, model: rans.pop(state, model, shape=symbols.shape))(
        rans.from_words(expected), model
    )
    assert np.array_equal(decoded, symbols)
    assert rans.is_empty(popped)


def usual(rng):
    return rng.normal(0, 50, COUNT), np.exp(rng.normal(1, 2, COUNT))


def extreme(rng):
    """Locations on edges and far away; scales from far below to far above the distance of symbols."""
    far = rng.normal(0, 1, COUNT) * 10.0 ** rng.uniform(-10, 12, COUNT)
    location = np.where(rng.random(COUNT) < 0.5, far, rng.integers(-1000, 1000, COUNT) / 2)
    return location, 10.0 ** rng.uniform(-30, 10, COUNT)


def draw(rng, location, scale):
    """Half of the symbols from the distribution, as far as that goes, half from anywhere."""
    near = np.clip(location, LOW, HIGH) + np.clip(scale, 0, HIGH) * rng.normal(size=COUNT)
    anywhere = rng.integers(LOW, HIGH + 1, COUNT)
    return np.clip(np.round(np.where(rng.random(COUNT) < 0.5, near, anywhere)), LOW, HIGH).astype(np.int32)


@floats
@pytest.mark.parametrize("parameters", [usual, extreme])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (models.Gaussian, peer.QuantizedGaussian),
        (models.Laplace, peer.QuantizedLaplace),
        (models.Cauchy, peer.QuantizedCauchy),
    ],
    ids=["gaussian", "laplace", "cauchy"],
)
def test_distributions_on_integers(ours, theirs, parameters, dtype):
    rng = np.random.default_rng(0)
    location, scale = (a.astype(dtype) for a in parameters(rng))
    symbols = draw(rng, location.astype(np.float64), scale.astype(np.float64))
    with jax.enable_x64(dtype == np.float64):
        model = ours(jnp.asarray(location), jnp.asarray(scale), LOW, HIGH)
        assert_alike(model, symbols, theirs(LOW, HIGH), location, scale)


@pytest.mark.parametrize("size", [2**16, 2**23])
def test_gaussians_on_wide_supports(size):
    rng = np.random.default_rng(1)
    location, scale = rng.uniform(-size, size, COUNT) / 2, size * 10.0 ** rng.uniform(-6, 0, COUNT)
    symbols = np.clip(np.round(location + scale * rng.normal(size=COUNT)), -size // 2, size // 2 - 1).astype(np.int32)
    with jax.enable_x64(True):
        model = models.Gaussian(jnp.asarray(location), jnp.asarray(scale), -size // 2, size // 2 - 1)
        assert_alike(model, symbols, peer.QuantizedGaussian(-size // 2, size // 2 - 1), location, scale)


def test_scales_beyond_all_symbols_differ_by_a_count_and_seldom():
    """Above 2**36 our arguments lie on a grid, so that every symbol keeps an interval."""
    rng = np.random.default_rng(2)
    count = 2000
    scale = 2.0 ** rng.uniform(37, 60, count)
    location = scale * rng.normal(size=count)
    with jax.enable_x64(True):
        model = models.Gaussian(jnp.asarray(location), jnp.asarray(scale), -1, 1)
        starts = np.stack([np.asarray(cases.interval(model, jnp.full(count, k))[0]) for k in (0, 1)]).astype(np.int64)
    differences = 0
    for i in range(count):
        family = peer.QuantizedGaussian(-1, 1, location[i], scale[i])
        for k, start in zip((0, 1), starts[:, i], strict=True):
            encoder = constriction.stream.queue.RangeEncoder()
            encoder.encode(k, family)
            difference = abs(encoder.pos()[1][0] // (2**40 - 1) - start)
            assert difference <= 1
            differences += difference
    assert differences <= 2


@floats
def test_binomials(dtype):
    rng = np.random.default_rng(3)
    trials = rng.integers(1, 1000, COUNT).astype(np.int32)
    prob = rng.random(COUNT)
    prob = np.where(rng.random(COUNT) < 0.3, 10.0 ** rng.uniform(-12, 0, COUNT), prob)
    prob = np.where(rng.random(COUNT) < 0.2, 1 - 10.0 ** rng.uniform(-12, -1, COUNT), prob)
    prob = np.clip(prob.astype(dtype), 1e-30, 1 - np.finfo(dtype).eps)
    likely = rng.binomial(trials, prob.astype(np.float64))
    symbols = np.where(rng.random(COUNT) < 0.5, likely, rng.integers(0, trials + 1)).astype(np.int32)
    with jax.enable_x64(dtype == np.float64):
        model = models.Binomial(jnp.asarray(trials), jnp.asarray(prob))
        assert_alike(model, symbols, peer.Binomial(), trials, prob)


def test_bernoullis():
    rng = np.random.default_rng(4)
    prob = np.where(rng.random(COUNT) < 0.5, rng.random(COUNT), 10.0 ** rng.uniform(-12, 0, COUNT))
    symbols = (rng.random(COUNT) < 0.5).astype(np.int32)
    with jax.enable_x64(True):
        assert_alike(models.Bernoulli(jnp.asarray(prob)), symbols, peer.Bernoulli(perfect=False), prob)


def test_uniforms():
    rng = np.random.default_rng(5)
    sizes = np.floor(2.0 ** rng.uniform(1, 24, COUNT)).astype(np.int32)
    symbols = rng.integers(0, sizes).astype(np.int32)
    assert_alike(models.Uniform(jnp.asarray(sizes)), symbols, peer.Uniform(), sizes)


@floats
@pytest.mark.parametrize("n", [2, 9, 64])
@pytest.mark.parametrize(("rule", "perfect"), [("fast", False), ("perfect", True)])
def test_rows_of_probabilities(rule, perfect, n, dtype):
    """Rows of one shape each, from even to very skewed, of all magnitudes, with zeros and with ties."""
    rng = np.random.default_rng(n)
    count = COUNT // (n * 3) + 1  # all symbols of a row, in three shapes and two dtypes: a million together
    values = rng.random((count, n)) ** rng.choice([0, 1, 4, 30], (count, 1))
    values[rng.random((count, n)) < 0.1] = 0
    values = np.where(rng.random((count, 1)) < 0.3, np.round(values * 4), values)
    values[:, -1] = values.sum(-1) * rng.uniform(0.01, 1, count) + 1e-3
    values = (values * 10.0 ** rng.integers(-20, 20, (count, 1))).astype(dtype)
    probs, symbols = np.repeat(values, n, axis=0), np.tile(np.arange(n, dtype=np.int32), count)
    with jax.enable_x64(dtype == np.float64):
        model = models.Categorical(jnp.asarray(probs), rule=rule)
        assert_alike(model, symbols, peer.Categorical(perfect=perfect), probs)
