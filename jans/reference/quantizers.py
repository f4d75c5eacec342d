"""Floats to cumulative frequencies in plain JAX: one function per quantiser of `csrc/core`, of one row and its mask."""

import jax.numpy as jnp
from jax import lax

from jans.reference import perfect
from jans.reference.fixed import exp_fixed, flushed, is_finite

u32, u64, f32 = jnp.uint32, jnp.uint64, jnp.float32


def _running_sums(values):
    """Sums of the first 0, 1, ..., n values, added left to right."""

    def add(total, value):
        return total + value, total

    total, before = lax.scan(add, jnp.zeros((), values.dtype), values)
    return jnp.concatenate([before, total[None]])


def _seal(left, valid, precision):
    cdf = jnp.concatenate([left.astype(u32), jnp.full(1, 2**precision % 2**32, u32)])
    return (jnp.where(valid, cdf, u32(0xFFFFFFFF)),)


def _allowed(mask, n):
    """Which symbols there are; a mask of length 0 is none."""
    return mask if mask.shape[0] > 0 else jnp.ones(n, bool)


def _counts(allowed, precision):
    """The symbols before each, their number m, and 2**precision - m."""
    before = jnp.cumsum(allowed).astype(u64) - allowed.astype(u64)
    count = jnp.sum(allowed).astype(u64)
    return before, count, u64(2**precision) - count


def quantize_probs(probs, mask, *, precision):
    """The `fast` rule."""
    dtype = probs.dtype
    tiny = jnp.finfo(dtype).tiny
    allowed = _allowed(mask, probs.shape[0])
    before, count, mass = _counts(allowed, precision)
    probs = jnp.where(allowed, probs, jnp.zeros_like(probs))
    top = mass.astype(dtype)
    boost = dtype.type(2.0 ** (64 if dtype == f32 else 128))

    def sums(factor):
        return _running_sums(flushed(flushed(probs) * factor))

    first = sums(dtype.type(1))
    scale = top / first[-1]
    fits = is_finite(first[-1]) & is_finite(scale) & ((mass == 0) | (scale >= tiny))
    second = sums(jnp.where(first[-1] < 1, boost, 1 / boost))
    total = jnp.where(fits, first, second)
    left = total[:-1] * (top / total[-1])
    whole = jnp.where((left < top) & (before < count), left.astype(u64), mass)
    valid = jnp.all((flushed(probs) >= 0) & is_finite(probs)) & (total[-1] > 0)
    return _seal(jnp.minimum(whole, mass) + before, valid, precision)


def quantize_perfect(probs, mask, *, precision):
    """The `perfect` rule."""
    allowed = _allowed(mask, probs.shape[0])
    probs = jnp.where(allowed, probs, jnp.zeros_like(probs))
    valid = jnp.all((flushed(probs) >= 0) & is_finite(probs)) & jnp.any(flushed(probs) > 0)
    freq = perfect.frequencies(jnp.where(valid, flushed(probs), 1).astype(jnp.float64), allowed, precision)
    return _seal(jnp.cumsum(freq) - freq, valid, precision)


def quantize_logits(logits, mask, *, precision):
    """A softmax in integers."""
    allowed = _allowed(mask, logits.shape[0])
    before, _, mass = _counts(allowed, precision)
    logits = jnp.where(allowed, logits, -jnp.inf)
    top = jnp.max(logits)
    valid = is_finite(top) & jnp.all(logits <= top)
    weights = jnp.where(allowed, exp_fixed(logits - top), u32(0))
    sums = jnp.concatenate([jnp.zeros(1, u64), jnp.cumsum(weights.astype(u64))])
    shift = lax.while_loop(lambda s: sums[-1] >> s >> u64(32) != 0, lambda s: s + u64(1), u64(0))
    sums = sums >> shift
    left = sums[:-1] * mass // jnp.maximum(sums[-1], u64(1)) + before
    return _seal(left, valid, precision)
