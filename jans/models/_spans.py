"""Integers low ... high, from one table where they are few, else by a search each: for Custom and Histogram."""

import abc
import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from jans._checks import MAX_EDGE, check_fit, check_precision
from jans.models import _base, _family, _rows

TABLE = 2**10
"""A support up to this size is coded from a table, in a kernel, where all symbols share one."""

ONE = np.uint32(2**31)
"""What a fraction of 1 is as a fixed-point number."""


class SpanModel(_base.Model):
    """Integers low ... high. A subclass gives `search_interval`, `search_locate` and a `table` of the same intervals.

    With the table it is a composite of one part: symbols are counted from 0 and left to a kernel.
    """

    static: ClassVar[tuple[str, ...]] = ("low", "high", "precision")
    low: int
    high: int

    def set_span(self, low: int, high: int, precision: int) -> None:
        if not -MAX_EDGE <= low <= high <= MAX_EDGE:
            raise ValueError(f"low <= high must lie within +-{MAX_EDGE}, got {low} and {high}.")
        self.low, self.high = int(low), int(high)
        self.precision = check_precision(precision, self.size)

    @property
    def size(self) -> int:
        """How many symbols there are."""
        return self.high - self.low + 1

    @abc.abstractmethod
    def table(self) -> jax.Array:
        """Cumulative frequencies, uint32 [*shape, size + 1]; a row of ones only is refused as no distribution."""

    @abc.abstractmethod
    def search_interval(self, k: jax.Array) -> tuple[jax.Array, jax.Array]:
        """As `interval`, of symbols low + k."""

    @abc.abstractmethod
    def search_locate(self, quantiles: jax.Array) -> jax.Array:
        """As `locate`, less low."""

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
        """The logarithm of probabilities of symbols, which keep the least frequency; minus infinity outside."""
        inside = (symbols >= self.low) & (symbols <= self.high)
        return _family.log_floored(jnp.maximum(mass, 0.0), self.size, self.precision, inside)


def share(fraction: jax.Array, places: jax.Array | int) -> jax.Array:
    """floor(fraction * places / 2**31), exact: fraction is uint32 up to 2**31, places uint32.

    In halves of 16 bits; the product is below 2**63, so no sum here reaches 2**32.
    """
    places = jnp.asarray(places, jnp.uint32)
    a1, a0, b1, b0 = fraction >> 16, fraction & 0xFFFF, places >> 16, places & 0xFFFF
    middle = (a0 * b0 >> 16) + (a0 * b1 & 0xFFFF) + (a1 * b0 & 0xFFFF)
    high = a1 * b1 + (a0 * b1 >> 16) + (a1 * b0 >> 16) + (middle >> 16)
    return (high << 1) | (middle >> 15 & 1)


def seal(left: jax.Array, legal: jax.Array, precision: int) -> jax.Array:
    """Rows of edges 1 ... size - 1, closed with 0 and 2**precision; of ones only where not legal (bool [...])."""
    ends = [jnp.full((*left.shape[:-1], 1), end, jnp.uint32) for end in (0, 2**precision % 2**32)]
    row = jnp.concatenate([ends[0], left, ends[1]], axis=-1)
    return jnp.where(legal[..., None], row, jnp.uint32(2**32 - 1))
