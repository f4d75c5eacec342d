"""The tables of torch_ans's low-level functions: rows of cumulative frequencies with what finds their symbols."""

from typing import Any

import numpy as np

from jans._checks import brief
from jans.compat import _tables
from jans.compat.torch_ans._families import FAMILIES, integers
from jans.compat.torch_ans._tensors import maker
from jans.ffi import host
from jans.models.table import check_rows

_MAX_BITS = 24
"""The largest precision of tables with an entry for each quantile: 64 MiB for a row."""


def check_between(name: str, value: Any, low: int, high: int) -> int:
    """Returns an int, or raises ValueError if it is out of its range."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise ValueError(f"{name} must be an integer from {low} to {high}, got {value!r}.")
    return int(value)


def check_flag(name: str, value: Any) -> bool:
    """Returns whether a value is true, or raises TypeError for an array."""
    try:
        return bool(value)
    except ValueError:
        raise TypeError(f"{name} must be True or False, got {brief(value)}.") from None


def rans_build_inverse_cdf(cdfs: Any, freq_precision: int = 16, table_precision: int = 16) -> Any:
    """Rows with an inverse CDF behind each, for the functions that end in `_invcdf_pop`.

    Args:
        cdfs: integers [K, n] or [n], rows of cumulative frequencies.
        freq_precision: bits of the frequencies.
        table_precision: the inverse CDF has 2**table_precision entries; 1 to freq_precision.

    Returns:
        int32 [K, n + 2**table_precision] or [n + 2**table_precision].
    """
    rows = integers("cdfs", cdfs)
    if rows.ndim not in (1, 2) or rows.shape[-1] < 2:
        raise ValueError(f"cdfs must be [rows, entries] or [entries] with 2 entries or more, got shape {rows.shape}.")
    bits = check_between("freq_precision", freq_precision, 1, 31)
    table_bits = check_between("table_precision", table_precision, 1, min(bits, _MAX_BITS))
    quantiles = np.arange(2**table_bits) << (bits - table_bits)
    rising = np.maximum.accumulate(np.atleast_2d(rows), axis=1)  # zeros may fill up a row
    places = [np.searchsorted(row[1:], quantiles, side="right") for row in rising]
    inverse = np.array(places, np.int32).reshape(*rows.shape[:-1], 2**table_bits)
    return maker(cdfs)(np.concatenate([rows, inverse], axis=-1))


def rans_alias_build_table(
    cdfs: Any, cdfs_sizes: Any, symbol_precision: int = 8, freq_precision: int = 16
) -> tuple[Any, Any]:
    """Rows with alias tables behind each, for the functions with `_alias` in their names.

    Args:
        cdfs: integers [K, n], rows that rise from 0 to 2**freq_precision.
        cdfs_sizes: integers [K], all 2**symbol_precision + 1: the number of entries of each row that count.
        symbol_precision, freq_precision: bits of the number of symbols, and of the frequencies.

    Returns:
        Rows for push, int32 [K, n + 2**freq_precision], and rows for pop, int32 [K, 5 * n].
    """
    rows, sizes = integers("cdfs", cdfs), integers("cdfs_sizes", cdfs_sizes)
    bits = check_between("freq_precision", freq_precision, 1, _MAX_BITS)
    symbol_bits = check_between("symbol_precision", symbol_precision, 0, bits)
    symbols = 2**symbol_bits
    if rows.ndim != 2 or len(rows) < 1 or sizes.shape != rows.shape[:1] or (sizes != symbols + 1).any():
        raise ValueError(
            f"cdfs must be [rows, entries], and cdfs_sizes {symbols + 1} for each row, which is 2**symbol_precision + "
            f"1, got cdfs of shape {rows.shape} and cdfs_sizes {sizes}."
        )
    if rows.shape[1] <= symbols:
        raise ValueError(f"cdfs must have {symbols + 1} entries or more in a row, got shape {rows.shape}.")
    starts = rows[:, : symbols + 1]
    check_rows(starts, bits)
    (made,) = host.call("table_alias", starts.astype(np.uint32), precision=bits)
    own, other = np.moveaxis(made.astype(np.int32).reshape(len(rows), symbols, 2, 4), 2, 0)
    divider, (symbol, first, *_) = own[..., 3], np.moveaxis(other, -1, 0)
    bucket = np.arange(symbols, dtype=np.int32)
    # An empty side has no symbol of its own, and torch_ans has another start for it.
    first = first + np.where(symbol == bucket, divider - bucket * (2**bits // symbols), 0)
    table = np.zeros((len(rows), 5 * rows.shape[1]), np.int32)
    table[:, : symbols + 1] = starts
    table[:, symbols + 1 : 5 * symbols + 1] = np.stack([divider, symbol, own[..., 1], first], -1).reshape(len(rows), -1)
    remap = np.zeros((len(rows), rows.shape[1] + 2**bits), np.int32)
    remap[:, : symbols + 1] = starts
    quantile = np.arange(2**bits, dtype=np.int32)
    at = quantile >> (bits - symbol_bits)
    for k, row in enumerate(starts):
        goes = quantile >= divider[k, at]
        start, of = np.where(goes, first[k, at], own[k, at, 1]), np.where(goes, symbol[k, at], at)
        remap[k, symbols + 1 + quantile - start + row[of]] = quantile
    make = maker(cdfs)
    return make(remap), make(table)


def tans_build_tables(cdfs: Any, cdfs_sizes: Any, table_log: int) -> Any:
    """Tables for the functions that begin with `tans`.

    Args:
        cdfs: integers [K, n], rows that rise from 0 to 2**table_log. Every symbol has a frequency of 1 or more.
        cdfs_sizes: integers [K], the number of entries of each row that count.
        table_log: bits of the frequencies, 1 to 15.

    Returns:
        int32 [K, 3 * 2**table_log + 2 * n]: the states after a push, the heads and the symbols of a pop, and two
        numbers for each symbol.
    """
    bits = check_between("table_log", table_log, 1, FAMILIES["tans32"].precision)
    rows, sizes = integers("cdfs", cdfs), integers("cdfs_sizes", cdfs_sizes)
    full = _tables.completed(rows, sizes, np.zeros_like(sizes), bits, bypass_precision=1)
    cdf = full.cdf[:, : rows.shape[1]]
    check_rows(full.cdf, bits)
    inside = np.arange(rows.shape[1] - 1) < full.sizes[:, None]
    empty = inside & (np.diff(cdf.astype(np.int64), axis=1) == 0)
    short = rows[np.arange(len(rows)), sizes - 1] != 2**bits
    if empty.any() or short.any():
        k = int(np.flatnonzero(empty.any(axis=1) | short)[0])
        raise ValueError(
            f"row {k} of cdfs must rise from 0 to 2**table_log = {2**bits} in its {sizes[k]} entries, with a frequency "
            "of 1 or more for every symbol, because a table has a state for each. rans_pmf_to_quantized_cdf makes such "
            "rows."
        )
    return maker(cdfs)(_tans_tables(cdf, full.sizes, bits))


def _tans_tables(cdf: np.ndarray, sizes: np.ndarray, bits: int) -> np.ndarray:
    """The tables of rows uint32 [K, n] that rise to 2**bits, of which each has so many symbols."""
    count, width = cdf.shape
    states = host.call("tans_tables", cdf, sizes - 1, precision=bits)[1].astype(np.int64)
    tables = np.zeros((count, 3 * 2**bits + 2 * width), np.int32)
    after, heads, symbols, pairs = np.split(tables, [2**bits, 2 * 2**bits, 3 * 2**bits], axis=1)
    after[:] = states + 2**bits
    freq = np.diff(cdf.astype(np.int64), axis=1)
    symbol = np.stack([np.repeat(np.arange(width - 1), row) for row in freq])
    rank = np.arange(2**bits) - np.take_along_axis(cdf.astype(np.int64), symbol, axis=1)
    head = np.take_along_axis(freq, symbol, axis=1) + rank
    missing = bits - _log2(head)
    np.put_along_axis(symbols, states, symbol, axis=1)
    np.put_along_axis(heads, states, (head << missing) - 2**bits | missing << 16, axis=1)
    most = bits - _log2(np.maximum(freq - 1, 1))
    has = np.arange(width - 1) < sizes[:, None]
    pairs[:, : 2 * width - 2 : 2] = np.where(has, (most << 16) - (freq << most), 0)
    pairs[:, 1 : 2 * width - 2 : 2] = np.where(has, cdf[:, :-1].astype(np.int64) - freq, 0)
    return tables


def _log2(numbers: np.ndarray) -> np.ndarray:
    """The place of the highest bit of integers from 1 to 2**52."""
    return np.frexp(numbers.astype(float))[1].astype(np.int64) - 1


def rows_of_tans_tables(tables: np.ndarray, sizes: np.ndarray, bits: int) -> np.ndarray:
    """The rows that `tans_build_tables` made tables of, or raises ValueError for other arrays."""
    problem = ValueError(
        f"cdfs must be tables that tans_build_tables made with the same cdfs_sizes and table_log={bits}, got an array "
        f"of shape {tables.shape}."
    )
    width, odd = divmod(tables.shape[-1] - 3 * 2**bits, 2)
    if tables.ndim != 2 or odd or width < 2 or sizes.shape != tables.shape[:1] or not len(tables):
        raise problem
    symbols = tables[:, 2 * 2**bits : 3 * 2**bits]
    if sizes.min() < 2 or sizes.max() > width or symbols.min() < 0 or (symbols.max(axis=1) > sizes - 2).any():
        raise problem
    freq = np.stack([np.bincount(row, minlength=width - 1) for row in symbols])
    cdf = np.zeros((len(tables), width), np.int32)
    np.cumsum(freq, axis=1, out=cdf[:, 1:])
    if not np.array_equal(_tans_tables(cdf.astype(np.uint32), sizes - 1, bits), tables):
        raise problem
    return cdf
