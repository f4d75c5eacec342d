"""Floats to integer frequencies: the only door, and the same integers on every machine."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans._checks import Shape, check_precision
from jans.ffi import targets

__all__ = [
    "fast",
    "logits",
    "nearest",
    "perfect",
]


def fast(probs: jax.Array, precision: int, mask: Any = None) -> jax.Array:
    """Cumulative frequencies of probabilities, by constriction's `fast` rule in the dtype of the input.

    With S_i the sum of the first i values, added left to right, and m the number of symbols,
    `left(i) = floor(S_i * scale) + i` for `scale = (2**precision - m) / S_n`: every symbol has a frequency of at least
    1 and the sum is exact.

    Args:
        probs: float32 or float64 [..., n], n <= 2**precision; not necessarily normalised. Subnormal values count as
            zero.
        precision: bits, 1 to 32.
        mask: bool, of a shape that broadcasts to that of probs. Where it is False there is no symbol: the frequency is
            0, the value is not looked at, and `+ i` does not count it. Takes a precision of 31 bits or less.

    Returns:
        uint32 [..., n + 1], rising from 0 to 2**precision (modulo 2**32). A row with a NaN, negative, infinite or only
        zero values, or with no symbol left by its mask, is all ones, which every coder refuses with
        the status `BAD_MODEL`.

    >>> fast(jnp.array([1.0, 2.0, 1.0]), 4)
    Array([ 0,  4, 11, 16], dtype=uint32)
    >>> fast(jnp.array([1.0, 2.0, 1.0]), 4, mask=jnp.array([True, False, True]))
    Array([ 0,  8,  8, 16], dtype=uint32)
    """
    return _rows(targets.maps.quantize_probs, "probs", probs, precision, mask, (np.float32, np.float64))


def perfect(probs: jax.Array, precision: int, mask: Any = None) -> jax.Array:
    """Cumulative frequencies of probabilities that cost the fewest bits, by constriction's `perfect` rule.

    With p in float64 and s = (2**precision - m) / sum(p), every symbol gets `floor(p * s) + 1`; what is left goes, one
    each, to those with the largest `p * log1p(1 / freq)`; then single counts move from the symbols that lose the least
    by it to those that win the most, until nobody wins. Ties are broken as in constriction 0.5.0.

    Args:
        probs, precision, mask: as for `fast`; float32 is widened.

    Returns:
        As `fast`.

    >>> perfect(jnp.array([8.0, 1.0, 1.0, 0.0]), 5)
    Array([ 0, 25, 28, 31, 32], dtype=uint32)
    """
    return _rows(targets.maps.quantize_perfect, "probs", probs, precision, mask, (np.float32, np.float64))


def logits(logits: jax.Array, precision: int, mask: Any = None) -> jax.Array:
    """Cumulative frequencies of a softmax, in integer arithmetic from the first difference on.

    With e_i = exp(logit_i - max) in units of 2**-30, S_i the sum of the first i and m the number of symbols,
    `left(i) = floor(S_i * (2**precision - m) / S_n) + i`.

    Args:
        logits: float32 [..., n], n <= 2**precision. Minus infinity gets the smallest frequency, 1.
        precision: bits, 1 to 32.
        mask: as for `fast`.

    Returns:
        As `fast`; rows with a NaN or plus infinity, or of minus infinities only, are refused.
    """
    return _rows(targets.maps.quantize_logits, "logits", logits, precision, mask, (np.float32,))


TIES = ("even", "away")


def nearest(probs: jax.Array, precision: int, sizes: Any = None, ties: str = "even") -> jax.Array:
    """Cumulative frequencies of probabilities, by the rule of ryg_rans, as CompressAI and torch_ans have it.

    With f_i = round(p_i * 2**precision), every symbol gets `floor(f_i * 2**precision / sum(f))`, and the last one what
    the others leave. Then each that has got nothing, the first one first, is given 1 by the symbol with the smallest
    frequency above 1, of equal ones the first.

    Args:
        probs: float32 or float64 [..., n]. They need not be normalised, but rows that sum to
            2**(64 - 2 * precision) or more are refused, and to 2**(52 - precision) or more at less than 12 bits.
            Subnormal values count as zero.
        precision: bits, 1 to 31.
        sizes: integers, of a shape that broadcasts to that of probs without its last axis: how many of the values,
            from the first on, are symbols. What is behind is not looked at, and has a frequency of 0. By default all n.
        ties: where round goes from the middle between two integers: to the `"even"` one, as torch_ans's
            `rans_pmf_to_quantized_cdf`, or `"away"` from zero, as CompressAI's `pmf_to_quantized_cdf`.

    Returns:
        uint32 [..., n + 1], rising from 0 to 2**precision. A row with a NaN, negative or infinite value, in which all
        are rounded to zero, or with a size below 1 or above n or 2**precision, is all ones, which every coder refuses
        with the status `BAD_MODEL`.

    >>> nearest(jnp.array([0.5, 0.01, 0.3, 0.19]), 4)
    Array([ 0,  8,  9, 14, 16], dtype=uint32)
    >>> nearest(jnp.array([0.5, 0.5, 0.0, 0.0]), 4, sizes=3)
    Array([ 0,  7, 15, 16, 16], dtype=uint32)
    """
    values = _check_values(probs, "probs", (np.float32, np.float64))
    if ties not in TIES:
        raise ValueError(f"ties must be one of {', '.join(TIES)}, got {ties!r}.")
    precision = check_precision(precision, values.shape[-1] if sizes is None else None)
    if precision == 32:
        raise ValueError("nearest counts in 31 bits at most, got a precision of 32.")
    batch = values.shape[:-1]
    size = _check_sizes(values.shape[-1] if sizes is None else sizes, batch)
    size = size.reshape(1) if math.prod(size.shape) == 1 else jnp.broadcast_to(size, batch).reshape(-1)
    return _quantized(targets.maps.quantize_nearest, values, size, precision=precision, away=TIES.index(ties))


def _check_sizes(sizes: Any, batch: Shape) -> jax.Array:
    """The numbers of symbols as an int32 array that broadcasts to the shape of the rows."""
    array = jnp.asarray(sizes)
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(f"sizes must be integers, got {array.dtype}. They say how many values of each row are symbols.")
    if not _fits(array.shape, batch):
        raise ValueError(
            f"sizes must have a shape that broadcasts to {tuple(batch)}, that of probs without its last axis, got "
            f"{array.shape}. Give one number for all rows, or one for each."
        )
    return array.astype(jnp.int32)


def check_mask(mask: Any, name: str, shape: Shape) -> jax.Array:
    """A mask as a bool array that broadcasts to the shape of what it masks."""
    array = jnp.asarray(mask)
    if array.dtype != jnp.bool_:
        raise TypeError(f"mask must be bool, got {array.dtype}. Compare to get one, e.g. with scores > 0.")
    if not _fits(array.shape, shape):
        raise ValueError(
            f"mask must have a shape that broadcasts to that of {name}, {tuple(shape)}, got {array.shape}. Its last "
            "axis is that of the symbols."
        )
    return array


def _fits(shape: Shape, into: Shape) -> bool:
    """Whether a shape broadcasts to another one."""
    try:
        return jnp.broadcast_shapes(shape, into) == tuple(into)
    except ValueError:
        return False


def _check_values(values: Any, name: str, dtypes: tuple[Any, ...]) -> jax.Array:
    """Values as an array of rows."""
    values = jnp.asarray(values)
    if values.dtype not in dtypes:
        wanted = " or ".join(np.dtype(d).name for d in dtypes)
        raise TypeError(f"{name} must be {wanted}, got {values.dtype}. Convert them with .astype(jnp.float32).")
    if values.ndim < 1 or values.shape[-1] < 1:
        raise ValueError(f"{name} needs a symbol or more along its last axis, got shape {values.shape}.")
    return values


def _rows(
    quantizer: Any, name: str, values: jax.Array, precision: int, mask: Any, dtypes: tuple[Any, ...]
) -> jax.Array:
    values = _check_values(values, name, dtypes)
    n = values.shape[-1]
    precision = check_precision(precision, n)
    allowed = jnp.zeros(0, bool) if mask is None else check_mask(mask, name, values.shape)  # of length 0: there is none
    if mask is not None:
        if precision == 32:
            raise ValueError("a mask leaves no place at 32 bits. Use a precision of 31 or less.")
        shared = math.prod(allowed.shape[:-1]) == 1
        allowed = jnp.broadcast_to(allowed.reshape(-1), (n,)) if shared else jnp.broadcast_to(allowed, values.shape)
    rows = math.prod(allowed.shape[:-1])
    return _quantized(quantizer, values, allowed.reshape(rows, allowed.shape[-1]), precision=precision)


def _quantized(quantizer: Any, values: jax.Array, symbols: jax.Array, **params: int) -> jax.Array:
    """Calls a quantiser with all rows in one batch dimension."""
    *batch, n = values.shape
    (cdf,) = quantizer(values.reshape(math.prod(batch), n), symbols, **params)
    return cdf.reshape(*batch, n + 1)


def __dir__() -> list[str]:
    return __all__
