"""The chain coder: a stack whose symbols do not depend on each other.

    pop:   q = the next bits, in [start, start + freq);   x' = x * freq + (q - start)
    push:  q = start + x' mod freq;   x = floor(x' / freq);   q goes back to the bits

A pop takes the bits of its model's precision from one stack, whatever the model says, and puts what they hold beyond
the symbol on another, the remainders. So all quantiles are known at once: symbols are found side by side, and a model
that changes, changes the symbol that it is for, and no other. That serves bits-back coding together with iterative
inference or quantisation. What is left after popping is a message like any other; pushing starts from it and gives the
data back.

One state is one stream: batches come from `jax.vmap`. (Bamler 2022, arXiv:2201.01741; the bits are those of
constriction's `ChainCoder`.)
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import parts
from jans.codecs import Codec
from jans.ffi import calls
from jans.reference.plain_chain import VARIANTS, Variant
from jans.shapes import check_dtype, check_fit, check_precision, check_symbols
from jans.state import blank_words, check_layout, pytree
from jans.status import BAD_MODEL, BAD_STATE, SENTENCES, CodingError, check

NUMBERS = {name: number for number, name in enumerate(VARIANTS)}
_WORDS = {16: np.uint16, 32: np.uint32}


@functools.partial(pytree, meta=("variant", "precision"))
@dataclasses.dataclass(frozen=True)
class State:
    """A chain coder: an immutable pytree, one stream.

    Attributes:
        rest: uint32 [], bits of the last word that were not taken yet, below a leading one.
        compressed: words [capacity], uint32 or uint16, that quantiles come from; the first `compressed_size` are used.
        compressed_size: int32 [].
        head: uint32 [lanes, 2], low half first, or uint32 [lanes]: the top of the remainders.
        remainders: words [capacity] below it; the first `remainders_size` are used.
        remainders_size: int32 [].
        status: int32 [], sticky bits of `jans.status`.
        variant: name of the state and word sizes, static.
        precision: the most bits of a quantile, static.
    """

    rest: jax.Array
    compressed: jax.Array
    compressed_size: jax.Array
    head: jax.Array
    remainders: jax.Array
    remainders_size: jax.Array
    status: jax.Array
    variant: str
    precision: int

    @property
    def lanes(self) -> int:
        """Number of interleaved heads."""
        return self.head.shape[-2] if VARIANTS[self.variant].state_bits == 64 else self.head.shape[-1]

    def blank(self) -> "State":
        """The same content, with zeros for the words that are not in use."""
        return dataclasses.replace(
            self,
            compressed=blank_words(self.compressed, self.compressed_size),
            remainders=blank_words(self.remainders, self.remainders_size),
        )

    @property
    def stacks(self) -> tuple[tuple[jax.Array, int], ...]:
        """Size and capacity of both stacks."""
        return (
            (self.compressed_size, self.compressed.shape[-1]),
            (self.remainders_size, self.remainders.shape[-1]),
        )


def _find(variant: str, precision: int | None) -> tuple[Variant, int]:
    """The sizes behind the name of a variant, and the precision of a coder."""
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, got {variant!r}.")
    v = VARIANTS[variant]
    if precision is None:
        return v, min(24, v.max_precision)
    if check_precision(precision) > v.max_precision:
        raise ValueError(f"variant {variant} has at most {v.max_precision} bits of precision, got {precision}.")
    return v, precision


def _check_words(words: Any, v: Variant) -> jax.Array:
    array = jnp.asarray(words)
    if array.ndim != 1 or array.dtype != _WORDS[v.word_bits]:
        raise TypeError(
            f"words of variant {v.name} are one axis of {np.dtype(_WORDS[v.word_bits]).name}, got {array.dtype} of "
            f"shape {array.shape}."
        )
    return array


def _one_head(v: Variant, precision: int, words: jax.Array, sealed: bool) -> tuple[jax.Array, int, jax.Array]:
    """The head that the words on top make, [1, 2] or [1], how many they are, and whether they are a head."""
    n, lower = words.shape[0], jnp.uint32(2 ** v.lower_bits(precision))
    top = lambda k: words[n - 1 - k].astype(jnp.uint32) if k < n else jnp.uint32(0)
    one, below, taken = (jnp.uint32(1), top(0), 0) if sealed else (top(0), top(1), 1)
    short = one < lower
    if v.state_bits == 64:
        head = jnp.stack([jnp.where(short, below, one), jnp.where(short, one, 0)])
    else:
        head = jnp.where(short, one << v.word_bits | below, one)
    used = taken + short.astype(jnp.int32)
    return head[None], used, (one != 0) & (used <= n)


def _many_heads(
    v: Variant, precision: int, words: jax.Array, lanes: int, sealed: bool
) -> tuple[jax.Array, int, jax.Array]:
    """As `_one_head`, for several: a one and a word each, or words in full, the low one first."""
    lower = v.lower_bits(precision)
    each = min(lower, 1) if sealed else v.state_bits // v.word_bits
    n, used = words.shape[0], lanes * each
    if n < used:
        raise ValueError(f"{lanes} lanes take {used} words, got {n}.")
    top = words[n - used :].astype(jnp.uint32).reshape(lanes, each)
    if sealed:
        low = top[::-1, 0] if each else jnp.ones(lanes, jnp.uint32)
        high = jnp.full(lanes, each, jnp.uint32)
    else:
        low, high = top[:, 0], top[:, 1]
    if v.state_bits == 64:
        head = jnp.stack([low, high], axis=-1)
        small = (high == 0) & (low < jnp.uint32(2**lower))
        good = ~small & (high >> jnp.uint32(lower) == 0)
    else:
        head = high << v.word_bits | low
        good = (head >> lower != 0) & (head >> lower >> (v.word_bits - 1) >> 1 == 0)
    return head, used, good.all()


def _heads(
    v: Variant, precision: int, words: jax.Array, lanes: int, sealed: bool
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The heads that the words on top make, how many words are left, and whether they made heads."""
    one = lanes == 1
    head, used, good = (
        _one_head(v, precision, words, sealed) if one else _many_heads(v, precision, words, lanes, sealed)
    )
    return head, jnp.maximum(words.shape[0] - jnp.asarray(used, jnp.int32), 0), good


def init(
    words: Any,
    seal: bool = True,
    capacity: int | None = None,
    lanes: int = 1,
    variant: str = "chain64",
    precision: int | None = None,
) -> State:
    """A coder to pop from data.

    Args:
        words: uint32 [n] (uint16 for "chain32_16"), the last one on top.
        seal: whether a one is put on top of the words, so that they may be anything; False for what `to_remainders`,
            constriction's `get_remainders` or its `get_compressed` gave, whose last word is not zero.
        capacity: words of the remainders; by default as many as there are words, which is always enough.
        lanes: interleaved heads of the remainders, static; symbol i belongs to head i % lanes. Several take a word
            each, and a seal.
        variant: "chain64" (constriction's words) or "chain32_16".
        precision: of the models that are used, the most; by default 24, or the 16 that "chain32_16" has room for. A
            symbol takes the bits of its own model.

    Returns:
        The coder. A last word of zero without a seal, or too few words, sets `BAD_STATE`.

    >>> from jans import models
    >>> state = init(np.array([0x80D14131, 0xDDA97C6C, 0x5017A640, 0x01170A3E], np.uint32))
    >>> state, symbols = pop(state, models.Uniform(10), shape=(4,))
    >>> symbols
    Array([0, 6, 8, 3], dtype=int32)
    >>> push(state, models.Uniform(10), symbols).compressed_size
    Array(3, dtype=int32)
    """
    v, precision = _find(variant, precision)
    array = _check_words(words, v)
    capacity = array.shape[0] if capacity is None else capacity
    check_layout(lanes, capacity)
    if lanes > 1 and not seal:
        raise ValueError(f"data without a seal fill one head: lanes must be 1 with seal=False, got {lanes}.")
    head, size, good = _heads(v, precision, array, lanes, seal)
    return State(
        rest=jnp.uint32(1),
        compressed=array,
        compressed_size=size,
        head=head,
        remainders=jnp.zeros(capacity, array.dtype),
        remainders_size=jnp.int32(0),
        status=jnp.where(good, 0, BAD_STATE).astype(jnp.int32),
        variant=variant,
        precision=precision,
    )


def init_remainders(words: Any, capacity: int, lanes: int = 1, variant: str = "chain64", precision: int = 24) -> State:
    """A coder to push on, from what `to_remainders` gave.

    Args:
        words: uint32 [n] (uint16 for "chain32_16"): both arrays of `to_remainders` one after the other, or the second.
        capacity: words of the data that pushing makes: n symbols of p bits make n * p bits.
        lanes, variant, precision: as for `init`.

    Returns:
        The coder. Words that cannot come from `to_remainders` set `BAD_STATE`.
    """
    v, precision = _find(variant, precision)
    array = _check_words(words, v)
    check_layout(lanes, capacity)
    n = array.shape[0]
    rest = array[-1].astype(jnp.uint32) if n else jnp.uint32(0)
    head, size, good = _heads(v, precision, array[:-1], lanes, False)
    return State(
        rest=rest,
        compressed=jnp.zeros(capacity, array.dtype),
        compressed_size=jnp.int32(0),
        head=head,
        remainders=array,
        remainders_size=size,
        status=jnp.where(good & (rest != 0), 0, BAD_STATE).astype(jnp.int32),
        variant=variant,
        precision=precision,
    )


def _check(state: State, precision: int) -> dict[str, int]:
    if not isinstance(state, State):
        raise TypeError(f"state must be a jans.chain.State, got {type(state).__name__}.")
    if state.rest.ndim:
        raise ValueError(
            f"state must be one stream; its rest has shape {state.rest.shape}. Map a batch of streams with jax.vmap."
        )
    if precision > state.precision:
        raise ValueError(
            f"the model has {precision} bits of precision and the coder room for {state.precision}. Build the model "
            f"with precision={state.precision} or less, or the coder with more."
        )
    return {"variant": NUMBERS[state.variant], "precision": precision, "most": state.precision}


def _arrays(state: State) -> tuple[jax.Array, ...]:
    """The arrays of a coder in the order of its kernels."""
    return tuple(getattr(state, field.name) for field in dataclasses.fields(State)[:7])


@functools.partial(jax.jit, static_argnames=("shape", "dtype"))
def pop(
    state: State, model: Any, shape: tuple[int, ...] | None = None, dtype: Any = jnp.int32
) -> tuple[State, jax.Array]:
    """Takes symbols off the coder: each costs the bits of its model's precision, and depends on nothing else.

    Args, returns:
        As `jans.rans.pop`. More symbols than there are bits set `UNDERFLOW`; an invalid model sets `BAD_MODEL`, gives
        symbol 0 and loses the bits.
    """
    shape = tuple(model.shape if shape is None else shape)
    coder = _check(state, model.precision)
    dtype = check_dtype(dtype)
    check_fit(model.shape, shape)
    if model.parts:
        state, symbols = parts.pop(pop, state, model, shape, skip=False)
        return state, symbols.astype(dtype)
    n = math.prod(shape)
    kernel = model.kernel(shape)
    if kernel is not None:
        rest, compressed_size, head, remainders, size, status, symbols = calls.CHAIN_POPS[kernel.kind](
            *_arrays(state), *kernel.operands, **coder, n=n
        )
        popped = State(
            rest, state.compressed, compressed_size, head, remainders, size, status, state.variant, state.precision
        )
        return popped, symbols.reshape(shape).astype(dtype)
    rest, compressed_size, status, quantiles = calls.chain_take(
        state.rest, state.compressed, state.compressed_size, state.status, **coder, n=n
    )
    symbols = model.locate(quantiles.reshape(shape))
    start, freq = model.interval(symbols)
    start = jnp.where(freq != 0, start, BAD_MODEL)
    legal = quantiles.reshape(shape) - start < freq
    start = start.reshape(-1)
    head, remainders, size, status = calls.chain_keep(
        state.head, state.remainders, state.remainders_size, status, start, freq.reshape(-1), quantiles, **coder
    )
    popped = State(
        rest, state.compressed, compressed_size, head, remainders, size, status, state.variant, state.precision
    )
    return popped, jnp.where(legal, symbols, 0).astype(dtype)


@jax.jit
def push(state: State, model: Any, symbols: jax.Array) -> State:
    """Puts symbols on the coder: the inverse of `pop`. The remainders choose the quantiles.

    Args, returns:
        As `jans.rans.push`. Remainders that run out set `OUT_OF_REMAINDERS`.
    """
    coder = _check(state, model.precision)
    symbols = check_symbols(symbols)
    check_fit(model.shape, symbols.shape)
    if model.parts:
        return parts.push(push, state, model, symbols.astype(jnp.int32), skip=False)
    symbols = symbols.astype(jnp.int32)
    kernel = model.kernel(symbols.shape)
    if kernel is not None:
        results = calls.CHAIN_PUSHES[kernel.kind](*_arrays(state), symbols.reshape(-1), *kernel.operands, **coder)
    else:
        start, freq = model.interval(symbols)
        results = calls.chain_push(*_arrays(state), start.reshape(-1), freq.reshape(-1), **coder)
    rest, compressed, compressed_size, head, size, status = results
    return State(
        rest, compressed, compressed_size, head, state.remainders, size, status, state.variant, state.precision
    )


def _host_words(state: State) -> tuple[list[int], list[int], list[int]]:
    """The words of both stacks and the heads of a coder, after a check of its status."""
    _check(state, precision=1)
    check(state)
    compressed = np.asarray(state.compressed)[: int(state.compressed_size)].tolist()
    remainders = np.asarray(state.remainders)[: int(state.remainders_size)].tolist()
    halves = np.asarray(state.head).reshape(state.lanes, -1).tolist()
    heads = [sum(half << 32 * k for k, half in enumerate(head)) for head in halves]
    v = VARIANTS[state.variant]
    if any(not 1 <= head >> v.lower_bits(state.precision) < 1 << v.word_bits for head in heads):
        raise CodingError(SENTENCES[BAD_STATE])
    return compressed, remainders, heads


def _significant(head: int, v: Variant) -> list[int]:
    words = []
    while head:
        words.append(head % 2**v.word_bits)
        head >>= v.word_bits
    return words


def to_remainders(state: State) -> tuple[np.ndarray, np.ndarray]:
    """What is left after popping: the words that were not touched, and the remainders with the rest of the bits.

    One after the other they are a message. The second alone is enough to push on, and what comes out then goes after
    the first. Of a single head the significant words are kept, of several heads all.

    Raises:
        CodingError: when the status of the state is not clean.
    """
    compressed, remainders, heads = _host_words(state)
    v = VARIANTS[state.variant]
    word = _WORDS[v.word_bits]
    for head in heads:
        significant = _significant(head, v)
        full = len(significant) if len(heads) == 1 else v.state_bits // v.word_bits
        remainders += significant + [0] * (full - len(significant))
    return np.array(compressed, word), np.array([*remainders, int(state.rest)], word)


def to_data(state: State, unseal: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """What is there after pushing all that was popped: the words of the remainders that were not touched, and the data.

    Args:
        state: a coder that holds as many bits as were taken, a whole number of words.
        unseal: whether the one that `init` put on top with `seal=True` is taken off; it has to be with several lanes.

    Raises:
        CodingError: when the status is not clean, or the coder holds a fraction of a word.
    """
    compressed, remainders, heads = _host_words(state)
    v = VARIANTS[state.variant]
    if len(heads) > 1 and not unseal:
        raise ValueError(f"a coder of {len(heads)} lanes was sealed by `init`; call to_data with unseal=True.")
    tops = [_significant(head, v) for head in reversed(heads)]
    whole = int(state.rest) == 1 and (not unseal or all(words[-1] == 1 for words in tops))
    if not whole:
        raise CodingError(
            "the coder does not hold a whole number of words. Push exactly the symbols that were popped, with the same "
            f"models, and unseal what was sealed (unseal={unseal})."
        )
    word = _WORDS[v.word_bits]
    for words in tops:
        compressed += words[:-1] if unseal else words
    return np.array(remainders, word), np.array(compressed, word)


def codec(model: Any, shape: Sequence[int] | None = None, dtype: Any = jnp.int32) -> Codec:
    """A model as a codec: `push(state, symbols)` and `pop(state)`; shape and dtype as for `pop`."""
    shape = None if shape is None else tuple(shape)
    return Codec(
        push=lambda state, symbols: push(state, model, symbols),
        pop=lambda state: pop(state, model, shape=shape, dtype=dtype),
    )
