"""Equal intervals."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans.models import base
from jans.shapes import Shape, check_fit, check_precision
from jans.status import BAD_MODEL, BAD_SYMBOL


class Uniform(base.Model):
    """Symbols 0 ... size - 1, all equally likely; the last one takes what the division of 2**precision leaves.

    Args:
        size: number of symbols, an int or an int32 array with a size for each symbol.
        precision: bits of the intervals; log2(size) of them code without loss where size is a power of two.

    The intervals are constriction's `Uniform`. A traced size that is below 1 or beyond 2**precision sets `BAD_MODEL`.

    >>> Uniform(3, precision=4).interval(jax.numpy.arange(3))
    (Array([ 0,  5, 10], dtype=uint32), Array([5, 5, 6], dtype=uint32))
    """

    leaves = ("size",)

    def __init__(self, size: Any, precision: int = base.DEFAULT_PRECISION):
        self.precision = check_precision(precision)
        if isinstance(size, int | np.integer):
            if not 1 <= size < 2**31:
                raise ValueError(f"size must be from 1 to 2**31 - 1, got {size}.")
            check_precision(precision, int(size))
            size = np.int32(size)
        elif not jnp.issubdtype(jnp.asarray(size).dtype, jnp.integer):
            raise TypeError(f"size must be an integer or an integer array, got {jnp.asarray(size).dtype}.")
        self.size = jnp.asarray(size, jnp.int32)

    @property
    def shape(self) -> Shape:
        return self.size.shape

    def _width(self) -> tuple[jax.Array, jax.Array, jax.Array]:
        last = jnp.uint32(2**self.precision - 1)
        legal = (self.size >= 1) & (jnp.maximum(self.size, 1).astype(jnp.uint32) - 1 <= last)
        size = jnp.where(legal, self.size, 1).astype(jnp.uint32)
        # floor(2**precision / size), which is 2**32 and wraps to 0 only for a single symbol at 32 bits.
        return legal, size, last // size + (last % size == size - 1)

    def interval(self, symbols: jax.Array) -> tuple[jax.Array, jax.Array]:
        symbols = base.check_symbols(symbols, self.shape)
        legal, _, width = self._width()
        inside = (symbols >= 0) & (symbols < self.size)
        start = width * symbols.astype(jnp.uint32)
        freq = jnp.where(symbols == self.size - 1, jnp.uint32(2**self.precision % 2**32) - start, width)
        return base.refuse(legal & (width != 0), base.refuse(inside, (start, freq), BAD_SYMBOL), BAD_MODEL)

    def locate(self, quantiles: jax.Array) -> jax.Array:
        check_fit(self.shape, jnp.shape(quantiles))
        _, size, width = self._width()
        return jnp.minimum(quantiles // jnp.maximum(width, 1), size - 1).astype(jnp.int32)

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        _, freq = self.interval(symbols)
        return jnp.log(freq.astype(jnp.float32)) - self.precision * math.log(2)

    def kernel(self, shape: Shape) -> base.Kernel:
        return base.Kernel("uniform", base.flat_parameters(self.shape, shape, self.size), {})
