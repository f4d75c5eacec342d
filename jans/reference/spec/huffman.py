"""Symbol codes in plain Python: the specification that all other implementations are compared with.

A code word is a string of "0" and "1". Bits are `(partial_word, words)`: a list of 32-bit words, first bit
lowest, and the bits that do not fill a word yet, below a leading one. A queue is read from the front of its
words. A stack is written and read at the end, so its code words are written last bit first.
"""

import heapq
from collections import deque
from collections.abc import Iterator, MutableSequence, Sequence
from typing import Any

Children = list[tuple[int, int]]


class OutOfDataError(Exception):
    """There are no bits left."""


class InvalidCodewordError(Exception):
    """The next bits are no code word."""


def children(probs: Sequence[Any]) -> Children:
    """The children of the inner nodes n, n + 1, ... of the Huffman tree of n weights,
    which may be of any type."""
    heap = [(p, i) for i, p in enumerate(probs)]
    heapq.heapify(heap)
    found: Children = []
    while len(heap) > 1:
        (p, a), (q, b) = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (p + q, len(probs) + len(found)))
        found.append((a, b))
    return found


def codewords(nodes: Children) -> list[str]:
    """The path to every leaf."""
    n = len(nodes) + 1
    paths = {2 * n - 2: ""}
    for k in reversed(range(n - 1)):
        for bit, child in enumerate(nodes[k]):
            paths[child] = paths[n + k] + str(bit)
    return [paths[i] for i in range(n)]


def golomb(symbol: int, order: int) -> str:
    """The code word of a symbol, 0 or larger, in the Exp-Golomb code of an order."""
    digits = f"{symbol + 2**order:b}"
    return "0" * (len(digits) - 1 - order) + digits


def append(partial_word: int, words: MutableSequence[int], bits: str) -> int:
    """Puts bits at the end of the words, in place, and returns the new partial word."""
    partial_word += (int("1" + bits[::-1], 2) - 1) << partial_word.bit_length() - 1
    while partial_word >> 32:
        words.append(partial_word % 2**32)
        partial_word >>= 32
    return partial_word


def take_last(partial_word: int, words: MutableSequence[int]) -> tuple[int, int]:
    """Takes a bit from the end of the words, in place; returns the new partial word, and the bit."""
    if partial_word == 1:
        if not words:
            raise OutOfDataError
        partial_word = 1 << 32 | words.pop()
    below = 1 << partial_word.bit_length() - 2
    return below | partial_word % below, partial_word // below % 2


def take_first(partial_word: int, words: deque[int]) -> tuple[int, int]:
    """As `take_last`, from the front."""
    if partial_word == 1:
        if not words:
            raise OutOfDataError
        partial_word = 1 << 32 | words.popleft()
    return partial_word >> 1, partial_word % 2


def find(nodes: Children, bits: Iterator[int]) -> int:
    """The symbol whose code word comes next."""
    node = 2 * len(nodes)
    while node > len(nodes):
        node = nodes[node - len(nodes) - 1][next(bits)]
    return node


def find_golomb(order: int, bits: Iterator[int]) -> int:
    """The symbol below 2**31 whose Exp-Golomb code word comes next."""
    zeros = 0
    while next(bits) == 0:
        zeros += 1
        if zeros > 31 - order:
            raise InvalidCodewordError
    value = 1
    for _ in range(zeros + order):
        value = 2 * value + next(bits)
    if value - 2**order >> 31:
        raise InvalidCodewordError
    return value - 2**order
