"""Words as their distance to those of another array, which the reader has too.

Floats are counted in their order, so that the distance between neighbours is 1. Distances are coded given the exponent
of the other float.
"""

import zlib
from collections.abc import Callable

import numpy as np

from jans.archive import _distances, _planes, _symbols
from jans.archive._wire import Block, Reader, Writer, damaged
from jans.status import CodingError

_ROWS = 24
"""The most tables."""


class Delta:
    """Tables of distances.

    Attributes:
        words: those of the other array, unsigned [n].
        layout: the numbers of bits of the exponent and the mantissa; None for integers.
        frequent: the contexts, in a byte each, that have tables of their own, from the second on.
    """

    block = _symbols.BLOCK

    def __init__(self, words: np.ndarray, layout: tuple[int, int] | None, frequent: bytes, table: _symbols.Table):
        self.words, self.layout, self.frequent, self.table = words, layout, frequent, table
        self._rows = _planes.row_of(frequent)
        self._coder = _distances.Coder(table)

    def write(self, writer: Writer) -> None:
        """Writes everything but the words and the distances to them."""
        writer.number(zlib.crc32(self.words.data.cast("B"))).sized(self.frequent)
        self.table.write(writer)

    @classmethod
    def read(cls, reader: Reader, words: np.ndarray, layout: tuple[int, int] | None) -> "Delta":
        """The inverse of `write`."""
        if reader.number(2**32 - 1) != zlib.crc32(words.data.cast("B")):
            raise CodingError(
                "these bytes were packed with another base. Pass the tree that jans.pack was given as base."
            )
        frequent = bytes(reader.sized())
        if len(frequent) >= _ROWS or len(set(frequent)) < len(frequent):
            raise damaged("a context twice, or too many of them")
        return cls(words, layout, frequent, _symbols.Table.read(reader, len(frequent) + 1, _distances.PRECISION))

    def encode(self, words: np.ndarray, block: slice) -> Block:
        """A block of words [n]."""
        before = self.words[block]
        return self._coder.encode(_distances_of(words, before, self.layout), self._index(before))

    def decode(self, data: memoryview, block: slice, words: np.ndarray) -> None:
        """The inverse of `encode`, into unsigned words [n]."""
        before = self.words[block]
        distances = np.empty_like(words)
        self._coder.decode(data, distances, self._index(before))
        words[:] = _moved(before, distances, self.layout)

    def _index(self, before: np.ndarray) -> np.ndarray | None:
        return self._rows[_contexts(before, self.layout)] if self.frequent else None


def _contexts(words: np.ndarray, layout: tuple[int, int] | None) -> np.ndarray:
    """A byte for each word: of floats, the exponent, or its lower bits."""
    if layout is None:
        return np.zeros(len(words), np.uint8)
    exponent, mantissa = layout
    return (words >> mantissa).astype(np.uint8) & np.uint8(min(2**exponent, 256) - 1)


def _ordered(words: np.ndarray, layout: tuple[int, int] | None) -> np.ndarray:
    """The words of floats as their numbers in the order of the floats, modulo the size of a word; and back."""
    if layout is None:
        return words
    signs = 0 - (words >> (8 * words.itemsize - 1))
    return words ^ (signs >> 1)


def _distances_of(words: np.ndarray, before: np.ndarray, layout: tuple[int, int] | None) -> np.ndarray:
    """Distances modulo the size of a word, with the sign as the lowest bit."""
    steps = _ordered(words, layout) - _ordered(before, layout)
    return steps << 1 ^ (0 - (steps >> (8 * words.itemsize - 1)))


def _moved(before: np.ndarray, distances: np.ndarray, layout: tuple[int, int] | None) -> np.ndarray:
    """The inverse of `_distances_of`."""
    return _ordered(_ordered(before, layout) + (distances >> 1 ^ (0 - (distances & 1))), layout)


def plan(words: np.ndarray, before: np.ndarray, layout: tuple[int, int] | None) -> tuple[Callable[[], Delta], float]:
    """The tables for words [n], given those of the other array, and about how many bits they then have."""
    counts = np.zeros((256, 256), np.int64)
    for block in _symbols.blocks(len(words)):
        symbols, _ = _distances.split(_distances_of(words[block], before[block], layout))
        contexts = _contexts(before[block], layout)
        counts += np.bincount(contexts.astype(np.int64) << 8 | symbols, minlength=2**16).reshape(256, 256)
    order = np.argsort(-counts.sum(1), kind="stable")
    order = order[counts.sum(1)[order] > 0]
    own = np.sort(order[: _ROWS - 1])
    # If every context has a table of its own, the last of them needs no name.
    own = own if len(order) > len(own) else own[:-1]
    rest = np.delete(counts, own, axis=0).sum(0)
    rows = np.concatenate([rest[None], counts[own]])
    frequent = own.astype(np.uint8).tobytes()
    make = lambda: Delta(before, layout, frequent, _symbols.fit(rows, _distances.PRECISION))
    return make, _distances.estimate(rows, words.itemsize)
