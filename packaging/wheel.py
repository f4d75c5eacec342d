"""Builds the source distribution and the wheel as a release does, audits both, and tries them in new environments.

python packaging/wheel.py build           # the source distribution, and the wheel from it, in dist
python packaging/wheel.py audit           # what they contain, what they need, and how large they are
python packaging/wheel.py try [PYTHON ..] # install, import, README, golden messages; by default every Python at hand
python packaging/wheel.py pythons         # every Python at hand, the newest last
python packaging/wheel.py macos           # compile every source for macOS, on any machine

`pip install --group release` brings the tools.
"""

import argparse
import concurrent.futures
import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile

ROOT = pathlib.Path(__file__).parents[1]
DIST = ROOT / "dist"
MOST_BYTES = 3_000_000
OLDEST_JAX = "0.10.2"
TESTS = ["tests/formats/test_vectors.py", "tests/formats/test_wire.py", "tests/test_hello.py"]


def run(*command: object, folder: pathlib.Path = ROOT) -> None:
    """Runs a command in a folder; one that fails ends the program."""
    print("+", *command, flush=True)
    # Programs that a package brought are beside its Python.
    environment = {**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([str(part) for part in command], check=True, cwd=folder, env=environment)


def wheel() -> pathlib.Path:
    """The wheel in dist."""
    (found,) = DIST.glob("jans-*.whl")
    return found


def build() -> None:
    """Makes both files from a clean copy, as a user's pip would from the source distribution."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--sdist", "--outdir", DIST, ROOT)
    (source,) = DIST.glob("jans-*.tar.gz")
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", folder, source)
        (made,) = pathlib.Path(folder).glob("*.whl")
        if sys.platform == "linux":
            run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", DIST, made)
        else:
            shutil.copy(made, DIST)


def audit() -> None:
    """Looks at both files, and ends the program if one is not fit for a release."""
    run(sys.executable, "-m", "twine", "check", "--strict", *DIST.iterdir())
    run(sys.executable, "-m", "check_wheel_contents", wheel())
    run(sys.executable, "-m", "abi3audit", "--strict", wheel())
    size = wheel().stat().st_size
    print(f"{wheel().name}: {size} bytes")
    if size > MOST_BYTES:
        sys.exit(f"the wheel has {size} bytes, more than {MOST_BYTES}.")


def pythons() -> list[str]:
    """The newest Python of each minor version from 3.11 on."""
    places = [*pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv")).glob("versions/*/bin/python")]
    places += [shutil.which(f"python3.{minor}") for minor in range(11, 20)]
    found: dict[tuple[int, int], tuple[int, str]] = {}
    for place in filter(None, places):
        code = "import sys; print(*sys.version_info[:3])"
        answer = subprocess.run([str(place), "-c", code], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            major, minor, patch = map(int, answer.stdout.split())
            if (major, minor) >= (3, 11):
                found[major, minor] = max(found.get((major, minor), (-1, "")), (patch, str(place)))
    return [place for _, (_, place) in sorted(found.items())]


def attempt(chosen: list[str]) -> None:
    """The oldest jax on the first Python, and the newest on the others."""
    for number, python in enumerate(chosen):
        oldest = number == 0
        with tempfile.TemporaryDirectory() as folder:
            run(python, "-m", "venv", folder)
            inside = pathlib.Path(folder) / "bin" / "python"
            jax = [f"jax=={OLDEST_JAX}", f"jaxlib=={OLDEST_JAX}"] if oldest else ["jax", "jaxlib"]
            tools = ["pytest", "hypothesis", "matplotlib"]
            run("uv", "pip", "install", "-q", "--python", inside, "--only-binary", ":all:", wheel(), *jax, *tools)
            # Nothing of the clone but the tests: the package is the installed one.
            work = pathlib.Path(folder) / "work"
            shutil.copytree(ROOT / "tests", work / "tests")
            for name in ("README.md", "CHANGELOG.md", "pyproject.toml"):
                shutil.copy(ROOT / name, work)
            code = "import jans, jax, sys; print(sys.version.split()[0], jax.__version__, jans.__version__)"
            for command in (
                [inside, "-W", "error", "-c", code],
                [inside, "-m", "jans"],
                [inside, "tests/pages.py", "README.md", folder],
                [inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS],
            ):
                run(*command, folder=work)


def macos() -> None:
    """Compiles every source for macOS, with the clang and the headers that the package ziglang brings."""
    headers = importlib.metadata.distribution("jaxlib").locate_file("jaxlib/include")
    flags = ["-std=c++17", "-O0", "-fno-sanitize=all", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
    flags += ["-isystem", headers, "-isystem", sysconfig.get_path("include")]
    sources = [path for pattern in ("*.cc", "cpu/*.cc", "host/*.cc") for path in (ROOT / "csrc/ffi").glob(pattern)]
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        commands = []
        for processor in ("aarch64", "x86_64"):
            command = [sys.executable, "-m", "ziglang", "c++", "-target", f"{processor}-macos", *flags, "-c"]
            commands += [[*command, path, "-o", f"{folder}/{processor}-{path.stem}.o"] for path in sources]
        for made in pool.map(lambda command: run(*command) or pathlib.Path(command[-1]), commands):
            if made.read_bytes()[:4] != b"\xcf\xfa\xed\xfe":
                sys.exit(f"{made.name} is no object file of macOS.")


def main() -> None:
    """One of the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["build", "audit", "try", "pythons", "macos"])
    parser.add_argument("pythons", nargs="*", help="for `try`")
    args = parser.parse_args()
    if args.step == "try":
        attempt(args.pythons or pythons())
    elif args.step == "pythons":
        print(*pythons(), sep="\n")
    else:
        {"build": build, "audit": audit, "macos": macos}[args.step]()


if __name__ == "__main__":
    main()
