"""Distribution functions in fixed point, as in `csrc/core/models/fixed.h`,
and floats that all machines read alike."""

import jax.numpy as jnp

from jans.reference import tables

u32, u64, f32 = jnp.uint32, jnp.uint64, jnp.float32


def flushed(x):
    """Replaces subnormal numbers by zero. Some machines flush them, and all machines must agree."""
    return jnp.where(jnp.abs(x) < jnp.finfo(x.dtype).tiny, jnp.zeros_like(x), x)


def is_finite(x):
    return x - x == 0


def is_scale(x):
    return (x >= jnp.finfo(x.dtype).tiny) & is_finite(x)


def _interpolate(table, position):
    table = jnp.asarray(table)
    i, fraction = position >> u32(10), position & u32(1023)
    drop = (table[i] - table[i + 1]).astype(u64)
    return table[i] - (drop * fraction.astype(u64) >> u64(10)).astype(u32)


def _symmetric_cdf(table, z, limit, steps):
    """F(z) in units of 2**-31."""
    t = jnp.abs(z)
    t = jnp.where(t < f32(limit), t, f32(limit))
    below = _interpolate(table, (t * f32(steps * 1024)).astype(u32))
    return jnp.where(z < 0, below, u32(2**31) - below)


def exp_fixed(x):
    """exp(x) for x <= 0 in units of 2**-30."""
    x = jnp.where(x > f32(-32), x, f32(-32))
    power = (x * f32(-(2**20))).astype(u32).astype(u64) * u64(tables.LOG2E30)
    whole = (power >> u64(50)).astype(u32)
    value = _interpolate(tables.exp2_table(), (power >> u64(32)).astype(u32) & u32(0x3FFFF))
    return jnp.where(whole > 31, u32(0), value >> jnp.minimum(whole, u32(31)))


def normal_cdf(z):
    """F(z) of the standard normal in units of 2**-31."""
    return _symmetric_cdf(tables.normal_table(), z, tables.NORMAL_LIMIT, tables.NORMAL_STEPS)


def logistic_cdf(z):
    """F(z) of the logistic distribution in units of 2**-31."""
    return _symmetric_cdf(tables.logistic_table(), z, tables.LOGISTIC_LIMIT, tables.LOGISTIC_STEPS)


def softmax_weights(logits, bits):
    """A softmax as integers that sum to 2**bits, and whether the logits are valid."""
    top = jnp.max(logits)
    valid = is_finite(top) & jnp.all(logits <= top)
    sums = jnp.concatenate([jnp.zeros(1, u64), jnp.cumsum(exp_fixed(logits - top).astype(u64))])
    n = logits.shape[0]
    left = sums * u64(2**bits - n) // jnp.maximum(sums[-1], u64(1)) + jnp.arange(n + 1).astype(u64)
    return left[1:] - left[:-1], valid
