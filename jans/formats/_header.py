"""The header of all self-describing bytes; docs/format.md specifies it."""

import dataclasses
import math
import operator
import struct
from typing import Any

from jans._checks import type_name
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
_HAS_SYMBOLS = 0x80
"""The bit of the rank byte that says that a number of symbols follows the dimensions."""
_SYMBOLS = struct.Struct("<Q")
_MAX_SYMBOLS = 2**63 - 1
SHORTEST = _PREFIX.size
"""The number of bytes of a header that has neither dimensions nor a number of symbols."""
MAX_HEADER = _PREFIX.size + 4 * MAX_RANK + _SYMBOLS.size
"""The largest number of bytes of a header."""


@dataclasses.dataclass(frozen=True)
class Header:
    """The contents of a header: numbers of the coder and its variant, lanes, a fingerprint, dimensions,
    and the number of symbols in each stream, or None if the bytes do not say it.

    The dimensions of a message in chunks are the shape of its symbols, so its header has no number of symbols.
    """

    coder: int
    variant: int
    lanes: int
    fingerprint: int
    dims: tuple[int, ...]
    symbols: int | None = None


def write(header: Header) -> bytes:
    """Returns a header as bytes."""
    if not 0 <= header.fingerprint < 2**64:
        raise ValueError(f"fingerprint must be an unsigned 64-bit number, got {header.fingerprint}.")
    rank = len(header.dims)
    if rank > MAX_RANK:
        raise ValueError(f"the format has {MAX_RANK} dimensions at most, got {rank}. Reshape the arrays.")
    symbols = count_of(header.symbols)
    flags = rank if symbols is None else rank | _HAS_SYMBOLS
    prefix = _PREFIX.pack(MAGIC, VERSION, header.coder, header.variant, flags, header.lanes, header.fingerprint)
    return prefix + struct.pack(f"<{rank}I", *header.dims) + (b"" if symbols is None else _SYMBOLS.pack(symbols))


def count_of(symbols: Any) -> int | None:
    """Returns a number of symbols as an int, or None; raises TypeError or ValueError for anything else."""
    if symbols is None:
        return None
    try:
        number = operator.index(symbols)
    except TypeError:
        raise TypeError(f"symbols must be the number of symbols in each stream, got {type_name(symbols)}.") from None
    if not 0 <= number <= _MAX_SYMBOLS:
        raise ValueError(f"symbols must be from 0 to 2**63 - 1, got {number}.")
    return number


def length_of(data: bytes) -> int:
    """The number of bytes of the header that begins with these `SHORTEST` bytes."""
    flags = data[_RANK] if len(data) > _RANK else 0
    return SHORTEST + 4 * min(flags & ~_HAS_SYMBOLS, MAX_RANK) + (_SYMBOLS.size if flags & _HAS_SYMBOLS else 0)


def read(data: bytes, fingerprint: int, symbols: Any = None) -> tuple[Header, int]:
    """Returns the header, and the position at which it ends.

    Args:
        data: bytes that begin with a header.
        fingerprint: the fingerprint of the models at hand; 0 skips the comparison.
        symbols: the number of symbols that are to be decoded from each stream; None skips the comparison.

    Raises:
        CodingError: if the bytes are foreign, cut short, damaged or of a later version, if they were written
            with models of another fingerprint, or if they hold another number of symbols.
    """
    wanted = count_of(symbols)
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise CodingError(f"these bytes are not from jans: they begin with {data[:4]!r} and not with {MAGIC!r}.")
    need(data, _PREFIX.size)
    _, version, coder, variant, flags, lanes, found = _PREFIX.unpack_from(data)
    rank = flags & ~_HAS_SYMBOLS
    if version != VERSION:
        raise CodingError(f"these bytes have format version {version}; this jans reads version {VERSION}. Update jans.")
    if rank > MAX_RANK or lanes < 1:
        raise CodingError(f"these bytes are damaged or made up: {rank} dimensions, {lanes} lanes.")
    end = length_of(data)
    need(data, end)
    dims = struct.unpack_from(f"<{rank}I", data, _PREFIX.size)
    chunked, held = coder == CHUNKED, None
    if flags & _HAS_SYMBOLS:
        (held,) = _SYMBOLS.unpack_from(data, end - _SYMBOLS.size)
        if chunked or held > _MAX_SYMBOLS:
            raise CodingError(f"these bytes are damaged or made up: coder {coder}, {held} symbols.")
    if fingerprint and found and found != fingerprint:
        raise CodingError(
            f"these bytes were written with models of fingerprint {found:#018x}, the models at hand have "
            f"{fingerprint:#018x}: symbols would decode to noise. Load the models that the encoder used, and "
            "compute with them at its batch shape."
        )
    there = math.prod(dims) if chunked else held
    if wanted is not None and there is not None and there != wanted:
        raise CodingError(
            f"these bytes hold {there} symbols{'' if chunked else ' in each stream'}, and {wanted} are to be decoded. "
            "Decode exactly what was encoded, or open the message that you mean."
        )
    return Header(coder, variant, lanes, found, dims, held), end


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
