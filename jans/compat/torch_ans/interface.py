"""The high-level interface of torch_ans."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import brief
from jans.compat import _tables
from jans.compat.torch_ans import _streams
from jans.compat.torch_ans._families import FAMILIES, find_rows, integers, table_of
from jans.compat.torch_ans._lookups import check_flag
from jans.compat.torch_ans._tensors import is_tensor, maker, plain, tensor
from jans.formats import _in_place, byte_strings
from jans.models.bypass import LEFT_OUT

_NAMES = FAMILIES | {"rans_byte": FAMILIES["rans32"]}
"""The first name that an `impl` starts with is used."""
_TAIL_MASS = 1e-10
"""The frequency of the escape symbol, before the frequencies are normalised and quantised."""


def merge_bytes(data: Sequence[bytes], num_bytes_length: int = 4, num_segments: int | None = None) -> bytes:
    """Joins byte strings, each after its length, with `jans.byte_strings.merge`."""
    return byte_strings.merge(data, num_bytes_length, num_segments)


def split_merged_bytes(data: bytes, num_bytes_length: int = 4, num_segments: int | None = None) -> list[bytes]:
    """The inverse of `merge_bytes`: `jans.byte_strings.split`."""
    return byte_strings.split(data, num_bytes_length, num_segments)


def rans_pmf_to_quantized_cdf(pmfs: Any, precision: int = 16) -> Any:
    """Probabilities as cumulative frequencies, by `jans.quantize.nearest`;
    every symbol gets a frequency of at least 1.

    Args:
        pmfs: float32 or float64 [..., n].
        precision: bits of the frequencies.

    Returns:
        int32 [..., n + 1], rising from 0 to 2**precision.
    """
    values = np.asarray(plain(pmfs))
    if values.dtype not in (np.float32, np.float64) or values.ndim < 1:
        raise TypeError(f"pmfs must be float32 or float64 [..., n], got {values.dtype} of shape {values.shape}.")
    cdf = _tables.nearest(values, precision, ties="even")
    bad = cdf.reshape(-1, cdf.shape[-1])[:, 0] != 0
    if bad.any():
        raise ValueError(
            f"row {int(np.flatnonzero(bad)[0])} is no distribution: a value is negative, infinite or not a number, or "
            f"all are zero with {precision} bits."
        )
    return maker(pmfs)(cdf.astype(np.int32))


class _Item(NamedTuple):
    """What a call encodes, and whether its symbols came as a tensor."""

    model: Any
    symbols: np.ndarray
    rows: np.ndarray
    as_tensor: bool


class TorchANSInterface:
    """Codes integers as bytes, each with the row of a table that an index names,
    or with frequencies of its own.

    Args:
        impl: a name that starts with "rans64", "rans32", "rans32_16", "tans32", "tans16" or "tans8"; the end
            of the name does not matter.
        bypass_coding: whether to code values outside of their row too, with its last symbol as the escape
            symbol.
        bypass_precision: bits of each digit of bypass coding, 1 to 16.
        num_parallel_states: number of streams to spread symbols over. The default is one for encoding, and
            the number of strings for decoding. For `flush` and `encode_flush` it is the number of rows of the
            symbols encoded last.
        num_interleaves: number of states (lanes) of each stream.
        num_bytes_code_length: number of bytes of the length before each stream: 1, 2, 4 or 8.
        inverse_cdf_precision: None, "auto", or 1 to freq_precision; decoding is fast with any of them.
        alias_sampling: whether frequencies are in the order of alias tables, which changes the bytes; only
            for rANS.
        incremental_compile, symbol_precision, mode, dtype, device: have no effect here.
        freq_precision: bits of the frequencies. Larger values are reduced to the largest precision: 31 for
            "rans64", 23 for "rans32", 7 for "tans8", and 15 for the others.
        check_validity: whether to refuse negative indexes, which otherwise skip a symbol.
    """

    def __init__(
        self,
        impl: str = "rans64",
        bypass_coding: bool = True,
        bypass_precision: int = 4,
        num_parallel_states: int | None = None,
        num_interleaves: int = 1,
        num_bytes_code_length: int = 4,
        inverse_cdf_precision: int | str | None = None,
        alias_sampling: bool = False,
        incremental_compile: bool | None = None,
        symbol_precision: int = 8,
        freq_precision: int = 16,
        mode: str = "encdec",
        check_validity: bool = False,
        dtype: Any = np.int32,
        device: Any = None,
    ):
        if not isinstance(impl, str):
            raise TypeError(f"impl must be a string, got {brief(impl)}.")
        name = next((name for name in _NAMES if impl.startswith(name)), None)
        if name is None:
            raise NotImplementedError(f"impl must begin with one of {', '.join(_NAMES)}, got {impl!r}.")
        family = _NAMES[name]
        if _inputs.whole("num_interleaves", num_interleaves) not in family.interleaves:
            raise NotImplementedError(
                f"num_interleaves must be one of {family.interleaves} for impl {impl!r}, got {num_interleaves}."
            )
        self.impl, self.alias_sampling = impl, check_flag("alias_sampling", alias_sampling)
        self.freq_precision = min(_inputs.whole("freq_precision", freq_precision), family.precision)
        if self.alias_sampling and not family.variant:
            raise NotImplementedError(f"alias sampling is for rANS, got impl {impl!r}. Leave alias_sampling=False.")
        self.bypass_coding, self.bypass_precision = check_flag("bypass_coding", bypass_coding), bypass_precision
        self.num_parallel_states = _inputs.whole_or_none("num_parallel_states", num_parallel_states)
        self.num_interleaves = int(num_interleaves)
        self.num_bytes_code_length = num_bytes_code_length
        self.check_validity = check_flag("check_validity", check_validity)
        _check_lookup(inverse_cdf_precision, self.freq_precision)
        if num_parallel_states is not None and num_parallel_states < 1:
            raise ValueError(f"num_parallel_states must be 1 or more, got {num_parallel_states}.")
        byte_strings.merge([], num_bytes_code_length)  # raises for an invalid number of bytes
        self._coder = family.coder(self.freq_precision, self.num_interleaves)
        self._encode_queue: list[_Item] = []
        self._model: Any = None
        self._states: Any = None

    # ---- tables ----

    def init_params(self, freqs: Any, num_freqs: Any, offsets: Any) -> None:
        """Sets the tables, from frequencies or probabilities that need not sum to one.

        Args:
            freqs: integers or floats [K, n]; float64 is computed as float64, everything else as float32.
            num_freqs: integers [K], the number of symbols in each row.
            offsets: integers [K], the value of the first symbol of each row.
        """
        self.set_cdfs(*self._quantised(freqs, num_freqs, offsets))

    def set_cdfs(self, cdfs: Any, cdfs_sizes: Any, offsets: Any) -> None:
        """Sets the tables.

        Args:
            cdfs: integers [K, entries], rows that rise from 0 to 2**freq_precision.
            cdfs_sizes: integers [K], the number of entries of each row that count. With bypass coding, the
                last symbol of a row is the escape symbol for all values outside of the row.
            offsets: integers [K], the value of the first symbol of each row.
        """
        rows, sizes = _tables.rows("cdfs", plain(cdfs)), integers("cdfs_sizes", cdfs_sizes)
        firsts = integers("offsets", offsets)
        self._model = self._make(rows, sizes, firsts)
        self.cdfs, self.cdfs_sizes, self.offsets = np.array(rows), np.array(sizes), np.array(firsts)

    def _make(self, cdfs: np.ndarray, sizes: np.ndarray, offsets: np.ndarray) -> Any:
        digits = self.bypass_precision if self.bypass_coding else None
        return table_of(self._coder, cdfs, sizes, offsets, self.freq_precision, digits, self.alias_sampling)

    def _quantised(self, freqs: Any, num_freqs: Any, offsets: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, their sizes and offsets, from frequencies."""
        values = np.asarray(plain(freqs))
        if values.ndim != 2 or not values.size:
            raise ValueError(f"freqs must be [rows, symbols] with a row and a symbol or more, got {values.shape}.")
        sizes = integers("num_freqs", num_freqs)
        if sizes.shape != values.shape[:1] or sizes.min() < 1 or sizes.max() > values.shape[1]:
            raise ValueError(
                f"num_freqs must be {len(values)} numbers from 1 to {values.shape[1]}, one for each row of freqs."
            )
        pmf = _normalised(values, self.bypass_coding)
        cdfs = rans_pmf_to_quantized_cdf(pmf, self.freq_precision)
        return cdfs, sizes + (2 if self.bypass_coding else 1), integers("offsets", offsets)

    # ---- encoding ----

    def encode(
        self,
        symbols: Any,
        dist_indexes: Any = None,
        dist_freqs: Any = None,
        dist_num_freqs: Any = None,
        dist_min: Any = None,
        cache: bool = False,
    ) -> Any:
        """Encodes symbols as a stream in an array, each with the row that its index names or with frequencies of
        its own.

        Args:
            symbols: integers of any shape.
            dist_indexes: the indexes of `encode_with_indexes`.
            dist_freqs, dist_num_freqs, dist_min: instead of indexes, the frequencies, their numbers and the
                offsets of `encode_with_freqs`.
            cache: whether to store the symbols until `encode_flush` or `flush`.

        Returns:
            A `Stream`, or an int32 tensor for a tensor; None with `cache`.

        Raises:
            CodingError: for a symbol outside of its row, if there is no bypass coding.
        """
        strings = self._encode(symbols, self._choose(dist_indexes, dist_freqs, dist_num_freqs, dist_min), cache)
        return None if strings is None else _stream(strings, is_tensor(symbols))

    def encode_flush(self) -> Any:
        """The stream of all stored symbols, first call decoded first; None if nothing is stored."""
        as_tensor = bool(self._encode_queue) and self._encode_queue[-1].as_tensor
        strings = self._flush()
        return None if strings is None else _stream(strings, as_tensor)

    def encode_with_indexes(self, symbols: Any, indexes: Any, cache: bool = False) -> bytes | None:
        """Encodes symbols, each with the row that its index names.

        Args:
            symbols: integers of any shape.
            indexes: integers of the same shape. A negative index skips its symbol, and 0 is decoded for it.
            cache: whether to store the symbols until `flush`.

        Returns:
            The bytes, or None with `cache`.

        Raises:
            CodingError: for a symbol outside of its row, if there is no bypass coding.
        """
        return self._merged(self._encode(symbols, self._choose(indexes), cache))

    def encode_with_freqs(
        self, symbols: Any, freqs: Any, num_freqs: Any = None, offsets: Any = None, cache: bool = False
    ) -> bytes | None:
        """Encodes symbols, each with frequencies of its own.

        Args:
            symbols: integers of any shape.
            freqs: numbers of that shape and one more axis at the end, as for `init_params`.
            num_freqs, offsets: integers of the shape of the symbols. None means all frequencies, and offset
                zero.
            cache: whether to store the symbols until `flush`.

        Returns, Raises:
            As for `encode_with_indexes`.
        """
        return self._merged(self._encode(symbols, self._of_each(freqs, num_freqs, offsets), cache))

    def flush(self) -> bytes:
        """The bytes of all stored symbols, first call decoded first; no bytes if nothing is stored."""
        return self._merged(self._flush()) or b""

    def reset_cache(self) -> None:
        """Drops all stored symbols."""
        self._encode_queue = []

    def _encode(self, symbols: Any, chosen: tuple[Any, np.ndarray], cache: bool) -> list[bytes] | None:
        found, (model, rows) = integers("symbols", symbols), chosen
        if found.shape != rows.shape:
            raise ValueError(
                f"symbols must have the shape of the indexes, or of freqs without its last axis: {rows.shape}, got "
                f"{found.shape}."
            )
        if check_flag("cache", cache):
            self._encode_queue.append(_Item(model, np.array(found), np.array(rows), is_tensor(symbols)))
            return None
        return self._strings([_Item(model, found, rows, is_tensor(symbols))], self.num_parallel_states or 1)

    def _flush(self) -> list[bytes] | None:
        queue, self._encode_queue = self._encode_queue, []
        if not queue:
            return None
        last = queue[-1].symbols
        return self._strings(queue, self.num_parallel_states or (len(last) if last.ndim else 1))

    def _strings(self, queue: Sequence[_Item], streams: int) -> list[bytes]:
        items = [(item.model, _spread(item.symbols, streams, 0), _spread(item.rows, streams)) for item in queue]
        return _in_place.encode(self._coder, items)

    def _merged(self, strings: list[bytes] | None) -> bytes | None:
        if strings is None:
            return None
        return merge_bytes(strings, self.num_bytes_code_length, self.num_parallel_states)

    # ---- decoding ----

    def decode(
        self,
        stream: Any,
        dist_indexes: Any = None,
        dist_freqs: Any = None,
        dist_num_freqs: Any = None,
        dist_min: Any = None,
    ) -> Any:
        """Decodes the next symbols of a stream in an array, and takes them off the stream, in place.

        Args:
            stream: a `Stream`, or an int32 array or tensor [streams, length]. None is the stream of `set_stream`.
            dist_indexes, dist_freqs, dist_num_freqs, dist_min: as for `encode`.

        Returns:
            Symbols, int32 of the shape of the indexes, or of dist_freqs without its last axis.

        Raises:
            CodingError: if the stream cannot hold these symbols. It stays as it was.
        """
        model, rows = self._choose(dist_indexes, dist_freqs, dist_num_freqs, dist_min)
        given = dist_freqs if dist_indexes is None else dist_indexes
        if stream is None:
            return self._decode_next(model, rows, given)
        streams = len(_streams.find_array(stream))
        if self.num_parallel_states not in (None, streams):
            raise ValueError(f"stream must have num_parallel_states={self.num_parallel_states} rows, got {streams}.")
        symbols = _streams.pop(self._coder, stream, model, _spread(rows, streams))
        return maker(given)(_joined(symbols, rows))

    def set_stream(self, encoded: bytes) -> None:
        """Sets the bytes for `decode_stream` and `decode_stream_with_freqs`."""
        self._states = self._open(encoded)

    def decode_with_indexes(self, encoded: bytes, indexes: Any) -> Any:
        """Decodes the first symbols of a message, int32 of the shape of the indexes.

        Raises:
            CodingError: if the bytes cannot hold these symbols.
        """
        return maker(indexes)(self._decode(self._open(encoded), *self._choose(indexes))[1])

    def decode_stream(self, indexes: Any) -> Any:
        """Decodes the next symbols, int32 of the shape of the indexes."""
        return self._decode_next(*self._choose(indexes), indexes)

    def decode_with_freqs(self, encoded: bytes, freqs: Any, num_freqs: Any = None, offsets: Any = None) -> Any:
        """Decodes the first symbols of a message with these frequencies,
        int32 of their shape without its last axis."""
        return maker(freqs)(self._decode(self._open(encoded), *self._of_each(freqs, num_freqs, offsets))[1])

    def decode_stream_with_freqs(self, freqs: Any, num_freqs: Any = None, offsets: Any = None) -> Any:
        """Decodes the next symbols, each with frequencies of its own."""
        return self._decode_next(*self._of_each(freqs, num_freqs, offsets), freqs)

    def _open(self, encoded: bytes) -> Any:
        strings = split_merged_bytes(encoded, self.num_bytes_code_length, self.num_parallel_states)
        if not strings:
            raise ValueError("there is nothing to decode in no bytes.")
        return self._coder.from_strings(strings)

    def _decode_next(self, model: Any, rows: np.ndarray, given: Any) -> Any:
        if self._states is None:
            raise ValueError("there is nothing to decode from. Give bytes with set_stream.")
        self._states, symbols = self._decode(self._states, model, rows)
        return maker(given)(symbols)

    def _decode(self, states: Any, model: Any, rows: np.ndarray) -> tuple[Any, np.ndarray]:
        index = _spread(rows, len(states.size))
        states, symbols = _in_place.decode(self._coder, states, model, index, index.shape[1])
        return states, _joined(symbols, rows)

    # ---- arguments ----

    def _choose(
        self, indexes: Any, freqs: Any = None, num_freqs: Any = None, offsets: Any = None
    ) -> tuple[Any, np.ndarray]:
        """The tables of indexes or else of frequencies, and the row of each symbol; -1 for skipped symbols."""
        if indexes is None and freqs is None:
            raise NotImplementedError("symbols are coded with dist_indexes or dist_freqs. Pass one of them.")
        if indexes is None:
            return self._of_each(freqs, num_freqs, offsets)
        if self._model is None:
            raise ValueError("there are no tables to code with. Give some with init_params or set_cdfs.")
        return self._model, find_rows(indexes, len(self.cdfs), may_leave_out=not self.check_validity)

    def _of_each(self, freqs: Any, num_freqs: Any, offsets: Any) -> tuple[Any, np.ndarray]:
        """A model with a row for each symbol, and the row indexes."""
        values = np.asarray(plain(freqs))
        if values.ndim < 1:
            raise ValueError("freqs must have the frequencies of a symbol along its last axis, got a number.")
        shape = values.shape[:-1]
        counts = np.full(shape, values.shape[-1]) if num_freqs is None else integers("num_freqs", num_freqs)
        firsts = np.zeros(shape, np.int32) if offsets is None else integers("offsets", offsets)
        for name, each in (("num_freqs", counts), ("offsets", firsts)):
            if each.shape != shape:
                raise ValueError(f"{name} must have the shape of the symbols, {shape}, got {each.shape}.")
        flat = values.reshape(math.prod(shape), values.shape[-1])
        model = self._make(*self._quantised(flat, counts.reshape(-1), firsts.reshape(-1)))
        return model, np.arange(len(flat), dtype=np.int32).reshape(shape)


def _stream(strings: Sequence[bytes], as_tensor: bool) -> Any:
    stream = _streams.from_strings(strings)
    return tensor(stream.numpy()) if as_tensor else stream


def _spread(values: np.ndarray, streams: int, filling: int = LEFT_OUT) -> np.ndarray:
    """Spreads values in reading order over streams of equal length; `filling` pads the last stream."""
    flat = values.reshape(-1)
    if more := -flat.size % streams:
        flat = np.concatenate([flat, np.full(more, filling, np.int32)])
    return flat.reshape(streams, flat.size // streams)


def _joined(symbols: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The inverse of `_spread`, with the shape of the rows."""
    return symbols.reshape(-1)[: rows.size].reshape(rows.shape)


def _normalised(freqs: np.ndarray, tail: bool) -> np.ndarray:
    """Rows divided by their sums, with a very unlikely escape symbol at the end if `tail` is true.

    float64 stays float64, everything else becomes float32. The sum is taken in float64, from left to right,
    and then rounded.
    """
    if not (np.issubdtype(freqs.dtype, np.integer) or jnp.issubdtype(freqs.dtype, np.floating)):
        raise TypeError(f"freqs must be integers or floats, got {freqs.dtype}.")
    dtype = np.float64 if freqs.dtype == np.float64 else np.float32
    if tail:
        freqs = np.concatenate([freqs.astype(dtype), np.full((len(freqs), 1), _TAIL_MASS, dtype)], axis=1)
    total = np.add.accumulate(freqs, axis=1, dtype=np.float64)[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        return freqs.astype(np.float32) / total.astype(dtype)


def _check_lookup(inverse_cdf_precision: Any, freq_precision: int) -> None:
    if isinstance(inverse_cdf_precision, str):
        known = inverse_cdf_precision.strip().lower() == "auto"
    else:
        bits = _inputs.whole_or_none("inverse_cdf_precision", inverse_cdf_precision)
        known = bits is None or 1 <= bits <= freq_precision
    if not known:
        raise ValueError(
            f"inverse_cdf_precision must be None, 'auto' or from 1 to {freq_precision}, got {inverse_cdf_precision!r}."
        )
