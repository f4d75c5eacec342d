"""The parts of benchmarks/gpu.py that run in JAX: the same bits on the CPU and on the GPU, and rates.

`python benchmarks/gpu_jax.py compare|time --out SECTION.md [--platform cpu]`; on the CPU it only rehearses itself.
"""

import argparse
import functools
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


def there_and_back(precision: int, index_axis: int | None, cdf_axis: int | None) -> Callable:
    """Pushes rows of symbols on streams with Table models, and pops them again."""

    def one(state, symbols, cdf, index):
        model = models.Table(cdf, index, precision)
        pushed = rans.push(state, model, symbols)
        popped, again = rans.pop(pushed, model, symbols.shape, symbols.dtype)
        return pushed.blank(), popped.blank(), again

    return jax.vmap(one, (0, 0, cdf_axis, index_axis))


def by_steps(precision: int) -> Callable:
    """Pushes intervals, and takes them off with peek and advance, as models of users are coded."""

    def one(state, symbols):
        model = models.Uniform(200, precision)
        pushed = rans.push(state, model, symbols)

        def step(s, _):
            found = model.locate(rans.peek(s, precision))
            return rans.advance(s, *model.interval(found), precision), found

        popped, again = jax.lax.scan(step, pushed, length=symbols.size // state.lanes)
        return pushed.blank(), popped.blank(), again

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

    yield "nearest counts", lambda p: jans.quantize.nearest(p, 16), (np.abs(rows),)
    yield from model_comparisons(symbols // 2)
    yield from symbol_codes(symbols // 10)


def normal(rng: np.random.Generator, shape: tuple[int, ...], spread: float) -> np.ndarray:
    return rng.normal(0, spread, shape).astype(np.float32)


def positive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.exp(rng.normal(1, 1, shape)).astype(np.float32)


def unit(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(0.02, 0.98, shape).astype(np.float32)


def on_integers(model: Any) -> tuple[Callable, Callable]:
    return lambda p, a, b: model(a, b, -200, 200, p), lambda rng, s: (normal(rng, s, 50), positive(rng, s))


def of_mixtures(model: Any, components: int) -> tuple[Callable, Callable]:
    def draw(rng, s):
        parts = (*s, components)
        return normal(rng, parts, 1), normal(rng, parts, 50), positive(rng, parts)

    return lambda p, *parameters: model(*parameters, low=-200, high=200, precision=p), draw


def single(p: int, mean: Any, scale: Any) -> Any:
    return models.GaussianMixture.single(mean, scale, -200, 200, p)


def rows_of(size: int) -> np.ndarray:
    return np.stack([laplace(size, width) for width in np.linspace(1, 30, 8)])


MODELS: dict[str, tuple[Callable, Callable]] = {
    "uniform": (lambda p, n: models.Uniform(n, p), lambda rng, s: (rng.integers(1, 300, s, np.int32),)),
    "gaussians": on_integers(models.Gaussian),
    "laplaces": on_integers(models.Laplace),
    "logistics": on_integers(models.Logistic),
    "cauchys": on_integers(models.Cauchy),
    "mixtures of gaussians": of_mixtures(models.GaussianMixture, 3),
    "mixtures of logistics": of_mixtures(models.LogisticMixture, 5),
    "gaussians in fixed point": (single, lambda rng, s: (normal(rng, s, 50), positive(rng, s))),
    "latents": (
        lambda p, a, b: models.BinnedGaussian(a, b, np.linspace(-4, 4, 65).astype(np.float32), p),
        lambda rng, s: (normal(rng, s, 1), positive(rng, s)),
    ),
    "geometric": (lambda p, q: models.Geometric(q, 300, p), lambda rng, s: (unit(rng, s),)),
    "binomial": (lambda p, q: models.Binomial(60, q, p), lambda rng, s: (unit(rng, s),)),
    "poisson": (lambda p, r: models.Poisson(r, 60, p), lambda rng, s: (positive(rng, s),)),
    "beta-binomial": (
        lambda p, a, b: models.BetaBinomial(60, a, b, p),
        lambda rng, s: (positive(rng, s), positive(rng, s)),
    ),
    "probabilities": (lambda p, q: models.Categorical(probs=q, precision=p), lambda rng, s: (unit(rng, (*s, 20)),)),
    "tables": (
        lambda p, k: models.Table(jans.quantize.probs(rows_of(200), p), k, p).prepare(),
        lambda rng, s: (rng.integers(0, 8, s, np.int32),),
    ),
    "alias tables": (
        lambda p, k: models.Table(jans.quantize.probs(rows_of(200), p), k, p).prepare("alias"),
        lambda rng, s: (rng.integers(0, 8, s, np.int32),),
    ),
    "bypass coding": (
        lambda p, k: models.Bypass(models.Table(jans.quantize.probs(rows_of(9), p), 0, p).prepare(), offset=k[0]),
        lambda rng, s: (rng.integers(-9, 9, s, np.int32),),
    ),
}
"""A model of parameters that lead with its shape, and parameters."""


def model_comparisons(symbols: int):
    """Every model with every coder, on streams of parameters of their own: words become symbols, and words again."""
    rng = np.random.default_rng(1)
    each = math.ceil(symbols / (len(MODELS) * (len(VARIANTS) * len(LANES) + 2) * STREAMS)) + 5
    for name, (model_of, draw) in MODELS.items():
        parameters = draw(rng, (STREAMS, each))

        def on_stack(state, *parameters, model_of=model_of, precision):
            model = model_of(precision, *parameters)
            popped, found = rans.pop(state, model, (each,))
            return popped.blank(), rans.push(popped, model, found).blank(), found

        for number, (variant, lanes) in enumerate(itertools.product(VARIANTS, LANES)):
            precision = VARIANTS[variant][number % 2]
            states = random_states(rng, variant, lanes, 16 * each, False)
            program = jax.vmap(functools.partial(on_stack, precision=min(precision, 24)))
            yield f"{variant}, {lanes} lanes: {name}", program, (states, *parameters)
        if name in ("alias tables", "bypass coding"):  # for the stack coder alone
            continue

        def on_chain(words, *parameters, model_of=model_of):
            model = model_of(16, *parameters)
            popped, found = jans.chain.pop(jans.chain.init(words, lanes=3, precision=16), model, (each,))
            return popped.blank(), jans.chain.push(popped, model, found).blank(), found

        def on_queue(words, *parameters, model_of=model_of):
            model = model_of(24, *parameters)
            _, found = jans.range_coder.decode(jans.range_coder.decoder(words), model, (each,))
            encoded = jans.range_coder.encode(jans.range_coder.encoder(2 * each), model, found)
            return encoded.blank(), jans.range_coder.decode(jans.range_coder.finish(encoded), model, (each,))[1]

        words = rng.integers(0, 2**32, (STREAMS, each + 9), np.uint32)
        yield f"chain coder: {name}", jax.vmap(on_chain), (words, *parameters)
        yield f"range coder: {name}", jax.vmap(on_queue), (words, *parameters)


def symbol_codes(symbols: int):
    """Coders that have no models: table ANS, Huffman and exp-Golomb codes."""
    rng = np.random.default_rng(2)
    each = math.ceil(symbols / STREAMS)
    x = np.minimum(rng.geometric(0.05, (STREAMS, each)), 199).astype(np.int32)
    index = rng.integers(0, 8, x.shape, np.int32)
    tables = jans.tans.tables(jans.quantize.probs(rows_of(200), 12), 12)
    book = jans.huffman.codebook(jnp.asarray(laplace(200, 9.0)))

    def on_tables(x, index):
        pushed = jans.tans.push(jans.tans.init(each, 8), tables, x, index)
        popped, again = jans.tans.pop(pushed, tables, x.shape, index)
        return pushed.blank(), popped.blank(), again

    yield "table ANS", jax.vmap(on_tables), (x, index)
    for name, code in (("Huffman", book), ("exp-Golomb", jans.huffman.ExpGolomb(2))):

        def on_stack(x, code=code):
            pushed = jans.huffman.push(jans.bits.stack(each), code, x)
            return pushed.blank(), jans.huffman.pop(pushed, code, x.shape)[1]

        def on_queue(x, code=code):
            written = jans.huffman.encode(jans.bits.queue(each), code, x)
            return written.blank(), jans.huffman.decode(jans.bits.reader(written), code, x.shape)[1]

        yield f"{name} stack", jax.vmap(on_stack), (x,)
        yield f"{name} queue", jax.vmap(on_queue), (x,)


def compare(device: Any, args: argparse.Namespace) -> str:
    places = jax.devices("cpu")[0], device
    count, coded, wrong = 0, 0, []
    for name, function, arrays in comparisons(args.symbols):
        begin = time.perf_counter()
        program = jax.jit(function)
        a, b = (list(map(np.asarray, jax.tree.leaves(program(*jax.device_put(arrays, place))))) for place in places)
        same = all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in zip(a, b, strict=True))
        wrong += [] if same else [name]
        count += 1
        coded += a[-1].size
        print(f"{name}: {'same' if same else 'DIFFERENT'} ({time.perf_counter() - begin:.1f} s)", flush=True)
    if wrong:
        sys.exit(f"the GPU differs from the CPU in {len(wrong)} of {count}: {'; '.join(wrong)}")
    return f"CPU and GPU through JAX: {count} programs, {coded:,} symbols there and back, every bit the same."


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
    parser.add_argument("--symbols", type=int, default=10**8)
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
