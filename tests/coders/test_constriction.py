"""The words of constriction 0.5.0, from the package itself: tables, coder steps, and data of either side."""

import cases
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, stateful
from hypothesis import strategies as st

import jans
from jans import models, rans

constriction = pytest.importorskip("constriction", reason="the package constriction is not installed")
AnsCoder = constriction.stream.stack.AnsCoder
peer = constriction.stream.model


def table(model, n):
    """The cumulative frequencies of one of constriction's models: a fresh range encoder shows each interval."""
    starts = []
    for symbol in range(n):
        encoder = constriction.stream.queue.RangeEncoder()
        encoder.encode(symbol, model)
        lower, width = encoder.pos()[1]
        assert (lower % (2**40 - 1), width % (2**40 - 1)) == (0, 0)
        starts.append(lower // (2**40 - 1))
    return [*starts, 2**24]


def rows(dtype, n, count=100):
    """Rows from even to very skewed, of all magnitudes, with zeros; the last entry is a part of the sum that counts."""
    rng = np.random.default_rng(n)
    values = rng.random((count, n)) ** rng.choice([1, 4, 30], (count, 1))
    values[rng.random((count, n)) < 0.1] = 0
    values[:, -1] = values.sum(-1) * rng.uniform(0.01, 1, count) + 1e-3
    return (values * 10.0 ** rng.integers(-20, 20, (count, 1))).astype(dtype)


@pytest.mark.parametrize("n", [2, 3, 64, 300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_categorical_tables(dtype, n):
    values = rows(dtype, n, 100 if n < 100 else 10)
    with jax.enable_x64(dtype == np.float64):
        ours = np.asarray(jans.quantize.fast(jnp.asarray(values), 24))
    for row, cdf in zip(values, ours, strict=True):
        assert cdf.tolist() == table(peer.Categorical(row, perfect=False), n)
        assert (np.diff(cdf) > 0).all()


def ties(dtype, n, count):
    """Rows in which many wins and losses are equal, where the order of the symbols decides."""
    rng = np.random.default_rng(n)
    kinds = [np.ones((count, n)), rng.integers(1, 4, (count, n)), 2.0 ** -rng.integers(0, 12, (count, n))]
    zeros = rng.integers(0, 3, (count, n))
    zeros[:, 0] = 1
    peak = np.where(np.arange(n) == rng.integers(0, n, (count, 1)), 1, 1e-9)
    return np.concatenate([*kinds, zeros, peak]).astype(dtype)


@pytest.mark.parametrize("n", cases.thin([2, 3, 64, 300], 3))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_perfect_tables(dtype, n):
    count = 100 if n < 64 else 10
    values = np.concatenate([rows(dtype, n, count), ties(dtype, n, count // 5)])
    with jax.enable_x64(dtype == np.float64):
        ours = np.asarray(jans.quantize.perfect(jnp.asarray(values), 24))
    for row, cdf in zip(values, ours, strict=True):
        assert cdf.tolist() == table(peer.Categorical(row, perfect=True), n)


@pytest.mark.parametrize("rule", ["fast", "perfect"])
def test_masked_symbols_are_as_if_they_were_not_there(rule):
    values = rows(np.float32, 40, 10)
    mask = np.random.default_rng(0).random(values.shape) < 0.5
    mask[:, [0, -1]] = True
    model = models.Categorical(values, rule=rule, mask=mask)
    for row, kept, cdf in zip(values, mask, np.asarray(model.cdf), strict=True):
        starts = cdf[:-1][kept].tolist()
        assert [*starts, 2**24] == table(peer.Categorical(row[kept], perfect=rule == "perfect"), kept.sum())
        assert (np.diff(cdf.astype(np.int64))[~kept] == 0).all()


@pytest.mark.parametrize("p", [0.5, 0.1, 1e-9, 0.999])
def test_bernoulli_tables(p):
    with jax.enable_x64(True):
        start, freq = models.Bernoulli(jnp.float64(p)).interval(jnp.arange(2))
    assert [*start.tolist(), int(start[1] + freq[1])] == table(peer.Bernoulli(p, perfect=False), 2)


@pytest.mark.parametrize("n", [2, 3, 7, 256, 1000, 2**20 + 1, 2**24])
def test_uniform_tables(n):
    symbols = [0, 1, n // 2, n - 1]
    start, freq = cases.interval(models.Uniform(n), jnp.array(symbols))
    for k, symbol in enumerate(symbols):
        encoder = constriction.stream.queue.RangeEncoder()
        encoder.encode(symbol, peer.Uniform(n))
        lower, width = encoder.pos()[1]
        scale = 2**40 - 1
        assert width == int(freq[k]) * scale
        assert lower == int(start[k]) * scale


PROBS = rows(np.float32, 30)[0]
MODELS = {
    "even": (models.Uniform(10), peer.Uniform(10), 10),
    "wide": (models.Uniform(2**20), peer.Uniform(2**20), 2**20),
    "probs": (models.Categorical(PROBS), peer.Categorical(PROBS, perfect=False), 30),
    "perfect": (models.Categorical(PROBS, rule="perfect"), peer.Categorical(PROBS, perfect=True), 30),
}
COUNTS = (1, 5)  # few lengths, as each is compiled


class BothCoders(stateful.RuleBasedStateMachine):
    """Drives a coder of either library with the same calls; the words must never differ."""

    def __init__(self):
        super().__init__()
        self.ours, self.theirs = rans.init(200), AnsCoder()

    @stateful.rule(name=st.sampled_from(list(MODELS)), count=st.sampled_from(COUNTS), data=st.data())
    def push(self, name, count, data):
        model, other, n = MODELS[name]
        symbols = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=count, max_size=count)), np.int32)
        self.ours = rans.push(self.ours, model, symbols)
        self.theirs.encode_reverse(symbols, other)

    @stateful.rule(name=st.sampled_from(list(MODELS)), count=st.sampled_from(COUNTS))
    def pop(self, name, count):
        """As often as not symbols that were never pushed, until nothing is left, and beyond."""
        model, other, _ = MODELS[name]
        self.ours, symbols = rans.pop(self.ours, model, shape=(count,))
        assert symbols.tolist() == self.theirs.decode(other, count).tolist()

    @stateful.rule()
    def exchange_words(self):
        words = self.theirs.get_compressed()
        self.theirs = AnsCoder(rans.to_words(self.ours))
        self.ours = rans.from_words(words, capacity=200)

    @stateful.rule()
    def through_bytes(self):
        self.ours = jans.from_bytes(jans.to_bytes(self.ours), capacity=200)

    @stateful.invariant()
    def words_are_equal(self):
        assert rans.to_words(self.ours).tolist() == self.theirs.get_compressed().tolist()
        assert bool(rans.is_empty(self.ours)) == self.theirs.is_empty()
        assert (int(self.ours.size), jans.coders._rans_state.join_heads(self.ours)[0]) == self.theirs.pos()


def test_words_are_equal_at_every_step():
    stateful.run_state_machine_as_test(
        BothCoders, settings=hypothesis.settings(max_examples=25, stateful_step_count=20)
    )


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8).filter(lambda words: words[-1] != 0))
def test_any_words_decode_alike(words):
    state, other = rans.from_words(words, capacity=8), AnsCoder(np.array(words, np.uint32))
    assert rans.to_words(state).tolist() == words
    for model, peer_model, _ in MODELS.values():
        state, symbols = rans.pop(state, model, shape=(5,))
        assert symbols.tolist() == other.decode(peer_model, 5).tolist()
    assert rans.to_words(state).tolist() == other.get_compressed().tolist()


def test_an_empty_coder_is_no_words():
    assert rans.to_words(rans.init(4)).tolist() == AnsCoder().get_compressed().tolist() == []
    assert rans.is_empty(rans.from_words([]))
    assert rans.is_empty(rans.from_words(np.array([], np.uint32), capacity=3))


def test_a_long_message_in_one_go():
    symbols = np.random.default_rng(0).integers(0, 30, 20000).astype(np.int32)
    model, other, _ = MODELS["probs"]
    theirs = AnsCoder()
    theirs.encode_reverse(symbols, other)
    ours = rans.push(rans.init(20000), model, symbols)
    assert (rans.to_words(ours) == theirs.get_compressed()).all()
    again = rans.from_words(theirs.get_compressed())
    assert (rans.pop(again, model, shape=symbols.shape)[1] == symbols).all()
