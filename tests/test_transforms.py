"""JAX's transformations: each gives what a Python loop gives, bit for bit."""

import concurrent.futures
import contextlib
import itertools
import re

import cases
import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

import jans
from jans import chain, huffman, models, range_coder, rans, tans

N = 12
WORDS = 24
kernels_only = pytest.mark.skipif(not cases.KERNELS, reason="only kernels update in place")


def stacked(parts):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)


def streams(count):
    coder = cases.Rans("rans64", 2, 24)
    return [coder.random(seed, 10 + seed, WORDS) for seed in range(count)]


def distributions(count):
    rng = np.random.default_rng(0)
    return [models.Categorical(rng.random(7, np.float32)) for _ in range(count)]


def messages(count):
    return [jnp.asarray(row) for row in np.random.default_rng(1).integers(0, 7, (count, N), np.int32)]


COMBINATIONS = cases.thin([c for c in itertools.product((True, False), repeat=3) if any(c)], 3)


@pytest.mark.parametrize("batched", COMBINATIONS)
def test_vmap_in_every_combination(batched):
    parts = [streams(3), distributions(3), messages(3)]
    axes = [0 if b else None for b in batched]
    args = [stacked(p) if b else p[0] for p, b in zip(parts, batched, strict=True)]
    pushed = jax.vmap(rans.push, axes)(*args)
    popped, symbols = jax.vmap(lambda s, m: rans.pop(s, m, (N,)), (0, axes[1]))(pushed, args[1])
    for i in range(3):
        state, model, message = (p[i if b else 0] for p, b in zip(parts, batched, strict=True))
        expected = rans.push(state, model, message)
        assert cases.content(jax.tree.map(lambda x, i=i: x[i], pushed)) == cases.content(expected)
        assert cases.content(jax.tree.map(lambda x, i=i: x[i], popped)) == cases.content(state)
        assert cases.same(symbols[i], message)


def test_nested_vmap_with_parts_mapped_at_different_levels():
    states, laws, rows = streams(2), distributions(3), messages(3)
    inner = jax.vmap(rans.push, (None, 0, 0))
    pushed = jax.vmap(inner, (0, None, None))(stacked(states), stacked(laws), stacked(rows))
    for i, j in itertools.product(range(2), range(3)):
        expected = rans.push(states[i], laws[j], rows[j])
        assert cases.content(jax.tree.map(lambda x, i=i, j=j: x[i, j], pushed)) == cases.content(expected)


def test_other_axes():
    states, model, rows = stacked(streams(3)), distributions(1)[0], messages(3)
    pushed = jax.vmap(rans.push, (0, None, 1), out_axes=0)(states, model, jnp.stack(rows, axis=1))
    assert cases.content(pushed) == cases.content(jax.vmap(rans.push, (0, None, 0))(states, model, jnp.stack(rows)))
    _, last = jax.vmap(lambda s: rans.pop(s, model, (N,)), out_axes=(0, 1))(pushed)
    assert cases.same(last, jnp.stack(rows, axis=1))


def test_models_in_closed_form_under_vmap():
    grid = models.NormalGrid(5)
    mean = jnp.linspace(-1, 1, 3 * N).reshape(3, N)

    def both(state, mean):
        model = grid.posterior(mean, 0.3)
        state, symbols = rans.pop(state, model)
        return rans.push(state, model, symbols), symbols

    states = streams(3)
    again, symbols = jax.vmap(both)(stacked(states), mean)
    assert cases.content(again) == cases.content(stacked(states))
    for i in range(3):
        assert cases.same(symbols[i], both(states[i], mean[i])[1])


def operand_shapes(text, target):
    """Shapes of the operands of a custom call in StableHLO."""
    (line,) = (line for line in text.splitlines() if f"@jans_{target}(" in line)
    return re.findall(r"tensor<([^>]*)>", line[line.rindex(" : (") :].split("->")[0])


@pytest.mark.skipif(not cases.KERNELS, reason="looks at the custom call of the kernel")
def test_a_shared_table_is_not_copied_per_stream():
    model = models.Categorical(jnp.ones(7))
    lowered = jax.jit(jax.vmap(rans.push, (0, None, 0))).lower(stacked(streams(3)), model, jnp.stack(messages(3)))
    *_, symbols, cdf, index = operand_shapes(lowered.as_text(), "rans_push_rows")
    assert (symbols, cdf, index) == (f"3x{N}xi32", "1x1x8xui32", "1x1xi32")


def pushed_in_turn(state, model, rows):
    for row in rows:
        state = rans.push(state, model, row)
    return cases.content(state)


def test_control_flow():
    (state,), (model,), rows = streams(1), distributions(1), messages(3)
    expected = pushed_in_turn(state, model, rows)
    push = lambda s, row: rans.push(s, model, row)
    scanned, _ = jax.lax.scan(lambda s, row: (push(s, row), None), state, jnp.stack(rows))
    assert cases.content(scanned) == expected
    step = lambda carry: (carry[0] + 1, push(carry[1], jnp.stack(rows)[carry[0]]))
    _, looped = jax.lax.while_loop(lambda carry: carry[0] < 3, step, (0, state))
    assert cases.content(looped) == expected
    chosen = jax.jit(lambda flag: jax.lax.cond(flag, lambda: push(state, rows[0]), lambda: state))
    assert cases.content(chosen(True)) == pushed_in_turn(state, model, rows[:1])
    assert cases.content(chosen(False)) == cases.content(state)
    assert cases.content(jax.checkpoint(push)(state, rows[0])) == pushed_in_turn(state, model, rows[:1])
    with jax.disable_jit():
        assert cases.content(push(state, rows[0])) == pushed_in_turn(state, model, rows[:1])


TABLE = models.Table(np.array([[0, 4, 9, 16], [0, 1, 2, 16]]), precision=4).prepare()
ROWS = np.arange(20) % 2
LOGITS = lambda x: models.Categorical(logits=jnp.sin(x[:, None] + jnp.arange(3.0)))
GAUSSIAN = lambda x: models.Gaussian(x * 0.5, 1.0, -9, 9)
CODE = huffman.codebook(jnp.array([0.5, 0.25, 0.25]))
STACKED = np.arange(1, 90, dtype=np.uint32)


def on_stack(model, lanes=1, variant="rans64"):
    def both(x):
        state = rans.push(rans.init(60, lanes, variant), model(x), x)
        return state, rans.pop(state, model(x), x.shape)

    return both


def on_chain(x):
    start, _ = chain.pop(chain.init(STACKED), models.Uniform(3), x.shape)
    state = chain.push(start, models.Uniform(3), x)
    return state, chain.pop(state, models.Uniform(3), x.shape)


def in_queue(x):
    state = range_coder.encode(range_coder.encoder(60), models.Uniform(3), x)
    return state, range_coder.decode(range_coder.finish(state), models.Uniform(3), x.shape)


def in_tables(x):
    tables = tans.tables(TABLE).at(ROWS)
    state = tans.push(tans.init(60, precision=4), tables, x)
    return state, tans.pop(state, tables, x.shape)


def in_bits(x):
    state = huffman.encode(huffman.queue(60), CODE, x)
    return state, huffman.decode(huffman.reader(state), CODE, x.shape)


SPREAD = {
    "row": on_stack(lambda x: models.Uniform(3)),
    "table": on_stack(lambda x: TABLE.at(ROWS), 8, "rans32_16"),
    "bypass": on_stack(lambda x: models.Bypass(TABLE.at(ROWS), sizes=1)),
    "gaussian": on_stack(GAUSSIAN),
    "logits": on_stack(LOGITS),
    "chain": on_chain,
    "range": in_queue,
    "tans": in_tables,
    "huffman": in_bits,
    "escape": on_stack(lambda x: models.escape(models.Uniform(2))),
}


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=["auto", "explicit"])
@pytest.mark.parametrize("name", SPREAD)
def test_streams_stay_on_their_devices(name, kind):
    """Without `shard_map`: a jitted program codes the streams of a device there, and gathers nothing."""
    if name == "escape" and kind == AxisType.Explicit:
        kind = AxisType.Auto  # JAX does not batch a loop whose carry knows no mesh
    mesh = jax.make_mesh((4, 2), ("a", "b"), axis_types=(kind, kind))
    both = jax.jit(lambda x: jax.vmap(jax.vmap(SPREAD[name]))(x))
    x = np.random.default_rng(0).integers(0, 3, (8, 4, 20)).astype(np.int32)
    expected = both(jnp.asarray(x))
    with jax.set_mesh(mesh) if kind == AxisType.Explicit else contextlib.nullcontext():
        for spec in (PartitionSpec("a"), PartitionSpec("a", "b"), PartitionSpec(None, "b"), PartitionSpec(("a", "b"))):
            spread = jax.device_put(x, jax.sharding.NamedSharding(mesh, spec))
            text = both.lower(spread).compile().as_text()
            assert not re.search("all-gather|all-to-all|collective-permute", text) or not cases.KERNELS
            found = both(spread)
            same = lambda a, b: np.array_equal(np.asarray(a), np.asarray(b))
            assert jax.tree.all(jax.tree.map(same, jax.tree.leaves(found), jax.tree.leaves(expected)))
            assert not found[0].status.sharding.is_fully_replicated or not cases.KERNELS


def test_symbols_of_a_stream_on_several_devices():
    mesh = jax.make_mesh((4, 2), ("a", "b"), axis_types=(AxisType.Explicit,) * 2)
    with jax.set_mesh(mesh):
        x = jax.device_put(np.zeros((8, 20), np.int32), jax.sharding.NamedSharding(mesh, PartitionSpec("a", "b")))
        with pytest.raises(ValueError, match=r"jans_rans_push_\w+ is spread over mesh axis 'b' .*reshard"):
            jax.jit(jax.vmap(lambda x: rans.push(rans.init(9), models.Uniform(3), x)))(x)


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=["auto", "explicit"])
@pytest.mark.parametrize("check_vma", [True, False])
def test_shard_map(check_vma, kind):
    mesh = jax.make_mesh((8,), ("streams",), axis_types=(kind,))
    rows = jnp.stack(messages(16))

    def both(rows):
        # The state and the model are the same everywhere, the symbols differ from device to device.
        model = models.Categorical(jnp.arange(1.0, 8.0))
        state = jax.vmap(lambda row: rans.push(rans.init(WORDS), model, row))(rows)
        return state, jax.vmap(lambda s: rans.pop(s, model, (N,))[1])(state)

    spread = jax.shard_map(
        both, mesh=mesh, in_specs=PartitionSpec("streams"), out_specs=PartitionSpec("streams"), check_vma=check_vma
    )
    state, symbols = jax.jit(spread)(jax.device_put(rows, jax.sharding.NamedSharding(mesh, PartitionSpec("streams"))))
    assert cases.content(state) == cases.content(both(rows)[0])
    assert cases.same(np.asarray(symbols), np.asarray(rows))


def test_export():
    model = models.Categorical(jnp.arange(1.0, 8.0))
    rows = jnp.stack(messages(4))
    encode = jax.jit(jax.vmap(lambda row: rans.push(rans.init(WORDS), model, row)))
    exported = jax.export.export(encode, disabled_checks=jans.export_checks())(jax.ShapeDtypeStruct((4, N), jnp.int32))
    again = jax.export.deserialize(exported.serialize())
    assert cases.content(again.call(rows)) == cases.content(encode(rows))


def coders_and_steps():
    """A state of every coder, and a step that takes it on."""
    model, symbols = models.Uniform(9), jnp.arange(9)
    words = jnp.arange(1, 20, dtype=jnp.uint32)
    code, golomb = huffman.codebook(jnp.arange(1.0, 10.0)), huffman.ExpGolomb(1)
    tables = tans.tables(jnp.array([*range(9), 16]), precision=4)
    encoder = range_coder.encode(range_coder.encoder(20), model, symbols)
    return {
        "chain": (chain.init(words, lanes=2), lambda s: chain.pop(s, model, (9,))),
        "encoder": (encoder, lambda s: range_coder.encode(s, model, symbols)),
        "decoder": (range_coder.finish(encoder), lambda s: range_coder.decode(s, model, (9,))),
        "position": (range_coder.position(encoder), lambda p: range_coder.seek(range_coder.finish(encoder), p)),
        "queue": (huffman.queue(9), lambda s: huffman.encode(s, golomb, symbols)),
        "reader": (huffman.reader(words), lambda s: huffman.decode(s, code, (9,))),
        "stack": (huffman.stack(9), lambda s: huffman.push(s, code, symbols)),
        "codebook": (code, lambda book: huffman.push(huffman.stack(9), book, symbols)),
        "tans": (tans.init(9, 2, 4), lambda s: tans.push(s, tables, symbols)),
        "tables": (tables, lambda tables: tans.push(tans.init(9, 2, 4), tables, symbols)),
        "golomb": (golomb, lambda code: huffman.push(huffman.stack(9), code, symbols)),
    }


@pytest.mark.parametrize("name", list(coders_and_steps()))
def test_states_travel_through_export_and_scan(name):
    state, step = coders_and_steps()[name]
    exported = jax.export.export(jax.jit(step), disabled_checks=jans.export_checks())(state)
    expected = step(state)
    again = jax.export.deserialize(exported.serialize()).call(state)
    assert jax.tree.structure(again) == jax.tree.structure(expected)
    assert all(map(cases.same, jax.tree.leaves(again), jax.tree.leaves(expected)))
    if jax.tree.structure(expected) == jax.tree.structure(state):
        once, _ = jax.jit(lambda s: jax.lax.scan(lambda s, _: (step(s), None), s, length=1))(state)
        assert all(map(cases.same, jax.tree.leaves(once), jax.tree.leaves(expected)))


def test_models_travel_through_export():
    take = jax.jit(lambda model, symbols: model.bits(symbols))
    model = models.LogisticMixture(jnp.zeros(2), jnp.array([1.0, 3.0]), jnp.ones(2), high=5)
    exported = jax.export.export(take, disabled_checks=jans.export_checks())(model, jnp.arange(6))
    assert cases.same(
        jax.export.deserialize(exported.serialize()).call(model, jnp.arange(6)), take(model, jnp.arange(6))
    )


# ---- derivatives ----

X = jnp.array([0, 2, 1])
DIFFERENTIABLE = {
    "probs": (lambda p: models.Categorical(p), jnp.array([0.2, 0.5, 0.3])),
    "logits": (lambda p: models.Categorical(logits=p), jnp.array([0.1, -1.0, 2.0])),
    "mixture": (lambda p: models.LogisticMixture(p, p + 1, jnp.exp(p), high=2), jnp.array([0.1, -1.0, 2.0])),
    "gaussian": (lambda p: models.NormalGrid(2).posterior(p, jnp.exp(p)), jnp.array([0.1, -1.0, 1.0])),
}
differentiable = pytest.mark.parametrize(("build", "at"), DIFFERENTIABLE.values(), ids=DIFFERENTIABLE)


@differentiable
def test_bits_have_the_derivative_of_log_prob(build, at):
    gradient = jax.grad(lambda p: build(p).bits(X).sum())(at)
    smooth = jax.grad(lambda p: -build(p).log_prob(X).sum() / np.log(2))(at)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0
    np.testing.assert_allclose(gradient, smooth, rtol=1e-6)
    mapped = jax.vmap(jax.grad(lambda p: build(p).bits(X).sum()))(jnp.stack([at, at]))
    np.testing.assert_allclose(mapped[1], gradient, rtol=1e-5)


@differentiable
def test_coding_has_none(build, at):
    state = rans.init(WORDS)
    push = lambda p: rans.content_bits(rans.push(state, build(p), X))
    pop = lambda p: rans.pop(state, build(p), X.shape)[1].sum().astype(jnp.float32)
    for coding in (push, pop):
        with pytest.raises(TypeError, match=r"no derivative. Train on model.bits\(symbols\)"):
            jax.grad(coding)(at)
        jax.grad(lambda p, coding=coding: coding(jax.lax.stop_gradient(p)) * p.sum())(at)


# ---- in place ----


@kernels_only
@pytest.mark.parametrize("count", [1, 3])
def test_pushes_in_a_donated_scan_copy_no_tail(count):
    model = models.Categorical(jnp.ones(7))
    rows = jnp.stack(messages(3))

    def push_all(state):
        return jax.lax.scan(lambda s, row: (rans.push(s, model, row), None), state, rows)[0]

    mapped = jax.vmap(push_all)
    state = stacked(streams(count))
    program = jax.jit(mapped, donate_argnums=0).lower(state).compile()
    text = program.as_text()
    tail = f"u32[{count},{WORDS}]"
    copies = [line for line in text.splitlines() if "copy(" in line and f"= {tail}" in line]
    assert not copies
    assert "output_to_operand_aliasing" in text
    address = state.tail.unsafe_buffer_pointer()
    assert program(state).tail.unsafe_buffer_pointer() == address


def test_a_thousand_pushes_in_a_donated_scan_and_back():
    coder = cases.Rans("rans32", 3, 18)
    model = models.Categorical(jnp.arange(1.0, 8.0), precision=18)
    rows = jnp.asarray(np.random.default_rng(3).integers(0, 7, (1000, N), np.int32))
    codec = jans.repeat(rans.codec(model, shape=(N,)), len(rows))
    start = cases.content(coder.random(0, 50, 6000))
    full = jax.jit(codec.push, donate_argnums=0)(coder.random(0, 50, 6000), rows)
    empty, again = jax.jit(codec.pop, donate_argnums=0)(jans.check(full))
    assert cases.same(again, rows)
    assert cases.content(empty) == start


# ---- on all threads ----


def test_a_large_batch_is_coded_as_its_streams_are():
    """Large enough to be spread over threads, from several callers at once."""
    rows = jnp.asarray(np.random.default_rng(4).integers(0, 7, (64, 2000), np.uint8))
    model = models.Categorical(jnp.arange(1.0, 8.0))

    @jax.jit
    @jax.vmap
    def both(row):
        state = rans.push(rans.init(400), model, row)
        return state, rans.pop(state, model, row.shape, row.dtype)

    with concurrent.futures.ThreadPoolExecutor(4) as callers:
        results = list(callers.map(both, [rows] * 8))
    for pushed, (popped, again) in results:
        assert cases.same(again, rows)
        assert rans.is_empty(popped).all()
        assert cases.same(pushed, results[0][0])
    for k in (0, 31, 63):
        alone = rans.push(rans.init(400), model, rows[k])
        assert cases.content(jax.tree.map(lambda leaf, k=k: leaf[k], results[0][0])) == cases.content(alone)
