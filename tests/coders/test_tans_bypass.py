"""Bypass coding of table ANS: its specification in plain Python, any int32, and data that no push can have written."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_tans import content, random_table

import jans
from jans import status, tans
from jans.reference import spec

LEAST, MOST = -(2**31), 2**31 - 1
CDF = np.array([[0, 3, 10, 16], [0, 5, 15, 16]])
ROWS = tans.tables(CDF, 4, sizes=np.array([2, 1]), offset=np.array([-1, 7]), bypass_precision=3)
"""Row 0 is for -1 and 0, row 1 for 7 alone: its last symbol lies behind the escape symbol."""
BESIDE = tans.tables(CDF, 4, offset=np.array([-1, 7]))
"""The same places as symbols of their own."""


class Scene:
    """Tables with gaps, escape symbols and symbols behind them, as arrays and as the specification has them."""

    def __init__(self, seed, precision, digit_bits, count=3, width=9):
        self.rng, self.precision = np.random.default_rng(seed), precision
        self.cdf = random_table(self.rng, precision, width, count)
        self.freqs = np.diff(self.cdf)
        self.escape = np.array([self.rng.choice(np.flatnonzero(row)) for row in self.freqs])
        self.offset = self.rng.integers(-50, 50, count)
        self.table = tans.tables(self.cdf, precision, self.escape, self.offset, digit_bits)
        self.bypass = spec.tans.Bypass(digit_bits, self.escape.tolist(), self.offset.tolist())

    def spreads(self):
        return [spec.tans.spread(row, self.precision) for row in self.cdf.tolist()]

    def message(self, n, share=0.3):
        """Row indices, some of no row, and symbols; a share of them lies outside of the alphabets."""
        index = self.rng.integers(-1, len(self.cdf), n)
        return index, np.array([0 if k < 0 else self.symbol(k, share) for k in index], np.int32)

    def symbol(self, k, share):
        codable = np.flatnonzero(self.freqs[k, : self.escape[k]])
        if codable.size and self.rng.random() > share:
            return self.offset[k] + self.rng.choice(codable)
        below, above = self.offset[k] - 1, self.offset[k] + self.escape[k]
        far = int(self.rng.integers(LEAST, MOST)) >> int(self.rng.integers(0, 31))
        if below < far < above:
            far = above
        return self.rng.choice([below, above, above + 3, below - 9, far, far, LEAST, MOST])


# ---- the specification ----


@given(st.data())
def test_bits_are_those_of_the_specification(data):
    precision = data.draw(st.sampled_from(cases.thin([4, 1, 7], 3)))
    lanes, digit_bits = data.draw(st.sampled_from([1, 2, 3, 4])), data.draw(st.integers(1, 16))
    scene = Scene(data.draw(st.integers(0, 2**32)), precision, digit_bits)
    state, coder = tans.init(150, lanes, precision), spec.tans.init(lanes, precision)
    sent = []
    for _ in range(2):
        index, symbols = scene.message(25)
        state = tans.push(state, scene.table.at(index), symbols)
        coder = spec.tans.push(coder, scene.spreads(), index.tolist(), symbols.tolist(), scene.bypass)
        assert content(state) == coder
        sent.append((index, symbols))
    for index, symbols in reversed(sent):
        state, popped = tans.pop(state, scene.table.at(index), (25,))
        coder, again = spec.tans.pop(coder, scene.spreads(), index.tolist(), scene.bypass)
        assert popped.tolist() == again == symbols.tolist()
        assert content(state) == coder
    assert tans.is_empty(jans.check(state))


# Every width of a digit, and every number of lanes that has a loop.
@pytest.mark.parametrize(
    ("digit_bits", "lanes"), cases.sample(cases.thin(zip(range(1, 17), [1, 2, 3, 4, 8, 32] * 3, strict=False)), 4)
)
def test_many_symbols(lanes, digit_bits):
    """Escape symbols in all places of a turn of the fast loops, and on the last words that there are or is room for."""
    for share in cases.thin([0.05, 0.6], 2):
        scene = Scene(100 * lanes + digit_bits, 6, digit_bits)
        below, (index, symbols) = scene.message(7), scene.message(397, share)
        start = tans.push(tans.init(1200, lanes, 6), scene.table.at(below[0]), below[1])
        full = tans.push(start, scene.table.at(index), symbols)
        coder = spec.tans.push(spec.tans.init(lanes, 6), scene.spreads(), *map(np.ndarray.tolist, below), scene.bypass)
        assert content(full) == spec.tans.push(coder, scene.spreads(), index.tolist(), symbols.tolist(), scene.bypass)
        size = int(full.size)
        tight = tans.State(start.head, start.partial_word, start.words[:size], start.size, start.status, 6)
        assert content(jans.check(tans.push(tight, scene.table.at(index), symbols))) == content(full)
        less = tans.State(start.head, start.partial_word, start.words[: size - 1], start.size, start.status, 6)
        less = tans.push(less, scene.table.at(index), symbols)
        assert (int(less.status), int(less.size), int(less.partial_word)) == (
            status.OVERFLOW,
            size,
            int(full.partial_word),
        )
        assert (less.words == full.words[: size - 1]).all()
        left, popped = tans.pop(full, scene.table.at(index), (397,))
        assert popped.tolist() == symbols.tolist()
        assert content(left) == content(start)
        left, popped = tans.pop(left, scene.table.at(below[0]), (7,))
        assert popped.tolist() == below[1].tolist()
        assert tans.is_empty(jans.check(left))


@given(st.lists(st.tuples(st.integers(LEAST, MOST), st.integers(LEAST, MOST)), min_size=5, max_size=5), st.data())
def test_any_symbol_and_any_offset(pairs, data):
    digit_bits = data.draw(st.sampled_from(cases.thin(range(1, 17))))
    symbols, offset = map(np.array, zip(*pairs, strict=True))
    table = tans.tables(np.tile(CDF[0], (5, 1)), 4, offset=offset, bypass_precision=digit_bits)
    state = tans.push(tans.init(20, 2, 4), table.at(np.arange(5)), symbols.astype(np.int32))
    left, popped = tans.pop(jans.check(state), table.at(np.arange(5)), (5,))
    assert popped.tolist() == symbols.tolist()
    assert tans.is_empty(jans.check(left))


def test_the_extremes():
    symbols, offset = np.array([LEAST, MOST, LEAST, MOST, LEAST, MOST]), np.array([MOST, LEAST, MOST - 1, LEAST + 1])
    for digit_bits in cases.thin([1, 4, 16], 3):
        for lanes in (1, 3):
            table = tans.tables(np.tile(CDF[0], (4, 1)), 4, offset=offset, bypass_precision=digit_bits)
            for k in range(4):
                state = tans.push(tans.init(30, lanes, 4), table.at(k), symbols)
                left, popped = tans.pop(jans.check(state), table.at(k), (6,))
                assert popped.tolist() == symbols.tolist()
                assert tans.is_empty(jans.check(left))


def test_an_alphabet_of_the_escape_symbol_alone():
    table = tans.tables(np.array([0, 16]), 4, bypass_precision=4)
    symbols = jnp.array([0, -1, 1, MOST, LEAST])
    left, popped = tans.pop(tans.push(tans.init(20, 1, 4), table, symbols), table, (5,))
    assert popped.tolist() == symbols.tolist()
    assert tans.is_empty(jans.check(left))


# ---- rows, offsets and places that are left out ----


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.int32])
def test_offsets_without_bypass_coding(dtype):
    rng = np.random.default_rng(3)
    cdf, offset = random_table(rng, 8, 12, 3), np.array([100, 3, 0 if np.iinfo(dtype).min == 0 else -20])
    index, quantiles = rng.integers(0, 3, 200), rng.integers(0, 256, 200)
    places = np.array([np.searchsorted(cdf[k, 1:], q, "right") for k, q in zip(index, quantiles, strict=True)])
    symbols = (offset[index] + places).astype(dtype)
    for lanes in (1, 3):
        state = tans.push(tans.init(99, lanes, 8), tans.tables(cdf, 8, offset=offset).at(index), symbols)
        assert content(state) == content(tans.push(tans.init(99, lanes, 8), tans.tables(cdf, 8).at(index), places))
        left, popped = tans.pop(state, tans.tables(cdf, 8, offset=offset).at(index), (200,), dtype)
        assert (popped.dtype, popped.tolist()) == (dtype, symbols.tolist())
        assert tans.is_empty(jans.check(left))


def test_symbols_that_a_row_with_an_offset_lacks():
    for symbol, row in ((-2, 0), (2, 0), (6, 1), (10, 1), (LEAST, 1), (MOST, 0)):
        assert int(tans.push(tans.init(9, 1, 4), BESIDE.at(row), jnp.array([symbol])).status) == status.BAD_SYMBOL
    top = tans.tables(CDF, 4, offset=MOST)
    assert int(tans.push(tans.init(9, 1, 4), top, jnp.array([LEAST])).status) == status.BAD_SYMBOL


def test_one_size_and_one_offset_serve_all_rows():
    for sizes, offset, same in ((1, 5, {"sizes": [1, 1], "offset": [5, 5]}), (None, None, {"sizes": 2, "offset": 0})):
        table = tans.tables(CDF, 4, sizes, offset, 4)
        other = tans.tables(CDF, 4, bypass_precision=4, **{key: np.array(value) for key, value in same.items()})
        symbols, index = jnp.array([0, -3, 5, 6, 99]), jnp.array([0, 1, 0, 1, 1])
        states = [tans.push(tans.init(9, 1, 4), each.at(index), symbols) for each in (table, other)]
        assert content(states[0]) == content(states[1])
        assert tans.pop(states[0], table.at(index), (5,))[1].tolist() == symbols.tolist()


@pytest.mark.parametrize("lanes", cases.thin([1, 4, 5], 3))
def test_an_index_of_minus_one_leaves_a_place_out(lanes):
    symbols, index = np.tile([7, 99, -1, 5], 30), np.tile([1, -1, 0, -1], 30)
    state = tans.push(tans.init(99, lanes, 4), ROWS.at(index), symbols)
    left, popped = tans.pop(state, ROWS.at(index), (120,))
    assert popped.tolist() == np.where(index < 0, 0, symbols).tolist()
    assert tans.is_empty(jans.check(left))
    for k in (-2, 2, MOST, LEAST):
        bad = tans.push(state, ROWS.at(jnp.array([k, -1])), jnp.array([7, 7]))
        assert (content(bad), int(bad.status)) == (content(state), status.BAD_MODEL)
        bad, popped = tans.pop(state, ROWS.at(jnp.array([k, -1])), (2,))
        assert (content(bad), int(bad.status), popped.tolist()) == (content(state), status.BAD_MODEL, [0, 0])
    nothing = tans.push(state, ROWS.at(-1), symbols)
    assert (content(nothing), int(nothing.status)) == (content(state), 0)


@pytest.mark.parametrize("size", [-1, -2, 3, MOST, LEAST])
def test_sizes_that_no_row_has(size):
    table = tans.tables(CDF, 4, np.array([size, 2]), bypass_precision=4)
    start = tans.push(tans.init(99, 1, 4), table.at(1), jnp.array([1, -7, 1]))
    assert int(start.status) == 0
    for n in (2, 90):
        state = tans.push(start, table.at(0), jnp.full(n, 1))
        assert (content(state), int(state.status)) == (content(start), status.BAD_MODEL)
        state = tans.push(start, table.at(0), jnp.full(n, -5))
        assert (content(state), int(state.status)) == (content(start), status.BAD_MODEL)
        state, popped = tans.pop(start, table.at(0), (n,))
        assert (content(state), int(state.status), popped.tolist()) == (content(start), status.BAD_MODEL, [0] * n)


def test_a_row_that_is_no_distribution():
    table = tans.tables(np.array([[0, 9, 15], [0, 9, 16]]), 4, bypass_precision=4)
    for symbol in (0, 1, -1):
        state = tans.push(tans.init(9, 1, 4), table, jnp.array([symbol]))
        assert (content(state), int(state.status)) == (((16,), 1), status.BAD_MODEL)


def test_an_escape_symbol_of_probability_zero():
    table = tans.tables(np.array([0, 6, 16, 16]), 4, bypass_precision=4)
    good = tans.push(tans.init(99, 1, 4), table, jnp.array([0, 1] * 20))
    bad = tans.push(tans.init(99, 1, 4), table, jnp.array([0, 1, 2, -1] * 20).at[2::4].set(2))
    assert (content(bad), int(bad.status)) == (content(good), status.BAD_SYMBOL)


def test_a_symbol_of_probability_zero_is_not_escaped():
    table = tans.tables(np.array([0, 6, 6, 16]), 4, bypass_precision=4)
    bad = tans.push(tans.init(99, 1, 4), table, jnp.array([0, 1, 5]))
    good = tans.push(tans.init(99, 1, 4), table, jnp.array([0, 5]))
    assert (content(bad), int(bad.status)) == (content(good), status.BAD_SYMBOL)


# ---- in JAX ----


def test_streams_with_tables_of_their_own_or_shared_ones():
    scenes = [Scene(k, 6, 5, count=2) for k in range(20)]
    index, symbols = (jnp.asarray(np.stack(part)) for part in zip(*[s.message(30) for s in scenes], strict=True))
    make = lambda cdf, sizes, offset: tans.tables(cdf, 6, sizes, offset, 5)
    parts = [np.stack([getattr(s, name) for s in scenes]) for name in ("cdf", "escape", "offset")]
    own = jax.vmap(make)(*parts)
    shared = make(*(part.reshape(40, *part.shape[2:]) for part in parts))
    both = jnp.where(index < 0, -1, jnp.arange(20)[:, None] * 2 + index)
    cases.alike_with_own_tables(own, shared, index, both, symbols, tans.init(99, 2, 6))


def test_as_a_codec():
    index = jnp.array([0, 1, -1, 1, 0, 0])
    codec = tans.codec(ROWS.at(index), (6,))
    start = tans.push(tans.init(30, 2, 4), ROWS, jnp.array([-1, 0, 12]))
    jans.check_codec(codec, start, jnp.array([-1, 7, 0, 8, MOST, -2]))


# ---- what no push can have written ----


def with_digits(*digits, before=(), after=()):
    """An escape symbol of row 0 in front of such digits of three bits, the first one read first; between symbols of row
    0 that come before and after it."""
    spreads, beside = [spec.tans.spread(CDF[0].tolist(), 4)], spec.tans.Bypass(3, [9], [-1])
    heads, bits = spec.tans.push(spec.tans.init(1, 4), spreads, [0] * len(after), after, beside)
    for digit in reversed(digits):
        bits = spec.tans.write(bits, digit, 3)
    places = [*before, 1]
    coder = spec.tans.push((heads, bits), spreads, [0] * len(places), places, beside)
    return tans.from_string(spec.tans.to_bytes(coder, 8), 4, 1, 8)


def digits_of(number):
    """As many as it has and at least one, without their count."""
    return [number >> k & 7 for k in range(0, max(number.bit_length(), 1), 3)]


GOOD = {(0,): 1, (1, 2): 2, (2, 5, 1): -8, (7, 4, *digits_of(2 * (MOST - 1))): MOST}
BAD = {
    "the digit read last is 0": (2, 5, 0),
    "no digit but 0": (1, 0),
    "more digits than any number has": (7, 6),
    "and yet more": (7, 7),
    "a number beyond those of 34 bits": (7, 5, *digits_of(2**34)),
    "a value beyond those of 32 bits": (7, 4, *digits_of(2 * MOST)),
    "a value below those of 32 bits": (7, 4, *digits_of(2 * MOST + 1)),
}


@pytest.mark.parametrize(("digits", "symbol"), GOOD.items())
def test_digits_that_a_push_writes(digits, symbol):
    state = with_digits(*digits, before=[0, -1], after=[-1, 0])
    assert content(tans.push(tans.init(9, 1, 4), ROWS, jnp.array([0, -1, symbol, -1, 0]))) == content(state)
    left, popped = tans.pop(state, ROWS, (5,))
    assert popped.tolist() == [0, -1, symbol, -1, 0]
    assert tans.is_empty(jans.check(left))


@pytest.mark.parametrize("digits", BAD.values(), ids=BAD)
def test_digits_that_no_push_writes(digits):
    for n in (2, 150):
        near = np.random.default_rng(n).integers(-1, 1, n).tolist()
        left, popped = tans.pop(with_digits(*digits, before=near, after=near), ROWS, (2 * n + 1,))
        assert popped.tolist() == [*near, 0, *near]
        assert int(left.status) == status.BAD_DATA
        assert tans.is_empty(left)
    with pytest.raises(
        jans.CodingError,
        match=r"an encoder .* cannot have written the words",
    ):
        jans.check(left)


@pytest.mark.parametrize("n", [2, 150])
def test_a_place_behind_the_escape_symbol(n):
    symbols = np.full(n, 7)
    symbols[n // 2] = 9
    state = tans.push(tans.init(99, 1, 4), BESIDE.at(1), symbols)
    left, popped = tans.pop(state, ROWS.at(1), (n,))
    assert popped.tolist() == [7] * (n // 2) + [0] * (n - n // 2)  # it takes no bits, and is there for ever
    assert int(left.status) == status.BAD_DATA


@pytest.mark.parametrize("coding", [{}, {"bypass_precision": 4}])
def test_places_beyond_those_of_32_bits(coding):
    table = tans.tables(np.array([0, 5, 10, 16]), 4, offset=MOST, **coding)
    for n in (3, 150):
        places = np.random.default_rng(n).integers(0, 2, n)
        state = tans.push(tans.init(99, 1, 4), tans.tables(np.array([0, 5, 10, 16]), 4), places)
        left, popped = tans.pop(state, table, (n,))
        assert popped.tolist() == np.where(places == 0, MOST, 0).tolist()
        assert int(left.status) == status.BAD_DATA
        assert tans.is_empty(left)


@pytest.mark.parametrize("lanes", cases.thin([1, 2, 4, 8, 32], 5))
def test_reading_past_the_end(lanes):
    """The digits of a few values take all the bits that a turn of a fast loop counts on."""
    table = tans.tables(CDF[0], 4, bypass_precision=1)
    for n in cases.thin(range(1, 13), 12):
        symbols = np.random.default_rng(n).choice([LEAST, MOST, 0], n)
        left, popped = tans.pop(tans.push(tans.init(40, lanes, 4), table, symbols), table, (n + 2 * lanes + 20,))
        assert popped[:n].tolist() == symbols.tolist()
        assert int(left.status) & status.UNDERFLOW
        assert (int(left.size), int(left.partial_word)) == (0, 1)


@given(st.data())
def test_what_pops_from_anything_pushes_back(data):
    lanes, precision = data.draw(st.sampled_from(cases.thin([1, 2, 3, 8], 4))), data.draw(st.sampled_from([3, 6]))
    scene = Scene(data.draw(st.integers(0, 2**32)), precision, data.draw(st.sampled_from([1, 2, 5, 16])))
    rng, n = np.random.default_rng(data.draw(st.integers(0, 2**32))), data.draw(st.sampled_from([10, 60]))
    heads = tuple(rng.integers(2**precision, 2 ** (precision + 1), lanes).tolist())
    numbers = (rng.integers(0, 256, 400) >> rng.integers(0, 9)).astype(np.uint8)
    coder = heads, int.from_bytes([*numbers.tolist(), 1], "little")
    state = tans.from_string(spec.tans.to_bytes(coder, 16), precision, lanes, 16, capacity=200)
    index = rng.integers(-1, 3, n)
    left, popped = tans.pop(state, scene.table.at(index), (n,))
    assert int(left.status) & ~(status.UNDERFLOW | status.BAD_DATA) == 0
    if int(left.status) == 0:
        assert spec.tans.pop(coder, scene.spreads(), index.tolist(), scene.bypass)[1] == popped.tolist()
        assert content(tans.push(left, scene.table.at(index), popped)) == coder


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"sizes": 3},
            ValueError,
            "sizes say where the escape symbols of bypass coding are, and there is none without",
        ),
        ({"bypass_precision": 0}, ValueError, "bypass_precision must be an integer from 1 to 16 bits .*, got 0. torch"),
        ({"bypass_precision": 17}, ValueError, "bypass_precision must be an integer from 1 to 16 bits .*, got 17"),
        ({"bypass_precision": 4.0}, ValueError, "bypass_precision must be an integer from 1 to 16 bits .*, got 4.0"),
        ({"bypass_precision": 4, "sizes": np.ones(3, int)}, ValueError, r"sizes must .* 2 rows, got shape \(3,"),
        ({"bypass_precision": 4, "sizes": np.ones(2)}, TypeError, "sizes must be integers, got float64"),
        ({"offset": np.ones((2, 1), int)}, ValueError, r"offset must be one number or one for each of the 2 rows"),
        ({"offset": 0.5}, TypeError, "offset must be integers, got float64"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        tans.tables(CDF, 4, **arguments)
