"""Strings of bits that grow and shrink: the queue and the stack that symbol codes are written to.

The first bit of a string is the lowest bit of its first word. A queue is written at its end, and a `Reader`
reads it from the front. A stack is written and read at its end. The partial word holds the bits that do not
fill a word yet, below a leading one; without bits it is 1.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import type_name
from jans.coders._state import (
    CoderState,
    bits_below_one,
    check_layout,
    check_one_stream,
    check_words,
    float_of,
    pytree,
)
from jans.status import BAD_STATE, check


@dataclasses.dataclass(frozen=True, repr=False)
class _Bits(CoderState):
    partial_word: jax.Array
    words: jax.Array
    size: jax.Array
    status: jax.Array

    @property
    def ranks(self) -> Mapping[str, int]:
        """The number of axes of each array in one stream."""
        return {"partial_word": 0, "words": 1, "size": 0, "status": 0}

    def is_empty_stream(self) -> jax.Array:
        """Whether there are no bits."""
        return (self.size == 0) & (self.partial_word == 1)

    def content_of_stream(self, xp: Any) -> Any:
        """The number of bits."""
        return 32 * xp.asarray(self.size).astype(float_of(xp)) + bits_below_one(self.partial_word, xp)

    def is_sound(self) -> np.ndarray:
        """Whether the partial word has its leading one."""
        return np.asarray(self.partial_word) != 0


@pytree("jans.huffman.Queue")
@dataclasses.dataclass(frozen=True, repr=False)
class Queue(_Bits):
    """A queue of bits, written at its end: an immutable pytree, one stream.

    Attributes:
        partial_word: uint32 [], the bits that do not fill a word yet, below a leading one.
        words: uint32 [capacity]; the first `size` are in use, the others are unspecified.
        size: int32 []. Above the capacity, it counts dropped words too.
        status: int32 [], sticky bits of `jans.status`.

    >>> from jans import huffman
    >>> huffman.queue(capacity=2).partial_word  # no bits below the leading one
    Array(1, dtype=uint32)
    """

    made_by = "jans.huffman.queue"


@pytree("jans.huffman.Stack")
@dataclasses.dataclass(frozen=True, repr=False)
class Stack(_Bits):
    """A stack of bits, written and read at its end: an immutable pytree, one stream.

    Attributes:
        partial_word, words, size, status: as in a `Queue`. The end of the stack is the highest bit of
            `partial_word` below its leading one.

    >>> from jans import huffman
    >>> huffman.from_words(np.array([0b1011], np.uint32)).partial_word  # three bits
    Array(11, dtype=uint32)
    """

    made_by = "jans.huffman.stack"


@pytree("jans.huffman.Reader")
@dataclasses.dataclass(frozen=True, repr=False)
class Reader(_Bits):
    """A string of bits to read from the front: an immutable pytree, one stream.

    Attributes:
        partial_word: uint32 [], the unread bits of the current word, below a leading one; the lowest bit is
            next.
        words: uint32 [capacity]; the first `size` hold bits.
        size: int32 [].
        status: int32 [], sticky bits of `jans.status`.
        position: int32 [], the index of the word after the current one.

    >>> from jans import huffman
    >>> huffman.reader(np.array([20740], np.uint32)).position
    Array(0, dtype=int32)
    """

    position: jax.Array

    made_by = "jans.huffman.reader"
    reads_queue = True

    @property
    def ranks(self) -> Mapping[str, int]:
        """The number of axes of each array in one stream."""
        return {**super().ranks, "position": 0}

    def is_empty_stream(self) -> jax.Array:
        """Whether the message may have ended: all unread bits are zeros of its last word."""
        return (self.position == self.size) & (self.partial_word & (self.partial_word - 1) == 0)

    def content_of_stream(self, xp: Any) -> Any:
        """The number of unread bits."""
        return super().content_of_stream(xp) - 32 * xp.asarray(self.position).astype(float_of(xp))

    def is_sound(self) -> np.ndarray:
        """Whether the partial word has its leading one, and the position lies within the message."""
        position = np.asarray(self.position)
        return super().is_sound() & (position >= 0) & (position <= np.asarray(self.size))


@_inputs.door(capacity=_inputs.whole)
def queue(capacity: int) -> Queue:
    """An empty queue of bits.

    Args:
        capacity: number of 32-bit words that there is room for; static.

    Raises:
        ValueError: if the capacity is out of range.

    >>> from jans import huffman
    >>> huffman.queue(capacity=2)
    jans.huffman.Queue(words=0 of 2, status=0)
    """
    check_layout(lanes=1, capacity=capacity)
    return Queue(jnp.uint32(1), jnp.zeros(capacity, jnp.uint32), jnp.int32(0), jnp.int32(0))


@_inputs.door(capacity=_inputs.whole)
def stack(capacity: int) -> Stack:
    """An empty stack of bits.

    Args:
        capacity: number of 32-bit words that there is room for; static.

    Raises:
        ValueError: if the capacity is out of range.

    >>> from jans import huffman
    >>> huffman.stack(capacity=2)
    jans.huffman.Stack(words=0 of 2, status=0)
    """
    check_layout(lanes=1, capacity=capacity)
    return Stack(jnp.uint32(1), jnp.zeros(capacity, jnp.uint32), jnp.int32(0), jnp.int32(0))


def reader(source: Any) -> Reader:
    """A reader of the bits of a queue, at the front.

    Args:
        source: a `Queue`, or its words: uint32 [n], as returned by `to_words` or constriction's
            `QueueEncoder`.

    Returns:
        The reader, with the status of the queue. The zeros that fill up the last word count as bits.

    Raises:
        TypeError: if the source is a stack or a reader, or the words are not one axis of uint32.

    >>> from jans import huffman
    >>> reader = huffman.reader(np.array([20740], np.uint32))
    >>> huffman.decode(reader, huffman.ExpGolomb(), shape=(4,))[1]
    Array([3, 7, 0, 1], dtype=int32)
    """
    if isinstance(source, _Bits) and not isinstance(source, Queue):
        raise TypeError(f"a reader reads a queue or its words, got {type_name(source)}.")
    if not isinstance(source, Queue):
        words = check_words(source)
        return Reader(jnp.uint32(1), words, jnp.int32(words.shape[0]), jnp.int32(0), jnp.int32(0))
    check_stream(source, Queue)
    length = jnp.int32(31) - jax.lax.clz(source.partial_word).astype(jnp.int32)
    last = source.partial_word ^ (jnp.uint32(1) << length.astype(jnp.uint32))
    at = jnp.arange(source.words.shape[0] + 1) == source.size
    words = jnp.where(at, last, jnp.pad(source.words, (0, 1)))
    status = source.status | jnp.where(source.partial_word == 0, BAD_STATE, 0)
    return Reader(jnp.uint32(1), words, source.size + (length > 0), status, jnp.int32(0))


@_inputs.door(capacity=_inputs.whole_or_none)
def from_words(words: Any, capacity: int | None = None) -> Stack:
    """A stack from its words: the inverse of `to_words`.

    Args:
        words: uint32 [n], as returned by `to_words` or constriction's `StackCoder`. The last word has a one
            above its bits.
        capacity: number of words that there is room for; by default just enough.

    Returns:
        The stack; it is empty if there are no words. A last word of zero sets `BAD_STATE`.

    Raises:
        ValueError: if the words do not fit the capacity.

    >>> from jans import huffman
    >>> huffman.from_words(np.array([20740, 1], np.uint32), capacity=4)
    jans.huffman.Stack(words=1 of 4, status=0)
    """
    array = check_words(words)
    size = max(array.shape[0] - 1, 0)
    capacity = size if capacity is None else capacity
    check_layout(lanes=1, capacity=capacity)
    if capacity < size:
        raise ValueError(f"capacity must be at least the {size} words below the last one, got {capacity}.")
    partial_word = array[-1] if array.shape[0] else jnp.uint32(1)
    status = jnp.where(partial_word == 0, BAD_STATE, 0).astype(jnp.int32)
    return Stack(jnp.maximum(partial_word, 1), jnp.pad(array[:size], (0, capacity - size)), jnp.int32(size), status)


def to_words(bits: Queue | Stack) -> np.ndarray:
    """The bits of one stream as words for other programs.

    Zeros fill up the last word of a queue. The last word of a stack has a one above its bits, so a stack has
    at least one word. These are the words of constriction's `QueueEncoder` and `StackCoder`.

    Args:
        bits: a queue or a stack, one stream, with concrete arrays.

    Returns:
        uint32 [n].

    Raises:
        CodingError: if the status is not clean.

    >>> from jans import huffman
    >>> huffman.to_words(huffman.stack(capacity=2))
    array([1], dtype=uint32)
    """
    if isinstance(bits, Stack):
        last = int(check(check_stream(bits, Stack)).partial_word)
        ends = [last]
    else:
        last = int(check(check_stream(bits, Queue)).partial_word)
        ends = [last - (1 << last.bit_length() - 1)] if last > 1 else []
    return np.concatenate([np.asarray(bits.words)[: int(bits.size)], np.array(ends, np.uint32)])


def check_stream(bits: Any, kind: Any) -> Any:
    """Returns bits that are one stream of a kind; raises for another kind or a batch of streams."""
    check_one_stream(bits, kind, kind.__name__.lower())
    return bits
