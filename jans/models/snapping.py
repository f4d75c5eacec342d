"""Rounds network outputs to a grid, so that two machines that compute nearly the same code
with exactly the same."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jans.models import _base


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _snapped(values: jax.Array, bits: int) -> jax.Array:
    # Scaling by a power of two and rounding to an integer are exact. Larger numbers are on the grid already.
    scaled = jnp.round(values * 2.0**bits) * 2.0**-bits
    return jnp.where(jnp.abs(values) < 2.0 ** (23 - bits), scaled, values)


@_snapped.defjvp
def _snapped_jvp(bits, primals, tangents):
    return _snapped(*primals, bits), tangents[0]


def snap(values: Any, bits: int = 8) -> jax.Array:
    """Rounds values to the nearest multiples of 2**-bits, exactly in float32;
    midpoints go to the even multiple.

    Use it if "the decoder on another machine produced garbage". A decoder needs exactly the parameters of the
    encoder. But a network gives slightly different ones on another machine, with another batch size or
    another version of its compiler. After `snap` they are the same again, unless a value lies too close to an
    edge, halfway between two multiples. `snap_margin` tells the distance to the nearest edge. A coarser grid
    has fewer edges: if machines differ by d, about one of 2**-bits / d values snaps to different multiples.

    Args:
        values: floats of any shape; half precisions are converted to float32. NaN and infinities stay as they
            are.
        bits: from 0 to 16. A mean in units of symbols, or a logarithm of a scale, rarely needs more than 4 to
            8.

    Returns:
        float32 of the same shape. Its derivative is that of the values: it passes straight through.

    Raises:
        ValueError: if bits is not an integer from 0 to 16.

    >>> snap(jnp.array([0.3, -1.26, 7.0]), bits=2)
    Array([ 0.25, -1.25,  7.  ], dtype=float32)
    """
    return _snapped(_base.check_single("values", values), _check_bits(bits))


def snap_margin(values: Any, bits: int = 8) -> jax.Array:
    """The distance of values (floats) from the nearest edge,
    beyond which they snap to another multiple of 2**-bits.

    The smallest margin of all coded values is the largest difference that the outputs of two machines may
    have.

    Args:
        values, bits: as for `snap`.

    Returns:
        float32 of the same shape, from 0 on an edge to 2**-(bits + 1) on the grid; NaN for values that are
        not finite.

    >>> snap_margin(jnp.array([0.25, 0.36, 0.375]), bits=2)
    Array([0.125     , 0.01499999, 0.        ], dtype=float32)
    """
    single = _base.check_single("values", values)
    return 2.0 ** -(_check_bits(bits) + 1) - jnp.abs(single - snap(single, bits))


def _check_bits(bits: int) -> int:
    if not isinstance(bits, int) or not 0 <= bits <= 16:
        raise ValueError(f"bits must be an integer from 0 to 16, got {bits!r}.")
    return bits
