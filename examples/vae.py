"""A variational autoencoder of small images in Flax NNX, made for bits-back coding.

The decoder turns a latent vector into the distribution of every pixel, a mixture of discretised logistics.
The encoder turns an image into a diagonal Gaussian over latent vectors. The prior is the standard normal.
Training minimises the length of the message that bits-back coding will write.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

import jans

PRECISION = 18  # bits of a pixel's integer probabilities; the loss accounts for the minimum of one count per symbol
LATENT_PRECISION = 24  # bits of a posterior's integer probabilities


@dataclass(frozen=True)
class Config:
    """The size of a network, and the settings of its training."""

    hidden: int = 512  # width of the residual blocks
    latent: int = 50  # length of the latent vector
    local: int = 0  # numbers of a second latent for each patch; if not 0, the network is a `ladder.Ladder`
    latent_bits: int = 10  # a number of a latent is one of 2**latent_bits bins
    features: int = 64  # numbers that describe one patch of the image
    head: int = 128  # width of the network that turns these into the patch's pixels
    patch: int = 4  # side of a patch in pixels
    mixtures: int = 3  # logistic distributions per pixel
    epochs: int = 12
    batch: int = 128
    learning_rate: float = 8e-3


class Statistic(nnx.Variable):
    """A number taken from the training images, not trained."""


class Block(nnx.Module):
    """A layer with normalised pre-activations; residual if inputs and outputs have the same width."""

    def __init__(self, inputs: int, outputs: int, rngs: nnx.Rngs) -> None:
        self.linear = linear(inputs, outputs, rngs)
        self.norm = nnx.LayerNorm(outputs, rngs=rngs)
        self.residual = inputs == outputs

    def __call__(self, x: Array) -> Array:
        """Activations `[..., outputs]`."""
        y = nnx.silu(self.norm(self.linear(x)))
        return x + y if self.residual else y


def linear(inputs: int, outputs: int, rngs: nnx.Rngs, gain: float = 1.0) -> nnx.Linear:
    """A linear layer that starts with uniform weights of variance gain**2 / (3 * inputs)."""
    init = nnx.initializers.variance_scaling(gain**2 / 3, "fan_in", "uniform")
    return nnx.Linear(inputs, outputs, kernel_init=init, rngs=rngs)


class VAE(nnx.Module):
    """Encoder and decoder of images with `shape` pixels of `levels` grey levels.

    Images go in as `[..., H * W]` in reading order, and leading axes are batch axes. Inside, the decoder
    works patch by patch: it has a vector of features for each patch, and one network, the same for all
    patches, from features to pixels. That predicts better than one dense output layer, with fewer parameters
    and less arithmetic.
    """

    def __init__(self, shape: tuple[int, int], levels: int, config: Config, rngs: nnx.Rngs) -> None:
        if shape[0] % config.patch or shape[1] % config.patch:
            raise ValueError(
                f"The sides of an image must be multiples of the patch side {config.patch}, but the images have "
                f"{shape[0]}x{shape[1]} pixels. Cut them to such a size or choose another `patch` in the Config."
            )
        self.shape, self.levels, self.config = shape, levels, config
        pixels, hidden, latent = shape[0] * shape[1], config.hidden, config.latent
        self.grid = (shape[0] // config.patch, shape[1] // config.patch)
        # Black and white need one number per pixel; more levels need three for each logistic distribution.
        self.channels = 1 if levels == 2 else 3 * config.mixtures
        patches, outputs = self.grid[0] * self.grid[1], self.channels * config.patch**2
        self.centre = Statistic(jnp.zeros(pixels))
        self.spread = Statistic(jnp.ones(()))
        self.encoder = nnx.Sequential(
            Block(pixels, hidden, rngs), Block(hidden, hidden, rngs), linear(hidden, 2 * latent, rngs, gain=0.1)
        )
        self.decoder = nnx.Sequential(
            Block(latent, hidden, rngs), Block(hidden, hidden, rngs), linear(hidden, patches * config.features, rngs)
        )
        self.head = nnx.Sequential(
            linear(config.features, config.head, rngs), nnx.silu, linear(config.head, outputs, rngs, gain=0.1)
        )
        self.bias = nnx.Param(jnp.zeros((patches, outputs)))

    def normalise(self, x: Array) -> Array:
        """Images as numbers around zero."""
        return (x.astype(jnp.float32) - self.centre[...]) / self.spread[...]

    def posterior(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation `[..., latent]` of the Gaussian posterior
        of images `x` `[..., H * W]`."""
        return gaussian(self.encoder(self.normalise(x)))

    def features(self, z: Array) -> Array:
        """Features of the patches `[..., patches, features]` of images with latents `z` `[..., latent]`."""
        return self.decoder(z).reshape(*z.shape[:-1], -1, self.config.features)

    def pixels(self, features: Array) -> jans.models.Model:
        """The distribution of the pixels `[..., H * W]`."""
        out = self.head(nnx.silu(features)) + self.bias[...]
        side, batch = self.config.patch, features.shape[:-2]
        out = out.reshape(*batch, *self.grid, self.channels, side, side)
        # [..., row, column, channels, y, x] -> [channels, ..., row, y, column, x]: patches to pixels in
        # reading order
        n = len(batch)
        out = out.transpose(n + 2, *range(n), n, n + 3, n + 1, n + 4).reshape(self.channels, *batch, -1)
        if self.levels == 2:
            return jans.models.Bernoulli(jax.nn.sigmoid(out[0]), precision=PRECISION)
        logits, mean, log_scale = jnp.moveaxis(out.reshape(3, -1, *out.shape[1:]), 1, -1)
        half = (self.levels - 1) / 2
        mean, scale = half + 1.1 * half * jnp.tanh(mean), half * jnp.exp(jnp.clip(log_scale, -7, 5))
        return jans.models.LogisticMixture(logits, mean, scale, high=self.levels - 1, precision=PRECISION)

    def bits(self, key: Array, x: Array) -> Array:
        """Expected bits `[...]` that bits-back coding takes for images `x` `[..., H * W]`,
        from one latent each."""
        mean, scale = self.posterior(x)
        z = mean + scale * jax.random.normal(key, mean.shape)
        return divergence(mean, scale) - self.pixels(self.features(z)).log_prob(x).sum(-1) / np.log(2)

    @property
    def latents(self) -> int:
        """The number of latent numbers of an image."""
        return self.config.latent

    def codec(self) -> jans.Codec:
        """One image `[H * W]` by bits-back coding; latents are on a grid of the prior."""
        grid = jans.models.NormalGrid(self.config.latent_bits)

        # Encoder and decoder are two programs, and the network must round alike in both.
        @jans.isolated
        def pixels(latent: Array) -> jans.models.Model:
            return self.pixels(self.features(grid.value(latent)))

        @jans.isolated
        def inferred(image: Array) -> jans.models.Model:
            return grid.posterior(*self.posterior(image), LATENT_PRECISION)

        def likelihood(latent: Array) -> jans.Codec:
            return coded("pixels", pixels(latent), jnp.uint8)

        def posterior(image: Array) -> jans.Codec:
            return coded("latent from posterior", inferred(image))

        prior = jans.named("latent with prior", jans.rans.codec(grid.prior(), shape=(self.config.latent,)))
        return jans.bits_back(prior, likelihood, posterior)


def gaussian(h: Array) -> tuple[Array, Array]:
    """Mean and standard deviation from the two halves of a network's output."""
    mean, log_scale = jnp.split(h, 2, -1)
    return mean, jnp.exp(jnp.clip(log_scale, -7, 3))


def divergence(mean: Array, scale: Array) -> Array:
    """Bits by which a Gaussian differs from the standard normal, summed over the last axis."""
    return 0.5 * (mean**2 + scale**2 - 1 - 2 * jnp.log(scale)).sum(-1) / np.log(2)


def coded(name: str, model: jans.models.Model, dtype: jax.typing.DTypeLike = jnp.int32) -> jans.Codec:
    """A model as a codec with a name in the account of bits."""
    return jans.named(name, jans.rans.codec(model, dtype=dtype))
