"""Floats whose size is foreseen: each has a scale, the product of one for its row and one for its column.

The scales travel in front. What is foreseen are the exponent and the highest bits of the mantissa: their distance to
the scale is coded, with one table, or with eight, by the part of an octave that the scale has. The other bits are
nearly uniform, and are kept as they are. csrc/core/fields.h defines it bit by bit.
"""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np

from jans.archive import _planes, _ranked, _symbols, _workers
from jans.archive._wire import Block, Reader, Writer, damaged
from jans.ffi import host

PHASES = (0, 3)
"""The logarithms of how many tables there may be."""
_MIDDLE = 96
"""The symbol of a float that is as large as its scale: those of larger ones are above it."""
_SOME = 3
"""How many blocks are looked at to choose between scales."""
_LARGEST = 2**20
"""Scales have smaller values."""
_TINY = float(np.finfo(np.float32).tiny)


class Layout(NamedTuple):
    """The bits of a float: of its exponent, and of its mantissa."""

    exponent: int
    mantissa: int


class Scaled:
    """Scales and tables of floats.

    Attributes:
        scales: int32, in eighths of an octave: those of the axes of the array, in two or three groups. The last group
            are the columns.
        top: how many bits of the mantissa are coded.
        rest: how many bits of a float are not coded.
        phases: the logarithm of the number of tables.
    """

    def __init__(self, layout: Layout, top: int, scales: list[np.ndarray], phases: int, table: _symbols.Table):
        self.layout, self.top, self.scales, self.phases, self.table = layout, top, scales, phases, table
        self.rest = layout.mantissa - top + 1
        self._fields = {"exponent": layout.exponent, "mantissa": layout.mantissa, "top": top}
        self.rows, *others, self.columns = scales
        for scale in others:
            self.rows = (self.rows[:, None] + scale).ravel()

    @functools.cached_property
    def _coder(self) -> _symbols.Coder:
        return _symbols.Coder(self.table)

    def write(self, writer: Writer) -> None:
        """Writes everything but the floats."""
        writer.number(len(self.scales))
        for scale in self.scales:
            least = int(scale.min())
            writer.number(len(scale)).signed(least)
            _planes.write_all(writer, (scale - least).astype(np.uint16))
        writer.number(self.top).number(self.phases)
        self.table.write(writer)

    @classmethod
    def read(cls, reader: Reader, layout: Layout, n: int) -> "Scaled":
        """The inverse of `write`, for n floats."""
        scales, left = [], n
        for _ in range(reader.number(3)):
            length, least = reader.number(n), reader.signed(_LARGEST)
            if length == 0 or left % length:
                raise damaged("the scales are not those of the floats")
            left //= length
            scales.append(_planes.read_all(reader, length, np.dtype(np.uint16)).astype(np.int32) + least)
        if len(scales) < 2 or left != 1:
            raise damaged("the scales are not those of the floats")
        top, phases = reader.number(min(_ranked.TOP, layout.mantissa)), reader.number(3)
        return cls(layout, top, scales, phases, _symbols.Table.read(reader, 2**phases, _precision(phases)))

    @property
    def block(self) -> int:
        """How many floats are coded together: whole rows."""
        width = max(len(self.columns), 1)
        return max(width, _symbols.BLOCK // width * width)

    def encode(self, words: np.ndarray, block: slice) -> Block:
        """A block of words [n]."""
        symbols, index, rest = self.take_apart(words, block)
        coded = self._coder.encode(symbols, index if self.phases else None)
        writer = Writer()
        _ranked.write_tops(writer, words, symbols, self.rest)
        return [Writer().number(len(coded)).data, coded, rest.data, writer.data]

    def decode(self, data: memoryview, block: slice, words: np.ndarray) -> None:
        """The inverse of `encode`, into unsigned words [n]."""
        reader, n = Reader(data), len(words)
        rows, width = self._place(block)
        symbols, index = _workers.scratch("symbols", n), None
        if self.phases:
            index = ((rows[:, None] + self.columns & 7) >> (3 - self.phases)).astype(np.int32, copy=False)
            index = np.broadcast_to(index, (n // width, width)).ravel()
        self._coder.decode(reader.sized(), symbols, index)
        rest = np.frombuffer(reader.take(-(-n * self.rest // 8)), np.uint8)
        host.kernel("fields_merge", **self._fields)(symbols, rows, self.columns, rest, words.reshape(-1, width))
        _ranked.read_tops(reader, words, symbols, self.rest, self.layout.exponent + self.top)
        reader.close()

    def take_apart(self, words: np.ndarray, block: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Symbols and the table of each, until the next call in this thread, and the packed rest of words [n]."""
        rows, width = self._place(block)
        n = len(words)
        symbols, rest = _workers.scratch("symbols", n), np.empty(-(-n * self.rest // 8), np.uint8)
        index = _workers.scratch("index", n if self.phases else 0, np.int32)
        kernel = host.kernel("fields_split", **self._fields, phases=self.phases)
        kernel(words.reshape(-1, width), rows, self.columns, symbols, index, rest)
        return symbols, index, rest

    def _place(self, block: slice) -> tuple[np.ndarray, int]:
        """The scales of the rows of a block, and how many columns it has."""
        width = len(self.columns)
        return self.rows[block.start // width : block.stop // width], width


def _precision(phases: int) -> int:
    return 14 if phases else 12


# ---- the scales of an array ----


def plan(words: np.ndarray, values: np.ndarray, layout: Layout) -> tuple[Scaled, float] | None:
    """Scales for floats, and about how many bits they then have; None if the array has no rows and columns.

    Args:
        words: the floats [n] as unsigned integers.
        values: their absolute values, float32 in the shape of the array.
    """
    shape, top = _merged(values.shape), min(_ranked.TOP, layout.mantissa)
    if len(shape) < 2:
        return None
    largest = float(values.max())
    if not math.isfinite(largest):
        values = np.nan_to_num(values, nan=0, posinf=0)
        largest = float(values.max())
    largest = max(largest, _TINY)
    # Of a float of this size: its exponent as it is written, less what the symbol in the middle has.
    base = math.log2(largest) + 2 ** (layout.exponent - 1) - 1 - (_MIDDLE >> top)
    values = values * np.float32(1 / largest)
    choices = [_scales(values.reshape(lengths)) for lengths in _groupings(shape)]
    for scales in choices:
        scales[0] += round(8 * base)
    some = (
        [_measured(words, layout, top, scales, PHASES, _SOME) for scales in choices] if len(choices) > 1 else [(0, 0)]
    )
    best = min(range(len(choices)), key=lambda k: some[k][1])
    return _measured(words, layout, top, choices[best], PHASES)


def _merged(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without axes of length 1, of at most three axes: the shortest neighbours become one."""
    axes = [length for length in shape if length > 1]
    while len(axes) > 3:
        products = [a * b for a, b in itertools.pairwise(axes)]
        k = products.index(min(products))
        axes[k : k + 2] = [products[k]]
    return tuple(axes)


def _groupings(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    if len(shape) == 2:
        return [shape]
    first, second, third = shape
    return [shape, (first * second, third), (first, second * third)]


def _scales(values: np.ndarray) -> list[np.ndarray]:
    """The scales of each axis, whose products are about the means of values (Adafactor's estimate, Shazeer and Stern
    2018, arXiv:1804.04235, on absolute values, and repeated)."""
    *leading, columns = values.shape
    matrix, factors = values.reshape(-1, columns), [np.ones(length, np.float32) for length in values.shape]
    for _ in range(2):
        rows = _within(matrix @ (1 / factors[-1]) / columns)
        if len(leading) == 2:
            rows = rows.reshape(leading)
            for _ in range(2):
                factors[0] = _within((rows / factors[1]).mean(1))
                factors[1] = _within((rows / factors[0][:, None]).mean(0))
            rows = _within((factors[0][:, None] * factors[1]).ravel())
        else:
            factors[0] = rows
        factors[-1] = _within((1 / rows) @ matrix / len(rows))
    return [np.rint(8 * np.log2(factor)).astype(np.int32) for factor in factors]


def _within(factors: np.ndarray) -> np.ndarray:
    """Factors that are neither too small nor too large to divide by them, and to sum what is divided."""
    return np.clip(factors, np.float32(2.0**-60), np.float32(2.0**60))


def _measured(
    words: np.ndarray, layout: Layout, top: int, scales: list[np.ndarray], choices: tuple[int, ...], some: int = 0
) -> tuple[Scaled, float]:
    """The best number of tables for these scales, and about the bits of all floats, from all blocks or from some."""
    most = choices[-1]
    counts = np.zeros((2**most, 256), np.int64)
    draft = Scaled(layout, top, scales, most, _symbols.fit(counts, _precision(most)))
    blocks = _symbols.blocks(len(words), draft.block)
    for block in blocks[:: -(-len(blocks) // some) if some else 1]:
        symbols, index, _ = draft.take_apart(words[block], block)
        counts += _symbols.count(symbols, index if most else None, len(counts))
    share, side = words.size / counts.sum(), Writer()
    draft.write(side)
    found = []
    for phases in choices:
        fewer = counts.reshape(2**phases, -1, 256).sum(1)
        table = _symbols.fit(fewer, _precision(phases))
        bits = share * (table.bits(fewer) + 8 * int(counts[:, 0].sum())) + words.size * draft.rest
        found.append((Scaled(layout, top, scales, phases, table), bits + table.own_bits + 8 * len(side.data)))
    return min(found, key=lambda pair: pair[1])
