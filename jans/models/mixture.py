"""Mixtures on integers, for example as likelihoods of 8-bit pixels."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr
from jax.scipy.stats import logistic, norm

from jans._checks import MAX_EDGE, Shape, common_shape
from jans.models import _base, _family
from jans.models.integers import SupportModel

MAX_COMPONENTS = 16


RULE = """
    The starts of the n = high - low + 1 intervals:

        left(low + k) = floor(F(low + k - 1/2) * (2**precision - n)) + k
        F(x) = sum_j softmax(logits)_j * component((x - loc_j) / scale_j)

    The end symbols have the tails. F is computed in fixed point (`csrc/core/models/fixed.h`).

    Args:
        logits, loc, scale: floats [..., components], 1 to 16 components, in units of the symbols; taken as
            float32. The leading axes are the shape of the symbols. NaN, infinite or non-positive parameters set
            `BAD_MODEL`. The logit of a single component is ignored, because its weight is 1.
        low, high: the support, ints or int32 arrays of the shape of the symbols, within +-2**22, where edges
            are exact in float32. Symbols are the integers themselves.
        precision: bits of the frequencies. For 256 symbols, rounding at 18 bits or more adds no measurable
            cost.
"""


class Mixture(SupportModel):
    """A mixture of symmetric distributions. A subclass defines its kernels and a component's smooth F."""

    leaves = ("logits", "loc", "scale", "low", "high")
    static = ("support", "precision")
    limits = (-MAX_EDGE, MAX_EDGE)

    def __init__(
        self,
        logits: Any,
        loc: Any,
        scale: Any,
        low: Any = 0,
        high: Any = 255,
        precision: int = _base.DEFAULT_PRECISION,
    ):
        arrays = [_base.check_single(*each) for each in (("logits", logits), ("loc", loc), ("scale", scale))]
        given = common_shape(*(array.shape for array in arrays))
        if not given or not 1 <= given[-1] <= MAX_COMPONENTS:
            raise ValueError(
                f"mixture parameters need 1 to {MAX_COMPONENTS} components along the last axis, got shape {given}."
            )
        shape = self.set_support(low, high, precision, given[:-1])
        full = (*shape, given[-1])
        self.logits, self.loc, self.scale = (jnp.broadcast_to(a, full) for a in arrays)

    @property
    def shape(self) -> Shape:
        return self.logits.shape[:-1]

    def rows(self, shape: Shape) -> tuple[jax.Array, ...]:
        """The parameters as operands of a kernel."""
        logits: Any = self.logits
        if logits.shape[-1] == 1:
            logits = np.zeros((1, 1), np.float32)  # its weight is 1
            loc, scale = _base.flat_parameters(self.shape, shape, self.loc, self.scale)
        else:
            logits, loc, scale = _base.flat_parameters(self.shape, shape, logits, self.loc, self.scale)
        return logits, loc, scale

    def operands(self, shape: Shape) -> tuple[jax.Array, ...]:
        return *self.rows(shape), *self.support_operands(shape)

    def mass(self, symbols: jax.Array, first: jax.Array, last: jax.Array) -> jax.Array:
        centre = symbols[..., None].astype(jnp.float32) - self.loc
        masses = self.mass_around(centre, self.scale, first[..., None], last[..., None])
        return (jax.nn.softmax(self.logits, -1) * masses).sum(-1)

    def mass_between(self, low: jax.Array, high: jax.Array) -> jax.Array:
        masses = self.mass_of_cells(low[..., None] - self.loc, high[..., None] - self.loc, self.scale)
        return (jax.nn.softmax(self.logits, -1) * masses).sum(-1)


@_family.documented(RULE)
class LogisticMixture(Mixture):
    """Mixtures of discretised logistics (Salimans et al. 2017, arXiv:1701.05517).

    >>> model = LogisticMixture(jnp.zeros((1,)), jnp.array([1.0]), jnp.array([1.0]), low=0, high=2, precision=8)
    >>> model.interval(jnp.arange(3))
    (Array([  0,  96, 159], dtype=uint32), Array([96, 63, 97], dtype=uint32))
    """

    family = "logistic_mixture"
    cdf = staticmethod(jax.nn.sigmoid)

    def log_density(self, z: jax.Array) -> jax.Array:
        return logistic.logpdf(z)


@_family.documented(RULE)
class GaussianMixture(Mixture):
    """Mixtures of Gaussians on integers.

    >>> model = GaussianMixture(jnp.zeros(2), jnp.array([2.0, 7.0]), jnp.ones(2), low=0, high=9, precision=16)
    >>> model.bits(jnp.array([2, 7, 4])).round(1)  # two components: at 2 and at 7
    Array([2.4, 2.4, 4.9], dtype=float32)
    """

    family = "gaussian_mixture"
    cdf = staticmethod(ndtr)

    def log_density(self, z: jax.Array) -> jax.Array:
        return norm.logpdf(z)


def _one_component(loc: Any, scale: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The parameters of mixtures with one component."""
    loc, scale = _base.check_single("loc", loc), _base.check_single("scale", scale)
    return jnp.zeros((1,), jnp.float32), loc[..., None], scale[..., None]


class FixedPointGaussian(GaussianMixture):
    """A Gaussian on integers in fixed point: the fastest model with a location and a scale for each symbol.

    It is a `GaussianMixture` with one component. `Gaussian` computes in float64 instead, with constriction's
    integers.

    Args:
        loc, scale: floats that broadcast to the shape of the symbols, in units of the symbols; taken as
            float32. NaN, infinite or non-positive ones set `BAD_MODEL`.
        low, high, precision: as for `GaussianMixture`.

    >>> model = FixedPointGaussian(jnp.array([0.0, 7.5]), jnp.array([1.0, 3.0]), low=-20, high=20, precision=16)
    >>> model.interval(jnp.array([0, 9]))
    (Array([20227, 41327], dtype=uint32), Array([25081,  7660], dtype=uint32))
    """

    def __init__(self, loc: Any, scale: Any, low: Any = 0, high: Any = 255, precision: int = _base.DEFAULT_PRECISION):
        super().__init__(*_one_component(loc, scale), low, high, precision)


class FixedPointLogistic(LogisticMixture):
    """A logistic distribution on integers in fixed point: a `LogisticMixture` with one component.

    Args:
        loc, scale, low, high, precision: as for `FixedPointGaussian`.

    >>> model = FixedPointLogistic(jnp.array([0.0, 7.5]), jnp.array([1.0, 3.0]), low=-20, high=20, precision=16)
    >>> model.interval(jnp.array([0, 9]))
    (Array([24747, 38184], dtype=uint32), Array([16041,  5121], dtype=uint32))
    """

    def __init__(self, loc: Any, scale: Any, low: Any = 0, high: Any = 255, precision: int = _base.DEFAULT_PRECISION):
        super().__init__(*_one_component(loc, scale), low, high, precision)
