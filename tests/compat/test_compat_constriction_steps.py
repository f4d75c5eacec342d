"""The coders of constriction's interface beside those of the package, in sequences of calls: all words and symbols."""

import copy
import pickle

import cases
import hypothesis
import numpy as np
import pytest
from constriction_cases import BOTH, CONCRETE, FEW, PanicError, built, equal, ours, outcome, theirs
from hypothesis import stateful
from hypothesis import strategies as st

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
        copies = {
            "clone": lambda c: c.clone(),
            "copy": copy.deepcopy,
            "pickle": lambda c: pickle.loads(pickle.dumps(c)),
        }
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
        made = [outcome(lambda c=library.stream.chain.ChainCoder: c(words, is_remainders, seal)) for library in BOTH]
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
        before, state = self.decoders[1].clone(), pickle.dumps(self.decoders[0])
        mine, peer = (outcome(lambda k=k: self.decoders[k].decode(models[k], *arguments)) for k in range(2))
        if not isinstance(peer, type):
            self.so_far.encode(peer, models[1], *parameters)
            if self.so_far.pos()[0] <= self.last:
                assert equal(mine, peer)
                return
        assert mine is AssertionError
        assert pickle.dumps(self.decoders[0]) == state
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
    settings = hypothesis.settings(max_examples=cases.examples(60), stateful_step_count=25)
    stateful.run_state_machine_as_test(machine, settings=settings)
