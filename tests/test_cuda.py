"""The CUDA kernels, as far as a machine without a GPU can tell: `make gpu` does the rest on one that has it."""

import concurrent.futures
import fcntl
import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_fuzz

from jans.ffi import calls, registry

ROOT = pathlib.Path(__file__).parent.parent
EMULATION = ROOT / "tests" / "cuda_emulation"
KERNELS = sorted(ROOT.glob("csrc/cuda/*.cu"))
HANDLERS = sorted(ROOT.glob("csrc/ffi/*.cu"), key=lambda path: -path.stat().st_size)
SOURCES = [*HANDLERS, *KERNELS]
APART = {ROOT / "csrc" / "ffi" / "cuda_kinds.cu"}
CPU_ONLY = {"table_alias", "table_remap", "quantize_perfect", "addresses"}
HOST = [os.environ.get("CXX", "g++"), "-std=c++17", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]
HOST += ["-Wno-unknown-pragmas", f"-I{EMULATION}"]
DEVICE = ["nvcc", "-std=c++17", "-O3", "--fmad=false", "--expt-relaxed-constexpr", "--Werror=all-warnings"]

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


@pytest.fixture(scope="module")
def emulated(tmp_path_factory):
    """The CUDA library as one for the host, which processes that test side by side share."""
    folder = tmp_path_factory.getbasetemp().parent / "jans_emulated"
    folder.mkdir(exist_ok=True)
    library = folder / "libjans_emulated.so"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        newest = max(path.stat().st_mtime for path in [*ROOT.glob("csrc/*/*"), *EMULATION.glob("*")])
        if not library.exists() or library.stat().st_mtime < newest:
            build_emulated(folder, library)
    return library


def build_emulated(folder, library):
    objects = [folder / f"{source.parent.name}_{source.stem}.o" for source in SOURCES]
    sanitize = os.environ.get("JANS_EMULATION_FLAGS", "").split()
    flags = ["-O1", "-fPIC", "-fvisibility=hidden", "-isystem", jax.ffi.include_dir(), *sanitize]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        compiled = [
            pool.submit(run, *HOST, *flags, "-include", "host_stream.h", "-x", "c++", "-c", source, "-o", into)
            for source, into in zip(SOURCES, objects, strict=True)
        ]
        for future in compiled:
            future.result()
    run(HOST[0], "-shared", *sanitize, *objects, "-o", library)


def test_any_call_gives_what_the_cpu_gives(emulated):
    """Garbage of all shapes to every target: argument checks, batches, launches and kernels."""
    handlers = registry._open(emulated)
    targets = [name for name in calls.TARGETS if name not in CPU_ONLY]
    assert set(handlers) == {f"jans_{name}" for name in targets}
    for name in targets:
        capsule = registry._capsule(handlers[f"jans_{name}"])
        jax.ffi.register_ffi_target(f"emulated_{name}", capsule, platform="cpu")
        hypothesis.settings(max_examples=int(os.environ.get("JANS_FUZZ", 8)))(
            hypothesis.given(test_fuzz.any_call((name,)))(compare_with_cpu)
        )()


def compare_with_cpu(call):
    name, args, params = call
    target = calls.TARGETS[name]
    with jax.enable_x64(any(a.dtype == np.float64 for a in args)):
        arrays = list(map(jnp.asarray, args))
        shapes = jax.eval_shape(functools.partial(calls.CALLS[name], **params), *arrays)
        emulate = jax.ffi.ffi_call(f"emulated_{name}", shapes, input_output_aliases=target.aliases)
        theirs = emulate(*arrays, **{key: np.int32(params[key]) for key in target.attributes})
    test_fuzz.assert_same(name, test_fuzz.run(name, args, params), theirs)


@pytest.mark.parametrize("module", ["test_vectors", "test_families", "test_codecs", "test_bypass", "test_chain"])
def test_suite_with_emulated_kernels(emulated, module):
    """Golden messages and models with all coders, as they run on a GPU."""
    output = run(
        sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", ROOT / "tests" / f"{module}.py",
        JANS_TEST_LIBRARY=str(emulated),
    )  # fmt: skip
    assert " passed" in output


# ---- what nvcc makes of them ----


@needs_nvcc
def test_what_nvcc_makes_of_the_kernels(tmp_path):
    """No fused or approximate instruction of floats, no spilled register."""

    def compile(source):
        folder = tmp_path / source.stem
        folder.mkdir()
        flags = [f"-isystem={jax.ffi.include_dir()}", "-arch=sm_90", "-cubin", "-Xptxas", "-v", "-keep", "-keep-dir", folder]
        flags += ["-rdc=true"] if source in APART else []
        log = run(*DEVICE, *flags, source, "-o", folder / "kernels.cubin")
        (ptx,) = folder.glob("*.ptx")
        return log, ptx.read_text()

    seen = set()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for source, (log, ptx) in zip(SOURCES, pool.map(compile, SOURCES), strict=True):
            instructions = set(re.findall(r"^\s*(?:@!?%p\d+ )?([a-z][\w.]+)", ptx, re.MULTILINE))
            assert "ret" in instructions
            assert {i for i in instructions if re.search(r"\bfma\b|\bex2\b|\blg2\b|approx|\.ftz", i)} == set(), source
            seen |= instructions
            found = re.findall(r"(\d+) bytes spill stores, (\d+) bytes spill loads", log)
            assert len(found) >= log.count("Compiling entry function") > 0
            # Functions that are called save registers.
            assert source in APART or set(found) == {("0", "0")}, source
    assert {"mul.rn.f32", "add.rn.f64", "div.rn.f32", "div.rn.f64"} <= seen


# ---- the library ----

LOWER = """
import functools, re, sys
sys.path.insert(0, sys.argv[1])
import hypothesis, jax
import test_fuzz
from jans.ffi import calls, registry
registry.platforms = lambda: ["cpu", "cuda"]  # as on a machine with a GPU

@hypothesis.settings(max_examples=1, database=None)
@hypothesis.given(hypothesis.strategies.data())
def lower(name, data):
    name, args, params = data.draw(test_fuzz.any_call((name,)))
    with jax.enable_x64(any(a.dtype == "float64" for a in args)):
        call = jax.jit(functools.partial(calls.CALLS[name], **params))
        text = call.trace(*args).lower(lowering_platforms=("cuda",)).as_text()
    (line,) = (line for line in text.splitlines() if "custom_call @jans" in line)
    attributes = set(re.findall(r"(\\w+) = -?\\d+ : i32", line))
    aliases = re.findall(r"output_tuple_indices = \\[(\\d*)\\], operand_index = (\\d+)", line)
    target = calls.TARGETS[name]
    assert f"custom_call @jans_{name}(" in line
    assert attributes == set(target.attributes), (name, attributes)
    assert {int(k): int(r or 0) for r, k in aliases} == target.aliases, (name, aliases)

names = [name for name in calls.TARGETS if f"jans_{name}" in registry.targets("cuda")]
for name in names:
    lower(name)
print("lowered", *sorted(names))
"""


def test_the_library_loads_registers_and_lowers():
    if not library("cuda").exists() and shutil.which("nvcc") is None:
        pytest.skip("the CUDA library was not built: there is no nvcc on this machine")
    assert library("cuda").exists(), "nvcc is here, but libjans_cuda.so was not installed: install jans again"
    output = run(sys.executable, "-P", "-c", LOWER, ROOT / "tests", JAX_PLATFORMS="cpu")
    assert f"lowered {' '.join(sorted(calls.TARGETS.keys() - CPU_ONLY))}" in output
