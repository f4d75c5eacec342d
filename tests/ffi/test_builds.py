"""The same integers from every build: without optimisation, with all of it, and from every compiler at hand."""

import shutil
import subprocess

import pytest
from places import ROOT, TESTS

pytestmark = pytest.mark.exhaustive
SOURCE = TESTS / "builds" / "integers.cc"
STRICT = ["-std=c++17", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
BUILDS = [["-O3"], ["-O3", "-march=native"], ["-Os"]]


def checksums(folder, compiler, *flags):
    program = folder / "integers"
    subprocess.run([compiler, *STRICT, *flags, str(SOURCE), "-o", str(program)], check=True)
    return subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    text = checksums(tmp_path_factory.mktemp("plain"), "g++", "-O0")
    names = [line.rsplit(" ", 1)[0] for line in text.splitlines()]
    assert len(names) == len(set(names)) >= 14
    assert len(set(text.split())) > len(names)
    return text


@pytest.mark.parametrize("flags", BUILDS, ids=" ".join)
@pytest.mark.parametrize("compiler", [c for c in ("g++", "clang++") if shutil.which(c)])
def test_integers_do_not_depend_on_the_build(tmp_path, expected, compiler, flags):
    assert checksums(tmp_path, compiler, *flags) == expected


def test_counted_kernels_run(tmp_path):
    """Those of benchmarks/instructions.py check what they code."""
    program = tmp_path / "instructions"
    source = ROOT / "benchmarks" / "instructions.cc"
    subprocess.run(["g++", *STRICT, "-O2", str(source), "-o", str(program)], check=True)
    kernels = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(kernels) == 12
    for number in range(len(kernels)):
        subprocess.run([str(program), str(number)], check=True)
    assert subprocess.run([str(program), str(len(kernels))], capture_output=True, check=False).returncode == 1
