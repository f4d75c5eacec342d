"""Models with equally likely symbols."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans._checks import Shape, check_precision
from jans.models import _base, _family


class Uniform(_family.FamilyModel):
    """Symbols 0 ... size - 1, all equally likely.

    The last symbol also gets the remainder of dividing 2**precision.

    The intervals are those of constriction's `Uniform`. A traced size below 1 or above 2**precision sets
    `BAD_MODEL`.

    Args:
        size: number of symbols, an int or an int32 array with a size for each symbol.
        precision: bits of the intervals. If size is a power of two, log2(size) bits code without loss.

    >>> Uniform(3, precision=4).interval(jax.numpy.arange(3))
    (Array([ 0,  5, 10], dtype=uint32), Array([5, 5, 6], dtype=uint32))
    """

    family = "uniform"
    leaves = ("size",)
    ends = "high"

    def __init__(self, size: Any, precision: int = _base.DEFAULT_PRECISION):
        self.precision = check_precision(precision)
        self.size = jnp.asarray(_family.check_integer("size", size, 1, 2**31 - 1), jnp.int32)
        if isinstance(size, int | np.integer):
            check_precision(precision, int(size))

    @property
    def shape(self) -> Shape:
        return self.size.shape

    @property
    def bounds(self) -> tuple[int, jax.Array]:
        return 0, self.size - 1

    @property
    def certain(self) -> jax.Array:
        return (self.size == 1).all()

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        return _base.log_share(self, symbols)

    def operands(self, shape: Shape) -> tuple[jax.Array, ...]:
        return _base.flat_parameters(self.shape, shape, self.size)
