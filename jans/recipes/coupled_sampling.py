"""Bits-back coding with several samples of a latent that need the initial bits of only one sample."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jans.codecs import Codec
from jans.coders import rans
from jans.models import Uniform


def coupled_multi_sample(
    prior: Codec,
    likelihood: Callable[[Any], Codec],
    posterior: Callable[[Any], Any],
    choice: Callable[[Any, Any], Codec],
    n: int,
    precision: int = 32,
) -> Codec:
    """As `jans.multi_sample`, with the initial bits of one sample; the other samples follow from it (coupled
    importance sampling, Ruan et al. 2021, arXiv:2102.11086).

        push data x                                         pop

        pop  quantiles u, uniform on [0, 2**p)              push u
        z_i = posterior(x).locate(u + i 2**p / n)
        pop  j from choice(x, z_1 ... z_n)                  push j with choice(x, z_1 ... z_n)
        push the offset of z_j in its interval              pop  the offset, which gives z_1 ... z_n
        push x with likelihood(z_j)                         pop  x from likelihood(z_j)
        push j, uniform on n; push z_j with prior           pop  z_j from prior, j

    Args:
        prior, likelihood, choice: as for `jans.multi_sample`; a latent is an int32 array of the posterior's
            shape.
        posterior: takes data and returns the model of the latent, with p bits of precision, at most 30.
        n: number of samples, at least 1.
        precision: bits for the position within an interval, about 8 more than p, and at most the maximum of
            the coder's variant.

    Returns:
        The codec of the data. A push needs initial bits, as for `jans.bits_back`.

    Raises:
        ValueError: in `push` and `pop`, if the posterior has more than 30 bits of precision.

    >>> from jans import models
    >>> table = jnp.array([[0.6, 0.3, 0.1], [0.1, 0.3, 0.6]])  # p(x | z)
    >>> coin = models.Uniform(2)  # the prior, and a posterior that ignores x
    >>> codec = coupled_multi_sample(
    ...     rans.codec(coin), lambda z: rans.codec(models.Categorical(table[z])), lambda x: coin,
    ...     lambda x, z: rans.codec(models.Categorical(table[z, x])), n=4,
    ... )
    >>> codec.pop(codec.push(rans.random(jax.random.key(0), n_words=4, capacity=9), jnp.array(2)))[1]
    Array(2, dtype=int32)
    """

    def inferred(data):
        model = posterior(data)
        if model.precision > 30:
            raise ValueError(f"the posterior must have at most 30 bits of precision, got {model.precision}.")
        return model

    def samples(model, quantiles):
        """The latents, and the quantile of each: [n, *shape]."""
        total = 2**model.precision
        steps = jnp.arange(n, dtype=jnp.int32) * (total // n)
        all_quantiles = (quantiles + steps.reshape(n, *(1,) * quantiles.ndim)) % total
        return jax.vmap(model.locate)(all_quantiles.astype(jnp.uint32)), all_quantiles

    def raw(model):
        return rans.codec(Uniform(2**model.precision, model.precision), model.shape)

    one_of_n = rans.codec(Uniform(n, precision))

    def push(state, data):
        model = inferred(data)
        state, quantiles = raw(model).pop(state)
        latents, all_quantiles = samples(model, quantiles)
        state, j = choice(data, latents).pop(state)
        latent = latents[j]
        start, freq = model.interval(latent)
        within = all_quantiles[j] - start.astype(jnp.int32)
        state = rans.push(state, Uniform(freq.astype(jnp.int32), precision), within)
        state = likelihood(latent).push(state, data)
        return prior.push(one_of_n.push(state, j), latent)

    def pop(state):
        state, latent = prior.pop(state)
        state, j = one_of_n.pop(state)
        state, data = likelihood(latent).pop(state)
        model = inferred(data)
        start, freq = model.interval(latent)
        state, within = rans.pop(state, Uniform(freq.astype(jnp.int32), precision))
        total = 2**model.precision
        quantiles = (start.astype(jnp.int32) + within - j * (total // n)) % total
        state = choice(data, samples(model, quantiles)[0]).push(state, j)
        return raw(model).push(state, quantiles), data

    return Codec(push, pop)
