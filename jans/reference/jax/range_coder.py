"""The kernels of the range coder in plain JAX, for one stream; see `jans.reference.jax.rans`."""

import jax.numpy as jnp
from jax import lax

from jans.reference.jax.families import checked, choose
from jans.reference.jax.kinds import KINDS, located
from jans.reference.jax.stacks import closed, flag, join_halves, loop, opened, split_halves, write
from jans.status import BAD_DATA, BAD_MODEL, BAD_STATE, UNDERFLOW

u32, u64, i32, i64 = jnp.uint32, jnp.uint64, jnp.int32, jnp.int64

MIN_RANGE = 2**32
"""The smallest range between two symbols."""


def _open_range(range_, status):
    """The range as uint64.

    A range that no coder has is replaced by that of a new coder, and sets `BAD_STATE`.
    """
    wide = join_halves(range_)
    bad = wide < u64(MIN_RANGE)
    return jnp.where(bad, ~u64(0), wide), status | flag(bad, BAD_STATE)


# ---- encoding ----


def _settle(words, size, pending_words, pending_first, carry, needed):
    """Writes the pending words, if `needed`."""
    words, size = write(words, size, pending_first + carry, needed)
    more = jnp.where(needed, pending_words - 1, 0)
    fits = jnp.clip(words.shape[0] - size, 0, more)
    word = jnp.where(carry, u32(0), ~u32(0))
    words = lax.fori_loop(0, fits, lambda k, w: w.at[size + k].set(word, mode="drop"), words) if words.size else words
    return words, size + more, jnp.where(needed, 0, pending_words)


def _encode(state, find, n, precision):
    lower, range_, words, size, pending_words, pending_first, status = state
    lower, (range_, status) = join_halves(lower), _open_range(range_, status)
    size, status = opened(size, status, pending_words < 0)
    pending_words = jnp.maximum(pending_words, 0).astype(i64)

    def step(i, carry):
        lower, range_, words, size, pending_words, pending_first, status = carry
        start, freq = find(i)
        good = freq != 0
        scale = range_ >> u64(precision)
        following, narrow = lower + scale * start.astype(u64), scale * freq.astype(u64)
        clear = good & (pending_words > 0) & (following + narrow > following)
        words, size, pending_words = _settle(words, size, pending_words, pending_first, following < lower, clear)
        small = good & (narrow < u64(MIN_RANGE))
        word = (following >> u64(32)).astype(u32)
        shift = jnp.where(small, u64(32), u64(0))
        following, narrow = following << shift, narrow << shift
        wraps = following + narrow <= following
        words, size = write(words, size, word, small & (pending_words == 0) & ~wraps)
        pending_first = jnp.where(small & (pending_words == 0) & wraps, word, pending_first)
        pending_words = pending_words + (small & ((pending_words > 0) | wraps))
        status = status | jnp.where(good, u32(0), start).astype(i32)
        lower, range_ = jnp.where(good, following, lower), jnp.where(good, narrow, range_)
        return lower, range_, words, size, pending_words, pending_first, status

    carry = lower, range_, words, size, pending_words, pending_first, status
    lower, range_, words, size, pending_words, pending_first, status = loop(n, step, carry)
    size, status = closed(words, size, status)
    pending_words = jnp.minimum(pending_words, 2**31 - 1).astype(i32)
    return split_halves(lower), split_halves(range_), words, size, pending_words, pending_first, status


def range_encode(lower, range_, words, size, pending_words, pending_first, status, start, freq, *, precision):
    start, freq = checked(start, freq, precision)
    find = lambda i: (start[i], freq[i])
    return _encode((lower, range_, words, size, pending_words, pending_first, status), find, start.shape[0], precision)


def range_encode_kind(kind, *args, precision):
    state, symbols, operands = args[:7], args[7], args[8:]
    find = lambda i: KINDS[kind](i, *operands, precision=precision)[0](symbols[i])
    return _encode(state, find, symbols.shape[0], precision)


# ---- decoding ----


def _decode(state, locate, n, precision):
    point, lower, range_, words, size, index, status = state
    point, lower, (range_, status) = join_halves(point), join_halves(lower), _open_range(range_, status)
    status = status | flag((size < 0) | (size > words.shape[0]) | (index < 0), BAD_STATE)
    size, index = jnp.clip(size, 0, words.shape[0]).astype(i64), jnp.maximum(index, 0).astype(i64)

    def step(i, carry):
        point, lower, range_, index, status, symbols = carry
        q, status = _quantile(point, lower, range_, status, precision)
        symbol, (start, freq) = locate(i, q)
        good, scale = freq != 0, range_ >> u64(precision)
        following, narrow = lower + scale * start.astype(u64), scale * freq.astype(u64)
        small = good & (narrow < u64(MIN_RANGE))
        at = index + 2
        word = words[jnp.clip(at, 0, words.shape[0] - 1)].astype(u64) if words.size else u64(0)
        point = jnp.where(small, point << u64(32) | jnp.where(at < size, word, u64(0)), point)
        status = status | flag(small & (at > size), UNDERFLOW) | jnp.where(good, u32(0), start).astype(i32)
        shift = jnp.where(small, u64(32), u64(0))
        lower, range_ = jnp.where(good, following << shift, lower), jnp.where(good, narrow << shift, range_)
        return point, lower, range_, index + small, status, symbols.at[i].set(symbol)

    carry = point, lower, range_, index, status, jnp.zeros(n, i32)
    point, lower, range_, index, status, symbols = loop(n, step, carry)
    index = jnp.minimum(index, 2**31 - 1).astype(i32)
    return split_halves(point), split_halves(lower), split_halves(range_), index, status, symbols


def _quantile(point, lower, range_, status, precision):
    quantile, max_quantile = (point - lower) // (range_ >> u64(precision)), u64(2**precision - 1)
    return jnp.minimum(quantile, max_quantile).astype(u32), status | flag(quantile > max_quantile, BAD_DATA)


def range_peek(point, lower, range_, words, size, index, status, *, precision):
    state = point, lower, range_, words, size, index, status
    point, lower, range_, index, status, _ = _decode(state, None, 0, precision)
    quantile, status = _quantile(join_halves(point), join_halves(lower), join_halves(range_), status, precision)
    return point, lower, range_, index, status, quantile


def range_advance(point, lower, range_, words, size, index, status, start, freq, *, precision):
    start, freq = checked(start, freq, precision)
    locate = lambda i, q: (i32(0), choose((freq[i] == 0) | (q - start[i] < freq[i]), (start[i], freq[i]), BAD_MODEL))
    return _decode((point, lower, range_, words, size, index, status), locate, start.shape[0], precision)[:-1]


def range_decode_kind(kind, *args, precision, n):
    state, operands = args[:7], args[7:]
    return _decode(state, lambda i, q: located(kind, i, q, operands, precision), n, precision)
