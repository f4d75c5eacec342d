"""Messages in chunks: each a stream of its own, found by an index, read from anywhere."""

import dataclasses
import io
import mmap
import struct
import zlib

import cases
import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jans
from jans import byte_strings, chunked, models, rans

N, CHUNK = 100, 16
DECIMAL = models.Uniform(10, precision=12)


def digits(n, seed=0):
    return np.random.default_rng(seed).integers(0, 10, n).astype(np.int32)


@pytest.mark.parametrize("case", cases.sample(cases.thin(cases.MODELS.values()), 4), ids=str)
def test_every_model_is_cut(case):
    model, symbols = case.draw(12, (4, N // 4))
    message = chunked.encode(model, symbols, chunk=CHUNK, lanes=3, capacity=200)
    left, again = chunked.decode(message, model)
    np.testing.assert_array_equal(again, symbols)
    assert chunked.is_empty(jans.check(left)).all()
    np.testing.assert_array_equal(chunked.Reader(jans.to_bytes(message)).read(model, 40, 99), symbols.ravel()[40:99])


@pytest.mark.parametrize(
    "case", [case for case in cases.MODELS.values() if "custom" in str(case) or "escape" in str(case)], ids=str
)
def test_messages_shorter_than_a_chunk(case):
    model, symbols = case.draw(12, (4, 3))
    message = chunked.encode(model, symbols, lanes=3)
    assert message.chunks.size.shape == (0,)
    assert message.chunks.capacity < 60
    left, again = chunked.decode(message, model)
    np.testing.assert_array_equal(again, symbols)
    assert chunked.is_empty(jans.check(left)).tolist() == [True]
    np.testing.assert_array_equal(chunked.Reader(jans.to_bytes(message)).read(model, 2, 7), symbols.ravel()[2:7])


def test_messages_side_by_side():
    """Of a `vmap`: each as if alone, and errors name message and chunk."""
    symbols = digits(3 * 35).reshape(3, 35)
    encode = jax.vmap(lambda x: chunked.encode(DECIMAL, x, chunk=10, lanes=2))
    messages = jans.check(encode(symbols))
    for k in range(3):
        alone = chunked.encode(DECIMAL, symbols[k], chunk=10, lanes=2)
        one = jax.tree.map(lambda leaf, k=k: leaf[k], messages)
        assert jans.to_bytes(one) == jans.to_bytes(alone)
    left, again = jax.vmap(lambda message: chunked.decode(message, DECIMAL))(messages)
    np.testing.assert_array_equal(again, symbols)
    assert chunked.is_empty(left).shape == (3, 4)
    assert chunked.is_empty(left).all()
    symbols[1, 34] = 10
    with pytest.raises(jans.CodingError, match=r"stream \(1, 3\) of 12 \(1 at fault\): a symbol outside"):
        jans.check(encode(symbols))


@pytest.mark.parametrize("case", cases.sample(cases.thin(cases.SIMPLE), 4), ids=str)
def test_flat_models_have_the_intervals_of_their_symbols(case):
    model, symbols = case.draw(12, (2, 6))
    own, rebuilt = model.flat((2, 6)).per_symbol()
    part = rebuilt([leaf[3:11] for leaf in own])
    expected = model.interval(symbols)
    for found, whole in zip(part.interval(symbols.ravel()[3:11]), expected, strict=True):
        np.testing.assert_array_equal(found, whole.ravel()[3:11])
    assert part.shape == (() if not model.shape else (8,))


@given(
    n=st.integers(0, 200),
    chunk=st.integers(1, 210),
    lanes=st.sampled_from([1, 2, 32]),
    variant=st.sampled_from(list(cases.PRECISIONS)),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_chunks_are_streams_of_their_own(n, chunk, lanes, variant, ends):
    symbols = digits(n)
    message = chunked.encode(DECIMAL, symbols, chunk, lanes=lanes, variant=variant)
    strings = [data for state in message.streams for data in byte_strings.to_strings(state)]
    assert len(strings) == -(-n // chunk)
    for k in {0, len(strings) - 1} if strings else ():
        alone = rans.push(rans.init(300, lanes, variant), DECIMAL, symbols[k * chunk : (k + 1) * chunk])
        assert byte_strings.to_strings(jax.tree.map(lambda leaf: leaf[None], alone)) == [strings[k]]
    begin, end = sorted(int(x * n) for x in ends)
    reader = chunked.Reader(jans.to_bytes(message))
    np.testing.assert_array_equal(reader.read(DECIMAL, begin, end), symbols[begin:end])


def test_the_format():
    """Byte by byte, as docs/format.md says."""
    symbols = digits(25)
    message = chunked.encode(DECIMAL, symbols.reshape(5, 5), chunk=10, lanes=2)
    states = [rans.push(rans.init(50, 2, "rans32_16"), DECIMAL, symbols[k : k + 10]) for k in (0, 10, 20)]
    chunks = []
    for state in states:
        words = np.asarray(state.tail)[: int(state.size)].astype("<u2")
        chunks.append(np.asarray(state.head).astype("<u4").tobytes() + words.tobytes())
    head = b"JANS" + struct.pack("<BBBBIQIII", 1, 2, 2, 2, 2, 99, 5, 5, 10)
    head += b"".join(struct.pack("<II", len(chunk), zlib.crc32(chunk)) for chunk in chunks)
    assert jans.to_bytes(message, fingerprint=99) == head + struct.pack("<I", zlib.crc32(head)) + b"".join(chunks)


class Counted(io.BytesIO):
    """A file that knows how many of its bytes were read."""

    taken = 0

    def read(self, size=-1):
        data = super().read(size)
        self.taken += len(data)
        return data


def test_only_what_is_asked_for_is_read():
    symbols = digits(100_000)
    data = jans.to_bytes(chunked.encode(DECIMAL, symbols, chunk=1000))
    file = Counted(b"before" + data + b"behind")
    file.seek(len(b"before"))
    reader = chunked.Reader(file)
    assert (reader.shape, reader.chunk, reader.length) == ((100_000,), 1000, len(data))
    assert file.taken < 100 * 8 + 100
    file.taken = 0
    np.testing.assert_array_equal(reader.read(DECIMAL, 41_990, 42_010, np.uint8), symbols[41_990:42_010])
    assert file.taken < 3 * len(data) / 100


def test_sources_and_numbers_of_other_kinds(tmp_path):
    symbols = digits(60)
    data = jans.to_bytes(chunked.encode(DECIMAL, symbols, chunk=np.int64(7)))
    path = tmp_path / "message"
    path.write_bytes(data)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for source in (file, mapped, bytearray(data), memoryview(data)):
            found = chunked.Reader(source).read(DECIMAL, np.uint32(3), np.uint32(59))
            np.testing.assert_array_equal(found, symbols[3:59])
    with pytest.raises(jans.CodingError, match="go on for 4 bytes"):
        jans.from_bytes(memoryview(data + bytes(4)))


def test_dtypes_and_shapes():
    symbols = digits(60).astype(np.uint8).reshape(3, 4, 5)
    left, again = chunked.decode(chunked.encode(DECIMAL, symbols, chunk=7), DECIMAL, dtype=np.uint8)
    assert again.dtype == np.uint8
    np.testing.assert_array_equal(again, symbols)
    assert chunked.is_empty(left).shape == (9,)


@pytest.mark.parametrize(
    ("n", "chunk"), [(0, 2**14), (1, 2**14), (2**26 - 1, 2**14), (2**26 + 1, 2**14 + 1), (2**40, 2**16)]
)
def test_default_chunks(n, chunk):
    assert chunked._default_chunk(n) == chunk


def test_default_variants():
    for precision, variant in ((15, "rans32_16"), (16, "rans64")):
        assert chunked.encode(models.Uniform(10, precision), digits(5)).chunks.variant == variant


@pytest.mark.parametrize("variant", cases.PRECISIONS)
def test_the_default_capacity_holds_the_dearest_symbols(variant):
    precision = cases.Rans(variant, 1, 0).spec.max_precision
    # All symbols but the first cost as much as any can.
    rare = models.Table(np.array([[0, -3, -2, -1, 0]]) + np.array([0, *[2**precision] * 4]), 0, precision)
    symbols = np.random.default_rng(0).integers(1, 4, 1000)
    message = jans.check(chunked.encode(rare, symbols, chunk=100, lanes=2, variant=variant))
    _, again = chunked.decode(message, rare)
    np.testing.assert_array_equal(again, symbols)


def test_a_low_capacity_says_what_is_needed():
    far = models.escape(DECIMAL)
    symbols = np.full(300, 10**6)
    jans.check(chunked.encode(far, symbols, chunk=100, lanes=2))
    message = chunked.encode(far, symbols, chunk=100, lanes=2, capacity=100)
    with pytest.raises(jans.CodingError, match=r"stream 0 of 3 \(3 at fault\): the tail is full") as error:
        jans.to_bytes(message)
    needed = int(str(error.value).split("at least ")[1].split()[0])
    message = chunked.encode(far, symbols, chunk=100, lanes=2, capacity=needed)
    np.testing.assert_array_equal(chunked.decode(jans.check(message), far)[1], symbols)


def test_inside_programs_and_export():
    symbols = digits(50)
    table = models.Table(np.array([[0, *range(7, 16), 16]]), 0, precision=4)
    mean = jnp.linspace(0, 9, 50, dtype=jnp.float32)

    def encode(x, mean):
        model = models.Gaussian(mean, jnp.float32(1.5), -5, 20, precision=12)
        return chunked.encode(model, x, chunk=20), chunked.encode(table.at(jnp.zeros(50, jnp.int32)), x % 10, chunk=20)

    exported = jax.export.export(jax.jit(encode), disabled_checks=jans.export_checks())(symbols, mean)
    again = jax.export.deserialize(exported.serialize()).call(symbols, mean)
    for one, other in zip(again, encode(symbols, mean), strict=True):
        assert one.shape == (50,)
        assert jans.to_bytes(one) == jans.to_bytes(other)


# ---- what bytes can be instead ----


@pytest.fixture(scope="module")
def data():
    return jans.to_bytes(chunked.encode(DECIMAL, digits(50), chunk=20, lanes=2), fingerprint=7)


def test_cut_short_at_every_length(data):
    for length in range(len(data)):
        with pytest.raises(jans.CodingError, match=r"cut short|not from jans"):
            jans.from_bytes(data[:length])
    with pytest.raises(jans.CodingError, match="go on for 1 bytes"):
        jans.from_bytes(data + b"x")


def test_every_damaged_byte_is_noticed(data):
    for at in range(len(data)):
        for flip in (1, 0x80):
            damaged = bytearray(data)
            damaged[at] ^= flip
            with pytest.raises(jans.CodingError):
                jans.from_bytes(bytes(damaged), fingerprint=7)


def test_a_damaged_chunk_leaves_the_others(data):
    damaged = data[:-1] + bytes([data[-1] ^ 1])
    reader = chunked.Reader(damaged)
    np.testing.assert_array_equal(reader.read(DECIMAL, 0, 40), digits(50)[:40])
    with pytest.raises(jans.CodingError, match="chunk 2 is damaged: its checksum does not match"):
        reader.read(DECIMAL, 39, 41)


def remade(data, change):
    """The same with another index, and checksums that fit: what an adversary writes."""
    head, sizes, chunks = bytearray(data[:28]), [], []
    at = 28 + 3 * 8 + 4
    for k in range(3):
        (size,) = struct.unpack_from("<I", data, 28 + 8 * k)
        sizes.append(size)
        chunks.append(data[at : at + size])
        at += size
    head, chunks = change(head, chunks)
    head = bytes(head) + b"".join(struct.pack("<II", len(chunk), zlib.crc32(chunk)) for chunk in chunks)
    return head + struct.pack("<I", zlib.crc32(head)) + b"".join(chunks)


def with_head(offset, fmt, value):
    def change(head, chunks):
        struct.pack_into(fmt, head, offset, value)
        return head, chunks

    return change


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda head, chunks: (head, [b"", *chunks[1:]]), "string 0 of 3 has 0 bytes"),
        (lambda head, chunks: (head, [bytes(8), *chunks[1:]]), "string 0 of 3 begins with a head out of the range"),
        (
            lambda head, chunks: (head, [chunks[0][:-2], *chunks[1:]]),
            "ran past the end|goes on|invalid coder state",
        ),
        (lambda head, chunks: (head, [chunks[1], *chunks[1:]]), None),
        (with_head(24, "<I", 0), r"damaged or made up: symbols of shape \(50,\) in chunks of 0, 2 lanes"),
        (with_head(24, "<I", 2**24 + 1), r"made up: symbols of shape \(50,\) in chunks of 16777217"),
        (with_head(8, "<I", 2**31), r"made up: symbols of shape \(50,\) in chunks of 20, 2147483648 lanes"),
        (with_head(20, "<I", 2**32 - 1), "cut short: .* of an index are needed"),
        (with_head(5, "<B", 1), "not a message in chunks. Read them with jans.from_bytes"),
        (with_head(6, "<B", 4), "name a coder that this jans does not have"),
        (with_head(7, "<B", 0), "checksum of the index does not match"),
        (with_head(8, "<I", 0), "1 dimensions, 0 lanes"),
    ],
)
def test_made_up(data, change, text):
    made = remade(data, change)
    if text is None:  # another message: what decodes is not this one
        assert (chunked.Reader(made).read(DECIMAL, 0, 50)[:20] == digits(50)[20:40]).all()
        return
    with pytest.raises(jans.CodingError, match=text):
        chunked.Reader(made).read(DECIMAL)


def test_random_bytes_behind_a_good_index():
    """Whatever chunks hold, reading ends, with symbols or an error."""
    rng = np.random.default_rng(0)
    good = jans.to_bytes(chunked.encode(DECIMAL, digits(50), chunk=20, lanes=2))

    def noise(head, chunks):
        heads = rng.integers(2**15, 2**31, 2).astype("<u4").tobytes()
        return head, [heads + rng.bytes(len(chunk) - 8) for chunk in chunks]

    for _ in range(20):
        with pytest.raises(jans.CodingError):
            chunked.Reader(remade(good, noise)).read(DECIMAL)


def test_few_bytes_that_claim_many_symbols():
    """They are read in parts, as honest ones are that hold long runs of what costs nothing."""
    table = models.Table(np.array([[0, 2**12]]), 0, precision=12)
    chunk, count = 2**24, 20
    state = rans.init(4, 1, "rans32_16")
    one = byte_strings.to_strings(jax.tree.map(lambda leaf: leaf[None], state))
    head = b"JANS" + struct.pack("<BBBBIQII", 1, 2, 2, 1, 1, 0, chunk * count, chunk)
    head += b"".join(struct.pack("<II", len(data), zlib.crc32(data)) for data in one * count)
    data = head + struct.pack("<I", zlib.crc32(head)) + b"".join(one * count)
    for read in (lambda: jans.from_bytes(data), lambda: chunked.Reader(data).read(table)):
        with pytest.raises(jans.CodingError, match=r"hold 335544320 symbols.* Read them in parts, of 268435456"):
            read()
    if cases.KERNELS:
        assert chunked.Reader(data).read(table, 19 * chunk + 5, 19 * chunk + 9, np.uint8).tolist() == [0] * 4


def made(dims, chunk, lanes, index):
    head = b"JANS" + struct.pack("<BBBBIQ", 1, 2, 0, len(dims), lanes, 0) + struct.pack(f"<{len(dims)}I", *dims)
    head += struct.pack("<I", chunk) + b"".join(struct.pack("<II", *entry) for entry in index)
    return head + struct.pack("<I", zlib.crc32(head))


def test_shapes_of_no_symbols():
    with pytest.raises(jans.CodingError, match="made up: symbols of shape"):
        jans.from_bytes(made((2**32 - 1, 2**32 - 1, 0), 5, 2, []))
    # As many lanes as there may be, and none of them in memory.
    message = jans.from_bytes(made((0,), 5, 2**28, []))
    assert chunked.is_empty(message).shape == (0,)


def test_chunks_that_claim_to_be_long():
    """What an index says of a chunk makes nothing of the others allowed, and asks for no memory."""
    data = made((100,), 50, 1, [(16, zlib.crc32(bytes(16))), (2**32 - 1, 0)]) + bytes(16)
    with pytest.raises(jans.CodingError, match="chunk 1 is cut short: 4294967295 bytes are needed, 0 are there"):
        chunked.Reader(data).read(DECIMAL, 60, 70)


ERRORS = {
    "no chunk": (
        lambda: chunked.encode(DECIMAL, digits(5), chunk=0),
        ValueError,
        "chunk must be from 1 to 16777216",
    ),
    "a model that does not fit": (
        lambda: chunked.encode(models.Uniform(np.array([3, 4])), digits(5)),
        ValueError,
        r"symbols of shape \(5,\) do not fit a model of shape \(2,\)",
    ),
    "floats": (lambda: chunked.encode(DECIMAL, np.zeros(3)), TypeError, "symbols must be integers, got float64"),
    "another model": (
        lambda: chunked.decode(chunked.encode(DECIMAL, digits(5)), models.Uniform(np.array([3, 4]))),
        ValueError,
        "do not fit",
    ),
    "precision": (
        lambda: chunked.encode(models.Uniform(3), digits(5), variant="rans32_16"),
        ValueError,
        "1 to 15",
    ),
    "room in a message": (
        lambda: jans.from_bytes(jans.to_bytes(chunked.encode(DECIMAL, digits(5))), spare=3),
        ValueError,
        "hold a jans.chunked.Message, on which nothing is pushed",
    ),
    "a fingerprint": (
        lambda: jans.to_bytes(chunked.encode(DECIMAL, digits(5)), -1),
        ValueError,
        "fingerprint must be an unsigned 64-bit number, got -1",
    ),
}


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS.values(), ids=ERRORS)
def test_errors(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


def test_reading_with_the_wrong_model_or_beyond_the_end(data):
    reader = chunked.Reader(data, fingerprint=7)
    with pytest.raises(ValueError, match="0 <= begin <= end <= 50 must hold, got 3 and 51"):
        reader.read(DECIMAL, 3, 51)
    with pytest.raises(jans.CodingError, match="of chunks 1 to 2, stream 0 of 2"):
        reader.read(models.Uniform(999, precision=12), 30, 50)
    with pytest.raises(jans.CodingError, match="chunk 0 goes on after its last symbol"):
        reader.read(models.Uniform(2, precision=12))
    with pytest.raises(jans.CodingError, match="fingerprint 0x0000000000000007, the models at hand have 0x00000000"):
        chunked.Reader(data, fingerprint=8)


def test_messages_are_pytrees():
    message = chunked.encode(DECIMAL, digits(50), chunk=20)
    assert dataclasses.replace(message) == message
    doubled = jax.tree.map(lambda leaf: leaf * 2, message)
    assert doubled.shape == (50,)
    assert (np.asarray(doubled.status) == 0).all()
