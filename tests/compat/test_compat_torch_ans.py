"""torch_ans's interface: bytes that the package wrote, and calls that it answers with garbage or not at all."""

import contextlib
import json

import cases
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from places import VECTORS as FOLDER
from vectors import torch_ans as generator
from vectors import torch_ans_streams

import jans
from jans import TableCoder, models
from jans.compat.torch_ans import TorchANSInterface, merge_bytes, rans_pmf_to_quantized_cdf, split_merged_bytes

FILE = FOLDER / "torch_ans.json"
VECTORS = json.loads(FILE.read_text())
STREAMS = [
    f"{impl}.i{lanes}{bypass}"
    for impls, numbers in {
        ("rans64", "rans32", "rans32_16"): (1, 2, 4, 8),
        ("rans32_16",): (32,),
        ("tans32", "tans16", "tans8"): (1, 4),
        ("tans32",): (32,),
    }.items()
    for impl in impls
    for lanes in numbers
    for bypass in ("", ".bypass")
]
FREQS, SIZES, OFFSETS = np.array([[8, 4, 4], [1, 1, 14]]), np.array([3, 3]), np.array([-1, 0])


def coder(impl="rans64", **args):
    made = TorchANSInterface(impl, **{"freq_precision": 12, **args})
    made.init_params(FREQS, SIZES, OFFSETS)
    return made


# ---- what the package wrote ----


def tables(call):
    freqs = np.array(call["freqs"]).reshape(*generator.SHAPE, -1)
    return freqs, *(np.array(call[name]).reshape(generator.SHAPE) for name in ("num_freqs", "offsets"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['args']['impl']}-{v['args'].get('num_interleaves', 1)}")
def test_vector(vector):
    made = TorchANSInterface(**vector["args"])
    made.init_params(*(np.array(vector[name]) for name in ("freqs", "num_freqs", "offsets")))
    if vector["cdfs"] is not None:
        assert made.cdfs.tolist() == vector["cdfs"]
    for call in vector["calls"]:
        symbols = np.array(call["symbols"]).reshape(generator.SHAPE)
        if "indexes" in call:
            indexes = np.array(call["indexes"]).reshape(generator.SHAPE)
            data = made.encode_with_indexes(symbols, indexes, cache=vector["cache"])
        else:
            data = made.encode_with_freqs(symbols, *tables(call), cache=vector["cache"])
    data = made.flush() if vector["cache"] else data
    assert data.hex() == vector["bytes"]
    made.set_stream(data)
    for call in vector["calls"]:
        if "indexes" in call:
            decoded = made.decode_stream(np.array(call["indexes"]).reshape(generator.SHAPE))
            left = np.array(call["indexes"]) < 0
        else:
            decoded, left = made.decode_stream_with_freqs(*tables(call)), False
        assert decoded.shape == generator.SHAPE
        assert decoded.dtype == np.int32
        assert decoded.reshape(-1).tolist() == np.where(left, 0, call["symbols"]).tolist()


ALIAS = [("rans64", 1, 12), ("rans64", 8, 15), ("rans32", 4, 14), ("rans32_16", 2, 13), ("rans32_16", 8, 11)]


def of_alias(data, random, symbols, impl, lanes, precision, **more):
    """An interface with rows of symbols, values, indexes and what belongs to them."""
    args = {"impl": impl, "num_interleaves": lanes, "freq_precision": precision, "alias_sampling": True, **more}
    count = data.draw(st.integers(1, 4))
    freqs = random.integers(0, 100, (count, symbols)) ** data.draw(st.sampled_from([1, 3])) + 1
    offsets = random.integers(-5, 5, count)
    shape = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 40))
    indexes = random.integers(-1, count, shape)
    values = offsets[indexes] + random.integers(0, symbols, shape)
    if args.get("bypass_coding", True):
        values += random.integers(-200, 200, shape) * (random.random(shape) < 0.2)
    return args, (freqs, np.full(count, symbols), offsets), values, indexes


@hypothesis.settings(max_examples=cases.examples(25) if cases.KERNELS else 2)
@hypothesis.given(data=st.data())
def test_alias_sampling_gives_back_what_was_encoded(data):
    """For alphabets of any size, which torch_ans refuses, and for rows of several lengths."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    impl, lanes, precision = data.draw(st.sampled_from([*ALIAS, ("rans32_16", 32, 9)]))
    more = {"bypass_coding": data.draw(st.booleans()), "num_parallel_states": data.draw(st.sampled_from([None, 1, 3]))}
    symbols = data.draw(st.sampled_from([1, 2, 3, 5, 7, 16, 21, 100]))
    args, (freqs, sizes, offsets), values, indexes = of_alias(data, random, symbols, impl, lanes, precision, **more)
    made = TorchANSInterface(**args)
    made.init_params(freqs, sizes, offsets)
    expected = np.where(indexes < 0, 0, values)
    encoded = made.encode_with_indexes(values, indexes)
    assert (made.decode_with_indexes(encoded, indexes) == expected).all()
    plainly = TorchANSInterface(**args | {"alias_sampling": False})
    plainly.set_cdfs(made.cdfs, made.cdfs_sizes, made.offsets)
    length = len(plainly.encode_with_indexes(values, indexes))
    assert length == pytest.approx(len(encoded), abs=16 * len(values) * lanes)
    tables = freqs[indexes], sizes[indexes], offsets[indexes]
    values = np.where(indexes < 0, offsets[indexes], values)
    encoded = made.encode_with_freqs(values, *tables)
    assert (made.decode_with_freqs(encoded, *tables) == values).all()
    made.set_cdfs([[0, 2**precision, 0], [0, 1, 2**precision]], [2, 3], [0, 0])
    few = [0, 0, 1, 0], [0, 1, 1, 1]
    assert made.decode_with_indexes(made.encode_with_indexes(*few), few[1]).tolist() == few[0]


def test_alias_sampling_refuses_what_has_no_place():
    made = coder(alias_sampling=True, bypass_coding=False)
    for symbol in (-2, 2):
        with pytest.raises(jans.CodingError, match="a symbol outside of its model's support"):
            made.encode_with_indexes([0, symbol], [0, 0])


@hypothesis.settings(max_examples=cases.examples(40))
@hypothesis.given(data=st.data())
def test_alias_sampling_has_the_bytes_of_the_package(data):
    package = pytest.importorskip("torch_ans.utils", reason="the package torch_ans is not installed")
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    impl, lanes, precision = data.draw(st.sampled_from(ALIAS))
    bypass = data.draw(st.booleans())
    symbols = 2 ** data.draw(st.integers(2, 7)) - bypass
    more = {"bypass_coding": bypass, "num_parallel_states": data.draw(st.sampled_from([1, 3]))}
    args, params, values, indexes = of_alias(data, random, symbols, impl, lanes, precision, **more)
    ours, theirs = TorchANSInterface(**args), package.TorchANSInterface(**args)
    tensors = [torch.tensor(a, dtype=torch.int32) for a in (*params, values, indexes)]
    ours.init_params(*params)
    theirs.init_params(*tensors[:3])
    data = ours.encode_with_indexes(values, indexes)
    assert data == theirs.encode_with_indexes(*tensors[3:])
    theirs.set_stream(data)  # decode_with_indexes of the package reads another table here
    assert (theirs.decode_stream(tensors[4]).numpy() == np.where(indexes < 0, 0, values)).all()


def test_the_file_is_what_the_package_writes():
    pytest.importorskip("torch_ans", reason="the package torch_ans is not installed")
    assert FILE.read_text() == generator.document()


@pytest.mark.parametrize("stream", STREAMS if cases.KERNELS else STREAMS[::5])
def test_shared_vector(stream):
    part = torch_ans_streams.load()[stream]
    impl, lanes, *bypass = stream.split(".")
    precision = int(part["freq_precision"])
    made = TorchANSInterface(
        impl, freq_precision=precision, num_interleaves=int(lanes[1:]), bypass_coding=bool(bypass), device="cpu"
    )
    made.init_params(part["freqs"], part["num_freqs"], part["offsets"])
    assert (made.cdfs_sizes == part["cdfs_sizes"]).all()
    if impl.startswith("rans"):
        assert (made.cdfs == part["cdfs"]).all()
    data = made.encode_with_indexes(part["symbols"], part["indexes"])
    assert data == part["encoded"].tobytes()
    assert (made.decode_with_indexes(data, part["indexes"]) == part["symbols"]).all()


# ---- what comes back ----


@hypothesis.settings(max_examples=cases.examples(25) if cases.KERNELS else 4)
@hypothesis.given(data=st.data())
def test_what_was_encoded_is_decoded(data):
    impl = data.draw(st.sampled_from(["rans64", "rans32", "rans32_16", "tans32", "tans16"]))
    made = coder(
        impl,
        num_interleaves=data.draw(st.sampled_from([1, 8])),
        num_parallel_states=data.draw(st.sampled_from([None, 1, 3])),
        bypass_precision=data.draw(st.sampled_from([1, 4, 9])),
        num_bytes_code_length=data.draw(st.sampled_from([2, 4, 8])),
    )
    n = data.draw(st.sampled_from([1, 2, 9, 40]))
    near = st.integers(-3, 5)
    far = st.sampled_from([-(2**31), 2**31 - 1, 2**30, -(2**28), 1000])
    symbols = np.array(data.draw(st.lists(st.one_of(near, near, far), min_size=n, max_size=n)))
    indexes = np.array(data.draw(st.lists(st.integers(-1, 1), min_size=n, max_size=n)))
    encoded = made.encode_with_indexes(symbols, indexes)
    assert made.decode_with_indexes(encoded, indexes).tolist() == np.where(indexes < 0, 0, symbols).tolist()


@pytest.mark.parametrize("impl", ["rans64", "rans32_16", "tans32"])
def test_many_symbols_far_from_their_rows(impl):
    made = coder(impl, num_interleaves=4)
    symbols = np.random.default_rng(0).integers(-(2**31), 2**31, 500)
    data = made.encode_with_indexes(symbols, symbols % 2)
    assert len(data) > 500 * 4
    assert (made.decode_with_indexes(data, symbols % 2) == symbols).all()


@pytest.mark.parametrize("n", [37, 333, 2001])
def test_any_length_has_the_bytes_of_the_coder_itself(n):
    made, random = coder(num_interleaves=4), np.random.default_rng(n)
    symbols, indexes = random.integers(-9, 9, n), random.integers(0, 2, n)
    model = models.Bypass(models.Table(made.cdfs, precision=12), made.cdfs_sizes - 2, made.offsets)
    ours = TableCoder(model, "rans64_ryg", lanes=4).encode(symbols, indexes)
    assert made.encode_with_indexes(symbols, indexes) == merge_bytes([ours])


def test_indexes_below_zero():
    made = coder()
    data = made.encode_with_indexes([0, 5, 9, 1], [0, -7, -1, 1])
    assert data == made.encode_with_indexes([0, 1], [0, 1])
    assert made.decode_with_indexes(data, [0, -7, -1, 1]).tolist() == [0, 0, 0, 1]


def test_every_kind_of_array_and_lists():
    made, expected = coder(), coder().encode_with_indexes(np.array([0, 2, 50]), np.array([0, 1, 0]))
    assert made.encode_with_indexes([0, 2, 50], [0, 1, 0]) == expected
    assert made.encode_with_indexes(jnp.array([0, 2, 50]), np.array([0, 1, 0], np.uint8)) == expected
    assert made.encode_with_indexes(np.array([0, 9, 2, 9, 50])[::2], np.array([0, 1, 0])) == expected
    other = TorchANSInterface("rans64", freq_precision=12)
    other.init_params(jnp.array(FREQS, jnp.bfloat16), jnp.array(SIZES), jnp.array(OFFSETS))
    assert other.encode_with_indexes([0, 2, 50], [0, 1, 0]) == expected
    other.set_cdfs(made.cdfs.tolist(), made.cdfs_sizes.tolist(), made.offsets.tolist())
    assert other.encode_with_indexes([0, 2, 50], [0, 1, 0]) == expected


@pytest.mark.parametrize("impl", ["rans64", "tans32"])
def test_nothing_to_encode(impl):
    made = coder(impl)
    nothing = np.zeros((0, 4), int)
    data = made.encode_with_indexes(nothing, nothing)
    assert made.decode_with_indexes(data, nothing).shape == (0, 4)
    assert made.flush() == b""


def test_inside_of_a_traced_function():
    made = coder()
    sizes = []

    @jax.jit
    def traced(x):
        sizes.append(len(made.encode_with_indexes([0, 2, 50], [0, 1, 0])))
        return x

    traced(jnp.zeros(1))
    assert sizes == [len(made.encode_with_indexes([0, 2, 50], [0, 1, 0]))]


def test_the_first_symbols_alone():
    made = coder(num_parallel_states=2)
    made.encode_with_indexes([0, 1, 50], [0, 1, 0], cache=True)
    made.encode_with_indexes([1, 0], [1, 1], cache=True)
    data = made.flush()
    assert made.decode_with_indexes(data, [0, 1, 0]).tolist() == [0, 1, 50]
    made.set_stream(data)
    assert made.decode_stream([0, 1, 0]).tolist() == [0, 1, 50]
    assert made.decode_stream([1, 1]).tolist() == [1, 0]


def test_reset_cache():
    made = coder()
    made.encode_with_indexes([0], [0], cache=True)
    made.reset_cache()
    assert made.flush() == b""


def test_what_is_kept_is_a_copy():
    made, symbols = coder(), np.array([0, 1], np.int32)
    made.encode_with_indexes(symbols, symbols, cache=True)
    symbols += 1
    made.init_params(FREQS[::-1], SIZES, OFFSETS)
    data = made.flush()
    made.init_params(FREQS, SIZES, OFFSETS)
    assert made.decode_with_indexes(data, [[0, 1]]).tolist() == [[0, 1]]


def test_frequencies_of_each_symbol_leave_the_tables_alone():
    made = coder()
    before = made.encode_with_indexes([0, 1], [0, 1])
    data = made.encode_with_freqs([1, 2], np.array([[1, 2, 3], [3, 2, 1]]))
    assert made.decode_with_freqs(data, np.array([[1, 2, 3], [3, 2, 1]])).tolist() == [1, 2]
    assert made.encode_with_indexes([0, 1], [0, 1]) == before


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
def test_a_symbol_with_most_of_the_probability(dtype):
    """torch_ans 0.4.0 multiplies in int32 here, and codes with a table that falls."""
    made = TorchANSInterface("rans64", freq_precision=16)
    made.init_params(np.array([[6, 1, 1]], dtype), np.array([3]), np.array([0]))
    assert made.cdfs.tolist() == [[0, 49152, 57343, 65535, 65536]]
    data = made.encode_with_indexes([0, 1, 2, 9], [0, 0, 0, 0])
    assert made.decode_with_indexes(data, [0, 0, 0, 0]).tolist() == [0, 1, 2, 9]


def test_rows_of_their_own_lengths():
    made = TorchANSInterface("rans64", bypass_coding=False)
    made.set_cdfs([[0, 30000, 2**16], [0, 1, 2, 2**16]], [3, 4], [0, 0])
    data = made.encode_with_indexes([1, 2], [0, 1])
    assert made.decode_with_indexes(data, [0, 1]).tolist() == [1, 2]
    with pytest.raises(jans.CodingError, match="a symbol outside of its model's support"):
        made.encode_with_indexes([2, 2], [0, 1])


# ---- arguments ----


def test_impl_and_precisions():
    caps = {"rans64_i4": 31, "rans32": 23, "rans_byte": 23, "rans32_16": 15, "tans32": 15, "tans16": 15, "tans8": 7}
    for impl, cap in caps.items():
        assert TorchANSInterface(impl, freq_precision=40).freq_precision == cap
        assert TorchANSInterface(impl, freq_precision=5).freq_precision == 5
    assert TorchANSInterface().freq_precision == 16


@pytest.mark.parametrize("lookup", [None, "auto", 1, 12])
def test_lookups_have_the_same_bytes(lookup):
    assert coder(inverse_cdf_precision=lookup, mode="encoder", symbol_precision=3, incremental_compile=True).cdfs[0, 1]


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        ({"impl": "huffman"}, NotImplementedError, "impl must begin with one of rans64, "),
        ({"num_interleaves": 32}, NotImplementedError, r"one of \(1, 2, 4, 8\) for impl 'rans64', got 32"),
        ({"alias_sampling": True, "impl": "tans32"}, NotImplementedError, "is for rANS, got impl 'tans32'"),
        ({"inverse_cdf_precision": 17}, ValueError, "from 1 to 16, got 17"),
        ({"inverse_cdf_precision": "dense"}, ValueError, "None, 'auto' or from 1"),
        ({"num_bytes_code_length": 3}, ValueError, "length_bytes must be 1, 2, 4 or 8, got 3"),
        ({"num_parallel_states": 0}, ValueError, "num_parallel_states must be 1 or more"),
    ],
)
def test_refused_options(args, error, text):
    with pytest.raises(error, match=text):
        TorchANSInterface(**args)


@pytest.mark.parametrize(
    ("params", "error", "text"),
    [
        (([[1, 2]], [3], [0]), ValueError, "num_freqs must be 1 numbers from 1 to 2"),
        (([[1, 2]], [2, 2], [0]), ValueError, "num_freqs must be 1 numbers"),
        (([[1, 2]], [2], [0, 0]), ValueError, "offsets must have one number for each of the 1 rows"),
        (([1, 2], [2], [0]), ValueError, r"freqs must be \[rows, symbols\]"),
        ((np.zeros((0, 2)), [], []), ValueError, r"freqs must be \[rows, symbols\]"),
        (([["a"]], [1], [0]), TypeError, "freqs must be integers or floats"),
        (([[1, 2]], [1.5], [0]), TypeError, "num_freqs must be integers, got float64"),
        (([[1, 2]], [2], np.array([0.5])), TypeError, "offsets must be integers, got float64"),
        (([[1, 2], [0.0, -1.0]], [2, 2], [0, 0]), ValueError, "row 1 is no distribution"),
        (([[np.nan, 2]], [2], [0]), ValueError, "row 0 is no distribution"),
    ],
)
def test_refused_frequencies(params, error, text):
    with pytest.raises(error, match=text):
        TorchANSInterface(freq_precision=12).init_params(*params)


@pytest.mark.parametrize(
    ("params", "error", "text"),
    [
        (([[0, 4096]], [3], [0]), ValueError, "cdfs_sizes must be from 2 to the 2 entries"),
        (([[0, 4096]], [1], [0]), ValueError, "cdfs_sizes must be from 2"),
        (([[0, 4096]], [2, 2], [0]), ValueError, "cdfs_sizes must have one number for each of the 1 rows"),
        (([0, 4096], [2], [0]), ValueError, "cdfs must be"),
        (([[0, 9, 3, 4096]], [4], [0]), ValueError, "row 0 of cdf does not rise"),
        (([[0, -9, 3, 4096]], [4], [0]), ValueError, "row 0 of cdf does not rise"),
        (([[0, 2**31]], [2], [0]), ValueError, "must fit int32"),
    ],
)
def test_refused_tables(params, error, text):
    with pytest.raises(error, match=text):
        TorchANSInterface(freq_precision=12).set_cdfs(*(np.array(p) for p in params))


def test_refused_calls():
    made = coder()
    with pytest.raises(ValueError, match="there are no tables to code with"):
        TorchANSInterface().encode_with_indexes([0], [0])
    with pytest.raises(ValueError, match=r"symbols must have the shape of the indexes, .*: \(1,\), got \(2,\)"):
        made.encode_with_indexes([0, 1], [0])
    with pytest.raises(ValueError, match="indexes must be from 0 to 1, or below zero, as there are 2 rows, got 0 to 2"):
        made.encode_with_indexes([0, 1], [0, 2])
    with pytest.raises(ValueError, match="indexes must be from 0 to 1, as there are 2 rows, got -1 to 0"):
        coder(check_validity=True).encode_with_indexes([0, 1], [0, -1])
    with pytest.raises(TypeError, match="symbols must be integers, got float32"):
        made.encode_with_indexes(np.zeros(2, np.float32), [0, 0])
    with pytest.raises(ValueError, match="symbols must fit int32, got 0 to 2147483648"):
        made.encode_with_indexes(np.array([0, 2**31]), [0, 0])
    with pytest.raises(ValueError, match="symbols must fit int32"):
        made.encode_with_indexes([0, 2**31], [0, 0])
    with pytest.raises(ValueError, match=r"or of freqs without its last axis: \(3,\), got \(2,\)"):
        made.encode_with_freqs([0, 1], np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"num_freqs must have the shape of the symbols, \(2,\), got \(1,\)"):
        made.encode_with_freqs([0, 1], np.ones((2, 4)), [4])
    with pytest.raises(ValueError, match="along its last axis, got a number"):
        made.encode_with_freqs(0, 1.0)
    with pytest.raises(ValueError, match="there is nothing to decode from"):
        made.decode_stream([0])
    with pytest.raises(ValueError, match="nothing to decode in no bytes"):
        made.set_stream(b"")


@pytest.mark.parametrize("impl", ["rans64", "tans16"])
def test_symbols_outside_of_their_rows(impl):
    made = coder(impl, bypass_coding=False)
    for symbol in (-2, 2):
        with pytest.raises(jans.CodingError, match="a symbol outside of its model's support"):
            made.encode_with_indexes([0, symbol], [0, 0])
    assert made.decode_with_indexes(made.encode_with_indexes([1, 5], [0, -1]), [0, -1]).tolist() == [1, 0]


@pytest.mark.parametrize("impl", ["rans64", "rans32", "rans32_16", "tans32", "tans16"])
def test_damaged_bytes(impl):
    made = coder(impl)
    indexes = np.arange(40) % 2
    data = made.encode_with_indexes(indexes * 50, indexes)
    with pytest.raises(jans.CodingError, match="end within string 0"):
        made.decode_with_indexes(data[:-3], indexes)
    with pytest.raises(jans.CodingError):
        made.decode_with_indexes(merge_bytes([data[4:7]]), indexes)
    with pytest.raises(jans.CodingError, match="a pop ran past the end of the message"):
        made.decode_with_indexes(data, np.tile(indexes, 100))
    random = np.random.default_rng(0)
    for _ in range(20):
        wrong = bytearray(data)
        wrong[4 + random.integers(len(data) - 4)] ^= 1 << random.integers(8)
        with contextlib.suppress(jans.CodingError):
            assert made.decode_with_indexes(bytes(wrong), indexes).shape == (40,)


# ---- strings ----


def test_merged_bytes():
    strings = [b"abc", b"", b"defg"]
    assert merge_bytes(strings) == bytes.fromhex("03000000 616263 00000000 04000000 64656667")
    assert merge_bytes(strings, 1, 3) == bytes.fromhex("03 616263 00 64656667")
    for width in (1, 2, 4, 8):
        for count in (None, 3):
            assert split_merged_bytes(merge_bytes(strings, width, count), width, count) == strings
    assert split_merged_bytes(b"") == []
    assert split_merged_bytes(b"", num_segments=1) == [b""]
    with pytest.raises(ValueError, match="a string of 256 bytes has no length of 1 bytes"):
        merge_bytes([bytes(256)], 1)
    with pytest.raises(ValueError, match="there must be 2 strings, got 3"):
        merge_bytes(strings, 4, 2)
    with pytest.raises(ValueError, match="count must be 1 or more, got 0"):
        split_merged_bytes(b"", 4, 0)
    for cut in (3, 5):
        with pytest.raises(jans.CodingError, match=f"these {cut} bytes end within string 0, which begins at 0"):
            split_merged_bytes(merge_bytes(strings)[:cut])
    with pytest.raises(jans.CodingError, match="end within string 1"):
        split_merged_bytes(merge_bytes(strings, 1, 3)[:4], 1, 3)


def test_quantised():
    pmf = np.array([[0.5, 0.01, 0.3, 0.19], [0.25, 0.25, 0.25, 0.25]], np.float32)
    cdf = rans_pmf_to_quantized_cdf(pmf, 4)
    assert cdf.tolist() == [[0, 8, 9, 14, 16], [0, 4, 8, 12, 16]]
    assert cdf.dtype == np.int32
    assert rans_pmf_to_quantized_cdf(pmf[1], 4).tolist() == [0, 4, 8, 12, 16]
    assert rans_pmf_to_quantized_cdf(np.array([4.5, 3.5, 8.0]) / 16, 4).tolist() == [0, 4, 8, 16]
