"""Compares the CPU and the GPU through JAX, bit by bit: a part of benchmarks/gpu.py.

`python benchmarks/gpu_jax.py --out SECTION.md [--platform cpu] [--symbols N]`; on the CPU it only rehearses
itself.
"""

import argparse
import functools
import itertools
import math
import pathlib
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
"""Two precisions for each variant; the second one is the largest."""
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
        return pushed.canonical(), popped.canonical(), again

    return jax.vmap(one, (0, 0, cdf_axis, index_axis))


def by_steps(precision: int) -> Callable:
    """Pushes intervals, and takes them off with peek and advance, like models without a kernel."""

    def one(state, symbols):
        model = models.Uniform(200, precision)
        pushed = rans.push(state, model, symbols)

        def step(s, _):
            found = model.locate(rans.peek(s, precision))
            return rans.advance(s, *model.interval(found), precision), found

        popped, again = jax.lax.scan(step, pushed, length=symbols.size // state.lanes)
        return pushed.canonical(), popped.canonical(), again

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
        cdf = np.asarray(jans.quantize.fast(jnp.asarray(probs), precision))
        states = random_states(rng, variant, lanes, 3 * each, False)
        x = rng.integers(0, 256, (STREAMS, each))
        index = rng.integers(0, 8, (STREAMS, each), np.int32)
        name = f"{variant}, {lanes} lanes, {precision} bits"
        zero = np.int32(0)
        yield f"{name}: one row", there_and_back(precision, None, None), (states, x.astype(np.uint8), cdf[:1], zero)
        yield f"{name}: indexed rows", there_and_back(precision, 0, None), (states, x.astype(np.int32), cdf, index)
        stream_rows = cdf[rng.integers(0, 8, STREAMS)][:, None]
        yield f"{name}: own rows", there_and_back(precision, None, 0), (states, x.astype(np.uint16), stream_rows, zero)
        yield f"{name}: by steps", by_steps(precision), (states, (x % 200).astype(np.int32))

        bad = cdf.copy()
        bad[3, 100] = 2**31 + 5
        harsh = random_states(rng, variant, lanes, each // 4, True)
        wild = np.where(rng.random(index.shape) < 0.001, 99, index)
        yield f"{name}: hostile", there_and_back(precision, 0, None), (harsh, x.astype(np.int32), bad, wild)
    rows = np.where(rng.random((5000, 64)) < 1e-4, np.float32(np.nan), rng.normal(0, 4, (5000, 64)).astype(np.float32))
    yield "quantised probabilities", lambda p: jans.quantize.fast(p, 16), (np.abs(rows),)
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
    return models.FixedPointGaussian(mean, scale, -200, 200, p)


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
        lambda p, k: models.Table(jans.quantize.fast(rows_of(200), p), k, p).prepare(),
        lambda rng, s: (rng.integers(0, 8, s, np.int32),),
    ),
    "alias tables": (
        lambda p, k: models.Table(jans.quantize.fast(rows_of(200), p), k, p).prepare("alias"),
        lambda rng, s: (rng.integers(0, 8, s, np.int32),),
    ),
    "bypass coding": (
        lambda p, k: models.Bypass(models.Table(jans.quantize.fast(rows_of(9), p), 0, p).prepare(), offset=k[0]),
        lambda rng, s: (rng.integers(-9, 9, s, np.int32),),
    ),
}
"""For every model, a function that makes it from a precision and parameters,
and one that draws the parameters.

The shapes of the parameters start with the shape of the model.
"""


def model_comparisons(symbols: int):
    """Every model with every coder, on streams with parameters of their own: words become symbols,
    and words again."""
    rng = np.random.default_rng(1)
    each = math.ceil(symbols / (len(MODELS) * (len(VARIANTS) * len(LANES) + 2) * STREAMS)) + 5
    for name, (model_of, draw) in MODELS.items():
        parameters = draw(rng, (STREAMS, each))

        def on_stack(state, *parameters, model_of=model_of, precision):
            model = model_of(precision, *parameters)
            popped, found = rans.pop(state, model, (each,))
            return popped.canonical(), rans.push(popped, model, found).canonical(), found

        for number, (variant, lanes) in enumerate(itertools.product(VARIANTS, LANES)):
            precision = VARIANTS[variant][number % 2]
            states = random_states(rng, variant, lanes, 16 * each, False)
            program = jax.vmap(functools.partial(on_stack, precision=min(precision, 24)))
            yield f"{variant}, {lanes} lanes: {name}", program, (states, *parameters)
        if name in ("alias tables", "bypass coding"):  # only for the stack coder
            continue

        def on_chain(words, *parameters, model_of=model_of):
            model = model_of(16, *parameters)
            popped, found = jans.chain.pop(jans.chain.init(words, lanes=3, precision=16), model, (each,))
            return popped.canonical(), jans.chain.push(popped, model, found).canonical(), found

        def on_queue(words, *parameters, model_of=model_of):
            model = model_of(24, *parameters)
            _, found = jans.range_coder.decode(jans.range_coder.decoder(words), model, (each,))
            encoded = jans.range_coder.encode(jans.range_coder.encoder(2 * each), model, found)
            return encoded.canonical(), jans.range_coder.decode(jans.range_coder.finish(encoded), model, (each,))[1]

        words = rng.integers(0, 2**32, (STREAMS, each + 9), np.uint32)
        yield f"chain coder: {name}", jax.vmap(on_chain), (words, *parameters)
        yield f"range coder: {name}", jax.vmap(on_queue), (words, *parameters)


def symbol_codes(symbols: int):
    """Coders without models: table ANS, Huffman and Exp-Golomb codes."""
    rng = np.random.default_rng(2)
    each = math.ceil(symbols / STREAMS)
    x = np.minimum(rng.geometric(0.05, (STREAMS, each)), 199).astype(np.int32)
    index = rng.integers(0, 8, x.shape, np.int32)
    tables = jans.tans.tables(jans.quantize.fast(rows_of(200), 12), 12)
    book = jans.huffman.codebook(jnp.asarray(laplace(200, 9.0)))

    def on_tables(x, index):
        pushed = jans.tans.push(jans.tans.init(each, 8), tables.at(index), x)
        popped, again = jans.tans.pop(pushed, tables.at(index), x.shape)
        return pushed.canonical(), popped.canonical(), again

    yield "table ANS", jax.vmap(on_tables), (x, index)
    for name, code in (("Huffman", book), ("exp-Golomb", jans.huffman.ExpGolomb(2))):

        def on_stack(x, code=code):
            pushed = jans.huffman.push(jans.huffman.stack(each), code, x)
            return pushed.canonical(), jans.huffman.pop(pushed, code, x.shape)[1]

        def on_queue(x, code=code):
            written = jans.huffman.encode(jans.huffman.queue(each), code, x)
            return written.canonical(), jans.huffman.decode(jans.huffman.reader(written), code, x.shape)[1]

        yield f"{name} stack", jax.vmap(on_stack), (x,)
        yield f"{name} queue", jax.vmap(on_queue), (x,)


def compare(device: Any, symbols: int) -> str:
    places = jax.devices("cpu")[0], device
    count, coded, wrong = 0, 0, []
    for name, function, arrays in comparisons(symbols):
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


def arguments(text: str | None, **numbers: int) -> tuple[argparse.Namespace, Any]:
    """The arguments of a program, with number options of these defaults, and the device to run on."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the section of the report goes")
    parser.add_argument("--platform", default="gpu", help="cpu rehearses this program where there is no GPU")
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    try:
        device = jax.devices(args.platform)[0]
    except RuntimeError as error:
        sys.exit(f"JAX has no device of platform {args.platform!r}, so nothing was run: {error}")
    kernels = jans.devices()
    found = {name: count for name, count in kernels.items() if name in (device.platform, "cuda")}
    if not any(found.values()):
        sys.exit(f"jans has no kernels for {device}, only {kernels}. Run `python benchmarks/gpu.py build` first.")
    return args, device


if __name__ == "__main__":
    args, device = arguments(__doc__, symbols=10**8)
    args.out.write_text(compare(device, args.symbols) + "\n")
