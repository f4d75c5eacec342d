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

from typing import Any

import numpy as np

from jans import _inputs
from jans.compat import _tables
from jans.formats import _in_place

PRECISION = 16
DIGIT_BITS = 4
_CODER = _in_place.Rans("rans64_ryg", 1)
_HEAD_BYTES, _WORD_BYTES = 8, 4


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


def _make_model(cdfs: Any, sizes: Any, offsets: Any) -> Any:
    rows = _tables.rows("cdfs", cdfs), _tables.integers("cdfs_sizes", sizes), _tables.integers("offsets", offsets)
    return _tables.completed(*rows, PRECISION, DIGIT_BITS).prepared()


_model = _tables.Kept(_make_model)


def _places(name: str, value: Any) -> np.ndarray:
    found = _tables.integers(name, value)
    if found.ndim != 1:
        raise ValueError(f"{name} must be one axis of integers, got shape {found.shape}.")
    return found[None]


def _indexes(value: Any, model: Any) -> np.ndarray:
    return _tables.check_indexes(_places("indexes", value), model.row_count)


class BufferedRansEncoder:
    """Encodes the symbols of many calls as one message."""

    def __init__(self) -> None:
        self._items: list[tuple[Any, np.ndarray, np.ndarray]] = []

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
        model = _model(cdfs, cdfs_sizes, offsets)
        found = _places("symbols", symbols)
        rows = _indexes(indexes, model)
        if found.shape != rows.shape:
            raise ValueError(f"symbols and indexes must be of one length, got {found.size} and {rows.size}.")
        self._items.append((model, found, rows))

    def flush(self) -> bytes:
        """The message of all calls since the last `flush`;
        the first symbol of the first call is decoded first."""
        items, self._items = self._items, []
        if not items:
            items = [(_model([[0, 2**PRECISION]], [2], [0]), np.empty((1, 0), np.int32), np.empty((1, 0), np.int32))]
        return _turned(_in_place.encode(_CODER, items)[0])


class RansEncoder:
    """Encodes a message in one call."""

    def encode_with_indexes(self, symbols: Any, indexes: Any, cdfs: Any, cdfs_sizes: Any, offsets: Any) -> bytes:
        """The message as bytes. Arguments are those of `BufferedRansEncoder.encode_with_indexes`."""
        encoder = BufferedRansEncoder()
        encoder.encode_with_indexes(symbols, indexes, cdfs, cdfs_sizes, offsets)
        return encoder.flush()


class RansDecoder:
    """Decodes messages, in one call or step by step."""

    def __init__(self) -> None:
        self._states: Any = None

    def set_stream(self, encoded: bytes) -> None:
        """Sets the message for `decode_stream`.

        Raises:
            CodingError: if the bytes are no message.
        """
        self._states = _CODER.from_strings([_turned(bytes(_inputs.data("encoded", encoded)))])

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
        if self._states is None:
            raise ValueError("there is no message to decode from. Give one with set_stream.")
        model = _model(cdfs, cdfs_sizes, offsets)
        rows = _indexes(indexes, model)
        self._states, symbols = _in_place.decode(_CODER, self._states, model, rows, rows.size)
        return symbols[0].tolist() if isinstance(indexes, list | tuple) else symbols[0]

    def decode_with_indexes(self, encoded: bytes, indexes: Any, cdfs: Any, cdfs_sizes: Any, offsets: Any) -> Any:
        """The first symbols of a message. Arguments are those of `decode_stream`."""
        decoder = RansDecoder()
        decoder.set_stream(encoded)
        return decoder.decode_stream(indexes, cdfs, cdfs_sizes, offsets)


def _turned(string: bytes) -> bytes:
    """Reverses the order of the words.

    Messages of CompressAI have them in the order of reading, ours of pushing.
    """
    tail = string[_HEAD_BYTES:]
    if len(tail) % _WORD_BYTES:
        return string  # cut short; the function that counts heads and words reports it
    return string[:_HEAD_BYTES] + np.frombuffer(tail, "<u4")[::-1].tobytes()
