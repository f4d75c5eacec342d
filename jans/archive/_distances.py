"""Distances, numbers that are mostly small, as symbols and the bits behind them; csrc/core/fields.h defines both."""

import numpy as np

from jans.archive import _symbols
from jans.archive._wire import Block, Reader, Writer, damaged
from jans.ffi import host

PRECISION = 14


class Coder:
    """Codes blocks of distances with a table, which may have several rows.

    Distances of one byte are their own symbols, and nothing is behind them.
    """

    def __init__(self, table: _symbols.Table):
        self._coder = _symbols.Coder(table)

    def encode(self, distances: np.ndarray, index: np.ndarray | None = None) -> Block:
        """A block of distances [n]; the index is the row of each, int32 [n]."""
        return self.join(*split(distances), index)

    def join(self, symbols: np.ndarray, rest: np.ndarray, index: np.ndarray | None = None) -> Block:
        """The block of what `split` gives."""
        coded = self._coder.encode(symbols, index)
        return [Writer().number(len(coded)).data, coded, rest.data]

    def decode(self, data: memoryview, distances: np.ndarray, index: np.ndarray | None = None) -> None:
        """The inverse of `encode`, into unsigned words [n]."""
        reader = Reader(data)
        alone = distances.itemsize == 1
        symbols = distances if alone else np.empty(len(distances), np.uint8)
        self._coder.decode(reader.sized(), symbols, index)
        if not alone:
            counts = np.bincount(symbols, minlength=256)
            if counts[4 * (8 * distances.itemsize - 1) :].any():
                raise damaged("a distance that is longer than a word")
            rest = np.frombuffer(reader.take(-(-int((counts * KEPT).sum()) // 8)), np.uint8)
            host.kernel("lengths_merge")(symbols, rest, distances)
        reader.close()


KEPT = np.maximum(np.arange(256) // 4 - 1, 0)
"""How many bits are behind each symbol."""


def split(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The symbols of distances, uint8 [n], and the packed bits behind them."""
    if distances.itemsize == 1:
        return distances, np.zeros(0, np.uint8)
    symbols, rest, used = host.call("lengths_split", distances, width=distances.itemsize)
    return symbols, rest[:used]


def estimate(counts: np.ndarray, itemsize: int) -> float:
    """About the bits of distances whose symbols have these counts [rows, 256], with their table."""
    kept = int((counts.sum(0) * KEPT).sum()) if itemsize > 1 else 0
    return _symbols.estimate(counts, PRECISION) + kept
