"""Mixtures of discretised logistics, the likelihood of 8-bit pixels."""

from typing import Any

import jax
import jax.numpy as jnp

from jans.ffi import calls
from jans.models import base
from jans.shapes import Shape, check_fit, check_precision

MAX_COMPONENTS = 16
MAX_SUPPORT = 2**22
"""Edges of the support are exact in float32 up to here."""


class LogisticMixture(base.Model):
    """Integers low ... high under a mixture of logistic distributions; the tails belong to the end symbols.

    `left(low + k) = floor(F(low + k - 1/2) * (2**precision - n)) + k` with
    `F(x) = sum_j softmax(logits)_j * sigmoid((x - mean_j) / scale_j)`, in fixed point (`csrc/core/fixed.h`).
    Symbols are the integers themselves.

    Args:
        logits, mean, scale: floats [..., components], 1 to 16 components, in units of the symbols. Leading dimensions
            are the shape of the symbols. NaN, infinite or non-positive parameters set `BAD_MODEL`.
        low, high: the support.
        precision: bits of the frequencies. 18 bits and more cost nothing that can be measured for 256 symbols.

    (Salimans et al. 2017, arXiv:1701.05517.)

    >>> model = LogisticMixture(jnp.zeros((1,)), jnp.array([1.0]), jnp.array([1.0]), low=0, high=2, precision=8)
    >>> model.interval(jnp.arange(3))
    (Array([  0,  96, 159], dtype=uint32), Array([96, 63, 97], dtype=uint32))
    """

    leaves = ("logits", "mean", "scale")
    static = ("low", "high", "precision")

    def __init__(
        self, logits: Any, mean: Any, scale: Any, low: int = 0, high: int = 255, precision: int = base.DEFAULT_PRECISION
    ):
        self.logits, self.mean, self.scale = jnp.broadcast_arrays(
            base.check_single("logits", logits), base.check_single("mean", mean), base.check_single("scale", scale)
        )
        if self.logits.ndim < 1 or not 1 <= self.logits.shape[-1] <= MAX_COMPONENTS:
            raise ValueError(
                f"mixture parameters need 1 to {MAX_COMPONENTS} components along the last axis, got shape "
                f"{self.logits.shape}."
            )
        if not -MAX_SUPPORT <= low <= high <= MAX_SUPPORT:
            raise ValueError(f"low <= high must lie within +-{MAX_SUPPORT}, got {low} and {high}.")
        self.low, self.high = int(low), int(high)
        self.precision = check_precision(precision, self.high - self.low + 1)

    @property
    def shape(self) -> Shape:
        return self.logits.shape[:-1]

    @property
    def _support(self) -> dict[str, int]:
        return {"low": self.low, "high": self.high}

    def _operands(self, shape: Shape) -> tuple[jax.Array, ...]:
        return base.flat_parameters(self.shape, shape, self.logits, self.mean, self.scale)

    def interval(self, symbols: jax.Array) -> tuple[jax.Array, jax.Array]:
        symbols = base.check_symbols(symbols, self.shape)
        start, freq = calls.interval_logistic_mixture(
            symbols.reshape(-1),
            *self._operands(symbols.shape),
            precision=self.precision,
            **self._support,
        )
        return start.reshape(symbols.shape), freq.reshape(symbols.shape)

    def locate(self, quantiles: jax.Array) -> jax.Array:
        shape = jnp.shape(quantiles)
        check_fit(self.shape, shape)
        (symbols,) = calls.locate_logistic_mixture(
            quantiles.reshape(-1), *self._operands(shape), precision=self.precision, **self._support
        )
        return symbols.reshape(shape)

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        symbols = base.check_symbols(symbols, self.shape)
        x = symbols[..., None]
        value = x.astype(jnp.float32)
        below = jnp.where(x <= self.low, 0.0, jax.nn.sigmoid((value - 0.5 - self.mean) / self.scale))
        above = jnp.where(x >= self.high, 1.0, jax.nn.sigmoid((value + 0.5 - self.mean) / self.scale))
        mass = (jax.nn.softmax(self.logits, -1) * (above - below)).sum(-1)
        floor = 2.0**-self.precision
        floored = mass * (1 - (self.high - self.low + 1) * floor) + floor
        return jnp.where((symbols >= self.low) & (symbols <= self.high), jnp.log(floored), -jnp.inf)

    def kernel(self, shape: Shape) -> base.Kernel:
        return base.Kernel("logistic_mixture", self._operands(shape), self._support)
