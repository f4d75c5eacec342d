"""Distributions of the real line, quantised to the integers of a support as in constriction."""

import abc
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax.scipy.special import betainc, ndtr
from jax.scipy.stats import logistic, norm

from jans._checks import Shape, check_precision, common_shape
from jans.models import _base, _family
from jans.models._family import Bound

_NONE = (None, None)


class SupportModel(_family.FamilyModel):
    """A model on the integers low ... high.

    Each bound is an int for all symbols, or an int32 array with a value each.
    """

    low: jax.Array | None
    high: jax.Array | None
    support: tuple[int | None, ...]
    limits: ClassVar[tuple[int, int]] = (-(2**31), 2**31 - 1)
    counts: ClassVar[int] = 1
    """The counts of 2**precision that every symbol has for certain."""

    @property
    def bounds(self) -> tuple[Bound, Bound]:
        """The lowest and the highest symbol."""
        if self.support == _NONE and self.low is None:
            raise TypeError(
                f"this {self.public_name} has no support. Pass low and high to code integers, or code floats with "
                "jans.models.Float."
            )
        return _family.joined(self.support[0], self.low), _family.joined(self.support[1], self.high)

    @property
    def size(self) -> Bound:
        """The number of symbols."""
        low, high = self.bounds
        return high - low + 1

    def settings(self) -> dict[str, Any]:
        known = dict(zip(("low", "high"), self.support, strict=True))
        return {**super().settings(), "support": None, **{name: k for name, k in known.items() if k is not None}}

    def set_support(self, low: Any, high: Any, precision: int, *shapes: Shape) -> Shape:
        """Sets the support, and returns the common shape of the support and the parameters.

        Without `low` and `high`, there is none: only `jans.models.Float` takes such a distribution.
        """
        if low is None and high is None:
            self.precision, self.support, self.low, self.high = check_precision(precision), _NONE, None, None
            return common_shape(*shapes)
        bounds = (
            _family.check_integer("low", low, *self.limits),
            _family.check_integer("high", high, *self.limits),
        )
        size = bounds[1] - bounds[0] + 1 if isinstance(bounds[0], int) and isinstance(bounds[1], int) else None
        self.precision = _family.check_size(f"the support {low} ... {high}", size, precision, self.counts)
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
        inside = (symbols >= low) & (symbols <= high)
        return _family.log_floored(mass, self.size, self.precision, inside, self.counts)

    @abc.abstractmethod
    def mass_between(self, low: jax.Array, high: jax.Array) -> jax.Array:
        """The smooth probability of real numbers from low to high, which may be infinite."""

    def log_density(self, z: jax.Array) -> jax.Array:
        """The log of the derivative of `cdf`."""
        raise NotImplementedError

    def mass_of_cells(self, low: jax.Array, high: jax.Array, scale: jax.Array) -> jax.Array:
        """As `mass_between` with location 0: the density in the middle, where the cell is so narrow that a difference
        of F would cancel."""
        first, last = jnp.isinf(low), jnp.isinf(high)
        below, above = jnp.where(first, 0.0, low) / scale, jnp.where(last, 0.0, high) / scale
        width = above - below
        narrow = (width < 2.0**-6) & ~first & ~last
        density = jnp.exp(self.log_density(jnp.where(narrow, (below + above) / 2, 0.0)))
        wide = _family.mass_between(self.cdf, below, above, first & (low < 0), last & (high > 0))
        nothing = (first & (low > 0)) | (last & (high < 0))
        return jnp.where(nothing, 0.0, jnp.where(narrow, width * density, wide))

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
            and arrays set `BAD_MODEL`. Leave both out for `jans.models.Float`.
        precision: bits of the frequencies.
"""


_DF = """Args:
        df: degrees of freedom, from 1/16 to 2**20, of the shape of the symbols; others set `BAD_MODEL`. F is right to
            2**-38, and not sure to rise. Every symbol therefore has two counts.
"""


class LocationScale(SupportModel):
    """A distribution with a location and a scale. A subclass defines its kernels and its smooth F."""

    leaves: ClassVar[tuple[str, ...]] = ("loc", "scale", "low", "high")
    static = ("support", "precision")

    def __init__(
        self, loc: Any, scale: Any, low: Any = None, high: Any = None, precision: int = _base.DEFAULT_PRECISION
    ):
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

    def mass_between(self, low: jax.Array, high: jax.Array) -> jax.Array:
        return self.mass_of_cells(low - self.loc, high - self.loc, self.scale)


@_family.documented(RULE)
class Gaussian(LocationScale):
    """A Gaussian on integers: F(z) = (1 + erf(z / sqrt(2))) / 2, z = (x - loc) / scale.

    >>> Gaussian(0.3, 1.0, low=-1, high=1, precision=8).interval(jnp.arange(-1, 2))
    (Array([  0,  54, 148], dtype=uint32), Array([ 54,  94, 108], dtype=uint32))
    """

    family = "gaussian"
    cdf = staticmethod(ndtr)

    def log_density(self, z: jax.Array) -> jax.Array:
        return norm.logpdf(z)


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

    def log_density(self, z: jax.Array) -> jax.Array:
        return -jnp.abs(z) - math.log(2)


@_family.documented(RULE)
class Logistic(LocationScale):
    """A logistic distribution on integers: F(z) = 1 / (1 + exp(-z)).

    >>> Logistic(0.3, 1.0, low=-1, high=1, precision=8).interval(jnp.arange(-1, 2))
    (Array([  0,  79, 141], dtype=uint32), Array([ 79,  62, 115], dtype=uint32))
    """

    family = "logistic"
    cdf = staticmethod(jax.nn.sigmoid)

    def log_density(self, z: jax.Array) -> jax.Array:
        return logistic.logpdf(z)


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

    def log_density(self, z: jax.Array) -> jax.Array:
        return -jnp.log1p(z * z) - math.log(math.pi)


@_family.documented(RULE.replace("2**precision - n)) + k", "2**precision - 2 n)) + 2 k").replace("Args:\n", _DF))
class StudentT(LocationScale):
    """Student's t distribution on integers: heavier tails than a `Gaussian`, as weights of networks have them.

    >>> StudentT(3.0, 0.3, 1.0, low=-1, high=1, precision=8).interval(jnp.arange(-1, 2))
    (Array([  0,  62, 147], dtype=uint32), Array([ 62,  85, 109], dtype=uint32))
    """

    family = "student_t"
    counts = 2
    leaves = ("df", "loc", "scale", "low", "high")

    def __init__(
        self,
        df: Any,
        loc: Any,
        scale: Any,
        low: Any = None,
        high: Any = None,
        precision: int = _base.DEFAULT_PRECISION,
    ):
        df = _base.check_floats("df", df)
        loc, scale = _base.check_floats("loc", loc), _base.check_floats("scale", scale)
        shape = self.set_support(low, high, precision, df.shape, loc.shape, scale.shape)
        self.df, self.loc, self.scale = (jnp.broadcast_to(a, shape) for a in (df, loc, scale))

    def operands(self, shape: Shape) -> tuple[jax.Array, ...]:
        return *_base.flat_parameters(self.shape, shape, self.df), *super().operands(shape)

    def cdf(self, z: jax.Array, /) -> jax.Array:  # type: ignore[override]
        return _student_cdf(z, self.df)

    def log_density(self, z: jax.Array) -> jax.Array:
        return _student_log_density(z, self.df)


def _student_log_density(z: jax.Array, df: jax.Array) -> jax.Array:
    a = 0.5 * df
    # log(Gamma(a + 1/2) / Gamma(a)): eight steps up, and from there a series. A difference of two would cancel.
    steps = sum(jnp.log1p(-0.5 / (a + k + 0.5)) for k in range(8))
    x = 1 / (a + 8)
    ratio = steps - 0.5 * jnp.log(x) - x / 8 + x**3 / 192
    return ratio - 0.5 * jnp.log(math.pi * df) - (a + 0.5) * jnp.log1p(z / df * z)


@jax.custom_jvp
def _student_cdf(z: jax.Array, df: jax.Array) -> jax.Array:
    # With many degrees of freedom: nearly a Gaussian after this transformation (Wallace 1959).
    normal = (8 * df + 1) / (8 * df + 3) * jnp.sqrt(df * jnp.log1p(z / df * z))
    tail = 0.5 * betainc(0.5 * jnp.minimum(df, _MANY), 0.5, 1 / (1 + z / df * z))
    tail = jnp.where(df > _MANY, ndtr(-normal), tail)
    return jnp.where(z < 0, tail, 1 - tail)


@_student_cdf.defjvp
def _student_cdf_jvp(primals, tangents):
    z, df = primals
    # In df there is no closed form: a difference over two hundredths, which is right to less than a percent.
    above, below = (_student_cdf(z, df * (1 + step)) for step in (_STEP, -_STEP))
    in_df = (above - below) / (2 * _STEP * df)
    return _student_cdf(z, df), jnp.exp(_student_log_density(z, df)) * tangents[0] + in_df * tangents[1]


_STEP = 0.01
_MANY = 300
