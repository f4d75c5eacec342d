"""Converts the arguments of callers to the arrays and numbers that coders take."""

import math
import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans._checks import brief
from jans.ffi import host

INT32 = np.iinfo(np.int32)
_INT32, _UINT32 = np.dtype(np.int32), np.dtype(np.uint32)
ZERO_PROBABILITY = "Tried to encode symbol that has zero probability under the used entropy model."


def _array(name: str, value: Any, expected: str, rank: int, *kinds: Any) -> np.ndarray:
    if not isinstance(value, np.ndarray | jax.Array):
        raise TypeError(f"{name} must be {expected}, got {type(value).__name__}. Convert it with np.asarray.")
    array = np.asarray(value)
    if array.ndim != rank or not any(jnp.issubdtype(array.dtype, kind) for kind in kinds):
        raise TypeError(f"{name} must be {expected}, got {array.dtype} of shape {array.shape}.")
    return array


def words(name: str, value: Any) -> np.ndarray:
    """32-bit words, uint32 [n]."""
    if type(value) is np.ndarray and value.ndim == 1 and value.dtype == _UINT32:
        return value
    array = _array(name, value, "a one-dimensional array of uint32", 1, np.integer)
    if array.dtype != np.uint32 and array.size and (array.min() < 0 or array.max() >= 2**32):
        raise ValueError(f"{name} must hold words from 0 to 2**32 - 1, got {array.min()} to {array.max()}.")
    return array.astype(np.uint32, copy=False)


def symbols(value: Any) -> np.ndarray:
    """Symbols, int32 [n]."""
    if type(value) is np.ndarray and value.ndim == 1 and value.dtype == _INT32:
        return host.ready(value)
    array = _array("symbols", value, "an int, or a one-dimensional array of integers", 1, np.integer, np.bool_)
    wide = array.dtype.itemsize >= 4 and array.dtype != np.int32 and array.size > 0
    if wide and (array.min() < INT32.min or array.max() > INT32.max):
        raise KeyError(ZERO_PROBABILITY)
    return host.ready(array, np.int32)


def parameters(name: str, value: Any) -> np.ndarray:
    """A parameter for every symbol, float64 [n]. The conversion from other floats is exact."""
    array = _array(name, value, "a one-dimensional array of floats", 1, np.floating, np.integer)
    return array.astype(np.float64, copy=False)


def counts(name: str, value: Any) -> np.ndarray:
    """An integer for every symbol, int32 [n]."""
    array = _array(name, value, "a one-dimensional array of integers", 1, np.integer)
    return np.clip(array, INT32.min, INT32.max).astype(np.int32)


def probabilities(value: Any, rank: int) -> np.ndarray:
    """Probabilities, float32 or float64 [n] or [symbols, n].

    Half precisions become float32, integers float64.
    """
    if type(value) is np.ndarray and value.ndim == rank and value.dtype in (np.float32, np.float64):
        return value
    expected = f"a {'one' if rank == 1 else 'two'}-dimensional array of floats"
    array = _array("probabilities", value, expected, rank, np.floating, np.integer)
    if array.dtype in (np.float32, np.float64):
        return array
    return array.astype(np.float32 if jnp.issubdtype(array.dtype, np.floating) else np.float64)


def index(value: Any) -> int | None:
    """An integer, or None for any other value."""
    try:
        return operator.index(value)
    except TypeError:
        return None


def _integer(name: str, value: Any) -> int:
    number = index(value)
    if number is None:
        raise TypeError(f"{name} must be an integer, got {brief(value)}.")
    return number


def whole(name: str, value: Any) -> int:
    """An integer of 32 bits."""
    number = _integer(name, value)
    if not INT32.min <= number <= INT32.max:
        raise OverflowError(f"{name} must fit int32, got {number}.")
    return number


def unsigned(name: str, value: Any) -> int:
    """An unsigned integer of 64 bits."""
    number = _integer(name, value)
    if not 0 <= number < 2**64:
        raise OverflowError(f"{name} must be from 0 to 2**64 - 1, got {number}.")
    return number


def real(name: str, value: Any) -> float:
    """A number; unlike `float`, this does not take text."""
    try:
        return math.ldexp(value, 0)
    except TypeError:
        raise TypeError(f"{name} must be a number, got {brief(value)}.") from None


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def joined(words: np.ndarray, size: int, last: Sequence[int]) -> np.ndarray:
    """The first `size` words, and some more."""
    found = np.empty(size + len(last), np.uint32)
    if size:
        found[:size] = words[:size]
    for k, word in enumerate(last, size):
        found[k] = word
    return found


def significant(number: int) -> list[int]:
    """The words of a number, least significant first, without leading zeros."""
    words = []
    while number:
        words.append(number & 0xFFFFFFFF)
        number >>= 32
    return words
