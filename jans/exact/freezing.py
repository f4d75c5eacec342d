"""From trained weights to weights whose sums are exact."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans.exact import _doors
from jans.exact.grids import Grid

_DIGITS = 24
_FINEST = 30


def freeze(kernel: Any, inputs: Grid, bias: Any = None, *, digits: int = _DIGITS) -> tuple[jax.Array, jax.Array | None]:
    """Rounds the weights of a layer as finely as its sums stay exact.

    Each output has a grid of its own: the finest for which no partial sum of its products, in any order and for
    any inputs on their grid, needs more than `digits` binary digits.

    Args:
        kernel: floats [..., outputs], of `dense` or `conv`.
        inputs: the grid of the inputs of the layer.
        bias: floats [outputs], or None.
        digits: 24 for float32. Fewer leave room, for example for a residual sum behind the layer.

    Returns:
        The kernel and the bias, float32.

    Raises:
        ValueError: for weights that are not finite.

    >>> kernel, _ = freeze(jnp.array([[0.3, 100.0]]), Grid(bits=4, high=8.0), digits=12)
    >>> kernel
    Array([[  0.296875, 100.      ]], dtype=float32)
    """
    _doors.grid("inputs", inputs)
    (digits,) = _doors.each("digits", digits, 1)
    if not 2 <= digits <= _DIGITS:
        raise ValueError(f"digits must be from 2 to {_DIGITS}, got {digits}.")
    weights = np.asarray(_doors.floats("kernel", kernel, 2), np.float64)
    fixed_bias = _doors.bias(bias, weights.shape[-1])
    offsets = np.zeros(weights.shape[-1]) if fixed_bias is None else np.asarray(fixed_bias, np.float64)
    offsets = np.broadcast_to(offsets, weights.shape[-1:])
    if not (np.isfinite(weights).all() and np.isfinite(offsets).all()):
        raise ValueError("kernel and bias must be finite.")
    columns = weights.reshape(-1, weights.shape[-1])
    found = np.empty_like(columns)
    fixed = np.empty(len(offsets))
    for k in range(columns.shape[1]):
        total = np.abs(columns[:, k]).sum() * inputs.high + abs(offsets[k])
        bits = _FINEST if total == 0 else min(_FINEST, digits - inputs.bits - math.floor(math.log2(total)))
        while not _rounded(columns[:, k], offsets[k], bits, inputs, digits, found[:, k], fixed[k : k + 1]):
            bits -= 1
    kernel = jnp.asarray(found.reshape(weights.shape), jnp.float32)
    return kernel, None if bias is None else jnp.asarray(fixed, jnp.float32)


def _rounded(
    column: np.ndarray, offset: float, bits: int, inputs: Grid, digits: int, out: np.ndarray, fixed: np.ndarray
) -> bool:
    """Rounds the weights of an output to multiples of 2**-bits; False if its sums then need too many digits."""
    steps = np.rint(column * 2.0**bits)
    start = round(float(offset) * 2.0 ** (bits + inputs.bits))
    out[:], fixed[:] = steps * 2.0**-bits, start * 2.0 ** -(bits + inputs.bits)
    return int(np.abs(steps).sum()) * inputs.largest + abs(start) <= 2**digits and np.abs(steps).max(initial=0) <= 2**24
