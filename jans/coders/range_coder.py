"""The range coder: a queue, which decodes symbols in the order in which they were encoded.

    encode:  scale = floor(range / 2**precision);   lower += scale * start;   range = scale * freq
    decode:  quantile = floor((point - lower) / scale), and then the same

A message is a number. It lies in the interval [lower, lower + range), which every symbol narrows. A word
leaves the encoder as soon as both ends of the interval agree on it. A word that a carry may still change
stays pending.

One state is one stream; use `jax.vmap` for batches. (Pasco 1976; Martin 1979; the words are those of
constriction's `RangeEncoder`.)
"""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import check_dtype, check_fit, check_symbols, type_name
from jans.coders import _composites, _stepwise
from jans.coders._range_state import Decoder, Encoder, Position
from jans.coders._state import check_layout, check_one_stream, check_words, content_bits, is_empty, kind_of
from jans.ffi import targets
from jans.status import BAD_STATE, OVERFLOW, UNDERFLOW, check

__all__ = [
    "Decoder",
    "Encoder",
    "Position",
    "capacity_for",
    "content_bits",
    "decode",
    "decoder",
    "encode",
    "encoder",
    "feed",
    "finish",
    "is_empty",
    "position",
    "seek",
    "symbols_ready",
    "take_words",
    "to_words",
]


def _check(state: Any, kind: type[Encoder] | type[Decoder]) -> None:
    check_one_stream(state, kind, kind.__name__.lower())


@_inputs.door(capacity=_inputs.whole)
def encoder(capacity: int) -> Encoder:
    """An empty encoder.

    Args:
        capacity: number of words of the message, static. n symbols of b bits need about n * b / 32 words,
            plus two.

    Raises:
        ValueError: if the capacity is out of range.

    >>> from jans import models, range_coder
    >>> encoder = range_coder.encode(range_coder.encoder(8), models.Uniform(10), jnp.array([3, 1, 4, 1, 5]))
    >>> decoder, symbols = range_coder.decode(range_coder.finish(encoder), models.Uniform(10), shape=(5,))
    >>> symbols
    Array([3, 1, 4, 1, 5], dtype=int32)
    """
    check_layout(lanes=1, capacity=capacity)
    return Encoder(
        lower=jnp.zeros(2, jnp.uint32),
        range=jnp.full(2, 2**32 - 1, jnp.uint32),
        words=jnp.zeros(capacity, jnp.uint32),
        size=jnp.int32(0),
        pending_words=jnp.int32(0),
        pending_first=jnp.uint32(0),
        status=jnp.int32(0),
    )


@_inputs.door(model=_inputs.model, n=_inputs.whole)
def capacity_for(model: Any, n: int) -> int:
    """The number of 32-bit words that always suffices for n symbols of a model.

    Args:
        model: the model of the symbols; its `precision` counts, and the `max_bits` of a composite.
        n: number of symbols.

    >>> from jans import models, range_coder
    >>> range_coder.capacity_for(models.Uniform(256, precision=8), n=1000)
    284
    """
    # The scale is rounded down to an integer, which costs less than one bit per symbol.
    return -(-n * (model.max_bits + 1) // 32) + 2


@_inputs.door(encoder=kind_of(Encoder), model=_inputs.model, symbols=_inputs.symbols)
@jax.jit
def encode(encoder: Encoder, model: Any, symbols: jax.Array) -> Encoder:
    """Puts symbols at the end of a message, first one first.

    Args:
        encoder: one stream.
        model: a model whose shape broadcasts to that of the symbols, of any precision. The scale is an
            integer, which costs about 1e-4 bits per symbol at 24 bits of precision, and 0.02 bits at 32.
        symbols: integers that fit int32, or bools, of any shape; coded in row-major order. Traced symbols are
            uint8, int8, uint16, int16 or int32. A model of floats takes floats of its dtype.

    Returns:
        The encoder. Words above the capacity are counted and set `OVERFLOW`. A symbol without an interval is
        left out and sets `BAD_SYMBOL` or `BAD_MODEL`.

    Raises:
        ValueError: if the model does not fit the symbols, or the encoder is a batch.

    >>> from jans import models, range_coder
    >>> encoder = range_coder.encode(range_coder.encoder(8), models.Uniform(10), jnp.array([3, 1, 4, 1, 5]))
    >>> range_coder.to_words(encoder)
    array([1349263466], dtype=uint32)
    """
    _check(encoder, Encoder)
    symbols = check_symbols(symbols, model)
    check_fit(model.shape, symbols.shape)
    if model.parts:
        return _composites.encode(encode, encoder, model, symbols)
    symbols = symbols.astype(jnp.int32)
    kernel = model.kernel(symbols.shape)
    if kernel is not None:
        encoded = targets.range_coder.ENCODES[kernel.kind](
            *encoder.arrays(), symbols.reshape(-1), *kernel.operands, precision=model.precision
        )
    else:
        start, freq = model.interval(symbols)
        encoded = targets.range_coder.encode(
            *encoder.arrays(), start.reshape(-1), freq.reshape(-1), precision=model.precision
        )
    return Encoder(*encoded)


@_inputs.door(encoder=kind_of(Encoder))
@jax.jit
def take_words(encoder: Encoder) -> tuple[Encoder, jax.Array, jax.Array]:
    """Takes the finished words out of an encoder, so that a long message needs little room.

    The message is the words of all calls, one behind the other, and then `to_words` of the encoder. Pending
    words stay in the encoder.

    Args:
        encoder: one stream.

    Returns:
        The encoder without these words, with all its room again; an array of words, uint32 [capacity]; and
        the number of them that are next in the message, int32 []. From now on, `position` and `content_bits`
        count from this cut. To get a position in the whole message, add the number of all words that you took
        before to its `index`. The status is kept. An encoder that overflowed gives no words and keeps its
        own, so that `jans.check` can name a capacity that is enough.

    >>> from jans import models, range_coder
    >>> encoder = range_coder.encode(range_coder.encoder(capacity=8), models.Uniform(10), jnp.arange(20) % 10)
    >>> encoder, words, count = range_coder.take_words(encoder)
    >>> words.shape, count
    ((8,), Array(1, dtype=int32))
    """
    _check(encoder, Encoder)
    complete = (encoder.size >= 0) & (encoder.size <= encoder.words.shape[0])
    count = jnp.where(complete, encoder.size, 0)
    return dataclasses.replace(encoder, size=encoder.size - count), encoder.words, count


@_inputs.door(encoder=kind_of(Encoder))
@jax.jit
def finish(encoder: Encoder) -> Decoder:
    """The message, ready to be decoded.

    The encoder is a value, so you may continue to encode with it afterwards. `to_words` returns the words of
    a message.

    Args:
        encoder: one stream.

    Returns:
        The decoder at the start of the message. Words above the capacity set `OVERFLOW`; the size then says
        how many words are needed. An encoder whose numbers are out of range sets `BAD_STATE`.

    >>> from jans import models, range_coder
    >>> encoder = range_coder.encode(range_coder.encoder(8), models.Uniform(10), jnp.array([3, 1, 4, 1, 5]))
    >>> range_coder.finish(encoder)
    jans.range_coder.Decoder(words=1 of 8, status=0)
    """
    _check(encoder, Encoder)
    capacity = encoder.words.shape[0]
    (low, high), pending = encoder.lower, encoder.pending_words
    untouched = (encoder.range == jnp.uint32(2**32 - 1)).all()
    # Of the numbers in the interval, take one that ends with zeros. `end` is the upper word of the end of the
    # interval.
    point = high + (low != 0)
    end = high + encoder.range[1] + (low + encoder.range[0] < low)
    carry = point < high
    last = jnp.where(end == point, 2, 1)
    size = encoder.size + jnp.where(untouched, 0, pending + last)
    place = jnp.arange(capacity) - encoder.size
    waiting = jnp.where(place == 0, encoder.pending_first + carry, jnp.where(carry, 0, jnp.uint32(2**32 - 1)))
    ends = jnp.where(place < pending, waiting, jnp.where(place == pending, point, 0))
    words = jnp.where((place < 0) | untouched, encoder.words, ends.astype(jnp.uint32))
    status = encoder.status | jnp.where(size > capacity, OVERFLOW, 0)
    damaged = (encoder.size < 0) | (pending < 0) | (encoder.range[1] == 0)
    return dataclasses.replace(_start(words, size), status=status | jnp.where(damaged, BAD_STATE, 0))


def _start(words: jax.Array, size: jax.Array) -> Decoder:
    everything = jnp.full(2, 2**32 - 1, jnp.uint32)
    outside = (size < 0) | (size > words.shape[0])
    status = jnp.where(outside, BAD_STATE, 0).astype(jnp.int32)
    decoder = Decoder(jnp.zeros(2, jnp.uint32), jnp.zeros(2, jnp.uint32), everything, words, size, jnp.int32(0), status)
    return dataclasses.replace(decoder, point=_point(decoder, decoder.index))


def _point(decoder: Decoder, index: jax.Array) -> jax.Array:
    """The two words from an index on; zeros after the end of the message."""
    capacity = decoder.words.shape[0]
    at = index + jnp.array([1, 0])
    there = (at >= 0) & (at < jnp.minimum(decoder.size, capacity))
    if capacity == 0:
        return jnp.zeros(2, jnp.uint32)
    return jnp.where(there, decoder.words[jnp.clip(at, 0, capacity - 1)], 0)


def _count(size: Any, n: int) -> jax.Array:
    """A number of words; None means all n."""
    count = jnp.asarray(n if size is None else size)
    if count.shape != () or not jnp.issubdtype(count.dtype, jnp.integer):
        raise TypeError(f"size must be one integer, got {count.dtype} of shape {count.shape}.")
    return count.astype(jnp.int32)


@_inputs.door(size=_inputs.integers_or_none)
def decoder(words: Any, size: Any = None) -> Decoder:
    """A decoder at the start of a message.

    Args:
        words: uint32 [n], first word first, as returned by `to_words` or constriction's `get_compressed`.
        size: int32 [], the number of words in the message; by default all. A size below 0 or above n sets
            `BAD_STATE`.

    Raises:
        TypeError: if the words are not one axis of uint32.

    >>> from jans import models, range_coder
    >>> decoder = range_coder.decoder(np.array([1349263466], np.uint32))
    >>> range_coder.decode(decoder, models.Uniform(10), shape=(5,))[1]
    Array([3, 1, 4, 1, 5], dtype=int32)
    """
    array = check_words(words)
    return _start(array, _count(size, array.shape[0]))


@_inputs.door(decoder=kind_of(Decoder), words=lambda _, words: check_words(words), size=_inputs.integers_or_none)
@jax.jit
def feed(decoder: Decoder, words: Any, size: Any = None) -> Decoder:
    """Gives a decoder the next words of its message, so that a long message needs little room.

    The words that the decoder has passed make room for the new ones. Until the last word of the message is
    there, decode at most `symbols_ready` symbols between two calls. After it, decode all that are left.

    Args:
        decoder: one stream. `decoder(np.zeros(capacity, np.uint32), size=0)` has room for words and none yet.
        words: uint32 [n]. Every n compiles once, so use few different ones.
        size: int32 [], the number of words that are next in the message, from 0 to n; by default all. Another
            number sets `BAD_STATE`.

    Returns:
        The decoder. The index counts from the first word that is left, so the number of words before it is
        the sum of `decoder.index` before each call. Words above the capacity are dropped and set `OVERFLOW`.
        If symbols were decoded before their words were there, `UNDERFLOW` is set. `feed` cannot tell this
        from a `seek` to a place whose words are missing, so feed these words before you seek.

    >>> from jans import models, range_coder
    >>> decoder = range_coder.decoder(np.zeros(4, np.uint32), size=0)
    >>> decoder = range_coder.feed(decoder, np.array([1349263466], np.uint32))
    >>> range_coder.decode(decoder, models.Uniform(10), shape=(5,))[1]
    Array([3, 1, 4, 1, 5], dtype=int32)
    """
    _check(decoder, Decoder)
    capacity, n = decoder.words.shape[0], words.shape[0]
    count = _count(size, n)
    given = jnp.clip(count, 0, n)
    passed = jnp.clip(decoder.index, 0, capacity)
    left = jnp.clip(decoder.size - passed, 0, capacity - passed)
    place = jnp.arange(capacity)
    source = jnp.where(place < left, passed + place, capacity + place - left)
    joined = jnp.take(jnp.concatenate([decoder.words, words]), source, mode="fill", fill_value=0)
    # Zeros stood in for words that were missing in the point.
    early = (given > 0) & (left < 2) & ~decoder.is_whole()
    status = (
        decoder.status
        | jnp.where((count != given) | (decoder.index < 0), BAD_STATE, 0)
        | jnp.where(left + given > capacity, OVERFLOW, 0)
        | jnp.where(early, UNDERFLOW, 0)
    )
    fed = dataclasses.replace(decoder, words=joined, size=left + given, index=jnp.int32(0), status=status)
    return dataclasses.replace(fed, point=_point(fed, fed.index))


@_inputs.door(decoder=kind_of(Decoder), model=_inputs.model)
def symbols_ready(decoder: Decoder, model: Any) -> jax.Array:
    """The number of symbols that can be decoded before more words are there.

    An interval takes at most one word. If m words follow the two words of the point, you can decode m
    intervals. A symbol has one interval, or several if the model is a composite, such as `models.escape`.

    Args:
        decoder: one stream, or a batch of streams.
        model: the model of the symbols.

    Returns:
        int32, of the shape of the batch.

    >>> from jans import models, range_coder
    >>> range_coder.symbols_ready(range_coder.decoder(np.arange(6, dtype=np.uint32)), models.Uniform(10))
    Array(4, dtype=int32)
    """
    # The bits of a symbol, and less than one bit that is lost in rounding.
    words_per_symbol = -(-(model.max_bits + 1) // 32) if model.parts else 1
    return jnp.maximum(decoder.size - decoder.index - 2, 0) // words_per_symbol


@_inputs.door(decoder=kind_of(Decoder), model=_inputs.model, shape=_inputs.shape, dtype=_inputs.symbol_dtype)
@functools.partial(jax.jit, static_argnames=("shape", "dtype"))
def decode(
    decoder: Decoder, model: Any, shape: tuple[int, ...] | None = None, dtype: Any = None
) -> tuple[Decoder, jax.Array]:
    """Takes symbols from the front of the undecoded part of a message: the inverse of `encode`.

    Args:
        decoder: one stream.
        model: the model that the symbols were encoded with.
        shape: shape of the symbols, to which the model's shape must broadcast; by default the model's shape.
        dtype: dtype of the symbols, one that `encode` takes; by default int32, or the dtype of a model of floats.
            Symbols that do not fit it wrap around.

    Returns:
        The decoder after the symbols, and the symbols. Words that no encoder with these models can have
        written set `BAD_DATA`, if the decoder can tell. Decoding more symbols than the message has words for
        sets `UNDERFLOW`. An invalid model sets `BAD_MODEL` and gives symbol 0.

    Raises:
        ValueError: if the model does not fit the shape, or the decoder is a batch.

    >>> from jans import models, range_coder
    >>> encoder = range_coder.encode(range_coder.encoder(8), models.Uniform(10), jnp.array([3, 1, 4, 1, 5]))
    >>> range_coder.decode(range_coder.finish(encoder), models.Uniform(10), shape=(2,))[1]
    Array([3, 1], dtype=int32)
    """
    _check(decoder, Decoder)
    shape = model.shape if shape is None else shape
    dtype = check_dtype(dtype, model)
    check_fit(model.shape, shape)
    if model.parts:
        decoder, symbols = _composites.pop(decode, decoder, model, shape)
        return decoder, symbols.astype(dtype)
    kernel = model.kernel(shape)
    if kernel is None:
        return _decode_by_steps(decoder, model, shape, dtype)
    point, lower, range_, index, status, symbols = targets.range_coder.DECODES[kernel.kind](
        *decoder.arrays(), *kernel.operands, precision=model.precision, n=math.prod(shape)
    )
    left = Decoder(point, lower, range_, decoder.words, decoder.size, index, status)
    return left, symbols.reshape(shape).astype(dtype)


def _decode_by_steps(
    decoder: Decoder, model: Any, shape: tuple[int, ...], dtype: np.dtype
) -> tuple[Decoder, jax.Array]:
    """Decodes with a model that has no kernel, symbol by symbol."""
    moved = lambda point, lower, range_, index, status: Decoder(
        point, lower, range_, decoder.words, decoder.size, index, status
    )

    def step(decoder, model, _):
        *arrays, quantile = targets.range_coder.peek(*decoder.arrays(), precision=model.precision)
        symbols = model.locate(quantile[None])
        start, freq = model.interval(symbols)
        advanced = targets.range_coder.advance(*moved(*arrays).arrays(), start, freq, precision=model.precision)
        return moved(*advanced), jnp.where(quantile - start < freq, symbols, 0).astype(jnp.int32)

    decoder, symbols = _stepwise.pop(step, decoder, model, shape)
    return decoder, symbols.astype(dtype)


def position(state: Encoder | Decoder) -> Position:
    """The current position between two symbols, for `seek`.

    Args:
        state: an encoder or a decoder. The position counts from the first word that it holds.

    >>> from jans import models, range_coder
    >>> encoder = range_coder.encode(range_coder.encoder(capacity=8), models.Uniform(10), jnp.arange(20) % 10)
    >>> range_coder.position(encoder)
    jans.range_coder.Position(index=2, lower=uint32[2], range=uint32[2])
    """
    if isinstance(state, Decoder):
        return Position(state.index, state.lower, state.range)
    _check(state, Encoder)
    return Position(state.size + state.pending_words, state.lower, state.range)


def _check_position(position: Any) -> Position:
    """Checks a position, whose numbers may come from a file; returns it with the dtypes of a decoder."""
    if not isinstance(position, Position):
        raise TypeError(f"position must be a jans.range_coder.Position, got {type_name(position)}.")
    numbers = (position.index, position.lower, position.range)
    index, *halves = (a if isinstance(a, jax.Array) else _words_of(a) for a in numbers)
    integers = all(jnp.issubdtype(a.dtype, jnp.integer) for a in (index, *halves))
    if not integers or index.shape != () or any(a.shape != (2,) for a in halves):
        raise ValueError(
            "position must have an integer index and two halves each of lower and range, got "
            + ", ".join(f"{a.dtype} of shape {a.shape}" for a in (index, *halves))
            + "."
        )
    return Position(index.astype(jnp.int32), *(a.astype(jnp.uint32) for a in halves))


def _words_of(numbers: Any) -> Any:
    """Numbers from a file as uint32, if they are that; JSON has no halves but lists of integers."""
    array = np.asarray(numbers)
    fits = np.issubdtype(array.dtype, np.integer) and array.size and 0 <= array.min() <= array.max() < 2**32
    return array.astype(np.uint32) if fits else array


def seek(decoder: Decoder, position: Position) -> Decoder:
    """Moves a decoder to another position of its message.

    Args:
        decoder: one stream, at any position of the message.
        position: what `position` returned while the message was encoded or decoded.

    Returns:
        The decoder at that position. A position outside of the message sets `BAD_STATE`. The status keeps its
        bits: a decoder that read past the end still says so after it moves back.

    Raises:
        ValueError: if the numbers of the position are not integers of its shapes.

    >>> from jans import models, range_coder
    >>> model, encoder = models.Uniform(10), range_coder.encoder(capacity=8)
    >>> encoder = range_coder.encode(encoder, model, jnp.array([3, 1, 4]))
    >>> decoder = range_coder.finish(range_coder.encode(encoder, model, jnp.array([1, 5])))
    >>> range_coder.decode(range_coder.seek(decoder, range_coder.position(encoder)), model, shape=(2,))[1]
    Array([1, 5], dtype=int32)
    """
    _check(decoder, Decoder)
    return _seek(decoder, _check_position(position))


@jax.jit
def _seek(decoder: Decoder, position: Position) -> Decoder:
    outside = (position.index < 0) | (position.index > decoder.size) | (position.range[1] == 0)
    return dataclasses.replace(
        decoder,
        point=_point(decoder, position.index),
        lower=position.lower,
        range=position.range,
        index=position.index,
        status=decoder.status | jnp.where(outside, BAD_STATE, 0),
    )


def to_words(state: Encoder | Decoder) -> np.ndarray:
    """The words of a message, equal to those of constriction's `RangeEncoder.get_compressed`.

    Args:
        state: an encoder (its message is finished first), or a decoder at any position; one stream, with
            concrete arrays.

    Returns:
        uint32 [n].

    Raises:
        CodingError: if the status is not clean.

    >>> from jans import models, range_coder
    >>> encoder = range_coder.encode(range_coder.encoder(8), models.Uniform(10), jnp.array([3, 1, 4, 1, 5]))
    >>> range_coder.to_words(encoder)
    array([1349263466], dtype=uint32)
    """
    message = finish(state) if isinstance(state, Encoder) else state
    _check(message, Decoder)
    check(message)
    return np.asarray(message.words)[: int(message.size)]


def __dir__() -> list[str]:
    return __all__
