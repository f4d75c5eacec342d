"""Batches of rANS streams and tables in arrays of NumPy, which kernels update in place and without XLA."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jans._checks import KERNEL_SYMBOLS
from jans.coders._rans_state import State, check_bits, check_digits, empty_head, find_variant
from jans.coders._state import check_layout
from jans.ffi import host
from jans.formats import byte_strings
from jans.models import Bypass, Kernel, Table
from jans.models.table import GUIDED, aliased_cdf, guide_bits
from jans.status import OVERFLOW, check

SPARE_WORDS = 16
"""Extra words beyond the maximum for symbols of the alphabets. Values outside of them may need still more."""


_INDEX = 1
"""The place of the row of each symbol among the operands of a table."""
_PUSHES = {"table": ("rows", (0, 1)), "alias": ("alias", (0, 1, 3)), "bypass_alias": ("bypass_alias", (0, 1, 3, 4, 5))}
_POPS = {"alias": ("alias", (2, 1)), "bypass_alias": ("bypass_alias", (2, 1, 4, 5))}
"""The kernels that push and pop the other kinds of `models.Kernel`, and which of the operands they take."""


class Rows(NamedTuple):
    """A table for kernels.

    Attributes:
        push, pop: the kinds of kernels, and their operands before and after the index.
        attributes: the attributes of the kernels that tell about the table.
        row_count: the number of rows.
    """

    push: tuple[str, tuple[Any, ...], tuple[Any, ...]]
    pop: tuple[str, tuple[Any, ...], tuple[Any, ...]]
    attributes: dict[str, int]
    row_count: int

    @property
    def precision(self) -> int:
        """The number of bits of the frequencies."""
        return self.attributes["precision"]


def rows(kind: str, operands: Sequence[Any], **attributes: int) -> Rows:
    """A table, from what `models.Kernel` says of it. The index among the operands does not matter."""

    def ends(kind, places):
        at = places.index(_INDEX)
        groups = [[host.ready(operands[k])[None] for k in some] for some in (places[:at], places[at + 1 :])]
        before, after = ((host.Arrays(*group),) if group else () for group in groups)
        return kind, before, after

    every = kind, tuple(range(len(operands)))
    return Rows(ends(*_PUSHES.get(kind, every)), ends(*_POPS.get(kind, every)), attributes, len(operands[0]))


def rows_of(model: Table | Bypass) -> Rows:
    """The table of a model in the memory of the host."""
    held = jax.tree.map(np.asarray, model)
    (held.table if isinstance(held, Bypass) else held).index = np.zeros((), np.int32)
    kernel = held.stack_kernel(())
    return rows(kernel.kind, kernel.operands, precision=model.precision, **kernel.attributes)


def prepared(cdf: np.ndarray, sizes: np.ndarray, offsets: np.ndarray, alias: bool, **attributes: int) -> Rows:
    """A table of bypass coding with guides or with alias tables, as `models.Table.prepare` makes them.

    Args:
        cdf: uint32 [K, n + 1].
        sizes, offsets: int32 [K], as for `models.Bypass`.
        alias: whether to make alias tables.
        attributes: `precision` and `bypass_precision`.
    """
    precision = attributes["precision"]
    if alias:
        (buckets,) = host.call("table_alias", cdf, precision=precision)
        (remap,) = host.call("table_remap", cdf, precision=precision)
        cdf = aliased_cdf(cdf, buckets, remap, np)
        return rows("bypass_alias", (cdf, None, buckets, remap, sizes, offsets), **attributes)
    return rows("bypass", (cdf, None, guides(cdf, precision), sizes, offsets), **attributes)


def guides(cdf: np.ndarray, precision: int) -> np.ndarray:
    """The guides of a table, uint32 [K, 2**(bits + 1)]; [K, 0] where searches do without."""
    count, n = len(cdf), cdf.shape[1] - 1
    if precision > GUIDED[0] or n > GUIDED[1]:
        return np.zeros((count, 0), np.uint32)
    (found,) = host.call("table_guide", cdf, precision=precision, bits=guide_bits(count, n, precision))
    return found


@dataclasses.dataclass(frozen=True)
class Rans:
    """`jans.rans`: what `encode` and `decode` need of a coder. States are batches of streams [streams]."""

    variant: str
    lanes: int

    @property
    def word_bits(self) -> int:
        """The number of bits of a word."""
        return find_variant(self.variant).word_bits

    @functools.cached_property
    def _heads(self) -> np.ndarray:
        """The heads of an empty stream."""
        v = find_variant(self.variant)
        return np.tile(empty_head(v, self.lanes), (self.lanes, 1)[: v.halves])

    @functools.cached_property
    def _word(self) -> np.dtype:
        return find_variant(self.variant).word

    def check(self, table: Rows) -> Rows:
        """Returns a table, or raises ValueError if the variant does not code with its bits."""
        _check(self.variant, table.attributes)
        return table

    def empty(self, streams: int, capacity: int) -> State:
        """Empty streams; raises ValueError for lanes or a capacity that no state has."""
        check_layout(self.lanes, capacity)
        heads = np.empty((streams, *self._heads.shape), np.uint32)
        heads[:] = self._heads
        tail, (sizes, status) = np.zeros((streams, capacity), self._word), np.zeros((2, streams), np.int32)
        arrays: Any = {"head": heads, "tail": tail, "size": sizes, "status": status}
        return State(**arrays, variant=self.variant)

    def push(self, state: State, table: Rows, symbols: np.ndarray, index: np.ndarray) -> int:
        """Pushes symbols [streams, n], in place, and returns the status of all streams together.

        The index is int32 [streams, n]; an axis of length 1 serves all.
        """
        kind, before, after = table.push
        kernel = host.kernel(f"rans_push_{kind}", variant=find_variant(self.variant).number, **table.attributes)
        return kernel(*state.arrays(), symbols, *before, index, *after)

    def pop(self, state: State, table: Rows, index: np.ndarray, symbols: np.ndarray) -> int:
        """Pops symbols [streams, n], in place, and returns the status of all streams together."""
        kind, before, after = table.pop
        kernel = host.kernel(f"rans_pop_{kind}", variant=find_variant(self.variant).number, **table.attributes)
        return kernel(*state.arrays(), *before, index, *after, symbols)

    def to_strings(self, state: State) -> list[bytes]:
        """All streams as bytes."""
        return byte_strings.to_strings(state)

    def from_strings(self, strings: Sequence[bytes], capacity: int | None = None) -> State:
        """The inverse of `to_strings`; the capacity is by default the number of words of the longest string."""
        return byte_strings.read_strings(strings, capacity, self.lanes, self.variant)


def _check(variant: str, attributes: Mapping[str, int]) -> int:
    """Returns the number of a variant, or raises ValueError if it does not code with the bits of a kernel."""
    check_digits(variant, attributes.get("bypass_precision", 0))
    return check_bits(variant, attributes["precision"])


def _takes(dtype: np.dtype, attributes: Mapping[str, int]) -> bool:
    """Whether a kernel takes symbols of a dtype."""
    return dtype in KERNEL_SYMBOLS and "bypass_precision" not in attributes


def ready_symbols(symbols: np.ndarray, attributes: Mapping[str, int]) -> np.ndarray:
    """Symbols as a kernel with these attributes takes them."""
    return host.ready(symbols, None if _takes(symbols.dtype, attributes) else np.int32)


def encode(
    coder: Any, items: Sequence[tuple[Any, np.ndarray, np.ndarray]], onto: Sequence[bytes] | None = None
) -> list[bytes]:
    """Encodes items as one string for each stream; the first item is decoded first.

    Args:
        coder: a `Rans`, or another coder with its functions.
        items: tables, symbols [streams, n], and the index of each symbol.
        onto: a string without words for each stream, onto which the symbols are pushed; by default empty streams.

    Raises:
        CodingError: if a symbol has no code in its row.
    """
    bits = sum(table.precision * symbols.shape[1] for table, symbols, _ in items)
    state = _pushed(coder, items, onto, bits // coder.word_bits + SPARE_WORDS)
    if (state.status & OVERFLOW).any():
        state = _pushed(coder, items, onto, int(state.size.max()))
    return coder.to_strings(state)


def _pushed(
    coder: Any, items: Sequence[tuple[Any, np.ndarray, np.ndarray]], onto: Sequence[bytes] | None, capacity: int
) -> Any:
    state = coder.empty(len(items[0][1]), capacity) if onto is None else coder.from_strings(onto, capacity)
    for table, symbols, index in reversed(items):
        if symbols.size:
            coder.push(state, table, symbols, index)
    return state


def decode(coder: Any, state: Any, table: Any, index: np.ndarray, n: int) -> tuple[Any, np.ndarray]:
    """Decodes the next n symbols of all streams; returns the streams without them, and the symbols,
    int32 [streams, n].

    Raises:
        CodingError: if the streams cannot hold these symbols.
    """
    changed = {name: getattr(state, name).copy() for name in state.ranks if name not in state.stacks}
    left = dataclasses.replace(state, **changed)
    symbols = np.empty((len(state.size), n), np.int32)
    if symbols.size and coder.pop(left, table, index, symbols):
        check(left)
    return left, symbols


# ---- any model that kernels search ----


def on_host(tree: Any) -> bool:
    """Whether all arrays are in the memory of the host: of NumPy, or of JAX on the CPU and not traced."""
    return all(
        isinstance(leaf, np.ndarray)
        or (not isinstance(leaf, jax.core.Tracer) and all(device.platform == "cpu" for device in leaf.devices()))
        for leaf in jax.tree.leaves(tree)
    )


class Parts:
    """A model of many symbols, for streams that code parts of them."""

    def __init__(self, kernel: Kernel, precision: int, n: int):
        self._kind, self._n = kernel.kind, n
        self._operands = [host.ready(operand) for operand in kernel.operands]
        self._attributes = {"precision": precision, **kernel.attributes}

    def push(self, coder: Rans, symbols: np.ndarray, begin: int, capacity: int) -> State:
        """Symbols [streams, n] from symbol `begin` on, as new streams."""
        state = coder.empty(len(symbols), capacity)
        kind, operands = self._select(_PUSHES, begin, *symbols.shape)
        kernel = host.kernel(f"rans_push_{kind}", variant=_check(coder.variant, self._attributes), **self._attributes)
        if symbols.size:
            kernel(*state.arrays(), ready_symbols(symbols, self._attributes), *operands)
        return state

    def pop(self, state: State, begin: int, n: int, dtype: np.dtype) -> tuple[State, np.ndarray]:
        """Symbols [streams, n] from symbol `begin` on, and the streams without them."""
        changed: Any = {name: np.array(getattr(state, name)) for name in ("head", "size", "status")}
        left = dataclasses.replace(state, **changed)
        symbols = np.empty((len(state.size), n), dtype if _takes(dtype, self._attributes) else np.int32)
        kind, operands = self._select(_POPS, begin, *symbols.shape)
        kernel = host.kernel(f"rans_pop_{kind}", variant=_check(state.variant, self._attributes), **self._attributes)
        if symbols.size:
            kernel(*left.arrays(), *operands, symbols)
        return left, symbols.astype(dtype, copy=False)

    def _select(self, kinds: Any, begin: int, streams: int, n: int) -> tuple[str, list[np.ndarray]]:
        """The kind of a kernel, and its operands for `streams` streams of n symbols each."""
        every = self._kind, tuple(range(len(self._operands)))
        kind, places = kinds.get(self._kind, every)
        cut = functools.partial(_cut, begin=begin, streams=streams, n=n)
        if self._kind not in _TABLES:
            shared = _SHARED.get(self._kind)
            return kind, [a[None] if k == shared else cut(a) for k, a in enumerate(self._operands)]
        cdf, index, *_ = self._operands
        if self._kind == "rows" and len(cdf) == self._n > 1 and np.array_equal(index, np.arange(self._n)):
            # Every symbol has a row of its own, and a stream needs those of its symbols.
            return kind, [cut(cdf), np.arange(n, dtype=np.int32)[None]]
        return kind, [cut(index) if k == _INDEX else self._operands[k][None] for k in places]


_TABLES = frozenset({"rows", "table", "alias", "bypass", "bypass_alias"})
"""The kinds of which only the index has a row for each symbol."""
_SHARED = {"binned_gaussian": 2}
"""An operand that all symbols share."""


def _cut(operand: np.ndarray, begin: int, streams: int, n: int) -> np.ndarray:
    """An operand of one row for all symbols, or a row for each, for some streams."""
    if len(operand) == 1:
        return operand[None]
    return operand[begin : begin + streams * n].reshape(streams, n, *operand.shape[1:])


def parts_of(model: Any, shape: tuple[int, ...]) -> Parts | None:
    """A model of symbols of a shape; None if no kernel searches it, or if it is not in the memory of the host."""
    if model.parts or not on_host(model):
        return None
    kernel = jax.tree.map(np.asarray, model).stack_kernel(shape)
    return None if kernel is None else Parts(kernel, model.precision, math.prod(shape))
