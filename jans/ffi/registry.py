"""Opens the kernel libraries, and registers the kernels that they export under one name for every platform.

`import jans` does so, and starts no backend: JAX keeps the kernels of a platform until that has one. A program
that was exported or compiled elsewhere therefore finds its kernels.
"""

import ctypes
import functools
import importlib.metadata
import os
import pathlib
import re

import jax
import jax.export
from jax.extend import backend

from jans._version import __version__

LIBRARIES = {"cpu": "libjans_cpu.so", "cuda": "libjans_cuda.so"}
FFI_NAMES = {"cpu": "cpu", "cuda": "CUDA"}
PLUGINS = "jans.kernels"
"""The entry points of packages that have the kernels of a platform."""
SWITCH = "JANS_KERNELS"
"""The value 0 of this environment variable turns the kernels off. All platforms then use plain JAX."""
SIMD = "JANS_SIMD"
"""This environment variable names the widest registers that the CPU kernels may use.

Results do not depend on it.
"""
SIMD_NAMES = ("none", "neon") if os.uname().machine in ("aarch64", "arm64") else ("none", "avx2", "avx512")


class _Target(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("handler", ctypes.c_void_p))


def runtime_version() -> tuple[int, int]:
    """The version of XLA's FFI that the installed jaxlib speaks, read from the header that it ships."""
    header = pathlib.Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h"
    found = dict(re.findall(r"#define XLA_FFI_API_(MAJOR|MINOR) (\d+)", header.read_text()))
    return int(found["MAJOR"]), int(found["MINOR"])


def check_version(built: tuple[int, int], runtime: tuple[int, int]) -> None:
    """Raises ImportError if a library's headers are newer than the runtime.

    Registering it would abort the backend.
    """
    if built[0] != runtime[0] or built[1] > runtime[1]:
        raise ImportError(
            f"The kernels of jans were built with version {built[0]}.{built[1]} of XLA's FFI headers, but the "
            f"installed jaxlib {importlib.metadata.version('jaxlib')} speaks {runtime[0]}.{runtime[1]}. Install a "
            "newer jaxlib, or build jans again in this environment with `pip install --no-build-isolation "
            f"--force-reinstall jans`; {SWITCH}=0 runs without kernels."
        )


def _open(path: pathlib.Path) -> dict[str, int]:
    """Opens a library, and returns the addresses of its handlers by name."""
    library = ctypes.CDLL(str(path))
    check_version((library.jans_ffi_major(), library.jans_ffi_minor()), runtime_version())
    library.jans_targets.restype = ctypes.POINTER(_Target)
    handlers = {}
    for row in library.jans_targets():
        if row.name is None:
            break
        handlers[row.name.decode()] = row.handler
    return handlers


def _path(platform: str) -> pathlib.Path:
    """The library of a platform, which need not be there: in this package, or in one that has it alone."""
    own = pathlib.Path(__file__).parent / LIBRARIES[platform]
    if own.exists():
        return own
    for entry in importlib.metadata.entry_points(group=PLUGINS, name=platform):
        plugin = entry.load()
        check_plugin(entry.value.replace("_", "-"), plugin.__version__)
        return plugin.LIBRARY
    return own


def check_plugin(name: str, version: str) -> None:
    """Raises ImportError for kernels of another version of this library."""
    if version != __version__:
        raise ImportError(
            f"{name} {version} has the kernels of jans {version}, and this is jans {__version__}. Install both in one "
            f"version, for example with `pip install --upgrade jans {name}`; {SWITCH}=0 runs without kernels."
        )


@functools.cache
def handlers(platform: str) -> dict[str, int]:
    """The kernels registered for "cpu" or "cuda": the addresses of their handlers by name."""
    if os.environ.get(SWITCH) == "0":
        return {}
    path = _path(platform)
    if not path.exists():
        if platform == "cpu":
            raise ImportError(
                f"The kernel library {path.name} is missing from {path.parent}. Install jans with "
                f"`pip install .`, which builds it, or set {SWITCH}=0 to run without kernels. If it is installed, and "
                "this folder has the sources, start Python in another folder or with `python -P`."
            )
        return {}
    if SIMD in os.environ and os.environ[SIMD] not in SIMD_NAMES:
        raise ImportError(f"{SIMD} is {os.environ[SIMD]!r}; known are {', '.join(SIMD_NAMES)}.")
    found = _open(path)
    for name, handler in found.items():
        jax.ffi.register_ffi_target(name, _capsule(handler), platform=FFI_NAMES[platform])
    return found


def _capsule(handler: int):
    return jax.ffi.pycapsule(ctypes.cast(handler, ctypes.CFUNCTYPE(ctypes.c_void_p)))


def targets(platform: str) -> frozenset[str]:
    """The names of the kernels registered for "cpu" or "cuda"."""
    return frozenset(handlers(platform))


def simd() -> str:
    """The widest registers that the CPU kernels use in this process, one of `SIMD_NAMES`."""
    library = ctypes.CDLL(str(_path("cpu")))
    library.jans_simd.restype = ctypes.c_char_p
    return library.jans_simd().decode()


def devices() -> dict[str, int]:
    """The number of kernels for each platform of this process; 0 if the platform uses plain JAX.

    >>> devices()
    {'cpu': ...}
    """
    return {
        platform: len(targets(_library_platform(platform))) if _library_platform(platform) in LIBRARIES else 0
        for platform in sorted(backend.backends())
    }


def export_checks() -> list[jax.export.DisabledSafetyCheck]:
    """The checks to disable in `jax.export.export(..., disabled_checks=...)` for programs
    with kernels of this library.

    JAX cannot know that a custom call keeps its meaning from version to version. For the kernels of this
    library, the byte format and the tests guarantee it.

    >>> from jans import models, rans
    >>> encode = jax.jit(lambda symbols: rans.push(rans.init(capacity=8), models.Uniform(10), symbols))
    >>> program = jax.export.export(encode, disabled_checks=export_checks())(jax.numpy.arange(7))
    >>> rans.pop(program.call(jax.numpy.arange(7)), models.Uniform(10), shape=(7,))[1]
    Array([0, 1, 2, 3, 4, 5, 6], dtype=int32)
    """
    names = sorted(frozenset().union(*(targets(p) for p in LIBRARIES)))
    return [jax.export.DisabledSafetyCheck.custom_call(name) for name in names]


def _library_platform(platform: str) -> str:
    return "cuda" if platform == "gpu" else platform
