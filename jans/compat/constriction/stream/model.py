"""Entropy models, with all parameters or as families whose parameters come with the symbols.

>>> import numpy as np
>>> from jans.compat.constriction import stream
>>> family = stream.model.QuantizedGaussian(-100, 100)
>>> means = np.array([13.2, 17.9, 7.3, -4.2, 25.1, 3.2], dtype=np.float32)
>>> stds = np.array([3.2, 4.7, 5.2, 3.1, 6.3, 2.9], dtype=np.float32)
>>> coder = stream.stack.AnsCoder()
>>> coder.encode_reverse(np.array([12, 15, 4, -2, 18, 5], dtype=np.int32), family, means, stds)
>>> coder.get_compressed()
array([2051912079,       1549], dtype=uint32)
"""

from typing import Any

import numpy as np

from jans._checks import type_name
from jans.compat.constriction import _arrays
from jans.compat.constriction.stream import _bound, _parametric
from jans.compat.constriction.stream._parametric import Model as Model
from jans.compat.constriction.stream._searched import Function, Leaky, Searched

__all__ = [
    "Bernoulli",
    "Binomial",
    "Categorical",
    "CustomModel",
    "Model",
    "QuantizedCauchy",
    "QuantizedGaussian",
    "QuantizedLaplace",
    "ScipyModel",
    "Uniform",
]

_MAX_TABLE = 2**20


class Categorical(_parametric.Parametric):
    """Symbols 0 ... n - 1 with given probabilities.

    Args:
        probabilities: floats [n], not necessarily normalised. Without them this is a family that takes floats
            [symbols, n].
        lazy: `lazy=True` means the same as `perfect=False`.
        perfect: whether to use the integers that cost the fewest bits; True unless you pass lazy or perfect.

    Raises:
        ValueError: for probabilities that cannot be normalised.
    """

    def __init__(self, probabilities: Any = None, lazy: bool | None = None, perfect: bool | None = None):
        flags = [_arrays.flag(*flag) for flag in (("lazy", lazy), ("perfect", perfect)) if flag[1] is not None]
        if len(flags) == 2 and all(flags):
            raise ValueError(
                "Both arguments `lazy` and `perfect` cannot be set to `True` at the same time. Lazy categorical "
                "entropy models cannot perfectly quantize probabilities."
            )
        self._perfect = perfect is True or not flags
        self._set(probabilities=None if probabilities is None else _arrays.probabilities(probabilities, 1).copy())
        if probabilities is not None:
            self._concrete(1)

    def _convert(self, name: str, value: Any) -> np.ndarray:
        return _arrays.probabilities(value, 2)

    def _check(self, name: str, value: np.ndarray) -> None:
        if not 2 <= value.shape[-1] <= _bound.ONE:
            raise ValueError(_bound.NOT_NORMALIZABLE)

    def _make(self, arrays: dict[str, np.ndarray]) -> _bound.Known:
        (values,) = (self._fixed | arrays).values()
        return _bound.probabilities(values, self._perfect)


class Bernoulli(_parametric.Parametric):
    """Symbols 0 and 1.

    Args:
        p: the probability of 1. Without it this is a family that takes floats [symbols].
        perfect: as for `Categorical`; True by default.
    """

    def __init__(self, p: Any = None, perfect: bool | None = None):
        self._perfect = perfect is None or _arrays.flag("perfect", perfect)
        self._set(p=None if p is None else _arrays.real("p", p))

    def _check(self, name: str, value: np.ndarray) -> None:
        if not ((value >= 0) & (value <= 1)).all():
            raise ValueError("`p` must be >= 0.0 and <= 1.0.")

    def _make(self, arrays: dict[str, np.ndarray]) -> _bound.Known:
        p = np.asarray((self._fixed | arrays)["p"])
        return _bound.probabilities(np.stack([1 - p, p], axis=-1), self._perfect)


class Uniform(_parametric.Integers):
    """Symbols 0 ... size - 1, all equally likely.

    Args:
        size: from 2 to 2**24. Without it this is a family that takes integers [symbols].
    """

    _kind, _whole = "uniform", frozenset({"size"})

    def __init__(self, size: Any = None):
        self._set(size=size)

    def _check(self, name: str, value: np.ndarray) -> None:
        if not ((value >= 2) & (value <= _bound.ONE)).all():
            raise ValueError("`size` must be from 2 to 2**24.")


class Binomial(_parametric.Integers):
    """The number of successes in n trials.

    Args:
        n: number of trials, from 1 to 2**24 - 1. Without it this is a family that takes integers [symbols].
        p: the probability of success. Without it this is a family that takes floats [symbols].
    """

    _kind, _whole = "binomial", frozenset({"n"})

    def __init__(self, n: Any = None, p: Any = None):
        self._set(n=n, p=p)

    def _check(self, name: str, value: np.ndarray) -> None:
        if name == "n" and not ((value >= 1) & (value < _bound.ONE)).all():
            raise ValueError("`n` must be from 1 to 2**24 - 1.")
        if name == "p" and not ((value >= 0) & (value <= 1)).all():
            raise ValueError("`p` must be >= 0.0 and <= 1.0.")


class QuantizedGaussian(_parametric.Quantized):
    """A Gaussian on integers.

    Args:
        min_symbol_inclusive, max_symbol_inclusive: the support.
        mean, std: parameters of the Gaussian before it is quantised. Without them this is a family that takes
            the missing ones as floats [symbols].
    """

    _kind = "gaussian"

    def __init__(self, min_symbol_inclusive: int, max_symbol_inclusive: int, mean: Any = None, std: Any = None):
        self._support(min_symbol_inclusive, max_symbol_inclusive)
        self._set(mean=mean, std=std)


class QuantizedLaplace(_parametric.Quantized):
    """A Laplace distribution on integers.

    Args:
        min_symbol_inclusive, max_symbol_inclusive: the support.
        mean, scale: parameters of the distribution before it is quantised. Without them this is a family that
            takes the missing ones as floats [symbols].
    """

    _kind = "laplace"

    def __init__(self, min_symbol_inclusive: int, max_symbol_inclusive: int, mean: Any = None, scale: Any = None):
        self._support(min_symbol_inclusive, max_symbol_inclusive)
        self._set(mean=mean, scale=scale)


class QuantizedCauchy(_parametric.Quantized):
    """A Cauchy distribution on integers.

    Args:
        min_symbol_inclusive, max_symbol_inclusive: the support.
        loc, scale: parameters of the distribution before it is quantised. Without them this is a family that
            takes the missing ones as floats [symbols].
    """

    _kind = "cauchy"

    def __init__(self, min_symbol_inclusive: int, max_symbol_inclusive: int, loc: Any = None, scale: Any = None):
        self._support(min_symbol_inclusive, max_symbol_inclusive)
        self._set(loc=loc, scale=scale)


class CustomModel(Model):
    """A distribution given by Python functions, or a family of distributions.

    Args:
        cdf: `cdf(x, *parameters)`, which must not decrease; all arguments are Python floats.
        approximate_inverse_cdf: `ppf(q, *parameters)`, roughly its inverse. It saves time and does not change
            the bits.
        min_symbol_inclusive, max_symbol_inclusive: the support.

    Raises:
        ValueError: if the cdf decreases, or returns a value outside of [0, 1]. Errors of the functions reach
            the caller.
    """

    def __init__(self, cdf: Any, approximate_inverse_cdf: Any, min_symbol_inclusive: int, max_symbol_inclusive: int):
        self._low, self._high = _parametric.check_support(min_symbol_inclusive, max_symbol_inclusive)
        self._cdf: Function = cdf
        self._inverse: Function = approximate_inverse_cdf
        self._leaky = self._of(())
        self._tabled, self._coded = True, 0

    def _of(self, parameters: tuple[float, ...]) -> Leaky:
        return Leaky(self._cdf, self._low, self._high, parameters)

    def _concrete(self, n: int) -> _bound.Known | Searched:
        # A table costs no more than searching, once searches have asked for about as many values as a table
        # needs.
        size = self._high - self._low + 1
        self._coded += n
        if self._known is None and self._tabled and size <= min(4 * self._coded, _MAX_TABLE):
            self._known = self._tabulated()
            self._tabled = self._known is not None
        return self._known or Searched(self._leaky, self._inverse)

    def _tabulated(self) -> _bound.Known | None:
        """A table of all symbols, or None if a function fails or falls at a symbol
        that may never be coded."""
        symbols = list(range(self._low, self._high + 2))
        try:
            for symbol in symbols:
                self._leaky.value(symbol)
            self._leaky.check(symbols)
        except Exception:
            return None
        return _bound.table(np.array([self._leaky.left(symbol) for symbol in symbols], np.uint32), self._low)

    def _bind(self, parameters: tuple[Any, ...], n: int | None) -> Searched:
        columns = [_arrays.parameters("a model parameter", value) for value in parameters]
        _parametric.check_lengths([len(column) for column in columns], n)
        return Searched([self._of(row) for row in zip(*(c.tolist() for c in columns), strict=True)], self._inverse)


class ScipyModel(CustomModel):
    """A distribution of `scipy.stats`, frozen or as a family: a `CustomModel` of its `cdf` and `ppf`.

    Args:
        scipy_model: for example `scipy.stats.norm(1, 2)` or `scipy.stats.norm`.
        min_symbol_inclusive, max_symbol_inclusive: the support.
    """

    def __init__(self, scipy_model: Any, min_symbol_inclusive: int, max_symbol_inclusive: int):
        if not hasattr(scipy_model, "cdf") or not hasattr(scipy_model, "ppf"):
            raise AttributeError(f"scipy_model must be a distribution of scipy.stats, got {type_name(scipy_model)}.")
        super().__init__(scipy_model.cdf, scipy_model.ppf, min_symbol_inclusive, max_symbol_inclusive)
