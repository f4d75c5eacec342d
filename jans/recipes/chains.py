"""One coder to many and back: chains of bits-back coding that start from each other's bits instead of random ones."""

import dataclasses

import jax
import jax.numpy as jnp

from jans.coders import rans
from jans.models import Uniform
from jans.status import BAD_DATA, UNDERFLOW


def _byte() -> Uniform:
    return Uniform(256, precision=8)


def fork(state: rans.State, n: int, n_bytes: int) -> rans.State:
    """Makes n coders of one: bytes off its stack are what the others start with.

    Bits-back coding takes the first latent of every chain from bits that have to be there. With random ones
    (`jans.rans.random`) each chain pays for them; here they are part of the message, and cost nothing:

        push the first data on one coder     fork     push the others on n coders, side by side

    Args:
        state: one stream.
        n: how many streams to make, at least 1.
        n_bytes: what each but the first one starts with.

    Returns:
        Streams [n] of the capacity, lanes and variant of `state`: first what is left of it, then those that start with
        its bytes. A stack that runs empty sets `UNDERFLOW` on the first.

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
    # The single head of rans64 is a number, and may give zeros for ever.
    spent = jnp.where(rans.is_empty(state), UNDERFLOW, 0) if data.size else 0
    state = dataclasses.replace(state, status=state.status | spent)
    empty = rans.init(state.capacity, state.lanes, state.variant)
    others = jax.vmap(lambda row: rans.push(empty, _byte(), row))(data)
    return jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), state, others)


def rejoin(states: rans.State, n_bytes: int) -> rans.State:
    """The one coder that `fork` made many of, once all that was pushed since is off again.

    Args:
        states: streams [n], as `fork` gave them.
        n_bytes: as for `fork`.

    Returns:
        One stream. Streams that hold other than n_bytes bytes set `BAD_DATA`: they are not what was encoded, or were
        decoded with another model. So this finds a wrong symbol anywhere in a chain.
    """
    if states.size.ndim != 1:
        raise ValueError(f"states must be one axis of streams, as fork gives them, got shape {states.size.shape}.")
    _check_bytes(n_bytes)
    first, rest = jax.tree.map(lambda leaf: leaf[0], states), jax.tree.map(lambda leaf: leaf[1:], states)
    others, data = jax.vmap(lambda one: rans.pop(one, _byte(), shape=(n_bytes,), dtype=jnp.uint8))(rest)
    bad = jnp.where(rans.is_empty(others), others.status, others.status | BAD_DATA)
    status = jnp.bitwise_or.reduce(bad, initial=0) | first.status
    return rans.push(dataclasses.replace(first, status=status), _byte(), data)


def _check_bytes(n_bytes: int) -> None:
    if n_bytes < 0:
        raise ValueError(f"n_bytes must be at least 0, got {n_bytes}.")
