"""Arrays whose elements resemble their neighbours: images, fields, series, and integers that rise.

Words are predicted from those before them, in their row and in the row above, and the distances to what was predicted
are coded with one table. The channels of a pixel, if the last axis is short, may share their errors. Floats that are
multiples of a number, such as those made from integers, are predicted as these integers.
"""

import math
from typing import NamedTuple

import numpy as np

from jans.archive import _distances, _symbols, _workers
from jans.archive._wire import Block, Reader, Writer, damaged
from jans.ffi import host

PLAIN, SIGNED, FLOAT = range(3)
"""The orders of words: see WordOrder in csrc/core/fields.h."""
NONE, LEFT, UP, PLANE, MEDIAN, MEAN, SLOPE = range(7)
_CHANNELS = 4
"""A last axis of at most this length holds the channels of a pixel."""
DIVISORS = (0, 1, 10, 100, 1000, 10**4, 10**5, 10**6, 255, 65535, 256, 65536)
"""Floats may be integers divided by one of these numbers; 0 stands for floats that are not."""
_QUOTIENTS = tuple(np.dtype(name) for name in ("float16", "float32", "float64"))
"""The dtypes whose numbers may be integers with a divisor."""
_FIRST, _SOME, _PLACES = 2**12, 2**12, 4
"""So many words are looked at in the middle to see whether prediction may help, and then in so many places to choose
how."""
_HOPE = 1.15
"""It may help if the first of these words need at most so many times the bits of other methods."""


class Geometry(NamedTuple):
    """How the words of an array lie.

    Attributes:
        row: the number of words in a row; 0 if all words of a block are one row.
        channels: how many neighbours in a row belong together.
    """

    row: int
    channels: int

    @property
    def block(self) -> int:
        """How many words are coded together: whole rows, or whole pixels."""
        unit = self.row or self.channels
        return max(unit, _symbols.BLOCK // unit * unit)

    def matrix(self, words: np.ndarray) -> np.ndarray:
        """The words of a block in rows."""
        return words.reshape(-1, self.row) if self.row else words.reshape(1, -1)


def geometry_of(shape: tuple[int, ...]) -> Geometry:
    """The rows and channels of an array of this shape."""
    channels = shape[-1] if len(shape) > 1 and 1 < shape[-1] <= _CHANNELS else 1
    axes = shape[:-1] if channels > 1 else shape
    row = axes[-1] * channels if len(axes) > 1 and math.prod(axes[:-1]) > 1 else 0
    return Geometry(row if row <= _symbols.BLOCK else 0, channels)


class Grid:
    """How words are predicted, and the table of their distances.

    Attributes:
        geometry, predictor, order, mixed: as for the kernel `grid_split`.
        divisor: of `DIVISORS`; if it is not 0, the words are those of integers, int32.
        table: of the distances; None before it is known.
    """

    def __init__(
        self,
        geometry: Geometry,
        predictor: int,
        order: int,
        mixed: bool,
        divisor: int = 0,
        table: _symbols.Table | None = None,
    ):
        self.geometry, self.predictor, self.order, self.mixed = geometry, predictor, order, mixed
        self.divisor, self.table = divisor, table
        self._numbers = {"channels": geometry.channels, "predictor": predictor, "order": order, "mixed": int(mixed)}

    @property
    def block(self) -> int:
        """How many words are coded together."""
        return self.geometry.block

    def write(self, writer: Writer) -> None:
        """Writes everything but the words."""
        assert self.table is not None
        writer.number(self.geometry.row).number(self.geometry.channels).number(self.predictor).number(self.order)
        writer.number(self.mixed).number(DIVISORS.index(self.divisor))
        self.table.write(writer)

    @classmethod
    def read(cls, reader: Reader, n: int, floats: bool, element: np.dtype) -> "Grid":
        """The inverse of `write`, for n words of elements of a dtype."""
        row, channels = reader.number(_symbols.BLOCK), reader.number(_CHANNELS)
        predictor, order, mixed = reader.number(SLOPE), reader.number(FLOAT), bool(reader.number(1))
        divisor = DIVISORS[reader.number(len(DIVISORS) - 1)]
        unit = row or channels
        if channels == 0 or row % channels or n % unit:
            raise damaged("rows that are not those of the array")
        if (order == FLOAT and not floats) or (divisor and (element not in _QUOTIENTS or order != SIGNED)):
            raise damaged("floats of what are none")
        table = _symbols.Table.read(reader, 1, _distances.PRECISION)
        return cls(Geometry(row, channels), predictor, order, mixed, divisor, table)

    def distances(self, words: np.ndarray) -> np.ndarray:
        """The distances of a block of words [n]."""
        matrix = self.geometry.matrix(words)
        return host.call("grid_split", matrix, **self._numbers, dtype=matrix.dtype)[0].reshape(-1)

    def encode_all(self, words: np.ndarray, element: np.dtype) -> list[Block]:
        """All blocks of words [n] of elements of a dtype, with a table that is made for them."""
        if self.divisor:
            whole = _integers(words.view(element), self.divisor)
            assert whole is not None
            words = whole.view(np.uint32)
        blocks = _symbols.blocks(len(words), self.block)
        parts = _workers.each(lambda block: _distances.split(self.distances(words[block])), blocks)
        counts = np.zeros((1, _symbols.SYMBOLS), np.int64)
        for symbols, _ in parts:
            counts += _symbols.count(symbols)
        self.table = _symbols.fit(counts, _distances.PRECISION)
        coder = _distances.Coder(self.table)
        return _workers.each(lambda part: coder.join(*part), parts)

    def decode(self, data: memoryview, block: slice, words: np.ndarray) -> None:
        """The inverse of `encode_all`, for one block, into unsigned words [n]."""
        assert self.table is not None
        inner = np.dtype(np.uint32) if self.divisor else words.dtype
        distances = np.empty(len(words), inner)
        _distances.Coder(self.table).decode(data, distances)
        (found,) = host.call("grid_merge", self.geometry.matrix(distances), **self._numbers, dtype=inner)
        found = found.reshape(-1)
        if self.divisor:
            element = np.dtype(f"f{words.itemsize}")
            found = quotients(found.view(np.int32), self.divisor, element).view(words.dtype)
        words[:] = found

    def bits(self, groups: list[np.ndarray]) -> float:
        """About the bits of groups of words [n], whole rows, in a table of their own."""
        counts = sum(host.call("lengths_count", self.distances(words))[0] for words in groups)
        return _distances.estimate(np.reshape(counts, (1, -1)), groups[0].itemsize)


def plans(
    words: np.ndarray, shape: tuple[int, ...], order: int, element: np.dtype, limit: float
) -> list[tuple[Grid, float]]:
    """Ways to predict words [n] of elements of a dtype, each with about the bits that they then have.

    Other methods need about `limit` bits for a word.
    """
    geometry = geometry_of(shape)
    found = [_plan(words, geometry, order, limit)]
    if element in _QUOTIENTS and (multiples := _multiples(words.view(element))) is not None:
        divisor, whole = multiples
        found.append(_plan(whole.view(np.uint32), geometry, SIGNED, limit, divisor))
    return [pair for pair in found if pair is not None]


def _plan(
    words: np.ndarray, geometry: Geometry, order: int, limit: float, divisor: int = 0
) -> tuple[Grid, float] | None:
    """The best way to predict words; None if that takes clearly more bits than other methods."""
    few = _groups(words, geometry, 1, _FIRST)
    first = min(Grid(geometry, p, order, mixed=False).bits(few) for p in (LEFT, MEDIAN, SLOPE))
    if first > _HOPE * limit * len(few[0]):
        return None
    some = _groups(words, geometry, _PLACES, _SOME)
    choices = range(SLOPE + 1) if geometry.row else (NONE, LEFT, SLOPE)
    grids = (Grid(geometry, predictor, order, mixed=False) for predictor in choices)
    best, bits = min(((grid, grid.bits(some)) for grid in grids), key=lambda pair: pair[1])
    if geometry.channels > 1:
        mixed = Grid(geometry, best.predictor, order, mixed=True)
        best, bits = min((best, bits), (mixed, mixed.bits(some)), key=lambda pair: pair[1])
    best.divisor = divisor
    return best, bits * len(words) / sum(map(len, some))


def _groups(words: np.ndarray, geometry: Geometry, places: int, count: int) -> list[np.ndarray]:
    """Whole rows from so many places, about `count` words in each; or all words."""
    unit = geometry.row or geometry.channels
    rows = len(words) // unit
    wanted = max(8 if geometry.row else 1, -(-count // unit))
    if rows <= places * wanted:
        return [words]
    begins = (np.arange(places) + 0.5) * rows / places - wanted / 2
    return [words[begin * unit : (begin + wanted) * unit] for begin in begins.astype(int).tolist()]


def _multiples(values: np.ndarray) -> tuple[int, np.ndarray] | None:
    """The divisor of floats [n] that are integers divided by it, and these integers; None if there is none."""
    some = np.ascontiguousarray(values[:: max(1, len(values) // 500)])
    for divisor in DIVISORS[1:]:
        if _integers(some, divisor) is not None and (found := _integers(values, divisor)) is not None:
            return divisor, found
    return None


def _integers(values: np.ndarray, divisor: int) -> np.ndarray | None:
    with np.errstate(all="ignore"):
        scaled = np.rint(values.astype(np.float64) * divisor)
        if not (np.abs(scaled) < 2.0**31).all():
            return None
        whole = scaled.astype(np.int32)
        same = quotients(whole, divisor, values.dtype).view(np.uint8) == values.view(np.uint8)
    return whole if same.all() else None


def quotients(whole: np.ndarray, divisor: int, dtype: np.dtype) -> np.ndarray:
    """Integers divided by a number, as floats."""
    with np.errstate(all="ignore"):
        return (whole / divisor).astype(dtype)
