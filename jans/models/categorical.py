"""Finite alphabets with a probability for every symbol."""

from typing import Any

import jax
import jax.numpy as jnp

from jans import quantize
from jans.models import base, rows
from jans.shapes import Shape, check_precision


class Categorical(rows.RowsModel):
    """Symbols 0 ... n - 1 with given probabilities.

    Args:
        probs: floating point [..., n], not necessarily normalised; quantised by constriction's `fast` rule in its own
            dtype (half precisions as float32). Leading dimensions are the shape of the symbols.
        logits: instead of probs, log probabilities up to a constant; quantised in integer arithmetic.
        precision: bits of the frequencies.

    Every symbol has a frequency of at least 1. A row with NaN, negative, infinite or only zero probabilities sets
    `BAD_MODEL` when it is used. See `jans.quantize` for both rules.

    >>> Categorical(jnp.array([0.5, 0.25, 0.25]), precision=8).interval(jnp.arange(3))
    (Array([  0, 127, 191], dtype=uint32), Array([127,  64,  65], dtype=uint32))
    """

    leaves = ("probs", "logits", "cdf")

    def __init__(self, probs: Any = None, *, logits: Any = None, precision: int = base.DEFAULT_PRECISION):
        if (probs is None) == (logits is None):
            raise TypeError("Categorical takes either probs or logits.")
        name = "logits" if probs is None else "probs"
        values = base.check_single(name, logits) if probs is None else base.check_floats(name, probs)
        if values.ndim < 1 or values.shape[-1] < 2:
            raise ValueError(f"{name} needs two symbols or more along its last axis, got shape {values.shape}.")
        self.precision = check_precision(precision, values.shape[-1])
        self.probs: jax.Array | None = None if probs is None else values
        self.logits: jax.Array | None = values if probs is None else None
        quantizer = quantize.logits if probs is None else quantize.probs
        self.cdf = quantizer(jax.lax.stop_gradient(values), self.precision)

    @property
    def shape(self) -> Shape:
        return self.cdf.shape[:-1]

    @property
    def bounds(self) -> tuple[int, int]:
        return 0, self.cdf.shape[-1] - 2

    def rows(self, shape: Shape) -> tuple[jax.Array, jax.Array]:
        cdf = base.constant(self.cdf, (self.probs, self.logits))
        return rows.flat_rows(cdf, shape)

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        symbols = base.check_symbols(symbols, self.shape)
        if self.probs is not None:
            # With the largest as one, no sum leaves the range of floats.
            scaled = self.probs / jax.lax.stop_gradient(self.probs.max(-1, keepdims=True))
            probs = scaled / scaled.sum(-1, keepdims=True)
        elif self.logits is not None:
            probs = jax.nn.softmax(self.logits, -1)
        n = probs.shape[-1]
        taken = jnp.take_along_axis(
            jnp.broadcast_to(probs, (*jnp.shape(symbols), n)), jnp.clip(symbols, 0, n - 1)[..., None], axis=-1
        )[..., 0]
        floored = taken * (1 - n * 2.0**-self.precision) + 2.0**-self.precision
        return jnp.where((symbols >= 0) & (symbols < n), jnp.log(floored), -jnp.inf)


def Bernoulli(prob: Any, precision: int = base.DEFAULT_PRECISION) -> Categorical:  # noqa: N802
    """Symbols 0 and 1, 1 with the given probability: `Categorical([1 - prob, prob])`.

    Args:
        prob: floating point, of the shape of the symbols; outside of [0, 1] it sets `BAD_MODEL`.
        precision: bits of the frequencies.

    >>> Bernoulli(0.25, precision=8).interval(jnp.arange(2))
    (Array([  0, 191], dtype=uint32), Array([191,  65], dtype=uint32))
    """
    prob = base.check_floats("prob", prob)
    return Categorical(jnp.stack([1 - prob, prob], axis=-1), precision=precision)
