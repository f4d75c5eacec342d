"""Eight CPU devices, and one profile for all property tests: fewer examples without kernels, where each is compiled."""

import os

# Before JAX is imported: devices are made when its backend starts.
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8".strip()

import cases
import hypothesis
import jax
import pytest

from jans.ffi import registry

# Kernels of another library than the one installed, as tests/test_cuda.py has them.
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
