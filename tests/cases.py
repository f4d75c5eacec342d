"""The one list of models, with that of coders; contract tests run over all of both.

A model is given with its support: which of the symbols 0 ... size - 1 can be coded, for all symbols or for each.
"""

import dataclasses
import functools
import math
import os
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from coder_cases import CODERS, LANES, PRECISIONS, STACKS, Coder, Huffman, Rans, Tans  # noqa: F401

import jans
from jans import models, tans
from jans.models.floats import FORMATS
from jans.reference import spec

KERNELS = os.environ.get("JANS_KERNELS") != "0"
"""Whether kernels serve the calls; without them every compilation takes ten times as long."""


def thin(items: Iterable[Any], step: int = 8) -> list[Any]:
    """All items where kernels serve the calls, every `step`-th without them."""
    return list(items)[:: 1 if KERNELS else step]


EXHAUSTIVE = False
"""Whether this is `make test-all`; conftest.py tells before tests are collected."""


def examples(count: int) -> int:
    """How many examples a property test tries: a quarter of them by default."""
    return count if EXHAUSTIVE else -(-count // 4)


def sample(items: Iterable[Any], step: int = 3, several: bool = True) -> list[Any]:
    """Parameters of tests, all but every `step`-th for `make test-all` alone. Tuples are `several` parameters."""
    return [item if k % step == 0 else _exhaustive(item, several) for k, item in enumerate(items)]


def _exhaustive(item: Any, several: bool) -> Any:
    values = item if several and isinstance(item, tuple) else (item,)
    return pytest.param(*values, marks=pytest.mark.exhaustive)


_USUAL = {
    "xla_backend_optimization_level": 3,
    "xla_llvm_disable_expensive_passes": False,
    "xla_cpu_use_fusion_emitters": True,
}
USUAL = {name: value for name, value in _USUAL.items() if name in os.environ.get("XLA_FLAGS", "")}
"""XLA's own options in place of those that conftest.py sets, for programs whose floats are the subject of a test."""


# ---- models ----


class Halving(models.Model):
    """Written by a user in JAX, the same for all symbols: symbol k has half the mass that the ones before it left."""

    static = ("size", "precision")

    def __init__(self, size: int, precision: int):
        self.size, self.precision = size, precision

    @property
    def shape(self):
        return ()

    @property
    def bounds(self):
        return 0, self.size - 1

    def _left(self, k):
        """2**P - 2**(P - k), the place of edge k; 2**P at the last."""
        half = jnp.uint32(2**self.precision - 1) >> jnp.clip(k, 0, self.size - 1).astype(jnp.uint32)
        return jnp.uint32(2**self.precision - 1) - half, half

    def interval(self, symbols):
        symbols = jnp.asarray(symbols).astype(jnp.int32)
        start, rest = self._left(symbols)
        freq = jnp.where(symbols == self.size - 1, rest + 1, (rest >> 1) + 1)
        legal = (symbols >= 0) & (symbols < self.size)
        return jnp.where(legal, start, jans.status.BAD_SYMBOL).astype(jnp.uint32), jnp.where(legal, freq, 0)

    def locate(self, quantiles):
        edges = self._left(jnp.arange(1, self.size))[0]
        return (jnp.asarray(quantiles)[..., None] >= edges).sum(-1).astype(jnp.int32)

    def log_prob(self, symbols):
        last = jnp.minimum(symbols + 1, self.size - 1)
        return jnp.where((symbols >= 0) & (symbols < self.size), -last * jnp.float32(math.log(2)), -jnp.inf)


class Split(models.Model):
    """Written by a user in JAX, one for each symbol: symbol 0 has the first `first` of 2**precision places."""

    leaves = ("first",)

    def __init__(self, first: Any, precision: int):
        self.first, self.precision = jnp.asarray(first, jnp.uint32), precision

    @property
    def shape(self):
        return self.first.shape

    def interval(self, symbols):
        symbols = jnp.asarray(symbols).astype(jnp.int32)
        start = jnp.where(symbols == 0, jnp.uint32(0), self.first)
        freq = jnp.where(symbols == 0, self.first, jnp.uint32(2**self.precision % 2**32) - self.first)
        legal = (symbols >= 0) & (symbols < 2)
        return jnp.where(legal, start, jnp.uint32(jans.status.BAD_SYMBOL)), jnp.where(legal, freq, jnp.uint32(0))

    def locate(self, quantiles):
        return (quantiles >= self.first).astype(jnp.int32)

    def log_prob(self, symbols):
        mass = self.first.astype(jnp.float32) * 2.0**-self.precision
        return jnp.log(jnp.where(symbols == 0, mass, 1 - mass))


Shape = tuple[int, ...]
Made = tuple[models.Model, np.ndarray]


@dataclasses.dataclass(frozen=True)
class ModelCase:
    """`build(precision, shape, rng)` makes a model for symbols of a shape, and its support [size] or [size, *shape]."""

    name: str
    build: Callable[[int, Shape, np.random.Generator], Made]
    shared: bool = False
    """One model of shape () for all symbols."""
    escaped: bool = False
    """A composite that codes every int32, those outside of the support as well."""

    def __str__(self) -> str:
        return self.name

    @property
    def coders(self) -> list[Coder]:
        """Those that have models of this kind."""
        return [coder for coder in CODERS.values() if coder.codes(self)]

    @functools.cache  # noqa: B019
    def make(self, precision: int, shape: Shape, seed: int = 0) -> Made:
        return self.build(precision, shape, np.random.default_rng(seed))

    @functools.cache  # noqa: B019
    def cdf(self, precision: int, shape: Shape) -> np.ndarray:
        """The intervals of 0 ... size - 1, [size + 1] or [size + 1, *shape]."""
        model, support = self.make(precision, shape)
        size = len(support)
        symbols = np.broadcast_to(np.arange(size).reshape(-1, *((1,) * len(model.shape))), (size, *model.shape))
        freq = np.asarray(interval(model, jnp.asarray(symbols, jnp.int32))[1])
        return np.concatenate([np.zeros_like(freq[:1]), freq.cumsum(axis=0, dtype=np.int64)])

    @functools.cache  # noqa: B019
    def of(self, coder: Coder, shape: Shape) -> Any:
        """The model of a coder for symbols of a shape."""
        model, _ = self.make(coder.precision, shape)
        return coder.of(model, self.cdf(coder.precision, shape) if coder.needs_cdf else None)

    def draw(self, precision: int, shape: Shape, seed: int = 0) -> tuple[models.Model, np.ndarray]:
        """The model, and symbols (int32) that it can code, all of them likely to appear."""
        model, support = self.make(precision, shape)
        keys = np.random.default_rng(seed).random((support.shape[0], *shape))
        each = support.reshape(support.shape[0], *((1,) * len(shape))) if support.ndim == 1 else support
        return model, np.where(each, keys, -1).argmax(0).astype(np.int32)


def _skewed(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.random(shape) ** 8 + 1e-6).astype(np.float32)


def _uniform(precision, _shape, _rng):
    return models.Uniform(10, precision), np.ones(10, bool)


def _uniform_each(precision, shape, rng):
    sizes = rng.integers(1, 40, shape)
    return models.Uniform(sizes, precision), np.arange(40).reshape(-1, *((1,) * len(shape))) < sizes


def _bernoulli(precision, _shape, _rng):
    return models.Bernoulli(np.float32(0.07), precision), np.ones(2, bool)


def _bernoulli_each(precision, shape, rng):
    return models.Bernoulli(rng.random(shape, np.float32), precision), np.ones((2, *shape), bool)


def _probs(precision, _shape, rng):
    return models.Categorical(_skewed(rng, 30), precision=precision), np.ones(30, bool)


def _logits(precision, _shape, rng):
    logits = rng.normal(0, 3, 30).astype(np.float32)
    return models.Categorical(logits=logits, precision=precision), np.ones(30, bool)


def _bf16(precision, _shape, rng):
    return models.Categorical(jnp.asarray(_skewed(rng, 300), jnp.bfloat16), precision=precision), np.ones(300, bool)


def _probs_each(precision, shape, rng):
    return models.Categorical(_skewed(rng, *shape, 9), precision=precision), np.ones((9, *shape), bool)


def _logits_each(precision, shape, rng):
    logits = rng.normal(0, 3, (*shape, 9)).astype(np.float32)
    return models.Categorical(logits=logits, precision=precision), np.ones((9, *shape), bool)


def _perfect(precision, _shape, rng):
    return models.Categorical(_skewed(rng, 30), rule="perfect", precision=precision), np.ones(30, bool)


def _perfect_each(precision, shape, rng):
    probs = _skewed(rng, *shape, 9)
    return models.Categorical(probs, rule="perfect", precision=precision), np.ones((9, *shape), bool)


def _masked(precision, _shape, rng):
    """The first and the last symbol are not there, nor the half of all others."""
    mask = np.arange(30) % 4 == 2
    return models.Categorical(_skewed(rng, 30), rule="perfect", mask=mask, precision=precision), mask


def _masked_each(precision, shape, rng):
    logits = rng.normal(0, 3, (*shape, 9)).astype(np.float32)
    mask = (rng.random(logits.shape) < 0.6) | (np.arange(9) == 4)
    return models.Categorical(logits=logits, mask=mask, precision=precision), np.moveaxis(mask, -1, 0)


def _cdf(precision: int, rng: np.random.Generator, tables: int, size: int) -> np.ndarray:
    """Rows in which about every third symbol has probability zero, the first and the last among them."""
    cuts = np.sort(rng.integers(0, 2**precision + 1, (tables, size - 1)), axis=1)
    cuts = np.maximum.accumulate(np.where(rng.random(cuts.shape) < 0.3, 0, cuts), axis=1)
    cuts[:, :1], cuts[:, -1:] = 0, 2**precision
    full = np.full((tables, 1), 2**precision)
    return np.concatenate([np.zeros_like(full), cuts, full], axis=1)


def _table(precision, _shape, rng):
    cdf = _cdf(precision, rng, 4, 20)
    return models.Table(cdf, 2, precision), np.diff(cdf[2]) > 0


def _table_each(precision, shape, rng):
    cdf = _cdf(precision, rng, 4, 20)
    index = rng.integers(0, 4, shape)
    return models.Table(cdf, index, precision), np.moveaxis(np.diff(cdf, axis=1)[index] > 0, -1, 0)


def _aliased(build):
    def prepared(precision, shape, rng):
        model, support = build(precision, shape, rng)
        return model.prepare("alias" if precision < 32 else "search"), support

    return prepared


def _gaussian(precision, _shape, _rng):
    return models.NormalGrid(6).posterior(0.3, 0.2, precision), np.ones(64, bool)


def _gaussian_each(precision, shape, rng):
    mean, scale = rng.normal(0, 1, shape), np.exp(rng.normal(-1, 1, shape))
    grid = models.NormalGrid(6)
    return grid.posterior(np.float32(mean), np.float32(scale), precision), np.ones((64, *shape), bool)


def _mixture(precision, shape, rng):
    parts = (*shape, 3)
    logits, mean = rng.normal(0, 1, parts).astype(np.float32), rng.normal(0, 20, parts).astype(np.float32)
    scale = np.exp(rng.normal(0, 1.5, parts)).astype(np.float32)
    support = np.ones((54, *shape), bool)
    support[:3] = False
    support = np.broadcast_to((np.arange(54) >= 3).reshape(-1, *((1,) * len(shape))), (54, *shape))
    return models.LogisticMixture(logits, mean, scale, 3, 53, precision), support


def _scales(rng: np.random.Generator, shape: Shape, dtype: type = np.float32) -> np.ndarray:
    return np.exp(rng.normal(1, 1.5, shape)).astype(dtype)


def _on_integers(kind):
    def build(precision, shape, rng):
        loc = rng.normal(20, 10, shape).astype(np.float32)
        return kind(loc, _scales(rng, shape), 0, 39, precision), np.ones((40, *shape), bool)

    return build


def _inside(shape: Shape, size: int, low: Any, high: Any) -> np.ndarray:
    """Of the symbols 0 ... size - 1, those from low to high."""
    symbols = np.arange(size).reshape(-1, *((1,) * len(shape)))
    return np.broadcast_to((symbols >= low) & (symbols <= high), (size, *shape))


def _bounds_each(precision, shape, rng):
    low, size = rng.integers(0, 9, shape), rng.integers(1, 30, shape)
    loc = rng.normal(10, 10, shape).astype(np.float32)
    model = models.Gaussian(loc, _scales(rng, shape), low, low + size, precision)
    return model, _inside(shape, 39, low, low + size)


def _student(precision, shape, rng):
    df = rng.uniform(0.5, 9, shape).astype(np.float32)
    return _on_integers(functools.partial(models.StudentT, df))(precision, shape, rng)


def _geometric(precision, shape, rng):
    return models.Geometric(rng.uniform(0.01, 0.9, shape).astype(np.float32), 40, precision), np.ones(
        (41, *shape), bool
    )


def _binomial(precision, shape, rng):
    trials = rng.integers(0, 40, shape)
    model = models.Binomial(trials, rng.uniform(0.01, 0.99, shape).astype(np.float32), precision)
    return model, _inside(shape, 40, 0, trials)


def _poisson(precision, shape, rng):
    return models.Poisson(_scales(rng, shape), 40, precision), np.ones((41, *shape), bool)


def _beta_binomial(precision, shape, rng):
    return models.BetaBinomial(40, _scales(rng, shape), _scales(rng, shape), precision), np.ones((41, *shape), bool)


def _gaussians(precision, shape, rng):
    parts = (*shape, 2)
    logits, mean = rng.normal(0, 1, parts).astype(np.float32), rng.normal(0, 20, parts).astype(np.float32)
    return models.GaussianMixture(logits, mean, _scales(rng, parts), 0, 40, precision), np.ones((41, *shape), bool)


def _halving(precision, _shape, _rng):
    return Halving(min(precision, 9), precision), np.ones(min(precision, 9), bool)


def _split(precision, shape, rng):
    return Split(rng.integers(1, 2**precision, shape), precision), np.ones((2, *shape), bool)


def _escape(precision, _shape, rng):
    """Drawn symbols lie below, inside and above of 10 ... 19."""
    mixture = models.LogisticMixture(np.float32([0.0]), np.float32([14.0]), np.float32([3.0]), 10, 19, precision)
    return models.escape(mixture), np.ones(30, bool)


def _escape_each(precision, shape, rng):
    model, support = _table_each(precision, shape, rng)
    last = np.argmax(np.cumsum(support, axis=0), axis=0)
    return models.escape(model), np.concatenate([support, np.zeros_like(support)]) | (
        np.arange(40).reshape(-1, *((1,) * len(shape))) > last
    )


class SearchedCustom(models.Custom):
    """As one whose support is too wide for a table."""

    parts = 0


class SearchedHistogram(models.Histogram):
    """As one whose support is too wide for a table."""

    parts = 0


def sigmoid(mean, scale, x):
    return jax.nn.sigmoid((x - mean) / scale)


def _custom(precision, _shape, _rng):
    return models.Custom(sigmoid, 20.5, 4.0, low=3, high=53, precision=precision), np.arange(54) >= 3


def _custom_each(precision, shape, rng):
    mean, scale = rng.normal(30, 20, shape).astype(np.float32), np.exp(rng.normal(0, 1.5, shape)).astype(np.float32)
    support = np.broadcast_to((np.arange(54) >= 3).reshape(-1, *((1,) * len(shape))), (54, *shape))
    return models.Custom(sigmoid, mean, scale, low=3, high=53, precision=precision), support


EDGES = (2, 3, 7, 8, 41)


def _histogram(precision, _shape, rng):
    return models.Histogram(EDGES, _skewed(rng, 4), precision), np.arange(41) >= 2


def _histogram_each(precision, shape, rng):
    support = np.broadcast_to((np.arange(41) >= 2).reshape(-1, *((1,) * len(shape))), (41, *shape))
    return models.Histogram(EDGES, _skewed(rng, *shape, 4), precision), support


MODELS = {
    case.name: case
    for case in (
        ModelCase("uniform", _uniform, shared=True),
        ModelCase("uniform-each", _uniform_each),
        ModelCase("bernoulli", _bernoulli, shared=True),
        ModelCase("bernoulli-each", _bernoulli_each),
        ModelCase("probs", _probs, shared=True),
        ModelCase("logits", _logits, shared=True),
        ModelCase("bf16", _bf16, shared=True),
        ModelCase("probs-each", _probs_each),
        ModelCase("logits-each", _logits_each),
        ModelCase("table", _table, shared=True),
        ModelCase("table-each", _table_each),
        ModelCase("alias", _aliased(_table), shared=True),
        ModelCase("alias-each", _aliased(_table_each)),
        ModelCase("gaussian", _gaussian, shared=True),
        ModelCase("gaussian-each", _gaussian_each),
        ModelCase("mixture-each", _mixture),
        ModelCase("integer-gaussian", _on_integers(models.Gaussian)),
        ModelCase("laplace", _on_integers(models.Laplace)),
        ModelCase("logistic", _on_integers(models.Logistic)),
        ModelCase("cauchy", lambda precision, _, rng: _on_integers(models.Cauchy)(precision, (), rng), shared=True),
        ModelCase("bounds-each", _bounds_each),
        ModelCase("student-t", _student),
        ModelCase("geometric", _geometric),
        ModelCase("binomial", _binomial),
        ModelCase("poisson", _poisson),
        ModelCase("beta-binomial", _beta_binomial),
        ModelCase("gaussians", _gaussians),
        ModelCase("perfect", _perfect, shared=True),
        ModelCase("perfect-each", _perfect_each),
        ModelCase("masked", _masked, shared=True),
        ModelCase("masked-each", _masked_each),
        ModelCase("user", _halving, shared=True),
        ModelCase("user-each", _split),
        ModelCase("custom", _custom, shared=True),
        ModelCase("custom-each", _custom_each),
        ModelCase("histogram", _histogram, shared=True),
        ModelCase("histogram-each", _histogram_each),
        ModelCase("escape", _escape, shared=True, escaped=True),
        ModelCase("escape-each", _escape_each, escaped=True),
        ModelCase("mixture", lambda precision, _, rng: _mixture(precision, (), rng), shared=True),
    )
}

SIMPLE = [case for case in MODELS.values() if not case.escaped]
"""Those with an interval for every symbol; a composite has one for every part."""


# ---- targets ----

FAMILY_OPERANDS = {
    "lazy": "p",
    "uniform": "i",
    "binned_gaussian": "ffe",
    "logistic_mixture": "mmmii",
    "gaussian_mixture": "mmmii",
    "gaussian": "rrii",
    "laplace": "rrii",
    "logistic": "rrii",
    "cauchy": "rrii",
    "geometric": "ir",
    "binomial": "ir",
    "poisson": "ir",
    "beta_binomial": "irr",
    "student_t": "rrrii",
    "float_line": "rrrn",
    "float_mixture": "mmmn",
}
"""What the operands of each family are: i integers, r float32 or float64, f float32, m of a mixture, e edges, p rows of
probabilities in float32 or float64, n the numbers of a format of floats."""


def float_formats(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Numbers of a distribution and of a format of floats, int32 [*shape, 7], some of which are those of none."""
    bits = lambda form: range(form.bits - form.mantissa, min(form.bits, 16) + 1)
    known = [form.first(b) for form in FORMATS.values() for b in bits(form)]
    picks = [(int(rng.integers(5)), *known[rng.integers(len(known))]) for _ in range(math.prod(shape))]
    numbers = np.array(picks, np.int32).reshape(*shape, 7)
    wrong = rng.choice(np.array([-1, 0, 5, 17, 1023, 1024, 2**31 - 1, -(2**31)], np.int32), numbers.shape)
    return np.where(rng.random(numbers.shape) < 0.03, wrong, numbers)


# Compiled as one program; operation by operation they take a second each the first time.
interval = jax.jit(lambda model, symbols: model.interval(symbols))
locate = jax.jit(lambda model, quantiles: model.locate(quantiles))
bits = jax.jit(lambda model, symbols: model.bits(symbols))
log_prob = jax.jit(lambda model, symbols: model.log_prob(symbols))


# ---- comparisons ----


def content(state: jans.rans.State) -> tuple[list, list, list, list]:
    """What a coder holds, as lists: its heads, the words in use, its size and its status; for batches too."""
    head, tail, size, status = (np.asarray(a) for a in (state.head, state.tail, state.size, state.status))
    rows = zip(tail.reshape(size.size, tail.shape[-1]), size.reshape(-1), strict=True)
    used = [row[: min(n, len(row))].tolist() for row, n in rows]
    return head.tolist(), used, size.tolist(), status.tolist()


def integers(state: jans.rans.State) -> spec.rans.Coder:
    """One stream as the reference has it: heads and words in Python integers."""
    head = np.asarray(state.head).tolist()
    heads = head if state.head.ndim == 1 else [low + (high << 32) for low, high in head]
    return tuple(heads), tuple(np.asarray(state.tail)[: int(state.size)].tolist())


def same(a: Any, b: Any) -> bool:
    """Whether two pytrees are the same bit for bit, dtypes and shapes included."""
    if jax.tree.structure(a) != jax.tree.structure(b):
        return False
    pairs = zip(map(np.asarray, jax.tree.leaves(a)), map(np.asarray, jax.tree.leaves(b)), strict=True)
    return all(x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes() for x, y in pairs)


def rows(rng, count, n, precision, spread):
    """Rows of frequencies; a high spread leaves many symbols without any."""
    weights = rng.random((count, n)) ** spread
    left = np.floor(np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True) * 2**precision).astype(np.int64)
    left[:, -1] = 2**precision
    return np.concatenate([np.zeros((count, 1), np.int64), left], axis=1)


def alike_with_own_tables(own, shared, index, both, symbols, empty):
    """What `jans.tans` makes of streams [streams, n] with `own` tables and rows `index`, which is also what it makes
    of them with `shared` ones and rows `both`."""
    states = []
    for tables, rows, axis in ((own, index, 0), (shared, both, None)):
        push = jax.vmap(lambda t, k, x: tans.push(empty, t.at(k), x), in_axes=(axis, 0, 0))
        state = jans.check(push(tables, rows, symbols))
        pop = jax.vmap(lambda s, t, k: tans.pop(s, t.at(k), k.shape), in_axes=(0, axis, 0))
        left, popped = pop(state, tables, rows)
        assert (popped == symbols).all()
        assert tans.is_empty(jans.check(left)).all()
        states.append(state.canonical())
    assert all((a == b).all() for a, b in zip(*map(jax.tree.leaves, states), strict=True))
    return states[0]
