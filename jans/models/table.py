"""Many distributions in one table, and an index per symbol: the work horse of learned compression."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans.models import base, rows
from jans.shapes import Shape, check_precision


class Table(rows.RowsModel):
    """Symbols coded with row `index` of a table of cumulative frequencies.

    Args:
        cdf: unsigned integers [K, n + 1]; each row rises from 0 to 2**precision. Equal neighbours are symbols of
            probability zero: they are never decoded, and pushing one sets `BAD_SYMBOL`. Under `jax.vmap` all streams
            share the table.
        index: integers of the shape of the symbols, 0 ... K - 1; one outside sets `BAD_MODEL`.
        precision: bits of the frequencies.

    Raises:
        ValueError: where the table is at hand (not traced) and a row does not rise from 0 to 2**precision.

    >>> table = Table(jnp.array([[0, 8, 16], [0, 1, 16]]), index=jnp.array([0, 1]), precision=4)
    >>> table.interval(jnp.array([1, 1]))
    (Array([8, 1], dtype=uint32), Array([ 8, 15], dtype=uint32))
    """

    leaves = ("cdf", "index")

    def __init__(self, cdf: Any, index: Any = 0, precision: int = base.DEFAULT_PRECISION):
        shape = jnp.shape(cdf)
        if len(shape) != 2 or shape[0] < 1 or shape[1] < 2 or not jnp.issubdtype(jnp.result_type(cdf), jnp.integer):
            raise ValueError(
                f"cdf must be an integer array [tables, symbols + 1], got {jnp.result_type(cdf)} of shape {shape}."
            )
        if not jnp.issubdtype(jnp.result_type(index), jnp.integer):
            raise TypeError(f"index must be integers, got {jnp.result_type(index)}.")
        self.precision = check_precision(precision)
        if not isinstance(cdf, jax.core.Tracer):
            _check_rows(np.asarray(cdf), self.precision)
            cdf = np.asarray(cdf).astype(np.uint32)
        self.cdf = jnp.asarray(cdf).astype(jnp.uint32)
        self.index = jnp.asarray(index, jnp.int32)

    @property
    def shape(self) -> Shape:
        return self.index.shape

    @property
    def bounds(self) -> tuple[jax.Array, jax.Array]:
        coded = self.cdf[:, :-1] != self.cdf[:, 1:]
        first, after = jnp.argmax(coded, axis=1), coded.shape[1] - jnp.argmax(coded[:, ::-1], axis=1)
        return first.astype(jnp.int32)[self.index], after.astype(jnp.int32)[self.index] - 1

    def rows(self, shape: Shape) -> tuple[jax.Array, jax.Array]:
        return self.cdf, base.flat_parameters(self.shape, shape, self.index)[0]


def _check_rows(cdf: np.ndarray, precision: int) -> None:
    wide = cdf.astype(np.int64)
    if precision == 32:
        wide[:, -1] += (wide[:, -1] == 0) << 32
    bad = (wide[:, 0] != 0) | (wide[:, -1] != 2**precision) | (np.diff(wide, axis=1) < 0).any(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"row {row} of cdf does not rise from 0 to 2**{precision} = {2**precision}: it begins {wide[row, :3]} and "
            f"ends {wide[row, -3:]}. Quantise with jans.quantize, or pass the precision that the table was made for."
        )
    if (wide[:, :-1] >= 2**32).any() or ((wide[:, -2] == 0).any() and precision == 32):
        raise ValueError("32 bits have no place for a symbol of probability one, or one of zero after all others.")
