"""The stack coder (rANS). A number holds all symbols; it is kept as a few heads above a tail of words.

    push:  x' = floor(x / freq) * 2**precision + start + x mod freq
    pop:   x  = freq * floor(x' / 2**precision) + (x' mod 2**precision) - start

Symbol i of an array belongs to head (lane) i % lanes. `push` starts at the last symbol, and `pop` at the
first. Every head renormalises at once, so all lanes share one tail. One state is one stream; use `jax.vmap`
for batches. (Duda 2013, arXiv:1311.2540; Giesen 2014, arXiv:1402.3392.)
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import KERNEL_SYMBOLS, check_dtype, check_fit, check_symbols
from jans.codecs import Codec
from jans.coders import _composites, _stepwise
from jans.coders._rans_state import State, capacity_for, check_bits, check_digits, check_stream, init, random
from jans.coders._state import content_bits, is_empty, kind_of
from jans.coders._words import compact, from_words, to_words
from jans.ffi import targets

__all__ = [
    "State",
    "advance",
    "capacity_for",
    "codec",
    "compact",
    "content_bits",
    "from_words",
    "init",
    "is_empty",
    "peek",
    "pop",
    "push",
    "random",
    "to_words",
]


def _coder(state: State, precision: int) -> dict[str, int]:
    return {"variant": check_bits(state.variant, precision), "precision": precision}


def _attributes(state: State, kernel: Any) -> dict[str, int]:
    """The attributes that a kernel needs besides the arrays of its model."""
    check_digits(state.variant, kernel.attributes.get("bypass_precision", 0))
    return dict(kernel.attributes)


@_inputs.door(state=kind_of(State), model=_inputs.model, symbols=_inputs.symbols)
@jax.jit
def push(state: State, model: Any, symbols: jax.Array) -> State:
    """Puts symbols on the coder, last one first, so that `pop` returns them in reading order.

    Args:
        state: the coder, one stream.
        model: a model whose shape broadcasts to that of the symbols.
        symbols: integers that fit int32, or bools, of any shape; coded in row-major order. Traced symbols are
            uint8, int8, uint16, int16 or int32. A model of floats takes floats of its dtype.

    Returns:
        The coder with the symbols on it. If the tail is full, `push` sets `OVERFLOW` and keeps counting
        words. A symbol without an interval is left out and sets `BAD_SYMBOL` or `BAD_MODEL`. `jans.check`
        turns the status into an error.

    Raises:
        ValueError: if the model does not fit the symbols or the variant, or the state is a batch.

    >>> from jans import models, rans
    >>> state = rans.push(rans.init(capacity=8), models.Uniform(10), jnp.array([3, 1, 4, 1, 5]))
    >>> state, symbols = rans.pop(state, models.Uniform(10), shape=(5,))
    >>> symbols
    Array([3, 1, 4, 1, 5], dtype=int32)
    """
    arrays = check_stream(state)
    coder = _coder(state, model.precision)
    symbols = check_symbols(symbols, model)
    check_fit(model.shape, symbols.shape)
    if model.parts:
        return _composites.push(push, state, model, symbols)
    if symbols.dtype not in KERNEL_SYMBOLS:
        symbols = symbols.astype(jnp.int32)
    kernel = model.stack_kernel(symbols.shape)
    if kernel is not None:
        coder |= _attributes(state, kernel)
        flat = symbols.reshape(-1)
        head, tail, size, status = targets.rans.PUSHES[kernel.kind](*arrays, flat, *kernel.operands, **coder)
    else:
        start, freq = model.interval(symbols)
        head, tail, size, status = targets.rans.push(*arrays, start.reshape(-1), freq.reshape(-1), **coder)
    return dataclasses.replace(state, head=head, tail=tail, size=size, status=status)


@_inputs.door(state=kind_of(State), model=_inputs.model, shape=_inputs.shape, dtype=_inputs.symbol_dtype)
@functools.partial(jax.jit, static_argnames=("shape", "dtype"))
def pop(state: State, model: Any, shape: tuple[int, ...] | None = None, dtype: Any = None) -> tuple[State, jax.Array]:
    """Takes symbols off the coder: the inverse of `push`.

    Args:
        state: the coder, one stream.
        model: the model that the symbols were pushed with.
        shape: shape of the symbols, to which the model's shape must broadcast; by default the model's shape.
        dtype: dtype of the symbols, one that `push` takes; by default int32, or the dtype of a model of floats.
            Symbols that do not fit it wrap around.

    Returns:
        The coder without the symbols, and the symbols. Reading from an empty tail sets `UNDERFLOW` and gives
        zeros, so every variant notices that more was popped than pushed. The exception is `rans64` with one
        lane: like constriction's coder it ends at zero, stays empty, and does not report underflow.
        `jans.from_bytes(data, symbols=n)` notices a wrong number of symbols for every coder. An invalid model
        sets `BAD_MODEL` and gives symbol 0.

    Raises:
        ValueError: if the model does not fit the shape or the variant, or the state is a batch.

    >>> from jans import models, rans
    >>> state = rans.push(rans.init(capacity=8), models.Uniform(10), jnp.array([3, 1, 4, 1, 5]))
    >>> rans.pop(state, models.Uniform(10), shape=(2,))[1]
    Array([3, 1], dtype=int32)
    """
    shape = model.shape if shape is None else shape
    arrays = check_stream(state)
    coder = _coder(state, model.precision)
    dtype = check_dtype(dtype, model)
    check_fit(model.shape, shape)
    if model.parts:
        state, symbols = _composites.pop(pop, state, model, shape)
        return state, symbols.astype(dtype)
    n = math.prod(shape)
    kernel = model.stack_kernel(shape)
    if kernel is None:
        state, symbols = _pop_by_steps(state, model, shape)
        return state, symbols.astype(dtype)
    inner = dtype if dtype in KERNEL_SYMBOLS else np.dtype(np.int32)
    coder |= _attributes(state, kernel)
    head, size, status, symbols = targets.rans.POPS[kernel.kind](*arrays, *kernel.operands, **coder, n=n, dtype=inner)
    state = dataclasses.replace(state, head=head, size=size, status=status)
    return state, symbols.reshape(shape).astype(dtype)


def _pop_by_steps(state: State, model: Any, shape: tuple[int, ...]) -> tuple[State, jax.Array]:
    """Pops with a model that has no kernel, as many symbols at a time as there are lanes."""

    def step(state, model, count):
        quantiles = peek(state, model.precision, count)
        symbols = model.locate(quantiles)
        start, freq = model.interval(symbols)
        symbols = jnp.where(quantiles - start < freq, symbols, 0)
        return advance(state, start, freq, model.precision), symbols.astype(jnp.int32)

    return _stepwise.pop(step, state, model, shape, state.lanes)


@_inputs.door(state=kind_of(State), precision=_inputs.whole, n=_inputs.whole_or_none)
@functools.partial(jax.jit, static_argnames=("precision", "n"))
def peek(state: State, precision: int, n: int | None = None) -> jax.Array:
    """The quantiles of the next symbols, which stay on the coder.

    The next symbol of a lane is the one whose interval contains the lane's quantile; `advance` then takes it
    off.

    Args:
        state: the coder, one stream.
        precision: bits of the quantiles, static.
        n: number of lanes, from the first one on, static; by default all.

    Returns:
        uint32 [n], in [0, 2**precision).

    Raises:
        ValueError: if n is out of range, or the precision does not fit the variant.

    >>> from jans import models, rans
    >>> state = rans.push(rans.init(8, lanes=2), models.Uniform(16, precision=4), jnp.array([3, 1, 4, 1]))
    >>> rans.peek(state, precision=4)
    Array([3, 1], dtype=uint32)
    """
    head, *_ = check_stream(state)
    coder = _coder(state, precision)
    n = state.lanes if n is None else n
    if not 1 <= n <= state.lanes:
        raise ValueError(f"n must be from 1 to the {state.lanes} lanes of the state, got {n}.")
    low = head[:, 0] if head.ndim == 2 else head
    return low[:n] & jnp.uint32(2 ** coder["precision"] - 1)


@_inputs.door(state=kind_of(State), start=_inputs.quantiles, freq=_inputs.quantiles, precision=_inputs.whole)
@functools.partial(jax.jit, static_argnames=("precision",))
def advance(state: State, start: jax.Array, freq: jax.Array, precision: int) -> State:
    """Takes symbols with known intervals off the coder, after `peek`.

    Args:
        state: the coder, one stream.
        start, freq: uint32 [n], with n at most the number of lanes: the intervals that contain
            `peek(state, precision, n)`. An interval that does not contain its quantile sets `BAD_MODEL`, and
            its symbol stays on the coder.
        precision: bits of the intervals, static.

    Returns:
        The coder without the symbols. Reading from an empty tail sets `UNDERFLOW`, as in `pop`.

    Raises:
        ValueError: if the intervals do not fit the lanes, or the precision does not fit the variant.

    >>> from jans import models, rans
    >>> model = models.Uniform(16, precision=4)
    >>> state = rans.push(rans.init(capacity=8, lanes=2), model, jnp.array([3, 1, 4, 1]))
    >>> state = rans.advance(state, *model.interval(jnp.array([3, 1])), precision=4)
    >>> rans.peek(state, precision=4)
    Array([4, 1], dtype=uint32)
    """
    arrays = check_stream(state)
    coder = _coder(state, precision)
    start, freq = (jnp.atleast_1d(jnp.asarray(a, jnp.uint32)) for a in (start, freq))
    if start.ndim != 1 or start.shape != freq.shape or start.shape[0] > state.lanes:
        raise ValueError(
            f"start and freq must be one axis of at most {state.lanes} intervals, one for each lane, got shapes "
            f"{start.shape} and {freq.shape}."
        )
    head, size, status = targets.rans.advance(*arrays, start, freq, **coder)
    return dataclasses.replace(state, head=head, size=size, status=status)


def codec(model: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Codec:
    """A model as a codec, which `jans.bits_back` and other functions combine.

    Args:
        model: the model of the symbols.
        shape, dtype: as for `pop`.

    Returns:
        The codec: `push(state, symbols)` returns a state, `pop(state)` a state and symbols.

    >>> from jans import models, rans
    >>> codec = rans.codec(models.Uniform(6), shape=(3,))
    >>> state = codec.push(rans.init(capacity=4), jnp.array([5, 0, 2]))
    >>> codec.pop(state)[1]
    Array([5, 0, 2], dtype=int32)
    """
    shape = _inputs.shape("shape", shape)
    return Codec(
        push=lambda state, symbols: push(state, model, symbols),
        pop=lambda state: pop(state, model, shape=shape, dtype=dtype),
    )


def __dir__() -> list[str]:
    return __all__
