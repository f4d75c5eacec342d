"""The chain coder: a stack coder whose symbols do not depend on each other,
for bits-back coding with inference.

>>> import numpy as np
>>> from jans.compat.constriction import stream
>>> data = np.array([0x80d14131, 0xdda97c6c, 0x5017a640, 0x01170a3e], np.uint32)
>>> family = stream.model.QuantizedGaussian(-100, 100)
>>> means, stds = np.array([3.2, -14.3, 5.7]), np.array([6.4, 4.2, 3.9])
>>> coder = stream.chain.ChainCoder(data, seal=True)
>>> symbols = coder.decode(family, means, stds)
>>> coder = stream.chain.ChainCoder(np.concatenate(coder.get_remainders()), is_remainders=True)
>>> coder.encode_reverse(symbols, family, means, stds)
>>> bool((np.concatenate(coder.get_data(unseal=True)) == data).all())
True
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans.coders import chain
from jans.compat.constriction.stream import _arrays, _coder
from jans.compat.constriction.stream._words import Words, significant
from jans.compat.constriction.stream.model import Model
from jans.models import _base
from jans.status import OUT_OF_REMAINDERS, UNDERFLOW

_MIN_HEAD = 2**8


def _read(heads: jax.Array, compressed: jax.Array, remainders: jax.Array) -> chain.State:
    """A coder from uint32 [5]: partial word, low and high half of the head, and the sizes of both stacks."""
    partial_word, low, high, compressed_size, remainders_size = heads
    head, sizes = jnp.stack([low, high])[None], (compressed_size.astype(jnp.int32), remainders_size.astype(jnp.int32))
    return chain.State(partial_word, compressed, sizes[0], head, remainders, sizes[1], jnp.int32(0), "chain64", 24)


def _write(state: chain.State) -> jax.Array:
    """The numbers that `_read` takes, and the status: uint32 [6]."""
    numbers = jnp.stack([state.compressed_size, state.remainders_size, state.status]).astype(jnp.uint32)
    return jnp.concatenate([state.partial_word[None], state.head[0], numbers])


@jax.jit
def _push(heads: jax.Array, remainders: jax.Array, model: _base.Model, symbols: jax.Array) -> tuple[jax.Array, ...]:
    state = chain.push(_read(heads, jnp.zeros(symbols.shape, jnp.uint32), remainders), model, symbols)
    return _write(state), state.compressed


@functools.partial(jax.jit, static_argnames=("n",))
def _pop(heads: jax.Array, compressed: jax.Array, model: _base.Model, n: int) -> tuple[jax.Array, ...]:
    state, symbols = chain.pop(_read(heads, compressed, jnp.zeros(n, jnp.uint32)), model, shape=(n,))
    return _write(state), state.remainders, symbols


class ChainCoder(_coder.Coder):
    """A coder that takes 24 bits of data for each symbol,
    and keeps what they hold beyond the symbol as remainders.

    Args:
        data: words, uint32 [n].
        is_remainders: False to decode symbols from data, True to encode symbols on the words of
            `get_remainders`.
        seal: whether to put a sentinel bit above the data, so that they may end with zeros; not for
            remainders.

    Raises:
        ValueError: for too few words, or words that end with zero and are not sealed.
        AssertionError: if remainders are to be sealed.
    """

    def __init__(self, data: Any, is_remainders: bool = False, seal: bool = False):
        words = _arrays.words("data", data)
        seal = _arrays.flag("seal", seal)
        self._partial_word, self._head = 1, int(seal)
        if _arrays.flag("is_remainders", is_remainders):
            if seal:
                raise AssertionError("Cannot seal remainders data.")
            if words.size:
                self._partial_word, words = int(words[-1]), words[:-1]
            else:
                self._partial_word = 0
        if not seal and words.size:
            self._head, words = int(words[-1]), words[:-1]
        if self._head and self._head < _MIN_HEAD and words.size:
            self._head, words = self._head << 32 | int(words[-1]), words[:-1]
        if self._head < _MIN_HEAD or not self._partial_word:
            why = "" if seal else ", or provided data ends in zero word and "
            which = "" if seal else "`is_remainders==True`" if is_remainders else "`seal==False`"
            raise ValueError(f"Too little data provided{why}{which}.")
        self._compressed = Words(() if is_remainders else words)
        self._remainders = Words(words if is_remainders else ())

    def _state(self) -> tuple[int, int, int, int]:
        return self._partial_word, self._head, self._compressed.size, self._remainders.size

    def _undo(self, state: tuple[int, int, int, int]) -> None:
        self._partial_word, self._head, self._compressed.size, self._remainders.size = state

    def _heads(self, compressed: int, remainders: int) -> np.ndarray:
        head = self._head
        return np.array([self._partial_word, head & 0xFFFFFFFF, head >> 32, compressed, remainders], np.uint32)

    def _push(self, model: _base.Model, symbols: np.ndarray) -> None:
        window, available = self._remainders.top(symbols.size)
        numbers, words = _coder.run(_push, self._heads(0, available), window, model, symbols)
        partial_word, low, high, size, left, status = numbers.tolist()
        _coder.check(status)
        if status & OUT_OF_REMAINDERS:
            raise AssertionError("Out of remainders information from previous decoding.")
        self._compressed.push(words[:size])
        self._remainders.size -= available - left
        self._partial_word, self._head = partial_word, low | high << 32

    def _pop(self, model: _base.Model, n: int) -> np.ndarray:
        window, available = self._compressed.top(n)
        numbers, words, symbols = _coder.run(_pop, self._heads(available, 0), window, model, n=n)
        partial_word, low, high, left, size, status = numbers.tolist()
        _coder.check(status)
        if status & UNDERFLOW:
            raise AssertionError("Out of compressed data: each symbol takes 24 bits.")
        self._compressed.size -= available - left
        self._remainders.push(words[:size])
        self._partial_word, self._head = partial_word, low | high << 32
        return symbols

    def encode_reverse(self, symbols: Any, model: Model, *optional_model_params: Any) -> None:
        """Encodes one or more symbols, last one first. The remainders choose the bits.

        Args, raises:
            As for `AnsCoder.encode_reverse`. It raises AssertionError if the remainders are used up.
        """
        self._encode(symbols, model, optional_model_params, backwards=True)

    def decode(self, model: Model, *optional_amt_or_model_params: Any) -> Any:
        """Decodes one or more symbols, each from 24 bits.

        Args, returns:
            As for `AnsCoder.decode`. It raises AssertionError if the data are used up.
        """
        return self._decode(model, optional_amt_or_model_params)

    def get_data(self, unseal: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The words after encoding everything that was decoded: the leftover remainders, and the data.

        Raises:
            AssertionError: if the coder does not hold a whole number of words, or has no sentinel bit to take
                off.
        """
        words = significant(self._head)
        unseal = _arrays.flag("unseal", unseal)
        if self._partial_word != 1 or (unseal and words[-1] != 1):
            raise AssertionError("Fractional number of words in compressed or remainders data.")
        data = np.array(words[:-1] if unseal else words, np.uint32)
        return self._remainders.content(), np.concatenate([self._compressed.content(), data])

    def get_remainders(self) -> tuple[np.ndarray, np.ndarray]:
        """The words after decoding: the leftover data, and the remainders."""
        words = np.array([*significant(self._head), self._partial_word], np.uint32)
        return self._compressed.content(), np.concatenate([self._remainders.content(), words])

    def clone(self) -> "ChainCoder":
        """An independent copy."""
        other = object.__new__(ChainCoder)
        other._partial_word, other._head = self._partial_word, self._head
        other._compressed, other._remainders = (
            Words(self._compressed.content()),
            Words(self._remainders.content()),
        )
        return other
