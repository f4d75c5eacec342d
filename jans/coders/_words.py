"""The content of streams as raw words, for other programs and for byte formats."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans.coders._rans_state import State, check_stream, find_variant, join_heads, split_heads
from jans.coders._state import check_layout, kind_of
from jans.ffi import targets
from jans.reference import spec
from jans.status import CodingError, check


def to_words(state: State) -> np.ndarray:
    """The content of one stream as raw words for other programs.

    The words of the tail come first, then every head, least significant word first. A single `rans64` head is
    written up to its last significant word. The result is then what constriction's
    `AnsCoder.get_compressed()` returns. All other heads are written in full. The words do not tell variant,
    lanes or model; use `jans.to_bytes` to keep variant and lanes.

    Args:
        state: one stream, with concrete arrays.

    Returns:
        Unsigned integers [n] of the variant's word size.

    Raises:
        CodingError: if the status of the state is not clean.

    >>> from jans import models, rans
    >>> rans.to_words(rans.push(rans.init(capacity=8), models.Uniform(1000), jnp.arange(5)))
    array([453001139,  15637127], dtype=uint32)
    """
    check_stream(state)
    check(state)
    v = find_variant(state.variant)
    tail = np.asarray(state.tail)[: int(state.size)]
    coder = (tuple(join_heads(state)), ())
    return np.concatenate([tail, np.array(spec.rans.words(v, coder), tail.dtype)])


@_inputs.door(capacity=_inputs.whole_or_none, lanes=_inputs.whole)
def from_words(words: Any, capacity: int | None = None, lanes: int = 1, variant: str = "rans64") -> State:
    """A coder from raw words: the inverse of `to_words`.

    Args:
        words: unsigned integers [n] of the variant's word size.
        capacity: number of words in the tail; by default just enough.
        lanes, variant: the same as when the words were written.

    Raises:
        CodingError: if such a coder cannot have written the words.
        ValueError: if the words are not integers of this size, or do not fit the capacity.

    >>> from jans import models, rans
    >>> state = rans.from_words(np.array([453001139, 15637127], np.uint32))
    >>> rans.pop(state, models.Uniform(1000), shape=(5,))[1]
    Array([0, 1, 2, 3, 4], dtype=int32)
    """
    v = find_variant(variant)
    array = np.asarray(words)
    if array.ndim != 1 or not (array.size == 0 or np.issubdtype(array.dtype, np.integer)):
        raise ValueError(f"words must be one axis of integers, got {array.dtype} of shape {array.shape}.")
    if array.size and (array.min() < 0 or array.max() >= 2**v.word_bits):
        raise ValueError(f"words of variant {variant} are {v.word_bits}-bit unsigned integers; some are out of range.")
    values = [int(w) for w in array[-2 * lanes * (v.state_bits // v.word_bits) :]]
    if variant == "rans64" and lanes == 1:
        if values and values[-1] == 0:
            raise CodingError("the last word is zero, so that it carries nothing; it cannot end a rans64 stream.")
        used = min(len(values), 2)
        heads = [sum(w << 32 * i for i, w in enumerate(values[len(values) - used :]))]
    else:
        each = v.state_bits // v.word_bits
        used = lanes * each
        if len(values) < used:
            raise CodingError(f"{lanes} heads of variant {variant} take {used} words, got only {array.size}.")
        ends = values[len(values) - used :]
        heads = [sum(w << v.word_bits * i for i, w in enumerate(ends[k : k + each])) for k in range(0, used, each)]
        if not all(v.lower <= x < 1 << v.top_bits for x in heads):
            raise CodingError(
                f"a head is out of the range of variant {variant}: these words were written by another coder."
            )
    tail = array[: array.size - used].astype(f"uint{v.word_bits}")
    capacity = tail.size if capacity is None else capacity
    check_layout(lanes, capacity)
    if capacity < tail.size:
        raise ValueError(f"capacity must be at least the {tail.size} words of the tail, got {capacity}.")
    padded = np.zeros(capacity, tail.dtype)
    padded[: tail.size] = tail
    return State(jnp.asarray(split_heads(v, heads)), jnp.asarray(padded), jnp.int32(tail.size), jnp.int32(0), variant)


@_inputs.door(state=kind_of(State))
@jax.jit
def compact(state: State) -> tuple[jax.Array, jax.Array]:
    """Packs the words of a batch of streams one after another, on the device of the batch.

    Pure, works under `jit`.

    Args:
        state: State [streams]; streams times capacity must be below 2**31.

    Returns:
        words: [streams * capacity], of the dtype of the tail; zeros follow the last stream.
        ends: int32 [streams], the position in `words` at which each stream ends. A stream that overflowed has
            `capacity` words.

    Raises:
        ValueError: if the state is not a batch with one axis, or has too many words.

    >>> from jans import models, rans
    >>> push = jax.vmap(lambda x: rans.push(rans.init(8, 2, "rans32"), models.Uniform(100, precision=16), x))
    >>> states = push(jnp.arange(15).reshape(3, 5))
    >>> words, ends = rans.compact(states)
    >>> ends, words[: ends[-1]]
    (Array([3, 6, 9], dtype=int32), Array([ 83, 196, 101,  30, 143,  61, 233,  90,  20], dtype=uint8))
    """
    if state.tail.ndim != 2:
        raise ValueError(f"state must be a batch of streams [streams], its tail has shape {state.tail.shape}.")
    return _compact(state.tail, state.size)


def _compact(tail: jax.Array, size: jax.Array) -> tuple[jax.Array, jax.Array]:
    if tail.size >= 2**31:
        raise ValueError(f"{tail.shape} words are 2**31 or more. Compact fewer streams at a time.")
    ends = jnp.cumsum(jnp.clip(size, 0, tail.shape[-1]), dtype=jnp.int32)
    (words,) = targets.maps.compact(tail, ends, dtype=tail.dtype)
    return words, ends


def tails(words: jax.Array, size: jax.Array) -> list[bytes]:
    """The words in use of each stream of a batch, little-endian.

    Args:
        words: [*batch, capacity], concrete.
        size: int32 [*batch], at most the capacity.
    """
    sizes = np.asarray(size).reshape(-1)
    # Copy only the words in use from another device to the host.
    devices = words.devices() if isinstance(words, jax.Array) else set()
    if any(device.platform != "cpu" for device in devices) and len(devices) == 1 and words.size < 2**31:
        return _compacted(words, sizes)
    rows = np.asarray(words).reshape(sizes.size, words.shape[-1])
    rows = rows.astype(rows.dtype.newbyteorder("<"), copy=False)
    return [row[:n].tobytes() for row, n in zip(rows, sizes.tolist(), strict=True)]


def _compacted(words: jax.Array, sizes: np.ndarray) -> list[bytes]:
    """As `tails`, for words on a device that is not the host."""
    ends = np.cumsum(sizes, dtype=np.int64)
    total = int(ends[-1]) if sizes.size else 0
    # Round the length up, so that few different programs are compiled.
    unit = 1 << max(total.bit_length() - 4, 0)
    packed = np.asarray(_first_words(words, jnp.asarray(sizes), min(-(-total // unit) * unit, words.size)))
    data = memoryview(packed.astype(packed.dtype.newbyteorder("<"), copy=False).tobytes())
    item = packed.dtype.itemsize
    return [bytes(data[item * (end - n) : item * end]) for n, end in zip(sizes.tolist(), ends.tolist(), strict=True)]


@functools.partial(jax.jit, static_argnames=("count",))
def _first_words(words: jax.Array, sizes: jax.Array, count: int) -> jax.Array:
    packed, _ = _compact(words.reshape(sizes.size, words.shape[-1]), sizes)
    return packed[:count]
