"""Measures the memory of a push and a pop besides their arguments, and its growth:
`make bench-memory`, on Linux.

Every workload runs in a process of its own, for n symbols and for four times as many.
"""

import argparse
import pathlib
import re
import subprocess
import sys

from measure import laplace, markdown, processor, result_file  # isort: skip

import jax
import jax.numpy as jnp
import numpy as np

from jans import models, rans


def table(n: int) -> tuple:
    probs = laplace(256, 6.0)
    symbols = np.random.default_rng(0).choice(256, n, p=probs / probs.sum()).astype(np.uint8)
    model = models.Categorical(jnp.asarray(probs), precision=12)
    return (lambda: model), (), symbols, "rans32_16", 32


def gaussians(n: int) -> tuple:
    rng = np.random.default_rng(0)
    parameters = rng.normal(0, 5, n).astype(np.float32), np.exp(rng.normal(0, 1, n)).astype(np.float32)
    symbols = np.clip(np.round(rng.normal(*parameters)), -127, 127).astype(np.int32)
    return (lambda mean, scale: models.Gaussian(mean, scale, -127, 127)), parameters, symbols, "rans64", 32


def probabilities(n: int) -> tuple:
    rng = np.random.default_rng(0)
    symbols = rng.integers(0, 256, n).astype(np.int32)
    return models.Categorical, (rng.random((n, 256), np.float32),), symbols, "rans64", 1


WORKLOADS = {
    "one table, u8, 32 lanes of `rans32_16`": (table, 4_000_000),
    "a Gaussian for every symbol, 32 lanes": (gaussians, 1_000_000),
    "256 probabilities for every symbol": (probabilities, 20_000),
}


def memory(what: str) -> int:
    """Bytes that this process holds (VmRSS), or the largest number since the last reset (VmHWM)."""
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"{what}:\s+(\d+)", status)[1])


def run(name: str, n: int) -> None:
    """Pushes and pops a few symbols, then n symbols;
    prints the bytes of the arguments and of the other memory."""
    push_and_pop(name, 64)
    print(*push_and_pop(name, n))


def push_and_pop(name: str, n: int) -> tuple[int, int]:
    build, parameters, symbols, variant, lanes = WORKLOADS[name][0](n)
    parameters = [jnp.asarray(array) for array in parameters]
    x = jax.block_until_ready(jnp.asarray(symbols))
    shape, dtype = x.shape, x.dtype
    push = jax.jit(lambda state, x, *parameters: rans.push(state, build(*parameters), x), donate_argnums=0)
    pop = jax.jit(lambda state, *parameters: rans.pop(state, build(*parameters), shape, dtype)[1])
    state = jax.eval_shape(lambda: rans.init(x.size, lanes, variant))
    programs = push.lower(state, x, *parameters).compile(), pop.lower(state, *parameters).compile()
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    full = programs[0](rans.init(x.size, lanes, variant), x, *parameters)
    again = jax.block_until_ready(programs[1](full, *parameters))
    peak = memory("VmHWM")
    assert (again == x).all()
    return sum(array.nbytes for array in (*parameters, x)), peak - before


def measured(name: str, n: int) -> tuple[int, int]:
    command = [sys.executable, __file__, "--workload", name, "--symbols", str(n)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    arguments, beside = map(int, printed.split())
    return arguments, beside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=result_file("memory"), help="Markdown file to write")
    parser.add_argument("--workload", help="only run this one, for --symbols")
    parser.add_argument("--symbols", type=int)
    args = parser.parse_args()
    if args.workload:
        run(args.workload, args.symbols)
        return
    rows = []
    for name, (_, n) in WORKLOADS.items():
        (arguments, one), (_, four) = measured(name, n), measured(name, 4 * n)
        slope = (four - one) / 3 / n
        rows.append((name, f"{n:,}", f"{arguments / n:.1f}", f"{slope:.1f}", f"{(one - slope * n) / 2**20:.1f}"))
    header = ("workload", "n", "bytes a symbol of arguments", "beside them", "and MiB for any n")
    head = f"# Memory\n\n{processor()}; jax {jax.__version__}. A push into a donated state and a pop."
    text = f"{head}\n\n{markdown(header, rows)}\n"
    print(text)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text)


if __name__ == "__main__":
    main()
