"""A VAE in Flax NNX, compressing digits: `nnx.split` gives the weights,
`nnx.merge` makes functions of them."""

import digits
import jax.numpy as jnp
from digits import HIDDEN, LATENT, LEVELS, PIXELS
from flax import nnx


class VAE(nnx.Module):
    """Encoder and decoder with a hidden layer each."""

    def __init__(self, rngs: nnx.Rngs):
        self.infer = nnx.Linear(PIXELS, HIDDEN, rngs=rngs)
        self.mean = nnx.Linear(HIDDEN, LATENT, rngs=rngs)
        self.scale = nnx.Linear(HIDDEN, LATENT, rngs=rngs)
        self.generate = nnx.Linear(LATENT, HIDDEN, rngs=rngs)
        self.logits = nnx.Linear(HIDDEN, PIXELS * LEVELS, rngs=rngs)

    def posterior(self, image):
        """Mean and scale of the latent."""
        hidden = nnx.silu(self.infer(image))
        return self.mean(hidden), jnp.exp(self.scale(hidden))

    def likelihood(self, latent):
        """Logits of the pixels."""
        return self.logits(nnx.silu(self.generate(latent))).reshape(PIXELS, LEVELS)


def build():
    """Weights, and posterior and likelihood as functions of them."""
    graph, weights = nnx.split(VAE(nnx.Rngs(0)))
    posterior = lambda weights, image: nnx.merge(graph, weights).posterior(image)
    likelihood = lambda weights, latent: nnx.merge(graph, weights).likelihood(latent)
    return weights, posterior, likelihood


if __name__ == "__main__":
    digits.demo(*build())
