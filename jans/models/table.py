"""Many distributions in one table, and an index for each symbol, as learned compression uses them."""

import copy
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import Shape, check_precision
from jans.ffi import targets
from jans.models import _base, _rows

LOOKUPS = ("auto", "search", "guide", "dense", "alias")
GUIDED, _ALIASED = (24, 2**16), (31, 2**24)
"""The largest precision in bits, and the largest number of symbols, for guides and for alias tables."""
_GUIDE_BYTES = 2**19
"""The largest size in bytes of all guides of a table together:
half of a typical second-level cache of a core."""


class Table(_rows.RowsModel):
    """Symbols coded with row `index` of a table of cumulative frequencies.

    Args:
        cdf: unsigned integers [K, n + 1], or [n + 1] for one row. Each row rises from 0 to 2**precision.
            Equal neighbours mean symbols of probability zero: they are never decoded, and pushing one sets
            `BAD_SYMBOL`. Under `jax.vmap` all streams share the table.
        index: integers of the shape of the symbols, 0 ... K - 1; an index out of range sets `BAD_MODEL`.
        precision: bits of the frequencies.

    Attributes:
        guide: uint32 [K, 2 * 2**bits], made by `prepare`, or None.
        alias, remap: uint32 [K, 8 * 2**bits] and at most as many, made by `prepare("alias")`, or None. With
            them `jans.rans` writes other bytes.

    Raises:
        ValueError: if the table is concrete (not traced) and a row does not rise from 0 to 2**precision.

    >>> table = Table(jnp.array([[0, 8, 16], [0, 1, 16]]), index=jnp.array([0, 1]), precision=4)
    >>> table.interval(jnp.array([1, 1]))
    (Array([8, 1], dtype=uint32), Array([ 8, 15], dtype=uint32))
    """

    leaves = ("cdf", "index", "guide", "alias", "remap")
    shared = ("cdf", "guide", "alias", "remap")

    def __init__(self, cdf: Any, index: Any = 0, precision: int = _base.DEFAULT_PRECISION):
        cdf = _inputs.numbers("cdf", cdf)
        cdf = cdf[None] if cdf.ndim == 1 else cdf
        shape = jnp.shape(cdf)
        if len(shape) != 2 or shape[0] < 1 or shape[1] < 2 or not jnp.issubdtype(jnp.result_type(cdf), jnp.integer):
            raise ValueError(
                f"cdf must be an integer array [tables, symbols + 1], got {jnp.result_type(cdf)} of shape {shape}."
            )
        self.precision = check_precision(precision)
        if not isinstance(cdf, jax.core.Tracer):
            check_rows(np.asarray(cdf), self.precision)
            cdf = np.asarray(cdf).astype(np.uint32)
        self.cdf = jnp.asarray(cdf).astype(jnp.uint32)
        self.index = check_index(index, len(self.cdf), may_skip=False)
        self.guide: jax.Array | None = None
        self.alias: jax.Array | None = None
        self.remap: jax.Array | None = None

    def prepare(self, lookup: str = "auto") -> "Table":
        """Returns this table with extra tables that make `pop` fast.

        Only "alias" changes the bytes of a message.

        Preparing reads the whole table. Do it once for all messages, outside of the loop that codes. Each
        call replaces what an earlier call prepared.

        Args:
            lookup: how to find the symbol of a quantile.

                "search": bisect its row. This needs no extra table.

                "guide": look up one of `2**bits` buckets of quantiles, and walk a few steps if the bucket has
                several symbols. An entry takes 8 bytes, and a symbol has a few entries (a sparse inverse
                CDF).

                "dense": look up an entry for every quantile, without a walk. A row takes
                `8 * 2**precision` bytes. This pays off for low precisions.

                "alias": look up one of `2**bits` buckets of quantiles, one for each symbol, without a walk
                for any row. A bucket takes 64 bytes, half of them for pushes. This changes the bytes of
                `jans.rans`, because the quantiles of a symbol are no longer next to each other. Both sides
                must therefore prepare their tables this way. Intervals, bits, all other coders, `rans.peek`
                and `rans.advance` do not change. Needs at most 31 bits of precision and 2**24 symbols.

                "auto": use "guide" for at most 24 bits of precision and 2**16 symbols, otherwise "search".

        Raises:
            ValueError: if the precision or the number of symbols is too large for a guide or an alias table.

        >>> table = Table(jnp.array([[0, 8, 16], [0, 1, 16]]), precision=4).prepare()
        >>> table.guide.shape
        (2, 16)
        """
        if lookup not in LOOKUPS:
            raise ValueError(f"lookup must be one of {', '.join(LOOKUPS)}, got {lookup!r}.")
        count, n = self.cdf.shape[0], self.cdf.shape[1] - 1
        what, limits = ("alias tables", _ALIASED) if lookup == "alias" else ("guides", GUIDED)
        fits = self.precision <= limits[0] and n <= limits[1]
        if lookup not in ("auto", "search") and not fits:
            raise ValueError(
                f"{what} are for at most {limits[0]} bits of precision and {limits[1]} symbols, got {self.precision} "
                f"bits and {n} symbols. Use lookup='search'."
            )
        prepared = copy.copy(self)
        prepared.guide = prepared.alias = prepared.remap = None
        if lookup == "search" or not fits:
            return prepared
        if lookup == "alias":
            (prepared.alias,) = targets.maps.table_alias(self.cdf, precision=self.precision)
            (prepared.remap,) = targets.maps.table_remap(self.cdf, precision=self.precision)
            prepared.cdf = aliased_cdf(self.cdf, prepared.alias, prepared.remap, jnp)
            return prepared
        bits = self.precision if lookup == "dense" else guide_bits(count, n, self.precision)
        (prepared.guide,) = targets.maps.table_guide(self.cdf, precision=self.precision, bits=bits)
        return prepared

    def at(self, index: Any) -> "Table":
        """This table with other rows for the symbols; it keeps what `prepare` made.

        Args:
            index: integers of the shape of the symbols, 0 ... K - 1.
        """
        table = copy.copy(self)
        table.index = check_index(index, len(self.cdf), may_skip=False)
        return table

    def kernel(self, shape: Shape) -> _base.Kernel:
        if self.guide is None:
            return super().kernel(shape)
        return _base.Kernel("table", (*self.rows(shape), self.guide))

    def stack_kernel(self, shape: Shape) -> _base.Kernel:
        if self.alias is None or self.remap is None:
            return self.kernel(shape)
        return _base.Kernel("alias", (*self.rows(shape), self.alias, self.remap))

    @property
    def shape(self) -> Shape:
        return self.index.shape

    @property
    def bounds(self) -> tuple[jax.Array, jax.Array]:
        coded = self.cdf[:, :-1] != self.cdf[:, 1:]
        first, after = jnp.argmax(coded, axis=1), coded.shape[1] - jnp.argmax(coded[:, ::-1], axis=1)
        return first.astype(jnp.int32)[self.index], after.astype(jnp.int32)[self.index] - 1

    def rows(self, shape: Shape) -> tuple[jax.Array, jax.Array]:
        return self.cdf, _base.flat_parameters(self.shape, shape, self.index)[0]


def check_index(index: Any, count: int, may_skip: bool) -> jax.Array:
    """The row of each symbol as int32, or an error."""
    array = jnp.asarray(_inputs.row_of("index", index, count, may_skip))
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(f"index must be integers, got {array.dtype}.")
    return array.astype(jnp.int32)


def guide_bits(count: int, n: int, precision: int) -> int:
    """Four entries for each symbol, down to one entry for two symbols
    if a large table would not fit the cache."""
    symbol_bits = max(n - 1, 1).bit_length()
    bits = symbol_bits + 2
    while bits > symbol_bits - 1 and count * 8 * 2**bits > _GUIDE_BYTES:
        bits -= 1
    return min(bits, precision)


def aliased_cdf(cdf: Any, alias: Any, remap: Any, xp: Any) -> Any:
    """The rows of alias tables. `xp` is NumPy or `jax.numpy`."""
    # An invalid row has no place 0. Make the whole row invalid, or some of its symbols would still be coded.
    bad = remap[:, -alias.shape[1] // 2] != 0
    return xp.where(bad[:, None], xp.uint32(1), cdf)


def check_rows(cdf: np.ndarray, precision: int) -> None:
    """Raises ValueError if a row does not rise from 0 to 2**precision."""
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
