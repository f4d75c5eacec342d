"""Guides to rows of cumulative frequencies in plain JAX, for one row; `csrc/core/models/guide.h` specifies them."""

import jax.numpy as jnp

from jans.reference.jax.stacks import i64, split_halves, u64

MAX_PAIR_PRECISION = 16


def table_guide(cdf, *, precision, bits):
    wide, total = cdf.astype(i64), 2**precision
    good = (wide[0] == 0) & (wide[-1] == total) & jnp.all(wide[:-1] <= wide[1:])
    quantiles = jnp.arange(2**bits) << (precision - bits)
    symbol = jnp.clip(jnp.searchsorted(wide[1:], quantiles, side="right"), 0, cdf.shape[0] - 2)
    start, end = wide[symbol], wide[symbol + 1]
    next_end = wide[jnp.minimum(symbol + 2, cdf.shape[0] - 1)]
    if precision <= MAX_PAIR_PRECISION:
        parts, search = {0: start, 16: end - 1, 32: next_end - 1, 48: symbol}, 1
    else:
        parts, search = {0: symbol, 16: start, 40: end - start}, 0
        good &= end - start < 2**24
    entry = sum(part.astype(u64) << u64(shift) for shift, part in parts.items())
    return (split_halves(jnp.where(good, entry, u64(search))).reshape(-1),)
