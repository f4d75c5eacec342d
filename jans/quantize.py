"""Floats to integer frequencies.

Only these functions convert, and they give the same integers on every machine.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import Shape, check_precision
from jans.ffi import targets

__all__ = [
    "fast",
    "logits",
    "nearest",
    "perfect",
]


@_inputs.door(probs=_inputs.reals, mask=_inputs.flags_or_none)
def fast(probs: jax.Array, precision: int, mask: Any = None) -> jax.Array:
    """Cumulative frequencies of probabilities, by constriction's `fast` rule in the dtype of the input.

        left(i) = floor(S_i * scale) + i    with scale = (2**precision - m) / S_n

    S_i is the sum of the first i values, added from left to right, and m is the number of symbols. Every
    symbol has a frequency of at least 1, and the frequencies add up to 2**precision exactly.

    Args:
        probs: float32 or float64 [..., n], n <= 2**precision; not necessarily normalised. Subnormal values
            count as zero.
        precision: 1 to 32 bits.
        mask: bool, of a shape that broadcasts to that of probs. A False position is no symbol: its frequency
            is 0, its value is ignored, and `+ i` does not count it. Requires a precision of 31 bits or less.

    Returns:
        uint32 [..., n + 1], rising from 0 to 2**precision (modulo 2**32). A row is all ones if it has a NaN,
        negative or infinite value, only zeros, or no symbol left by its mask. Every coder refuses a row of
        ones with the status `BAD_MODEL`.

    Raises:
        TypeError: for another dtype of probs or mask.
        ValueError: if the precision is out of range or has no room for n symbols, or if the mask does not fit.

    >>> fast(jnp.array([1.0, 2.0, 1.0]), 4)
    Array([ 0,  4, 11, 16], dtype=uint32)
    >>> fast(jnp.array([1.0, 2.0, 1.0]), 4, mask=jnp.array([True, False, True]))
    Array([ 0,  8,  8, 16], dtype=uint32)
    """
    return _rows(targets.maps.quantize_probs, "probs", probs, precision, mask, (np.float32, np.float64))


@_inputs.door(probs=_inputs.reals, mask=_inputs.flags_or_none)
def perfect(probs: jax.Array, precision: int, mask: Any = None) -> jax.Array:
    """Cumulative frequencies of probabilities that cost the fewest bits, by constriction's `perfect` rule.

    With p in float64 and s = (2**precision - m) / sum(p), every symbol first gets `floor(p * s) + 1`. The
    leftover counts go, one each, to the symbols with the largest `p * log1p(1 / freq)`. Then single counts
    move from the symbols that lose the least to the symbols that gain the most, until no move gains. Ties are
    broken as in constriction 0.5.0.

    Args:
        probs, precision, mask: as for `fast`; float32 is converted to float64.

    Returns:
        As for `fast`.

    Raises:
        TypeError, ValueError: as for `fast`.

    >>> perfect(jnp.array([8.0, 1.0, 1.0, 0.0]), 5)
    Array([ 0, 25, 28, 31, 32], dtype=uint32)
    """
    return _rows(targets.maps.quantize_perfect, "probs", probs, precision, mask, (np.float32, np.float64))


@_inputs.door(logits=_inputs.reals, mask=_inputs.flags_or_none)
def logits(logits: jax.Array, precision: int, mask: Any = None) -> jax.Array:
    """Cumulative frequencies of a softmax, in integer arithmetic after the first subtraction.

        left(i) = floor(S_i * (2**precision - m) / S_n) + i

    S_i is the sum of the first i values of e_i = exp(logit_i - max), in units of 2**-30, and m is the number
    of symbols.

    Args:
        logits: float32 [..., n], n <= 2**precision. Minus infinity gets the smallest frequency, 1.
        precision: 1 to 32 bits.
        mask: as for `fast`.

    Returns:
        As for `fast`. A row is all ones if it has a NaN or plus infinity, or only minus infinities.

    Raises:
        TypeError, ValueError: as for `fast`.

    >>> logits(jnp.array([0.0, 1.0, -jnp.inf]), 4)
    Array([ 0,  4, 15, 16], dtype=uint32)
    """
    return _rows(targets.maps.quantize_logits, "logits", logits, precision, mask, (np.float32,))


TIES = ("even", "away")


@_inputs.door(probs=_inputs.reals, sizes=_inputs.integers_or_none)
def nearest(probs: jax.Array, precision: int, sizes: Any = None, ties: str = "even") -> jax.Array:
    """Cumulative frequencies of probabilities, by the rule of ryg_rans that CompressAI and torch_ans use.

    With f_i = round(p_i * 2**precision), every symbol gets `floor(f_i * 2**precision / sum(f))`, and the last
    symbol gets the remainder. Then each symbol with frequency 0, in order, takes a count of 1 from another
    symbol: the first one among those with the smallest frequency above 1.

    Args:
        probs: float32 or float64 [..., n]. They need not be normalised, but a row whose sum is too large is
            refused: 2**(64 - 2 * precision) or more, and below 12 bits of precision also 2**(52 - precision)
            or more. Subnormal values count as zero.
        precision: 1 to 31 bits.
        sizes: integers, of a shape that broadcasts to that of probs without its last axis. The first `sizes`
            values of a row are symbols. The other values are ignored and get frequency 0. By default all n
            are symbols.
        ties: how to round the midpoint of two integers: to the `"even"` one, like torch_ans's
            `rans_pmf_to_quantized_cdf`, or `"away"` from zero, like CompressAI's `pmf_to_quantized_cdf`.

    Returns:
        uint32 [..., n + 1], rising from 0 to 2**precision. A row is all ones if it has a NaN, negative or
        infinite value, or if all its values round to zero. It is also all ones if its size is below 1 or
        above n or 2**precision. Every coder refuses a row of ones with the status `BAD_MODEL`.

    Raises:
        TypeError: for another dtype of probs or sizes.
        ValueError: if precision or ties are not among those above, or if the shape of sizes does not fit.

    >>> nearest(jnp.array([0.5, 0.01, 0.3, 0.19]), 4)
    Array([ 0,  8,  9, 14, 16], dtype=uint32)
    >>> nearest(jnp.array([0.5, 0.5, 0.0, 0.0]), 4, sizes=3)
    Array([ 0,  7, 15, 16, 16], dtype=uint32)
    """
    values = _check_values(probs, "probs", (np.float32, np.float64))
    params = nearest_params(values.shape[-1] if sizes is None else None, precision, ties)
    batch = values.shape[:-1]
    size = _check_sizes(values.shape[-1] if sizes is None else sizes, batch)
    size = size.reshape(1) if math.prod(size.shape) == 1 else jnp.broadcast_to(size, batch).reshape(-1)
    return _quantized(targets.maps.quantize_nearest, values, size, **params)


def nearest_params(n: int | None, precision: int, ties: str) -> dict[str, int]:
    """The parameters of the kernel of `nearest` for n symbols, if their number is known; raises ValueError."""
    if not isinstance(ties, str) or ties not in TIES:
        raise ValueError(f"ties must be one of {', '.join(TIES)}, got {ties!r}.")
    precision = check_precision(precision, n)
    if precision == 32:
        raise ValueError("nearest counts in 31 bits at most, got a precision of 32.")
    return {"precision": precision, "away": TIES.index(ties)}


def _check_sizes(sizes: Any, batch: Shape) -> jax.Array:
    """Returns the numbers of symbols as an int32 array whose shape broadcasts to that of the rows."""
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
    """Returns a mask as a bool array whose shape broadcasts to `shape`,
    the shape of the values that it masks."""
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
    """Whether a shape broadcasts to another shape."""
    try:
        return jnp.broadcast_shapes(shape, into) == tuple(into)
    except ValueError:
        return False


def _check_values(values: Any, name: str, dtypes: tuple[Any, ...]) -> jax.Array:
    """Returns values as an array with at least one axis; raises for a dtype that is not in `dtypes`."""
    values = jnp.asarray(values)
    if values.dtype not in dtypes:
        expected = " or ".join(np.dtype(d).name for d in dtypes)
        raise TypeError(f"{name} must be {expected}, got {values.dtype}. Convert them with .astype(jnp.float32).")
    if values.ndim < 1 or values.shape[-1] < 1:
        raise ValueError(f"{name} needs a symbol or more along its last axis, got shape {values.shape}.")
    return values


def _rows(
    quantizer: Any, name: str, values: jax.Array, precision: int, mask: Any, dtypes: tuple[Any, ...]
) -> jax.Array:
    values = _check_values(values, name, dtypes)
    n = values.shape[-1]
    precision = check_precision(precision, n)
    allowed = jnp.zeros(0, bool) if mask is None else check_mask(mask, name, values.shape)  # length 0: no mask
    if mask is not None:
        if precision == 32:
            raise ValueError("a mask leaves no place at 32 bits. Use a precision of 31 or less.")
        shared = math.prod(allowed.shape[:-1]) == 1
        allowed = jnp.broadcast_to(allowed.reshape(-1), (n,)) if shared else jnp.broadcast_to(allowed, values.shape)
    rows = math.prod(allowed.shape[:-1])
    return _quantized(quantizer, values, allowed.reshape(rows, allowed.shape[-1]), precision=precision)


def _quantized(quantizer: Any, values: jax.Array, symbols: jax.Array, **params: int) -> jax.Array:
    """Calls a quantiser with all rows along one batch axis."""
    *batch, n = values.shape
    (cdf,) = quantizer(values.reshape(math.prod(batch), n), symbols, **params)
    return cdf.reshape(*batch, n + 1)


def __dir__() -> list[str]:
    return __all__
