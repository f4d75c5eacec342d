"""The door through which values come in: numbers, lists and arrays of any kind become what coders take, or an
error that names the argument.

Functions that are compiled look at their arguments too late: JAX has narrowed 64-bit integers by then, has read
arrays of another byte order as if they were native, and has taken a list apart into one argument for each
number. `door` looks first. Traced values pass: their dtype is all that is known of them.
"""

import functools
import inspect
import mmap
import operator
import os
import types
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jans._checks import SYMBOLS, Shape, brief, check_dtype, type_name

_F = TypeVar("_F", bound=Callable[..., Any])
Converter = Callable[[str, Any], Any]
INT32 = np.iinfo(np.int32)
_READY = frozenset(np.dtype(kind) for kind in SYMBOLS)
_DTYPES = frozenset((*SYMBOLS, *_READY, *(getattr(jnp, kind.name) for kind in _READY)))
"""The dtypes of symbols, in the forms that callers pass most often."""


def door(**converters: Converter) -> Callable[[_F], _F]:
    """A decorator for a public function: `converters` maps arguments to functions of their name and value."""

    def decorate(function: _F) -> _F:
        names = list(inspect.signature(function).parameters)
        places = [(names.index(name), name, convert) for name, convert in converters.items()]

        def call(*args, **kwargs):
            values = list(args)
            for place, name, convert in places:
                if place < len(values):
                    values[place] = convert(name, values[place])
                elif name in kwargs:
                    kwargs[name] = convert(name, kwargs[name])
            return function(*values, **kwargs)

        # A function of its module, for help and doctest.
        owner = inspect.unwrap(function).__globals__
        named = types.FunctionType(call.__code__, owner, function.__name__, None, call.__closure__)
        return functools.update_wrapper(named, function)  # type: ignore[return-value]

    return decorate


def integers(name: str, values: Any) -> Any:
    """Integers as an array of at most 32 bits.

    Raises ValueError for an integer that is not an int32, and TypeError for other values. Bools become uint8.
    """
    if type(values) is np.ndarray and values.dtype in _READY:
        return values
    if _is_jax(values):
        if values.dtype in _READY:
            return values
        if values.dtype == bool:
            return values.astype(jnp.uint8)
        if isinstance(values, jax.core.Tracer):
            return values
    array = _array(name, values, "integers")
    if array.dtype == bool:
        return array.astype(np.uint8)
    if array.size == 0 and not isinstance(values, np.ndarray | np.generic | jax.Array):
        return array.astype(np.int32)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name} must be integers, got {_what(array, values)}. Round and convert them to int32.")
    if array.dtype.itemsize < 4 or array.dtype == np.int32:
        return array
    outside = (array < INT32.min) | (array > INT32.max)
    if outside.any():
        at = tuple(int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"{name} must fit 32 bits, from {INT32.min} to {INT32.max}, got {array[at]}{_position(at)}. Split larger "
            "numbers into parts that do, or code their differences."
        )
    return array.astype(np.int32)


def symbols(name: str, values: Any) -> Any:
    """Integers as for `integers`, or an array of floats, which models of floats take."""
    if not hasattr(values, "dtype") or not jnp.issubdtype(values.dtype, jnp.floating):
        return integers(name, values)
    if _is_jax(values):
        return values
    return as_they_are(name, values)


def integers_or_none(name: str, values: Any) -> Any:
    """As `integers`; None stays."""
    return None if values is None else integers(name, values)


def quantiles(name: str, values: Any) -> Any:
    """Integers of 32 bits without a sign as an array. Raises TypeError or ValueError for other values."""
    if _is_jax(values) and jnp.issubdtype(values.dtype, jnp.integer):
        return values
    array = _array(name, values, "integers")
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name} must be integers, got {_what(array, values)}.")
    if isinstance(array, np.ndarray) and array.size and not 0 <= array.min() <= array.max() < 2**32:
        raise ValueError(f"{name} must be from 0 to 2**32 - 1, got {array.min()} to {array.max()}.")
    return array if isinstance(array, jax.Array) else array.astype(np.uint32)


def numbers(name: str, values: Any) -> Any:
    """Numbers as an array. Raises TypeError for other values."""
    return values if _is_jax(values) else _array(name, values, "numbers")


def as_they_are(name: str, values: Any) -> Any:
    """Numbers as an array, of a dtype that JAX keeps. Raises TypeError for other values."""
    array = numbers(name, values)
    if jax.dtypes.canonicalize_dtype(array.dtype) == array.dtype:
        return array
    if not isinstance(values, np.ndarray | np.generic):  # numbers of Python have no dtype
        return jnp.asarray(array)
    raise TypeError(f"{name} must be of at most 32 bits, got {array.dtype}. Convert it, or set jax_enable_x64.")


def arrays(name: str, tree: Any) -> Any:
    """A pytree of arrays of numbers. Raises TypeError for leaves that are none."""
    return jax.tree.map(lambda leaf: numbers(name, leaf), tree)


def rows(name: str, values: Any, count: int) -> jax.Array:
    """Returns int32 [count], one integer for every row of a table, from one integer or `count` of them."""
    array = jnp.asarray(integers(name, values))
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(f"{name} must be integers, got {array.dtype}.")
    if array.shape not in ((), (count,)):
        raise ValueError(f"{name} must be one number or one for each of the {count} rows, got shape {array.shape}.")
    return jnp.broadcast_to(array.astype(jnp.int32), (count,))


def row_of(name: str, index: Any, count: int, may_skip: bool) -> Any:
    """The row of each symbol, of `count` rows; in bypass coding -1 may skip a symbol.

    Raises ValueError for another row, if the index is not on a device yet.
    """
    array = integers(name, index)
    first = -1 if may_skip else 0
    if isinstance(array, np.ndarray) and array.size and not first <= array.min() <= array.max() < count:
        at = tuple(int(i) for i in np.argwhere((array < first) | (array >= count))[0])
        skipped = ", or -1 to skip a symbol" if may_skip else ""
        hint = (
            " Only bypass coding skips symbols: models.Bypass, or tans.tables with bypass_precision."
            if array[at] == -1
            else ""
        )
        raise ValueError(
            f"{name} must be a row of the table, from 0 to {count - 1}{skipped}, got {array[at]}{_position(at)}.{hint}"
        )
    return array


def reals(name: str, values: Any) -> Any:
    """Floats as an array; Python numbers and lists may hold integers. Raises TypeError for other values."""
    if isinstance(values, jax.Array):
        return values
    array = _array(name, values, "numbers")
    if np.issubdtype(array.dtype, np.integer) and not isinstance(values, np.ndarray | np.generic):
        return array.astype(np.float32)
    return array


def whole(name: str, value: Any) -> int:
    """An integer that is known when a program is compiled. Raises TypeError for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, jax.core.Tracer):
        raise TypeError(f"{name} must be known when a program is compiled, got a traced value. Pass an int.")
    try:
        if not isinstance(value, bool | np.bool_):
            return operator.index(value)
    except TypeError:
        pass
    raise TypeError(f"{name} must be an integer, got {brief(value)}.")


def whole_or_none(name: str, value: Any) -> int | None:
    """As `whole`; None stays."""
    return None if value is None else whole(name, value)


def dtype(name: str, value: Any) -> Any:
    """A dtype of symbols. Raises TypeError for anything else."""
    try:
        if value in _DTYPES:
            return value
    except (TypeError, ValueError):  # arrays and others that are no keys
        pass
    return check_dtype(value)


def symbol_dtype(name: str, value: Any) -> Any:
    """As `dtype`; None and dtypes of floats stay, for models of floats."""
    try:
        if value is None or jnp.issubdtype(value, jnp.floating):
            return value
    except TypeError:  # no dtype at all
        pass
    return dtype(name, value)


def flags_or_none(name: str, values: Any) -> Any:
    """Bools as an array; None stays."""
    return values if values is None or _is_jax(values) else _array(name, values, "bool")


def key(name: str, value: Any) -> jax.Array:
    """A key of random numbers. Raises TypeError for anything else."""
    if _is_jax(value):
        old = value.dtype == np.uint32 and value.ndim == 1
        if old or jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
            return value
    raise TypeError(f"{name} must be a key of jax.random, got {brief(value)}. Make one with jax.random.key(0).")


def shape(name: str, value: Any) -> Shape | None:
    """A shape as a tuple: one axis may come as an int, and None stays."""
    if value is None or (type(value) is tuple and all(type(size) is int and size >= 0 for size in value)):
        return value
    sizes = value if isinstance(value, tuple | list | np.ndarray) else (value,)
    if not all(isinstance(size, int | np.integer) and not isinstance(size, bool) and size >= 0 for size in sizes):
        raise TypeError(f"{name} must be an integer or a tuple of integers of at least 0, got {brief(value)}.")
    return tuple(int(size) for size in sizes)


def model(name: str, value: Any) -> Any:
    """A model. Raises TypeError for anything else, such as an array of symbols or of probabilities."""
    try:
        value.precision, value.interval  # noqa: B018
    except AttributeError:
        pass
    else:
        return value
    if isinstance(value, type):
        raise TypeError(f"{name} must be a model, got the class {value.__name__}. Make one: {value.__name__}(...).")
    given = brief(value) if isinstance(value, jax.Array | np.ndarray) else type_name(value)
    raise TypeError(
        f"{name} must be a model, such as jans.models.Categorical(probs), got {given}. It comes after the coder and "
        "before the symbols."
    )


def codec(name: str, value: Any) -> Any:
    """A codec: an object with `push` and `pop`. Raises TypeError for anything else."""
    if not callable(getattr(value, "push", None)) or not callable(getattr(value, "pop", None)):
        raise TypeError(
            f"{name} must be a jans.Codec, got {type_name(value)}. A coder makes one: jans.rans.codec(model)."
        )
    return value


def makes_codec(name: str, function: Any) -> Callable[..., Any]:
    """A function that returns a codec, or the one direction of a codec that a caller needs.

    What it returns is looked at in every call.
    """
    if not callable(function):
        hint = " `lambda *_: codec` always returns the same one." if hasattr(function, "push") else ""
        raise TypeError(f"{name} must be a function that returns a jans.Codec, got {type_name(function)}.{hint}")

    def checked(*args: Any) -> Any:
        made = function(*args)
        return made if hasattr(made, "push") and hasattr(made, "pop") else codec(f"what {name} returns", made)

    return checked


def class_(name: str, value: Any) -> type:
    """A class. Raises TypeError for anything else."""
    if not isinstance(value, type):
        raise TypeError(f"{name} must be a class, got {type_name(value)}.")
    return value


def each(convert: Converter) -> Converter:
    """The converter of a sequence, each element of which `convert` converts."""

    def every(name: str, values: Any) -> tuple[Any, ...]:
        # A codec is a tuple too.
        if not isinstance(values, Iterable) or hasattr(values, "push"):
            raise TypeError(f"{name} must be a sequence, got {type_name(values)}.")
        return tuple(convert(f"{name}[{place}]", value) for place, value in enumerate(values))

    return every


def data(name: str, value: Any) -> memoryview:
    """Bytes in any form that holds them in memory: bytes, bytearray, memoryview, mmap or an array of uint8."""
    if type(value) is bytes:
        return memoryview(value)
    if isinstance(value, np.ndarray | jax.Array):
        if value.dtype != np.uint8 or value.ndim != 1:
            raise TypeError(f"{name} must be bytes, or an array of uint8 with one axis, got {brief(value)}.")
        return np.ascontiguousarray(value).data
    try:
        return memoryview(value).cast("B")
    except TypeError:
        hint = " Read it first." if hasattr(value, "read") else ""
        raise TypeError(f"{name} must be bytes, got {type_name(value)}.{hint}") from None


def contents(name: str, value: Any) -> bytes:
    """As `data`, also from a path, or from an open file from its position on."""
    if isinstance(value, str | os.PathLike):
        with open(value, "rb") as file:
            return file.read()
    if hasattr(value, "read") and not isinstance(value, mmap.mmap):
        value = value.read()
        if isinstance(value, str):
            raise TypeError(f"{name} must be bytes, got text. Open the file with mode 'rb'.")
    return bytes(data(name, value))


def _is_jax(values: Any) -> bool:
    """As isinstance(values, jax.Array), which takes longer than all else at the door."""
    return hasattr(values, "aval")


def _array(name: str, values: Any, what: str) -> Any:
    try:
        array = np.asarray(values)
    except jax.errors.TracerArrayConversionError:
        return jnp.asarray(values)  # a list of traced numbers
    except ValueError:
        raise TypeError(f"{name} must be one array of {what}, got {type_name(values)} of several shapes.") from None
    if array.dtype == object and array.size and all(isinstance(v, int) for v in array.reshape(-1)):
        large = next(v for v in array.reshape(-1) if not INT32.min <= v <= INT32.max)
        raise ValueError(f"{name} must fit 32 bits, from {INT32.min} to {INT32.max}, got {large}.")
    if array.dtype.kind not in "biufV" or array.dtype.names is not None:
        raise TypeError(f"{name} must be {what}, got {_what(array, values)}.")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _what(array: Any, values: Any) -> str:
    return type_name(values) if array.dtype == object else str(array.dtype)


def _position(at: tuple[int, ...]) -> str:
    if not at:
        return ""
    return f" at position {at[0] if len(at) == 1 else at}"
