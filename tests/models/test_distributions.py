"""Distributions of other libraries, by stand-ins with their names and attributes, and by the libraries themselves."""

import importlib
import types

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jans import models

BATCH = jnp.array([0.3, 1.2])
LOGITS = jnp.array([[0.0, 1.0, -1.0], [2.0, 0.0, 0.0]])
PROBS = jnp.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
SPAN = {"low": -20, "high": 30}
SYMBOLS = jnp.arange(10)


def stand_in(name, **attributes):
    return type(name, (types.SimpleNamespace,), {})(**attributes)


def parts(name):
    return stand_in(name, loc=LOGITS, scale=jnp.ones(3))


MIXTURE = {"mixture_distribution": stand_in("Categorical", logits=LOGITS), "components_distribution": parts("Logistic")}
MIXTURE_OF_BETAS = MIXTURE | {"components_distribution": parts("Beta")}
MIXING = {"mixing_distribution": stand_in("CategoricalProbs", probs=PROBS), "component_distribution": parts("Logistic")}


@pytest.mark.parametrize(
    ("given", "expected", "bounds"),
    [
        (stand_in("Categorical", logits=LOGITS, probs=None), models.Categorical(logits=LOGITS), {}),
        (stand_in("Categorical", logits=None, probs=PROBS), models.Categorical(PROBS), {}),
        (stand_in("Categorical", _probs=PROBS, probs=PROBS, logits=0, _logits=None), models.Categorical(PROBS), {}),
        (stand_in("CategoricalProbs", logits=LOGITS, probs=PROBS), models.Categorical(PROBS), {}),
        (stand_in("CategoricalLogits", logits=LOGITS, probs=PROBS), models.Categorical(logits=LOGITS), {}),
        (stand_in("BernoulliProbs", probs=0.3), models.Bernoulli(0.3), {}),
        (stand_in("Bernoulli", logits=0.3), models.Categorical(logits=jnp.array([0.0, 0.3])), {}),
        (stand_in("DiscreteUniform", low=0, high=9), models.Uniform(10), {}),
        (stand_in("Independent", distribution=stand_in("Bernoulli", probs=BATCH / 2)), models.Bernoulli(BATCH / 2), {}),
        (stand_in("Independent", base_dist=stand_in("BernoulliProbs", probs=0.5)), models.Bernoulli(0.5), {}),
        (stand_in("MixtureSameFamily", **MIXTURE), models.LogisticMixture(LOGITS, LOGITS, 1.0, **SPAN), SPAN),
        (stand_in("MixtureSameFamily", **MIXING), models.LogisticMixture(jnp.log(PROBS), LOGITS, 1.0, **SPAN), SPAN),
    ],
)
def test_the_model_has_the_parameters(given, expected, bounds):
    model = models.from_distribution(given, **bounds)
    assert cases.same(model, expected)
    assert models.from_distribution(given, **bounds, precision=12).precision == 12


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (stand_in("Gumbel"), TypeError, r"no model is known for .*Gumbel. Known are .*models.Custom"),
        (stand_in("Categorical"), TypeError, "Categorical should have one of the attributes probs, and has none"),
        (stand_in("Normal", loc=0.0, scale=1.0), ValueError, "Normal has no end of its own: pass low and high. low is"),
        (stand_in("Poisson", rate=2.0), ValueError, "Poisson has no end of its own: pass high"),
        (stand_in("DiscreteUniform", low=1, high=9), ValueError, "Uniform models count from 0, got low=1"),
        (stand_in("MixtureSameFamily", **MIXTURE_OF_BETAS), TypeError, "got one of Beta"),
        (stand_in("Quantized", distribution=parts("Beta"), low=0, high=9), TypeError, "have a model, got Beta"),
    ],
)  # fmt: skip
def test_errors(given, error, message):
    with pytest.raises(error, match=message):
        models.from_distribution(given)


# ---- the libraries themselves ----


def numpyro(d):
    return [
        (d.Categorical(PROBS), {}),
        (d.Categorical(logits=LOGITS), {}),
        (d.Bernoulli(BATCH / 2), {}),
        (d.Bernoulli(logits=BATCH), {}),
        (d.Bernoulli(BATCH / 2).to_event(1), {}),
        (d.DiscreteUniform(0, 9), {}),
        (d.Binomial(10, 0.3), {}),
        (d.Binomial(10, logits=BATCH), {}),
        (d.BetaBinomial(2.0, 3.0, 10), {}),
        (d.Poisson(BATCH), {"high": 30}),
        (d.Geometric(0.3), {"high": 60}),
        (d.Geometric(logits=BATCH), {"high": 60}),
    ]


def distrax(d):
    logistic = d.Logistic(BATCH, jnp.array([2.0, 3.0]))
    return [
        (d.Categorical(LOGITS), {}),
        (d.Categorical(probs=PROBS), {}),
        (d.Bernoulli(BATCH), {}),
        (d.Bernoulli(probs=BATCH / 2), {}),
        (d.Independent(d.Bernoulli(probs=BATCH / 2), 1), {}),
        (d.Quantized(logistic, jnp.array(-20.0), jnp.array(30.0)), {}),
        (d.Quantized(d.Normal(BATCH, 2.0), jnp.array(-20.0), jnp.array(30.0)), {}),
        (d.Quantized(d.Laplace(BATCH, 2.0), jnp.array(-20.0), jnp.array(30.0)), {}),
    ]


def tensorflow_probability(d):
    return [
        (d.Categorical(LOGITS), {}),
        (d.Bernoulli(probs=BATCH / 2), {}),
        (d.Binomial(10.0, logits=BATCH), {}),
        (d.BetaBinomial(10.0, 2.0, 3.0), {}),
        (d.Poisson(BATCH), {"high": 30}),
        (d.Geometric(probs=BATCH / 2), {"high": 60}),
        (d.QuantizedDistribution(d.Cauchy(BATCH, 2.0), -20.0, 30.0), {}),
    ]


LIBRARIES = [
    (numpyro, "numpyro.distributions"),
    (distrax, "distrax"),
    (tensorflow_probability, "tensorflow_probability.substrates.jax.distributions"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("library", "module"), LIBRARIES, ids=lambda value: getattr(value, "__name__", ""))
def test_code_lengths_are_those_of_the_library(library, module):
    """The probability that the library itself gives each symbol; the `test` extra installs all three."""
    try:
        found = importlib.import_module(module)
    except ImportError:
        pytest.skip(f"{module} is not installed: pip install 'jans[test]'")
    for distribution, bounds in library(found):
        model = models.from_distribution(distribution, **bounds)
        most = min(9, int(np.min(model.bounds[1])))
        symbols = jnp.broadcast_to(jnp.arange(most + 1).reshape(-1, *(1,) * len(model.shape)), (most + 1, *model.shape))
        base = getattr(distribution, "base_dist", None) or distribution
        if type(base).__name__ == "Independent":
            base = base.distribution
        expected = np.exp(base.log_prob(symbols.astype(jnp.float32) if "tensorflow" in module else symbols))
        coded = 2.0 ** -np.asarray(jax.jit(model.bits)(symbols))
        np.testing.assert_allclose(coded, expected, atol=2e-5, err_msg=str(distribution))
