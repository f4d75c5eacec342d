"""A mean-scale hyperprior of photographs in Flax NNX, one network for several qualities.

Latents y describe an image, and fewer latents z describe the distribution of y (Balle et al. 2018, Minnen et
al. 2018). A quality is a gain of every channel (Cui et al. 2021), so all qualities are trained together.
Training minimises the rate in bits per pixel plus a price times the squared error.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from common.photos import Photos, halved, random_patches
from common.progress import Progress
from flax import nnx
from jax import Array, lax

STRIDE, HYPER_STRIDE = 16, 2  # pixels per place of y, places of y per place of z, in each direction
SCALES, SCALE_LOW, SCALE_HIGH = 64, 0.04, 24.0  # number and range of the scales of the tables, spaced evenly in the log
LOG_STEP = float(np.log(SCALE_HIGH / SCALE_LOW)) / (SCALES - 1)
PLACES_PER_UNIT = 16.0  # of the network of scales, so that it learns as fast as the other networks
Z_HIGH, HIDDEN_HIGH = 127, 64  # the largest inputs of the layers of the network of scales
REPORT_EVERY = 25  # steps


@dataclass(frozen=True)
class Config:
    """The size of the network, and the settings of its training."""

    channels: int = 48
    latents: int = 192  # channels of y
    hyper: int = 32  # channels of z
    prices: tuple[float, ...] = (0.0015, 0.004, 0.011, 0.03)  # of a squared error of one grey level, for each quality
    steps: int = 1300
    batch: int = 8
    patch: int = 128
    learning_rate: float = 1.5e-3


class Hyperprior(nnx.Module):
    """All the networks.

    Images are float `[B, H, W, 3]` around zero; `STRIDE * HYPER_STRIDE` must divide their sides.

    A quality `q` is an integer `[B]`.
    """

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        self.config = config
        n, m, h = config.channels, config.latents, config.hyper
        conv = functools.partial(nnx.Conv, rngs=rngs)
        self.analysis = nnx.Sequential(
            narrow, narrow, conv(3 * 16, n, (3, 3)), leaky, conv(n, n, (5, 5), strides=2), leaky,
            conv(n, m, (5, 5), strides=2, kernel_init=nnx.initializers.zeros),
        )  # fmt: skip
        self.features = nnx.Sequential(conv(m, 4 * n, (3, 3)), leaky, widen, conv(n, 4 * n, (3, 3)), widen)
        self.blocks = nnx.Sequential(narrow, narrow, conv(3 * 16, n, (3, 3)))
        self.synthesis = nnx.Sequential(
            leaky, conv(n, n, (3, 3)), leaky, conv(n, n, (3, 3)), leaky,
            conv(n, 3 * 16, (3, 3), kernel_init=nnx.initializers.zeros), widen, widen,
        )  # fmt: skip
        self.hyper_analysis = nnx.Sequential(conv(m, n, (3, 3)), leaky, conv(n, h, (5, 5), strides=HYPER_STRIDE))
        zeros = nnx.initializers.zeros
        self.means = nnx.Sequential(
            conv(h, 2 * n, (3, 3)), leaky, widen, conv(n // 2, m, (3, 3), kernel_init=zeros)
        )  # fmt: skip
        self.scales = nnx.List(
            [conv(h, 2 * n, (3, 3)), conv(n // 2, m, (3, 3), kernel_init=zeros, use_bias=False)]
        )  # fmt: skip
        self.usual_scale = nnx.Param(jnp.zeros((len(config.prices), m)))

        self.gain = nnx.Param(0.5 * jnp.log(jnp.asarray(config.prices))[:, None] + jnp.full(m, np.log(50.0)))
        self.inverse_gain = nnx.Param(-self.gain[...])
        # The prior of z: mixtures of three logistic distributions, for every quality and channel.
        spread = jnp.broadcast_to(jnp.array([[-1.0], [0.0], [1.0]]), (len(config.prices), 3, h))
        self.prior = nnx.Param(jnp.stack([spread * 0, spread, spread * 0]))

    def encode(self, x: Array, q: Array) -> tuple[Array, Array]:
        """Latents y `[B, H / 16, W / 16, latents]` and z `[B, H / 32, W / 32, hyper]`, not rounded."""
        y = (to_blocks(x) @ cosines(self.config.latents) + self.analysis(x)) * jnp.exp(self.gain[...])[q][:, None, None]
        return y, self.hyper_analysis(jnp.arcsinh(y))

    def decode(self, y: Array, q: Array) -> Array:
        """The image of latents."""
        y = y * jnp.exp(self.inverse_gain[...])[q][:, None, None]
        image = widen(widen(widen(widen(y @ cosines(self.config.latents).T))))
        return image + self.synthesis(self.features(y) + self.blocks(image))

    def expect(self, sizes: np.ndarray) -> None:
        """Start with scales that suit cosines of the mean magnitudes `sizes` `[latents]`."""
        scales = sizes * jnp.exp(self.gain[...]) / (2 * np.log(2))
        self.usual_scale[...] = jnp.log(scales / SCALE_LOW) / LOG_STEP / PLACES_PER_UNIT

    def scale_places(self, z: Array, q: Array) -> Array:
        """The index of each y's scale among those of the tables: a float between 0 and `SCALES - 1`."""
        z = jnp.clip(z, -Z_HIGH, Z_HIGH)
        hidden = widen(jnp.clip(self.scales[0](z), 0, HIDDEN_HIGH))
        units = self.scales[1](hidden) + self.usual_scale[...][q][:, None, None]
        return bounded(PLACES_PER_UNIT * units, 0, SCALES - 1)

    def y_bits(self, residual: Array, places: Array) -> Array:
        """Bits of `y - mean`, rounded."""
        return -log_mass(residual, scale_of(places)) / np.log(2)

    def z_bits(self, z: Array, q: Array) -> Array:
        """Bits of z, rounded."""
        return -self.z_log_mass(z, q[:, None, None]) / np.log(2)

    def z_log_mass(self, z: Array, q: Array) -> Array:
        """Logarithms of the probabilities of `z` `[..., hyper]`."""
        logits, means, log_scales = jnp.moveaxis(self.prior[...][:, q], -2, 0).swapaxes(0, 1)
        return jax.nn.logsumexp(nnx.log_softmax(logits, 0) + log_mass(z - means, jnp.exp(log_scales)), 0)

    def loss(self, x: Array, q: Array) -> tuple[Array, tuple[Array, Array]]:
        """Rate plus price times error; then bits per pixel and mean squared error in grey levels,
        for each image."""
        y, z = self.encode(x, q)
        z = straight_through_round(z)
        means = self.means(z)
        residual = straight_through_round(y - means)
        bits = self.y_bits(residual, self.scale_places(z, q)).sum((1, 2, 3)) + self.z_bits(z, q).sum((1, 2, 3))
        rate = bits / (x.shape[1] * x.shape[2])
        picture = self.decode(means + residual, q)
        error = 255**2 * ((picture - x) ** 2).mean((1, 2, 3))
        price = jnp.asarray(self.config.prices)[q]
        return ((rate + price * error) / jnp.sqrt(price)).mean(), (rate, error)


def widen(x: Array) -> Array:
    """Move channels to places: `[B, H, W, 4 C]` to `[B, 2 H, 2 W, C]`."""
    b, h, w, c = x.shape
    return x.reshape(b, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5).reshape(b, 2 * h, 2 * w, c // 4)


def narrow(x: Array) -> Array:
    """The inverse of `widen`."""
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(b, h // 2, w // 2, 4 * c)


@functools.cache
def cosines(count: int) -> np.ndarray:
    """The lowest frequencies of blocks of 16x16 pixels and three colours.

    Columns `[16 * 16 * 3, count]` of an orthonormal transform, the DCT in all three directions, for blocks
    from `narrow`. There are more frequencies of brightness than of colour.
    """
    side, colour = (np.cos(np.pi * np.outer(np.arange(n) + 0.5, np.arange(n)) / n) for n in (STRIDE, 3))
    side, colour = (basis / np.linalg.norm(basis, axis=0) for basis in (side, colour))
    u, v, w = np.meshgrid(np.arange(STRIDE), np.arange(STRIDE), np.arange(3), indexing="ij")
    frequency = (np.hypot(u, v) + 1) * np.where(w > 0, 2.5, 1)
    chosen = np.argsort(frequency, axis=None, kind="stable")[:count]
    basis = np.einsum("yu,xv,cw->yxcuvw", side, side, colour).reshape(STRIDE, STRIDE, 3, -1)[..., chosen]
    # `narrow` interleaves the bits of y and x.
    bits = basis.reshape((2,) * 8 + (3, count)).transpose(0, 4, 1, 5, 2, 6, 3, 7, 8, 9)
    return bits.reshape(-1, count).astype(np.float32)


def to_blocks(x: Array) -> Array:
    """Blocks of 16x16 pixels as channels."""
    return narrow(narrow(narrow(narrow(x))))


def scale_of(places: Array) -> Array:
    """The scale of the logistic distribution at an index among the tables."""
    return SCALE_LOW * jnp.exp(LOG_STEP * places)


def log_mass(value: Array, scale: Array) -> Array:
    """Logarithm of the probability that a logistic distribution gives the unit interval around `value`.

    With a below b, `sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b))`. This is exact in the
    tails too, where a network has most to learn from a surprise.
    """
    high, low = (value + 0.5) / scale, (value - 0.5) / scale
    return nnx.log_sigmoid(high) + nnx.log_sigmoid(-low) + jnp.log1p(-jnp.exp(-1 / scale))


def leaky(x: Array) -> Array:
    """A rectifier with a small slope below zero."""
    return nnx.leaky_relu(x, 0.1)


def straight_through_round(x: Array) -> Array:
    """Round, with the gradient of `x`."""
    return x + lax.stop_gradient(jnp.round(x) - x)


def bounded(x: Array, low: float, high: float) -> Array:
    """Clip, with the gradient of `x`, so that values outside can come back."""
    return x + lax.stop_gradient(jnp.clip(x, low, high) - x)


def to_floats(images: Array) -> Array:
    """Bytes to numbers around zero."""
    return images.astype(jnp.float32) / 255 - 0.5


def cosine_sizes(images: list[np.ndarray], count: int) -> np.ndarray:
    """Mean magnitudes `[count]` of the lowest cosines in images."""
    sums, blocks = np.zeros(count), 0
    for image in images:
        h, w = (length // STRIDE * STRIDE for length in image.shape[:2])
        cosine = np.abs(to_blocks(to_floats(image[None, :h, :w])) @ cosines(count))
        sums, blocks = sums + cosine.sum((0, 1, 2)), blocks + cosine[0, :, :, 0].size
    return sums / blocks


def train(
    photos: Photos, config: Config, progress: Callable[[str, int, int], Callable[[int, str], None]] = Progress
) -> Hyperprior:
    """Train a network on `photos.train`; `progress` draws the bar and takes the arguments of `Progress`."""
    net = Hyperprior(config, nnx.Rngs(0))
    net.expect(cosine_sizes(photos.train, config.latents))
    levels, warm_up = len(config.prices), max(1, config.steps // 40)
    schedule = optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, warm_up, config.steps, 1e-6)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
    graph, parameters, constants = nnx.split(net, nnx.Param, ...)
    qualities = jnp.arange(config.batch) % levels

    def loss(parameters: nnx.State, x: Array) -> tuple[Array, tuple[Array, Array]]:
        return nnx.merge(graph, parameters, constants).loss(to_floats(x), qualities)

    # Call steps one by one: inside a loop of XLA, convolutions on CPUs are about fifty times as slow.
    @functools.partial(jax.jit, donate_argnums=0)
    def step(carry: tuple, x: Array) -> tuple[tuple, tuple[Array, Array]]:
        parameters, state = carry
        gradient, seen = jax.grad(loss, has_aux=True)(parameters, x)
        update, state = optimiser.update(gradient, state, parameters)
        return (optax.apply_updates(parameters, update), state), seen

    # Smaller versions are sharper, and free of the JPEG artefacts that some photographs have.
    smaller = [halved(photo) for photo in photos.train]
    images = photos.train + [image for image in smaller if min(image.shape[:2]) >= config.patch]
    random = np.random.default_rng(0)
    report = progress("training", config.steps, max(1, config.steps // 20))
    carry = (parameters, optimiser.init(parameters))
    for i in range(1, config.steps + 1):
        carry, (rate, error) = step(carry, random_patches(images, config.batch, config.patch, random))
        if i % REPORT_EVERY == 0 or i == config.steps:
            psnr = 10 * jnp.log10(255**2 / error)
            each = (
                f"{rate[qualities == k].mean():.2f} bpp {psnr[qualities == k].mean():.1f} dB" for k in range(levels)
            )
            report(i, ", ".join(each))
    return nnx.merge(graph, carry[0], constants)
