"""The interface of torch_ans 0.4.0, byte for byte, for NumPy and JAX arrays: `docs/torch_ans.md`.

>>> import numpy as np
>>> from jans.compat.torch_ans import TorchANSInterface
>>> coder = TorchANSInterface("rans64", freq_precision=12)
>>> coder.init_params(np.array([[8, 4, 4], [1, 1, 14]]), np.array([3, 3]), np.array([-1, 0]))
>>> symbols, indexes = np.array([[-1, 0, 70], [2, 2, 1]]), np.array([[0, 0, 0], [1, 1, 1]])
>>> data = coder.encode_with_indexes(symbols, indexes)
>>> len(data)
12
>>> coder.decode_with_indexes(data, indexes)
array([[-1,  0, 70],
       [ 2,  2,  1]], dtype=int32)
"""

import dataclasses
import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jans.coders import tans
from jans.compat import _tables
from jans.ffi import host
from jans.formats import _in_place, byte_strings
from jans.models.bypass import LEFT_OUT, check_digits
from jans.status import check


class _TansTable(NamedTuple):
    """Tables of `jans.tans` for kernels: the operands of push and pop before the index."""

    push: Any
    pop: Any
    precision: int
    attributes: dict[str, int]


@dataclasses.dataclass(frozen=True)
class _Tans:
    """`jans.tans`: the functions that a batch of streams needs of a coder, like `_in_place.Rans`."""

    precision: int
    layout_bits: int
    lanes: int
    word_bits = 32

    def table(self, rows: _tables.Rows, alias: bool) -> _TansTable:
        attributes = {"precision": rows.precision, "bypass_precision": check_digits(rows.bypass_precision)}
        made = host.call("tans_tables", rows.cdf, rows.sizes - 1, precision=rows.precision)
        codes, states, decoder, escape = (a[None] for a in made)
        last = escape, rows.offsets[None]
        push = host.Arrays(codes.reshape(*codes.shape[:2], -1), states, *last)
        return _TansTable(push, host.Arrays(decoder, *last), rows.precision, attributes)

    def empty(self, streams: int, capacity: int) -> tans.State:
        heads = np.full((streams, self.lanes), 2**self.precision, np.uint32)
        words, (sizes, status) = np.empty((streams, capacity), np.uint32), np.zeros((2, streams), np.int32)
        ones = np.ones(streams, np.uint32)
        arrays: Any = {"head": heads, "partial_word": ones, "words": words, "size": sizes, "status": status}
        return tans.State(**arrays, precision=self.precision)

    def push(self, state: tans.State, table: _TansTable, symbols: np.ndarray, index: np.ndarray) -> int:
        return host.kernel("tans_push", **table.attributes)(*state.arrays(), symbols, table.push, index)

    def pop(self, state: tans.State, table: _TansTable, index: np.ndarray, symbols: np.ndarray) -> int:
        return host.kernel("tans_pop", **table.attributes)(*state.arrays(), table.pop, index, symbols)

    def to_strings(self, states: tans.State) -> list[bytes]:
        check(states)
        ones = (jax.tree.map(operator.itemgetter(k), states) for k in range(len(states.size)))
        return [tans.to_string(one, self.layout_bits) for one in ones]

    def from_strings(self, strings: Sequence[bytes]) -> tans.State:
        capacity = max(map(len, strings)) // 4
        ones = [tans.read_string(one, self.precision, self.lanes, self.layout_bits, capacity) for one in strings]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *ones)


class _Rans(_in_place.Rans):
    def table(self, rows: _tables.Rows, alias: bool) -> _in_place.Rows:
        return self.check(rows.prepared(alias))


@dataclasses.dataclass(frozen=True)
class _Family:
    """The meaning of an `impl`: the largest precision, the allowed interleaves, and the coder."""

    precision: int
    interleaves: tuple[int, ...]
    variant: str = ""
    layout_bits: int = 0

    def coder(self, precision: int, lanes: int) -> _Rans | _Tans:
        return _Rans(self.variant, lanes) if self.variant else _Tans(precision, self.layout_bits, lanes)


# The first name that an `impl` starts with is used. The sizes of states limit the precisions.
_FAMILIES = {
    "rans64": _Family(31, (1, 2, 4, 8), variant="rans64_ryg"),
    "rans32_16": _Family(15, (1, 2, 4, 8, 32), variant="rans32_16"),
    "rans32": _Family(23, (1, 2, 4, 8), variant="rans32"),
    "rans_byte": _Family(23, (1, 2, 4, 8), variant="rans32"),
    "tans32": _Family(15, (1, 2, 4, 8, 32), layout_bits=16),
    "tans16": _Family(15, (1, 2, 4, 8, 32), layout_bits=8),
    "tans8": _Family(7, (1, 2, 4, 8, 32), layout_bits=8),
}
_TAIL_MASS = 1e-10
"""The frequency of the escape symbol, before the frequencies are normalised and quantised."""


def merge_bytes(data: Sequence[bytes], num_bytes_length: int = 4, num_segments: int | None = None) -> bytes:
    """Joins byte strings, each after its length, with `jans.byte_strings.merge`."""
    return byte_strings.merge(data, num_bytes_length, num_segments)


def split_merged_bytes(data: bytes, num_bytes_length: int = 4, num_segments: int | None = None) -> list[bytes]:
    """The inverse of `merge_bytes`: `jans.byte_strings.split`."""
    return byte_strings.split(data, num_bytes_length, num_segments)


def rans_pmf_to_quantized_cdf(pmf: Any, precision: int) -> np.ndarray:
    """Probabilities as cumulative frequencies, by `jans.quantize.nearest`;
    every symbol gets a frequency of at least 1.

    Args:
        pmf: float32 or float64 [..., n].
        precision: bits of the frequencies.

    Returns:
        int32 [..., n + 1], rising from 0 to 2**precision.
    """
    values = np.asarray(pmf)
    if values.dtype not in (np.float32, np.float64) or values.ndim < 1:
        raise TypeError(f"pmf must be float32 or float64 [..., n], got {values.dtype} of shape {values.shape}.")
    cdf = _tables.nearest(values, precision, ties="even")
    bad = cdf.reshape(-1, cdf.shape[-1])[:, 0] != 0
    if bad.any():
        raise ValueError(
            f"row {int(np.flatnonzero(bad)[0])} is no distribution: a value is negative, infinite or not a number, or "
            f"all are zero with {precision} bits."
        )
    return cdf.astype(np.int32)


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
            the number of strings for decoding. For `flush` it is the number of rows of the symbols encoded
            last.
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
        name = next((name for name in _FAMILIES if impl.startswith(name)), None)
        if name is None:
            raise NotImplementedError(f"impl must begin with one of {', '.join(_FAMILIES)}, got {impl!r}.")
        family = _FAMILIES[name]
        if num_interleaves not in family.interleaves:
            raise NotImplementedError(
                f"num_interleaves must be one of {family.interleaves} for impl {impl!r}, got {num_interleaves}."
            )
        self.impl, self.alias_sampling = impl, bool(alias_sampling)
        self.freq_precision = min(freq_precision, family.precision)
        if alias_sampling and not family.variant:
            raise NotImplementedError(f"alias sampling is for rANS, got impl {impl!r}. Leave alias_sampling=False.")
        self.bypass_coding, self.bypass_precision = bool(bypass_coding), bypass_precision
        self.num_parallel_states, self.num_interleaves = num_parallel_states, int(num_interleaves)
        self.num_bytes_code_length = num_bytes_code_length
        self.check_validity = check_validity
        _check_lookup(inverse_cdf_precision, self.freq_precision)
        if num_parallel_states is not None and num_parallel_states < 1:
            raise ValueError(f"num_parallel_states must be 1 or more, got {num_parallel_states}.")
        byte_strings.merge([], num_bytes_code_length)  # raises for an invalid number of bytes
        self._coder = family.coder(self.freq_precision, self.num_interleaves)
        self._queue: list[tuple[Any, np.ndarray, np.ndarray]] = []
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
        rows, sizes = _tables.rows("cdfs", cdfs), _tables.integers("cdfs_sizes", cdfs_sizes)
        firsts = _tables.integers("offsets", offsets)
        self._model = self._make(rows, sizes, firsts)
        self.cdfs, self.cdfs_sizes, self.offsets = np.array(rows), np.array(sizes), np.array(firsts)

    def _make(self, cdfs: np.ndarray, sizes: np.ndarray, offsets: np.ndarray) -> Any:
        digits = self.bypass_precision if self.bypass_coding else None
        rows = _tables.completed(cdfs, sizes, offsets, self.freq_precision, digits)
        return self._coder.table(rows, self.alias_sampling)

    def _quantised(self, freqs: Any, num_freqs: Any, offsets: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, their sizes and offsets, from frequencies."""
        values = np.asarray(freqs)
        if values.ndim != 2 or not values.size:
            raise ValueError(f"freqs must be [rows, symbols] with a row and a symbol or more, got {values.shape}.")
        sizes = _tables.integers("num_freqs", num_freqs)
        if sizes.shape != values.shape[:1] or sizes.min() < 1 or sizes.max() > values.shape[1]:
            raise ValueError(
                f"num_freqs must be {len(values)} numbers from 1 to {values.shape[1]}, one for each row of freqs."
            )
        pmf = _normalised(values, self.bypass_coding)
        cdfs = rans_pmf_to_quantized_cdf(pmf, self.freq_precision)
        return cdfs, sizes + (2 if self.bypass_coding else 1), _tables.integers("offsets", offsets)

    # ---- encoding ----

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
        found, rows = _tables.integers("symbols", symbols), self._rows(indexes)
        if found.shape != rows.shape:
            raise ValueError(f"symbols and indexes must have one shape, got {found.shape} and {rows.shape}.")
        return self._encode((self._model, found, rows), cache)

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
        found = _tables.integers("symbols", symbols)
        model, rows = self._of_each(freqs, num_freqs, offsets)
        if found.shape != rows.shape:
            raise ValueError(f"freqs must have the shape of symbols, {found.shape}, and an axis behind.")
        return self._encode((model, found, rows), cache)

    def flush(self) -> bytes:
        """The bytes of all stored symbols, first call decoded first; no bytes if nothing is stored."""
        queue, self._queue = self._queue, []
        if not queue:
            return b""
        last = queue[-1][1]
        return self._merged(queue, self.num_parallel_states or (len(last) if last.ndim else 1))

    def reset_cache(self) -> None:
        """Drops all stored symbols."""
        self._queue = []

    def _encode(self, item: tuple[Any, np.ndarray, np.ndarray], cache: bool) -> bytes | None:
        if cache:
            self._queue.append((item[0], np.array(item[1]), np.array(item[2])))
            return None
        return self._merged([item], self.num_parallel_states or 1)

    def _merged(self, queue: Sequence[tuple[Any, np.ndarray, np.ndarray]], streams: int) -> bytes:
        items = [(model, _spread(found, streams, 0), _spread(rows, streams)) for model, found, rows in queue]
        strings = _in_place.encode(self._coder, items)
        return merge_bytes(strings, self.num_bytes_code_length, self.num_parallel_states)

    # ---- decoding ----

    def set_stream(self, encoded: bytes) -> None:
        """Sets the bytes for `decode_stream` and `decode_stream_with_freqs`."""
        self._states = self._open(encoded)

    def decode_with_indexes(self, encoded: bytes, indexes: Any) -> np.ndarray:
        """Decodes the first symbols of a message, int32 of the shape of the indexes.

        Raises:
            CodingError: if the bytes cannot hold these symbols.
        """
        rows = self._rows(indexes)
        return self._decode(self._open(encoded), self._model, rows)[1]

    def decode_stream(self, indexes: Any) -> np.ndarray:
        """Decodes the next symbols, int32 of the shape of the indexes."""
        rows = self._rows(indexes)
        self._states, symbols = self._decode(self._stream(), self._model, rows)
        return symbols

    def decode_with_freqs(self, encoded: bytes, freqs: Any, num_freqs: Any = None, offsets: Any = None) -> np.ndarray:
        """Decodes the first symbols of a message with these frequencies,
        int32 of their shape without its last axis."""
        return self._decode(self._open(encoded), *self._of_each(freqs, num_freqs, offsets))[1]

    def decode_stream_with_freqs(self, freqs: Any, num_freqs: Any = None, offsets: Any = None) -> np.ndarray:
        """Decodes the next symbols, each with frequencies of its own."""
        stream = self._stream()
        self._states, symbols = self._decode(stream, *self._of_each(freqs, num_freqs, offsets))
        return symbols

    def _open(self, encoded: bytes) -> Any:
        strings = split_merged_bytes(encoded, self.num_bytes_code_length, self.num_parallel_states)
        if not strings:
            raise ValueError("there is nothing to decode in no bytes.")
        return self._coder.from_strings(strings)

    def _stream(self) -> Any:
        if self._states is None:
            raise ValueError("there is nothing to decode from. Give bytes with set_stream.")
        return self._states

    def _decode(self, states: Any, model: Any, rows: np.ndarray) -> tuple[Any, np.ndarray]:
        index = _spread(rows, len(states.size))
        states, symbols = _in_place.decode(self._coder, states, model, index, index.shape[1])
        return states, symbols.reshape(-1)[: rows.size].reshape(rows.shape)

    # ---- arguments ----

    def _rows(self, indexes: Any) -> np.ndarray:
        """The row of each symbol, and -1 for skipped symbols."""
        if self._model is None:
            raise ValueError("there are no tables to code with. Give some with init_params or set_cdfs.")
        found = _tables.integers("indexes", indexes)
        _tables.check_indexes(found, len(self.cdfs), may_leave_out=not self.check_validity)
        return np.maximum(found, LEFT_OUT) if found.min(initial=0) < LEFT_OUT else found

    def _of_each(self, freqs: Any, num_freqs: Any, offsets: Any) -> tuple[Any, np.ndarray]:
        """A model with a row for each symbol, and the row indexes."""
        values = np.asarray(freqs)
        if values.ndim < 1:
            raise ValueError("freqs must have the frequencies of a symbol along its last axis, got a number.")
        shape = values.shape[:-1]
        counts = np.full(shape, values.shape[-1]) if num_freqs is None else _tables.integers("num_freqs", num_freqs)
        firsts = np.zeros(shape, np.int32) if offsets is None else _tables.integers("offsets", offsets)
        for name, each in (("num_freqs", counts), ("offsets", firsts)):
            if each.shape != shape:
                raise ValueError(f"{name} must have the shape of the symbols, {shape}, got {each.shape}.")
        flat = values.reshape(math.prod(shape), values.shape[-1])
        model = self._make(*self._quantised(flat, counts.reshape(-1), firsts.reshape(-1)))
        return model, np.arange(len(flat), dtype=np.int32).reshape(shape)


def _spread(values: np.ndarray, streams: int, filling: int = LEFT_OUT) -> np.ndarray:
    """Spreads values in reading order over streams of equal length; `filling` pads the last stream."""
    flat = values.reshape(-1)
    if more := -flat.size % streams:
        flat = np.concatenate([flat, np.full(more, filling, np.int32)])
    return flat.reshape(streams, flat.size // streams)


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
        known = inverse_cdf_precision is None or 1 <= inverse_cdf_precision <= freq_precision
    if not known:
        raise ValueError(
            f"inverse_cdf_precision must be None, 'auto' or from 1 to {freq_precision}, got {inverse_cdf_precision!r}."
        )
