"""The parts of benchmarks/gpu.py that run in JAX: the same bits on the CPU and on the GPU, and rates.

`python benchmarks/gpu_jax.py compare|time --out SECTION.md [--platform cpu]`; on the CPU it only rehearses itself.
"""

import argparse
import itertools
import math
import pathlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jans
from jans import models, rans

VARIANTS = {"rans64": (24, 32), "rans64_ryg": (16, 31), "rans32_16": (12, 15), "rans32": (16, 23)}
"""Two precisions for each, the second the largest."""
LANES = (1, 3, 32)
STREAMS = 64


def laplace(n: int, width: float) -> np.ndarray:
    p = np.exp(-np.abs(np.arange(n) - n // 2) / width)
    return (p / p.sum()).astype(np.float32)


def markdown(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# ---- the same bits ----


def content(outputs: Any) -> list[np.ndarray]:
    """Arrays of a result; words beyond the size are unspecified."""

    def blank(part: Any) -> Any:
        if not isinstance(part, rans.State):
            return part
        used = np.arange(part.tail.shape[-1]) < np.asarray(part.size)[..., None]
        return [np.asarray(part.head), np.where(used, part.tail, 0), np.asarray(part.size), np.asarray(part.status)]

    parts = jax.tree.map(blank, outputs, is_leaf=lambda part: isinstance(part, rans.State))
    return [np.asarray(leaf) for leaf in jax.tree.leaves(parts)]


def there_and_back(precision: int, index_axis: int | None, cdf_axis: int | None) -> Callable:
    """Pushes rows of symbols on streams with Table models, and pops them again."""

    def one(state, symbols, cdf, index):
        model = models.Table(cdf, index, precision)
        pushed = rans.push(state, model, symbols)
        return pushed, *rans.pop(pushed, model, symbols.shape, symbols.dtype)

    return jax.vmap(one, (0, 0, cdf_axis, index_axis))


def by_steps(precision: int) -> Callable:
    """Pushes intervals, and takes them off with peek and advance, as models of users are coded."""

    def one(state, symbols):
        model = models.Uniform(200, precision)
        pushed = rans.push(state, model, symbols)

        def step(s, _):
            found = model.locate(rans.peek(s, precision))
            return rans.advance(s, *model.interval(found), precision), found

        return pushed, *jax.lax.scan(step, pushed, length=symbols.size // state.lanes)

    return jax.vmap(one)


def random_states(rng: np.random.Generator, variant: str, lanes: int, capacity: int, hostile: bool) -> rans.State:
    keys = jax.random.split(jax.random.key(int(rng.integers(2**31))), STREAMS)
    states = jax.vmap(lambda key: rans.random(key, capacity // 8, capacity, lanes, variant))(keys)
    states = jax.tree.map(np.asarray, states)
    if not hostile:
        return states
    odd = np.array([-(2**31), -1, 0, capacity, capacity + 3, 2**31 - 1], np.int32)
    head = rng.integers(0, 2**32, states.head.shape, np.uint32)
    return rans.State(head, states.tail, rng.choice(odd, STREAMS), states.status, variant)


def comparisons(symbols: int):
    """Names, functions of arrays, and their arrays."""
    rng = np.random.default_rng(0)
    probs = (rng.random((8, 256)) ** 6 + 1e-4).astype(np.float32)
    each = math.ceil(symbols / (len(VARIANTS) * len(LANES) * 4 * STREAMS)) + 5
    for number, (variant, lanes) in enumerate(itertools.product(VARIANTS, LANES)):
        precision = VARIANTS[variant][number % 2]
        cdf = np.asarray(jans.quantize.probs(jnp.asarray(probs), precision))
        states = random_states(rng, variant, lanes, 3 * each, False)
        x = rng.integers(0, 256, (STREAMS, each))
        index = rng.integers(0, 8, (STREAMS, each), np.int32)
        name = f"{variant}, {lanes} lanes, {precision} bits"
        zero = np.int32(0)
        yield f"{name}: one row", there_and_back(precision, None, None), (states, x.astype(np.uint8), cdf[:1], zero)
        yield f"{name}: indexed rows", there_and_back(precision, 0, None), (states, x.astype(np.int32), cdf, index)
        own = cdf[rng.integers(0, 8, STREAMS)][:, None]
        yield f"{name}: own rows", there_and_back(precision, None, 0), (states, x.astype(np.uint16), own, zero)
        yield f"{name}: by steps", by_steps(precision), (states, (x % 200).astype(np.int32))

        bad = cdf.copy()
        bad[3, 100] = 2**31 + 5
        harsh = random_states(rng, variant, lanes, each // 4, True)
        wild = np.where(rng.random(index.shape) < 0.001, 99, index)
        yield f"{name}: hostile", there_and_back(precision, 0, None), (harsh, x.astype(np.int32), bad, wild)
    rows = np.where(rng.random((5000, 64)) < 1e-4, np.float32(np.nan), rng.normal(0, 4, (5000, 64)).astype(np.float32))
    yield "quantised probabilities", lambda p: jans.quantize.probs(p, 16), (np.abs(rows),)
    yield "quantised logits", lambda p: jans.quantize.logits(p, 24), (rows,)

    # Kernels on the CPU against plain JAX on the GPU.
    def mixtures(state, *parameters):
        model = models.LogisticMixture(*parameters, low=0, high=255, precision=20)
        state, found = rans.pop(state, model)
        return rans.push(state, model, found), found

    shape = (STREAMS, 40, 3)
    parameters = rng.normal(0, 1, shape), rng.uniform(0, 256, shape), np.exp(rng.normal(1, 1, shape))
    states = random_states(rng, "rans64", 1, 400, False)
    yield "logistic mixtures", jax.vmap(mixtures), (states, *(p.astype(np.float32) for p in parameters))


def compare(device: Any, args: argparse.Namespace) -> str:
    places = jax.devices("cpu")[0], device
    count, coded, wrong = 0, 0, []
    for name, function, arrays in comparisons(args.symbols):
        begin = time.perf_counter()
        program = jax.jit(function)
        a, b = (content(program(*jax.device_put(arrays, place))) for place in places)
        same = len(a) == len(b) and all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in zip(a, b, strict=True))
        wrong += [] if same else [name]
        count += 1
        coded += arrays[1].size if len(arrays) > 1 and arrays[1].dtype.kind in "iu" else 0
        print(f"{name}: {'same' if same else 'DIFFERENT'} ({time.perf_counter() - begin:.1f} s)", flush=True)
    if wrong:
        sys.exit(f"the GPU differs from the CPU in {len(wrong)} of {count}: {'; '.join(wrong)}")
    return f"CPU and GPU through JAX: {count} programs, {coded:,} symbols pushed and popped, every bit the same."


# ---- rates ----


def seconds(call: Callable[[], Any], least: float = 0.2) -> float:
    """Median over five runs of as many calls, queued at once, as fill `least` seconds."""
    jax.block_until_ready(call())
    begin = time.perf_counter()
    jax.block_until_ready(call())
    calls = max(1, math.ceil(least / (time.perf_counter() - begin)))
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(calls):
            result = call()
        jax.block_until_ready(result)
        times.append((time.perf_counter() - begin) / calls)
    return statistics.median(times)


def copy_bandwidth(megabytes: int) -> float:
    """Bytes read and written by a kernel that changes every word, per second."""
    words = jnp.zeros(megabytes * 2**18, jnp.uint32)
    flip = jax.jit(lambda x: x ^ 1)
    return 2 * words.nbytes / seconds(lambda: flip(words))


def stream_rates(variant, lanes, precision, dtype, tables, megabytes):
    """Symbols per second of push and of pop, and bytes that a symbol moves: itself, its index and its words."""
    total = megabytes * 2**20 // np.dtype(dtype).itemsize
    streams = max(1, (4096 if lanes == 32 else 65536) * megabytes // 256)
    n = total // streams
    widths = np.linspace(2, 20, tables) if tables > 1 else [6.0]
    probs = np.stack([laplace(256, width) for width in widths])
    cdf = jans.quantize.probs(jnp.asarray(probs), precision)
    places = jnp.arange(2**precision, dtype=jnp.uint32)
    symbol_at = jax.vmap(lambda row: jnp.searchsorted(row, places, side="right") - 1)(cdf).astype(dtype)

    @jax.jit
    def draw(key):
        bits, choice = jax.random.split(key)
        index = jax.random.randint(choice, (streams, n), 0, tables) if tables > 1 else jnp.zeros((), jnp.int32)
        at = jax.random.bits(bits, (streams, n), jnp.uint32) >> (32 - precision)
        return symbol_at[index, at], index

    symbols, index = draw(jax.random.key(0))
    empty = rans.init(0, lanes, variant)
    capacity = int(n * 6.5 / (8 * empty.tail.dtype.itemsize)) + 1000
    axes = (0, 0, 0 if tables > 1 else None)

    def one_push(tail, x, i):
        return rans.push(
            rans.State(empty.head, tail, empty.size, empty.status, variant), models.Table(cdf, i, precision), x
        )

    push = jax.jit(jax.vmap(one_push, axes), donate_argnums=0)
    pop = jax.jit(jax.vmap(lambda s, i: rans.pop(s, models.Table(cdf, i, precision), (n,), dtype)[1], (0, axes[2])))
    held = [push(jnp.zeros((streams, capacity), empty.tail.dtype), symbols, index)]
    jans.check(held[0])
    if not bool(jnp.array_equal(pop(held[0], index), symbols)):
        sys.exit(f"{variant} with {lanes} lanes does not pop what was pushed")
    words = float(held[0].size.mean()) * empty.tail.dtype.itemsize / n
    moved = np.dtype(dtype).itemsize + words + (4 if tables > 1 else 0)

    def push_again():
        held[0] = push(held[0].tail, symbols, index)
        return held[0].size

    rates = streams * n / seconds(push_again), streams * n / seconds(lambda: pop(held[0], index))
    return (*rates, moved, f"{streams} x {n}")


STEPS = 500


def _many(step: Callable, *args: jax.Array) -> Callable:
    """A step, many times over."""
    return lambda state: jax.lax.scan(lambda s, _: (step(s, *args), None), state, length=STEPS)[0]


def step_times() -> list[tuple[str, ...]]:
    """Microseconds of a push and of a pop as steps of a scan, for chains side by side."""
    rows = []
    model = models.Table(jans.quantize.probs(jnp.asarray(laplace(256, 6.0))[None], 12), 0, 12)
    for chains, n, capacity in ((1, 32, 2**16), (1, 32, 2**25), (1, 784, 2**20), (256, 784, 2**20)):
        symbols = jnp.full((chains, n), 128, jnp.uint8)
        push_all = jax.vmap(lambda s, x: rans.push(s, model, x))
        pop_all = jax.vmap(lambda s, n=n: rans.pop(s, model, (n,), jnp.uint8)[0])
        push, pop = jax.jit(_many(push_all, symbols)), jax.jit(_many(pop_all))
        start = jax.vmap(lambda _, c=capacity: rans.init(c, 32, "rans32_16"))(jnp.arange(chains))
        full = jax.block_until_ready(push(start))
        each = [1e6 * seconds(lambda p=p, s=s: p(s)) / STEPS for p, s in ((push, start), (pop, full))]
        rows.append((f"{chains}", f"{n}", f"{2 * capacity / 2**20:g}", *(f"{t:.1f}" for t in each)))
    return rows


def measure(device: Any, args: argparse.Namespace) -> str:
    with jax.default_device(device):
        bandwidth = copy_bandwidth(max(args.megabytes * 4, 1))
        rows = []
        for variant, lanes, precision, dtype, tables in (
            ("rans32_16", 32, 12, jnp.uint8, 1),
            ("rans32_16", 1, 12, jnp.uint8, 1),
            ("rans64", 32, 24, jnp.uint8, 1),
            ("rans64", 1, 24, jnp.uint8, 1),
            ("rans32_16", 32, 15, jnp.int32, 256),
            ("rans32_16", 1, 15, jnp.int32, 256),
        ):
            push, pop, moved, shape = stream_rates(variant, lanes, precision, dtype, tables, args.megabytes)
            name = f"{variant}, {precision} bits, {np.dtype(dtype).name}"
            model = "one table" if tables == 1 else f"an index into {tables} tables"
            each = [f"{r / 1e9:.1f} ({100 * r * moved / bandwidth:.0f} %)" for r in (push, pop)]
            rows.append((name, model, f"{lanes}", shape, *each))
            print(rows[-1], flush=True)
        header = ("coder", "model", "lanes", "streams x symbols", "push, Gsym/s", "pop, Gsym/s")
        steps = markdown(("chains", "symbols", "MiB of tail", "push, us", "pop, us"), step_times())
    return (
        f"Copy bandwidth, read and written: {bandwidth / 1e9:.0f} GB/s. In brackets the part of it that symbols, "
        f"indices and words take.\n\n{markdown(header, rows)}\n\nOne step of a scan, 32 lanes:\n\n{steps}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("compare", "time"))
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the section of the report goes")
    parser.add_argument("--platform", default="gpu", help="cpu rehearses this program where there is no GPU")
    parser.add_argument("--symbols", type=int, default=10**7)
    parser.add_argument("--megabytes", type=int, default=256)
    args = parser.parse_args()
    try:
        device = jax.devices(args.platform)[0]
    except RuntimeError as error:
        sys.exit(f"JAX has no device of platform {args.platform!r}, so nothing was run: {error}")
    kernels = jans.devices()
    if device.platform not in kernels or kernels[device.platform] == 0:
        found = {name: count for name, count in kernels.items() if name in (device.platform, "cuda")}
        if not any(found.values()):
            sys.exit(f"jans has no kernels for {device}, only {kernels}. Run `python benchmarks/gpu.py build` first.")
    args.out.write_text((compare if args.part == "compare" else measure)(device, args) + "\n")


if __name__ == "__main__":
    main()
