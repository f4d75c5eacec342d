"""The variants of the coders: the one table of their sizes. The kernels export theirs, and a test compares the two."""

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

import numpy as np


@dataclasses.dataclass(frozen=True)
class Variant:
    """State and word sizes of a coder.

    Attributes:
        name: what users call it.
        number: what kernels and byte formats call it; it never changes.
        state_bits: of a head.
        word_bits: of the words that move between heads and their stack.
    """

    name: str
    number: int
    state_bits: int
    word_bits: int

    @property
    def halves(self) -> int:
        """uint32 numbers of a head."""
        return self.state_bits // 32

    @property
    def word(self) -> np.dtype:
        """The dtype of words."""
        return np.dtype(f"uint{self.word_bits}")


@dataclasses.dataclass(frozen=True)
class RansVariant(Variant):
    """Heads live in [2**lower_bits, 2**(lower_bits + word_bits))."""

    lower_bits: int

    @property
    def max_precision(self) -> int:
        """A head has room for so many bits of a quantile below its lower bound, and a quantile for 32."""
        return min(self.lower_bits, 32)

    @property
    def lower(self) -> int:
        """L, the least head."""
        return 1 << self.lower_bits

    @property
    def top_bits(self) -> int:
        """Heads stay below 2**top_bits."""
        return self.lower_bits + self.word_bits


@dataclasses.dataclass(frozen=True)
class ChainVariant(Variant):
    """The range of a head depends on the largest precision of the coder."""

    @property
    def max_precision(self) -> int:
        """A quantile is taken from one word, or from the bits that others left."""
        return self.word_bits

    def lower_bits(self, max_precision: int) -> int:
        """Heads live in [2**lower_bits, 2**(lower_bits + word_bits)), where no precision is above `max_precision`."""
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
    """The variant of a name; raises ValueError where there is none."""
    if name not in variants:
        raise ValueError(f"variant must be one of {', '.join(variants)}, got {name!r}.")
    return variants[name]


def numbered(variants: Mapping[str, _V], number: int) -> _V:
    """The variant that kernels and bytes call `number`."""
    return next(v for v in variants.values() if v.number == number)
