"""Measures the cost of a call that codes almost nothing, for `cpu.py`."""

from collections.abc import Callable

# Import this before JAX, because it sets the flags of XLA.
from measure import interleaved, laplace  # isort: skip

import jax
import jax.numpy as jnp
import numpy as np

from jans import models, rans

STEPS = 20_000


def single_steps(repetitions: int) -> list[tuple[str, ...]]:
    """One symbol in each step of a scan, as autoregressive models code.

    The time excludes that of a step that only carries the state and reads its inputs.
    """
    rng = np.random.default_rng(0)
    probs = jnp.asarray(laplace(256, 6.0))
    table = models.Categorical(probs)
    mean, scale = jnp.asarray(rng.normal(0, 5, STEPS), jnp.float32), jnp.full(STEPS, 2.0)
    rows = jnp.asarray(rng.normal(size=(STEPS, 256)), jnp.float32)
    builds: dict[str, tuple[Callable, tuple]] = {
        "one table": (lambda: table, ()),
        "a Gaussian": (lambda m, s: models.Gaussian(m, s, -127, 127), (mean, scale)),
        "256 probabilities": (lambda p: models.Categorical(p), (jax.nn.softmax(rows),)),
        "256 logits": (lambda p: models.Categorical(logits=p), (rows,)),
    }
    symbols = jnp.zeros(STEPS, jnp.int32)
    start = rans.init(2 * STEPS)
    calls: dict[str, Callable[[], object]] = {}
    for name, (build, args) in builds.items():

        def push(state, args, build=build):
            return jax.lax.scan(lambda s, x: (rans.push(s, build(*x[1:]), x[0]), None), state, (symbols, *args))[0]

        def pop(state, args, build=build):
            step = lambda s, x: rans.pop(s, build(*x))
            return jax.lax.scan(step, state, args, length=STEPS, reverse=True)[0]

        def empty(state, args):
            step = lambda s, x: (rans.State(s.head + sum(jnp.sum(a) == 0 for a in x), *state_rest(s)), None)
            return jax.lax.scan(step, state, (symbols, *args))[0]

        full = jax.jit(push)(start, args)
        for verb, call, state in (("push", push, start), ("pop", pop, full), ("empty", empty, start)):
            program = jax.jit(call)
            calls[f"{name} {verb}"] = lambda p=program, s=state, a=args: p(s, a)
    micro = {name: 1e6 * s / STEPS for name, s in interleaved(calls, repetitions).items()}
    rows_of = []
    for name in builds:
        beyond = [micro[f"{name} {verb}"] - micro[f"{name} empty"] for verb in ("push", "pop")]
        rows_of.append((f"scan, one symbol, {name}", *(f"{time:.2f}" for time in beyond)))
    return rows_of


def state_rest(state: rans.State) -> tuple:
    return state.tail, state.size, state.status, state.variant


def eager_calls(repetitions: int) -> list[tuple[str, ...]]:
    """Compiled programs called from Python with NumPy arrays of 16 symbols,
    next to one that adds one to them."""
    many = 300
    table = models.Categorical(jnp.asarray(laplace(256, 6.0)))
    x = np.arange(16, dtype=np.int32)
    state = rans.init(64)
    push, pop = jax.jit(lambda s, x: rans.push(s, table, x)), jax.jit(lambda s: rans.pop(s, table, (16,)))
    add = jax.jit(lambda x: x + 1)
    full = push(state, x)

    def often(call):
        def calls():
            for _ in range(many):
                result = call()
            return result

        return calls

    seconds = interleaved(
        {"push": often(lambda: push(state, x)), "pop": often(lambda: pop(full)), "add": often(lambda: add(x))},
        repetitions,
    )
    micro = {name: f"{1e6 * s / many:.1f}" for name, s in seconds.items()}
    return [
        ("compiled call, 16 symbols from NumPy", micro["push"], micro["pop"]),
        ("compiled call that adds one to 16 integers", micro["add"], ""),
    ]
