"""Table ANS: its specification in plain Python, torch_ans's own bytes, and what a user may do wrong."""

import json

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import tans as golden
from vectors import torch_ans_streams

import jans
from jans import models, quantize, status, tans
from jans.reference import spec

LANES = (1, 2, 3, 4, 5, 8, 32, 33)
CDF = np.array([[0, 3, 10, 16], [0, 0, 1, 16]])
ROWS = tans.tables(CDF, precision=4)
MESSAGE = jnp.array([1, 0, 2, 1, 1, 2, 0, 1, 2])


def content(state):
    """Heads and bits of a state, as in the specification."""
    bits = 1 << 32 * int(state.size) + int(state.partial_word).bit_length() - 1
    bits |= (int(state.partial_word) << 32 * int(state.size)) & bits - 1
    bits |= int.from_bytes(np.asarray(state.words)[: int(state.size)].astype("<u4").tobytes(), "little")
    return tuple(state.head.tolist()), bits


@st.composite
def tables_of(draw, precision, size, count):
    """Cumulative frequencies that rise from 0 to 2**precision, with gaps and certain symbols."""
    cuts = st.lists(st.integers(0, 2**precision), min_size=size - 1, max_size=size - 1)
    return [[0, *sorted(draw(cuts)), 2**precision] for _ in range(count)]


def random_table(rng, precision, size, count):
    cuts = np.sort(rng.integers(0, 2**precision + 1, (count, size - 1)) >> rng.integers(0, 4), axis=1)
    return np.pad(np.pad(cuts, ((0, 0), (1, 0))), ((0, 0), (0, 1)), constant_values=2**precision)


def random_message(rng, cdf, n):
    """Row indices, and symbols that their rows can code."""
    index = rng.integers(0, len(cdf), n)
    quantiles = rng.integers(0, cdf[0, -1], n)
    return index, np.array([np.searchsorted(cdf[k, 1:], q, "right") for k, q in zip(index, quantiles, strict=True)])


# ---- the specification ----


@given(st.data())
def test_tables_are_those_of_the_specification(data):
    precision = data.draw(st.integers(1, 9))
    (cdf,) = data.draw(tables_of(precision, data.draw(st.integers(1, 12)), 1))
    table = tans.tables(np.array(cdf), precision=precision)
    symbols = spec.tans.spread(cdf, precision)
    assert sorted(symbols) == [s for s in range(len(cdf) - 1) for _ in range(cdf[s], cdf[s + 1])]
    assert (np.asarray(table.decoder)[0] & 0xFFFF).tolist() == symbols
    numbers = [symbols.count(s) + symbols[:u].count(s) for u, s in enumerate(symbols)]
    assert (np.asarray(table.decoder)[0] >> 16).tolist() == numbers
    assert table.states[0].tolist() == sorted(range(len(symbols)), key=lambda u: (symbols[u], u))


@given(st.data())
def test_bits_are_those_of_the_specification(data):
    precision = data.draw(st.sampled_from(cases.thin([4, 1, 3, 7, 11], 3)))
    lanes = data.draw(st.sampled_from([1, 3, 4]))
    cdf = np.array(data.draw(tables_of(precision, 6, 3)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    table, spreads = tans.tables(cdf, precision=precision), [spec.tans.spread(row, precision) for row in cdf.tolist()]
    state, coder = tans.init(20, lanes, precision), spec.tans.init(lanes, precision)
    sent = []
    for _ in range(2):
        index, symbols = random_message(rng, cdf, 25)
        state = tans.push(state, table.at(index), symbols)
        coder = spec.tans.push(coder, spreads, index.tolist(), symbols.tolist())
        assert content(state) == coder
        sent.append((index, symbols))
    for index, symbols in reversed(sent):
        state, popped = tans.pop(state, table.at(index), (25,))
        coder, again = spec.tans.pop(coder, spreads, index.tolist())
        assert popped.tolist() == again == symbols.tolist()
        assert content(state) == coder
    assert tans.is_empty(jans.check(state))


@pytest.mark.parametrize(
    ("dtype", "lanes"),
    cases.sample(cases.thin(zip([np.uint8, np.int8, np.uint16, np.int16, np.int32] * 4, LANES * 2, strict=False), 9)),
)
def test_many_symbols(dtype, lanes):
    """More than fit into the fast loops' windows, on top of bits that fill no word, and with just enough room."""
    rng = np.random.default_rng(lanes)
    for precision in cases.thin([12, 15, 6], 3):
        cdf = random_table(rng, precision, 40, 3)
        table, spreads = (
            tans.tables(cdf, precision=precision),
            [spec.tans.spread(row, precision) for row in cdf.tolist()],
        )
        below, (index, symbols) = random_message(rng, cdf, 7), random_message(rng, cdf, 403)
        start = tans.push(tans.init(300, lanes, precision), table.at(below[0]), below[1].astype(dtype))
        full = tans.push(start, table.at(index), symbols.astype(dtype))
        if precision == 6:
            coder = spec.tans.push(spec.tans.init(lanes, precision), spreads, below[0].tolist(), below[1].tolist())
            assert content(full) == spec.tans.push(coder, spreads, index.tolist(), symbols.tolist())
        size = int(full.size)
        tight = tans.State(start.head, start.partial_word, start.words[:size], start.size, start.status, precision)
        assert content(jans.check(tans.push(tight, table.at(index), symbols.astype(dtype)))) == content(full)
        less = tans.State(start.head, start.partial_word, start.words[: size - 1], start.size, start.status, precision)
        less = tans.push(less, table.at(index), symbols.astype(dtype))
        assert (int(less.status), int(less.size), int(less.partial_word)) == (
            status.OVERFLOW,
            size,
            int(full.partial_word),
        )
        assert (less.words == full.words[: size - 1]).all()
        left, popped = tans.pop(full, table.at(index), (403,), dtype)
        assert (popped.dtype, popped.tolist()) == (dtype, symbols.tolist())
        assert content(left) == content(start)
        left, popped = tans.pop(left, table.at(below[0]), (7,), dtype)
        assert popped.tolist() == below[1].tolist()
        assert tans.is_empty(jans.check(left))


@pytest.mark.parametrize("lanes", cases.thin(LANES, 4))
def test_symbols_that_cost_nothing(lanes):
    """A certain symbol leaves a head as it is, whatever lies below."""
    table = tans.tables(np.array([0, 0, 2**10]), precision=10)
    start = tans.push(tans.init(9, lanes, 10), tans.tables(np.array([0, 1, 2**10]), precision=10), jnp.zeros(9, int))
    state = tans.push(start, table, jnp.ones(500, int))
    assert content(state) == content(start)
    left, popped = tans.pop(state, table, (500,))
    assert (popped == 1).all()
    assert content(left) == content(start)


@pytest.mark.parametrize("lanes", cases.thin([1, 2, 8], 2))
def test_a_few_symbols_at_a_time(lanes):
    """Most calls find bits that fill no word, and leave some of them."""
    states, parts = [tans.init(9, lanes, 4)], np.random.default_rng(4).integers(1, 3, (40, 2))
    for part in parts:
        states.append(tans.push(states[-1], ROWS.at(1), part))
    for before, state, part in zip(states, states[1:], parts, strict=False):
        assert content(tans.pop(state, ROWS.at(1), (0,))[0]) == content(state)
        left, popped = tans.pop(state, ROWS.at(1), (2,))
        assert popped.tolist() == part.tolist()
        assert content(left) == content(before)


def test_lengths_come_near_the_entropy():
    probs = np.random.default_rng(0).dirichlet(np.ones(50))
    model = models.Table(quantize.fast(probs.astype(np.float32), precision=12)[None], 0, 12)
    symbols = np.random.default_rng(1).choice(50, 20000, p=probs)
    state = tans.push(tans.init(9000, 8, 12), tans.tables(model.cdf, precision=12), symbols)
    assert abs(32 * int(jans.check(state).size) / model.bits(symbols).sum() - 1) < 1e-3


# ---- golden bytes, and torch_ans's ----


@pytest.mark.parametrize(
    "vector",
    json.loads(golden.FILE.read_text()),
    ids=lambda v: f"{v['lanes']}-{v['precision']}-{v.get('bypass_precision', 0)}",
)
def test_golden(vector):
    lanes, precision, word_bits = vector["lanes"], vector["precision"], vector["word_bits"]
    index, symbols = np.array(vector["index"]), vector["symbols"]
    bypass = {key: vector[key] for key in ("sizes", "offset", "bypass_precision") if key in vector}
    bypass = {key: np.array(value) if isinstance(value, list) else value for key, value in bypass.items()}
    if "sizes" in bypass:  # the vectors count the escape symbol as well
        bypass["sizes"] = bypass["sizes"] - 1
    table = tans.tables(np.array(vector["cdf"]), precision, **bypass)
    state = tans.push(tans.init(99, lanes, precision), table.at(index), jnp.array(symbols))
    assert tans.to_string(state, word_bits).hex() == vector["bytes"]
    read = tans.from_string(bytes.fromhex(vector["bytes"]), precision, lanes, word_bits)
    assert content(read) == content(state)
    left, popped = tans.pop(read, table.at(index), index.shape)
    assert popped.tolist() == symbols
    assert tans.is_empty(jans.check(left))


def test_the_file_is_what_the_generator_writes():
    assert golden.FILE.read_text() == golden.document()


TORCH_STREAMS = ["tans32.i1", "tans32.i4", "tans32.i32", "tans16.i1", "tans16.i4", "tans8.i1", "tans8.i4"]


@pytest.mark.parametrize("bypass", ["", ".bypass"])
@pytest.mark.parametrize("stream", TORCH_STREAMS)
def test_torch_ans(stream, bypass):
    part = torch_ans_streams.load()[stream + bypass]
    name, lanes = stream.split(".i")
    lanes, precision, word_bits = int(lanes), int(part["freq_precision"]), 16 if name == "tans32" else 8
    data = part["encoded"].tobytes()
    assert int.from_bytes(data[:4], "little") == len(data) - 4
    assert (part["num_freqs"] == part["freqs"].shape[1]).all()
    sizes = part["cdfs_sizes"] - 1
    freqs = part["freqs"].astype(np.float32)
    freqs = np.pad(freqs, ((0, 0), (0, sizes[0] - freqs.shape[1])), constant_values=1e-10)  # the escape symbol
    probs = freqs / part["freqs"].sum(axis=1, keepdims=True).astype(np.float32)
    coding = {"sizes": sizes - 1, "bypass_precision": 4} if bypass else {}
    table = tans.tables(quantize.nearest(probs, precision), precision, offset=part["offsets"], **coding)
    if name == "tans8":  # what it calls cdfs are its tables
        total = 2**precision
        assert (part["cdfs"][:, :total] - total == table.states).all()
        escaped = table.decoder >> 16 == 0
        places = jnp.where(escaped, table.escape[:, None], table.decoder & 0xFFFF)
        assert (part["cdfs"][:, 2 * total : 3 * total] == places).all()
        assert escaped.any() == bool(bypass)
    index, symbols = part["indexes"], part["symbols"]
    left, popped = tans.pop(tans.from_string(data[4:], precision, lanes, word_bits), table.at(index), symbols.shape)
    assert (popped == symbols).all()
    assert tans.is_empty(jans.check(left))
    state = tans.push(tans.init(len(data), lanes, precision), table.at(index), symbols)
    assert tans.to_string(state, word_bits) == data[4:]


@given(st.data())
def test_bytes_there_and_back(data):
    lanes, precision = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 15))
    word_bits = data.draw(st.sampled_from([8, 16]))
    heads = data.draw(st.lists(st.integers(2**precision, 2 ** (precision + 1) - 1), min_size=lanes, max_size=lanes))
    bits = data.draw(st.integers(1, 2**100))
    encoded = spec.tans.to_bytes((tuple(heads), bits), word_bits)
    state = tans.from_string(encoded, precision, lanes, word_bits, capacity=5)
    assert content(state) == (tuple(heads), bits)
    assert tans.to_string(state, word_bits) == encoded


# ---- in JAX ----


def test_a_thousand_streams_with_tables_of_their_own_or_shared_ones():
    rng = np.random.default_rng(2)
    cdf = np.stack([random_table(rng, 8, 9, 2) for _ in range(1000)])
    messages = [random_message(rng, rows, 30) for rows in cdf]
    index, symbols = (jnp.asarray(np.stack(part)) for part in zip(*messages, strict=True))
    own = jax.vmap(lambda rows: tans.tables(rows, precision=8))(cdf)
    shared = tans.tables(cdf.reshape(2000, -1), precision=8)
    both = jnp.arange(1000)[:, None] * 2 + index
    states = cases.alike_with_own_tables(own, shared, index, both, symbols, tans.init(9, 2, 8))
    for k in (0, 999):
        one = tans.push(tans.init(9, 2, 8), tans.tables(cdf[k], precision=8).at(index[k]), symbols[k])
        assert content(one) == content(jax.tree.map(lambda a, k=k: a[k], states))


def test_inside_a_scan():
    rows = jnp.asarray(np.random.default_rng(3).integers(1, 3, (50, 9)))
    step = lambda s, x: (tans.push(s, ROWS.at(1), x), None)
    state, _ = jax.jit(lambda s: jax.lax.scan(step, s, rows))(tans.init(99, 3, 4))
    back = lambda s, _: tans.pop(s, ROWS.at(1), (9,), jnp.uint8)
    left, popped = jax.jit(lambda s: jax.lax.scan(back, s, length=50, reverse=True))(jans.check(state))
    assert (popped == rows).all()
    assert tans.is_empty(jans.check(left))


def test_as_a_codec():
    index = jnp.arange(9) % 2
    codec = tans.codec(ROWS.at(index), (9,), jnp.uint8)
    symbols = jnp.array([0, 1, 1, 2, 2, 1, 0, 2, 1], jnp.uint8)
    jans.check_codec(codec, tans.push(tans.init(9, 2, 4), ROWS, MESSAGE), symbols)


def test_eagerly():
    make = lambda: tans.pop(tans.push(tans.init(9, 2, 4), tans.tables(CDF, precision=4), MESSAGE), ROWS, (4,))
    compiled = make()
    with jax.disable_jit():
        eager = make()
    assert all((a == b).all() for a, b in zip(jax.tree.leaves(compiled), jax.tree.leaves(eager), strict=True))


# ---- what may go wrong ----


BAD = [(0, 1, status.BAD_SYMBOL), (3, 0, status.BAD_SYMBOL), (-1, 0, status.BAD_SYMBOL), (2**31 - 1, 1, 4)]


@pytest.mark.parametrize("lanes", cases.thin([1, 3, 8], 3))
@pytest.mark.parametrize(
    ("symbol", "row", "why"), cases.thin([*BAD, (1, 2, status.BAD_MODEL), (1, -1, status.BAD_MODEL)], 3)
)
def test_symbols_that_no_table_has(lanes, symbol, row, why):
    start = tans.push(tans.init(60, lanes, 4), ROWS, MESSAGE)
    for n in (9, 200):
        middle = n // 2
        symbols, index = np.random.default_rng(n).integers(1, 3, n), np.ones(n, np.int32)
        symbols[middle], index[middle] = symbol, row
        state = tans.push(start, ROWS.at(jnp.asarray(index)), symbols)
        assert int(state.status) == why
        left, popped = tans.pop(state, ROWS.at(1), (middle,))
        assert popped.tolist() == symbols[:middle].tolist()
        if lanes == 1:
            left, popped = tans.pop(left, ROWS.at(1), (n - middle - 1,))
            assert popped.tolist() == symbols[middle + 1 :].tolist()
            assert content(left) == content(start)
    with pytest.raises(jans.CodingError, match=r"a symbol outside of|the parameters of a model are invalid"):
        tans.to_string(state)


def test_one_bad_symbol_is_left_out():
    good = tans.push(tans.init(9, 1, 4), ROWS, jnp.array([1, 2]))
    bad = tans.push(tans.init(9, 1, 4), ROWS, jnp.array([1, 7, 2]))
    assert (content(bad), int(bad.status)) == (content(good), status.BAD_SYMBOL)


@pytest.mark.parametrize("cdf", [[0, 3, 15], [0, 17, 16], [1, 3, 16], [0, -1, 16], [0, 3, 17], [0, 0, 0]])
def test_rows_that_are_no_distribution(cdf):
    table = tans.tables(np.array([cdf, CDF[0, [0, 1, 3]]]), precision=4)
    start = tans.push(tans.init(99, 4, 4), table.at(1), jnp.array([1, 0, 1]))
    assert int(start.status) == 0
    for n in (3, 100):
        state = tans.push(start, table.at(0), jnp.zeros(n, int))
        assert (content(state), int(state.status)) == (content(start), status.BAD_MODEL)
        state, popped = tans.pop(start, table.at(0), (n,))
        assert (content(state), int(state.status)) == (content(start), status.BAD_MODEL)
        assert popped.tolist() == [0] * n
    full = tans.push(start, table.at(1), jnp.zeros(99, int))
    left, popped = tans.pop(full, table.at(jnp.full(40, 5)), (40,))
    assert (content(left), int(left.status), popped.tolist()) == (content(full), status.BAD_MODEL, [0] * 40)


def test_reading_past_the_end():
    for n in (10, 300):
        left, popped = tans.pop(tans.push(tans.init(2, 1, 4), ROWS, MESSAGE), ROWS, (n,))
        assert popped[:9].tolist() == MESSAGE.tolist()
        assert int(left.status) == (status.UNDERFLOW if n > 10 else int(left.status))
        assert (int(left.size), int(left.partial_word)) == (0, 1)
    with pytest.raises(jans.CodingError, match="a pop ran past the end of the message"):
        jans.check(left)


def test_states_that_no_coder_has():
    good = tans.push(tans.init(9, 2, 4), ROWS, MESSAGE)
    for head in ([15, 16], [16, 32], [0, 2**31]):
        bad = tans.State(jnp.array(head, jnp.uint32), good.partial_word, good.words, good.size, good.status, 4)
        for state in (tans.push(bad, ROWS, MESSAGE), tans.pop(bad, ROWS, (2,))[0]):
            assert int(state.status) == status.BAD_STATE
            assert (state.head >> 4 == 1).all()
    bad = tans.State(good.head, jnp.uint32(0), good.words, jnp.int32(-3), good.status, 4)
    assert int(tans.pop(bad, ROWS, (1,))[0].status) & status.BAD_STATE


TWO = jax.tree.map(lambda a: jnp.stack([a, a]), tans.init(1, 1, 4))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tans.tables(CDF, precision=16), ValueError, "precision must be an integer from 1 to 15 bits, got 16"),
        (lambda: tans.init(1, precision=0), ValueError, "precision must be an integer from 1 to 15 bits, got 0"),
        (lambda: tans.tables(CDF * 1.0, precision=4), TypeError, "cdf must be integers, got float32. Quantise"),
        (lambda: tans.tables(CDF[:, :1], precision=4), ValueError, r"1 to 2\*\*16 symbols, got shape \(2, 1\)"),
        (lambda: tans.tables(CDF[None], precision=4), ValueError, r"cdf must be .*, got shape \(1, 2, 4\)"),
        (lambda: tans.init(1, 0), ValueError, "lanes must be at least 1, got 0"),
        (lambda: tans.init(-1), ValueError, r"capacity must be from 0 to 2\*\*31 - 1 words, got -1"),
        (
            lambda: tans.push(ROWS, ROWS, MESSAGE),
            TypeError,
            r"state must be a jans.tans.State, got jans.tans.Tables",
        ),
        (
            lambda: tans.push(tans.init(1), models.Uniform(3), MESSAGE),
            TypeError,
            r"tables must be a jans.tans.Tables, got jans.models.Uniform. Make them with",
        ),
        (
            lambda: tans.push(TWO, ROWS, MESSAGE),
            ValueError,
            r"state must be one stream, got .* head \(2, 1\)",
        ),
        (
            lambda: tans.pop(tans.init(1, 1, 4), jax.tree.map(lambda a: a[None], ROWS), (1,)),
            ValueError,
            r"tables must be those of one stream; their decoder has shape \(1, 2, 16\)",
        ),
        (
            lambda: tans.pop(tans.init(1), ROWS, (1,)),
            ValueError,
            r"the state is for tables of 12 bits of precision, these have 4. Start with .*precision=4",
        ),
        (lambda: tans.pop(tans.init(1, 1, 4), ROWS.at(0.5), (1,)), TypeError, "index must be integers, got float64"),
        (
            lambda: tans.pop(tans.init(1, 1, 4), ROWS.at(jnp.arange(2)), (3,)),
            ValueError,
            r"symbols of shape \(3,\) do not fit a model of shape \(2,\)",
        ),
        (
            lambda: tans.push(tans.init(1, 1, 4), ROWS, MESSAGE * 1.0),
            TypeError,
            "symbols must be integers, got float32",
        ),
        (lambda: tans.pop(tans.init(1, 1, 4), ROWS.at(0), (1,), jnp.int64), TypeError, "dtype must be uint8"),
        (lambda: tans.to_string(tans.init(1), 32), ValueError, "word_bits must be 16 .* or 8 .*, got 32"),
        (lambda: tans.to_string(TWO), ValueError, "state must be one stream"),
        (
            lambda: tans.from_string(bytes(11), 4),
            jans.CodingError,
            "11 bytes are not a stream of 1 lanes, which",
        ),
        (lambda: tans.from_string(bytes(13), 4), jans.CodingError, "13 bytes are not a stream of 1 lanes"),
        (lambda: tans.from_string(bytes(12), 4), jans.CodingError, "a head or a number of bits is out of its range"),
        (
            lambda: tans.from_string(bytes([16] + [0] * 7 + [16, 0, 0, 0]), 4),
            jans.CodingError,
            "a head or a number of bits is out of its range",
        ),
        (
            lambda: tans.from_string(bytes([16] + [0] * 15), 4, capacity=0),
            ValueError,
            "capacity must be at least the 1 words of the bytes, got 0",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
