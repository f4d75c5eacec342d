"""The stack coder (rANS): a number that symbols are pushed on and popped off, kept in a few heads over a tail of words.

    push:  x' = floor(x / freq) * 2**precision + start + x mod freq
    pop:   x  = freq * floor(x' / 2**precision) + (x' mod 2**precision) - start

Symbol i of an array belongs to head (lane) i % lanes. Arrays are pushed from the last symbol to the first and popped
from the first to the last; every head renormalises at once, so all lanes share one tail. One state is one stream:
batches come from `jax.vmap`. (Duda 2013, arXiv:1311.2540; Giesen 2014, arXiv:1402.3392.)
"""

import dataclasses
import functools
import json
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from jans.codecs import Codec
from jans.ffi import calls
from jans.reference import plain
from jans.shapes import check_fit
from jans.status import check

NUMBERS = {name: number for number, name in enumerate(plain.VARIANTS)}
_WORDS = {8: np.uint8, 16: np.uint16, 32: np.uint32}
_KERNEL_SYMBOLS = (np.uint8, np.uint16, np.int32)
_ALL_SYMBOLS = (np.uint8, np.int8, np.uint16, np.int16, np.int32)


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=("head", "tail", "size", "status"), meta_fields=("variant",)
)
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
        return self.head.shape[-2] if _variant(self.variant).state_bits == 64 else self.head.shape[-1]

    @property
    def capacity(self) -> int:
        """Number of words that the tail has room for."""
        return self.tail.shape[-1]


jax.export.register_pytree_node_serialization(
    State,
    serialized_name="jans.rans.State",
    serialize_auxdata=lambda variant: json.dumps(variant).encode(),
    deserialize_auxdata=lambda text: tuple(json.loads(text)),
)


def _variant(name: str) -> plain.Variant:
    if name not in plain.VARIANTS:
        raise ValueError(f"variant must be one of {', '.join(plain.VARIANTS)}, got {name!r}.")
    return plain.VARIANTS[name]


def _check_layout(lanes: int, capacity: int) -> None:
    if lanes < 1:
        raise ValueError(f"lanes must be at least 1, got {lanes}.")
    if not 0 <= capacity < 2**31:
        raise ValueError(f"capacity must be from 0 to 2**31 - 1 words, got {capacity}.")


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
    v = _variant(variant)
    _check_layout(lanes, capacity)
    heads, _ = plain.init(v, lanes)
    return State(
        head=jnp.asarray(_split_heads(v, heads)),
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
    v = _variant(variant)
    _check_layout(lanes, capacity)
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


# ---- coding ----


def _arrays(state: State) -> tuple[jax.Array, ...]:
    if not isinstance(state, State):
        raise TypeError(f"state must be a jans.rans.State, got {type(state).__name__}.")
    v = _variant(state.variant)
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


def _coder(state: State, precision: int) -> dict[str, int]:
    most = _variant(state.variant).max_precision
    if not 1 <= precision <= most:
        raise ValueError(
            f"variant {state.variant} codes with 1 to {most} bits of precision, got {precision}. Build the model with "
            f"precision={min(precision, most)} or less, or take a variant with a 64-bit state."
        )
    return {"variant": NUMBERS[state.variant], "precision": precision}


def _flat_symbols(symbols: Any) -> tuple[jax.Array, tuple[int, ...]]:
    array = jnp.asarray(symbols)
    if array.dtype not in _ALL_SYMBOLS:
        raise TypeError(
            f"symbols must be uint8, int8, uint16, int16 or int32, got {array.dtype}. "
            "Convert them with .astype(jnp.int32)."
        )
    flat = array.reshape(-1)
    return (flat if array.dtype in _KERNEL_SYMBOLS else flat.astype(jnp.int32)), array.shape


@jax.jit
def push(state: State, model: Any, symbols: jax.Array) -> State:
    """Puts symbols on the coder, last one first, so that `pop` returns them in reading order.

    Args:
        state: the coder, one stream.
        model: a model whose shape broadcasts to that of the symbols.
        symbols: uint8, int8, uint16, int16 or int32, of any shape; taken in row-major order.

    Returns:
        The coder with the symbols on it. A full tail sets `OVERFLOW` and goes on counting; a symbol without an interval
        is left out and sets `BAD_SYMBOL` or `BAD_MODEL`. `jans.check` turns the status into an error.

    >>> from jans import models
    >>> state = push(init(capacity=8), models.Uniform(10), jnp.array([3, 1, 4, 1, 5]))
    >>> state, symbols = pop(state, models.Uniform(10), shape=(5,))
    >>> symbols
    Array([3, 1, 4, 1, 5], dtype=int32)
    """
    arrays = _arrays(state)
    coder = _coder(state, model.precision)
    flat, shape = _flat_symbols(symbols)
    check_fit(model.shape, shape)
    kernel = model.kernel(shape)
    if kernel is not None and kernel.kind == "rows":
        head, tail, size, status = calls.rans_push_rows(*arrays, flat, *kernel.operands, **coder)
    else:
        start, freq = model.interval(flat.reshape(shape))
        head, tail, size, status = calls.rans_push(*arrays, start.reshape(-1), freq.reshape(-1), **coder)
    return State(head, tail, size, status, state.variant)


@functools.partial(jax.jit, static_argnames=("shape", "dtype"))
def pop(
    state: State, model: Any, shape: Sequence[int] | None = None, dtype: Any = jnp.int32
) -> tuple[State, jax.Array]:
    """Takes symbols off the coder: the inverse of `push`.

    Args:
        state: the coder, one stream.
        model: the model that the symbols were pushed with.
        shape: shape of the symbols, which the model's broadcasts to; by default the model's.
        dtype: of the symbols, one of those that `push` takes; symbols that do not fit it wrap.

    Returns:
        The coder without the symbols, and the symbols. An empty tail sets `UNDERFLOW` and reads zeros (a single rans64
        head is a number that ends at zero, as constriction's: popping nothing from it leaves it there); a model that is
        no distribution sets `BAD_MODEL` and gives symbol 0.
    """
    shape = tuple(model.shape if shape is None else shape)
    arrays = _arrays(state)
    coder = _coder(state, model.precision)
    dtype = np.dtype(dtype)
    if dtype not in _ALL_SYMBOLS:
        raise TypeError(f"dtype must be uint8, int8, uint16, int16 or int32, got {dtype}.")
    check_fit(model.shape, shape)
    n = math.prod(shape)
    kernel = model.kernel(shape)
    if kernel is None:
        state, symbols = _pop_by_steps(state, model, shape)
        return state, symbols.astype(dtype)
    inner = dtype if dtype in _KERNEL_SYMBOLS else np.dtype(np.int32)
    head, size, status, symbols = calls.POPS[kernel.kind](
        *arrays, *kernel.operands, **coder, **kernel.attributes, n=n, dtype=inner
    )
    return State(head, state.tail, size, status, state.variant), symbols.reshape(shape).astype(dtype)


def _pop_by_steps(state: State, model: Any, shape: tuple[int, ...]) -> tuple[State, jax.Array]:
    """Pops with a model that only JAX knows, as many symbols at a time as there are lanes."""
    n, lanes = math.prod(shape), state.lanes
    rows, rest = divmod(n, lanes)

    def step(state, model, count):
        symbols = model.locate(peek(state, model.precision, count))
        start, freq = model.interval(symbols)
        return advance(state, start, freq, model.precision), symbols.astype(jnp.int32)

    if model.shape == ():
        part, last = model, model
        state, body = jax.lax.scan(lambda s, _: step(s, part, lanes), state, length=rows)
    else:
        flat = jax.tree.map(lambda leaf: _flat_leaf(leaf, model.shape, shape), model)
        part = jax.tree.map(lambda leaf: leaf[: rows * lanes].reshape(rows, lanes, *leaf.shape[1:]), flat)
        last = jax.tree.map(lambda leaf: leaf[rows * lanes :], flat)
        state, body = jax.lax.scan(lambda s, m: step(s, m, lanes), state, part)
    symbols = body.reshape(-1)
    if rest:
        state, tail = step(state, last, rest)
        symbols = jnp.concatenate([symbols, tail])
    return state, symbols.reshape(shape)


def _flat_leaf(leaf: jax.Array, model: tuple[int, ...], symbols: tuple[int, ...]) -> jax.Array:
    if leaf.shape[: len(model)] != model:
        raise ValueError(
            f"a model of shape {model} without a kernel must have leaves that lead with this shape, got {leaf.shape}. "
            "Broadcast its parameters, or give the model shape ()."
        )
    rest = leaf.shape[len(model) :]
    return jnp.broadcast_to(leaf, (*symbols, *rest)).reshape(-1, *rest)


@functools.partial(jax.jit, static_argnames=("precision", "n"))
def peek(state: State, precision: int, n: int | None = None) -> jax.Array:
    """The quantiles of the next symbols: uint32 [n] in [0, 2**precision), for the first n lanes (by default all).

    The symbol on top of a lane is the one whose interval contains its quantile; `advance` then takes it off.
    """
    head, *_ = _arrays(state)
    coder = _coder(state, precision)
    n = state.lanes if n is None else n
    if not 1 <= n <= state.lanes:
        raise ValueError(f"n must be from 1 to the {state.lanes} lanes of the state, got {n}.")
    low = head[:, 0] if head.ndim == 2 else head
    return low[:n] & jnp.uint32(2 ** coder["precision"] - 1)


@functools.partial(jax.jit, static_argnames=("precision",))
def advance(state: State, start: jax.Array, freq: jax.Array, precision: int) -> State:
    """Takes symbols off the coder whose intervals are known from their quantiles.

    Args:
        state: the coder, one stream.
        start, freq: uint32 [n], n at most the number of lanes: intervals that contain `peek(state, precision, n)`. One
            that does not sets `BAD_MODEL` and is left out.
        precision: bits of the intervals.
    """
    arrays = _arrays(state)
    coder = _coder(state, precision)
    start, freq = (jnp.atleast_1d(jnp.asarray(a, jnp.uint32)) for a in (start, freq))
    if start.ndim != 1 or start.shape != freq.shape or start.shape[0] > state.lanes:
        raise ValueError(
            f"start and freq must be one axis of at most {state.lanes} intervals, one for each lane, got shapes "
            f"{start.shape} and {freq.shape}."
        )
    head, size, status = calls.rans_advance(*arrays, start, freq, **coder)
    return State(head, state.tail, size, status, state.variant)


def codec(model: Any, shape: Sequence[int] | None = None, dtype: Any = jnp.int32) -> Codec:
    """A model as a codec: `push(state, symbols)` and `pop(state)`; shape and dtype as for `pop`."""
    shape = None if shape is None else tuple(shape)
    return Codec(
        push=lambda state, symbols: push(state, model, symbols),
        pop=lambda state: pop(state, model, shape=shape, dtype=dtype),
    )


def bits(state: State) -> jax.Array | np.ndarray:
    """Content of a coder in bits: the words of the tail, and the logarithm of every head.

    Exact to a float64 outside of `jit`; inside it is a float32, and differences of large contents lose their last bits.
    """
    inside = isinstance(state.head, jax.core.Tracer)
    xp = jnp if inside else np
    v = _variant(state.variant)
    head = xp.asarray(state.head).astype(xp.float32 if inside else np.float64)
    x = head[..., 0] + head[..., 1] * 2.0**32 if v.state_bits == 64 else head
    heads = xp.where(x > 0, xp.log2(xp.maximum(x, 1)), 0).sum(-1)
    return v.word_bits * xp.asarray(state.size).astype(heads.dtype) + heads


def is_empty(state: State) -> jax.Array:
    """Whether a coder holds what `init` gives: nothing. After decoding everything this should be True."""
    heads = _split_heads(_variant(state.variant), plain.init(_variant(state.variant), state.lanes)[0])
    core = tuple(range(-heads.ndim, 0))
    return (state.size == 0) & (state.head == heads).all(axis=core)


# ---- words ----


def _split_heads(v: plain.Variant, heads: Sequence[int]) -> np.ndarray:
    if v.state_bits == 32:
        return np.array(heads, np.uint32)
    return np.array([[x & 0xFFFFFFFF, x >> 32] for x in heads], np.uint32).reshape(-1, 2)


def join_heads(state: State) -> list[int]:
    """The heads of one stream as Python integers."""
    head = np.asarray(state.head)
    return [int(x) for x in head] if head.ndim == 1 else [int(low) | int(high) << 32 for low, high in head]


def to_words(state: State) -> np.ndarray:
    """The content of one stream as raw words, for other programs: the tail, then every head, least significant word
    first.

    For one head of `rans64` this is what constriction's `AnsCoder.get_compressed()` returns: the head ends with its
    last significant word. All other heads are written in full. Nothing is said about variant, lanes or model;
    `jans.to_bytes` keeps those.

    Raises:
        CodingError: when the status of the state is not clean.

    >>> from jans import models
    >>> to_words(push(init(capacity=8), models.Uniform(1000), jnp.arange(5)))
    array([453001139,  15637127], dtype=uint32)
    """
    _arrays(state)
    check(state)
    v = _variant(state.variant)
    tail = np.asarray(state.tail)[: int(state.size)]
    coder = (tuple(join_heads(state)), ())
    return np.concatenate([tail, np.array(plain.words(v, coder), tail.dtype)])


def from_words(words: Any, capacity: int | None = None, lanes: int = 1, variant: str = "rans64") -> State:
    """A coder from raw words: the inverse of `to_words`.

    Args:
        words: unsigned integers [n] of the variant's word size.
        capacity: words of the tail; by default as many as there are.
        lanes, variant: as the words were written.

    Raises:
        ValueError: when the words cannot come from such a coder.
    """
    v = _variant(variant)
    array = np.asarray(words)
    if array.ndim != 1 or not (array.size == 0 or np.issubdtype(array.dtype, np.integer)):
        raise ValueError(f"words must be one axis of integers, got {array.dtype} of shape {array.shape}.")
    if array.size and (array.min() < 0 or array.max() >= 2**v.word_bits):
        raise ValueError(f"words of variant {variant} are {v.word_bits}-bit unsigned integers; some are out of range.")
    values = [int(w) for w in array[-2 * lanes * (v.state_bits // v.word_bits) :]]
    if variant == "rans64" and lanes == 1:
        if values and values[-1] == 0:
            raise ValueError("the last word is zero, so that it carries nothing; it cannot end a rans64 stream.")
        used = min(len(values), 2)
        heads = [sum(w << 32 * i for i, w in enumerate(values[len(values) - used :]))]
    else:
        each = v.state_bits // v.word_bits
        used = lanes * each
        if len(values) < used:
            raise ValueError(f"{lanes} heads of variant {variant} take {used} words, got only {array.size}.")
        ends = values[len(values) - used :]
        heads = [sum(w << v.word_bits * i for i, w in enumerate(ends[k : k + each])) for k in range(0, used, each)]
        if not all(v.lower <= x < 1 << v.top_bits for x in heads):
            raise ValueError(
                f"a head is out of the range of variant {variant}: these words were written by another coder."
            )
    tail = array[: array.size - used].astype(_WORDS[v.word_bits])
    capacity = tail.size if capacity is None else capacity
    _check_layout(lanes, capacity)
    if capacity < tail.size:
        raise ValueError(f"capacity must be at least the {tail.size} words of the tail, got {capacity}.")
    padded = np.zeros(capacity, tail.dtype)
    padded[: tail.size] = tail
    return State(jnp.asarray(_split_heads(v, heads)), jnp.asarray(padded), jnp.int32(tail.size), jnp.int32(0), variant)
