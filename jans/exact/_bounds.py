"""What is known of the numbers in an array: their grid, and where they lie."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_DIGITS = {"float32": 24, "float64": 53, "float16": 11, "bfloat16": 8}
"""A float of so many binary digits represents all integers up to 2**digits, but not all beyond."""
_FINEST, _LARGEST = 120, 120
"""Numbers are multiples of 2**-120 and below 2**120, so that none is subnormal and none infinite."""


def digits_of(dtype: Any) -> int | None:
    """The binary digits of a float dtype; None for integers and bools."""
    return _DIGITS.get(dtype.name)


@dataclasses.dataclass(frozen=True)
class Numbers:
    """Multiples of 2**-bits from low to high, where low and high count these multiples.

    All three are arrays of Python integers, of length 1, or of the length of the last axis with a value for each of
    its places. If the array itself is known, `value` has it.
    """

    bits: np.ndarray
    low: np.ndarray
    high: np.ndarray
    value: np.ndarray | None = None

    @staticmethod
    def of(bits: int, low: int, high: int) -> "Numbers":
        """The same for all places."""
        one = lambda k: np.array([k], object)
        return Numbers(one(bits), one(low), one(high))

    @staticmethod
    def integers(dtype: Any) -> "Numbers":
        """All integers of a dtype, or 0 and 1 for bools."""
        if jnp.issubdtype(dtype, jax.dtypes.extended):  # keys of random numbers
            return Numbers.of(0, 0, 2**64)
        if dtype.kind == "b":
            return Numbers.of(0, 0, 1)
        info = np.iinfo(dtype)
        return Numbers.of(0, int(info.min), int(info.max))

    @staticmethod
    def known(array: Any) -> "Numbers":
        """Those of an array whose values are known. Raises ValueError for infinities and NaN."""
        value = np.asarray(array)
        last = value.shape[-1] if value.ndim else 1
        if value.size == 0:
            return Numbers.of(0, 0, 0).with_value(value)
        if digits_of(value.dtype) is None:
            return Numbers.of(0, int(value.min()), int(value.max())).with_value(value)
        matrix = value.astype(np.float64).reshape(-1, last)
        if not np.isfinite(matrix).all():
            raise ValueError("it has infinities or NaN")
        mantissa, exponent = np.frexp(matrix)
        whole = np.abs(mantissa * 2.0**53).astype(np.int64)
        # The fractional bits of each number, without the zeros at the end of its mantissa.
        zeros = np.log2(np.maximum(whole & -whole, 1).astype(np.float64)).astype(np.int64)
        bits = np.where(whole == 0, -(2**30), 53 - exponent - zeros).max(0)
        bits = np.where(bits == -(2**30), 0, bits)
        scale = lambda numbers: np.array([_times(float(x), int(b)) for x, b in zip(numbers, bits, strict=True)], object)
        return Numbers(bits.astype(object), scale(matrix.min(0)), scale(matrix.max(0)), value)

    def with_value(self, value: np.ndarray) -> "Numbers":
        """These, of an array with known values."""
        return dataclasses.replace(self, value=value)

    @property
    def forgotten(self) -> "Numbers":
        """These, without the values."""
        return dataclasses.replace(self, value=None)

    @property
    def size(self) -> np.ndarray:
        """The largest absolute values."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def largest(self) -> float:
        """The largest absolute value, as a number."""
        return max(float(size) * 2.0 ** -int(bits) for size, bits in zip(self.size, self.bits, strict=True))

    def on(self, bits: Any) -> "Numbers":
        """The same numbers as multiples of 2**-bits, which are finer ones."""
        factor = np.array([1 << int(k) for k in np.atleast_1d(bits - self.bits)], object)
        bits = np.broadcast_to(
            np.atleast_1d(np.asarray(bits, object)), np.broadcast_shapes(factor.shape, self.low.shape)
        )
        return Numbers(bits, self.low * factor, self.high * factor)

    @property
    def together(self) -> "Numbers":
        """One statement for all places."""
        if len(self.bits) == len(self.low) == len(self.high) == 1:
            return self.forgotten
        finest = self.on(max(self.bits))
        return Numbers.of(max(self.bits), min(finest.low), max(finest.high))

    def digits(self) -> int:
        """How many binary digits the largest needs, or the largest sum."""
        return max(int(size - 1).bit_length() if size > 1 else 1 for size in self.size)


def aligned(*parts: Numbers) -> list[Numbers]:
    """Numbers as multiples of the same power of two, place by place."""
    if len({len(part.bits) for part in parts} - {1}) > 1:
        parts = tuple(part.together for part in parts)
    finest = parts[0].bits
    for part in parts[1:]:
        finest = np.maximum(finest, part.bits)
    return [part.on(finest) for part in parts]


def join(*parts: Numbers) -> Numbers:
    """Numbers that are any of these."""
    same = aligned(*parts)
    low, high = same[0].low, same[0].high
    for part in same[1:]:
        low, high = np.minimum(low, part.low), np.maximum(high, part.high)
    return Numbers(same[0].bits, low, high)


def too_large(numbers: Numbers, dtype: Any) -> int:
    """How many binary digits the numbers have too many for a float dtype; 0 if they all are represented."""
    digits = digits_of(dtype)
    if digits is None:
        return 0
    more = max(0, *(int(size - 1).bit_length() - digits if size > 0 else 0 for size in numbers.size))
    outside = max(0, max(numbers.bits) - _FINEST)
    beyond = max(int(size).bit_length() - int(bits) for size, bits in zip(numbers.size, numbers.bits, strict=True))
    return max(more, outside, beyond - _LARGEST)


def _times(x: float, bits: int) -> int:
    """x * 2**bits, which is an integer."""
    numerator, denominator = x.as_integer_ratio()
    return (numerator << bits) // denominator if bits >= 0 else numerator // (denominator << -bits)
