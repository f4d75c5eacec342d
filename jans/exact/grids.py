"""Grids: sets of numbers so coarse that sums of products of them are exact in float32."""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

from jans import _inputs
from jans._checks import brief


@dataclasses.dataclass(frozen=True)
class Grid:
    """The multiples of 2**-bits from -high to high. Calling it rounds numbers to the nearest of them.

    Midpoints go to the even multiple. The derivative is 1 for numbers from -high to high, and 0 outside
    (straight-through rounding), so that a network can be trained with its rounding. The result is exact in
    float32, and it has no negative zeros.

    Attributes:
        bits: the number of fractional bits, from -64 to 64.
        high: the largest number, a multiple of 2**-bits of at most 2**22 steps.

    Raises:
        ValueError: for other values.

    >>> Grid(bits=2, high=1.5)(jnp.array([0.3, -1.26, 7.0]))
    Array([ 0.25, -1.25,  1.5 ], dtype=float32)
    """

    bits: int
    high: float

    def __post_init__(self) -> None:
        if type(self.bits) is not int or not -64 <= self.bits <= 64:
            raise ValueError(f"bits must be an integer from -64 to 64, got {brief(self.bits)}.")
        number = isinstance(self.high, int | float) and not isinstance(self.high, bool)
        steps = min(float(self.high), 2.0**99) * 2.0**self.bits if number else math.nan
        if not (math.isfinite(steps) and steps == int(steps) and 1 <= steps <= 2**22):
            raise ValueError(
                f"high must be 1 to 2**22 steps of 2**-{self.bits}, a whole number of them, got {brief(self.high)}."
            )

    @property
    def largest(self) -> int:
        """The number of steps from 0 to `high`."""
        return int(self.high * 2.0**self.bits)

    def __call__(self, x: Any) -> jax.Array:
        """The nearest numbers of the grid, float32. NaN stays NaN."""
        array = jnp.asarray(_inputs.reals("x", x))
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"x must be floating point, got {array.dtype}. Convert it with .astype(jnp.float32).")
        return _snapped(array.astype(jnp.float32), self)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _snapped(x: jax.Array, grid: Grid) -> jax.Array:
    # A scale that is a power of two, a limit and rounding to an integer are all exact.
    steps = jnp.round(jnp.clip(x, -grid.high, grid.high) * 2.0**grid.bits)
    return jnp.where(steps == 0, 0.0, steps) * 2.0**-grid.bits


@_snapped.defjvp
def _snapped_jvp(grid, primals, tangents):
    (x,), (change,) = primals, tangents
    return _snapped(x, grid), jnp.where(jnp.abs(x) <= grid.high, change, 0.0)
