"""What the language model of examples/ must hold without being trained: its tokens, and what its memory recalls."""

import importlib

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from places import EXAMPLES
from hypothesis import strategies as st
ORDERS, COUNT = (1, 2, 4), 3


@pytest.fixture(scope="module")
def subwords():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        yield importlib.import_module("subwords")


@pytest.fixture(scope="module")
def recall():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        yield importlib.import_module("recall")


@pytest.fixture(scope="module")
def vocabulary(subwords):
    return subwords.learn((EXAMPLES / "mnist.py").read_bytes(), 600)


@hypothesis.given(st.binary(max_size=300) | st.text(alphabet="aeimnst \n(.", max_size=300).map(str.encode))
def test_any_bytes_have_tokens_and_come_back(vocabulary, text):
    tokens = vocabulary.encode(text)
    assert tokens.dtype == np.int32
    assert vocabulary.decode(tokens) == text
    assert len(tokens) <= len(text)


def test_what_was_learnt_is_short_and_the_same_again(subwords, vocabulary):
    text = (EXAMPLES / "mnist.py").read_bytes()
    assert len(vocabulary) == 600
    assert len(vocabulary.encode(text)) < len(text) / 2
    assert (subwords.learn(text, 600).merges == vocabulary.merges).all()
    again = subwords.Subwords(vocabulary.merges)
    assert (again.encode(text) == vocabulary.encode(text)).all()


def test_the_most_frequent_pair_is_first(subwords):
    assert subwords.learn(b"abab abab cab", 257).spelling[-1] == b"ab"
    assert subwords.merge([1, 1, 1, 2], (1, 1), 9) == [9, 1, 2]


def test_a_vocabulary_has_every_byte(subwords):
    assert len(subwords.learn(b"", 1000)) == 256
    with pytest.raises(ValueError, match="at least 256, as each byte has a token, got 255"):
        subwords.learn(b"abc", 255)


def remembered(text, at):
    """What followed the contexts before a place, newest first, by looking at all places."""
    before = [0] * max(ORDERS) + list(text)
    context = lambda i, order: before[i + max(ORDERS) - order : i + max(ORDERS)]
    rows = []
    for order in ORDERS:
        found = [int(text[i]) for i in reversed(range(at)) if context(i, order) == context(at, order)]
        rows.append((found + [-1] * COUNT)[:COUNT])
    return rows


def test_recalls_what_followed(recall):
    text = np.random.default_rng(1).integers(0, 3, 60).astype(np.int32)
    memory = recall.remember(text, ORDERS)
    recalled = np.asarray(recall.recall(memory, memory.link[:, 1:].T, COUNT))
    for at in range(len(text)):
        assert recalled[at].tolist() == remembered(text, at), at


def test_tokens_can_be_inserted_one_by_one(recall):
    text = np.random.default_rng(2).integers(0, 3, 40).astype(np.int32)
    whole = recall.remember(text, ORDERS)
    memory, window = recall.remember(text[:30], ORDERS, room=10), jnp.asarray(text[30 - max(ORDERS) : 30][::-1])[None]
    insert = jax.jit(recall.insert)
    for i in range(30, 40):
        where = recall.slots(window, ORDERS)
        memory = insert(
            memory, where, memory.head[jnp.arange(3), where], jnp.asarray(text[i : i + 1]), jnp.int32(1 + i)
        )
        window = jnp.concatenate([jnp.asarray(text[i : i + 1])[None], window[:, :-1]], 1)
    for mine, wanted in zip(memory, whole, strict=True):
        assert (mine == wanted).all()


def test_streams_with_one_context_remember_the_last_of_them(recall):
    memory = recall.remember(np.array([5, 6, 5], np.int32), (1,), room=2)
    where = recall.slots(jnp.array([[5], [5]]), (1,))
    last = memory.head[jnp.arange(1), where]
    assert recall.recall(memory, last, 3).tolist() == [[[6, -1, -1]]] * 2
    memory = recall.insert(memory, where, last, jnp.array([7, 8]), jnp.int32(4))
    assert recall.recall(memory, memory.head[jnp.arange(1), where], 3).tolist() == [[[8, 6, -1]]] * 2
