"""Decoding with a model that only JAX knows, a few symbols at a time: what every coder does alike."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jans.shapes import Shape


def pop(
    step: Callable[[Any, Any, int], tuple[Any, jax.Array]], state: Any, model: Any, shape: Shape, lanes: int = 1
) -> tuple[Any, jax.Array]:
    """Symbols of a shape, `lanes` at a time: `step(state, model, count)` gives state and symbols, and its model is that
    of these symbols."""
    rows, rest = divmod(math.prod(shape), lanes)
    if model.shape == ():
        part, last = model, model
        state, body = jax.lax.scan(lambda s, _: step(s, part, lanes), state, length=rows)
    else:
        flat = jax.tree.map(lambda leaf: _flat_leaf(leaf, model.shape, shape), model)
        part = jax.tree.map(lambda leaf: leaf[: rows * lanes].reshape(rows, lanes, *leaf.shape[1:]), flat)
        last = jax.tree.map(lambda leaf: leaf[rows * lanes :], flat)
        state, body = jax.lax.scan(lambda s, m: step(s, m, lanes), state, part)
    symbols = body.reshape(-1)
    if rest:
        state, tail = step(state, last, rest)
        symbols = jnp.concatenate([symbols, tail])
    return state, symbols.reshape(shape)


def _flat_leaf(leaf: jax.Array, model: Shape, symbols: Shape) -> jax.Array:
    if leaf.shape[: len(model)] != model:
        raise ValueError(
            f"a model of shape {model} without a kernel must have leaves that lead with this shape, got {leaf.shape}. "
            "Broadcast its parameters, or give the model shape ()."
        )
    rest = leaf.shape[len(model) :]
    return jnp.broadcast_to(leaf, (*symbols, *rest)).reshape(-1, *rest)
