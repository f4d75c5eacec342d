"""Layers as functions of arrays, whose sums are exact if the numbers are on grids.

They work in every library of networks: weights are arrays, and nothing is remembered. Embeddings are indexing, and
residual sums are sums: they need no function of their own.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jans.exact import _doors
from jans.exact.grids import Grid

_HIGHEST = lax.Precision.HIGHEST


def dense(x: Any, kernel: Any, bias: Any = None, into: Grid | None = None) -> jax.Array:
    """x @ kernel + bias, rounded to a grid.

    Args:
        x: float32 [..., inputs].
        kernel: float32 [inputs, outputs].
        bias: float32 [outputs]; None for zeros.
        into: the grid of the result; None leaves it as it is.

    Returns:
        float32 [..., outputs].

    >>> dense(jnp.ones((1, 2)), jnp.array([[0.5], [0.75]]), into=Grid(1, 4.0))
    Array([[1.]], dtype=float32)
    """
    x, kernel, into = _doors.floats("x", x, 1), _doors.floats("kernel", kernel, 2), _doors.grid_or_none("into", into)
    if kernel.ndim != 2 or kernel.shape[0] != x.shape[-1]:
        raise ValueError(f"kernel must have the shape ({x.shape[-1]}, outputs), got {kernel.shape}.")
    return _finished(jnp.matmul(x, kernel, precision=_HIGHEST), _doors.bias(bias, kernel.shape[-1]), into)


def conv(
    x: Any,
    kernel: Any,
    bias: Any = None,
    into: Grid | None = None,
    *,
    strides: int | Sequence[int] = 1,
    padding: str | Sequence[tuple[int, int]] = "SAME",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> jax.Array:
    """A convolution, rounded to a grid.

    A causal convolution has padding on one side. One that must not see some places, such as those of later
    pixels, has zeros in its kernel there.

    Args:
        x: float32 [batch, *space, inputs], with one or more axes of space.
        kernel: float32 [*window, inputs / groups, outputs].
        bias: float32 [outputs]; None for zeros.
        into: the grid of the result; None leaves it as it is.
        strides, dilation: of the window, for each axis of space or for all.
        padding: "SAME", "VALID", or a pair for each axis of space.
        groups: how many groups of inputs have outputs of their own.

    Returns:
        float32 [batch, *space, outputs].

    >>> conv(jnp.ones((1, 4, 1)), jnp.ones((2, 1, 1)), padding=[(1, 0)])[0, :, 0]
    Array([1., 2., 2., 2.], dtype=float32)
    """
    x, kernel, space = _operands(x, kernel)
    into, (groups,) = _doors.grid_or_none("into", into), _doors.each("groups", groups, 1)
    inputs, outputs = x.shape[-1], kernel.shape[-1]
    if groups * kernel.shape[-2] != inputs or outputs % groups:
        raise ValueError(
            f"kernel must have {inputs} inputs / {groups} groups, and outputs for each group, got {kernel.shape}."
        )
    y = lax.conv_general_dilated(
        x, kernel, _doors.each("strides", strides, space), _doors.padding(padding, space),
        rhs_dilation=_doors.each("dilation", dilation, space), dimension_numbers=_numbers(space),
        feature_group_count=groups, precision=_HIGHEST,
    )  # fmt: skip
    return _finished(y, _doors.bias(bias, outputs), into)


def conv_transpose(
    x: Any,
    kernel: Any,
    bias: Any = None,
    into: Grid | None = None,
    *,
    strides: int | Sequence[int] = 1,
    padding: str | Sequence[tuple[int, int]] = "SAME",
) -> jax.Array:
    """A transposed convolution, which widens each axis of space by its stride, rounded to a grid.

    The arguments are those of `conv`, as `jax.lax.conv_transpose` takes them.

    >>> conv_transpose(jnp.ones((1, 2, 1)), jnp.ones((2, 1, 1)), strides=2)[0, :, 0]
    Array([1., 1., 1., 1.], dtype=float32)
    """
    x, kernel, space = _operands(x, kernel)
    into = _doors.grid_or_none("into", into)
    if kernel.shape[-2] != x.shape[-1]:
        raise ValueError(f"kernel must have {x.shape[-1]} inputs, got {kernel.shape}.")
    steps, pads = _doors.each("strides", strides, space), _doors.padding(padding, space)
    y = lax.conv_transpose(x, kernel, steps, pads, dimension_numbers=_numbers(space), precision=_HIGHEST)
    return _finished(y, _doors.bias(bias, kernel.shape[-1]), into)


def _finished(y: jax.Array, bias: jax.Array | None, into: Grid | None) -> jax.Array:
    y = y if bias is None else y + bias
    return y if into is None else into(y)


def _operands(x: Any, kernel: Any) -> tuple[jax.Array, jax.Array, int]:
    """The operands of a convolution, and the number of axes of space."""
    x, kernel = _doors.floats("x", x, 3), _doors.floats("kernel", kernel, 3)
    if x.ndim != kernel.ndim or x.ndim > 8:
        raise ValueError(
            "x must be [batch, *space, inputs] and kernel [*window, inputs, outputs] with as many axes, up to 8; got "
            f"{x.shape} and {kernel.shape}."
        )
    return x, kernel, kernel.ndim - 2


@functools.cache
def _numbers(space: int) -> tuple[str, str, str]:
    axes = "WHDXYZ"[:space][::-1]
    return f"N{axes}C", f"{axes}IO", f"N{axes}C"
