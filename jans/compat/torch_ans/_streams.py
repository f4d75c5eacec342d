"""Streams in int32 arrays, as torch_ans lays them out, which push and pop update in place.

A row of an array [streams, length] is a stream: the number of its bytes, and these bytes as in `jans.byte_strings`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jans import _inputs
from jans._checks import brief, max_bypass_bits, type_name
from jans.compat.torch_ans._families import Coder
from jans.compat.torch_ans._tensors import plain
from jans.formats import _in_place, byte_strings
from jans.status import CodingError

MAX_BYTES = 2**31 - 1
"""The largest number of bytes of a stream, because an int32 holds it."""


class Stream:
    """A batch of streams in an int32 array [streams, length] that grows when symbols are pushed.

    The first element of a row is the number of bytes of its stream. `numpy.asarray(stream)` is the array itself,
    until a push needs a longer one.
    """

    device = "cpu"

    def __init__(self, array: np.ndarray):
        self._array = array

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of streams, and the length of a row."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the elements, int32."""
        return self._array.dtype

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one number of it."""
        if dim is None:
            return self.shape
        if not isinstance(dim, int) or not -2 <= dim < 2:
            raise IndexError(f"dim must be -2 to 1, as a batch of streams has two axes, got {brief(dim)}.")
        return self.shape[dim]

    def numpy(self) -> np.ndarray:
        """The array itself, until a push needs a longer one."""
        return self._array

    def clone(self) -> "Stream":
        """A copy with an array of its own."""
        return Stream(self._array.copy())

    def cpu(self) -> "Stream":
        """This stream: all streams are in the memory of the host."""
        return self

    def to(self, *args: Any, **kwargs: Any) -> "Stream":
        """This stream, whatever device is asked for: all streams are int32 in the memory of the host."""
        return self

    def reserve(self, length: int) -> None:
        """Makes rows as long as this or longer, in a new array; the old array stays as it is."""
        streams, now = self.shape
        length = _inputs.whole("length", length)
        if length > now:
            array = np.zeros((streams, max(length, now * 3 // 2)), np.int32)
            array[:, :now] = self._array
            self._array = array

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, key: Any) -> Any:
        return self._array[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._array[key] = value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._array, dtype, copy=copy)

    def __repr__(self) -> str:
        return f"jans.compat.torch_ans.Stream({self._array!r})"


def _int32(stream: Any) -> np.ndarray:
    array = np.asarray(stream)
    if array.dtype != np.int32:
        raise TypeError(f"stream must be int32 [streams, length], got {array.dtype}. Make one with rans64_init_stream.")
    if array.ndim != 2 or array.shape[1] < 1:
        raise ValueError(f"stream must be [streams, length] with a length of 1 or more, got shape {array.shape}.")
    return array


def find_array(stream: Any) -> np.ndarray:
    """The array of a stream, or raises an error if it cannot be updated in place."""
    array = _int32(stream)
    if len(array) < 1:
        raise ValueError(f"stream must have a stream or more, got shape {array.shape}.")
    if not np.may_share_memory(array, np.asarray(stream)):
        raise TypeError(
            f"stream must be a Stream, an array or a tensor, which are updated in place, got {type_name(stream)}."
        )
    if not array.flags.carray:
        raise ValueError(
            "stream must be writable and C-contiguous, because it is updated in place. Pass numpy.array(stream)."
        )
    return array


def _bytes_of(array: np.ndarray) -> np.ndarray:
    """The bytes behind the length, uint8 [streams, bytes]."""
    return array.view(np.uint8)[:, 4:]


def _lengths(array: np.ndarray, head_bytes: int = 0, word_bytes: int = 1) -> np.ndarray:
    """The number of bytes of each stream; raises CodingError if it cannot be."""
    lengths, room = array[:, 0].astype(np.int64), 4 * (array.shape[1] - 1)
    bad = (lengths < head_bytes) | (lengths > room) | ((lengths - head_bytes) % word_bytes != 0)
    if bad.any():
        k = int(np.flatnonzero(bad)[0])
        raise CodingError(
            f"stream {k} of {len(array)} has {lengths[k]} bytes by its first element, which must be from {head_bytes} "
            f"to {room}, in whole words of {word_bytes}: it is damaged, or another coder wrote it."
        )
    return lengths


def to_strings(stream: Any) -> list[bytes]:
    """The bytes of each stream, without the length."""
    array = np.ascontiguousarray(_int32(plain(stream)))
    return [row[:n].tobytes() for row, n in zip(_bytes_of(array), _lengths(array).tolist(), strict=True)]


def from_strings(strings: Sequence[bytes]) -> Stream:
    """The inverse of `to_strings`; rows are as long as the longest string needs."""
    views = byte_strings.views_of(strings)
    longest = max(map(len, views), default=0)
    if longest > MAX_BYTES:
        raise ValueError(f"a stream has at most {MAX_BYTES} bytes, got a string of {longest}.")
    array = np.zeros((len(views), -(-longest // 4) + 1), np.int32)
    _write(array, [0] * len(views), views)
    return Stream(array)


def new(coder: Coder, streams: int, spare_bytes: int) -> Stream:
    """New streams, with room for so many bytes."""
    row = coder.new_row()
    array = np.zeros((streams, 1 + len(row) + spare_bytes // 4), np.int32)
    array[:, 0] = coder.head_bytes
    array[:, 1 : 1 + len(row)] = row.view(np.int32)
    return Stream(array)


def _write(array: np.ndarray, begins: Sequence[int], strings: Sequence[Any]) -> None:
    """Writes a string into each row from a byte on, where the stream then ends."""
    for row, begin, string in zip(_bytes_of(array), begins, strings, strict=True):
        row[begin : begin + len(string)] = np.frombuffer(string, np.uint8)
    array[:, 0] = [begin + len(string) for begin, string in zip(begins, strings, strict=True)]


def _read(coder: Coder, array: np.ndarray, words: int) -> tuple[list[int], list[bytes]]:
    """The heads of each stream with its last words, at most so many, and the number of bytes before these words."""
    size, word_bytes = coder.head_bytes, coder.layout_bits // 8
    lengths = _lengths(array, size, word_bytes)
    heads = coder.heads_of(array[:, 1 : 1 + size // 4].view(np.uint32))
    begins = np.maximum(size, lengths - words * word_bytes).tolist()
    parts = zip(heads, _bytes_of(array), begins, lengths.tolist(), strict=True)
    return begins, [head.tobytes() + row[begin:end].tobytes() for head, row, begin, end in parts]


def _replace(coder: Coder, array: np.ndarray, begins: Sequence[int], strings: Sequence[bytes]) -> None:
    """Writes back what `_read` gave, after it was changed."""
    size = coder.head_bytes
    _write(array, begins, [memoryview(string)[size:] for string in strings])
    heads = b"".join(string[:size] for string in strings)
    array[:, 1 : 1 + size // 4] = np.frombuffer(heads, np.int32).reshape(len(array), size // 4)


def push(coder: Coder, stream: Any, table: Any, symbols: np.ndarray, index: np.ndarray, may_grow: bool = True) -> None:
    """Pushes symbols [streams, n]; the stream stays as it is if this fails.

    Raises:
        CodingError: if a symbol has no code in its row, or the stream is damaged.
        ValueError: if the stream is too short and cannot grow.
    """
    array = find_array(stream)
    if symbols.ndim != 2 or len(symbols) != len(array):
        raise ValueError(
            f"symbols must be [streams, n] with the {len(array)} streams of stream, got shape {symbols.shape}."
        )
    begins, heads = _read(coder, array, words=0)
    strings = _in_place.encode(coder, [(table, symbols, index)], onto=heads)
    length = max(begin + len(string) for begin, string in zip(begins, strings, strict=True)) - coder.head_bytes
    if length > MAX_BYTES:
        raise ValueError(f"a stream has at most {MAX_BYTES} bytes, and would have {length}. Use more streams.")
    needed = -(-length // 4) + 1
    if may_grow and isinstance(stream, Stream):
        stream.reserve(needed)
        array = stream.numpy()
    if needed > array.shape[1]:
        raise ValueError(
            f"stream has rows of {array.shape[1]} elements, and these symbols need {needed}. Pass a longer array, or a "
            "Stream, which grows: rans64_init_stream makes one."
        )
    _replace(coder, array, begins, strings)


def pop(coder: Coder, stream: Any, table: Any, index: np.ndarray) -> np.ndarray:
    """Pops symbols, int32 of the shape of the index, [streams, n]; the stream stays as it is if this fails.

    Raises:
        CodingError: if the stream cannot hold these symbols.
    """
    array = find_array(stream)
    if index.ndim != 2 or len(index) != len(array):
        raise ValueError(
            f"indexes must be [streams, n] with the {len(array)} streams of stream, got shape {index.shape}."
        )
    # A pop reads at most the bits of its symbols, and one bit more for each, from the words; and a word for each lane.
    bits = index.shape[1] * (table.precision + max_bypass_bits(table.attributes["bypass_precision"]) + 1)
    begins, strings = _read(coder, array, -(-bits // coder.layout_bits) + coder.lanes)
    state, symbols = _in_place.decode(coder, coder.from_strings(strings), table, index, index.shape[1])
    _replace(coder, array, begins, coder.to_strings(state))
    return symbols
