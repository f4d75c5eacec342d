"""The chain coder in plain Python integers:
the specification that all other implementations are compared with.

A coder is `((partial_word, compressed), (heads, remainders))`. The partial word has the unread bits below a
leading one, and the compressed words come after it. Each lane has a head, and the remainders are the words
below the heads. The last word of each stack is on top.
"""

from jans._variants import ChainVariant as Variant

Words = tuple[int, ...]
Compressed = tuple[int, Words]
Remainders = tuple[Words, Words]


class OutOfDataError(Exception):
    """A stack has no words left."""


def _pop(words: list[int]) -> int:
    if not words:
        raise OutOfDataError
    return words.pop()


def fill(variant: Variant, head: int, words: list[int], max_precision: int) -> int:
    """Fills a head with words until it is in its range."""
    while head < 1 << variant.lower_bits(max_precision):
        head = head << variant.word_bits | _pop(words)
    return head


def take(variant: Variant, compressed: Compressed, precision: int) -> tuple[Compressed, int]:
    """Takes a quantile off the compressed words; returns them without it, and the quantile."""
    partial_word, words = compressed[0], list(compressed[1])
    if partial_word < 1 << precision:
        word = _pop(words)
        partial_word = partial_word << (variant.word_bits - precision) | word >> precision
    else:
        word = partial_word
        partial_word >>= precision
    return (partial_word, tuple(words)), word % 2**precision


def give(variant: Variant, compressed: Compressed, quantile: int, precision: int) -> Compressed:
    """The inverse of `take`."""
    partial_word, words = compressed[0], list(compressed[1])
    spare = variant.word_bits - precision
    if partial_word < 1 << spare:
        partial_word = partial_word << precision | quantile
    else:
        words.append(partial_word << precision & (1 << variant.word_bits) - 1 | quantile)
        partial_word >>= spare
    return partial_word, tuple(words)


def keep(
    variant: Variant, remainders: Remainders, lane: int, position: int, freq: int, max_precision: int
) -> Remainders:
    """Puts the position of a quantile within its symbol's interval, 0 ... freq - 1, on a head."""
    heads, words = list(remainders[0]), list(remainders[1])
    x = heads[lane] * freq + position
    if x >> (variant.lower_bits(max_precision) + variant.word_bits):
        words.append(x % 2**variant.word_bits)
        x >>= variant.word_bits
    heads[lane] = x
    return tuple(heads), tuple(words)


def recall(
    variant: Variant, remainders: Remainders, lane: int, freq: int, max_precision: int
) -> tuple[Remainders, int]:
    """The inverse of `keep`."""
    heads, words = list(remainders[0]), list(remainders[1])
    x = heads[lane]
    if x < freq << variant.lower_bits(max_precision):
        x = x << variant.word_bits | _pop(words)
    heads[lane] = x // freq
    return (tuple(heads), tuple(words)), x % freq
