"""Codecs: pairs of inverses, and what bits-back coding costs."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jans
from jans import models, rans

GRID = models.NormalGrid(bits=6)
LATENTS, PIXELS, LEVELS, PRECISION = 2, 6, 9, 20
WEIGHTS = jnp.asarray(np.random.default_rng(0).normal(0, 1, (LATENTS, PIXELS)), jnp.float32)


def posterior_model(image):
    mean = (image.astype(jnp.float32) - 4) @ WEIGHTS.T / 12
    return GRID.posterior(mean, jnp.full(LATENTS, 0.4))


def likelihood_model(latent):
    mean = GRID.value(latent) @ WEIGHTS + 4
    shape = (PIXELS, 1)
    return models.LogisticMixture(
        jnp.zeros(shape), mean[:, None], jnp.ones(shape), high=LEVELS - 1, precision=PRECISION
    )


def vae_codec():
    return jans.bits_back(
        prior=rans.codec(GRID.prior(), shape=(LATENTS,)),
        likelihood=lambda latent: rans.codec(likelihood_model(latent), dtype=jnp.uint8),
        posterior=lambda image: rans.codec(posterior_model(image)),
    )


def images(count, seed=0):
    return jnp.asarray(np.random.default_rng(seed).integers(0, LEVELS, (count, PIXELS)), jnp.uint8)


def start(seed=0, capacity=200):
    return cases.Coder("rans64", 1, 24).random(seed, 20, capacity)


def jitted(codec):
    return jans.Codec(jax.jit(codec.push), jax.jit(codec.pop))


def test_a_codec_of_a_model():
    codec = rans.codec(models.Uniform(100), shape=(2, 3), dtype=jnp.uint8)
    jans.check_codec(codec, start(), jnp.arange(6, dtype=jnp.uint8).reshape(2, 3))


def test_serial_pops_in_reading_order():
    parts = [rans.codec(models.Uniform(k), shape=(2,)) for k in (3, 50, 7)]
    data = tuple(jnp.array([k - 1, 0]) for k in (3, 50, 7))
    jans.check_codec(jans.serial(parts), start(), data)
    state = jans.serial(parts).push(start(), data)
    _, first = parts[0].pop(state)
    assert cases.same(first, data[0])


def test_serial_wants_a_part_for_each_codec():
    parts = [rans.codec(models.Uniform(3), shape=(1,))] * 2
    with pytest.raises(ValueError, match="zip"):
        jans.serial(parts).push(start(), (jnp.zeros(1, jnp.int32),))


def test_repeat_is_a_loop():
    codec = rans.codec(models.Uniform(9), shape=(4,))
    data = jnp.asarray(np.random.default_rng(0).integers(0, 9, (5, 4)), jnp.int32)
    repeated = jans.repeat(codec, 5)
    jans.check_codec(jitted(repeated), start(), data)
    state = start()
    for row in reversed(data):
        state = codec.push(state, row)
    assert cases.content(repeated.push(start(), data)) == cases.content(state)


def test_substack_leaves_the_rest_alone():
    codec = jans.substack(
        rans.codec(models.Uniform(9), shape=(3,)), lambda pair: pair[1], lambda pair, part: (pair[0], part)
    )
    pair = (start(1), start(2))
    jans.check_codec(codec, pair, jnp.array([8, 0, 4]))
    assert cases.same(codec.push(pair, jnp.array([8, 0, 4]))[0], pair[0])


def test_bits_back():
    jans.check_codec(jitted(vae_codec()), start(), images(1)[0])


def test_bits_back_over_a_data_set_and_chains():
    codec = jans.repeat(vae_codec(), 4)
    chains = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(start(seed) for seed in range(3)))
    data = images(12).reshape(3, 4, PIXELS)
    mapped = jans.Codec(jax.jit(jax.vmap(codec.push)), jax.jit(jax.vmap(codec.pop)))
    jans.check_codec(mapped, chains, data)
    pushed = mapped.push(chains, data)
    for i in range(3):
        alone = jax.jit(codec.push)(start(i), data[i])
        assert cases.content(jax.tree.map(lambda x, i=i: x[i], pushed)) == cases.content(alone)


def test_bits_back_costs_what_its_three_models_say():
    state, image = start(), images(1)[0]
    popped, latent = rans.pop(state, posterior_model(image))
    expected = (
        likelihood_model(latent).bits(image).sum() + LATENTS * GRID.bits - posterior_model(image).bits(latent).sum()
    )
    grown = rans.bits(vae_codec().push(state, image)) - rans.bits(state)
    assert grown == pytest.approx(float(expected), abs=1e-3)
    assert rans.bits(popped) < rans.bits(state)


def test_a_single_head_never_runs_out_of_bits():
    # It is a number: what is popped from a short one is not random, but comes back all the same.
    jans.check_codec(jitted(jans.repeat(vae_codec(), 3)), rans.init(100), images(3))


def test_check_codec_sees_what_is_wrong():
    right = rans.codec(models.Uniform(9), shape=(3,))
    data = jnp.array([1, 2, 3])
    backwards = jans.Codec(right.push, lambda state: (right.pop(state)[0], right.pop(state)[1][::-1]))
    with pytest.raises(AssertionError, match="changed the data"):
        jans.check_codec(backwards, start(), data)
    forgetful = jans.Codec(right.push, lambda state: (state, data))
    with pytest.raises(AssertionError, match="changed the state"):
        jans.check_codec(forgetful, start(), data)
