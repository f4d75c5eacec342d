"""The stack coder in plain Python integers:
the specification that all other implementations are compared with.

A coder is `(heads, tail)`: a tuple of integers and a tuple of words, the last word on top.
"""

from jans._variants import RansVariant as Variant

Coder = tuple[tuple[int, ...], tuple[int, ...]]


def init(variant: Variant, lanes: int = 1) -> Coder:
    """The empty coder.

    A single rans64 head starts at zero, as in constriction; all others start at the lower bound.
    """
    floor = variant.name == "rans64" and lanes == 1
    return ((0 if floor else variant.lower,) * lanes, ())


def push_one(variant: Variant, coder: Coder, lane: int, start: int, freq: int, precision: int) -> Coder:
    """Puts the interval [start, start + freq) of [0, 2**precision) on one head."""
    heads, tail = list(coder[0]), list(coder[1])
    x = heads[lane]
    while x >> (variant.top_bits - precision) >= freq:
        tail.append(x % 2**variant.word_bits)
        x >>= variant.word_bits
    heads[lane] = (x // freq << precision) + x % freq + start
    return tuple(heads), tuple(tail)


def quantile(coder: Coder, lane: int, precision: int) -> int:
    """The quantile that a head holds, in [0, 2**precision). The interval of the symbol on top contains it."""
    return coder[0][lane] % 2**precision


def pop_one(variant: Variant, coder: Coder, lane: int, start: int, freq: int, precision: int) -> Coder:
    """Takes the interval that contains the quantile off one head."""
    heads, tail = list(coder[0]), list(coder[1])
    x = freq * (heads[lane] >> precision) + quantile(coder, lane, precision) - start
    floor = variant.name == "rans64" and len(heads) == 1
    for _ in range(0, precision, variant.word_bits):
        if x >= variant.lower or (floor and not tail):
            break
        x = x << variant.word_bits | (tail.pop() if tail else 0)
    heads[lane] = x
    return tuple(heads), tuple(tail)


def push(variant: Variant, coder: Coder, cdf: list[int], symbols: list[int], precision: int) -> Coder:
    """Puts an array on the coder, last symbol first; symbol i belongs to lane i % lanes."""
    for i in reversed(range(len(symbols))):
        start, end = cdf[symbols[i]], cdf[symbols[i] + 1]
        coder = push_one(variant, coder, i % len(coder[0]), start, end - start, precision)
    return coder


def pop(variant: Variant, coder: Coder, cdf: list[int], n: int, precision: int) -> tuple[Coder, list[int]]:
    """Takes n symbols off the coder, first symbol first."""
    symbols = []
    for i in range(n):
        lane = i % len(coder[0])
        q = quantile(coder, lane, precision)
        symbol = max(s for s in range(len(cdf) - 1) if cdf[s] <= q)
        symbols.append(symbol)
        coder = pop_one(variant, coder, lane, cdf[symbol], cdf[symbol + 1] - cdf[symbol], precision)
    return coder, symbols


def words(variant: Variant, coder: Coder) -> list[int]:
    """The content as words, top last: the tail, then every head, first lane first,
    least significant word first.

    The words of a single rans64 head end with its last significant word; all other heads are written in full.
    """
    heads, tail = coder
    floor = variant.name == "rans64" and len(heads) == 1
    out = list(tail)
    for x in heads:
        for shift in range(0, variant.state_bits, variant.word_bits):
            if floor and x >> shift == 0:
                break
            out.append(x >> shift & (2**variant.word_bits - 1))
    return out
