"""Byte pair encoding (Sennrich et al. 2016, arXiv:1508.07909): text as tokens, one for each byte and for each
frequent run of bytes. Any bytes have tokens, and decoding the tokens gives the bytes back.
"""

from __future__ import annotations

import collections
import functools
import heapq
import itertools
import re

import numpy as np

BYTES = 256
# No token crosses from one of these pieces into the next: words with the space before them, digits, marks,
# white space.
PIECE = re.compile(rb" ?[A-Za-z\x80-\xff]{1,32}|[0-9]|\s{1,16}|[^A-Za-z0-9\s\x80-\xff]{1,16}")

Pair = tuple[int, int]


class Subwords:
    """A vocabulary: the 256 bytes, then the pairs of tokens `[n, 2]` that are merged,
    in the order of learning."""

    def __init__(self, merges: np.ndarray) -> None:
        self.merges = np.asarray(merges, np.int32).reshape(-1, 2)
        self.spelling = [bytes([byte]) for byte in range(BYTES)]
        for left, right in self.merges:
            self.spelling.append(self.spelling[left] + self.spelling[right])
        self._token = {(int(a), int(b)): BYTES + i for i, (a, b) in enumerate(self.merges)}
        self._piece = functools.cache(self._encode_piece)

    def __len__(self) -> int:
        return BYTES + len(self.merges)

    def encode(self, text: bytes) -> np.ndarray:
        """The tokens of any bytes, int32 `[N]`."""
        pieces = (self._piece(piece) for piece in PIECE.findall(text))
        return np.fromiter(itertools.chain.from_iterable(pieces), np.int32)

    def decode(self, tokens: np.ndarray) -> bytes:
        """The bytes of tokens: `decode(encode(text)) == text`."""
        return b"".join(self.spelling[token] for token in tokens)

    def _encode_piece(self, piece: bytes) -> list[int]:
        tokens = list(piece)
        while found := [self._token[pair] for pair in itertools.pairwise(tokens) if pair in self._token]:
            first = min(found)  # merge first what was learnt first
            left, right = self.merges[first - BYTES]
            tokens = merge(tokens, (int(left), int(right)), first)
        return tokens


def merge(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """Tokens with each `pair` replaced by the token `new`, from left to right."""
    merged: list[int] = []
    for token in tokens:
        # Of "aaa", merge the first two: a merged token is no longer the left part of a pair.
        if merged and (merged[-1], token) == pair:
            merged[-1] = new
        else:
            merged.append(token)
    return merged


def learn(text: bytes, size: int) -> Subwords:
    """A vocabulary of at most `size` tokens.

    Repeatedly, the most frequent pair of tokens of a text becomes a token.
    """
    if size < BYTES:
        raise ValueError(f"size must be at least {BYTES}, as each byte has a token, got {size}.")
    pieces = collections.Counter(PIECE.findall(text))
    counts = list(pieces.values())
    spelled = [list(piece) for piece in pieces]
    frequency: collections.Counter[Pair] = collections.Counter()
    where: dict[Pair, set[int]] = collections.defaultdict(set)

    def book(place: int, sign: int) -> set[Pair]:
        pairs = list(itertools.pairwise(spelled[place]))
        for pair in pairs:
            frequency[pair] += sign * counts[place]
            where[pair].add(place)
        return set(pairs)

    for place in range(len(spelled)):
        book(place, 1)
    queue = [(-count, pair) for pair, count in frequency.items()]
    heapq.heapify(queue)
    merges: list[Pair] = []
    while queue and BYTES + len(merges) < size:
        count, pair = heapq.heappop(queue)
        if -count != frequency[pair]:
            continue  # its count has changed since, and it is in the queue with the new count
        if -count < 2:
            break
        changed: set[Pair] = set()
        for place in where.pop(pair):
            changed |= book(place, -1)
            spelled[place] = merge(spelled[place], pair, BYTES + len(merges))
            changed |= book(place, 1)
        merges.append(pair)
        for other in changed:
            heapq.heappush(queue, (-frequency[other], other))
    return Subwords(np.array(merges, np.int32))
