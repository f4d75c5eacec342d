"""Trees of arrays in the files of other formats: .npy, .npz, .safetensors, and bytes of no format."""

import io
import json
import math
import pathlib
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans.status import CodingError

METADATA = "__metadata__"
"""The key of a file's own strings, in safetensors and in the tree."""
_NPY, _ZIP = b"\x93NUMPY", b"PK"
_LENGTH = 8
"""The number of bytes that say how long the header of a safetensors file is."""
_MOST_HEADER = 10**8
_ALIGNMENT = 8
_SAFE = {
    "BOOL": np.dtype(bool),
    **{f"{kind}{bits}": np.dtype(f"{kind.lower()}{bits // 8}") for kind in "UI" for bits in (8, 16, 32, 64)},
    **{f"F{bits}": np.dtype(f"f{bits // 8}") for bits in (16, 32, 64)},
    "C64": np.dtype(np.complex64),
    "BF16": np.dtype(jnp.bfloat16),
    "F8_E4M3": np.dtype(jnp.float8_e4m3fn),
    "F8_E5M2": np.dtype(jnp.float8_e5m2),
    "F8_E4M3FNUZ": np.dtype(jnp.float8_e4m3fnuz),
    "F8_E5M2FNUZ": np.dtype(jnp.float8_e5m2fnuz),
}
_SAFE_NAMES = {dtype: name for name, dtype in _SAFE.items()}


def kind_of(data: memoryview) -> str:
    """Which of `KINDS` the bytes of a file are."""
    if data[: len(_NPY)] == _NPY:
        return "npy"
    if data[: len(_ZIP)] == _ZIP and zipfile.is_zipfile(io.BytesIO(data)):
        return "npz"
    length = int.from_bytes(data[:_LENGTH], "little")
    if 2 <= length <= len(data) - _LENGTH and data[_LENGTH : _LENGTH + 1] == b"{":
        return "safetensors"
    return "raw"


def kind_for(name: str, tree: Any) -> str:
    """Which of `KINDS` a file of this name has, or else one that can hold the tree."""
    suffix = pathlib.PurePath(name).suffix[1:]
    if suffix in KINDS:
        return suffix
    if isinstance(tree, np.ndarray):
        return "raw" if tree.dtype == np.uint8 and tree.ndim == 1 else "npy"
    return "safetensors"


def read(kind: str, data: memoryview) -> Any:
    """The arrays of a file. Raises CodingError for a file that is none of its kind."""
    return KINDS[kind][0](data)


def write(kind: str, tree: Any) -> bytes:
    """The bytes of a file. Raises TypeError for a tree that such a file cannot hold."""
    return KINDS[kind][1](tree)


# ---- NumPy ----


def _read_npy(data: memoryview) -> np.ndarray:
    return _loaded("npy", data)


def _read_npz(data: memoryview) -> dict[str, np.ndarray]:
    with _loaded("npz", data) as arrays:
        try:
            return {name: arrays[name] for name in arrays.files}
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            raise CodingError(f"this npz file cannot be read: {error}") from None


def _loaded(kind: str, data: memoryview) -> Any:
    try:
        return np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise CodingError(f"this {kind} file cannot be read: {error}") from None


def _write_npy(tree: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, _of_numpy(_array(tree), "npy"), allow_pickle=False)
    return file.getvalue()


def _write_npz(tree: Any) -> bytes:
    file = io.BytesIO()
    arrays = {name: _of_numpy(np.asarray(array), "npz") for name, array in _named(tree).items()}
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _of_numpy(array: np.ndarray, kind: str) -> np.ndarray:
    if array.dtype.kind == "V" or array.dtype.name not in np.sctypeDict:
        raise TypeError(f"{kind} files do not hold {array.dtype}. Write safetensors.")
    return array


# ---- safetensors ----


def _read_safetensors(data: memoryview) -> dict[str, Any]:
    length = int.from_bytes(data[:_LENGTH], "little")
    start = _LENGTH + length
    if length > min(_MOST_HEADER, len(data) - _LENGTH):
        raise CodingError(f"this safetensors file is cut short, or none: its header would have {length} bytes.")
    try:
        header = json.loads(bytes(data[_LENGTH:start]))
        metadata = header.pop(METADATA, None)
        entries = [(name, _SAFE[e["dtype"]], tuple(e["shape"]), *e["data_offsets"]) for name, e in header.items()]
        whole = all(type(n) is int and n >= 0 for _, _, shape, *ends in entries for n in (*shape, *ends))
        strings = metadata is None or all(isinstance(v, str) for pair in metadata.items() for v in pair)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CodingError(f"the header of this safetensors file cannot be read: {error}") from None
    except KeyError as error:
        raise CodingError(f"this safetensors file has an entry without, or with an unknown, {error}.") from None
    tree: dict[str, Any] = {} if metadata is None else {METADATA: metadata}
    for name, dtype, shape, begin, end in sorted(entries, key=lambda entry: entry[3:]):
        if not whole or end > len(data) - start or end - begin != math.prod(shape) * dtype.itemsize:
            raise CodingError(f"the offsets of {name!r} in this safetensors file do not fit its shape, or the file.")
        tree[name] = np.frombuffer(data[start + begin : start + end], dtype).reshape(shape)
    if not whole or not strings:
        raise CodingError("the header of this safetensors file has values of the wrong type.")
    return tree


def _write_safetensors(tree: Any) -> bytes:
    leaves = dict(_named(tree))
    header: dict[str, Any] = {METADATA: leaves.pop(METADATA)} if METADATA in leaves else {}
    parts, end = [], 0
    for name, leaf in leaves.items():
        array = np.ascontiguousarray(leaf).reshape(np.shape(leaf))
        if array.dtype not in _SAFE_NAMES:
            raise TypeError(f"safetensors files do not hold {array.dtype}, the dtype of {name!r}. Write npz.")
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": _SAFE_NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
        parts.append(array.reshape(-1).view(np.uint8).data)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return b"".join([len(text).to_bytes(_LENGTH, "little"), text, *parts])


def _named(tree: Any) -> Mapping[str, Any]:
    """The leaves of a tree by name, from nested dicts and lists too."""
    if isinstance(tree, np.ndarray):
        return {"array": tree}
    if not isinstance(tree, dict | list | tuple):
        raise TypeError(f"these files hold arrays by name, and the tree is {type(tree).__name__}.")
    found: dict[str, Any] = {}
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(value, dict | list | tuple) and key != METADATA:
            found |= {f"{key}.{name}": leaf for name, leaf in _named(value).items()}
        else:
            found[str(key)] = value
    return found


# ---- bytes ----


def _array(tree: Any) -> np.ndarray:
    if not isinstance(tree, np.ndarray | np.generic):
        raise TypeError(
            f"such a file holds one array, and the tree is {type(tree).__name__}. Write npz or safetensors."
        )
    return np.asarray(tree)


def _read_raw(data: memoryview) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


def _write_raw(tree: Any) -> bytes:
    return _array(tree).tobytes()


KINDS: dict[str, tuple[Callable[[memoryview], Any], Callable[[Any], bytes]]] = {
    "npy": (_read_npy, _write_npy),
    "npz": (_read_npz, _write_npz),
    "safetensors": (_read_safetensors, _write_safetensors),
    "raw": (_read_raw, _write_raw),
}
"""Functions that read and write each kind of file."""


def load_safetensors(source: Any) -> dict[str, Any]:
    """The arrays of a safetensors file by name, in the order of the file.

    Args:
        source: its bytes, or its path.

    Returns:
        NumPy arrays that share the memory of the bytes, and under "__metadata__" the strings that the file has there.

    Raises:
        CodingError: for another file, or one that is damaged.
    """
    return _read_safetensors(memoryview(_inputs.contents("source", source)))


def save_safetensors(tree: Any) -> bytes:
    """A safetensors file of the arrays of a tree; names of nested ones are joined with dots.

    Args:
        tree: arrays in dicts and lists; a dict of strings under "__metadata__" becomes the metadata of the file.

    Raises:
        TypeError: for leaves that are no arrays, or of a dtype that the format lacks.

    >>> load_safetensors(save_safetensors({"layer": {"bias": np.zeros(2, np.float16)}}))
    {'layer.bias': array([0., 0.], dtype=float16)}
    """
    return _write_safetensors(tree)
