"""Symbol codes: their specification in plain Python, constriction's own, and what a user may do wrong."""

import itertools
from collections import deque

import cases
import constriction
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jans
from jans import huffman, status
from jans.coders.huffman import ExpGolomb
from jans.reference import spec

peer = constriction.symbol
PROBS = np.array([0.3, 0.2, 0.4, 0.1], np.float32)
MESSAGE = np.array([1, 3, 2, 3, 0, 1, 3, 0, 2, 1, 1, 3, 3, 1, 2, 0, 1, 3, 1])
MOST = {np.float32: np.float32(3e38), np.float64: np.float64(1.7e308)}
RANDOM = np.random.default_rng(0)


def make(probs):
    """The codebook of probabilities in their own dtype."""
    with jax.enable_x64(True):
        return huffman.codebook(jnp.asarray(probs))


def spell(book):
    """The code words of a codebook, from its tree."""
    tree = np.asarray(book.tree)
    return spec.huffman.codewords([tuple(row) for row in tree[(len(tree) + 1) // 2 :, 1:].tolist()])


def specified(probs):
    with np.errstate(over="ignore"):
        return spec.huffman.codewords(spec.huffman.children(list(probs)))


def written(bits):
    """Words and rest of a string, as the specification writes it."""
    words = []
    rest = spec.huffman.append(1, words, bits)
    return rest, words


def content(state):
    return int(state.partial_word), np.asarray(state.words)[: int(state.size)].tolist()


def skewed(n, dtype=np.float32):
    """Probabilities with a code word of n - 1 bits."""
    return np.ldexp(dtype(1), -np.arange(n)).astype(dtype)


@st.composite
def probabilities(draw):
    """Up to 40 probabilities of all magnitudes, with zeros, ties, subnormals, and sums that overflow."""
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    width = 32 if dtype == np.float32 else 64
    few = draw(st.lists(st.floats(0, float(MOST[dtype]), width=width), min_size=1, max_size=5))
    value = st.one_of(
        st.sampled_from([0.0, -0.0, *few]),
        st.floats(0, 1, width=width),
        st.floats(0, float(np.finfo(dtype).tiny) * 4, width=width),
    )
    size = draw(st.sampled_from([1, 2, 3, 7, 40]))
    return np.array(draw(st.lists(value, min_size=size, max_size=size)), dtype)


# ---- codebooks ----


@given(probabilities())
def test_codebooks_are_those_of_the_specification(probs):
    book, codewords = make(probs), specified(probs)
    assert spell(book) == codewords
    expected = [(int(w[::-1] or "0", 2) if len(w) <= 32 else 0, len(w)) for w in codewords]
    assert np.asarray(book.codewords).tolist() == [list(pair) for pair in expected]
    assert book.lengths.tolist() == book.bits(jnp.arange(len(probs))).tolist() == [len(w) for w in codewords]
    links = np.asarray(book.tree)[:, 0]
    for node, link in enumerate(links[:-1]):
        assert book.tree[link >> 1, 1 + link % 2] == node
    assert (links[-1], np.asarray(book.tree)[: len(probs), 1:].max()) == (0, -1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_round_as_floats(dtype):
    """Of three probabilities the largest is first, as likely as the sum of the others, and second above that."""
    kind = np.uint32 if dtype == np.float32 else np.uint64
    limit = int(np.array(MOST[dtype]).view(kind)) // 2
    count = 4000
    a = RANDOM.integers(0, limit, count, kind)
    near = a + RANDOM.integers(0, 2 ** (10 if dtype == np.float32 else 58), count, kind)
    small = RANDOM.integers(0, 2 ** (24 if dtype == np.float32 else 53), (2, count), kind)
    pairs = np.concatenate([[a, RANDOM.permutation(a)], [a, near], small], axis=1).view(dtype)
    sums = pairs[0] + pairs[1]
    with jax.enable_x64(True):
        for third, bit in ((sums, 0), (np.nextafter(sums, dtype(np.inf)), 1)):
            book = jax.vmap(huffman.codebook)(
                jnp.asarray(np.stack([np.sort(pairs, axis=0)[0], pairs.max(0), third], 1))
            )
            assert (np.asarray(book.codewords)[:, 2] == [bit, 1]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1.0, -1e-40])
@pytest.mark.parametrize("n", [1, 4])
def test_probabilities_that_are_none(bad, n):
    book = make(np.array([0.5, 0.2, 0.3, bad][-n:], np.float32))
    assert book.lengths.tolist() == [-1] * n
    assert np.isinf(book.bits(jnp.arange(n))).all()
    for state in (
        huffman.encode(huffman.queue(3), book, jnp.zeros(2, int)),
        huffman.push(huffman.stack(3), book, jnp.zeros(2, int)),
    ):
        assert (content(state), int(state.status)) == ((1, []), status.BAD_MODEL)
        with pytest.raises(jans.CodingError, match="the parameters of a model are invalid: NaN"):
            huffman.to_words(state)
    full = np.arange(1, 9, dtype=np.uint32)
    for start, take in ((huffman.reader(full), huffman.decode), (huffman.from_words(full), huffman.pop)):
        state, symbols = take(start, book, (3,))
        assert (symbols.tolist(), int(state.status)) == ([0, 0, 0], status.BAD_MODEL)
        assert huffman.content_bits(state) == huffman.content_bits(start)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_short_floats_are_widened(dtype):
    probs = jnp.asarray(RANDOM.random(60), dtype)
    assert (huffman.codebook(probs).tree == huffman.codebook(probs.astype(jnp.float32)).tree).all()


# ---- bits ----


@pytest.mark.parametrize("dtype", cases.thin([np.uint8, np.int8, np.uint16, np.int16, np.int32], 5))
@given(probabilities(), st.data())
def test_bits_are_those_of_the_specification(dtype, probs, draw):
    book, codewords = make(probs), specified(probs)
    symbols = np.array(draw.draw(st.lists(st.integers(0, len(probs) - 1), min_size=30, max_size=30)), dtype)
    check_code(book, codewords, symbols)


def check_code(book, codewords, symbols):
    """Symbols that are written twice and read twice, on a queue and a stack."""
    n = symbols.size
    half = "".join(codewords[s] for s in symbols)
    capacity = 3 * len(half) // 32 + 1  # check_codec writes once more
    queue = huffman.queue(capacity)
    for repetition in (1, 2):
        queue = huffman.encode(queue, book, symbols)
        assert content(queue) == written(half * repetition)
    assert int(huffman.content_bits(queue)) == 2 * len(half)
    for reader in (huffman.reader(queue), huffman.reader(huffman.to_words(queue))):
        rest = deque(huffman.to_words(queue).tolist())
        filled = 32 * len(rest) - 2 * len(half)
        for left in (1, 0):
            reader, decoded = huffman.decode(reader, book, symbols.shape, symbols.dtype)
            assert (decoded.dtype, decoded.tolist()) == (symbols.dtype, symbols.tolist())
            assert int(huffman.content_bits(reader)) == left * len(half) + filled
        assert int(reader.status) == 0

    backwards = "".join(codewords[s][::-1] for s in symbols[::-1])
    stack = huffman.push(huffman.push(huffman.stack(capacity), book, symbols), book, symbols)
    assert content(stack) == written(backwards * 2)
    again = huffman.from_words(huffman.to_words(stack), capacity)
    assert content(again) == content(stack)
    for left in (1, 0):
        again, popped = huffman.pop(again, book, symbols.shape, symbols.dtype)
        assert popped.tolist() == symbols.tolist()
        assert content(again) == written(backwards * left)
    assert int(again.status) == 0
    if n:
        jans.check_codec(huffman.codec(book, symbols.shape, symbols.dtype), stack, symbols)


@pytest.mark.parametrize(("dtype", "n"), [(np.float32, 34), (np.float32, 150), (np.float64, 1070)])
def test_code_words_of_any_length(dtype, n):
    book = make(skewed(n, dtype))
    assert book.lengths.tolist() == [*range(1, n), n - 1]
    symbols = np.array([0, n - 1, 31, 32, 1, n - 2, n // 2, 33, 0, n - 1], np.int32)
    check_code(book, spell(book), symbols)
    full = huffman.encode(huffman.queue(3), book, symbols)
    size = sum(int(length) for length in book.lengths[symbols]) // 32
    assert (int(full.status), int(full.size)) == (status.OVERFLOW, size)
    wide = huffman.encode(huffman.queue(size), book, symbols)
    assert (int(full.partial_word), full.words.tolist()) == (int(wide.partial_word), wide.words[:3].tolist())


def test_long_code_words_stay_within_their_stream():
    book = make(skewed(150))
    for write, empty in ((huffman.encode, huffman.queue(2)), (huffman.push, huffman.stack(2))):
        full = write(empty, ExpGolomb(30), jnp.array([3, 5, 7]))
        batch = jax.tree.map(lambda a: jnp.stack([a] * 3), full)
        assert int(full.size) == 2
        more = jax.vmap(lambda state, w=write: w(state, book, jnp.array([149, 140])))(batch)
        assert (more.words == full.words).all()
        assert (more.status == status.OVERFLOW).all()


@pytest.mark.parametrize("n", [0, 1, 3, 40, 5000])
def test_a_table_of_paths_changes_nothing(n):
    """Kernels make one for many symbols; the last code words end where the bits do."""
    probs = RANDOM.random(300) ** 20
    book = make(probs.astype(np.float32))
    assert int(book.lengths.max()) > 11
    check_code(book, spell(book), RANDOM.integers(0, 300, n, np.int32))


# ---- Exp-Golomb codes ----


def test_the_bits_of_the_examples_of_exp_golomb():
    """Of the documentation of constriction's crate."""
    state = huffman.encode(huffman.queue(1), ExpGolomb(), jnp.array([3, 7, 0, 1]))
    assert f"{int(huffman.to_words(state)[0]):032b}"[::-1] == "00100000100010100000000000000000"
    assert [spec.huffman.golomb(n, 0) for n in range(8)] == [
        "1",
        "010",
        "011",
        "00100",
        "00101",
        "00110",
        "00111",
        "0001000",
    ]
    assert spec.huffman.golomb(2**32 - 2, 0) == "0" * 31 + "1" * 31 + "1"


@given(
    st.integers(0, 30), st.lists(st.one_of(st.integers(0, 9), st.integers(0, 2**31 - 1)), max_size=20), st.booleans()
)
def test_exp_golomb_codes(k, symbols, last):
    code = ExpGolomb(k)
    symbols = np.array(symbols + [2**31 - 1] * last, np.int32)
    codewords = {s: spec.huffman.golomb(s, k) for s in symbols.tolist()}
    check_code(code, codewords, symbols)
    assert code.bits(symbols).tolist() == [len(codewords[s]) for s in symbols.tolist()]


@pytest.mark.parametrize("k", [0, 3, 30])
@pytest.mark.parametrize("zeros", [27, 31, 32, 40])
def test_bits_that_are_no_exp_golomb_code_word(k, zeros):
    bits = "0" * zeros + "1" * 70
    queue = huffman.reader(jnp.array(written(bits)[1], jnp.uint32))
    rest, words = written(bits[::-1])
    stack = huffman.from_words(jnp.array([*words, rest], jnp.uint32))
    for start, take in ((queue, huffman.decode), (stack, huffman.pop)):
        state, symbols = take(start, ExpGolomb(k), (1,))
        try:
            expected = spec.huffman.find_golomb(k, iter(map(int, bits)))
            assert (int(symbols[0]), int(state.status)) == (expected, 0)
        except spec.huffman.InvalidCodewordError:
            assert (int(symbols[0]), int(state.status)) == (0, status.BAD_DATA)
            assert huffman.content_bits(state) == huffman.content_bits(start)


# ---- constriction ----


def test_the_examples_of_its_documentation():
    book = huffman.codebook(PROBS)
    queue = huffman.encode(huffman.queue(2), book, MESSAGE)
    stack = huffman.push(huffman.stack(2), book, MESSAGE)
    assert (huffman.to_words(queue).tolist(), int(huffman.content_bits(queue))) == ([3756389791, 61358], 48)
    assert (huffman.to_words(stack).tolist(), int(huffman.content_bits(stack))) == ([2818274807, 129455], 48)


@pytest.mark.parametrize("n", cases.thin([1, 2, 3, 5, 31, 256], 3))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_words_are_those_of_the_peer(n, dtype):
    rng = np.random.default_rng(n)
    for kind in range(6):
        probs = [
            rng.random(n),
            rng.integers(0, 4, n),
            rng.random(n) ** 20,
            skewed(n),
            np.ones(n),
            rng.random(n) * 1e-40,
        ]
        probs = probs[kind].astype(dtype)
        encoder, decoder = peer.huffman.EncoderHuffmanTree(probs), peer.huffman.DecoderHuffmanTree(probs)
        symbols = rng.integers(0, n, 200, np.int32)
        theirs, stacked = peer.QueueEncoder(), peer.StackCoder()
        for symbol in symbols.tolist():
            theirs.encode_symbol(symbol, encoder)
        for symbol in symbols[::-1].tolist():
            stacked.encode_symbol(symbol, encoder)
        book = make(probs)
        queue = huffman.encode(huffman.queue(200 * n // 32 + 1), book, symbols)
        stack = huffman.push(huffman.stack(200 * n // 32 + 1), book, symbols)
        for ours, other in ((queue, theirs), (stack, stacked)):
            words, bits = other.get_compressed_and_bitrate()
            assert (huffman.to_words(ours).tolist(), int(huffman.content_bits(ours))) == (words.tolist(), bits)
        reader = peer.QueueDecoder(huffman.to_words(queue))
        assert [reader.decode_symbol(decoder) for _ in symbols] == symbols.tolist()
        words = theirs.get_compressed_and_bitrate()[0]
        assert huffman.decode(huffman.reader(words), book, (200,))[1].tolist() == symbols.tolist()


# ---- in JAX ----


def test_a_thousand_streams_with_codes_of_their_own_or_a_shared_one():
    rng = np.random.default_rng(1)
    probs, symbols = rng.random((1000, 7)).astype(np.float32) ** 4, rng.integers(0, 7, (1000, 20))
    books = jax.vmap(huffman.codebook)(probs)
    one = jax.tree.map(lambda a: a[3], books)
    for book, axis in ((books, 0), (one, None)):
        stack = jax.vmap(lambda b, x: huffman.push(huffman.stack(3), b, x), in_axes=(axis, 0))(book, symbols)
        queue = jax.vmap(lambda b, x: huffman.encode(huffman.queue(3), b, x), in_axes=(axis, 0))(book, symbols)
        popped, out = jax.vmap(lambda s, b: huffman.pop(s, b, (20,)), in_axes=(0, axis))(stack, book)
        reader, read = jax.vmap(lambda q, b: huffman.decode(huffman.reader(q), b, (20,)), in_axes=(0, axis))(
            queue, book
        )
        assert (out == symbols).all()
        assert (read == symbols).all()
        assert not huffman.content_bits(popped).any()
        assert huffman.content_bits(reader).max() < 32
        full = np.asarray(queue.size) > 3
        assert (np.asarray(queue.status) == np.where(full, status.OVERFLOW, 0)).all()
        for k in (0, 3, 999):
            single = huffman.encode(
                huffman.queue(3), jax.tree.map(lambda a, k=k: a[k], books) if axis == 0 else one, symbols[k]
            )
            assert content(single) == content(jax.tree.map(lambda a, k=k: a[k], queue))


def test_inside_a_scan():
    book = huffman.codebook(PROBS)
    rows = jnp.asarray(RANDOM.integers(0, 4, (50, 9)))
    queue, _ = jax.jit(lambda q: jax.lax.scan(lambda q, x: (huffman.encode(q, book, x), None), q, rows))(
        huffman.queue(40)
    )
    assert content(queue) == content(huffman.encode(huffman.queue(40), book, rows))
    step = lambda r, _: huffman.decode(r, book, (9,), jnp.uint8)
    reader, out = jax.jit(lambda r: jax.lax.scan(step, r, length=50))(huffman.reader(queue))
    assert (out == rows).all()
    assert int(reader.status) == 0


def test_eagerly():
    book, code = huffman.codebook(PROBS), ExpGolomb(2)
    bits = lambda: (
        huffman.encode(huffman.queue(9), huffman.codebook(PROBS), MESSAGE),
        huffman.push(huffman.stack(9), code, MESSAGE),
        huffman.pop(huffman.push(huffman.stack(9), book, MESSAGE), book, (12,)),
        huffman.decode(huffman.reader(np.arange(5, dtype=np.uint32)), code, (4,)),
    )
    compiled = bits()
    with jax.disable_jit():
        eager = bits()
    assert all((a == b).all() for a, b in zip(jax.tree.leaves(compiled), jax.tree.leaves(eager), strict=True))


# ---- what may go wrong ----


def test_too_little_room():
    book = huffman.codebook(PROBS)
    queue = huffman.encode(huffman.queue(1), book, jnp.tile(MESSAGE, 3))
    stack = huffman.push(huffman.stack(1), book, jnp.tile(MESSAGE, 3))
    for state in (queue, stack):
        with pytest.raises(jans.CodingError, match=r"capacity of at least 4 words \(this one has 1\)"):
            huffman.to_words(state)
    more = huffman.encode(huffman.queue(4), book, jnp.tile(MESSAGE, 3))
    assert (int(more.partial_word), int(more.status)) == (int(queue.partial_word), 0)
    reader, _ = huffman.decode(huffman.reader(queue), book, (5,))
    assert int(reader.status) == status.OVERFLOW


def test_reading_past_the_end():
    book = huffman.codebook(PROBS)
    zeros = spell(book).index("00") if "00" in spell(book) else spell(book).index("0")
    queue = huffman.reader(huffman.encode(huffman.queue(2), book, MESSAGE[:3]))
    stack = huffman.push(huffman.stack(2), book, MESSAGE[:3])
    for start, take in ((queue, huffman.decode), (stack, huffman.pop)):
        state, symbols = take(start, book, (40,))
        assert symbols[:3].tolist() == MESSAGE[:3].tolist()
        assert symbols[-3:].tolist() == [zeros] * 3
        assert (int(huffman.content_bits(state)), int(state.status)) == (0, status.UNDERFLOW)
        with pytest.raises(jans.CodingError, match="a pop ran past the end of the message"):
            jans.check(state)
        state, symbols = take(start, ExpGolomb(20), (9,))
        assert (int(state.status), int(huffman.content_bits(state))) == (status.UNDERFLOW, 0)


def test_symbols_without_a_code_word():
    book = huffman.codebook(PROBS)
    for code, symbols in ((book, [1, 4, 2, -1]), (ExpGolomb(1), [1, -4, 2, -(2**31)])):
        good = [s for s in symbols if 0 <= s < 4]
        for write, start in ((huffman.encode, huffman.queue(2)), (huffman.push, huffman.stack(2))):
            state = write(start, code, jnp.array(symbols))
            assert int(state.status) == status.BAD_SYMBOL
            assert content(state) == content(write(start, code, jnp.array(good)))
        assert np.isinf(code.bits(jnp.array(symbols))).tolist() == [s not in good for s in symbols]


@pytest.mark.parametrize("words", [np.zeros(1, np.uint32), np.array([5, 0], np.uint32)])
def test_a_stack_that_ends_with_zero(words):
    state = huffman.from_words(words)
    assert int(state.status) == status.BAD_STATE
    with pytest.raises(jans.CodingError, match="invalid coder state"):
        jans.check(state)


def test_a_damaged_codebook():
    book = huffman.codebook(PROBS)
    tree = np.asarray(book.tree)
    cyclic = huffman.Codebook(book.codewords.at[:, 1].set(99), book.tree.at[:, 0].set(2 * 5))
    state = huffman.encode(huffman.queue(2), cyclic, jnp.arange(4))
    assert (content(state), int(state.status)) == ((1, []), status.BAD_MODEL)
    looping = huffman.Codebook(book.codewords, jnp.where(tree[:, 1:2] >= 0, jnp.array([0, 6, 6]), tree))
    state, symbols = huffman.decode(huffman.reader(np.ones(2, np.uint32)), looping, (3,))
    assert (int(state.status), int(huffman.content_bits(state)), symbols.tolist()) == (status.BAD_MODEL, 64, [0, 0, 0])


def test_no_words():
    book = huffman.codebook(PROBS)
    assert huffman.to_words(huffman.queue(0)).tolist() == []
    assert huffman.to_words(huffman.stack(0)).tolist() == [1]
    assert content(huffman.from_words(np.zeros(0, np.uint32))) == (1, [])
    state, symbols = huffman.decode(huffman.reader(np.zeros(0, np.uint32)), book, (0,))
    assert (int(state.status), symbols.shape) == (0, (0,))
    single = huffman.codebook(jnp.ones(1))
    assert (huffman.decode(state, single, (3,))[1].tolist(), int(state.status)) == ([0, 0, 0], 0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: huffman.codebook(np.arange(3)), TypeError, r"probs must be floats, got int32\. Convert counts with"),
        (
            lambda: huffman.codebook(np.ones((2, 3))),
            ValueError,
            r"one axis of 1 to 2\*\*29 symbols, got shape \(2, 3\)",
        ),
        (lambda: huffman.codebook(np.ones(0)), ValueError, r"one axis of 1 to 2\*\*29 symbols, got shape \(0,\)"),
        (lambda: ExpGolomb(31), ValueError, "k must be an integer from 0 to 30, got 31"),
        (lambda: ExpGolomb(0.5), ValueError, r"k must be an integer from 0 to 30, got 0\.5"),
        (lambda: huffman.queue(-1), ValueError, r"capacity must be from 0 to 2\*\*31 - 1 words, got -1"),
        (lambda: huffman.stack(2**31), ValueError, r"capacity must be from 0 to 2\*\*31 - 1 words, got 2147483648"),
        (lambda: huffman.reader(np.ones(2)), TypeError, "words must be one axis of uint32, got float64 of shape"),
        (
            lambda: huffman.from_words(np.ones(4, np.uint32), 2),
            ValueError,
            "at least the 3 words below the last one, got 2",
        ),
        (
            lambda: huffman.encode(huffman.stack(1), ExpGolomb(), jnp.ones(1, int)),
            TypeError,
            r"queue must be a jans\.huffman\.Queue, got jans.huffman.Stack\. Make one with jans\.huffman\.queue",
        ),
        (
            lambda: huffman.decode(huffman.queue(1), ExpGolomb(), (1,)),
            TypeError,
            "reader must be a .*Reader, got jans.huffman.Queue. Make one with jans.huffman.reader",
        ),
        (
            lambda: huffman.pop(huffman.queue(1), ExpGolomb(), (1,)),
            TypeError,
            "stack must be a .*Stack, got jans.huffman.Queue",
        ),
        (lambda: huffman.to_words(3), TypeError, "queue must be a .*Queue, got int"),
        (
            lambda: huffman.reader(huffman.stack(1)),
            TypeError,
            "a reader reads a queue or its words, got jans.huffman.Stack",
        ),
        (
            lambda: huffman.content_bits(3),
            TypeError,
            "state must be the state of a coder, got int",
        ),
        (
            lambda: jax.vmap(huffman.codebook)(jnp.ones((2, 3))).bits(jnp.arange(3)),
            ValueError,
            "codebook must be one code; its code words have shape",
        ),
        (
            lambda: huffman.push(huffman.stack(1), jans.models.Uniform(3), jnp.ones(1, int)),
            TypeError,
            "codebook must be a jans.huffman.Codebook or ExpGolomb, got jans.models.Uniform",
        ),
        (
            lambda: huffman.push(huffman.stack(1), jax.vmap(huffman.codebook)(jnp.ones((2, 3))), jnp.ones(1, int)),
            ValueError,
            "codebook must be one code; its code words have shape",
        ),
        (
            lambda: huffman.push(
                jax.vmap(huffman.from_words)(jnp.ones((2, 3), jnp.uint32)), ExpGolomb(), jnp.ones(1, int)
            ),
            ValueError,
            r"stack must be one stream, got .* words \(2, 2\), .* Map a batch of streams with jax.vmap",
        ),
        (
            lambda: huffman.push(huffman.stack(1), ExpGolomb(), jnp.ones(1)),
            TypeError,
            "symbols must be integers, got float32",
        ),
        (lambda: huffman.pop(huffman.stack(1), ExpGolomb(), (1,), jnp.int64), TypeError, "dtype must be uint8"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- codes from lengths ----


def test_the_canonical_code_of_deflate():
    """The example of RFC 1951, section 3.2.2."""
    code = huffman.codebook_from_lengths([3, 3, 3, 3, 3, 2, 4, 4])
    words = [f"{word:0{length}b}"[::-1] for word, length in code.codewords.tolist()]
    assert words == ["010", "011", "100", "101", "110", "00", "1110", "1111"]


@given(st.integers(1, 70), st.integers(0, 2**32 - 1), st.floats(0.2, 12))
def test_lengths_are_enough_to_decode(n, seed, spread):
    rng = np.random.default_rng(seed)
    lengths = np.asarray(huffman.codebook(jnp.asarray(rng.random(n) ** spread, jnp.float32)).lengths)
    sent, made = huffman.codebook_from_lengths(lengths), huffman.codebook_from_lengths(jnp.asarray(lengths))
    assert cases.same(sent, made)
    assert (sent.lengths == lengths).all()
    symbols = rng.integers(0, n, 90)
    reader = huffman.reader(huffman.encode(huffman.queue(huffman.capacity_for(sent, 90)), sent, symbols))
    left, found = huffman.decode(reader, made, (90,))
    assert (found == symbols).all()
    assert huffman.is_empty(left)
    stack = huffman.push(huffman.stack(huffman.capacity_for(sent, 90)), sent, symbols)
    assert (huffman.pop(stack, made, (90,))[1] == symbols).all()
    assert huffman.content_bits(stack) == lengths[symbols].sum()
    # Shorter code words come first, and symbols of one length in their order.
    words = [(length, int(f"{word:0{length}b}"[::-1], 2)) for word, length in sent.codewords.tolist() if length]
    if lengths.max() <= 32:
        order = np.argsort(lengths, kind="stable")
        assert sorted(words) == [words[k] for k in order if lengths[k]]


def best_cost(weights, max_length):
    """The least cost of a complete code with such lengths, by trying all of them."""
    n = len(weights)
    costs = [
        sum(w * length for w, length in zip(weights, lengths, strict=True))
        for lengths in itertools.product(range(1, max_length + 1), repeat=n)
        if sum(2.0**-length for length in lengths) == 1
    ]
    return min(costs)


@given(st.lists(st.integers(0, 99), min_size=2, max_size=6), st.integers(1, 5))
def test_limited_lengths_are_the_best(weights, max_length):
    if 2**max_length < len(weights):
        with pytest.raises(ValueError, match="symbols need a max_length of"):
            huffman.limited_lengths(weights, max_length)
        return
    lengths = huffman.limited_lengths(weights, max_length)
    assert lengths.max() <= max_length
    assert (lengths * weights).sum() == best_cost(weights, max_length)
    huffman.codebook_from_lengths(lengths)


@given(st.integers(2, 300), st.integers(0, 2**32 - 1))
def test_without_a_limit_they_are_those_of_huffman(n, seed):
    weights = np.random.default_rng(seed).integers(0, 1000, n)
    free = np.asarray(huffman.codebook(jnp.asarray(weights, jnp.float32)).lengths)
    assert (huffman.limited_lengths(weights, n) * weights).sum() == (free * weights).sum()


def test_code_words_of_more_than_32_bits_from_lengths():
    lengths = np.append(np.arange(1, 45), 44)
    code = huffman.codebook_from_lengths(lengths)
    symbols = np.arange(45)
    reader = huffman.reader(huffman.encode(huffman.queue(huffman.capacity_for(code, 45)), code, symbols))
    assert (huffman.decode(reader, code, (45,))[1] == symbols).all()


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: huffman.codebook_from_lengths([1, 1, 1]), ValueError, r"must be 1, got 1\.5"),
        (lambda: huffman.codebook_from_lengths([2, 2, 2]), ValueError, r"must be 1, got 0\.75"),
        (lambda: huffman.codebook_from_lengths([1, 2, 3]), ValueError, "from 1 to 2 bits, got 1 to 3"),
        (lambda: huffman.codebook_from_lengths([0, 1]), ValueError, "from 1 to 1 bits, got 0 to 1"),
        (lambda: huffman.codebook_from_lengths([[1, 1]]), ValueError, r"one axis of 1 to 2\*\*29 symbols"),
        (lambda: huffman.codebook_from_lengths([]), ValueError, r"one axis of 1 to 2\*\*29 symbols"),
        (lambda: huffman.codebook_from_lengths([0.5]), TypeError, "lengths must be integers"),
        (lambda: huffman.limited_lengths([1, 2, 3], 1), ValueError, "3 symbols need a max_length of 2 bits or more"),
        (lambda: huffman.limited_lengths([1, -2], 3), ValueError, "probs must be finite and at least 0"),
        (lambda: huffman.limited_lengths([1.0, np.nan], 3), ValueError, "probs must be finite and at least 0"),
        (lambda: huffman.limited_lengths([], 3), ValueError, "probs must be one axis of symbols"),
    ],
)
def test_errors_of_lengths(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
