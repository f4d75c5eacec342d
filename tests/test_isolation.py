"""A function that rounds alike in every program."""

import functools

import cases
import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

import jans
from jans import models

random = np.random.default_rng(0)
WEIGHTS = jnp.asarray(random.normal(size=(40, 40)), jnp.float32)
SPREAD = jnp.float32(3.7)


def network(weights, spread, x):
    y = (x.astype(jnp.float32) - 0.3) / spread
    for _ in range(3):
        y = jnp.tanh(y @ weights) / spread
        y = (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-3)
    return y, jnp.exp(y / 7)


def programs(wrap, jit=jax.jit):
    """The same call within several programs."""
    known = wrap(lambda x: network(WEIGHTS, SPREAD, x))
    given = lambda w, s, x: wrap(lambda x: network(w, s, x))(x)
    x = jnp.asarray(random.integers(0, 256, (6, 40)), jnp.uint8)
    rows = jax.vmap(known)
    yield "alone", jit(known)(x)
    if jit is jax.jit:
        yield "eager", known(x)
    yield "weights as arguments", jit(given)(WEIGHTS, SPREAD, x)
    yield "fused", jit(lambda w, s, x: given(w, s, 255 - x))(WEIGHTS, SPREAD, 255 - x)
    yield "scan", jit(lambda x: jax.lax.scan(lambda c, x: (c, known(x)), 0, x[None])[1])(x)
    yield "rows", jit(rows)(x)
    yield (
        "rows, weights as arguments",
        jit(lambda w, s, x: jax.vmap(lambda x: given(w, s, x))(x))(WEIGHTS, SPREAD, x),
    )
    yield "rows, scan", jit(lambda x: jax.lax.map(rows, x))(x[None])


@pytest.mark.parametrize("options", [{}, cases.USUAL], ids=["quick", "usual"])
def test_the_same_floats_in_every_program(options):
    jit = functools.partial(jax.jit, compiler_options=options) if options else jax.jit
    floats = lambda pair: jax.tree.map(lambda a: np.asarray(a).reshape(6, 40), pair)
    found = {name: floats(pair) for name, pair in programs(jans.isolated, jit)}
    for name, pair in found.items():
        # A batch may round differently from its rows.
        np.testing.assert_array_equal(pair, found["rows" if name.startswith("rows") else "alone"], err_msg=name)


def test_values_are_those_of_the_function():
    x = jnp.asarray(random.normal(size=(5, 40)), jnp.float32)
    chex.assert_trees_all_close(
        jax.jit(jans.isolated(lambda x: network(WEIGHTS, SPREAD, x)))(x), network(WEIGHTS, SPREAD, x), rtol=1e-4
    )


def test_any_arrays_in_and_out():
    function = jans.isolated(lambda tree, flag: ({"n": tree["n"] + 1, "m": models.Uniform(tree["n"])}, ~flag, 7.0))
    out, flag, seven = jax.jit(function)({"n": jnp.array([3, 4]), "none": None}, jnp.array(True))
    assert out["n"].tolist() == [4, 5]
    assert out["m"].size.tolist() == [3, 4]
    assert not flag
    assert seven == 7.0
    empty = jans.isolated(lambda x: x * 2)(jnp.zeros((0, 3)))
    assert empty.shape == (0, 3)


def test_vmap_over_what_is_held_and_what_comes():
    weights = jnp.asarray(random.normal(size=(3, 40, 40)), jnp.float32)
    x = jnp.asarray(random.normal(size=(40,)), jnp.float32)
    held = jax.vmap(lambda w: jans.isolated(lambda x: x @ w)(x))(weights)
    chex.assert_trees_all_close(held, jnp.einsum("j,ijk->ik", x, weights), rtol=1e-4)
    both = jax.vmap(lambda w, y: jans.isolated(lambda x, y: x @ w + y)(x, y))(weights, jnp.arange(3.0))
    chex.assert_trees_all_close(both, held + jnp.arange(3.0)[:, None], rtol=1e-4)


def test_it_is_a_loop_that_is_gone_through_once():
    program = jax.jit(jans.isolated(lambda x: network(WEIGHTS, SPREAD, x))).lower(jnp.ones((2, 40))).compile()
    assert program.as_text().count("while(") == 1, "the compiler has seen through the loop"


@pytest.mark.parametrize("check_vma", [True, False])
def test_shard_map(check_vma):
    mesh = jax.make_mesh((8,), ("rows",))
    x = jnp.asarray(random.normal(size=(8, 40)), jnp.float32)
    on_mesh = jax.device_put(x, jax.sharding.NamedSharding(mesh, PartitionSpec("rows")))
    known = jax.vmap(jans.isolated(lambda x: network(WEIGHTS, SPREAD, x)))
    rows = PartitionSpec("rows")
    spread = jax.shard_map(known, mesh=mesh, in_specs=rows, out_specs=rows, check_vma=check_vma)
    jit = functools.partial(jax.jit, compiler_options=cases.USUAL)
    chex.assert_trees_all_close(jit(spread)(on_mesh), jit(known)(x), rtol=1e-4)


def test_random_keys():
    with pytest.raises(TypeError, match="takes numbers, got a random key"):
        jans.isolated(lambda x, key: x)(jnp.ones(3), jax.random.key(0))


def test_without_arguments():
    with pytest.raises(ValueError, match="needs an argument that holds an array, got none"):
        jans.isolated(lambda: jnp.ones(3))()
