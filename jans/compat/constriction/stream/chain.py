"""The chain coder: a stack coder whose symbols do not depend on each other,
for bits-back coding with inference.

>>> import numpy as np
>>> from jans.compat.constriction import stream
>>> data = np.array([0x80d14131, 0xdda97c6c, 0x5017a640, 0x01170a3e], np.uint32)
>>> family = stream.model.QuantizedGaussian(-100, 100)
>>> means, stds = np.array([3.2, -14.3, 5.7]), np.array([6.4, 4.2, 3.9])
>>> coder = stream.chain.ChainCoder(data, seal=True)
>>> symbols = coder.decode(family, means, stds)
>>> coder = stream.chain.ChainCoder(np.concatenate(coder.get_remainders()), is_remainders=True)
>>> coder.encode_reverse(symbols, family, means, stds)
>>> bool((np.concatenate(coder.get_data(unseal=True)) == data).all())
True
"""

import struct
from typing import Any, NoReturn

import numpy as np

from jans._variants import CHAIN
from jans.compat.constriction import _arrays
from jans.compat.constriction._arrays import significant
from jans.compat.constriction.stream import _bound, _coder
from jans.ffi import host
from jans.status import BAD_MODEL, BAD_SYMBOL, OUT_OF_REMAINDERS, UNDERFLOW

_MIN_HEAD = 2**8
_CODER = {"variant": CHAIN["chain64"].number, "max_precision": _bound.PRECISION}
_COMPRESSED, _REMAINDERS = 0, 1


class ChainCoder(_coder.Coder):
    """A coder that takes 24 bits of data for each symbol,
    and keeps what they hold beyond the symbol as remainders.

    Args:
        data: words, uint32 [n].
        is_remainders: False to decode symbols from data, True to encode symbols on the words of
            `get_remainders`.
        seal: whether to put a sentinel bit above the data, so that they may end with zeros; not for
            remainders.

    Raises:
        ValueError: for too few words, or words that end with zero and are not sealed.
        AssertionError: if remainders are to be sealed.
    """

    # partial word, size of the compressed words, head, size of the remainders, status
    __slots__ = ()
    _format = struct.Struct("=IiQii")
    _layout = host.Layout(("I",), _COMPRESSED, ("i",), ("I", 1, 2), _REMAINDERS, ("i",), ("i",))
    _encoders = _coder.Kernels("chain_push", **_CODER)
    _decoders = _coder.Kernels("chain_pop", **_CODER)

    def __init__(self, data: Any, is_remainders: bool = False, seal: bool = False):
        words = _arrays.words("data", data)
        seal = _arrays.flag("seal", seal)
        partial_word, head = 1, int(seal)
        if _arrays.flag("is_remainders", is_remainders):
            if seal:
                raise AssertionError("Cannot seal remainders data.")
            if words.size:
                partial_word, words = int(words[-1]), words[:-1]
            else:
                partial_word = 0
        if not seal and words.size:
            head, words = int(words[-1]), words[:-1]
        if head and head < _MIN_HEAD and words.size:
            head, words = head << 32 | int(words[-1]), words[:-1]
        if head < _MIN_HEAD or not partial_word:
            why = "" if seal else ", or provided data ends in zero word and "
            which = "" if seal else "`is_remainders==True`" if is_remainders else "`seal==False`"
            raise ValueError(f"Too little data provided{why}{which}.")
        sizes = (0, words.size) if is_remainders else (words.size, 0)
        numbers = self._format.pack(partial_word, sizes[0], head, sizes[1], 0)
        self._set(numbers, words[: sizes[0]].copy(), words[: sizes[1]].copy())

    def _used(self) -> tuple[int, int]:
        _, compressed, _, remainders, _ = self._format.unpack(self._numbers)
        return compressed, remainders

    def _fail(self, status: int) -> NoReturn:
        if status & (BAD_MODEL | BAD_SYMBOL):
            super()._fail(status)
        if status & OUT_OF_REMAINDERS:
            raise AssertionError("Out of remainders information from previous decoding.")
        if status & UNDERFLOW:
            raise AssertionError("Out of compressed data: each symbol takes 24 bits.")
        super()._fail(status)

    encode_reverse = _coder.Coder.encode

    def get_data(self, unseal: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The words after encoding everything that was decoded: the leftover remainders, and the data.

        Raises:
            AssertionError: if the coder does not hold a whole number of words, or has no sentinel bit to take
                off.
        """
        partial_word, compressed, head, remainders, _ = self._format.unpack(self._numbers)
        words = significant(head)
        unseal = _arrays.flag("unseal", unseal)
        if partial_word != 1 or (unseal and words[-1] != 1):
            raise AssertionError("Fractional number of words in compressed or remainders data.")
        data = np.array(words[:-1] if unseal else words, np.uint32)
        whole = np.concatenate([self._words[_COMPRESSED][:compressed], data])
        return self._words[_REMAINDERS][:remainders].copy(), whole

    def get_remainders(self) -> tuple[np.ndarray, np.ndarray]:
        """The words after decoding: the leftover data, and the remainders."""
        partial_word, compressed, head, remainders, _ = self._format.unpack(self._numbers)
        words = np.array([*significant(head), partial_word], np.uint32)
        whole = np.concatenate([self._words[_REMAINDERS][:remainders], words])
        return self._words[_COMPRESSED][:compressed].copy(), whole
