"""Long streams of narrow symbols: the kernels widen and narrow them in blocks, of which these have several."""

import functools

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jans import models, quantize, rans, tans

N = 10_007  # more than two blocks of each loop, and no multiple of any number of lanes
WIDTHS = [np.uint8, np.uint16, np.int32]


def row(precision):
    weights = np.random.default_rng(0).random(200) ** 4 + 1e-4
    return models.Categorical(jnp.asarray(weights, jnp.float32), precision=precision)


def table(precision):
    weights = np.random.default_rng(1).random((5, 200)) ** 4 + 1e-4
    cdf = quantize.fast(jnp.asarray(weights, jnp.float32), precision)
    return models.Table(cdf, jnp.asarray(np.random.default_rng(2).integers(0, 5, N)), precision)


def gaussian(precision):
    mean = jnp.asarray(np.random.default_rng(3).uniform(50, 150, N), jnp.float32)
    return models.Gaussian(mean, 20.0, 0, 199, precision=precision)


MODELS = {
    "row": row,
    "table": table,
    "table with guides": lambda precision: table(precision).prepare(),
    "alias table": lambda precision: table(precision).prepare("alias"),
    "gaussian": gaussian,
}
CODERS = [("rans64", 1), ("rans64", 4), ("rans64_ryg", 8), ("rans64", 32), ("rans32_16", 3), ("rans32_16", 32)]
CODERS += [("rans32_16", 64), ("rans32", 1), ("rans32", 16), ("rans64", 1500)]


@functools.cache
def symbols(name, precision):
    words = rans.random(jax.random.key(0), 4 * N, 4 * N)
    return np.asarray(rans.pop(words, MODELS[name](precision), (N,))[1])


@pytest.mark.parametrize("precision", [12, 15])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("variant", "lanes"), cases.thin(CODERS, 2))
def test_streams_of_many_blocks(name, variant, lanes, precision):
    model, expected = MODELS[name](precision), symbols(name, precision)
    start = rans.init(4 * N, lanes, variant)
    pushed = [rans.push(start, model, jnp.asarray(expected, dtype)) for dtype in WIDTHS]
    assert cases.same(pushed[0], pushed[2])
    assert cases.same(pushed[1], pushed[2])
    for dtype in WIDTHS:
        left, found = rans.pop(pushed[2], model, (N,), dtype)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)
        assert rans.is_empty(left)


@pytest.mark.parametrize("lanes", [1, 8, 7])
def test_streams_of_many_blocks_in_table_ans(lanes):
    model = table(11)
    tables = tans.tables(model).at(model.index)
    expected = symbols("table", 12)
    start = tans.init(N, lanes, 11)
    # Words that are not in use may differ.
    pushed = [tans.push(start, tables, jnp.asarray(expected, dtype)).canonical() for dtype in WIDTHS]
    assert cases.same(pushed[0], pushed[2])
    assert cases.same(pushed[1], pushed[2])
    for dtype in WIDTHS:
        left, found = tans.pop(pushed[2], tables, (N,), dtype)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)
        assert tans.is_empty(left)
