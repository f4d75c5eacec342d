"""What models share: their parameters are set at the start, or come with the symbols."""

import abc
import math
from typing import Any

import numpy as np

from jans.compat.constriction import _arrays
from jans.compat.constriction.stream import _bound
from jans.compat.constriction.stream._searched import Searched


class Model(abc.ABC):
    """The abstract base of all models."""

    _known: _bound.Known | None = None
    """The model for kernels, once it has been made."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_known"}

    @abc.abstractmethod
    def _concrete(self, n: int) -> _bound.Known | Searched:
        """The model of n symbols that share all parameters."""

    @abc.abstractmethod
    def _bind(self, parameters: tuple[Any, ...], n: int | None) -> _bound.Known | Searched:
        """The models of n symbols, or of as many symbols as there are parameters if n is None."""


class Parametric(Model):
    """A model with named parameters, some of which may be left open."""

    def _set(self, **parameters: Any) -> None:
        """Sets the parameters in the order of arguments; None leaves a parameter open."""
        self._open = [name for name, value in parameters.items() if value is None]
        self._fixed = {name: value for name, value in parameters.items() if value is not None}
        for name, value in self._fixed.items():
            self._check(name, np.asarray(value))

    def _concrete(self, n: int) -> _bound.Known:
        if self._open:
            raise ValueError("No model parameters specified.")
        if self._known is None:
            self._known = self._make({})
        return self._known

    def _bind(self, parameters: tuple[Any, ...], n: int | None) -> _bound.Known:
        if not self._open:
            raise ValueError("Model parameters were specified but the model is already fully parameterized.")
        if len(parameters) != len(self._open):
            raise ValueError(
                f"Wrong number of model parameters: expected {len(self._open)}, got {len(parameters)}. They are "
                f"{', '.join(self._open)}."
            )
        arrays = {name: self._convert(name, value) for name, value in zip(self._open, parameters, strict=True)}
        check_lengths([len(value) for value in arrays.values()], n)
        for name, value in arrays.items():
            self._check(name, value)
        return self._make(arrays)

    def _convert(self, name: str, value: Any) -> np.ndarray:
        return _arrays.parameters(name, value)

    def _check(self, name: str, value: np.ndarray) -> None:
        """Raises ValueError for values that kernels do not refuse, and for invalid shared values."""

    def _make(self, arrays: dict[str, np.ndarray]) -> _bound.Known:
        raise NotImplementedError


def check_lengths(lengths: list[int], n: int | None) -> None:
    """Raises ValueError unless all lengths are n, or unless they are equal if n is None."""
    if n is not None and lengths[0] != n:
        raise ValueError(f"`symbols` argument has wrong length. There are {n} symbols and {lengths[0]} parameters.")
    if any(length != lengths[0] for length in lengths):
        raise ValueError(f"Model parameters have unequal shape: they are for {', '.join(map(str, lengths))} symbols.")


class Integers(Parametric):
    """A model with a family of kernels, and an operand for each parameter."""

    _kind: str
    _whole: frozenset[str] = frozenset()

    def _set(self, **parameters: Any) -> None:
        self._places = list(parameters)
        fixed = {name: value for name, value in parameters.items() if value is not None}
        converters = {name: _arrays.whole if name in self._whole else _arrays.real for name in fixed}
        super()._set(**(parameters | {name: converters[name](name, value) for name, value in fixed.items()}))

    def _convert(self, name: str, value: Any) -> np.ndarray:
        return (_arrays.counts if name in self._whole else _arrays.parameters)(name, value)

    def _operands(self) -> tuple[np.ndarray, ...]:
        """The operands after those of the parameters."""
        return ()

    def _make(self, arrays: dict[str, np.ndarray]) -> _bound.Known:
        fixed = {
            name: np.array([value], np.int32 if name in self._whole else np.float64)
            for name, value in self._fixed.items()
        }
        count = len(next(iter(arrays.values()))) if arrays else None
        values = fixed | arrays
        return _bound.operands(self._kind, *(values[name] for name in self._places), *self._operands(), count=count)


def check_support(low: Any, high: Any) -> tuple[int, int]:
    """Returns the first and the last symbol; raises ValueError for fewer than two or too many symbols."""
    low, high = _arrays.whole("min_symbol_inclusive", low), _arrays.whole("max_symbol_inclusive", high)
    if not low < high:
        raise ValueError(f"the support must have two symbols or more, got {low} ... {high}.")
    if high - low >= _bound.ONE:
        raise ValueError(
            f"The support is too large to assign a nonzero probability to each element: {low} ... {high} are more than "
            "2**24 symbols."
        )
    return low, high


class Quantized(Integers):
    """A distribution of the real line, in bins of size 1 around the integers of a support.

    The end symbols have the tails.
    """

    def _support(self, low: Any, high: Any) -> None:
        self._low, self._high = check_support(low, high)

    def _operands(self) -> tuple[np.ndarray, ...]:
        return np.array([self._low], np.int32), np.array([self._high], np.int32)

    def _check(self, name: str, value: np.ndarray) -> None:
        if value.ndim:
            return
        location, scale = self._places
        if name == scale and not ((value >= np.finfo(np.float64).tiny) & (value < math.inf)).all():
            raise ValueError(f"Invalid model parameter: `{name}` must be positive, and neither subnormal nor infinite.")
        if name == location and not np.isfinite(value).all():
            raise ValueError(f"Invalid model parameter: `{name}` must be finite.")
