"""Data in no order: what goes in comes out sorted, and costs log2 of the number of its orders less."""

import math

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jans
from jans import models, rans

BYTE = rans.codec(models.Uniform(2**8, precision=12))
PAIR = jans.serial([BYTE, rans.codec(models.Uniform(3, precision=12), shape=(2,), dtype=jnp.uint8)])


def random(coder=cases.CODERS[0], seed=0):
    return coder.random(seed, 40, 400)


@pytest.mark.parametrize("coder", cases.CODERS[::2], ids=str)
@pytest.mark.parametrize("n", [1, 2, 12])
def test_sorted_data_come_back_and_so_does_the_state(coder, n):
    codec = jans.multiset(BYTE, n, precision=12)
    push, pop = jax.jit(codec.push), jax.jit(codec.pop)
    for seed in range(5):
        state = random(coder, seed)
        data = np.random.default_rng(seed).integers(0, 3 + 50 * seed, n)
        popped, again = pop(push(state, data))
        assert again.tolist() == sorted(data)
        assert cases.content(popped) == cases.content(state)
        jans.check_codec(jans.Codec(push, pop), state, again)


def orders(values):
    return math.lgamma(len(values) + 1) - sum(math.lgamma(c + 1) for c in np.unique(values, return_counts=True)[1])


@pytest.mark.parametrize("most", [256, 3])
def test_the_order_costs_nothing(most):
    values = np.random.default_rng(0).integers(0, most, 200)
    state = random()
    inside = jax.jit(jans.multiset(BYTE, 200, precision=24).push)(state, jnp.asarray(values))
    outside = jans.repeat(BYTE, 200).push(state, jnp.asarray(values))
    saved = float(rans.content_bits(outside) - rans.content_bits(inside))
    assert saved == pytest.approx(orders(values) / math.log(2), abs=1)


def test_any_order_of_parts_and_rows():
    rng = np.random.default_rng(1)
    data = (jnp.asarray(rng.integers(0, 2, 30)), jnp.asarray(rng.integers(0, 2, (30, 2)), jnp.uint8))
    codec = jans.multiset(PAIR, 30, precision=15)
    state, again = codec.pop(codec.push(random(), data))
    assert cases.content(state) == cases.content(random())
    rows = lambda d: [(int(a), *map(int, b)) for a, b in zip(*d, strict=True)]
    assert rows(again) == sorted(rows(data))
    assert again[1].dtype == jnp.uint8
    jans.check_codec(codec, random(), again)


def test_batches():
    states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[random(seed=seed) for seed in (1, 2)])
    data = jnp.asarray(np.random.default_rng(2).integers(0, 9, (2, 20)))
    codec = jans.multiset(BYTE, 20)
    popped, again = jax.jit(jax.vmap(codec.pop))(jax.jit(jax.vmap(codec.push))(states, data))
    np.testing.assert_array_equal(again, np.sort(data, axis=1))
    assert cases.content(popped) == cases.content(states)


def test_what_is_refused():
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        jans.multiset(BYTE, 0)
    with pytest.raises(TypeError, match=r"data of a multiset must be integers, got \['float32'\]"):
        jans.multiset(BYTE, 2).push(random(), jnp.zeros(2))
