"""Guides to rows of cumulative frequencies in plain JAX, for one row; `csrc/core/guide.h` says what they are."""

import jax.numpy as jnp

from jans.reference.stacks import i64, split_halves, u64


def table_guide(cdf, *, precision, bits):
    wide, total = cdf.astype(i64), 2**precision
    good = (wide[0] == 0) & (wide[-1] == total) & jnp.all(wide[:-1] <= wide[1:])
    quantiles = jnp.arange(2**bits) << (precision - bits)
    symbol = jnp.clip(jnp.searchsorted(wide[1:], quantiles, side="right"), 0, cdf.shape[0] - 2)
    start, freq = wide[symbol], wide[symbol + 1] - wide[symbol]
    entry = symbol.astype(u64) | start.astype(u64) << u64(16) | freq.astype(u64) << u64(40)
    entry = jnp.where(good & (freq < 2**24), entry, u64(0))
    return (split_halves(entry).reshape(-1),)
