"""A stack of words on the host."""

from typing import Any

import numpy as np


class Words:
    """uint32 words that grow at their end. Lowering `size` takes words off; until others are put there, raising it
    again brings them back, so that a coder undoes what failed by setting sizes."""

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
        """The last `count` words, or as many as there are, at the start of an array of `count`; and their number."""
        held = min(count, self.size)
        window = np.zeros(count, np.uint32)
        window[:held] = self.array[self.size - held : self.size]
        return window, held

    def content(self) -> np.ndarray:
        """A copy of all words."""
        return self.array[: self.size].copy()


def significant(number: int) -> list[int]:
    """The words of a number, the least significant first, without zeros at the end."""
    words = []
    while number:
        words.append(number & 0xFFFFFFFF)
        number >>= 32
    return words
