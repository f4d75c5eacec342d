"""A network of photographs in Flax NNX that predicts the distribution
of each pixel from pixels already known.

An image is split into four planes, its pixels at even and odd places of even and odd rows. The first plane is
an image of half the size, which is split again, and so on. Each other plane is predicted from the planes
before it, all pixels at once:

    0 . 0 .      0 . 0 .      0 2 0 2      0 2 0 2
    . . . .      . 1 . 1      . 1 . 1      3 1 3 1
    0 . 0 .      0 . 0 .      0 2 0 2      0 2 0 2
    . . . .      . 1 . 1      . 1 . 1      3 1 3 1

The network therefore sees neighbours on all sides. It is small, and the same for each pixel (Reed et al.
2017, arXiv:1703.03664, for the order; Salimans et al. 2017, arXiv:1701.05517, for mixtures, and colour after
colour).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from common.photos import halved, random_patches
from common.progress import Progress
from flax import nnx
from jax import Array

from jans import models

PLACES = ((0, 0), (1, 1), (0, 1), (1, 0))  # of the planes, in the order in which they become known
REACH = 4  # pixels of a plane beyond its edges
NEAR, AROUND = 4, 12  # numbers of neighbours that give the centre, and the spread
LEVELS = 3  # levels that a network distinguishes, because details get rougher
MARGIN = 3  # pixels at the edges of a patch's planes that see beyond the patch
REPORT_EVERY = 50  # steps


@dataclass(frozen=True)
class Config:
    """The size of the network, and the settings of its training."""

    neighbours: int = 32
    hidden: int = 96
    head: int = 48
    components: int = 4
    steps: int = 7000
    batch: int = 8
    patch: int = 44
    learning_rate: float = 3e-3


def split(image: np.ndarray) -> tuple[np.ndarray, ...]:
    """The four planes of an image `[..., H, W, C]`."""
    return tuple(image[..., y::2, x::2, :] for y, x in PLACES)


def merge(planes: Sequence[np.ndarray]) -> np.ndarray:
    """The image of four planes: the inverse of `split`."""
    h, w = (planes[0].shape[axis] + planes[1].shape[axis] for axis in (-3, -2))
    image = np.empty((*planes[0].shape[:-3], h, w, planes[0].shape[-1]), planes[0].dtype)
    for (y, x), plane in zip(PLACES, planes, strict=True):
        image[..., y::2, x::2, :] = plane
    return image


def plane_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Height and width of the planes of an image."""
    return [((height + 1 - y) // 2, (width + 1 - x) // 2) for y, x in PLACES]


@functools.cache
def nearest(k: int, count: int) -> tuple[tuple[int, int], ...]:
    """Offsets from a pixel of plane k to the nearest pixels of the planes before it."""
    (y, x), places = PLACES[k], range(1 - 2 * REACH, 2 * REACH)
    known = [(v, u) for v in places for u in places if ((y + v) % 2, (x + u) % 2) in PLACES[:k]]
    return tuple(sorted(known, key=lambda place: (place[0] ** 2 + place[1] ** 2, place))[:count])


def windows(planes: Sequence[np.ndarray], shape: tuple[int, int], count: int) -> np.ndarray:
    """The known pixels `[..., h, w, count, 3]` nearest to each pixel of the next plane,
    which is of `shape` (h, w)."""
    k, (h, w) = len(planes), shape
    margin = ((REACH, REACH + 1), (REACH, REACH + 1), (0, 0))
    padded = [np.pad(plane, ((0, 0),) * (plane.ndim - 3) + margin, "edge") for plane in planes]
    seen = []
    for v, u in nearest(k, count):
        y, x = PLACES[k][0] + v, PLACES[k][1] + u
        top, left = y // 2 + REACH, x // 2 + REACH
        seen.append(padded[PLACES.index((y % 2, x % 2))][..., top : top + h, left : left + w, :])
    return np.stack(seen, -2)


def apart(pixels: Array) -> Array:
    """Green, and red and blue as differences from it, which vary less: floats `[..., 3]` of uint8 RGB."""
    red, green, blue = jnp.moveaxis(pixels.astype(jnp.float32), -1, 0)
    return jnp.stack([green, red - green, blue - green], -1)


class Context(NamedTuple):
    """What is known of pixels before their colours: features,
    and centre and spread of the values of `apart`."""

    features: Array
    centre: Array
    spread: Array


class Step(nnx.Module):
    """Predicts pixels `[n]` of a plane from their neighbours, colour after colour: green, red, blue."""

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        linear = functools.partial(nnx.Linear, rngs=rngs)
        self.trunk = nnx.Sequential(
            linear(3 * config.neighbours + 6 + LEVELS, config.hidden),
            leaky,
            linear(config.hidden, config.hidden),
            leaky,
        )
        self.heads = nnx.List([linear(config.hidden + 2 * i, config.head) for i in range(3)])
        self.outs = nnx.List([linear(config.head, 3 * config.components) for _ in range(3)])
        begin = jnp.linspace(-1, 1, config.components)  # components that are alike would stay alike
        for out in self.outs:
            out.kernel[...] = jnp.zeros_like(out.kernel[...])
            out.bias[...] = jnp.concatenate([0 * begin, 0.5 * begin, begin - 1])

    def context(self, seen: Array, level: Array) -> Context:
        """The features of the neighbours `[n, neighbours, 3]`, in units of their spread.

        What is learnt in one light therefore holds in another.
        """
        seen = apart(seen)
        centre = seen[:, :NEAR].mean(1)
        relative = seen - centre[:, None]
        spread = jnp.sqrt((relative[:, :AROUND] ** 2).mean(1)) + 0.5
        relative = (relative / spread[:, None]).reshape(len(seen), -1)
        level_input = jnp.broadcast_to(jax.nn.one_hot(jnp.minimum(level, LEVELS - 1), LEVELS), (len(seen), LEVELS))
        inputs = jnp.concatenate([relative, jnp.log(spread) - 1, centre / 128 - 0.5, level_input], -1)
        return Context(self.trunk(inputs), centre, spread)

    def colour(self, context: Context, *known: Array) -> tuple[Array, Array, Array]:
        """Logits, means and scales `[n, components]` of the next colour, from the known colours `[n]`."""
        i, values = len(known), [value.astype(jnp.float32) for value in known]
        centre, spread = context.centre, context.spread
        inputs = [context.features]
        for j, value in enumerate(values):
            surprise = value - (values[0] if j else 0) - centre[:, j]
            inputs.append(jnp.stack([surprise / spread[:, j], surprise / 16], -1))
        logits, mean, log_scale = jnp.split(self.outs[i](leaky(self.heads[i](jnp.concatenate(inputs, -1)))), 3, -1)
        usual = centre[:, i] + (values[0] if known else 0)
        mean = usual[:, None] + spread[:, i, None] * mean
        return logits, mean, jnp.maximum(spread[:, i, None] * jnp.exp(jnp.clip(log_scale, -7, 3)), 0.05)

    def bits(self, seen: Array, pixels: Array, level: Array) -> Array:
        """Bits `[n]` of RGB pixels `[n, 3]`."""
        context, values = self.context(seen, level), in_turn(pixels)
        mixtures = [models.LogisticMixture(*self.colour(context, *values[:i])) for i in range(3)]
        return -sum(model.log_prob(value) for model, value in zip(mixtures, values, strict=True)) / np.log(2)


def in_turn(pixels: Array) -> tuple[Array, ...]:
    """The colours of RGB pixels `[..., 3]` in the order in which they are coded."""
    return tuple(pixels[..., c].astype(jnp.int32) for c in (1, 0, 2))


class Lossless(nnx.Module):
    """A network for each plane except the first."""

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        self.config = config
        self.steps = nnx.List([Step(config, rngs) for _ in PLACES[1:]])


def leaky(x: Array) -> Array:
    """A rectifier with a small slope below zero."""
    return nnx.leaky_relu(x, 0.1)


def lessons(
    images: Sequence[np.ndarray], level: int, config: Config, random: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Neighbours `[n, neighbours, 3]` and pixels `[n, 3]` for each step,
    from patches that were split `level` times."""
    side, step = config.patch, 2**level
    large = [image for image in images if min(image.shape[:2]) >= side * step]
    planes = split(random_patches(large, config.batch, side, random, step))
    inner = (slice(None), slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    made = []
    for k in range(1, len(PLACES)):
        seen = windows(planes[:k], planes[k].shape[1:3], config.neighbours)[inner]
        made.append((seen.reshape(-1, *seen.shape[-2:]), planes[k][inner].reshape(-1, 3)))
    return made


def train(
    photos: Sequence[np.ndarray],
    config: Config,
    progress: Callable[[str, int, int], Callable[[int, str], None]] = Progress,
) -> Lossless:
    """Train a network; `progress` draws the bar and takes the arguments of `Progress`."""
    graph, parameters = nnx.split(Lossless(config, nnx.Rngs(0)))
    warm_up = max(1, config.steps // 40)
    schedule = optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, warm_up, config.steps, 0.0)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))

    def loss(parameters: nnx.State, batch: list[tuple[Array, Array]], level: Array) -> Array:
        steps = nnx.merge(graph, parameters).steps
        return sum(step.bits(*part, level).mean() for step, part in zip(steps, batch, strict=True)) / (3 * len(steps))

    @functools.partial(jax.jit, donate_argnums=0)
    def step(carry: tuple, batch: list[tuple[Array, Array]], level: Array) -> tuple[tuple, Array]:
        parameters, state = carry
        value, gradient = jax.value_and_grad(loss)(parameters, batch, level)
        update, state = optimiser.update(gradient, state, parameters)
        return (optax.apply_updates(parameters, update), state), value

    # Smaller versions are free of the JPEG artefacts that some photographs have.
    images = [*photos, *(halved(photo) for photo in photos)]
    largest = max(min(image.shape[:2]) for image in images)
    levels = [level for level in range(LEVELS) if config.patch * 2**level <= largest]
    chances = 0.3 ** np.array(levels)  # most of the bits are in the finest pixels
    random = np.random.default_rng(0)
    report = progress("training", config.steps, max(1, config.steps // 20))
    carry, recent = (parameters, optimiser.init(parameters)), []
    for i in range(1, config.steps + 1):
        level = int(random.choice(levels, p=chances / chances.sum()))
        carry, value = step(carry, lessons(images, level, config, random), jnp.int32(level))
        recent += [value] if level == 0 else []
        if i % REPORT_EVERY == 0 or i == config.steps:
            recent = recent[-4 * REPORT_EVERY :]
            report(i, f"{np.mean(recent):.3f} bits for each colour of the finest pixels")
    return nnx.merge(graph, carry[0])
