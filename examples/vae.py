"""A variational autoencoder of small images in Flax NNX, trained for bits-back coding.

The decoder turns a latent vector into the parameters of a mixture of discretised logistic distributions at every
pixel, the encoder an image into a diagonal Gaussian over latent vectors; the prior is the standard normal. What is
minimised is the length of the message that bits-back coding will write.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import weights
from flax import nnx
from image_data import Dataset
from jax import Array, lax
from progress import Progress

import jans

PRECISION = 18  # bits of a pixel's integer probabilities: the loss knows the floor of one count per symbol
STEPS_PER_CALL = 50  # training steps in one compiled loop, between two reports of progress


@dataclass(frozen=True)
class Config:
    """The size of the network and the recipe it is trained with."""

    hidden: int = 512  # width of the residual blocks
    latent: int = 50  # length of the latent vector
    features: int = 64  # numbers that describe one patch of the image
    head: int = 128  # width of the network that turns these into the patch's pixels
    patch: int = 4  # side of a patch in pixels
    mixtures: int = 3  # logistic distributions per pixel
    epochs: int = 12
    batch: int = 128
    learning_rate: float = 8e-3


PRESETS = {
    "mnist": Config(),
    "small": Config(epochs=22, batch=100),
    "digits": Config(hidden=128, latent=16, features=32, head=64, patch=2, epochs=40, batch=50),
}


def preset(dataset: Dataset) -> Config:
    """The preset that suits the size of a data set."""
    if dataset.train[0].size <= 64:
        return PRESETS["digits"]
    return PRESETS["mnist" if len(dataset.train) > 20_000 else "small"]


class Statistic(nnx.Variable):
    """A number taken from the training images, not trained."""


class Block(nnx.Module):
    """A layer with normalised pre-activations; residual where it keeps the width."""

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

    Images go in as `[..., H * W]` in reading order, and leading axes are batch axes. Inside, the decoder works patch by
    patch: a vector of features for each patch, and one network, the same for all patches, from features to pixels. That
    predicts better than one dense output layer, with fewer parameters and less arithmetic.
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
        patches, outputs = self.grid[0] * self.grid[1], 3 * config.mixtures * config.patch**2
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

    def posterior(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation `[..., latent]` of the Gaussian posterior of images `x` `[..., H * W]`."""
        h = self.encoder((x.astype(jnp.float32) - self.centre[...]) / self.spread[...])
        mean, log_scale = jnp.split(h, 2, -1)
        return mean, jnp.exp(jnp.clip(log_scale, -7, 3))

    def likelihood(self, z: Array) -> tuple[Array, Array, Array]:
        """Logits, means and scales `[..., H * W, K]`, in units of grey levels, of the pixels given latents `z`."""
        features = nnx.silu(self.decoder(z)).reshape(*z.shape[:-1], -1, self.config.features)
        out = self.head(features) + self.bias[...]
        side, batch = self.config.patch, z.shape[:-1]
        out = out.reshape(*batch, *self.grid, 3, self.config.mixtures, side, side)
        # [..., row, column, 3, K, y, x] -> [3, ..., row, y, column, x, K]: patches to pixels in reading order
        n = len(batch)
        order = (n + 2, *range(n), n, n + 4, n + 1, n + 5, n + 3)
        logits, mean, log_scale = out.transpose(order).reshape(3, *batch, -1, self.config.mixtures)
        half = (self.levels - 1) / 2
        return logits, half + 1.1 * half * jnp.tanh(mean), half * jnp.exp(jnp.clip(log_scale, -7, 5))


def neg_elbo(vae: VAE, key: Array, x: Array, samples: int = 1) -> Array:
    """Expected bits per pixel `[...]` of bits-back coding images `x` `[..., H * W]`, estimated from `samples` draws."""
    mean, scale = vae.posterior(x)
    divergence = 0.5 * (mean**2 + scale**2 - 1 - 2 * jnp.log(scale)).sum(-1)

    def log_likelihood(key: Array) -> Array:
        z = mean + scale * jax.random.normal(key, mean.shape)
        mixture = jans.models.LogisticMixture(*vae.likelihood(z), high=vae.levels - 1, precision=PRECISION)
        return mixture.log_prob(x).sum(-1)

    drawn = lax.map(log_likelihood, jax.random.split(key, samples)).mean(0) if samples > 1 else log_likelihood(key)
    return (divergence - drawn) / (x.shape[-1] * np.log(2))


def train(
    dataset: Dataset, config: Config, progress: Callable[[str, int, int], Callable[[int, str], None]] = Progress
) -> VAE:
    """Train a VAE on `dataset.train`; `progress` is what draws the bar, with the arguments of `Progress`."""
    count, height, width = dataset.train.shape
    images = dataset.train.reshape(count, height * width)
    vae = VAE((height, width), dataset.levels, config, nnx.Rngs(0))
    centred = jnp.asarray(images, jnp.float32)
    vae.centre[...] = centred.mean(0)
    vae.spread[...] = jnp.maximum(jnp.std(centred - vae.centre[...]), 1.0)

    calls = max(1, round(config.epochs * count / (config.batch * STEPS_PER_CALL)))
    steps = calls * STEPS_PER_CALL
    schedule = optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, steps // 40, steps, 0.0)
    optimiser = optax.nadam(schedule, b2=0.99)
    graph, parameters, *statistics = nnx.split(vae, nnx.Param, ...)

    def loss(parameters: nnx.State, key: Array, x: Array) -> Array:
        return neg_elbo(nnx.merge(graph, parameters, *statistics), key, x).mean()

    def step(carry: tuple, inputs: tuple[Array, Array]) -> tuple[tuple, Array]:
        parameters, state = carry
        x, key = inputs
        value, gradient = jax.value_and_grad(loss)(parameters, key, x)
        update, state = optimiser.update(gradient, state, parameters)
        return (optax.apply_updates(parameters, update), state), value

    @functools.partial(jax.jit, donate_argnums=0)
    def run(carry: tuple, batches: Array, key: Array) -> tuple[tuple, Array]:
        carry, losses = lax.scan(step, carry, (batches, jax.random.split(key, STEPS_PER_CALL)))
        return carry, losses.mean()

    random = np.random.default_rng(0)
    shuffled = np.concatenate([random.permutation(count) for _ in range(-(-steps * config.batch // count))])
    order = shuffled[: steps * config.batch].reshape(calls, STEPS_PER_CALL, config.batch)
    report = progress("training", calls, max(1, calls // min(config.epochs, 20)))
    carry = (parameters, optimiser.init(parameters))
    for i, (chosen, key) in enumerate(zip(order, jax.random.split(jax.random.key(0), calls), strict=True), 1):
        carry, value = run(carry, images[chosen], key)
        epoch = min(config.epochs, 1 + i * STEPS_PER_CALL * config.batch // count)
        report(i, f"epoch {epoch} of {config.epochs}, {float(value):.3f} bits per pixel")
    return nnx.merge(graph, carry[0], *statistics)


def evaluate(vae: VAE, images: np.ndarray, samples: int = 8, batch: int = 200) -> np.ndarray:
    """Expected bits per pixel of each of the `images` `[N, H, W]`."""
    graph, state = nnx.split(vae)

    @jax.jit
    def run(state: nnx.State, key: Array, x: Array) -> Array:
        return neg_elbo(nnx.merge(graph, state), key, x, samples)

    flat = jnp.asarray(images.reshape(len(images), -1))
    starts = range(0, len(flat), batch)
    keys = jax.random.split(jax.random.key(1), len(starts))
    return np.concatenate([run(state, key, flat[i : i + batch]) for i, key in zip(starts, keys, strict=True)])


def save(path: str | Path, vae: VAE) -> None:
    """Write the weights and all that is needed to build the network again."""
    weights.save(path, vae, shape=vae.shape, levels=vae.levels, config=asdict(vae.config))


def load(path: str | Path) -> VAE:
    """Read what `save` has written."""
    about = weights.about(path)
    vae = VAE(tuple(about["shape"]), about["levels"], Config(**about["config"]), nnx.Rngs(0))
    weights.fill(vae, path)
    return vae
