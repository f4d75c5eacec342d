"""The same integers from every build: without optimisation, with all of it, and from every compiler at hand."""

import pathlib
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).parent / "builds" / "integers.cc"
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
    assert len(names) == len(set(names)) == 13
    assert len(set(text.split())) > 13
    return text


@pytest.mark.parametrize("flags", BUILDS, ids=" ".join)
@pytest.mark.parametrize("compiler", [c for c in ("g++", "clang++") if shutil.which(c)])
def test_integers_do_not_depend_on_the_build(tmp_path, expected, compiler, flags):
    assert checksums(tmp_path, compiler, *flags) == expected
