"""Packs the state of a training, and what changes in a few steps of it: the second half of `make bench-arrays`.

A network of 8.4 million weights learns with AdamW which part of a digit has most ink. AdamW keeps two moments of each
weight: 101 MB in float32. Orbax saves and restores the same state, with zstd, and through the handler of jans.
"""

import argparse
import itertools
import operator
import os
import pathlib
import statistics
import sys
import tempfile
import time
from typing import Any

os.environ["JANS_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
from measure import markdown, processor  # isort: skip

import jax
import jax.numpy as jnp
import numpy as np

import jans
from jans.plugins.orbax import PackHandler, PackRestore, PackSave

try:
    import optax
    import orbax.checkpoint as ocp
    import zstandard
except ImportError as error:
    sys.exit(f"{error}: install the extra bench-arrays.")

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples"))
from common.image_data import load  # noqa: E402

WIDTHS = (784, 2048, 2048, 1280, 10)
BATCH = 128
STEPS, AGO = 1500, (500, 10)


def labelled(spec: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Pictures as floats, and a class of each: which of ten bands has most ink."""
    pictures = load(spec).train.reshape(-1, 784).astype(np.float32) / 255
    ink = pictures[:, : 780 // 10 * 10].reshape(len(pictures), 10, -1).sum(2)
    return pictures, ink.argmax(1)


def states(spec: str | None) -> dict[int, Any]:
    """The parameters and the state of the optimizer, by how many steps before the last one."""
    pictures, classes = labelled(spec)
    key, params = jax.random.key(0), {}
    for k, (rows, columns) in enumerate(itertools.pairwise(WIDTHS)):
        kernel = jax.random.normal(jax.random.fold_in(key, k), (rows, columns)) / rows**0.5
        params[f"layer_{k}"] = {"kernel": kernel, "bias": jnp.zeros(columns)}
    optimizer = optax.adamw(1e-3, weight_decay=1e-4)

    def loss(params, x, y):
        for k in range(len(params)):
            x = x @ params[f"layer_{k}"]["kernel"] + params[f"layer_{k}"]["bias"]
            x = jax.nn.relu(x) if k + 1 < len(params) else x
        return optax.softmax_cross_entropy_with_integer_labels(x, y).mean()

    @jax.jit
    def step(params, state, x, y):
        updates, state = optimizer.update(jax.grad(loss)(params, x, y), state, params)
        return optax.apply_updates(params, updates), state

    state, random, found = optimizer.init(params), np.random.default_rng(0), {}
    for k in range(STEPS, -1, -1):
        if k in (*AGO, 0):
            found[k] = {"params": jax.tree.map(np.asarray, params), "optimizer": jax.tree.map(np.asarray, state)}
        chosen = random.integers(0, len(pictures), BATCH)
        params, state = step(params, state, pictures[chosen], classes[chosen])
        if k % 100 == 0:
            print(f"\r{STEPS - k} of {STEPS} steps", end="", file=sys.stderr, flush=True)
    print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    return found


def size_of(tree: Any) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree) if hasattr(leaf, "nbytes"))


def timed(call: Any, repetitions: int) -> tuple[Any, float]:
    times = []
    for _ in range(repetitions):
        begin = time.perf_counter()
        found = call()
        times.append(time.perf_counter() - begin)
    return found, statistics.median(times)


def packed_states(state: Any, repetitions: int) -> list[tuple[str, ...]]:
    total, rows = size_of(state), []
    joined = b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state))
    compress = zstandard.ZstdCompressor(3).compress
    data, seconds = timed(lambda: compress(joined), repetitions)
    _, back = timed(lambda: zstandard.ZstdDecompressor().decompress(data), repetitions)
    rows.append(
        ("zstd, level 3", f"{len(data) / total:.2%}", f"{total / seconds / 1e6:.0f}", f"{total / back / 1e6:.0f}")
    )
    for level in ("fast", "small"):
        data, seconds = timed(lambda level=level: jans.pack(state, level), repetitions)
        again, back = timed(lambda data=data: jans.unpack(data, like=state), repetitions)
        if any(a.tobytes() != b.tobytes() for a, b in zip(*map(jax.tree.leaves, (state, again)), strict=True)):
            sys.exit("the unpacked state differs")
        rates = f"{total / seconds / 1e6:.0f}", f"{total / back / 1e6:.0f}"
        rows.append((f"jans, {level}", f"{len(data) / total:.2%}", *rates))
    return rows


def differences(found: dict[int, Any]) -> list[tuple[str, ...]]:
    rows = []
    for kind in (np.float32, jnp.bfloat16):
        convert = operator.methodcaller("astype", kind)
        now, *earlier = (jax.tree.map(convert, found[k]["params"]) for k in (0, *AGO))
        total = size_of(now)
        for ago, base in zip(AGO, earlier, strict=True):
            words = [
                (a.view(f"u{a.itemsize}") ^ b.view(f"u{a.itemsize}")).tobytes()
                for a, b in zip(jax.tree.leaves(now), jax.tree.leaves(base), strict=True)
            ]
            peer = len(zstandard.ZstdCompressor(3).compress(b"".join(words)))
            data = jans.pack(now, base=base)
            if any(
                a.tobytes() != b.tobytes()
                for a, b in zip(*map(jax.tree.leaves, (now, jans.unpack(data, base=base))), strict=True)
            ):
                sys.exit("the unpacked parameters differ")
            rows.append((np.dtype(kind).name, f"{ago}", f"{peer / total:.2%}", f"{len(data) / total:.2%}"))
    return rows


def orbax(state: Any, repetitions: int) -> list[tuple[str, ...]]:
    state, rows = jax.tree.map(jnp.asarray, state), []
    total = size_of(state)
    ways = {
        "Orbax, zstd": (ocp.StandardCheckpointHandler(), ocp.args.StandardSave(state), ocp.args.StandardRestore(state)),
        "Orbax, jans fast": (PackHandler(), PackSave(state, "fast"), PackRestore(state)),
        "Orbax, jans small": (PackHandler(), PackSave(state, "small"), PackRestore(state)),
    }
    for name, (handler, save, restore) in ways.items():
        saves, restores = [], []
        for _ in range(repetitions):
            with tempfile.TemporaryDirectory() as folder, ocp.Checkpointer(handler) as checkpointer:
                path = pathlib.Path(folder) / "state"
                _, seconds = timed(lambda path=path, save=save: checkpointer.save(path, args=save), 1)
                saves.append(seconds)
                size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
                _, seconds = timed(lambda path=path, restore=restore: checkpointer.restore(path, args=restore), 1)
                restores.append(seconds)
        times = (f"{statistics.median(seconds):.2f} s" for seconds in (saves, restores))
        rows.append((name, f"{size / total:.2%}", *times))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="as for examples/mnist.py")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, help="a file for the tables, as Markdown")
    args = parser.parse_args()
    found = states(args.data)
    parts = [f"# States of a training\n\n{processor()}; rates in MB of the arrays a second.\n"]
    text = f"## Parameters and moments of AdamW, float32, {size_of(found[0]) / 1e6:.1f} MB, after {STEPS} steps\n"
    parts.append(
        f"{text}\n{markdown(('', 'share of raw', 'pack', 'unpack'), packed_states(found[0], args.repetitions))}\n"
    )
    header = ("parameters", "steps before", "XOR and zstd", "jans, base=")
    parts.append(f"## Parameters, given those some steps before\n\n{markdown(header, differences(found))}\n")
    header = ("", "share of raw", "save", "restore")
    parts.append(f"## Checkpoints\n\n{markdown(header, orbax(found[0], args.repetitions))}\n")
    print("\n".join(parts))
    if args.out:
        args.out.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
