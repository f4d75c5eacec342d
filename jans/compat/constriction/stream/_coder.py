"""What all coders share: they interpret the arguments of calls, and a call that fails changes nothing."""

import abc
import struct
from typing import Any, ClassVar, NoReturn

import numpy as np

from jans.compat.constriction import _arrays
from jans.compat.constriction.stream import _bound
from jans.compat.constriction.stream._searched import Searched
from jans.compat.constriction.stream.model import Model
from jans.ffi import host
from jans.status import BAD_MODEL, BAD_SYMBOL, OVERFLOW, SENTENCES

BAD_PARAMETER = (
    "Invalid model parameter: probabilities must not be negative, nor all be zero; locations must be finite; scales "
    "must be positive, and neither subnormal nor infinite; nothing may be NaN."
)
_LEAST_ROOM = 16


class Kernels(dict[str, Any]):
    """The kernels of a coder that encode, or those that decode, by the kind of model.

    They leave the coder as it was if they set a bit of the status that is not `allowed`.
    """

    def __init__(self, prefix: str, allowed: int = 0, **attributes: int):
        super().__init__()
        self._prefix, self._undo, self._attributes = prefix, sum(SENTENCES) & ~allowed, attributes

    def __missing__(self, kind: str) -> Any:
        kernel = host.kernel(f"{self._prefix}_{kind}", undo=self._undo, precision=_bound.PRECISION, **self._attributes)
        self[kind] = kernel
        return kernel


class Coder(abc.ABC):
    """A coder in memory that its kernels update.

    A subclass names the numbers of its state in order, with their format and their layout, and its kernels. The
    numbers include the status, which comes last, and the size of each array of words.
    """

    _format: ClassVar[struct.Struct]
    _layout: ClassVar[Any]
    _encoders: ClassVar[Kernels]
    _decoders: ClassVar[Kernels]
    __slots__ = ("_arrays", "_numbers", "_words")
    _numbers: bytearray
    _words: list[np.ndarray]

    def _set(self, numbers: bytes, *words: np.ndarray) -> None:
        """Sets the numbers, and the arrays of words. The coder keeps the arrays."""
        self._numbers, self._words = bytearray(numbers), [*words]
        self._arrays = self._layout(self._numbers, *words)

    def __getstate__(self) -> tuple[bytes, list[np.ndarray]]:
        return bytes(self._numbers), [words[:n].copy() for words, n in zip(self._words, self._used(), strict=True)]

    def __setstate__(self, state: tuple[bytes, list[np.ndarray]]) -> None:
        numbers, words = state
        self._set(numbers, *words)

    def clone(self) -> Any:
        """An independent copy."""
        other = object.__new__(type(self))
        other.__setstate__(self.__getstate__())
        return other

    def __copy__(self) -> Any:
        return self.clone()

    @abc.abstractmethod
    def _used(self) -> tuple[int, ...]:
        """The number of words in use of each array."""

    def _reserve(self, n: int) -> None:
        """Makes room for the words of n more symbols, which take one word each at most."""
        for place, used in enumerate(self._used()):
            words = self._words[place]
            if words.size < used + n:
                grown = np.empty(max(_LEAST_ROOM, 2 * (used + n)), np.uint32)
                grown[: words.size] = words
                self._words[place] = grown
        self._arrays = self._layout(self._numbers, *self._words)

    def _fail(self, status: int) -> NoReturn:
        """Raises the error for a status that is not clean."""
        if status & BAD_MODEL:
            raise ValueError(BAD_PARAMETER)
        if status & BAD_SYMBOL:
            raise KeyError(_arrays.ZERO_PROBABILITY)
        raise AssertionError(f"The coder cannot go on: its status is {status}.")

    def _push(self, known: _bound.Known, symbols: Any) -> None:
        """Encodes symbols, an int or int32 [n], which count from the model's lowest."""
        kernel = self._encoders[known.kind]
        status = kernel(self._arrays, symbols, known.operands)
        if status & OVERFLOW:
            self._reserve(1 if isinstance(symbols, int) else symbols.size)
            status = kernel(self._arrays, symbols, known.operands)
        if status:
            self._fail(status)

    def _pop(self, known: _bound.Known) -> int:
        """Decodes a symbol."""
        symbol = self._decoders[known.kind].one(self._arrays, known.operands)
        return int(self._pop_all(known, 1)[0]) if symbol is None else symbol + known.low

    def _pop_all(self, known: _bound.Known, n: int) -> np.ndarray:
        """Decodes n symbols."""
        symbols = np.empty(n, np.int32)
        if n:
            kernel = self._decoders[known.kind]
            status = kernel(self._arrays, known.operands, symbols)
            if status & OVERFLOW:  # as remainders may
                self._reserve(n)
                status = kernel(self._arrays, known.operands, symbols)
            if status:
                self._fail(status)
        if known.low:
            symbols += np.int32(known.low)
        return symbols

    def _quantile(self) -> int:
        """The quantile of the next symbol."""
        before = bytes(self._numbers)
        quantile = self._pop(_bound.EVERY_QUANTILE)
        self._numbers[:] = before
        return quantile

    def encode(self, symbols: Any, model: Model, *optional_model_params: Any) -> None:
        """Encodes one or more symbols.

        Args:
            symbols: an int, or integers [n]. A queue takes the first one first, a stack the last one first.
            model: a model with all its parameters, or a family of models.
            optional_model_params: for a family, each missing parameter of n symbols.

        Raises:
            KeyError: for a symbol outside of the model.
            ValueError: for parameters of wrong number, length or value.
            AssertionError: if the remainders of a chain coder are used up.
        """
        if type(symbols) is int and not optional_model_params:
            try:  # what is tried again below gets the right error there
                known: Any = model._known
                if self._encoders[known.kind].run(self._arrays, symbols - known.low, known.operands):
                    self._push(known, symbols - known.low)
                return
            except (AttributeError, OverflowError):
                pass
        _check_model(model)
        scalar = None if isinstance(symbols, np.ndarray) and symbols.ndim else _arrays.index(symbols)
        if scalar is not None and _arrays.INT32.min <= scalar <= _arrays.INT32.max:
            if optional_model_params:
                raise ValueError(
                    "To encode a single symbol, use a concrete model, i.e., pass the model parameters directly to the "
                    "constructor of the model and not to the `encode` method of the entropy coder."
                )
            flat = np.array([scalar], np.int32)
        else:
            flat = _arrays.symbols(symbols)
        bound = _bind(model, optional_model_params, flat.size)
        if not flat.size:
            return
        if isinstance(bound, Searched):
            bound, flat = bound.to_push(flat)
        elif bound.low:
            flat = flat - np.int32(bound.low)
        if flat.size > 1:
            self._reserve(flat.size)
        self._push(bound, flat)

    def decode(self, model: Model, *optional_amt_or_model_params: Any) -> Any:
        """Decodes one or more symbols. A queue starts with the one encoded first, a stack with the one encoded last.

        Args:
            model: the model that they were encoded with.
            optional_amt_or_model_params: nothing for a single symbol, the number n of symbols, or parameters
                of n symbols.

        Returns:
            An int, or int32 [n].

        Raises:
            AssertionError: if no encoder with these models can have written the words of a queue, or if the words
                have ended; a stack only notices the end if it is a chain coder.
        """
        if not optional_amt_or_model_params:
            try:
                known: Any = model._known
                symbol = self._decoders[known.kind].one(self._arrays, known.operands)
                return self._pop(known) if symbol is None else symbol + known.low
            except AttributeError:
                pass
        parameters = optional_amt_or_model_params
        _check_model(model)
        n = _arrays.index(parameters[0]) if len(parameters) == 1 else None
        if not parameters or (n is not None and n >= 0):
            bound = _bind(model, (), 1 if n is None else n)
        else:
            bound = _bind(model, parameters, None)
        count = bound.count if bound.count is not None else 1 if n is None else n
        symbols = self._search_all(bound, count) if isinstance(bound, Searched) else self._pop_all(bound, count)
        return symbols if parameters else int(symbols[0])

    def _search_all(self, bound: Searched, n: int) -> np.ndarray:
        before = bytes(self._numbers)
        symbols = np.empty(n, np.int32)
        try:
            for k in range(n):
                symbols[k], bracket = bound.find(self._quantile(), k)
                self._pop(bracket)
        except BaseException:
            self._numbers[:] = before
            raise
        return symbols


def _check_model(model: Any) -> None:
    if not isinstance(model, Model):
        raise TypeError(f"model must be one of jans.compat.constriction.stream.model, got {type(model).__name__}.")


def _bind(model: Model, parameters: tuple[Any, ...], n: int | None) -> _bound.Known | Searched:
    """The model of n symbols; if n is None, the parameters determine their number."""
    return model._bind(parameters, n) if parameters else model._concrete(1 if n is None else n)
