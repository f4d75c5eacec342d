"""Proves that all floats of a program are exact: no sum and no product can be rounded, whatever the input."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import brief
from jans.exact._bounds import Numbers
from jans.exact._program import InexactError, Program, Sum, known
from jans.exact.grids import Grid

__all__ = ["InexactError", "Input", "Proof", "Sum", "prove"]


@dataclasses.dataclass(frozen=True)
class Input:
    """An argument of a program of which only this is known.

    Attributes:
        shape: its shape.
        grid: that of floats; or an integer dtype, or bool, for any integers.
        low, high: the least and the largest integer, if they are known.
    """

    shape: tuple[int, ...]
    grid: Grid | Any
    low: int | None = None
    high: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.shape, tuple) or any(type(n) is not int or not 0 <= n < 2**31 for n in self.shape):
            raise TypeError(f"shape must be a tuple of integers, got {brief(self.shape)}.")
        if not isinstance(self.grid, Grid):
            try:
                kind = np.dtype(self.grid).kind if self.grid is not None else ""
            except TypeError:
                kind = ""
            if kind not in tuple("iub"):
                raise TypeError(f"grid must be a jans.exact.Grid or an integer dtype, got {brief(self.grid)}.")
        for name in ("low", "high"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _inputs.whole(name, getattr(self, name)))

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the argument."""
        return np.dtype(np.float32) if isinstance(self.grid, Grid) else np.dtype(self.grid)

    def numbers(self) -> Numbers:
        """What is known of them."""
        if isinstance(self.grid, Grid):
            return Numbers.of(self.grid.bits, -self.grid.largest, self.grid.largest)
        every = Numbers.integers(self.dtype)
        low = int(every.low[0]) if self.low is None else self.low
        high = int(every.high[0]) if self.high is None else self.high
        return Numbers.of(0, low, high)


@dataclasses.dataclass(frozen=True)
class Proof:
    """That a program is exact. Printed, it is a table of its sums.

    Attributes:
        sums: in the order of the program.
        outputs: for each output the fractional bits and the largest absolute value, in the tree of the outputs.
    """

    sums: tuple[Sum, ...]
    outputs: Any

    def __str__(self) -> str:
        rows = [("sum", "digits", "room", "place")]
        rows += [(s.operation, str(s.digits), str(s.room), s.where) for s in self.sums]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def prove(function: Callable[..., Any], *arguments: Any) -> Proof:
    """Proves that a function is exact for all inputs, or raises an error.

    An exact program gives the same bits on every machine, with every batch shape, inside and outside of `jit`:
    every float in it is a multiple of a power of two that is so coarse that no operation rounds, so that the order
    of sums and fused operations make no difference. Matrix products, convolutions, sums, products, comparisons,
    rounding to a `Grid`, tables, indexing, loops and all operations on integers can be proved. `exp`, `tanh`,
    division and the like are not exact: use those of `jans.exact`.

    Args:
        function: a function of arrays that JAX can trace. It is not run.
        arguments: trees of arrays, whose values are taken as known (weights), and of `Input`.

    Returns:
        The proof, with the room that is left in each sum.

    Raises:
        InexactError: with the operation, its place in the program and what to do.
        TypeError: for arguments that are neither arrays nor `Input`.

    >>> weights = jnp.array([[0.5, -0.25], [1.0, 0.75]])
    >>> grid = Grid(bits=4, high=2.0)
    >>> proof = prove(lambda x, w: grid(jnp.matmul(x, w, precision="highest")), Input((8, 2), grid), weights)
    >>> proof.sums[0].digits, proof.sums[0].room, proof.outputs
    (7, 17, (4, 2.0))
    """
    _, numbers, closed, structure = traced(function, arguments)
    program = Program()
    found = program.run(closed.jaxpr, [known(const, "a constant") for const in closed.consts], numbers)
    said = [(int(max(part.bits)), part.largest) for part in found]
    return Proof(tuple(program.sums), jax.tree.unflatten(structure, said))


def traced(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[list[Any], list[Numbers], Any, Any]:
    """The leaves of arguments and what is known of them, the program of a function, and the tree of its results."""
    leaves, structure = jax.tree.flatten(arguments, is_leaf=lambda leaf: isinstance(leaf, Input))
    arguments_: list[Numbers] = []
    for leaf in leaves:
        if isinstance(leaf, Input):
            arguments_.append(leaf.numbers())
        elif isinstance(leaf, jax.Array | np.ndarray | np.generic | int | float):
            arguments_.append(known(jnp.asarray(leaf), "an argument"))
        else:
            raise TypeError(f"arguments must be arrays or jans.exact.Input, got {type(leaf).__name__}.")
    shapes = [
        jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if isinstance(leaf, Input) else jnp.asarray(leaf)
        for leaf in leaves
    ]
    flat = lambda *parts: function(*jax.tree.unflatten(structure, parts))
    closed, outputs = jax.make_jaxpr(flat, return_shape=True)(*shapes)
    return leaves, arguments_, closed, jax.tree.structure(outputs)
