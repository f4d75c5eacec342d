"""What all coders share: they interpret the arguments of calls, and a call that fails changes nothing."""

import abc
from typing import Any

import numpy as np

from jans.compat.constriction.stream import _arrays, _bound
from jans.compat.constriction.stream._pieces import pieces
from jans.compat.constriction.stream._searched import Searched
from jans.compat.constriction.stream.model import Model
from jans.models import _base
from jans.status import BAD_MODEL, BAD_SYMBOL

BAD_PARAMETER = (
    "Invalid model parameter: probabilities must not be negative, nor all be zero; locations must be finite; scales "
    "must be positive, and neither subnormal nor infinite; nothing may be NaN."
)


def run(program: Any, *args: Any, **kwargs: Any) -> tuple[np.ndarray, ...]:
    """The results of a compiled program, as NumPy arrays. 64-bit types are on,
    so parameters may be float64."""
    with _bound.on_host():
        return tuple(np.asarray(result) for result in program(*args, **kwargs))


def check(status: int) -> None:
    """Raises the error for the bits of a status that concern symbols and models."""
    if status & BAD_MODEL:
        raise ValueError(BAD_PARAMETER)
    if status & BAD_SYMBOL:
        raise KeyError(_arrays.ZERO_PROBABILITY)


class Coder(abc.ABC):
    """A coder on the host.

    `_state` returns its state and `_undo` restores it. Its `Words` may grow or shrink in a call, but not do
    both.
    """

    @abc.abstractmethod
    def _state(self) -> Any: ...

    @abc.abstractmethod
    def clone(self) -> Any: ...

    def __copy__(self) -> Any:
        return self.clone()

    @abc.abstractmethod
    def _undo(self, state: Any) -> None: ...

    def _push(self, model: _base.Model, symbols: np.ndarray) -> None:
        raise NotImplementedError

    def _pop(self, model: _base.Model, n: int) -> np.ndarray:
        raise NotImplementedError

    def _quantile(self) -> int:
        """The quantile of the next symbol."""
        before = self._state()
        quantile = int(self._pop(_bound.every_quantile(), 1)[0])
        self._undo(before)
        return quantile

    def _encode(self, symbols: Any, model: Model, parameters: tuple[Any, ...], backwards: bool) -> None:
        _check_model(model)
        scalar = _arrays.index(symbols)
        if scalar is not None and _arrays.INT32.min <= scalar <= _arrays.INT32.max:
            if parameters:
                raise ValueError(
                    "To encode a single symbol, use a concrete model, i.e., pass the model parameters directly to the "
                    "constructor of the model and not to the `encode` method of the entropy coder."
                )
            flat = np.array([scalar], np.int32)
        else:
            flat = _arrays.symbols(symbols)
        bound = _bind(model, parameters, flat.size)
        order = pieces(flat.size, bound.longest)
        before = self._state()
        try:
            for begin, end in reversed(order) if backwards else order:
                self._push(*bound.to_push(flat, begin, end))
        except BaseException:
            self._undo(before)
            raise

    def _decode(self, model: Model, parameters: tuple[Any, ...]) -> Any:
        _check_model(model)
        n = _arrays.index(parameters[0]) if len(parameters) == 1 else None
        if not parameters or (n is not None and n >= 0):
            bound = _bind(model, (), 1 if n is None else n)
        else:
            bound = _bind(model, parameters, None)
        count = bound.count if bound.count is not None else 1 if n is None else n
        symbols = np.empty(count, np.int32)
        before = self._state()
        try:
            if isinstance(bound, _bound.Known):
                for begin, end in pieces(count, bound.longest):
                    symbols[begin:end] = self._pop(bound.part(begin, end), end - begin)
                symbols += np.int32(bound.low)
            elif isinstance(bound, Searched):
                for k in range(count):
                    symbols[k] = self._search(bound, k)
        except BaseException:
            self._undo(before)
            raise
        return symbols if parameters else int(symbols[0])

    def _search(self, bound: Searched, k: int) -> int:
        symbol, model = bound.find(self._quantile(), k)
        self._pop(model, 1)
        return symbol


def _check_model(model: Any) -> None:
    if not isinstance(model, Model):
        raise TypeError(f"model must be one of jans.compat.constriction.stream.model, got {type(model).__name__}.")


def _bind(model: Model, parameters: tuple[Any, ...], n: int | None) -> _bound.Bound:
    """The model of n symbols; if n is None, the parameters determine their number."""
    return model._bind(parameters, n) if parameters else model._concrete(1 if n is None else n)
