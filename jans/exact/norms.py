"""Normalisation and attention: what networks divide by is computed with integers."""

import decimal
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans.exact import _doors, tables
from jans.exact.grids import Grid

_INDEX = 12
"""A sum of squares has so many binary digits when its root is looked up, or one less."""
_ROOT = 15
"""The largest entry of the table of roots is below 2**15."""


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _over_root(x: jax.Array, source: Grid, into: Grid) -> jax.Array:
    count = x.shape[-1]
    steps = (source(x) * 2.0**source.bits).astype(jnp.int32)
    squares = jnp.sum(steps * steps, axis=-1, keepdims=True)
    # squares is about m * 4**k, where m has _INDEX - 1 or _INDEX digits.
    digits = 32 - jax.lax.clz(jnp.maximum(squares, 1))
    k = (digits - _INDEX + 1) >> 1
    m = jnp.where(k >= 0, squares >> jnp.maximum(k, 0), squares)
    m = jnp.where(k >= 0, m >> jnp.maximum(k, 0), m << jnp.maximum(-2 * k, 0))
    root, scale = _roots(count)
    product = steps * jnp.asarray(root)[jnp.clip(m, 0, 2**_INDEX - 1)]
    # x / rms(x) = product * 2**-(scale + k). The sum of squares is 0 only if all steps are.
    shift = scale + k - into.bits
    down = jnp.clip(shift, 1, 30)
    rounded = (product + (1 << (down - 1))) >> down
    raised = jnp.clip(product, -into.largest, into.largest) << jnp.clip(-shift, 0, 8)
    found = jnp.clip(jnp.where(shift > 0, rounded, raised), -into.largest, into.largest)
    return found.astype(jnp.float32) * 2.0**-into.bits


@_over_root.defjvp
def _over_root_jvp(source, into, primals, tangents):
    (x,), (change,) = primals, tangents
    smooth = lambda x: x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 4.0**-source.bits)
    return _over_root(x, source, into), jax.jvp(smooth, (x,), (change,))[1]


@functools.cache
def _roots(count: int) -> tuple[np.ndarray, int]:
    """2**scale * sqrt(count / m), rounded, for all m that are looked up; and the scale."""
    scale = _ROOT + ((_INDEX - 2) >> 1) - 1 - math.ceil(math.log2(count) / 2)
    found = np.zeros(2**_INDEX, np.int32)
    with decimal.localcontext(tables.CONTEXT):
        for m in range(2 ** (_INDEX - 2), 2**_INDEX):
            root = (decimal.Decimal(count) / m).sqrt() * decimal.Decimal(2) ** scale
            found[m] = int(root.to_integral_value())
    return found, scale


def rms_norm(x: Any, source: Grid, into: Grid) -> jax.Array:
    """x divided by the root of the mean of its squares over the last axis, to about three decimal digits.

    Multiply the result with the weights of the layer, if it has any.

    Args:
        x: floats [..., n]. They are rounded to `source` first.
        source: their grid. Its largest number of steps squared, times n, must be below 2**31.
        into: the grid of the result, which is at most sqrt(n).

    Returns:
        float32 [..., n]; zeros where all of x are zeros.

    Raises:
        ValueError: if the squares have no room.

    >>> rms_norm(jnp.array([3.0, 4.0]), Grid(5, 8.0), Grid(8, 2.0))
    Array([0.84765625, 1.1328125 ], dtype=float32)
    """
    x = _doors.floats("x", x, 1)
    _doors.grid("source", source)
    _doors.grid("into", into)
    if x.shape[-1] < 1:
        raise ValueError(f"x must have numbers along its last axis, got shape {x.shape}.")
    if source.largest**2 * x.shape[-1] >= 2**31:
        raise ValueError(
            f"the squares of {x.shape[-1]} numbers of {source.largest} steps have no room in int32. "
            "Take a source with fewer bits or a smaller high."
        )
    return _over_root(x, source, into)


# ---- attention ----

_EXP = Grid(14, 1.0)
"""Of exponentials of scores, less the largest score."""
WEIGHT_BITS = 14
"""The fractional bits of the weights of a softmax, which are at most 1 together."""


def softmax(scores: Any, source: Grid, mask: Any = None) -> jax.Array:
    """Weights that are at most 1 together: exponentials of scores, over the last axis.

    Args:
        scores: floats [..., n], n up to 2**16. They are rounded to `source` first.
        source: their grid.
        mask: bools that broadcast to the scores; those that are False have weight 0. At least one is True.

    Returns:
        float32 [..., n], multiples of 2**-14. They are rounded down.

    >>> softmax(jnp.array([0.0, 0.0, 1.0]), Grid(8, 16.0))
    Array([0.21191406, 0.21191406, 0.57611084], dtype=float32)
    """
    scores = _doors.floats("scores", scores, 1)
    _doors.grid("source", source)
    if not 1 <= scores.shape[-1] <= 2**16:
        raise ValueError(f"scores must have 1 to 2**16 numbers along their last axis, got shape {scores.shape}.")
    return _softmax(scores, _mask(mask, scores.shape), source)


def _mask(mask: Any, shape: tuple[int, ...]) -> jax.Array:
    if mask is None:
        return jnp.ones((1,), bool)
    seen = jnp.asarray(_inputs.flags_or_none("mask", mask))
    if seen.dtype != bool:
        raise TypeError(f"mask must be bools, got {seen.dtype}.")
    try:
        fits = jnp.broadcast_shapes(seen.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"mask must broadcast to the shape {shape} of the scores, got {seen.shape}.")
    return seen


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _softmax(scores: jax.Array, mask: jax.Array, source: Grid) -> jax.Array:
    scores = source(scores)
    largest = jnp.max(jnp.where(mask, scores, -source.high), axis=-1, keepdims=True)
    below = Grid(source.bits, 2 * source.high)
    powers = tables.exp(jnp.where(mask, scores - largest, -below.high), below, _EXP)
    whole = jnp.where(mask, (powers * 2.0**_EXP.bits).astype(jnp.int32), 0)
    total = jnp.maximum(jnp.sum(whole, axis=-1, keepdims=True), 1)
    weights = (whole << WEIGHT_BITS) // total
    return jnp.clip(weights, 0, 1 << WEIGHT_BITS).astype(jnp.float32) * 2.0**-WEIGHT_BITS


@_softmax.defjvp
def _softmax_jvp(source, primals, tangents):
    scores, mask = primals
    smooth = lambda scores: jax.nn.softmax(scores, axis=-1, where=jnp.broadcast_to(mask, scores.shape))
    return _softmax(scores, mask, source), jax.jvp(smooth, (scores,), (tangents[0],))[1]


def attention(query: Any, key: Any, value: Any, source: Grid, into: Grid, mask: Any = None) -> jax.Array:
    """The mean of values, weighted by the softmax of query @ key.

    With a cache, `key` and `value` have room for all steps, and the mask says which are there: the result of a step
    is that of one pass over all of them.

    Args:
        query: float32 [..., n, features]. Scale it before, for example by a power of two.
        key: float32 [..., m, features].
        value: float32 [..., m, outputs], of at most 2**10 steps of its grid from 0.
        source: the grid of the scores.
        into: the grid of the result.
        mask: bools that broadcast to [..., n, m]: which keys a query sees, one at least.

    Returns:
        float32 [..., n, outputs].

    >>> one = jnp.ones((1, 2))
    >>> attention(one, jnp.array([[0.0, 0.0], [1.0, 0.0]]), jnp.array([[1.0], [3.0]]), Grid(8, 16.0), Grid(4, 4.0))
    Array([[2.4375]], dtype=float32)
    """
    query, key = _doors.floats("query", query, 2), _doors.floats("key", key, 2)
    value = _doors.floats("value", value, 2)
    _doors.grid("into", into)
    shapes = query.shape, key.shape, value.shape
    same = query.shape[-1] == key.shape[-1] and key.shape[-2] == value.shape[-2]
    if not same or len({shape[:-2] for shape in shapes}) > 1:
        raise ValueError(
            "query, key and value must be [..., n, features], [..., m, features] and [..., m, outputs], got "
            f"{shapes[0]}, {shapes[1]} and {shapes[2]}."
        )
    scores = jnp.einsum("...nf,...mf->...nm", query, key, precision="highest")
    return into(jans_exact_mean(softmax(scores, source, mask), value))


@jax.jit
def jans_exact_mean(weights: jax.Array, value: jax.Array) -> jax.Array:
    """Sums of products with weights that are at most 1 together; the proof knows this function by its name."""
    return jnp.einsum("...nm,...mo->...no", weights, value, precision="highest")
