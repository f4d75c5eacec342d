"""Arrays as bytes: which methods there are, and which one serves an array."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jans.archive import _delta, _grid, _planes, _ranked, _scaled, _symbols, _workers
from jans.archive._wire import Block, Reader, Writer, damaged
from jans.ffi import host

RAW, CONSTANT, PLANES, RANKED, SCALED, SPARSE, GRID, DELTA = range(8)

DTYPES: tuple[Any, ...] = (
    *(np.dtype(name) for name in ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")),
    *(np.dtype(name) for name in ("float16", "float32", "float64", "complex64", "complex128")),
    *(np.dtype(getattr(jnp, name)) for name in ("bfloat16", "int4", "uint4", "float8_e4m3fn", "float8_e5m2")),
    *(np.dtype(getattr(jnp, name)) for name in ("float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e4m3b11fnuz")),
)
"""The dtypes of arrays. Their places here are their numbers in the format."""
_LAYOUTS = {
    "float16": (5, 10), "float32": (8, 23), "float64": (11, 52), "complex64": (8, 23), "complex128": (11, 52),
    "bfloat16": (8, 7), "float8_e4m3fn": (4, 3), "float8_e5m2": (5, 2), "float8_e4m3fnuz": (4, 3),
    "float8_e5m2fnuz": (5, 2), "float8_e4m3b11fnuz": (4, 3),
}  # fmt: skip
_FEW = 64
"""The most bytes of an array that is kept as it is without looking at it."""
_RUN, _RUNS = 512, 64
"""A sample of an array has so many runs, each of so many words."""
_SLOWER = 1.02
"""In "fast", prediction must be shorter by this factor, because it is slower."""
_SPARSE = 8
"""Arrays of which one in so many elements is zero are looked at as sparse ones."""


class Kind(NamedTuple):
    """What the elements of a dtype are.

    Attributes:
        parts: how many words an element has: 2 for complex numbers.
        word: the unsigned dtype of a word.
        layout: the bits of a float; None for integers.
    """

    parts: int
    word: np.dtype
    layout: _scaled.Layout | None


def kind_of(dtype: np.dtype) -> Kind:
    """The kind of a dtype of `DTYPES`."""
    parts = 2 if dtype.kind == "c" else 1
    layout = _LAYOUTS.get(dtype.name)
    word = np.dtype(f"u{dtype.itemsize // parts}")
    return Kind(parts, word, None if layout is None else _scaled.Layout(*layout))


class Packed(NamedTuple):
    """An array as bytes.

    Attributes:
        method: one of the numbers above.
        head: what all blocks need.
        blocks: those that can be read alone.
    """

    method: int
    head: bytes
    blocks: list[Block]

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self.head) + sum(len(part) for block in self.blocks for part in block)


def words_of(array: np.ndarray) -> np.ndarray:
    """The words of an array of one of `DTYPES`, along one axis."""
    return host.ready(array).reshape(-1).view(kind_of(array.dtype).word)


def pack(array: np.ndarray, small: bool, base: np.ndarray | None = None) -> Packed:
    """An array of one of `DTYPES` as bytes; `small` looks longer for fewer of them.

    `base` is an array of the same dtype and shape, which the reader has too.
    """
    kind, words = kind_of(array.dtype), words_of(array)
    if words.nbytes > _FEW:
        shape = (*array.shape, kind.parts) if kind.parts > 1 else array.shape
        order = _grid.SIGNED if array.dtype.kind == "i" else _grid.PLAIN
        found = _pack_words(words, shape, kind, small, order, None if base is None else words_of(base))
        if found is not None and found.size < words.nbytes:
            return found
    return Packed(RAW, b"", [[words[block].view(np.uint8).data] for block in _symbols.blocks(len(words))])


def _pack_words(
    words: np.ndarray, shape: tuple[int, ...], kind: Kind, small: bool, order: int, base: np.ndarray | None
) -> Packed | None:
    if words[0] == words[len(words) // 2] == words[-1] and (words == words[0]).all():
        return Packed(CONSTANT, words[:1].tobytes(), [])
    # About how many bits a method takes, and what it codes with.
    choices: list[tuple[float, int, Callable[[], Any]]] = []
    some = _sample(words)
    share, floats = len(words) / len(some), kind.layout is not None
    if base is not None:
        _, bits = _delta.plan(some, _sample(base), kind.layout)
        choices.append((bits * share, DELTA, functools.partial(_made, _delta.plan, words, base, kind.layout)))
    _, bits = _planes.plan(some, floats, given=small)
    choices.append((bits * share, PLANES, functools.partial(_made, _planes.plan, words, floats, small)))
    if kind.layout is not None and kind.layout.mantissa <= 23:
        ranked, bits = _ranked.plan(some, kind.layout)
        choices.append((bits * share, RANKED, ranked))
        if small and (scaled := _scaled.plan(words, _sizes(words, kind).reshape(shape), kind.layout)) is not None:
            choices.append((scaled[1], SCALED, functools.partial(_same, scaled[0])))
    limit = min(bits for bits, _, _ in choices) / len(words)
    for grid, bits in _grid.plans(words, shape, _grid.FLOAT if floats else order, _element(kind), limit):
        choices.append((bits if small else bits * _SLOWER, GRID, functools.partial(_same, grid)))
    if words.itemsize > 1 and len(some) - np.count_nonzero(some) > len(some) // _SPARSE:
        sparse = _pack_sparse(words, kind, small)
        if all(8 * len(sparse.head) < bits for bits, _, _ in choices):
            return sparse
    _, method, make = min(choices, key=lambda choice: choice[0])
    best = make()
    writer = Writer()
    if method == GRID:
        blocks = best.encode_all(words, _element(kind))
    elif method == PLANES:
        blocks = _workers.each(lambda block: best.encode(words[block]), _symbols.blocks(len(words)))
    else:
        blocks = _workers.each(lambda block: best.encode(words[block], block), _symbols.blocks(len(words), best.block))
    best.write(writer)
    return Packed(method, bytes(writer.data), blocks)


def _made(plan: Callable[..., Any], *args: Any) -> Any:
    """What a plan for these arguments makes."""
    return plan(*args)[0]()


def _same(coder: Any) -> Any:
    return coder


def _sample(words: np.ndarray) -> np.ndarray:
    """Some of the words, in runs of neighbours."""
    runs = len(words) // _RUN
    if runs <= 2 * _RUNS:
        return words
    chosen = np.linspace(0, runs - 1, _RUNS).astype(int)
    return words[: runs * _RUN].reshape(runs, _RUN)[chosen].ravel()


def _sizes(words: np.ndarray, kind: Kind) -> np.ndarray:
    """The absolute values of floats of any layout, float32."""
    if kind.layout == (8, 7):
        return ((words & 0x7FFF).astype(np.uint32) << 16).view(np.float32)
    with np.errstate(all="ignore"):
        return np.abs(words.view(_element(kind))).astype(np.float32)


def _pack_sparse(words: np.ndarray, kind: Kind, small: bool) -> Packed:
    there = words != 0
    writer = Writer()
    _planes.write_all(writer, np.packbits(there, bitorder="little"))
    rest = words[there]
    writer.number(len(rest))
    write(writer, pack(rest.view(_element(kind)), small))
    return Packed(SPARSE, bytes(writer.data), [])


@functools.cache
def _element(kind: Kind) -> np.dtype:
    """A dtype of one word with this layout."""
    if kind.layout is None:
        return kind.word
    return next(d for d in DTYPES if d.kind != "c" and _LAYOUTS.get(d.name) == tuple(kind.layout))


def write(writer: Writer, packed: Packed) -> None:
    """Writes an array within other bytes."""
    writer.number(packed.method).sized(packed.head).number(len(packed.blocks))
    for block in packed.blocks:
        writer.block(block)


def read(reader: Reader, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """The inverse of `write`."""
    method, head = reader.number(DELTA), reader.sized()
    if method == SPARSE:
        raise damaged("a sparse array within a sparse array")
    blocks = [reader.sized() for _ in range(reader.number(reader.left))]
    unpacked = Unpacked(method, head, dtype, shape)
    unpacked.check_blocks(len(blocks))
    return unpacked.array(blocks.__getitem__)


class Unpacked:
    """An array that can be read, in parts or as a whole. Raises CodingError where nobody has written the bytes.

    `base` gives the array that was the base of this one.
    """

    def __init__(
        self,
        method: int,
        head: memoryview,
        dtype: np.dtype,
        shape: tuple[int, ...],
        base: Callable[[], np.ndarray] | None = None,
    ):
        self.dtype, self.shape, self.method = dtype, shape, method
        self._kind, self._n = kind_of(dtype), math.prod(shape) * kind_of(dtype).parts
        kind, reader = self._kind, Reader(head)
        self._coder: Any = None
        if method == PLANES:
            self._coder = _planes.Planes.read(reader, kind.word.itemsize, kind.layout is not None)
        elif method == GRID:
            self._coder = _grid.Grid.read(reader, self._n, kind.layout is not None, _element(kind))
        elif method in (RANKED, SCALED):
            if kind.layout is None or kind.layout.mantissa > 23:
                raise damaged("exponents of what are no floats")
            read = _ranked.Ranked.read if method == RANKED else functools.partial(_scaled.Scaled.read, n=self._n)
            self._coder = read(reader, kind.layout)
        elif method == DELTA:
            if base is None:
                raise damaged("a part of an array that has a base")
            self._coder = _delta.Delta.read(reader, words_of(base()), kind.layout)
        elif method == CONSTANT:
            self._coder = np.frombuffer(reader.take(kind.word.itemsize), kind.word)
        elif method == SPARSE:
            self._coder = reader.take(reader.left)
        reader.close()

    def check_blocks(self, count: int) -> None:
        """Raises CodingError if the array has another number of blocks."""
        expected = 0 if self.method in (CONSTANT, SPARSE) else -(-self._n // self._length)
        if count != expected:
            raise damaged(f"{count} blocks of an array that has {expected}")

    @property
    def _length(self) -> int:
        """How many words are coded together."""
        return self._coder.block if self.method in (SCALED, GRID) else _symbols.BLOCK

    def array(self, block: Callable[[int], memoryview]) -> np.ndarray:
        """The whole array; `block` gives the bytes of a block."""
        return self.words(block, 0, self._n).view(self.dtype).reshape(self.shape)

    def needed(self, begin: int, end: int) -> range:
        """The blocks that hold the words from one place to another."""
        if self.method in (CONSTANT, SPARSE):
            return range(0)
        return range(begin // self._length, -(-end // self._length))

    def words(self, block: Callable[[int], memoryview], begin: int, end: int) -> np.ndarray:
        """The words from one place to another."""
        kind = self._kind
        if self.method == CONSTANT:
            return np.full(end - begin, self._coder[0], kind.word)
        if self.method == SPARSE:
            return self._sparse()[begin:end]
        words = np.empty(end - begin, kind.word)
        length = self._length

        def read_block(k: int) -> None:
            place = slice(k * length, min((k + 1) * length, self._n))
            first, last = max(begin, place.start), min(end, place.stop)
            into = words[first - begin : last - begin]
            if len(into) == place.stop - place.start:
                self._block(block(k), place, into)
            else:
                part = np.empty(place.stop - place.start, kind.word)
                self._block(block(k), place, part)
                into[:] = part[first - place.start : last - place.start]

        _workers.each(read_block, self.needed(begin, end))
        return words

    def _block(self, data: memoryview, place: slice, words: np.ndarray) -> None:
        if self.method == RAW:
            reader = Reader(data)
            words[:] = np.frombuffer(reader.take(words.nbytes), words.dtype)
            reader.close()
        elif self.method == PLANES:
            self._coder.decode(data, words)
        else:
            self._coder.decode(data, place, words)

    def _sparse(self) -> np.ndarray:
        reader = Reader(self._coder)
        mask = _planes.read_all(reader, -(-self._n // 8), np.dtype(np.uint8))
        there = np.unpackbits(mask, count=self._n, bitorder="little").view(np.bool_)
        count = reader.number(self._n)
        if count != np.count_nonzero(there):
            raise damaged("the elements of a sparse array are not those of its mask")
        words = np.zeros(self._n, self._kind.word)
        words[there] = read(reader, _element(self._kind), (count,)).view(self._kind.word)
        reader.close()
        return words
