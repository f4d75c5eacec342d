"""Asymmetric Numeral Systems: a stream code that is a stack, last in first out.

>>> import numpy as np
>>> from jans.compat.constriction import stream
>>> model = stream.model.Categorical(np.array([0.2, 0.4, 0.1, 0.3], dtype=np.float32), perfect=False)
>>> coder = stream.stack.AnsCoder()
>>> coder.encode_reverse(np.array([0, 3, 2, 3, 2, 0, 2, 1], dtype=np.int32), model)
>>> coder.get_compressed()
array([2484720979,        175], dtype=uint32)
>>> coder.decode(model, 8)
array([0, 3, 2, 3, 2, 0, 2, 1], dtype=int32)
"""

import struct
from typing import Any

import numpy as np

from jans._variants import RANS
from jans.compat.constriction import _arrays
from jans.compat.constriction._arrays import significant
from jans.compat.constriction.stream import _coder
from jans.ffi import host
from jans.status import BAD_STATE

_VARIANT = RANS["rans64"].number


class AnsCoder(_coder.Coder):
    """An entropy coder that is a stack: the symbol encoded last is decoded first.

    Args:
        compressed: words to start from, uint32 [n]. They must not end with zero unless they are sealed.
        seal: whether to put a sentinel bit above the words, so that they may end with zeros.

    Raises:
        ValueError: for words that end with zero, or if there are no words to seal.
    """

    __slots__ = ()
    _format = struct.Struct("=Qii")  # head, size, status
    _layout = host.Layout(("I", 1, 2), 0, ("i",), ("i",))
    # Any head is fine here, as in constriction: `seek` takes all.
    _encoders = _coder.Kernels("rans_push", BAD_STATE, variant=_VARIANT)
    _decoders = _coder.Kernels("rans_pop", BAD_STATE, variant=_VARIANT)

    def __init__(self, compressed: Any = None, seal: bool = False):
        if compressed is None and seal is False:
            self._set(bytes(self._format.size), np.empty(16, np.uint32))
            return
        seal = _arrays.flag("seal", seal)
        if compressed is None:
            raise ValueError("Need compressed data to seal.")
        words = _arrays.words("compressed", compressed)
        if seal:
            words = np.append(words, np.uint32(1))
        elif words.size and words[-1] == 0:
            raise ValueError("Invalid compressed data: ANS compressed data never ends in a zero word.")
        size = max(words.size - 2, 0)
        head = sum(word << 32 * k for k, word in enumerate(words[size:].tolist()))
        self._set(self._format.pack(head, size, 0), words.copy())

    def _used(self) -> tuple[int]:
        return (self.pos()[0],)

    encode_reverse = _coder.Coder.encode

    def get_compressed(self, unseal: bool = False) -> np.ndarray:
        """A copy of the words, uint32 [n].

        Raises:
            AssertionError: if there is no sentinel bit to take off.
        """
        x, size, _ = self._format.unpack(self._numbers)
        head = significant(x)
        if unseal is not False and _arrays.flag("unseal", unseal):
            if not head or head[-1] != 1:
                raise AssertionError(
                    "Cannot unseal compressed data because it doesn't fit into integer number of words. Did you create "
                    "the encoder with `seal=True` and restore its original state?"
                )
            del head[-1]
        return _arrays.joined(self._words[0], size, head)

    def pos(self) -> tuple[int, int]:
        """The position for `seek`: the number of words below the head, and the head."""
        head, size, _ = self._format.unpack(self._numbers)
        return size, head

    def seek(self, position: int, state: int) -> None:
        """Moves to a position of `pos`, and removes the symbols encoded since.

        Raises:
            ValueError: if there are fewer words.
        """
        size, head = _arrays.unsigned("position", position), _arrays.unsigned("state", state)
        if size > self.pos()[0]:
            raise ValueError(
                "Tried to seek past end of stream. Note: in an ANS coder, both decoding and seeking *consume* "
                "compressed data, so that only what is still there can be jumped to."
            )
        self._numbers[:] = self._format.pack(head, size, 0)

    def clear(self) -> None:
        """Removes everything."""
        self._numbers[:] = bytes(self._format.size)

    def is_empty(self) -> bool:
        """Whether the coder holds nothing."""
        return self.pos() == (0, 0)

    def num_words(self) -> int:
        """The number of words that `get_compressed` returns."""
        size, head = self.pos()
        return size + (head.bit_length() + 31) // 32

    def num_bits(self) -> int:
        """The size of these words in bits."""
        return 32 * self.num_words()

    def num_valid_bits(self) -> int:
        """The size in bits, not rounded up to words."""
        size, head = self.pos()
        return 32 * size + max(head.bit_length(), 1) - 1
