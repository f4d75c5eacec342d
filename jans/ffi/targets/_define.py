"""Targets that update the state of a coder, and targets that map arrays: what the tables of this folder are made of."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jans.ffi.primitives import Shapes, Target, define

Call = Callable[..., tuple[jax.Array, ...]]
Fields = Mapping[str, tuple[int, Any]]
"""The arrays of a state in the order of the operands: how many axes each has in one stream, and its dtype."""

KINDS: dict[str, tuple[int, ...]] = {
    "rows": (2, 1),
    "table": (2, 1, 2),
    "lazy": (2,),
    "uniform": (1,),
    "binned_gaussian": (1, 1, 1),
    "logistic_mixture": (2, 2, 2, 1, 1),
    "gaussian_mixture": (2, 2, 2, 1, 1),
    "gaussian": (1, 1, 1, 1),
    "laplace": (1, 1, 1, 1),
    "logistic": (1, 1, 1, 1),
    "cauchy": (1, 1, 1, 1),
    "geometric": (1, 1),
    "binomial": (1, 1),
    "poisson": (1, 1),
    "beta_binomial": (1, 1, 1),
}
"""Every kind of model that has kernels, and the ranks of its operands, in the order of csrc/ffi/operands/families.h."""


def define_coder(
    name: str,
    reference: Call,
    fields: Callable[..., Fields],
    updates: tuple[str, ...],
    *ranks: int,
    attributes: tuple[str, ...] = (),
    more: Callable[..., Shapes] = lambda **_: [],
    steps: Call | None = None,
) -> Call:
    """The function that calls a kernel on the state of a coder.

    Args:
        name, reference, attributes, steps: as for `Target`.
        fields: from the parameters of a call to the arrays of the state, which are the first operands.
        updates: names of those that the kernel returns, in their order, each in the place of the operand.
        ranks: of the operands behind the state.
        more: from the parameters to the shapes and dtypes of the results behind the state.
    """
    names = tuple(fields(variant=0))
    places = [names.index(field) for field in updates]

    def results(*shapes: Any, **params: Any) -> Shapes:
        dtypes = [dtype for _, dtype in fields(**params).values()]
        return [(shapes[place], dtypes[place]) for place in places] + more(**params)

    def all_ranks(**params: Any) -> tuple[int, ...]:
        return (*(rank for rank, _ in fields(**params).values()), *ranks)

    aliases = {place: result for result, place in enumerate(places)}
    return define(Target(name, reference, len(names), all_ranks, results, aliases, attributes, steps))


def define_map(
    name: str,
    reference: Call,
    results: Callable[..., Shapes],
    *ranks: int,
    attributes: tuple[str, ...] = ("precision",),
) -> Call:
    """The function that calls a kernel which makes arrays of arrays.

    Args:
        name, reference, results, attributes: as for `Target`.
        ranks: of the operands, of which the first carries the batch.
    """
    return define(Target(name, reference, 1, lambda **_: ranks, results, {}, attributes))


def symbols_of(*, n: int, dtype: Any = jnp.int32, **_: Any) -> Shapes:
    """The symbols that a kernel pops."""
    return [((n,), dtype)]
