"""Models of finite alphabets with a probability for every symbol."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from jans import _inputs, quantize
from jans._checks import Shape, check_fit, check_precision
from jans.models import _base, _family, _rows

RULES = ("fast", "perfect")


class Categorical(_rows.RowsModel):
    """Symbols 0 ... n - 1 with given probabilities.

    Args:
        probs: floating point [..., n], not necessarily normalised; half precisions count as float32. The
            leading axes are the shape of the symbols.
        logits: instead of probs, log probabilities up to a constant; quantised in integer arithmetic.
        rule: one of constriction's rules, which turn probs into integers. `"fast"` computes in the dtype of
            probs. `"perfect"` computes in float64; it takes more time and gives the integers that cost the
            fewest bits.
        mask: bool, of a shape that broadcasts to that of probs or logits. A False position is no symbol: it
            is never decoded, pushing it sets `BAD_SYMBOL`, and its probability is ignored.
        precision: bits of the frequencies.

    Every other symbol has a frequency of at least 1. A row sets `BAD_MODEL` when it is used if it has NaN,
    negative or infinite probabilities, only zeros, or no symbol left by its mask. See `jans.quantize` for the
    rules.

    >>> Categorical(jnp.array([0.5, 0.25, 0.25]), precision=8).interval(jnp.arange(3))
    (Array([  0, 127, 191], dtype=uint32), Array([127,  64,  65], dtype=uint32))
    >>> Categorical(jnp.array([0.5, 0.25, 0.25]), rule="perfect", precision=8).interval(jnp.arange(3))
    (Array([  0, 128, 192], dtype=uint32), Array([128,  64,  64], dtype=uint32))
    >>> Categorical(jnp.ones(3), mask=jnp.array([True, False, True]), precision=8).bits(jnp.arange(3))
    Array([ 1., inf,  1.], dtype=float32)
    """

    leaves = ("probs", "logits", "mask", "table")
    static = ("rule", "precision")

    def __init__(
        self,
        probs: Any = None,
        *,
        logits: Any = None,
        rule: str = "fast",
        mask: Any = None,
        precision: int = _base.DEFAULT_PRECISION,
    ):
        if (probs is None) == (logits is None):
            raise TypeError("Categorical takes either probs or logits.")
        if not isinstance(rule, str) or rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}.")
        if probs is None and rule != "fast":
            raise ValueError(
                f"rule {rule!r} is for probs. Pass jax.nn.softmax(logits) as probs, or leave out the rule."
            )
        name = "logits" if probs is None else "probs"
        values = _base.check_single(name, logits) if probs is None else _base.check_floats(name, probs)
        if values.ndim < 1 or values.shape[-1] < 1:
            raise ValueError(f"{name} needs a symbol or more along its last axis, got shape {values.shape}.")
        self.precision = check_precision(precision, values.shape[-1])
        self.probs: jax.Array | None = None if probs is None else values
        self.logits: jax.Array | None = values if probs is None else None
        self.mask = (
            None
            if mask is None
            else jnp.broadcast_to(
                quantize.check_mask(_inputs.flags_or_none("mask", mask), name, values.shape), values.shape
            )
        )
        self.rule = rule
        summed = probs is not None and mask is None and rule != "perfect" and values.shape[-1] > 1
        self.table: jax.Array | None = None if summed and self.shape else self._quantised()

    @property
    def cdf(self) -> jax.Array:
        """Cumulative frequencies, uint32 [*shape, n + 1]."""
        return self._quantised() if self.table is None else self.table

    def _quantised(self) -> jax.Array:
        values = jax.lax.stop_gradient(self._values)
        if self.logits is not None:
            return quantize.logits(values, self.precision, self.mask)
        return (quantize.perfect if self.rule == "perfect" else quantize.fast)(values, self.precision, self.mask)

    @property
    def _values(self) -> jax.Array:
        """The probabilities or the logits."""
        leaf = self.logits if self.probs is None else self.probs
        assert leaf is not None
        return leaf

    @property
    def shape(self) -> Shape:
        return self._values.shape[:-1]

    @property
    def bounds(self) -> tuple[int, int]:
        return 0, self._values.shape[-1] - 1

    def rows(self, shape: Shape) -> tuple[jax.Array, jax.Array]:
        return _rows.flat_rows(_base.constant(self.cdf, (self.probs, self.logits)), shape)

    def _sums(self, shape: Shape) -> tuple[jax.Array, ...] | None:
        """The probabilities to sum without a table, if each row is for one symbol; otherwise None."""
        if self.table is not None or math.prod(self.shape) != math.prod(shape):
            return None
        assert self.probs is not None
        return _base.flat_parameters(self.shape, shape, self.probs)

    def interval(self, symbols: jax.Array) -> tuple[jax.Array, jax.Array]:
        symbols = _base.check_symbols(symbols, self.shape)
        sums = self._sums(symbols.shape)
        return super().interval(symbols) if sums is None else _family.interval("lazy", sums, symbols, self.precision)

    def locate(self, quantiles: jax.Array) -> jax.Array:
        check_fit(self.shape, jnp.shape(quantiles))
        sums = self._sums(jnp.shape(quantiles))
        return super().locate(quantiles) if sums is None else _family.locate("lazy", sums, quantiles, self.precision)

    def kernel(self, shape: Shape) -> _base.Kernel:
        sums = self._sums(shape)
        return super().kernel(shape) if sums is None else _base.Kernel("lazy", sums)

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        symbols = _base.check_symbols(symbols, self.shape)
        if self.probs is not None:
            allowed = self.probs if self.mask is None else jnp.where(self.mask, self.probs, 0.0)
            # Scale the largest to one, so that no sum leaves the range of floats.
            scaled = allowed / jax.lax.stop_gradient(allowed.max(-1, keepdims=True))
            probs = scaled / scaled.sum(-1, keepdims=True)
        elif self.logits is not None:
            probs = jax.nn.softmax(self.logits, -1, where=self.mask)
        n = probs.shape[-1]
        at = jnp.clip(symbols, 0, n - 1)[..., None]
        taken = _take(probs, at)
        count = n if self.mask is None else self.mask.sum(-1)
        inside = (symbols >= 0) & (symbols < n)
        if self.mask is not None:
            inside = inside & _take(self.mask, at)
        return _family.log_floored(taken, count, self.precision, inside)


def _take(values: jax.Array, at: jax.Array) -> jax.Array:
    """Takes one element of each row; the rows broadcast to the symbols,
    and `at` has a last axis of length 1."""
    return jnp.take_along_axis(jnp.broadcast_to(values, (*at.shape[:-1], values.shape[-1])), at, axis=-1)[..., 0]


def Bernoulli(prob: Any, precision: int = _base.DEFAULT_PRECISION) -> Categorical:  # noqa: N802
    """Symbols 0 and 1, where 1 has the given probability: `Categorical([1 - prob, prob])`.

    Args:
        prob: floating point, of the shape of the symbols; outside of [0, 1] it sets `BAD_MODEL`.
        precision: bits of the frequencies.

    >>> Bernoulli(0.25, precision=8).interval(jnp.arange(2))
    (Array([  0, 191], dtype=uint32), Array([191,  65], dtype=uint32))
    """
    prob = _base.check_floats("prob", prob)
    return Categorical(jnp.stack([1 - prob, prob], axis=-1), precision=precision)
