"""The header of all self-describing bytes; docs/format.md specifies it."""

import dataclasses
import struct

from jans.status import CodingError

MAGIC = b"JANS"
VERSION = 1
RANS, CHUNKED, CHAIN, RANGE_ENCODER, RANGE_DECODER, TANS, BIT_QUEUE, BIT_STACK, BIT_READER = range(1, 10)
"""The numbers of the coders in the header."""
MAX_BYTES, MAX_PADDING = 2**28, 64
"""Limits for the memory that streams may fill: the total in bytes,
and bytes of memory for each byte of input."""
MAX_RANK = 8

_PREFIX = struct.Struct("<4sBBBBIQ")  # magic, version, coder, variant, rank, lanes, fingerprint
_RANK = 7
SHORTEST = _PREFIX.size
"""The number of bytes of a header without dimensions."""
MAX_HEADER = _PREFIX.size + 4 * MAX_RANK
"""The largest number of bytes of a header."""


@dataclasses.dataclass(frozen=True)
class Header:
    """The contents of a header: numbers of the coder and its variant, lanes, a fingerprint,
    and dimensions."""

    coder: int
    variant: int
    lanes: int
    fingerprint: int
    dims: tuple[int, ...]


def write(header: Header) -> bytes:
    """Returns a header as bytes."""
    if not 0 <= header.fingerprint < 2**64:
        raise ValueError(f"fingerprint must be an unsigned 64-bit number, got {header.fingerprint}.")
    rank = len(header.dims)
    if rank > MAX_RANK:
        raise ValueError(f"the format has {MAX_RANK} dimensions at most, got {rank}. Reshape the arrays.")
    prefix = _PREFIX.pack(MAGIC, VERSION, header.coder, header.variant, rank, header.lanes, header.fingerprint)
    return prefix + struct.pack(f"<{rank}I", *header.dims)


def length_of(data: bytes) -> int:
    """The number of bytes of the header that begins with these `SHORTEST` bytes."""
    rank = data[_RANK] if len(data) > _RANK else 0
    return SHORTEST + 4 * min(rank, MAX_RANK)


def read(data: bytes, fingerprint: int) -> tuple[Header, int]:
    """Returns the header, and the position at which it ends.

    Raises:
        CodingError: if the bytes are foreign, cut short, damaged, of a later version, or written with models
            of another fingerprint.
    """
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise CodingError(f"these bytes are not from jans: they begin with {data[:4]!r} and not with {MAGIC!r}.")
    need(data, _PREFIX.size)
    _, version, coder, variant, rank, lanes, found = _PREFIX.unpack_from(data)
    if version != VERSION:
        raise CodingError(f"these bytes have format version {version}; this jans reads version {VERSION}. Update jans.")
    if rank > MAX_RANK or lanes < 1:
        raise CodingError(f"these bytes are damaged or made up: {rank} dimensions, {lanes} lanes.")
    end = _PREFIX.size + 4 * rank
    need(data, end)
    if fingerprint and found and found != fingerprint:
        raise CodingError(
            f"these bytes were written with models of fingerprint {found:#018x}, the models at hand have "
            f"{fingerprint:#018x}: symbols would decode to noise. Load the models that the encoder used, and "
            "compute with them at its batch shape."
        )
    return Header(coder, variant, lanes, found, struct.unpack_from(f"<{rank}I", data, _PREFIX.size)), end


def unknown(header: Header) -> CodingError:
    """Returns the error to raise for an unknown coder or variant."""
    return CodingError(
        f"these bytes name a coder that this jans does not have: coder {header.coder}, variant {header.variant}. "
        "Update jans."
    )


def need(data: bytes, length: int) -> None:
    """Raises CodingError if there are fewer than `length` bytes."""
    if len(data) < length:
        raise CodingError(f"these bytes are cut short: {length} are needed, {len(data)} are there.")
