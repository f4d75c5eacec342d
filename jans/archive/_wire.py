"""What a packed tree is written with: numbers of any length, and readers that never go beyond their bytes."""

import struct
from typing import Any

from jans.status import CodingError

Block = list[Any]
"""Bytes in parts, each of which has the buffer protocol and counts bytes."""


def damaged(what: str) -> CodingError:
    """The error for bytes that nobody has written."""
    return CodingError(f"these bytes are damaged or made up: {what}.")


class Writer:
    """Bytes that grow."""

    def __init__(self) -> None:
        self.data = bytearray()

    def number(self, value: int) -> "Writer":
        """A number of 0 or more, seven bits to a byte, the lowest first; the last byte is below 128."""
        while value > 127:
            self.data.append(value & 127 | 128)
            value >>= 7
        self.data.append(value)
        return self

    def signed(self, value: int) -> "Writer":
        """An integer as a number: 0, -1, 1, -2, ... are 0, 1, 2, 3, ..."""
        return self.number(2 * value if value >= 0 else -2 * value - 1)

    def sized(self, data: bytes | bytearray) -> "Writer":
        """Bytes behind their number."""
        self.number(len(data)).data.extend(data)
        return self

    def block(self, parts: Block) -> "Writer":
        """The parts of a block behind the number of their bytes."""
        return self.sized(b"".join(parts))

    def text(self, value: str) -> "Writer":
        """A string, which may have lone surrogates, as UTF-8."""
        return self.sized(value.encode("utf-8", "surrogatepass"))


class Reader:
    """Reads what a `Writer` wrote. All methods raise CodingError where the bytes end."""

    def __init__(self, data: Any) -> None:
        self.data, self.at = memoryview(data), 0

    def take(self, length: int) -> memoryview:
        """The next bytes."""
        if length > len(self.data) - self.at:
            raise CodingError(f"these bytes are cut short: {length} more are needed, {self.left} are there.")
        self.at += length
        return self.data[self.at - length : self.at]

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self.data) - self.at

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def number(self, most: int = 2**63 - 1) -> int:
        """The inverse of `Writer.number`, for numbers up to `most`."""
        if self.at < len(self.data) and (byte := self.data[self.at]) < 128 and byte <= most:  # as nearly all are
            self.at += 1
            return byte
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if value > most or shift > most.bit_length() + 7:
                raise damaged(f"a number of {value} where {most} is the most")
            if byte < 128:
                return value

    def signed(self, most: int = 2**63) -> int:
        """The inverse of `Writer.signed`."""
        value = self.number(2 * most)
        return -(value + 1) // 2 if value % 2 else value // 2

    def sized(self) -> memoryview:
        """The inverse of `Writer.sized`."""
        return self.take(self.number())

    def text(self) -> str:
        """The inverse of `Writer.text`."""
        try:
            return bytes(self.sized()).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise damaged("a string is not UTF-8") from None

    def unpack(self, layout: struct.Struct) -> tuple[Any, ...]:
        """The next numbers of a fixed layout."""
        return layout.unpack(self.take(layout.size))

    def close(self) -> None:
        """Raises CodingError if bytes are left."""
        if self.left:
            raise damaged(f"{self.left} bytes more than they should have")
