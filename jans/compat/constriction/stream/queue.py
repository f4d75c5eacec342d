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

import struct
from typing import Any, NoReturn

import numpy as np

from jans.compat.constriction import _arrays
from jans.compat.constriction.stream import _bound, _coder
from jans.ffi import host
from jans.reference import spec
from jans.status import BAD_DATA, BAD_MODEL, BAD_SYMBOL, UNDERFLOW

_EVERYTHING = 2**64 - 1
_MIN_RANGE = 2**32
_POINT = struct.Struct("=II")
_ALL_ONES = 2**32 - 1
_NO_WORDS = np.empty(0, np.uint32)


class RangeEncoder(_coder.Coder):
    """An encoder whose symbols are decoded in the order in which they were encoded."""

    __slots__ = ()
    _format = struct.Struct("=QQiiIi")  # lower, range, size, pending words, first of them, status
    _layout = host.Layout(("I", 2), ("I", 2), 0, ("i",), ("i",), ("I",), ("i",))
    _encoders = _coder.Kernels("range_encode")
    _start = _format.pack(0, _EVERYTHING, 0, 0, 0, 0)

    def __init__(self) -> None:
        self._set(self._start, _NO_WORDS)

    def _used(self) -> tuple[int]:
        return (self.pos()[0],)  # with room for those that are pending

    def _ends(self) -> tuple[int, tuple[int, ...]]:
        """The number of words that no symbol can change any more, and the words that end the message here."""
        lower, range_, size, pending, first, _ = self._format.unpack(self._numbers)
        held = (first,) + (_ALL_ONES,) * (pending - 1) if pending else ()
        return size, spec.range_coder.finish((lower, range_, held, ()))

    def get_compressed(self) -> np.ndarray:
        """The words of the message, uint32 [n]. You can continue to encode afterwards."""
        size, ends = self._ends()
        return _arrays.joined(self._words[0], size, ends)

    def get_decoder(self) -> "RangeDecoder":
        """A decoder of the message."""
        return RangeDecoder(self.get_compressed())

    def pos(self) -> tuple[int, tuple[int, int]]:
        """The position of the next symbol for `RangeDecoder.seek`: the number of words before it,
        and its interval."""
        lower, range_, size, pending, _, _ = self._format.unpack(self._numbers)
        return size + pending, (lower, range_)

    def clear(self) -> None:
        """Removes everything."""
        self.__init__()  # type: ignore[misc]

    def is_empty(self) -> bool:
        """Whether nothing was encoded."""
        return self.pos()[1][1] == _EVERYTHING

    def num_words(self) -> int:
        """The number of words that `get_compressed` returns."""
        size, ends = self._ends()
        return size + len(ends)

    def num_bits(self) -> int:
        """The size of these words in bits."""
        return 32 * self.num_words()


class RangeDecoder(_coder.Coder):
    """A decoder of a message of `RangeEncoder`.

    Args:
        compressed: words, uint32 [n].
    """

    __slots__ = ()
    _format = struct.Struct("=QQQiii")  # point, lower, range, size, index, status
    _layout = host.Layout(("I", 2), ("I", 2), ("I", 2), 0, ("i",), ("i",), ("i",))
    _decoders = _coder.Kernels("range_decode")

    def __init__(self, compressed: Any):
        words = _arrays.words("compressed", compressed).copy()
        self._set(self._at(words, 0, 0, _EVERYTHING), words)

    def _at(self, words: Any, index: int, lower: int, range_: int) -> bytes:
        """The numbers at a position of a message."""
        if index + 2 <= words.size:
            high, low = _POINT.unpack_from(words, 4 * index)
        else:
            high, low = int(words[index]) if index < words.size else 0, 0
        return self._format.pack(high << 32 | low, lower, range_, words.size, index, 0)

    def _used(self) -> tuple[int]:
        return (self._words[0].size,)

    def _fail(self, status: int) -> NoReturn:
        if status & (BAD_MODEL | BAD_SYMBOL):
            super()._fail(status)
        if status & BAD_DATA:
            raise AssertionError("Tried to decode from compressed data that is invalid for the employed entropy model.")
        if status & UNDERFLOW:
            raise AssertionError("Tried to decode more symbols than the compressed data can hold.")
        super()._fail(status)

    def _quantile(self) -> int:
        # Reading a quantile takes more bits than its symbol, which may still be a symbol of the message.
        before = bytes(self._numbers)
        quantile = np.empty(1, np.int32)
        status = self._decoders[_bound.EVERY_QUANTILE.kind](self._arrays, _bound.EVERY_QUANTILE.operands, quantile)
        if status & ~UNDERFLOW:
            self._fail(status)
        self._numbers[:] = before
        return int(quantile[0])

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
        if index > self._words[0].size:
            raise ValueError("Tried to seek past end of stream.")
        if range_ < _MIN_RANGE:
            raise ValueError("Invalid coder state.")
        self._numbers[:] = self._at(self._words[0], index, lower, range_)

    def maybe_exhausted(self) -> bool:
        """Whether all symbols may have been decoded. False means that there are certainly more."""
        point, lower, range_, size, index, _ = self._format.unpack(self._numbers)
        return index + 2 >= size and (range_ == _EVERYTHING or (point - lower) % 2**64 < 2**33 - 1)
