"""Table ANS: a stack coder that looks up each step in a table, and needs only shifts besides.

    push:  the lowest bits of a head go to a stack of bits; the other bits choose the next head
    pop:   a head stands for a symbol and for the upper bits of the previous head; the other bits come from the stack

`tables` turns frequencies of `precision` bits (1 to 15) into tables once; then a symbol costs two look-ups.
Symbol i of an array belongs to head (lane) i % lanes, and all lanes share one stack of bits. One state is one
stream; use `jax.vmap` for batches. (Duda 2013, arXiv:1311.2540; the order of the states is that of Collet's
FiniteStateEntropy, the bits are those of torch_ans.)

Bypass coding takes any int32. A value outside of its row's alphabet is coded as the escape symbol, which is
the last symbol of the row, and digits.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import (
    KERNEL_SYMBOLS,
    MAX_DIGIT_BITS,
    check_dtype,
    check_fit,
    check_symbols,
    max_bypass_bits,
    type_name,
)
from jans.codecs import Codec
from jans.coders._state import check_layout, check_one_stream, content_bits, is_empty, kind_of
from jans.coders._tans_state import State, Tables
from jans.ffi import targets
from jans.status import CodingError, check

__all__ = [
    "State",
    "Tables",
    "capacity_for",
    "codec",
    "content_bits",
    "from_string",
    "init",
    "is_empty",
    "pop",
    "push",
    "tables",
    "to_string",
]

MAX_PRECISION = 15
MAX_SYMBOLS = 2**16


def _check_precision(precision: int) -> int:
    if not isinstance(precision, int | np.integer) or not 1 <= precision <= MAX_PRECISION:
        raise ValueError(
            f"precision must be an integer from 1 to {MAX_PRECISION} bits, got {precision!r}: a table has "
            "2**precision states. jans.rans takes up to 32 bits."
        )
    return int(precision)


def _check_bypass(bypass_precision: int | None, sizes: Any) -> int | None:
    if bypass_precision is None:
        if sizes is not None:
            raise ValueError(
                "sizes say where the escape symbols of bypass coding are, and there is none without bypass_precision, "
                "the bits of a digit. Leave them out: the alphabet of a row ends where its frequencies do."
            )
        return None
    if not isinstance(bypass_precision, int | np.integer) or not 1 <= bypass_precision <= MAX_DIGIT_BITS:
        raise ValueError(
            f"bypass_precision must be an integer from 1 to {MAX_DIGIT_BITS} bits of a digit, got "
            f"{bypass_precision!r}. torch_ans has 4 by default; None is no bypass coding."
        )
    return int(bypass_precision)


@_inputs.door(sizes=_inputs.integers_or_none, offset=_inputs.integers_or_none)
def tables(
    cdf: Any, precision: int | None = None, sizes: Any = None, offset: Any = None, bypass_precision: int | None = None
) -> Tables:
    """Makes the tables of rows of cumulative frequencies.

    Entry i of row k stands for the symbol offset[k] + i.

    Args:
        cdf: integers [K, n + 1], or [n + 1] for one table, with n at most 2**16. Each row rises from 0 to
            2**precision, like the rows of `jans.quantize`; equal neighbours mean symbols of probability zero.
            Or a `jans.models.Table`, which brings its precision and its index.
        precision: bits of the frequencies, 1 to 15; static. Pass it only together with an array.
        sizes: int32 [K], or one for all rows, each from 0 to n - 1. The first `sizes` entries of a row are
            its alphabet, and the escape symbol follows them. By default n - 1. Only for bypass coding.
        offset: int32 [K], or one for all rows: the symbol of the first entry of a row; by default 0.
        bypass_precision: bits of a digit, 1 to 16; static. With bypass coding you can push any int32: a value
            outside of its row's alphabet is coded as the escape symbol and digits. None disables bypass
            coding.

    Returns:
        The tables, for symbols of row 0, or of the index of a `jans.models.Table`; `Tables.at` chooses other
        rows. A row is invalid if it does not rise from 0 to 2**precision, or if its size is outside of 0 ...
        n - 1. An invalid row sets `BAD_MODEL` when it is used.

    Raises:
        ValueError: if the shape of `cdf` or a number of bits is out of range.

    >>> from jans import tans
    >>> table = tans.tables(jnp.array([0, 3, 10, 16]), precision=4)
    >>> state = tans.push(tans.init(capacity=2, precision=4), table, jnp.array([1, 0, 2, 1, 1]))
    >>> tans.pop(state, table, shape=(5,))[1]
    Array([1, 0, 2, 1, 1], dtype=int32)
    >>> table = tans.tables(jnp.array([0, 3, 10, 16]), precision=4, offset=-1, bypass_precision=4)
    >>> state = tans.push(tans.init(capacity=5, precision=4), table, jnp.array([-1, 0, 1, 0, -70000]))
    >>> tans.pop(state, table, shape=(5,))[1]
    Array([    -1,      0,      1,      0, -70000], dtype=int32)
    """
    index: Any = 0
    if hasattr(cdf, "cdf") and hasattr(cdf, "index"):
        if precision is not None:
            raise TypeError("a table has a precision of its own. Leave out the argument precision.")
        cdf, index, precision = cdf.cdf, cdf.index, cdf.precision
    else:
        cdf = _inputs.numbers("cdf", cdf)
    if precision is None:
        raise TypeError("precision is missing: pass the bits of the frequencies of cdf.")
    made = _tables(cdf, _check_precision(precision), sizes, offset, _check_bypass(bypass_precision, sizes))
    return made.at(index)


@functools.partial(jax.jit, static_argnames=("precision", "bypass_precision"))
def _tables(cdf: Any, precision: int, sizes: Any, offset: Any, bypass_precision: int | None) -> Tables:
    cdf = jnp.asarray(cdf)
    if not jnp.issubdtype(cdf.dtype, jnp.integer):
        raise TypeError(f"cdf must be integers, got {cdf.dtype}. Quantise probabilities with jans.quantize.")
    rows = cdf[None] if cdf.ndim == 1 else cdf
    if rows.ndim != 2 or rows.shape[0] < 1 or not 2 <= rows.shape[1] <= MAX_SYMBOLS + 1:
        raise ValueError(
            f"cdf must be [tables, symbols + 1] with one table or more and 1 to 2**16 symbols, got shape {cdf.shape}."
        )
    count, n = rows.shape[0], rows.shape[1] - 1
    escape = jnp.full(1, n)
    if bypass_precision is not None:
        sizes = _inputs.rows("sizes", n - 1 if sizes is None else sizes, count)
        escape = jnp.where((sizes >= 0) & (sizes < n), sizes, -1)
    codes, states, decoder, escape = targets.tans.tables(
        rows.astype(jnp.uint32), escape.astype(jnp.int32), precision=precision
    )
    offset = jnp.zeros(0, jnp.int32) if offset is None else _inputs.rows("offset", offset, count)
    return Tables(codes, states, decoder, escape, offset, jnp.int32(0), precision, bypass_precision)


@_inputs.door(capacity=_inputs.whole, lanes=_inputs.whole, precision=_inputs.whole)
def init(capacity: int, lanes: int = 1, precision: int = 12) -> State:
    """An empty coder.

    Args:
        capacity: number of 32-bit words that there is room for; static. n symbols of b bits need about n * b
            / 32.
        lanes: number of interleaved heads; static. 8 and 32 are fast.
        precision: precision of the tables in bits, 1 to 15; static.

    Raises:
        ValueError: if the capacity, the lanes or the precision are out of range.

    >>> from jans import tans
    >>> tans.init(capacity=2, precision=4)
    jans.tans.State(precision=4, words=0 of 2, status=0)
    """
    check_layout(lanes, capacity)
    precision = _check_precision(precision)
    return State(
        head=jnp.full(lanes, 2**precision, jnp.uint32),
        partial_word=jnp.uint32(1),
        words=jnp.zeros(capacity, jnp.uint32),
        size=jnp.int32(0),
        status=jnp.int32(0),
        precision=precision,
    )


def _made_tables(name: str, tables: Any) -> Any:
    if not isinstance(tables, Tables):
        raise TypeError(
            f"{name} must be a jans.tans.Tables, got {type_name(tables)}. Make them with jans.tans.tables(cdf, "
            "precision)."
        )
    return tables


@_inputs.door(tables=_made_tables, n=_inputs.whole)
def capacity_for(tables: Tables, n: int) -> int:
    """The number of 32-bit words that always suffices for n symbols.

    Args:
        tables: the tables of the symbols.
        n: number of symbols.

    >>> from jans import tans
    >>> tans.capacity_for(tans.tables(jnp.array([0, 3, 10, 16]), precision=4), n=1000)
    126
    """
    digits = tables.bypass_precision
    bits = tables.precision + (0 if digits is None else max_bypass_bits(digits))
    return -(-n * bits // 32) + 1


def _check_call(state: Any, tables: Any, shape: Sequence[int]) -> jax.Array:
    """Returns one row index for all symbols, or one for each;
    raises if the arguments do not fit each other."""
    check_one_stream(state, State)
    if tables.decoder.ndim != 2:
        raise ValueError(
            f"tables must be those of one stream; their decoder has shape {tables.decoder.shape}. Map a batch with "
            "jax.vmap."
        )
    if state.precision != tables.precision:
        raise ValueError(
            f"the state is for tables of {state.precision} bits of precision, these have {tables.precision}. Start "
            f"with jans.tans.init(capacity, lanes, precision={tables.precision})."
        )
    check_fit(tables.shape, tuple(shape))
    index = tables.index
    return index.reshape(1) if index.size == 1 else jnp.broadcast_to(index, shape).reshape(-1)


def _bits(tables: Tables) -> dict[str, int]:
    return {"precision": tables.precision, "bypass_precision": tables.bypass_precision or 0}


@_inputs.door(state=kind_of(State), tables=_made_tables, symbols=_inputs.integers)
@jax.jit
def push(state: State, tables: Tables, symbols: jax.Array) -> State:
    """Puts symbols on the coder, last one first, so that `pop` returns them in reading order.

    Args:
        state: the coder, one stream.
        tables: tables of the state's precision. The shape of their index must broadcast to that of the
            symbols.
        symbols: integers that fit int32, or bools, of any shape; coded in row-major order. Traced symbols are
            uint8, int8, uint16, int16 or int32.

    Returns:
        The coder with the symbols on it. Words above the capacity are dropped and counted, and set
        `OVERFLOW`. A symbol outside of its table, or of probability zero, is left out and sets `BAD_SYMBOL`.
        In bypass coding the same happens to a symbol that needs the escape symbol if its row gives the escape
        symbol probability zero. An index out of range or an invalid row sets `BAD_MODEL`. A head out of its
        range is replaced and sets `BAD_STATE`.

    Raises:
        ValueError: if the tables do not fit the symbols or the state, or the state is a batch.

    >>> from jans import tans
    >>> table = tans.tables(jnp.array([0, 3, 10, 16]), precision=4)
    >>> state = tans.push(tans.init(capacity=2, precision=4), table, jnp.array([1, 0, 2, 1, 1]))
    >>> round(float(tans.content_bits(state) - tans.content_bits(tans.init(capacity=2, precision=4))), 1)
    7.3
    """
    symbols = check_symbols(symbols)
    rows = _check_call(state, tables, symbols.shape)
    if symbols.dtype not in KERNEL_SYMBOLS:
        symbols = symbols.astype(jnp.int32)
    codes = tables.codes.reshape(tables.codes.shape[0], -1)
    operands = (symbols.reshape(-1), codes, tables.states, tables.escape, tables.offset, rows)
    return state.replace(*targets.tans.push(*state.arrays(), *operands, **_bits(tables)))


@_inputs.door(state=kind_of(State), tables=_made_tables, shape=_inputs.shape, dtype=_inputs.dtype)
@functools.partial(jax.jit, static_argnames=("shape", "dtype"))
def pop(
    state: State, tables: Tables, shape: tuple[int, ...] | None = None, dtype: Any = jnp.int32
) -> tuple[State, jax.Array]:
    """Takes symbols off the coder: the inverse of `push`.

    Args:
        state: the coder, one stream.
        tables: the tables that the symbols were pushed with.
        shape: shape of the symbols, to which the shape of the index must broadcast; by default the shape of
            the index.
        dtype: dtype of the symbols, one that `push` takes. Symbols that do not fit it wrap around.

    Returns:
        The coder without the symbols, and the symbols. Reading past the end sets `UNDERFLOW` and gives zeros.
        An index out of range or an invalid row sets `BAD_MODEL`, gives symbol 0 and takes no bits. In bypass
        coding an index of -1 gives symbol 0, takes no bits and sets nothing. Bits that no push of an int32
        can have written set `BAD_DATA` and give symbol 0; among them are some digits of bypass coding, and
        entries after the escape symbol.

    Raises:
        ValueError: if the tables do not fit the shape or the state, or the state is a batch.

    >>> from jans import tans
    >>> table = tans.tables(jnp.array([0, 3, 10, 16]), precision=4)
    >>> state = tans.push(tans.init(capacity=2, precision=4), table, jnp.array([1, 0, 2, 1, 1]))
    >>> tans.pop(state, table, shape=(2,))[1]
    Array([1, 0], dtype=int32)
    """
    dtype = check_dtype(dtype)
    shape = tables.shape if shape is None else shape
    rows = _check_call(state, tables, shape)
    inner = dtype if dtype in KERNEL_SYMBOLS else np.dtype(np.int32)
    operands = (tables.decoder, tables.escape, tables.offset, rows)
    head, partial_word, size, status, symbols = targets.tans.pop(
        *state.arrays(), *operands, **_bits(tables), n=math.prod(shape), dtype=inner
    )
    left = state.replace(head, partial_word, state.words, size, status)
    return left, symbols.reshape(shape).astype(dtype)


def codec(tables: Tables, shape: Sequence[int] | None = None, dtype: Any = jnp.int32) -> Codec:
    """Tables as a codec, which `jans.serial` and other functions combine.

    Args:
        tables: the tables of the symbols.
        shape, dtype: as for `pop`.

    Returns:
        The codec: `push(state, symbols)` returns a state, `pop(state)` a state and symbols.

    >>> from jans import tans
    >>> codec = tans.codec(tans.tables(jnp.array([0, 3, 10, 16]), precision=4), shape=(3,))
    >>> state = codec.push(tans.init(capacity=2, precision=4), jnp.array([1, 0, 2]))
    >>> codec.pop(state)[1]
    Array([1, 0, 2], dtype=int32)
    """
    shape = _inputs.shape("shape", shape)
    return Codec(
        push=lambda state, symbols: push(state, tables, symbols),
        pop=lambda state: pop(state, tables, shape, dtype),
    )


# ---- byte strings, for other programs ----


def _check_word_bits(word_bits: int) -> None:
    if word_bits not in (8, 16):
        raise ValueError(f"word_bits must be 16 (torch_ans' tans32) or 8 (tans16 and tans8), got {word_bits!r}.")


@_inputs.door(word_bits=_inputs.whole)
def to_string(state: State, word_bits: int = 16) -> bytes:
    """The content of one stream as torch_ans writes it.

    First come the heads, the leftover bits that fill no word, and the number of these bits, 4 bytes each.
    Then come the words. All numbers are little-endian.

    Args:
        state: one stream, with concrete arrays.
        word_bits: 16 for the layout of `tans32`, 8 for that of `tans16` and `tans8`.

    Raises:
        CodingError: if the status is not clean.

    >>> from jans import tans
    >>> tans.to_string(tans.init(capacity=0, precision=4)).hex(" ", 4)
    '10000000 00000000 00000000'
    """
    _check_word_bits(word_bits)
    check_one_stream(state, State)
    return write_string(check(state), word_bits)


def write_string(state: State, word_bits: int) -> bytes:
    """As `to_string`, of a state that has been checked."""
    partial_word = int(state.partial_word)
    count = partial_word.bit_length() - 1
    bits = [*np.asarray(state.words)[: int(state.size)].tolist(), partial_word - (1 << count)]
    data = np.array(bits, "<u4").tobytes()
    total = 32 * int(state.size) + count
    whole = total // word_bits * word_bits // 8
    left = int.from_bytes(data[whole : whole + 4], "little")
    ends = np.array([*np.asarray(state.head).tolist(), left, total % word_bits], "<u4")
    return ends.tobytes() + data[:whole]


@_inputs.door(
    data=_inputs.data,
    precision=_inputs.whole,
    lanes=_inputs.whole,
    word_bits=_inputs.whole,
    capacity=_inputs.whole_or_none,
)
def from_string(data: bytes, precision: int, lanes: int = 1, word_bits: int = 16, capacity: int | None = None) -> State:
    """A coder from bytes: the inverse of `to_string`.

    Args:
        data: the bytes of one stream, without a length in front.
        precision, lanes, word_bits: the same as when the bytes were written.
        capacity: number of 32-bit words that there is room for; by default just enough.

    Raises:
        CodingError: if such a coder cannot have written the bytes.
        ValueError: if the words do not fit the capacity.

    >>> from jans import tans
    >>> tans.from_string(bytes.fromhex("10000000 00000000 00000000"), precision=4, capacity=2)
    jans.tans.State(precision=4, words=0 of 2, status=0)
    """
    return jax.tree.map(jnp.asarray, read_string(data, precision, lanes, word_bits, capacity))


def read_string(data: bytes, precision: int, lanes: int, word_bits: int, capacity: int | None) -> State:
    """As `from_string`, with arrays of NumPy."""
    _check_word_bits(word_bits)
    precision = _check_precision(precision)
    check_layout(lanes, 0)
    data = bytes(memoryview(data))
    ends = 4 * (lanes + 2)
    if len(data) < ends or (len(data) - ends) % (word_bits // 8):
        raise CodingError(
            f"{len(data)} bytes are not a stream of {lanes} lanes, which has {ends} and words of {word_bits} bits."
        )
    *heads, left, count = np.frombuffer(data, "<u4", lanes + 2).tolist()
    if count >= word_bits or left >> count or any(head >> precision != 1 for head in heads):
        raise CodingError(
            f"these bytes are not a stream of {lanes} lanes with {precision} bits of precision: a head or a number of "
            "bits is out of its range. Read them as they were written."
        )
    total = 8 * (len(data) - ends) + count
    bits = int.from_bytes(data[ends:], "little") | left << 8 * (len(data) - ends)
    size = total // 32
    capacity = size if capacity is None else capacity
    check_layout(lanes, capacity)
    if capacity < size:
        raise ValueError(f"capacity must be at least the {size} words of the bytes, got {capacity}.")
    words = np.zeros(capacity, np.uint32)
    whole = (bits | 1 << total).to_bytes(4 * size + 4, "little")
    words[:size] = np.frombuffer(whole, "<u4", size)
    partial_word = int.from_bytes(whole[4 * size :], "little")
    arrays: Any = {
        "head": np.array(heads, np.uint32),
        "partial_word": np.array(partial_word, np.uint32),
        "words": words,
        "size": np.array(size, np.int32),
        "status": np.array(0, np.int32),
    }
    return State(**arrays, precision=precision)


def __dir__() -> list[str]:
    return __all__
