"""Words as planes of bytes, each of which is coded, or kept as it is, or the same everywhere.

The words of floats are rotated first, so that the sign is the lowest bit and the exponent the highest byte. A plane
may be coded given the one above it: the most frequent bytes there have tables of their own.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jans.archive import _symbols, _workers
from jans.archive._wire import Block, Reader, Writer, damaged
from jans.ffi import host

RAW, CONSTANT, CODED, GIVEN = range(4)
PRECISION, GIVEN_PRECISION = 12, 14
_WORTH = 0.99
"""A plane is coded if that takes at most this share of its bytes."""
_FEW = 256
"""Fewer words than these are not coded where they are part of something else."""
_ROWS = 16
"""The most tables of a plane that is coded given another."""


class Plane(NamedTuple):
    """How a plane is kept.

    Attributes:
        mode: `RAW`, `CONSTANT`, `CODED` or `GIVEN`.
        value: the byte of a plane that is `CONSTANT`.
        frequent: for `GIVEN`, the bytes of the plane above that have tables of their own, from the second on.
        table: for `CODED` and `GIVEN`.
    """

    mode: int
    value: int = 0
    frequent: bytes = b""
    table: _symbols.Table | None = None


class Planes:
    """How the planes of words are kept; the highest plane comes first in all bytes."""

    def __init__(self, planes: list[Plane], rotate: bool):
        self.planes, self.rotate = planes, rotate
        self._rows = [row_of(plane.frequent) for plane in planes]

    @functools.cached_property
    def _coders(self) -> list[_symbols.Coder | None]:
        return [None if plane.table is None else _symbols.Coder(plane.table) for plane in self.planes]

    @property
    def width(self) -> int:
        """The number of bytes of a word."""
        return len(self.planes)

    def write(self, writer: Writer) -> None:
        """Writes everything but the words."""
        for plane in reversed(self.planes):
            writer.number(plane.mode)
            if plane.mode == CONSTANT:
                writer.number(plane.value)
            if plane.mode == GIVEN:
                writer.sized(plane.frequent)
            if plane.table is not None:
                plane.table.write(writer)

    @classmethod
    def read(cls, reader: Reader, width: int, rotate: bool) -> "Planes":
        """The inverse of `write`."""
        planes = []
        for k in range(width):
            mode = reader.number(GIVEN)
            value = reader.number(255) if mode == CONSTANT else 0
            frequent = bytes(reader.sized()) if mode == GIVEN else b""
            if mode == GIVEN and (k == 0 or len(frequent) >= _ROWS or len(set(frequent)) < len(frequent)):
                raise damaged("a plane of bytes depends on none")
            precision = GIVEN_PRECISION if mode == GIVEN else PRECISION
            table = _symbols.Table.read(reader, len(frequent) + 1, precision) if mode >= CODED else None
            planes.append(Plane(mode, value, frequent, table))
        return cls(planes[::-1], rotate)

    def encode(self, words: np.ndarray) -> Block:
        """A block of words [n]."""
        parts: Block = []
        planes = split(words, self.rotate)
        for k in reversed(range(self.width)):
            plane, coder = self.planes[k], self._coders[k]
            if plane.mode == RAW:
                kept = np.empty(len(words), np.uint8)
                kept[:] = planes[k]
                parts.append(kept.data)
            elif coder is not None:
                index = self._rows[k][planes[k + 1]] if plane.mode == GIVEN else None
                coded = coder.encode(planes[k], index)
                parts += [Writer().number(len(coded)).data, coded]
        return parts

    def decode(self, data: memoryview, words: np.ndarray) -> None:
        """The inverse of `encode`, into unsigned words [n]."""
        reader, n = Reader(data), len(words)
        planes = _workers.scratch("planes", self.width * n).reshape(self.width, n)
        for k in reversed(range(self.width)):
            plane, coder = self.planes[k], self._coders[k]
            if plane.mode == RAW:
                planes[k] = np.frombuffer(reader.take(n), np.uint8)
            elif coder is None:
                planes[k] = plane.value
            else:
                index = self._rows[k][planes[k + 1]] if plane.mode == GIVEN else None
                coder.decode(reader.sized(), planes[k], index)
        reader.close()
        host.kernel("bytes_merge", rotate=int(self.rotate))(planes, words.view(np.uint8).reshape(n, self.width))


def write_all(writer: Writer, words: np.ndarray) -> None:
    """Writes unsigned words [n] with all that is needed to read them, if one knows n and their dtype."""
    coded = words.size >= _FEW
    writer.number(coded)
    if not coded:
        writer.data += words.tobytes()
        return
    planes = plan(words, rotate=False, given=False)[0]()
    planes.write(writer)
    for block in _symbols.blocks(len(words)):
        writer.block(planes.encode(words[block]))


def read_all(reader: Reader, n: int, dtype: np.dtype) -> np.ndarray:
    """The inverse of `write_all`."""
    if not reader.number(1):
        return np.frombuffer(reader.take(n * dtype.itemsize), dtype)
    planes = Planes.read(reader, dtype.itemsize, rotate=False)
    if -(-n // _symbols.BLOCK) > reader.left:
        raise damaged(f"{n} words in {reader.left} bytes")
    words = np.empty(n, dtype)
    for block in _symbols.blocks(n):
        planes.decode(reader.sized(), words[block])
    return words


def split(words: np.ndarray, rotate: bool) -> np.ndarray:
    """The planes of words [n], uint8 [width, n], the lowest byte first, until the next call in this thread."""
    planes = _workers.scratch("planes", words.nbytes).reshape(-1, len(words))
    host.kernel("bytes_split", rotate=int(rotate))(words.view(np.uint8).reshape(len(words), -1), planes)
    return planes


def plan(words: np.ndarray, rotate: bool, given: bool) -> tuple[Callable[[], Planes], float]:
    """Says how to keep words [n], and about how many bits they then have.

    Args:
        words: unsigned integers, at least one.
        rotate: whether the words are floats.
        given: whether to look for planes that depend on those above them, which takes time.
    """
    width = words.itemsize
    counts = np.zeros((width, 256), np.int64)
    for block in _symbols.blocks(len(words)):
        for total, plane in zip(counts, split(words[block], rotate), strict=True):
            total += _symbols.count(plane)[0]
    found = [_alone(count) for count in counts]
    if given:
        for k in range(width - 1):
            if np.count_nonzero(counts[k]) > 1 and np.count_nonzero(counts[k + 1]) > 1:
                found[k] = min(found[k], _given(words, rotate, k, counts[k + 1]), key=lambda pair: pair[1])
    return lambda: Planes([make() for make, _ in found], rotate), sum(bits for _, bits in found)


def _alone(counts: np.ndarray) -> tuple[Callable[[], Plane], float]:
    n = int(counts.sum())
    if np.count_nonzero(counts) == 1:
        return lambda: Plane(CONSTANT, int(counts.argmax())), 8
    bits = _symbols.estimate(counts[None], PRECISION)
    if bits < _WORTH * 8 * n:
        return lambda: Plane(CODED, table=_symbols.fit(counts[None], PRECISION)), bits
    return lambda: Plane(RAW), 8.0 * n


def _given(words: np.ndarray, rotate: bool, k: int, above: np.ndarray) -> tuple[Callable[[], Plane], float]:
    """Plane k with a table for each of the most frequent bytes of the plane above, which has these counts."""
    order = np.argsort(-above, kind="stable")[:_ROWS]
    frequent = order[above[order] > 0].astype(np.uint8).tobytes()
    # The rarest of them shares the first row with all that have none.
    frequent = frequent[:-1] if len(frequent) == _ROWS or len(frequent) == np.count_nonzero(above) else frequent
    rows, counts = row_of(frequent), np.zeros((len(frequent) + 1, 256), np.int64)
    for block in _symbols.blocks(len(words)):
        planes = split(words[block], rotate)
        counts += _symbols.count(planes[k], rows[planes[k + 1]], len(counts))
    bits = _symbols.estimate(counts, GIVEN_PRECISION)
    return lambda: Plane(GIVEN, frequent=frequent, table=_symbols.fit(counts, GIVEN_PRECISION)), bits


def row_of(frequent: bytes) -> np.ndarray:
    """The row of each byte of the plane above: int32 [256]."""
    rows = np.zeros(256, np.int32)
    rows[np.frombuffer(frequent, np.uint8)] = 1 + np.arange(len(frequent))
    return rows
