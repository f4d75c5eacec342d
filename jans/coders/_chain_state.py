"""The state of the chain coder."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jans import _variants
from jans._variants import ChainVariant
from jans.coders._state import CoderState, bits_below_one, float_of, joined_heads, log2_heads, pytree


@pytree("jans.chain.State", static=("variant", "precision"))
@dataclasses.dataclass(frozen=True, repr=False)
class State(CoderState):
    """The state of a chain coder: an immutable pytree, one stream.

    Attributes:
        partial_word: uint32 [], the bits of the current word that were not taken yet, below a leading one.
        compressed: words [capacity], uint32 or uint16, that quantiles come from; the first `compressed_size`
            are in use.
        compressed_size: int32 [].
        head: uint32 [lanes, 2], low half first, or uint32 [lanes]: the top of the remainders.
        remainders: words [capacity] below the head; the first `remainders_size` are in use.
        remainders_size: int32 [].
        status: int32 [], sticky bits of `jans.status`.
        variant: name of the state and word sizes, static.
        precision: the largest number of bits of a quantile, static.

    >>> from jans import chain
    >>> chain.init(np.arange(4, dtype=np.uint32))
    jans.chain.State(variant='chain64', precision=24, compressed=3 of 4, remainders=0 of 4, status=0)
    """

    partial_word: jax.Array
    compressed: jax.Array
    compressed_size: jax.Array
    head: jax.Array
    remainders: jax.Array
    remainders_size: jax.Array
    status: jax.Array
    variant: str
    precision: int

    stacks = {"compressed": "compressed_size", "remainders": "remainders_size"}  # noqa: RUF012
    made_by = "jans.chain.init"

    @property
    def ranks(self) -> Mapping[str, int]:
        """The number of axes of each array in one stream."""
        return {
            "partial_word": 0,
            "compressed": 1,
            "compressed_size": 0,
            "head": find_variant(self.variant).halves,
            "remainders": 1,
            "remainders_size": 0,
            "status": 0,
        }

    @property
    def lanes(self) -> int:
        """The number of interleaved heads."""
        return self.head.shape[-find_variant(self.variant).halves]

    def is_empty_stream(self) -> jax.Array:
        """Whether no bits are left for quantiles."""
        return (self.compressed_size == 0) & (self.partial_word == 1)

    def content_of_stream(self, xp: Any) -> Any:
        """The bits that quantiles come from, plus those of the remainders."""
        v = find_variant(self.variant)
        words = xp.asarray(self.compressed_size) + xp.asarray(self.remainders_size)
        bits = v.word_bits * words.astype(float_of(xp)) + bits_below_one(self.partial_word, xp)
        return bits + log2_heads(self.head, v.halves, xp)

    def is_sound(self) -> np.ndarray:
        """Whether the heads and the partial word are within their ranges."""
        v = find_variant(self.variant)
        x = joined_heads(self.head, v.halves)
        above = x >> np.uint64(v.lower_bits(self.precision))
        heads = ((above >= 1) & (above < 2**v.word_bits)).all(axis=-1)
        partial = np.asarray(self.partial_word, np.int64)
        return heads & (partial >= 1) & (partial < 2**v.word_bits)


def find_variant(name: str) -> ChainVariant:
    """Returns the sizes of a variant, or raises ValueError for an unknown name."""
    return _variants.find(_variants.CHAIN, name)
