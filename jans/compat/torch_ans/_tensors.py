"""Tensors of PyTorch as arguments and results, for callers who use it; jans itself never imports it."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor of PyTorch."""
    return isinstance(value, getattr(sys.modules.get("torch"), "Tensor", ()))


def plain(value: Any) -> Any:
    """A tensor as one in the memory of the host, which NumPy reads; other values unchanged."""
    return value.detach().cpu() if is_tensor(value) else value


def tensor(array: np.ndarray, device: Any = "cpu") -> Any:
    """A tensor with a copy of an array; the caller has imported PyTorch."""
    return sys.modules["torch"].tensor(array, device=device)


def maker(value: Any) -> Callable[[np.ndarray], Any]:
    """Returns a function that turns an array into a result of the kind of `value`: a tensor for a tensor, on its
    device; the array itself for anything else."""
    if not is_tensor(value):
        return lambda array: array
    return lambda array: tensor(array, value.device)
