"""Compares many tables and an index for every symbol with torch_ans 0.4.0 and, if installed, CompressAI,
in one run: `make bench-tables`.

The tables are Gaussians of K scales, as in hyperpriors. A symbol's scale is drawn at random. It uses one
thread, and every figure is the median of interleaved repetitions.
"""

import argparse
import functools
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Callable

# Import this before JAX, because it sets the flags of XLA.
from measure import interleaved, markdown, processor, rates_of, ratios_of  # isort: skip

import interfaces
import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch_ans.utils import TorchANSInterface, auto_inverse_cdf_precision, build_cdf_with_inverse_table

from jans import TableCoder, models, quantize, rans, tans

try:
    from compressai import ans
except ImportError:
    ans = None

SYMBOLS = 256
WAYS = ("encode", "decode")
SHAPES = [("rans64_ryg", n) for n in (1, 4, 8, 32)] + [("rans32_16", n) for n in (1, 32)]
PEERS = [(f, n) for f in ("rans64", "rans32_16") for n in (1, 4, 8)]


def scale_tables(count: int, precision: int) -> np.ndarray:
    scales = np.exp(np.linspace(math.log(0.11), math.log(40), count))
    edges = np.arange(SYMBOLS + 1) - SYMBOLS // 2 - 0.5
    cdf = np.array([[0.5 * (1 + math.erf(x / scale / math.sqrt(2))) for x in edges] for scale in scales])
    probs = np.diff(cdf, axis=1).astype(np.float32)
    return np.asarray(quantize.fast(jnp.asarray(probs), precision)).astype(np.int64)


def draw(cdf: np.ndarray, index: np.ndarray, rng: np.random.Generator, precision: int) -> np.ndarray:
    at = rng.integers(0, 2**precision, index.size)
    symbols = np.empty(index.size, np.int32)
    for k, row in enumerate(cdf):
        symbols[index == k] = np.searchsorted(row, at[index == k], side="right") - 1
    return symbols


def our_calls(
    model_of: Callable[..., models.Model], arrays: tuple, symbols, precision: int, variant: str, lanes: int
) -> tuple[Callable, Callable]:
    """Pushes all streams at once into donated states, and pops them, as compiled programs.

    Each stream has the model of its part of the arrays.
    """
    streams, n = symbols.shape
    capacity = n * precision // (16 if variant == "rans32_16" else 32) + 8
    x, parts = jnp.asarray(symbols), [jnp.asarray(a) for a in arrays]
    empty = jax.vmap(lambda _: rans.init(capacity, lanes, variant))(jnp.arange(streams))
    push = jax.jit(jax.vmap(lambda s, x, *parts: rans.push(s, model_of(*parts), x)), donate_argnums=0)
    pop = jax.jit(jax.vmap(lambda s, *parts: rans.pop(s, model_of(*parts))[1]))
    full = jax.block_until_ready(push(jax.tree.map(jnp.copy, empty), x, *parts))
    assert (pop(full, *parts) == x).all()
    buffers = {"tail": jnp.copy(full.tail)}

    def encode():
        # Reuse the buffer; the other parts of the state start anew.
        state = rans.State(empty.head + 0, buffers["tail"], empty.size + 0, empty.status + 0, variant)
        state = push(state, x, *parts)
        buffers["tail"] = state.tail
        return state

    return encode, lambda: pop(full, *parts)


def our_table_calls(cdf, index, symbols, precision: int, variant: str, lanes: int, lookup: str = "auto"):
    table = models.Table(cdf, precision=precision).prepare(lookup)
    return our_calls(table.at, (index,), symbols, precision, variant, lanes)


def our_tans_calls(cdf, index, symbols, precision: int, lanes: int) -> tuple[Callable, Callable]:
    tables = tans.tables(jnp.asarray(cdf), precision)
    streams, n = symbols.shape
    empty = jax.vmap(lambda _: tans.init(n * precision // 32 + 8, lanes, precision))(jnp.arange(streams))
    x, k = jnp.asarray(symbols), jnp.asarray(index)
    push = jax.jit(jax.vmap(lambda s, k, x: tans.push(s, tables.at(k), x)))
    pop = jax.jit(jax.vmap(lambda s, k: tans.pop(s, tables.at(k), (n,))[1]))
    full = jax.block_until_ready(push(empty, k, x))
    assert (pop(full, k) == x).all()
    return lambda: push(empty, k, x), lambda: pop(full, k)


def peer_calls(
    cdf, index, symbols, precision: int, family: str, lanes: int, device: str = "cpu"
) -> tuple[Callable, Callable]:
    """The peer's kernels on prepared tables; for rANS, with the guide that its own rule picks."""
    streams, n = symbols.shape
    count = cdf.shape[1] - 1
    x, k = torch.tensor(symbols, device=device), torch.tensor(index.astype(np.int32), device=device)
    rows = torch.tensor(cdf.astype(np.int32), device=device)
    sizes = torch.full((len(cdf),), count + 1, dtype=torch.int32, device=device)
    zeros = torch.zeros(len(cdf), dtype=torch.int32, device=device)
    guided = {} if family.startswith("tans") else {"inverse_cdf_precision": "auto"}
    coder = TorchANSInterface(
        family, bypass_coding=False, freq_precision=precision, num_interleaves=lanes, device=device, **guided
    )
    options = {"freq_precision": precision, "bypass_coding": False, "bypass_precision": 4}
    if family.startswith("tans"):
        rows = coder._native.tans_build_tables(rows, sizes, precision)
        decode_one, more = coder.ans_decode_func, {}
    else:
        bits = auto_inverse_cdf_precision(count + 1, precision, len(cdf))
        rows = build_cdf_with_inverse_table(rows, precision, bits)
        decode_one, more = coder._invcdf_decode_func, {"inverse_cdf_precision": bits}
    rows = rows.contiguous()

    def encode():
        stream = coder._init_stream(num_parallel_states=streams)
        used = coder._reserve_stream(stream, n)
        coder.ans_encode_func(stream, x, k, rows, sizes, zeros, **options, used_bytes=used)
        return stream

    full = encode()

    def decode():
        return decode_one(full.clone(), k, rows, sizes, zeros, **options, **more)

    assert (decode() == x).all()
    return encode, decode


def row_of(rates: dict[str, float], name: str, peers: str) -> tuple[str, ...]:
    """Rates of a coder. For ours, also their ratios to the best peer that has `peers` in its name."""
    if not name.startswith("jans"):
        return (name, *rates_of(rates, name), "", "")
    best = {
        f"peer {way}": max(rate for call, rate in rates.items() if peers in call and call.endswith(way)) for way in WAYS
    }
    return (name, *rates_of(rates, name), *ratios_of(rates | best, name, "peer"))


def compare(repetitions: int, n: int, count: int, precision: int, streams: int) -> list[tuple[str, ...]]:
    rng = np.random.default_rng(0)
    cdf = scale_tables(count, precision)
    index = rng.integers(0, count, (streams, n // streams))
    symbols = draw(cdf, index.reshape(-1), rng, precision).reshape(index.shape)
    calls: dict[str, Callable[[], object]] = {}
    names: list[str] = []

    def add(name: str, pair: tuple[Callable, Callable]) -> None:
        names.append(name)
        calls[f"{name} encode"], calls[f"{name} decode"] = pair

    for family, lanes in PEERS:
        if family == "rans64" or precision <= 15:
            add(f"torch_ans {family}, {lanes} lanes", peer_calls(cdf, index, symbols, precision, family, lanes))
    for variant, lanes in SHAPES:
        if variant == "rans64_ryg" or precision <= 15:
            for name, lookup in (("", "auto"), (", alias", "alias")):
                calls_of = our_table_calls(cdf, index, symbols, precision, variant, lanes, lookup)
                add(f"jans {variant}, {lanes} lanes{name}", calls_of)
    if precision <= 12:
        for lanes in (1, 4, 8):
            add(f"torch_ans tans32, {lanes} lanes", peer_calls(cdf, index, symbols, precision, "tans32", lanes))
            add(f"jans tans, {lanes} lanes", our_tans_calls(cdf, index, symbols, precision, lanes))
    seconds = interleaved(calls, repetitions)
    rates = {name: index.size / s / 1e6 for name, s in seconds.items()}
    return [row_of(rates, name, "tans32" if "jans tans" in name else "torch_ans") for name in names]


def compare_gaussians(repetitions: int, n: int) -> list[tuple[str, ...]]:
    """A mean and a scale for every symbol.

    Tables use the nearest integer and the nearest of 64 scales, found beforehand. The models use the exact
    values.
    """
    rng = np.random.default_rng(0)
    bits, low, high = 15, -255, 255
    mean = rng.uniform(-30, 30, n).astype(np.float32)
    scale = np.exp(rng.uniform(math.log(0.15), math.log(30), n)).astype(np.float32)
    symbols = np.clip(np.rint(rng.normal(mean, scale)), low, high).astype(np.int32)
    grid = np.linspace(math.log(0.11), math.log(40), 64)
    index = np.rint((np.log(scale) - grid[0]) / (grid[1] - grid[0])).astype(np.int32)
    cdf = scale_tables(64, bits)
    residues = np.clip(symbols - np.rint(mean).astype(np.int32) + SYMBOLS // 2, 0, SYMBOLS - 1)
    calls, spent = {}, {}

    def add(name: str, pair: tuple[Callable, Callable], model: models.Model, coded) -> None:
        calls[f"{name} encode"], calls[f"{name} decode"] = pair
        spent[name] = float(model.bits(jnp.asarray(coded)).mean())

    for family, lanes in PEERS:
        pair = peer_calls(cdf, index[None], residues[None], bits, family, lanes)
        table = models.Table(cdf, precision=bits).at(jnp.asarray(index))
        add(f"torch_ans {family}, {lanes} lanes, 64 tables", pair, table, residues)
    for name, make, variant, precision in (
        ("Gaussian", models.Gaussian, "rans64", 24),
        ("FixedPointGaussian", models.FixedPointGaussian, "rans64", 24),
        ("FixedPointGaussian", models.FixedPointGaussian, "rans32_16", bits),
    ):
        model_of = functools.partial(make, low=low, high=high, precision=precision)
        pair = our_calls(model_of, (mean[None], scale[None]), symbols[None], precision, variant, 32)
        add(f"jans {name}, {variant}, 32 lanes, {precision} bits", pair, model_of(mean, scale), symbols)
    seconds = interleaved(calls, repetitions)
    rates = {name: n / s / 1e6 for name, s in seconds.items()}
    return [(*row_of(rates, name, "torch_ans"), f"{cost:.4f}") for name, cost in spent.items()]


def compare_compressai(repetitions: int, messages: int, n: int) -> tuple[str, ...]:
    """Whole messages to byte strings and back, with tables as in CompressAI's hyperpriors.

    CompressAI's coder takes lists, ours takes arrays.
    """
    rng = np.random.default_rng(0)
    scales = np.exp(np.linspace(math.log(0.11), math.log(256), 64))
    centers = np.ceil(6.1 * scales).astype(np.int32)
    edges = (np.arange(2 * centers[-1] + 2) - centers[:, None] - 0.5) / scales[:, None] / math.sqrt(2)
    probs = np.diff(0.5 * (1 + np.vectorize(math.erf)(edges)), axis=1).astype(np.float32)
    coder = TableCoder.from_probs(probs, 1e-9, 2 * centers + 1, -centers, precision=16)
    index = rng.integers(0, 64, (messages, n)).astype(np.int32)
    symbols = np.round(rng.normal(0, scales[index])).astype(np.int32)
    rows = np.asarray(coder.model.table.cdf).tolist(), (2 * centers + 3).tolist(), (-centers).tolist()
    lists = list(zip(symbols.tolist(), index.tolist(), strict=True))
    strings = [ans.RansEncoder().encode_with_indexes(*message, *rows) for message in lists]
    ours = coder.encode_batch(symbols, index)
    assert all(len(a) == len(b) for a, b in zip(strings, ours, strict=True))
    seconds = interleaved(
        {
            "its encode": lambda: [ans.RansEncoder().encode_with_indexes(*message, *rows) for message in lists],
            "its decode": lambda: [
                ans.RansDecoder().decode_with_indexes(string, message[1], *rows)
                for string, message in zip(strings, lists, strict=True)
            ],
            "encode": lambda: coder.encode_batch(symbols, index),
            "decode": lambda: coder.decode_batch(ours, index),
        },
        repetitions,
    )
    rates = {name: symbols.size / s / 1e6 for name, s in seconds.items()}
    name = f"{messages} of {n} symbols"
    ratios = ratios_of({f"{k} {w}": rates[f"{p}{w}"] for k, p in (("a", ""), ("b", "its ")) for w in WAYS}, "a", "b")
    return (name, *(f"{rates[p + w]:.0f}" for p in ("its ", "") for w in WAYS), *ratios)


def our_rates(repetitions: int, n: int, streams: int) -> dict[str, float]:
    """Msym/s of 64 tables of 15 bits on the cores of this process."""
    rng = np.random.default_rng(0)
    cdf = scale_tables(64, 15)
    index = rng.integers(0, 64, (streams, n // streams))
    symbols = draw(cdf, index.reshape(-1), rng, 15).reshape(index.shape)
    calls = {}
    for variant, lanes in (("rans64_ryg", 1), ("rans32_16", 32)):
        pair = our_table_calls(cdf, index, symbols, 15, variant, lanes)
        calls |= {f"{variant}, {lanes} lanes, {way}": call for way, call in zip(WAYS, pair, strict=True)}
    return {name: n / s / 1e6 for name, s in interleaved(calls, repetitions).items()}


def scaling(repetitions: int, n: int, streams: int) -> list[tuple[str, ...]]:
    """One core and two cores, in processes of their own that take turns."""
    rates: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(3):
        for cores, found in rates.items():
            command = [sys.executable, __file__, "--cores", str(cores), "--streams", str(streams)]
            command += ["--repetitions", str(repetitions), "--symbols", str(n)]
            found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    rows = []
    for name in rates[1][0]:
        one, two = (statistics.median(rate[name] for rate in found) for found in rates.values())
        rows.append((name, f"{one:.0f}", f"{two:.0f}", f"{two / one:.2f}"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, help="Markdown file to write")
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--symbols", type=int, default=2**20)
    parser.add_argument("--cores", type=int, help="only print our rates on so many cores, as JSON")
    parser.add_argument("--streams", type=int, default=64, help="for --cores")
    args = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[: args.cores or 1])
    if args.cores:
        print(json.dumps(our_rates(args.repetitions, args.symbols, args.streams)))
        return
    torch.set_num_threads(1)
    sections = [
        "# Tables",
        f"{processor()}; jax {jax.__version__}, torch {torch.__version__}, torch_ans 0.4.0. One core, {args.symbols} "
        "int32 symbols in all. Ratios are to the best of torch_ans in a section, for `jans.tans` to its best tANS.",
    ]
    for count, precision, streams in (
        (64, 15, 1),
        (64, 16, 1),
        (256, 15, 1),
        (64, 15, 64),
        (64, 15, 4096),
        (64, 12, 1),
    ):
        plural = "stream" if streams == 1 else "streams"
        sections.append(f"## {count} tables of {SYMBOLS} symbols, {precision} bits, {streams} {plural}, Msym/s")
        rows = compare(args.repetitions, args.symbols, count, precision, streams)
        sections.append(markdown(("coder", "encode", "decode", "encode / best peer", "decode / best peer"), rows))
        print("\n\n".join(sections[-2:]), flush=True)
    sections.append("## A Gaussian for every symbol, Msym/s")
    header = ("coder", "encode", "decode", "encode / best peer", "decode / best peer", "bits a symbol")
    sections.append(markdown(header, compare_gaussians(args.repetitions, args.symbols)))
    print("\n\n".join(sections[-2:]), flush=True)
    os.sched_setaffinity(0, cores)
    if len(cores) > 1:
        sections.append("## Two cores, 64 tables of 15 bits, 64 streams, Msym/s")
        rows = scaling(args.repetitions, 2**23, 64)
        sections.append(markdown(("coder", "one core", "two cores", "ratio"), rows))
        print("\n\n".join(sections[-2:]), flush=True)
    os.sched_setaffinity(0, cores[:1])
    header = ("message", "the package", "jans", "jans / package")
    sections += [
        "## The interface of torch_ans, 64 tables, 12 bits, microseconds",
        markdown(header, interfaces.torch_ans_messages(args.repetitions)),
    ]
    print("\n\n".join(sections[-2:]), flush=True)
    if ans is None:
        print("CompressAI is not installed: without it.")
    else:
        sections += [
            "## The interface of CompressAI, lists, microseconds",
            markdown(header, interfaces.compressai_messages(args.repetitions, ans)),
        ]
        print("\n\n".join(sections[-2:]), flush=True)
        rows = [compare_compressai(args.repetitions, m, n) for m, n in ((1, 4096), (1, 2**18), (64, 4096))]
        header = ("messages", "its encode", "its decode", "encode", "decode", "encode / its", "decode / its")
        sections += ["## CompressAI's strings, 64 tables, 16 bits, with bypass coding, Msym/s", markdown(header, rows)]
        print("\n\n".join(sections[-2:]), flush=True)
    if args.out:
        args.out.write_text("\n\n".join(sections) + "\n")


if __name__ == "__main__":
    main()
