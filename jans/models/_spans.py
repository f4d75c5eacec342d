"""Models on integers low ... high, for Custom and Histogram: a small support uses one table,
a large one a search."""

import abc
import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import MAX_EDGE, check_fit, check_precision
from jans.models import _base, _family, _rows

TABLE = 2**10
"""The largest support that is coded from a table in a kernel. All symbols must share the table."""

ONE = np.uint32(2**31)
"""The fixed-point number of the fraction 1."""


class SpanModel(_base.Model):
    """Integers low ... high.

    A subclass defines `search_interval`, `search_locate`, and a `table` of the same intervals.

    With the table, the model is a composite of one part: symbols count from 0, and a kernel codes them.
    """

    static: ClassVar[tuple[str, ...]] = ("low", "high", "precision")
    low: int
    high: int

    def set_span(self, low: int, high: int, precision: int) -> None:
        low, high = _inputs.whole("low", low), _inputs.whole("high", high)
        if not -MAX_EDGE <= low <= high <= MAX_EDGE:
            raise ValueError(f"low <= high must lie within +-{MAX_EDGE}, got {low} and {high}.")
        self.low, self.high = low, high
        self.precision = check_precision(precision, self.size)

    @property
    def size(self) -> int:
        """The number of symbols."""
        return self.high - self.low + 1

    @abc.abstractmethod
    def table(self) -> jax.Array:
        """Cumulative frequencies, uint32 [*shape, size + 1].

        A row of ones is invalid and sets `BAD_MODEL`.
        """

    @abc.abstractmethod
    def search_interval(self, k: jax.Array) -> tuple[jax.Array, jax.Array]:
        """As `interval`, for symbols low + k."""

    @abc.abstractmethod
    def search_locate(self, quantiles: jax.Array) -> jax.Array:
        """As `locate`, but returns the symbol minus low."""

    @property
    def parts(self) -> int:
        return int(self.size <= TABLE and math.prod(self.shape) == 1)

    def part(self, k: int, values: tuple[jax.Array, ...]) -> _rows.Rows:
        return _rows.Rows(self.table(), self.precision)

    def split(self, symbols: jax.Array) -> tuple[jax.Array, ...]:
        return (_base.check_symbols(symbols, self.shape) - self.low,)

    def join(self, values: tuple[jax.Array, ...]) -> jax.Array:
        return values[0] + self.low

    def interval(self, symbols: jax.Array) -> tuple[jax.Array, jax.Array]:
        (k,) = self.split(symbols)
        return self.part(0, ()).interval(k) if self.parts else self.search_interval(k)

    def locate(self, quantiles: jax.Array) -> jax.Array:
        check_fit(self.shape, jnp.shape(quantiles))
        return self.join((self.part(0, ()).locate(quantiles) if self.parts else self.search_locate(quantiles),))

    def log_floored(self, mass: jax.Array, symbols: jax.Array) -> jax.Array:
        """The log of the probabilities of symbols, after quantisation;
        minus infinity outside of the support."""
        inside = (symbols >= self.low) & (symbols <= self.high)
        return _family.log_floored(jnp.maximum(mass, 0.0), self.size, self.precision, inside)


def share(fraction: jax.Array, places: jax.Array | int) -> jax.Array:
    """floor(fraction * places / 2**31), exact. `fraction` is uint32 up to 2**31, `places` is uint32.

    The product is computed in halves of 16 bits. It is below 2**63, so no sum here reaches 2**32.
    """
    places = jnp.asarray(places, jnp.uint32)
    a1, a0, b1, b0 = fraction >> 16, fraction & 0xFFFF, places >> 16, places & 0xFFFF
    middle = (a0 * b0 >> 16) + (a0 * b1 & 0xFFFF) + (a1 * b0 & 0xFFFF)
    high = a1 * b1 + (a0 * b1 >> 16) + (a1 * b0 >> 16) + (middle >> 16)
    return (high << 1) | (middle >> 15 & 1)


def seal(left: jax.Array, legal: jax.Array, precision: int) -> jax.Array:
    """Rows with edges 1 ... size - 1 between 0 and 2**precision;
    a row that is not legal (bool [...]) is all ones."""
    ends = [jnp.full((*left.shape[:-1], 1), end, jnp.uint32) for end in (0, 2**precision % 2**32)]
    row = jnp.concatenate([ends[0], left, ends[1]], axis=-1)
    return jnp.where(legal[..., None], row, jnp.uint32(2**32 - 1))
