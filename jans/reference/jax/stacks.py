"""What the coders in plain JAX share: heads, words and status of one stream. Needs 64-bit types."""

import jax.numpy as jnp
from jax import lax

from jans.status import BAD_STATE, OVERFLOW

u32, u64, i32, i64 = jnp.uint32, jnp.uint64, jnp.int32, jnp.int64


def flag(condition, bit):
    """The status bit if the condition holds, otherwise 0."""
    return jnp.where(condition, i32(bit), i32(0))


def join_halves(halves):
    """uint64 from uint32 [..., 2], low half first."""
    return halves[..., 0].astype(u64) | halves[..., 1].astype(u64) << u64(32)


def split_halves(x):
    """The inverse of `join_halves`."""
    return jnp.stack([x.astype(u32), (x >> u64(32)).astype(u32)], axis=-1)


def join_heads(head, state_bits):
    """Heads as uint64 [lanes]."""
    return head.astype(u64) if state_bits == 32 else join_halves(head)


def split_heads(heads, state_bits):
    """The inverse of `join_heads`."""
    return heads.astype(u32) if state_bits == 32 else split_halves(heads)


def opened(size, status, bad):
    """A valid size (int64), and the status, with `BAD_STATE` if no call can have produced the state."""
    return jnp.maximum(size, 0).astype(i64), status | flag((size < 0) | bad, BAD_STATE)


def closed(words, size, status):
    """The size as int32, and the status, with `OVERFLOW` if words were dropped."""
    return jnp.minimum(size, 2**31 - 1).astype(i32), status | flag(size > words.shape[0], OVERFLOW)


def read(words, size, needed):
    """Reads the word on top, if `needed`.

    Returns the word (zero if there is none), the size without it, and whether a needed word was missing.
    """
    stored = (size > 0) & (size <= words.shape[0])
    word = words[jnp.clip(size - 1, 0, words.shape[0] - 1)].astype(u64) if words.size else u64(0)
    return jnp.where(stored, word, u64(0)), size - (needed & (size > 0)), needed & (size == 0)


def write(words, size, word, needed):
    """Writes a word on top, if `needed` and if there is room. Returns the words, and the size with it."""
    at = jnp.where(needed, size, words.shape[0])
    words = words.at[at].set(word.astype(words.dtype), mode="drop") if words.size else words
    return words, size + needed


def loop(n, step, carry):
    """`fori_loop` that does not trace its body for n = 0: arrays of length 0 cannot be indexed,
    even in a loop that does not run."""
    return lax.fori_loop(0, n, step, carry) if n > 0 else carry
