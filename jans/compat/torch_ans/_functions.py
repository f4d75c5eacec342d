"""The low-level functions of torch_ans, such as `rans64_init_stream`, `rans64_push` and `rans64_pop`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jans import _inputs
from jans.compat import _tables
from jans.compat.torch_ans import _lookups, _streams
from jans.compat.torch_ans._families import FAMILIES, Coder, find_rows, integers, table_of
from jans.compat.torch_ans._tensors import maker


def _make_table(
    name: str, precision: int, digits: int, alias: bool, cdfs: np.ndarray, sizes: np.ndarray, offsets: np.ndarray
) -> Any:
    coder = FAMILIES[name].coder(precision, 1)
    if name.startswith("tans"):
        cdfs = _lookups.rows_of_tans_tables(cdfs, sizes, precision)
    return table_of(coder, cdfs, sizes, offsets, precision, digits or None, alias)


_table = _tables.Kept(_make_table)


def _prepare(
    name: str,
    lanes: int,
    alias: bool,
    cdfs: Any,
    cdfs_sizes: Any,
    offsets: Any,
    freq_precision: int,
    bypass_coding: bool,
    bypass_precision: int,
) -> tuple[Coder, Any]:
    """The coder and the tables of a call."""
    for key, value in (("cdfs", cdfs), ("cdfs_sizes", cdfs_sizes)):
        if value is None:
            raise TypeError(f"{key} is missing: pass the tables that symbols are coded with.")
    precision = _lookups.check_between("freq_precision", freq_precision, 1, FAMILIES[name].precision)
    has_digits = _lookups.check_flag("bypass_coding", bypass_coding)
    digits = _lookups.check_between("bypass_precision", bypass_precision, 1, 16) if has_digits else 0
    rows, sizes = integers("cdfs", cdfs), integers("cdfs_sizes", cdfs_sizes)
    if not name.startswith("tans") and rows.ndim == 2 and sizes.size:
        # Alias tables and inverse CDFs lie behind the rows that they are made of.
        rows = rows[:, : max(int(sizes.max()), 2)]
    firsts = np.zeros(len(rows), np.int32) if offsets is None and rows.ndim else integers("offsets", offsets)
    return FAMILIES[name].coder(precision, lanes), _table(name, precision, digits, alias, rows, sizes, firsts)


def _make_init(name: str) -> Callable[..., _streams.Stream]:
    def init_stream(size: int, num_interleaves: int = 1, preallocate_size: int = 0) -> _streams.Stream:
        """New streams, which hold no symbols.

        Args:
            size: number of streams.
            num_interleaves: number of states (lanes) of each stream.
            preallocate_size: number of bytes to make room for in each stream.

        Returns:
            A `Stream`, which grows when symbols are pushed.
        """
        streams = _lookups.check_between("size", size, 1, _streams.MAX_BYTES)
        spare = _lookups.check_between("preallocate_size", preallocate_size, 0, _streams.MAX_BYTES)
        if _inputs.whole("num_interleaves", num_interleaves) not in FAMILIES[name].interleaves:
            raise ValueError(f"num_interleaves must be one of {FAMILIES[name].interleaves}, got {num_interleaves!r}.")
        return _streams.new(FAMILIES[name].coder(1, num_interleaves), streams, spare)

    return init_stream


def _make_push(name: str, lanes: int, alias: bool) -> Callable[..., None]:
    def push(
        stream: Any,
        symbols: Any,
        indexes: Any = None,
        cdfs: Any = None,
        cdfs_sizes: Any = None,
        offsets: Any = None,
        symbol_precision: int = 8,
        freq_precision: int = 16,
        bypass_coding: bool = True,
        bypass_precision: int = 4,
        used_bytes: int = -1,
    ) -> None:
        """Pushes symbols onto streams, in place; the stream stays as it is if a symbol cannot be coded.

        Args:
            stream: a `Stream`, or an int32 array or tensor [streams, length] that is long enough.
            symbols: integers [streams, n].
            indexes: integers [streams, n], the row of each symbol. A negative index skips its symbol.
            cdfs: integers [K, entries], rows of cumulative frequencies, or tables of `tans_build_tables`. Alias
                tables and inverse CDFs behind the rows are not read, because they follow from the rows.
            cdfs_sizes: integers [K], the number of entries of each row that count.
            offsets: integers [K], the value of the first symbol of each row; zeros by default.
            symbol_precision: has no effect.
            freq_precision: bits of the frequencies.
            bypass_coding: whether to code values outside of their row too.
            bypass_precision: bits of each digit of bypass coding.
            used_bytes: with 0 or more, a stream that is too short is an error; otherwise it grows.
        """
        found = integers("symbols", symbols)
        may_grow = _inputs.whole("used_bytes", used_bytes) < 0
        coder, table = _prepare(
            name, lanes, alias, cdfs, cdfs_sizes, offsets, freq_precision, bypass_coding, bypass_precision
        )
        index = _index(indexes, table.row_count)
        if index.shape != found.shape:
            raise ValueError(f"symbols and indexes must have one shape, got {found.shape} and {index.shape}.")
        _streams.push(coder, stream, table, found, index, may_grow=may_grow)

    return push


def _make_pop(name: str, lanes: int, alias: bool) -> Callable[..., Any]:
    def pop(
        stream: Any,
        indexes: Any = None,
        cdfs: Any = None,
        cdfs_sizes: Any = None,
        offsets: Any = None,
        symbol_precision: int = 8,
        freq_precision: int = 16,
        bypass_coding: bool = True,
        bypass_precision: int = 4,
        inverse_cdf_precision: int = -1,
    ) -> Any:
        """Pops symbols off streams, in place; the stream stays as it is if it cannot hold these symbols.

        Args:
            stream: a `Stream`, or an int32 array or tensor [streams, length].
            indexes: integers [streams, n], the row of each symbol. A negative index gives symbol 0.
            cdfs, cdfs_sizes, offsets, freq_precision, bypass_coding, bypass_precision: as when the symbols were
                pushed.
            symbol_precision, inverse_cdf_precision: have no effect.

        Returns:
            Symbols, int32 [streams, n].
        """
        coder, table = _prepare(
            name, lanes, alias, cdfs, cdfs_sizes, offsets, freq_precision, bypass_coding, bypass_precision
        )
        return maker(indexes)(_streams.pop(coder, stream, table, _index(indexes, table.row_count)))

    return pop


def _index(indexes: Any, row_count: int) -> np.ndarray:
    if indexes is None:
        raise TypeError("indexes is missing: pass the row of each symbol.")
    return find_rows(indexes, row_count)


def rans_stream_to_byte_strings(stream: Any) -> list[bytes]:
    """The bytes of each stream, without the length in front."""
    return _streams.to_strings(stream)


def rans_byte_strings_to_stream(byte_strings: Sequence[bytes]) -> _streams.Stream:
    """A `Stream` from the bytes of each stream: the inverse of `rans_stream_to_byte_strings`."""
    return _streams.from_strings(byte_strings)


def _named(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__.rpartition(".")[0]
    return function


def _made() -> dict[str, Callable[..., Any]]:
    made: dict[str, Callable[..., Any]] = {}
    for name, family in FAMILIES.items():
        made[f"{name}_init_stream"] = _make_init(name)
        for lanes in family.interleaves:
            suffix = f"_i{lanes}" if lanes > 1 else ""
            made[f"{name}{suffix}_push"] = _make_push(name, lanes, alias=False)
            made[f"{name}{suffix}_pop"] = _make_pop(name, lanes, alias=False)
            if family.variant:
                made[f"{name}{suffix}_invcdf_pop"] = _make_pop(name, lanes, alias=False)
                made[f"{name}_alias{suffix}_push"] = _make_push(name, lanes, alias=True)
                made[f"{name}_alias{suffix}_pop"] = _make_pop(name, lanes, alias=True)
    return {name: _named(name, function) for name, function in made.items()}


FUNCTIONS = _made()
"""The functions of all families, by name: `rans64_init_stream`, `rans32_i4_push`, `tans16_pop` and so on."""
