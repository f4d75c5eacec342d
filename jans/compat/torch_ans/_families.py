"""The families of torch_ans: their coders, their precisions, and the tables that they code with."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jans.coders import tans
from jans.coders._rans_state import find_variant
from jans.compat import _tables
from jans.compat.torch_ans._tensors import plain
from jans.ffi import host
from jans.formats import _in_place
from jans.models.bypass import LEFT_OUT, check_digits
from jans.status import check


class _TansTable(NamedTuple):
    """Tables of `jans.tans` for kernels: the operands of push and pop before the index."""

    push: Any
    pop: Any
    precision: int
    attributes: dict[str, int]
    row_count: int


@dataclasses.dataclass(frozen=True)
class Tans:
    """`jans.tans`: the functions that a batch of streams needs of a coder, like `_in_place.Rans`."""

    precision: int
    layout_bits: int
    lanes: int
    word_bits = 32

    @property
    def head_bytes(self) -> int:
        """The number of bytes before the words: the heads, leftover bits, and the number of these bits."""
        return 4 * (self.lanes + 2)

    def table(self, rows: _tables.Rows, alias: bool) -> _TansTable:
        """The tables for rows of cumulative frequencies; there are no alias tables."""
        attributes = {"precision": rows.precision, "bypass_precision": check_digits(rows.bypass_precision)}
        made = host.call("tans_tables", rows.cdf, rows.sizes - 1, precision=rows.precision)
        codes, states, decoder, escape = (a[None] for a in made)
        last = escape, rows.offsets[None]
        push = host.Arrays(codes.reshape(*codes.shape[:2], -1), states, *last)
        return _TansTable(push, host.Arrays(decoder, *last), rows.precision, attributes, len(rows.cdf))

    def empty(self, streams: int, capacity: int) -> tans.State:
        """Empty streams."""
        heads = np.full((streams, self.lanes), 2**self.precision, np.uint32)
        words, (sizes, status) = np.empty((streams, capacity), np.uint32), np.zeros((2, streams), np.int32)
        ones = np.ones(streams, np.uint32)
        arrays: Any = {"head": heads, "partial_word": ones, "words": words, "size": sizes, "status": status}
        return tans.State(**arrays, precision=self.precision)

    def push(self, state: tans.State, table: _TansTable, symbols: np.ndarray, index: np.ndarray) -> int:
        """Pushes symbols [streams, n], in place, and returns the status of all streams together."""
        return host.kernel("tans_push", **table.attributes)(*state.arrays(), symbols, table.push, index)

    def pop(self, state: tans.State, table: _TansTable, index: np.ndarray, symbols: np.ndarray) -> int:
        """Pops symbols [streams, n], in place, and returns the status of all streams together."""
        return host.kernel("tans_pop", **table.attributes)(*state.arrays(), table.pop, index, symbols)

    def to_strings(self, states: tans.State) -> list[bytes]:
        """All streams as bytes."""
        check(states)
        ones = (states.replace(*(a[k] for a in states.arrays())) for k in range(len(states.size)))
        return [tans.write_string(one, self.layout_bits) for one in ones]

    def from_strings(self, strings: Sequence[bytes], capacity: int | None = None) -> tans.State:
        """The inverse of `to_strings`."""
        capacity = max(map(len, strings)) // 4 if capacity is None else capacity
        ones = [tans.read_string(one, self.precision, self.lanes, self.layout_bits, capacity) for one in strings]
        if len(ones) == 1:
            return ones[0].replace(*(a[None] for a in ones[0].arrays()))
        arrays: Any = map(np.stack, zip(*(one.arrays() for one in ones), strict=True))
        return ones[0].replace(*arrays)

    def new_row(self) -> np.ndarray:
        """The uint32 numbers behind the length of a new stream of torch_ans, which has no heads yet."""
        return np.zeros(self.lanes + 2, np.uint32)

    def heads_of(self, numbers: np.ndarray) -> np.ndarray:
        """The numbers before the words, uint32 [streams, lanes + 2], as `from_strings` reads them.

        torch_ans has zeros for the heads of a new stream, and leaves bits that were read above the leftover bits.
        """
        *_, left, counts = heads = numbers.T.copy()
        heads[:-2][heads[:-2] == 0] = 2**self.precision
        left &= (np.uint64(1) << np.minimum(counts, 32).astype(np.uint64)).astype(np.uint32) - np.uint32(1)
        return heads.T


class Rans(_in_place.Rans):
    """`jans.rans`, with the functions of `Tans`."""

    @property
    def head_bytes(self) -> int:
        """The number of bytes of the heads."""
        return self.lanes * find_variant(self.variant).state_bits // 8

    @property
    def layout_bits(self) -> int:
        """The number of bits of a word in bytes."""
        return self.word_bits

    def table(self, rows: _tables.Rows, alias: bool) -> _in_place.Rows:
        """The tables for rows of cumulative frequencies, with or without alias tables."""
        return self.check(rows.prepared(alias))

    def new_row(self) -> np.ndarray:
        """The uint32 numbers behind the length of a new stream of torch_ans: the heads and a spare one."""
        return np.append(self.empty(1, 0).head, np.uint32(0))

    def heads_of(self, numbers: np.ndarray) -> np.ndarray:
        """The heads, uint32 [streams, lanes * halves]."""
        return numbers


Coder = Rans | Tans


@dataclasses.dataclass(frozen=True)
class Family:
    """The meaning of an `impl`: the largest precision, the allowed interleaves, and the coder."""

    precision: int
    interleaves: tuple[int, ...]
    variant: str = ""
    layout_bits: int = 0

    def coder(self, precision: int, lanes: int) -> Coder:
        """The coder for tables of a precision."""
        return Rans(self.variant, lanes) if self.variant else Tans(precision, self.layout_bits, lanes)


# The sizes of states limit the precisions.
FAMILIES = {
    "rans64": Family(31, (1, 2, 4, 8), variant="rans64_ryg"),
    "rans32_16": Family(15, (1, 2, 4, 8, 32), variant="rans32_16"),
    "rans32": Family(23, (1, 2, 4, 8), variant="rans32"),
    "tans32": Family(15, (1, 2, 4, 8, 32), layout_bits=16),
    "tans16": Family(15, (1, 2, 4, 8, 32), layout_bits=8),
    "tans8": Family(7, (1, 2, 4, 8, 32), layout_bits=8),
}


def integers(name: str, value: Any) -> np.ndarray:
    """An array, a tensor or a list of integers as int32 of the same shape."""
    return _tables.integers(name, plain(value))


def table_of(
    coder: Coder,
    cdfs: np.ndarray,
    sizes: np.ndarray,
    offsets: np.ndarray,
    precision: int,
    bypass_precision: int | None,
    alias: bool,
) -> Any:
    """The tables of a coder for rows of cumulative frequencies, as for `_tables.completed`."""
    return coder.table(_tables.completed(cdfs, sizes, offsets, precision, bypass_precision), alias)


def find_rows(indexes: Any, row_count: int, may_leave_out: bool = True) -> np.ndarray:
    """The row of each symbol, and -1 for skipped symbols."""
    found = integers("indexes", indexes)
    _tables.check_indexes(found, row_count, may_leave_out)
    return np.maximum(found, LEFT_OUT) if found.min(initial=0) < LEFT_OUT else found
