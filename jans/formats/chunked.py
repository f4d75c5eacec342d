"""One long message as many streams.

The message is cut into chunks, which are coded in parallel and read in any order.

Chunks take the symbols in row-major order. Each chunk is a stream of its own, so all threads of a processor
or warps of a GPU have work. To read a part of the message, only the chunks that overlap with it are decoded.
A chunk costs what its heads hold beyond its symbols: about 16 bits per lane for `rans32_16`, or 32 bits for
`rans64`.
"""

import dataclasses
import functools
import io
import math
import operator
import os
import struct
import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import Shape, check_dtype, check_fit, check_symbols, type_name
from jans._variants import RANS
from jans.coders import rans
from jans.coders._rans_state import State, find_variant
from jans.coders._state import content_bits, is_empty, pytree
from jans.formats import _header, _in_place, byte_strings
from jans.status import CodingError, check

__all__ = [
    "Message",
    "Reader",
    "content_bits",
    "decode",
    "encode",
    "is_empty",
]

MIN_CHUNK, DEFAULT_MAX_CHUNK, TARGET_CHUNKS = 2**14, 2**16, 2**12
"""The smallest and the largest default chunk, in symbols, and the number of chunks that keeps a GPU busy."""
MAX_CHUNK = 2**24
"""The largest chunk, in symbols."""

_MAX_SYMBOLS, _MAX_SYMBOLS_PER_BYTE = 2**28, 2**14
"""The largest number of symbols to decode at once: the total, and the number for each byte of the message."""

_ENTRY = struct.Struct("<II")  # number of bytes and checksum of a chunk


@pytree("jans.chunked.Message", static=("shape", "chunk"))
@dataclasses.dataclass(frozen=True)
class Message:
    """Symbols as a batch of streams: an immutable pytree.

    Attributes:
        chunks: `jans.rans.State` with a batch axis; each stream holds `chunk` symbols.
        remainder: one more stream with the remaining symbols, or None if the last chunk is full.
        shape: shape of the symbols, static.
        chunk: number of symbols in a chunk, static.

    >>> from jans import models
    >>> message = encode(models.Uniform(10), jnp.arange(1000) % 10, chunk=300)
    >>> message.shape, message.chunk, message.status
    ((1000,), 300, Array([0, 0, 0, 0], dtype=int32))
    """

    chunks: State
    remainder: State | None
    shape: Shape
    chunk: int

    @property
    def streams(self) -> list[State]:
        """All streams in order, as batches."""
        axis = self.chunks.size.ndim - 1
        remainder = (
            []
            if self.remainder is None
            else [jax.tree.map(lambda leaf: self._xp.expand_dims(leaf, axis), self.remainder)]
        )
        return [self.chunks, *remainder]

    @property
    def _xp(self) -> Any:
        """NumPy if the arrays are its own, and otherwise `jax.numpy`, which would compile a program."""
        return np if isinstance(self.chunks.size, np.ndarray) else jnp

    @property
    def status(self) -> jax.Array:
        """The status of each stream, int32 [streams]; `jans.check` reads it."""
        return self._xp.concatenate([state.status for state in self.streams], axis=-1)

    @property
    def usage(self) -> tuple[tuple[jax.Array, int], ...]:
        """The size of each stream, and the capacity."""
        return ((self._xp.concatenate([state.size for state in self.streams], axis=-1), self.chunks.capacity),)

    @property
    def reserve(self) -> int:
        """How many more words the ends of the streams may need: none."""
        return 0

    def is_empty_stream(self) -> jax.Array:
        """Whether all symbols were decoded: bool [streams]."""
        return self._xp.concatenate([rans.is_empty(state) for state in self.streams], axis=-1)

    def content_of_stream(self, xp: Any) -> Any:
        """The content of each stream in bits, [streams]."""
        return xp.concatenate([state.content_of_stream(xp) for state in self.streams], axis=-1)


@_inputs.door(
    model=_inputs.model,
    symbols=_inputs.integers,
    chunk=_inputs.whole_or_none,
    lanes=_inputs.whole,
    capacity=_inputs.whole_or_none,
)
def encode(
    model: Any,
    symbols: jax.Array,
    chunk: int | None = None,
    *,
    lanes: int = 32,
    variant: str | None = None,
    capacity: int | None = None,
) -> Message:
    """Encodes symbols as a message of chunks. Pure, works under `jit`.

    Args:
        model: a model whose shape broadcasts to that of the symbols.
        symbols: as for `jans.rans.push`.
        chunk: number of symbols in a chunk, static, at most 2**24. Small chunks give access to small parts,
            large chunks cost fewer bits. By default the number that makes 4096 chunks, limited to 16384 ...
            65536.
        lanes, variant: as for `jans.rans.init`. The default variant is "rans32_16" if the model's precision
            is 15 bits or less, and "rans64" otherwise.
        capacity: number of words in each stream; by default enough for any symbols. For values that escape a
            table or a model, this is far more than most messages need. If it was too low, `jans.check` names
            the number needed.

    Returns:
        The message, in arrays of NumPy if the symbols are. Its streams have the status bits of
        `jans.rans.push`; `jans.check` and `jans.to_bytes` turn them into an error.

    Raises:
        ValueError: if chunk is out of range, or if the symbols do not fit the model.

    Symbols of NumPy with a model in the memory of the host are coded there without a compiled program.

    >>> from jans import models
    >>> symbols = jnp.arange(1000) % 10
    >>> message = encode(models.Uniform(10, precision=12), symbols, chunk=300, lanes=4)
    >>> message.chunks.size.shape
    (3,)
    >>> left, again = decode(message, models.Uniform(10, precision=12))
    >>> bool((again == symbols).all() and is_empty(left).all())
    True
    """
    symbols = symbols if isinstance(symbols, np.ndarray) else check_symbols(symbols)
    check_fit(model.shape, symbols.shape)
    n = symbols.size
    chunk = _default_chunk(n) if chunk is None else operator.index(chunk)
    if not 1 <= chunk <= MAX_CHUNK:
        raise ValueError(f"chunk must be from 1 to {MAX_CHUNK} symbols, got {chunk}.")
    if variant is None:
        variant = "rans32_16" if model.precision <= find_variant("rans32_16").max_precision else "rans64"
    if capacity is None:
        capacity = rans.capacity_for(model, min(chunk, n), lanes, variant)
    parts = _in_place.parts_of(model, symbols.shape) if isinstance(symbols, np.ndarray) else None
    if parts is None:
        return _encode(model, symbols, chunk, lanes, variant, capacity)
    coder, flat, whole = _in_place.Rans(variant, lanes), symbols.reshape(-1), n // chunk * chunk
    chunks = parts.push(coder, flat[:whole].reshape(n // chunk, chunk), 0, capacity)
    remainder = parts.push(coder, flat[None, whole:], whole, capacity) if whole < n else None
    return Message(chunks, None if remainder is None else _only(remainder), symbols.shape, chunk)


def _only(states: State) -> State:
    """The only stream of a batch in arrays of NumPy."""
    return jax.tree.map(lambda leaf: leaf.reshape(leaf.shape[1:]), states)


@functools.partial(jax.jit, static_argnames=("chunk", "lanes", "variant", "capacity"))
def _encode(model: Any, symbols: jax.Array, chunk: int, lanes: int, variant: str, capacity: int) -> Message:
    empty, n = rans.init(capacity, lanes, variant), symbols.size
    whole = n // chunk * chunk
    flat, part = symbols.reshape(-1), _Cut(model, symbols.shape)
    chunks = part.map(
        lambda chunk_model, x: rans.push(empty, chunk_model, x),
        0,
        n // chunk,
        chunk,
        flat[:whole].reshape(n // chunk, chunk),
    )
    remainder = None if whole == n else rans.push(empty, part.model(whole, n - whole), flat[whole:])
    return Message(chunks, remainder, symbols.shape, chunk)


def _default_chunk(n: int) -> int:
    return min(max(-(-n // TARGET_CHUNKS), MIN_CHUNK), DEFAULT_MAX_CHUNK)


@_inputs.door(model=_inputs.model)
def decode(message: Message, model: Any, dtype: Any = jnp.int32) -> tuple[Message, jax.Array]:
    """Decodes all symbols of a message: the inverse of `encode`. Pure, works under `jit`.

    Args:
        message: from `encode` or `jans.from_bytes`.
        model: the model that the symbols were encoded with.
        dtype: dtype of the symbols, as for `jans.rans.pop`.

    Returns:
        The message without the symbols, and the symbols, in arrays of NumPy if those of the message are. Pass
        the message to `jans.check`. Its streams must be empty (`is_empty`).

    Raises:
        TypeError: if `message` is something else.
        ValueError: if the model does not fit the shape of the symbols.

    >>> from jans import models
    >>> message = encode(models.Uniform(10), jnp.arange(1000) % 10, chunk=300)
    >>> message, symbols = decode(message, models.Uniform(10))
    >>> symbols[:12]
    Array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1], dtype=int32)
    """
    if not isinstance(message, Message):
        raise TypeError(f"message must be a jans.chunked.Message, got {type_name(message)}.")
    check_fit(model.shape, message.shape)
    left, symbols = _decode_from(message, model, 0, check_dtype(dtype))
    return left, symbols.reshape(message.shape)


def _decode_from(message: Message, model: Any, first: int, dtype: np.dtype) -> tuple[Message, Any]:
    """Decodes a message whose first chunk is chunk `first` of the encoded message;
    returns symbols along one axis."""
    held = all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(message))
    parts = _in_place.parts_of(model, message.shape) if held else None
    if parts is None:
        return _decode(message, model, first, dtype)
    (count,), chunk, left = message.chunks.size.shape, message.chunk, message.remainder
    chunks, symbols = parts.pop(message.chunks, first * chunk, chunk, dtype)
    symbols = symbols.reshape(-1)
    if left is not None:
        n = math.prod(message.shape) % chunk
        left, last = parts.pop(jax.tree.map(lambda leaf: leaf[None], left), (first + count) * chunk, n, dtype)
        left, symbols = _only(left), np.concatenate([symbols, last[0]])
    return Message(chunks, left, message.shape, chunk), symbols


def _decode_chunks(message: Message, part: "_Cut", first: Any, dtype: Any) -> tuple[Message, jax.Array]:
    """As `_decode_from`, by a program."""
    count, chunk = message.chunks.size.shape[0], message.chunk
    chunks, symbols = part.map(
        lambda chunk_model, state: rans.pop(state, chunk_model, (chunk,), dtype), first, count, chunk, message.chunks
    )
    symbols, remainder = symbols.reshape(-1), message.remainder
    if remainder is not None:
        n = math.prod(part.shape) % chunk
        remainder, last = rans.pop(remainder, part.model((first + count) * chunk, n), (n,), dtype)
        symbols = jnp.concatenate([symbols, last])
    return Message(chunks, remainder, message.shape, chunk), symbols


class _Cut:
    """A model for symbols of a shape, cut into models for parts of the symbols."""

    def __init__(self, model: Any, shape: Shape):
        self.shape = shape
        self.per_symbol, self.rebuilt = model.flat(shape).per_symbol()

    def model(self, begin: Any, n: int) -> Any:
        """The model of the n symbols from `begin` on."""
        return self.rebuilt(self._leaves(begin, n))

    def _leaves(self, begin: Any, n: int) -> list[jax.Array]:
        return [jax.lax.dynamic_slice_in_dim(leaf, begin, n) for leaf in self.per_symbol]

    def map(self, code: Callable[..., Any], first: Any, count: int, chunk: int, arrays: Any) -> Any:
        """`code(model, arrays)` for chunks first, first + 1, ...;
        the first axis of `arrays` counts the chunks."""
        if count == 0:
            struct = lambda leaf, *lead: jax.ShapeDtypeStruct((*lead, *leaf.shape[1:]), leaf.dtype)
            per_symbol = [struct(leaf, chunk) for leaf in self.per_symbol]
            one = jax.eval_shape(
                lambda per_symbol, part: code(self.rebuilt(per_symbol), part), per_symbol, jax.tree.map(struct, arrays)
            )
            return jax.tree.map(lambda leaf: jnp.zeros((0, *leaf.shape), leaf.dtype), one)
        leaves = [leaf.reshape(count, chunk, *leaf.shape[1:]) for leaf in self._leaves(first * chunk, count * chunk)]
        return jax.vmap(lambda per_symbol, part: code(self.rebuilt(per_symbol), part), axis_size=count)(leaves, arrays)


# ---- bytes ----


def message_to_bytes(message: Message, fingerprint: int = 0) -> bytes:
    """A message as bytes, with an index of its chunks; docs/format.md specifies the format.

    Args:
        message: a message with concrete arrays.
        fingerprint: a uint64 that stands for the models. The bytes keep it, and readers compare it. 0
            disables it.

    Raises:
        CodingError: if the status of any stream is not clean; no bytes are written then.
    """
    if not isinstance(message, Message):
        raise TypeError(f"message must be a jans.chunked.Message, got {type_name(message)}.")
    check(message)
    chunks = [data for state in message.streams for data in byte_strings.to_strings(state)]
    state = message.chunks
    number = RANS[state.variant].number
    head = _header.write(_header.Header(_header.CHUNKED, number, state.lanes, fingerprint, message.shape))
    head += struct.pack("<I", message.chunk) + b"".join(_ENTRY.pack(len(data), zlib.crc32(data)) for data in chunks)
    return b"".join([head, struct.pack("<I", zlib.crc32(head)), *chunks])


def message_from_bytes(data: bytes, fingerprint: int = 0) -> Message:
    """The message from bytes of `message_to_bytes`.

    Raises:
        CodingError: as for `Reader`, and if more bytes follow the message.
    """
    data = bytes(memoryview(data))
    reader = Reader(data, fingerprint)
    if reader.length < len(data):
        raise CodingError(
            f"these bytes go on for {len(data) - reader.length} bytes after their end. Pass one message at a time."
        )
    return reader.message()


class Reader:
    """A message in bytes or in a file. It loads only the chunks that you ask for.

    Args:
        source: bytes, a path, or a file that is open for reading and can seek. The message starts at the
            current position. A reader of a path opens the file; `close`, or `with`, closes it.
        fingerprint: the fingerprint of your models; 0 skips the comparison.

    Attributes:
        shape: shape of the symbols.
        chunk: number of symbols in a chunk.
        length: number of bytes of the message.

    Raises:
        CodingError: if the bytes are foreign, cut short, damaged, or written with models of another
            fingerprint.

    >>> from jans import models
    >>> symbols = jnp.arange(10**5) // 1000
    >>> import jans
    >>> data = jans.to_bytes(encode(models.Uniform(100, precision=12), symbols, chunk=10**4))
    >>> Reader(data).read(models.Uniform(100, precision=12), 42_998, 43_002)
    array([42, 42, 43, 43], dtype=int32)
    """

    def __init__(self, source: Any, fingerprint: int = 0):
        fingerprint, self._file = _inputs.whole("fingerprint", fingerprint), source
        if isinstance(source, str | os.PathLike):
            self._file = open(source, "rb")  # noqa: SIM115
        elif not hasattr(source, "seek"):
            self._file = io.BytesIO(_inputs.data("source", source))
        try:
            self._open(fingerprint)
        except BaseException:
            if self._file is not source:
                self._file.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _open(self, fingerprint: int) -> None:
        self._begin = self._file.tell()
        head = self._file.read(_header.MAX_HEADER + 4)
        header, at = _header.read(head, fingerprint)
        variant = next((v for v in RANS.values() if v.number == header.variant), None)
        if header.coder != _header.CHUNKED:
            raise CodingError("these bytes are not a message in chunks. Read them with jans.from_bytes.")
        if variant is None:
            raise _header.unknown(header)
        _header.need(head, at + 4)
        (chunk,) = struct.unpack_from("<I", head, at)
        n, dims = math.prod(header.dims), header.dims
        sound = 1 <= chunk <= MAX_CHUNK and math.prod(max(length, 1) for length in dims) < 2**62
        if not sound or max(-(-n // chunk), 1) * header.lanes >= 2**31:
            raise CodingError(
                f"these bytes are damaged or made up: symbols of shape {dims} in chunks of {chunk}, {header.lanes} "
                "lanes each."
            )
        self.shape, self.chunk = header.dims, chunk
        self._lanes, self._variant, self._n, self._count = header.lanes, variant, n, -(-n // chunk)
        self._read_index(head[: at + 4])

    def _read_index(self, head: bytes) -> None:
        index_bytes = self._count * _ENTRY.size + 4
        # Compare with the size of the file first: damaged bytes must not make us allocate memory for chunks
        # that are not there.
        self._file.seek(0, io.SEEK_END)
        self._there = self._file.tell() - self._begin
        there = self._there - len(head)
        if there < index_bytes:
            raise CodingError(f"these bytes are cut short: {index_bytes} of an index are needed, {there} are there.")
        self._file.seek(self._begin + len(head))
        index = self._file.read(index_bytes)
        if zlib.crc32(head + index[:-4]) != struct.unpack("<I", index[-4:])[0]:
            raise CodingError("these bytes are damaged: the checksum of the index does not match. Fetch them again.")
        entries = np.frombuffer(index, "<u4", 2 * self._count).reshape(-1, 2).astype(np.int64)
        self._sums = entries[:, 1]
        self._ends = len(head) + index_bytes + np.concatenate([[0], np.cumsum(entries[:, 0])])
        self.length = int(self._ends[-1])

    def message(self) -> Message:
        """The whole message, for `decode`.

        Raises:
            CodingError: if a chunk is cut short or damaged.
        """
        return jax.tree.map(jnp.asarray, self._load(0, self._count))

    def read(self, model: Any, begin: int = 0, end: int | None = None, dtype: Any = jnp.int32) -> np.ndarray:
        """Decodes symbols begin, ..., end - 1 of the message, in row-major order.

        Args:
            model: the model of all symbols of the message.
            begin, end: by default the first symbol and the number of symbols.
            dtype: dtype of the symbols.

        Returns:
            Symbols of that dtype, [end - begin], in an array of NumPy.

        Raises:
            CodingError: if a chunk is cut short, is damaged, or does not decode with this model.
        """
        begin, end = operator.index(begin), self._n if end is None else operator.index(end)
        if not 0 <= begin <= end <= self._n:
            raise ValueError(f"0 <= begin <= end <= {self._n} must hold, got {begin} and {end}.")
        check_fit(model.shape, self.shape)
        first, last = begin // self.chunk, -(-end // self.chunk)
        if begin == end:
            return np.zeros(0, dtype)
        left, symbols = _decode_from(self._load(first, last), model, first, check_dtype(dtype))
        try:
            check(left)
        except CodingError as error:
            raise CodingError(f"of chunks {first} to {last - 1}, {error}") from None
        unfinished = np.flatnonzero(~np.asarray(is_empty(left)))
        if unfinished.size:
            raise CodingError(
                f"chunk {first + int(unfinished[0])} goes on after its last symbol. "
                "Decode with the models that encoded it."
            )
        return np.asarray(symbols)[begin - first * self.chunk : end - first * self.chunk]

    def _load(self, first: int, last: int) -> Message:
        """Loads chunks first, ..., last - 1."""
        count = min(last * self.chunk, self._n) - first * self.chunk
        there = min(self.length, self._there)
        if count > max(_MAX_SYMBOLS, _MAX_SYMBOLS_PER_BYTE * there):
            raise CodingError(
                f"these {self.length} bytes say that they hold {count} symbols, which may fill more memory than there "
                f"is. Read them in parts, of {_MAX_SYMBOLS} symbols or less."
            )
        strings = [self._chunk(k) for k in range(first, last)]
        whole = max(min(last, self._n // self.chunk) - first, 0)
        v = self._variant
        longest = max((len(data) for data in strings), default=0)
        if longest * len(strings) > max(_header.MAX_BYTES, _header.MAX_PADDING * there):
            raise CodingError(
                f"the longest of {len(strings)} chunks has {longest} bytes: side by side they would fill far more "
                "memory than they are worth. Read them one by one."
            )
        # Round capacities up to powers of two, so that chunks of similar length share a compiled program.
        capacity = 1 << (8 * longest // v.word_bits).bit_length()
        states = byte_strings.read_strings(strings, capacity, self._lanes, v.name)
        chunks = jax.tree.map(lambda leaf: leaf[:whole], states)
        remainder = jax.tree.map(lambda leaf: np.asarray(leaf[-1]), states) if whole < len(strings) else None
        return Message(chunks, remainder, self.shape, self.chunk)

    def _chunk(self, k: int) -> bytes:
        begin, end = self._ends[k : k + 2].tolist()
        self._file.seek(self._begin + begin)
        data = self._file.read(min(end, self._there) - begin) if begin < self._there else b""
        if len(data) < end - begin:
            raise CodingError(f"chunk {k} is cut short: {end - begin} bytes are needed, {len(data)} are there.")
        if zlib.crc32(data) != self._sums[k]:
            raise CodingError(f"chunk {k} is damaged: its checksum does not match. Fetch it again.")
        return data


@functools.partial(jax.jit, static_argnames=("dtype",))
def _decode(message: Message, model: Any, first: Any, dtype: Any) -> tuple[Message, jax.Array]:
    return _decode_chunks(message, _Cut(model, message.shape), first, dtype)


def __dir__() -> list[str]:
    return __all__
