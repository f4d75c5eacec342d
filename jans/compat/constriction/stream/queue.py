"""Range coding: a stream code that is a queue, first in first out.

>>> import numpy as np
>>> from jans.compat.constriction import stream
>>> model = stream.model.Categorical(np.array([0.1, 0.6, 0.3], dtype=np.float32), perfect=False)
>>> encoder = stream.queue.RangeEncoder()
>>> encoder.encode(np.array([0, 2, 1, 2, 0, 2, 0, 2, 1], dtype=np.int32), model)
>>> encoder.get_compressed()
array([369323598], dtype=uint32)
>>> encoder.get_decoder().decode(model, 9)
array([0, 2, 1, 2, 0, 2, 0, 2, 1], dtype=int32)
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans.coders import range_coder
from jans.compat.constriction.stream import _arrays, _bound, _coder
from jans.compat.constriction.stream._words import Words
from jans.compat.constriction.stream.model import Model
from jans.models import _base
from jans.status import BAD_DATA, UNDERFLOW

_EVERYTHING = 2**64 - 1
_MIN_RANGE = 2**32
_ROOM = 8
"""Pending words that fit without compiling another program.

More than three pending words occur once in 2**64 times.
"""


def _halves(*numbers: int) -> list[int]:
    return [half for number in numbers for half in (number & 0xFFFFFFFF, number >> 32)]


def _room(pending_words: int) -> int:
    """Room for the pending words, and for two more."""
    return max(_ROOM, 1 << (pending_words + 1).bit_length())


def _encoder(numbers: jax.Array, capacity: int) -> range_coder.Encoder:
    """An encoder without settled words, from uint32 [6]: halves of lower and range,
    pending words, first of them."""
    words, nothing = jnp.zeros(capacity, jnp.uint32), jnp.int32(0)
    return range_coder.Encoder(
        numbers[:2], numbers[2:4], words, nothing, numbers[4].astype(jnp.int32), numbers[5], nothing
    )


@functools.partial(jax.jit, static_argnames=("room",))
def _encode(numbers: jax.Array, model: _base.Model, symbols: jax.Array, room: int) -> tuple[jax.Array, jax.Array]:
    """The numbers after symbols, with size and status, uint32 [8]; and the words that became settled."""
    encoder = range_coder.encode(_encoder(numbers, symbols.shape[0] + room), model, symbols)
    others = jnp.stack(
        [encoder.pending_words, encoder.pending_first.astype(jnp.int32), encoder.size, encoder.status]
    ).astype(jnp.uint32)
    return jnp.concatenate([encoder.lower, encoder.range, others]), encoder.words


@functools.partial(jax.jit, static_argnames=("room",))
def _finish(numbers: jax.Array, room: int) -> tuple[jax.Array, jax.Array]:
    """The number of words at the end of the message, and these words."""
    decoder = range_coder.finish(_encoder(numbers, room))
    return decoder.size, decoder.words


@functools.partial(jax.jit, static_argnames=("n",))
def _decode(
    numbers: jax.Array, words: jax.Array, size: jax.Array, model: _base.Model, n: int
) -> tuple[jax.Array, jax.Array]:
    """Decodes n symbols from halves of lower and range.

    Returns these halves after the symbols, with index and status, uint32 [6]; and the symbols.
    """
    place = range_coder.Position(jnp.int32(0), numbers[:2], numbers[2:])
    decoder = range_coder.seek(range_coder.decoder(words, size), place)
    decoder, symbols = range_coder.decode(decoder, model, shape=(n,))
    others = jnp.stack([decoder.index, decoder.status]).astype(jnp.uint32)
    return jnp.concatenate([decoder.lower, decoder.range, others]), symbols


class RangeEncoder(_coder.Coder):
    """An encoder whose symbols are decoded in the order in which they were encoded."""

    def __init__(self) -> None:
        self._words = Words()
        self._lower, self._range, self._held, self._first = 0, _EVERYTHING, 0, 0

    def _state(self) -> tuple[int, ...]:
        return self._words.size, self._lower, self._range, self._held, self._first

    def _undo(self, state: tuple[int, ...]) -> None:
        self._words.size, self._lower, self._range, self._held, self._first = state

    def _numbers(self) -> np.ndarray:
        return np.array([*_halves(self._lower, self._range), self._held, self._first], np.uint32)

    def _push(self, model: _base.Model, symbols: np.ndarray) -> None:
        numbers, words = _coder.run(_encode, self._numbers(), model, symbols, room=_room(self._held))
        low, high, range_low, range_high, pending_words, pending_first, size, status = numbers.tolist()
        _coder.check(status)
        self._words.push(words[:size])
        self._lower, self._range = low | high << 32, range_low | range_high << 32
        self._held, self._first = pending_words, pending_first

    def _ends(self) -> np.ndarray:
        """The words that end the message here."""
        size, words = _coder.run(_finish, self._numbers(), room=_room(self._held))
        return words[: int(size)]

    def encode(self, symbols: Any, model: Model, *optional_model_params: Any) -> None:
        """Encodes one or more symbols, first one first.

        Args:
            symbols: an int, or integers [n].
            model: a model with all its parameters, or a family of models.
            optional_model_params: for a family, each missing parameter of n symbols.

        Raises:
            KeyError: for a symbol outside of the model.
            ValueError: for parameters of wrong number, length or value.
        """
        self._encode(symbols, model, optional_model_params, backwards=False)

    def get_compressed(self) -> np.ndarray:
        """The words of the message, uint32 [n]. You can continue to encode afterwards."""
        return np.concatenate([self._words.content(), self._ends()])

    def get_decoder(self) -> "RangeDecoder":
        """A decoder of the message."""
        return RangeDecoder(self.get_compressed())

    def pos(self) -> tuple[int, tuple[int, int]]:
        """The position of the next symbol for `RangeDecoder.seek`: the number of words before it,
        and its interval."""
        return self._words.size + self._held, (self._lower, self._range)

    def clear(self) -> None:
        """Removes everything."""
        self._words, (self._lower, self._range, self._held, self._first) = Words(), (0, _EVERYTHING, 0, 0)

    def clone(self) -> "RangeEncoder":
        """An independent copy."""
        other = RangeEncoder()
        other._words = Words(self._words.content())
        other._undo(self._state())
        return other

    def is_empty(self) -> bool:
        """Whether nothing was encoded."""
        return self._range == _EVERYTHING

    def num_words(self) -> int:
        """The number of words that `get_compressed` returns."""
        return self._words.size + self._ends().size

    def num_bits(self) -> int:
        """The size of these words in bits."""
        return 32 * self.num_words()


class RangeDecoder(_coder.Coder):
    """A decoder of a message of `RangeEncoder`.

    Args:
        compressed: words, uint32 [n].
    """

    def __init__(self, compressed: Any):
        self._words = _arrays.words("compressed", compressed).copy()
        self._index, self._lower, self._range = 0, 0, _EVERYTHING

    def _state(self) -> tuple[int, ...]:
        return self._index, self._lower, self._range

    def _undo(self, state: tuple[int, ...]) -> None:
        self._index, self._lower, self._range = state

    def _take(self, model: _base.Model, n: int) -> tuple[np.ndarray, bool]:
        """Symbols, and whether the message ended before them."""
        # The point holds two words, and a symbol takes at most one.
        left = self._words[self._index : self._index + n + 2]
        window = np.zeros(n + 2, np.uint32)
        window[: left.size] = left
        heads = np.array(_halves(self._lower, self._range), np.uint32)
        numbers, symbols = _coder.run(_decode, heads, window, np.int32(left.size), model, n=n)
        low, high, range_low, range_high, index, status = numbers.tolist()
        _coder.check(status)
        if status & BAD_DATA:
            raise AssertionError("Tried to decode from compressed data that is invalid for the employed entropy model.")
        self._index += index
        self._lower, self._range = low | high << 32, range_low | range_high << 32
        return symbols, status & UNDERFLOW != 0

    def _pop(self, model: _base.Model, n: int) -> np.ndarray:
        symbols, ended = self._take(model, n)
        if ended:
            raise AssertionError("Tried to decode more symbols than the compressed data can hold.")
        return symbols

    def _quantile(self) -> int:
        # Reading a quantile takes more bits than its symbol, which may still be a symbol of the message.
        before = self._state()
        symbols, _ = self._take(_bound.every_quantile(), 1)
        self._undo(before)
        return int(symbols[0])

    def decode(self, model: Model, *optional_amt_or_model_params: Any) -> Any:
        """Decodes one or more symbols, in the order in which they were encoded.

        Args:
            model: the model that they were encoded with.
            optional_amt_or_model_params: nothing for a single symbol, the number n of symbols, or parameters
                of n symbols.

        Returns:
            An int, or int32 [n].

        Raises:
            AssertionError: if no encoder with these models can have written the words, or if they have ended.
        """
        return self._decode(model, optional_amt_or_model_params)

    def seek(self, position: int, state: tuple[int, int]) -> None:
        """Moves to a position of `RangeEncoder.pos`.

        Raises:
            ValueError: for a position outside of the message, or an interval that no encoder has.
        """
        index = _arrays.unsigned("position", position)
        if not isinstance(state, tuple):
            raise TypeError(f"state must be a tuple of two ints, got {type(state).__name__}.")
        if len(state) != 2:
            raise ValueError(f"state must be a tuple of two ints, got {len(state)}.")
        lower, range_ = (_arrays.unsigned("state", number) for number in state)
        if index > self._words.size:
            raise ValueError("Tried to seek past end of stream.")
        if range_ < _MIN_RANGE:
            raise ValueError("Invalid coder state.")
        self._index, self._lower, self._range = index, lower, range_

    def maybe_exhausted(self) -> bool:
        """Whether all symbols may have been decoded. False means that there are certainly more."""
        if self._index + 2 < self._words.size:
            return False
        point = [*self._words[self._index : self._index + 2].tolist(), 0, 0]
        ahead = ((point[0] << 32 | point[1]) - self._lower) % 2**64
        return self._range == _EVERYTHING or ahead < 2**33 - 1

    def clone(self) -> "RangeDecoder":
        """An independent copy."""
        other = RangeDecoder(self._words)
        other._undo(self._state())
        return other
