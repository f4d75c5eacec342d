"""The interface of constriction's symbol codes, side by side with the original."""

import copy
import pickle

import cases
import hypothesis
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import stateful
from hypothesis import strategies as st

import jans
from jans.compat.constriction import symbol

constriction = pytest.importorskip("constriction", reason="the package constriction is not installed")
peer = constriction.symbol

PROBS = [
    np.array([0.3, 0.2, 0.4, 0.1], np.float32),
    np.array([7.0]),
    np.array([1.0, 1.0, 0.0, 1.0, 2.0, 0.0], np.float32),
    np.ldexp(1.0, -np.arange(50)),
    np.random.default_rng(0).random(20),
]
OURS = [(symbol.huffman.EncoderHuffmanTree(p), symbol.huffman.DecoderHuffmanTree(p)) for p in PROBS]
THEIRS = [(peer.huffman.EncoderHuffmanTree(p), peer.huffman.DecoderHuffmanTree(p)) for p in PROBS]


def outcome(call):
    """What a call returns, or the kind of error that it raises."""
    try:
        return call()
    except Exception as error:
        return type(error)


def compressed(coder):
    words, bits = coder.get_compressed_and_bitrate()
    assert (type(words), words.dtype, type(bits)) == (np.ndarray, np.uint32, int)
    assert all(np.array_equal(a, b) for a, b in zip(coder.get_compressed(), (words, bits), strict=True))
    return words.tolist(), bits


class Coders(stateful.RuleBasedStateMachine):
    """Both libraries do the same, whatever is asked of them, mistakes among it."""

    @stateful.initialize()
    def start(self):
        self.stacks = symbol.StackCoder(), peer.StackCoder()
        self.encoders = symbol.QueueEncoder(), peer.QueueEncoder()
        self.decoders = symbol.QueueDecoder(np.array([], np.uint32)), peer.QueueDecoder(np.array([], np.uint32))

    def same(self, coders, call):
        ours, theirs = coders
        assert outcome(lambda: call(ours, OURS)) == outcome(lambda: call(theirs, THEIRS))

    @stateful.rule(
        book=st.integers(0, len(PROBS) - 1),
        symbols=st.lists(
            st.one_of(st.integers(0, 51), st.sampled_from([-1, 2**64, 1.0, True, "a", None])), max_size=20
        ),
        queue=st.booleans(),
    )
    def encode(self, book, symbols, queue):
        for s in symbols:
            self.same(self.encoders if queue else self.stacks, lambda c, b, s=s: c.encode_symbol(s, b[book][0]))

    @stateful.rule(book=st.integers(0, len(PROBS) - 1), n=st.integers(0, 8), queue=st.booleans())
    def decode(self, book, n, queue):
        for _ in range(n):
            self.same(self.decoders if queue else self.stacks, lambda c, b: c.decode_symbol(b[book][1]))

    @stateful.rule()
    def turn_around(self):
        self.decoders = tuple(encoder.get_decoder() for encoder in self.encoders)

    @stateful.rule()
    def read_each_other(self):
        ours, theirs = self.encoders
        self.decoders = (
            symbol.QueueDecoder(theirs.get_compressed()[0]),
            peer.QueueDecoder(ours.get_compressed()[0]),
        )

    @stateful.rule(clone=st.sampled_from([copy.deepcopy, copy.copy, lambda c: pickle.loads(pickle.dumps(c))]))
    def clone(self, clone):
        for pair in ("stacks", "encoders", "decoders"):
            ours, theirs = getattr(self, pair)
            setattr(self, pair, (clone(ours), theirs))

    @stateful.rule()
    def reload(self):
        """The original cannot: see `symbol`."""
        ours, theirs = self.stacks
        self.stacks = symbol.StackCoder(theirs.get_compressed()[0]), theirs
        assert compressed(self.stacks[0]) == compressed(ours)

    @stateful.invariant()
    def words(self):
        for pair in (self.stacks, self.encoders):
            assert compressed(pair[0]) == compressed(pair[1])


Coders.TestCase.settings = hypothesis.settings(max_examples=cases.examples(30), stateful_step_count=30)
test_coders = Coders.TestCase


def test_copies_are_independent():
    stack = symbol.StackCoder()
    for clone in (copy.copy(stack), copy.deepcopy(stack)):
        for _ in range(40):
            clone.encode_symbol(1, OURS[0][0])
        assert compressed(stack) == ([1], 0)
    tree = pickle.loads(pickle.dumps(OURS[3]))
    for mine in (tree, OURS[3]):
        stack.encode_symbol(48, mine[0])
        assert stack.decode_symbol(mine[1]) == 48


def test_the_original_loses_bits_of_a_stack_where_this_does_not():
    words = np.array([0b1011110], np.uint32)
    assert compressed(peer.StackCoder(words)) == ([0b1011110], 1)
    assert compressed(symbol.StackCoder(words)) == ([0b1011110], 6)


def test_words_are_those_of_arrays():
    symbols = np.random.default_rng(1).integers(0, 20, 100)
    book = jans.huffman.codebook(jnp.asarray(PROBS[4], jnp.float32))
    tree = symbol.huffman.EncoderHuffmanTree(PROBS[4].astype(np.float32))
    encoder = symbol.QueueEncoder()
    for s in symbols:
        encoder.encode_symbol(s, tree)
    queue = jans.huffman.encode(jans.huffman.queue(100), book, symbols)
    assert compressed(encoder) == (jans.huffman.to_words(queue).tolist(), int(jans.huffman.content_bits(queue)))


@pytest.mark.parametrize(
    ("given", "counts_as"),
    [
        (jnp.array([0.3, 0.5, 0.1]), np.array([0.3, 0.5, 0.1], np.float32)),
        ([0.1, 0.2, 0.3], np.array([0.1, 0.2, 0.3])),
        (np.array([0.1, 0.2, 0.3], np.float16), np.array([0.1, 0.2, 0.3], np.float16).astype(np.float32)),
        (jnp.array([0.1, 0.2, 0.4], jnp.bfloat16), np.array([0.1, 0.2, 0.4], np.float32)),
        (np.array([3, 2, 5, 1]), np.array([3.0, 2.0, 5.0, 1.0])),
        ([2**40, 2**40 + 1, 1], np.array([2.0**40, 2.0**40 + 1, 1.0])),
    ],
)
def test_probabilities_of_all_kinds(given, counts_as):
    ours = symbol.huffman.EncoderHuffmanTree(probabilities=given)
    theirs = peer.huffman.EncoderHuffmanTree(counts_as)
    for s in range(len(counts_as)):
        both = symbol.QueueEncoder(), peer.QueueEncoder()
        both[0].encode_symbol(symbol=s, codebook=ours)
        both[1].encode_symbol(s, theirs)
        assert compressed(both[0]) == compressed(both[1])


ENCODER, DECODER = OURS[0]
WORDS = np.array([5, 6], np.uint32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda m: m.huffman.DecoderHuffmanTree(np.array([0.1, np.nan])),
            FloatingPointError,
            r"1 is not a number \(NaN\)",
        ),
        (
            lambda m: m.huffman.EncoderHuffmanTree(np.ones((2, 2))),
            TypeError,
            r"must be one axis of floats or integers, got",
        ),
        (lambda m: m.huffman.EncoderHuffmanTree(np.array([True])), TypeError, "floats or integers, got bool of shape"),
        (lambda m: m.huffman.EncoderHuffmanTree(np.array([1j])), TypeError, "floats or integers, got complex128"),
        (lambda m: m.QueueDecoder(np.array([1, 2])), TypeError, r"compressed must be one axis of uint32, got int64 of"),
        (lambda m: m.QueueDecoder([1, 2]), TypeError, "compressed must be one axis of uint32"),
        (lambda m: m.StackCoder(WORDS[None]), TypeError, r"one axis of uint32, got uint32 of shape \(1, 2\)"),
        (lambda m: m.StackCoder(WORDS * 0), ValueError, "must not end in a zero word"),
        (
            lambda m: m.QueueEncoder().encode_symbol(1, None),
            TypeError,
            "codebook must be an EncoderHuffmanTree, got None",
        ),
        (
            lambda m: m.QueueDecoder(WORDS).decode_symbol(ENCODER),
            TypeError,
            "must be a DecoderHuffmanTree, got EncoderH",
        ),
    ],
)
def test_errors_are_of_the_same_kind(call, error, message):
    with pytest.raises(error, match=message):
        call(symbol)
    with pytest.raises(error):
        call(peer)


@pytest.mark.parametrize(
    ("symbols", "error", "message"),
    [
        (4, KeyError, "symbol 4 has no code word in a codebook of 4 symbols"),
        (-1, OverflowError, r"symbol must be from 0 to 2\*\*64 - 1, got -1"),
        (1.5, TypeError, "symbol must be an integer, got 1.5"),
    ],
)
def test_symbols_that_are_none(symbols, error, message):
    for coder in (symbol.QueueEncoder(), symbol.StackCoder()):
        with pytest.raises(error, match=message):
            coder.encode_symbol(symbols, ENCODER)


@pytest.mark.parametrize(
    ("probs", "message"),
    [
        ([], "probabilities are none"),
        ([0.5, -0.5], r"must be finite and not negative; probability 1 is -0\.5"),
        ([np.inf, 1], "probability 0 is inf"),
    ],
)
def test_probabilities_that_the_original_takes_or_panics_on(probs, message):
    with pytest.raises(ValueError, match=message):
        symbol.huffman.DecoderHuffmanTree(np.array(probs, np.float64))


def test_out_of_bits():
    for coder in (symbol.QueueDecoder(np.array([], np.uint32)), symbol.StackCoder()):
        with pytest.raises(ValueError, match=r"Ran out of bits in compressed data\."):
            coder.decode_symbol(DECODER)
