"""The kernels of the chain coder in plain JAX, for one stream; see `jans.reference.xla`."""

import jax.numpy as jnp
from jax import lax

from jans.reference.families import checked, choose
from jans.reference.plain_chain import VARIANTS
from jans.status import BAD_MODEL, BAD_STATE, OUT_OF_REMAINDERS, OVERFLOW, UNDERFLOW

VARIANT_LIST = tuple(VARIANTS.values())

u32, u64, i32, i64 = jnp.uint32, jnp.uint64, jnp.int32, jnp.int64


def _flag(condition, bit):
    return jnp.where(condition, i32(bit), i32(0))


def _read(words, size, wanted):
    """The word on top where it is wanted, zero where there is none, and the size without it."""
    stored = (size > 0) & (size <= words.shape[0])
    word = words[jnp.clip(size - 1, 0, words.shape[0] - 1)].astype(u64) if words.size else u64(0)
    return jnp.where(stored, word, u64(0)), size - (wanted & (size > 0)), wanted & (size == 0)


def _write(words, size, word, wanted):
    at = jnp.where(wanted, size, words.shape[0])
    words = words.at[at].set(word.astype(words.dtype), mode="drop") if words.size else words
    return words, size + wanted


def _open(size, status, bad):
    return jnp.maximum(size, 0).astype(i64), status | _flag((size < 0) | bad, BAD_STATE)


def _close(words, size, status):
    return jnp.minimum(size, 2**31 - 1).astype(i32), status | _flag(size > words.shape[0], OVERFLOW)


def _loop(n, step, carry):
    return lax.fori_loop(0, n, step, carry) if n > 0 else carry


# ---- quantiles ----


def chain_take(rest, words, size, status, *, variant, precision, most, n):
    v = VARIANT_LIST[variant]
    p, spare = u64(precision), u64(v.word_bits - precision)
    size, status = _open(size, status, (rest == 0) | (rest.astype(u64) >> u64(v.word_bits) != 0))

    def step(i, carry):
        rest, size, status, quantiles = carry
        reads = rest >> p == 0
        word, size, empty = _read(words, size, reads)
        taken = jnp.where(reads, word, rest)
        rest = jnp.where(reads, rest << spare | word >> p, rest >> p)
        quantile = (taken & u64(2**precision - 1)).astype(u32)
        return rest, size, status | _flag(empty, UNDERFLOW), quantiles.at[i].set(quantile)

    carry = rest.astype(u64), size, status, jnp.zeros(n, u32)
    rest, size, status, quantiles = _loop(n, step, carry)
    return rest.astype(u32), *_close(words, size, status), quantiles


def chain_give(rest, words, size, status, quantiles, freq, *, variant, precision, most):
    v = VARIANT_LIST[variant]
    p, spare = u64(precision), u64(v.word_bits - precision)
    size, status = _open(size, status, (rest == 0) | (rest.astype(u64) >> u64(v.word_bits) != 0))
    n = quantiles.shape[0]

    def step(k, carry):
        rest, words, size = carry
        i = n - 1 - k
        good, quantile = freq[i] != 0, quantiles[i].astype(u64) & u64(2**precision - 1)
        joined = rest << p | quantile
        writes = good & (rest >> spare != 0)
        words, size = _write(words, size, joined, writes)
        return jnp.where(writes, rest >> spare, jnp.where(good, joined, rest)), words, size

    rest, words, size = _loop(n, step, (rest.astype(u64), words, size))
    size, status = _close(words, size, status)
    return rest.astype(u32), words, size, status


# ---- remainders ----


def _heads(head, variant, most):
    """Heads as uint64 [lanes], and whether one of them is out of its range."""
    v = VARIANT_LIST[variant]
    heads = head.astype(u64) if v.state_bits == 32 else head[:, 0].astype(u64) | head[:, 1].astype(u64) << u64(32)
    low = v.lower_bits(most)
    return heads, jnp.any((heads >> u64(low) == 0) | (heads >> u64(low + v.word_bits - 1) >> u64(1) != 0))


def _head(heads, variant):
    if VARIANT_LIST[variant].state_bits == 32:
        return heads.astype(u32)
    return jnp.stack([heads.astype(u32), (heads >> u64(32)).astype(u32)], axis=-1)


def chain_keep(head, words, size, status, start, freq, quantiles, *, variant, precision, most):
    v = VARIANT_LIST[variant]
    heads, bad = _heads(head, variant, most)
    size, status = _open(size, status, bad)
    start, freq = checked(start, freq, precision)
    start, freq = choose((freq == 0) | (quantiles - start < freq), (start, freq), BAD_MODEL)

    def step(i, carry):
        heads, words, size, status = carry
        lane = i % heads.shape[0]
        good, x = freq[i] != 0, heads[lane]
        y = x * freq[i].astype(u64) + (quantiles[i] - start[i]).astype(u64) & u64(2**v.state_bits - 1)
        writes = good & (y >> u64(v.lower_bits(most) + v.word_bits - 1) >> u64(1) != 0)
        words, size = _write(words, size, y, writes)
        y = jnp.where(writes, y >> u64(v.word_bits), y)
        status = status | jnp.where(good, u32(0), start[i]).astype(i32)
        return heads.at[lane].set(jnp.where(good, y, x)), words, size, status

    heads, words, size, status = _loop(start.shape[0], step, (heads, words, size, status))
    size, status = _close(words, size, status)
    return _head(heads, variant), words, size, status


def chain_recall(head, words, size, status, start, freq, *, variant, precision, most):
    v = VARIANT_LIST[variant]
    heads, bad = _heads(head, variant, most)
    size, status = _open(size, status, bad)
    start, freq = checked(start, freq, precision)
    n = start.shape[0]

    def step(k, carry):
        heads, size, status, quantiles = carry
        i = n - 1 - k
        lane = i % heads.shape[0]
        good, x, f = freq[i] != 0, heads[lane], jnp.maximum(freq[i], 1).astype(u64)
        reads = good & (x >> u64(v.lower_bits(most)) < f)
        word, size, empty = _read(words, size, reads)
        y = jnp.where(reads, x << u64(v.word_bits) | word, x)
        quantile = jnp.where(good, start[i] + (y % f).astype(u32), u32(0))
        status = status | _flag(empty, OUT_OF_REMAINDERS) | jnp.where(good, u32(0), start[i]).astype(i32)
        return heads.at[lane].set(jnp.where(good, y // f, x)), size, status, quantiles.at[i].set(quantile)

    heads, size, status, quantiles = _loop(n, step, (heads, size, status, jnp.zeros(n, u32)))
    return _head(heads, variant), *_close(words, size, status), quantiles
