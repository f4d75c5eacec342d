"""Heads that are coded side by side, lanes of one stream or several streams, give what they give one by one, and so do
few lanes whose intervals are found side by side: with room for all words or for some, symbols that have no interval,
and heads and words of any kind."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jans import models, rans
from jans._variants import RANS
from jans.ffi import targets
from jans.reference import spec

VARIANTS = {"rans64": (0, 14, 24), "rans64_ryg": (1, 13, 24), "rans32_16": (2, 10, 15)}
"""Numbers, and the precisions that steps side by side are made for."""
ROWS, SYMBOLS = 4, 20


def draw_state(data, rng, v, streams, lanes, n):
    """Coders of any kind: heads, words, sizes and statuses."""
    some = lambda *choices: data.draw(st.sampled_from(choices))
    capacity = some(0, 1, 31, 40, n + 40)
    word = np.uint16 if v.word_bits == 16 else np.uint32
    size = rng.integers(0, capacity + 1, streams).astype(np.int32)
    if some(False, False, True):
        size[rng.integers(streams)] = some(-3, capacity + 5)
    heads = rng.integers(v.lower, 2**v.top_bits, (streams, lanes), dtype=np.uint64)
    if some(False, False, True):
        heads[rng.integers(streams), rng.integers(lanes)] = some(0, v.lower - 1, 2**v.state_bits - 1)
    head = heads.astype(np.uint32) if v.state_bits == 32 else heads.view(np.uint32).reshape(streams, lanes, 2)
    tail = rng.integers(0, np.iinfo(word).max + 1, (streams, capacity)).astype(word)
    return head, tail, size, np.zeros(streams, np.int32)


def draw_calls(data, streams, lanes, n, variants=tuple(VARIANTS), shared=False):
    """Random operands of all calls: name -> (operands that streams have of their own, shared ones, parameters). All
    symbols are of one row if `shared`."""
    variant = data.draw(st.sampled_from(variants))
    number, least, most = VARIANTS[variant]
    v = RANS[variant]
    precision = data.draw(st.integers(least - 2, most))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    some = lambda *choices: data.draw(st.sampled_from(choices))
    cdf = cases.rows(rng, ROWS, SYMBOLS, precision, some(1, 20)).astype(np.uint32)
    index = rng.integers(0, ROWS, (streams, 1 if shared else some(1, n, n))).astype(np.int32)
    symbols = rng.integers(0, SYMBOLS, (streams, n))
    for array in (index, symbols):
        for _ in range(some(0, 0, 1, 2) if array.size else 0):
            array[rng.integers(streams), rng.integers(array.shape[1])] = some(-1, 3, SYMBOLS, 2**31 - 1)
    symbols = symbols.astype(some(np.uint8, np.uint16, np.int32))
    state = draw_state(data, rng, v, streams, lanes, n)
    (guide,) = targets.maps.table_guide(cdf, precision=precision, bits=min(6, precision))
    escape = np.array(some([19, 20, 5, 0], [0, 19, 1, 19], [30, 19, 30, -1]), np.int32)
    offset = np.array([0, some(-7, 2**31 - 3), -(2**31), 1], np.int32)
    wild = np.where(rng.random((streams, n)) < some(0, 0.01, 0.3), 2**20, rng.integers(0, 19, (streams, n)))
    known = np.clip(np.broadcast_to(index, (streams, n)), 0, ROWS - 1)
    values = (wild % np.maximum(escape[known] + 3, 1) + offset[known]).astype(np.int32)
    places = index
    if some(False, True):  # nothing but places that are left out
        escape = np.full(ROWS, 19, np.int32)
        places = np.where(rng.random(index.shape) < 0.2, -1, np.clip(index, 0, ROWS - 1)).astype(np.int32)
        values = (rng.integers(0, 19, (streams, n)) + offset[places]).astype(np.int32)
    coder = {"variant": number, "precision": precision}
    bypass = (places, guide, escape, offset)
    return {
        "rans_push_rows": ((*state, symbols), (cdf,), (index,), coder),
        "rans_pop_rows": (state, (cdf,), (index,), coder | {"n": n, "dtype": symbols.dtype}),
        "rans_pop_table": (state, (cdf,), (index, guide), coder | {"n": n, "dtype": symbols.dtype}),
        "rans_push_bypass": ((*state, values), (cdf,), bypass, coder | {"bypass_precision": 4}),
        "rans_pop_bypass": (
            state,
            (cdf,),
            bypass,
            coder | {"bypass_precision": 4, "n": n, "dtype": np.dtype(np.int32)},
        ),
    }


def agree(name, found, expected, capacity):
    """Words above the size are nobody's."""
    for k, (one, other) in enumerate(zip(found, expected, strict=True)):
        if "push" in name and k == 1:
            used = int(np.clip(expected[2], 0, capacity))
            one, other = one[:used], other[:used]
        assert cases.same(one, other)


def check(name, arrays, params):
    with jax.enable_x64(True):
        operands = [jnp.asarray(a) for a in arrays]
        expected = targets.TARGETS[name].reference(*operands, **params)
        agree(name, targets.CALLS[name](*operands, **params), expected, arrays[1].shape[0])


def check_one_stream(drawn):
    for name, (own, (cdf,), more, params) in drawn.items():
        check(name, (*(a[0] for a in own), cdf, more[0][0], *more[1:]), params)


def draw_mixture(some, rng, n, low):
    """Parameters of a mixture for each of n symbols or for all; some of them are wrong."""
    size = 1, some(1, n, n), some(1, 3, 10)
    mean = rng.normal(0, 20, size).astype(np.float32)
    logits, scale = rng.normal(0, 2, size).astype(np.float32), np.exp(rng.normal(0, 2, size)).astype(np.float32)
    for array, *wrong in ((logits, np.nan, np.inf), (mean, np.nan, -np.inf), (scale, 0, -1, np.inf, 1e-40)):
        if some(False, False, True):
            array[0, rng.integers(size[1]), rng.integers(size[2])] = some(*wrong)
    return logits, mean, scale, low, np.array([[some(60, 3000)]], np.int32)


def draw_model_calls(data, lanes, n):
    """As draw_calls, for one stream and what is not in rows: name -> (operands, parameters)."""
    variant = data.draw(st.sampled_from(tuple(VARIANTS)))
    number, least, most = VARIANTS[variant]
    precision = data.draw(st.integers(least - 2, most))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    some = lambda *choices: data.draw(st.sampled_from(choices))
    state = draw_state(data, rng, RANS[variant], 1, lanes, n)
    dtype = some(np.float32, np.float64)
    location = rng.normal(0, some(1, 8, 1e9), (1, some(1, n, n))).astype(dtype)
    scale = np.exp(rng.normal(some(-3, 0, 2), 1, location.shape)).astype(dtype)
    low, high = rng.integers(-20, -5, (1, some(1, 1, n))).astype(np.int32), np.array([[some(5, 200)]], np.int32)
    symbols = np.clip(rng.normal(location, scale, (1, n)).round(), low, high).astype(np.int32)
    arrays = {"location": (location, np.nan, np.inf, 1e30), "scale": (scale, 0, -1, np.nan, 1e-40, 1e12)}
    arrays["symbols"] = symbols, -1000, 1000, -(2**31), 2**31 - 1
    for array, *wrong in arrays.values():
        for _ in range(some(0, 0, 0, 1) if array.size else 0):
            array[0, rng.integers(array.shape[1])] = some(*wrong)
    start = rng.integers(0, 2**precision, (1, n)).astype(np.uint32)
    freq = (rng.integers(0, 2**precision, (1, n)) % (2**precision - start) + 1).astype(np.uint32)
    for array in (start, freq):
        for _ in range(some(0, 0, 1) if n else 0):
            array[0, rng.integers(n)] = some(0, 1, 4, 2**precision, 2**31, 2**32 - 1)
    coder = {"variant": number, "precision": precision}
    pop = coder | {"n": n, "dtype": np.dtype(some(np.int32, np.uint8))}
    shape = some("gaussian", "laplace", "logistic"), (location, scale, low, high)
    mixture = some("gaussian", "logistic") + "_mixture", draw_mixture(some, rng, n, low)
    calls_of = {"rans_push": ((*state, start, freq), coder)}
    for name, parameters in (shape, mixture):
        calls_of |= {
            f"rans_push_{name}": ((*state, symbols, *parameters), coder),
            f"rans_pop_{name}": ((*state, *parameters), pop),
        }
    return {name: ([a[0] for a in arrays], params) for name, (arrays, params) in calls_of.items()}


@settings(max_examples=cases.examples(15) if cases.KERNELS else 2)
@given(st.data())
def test_lanes_of_a_stream(data):
    lanes = data.draw(st.sampled_from([1, 1, 2, 3, 4, 8, 16, 24, 32, 32, 264]))
    n = data.draw(st.sampled_from([0, 7, 70, 200]))
    check_one_stream(draw_calls(data, 1, lanes, n))


@settings(max_examples=cases.examples(25) if cases.KERNELS else 2)
@given(st.data())
def test_one_row_of_a_stream(data):
    """There are loops for that, for pops of as many symbols as there are quantiles."""
    lanes, n = data.draw(st.sampled_from([32, 64])), data.draw(st.sampled_from([0, 33, 130, 1100]))
    drawn = draw_calls(data, 1, lanes, n, ("rans32_16",), shared=True)
    check_one_stream({name: drawn[name] for name in ("rans_push_rows", "rans_pop_rows")})


@settings(max_examples=cases.examples(6) if cases.KERNELS else 2)
@given(st.data())
def test_lanes_of_a_stream_without_rows(data):
    lanes, n = data.draw(st.sampled_from([1, 2, 4, 8, 24])), data.draw(st.sampled_from([7, 70, 70]))
    for name, (arrays, params) in draw_model_calls(data, lanes, n).items():
        check(name, arrays, params)


@pytest.mark.skipif(not cases.KERNELS, reason="streams of plain JAX are a vmap, whose results have tests of their own")
@settings(max_examples=cases.examples(20))
@given(st.data())
def test_streams_together(data):
    streams, lanes = data.draw(st.sampled_from([8, 9, 16, 24, 40, 61])), data.draw(st.sampled_from([1, 1, 2, 3, 8, 12]))
    n = data.draw(st.sampled_from([0, 1, 7, 33, 100, 700]))
    for name, (own, (cdf,), (index, *more), params) in draw_calls(data, streams, lanes, n).items():
        shared = data.draw(st.booleans())
        axes = (*[0] * len(own), None, None if shared else 0, *[None] * len(more))
        operands = [jnp.asarray(a) for a in (*own, cdf, index[0] if shared else index, *more)]
        call = lambda *operands, name=name, params=params: targets.CALLS[name](*operands, **params)
        together = jax.vmap(call, in_axes=axes)(*operands)
        for b in range(streams):
            alone = call(*[a if axis is None else a[b] for a, axis in zip(operands, axes, strict=True)])
            agree(name, [result[b] for result in together], alone, own[1].shape[1])


FEW = 32
"""Symbols that are enough for the loop of few lanes."""


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("streams", "lanes"), cases.sample([(4, 1), (4, 2), (4, 4), (1, 32), (1, 64), (16, 1)]))
def test_quotients_at_their_limits(variant, streams, lanes, shared):
    """Heads next to multiples of the freq, at both ends of their range: there rounded quotients are off."""
    _, least, most = VARIANTS[variant]
    v = RANS[variant]
    rng = np.random.default_rng(0)
    n = lanes if max(streams, lanes) > 4 else FEW
    for precision in sorted({least, min(16, most), most}):
        top = 2**precision
        # The one whose reciprocal, rounded as the loop of few lanes does it, is farthest off.
        rough = max(range(max(1, top - 2**12), top), key=lambda f: 2**64 - int((2.0**64 - 2**11) / f) * f)
        freqs = sorted({1, 2, 3, 2 ** (precision // 2) - 1, top // 2 - 1, top // 2 + 1, rough, top - 1})
        model = models.Table(np.array([[0, f, top] for f in freqs]), 0, precision)
        push = jax.jit(jax.vmap(rans.push, in_axes=(0, None, None)))
        for k, freq in enumerate(freqs):
            full = freq << (v.top_bits - precision)
            near = [full - 1, full - freq, full - freq - 1, full, full + 1, 2**v.top_bits - 1, v.lower, v.lower + freq]
            heads = [min(max(x + int(d), v.lower), 2**v.top_bits - 1) for x in near for d in rng.integers(-2, 3, 4)]
            for first in range(0, len(heads), streams * lanes):
                some = np.resize(np.array(heads[first : first + streams * lanes], np.uint64), (streams, lanes))
                state = jax.vmap(lambda _: rans.init(FEW + n, lanes, variant))(np.arange(streams))
                halves = some.astype(np.uint32) if v.state_bits == 32 else some.view(np.uint32).reshape(*some.shape, 2)
                state = rans.State(jnp.asarray(halves), state.tail, state.size, state.status, variant)
                pushed = push(state, model.at(k if shared else jnp.full(n, k)), jnp.zeros(n, jnp.int32))
                for b in range(streams):
                    coder = (tuple(int(x) for x in some[b]), ())
                    for i in reversed(range(n)):
                        coder = spec.rans.push_one(v, coder, i % lanes, 0, freq, precision)
                    one = jax.tree.map(lambda leaf, b=b: leaf[b], pushed)
                    assert rans.to_words(one).tolist() == list(spec.rans.words(v, coder))
