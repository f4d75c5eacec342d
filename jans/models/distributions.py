"""Models from distributions of distrax, numpyro and TensorFlow Probability. They are recognised by class
name, so none of these libraries is imported."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans.models import _base
from jans.models.categorical import Bernoulli, Categorical
from jans.models.counts import BetaBinomial, Binomial, Geometric, Poisson
from jans.models.floats import Float
from jans.models.integers import Cauchy, Gaussian, Laplace, LocationScale, Logistic, StudentT
from jans.models.mixture import GaussianMixture, LogisticMixture, Mixture
from jans.models.uniform import Uniform

WRAPPERS = {"Independent", "ExpandedDistribution"}
"""Wrappers that change which axes are called a batch, but no probability."""


def from_distribution(
    distribution: Any,
    *,
    low: int | None = None,
    high: int | None = None,
    dtype: Any = None,
    precision: int = _base.DEFAULT_PRECISION,
) -> _base.Model:
    """The model with the probabilities of a distribution of distrax, numpyro or TensorFlow Probability.

    Args:
        distribution: a distribution whose class has a name in `KNOWN`. For Independent and expanded
            distributions, the inner distribution counts.
        low, high: the support. Pass both for distributions on real numbers, which are rounded to the nearest
            integer. Pass only `high` for distributions on 0, 1, 2, ..., and neither for others.
        dtype: of floats, in place of `low` and `high`, for distributions on real numbers: the model is a `Float`.
        precision: bits of the frequencies.

    Returns:
        A model with the parameters of the distribution: probabilities if it was made of probabilities, else
            logits.

    Raises:
        TypeError: for any other class; the text lists the known ones. Also if `dtype` is given for a distribution
            that is not on real numbers.
        ValueError: if low or high is missing, or given together with `dtype`.

    >>> class Categorical:  # numpyro.distributions.Categorical(logits=...), for one
    ...     logits = jnp.zeros(4)
    >>> from_distribution(Categorical(), precision=8).bits(jnp.arange(4))
    Array([2., 2., 2., 2.], dtype=float32)
    """
    while type(distribution).__name__ in WRAPPERS:
        distribution = _first(distribution, "base_dist", "distribution")
    name = type(distribution).__name__.removesuffix("Probs").removesuffix("Logits")
    if name not in KNOWN:
        raise TypeError(
            f"no model is known for {type(distribution).__module__}.{type(distribution).__name__}. Known are "
            f"{', '.join(KNOWN)}. Build a model with the same parameters, or models.Custom with its cdf."
        )
    options = _Options(name, low, high, dtype is not None, precision)
    model = KNOWN[name](distribution, options)
    if dtype is None:
        return model
    if not isinstance(model, LocationScale | Mixture):
        raise TypeError(f"dtype is for distributions on real numbers, and {name} is on integers.")
    return Float(model, dtype)


class _Options:
    """The keyword arguments. It raises an error if a model needs one that was not passed."""

    def __init__(self, name: str, low: int | None, high: int | None, on_floats: bool, precision: int):
        self.name, self.low, self.high, self.on_floats, self.precision = name, low, high, on_floats, precision

    def make(self, model: Callable[..., _base.Model], *parameters: Any, **bounds: int) -> _base.Model:
        return model(*parameters, **bounds, precision=self.precision)

    def ends(self, *names: str) -> dict[str, int]:
        bounds = {name: getattr(self, name) for name in names}
        if self.on_floats:
            if any(value is not None for value in bounds.values()):
                raise ValueError(f"pass {' and '.join(names)} for integers, or dtype for floats, got both.")
            return {}
        for name, value in bounds.items():
            if value is None:
                raise ValueError(f"{self.name} has no end of its own: pass {' and '.join(names)}. {name} is missing.")
        return {name: int(value) for name, value in bounds.items()}


def _first(distribution: Any, *names: str) -> Any:
    """The first of these attributes that is not None."""
    for name in names:
        value = getattr(distribution, name, None)
        if value is not None:
            return value
    raise TypeError(
        f"{type(distribution).__name__} should have one of the attributes {', '.join(names)}, and has none."
    )


def _floats(values: Any) -> jax.Array:
    return jnp.asarray(values, None if jnp.issubdtype(jnp.result_type(values), jnp.floating) else jnp.float32)


def _parameter(distribution: Any) -> tuple[str, jax.Array]:
    """Whether a distribution was made of probs or of logits, and these values."""
    for name in ("probs", "logits"):
        # numpyro tells by the class. distrax and TensorFlow Probability store the other one as None.
        by_class = type(distribution).__name__.endswith(name.capitalize())
        if by_class or getattr(distribution, f"_{name}", None) is not None:
            return name, _floats(getattr(distribution, name))
    name = "probs" if getattr(distribution, "logits", None) is None else "logits"
    return name, _floats(_first(distribution, name))


def _prob(distribution: Any) -> jax.Array:
    name, values = _parameter(distribution)
    return values if name == "probs" else jax.nn.sigmoid(values)


def _categorical(d: Any, options: _Options) -> _base.Model:
    name, values = _parameter(d)
    if name == "probs":
        return Categorical(values, precision=options.precision)
    return Categorical(logits=values, precision=options.precision)


def _bernoulli(d: Any, options: _Options) -> _base.Model:
    name, values = _parameter(d)
    if name == "probs":
        return Bernoulli(values, options.precision)
    return Categorical(logits=jnp.stack([jnp.zeros_like(values), values], axis=-1), precision=options.precision)


def _located(kind: Callable[..., _base.Model]) -> Callable[[Any, _Options], _base.Model]:
    return lambda d, options: options.make(kind, _floats(d.loc), _floats(d.scale), **options.ends("low", "high"))


def _student(d: Any, options: _Options) -> _base.Model:
    return options.make(StudentT, _floats(d.df), _floats(d.loc), _floats(d.scale), **options.ends("low", "high"))


def _trials(d: Any) -> Any:
    return jnp.asarray(d.total_count).astype(jnp.int32)


def _binomial(d: Any, options: _Options) -> _base.Model:
    return options.make(Binomial, _trials(d), _prob(d))


def _beta_binomial(d: Any, options: _Options) -> _base.Model:
    return options.make(BetaBinomial, _trials(d), _floats(d.concentration1), _floats(d.concentration0))


def _poisson(d: Any, options: _Options) -> _base.Model:
    return options.make(Poisson, _floats(d.rate), **options.ends("high"))


def _geometric(d: Any, options: _Options) -> _base.Model:
    return options.make(Geometric, _prob(d), **options.ends("high"))


def _discrete_uniform(d: Any, options: _Options) -> _base.Model:
    if np.any(np.asarray(d.low) != 0):
        raise ValueError(f"Uniform models count from 0, got low={d.low}. Code symbols - low with models.Uniform.")
    return Uniform(jnp.asarray(d.high).astype(jnp.int32) + 1, options.precision)


def _mixture(d: Any, options: _Options) -> _base.Model:
    name, values = _parameter(_first(d, "mixing_distribution", "mixture_distribution"))
    parts = _first(d, "component_distribution", "components_distribution")
    kinds: dict[str, Callable[..., _base.Model]] = {"Logistic": LogisticMixture, "Normal": GaussianMixture}
    kind = type(parts).__name__
    if kind not in kinds:
        raise TypeError(f"mixtures of {', '.join(kinds)} have a model, got one of {kind}.")
    logits = jnp.log(values) if name == "probs" else values
    return options.make(kinds[kind], logits, _floats(parts.loc), _floats(parts.scale), **options.ends("low", "high"))


def _quantized(d: Any, options: _Options) -> _base.Model:
    """A quantised distribution.

    There, symbol k has the mass from k - 1 to k; here, of the numbers that round to k.
    """
    kinds = {"Logistic": Logistic, "Normal": Gaussian, "Laplace": Laplace, "Cauchy": Cauchy}
    kind = type(d.distribution).__name__
    if kind not in kinds:
        raise TypeError(f"quantized {', '.join(kinds)} have a model, got {kind}.")
    bounds = {"low": _first(d, "low"), "high": _first(d, "high")}
    bounds = {name: int(np.asarray(end).ravel()[0]) for name, end in bounds.items()}
    return options.make(kinds[kind], _floats(d.distribution.loc) + 0.5, _floats(d.distribution.scale), **bounds)


KNOWN: dict[str, Callable[[Any, _Options], _base.Model]] = {
    "Categorical": _categorical,
    "Bernoulli": _bernoulli,
    "DiscreteUniform": _discrete_uniform,
    "Normal": _located(Gaussian),
    "Laplace": _located(Laplace),
    "Logistic": _located(Logistic),
    "Cauchy": _located(Cauchy),
    "StudentT": _student,
    "Binomial": _binomial,
    "BetaBinomial": _beta_binomial,
    "Poisson": _poisson,
    "Geometric": _geometric,
    "MixtureSameFamily": _mixture,
    "Quantized": _quantized,
    "QuantizedDistribution": _quantized,
}
"""Maps names of classes to functions that make the model. numpyro's names also end with Probs or Logits."""
