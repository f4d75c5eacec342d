"""Measures the speed on one core next to constriction and simple_ans, in one run: `make bench`, or
`python benchmarks/cpu.py [--out FILE] [--picture FILE]`.

Every figure is the median of interleaved repetitions. Quote the ratios. Many streams are coded by all cores.
"""

import argparse
import concurrent.futures
import importlib.metadata
import multiprocessing
import os
import pathlib
import subprocess
import tempfile
from collections.abc import Callable

# Import this before JAX, because it sets the flags of XLA.
from measure import interleaved, laplace, markdown, processor, rates_of, ratios_of, result_file  # isort: skip

import coders
import constriction
import host_calls
import jax
import jax.numpy as jnp
import numpy as np
import picture
import simple_ans
import steps
import symbol_codes

from jans import models, rans
from jans.ffi import registry

Categorical = constriction.stream.model.Categorical
AnsCoder = constriction.stream.stack.AnsCoder


def stream_calls(variant: str, lanes: int, precision: int, dtype, probs, symbols):
    """Push into a donated state, and pop, as compiled programs."""
    model = models.Categorical(jnp.asarray(probs), precision=precision)
    x = jnp.asarray(symbols, dtype)
    n = x.size
    push = jax.jit(lambda state: rans.push(state, model, x), donate_argnums=0)
    pop = jax.jit(lambda state: rans.pop(state, model, (n,), dtype)[1])
    buffers = {"state": jax.block_until_ready(rans.init(n, lanes, variant))}
    full = jax.block_until_ready(jax.jit(lambda s: rans.push(s, model, x))(rans.init(n, lanes, variant)))
    assert (np.asarray(pop(full)) == symbols).all()
    empty = rans.init(0, lanes, variant)

    def encode():
        # Reuse the buffer; the other parts of the state start anew.
        state = rans.State(empty.head + 0, buffers["state"].tail, empty.size + 0, empty.status + 0, variant)
        buffers["state"] = push(state)
        return buffers["state"]

    return encode, lambda: pop(full), float(rans.content_bits(full)) / n


def static_table(repetitions: int, programs: list[str]) -> list[tuple[str, ...]]:
    """I.i.d. symbols of about 5 bits under one table.

    Each program gets a file with the symbols and prints its rates.
    """
    n = 4_000_000
    probs = laplace(256, 6.0)
    symbols = np.random.default_rng(0).choice(256, n, p=probs / probs.sum())
    wide, bytes_ = symbols.astype(np.int32), symbols.astype(np.uint8)
    model = Categorical(probs, perfect=False)

    def peer_encode():
        coder = AnsCoder()
        coder.encode_reverse(wide, model)
        return coder

    words = peer_encode().get_compressed()
    counted = simple_ans.ans_encode(bytes_)
    calls = {
        "peer encode": peer_encode,
        "peer decode": lambda: AnsCoder(words).decode(model, n),
        "other encode": lambda: simple_ans.ans_encode(bytes_),
        "other decode": lambda: simple_ans.ans_decode(counted),
    }
    shapes = [
        ("one lane, 24 bit, int32", "rans64", 1, 24, jnp.int32),
        ("one lane, 24 bit, u8", "rans64", 1, 24, jnp.uint8),
        ("32 lanes rans32_16, 12 bit, u8", "rans32_16", 32, 12, jnp.uint8),
        ("64 lanes rans32_16, 12 bit, u8", "rans32_16", 64, 12, jnp.uint8),
        ("32 lanes rans32_16, 15 bit, u8", "rans32_16", 32, 15, jnp.uint8),
        ("64 lanes rans32_16, 15 bit, u8", "rans32_16", 64, 15, jnp.uint8),
    ]
    sizes, entropies = {}, {}
    for name, variant, lanes, precision, dtype in shapes:
        encode, decode, sizes[name] = stream_calls(variant, lanes, precision, dtype, probs, symbols)
        calls |= {f"{name} encode": encode, f"{name} decode": decode}
        _, freq = models.Categorical(jnp.asarray(probs), precision=precision).interval(jnp.arange(256))
        entropies[name] = precision - np.log2(np.asarray(freq, np.float64))[symbols].mean()
    seconds = interleaved(calls, repetitions)
    rates = {name: n / s / 1e6 for name, s in seconds.items()}
    their_size = 8 * simple_ans_bytes(counted) / n
    rows = [
        ("constriction AnsCoder, 24 bit", *rates_of(rates, "peer"), "", "", f"{32 * words.size / n:.4f}", ""),
        ("simple_ans, counting included", *rates_of(rates, "other"), "", "", f"{their_size:.4f}", ""),
    ]
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes_.tobytes())
        file.flush()
        for program in programs:
            printed = subprocess.run([program, file.name], check=True, capture_output=True, text=True).stdout
            encode_rate, decode_rate = (float(number) for number in printed.split())
            rows.append((pathlib.Path(program).stem, f"{encode_rate:.0f}", f"{decode_rate:.0f}", "", "", "", ""))
    for name, *_ in shapes:
        above = f"{100 * (sizes[name] / entropies[name] - 1):.4f} %"
        ratios = ratios_of(rates, name, "peer")
        rows.append((f"jans {name}", *rates_of(rates, name), *ratios, f"{sizes[name]:.4f}", above))
    return rows


def simple_ans_bytes(encoded) -> int:
    return encoded.words.nbytes + encoded.symbol_counts.nbytes + encoded.symbol_values.nbytes


def small_calls(repetitions: int) -> list[tuple[str, ...]]:
    """Push and pop of 784 symbols as one step of a scan, next to the peer's calls from Python."""
    n, steps = 784, 2000
    probs = laplace(256, 6.0)
    symbols = np.random.default_rng(1).choice(256, n, p=probs / probs.sum()).astype(np.int32)
    peer = Categorical(probs, perfect=False)
    coder = AnsCoder()

    def peer_push():
        for _ in range(steps):
            coder.encode_reverse(symbols, peer)

    def peer_pop():
        for _ in range(steps):
            coder.decode(peer, n)

    x = jnp.asarray(symbols)
    calls: dict[str, Callable[[], object]] = {"peer push": peer_push, "peer pop": peer_pop}
    shapes = [("one lane, 24 bit", "rans64", 1, 24), ("32 lanes rans32_16, 12 bit", "rans32_16", 32, 12)]
    for name, variant, lanes, precision in shapes:
        model = models.Categorical(jnp.asarray(probs), precision=precision)

        def push_many(state, model=model):
            return jax.lax.scan(lambda s, _: (rans.push(s, model, x), None), state, length=steps)[0]

        def pop_many(state, model=model):
            return jax.lax.scan(lambda s, _: (rans.pop(s, model, (n,))[0], None), state, length=steps)[0]

        start = rans.init(n * steps, lanes, variant)
        push, pop = jax.jit(push_many), jax.jit(pop_many)
        full = jax.block_until_ready(push(start))
        calls |= {f"{name} push": lambda p=push, s=start: p(s), f"{name} pop": lambda p=pop, s=full: p(s)}
    seconds = interleaved(calls, repetitions)
    micro = {name: 1e6 * s / steps for name, s in seconds.items()}
    rows = [("constriction, call from Python", f"{micro['peer push']:.1f}", f"{micro['peer pop']:.1f}", "", "")]
    for name, *_ in shapes:
        push_time, pop_time = micro[f"{name} push"], micro[f"{name} pop"]
        ratios = f"{micro['peer push'] / push_time:.2f}", f"{micro['peer pop'] / pop_time:.2f}"
        rows.append((f"jans {name}, step of a scan", f"{push_time:.1f}", f"{pop_time:.1f}", *ratios))
    return rows


def located(repetitions: int, kind: str) -> list[tuple[str, ...]]:
    """A location and a scale for every symbol, at 24 bits, with the integers of constriction."""
    n, high = 1_000_000, 127
    rng = np.random.default_rng(5)
    mean, scale = rng.normal(0, 5, n).astype(np.float32), np.exp(rng.normal(0.5, 1, n)).astype(np.float32)
    symbols = np.clip(np.round(mean + scale * rng.normal(size=n)), -high, high).astype(np.int32)
    peer = getattr(constriction.stream.model, f"Quantized{kind}")(-high, high)
    wide = mean.astype(np.float64), scale.astype(np.float64)

    def peer_encode():
        coder = AnsCoder()
        coder.encode_reverse(symbols, peer, *wide)
        return coder

    words = peer_encode().get_compressed()
    build = lambda m, s: getattr(models, kind)(m, s, -high, high)
    calls: dict[str, Callable[[], object]] = {
        "peer encode": peer_encode,
        "peer decode": lambda: AnsCoder(words).decode(peer, *wide),
    }
    calls |= lane_calls(build, (jnp.asarray(mean), jnp.asarray(scale)), symbols, words)
    rates = {name: n / seconds / 1e6 for name, seconds in interleaved(calls, repetitions).items()}
    rows = [(f"constriction, {kind}", *rates_of(rates, "peer"), "", "")]
    for lanes in LANES:
        rows.append((lanes_label(kind, lanes), *rates_of(rates, str(lanes)), *ratios_of(rates, str(lanes), "peer")))
    return rows


LANES = (1, 4, 32)


def lanes_label(kind: str, lanes: int) -> str:
    return f"jans, {kind}, {lanes} lane{'s' if lanes > 1 else ''}"


def lane_calls(build, parameters, symbols, words=None) -> dict[str, Callable[[], object]]:
    """Push into a donated state, and pop, with parameters for every symbol, by number of lanes.

    `words` are the words that one lane must write.
    """
    push = jax.jit(lambda state, parameters, x: rans.push(state, build(*parameters), x), donate_argnums=0)
    pop = jax.jit(lambda state, parameters: rans.pop(state, build(*parameters))[1])
    x, n = jnp.asarray(symbols), symbols.size
    calls = {}
    for lanes in LANES:
        full = jax.block_until_ready(push(rans.init(n, lanes), parameters, x))
        assert (np.asarray(pop(full, parameters)) == symbols).all()
        if lanes == 1 and words is not None:
            assert (rans.to_words(full) == words).all()
        buffers = {"state": rans.init(n, lanes)}

        def encode(buffers=buffers, lanes=lanes):
            empty = rans.init(0, lanes)
            state = rans.State(empty.head, buffers["state"].tail, empty.size, empty.status, empty.variant)
            buffers["state"] = push(state, parameters, x)
            return buffers["state"]

        calls |= {f"{lanes} encode": encode, f"{lanes} decode": lambda full=full: pop(full, parameters)}
    return calls


def mixtures(repetitions: int) -> list[tuple[str, ...]]:
    """Ten logistic components for every one of 256 symbols, as for pixels; there is no peer."""
    n, components = 100_000, 10
    rng = np.random.default_rng(6)
    shape = (n, components)
    logits = jnp.asarray(rng.normal(0, 2, shape), jnp.float32)
    mean = jnp.asarray(rng.uniform(0, 255, shape), jnp.float32)
    scale = jnp.asarray(np.exp(rng.normal(1, 1, shape)), jnp.float32)
    symbols = rng.integers(0, 256, n).astype(np.int32)
    build = lambda *parameters: models.LogisticMixture(*parameters, 0, 255)
    calls = lane_calls(build, (logits, mean, scale), symbols)
    rates = {name: n / seconds / 1e6 for name, seconds in interleaved(calls, repetitions).items()}
    return [(lanes_label("LogisticMixture", lanes), *rates_of(rates, str(lanes)), "", "") for lanes in LANES]


def rows_of_probabilities(repetitions: int) -> list[tuple[str, ...]]:
    """256 float32 probabilities for every symbol, quantisation included."""
    n, size = 20_000, 256
    rng = np.random.default_rng(4)
    probs = (rng.random((n, size)) ** 3).astype(np.float32)
    probs /= probs.sum(-1, keepdims=True)
    symbols = rng.integers(0, size, n).astype(np.int32)
    calls: dict[str, Callable[[], object]] = {}
    counts = {"peer fast": n, "peer lazy": n, "fast": n, "peer perfect": n // 20, "perfect": n // 20}
    for name, count in counts.items():
        rule = name.removeprefix("peer ")
        x, s = jnp.asarray(probs[:count]), symbols[:count]
        p = np.asarray(x)  # the same memory for both
        peer = Categorical(perfect=rule == "perfect", lazy=rule == "lazy")

        def peer_encode(peer=peer, p=p, s=s):
            coder = AnsCoder()
            coder.encode_reverse(s, peer, p)
            return coder

        words = peer_encode().get_compressed()
        calls[f"{name} encode"] = peer_encode
        calls[f"{name} decode"] = lambda peer=peer, p=p, words=words: AnsCoder(words).decode(peer, p)
        if name == rule:
            y = jnp.asarray(s)
            push = jax.jit(lambda p, s, rule=rule: rans.push(rans.init(s.size), models.Categorical(p, rule=rule), s))
            pop = jax.jit(lambda p, state, rule=rule: rans.pop(state, models.Categorical(p, rule=rule))[1])
            full = jax.block_until_ready(push(x, y))
            assert (rans.to_words(full) == words).all()
            assert (np.asarray(pop(x, full)) == s).all()
            calls[f"{name} encode"] = lambda push=push, x=x, y=y: push(x, y)
            calls[f"{name} decode"] = lambda pop=pop, x=x, full=full: pop(x, full)
    seconds = interleaved(calls, repetitions)
    rates = {call: counts[call.rsplit(" ", 1)[0]] / s / 1e6 for call, s in seconds.items()}
    rows = []
    for name in counts:
        digits = 3 if "perfect" in name else 1
        ways = [f"{name} {way}" for way in ("encode", "decode")]
        ratios = ["", ""]
        if not name.startswith("peer"):
            peers = ("peer perfect",) if name == "perfect" else ("peer fast", "peer lazy")
            best = [max(rates[way.replace(name, peer)] for peer in peers) for way in ways]
            ratios = [f"{rates[way] / rate:.2f}" for way, rate in zip(ways, best, strict=True)]
        label = name.replace("peer", "constriction") if name.startswith("peer") else f"jans {name}"
        rows.append((label, *(f"{rates[way]:.{digits}f}" for way in ways), *ratios))
    return rows


def in_place(repetitions: int) -> list[tuple[str, ...]]:
    """1000 pushes of 784 symbols in a scan over small and large tails.

    Only the written words may cost time.
    """
    probs = laplace(256, 6.0)
    model = models.Categorical(jnp.asarray(probs))
    x = jnp.asarray(np.random.default_rng(2).choice(256, 784, p=probs / probs.sum()), jnp.int32)
    rows = []
    for streams in (1, 4):
        calls: dict[str, Callable[[], object]] = {}
        for megabytes in (4, 80):
            capacity = megabytes * 250_000 // streams

            def run(_, capacity=capacity):
                push = lambda state, _: (rans.push(state, model, x), None)
                return jax.lax.scan(push, rans.init(capacity), length=1000)[0]

            program = jax.jit(jax.vmap(run))
            calls[f"{megabytes}"] = lambda program=program, streams=streams: program(jnp.arange(streams))
        big = jnp.zeros(80 * 250_000, jnp.uint32)
        copy = jax.jit(lambda a: a + jnp.uint32(1))
        calls["copy"] = lambda copy=copy, big=big: copy(big)
        ms = {name: 1e3 * s for name, s in interleaved(calls, repetitions).items()}
        label = "one stream" if streams == 1 else f"{streams} streams by vmap"
        rows.append((label, *(f"{ms[k]:.1f}" for k in ("4", "80", "copy"))))
    return rows


def batches(repetitions: int) -> list[tuple[str, ...]]:
    """64 streams, compared with one of the same total length."""
    n = 4_194_304
    probs = laplace(256, 6.0)
    model = models.Categorical(jnp.asarray(probs))
    x = jnp.asarray(np.random.default_rng(3).choice(256, n, p=probs / probs.sum()), jnp.uint8)
    one = jax.jit(lambda x: rans.push(rans.init(n // 4), model, x))
    many = jax.jit(jax.vmap(lambda x: rans.push(rans.init(n // 256), model, x)))
    pop_one = jax.jit(lambda s: rans.pop(s, model, (n,), jnp.uint8)[1])
    pop_many = jax.jit(jax.vmap(lambda s: rans.pop(s, model, (n // 64,), jnp.uint8)[1]))
    rows_of_x = x.reshape(64, -1)
    full_one, full_many = jax.block_until_ready((one(x), many(rows_of_x)))
    seconds = interleaved(
        {
            "one": lambda: one(x),
            "many": lambda: many(rows_of_x),
            "pop one": lambda: pop_one(full_one),
            "pop many": lambda: pop_many(full_many),
        },
        repetitions,
    )
    return [
        ("push", *(f"{n / seconds[k] / 1e6:.0f}" for k in ("one", "many")), f"{seconds['one'] / seconds['many']:.2f}"),
        (
            "pop",
            *(f"{n / seconds[k] / 1e6:.0f}" for k in ("pop one", "pop many")),
            f"{seconds['pop one'] / seconds['pop many']:.2f}",
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=result_file("cpu"), help="Markdown file to write")
    parser.add_argument("--picture", type=pathlib.Path, help="PNG file to draw")
    parser.add_argument("--repetitions", type=int, default=25)
    parser.add_argument(
        "--program",
        action="append",
        default=[],
        help="an executable that is given the path of 4 000 000 symbols as bytes, and prints how many millions of them "
        "it encodes and decodes in a second; may be repeated",
    )
    args = parser.parse_args()
    cores = os.sched_getaffinity(0)
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        many_streams = pool.submit(batches, args.repetitions).result()
    os.sched_setaffinity(0, {min(cores)})
    peers = "encode / peer", "decode / peer"
    r = args.repetitions
    tables = [
        (
            "One table, 4 M symbols of 5 bits, Msym/s",
            ("coder", "encode", "decode", *peers, "bits per symbol", "above the quantised entropy"),
            static_table(r, args.program),
        ),
        (
            "Push and pop of 784 symbols, microseconds",
            ("call", "push", "pop", "peer / push", "peer / pop"),
            small_calls(r),
        ),
        (
            "One symbol in a step of a scan, beyond an empty step, and calls from Python, microseconds",
            ("call", "push", "pop"),
            steps.single_steps(r) + steps.eager_calls(r),
        ),
        (
            "A distribution for every symbol, constriction's integers of 24 bits, and ten logistic components, Msym/s",
            ("coder", "encode", "decode", *peers),
            located(r, "Gaussian") + located(r, "Laplace") + mixtures(r),
        ),
        (
            "256 probabilities for every symbol, Msym/s (fast beside the faster of constriction's fast and lazy)",
            ("rule", "encode", "decode", *peers),
            rows_of_probabilities(r),
        ),
        (
            "Chain coder and range coder, one table of 256 symbols, and a Gaussian for every symbol, Msym/s",
            ("coder", "encode", "decode", *peers),
            coders.chain_and_range(r),
        ),
        (
            "A Huffman code of 256 symbols, Msym/s (constriction's calls from Python, symbol by symbol)",
            ("bits", "write", "read", "write / peer", "read / peer"),
            symbol_codes.symbol_codes(r),
        ),
        (
            "Calls from Python with arrays of NumPy, through `jans.compat.constriction`, microseconds",
            ("encode and decode", "constriction", "jans", "jans / constriction"),
            host_calls.short_messages(r),
        ),
        (
            "`TableCoder`: a message of a new length, about 1000 symbols, encoded and decoded",
            ("symbols and index", "ms", "MB that stay"),
            host_calls.new_lengths(),
        ),
        (
            "1000 pushes of 784 symbols in a scan, milliseconds",
            ("streams", "4 MB of tail", "80 MB of tail", "one pass over 80 MB"),
            in_place(r),
        ),
        (
            f"64 streams on {len(cores)} cores and one, Msym/s",
            ("direction", "one stream", "64 streams", "ratio"),
            many_streams,
        ),
    ]
    head = (
        f"# CPU\n\n{processor()}, {registry.simd()}; jax {jax.__version__}, constriction 0.5.0, simple_ans "
        f"{importlib.metadata.version('simple_ans')}. Medians of interleaved runs on one core."
    )
    text = "\n\n".join([head, *(f"## {title}\n\n{markdown(header, rows)}" for title, header, rows in tables)]) + "\n"
    print(text)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text)
    if args.picture:
        picture.draw(args.picture, {title.split(",")[0]: rows for title, _, rows in tables})


if __name__ == "__main__":
    main()
