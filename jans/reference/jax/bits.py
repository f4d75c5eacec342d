"""Strings of bits in plain JAX, as `csrc/core/coders/bits.h` has them: `(rest, words, size)` to write, and more to read."""

import jax.numpy as jnp
from jax import lax

from jans.reference.jax.stacks import flag, i64, u32, u64
from jans.status import BAD_STATE, UNDERFLOW


def length_of(x):
    """The number of bits of an integer of 64."""
    return i64(64) - lax.clz(x.astype(u64)).astype(i64)


def ones(bits):
    """As many one bits."""
    return (u64(1) << bits.astype(u64)) - u64(1)


def append(state, code, length):
    """Writes up to 32 bits, the lowest first."""
    rest, words, size = state
    count = (length_of(rest) - 1).astype(u64)
    joined = rest + ((code | u64(1) << length.astype(u64)) - u64(1) << count)
    full = joined >> u64(32) != 0
    at = jnp.where(full, size, words.shape[0])
    words = words.at[at].set(joined.astype(u32), mode="drop") if words.size else words
    return jnp.where(full, joined >> u64(32), joined), words, size + full


def read_bit(state, words, end, stack):
    """Reads a bit, zero where there is none."""
    rest, at, status = state
    empty = rest == 1
    left = at > 0 if stack else at < end
    place = at - 1 if stack else at
    stored = left & (place < words.shape[0])
    word = words[jnp.clip(place, 0, words.shape[0] - 1)].astype(u64) if words.size else u64(0)
    rest = jnp.where(empty & left, u64(2**32) | jnp.where(stored, word, u64(0)), rest)
    at = jnp.where(empty & left, at - 1 if stack else at + 1, at)
    none = empty & ~left
    if stack:
        below = jnp.maximum(length_of(rest) - 2, 0).astype(u64)
        bit, rest_after = rest >> below & u64(1), rest & ones(below) | u64(1) << below
    else:
        bit, rest_after = rest & u64(1), rest >> u64(1)
    state = jnp.where(none, rest, rest_after), at, status | flag(none, UNDERFLOW)
    return state, jnp.where(none, i64(0), bit.astype(i64))


def open_bits(rest, size, status, end=None):
    """Rest, size and status of a string, made such that the others can go on."""
    bad = (rest == 0) | (size < 0) | (False if end is None else size > end)
    size = jnp.maximum(size, 0) if end is None else jnp.clip(size, 0, jnp.maximum(end, 0))
    return jnp.maximum(rest, 1).astype(u64), size.astype(i64), status | flag(bad, BAD_STATE)
