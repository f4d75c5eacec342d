"""Models of integers in a few bins. All symbols of a bin are equally likely."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs, quantize
from jans._checks import Shape, check_precision
from jans.models import _base, _rows, _spans


class Histogram(_spans.SpanModel):
    """Integers `edges[0] ... edges[-1] - 1`; symbol x is in the bin b with `edges[b] <= x < edges[b + 1]`.

    Bins follow each other in the interval [0, 2**precision). A bin of width w gets
    `floor(M * (2**precision - n)) + w` quantiles, where M is the bin's share of the total mass as a
    fixed-point number. The symbols of the bin share them equally; if the division leaves a remainder, the
    first symbols get one more each. All of this is integer arithmetic. Every symbol has an interval, even in
    bins of mass zero.

    Args:
        edges: ascending ints, static; shared by all symbols.
        masses: floats [..., bins], not necessarily normalised; the leading axes are the shape of the symbols.
            NaN, negative, infinite or only zero masses set `BAD_MODEL`.
        precision: bits of the frequencies, at most 31, with 2**precision at least the number of symbols.

    Raises:
        ValueError: if edges do not ascend, are not as many as the bins need, or span too many symbols.

    >>> model = Histogram([0, 1, 3, 103], jnp.array([0.5, 0.25, 0.25]), precision=12)
    >>> model.interval(jnp.array([0, 1, 2, 3, 102]))
    (Array([   0, 1997, 2497, 2997, 4086], dtype=uint32), Array([1997,  500,  500,   11,   10], dtype=uint32))
    """

    leaves = ("masses", "places")
    static = ("edges", "low", "high", "precision")

    def __init__(self, edges: Sequence[int] | np.ndarray, masses: Any, precision: int = _base.DEFAULT_PRECISION):
        self.masses = _base.check_floats("masses", masses)
        given = np.asarray(_inputs.numbers("edges", edges)).reshape(-1)
        whole = [int(edge) for edge in given.tolist() if math.isfinite(edge)]
        if len(whole) < 2 or any(a >= b for a, b in itertools.pairwise(whole)) or given.tolist() != whole:
            raise ValueError(f"edges must be two or more ascending integers, got {edges}.")
        if self.masses.ndim < 1 or self.masses.shape[-1] != len(whole) - 1:
            raise ValueError(
                f"{len(whole)} edges make {len(whole) - 1} bins, got masses of shape {self.masses.shape}. Bins are the "
                "last axis."
            )
        if check_precision(precision) == 32:
            raise ValueError("a histogram has at most 31 bits of precision, got 32.")
        self.set_span(whole[0], whole[-1] - 1, precision)
        self.edges = tuple(whole)
        shares = quantize.fast(jax.lax.stop_gradient(self.masses), 31)
        places = _spans.share(shares, 2**self.precision - self.size) + jnp.asarray(self._first, jnp.uint32)
        self.places = jnp.where(shares[..., -1:] == _spans.ONE, places, jnp.uint32(2**32 - 1))

    @property
    def shape(self) -> Shape:
        return self.masses.shape[:-1]

    @property
    def _first(self) -> np.ndarray:
        """The first symbol of every bin, counted from low, and the number of all symbols."""
        return np.array(self.edges, np.int32) - self.low

    @property
    def _widths(self) -> np.ndarray:
        return np.diff(self._first)

    def _rows(self, symbols: Shape) -> tuple[jax.Array, jax.Array]:
        return _rows.flat_rows(_base.constant(self.places, self.masses), symbols)

    def table(self) -> jax.Array:
        k = jnp.arange(1, self.size)
        each = jnp.broadcast_to(k.reshape(-1, *(1,) * len(self.shape)), (self.size - 1, *self.shape))
        left = jnp.moveaxis(self.search_interval(each)[0], 0, -1)
        return _spans.seal(left, self.places[..., 0] == 0, self.precision)

    def _bin(self, k: jax.Array) -> jax.Array:
        return jnp.searchsorted(jnp.asarray(self._first), k, side="right").astype(jnp.int32) - 1

    def search_interval(self, k: jax.Array) -> tuple[jax.Array, jax.Array]:
        at = self._bin(k)
        start, mass = _rows.interval(*self._rows(k.shape), at, self.precision)
        inner = jnp.clip(at, 0, len(self._widths) - 1)
        width = jnp.asarray(self._widths, jnp.uint32)[inner]
        i = (k - jnp.asarray(self._first)[inner]).astype(jnp.uint32)
        # A bin without an interval has mass 0, so nothing is added to the status in start, or to freq.
        return start + i * (mass // width) + jnp.minimum(i, mass % width), mass // width + (i < mass % width)

    def search_locate(self, quantiles: jax.Array) -> jax.Array:
        table, index = self._rows(quantiles.shape)
        at = _rows.locate(table, index, quantiles)
        start, mass = _rows.interval(table, index, at, self.precision)
        width = jnp.asarray(self._widths, jnp.uint32)[at]
        each, more = jnp.maximum(mass // width, 1), mass % width
        place, larger = quantiles - start, more * (each + 1)
        i = jnp.where(place < larger, place // (each + 1), more + (place - larger) // each)
        return jnp.where(mass == 0, 0, jnp.asarray(self._first)[at] + i.astype(jnp.int32))

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        symbols = _base.check_symbols(symbols, self.shape)
        at = self._bin(jnp.clip(symbols, self.low, self.high) - self.low)
        # Scale the largest to one, so that no sum leaves the range of floats.
        scaled = self.masses / jax.lax.stop_gradient(self.masses.max(-1, keepdims=True))
        density = scaled / scaled.sum(-1, keepdims=True) / self._widths.astype(np.float32)
        full = jnp.broadcast_to(density, (*symbols.shape, density.shape[-1]))
        mass = jnp.take_along_axis(full, at[..., None], axis=-1)[..., 0]
        return self.log_floored(mass.astype(jnp.float32), symbols)
