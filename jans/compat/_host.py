"""Where the coders of other libraries' interfaces run: objects that change in place live on the host."""

import contextlib
import functools
from collections.abc import Iterator

import jax


@contextlib.contextmanager
def on_host() -> Iterator[None]:
    """Programs run on the CPU, with 64-bit types, and at once, even while JAX traces the caller."""
    with jax.enable_x64(True), jax.default_device(_cpu()), jax.ensure_compile_time_eval():
        yield


@functools.cache
def _cpu() -> jax.Device:
    return jax.local_devices(backend="cpu")[0]
