"""Measures times on the GPU: a part of benchmarks/gpu.py.

It measures rates next to the copy bandwidth of the same run, and steps of a scan. It finds where a GPU
overtakes the CPU, and runs other libraries if they are installed.

`python benchmarks/gpu_rates.py --out SECTION.md [--platform cpu] [--megabytes N]`; on the CPU it only
rehearses itself.
"""

import functools
import math
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gpu_jax import arguments, laplace, markdown

import jans
from jans import models, rans


def seconds(call: Callable[[], Any], min_seconds: float = 0.2) -> float:
    """Median seconds of a call over five runs. A run queues enough calls at once to fill `min_seconds`."""
    jax.block_until_ready(call())
    begin = time.perf_counter()
    jax.block_until_ready(call())
    calls = max(1, math.ceil(min_seconds / (time.perf_counter() - begin)))
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(calls):
            result = call()
        jax.block_until_ready(result)
        times.append((time.perf_counter() - begin) / calls)
    return statistics.median(times)


def copy_bandwidth(megabytes: int) -> float:
    """Bytes read and written per second by a kernel that changes every word."""
    words = jnp.zeros(megabytes * 2**18, jnp.uint32)
    flip = jax.jit(lambda x: x ^ 1)
    return 2 * words.nbytes / seconds(lambda: flip(words))


# ---- many streams ----


class Work:
    """Streams of symbols, and the arrays that their models are made of;
    arrays are [streams, n, ...], or shared."""

    def __init__(self, name: str, model: str, symbols: jax.Array, model_of: Callable, each=(), bits: float = 6.5):
        self.name, self.model, self.symbols, self.model_of, self.each = name, model, symbols, model_of, each
        self.bits = bits
        """Bits of room for each symbol."""


def from_rows(key: jax.Array, probs: np.ndarray, precision: int, shape: tuple[int, int], dtype: Any) -> tuple:
    """Symbols drawn from rows of probabilities, the row index of each, and the table."""
    cdf = jans.quantize.fast(jnp.asarray(probs), precision)
    places = jnp.arange(2**precision, dtype=jnp.uint32)
    symbol_at = jax.vmap(lambda row: jnp.searchsorted(row, places, side="right") - 1)(cdf).astype(dtype)

    @jax.jit
    def draw(key):
        bits, choice = jax.random.split(key)
        index = jax.random.randint(choice, shape, 0, len(probs)) if len(probs) > 1 else jnp.zeros((), jnp.int32)
        return symbol_at[index, jax.random.bits(bits, shape, jnp.uint32) >> (32 - precision)], index

    return (*draw(key), cdf)


def one_table(shape: tuple[int, int], precision: int) -> Work:
    symbols, _, cdf = from_rows(jax.random.key(0), laplace(256, 6.0)[None], precision, shape, jnp.uint8)
    return Work(f"{precision} bits, uint8", "one table", symbols, lambda: models.Table(cdf, 0, precision))


def indexed(shape: tuple[int, int], precision: int, tables: int, lookup: str, escapes: bool = False) -> Work:
    probs = np.stack([laplace(64, width) for width in np.linspace(0.5, 8, tables)])
    symbols, index, cdf = from_rows(jax.random.key(0), probs, precision, shape, jnp.int32)
    table = models.Table(cdf, 0, precision).prepare(lookup)
    model = models.Bypass(table) if escapes else table
    name = f"{tables} tables, {'bypass coding' if escapes else lookup}"
    return Work(f"{precision} bits, int32", name, symbols, lambda k: model.at(k), (index,), 8)


def gaussians(shape: tuple[int, int], precision: int, fixed: bool) -> Work:
    keys = jax.random.split(jax.random.key(0), 3)
    mean = 10 * jax.random.normal(keys[0], shape)
    scale = jnp.exp(1 + 0.7 * jax.random.normal(keys[1], shape))
    symbols = jnp.clip(jnp.round(mean + scale * jax.random.normal(keys[2], shape)), -128, 127).astype(jnp.int32)
    kind = models.FixedPointGaussian if fixed else models.Gaussian
    name = f"a mean and a scale for each, {'fixed point' if fixed else 'float64'}"
    return Work(
        f"{precision} bits, int32", name, symbols, lambda m, s: kind(m, s, -128, 127, precision), (mean, scale), 9
    )


def rates(work: Work, variant: str, lanes: int) -> tuple[float, float, float]:
    """Symbols per second of push and of pop, and the bytes that a symbol moves: itself,
    its parameters and its words."""
    n = work.symbols.shape[1]
    empty = rans.init(0, lanes, variant)
    capacity = int(n * work.bits / (8 * empty.tail.dtype.itemsize)) + 1000

    def one_push(tail, x, each):
        state = rans.State(empty.head, tail, empty.size, empty.status, variant)
        return rans.push(state, work.model_of(*each), x)

    push = jax.jit(jax.vmap(one_push), donate_argnums=0)
    pop = jax.jit(jax.vmap(lambda s, each: rans.pop(s, work.model_of(*each), (n,), work.symbols.dtype)[1]))
    states = [push(jnp.zeros((len(work.symbols), capacity), empty.tail.dtype), work.symbols, work.each)]
    jans.check(states[0])
    if not bool(jnp.array_equal(pop(states[0], work.each), work.symbols)):
        sys.exit(f"{work.model} with {variant} and {lanes} lanes does not pop what was pushed")
    words = float(states[0].size.mean()) * empty.tail.dtype.itemsize / n
    moved = work.symbols.dtype.itemsize + words + sum(a.dtype.itemsize for a in work.each)

    def push_again():
        states[0] = push(states[0].tail, work.symbols, work.each)
        return states[0].size

    count = work.symbols.size
    return count / seconds(push_again), count / seconds(lambda: pop(states[0], work.each)), moved


def streams_table(megabytes: int, bandwidth: float) -> str:
    """Rates of many streams, for the coders and models that matter most in practice."""
    rows = []
    for make, variant, lanes, width in (
        (functools.partial(one_table, precision=12), "rans32_16", 32, 1),
        (functools.partial(one_table, precision=12), "rans32_16", 1, 1),
        (functools.partial(one_table, precision=24), "rans64", 32, 1),
        (functools.partial(one_table, precision=24), "rans64", 1, 1),
        (functools.partial(indexed, precision=15, tables=256, lookup="search"), "rans32_16", 32, 4),
        (functools.partial(indexed, precision=15, tables=256, lookup="guide"), "rans32_16", 32, 4),
        (functools.partial(indexed, precision=15, tables=256, lookup="guide"), "rans32_16", 1, 4),
        (functools.partial(indexed, precision=12, tables=64, lookup="dense"), "rans32_16", 32, 4),
        (functools.partial(indexed, precision=15, tables=64, lookup="alias"), "rans32_16", 32, 4),
        (functools.partial(indexed, precision=15, tables=64, lookup="guide", escapes=True), "rans32_16", 32, 4),
        (functools.partial(gaussians, precision=15, fixed=True), "rans32_16", 32, 4),
        (functools.partial(gaussians, precision=15, fixed=False), "rans32_16", 32, 4),
        (functools.partial(gaussians, precision=24, fixed=True), "rans64", 1, 4),
    ):
        streams = max(1, (4096 if lanes == 32 else 65536) * megabytes // 256)
        work = make((streams, megabytes * 2**20 // width // streams))
        push, pop, moved = rates(work, variant, lanes)
        each = [f"{r / 1e9:.2f} ({100 * r * moved / bandwidth:.0f} %)" for r in (push, pop)]
        shape = "{} x {}".format(*work.symbols.shape)
        rows.append((f"{variant}, {work.name}", work.model, f"{lanes}", shape, *each))
        print(rows[-1], flush=True)
    return markdown(("coder", "model", "lanes", "streams x symbols", "push, Gsym/s", "pop, Gsym/s"), rows)


# ---- one message ----


def messages_table(megabytes: int) -> str:
    """Rates of one array of bytes, cut by jans.chunked."""
    rows = []
    for size, chunk in ((megabytes / 4, None), (megabytes / 256, 2048), (megabytes / 256, 512)):
        rows.append((f"{size:g}", *message_rates(int(size * 2**20), chunk)))
        print(rows[-1], flush=True)
    return markdown(("MiB", "symbols of a chunk", "bits a symbol", "encode, Gsym/s", "decode, Gsym/s"), rows)


def message_rates(n: int, chunk: int | None) -> tuple[str, ...]:
    (symbols,), _, cdf = from_rows(jax.random.key(1), laplace(256, 6.0)[None], 12, (1, n), jnp.uint8)
    model = models.Table(cdf, 0, 12)
    encode = jax.jit(functools.partial(jans.chunked.encode, chunk=chunk))
    decode = jax.jit(lambda message: jans.chunked.decode(message, model, jnp.uint8)[1])
    message = encode(model, symbols)
    if not bool(jnp.array_equal(decode(message), symbols)):
        sys.exit("a message in chunks does not decode to what was encoded")
    bits = 8 * len(jans.to_bytes(message)) / n
    each = (n / seconds(call) / 1e9 for call in (lambda: encode(model, symbols), lambda: decode(message)))
    return (f"{message.chunk}", f"{bits:.3f}", *(f"{rate:.2f}" for rate in each))


# ---- steps ----

STEPS = 500


def _many(step: Callable, *args: jax.Array) -> Callable:
    """Repeats a step many times in a scan."""
    return lambda state: jax.lax.scan(lambda s, _: (step(s, *args), None), state, length=STEPS)[0]


def steps_table() -> str:
    """Microseconds of a push and of a pop as steps of a scan, for parallel chains."""
    rows = []
    model = models.Table(jans.quantize.fast(jnp.asarray(laplace(256, 6.0))[None], 12), 0, 12)
    for chains, n, capacity in ((1, 32, 2**16), (1, 32, 2**25), (1, 784, 2**20), (256, 784, 2**20), (1024, 256, 2**18)):
        symbols = jnp.full((chains, n), 128, jnp.uint8)
        push_all = jax.vmap(lambda s, x: rans.push(s, model, x))
        pop_all = jax.vmap(lambda s, n=n: rans.pop(s, model, (n,), jnp.uint8)[0])
        push, pop = jax.jit(_many(push_all, symbols)), jax.jit(_many(pop_all))
        start = jax.vmap(lambda _, c=capacity: rans.init(c, 32, "rans32_16"))(jnp.arange(chains))
        full = jax.block_until_ready(push(start))
        each = [1e6 * seconds(lambda p=p, s=s: p(s)) / STEPS for p, s in ((push, start), (pop, full))]
        rows.append((f"{chains}", f"{n}", f"{2 * capacity / 2**20:g}", *(f"{t:.1f}" for t in each)))
        print(rows[-1], flush=True)
    return markdown(("chains", "symbols", "MiB of tail", "push, us", "pop, us"), rows)


# ---- where a GPU pays ----


def crossover_table(device: Any, megabytes: int) -> str:
    """Microseconds of one push and one pop of Gaussians on the CPU and the GPU, by the number of symbols."""
    rows = []
    for streams, n in ((1, 32), (1, 1024), (1, 32768), (32, 1024), (256, 1024), (2048, 1024), (8192, 1024)):
        if streams * n > megabytes * 2**15:
            continue
        times = []
        for place in (jax.devices("cpu")[0], device):
            with jax.default_device(place):
                work = gaussians((streams, n), 15, fixed=True)
                count = work.symbols.size
                times += [1e6 * count / rate for rate in rates(work, "rans32_16", 32)[:2]]
        faster = " / ".join(f"{times[k] / times[k + 2]:.2g}" for k in range(2))
        rows.append((f"{streams}", f"{n}", *(f"{t:.0f}" for t in times), faster))
        print(rows[-1], flush=True)
    header = (
        "streams",
        "symbols of each",
        "CPU push, us",
        "pop, us",
        f"{device.platform} push, us",
        "pop, us",
        "times",
    )
    return markdown(header, rows)


# ---- other libraries ----


def peers_table(megabytes: int) -> str:
    """nvCOMP's ANS on the bytes of one table, and torch_ans on indexed tables, if they are installed."""
    rows = []
    for name, peer in (("nvidia-nvcomp", nvcomp_rates), ("torch_ans", torch_ans_rates)):
        try:
            found = peer(megabytes)
        except Exception as error:  # a failure of another library must not stop the report about jans
            found = (f"not run: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", "", "")
        rows.append((name, *found))
        print(rows[-1], flush=True)
    return markdown(("library", "what", "encode, Gsym/s", "decode, Gsym/s"), rows)


def nvcomp_rates(megabytes: int) -> tuple[str, str, str]:
    from nvidia import nvcomp

    symbols, _, _ = from_rows(jax.random.key(0), laplace(256, 6.0)[None], 12, (1, megabytes * 2**20), jnp.uint8)
    data, codec = nvcomp.as_array(symbols[0]), nvcomp.Codec(algorithm="ANS")
    coded = codec.encode(data)
    rates = [symbols.size / until_done(call) for call in (lambda: codec.encode(data), lambda: codec.decode(coded))]
    bits = 8 * coded.buffer_size / data.buffer_size
    return f"ANS of bytes, {bits:.2f} bits each", *(f"{rate / 1e9:.1f}" for rate in rates)


def torch_ans_rates(megabytes: int) -> tuple[str, str, str]:
    import tables
    import torch

    tables_, shape = 256, (4096, max(megabytes * 2**18 // 4096, 1))
    probs = np.stack([laplace(64, width) for width in np.linspace(0.5, 8, tables_)])
    symbols, index, cdf = map(np.asarray, from_rows(jax.random.key(0), probs, 15, shape, jnp.int32))
    calls = tables.peer_calls(cdf, index, symbols, 15, "rans32_16", 32, device="cuda")
    rates = [symbols.size / until_done(call, torch.cuda.synchronize) for call in calls]
    return f"rans32_16, 32 lanes, {tables_} tables", *(f"{rate / 1e9:.2f}" for rate in rates)


def until_done(call: Callable[[], Any], wait: Callable[[], Any] = lambda: None) -> float:
    """Median seconds of a call that is done when it, or `wait`, returns."""
    times = []
    for _ in range(8):
        begin = time.perf_counter()
        call(), wait()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


# ---- the section ----


def measure(device: Any, megabytes: int) -> str:
    with jax.default_device(device):
        bandwidth = copy_bandwidth(max(megabytes * 4, 1))
        sections = [
            f"Copy bandwidth, read and written: {bandwidth / 1e9:.0f} GB/s. In brackets the part of it that symbols, "
            "parameters and words take.",
            streams_table(megabytes, bandwidth),
            "One message by `jans.chunked`, bytes of one table, 32 lanes of rans32_16:",
            messages_table(megabytes),
            "One step of a scan, 32 lanes:",
            steps_table(),
            "Where the GPU pays: a Gaussian for every symbol in fixed point, 32 lanes, one call. The last column is how"
            " many times faster it pushes / pops than the CPU beside it:",
            crossover_table(device, megabytes),
            "Other libraries:",
            peers_table(megabytes),
        ]
    return "\n\n".join(sections)


if __name__ == "__main__":
    args, device = arguments(__doc__, megabytes=256)
    args.out.write_text(measure(device, args.megabytes) + "\n")
