"""Calls of public functions with one wrong value, and whether the error is one of jans."""

import copy
import io
import pathlib
import traceback
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jans
from jans import models, rans, tans
from jans.compat import torch_ans

CHANGED = io.BytesIO | torch_ans.Stream
"""Arguments that calls change in place."""
ROOT = str(pathlib.Path(jans.__file__).parent)


class Call(NamedTuple):
    """A public function with arguments that it takes."""

    function: Any
    arguments: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.function.__module__.rpartition('.')[2]}.{self.function.__name__}"


class Odd:
    """An object of a user."""


UNIFORM = models.Uniform(10, precision=12)
CODEC = rans.codec(UNIFORM, (3,))
WRONG: list[Any] = [
    *(None, "text", 3.5, -1, Odd(), [None], {"a": 1}, (1, 2, 3), b"ab", True, jnp.nan, lambda *_: 0, 2**40),
    *(np.array(["a"]), np.zeros((2, 3), complex), np.zeros(0), tans.init(50, 1, 6), UNIFORM, models.Uniform, CODEC),
]


def check_wrong_values(call, kinds=TypeError | ValueError | jans.CodingError):
    """The error starts in jans itself and is of these kinds, or the value is as good as another."""
    error = error_of(call)
    assert error is None, error
    for name in call.arguments:
        for value in WRONG:
            error = error_of(call, **{name: value})
            assert error is None or is_ours(error, call, value, kinds), (
                f"{name}={value!r}: {type(error).__name__}: {error}"
            )


def error_of(call, **wrong):
    arguments = {k: copy.deepcopy(v) if isinstance(v, CHANGED) else v for k, v in call.arguments.items()}
    try:
        call.function(**(arguments | wrong))
    except Exception as error:
        return error


def is_ours(error, call, value, kinds):
    if isinstance(error, FileNotFoundError):
        return value == "text"  # the path of no file
    if isinstance(error, MemoryError | jax.errors.JaxRuntimeError):
        return value == 2**40  # more than fits into memory
    if call.function is jans.check_codec and isinstance(error, AssertionError):
        return "changed the data" in str(error)
    *_, origin = traceback.extract_tb(error.__traceback__)
    raised = origin.filename.startswith(ROOT) and str(origin.line).lstrip().startswith("raise")
    return raised and isinstance(error, kinds)
