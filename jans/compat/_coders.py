"""Pushes and pops batches of streams, many symbols at a time, with few compiled programs."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jans.coders import rans
from jans.coders._rans_state import find_variant
from jans.compat._host import on_host
from jans.compat._tables import Rows
from jans.formats import byte_strings
from jans.formats.table_coder import SPARE_WORDS
from jans.models import Bypass
from jans.models.bypass import LEFT_OUT
from jans.status import check

_STEPS = 8
"""The number of lengths between one power of two and the next that have their own compiled program."""

Item = tuple[Any, np.ndarray, np.ndarray]
"""A model, symbols and indexes [streams, n]; an index of -1 skips a symbol."""


@dataclasses.dataclass(frozen=True)
class Rans:
    """`jans.rans` with `models.Bypass`: the functions that a batch of streams needs of a coder."""

    variant: str
    lanes: int
    alias: bool = False
    """Whether quantiles are in the order of alias tables,
    which have as many buckets as torch_ans's tables."""

    @property
    def word_bits(self) -> int:
        """The number of bits of a word."""
        return find_variant(self.variant).word_bits

    def model(self, rows: Rows, often: bool) -> Bypass:
        """A model of the rows for `push` and `pop`.

        If `often` is true, the model serves for more than one message.
        """
        model = (rows.trimmed() if self.alias else rows).bypass()
        if often:
            model.table = model.table.prepare("alias" if self.alias else "auto")
        return model

    def init(self, capacity: int) -> rans.State:
        """An empty stream."""
        return rans.init(capacity, self.lanes, self.variant)

    def push(self, state: rans.State, model: Any, symbols: jax.Array, indexes: jax.Array) -> rans.State:
        """Pushes symbols on one stream."""
        return rans.push(state, self._at(model, indexes), symbols)

    def pop(self, state: rans.State, model: Any, indexes: jax.Array) -> tuple[rans.State, jax.Array]:
        """Pops symbols off one stream."""
        return rans.pop(state, self._at(model, indexes))

    def _at(self, model: Bypass, indexes: jax.Array) -> Bypass:
        model = model.at(indexes)
        # Inside jit, XLA makes only the part of the tables that a push or a pop needs.
        if self.alias and model.table.alias is None:
            model.table = model.table.prepare("alias")
        return model

    def to_strings(self, states: rans.State) -> list[bytes]:
        """All streams as bytes."""
        return byte_strings.to_strings(states)

    def from_strings(self, strings: Sequence[bytes]) -> rans.State:
        """The inverse of `to_strings`; capacities are powers of two."""
        longest = max(map(len, strings), default=0)
        return byte_strings.from_strings(strings, _power(8 * longest // self.word_bits), self.lanes, self.variant)


def encode(coder: Any, items: Sequence[Item]) -> list[bytes]:
    """Encodes items as one string for each stream; the first item is decoded first.

    Raises:
        CodingError: if a symbol has no code in its row.
    """
    bits = sum(model.precision * symbols.shape[1] for model, symbols, _ in items)
    capacity = bits // coder.word_bits + SPARE_WORDS
    padded = [(model, _padded(coder, symbols, 0), _padded(coder, indexes)) for model, symbols, indexes in items]
    with on_host():
        push = lambda room: _push_all(coder, padded, room)
        return coder.to_strings(byte_strings.with_room(push, capacity, _power))


def decode(coder: Any, states: Any, model: Any, indexes: np.ndarray) -> tuple[Any, np.ndarray]:
    """Decodes the next symbols of all streams; returns the streams without them, and the symbols,
    int32 [streams, n].

    Raises:
        CodingError: if the streams cannot hold these symbols.
    """
    padded = _padded(coder, indexes)
    with on_host():
        states, symbols = _pop(coder, states, model, padded)
        check(states)
        return states, np.asarray(symbols)[:, padded.shape[1] - indexes.shape[1] :]


def _push_all(coder: Any, items: Sequence[Item], capacity: int) -> Any:
    model, *arrays = items[-1]
    states = _start(coder, model, *arrays, capacity=capacity)
    for model, *arrays in reversed(items[:-1]):
        states = _push(coder, states, model, *arrays)
    return states


@functools.partial(jax.jit, static_argnames=("coder", "capacity"))
def _start(coder: Any, model: Any, symbols: jax.Array, indexes: jax.Array, capacity: int) -> Any:
    return jax.vmap(lambda s, k: coder.push(coder.init(capacity), model, s, k))(symbols, indexes)


@functools.partial(jax.jit, static_argnames=("coder",))
def _push(coder: Any, states: Any, model: Any, symbols: jax.Array, indexes: jax.Array) -> Any:
    return jax.vmap(lambda state, s, k: coder.push(state, model, s, k))(states, symbols, indexes)


@functools.partial(jax.jit, static_argnames=("coder",))
def _pop(coder: Any, states: Any, model: Any, indexes: jax.Array) -> tuple[Any, jax.Array]:
    return jax.vmap(lambda state, k: coder.pop(state, model, k))(states, indexes)


def _padded(coder: Any, values: np.ndarray, filling: int = LEFT_OUT) -> np.ndarray:
    """Values after a padding of skipped symbols, so that few lengths occur.

    The padding is a multiple of the number of lanes, so every value keeps its lane.
    """
    streams, n = values.shape
    rounds = n // coder.lanes
    step = max(_power(rounds // _STEPS + 1) // 2, 1)
    more = -rounds % step * coder.lanes
    if not more:
        return values
    padded = np.empty((streams, more + n), np.int32)
    padded[:, :more] = filling
    padded[:, more:] = values
    return padded


def _power(n: int) -> int:
    """The smallest power of two that is at least n."""
    return 1 << max(n - 1, 0).bit_length()
