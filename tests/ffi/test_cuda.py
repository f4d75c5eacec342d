"""The CUDA kernels, as far as a machine without a GPU can tell: `make gpu` does the rest on one that has it."""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

import jax
import pytest
from places import ROOT, TESTS

from jans.ffi import registry, targets

pytestmark = pytest.mark.exhaustive
EMULATION = TESTS / "cuda_emulation"
KERNELS = sorted(ROOT.glob("csrc/cuda/*.cu"))
HANDLERS = sorted(ROOT.glob("csrc/ffi/cuda/*.cu"), key=lambda path: -path.stat().st_size)
SOURCES = [*HANDLERS, *KERNELS]
APART = {ROOT / "csrc" / "ffi" / "cuda" / "kinds.cu"}
CPU_ONLY = {"table_alias", "table_remap", "quantize_perfect"}
CPU_ONLY |= {"bytes_split", "bytes_merge", "fields_split", "fields_merge", "tops_split", "tops_merge", "tops_count"}
CPU_ONLY |= {"count", "lengths_split", "lengths_merge", "lengths_count", "grid_split", "grid_merge"}
HOST = [os.environ.get("CXX", "g++"), "-std=c++17", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]
HOST += ["-Wno-unknown-pragmas", f"-I{EMULATION}"]
SANITIZE = ["-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
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


# ---- the sources of the kernels, on the host ----


def test_kernels_agree_with_the_loops_of_the_cpu(tmp_path):
    """Random and hostile calls under AddressSanitizer and UndefinedBehaviorSanitizer."""
    program = tmp_path / "random_calls"
    run(*HOST, "-O0", *SANITIZE, EMULATION / "random_calls.cc", "-x", "c++", *KERNELS, "-o", program)
    assert "all as on the CPU" in run(program, 20, ASAN_OPTIONS="detect_leaks=0")


def test_targets_agree_with_those_of_the_cpu(tmp_path):
    """The whole library as one for the host: garbage of all shapes to every target, golden messages, and models with
    all coders, as they run on a GPU."""
    library = build_emulated(tmp_path)
    names = sorted(f"jans_{name}" for name in targets.TARGETS if name not in CPU_ONLY)
    assert f"all as on the CPU: {' '.join(names)}" in run_emulated(EMULATION / "any_call.py", library)
    files = [TESTS / f"{name}.py" for name in ("formats/test_vectors", "models/test_families", "models/test_bypass")]
    # A copy of the package that has these kernels in place of the CPU's.
    shutil.copytree(pathlib.Path(registry.__file__).parents[1], tmp_path / "jans")
    shutil.copy(library, tmp_path / "jans" / "ffi" / registry.LIBRARIES["cpu"])
    arguments = ["-P", "-m", "pytest", "-q", "-x", "-m", "", "-p", "no:cacheprovider", *files]
    output = run_emulated(*arguments, PYTHONPATH=str(tmp_path))
    assert " passed" in output


def build_emulated(folder):
    library = folder / "libjans_emulated.so"
    sources = [*SOURCES, ROOT / "csrc" / "ffi" / "handler.cc"]
    objects = [folder / f"{source.parent.parent.name}_{source.stem}.o" for source in sources]
    flags = ["-O0", "-fPIC", "-fvisibility=hidden", "-isystem", jax.ffi.include_dir(), "-include", "host_stream.h"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        compiled = [
            pool.submit(run, *HOST, *SANITIZE, *flags, "-x", "c++", "-c", source, "-o", into)
            for source, into in zip(sources, objects, strict=True)
        ]
        for future in compiled:
            future.result()
    run(HOST[0], "-shared", *SANITIZE, *objects, "-o", library)
    return library


def run_emulated(*command, **environment):
    """As run, in a process that can have the emulated library."""
    runtimes = [run(HOST[0], f"-print-file-name=lib{name}.so").strip() for name in ("asan", "ubsan")]
    environment |= {"LD_PRELOAD": " ".join(runtimes), "ASAN_OPTIONS": "detect_leaks=0"}
    return run(sys.executable, *command, **environment)


# ---- what nvcc makes of them ----


@needs_nvcc
def test_what_nvcc_makes_of_the_kernels(tmp_path):
    """No fused or approximate instruction of floats, no spilled register."""

    def compile(source):
        folder = tmp_path / source.stem
        folder.mkdir()
        flags = [
            f"-isystem={jax.ffi.include_dir()}",
            "-arch=sm_90",
            "-cubin",
            "-Xptxas",
            "-v",
            "-keep",
            "-keep-dir",
            folder,
        ]
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
sys.path[:0] = sys.argv[1:]
import hypothesis, jax
import test_fuzz
from jans.ffi import targets, registry

@hypothesis.settings(max_examples=1, database=None)
@hypothesis.given(hypothesis.strategies.data())
def lower(name, data):
    name, args, params = data.draw(test_fuzz.any_call((name,)))
    with jax.enable_x64(any(a.dtype == "float64" for a in args)):
        call = jax.jit(functools.partial(targets.CALLS[name], **params))
        text = call.trace(*args).lower(lowering_platforms=("cuda",)).as_text()
    (line,) = (line for line in text.splitlines() if "custom_call @jans" in line)
    attributes = set(re.findall(r"(\\w+) = -?\\d+ : i32", line))
    aliases = re.findall(r"output_tuple_indices = \\[(\\d*)\\], operand_index = (\\d+)", line)
    target = targets.TARGETS[name]
    assert f"custom_call @jans_{name}(" in line
    assert attributes == set(target.attributes), (name, attributes)
    assert {int(k): int(r or 0) for r, k in aliases} == target.aliases, (name, aliases)

names = [name for name in targets.TARGETS if f"jans_{name}" in registry.targets("cuda")]
for name in names:
    lower(name)
print("lowered", *sorted(names))
"""


def test_the_library_loads_registers_and_lowers():
    if not registry._path("cuda").exists():
        assert os.environ.get("JANS_CUDA") != "1", "JANS_CUDA=1, but libjans_cuda.so is not installed: install again"
        pytest.skip("jans is installed without CUDA kernels; JANS_CUDA=1 adds them")
    output = run(sys.executable, "-P", "-c", LOWER, TESTS, TESTS / "ffi", JAX_PLATFORMS="cpu")
    assert f"lowered {' '.join(sorted(targets.TARGETS.keys() - CPU_ONLY))}" in output
