"""Floats whose exponent is coded together with the highest bits of the mantissa; the other bits are kept as they are.

The most frequent of these tops have symbols from 1 on, in their order. The others share symbol 0, and follow.
"""

from collections.abc import Callable

import numpy as np

from jans.archive import _planes, _symbols, _workers
from jans.archive._wire import Block, Reader, Writer, damaged
from jans.ffi import host

TOP = 2
"""How many bits of the mantissa are coded with the exponent, at most."""
PRECISION = 12
_MOST = 255
"""The most tops that have symbols of their own."""
_LEFT_OUT = 2.0**-12
"""The share of floats whose tops may have no symbols of their own, so that those that have one are neighbours."""


class Ranked:
    """Tops, and a table of their symbols.

    Attributes:
        layout: the numbers of bits of the exponent and the mantissa.
        top: how many bits of the mantissa are coded.
        tops: those with symbols of their own, uint16, in order.
    """

    def __init__(self, layout: tuple[int, int], top: int, tops: np.ndarray, table: _symbols.Table):
        self.layout, self.top, self.tops, self.table = layout, top, tops, table
        exponent, mantissa = layout
        self.rest = mantissa - top + 1
        self._fields = {"exponent": exponent, "mantissa": mantissa, "top": top}
        self._codes = np.zeros(2 ** (exponent + top), np.uint8)
        self._codes[tops] = 1 + np.arange(len(tops))
        self._tops = np.zeros(256, np.uint16)
        self._tops[1 : 1 + len(tops)] = tops
        self._coder = _symbols.Coder(table)

    def write(self, writer: Writer) -> None:
        """Writes everything but the floats."""
        writer.number(self.top).number(len(self.tops))
        before = -1
        for top in self.tops.tolist():
            writer.number(top - before - 1)
            before = top
        self.table.write(writer)

    @classmethod
    def read(cls, reader: Reader, layout: tuple[int, int]) -> "Ranked":
        """The inverse of `write`."""
        top = reader.number(min(TOP, layout[1]))
        tops, before, limit = [], -1, 2 ** (layout[0] + top)
        for _ in range(reader.number(_MOST)):
            before += 1 + reader.number(limit)
            tops.append(before)
        if before >= limit:
            raise damaged("a float has more bits than its exponent")
        return cls(layout, top, np.array(tops, np.uint16), _symbols.Table.read(reader, 1, PRECISION))

    block = _symbols.BLOCK

    def encode(self, words: np.ndarray, block: slice) -> Block:
        """A block of unsigned words [n]."""
        n = len(words)
        symbols, rest = _workers.scratch("symbols", n), np.empty(-(-n * self.rest // 8), np.uint8)
        host.kernel("tops_split", **self._fields)(words, self._codes, symbols, rest)
        coded, writer = self._coder.encode(symbols), Writer()
        write_tops(writer, words, symbols, self.rest)
        return [Writer().number(len(coded)).data, coded, rest.data, writer.data]

    def decode(self, data: memoryview, block: slice, words: np.ndarray) -> None:
        """The inverse of `encode`, into unsigned words [n]."""
        reader, n = Reader(data), len(words)
        symbols = _workers.scratch("symbols", n)
        self._coder.decode(reader.sized(), symbols)
        rest = np.frombuffer(reader.take(-(-n * self.rest // 8)), np.uint8)
        host.kernel("tops_merge", **self._fields)(symbols, self._tops, rest, words)
        read_tops(reader, words, symbols, self.rest, self.layout[0] + self.top)
        reader.close()


def _first(symbols: np.ndarray) -> np.ndarray:
    """Where symbol 0 is."""
    return np.equal(symbols, 0, out=_workers.scratch("chosen", len(symbols), np.bool_)).nonzero()[0]


def write_tops(writer: Writer, words: np.ndarray, symbols: np.ndarray, rest: int) -> None:
    """Writes the tops, all but `rest` bits and the sign, of the words that have symbol 0, if there are any."""
    chosen = _first(symbols)
    if chosen.size:
        mask = 2 ** (8 * words.itemsize - rest) - 1
        _planes.write_all(writer, (words[chosen] >> (rest - 1) & mask).astype(np.uint16))


def read_tops(reader: Reader, words: np.ndarray, symbols: np.ndarray, rest: int, bits: int) -> None:
    """The inverse of `write_tops`, for words whose tops are still zeros."""
    chosen = _first(symbols)
    if chosen.size:
        tops = _planes.read_all(reader, len(chosen), np.dtype(np.uint16))
        if (tops >> bits).any():
            raise damaged("a float has more bits than its exponent")
        words[chosen] |= tops.astype(words.dtype) << (rest - 1)


def _frequent(counts: np.ndarray) -> np.ndarray:
    """The tops that have symbols of their own. Neighbours are taken apart faster: a few others are left out for it."""
    best = int(counts.argmax())
    gaps = np.flatnonzero(counts == 0)
    split = np.searchsorted(gaps, best)
    first = int(gaps[split - 1]) + 1 if split > 0 else 0
    stop = int(gaps[split]) if split < len(gaps) else len(counts)
    if stop - first <= _MOST and counts.sum() - counts[first:stop].sum() <= counts.sum() * _LEFT_OUT:
        return np.arange(first, stop)
    return np.sort(np.argsort(-counts, kind="stable")[: min(_MOST, np.count_nonzero(counts))])


def plan(some: np.ndarray, layout: tuple[int, int]) -> tuple[Callable[[], Ranked], float]:
    """The tops and the table of floats like these few, unsigned words [n], and about how many bits they have."""
    exponent, mantissa = layout
    top = min(TOP, mantissa)
    (found,) = host.call("tops_count", some, exponent=exponent, mantissa=mantissa, top=top)
    counts = found.astype(np.int64)
    tops = _frequent(counts)
    # Tops that the few floats do not have share a symbol.
    symbols = np.zeros((1, _symbols.SYMBOLS), np.int64)
    symbols[0, 1 : 1 + len(tops)] = counts[tops]
    symbols[0, 0] = 1 + counts.sum() - counts[tops].sum()
    bits = _symbols.estimate(symbols, PRECISION) + 8 * (len(tops) + int(symbols[0, 0] - 1))
    make = lambda: Ranked(layout, top, tops.astype(np.uint16), _symbols.fit(symbols, PRECISION))
    return make, bits + len(some) * (mantissa - top + 1)
