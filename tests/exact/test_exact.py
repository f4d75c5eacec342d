"""Exact networks: grids, tables, layers, and the proof that nothing rounds."""

import fractions
import math
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from places import ROOT

from jans import exact
from jans.exact import Grid, InexactError, Input, prove

WIDE = Grid(6, 8.0)
GRIDS = st.builds(lambda bits, steps: Grid(bits, steps * 2.0**-bits), st.integers(-3, 12), st.integers(1, 2**12))


def on(grid, shape, seed=0):
    """Numbers anywhere on a grid."""
    steps = np.random.default_rng(seed).integers(-grid.largest, grid.largest + 1, shape)
    return jnp.asarray(steps * 2.0**-grid.bits, jnp.float32)


# ---- grids ----


@given(GRIDS, st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=9))
def test_a_grid_rounds_to_the_nearest(grid, values):
    found = np.asarray(grid(jnp.array(values, jnp.float32)), np.float64)
    for value, near in zip(np.float32(values).tolist(), found.tolist(), strict=True):
        limited = min(max(value, -grid.high), grid.high)
        assert near == round(
            fractions.Fraction(limited) * 2**grid.bits if grid.bits >= 0 else limited / 2**-grid.bits
        ) * (2.0**-grid.bits)
    assert not np.signbit(found[found == 0]).any()


def test_the_derivative_passes_through_a_grid():
    slope = jax.vmap(jax.grad(Grid(2, 1.5)))(jnp.array([0.3, -1.5, 1.6, -7.0]))
    assert slope.tolist() == [1, 1, 0, 0]


# ---- the proof ----


def numbers_of(value, bits):
    """Whether all numbers are multiples of 2**-bits."""
    scaled = np.asarray(value, np.float64) * 2.0**bits
    return (scaled == np.rint(scaled)).all()


@jax.custom_vjp
def doubled(x):
    return 2 * x


doubled.defvjp(lambda x: (2 * x, None), lambda _, change: (2 * change,))


OPERATIONS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "square": lambda x, y: x * x - y**2,
    "max": lambda x, y: jnp.maximum(x, y) + jnp.minimum(x, 0.5 * y),
    "abs": lambda x, y: jnp.abs(x) - jnp.sign(y),
    "relu": lambda x, y: jax.nn.relu(x) - jnp.clip(y, -1, 2),
    "halves": lambda x, y: x / 4 + y * 2.0**-3,
    "round": lambda x, y: jnp.round(x) + jnp.floor(y) - jnp.ceil(x),
    "whole": lambda x, y: x.astype(jnp.int32) // 3 + y.astype(jnp.int32).astype(jnp.float32),
    "where": lambda x, y: jnp.where(x > y, x, -y),
    "sum": lambda x, y: x.sum(0) + jnp.cumsum(y, 1),
    "dot": lambda x, y: exact.dense(x, y.T),
    "known": lambda x, y: exact.dense(x, on(Grid(3, 2.0), (4, 4))) + y,
    "gather": lambda x, y: x[jnp.array([0, 2, 1])] + y[:, ::-1],
    "concatenate": lambda x, y: jnp.pad(jnp.concatenate([x, y], 1), ((0, 0), (1, 2)), constant_values=0.25),
    "cond": lambda x, y: jax.lax.cond(x[0, 0] > 0, lambda: x + 1, lambda: y * 2),
    "scan": lambda x, y: jax.lax.scan(lambda c, r: (WIDE(c / 2 + r), c - r), jnp.zeros(4), x)[1] + y,
    "while": lambda x, y: jax.lax.fori_loop(0, 3, lambda k, c: WIDE(c + x + k), y),
    "jit": lambda x, y: jax.jit(lambda a: jax.checkpoint(lambda b: b + a)(y))(x),
    "scatter": lambda x, y: x.at[jnp.array([0, 0]), 1].add(y[0, 0]).at[1].set(2.5),
    "sort": lambda x, y: jnp.sort(x, axis=1) + jnp.max(y) - jnp.argmax(x),
    "order": lambda x, y: jnp.argsort(x, axis=1) + jax.lax.top_k(y, 2)[0].sum() + jax.lax.top_k(x, 2)[1].max(),
    "barrier": lambda x, y: sum(jax.lax.optimization_barrier((x, -y))),
    "vjp": lambda x, y: doubled(x) + y,
    "bits": lambda x, y: (x.astype(jnp.int32) << 3 ^ 5).astype(jnp.float32) * 2.0**-9 + y,
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_known_holds(name, seed):
    """Of random numbers on random grids, the results are where the proof says, and nothing was rounded."""
    random = np.random.default_rng(seed)
    grids = [Grid(int(bits), float(random.integers(2, 30)) * 2.0 ** -int(bits)) for bits in random.integers(-1, 5, 2)]
    function = OPERATIONS[name]
    proof = prove(function, *(Input((3, 4), grid) for grid in grids))
    bits, largest = proof.outputs
    for k in range(20):
        x, y = (on(grid, (3, 4), seed * 1000 + 2 * k + j) for j, grid in enumerate(grids))
        x = x.at[0, 0].set(grids[0].high * (-1) ** k)  # the ends, too
        y = y.at[0, 0].set(grids[1].high * (-1) ** (k // 2))
        found = function(x, y)
        assert numbers_of(found, bits)
        assert float(jnp.abs(found).max()) <= largest
        if name in ("scan", "while"):  # whose carry is float32
            continue
        with jax.enable_x64(True):
            wide = function(jnp.asarray(x, jnp.float64), jnp.asarray(y, jnp.float64))
        assert (np.asarray(wide, np.float64) == np.asarray(found, np.float64)).all()


REFUSED = [
    (lambda x: jnp.tanh(x), r"tanh rounds, or is not known to be exact \(test_exact.py:\d+\). Use jans.exact.tanh"),
    (lambda x: jnp.exp(x), "exp rounds.* Use jans.exact.exp"),
    (lambda x: x / 3, "a division rounds"),
    (lambda x: x / x.sum(), "a division rounds"),
    (lambda x: x * 0.1 + x, "mul may need"),
    (lambda x: x**3, "a power rounds"),
    (lambda x: jnp.where(x > 0, x, -jnp.inf), "it has infinities or NaN. Use finite numbers"),
    (lambda x: x @ on(Grid(9, 2.0), (4, 2)), 'may be rounded on accelerators .* Pass precision="highest"'),
    (
        lambda x: jax.lax.scan(lambda c, _: (c + x[0], c), jnp.zeros(4), None, 99),
        "this scan carries may grow .* Round them",
    ),
    (lambda x: jax.lax.fori_loop(0, 99, lambda k, c: c - x, x), "carries may grow"),
    (
        lambda x: exact.dense(x, on(Grid(16, 2.0), (4, 2))),
        "dot_general may need 2[5-9] binary digits, and float32 has 24",
    ),
    (lambda x: x.astype(jnp.bfloat16), "may need 9 binary digits, and bfloat16 has 8"),
    (lambda x: jnp.sqrt(jnp.sum(x * x)), "sqrt rounds"),
    (lambda x: jax.lax.while_loop(lambda c: c[0, 0] < 9, lambda c: c + 1, x), "this while carries may grow"),
    (lambda x: x % 0.75, "a remainder of floats"),
    (lambda x: jax.random.normal(jax.random.key(0), x.shape) + x, "rounds, or is not known to be exact"),
]


@pytest.mark.parametrize(("function", "message"), REFUSED)
def test_what_may_round_is_refused(function, message):
    with pytest.raises(InexactError, match=message):
        prove(function, Input((3, 4), WIDE))


@pytest.mark.parametrize("extra", [0, 1])
def test_a_sum_has_exactly_the_digits_that_it_has_room_for(extra):
    """The bound is reached: with one digit more, there are inputs that round."""
    source = Grid(0, 2.0**10)
    kernel = np.float32([[3], [2**14 - 3 + extra]])
    call = lambda: prove(lambda x: exact.dense(x, kernel), Input((1, 2), source))
    if not extra:
        assert call().sums[0].room == 0
        return
    with pytest.raises(InexactError, match="may need 25 binary digits"):
        call()
    x = np.float32([[2**10 - 1, 2**10]])
    whole = sum(int(a) * int(b) for a, b in zip(x[0], kernel[:, 0], strict=True))
    assert float(exact.dense(x, kernel)[0, 0]) != whole


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_sums_are_reached(seed):
    """Signs of the inputs that suit the weights give the bound, no more and no less."""
    kernel = on(Grid(3, 2.0), (6, 5), seed)
    source = Grid(2, 1.75)
    _, largest = prove(lambda x: exact.dense(x, kernel), Input((5, 6), source)).outputs
    x = source.high * jnp.sign(kernel).T
    assert float(jnp.abs(exact.dense(x, kernel)).max()) == largest
    least, most = (
        prove(lambda x, side=side: jax.nn.relu(side * exact.dense(jax.nn.relu(x), kernel)), Input((5, 6), source))
        for side in (-1.0, 1.0)
    )
    assert float(exact.dense(jnp.maximum(x, 0), kernel).max()) == most.outputs[1]
    assert float(-exact.dense(jnp.maximum(-x, 0), kernel).min()) == least.outputs[1]


@pytest.mark.parametrize(
    ("function", "most"),
    [
        (jnp.floor, 2), (jnp.ceil, 2), (jnp.round, 1), (lambda x: jnp.floor(x + 1.25), 2),
        (lambda x: jnp.ceil(x - 1.25), 2), (lambda x: x.astype(jnp.int32), 1), (lambda x: jnp.round(2 * x), 2),
        (lambda x: jnp.round(x + 0.25), 2), (lambda x: jnp.round(x - 0.25), 2),
    ],
)  # fmt: skip
def test_where_whole_numbers_lie(function, most):
    x = jnp.arange(-5, 6) / 4  # all numbers of the grid
    assert jnp.abs(function(x)).max() == most
    assert prove(function, Input((3,), Grid(2, 1.25))).outputs == (0, most)


def test_each_output_has_its_own_grid():
    kernel = np.array([[2.0**-20, 2.0**10], [3 * 2.0**-20, 5.0]], np.float32)
    proof = prove(lambda x: WIDE(exact.dense(x, kernel, np.float32([0.5, 0.25]))), Input((2, 2), Grid(0, 8.0)))
    assert proof.sums[0].digits <= 14
    assert proof.outputs == (6, 8.0)


def test_a_proof_is_a_table():
    def network(x):
        with jax.named_scope("first"):
            hidden = exact.dense(x, on(Grid(4, 1.0), (4, 8)), into=WIDE)
        return hidden.sum()

    text = str(prove(network, Input((3, 4), WIDE))).splitlines()
    assert text[0].split() == ["sum", "digits", "room", "place"]
    assert text[1].split()[0] == "dot"
    assert "first" in text[1]
    assert "layers.py" not in text[1]
    assert text[2].split()[0] == "sum"


def test_integers_and_other_arguments():
    proof = prove(lambda k, t: t[k], Input((5,), np.int32, 0, 9), on(WIDE, (10, 3)))
    assert proof.outputs[1] <= 8
    assert prove(lambda b: b.astype(jnp.float32), Input((2,), bool)).outputs == (0, 1.0)
    with pytest.raises(TypeError, match=r"arguments must be arrays or jans.exact.Input, got str"):
        prove(lambda x: x, "x")


# ---- tables ----


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (exact.exp, np.exp),
        (exact.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
        (exact.tanh, np.tanh),
        (exact.silu, lambda x: x / (1 + np.exp(-x))),
        (exact.gelu, lambda x: x * np.array([0.5 * math.erfc(-k / 2**0.5) for k in x])),
    ],
)
def test_tables_are_right(ours, theirs):
    source, target = Grid(5, 4.0), Grid(10, 64.0)
    x = np.arange(-source.largest, source.largest + 1) * 2.0**-source.bits
    found = np.asarray(ours(x, source, target), np.float64)
    assert np.abs(found - theirs(x)).max() <= 2.0**-11 + 1e-12
    slope = jax.vmap(jax.grad(lambda x: ours(x, source, target)))(jnp.float32(x[20:-20]))
    smooth = (theirs(x[20:-20] + 1e-5) - theirs(x[20:-20] - 1e-5)) / 2e-5
    np.testing.assert_allclose(slope, smooth, rtol=1e-3, atol=1e-4)
    prove(lambda x: ours(x, source, target), Input((7,), source))


def test_a_table_is_not_too_long():
    with pytest.raises(ValueError, match="source has 2097153 numbers, and a table has at most 1048576"):
        exact.tanh(jnp.zeros(2), Grid(10, 1024.0), WIDE)


# ---- layers ----


@given(
    st.integers(1, 40), st.integers(1, 9), st.integers(0, 99), st.booleans(), st.sampled_from([1e-3, 1.0, 30.0]),
    st.integers(8, 24),
)  # fmt: skip
def test_frozen_layers_are_exact(inputs, outputs, seed, biased, size, digits):
    random = np.random.default_rng(seed)
    kernel = random.normal(size=(inputs, outputs)) * size * np.exp(3 * random.normal(size=outputs))
    bias = random.normal(size=outputs) * size if biased else None
    source = Grid(5, 4.0)
    frozen, fixed = exact.freeze(kernel, source, bias, digits=digits)
    proof = prove(lambda x: exact.dense(x, frozen, fixed), Input((3, inputs), source))
    assert proof.sums[0].digits <= digits
    assert digits < 24 or (np.abs(np.asarray(frozen) - kernel).max(0) <= np.abs(kernel).sum(0) * 2.0**-15).all()
    x = on(source, (3, inputs), seed)
    wide = np.asarray(x, np.float64) @ np.asarray(frozen, np.float64) + (0 if fixed is None else np.float64(fixed))
    assert (np.asarray(exact.dense(x, frozen, fixed), np.float64) == wide).all()


def test_weights_that_are_not_finite():
    with pytest.raises(ValueError, match="kernel and bias must be finite"):
        exact.freeze(np.array([[np.inf]]), WIDE)


@pytest.mark.parametrize("space", [1, 2])
def test_convolutions_see_what_they_should(space):
    x = on(WIDE, (2, *(6,) * space, 3), 1)
    kernel = on(Grid(4, 2.0), (*(3,) * space, 3, 5), 2)
    bias = on(Grid(4, 2.0), (5,), 3)
    causal = exact.conv(x, kernel, bias, padding=[(2, 0)] * space)
    changed = exact.conv(x.at[:, -1].add(1), kernel, bias, padding=[(2, 0)] * space)
    assert (causal[:, :-1] == changed[:, :-1]).all()
    assert (causal != changed).any()
    assert exact.conv(x, kernel, strides=2).shape == (2, *(3,) * space, 5)
    assert exact.conv(x, kernel[..., :1, :3], groups=3, padding="VALID").shape == (2, *(4,) * space, 3)
    assert exact.conv_transpose(x, kernel, strides=2).shape == (2, *(12,) * space, 5)
    proof = prove(lambda x: exact.conv(x, kernel, bias, WIDE, dilation=2), Input(x.shape, WIDE))
    assert proof.sums[0].operation == "conv"
    assert proof.outputs == (6, 8.0)


@pytest.mark.parametrize("count", [1, 5, 48, 576])
def test_rms_norm_is_near(count):
    random = np.random.default_rng(count)
    x = random.normal(size=(300, count)) * np.exp(random.uniform(-4, 2, (300, 1)))
    x[0] = 0
    source, into = Grid(6, 8.0), Grid(10, 32.0)
    found = np.asarray(exact.rms_norm(x, source, into), np.float64)
    rounded = np.asarray(source(x), np.float64)
    root = np.sqrt((rounded**2).mean(-1, keepdims=True))
    expected = rounded / np.where(root == 0, 1, root)
    assert (np.abs(found - expected) <= 2.0**-10 + 1e-3 * np.abs(expected)).all()
    prove(lambda x: exact.rms_norm(x, source, into), Input((3, count), source))
    assert jax.grad(lambda x: exact.rms_norm(x, source, into).sum())(jnp.ones(count)).shape == (count,)


def test_rms_norm_needs_room():
    with pytest.raises(ValueError, match="the squares of 576 numbers of 2048 steps have no room in int32"):
        exact.rms_norm(jnp.ones(576), Grid(8, 8.0), WIDE)


def test_softmax_is_near_and_never_above_1():
    random = np.random.default_rng(0)
    scores = random.normal(size=(50, 100)) * 3
    mask = random.random((50, 100)) < 0.7
    found = np.asarray(exact.softmax(scores, Grid(8, 16.0), mask), np.float64)
    expected = np.asarray(jax.nn.softmax(scores, axis=-1, where=mask), np.float64)
    assert np.abs(found - expected).max() < 2e-3
    assert (found[~mask] == 0).all()
    assert (found.sum(-1) <= 1).all()
    assert (found.sum(-1) > 0.98).all()


def test_attention_with_a_cache_is_that_of_one_pass():
    query, key, value = (on(Grid(5, 2.0), (2, 9, 4), seed) for seed in range(3))
    grids = Grid(8, 16.0), Grid(6, 4.0)
    whole = exact.attention(query, key, value, *grids, jnp.tril(jnp.ones((9, 9), bool)))
    for n in range(9):
        one = exact.attention(query[:, n : n + 1], key, value, *grids, jnp.arange(9) <= n)
        assert (one[:, 0] == whole[:, n]).all()
    slope = jax.grad(lambda q: exact.attention(q, key, value, *grids).sum())(query)
    assert np.isfinite(slope).all()


# ---- the same everywhere ----


def block(weights, x):
    """A layer of a transformer."""
    normal = exact.rms_norm(x, WIDE, WIDE)
    query, key, value = (exact.dense(normal, w, into=Grid(5, 4.0)) for w in weights[:3])
    mask = jnp.tril(jnp.ones((x.shape[-2],) * 2, bool))
    seen = exact.attention(0.25 * query, key, value, Grid(6, 16.0), Grid(6, 4.0), mask)
    x = WIDE(x + exact.dense(seen, weights[3]))
    return WIDE(x + exact.dense(exact.gelu(exact.dense(x, weights[4]), Grid(4, 8.0), WIDE), weights[5]))


def block_of(width=64):
    random = np.random.default_rng(0)
    sources = (WIDE, WIDE, WIDE, Grid(6, 4.0), WIDE, WIDE)
    # With 23 digits, there is room for the residual sum.
    weights = [exact.freeze(random.normal(size=(width, width)) / 8, grid, digits=23)[0] for grid in sources]
    return weights, on(Grid(6, 2.0), (8, 20, width))


def digest():
    """Of a network with all kinds of layers."""
    weights, x = block_of()
    y = jax.jit(block)(weights, x)
    kernel = exact.freeze(np.random.default_rng(1).normal(size=(3, 3, 4, 8)) / 6, WIDE)[0]
    image = jax.jit(lambda x: exact.conv(x, kernel, into=WIDE, strides=2))(y[..., :4][..., None, :].repeat(5, 2))
    return np.asarray(y).tobytes().hex()[:4000:7] + np.asarray(image).tobytes().hex()[:4000:7]


def test_a_transformer_is_exact():
    weights, x = block_of()
    proof = prove(block, weights, Input(x.shape, WIDE))
    assert {s.operation for s in proof.sums} == {"dot", "mean"}
    assert min(s.room for s in proof.sums) >= 0


@pytest.mark.parametrize("name", OPERATIONS)
def test_integers_give_the_same_numbers(name):
    function = OPERATIONS[name]
    grids = Grid(3, 4.0), Grid(2, 2.0)
    whole = exact.in_integers(function, *(Input((3, 4), grid) for grid in grids))
    for seed in range(5):
        x, y = (on(grid, (3, 4), seed + k) for k, grid in enumerate(grids))
        assert (whole(x, y) == function(x, y)).all()
        assert (jax.jit(whole)(x, y) == function(x, y)).all()


def test_a_network_of_integers():
    weights, x = block_of()
    whole = exact.in_integers(block, weights, Input(x.shape, WIDE))
    assert (jax.jit(whole)(x) == block(weights, x)).all()
    text = str(jax.make_jaxpr(whole)(x))
    assert "preferred_element_type=int32" in text
    assert "precision=HIGHEST" not in text
    kernel = exact.freeze(np.random.default_rng(1).normal(size=(3, 3, 4, 8)), Grid(2, 8.0), digits=13)[0]
    layer = lambda x: exact.conv(x, kernel, strides=2)
    images = on(Grid(2, 8.0), (2, 7, 9, 4))
    small = exact.in_integers(layer, Input(images.shape, Grid(2, 8.0)))
    assert (small(images) == layer(images)).all()
    assert "i8[" in str(jax.make_jaxpr(small)(images))


def test_results_do_not_depend_on_how_they_are_computed():
    weights, x = block_of()
    whole = np.asarray(block(weights, x))
    ways = {
        "jit": jax.jit(block)(weights, x),
        "constants": jax.jit(lambda x: block(weights, x))(x),
        "one by one": jnp.concatenate([jax.jit(block)(weights, row[None]) for row in x]),
        "vmap": jax.vmap(block, (None, 0))(weights, x),
        "scan": jax.lax.scan(lambda c, row: (c, block(weights, row)), 0, x)[1],
        "a larger batch": jax.jit(block)(weights, jnp.concatenate([x, x, x]))[:8],
        "in the middle": jax.jit(lambda x: block(weights, x * 2.0 / 2.0) * 3.0)(x) / 3.0,
        "shards": jax.jit(block)(
            weights, jax.device_put(x, NamedSharding(Mesh(jax.devices(), "d"), PartitionSpec("d")))
        ),
    }
    for name, found in ways.items():
        assert (np.asarray(found) == whole).all(), name


@pytest.mark.parametrize(
    "settings",
    [
        {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"},
        {"XLA_FLAGS": "--xla_backend_optimization_level=0"},
        {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"},
        {"XLA_FLAGS": "--xla_cpu_enable_fast_math=true --xla_cpu_fast_math_honor_division=false"},
    ],
    ids=lambda settings: settings["XLA_FLAGS"].split("=")[0].strip("-"),
)
def test_results_do_not_depend_on_the_compiler(settings):
    code = "import sys; sys.path.insert(0, 'tests'); from exact import test_exact as t; print(t.digest())"
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=ROOT, check=True, capture_output=True, text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu", **settings},
    )  # fmt: skip
    assert result.stdout.strip() == digest()
