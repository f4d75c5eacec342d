"""What models in closed form share. Kernels compute their intervals and search them."""

import abc
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import Shape, check_fit, check_precision, common_shape
from jans.ffi import targets
from jans.models import _base

Bound = int | jax.Array


class FamilyModel(_base.Model):
    """A model with kernels of its own: `family` names the kernels, and `operands` are their arrays."""

    family: ClassVar[str]

    @abc.abstractmethod
    def operands(self, shape: Shape) -> tuple[jax.Array, ...]:
        """The arrays for symbols of a shape, with a leading axis of 1 or all symbols."""

    def interval(self, symbols: jax.Array) -> tuple[jax.Array, jax.Array]:
        symbols = _base.check_symbols(symbols, self.shape)
        return interval(self.family, self.operands(symbols.shape), symbols, self.precision)

    def locate(self, quantiles: jax.Array) -> jax.Array:
        check_fit(self.shape, jnp.shape(quantiles))
        return locate(self.family, self.operands(jnp.shape(quantiles)), quantiles, self.precision)

    def kernel(self, shape: Shape) -> _base.Kernel:
        return _base.Kernel(self.family, self.operands(shape))


def interval(
    family: str, operands: tuple[jax.Array, ...], symbols: jax.Array, precision: int
) -> tuple[jax.Array, jax.Array]:
    """start and freq of symbols, from the kernel of a family."""
    start, freq = targets.maps.FAMILIES[family].interval(symbols.reshape(-1), *operands, precision=precision)
    return start.reshape(symbols.shape), freq.reshape(symbols.shape)


def locate(family: str, operands: tuple[jax.Array, ...], quantiles: jax.Array, precision: int) -> jax.Array:
    """The symbols at quantiles, from the kernel of a family."""
    (symbols,) = targets.maps.FAMILIES[family].locate(quantiles.reshape(-1), *operands, precision=precision)
    return symbols.reshape(quantiles.shape)


def documented(text: str) -> Callable[[type], type]:
    """A decorator that puts what a whole family has in common into the docstring of a class,
    before its example."""

    def extend(cls):
        summary, mark, example = inspect.cleandoc(cls.__doc__).partition(">>>")
        cls.__doc__ = f"{summary.strip()}\n\n{inspect.cleandoc(text)}\n\n{mark}{example}"
        return cls

    return extend


# ---- integers that are either static, or traced with a value for every symbol ----


def check_integer(name: str, value: Any, minimum: int, maximum: int) -> Bound:
    """Returns an int within its limits, or an int32 array; raises for anything else."""
    if isinstance(value, int | np.integer):
        if not minimum <= value <= maximum:
            raise ValueError(f"{name} must be from {minimum} to {maximum}, got {value}.")
        return int(value)
    array = jnp.asarray(_inputs.integers(name, value))
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(f"{name} must be integers, got {array.dtype}. Round and convert them to int32.")
    return array.astype(jnp.int32)


def check_size(name: str, symbols: int | None, precision: int, each: int = 1) -> int:
    """Returns the precision; raises ValueError if it has no room for the symbols,
    where their number is known."""
    if symbols is not None and symbols < 1:
        raise ValueError(f"{name} leaves no symbol. Pass low <= high.")
    return check_precision(precision, symbols, each)


def split(*bounds: Bound) -> tuple[tuple[int | None, ...], list[jax.Array | None]]:
    """Splits bounds into static ints and array leaves; each list has None in place of the other kind."""
    return (
        tuple(b if isinstance(b, int) else None for b in bounds),
        [None if isinstance(b, int) else b for b in bounds],
    )


def joined(known: int | None, leaf: jax.Array | None) -> Bound:
    """The bound that `split` took apart."""
    if known is not None:
        return known
    assert leaf is not None
    return leaf


def flat(shape: Shape, symbols: Shape, value: Bound) -> Any:
    """A bound as an operand of a kernel."""
    if isinstance(value, int):
        return np.full(1, value, np.int32)
    return _base.flat_parameters(shape, symbols, _base.broadcast(value, shape))[0]


def broadcast(bounds: tuple[Bound, ...], *shapes: Shape) -> tuple[Shape, list[Bound]]:
    """The common shape of the parameters and the array bounds, and the bounds in that shape."""
    arrays = [b for b in bounds if not isinstance(b, int)]
    shape = common_shape(*shapes, *(a.shape for a in arrays))
    return shape, [b if isinstance(b, int) else jnp.broadcast_to(b, shape) for b in bounds]


# ---- smooth surrogates ----


def log_floored(mass: jax.Array, symbols: Bound, precision: int, inside: jax.Array, counts: int = 1) -> jax.Array:
    """The log of a mass after quantisation, which gives each symbol at least `counts * 2**-precision` and scales down
    the rest."""
    floor = counts * 2.0**-precision
    return jnp.where(inside, jnp.log(mass * (1 - symbols * floor) + floor), -jnp.inf)


def mass_between(
    cdf: Callable[[jax.Array], jax.Array], low: jax.Array, high: jax.Array, first: jax.Array, last: jax.Array
) -> jax.Array:
    """cdf(high) - cdf(low) of a symmetric distribution. The first and the last symbol also get the tails."""
    # Take the difference in the lower tail, where it does not cancel.
    flip = (low > 0) & ~first
    above = jnp.where(last & ~flip, 1.0, cdf(jnp.where(flip, -low, high)))
    below = jnp.where(jnp.where(flip, last, first), 0.0, cdf(jnp.where(flip, -high, low)))
    return above - below
