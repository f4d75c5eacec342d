"""The structure of a tree as bytes: containers, scalars, and the places of its arrays."""

import dataclasses
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans._checks import type_name
from jans.archive import _arrays
from jans.archive._wire import Reader, Writer, damaged
from jans.status import CodingError

NONE, FALSE, TRUE, INT, FLOAT, COMPLEX, TEXT, BYTES, LIST, TUPLE, DICT, NAMED, ARRAY, SCALAR = range(14)
_FLOAT, _COMPLEX = struct.Struct("<d"), struct.Struct("<dd")
DEEPEST = 100
"""The most containers in each other."""
_MOST_BITS = 4096
"""Integers have fewer bits."""
_KEY_BITS = 64
"""Integers that are keys have at most so many: longer ones may all have the same hash."""


def write(
    writer: Writer, tree: Any, put: Callable[[Writer, np.ndarray, tuple[str, ...]], None], path: tuple[str, ...] = ()
) -> None:
    """Writes a tree; `put` writes what stands for the array at a path."""
    if len(path) > DEEPEST:
        raise ValueError(f"tree has more than {DEEPEST} containers in each other, at {_show(path[:4])}/...")
    array = _array(tree, path)
    if array is not None:
        writer.number(SCALAR if isinstance(tree, np.generic) else ARRAY)
        put(writer, array, path)
        return
    if tree is None or isinstance(tree, bool):
        writer.number(NONE if tree is None else TRUE if tree else FALSE)
    elif isinstance(tree, int):
        if tree.bit_length() >= _MOST_BITS:
            raise ValueError(f"tree has an integer of {tree.bit_length()} bits at {_show(path)}.")
        writer.number(INT).signed(int(tree))
    elif isinstance(tree, float):
        writer.number(FLOAT).data.extend(_FLOAT.pack(tree))
    elif isinstance(tree, complex):
        writer.number(COMPLEX).data.extend(_COMPLEX.pack(tree.real, tree.imag))
    elif isinstance(tree, str):
        writer.number(TEXT).text(tree)
    elif isinstance(tree, bytes):
        writer.number(BYTES).sized(tree)
    elif type(tree) in (list, tuple):
        writer.number(LIST if isinstance(tree, list) else TUPLE).number(len(tree))
        for k, child in enumerate(tree):
            write(writer, child, put, (*path, str(k)))
    elif type(tree) is dict:
        writer.number(DICT).number(len(tree))
        if len(set(map(str, tree))) < len(tree):
            raise ValueError(f"the dict at {_show(path)} has an integer and its digits as keys. Rename one of them.")
        for key, child in tree.items():
            _key(writer, key, path)
            write(writer, child, put, (*path, str(key)))
    else:
        children = _children(tree, path)
        writer.number(NAMED).text(type(tree).__qualname__).number(len(children))
        for name, child in children.items():
            write(writer.text(name), child, put, (*path, name))


def _array(leaf: Any, path: tuple[str, ...]) -> np.ndarray | None:
    """An array of a dtype that can be packed; None for what is no array."""
    if isinstance(leaf, jax.core.Tracer):
        raise TypeError(f"tree has a traced array at {_show(path)}. Pack outside of jit, what the program returns.")
    if not isinstance(leaf, np.ndarray | np.generic | jax.Array):
        return None
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        raise TypeError(f"tree has a key at {_show(path)}. Pack jax.random.key_data of it.")
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        raise ValueError(f"the array at {_show(path)} has parts in other processes. Pack its addressable shards.")
    if isinstance(leaf, np.ma.MaskedArray):
        raise TypeError(f"tree has a masked array at {_show(path)}. Pack its data and its mask.")
    array = np.asarray(leaf)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype not in _arrays.DTYPES:
        raise TypeError(f"tree has an array of {array.dtype} at {_show(path)}. Convert it to numbers first.")
    return array


def _children(tree: Any, path: tuple[str, ...]) -> dict[str, Any]:
    """The parts of an object by name: fields of a named tuple or a dataclass, or those that JAX knows."""
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return dict(zip(tree._fields, tree, strict=True))
    pairs = jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda part: part is not tree)[0]
    if all(keys for keys, _ in pairs):
        children = {jax.tree_util.keystr(keys, simple=True): part for keys, part in pairs}
        if len(children) < len(pairs):
            raise ValueError(f"{type_name(tree)} at {_show(path)} has parts of one name. Rename one of them.")
        return children
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return {field.name: getattr(tree, field.name) for field in dataclasses.fields(tree)}
    raise TypeError(
        f"tree has {type_name(tree)} at {_show(path)}, which is no array, number, string or container that JAX knows. "
        "Leave it out, or register its class (jax.tree_util.register_pytree_node)."
    )


def _key(writer: Writer, key: Any, path: tuple[str, ...]) -> None:
    if type(key) is str:
        writer.number(TEXT).text(key)
    elif type(key) is int and key.bit_length() <= _KEY_BITS:
        writer.number(INT).signed(key)
    else:
        raise TypeError(
            f"the keys of a dict must be strings or integers of 64 bits, got {type_name(key)} at {_show(path)}."
        )


def _show(path: Sequence[str]) -> str:
    return repr("/".join(path))


def read(
    reader: Reader,
    get: Callable[[Reader, tuple[str, ...]], Any],
    types: Mapping[str, type] | None,
    path: tuple[str, ...] = (),
) -> Any:
    """The inverse of `write`: `get` reads what stands for an array. Objects are dicts where there are no types."""
    if len(path) > DEEPEST:
        raise damaged(f"more than {DEEPEST} containers in each other")
    kind = reader.number(SCALAR)
    if kind in (ARRAY, SCALAR):
        array = get(reader, path)
        return array[()] if kind == SCALAR and isinstance(array, np.ndarray) else array
    if kind in (NONE, FALSE, TRUE):
        return None if kind == NONE else kind == TRUE
    if kind == INT:
        return reader.signed(1 << _MOST_BITS)
    if kind == FLOAT:
        return reader.unpack(_FLOAT)[0]
    if kind == COMPLEX:
        return complex(*reader.unpack(_COMPLEX))
    if kind == TEXT:
        return reader.text()
    if kind == BYTES:
        return bytes(reader.sized())
    name = reader.text() if kind == NAMED else ""
    count = reader.number(reader.left)
    if kind in (LIST, TUPLE):
        children = [read(reader, get, types, (*path, str(k))) for k in range(count)]
        return children if kind == LIST else tuple(children)
    found: dict[Any, Any] = {}
    names: set[str] = set()
    for _ in range(count):
        key = reader.text() if kind == NAMED else _read_key(reader)
        if str(key) in names:
            raise damaged("a name twice in one container")
        names.add(str(key))
        found[key] = read(reader, get, types, (*path, str(key)))
    return found if kind == DICT or types is None else _build(name, found, types, path)


def _read_key(reader: Reader) -> Any:
    kind = reader.number(TEXT)
    if kind not in (TEXT, INT):
        raise damaged("a key that is no string and no integer")
    return reader.text() if kind == TEXT else reader.signed(1 << _KEY_BITS)


def _build(name: str, children: dict[str, Any], types: Mapping[str, type], path: tuple[str, ...]) -> Any:
    if name not in types:
        raise CodingError(
            f"these bytes have an object of the class {name!r} at {_show(path)}. Pass types=[{name.split('.')[-1]}], "
            "or a tree of the same structure as like=."
        )
    cls = types[name]
    fields = getattr(cls, "_fields", ())
    if dataclasses.is_dataclass(cls):
        fields = tuple(field.name for field in dataclasses.fields(cls) if field.init)
    if set(fields) != set(children):
        raise CodingError(
            f"the class {name} has the fields {', '.join(fields) or 'of no named tuple and no dataclass'}, and "
            f"{', '.join(children) or 'nothing'} was packed. Pass a tree of the same structure as like=."
        )
    try:
        return cls(**children)
    except Exception as error:
        raise CodingError(f"the class {name} refuses what was packed: {error}") from error


def name_of(path: Sequence[str]) -> str:
    """A path as one string, with "~1" for a slash in a key, and "~0" for a tilde (RFC 6901)."""
    return "/".join(key.replace("~", "~0").replace("/", "~1") for key in path)


def arrays(tree: Any) -> dict[str, np.ndarray]:
    """The arrays of a tree that `write` takes, by name."""
    found = {}

    def put(_: Writer, array: np.ndarray, path: tuple[str, ...]) -> None:
        found[name_of(path)] = array

    write(Writer(), tree, put)
    return found


def leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The leaves of what `read` made with objects as dicts, each with its path."""
    if isinstance(tree, dict | list | tuple):
        for key, child in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from leaves(child, (*path, str(key)))
    else:
        yield path, tree
