"""Measures how time and memory grow with symbols, streams, alphabet and precision, on one core:
`python benchmarks/scaling.py [--out FILE] [--picture FILE]`.

Every time is the smallest of several, because noise only adds to it. A time is that of one compiled call,
with dispatch.
"""

import argparse
import math
import os
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Callable

# Import this before JAX, because it sets the flags of XLA.
from measure import laplace, markdown, processor, result_file  # isort: skip

import jax
import jax.numpy as jnp
import numpy as np

from jans import models, rans
from jans.ffi import registry

SECONDS = 0.4
"""Time to spend on every call."""
SHAPES = {
    "1 lane, 24 bits": ("rans64", 1, 24),
    "32 lanes, 24 bits": ("rans64", 32, 24),
    "32 lanes of 32 bits, 12 bits": ("rans32_16", 32, 12),
}
Curves = dict[str, tuple[list[int], list[float], list[float]]]
"""name -> numbers, and nanoseconds per symbol to push and to pop."""


def smallest_time(call: Callable[[], object]) -> float:
    times = []
    stop = time.perf_counter() + SECONDS
    while len(times) < 3 or time.perf_counter() < stop:
        begin = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - begin)
    return min(times[1:])


def draw(size: int, shape: tuple[int, ...], dtype=np.uint8) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a Laplace distribution whose width suits the alphabet, and symbols."""
    probs = laplace(size, size / 40 + 0.5)
    edges = np.cumsum(probs.astype(np.float64))
    rng, flat = np.random.default_rng(0), np.empty(math.prod(shape), dtype)
    for part in range(0, flat.size, 2**20):  # in parts, so that drawing takes little memory
        some = flat[part : part + 2**20]
        some[:] = np.minimum(np.searchsorted(edges, rng.random(some.size) * edges[-1]), size - 1)
    return probs, flat.reshape(shape)


def push_pop(variant: str, lanes: int, precision: int, size: int, shape: tuple[int, ...], dtype=np.uint8):
    """Seconds to push into donated states and to pop, for streams of one table."""
    probs, symbols = draw(size, shape, dtype)
    model = models.Categorical(jnp.asarray(probs), precision=precision)
    x = jnp.asarray(symbols)
    n = shape[-1]
    each = (lambda f: jax.vmap(f)) if len(shape) > 1 else (lambda f: f)
    capacity = n * precision // (16 if variant == "rans32_16" else 32) + 2

    def push_into(tail, x):
        empty = rans.init(0, lanes, variant)
        return rans.push(rans.State(empty.head, tail, empty.size, empty.status, variant), model, x)

    push = jax.jit(each(push_into), donate_argnums=0)
    pop = jax.jit(each(lambda s: rans.pop(s, model, (n,), x.dtype)[1]))
    full = push(jnp.zeros((*shape[:-1], capacity), np.uint16 if variant == "rans32_16" else np.uint32), x)
    assert (pop(full) == x).all()
    buffers = {"tail": jnp.copy(full.tail)}

    def encode():
        state = push(buffers["tail"], x)
        buffers["tail"] = state.tail
        return state

    return smallest_time(encode), smallest_time(lambda: pop(full))


def curve(numbers: list[int], measure: Callable[[int], tuple[tuple[float, float], int]]):
    pushes, pops = [], []
    for number in numbers:
        (push, pop), symbols = measure(number)
        pushes.append(1e9 * push / symbols)
        pops.append(1e9 * pop / symbols)
        print(f"  {number}: {pushes[-1]:.2f} {pops[-1]:.2f} ns", flush=True)
    return numbers, pushes, pops


def sections(largest: int) -> dict[tuple[str, str], Curves]:
    found: dict[tuple[str, str], Curves] = {}

    def add(title: str, axis: str, curves: dict[str, Callable]) -> None:
        found[title, axis] = {}
        for name, make in curves.items():
            print(f"{title}: {name}", flush=True)
            found[title, axis][name] = make()

    decades = [10**k for k in range(20) if 10**k <= largest]
    add(
        "symbols in one stream",
        "symbols",
        {
            name: lambda s=shape: curve(decades, lambda n: (push_pop(*s, 256, (n,)), n))
            for name, shape in SHAPES.items()
        },
    )
    streams = [10**k for k in range(6)]
    add(
        "streams of 1024 symbols",
        "streams",
        {
            name: lambda s=shape: curve(streams, lambda b: (push_pop(*s, 256, (b, 1024)), b * 1024))
            for name, shape in SHAPES.items()
        },
    )
    sizes = [2**k for k in range(1, 17)]
    n = 10**6
    add(
        "symbols in the alphabet",
        "symbols",
        {
            "1 lane, 24 bits": lambda: curve(sizes, lambda k: (push_pop("rans64", 1, 24, k, (n,), np.int32), n)),
            "32 lanes, 24 bits": lambda: curve(sizes, lambda k: (push_pop("rans64", 32, 24, k, (n,), np.int32), n)),
        },
    )
    bits = list(range(8, 25))
    add(
        "bits of the frequencies",
        "bits",
        {
            "1 lane": lambda: curve(bits, lambda p: (push_pop("rans64", 1, p, 128, (n,)), n)),
            "32 lanes": lambda: curve(bits, lambda p: (push_pop("rans64", 32, p, 128, (n,)), n)),
            "32 lanes of 32 bits": lambda: curve(bits[:8], lambda p: (push_pop("rans32_16", 32, p, 128, (n,)), n)),
        },
    )
    return found


def peak(n: int) -> None:
    """Prints the peak memory of this process in bytes, after n symbols were pushed and popped."""
    push_pop("rans32_16", 32, 12, 256, (n,))
    status = pathlib.Path("/proc/self/status").read_text()
    print(1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)))


def memory(largest: int) -> list[tuple[str, ...]]:
    run = lambda n: subprocess.run(
        [sys.executable, __file__, "--peak", str(n)], check=True, capture_output=True, text=True
    )
    numbers = [1] + [10**k for k in range(6, 10) if 10**k <= largest]
    peaks = [int(run(n).stdout) for n in numbers]
    return [
        (f"{n}", f"{found / 2**20:.0f}", f"{(found - peaks[0]) / n:.1f}" if n > 1 else "")
        for n, found in zip(numbers, peaks, strict=True)
    ]


def draw_picture(path: pathlib.Path, found: dict[tuple[str, str], Curves]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
    colours = dict(zip((0, 1, 2), ("#1f618d", "#b9770e", "#4d5656"), strict=True))
    for axes, ((title, axis), curves) in zip(grid.flat, found.items(), strict=True):
        for k, (name, (numbers, pushes, pops)) in enumerate(curves.items()):
            axes.plot(numbers, pushes, color=colours[k], marker=".", label=f"{name}, push")
            axes.plot(numbers, pops, color=colours[k], marker=".", linestyle="--", label=f"{name}, pop")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(axis)
        axes.set_ylabel("ns a symbol")
        axes.set_yscale("log")
        if axis != "bits":
            axes.set_xscale("log", base=2 if "alphabet" in title else 10)
        axes.grid(alpha=0.2)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=result_file("scaling"), help="Markdown file to write")
    parser.add_argument("--picture", type=pathlib.Path, help="PNG file to draw")
    parser.add_argument("--largest", type=int, default=10**8, help="most symbols of one stream")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if args.peak:
        return peak(args.peak)
    found = sections(args.largest)
    parts = [
        "# How time and memory grow",
        f"{processor()}, {registry.simd()}; jax {jax.__version__}. One core, nanoseconds a symbol to push / to pop.",
    ]
    for (title, axis), curves in found.items():
        numbers = max((curve[0] for curve in curves.values()), key=len)
        rows = []
        for k, number in enumerate(numbers):
            cells = [f"{c[1][k]:.2f} / {c[2][k]:.2f}" if k < len(c[0]) else "" for c in curves.values()]
            rows.append((f"{number}", *cells))
        parts += [f"## {title[0].upper()}{title[1:]}", markdown((axis, *curves), rows)]
    parts += [
        "## Peak memory of a process that pushes and pops bytes, 32 lanes",
        markdown(("symbols", "MiB in all", "bytes a symbol beyond one symbol"), memory(args.largest)),
    ]
    text = "\n\n".join(parts) + "\n"
    print(text)
    args.out.write_text(text)
    if args.picture:
        draw_picture(args.picture, found)
    return None


if __name__ == "__main__":
    main()
