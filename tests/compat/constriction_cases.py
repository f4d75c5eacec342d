"""Models of constriction's interface, made by either library, and what calls return or raise."""

import contextlib
import io
import math

import numpy as np
import pytest

import jans.compat.constriction as ours

theirs = pytest.importorskip("constriction", reason="the package constriction is not installed")
scipy_stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
BOTH = (ours, theirs)
PROBS = np.array([0.2, 0.4, 0.1, 0.3], np.float32)


def floats(rng, n, dtype=np.float64):
    return rng.normal(0, 3, n).astype(dtype), rng.uniform(0.1, 5, n).astype(dtype)


# Of each kind a model with all parameters, or a family with parameters for n symbols; and the ends of its support.
CONCRETE = {
    "table": (lambda m: m.Categorical(PROBS, perfect=False), 0, 3),
    "perfect": (lambda m: m.Categorical(PROBS, perfect=True), 0, 3),
    "lazy": (lambda m: m.Categorical(PROBS.astype(np.float64), lazy=True), 0, 3),
    "bernoulli": (lambda m: m.Bernoulli(0.3, perfect=False), 0, 1),
    "perfect bernoulli": (lambda m: m.Bernoulli(0.01, perfect=True), 0, 1),
    "uniform": (lambda m: m.Uniform(1000), 0, 999),
    "wide uniform": (lambda m: m.Uniform(2**24), 0, 2**24 - 1),
    "binomial": (lambda m: m.Binomial(9, 0.3), 0, 9),
    "gaussian": (lambda m: m.QuantizedGaussian(-100, 100, 12.6, 7.3), -100, 100),
    "laplace": (lambda m: m.QuantizedLaplace(-100, 100, 12.6, 7.3), -100, 100),
    "cauchy": (lambda m: m.QuantizedCauchy(-100, 100, 12.6, 7.3), -100, 100),
    "custom": (lambda m: m.CustomModel(lambda x: 1 / (1 + math.exp(-x / 3)), lambda q: 0.0, -10, 10), -10, 10),
    "wide custom": (lambda m: m.CustomModel(lambda x: 0.5 + math.atan(x) / math.pi, lambda q: 9, -999, 999), -999, 999),
    "scipy": (lambda m: m.ScipyModel(scipy_stats.cauchy(loc=6.7, scale=12.4), -50, 50), -50, 50),
}
FAMILIES = {
    "rows": (lambda m: m.Categorical(perfect=False), lambda rng, n: (rng.random((n, 4)),), 0, 3),
    "single rows": (lambda m: m.Categorical(lazy=True), lambda rng, n: (rng.random((n, 4)).astype(np.float32),), 0, 3),
    "perfect rows": (lambda m: m.Categorical(perfect=True), lambda rng, n: (rng.random((n, 4)),), 0, 3),
    "bernoullis": (lambda m: m.Bernoulli(perfect=False), lambda rng, n: (rng.random(n),), 0, 1),
    "uniforms": (lambda m: m.Uniform(), lambda rng, n: (rng.integers(5, 999, n).astype(np.int32),), 0, 4),
    "binomials": (lambda m: m.Binomial(), lambda rng, n: (rng.integers(4, 9, n).astype(np.int32), rng.random(n)), 0, 4),
    "gaussians": (lambda m: m.QuantizedGaussian(-9, 9), floats, -9, 9),
    "single gaussians": (lambda m: m.QuantizedGaussian(-9, 9), lambda rng, n: floats(rng, n, np.float32), -9, 9),
    "gaussians of a mean": (lambda m: m.QuantizedGaussian(-9, 9, 1.5), lambda rng, n: floats(rng, n)[1:], -9, 9),
    "gaussians of a std": (lambda m: m.QuantizedGaussian(-9, 9, std=2), lambda rng, n: floats(rng, n)[:1], -9, 9),
    "laplaces": (lambda m: m.QuantizedLaplace(-9, 9), floats, -9, 9),
    "cauchys": (lambda m: m.QuantizedCauchy(-9, 9), floats, -9, 9),
    "customs": (
        lambda m: m.CustomModel(lambda x, a: 1 / (1 + math.exp(-x / a)), lambda q, a: 0.0, -9, 9),
        lambda rng, n: floats(rng, n, np.float32)[1:],
        -9,
        9,
    ),
    "scipys": (lambda m: m.ScipyModel(scipy_stats.norm, -9, 9), floats, -9, 9),
}
FEW = ["table", "gaussian", "custom", "rows", "gaussians", "customs"]
"""Those that sequences of calls are made of: of each way to code one, and few to compile."""


def built(name, seed, n):
    """Both models of a name, their parameters for n symbols, and n symbols."""
    rng = np.random.default_rng(seed)
    if name in CONCRETE:
        make, low, high = CONCRETE[name]
        parameters = ()
    else:
        make, draw, low, high = FAMILIES[name]
        parameters = draw(rng, n)
    symbols = rng.integers(low, high, n, np.int32, endpoint=True)
    return make(ours.stream.model), make(theirs.stream.model), parameters, symbols


def equal(a, b):
    """Whether two results are the same in value, type and dtype."""
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray):
        return type(b) is np.ndarray and a.dtype == b.dtype and a.shape == b.shape and (a == b).all()
    return type(a) is type(b) and a == b


class PanicError(Exception):
    """A panic of theirs, which is no Exception."""


def outcome(call):
    """What a call returns, or the type of what it raises."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return call()
        except Exception as error:
            return type(error)
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            return PanicError
