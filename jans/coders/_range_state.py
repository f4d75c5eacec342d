"""The states of the range coder: encoder, decoder, and a position in a message."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans.coders._state import CoderState, float_of, pytree


class _Interval(CoderState):
    """What encoder and decoder have in common."""

    range: jax.Array

    def width_bits(self, xp: Any) -> Any:
        """The base-2 logarithm of the range, from 32 to 64 bits."""
        halves = xp.asarray(self.range).astype(float_of(xp))
        return xp.log2(xp.maximum(halves[..., 0] + halves[..., 1] * 2.0**32, 1))

    def is_whole(self) -> jax.Array:
        """Whether the range is that of a message without symbols."""
        return (self.range == jnp.uint32(2**32 - 1)).all(axis=-1)


@pytree("jans.range_coder.Encoder")
@dataclasses.dataclass(frozen=True, repr=False)
class Encoder(_Interval):
    """A message that is being encoded: an immutable pytree, one stream.

    Attributes:
        lower, range: uint32 [2], low half first: the interval.
        words: uint32 [capacity], words that no carry can change; the first `size` are in use.
        size: int32 []. Above the capacity, it counts dropped words too.
        pending_words: int32 [], the number of words that a carry may still change.
        pending_first: uint32 [], the first pending word; all bits of the others are ones.
        status: int32 [], sticky bits of `jans.status`.

    >>> from jans import range_coder
    >>> range_coder.encoder(capacity=8)
    jans.range_coder.Encoder(words=0 of 8, status=0)
    """

    lower: jax.Array
    range: jax.Array
    words: jax.Array
    size: jax.Array
    pending_words: jax.Array
    pending_first: jax.Array
    status: jax.Array

    made_by = "jans.range_coder.encoder"

    @property
    def ranks(self) -> Mapping[str, int]:
        """The number of axes of each array in one stream."""
        return {"lower": 1, "range": 1, "words": 1, "size": 0, "pending_words": 0, "pending_first": 0, "status": 0}

    @property
    def reserve(self) -> jax.Array:
        """int32 []: how many more words `finish` may need room for."""
        return self.pending_words + 2

    def is_empty_stream(self) -> jax.Array:
        """Whether no symbol was encoded."""
        return (self.size == 0) & (self.pending_words == 0) & self.is_whole()

    def content_of_stream(self, xp: Any) -> Any:
        """The bits of all encoded symbols."""
        words = xp.asarray(self.size) + xp.asarray(self.pending_words)
        return 32 * words.astype(float_of(xp)) + 64 - self.width_bits(xp)

    def is_sound(self) -> np.ndarray:
        """Whether the range and the number of pending words are within their ranges."""
        return (np.asarray(self.range)[..., 1] != 0) & (np.asarray(self.pending_words) >= 0)


@pytree("jans.range_coder.Decoder")
@dataclasses.dataclass(frozen=True, repr=False)
class Decoder(_Interval):
    """A message that is being decoded: an immutable pytree, one stream.

    Attributes:
        point: uint32 [2], low half first: word `index + 1`, then word `index`.
        lower, range: uint32 [2], low half first: the interval.
        words: uint32 [capacity], the message; the first `size` are in use.
        size: int32 [].
        index: int32 [], the number of words before the point.
        status: int32 [], sticky bits of `jans.status`.

    >>> from jans import range_coder
    >>> range_coder.decoder(np.array([1349263466], np.uint32))
    jans.range_coder.Decoder(words=1 of 1, status=0)
    """

    point: jax.Array
    lower: jax.Array
    range: jax.Array
    words: jax.Array
    size: jax.Array
    index: jax.Array
    status: jax.Array

    made_by = "jans.range_coder.finish or jans.range_coder.decoder"
    reads_queue = True

    @property
    def ranks(self) -> Mapping[str, int]:
        """The number of axes of each array in one stream."""
        return {"point": 1, "lower": 1, "range": 1, "words": 1, "size": 0, "index": 0, "status": 0}

    def is_empty_stream(self) -> jax.Array:
        """Whether the message may have ended. False means that there are certainly more symbols."""
        low, high = (self.point[..., k] - self.lower[..., k] for k in (0, 1))
        high = high - (self.point[..., 0] < self.lower[..., 0])
        near = (high < 2) & ~((high == 1) & (low == jnp.uint32(2**32 - 1)))
        return (self.index + 2 >= self.size) & (self.is_whole() | near)

    def content_of_stream(self, xp: Any) -> Any:
        """The bits of the symbols that are left, plus those of the end of the message."""
        words = xp.asarray(self.size) - xp.asarray(self.index)
        return xp.maximum(32 * words.astype(float_of(xp)) - 64 + self.width_bits(xp), 0)

    def is_sound(self) -> np.ndarray:
        """Whether a decoder of this message can have the range and the point."""
        index, size = np.asarray(self.index), np.asarray(self.size)
        words = np.asarray(self.words)
        sound = (np.asarray(self.range)[..., 1] != 0) & (index >= 0) & (index <= size)
        for half in (0, 1):
            at = index.astype(np.int64) + 1 - half
            padded = np.concatenate([words, np.zeros((*words.shape[:-1], 1), words.dtype)], axis=-1)
            place = np.where(at < size, np.clip(at, 0, words.shape[-1]), words.shape[-1])
            sound &= np.take_along_axis(padded, place[..., None], axis=-1)[..., 0] == np.asarray(self.point)[..., half]
        return sound


@pytree("jans.range_coder.Position")
@dataclasses.dataclass(frozen=True)
class Position:
    """A position between two symbols of a message.

    Attributes:
        index: int32 [], the number of words before it.
        lower, range: uint32 [2], low half first: the interval.

    >>> from jans import range_coder
    >>> range_coder.position(range_coder.encoder(capacity=8)).index
    Array(0, dtype=int32)
    """

    index: jax.Array
    lower: jax.Array
    range: jax.Array
