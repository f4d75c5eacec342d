"""Trains, evaluates, saves and loads networks for images."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from common import weights
from common.image_data import Dataset
from common.progress import Progress
from flax import nnx
from jax import Array, lax
from ladder import Ladder
from vae import VAE, Config

Progressing = Callable[[str, int, int], Callable[[int, str], None]]

STEPS_PER_CALL = 50  # training steps in one compiled loop, between two reports of progress

PRESETS = {
    "mnist": Config(),
    "small": Config(epochs=22, batch=100),
    "digits": Config(hidden=128, latent=16, features=32, head=64, patch=2, epochs=40, batch=50),
    "ladder": Config(local=4, head=256, epochs=24),
    "digits-ladder": Config(hidden=128, latent=16, local=1, features=32, head=64, patch=2, epochs=40, batch=50),
}


def preset(dataset: Dataset) -> Config:
    """The preset that suits the size of a data set."""
    if dataset.train[0].size <= 64:
        return PRESETS["digits"]
    return PRESETS["mnist" if len(dataset.train) > 20_000 else "small"]


def build(shape: tuple[int, int], levels: int, config: Config) -> VAE:
    """A network that is not trained yet."""
    return (Ladder if config.local else VAE)(shape, levels, config, nnx.Rngs(0))


def train(dataset: Dataset, config: Config, progress: Progressing = Progress) -> VAE:
    """Train a network on `dataset`; `progress` draws the bar and takes the arguments of `Progress`."""
    return fit(build(dataset.train.shape[1:], dataset.levels, config), dataset, config, progress)


def fit(network: VAE, dataset: Dataset, config: Config, progress: Progressing = Progress) -> VAE:
    """Train a network with the settings in `config`."""
    count, height, width = dataset.train.shape
    random = np.random.default_rng(0)
    images = dataset.draw(random).reshape(count, height * width).astype(np.float32)
    network.centre[...] = images.mean(0)
    network.spread[...] = np.maximum(np.std(images - images.mean(0)), 1.0 if dataset.levels > 2 else 0.0)

    calls = max(1, round(config.epochs * count / (config.batch * STEPS_PER_CALL)))
    steps = calls * STEPS_PER_CALL
    schedule = optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, steps // 40, steps, 0.0)
    optimiser = optax.nadam(schedule, b2=0.99)
    graph, parameters, *statistics = nnx.split(network, nnx.Param, ...)

    def loss(parameters: nnx.State, key: Array, x: Array) -> Array:
        return nnx.merge(graph, parameters, *statistics).bits(key, x).mean() / x.shape[-1]

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

    shuffled = np.concatenate([random.permutation(count) for _ in range(-(-steps * config.batch // count))])
    order = shuffled[: steps * config.batch].reshape(calls, STEPS_PER_CALL, config.batch)
    report = progress("training", calls, max(1, calls // min(config.epochs, 20)))
    carry = (parameters, optimiser.init(parameters))
    for i, (chosen, key) in enumerate(zip(order, jax.random.split(jax.random.key(0), calls), strict=True), 1):
        batches = dataset.draw(random, chosen).reshape(*chosen.shape, height * width)
        carry, value = run(carry, batches, key)
        epoch = min(config.epochs, 1 + i * STEPS_PER_CALL * config.batch // count)
        report(i, f"epoch {epoch} of {config.epochs}, {float(value):.3f} bits per pixel")
    return nnx.merge(graph, carry[0], *statistics)


def evaluate(network: VAE, images: np.ndarray, samples: int = 8, batch: int = 200) -> np.ndarray:
    """Expected bits per pixel of each of the `images` `[N, H, W]`: the negative ELBO,
    from `samples` latents each."""
    graph, state = nnx.split(network)

    @jax.jit
    def run(state: nnx.State, key: Array, x: Array) -> Array:
        bits = lax.map(lambda key: nnx.merge(graph, state).bits(key, x), jax.random.split(key, samples))
        return bits.mean(0) / x.shape[-1]

    flat = jnp.asarray(images.reshape(len(images), -1))
    starts = range(0, len(flat), batch)
    keys = jax.random.split(jax.random.key(1), len(starts))
    return np.concatenate([run(state, key, flat[i : i + batch]) for i, key in zip(starts, keys, strict=True)])


def save(path: str | Path, network: VAE) -> None:
    """Write the weights, and everything that is needed to build the network again."""
    weights.save(path, network, shape=network.shape, levels=network.levels, config=asdict(network.config))


def load(path: str | Path) -> VAE:
    """Read the file of `save`."""
    config, about = weights.about(path, Config)
    network = build(tuple(about["shape"]), about["levels"], config)
    weights.fill(network, path)
    return network
