"""The rule of ryg_rans: its specification in plain Python, tables of CompressAI and torch_ans, and what it refuses."""

import fractions
import itertools
import json
import math

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from vectors import nearest as golden
from vectors import torch_ans_streams

from jans import models, quantize, rans, status, tans
from jans.models._rows import Rows

TIES = pytest.mark.parametrize("ties", ["even", "away"])


def plain(values, precision, ties="even", size=None):
    """Cumulative frequencies in Python integers, which shift one by one; None where there are none."""
    size, total = len(values) if size is None else size, 2**precision
    if not 1 <= size <= min(len(values), total):
        return None
    if not all(math.isfinite(p) and p >= 0 for p in values[:size]):
        return None
    exact = [fractions.Fraction(float(p)) * total for p in values[:size]]
    half = fractions.Fraction(1, 2)
    counts = [round(x) if ties == "even" else math.floor(x + half) for x in exact]
    if not 1 <= sum(counts) < min(2**52, 2**64 // total):
        return None
    cdf = [0, *itertools.accumulate(c * total // sum(counts) for c in counts)]
    cdf[size] = total
    for i in range(size):
        if cdf[i] < cdf[i + 1]:
            continue
        giver = min((cdf[j + 1] - cdf[j], j) for j in range(size) if cdf[j + 1] - cdf[j] > 1)[1]
        for j in range(giver + 1, i + 1):
            cdf[j] -= 1
        for j in range(i + 1, giver + 1):
            cdf[j] += 1
    return cdf + [total] * (len(values) - size)


def assert_is_plain(values, precision, **options):
    cdf = quantize.nearest(values, precision, options.get("size"), options.get("ties", "even"))
    expected = plain(np.asarray(values).tolist(), precision, **options)
    assert cdf.dtype == jnp.uint32
    assert cdf.tolist() == ([2**32 - 1] * (len(values) + 1) if expected is None else expected)
    return expected


# ---- the specification ----

precisions = st.sampled_from(cases.thin([12, 6, 16, 24, 31, 4], 6))
sizes = st.sampled_from(cases.thin([7, 1, 2, 40], 4))
ties = st.sampled_from(cases.thin(["even", "away"], 2))


@st.composite
def rows(draw):
    """A precision and a row: halves of counts, any numbers, or small ones and zeros between large ones."""
    precision = draw(precisions)
    n = min(draw(sizes), 2**precision)
    every = lambda elements: draw(st.lists(elements, min_size=n, max_size=n))
    kind = draw(st.sampled_from(["halves", "shares", "magnitudes"]))
    if kind == "halves":
        numbers = every(st.one_of(st.integers(0, 40), st.integers(0, 2 ** (precision + 1))))
        return precision, np.ldexp(np.array(numbers, np.float64), -precision - 1).astype(np.float32)
    if kind == "magnitudes":
        return precision, np.array(every(st.one_of(st.sampled_from(ODD), st.floats(0, 2, width=32))), np.float32)
    numbers = np.array(every(st.one_of(st.just(0), st.integers(0, 9), st.integers(0, 2**20))), np.float32)
    return precision, numbers / np.float32(max(numbers.sum(dtype=np.float32), 1))


ODD = [0.0, -0.0, 1e-45, -1e-45, 2.0**-126, 0.5, 1.0, 4.0, 65535.0, 1e30, 3.4e38, np.inf, np.nan, -1.0, -1e-30]


@given(rows(), ties)
@example((3, np.float32([0, 0, 0, 1, 0, 0, 0])), "even")
@example((31, np.float32([1, 1, 1, 0.99999994, 0, 0, 0])), "even")
@example((31, np.float32([1, 1, 1, 1, 0, 0, 0])), "even")
@example((6, np.ldexp(np.float32(1), [45, 44, 43, 42, 41, 40, 40])), "even")
@example((6, np.ldexp(np.float32(1), [45, 44, 43, 42, 41, 40, 0])), "away")
def test_any_row_is_that_of_the_specification(row, ties):
    precision, values = row
    cdf = assert_is_plain(values, precision, ties=ties)
    if cdf is not None:
        assert (cdf[0], cdf[-1]) == (0, 2**precision)
        assert (np.diff(cdf) >= 1).all()


@given(rows(), st.integers(-1, 41))
def test_sizes_cut_rows(row, size):
    precision, values = row
    cdf = assert_is_plain(values, precision, size=size)
    if cdf is not None:
        assert cdf[size:] == [2**precision] * (len(values) + 1 - size)


@given(st.lists(st.floats(0, 1), min_size=9, max_size=9), precisions, ties, st.integers(0, 2**9 - 1))
def test_doubles_are_not_rounded_to_floats(values, precision, ties, mask):
    total = 2 ** (precision + 1)  # in the middle, and next to it
    values = [p if mask >> i & 1 else np.nextafter(round(p * total) / total, i % 2) for i, p in enumerate(values)]
    with jax.enable_x64(True):
        assert_is_plain(jnp.asarray(values, jnp.float64), precision, ties=ties)


@TIES
def test_many_are_given_by_many(ties):
    """Givers of every size, some of them equal, and more to give than the smallest have."""
    rng = np.random.default_rng(0)
    for zeros, counts in [(300, [*range(2, 40)]), (250, [2] * 300), (500, [3, 2] * 240), (9, [9, 7, 7, 8])]:
        for precision in cases.thin([16, 11], 2):
            values = rng.permutation([0] * zeros + counts + [max(2**precision - sum(counts), 0)])
            assert_is_plain((values / values.sum()).astype(np.float32), precision, ties=ties)


def test_a_row_for_every_place():
    values = np.zeros(128, np.float32)
    values[100] = 1
    assert quantize.nearest(values, 7).tolist() == list(range(129))


# ---- the packages whose rule it is ----


@pytest.mark.parametrize("row", json.loads(golden.FILE.read_text()))
def test_golden(row):
    probs = golden.pmf(row["counts"], row["divisor"])
    for ties in {"even", "away"} & row.keys():
        assert quantize.nearest(probs, row["precision"], ties=ties).tolist() == row[ties]
    padded = quantize.nearest(np.append(probs, [np.nan, -1]).astype(np.float32), row["precision"], len(probs), "away")
    assert padded.tolist() == row["away"] + 2 * row["away"][-1:]


def test_the_file_has_the_rows_of_its_generator():
    vectors = json.loads(golden.FILE.read_text())
    assert [(v["precision"], v["counts"], v["divisor"]) for v in vectors] == golden.rows()
    assert sum("even" in v and v["even"] != v["away"] for v in vectors) >= 4
    assert all("even" in v for v in vectors if v["precision"] < 16)


@pytest.mark.parametrize("bypass", [False, True])
def test_tables_of_torch_ans(bypass):
    """All tables that were kept; those of tans32 and tans16 are held against their bytes in test_tans.py."""
    streams = torch_ans_streams.load()
    names = [name for name, part in streams.items() if "cdfs" in part and name.endswith(".bypass") == bypass]
    assert len(names) == 15
    for name in cases.thin(sorted(names), 5):
        part = streams[name]
        # A symbol for what lies outside of the alphabet comes last.
        counts = np.pad(part["freqs"].astype(np.float32), ((0, 0), (0, bypass)), constant_values=1e-10)
        precision = int(part["freq_precision"])
        cdf = np.asarray(quantize.nearest(counts / counts.sum(axis=1, keepdims=True, dtype=np.float32), precision))
        if name.startswith("tans"):  # there it is the symbols of all states, after two other tables
            symbols = part["cdfs"][:, 2 * 2**precision : 3 * 2**precision]
            assert np.diff(cdf).tolist() == [np.bincount(row, minlength=counts.shape[1]).tolist() for row in symbols]
        else:
            assert cdf.tolist() == part["cdfs"].tolist()


# ---- rows like any ----


def test_rows_in_batches():
    """Traced, mapped over, shared and broadcast."""
    rng = np.random.default_rng(1)
    values, sizes = rng.dirichlet(np.full(9, 0.2), (4, 3)).astype(np.float32), rng.integers(-1, 11, (4, 3))
    cut = lambda v, n: quantize.nearest(v, 12, n)
    expected = jnp.stack([jnp.stack([cut(values[k, j], sizes[k, j]) for j in range(3)]) for k in range(4)])
    assert cases.same(cut(values, sizes), expected)
    assert cases.same(cut(values, sizes.astype(np.int8)), expected)
    assert cases.same(jax.jit(cut)(values, jnp.asarray(sizes)), expected)
    assert cases.same(jax.vmap(cut)(values, jnp.asarray(sizes)), expected)
    assert cases.same(jax.vmap(jax.vmap(cut))(values, jnp.asarray(sizes)), expected)
    shared = jax.vmap(cut, in_axes=(0, None))(values, jnp.asarray(sizes[0]))
    assert cases.same(shared, cut(values, np.broadcast_to(sizes[0], (4, 3))))
    assert cases.same(shared, cut(values, sizes[:1]))
    assert cases.same(cut(values, 5), cut(values, np.full((4, 3), 5)))
    assert cases.same(quantize.nearest(values, 12), cut(values, 9))
    assert cut(values[:0], 5).shape == (0, 3, 10)
    assert cut(values[:, 0], sizes[:, 0]).shape == (4, 10)


def test_more_values_than_places():
    """Where sizes are given, values behind them may be more than there are places."""
    values = np.full((3, 20), 1 / 8, np.float32)
    assert quantize.nearest(values, 3, np.array([8, 9, 2])).tolist() == [
        [*range(8), *[8] * 13],
        [2**32 - 1] * 21,
        [0, 4, *[8] * 19],
    ]


BAD = [[np.nan, 1, 1], [1, np.inf, 1], [1, 1, -1e-3], [0, 0, 0], [1e-5, 1e-5, 1e-5], [2.0**40, 0, 1], [1, -np.inf, 1]]


@TIES
@pytest.mark.parametrize("row", BAD, ids=str)
def test_what_is_no_distribution_is_refused(row, ties):
    cdf = quantize.nearest(jnp.array([row, [0.25, 0.5, 0.25]], jnp.float32), 12, ties=ties)
    assert cdf.tolist() == [[2**32 - 1] * 4, [0, 1024, 3072, 4096]]
    pushed = rans.push(rans.init(4), Rows(cdf, 12), jnp.array([1, 1]))
    assert int(pushed.status) == status.BAD_MODEL
    alone = rans.push(rans.init(4), Rows(cdf[1], 12), jnp.array([1]))
    assert cases.same(pushed.head, alone.head)


def test_it_has_no_derivative():
    with pytest.raises(TypeError, match="jans_quantize_nearest turns numbers into code words and has no derivative"):
        jax.grad(lambda p: quantize.nearest(p, 8).astype(jnp.float32).sum())(jnp.array([0.5, 0.5]))


def test_a_coder_takes_its_rows():
    """Rows of several lengths code what is in their alphabets, and refuse what is not."""
    counts = np.array([[90, 9, 1, 0, 0], [1, 2, 3, 4, 0]], np.float32)
    cdf = quantize.nearest(counts / counts.sum(axis=1, keepdims=True), 12, np.array([3, 4]))
    index, symbols = np.array([0, 1, 1, 0]), jnp.array([2, 3, 0, 0])
    model = models.Table(cdf, index, 12)
    state = rans.push(rans.init(8), model, symbols)
    assert rans.pop(state, model)[1].tolist() == symbols.tolist()
    assert int(rans.push(rans.init(8), model, symbols + 1).status) == status.BAD_SYMBOL
    tables = tans.tables(cdf, precision=12)
    state = tans.push(tans.init(8, precision=12), tables.at(index), symbols)
    assert tans.pop(state, tables.at(index), (4,))[1].tolist() == symbols.tolist()


# ---- what a user may do wrong ----

VALUE = {
    "ties": (lambda row: quantize.nearest(row, 8, ties="up"), "ties must be one of even, away, got 'up'"),
    "precision": (lambda row: quantize.nearest(row, 0), "precision must be an integer from 1 to 32 bits, got 0"),
    "32 bits": (lambda row: quantize.nearest(row, 32), "nearest counts in 31 bits at most, got a precision of 32"),
    "room": (lambda row: quantize.nearest(jnp.ones(5), 2), "5 symbols do not fit a precision of 2 bits"),
    "nothing": (lambda row: quantize.nearest(row[:0], 8), r"probs needs a symbol or more .* \(0,\)"),
    "sizes": (
        lambda row: quantize.nearest(row, 8, jnp.ones(2, int)),
        r"sizes must have a shape that broadcasts to \(\), that of probs without its last axis, got \(2,\)",
    ),
}
TYPE = {
    "half": (lambda row: quantize.nearest(row.astype(jnp.float16), 8), "probs must be float32 or float64, got float16"),
    "counts": (lambda row: quantize.nearest(jnp.arange(3), 8), "probs must be float32 or float64, got int32"),
    "sizes": (lambda row: quantize.nearest(row, 8, 2.0), "sizes must be integers, got float64. Round"),
}


@pytest.mark.parametrize(("call", "message"), VALUE.values(), ids=VALUE)
def test_value_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(jnp.array([0.5, 0.5]))


@pytest.mark.parametrize(("call", "message"), TYPE.values(), ids=TYPE)
def test_type_errors(call, message):
    with pytest.raises(TypeError, match=message):
        call(jnp.array([0.5, 0.5]))
