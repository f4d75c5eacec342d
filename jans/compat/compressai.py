"""The entropy coder of CompressAI 1.2.8 (`compressai.ans` and `compressai._CXX`), byte for byte:
`docs/compressai.md`.

>>> from jans.compat import compressai
>>> cdfs = [compressai.pmf_to_quantized_cdf([0.25, 0.5, 0.125, 0.125], 16)]
>>> data = compressai.RansEncoder().encode_with_indexes([-1, 0, 0, 700], [0, 0, 0, 0], cdfs, [5], [-1])
>>> len(data)
8
>>> compressai.RansDecoder().decode_with_indexes(data, [0, 0, 0, 0], cdfs, [5], [-1])
[-1, 0, 0, 700]
"""

import functools
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jans import _inputs
from jans._variants import RANS
from jans.compat import _tables
from jans.ffi import host
from jans.formats import _in_place
from jans.status import OVERFLOW, SENTENCES, CodingError, sentence

PRECISION = 16
DIGIT_BITS = 4
_VARIANT = RANS["rans64_ryg"]
_NUMBERS = struct.Struct("=Qii")
"""What a stream is apart from its words: its head, the number of its words, and its status."""
_LAYOUT = host.Layout(("I", 1, 1, 2), 0, ("i", 1), ("i", 1))
"""How these numbers and the words are the arrays of a batch of one stream."""
_HEAD = struct.Struct("<Q")
_WORD = np.dtype("<u4")


def pmf_to_quantized_cdf(pmf: Any, precision: int) -> list[int]:
    """Probabilities as cumulative frequencies; every symbol gets a frequency of at least 1.

    Args:
        pmf: a list or an array of floats [n], which are converted to float32.
        precision: 1 to 31 bits.

    Returns:
        n + 1 ints, rising from 0 to 2**precision, equal to those of `jans.quantize.nearest` with
        `ties="away"`.
    """
    values = np.asarray(_inputs.numbers("pmf", pmf)).astype(np.float32)
    if values.ndim != 1:
        raise ValueError(f"pmf must be one axis of probabilities, got shape {values.shape}.")
    cdf = _tables.nearest(values, precision, ties="away").tolist()
    if cdf[0] != 0:
        raise ValueError(
            f"pmf must hold finite probabilities that are not negative, one of them 2**-{precision + 1} or more, so "
            f"that not all are zero with {precision} bits."
        )
    return cdf


class _Table(NamedTuple):
    """The rows of a call, as functions that push and pop: of the arrays of a stream, symbols [1, n] and indexes [1, n].

    They return the status.
    """

    row_count: int
    push: Callable[[Any, np.ndarray, np.ndarray], int]
    pop: Callable[[Any, np.ndarray, np.ndarray], int]


def _make_table(cdfs: Any, sizes: Any, offsets: Any) -> _Table:
    given = _tables.rows("cdfs", cdfs), _tables.integers("cdfs_sizes", sizes), _tables.integers("offsets", offsets)
    rows = _tables.completed(*given, PRECISION, DIGIT_BITS).prepared()
    kernel = functools.partial(host.kernel, variant=_VARIANT.number, **rows.attributes)
    (push_kind, before_push, after_push), (pop_kind, before_pop, after_pop) = rows.push, rows.pop
    push = kernel(f"rans_push_{push_kind}")
    pop = kernel(f"rans_pop_{pop_kind}", undo=sum(SENTENCES))  # a pop that fails leaves the stream as it was
    return _Table(
        rows.row_count,
        lambda stream, symbols, index: push(stream, symbols, *before_push, index, *after_push),
        lambda stream, symbols, index: pop(stream, *before_pop, index, *after_pop, symbols),
    )


_table = _tables.Kept(_make_table)


def _places(name: str, value: Any) -> np.ndarray:
    found = _tables.integers(name, value)
    if found.ndim != 1:
        raise ValueError(f"{name} must be one axis of integers, got shape {found.shape}.")
    return found[None]


def _indexes(value: Any, table: _Table) -> np.ndarray:
    return _tables.check_indexes(_places("indexes", value), table.row_count)


_Item = tuple[_Table, np.ndarray, np.ndarray]


def _item(symbols: Any, indexes: Any, *table_arguments: Any) -> _Item:
    """What `_encode` takes, from the arguments of a call."""
    table = _table(*table_arguments)
    found, rows = _places("symbols", symbols), _indexes(indexes, table)
    if found.shape != rows.shape:
        raise ValueError(f"symbols and indexes must be of one length, got {found.size} and {rows.size}.")
    return table, found, rows


def _encode(items: Sequence[_Item]) -> bytes:
    """The message of all items; the first symbol of the first item is decoded first."""
    capacity = sum(symbols.shape[1] for _, symbols, _ in items) * PRECISION // 32 + _in_place.SPARE_WORDS
    while True:
        numbers, words = bytearray(_NUMBERS.pack(_VARIANT.lower, 0, 0)), np.empty((1, capacity), np.uint32)
        stream = _LAYOUT(numbers, words)
        for table, symbols, rows in reversed(items):
            if symbols.size:
                table.push(stream, symbols, rows)
        head, size, status = _NUMBERS.unpack(numbers)
        if status == 0:
            # Messages of CompressAI have the words in the order of reading.
            return _HEAD.pack(head) + words[0, size - 1 :: -1][:size].astype(_WORD, copy=False).tobytes()
        if status != OVERFLOW:
            raise CodingError(sentence(status, size, capacity))
        capacity = size  # which counts the words without room


class BufferedRansEncoder:
    """Encodes the symbols of many calls as one message."""

    def __init__(self) -> None:
        self._items: list[_Item] = []

    def encode_with_indexes(self, symbols: Any, indexes: Any, cdfs: Any, cdfs_sizes: Any, offsets: Any) -> None:
        """Stores symbols until `flush`.

        Args:
            symbols: integers [n], a list or an array.
            indexes: integers [n], the row of each symbol.
            cdfs: integers [K, entries], or a list of lists of any lengths: rows that rise from 0 to 2**16.
            cdfs_sizes: integers [K], the number of entries of each row that count. The last symbol of a row
                is the escape symbol for all values outside of the row.
            offsets: integers [K], the value of the first symbol of each row.
        """
        table, found, rows = _item(symbols, indexes, cdfs, cdfs_sizes, offsets)
        self._items.append((table, found.copy(), rows.copy()))

    def flush(self) -> bytes:
        """The message of all calls since the last `flush`;
        the first symbol of the first call is decoded first."""
        items, self._items = self._items, []
        return _encode(items)


class RansEncoder:
    """Encodes a message in one call."""

    def encode_with_indexes(self, symbols: Any, indexes: Any, cdfs: Any, cdfs_sizes: Any, offsets: Any) -> bytes:
        """The message as bytes. Arguments are those of `BufferedRansEncoder.encode_with_indexes`."""
        return _encode([_item(symbols, indexes, cdfs, cdfs_sizes, offsets)])


class RansDecoder:
    """Decodes messages, in one call or step by step."""

    def __init__(self) -> None:
        self._stream: Any = None

    def set_stream(self, encoded: bytes) -> None:
        """Sets the message for `decode_stream`.

        Raises:
            CodingError: if the bytes are no message.
        """
        data = bytes(_inputs.data("encoded", encoded))
        if len(data) < _HEAD.size or len(data) % _WORD.itemsize:
            raise CodingError(
                f"encoded has {len(data)} bytes, and a message has {_HEAD.size} or more, a multiple of "
                f"{_WORD.itemsize}. It is cut short, or is no message of CompressAI."
            )
        (head,) = _HEAD.unpack_from(data)
        if not _VARIANT.lower <= head < 1 << _VARIANT.top_bits:
            raise CodingError(
                "encoded begins with a head out of its range. It is damaged, or no message of CompressAI."
            )
        words = np.frombuffer(data, _WORD, offset=_HEAD.size)[None, ::-1].astype(np.uint32, "C")
        numbers = bytearray(_NUMBERS.pack(head, words.size, 0))
        self._stream = _LAYOUT(numbers, words)

    def decode_stream(self, indexes: Any, cdfs: Any, cdfs_sizes: Any, offsets: Any) -> Any:
        """Decodes the next symbols of the message.

        Args:
            indexes: integers [n], the row of each symbol.
            cdfs, cdfs_sizes, offsets: as for `BufferedRansEncoder.encode_with_indexes`.

        Returns:
            A list of ints if the indexes are a list, otherwise an array, int32 [n].

        Raises:
            CodingError: if the message cannot hold these symbols. The decoder then stays where it was.
        """
        if self._stream is None:
            raise ValueError("there is no message to decode from. Give one with set_stream.")
        table = _table(cdfs, cdfs_sizes, offsets)
        rows = _indexes(indexes, table)
        symbols = np.empty(rows.shape, np.int32)
        status = table.pop(self._stream, symbols, rows) if symbols.size else 0
        if status:
            raise CodingError(sentence(status, 0, 0))
        return symbols[0].tolist() if isinstance(indexes, list | tuple) else symbols[0]

    def decode_with_indexes(self, encoded: bytes, indexes: Any, cdfs: Any, cdfs_sizes: Any, offsets: Any) -> Any:
        """The first symbols of a message. Arguments are those of `decode_stream`."""
        decoder = RansDecoder()
        decoder.set_stream(encoded)
        return decoder.decode_stream(indexes, cdfs, cdfs_sizes, offsets)
