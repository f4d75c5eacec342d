"""A mean-scale hyperprior of photographs in Flax NNX, one network for several qualities.

Latents y describe an image, and fewer latents z describe how y is distributed (Balle et al. 2018, Minnen et al. 2018).
A quality is a gain of every channel (Cui et al. 2021), so that all qualities are trained at once. What is minimised is
the rate in bits per pixel plus a price times the squared error.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array, lax
from photos import Photos
from progress import Progress

STRIDE, HYPER_STRIDE = 16, 2  # pixels for a place of y, places of y for a place of z, in each direction
SCALES, SCALE_LOW, SCALE_HIGH = 64, 0.11, 64.0  # of the tables, at equal distances of their logarithms
LOG_STEP = float(np.log(SCALE_HIGH / SCALE_LOW)) / (SCALES - 1)
PLACES_PER_UNIT = 16.0  # of the network of scales, so that it learns at the pace of the others
FLOOR = 2.0**-30  # of a probability
Z_HIGH, HIDDEN_HIGH = 127, 64  # what the layers of the network of scales see at most
REPORT_EVERY = 25  # steps


@dataclass(frozen=True)
class Config:
    """The size of the network and the recipe it is trained with."""

    channels: int = 64
    latents: int = 320  # channels of y
    hyper: int = 32  # channels of z
    prices: tuple[float, ...] = (0.002, 0.006, 0.018, 0.054)  # of a squared error of one grey level, for each quality
    steps: int = 3000
    batch: int = 8
    patch: int = 128
    learning_rate: float = 1e-3


class Hyperprior(nnx.Module):
    """All the networks. Images are float `[B, H, W, 3]` about zero, with sides that divide by `STRIDE * HYPER_STRIDE`.

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
        self.blocks = nnx.Sequential(narrow, narrow, conv(3 * 16, n, (5, 5)))
        self.synthesis = nnx.Sequential(
            leaky, conv(n, n, (3, 3)), leaky, conv(n, n, (3, 3)), leaky,
            conv(n, 3 * 16, (3, 3), kernel_init=nnx.initializers.zeros), widen, widen,
        )  # fmt: skip
        self.hyper_analysis = nnx.Sequential(conv(m, n, (3, 3)), leaky, conv(n, h, (5, 5), strides=HYPER_STRIDE))
        self.means = nnx.Sequential(conv(h, 2 * n, (3, 3)), leaky, widen, conv(n // 2, m, (3, 3)))
        self.scales = nnx.List([conv(h, 2 * n, (3, 3)), conv(n // 2, m, (3, 3))])
        frequency = cosines(m)[1]
        self.scales[1].bias[...] = jnp.log(15 / frequency**1.2 / SCALE_LOW) / LOG_STEP / PLACES_PER_UNIT

        self.gain = nnx.Param(0.5 * jnp.log(jnp.asarray(config.prices))[:, None] + jnp.full(m, np.log(50.0)))
        self.inverse_gain = nnx.Param(-self.gain[...])
        # The prior of z: mixtures of three logistic distributions, for every quality and channel.
        spread = jnp.broadcast_to(jnp.array([[-1.0], [0.0], [1.0]]), (len(config.prices), 3, h))
        self.prior = nnx.Param(jnp.stack([spread * 0, spread, spread * 0]))

    def encode(self, x: Array, q: Array) -> tuple[Array, Array]:
        """Latents y `[B, H / 16, W / 16, latents]` and z `[B, H / 32, W / 32, hyper]`, not rounded."""
        blocks = narrow(narrow(narrow(narrow(x))))
        y = (blocks @ cosines(self.config.latents)[0] + self.analysis(x)) * jnp.exp(self.gain[...])[q][:, None, None]
        return y, self.hyper_analysis(jnp.arcsinh(y))

    def decode(self, y: Array, q: Array) -> Array:
        """The image of latents."""
        y = y * jnp.exp(self.inverse_gain[...])[q][:, None, None]
        image = widen(widen(widen(widen(y @ cosines(self.config.latents)[0].T))))
        return image + self.synthesis(self.features(y) + self.blocks(image))

    def scale_places(self, z: Array) -> Array:
        """Where the scale of each y stands among those of the tables: a float between 0 and `SCALES - 1`."""
        z = jnp.clip(z, -Z_HIGH, Z_HIGH)
        hidden = widen(jnp.clip(self.scales[0](z), 0, HIDDEN_HIGH))
        return bounded(PLACES_PER_UNIT * self.scales[1](hidden), 0, SCALES - 1)

    def y_bits(self, residual: Array, places: Array) -> Array:
        """Bits of `y - mean`, rounded or with noise, under normal distributions."""
        return -jnp.log2(jnp.maximum(normal_mass(residual, scale_of(places)), FLOOR))

    def z_bits(self, z: Array, q: Array) -> Array:
        """Bits of z, rounded or with noise."""
        return -jnp.log2(jnp.maximum(self.z_mass(z, q[:, None, None]), FLOOR))

    def z_mass(self, z: Array, q: Array) -> Array:
        """Probabilities of `z` `[..., hyper]`, each between its neighbours half a step away."""
        logits, means, log_scales = jnp.moveaxis(self.prior[...][:, q], -2, 0).swapaxes(0, 1)
        inverse = jnp.exp(-log_scales)
        distance = -jnp.abs(z - means)  # differences on the side of the tails keep their digits
        mass = nnx.sigmoid((distance + 0.5) * inverse) - nnx.sigmoid((distance - 0.5) * inverse)
        return (nnx.softmax(logits, 0) * mass).sum(0)

    def loss(self, x: Array, q: Array, key: Array) -> tuple[Array, tuple[Array, Array]]:
        """Rate plus price times error; then bits per pixel and mean squared error in grey levels, per image."""
        keys = jax.random.split(key)
        y, z = self.encode(x, q)
        z_noisy = z + jax.random.uniform(keys[0], z.shape, minval=-0.5, maxval=0.5)
        z_hat = straight_through_round(z)
        places, means = self.scale_places(z_hat), self.means(z_hat)
        residual = y - means
        noisy = residual + jax.random.uniform(keys[1], y.shape, minval=-0.5, maxval=0.5)
        bits = self.y_bits(noisy, places).sum((1, 2, 3)) + self.z_bits(z_noisy, q).sum((1, 2, 3))
        rate = bits / (x.shape[1] * x.shape[2])
        picture = self.decode(means + straight_through_round(residual), q)
        error = 255**2 * ((picture - x) ** 2).mean((1, 2, 3))
        price = jnp.asarray(self.config.prices)[q]
        return ((rate + price * error) / jnp.sqrt(price)).mean(), (rate, error)


def widen(x: Array) -> Array:
    """Channels to places: `[B, H, W, 4 C]` to `[B, 2 H, 2 W, C]`."""
    b, h, w, c = x.shape
    return x.reshape(b, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5).reshape(b, 2 * h, 2 * w, c // 4)


def narrow(x: Array) -> Array:
    """The inverse of `widen`."""
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(b, h // 2, w // 2, 4 * c)


@functools.cache
def cosines(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The lowest frequencies of blocks of 16x16 pixels and three colours, and how high each is.

    Columns `[16 * 16 * 3, count]` of an orthonormal transform, the DCT in all three directions, for blocks that `narrow`
    has made; more of brightness than of colour.
    """
    side, colour = (np.cos(np.pi * np.outer(np.arange(n) + 0.5, np.arange(n)) / n) for n in (STRIDE, 3))
    side, colour = (basis / np.linalg.norm(basis, axis=0) for basis in (side, colour))
    u, v, w = np.meshgrid(np.arange(STRIDE), np.arange(STRIDE), np.arange(3), indexing="ij")
    frequency = (np.hypot(u, v) + 1) * np.where(w > 0, 2.5, 1)
    chosen = np.argsort(frequency, axis=None, kind="stable")[:count]
    basis = np.einsum("yu,xv,cw->yxcuvw", side, side, colour).reshape(STRIDE, STRIDE, 3, -1)[..., chosen]
    # Of a place, `narrow` lists the last bit of y and x first, and the first bit last.
    bits = basis.reshape((2,) * 8 + (3, count)).transpose(3, 7, 2, 6, 1, 5, 0, 4, 8, 9)
    return bits.reshape(-1, count).astype(np.float32), frequency.ravel()[chosen].astype(np.float32)


def scale_of(places: Array) -> Array:
    """The standard deviation at a place among the tables."""
    return SCALE_LOW * jnp.exp(LOG_STEP * places)


def normal_mass(value: Array, scale: Array) -> Array:
    """Probability of the unit interval around `value`; on the side of the tail, where differences keep their digits."""
    distance = -jnp.abs(value)
    return jax.scipy.stats.norm.cdf((distance + 0.5) / scale) - jax.scipy.stats.norm.cdf((distance - 0.5) / scale)


def leaky(x: Array) -> Array:
    """A rectifier that lets something through."""
    return nnx.leaky_relu(x, 0.1)


def straight_through_round(x: Array) -> Array:
    """Rounded, with the gradient of `x`."""
    return x + lax.stop_gradient(jnp.round(x) - x)


def bounded(x: Array, low: float, high: float) -> Array:
    """Clipped, with the gradient of `x`, so that what is outside can come back."""
    return x + lax.stop_gradient(jnp.clip(x, low, high) - x)


def to_floats(images: Array) -> Array:
    """Bytes to numbers about zero."""
    return images.astype(jnp.float32) / 255 - 0.5


def patches(images: list[np.ndarray], config: Config, random: np.random.Generator) -> np.ndarray:
    """Random patches `[batch, patch, patch, 3]` of images, flipped and turned."""
    weights = np.array([np.sqrt(image.shape[0] * image.shape[1]) for image in images])
    side, made = config.patch, []
    for i in random.choice(len(images), config.batch, p=weights / weights.sum()):
        y, x = (random.integers(length - side + 1) for length in images[i].shape[:2])
        patch = images[i][y : y + side, x : x + side]
        made.append(np.rot90(patch[:, :: random.choice((-1, 1))], random.integers(4)))
    return np.stack(made)


def halved(photo: np.ndarray) -> np.ndarray:
    """The image at half its size."""
    h, w = photo.shape[0] // 2, photo.shape[1] // 2
    return np.round(photo[: 2 * h, : 2 * w].reshape(h, 2, w, 2, 3).mean((1, 3))).astype(np.uint8)


def train(
    photos: Photos, config: Config, progress: Callable[[str, int, int], Callable[[int, str], None]] = Progress
) -> Hyperprior:
    """Train a network on `photos.train`; `progress` is what draws the bar, with the arguments of `Progress`."""
    net = Hyperprior(config, nnx.Rngs(0))
    levels, warm_up = len(config.prices), max(1, config.steps // 40)
    schedule = optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, warm_up, config.steps, 1e-6)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
    graph, parameters, rest = nnx.split(net, nnx.Param, ...)
    qualities = jnp.arange(config.batch) % levels

    def loss(parameters: nnx.State, key: Array, x: Array) -> tuple[Array, tuple[Array, Array]]:
        return nnx.merge(graph, parameters, rest).loss(to_floats(x), qualities, key)

    # Steps are called one by one: inside of a loop of XLA, convolutions on CPUs are a hundred times slower.
    @functools.partial(jax.jit, donate_argnums=0)
    def step(carry: tuple, x: Array, key: Array) -> tuple[tuple, tuple[Array, Array]]:
        parameters, state = carry
        gradient, seen = jax.grad(loss, has_aux=True)(parameters, key, x)
        update, state = optimiser.update(gradient, state, parameters)
        return (optax.apply_updates(parameters, update), state), seen

    # Smaller versions are sharper, and free of what JPEG left in some.
    smaller = [halved(photo) for photo in photos.train]
    images = photos.train + [image for image in smaller if min(image.shape[:2]) >= config.patch]
    random = np.random.default_rng(0)
    report = progress("training", config.steps, max(1, config.steps // 20))
    carry = (parameters, optimiser.init(parameters))
    for i, key in enumerate(jax.random.split(jax.random.key(0), config.steps), 1):
        carry, (rate, error) = step(carry, patches(images, config, random), key)
        if i % REPORT_EVERY == 0 or i == config.steps:
            psnr = 10 * jnp.log10(255**2 / error)
            each = (
                f"{rate[qualities == k].mean():.2f} bpp {psnr[qualities == k].mean():.1f} dB" for k in range(levels)
            )
            report(i, ", ".join(each))
    return nnx.merge(graph, carry[0], rest)
