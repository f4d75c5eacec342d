"""Finite alphabets with a probability for every symbol."""

from typing import Any

import jax
import jax.numpy as jnp

from jans import quantize
from jans.models import base, family, rows
from jans.shapes import Shape, check_fit, check_precision

RULES = ("fast", "lazy", "perfect")


class Categorical(rows.RowsModel):
    """Symbols 0 ... n - 1 with given probabilities.

    Args:
        probs: floating point [..., n], not necessarily normalised (half precisions as float32). Leading dimensions are
            the shape of the symbols.
        logits: instead of probs, log probabilities up to a constant; quantised in integer arithmetic.
        rule: how probs become integers, by one of constriction's rules: `"fast"` in the dtype of probs; `"lazy"`, the
            same integers without a table of them, for probs that code one symbol each; or `"perfect"` in float64, which
            costs more time and, of all integers, the fewest bits.
        mask: bool, of a shape that broadcasts to that of probs or logits. Where it is False there is no symbol: it is
            never decoded, pushing it sets `BAD_SYMBOL`, and its probability is not looked at. A lazy model has none.
        precision: bits of the frequencies.

    Every other symbol has a frequency of at least 1. A row with NaN, negative, infinite or only zero probabilities, or
    with no symbol left by its mask, sets `BAD_MODEL` when it is used. See `jans.quantize` for the rules.

    >>> Categorical(jnp.array([0.5, 0.25, 0.25]), precision=8).interval(jnp.arange(3))
    (Array([  0, 127, 191], dtype=uint32), Array([127,  64,  65], dtype=uint32))
    >>> Categorical(jnp.array([0.5, 0.25, 0.25]), rule="perfect", precision=8).interval(jnp.arange(3))
    (Array([  0, 128, 192], dtype=uint32), Array([128,  64,  64], dtype=uint32))
    >>> Categorical(jnp.ones(3), mask=jnp.array([True, False, True]), precision=8).bits(jnp.arange(3))
    Array([ 1., inf,  1.], dtype=float32)
    """

    leaves = ("probs", "logits", "mask", "cdf")
    static = ("rule", "precision")

    def __init__(
        self,
        probs: Any = None,
        *,
        logits: Any = None,
        rule: str = "fast",
        mask: Any = None,
        precision: int = base.DEFAULT_PRECISION,
    ):
        if (probs is None) == (logits is None):
            raise TypeError("Categorical takes either probs or logits.")
        if rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}.")
        if probs is None and rule != "fast":
            raise ValueError(
                f"rule {rule!r} is for probs. Pass jax.nn.softmax(logits) as probs, or leave out the rule."
            )
        if mask is not None and rule == "lazy":
            raise ValueError("a lazy model has no mask. Use rule='fast', which gives the same integers.")
        name = "logits" if probs is None else "probs"
        values = base.check_single(name, logits) if probs is None else base.check_floats(name, probs)
        if values.ndim < 1 or values.shape[-1] < 2:
            raise ValueError(f"{name} needs two symbols or more along its last axis, got shape {values.shape}.")
        self.precision = check_precision(precision, values.shape[-1])
        self.probs: jax.Array | None = None if probs is None else values
        self.logits: jax.Array | None = values if probs is None else None
        self.mask = (
            None if mask is None else jnp.broadcast_to(quantize.check_mask(mask, name, values.shape), values.shape)
        )
        self.rule = rule
        self.cdf = None
        if rule != "lazy":
            quantizer = (
                quantize.logits if probs is None else {"fast": quantize.probs, "perfect": quantize.perfect}[rule]
            )
            self.cdf = quantizer(jax.lax.stop_gradient(values), self.precision, mask)

    @property
    def _given(self) -> jax.Array:
        """Probabilities or logits."""
        leaf = self.logits if self.probs is None else self.probs
        assert leaf is not None
        return leaf

    @property
    def shape(self) -> Shape:
        return self._given.shape[:-1]

    @property
    def bounds(self) -> tuple[int, int]:
        return 0, self._given.shape[-1] - 1

    def rows(self, shape: Shape) -> tuple[jax.Array, jax.Array]:
        assert self.cdf is not None
        cdf = base.constant(self.cdf, (self.probs, self.logits))
        return rows.flat_rows(cdf, shape)

    def _operands(self, shape: Shape) -> tuple[jax.Array, ...]:
        assert self.probs is not None
        return base.flat_parameters(self.shape, shape, self.probs)

    def interval(self, symbols: jax.Array) -> tuple[jax.Array, jax.Array]:
        if self.rule != "lazy":
            return super().interval(symbols)
        symbols = base.check_symbols(symbols, self.shape)
        return family.interval("lazy", self._operands(symbols.shape), symbols, self.precision)

    def locate(self, quantiles: jax.Array) -> jax.Array:
        if self.rule != "lazy":
            return super().locate(quantiles)
        check_fit(self.shape, jnp.shape(quantiles))
        return family.locate("lazy", self._operands(jnp.shape(quantiles)), quantiles, self.precision)

    def kernel(self, shape: Shape) -> base.Kernel:
        return super().kernel(shape) if self.rule != "lazy" else base.Kernel("lazy", self._operands(shape))

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        symbols = base.check_symbols(symbols, self.shape)
        if self.probs is not None:
            allowed = self.probs if self.mask is None else jnp.where(self.mask, self.probs, 0.0)
            # With the largest as one, no sum leaves the range of floats.
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
        return family.log_floored(taken, count, self.precision, inside)


def _take(values: jax.Array, at: jax.Array) -> jax.Array:
    """Of rows that broadcast to the symbols the element of each; at has a last axis of one."""
    return jnp.take_along_axis(jnp.broadcast_to(values, (*at.shape[:-1], values.shape[-1])), at, axis=-1)[..., 0]


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
