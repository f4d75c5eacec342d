"""Strings of bits in plain JAX, as in `csrc/core/coders/bits.h`. A string to write is
`(partial_word, words, size)`."""

import jax.numpy as jnp
from jax import lax

from jans.reference.jax.stacks import flag, i64, u32, u64
from jans.status import BAD_STATE, UNDERFLOW


def length_of(x):
    """The number of significant bits of a 64-bit integer."""
    return i64(64) - lax.clz(x.astype(u64)).astype(i64)


def ones(bits):
    """An integer with `bits` ones."""
    return (u64(1) << bits.astype(u64)) - u64(1)


def append(state, code, length):
    """Writes up to 32 bits, lowest first."""
    partial_word, words, size = state
    count = (length_of(partial_word) - 1).astype(u64)
    joined = partial_word + ((code | u64(1) << length.astype(u64)) - u64(1) << count)
    full = joined >> u64(32) != 0
    at = jnp.where(full, size, words.shape[0])
    words = words.at[at].set(joined.astype(u32), mode="drop") if words.size else words
    return jnp.where(full, joined >> u64(32), joined), words, size + full


def read_bit(state, words, end, stack):
    """Reads a bit; zero after the end of the string."""
    partial_word, at, status = state
    empty = partial_word == 1
    left = at > 0 if stack else at < end
    place = at - 1 if stack else at
    stored = left & (place < words.shape[0])
    word = words[jnp.clip(place, 0, words.shape[0] - 1)].astype(u64) if words.size else u64(0)
    partial_word = jnp.where(empty & left, u64(2**32) | jnp.where(stored, word, u64(0)), partial_word)
    at = jnp.where(empty & left, at - 1 if stack else at + 1, at)
    none = empty & ~left
    if stack:
        below = jnp.maximum(length_of(partial_word) - 2, 0).astype(u64)
        bit, partial_after = partial_word >> below & u64(1), partial_word & ones(below) | u64(1) << below
    else:
        bit, partial_after = partial_word & u64(1), partial_word >> u64(1)
    state = jnp.where(none, partial_word, partial_after), at, status | flag(none, UNDERFLOW)
    return state, jnp.where(none, i64(0), bit.astype(i64))


def open_bits(partial_word, size, status, end=None):
    """Partial word, size and status of a string,
    with invalid numbers replaced so that the other functions work."""
    bad = (partial_word == 0) | (size < 0) | (False if end is None else size > end)
    size = jnp.maximum(size, 0) if end is None else jnp.clip(size, 0, jnp.maximum(end, 0))
    return jnp.maximum(partial_word, 1).astype(u64), size.astype(i64), status | flag(bad, BAD_STATE)
