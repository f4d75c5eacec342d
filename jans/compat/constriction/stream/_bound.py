"""Models with all their parameters, as coders use them: one piece of an array of symbols at a time."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import quantize
from jans.compat._host import on_host as on_host
from jans.compat.constriction.stream._pieces import LONGEST
from jans.models import _base, _family, _rows

PRECISION = 24
ONE = 1 << PRECISION
NOT_NORMALIZABLE = (
    "Probability distribution not normalizable (the array of probabilities might be empty, contain negative values or "
    "NaNs, or sum to infinity)."
)


class Operands(_family.FamilyModel):
    """A model in closed form, by the operands of its kernel; each operand has 1 or `count` rows.

    Supports are operands too, so that all models of a family share their compiled programs.
    """

    leaves = ("values",)
    static = ("family", "count", "precision")
    family: str  # type: ignore[misc]

    def __init__(self, kind: str, values: tuple[Any, ...], count: int | None):
        self.family, self.values, self.count, self.precision = kind, values, count, PRECISION

    @property
    def shape(self) -> tuple[int, ...]:
        return () if self.count is None else (self.count,)

    def operands(self, shape: tuple[int, ...]) -> tuple[jax.Array, ...]:
        return self.values

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        raise TypeError("models of this interface have no gradients. Train with those of jans.models.")


class Bound(abc.ABC):
    """A model for `count` symbols, or for any number of symbols if it is None."""

    count: int | None
    longest: int = LONGEST
    """The largest number of symbols in a piece, a power of 4."""

    @abc.abstractmethod
    def to_push(self, symbols: np.ndarray, begin: int, end: int) -> tuple[_base.Model, np.ndarray]:
        """The model of symbols begin ... end - 1, and the numbers of these symbols in it."""


@dataclasses.dataclass(frozen=True)
class Known(Bound):
    """Models of integers that kernels search.

    `part(begin, end)` is the model of these symbols, counted from low.
    """

    count: int | None
    part: Callable[[int, int], _base.Model]
    low: int = 0
    longest: int = LONGEST

    def to_push(self, symbols: np.ndarray, begin: int, end: int) -> tuple[_base.Model, np.ndarray]:
        piece = symbols[begin:end]
        return self.part(begin, end), piece - np.int32(self.low) if self.low else piece


def shared(model: _base.Model, low: int = 0) -> Known:
    """One model for all symbols."""
    return Known(None, lambda begin, end: model, low)


def operands(kind: str, fixed: dict[int, np.ndarray], per_symbol: dict[int, np.ndarray]) -> Known:
    """A model in closed form, from shared operands and operands for each symbol, both by position."""
    places = range(len(fixed) + len(per_symbol))
    if not per_symbol:
        with on_host():
            return shared(Operands(kind, tuple(jnp.asarray(fixed[k]) for k in places), None))

    def part(begin, end):
        values = tuple(fixed[k] if k in fixed else per_symbol[k][begin:end] for k in places)
        return Operands(kind, values, end - begin if end - begin > 1 else None)

    return Known(next(iter(per_symbol.values())).shape[0], part)


def probabilities(values: np.ndarray, perfect: bool) -> Known:
    """A categorical model from [n] probabilities for all symbols, or from [symbols, n]."""
    if values.ndim == 1:
        cdf = _quantized(values, perfect)
        if cdf[0] != 0:
            raise ValueError(NOT_NORMALIZABLE)
        return table(cdf)
    # Pieces of a few megabytes stay in a cache while they are copied and coded.
    longest = LONGEST
    while longest > 1 and longest * values.shape[1] > 2**20:
        longest //= 4
    if not perfect:
        return dataclasses.replace(operands("lazy", {}, {0: values}), longest=longest)
    return Known(values.shape[0], lambda begin, end: _as_rows(_quantized(values[begin:end], True)), longest=longest)


def table(cdf: np.ndarray, low: int = 0) -> Known:
    """A model from the n + 1 cumulative frequencies of symbols low, low + 1, ...

    The row is padded to a power of two, so that few programs are compiled.
    """
    padded = np.full(1 << (cdf.size - 1).bit_length(), ONE, np.uint32)
    padded[: cdf.size] = cdf
    with on_host():
        return shared(_as_rows(jnp.asarray(padded)), low)


def _as_rows(cdf: Any) -> _rows.Rows:
    return _rows.Rows(cdf, PRECISION)


def _quantized(values: np.ndarray, perfect: bool) -> np.ndarray:
    with on_host():
        wide = jnp.asarray(values, jnp.float64 if perfect else None)
        return np.asarray((quantize.perfect if perfect else quantize.fast)(wide, PRECISION))


def brackets(start: np.ndarray, end: np.ndarray) -> _rows.Rows:
    """Models for symbols with known intervals: symbol 1 has the interval,
    and symbols 0 and 2 the rest around it."""
    cdf = np.zeros((start.size, 4), np.uint32)
    cdf[:, 1], cdf[:, 2], cdf[:, 3] = start, end, ONE
    return _as_rows(cdf if start.size > 1 else cdf[0])


def every_quantile() -> Operands:
    """A model in which a symbol is its quantile: popping a symbol shows the next quantile."""
    return Operands("uniform", (np.array([ONE], np.int32),), None)
