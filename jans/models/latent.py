"""A Gaussian on a fixed grid of bins, and the grid of latents for bits-back coding."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr

from jans import _inputs
from jans._checks import Shape, check_precision, common_shape
from jans.models import _base, _family
from jans.models.uniform import Uniform
from jans.reference import tables


class BinnedGaussian(_family.FamilyModel):
    """A Gaussian whose symbols are the bins between fixed edges.

        left(k) = floor(Phi((edge_k - loc) / scale) * (2**precision - n)) + k

    Phi is computed in fixed point (`csrc/core/models/fixed.h`).

    Args:
        loc, scale: floats of the shape of the symbols. A loc that is not finite, or a scale that is not a
            positive normal float32, sets `BAD_MODEL`.
        edges: float32 [n + 1], not falling; shared by all symbols. The outer two stand for minus and plus
            infinity.
        precision: bits of the frequencies.

    Raises:
        ValueError: if concrete edges fall or hold NaN, or if there are fewer than three.

    >>> model = BinnedGaussian(0.0, 1.0, jnp.array([-jnp.inf, 0.0, jnp.inf]), precision=8)
    >>> model.interval(jnp.arange(2))
    (Array([  0, 128], dtype=uint32), Array([128, 128], dtype=uint32))
    """

    family = "binned_gaussian"
    leaves = ("loc", "scale", "edges")
    shared = ("edges",)
    ends = "high"

    def __init__(self, loc: Any, scale: Any, edges: Any, precision: int = _base.DEFAULT_PRECISION):
        loc, scale = _base.check_single("loc", loc), _base.check_single("scale", scale)
        shape = common_shape(loc.shape, scale.shape)
        self.loc, self.scale = jnp.broadcast_to(loc, shape), jnp.broadcast_to(scale, shape)
        self.edges = _base.check_single("edges", edges)
        if self.edges.ndim != 1 or self.edges.size < 3:
            raise ValueError(f"edges must be one axis of three or more, got shape {self.edges.shape}.")
        if not isinstance(self.edges, jax.core.Tracer):
            inner = np.asarray(self.edges)[1:-1]
            if not (inner[:-1] <= inner[1:]).all() or np.isnan(inner).any():
                raise ValueError("edges must not fall, and hold no NaN. Sort them.")
        self.precision = check_precision(precision, self.edges.size - 1)

    @property
    def shape(self) -> Shape:
        return self.loc.shape

    @property
    def bounds(self) -> tuple[int, int]:
        return 0, self.edges.size - 2

    def operands(self, shape: Shape) -> tuple[jax.Array, ...]:
        return *_base.flat_parameters(self.shape, shape, self.loc, self.scale), self.edges

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        symbols = _base.check_symbols(symbols, self.shape)
        n = self.edges.size - 1
        at = jnp.clip(symbols, 0, n - 1)
        # Keep infinite edges out of the arithmetic, because their derivatives would be NaN.
        edges = self.edges.at[jnp.array([0, n])].set(0.0)
        first, last = at == 0, at == n - 1
        low, high = (edges[at] - self.loc) / self.scale, (edges[at + 1] - self.loc) / self.scale
        mass = _family.mass_between(ndtr, low, high, first, last)
        return _family.log_floored(mass, n, self.precision, (symbols >= 0) & (symbols < n))


class NormalGrid:
    """2**bits bins of equal mass under the standard normal: the latent grid that prior and posterior share.

    Coding a bin with the prior costs exactly `bits` bits. Edges and centres are multiples of 2**-16, the same
    on every machine.

    Args:
        bits: from 1 to 13.

    Attributes:
        edges: float32 [2**bits + 1], for `BinnedGaussian`.
        centres: float32 [2**bits], the value of each bin.

    >>> grid = NormalGrid(bits=2)
    >>> grid.centres
    Array([-1.1503448 , -0.31863403,  0.31863403,  1.1503448 ], dtype=float32)
    """

    def __init__(self, bits: int):
        bits, max_bits = _inputs.whole("bits", bits), tables.GRID_BITS - 1
        if not 1 <= bits <= max_bits:
            raise ValueError(f"bits must be from 1 to {max_bits}, got {bits}.")
        self.bits = bits
        step = 2 ** (tables.GRID_BITS - bits)
        self.edges = jnp.asarray(tables.normal_grid()[::step])
        self.centres = jnp.asarray(tables.normal_grid()[step // 2 :: step])

    def prior(self) -> Uniform:
        """The standard normal on this grid: all bins are equally likely."""
        return Uniform(2**self.bits, precision=self.bits)

    def posterior(self, loc: Any, scale: Any, precision: int = _base.DEFAULT_PRECISION) -> BinnedGaussian:
        """Gaussians on this grid, one for each latent.

        Args:
            loc, scale, precision: as for `BinnedGaussian`.
        """
        return BinnedGaussian(loc, scale, self.edges, precision)

    def value(self, symbols: jax.Array) -> jax.Array:
        """The centres (float32) of bins.

        Args:
            symbols: integers from 0 to 2**bits - 1, of any shape.
        """
        return self.centres[symbols]
