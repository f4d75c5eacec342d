"""Threads for the blocks of large arrays, and their memory. Kernels and checksums let other threads run."""

import concurrent.futures
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jans.ffi import host

_FEW = 4
"""Fewer blocks than these are not worth a thread."""
_own = threading.local()


def each(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """The results of a function for each item, in their order. Calls may run side by side.

    The threads end with the call, so that a process may be forked after it.
    """
    if host.threads() == 1 or len(items) < _FEW:
        return [function(item) for item in items]
    with concurrent.futures.ThreadPoolExecutor(min(host.threads(), len(items) // 2)) as pool:
        return list(pool.map(function, items))


def scratch(name: str, size: int, dtype: Any = np.uint8) -> np.ndarray:
    """An array [size] with anything in it, until the next one of this name in this thread.

    The first touch of fresh memory takes longer than what kernels do with it.
    """
    found = _own.__dict__.get(name)
    if found is None or len(found) < size or found.dtype != dtype:
        found = _own.__dict__[name] = np.empty(size, dtype)
    return found[:size]
