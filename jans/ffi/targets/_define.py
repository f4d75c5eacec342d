"""Functions that define two types of targets: kernels that update the state of a coder,
and kernels that map arrays."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jans.ffi.primitives import Shapes, Target, define

Call = Callable[..., tuple[jax.Array, ...]]
Fields = Mapping[str, tuple[int, Any]]
"""The arrays of a state in the order of the operands,
with the number of axes in one stream and the dtype of each."""

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
    "student_t": (1, 1, 1, 1, 1),
    "float_line": (1, 1, 1, 1),
    "float_mixture": (2, 2, 2, 1),
}
"""Every kind of model that has kernels, and the ranks of its operands,
in the order of csrc/ffi/operands/families.h."""


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
    """Defines a kernel on the state of a coder, and returns the function that calls it.

    Args:
        name, reference, attributes, steps: as for `Target`.
        fields: takes the parameters of a call and returns the arrays of the state, which are the first
            operands.
        updates: names of the arrays that the kernel returns, in order; each result replaces the operand.
        ranks: ranks of the operands after the state.
        more: takes the parameters and returns the shapes and dtypes of the results after the state.
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
    """Defines a kernel that maps arrays to arrays, and returns the function that calls it.

    Args:
        name, reference, results, attributes: as for `Target`.
        ranks: ranks of the operands; the first operand carries the batch.
    """
    return define(Target(name, reference, 1, lambda **_: ranks, results, {}, attributes))


def symbols_of(*, n: int, dtype: Any = jnp.int32, **_: Any) -> Shapes:
    """The shape and dtype of the symbols that a kernel pops."""
    return [((n,), dtype)]
