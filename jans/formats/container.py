"""Coders as self-describing bytes, and back; docs/format.md specifies the format."""

import dataclasses
import functools
import io
import math
import struct
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import type_name
from jans._variants import CHAIN, RANS, Variant
from jans.coders import chain, huffman, range_coder, rans, tans
from jans.coders._state import CoderState
from jans.coders._words import tails
from jans.formats import _header, chunked
from jans.formats._header import Header
from jans.status import CodingError, check


class _Kind(NamedTuple):
    """A class of states: a function that makes one without words, its variants,
    and the names of its settings."""

    state: type[CoderState]
    make: Callable[..., Any]
    variants: Mapping[str, Variant] = MappingProxyType({})
    settings: tuple[str, ...] = ()


_NO_WORDS = np.zeros(0, np.uint32)
_KINDS: dict[int, _Kind] = {
    _header.RANS: _Kind(rans.State, lambda lanes, variant: rans.init(0, lanes, variant), RANS),
    _header.CHAIN: _Kind(
        chain.State,
        lambda lanes, variant, precision: chain.init(
            np.zeros(2 * lanes, CHAIN[variant].word), 0, lanes, variant, precision
        ),
        CHAIN,
        ("precision",),
    ),
    _header.RANGE_ENCODER: _Kind(range_coder.Encoder, lambda _: range_coder.encoder(0)),
    _header.RANGE_DECODER: _Kind(range_coder.Decoder, lambda _: range_coder.decoder(_NO_WORDS)),
    _header.TANS: _Kind(tans.State, lambda lanes, precision: tans.init(0, lanes, precision), settings=("precision",)),
    _header.BIT_QUEUE: _Kind(huffman.Queue, lambda _: huffman.queue(0)),
    _header.BIT_STACK: _Kind(huffman.Stack, lambda _: huffman.stack(0)),
    _header.BIT_READER: _Kind(huffman.Reader, lambda _: huffman.reader(_NO_WORDS)),
}


_READ = 2**20
"""The number of bytes to read from a file at once."""


@_inputs.door(fingerprint=_inputs.whole)
def to_bytes(state: Any, fingerprint: int = 0, symbols: int | None = None) -> bytes:
    """A coder, or a batch of coders of any shape, as self-describing bytes.

    Args:
        state: the state of any coder of jans, or a `jans.chunked.Message`, with concrete arrays.
        fingerprint: a uint64 that stands for the models. The bytes keep it, and `from_bytes` compares it. 0
            disables it.
        symbols: the number of symbols in each stream, from 0 to 2**63 - 1. The bytes keep it, and
            `from_bytes` compares it with the number that is to be decoded. A `jans.chunked.Message` has this
            number already.

    Raises:
        CodingError: if the status of any stream is not clean; no bytes are written then.
        TypeError: if `state` is something else.
        ValueError: if fingerprint or symbols is out of range, or if a `jans.chunked.Message` has another
            number of symbols.

    >>> import jans
    >>> data = to_bytes(jans.rans.push(jans.rans.init(capacity=8), jans.models.Uniform(10), jnp.arange(7)))
    >>> len(data)
    36
    """
    if isinstance(state, chunked.Message):
        n = math.prod(state.shape)
        if _header.count_of(symbols) not in (None, n):
            raise ValueError(f"symbols must be the number of symbols of the message, {n}, got {symbols}. Leave it out.")
        return chunked.message_to_bytes(state, fingerprint)
    number = next((number for number, kind in _KINDS.items() if type(state) is kind.state), None)
    if number is None:
        raise TypeError(f"state must be the state of a coder of jans, got {type_name(state)}.")
    check(state)
    kind = _KINDS[number]
    variant = kind.variants[state.variant].number if kind.variants else 0
    parts = [_header.write(Header(number, variant, state.lanes, fingerprint, state.status.shape, symbols))]
    parts += [struct.pack("<I", getattr(state, name)) for name in kind.settings]
    parts += [np.asarray(size, "<i4").tobytes() for size, _ in state.usage]
    for name in _numbers(state):
        array = np.asarray(getattr(state, name))
        parts.append(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    for words, size in state.stacks.items():
        parts += tails(getattr(state, words), getattr(state, size))
    body = b"".join(parts)
    return body + struct.pack("<I", zlib.crc32(body))


@_inputs.door(capacity=_inputs.whole_or_none, spare=_inputs.whole, fingerprint=_inputs.whole)
def from_bytes(
    data: Any, capacity: int | None = None, *, spare: int = 0, fingerprint: int = 0, symbols: int | None = None
) -> Any:
    """The coder, or batch of coders, from bytes of `to_bytes`.

    Args:
        data: the bytes, in any object that holds bytes, or a path or an open file whose rest they are.
        capacity: number of words in each stack; by default the number of the longest stack plus `spare`.
        spare: number of extra words, for what you push while you decode, as in bits-back coding.
        fingerprint: the fingerprint of your models; 0 skips the comparison.
        symbols: the number of symbols that you are about to decode from each stream, or from the whole of a
            `jans.chunked.Message`. Bytes without such a number skip the comparison.

    Returns:
        The state with its batch, or a `jans.chunked.Message`.

    Raises:
        CodingError: if the bytes are foreign, of a later version, cut short, damaged or made up, if they were
            written with models of another fingerprint, or if they hold another number of symbols. Each cause
            has its own message.
        ValueError: if the words do not fit the capacity, or if a `jans.chunked.Message` gets a capacity or
            spare words.

    >>> from jans import models
    >>> state = rans.push(rans.init(capacity=8), models.Uniform(10), jnp.arange(7))
    >>> state = from_bytes(to_bytes(state, symbols=7), symbols=7)
    >>> rans.pop(state, models.Uniform(10), shape=(7,))[1]
    Array([0, 1, 2, 3, 4, 5, 6], dtype=int32)
    """
    data = _inputs.contents("data", data)
    header, _ = _header.read(data, fingerprint, symbols)
    if header.coder == _header.CHUNKED:
        _check_no_room(capacity, spare)
        return chunked.message_from_bytes(data, fingerprint)
    state, length = _parse(lambda _: data, capacity, spare, fingerprint)
    if len(data) != length:
        raise CodingError(
            f"these bytes go on for {len(data) - length} bytes after their end. Pass one message at a time, or read "
            "them with jans.read_message."
        )
    return state


def _file(verb: str) -> _inputs.Converter:
    def convert(name, file):
        if not callable(getattr(file, verb, None)):
            raise TypeError(f"{name} must be a file that is open for bytes, got {type_name(file)}.")
        return file

    return convert


@_inputs.door(file=_file("write"))
def write_message(file: Any, state: Any, fingerprint: int = 0, symbols: int | None = None) -> None:
    """Writes the bytes of `to_bytes` to a file. Messages may follow each other.

    Args:
        file: a file that is open for writing bytes.
        state, fingerprint, symbols: as for `to_bytes`.

    Raises:
        CodingError, TypeError, ValueError: as for `to_bytes`; nothing is written then.

    >>> from jans import models
    >>> file = io.BytesIO()
    >>> for n in (5, 7):
    ...     write_message(file, rans.push(rans.init(capacity=8), models.Uniform(10), jnp.arange(n)))
    >>> len(file.getvalue())
    72
    """
    file.write(to_bytes(state, fingerprint, symbols))


@_inputs.door(file=_file("read"), capacity=_inputs.whole_or_none, spare=_inputs.whole, fingerprint=_inputs.whole)
def read_message(
    file: Any, capacity: int | None = None, *, spare: int = 0, fingerprint: int = 0, symbols: int | None = None
) -> Any:
    """Reads one message from a file, and leaves the file at the next one.

    Args:
        file: a file that is open for reading bytes. A `jans.chunked.Message` needs one that can seek.
        capacity, spare, fingerprint, symbols: as for `from_bytes`.

    Returns:
        The coder, or None at the end of the file.

    Raises:
        CodingError, ValueError: as for `from_bytes`.

    >>> import io, jans
    >>> file = io.BytesIO()
    >>> for text in (b"one", b"three"):
    ...     write_message(file, jans.rans.push(jans.rans.init(8), jans.models.Uniform(256), list(text)))
    >>> file.seek(0)
    0
    >>> first, second, end = [read_message(file) for _ in range(3)]
    >>> bytes(jans.rans.pop(second, jans.models.Uniform(256), 5, jnp.uint8)[1]), end
    (b'three', None)
    """
    data = b""

    def fetch(length):
        nonlocal data
        parts, missing = [data], length - len(data)
        # A made-up length must not make us ask for memory that no byte fills.
        while missing > 0 and (more := file.read(min(missing, _READ))):
            parts.append(more)
            missing -= len(more)
        data = b"".join(parts)
        return data

    if not fetch(1):
        return None
    header, _ = _header.read(fetch(_header.length_of(fetch(_header.SHORTEST))), fingerprint, symbols)
    if header.coder != _header.CHUNKED:
        return _parse(fetch, capacity, spare, fingerprint)[0]
    _check_no_room(capacity, spare)
    begin = file.seek(-len(data), io.SEEK_CUR)
    reader = chunked.Reader(file, fingerprint)
    message = reader.message()
    file.seek(begin + reader.length)
    return message


def _check_no_room(capacity: int | None, spare: int) -> None:
    if capacity is not None or spare:
        raise ValueError(
            "these bytes hold a jans.chunked.Message, on which nothing is pushed. Leave out capacity and spare."
        )


def _parse(fetch: Callable[[int], bytes], capacity: int | None, spare: int, fingerprint: int) -> tuple[Any, int]:
    """The coder of a message, and the number of its bytes; `fetch(n)` gives n bytes of it, or more, or all."""
    data = fetch(_header.length_of(fetch(_header.SHORTEST)))
    header, at = _header.read(data, fingerprint)
    kind, batch = _KINDS.get(header.coder), header.dims
    variant = kind and next((v.name for v in kind.variants.values() if v.number == header.variant), None)
    if kind is None or (variant is None and (kind.variants or header.variant)):
        raise _header.unknown(header)
    if math.prod(max(length, 1) for length in batch) * header.lanes >= 2**31:
        raise CodingError(f"these bytes are damaged or made up: a batch of shape {batch}, {header.lanes} lanes each.")
    data = fetch(at + 4 * len(kind.settings))
    _header.need(data, at + 4 * len(kind.settings))
    settings = struct.unpack_from(f"<{len(kind.settings)}I", data, at)
    at += 4 * len(kind.settings)
    empty = _empty(header.coder, header.lanes, variant, settings)
    if empty.lanes != header.lanes:
        raise CodingError(f"these bytes are damaged or made up: a {empty.public_name} of {header.lanes} lanes.")
    streams = math.prod(batch)
    shapes = {name: (*batch, *getattr(empty, name).shape) for name in _numbers(empty)}
    end = at + 4 * (streams * len(empty.stacks) + sum(map(math.prod, shapes.values())))
    data = fetch(end)
    _header.need(data, end)

    def numbers(shape, dtype):
        nonlocal at
        at += 4 * math.prod(shape)
        return np.frombuffer(data, np.dtype(dtype).newbyteorder("<"), math.prod(shape), at - 4 * math.prod(shape))

    sizes = [numbers(batch, np.int32).astype(np.int64) for _ in empty.stacks]
    if any((size < 0).any() for size in sizes):
        raise CodingError("these bytes are damaged or made up: a stream has a negative length.")
    fields = {name: numbers(shape, getattr(empty, name).dtype).reshape(shape) for name, shape in shapes.items()}
    words = [getattr(empty, name).dtype for name in empty.stacks]
    total = end + sum(int(size.sum()) * word.itemsize for size, word in zip(sizes, words, strict=True))
    data = fetch(total + 4)
    _header.need(data, total + 4)
    if zlib.crc32(data[:total]) != struct.unpack_from("<I", data, total)[0]:
        raise CodingError("these bytes are damaged: their checksum does not match. Fetch them again.")
    for (name, size_name), size, word in zip(empty.stacks.items(), sizes, words, strict=True):
        fields[name] = _stack(data, end, batch, size, word, capacity, spare)
        fields[size_name] = size.reshape(batch)
        end += int(size.sum()) * word.itemsize
    fields["status"] = np.zeros(batch, np.int32)
    # Convert to the byte order of this machine.
    state = dataclasses.replace(
        empty, **{name: field.astype(getattr(empty, name).dtype) for name, field in fields.items()}
    )
    if not state.is_sound().all():
        raise CodingError(
            f"these bytes are made up: a {state.public_name} cannot hold such numbers, its head is out of range."
        )
    return jax.tree.map(jnp.asarray, state), total + 4


def _stack(
    data: bytes, at: int, batch: tuple[int, ...], size: np.ndarray, word: np.dtype, capacity: int | None, spare: int
) -> np.ndarray:
    """The words of all streams in one array: [*batch, capacity]."""
    longest, item = int(size.max(initial=0)), word.itemsize
    capacity = longest + spare if capacity is None else capacity
    if not longest <= capacity < 2**31:
        raise ValueError(f"capacity must be at least the {longest} words of the longest stream, got {capacity}.")
    # Limit only what the bytes ask for. The caller may ask for any room beyond the longest stream.
    if size.size * longest * item > max(_header.MAX_BYTES, _header.MAX_PADDING * len(data)):
        raise CodingError(
            f"these {len(data)} bytes hold {size.size} streams of which the longest has {longest} words: side by side "
            "they would fill far more memory than they are worth. Encode streams of such different lengths one by one."
        )
    stack = np.zeros((size.size, capacity), word)
    stack[np.arange(capacity) < size[:, None]] = np.frombuffer(data, word.newbyteorder("<"), int(size.sum()), at)
    return stack.reshape(*batch, capacity)


def _numbers(state: CoderState) -> list[str]:
    """The names of the arrays of a state that are neither words, sizes nor the status;
    they hold 4-byte numbers."""
    return [name for name in state.ranks if name not in {*state.stacks, *state.stacks.values(), "status"}]


@functools.lru_cache(256)
def _empty(coder: int, lanes: int, variant: str | None, settings: tuple[int, ...]) -> Any:
    """The shapes of a coder without words. This allocates nothing, because the numbers may be made up."""
    kind = _KINDS[coder]
    names = {"lanes": lanes} if variant is None else {"lanes": lanes, "variant": variant}
    try:
        return jax.eval_shape(lambda: kind.make(*names.values(), *settings))
    except ValueError as error:
        raise CodingError(f"these bytes are damaged or made up: {error}") from None
