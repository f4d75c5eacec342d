"""The second back end: products of integers in place of products of floats, with the same results."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np

from jans.exact import _bounds
from jans.exact._bounds import Numbers
from jans.exact._program import PROGRAMS, Program, inner_of, is_mean, known, parts_of_scan
from jans.exact.proof import Input, traced

core = jax.extend.core


class _Part(NamedTuple):
    """An array of a program, and what is known of it."""

    value: Any
    numbers: Numbers


def in_integers(function: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
    """An exact function with products of int8 or int32 in place of products of floats.

    Use it where products of integers are faster, or to check that a network is exact on a new machine: the results
    are the same, bit for bit.

    Args:
        function, arguments: as for `prove`.

    Returns:
        A function of the arguments that are `Input`, one after the other. It has no derivative.

    Raises:
        InexactError, TypeError: as `prove`.

    >>> from jans import exact
    >>> grid, weights = exact.Grid(bits=4, high=2.0), jnp.array([[0.5], [1.0]])
    >>> network = in_integers(lambda x: exact.dense(x, weights), exact.Input((3, 2), grid))
    >>> network(jnp.full((3, 2), 0.25)).T
    Array([[0.375, 0.375, 0.375]], dtype=float32)
    """
    leaves, numbers, closed, structure = traced(function, arguments)
    consts = [_Part(const, known(const, "a constant")) for const in closed.consts]
    Program().run(closed.jaxpr, [part.numbers for part in consts], numbers)

    def call(*inputs: Any) -> Any:
        given = iter(inputs)
        values = [next(given) if isinstance(leaf, Input) else leaf for leaf in leaves]
        parts = [_Part(jnp.asarray(value), n) for value, n in zip(values, numbers, strict=True)]
        found = _run(closed.jaxpr, consts, parts)
        return jax.tree.unflatten(structure, [part.value for part in found])

    return call


def _run(jaxpr: Any, consts: Sequence[_Part], arguments: Sequence[_Part]) -> list[_Part]:
    there: dict[Any, _Part] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *arguments), strict=True))

    def read(atom: Any) -> _Part:
        if isinstance(atom, core.Literal):
            value = np.asarray(atom.val, atom.aval.dtype)  # type: ignore[attr-defined]
            return _Part(value, known(value, "a constant"))
        return there[atom]

    for eqn in jaxpr.eqns:
        inputs = [read(atom) for atom in eqn.invars]
        numbers = Program(quiet=True).step(eqn, [part.numbers for part in inputs])
        values = _values(eqn, inputs, numbers)
        there |= zip(eqn.outvars, map(_Part, values, numbers), strict=True)
    return [read(atom) for atom in jaxpr.outvars]


def _values(eqn: Any, inputs: list[_Part], numbers: list[Numbers]) -> list[Any]:
    name, params = eqn.primitive.name, eqn.params
    floats = _bounds.digits_of(eqn.outvars[0].aval.dtype) is not None
    if name in ("dot_general", "conv_general_dilated") and floats:
        return [_product(eqn, *inputs)]
    if name == "scan":
        return _scan(eqn, inputs, numbers)
    if name == "while":
        return _while(eqn, inputs, numbers)
    if name == "cond":
        branches = [_function(branch, [part.numbers for part in inputs[1:]]) for branch in params["branches"]]
        return list(jax.lax.switch(inputs[0].value, branches, *(part.value for part in inputs[1:])))
    if name in PROGRAMS:
        inner = inner_of(eqn)
        if is_mean(eqn):
            # Its sums are smaller than its factors tell.
            (product,) = (e for e in getattr(inner, "jaxpr", inner).eqns if e.primitive.name == "dot_general")
            return [_product(product, *inputs)]
        return list(_function(inner, [part.numbers for part in inputs])(*(part.value for part in inputs)))
    found = eqn.primitive.bind(*(part.value for part in inputs), **params)
    return list(found) if eqn.primitive.multiple_results else [found]


def _function(program: Any, numbers: list[Numbers]) -> Callable[..., list[Any]]:
    """A program as a function of arrays of which this is known."""
    consts = [_Part(const, known(const, "a constant")) for const in getattr(program, "consts", ())]
    jaxpr = getattr(program, "jaxpr", program)
    return lambda *values: [part.value for part in _run(jaxpr, consts, [*map(_Part, values, numbers)])]


def _scan(eqn: Any, inputs: list[_Part], numbers: list[Numbers]) -> list[Any]:
    params = eqn.params
    consts, carry, rows = parts_of_scan(params, inputs)
    inside = [part.numbers for part in consts], numbers[: len(carry)], [part.numbers.forgotten for part in rows]
    body = _function(params["jaxpr"], [n for group in inside for n in group])

    def step(carry: Any, row: Any) -> tuple[Any, Any]:
        found = body(*(part.value for part in consts), *carry, *row)
        return found[: len(carry)], found[len(carry) :]

    starts, every = [part.value for part in carry], [part.value for part in rows]
    last, found = jax.lax.scan(step, starts, every, params["length"], params["reverse"], params["unroll"])
    return [*last, *found]


def _while(eqn: Any, inputs: list[_Part], numbers: list[Numbers]) -> list[Any]:
    n, m = eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
    asked, used, carry = inputs[:n], inputs[n : n + m], inputs[n + m :]
    goes_on = _function(eqn.params["cond_jaxpr"], [*(part.numbers for part in asked), *numbers])
    body = _function(eqn.params["body_jaxpr"], [*(part.numbers for part in used), *numbers])
    return list(
        jax.lax.while_loop(
            lambda carry: goes_on(*(part.value for part in asked), *carry)[0],
            lambda carry: body(*(part.value for part in used), *carry),
            [part.value for part in carry],
        )
    )


def _product(eqn: Any, x: _Part, y: _Part) -> jax.Array:
    """A product of floats by a product of integers."""
    params = {**eqn.params, "precision": None, "preferred_element_type": jnp.dtype(jnp.int32)}
    whole, bits = zip(*map(_steps, (x, y)), strict=True)
    dtype = jnp.int8 if max(max(part.numbers.together.size) for part in (x, y)) <= 127 else jnp.int32
    found = eqn.primitive.bind(*(part.astype(dtype) for part in whole), **params)
    return found.astype(jnp.float32) * 2.0 ** -sum(bits)


def _steps(part: _Part) -> tuple[jax.Array, int]:
    """The numbers of an array as integers, in steps of 2**-bits."""
    bits = int(part.numbers.together.bits[0])
    return jnp.round(part.value * 2.0**bits), bits
