"""Splits arrays of any length into pieces, so that few compiled programs code them all."""

import collections

LONGEST = 4**10
_ENOUGH = 1000
_MAX_OWN = 16
_LONGEST_OWN = 4**8
_calls: collections.Counter[int] = collections.Counter()
"""For every length, the number of calls that its own program would have saved so far."""
_own_lengths: set[int] = set()
"""The lengths that have their own program."""


def pieces(n: int, longest: int = LONGEST) -> list[tuple[int, int]]:
    """The beginnings and ends of the pieces of n symbols. Their lengths are powers of 4, longest first.

    A length that occurs again and again becomes a piece of its own, as soon as the saved calls would have
    taken about as long as compiling its program.
    """
    if n in _own_lengths and n <= longest:
        return [(0, n)]
    found, begin, length = [], 0, longest
    while begin < n:
        while n - begin < length:
            length //= 4
        found.append((begin, begin + length))
        begin += length
    if n <= min(longest, _LONGEST_OWN) and len(found) > 1:
        _calls[n] += len(found) - 1
        if _calls[n] >= _ENOUGH and len(_own_lengths) < _MAX_OWN:
            _own_lengths.add(n)
    return found
