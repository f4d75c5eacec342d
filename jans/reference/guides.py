"""Guides to rows of cumulative frequencies in plain JAX, for one row; `csrc/core/guide.h` says what they are."""

import jax.numpy as jnp

from jans.reference.stacks import i64, split_halves, u64

MOST_PAIR_PRECISION = 16


def table_guide(cdf, *, precision, bits):
    wide, total = cdf.astype(i64), 2**precision
    good = (wide[0] == 0) & (wide[-1] == total) & jnp.all(wide[:-1] <= wide[1:])
    quantiles = jnp.arange(2**bits) << (precision - bits)
    symbol = jnp.clip(jnp.searchsorted(wide[1:], quantiles, side="right"), 0, cdf.shape[0] - 2)
    start, end = wide[symbol], wide[symbol + 1]
    next_end = wide[jnp.minimum(symbol + 2, cdf.shape[0] - 1)]
    if precision <= MOST_PAIR_PRECISION:
        parts, shifts, search = (start, end - 1, next_end - 1, symbol), (0, 16, 32, 48), u64(1)
    else:
        parts, shifts, search = (symbol, start, end - start), (0, 16, 40), u64(0)
        good &= end - start < 2**24
    entry = sum(part.astype(u64) << u64(shift) for part, shift in zip(parts, shifts, strict=True))
    return (split_halves(jnp.where(good, entry, search)).reshape(-1),)
