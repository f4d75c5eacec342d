"""Opening the libraries: what is registered, and what a user reads when they do not fit."""

import os
import pathlib
import subprocess
import sys

import cases
import jax
import pytest
from places import ROOT

import jans
from jans.ffi import registry, targets


def run(code: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_all_targets_of_the_table_are_registered():
    names = {f"jans_{name}" for name in targets.TARGETS}
    assert registry.targets("cpu") == (names if cases.KERNELS else frozenset())
    assert jans.devices() == {"cpu": len(names) if cases.KERNELS else 0}


def test_the_switch_turns_kernels_off():
    result = run("import jans; print(jans.devices()['cpu'])", JANS_KERNELS="0")
    assert result.stdout.strip() == "0", result.stderr


@pytest.mark.skipif(not cases.KERNELS, reason="there are no registers to choose without kernels")
@pytest.mark.parametrize("most", registry.SIMD_NAMES)
def test_narrower_registers_on_demand(most):
    """What they give is held against each other where every suite runs with each."""
    result = run("from jans.ffi import registry; print(registry.simd())", JANS_SIMD=most)
    assert result.returncode == 0, result.stderr
    assert registry.SIMD_NAMES.index(result.stdout.strip()) <= registry.SIMD_NAMES.index(most)


@pytest.mark.skipif(not cases.KERNELS, reason="there are no registers to choose without kernels")
def test_unknown_registers_are_an_error():
    result = run("import jans; jans.devices()", JANS_SIMD="sse9")
    assert f"JANS_SIMD is 'sse9'; known are {', '.join(registry.SIMD_NAMES)}." in result.stderr


def plugin(folder, version):
    """A package whose entry point brings kernels; here they are those of the CPU."""
    package, about = folder / "jans_cuda13", folder / f"jans_cuda13-{version}.dist-info"
    package.mkdir()
    about.mkdir()
    library = pathlib.Path(registry.__file__).parent / registry.LIBRARIES["cpu"]
    source = ["import importlib.metadata, pathlib", '__version__ = importlib.metadata.version("jans-cuda13")']
    source.append(f'LIBRARY = pathlib.Path("{library}")')
    (package / "__init__.py").write_text("\n".join(source))
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: jans-cuda13\nVersion: {version}\n")
    (about / "entry_points.txt").write_text("[jans.kernels]\ncuda = jans_cuda13\n")
    others = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *([others] if others else [])])}


PRINT = "from jans.ffi import registry; print(len(registry.targets('cuda')), len(registry.targets('cpu')))"


@pytest.mark.skipif(not cases.KERNELS, reason="there are no libraries to open without kernels")
def test_a_package_of_its_own_brings_the_kernels_of_a_platform(tmp_path):
    result = run(PRINT, **plugin(tmp_path, jans.__version__))
    cuda, cpu = result.stdout.split()
    assert cuda == cpu != "0", result.stderr


@pytest.mark.skipif(not cases.KERNELS, reason="there are no libraries to open without kernels")
def test_kernels_of_another_version_are_an_error(tmp_path):
    result = run(PRINT, **plugin(tmp_path, "0.0.1"))
    expected = f"ImportError: jans-cuda13 0.0.1 has the kernels of jans 0.0.1, and this is jans {jans.__version__}. "
    assert expected + "Install both in one version" in result.stderr


def test_the_switch_leaves_packages_of_kernels_alone(tmp_path):
    """As the error of another version promises."""
    result = run(PRINT, **plugin(tmp_path, "0.0.1"), JANS_KERNELS="0")
    assert result.stdout.split() == ["0", "0"], result.stderr


@pytest.mark.parametrize("name", ["cuda12", "cuda13"])
def test_packages_of_kernels_are_alike(name):
    folder = ROOT / "packaging" / name
    other = ROOT / "packaging" / "cuda13"
    for part in ("pyproject.toml", f"jans_{name}/__init__.py"):
        mine = (folder / part).read_text()
        assert mine.replace(name[4:], "13") == (other / part.replace(name, "cuda13")).read_text()
    assert f'cuda = "jans_{name}"' in (folder / "pyproject.toml").read_text()


@pytest.mark.parametrize("built", [(0, 99), (1, 0)])
def test_newer_headers_are_an_error(built):
    with pytest.raises(
        ImportError, match=r"built with version \d+\.\d+ of XLA's FFI headers, but the installed jaxlib"
    ):
        registry.check_version(built, registry.runtime_version())


def test_older_headers_are_fine():
    major, minor = registry.runtime_version()
    registry.check_version((major, minor), (major, minor))
    registry.check_version((major, 0), (major, minor))


@pytest.mark.skipif(not cases.KERNELS, reason="kernels are switched off, and then no library is opened")
def test_a_missing_library_is_an_error(monkeypatch):
    monkeypatch.setitem(registry.LIBRARIES, "cpu", "libjans_nowhere.so")
    registry.handlers.cache_clear()
    try:
        with pytest.raises(ImportError, match=r"kernel library libjans_nowhere\.so is missing"):
            registry.targets("cpu")
    finally:
        registry.handlers.cache_clear()


def test_importing_starts_no_backend():
    code = "import jans, jax; from jax._src import xla_bridge as b; print(b.backends_are_initialized())"
    assert run(code).stdout.strip() == "False"


def test_export_checks_name_every_kernel():
    assert len(jans.export_checks()) == len(registry.targets("cpu"))
    assert all(isinstance(check, jax.export.DisabledSafetyCheck) for check in jans.export_checks())


WRITE = """
import pickle, sys, jax, jax.export, jax.numpy as jnp, jans
from jax.experimental import serialize_executable
from jans import models, rans

encode = jax.jit(lambda x: rans.push(rans.init(64), models.Uniform(10), x))
x = jax.ShapeDtypeStruct((20,), jnp.int32)
exported = jax.export.export(encode, disabled_checks=jans.export_checks())(x).serialize()
compiled = serialize_executable.serialize(encode.lower(x).compile())
pickle.dump((bytes(exported), compiled), open(sys.argv[1], "wb"))
"""
READ = """
import sys, pickle, jax, jax.export, jax.numpy as jnp, jans
from jax.experimental import serialize_executable

exported, compiled = pickle.load(open(sys.argv[1], "rb"))
x = jnp.arange(20, dtype=jnp.int32) % 10
programs = {
    "exported": lambda: jax.export.deserialize(bytearray(exported)).call(x),
    "compiled": lambda: serialize_executable.deserialize_and_load(*compiled)(x),
}
state = programs[sys.argv[2]]()
from jans import models, rans
assert (rans.pop(state, models.Uniform(10), x.shape)[1] == x).all()
print(jans.to_bytes(state).hex())
"""


def test_programs_run_where_only_jans_was_imported(tmp_path):
    def script(code, *arguments):
        command = [sys.executable, "-P", "-c", code, str(tmp_path / "programs"), *arguments]
        done = subprocess.run(command, env={**os.environ, "XLA_FLAGS": ""}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    script(WRITE)
    state = jans.rans.push(jans.rans.init(64), jans.models.Uniform(10), [k % 10 for k in range(20)])
    for name in ("exported", "compiled"):
        assert script(READ, name) == jans.to_bytes(state).hex()
