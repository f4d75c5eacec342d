"""What every coder and every model promises, over the one list of them in `cases.py`."""

import copy
import dataclasses
import functools
import itertools
import pickle

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jans
from jans import rans
from jans.coders._state import CoderState

N = 37  # no multiple of 3 or 32, and more than a row of 32 lanes
WORDS = 240

models = pytest.mark.parametrize("case", cases.MODELS.values(), ids=str)
simple = pytest.mark.parametrize("case", cases.SIMPLE, ids=str)
stacks = pytest.mark.parametrize("coder", cases.STACKS, ids=str)
some = pytest.mark.parametrize(
    ("coder", "case"),
    cases.sample(cases.thin(list(itertools.product(cases.STACKS, cases.MODELS.values()))[::11])),
    ids=str,
)


def drawn(coder, case, shape=(N,), seed=0):
    model, symbols = case.draw(coder.precision, shape, seed)
    return model, jnp.asarray(symbols)


# ---- every coder with every model ----


def everything(coder, model, start, filled, symbols, outside):
    """What a coder does with a model, for the promises below to look at: alone, and as a batch."""
    put = lambda state, symbols: coder.put(state, model, symbols)
    take = lambda state: coder.take(coder.finish(state), model, (N,))
    stack = lambda *trees: jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)
    row = lambda tree, k: jax.tree.map(lambda leaf: leaf[k], tree)
    results = {"start": start, "filled": filled, "put": put(start, symbols)}
    if coder.inverse:
        results["taken"], results["found"] = take(filled)
        batch = jax.vmap(put)(
            stack(start, start, filled, results["taken"]), jnp.stack([outside, symbols, symbols, results["found"]])
        )
        results["filled put"], results["put back"] = row(batch, 2), row(batch, 3)
        left, again = jax.vmap(take)(stack(row(batch, 1), row(batch, 2)))
        results["filled left"], results["filled symbols"] = row(left, 1), again[1]
    else:
        results["taken"], results["found"] = take(results["put"])
        batch = jax.vmap(put)(stack(start, start), jnp.stack([outside, symbols]))
        left, again = jax.vmap(take)(row(batch, slice(1, 2)))
    results["refused"], results["put in a batch"] = row(batch, 0), row(batch, 1)
    results["left"], results["symbols"] = row(left, 0), again[0]
    is_state = lambda x: isinstance(x, CoderState)
    results = jax.tree.map(lambda x: x.canonical() if is_state(x) else x, results, is_leaf=is_state)
    empty = {f"{name} is empty": rans.is_empty(results[name]) for name in ("put", "left")}
    return results | empty


@functools.cache
def states(coder):
    """One without symbols and, where symbols can be taken from any, one of random words."""
    start = coder.start(WORDS)
    return start, coder.random(3, 120, WORDS) if coder.inverse else start


def of_all(case, coders):
    """One program for all coders: most of the time of a test would be its compilation."""
    _, symbols = case.draw(16, (N,))
    outside = np.resize([-1, len(case.make(16, (N,))[1]), 2**31 - 1, -(2**31)], N).astype(np.int32)
    args = {coder.name: (case.of(coder, (N,)), *states(coder)) for coder in coders}
    precisions = {coder.precision: case.make(coder.precision, (N,))[0] for coder in coders}

    @jax.jit
    def program(args, precisions, symbols, outside):
        coded = {name: everything(cases.CODERS[name], *a, symbols, outside) for name, a in args.items()}
        return coded, {precision: model.bits(symbols) for precision, model in precisions.items()}

    return jax.device_get(program(args, precisions, jnp.asarray(symbols), jnp.asarray(outside)))


def taking_undoes_putting(case, coder, found):
    _, symbols = case.draw(16, (N,))
    assert jans.check(found["put"]) is found["put"]
    assert cases.same(found["symbols"], symbols)
    assert (found["put is empty"], found["left is empty"]) == (False, True)
    assert found["left"].status == 0
    if coder.inverse:
        assert cases.same(found["left"], found["start"])
        assert cases.same(found["filled symbols"], symbols)
        assert cases.same(found["filled left"], found["filled"])


def putting_undoes_taking(case, coder, found):
    if coder.inverse:
        assert cases.same(found["put back"], found["filled"])
        support = case.make(coder.precision, (N,))[1]
        legal = case.escaped or isinstance(coder, cases.Huffman)  # a code word for each symbol, likely or not
        rows = support.reshape(len(support), -1)
        assert legal or np.take_along_axis(rows, found["found"][None], axis=0).all()


def content_grows_by_the_bits_of_the_symbols(case, coder, found):
    before, after = (found["filled"], found["filled put"]) if coder.inverse else (found["start"], found["put"])
    grown = rans.content_bits(after) - rans.content_bits(before)
    if isinstance(coder, cases.Huffman):
        bits = np.asarray(case.of(coder, (N,)).lengths)[case.draw(16, (N,))[1]]
    else:
        bits = found["bits"]
    assert grown == pytest.approx(bits.sum(), abs=coder.slack(2.0 ** (coder.precision - bits)), rel=1e-6)


def batches_are_their_streams(case, coder, found):
    """Of a stream beside others, which hold or take other symbols."""
    assert cases.same(found["put in a batch"], found["put"])
    if not coder.inverse:
        assert cases.same((found["left"], found["symbols"]), (found["taken"], found["found"]))


def symbols_outside_of_the_support_are_left_out(case, coder, found):
    if not case.escaped:
        assert found["refused"].status == jans.status.BAD_SYMBOL
        clean = dataclasses.replace(found["refused"], status=np.zeros_like(found["refused"].status))
        assert cases.same(clean, found["start"])


SLOW = ("custom", "custom-each", "histogram", "histogram-each", "escape", "escape-each")
"""To compile: by default these models meet a coder of each kind."""
KINDS = ("rans64-3", "chain64-2", "range", "tans-8", "huffman-stack")


@pytest.mark.parametrize(
    ("case", "more"),
    [(case, False) for case in cases.MODELS.values()]
    + [pytest.param(cases.MODELS[name], True, marks=pytest.mark.exhaustive) for name in SLOW],
    ids=str,
)
def test_promises_of_every_coder(case, more):
    few = case.name in SLOW
    coders = [coder for coder in case.coders if not few or (coder.name in KINDS) != more]
    coded, bits = of_all(case, coders)
    for name, found in coded.items():
        found["bits"] = bits[cases.CODERS[name].precision].astype(np.float64)
        for promise in (
            taking_undoes_putting,
            putting_undoes_taking,
            content_grows_by_the_bits_of_the_symbols,
            batches_are_their_streams,
            symbols_outside_of_the_support_are_left_out,
        ):
            promise(case, cases.CODERS[name], found)


def test_every_coder_codes_every_model():
    """But for those that have one table, or one code, for what they code."""
    for coder in cases.CODERS.values():
        coded = sum(coder in case.coders for case in cases.MODELS.values())
        assert coded > 0 if coder.needs_cdf else coded == len(cases.MODELS)


# ---- the stack coder ----


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


@pytest.mark.parametrize("case", cases.sample(cases.thin(cases.MODELS.values(), 3)), ids=str)
def test_64_bit_types_change_nothing(case):
    coder = cases.STACKS[1]
    model, symbols = case.draw(coder.precision, (N,))
    state = coder.random(5, 60, WORDS)

    def both(state, model, symbols):
        pushed = rans.push(state, model, symbols)
        return pushed, rans.pop(pushed, model, shape=(N,)), model.bits(symbols), model.log_prob(symbols)

    pushed, popped, *_ = jax.jit(both)(state, model, symbols)
    with jax.enable_x64(True):
        wide, _ = case.build(coder.precision, (N,), np.random.default_rng(0))
        assert cases.same(wide, model)
        wide_pushed, wide_popped, bits, log_prob = jax.jit(both)(state, wide, symbols)
        assert cases.same((wide_pushed, wide_popped), (pushed, popped))
        assert bits.dtype == log_prob.dtype == jnp.float32


@pytest.mark.parametrize("lanes", cases.thin(cases.LANES))
@pytest.mark.parametrize(
    "name", cases.thin(["probs", "table-each", "uniform-each", "gaussian-each", "mixture", "user"])
)
def test_symbols_of_every_dtype(name, lanes):
    coder = cases.Rans("rans32", lanes, 18)
    model, symbols = drawn(coder, cases.MODELS[name])
    state = coder.random(5, 10, WORDS)

    @jax.jit
    def both(state, model, several):
        pushed = [rans.push(state, model, symbols) for symbols in several]
        popped = [rans.pop(s, model, x.shape, x.dtype) for s, x in zip(pushed, several, strict=True)]
        return pushed, popped

    several = [np.asarray(symbols).astype(dtype) for dtype in (np.int32, np.uint8, np.int8, np.uint16, np.int16)]
    results = both(state, model, several)
    for pushed, (popped, again), expected in zip(*results, several, strict=True):
        assert cases.same(pushed, results[0][0])
        assert cases.same(again, expected)
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


@pytest.mark.parametrize("case", cases.sample(cases.MODELS.values()), ids=str)
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


@pytest.mark.parametrize("case", cases.sample(cases.thin(cases.MODELS.values(), 2)), ids=str)
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
    model, symbols = cases.MODELS["probs-each"].draw(16, (4, 3))
    _, again = rans.pop(rans.push(rans.init(50), model, symbols), model)
    assert again.tolist() == symbols.tolist()


@pytest.mark.parametrize("case", cases.sample(cases.thin(cases.MODELS.values(), 2)), ids=str)
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
    state = cases.STACKS[0].random(12, 60, 70)
    last, symbols = jax.lax.scan(lambda s, part: rans.pop(s, part), state, scanned)
    for k in range(3):
        state, expected = rans.pop(state, rows(k))
        assert cases.same(symbols[k], expected)
    assert cases.content(last) == cases.content(state)


@stacks
def test_states_are_values(coder):
    state = coder.random(13, 3, 5)
    for again in (pickle.loads(pickle.dumps(state)), copy.deepcopy(state)):
        assert cases.same(again, state)
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.size = jnp.int32(0)


@simple
def test_intervals_tile_and_locate_inverts_them(case):
    """And symbols outside of the support have none."""
    precision, m = 10, 5
    model, support = case.make(precision, (m,))
    legal = support if support.ndim == 2 else np.tile(support[:, None], m)
    size = len(support)
    outside = [-1, size, 2**31 - 1, -(2**31)]
    column = lambda values, dtype: np.tile(np.array(values, dtype)[:, None], m)

    @jax.jit
    def program(model, symbols, quantiles):
        return *model.interval(symbols), model.locate(quantiles), model.bits(symbols[size:])

    symbols, quantiles = column([*range(size), *outside], np.int32), column(range(2**precision), np.uint32)
    starts, freqs, found, bits = map(np.asarray, program(model, symbols, quantiles))
    start, freq = starts[:size], freqs[:size]
    assert start.dtype == freq.dtype == np.uint32
    assert ((freq > 0) == legal).all()
    left = np.cumsum(freq, axis=0) - freq
    assert (start[legal] == left[legal]).all()
    assert (freq.sum(axis=0) == 2**precision).all()
    assert (start[~legal] == jans.status.BAD_SYMBOL).all()
    assert found.dtype == np.int32
    for j in range(m):
        assert (found[:, j] == np.repeat(np.arange(size), freq[:, j])).all()
    assert (freqs[size:] == 0).all()
    assert (starts[size:] == jans.status.BAD_SYMBOL).all()
    assert np.isposinf(bits).all()


LIMITS = [("user-each", 1), ("bernoulli", 1), ("user-each", None), ("probs", None), ("gaussian-each", None)]


@pytest.mark.parametrize(
    ("coder", "name", "limit"), cases.sample(cases.thin([(c, *limit) for c in cases.STACKS for limit in LIMITS]))
)
def test_the_least_and_the_highest_precision(coder, name, limit):
    case = cases.MODELS[name]
    precision = limit or coder.spec.max_precision
    model, symbols = drawn(cases.Rans(coder.variant, coder.lanes, precision), case)
    state = coder.random(7, 20, WORDS)
    pushed = rans.push(state, model, symbols)
    popped, again = rans.pop(pushed, model, shape=(N,))
    assert cases.same(again, symbols)
    assert cases.content(popped) == cases.content(state)
    assert jans.check(pushed) is pushed


@stacks
def test_a_state_says_what_it_is(coder):
    state = coder.random(8, 3, 5)
    assert (state.lanes, state.capacity, state.variant) == (coder.lanes, 5, coder.variant)
    assert int(state.size) == 3
    assert bool(rans.is_empty(coder.start(5)))
    assert not bool(rans.is_empty(state))
    assert jans.coders._rans_state.join_heads(coder.start(5)) == list(
        jans.reference.spec.rans.init(coder.spec, coder.lanes)[0]
    )
    assert all(coder.spec.lower <= x < 2**coder.spec.top_bits for x in jans.coders._rans_state.join_heads(state))


@stacks
def test_content_is_told_alike_inside_and_outside_of_jit(coder):
    states = [coder.start(9), coder.random(10, 0, 9), coder.random(11, 7, 9)]
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    bits = np.array([rans.content_bits(state) for state in states])
    heads = np.array([np.log2(np.maximum(cases.integers(state)[0], 1.0)).sum() for state in states])
    np.testing.assert_allclose(bits, heads + np.array([0, 0, 7]) * coder.spec.word_bits, rtol=1e-12)
    np.testing.assert_allclose(rans.content_bits(batch), bits, rtol=1e-12)
    np.testing.assert_allclose(jax.jit(jax.vmap(rans.content_bits))(batch), bits, rtol=1e-6)
    assert rans.is_empty(batch).tolist() == [True, False, False]
    assert jax.jit(jax.vmap(rans.is_empty))(batch).tolist() == [True, False, False]


@stacks
def test_peek_and_advance_take_off_what_push_put_on(coder):
    model, symbols = drawn(coder, cases.MODELS["probs-each"], (coder.lanes,))
    state = coder.random(9, 20, WORDS)
    pushed = rans.push(state, model, symbols)
    quantiles = rans.peek(pushed, coder.precision)
    found = cases.locate(model, quantiles)
    assert cases.same(found, symbols)
    assert cases.content(rans.advance(pushed, *cases.interval(model, found), coder.precision)) == cases.content(state)
