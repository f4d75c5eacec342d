"""What `jans.ffi._host` does, in plain JAX, for a process whose kernels are turned off."""

import contextlib
import functools
import inspect
import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans.ffi.primitives import CALLS, Target


class Arrays(tuple[np.ndarray, ...]):
    """Arrays that calls take together."""

    def __new__(cls, *arrays: Any) -> "Arrays":
        return super().__new__(cls, map(np.asarray, arrays))


class Layout:
    """How the bytes of an array, and other arrays, make the arrays of a coder."""

    def __init__(self, *parts: Any):
        self._parts = parts

    def __call__(self, data: Any, *arrays: Any) -> Arrays:
        found, at = [], 0
        for part in self._parts:
            if isinstance(part, int):
                found.append(np.asarray(arrays[part]))
                continue
            dtype, *dims = part
            found.append(np.frombuffer(data, dtype, math.prod(dims), at).reshape(dims))
            at += found[-1].nbytes
        return Arrays(*found)


class Kernel:
    """A target, ready to be called."""

    def __init__(self, target: Target, operands: int, updates: tuple[int, ...], attributes: Any, undo: int):
        self._target, self._operands, self._updates, self._undo = target, operands, updates, undo
        self._attributes = dict(attributes)
        self._known = inspect.signature(target.reference).parameters

    def __call__(self, *arrays: Any) -> int:
        every: list[np.ndarray] = []
        for array in arrays:
            every += (
                array
                if isinstance(array, Arrays)
                else [np.asarray([array], np.int32) if isinstance(array, int) else array]
            )
        operands, fresh = every[: self._operands], every[self._operands :]
        sizes = {"n": fresh[0].shape[-1], "dtype": fresh[0].dtype} if fresh and fresh[0].ndim else {}
        params = self._attributes | {name: value for name, value in sizes.items() if name in self._known}
        with on_cpu():
            results = [np.asarray(a) for a in CALLS[self._target.name](*map(jnp.asarray, operands), **params)]
        status = int(np.bitwise_or.reduce(results[len(self._updates) - 1], axis=None)) if self._updates else 0
        if not status & self._undo:
            for place, result in zip([*(operands[k] for k in self._updates), *fresh], results, strict=True):
                place[...] = result
        return status & self._undo if self._undo else status

    def run(self, *arrays: Any) -> int:
        """A call."""
        return self(*arrays)

    def one(self, *arrays: Any) -> int | None:
        """The last result, which is one number; None if a bit of the status is set."""
        symbol = np.zeros(1, np.int32)
        return None if self(*arrays, symbol) else int(symbol[0])


def set_threads(count: int) -> None:
    """XLA has threads of its own."""


@contextlib.contextmanager
def on_cpu() -> Iterator[None]:
    """Runs programs of JAX on the CPU, with 64-bit types, and immediately, even while JAX traces the caller."""
    with jax.enable_x64(True), jax.default_device(_cpu()), jax.ensure_compile_time_eval():
        yield


@functools.cache
def _cpu() -> jax.Device:
    return jax.local_devices(backend="cpu")[0]
