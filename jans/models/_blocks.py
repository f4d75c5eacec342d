"""Evaluates a function of one symbol in blocks of one size, so that all programs that call it round alike.

An encoder knows all symbols in advance, and a decoder as many as lanes at a time. Both therefore compute
blocks of 128 symbols, isolated from the code around them and from `vmap`. Different kinds of machines may
still round differently.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from jans.isolation import isolated

BLOCK = 128


def evaluate(function: Callable[..., jax.Array], parameters: tuple[jax.Array, ...], x: jax.Array) -> jax.Array:
    """`function(*parameters[i], x[i])` for all i, where parameters are [n, ...] and x is [n]."""
    # Arrays that the function closes over become operands, because they may belong to a transformation
    # outside.
    blocks = [jax.ShapeDtypeStruct((BLOCK, *array.shape[1:]), array.dtype) for array in (*parameters, x)]
    closed = jax.make_jaxpr(jax.vmap(function))(*blocks)

    @custom_vmap
    def run(captured: list[Any], arrays: tuple[jax.Array, ...]) -> jax.Array:
        block = isolated(jaxpr_as_fun(ClosedJaxpr(closed.jaxpr, captured)))
        n = arrays[0].shape[0]
        turns = -(-n // BLOCK)
        fill = [(0, turns * BLOCK - n)]
        padded = [jnp.pad(a, fill + [(0, 0)] * (a.ndim - 1)).reshape(turns, BLOCK, *a.shape[1:]) for a in arrays]
        return jax.lax.map(lambda values: block(*values)[0], tuple(padded)).reshape(-1)[:n]

    @run.def_vmap
    def run_batch(size, batched, captured, arrays):
        if any(batched[0]):
            # Each element of the batch has a function of its own.
            pick = lambda i: [c[i] if b else c for c, b in zip(captured, batched[0], strict=True)]
            rows = lambda i: tuple(a[i] if b else a for a, b in zip(arrays, batched[1], strict=True))
            return jax.lax.map(lambda i: run(pick(i), rows(i)), jnp.arange(size)), True
        full = [a if b else jnp.broadcast_to(a, (size, *a.shape)) for a, b in zip(arrays, batched[1], strict=True)]
        flat = tuple(a.reshape(math.prod(a.shape[:2]), *a.shape[2:]) for a in full)
        return run(captured, flat).reshape(full[-1].shape[:2]), True

    return run(closed.consts, (*parameters, x))
