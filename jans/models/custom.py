"""Models of integers under any distribution function that JAX can compute."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import Shape, common_shape
from jans.models import _base, _blocks, _spans
from jans.status import BAD_MODEL, BAD_SYMBOL

SLACK = 2.0**-20
"""A cdf may fall by this much, or leave [0, 1] by it, because sums and special functions in float32 round."""
_SLACK_FIXED = np.uint32(SLACK * _spans.ONE)


def _always_compiled(method: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a method as one program even if jit is disabled, which would unroll its loops."""
    compiled = jax.jit(method)

    @functools.wraps(method)
    def call(*args):
        with jax.disable_jit(False):
            return compiled(*args)

    return call


class Custom(_spans.SpanModel):
    """Integers low ... high with a cumulative distribution function of your own.

    The end symbols have the tails.

        left(low + k) = floor(F(low + k - 1/2) * (2**precision - n)) + k    for 0 < k < n

    This is the rule of constriction's leaky quantiser. F is rounded to float32 once, and everything after
    that is integer arithmetic. Every symbol has a frequency of at least 1. A fall of F by less than 2**-20
    counts as level. If F falls further, is NaN or leaves [0, 1], symbols are refused with `BAD_MODEL`; no
    symbol ever decodes as another one.

    Args:
        cdf: `cdf(*parameters, x)`, written for one symbol. It takes the parameters and the float32 scalar x,
            and returns a float scalar that does not fall in x. It is static: a new function compiles anew.
            Encoder and decoder must compute it alike, down to the last bit, so it is part of the format as
            much as a network is.
        parameters: arrays whose leading axes broadcast to the shape of the symbols.
        low, high: the support, within +-2**22. A single distribution of up to 1024 symbols is coded from a
            table. Others are coded by a search, which calls the cdf log2(n) times per symbol.
        ranks: the number of trailing axes of each parameter that belong to one symbol, as one number for all
            parameters or one for each. Use 1 for the components of a mixture.
        precision: bits of the frequencies.

    Raises:
        ValueError: if the support has no symbol, leaves +-2**22, or has more than 2**precision symbols, or if
            ranks do not fit the parameters.
        TypeError: when the model is used, if the cdf does not return a float scalar.

    >>> model = Custom(lambda scale, x: 1 - 2.0 ** (-jnp.maximum(x, 0) / scale), 2.0, low=0, high=4, precision=8)
    >>> model.interval(jnp.arange(5))
    (Array([  0,  40, 103, 148, 180], dtype=uint32), Array([40, 63, 45, 32, 76], dtype=uint32))
    """

    leaves = ("parameters",)
    static = ("cdf", "ranks", "low", "high", "precision")

    def __init__(
        self,
        cdf: Callable[..., jax.Array],
        *parameters: Any,
        low: int,
        high: int,
        ranks: int | Sequence[int] = 0,
        precision: int = _base.DEFAULT_PRECISION,
    ):
        self.set_span(low, high, precision)
        arrays = [jnp.asarray(p) for p in parameters]
        singles = [a.astype(jnp.float32) if jnp.issubdtype(a.dtype, jnp.floating) else a for a in arrays]
        self.cdf = cdf
        each = np.asarray(_inputs.integers("ranks", ranks))
        self.ranks = tuple((each.reshape(-1) if each.ndim else np.full(len(singles), each)).tolist())
        if len(self.ranks) != len(singles) or any(
            not 0 <= r <= a.ndim for r, a in zip(self.ranks, singles, strict=True)
        ):
            raise ValueError(
                f"ranks must say how many trailing dimensions of each parameter belong to one symbol, got {ranks} for "
                f"parameters of shapes {[a.shape for a in singles]}."
            )
        cut = [a.ndim - rank for a, rank in zip(singles, self.ranks, strict=True)]
        shape = common_shape(*(a.shape[:c] for a, c in zip(singles, cut, strict=True)))
        self.parameters = tuple(jnp.broadcast_to(a, (*shape, *a.shape[c:])) for a, c in zip(singles, cut, strict=True))

    @property
    def shape(self) -> Shape:
        if not self.parameters:
            return ()
        return self.parameters[0].shape[: self.parameters[0].ndim - self.ranks[0]]

    def _flat(self, symbols: Shape) -> tuple[jax.Array, ...]:
        """The parameters of each symbol, along one axis of symbols."""
        n = math.prod(symbols)
        flat = _base.flat_parameters(self.shape, symbols, *self.parameters)
        return tuple(jnp.broadcast_to(p, (n, *p.shape[1:])) for p in flat)

    def _fraction(self, k: jax.Array) -> tuple[jax.Array, jax.Array]:
        """F below symbols low + k as a fixed-point number, and whether it is a probability."""
        x = (k + self.low).astype(jnp.float32) - 0.5
        parameters = jax.lax.stop_gradient(self._flat(k.shape))
        p = _blocks.evaluate(functools.partial(_call, self.cdf), parameters, x.reshape(-1)).reshape(k.shape)
        legal = (p >= -SLACK) & (p <= 1 + SLACK)
        # Scaling by a power of two is exact. The conversion is exact too, except for bits below 2**-31.
        return (jnp.where(legal, jnp.clip(p, 0.0, 1.0), 0.0) * jnp.float32(_spans.ONE)).astype(jnp.uint32), legal

    @property
    def _free(self) -> int:
        """The number of quantiles that F distributes."""
        return 2**self.precision - self.size

    @_always_compiled
    def table(self) -> jax.Array:
        """Finds for each symbol what `_walk` finds, with all turns at once."""
        n = self.size
        k = jnp.arange(1, n)
        each = jnp.broadcast_to(k.reshape(-1, *(1,) * len(self.shape)), (n - 1, *self.shape))
        fraction, legal = self._fraction(each)
        ends = [jnp.full((1, *self.shape), end, jnp.uint32) for end in (0, _spans.ONE)]
        level = jnp.concatenate([ends[0], fraction, ends[1]])
        edges = np.array([0, n])
        while len(edges) <= n:
            first, end = edges[:-1], edges[1:]
            first, end = first[end - first > 1], end[end - first > 1]
            middle = (first + end) // 2
            level = level.at[middle].set(jnp.clip(level[middle], level[first], level[end]))
            edges = np.union1d(edges, middle)
        level = level[1:-1]
        wrong = jnp.maximum(level, fraction) - jnp.minimum(level, fraction) > _SLACK_FIXED
        left = _spans.share(level, self._free) + each.astype(jnp.uint32)
        sealed = _spans.seal(jnp.moveaxis(left, 0, -1), (legal & ~wrong).all(0), self.precision)
        return _base.constant(sealed, self.parameters)

    def _walk(self, shape: Shape, is_right: Callable[[jax.Array, jax.Array], jax.Array]) -> Any:
        """Bisects the support down to one symbol.

        Returns its k, start and freq, and whether F is a distribution there.

        `is_right(middle, left)` says whether the symbol is `middle`, which starts at `left`, or to the right
        of it. F at the middle is clipped to its values at `first` and `end`, so starts rise along the walk
        whatever F does. Each turn follows from the turns before it, so a quantile walks to exactly the symbol
        whose interval contains it.
        """

        def turn(_, walk):
            first, end, below, above, legal = walk
            middle = (first + end) // 2
            fraction, sane = self._fraction(middle)
            level = jnp.clip(fraction, below, above)
            wrong = jnp.maximum(level, fraction) - jnp.minimum(level, fraction) > _SLACK_FIXED
            goes_right = is_right(middle, _spans.share(level, self._free) + middle.astype(jnp.uint32))
            right, left = (middle > first) & goes_right, (middle > first) & ~goes_right
            return (
                jnp.where(right, middle, first),
                jnp.where(left, middle, end),
                jnp.where(right, level, below),
                jnp.where(left, level, above),
                legal & ((middle == first) | sane & ~wrong),
            )

        values = ((0, jnp.int32), (self.size, jnp.int32), (0, jnp.uint32), (_spans.ONE, jnp.uint32), (True, bool))
        start = tuple(jnp.full(shape, value, dtype) for value, dtype in values)
        first, end, below, above, legal = jax.lax.fori_loop(0, (self.size - 1).bit_length(), turn, start)
        left, right = (
            _spans.share(fraction, self._free) + k.astype(jnp.uint32) for fraction, k in ((below, first), (above, end))
        )
        return _base.constant((first, left, right - left, legal), self.parameters)

    @_always_compiled
    def search_interval(self, k: jax.Array) -> tuple[jax.Array, jax.Array]:
        _, start, freq, legal = self._walk(k.shape, lambda middle, _: middle <= k)
        inside = _base.refuse((k >= 0) & (k < self.size), (start, freq), BAD_SYMBOL)
        return _base.refuse(legal, inside, BAD_MODEL)

    @_always_compiled
    def search_locate(self, quantiles: jax.Array) -> jax.Array:
        k, _, _, legal = self._walk(quantiles.shape, lambda _, left: left <= quantiles)
        return jnp.where(legal, k, 0)

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        symbols = _base.check_symbols(symbols, self.shape)
        x = jnp.clip(symbols, self.low, self.high)
        cdf = jax.vmap(functools.partial(_call, self.cdf))
        below, above = (cdf(*self._flat(x.shape), x.reshape(-1) + half).reshape(x.shape) for half in (-0.5, 0.5))
        mass = jnp.where(x == self.high, 1.0, above) - jnp.where(x == self.low, 0.0, below)
        return self.log_floored(mass, symbols)


def _call(cdf: Callable[..., jax.Array], *parameters_and_x: jax.Array) -> jax.Array:
    value = jnp.asarray(cdf(*parameters_and_x))
    if value.shape != () or not jnp.issubdtype(value.dtype, jnp.floating):
        raise TypeError(
            f"cdf must return a float scalar for the parameters of one symbol and a scalar x, got {value.dtype} of "
            f"shape {value.shape}. Say with ranks which dimensions of parameters belong to one symbol."
        )
    return value.astype(jnp.float32)
