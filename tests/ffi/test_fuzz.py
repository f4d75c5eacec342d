"""Garbage of all shapes through the kernels: nothing crashes, and whatever comes out is what plain JAX gives, and what
the targets give that stand in for a kernel where there is none.

CI runs this file with kernels built with sanitizers as well, and with as many calls as JANS_FUZZ says.
"""

import contextlib
import functools
import os

import cases
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jans
from jans._variants import CHAIN, RANS
from jans.ffi import host, targets

EXAMPLES = int(os.environ.get("JANS_FUZZ", 300 if cases.KERNELS else 10))
LANES = (1, 2, 3, 5, 31, 32, 33)
KNOWN = sum(jans.status.SENTENCES)
VARIANTS = list(RANS.values())
TARGETS = list(targets.TARGETS)
# Which result has words; its size follows.
WORDS = (
    {"rans_push": 1, "chain_push": 1, "chain_keep": 1, "chain_pop": 3, "range_encode": 2}
    | {f"{code}_{way}": 1 for code in ("huffman", "golomb") for way in ("encode", "push")}
    | {"tans_push": 2}
)
SYMBOLS = [np.dtype(t) for t in (np.uint8, np.uint16, np.int32)]


@st.composite
def garbage(draw, shape, dtype):
    """An array of any bits, of few bits, or of one value."""
    dtype = np.dtype(dtype)
    bits = np.dtype(f"u{dtype.itemsize}")
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    array = rng.integers(0, np.iinfo(bits).max, shape, bits, endpoint=True)
    kind = draw(st.sampled_from(["any", "few", "rising", "same"]))
    if kind == "few":
        array = (array % draw(st.integers(1, 50))).astype(bits)
    if kind == "rising" and shape:
        array = np.sort(array, axis=-1)
    if kind == "same":
        array = np.full(shape, draw(st.sampled_from([0, 1, np.iinfo(bits).max])), bits)
    if dtype.kind == "f" and kind == "few":
        return array.astype(dtype)
    return array.view(dtype)


@st.composite
def states(draw, v, batch):
    lanes, capacity = draw(st.sampled_from(LANES)), draw(st.integers(0, 70))
    head = (*batch, lanes, 2) if v.state_bits == 64 else (*batch, lanes)
    size = draw(st.sampled_from([garbage(batch, np.int32), st.just(np.full(batch, capacity // 2, np.int32))]))
    return (
        draw(garbage(head, np.uint32)),
        draw(garbage((*batch, capacity), f"u{v.word_bits // 8}")),
        draw(size),
        draw(garbage(batch, np.int32)),
    )


def parameters(draw, batch, *core, dtype=np.float32):
    """An operand that some of the batch dimensions share."""
    shared = tuple(draw(st.sampled_from([1, length])) for length in batch)
    return draw(garbage((*shared, *core), dtype))


def any_fields_call(draw, name, batch):
    dtype = draw(st.sampled_from([np.uint8, np.uint16, np.uint32]))
    bits = 8 * np.dtype(dtype).itemsize
    exponent = draw(st.integers(1, min(bits - 1, 11)))
    mantissa = bits - 1 - exponent
    most = 8 if name.startswith("fields") else min(8, 16 - exponent)
    params = {"exponent": exponent, "mantissa": mantissa, "top": draw(st.integers(0, min(mantissa, most)))}
    if name.startswith("tops"):
        n, length = draw(st.integers(0, 99)), mantissa - params["top"] + 1
        if name == "tops_count":
            return (draw(garbage((*batch, n), dtype)),), params
        if name == "tops_split":
            codes = parameters(draw, batch, 2 ** (exponent + params["top"]), dtype=np.uint8)
            return (draw(garbage((*batch, n), dtype)), codes), params
        tables = (
            parameters(draw, batch, 256, dtype=np.uint16),
            parameters(draw, batch, -(-n * length // 8), dtype=np.uint8),
        )
        return (draw(garbage((*batch, n), np.uint8)), *tables), params | {"dtype": np.dtype(dtype)}
    shape = draw(st.integers(0, 9)), draw(st.integers(1, 20))
    some = draw(st.sampled_from([0, 24]))  # scales that fit, or any
    lengths = [draw(st.sampled_from([1, length])) for length in shape]
    scales = [parameters(draw, batch, length, dtype=np.int32) >> some for length in lengths]
    if name == "fields_split":
        params["phases"] = draw(st.integers(0, 3))
        return (draw(garbage((*batch, *shape), dtype)), *scales), params
    n, length = shape[0] * shape[1], mantissa - params["top"] + 1
    rest = parameters(draw, batch, -(-n * length // 8), dtype=np.uint8)
    return (draw(garbage((*batch, n), np.uint8)), *scales, rest), params | {"n": shape[1], "dtype": np.dtype(dtype)}


@st.composite
def any_call(draw, names=tuple(TARGETS)):
    """The name of one of these targets, and operands and parameters that fit it in shape, and in nothing else."""
    number = draw(st.integers(0, 3))
    v = VARIANTS[number]
    batch = draw(st.sampled_from([(), (), (1,), (3,), (2, 3), (0,), (2, 1, 2)]))
    n, precision = draw(st.integers(0, 200)), draw(st.integers(1, v.max_precision))
    params = {"variant": number, "precision": precision}
    operand = functools.partial(parameters, draw, batch)
    name = draw(st.sampled_from(names))
    each = draw(st.sampled_from([1, n]))
    size = draw(st.integers(1, 40))
    symbols = draw(st.sampled_from(SYMBOLS))
    if name == "quantize_nearest":
        sizes = operand(dtype=np.int32)
        args = draw(garbage((*batch, size), np.float32)), draw(st.sampled_from([sizes, sizes % (size + 1)]))
        return name, args, {"precision": min(precision, 31), "away": draw(st.integers(0, 1))}
    if name.startswith("quantize"):
        size = min(size, 2**precision)
        mask = operand(draw(st.sampled_from([0, size])), dtype=np.uint8) % 2 == 1
        return name, (draw(garbage((*batch, size), np.float32)), mask), {"precision": precision}
    if name == "table_guide":
        precision = min(precision, 24)
        params = {"precision": precision, "bits": draw(st.integers(0, min(precision, 9)))}
        return name, (any_rows(draw, batch, size, precision),), params
    if name == "compact":
        streams, dtype = draw(st.integers(0, 9)), draw(st.sampled_from([np.uint8, np.uint16, np.uint32]))
        rows = draw(garbage((*batch, streams, draw(st.integers(0, 20))), dtype))
        ends = draw(
            st.sampled_from([operand(streams, dtype=np.int32), np.cumsum(operand(streams, dtype=np.uint8) % 23, -1)])
        )
        return name, (rows, ends.astype(np.int32)), {"dtype": np.dtype(dtype)}
    if name in ("bytes_split", "bytes_merge"):
        core = n, draw(st.sampled_from([1, 2, 4, 8]))
        words = draw(garbage((*batch, *(core if name == "bytes_split" else core[::-1])), np.uint8))
        return name, (words,), {"rotate": draw(st.integers(0, 1))}
    if name.startswith(("fields", "tops")):
        return name, *any_fields_call(draw, name, batch)
    if name.startswith(("lengths", "grid")):
        dtype = np.dtype(draw(st.sampled_from([np.uint8, np.uint16, np.uint32, np.uint64])))
        if name == "lengths_merge":
            rest = operand(draw(st.integers(0, 300)), dtype=np.uint8)
            return name, (draw(garbage((*batch, n), np.uint8)), rest), {"dtype": dtype}
        if name == "lengths_count":
            return name, (draw(garbage((*batch, n), dtype)),), {}
        if name == "lengths_split":
            return name, (draw(garbage((*batch, n), dtype)),), {"width": dtype.itemsize}
        words = draw(garbage((*batch, draw(st.integers(0, 9)), draw(st.integers(0, 20))), dtype))
        numbers = {"channels": draw(st.integers(1, 4)), "predictor": draw(st.integers(0, 6))}
        return (
            name,
            (words,),
            numbers | {"order": draw(st.integers(0, 2)), "mixed": draw(st.integers(0, 1)), "dtype": dtype},
        )
    if name == "count":
        index = draw(st.sampled_from([operand(each, dtype=np.int32), operand(each, dtype=np.uint8).astype(np.int32)]))
        return name, (draw(garbage((*batch, n), np.uint8)), index), {"rows": size}
    if name in ("table_alias", "table_remap"):
        precision = min(precision, 12)
        return name, (any_rows(draw, batch, size, precision),), {"precision": precision}
    if name.endswith("alias"):  # tables of more bits would take long to make
        precision = params["precision"] = min(precision, 12)
    first = (draw(garbage((*batch, n), np.int32)),)
    if name.startswith("rans"):
        first = draw(states(v, batch))
    if name.startswith("chain"):
        first, params = chain_state(draw, name, batch)
    if name.startswith("range"):
        first, params = range_state(draw, name, batch), {"precision": draw(st.integers(1, 32))}
    precision = params["precision"]
    if name.startswith(("locate", "interval")):
        params = {"precision": precision}
        first = (first[0].view(np.uint32) & np.uint32(2**precision - 1),) if name.startswith("locate") else first
    if name.startswith(("chain_pop", "chain_take", "range_decode")):
        params |= {"n": n}
    if name == "huffman_codebook":
        return name, (draw(garbage((*batch, size), draw(st.sampled_from([np.float32, np.float64])))),), {}
    if name.startswith(("huffman", "golomb")):
        return name, *any_bits_call(draw, name, batch, n, symbols)
    if name.startswith("tans"):
        return name, *any_tans_call(draw, name, batch, n, symbols)
    if name.startswith("rans_pop"):
        params |= {"n": n, "dtype": symbols}
    if name in ("chain_take", "range_peek"):
        return name, first, params
    if name == "chain_keep":
        return name, (*first, *(operand(n, dtype=np.uint32) for _ in range(3))), params
    if name in ("rans_push", "rans_advance", "chain_push", "range_encode", "range_advance"):
        return name, (*first, operand(n, dtype=np.uint32), operand(n, dtype=np.uint32)), params
    if name.startswith("rans_push"):
        first = (*first, operand(n, dtype=symbols))
    if name.startswith(("chain_push", "range_encode")):
        first = (*first, operand(n, dtype=np.int32))
    if name.endswith("rows"):
        rows = operand(draw(st.integers(1, 3)), size + 1, dtype=np.uint32)
        return name, (*first, rows, operand(each, dtype=np.int32)), params
    if name.endswith(("table", "bypass", "alias")):
        make = rows_with_alias if name.endswith("alias") else rows_with_guides
        cdf, *tables = make(draw, batch, precision)
        index = operand(each, dtype=np.int32)
        if draw(st.booleans()):  # in their range, or left out
            index = np.abs(index // 2) % (cdf.shape[-2] + 1) - 1
        tables = cdf, index, *tables
        if name.endswith("alias"):
            alias, remap = tables[2:]
            tables = (cdf, index, remap) if "push" in name else (alias, index)
        if "bypass" not in name:
            return name, (*first, *tables), params
        rows = [operand(cdf.shape[-2], dtype=np.int32) for _ in range(2)]
        if draw(st.booleans()):
            rows[0] = np.abs(rows[0] // 2) % cdf.shape[-1]
        params |= {"bypass_precision": draw(st.integers(1, min(16, v.max_precision)))}
        first = (*first[:4], *(a.astype(np.int32) for a in first[4:]))
        params |= {"dtype": np.dtype(np.int32)} if name.startswith("rans_pop") else {}
        return name, (*first, *tables, *rows), params
    family = max((f for f in targets.maps.FAMILIES if name.endswith(f)), key=len)
    kinds = cases.FAMILY_OPERANDS[family]
    parts = operand(each, draw(st.integers(1, 16)))
    single = operand(each)
    float_formats = cases.float_formats(np.random.default_rng(draw(st.integers(0, 99))), *parts.shape[:-2])
    make = {
        "i": lambda: operand(draw(st.sampled_from([1, n])), dtype=np.int32),
        "r": lambda: operand(draw(st.sampled_from([1, n]))),
        "f": lambda: garbage_like(draw, single),
        "m": lambda: garbage_like(draw, parts),
        "e": lambda: operand(size + 1),
        "n": lambda: draw(st.sampled_from([operand(7, dtype=np.int32), float_formats])),
        "p": lambda: operand(each, max(2, min(size, 2**precision))),
    }
    return name, (*first, *(make[kind]() for kind in kinds)), params


def chain_state(draw, name, batch):
    number = draw(st.integers(0, 1))
    v = list(CHAIN.values())[number]
    most = draw(st.integers(1, v.max_precision))
    lanes = draw(st.sampled_from(LANES))
    words = lambda: draw(garbage((*batch, draw(st.integers(0, 70))), f"u{v.word_bits // 8}"))
    size = lambda: draw(st.sampled_from([draw(garbage(batch, np.int32)), np.full(batch, 9, np.int32)]))
    head = draw(garbage((*batch, lanes), np.uint64))
    if draw(st.booleans()):  # in their range
        least = 2 ** v.lower_bits(most)
        head = np.uint64(least) + head % np.uint64(least * (2**v.word_bits - 1))
    head = head.view(np.uint32).reshape(*head.shape, 2) if v.state_bits == 64 else head.astype(np.uint32)
    bits = draw(garbage(batch, np.uint32)), words(), size()
    remainders = head, words(), size()
    parts = {"chain_take": bits, "chain_keep": remainders}.get(name, bits + remainders)
    params = {"variant": number, "precision": draw(st.integers(1, most)), "max_precision": most}
    return (*parts, draw(garbage(batch, np.int32))), params


def range_state(draw, name, batch):
    number = lambda: draw(garbage((*batch, 2), np.uint32))
    size = lambda: draw(st.sampled_from([draw(garbage(batch, np.int32)), np.full(batch, 9, np.int32)]))
    words = draw(garbage((*batch, draw(st.integers(0, 70))), np.uint32))
    lower, range_ = number(), number()
    status = draw(garbage(batch, np.int32))
    if name.startswith("range_encode"):
        held = draw(st.sampled_from([0, 1, 5, 100, -1, 2**31 - 1]))
        return lower, range_, words, size(), np.full(batch, held, np.int32), draw(garbage(batch, np.uint32)), status
    return number(), lower, range_, words, size(), size(), status


def any_bits_call(draw, name, batch, n, dtype):
    words = draw(garbage((*batch, draw(st.integers(0, 40))), np.uint32))
    size = st.just(np.full(batch, words.shape[-1] // 2, np.int32))
    sizes = [draw(st.one_of(garbage(batch, np.int32), size)) for _ in range(2)]
    args = draw(garbage(batch, np.uint32)), words, sizes[0], draw(garbage(batch, np.int32))
    params = {"order": draw(st.integers(0, 30))} if name.startswith("golomb") else {}
    if name.endswith(("encode", "push")):
        args = (*args, parameters(draw, batch, n, dtype=dtype))
    else:
        params |= {"n": n, "dtype": dtype}
    if name.endswith("decode"):
        args = (*args, sizes[1])
    if name.startswith("huffman"):
        codewords, tree = damaged_books(draw, tuple(draw(st.sampled_from([1, length])) for length in batch))
        args = (*args, codewords, tree) if name.endswith(("encode", "push")) else (*args, tree)
    return args, params


def damaged_books(draw, batch):
    """Codebooks, of which some entries may be anything; those of rising powers have code words of any length."""
    size = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    exponents = rng.integers(-100, 100, (*batch, size)) * draw(st.sampled_from([0, 1]))
    probs = jnp.asarray(rng.random((*batch, size)) * 2.0**exponents, jnp.float32)
    books = [np.array(a) for a in targets.bits.huffman_codebook(probs)]
    damage(draw, books, 3 * size + 1, draw(st.integers(0, 3)))
    return books


def any_rows(draw, shape, size, precision):
    """Rows that rise from 0 to 2**precision, but for a damaged entry."""
    cuts = np.sort(draw(garbage((*shape, size - 1), np.uint32)).astype(np.int64) % (2**precision + 1), axis=-1)
    ends = np.zeros_like(cuts, shape=(*shape, 1))
    cdf = np.concatenate([ends, cuts, ends + 2**precision], axis=-1).astype(np.uint32)
    damage(draw, [cdf], 2 ** (precision + 1), draw(st.integers(0, 1)))
    return cdf


def rows_with_guides(draw, batch, precision):
    """A table and its guide, or one of length 0."""
    shared = tuple(draw(st.sampled_from([1, length])) for length in batch)
    cdf = any_rows(draw, (*shared, draw(st.integers(1, 3))), draw(st.integers(1, 40)), precision)
    if precision > 24 or draw(st.booleans()):
        return cdf, np.zeros((*cdf.shape[:-1], 0), np.uint32)
    bits = draw(st.integers(0, min(precision, 9)))
    return cdf, np.asarray(targets.maps.table_guide(cdf, precision=precision, bits=bits)[0])


def rows_with_alias(draw, batch, precision):
    """A table with its buckets and quantiles, of which some may be anything."""
    shared = tuple(draw(st.sampled_from([1, length])) for length in batch)
    cdf = any_rows(draw, (*shared, draw(st.integers(1, 3))), draw(st.integers(1, 40)), precision)
    tables = [
        np.array(make(cdf, precision=precision)[0]) for make in (targets.maps.table_alias, targets.maps.table_remap)
    ]
    damage(draw, tables, 2 ** (precision + 1), draw(st.integers(0, 3)))
    return cdf, *tables


def any_tans_call(draw, name, batch, n, dtype):
    precision, size, count = draw(st.integers(1, 15)), draw(st.integers(1, 40)), draw(st.integers(1, 3))
    params = {"precision": precision}
    shared = tuple(draw(st.sampled_from([1, length])) for length in batch)
    cdf = any_rows(draw, (*shared, count), size, precision)
    escape = parameters(draw, (*shared, count), dtype=np.int32)
    if draw(st.booleans()):  # in their range
        escape = np.abs(escape // 2) % (size + 1)
    if name == "tans_tables":
        return (cdf, escape), params
    bypass = draw(st.sampled_from([0, *range(17)]))
    if not bypass:
        escape = np.full_like(escape, size)
    tables = [np.array(a) for a in targets.tans.tables(cdf, escape, precision=precision)]
    damage(draw, tables, 2 ** (precision + 1), draw(st.integers(0, 3)))
    codes, states, decoder, escape = tables
    offset = draw(garbage((*shared, draw(st.sampled_from([0, count]))), np.int32))
    params |= {"bypass_precision": bypass}
    codes = codes.reshape(*shared, count, 2 * codes.shape[-2])
    head = draw(garbage((*batch, draw(st.sampled_from((*LANES, 4, 8)))), np.uint32))
    if draw(st.booleans()):  # in their range
        head = 2**precision | head & (2**precision - 1)
    words = draw(garbage((*batch, draw(st.integers(0, 60))), np.uint32))
    half = st.just(np.full(batch, words.shape[-1] // 2, np.int32))
    size = draw(st.one_of(half, garbage(batch, np.int32)))
    args = head, draw(garbage(batch, np.uint32)), words, size, draw(garbage(batch, np.int32))
    index = draw(garbage((*shared, draw(st.sampled_from([1, n]))), np.int32))
    if draw(st.booleans()):  # in their range, or of no symbol
        index = np.abs(index // 2) % (count + 1) - 1
    last = escape, offset, index
    if name == "tans_push":
        return (*args, parameters(draw, batch, n, dtype=dtype), codes, states, *last), params
    return (*args, decoder, *last), params | {"n": n, "dtype": dtype}


def damage(draw, arrays, limit, times):
    """Some entries become anything, or a number below a limit."""
    for array in arrays:
        for _ in range(times if array.size else 0):
            at = draw(st.integers(0, array.size - 1))
            array.reshape(-1)[at] = draw(st.one_of(st.integers(0, limit - 1), garbage((), array.dtype)))


def garbage_like(draw, array):
    return draw(garbage(array.shape, array.dtype))


def run(name, args, params):
    wide = any(
        np.dtype(dtype) in (np.float64, np.uint64) for dtype in (*(a.dtype for a in args), params.get("dtype", bool))
    )
    with jax.enable_x64(wide):
        return [np.asarray(a) for a in targets.CALLS[name](*map(jnp.asarray, args), **params)]


def core_rank(name, params):
    """Dimensions of one stream's part of the first operand."""
    return targets.TARGETS[name].ranks(**params)[0]


def assert_same(name, ours, theirs):
    """Whether the results of two calls to a target agree."""
    for position, (a, b) in enumerate(zip(ours, map(np.asarray, theirs), strict=True)):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        if WORDS.get("_".join(name.split("_")[:2])) == position:  # those beyond the ones in use may be anything
            used = np.arange(a.shape[-1]) < ours[position + 1][..., None]
            a, b = np.where(used, a, 0), np.where(used, b, 0)
        np.testing.assert_array_equal(a, b)


@hypothesis.settings(max_examples=EXAMPLES)
@given(any_call())
def test_nothing_crashes(call):
    name, args, params = call
    results = run(name, args, params)
    if targets.TARGETS[name].aliases:
        operand, result = list(targets.TARGETS[name].aliases.items())[-1]
        status, before = results[result], args[operand]
        assert ((status & ~before & ~KNOWN) == 0).all()
        assert ((status & before) == before).all()


@hypothesis.settings(max_examples=EXAMPLES)
@given(any_call())
def test_calls_without_xla_give_the_same(call):
    name, args, params = call
    aliases = targets.TARGETS[name].aliases
    ours = host.call(name, *(np.array(a, order="C") if k in aliases else a for k, a in enumerate(args)), **params)
    assert_same(name, ours, run(name, args, params))


def other_shape(draw, array):
    """An array with an axis more or less, of another length, or of another dtype."""
    if array.ndim and draw(st.booleans()):
        axis, length = draw(st.integers(0, array.ndim - 1)), draw(st.integers(0, 70))
        return np.resize(array, (*array.shape[:axis], length, *array.shape[axis + 1 :]))
    if array.ndim and array.size and draw(st.booleans()):
        return array[0].copy()
    return draw(
        st.sampled_from([array[None].copy(), garbage_like(draw, np.empty(array.shape, draw(any_dtype))), array])
    )


any_dtype = st.sampled_from([np.uint8, np.uint16, np.uint32, np.uint64, np.int32, np.float32, np.float64, jnp.bfloat16])


@pytest.mark.skipif(not cases.KERNELS, reason="plain JAX has other errors")
@hypothesis.settings(max_examples=EXAMPLES)
@given(any_call(), st.data())
def test_arrays_that_do_not_fit_are_errors(call, data):
    """Calls without XLA pass any arrays; a kernel checks all shapes and dtypes before it reads or writes."""
    name, args, params = call
    aliases = targets.TARGETS[name].aliases
    arrays = [np.array(a, order="C") for a in (*args, *run(name, args, params)[len(aliases) :])]
    for _ in range(data.draw(st.integers(1, 3))):
        k = data.draw(st.integers(0, len(arrays) - 1))
        arrays[k] = other_shape(data.draw, arrays[k])
    attributes = {key: int(value) for key, value in params.items() if key not in ("n", "dtype")}
    with contextlib.suppress(TypeError, ValueError):
        host.kernel(name, **attributes)(*arrays)


@hypothesis.settings(max_examples=cases.examples(40) if cases.KERNELS else 5)
@given(any_call())
def test_kernels_give_what_plain_jax_gives(call):
    name, args, params = call
    ours = run(name, args, params)
    with jax.enable_x64(True):
        reference = functools.partial(targets.TARGETS[name].reference, **params)
        batch_rank = args[0].ndim - core_rank(name, params)
        for _ in range(batch_rank):
            reference = jax.vmap(reference)
        lengths = args[0].shape[:batch_rank]
        full = [np.broadcast_to(a, (*lengths, *a.shape[batch_rank:])) for a in args]
        others = [jax.jit(reference)(*full)]
    if targets.TARGETS[name].steps is not None:
        others.append(targets.TARGETS[name].steps(*map(jnp.asarray, args), **params))
    for theirs in others:
        assert_same(name, ours, theirs)
