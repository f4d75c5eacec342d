"""The tables and the state of table ANS."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans.coders._state import CoderState, bits_below_one, float_of, log2_heads, pytree


@pytree("jans.tans.Tables", static=("precision", "bypass_precision"))
@dataclasses.dataclass(frozen=True)
class Tables:
    """K tables of n symbols and L = 2**precision states: an immutable pytree, made by `tables`.

    Attributes:
        codes: uint32 [K, n, 2], two numbers for every symbol. The first one, added to a head, gives the
            number of bits that leave the head (above bit 16). The second one, added to the remaining bits of
            the head, gives an index into `states`. The top bit marks symbols without states; together with
            the next bit it marks the escape symbol.
        states: uint16 [K, L], the heads after a push, minus L.
        decoder: uint32 [K, L], for every head (minus L). The lower half is the symbol, and the upper half is
            the remaining number of the previous head. For the escape symbol, the lower half is that number
            alone.
        escape: int32 [K], the index of the escape symbol, or n without bypass coding; -1 for an invalid row.
        offset: int32 [K], the value of the first symbol; length 0 if all offsets are 0.
        index: int32, of a shape that broadcasts to that of the symbols: the table for each symbol, 0 ... K -
            1.
        precision: bits of the frequencies, static.
        bypass_precision: bits of a digit, or None without bypass coding; static.

    >>> from jans import tans
    >>> tables = tans.tables(jnp.array([[0, 3, 10, 16], [0, 8, 15, 16]]), precision=4)
    >>> tables.states.shape, tables.at(jnp.array([0, 0, 1])).shape
    ((2, 16), (3,))
    """

    codes: jax.Array
    states: jax.Array
    decoder: jax.Array
    escape: jax.Array
    offset: jax.Array
    index: jax.Array
    precision: int
    bypass_precision: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the symbols; () if all symbols share a table."""
        return self.index.shape

    def at(self, index: Any) -> "Tables":
        """These tables, with other rows for the symbols.

        Args:
            index: integers of a shape that broadcasts to that of the symbols. In bypass coding -1 skips a
                symbol.

        Returns:
            The tables. An index out of range in a JAX array sets `BAD_MODEL` when it is used.

        Raises:
            ValueError: if an index out of range is not in a JAX array.
        """
        rows = _inputs.row_of("index", index, self.escape.shape[-1], self.bypass_precision is not None)
        return dataclasses.replace(self, index=jnp.asarray(rows, jnp.int32))


@pytree("jans.tans.State", static=("precision",))
@dataclasses.dataclass(frozen=True, repr=False)
class State(CoderState):
    """The state of a coder: an immutable pytree, one stream.

    Attributes:
        head: uint32 [lanes], each from 2**precision to 2**(precision + 1) - 1.
        partial_word: uint32 [], the bits that do not fill a word yet, below a leading one.
        words: uint32 [capacity], first bit lowest; the first `size` are in use, the others are unspecified.
        size: int32 []. Above the capacity, it counts dropped words too.
        status: int32 [], sticky bits of `jans.status`.
        precision: bits of the frequencies of the tables, static.

    >>> from jans import tans
    >>> state = tans.init(capacity=2, lanes=3, precision=4)
    >>> state, state.head.shape
    (jans.tans.State(precision=4, lanes=3, words=0 of 2, status=0), (3,))
    """

    head: jax.Array
    partial_word: jax.Array
    words: jax.Array
    size: jax.Array
    status: jax.Array
    precision: int

    made_by = "jans.tans.init"

    @property
    def ranks(self) -> Mapping[str, int]:
        """The number of axes of each array in one stream."""
        return {"head": 1, "partial_word": 0, "words": 1, "size": 0, "status": 0}

    @property
    def lanes(self) -> int:
        """The number of interleaved heads."""
        return self.head.shape[-1]

    def is_empty_stream(self) -> jax.Array:
        """Whether the stream equals a new coder from `init`."""
        return (self.size == 0) & (self.partial_word == 1) & (self.head == 2**self.precision).all(axis=-1)

    def content_of_stream(self, xp: Any) -> Any:
        """The bits of words and partial word, plus the base-2 logarithm of every head."""
        bits = 32 * xp.asarray(self.size).astype(float_of(xp)) + bits_below_one(self.partial_word, xp)
        return bits + log2_heads(self.head, 1, xp)

    def is_sound(self) -> np.ndarray:
        """Whether the heads and the partial word are within their ranges."""
        heads = np.asarray(self.head) >> np.uint32(self.precision) == 1
        return heads.all(axis=-1) & (np.asarray(self.partial_word) != 0)
