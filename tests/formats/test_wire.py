"""Bytes in, bytes out: round trips, and a sentence for everything that bytes can be instead."""

import io
import struct
import zlib

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jans
from jans import rans
from jans.coders import _words
from jans.formats import _header

coders = pytest.mark.parametrize("coder", cases.STACKS, ids=str)


def filled(coder, batch=(), capacity=20):
    """Coders with different numbers of words."""
    count = int(np.prod(batch))
    states = [coder.random(seed, seed * 7 % (capacity + 1), capacity) for seed in range(count)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves).reshape(*batch, *leaves[0].shape), *states)


@coders
@pytest.mark.parametrize("batch", [(), (3,), (2, 3), (0,)])
def test_round_trip(coder, batch):
    state = filled(coder, batch) if 0 not in batch else jax.tree.map(lambda x: x[:0], filled(coder, (1,)))
    blob = jans.to_bytes(state)
    again = jans.from_bytes(blob)
    assert cases.content(again) == cases.content(state)
    assert again.variant == state.variant
    assert jans.to_bytes(again) == blob
    assert jans.from_bytes(blob, capacity=50).capacity == 50
    assert jans.from_bytes(blob, spare=5).capacity == again.capacity + 5


@coders
@pytest.mark.parametrize("batch", cases.sample([(), (3,), (2, 3), (0,), (40,)], 2, several=False))
def test_compacted_words_are_those_of_the_streams(coder, batch):
    """What `to_bytes` takes from a device that is not the host."""
    state = filled(coder, batch) if 0 not in batch else jax.tree.map(lambda x: x[:0], filled(coder, (1,)))
    expected = _words.tails(state.tail, state.size)
    assert expected == [
        row[:n].tobytes() for row, n in zip(np.asarray(state.tail).reshape(-1, 20), np.ravel(state.size), strict=True)
    ]
    assert _words._compacted(state.tail, np.ravel(state.size)) == expected
    if len(batch) == 1:
        flat, ends = rans.compact(state)
        np.testing.assert_array_equal(ends, np.cumsum(state.size))
        assert flat.tobytes()[: len(b"".join(expected))] == b"".join(expected)
        assert not np.asarray(flat)[int(np.sum(state.size)) :].any()


def test_compact_of_what_overflowed_and_of_what_is_no_batch():
    model, empty = jans.models.Uniform(2**16), rans.init(3, variant="rans64_ryg")
    states = jax.vmap(lambda x: rans.push(empty, model, x))(jnp.arange(40).reshape(2, 20))
    assert (states.size > 3).all()
    assert rans.compact(states)[1].tolist() == [3, 6]
    with pytest.raises(ValueError, match=r"a batch of streams \[streams\], its tail has shape \(3,\)"):
        rans.compact(empty)
    with pytest.raises(ValueError, match=r"\(65536, 32768\) words are 2\*\*31 or more"):
        jax.eval_shape(rans.compact, jax.eval_shape(jax.vmap(lambda _: rans.init(2**15)), jnp.zeros(2**16)))


@coders
def test_decoding_goes_on_from_bytes(coder):
    model = jans.models.Uniform(50, precision=coder.precision)
    symbols = jnp.arange(40)
    state = jans.from_bytes(jans.to_bytes(rans.push(coder.start(100), model, symbols)))
    state, again = rans.pop(state, model, shape=(40,))
    assert (again == symbols).all()
    assert rans.is_empty(state)


@pytest.fixture(scope="module")
def blob():
    return jans.to_bytes(filled(cases.Rans("rans64", 3, 24), (2,)), fingerprint=77)


def sealed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def test_cut_short_at_every_length(blob):
    for length in range(len(blob)):
        with pytest.raises(jans.CodingError, match="cut short"):
            jans.from_bytes(blob[:length])


def test_every_flipped_byte_is_noticed(blob):
    for at in range(len(blob)):
        for flip in (1, 0x80, 0xFF):
            damaged = bytearray(blob)
            damaged[at] ^= flip
            with pytest.raises(jans.CodingError):
                jans.from_bytes(bytes(damaged))


@given(st.binary(max_size=80))
def test_any_bytes(data):
    for candidate in (data, b"JANS" + data, b"JANS\x01\x01" + data, sealed(b"JANS\x01\x01" + data)):
        try:
            state = jans.from_bytes(candidate)
        except jans.CodingError:
            continue
        assert jans.to_bytes(state) == candidate


def header(version=1, coder=1, variant=0, rank=0, lanes=1, fingerprint=0, batch=()):
    return struct.pack(f"<4sBBBBIQ{len(batch)}I", b"JANS", version, coder, variant, rank, lanes, fingerprint, *batch)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"GIF89a and more", "not from jans: they begin with b'GIF8'"),
        (sealed(header(version=2) + bytes(40)), "format version 2; this jans reads version 1"),
        (sealed(header(coder=255) + bytes(40)), "a coder that this jans does not have: coder 255"),
        (sealed(header(variant=4) + bytes(40)), "a coder that this jans does not have: coder 1, variant 4"),
        (sealed(header(rank=9, batch=(1,) * 9) + bytes(40)), "damaged or made up: 9 dimensions, 1 lanes"),
        (sealed(header(lanes=0) + bytes(40)), "damaged or made up: 0 dimensions, 0 lanes"),
        (sealed(header() + struct.pack("<iQ", -1, 0)), "a stream has a negative length"),
        (
            sealed(header() + struct.pack("<iQI", 1, 5, 3)),
            "a jans.rans.State cannot hold such numbers",
        ),
        (
            sealed(header(variant=3) + struct.pack("<iI", 0, 2**31)),
            "a jans.rans.State cannot hold such numbers",
        ),
        (sealed(header(lanes=2**32 - 1)), "damaged or made up: a batch of shape .*, 4294967295 lanes each"),
        (sealed(header(lanes=2**30)), "cut short"),
        (sealed(header(rank=2, batch=(2**32 - 1, 2**32 - 1))), "damaged or made up: a batch of shape"),
        (sealed(header(rank=8, batch=(0, *(2**32 - 1,) * 7))), "damaged or made up: a batch of shape"),
        (sealed(header(rank=3, batch=(2**10,) * 3)), "cut short"),
        (sealed(header() + struct.pack("<iQ", 2**31 - 1, 2**33)), "cut short"),
        (sealed(header() + struct.pack("<iQ", 0, 2**33)) + b"?", "go on for 1 bytes after their end"),
        (header() + struct.pack("<iQI", 0, 2**33, 1), "checksum does not match"),
    ],
)
def test_sentences(data, sentence):
    with pytest.raises(jans.CodingError, match=sentence):
        jans.from_bytes(data)


def test_a_few_bytes_do_not_become_much_memory():
    streams, _words = 40_000, 30_000
    sizes = np.zeros(streams, "<i4")
    sizes[0] = _words
    heads = np.full(streams, 2**33, "<u8")
    body = header(rank=1, batch=(streams,)) + sizes.tobytes() + heads.tobytes() + bytes(4 * _words)
    with pytest.raises(jans.CodingError, match="far more memory than they are worth"):
        jans.from_bytes(sealed(body))


def test_room_is_the_wish_of_the_caller(blob, monkeypatch):
    monkeypatch.setattr(_header, "MAX_BYTES", 1000)
    assert jans.from_bytes(blob, capacity=10**5).capacity == 10**5
    assert jans.from_bytes(blob, spare=10**5).capacity > 10**5


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_kinds_of_bytes(blob, kind):
    assert jans.to_bytes(jans.from_bytes(kind(blob)), fingerprint=77) == blob


@pytest.mark.parametrize("data", [2**40, None])
def test_what_is_no_bytes(data):
    with pytest.raises(TypeError, match="data must be bytes, got"):
        jans.from_bytes(data)


def test_more_dimensions_than_the_format_has():
    state = jax.tree.map(lambda leaf: leaf.reshape((1,) * 9 + leaf.shape), rans.init(4))
    with pytest.raises(ValueError, match="8 dimensions at most, got 9"):
        jans.to_bytes(state)


def test_no_capacity():
    assert len(jans.to_bytes(rans.init(0))) == 20 + 4 + 8 + 4
    assert jans.from_bytes(jans.to_bytes(rans.init(0))).capacity == 0


def test_other_models_are_refused(blob):
    assert jans.from_bytes(blob).lanes == 3
    assert jans.from_bytes(blob, fingerprint=77).lanes == 3
    with pytest.raises(jans.CodingError, match="written with models of fingerprint 0x000000000000004d"):
        jans.from_bytes(blob, fingerprint=78)


def test_arguments(blob):
    with pytest.raises(ValueError, match="capacity must be at least the"):
        jans.from_bytes(blob, capacity=1)
    with pytest.raises(ValueError, match="fingerprint must be an unsigned 64-bit number"):
        jans.to_bytes(rans.init(4), fingerprint=2**64)


# ---- the number of symbols ----


KINDS = {
    f"{coder}-finished" if finished else str(coder): (coder, finished)
    for coder in cases.CODERS.values()
    for finished in {False, not coder.inverse}
}
"""Every class of states that has bytes: those of coders, and those that queues are decoded from."""


@pytest.mark.parametrize(("coder", "finished"), KINDS.values(), ids=KINDS)
def test_the_number_of_symbols_is_compared(coder, finished):
    model = coder.of(jans.models.Uniform(8, coder.precision), np.arange(9) << coder.precision - 3)
    state = coder.put(coder.start(40), model, jnp.arange(7))
    state, finish = (coder.finish(state), lambda state: state) if finished else (state, coder.finish)
    plain, data = jans.to_bytes(state, fingerprint=9), jans.to_bytes(state, fingerprint=9, symbols=7)
    # The number lies between the header and the rest; bytes without it are as before.
    assert data[:7] + bytes([data[7] & 0x7F]) + data[8:20] + data[28:-4] == plain[:-4]
    assert (data[7], plain[7], data[20:28]) == (0x80, 0, struct.pack("<Q", 7))
    for symbols in (None, 7, np.int64(7)):
        for again in (
            jans.from_bytes(data, spare=2, fingerprint=9, symbols=symbols),
            jans.read_message(io.BytesIO(data), spare=2, fingerprint=9, symbols=symbols),
        ):
            assert jans.to_bytes(again, fingerprint=9) == plain
            assert coder.take(finish(again), model, (7,))[1].tolist() == list(range(7))
    for read in (jans.from_bytes, lambda data, **options: jans.read_message(io.BytesIO(data), **options)):
        assert jans.to_bytes(read(plain, symbols=8), fingerprint=9) == plain
        for symbols in (0, 8, 2**63 - 1):
            with pytest.raises(
                jans.CodingError, match=f"hold 7 symbols in each stream, and {symbols} are to be decoded. Decode exact"
            ):
                read(data, symbols=symbols)


@pytest.fixture(scope="module")
def counted():
    return jans.to_bytes(filled(cases.Rans("rans64", 3, 24), (2, 3)), fingerprint=77, symbols=2**40 + 3)


def test_the_number_of_symbols_of_a_batch(counted):
    again = jans.from_bytes(counted, symbols=2**40 + 3)
    assert jans.to_bytes(again, 77, 2**40 + 3) == counted
    assert again.size.shape == (2, 3)
    file = io.BytesIO()
    for n in (0, 2**63 - 1):
        jans.write_message(file, again, 77, n)
    file.seek(0)
    for n in (0, 2**63 - 1):
        assert jans.to_bytes(jans.read_message(file, symbols=n), 77, 2**40 + 3) == counted
    assert jans.read_message(file, symbols=5) is None
    file.seek(0)
    with pytest.raises(jans.CodingError, match="hold 0 symbols in each stream, and 1 are to be decoded"):
        jans.read_message(file, symbols=1)


def test_bytes_with_a_number_of_symbols_cut_short_and_damaged(counted):
    for length in range(len(counted)):
        with pytest.raises(jans.CodingError, match="cut short"):
            jans.from_bytes(counted[:length], symbols=2**40 + 3)
        if length:
            with pytest.raises(jans.CodingError, match="cut short"):
                jans.read_message(io.BytesIO(counted[:length]))
    for at in range(len(counted)):
        for flip in (1, 0x80, 0xFF):
            damaged = bytearray(counted)
            damaged[at] ^= flip
            for symbols in (None, 2**40 + 3):
                with pytest.raises(jans.CodingError):
                    jans.from_bytes(bytes(damaged), symbols=symbols)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (sealed(header(rank=0x80) + struct.pack("<QiQ", 2**63, 0, 2**33)), f"made up: coder 1, {2**63} symbols"),
        (sealed(header(coder=2, rank=0x80) + struct.pack("<QI", 1, 1)), "made up: coder 2, 1 symbols"),
        (sealed(header(rank=0x89) + bytes(80)), "damaged or made up: 9 dimensions, 1 lanes"),
        (header(rank=0x81, batch=(3,)) + bytes(7), "cut short: 32 are needed, 31 are there"),
    ],
)
def test_made_up_numbers_of_symbols(data, sentence):
    with pytest.raises(jans.CodingError, match=sentence):
        jans.from_bytes(data)


def test_a_message_in_chunks_knows_its_number_of_symbols():
    message = jans.chunked.encode(jans.models.Uniform(10, 12), jnp.arange(50).reshape(5, 10) % 10, chunk=20)
    data = jans.to_bytes(message)
    assert jans.to_bytes(message, symbols=50) == data
    with pytest.raises(ValueError, match="symbols must be the number of symbols of the message, 50, got 28"):
        jans.to_bytes(message, symbols=28)
    for read in (jans.from_bytes, lambda data, symbols: jans.read_message(io.BytesIO(data), symbols=symbols)):
        for symbols in (None, 50):
            assert read(data, symbols=symbols).shape == (5, 10)
        with pytest.raises(jans.CodingError, match="these bytes hold 50 symbols, and 28 are to be decoded"):
            read(data, symbols=28)


@pytest.mark.parametrize("symbols", [-1, 2**63])
def test_impossible_numbers_of_symbols(symbols, counted):
    message = jans.chunked.encode(jans.models.Uniform(10, 12), jnp.arange(5), chunk=20)
    for call in (
        lambda: jans.to_bytes(rans.init(4), symbols=symbols),
        lambda: jans.to_bytes(message, symbols=symbols),
        lambda: jans.from_bytes(counted, symbols=symbols),
    ):
        with pytest.raises(ValueError, match=rf"symbols must be from 0 to 2\*\*63 - 1, got {symbols}"):
            call()
    for call in (lambda: jans.to_bytes(rans.init(4), symbols=7.0), lambda: jans.from_bytes(counted, symbols=7.0)):
        with pytest.raises(TypeError, match="symbols must be the number of symbols in each stream, got float"):
            call()


def test_who_notices_that_too_much_is_popped():
    """All but a single rans64 head, and with the number of symbols all; docs/rans.md says so."""
    for coder in cases.STACKS:
        model = jans.models.Uniform(8, coder.precision)
        state = rans.push(coder.start(40), model, jnp.arange(20) % 8)
        left, _ = rans.pop(state, model, (28,))
        if str(coder) == "rans64-1":
            assert int(left.status) == 0
            assert rans.is_empty(left)
        else:
            assert int(left.status) == jans.status.UNDERFLOW
        with pytest.raises(jans.CodingError, match="hold 20 symbols in each stream, and 28 are to be decoded"):
            jans.from_bytes(jans.to_bytes(state, symbols=20), symbols=28)


def test_a_state_with_a_status_is_not_written():
    state = rans.push(rans.init(0), jans.models.Uniform(2**20), jnp.arange(9))
    with pytest.raises(jans.CodingError, match="the tail is full"):
        jans.to_bytes(state)
