"""Models of counts: distributions on 0, 1, 2, ..."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import betaln, gammaincc, gammaln

from jans._checks import Shape
from jans.models import _base, _family
from jans.models._family import Bound

MAX_SUMMED = 2**16 - 1


class CountModel(_family.FamilyModel):
    """A model on 0 ... high. `high` is an int for all symbols, or an int32 array with a value for each."""

    static = ("known", "precision")
    ends = "high"
    traced_high: jax.Array | None
    known: tuple[int | None, ...]

    @property
    def high(self) -> Bound:
        """The highest symbol."""
        return _family.joined(self.known[0], self.traced_high)

    @property
    def bounds(self) -> tuple[Bound, Bound]:
        return 0, self.high

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "known": None, "traced_high": None, "high": self.high}

    def set_high(self, name: str, high: Any, limit: int, precision: int, *parameters: jax.Array) -> list[jax.Array]:
        """Sets the highest symbol, and returns the parameters in their common shape."""
        bound = _family.check_integer(name, high, 0, limit)
        self.precision = _family.check_size(name, bound + 1 if isinstance(bound, int) else None, precision)
        shape, together = _family.broadcast((bound,), *(p.shape for p in parameters))
        self.known, (self.traced_high,) = _family.split(*together)
        return [jnp.broadcast_to(p, shape) for p in parameters]

    @property
    def shape(self) -> Shape:
        return getattr(self, self.leaves[-1]).shape

    def operands(self, shape: Shape) -> tuple[jax.Array, ...]:
        parameters = (getattr(self, name) for name in self.leaves[1:])
        return _family.flat(self.shape, shape, self.high), *_base.flat_parameters(self.shape, shape, *parameters)

    def log_mass(self, symbols: jax.Array) -> jax.Array:
        """The log probability of symbols of the support, smooth in the parameters."""
        raise NotImplementedError

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        symbols = _base.check_symbols(symbols, self.shape)
        inside = (symbols >= 0) & (symbols <= self.high)
        mass = jnp.exp(self.log_mass(jnp.clip(symbols, 0, self.high)))
        return _family.log_floored(mass, self.high + 1, self.precision, inside)


def _log_choose(n: Bound, k: jax.Array) -> jax.Array:
    return gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)


def _scaled_log(count: jax.Array, value: jax.Array) -> jax.Array:
    """count * log(value), and 0 if count is 0."""
    safe = jnp.where(count == 0, 1.0, value)
    return jnp.where(count == 0, 0.0, count * jnp.log(safe))


class Binomial(CountModel):
    """The number of successes in `trials` trials.

        left(k) = floor(F(k - 1) * (2**precision - trials - 1)) + k

    F is computed in float64 with the incomplete beta function (algorithm AS 63). At 24 bits these are the
    integers of constriction's `Binomial`.

    Args:
        trials: int, or int32 array of the shape of the symbols.
        prob: float32 or float64, of the shape of the symbols; outside of [0, 1] it sets `BAD_MODEL`.
        precision: bits of the frequencies, with room for trials + 1 symbols.

    >>> Binomial(2, 0.5, precision=8).interval(jnp.arange(3))
    (Array([  0,  64, 191], dtype=uint32), Array([ 64, 127,  65], dtype=uint32))
    """

    family = "binomial"
    leaves = ("traced_high", "prob")

    def __init__(self, trials: Any, prob: Any, precision: int = _base.DEFAULT_PRECISION):
        (self.prob,) = self.set_high("trials", trials, 2**31 - 2, precision, _base.check_floats("prob", prob))

    def log_mass(self, symbols: jax.Array) -> jax.Array:
        k = symbols.astype(self.prob.dtype)
        return _log_choose(self.high, k) + _scaled_log(k, self.prob) + _scaled_log(self.high - k, 1 - self.prob)


class BetaBinomial(CountModel):
    """The number of successes in `trials` trials whose probability is Beta distributed,
    a flexible likelihood of 8-bit pixels.

    Each mass follows from the previous one by the ratio
    `(trials - k) (k + alpha) / ((k + 1) (trials - k - 1 + beta))`. The masses are summed in float64 and
    quantised by constriction's `fast` rule. Coding a symbol takes time in proportion to trials.

    Args:
        trials: int, or int32 array of the shape of the symbols; at most 65 535.
        alpha, beta: float32 or float64, of the shape of the symbols; outside of 1e-30 ... 1e30 they set
            `BAD_MODEL`.
        precision: bits of the frequencies, with room for trials + 1 symbols.

    >>> BetaBinomial(2, 1.0, 1.0, precision=8).interval(jnp.arange(3))
    (Array([  0,  85, 170], dtype=uint32), Array([85, 85, 86], dtype=uint32))
    """

    family = "beta_binomial"
    leaves = ("traced_high", "alpha", "beta")

    def __init__(self, trials: Any, alpha: Any, beta: Any, precision: int = _base.DEFAULT_PRECISION):
        parameters = _base.check_floats("alpha", alpha), _base.check_floats("beta", beta)
        self.alpha, self.beta = self.set_high("trials", trials, MAX_SUMMED, precision, *parameters)

    def log_mass(self, symbols: jax.Array) -> jax.Array:
        k = symbols.astype(self.alpha.dtype)
        above = betaln(k + self.alpha, self.high - k + self.beta)
        return _log_choose(self.high, k) + above - betaln(self.alpha, self.beta)


class Poisson(CountModel):
    """A Poisson distribution, given that it is at most `high`.

    Each mass follows from the previous one by the ratio `rate / (k + 1)`. The masses are summed in float64
    and quantised by constriction's `fast` rule. Coding a symbol takes time in proportion to high.

    Args:
        rate: float32 or float64, of the shape of the symbols; outside of 1e-30 ... 1e30 it sets `BAD_MODEL`.
        high: the highest symbol, int or int32 array of the shape of the symbols; at most 65 535.
        precision: bits of the frequencies, with room for high + 1 symbols.

    >>> Poisson(1.0, high=2, precision=8).interval(jnp.arange(3))
    (Array([  0, 102, 204], dtype=uint32), Array([102, 102,  52], dtype=uint32))
    """

    family = "poisson"
    leaves = ("traced_high", "rate")

    def __init__(self, rate: Any, high: Any, precision: int = _base.DEFAULT_PRECISION):
        (self.rate,) = self.set_high("high", high, MAX_SUMMED, precision, _base.check_floats("rate", rate))

    def log_mass(self, symbols: jax.Array) -> jax.Array:
        k = symbols.astype(self.rate.dtype)
        return k * jnp.log(self.rate) - self.rate - gammaln(k + 1) - self._log_inside()

    def _log_inside(self) -> jax.Array:
        """The log probability of at most `high`.

        If it underflows, use the last masses, which fall by high / rate.
        """
        high = self.high + jnp.zeros_like(self.rate)
        inside = gammaincc(high + 1, self.rate)
        tiny = inside < 1e-30
        rate = jnp.where(tiny, self.rate, high + 1)
        last = high * jnp.log(rate) - rate - gammaln(high + 1) - jnp.log1p(-high / rate)
        return jnp.where(tiny, last, jnp.log(jnp.where(tiny, 1.0, inside)))


class Geometric(CountModel):
    """The number of failures before the first success; `high` also has the mass of the tail beyond it.

        left(k) = floor((1 - (1 - prob)**k) * (2**precision - high - 1)) + k    in float64

    Args:
        prob: probability of success, float32 or float64, of the shape of the symbols; outside of 2**-40 ... 1
            it sets `BAD_MODEL`.
        high: the highest symbol, int or int32 array of the shape of the symbols.
        precision: bits of the frequencies, with room for high + 1 symbols.

    >>> Geometric(0.5, high=3, precision=8).interval(jnp.arange(4))
    (Array([  0, 127, 191, 223], dtype=uint32), Array([127,  64,  32,  33], dtype=uint32))
    """

    family = "geometric"
    leaves = ("traced_high", "prob")

    def __init__(self, prob: Any, high: Any, precision: int = _base.DEFAULT_PRECISION):
        (self.prob,) = self.set_high("high", high, 2**31 - 2, precision, _base.check_floats("prob", prob))

    def log_mass(self, symbols: jax.Array) -> jax.Array:
        k = symbols.astype(self.prob.dtype)
        failures = jnp.where(k == 0, 0.0, k * jnp.log1p(-jnp.where(k == 0, 0.0, self.prob)))
        return failures + jnp.where(symbols >= self.high, 0.0, jnp.log(self.prob))
