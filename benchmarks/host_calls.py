"""Calls from Python with arrays of NumPy, for `cpu.py`: short messages next to constriction, and messages of new
lengths."""

import itertools
import time
from collections.abc import Callable

# Import this before JAX, because it sets the flags of XLA.
from measure import microseconds  # isort: skip

import constriction
import jax.numpy as jnp
import numpy as np
from memory import memory

from jans import TableCoder
from jans.compat import constriction as ours


def short_messages(repetitions: int) -> list[tuple[str, ...]]:
    """Both libraries through the same lines: a new coder, a few symbols into it, and out again."""
    probs, symbols = np.array([0.1, 0.6, 0.3], np.float32), (np.arange(16) % 3).astype(np.int32)
    made = {
        "Categorical": lambda model: model.Categorical(probs, perfect=False),
        "QuantizedGaussian": lambda model: model.QuantizedGaussian(-50, 50, 0.3, 2.0),
    }
    calls: dict[str, Callable[[], object]] = {}
    for (name, make), (label, library) in itertools.product(
        made.items(), (("peer", constriction.stream), ("jans", ours.stream))
    ):
        model = make(library.model)

        def stack(model=model, kind=library.stack.AnsCoder):
            coder = kind()
            coder.encode_reverse(symbols, model)
            return coder.decode(model, symbols.size)

        def queue(model=model, kind=library.queue.RangeEncoder, reader=library.queue.RangeDecoder):
            encoder = kind()
            for symbol in (0, 1, 2, 1):
                encoder.encode(symbol, model)
            decoder = reader(encoder.get_compressed())
            return [decoder.decode(model) for _ in range(4)]

        coder = library.stack.AnsCoder()

        def single(model=model, coder=coder):
            coder.encode_reverse(1, model)
            return coder.decode(model)

        assert (stack() == symbols).all()
        assert queue() == [0, 1, 2, 1]
        assert single() == 1
        calls |= {
            f"AnsCoder, 16 symbols at once, {name}|{label}": stack,
            f"RangeEncoder and RangeDecoder, 4 symbols one at a time, {name}|{label}": queue,
            f"AnsCoder, one symbol, {name}|{label}": single,
        }
    return microseconds(calls, repetitions)


def new_lengths() -> list[tuple[str, ...]]:
    """Messages of `TableCoder`, encoded and decoded, each of a length that was not seen before."""
    probs = np.random.default_rng(0).random((64, 200)).astype(np.float32)
    coder = TableCoder.from_probs(probs / probs.sum(1, keepdims=True), tail=0.01)
    rows = []
    for label, array in (("in arrays of NumPy", np.asarray), ("in arrays of JAX", jnp.asarray)):
        code_lengths(coder, array, range(990, 1000))
        begin, held = time.perf_counter(), memory("VmRSS")
        code_lengths(coder, array, range(1000, 1050))
        spent, more = time.perf_counter() - begin, memory("VmRSS") - held
        rows.append((label, f"{1e3 * spent / 50:.2f}", f"{more / 50 / 1e6:.3f}"))
    return rows


def code_lengths(coder: TableCoder, array: Callable, lengths: range) -> None:
    rng = np.random.default_rng(1)
    for n in lengths:
        symbols, index = array(rng.integers(0, 200, n)), array(rng.integers(0, 64, n))
        assert (np.asarray(coder.decode(coder.encode(symbols, index), index)) == np.asarray(symbols)).all()
