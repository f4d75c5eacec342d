"""Garbage of all shapes to every target of the emulated library, and to the CPU's: `python any_call.py LIBRARY`."""

import functools
import os
import pathlib
import sys

TESTS = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "ffi")]

import conftest  # noqa: F401  the profile of property tests
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import test_fuzz

from jans.ffi import registry, targets


def compare(call):
    """Argument checks, batches, launches and kernels: everything is as on the CPU."""
    name, args, params = call
    target = targets.TARGETS[name]
    with jax.enable_x64(any(a.dtype == np.float64 for a in args)):
        arrays = list(map(jnp.asarray, args))
        shapes = jax.eval_shape(functools.partial(targets.CALLS[name], **params), *arrays)
        emulate = jax.ffi.ffi_call(f"emulated_{name}", shapes, input_output_aliases=target.aliases)
        theirs = emulate(*arrays, **{key: np.int32(params[key]) for key in target.attributes})
    test_fuzz.assert_same(name, test_fuzz.run(name, args, params), theirs)


handlers = registry._open(pathlib.Path(sys.argv[1]))
for name, handler in handlers.items():
    target = name.removeprefix("jans_")
    jax.ffi.register_ffi_target(f"emulated_{target}", registry._capsule(handler), platform="cpu")
    given = hypothesis.given(test_fuzz.any_call((target,)))(compare)
    hypothesis.settings(max_examples=int(os.environ.get("JANS_FUZZ", 4)))(given)()
print("all as on the CPU:", *sorted(handlers))
