"""Network outputs on a grid: where two machines compute nearly the same, they should code with exactly the same."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jans.models import _base


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _snapped(values: jax.Array, bits: int) -> jax.Array:
    # Scaling by a power of two and rounding to an integer are exact. Numbers this large are on the grid already.
    scaled = jnp.round(values * 2.0**bits) * 2.0**-bits
    return jnp.where(jnp.abs(values) < 2.0 ** (23 - bits), scaled, values)


@_snapped.defjvp
def _snapped_jvp(bits, primals, tangents):
    return _snapped(*primals, bits), tangents[0]


def snap(values: Any, bits: int = 8) -> jax.Array:
    """The nearest multiples of 2**-bits, exact in float32; to the even one from halfway.

    "The decoder on another machine produced garbage": a decoder needs the very parameters of the encoder, and a
    network gives slightly others on another machine, with another batch size or another version of its compiler.
    Snapped to a grid they are the same again, but for a value that lies within the difference of an edge, halfway
    between two multiples. `snap_margin` tells how near the nearest edge is. A coarser grid has fewer edges: where
    machines differ by d, about one of 2**-bits / d values is snapped differently.

    Args:
        values: floats of any shape; half precisions widen to float32. NaN and infinite ones stay as they are.
        bits: from 0 to 16. A mean in units of symbols, or a logarithm of a scale, rarely needs more than 4 to 8.

    Returns:
        float32 of the same shape. Its derivative is that of the values: it passes straight through.

    >>> snap(jnp.array([0.3, -1.26, 7.0]), bits=2)
    Array([ 0.25, -1.25,  7.  ], dtype=float32)
    """
    return _snapped(_base.check_single("values", values), _check_bits(bits))


def snap_margin(values: Any, bits: int = 8) -> jax.Array:
    """How far values (floats) are from the nearest edge, where they would snap to another multiple of 2**-bits.

    The least margin of all that are coded is the difference that the outputs of two machines may have.

    Returns:
        float32 of the same shape, from 0 on an edge to 2**-(bits + 1) on the grid; NaN for what is not finite.

    >>> snap_margin(jnp.array([0.25, 0.36, 0.375]), bits=2)
    Array([0.125     , 0.01499999, 0.        ], dtype=float32)
    """
    single = _base.check_single("values", values)
    return 2.0 ** -(_check_bits(bits) + 1) - jnp.abs(single - snap(single, bits))


def _check_bits(bits: int) -> int:
    if not isinstance(bits, int) or not 0 <= bits <= 16:
        raise ValueError(f"bits must be an integer from 0 to 16, got {bits!r}.")
    return bits
