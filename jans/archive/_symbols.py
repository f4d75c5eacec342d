"""Bytes coded with tables that travel in front of them: what all methods of arrays are built on.

Symbols are uint8 [n], in blocks that are coded one by one. Each symbol may have an index, the row of the table that
it is coded with.
"""

import math
from typing import NamedTuple

import numpy as np

from jans._variants import RANS
from jans.archive import _workers
from jans.archive._wire import Reader, Writer, damaged
from jans.ffi import host
from jans.formats import _in_place

VARIANT = "rans32_16"
_EMPTY = 2**16
"""The head of each lane before the first symbol, which the format fixes. (Empty coders begin with 2**15.)"""
_SPARE = 256
"""Room for more words than symbols have at most."""
SYMBOLS = 256
BLOCK = 2**18
"""The number of symbols in a block; the last one may have fewer."""
_FIRST = np.zeros((1, 1), np.int32)
"""The index of symbols that all have the first row."""


class Table(NamedTuple):
    """Frequencies of symbols.

    Attributes:
        frequencies: int64 [rows, 256], and 2**precision in each row together.
        precision: the number of bits.
    """

    frequencies: np.ndarray
    precision: int

    def write(self, writer: Writer) -> None:
        """A row is a list of runs of symbols that have a frequency, each with the number of those before it that
        have none."""
        for row in self.frequencies:
            edges = np.flatnonzero(np.diff(np.concatenate([[0], row > 0, [0]])))
            writer.number(len(edges) // 2)
            end = 0
            for begin, stop in edges.reshape(-1, 2).tolist():
                writer.number(begin - end).number(stop - begin - 1)
                for frequency in row[begin:stop].tolist():
                    writer.number(frequency - 1)
                end = stop

    @classmethod
    def read(cls, reader: Reader, rows: int, precision: int) -> "Table":
        """The inverse of `write`."""
        frequencies = np.zeros((rows, SYMBOLS), np.int64)
        for row in frequencies:
            at = 0
            for _ in range(reader.number(SYMBOLS)):
                at += reader.number(SYMBOLS)
                stop = at + 1 + reader.number(SYMBOLS)
                if stop > SYMBOLS:
                    raise damaged("a table has more than 256 symbols")
                for symbol in range(at, stop):
                    row[symbol] = 1 + reader.number(2**precision)
                at = stop
            if row.sum() != 2**precision:
                raise damaged(f"the frequencies of a table are {row.sum()} together and not {2**precision}")
        return cls(frequencies, precision)

    def bits(self, counts: np.ndarray) -> float:
        """The bits of symbols with these counts [rows, 256], without the table."""
        with np.errstate(divide="ignore"):
            lengths = self.precision - np.log2(self.frequencies)
        return float((counts * np.where(counts > 0, lengths, 0)).sum())

    @property
    def own_bits(self) -> int:
        """About the bits of the table."""
        return _table_bits(self.frequencies > 0, np.count_nonzero(self.frequencies > 128))

    def cdf(self) -> np.ndarray:
        """The cumulative frequencies, uint32 [rows, 257]."""
        cdf = np.zeros((len(self.frequencies), SYMBOLS + 1), np.uint32)
        cdf[:, 1:] = self.frequencies.cumsum(1)
        return cdf


def count(symbols: np.ndarray, index: np.ndarray | None = None, rows: int = 1) -> np.ndarray:
    """How often each symbol has each index, int64 [rows, 256]."""
    where = np.zeros(1, np.int32) if index is None else index
    (counts,) = host.call("count", symbols, where, rows=rows)
    return counts.astype(np.int64)


def estimate(counts: np.ndarray, precision: int) -> float:
    """About the bits of symbols with these counts [rows, 256], and of the table that `fit` gives."""
    bits, least = 0.0, 2.0**-precision
    for row in counts:
        there = row > 0
        some = row[there].astype(np.float64)
        total = float(some.sum())
        shares = np.maximum(some * (1 / max(total, 1)), least)
        bits += total * math.log2(max(float(shares.sum()), least)) - float(some @ np.log2(shares))
        bits += _table_bits(there[None], np.count_nonzero(shares > 128 * least))
    return bits


def _table_bits(there: np.ndarray, large: np.integer | int) -> int:
    """About the bits of a table, from which symbols are there, and how many of them take two bytes."""
    runs = np.count_nonzero(there[:, 1:] > there[:, :-1]) + len(there)
    return 8 * int(np.count_nonzero(there) + large + 2 * runs)


def fit(counts: np.ndarray, precision: int) -> Table:
    """The table of counts [rows, 256]. Every symbol that was counted has a frequency."""
    total = 2**precision
    counts = counts.astype(np.float64)
    counts[~counts.any(1), 0] = 1
    ideal = counts * (total / counts.sum(1, keepdims=True))
    frequencies = np.where(counts > 0, np.maximum(1, np.floor(ideal)), 0).astype(np.int64)
    missing = total - frequencies.sum(1)
    # One more for those whose messages become shorter by the most: each symbol lacks less than one.
    gain = np.where(counts > 0, counts * np.log1p(1 / np.maximum(frequencies, 1)), -1)
    order = np.argsort(-gain, axis=1, kind="stable")
    np.put_along_axis(gain, order, np.arange(SYMBOLS)[None], axis=1)
    frequencies += gain < missing[:, None]
    for k in np.flatnonzero(missing < 0):
        _take(frequencies[k], counts[k], -int(missing[k]))
    return Table(frequencies, precision)


def _take(row: np.ndarray, counts: np.ndarray, surplus: int) -> None:
    """Takes from a row of frequencies what it has too many of, where messages become longer by the least."""
    while surplus > 0:
        loss = np.where(row > 1, counts * -np.log1p(-1 / np.maximum(row, 2)), np.inf)
        chosen = np.argsort(loss, kind="stable")[: max(1, min(surplus, int((row > 1).sum()) // 2))]
        row[chosen] -= 1
        surplus -= len(chosen)


def _lanes(n: int) -> int:
    return 64 if n >= 2**14 else 32 if n >= 2**11 else 4 if n >= 2**8 else 1


def blocks(n: int, length: int = BLOCK) -> list[slice]:
    """The parts of n symbols."""
    return [slice(at, min(at + length, n)) for at in range(0, n, length)]


class Coder:
    """Codes blocks with a table. Calls from several threads run side by side."""

    def __init__(self, table: Table):
        cdf, precision = table.cdf(), table.precision
        self._operands = cdf[None], _in_place.guides(cdf, precision)[None]
        numbers = {"variant": RANS[VARIANT].number, "precision": precision}
        self._push = host.kernel("rans_push_table", **numbers)
        self._pop = host.kernel("rans_pop_table", **numbers)
        self._precision = precision

    def encode(self, symbols: np.ndarray, index: np.ndarray | None = None) -> memoryview:
        """One block: the heads, and the words below them."""
        lanes, capacity = _lanes(len(symbols)), self._precision * len(symbols) // 16 + _SPARE
        tail = _workers.scratch("tail", capacity, np.uint16)[None]
        head = np.full((1, lanes), _EMPTY, np.uint32)
        size, status = np.zeros((2, 1), np.int32)
        cdf, guide = self._operands
        if self._push(head, tail, size, status, symbols[None], cdf, _index(index), guide):
            raise AssertionError("a symbol has no frequency, or a block is longer than its symbols")
        words = tail[0, : size[0]].view(np.uint8)
        coded = np.empty(4 * lanes + words.size, np.uint8)
        coded[: 4 * lanes] = head.view(np.uint8)
        coded[4 * lanes :] = words
        return coded.data

    def decode(self, data: memoryview, symbols: np.ndarray, index: np.ndarray | None = None) -> None:
        """The inverse of `encode`, into symbols, uint8 [n].

        Raises:
            CodingError: if the bytes do not hold exactly these symbols.
        """
        lanes = _lanes(len(symbols))
        if len(data) < 4 * lanes or len(data) % 2:
            raise damaged("a block has no heads, or half a word")
        head = np.frombuffer(data[: 4 * lanes], np.uint32).reshape(1, -1).copy()
        tail = _workers.scratch("tail", len(data) // 2 - 2 * lanes, np.uint16)
        tail[:] = np.frombuffer(data[4 * lanes :], np.uint16)  # which may not be aligned
        size, status = np.full(1, tail.size, np.int32), np.zeros(1, np.int32)
        cdf, guide = self._operands
        if self._pop(head, tail[None], size, status, cdf, _index(index), guide, symbols[None]):
            raise damaged("a block ends before its last symbol")
        if size[0] or not (head == _EMPTY).all():
            raise damaged("a block goes on after its last symbol")


def _index(index: np.ndarray | None) -> np.ndarray:
    return _FIRST if index is None else index[None]
