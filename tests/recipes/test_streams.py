"""One coder to many and back."""

import dataclasses

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jans
from jans import models, rans
from jans._variants import RANS


@settings(deadline=None, max_examples=cases.examples(20))
@given(st.integers(0, 2**31), st.sampled_from(sorted(RANS)), st.sampled_from([1, 4]), st.integers(1, 4), st.data())
def test_join_undoes_split(seed, variant, lanes, n, data):
    n_bytes = data.draw(st.sampled_from([0, 1, 3, 8, 13]))
    state = rans.random(jax.random.key(seed), 60, capacity=70, lanes=lanes, variant=variant)
    streams = jans.check(jans.fork(state, n, n_bytes))
    assert streams.size.shape == (n,)
    again = jans.check(jans.rejoin(streams, n_bytes))
    assert np.array_equal(rans.to_words(again), rans.to_words(state))


def vae(grid=models.NormalGrid(6)):  # noqa: B008
    def likelihood(latent):
        mean = jnp.repeat(grid.value(latent), 4) * 2 + 2
        return rans.codec(models.LogisticMixture(jnp.zeros((8, 1)), mean[:, None], jnp.full((8, 1), 0.5), high=4))

    def posterior(image):
        return rans.codec(grid.posterior((image[:2] - 2.0) / 2, jnp.full(2, 0.5)))

    return jans.bits_back(rans.codec(grid.prior(), shape=(2,)), likelihood, posterior)


def test_chains_start_from_bits_of_each_other():
    images = jnp.asarray(np.random.default_rng(0).integers(0, 5, (20 + 6 * 4, 8)), jnp.int32)
    codec, first, n_bytes = vae(), 20, 4
    start = rans.random(jax.random.key(0), 1, 100)

    @jax.jit
    def encode(images):
        state = jans.repeat(codec, first).push(start, images[:first])
        return jax.vmap(jans.repeat(codec, 4).push)(jans.fork(state, 6, n_bytes), images[first:].reshape(6, 4, 8))

    @jax.jit
    def decode(streams):
        streams, rest = jax.vmap(jans.repeat(codec, 4).pop)(streams)
        state, head = jans.repeat(codec, first).pop(jans.rejoin(streams, n_bytes))
        return state, jnp.concatenate([head, rest.reshape(-1, 8)])

    streams = jans.check(encode(images))
    state, decoded = decode(streams)
    assert np.array_equal(decoded, images)
    assert np.array_equal(rans.to_words(jans.check(state)), rans.to_words(start))
    # As many bits as one chain needs, but for what the ends of the heads cost: all that the others start with is data.
    one = jans.repeat(codec, len(images)).push(start, images)
    assert abs(float(rans.content_bits(streams).sum() - rans.content_bits(one))) < 0.05 * float(rans.content_bits(one))

    wrong = decode(dataclasses.replace(streams, tail=streams.tail.at[3, 2].add(1)))[0]
    with pytest.raises(
        jans.CodingError,
        match=r"an encoder .* cannot have written the words",
    ):
        jans.check(wrong)


def test_too_few_bytes():
    with pytest.raises(jans.CodingError, match=r"stream 0 of 3 .1 at fault.: a pop ran past"):
        jans.check(jans.fork(rans.random(jax.random.key(0), 2, 20), 3, 12))


def test_a_status_stays():
    state = rans.random(jax.random.key(0), 9, 20)
    state = rans.push(state, models.Uniform(3), jnp.array([4]))
    for joined in (jans.fork(state, 2, 4), jans.rejoin(jans.fork(state, 2, 4), 4)):
        with pytest.raises(jans.CodingError, match="a symbol outside of its model's support"):
            jans.check(joined)
    streams = jans.fork(rans.random(jax.random.key(0), 9, 20), 2, 4)
    streams = dataclasses.replace(streams, status=streams.status.at[1].set(jans.status.BAD_MODEL))
    with pytest.raises(jans.CodingError, match="the parameters of a model are invalid"):
        jans.check(jans.rejoin(streams, 4))


def test_arguments():
    state = rans.random(jax.random.key(0), 9, 20)
    with pytest.raises(ValueError, match="n must be at least 1 stream, got 0"):
        jans.fork(state, 0, 4)
    with pytest.raises(ValueError, match="n_bytes must be at least 0, got -1"):
        jans.fork(state, 2, -1)
    with pytest.raises(ValueError, match="n_bytes must be at least 0, got -1"):
        jans.rejoin(jans.fork(state, 2, 4), -1)
    with pytest.raises(ValueError, match="states must be one axis of streams, as fork gives them, got shape"):
        jans.rejoin(state, 4)
