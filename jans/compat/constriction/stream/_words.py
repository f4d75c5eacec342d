"""A stack of words on the host."""

from typing import Any

import numpy as np


class Words:
    """uint32 words that grow at their end.

    Lowering `size` takes words off. Raising it again brings them back, until other words are pushed. A coder
    undoes a failed call by setting sizes.
    """

    __slots__ = ("array", "size")

    def __init__(self, words: Any = ()):
        self.array = np.array(words, np.uint32)
        self.size = self.array.size

    def __reduce__(self):
        return Words, (self.content(),)

    def push(self, words: np.ndarray) -> None:
        """Puts words on the end."""
        end = self.size + words.size
        if end > self.array.size:
            grown = np.empty(max(16, 2 * end), np.uint32)
            grown[: self.size] = self.array[: self.size]
            self.array = grown
        self.array[self.size : end] = words
        self.size = end

    def top(self, count: int) -> tuple[np.ndarray, int]:
        """The last `count` words, at the start of an array of length `count`,
        and their number if there are fewer."""
        available = min(count, self.size)
        window = np.zeros(count, np.uint32)
        window[:available] = self.array[self.size - available : self.size]
        return window, available

    def content(self) -> np.ndarray:
        """A copy of all words."""
        return self.array[: self.size].copy()


def significant(number: int) -> list[int]:
    """The words of a number, least significant first, without leading zeros."""
    words = []
    while number:
        words.append(number & 0xFFFFFFFF)
        number >>= 32
    return words
