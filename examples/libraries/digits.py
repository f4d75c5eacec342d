"""What the examples share: a VAE of 8x8 digits as two functions of its weights, trained,
and coded by bits-back coding.

    posterior(weights, image float32 [64]) -> mean, scale of the latent, float32 [LATENT] each
    likelihood(weights, latent float32 [LATENT]) -> logits of the grey levels, float32 [64, LEVELS]

Both functions take one image. This file does not depend on the library that they were written with.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

import jans
from jans import models, rans

PIXELS, LEVELS, HIDDEN, LATENT = 64, 17, 128, 8
STEPS = 400  # of training
CHAINS = 10  # number of streams


class Result(NamedTuple):
    """Net bits per pixel, the bits that the ELBO predicts, and the images before and after."""

    rate: float
    neg_elbo: float
    images: np.ndarray
    decoded: np.ndarray


def images() -> tuple[np.ndarray, np.ndarray]:
    """1497 digits to train on and 300 to compress, uint8 [n, 64]."""
    pixels = load_digits().data.astype(np.uint8)
    return pixels[:-300], pixels[-300:]


def neg_elbo(weights, posterior, likelihood, image, key):
    """Bits that bits-back coding takes for an image [64], estimated from one latent."""
    mean, scale = posterior(weights, image / 16)
    latent = mean + scale * jax.random.normal(key, mean.shape)
    divergence = (mean**2 + scale**2 - 1) / 2 - jnp.log(scale)
    log_likelihood = models.Categorical(logits=likelihood(weights, latent)).log_prob(image)
    return (divergence.sum() - log_likelihood.sum()) / jnp.log(2)


def mean_neg_elbo(weights, posterior, likelihood, batch, key):
    """Bits per pixel of images [n, 64]."""
    one = lambda image, key: neg_elbo(weights, posterior, likelihood, image, key)
    return jax.vmap(one)(batch, jax.random.split(key, len(batch))).mean() / PIXELS


def train(weights, posterior, likelihood, data):
    """The weights after training on images [n, 64]."""
    data = jnp.asarray(data)
    optimiser = optax.adam(optax.cosine_decay_schedule(4e-3, STEPS))

    def step(carry, key):
        weights, memory = carry
        choice, noise = jax.random.split(key)
        batch = data[jax.random.randint(choice, (100,), 0, len(data))]
        gradient = jax.grad(mean_neg_elbo)(weights, posterior, likelihood, batch, noise)
        update, memory = optimiser.update(gradient, memory)
        return (optax.apply_updates(weights, update), memory), None

    @jax.jit
    def run(weights, keys):
        return jax.lax.scan(step, (weights, optimiser.init(weights)), keys)[0][0]

    return run(weights, jax.random.split(jax.random.key(0), STEPS))


def codec(weights, posterior, likelihood) -> jans.Codec:
    """Bits-back coding of one image."""
    grid = models.NormalGrid(bits=10)
    # Encoder and decoder are two programs, and the networks must round alike in both.
    pixels = jans.isolated(lambda z: models.Categorical(logits=likelihood(weights, grid.value(z))))
    inferred = jans.isolated(lambda image: grid.posterior(*posterior(weights, image / 16)))
    return jans.bits_back(
        prior=rans.codec(grid.prior(), shape=(LATENT,)),
        likelihood=lambda z: rans.codec(pixels(z), dtype=jnp.uint8),
        posterior=lambda image: rans.codec(inferred(image)),
    )


def run(weights, posterior, likelihood) -> Result:
    """Trains, and sends the held-out digits through bytes.

    Each direction is one compiled program, from the network to the words of all chains.
    """
    seen, held_out = images()
    weights = train(weights, posterior, likelihood, seen)
    chains = held_out.reshape(CHAINS, -1, PIXELS)
    n = chains.shape[1]

    @jax.jit
    def encode(weights, state, chains):
        return jax.vmap(jans.repeat(codec(weights, posterior, likelihood), n).push)(state, chains)

    @jax.jit
    def decode(weights, state):
        return jax.vmap(jans.repeat(codec(weights, posterior, likelihood), n).pop)(state)

    keys = jax.random.split(jax.random.key(0), CHAINS)
    start = jax.vmap(lambda key: rans.random(key, n_words=8, capacity=16 * n))(keys)
    state = encode(weights, start, chains)
    blob = jans.to_bytes(state, fingerprint=jans.fingerprint(weights))

    # The decoder pushes the latent of the first image before it pops the image, so it needs spare words.
    opened = jans.from_bytes(blob, spare=LATENT, fingerprint=jans.fingerprint(weights))
    left, decoded = decode(weights, opened)
    jans.check_end(left, start)

    rate = (rans.content_bits(state) - rans.content_bits(start)).sum() / held_out.size
    often = jnp.tile(jnp.asarray(held_out), (16, 1))
    bound = jax.jit(lambda weights: mean_neg_elbo(weights, posterior, likelihood, often, jax.random.key(1)))
    return Result(float(rate), float(bound(weights)), held_out, np.asarray(decoded).reshape(held_out.shape))


def demo(weights, posterior, likelihood) -> None:
    """Runs the example and prints the result."""
    result = run(weights, posterior, likelihood)
    if not np.array_equal(result.decoded, result.images):
        raise SystemExit("the decoded images differ from the originals")
    print(
        f"{result.rate:.3f} bits per pixel, -ELBO {result.neg_elbo:.3f}, all {result.images.size} pixels are the same"
    )
