"""Composite models, whose symbols are coded in several parts: what every coder needs to code them.

A composite has no interval of its own. Each part of its symbols has a model that depends on the parts before
it. A composite has these members:

    parts             the number of parts
    split(symbols)    the parts of symbols, a tuple of int32 arrays of their shape; symbols are int32 too, or floats
                      of the model's `dtype`, if it has one
    join(values)      the inverse of split
    part(k, values)   the model of part k, given the values of the k parts before it

A stack pushes the last part first, so that it pops the parts in reading order; a queue encodes the first part
first. A model may say that it is `certain`: all its symbols are 0, with the interval [0, 2**precision).
Coding them changes no state, so the part is skipped.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp

from jans._checks import Shape

Push = Callable[[Any, Any, jax.Array], Any]
Pop = Callable[[Any, Any, Shape], tuple[Any, jax.Array]]


def push(push_one: Push, state: Any, model: Any, symbols: jax.Array, skip: bool = True) -> Any:
    """Pushes symbols of a composite part by part, with `push_one(state, model, symbols)`.

    `skip` says whether parts that are certain may be skipped.
    """
    return _put(push_one, state, model, symbols, reversed(range(model.parts)), skip)


def encode(encode_one: Push, state: Any, model: Any, symbols: jax.Array) -> Any:
    """Encodes symbols of a composite on a queue, part by part."""
    return _put(encode_one, state, model, symbols, range(model.parts), skip=True)


def _put(put_one: Push, state: Any, model: Any, symbols: jax.Array, order: Iterable[int], skip: bool) -> Any:
    values = model.split(symbols.astype(jnp.int32) if jnp.issubdtype(symbols.dtype, jnp.integer) else symbols)

    def put_part(k, part, state):
        return put_one(state, part, values[k])

    for k in order:
        state = _unless_certain(model.part(k, values[:k]), functools.partial(put_part, k), state, skip)
    return state


def pop(pop_one: Pop, state: Any, model: Any, shape: Shape, skip: bool = True) -> tuple[Any, jax.Array]:
    """Pops symbols of a shape with `pop_one(state, model, shape)`: the inverse of `push` and `encode`."""
    values: list[jax.Array] = []

    def pop_part(part, before):
        return pop_one(before[0], part, shape)

    for k in range(model.parts):
        nothing = jnp.zeros(shape, jnp.int32)
        state, value = _unless_certain(model.part(k, tuple(values)), pop_part, (state, nothing), skip)
        values.append(value)
    return state, model.join(tuple(values))


def _unless_certain(part: Any, step: Callable[[Any, Any], Any], start: Any, skip: bool) -> Any:
    """Returns `step(part, start)`, or `start` if the part is certain.

    This is a loop of at most one turn. Under `vmap` a `cond` always takes both branches, but a loop takes its
    turn only if a stream of the batch needs it.
    """
    if part.certain is None or not skip:
        return step(part, start)
    _, end = jax.lax.while_loop(
        lambda carry: carry[0], lambda carry: (jnp.zeros_like(carry[0]), step(part, carry[1])), (~part.certain, start)
    )
    return end
