"""One long message as many streams: cut into chunks that are coded side by side and read from anywhere.

Symbols are taken in row-major order. Each chunk is a stream of its own, so that they fill the threads of a processor or
the warps of a GPU, and any part of the message is read by decoding only the chunks that it lies in. A chunk costs what
its heads hold beyond its symbols, about 16 bits a lane (`rans32_16`) or 32 (`rans64`).
"""

import dataclasses
import functools
import io
import math
import operator
import struct
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

import jax
import jax.numpy as jnp
import numpy as np

from jans._checks import Shape, check_fit, check_symbols, type_name
from jans._variants import RANS
from jans.coders import rans
from jans.coders._rans_state import State, find_variant
from jans.coders._state import content_bits, is_empty, pytree
from jans.formats import _header, byte_strings
from jans.status import CodingError, check

__all__ = [
    "Message",
    "Reader",
    "content_bits",
    "decode",
    "encode",
    "is_empty",
]

MIN_CHUNK, DEFAULT_MAX_CHUNK, WANTED_CHUNKS = 2**14, 2**16, 2**12
"""The least and the most symbols of a chunk where the caller leaves the choice, and how many chunks a GPU wants."""
MAX_CHUNK = 2**24
"""The largest chunk, in symbols."""

_MAX_SYMBOLS, _MAX_SYMBOLS_PER_BYTE = 2**28, 2**14
"""What is decoded at once, in all or for each byte of the message."""

_ENTRY = struct.Struct("<II")  # bytes and checksum of a chunk


@pytree("jans.chunked.Message", static=("shape", "chunk"))
@dataclasses.dataclass(frozen=True)
class Message:
    """Symbols as a batch of streams: an immutable pytree.

    Attributes:
        chunks: `jans.rans.State` with a batch dimension, a stream for every `chunk` symbols.
        remainder: one more stream, of the symbols behind them, or None where the last chunk is whole.
        shape: of the symbols, static.
        chunk: symbols of a chunk, static.
    """

    chunks: State
    remainder: State | None
    shape: Shape
    chunk: int

    @property
    def streams(self) -> list[State]:
        """All streams in order, as batches."""
        axis = self.chunks.size.ndim - 1
        rest = (
            [] if self.remainder is None else [jax.tree.map(lambda leaf: jnp.expand_dims(leaf, axis), self.remainder)]
        )
        return [self.chunks, *rest]

    @property
    def status(self) -> jax.Array:
        """Of each stream, int32 [streams]: what `jans.check` looks at."""
        return jnp.concatenate([state.status for state in self.streams], axis=-1)

    @property
    def usage(self) -> tuple[tuple[jax.Array, int], ...]:
        """Size and capacity of each stream."""
        return ((jnp.concatenate([state.size for state in self.streams], axis=-1), self.chunks.capacity),)

    def is_empty_stream(self) -> jax.Array:
        """Whether all symbols were decoded, bool [streams]: see `is_empty`."""
        return jnp.concatenate([rans.is_empty(state) for state in self.streams], axis=-1)

    def content_of_stream(self, xp: Any) -> Any:
        """The content of each stream in bits, [streams]."""
        return xp.concatenate([state.content_of_stream(xp) for state in self.streams], axis=-1)


@functools.partial(jax.jit, static_argnames=("chunk", "lanes", "variant", "capacity"))
def encode(
    model: Any,
    symbols: jax.Array,
    chunk: int | None = None,
    *,
    lanes: int = 32,
    variant: str | None = None,
    capacity: int | None = None,
) -> Message:
    """Symbols as a message of chunks. Pure, for `jit`.

    Args:
        model: a model whose shape broadcasts to that of the symbols.
        symbols: as for `jans.rans.push`.
        chunk: symbols of a chunk, static: few for access to small parts, many for a low rate. By default as many as
            make 4096 chunks, from 16384 to 65536; at most 2**24.
        lanes, variant: as for `jans.rans.init`; by default "rans32_16" where the model's precision is 15 bits or less,
            "rans64" elsewhere.
        capacity: words of each stream; by default enough for any symbols, which for values that escape a table or a
            model is far more than most messages need. `jans.check` names the number where it was too low.

    Returns:
        The message; `jans.check` turns its status into an error, and so does `jans.to_bytes`.

    >>> from jans import models
    >>> symbols = jnp.arange(1000) % 10
    >>> message = encode(models.Uniform(10, precision=12), symbols, chunk=300, lanes=4)
    >>> message.chunks.size.shape
    (3,)
    >>> left, again = decode(message, models.Uniform(10, precision=12))
    >>> bool((again == symbols).all() and is_empty(left).all())
    True
    """
    symbols = check_symbols(symbols)
    check_fit(model.shape, symbols.shape)
    n = symbols.size
    chunk = _default_chunk(n) if chunk is None else operator.index(chunk)
    if not 1 <= chunk <= MAX_CHUNK:
        raise ValueError(f"chunk must be from 1 to {MAX_CHUNK} symbols, got {chunk}.")
    if variant is None:
        variant = "rans32_16" if model.precision <= find_variant("rans32_16").max_precision else "rans64"
    if capacity is None:
        capacity = rans.capacity_for(model, min(chunk, n), lanes, variant)
    empty = rans.init(capacity, lanes, variant)
    whole = n // chunk * chunk
    flat, part = symbols.reshape(-1), _Cut(model, symbols.shape)
    chunks = part.map(
        lambda own, x: rans.push(empty, own, x), 0, n // chunk, chunk, flat[:whole].reshape(n // chunk, chunk)
    )
    rest = None if whole == n else rans.push(empty, part.model(whole, n - whole), flat[whole:])
    return Message(chunks, rest, symbols.shape, chunk)


def _default_chunk(n: int) -> int:
    return min(max(-(-n // WANTED_CHUNKS), MIN_CHUNK), DEFAULT_MAX_CHUNK)


@functools.partial(jax.jit, static_argnames=("dtype",))
def decode(message: Message, model: Any, dtype: Any = jnp.int32) -> tuple[Message, jax.Array]:
    """The inverse of `encode`. Pure, for `jit`.

    Args:
        message: from `encode` or `jans.from_bytes`.
        model: the model that the symbols were encoded with.
        dtype: of the symbols, as for `jans.rans.pop`.

    Returns:
        What is left of the message, with a status for `jans.check` and nothing else (`is_empty`), and the
        symbols.
    """
    check_fit(model.shape, message.shape)
    left, symbols = _decode_chunks(message, _Cut(model, message.shape), 0, dtype)
    return left, symbols.reshape(message.shape)


def _decode_chunks(message: Message, part: "_Cut", first: Any, dtype: Any) -> tuple[Message, jax.Array]:
    """The symbols of a message that begins with chunk `first` of that which was encoded, one axis."""
    count, chunk = message.chunks.size.shape[0], message.chunk
    chunks, symbols = part.map(
        lambda own, state: rans.pop(state, own, (chunk,), dtype), first, count, chunk, message.chunks
    )
    symbols, rest = symbols.reshape(-1), message.remainder
    if rest is not None:
        n = math.prod(part.shape) % chunk
        rest, last = rans.pop(rest, part.model((first + count) * chunk, n), (n,), dtype)
        symbols = jnp.concatenate([symbols, last])
    return Message(chunks, rest, message.shape, chunk), symbols


class _Cut:
    """A model for parts of the symbols of a shape."""

    def __init__(self, model: Any, shape: Shape):
        self.shape = shape
        self.own, self.rebuilt = model.flat(shape).per_symbol()

    def model(self, begin: Any, n: int) -> Any:
        """The model of n symbols."""
        return self.rebuilt(self._leaves(begin, n))

    def _leaves(self, begin: Any, n: int) -> list[jax.Array]:
        return [jax.lax.dynamic_slice_in_dim(leaf, begin, n) for leaf in self.own]

    def map(self, code: Callable[..., Any], first: Any, count: int, chunk: int, arrays: Any) -> Any:
        """`code(model, arrays)` of chunks first, first + 1, ..., whose arrays lead with their number."""
        if count == 0:
            struct = lambda leaf, *lead: jax.ShapeDtypeStruct((*lead, *leaf.shape[1:]), leaf.dtype)
            own = [struct(leaf, chunk) for leaf in self.own]
            one = jax.eval_shape(lambda own, part: code(self.rebuilt(own), part), own, jax.tree.map(struct, arrays))
            return jax.tree.map(lambda leaf: jnp.zeros((0, *leaf.shape), leaf.dtype), one)
        leaves = [leaf.reshape(count, chunk, *leaf.shape[1:]) for leaf in self._leaves(first * chunk, count * chunk)]
        return jax.vmap(lambda own, part: code(self.rebuilt(own), part), axis_size=count)(leaves, arrays)


# ---- bytes ----


def message_to_bytes(message: Message, fingerprint: int = 0) -> bytes:
    """A message as bytes, with an index of its chunks: the format of docs/format.md.

    Args:
        message: with concrete arrays.
        fingerprint: a number (uint64) that stands for the models, kept in the bytes and compared by readers; 0 for
            none.

    Raises:
        CodingError: when the status of any stream is not clean; nothing is written then.
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
    """The message that `message_to_bytes` wrote.

    Raises:
        CodingError: as `Reader` does, and when there is more behind the message.
    """
    data = bytes(memoryview(data))
    reader = Reader(data, fingerprint)
    if reader.length < len(data):
        raise CodingError(
            f"these bytes go on for {len(data) - reader.length} bytes after their end. Pass one message at a time."
        )
    return reader.message()


class Reader:
    """A message in bytes or in a file, of which only those chunks are read that are asked for.

    Args:
        source: bytes, or a file that is open for reading and can seek; it begins where the file is at.
        fingerprint: that of the models at hand; 0 skips the comparison.

    Attributes:
        shape: of the symbols.
        chunk: symbols of a chunk.
        length: bytes of the message.

    Raises:
        CodingError: when the bytes are foreign, cut short, damaged, or written with models of another fingerprint.

    >>> from jans import models
    >>> symbols = jnp.arange(10**5) // 1000
    >>> import jans
    >>> data = jans.to_bytes(encode(models.Uniform(100, precision=12), symbols, chunk=10**4))
    >>> Reader(data).read(models.Uniform(100, precision=12), 42_998, 43_002)
    Array([42, 42, 43, 43], dtype=int32)
    """

    def __init__(self, source: bytes | BinaryIO, fingerprint: int = 0):
        self._file: Any = io.BytesIO(source) if isinstance(source, bytes | bytearray | memoryview) else source
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
        wanted = self._count * _ENTRY.size + 4
        # A made-up number of chunks must not ask for memory that no file of this size can fill.
        self._file.seek(0, io.SEEK_END)
        self._there = self._file.tell() - self._begin
        there = self._there - len(head)
        if there < wanted:
            raise CodingError(f"these bytes are cut short: {wanted} of an index are needed, {there} are there.")
        self._file.seek(self._begin + len(head))
        index = self._file.read(wanted)
        if zlib.crc32(head + index[:-4]) != struct.unpack("<I", index[-4:])[0]:
            raise CodingError("these bytes are damaged: the checksum of the index does not match. Fetch them again.")
        entries = np.frombuffer(index, "<u4", 2 * self._count).reshape(-1, 2).astype(np.int64)
        self._sums = entries[:, 1]
        self._ends = len(head) + wanted + np.concatenate([[0], np.cumsum(entries[:, 0])])
        self.length = int(self._ends[-1])

    def message(self) -> Message:
        """All of it, for `decode`.

        Raises:
            CodingError: when a chunk is cut short or damaged.
        """
        return self._load(0, self._count)

    def read(self, model: Any, begin: int = 0, end: int | None = None, dtype: Any = jnp.int32) -> jax.Array:
        """Symbols begin, ..., end - 1 of the message, in row-major order.

        Args:
            model: the model of all symbols of the message.
            begin, end: by default from the first to the last.
            dtype: of the symbols.

        Returns:
            dtype [end - begin].

        Raises:
            CodingError: when a chunk is cut short, damaged, or does not decode with this model.
        """
        begin, end = operator.index(begin), self._n if end is None else operator.index(end)
        if not 0 <= begin <= end <= self._n:
            raise ValueError(f"0 <= begin <= end <= {self._n} must hold, got {begin} and {end}.")
        check_fit(model.shape, self.shape)
        first, last = begin // self.chunk, -(-end // self.chunk)
        if begin == end:
            return jnp.zeros(0, dtype)
        left, symbols = _read(self._load(first, last), model, first, np.dtype(dtype))
        try:
            check(left)
        except CodingError as error:
            raise CodingError(f"of chunks {first} to {last - 1}, {error}") from None
        rest = np.flatnonzero(~np.asarray(is_empty(left)))
        if rest.size:
            raise CodingError(
                f"chunk {first + int(rest[0])} goes on after its last symbol. Decode with the models that encoded it."
            )
        begin, end = begin - first * self.chunk, end - first * self.chunk
        # On the host, as a device would compile a program for each length.
        return symbols if end - begin == symbols.size else jnp.asarray(np.asarray(symbols)[begin:end])

    def _load(self, first: int, last: int) -> Message:
        """Chunks first, ..., last - 1."""
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
        # Room in powers of two, so that chunks of about the same length share a compiled program.
        capacity = 1 << (8 * longest // v.word_bits).bit_length()
        states = byte_strings.read_strings(strings, capacity, self._lanes, v.name)
        chunks = jax.tree.map(lambda leaf: jnp.asarray(leaf[:whole]), states)
        rest = jax.tree.map(lambda leaf: jnp.asarray(leaf[-1]), states) if whole < len(strings) else None
        return Message(chunks, rest, self.shape, self.chunk)

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
def _read(message: Message, model: Any, first: Any, dtype: Any) -> tuple[Message, jax.Array]:
    return _decode_chunks(message, _Cut(model, message.shape), first, dtype)


def __dir__() -> list[str]:
    return __all__
