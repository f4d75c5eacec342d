"""The variants of the coders and their sizes.

The kernels export their own sizes, and a test compares the two.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import TypeVar

import numpy as np


@dataclasses.dataclass(frozen=True)
class Variant:
    """State and word sizes of a coder.

    Attributes:
        name: the name that users pass.
        number: the number in kernels and byte formats; it never changes.
        state_bits: bits of a head.
        word_bits: bits of the words that move between heads and the tail.
    """

    name: str
    number: int
    state_bits: int
    word_bits: int

    @property
    def halves(self) -> int:
        """The number of uint32 numbers that make up a head."""
        return self.state_bits // 32

    @functools.cached_property
    def word(self) -> np.dtype:
        """The dtype of words."""
        return np.dtype(f"uint{self.word_bits}")


@dataclasses.dataclass(frozen=True)
class RansVariant(Variant):
    """Heads live in [2**lower_bits, 2**(lower_bits + word_bits))."""

    lower_bits: int

    @property
    def max_precision(self) -> int:
        """The largest precision: a head has `lower_bits` bits for a quantile,
        and a quantile has at most 32."""
        return min(self.lower_bits, 32)

    @property
    def lower(self) -> int:
        """L, the smallest head."""
        return 1 << self.lower_bits

    @property
    def top_bits(self) -> int:
        """Heads stay below 2**top_bits."""
        return self.lower_bits + self.word_bits


@dataclasses.dataclass(frozen=True)
class ChainVariant(Variant):
    """The sizes of a chain coder. The range of a head depends on the largest precision of the coder."""

    @property
    def max_precision(self) -> int:
        """The largest precision: a quantile comes from one word, or from the partial word."""
        return self.word_bits

    def lower_bits(self, max_precision: int) -> int:
        """Heads live in [2**lower_bits, 2**(lower_bits + word_bits))
        if no precision is above `max_precision`."""
        return self.state_bits - self.word_bits - max_precision


RANS: Mapping[str, RansVariant] = {
    v.name: v
    for v in (
        RansVariant("rans64", 0, 64, 32, lower_bits=32),
        RansVariant("rans64_ryg", 1, 64, 32, lower_bits=31),
        RansVariant("rans32_16", 2, 32, 16, lower_bits=15),
        RansVariant("rans32", 3, 32, 8, lower_bits=23),
    )
}
CHAIN: Mapping[str, ChainVariant] = {
    v.name: v for v in (ChainVariant("chain64", 0, 64, 32), ChainVariant("chain32_16", 1, 32, 16))
}

_V = TypeVar("_V", bound=Variant)


def find(variants: Mapping[str, _V], name: str) -> _V:
    """Returns the variant of a name, or raises ValueError for an unknown name."""
    if not isinstance(name, str) or name not in variants:
        raise ValueError(f"variant must be one of {', '.join(variants)}, got {name!r}.")
    return variants[name]


def numbered(variants: Mapping[str, _V], number: int) -> _V:
    """Returns the variant with a number, as kernels and byte formats store it."""
    return next(v for v in variants.values() if v.number == number)
