"""Symbols beyond a model's support, coded as an end symbol and the distance beyond it."""

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import Shape
from jans.models import _base
from jans.models.table import Table
from jans.models.uniform import Uniform

ENDS = ("low", "high", "both")
MIN_INT32, MAX_INT32 = np.int32(-(2**31)), np.int32(2**31 - 1)

_LENGTH_BITS = 6
# Row k codes the lengths 0 ... k. Each length above 0 has one of 64 quantiles, and length 0 has all
# others.
_LENGTHS = np.array([[0, *np.minimum(64 - k + np.arange(33), 64)] for k in range(33)])

_PIECE_BITS = 11
_PIECES = (2, 1, 0)
"""Indexes of the pieces of 11 bits, from the highest to the lowest.

Every variant has the precision for 11 bits.
"""


def _length(number: jax.Array) -> jax.Array:
    """The number of significant bits of uint32 numbers, 0 ... 32."""
    return 32 - jax.lax.clz(number).astype(jnp.int32)


def _leading_one(length: jax.Array) -> jax.Array:
    """2**(length - 1) as uint32, and 0 for a length of 0."""
    return jnp.where(length == 0, jnp.uint32(0), jnp.uint32(1) << (length - 1 & 31).astype(jnp.uint32))


def _piece(number: jax.Array, j: int) -> jax.Array:
    """Piece j of the bits after the leading one of numbers."""
    below = number ^ _leading_one(_length(number))
    return (below >> (_PIECE_BITS * j) & 2**_PIECE_BITS - 1).astype(jnp.int32)


class Number(_base.Composite):
    """Numbers 0 ... largest, coded as the number of significant bits, then the bits after the leading one.

    A number of b > 0 significant bits costs 6 bits for b, and b - 1 bits for the bits after the leading one.
    The number 0 costs less than 1 bit, because its length has all quantiles that the other lengths leave; it
    costs nothing if largest is 0. Every coder state pops as exactly one number of this range, so bits-back
    coding gets its bits back.

    Args:
        largest: uint32, of the shape of the symbols. The symbols are int32, with the bits of the number.
    """

    leaves = ("largest",)
    static = ("precision",)
    parts = 1 + len(_PIECES)

    def __init__(self, largest: jax.Array):
        self.largest, self.precision = largest, _PIECE_BITS

    @property
    def shape(self) -> Shape:
        return self.largest.shape

    @property
    def max_bits(self) -> int:
        return _LENGTH_BITS + len(_PIECES) * _PIECE_BITS

    @property
    def certain(self) -> jax.Array:
        return (self.largest == 0).all()

    def part(self, k: int, values: tuple[jax.Array, ...]) -> _base.Model:
        if k == 0:
            return Table(_LENGTHS, _length(self.largest), _LENGTH_BITS)
        length, *higher = values
        j = _PIECES[k - 1]
        # As long as all pieces before it equal those of largest, a piece is at most the piece of largest.
        tight = length == _length(self.largest)
        for i, value in zip(_PIECES, higher, strict=False):
            tight &= value == _piece(self.largest, i)
        free = jnp.left_shift(1, jnp.clip(length - 1 - _PIECE_BITS * j, 0, _PIECE_BITS))
        return Uniform(jnp.where(tight, _piece(self.largest, j) + 1, free), _PIECE_BITS)

    def split(self, symbols: jax.Array) -> tuple[jax.Array, ...]:
        number = jax.lax.bitcast_convert_type(_base.check_symbols(symbols, self.shape), jnp.uint32)
        return _length(number), *(_piece(number, j) for j in _PIECES)

    def join(self, values: tuple[jax.Array, ...]) -> jax.Array:
        length, *pieces = values
        number = _leading_one(length)
        for j, piece in zip(_PIECES, pieces, strict=True):
            number |= piece.astype(jnp.uint32) << (_PIECE_BITS * j)
        return jax.lax.bitcast_convert_type(number, jnp.int32)


class Escape(_base.Composite):
    """A model widened to all int32 symbols.

    An end symbol of its support stands for itself and all symbols beyond it.

    The distance beyond an end symbol follows it. The end symbol itself has distance 0, which costs less than
    1 bit; any other distance costs `6 + floor(log2(distance))` bits. Symbols within the support cost no extra
    bits. An array without end symbols costs no extra time either. Use `escape` to make one.

    Args:
        model: a model with a support.
        ends: "low", "high" or "both".
    """

    leaves = ("model",)
    static = ("opened", "precision")
    parts = 2

    def __init__(self, model: _base.Model, ends: str):
        if not isinstance(ends, str) or ends not in ENDS:
            raise ValueError(f"ends must be one of {', '.join(ENDS)}, got {ends!r}.")
        _ = model.bounds  # raises for a model without bounds
        self.model, self.opened, self.precision = model, ends, model.precision

    @property
    def shape(self) -> Shape:
        return self.model.shape

    @property
    def max_bits(self) -> int:
        return self.model.max_bits + Number(jnp.uint32(0)).max_bits

    def _meets(self, values: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Whether values are an open low end, and whether they are an open high end."""
        low, high = self.model.bounds
        return (values == low) & (self.opened != "high"), (values == high) & (self.opened != "low")

    def part(self, k: int, values: tuple[jax.Array, ...]) -> _base.Model:
        if k == 0:
            return self.model
        is_low, is_high = self._meets(values[0])
        above = jnp.where(is_low, -1, MAX_INT32 - values[0])
        largest = jnp.where(is_high, above, jnp.where(is_low, values[0] - MIN_INT32, 0))
        return Number(jax.lax.bitcast_convert_type(largest, jnp.uint32))

    def split(self, symbols: jax.Array) -> tuple[jax.Array, ...]:
        symbols = _base.check_symbols(symbols, self.shape)
        low, high = self.model.bounds
        value = symbols if self.opened == "low" else jnp.minimum(symbols, high)
        value = value if self.opened == "high" else jnp.maximum(value, low)
        is_low, is_high = self._meets(value)
        return value, jnp.where(is_high, symbols - value, jnp.where(is_low, value - symbols, 0))

    def join(self, values: tuple[jax.Array, ...]) -> jax.Array:
        value, distance = values
        return jnp.where(self._meets(value)[1], value + distance, value - distance)


@_inputs.door(model=_inputs.model)
def escape(model: _base.Model, ends: str | None = None) -> Escape:
    """A model widened to all int32 symbols, at a small cost for the symbols at the ends of its support.

    The distance beyond an end symbol follows it. The end symbol itself costs less than 1 bit more, and a
    symbol beyond it costs 6 + floor(log2(distance)) bits more. The result is a `Composite`: coders, `bits`
    and `log_prob` take it like any model, but it has no `interval`.

    Args:
        model: a model that has `bounds`.
        ends: "low", "high" or "both"; by default the ends at which the model has tails. These are "high" for
            models that count their symbols from 0, so that 0 costs nothing more, and "both" for models on a
            range of integers.

    Raises:
        TypeError: if the model has no `bounds`.
        ValueError: if `ends` is something else.

    >>> from jans import models
    >>> model = models.escape(models.Categorical(jnp.array([0.5, 0.25, 0.25]), precision=16))
    >>> jnp.round(model.bits(jnp.array([0, 2, 3, 1000])), 2)
    Array([ 1.  ,  2.96,  8.  , 17.  ], dtype=float32)
    """
    return Escape(model, model.ends if ends is None else ends)
