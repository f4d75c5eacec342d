"""How arrays of any length are coded by few compiled programs."""

import collections

LONGEST = 4**10
_ENOUGH = 1000
_MOST_OWN = 16
_LONGEST_OWN = 4**8
_calls: collections.Counter[int] = collections.Counter()
"""How many calls a program for just this length would have saved so far."""
_own: set[int] = set()
"""The lengths that have one."""


def pieces(n: int, longest: int = LONGEST) -> list[tuple[int, int]]:
    """Where pieces of n symbols begin and end, the longest first: their lengths are powers of 4.

    A length that comes again and again becomes a piece of its own, as soon as the calls that this saves would have
    taken about as long as compiling it.
    """
    if n in _own and n <= longest:
        return [(0, n)]
    found, begin, length = [], 0, longest
    while begin < n:
        while n - begin < length:
            length //= 4
        found.append((begin, begin + length))
        begin += length
    if n <= min(longest, _LONGEST_OWN) and len(found) > 1:
        _calls[n] += len(found) - 1
        if _calls[n] >= _ENOUGH and len(_own) < _MOST_OWN:
            _own.add(n)
    return found
