"""Symbol codes, as in constriction's module `symbol`.

A call codes one symbol, which is too little work for a kernel. These coders take the steps of the
specification in Python integers, with trees from a kernel. To code arrays use `jans.huffman`, which writes
the same words.

The coders differ from the originals in three ways. First, `StackCoder(compressed)` restores all written bits.
The original takes the lowest bit that is one for the end, not the highest, and loses the bits above it.
Second, words may be JAX arrays. Third, coders can be pickled and copied.

>>> import numpy as np
>>> probabilities = np.array([0.3, 0.2, 0.4, 0.1], dtype=np.float32)
>>> encoder = QueueEncoder()
>>> for symbol in [1, 3, 2, 3, 0, 1, 3, 0, 2, 1, 1, 3, 3, 1, 2, 0, 1, 3, 1]:
...     encoder.encode_symbol(symbol, huffman.EncoderHuffmanTree(probabilities))
>>> encoder.get_compressed_and_bitrate()
(array([3756389791,      61358], dtype=uint32), 48)
>>> decoder = encoder.get_decoder()
>>> tree = huffman.DecoderHuffmanTree(probabilities)
>>> [decoder.decode_symbol(tree) for _ in range(5)]
[1, 3, 2, 3, 0]
"""

import copy
from collections import deque
from collections.abc import Callable, Iterator, MutableSequence
from typing import Any

import numpy as np

from jans.compat.constriction import _arrays
from jans.compat.constriction.symbol import huffman as huffman
from jans.reference import spec

__all__ = ["QueueDecoder", "QueueEncoder", "StackCoder", "huffman"]


def _words(compressed: Any) -> list[int]:
    array = np.asarray(compressed)
    if array.ndim != 1 or array.dtype != np.uint32:
        raise TypeError(f"compressed must be one axis of uint32, got {array.dtype} of shape {array.shape}.")
    return array.tolist()


def _codeword(symbol: Any, codebook: Any) -> str:
    if not isinstance(codebook, huffman.EncoderHuffmanTree):
        raise TypeError(f"codebook must be an EncoderHuffmanTree, got {type(codebook).__name__}.")
    index = _arrays.unsigned("symbol", symbol)
    if index >= len(codebook._codewords):
        raise KeyError(f"symbol {index} has no code word in a codebook of {len(codebook._codewords)} symbols.")
    return codebook._codewords[index]


def _symbol(codebook: Any, bits: Iterator[int]) -> int:
    if not isinstance(codebook, huffman.DecoderHuffmanTree):
        raise TypeError(f"codebook must be a DecoderHuffmanTree, got {type(codebook).__name__}.")
    try:
        return spec.huffman.find(codebook._children, bits)
    except spec.huffman.OutOfDataError:
        raise ValueError("Ran out of bits in compressed data.") from None


class _Bits:
    """Words, and the bits that do not fill a word yet, below a leading one."""

    _partial_word: int
    _words: MutableSequence[int]

    def __copy__(self) -> Any:
        return copy.deepcopy(self)

    def _take(self, take: Callable[[int, Any], tuple[int, int]]) -> Iterator[int]:
        while True:
            self._partial_word, bit = take(self._partial_word, self._words)
            yield bit

    def _bitrate(self) -> int:
        return 32 * len(self._words) + self._partial_word.bit_length() - 1


class QueueEncoder(_Bits):
    """Bits that grow at the end, to be read from the front."""

    def __init__(self) -> None:
        self._partial_word, self._words = 1, []

    def encode_symbol(self, symbol: Any, codebook: huffman.EncoderHuffmanTree) -> None:
        """Writes the code word of a symbol.

        Raises:
            KeyError: if the symbol is not in the codebook.
            OverflowError: if the symbol is negative.
        """
        self._partial_word = spec.huffman.append(self._partial_word, self._words, _codeword(symbol, codebook))

    def get_compressed_and_bitrate(self) -> tuple[np.ndarray, int]:
        """The words, uint32, with the last one padded with zeros, and the number of bits written."""
        last = self._partial_word - (1 << self._partial_word.bit_length() - 1)
        words = [*self._words, last] if self._partial_word > 1 else self._words
        return np.array(words, np.uint32), self._bitrate()

    get_compressed = get_compressed_and_bitrate

    def get_decoder(self) -> "QueueDecoder":
        """A decoder of the bits written so far."""
        return QueueDecoder(self.get_compressed_and_bitrate()[0])


class QueueDecoder(_Bits):
    """Bits that are read from the front.

    Args:
        compressed: uint32 [n], the words of a `QueueEncoder`.
    """

    def __init__(self, compressed: Any):
        self._partial_word, self._words = 1, deque(_words(compressed))

    def decode_symbol(self, codebook: huffman.DecoderHuffmanTree) -> int:
        """Reads a symbol.

        Raises:
            ValueError: if the bits end within the code word. They are lost then.
        """
        return _symbol(codebook, self._take(spec.huffman.take_first))


class StackCoder(_Bits):
    """Bits that grow and shrink at the same end.

    Args:
        compressed: uint32 [n], the words of a `StackCoder`; by default the stack is empty.

    Raises:
        ValueError: if the last word is zero.
    """

    def __init__(self, compressed: Any = None):
        self._partial_word, self._words = 1, [] if compressed is None else _words(compressed)
        if self._words:
            self._partial_word = self._words.pop()
        if self._partial_word == 0:
            raise ValueError("Compressed data for a stack must not end in a zero word.")

    def encode_symbol(self, symbol: Any, codebook: huffman.EncoderHuffmanTree) -> None:
        """Writes the code word of a symbol, last bit first.

        Raises:
            As for `QueueEncoder.encode_symbol`.
        """
        self._partial_word = spec.huffman.append(self._partial_word, self._words, _codeword(symbol, codebook)[::-1])

    def decode_symbol(self, codebook: huffman.DecoderHuffmanTree) -> int:
        """Takes off the symbol that was written last.

        Raises:
            As for `QueueDecoder.decode_symbol`.
        """
        return _symbol(codebook, self._take(spec.huffman.take_last))

    def get_compressed_and_bitrate(self) -> tuple[np.ndarray, int]:
        """The words, uint32, with a one above the last bit, and the number of bits below it."""
        return np.array([*self._words, self._partial_word], np.uint32), self._bitrate()

    get_compressed = get_compressed_and_bitrate
