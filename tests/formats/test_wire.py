"""Bytes in, bytes out: round trips, and a sentence for everything that bytes can be instead."""

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


def test_a_state_with_a_status_is_not_written():
    state = rans.push(rans.init(0), jans.models.Uniform(2**20), jnp.arange(9))
    with pytest.raises(jans.CodingError, match="the tail is full"):
        jans.to_bytes(state)
