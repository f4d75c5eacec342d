"""A memory of what followed each context in a text. Chains link all places with the same context, as in
zlib's match finder. Everything is integers, the same on every machine.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

SLOT_BITS = 22  # bits of the hash of a context


class Memory(NamedTuple):
    """What followed each context, as chains through all positions.

    All chains end at position 0, which has no token.
    """

    tokens: Array  # int32 [positions], -1 for no token
    link: Array  # int32 [orders, positions]: the previous position with the same context
    head: Array  # int32 [orders, 2**SLOT_BITS]: the last position with the context


def slots(window: Array, orders: tuple[int, ...]) -> Array:
    """Hashes of contexts, int32 `[..., orders]`; `window` has the last tokens `[..., n]`, newest first."""
    hashed, found = jnp.zeros(window.shape[:-1], jnp.uint32), []
    for i in range(max(orders)):
        hashed = (hashed ^ (window[..., i].astype(jnp.uint32) + 1)) * jnp.uint32(0x9E3779B1)
        hashed ^= hashed >> 15
        if i + 1 in orders:
            found.append((hashed * jnp.uint32(0x85EBCA6B)) >> (32 - SLOT_BITS))
    return jnp.stack(found, -1).astype(jnp.int32)


def remember(tokens: np.ndarray, orders: tuple[int, ...], room: int = 0) -> Memory:
    """The memory of a text, with room for more tokens."""
    before = np.concatenate([np.zeros(max(orders), np.int32), tokens])
    window = np.lib.stride_tricks.sliding_window_view(before, max(orders))[:-1, ::-1]
    where = np.asarray(jax.jit(slots, static_argnums=1)(jnp.asarray(window), orders))
    head = np.zeros((len(orders), 2**SLOT_BITS), np.int32)
    link = np.zeros((len(orders), 1 + len(tokens) + room), np.int32)
    for k in range(len(orders)):
        order = np.argsort(where[:, k], kind="stable")
        same = where[order[1:], k] == where[order[:-1], k]
        link[k, 1 + order[1:]] = np.where(same, 1 + order[:-1], 0)
        head[k, where[:, k]] = 1 + np.arange(len(tokens))  # the last position with a slot wins
    return Memory(
        jnp.asarray(np.concatenate([[-1], tokens, np.zeros(room)]), jnp.int32), jnp.asarray(link), jnp.asarray(head)
    )


def recall(memory: Memory, place: Array, count: int) -> Array:
    """The tokens that followed a context, newest first, padded with -1: int32 `[..., orders, count]`.

    `place` `[..., orders]` is the start of each chain.
    """
    orders, found = jnp.arange(place.shape[-1]), []
    for _ in range(count):
        found.append(memory.tokens[place])
        place = memory.link[orders, place]
    return jnp.stack(found, -1)


def insert(memory: Memory, where: Array, last: Array, tokens: Array, start: Array) -> Memory:
    """The memory with tokens `[streams]` that followed contexts, stored from position start.

    `where` `[streams, orders]` are the slots of these contexts, and `last` the entries of the memory's head
    there.
    """
    new = start + jnp.arange(len(tokens), dtype=jnp.int32)
    # Streams with the same context in one step all link to the position before; only the last of them is
    # found.
    return Memory(
        jax.lax.dynamic_update_slice(memory.tokens, tokens, (start,)),
        jax.lax.dynamic_update_slice(memory.link, last.T, (0, start)),
        memory.head.at[jnp.arange(where.shape[-1]), where].max(new[:, None]),
    )
