"""Asymmetric Numeral Systems: a stream code that is a stack, last in first out.

>>> import numpy as np
>>> from jans.compat.constriction import stream
>>> model = stream.model.Categorical(np.array([0.2, 0.4, 0.1, 0.3], dtype=np.float32), perfect=False)
>>> coder = stream.stack.AnsCoder()
>>> coder.encode_reverse(np.array([0, 3, 2, 3, 2, 0, 2, 1], dtype=np.int32), model)
>>> coder.get_compressed()
array([2484720979,        175], dtype=uint32)
>>> coder.decode(model, 8)
array([0, 3, 2, 3, 2, 0, 2, 1], dtype=int32)
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans.coders import rans
from jans.compat.constriction.stream import _arrays, _coder
from jans.compat.constriction.stream._words import Words, significant
from jans.compat.constriction.stream.model import Model
from jans.models import _base


@jax.jit
def _push(head: jax.Array, model: _base.Model, symbols: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A head after a push, with size and status, uint32 [4]; and the words that the push wrote."""
    tail = jnp.zeros(symbols.shape, jnp.uint32)
    state = rans.State(head[None], tail, jnp.int32(0), jnp.int32(0), "rans64")
    state = rans.push(state, model, symbols)
    numbers = jnp.stack([state.size, state.status]).astype(jnp.uint32)
    return jnp.concatenate([state.head[0], numbers]), state.tail


@functools.partial(jax.jit, static_argnames=("n",))
def _pop(head: jax.Array, tail: jax.Array, size: jax.Array, model: _base.Model, n: int) -> tuple[jax.Array, jax.Array]:
    """A head after n symbols were popped, with size and status, uint32 [4]; and the symbols."""
    state = rans.State(head[None], tail, size, jnp.int32(0), "rans64")
    state, symbols = rans.pop(state, model, shape=(n,))
    numbers = jnp.stack([state.size, state.status]).astype(jnp.uint32)
    return jnp.concatenate([state.head[0], numbers]), symbols


class AnsCoder(_coder.Coder):
    """An entropy coder that is a stack: the symbol encoded last is decoded first.

    Args:
        compressed: words to start from, uint32 [n]. They must not end with zero unless they are sealed.
        seal: whether to put a sentinel bit above the words, so that they may end with zeros.

    Raises:
        ValueError: for words that end with zero, or if there are no words to seal.
    """

    def __init__(self, compressed: Any = None, seal: bool = False):
        seal = _arrays.flag("seal", seal)
        if compressed is None:
            if seal:
                raise ValueError("Need compressed data to seal.")
            words = np.empty(0, np.uint32)
        else:
            words = _arrays.words("compressed", compressed)
        if seal:
            words = np.append(words, np.uint32(1))
        elif words.size and words[-1] == 0:
            raise ValueError("Invalid compressed data: ANS compressed data never ends in a zero word.")
        self._bulk = Words(words[:-2])
        self._head = sum(int(word) << 32 * k for k, word in enumerate(words[-2:]))

    def _state(self) -> tuple[int, int]:
        return self._bulk.size, self._head

    def _undo(self, state: tuple[int, int]) -> None:
        self._bulk.size, self._head = state

    def _halves(self) -> np.ndarray:
        return np.array([self._head & 0xFFFFFFFF, self._head >> 32], np.uint32)

    def _push(self, model: _base.Model, symbols: np.ndarray) -> None:
        numbers, words = _coder.run(_push, self._halves(), model, symbols)
        low, high, size, status = numbers.tolist()
        _coder.check(status)
        self._bulk.push(words[:size])
        self._head = low | high << 32

    def _pop(self, model: _base.Model, n: int) -> np.ndarray:
        # A symbol takes at most one word, so n words suffice.
        window, available = self._bulk.top(n)
        numbers, symbols = _coder.run(_pop, self._halves(), window, np.int32(available), model, n=n)
        low, high, size, status = numbers.tolist()
        _coder.check(status)
        self._bulk.size -= available - size
        self._head = low | high << 32
        return symbols

    def encode_reverse(self, symbols: Any, model: Model, *optional_model_params: Any) -> None:
        """Encodes one or more symbols, last one first.

        Args:
            symbols: an int, or integers [n].
            model: a model with all its parameters, or a family of models.
            optional_model_params: for a family, each missing parameter of n symbols.

        Raises:
            KeyError: for a symbol outside of the model.
            ValueError: for parameters of wrong number, length or value.
        """
        self._encode(symbols, model, optional_model_params, backwards=True)

    def decode(self, model: Model, *optional_amt_or_model_params: Any) -> Any:
        """Decodes one or more symbols, starting with the one encoded last.

        Args:
            model: the model that they were encoded with.
            optional_amt_or_model_params: nothing for a single symbol, the number n of symbols, or parameters
                of n symbols.

        Returns:
            An int, or int32 [n].
        """
        return self._decode(model, optional_amt_or_model_params)

    def get_compressed(self, unseal: bool = False) -> np.ndarray:
        """A copy of the words, uint32 [n].

        Raises:
            AssertionError: if there is no sentinel bit to take off.
        """
        head = significant(self._head)
        if _arrays.flag("unseal", unseal):
            if not head or head[-1] != 1:
                raise AssertionError(
                    "Cannot unseal compressed data because it doesn't fit into integer number of words. Did you create "
                    "the encoder with `seal=True` and restore its original state?"
                )
            del head[-1]
        return np.concatenate([self._bulk.content(), np.array(head, np.uint32)])

    def pos(self) -> tuple[int, int]:
        """The position for `seek`: the number of words below the head, and the head."""
        return self._bulk.size, self._head

    def seek(self, position: int, state: int) -> None:
        """Moves to a position of `pos`, and removes the symbols encoded since.

        Raises:
            ValueError: if there are fewer words.
        """
        size, head = _arrays.unsigned("position", position), _arrays.unsigned("state", state)
        if size > self._bulk.size:
            raise ValueError(
                "Tried to seek past end of stream. Note: in an ANS coder, both decoding and seeking *consume* "
                "compressed data, so that only what is still there can be jumped to."
            )
        self._bulk.size, self._head = size, head

    def clear(self) -> None:
        """Removes everything."""
        self._bulk, self._head = Words(), 0

    def clone(self) -> "AnsCoder":
        """An independent copy."""
        other = AnsCoder()
        other._bulk, other._head = Words(self._bulk.content()), self._head
        return other

    def is_empty(self) -> bool:
        """Whether the coder holds nothing."""
        return self._bulk.size == 0 and self._head == 0

    def num_words(self) -> int:
        """The number of words that `get_compressed` returns."""
        return self._bulk.size + (self._head.bit_length() + 31) // 32

    def num_bits(self) -> int:
        """The size of these words in bits."""
        return 32 * self.num_words()

    def num_valid_bits(self) -> int:
        """The size in bits, not rounded up to words."""
        return 32 * self._bulk.size + max(self._head.bit_length(), 1) - 1
