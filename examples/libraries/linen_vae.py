"""A VAE in Flax Linen, compressing digits: `init` makes the weights,
`apply` with a method makes functions of them."""

import digits
import jax
import jax.numpy as jnp
from digits import HIDDEN, LATENT, LEVELS, PIXELS
from flax import linen as nn


class VAE(nn.Module):
    """Encoder and decoder with a hidden layer each."""

    def setup(self):
        """The layers."""
        self.infer, self.mean, self.scale = nn.Dense(HIDDEN), nn.Dense(LATENT), nn.Dense(LATENT)
        self.generate, self.logits = nn.Dense(HIDDEN), nn.Dense(PIXELS * LEVELS)

    def posterior(self, image):
        """Mean and scale of the latent."""
        hidden = nn.silu(self.infer(image))
        return self.mean(hidden), jnp.exp(self.scale(hidden))

    def likelihood(self, latent):
        """Logits of the pixels."""
        return self.logits(nn.silu(self.generate(latent))).reshape(PIXELS, LEVELS)

    def __call__(self, image):
        """Applies both networks, so that `init` makes the weights of both."""
        return self.likelihood(self.posterior(image)[0])


def build():
    """Weights, and posterior and likelihood as functions of them."""
    vae = VAE()
    weights = vae.init(jax.random.key(0), jnp.zeros(PIXELS))
    posterior = lambda weights, image: vae.apply(weights, image, method="posterior")
    likelihood = lambda weights, latent: vae.apply(weights, latent, method="likelihood")
    return weights, posterior, likelihood


if __name__ == "__main__":
    digits.demo(*build())
