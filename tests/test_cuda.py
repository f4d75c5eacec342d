"""The CUDA kernels, as far as a machine without a GPU can tell: `make gpu` does the rest on one that has it."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

from jans.ffi import registry

ROOT = pathlib.Path(__file__).parent.parent
EMULATION = ROOT / "tests" / "cuda_emulation"
KERNELS = [ROOT / "csrc" / "cuda" / f"{name}.cu" for name in ("push", "pop", "quantize")]
HOST = [os.environ.get("CXX", "g++"), "-std=c++17", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]
HOST += ["-Wno-unknown-pragmas", f"-I{EMULATION}"]
DEVICE = ["nvcc", "-std=c++17", "-O3", "--fmad=false", "--Werror=all-warnings"]

needs_nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="there is no nvcc on this machine")


def run(*command, **environment):
    """Output of a command that must succeed; kernels are on, whatever the suite runs with."""
    inherited = {name: value for name, value in os.environ.items() if name != registry.SWITCH}
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env={**inherited, **environment}
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout + done.stderr


def library(platform):
    return pathlib.Path(registry.__file__).parent / registry.LIBRARIES[platform]


# ---- the sources of the kernels, on the host ----


def test_kernels_agree_with_the_loops_of_the_cpu(tmp_path):
    """Random and hostile calls under AddressSanitizer and UndefinedBehaviorSanitizer."""
    program = tmp_path / "random_calls"
    sanitize = ["-g1", "-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    run(*HOST, *sanitize, EMULATION / "random_calls.cc", "-x", "c++", *KERNELS, "-o", program)
    assert "all as on the CPU" in run(program, 30, ASAN_OPTIONS="detect_leaks=0")


def test_handlers_agree_with_those_of_the_cpu(tmp_path):
    """The argument checks, strides of batches and launches of the CUDA handlers, through JAX."""
    emulated = tmp_path / "libjans_emulated.so"
    flags = ["-O0", "-fPIC", "-shared", "-fvisibility=hidden", "-isystem", jax.ffi.include_dir()]
    flags += ["-include", "host_stream.h", "-x", "c++"]
    run(*HOST, *flags, ROOT / "csrc" / "ffi" / "cuda.cc", *KERNELS, "-o", emulated)
    results = []
    for path in (emulated, library("cpu")):
        results.append(tmp_path / f"{path.stem}.npz")
        run(sys.executable, EMULATION / "calls.py", path, results[-1], JAX_PLATFORMS="cpu")
    with np.load(results[0]) as found, np.load(results[1]) as wanted:
        assert found.files == wanted.files
        assert [name for name in wanted.files if not _identical(found[name], wanted[name])] == []
        statuses = [wanted[name] for name in wanted.files if name.endswith("result 3")]
        # Overflow, bad symbols and bad models were among the calls, and so were clean ones.
        assert {int(s) for status in statuses for s in status.reshape(-1)} >= {0, 1, 4, 8}


def _identical(a, b):
    return a.dtype == b.dtype and np.array_equal(a, b)


# ---- what nvcc makes of them ----


@needs_nvcc
def test_no_float_is_fused_or_approximate(tmp_path):
    for source in KERNELS:
        ptx = tmp_path / f"{source.stem}.ptx"
        run(*DEVICE, "-arch=compute_90", "-ptx", source, "-o", ptx)
        instructions = set(re.findall(r"^\s*(?:@!?%p\d+ )?([a-z][\w.]+)", ptx.read_text(), re.MULTILINE))
        assert "ret" in instructions
        assert {i for i in instructions if re.search(r"\bfma\b|\bex2\b|\blg2\b|approx|\.ftz", i)} == set()
        if source.stem == "quantize":
            assert {"mul.rn.f32", "add.rn.f64", "div.rn.f32"} <= instructions


@needs_nvcc
def test_no_kernel_spills_registers(tmp_path):
    for source in KERNELS:
        log = run(*DEVICE, "-arch=sm_90", "-Xptxas", "-v", "-cubin", source, "-o", tmp_path / "kernels.cubin")
        found = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", log)
        assert len(found) == log.count("Compiling entry function") > 0
        assert set(found) == {("0", "0", "0")}


# ---- the library ----

LOWER = """
import jax, jax.numpy as jnp, sys
from jans import models, quantize, rans
from jans.ffi import registry
registry.platforms = lambda: ["cpu", "cuda"]  # as on a machine with a GPU

def lowered(call, *args):
    text = jax.jit(call).trace(*args).lower(lowering_platforms=("cuda",)).as_text()
    print("\\n".join(line for line in text.splitlines() if "custom_call" in line))

state = rans.init(8, 32, "rans32_16")
symbols = jnp.zeros(64, jnp.uint8)
table = models.Table(jnp.array([[0, 1024, 4096]]), 0, 12)
lowered(lambda s, x: rans.push(s, table, x), state, symbols)
lowered(lambda s: rans.pop(s, table, (64,), jnp.uint8), state)
lowered(lambda s, x: rans.push(s, models.Uniform(2, 12), x), state, symbols)
lowered(lambda s, f: rans.advance(s, f, f, 12), state, jnp.zeros(32, jnp.uint32))
lowered(lambda s, p: rans.pop(s, models.Categorical(p, precision=12), (64,), jnp.uint8), state, jnp.ones((64, 4)))
lowered(lambda p: quantize.logits(p, 12), jnp.ones((3, 4)))
print("registered", *sorted(registry.targets("cuda")))
"""


def test_the_library_loads_registers_and_lowers():
    if not library("cuda").exists() and shutil.which("nvcc") is None:
        pytest.skip("the CUDA library was not built: there is no nvcc on this machine")
    assert library("cuda").exists(), "nvcc is here, but libjans_cuda.so was not installed: install jans again"
    output = run(sys.executable, "-P", "-c", LOWER, JAX_PLATFORMS="cpu")
    coder = ["precision = 12 : i32", "variant = 2 : i32"]
    pushed, popped = [(0, 0), (1, 1), (2, 2), (3, 3)], [(0, 0), (1, 2), (2, 3)]
    wanted = {
        "rans_push_rows": (coder, pushed),
        "rans_pop_rows": (coder, popped),
        "rans_push": (coder, pushed),
        "rans_advance": (coder, popped),
        "quantize_probs": (coder[:1], []),
        "quantize_logits": (coder[:1], []),
    }
    found = {}
    for line in output.splitlines():
        if name := re.search(r"custom_call @jans_(\w+)", line):
            attributes = re.findall(r"\w+ = \d+ : i32", line)
            aliases = re.findall(r"output_tuple_indices = \[(\d*)\], operand_index = (\d+)", line)
            found[name[1]] = (attributes, [(int(i), int(j)) for i, j in aliases])
    assert found == wanted
    assert f"registered {' '.join(sorted(f'jans_{name}' for name in wanted))}" in output
