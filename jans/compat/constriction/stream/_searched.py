"""Models of Python functions. They are called symbol by symbol, as in constriction.

    left(s) = trunc(F(s - 1/2) * (2**24 - n)) + s - low,  in float64

This holds for the n symbols low ... high, with left(low) = 0 and left(high + 1) = 2**24.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from jans.compat.constriction import _arrays
from jans.compat.constriction.stream import _bound

Function = Callable[..., Any]


class Leaky:
    """The quantised distribution of one symbol. It computes every value of F only once."""

    def __init__(self, cdf: Function, low: int, high: int, parameters: tuple[float, ...]):
        self.cdf, self.parameters = cdf, parameters
        self.low, self.high = low, high
        self.free = float(_bound.ONE - (high - low + 1))
        self.known = {low: 0.0, high + 1: 1.0}

    def value(self, symbol: int) -> float:
        """F at the start of a symbol's bin; 0 and 1 at the ends of the support, and 0 where F is not a number."""
        if symbol not in self.known:
            value = _arrays.real("what the cdf returns", self.cdf(symbol - 0.5, *self.parameters))
            self.known[symbol] = 0.0 if math.isnan(value) else value
        return self.known[symbol]

    def left(self, symbol: int) -> int:
        """The start of a symbol's interval."""
        value = self.value(symbol)
        share = self.free * value
        if not -1 < share < self.free + 1:
            raise ValueError(f"the cdf must be from 0 to 1, and is {value} at {symbol - 0.5}.")
        return int(share) + symbol - self.low

    def interval(self, symbol: int) -> tuple[int, int]:
        """The start and the end of a symbol's interval."""
        if not self.low <= symbol <= self.high:
            raise KeyError(_arrays.ZERO_PROBABILITY)
        self.check([symbol, symbol + 1])
        return self.left(symbol), self.left(symbol + 1)

    def check(self, symbols: list[int]) -> None:
        """Raises ValueError if the cdf falls between any of these symbols, which are in ascending order."""
        for a, b in itertools.pairwise(symbols):
            if self.left(a) >= self.left(b):
                raise ValueError(f"the cdf must not decrease, and does so between {a - 0.5} and {b - 0.5}.")

    def find(self, quantile: int, guess: float) -> int:
        """The symbol whose interval contains a quantile. The search starts at a guess."""
        low = round(min(max(guess, self.low), self.high)) if guess == guess else (self.low + self.high) // 2
        high, step, visited = low + 1, 1, {low, low + 1}
        while self.left(low) > quantile:
            low, high, step = max(self.low, low - step), low, 2 * step
            visited.add(low)
        while self.left(high) <= quantile:
            low, high, step = high, min(self.high + 1, high + step), 2 * step
            visited.add(high)
        while high - low > 1:
            middle = (low + high) // 2
            visited.add(middle)
            low, high = (middle, high) if self.left(middle) <= quantile else (low, middle)
        self.check(sorted(visited))
        return low


class Searched:
    """A model of symbols that have a distribution each, or that share one."""

    def __init__(self, leaky: list[Leaky] | Leaky, inverse: Function):
        self.leaky, self.inverse = leaky, inverse
        self.count = len(leaky) if isinstance(leaky, list) else None

    def _of(self, k: int) -> Leaky:
        return self.leaky[k] if isinstance(self.leaky, list) else self.leaky

    def to_push(self, symbols: np.ndarray) -> tuple[_bound.Known, np.ndarray]:
        """A model that has the intervals of these symbols, and the numbers of the symbols in it."""
        ends = [self._of(k).interval(symbol) for k, symbol in enumerate(symbols.tolist())]
        start, after = np.array(ends, np.uint32).reshape(-1, 2).T
        return _bound.brackets(start, after), np.ones(symbols.size, np.int32)

    def find(self, quantile: int, k: int) -> tuple[int, _bound.Known]:
        """The value of symbol k from its quantile, and a model that has only its interval."""
        leaky = self._of(k)
        guess = self.inverse((quantile + 0.5) / _bound.ONE, *leaky.parameters)
        guess = _arrays.real("what the approximate inverse cdf returns", guess)
        symbol = leaky.find(quantile, guess)
        start, end = leaky.interval(symbol)
        return symbol, _bound.brackets(np.array([start]), np.array([end]))
