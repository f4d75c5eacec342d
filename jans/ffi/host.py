"""Calls kernels with arrays of NumPy, without XLA.

No program is compiled, and a call takes less than a microsecond beside the work of the kernel. The kernels, their
shapes and aliases are those of `jans.ffi.primitives`, and so are the results.
"""

import functools
import operator
import os
from typing import Any

import numpy as np

from jans.ffi import registry
from jans.ffi.targets import TARGETS

THREADS = "JANS_THREADS"
"""This environment variable limits the threads of a call, which are otherwise as many as the process may use.

Results do not depend on it. XLA has threads of its own.
"""
_SHAPES = ("n", "dtype")
"""The parameters that the results tell."""
_NATIVE = bool(registry.handlers("cpu"))

if _NATIVE:
    from jans.ffi import _host  # type: ignore[attr-defined]
else:
    from jans.ffi import _host_plain as _host

Arrays = _host.Arrays
"""Arrays that calls take together, as one argument."""
Layout = _host.Layout
"""How the arrays of a coder lie in bytes: `Layout(*parts)(bytes, *arrays)` makes `Arrays`.

A part is a tuple of "I" (uint32) or "i" (int32) and dimensions, for the bytes that follow those of the part before;
or the number of one of the other arrays.
"""


@functools.cache
def threads() -> int:
    """The number of threads of a call."""
    text = os.environ.get(THREADS)
    if text is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise ImportError(f"{THREADS} is {text!r}; it must be a number of threads, 1 or more.")
    return int(text)


_host.set_threads(threads())


@functools.cache
def kernel(name: str, *, undo: int = 0, **attributes: int) -> Any:
    """A kernel, ready to be called.

    Args:
        name: the name of its target.
        undo: bits of the status. A call that sets one leaves a coder of one stream and one lane as it was. Other bits
            are then not returned.
        attributes: the parameters of the target that the shapes of the operands and results do not tell.

    Returns:
        A function of the operands of the target, and then of those results that replace no operand. It updates
        operands and results in place, and returns the status of all streams together. Its method `run` is the same
        and starts sooner. Its method `one` is for a last result that is one int32: it returns this number, or None if
        a bit of the status is set.

        An argument is an array, an int (an int32 array of length 1), or `Arrays`. Arrays are C-contiguous and
        aligned, and have the dtypes and shapes of the target. Calls from several threads run side by side.

    Raises:
        TypeError, ValueError: if the arrays do not fit the kernel, or one that it writes to is read-only.
        RuntimeError: if the call of another thread is updating the same `Arrays`.
    """
    target = TARGETS[name]
    # In all targets, results that replace an operand come first.
    updates = tuple(operand for operand, _ in sorted(target.aliases.items(), key=operator.itemgetter(1)))
    values = tuple((key, attributes[key]) for key in (target.attributes if _NATIVE else attributes))
    handler = registry.handlers("cpu")[f"jans_{name}"] if _NATIVE else target
    return _host.Kernel(handler, len(target.ranks(**attributes)), updates, values, undo)


def call(name: str, *arrays: Any, **params: Any) -> tuple[np.ndarray, ...]:
    """Calls a target as `jans.ffi.targets.CALLS` does, with arrays of NumPy.

    Args:
        name: the name of the target.
        arrays: its operands; those that results replace are C-contiguous and are updated in place.
        params: its parameters.

    Returns:
        Its results.
    """
    target = TARGETS[name]
    ranks = target.ranks(**params)
    operands = [array if k in target.aliases else ready(array) for k, array in enumerate(arrays)]
    shapes = [array.shape[array.ndim - rank :] for array, rank in zip(operands, ranks, strict=True)]
    batch = operands[0].shape[: operands[0].ndim - ranks[0]]
    kept = [operands[k] for k in target.aliases]
    fresh = [np.empty((*batch, *shape), dtype) for shape, dtype in target.results(*shapes, **params)[len(kept) :]]
    if all(batch):
        kernel(name, **{key: int(value) for key, value in params.items() if key not in _SHAPES})(*operands, *fresh)
    return *kept, *fresh


def ready(array: Any, dtype: Any = None) -> np.ndarray:
    """An array, or a copy, as kernels read it: C-contiguous, aligned and in the byte order of the machine."""
    found = np.asarray(array, dtype)
    if found.flags.carray and found.dtype.isnative:
        return found
    return np.require(found, found.dtype.newbyteorder("="), ["C", "A"])
