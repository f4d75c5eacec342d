"""Arrays and trees of arrays as bytes that need nothing else to be read; docs/format.md specifies them."""

import functools
import math
import os
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from jans import _inputs
from jans.archive import _arrays, _tree, _workers
from jans.archive._wire import Block, Reader, Writer, damaged
from jans.status import CodingError

MAGIC = b"JANP"
VERSION = 1
LEVELS = ("fast", "small")
DTYPES = _arrays.DTYPES
name_of = _tree.name_of
_MAX_RANK = 32
_CHECKSUM = 4
"""The number of bytes of a checksum."""
_FRONT = len(MAGIC) + 1 + 10
"""The most bytes in front of the header."""
_PADDING, _MOST = 2**12, 2**30
"""By default, arrays may have so many bytes for each byte of an archive, and so many more."""


def pack(tree: Any, level: str = "fast", *, base: Any = None) -> bytes:
    """An array, or a tree of arrays, as bytes that need nothing else to be read.

    Every bit of every array comes back, those of NaN and -0 too. The arrays are only read.

    Args:
        tree: arrays of NumPy or JAX, of integers, bools, floats (also bfloat16 and those of 8 bits) or complex
            numbers; None, numbers, strings and bytes; and lists, tuples, dicts with keys that are strings or integers,
            named tuples, dataclasses, and all other containers that JAX knows.
        level: "fast", or "small", which takes several times as long and finds more: scales of rows and columns of
            floats, and bytes that depend on each other.
        base: a similar tree that the reader will have too, such as the same weights some steps before, or an `Archive`
            of one. Arrays with the same path, dtype and shape are packed as their difference where that is shorter.

    Returns:
        The bytes: about 67 % of weights in bfloat16, and never more than 0.1 % and 64 bytes above the array.

    Raises:
        TypeError: for what is no such tree; the text names its place.
        ValueError: for another level, or a tree of more than 100 containers in each other.

    >>> weights = {"kernel": np.linspace(-1, 1, 6000, dtype=np.float32).reshape(60, 100), "steps": 3}
    >>> data = pack(weights, "small")
    >>> sorted(unpack(data)), len(data) < 24_000
    (['kernel', 'steps'], True)
    """
    return b"".join(pack_in_parts(tree, level, base))


def pack_in_parts(
    tree: Any, level: str, base: Any = None, report: Callable[[int], None] = lambda count: None
) -> list[Any]:
    """As `pack`: the bytes in parts, for a file. After each array it calls `report` with the number of its bytes."""
    if not isinstance(level, str) or level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}, got {level!r}.")
    payload: list[Any] = []
    bases = _bases(base)

    def put(writer: Writer, array: np.ndarray, path: tuple[str, ...]) -> None:
        if array.ndim > _MAX_RANK:
            raise ValueError(f"tree has an array of {array.ndim} axes; {_MAX_RANK} are the most. Reshape it.")
        packed = _arrays.pack(array, level == "small", _base_of(array, bases.get(_tree.name_of(path))))
        writer.number(_arrays.DTYPES.index(array.dtype)).number(array.ndim)
        for length in array.shape:
            writer.number(length)
        writer.number(packed.method).number(len(packed.blocks))
        every = [[packed.head], *packed.blocks]
        for parts, checksum in zip(every, _workers.each(_sum, every), strict=True):
            writer.number(sum(map(len, parts))).data.extend(checksum)
            payload.extend(parts)
        report(array.nbytes)

    header = Writer()
    _tree.write(header, tree, put)
    front = Writer()
    front.data += MAGIC
    front.number(VERSION).sized(header.data).data.extend(_sum([header.data]))
    return [front.data, *payload]


def leaves_of(tree: Any) -> tuple[dict[str, Any], Any]:
    """The leaves of a tree of any classes that JAX knows, by name, and its structure."""
    pairs, structure = jax.tree_util.tree_flatten_with_path(tree)
    name = lambda keys: name_of([jax.tree_util.keystr((key,), simple=True) for key in keys])
    return {name(keys): part for keys, part in pairs}, structure


def arrays_of(tree: Any) -> dict[str, np.ndarray]:
    """The arrays of a tree that `pack` takes, by the names that they have in an `Archive`."""
    return _tree.arrays(tree)


def _bases(base: Any) -> Mapping[str, Any]:
    """The arrays of a base by name, or their leaves if it is an `Archive`."""
    return base if isinstance(base, Archive) else {} if base is None else arrays_of(base)


def _base_of(array: Any, found: Any) -> np.ndarray | None:
    """What was found under the name of an array in a base, if it fits."""
    if not isinstance(found, np.ndarray | Leaf) or (found.dtype, found.shape) != (array.dtype, array.shape):
        return None
    return found[...]


def _sum(parts: Block) -> bytes:
    return functools.reduce(lambda value, part: zlib.crc32(part, value), parts, 0).to_bytes(_CHECKSUM, "little")


class _Memory:
    """Bytes in memory."""

    def __init__(self, data: memoryview):
        self._data, self.size = data, len(data)

    def read(self, place: int, length: int) -> memoryview:
        """The bytes from a place on, or as many as there are."""
        return self._data[place : place + length]


class _File:
    """A file, which is read where it is needed: a mapped one would end the process if another one cuts it."""

    def __init__(self, path: Any):
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)
        self.size = os.fstat(self._descriptor).st_size

    def read(self, place: int, length: int) -> memoryview:
        """The bytes from a place on, or as many as there are."""
        parts, missing = [], min(length, max(0, self.size - place))
        while missing and (part := os.pread(self._descriptor, missing, place)):
            parts.append(part)
            place, missing = place + len(part), missing - len(part)
        return memoryview(parts[0] if len(parts) == 1 else b"".join(parts))


class Missing(Exception):  # noqa: N818, not an error for a user
    """Raised by a source that has not got these bytes yet."""


class Parts:
    """Parts of an archive that are somewhere else, as far as they have been fetched. Its size is not known."""

    size = None

    def __init__(self) -> None:
        self._there: dict[int, memoryview] = {}

    def add(self, place: int, data: Any) -> None:
        """Adds the bytes from a place on."""
        self._there[place] = memoryview(data)

    def read(self, place: int, length: int) -> memoryview:
        """The bytes from a place on."""
        for start, data in self._there.items():
            if start <= place and place + length <= start + len(data):
                return data[place - start : place - start + length]
        raise Missing(place, length)


class Leaf:
    """An array of an `Archive`, of which nothing has been read yet.

    Indexing reads the blocks that it needs: `leaf[10:20]` for rows, `leaf[...]` for all.

    Attributes:
        shape, dtype: those of the array.
        stored: how many bytes of the archive it takes.
    """

    def __init__(
        self, source: Any, place: int, dtype: np.dtype, shape: tuple[int, ...], method: int, parts: Any, base: Any
    ):
        self.shape, self.dtype, self._method, self._base = shape, dtype, method, base
        self._source, self._parts = source, []
        for length, checksum in parts:
            self._parts.append((place, length, checksum))
            place += length
        self.stored = sum(length for length, _ in parts)
        self._unpacked: _arrays.Unpacked | None = None

    @property
    def nbytes(self) -> int:
        """How many bytes the array has."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"Leaf(shape={self.shape}, dtype={self.dtype.name}, stored={self.stored})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[...], dtype)

    def __getitem__(self, index: Any) -> np.ndarray:
        """Rows, or everything: an index or a slice of the first axis reads only the blocks that have it."""
        begin, end, chosen = self._rows(index)
        part = self._read(begin, end)
        return part if chosen is Ellipsis else part[chosen]

    def places(self, index: Any = ...) -> list[tuple[int, int]]:
        """The parts of the archive that `leaf[index]` reads, each its place and its length.

        If the source lacks the first of them, the head of the array, this is all that it returns.
        """
        begin, end, _ = self._rows(index)
        try:
            found = self._open()
        except Missing:
            return [self._parts[0][:2]]
        row = self._row
        return [self._parts[k][:2] for k in (0, *(1 + block for block in found.needed(begin * row, end * row)))]

    def _rows(self, index: Any) -> tuple[int, int, Any]:
        """The rows to read, and the index of what is wanted among them."""
        first, *others = index if isinstance(index, tuple) and index else (index,)
        if not self.shape or not isinstance(first, int | np.integer | slice) or isinstance(first, bool):
            return 0, self.shape[0] if self.shape else 1, index
        length = self.shape[0]
        if not isinstance(first, slice):
            begin = int(first) + (length if first < 0 else 0)
            if not 0 <= begin < length:
                raise IndexError(f"row {first} of an array with {length}.")
            return begin, begin + 1, (0, *others)
        begin, end, step = first.indices(length)
        if step < 0:
            begin, end = (end + 1, begin + 1) if begin > end else (0, 0)
        return begin, max(begin, end), (slice(None, None, step), *others)

    @property
    def _row(self) -> int:
        """How many words a row has."""
        return math.prod(self.shape[1:]) * (2 if self.dtype.kind == "c" else 1)

    def _read(self, begin: int, end: int) -> np.ndarray:
        words = self._open().words(lambda k: self._part(k + 1), begin * self._row, end * self._row)
        shape = (end - begin, *self.shape[1:]) if self.shape else ()
        return words.view(self.dtype).reshape(shape)

    def _open(self) -> _arrays.Unpacked:
        if self._unpacked is None:
            found = _arrays.Unpacked(self._method, self._part(0), self.dtype, self.shape, self._get_base)
            found.check_blocks(len(self._parts) - 1)
            self._unpacked = found
        return self._unpacked

    def _get_base(self) -> np.ndarray:
        found = _base_of(self, self._base)
        if found is None:
            raise CodingError(
                f"an array of {self.dtype} {self.shape} was packed as its difference to a base. Pass the tree that "
                "jans.pack was given as base."
            )
        return found

    def _part(self, k: int) -> memoryview:
        place, length, checksum = self._parts[k]
        part = self._source.read(place, length)
        if len(part) < length or _sum([part]) != checksum:
            raise CodingError("these bytes are damaged: a checksum does not match. Fetch them again.")
        return part


class Archive(Mapping):
    """A packed tree whose arrays are read one by one: the result of `jans.open`.

    A mapping from paths, such as "layer/kernel", to leaves: a `Leaf` for an array, and all other leaves as they are.
    The path of an array alone is "". A slash in a key is "~1" in a path, and a tilde "~0".

    >>> import jans
    >>> archive = jans.open(jans.pack({"kernel": np.arange(6).reshape(3, 2), "steps": [10, 20]}))
    >>> dict(archive)
    {'kernel': Leaf(shape=(3, 2), dtype=int64, stored=48), 'steps/0': 10, 'steps/1': 20}
    >>> archive["kernel"][1]
    array([2, 3])
    """

    def __init__(self, source: Any, limit: int | None, base: Any = None):
        self._source, self._bases, front = source, _bases(base), source.read(0, _FRONT)
        if bytes(front[: len(MAGIC)]) != MAGIC:
            raise CodingError(
                f"these bytes are not from jans.pack: they begin with {bytes(front[:4])!r} and not with {MAGIC!r}."
            )
        reader = Reader(front)
        reader.take(len(MAGIC))
        version = reader.number()
        if version != VERSION:
            raise CodingError(f"these bytes have version {version}; this jans reads version {VERSION}. Update jans.")
        length = reader.number()
        self._start = reader.at + length + _CHECKSUM
        reader = Reader(source.read(reader.at, length + _CHECKSUM))
        self._header = reader.take(length)
        if _sum([self._header]) != bytes(reader.take(_CHECKSUM)):
            raise CodingError("these bytes are damaged: the checksum of the header does not match. Fetch them again.")
        self._leaves: dict[str, Any] = {}
        letters, longest = 0, 2**20 + 64 * len(self._header)
        for path, leaf in _tree.leaves(self._tree(lambda leaf: leaf, None)):
            letters += sum(map(len, path))
            if letters > longest:
                raise damaged(f"paths of more than {longest} letters")
            self._leaves[_tree.name_of(path)] = leaf
        total = sum(leaf.nbytes for leaf in self._leaves.values() if isinstance(leaf, Leaf))
        most = _PADDING * source.size + _MOST if limit is None else limit
        if most < 0:
            raise ValueError(f"limit must be 0 or more, got {limit}.")
        if total > most:
            raise CodingError(
                f"these bytes hold arrays of {total} bytes, more than the limit of {most}. Pass limit={total} if you "
                "trust them."
            )

    def _tree(self, get: Any, types: Mapping[str, type] | None) -> Any:
        """The tree with `get(leaf)` in place of each array; objects are dicts where there are no types."""
        place, reader = self._start, Reader(self._header)

        def read(reader: Reader, path: tuple[str, ...]) -> Any:
            nonlocal place
            dtype = _arrays.DTYPES[reader.number(len(_arrays.DTYPES) - 1)]
            shape = tuple(reader.number() for _ in range(reader.number(_MAX_RANK)))
            if math.prod(max(length, 1) for length in shape) * dtype.itemsize >= 2**62:
                raise damaged(f"an array of shape {shape}")
            method = reader.number(_arrays.DELTA)
            count = 1 + reader.number(reader.left)
            parts = [(reader.number(), bytes(reader.take(_CHECKSUM))) for _ in range(count)]
            leaf = Leaf(self._source, place, dtype, shape, method, parts, self._bases.get(_tree.name_of(path)))
            place += leaf.stored
            return get(leaf)

        tree = _tree.read(reader, read, types)
        reader.close()
        if self._source.size is not None and place != self._source.size:
            what = "cut short" if place > self._source.size else "longer than they should be"
            raise CodingError(f"these bytes are {what}: {place} are needed, {self._source.size} are there.")
        return tree

    def __getitem__(self, path: str) -> Any:
        if path not in self._leaves:
            known = ", ".join(map(repr, list(self._leaves)[:8]))
            raise KeyError(f"there is no leaf {path!r}. There are {known}{', ...' if len(self._leaves) > 8 else ''}.")
        return self._leaves[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._leaves)

    def __len__(self) -> int:
        return len(self._leaves)

    def __repr__(self) -> str:
        return f"Archive({len(self)} leaves, {self._source.size} bytes)"

    def tree(self, *, like: Any = None, types: Iterable[type] = ()) -> Any:
        """All of it; see `unpack`."""
        types = _inputs.each(_inputs.class_)("types", types)
        if like is None:
            return self._tree(lambda leaf: leaf[...], {kind.__qualname__: kind for kind in types})
        wanted, structure = leaves_of(like)
        there = {name for name, leaf in self._leaves.items() if leaf is not None}
        if wanted.keys() - there:
            name = min(wanted.keys() - there)
            raise CodingError(f"these bytes have no leaf {name!r}, but like has one. Pass a tree like the packed one.")
        if there - wanted.keys():
            name = min(there - wanted.keys())
            raise CodingError(f"like has no leaf {name!r}, but these bytes have one. Pass a tree like the packed one.")
        found = []
        for name, part in wanted.items():
            leaf = self._leaves[name]
            shape = leaf.shape if isinstance(leaf, Leaf) else ()
            if shape != np.shape(part):
                raise CodingError(f"what is packed at {name!r} has shape {shape}, and {np.shape(part)} in like.")
            value = leaf[...] if isinstance(leaf, Leaf) else leaf
            found.append(value[()] if isinstance(part, np.generic) and isinstance(value, np.ndarray) else value)
        return jax.tree_util.tree_unflatten(structure, found)


@_inputs.door(limit=_inputs.whole_or_none)
def unpack(
    data: Any, *, base: Any = None, like: Any = None, types: Iterable[type] = (), limit: int | None = None
) -> Any:
    """The tree that `pack` was given, with arrays of NumPy.

    Args:
        data: the bytes, in any form that holds them in memory, or the path of a file that has them.
        base: what `pack` was given as base.
        like: a tree of the same structure, whose arrays are replaced. It brings back containers of any class.
        types: the classes of the named tuples and dataclasses in the tree.
        limit: the most bytes of all arrays together; by default 1 GiB, and 4096 for each byte of the data.

    Raises:
        CodingError: for bytes that are foreign, damaged, cut short or of a later version; for objects of classes that
            are not in `types`; for arrays beyond the limit; and for another base.

    >>> unpack(pack([np.arange(3, dtype=np.uint8), "names"]))
    [array([0, 1, 2], dtype=uint8), 'names']
    """
    return open(data, base=base, limit=limit).tree(like=like, types=types)


@_inputs.door(limit=_inputs.whole_or_none)
def open(data: Any, *, base: Any = None, limit: int | None = None) -> Archive:
    """Opens a packed tree, to read single arrays or parts of them.

    Args:
        data, base, limit: as for `unpack`. Of a file, only what is needed is read.

    Returns:
        A mapping from paths such as "layer/kernel" to leaves.

    Raises:
        CodingError: as for `unpack`, but damaged arrays are noticed where they are read.

    >>> archive = open(pack({"layer": {"kernel": np.zeros((1000, 8), np.float32)}, "steps": 3}))
    >>> archive["layer/kernel"]
    Leaf(shape=(1000, 8), dtype=float32, stored=4)
    >>> archive["layer/kernel"][10:12].shape, archive["steps"]
    ((2, 8), 3)
    """
    if isinstance(data, str | os.PathLike):
        return Archive(_File(data), limit, base)
    return Archive(_Memory(_inputs.data("data", data)), limit, base)
