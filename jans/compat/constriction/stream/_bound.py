"""Models with all their parameters, as kernels take them."""

import dataclasses
import math
from typing import Any

import numpy as np

from jans.ffi import host

PRECISION = 24
ONE = 1 << PRECISION
NOT_NORMALIZABLE = (
    "Probability distribution not normalizable (the array of probabilities might be empty, contain negative values or "
    "NaNs, or sum to infinity)."
)
_QUANTIZERS = ("quantize_probs", "quantize_perfect")
_NO_MASK = np.zeros(0, bool), np.zeros((1, 0), bool)  # of one row, and of rows
_FIRST = np.zeros(1, np.int32)


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """A model that kernels search.

    Attributes:
        kind: the kind of its kernels.
        operands: `host.Arrays` with a row for all symbols, or one for each.
        low: the symbol that kernels call 0.
        count: the number of symbols, or None if all share the parameters.
    """

    kind: str
    operands: Any
    low: int = 0
    count: int | None = None


def operands(kind: str, *values: np.ndarray, count: int | None) -> Known:
    """A model in closed form, from operands that have one row or a row for each symbol."""
    return Known(kind, host.Arrays(*map(host.ready, values)), count=count)


def probabilities(values: np.ndarray, perfect: bool) -> Known:
    """A categorical model from [n] probabilities for all symbols, or from [symbols, n]."""
    if values.ndim == 2 and not perfect:
        return operands("lazy", values, count=len(values))
    wide = host.ready(values, np.float64) if perfect else host.ready(values)
    cdf = np.empty((*values.shape[:-1], values.shape[-1] + 1), np.uint32)
    host.kernel(_QUANTIZERS[perfect], precision=PRECISION)(wide, _NO_MASK[values.ndim - 1], cdf)
    if values.ndim == 2:
        return rows(cdf)
    with np.errstate(over="ignore"):
        total = float(np.add.reduce(values))
    if cdf[0] != 0 or not math.isfinite(total):
        raise ValueError(NOT_NORMALIZABLE)
    return table(cdf)


def table(cdf: np.ndarray, low: int = 0) -> Known:
    """A model from the n + 1 cumulative frequencies of symbols low, low + 1, ..."""
    return Known("rows", host.Arrays(cdf[None], _FIRST), low)


def rows(cdf: np.ndarray) -> Known:
    """A model with a row of cumulative frequencies for each symbol."""
    return Known("rows", host.Arrays(cdf, np.arange(len(cdf), dtype=np.int32)), count=len(cdf))


def brackets(start: np.ndarray, end: np.ndarray) -> Known:
    """Models for symbols with known intervals: symbol 1 has the interval,
    and symbols 0 and 2 the rest around it."""
    cdf = np.zeros((start.size, 4), np.uint32)
    cdf[:, 1], cdf[:, 2], cdf[:, 3] = start, end, ONE
    return rows(cdf)


EVERY_QUANTILE = Known("uniform", host.Arrays(np.array([ONE], np.int32)))
"""A model in which a symbol is its quantile: popping a symbol shows the next quantile."""
