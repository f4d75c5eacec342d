"""Floats to integer frequencies: the only door, and the same integers on every machine."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans.ffi import calls
from jans.shapes import check_precision


def probs(values: jax.Array, precision: int) -> jax.Array:
    """Cumulative frequencies of probabilities, by constriction's `fast` rule in the dtype of the input.

    With S_i the sum of the first i values, added left to right, `left(i) = floor(S_i * scale) + i` for
    `scale = (2**precision - n) / S_n`: every symbol has a frequency of at least 1 and the sum is exact.

    Args:
        values: float32 or float64 [..., n], n <= 2**precision; not necessarily normalised. Subnormal values count as
            zero.
        precision: bits, 1 to 32.

    Returns:
        uint32 [..., n + 1], rising from 0 to 2**precision (modulo 2**32). A row with a NaN, negative, infinite or only
        zero values is all ones, which every coder refuses with the status `BAD_MODEL`.
    """
    return _rows(calls.quantize_probs, "probs", values, precision, (np.float32, np.float64))


def logits(values: jax.Array, precision: int) -> jax.Array:
    """Cumulative frequencies of a softmax, in integer arithmetic from the first difference on.

    With e_i = exp(logit_i - max) in units of 2**-30 and S_i the sum of the first i,
    `left(i) = floor(S_i * (2**precision - n) / S_n) + i`.

    Args:
        values: float32 [..., n], n <= 2**precision. Minus infinity gets the smallest frequency, 1.
        precision: bits, 1 to 32.

    Returns:
        As `probs`; rows with a NaN or plus infinity, or of minus infinities only, are refused.
    """
    return _rows(calls.quantize_logits, "logits", values, precision, (np.float32,))


def _rows(quantizer: Any, name: str, values: jax.Array, precision: int, dtypes: tuple[Any, ...]) -> jax.Array:
    values = jnp.asarray(values)
    if values.dtype not in dtypes:
        wanted = " or ".join(np.dtype(d).name for d in dtypes)
        raise TypeError(f"{name} must be {wanted}, got {values.dtype}. Convert them with .astype(jnp.float32).")
    if values.ndim < 1 or values.shape[-1] < 1:
        raise ValueError(f"{name} needs a symbol or more along its last axis, got shape {values.shape}.")
    precision = check_precision(precision, values.shape[-1])
    (cdf,) = quantizer(values.reshape(-1, values.shape[-1]), precision=precision)
    return cdf.reshape(*values.shape[:-1], values.shape[-1] + 1)
