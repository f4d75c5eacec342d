"""How every test runs: on eight CPU devices, with programs that compile fast, and with one profile for property tests."""

import importlib.util
import mmap
import os
import pathlib

QUICK = ("xla_backend_optimization_level=0", "xla_llvm_disable_expensive_passes=true", "xla_cpu_use_fusion_emitters=false")
"""Most of the time of the suite is compilation. Integers do not depend on how XLA compiles them; tests of floats that
might compile their programs with `cases.USUAL`."""


def known_flags(flags: tuple[str, ...]) -> list[str]:
    """Those that the installed jaxlib has: XLA ends the process at any other."""
    folder = pathlib.Path(importlib.util.find_spec("jaxlib").submodule_search_locations[0])
    library = max(folder.glob("*.so"), key=lambda path: path.stat().st_size)
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return [f"--{flag}" for flag in flags if text.find(flag.split("=")[0].encode()) >= 0]


# Before JAX is imported: flags are read, and devices made, when its backend starts. `XLA_FLAGS= pytest` takes XLA's own.
flags = [os.environ["XLA_FLAGS"]] if "XLA_FLAGS" in os.environ else known_flags(QUICK)
os.environ["XLA_FLAGS"] = " ".join([*flags, "--xla_force_host_platform_device_count=8"]).strip()

import cases
import hypothesis
import jax
import pytest

from jans.ffi import registry

# Kernels of another library than the one installed, as tests/ffi/test_cuda.py has them.
registry.LIBRARIES["cpu"] = os.environ.get("JANS_TEST_LIBRARY", registry.LIBRARIES["cpu"])

hypothesis.settings.register_profile(
    "jans",
    derandomize=True,
    deadline=None,
    max_examples=50 if cases.KERNELS else 15,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large],
)
hypothesis.settings.load_profile("jans")


@pytest.fixture(scope="module", autouse=True)
def programs_of_one_module():
    """Compiled programs are kept until they are dropped: gigabytes by the end of the suite."""
    yield
    jax.clear_caches()
