"""The state of the rANS coder: how to make it, and the range of its heads."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs, _variants
from jans._variants import RansVariant
from jans.coders._state import CoderState, check_layout, check_one_stream, float_of, joined_heads, log2_heads, pytree
from jans.reference import spec

_RANKS = {halves: {"head": halves, "tail": 1, "size": 0, "status": 0} for halves in (1, 2)}


@pytree("jans.rans.State", static=("variant",))
@dataclasses.dataclass(frozen=True, repr=False)
class State(CoderState):
    """The state of a stack coder: an immutable pytree, one stream.

    Attributes:
        head: uint32 [lanes, 2], low half first, for a 64-bit state; uint32 [lanes] for a 32-bit state.
        tail: words [capacity], uint32, uint16 or uint8; the first `size` are in use, the others are
            unspecified.
        size: int32 []. Above the capacity, it counts dropped words too.
        status: int32 [], sticky bits of `jans.status`.
        variant: name of the state and word sizes, static.

    >>> from jans import rans
    >>> state = rans.init(capacity=4, lanes=2)
    >>> state, state.head.shape
    (jans.rans.State(variant='rans64', lanes=2, tail=0 of 4, status=0), (2, 2))
    """

    head: jax.Array
    tail: jax.Array
    size: jax.Array
    status: jax.Array
    variant: str

    stacks = {"tail": "size"}  # noqa: RUF012
    made_by = "jans.rans.init"

    @property
    def ranks(self) -> Mapping[str, int]:
        """The number of axes of each array in one stream."""
        return _RANKS[find_variant(self.variant).halves]

    @property
    def lanes(self) -> int:
        """The number of interleaved heads."""
        return self.head.shape[-find_variant(self.variant).halves]

    def is_empty_stream(self) -> jax.Array:
        """Whether the stream equals a new coder from `init`."""
        head = empty_head(find_variant(self.variant), self.lanes)
        return (self.size == 0) & (self.head == head).all(axis=tuple(range(-head.ndim, 0)))

    def content_of_stream(self, xp: Any) -> Any:
        """The bits of the tail, plus the base-2 logarithm of every head."""
        v = find_variant(self.variant)
        heads = log2_heads(self.head, v.halves, xp)
        return v.word_bits * xp.asarray(self.size).astype(float_of(xp)) + heads

    def is_sound(self) -> np.ndarray:
        """Whether all heads are within their range."""
        v = find_variant(self.variant)
        x = joined_heads(self.head, v.halves)
        # Heads below the lower bound wrap, and are then too large.
        sound = (x - np.uint64(v.lower) <= np.uint64(2**v.top_bits - 1 - v.lower)).all(axis=-1)
        if self.variant == "rans64" and self.lanes == 1:
            sound |= (np.asarray(self.size) <= 0) & (x[..., 0] < np.uint64(v.lower))
        return np.asarray(sound)


def find_variant(name: str) -> RansVariant:
    """Returns the sizes of a variant, or raises ValueError for an unknown name."""
    return _variants.find(_variants.RANS, name)


def check_bits(variant: str, precision: int) -> int:
    """Returns the number of a variant, or raises ValueError if it does not code with a precision."""
    v = find_variant(variant)
    if not 1 <= precision <= v.max_precision:
        raise ValueError(
            f"variant {v.name} codes with 1 to {v.max_precision} bits of precision, got {precision}. Build the model "
            f"with precision={min(precision, v.max_precision)} or less, or take a variant with a 64-bit state."
        )
    return v.number


def check_digits(variant: str, bypass_precision: int) -> None:
    """Raises ValueError if a variant does not code digits of so many bits."""
    limit = find_variant(variant).max_precision
    if bypass_precision > limit:
        raise ValueError(
            f"variant {variant} codes digits of at most {limit} bits, got {bypass_precision}. Build "
            "the model with smaller bypass_precision, or take a variant with a 64-bit state."
        )


@_inputs.door(capacity=_inputs.whole, lanes=_inputs.whole)
def init(capacity: int, lanes: int = 1, variant: str = "rans64") -> State:
    """An empty coder.

    Args:
        capacity: number of words in the tail; static. n symbols of b bits need about n * b / (bits of a word)
            words.
        lanes: number of interleaved heads; static. 32 is fastest.
        variant: "rans64" (constriction's words), "rans64_ryg", "rans32_16" or "rans32"; see `docs/format.md`.

    Raises:
        ValueError: if the variant is unknown, or lanes or capacity are out of range.

    >>> from jans import rans
    >>> rans.init(capacity=4)
    jans.rans.State(variant='rans64', tail=0 of 4, status=0)
    """
    v = find_variant(variant)
    check_layout(lanes, capacity)
    head = empty_head(v, lanes)
    return State(
        head=jnp.asarray(np.broadcast_to(head, (lanes, *head.shape[1:]))),
        tail=jnp.zeros(capacity, v.word),
        size=jnp.int32(0),
        status=jnp.int32(0),
        variant=variant,
    )


@_inputs.door(model=_inputs.model, n=_inputs.whole, lanes=_inputs.whole)
def capacity_for(model: Any, n: int, lanes: int = 1, variant: str = "rans64") -> int:
    """The number of words that always suffices for n symbols of a model.

    Args:
        model: the model of the symbols; its `precision` counts, and the `max_bits` of a composite.
        n: number of symbols.
        lanes, variant: as for `init`.

    >>> from jans import models, rans
    >>> rans.capacity_for(models.Uniform(256, precision=8), n=1000, variant="rans32_16")
    564
    """
    # A push at most doubles the number beyond what the bits of its symbol account for.
    return -(-n * (model.max_bits + 1) // find_variant(variant).word_bits) + lanes


@_inputs.door(key=_inputs.key, n_words=_inputs.whole, capacity=_inputs.whole, lanes=_inputs.whole)
def random(key: jax.Array, n_words: int, capacity: int, lanes: int = 1, variant: str = "rans64") -> State:
    """A coder that holds random bits, as a start for bits-back coding.

    Args:
        key: a JAX random key.
        n_words: number of random words in the tail, at most the capacity; static. The heads are random too.
        capacity, lanes, variant: as for `init`.

    Raises:
        ValueError: as `init`, or if `n_words` is out of range.

    >>> from jans import rans
    >>> rans.random(jax.random.key(0), n_words=2, capacity=4)
    jans.rans.State(variant='rans64', tail=2 of 4, status=0)
    """
    v = find_variant(variant)
    check_layout(lanes, capacity)
    if not 0 <= n_words <= capacity:
        raise ValueError(f"n_words must be from 0 to the capacity of {capacity} words, got {n_words}.")
    low_key, high_key, tail_key = jax.random.split(key, 3)
    low = jax.random.bits(low_key, (lanes,), jnp.uint32)
    if v.halves == 2:
        high = jax.random.bits(high_key, (lanes,), jnp.uint32) >> (64 - v.top_bits)
        head = jnp.stack([low, jnp.maximum(high, 1)], axis=-1)
    else:
        head = v.lower + low % jnp.uint32(2**v.top_bits - v.lower)
    tail = jnp.zeros(capacity, v.word)
    tail = tail.at[:n_words].set(jax.random.bits(tail_key, (n_words,), tail.dtype))
    return State(head, tail, jnp.int32(n_words), jnp.int32(0), variant)


def check_stream(state: Any) -> tuple[jax.Array, ...]:
    """Returns head, tail, size and status of one stream;
    raises for another kind of state or a batch of streams."""
    check_one_stream(state, State)
    word = find_variant(state.variant).word
    if state.tail.dtype != word or state.head.dtype != np.uint32:
        raise TypeError(
            f"a state of variant {state.variant} has a uint32 head and a {word.name} tail, got {state.head.dtype} and "
            f"{state.tail.dtype}. It seems to come from another variant."
        )
    return state.arrays()


def empty_head(v: RansVariant, lanes: int) -> np.ndarray:
    """A head of an empty coder, in the layout of a state with one lane. All lanes have the same head."""
    return split_heads(v, spec.rans.init(v, min(lanes, 2))[0])[:1]


def split_heads(v: RansVariant, heads: Sequence[int]) -> np.ndarray:
    """Heads in the layout of a state: uint32 [lanes], or [lanes, 2] halves, low half first."""
    if v.halves == 1:
        return np.array(heads, np.uint32)
    return np.array([[x & 0xFFFFFFFF, x >> 32] for x in heads], np.uint32).reshape(-1, 2)


def join_heads(state: State) -> list[int]:
    """The heads of one stream as Python integers."""
    head = np.asarray(state.head)
    return [int(x) for x in head] if head.ndim == 1 else [int(low) | int(high) << 32 for low, high in head]
