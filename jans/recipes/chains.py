"""Chains of bits-back coding that start from each other's bits instead of random bits:
one coder becomes many."""

import dataclasses

import jax
import jax.numpy as jnp

from jans import _inputs
from jans.coders import rans
from jans.coders._state import kind_of
from jans.models import Uniform
from jans.status import BAD_DATA, UNDERFLOW


def _byte() -> Uniform:
    return Uniform(256, precision=8)


@_inputs.door(n=_inputs.whole, n_bytes=_inputs.whole)
def fork(state: rans.State, n: int, n_bytes: int) -> rans.State:
    """Makes n coders of one. The new coders start with bytes popped from the stack of the first.

    Every chain of bits-back coding takes its first latent from initial bits. Random initial bits
    (`jans.rans.random`) cost each chain their length. After `fork` the initial bits are part of the message
    and cost nothing:

        push the first data on one coder     fork     push the other data on n coders, in parallel

    Args:
        state: one stream.
        n: number of streams to make, at least 1.
        n_bytes: number of bytes that each stream except the first starts with.

    Returns:
        Streams [n] of the capacity, lanes and variant of `state`: first the rest of that stream, then the
        streams that start with its bytes. If the stack runs empty, the first stream has the status
        `UNDERFLOW`.

    Raises:
        ValueError: if n is below 1, or n_bytes below 0.

    >>> state = rans.random(jax.random.key(0), n_words=6, capacity=20)
    >>> streams = fork(state, n=3, n_bytes=8)
    >>> [round(float(b)) for b in rans.content_bits(streams)]
    [121, 63, 62]
    >>> bool((rans.to_words(rejoin(streams, n_bytes=8)) == rans.to_words(state)).all())
    True
    """
    if n < 1:
        raise ValueError(f"n must be at least 1 stream, got {n}.")
    _check_bytes(n_bytes)
    state, data = rans.pop(state, _byte(), shape=(n - 1, n_bytes), dtype=jnp.uint8)
    # A single head of rans64 stays empty without a status, and gives zeros for ever.
    spent = jnp.where(rans.is_empty(state), UNDERFLOW, 0) if data.size else 0
    state = dataclasses.replace(state, status=state.status | spent)
    empty = rans.init(state.capacity, state.lanes, state.variant)
    others = jax.vmap(lambda row: rans.push(empty, _byte(), row))(data)
    return jax.tree.map(lambda first, remaining: jnp.concatenate([first[None], remaining]), state, others)


@_inputs.door(states=kind_of(rans.State), n_bytes=_inputs.whole)
def rejoin(states: rans.State, n_bytes: int) -> rans.State:
    """The coder that `fork` made many of, after everything pushed since is popped again:
    the inverse of `fork`.

    Args:
        states: streams [n], as `fork` returned them.
        n_bytes: the same as for `fork`.

    Returns:
        One stream. A stream that does not hold exactly n_bytes bytes sets `BAD_DATA`: it was not encoded this
        way, or it was decoded with another model. This finds a wrong symbol anywhere in a chain.

    Raises:
        ValueError: if states do not have exactly one axis of streams, or n_bytes is below 0.

    >>> from jans import models
    >>> streams = fork(rans.random(jax.random.key(0), n_words=6, capacity=20), n=3, n_bytes=8)
    >>> int(rejoin(streams, n_bytes=8).status)
    0
    >>> streams = jax.vmap(lambda state: rans.push(state, models.Uniform(10), 7))(streams)
    >>> int(rejoin(streams, n_bytes=8).status) == BAD_DATA  # a digit is left on each stream
    True
    """
    if states.size.ndim != 1:
        raise ValueError(f"states must be one axis of streams, as fork gives them, got shape {states.size.shape}.")
    _check_bytes(n_bytes)
    first, remaining = jax.tree.map(lambda leaf: leaf[0], states), jax.tree.map(lambda leaf: leaf[1:], states)
    others, data = jax.vmap(lambda one: rans.pop(one, _byte(), shape=(n_bytes,), dtype=jnp.uint8))(remaining)
    bad = jnp.where(rans.is_empty(others), others.status, others.status | BAD_DATA)
    status = jnp.bitwise_or.reduce(bad, initial=0) | first.status
    return rans.push(dataclasses.replace(first, status=status), _byte(), data)


def _check_bytes(n_bytes: int) -> None:
    if n_bytes < 0:
        raise ValueError(f"n_bytes must be at least 0, got {n_bytes}.")
