"""The one list of coders, behind one interface; tests of what all coders have in common run over all of it.

A coder has a model of its own kind: `tans` has tables, `huffman` has codebooks, and the others have `jans.models`. So a
test asks the coder for the model of a `ModelCase`, starts with a state, puts symbols on it, and takes them off again.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from jans import chain, huffman, models, range_coder, rans, tans
from jans._variants import RANS as VARIANTS
from jans.coders._state import CoderState
from jans.reference import spec

Shape = tuple[int, ...]


def random_words(seed: int, count: int, word: Any = np.uint32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(word).max, count, word, endpoint=True)


class Coder:
    """A coder with a number of lanes, and a precision that it codes well with."""

    lanes: int
    precision: int
    inverse = True
    """Whether putting undoes taking as well, from any state."""
    needs_cdf = False
    """Whether its models are made of intervals."""

    @property
    def name(self) -> str:
        raise NotImplementedError

    def __str__(self) -> str:
        return self.name

    def start(self, capacity: int) -> CoderState:
        """A state without symbols."""
        raise NotImplementedError

    def random(self, seed: int, n_words: int, capacity: int) -> CoderState:
        """A state that holds words of any kind, with room for more."""
        raise NotImplementedError

    def put(self, state: Any, model: Any, symbols: Any) -> Any:
        raise NotImplementedError

    def finish(self, state: Any) -> Any:
        """What symbols are taken from: for most coders what they were put on."""
        return state

    def take(self, state: Any, model: Any, shape: Shape) -> tuple[Any, Any]:
        raise NotImplementedError

    def codes(self, case: Any) -> bool:
        """Whether there is a model of this coder's kind for a `cases.ModelCase`."""
        return True

    def of(self, model: models.Model, cdf: np.ndarray | None) -> Any:
        """The model in the coder's own terms; `cdf` are its intervals, [size + 1] or [size + 1, *shape]."""
        return model

    def slack(self, freq: np.ndarray) -> float:
        """How many bits the growth may be off, for symbols with these frequencies."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Rans(Coder):
    """A variant of the stack coder."""

    variant: str
    lanes: int
    precision: int

    @property
    def name(self) -> str:
        return f"{self.variant}-{self.lanes}"

    @property
    def spec(self) -> spec.rans.Variant:
        return VARIANTS[self.variant]

    def start(self, capacity):
        return rans.init(capacity, self.lanes, self.variant)

    def random(self, seed, n_words, capacity):
        """As jans.rans.random, without its compilation; the words beyond those in use are random as well."""
        v, rng = self.spec, np.random.default_rng(seed)
        heads = rng.integers(v.lower, 2**v.top_bits, self.lanes, np.uint64)
        halves = np.stack([heads & 2**32 - 1, heads >> 32], axis=-1) if v.state_bits == 64 else heads
        tail = rng.integers(0, 2**v.word_bits, capacity, f"uint{v.word_bits}")
        head = jnp.asarray(halves.astype(np.uint32))
        return rans.State(head, jnp.asarray(tail), jnp.int32(n_words), jnp.int32(0), self.variant)

    def put(self, state, model, symbols):
        return rans.push(state, model, symbols)

    def take(self, state, model, shape):
        return rans.pop(state, model, shape)

    def slack(self, freq):
        """Heads are integers: each push is off the ideal by at most the grain of the head it went on."""
        return 2 * freq.size * 2.0 ** (self.precision - self.spec.lower_bits)


@dataclasses.dataclass(frozen=True)
class Chain(Coder):
    variant: str
    lanes: int
    precision: int

    @property
    def name(self) -> str:
        return f"{self.variant}-{self.lanes}"

    @property
    def lower_bits(self) -> int:
        return chain.find_variant(self.variant).lower_bits(self.precision)

    def start(self, capacity):
        """Without bits for quantiles, and with remainders to choose them."""
        return self._state(0, capacity, 300)

    def random(self, seed, n_words, capacity):
        return self._state(n_words, capacity, n_words, seed)

    def _state(self, n_words, capacity, below, seed=0):
        v, rng = chain.find_variant(self.variant), np.random.default_rng(seed)
        heads = rng.integers(2**self.lower_bits, 2 ** (self.lower_bits + v.word_bits), self.lanes, np.uint64)
        halves = np.stack([heads & 2**32 - 1, heads >> 32], axis=-1) if v.halves == 2 else heads
        compressed, remainders = rng.integers(0, 2**v.word_bits, (2, capacity + 300), v.word)
        return chain.State(
            jnp.uint32(1), jnp.asarray(compressed[:capacity]), jnp.int32(n_words), jnp.asarray(halves, jnp.uint32),
            jnp.asarray(remainders), jnp.int32(below), jnp.int32(0), self.variant, self.precision,
        )  # fmt: skip

    def put(self, state, model, symbols):
        return chain.push(state, model, symbols)

    def take(self, state, model, shape):
        return chain.pop(state, model, shape)

    def slack(self, freq):
        return 2 * freq.size * 2.0**-self.lower_bits


@dataclasses.dataclass(frozen=True)
class Range(Coder):
    lanes: int = 1
    precision: int = 24
    inverse = False
    name = "range"

    def start(self, capacity):
        return range_coder.encoder(capacity)

    def put(self, state, model, symbols):
        return range_coder.encode(state, model, symbols)

    def finish(self, state):
        return range_coder.finish(state)

    def take(self, state, model, shape):
        return range_coder.decode(state, model, shape)

    def slack(self, freq):
        return 2 * freq.size * 2.0 ** (self.precision - 32)


@dataclasses.dataclass(frozen=True)
class Tans(Coder):
    lanes: int
    precision: int = 12
    needs_cdf = True

    @property
    def name(self) -> str:
        return f"tans-{self.lanes}"

    def start(self, capacity):
        return tans.init(capacity, self.lanes, self.precision)

    def random(self, seed, n_words, capacity):
        heads = random_words(seed, self.lanes) % 2**self.precision + 2**self.precision
        words = jnp.asarray(random_words(seed + 1, capacity))
        head = jnp.asarray(heads, jnp.uint32)
        return tans.State(head, jnp.uint32(5), words, jnp.int32(n_words), jnp.int32(0), self.precision)

    def put(self, state, model, symbols):
        return tans.push(state, model, symbols)

    def take(self, state, model, shape):
        return tans.pop(state, model, shape)

    def codes(self, case):
        return not case.escaped

    def of(self, model, cdf):
        if model.shape == ():
            return tans.tables(cdf, self.precision)
        rows = cdf.reshape(len(cdf), -1).T
        return tans.tables(rows, self.precision).at(np.arange(len(rows)).reshape(cdf.shape[1:]))

    def slack(self, freq):
        """A symbol of few states leaves a head that is off by a share of them."""
        return float(2 * np.log2(1 + 1 / freq).sum())


@dataclasses.dataclass(frozen=True)
class Huffman(Coder):
    queue: bool = False
    lanes: int = 1
    precision: int = 12
    needs_cdf = True

    @property
    def inverse(self) -> bool:  # type: ignore[override]
        return not self.queue

    @property
    def name(self) -> str:
        return "huffman-queue" if self.queue else "huffman-stack"

    def start(self, capacity):
        return huffman.queue(capacity) if self.queue else huffman.stack(capacity)

    def random(self, seed, n_words, capacity):
        words = jnp.asarray(random_words(seed, capacity))
        return huffman.Stack(jnp.uint32(5), words, jnp.int32(n_words), jnp.int32(0))

    def put(self, state, model, symbols):
        return (huffman.encode if self.queue else huffman.push)(state, model, symbols)

    def finish(self, state):
        return huffman.reader(state) if self.queue else state

    def take(self, state, model, shape):
        return (huffman.decode if self.queue else huffman.pop)(state, model, shape)

    def codes(self, case):
        """One code for all symbols."""
        return case.shared and not case.escaped

    def of(self, model, cdf):
        return huffman.codebook(jnp.asarray(np.diff(cdf), jnp.float32))

    def slack(self, freq):
        return 0.0


PRECISIONS = {"rans64": 24, "rans64_ryg": 16, "rans32_16": 12, "rans32": 18}
LANES = (1, 3, 32)
STACKS = [Rans(variant, lanes, PRECISIONS[variant]) for variant in VARIANTS for lanes in LANES]
"""The variants of rANS."""

CODERS: dict[str, Coder] = {
    coder.name: coder
    for coder in (
        *STACKS,
        Chain("chain64", 1, 24),
        Chain("chain64", 2, 24),
        Chain("chain32_16", 3, 12),
        Range(),
        Tans(1),
        Tans(8),
        Huffman(),
        Huffman(queue=True),
    )
}
