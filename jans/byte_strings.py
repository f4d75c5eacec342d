"""Streams as bare byte strings, one for each: what other libraries write, with nothing but heads and words.

A string has every head, lane 0 first and its least significant byte first, and then the words in the order in which
they were pushed. Variant, lanes and models are the reader's to know; `jans.to_bytes` keeps those that it can.
"""

import struct
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jans.state import State, find_variant, sound_heads
from jans.status import CodingError, check

_LENGTH = struct.Struct("<I")


def to_strings(state: State) -> list[bytes]:
    """The content of a batch of streams, one string for each.

    Args:
        state: [streams], with concrete arrays.

    Raises:
        CodingError: when the status of any stream is not clean.
    """
    if state.size.ndim != 1:
        raise ValueError(f"state must be a batch of streams [streams], got one of shape {state.size.shape}.")
    check(state)
    heads = np.asarray(state.head).astype("<u4")
    tails = np.asarray(state.tail)
    words = tails.astype(tails.dtype.newbyteorder("<"), copy=False)
    sizes = np.asarray(state.size).tolist()
    return [heads[k].tobytes() + words[k, :size].tobytes() for k, size in enumerate(sizes)]


def from_strings(
    strings: Sequence[bytes], capacity: int | None = None, lanes: int = 1, variant: str = "rans64_ryg"
) -> State:
    """A batch of streams from what `to_strings` gave.

    Args:
        strings: one for each stream.
        capacity: words of each tail; by default as many as the longest has.
        lanes, variant: as the strings were written.

    Returns:
        State [streams].

    Raises:
        CodingError: when a string is cut short, or ends with part of a word, or no coder has such a head.
    """
    v = find_variant(variant)
    word, heads_bytes = v.word_bits // 8, lanes * v.state_bits // 8
    views = [memoryview(string) for string in strings]
    for k, view in enumerate(views):
        if len(view) < heads_bytes or (len(view) - heads_bytes) % word:
            raise CodingError(
                f"string {k} of {len(views)} has {len(view)} bytes: {lanes} heads of variant {variant} take "
                f"{heads_bytes}, and words {word} each. It is cut short, or was written by another coder."
            )
    sizes = np.array([(len(view) - heads_bytes) // word for view in views], np.int32)
    longest = int(sizes.max(initial=0))
    capacity = longest if capacity is None else capacity
    if capacity < longest:
        raise ValueError(f"capacity must be at least the {longest} words of the longest string, got {capacity}.")
    tail = np.zeros((len(views), capacity), f"<u{word}")
    for row, view in zip(tail, views, strict=True):
        row[: (len(view) - heads_bytes) // word] = np.frombuffer(view, tail.dtype, offset=heads_bytes)
    shape = (lanes, 2) if v.state_bits == 64 else (lanes,)
    head = np.frombuffer(b"".join(view[:heads_bytes] for view in views), "<u4").reshape(len(views), *shape)
    state = State(
        head=jnp.asarray(head.astype(np.uint32)),
        tail=jnp.asarray(tail.astype(tail.dtype.newbyteorder("="))),
        size=jnp.asarray(sizes),
        status=jnp.zeros(len(views), jnp.int32),
        variant=variant,
    )
    sound = sound_heads(state)
    if not sound.all():
        raise CodingError(
            f"string {int(np.argmin(sound))} of {len(views)} begins with a head out of the range of variant {variant}: "
            "it is damaged, or was written by another coder."
        )
    return state


def merge(strings: Sequence[bytes]) -> bytes:
    """Byte strings as one: each behind its length, 4 bytes, little-endian (torch_ans's `merge_bytes`).

    >>> split(merge([b"abc", b"", b"d"]))
    [b'abc', b'', b'd']
    """
    return b"".join(part for string in strings for part in (_LENGTH.pack(len(string)), bytes(string)))


def split(merged: bytes) -> list[bytes]:
    """The inverse of `merge`.

    Raises:
        CodingError: when the bytes end within a length or a string.
    """
    strings: list[bytes] = []
    at = 0
    while at < len(merged):
        end = at + _LENGTH.size
        if end <= len(merged):
            end += _LENGTH.unpack_from(merged, at)[0]
        if end > len(merged) or end < at + _LENGTH.size:
            raise CodingError(
                f"these {len(merged)} bytes end within string {len(strings)}, which begins at {at}: they are cut "
                "short, or were not merged."
            )
        strings.append(bytes(merged[at + _LENGTH.size : end]))
        at = end
    return strings
