"""What every coder and every model promises, over the one list of them in `cases.py`."""

import copy
import dataclasses
import itertools
import pickle

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jans
from jans import rans

N = 37  # no multiple of 3 or 32, and more than a row of 32 lanes
WORDS = 240

pairs = pytest.mark.parametrize(("coder", "case"), cases.PAIRS, ids=str)
some = pytest.mark.parametrize(("coder", "case"), cases.thin(cases.SOME), ids=str)
models = pytest.mark.parametrize("case", cases.MODELS, ids=str)
simple = pytest.mark.parametrize("case", cases.SIMPLE, ids=str)
coders = pytest.mark.parametrize("coder", cases.CODERS, ids=str)


def drawn(coder, case, shape=(N,), seed=0):
    model, symbols = case.draw(coder.precision, shape, seed)
    return model, jnp.asarray(symbols)


def test_every_coder_and_every_model_is_met():
    assert {coder for coder, _ in cases.PAIRS} == set(cases.CODERS)
    assert {case for _, case in cases.PAIRS} == set(cases.MODELS)
    assert {(coder.lanes, case.shared) for coder, case in cases.PAIRS} == set(
        itertools.product(cases.LANES, (True, False))
    )


@pairs
def test_pop_undoes_push(coder, case):
    model, symbols = drawn(coder, case)
    for state in (coder.init(WORDS), coder.random(1, 100, WORDS)):
        pushed = rans.push(state, model, symbols)
        popped, again = rans.pop(pushed, model, shape=(N,))
        assert cases.same(again, symbols)
        assert cases.content(popped) == cases.content(state)
        assert jans.check(pushed) is pushed
        jans.check_codec(rans.codec(model, shape=(N,)), state, symbols)
    # Heads are integers: each push is off the ideal by at most the grain of the head it went on.
    grown = rans.content_bits(pushed) - rans.content_bits(state)
    assert grown == pytest.approx(
        float(cases.bits(model, symbols).sum()), abs=2 * N * 2.0 ** (coder.precision - coder.spec.lower_bits)
    )


@pairs
def test_push_undoes_pop(coder, case):
    model, support = case.make(coder.precision, (N,))
    state = coder.random(2, 200, WORDS)
    popped, symbols = rans.pop(state, model, shape=(N,))
    assert (
        case.escaped or np.take_along_axis(support.reshape(len(support), -1), np.asarray(symbols)[None], axis=0).all()
    )
    assert jans.check(popped) is popped
    assert cases.content(rans.push(popped, model, symbols)) == cases.content(state)


@some
def test_one_trace_serves_all_values(coder, case):
    traces = []

    @jax.jit
    def both(state, model, symbols):
        traces.append(None)
        state = rans.push(state, model, symbols)
        return rans.pop(rans.push(state, model, symbols), model, shape=(N,))

    state = coder.random(3, 10, WORDS)
    for seed in range(3):
        model, _ = case.make(coder.precision, (N,), seed)
        state, symbols = both(state, model, jnp.zeros(N, jnp.int32))
        assert symbols.dtype == jnp.int32
    assert len(traces) == 1


@some
def test_eager_jit_and_vmap_agree(coder, case):
    model, symbols = drawn(coder, case)

    def both(state, symbols):
        pushed = rans.push(state, model, symbols)
        return pushed, rans.pop(pushed, model, shape=(N,))

    state = coder.random(4, 60, WORDS)
    with jax.disable_jit():
        eager = both(state, symbols)
    assert cases.same(jax.jit(both)(state, symbols), eager)
    twice = jax.tree.map(lambda a: jnp.stack([a, a]), (state, symbols))
    batch = jax.vmap(both)(*twice)
    assert cases.same(jax.tree.map(lambda a: a[1], batch), eager)


@pytest.mark.parametrize("case", cases.thin(cases.MODELS, 3), ids=str)
def test_64_bit_types_change_nothing(case):
    coder = cases.CODERS[1]
    model, symbols = case.draw(coder.precision, (N,))
    state = coder.random(5, 60, WORDS)
    pushed = rans.push(state, model, symbols)
    with jax.enable_x64(True):
        wide, _ = case.build(coder.precision, (N,), np.random.default_rng(0))
        assert cases.same(wide, model)
        assert cases.same(rans.push(state, wide, symbols), pushed)
        assert cases.same(rans.pop(pushed, wide, shape=(N,)), rans.pop(pushed, model, shape=(N,)))
        assert wide.bits(symbols).dtype == wide.log_prob(symbols).dtype == jnp.float32


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.int8, jnp.uint16, jnp.int16, jnp.int32])
@pytest.mark.parametrize("lanes", cases.thin(cases.LANES))
@pytest.mark.parametrize(
    "name", cases.thin(["probs", "table-each", "uniform-each", "gaussian-each", "mixture", "user"])
)
def test_symbols_of_every_dtype(name, lanes, dtype):
    (case,) = (c for c in cases.MODELS if c.name == name)
    coder = cases.Coder("rans32", lanes, 18)
    model, symbols = drawn(coder, case)
    state = coder.random(5, 10, WORDS)
    pushed = rans.push(state, model, symbols.astype(dtype))
    assert cases.same(pushed, rans.push(state, model, symbols))
    popped, again = rans.pop(pushed, model, shape=(N,), dtype=dtype)
    assert cases.same(again, symbols.astype(dtype))
    assert cases.content(popped) == cases.content(state)


@some
def test_no_symbols_change_nothing(coder, case):
    state = coder.random(6, 5, 8)
    for shape in ((0,), (2, 0)):
        model, _ = case.make(coder.precision, shape)
        symbols = jnp.zeros(shape, jnp.int32)
        assert cases.same(rans.push(state, model, symbols), state)
        popped, again = rans.pop(state, model, shape=shape)
        assert cases.same((popped, again), (state, symbols))


@models
def test_arrays_are_coded_in_row_major_order(case):
    shape = (4, 3, 3)
    model, symbols = case.draw(16, shape)
    state = rans.init(100, lanes=3)
    pushed = rans.push(state, model, symbols)
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[3:]) if leaf.shape[:3] == shape else leaf, model)
    assert cases.same(pushed, rans.push(state, flat, symbols.reshape(-1)))
    popped, again = rans.pop(pushed, model, shape=shape)
    assert again.tolist() == symbols.tolist()
    assert bool(rans.is_empty(popped))


@pytest.mark.parametrize("case", cases.thin(cases.MODELS, 2), ids=str)
def test_parameters_broadcast_to_the_symbols(case):
    """A model of shape (3, 1) codes symbols [2, 3, 4] as the model does whose parameters were repeated."""
    model, symbols = case.draw(16, (3, 1))
    repeat = lambda leaf: jnp.broadcast_to(leaf, (2, 3, 4, *leaf.shape[2:])) if leaf.shape[:2] == (3, 1) else leaf
    full = jax.tree.map(repeat, model)
    symbols = np.broadcast_to(symbols, (2, 3, 4))
    state = rans.init(100)
    pushed = rans.push(state, model, symbols)
    assert cases.content(pushed) == cases.content(rans.push(state, full, symbols))
    popped, again = rans.pop(pushed, model, shape=(2, 3, 4))
    assert again.tolist() == symbols.tolist()
    assert bool(rans.is_empty(popped))


def test_a_model_of_several_shapes_pops_its_own_by_default():
    model, symbols = cases.MODELS[7].draw(16, (4, 3))
    _, again = rans.pop(rans.push(rans.init(50), model, symbols), model)
    assert again.tolist() == symbols.tolist()


@pytest.mark.parametrize("case", cases.thin(cases.MODELS, 2), ids=str)
def test_models_are_values(case):
    """They are copied, pickled, and sliced by scan as any pytree."""
    model, _ = case.make(16, (3, 5))
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), jax.tree.map(lambda leaf: leaf, model)):
        assert cases.same(again, model)
        assert (type(again), again.shape, again.precision) == (type(model), model.shape, 16)
    if case.shared:
        return
    leads = lambda leaf: leaf.shape[:2] == (3, 5)
    rows = lambda k: jax.tree.map(lambda leaf: leaf[k] if leads(leaf) else leaf, model)
    scanned = jax.tree.map(lambda leaf: leaf if leads(leaf) else jnp.stack([leaf] * 3), model)
    state = cases.CODERS[0].random(12, 60, 70)
    last, symbols = jax.lax.scan(lambda s, part: rans.pop(s, part), state, scanned)
    for k in range(3):
        state, expected = rans.pop(state, rows(k))
        assert cases.same(symbols[k], expected)
    assert cases.content(last) == cases.content(state)


@coders
def test_states_are_values(coder):
    state = coder.random(13, 3, 5)
    for again in (pickle.loads(pickle.dumps(state)), copy.deepcopy(state)):
        assert cases.same(again, state)
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.size = jnp.int32(0)


@simple
def test_intervals_tile_and_locate_inverts_them(case):
    precision, m = 10, 5
    model, support = case.make(precision, (m,))
    legal = support if support.ndim == 2 else np.tile(support[:, None], m)
    size = len(support)
    start, freq = map(np.asarray, cases.interval(model, jnp.broadcast_to(jnp.arange(size)[:, None], (size, m))))
    assert start.dtype == freq.dtype == np.uint32
    assert ((freq > 0) == legal).all()
    left = np.cumsum(freq, axis=0) - freq
    assert (start[legal] == left[legal]).all()
    assert (freq.sum(axis=0) == 2**precision).all()
    assert (start[~legal] == jans.status.BAD_SYMBOL).all()
    quantiles = jnp.arange(2**precision, dtype=jnp.uint32)
    found = np.asarray(cases.locate(model, jnp.broadcast_to(quantiles[:, None], (2**precision, m))))
    assert found.dtype == np.int32
    for j in range(m):
        assert (found[:, j] == np.repeat(np.arange(size), freq[:, j])).all()


@simple
def test_symbols_outside_of_the_support_have_no_interval(case):
    model, support = case.make(10, (1,))
    outside = jnp.array([[-1], [len(support)], [2**31 - 1], [-(2**31)]])
    start, freq = cases.interval(model, outside)
    assert (np.asarray(freq) == 0).all()
    assert (np.asarray(start) == jans.status.BAD_SYMBOL).all()
    assert np.isposinf(cases.bits(model, outside)).all()


LIMITS = [("user-each", 1), ("bernoulli", 1), ("user-each", None), ("probs", None), ("gaussian-each", None)]


@pytest.mark.parametrize(
    ("coder", "name", "limit"), cases.thin([(c, *limit) for c in cases.CODERS for limit in LIMITS])
)
def test_the_least_and_the_highest_precision(coder, name, limit):
    (case,) = (c for c in cases.MODELS if c.name == name)
    precision = limit or coder.spec.max_precision
    model, symbols = drawn(cases.Coder(coder.variant, coder.lanes, precision), case)
    state = coder.random(7, 20, WORDS)
    pushed = rans.push(state, model, symbols)
    popped, again = rans.pop(pushed, model, shape=(N,))
    assert cases.same(again, symbols)
    assert cases.content(popped) == cases.content(state)
    assert jans.check(pushed) is pushed


@coders
def test_a_state_says_what_it_is(coder):
    state = coder.random(8, 3, 5)
    assert (state.lanes, state.capacity, state.variant) == (coder.lanes, 5, coder.variant)
    assert int(state.size) == 3
    assert bool(rans.is_empty(coder.init(5)))
    assert not bool(rans.is_empty(state))
    assert jans.coders._rans_state.join_heads(coder.init(5)) == list(
        jans.reference.spec.rans.init(coder.spec, coder.lanes)[0]
    )
    assert all(coder.spec.lower <= x < 2**coder.spec.top_bits for x in jans.coders._rans_state.join_heads(state))


@coders
def test_content_is_told_alike_inside_and_outside_of_jit(coder):
    states = [coder.init(9), coder.random(10, 0, 9), coder.random(11, 7, 9)]
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    bits = np.array([rans.content_bits(state) for state in states])
    heads = np.array([np.log2(np.maximum(cases.integers(state)[0], 1.0)).sum() for state in states])
    np.testing.assert_allclose(bits, heads + np.array([0, 0, 7]) * coder.spec.word_bits, rtol=1e-12)
    np.testing.assert_allclose(rans.content_bits(batch), bits, rtol=1e-12)
    np.testing.assert_allclose(jax.jit(jax.vmap(rans.bits))(batch), bits, rtol=1e-6)
    assert rans.is_empty(batch).tolist() == [True, False, False]
    assert jax.jit(jax.vmap(rans.is_empty))(batch).tolist() == [True, False, False]


@coders
def test_peek_and_advance_take_off_what_push_put_on(coder):
    model, symbols = drawn(coder, cases.MODELS[7], (coder.lanes,))
    state = coder.random(9, 20, WORDS)
    pushed = rans.push(state, model, symbols)
    quantiles = rans.peek(pushed, coder.precision)
    found = cases.locate(model, quantiles)
    assert cases.same(found, symbols)
    assert cases.content(rans.advance(pushed, *cases.interval(model, found), coder.precision)) == cases.content(state)
