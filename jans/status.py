"""The status of a coder: sticky bits that record what went wrong, and the sentence for each bit."""

from typing import Any

import jax
import numpy as np

from jans._checks import type_name

__all__ = [
    "BAD_DATA",
    "BAD_MODEL",
    "BAD_STATE",
    "BAD_SYMBOL",
    "OUT_OF_REMAINDERS",
    "OVERFLOW",
    "UNDERFLOW",
    "CodingError",
    "check",
    "check_inside",
]

OVERFLOW = 1
UNDERFLOW = 2
BAD_SYMBOL = 4
BAD_MODEL = 8
BAD_STATE = 16
OUT_OF_REMAINDERS = 32
BAD_DATA = 64

SENTENCES = {
    OVERFLOW: (
        "the tail is full and words were dropped. Start with a capacity of at least {size} words "
        "(this one has {capacity})."
    ),
    UNDERFLOW: (
        "a pop ran past the end of the message, so its symbols are meaningless. Decode exactly what was encoded, with "
        "the same models. A bits-back encoder pops too: start it with more initial words (jans.rans.random)."
    ),
    BAD_SYMBOL: (
        "a symbol outside of its model's support, or of probability zero, was pushed and left out. Keep symbols inside "
        "of the support, or widen the model with jans.models.escape."
    ),
    BAD_MODEL: (
        "the parameters of a model are invalid: NaN, infinite, negative or all zero, a table that does not rise from 0 "
        "to 2**precision, or an index of no row. Its symbols were left out. Check the network's output and the table."
    ),
    BAD_STATE: (
        "invalid coder state: a number is out of range, a position lies outside of the message, or words without a "
        "sentinel bit end with zero. Read states with jans.from_bytes or the functions of their coder."
    ),
    OUT_OF_REMAINDERS: (
        "the remainders of a chain coder are used up, so they cannot choose more quantiles. Push what was popped, with "
        "the same models, or start with more words (jans.chain.init_remainders)."
    ),
    BAD_DATA: (
        "an encoder with these models or this code cannot have written the words, so the symbols are meaningless. "
        "Decode with the models that encoded, from the start of the message or from a position that the encoder gave."
    ),
}


class CodingError(Exception):
    """Raised for a status that is not clean, and for bytes that cannot be read.

    The message names the cause and the remedy, and the stream if there are several.

    >>> import jans
    >>> jans.from_bytes(b"something else")
    Traceback (most recent call last):
    jans.status.CodingError: these bytes are not from jans: they begin with b'some' and not with b'JANS'.
    """


def sentence(status: int, size: int, capacity: int) -> str:
    """The causes and remedies of all bits that are set in a status."""
    return " Also, ".join(
        text.format(size=size, capacity=capacity) for bit, text in SENTENCES.items() if int(status) & bit
    )


def check(state: Any) -> Any:
    """Returns a state unchanged, or raises an error if a status bit is set.

    Args:
        state: a coder, or a batch of coders from `jax.vmap`, with concrete arrays.

    Returns:
        The same state.

    Raises:
        CodingError: if any status bit is set. The message names the first faulty stream, the cause and the
            remedy.
        TypeError: inside `jit`, where code cannot raise errors from values. Use `check_inside` there.

    >>> import jans
    >>> state = jans.rans.push(jans.rans.init(capacity=0), jans.models.Uniform(2**16), jax.numpy.arange(9))
    >>> jans.check(state)
    Traceback (most recent call last):
    jans.status.CodingError: the tail is full and words were dropped. Start with a capacity of at least 3 words (this \
one has 0).
    """
    if not hasattr(state, "usage"):
        raise TypeError(f"state must be the state of a coder, got {type_name(state)}.")
    if isinstance(state.status, jax.core.Tracer):
        raise TypeError(
            "jans.check looks at values and cannot run inside jit, vmap or scan. Call it on the result outside, or use "
            "jans.check_inside under jax.experimental.checkify."
        )
    status = np.asarray(state.status)
    stacks = [(np.asarray(size), capacity) for size, capacity in state.usage]
    # As unsigned numbers, sizes below zero are above every capacity.
    if not status.any() and all((size.astype(np.uint32) <= capacity).all() for size, capacity in stacks):
        return state
    dropped = status & OVERFLOW != 0
    for size, capacity in stacks:
        status = status | np.where((size < 0) | (size > capacity) & ~dropped, BAD_STATE, 0)
    at, name = first_fault(status)
    reserve = int(np.broadcast_to(np.asarray(state.reserve), status.shape)[at])
    sizes = [(int(size[at]) + reserve, capacity) for size, capacity in stacks]
    text = sentence(int(status[at]), *max(sizes, key=lambda stack: stack[0] - stack[1]))
    raise CodingError(name + text)


def first_fault(fault: np.ndarray) -> tuple[tuple[int, ...], str]:
    """The index of the first faulty stream of a batch (`fault` is not zero),
    and the start of a sentence about it."""
    at = tuple(int(i) for i in np.argwhere(fault)[0])
    if not at:
        return at, ""
    name = at[0] if len(at) == 1 else at
    return at, f"stream {name} of {fault.size} ({np.count_nonzero(fault)} at fault): "


def check_inside(state: Any) -> Any:
    """Does what `check` does, inside `jit`: `jax.experimental.checkify` carries the error out.

    Args:
        state: a coder, or a batch of coders; its arrays may be traced.

    Returns:
        The same state.

    >>> import jans
    >>> from jax.experimental import checkify
    >>> def encode(symbols):
    ...     return jans.check_inside(jans.rans.push(jans.rans.init(capacity=4), jans.models.Uniform(10), symbols))
    >>> error, state = jax.jit(checkify.checkify(encode))(jax.numpy.array([3, 12]))
    >>> error.get().split(".")[0]
    "jans: a symbol outside of its model's support, or of probability zero, was pushed and left out"
    """
    from jax.experimental import checkify

    for bit, text in SENTENCES.items():
        failed = state.status & bit != 0
        if bit == OVERFLOW:
            for size, capacity in state.usage[:-1]:
                _check_room(checkify, failed & (size > capacity), size, capacity)
            _check_room(checkify, failed, *state.usage[-1])
        else:
            checkify.check(~failed.any(), f"jans: {text}")
    return state


def _check_room(checkify: Any, failed: jax.Array, size: jax.Array, capacity: int) -> None:
    message = "jans: " + SENTENCES[OVERFLOW].replace("{capacity}", str(capacity))
    checkify.check(~failed.any(), message, size=size.max())


def __dir__() -> list[str]:
    return __all__
