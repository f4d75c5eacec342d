"""Runs the coders of other libraries' interfaces on the host,
where their objects are that change in place."""

import contextlib
import functools
from collections.abc import Iterator

import jax


@contextlib.contextmanager
def on_host() -> Iterator[None]:
    """Runs programs on the CPU, with 64-bit types, and immediately, even while JAX traces the caller."""
    with jax.enable_x64(True), jax.default_device(_cpu()), jax.ensure_compile_time_eval():
        yield


@functools.cache
def _cpu() -> jax.Device:
    return jax.local_devices(backend="cpu")[0]
