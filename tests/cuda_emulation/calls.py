"""Calls to every CUDA target, served by one library on the CPU backend: `python calls.py LIBRARY OUT.npz`.

With the emulated CUDA handlers and with the CPU handlers the results must be the same, word for word.
"""

import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np

import jans
from jans import models, rans
from jans.ffi import registry

library, out = sys.argv[1:]
registry.LIBRARIES = {"cpu": library}
N, STREAMS, CAPACITY = 75, 3, 60
PRECISIONS = {"rans64": 24, "rans64_ryg": 16, "rans32_16": 12, "rans32": 18}
DTYPES = (np.uint8, np.uint16, np.int32)
rng = np.random.default_rng(0)
results: dict[str, np.ndarray] = {}


def keep(name, state, *others):
    """What a call left; words beyond the size are unspecified."""
    used = np.arange(state.tail.shape[-1]) < np.asarray(state.size)[..., None]
    leaves = (state.head, np.where(used, state.tail, 0), state.size, state.status, *others)
    results.update({f"{name}, result {i}": np.asarray(leaf) for i, leaf in enumerate(leaves)})


def rows(precision, *shape):
    return jans.quantize.probs(jnp.asarray(rng.random((*shape, 20), np.float32)) ** 4, precision)


for number, (variant, lanes) in enumerate(itertools.product(PRECISIONS, (1, 3, 32))):
    precision, dtype = PRECISIONS[variant], DTYPES[number % 3]
    name = f"{variant}, {lanes} lanes"
    keys = jax.random.split(jax.random.key(number), (2, STREAMS))
    state = jax.vmap(jax.vmap(lambda key, v=variant, m=lanes: rans.random(key, 40, CAPACITY, m, v)))(keys)
    symbols = jnp.asarray(rng.integers(0, 20, (2, STREAMS, N)), dtype).at[1, 2, 50].set(20)  # outside
    index = jnp.asarray(rng.integers(0, 3, (STREAMS, N))).at[2, 40].set(3)  # likewise

    def run(name, call, *args):
        pushed, popped, found = jax.jit(call)(*args)
        keep(f"{name}, pushed", pushed)
        keep(f"{name}, popped", popped, found)

    def there_and_back(state, symbols, model, n=N, dtype=dtype):
        pushed = rans.push(state, model, symbols)
        return pushed, *rans.pop(pushed, model, (n,), dtype)

    def table(state, symbols, cdf, index, precision=precision):
        return there_and_back(state, symbols, models.Table(cdf, index, precision))

    one = jax.tree.map(lambda leaf: leaf[0, 0], state)
    run(f"{name}, one stream, one row", table, one, symbols[0, 0], rows(precision, 1), jnp.int32(0))
    run(f"{name}, one stream, many rows", table, one, symbols[0, 0], rows(precision, 3), index[0])
    inner = jax.vmap(table, (0, 0, None, None))
    run(f"{name}, shared row", jax.vmap(inner, (0, 0, None, None)), state, symbols, rows(precision, 1), jnp.int32(0))
    run(
        f"{name}, a table for each half",
        jax.vmap(jax.vmap(table, (0, 0, None, 0)), (0, 0, 0, None)),
        state,
        symbols,
        rows(precision, 2, 3),
        index,
    )
    run(
        f"{name}, a row for each stream",
        jax.vmap(jax.vmap(table, (0, 0, 0, None)), (0, 0, 0, None)),
        state,
        symbols,
        rows(precision, 2, STREAMS, 1),
        jnp.int32(0),
    )

    def advance(state, start, freq, precision=precision):
        return rans.advance(state, start, freq, precision)

    quantiles = jax.vmap(jax.vmap(lambda s, p=precision: rans.peek(s, p)))(state)
    starts = quantiles - jnp.minimum(quantiles, 5) + jnp.asarray(rng.random(quantiles.shape) < 0.1, jnp.uint32)
    freqs = jnp.minimum(9, 2**precision - starts).astype(jnp.uint32)
    keep(f"{name}, advance", jax.jit(jax.vmap(jax.vmap(advance)))(state, starts, freqs))

    def uniform(state, symbols, size, precision=precision):
        return rans.push(state, models.Uniform(size, precision), symbols)

    keep(f"{name}, intervals", jax.jit(jax.vmap(jax.vmap(uniform, (0, 0, None)), (0, 0, None)))(state, symbols, 20))

odd = np.array([np.nan, np.inf, -np.inf, -1, 0, 1e-40, 3e38], np.float32)
values = np.where(rng.random((300, 12)) < 0.02, rng.choice(odd, (300, 12)), rng.random((300, 12), np.float32))
for precision in (4, 17, 32):
    results[f"probs, {precision} bits"] = np.asarray(jans.quantize.probs(jnp.asarray(values), precision))
    results[f"logits, {precision} bits"] = np.asarray(jans.quantize.logits(jnp.asarray(values), precision))
some, each = jnp.asarray(rng.random(12) < 0.5), jnp.asarray(rng.random((300, 12)) < 0.5)
for name, mask in (("shared", some), ("each", each)):
    results[f"probs, {name} mask"] = np.asarray(jans.quantize.probs(jnp.asarray(values), 17, mask))
    results[f"logits, {name} mask"] = np.asarray(jans.quantize.logits(jnp.asarray(values), 17, mask))
halves = jax.vmap(lambda x: jans.quantize.probs(x, 17, each[:150]))(jnp.asarray(values).reshape(2, 150, 12))
results["probs, batches that share masks"] = np.asarray(halves)
with jax.enable_x64(True):
    results["probs, float64"] = np.asarray(jans.quantize.probs(jnp.asarray(values, jnp.float64), 20))

wanted = {"jans_rans_push", "jans_rans_push_rows", "jans_rans_advance", "jans_rans_pop_rows"}
wanted |= {"jans_quantize_probs", "jans_quantize_logits"}
assert wanted <= registry.targets("cpu"), registry.targets("cpu")
np.savez(out, **results)
