"""Checks that symbols and models fit together: shapes, dtypes and precisions."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Shape = tuple[int, ...]
SYMBOLS = (np.uint8, np.int8, np.uint16, np.int16, np.int32)
KERNEL_SYMBOLS = (np.uint8, np.uint16, np.int32)
"""The dtypes that kernels take; other symbols are converted to int32 first."""
MAX_DIGIT_BITS = 16
"""The largest number of bits of a digit in bypass coding."""
MAX_EDGE = 2**22
"""The largest bound of a support whose edges, halfway between integers, are exact in float32."""


def type_name(value: Any) -> str:
    """The name of a value's type in errors: its public name if it has one, else module and class."""
    cls = type(value)
    public = cls.__dict__.get("public_name")
    return public or (cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}")


def brief(value: Any) -> str:
    """A parameter as a short text: a scalar by value, an array by dtype and shape."""
    if isinstance(value, jax.Array | np.ndarray):
        if value.ndim == 0 and not isinstance(value, jax.core.Tracer):
            return f"{value.item():.6g}" if jnp.issubdtype(value.dtype, jnp.floating) else str(value.item())
        return f"{value.dtype.name}{list(value.shape)}"
    if isinstance(value, tuple | list) and any(isinstance(v, jax.Array | np.ndarray) for v in value):
        return f"({', '.join(map(brief, value))})"
    return getattr(value, "__name__", None) or repr(value)


def max_bypass_bits(digit_bits: int) -> int:
    """The largest number of bits that bypass coding writes behind an escape symbol: numbers have at most 33 bits."""
    digits = -(-33 // digit_bits)
    return (digits + digits // (2**digit_bits - 1) + 1) * digit_bits


def check_fit(model: Shape, symbols: Shape) -> None:
    """Raises ValueError if a model's shape does not broadcast to the shape of the symbols."""
    try:
        fits = jnp.broadcast_shapes(model, symbols) == tuple(symbols)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"symbols of shape {tuple(symbols)} do not fit a model of shape {tuple(model)}: the model's shape must "
            "broadcast to theirs. For a batch of streams use jax.vmap over state, model and symbols."
        )


def common_shape(*shapes: Shape) -> Shape:
    """The shape that parameters of these shapes broadcast to; raises ValueError if there is none."""
    try:
        return jnp.broadcast_shapes(*shapes)
    except ValueError:
        given = ", ".join(str(tuple(shape)) for shape in shapes)
    raise ValueError(f"parameters must have shapes that broadcast to each other, got {given}.")


def check_precision(precision: int, symbols: int | None = None, each: int = 1) -> int:
    """Returns the precision as an int, or raises ValueError if it is invalid or too small for the symbols.

    Each symbol has at least `each` of the 2**precision quantiles.
    """
    if not isinstance(precision, int | np.integer) or not 1 <= precision <= 32:
        raise ValueError(f"precision must be an integer from 1 to 32 bits, got {precision!r}.")
    if symbols is not None and each * symbols > 2**precision:
        raise ValueError(
            f"{symbols} symbols do not fit a precision of {precision} bits, which has room for {2**precision // each}. "
            f"Raise precision to at least {(each * symbols - 1).bit_length()}."
        )
    if symbols == 1 and precision == 32:
        raise ValueError("a single symbol has no interval of 32 bits. Use a precision below 32.")
    return int(precision)


def check_symbols(symbols: Any, model: Any = None) -> jax.Array:
    """Returns symbols to push as an array; raises TypeError for a dtype that the model or its coder does not take."""
    array, floats = jnp.asarray(symbols), getattr(model, "dtype", None)
    if floats is not None:
        if array.dtype != floats:
            raise TypeError(f"symbols must be {floats}, the dtype of the model, got {array.dtype}.")
    elif jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(
            f"symbols must be integers, got {array.dtype}. Round and convert them to int32, or code floats exactly "
            "with jans.models.Float."
        )
    elif array.dtype not in SYMBOLS:
        raise TypeError(
            f"symbols must be uint8, int8, uint16, int16 or int32, got {array.dtype}. "
            "Convert them with .astype(jnp.int32)."
        )
    return array


def check_dtype(dtype: Any, model: Any = None) -> np.dtype:
    """Returns the dtype of symbols to pop; raises TypeError for a dtype that the model or its coder does not give.

    If a model is given, None stands for the dtype of its symbols.
    """
    floats = getattr(model, "dtype", None)
    if dtype is None and model is not None:
        return np.dtype(np.int32) if floats is None else floats
    try:
        found = None if dtype is None else np.dtype(dtype)
    except (TypeError, ValueError):
        found = None
    if floats is not None:
        if found != floats:
            raise TypeError(f"dtype must be {floats}, the dtype of the model, got {brief(dtype)}.")
        return floats
    if found is None or found not in SYMBOLS:
        raise TypeError(f"dtype must be uint8, int8, uint16, int16 or int32, got {brief(dtype)}.")
    return found


def tuples(value: Any) -> Any:
    """Turns lists into tuples, recursively: JSON stores both as lists."""
    return tuple(tuples(v) for v in value) if isinstance(value, list) else value
