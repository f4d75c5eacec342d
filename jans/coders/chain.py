"""The chain coder: a stack coder on which symbols do not depend on each other.

    pop:   q = the next bits, in [start, start + freq);   x' = x * freq + (q - start)
    push:  q = start + x' mod freq;   x = floor(x' / freq);   q goes back to the bits

`pop` takes a quantile from the compressed words, of as many bits as the model's precision, whatever the
probabilities are. `pop` puts what the quantile holds beyond the symbol on a second stack, the remainders. All
quantiles are therefore known in advance: `pop` finds all symbols in parallel, and a change of one model
changes only its own symbol. This is useful for bits-back coding together with iterative inference or
quantisation. The words left after popping are a message like any other. `push` starts from them and gives the
data back.

One state is one stream; use `jax.vmap` for batches. (Bamler 2022, arXiv:2201.01741; the bits are those of
constriction's `ChainCoder`.)
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import check_dtype, check_fit, check_precision, check_symbols
from jans._variants import ChainVariant
from jans.codecs import Codec
from jans.coders import _composites
from jans.coders._chain_state import State, find_variant
from jans.coders._state import check_layout, check_one_stream, check_words, content_bits, is_empty, kind_of
from jans.ffi import targets
from jans.status import BAD_MODEL, BAD_STATE, SENTENCES, CodingError, check

__all__ = [
    "State",
    "Words",
    "capacity_for",
    "codec",
    "content_bits",
    "init",
    "init_compressed",
    "init_remainders",
    "is_empty",
    "pop",
    "push",
    "to_compressed",
    "to_data",
    "to_remainders",
]


def _find(variant: str, precision: int | None) -> tuple[ChainVariant, int]:
    """Returns the sizes of a variant and the precision of a coder; raises ValueError if they do not fit."""
    v = find_variant(variant)
    if precision is None:
        return v, min(24, v.max_precision)
    if check_precision(precision) > v.max_precision:
        raise ValueError(f"variant {variant} has at most {v.max_precision} bits of precision, got {precision}.")
    return v, precision


def _one_head(v: ChainVariant, precision: int, words: jax.Array, sealed: bool) -> tuple[jax.Array, int, jax.Array]:
    """Makes one head from the words on top.

    Returns the head ([1, 2] or [1]), the number of words that it took, and whether the words can make a head.
    """
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
    v: ChainVariant, precision: int, words: jax.Array, lanes: int, sealed: bool
) -> tuple[jax.Array, int, jax.Array]:
    """As `_one_head`, for several heads: each is a one and a word, or all words of a head,
    the low word first."""
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
    v: ChainVariant, precision: int, words: jax.Array, lanes: int, sealed: bool
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns the heads made from the words on top, the number of words left,
    and whether the words can make heads."""
    one = lanes == 1
    head, used, good = (
        _one_head(v, precision, words, sealed) if one else _many_heads(v, precision, words, lanes, sealed)
    )
    return head, jnp.maximum(words.shape[0] - jnp.asarray(used, jnp.int32), 0), good


@_inputs.door(model=_inputs.model, n=_inputs.whole)
def capacity_for(model: Any, n: int, variant: str = "chain64") -> int:
    """The number of words of data that pushing n symbols of a model makes, and that popping them takes.

    Args:
        model: the model of the symbols; its `precision` counts, and the `max_bits` of a composite.
        n: number of symbols.
        variant: as for `init`.

    >>> from jans import chain, models
    >>> chain.capacity_for(models.Uniform(256, precision=8), n=1000)
    251
    """
    return -(-n * model.max_bits // find_variant(variant).word_bits) + 1


@_inputs.door(capacity=_inputs.whole_or_none, lanes=_inputs.whole, precision=_inputs.whole_or_none)
def init(
    words: Any, capacity: int | None = None, lanes: int = 1, variant: str = "chain64", precision: int | None = None
) -> State:
    """A coder to pop symbols from data.

    Args:
        words: uint32 [n] (uint16 for "chain32_16"), any data; the last word is on top. `init` puts a sentinel
            bit above the data, so that they may end with zeros; `to_data` takes it off again.
        capacity: number of words for the remainders; by default as many as `words`, which is always enough.
        lanes: number of interleaved heads of the remainders, static; symbol i belongs to head i % lanes. Each
            of several heads takes a word.
        variant: "chain64" (constriction's words) or "chain32_16".
        precision: the largest precision of the models, in bits. By default 24, or 16 for "chain32_16". A
            symbol takes as many bits as its own model's precision.

    Returns:
        The coder. If one head has too few words, its status is `BAD_STATE`.

    Raises:
        TypeError: if the words are not one axis of the variant's word size.
        ValueError: if there are fewer words than lanes.

    >>> from jans import chain, models
    >>> state = chain.init(np.array([0x80D14131, 0xDDA97C6C, 0x5017A640, 0x01170A3E], np.uint32))
    >>> state, symbols = chain.pop(state, models.Uniform(10), shape=(4,))
    >>> symbols
    Array([0, 6, 8, 3], dtype=int32)
    >>> chain.push(state, models.Uniform(10), symbols).compressed_size
    Array(3, dtype=int32)
    """
    return _init(words, True, capacity, lanes, variant, precision)


@_inputs.door(capacity=_inputs.whole_or_none, precision=_inputs.whole_or_none)
def init_compressed(
    words: Any, capacity: int | None = None, variant: str = "chain64", precision: int | None = None
) -> State:
    """A coder of one lane to pop symbols from words that another coder wrote.

    Args:
        words: uint32 [n] (uint16 for "chain32_16"). The last word must not be zero. Pass both arrays of
            `to_remainders` one after the other, or the words of constriction's `get_remainders` or
            `get_compressed`. There is no sentinel bit; `to_compressed` gives the words back.
        capacity, variant, precision: as for `init`.

    Returns:
        The coder. A last word of zero, or too few words, set `BAD_STATE`.

    Raises:
        TypeError: if the words are not one axis of the variant's word size.

    >>> from jans import chain, models
    >>> words = np.array([0x80D14131, 0xDDA97C6C, 0x5017A640, 0x01170A3E], np.uint32)
    >>> chain.pop(chain.init_compressed(words), models.Uniform(10), shape=(2,))[1]
    Array([0, 6], dtype=int32)
    """
    return _init(words, False, capacity, 1, variant, precision)


def _init(words: Any, sealed: bool, capacity: int | None, lanes: int, variant: str, precision: int | None) -> State:
    v, precision = _find(variant, precision)
    array = check_words(words, v.word)
    capacity = array.shape[0] if capacity is None else capacity
    check_layout(lanes, capacity)
    head, size, good = _heads(v, precision, array, lanes, sealed)
    return State(
        partial_word=jnp.uint32(1),
        compressed=array,
        compressed_size=size,
        head=head,
        remainders=jnp.zeros(capacity, array.dtype),
        remainders_size=jnp.int32(0),
        status=jnp.where(good, 0, BAD_STATE).astype(jnp.int32),
        variant=variant,
        precision=precision,
    )


@_inputs.door(capacity=_inputs.whole, lanes=_inputs.whole, precision=_inputs.whole_or_none)
def init_remainders(
    words: Any, capacity: int, lanes: int = 1, variant: str = "chain64", precision: int | None = None
) -> State:
    """A coder to push symbols on, from the words of `to_remainders`.

    Args:
        words: uint32 [n] (uint16 for "chain32_16"): both arrays of `to_remainders` one after the other, or
            only the second one.
        capacity: number of words for the data that pushing makes: n symbols of p bits make n * p bits.
        lanes, variant, precision: as for `init`.

    Returns:
        The coder. Words that `to_remainders` cannot have written set `BAD_STATE`.

    Raises:
        TypeError: if the words are not one axis of the variant's word size.

    >>> from jans import chain, models
    >>> words = np.array([0x80D14131, 0xDDA97C6C, 0x5017A640, 0x01170A3E], np.uint32)
    >>> state, symbols = chain.pop(chain.init(words), models.Uniform(10), shape=(4,))
    >>> state = chain.init_remainders(chain.to_remainders(state).suffix, capacity=3)
    >>> chain.push(state, models.Uniform(10), symbols)
    jans.chain.State(variant='chain64', precision=24, compressed=3 of 3, remainders=0 of 5, status=0)
    """
    v, precision = _find(variant, precision)
    array = check_words(words, v.word)
    check_layout(lanes, capacity)
    n = array.shape[0]
    partial_word = array[-1].astype(jnp.uint32) if n else jnp.uint32(0)
    head, size, good = _heads(v, precision, array[:-1], lanes, False)
    return State(
        partial_word=partial_word,
        compressed=jnp.zeros(capacity, array.dtype),
        compressed_size=jnp.int32(0),
        head=head,
        remainders=array,
        remainders_size=size,
        status=jnp.where(good & (partial_word != 0), 0, BAD_STATE).astype(jnp.int32),
        variant=variant,
        precision=precision,
    )


def _check(state: State, precision: int) -> dict[str, int]:
    check_one_stream(state, State)
    if precision > state.precision:
        raise ValueError(
            f"the model has {precision} bits of precision and the coder room for {state.precision}. Build the model "
            f"with precision={state.precision} or less, or the coder with more."
        )
    return {"variant": find_variant(state.variant).number, "precision": precision, "max_precision": state.precision}


@_inputs.door(state=kind_of(State), model=_inputs.model, shape=_inputs.shape, dtype=_inputs.symbol_dtype)
@functools.partial(jax.jit, static_argnames=("shape", "dtype"))
def pop(state: State, model: Any, shape: tuple[int, ...] | None = None, dtype: Any = None) -> tuple[State, jax.Array]:
    """Takes symbols off the coder.

    Each takes as many bits as its model's precision, and depends on no other symbol.

    Args:
        state: the coder, one stream.
        model: a model of at most the coder's precision.
        shape: shape of the symbols, to which the model's shape must broadcast; by default the model's shape.
        dtype: dtype of the symbols, one that `push` takes; by default int32, or the dtype of a model of floats.
            Symbols that do not fit it wrap around.

    Returns:
        The coder without the bits of the symbols, and the symbols. Popping more symbols than there are bits
        sets `UNDERFLOW`. Remainders above their capacity set `OVERFLOW`. An invalid model sets `BAD_MODEL`,
        gives symbol 0 and loses the bits.

    Raises:
        ValueError: if the model does not fit the shape or the coder, or the state is a batch.

    >>> from jans import chain, models
    >>> words = np.array([0x80D14131, 0xDDA97C6C, 0x5017A640, 0x01170A3E], np.uint32)
    >>> chain.pop(chain.init(words), models.Uniform(10), shape=(4,))[1]
    Array([0, 6, 8, 3], dtype=int32)
    """
    shape = model.shape if shape is None else shape
    coder = _check(state, model.precision)
    dtype = check_dtype(dtype, model)
    check_fit(model.shape, shape)
    if model.parts:
        state, symbols = _composites.pop(pop, state, model, shape, skip=False)
        return state, symbols.astype(dtype)
    n = math.prod(shape)
    kernel = model.kernel(shape)
    if kernel is not None:
        partial_word, compressed_size, head, remainders, size, status, symbols = targets.chain.POPS[kernel.kind](
            *state.arrays(), *kernel.operands, **coder, n=n
        )
        popped = state.replace(partial_word, state.compressed, compressed_size, head, remainders, size, status)
        return popped, symbols.reshape(shape).astype(dtype)
    partial_word, compressed_size, status, quantiles = targets.chain.take(
        state.partial_word, state.compressed, state.compressed_size, state.status, **coder, n=n
    )
    symbols = model.locate(quantiles.reshape(shape))
    start, freq = model.interval(symbols)
    start = jnp.where(freq != 0, start, BAD_MODEL)
    legal = quantiles.reshape(shape) - start < freq
    start = start.reshape(-1)
    head, remainders, size, status = targets.chain.keep(
        state.head, state.remainders, state.remainders_size, status, start, freq.reshape(-1), quantiles, **coder
    )
    popped = state.replace(partial_word, state.compressed, compressed_size, head, remainders, size, status)
    return popped, jnp.where(legal, symbols, 0).astype(dtype)


@_inputs.door(state=kind_of(State), model=_inputs.model, symbols=_inputs.symbols)
@jax.jit
def push(state: State, model: Any, symbols: jax.Array) -> State:
    """Puts symbols on the coder: the inverse of `pop`. The remainders choose the quantiles.

    Args:
        state: the coder, one stream.
        model: a model of at most the coder's precision, whose shape broadcasts to that of the symbols.
        symbols: integers that fit int32, or bools, of any shape; coded in row-major order. Traced symbols are
            uint8, int8, uint16, int16 or int32. A model of floats takes floats of its dtype.

    Returns:
        The coder with the symbols on it. `push` sets `OUT_OF_REMAINDERS` if the remainders are used up, and
        `OVERFLOW` if there is no room for the bits. A symbol without an interval is left out and sets
        `BAD_SYMBOL` or `BAD_MODEL`.

    Raises:
        ValueError: if the model does not fit the symbols or the coder, or the state is a batch.

    >>> from jans import chain, models
    >>> words = np.array([0x80D14131, 0xDDA97C6C, 0x5017A640, 0x01170A3E], np.uint32)
    >>> state, symbols = chain.pop(chain.init(words), models.Uniform(10), shape=(4,))
    >>> chain.push(state, models.Uniform(10), symbols)
    jans.chain.State(variant='chain64', precision=24, compressed=3 of 4, remainders=0 of 4, status=0)
    """
    coder = _check(state, model.precision)
    symbols = check_symbols(symbols, model)
    check_fit(model.shape, symbols.shape)
    if model.parts:
        return _composites.push(push, state, model, symbols, skip=False)
    symbols = symbols.astype(jnp.int32)
    kernel = model.kernel(symbols.shape)
    if kernel is not None:
        results = targets.chain.PUSHES[kernel.kind](*state.arrays(), symbols.reshape(-1), *kernel.operands, **coder)
    else:
        start, freq = model.interval(symbols)
        results = targets.chain.push(*state.arrays(), start.reshape(-1), freq.reshape(-1), **coder)
    partial_word, compressed, compressed_size, head, size, status = results
    return state.replace(partial_word, compressed, compressed_size, head, state.remainders, size, status)


class Words(NamedTuple):
    """The words of a coder, uint32 or uint16; `np.concatenate(words)` joins them to one message.

    Attributes:
        prefix: [m], the words that the coder did not touch.
        suffix: [n], the words that the coder made.

    >>> from jans import chain
    >>> chain.to_data(chain.init(np.arange(4, dtype=np.uint32)))
    Words(prefix=array([], dtype=uint32), suffix=array([0, 1, 2, 3], dtype=uint32))
    """

    prefix: np.ndarray
    suffix: np.ndarray


def _host_words(state: State) -> tuple[list[int], list[int], list[list[int]]]:
    """Checks the status; returns the words of both stacks, and the significant words of every head."""
    _check(state, precision=1)
    check(state)
    if not state.is_sound():
        raise CodingError(SENTENCES[BAD_STATE])
    compressed = np.asarray(state.compressed)[: int(state.compressed_size)].tolist()
    remainders = np.asarray(state.remainders)[: int(state.remainders_size)].tolist()
    halves = np.asarray(state.head).reshape(state.lanes, -1).tolist()
    heads = [sum(half << 32 * k for k, half in enumerate(head)) for head in halves]
    word_bits = find_variant(state.variant).word_bits
    return compressed, remainders, [_significant(head, word_bits) for head in heads]


def _significant(head: int, word_bits: int) -> list[int]:
    words = []
    while head:
        words.append(head % 2**word_bits)
        head >>= word_bits
    return words


def to_remainders(state: State) -> Words:
    """The words after popping: the leftover data, and the remainders, which end with the partial word.

    The suffix alone is enough to push on (see `init_remainders`). The data that pushing makes then follow the
    prefix. A single head is written up to its last significant word, several heads are written in full.

    Args:
        state: one stream, with concrete arrays.

    Returns:
        The leftover data as prefix, and the remainders as suffix.

    Raises:
        CodingError: if the status is not clean, or a number of the state is out of range.

    >>> from jans import chain, models
    >>> words = np.array([0x80D14131, 0xDDA97C6C, 0x5017A640, 0x01170A3E], np.uint32)
    >>> state, symbols = chain.pop(chain.init(words), models.Uniform(10), shape=(2,))
    >>> [part.tolist() for part in chain.to_remainders(state)]
    [[2161197361], [1812583246, 644275286, 658, 86237]]
    """
    compressed, remainders, heads = _host_words(state)
    v = find_variant(state.variant)
    for words in heads:
        full = len(words) if len(heads) == 1 else v.state_bits // v.word_bits
        remainders += words + [0] * (full - len(words))
    return Words(np.array(compressed, v.word), np.array([*remainders, int(state.partial_word)], v.word))


def to_data(state: State) -> Words:
    """The words after pushing everything that was popped: the inverse of `init`.

    Args:
        state: one stream, with concrete arrays.

    Returns:
        The leftover remainders as prefix, and the data as suffix.

    Raises:
        CodingError: if the status is not clean, or the coder does not hold a whole number of words below its
            sentinel bit.

    >>> from jans import chain, models
    >>> state, symbols = chain.pop(chain.init(np.arange(4, dtype=np.uint32)), models.Uniform(10), shape=(3,))
    >>> chain.to_data(chain.push(state, models.Uniform(10), symbols)).suffix
    array([0, 1, 2, 3], dtype=uint32)
    """
    compressed, remainders, heads = _host_words(state)
    _check_whole(state, all(words[-1] == 1 for words in heads))
    for words in reversed(heads):
        compressed += words[:-1]
    word = find_variant(state.variant).word
    return Words(np.array(remainders, word), np.array(compressed, word))


def to_compressed(state: State) -> Words:
    """As `to_data`, for a coder of `init_compressed`: there is no sentinel bit to take off.

    Args:
        state: one stream of one lane, with concrete arrays.

    Returns:
        The leftover remainders as prefix, and the compressed words as suffix.

    Raises:
        CodingError: if the status is not clean, or the coder does not hold a whole number of words.
        ValueError: for a coder of several lanes, which `init_compressed` cannot have made.

    >>> from jans import chain
    >>> chain.to_compressed(chain.init_compressed(np.arange(4, dtype=np.uint32))).suffix
    array([0, 1, 2, 3], dtype=uint32)
    """
    compressed, remainders, heads = _host_words(state)
    if len(heads) > 1:
        raise ValueError(f"a coder of {len(heads)} lanes was made by jans.chain.init. Call jans.chain.to_data.")
    _check_whole(state, True)
    word = find_variant(state.variant).word
    return Words(np.array(remainders, word), np.array(compressed + heads[0], word))


def _check_whole(state: State, sealed: bool) -> None:
    if int(state.partial_word) != 1 or not sealed:
        raise CodingError(
            "the coder does not hold a whole number of words. Push exactly the symbols that were popped, with the same "
            "models. Use to_data for a coder from init, and to_compressed for one from init_compressed."
        )


def codec(model: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Codec:
    """A model as a codec, which `jans.bits_back` and other functions combine.

    Args:
        model: the model of the symbols.
        shape, dtype: as for `pop`.

    Returns:
        The codec: `push(state, symbols)` returns a state, `pop(state)` a state and symbols.

    >>> from jans import chain, models
    >>> codec = chain.codec(models.Uniform(10), shape=(3,))
    >>> state, symbols = codec.pop(chain.init(np.arange(4, dtype=np.uint32)))
    >>> chain.to_data(codec.push(state, symbols)).suffix
    array([0, 1, 2, 3], dtype=uint32)
    """
    shape = _inputs.shape("shape", shape)
    return Codec(
        push=lambda state, symbols: push(state, model, symbols),
        pop=lambda state: pop(state, model, shape=shape, dtype=dtype),
    )


def __dir__() -> list[str]:
    return __all__
