"""Calls that do not have what a handler takes: an error that says so, before any array is looked at."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jans.ffi import registry

pytestmark = pytest.mark.skipif(not registry.targets("cpu"), reason="there are no handlers without kernels")
CDF = jnp.arange(5, dtype=jnp.uint32)
GUIDE = jax.ShapeDtypeStruct((8,), jnp.uint32)


def call(args, results, **attributes):
    """The target that makes a guide: one operand, one result, the attribute `precision`."""
    return jax.block_until_ready(jax.ffi.ffi_call("jans_table_guide", results, vmap_method=None)(*args, **attributes))


def test_a_call_that_fits():
    assert call((CDF,), GUIDE, precision=np.int32(2)).shape == (8,)


@pytest.mark.parametrize(
    ("args", "results", "attributes", "message"),
    [
        ((), GUIDE, {"precision": np.int32(2)}, "wrong number of operands: expected 1, got 0"),
        ((CDF, CDF), GUIDE, {"precision": np.int32(2)}, "wrong number of operands: expected 1, got 2"),
        ((CDF,), (GUIDE, GUIDE), {"precision": np.int32(2)}, "wrong number of results: expected 1, got 2"),
        ((CDF,), GUIDE, {}, "wrong number of attributes: expected 1, got 0"),
        ((CDF,), GUIDE, {"bits": np.int32(2)}, 'no attribute "precision" of type int32'),
        ((CDF,), GUIDE, {"precision": np.int64(3)}, 'no attribute "precision" of type int32'),
        ((CDF,), GUIDE, {"precision": "2"}, 'no attribute "precision" of type int32'),
        ((CDF.astype(jnp.int32),), GUIDE, {"precision": np.int32(2)}, "cdf has the wrong dtype"),
    ],
)
def test_calls_that_do_not(args, results, attributes, message):
    with pytest.raises(Exception, match=f"jans: .*{message}"):
        call(args, results, **attributes)


def test_operands_after_those_with_names():
    """A push of rows needs a cdf and an index after its symbols; their number is the handler's to check."""
    state = [jnp.zeros((1, 2), jnp.uint32), jnp.zeros(4, jnp.uint32), jnp.int32(0), jnp.int32(0)]
    results = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in state]
    push = jax.ffi.ffi_call("jans_rans_push_rows", results, vmap_method=None)
    with pytest.raises(Exception, match="jans: cdf, index or guide is missing"):
        jax.block_until_ready(
            push(*state, jnp.zeros(3, jnp.int32), CDF[None], variant=np.int32(0), precision=np.int32(2))
        )
    with pytest.raises(Exception, match="jans: wrong number of operands: expected 5, got 4"):
        jax.block_until_ready(push(*state, variant=np.int32(0), precision=np.int32(2)))
