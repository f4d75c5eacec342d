"""What all coders have in common: one base for states, one container for bytes, one way to say what is wrong."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jans
from jans import chain, huffman, models, range_coder, rans, tans
from jans.coders._state import CoderState
from jans.formats import _header, container

PRECISION = 12
MODEL = models.Uniform(64, PRECISION)
TABLES = tans.tables(np.arange(65) * 64, PRECISION)
CODE = huffman.codebook(jnp.ones(64) / 64)
SYMBOLS = jnp.asarray(np.random.default_rng(0).integers(0, 64, 50), jnp.int32)


@dataclasses.dataclass(frozen=True)
class Kind:
    """The states of a coder: those that symbols are put on or, where these differ, those that they are taken from."""

    coder: cases.Coder
    finished: bool = False

    def __str__(self) -> str:
        return f"{self.coder}-finished" if self.finished else str(self.coder)

    @property
    def model(self) -> Any:
        return self.coder.of(MODEL, np.arange(65) * 64)

    @property
    def can_take(self) -> bool:
        return self.coder.inverse or self.finished

    def empty(self) -> Any:
        return self.coder.start(60)

    def filled(self, n: int = 50) -> Any:
        state = self.coder.put(self.empty(), self.model, SYMBOLS[:n])
        return self.coder.finish(state) if self.finished else state

    def take(self, state: Any, n: int) -> tuple[Any, jax.Array]:
        return self.coder.take(state, self.model, (n,))


MORE = {str(coder) for coder in cases.STACKS} - {"rans64-1", "rans64_ryg-3", "rans32_16-32", "rans32-1"}
"""Of the variants of rANS some with some lanes are enough by default."""
KINDS = [Kind(coder, finished) for coder in cases.CODERS.values() for finished in {not coder.inverse, False}]
kinds = pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=[pytest.mark.exhaustive] * (str(k) in MORE)) for k in KINDS], ids=str
)


def same(a: CoderState, b: CoderState) -> bool:
    a, b = a.canonical(), b.canonical()
    cut = lambda state: [np.asarray(getattr(state, name)) for name in state.ranks if name not in state.stacks]
    words = lambda state: [np.trim_zeros(np.ravel(getattr(state, name)), "b") for name in state.stacks]
    settings = lambda state: (type(state), [getattr(state, name) for name in state.static])
    pairs = zip([*cut(a), *words(a)], [*cut(b), *words(b)], strict=True)
    return settings(a) == settings(b) and all(np.array_equal(x, y) for x, y in pairs)


# ---- content ----


@kinds
def test_empty_until_something_is_put_and_after_it_is_taken(kind):
    state = kind.filled()
    assert not jans.rans.is_empty(state)
    if kind.can_take:
        left, symbols = kind.take(state, 50)
        assert (symbols == SYMBOLS).all()
        assert jans.rans.is_empty(jans.check(left))
    if not kind.finished:
        assert jans.rans.is_empty(kind.empty())


@kinds
def test_content_grows_by_the_bits_of_the_symbols(kind):
    of = jans.rans.content_bits
    change = float(of(kind.filled(50))) - float(of(kind.filled(10)))
    # The ends of messages fill words, and a head that starts at zero holds less than its first symbol says.
    slack = 32 if kind.finished else {"rans64-1": 6, "chain32_16-3": 5}.get(str(kind), 0.4)
    assert abs(change - 40 * 6) <= slack
    assert abs(float(jax.jit(of)(kind.filled(50))) - float(of(kind.filled(50)))) < 1e-2


@kinds
def test_content_of_a_batch(kind):
    states = jax.tree.map(lambda *leaves: jnp.stack(leaves), kind.filled(50), kind.filled(20))
    for of in (jans.rans.content_bits, jans.rans.is_empty):
        assert of(states).tolist() == [of(kind.filled(50)).item(), of(kind.filled(20)).item()]


@kinds
def test_unused_words_say_nothing(kind):
    state = kind.filled(20)
    noise = {
        words: jnp.where(
            jnp.arange(getattr(state, words).shape[0]) < getattr(state, size), getattr(state, words), 77
        ).astype(getattr(state, words).dtype)
        for words, size in state.stacks.items()
    }
    noisy = dataclasses.replace(state, **noise)
    assert same(noisy, state)
    assert jans.to_bytes(noisy) == jans.to_bytes(state)
    assert jans.fingerprint(noisy) == jans.fingerprint(state)


FREQS_OF_ONE = np.append(np.arange(64), 2**PRECISION)


@given(
    st.integers(0, 90), st.sampled_from(["rans64", "rans64_ryg", "rans32_16", "rans32"]), st.sampled_from([1, 3, 32])
)
def test_any_symbols_fit_the_capacity_that_is_asked_for(n, variant, lanes):
    table = models.Table(FREQS_OF_ONE, precision=PRECISION)
    symbols = jnp.arange(n) % 64  # the most expensive ones
    jans.check(rans.push(rans.init(rans.capacity_for(table, n, lanes, variant), lanes, variant), table, symbols))
    escaped = models.escape(table, "both")
    wild = jnp.asarray(np.random.default_rng(n).integers(-(2**31), 2**31, n), jnp.int32)
    jans.check(rans.push(rans.init(rans.capacity_for(escaped, n, lanes, variant), lanes, variant), escaped, wild))
    bypass = models.Bypass(table, bypass_precision=5)
    jans.check(rans.push(rans.init(rans.capacity_for(bypass, n, lanes, variant), lanes, variant), bypass, wild))


@pytest.mark.parametrize("n", [0, 1, 7, 90])
def test_any_symbols_fit_the_capacity_of_the_other_coders(n):
    table = models.Table(FREQS_OF_ONE, precision=PRECISION)
    symbols = jnp.arange(n) % 64
    wild = jnp.asarray(np.random.default_rng(n).integers(-(2**31), 2**31, n), jnp.int32)
    for model, values in ((table, symbols), (models.escape(table, "both"), wild)):
        encoder = range_coder.encoder(range_coder.capacity_for(model, n))
        jans.check(range_coder.finish(range_coder.encode(encoder, model, values)))
        start = chain.init_remainders(np.full(4 * n + 9, 9, np.uint32), chain.capacity_for(model, n))
        jans.check(chain.push(start, model, values))
    for tables, values in ((tans.tables(table), symbols), (tans.tables(table, bypass_precision=3), wild)):
        jans.check(tans.push(tans.init(tans.capacity_for(tables, n), precision=PRECISION), tables, values))
    skewed = huffman.codebook(2.0 ** -jnp.arange(20.0))
    for code, values in ((skewed, jnp.full(n, 19)), (huffman.ExpGolomb(2), jnp.full(n, 2**31 - 1))):
        jans.check(huffman.push(huffman.stack(huffman.capacity_for(code, n)), code, values))


# ---- bytes ----


@kinds
@pytest.mark.parametrize("batch", [(), (3,), (2, 2)])
def test_bytes_hold_every_coder(kind, batch):
    count = int(np.prod(batch))
    states = [kind.filled(3 + 10 * k) for k in range(count)]
    state = jax.tree.map(lambda *leaves: jnp.stack(leaves).reshape(*batch, *leaves[0].shape), *states)
    data = jans.to_bytes(state, fingerprint=5)
    again = jans.from_bytes(data, fingerprint=5)
    assert jans.to_bytes(again, fingerprint=5) == data
    if not batch:
        assert same(again, state)
        assert jans.from_bytes(data, spare=4, fingerprint=5).capacity == again.capacity + 4
    for k, one in enumerate(states):
        assert same(jax.tree.map(lambda leaf, k=k: leaf.reshape(count, *leaf.shape[len(batch) :])[k], again), one)


@kinds
def test_decoding_goes_on_from_bytes(kind):
    if not kind.can_take:
        return
    left, symbols = kind.take(jans.from_bytes(jans.to_bytes(kind.filled()), spare=60), 50)
    assert (symbols == SYMBOLS).all()
    assert jans.rans.is_empty(jans.check(left))


@kinds
def test_damaged_bytes_are_errors(kind):
    data = jans.to_bytes(kind.filled(6))
    for length in range(len(data)):
        with pytest.raises(jans.CodingError, match="cut short"):
            jans.from_bytes(data[:length])
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(jans.CodingError):
            jans.from_bytes(bytes(damaged))


@given(
    st.sampled_from([_header.CHUNKED, *container._KINDS]), st.integers(0, 3), st.integers(0, 3), st.binary(max_size=120)
)
def test_made_up_bytes_are_errors_or_states(coder, variant, rank, body):
    import struct
    import zlib

    start = struct.pack("<4sBBBBIQ", b"JANS", 1, coder, variant, rank, 1, 0)
    data = start + body
    data += struct.pack("<I", zlib.crc32(data))
    try:
        state = jans.from_bytes(data)
    except jans.CodingError:
        return
    assert jans.to_bytes(state) == data


# ---- errors ----


@kinds
def test_a_state_of_another_coder_is_named(kind):
    state = kind.filled(3)
    name = re.escape(state.public_name)
    for call in (
        lambda: rans.push(state, MODEL, SYMBOLS),
        lambda: tans.push(state, TABLES, SYMBOLS),
        lambda: chain.pop(state, MODEL, (1,)),
        lambda: range_coder.encode(state, MODEL, SYMBOLS),
        lambda: range_coder.decode(state, MODEL, (1,)),
        lambda: huffman.push(state, CODE, SYMBOLS),
        lambda: huffman.encode(state, CODE, SYMBOLS),
        lambda: huffman.decode(state, CODE, (1,)),
        lambda: jans.account(rans.codec(MODEL, (1,)), state, SYMBOLS[:1]),
        lambda: jans.multiset(rans.codec(MODEL), 2, PRECISION).push(state, SYMBOLS[:2]),
        lambda: jans.fork(state, 2, 1),
        lambda: jans.byte_strings.to_strings(state),
    ):
        error = raised(call)
        if isinstance(error, TypeError):
            assert re.search(rf"must be a jans\.\w+\.\w+, got {name}\.", str(error)), error
        else:  # the coder itself, or a batch that one stream is not
            assert error is None or "batch of streams" in str(error), error


def raised(call: Callable[[], Any]) -> Exception | None:
    try:
        call()
    except (TypeError, ValueError) as error:
        return error
    return None


@kinds
def test_a_batch_where_one_stream_belongs(kind):
    if not kind.can_take:
        return
    states = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), kind.filled(3))
    with pytest.raises(ValueError, match=r"must be one stream, got arrays of shapes .* Map a batch of streams"):
        kind.take(states, 1)


def test_what_is_not_a_state():
    for call in (jans.check, jans.to_bytes, rans.is_empty, rans.content_bits, lambda x: jans.check_end(x, x)):
        with pytest.raises(TypeError, match=r"state must be .*, got int\."):
            call(3)


@kinds
def test_the_end_of_every_coder_is_checked(kind):
    if not kind.coder.inverse:
        return
    left, _ = kind.take(kind.filled(), 50)
    assert jans.check_end(left, kind.empty()) is left
    other, _ = kind.take(kind.filled(), 49)
    with pytest.raises(jans.CodingError, match="their bits differ"):
        jans.check_end(other, kind.empty())


# ---- what people and programs read ----


@kinds
def test_states_are_shown_in_a_line(kind):
    shown = repr(kind.filled(9))
    assert re.fullmatch(r"jans\.\w+\.\w+\(.*status=0\)", shown)
    assert len(shown) < 120
    assert "=? of" in repr(jax.eval_shape(lambda state: state, kind.empty()))


def test_models_are_shown_with_their_parameters():
    assert repr(models.Gaussian(jnp.zeros(3), 2.0, -9, 9)) == (
        "jans.models.Gaussian(loc=float32[3], scale=float32[3], low=-9, high=9, precision=24)"
    )
    assert repr(models.escape(models.Uniform(4))) == (
        "jans.models.Escape(model=jans.models.Uniform(size=4, precision=24), opened='high', precision=24)"
    )
    assert repr(models.Poisson(1.5, high=9)) == "jans.models.Poisson(rate=1.5, precision=24, high=9)"
    assert "Tracer" not in str(jax.make_jaxpr(lambda x: [print(models.Bernoulli(x)), x][1])(0.5))


def test_names_in_exported_programs_do_not_depend_on_files():
    names = {cls.public_name for cls in _subclasses(CoderState) - {CoderState} if "public_name" in vars(cls)}
    assert names == {
        "jans.chain.State",
        "jans.huffman.Queue",
        "jans.huffman.Reader",
        "jans.huffman.Stack",
        "jans.range_coder.Decoder",
        "jans.range_coder.Encoder",
        "jans.rans.State",
        "jans.recipes.Ledger",
        "jans.tans.State",
    }
    others = (
        range_coder.Position,
        huffman.Codebook,
        huffman.ExpGolomb,
        tans.Tables,
        jans.chunked.Message,
        jans.TableCoder,
    )
    assert {cls.public_name for cls in others} == {
        "jans.range_coder.Position",
        "jans.huffman.Codebook",
        "jans.huffman.ExpGolomb",
        "jans.tans.Tables",
        "jans.chunked.Message",
        "jans.TableCoder",
    }
    public = [getattr(models, name) for name in models.__all__]
    for cls in public:
        if isinstance(cls, type) and issubclass(cls, models.Model):
            assert cls.public_name == f"jans.models.{cls.__name__}"


def _subclasses(cls: type) -> set[type]:
    return {cls, *(found for sub in cls.__subclasses__() for found in _subclasses(sub))}


def test_fingerprints_tell_classes_and_settings_apart():
    seen = [
        models.Uniform(10, precision=8),
        models.Uniform(10, precision=12),
        {"size": jnp.int32(10)},
        models.Table(np.array([0, 3, 16]), precision=4),
        models.Bypass(models.Table(np.array([0, 3, 16]), precision=4)),
        models.Bypass(models.Table(np.array([0, 3, 16]), precision=4), bypass_precision=2),
        [models.Uniform(10, precision=8)],
        rans.init(4),
        rans.init(4, variant="rans64_ryg"),
    ]
    assert len({jans.fingerprint(tree) for tree in seen}) == len(seen)
    assert jans.fingerprint(rans.init(4)) == jans.fingerprint(rans.init(4))
