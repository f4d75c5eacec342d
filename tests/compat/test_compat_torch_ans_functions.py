"""torch_ans's low-level functions and its streams in arrays: what the package wrote, and what it does not check."""

import functools
import importlib
import json
import pickle

import cases
import hypothesis
import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest
from places import VECTORS as FOLDER
from vectors import torch_ans_functions as generator

import jans
from jans.compat import torch_ans
from jans.compat.torch_ans import Stream, TorchANSInterface

FILE = FOLDER / "torch_ans_functions.json"
VECTORS = json.loads(FILE.read_text())
FAMILIES = {
    "rans64": (31, (1, 2, 4, 8)),
    "rans32": (23, (1, 2, 4, 8)),
    "rans32_16": (15, (1, 2, 4, 8, 32)),
    "tans32": (15, (1, 2, 4, 8, 32)),
    "tans16": (15, (1, 2, 4, 8, 32)),
    "tans8": (7, (1, 2, 4, 8, 32)),
}
CDFS, SIZES, OFFSETS = [[0, 2, 10, 15, 16], [0, 9, 10, 15, 16]], [5, 5], [-1, 0]
TABLE = {"cdfs": CDFS, "cdfs_sizes": SIZES, "offsets": OFFSETS, "freq_precision": 4}
SYMBOLS, INDEXES = np.array([[0, -1, 7], [1, 2, 0]]), np.array([[0, 0, 1], [1, 0, -1]])


def functions(library, case):
    return (getattr(library, name) for name in generator.names(case))


def filled(family="rans64", symbols=SYMBOLS, indexes=INDEXES, **table):
    stream = getattr(torch_ans, f"{family}_init_stream")(len(symbols))
    getattr(torch_ans, f"{family}_push")(stream, symbols, indexes, **TABLE | table)
    return stream


# ---- what the package wrote ----


@pytest.mark.parametrize("vector", cases.thin(VECTORS, 5), ids=lambda v: f"{v['family']}{v['kind']}-i{v['lanes']}")
def test_vector(vector):
    init, push, pop = functions(torch_ans, vector)
    sizes, offsets = np.full(generator.ROWS, generator.SYMBOLS + 1), vector["offsets"]
    pushed, popped = generator.tables(torch_ans, np.array(vector["cdfs"]), sizes, vector)
    assert [generator.checksum(np.asarray(table)) for table in (pushed, popped)] == vector["tables"]
    arguments = {"cdfs_sizes": sizes, "offsets": offsets, **generator.arguments(vector)}
    stream = init(generator.STREAMS, num_interleaves=vector["lanes"])
    states = [torch_ans.rans_stream_to_byte_strings(stream)]
    for step in vector["steps"]:
        push(stream, np.array(step["symbols"], int), np.array(step["indexes"], int), cdfs=pushed, **arguments)
        states.append(torch_ans.rans_stream_to_byte_strings(stream))
        assert [string.hex() for string in states[-1]] == step["strings"]
    again = torch_ans.rans_byte_strings_to_stream(states.pop())
    for step in reversed(vector["steps"]):
        decoded = pop(again, np.array(step["indexes"], int), cdfs=popped, **arguments)
        assert decoded.dtype == np.int32
        assert decoded.tolist() == step["decoded"]
        if len(states) > 1:  # a new stream of table ANS has no heads yet
            assert torch_ans.rans_stream_to_byte_strings(again) == states.pop()


def test_the_file_is_what_the_package_writes():
    pytest.importorskip("torch_ans", reason="the package torch_ans is not installed")
    assert FILE.read_text() == generator.document()


def test_new_streams():
    stream = torch_ans.rans64_init_stream(3, num_interleaves=2, preallocate_size=10)
    assert stream.shape == stream.size() == (3, 8)
    assert np.asarray(stream)[2].tolist() == [16, -(2**31), 0, -(2**31), 0, 0, 0, 0]
    assert torch_ans.rans32_init_stream(1)[0].tolist() == [4, 2**23, 0]
    assert torch_ans.rans32_16_init_stream(1, 2)[0].tolist() == [8, 2**15, 2**15, 0]
    assert torch_ans.tans16_init_stream(1, 4, 8)[0].tolist() == [24, 0, 0, 0, 0, 0, 0, 0, 0]


def rows(random, precision, count, symbols):
    """Rows that give every symbol a frequency of 1 or more."""
    cuts = [np.sort(random.choice(2**precision - 1, symbols - 1, replace=False)) + 1 for _ in range(count)]
    return np.array([[0, *row, 2**precision] for row in cuts], np.int32)


def drawn(data, kinds=("", "_alias", "_invcdf")):
    """A case, its tables, and calls: symbols with their indexes."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    family = data.draw(st.sampled_from(list(FAMILIES)))
    precision, lanes = FAMILIES[family]
    precision = min(data.draw(st.integers(5, 12)), precision)
    kind = data.draw(st.sampled_from(kinds)) if family.startswith("rans") else ""
    case = {"family": family, "kind": kind, "lanes": data.draw(st.sampled_from(lanes)), "precision": precision}
    case["bypass"] = data.draw(st.booleans())
    count, streams = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    cdfs, offsets = rows(random, precision, count, 8), random.integers(-9, 9, count)
    calls = []
    for n in data.draw(st.lists(st.sampled_from([0, 1, 2, 7, 40, 70]), min_size=1, max_size=4)):
        indexes = random.integers(-1, count, (streams, n))
        symbols = offsets[indexes] + random.integers(0, 7, indexes.shape)
        if case["bypass"]:
            symbols += random.integers(-(2**26), 2**26, indexes.shape) * (random.random(indexes.shape) < 0.2)
        calls.append((symbols, indexes))
    return case, (cdfs, np.full(count, 9, np.int32), offsets), streams, calls


def decoded(symbols, indexes):
    return np.where(indexes < 0, 0, symbols).tolist()


@hypothesis.settings(max_examples=cases.examples(80) if cases.KERNELS else 4)
@hypothesis.given(data=st.data())
def test_pops_give_back_what_pushes_took(data):
    case, (cdfs, sizes, offsets), streams, calls = drawn(data)
    init, push, pop = functions(torch_ans, case)
    pushed, popped = generator.tables(torch_ans, cdfs, sizes, case)
    arguments = {"cdfs_sizes": sizes, "offsets": offsets, **generator.arguments(case)}
    stream = init(streams, case["lanes"])
    array = np.array(init(streams, case["lanes"], 40_000))
    states = []
    for symbols, indexes in calls:
        states.append(torch_ans.rans_stream_to_byte_strings(stream))
        for each in (stream, array):
            push(each, symbols, indexes, cdfs=pushed, **arguments)
        assert torch_ans.rans_stream_to_byte_strings(stream) == torch_ans.rans_stream_to_byte_strings(array)
    made = TorchANSInterface(
        case["family"],
        freq_precision=case["precision"],
        num_interleaves=case["lanes"],
        num_parallel_states=streams,
        bypass_coding=case["bypass"],
        bypass_precision=3,
        alias_sampling=case["kind"] == "_alias",
    )
    made.set_cdfs(cdfs, sizes, offsets)
    for symbols, indexes in reversed(calls):  # the interface decodes what was stored first
        made.encode(symbols, dist_indexes=indexes, cache=True)
    assert torch_ans.rans_stream_to_byte_strings(made.encode_flush()) == torch_ans.rans_stream_to_byte_strings(array)
    for symbols, indexes in reversed(calls):
        assert pop(stream, indexes, cdfs=popped, **arguments).tolist() == decoded(symbols, indexes)
        assert made.decode(array, dist_indexes=indexes).tolist() == decoded(symbols, indexes)
        state = states.pop()
        if states or case["family"].startswith("rans"):
            assert torch_ans.rans_stream_to_byte_strings(stream) == state


@hypothesis.settings(max_examples=cases.examples(80))
@hypothesis.given(data=st.data())
def test_streams_go_from_one_package_to_the_other(data):
    theirs = pytest.importorskip("torch_ans._C", reason="the package torch_ans is not installed")
    torch = importlib.import_module("torch")
    case, (cdfs, sizes, offsets), streams, calls = drawn(data)
    if case["lanes"] == 32:
        hypothesis.assume(case["kind"] != "_alias")

    def tensor(values):
        return torch.tensor(values, dtype=torch.int32)

    pushed, popped = generator.tables(torch_ans, tensor(cdfs), tensor(sizes), case)
    expected = generator.tables(theirs, tensor(cdfs), tensor(sizes), case)
    assert torch.equal(pushed, expected[0])
    assert torch.equal(popped, expected[1])
    arguments = {"cdfs_sizes": tensor(sizes), "offsets": tensor(offsets), **generator.arguments(case)}
    inverse = {"inverse_cdf_precision": 5} if case["kind"] == "_invcdf" else {}
    init = next(functions(theirs, case))
    streams = [init(streams, case["lanes"], 40_000) for _ in range(2)]
    steps = data.draw(st.permutations([torch_ans, theirs]))
    for k, (symbols, indexes) in enumerate(calls):
        for stream, library in zip(streams, (steps[k % 2], theirs), strict=True):
            _, push, _ = functions(library, case)
            push(stream, tensor(symbols), tensor(indexes), cdfs=pushed, **arguments)
        strings = [torch_ans.rans_stream_to_byte_strings(stream) for stream in streams]
        assert strings[0] == strings[1] == theirs.rans_stream_to_byte_strings(streams[0])
    for k, (symbols, indexes) in enumerate(reversed(calls)):
        for stream, library in zip(streams, (steps[k % 2], torch_ans), strict=True):
            _, _, pop = functions(library, case)
            found = pop(stream, tensor(indexes), cdfs=popped, **arguments, **inverse)
            assert isinstance(found, torch.Tensor)
            assert found.tolist() == decoded(symbols, indexes)


def test_every_function_of_the_package_is_here():
    build = pytest.importorskip("torch_ans._dynamic_build", reason="the package torch_ans is not installed")
    missing = [name for name in build.profile_op_names(None) if not hasattr(torch_ans, name)]
    assert not missing


def test_tensors_of_torch():
    torch = pytest.importorskip("torch", reason="the package torch is not installed")
    stream = torch.tensor(np.asarray(torch_ans.rans64_init_stream(2, preallocate_size=40)))
    symbols, indexes = torch.tensor(SYMBOLS), torch.tensor(INDEXES)
    torch_ans.rans64_push(stream, symbols, indexes, **TABLE)
    popped = torch_ans.rans64_pop(stream, indexes, **TABLE)
    assert popped.dtype == torch.int32
    assert popped.tolist() == decoded(SYMBOLS, INDEXES)
    made = TorchANSInterface(freq_precision=4)
    made.set_cdfs(torch.tensor(CDFS), torch.tensor(SIZES), torch.tensor(OFFSETS))
    encoded = made.encode(symbols, dist_indexes=indexes)
    assert isinstance(encoded, torch.Tensor)
    with pytest.raises(ValueError, match="Pass a longer array"):
        torch_ans.rans64_push(encoded, *([[0] * 99] for _ in range(2)), **TABLE)
    assert torch.equal(made.decode(encoded, dist_indexes=indexes), popped)


# ---- tables ----


def test_inverse_cdfs():
    cdfs = np.array([[0, 3, 3, 16, 0], [0, 1, 9, 13, 16]])
    made = torch_ans.rans_build_inverse_cdf(cdfs, freq_precision=4, table_precision=3)
    assert made.dtype == np.int32
    assert made.tolist() == [[*cdfs[0], 0, 0, 2, 2, 2, 2, 2, 2], [*cdfs[1], 0, 1, 1, 1, 1, 2, 2, 3]]
    assert torch_ans.rans_build_inverse_cdf(cdfs[1], 4, 1).tolist() == [*cdfs[1], 0, 1]


def test_alias_tables_are_those_of_the_quantiles():
    cdfs = np.array([[0, 1, 8, 9, 16, 0], [0, 4, 8, 12, 16, 0]])
    remap, table = torch_ans.rans_alias_build_table(cdfs, [5, 5], symbol_precision=2, freq_precision=4)
    assert remap.shape == (2, 22)
    assert table.shape == (2, 30)
    for row, to, buckets in zip(cdfs, remap[:, 5:21], table[:, 5:21].reshape(2, 4, 4), strict=True):
        assert sorted(to.tolist()) == list(range(16))
        for symbol in range(4):
            for place in range(row[symbol], row[symbol + 1]):
                bucket = to[place] // 4
                cut, other, own_start, other_start = buckets[bucket]
                assert symbol == (other if to[place] >= cut else bucket)
                assert place - row[symbol] == to[place] - (other_start if to[place] >= cut else own_start)


def test_refused_tables():
    with pytest.raises(ValueError, match="table_precision must be an integer from 1 to 4, got 5"):
        torch_ans.rans_build_inverse_cdf(CDFS, 4, 5)
    with pytest.raises(ValueError, match=r"cdfs must be \[rows, entries\] or \[entries\] with 2 entries or more"):
        torch_ans.rans_build_inverse_cdf(np.zeros((1, 1), int), 4, 4)
    with pytest.raises(ValueError, match=r"cdfs_sizes 5 for each row, which is 2\*\*symbol_precision"):
        torch_ans.rans_alias_build_table(CDFS, [5, 4], 2, 4)
    with pytest.raises(ValueError, match="cdfs must have 9 entries or more in a row"):
        torch_ans.rans_alias_build_table(CDFS, [9, 9], 3, 4)
    with pytest.raises(ValueError, match=r"row 1 of cdf does not rise from 0 to 2\*\*5"):
        torch_ans.rans_alias_build_table([[0, 1, 2, 3, 32], CDFS[0]], SIZES, 2, 5)
    with pytest.raises(ValueError, match="symbol_precision must be an integer from 0 to 4, got 8"):
        torch_ans.rans_alias_build_table(CDFS, SIZES, freq_precision=4)
    for wrong in ([[0, 8, 8, 16]], [[0, 4, 8, 12]], [[0, 20, 16, 16]]):
        with pytest.raises(ValueError, match="row 0 of cdf"):
            torch_ans.tans_build_tables(wrong, [4], 4)
    with pytest.raises(ValueError, match="table_log must be an integer from 1 to 15, got 16"):
        torch_ans.tans_build_tables(CDFS, SIZES, 16)
    tables = torch_ans.tans_build_tables(CDFS, SIZES, 4)
    damaged = tables.copy()
    damaged[1, 20] += 1
    for wrong in (CDFS, damaged, tables[0], tables[:, 1:], tables[:, 2:], -tables):
        with pytest.raises(ValueError, match="cdfs must be tables that tans_build_tables made"):
            filled("tans32", cdfs=wrong)
    with pytest.raises(ValueError, match="with the same cdfs_sizes and table_log=4"):
        filled("tans32", cdfs=tables, cdfs_sizes=[5, 3])


# ---- streams ----


def test_a_stream_is_like_an_array():
    stream = filled()
    array = np.asarray(stream)
    assert array is stream.numpy()
    assert (len(stream), stream.dtype, stream.device) == (2, np.int32, "cpu")
    assert (stream.size(0), stream.size(-1)) == array.shape == stream.shape
    assert stream.to(device="cuda") is stream.cpu() is stream
    assert repr(stream).startswith("jans.compat.torch_ans.Stream(array([[")
    copied = stream.clone()
    copied[0] = 0
    assert stream[0, 0] == 8
    assert (stream[:, 0] == array[:, 0]).all()
    assert np.array(stream) is not array
    assert np.asarray(stream, float).dtype == float
    restored = pickle.loads(pickle.dumps(stream))
    assert torch_ans.rans64_pop(restored, INDEXES, **TABLE).tolist() == decoded(SYMBOLS, INDEXES)
    assert pickle.loads(pickle.dumps(torch_ans.rans64_pop)) is torch_ans.rans64_pop
    assert "rans32_16_i32_push" in dir(torch_ans)
    with pytest.raises(AttributeError, match="has no attribute 'rans16_push'"):
        _ = torch_ans.rans16_push


def test_old_arrays_stay_when_a_stream_grows():
    stream = filled()
    old = np.asarray(stream)
    before = old.copy()
    torch_ans.rans64_push(stream, np.tile(SYMBOLS, 30), np.tile(INDEXES, 30), **TABLE)
    assert stream.shape[1] > old.shape[1]
    assert (old == before).all()


@pytest.mark.parametrize("convert", [np.array, jnp.array, np.ndarray.tolist, lambda a: a.astype(np.int16)])
def test_every_kind_of_array_and_lists(convert):
    expected, stream = filled(), torch_ans.rans64_init_stream(2)
    table = {name: convert(np.array(TABLE[name])) for name in ("cdfs", "cdfs_sizes", "offsets")}
    torch_ans.rans64_push(stream, convert(SYMBOLS), convert(INDEXES), **table, freq_precision=4)
    assert (np.asarray(stream) == np.asarray(expected)).all()
    assert torch_ans.rans64_pop(stream, convert(INDEXES), **table, freq_precision=4).tolist() == decoded(
        SYMBOLS, INDEXES
    )


def test_defaults():
    stream, row = torch_ans.rans64_init_stream(1), [[0, 2**15, 2**16]]
    torch_ans.rans64_push(stream, [[0, 300]], [[0, 0]], row, [3])
    assert torch_ans.rans64_pop(stream, [[0, 0]], row, [3]).tolist() == [[0, 300]]


def test_no_symbol_without_bypass_coding():
    for family in ("rans64", "tans16"):
        cdfs = torch_ans.tans_build_tables(CDFS, SIZES, 4) if family == "tans16" else CDFS
        push = functools.partial(getattr(torch_ans, f"{family}_push"), **TABLE | {"cdfs": cdfs}, bypass_coding=False)
        stream = getattr(torch_ans, f"{family}_init_stream")(2)
        before = np.array(stream)
        with pytest.raises(jans.CodingError, match="a symbol outside of its model's support"):
            push(stream, SYMBOLS, INDEXES)
        assert (np.asarray(stream) == before).all()
        push(stream, np.minimum(SYMBOLS, 2), INDEXES)


def test_streams_that_cannot_be_updated():
    push, array = (
        functools.partial(torch_ans.rans64_push, symbols=SYMBOLS, indexes=INDEXES, **TABLE),
        np.array(filled()),
    )
    with pytest.raises(ValueError, match=r"rows of 4 elements, and these symbols need \d+. Pass a longer array"):
        torch_ans.rans64_push(array[:, :4].copy(), np.tile(SYMBOLS, 20), np.tile(INDEXES, 20), **TABLE)
    with pytest.raises(ValueError, match="Pass a longer array"):
        torch_ans.rans64_push(filled(), np.tile(SYMBOLS, 20), np.tile(INDEXES, 20), **TABLE, used_bytes=8)
    with pytest.raises(TypeError, match=r"stream must be int32 .*, got int64"):
        push(array.tolist())
    with pytest.raises(TypeError, match="updated in place, got list"):
        push(list(array))
    with pytest.raises(TypeError, match=r"stream must be int32 .*, got float32"):
        push(array.astype(np.float32))
    for wrong in (jnp.array(array), array[:, ::2], np.broadcast_to(array[:1], array.shape)):
        with pytest.raises(ValueError, match="stream must be writable and C-contiguous"):
            push(wrong)
    for wrong in (array[0], array[:, :0]):
        with pytest.raises(ValueError, match=r"stream must be \[streams, length\] with a length of 1 or more"):
            push(wrong)
    with pytest.raises(ValueError, match="stream must have a stream or more"):
        push(array[:0])
    with pytest.raises(ValueError, match=r"symbols must be \[streams, n\] with the 1 streams of stream"):
        push(array[:1])


def test_refused_calls():
    stream = filled()
    before = np.array(stream)
    push, pop = functools.partial(torch_ans.rans64_push, stream), functools.partial(torch_ans.rans64_pop, stream)
    with pytest.raises(ValueError, match=r"symbols and indexes must have one shape, got \(2, 3\) and \(2, 2\)"):
        push(SYMBOLS, INDEXES[:, :2], **TABLE)
    with pytest.raises(ValueError, match=r"indexes must be \[streams, n\] with the 2 streams"):
        pop(INDEXES[0], **TABLE)
    with pytest.raises(ValueError, match="indexes must be from 0 to 1, or below zero"):
        pop(INDEXES + 1, **TABLE)
    with pytest.raises(TypeError, match="symbols must be integers, got float64"):
        push(SYMBOLS * 1.0, INDEXES, **TABLE)
    with pytest.raises(TypeError, match="indexes is missing"):
        pop(**TABLE)
    for name in ("cdfs", "cdfs_sizes"):
        with pytest.raises(TypeError, match=f"{name} is missing"):
            pop(INDEXES, **TABLE | {name: None})
    with pytest.raises(ValueError, match=r"row 0 of cdf does not rise from 0 to 2\*\*3"):
        push(SYMBOLS, INDEXES, **TABLE | {"freq_precision": 3})
    with pytest.raises(ValueError, match="cdfs_sizes must have one number for each of the 2 rows"):
        push(SYMBOLS, INDEXES, **TABLE | {"cdfs_sizes": [5]})
    with pytest.raises(ValueError, match="cdfs_sizes must be from 2 to the 5 entries"):
        push(SYMBOLS, INDEXES, **TABLE | {"cdfs_sizes": [5, 6]})
    with pytest.raises(ValueError, match="cdfs_sizes must be from 2"):
        push(SYMBOLS, INDEXES, **TABLE | {"cdfs_sizes": [-1, 0]})
    for wrong in ([], 3, np.zeros((2, 0), int), np.zeros((0, 5), int)):
        with pytest.raises(ValueError, match=r"cdfs must be \[rows, entries\]"):
            push(SYMBOLS, INDEXES, **TABLE | {"cdfs": wrong})
    with pytest.raises(ValueError, match="offsets must have one number"):
        push(SYMBOLS, INDEXES, **TABLE | {"offsets": [1]})
    with pytest.raises(ValueError, match="freq_precision must be an integer from 1 to 31, got 32"):
        push(SYMBOLS, INDEXES, **TABLE | {"freq_precision": 32})
    with pytest.raises(ValueError, match="freq_precision must be an integer from 1 to 15, got 16"):
        torch_ans.rans32_16_pop(filled("rans32_16"), INDEXES, CDFS, SIZES)
    with pytest.raises(ValueError, match="bypass_precision must be an integer from 1 to 16, got 0"):
        push(SYMBOLS, INDEXES, **TABLE, bypass_precision=0)
    with pytest.raises(ValueError, match="size must be an integer from 1"):
        torch_ans.rans64_init_stream(0)
    with pytest.raises(ValueError, match="preallocate_size must be an integer from 0"):
        torch_ans.rans64_init_stream(1, preallocate_size=-1)
    with pytest.raises(ValueError, match=r"num_interleaves must be one of \(1, 2, 4, 8\), got 3"):
        torch_ans.rans64_init_stream(1, 3)
    assert (np.asarray(stream) == before).all()


def test_byte_strings():
    strings = [b"abc", b"", b"defgh"]
    stream = torch_ans.rans_byte_strings_to_stream(strings)
    assert stream.shape == (3, 3)
    assert stream[:, 0].tolist() == [3, 0, 5]
    assert torch_ans.rans_stream_to_byte_strings(stream) == strings
    assert torch_ans.rans_stream_to_byte_strings(np.asarray(stream)[::2]) == strings[::2]
    assert torch_ans.rans_stream_to_byte_strings(torch_ans.rans_byte_strings_to_stream([])) == []
    with pytest.raises(TypeError, match="strings must be a list of byte strings"):
        torch_ans.rans_byte_strings_to_stream(b"abc")
    with pytest.raises(TypeError, match="stream must be int32"):
        torch_ans.rans_stream_to_byte_strings([[1, 2]])
    for length in (-1, 9):
        stream[1, 0] = length
        with pytest.raises(jans.CodingError, match=f"stream 1 of 3 has {length} bytes by its first element"):
            torch_ans.rans_stream_to_byte_strings(stream)


@pytest.mark.parametrize("family", cases.thin(FAMILIES, 3))
def test_damaged_streams(family):
    """Every damage is decoded as other symbols or is an error, which leaves the stream as it is."""
    cdfs = torch_ans.tans_build_tables(CDFS, SIZES, 4) if family.startswith("tans") else CDFS
    random = np.random.default_rng(0)
    indexes = random.integers(-1, 2, (2, 40))
    stream = filled(family, random.integers(-9, 9, (2, 40)), indexes, cdfs=cdfs)
    push, pop = (
        functools.partial(getattr(torch_ans, f"{family}_{name}"), **TABLE | {"cdfs": cdfs}) for name in ("push", "pop")
    )
    errors = 0
    for k in range(200):
        array = np.array(stream)
        if k % 4 == 0:
            array.view(np.uint8)[random.integers(2), random.integers(4 * array.shape[1])] ^= 1 << random.integers(8)
        elif k % 4 == 1:
            array[random.integers(2), random.integers(array.shape[1])] = random.integers(-(2**31), 2**31)
        elif k % 4 == 2:
            array[random.integers(2), 0] += random.integers(-30, 30)
        else:
            array = array[:, : 1 + random.integers(array.shape[1])].copy()
        before = array.copy()
        try:
            if k % 3:
                assert pop(array, indexes).shape == (2, 40)
            else:
                push(Stream(array), indexes, indexes)
        except jans.CodingError:
            errors += 1
            assert (array == before).all()
    assert errors > 40
    for cut, match in ((3, "by its first element"), (len(stream[0]), "a pop ran past the end of the message")):
        with pytest.raises(jans.CodingError, match=match):
            pop(np.asarray(stream)[:, :cut].copy(), np.zeros((2, 400), int))


def test_lengths_that_are_no_words():
    stream = filled()
    stream[1, 0] += 1
    with pytest.raises(jans.CodingError, match=r"stream 1 of 2 has 9 bytes .* words of 4:"):
        torch_ans.rans64_push(stream, SYMBOLS, INDEXES, **TABLE)


def test_what_a_pop_of_the_package_leaves():
    """Bits that were read already, above the leftover bits of a table ANS stream."""
    stream = filled("tans32", cdfs=(cdfs := torch_ans.tans_build_tables(CDFS, SIZES, 4)))
    stream[:, 2] |= -1 << stream[:, 3]
    torch_ans.tans32_push(stream, SYMBOLS, INDEXES, **TABLE | {"cdfs": cdfs})
    for _ in range(2):
        assert torch_ans.tans32_pop(stream, INDEXES, **TABLE | {"cdfs": cdfs}).tolist() == decoded(SYMBOLS, INDEXES)


# ---- the interface ----


def coder(**args):
    made = TorchANSInterface("rans64", freq_precision=12, **args)
    made.init_params(np.array([[8, 4, 4], [1, 1, 14]]), np.array([3, 3]), np.array([-1, 0]))
    return made


def test_encode_and_decode():
    made = coder()
    stream = made.encode(SYMBOLS, dist_indexes=INDEXES)
    assert isinstance(stream, Stream)
    assert torch_ans.merge_bytes(torch_ans.rans_stream_to_byte_strings(stream)) == made.encode_with_indexes(
        SYMBOLS, INDEXES
    )
    kept = stream.clone()
    assert made.decode(stream, dist_indexes=INDEXES).tolist() == decoded(SYMBOLS, INDEXES)
    assert kept[0, 0] > stream[0, 0]
    array = np.array(kept)
    assert made.decode(array, dist_indexes=INDEXES[:1]).tolist() == decoded(SYMBOLS[:1], INDEXES[:1])
    assert made.decode(array, dist_indexes=INDEXES[1:]).tolist() == decoded(SYMBOLS[1:], INDEXES[1:])
    made.set_stream(made.encode_with_indexes(SYMBOLS, INDEXES))
    assert made.decode(None, dist_indexes=INDEXES).tolist() == decoded(SYMBOLS, INDEXES)
    assert coder(num_parallel_states=3).encode(SYMBOLS, dist_indexes=INDEXES).shape[0] == 3


def test_encode_with_frequencies():
    made, freqs = coder(num_parallel_states=2), np.arange(1, 25).reshape(2, 3, 4)
    table = {"dist_freqs": freqs, "dist_num_freqs": np.full((2, 3), 4), "dist_min": INDEXES}
    for each in (table, {"dist_freqs": freqs}):
        stream = made.encode(SYMBOLS, **each)
        assert made.decode(stream, **each).tolist() == SYMBOLS.tolist()


def test_encode_flush():
    made = coder()
    assert made.encode_flush() is None
    assert made.encode(SYMBOLS, dist_indexes=INDEXES, cache=True) is None
    made.encode_with_freqs(SYMBOLS, np.ones((2, 3, 4)), cache=True)
    assert len(made._encode_queue) == 2
    stream = made.encode_flush()
    assert (len(stream), len(made._encode_queue)) == (2, 0)
    assert made.decode(stream, dist_indexes=INDEXES).tolist() == decoded(SYMBOLS, INDEXES)
    assert made.decode(stream, dist_freqs=np.ones((2, 3, 4))).tolist() == SYMBOLS.tolist()
    made.encode(SYMBOLS, dist_indexes=INDEXES, cache=True)
    made.reset_cache()
    assert made.encode_flush() is None


def test_refused_streams_of_the_interface():
    made = coder()
    stream = made.encode(SYMBOLS, dist_indexes=INDEXES)
    for call in (made.encode, made.decode):
        with pytest.raises(NotImplementedError, match="symbols are coded with dist_indexes or dist_freqs"):
            call(stream)
    with pytest.raises(ValueError, match="there is nothing to decode from"):
        made.decode(None, dist_indexes=INDEXES)
    with pytest.raises(ValueError, match="stream must have num_parallel_states=2 rows, got 1"):
        coder(num_parallel_states=2).decode(stream, dist_indexes=INDEXES)
    with pytest.raises(ValueError, match="indexes must be from 0 to 1, as there are 2 rows, got -1"):
        coder(check_validity=True).decode(stream, dist_indexes=INDEXES)
    with pytest.raises(jans.CodingError, match="a pop ran past the end of the message"):
        made.decode(stream, dist_indexes=np.zeros(400, int))
    assert made.decode(stream, dist_indexes=INDEXES).tolist() == decoded(SYMBOLS, INDEXES)
