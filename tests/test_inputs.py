"""What may come in at the doors: values of every kind, and those that are refused."""

import functools
import io
import json
import mmap
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jans
from jans import TableCoder, chain, chunked, huffman, models, range_coder, rans, tans

MODEL = models.Uniform(10)
TABLE = models.Table(np.array([[0, 4, 9, 16], [0, 1, 2, 16]]), precision=4)
BYPASS = TableCoder(models.Bypass(TABLE.prepare()))
TANS = tans.tables(TABLE)
CODE = huffman.codebook(jnp.array([0.5, 0.25, 0.25]))
START = chain.init(np.arange(1, 50, dtype=np.uint32))

SYMBOLS = {
    "rans.push": lambda x: rans.push(rans.init(20), MODEL, x),
    "chain.push": lambda x: chain.push(chain.pop(START, MODEL, (9,))[0], MODEL, x),
    "range_coder.encode": lambda x: range_coder.encode(range_coder.encoder(20), MODEL, x),
    "tans.push": lambda x: tans.push(tans.init(20, precision=4), TANS, x),
    "huffman.encode": lambda x: huffman.encode(huffman.queue(20), CODE, x),
    "huffman.push": lambda x: huffman.push(huffman.stack(20), CODE, x),
    "chunked.encode": lambda x: chunked.encode(MODEL, x),
    "TableCoder.encode": lambda x: BYPASS.encode(x, 0),
    "model.bits": MODEL.bits,
    "model.log_prob": models.Gaussian(0.0, 1.0, -9, 9).log_prob,
    "model.interval": MODEL.interval,
    "escape": lambda x: rans.push(rans.init(20), models.escape(models.Uniform(2)), x),
    "codebook.bits": CODE.bits,
}
symbols = pytest.mark.parametrize("take", SYMBOLS.values(), ids=SYMBOLS)


def same(a, b):
    leaves = (jax.tree.leaves(a), jax.tree.leaves(b))
    return all(np.array_equal(x, y) for x, y in zip(*leaves, strict=True))


# ---- symbols ----


@symbols
def test_symbols_of_every_kind(take):
    expected = take(np.array([1, 0, 2], np.int32))
    for value in (
        [1, 0, 2],
        (1, 0, 2),
        [np.int64(1), np.int64(0), np.int64(2)],
        np.array([1, 0, 2], np.int64),
        np.array([1, 0, 2], np.uint64),
        np.array([1, 0, 2], np.uint32),
        np.array([1, 0, 2], ">i4"),
        np.array([1, 0, 2], ">u2"),
        np.array([1, 0, 0, 0, 2, 0], np.int32)[::2],
        jnp.array([1, 0, 2], jnp.uint8),
        [jnp.int32(1), jnp.int32(0), jnp.int32(2)],
    ):
        assert same(take(value), expected)
    bits = take(np.array([1, 0, 1], np.uint8))
    assert same(take(np.array([True, False, True])), bits)
    assert same(take(jnp.array([True, False, True])), bits)


@symbols
@pytest.mark.parametrize("large", [2**31, 5_000_000_000, -(2**31) - 1, 2**32 + 1])
def test_symbols_beyond_32_bits(take, large):
    with pytest.raises(ValueError, match=rf"symbols must fit 32 bits, .* got {large} at position 1"):
        take(np.array([1, large, 2]))
    with pytest.raises(ValueError, match=rf"symbols must fit 32 bits, .* got {large} at position 1"):
        take([1, large, 2])
    with jax.enable_x64(True), pytest.raises(ValueError, match=rf"got {large} at position 0"):
        take(jnp.array([large, 1, 2]))


@symbols
@pytest.mark.parametrize(
    ("value", "what"),
    [
        ([0.5, 1.0], "integers, got float64"),
        (np.zeros(3, np.float32), "integers, got float32"),
        (np.zeros(3, complex), "integers, got complex128"),
        ("abc", "integers, got <U3"),
        (None, "integers, got NoneType"),
        ([[1], [2, 3]], "one array of integers, got list of several shapes"),
        (np.zeros(2, [("a", int)]), "integers, got"),
        (2**70, "fit 32 bits"),
        (MODEL, "integers, got jans.models.Uniform"),
    ],
    ids=str,
)
def test_values_that_are_no_symbols(take, value, what):
    with pytest.raises((TypeError, ValueError), match=f"symbols must be {what}|symbols must {what}"):
        take(value)


def test_a_long_list_is_one_array():
    """It was one argument of the compiled program for each number."""
    digits = [i % 10 for i in range(20_000)]
    text = str(jax.make_jaxpr(lambda: rans.push(rans.init(20_000), MODEL, digits))())
    assert len(text) < 10_000
    assert same(rans.push(rans.init(20_000), MODEL, digits), rans.push(rans.init(20_000), MODEL, np.array(digits)))


def test_a_list_of_traced_numbers():
    push = jax.jit(lambda a, b: rans.push(rans.init(9), MODEL, [a, b]))
    assert same(push(3, 4), rans.push(rans.init(9), MODEL, [3, 4]))


# ---- shapes, models, states ----

TAKES = {
    "rans.pop": lambda shape: rans.pop(rans.push(rans.init(20), MODEL, [1, 0, 2]), MODEL, shape),
    "rans.codec": lambda shape: rans.codec(MODEL, shape).pop(rans.push(rans.init(20), MODEL, [1, 0, 2])),
    "chain.pop": lambda shape: chain.pop(START, MODEL, shape),
    "chain.codec": lambda shape: chain.codec(MODEL, shape).pop(START),
    "range_coder.decode": lambda shape: range_coder.decode(
        range_coder.finish(range_coder.encode(range_coder.encoder(20), MODEL, [1, 0, 2])), MODEL, shape
    ),
    "tans.pop": lambda shape: tans.pop(tans.push(tans.init(20, precision=4), TANS, [1, 0, 2]), TANS, shape),
    "huffman.decode": lambda shape: huffman.decode(
        huffman.reader(huffman.encode(huffman.queue(20), CODE, [1, 0, 2])), CODE, shape
    ),
    "huffman.pop": lambda shape: huffman.pop(huffman.push(huffman.stack(20), CODE, [1, 0, 2]), CODE, shape),
}
takes = pytest.mark.parametrize("take", TAKES.values(), ids=TAKES)


@takes
def test_shapes_of_every_kind(take):
    for shape in (3, [3], np.int64(3), np.array([3])):
        assert same(take(shape), take((3,)))


@takes
@pytest.mark.parametrize("shape", ["a", 1.5, (1, -1), True, [None]], ids=str)
def test_values_that_are_no_shapes(take, shape):
    with pytest.raises(TypeError, match="shape must be an integer or a tuple of integers of at least 0, got"):
        take(shape)


STATES = {
    "rans.push": (lambda state, model: rans.push(state, model, [1]), rans.init(9), "jans.rans.State"),
    "rans.pop": (lambda state, model: rans.pop(state, model), rans.init(9), "jans.rans.State"),
    "chain.push": (lambda state, model: chain.push(state, model, [1]), START, "jans.chain.State"),
    "chain.pop": (lambda state, model: chain.pop(state, model), START, "jans.chain.State"),
    "range_coder.encode": (
        lambda state, model: range_coder.encode(state, model, [1]),
        range_coder.encoder(9),
        "jans.range_coder.Encoder",
    ),
    "range_coder.decode": (
        lambda state, model: range_coder.decode(state, model),
        range_coder.decoder(np.zeros(3, np.uint32)),
        "jans.range_coder.Decoder",
    ),
}
states = pytest.mark.parametrize(("call", "state", "name"), STATES.values(), ids=STATES)


@states
@pytest.mark.parametrize("wrong", [3, "state", None, np.zeros(3), tans.init(9), MODEL], ids=str)
def test_states_of_another_kind(call, state, name, wrong):
    with pytest.raises(TypeError, match=rf"must be a {re.escape(name)}, got .* Make one with jans\."):
        call(wrong, MODEL)


@states
@pytest.mark.parametrize("wrong", [3, "model", None, np.zeros(3), jnp.ones(4), models.Uniform, [0.5, 0.5]], ids=str)
def test_values_that_are_no_models(call, state, name, wrong):
    with pytest.raises(TypeError, match=r"model must be a model, .*got"):
        call(state, wrong)
    with pytest.raises(TypeError, match=r"model must be a model, .*got"):
        jax.jit(functools.partial(call, model=wrong))(state)


# ---- parameters of models ----


def test_whole_numbers_where_floats_are_expected():
    assert same(models.Gaussian(0, 1, -5, 5), models.Gaussian(0.0, 1.0, -5, 5))
    assert same(
        models.Gaussian([0, 1], [1, 2], -5, 5), models.Gaussian(jnp.array([0.0, 1.0]), jnp.array([1.0, 2.0]), -5, 5)
    )
    assert same(models.Bernoulli(1), models.Bernoulli(1.0))
    assert same(models.Poisson(2, high=9), models.Poisson(2.0, high=9))
    assert same(models.Gaussian(np.array([0.5], ">f4"), 1.0, -5, 5), models.Gaussian(np.array([0.5], "f4"), 1.0, -5, 5))


@pytest.mark.parametrize("shape", [(1,), (3, 1)], ids=str)
@pytest.mark.parametrize(
    "make",
    [
        models.Categorical,
        lambda p: models.Categorical(logits=p),
        lambda p: models.Categorical(p, rule="perfect"),
        lambda p: models.Categorical(p, mask=p > 0),
    ],
    ids=["probs", "logits", "perfect", "mask"],
)
def test_one_symbol_costs_nothing(make, shape):
    model, start = make(jnp.ones(shape)), rans.random(jax.random.key(0), 3, 9)
    state = rans.push(start, model, [0, 0, 0])
    assert same(state.canonical(), start.canonical())
    left, found = rans.pop(state, model, 3)
    assert same(left.canonical(), start.canonical())
    assert same(found, np.zeros(3))
    assert same(model.bits([0, 0, 0]), np.zeros(3))
    assert range_coder.encode(range_coder.encoder(9), model, [0, 0, 0]).size == 0


def test_positions_from_a_file():
    message = range_coder.finish(range_coder.encode(range_coder.encoder(9), MODEL, [1, 0, 2]))
    position = range_coder.position(message)
    numbers = [np.asarray(field).tolist() for field in (position.index, position.lower, position.range)]
    again = range_coder.Position(*json.loads(json.dumps(numbers)))
    assert same(range_coder.decode(range_coder.seek(message, again), MODEL, 3)[1], np.array([1, 0, 2]))


PARAMETERS = {
    "size": lambda x: models.Uniform(x),
    "low": lambda x: models.Gaussian(0.0, 1.0, low=x, high=x),
    "high": lambda x: models.Laplace(0.0, 1.0, low=0, high=x),
    "trials": lambda x: models.Binomial(x, 0.5),
    "index": lambda x: models.Table(TABLE.cdf, x, 4),
    "offset": lambda x: models.Bypass(TABLE, offset=x),
    "sizes": lambda x: models.Bypass(TABLE, sizes=x),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_whole_parameters_beyond_32_bits(name):
    with pytest.raises(ValueError, match=rf"{name} must fit 32 bits, .* got 4294967297 at position 1"):
        PARAMETERS[name](np.array([1, 2**32 + 1]))


def test_rows_that_a_table_does_not_have():
    row = "index must be a row of the table, from 0 to 1"
    tables = tans.tables(TABLE.cdf, 4), tans.tables(TABLE.cdf, 4, bypass_precision=4)
    takers = {
        ", got 7 at position 1": [lambda k: models.Table(TABLE.cdf, k, 4), TABLE.at, tables[0].at],
        ", or -1 to skip a symbol, got 7 at position 1": [
            BYPASS.model.at,
            lambda k: BYPASS.encode([0, 1], k),
            lambda k: BYPASS.encode_batch([[0, 1]], k),
            lambda k: BYPASS.decode(b"", k),
            tables[1].at,
        ],
    }
    for rest, calls in takers.items():
        for take in calls:
            with pytest.raises(ValueError, match=row + rest):
                take([0, 7])
    for take in takers[", got 7 at position 1"]:
        with pytest.raises(ValueError, match=row + ", got -1 at position 1. Only bypass coding skips symbols: models"):
            take(np.array([0, -1]))
    assert BYPASS.decode(BYPASS.encode([1, 1], [0, -1]), [0, -1]).tolist() == [1, 0]
    traced = jax.jit(lambda k: rans.push(rans.init(9), TABLE.at(k), [0, 1]))(jnp.array([0, 7]))
    assert traced.status == jans.status.BAD_MODEL


@pytest.mark.parametrize(
    ("probs", "tail", "row"),
    [
        ([[0.5, 0.5], [0.5, np.nan]], 0.0, 1),
        ([[0.5, -0.5]], 0.5, 0),
        ([[0.0, 0.0]], 0.0, 0),
        ([[0.5, np.inf]], 0.0, 0),
        ([[0.5, 0.5]], -0.1, 0),
    ],
)
def test_probabilities_that_are_none(probs, tail, row):
    with pytest.raises(ValueError, match=rf"row {row} of probs is no distribution: probabilities and the tail must be"):
        TableCoder.from_probs(np.array(probs, np.float32), tail=tail)


def test_more_probabilities_than_the_precision_has_room_for():
    with pytest.raises(ValueError, match=r"40001 symbols, with the escape symbol, .* Raise precision to at least 16"):
        TableCoder.from_probs(np.full((1, 40_000), 1 / 40_000, np.float32), tail=0.0)


# ---- bytes ----


def buffers(data, folder):
    path = folder / "message"
    path.write_bytes(data)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield from (
            bytearray(data), memoryview(data), memoryview(b"x" + data)[1:], np.frombuffer(data, np.uint8),
            np.repeat(np.frombuffer(data, np.uint8), 2)[::2], jnp.asarray(np.frombuffer(data, np.uint8)), mapped,
        )  # fmt: skip


def test_bytes_of_every_kind(tmp_path):
    state = rans.push(rans.init(20), MODEL, [1, 0, 2])
    for data in buffers(jans.to_bytes(state), tmp_path):
        assert same(rans.pop(jans.from_bytes(data), MODEL, 3)[1], np.array([1, 0, 2]))
    ryg = rans.push(rans.init(20, variant="rans64_ryg"), MODEL, [1, 0, 2])
    (string,) = jans.byte_strings.to_strings(jax.tree.map(lambda leaf: leaf[None], ryg))
    for data in buffers(string, tmp_path):
        assert same(jans.byte_strings.from_strings([data]), jans.byte_strings.from_strings([string]))
    for data in buffers(BYPASS.encode([0, 1, -7], 0), tmp_path):
        assert same(BYPASS.decode(data, [0, 0, 0]), np.array([0, 1, -7]))
    for data in buffers(jans.to_bytes(chunked.encode(MODEL, [1, 0, 2])), tmp_path):
        assert same(chunked.Reader(data).read(MODEL), np.array([1, 0, 2]))


def test_messages_in_files(tmp_path):
    path = tmp_path / "message"
    path.write_bytes(jans.to_bytes(rans.push(rans.init(20), MODEL, [1, 0, 2])))
    with open(path, "rb") as file:
        for source in (path, str(path), file, io.BytesIO(path.read_bytes())):
            assert same(rans.pop(jans.from_bytes(source), MODEL, 3)[1], np.array([1, 0, 2]))
    path.write_bytes(jans.to_bytes(chunked.encode(MODEL, [1, 0, 2])))
    for source in (path, str(path)):
        with chunked.Reader(source) as reader:
            assert same(reader.read(MODEL), np.array([1, 0, 2]))
    path.write_bytes(b"no message")
    with pytest.raises(jans.CodingError, match="not from jans"):
        chunked.Reader(path)


class Pipe(io.BytesIO):
    """Cannot seek, and gives a few bytes at a time."""

    def read(self, size=-1):
        return super().read(min(size, 7) if size >= 0 else size)

    def seek(self, *_):
        raise io.UnsupportedOperation("seek")


def test_messages_behind_each_other():
    states = [
        rans.push(rans.init(20), MODEL, [1, 0, 2]),
        jax.vmap(lambda x: rans.push(rans.init(20, 2, "rans32_16"), models.Uniform(9, 12), x))(np.eye(3, dtype=int)),
        START,
        tans.push(tans.init(20, precision=4), TANS, [1, 0, 2]),
        huffman.encode(huffman.queue(20), CODE, [1, 0, 2]),
        rans.init(0),
    ]
    file = io.BytesIO()
    for state in states:
        jans.write_message(file, state, fingerprint=7)
    for source in (io.BytesIO(file.getvalue()), Pipe(file.getvalue())):
        for state in states:
            assert jans.to_bytes(jans.read_message(source, fingerprint=7)) == jans.to_bytes(state)
        assert jans.read_message(source) is None
    message = chunked.encode(MODEL, [1, 0, 2])
    jans.write_message(file, message)
    jans.write_message(file, states[0])
    file.seek(len(file.getvalue()) - len(jans.to_bytes(message)) - len(jans.to_bytes(states[0])))
    assert jans.to_bytes(jans.read_message(file)) == jans.to_bytes(message)
    assert jans.to_bytes(jans.read_message(file, spare=5)) == jans.to_bytes(states[0])
    with pytest.raises(jans.CodingError, match=r"go on for \d+ bytes .* read them with jans\.read_message"):
        jans.from_bytes(jans.to_bytes(states[0]) * 2)


def test_messages_that_are_cut_short():
    data = jans.to_bytes(rans.push(rans.init(20, lanes=3), MODEL, [1, 0, 2]))
    for length in range(1, len(data)):
        with pytest.raises(jans.CodingError, match="cut short"):
            jans.read_message(io.BytesIO(data[:length]))


@pytest.mark.parametrize(
    ("take", "what"),
    [
        (lambda: jans.from_bytes(3), "data must be bytes, got int"),
        (lambda: jans.from_bytes(io.StringIO("text")), "data must be bytes, got text. Open the file with mode 'rb'"),
        (
            lambda: jans.from_bytes(np.zeros(9, np.int32)),
            r"data must be bytes, .*, got int32\[9\]",
        ),
        (lambda: BYPASS.decode("text", [0]), "string 0 must be bytes, got str"),
        (lambda: BYPASS.decode(io.BytesIO(b"abc"), [0]), "string 0 must be bytes, got _io.BytesIO. Read it first"),
        (lambda: BYPASS.decode_batch(b"abc", [0]), "strings must be a list of byte strings, .* got bytes"),
        (lambda: chunked.Reader(3), "source must be bytes, got int"),
    ],
)
def test_values_that_are_no_bytes(take, what):
    with pytest.raises(TypeError, match=what):
        take()


def test_what_a_map_makes_of_a_state_has_a_text():
    assert repr(jax.tree.map(lambda _: True, rans.init(3))) == "jans.rans.State(True, True, True, True)"
