"""Functions of one number as tables, which are made with decimal arithmetic and so are the same everywhere."""

import decimal
import functools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans.exact import _doors
from jans.exact.grids import Grid

CONTEXT = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_EVEN, Emax=10**6, Emin=-(10**6))
"""In which all tables are made."""
_LONGEST = 2**20
"""The most entries of a table."""


def tabulated(
    function: Callable[[Decimal], Decimal], smooth: Callable[[jax.Array], jax.Array], x: Any, source: Grid, target: Grid
) -> jax.Array:
    """A function of numbers on a grid, rounded to another grid.

    Args:
        function: from Decimal to Decimal, computed with 60 digits in its context. It must not use floats.
        smooth: the same function of arrays, whose derivative is used.
        x: floats of any shape. They are rounded to `source` first.
        source: the grid of x, of at most 2**20 numbers.
        target: the grid of the result.

    Returns:
        float32 of the shape of x, on the grid `target`.

    Raises:
        ValueError: if the source has more numbers.

    >>> half = lambda x: x / 2
    >>> tabulated(half, half, jnp.array([0.5, 1.0]), Grid(2, 2.0), Grid(1, 2.0))
    Array([0. , 0.5], dtype=float32)
    """
    x = _doors.floats("x", x)
    _doors.grid("source", source)
    _doors.grid("target", target)
    if 2 * source.largest + 1 > _LONGEST:
        raise ValueError(
            f"source has {2 * source.largest + 1} numbers, and a table has at most {_LONGEST}. Take fewer bits or a "
            "smaller high."
        )

    @jax.custom_jvp
    def call(x: jax.Array) -> jax.Array:
        place = (source(x) * 2.0**source.bits).astype(jnp.int32) + source.largest
        return jnp.asarray(_table(function, source, target))[place]

    @call.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        (x,), (change,) = primals, tangents
        slope = jax.jvp(smooth, (jnp.clip(x, -source.high, source.high),), (jnp.ones_like(x),))[1]
        return call(x), jnp.where(jnp.abs(x) <= source.high, slope * change, 0.0)

    return call(x)


@functools.lru_cache(maxsize=256)
def _table(function: Callable[[Decimal], Decimal], source: Grid, target: Grid) -> np.ndarray:
    """The values of a function for all numbers of a grid, float32."""
    with decimal.localcontext(CONTEXT):
        step, scale = Decimal(2) ** -source.bits, Decimal(2) ** target.bits
        steps = [
            int((function(k * step) * scale).to_integral_value(decimal.ROUND_HALF_EVEN))
            for k in range(-source.largest, source.largest + 1)
        ]
    return (np.clip(steps, -target.largest, target.largest) * 2.0**-target.bits).astype(np.float32)


def exp(x: Any, source: Grid, target: Grid) -> jax.Array:
    """e**x as a table: see `tabulated`.

    >>> exp(jnp.array([0.0, -1.0]), Grid(4, 8.0), Grid(8, 4.0))
    Array([1.       , 0.3671875], dtype=float32)
    """
    return tabulated(_exp, jnp.exp, x, source, target)


def sigmoid(x: Any, source: Grid, target: Grid) -> jax.Array:
    """1 / (1 + e**-x) as a table: see `tabulated`.

    >>> sigmoid(jnp.array([0.0, 2.0]), Grid(4, 8.0), Grid(8, 1.0))
    Array([0.5       , 0.87890625], dtype=float32)
    """
    return tabulated(_sigmoid, jax.nn.sigmoid, x, source, target)


def tanh(x: Any, source: Grid, target: Grid) -> jax.Array:
    """The hyperbolic tangent as a table: see `tabulated`.

    >>> tanh(jnp.array([0.0, 0.5]), Grid(4, 8.0), Grid(8, 1.0))
    Array([0.       , 0.4609375], dtype=float32)
    """
    return tabulated(_tanh, jnp.tanh, x, source, target)


def silu(x: Any, source: Grid, target: Grid) -> jax.Array:
    """x / (1 + e**-x) as a table: see `tabulated`.

    >>> silu(jnp.array([0.0, 2.0]), Grid(4, 8.0), Grid(8, 8.0))
    Array([0.       , 1.7617188], dtype=float32)
    """
    return tabulated(_silu, jax.nn.silu, x, source, target)


def gelu(x: Any, source: Grid, target: Grid) -> jax.Array:
    """x times the normal distribution function of x, as a table: see `tabulated`.

    >>> gelu(jnp.array([0.0, 2.0]), Grid(4, 8.0), Grid(8, 8.0))
    Array([0.      , 1.953125], dtype=float32)
    """
    return tabulated(_gelu, functools.partial(jax.nn.gelu, approximate=False), x, source, target)


# ---- the functions, in decimal arithmetic ----


def _exp(x: Decimal) -> Decimal:
    return x.exp()


def _sigmoid(x: Decimal) -> Decimal:
    return 1 / (1 + (-x).exp())


def _tanh(x: Decimal) -> Decimal:
    return 1 - 2 / (1 + (2 * x).exp())


def _silu(x: Decimal) -> Decimal:
    return x * _sigmoid(x)


def _gelu(x: Decimal) -> Decimal:
    return x * _normal(x)


def _normal(x: Decimal) -> Decimal:
    """The distribution function of the normal distribution: 1/2 + density * (x + x**3 / 3 + x**5 / 15 + ...)."""
    if abs(x) > 12:
        return Decimal(int(x > 0))
    term = total = x
    k = 1
    while abs(term) > Decimal("1e-58"):
        k += 2
        term = term * x * x / k
        total += term
    return Decimal("0.5") + total * (-x * x / 2).exp() / _ROOT


_ROOT = Decimal(2) * Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
with decimal.localcontext(CONTEXT):
    _ROOT = _ROOT.sqrt()
