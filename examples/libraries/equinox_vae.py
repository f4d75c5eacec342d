"""A VAE in Equinox, compressing digits.

A module is a pytree, and `eqx.partition` separates its arrays as the weights.
"""

import digits
import equinox as eqx
import jax
import jax.numpy as jnp
from digits import HIDDEN, LATENT, LEVELS, PIXELS


class VAE(eqx.Module):
    """Encoder and decoder with a hidden layer each."""

    encoder: eqx.nn.MLP
    decoder: eqx.nn.MLP

    def __init__(self, key):
        keys = jax.random.split(key)
        self.encoder = eqx.nn.MLP(PIXELS, 2 * LATENT, HIDDEN, depth=1, activation=jax.nn.silu, key=keys[0])
        self.decoder = eqx.nn.MLP(LATENT, PIXELS * LEVELS, HIDDEN, depth=1, activation=jax.nn.silu, key=keys[1])

    def posterior(self, image):
        """Mean and scale of the latent."""
        mean, log_scale = jnp.split(self.encoder(image), 2)
        return mean, jnp.exp(log_scale)

    def likelihood(self, latent):
        """Logits of the pixels."""
        return self.decoder(latent).reshape(PIXELS, LEVELS)


def build():
    """Weights, and posterior and likelihood as functions of them."""
    weights, static = eqx.partition(VAE(jax.random.key(0)), eqx.is_array)
    posterior = lambda weights, image: eqx.combine(weights, static).posterior(image)
    likelihood = lambda weights, latent: eqx.combine(weights, static).likelihood(latent)
    return weights, posterior, likelihood


if __name__ == "__main__":
    digits.demo(*build())
