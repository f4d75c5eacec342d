"""Every kind of model that has kernels, in plain JAX: from the operands of a call to intervals and symbols.

`KINDS[kind](i, *operands, precision=...)` returns two functions for the i-th symbol: `find(symbol)` gives its
interval, and `locate(quantile)` gives a symbol and its interval. See `jans.reference.jax.families`. They need
64-bit types.
"""

import jax
import jax.numpy as jnp

from jans.reference.jax.families import FAMILIES, choose
from jans.status import BAD_MODEL, BAD_SYMBOL

u32, u64, i32 = jnp.uint32, jnp.uint64, jnp.int32


def _rows(i, cdf, index, *, precision):
    """Rows of cumulative frequencies, and the row index of each symbol."""
    n, total = cdf.shape[1] - 1, 2**precision
    at = index[i if index.shape[0] > 1 else 0]
    row, valid = cdf[jnp.clip(at, 0, cdf.shape[0] - 1)], (at >= 0) & (at < cdf.shape[0])

    def interval(symbol):
        start, end = row[symbol], row[symbol + 1]
        freq = end - start
        sealed = (row[0] == 0) & (row[-1] == u32(total % 2**32))
        legal = sealed & (start.astype(u64) + freq.astype(u64) <= u64(total))
        return choose(legal & (freq != 0), (start, freq), jnp.where(legal, u32(BAD_SYMBOL), u32(BAD_MODEL)))

    def find(symbol):
        inside = (symbol >= 0) & (symbol < n)
        return choose(valid, choose(inside, interval(jnp.clip(symbol, 0, n - 1)), BAD_SYMBOL), BAD_MODEL)

    def locate(q):
        low, length = i32(0), n
        while length > 1:
            low = low + jnp.where(row[low + length // 2] <= q, i32(length // 2), i32(0))
            length -= length // 2
        start, freq = interval(low)
        return low, choose(valid & (freq != 0) & (q - start < freq), (start, freq), BAD_MODEL)

    return find, locate


def _table(i, cdf, index, _, *, precision):
    """Rows with guides. The guides are ignored, because they only make the search faster."""
    return _rows(i, cdf, index, precision=precision)


KINDS = {"rows": _rows, "table": _table} | FAMILIES


def intervals(kind, symbols, operands, precision):
    """start and freq of symbols [n]."""
    one = lambda i, symbol: KINDS[kind](i, *operands, precision=precision)[0](symbol.astype(i32))
    if symbols.shape[0] == 0:
        return symbols.astype(u32), symbols.astype(u32)
    return tuple(jax.vmap(one)(jnp.arange(symbols.shape[0]), symbols))


def located(kind, i, q, operands, precision):
    """The i-th symbol and its interval; the symbol is zero if the model is invalid."""
    symbol, interval = KINDS[kind](i, *operands, precision=precision)[1](q)
    return jnp.where(interval[1] != 0, symbol, 0), interval
