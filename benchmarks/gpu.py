"""Everything about the CUDA kernels that needs a GPU: `make gpu`, or `python benchmarks/gpu.py [part ...]`.

It works on a machine without a network. The Python that runs it must have jax with its CUDA plugin and
scikit-build-core; nvcc, cmake and ninja must be on the PATH. After `build`, each part can run alone. The
parts, in order:

    build     installs jans from this checkout into the Python that runs this, with kernels for the GPU of this machine
    calls     random calls, including hostile ones, to the kernels and to the loops of the CPU: the same bits
    compare   coders x models x lanes through JAX, on the CPU and on the GPU: the same bits
    tests     golden messages, models and garbage of the test suite on the GPU, if pytest and hypothesis are installed
    time      rates next to the copy bandwidth of the same run, where the GPU overtakes the CPU, and other libraries
    sanitize  a few of the random calls under compute-sanitizer, if it is installed

A report of all finished parts goes to benchmarks/results/gpu-<device>.md.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parent.parent
OUT = ROOT / "out" / "gpu"
PARTS = ("build", "calls", "compare", "tests", "time", "sanitize")


def gpu() -> dict[str, str]:
    """Name, driver and compute capability of the first GPU; ends the program if there is none."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
    try:
        lines = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip().splitlines()
        name, driver, capability = (field.strip() for field in lines[0].split(","))
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        sys.exit("There is no NVIDIA GPU here (nvidia-smi finds none), so nothing was run. `make test` needs none.")
    return {"name": name, "driver": driver, "architecture": capability.replace(".", "")}


def run(command: list[object], **environment: str) -> str:
    """Runs a command, prints and returns its output; an error ends this part."""
    words = [str(word) for word in command]
    print("$", *words, flush=True)
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env={**os.environ, **environment}
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        print("  ", line, end="", flush=True)
        lines.append(line)
    if process.wait() != 0:
        raise RuntimeError(f"{pathlib.Path(words[0]).name} ended with {process.returncode}: {''.join(lines)[-300:]}")
    return "".join(lines)


def find(tool: str) -> str | None:
    """The path of a tool of the CUDA toolkit, on the PATH or next to nvcc."""
    nvcc = shutil.which("nvcc")
    beside = [str(pathlib.Path(nvcc).resolve().parent)] if nvcc else []
    return shutil.which(tool, path=os.pathsep.join([os.environ.get("PATH", ""), *beside, "/usr/local/cuda/bin"]))


# ---- parts: each returns the text of its section ----


def build(device: dict[str, str], _: argparse.Namespace) -> str:
    pip = [sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--force-reinstall", "."]
    settings = {"JANS_CUDA": "1", "JANS_CUDA_ARCHITECTURES": device["architecture"]}
    run(pip, **settings, PIP_BREAK_SYSTEM_PACKAGES="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    versions = "import jax, jans, sys; print('Python', sys.version.split()[0], 'jax', jax.__version__, jans.devices())"
    # Run in another folder, so that the installed package is imported.
    found = subprocess.run([sys.executable, "-c", versions], capture_output=True, text=True, check=True, cwd="/")
    print(found.stdout)
    if "'cuda'" not in found.stdout and "'gpu'" not in found.stdout:
        raise RuntimeError(f"JAX sees no GPU, so the CUDA plugin is missing or does not fit: {found.stdout.strip()}")
    if re.search(r"'(cuda|gpu)': 0", found.stdout):
        raise RuntimeError("jans was built without CUDA kernels: is nvcc on the PATH?")
    toolkit = re.search(r"release ([\d.]+)", run([find("nvcc"), "--version"]))
    return f"{found.stdout.strip()}, CUDA {toolkit[1] if toolkit else '?'}, driver {device['driver']}."


def random_calls(device: dict[str, str]) -> pathlib.Path:
    """Builds the program of random calls for the GPU."""
    program = OUT / "random_calls"
    kernels = [ROOT / "csrc" / "cuda" / f"{name}.cu" for name in ("push", "pop", "singles", "quantize")]
    source = ROOT / "tests" / "cuda_emulation" / "random_calls.cc"
    if not program.exists() or program.stat().st_mtime < max(f.stat().st_mtime for f in ROOT.glob("csrc/**/*.*")):
        flags = [
            "-std=c++17",
            "-O3",
            "--fmad=false",
            "--expt-relaxed-constexpr",
            "-lineinfo",
            f"-arch=sm_{device['architecture']}",
        ]
        run([find("nvcc"), *flags, "-Xcompiler=-ffp-contract=off", source, *kernels, "-o", program])
    return program


def calls(device: dict[str, str], args: argparse.Namespace) -> str:
    counts = [run([random_calls(device), args.cases, seed]).strip() for seed in (1, 2)]
    return f"Random and hostile calls against the loops of the CPU: {'; '.join(counts)}."


def compare(_: dict[str, str], args: argparse.Namespace) -> str:
    return _in_jax("gpu_jax.py", "--symbols", args.symbols)


def tests(_: dict[str, str], __: argparse.Namespace) -> str:
    missing = [name for name in ("pytest", "hypothesis") if importlib.util.find_spec(name) is None]
    if missing:
        return f"Test suite: not run, without {', '.join(missing)}."
    names = ("formats/test_vectors", "models/test_families", "models/test_bypass", "ffi/test_fuzz")
    files = [ROOT / "tests" / f"{name}.py" for name in names]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "", "-p", "no:cacheprovider", *files]
    output = run(command, JANS_FUZZ="300", XLA_FLAGS="")
    return f"Golden messages, models and garbage of the test suite: {output.strip().splitlines()[-1]}."


def measure(_: dict[str, str], args: argparse.Namespace) -> str:
    return _in_jax("gpu_rates.py", "--megabytes", args.megabytes)


def _in_jax(program: str, *words: object) -> str:
    """Runs a part in a process of its own, which frees the GPU's memory at its end."""
    text = OUT / "section.md"
    text.unlink(missing_ok=True)
    run([sys.executable, ROOT / "benchmarks" / program, *words, "--out", text])
    return text.read_text().strip()


def sanitize(device: dict[str, str], _: argparse.Namespace) -> str:
    sanitizer = find("compute-sanitizer")
    if sanitizer is None:
        return "compute-sanitizer: not found on this machine, nothing was checked."
    program = random_calls(device)
    tools = ("memcheck", "racecheck", "initcheck", "synccheck")
    for tool in tools:
        run([sanitizer, "--tool", tool, "--error-exitcode", 9, program, 1])
    return f"compute-sanitizer ({', '.join(tools)}) on random calls: no error."


# ---- the report ----


def report(device: dict[str, str]) -> None:
    slug = "-".join(re.findall(r"[a-z0-9]+", device["name"].lower()))
    sections = [f"# {device['name']}"]
    for part in PARTS:
        path = OUT / f"{part}.json"
        if path.exists():
            done = json.loads(path.read_text())
            if done["device"] == device["name"]:
                sections.append(done["text"])
    out = ROOT / "benchmarks" / "results" / f"gpu-{slug}.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n\n".join(sections) + "\n")
    print(f"report: {out.relative_to(ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help="by default all, in their order")
    parser.add_argument("--symbols", type=int, default=10**8, help="compared through JAX, in all")
    parser.add_argument("--cases", type=int, default=100, help="random calls of each kind")
    parser.add_argument("--megabytes", type=int, default=256, help="symbols in each timing; three times the L2 or more")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}")
    device = gpu()
    OUT.mkdir(parents=True, exist_ok=True)
    functions = {
        "build": build,
        "calls": calls,
        "compare": compare,
        "tests": tests,
        "time": measure,
        "sanitize": sanitize,
    }
    failed = []
    for part in args.parts or PARTS:
        print(f"=== {part}", flush=True)
        begin = time.monotonic()
        try:
            text = functions[part](device, args)
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            failed.append(part)
            text = f"**{part} failed**: {error}"
            print(text)
        (OUT / f"{part}.json").write_text(json.dumps({"device": device["name"], "text": text}))
        print(f"=== {part} took {time.monotonic() - begin:.0f} s", flush=True)
        report(device)
        if failed == ["build"]:
            break
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
