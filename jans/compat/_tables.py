"""Converts the arguments of callers for the coders: rows of cumulative frequencies, symbols and indexes."""

import array
import copy
import dataclasses
import struct
from typing import Any

import numpy as np

from jans import quantize
from jans.ffi import host
from jans.formats import _in_place
from jans.models.bypass import check_digits
from jans.models.table import check_rows

INT32 = np.iinfo(np.int32)
_FEW = 1024
"""Shorter lists become int32 at once, which saves a look at their range. Longer ones are faster as 64-bit integers,
and unsigned ones fastest."""


def integers(name: str, value: Any) -> np.ndarray:
    """An array or a list of integers as int32 of the same shape."""
    found = _from_list(value) if isinstance(value, list | tuple) else np.asarray(value)
    if found.dtype.kind not in "iub":
        raise TypeError(f"{name} must be integers, got {found.dtype}. Round them, and convert with .astype(np.int32).")
    wide = found.dtype.itemsize >= 4 and found.dtype != np.int32 and found.size > 0
    if wide and (found.min() < INT32.min or found.max() > INT32.max):
        raise ValueError(f"{name} must fit int32, got {found.min()} to {found.max()}.")
    return found.astype(np.int32, copy=False)


def _from_list(value: Any) -> np.ndarray:
    """A list as an array, several times as fast as NumPy for a list of ints."""
    try:
        if len(value) < _FEW:
            return np.frombuffer(struct.pack(f"{len(value)}i", *value), np.int32)
        try:
            return np.frombuffer(array.array("Q", value), np.uint64)
        except (OverflowError, TypeError):
            return np.frombuffer(struct.pack(f"{len(value)}q", *value), np.int64)
    except struct.error:
        # Lists of lists, large numbers, or values whose dtype NumPy can name in an error.
        return np.asarray(value)


def rows(name: str, value: Any) -> np.ndarray:
    """An array [rows, n], or a list of rows of any lengths, as int32; zeros fill up the shorter rows."""
    if not isinstance(value, list | tuple):
        return integers(name, value)
    found = [integers(f"{name}[{k}]", row) for k, row in enumerate(value)]
    full = np.zeros((len(found), max((row.size for row in found), default=0)), np.int32)
    for out, row in zip(full, found, strict=True):
        out[: row.size] = row
    return full


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of cumulative frequencies with an escape symbol each, for coders with bypass coding.

    Attributes:
        cdf: uint32 [K, n + 1], rising from 0 to 2**precision.
        sizes: int32 [K], number of symbols in each alphabet; the last one is the escape symbol.
        offsets: int32 [K], the values of the first symbols.
        precision: bits of the frequencies.
        bypass_precision: bits of each digit after an escape symbol.
    """

    cdf: np.ndarray
    sizes: np.ndarray
    offsets: np.ndarray
    precision: int
    bypass_precision: int

    def trimmed(self) -> "Rows":
        """These rows without the last symbols if they have no frequency in any row.

        Pushing one of these symbols is an error anyway.
        """
        symbols = int((self.cdf < 2**self.precision).sum(axis=1).max())
        return dataclasses.replace(self, cdf=self.cdf[:, : symbols + 1])

    def prepared(self, alias: bool = False) -> _in_place.Rows:
        """The rows for kernels of `jans.rans`; with `alias`, quantiles are in the order of alias tables, which have
        as many buckets as torch_ans's tables."""
        rows = self.trimmed() if alias else self
        check_rows(rows.cdf, self.precision)
        digits = check_digits(self.bypass_precision)
        bits = {"precision": self.precision, "bypass_precision": digits}
        return _in_place.prepared(rows.cdf, self.sizes - 1, self.offsets, alias, **bits)


def completed(
    cdfs: np.ndarray, sizes: np.ndarray, offsets: np.ndarray, precision: int, bypass_precision: int | None
) -> Rows:
    """Completes rows for the coders.

    Args:
        cdfs, sizes, offsets: int32 [K, n], [K], [K]: the rows, the number of entries of each row that count,
            and the value of its first symbol. If those entries end below 2**precision, the remaining
            quantiles belong to no symbol.
        precision: bits of the frequencies.
        bypass_precision: bits of a digit of bypass coding, which uses the last symbol of each row as the
            escape symbol. None disables bypass coding.
    """
    if cdfs.ndim != 2 or len(cdfs) < 1 or cdfs.shape[1] < 2:
        raise ValueError(f"cdfs must be [rows, entries] with a row or more of 2 entries or more, got {cdfs.shape}.")
    count, width = cdfs.shape
    for name, each in (("cdfs_sizes", sizes), ("offsets", offsets)):
        if each.shape != (count,):
            raise ValueError(f"{name} must have one number for each of the {count} rows of cdfs, got {each.shape}.")
    if sizes.min() < 2 or sizes.max() > width:
        raise ValueError(
            f"cdfs_sizes must be from 2 to the {width} entries of a row of cdfs, got {sizes.min()} to {sizes.max()}."
        )
    full = np.full((count, width + 2), 2**precision, np.uint32)
    places = np.arange(width + 2)
    np.copyto(full[:, :width], cdfs.astype(np.uint32), where=places[:width] < sizes[:, None])
    if bypass_precision is not None:
        return Rows(full, sizes - 1, offsets, precision, bypass_precision)
    # Append an escape symbol of probability zero, which can code nothing.
    full = np.take_along_axis(full, np.where(places < sizes[:, None], places, places - 1), axis=1)
    return Rows(full, sizes, offsets, precision, bypass_precision=1)


def nearest(pmf: np.ndarray, precision: int, ties: str) -> np.ndarray:
    """Probabilities [..., n] as cumulative frequencies uint32 [..., n + 1], by `jans.quantize.nearest`."""
    *batch, n = pmf.shape
    if n < 1:
        raise ValueError(f"pmf needs a symbol or more along its last axis, got shape {pmf.shape}.")
    params = quantize.nearest_params(n, precision, ties)
    (cdf,) = host.call("quantize_nearest", pmf.reshape(-1, n), np.array([n], np.int32), **params)
    return cdf.reshape(*batch, n + 1)


def check_indexes(indexes: np.ndarray, count: int, may_leave_out: bool = False) -> np.ndarray:
    """Returns the indexes, or raises ValueError if one has no row;
    `may_leave_out` allows indexes below zero."""
    # As unsigned numbers, those below zero are the largest.
    if indexes.size and (indexes if may_leave_out else indexes.view(np.uint32)).max() >= count:
        raise ValueError(
            f"indexes must be from 0 to {count - 1}{', or below zero' if may_leave_out else ''}, as there are {count} "
            f"rows, got {indexes.min()} to {indexes.max()}."
        )
    return indexes


class Kept:
    """Caches the last few results of a function of arrays and lists.

    It compares arguments by content, because callers may change the arrays that they passed.
    """

    def __init__(self, make: Any, size: int = 8):
        self._make, self._size = make, size
        self._entries: list[tuple[Any, Any]] = []

    def __call__(self, *values: Any) -> Any:
        for key, result in list(self._entries):
            if len(key) == len(values) and all(map(_same, values, key)):
                return result
        result = self._make(*values)
        # A single assignment, so that other threads always see a complete list.
        self._entries = [(tuple(map(_copy, values)), result), *self._entries[: self._size - 1]]
        return result


def _copy(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [list(row) if isinstance(row, list) else copy.copy(row) for row in value]
    return np.array(value)


def _same(value: Any, kept: Any) -> bool:
    if isinstance(value, list | tuple):
        try:
            return bool((value if type(value) is list else list(value)) == kept)
        except ValueError:  # lists of arrays, which have no truth value; they are converted again
            return False
    return isinstance(kept, np.ndarray) and np.array_equal(value, kept)
