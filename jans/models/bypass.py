"""Bypass coding: tables whose rows have an escape symbol, after which any value can follow."""

import copy
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import MAX_DIGIT_BITS, Shape, max_bypass_bits
from jans.models import _base
from jans.models.table import Table, check_index

LEFT_OUT = -1


class Bypass(_base.Model):
    """A table for all int32 values.

    The last symbol of a row's alphabet is the escape symbol: a number follows it.

    A value of row k has the place `v = value - offset[k]`. The escape symbol of the row has the place
    `e = sizes[k]`, and the places 0 ... e - 1 are those of ordinary symbols. Any other value is coded as the
    escape symbol and the number `2 (v - e)` for v >= e, or `-2 v - 1` for v < 0.

    The number is written in digits of b = `bypass_precision` bits, lowest digit first, after the count of its
    digits. The count is written in digits too: as many digits of `2**b - 1` as it contains, then the
    remainder.

    Only `jans.rans` codes this model. With variants "rans64_ryg", "rans32_16" and "rans32" the words are
    those of torch_ans; with "rans64_ryg" and 4 bits they are those of CompressAI. For other coders use
    `jans.models.escape`, which widens any model in a format of this library.

    Args:
        table: the rows, and the index of each symbol's row. `at` also takes an index of -1, which skips a
            symbol: nothing is coded for it, and 0 is popped.
        sizes: integers [K], or one for all rows: the number of ordinary symbols; the escape symbol follows
            them. By default every place except the last is an ordinary symbol. Symbols after the escape
            symbol are never pushed, and popping one sets `BAD_DATA`.
        offset: integers [K], or one for all rows: the value at place 0.
        bypass_precision: bits of a digit, 1 to 16, and at most the largest precision of the coder's variant;
            static.

    Digits that no push can have written, and values beyond int32, set `BAD_DATA` and give 0.

    >>> import jans
    >>> table = Table(jnp.array([[0, 9, 15, 16]]), precision=4)  # two values, and the escape symbol
    >>> model = Bypass(table, offset=-1)
    >>> state = jans.rans.push(jans.rans.init(8), model, jnp.array([-1, 0, 0, -70000, 3]))
    >>> jans.rans.pop(state, model, shape=(5,))[1]
    Array([    -1,      0,      0, -70000,      3], dtype=int32)
    """

    leaves = ("table", "escape_place", "offset")
    shared = ("escape_place", "offset")
    static = ("bypass_precision", "precision")

    def __init__(self, table: Table, sizes: Any = None, offset: Any = 0, bypass_precision: int = 4):
        if type(table) is not Table:
            raise TypeError(f"bypass coding is for a jans.models.Table, got {type(table).__name__}.")
        count, n = table.cdf.shape[0], table.cdf.shape[1] - 1
        self.table, self.precision, self.bypass_precision = table, table.precision, check_digits(bypass_precision)
        self.escape_place = _inputs.rows("sizes", n - 1 if sizes is None else sizes, count)
        self.offset = _inputs.rows("offset", offset, count)

    @property
    def shape(self) -> Shape:
        return self.table.shape

    @property
    def max_bits(self) -> int:
        return self.precision + max_bypass_bits(self.bypass_precision)

    def at(self, index: Any) -> "Bypass":
        """This model with other rows for the symbols; it keeps what `prepare` made.

        Args:
            index: integers of the shape of the symbols, 0 ... K - 1, or -1 to skip a symbol.
        """
        model = copy.copy(self)
        model.table = copy.copy(self.table)
        model.table.index = check_index(index, len(self.table.cdf), may_skip=True)
        return model

    def stack_kernel(self, shape: Shape) -> _base.Kernel:
        cdf, index = self.table.rows(shape)
        alias, remap, guide = self.table.alias, self.table.remap, self.table.guide
        last, attributes = (self.escape_place, self.offset), {"bypass_precision": self.bypass_precision}
        if alias is not None and remap is not None:
            return _base.Kernel("bypass_alias", (cdf, index, alias, remap, *last), attributes)
        table: Any = np.zeros((cdf.shape[0], 0), np.uint32) if guide is None else guide
        return _base.Kernel("bypass", (cdf, index, table, *last), attributes)

    def bits(self, symbols: jax.Array) -> jax.Array:
        """The exact code length of each value in bits (float32); infinite if there is no code."""
        symbols = _base.check_symbols(symbols, self.shape)
        index = jnp.broadcast_to(self.table.index, symbols.shape)
        row = jnp.clip(index, 0, self.offset.shape[0] - 1)
        escape, v = self.escape_place[row], symbols - self.offset[row]
        low = symbols < self.offset[row]
        # Differences of int32 values may need 33 bits. Their sign is known here, and the other 32 bits fit
        # uint32.
        high = ~low & (v.astype(jnp.uint32) >= escape.astype(jnp.uint32))
        distance = jnp.where(low, ~v, v - escape).astype(jnp.uint32)
        length = jnp.where(low | (high & (distance > 0)), 33 - jax.lax.clz(distance).astype(jnp.int32), 0)
        digits = -(-length // self.bypass_precision)
        digits += digits // (2**self.bypass_precision - 1) + 1
        place = jnp.where(low | high, escape, v)
        plain = self.table.at(row).bits(place) + jnp.where(low | high, digits * self.bypass_precision, 0)
        return jnp.where(index == row, plain, jnp.where(index == LEFT_OUT, 0.0, jnp.inf))

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        return -self.bits(symbols) * math.log(2)

    def interval(self, symbols: jax.Array) -> tuple[jax.Array, jax.Array]:
        raise TypeError(_REFUSAL)

    def locate(self, quantiles: jax.Array) -> jax.Array:
        raise TypeError(_REFUSAL)


def check_digits(bypass_precision: Any) -> int:
    """Returns the bits of a digit, or raises ValueError."""
    if not isinstance(bypass_precision, int | np.integer) or not 1 <= bypass_precision <= MAX_DIGIT_BITS:
        raise ValueError(f"bypass_precision must be an integer from 1 to {MAX_DIGIT_BITS}, got {bypass_precision!r}.")
    return int(bypass_precision)


_REFUSAL = (
    "bypass coding writes digits between symbols, so that values have no single interval: only jans.rans codes it. For "
    "other coders widen the table with jans.models.escape(table)."
)
