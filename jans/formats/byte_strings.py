"""Streams as bare byte strings, one for each stream. Other libraries write the same: only heads and words.

A string holds all heads, then the words in the order in which they were pushed. Lane 0 comes first, and the
least significant byte of a number comes first. A string tells nothing about variant, lanes and models, so the
reader must know them. Use `jans.to_bytes` to keep variant and lanes with the bytes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import type_name
from jans.coders._rans_state import State, find_variant
from jans.coders._state import check_kind, check_layout
from jans.coders._words import tails
from jans.status import OVERFLOW, CodingError, check

__all__ = [
    "from_strings",
    "merge",
    "split",
    "to_strings",
]

_HALF = np.dtype("<u4")
"""The dtype of half a head of 64 bits, or of a head of 32."""


def to_strings(state: State) -> list[bytes]:
    """The content of a batch of streams, one string for each stream.

    Args:
        state: `jans.rans.State` [streams], with concrete arrays.

    Returns:
        A list of byte strings: the heads of a stream, then its words.

    Raises:
        CodingError: if the status of any stream is not clean.
        ValueError: if there is not exactly one axis of streams.

    >>> from jans import models, rans
    >>> empty = rans.init(capacity=8, variant="rans64_ryg")
    >>> states = jax.vmap(lambda symbols: rans.push(empty, models.Uniform(10), symbols))(jnp.arange(6).reshape(2, 3))
    >>> [len(string) for string in to_strings(states)]
    [8, 8]
    """
    check_kind(state, State)
    if state.size.ndim != 1:
        raise ValueError(f"state must be a batch of streams [streams], got one of shape {state.size.shape}.")
    check(state)
    heads = np.asarray(state.head).astype("<u4")
    return [head.tobytes() + words for head, words in zip(heads, tails(state.tail, state.size), strict=True)]


def with_room(encode: Callable[[int], Any], capacity: int, rounded: Callable[[int], int] = int) -> Any:
    """Calls `encode(capacity)`, and once more with enough capacity if the first result overflowed.

    `rounded` rounds a capacity up, so that few different capacities occur.
    """
    states = encode(rounded(capacity))
    if (np.asarray(states.status) & OVERFLOW).any():
        states = encode(rounded(int(np.asarray(states.size).max())))
    return states


@_inputs.door(capacity=_inputs.whole_or_none, lanes=_inputs.whole)
def from_strings(
    strings: Sequence[bytes], capacity: int | None = None, lanes: int = 1, variant: str = "rans64_ryg"
) -> State:
    """A batch of streams from byte strings: the inverse of `to_strings`.

    Args:
        strings: one for each stream.
        capacity: number of words in each tail; by default the number of the longest string.
        lanes, variant: the same as when the strings were written.

    Returns:
        State [streams].

    Raises:
        CodingError: if a string is cut short, ends with part of a word, or has a head that is out of range.
        ValueError: if the longest string does not fit the capacity.

    >>> from jans import models, rans
    >>> empty = rans.init(capacity=8, variant="rans64_ryg")
    >>> states = jax.vmap(lambda symbols: rans.push(empty, models.Uniform(10), symbols))(jnp.arange(6).reshape(2, 3))
    >>> states = from_strings(to_strings(states), variant="rans64_ryg")
    >>> jax.vmap(lambda state: rans.pop(state, models.Uniform(10), shape=(3,)))(states)[1].tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    return jax.tree.map(jnp.asarray, read_strings(strings, capacity, lanes, variant))


def views_of(strings: Any) -> list[memoryview]:
    """The bytes of each string; raises TypeError for values that are no list of byte strings."""
    if isinstance(strings, bytes | bytearray | memoryview | str) or not hasattr(strings, "__iter__"):
        raise TypeError(f"strings must be a list of byte strings, one for each stream, got {type_name(strings)}.")
    return [_inputs.data(f"string {k}", string) for k, string in enumerate(strings)]


def read_strings(strings: Sequence[Any], capacity: int | None, lanes: int, variant: str) -> State:
    """As `from_strings`, with NumPy arrays that are not on a device yet."""
    v = find_variant(variant)
    check_layout(lanes, capacity or 0)
    word, heads_bytes = v.word_bits // 8, lanes * v.state_bits // 8
    views = views_of(strings)
    lengths = [len(view) - heads_bytes for view in views]
    for k, length in enumerate(lengths):
        if length < 0 or length % word:
            raise CodingError(
                f"string {k} of {len(views)} has {len(views[k])} bytes: {lanes} heads of variant {variant} take "
                f"{heads_bytes}, and words {word} each. It is cut short, or was written by another coder."
            )
    sizes = [length // word for length in lengths]
    longest = max(sizes, default=0)
    capacity = longest if capacity is None else capacity
    if capacity < longest:
        raise ValueError(f"capacity must be at least the {longest} words of the longest string, got {capacity}.")
    tail, little = np.zeros((len(views), capacity), v.word), v.word.newbyteorder("<")
    for row, view, size in zip(tail, views, sizes, strict=True):
        row[:size] = np.frombuffer(view, little, offset=heads_bytes)
    shape = (lanes, 2) if v.state_bits == 64 else (lanes,)
    head = np.frombuffer(b"".join(view[:heads_bytes] for view in views), _HALF).reshape(len(views), *shape)
    size_of, status = np.array(sizes, np.int32), np.zeros(len(views), np.int32)
    arrays: Any = {"head": head.astype(np.uint32), "tail": tail, "size": size_of, "status": status}
    state = State(**arrays, variant=variant)
    sound = state.is_sound()
    if not sound.all():
        raise CodingError(
            f"string {int(np.argmin(sound))} of {len(views)} begins with a head out of the range of variant {variant}: "
            "it is damaged, or was written by another coder."
        )
    return state


def merge(strings: Sequence[bytes], length_bytes: int = 4, count: int | None = None) -> bytes:
    """Joins byte strings, each after its length, little-endian (torch_ans's `merge_bytes`).

    Args:
        strings: byte strings whose lengths fit `length_bytes`.
        length_bytes: number of bytes of each length: 1, 2, 4 or 8.
        count: the number of strings, if the reader knows it; the last string then has no length in front.

    Returns:
        The joined bytes.

    Raises:
        ValueError: if a length does not fit `length_bytes`, or if there are not `count` strings.

    >>> split(merge([b"abc", b"", b"d"]))
    [b'abc', b'', b'd']
    >>> split(merge([b"abc", b"", b"d"], length_bytes=1, count=3), length_bytes=1, count=3)
    [b'abc', b'', b'd']
    """
    length_bytes, count = _lengths(length_bytes, count)
    views = views_of(strings)
    if count is not None and len(views) != count:
        raise ValueError(f"there must be {count} strings, got {len(views)}.")
    longest = max(map(len, views), default=0)
    if longest >= 256**length_bytes:
        raise ValueError(f"a string of {longest} bytes has no length of {length_bytes} bytes. Use more length_bytes.")
    parts = [part for view in views for part in (len(view).to_bytes(length_bytes, "little"), view)]
    if count is not None:
        del parts[-2]
    return b"".join(parts)


def split(merged: bytes, length_bytes: int = 4, count: int | None = None) -> list[bytes]:
    """Splits joined byte strings: the inverse of `merge`.

    Args:
        merged: the joined bytes.
        length_bytes, count: the same as for `merge`.

    Returns:
        A list of byte strings.

    Raises:
        CodingError: if the bytes end within a length or a string.

    >>> split(b"\\x03abc\\x01d", length_bytes=1)
    [b'abc', b'd']
    """
    length_bytes, count = _lengths(length_bytes, count)
    view, at = _inputs.data("merged", merged), 0
    strings: list[bytes] = []
    while at < len(view) if count is None else len(strings) < count - 1:
        begin = at + length_bytes
        end = begin + int.from_bytes(view[at:begin], "little")
        if begin > len(view) or end > len(view):
            raise CodingError(
                f"these {len(view)} bytes end within string {len(strings)}, which begins at {at}: they are cut "
                "short, or were not merged."
            )
        strings.append(bytes(view[begin:end]))
        at = end
    return strings if count is None else [*strings, bytes(view[at:])]


def _lengths(length_bytes: Any, count: Any) -> tuple[int, int | None]:
    """Returns the number of bytes of a length and the number of strings, or raises an error for wrong ones."""
    length_bytes, count = _inputs.whole("length_bytes", length_bytes), _inputs.whole_or_none("count", count)
    if length_bytes not in (1, 2, 4, 8):
        raise ValueError(f"length_bytes must be 1, 2, 4 or 8, got {length_bytes!r}.")
    if count is not None and count < 1:
        raise ValueError(f"count must be 1 or more, got {count}.")
    return length_bytes, count


def __dir__() -> list[str]:
    return __all__
