"""Decoding, a few symbols at a time, with a model that has no kernel. All coders share it."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jans._checks import Shape


def pop(
    step: Callable[[Any, Any, int], tuple[Any, jax.Array]], state: Any, model: Any, shape: Shape, lanes: int = 1
) -> tuple[Any, jax.Array]:
    """Pops symbols of a shape, `lanes` at a time.

    `step(state, model, count)` returns the state and `count` symbols, given the model of those symbols.
    """
    rows, leftover = divmod(math.prod(shape), lanes)
    per_symbol, rebuilt = model.flat(shape).per_symbol()
    body = [leaf[: rows * lanes].reshape(rows, lanes, *leaf.shape[1:]) for leaf in per_symbol]
    state, symbols = jax.lax.scan(lambda s, leaves: step(s, rebuilt(leaves), lanes), state, body, length=rows)
    symbols = symbols.reshape(-1)
    if leftover:
        state, tail = step(state, rebuilt([leaf[rows * lanes :] for leaf in per_symbol]), leftover)
        symbols = jnp.concatenate([symbols, tail])
    return state, symbols.reshape(shape)
