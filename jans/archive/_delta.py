"""Words as their distance to those of another array, which the reader has too.

Floats are counted in their order, so that the distance between neighbours is 1. The length of a distance and its two
bits behind the leading one are coded, given the exponent of the other float; the bits below them are kept as they
are, sorted by length.
"""

import zlib

import numpy as np

from jans.archive import _planes, _symbols
from jans.archive._wire import Reader, Writer, damaged
from jans.status import CodingError

PRECISION = 14
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
        self._coder = _symbols.Coder(table)

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
        return cls(words, layout, frequent, _symbols.Table.read(reader, len(frequent) + 1, PRECISION))

    def encode(self, words: np.ndarray, block: slice) -> bytes:
        """A block of words [n]."""
        before = self.words[block]
        distances = _distances(words, before, self.layout)
        symbols = _symbols_of(distances)
        coded = self._coder.encode(symbols, self._index(before))
        parts: list[bytes] = [bytes(Writer().number(len(coded)).data), coded]
        ordered = distances[np.argsort(symbols, kind="stable")]
        for bits, place in _runs(symbols):
            parts.append(_pack_bits(ordered[place], bits))
        return b"".join(parts)

    def decode(self, data: memoryview, block: slice, words: np.ndarray) -> None:
        """The inverse of `encode`, into unsigned words [n]."""
        reader, before = Reader(data), self.words[block]
        symbols = np.empty(len(words), np.uint8)
        self._coder.decode(reader.sized(), symbols, self._index(before))
        ordered = np.sort(symbols, kind="stable").astype(words.dtype)
        first, width = ordered & 3, 8 * words.itemsize
        if ordered[-1] >= 4 * (width - 1):
            raise damaged("a distance that is longer than a word")
        for bits, place in _runs(symbols):
            kept = _unpack_bits(reader, place.stop - place.start, bits, words.dtype)
            ordered[place] = (first[place] | 4) << bits | kept
        reader.close()
        distances = np.empty_like(words)
        distances[np.argsort(symbols, kind="stable")] = ordered
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


def _distances(words: np.ndarray, before: np.ndarray, layout: tuple[int, int] | None) -> np.ndarray:
    """Distances modulo the size of a word, with the sign as the lowest bit."""
    steps = _ordered(words, layout) - _ordered(before, layout)
    return steps << 1 ^ (0 - (steps >> (8 * words.itemsize - 1)))


def _moved(before: np.ndarray, distances: np.ndarray, layout: tuple[int, int] | None) -> np.ndarray:
    """The inverse of `_distances`."""
    return _ordered(_ordered(before, layout) + (distances >> 1 ^ (0 - (distances & 1))), layout)


def _symbols_of(distances: np.ndarray) -> np.ndarray:
    """uint8: distances below 8 as they are; of others, the length, and the two bits behind the leading one."""
    lengths = _lengths(distances)
    below = np.maximum(lengths, 3) - 3
    return (4 * below + (distances >> below.astype(distances.dtype)).astype(np.uint8)).astype(np.uint8)


def _lengths(words: np.ndarray) -> np.ndarray:
    """The numbers of significant bits, uint8."""
    if words.itemsize == 8:
        high = (words >> 32).astype(np.uint32)
        return np.where(high > 0, 32 + _lengths(high), _lengths(words.astype(np.uint32)))
    # A float64 has the length in its exponent.
    exponents = (words.astype(np.float64).view(np.uint64) >> 52).astype(np.uint16)
    return (np.maximum(exponents, 1022) - 1022).astype(np.uint8)


def _runs(symbols: np.ndarray) -> list[tuple[int, slice]]:
    """For each length of the bits that are kept, where those distances are among the sorted ones."""
    ends = np.cumsum(np.bincount(symbols, minlength=256).reshape(-1, 4).sum(1))
    return [(k - 1, slice(int(ends[k - 1]), int(ends[k]))) for k in range(2, len(ends)) if ends[k] > ends[k - 1]]


def _pack_bits(words: np.ndarray, bits: int) -> bytes:
    """The lowest bits of words: whole bytes, a plane each, and then the bits that are left."""
    planes, left = words.view(np.uint8).reshape(len(words), -1), bits % 8
    parts = [planes[:, k].tobytes() for k in range(bits // 8)]
    if left:
        kept = np.unpackbits(planes[:, bits // 8, None], axis=1, count=left, bitorder="little")
        parts.append(np.packbits(kept, bitorder="little").tobytes())
    return b"".join(parts)


def _unpack_bits(reader: Reader, n: int, bits: int, dtype: np.dtype) -> np.ndarray:
    """The inverse of `_pack_bits`."""
    planes, left = np.zeros((n, dtype.itemsize), np.uint8), bits % 8
    for k in range(bits // 8):
        planes[:, k] = np.frombuffer(reader.take(n), np.uint8)
    if left:
        kept = np.frombuffer(reader.take(-(-n * left // 8)), np.uint8)
        each = np.unpackbits(kept, count=n * left, bitorder="little").reshape(n, left)
        planes[:, bits // 8] = np.packbits(each, axis=1, bitorder="little")[:, 0]
    return planes.view(dtype).reshape(n)


def plan(words: np.ndarray, before: np.ndarray, layout: tuple[int, int] | None) -> tuple[Delta, float]:
    """The tables for words [n], given those of the other array, and about how many bits they then have."""
    counts = np.zeros((256, 256), np.int64)
    for block in _symbols.blocks(len(words)):
        symbols = _symbols_of(_distances(words[block], before[block], layout))
        contexts = _contexts(before[block], layout)
        counts += np.bincount(contexts.astype(np.int64) << 8 | symbols, minlength=2**16).reshape(256, 256)
    kept = int((counts.sum(0) * (np.maximum(np.arange(256) // 4, 1) - 1)).sum())
    order = np.argsort(-counts.sum(1), kind="stable")
    order = order[counts.sum(1)[order] > 0]
    own = np.sort(order[: _ROWS - 1])
    # If every context has a table of its own, the last of them needs no name.
    own = own if len(order) > len(own) else own[:-1]
    rest = np.delete(counts, own, axis=0).sum(0)
    rows = np.concatenate([rest[None], counts[own]])
    table = _symbols.fit(rows, PRECISION)
    delta = Delta(before, layout, own.astype(np.uint8).tobytes(), table)
    return delta, table.bits(rows) + table.own_bits + kept
