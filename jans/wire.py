"""Bytes in, bytes out: the format of docs/format.md."""

import dataclasses
import math
import struct
import zlib

import jax.numpy as jnp
import numpy as np

from jans import rans
from jans.reference import plain
from jans.state import sound_heads
from jans.status import CodingError, check
from jans.words import tails

MAGIC = b"JANS"
VERSION = 1
RANS, CHUNKED = 1, 2
"""Coders, as the bytes name them."""
MOST_BYTES, MOST_PADDING = 2**28, 64
"""What streams may fill side by side, in all or for each byte that is there."""

_PREFIX = struct.Struct("<4sBBBBIQ")  # magic, version, coder, variant, rank, lanes, fingerprint
_MAX_RANK = 8


@dataclasses.dataclass(frozen=True)
class Layout:
    """The start of a blob."""

    coder: int
    variant: str
    lanes: int
    fingerprint: int
    dims: tuple[int, ...]


def to_bytes(state: rans.State, fingerprint: int = 0) -> bytes:
    """A coder, or a batch of coders of any shape, as bytes that say how to read them.

    Args:
        state: with concrete arrays.
        fingerprint: a number (uint64) that stands for the models, kept in the bytes and compared by `from_bytes`; 0 for
            none.

    Raises:
        CodingError: when the status of any stream is not clean; nothing is written then.

    >>> import jans
    >>> blob = to_bytes(jans.rans.push(jans.rans.init(capacity=8), jans.models.Uniform(10), jnp.arange(7)))
    >>> len(blob)
    36
    """
    if not isinstance(state, rans.State):
        raise TypeError(
            f"jans.to_bytes takes a jans.rans.State, got {type(state).__module__}.{type(state).__name__}. Other coders "
            "have words of their own: jans.chain.to_remainders and to_data, jans.chunked.to_bytes, "
            "jans.range_coder.to_words, jans.tans.to_bytes."
        )
    check(state)
    size = np.asarray(state.size, "<i4")
    head = np.asarray(state.head, "<u4")
    layout = Layout(RANS, state.variant, state.lanes, fingerprint, size.shape)
    parts = [write_layout(layout), size.tobytes(), head.tobytes()]
    body = b"".join(parts + tails(state))
    return body + struct.pack("<I", zlib.crc32(body))


def from_bytes(blob: bytes, capacity: int | None = None, *, spare: int = 0, fingerprint: int = 0) -> rans.State:
    """The coder, or batch of coders, that `to_bytes` wrote.

    Args:
        blob: the bytes.
        capacity: words of each tail; by default as many as the longest one has, and `spare` words more.
        spare: room for what will be pushed while decoding, as bits-back coding does.
        fingerprint: that of the models at hand; 0 skips the comparison.

    Raises:
        CodingError: when the bytes are foreign, of a later version, cut short, damaged, made up, or written with models
            of another fingerprint. Each has its own sentence.
    """
    blob = bytes(memoryview(blob))
    layout, at = read_layout(blob, RANS, fingerprint)
    batch = layout.dims
    if math.prod(max(length, 1) for length in batch) * layout.lanes >= 2**31:
        raise CodingError(f"these bytes are damaged or made up: a batch of shape {batch}, {layout.lanes} lanes each.")
    v = plain.VARIANTS[layout.variant]
    streams = math.prod(batch)
    halves = v.state_bits // 32
    end = at + 4 * streams * (1 + layout.lanes * halves)
    need(blob, end)
    size = np.frombuffer(blob, "<i4", streams, at).astype(np.int64)
    if (size < 0).any():
        raise CodingError("these bytes are damaged or made up: a stream has a negative length.")
    total = end + int(size.sum()) * v.word_bits // 8
    need(blob, total + 4)
    if len(blob) != total + 4:
        raise CodingError(
            f"these bytes go on for {len(blob) - total - 4} bytes after their end. Pass one blob at a time."
        )
    if zlib.crc32(blob[:total]) != struct.unpack_from("<I", blob, total)[0]:
        raise CodingError("these bytes are damaged: their checksum does not match. Fetch them again.")
    longest = int(size.max(initial=0))
    capacity = longest + spare if capacity is None else capacity
    if not longest <= capacity < 2**31:
        raise ValueError(f"capacity must be at least the {longest} words of the longest stream, got {capacity}.")
    # Only what the bytes ask for counts: room beyond the longest stream is the caller's wish.
    if streams * longest * v.word_bits // 8 > max(MOST_BYTES, MOST_PADDING * len(blob)):
        raise CodingError(
            f"these {len(blob)} bytes hold {streams} streams of which the longest has {longest} words: side by side "
            "they would fill far more memory than they are worth. Encode streams of such different lengths one by one."
        )
    words = np.frombuffer(blob, np.dtype(f"<u{v.word_bits // 8}"), int(size.sum()), end)
    tail = np.zeros((streams, capacity), words.dtype.newbyteorder("="))
    tail[np.arange(capacity) < size[:, None]] = words
    head_shape = (*batch, layout.lanes, 2) if halves == 2 else (*batch, layout.lanes)
    head = np.frombuffer(blob, "<u4", streams * layout.lanes * halves, at + 4 * streams).reshape(head_shape)
    state = rans.State(
        head=jnp.asarray(head.astype(np.uint32)),
        tail=jnp.asarray(tail.reshape(*batch, capacity)),
        size=jnp.asarray(size.reshape(batch).astype(np.int32)),
        status=jnp.zeros(batch, jnp.int32),
        variant=layout.variant,
    )
    if not sound_heads(state).all():
        raise CodingError(f"these bytes are made up: a head is out of the range of variant {state.variant}.")
    return state


def write_layout(layout: Layout) -> bytes:
    """The start of a blob as bytes."""
    if not 0 <= layout.fingerprint < 2**64:
        raise ValueError(f"fingerprint must be an unsigned 64-bit number, got {layout.fingerprint}.")
    rank = len(layout.dims)
    if rank > _MAX_RANK:
        raise ValueError(f"the format has {_MAX_RANK} dimensions at most, got {rank}. Reshape the arrays.")
    number = list(plain.VARIANTS).index(layout.variant)
    prefix = _PREFIX.pack(MAGIC, VERSION, layout.coder, number, rank, layout.lanes, layout.fingerprint)
    return prefix + struct.pack(f"<{rank}I", *layout.dims)


def read_layout(blob: bytes, coder: int, fingerprint: int) -> tuple[Layout, int]:
    """The start of a blob, and where it ends.

    Raises:
        CodingError: where it is none of this coder, or was written with models of another fingerprint.
    """
    if blob[: len(MAGIC)] != MAGIC[: len(blob)]:
        raise CodingError(f"these bytes are not from jans: they begin with {blob[:4]!r} and not with {MAGIC!r}.")
    need(blob, _PREFIX.size)
    _, version, written, number, rank, lanes, found = _PREFIX.unpack_from(blob)
    if version != VERSION:
        raise CodingError(f"these bytes have format version {version}; this jans reads version {VERSION}. Update jans.")
    if written not in _READERS or number >= len(plain.VARIANTS):
        raise CodingError(f"these bytes name a coder that this jans does not have: coder {written}, variant {number}.")
    if written != coder:
        raise CodingError(f"these bytes are of another coder. Read them with {_READERS[written]}.")
    if rank > _MAX_RANK or lanes < 1:
        raise CodingError(f"these bytes are damaged or made up: {rank} dimensions, {lanes} lanes.")
    end = _PREFIX.size + 4 * rank
    need(blob, end)
    if fingerprint and found and found != fingerprint:
        raise CodingError(
            f"these bytes were written with models of fingerprint {found:#018x}, the models at hand have "
            f"{fingerprint:#018x}: symbols would decode to noise. Load the models that the encoder used, and "
            "compute with them at its batch shape."
        )
    dims = struct.unpack_from(f"<{rank}I", blob, _PREFIX.size)
    return Layout(coder, list(plain.VARIANTS)[number], lanes, found, dims), end


_READERS = {RANS: "jans.from_bytes", CHUNKED: "jans.chunked.from_bytes"}
MOST_LAYOUT = _PREFIX.size + 4 * _MAX_RANK
"""The most bytes of a layout."""


def need(blob: bytes, length: int) -> None:
    """Raises CodingError where there are fewer bytes."""
    if len(blob) < length:
        raise CodingError(f"these bytes are cut short: {length} are needed, {len(blob)} are there.")
