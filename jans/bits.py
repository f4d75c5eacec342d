"""Strings of bits that grow and shrink: the queue and the stack that symbol codes are written to.

The first bit of a string is the lowest of its first word. A queue is written at its end and read from its front by a
`Reader`; a stack is written and read at its end. Bits that fill no word yet are kept below a leading one, so that an
empty rest is 1.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans.state import blank_words, pytree
from jans.status import BAD_STATE, check


@dataclasses.dataclass(frozen=True)
class _Bits:
    rest: jax.Array
    words: jax.Array
    size: jax.Array
    status: jax.Array

    @property
    def capacity(self) -> int:
        """Number of words that there is room for."""
        return self.words.shape[-1]

    @property
    def stacks(self) -> tuple[tuple[jax.Array, int], ...]:
        """Size and capacity."""
        return ((self.size, self.capacity),)

    def blank(self) -> Any:
        """The same content, with zeros for the words that are not in use."""
        return dataclasses.replace(self, words=blank_words(self.words, self.size))


@pytree
@dataclasses.dataclass(frozen=True)
class Queue(_Bits):
    """Bits to write at the end: an immutable pytree, one stream.

    Attributes:
        rest: uint32 [], the bits of the last word, below a leading one, while it is not full.
        words: uint32 [capacity]; the first `size` are in use, the others unspecified.
        size: int32 []. Beyond the capacity it counts words that were dropped.
        status: int32 [], sticky bits of `jans.status`.
    """


@pytree
@dataclasses.dataclass(frozen=True)
class Stack(_Bits):
    """Bits to write and read at the end: an immutable pytree, one stream.

    Attributes:
        rest, words, size, status: as those of a `Queue`; the end is the highest bit of `rest` below its leading one.
    """


@pytree
@dataclasses.dataclass(frozen=True)
class Reader(_Bits):
    """Bits to read from the front: an immutable pytree, one stream.

    Attributes:
        rest: uint32 [], what is left of the word that is being read, below a leading one; its lowest bit is next.
        words: uint32 [capacity], of which `size` hold bits.
        size: int32 [].
        status: int32 [], sticky bits of `jans.status`.
        position: int32 [], the word after the one that is being read.
    """

    position: jax.Array


def _check_capacity(capacity: int) -> None:
    if not 0 <= capacity < 2**31:
        raise ValueError(f"capacity must be from 0 to 2**31 - 1 words, got {capacity}.")


def _check_words(words: Any) -> jax.Array:
    array = jnp.asarray(words)
    if array.ndim != 1 or array.dtype != jnp.uint32:
        raise TypeError(f"words must be one axis of uint32, got {array.dtype} of shape {array.shape}.")
    return array


def queue(capacity: int) -> Queue:
    """No bits, to write at the end.

    Args:
        capacity: words of 32 bits that there is room for; static.

    >>> queue(capacity=2)
    Queue(rest=Array(1, dtype=uint32), words=Array([0, 0], dtype=uint32), size=Array(0, dtype=int32), \
status=Array(0, dtype=int32))
    """
    _check_capacity(capacity)
    return Queue(jnp.uint32(1), jnp.zeros(capacity, jnp.uint32), jnp.int32(0), jnp.int32(0))


def stack(capacity: int) -> Stack:
    """No bits, to write and read at the end.

    Args:
        capacity: words of 32 bits that there is room for; static.
    """
    _check_capacity(capacity)
    return Stack(jnp.uint32(1), jnp.zeros(capacity, jnp.uint32), jnp.int32(0), jnp.int32(0))


def reader(source: Any) -> Reader:
    """The bits of a queue, to read from the front.

    Args:
        source: a `Queue`, or its words: uint32 [n], as `to_words` or constriction's `QueueEncoder` gives them.

    Returns:
        The reader, with the status of the queue. Zeros that fill the last word count as bits.
    """
    if isinstance(source, _Bits) and not isinstance(source, Queue):
        raise TypeError(f"a reader reads a queue or its words, got {type(source).__name__}.")
    if not isinstance(source, Queue):
        words = _check_words(source)
        return Reader(jnp.uint32(1), words, jnp.int32(words.shape[0]), jnp.int32(0), jnp.int32(0))
    check_stream(source, Queue)
    length = jnp.int32(31) - jax.lax.clz(source.rest).astype(jnp.int32)
    last = source.rest ^ (jnp.uint32(1) << length.astype(jnp.uint32))
    words = jnp.append(source.words, jnp.uint32(0)).at[source.size].set(last, mode="drop")
    status = source.status | jnp.where(source.rest == 0, BAD_STATE, 0)
    return Reader(jnp.uint32(1), words, source.size + (length > 0), status, jnp.int32(0))


def from_words(words: Any, capacity: int | None = None) -> Stack:
    """A stack from its words: the inverse of `to_words`.

    Args:
        words: uint32 [n], as `to_words` or constriction's `StackCoder` gives them: the last one ends with a 1 bit above
            all others.
        capacity: words that there is room for; by default as many as there are.

    Returns:
        The stack; an empty one for no words. A last word of zero sets `BAD_STATE`.
    """
    array = _check_words(words)
    size = max(array.shape[0] - 1, 0)
    capacity = size if capacity is None else capacity
    _check_capacity(capacity)
    if capacity < size:
        raise ValueError(f"capacity must be at least the {size} words below the last one, got {capacity}.")
    rest = array[-1] if array.shape[0] else jnp.uint32(1)
    status = jnp.where(rest == 0, BAD_STATE, 0).astype(jnp.int32)
    return Stack(jnp.maximum(rest, 1), jnp.pad(array[:size], (0, capacity - size)), jnp.int32(size), status)


def to_words(bits: Queue | Stack) -> np.ndarray:
    """The bits of one stream as words, for other programs: uint32 [n].

    The last word of a queue is filled with zeros; that of a stack has a 1 bit above its bits, and is never missing.
    These are the words of constriction's `QueueEncoder` and `StackCoder`.

    Raises:
        CodingError: when the status is not clean.

    >>> to_words(stack(capacity=2))
    array([1], dtype=uint32)
    """
    if isinstance(bits, Stack):
        last = int(check(check_stream(bits, Stack)).rest)
        ends = [last]
    else:
        last = int(check(check_stream(bits, Queue)).rest)
        ends = [last - (1 << last.bit_length() - 1)] if last > 1 else []
    return np.concatenate([np.asarray(bits.words)[: int(bits.size)], np.array(ends, np.uint32)])


def n_bits(bits: Queue | Stack | Reader) -> np.ndarray:
    """How many bits there are, or left to read: int64, of the shape of the batch.

    Args:
        bits: with concrete arrays.
    """
    if not isinstance(bits, _Bits):
        raise TypeError(f"bits must be a queue, a stack or a reader of jans.huffman, got {type(bits).__name__}.")
    words = np.asarray(bits.size, np.int64)
    if isinstance(bits, Reader):
        words = words - np.asarray(bits.position)
    _, digits = np.frexp(np.asarray(bits.rest, np.float64))  # exact: the exponent of a number of 32 bits
    return np.asarray(32 * words + digits - 1, np.int64)


_NAMES: dict[type, str] = {Queue: "queue", Stack: "stack", Reader: "reader"}


def check_stream(bits: Any, kind: Any) -> Any:
    """The bits of one stream; raises where they are of another kind, or of many streams."""
    if not isinstance(bits, kind):
        name = _NAMES[kind]
        raise TypeError(
            f"{name} must be a jans.huffman.{kind.__name__}, got {type(bits).__name__}. Make one with "
            f"jans.huffman.{name}."
        )
    if bits.rest.ndim != 0 or bits.words.ndim != 1:
        raise ValueError(
            f"{_NAMES[kind]} must be one stream; its words have shape {bits.words.shape}. Map a batch with jax.vmap."
        )
    return bits
