"""The interface of constriction beside the package itself: models, long messages, and its documented examples."""

import contextlib
import io
import re
import sys
import types

import cases
import jax.numpy as jnp
import numpy as np
import pytest
from constriction_cases import BOTH, CONCRETE, FAMILIES, built, equal, ours, outcome, theirs


@pytest.mark.parametrize("name", cases.sample(cases.thin([*CONCRETE, *FAMILIES], 4)))
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


def held_back(steps):
    """Symbols of Uniform(2**24) whose interval wraps around 2**64 all the time, so that all words wait for a carry."""
    encoder, middle = theirs.stream.queue.RangeEncoder(), theirs.stream.model.Uniform(2**24)
    symbols = [2**24 - 1]
    encoder.encode(symbols[0], middle)
    for _ in range(steps):
        lower, width = encoder.pos()[1]
        symbols.append(min((2**64 - lower) % 2**64 // (width >> 24), 2**24 - 1))
        encoder.encode(symbols[-1], middle)
    return np.array(symbols, np.int32)


@pytest.mark.parametrize("last", [0, 2**24 - 1])
def test_words_that_are_held_back(last):
    symbols = held_back(60)
    found = []
    for library in BOTH:
        middle = library.stream.model.Uniform(2**24)
        one, all_at_once = library.stream.queue.RangeEncoder(), library.stream.queue.RangeEncoder()
        words = []
        for symbol in symbols.tolist():
            one.encode(symbol, middle)
            words.append((one.get_compressed(), one.pos(), one.num_words()))
        all_at_once.encode(symbols, middle)
        assert equal(all_at_once.pos(), one.pos())
        for encoder in (one, all_at_once):
            encoder.encode(last, middle)
            words.append((encoder.get_compressed(), encoder.pos()))
        assert equal(one.get_decoder().decode(middle, 62), np.append(symbols, np.int32(last)))
        found.append(tuple(words))
    assert equal(*found)


@pytest.mark.parametrize("ahead", [0, 2**32 - 1, 2**32, 2**33 - 2, 2**33 - 1, 2**33, 2**64 - 1])
@pytest.mark.parametrize("index", [0, 1, 2, 3, 4])
def test_a_decoder_may_be_exhausted(ahead, index):
    words = np.array([7, 2**32 - 1, 1, 2**31], np.uint32)
    point = [*words.tolist(), 0, 0][index : index + 2]
    both = [library.stream.queue.RangeDecoder(words) for library in BOTH]
    for decoder in both:
        decoder.seek(index, (((point[0] << 32 | point[1]) - ahead) % 2**64, 2**50))
    assert both[0].maybe_exhausted() is both[1].maybe_exhausted()


def test_a_cleared_encoder_forgets_what_it_held_back():
    """Theirs does not, and the next message comes out wrong."""
    symbols, middle = held_back(20), ours.stream.model.Uniform(2**24)
    fresh, cleared = ours.stream.queue.RangeEncoder(), ours.stream.queue.RangeEncoder()
    cleared.encode(symbols, middle)
    assert cleared._format.unpack(cleared._numbers)[3] > 8  # pending words
    cleared.clear()
    for encoder in (fresh, cleared):
        encoder.encode(symbols[::-1], middle)
    assert equal(cleared.get_compressed(), fresh.get_compressed())


def test_a_long_message():
    symbols = np.random.default_rng(0).integers(-30, 30, 21845, np.int32)
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
    for row, stack, chain in (
        (probabilities[0].copy(), [0, 0, 2], [0, 3, 3]),
        ([0.09, 0.71, 0.1, 0.1], [1, 0, 0], [1, 3, 3]),
    ):
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
