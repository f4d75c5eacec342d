"""Values outside of the alphabets: every int32 comes back, in the digits of the format, and damage is noticed."""

import dataclasses
import math

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import jans
from jans import models, rans, status
from jans._variants import RANS
from jans.reference import spec

LEAST, MOST = -(2**31), 2**31 - 1
CDF = np.array([[0, 20, 40, 63, 64, 64], [0, 1, 2, 3, 4, 64]])
SIZES = [3, 4]
EDGES = [LEAST, LEAST + 1, -1, 0, 2, 3, 4, MOST - 1, MOST]
integers = st.one_of(st.integers(LEAST, MOST), st.integers(-10, 10), st.sampled_from(EDGES))


def model_of(index, offset=0, bypass_precision=4, lookup="auto"):
    table = models.Table(CDF, index, 6).prepare(lookup)
    return models.Bypass(table, np.array(SIZES), np.array(offset), bypass_precision)


def digits_of(value, offset, size, bits):
    """The format in plain Python: the digits behind an escape symbol in reading order, or None."""
    v, escape, most = value - offset, size, 2**bits - 1
    if 0 <= v < escape:
        return None
    number = -2 * v - 1 if v < 0 else 2 * (v - escape)
    digits = []
    while number:
        digits.append(number & most)
        number >>= bits
    return [most] * (len(digits) // most) + [len(digits) % most] + digits


def plain_words(v, lanes, symbols, index, offset, bits):
    """A message coded with plain integers, group by group."""
    coder = spec.rans.init(v, lanes)
    places = list(range(len(symbols)))
    whole = len(symbols) // lanes * lanes
    groups = [places[k : k + lanes] for k in range(0, whole, lanes)] + [[i] for i in places[whole:]]
    for group in reversed(groups):
        for i in reversed(group):
            for digit in reversed(digits_of(symbols[i], offset[index[i]], SIZES[index[i]], bits) or []):
                coder = spec.rans.push_one(v, coder, i % lanes, digit, 1, bits)
        for i in reversed(group):
            place = symbols[i] - offset[index[i]]
            place = place if 0 <= place < SIZES[index[i]] else SIZES[index[i]]
            start, end = CDF[index[i], place : place + 2].tolist()
            coder = spec.rans.push_one(v, coder, i % lanes, start, end - start, 6)
    return spec.rans.words(v, coder)


@settings(max_examples=cases.examples(40) if cases.KERNELS else 8)
@given(
    st.lists(st.tuples(integers, st.integers(0, 1)), max_size=40),
    st.tuples(integers, integers),
    st.sampled_from(cases.STACKS),
    st.integers(1, 15),
    st.sampled_from(["auto", "search", "dense"]),
)
@example([(LEAST, 0), (MOST, 0), (LEAST, 1), (MOST, 1)], (MOST, LEAST), cases.STACKS[0], 1, "auto")
@example([(value, k) for value in EDGES for k in (0, 1)], (0, 0), cases.STACKS[-1], 15, "auto")
@example([(value, k) for value in EDGES for k in (0, 1)] * 4, (-1, 5), cases.STACKS[-1], 4, "auto")  # whole groups
@example([(value, k) for value in EDGES for k in (0, 1)] * 4, (-1, 5), cases.STACKS[2], 3, "search")
def test_every_value_comes_back(message, offset, coder, bits, lookup):
    symbols, index = (np.array([pair[k] for pair in message], np.int32) for k in (0, 1))
    model = model_of(index, offset, bits, lookup)
    state = rans.push(rans.init(40 * 70, coder.lanes, coder.variant), model, symbols)
    v = RANS[coder.variant]
    expected = plain_words(v, coder.lanes, symbols.tolist(), index.tolist(), offset, bits)
    assert rans.to_words(state).tolist() == list(expected)
    rest, again = rans.pop(state, model)
    assert cases.same(again, symbols)
    assert rans.is_empty(jans.check(rest))


@given(st.lists(integers, min_size=1, max_size=30), integers, st.integers(1, 16))
def test_bits_are_what_digits_cost(values, offset, bits):
    index = np.arange(len(values)) % 2
    found = np.asarray(model_of(index, offset, bits).bits(np.array(values, np.int32)))
    for value, k, cost in zip(values, index, found, strict=True):
        digits = digits_of(value, offset, SIZES[k], bits)
        place = SIZES[k] if digits is not None else value - offset
        freq = CDF[k, place + 1] - CDF[k, place]
        assert cost == pytest.approx(6 - math.log2(freq) + bits * len(digits or []), rel=1e-6)


def test_places_that_are_left_out():
    index = jnp.array([0, -1, 1, -1, 0])
    symbols = jnp.array([1, 77, -5, 9, 2])
    model, kept = model_of(index), np.array([0, 2, 4])
    state = rans.push(rans.init(8), model, symbols)
    assert cases.content(state) == cases.content(rans.push(rans.init(8), model_of(index[kept]), symbols[kept]))
    rest, again = rans.pop(state, model)
    assert again.tolist() == [1, 0, -5, 0, 2]
    assert rans.is_empty(jans.check(rest))
    assert model.bits(symbols).tolist()[1::2] == [0, 0]
    for missing in (-2, 2):
        pushed = rans.push(rans.init(8), model_of(jnp.array([missing])), jnp.array([0]))
        assert int(pushed.status) == status.BAD_MODEL
        assert np.isinf(model_of(jnp.array([missing])).bits(jnp.array([0]))).all()
        popped, zero = rans.pop(state, model_of(jnp.array([missing])))
        assert int(popped.status) == status.BAD_MODEL
        assert zero.tolist() == [0]


def digits_on(digits, bits, place=3):
    """A state off which the digits are popped behind the escape symbol of row 0."""
    state = rans.init(90)
    for digit in reversed(digits):
        state = rans.push(state, models.Uniform(2**bits, bits), jnp.array([digit]))
    return rans.push(state, models.Table(CDF, 0, 6), jnp.array([place]))


@pytest.mark.parametrize(
    "digits",
    [
        [15, 15, 15, 15],  # more digits than a number can have
        [2, 5, 0],  # a leading digit of zero
        [9, *[15] * 8, 7],  # a number of 35 bits
        [9, *[15] * 8, 3],  # beyond int32
    ],
    ids=str,
)
def test_digits_that_nobody_wrote(digits):
    rest, symbols = rans.pop(digits_on(digits, 4), model_of(0), (1,))
    assert int(rest.status) & status.BAD_DATA
    assert symbols.tolist() == [0]
    good, symbols = rans.pop(digits_on([1, 5], 4), model_of(0), (1,))
    assert (int(good.status), symbols.tolist()) == (0, [-3])


def test_symbols_behind_the_escape_symbol():
    cdf = np.array([[0, 20, 40, 50, 64]])
    model = models.Bypass(models.Table(cdf, precision=6), sizes=2)
    state = rans.push(rans.init(4), models.Table(cdf, precision=6), jnp.array([3]))
    rest, symbols = rans.pop(state, model, (1,))
    assert int(rest.status) == status.BAD_DATA
    assert symbols.tolist() == [0]


def test_an_escape_symbol_without_a_place():
    cdf = np.array([[0, 20, 64, 64]])
    state = rans.push(rans.init(4), models.Bypass(models.Table(cdf, precision=6)), jnp.array([1, 2, 9]))
    assert int(state.status) == status.BAD_SYMBOL
    same = rans.push(rans.init(4), models.Table(cdf, precision=6), jnp.array([1]))
    assert rans.to_words(same).tolist() == np.asarray(state.tail)[: int(state.size)].tolist() + [
        int(x) for x in np.asarray(state.head).reshape(-1) if x
    ]


def test_batches_jit_and_dtypes():
    index = jnp.arange(60).reshape(3, 20) % 2
    symbols = jnp.arange(60, dtype=jnp.uint8).reshape(3, 20)
    model = model_of(0)
    code = jax.jit(jax.vmap(lambda s, k: rans.push(rans.init(60), model.at(k), s)))
    states = jans.check(code(symbols, index))
    _, again = jax.vmap(lambda state, k: rans.pop(state, model.at(k), dtype=jnp.uint8))(states, index)
    assert again.dtype == jnp.uint8
    assert (again == symbols).all()
    for k in range(3):
        alone = rans.push(rans.init(60), model_of(index[k]), symbols[k].astype(jnp.int32))
        assert cases.content(alone) == cases.content(jax.tree.map(lambda leaf, k=k: leaf[k], states))


def test_errors():
    table = models.Table(CDF, 0, 6)
    for make, kind, message in [
        (lambda: models.Bypass(models.Uniform(3)), TypeError, "bypass coding is for a jans.models.Table, got Uniform"),
        (
            lambda: models.Bypass(table, bypass_precision=17),
            ValueError,
            "bypass_precision must be an integer from 1 to 16, got 17",
        ),
        (
            lambda: models.Bypass(table, bypass_precision=0),
            ValueError,
            "bypass_precision must be an integer from 1 to 16, got 0",
        ),
        (lambda: models.Bypass(table, sizes=[1, 2, 3]), ValueError, "sizes must be one number or one for each of the"),
        (lambda: models.Bypass(table, offset=0.5), TypeError, "offset must be integers, got float64"),
        (lambda: models.Bypass(table).interval(jnp.array([1])), TypeError, "only jans.rans codes it"),
        (lambda: models.Bypass(table).locate(jnp.array([1], jnp.uint32)), TypeError, "widen the table with"),
        (lambda: jans.chain.pop(jans.chain.init(np.ones(3, np.uint32)), models.Bypass(table), (1,)), TypeError, "only"),
        (lambda: models.escape(models.Bypass(table)), TypeError, "does not say where its support ends"),
        (
            lambda: rans.push(
                rans.init(4, variant="rans32_16"), models.Bypass(table, bypass_precision=16), jnp.array([1])
            ),
            ValueError,
            "variant rans32_16 codes digits of at most 15 bits, got 16",
        ),
    ]:
        with pytest.raises(kind, match=message):
            make()


@pytest.mark.parametrize("lanes", [1, 32])
def test_alphabets_that_go_on_behind_their_row(lanes):
    """Sizes beyond the row: what would be found there belongs to the next one."""
    cdf = np.arange(3 * 65, dtype=np.int64).reshape(3, 65) % 65 * 64
    model = models.Bypass(models.Table(cdf, 0, 12).prepare(), sizes=79)
    symbols = jnp.full(64, 3).at[5].set(70)
    state = rans.push(rans.init(200, lanes, "rans32_16"), model, symbols)
    assert int(state.status) == status.BAD_SYMBOL
    rest, again = rans.pop(state, model.at(jnp.zeros(64, jnp.int32).at[5].set(-1)))
    assert cases.same(again, symbols.at[5].set(0))
    assert rans.is_empty(jans.check(dataclasses.replace(rest, status=jnp.int32(0))))
