"""A codec for data whose order does not matter."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from jans import _inputs
from jans.codecs import Codec
from jans.coders import rans
from jans.models import Uniform
from jans.models._base import DEFAULT_PRECISION, Model


class _KnownInterval(Model):
    """One symbol with a known interval."""

    leaves = ("start", "freq")

    def __init__(self, start: jax.Array, freq: jax.Array, precision: int):
        self.start, self.freq, self.precision = start, freq, precision

    @property
    def shape(self):
        return ()

    def interval(self, symbols):
        return jnp.broadcast_to(self.start, symbols.shape), jnp.broadcast_to(self.freq, symbols.shape)

    def locate(self, quantiles):
        raise NotImplementedError

    def log_prob(self, symbols):
        raise NotImplementedError


@_inputs.door(element=_inputs.codec, n=_inputs.whole, precision=_inputs.whole)
def multiset(element: Codec, n: int, precision: int = DEFAULT_PRECISION) -> Codec:
    """Codes n data without their order, which saves `log2(n!)` bits. It is bits-back coding whose latent is
    the order (Severo et al. 2022, arXiv:2107.09202).

        push, n times                              pop, n times

        pop  the index of the next datum           pop  a datum with element, and add it to the data
        push the datum with element, remove it     push the index of the datum

    Equal data share an interval. They have fewer orders, and the codec saves accordingly less. Each step
    looks at all data, so the time grows with n**2.

    Args:
        element: codec of one datum, which is a pytree of integers.
        n: number of data, at least 1; the leaves of data have a leading axis of this length.
        precision: bits of the choices, somewhat more than log2(n), and at most the maximum of the coder's
            variant.

    Returns:
        The codec of the n data. Its `pop` returns them in ascending order, compared number by number. In this
        order `push` undoes `pop`. A push needs initial bits, as for `jans.bits_back`.

    Raises:
        ValueError: if n is below 1.
        TypeError: in `push` and `pop`, if data are not integers.

    >>> from jans import models
    >>> digits = multiset(rans.codec(models.Uniform(10)), n=5)
    >>> state = digits.push(rans.random(jax.random.key(0), 2, 9), jnp.array([3, 1, 4, 1, 5]))
    >>> digits.pop(state)[1]
    Array([1, 1, 3, 4, 5], dtype=int32)
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}.")

    def choice(lo, count, size):
        """The interval of the positions lo, ..., lo + count - 1 among `size` equally likely ones."""
        places = Uniform(size, precision)
        start, _ = places.interval(lo)
        last, freq = places.interval(lo + count - 1)
        return start, last + freq - start

    def push(state, data):
        ranks = _ranks(_rows(data, n))
        order = jnp.argsort(ranks)
        ranks = ranks[order]

        def step(carry, size):
            state, left = carry
            place = Uniform(size, precision).locate(rans.peek(state, precision, 1)[0])
            k = jnp.searchsorted(jnp.cumsum(left), place + 1)
            lo, count = (left & (ranks < ranks[k])).sum(), (left & (ranks == ranks[k])).sum()
            state = rans.advance(state, *choice(lo, count, size), precision)
            state = element.push(state, jax.tree.map(lambda leaf: leaf[order[k]], data))
            return (state, left.at[k].set(False)), None

        sizes = jnp.arange(n, 0, -1, dtype=jnp.int32)
        return jax.lax.scan(step, (state, jnp.ones(n, bool)), sizes)[0][0]

    def pop(state):
        def step(carry, size):
            state, rows = carry
            state, datum = element.pop(state)
            row = _rows(jax.tree.map(lambda leaf: leaf[None], datum), 1)[0]
            rows = rows.at[size - 1].set(row)
            less, equal = _compare(rows, row)
            there = jnp.arange(n) < size
            start, freq = choice((less & there).sum(), (equal & there).sum(), size)
            return (rans.push(state, _KnownInterval(start, freq, precision), jnp.int32(0)), rows), datum

        width = sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(element.pop, state)[1]))
        rows = jnp.zeros((n, width), jnp.int32)
        (state, rows), data = jax.lax.scan(step, (state, rows), jnp.arange(1, n + 1, dtype=jnp.int32))
        order = jnp.argsort(_ranks(rows))
        return state, jax.tree.map(lambda leaf: leaf[order], data)

    return Codec(push, pop)


def _rows(data: Any, n: int) -> jax.Array:
    """Data as rows of numbers, int32 [n, width]; raises TypeError for data that are not integers."""
    leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(data)]
    if not all(jnp.issubdtype(leaf.dtype, jnp.integer) for leaf in leaves):
        raise TypeError(f"data of a multiset must be integers, got {[str(leaf.dtype) for leaf in leaves]}.")
    return jnp.concatenate([leaf.reshape(n, math.prod(leaf.shape[1:])).astype(jnp.int32) for leaf in leaves], axis=1)


def _compare(rows: jax.Array, row: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Bool [n]: which rows come before one row; and which are equal to it."""
    differs = rows != row
    at = jnp.argmax(differs, axis=1)
    differing = differs.any(axis=1)
    return differing & (jnp.take_along_axis(rows, at[:, None], 1)[:, 0] < row[at]), ~differing


def _ranks(rows: jax.Array) -> jax.Array:
    """The number of rows that come before each row, int32 [n]; equal rows have the same number."""
    return jax.lax.map(lambda row: _compare(rows, row)[0].sum(dtype=jnp.int32), rows)
