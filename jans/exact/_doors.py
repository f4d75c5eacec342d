"""Checks of arguments."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jans import _inputs
from jans._checks import brief
from jans.exact.grids import Grid


def floats(name: str, values: Any, rank: int = 0) -> jax.Array:
    """Floats as float32, with `rank` axes or more."""
    array = jnp.asarray(_inputs.reals(name, values))
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(f"{name} must be floating point, got {array.dtype}. Convert it with .astype(jnp.float32).")
    if array.ndim < rank:
        raise ValueError(f"{name} must have {rank} axes or more, got shape {array.shape}.")
    return array.astype(jnp.float32)


def grid(name: str, value: Any) -> Grid:
    """A grid."""
    if not isinstance(value, Grid):
        raise TypeError(f"{name} must be a jans.exact.Grid, got {brief(value)}.")
    return value


def grid_or_none(name: str, value: Any) -> Grid | None:
    """A grid; None stays."""
    return None if value is None else grid(name, value)


def bias(value: Any, outputs: int) -> jax.Array | None:
    """Floats [outputs]; None stays."""
    if value is None:
        return None
    array = floats("bias", value)
    if array.shape not in ((outputs,), ()):
        raise ValueError(f"bias must have the shape {(outputs,)} of the outputs, got {array.shape}.")
    return array


def each(name: str, numbers: Any, count: int) -> tuple[int, ...]:
    """A positive integer for each of `count` axes, from one or from so many."""
    several = isinstance(numbers, Sequence) and not isinstance(numbers, str | bytes)
    found = tuple(numbers) if several else (numbers,) * count
    found = tuple(_inputs.whole(name, k) for k in found)
    if len(found) != count or min(found, default=1) < 1 or max(found, default=1) >= 2**31:
        raise ValueError(f"{name} must be a positive integer, or one for each of {count} axes, got {brief(numbers)}.")
    return found


def padding(value: Any, count: int) -> str | list[tuple[int, int]]:
    """The name of a padding, or a pair for each of `count` axes."""
    if isinstance(value, str) and value in ("SAME", "VALID"):
        return value
    try:
        found = [(int(low), int(high)) for low, high in value]
    except (TypeError, ValueError):
        found = []
    if len(found) != count or any(not 0 <= k < 2**31 for pair in found for k in pair):
        raise ValueError(f'padding must be "SAME", "VALID" or a pair for each of {count} axes, got {brief(value)}.')
    return found
