"""The quantisers of `csrc/core` in plain JAX: floats to cumulative frequencies.

Each function takes one row, and its mask or the number of its symbols.
"""

import jax.numpy as jnp
from jax import lax

from jans.reference.jax import perfect
from jans.reference.jax.fixed import exp_fixed, flushed, is_finite

u32, u64, f32 = jnp.uint32, jnp.uint64, jnp.float32


def _running_sums(values):
    """Sums of the first 0, 1, ..., n values, added from left to right."""

    def add(total, value):
        return total + value, total

    total, before = lax.scan(add, jnp.zeros((), values.dtype), values)
    return jnp.concatenate([before, total[None]])


def _seal(left, valid, precision):
    cdf = jnp.concatenate([left.astype(u32), jnp.full(1, 2**precision % 2**32, u32)])
    return (jnp.where(valid, cdf, u32(0xFFFFFFFF)),)


def _allowed(mask, n):
    """Which positions are symbols, bool [n]. A mask of length 0 allows all."""
    return mask if mask.shape[0] > 0 else jnp.ones(n, bool)


def _counts(allowed, precision):
    """The number of symbols before each position, the number m of symbols, and 2**precision - m."""
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
    """The rule of `jans.quantize.logits`: a softmax in integers."""
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


def _give_one_to_each(freq):
    """Gives a count to each symbol that has none.

    Symbols with two or more counts give away all but one, the symbol with the fewest counts first, until all
    have one.
    """
    spare = jnp.where(freq > 1, freq - 1, 0)
    line = jnp.argsort(jnp.where(spare > 0, spare, jnp.iinfo(freq.dtype).max), stable=True)
    missing = jnp.sum(freq == 0)
    before = jnp.cumsum(spare[line]) - spare[line]
    donated = jnp.clip(missing - before, 0, spare[line])
    return jnp.maximum(freq, 1).at[line].add(-donated)


def quantize_nearest(probs, size, *, precision, away):
    """The rule of ryg_rans."""
    n, total = probs.shape[0], 2**precision
    index = jnp.arange(n)
    inside = index < size
    probs = jnp.where(inside, flushed(probs), 0).astype(jnp.float64)
    rounding = lax.RoundingMethod.AWAY_FROM_ZERO if away else lax.RoundingMethod.TO_NEAREST_EVEN
    count = lax.round(probs * total, rounding)
    limit = 2.0 ** min(52, 64 - precision)
    fits = (jnp.sum(count) >= 1) & (jnp.sum(count) < limit)
    valid = (size <= min(n, total)) & jnp.all(probs >= 0) & fits  # without a symbol the sum is 0
    count = jnp.where(valid, count, 1).astype(u64)
    share = (count * u64(total) // jnp.sum(count)).astype(jnp.int64)
    share = jnp.where(index < size - 1, share, 0)
    share = jnp.where(index == size - 1, total - jnp.sum(share), share)
    # Positions after the last symbol neither give nor take a count, so set them to one for now.
    freq = _give_one_to_each(jnp.where(inside, share, 1)) * inside
    return _seal(jnp.cumsum(freq) - freq, valid, precision)
