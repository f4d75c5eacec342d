"""Rows of cumulative frequencies, and the index of a row for every symbol:
what Categorical and Table share."""

import abc
import math

import jax
import jax.numpy as jnp
import numpy as np

from jans._checks import Shape, check_fit
from jans.models import _base
from jans.status import BAD_MODEL, BAD_SYMBOL


class RowsModel(_base.Model):
    """A model that is a table of rows. A subclass defines which row codes each symbol of a shape."""

    ends = "high"

    @abc.abstractmethod
    def rows(self, shape: Shape) -> tuple[jax.Array, jax.Array]:
        """Cumulative frequencies uint32 [K, n + 1], and the row of each symbol,
        int32 [1] or [number of symbols]."""

    def interval(self, symbols: jax.Array) -> tuple[jax.Array, jax.Array]:
        symbols = _base.check_symbols(symbols, self.shape)
        return interval(*self.rows(symbols.shape), symbols, self.precision)

    def locate(self, quantiles: jax.Array) -> jax.Array:
        check_fit(self.shape, jnp.shape(quantiles))
        return locate(*self.rows(jnp.shape(quantiles)), quantiles)

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        return _base.log_share(self, symbols)

    def kernel(self, shape: Shape) -> _base.Kernel:
        return _base.Kernel("rows", self.rows(shape))


class Rows(RowsModel):
    """A table that another model made of its parameters: uint32 [*shape, n + 1]."""

    leaves = ("cdf",)

    def __init__(self, cdf: jax.Array, precision: int):
        self.cdf, self.precision = cdf, precision

    @property
    def shape(self) -> Shape:
        return self.cdf.shape[:-1]

    def rows(self, shape: Shape) -> tuple[jax.Array, jax.Array]:
        return flat_rows(self.cdf, shape)


def flat_rows(cdf: jax.Array, symbols: Shape) -> tuple[jax.Array, jax.Array]:
    """Rows [K, n + 1] of a cdf [*shape, n + 1], and an index int32 [1] or [number of symbols]."""
    shape = cdf.shape[:-1]
    count = math.prod(shape)
    table = cdf.reshape(count, cdf.shape[-1])
    if count == 1:
        return table, jnp.zeros(1, jnp.int32)
    each = (np if isinstance(cdf, np.ndarray) else jnp).arange(count, dtype=np.int32)
    return table, _base.broadcast(each.reshape(shape), symbols).reshape(-1)


def interval(cdf: jax.Array, index: jax.Array, symbols: jax.Array, precision: int) -> tuple[jax.Array, jax.Array]:
    """start and freq (uint32, of the shape of the symbols);
    see `Model.interval` for symbols without an interval."""
    count, n = cdf.shape[0], cdf.shape[1] - 1
    index = index.reshape(symbols.shape) if index.size == symbols.size else index[0]
    row, at = jnp.clip(index, 0, count - 1), jnp.clip(symbols, 0, n - 1)
    start, end = cdf[row, at], cdf[row, at + 1]
    total = 2**precision % 2**32
    # An interval may end at 2**32, which wraps to 0. Therefore compare end - 1.
    ordered = (end == start) | (end - 1 >= start) & (end - 1 <= jnp.uint32(2**precision - 1))
    sealed = (cdf[row, 0] == 0) & (cdf[row, n] == jnp.uint32(total))
    legal = (index >= 0) & (index < count)
    inside = (symbols >= 0) & (symbols < n) & ~(sealed & ordered & (end == start))
    found = _base.refuse(sealed & ordered, (start, end - start), BAD_MODEL)
    return _base.refuse(legal, _base.refuse(inside, found, BAD_SYMBOL), BAD_MODEL)


def locate(cdf: jax.Array, index: jax.Array, quantiles: jax.Array) -> jax.Array:
    """The symbols (int32) at quantiles, by bisection of each row."""
    index = index.reshape(quantiles.shape) if index.size == quantiles.size else index[0]
    row = jnp.clip(index, 0, cdf.shape[0] - 1)
    low, length = jnp.zeros(quantiles.shape, jnp.int32), cdf.shape[1] - 1
    while length > 1:
        low = low + jnp.where(cdf[row, low + length // 2] <= quantiles, length // 2, 0)
        length -= length // 2
    return low
