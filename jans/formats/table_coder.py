"""A coder for learned codecs: it turns integers, and the rows of a table that code them,
into byte strings."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs, quantize
from jans._checks import check_symbols
from jans.coders import rans
from jans.coders._rans_state import State, find_variant
from jans.coders._state import pytree
from jans.ffi import host
from jans.formats import _in_place, byte_strings
from jans.models import Bypass, Table
from jans.status import CodingError, check


@pytree("jans.TableCoder", static=("variant", "lanes"))
@dataclasses.dataclass(frozen=True)
class TableCoder:
    """Codes integers as byte strings: an immutable pytree.

    An index names the row of a table for each integer.

    Strings have no header (see `jans.byte_strings`), so both sides need the same coder.

    Attributes:
        model: a `models.Table`, or a `models.Bypass` for any int32 values. Its own index is ignored. Call its
            `prepare` first, so that decoding is fast.
        variant, lanes: as for `jans.rans.init`; static. "rans64_ryg" writes what torch_ans calls `rans64`.

    >>> cdf = jnp.array([[0, 40, 60, 64], [0, 2, 62, 64]])
    >>> coder = TableCoder(Bypass(Table(cdf, precision=6).prepare()))
    >>> symbols, index = jnp.array([0, 1, -7, 0, 1]), jnp.array([0, 1, 1, 0, 1])
    >>> data = coder.encode(symbols, index)
    >>> len(data)
    8
    >>> coder.decode(data, index)
    Array([ 0,  1, -7,  0,  1], dtype=int32)
    """

    model: Table | Bypass
    variant: str = "rans64_ryg"
    lanes: int = 1

    @classmethod
    def from_probs(
        cls,
        probs: Any,
        tail: Any,
        sizes: Any = None,
        offset: Any = 0,
        precision: int = 15,
        bypass_precision: int = 4,
        variant: str = "rans64_ryg",
        lanes: int = 1,
    ) -> "TableCoder":
        """A coder for all int32 values, from the probabilities of the likely ones.

        The frequencies are those of `jans.quantize.nearest` with `ties="away"`, so the tables equal
        CompressAI's.

        Args:
            probs: float32 or float64 [K, n].
            tail: floats [K], or one for all rows: the total probability of all other values.
            sizes: integers [K], or one for all rows: the number of probabilities of a row that count; by
                default n.
            offset: integers [K], or one for all rows: the value that the first probability belongs to.
            precision: bits of the frequencies; CompressAI uses 16.
            bypass_precision, variant, lanes: as for `models.Bypass` and `jans.rans.init`.

        Raises:
            ValueError: if a row of concrete probabilities is no distribution, or has too many symbols for the
                precision.

        >>> probs = jnp.array([[0.2, 0.5, 0.2], [0.7, 0.2, 0.0]])
        >>> coder = TableCoder.from_probs(probs, tail=0.1, sizes=jnp.array([3, 2]), offset=-1)
        >>> coder.model.table.cdf
        Array([[    0,  6553, 22936, 29489, 32768],
               [    0, 22937, 29490, 32768, 32768]], dtype=uint32)
        """
        probs = jnp.asarray(_inputs.reals("probs", probs))
        if probs.ndim != 2:
            raise ValueError(f"probs must be [tables, values], got shape {probs.shape}.")
        count, n = probs.shape
        sizes = _inputs.rows("sizes", n if sizes is None else sizes, count)
        place = jnp.arange(n + 1)
        tail = jnp.broadcast_to(jnp.asarray(_inputs.reals("tail", tail), probs.dtype), (count,))
        _check_probs(probs, tail, sizes, precision)
        rows = jnp.where(place < sizes[:, None], jnp.pad(probs, ((0, 0), (0, 1))), tail[:, None])
        table = Table(quantize.nearest(rows, precision, sizes + 1, ties="away"), precision=precision).prepare()
        return cls(Bypass(table, sizes, offset, bypass_precision), variant, lanes)

    def encode(self, symbols: Any, index: Any) -> bytes:
        """Encodes symbols as a byte string.

        Args:
            symbols: integers [n].
            index: integers of a shape that broadcasts to that of the symbols: the row of each symbol.

        Returns:
            The byte string: heads, then words.

        Raises:
            CodingError: if a symbol or an index is not in the tables.
        """
        symbols, index = _inputs.integers("symbols", symbols), self._rows(index)
        if symbols.ndim != 1:
            raise ValueError(f"symbols must be one message [n], got shape {symbols.shape}. encode_batch takes many.")
        return self.encode_batch(symbols[None], index)[0]

    def encode_batch(self, symbols: Any, index: Any) -> list[bytes]:
        """Encodes a batch of messages as one byte string each; `jans.byte_strings.merge` joins the strings.

        Args:
            symbols: integers [streams, n].
            index: integers of a shape that broadcasts to that of the symbols: the row of each symbol.

        Returns:
            A list of byte strings, one for each stream.

        Raises:
            CodingError: if a symbol or an index is not in the tables.
        """
        symbols, index = _inputs.integers("symbols", symbols), self._rows(index)
        if symbols.ndim != 2:
            raise ValueError(f"symbols must be a batch [streams, n], got shape {symbols.shape}. encode takes one [n].")
        if isinstance(symbols, np.ndarray) and isinstance(index, np.ndarray):
            values = _in_place.ready_symbols(symbols, self._table.attributes)
            return _in_place.encode(self._coder, [(self._table, values, _index(index, symbols.shape))])
        v = find_variant(self.variant)
        capacity = -(-symbols.shape[-1] * self.model.precision // v.word_bits) + _in_place.SPARE_WORDS
        encode = lambda room: _encode(self, symbols, index, capacity=room)
        return byte_strings.to_strings(byte_strings.with_room(encode, capacity))

    def decode(self, data: bytes, index: Any) -> Any:
        """Decodes one message: the inverse of `encode`.

        Args:
            data: the bytes of one message.
            index: integers [n], the same as for encoding.

        Returns:
            int32 symbols [n]: an array of JAX if the index is one, otherwise of NumPy.

        Raises:
            CodingError: if the bytes do not hold exactly these symbols.
        """
        index = self._rows(index)
        if index.ndim != 1:
            raise ValueError(f"index must be [n], a row for each symbol, got shape {index.shape}.")
        return self._decode([data], index, single=True)

    def decode_batch(self, strings: Sequence[bytes], index: Any) -> Any:
        """Decodes a batch of messages: the inverse of `encode_batch`.

        Args:
            strings: the bytes of each message.
            index: integers [streams, n], or [n] for all messages; the same as for encoding.

        Returns:
            int32 symbols [streams, n]: an array of JAX if the index is one, otherwise of NumPy.

        Raises:
            CodingError: if the bytes do not hold exactly these symbols.
        """
        index = self._rows(index)
        if index.ndim not in (1, 2) or (index.ndim == 2 and len(index) != len(strings)):
            raise ValueError(f"index must be [n] or [{len(strings)}, n] for these strings, got shape {index.shape}.")
        return self._decode(strings, index, single=False)

    @functools.cached_property
    def _coder(self) -> _in_place.Rans:
        return _in_place.Rans(self.variant, self.lanes)

    @functools.cached_property
    def _table(self) -> _in_place.Rows:
        return self._coder.check(_in_place.rows_of(self.model))

    def _decode(self, strings: Sequence[bytes], index: Any, single: bool) -> Any:
        if isinstance(index, np.ndarray):
            state = self._coder.from_strings(strings)
            n, index = index.shape[-1], _index(index, (len(state.size), index.shape[-1]))
            left, symbols = _in_place.decode(self._coder, state, self._table, index, n)
            _check_end(left)
            return symbols[0] if single else symbols
        states = self._open(strings)
        head, size, status, symbols = _decode(self, states, index, single=single)
        _check_end(dataclasses.replace(states, head=head, size=size, status=status))
        return symbols

    def _rows(self, index: Any) -> Any:
        if isinstance(self.model, Bypass):
            return _inputs.row_of("index", index, len(self.model.table.cdf), may_skip=True)
        return _inputs.row_of("index", index, len(self.model.cdf), may_skip=False)

    def open(self, data: bytes) -> State:
        """A state to pop one message from, step by step; use it with `pop` and `close`.

        Args:
            data: the bytes of one message.

        Raises:
            CodingError: if the bytes are cut short, or begin with a head that is out of range.
        """
        return jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), self._open([data]))

    def pop(self, state: State, index: jax.Array) -> tuple[State, jax.Array]:
        """Pops the next symbols, int32 of the shape of the index.

        Use it for models that depend on the symbols decoded before. Pure, works under `jit` and `scan`. If
        `encode` had all symbols in one call, every step except the last must pop a multiple of `lanes`
        symbols.

        Args:
            state: from `open` or `pop`.
            index: integers of the shape of the symbols, the row of each.

        Returns:
            The state without the symbols, and the symbols. The status bits are those of `jans.rans.pop`.
        """
        return rans.pop(state, self.model.at(index))

    def close(self, state: State) -> None:
        """Checks that all of a message was popped and that its status is clean.

        Raises:
            CodingError: if symbols are left or a status bit is set.
        """
        _check_end(jax.tree.map(lambda leaf: leaf[None], state))

    def push(self, state: State, symbols: jax.Array, index: jax.Array) -> State:
        """Puts symbols on a state, in front of the symbols pushed before:
        push the last step of a message first.

        Args:
            state: from `init` or `push`.
            symbols: integers.
            index: integers of the shape of the symbols, the row of each.

        Returns:
            The state with the symbols. The status bits are those of `jans.rans.push`.
        """
        return rans.push(state, self.model.at(index), symbols)

    def init(self, capacity: int) -> State:
        """An empty state to push on, with room for `capacity` words."""
        return rans.init(capacity, self.lanes, self.variant)

    def finish(self, state: State) -> bytes:
        """The pushed message as bytes, equal to those of `encode`.

        Raises:
            CodingError: if the status of the state is not clean.
        """
        return byte_strings.to_strings(jax.tree.map(lambda leaf: leaf[None], state))[0]

    def _open(self, strings: Sequence[bytes]) -> State:
        views = byte_strings.views_of(strings)
        longest = max(map(len, views), default=0)
        # Round capacities up to powers of two, so that messages of similar length share a compiled program.
        capacity = 1 << (8 * longest // find_variant(self.variant).word_bits).bit_length()
        return byte_strings.read_strings(views, capacity, self.lanes, self.variant)


@functools.partial(jax.jit, static_argnames=("capacity",))
def _encode(coder: TableCoder, symbols: jax.Array, index: jax.Array, capacity: int) -> State:
    symbols = check_symbols(symbols)
    index = jnp.broadcast_to(index, symbols.shape)
    return jax.vmap(lambda s, k: coder.push(coder.init(capacity), s, k))(symbols, index)


@functools.partial(jax.jit, static_argnames=("single",))
def _decode(coder: TableCoder, states: State, index: jax.Array, single: bool) -> tuple[jax.Array, ...]:
    index = jnp.broadcast_to(index, (len(states.size), index.shape[-1]))
    states, symbols = jax.vmap(coder.pop)(states, index)
    return states.head, states.size, states.status, symbols[0] if single else symbols


def _index(index: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The row of each symbol [streams, n], int32; an axis of length 1 serves all."""
    rows = np.broadcast_to(index, shape) if index.ndim == 2 else np.broadcast_to(index, shape[-1:])[None]
    return host.ready(rows, np.int32)


def _check_probs(probs: Any, tail: Any, sizes: Any, precision: int) -> None:
    """Raises ValueError for rows that are no distribution, or that have too many symbols."""
    if any(isinstance(value, jax.core.Tracer) for value in (probs, tail, sizes)):
        return
    probs, tail, sizes = np.asarray(probs), np.asarray(tail), np.asarray(sizes)
    counted = np.where(np.arange(probs.shape[1]) < sizes[:, None], probs, 0)
    total = counted.sum(axis=1) + tail
    good = (counted >= 0).all(axis=1) & (tail >= 0) & np.isfinite(total) & (total > 0)
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise ValueError(
            f"row {row} of probs is no distribution: probabilities and the tail must be finite and at least 0, and "
            f"their sum positive, got a sum of {total[row]} and a tail of {tail[row]}."
        )
    most = int(sizes.max(initial=0)) + 1
    if most > 2**precision:
        raise ValueError(
            f"{most} symbols, with the escape symbol, do not fit a precision of {precision} bits, which has room for "
            f"{2**precision}. Raise precision to at least {(most - 1).bit_length()}."
        )


def _check_end(states: State) -> None:
    check(states)
    ends: Any = {"head": np.asarray(states.head), "size": np.asarray(states.size)}
    unfinished = ~rans.is_empty(dataclasses.replace(states, **ends))
    if unfinished.any():
        raise CodingError(
            f"message {int(np.flatnonzero(unfinished)[0])} of {unfinished.size} goes on after its last symbol. "
            "Decode as many symbols as were encoded, with the same tables and index."
        )
