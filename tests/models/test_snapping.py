"""Snapped values: exact multiples, and a margin that keeps its word."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jans import models

values = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False), st.floats(-10, 10, width=32, allow_subnormal=False)
)
grids = st.sampled_from(cases.thin([0, 4, 8, 16], 2))


@given(st.lists(values, min_size=5, max_size=5), grids)
def test_values_snap_to_the_nearest_multiple(given_values, bits):
    single = np.array(given_values, np.float32)
    wide = single.astype(np.float64)
    assert cases.same(models.snap(single, bits), jnp.asarray((np.round(wide * 2**bits) / 2**bits).astype(np.float32)))


@given(st.lists(st.floats(-100, 100, width=32, allow_subnormal=False), min_size=5, max_size=5), grids)
def test_what_differs_by_less_than_the_margin_snaps_alike(given_values, bits):
    single = np.array(given_values, np.float32)
    margin = np.asarray(models.snap_margin(single, bits))
    assert ((margin >= 0) & (margin <= 2.0 ** -(bits + 1))).all()
    snapped = models.snap(single, bits)
    for sign in (-1, 1):
        other = (single.astype(np.float64) + sign * margin * 0.99).astype(np.float32)
        near = np.abs(other.astype(np.float64) - single) < margin
        assert (np.asarray(models.snap(other, bits) == snapped) | ~near).all()
    # And what goes further, away from the multiple, does not.
    away = np.where(single >= np.asarray(snapped), 1, -1)
    beyond = (single.astype(np.float64) + away * (margin * 1.01 + 1e-5)).astype(np.float32)
    assert (np.asarray(models.snap(beyond, bits)) != np.asarray(snapped)).all()


def test_snapping_twice_changes_nothing():
    once = models.snap(jnp.linspace(-3, 3, 1001), 5)
    assert cases.same(models.snap(once, 5), once)
    assert (models.snap_margin(once, 5) == 2.0**-6).all()


def test_what_is_no_number_stays_so():
    odd = jnp.array([jnp.nan, jnp.inf, -jnp.inf])
    np.testing.assert_array_equal(models.snap(odd), odd)
    assert np.isnan(models.snap_margin(odd)).all()


def test_half_precisions_widen():
    assert (
        models.snap(jnp.ones(3, jnp.bfloat16)).dtype
        == models.snap_margin(jnp.ones(3, jnp.float16)).dtype
        == jnp.float32
    )


def test_the_gradient_passes_straight_through():
    loss = lambda x: (models.snap(x, 3) ** 2).sum()
    x = jnp.array([0.3, -1.26])
    assert jax.jit(jax.grad(loss))(x).tolist() == (2 * models.snap(x, 3)).tolist()
    assert cases.same(jax.jit(jax.vmap(models.snap))(x), models.snap(x))


@pytest.mark.parametrize("call", [models.snap, models.snap_margin])
def test_errors(call):
    with pytest.raises(ValueError, match="bits must be an integer from 0 to 16, got 17"):
        call(jnp.ones(3), bits=17)
    with pytest.raises(TypeError, match="values must be floating point, got int32"):
        call(jnp.arange(3))
