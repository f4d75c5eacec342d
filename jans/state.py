"""The state of a stack coder: a value that holds one stream."""

import dataclasses
import functools
import json
from collections.abc import Sequence
from typing import Any, TypeVar

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from jans.reference import plain
from jans.shapes import tuples

_T = TypeVar("_T")
_WORDS = {8: np.uint8, 16: np.uint16, 32: np.uint32}


def blank_words(words: jax.Array, size: jax.Array) -> jax.Array:
    """Words with zeros in place of those that are not in use."""
    return jnp.where(jnp.arange(words.shape[-1]) < jnp.asarray(size)[..., None], words, 0)


def pytree(cls: type[_T], meta: tuple[str, ...] = ()) -> type[_T]:
    """A frozen dataclass as a pytree that exported programs take; `meta` are its static fields."""
    data = [field.name for field in dataclasses.fields(cls) if field.name not in meta]  # type: ignore[arg-type]
    jax.tree_util.register_dataclass(cls, data, list(meta))
    jax.export.register_pytree_node_serialization(
        cls,
        serialized_name=f"{cls.__module__}.{cls.__qualname__}",
        serialize_auxdata=lambda values: json.dumps(values).encode(),
        deserialize_auxdata=lambda text: tuples(json.loads(text)),
    )
    return cls


@functools.partial(pytree, meta=("variant",))
@dataclasses.dataclass(frozen=True)
class State:
    """A coder: an immutable pytree, one stream.

    Attributes:
        head: uint32 [lanes, 2], low half first, for a 64-bit state; uint32 [lanes] for a 32-bit one.
        tail: words [capacity], uint32, uint16 or uint8; the first `size` are in use, the others unspecified.
        size: int32 []. Beyond the capacity it counts words that were dropped.
        status: int32 [], sticky bits of `jans.status`.
        variant: name of the state and word sizes, static.
    """

    head: jax.Array
    tail: jax.Array
    size: jax.Array
    status: jax.Array
    variant: str

    @property
    def lanes(self) -> int:
        """Number of interleaved heads."""
        return self.head.shape[-2] if find_variant(self.variant).state_bits == 64 else self.head.shape[-1]

    @property
    def stacks(self) -> tuple[tuple[jax.Array, int], ...]:
        """Size and capacity of the tail."""
        return ((self.size, self.capacity),)

    def blank(self) -> "State":
        """The same content, with zeros for the words that are not in use."""
        return dataclasses.replace(self, tail=blank_words(self.tail, self.size))

    @property
    def capacity(self) -> int:
        """Number of words that the tail has room for."""
        return self.tail.shape[-1]


def find_variant(name: str) -> plain.Variant:
    """The sizes behind the name of a variant."""
    if name not in plain.VARIANTS:
        raise ValueError(f"variant must be one of {', '.join(plain.VARIANTS)}, got {name!r}.")
    return plain.VARIANTS[name]


def check_layout(lanes: int, capacity: int) -> None:
    """Raises ValueError for a state that cannot be."""
    if lanes < 1:
        raise ValueError(f"lanes must be at least 1, got {lanes}.")
    if not 0 <= capacity < 2**31:
        raise ValueError(f"capacity must be from 0 to 2**31 - 1 words, got {capacity}.")


def check_words(words: Any) -> jax.Array:
    """Words of 32 bits that come from elsewhere, as an array; raises TypeError where they are something else."""
    array = jnp.asarray(words)
    if array.ndim != 1 or array.dtype != np.uint32:
        raise TypeError(f"words must be one axis of uint32, got {array.dtype} of shape {array.shape}.")
    return array


def init(capacity: int, lanes: int = 1, variant: str = "rans64") -> State:
    """An empty coder.

    Args:
        capacity: words of the tail; static. n symbols of b bits need about n * b / word bits of them.
        lanes: interleaved heads; static. 32 is the fast shape.
        variant: "rans64" (constriction's words), "rans64_ryg", "rans32_16" or "rans32"; see `docs/format.md`.

    >>> init(capacity=4)
    State(head=Array([[0, 0]], dtype=uint32), tail=Array([0, 0, 0, 0], dtype=uint32), size=Array(0, dtype=int32), \
status=Array(0, dtype=int32), variant='rans64')
    """
    v = find_variant(variant)
    check_layout(lanes, capacity)
    head = _empty_head(v, lanes)
    return State(
        head=jnp.asarray(np.broadcast_to(head, (lanes, *head.shape[1:]))),
        tail=jnp.zeros(capacity, _WORDS[v.word_bits]),
        size=jnp.int32(0),
        status=jnp.int32(0),
        variant=variant,
    )


def random(key: jax.Array, n_words: int, capacity: int, lanes: int = 1, variant: str = "rans64") -> State:
    """A coder that holds random bits, for bits-back coding to start from.

    Args:
        key: a JAX random key.
        n_words: random words in the tail, besides the heads, which are random as well.
        capacity, lanes, variant: as for `init`.
    """
    v = find_variant(variant)
    check_layout(lanes, capacity)
    if not 0 <= n_words <= capacity:
        raise ValueError(f"n_words must be from 0 to the capacity of {capacity} words, got {n_words}.")
    low_key, high_key, tail_key = jax.random.split(key, 3)
    low = jax.random.bits(low_key, (lanes,), jnp.uint32)
    if v.state_bits == 64:
        high = jax.random.bits(high_key, (lanes,), jnp.uint32) >> (64 - v.top_bits)
        head = jnp.stack([low, jnp.maximum(high, 1)], axis=-1)
    else:
        head = v.lower + low % jnp.uint32(2**v.top_bits - v.lower)
    tail = jnp.zeros(capacity, _WORDS[v.word_bits])
    tail = tail.at[:n_words].set(jax.random.bits(tail_key, (n_words,), tail.dtype))
    return State(head, tail, jnp.int32(n_words), jnp.int32(0), variant)


def check_stream(state: State) -> tuple[jax.Array, ...]:
    """Head, tail, size and status of one stream; raises where the state is none or many."""
    if not isinstance(state, State):
        raise TypeError(f"state must be a jans.rans.State, got {type(state).__name__}.")
    v = find_variant(state.variant)
    rank = 2 if v.state_bits == 64 else 1
    if state.head.ndim != rank or state.tail.ndim != 1 or state.size.ndim != 0 or state.status.ndim != 0:
        raise ValueError(
            f"state must be one stream; its head has shape {state.head.shape} and its tail {state.tail.shape}. "
            "Map a batch of streams with jax.vmap."
        )
    word = _WORDS[v.word_bits]
    if state.tail.dtype != word or state.head.dtype != np.uint32:
        raise TypeError(
            f"a state of variant {state.variant} has a uint32 head and a {np.dtype(word).name} tail, got "
            f"{state.head.dtype} and {state.tail.dtype}. It seems to come from another variant."
        )
    return state.head, state.tail, state.size, state.status


def bits(state: State) -> jax.Array | np.ndarray:
    """Content of a coder in bits: the words of the tail, and the logarithm of every head.

    Exact to a float64 outside of `jit`; inside it is a float32, and differences of large contents lose their last bits.
    """
    inside = isinstance(state.head, jax.core.Tracer)
    xp = jnp if inside else np
    v = find_variant(state.variant)
    head = xp.asarray(state.head).astype(xp.float32 if inside else np.float64)
    x = head[..., 0] + head[..., 1] * 2.0**32 if v.state_bits == 64 else head
    heads = xp.where(x > 0, xp.log2(xp.maximum(x, 1)), 0).sum(-1)
    return v.word_bits * xp.asarray(state.size).astype(heads.dtype) + heads


def is_empty(state: State) -> jax.Array:
    """Whether a coder holds what `init` gives: nothing. After decoding everything this should be True."""
    head = _empty_head(find_variant(state.variant), state.lanes)
    core = tuple(range(-head.ndim, 0))
    return (state.size == 0) & (state.head == head).all(axis=core)


def _empty_head(v: plain.Variant, lanes: int) -> np.ndarray:
    """A head of an empty coder, as it lies in a state of one lane; all of them are alike."""
    return split_heads(v, plain.init(v, min(lanes, 2))[0])[:1]


def sound_heads(state: State) -> np.ndarray:
    """Whether a coder can have the heads of each stream of a batch; bool, of the shape of the batch. For concrete
    arrays."""
    v = find_variant(state.variant)
    head = np.asarray(state.head).astype(np.uint64)
    x = head[..., 0] | head[..., 1] << np.uint64(32) if v.state_bits == 64 else head
    low = x < np.uint64(v.lower)
    if state.variant == "rans64" and state.lanes == 1:
        low &= (np.asarray(state.size) > 0)[..., None]
    high = x >> np.uint64(v.top_bits - 1) > 1
    return np.logical_not((low | high).any(axis=-1))


def split_heads(v: plain.Variant, heads: Sequence[int]) -> np.ndarray:
    """Heads as they lie in a state: uint32 [lanes], or [lanes, 2] halves, low first."""
    if v.state_bits == 32:
        return np.array(heads, np.uint32)
    return np.array([[x & 0xFFFFFFFF, x >> 32] for x in heads], np.uint32).reshape(-1, 2)


def join_heads(state: State) -> list[int]:
    """The heads of one stream as Python integers."""
    head = np.asarray(state.head)
    return [int(x) for x in head] if head.ndim == 1 else [int(low) | int(high) << 32 for low, high in head]
