"""The interface of constriction, side by side with the package itself: all words and all symbols, whatever is called."""

import contextlib
import copy
import io
import math
import pickle
import re
import sys
import types

import hypothesis
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import stateful
from hypothesis import strategies as st

import jans.compat.constriction as ours

theirs = pytest.importorskip("constriction", reason="the package constriction is not installed")
scipy_stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
BOTH = (ours, theirs)
PROBS = np.array([0.2, 0.4, 0.1, 0.3], np.float32)


def floats(rng, n, dtype=np.float64):
    return rng.normal(0, 3, n).astype(dtype), rng.uniform(0.1, 5, n).astype(dtype)


# Of each kind a model with all parameters, or a family with parameters for n symbols; and the ends of its support.
CONCRETE = {
    "table": (lambda m: m.Categorical(PROBS, perfect=False), 0, 3),
    "perfect": (lambda m: m.Categorical(PROBS, perfect=True), 0, 3),
    "lazy": (lambda m: m.Categorical(PROBS.astype(np.float64), lazy=True), 0, 3),
    "bernoulli": (lambda m: m.Bernoulli(0.3, perfect=False), 0, 1),
    "perfect bernoulli": (lambda m: m.Bernoulli(0.01, perfect=True), 0, 1),
    "uniform": (lambda m: m.Uniform(1000), 0, 999),
    "wide uniform": (lambda m: m.Uniform(2**24), 0, 2**24 - 1),
    "binomial": (lambda m: m.Binomial(9, 0.3), 0, 9),
    "gaussian": (lambda m: m.QuantizedGaussian(-100, 100, 12.6, 7.3), -100, 100),
    "laplace": (lambda m: m.QuantizedLaplace(-100, 100, 12.6, 7.3), -100, 100),
    "cauchy": (lambda m: m.QuantizedCauchy(-100, 100, 12.6, 7.3), -100, 100),
    "custom": (lambda m: m.CustomModel(lambda x: 1 / (1 + math.exp(-x / 3)), lambda q: 0.0, -10, 10), -10, 10),
    "wide custom": (lambda m: m.CustomModel(lambda x: 0.5 + math.atan(x) / math.pi, lambda q: 9, -999, 999), -999, 999),
    "scipy": (lambda m: m.ScipyModel(scipy_stats.cauchy(loc=6.7, scale=12.4), -50, 50), -50, 50),
}
FAMILIES = {
    "rows": (lambda m: m.Categorical(perfect=False), lambda rng, n: (rng.random((n, 4)),), 0, 3),
    "single rows": (
        lambda m: m.Categorical(lazy=True), lambda rng, n: (rng.random((n, 4)).astype(np.float32),), 0, 3
    ),
    "perfect rows": (lambda m: m.Categorical(perfect=True), lambda rng, n: (rng.random((n, 4)),), 0, 3),
    "bernoullis": (lambda m: m.Bernoulli(perfect=False), lambda rng, n: (rng.random(n),), 0, 1),
    "uniforms": (lambda m: m.Uniform(), lambda rng, n: (rng.integers(5, 999, n).astype(np.int32),), 0, 4),
    "binomials": (
        lambda m: m.Binomial(), lambda rng, n: (rng.integers(4, 9, n).astype(np.int32), rng.random(n)), 0, 4
    ),
    "gaussians": (lambda m: m.QuantizedGaussian(-9, 9), floats, -9, 9),
    "single gaussians": (lambda m: m.QuantizedGaussian(-9, 9), lambda rng, n: floats(rng, n, np.float32), -9, 9),
    "gaussians of a mean": (lambda m: m.QuantizedGaussian(-9, 9, 1.5), lambda rng, n: floats(rng, n)[1:], -9, 9),
    "gaussians of a std": (lambda m: m.QuantizedGaussian(-9, 9, std=2), lambda rng, n: floats(rng, n)[:1], -9, 9),
    "laplaces": (lambda m: m.QuantizedLaplace(-9, 9), floats, -9, 9),
    "cauchys": (lambda m: m.QuantizedCauchy(-9, 9), floats, -9, 9),
    "customs": (
        lambda m: m.CustomModel(lambda x, a: 1 / (1 + math.exp(-x / a)), lambda q, a: 0.0, -9, 9),
        lambda rng, n: floats(rng, n, np.float32)[1:],
        -9,
        9,
    ),
    "scipys": (lambda m: m.ScipyModel(scipy_stats.norm, -9, 9), floats, -9, 9),
}
FEW = ["table", "gaussian", "custom", "rows", "gaussians", "customs"]
"""Those that sequences of calls are made of: of each way to code one, and few to compile."""


def built(name, seed, n):
    """Both models of a name, their parameters for n symbols, and n symbols."""
    rng = np.random.default_rng(seed)
    if name in CONCRETE:
        make, low, high = CONCRETE[name]
        parameters = ()
    else:
        make, draw, low, high = FAMILIES[name]
        parameters = draw(rng, n)
    symbols = rng.integers(low, high, n, np.int32, endpoint=True)
    return make(ours.stream.model), make(theirs.stream.model), parameters, symbols


def equal(a, b):
    """Whether two results are the same in value, type and dtype."""
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray):
        return type(b) is np.ndarray and a.dtype == b.dtype and a.shape == b.shape and (a == b).all()
    return type(a) is type(b) and a == b


class PanicError(Exception):
    """A panic of theirs, which is no Exception."""


def outcome(call):
    """What a call returns, or the type of what it raises."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return call()
        except Exception as error:
            return type(error)
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            return PanicError


SEEDS = st.integers(0, 2**32 - 1)
NAMES = st.sampled_from(FEW)
COUNTS = st.sampled_from([0, 1, 5, 9])  # pieces of 1 and 4 symbols


class BothCoders(stateful.RuleBasedStateMachine):
    """Drives a coder of either library with the same calls."""

    @stateful.initialize(seed=SEEDS, size=st.integers(0, 8), seal=st.booleans())
    def start(self, seed, size, seal):
        words = np.random.default_rng(seed).integers(1, 2**32, size, np.uint32)
        self.ours, self.theirs = (self.new(coder, words, seal) for coder in BOTH)

    def same(self, call):
        """The same call on both coders has the same result; where it fails, neither has changed."""
        before = self.theirs.clone()
        mine, peer = outcome(lambda: call(self.ours, 0)), outcome(lambda: call(self.theirs, 1))
        if isinstance(peer, type):
            self.theirs = before
            assert mine is (AssertionError if peer is PanicError else peer)
        else:
            assert equal(mine, peer), (mine, peer)
        return mine

    @stateful.rule(name=NAMES, seed=SEEDS, count=COUNTS)
    def encode(self, name, seed, count):
        *models, parameters, symbols = built(name, seed, count)
        self.same(lambda coder, k: self.push(coder)(symbols, models[k], *parameters))

    @stateful.rule(name=NAMES, seed=SEEDS)
    def encode_one(self, name, seed):
        *models, parameters, symbols = built(name, seed, 1)
        if not parameters:
            self.same(lambda coder, k: self.push(coder)(int(symbols[0]), models[k]))

    @stateful.rule(name=NAMES, seed=SEEDS, wrong=st.integers(0, 8))
    def encode_something_wrong(self, name, seed, wrong):
        *models, parameters, symbols = built(name, seed, 9)
        symbols[wrong] = 1000
        content = self.content(self.ours)
        assert outcome(lambda: self.push(self.ours)(symbols, models[0], *parameters)) in (KeyError, AssertionError)
        assert isinstance(outcome(lambda: self.push(self.theirs.clone())(symbols, models[1], *parameters)), type)
        assert equal(self.content(self.ours), content)

    @stateful.rule(how=st.sampled_from(["clone", "pickle", "copy"]))
    def copied(self, how):
        """The copy goes on; what it was copied from stays as it is."""
        left = self.ours
        copies = {"clone": lambda c: c.clone(), "copy": copy.deepcopy, "pickle": lambda c: pickle.loads(pickle.dumps(c))}
        content = self.content(left)
        self.ours = copies[how](left)
        assert equal(self.content(self.ours), content)
        outcome(lambda: self.push(self.ours)(1, CONCRETE["table"][0](ours.stream.model)))
        assert equal(self.content(left), content)
        self.ours = copies[how](left)

    @stateful.invariant()
    def content_is_equal(self):
        if hasattr(self, "ours"):
            assert equal(self.content(self.ours), self.content(self.theirs))


class Decoding:
    """Decodes from the coders that encode, as stacks do."""

    @stateful.rule(name=NAMES, seed=SEEDS, count=COUNTS)
    def decode(self, name, seed, count):
        """As often as not symbols that were never encoded, until nothing is left, and beyond."""
        *models, parameters, _ = built(name, seed, count)
        self.same(lambda coder, k: coder.decode(models[k], *(parameters or (count,))))

    @stateful.rule(name=NAMES, seed=SEEDS)
    def decode_one(self, name, seed):
        *models, parameters, _ = built(name, seed, 1)
        if not parameters:
            self.same(lambda coder, k: coder.decode(models[k]))


class BothAnsCoders(BothCoders, Decoding):
    new = staticmethod(lambda library, words, seal: library.stream.stack.AnsCoder(words, seal))
    push = staticmethod(lambda coder: coder.encode_reverse)

    def __init__(self):
        super().__init__()
        self.place = (0, 0)

    @staticmethod
    def content(coder):
        sizes = coder.num_words(), coder.num_bits(), coder.num_valid_bits()
        return coder.get_compressed(), coder.pos(), coder.is_empty(), sizes

    @stateful.rule()
    def remember(self):
        self.place = self.ours.pos()

    @stateful.rule()
    def seek(self):
        self.same(lambda coder, k: coder.seek(*self.place))

    @stateful.rule(position=st.integers(0, 3), state=st.integers(0, 2**64 - 1) | st.integers(0, 2**33))
    def seek_anything(self, position, state):
        self.same(lambda coder, k: coder.seek(position, state))

    @stateful.rule(seal=st.booleans())
    def exchange_words(self, seal):
        words = self.ours.get_compressed()
        if words.size == 0 or words[-1] != 0:
            self.ours, self.theirs = (self.new(library, words, seal) for library in BOTH)

    @stateful.rule()
    def unseal(self):
        self.same(lambda coder, k: coder.get_compressed(unseal=True))

    @stateful.rule()
    def clear(self):
        self.same(lambda coder, k: coder.clear())


class BothChainCoders(BothCoders, Decoding):
    push = staticmethod(lambda coder: coder.encode_reverse)

    @staticmethod
    def new(library, words, seal):
        return library.stream.chain.ChainCoder(np.append(words, np.uint32(2**20)), seal=seal)

    @staticmethod
    def content(coder):
        return (
            coder.get_remainders(),
            *(outcome(lambda unseal=unseal: coder.get_data(unseal)) for unseal in (False, True)),
        )

    @stateful.rule(is_remainders=st.booleans(), seal=st.booleans())
    def start_again(self, is_remainders, seal):
        """From what is left, as data or as remainders; not always words that a coder starts from."""
        words = np.concatenate(self.ours.get_remainders())
        made = [
            outcome(lambda c=library.stream.chain.ChainCoder: c(words, is_remainders, seal)) for library in BOTH
        ]
        if isinstance(made[1], type):
            assert made[0] is made[1]
        else:
            self.ours, self.theirs = made


class BothRangeCoders(BothCoders):
    """Encoders, and from time to time decoders of what they hold, which stop before the end as the encoder says."""

    push = staticmethod(lambda coder: coder.encode)

    def __init__(self):
        super().__init__()
        self.places, self.decoders = [], None

    @staticmethod
    def new(library, words, seal):
        return library.stream.queue.RangeEncoder()

    @staticmethod
    def content(coder):
        return coder.get_compressed(), coder.pos(), coder.is_empty(), coder.num_words(), coder.num_bits()

    @stateful.rule()
    def clear(self):
        self.same(lambda coder, k: coder.clear() if k == 0 else None)
        self.theirs, self.places = theirs.stream.queue.RangeEncoder(), []

    @stateful.rule()
    def remember(self):
        self.places.append((self.ours.pos(), self.theirs.clone()))

    @stateful.rule(direct=st.booleans())
    def start_decoding(self, direct):
        words = self.theirs.get_compressed()
        both = (library.stream.queue.RangeDecoder(words) for library in BOTH)
        self.decoders = [self.ours.get_decoder(), self.theirs.get_decoder()] if direct else list(both)
        self.so_far, self.last = theirs.stream.queue.RangeEncoder(), max(words.size - 1, 0)

    @stateful.rule(seed=SEEDS, size=st.integers(0, 5))
    def decode_anything(self, seed, size):
        words = np.random.default_rng(seed).integers(0, 2**32, size, np.uint32)
        self.decoders = [library.stream.queue.RangeDecoder(words) for library in BOTH]
        self.so_far, self.last, self.places = theirs.stream.queue.RangeEncoder(), max(size - 1, 0), []

    @stateful.precondition(lambda self: self.decoders)
    @stateful.rule(name=NAMES, seed=SEEDS, count=COUNTS)
    def decode(self, name, seed, count):
        *models, parameters, _ = built(name, seed, count)
        arguments = parameters or (count,)
        before, state = self.decoders[1].clone(), self.decoders[0]._state()
        mine, peer = (outcome(lambda k=k: self.decoders[k].decode(models[k], *arguments)) for k in range(2))
        if not isinstance(peer, type):
            self.so_far.encode(peer, models[1], *parameters)
            if self.so_far.pos()[0] <= self.last:
                assert equal(mine, peer)
                return
        assert mine is AssertionError
        assert self.decoders[0]._state() == state
        self.decoders = None if not isinstance(peer, type) else [self.decoders[0], before]

    @stateful.precondition(lambda self: self.decoders and self.places)
    @stateful.rule(data=st.data())
    def seek(self, data):
        place, encoder = data.draw(st.sampled_from(self.places))
        results = [outcome(lambda coder=coder: coder.seek(*place)) for coder in self.decoders]
        assert results[0] is results[1]
        if results[1] is None:
            self.so_far = encoder.clone()

    @stateful.precondition(lambda self: self.decoders)
    @stateful.rule(how=st.sampled_from([lambda c: c.clone(), copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]))
    def copy_decoder(self, how):
        self.decoders[0] = how(self.decoders[0])

    @stateful.invariant()
    def both_are_as_exhausted(self):
        if self.decoders:
            assert self.decoders[0].maybe_exhausted() is self.decoders[1].maybe_exhausted()


@pytest.mark.parametrize("machine", [BothAnsCoders, BothChainCoders, BothRangeCoders])
def test_every_step_is_the_same(machine):
    settings = hypothesis.settings(max_examples=60, stateful_step_count=25)
    stateful.run_state_machine_as_test(machine, settings=settings)


@pytest.mark.parametrize("name", [*CONCRETE, *FAMILIES])
def test_every_model_has_the_same_integers(name):
    words = np.random.default_rng(0).integers(1, 2**32, 64, np.uint32)
    *models, parameters, symbols = built(name, 1, 20)
    arguments = parameters or (20,)
    found = []
    for library, model in zip(BOTH, models, strict=True):
        stack, chain = library.stream.stack.AnsCoder(words), library.stream.chain.ChainCoder(words)
        queue = library.stream.queue.RangeEncoder()
        decoded = stack.decode(model, *arguments), chain.decode(model, *arguments)
        left = stack.get_compressed(), chain.get_remainders()
        stack.encode_reverse(decoded[0], model, *parameters)
        chain.encode_reverse(decoded[1], model, *parameters)
        assert equal(stack.get_compressed(), words)
        assert equal(chain.get_data()[1], words)
        for coder in (stack.encode_reverse, queue.encode):
            coder(symbols, model, *parameters)
        found.append((decoded, left, stack.get_compressed(), queue.get_compressed()))
        assert equal(stack.decode(model, *arguments), symbols)
        assert equal(queue.get_decoder().decode(model, *arguments), symbols)
    assert equal(*found)


def test_words_that_are_held_back():
    """An interval that keeps wrapping around holds words back until a symbol leaves the middle; then all carry or none."""
    found = []
    for library in BOTH:
        encoder = library.stream.queue.RangeEncoder()
        middle = library.stream.model.Uniform(2**24)
        encoder.encode(2**23 - 1, middle)
        words = []
        for _ in range(60):  # 24 bits each, of an interval around the same point
            lower, width = encoder.pos()[1]
            share = ((2**63 if encoder.pos()[0] == 0 else 2**64) - lower) % 2**64 // (width >> 24)
            encoder.encode(min(int(share), 2**24 - 1), middle)
            words.append((encoder.get_compressed(), encoder.pos()))
        for symbol in (0, 2**24 - 1):
            other = encoder.clone()
            other.encode(symbol, middle)
            words.append((other.get_compressed(), other.pos()))
        found.append(tuple(words))
    assert equal(*found)


def test_a_long_message_in_pieces_of_many_lengths():
    symbols = np.random.default_rng(0).integers(-30, 30, 21845, np.int32)  # one piece of every length up to 4**7
    coders = []
    for library in BOTH:
        coder = library.stream.stack.AnsCoder()
        model = library.stream.model.QuantizedGaussian(-100, 100, 2.5, 20.0)
        coder.encode_reverse(symbols, model)
        coders.append(coder)
        words = coder.get_compressed()
        assert equal(coder.decode(model, symbols.size), symbols)
    assert equal(words, coders[0].get_compressed()) or coders[0].is_empty()


def doc_examples():
    """The examples of the package's own documentation, those of one text together, with the place where they stand."""
    found = []

    def look(thing, name):
        blocks = re.findall(r"```python\n(.*?)```", getattr(thing, "__doc__", None) or "", re.DOTALL)
        blocks = [block for block in blocks if "TODO" not in block]
        if blocks:
            found.append(pytest.param(blocks, id=name))
        if isinstance(thing, types.ModuleType | type):
            for part in sorted(vars(thing)):
                if not part.startswith("_"):
                    look(getattr(thing, part), f"{name}.{part}")

    look(theirs.stream, "stream")
    return found


@pytest.mark.parametrize("blocks", doc_examples())
def test_their_examples_run(blocks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.array([1, 2, 3], np.uint32).tofile("compressed-file.bin")
    printed = []
    for library in BOTH:
        monkeypatch.setitem(sys.modules, "constriction", library)
        namespace = {"np": np, "constriction": library, "encoder": library.stream.queue.RangeEncoder()}
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            error = outcome(lambda namespace=namespace: [exec(block, namespace) for block in blocks] and None)
        printed.append((text.getvalue(), error))
    assert printed[0] == printed[1]
    assert printed[0][1] is (AttributeError if "stack.RangeDecoder" in blocks[-1] else None)


def test_their_pages_print_what_they_say():
    """The numbers of the page about the chain coder."""
    data = np.array([0x80D14131, 0xDDA97C6C, 0x5017A640, 0x01170A3E], np.uint32)
    probabilities = np.array([[0.1, 0.7, 0.1, 0.1], [0.2, 0.2, 0.1, 0.5], [0.2, 0.1, 0.4, 0.3]])
    family = ours.stream.model.Categorical(perfect=False)
    for row, stack, chain in ((probabilities[0].copy(), [0, 0, 2], [0, 3, 3]), ([0.09, 0.71, 0.1, 0.1], [1, 0, 0], [1, 3, 3])):
        probabilities[0] = row
        assert ours.stream.stack.AnsCoder(data, seal=True).decode(family, probabilities).tolist() == stack
        assert ours.stream.chain.ChainCoder(data, seal=True).decode(family, probabilities).tolist() == chain


def test_other_arrays_are_taken_as_well():
    """Dtypes and arrays that they refuse have the bits of those that they take."""
    words = np.array([1, 2, 3], np.uint32)
    symbols, means, stds = np.array([1, 2, -3], np.int32), np.array([1.0, 2.0, 3.0]), np.array([2.0, 1.0, 3.0])
    family = ours.stream.model.QuantizedGaussian(-100, 100)

    def encoded(words, symbols, means, stds):
        coder = ours.stream.stack.AnsCoder(words)
        coder.encode_reverse(symbols, family, means, stds)
        return coder.get_compressed().tolist()

    wanted = encoded(words, symbols, means, stds)
    for convert in (jnp.asarray, lambda a: a.astype(np.int64), lambda a: a.astype(np.int16)):
        assert encoded(convert(words), convert(symbols), means, stds) == wanted
    for convert in (jnp.asarray, lambda a: a.astype(np.float16), lambda a: a.astype(np.int8), lambda a: a[::-1][::-1]):
        assert encoded(words, symbols, convert(means), convert(stds)) == wanted
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    categorical = ours.stream.model.Categorical(perfect=False)
    wanted = ours.stream.stack.AnsCoder(words).decode(categorical, rows).tolist()
    for values in (rows.astype(int), jnp.asarray(rows), rows.astype(np.float16), np.asfortranarray(rows)):
        assert ours.stream.stack.AnsCoder(words).decode(categorical, values).tolist() == wanted
