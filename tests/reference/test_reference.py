"""The kernels against both specifications: the coder in Python integers, and the plain JAX functions on any input."""

import functools

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jans
from jans import rans
from jans._variants import RANS
from jans.ffi import targets
from jans.reference import spec

coders = pytest.mark.parametrize("coder", cases.STACKS, ids=str)

# ---- the coder in Python integers ----

SYMBOLS = 12


@st.composite
def scenes(draw, coder, n):
    """A precision, a table, symbols that it can code, and a coder with some words: all in Python integers."""
    # 6 bits are few enough for the kernels to make a table of all quantiles.
    precision = draw(st.sampled_from(cases.thin([coder.precision, 6, coder.spec.max_precision], 3)))
    most = 2**precision - (precision == 32)  # the end of an interval that ends at 2**32 is told by its place only
    cuts = sorted(draw(st.lists(st.integers(0, most), min_size=SYMBOLS - 2, max_size=SYMBOLS - 2)))
    cdf = [0, *cuts, most, 2**precision]
    legal = [s for s in range(SYMBOLS) if cdf[s] < cdf[s + 1]]
    symbols = draw(st.lists(st.sampled_from(legal), min_size=n, max_size=n))
    v = coder.spec
    if draw(st.booleans()):
        return precision, cdf, symbols, spec.rans.init(v, coder.lanes)
    words = draw(st.lists(st.integers(0, 2**v.word_bits - 1), max_size=20))
    heads = draw(st.lists(st.integers(v.lower, 2**v.top_bits - 1), min_size=coder.lanes, max_size=coder.lanes))
    return precision, cdf, symbols, (tuple(heads), tuple(words))


def to_state(coder, heads_and_words, capacity):
    heads, words = heads_and_words
    v = coder.spec
    tail = np.zeros(capacity, f"uint{v.word_bits}")
    tail[: len(words)] = words
    halves = [[x % 2**32, x >> 32] for x in heads] if v.state_bits == 64 else heads
    return rans.State(
        jnp.asarray(np.array(halves, np.uint32)), jnp.asarray(tail), jnp.int32(len(words)), jnp.int32(0), coder.variant
    )


@coders
def test_coder_is_that_of_the_specification(coder):
    n = 75 if coder.lanes == 32 else 40
    capacity = 20 + n * 4

    @given(scenes(coder, n))
    def run(scene):
        precision, cdf, symbols, start = scene
        model = jans.models.Table(np.array([cdf]), 0, precision)
        expected = spec.rans.push(coder.spec, start, cdf, symbols, precision)
        pushed = rans.push(to_state(coder, start, capacity), model, jnp.array(symbols, jnp.int32))
        assert cases.integers(pushed) == expected
        assert rans.to_words(pushed).tolist() == spec.rans.words(coder.spec, expected)
        popped, again = rans.pop(pushed, model, shape=(n,))
        assert (cases.integers(popped), again.tolist()) == spec.rans.pop(coder.spec, expected, cdf, n, precision)
        assert (cases.integers(popped), again.tolist()) == (start, symbols)
        assert int(popped.status) == 0

    run()


def test_reciprocals_of_the_largest_frequencies():
    """Those that leave less than 2**14 to other symbols, on the largest heads that take them without a flush: there a
    reciprocal that was rounded gives a quotient that is two too small now and then."""
    precision, rng = 15, np.random.default_rng(0)
    freq = [30986, *(2**precision - rng.integers(1, 2**14, 3000)).tolist()]
    heads = [
        17443567256712743894,
        *((f << 64 - precision) - int(k) for f, k in zip(freq[1:], rng.integers(1, 2**16, 3000), strict=True)),
    ]
    halves = np.array([[[x % 2**32, x >> 32]] for x in heads], np.uint32)
    push = lambda head, first: rans.push(
        rans.State(head, jnp.zeros(4, jnp.uint32), jnp.int32(2), jnp.int32(0), "rans64"),
        cases.Split(first, precision),
        jnp.zeros((), jnp.int32),
    )
    pushed = jax.jit(jax.vmap(push))(halves, np.array(freq, np.uint32))
    found = [low | high << 32 for low, high in np.asarray(pushed.head[:, 0]).tolist()]
    assert found == [(x // f << precision) + x % f for x, f in zip(heads, freq, strict=True)]


@pytest.mark.parametrize("family", ["gaussian", "laplace", "logistic", "cauchy"])
def test_arguments_of_wide_scales_come_from_a_grid(family):
    """Neighbours are nearer than what keeps the order of float64; at 32 bits the grid shows in one interval of many."""
    rng = np.random.default_rng(1)
    n, half = 3000, 10**6
    with jax.enable_x64(True):
        loc, scale = rng.normal(0, 1e6, n), 2.0 ** rng.uniform(36.01, 45, n)
        symbols = jnp.asarray(rng.integers(-half, half, n, np.int32))
        operands = jnp.asarray(loc), jnp.asarray(scale), jnp.full(1, -half, jnp.int32), jnp.full(1, half, jnp.int32)
        target = targets.TARGETS[f"interval_{family}"]
        expected = jax.jit(functools.partial(target.reference, precision=32))(symbols, *operands)
        assert cases.same(targets.CALLS[target.name](symbols, *operands, precision=32), expected)
        assert (np.asarray(expected[1]) > 0).all()


@coders
def test_pops_from_any_words_are_those_of_the_specification(coder):
    """Most words were never pushed, and the stack may run out on the way."""
    n = 40

    @given(scenes(coder, n))
    def run(scene):
        precision, cdf, _, start = scene
        model = jans.models.Table(np.array([cdf]), 0, precision)
        popped, symbols = rans.pop(to_state(coder, start, 20), model, shape=(n,))
        assert (cases.integers(popped), symbols.tolist()) == spec.rans.pop(coder.spec, start, cdf, n, precision)

    run()


@coders
def test_steps_of_one_lane_are_those_of_the_specification(coder):
    """`push_one`, `quantile` and `pop_one` with intervals, as user-made models are coded."""
    state, ours = coder.start(50), spec.rans.init(coder.spec, coder.lanes)
    rng = np.random.default_rng(0)
    case = cases.MODELS["user-each"]
    model, symbols = case.draw(coder.precision, (coder.lanes,))
    start, freq = (np.asarray(a) for a in cases.interval(model, jnp.asarray(symbols)))
    for _ in range(3):
        state = rans.push(state, model, jnp.asarray(symbols))
        for lane in reversed(range(coder.lanes)):
            ours = spec.rans.push_one(coder.spec, ours, lane, int(start[lane]), int(freq[lane]), coder.precision)
        assert cases.integers(state) == ours
    n = int(rng.integers(1, coder.lanes + 1))
    quantiles = rans.peek(state, coder.precision, n)
    assert quantiles.tolist() == [spec.rans.quantile(ours, lane, coder.precision) for lane in range(n)]
    state = rans.advance(state, start[:n], freq[:n], coder.precision)
    for lane in range(n):
        ours = spec.rans.pop_one(coder.spec, ours, lane, int(start[lane]), int(freq[lane]), coder.precision)
    assert cases.integers(state) == ours


# ---- plain JAX, on hostile input ----

STREAMS, N = 48, 40


def some(rng, good, *bad, share=0.2):
    """`good` with about a fifth of its entries replaced, in half of the streams."""
    good = np.array(good)
    choices = np.array(bad, good.dtype)[rng.integers(0, len(bad), good.shape)]
    hit = (rng.random(good.shape) < share) & (rng.random(STREAMS) < 0.5).reshape(-1, *((1,) * (good.ndim - 1)))
    return np.where(hit, choices, good)


def hostile_state(rng, coder, capacity=30):
    """States of which half are what no coder produces: heads out of range, sizes negative or beyond the capacity."""
    v = coder.spec
    heads = rng.integers(v.lower, 2**v.top_bits, (STREAMS, coder.lanes), np.uint64)
    heads = some(rng, heads, 0, 1, v.lower - 1, 2**v.top_bits % 2**64, 2**v.state_bits - 1)
    head = np.stack([heads & 2**32 - 1, heads >> 32], -1) if v.state_bits == 64 else heads
    size = rng.integers(0, capacity + 1, STREAMS).astype(np.int32)
    size = some(rng, size, -1, -(2**31), capacity + 1, 2**31 - 1, share=0.5)
    status = some(rng, np.zeros(STREAMS, np.int32), 1, 2, 31)
    tail = rng.integers(0, 2**v.word_bits, (STREAMS, capacity), f"uint{v.word_bits}")
    return head.astype(np.uint32), tail, size, status


def intervals(rng, precision, n):
    start = rng.integers(0, 2**precision, (STREAMS, n), np.uint64)
    freq = rng.integers(1, 2**precision - start + 1).clip(max=2**32 - 1)
    start = some(rng, start, 0, 4, 8, 5, 2**32 - 1, 2**precision - 1)
    return start.astype(np.uint32), some(rng, freq.astype(np.uint32), 0, 1, 2**32 - 1)


def tables(rng, precision, count, size):
    cdf = np.sort(rng.integers(0, 2**precision, (STREAMS, count, size + 1)), axis=-1)
    cdf[..., 0], cdf[..., -1] = 0, 2**precision % 2**32
    cdf = some(rng, cdf, 0, 1, 2**precision % 2**32, 2**32 - 1, share=0.1)
    cdf[1::8] = cdf[1::8, :, ::-1]
    return cdf.astype(np.uint32)


def floats(rng, *shape, spread=1.0):
    bad = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-40, 1.2e-38, 3e38, -3e38)
    return some(rng, rng.normal(0, spread, (STREAMS, *shape)).astype(np.float32), *bad, share=0.1)


def scales(rng, *shape):
    return np.where(rng.random((STREAMS, *shape)) < 0.9, np.abs(floats(rng, *shape)) + 1e-3, floats(rng, *shape))


def edges(rng, n):
    rising = np.sort(rng.normal(0, 2, (STREAMS, n + 1)), axis=-1).astype(np.float32)
    rising[:, 0], rising[:, -1] = -np.inf, np.inf
    return some(rng, rising, np.nan, 0.0, 1e30, share=0.1)


def both(name, *args, **params):
    """Results of a call, through its kernel and from the plain function, stream by stream."""
    kernel = jax.jit(functools.partial(targets.CALLS[name], **params))
    ours = [np.asarray(a) for a in kernel(*args)]
    with jax.enable_x64(True):
        reference = jax.jit(jax.vmap(functools.partial(targets.TARGETS[name].reference, **params)))
        return ours, [np.asarray(a) for a in reference(*args)]


def assert_equal(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


def assert_equal_states(ours, theirs):
    """A tail beyond its size is unspecified."""
    used = np.arange(ours[1].shape[1]) < ours[2][:, None]
    for results in (ours, theirs):
        results[1] = np.where(used, results[1], 0)
    assert_equal(ours, theirs)


def limits(coder):
    return {"variant": RANS[coder.variant].number, "precision": coder.spec.max_precision}


def usual(coder):
    return {"variant": RANS[coder.variant].number, "precision": coder.precision}


SETTINGS = [(c, make(c)) for make in (usual, limits) for c in cases.STACKS]


def settings(first, step):
    """A share of all coders at their usual and at their highest precision."""
    return pytest.mark.parametrize(("coder", "params"), cases.sample(cases.thin(SETTINGS[first::step])), ids=str)


@settings(0, 1)
def test_push_of_intervals(coder, params):
    rng = np.random.default_rng(1)
    args = (*hostile_state(rng, coder), *intervals(rng, params["precision"], N))
    assert_equal_states(*both("rans_push", *args, **params))


@settings(0, 1)
def test_advance(coder, params):
    rng = np.random.default_rng(2)
    args = (*hostile_state(rng, coder), *intervals(rng, params["precision"], N))
    assert_equal(*both("rans_advance", *args, **params))


@settings(0, 4)
def test_push_with_rows(coder, params):
    rng = np.random.default_rng(3)
    dtype = [np.uint8, np.uint16, np.int32][coder.lanes % 3]
    shared = some(rng, np.zeros((STREAMS, 1), np.int32), -1, 3, share=1)
    each = some(rng, rng.integers(0, 3, (STREAMS, N)).astype(np.int32), -1, 3, 2**31 - 1, -(2**31))
    # With fewer symbols in a row than in the array the kernels make a table first.
    for index, size in ((shared, 7), (shared, 60), (each, 7)):
        symbols = rng.integers(0, size, (STREAMS, N))
        symbols = some(rng, symbols, -1, size, 2**31 - 1, -(2**31)).astype(dtype)
        args = (*hostile_state(rng, coder), symbols, tables(rng, params["precision"], 3, size), index)
        assert_equal_states(*both("rans_push_rows", *args, **params))


@settings(3, 4)
def test_pop_with_rows(coder, params):
    rng = np.random.default_rng(4)
    dtype = np.dtype([np.uint8, np.uint16, np.int32][coder.lanes % 3])
    shared = some(rng, np.zeros((STREAMS, 1), np.int32), -1, 3, share=1)
    each = some(rng, rng.integers(0, 3, (STREAMS, N)).astype(np.int32), -1, 3, 2**31 - 1, -(2**31))
    for index, precision in ((shared, params["precision"]), (shared, 6), (each, params["precision"])):
        args = (*hostile_state(rng, coder), tables(rng, precision, 3, 9), index)
        assert_equal(*both("rans_pop_rows", *args, variant=params["variant"], precision=precision, n=N, dtype=dtype))


def family_operands(rng, family, n, wide=False):
    """Operands of a family, of which about a fifth are none that it can use; for 1 or n symbols."""
    real = np.float64 if wide else np.float32
    shapes = {"m": (n, 3), "f": (n,), "r": (n,), "i": (n,)}
    low = some(rng, rng.integers(-40, 5, (STREAMS, n)).astype(np.int32), 2**22, -(2**31), 2**31 - 1)
    integers = {
        "uniform": [some(rng, rng.integers(1, 50, (STREAMS, n)).astype(np.int32), 0, -1, 2**31 - 1, -(2**31))],
        0: [],
        1: [some(rng, rng.integers(0, 40, (STREAMS, n)).astype(np.int32), -1, -2, 70, -(2**31))],
        2: [low, some(rng, low + rng.integers(0, 40, (STREAMS, n)).astype(np.int32), 2**22, -(2**31), 2**31 - 1)],
    }
    kinds = cases.FAMILY_OPERANDS[family]
    whole = iter(integers.get(family, integers[kinds.count("i")]))
    operands = []
    for position, kind in enumerate(kinds):
        if kind == "e":
            operands.append(edges(rng, 9))
        elif kind == "n":
            operands.append(cases.float_formats(rng, STREAMS))
        elif kind == "p":
            rows = rng.random((STREAMS, n, 30)) * 10.0 ** rng.integers(-40, 38, (STREAMS, n, 1))
            bad = some(rng, rows.astype(real), np.nan, np.inf, -1.0, -0.0, 1e-40, 3e38, share=0.03)
            operands.append(bad)
        elif kind == "i":
            operands.append(next(whole))
        elif family in ("geometric", "binomial"):
            probs = rng.random((STREAMS, n)) ** rng.choice([1, 1, 20], (STREAMS, n))
            operands.append(some(rng, probs, np.nan, -0.1, 1.1, 0, 1, 1e-40, 1e-12, 1 - 1e-7).astype(real))
        elif position == kinds.index(kind) and family not in ("poisson", "beta_binomial"):
            operands.append(floats(rng, *shapes[kind], spread=20).astype(real if kind == "r" else np.float32))
        else:
            magnitudes = np.exp(rng.normal(0, 3, (STREAMS, 1))).reshape(-1, *((1,) * len(shapes[kind])))
            values = scales(rng, *shapes[kind]) * np.where(rng.random(magnitudes.shape) < 0.5, 1, magnitudes)
            values = np.where(np.abs(values) > 3e38, np.inf, values)
            operands.append(values.astype(real if kind == "r" else np.float32))
    return operands


families = pytest.mark.parametrize("family", list(cases.FAMILY_OPERANDS))


def test_the_families_are_those_of_the_kernels():
    assert list(cases.FAMILY_OPERANDS) == list(targets.maps.FAMILIES)


def family_settings(first):
    """Three settings for each family, others for every family; one of them by default."""
    return [
        pytest.param(family, *setting, marks=[pytest.mark.exhaustive] * (k > 0), id=f"{family}-{setting[0]}-{k}")
        for number, family in enumerate(cases.FAMILY_OPERANDS)
        for k, setting in enumerate(cases.thin(SETTINGS[(number + first) % 8 :: 8]))
    ]


@pytest.mark.parametrize(("family", "coder", "params"), family_settings(0))
def test_pop_with_a_family(family, coder, params):
    rng = np.random.default_rng(5)
    dtype = np.dtype([np.uint8, np.uint16, np.int32][coder.lanes % 3])
    args = (*hostile_state(rng, coder), *family_operands(rng, family, N))
    assert_equal(*both(f"rans_pop_{family}", *args, **params, n=N, dtype=dtype))


@pytest.mark.parametrize(("family", "coder", "params"), family_settings(3))
def test_push_with_a_family(family, coder, params):
    rng = np.random.default_rng(6)
    dtype = np.dtype([np.uint8, np.uint16, np.int32][coder.lanes % 3])
    symbols = rng.integers(-10 if dtype.kind == "i" else 0, 45, (STREAMS, N)).astype(dtype)
    args = (*hostile_state(rng, coder), symbols, *family_operands(rng, family, N))
    assert_equal_states(*both(f"rans_push_{family}", *args, **params))


@families
@pytest.mark.parametrize(
    ("precision", "count", "wide"),
    cases.sample(cases.thin([(24, N, False), (5, N, False), (24, 1, True), (32, N, True)]), 4),
)
def test_intervals_and_quantiles_of_a_family(family, precision, count, wide):
    rng = np.random.default_rng(8)
    symbols = some(rng, rng.integers(-10, 45, (STREAMS, N)).astype(np.int32), -1, 9, 2**31 - 1, -(2**31))
    quantiles = rng.integers(0, 2**precision, (STREAMS, N)).astype(np.uint32)
    with jax.enable_x64(wide):
        operands = family_operands(rng, family, count, wide)
        assert_equal(*both(f"interval_{family}", symbols, *operands, precision=precision))
        assert_equal(*both(f"locate_{family}", quantiles, *operands, precision=precision))


@pytest.mark.parametrize(
    ("precision", "n"), cases.sample(cases.thin([(5, 31), (5, 32), (24, 2), (24, 32), (32, 31)], 3))
)
def test_quantisers(precision, n):
    rng = np.random.default_rng(10)
    powers = np.exp(rng.normal(0, 1, (STREAMS, n)) * rng.choice([0.1, 5, 40], (STREAMS, 1)))
    powers *= 10.0 ** rng.integers(-36, 36, (STREAMS, 1))
    wide = np.where(powers < 1e38, powers, 1e38)
    single = some(rng, wide.astype(np.float32), np.nan, np.inf, -1.0, 0.0, -0.0, 1e-40, 1.2e-38, 3e38, share=0.1)
    double = some(rng, powers, np.nan, np.inf, -1.0, 0.0, 1e-310, 2.3e-308, 1e308, share=0.1)
    none, some_of = np.zeros((STREAMS, 0), bool), rng.random((STREAMS, n)) < rng.choice([0.1, 0.8], (STREAMS, 1))
    logits = floats(rng, n, spread=10)
    for mask in (none, some_of)[: 1 + (precision < 32)]:
        for name in ("quantize_probs", "quantize_perfect"):
            assert_equal(*both(name, single, mask, precision=precision))
            with jax.enable_x64(True):
                assert_equal(*both(name, double, mask, precision=precision))
        assert_equal(*both("quantize_logits", logits, mask, precision=precision))


@pytest.mark.parametrize(
    ("precision", "n"), cases.sample(cases.thin([(5, 31), (12, 200), (16, 40), (31, 32), (3, 20)], 5))
)
def test_quantiser_of_nearest_counts(precision, n):
    rng = np.random.default_rng(11)
    powers = np.exp(rng.normal(0, 1, (STREAMS, n)) * rng.choice([0.1, 3, 10], (STREAMS, 1)))
    shares = powers / powers.sum(axis=1, keepdims=True) * rng.choice([1, 1, 3, 1e6, 1e-6], (STREAMS, 1))
    halves = np.round(shares * 2 ** (precision + 1)) / 2 ** (precision + 1)
    shares = np.where(rng.random((STREAMS, 1)) < 0.3, halves, shares)
    bad = np.nan, np.inf, -1.0, 0.0, -0.0, 1e-40, -1e-40, 3e38
    single, double = (some(rng, shares.astype(t), *bad, share=0.05) for t in (np.float32, np.float64))
    size = some(rng, np.full(STREAMS, min(n, 2**precision), np.int32), 0, -1, 1, n // 2, n, n + 1, 2**31 - 1, share=0.8)
    for away in (0, 1):
        ours, theirs = both("quantize_nearest", single, size, precision=precision, away=away)
        assert_equal(ours, theirs)
        assert 0 < (ours[0][:, 0] == 0).sum() < STREAMS
        with jax.enable_x64(True):
            assert_equal(*both("quantize_nearest", double, size, precision=precision, away=away))
