"""How all tests run: on eight CPU devices, with programs that compile fast, and with one profile of property tests."""

import contextlib
import ctypes
import gc
import os
import subprocess
import sys

QUICK = (
    "xla_backend_optimization_level=0",
    "xla_llvm_disable_expensive_passes=true",
    "xla_cpu_use_fusion_emitters=false",
)
"""Most of the time of the suite is compilation. Integers do not depend on how XLA compiles them; tests of floats that
might compile their programs with `cases.USUAL`."""


def known_flags(flags: tuple[str, ...]) -> list[str]:
    """Those that the installed jaxlib has: XLA ends the process at any other."""

    def starts(some: list[str]) -> bool:
        environment = {**os.environ, "XLA_FLAGS": " ".join(some)}
        program = [sys.executable, "-c", "import jax; jax.devices()"]
        return subprocess.run(program, env=environment, capture_output=True, check=False).returncode == 0

    wanted = [f"--{flag}" for flag in flags]
    return wanted if starts(wanted) else [flag for flag in wanted if starts([flag])]


# Before JAX starts its backend. `XLA_FLAGS= pytest` takes the options that XLA has by default.
flags = [os.environ["XLA_FLAGS"]] if "XLA_FLAGS" in os.environ else known_flags(QUICK)
os.environ["XLA_FLAGS"] = " ".join([*flags, "--xla_force_host_platform_device_count=8"]).strip()

import cases
import hypothesis
import jax
import pytest


def load_profile():
    hypothesis.settings.register_profile(
        "jans",
        derandomize=True,
        deadline=None,
        max_examples=cases.examples(50 if cases.KERNELS else 15),
        suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large],
    )
    hypothesis.settings.load_profile("jans")


load_profile()


def pytest_configure(config):
    cases.EXHAUSTIVE = config.option.markexpr != "not exhaustive"
    load_profile()


def pytest_collection_modifyitems(items):
    """Property tests try all of their examples in `make test-all`, some of them by default."""
    for item in items:
        if cases.EXHAUSTIVE and getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.exhaustive)


@pytest.fixture(scope="module", autouse=True)
def programs_of_one_module():
    """Compiled programs are kept until they are dropped, and their memory until it is asked for."""
    yield
    jax.clear_caches()
    gc.collect()
    with contextlib.suppress(AttributeError):  # other libraries than glibc have no such function
        ctypes.CDLL(None).malloc_trim(0)
