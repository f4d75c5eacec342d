"""Distributions of the real line, quantised to the integers of a support as in constriction."""

import abc
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr

from jans._checks import Shape
from jans.models import _base, _family
from jans.models._family import Bound


class SupportModel(_family.FamilyModel):
    """A model on the integers low ... high.

    Each bound is an int for all symbols, or an int32 array with a value each.
    """

    low: jax.Array | None
    high: jax.Array | None
    support: tuple[int | None, ...]
    limits: ClassVar[tuple[int, int]] = (-(2**31), 2**31 - 1)

    @property
    def bounds(self) -> tuple[Bound, Bound]:
        """The lowest and the highest symbol."""
        return _family.joined(self.support[0], self.low), _family.joined(self.support[1], self.high)

    @property
    def size(self) -> Bound:
        """The number of symbols."""
        low, high = self.bounds
        return high - low + 1

    def settings(self) -> dict[str, Any]:
        low, high = self.bounds
        return {**super().settings(), "support": None, "low": low, "high": high}

    def set_support(self, low: Any, high: Any, precision: int, *shapes: Shape) -> Shape:
        """Sets the support, and returns the common shape of the support and the parameters."""
        bounds = (
            _family.check_integer("low", low, *self.limits),
            _family.check_integer("high", high, *self.limits),
        )
        size = bounds[1] - bounds[0] + 1 if isinstance(bounds[0], int) and isinstance(bounds[1], int) else None
        self.precision = _family.check_size(f"the support {low} ... {high}", size, precision)
        shape, together = _family.broadcast(bounds, *shapes)
        self.support, (self.low, self.high) = _family.split(*together)
        return shape

    def support_operands(self, shape: Shape) -> tuple[jax.Array, jax.Array]:
        low, high = self.bounds
        return _family.flat(self.shape, shape, low), _family.flat(self.shape, shape, high)

    @staticmethod
    @abc.abstractmethod
    def cdf(z: jax.Array, /) -> jax.Array:
        """F with location 0 and scale 1, symmetric and smooth. Only `log_prob` uses it."""

    @abc.abstractmethod
    def mass(self, symbols: jax.Array, first: jax.Array, last: jax.Array) -> jax.Array:
        """The probability of symbols (int32) before quantisation;
        the first and the last symbol have the tails."""

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        symbols = _base.check_symbols(symbols, self.shape)
        low, high = self.bounds
        mass = self.mass(symbols, symbols <= low, symbols >= high)
        return _family.log_floored(mass, self.size, self.precision, (symbols >= low) & (symbols <= high))

    def mass_around(self, centre: jax.Array, scale: jax.Array, first: jax.Array, last: jax.Array) -> jax.Array:
        """The mass within 1/2 of `centre`, which is a distance from the location."""
        return _family.mass_between(self.cdf, (centre - 0.5) / scale, (centre + 0.5) / scale, first, last)


RULE = """
    The starts of the n = high - low + 1 intervals, with z = (x - loc) / scale:

        left(low + k) = floor(F(low + k - 1/2) * (2**precision - n)) + k

    The end symbols have the tails. All machines compute F in float64 with the same operations
    (`csrc/core/models/distributions.h`). At 24 bits these are the integers of constriction's quantised distributions.

    Args:
        loc, scale: float32 or float64 (half precisions are converted to float32), of the shape of the symbols,
            in the units of the symbols. A location that is not finite, or a scale that is not a positive normal
            number, sets `BAD_MODEL`.
        low, high: the support, ints or int32 arrays of the shape of the symbols. Symbols are the integers
            themselves. If the support has no symbol, or more than 2**precision symbols, ints raise ValueError
            and arrays set `BAD_MODEL`.
        precision: bits of the frequencies.
"""


class LocationScale(SupportModel):
    """A distribution with a location and a scale. A subclass defines its kernels and its smooth F."""

    leaves = ("loc", "scale", "low", "high")
    static = ("support", "precision")

    def __init__(self, loc: Any, scale: Any, low: Any, high: Any, precision: int = _base.DEFAULT_PRECISION):
        loc, scale = _base.check_floats("loc", loc), _base.check_floats("scale", scale)
        shape = self.set_support(low, high, precision, loc.shape, scale.shape)
        self.loc, self.scale = jnp.broadcast_to(loc, shape), jnp.broadcast_to(scale, shape)

    @property
    def shape(self) -> Shape:
        return self.loc.shape

    def operands(self, shape: Shape) -> tuple[jax.Array, ...]:
        return *_base.flat_parameters(self.shape, shape, self.loc, self.scale), *self.support_operands(shape)

    def mass(self, symbols: jax.Array, first: jax.Array, last: jax.Array) -> jax.Array:
        return self.mass_around(symbols.astype(self.loc.dtype) - self.loc, self.scale, first, last)


@_family.documented(RULE)
class Gaussian(LocationScale):
    """A Gaussian on integers: F(z) = (1 + erf(z / sqrt(2))) / 2, z = (x - loc) / scale.

    >>> Gaussian(0.3, 1.0, low=-1, high=1, precision=8).interval(jnp.arange(-1, 2))
    (Array([  0,  54, 148], dtype=uint32), Array([ 54,  94, 108], dtype=uint32))
    """

    family = "gaussian"
    cdf = staticmethod(ndtr)


@_family.documented(RULE)
class Laplace(LocationScale):
    """A Laplace distribution on integers: F(z) = exp(z) / 2 for z <= 0, F(-z) = 1 - F(z).

    >>> Laplace(0.3, 1.0, low=-1, high=1, precision=8).interval(jnp.arange(-1, 2))
    (Array([  0,  57, 151], dtype=uint32), Array([ 57,  94, 105], dtype=uint32))
    """

    family = "laplace"

    @staticmethod
    def cdf(z: jax.Array, /) -> jax.Array:
        half = 0.5 * jnp.exp(-jnp.abs(z))
        return jnp.where(z < 0, half, 1 - half)  # at 0, the derivative of abs is +1


@_family.documented(RULE)
class Logistic(LocationScale):
    """A logistic distribution on integers: F(z) = 1 / (1 + exp(-z)).

    >>> Logistic(0.3, 1.0, low=-1, high=1, precision=8).interval(jnp.arange(-1, 2))
    (Array([  0,  79, 141], dtype=uint32), Array([ 79,  62, 115], dtype=uint32))
    """

    family = "logistic"
    cdf = staticmethod(jax.nn.sigmoid)


@_family.documented(RULE)
class Cauchy(LocationScale):
    """A Cauchy distribution on integers: F(z) = atan(z) / pi + 1/2.

    >>> Cauchy(0.3, 1.0, low=-1, high=1, precision=8).interval(jnp.arange(-1, 2))
    (Array([  0,  73, 144], dtype=uint32), Array([ 73,  71, 112], dtype=uint32))
    """

    family = "cauchy"

    @staticmethod
    def cdf(z: jax.Array, /) -> jax.Array:
        return jnp.arctan2(1.0, -z) / math.pi
