"""A VAE in Haiku, compressing digits.

`hk.transform` turns a network into two functions: one makes its weights, and one takes them.
"""

import digits
import haiku as hk
import jax
import jax.numpy as jnp
from digits import HIDDEN, LATENT, LEVELS, PIXELS


def infer(image):
    """Mean and scale of the latent."""
    hidden = jax.nn.silu(hk.Linear(HIDDEN)(image))
    return hk.Linear(LATENT)(hidden), jnp.exp(hk.Linear(LATENT)(hidden))


def generate(latent):
    """Logits of the pixels."""
    return hk.nets.MLP([HIDDEN, PIXELS * LEVELS], activation=jax.nn.silu)(latent).reshape(PIXELS, LEVELS)


def build():
    """Weights, and posterior and likelihood as functions of them."""
    encoder, decoder = (hk.without_apply_rng(hk.transform(network)) for network in (infer, generate))
    keys = jax.random.split(jax.random.key(0))
    weights = {
        "encoder": encoder.init(keys[0], jnp.zeros(PIXELS)),
        "decoder": decoder.init(keys[1], jnp.zeros(LATENT)),
    }
    posterior = lambda weights, image: encoder.apply(weights["encoder"], image)
    likelihood = lambda weights, latent: decoder.apply(weights["decoder"], latent)
    return weights, posterior, likelihood


if __name__ == "__main__":
    digits.demo(*build())
