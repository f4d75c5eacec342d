"""Photographs to files and back without loss, with a trained network: codecs of blocks,
of planes and of images.

The pixels of an image of any shape go through one compiled program, one block of pixels at a time. There is
one program for encoders and one for decoders. In both the network is isolated, so that it rounds alike.
"""

from __future__ import annotations

import dataclasses
import functools
import struct
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import lossless_net as network
import numpy as np
from common import weights
from flax import nnx
from jax import Array
from lossless_net import Config, Lossless, Step

import jans
from jans import models, rans

HEADER = struct.Struct("<2I")  # height, width
BLOCK = 8192  # number of pixels
LANES = 32
DEEPEST = 5  # an image is split at most this many times; the remainder is plain bytes


def block_codec(step: Step, seen: Array, level: Array, count: Array) -> jans.Codec:
    """A codec of green, red and blue, each int32 `[BLOCK]`.

    Pixels from `count` on are black and cost nothing.
    """
    there = jnp.arange(BLOCK)[:, None] < count
    context = jans.isolated(step.context)(seen, level)

    def colour(*known: Array) -> jans.Codec:
        logits, mean, scale = jans.isolated(step.colour)(context, *known)
        return rans.codec(models.LogisticMixture(logits, jnp.where(there, mean, -1), jnp.where(there, scale, 0.01)))

    return jans.ancestral([colour] * 3)


@functools.partial(jax.jit, donate_argnums=1)
def _push(step: Step, state: rans.State, seen: Array, level: Array, count: Array, pixels: Array) -> rans.State:
    return block_codec(step, seen, level, count).push(state, network.in_turn(pixels))


@functools.partial(jax.jit, donate_argnums=1)
def _pop(step: Step, state: rans.State, seen: Array, level: Array, count: Array) -> tuple[rans.State, Array]:
    state, (green, red, blue) = block_codec(step, seen, level, count).pop(state)
    return state, jnp.stack([red, green, blue], -1).astype(jnp.uint8)


@jax.jit
def _parameters(step: Step, seen: Array, level: Array, known: tuple[Array, ...]) -> list[tuple[Array, ...]]:
    """The network's parameters for each colour, rounded as in the codec of a block."""
    context = jans.isolated(step.context)(seen, level)
    return [jans.isolated(step.colour)(context, *known[:i]) for i in range(3)]


def _canary(step: Step, neighbours: int) -> list[tuple[Array, ...]]:
    """`_parameters` for a block that looks like noise and is the same everywhere."""
    noise = (np.arange(BLOCK * (neighbours + 1) * 3, dtype=np.uint32) * np.uint32(2654435761)) >> 24
    seen, pixels = np.split(noise.astype(np.uint8).reshape(BLOCK, -1, 3), [neighbours], 1)
    return _parameters(step, seen, jnp.int32(0), network.in_turn(pixels[:, 0]))


_bits = jax.jit(Step.bits)


def _blocks(rows: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Rows in blocks with the number of rows in each; the last block is padded with zeros."""
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        yield np.pad(block, ((0, BLOCK - len(block)),) + ((0, 0),) * (rows.ndim - 1)), len(block)


class Files:
    """Photographs, uint8 RGB `[H, W, 3]`, to files and back."""

    def __init__(self, net: Lossless) -> None:
        self.net, self.weights = net, nnx.state(net)
        self.canary = [_canary(step, net.config.neighbours) for step in net.steps]

    def compress(self, image: np.ndarray) -> bytes:
        """A photograph as a file."""
        height, width = image.shape[:2]
        state = self._codec(height, width).push(rans.init(_capacity(height, width), LANES), image)
        return HEADER.pack(height, width) + jans.to_bytes(state, self._fingerprint(height, width))

    def decompress(self, blob: bytes) -> np.ndarray:
        """The image in a file."""
        if len(blob) < HEADER.size:
            raise ValueError(f"A file begins with {HEADER.size} bytes of header, but this one has {len(blob)} in all.")
        height, width = HEADER.unpack_from(blob)
        fingerprint = self._fingerprint(height, width)
        state = jans.from_bytes(blob[HEADER.size :], _capacity(height, width), fingerprint=fingerprint)
        state, image = self._codec(height, width).pop(state)
        jans.check_end(state, rans.init(0, LANES))
        return image

    def bits(self, image: np.ndarray, level: int = 0) -> np.ndarray:
        """Bits `[H, W]` that the network predicts for each pixel."""
        if not _dealt(*image.shape[:2], level):
            return np.full(image.shape[:2], 24.0)
        planes = network.split(image)
        maps = [self.bits(planes[0], level + 1)[..., None]]
        for k, step in enumerate(self.net.steps, 1):
            seen, pixels = self._seen(planes[:k], planes[k].shape[:2]), planes[k].reshape(-1, 3)
            pairs = zip(_blocks(seen), _blocks(pixels), strict=True)
            bits = [_bits(step, s, p, jnp.int32(level))[:count] for (s, count), (p, _) in pairs]
            maps.append(np.concatenate(bits).reshape(*planes[k].shape[:2], 1))
        return network.merge(maps)[..., 0]

    def _codec(self, height: int, width: int, level: int = 0) -> jans.Codec:
        """A codec of an image: the image of half its size, and then the other planes."""
        if not _dealt(height, width, level):
            return rans.codec(models.Uniform(256), shape=(height, width, 3), dtype=jnp.uint8)
        shapes = network.plane_shapes(height, width)
        steps = [functools.partial(self._plane_codec, shape=shape, level=level) for shape in shapes[1:]]
        planes = jans.ancestral([lambda: self._codec(*shapes[0], level + 1), *steps])

        def pop(state: rans.State) -> tuple[rans.State, np.ndarray]:
            state, parts = planes.pop(state)
            return state, network.merge([np.asarray(part) for part in parts])

        return jans.Codec(lambda state, image: planes.push(state, network.split(image)), pop)

    def _plane_codec(self, *known: np.ndarray, shape: tuple[int, int], level: int) -> jans.Codec:
        """A codec of a plane, block by block."""
        step, level = self.net.steps[len(known) - 1], jnp.int32(level)
        seen = list(_blocks(self._seen([np.asarray(plane) for plane in known], shape)))

        def push(state: rans.State, plane: np.ndarray) -> rans.State:
            pixels = [block for block, _ in _blocks(plane.reshape(-1, 3))]
            for (block, count), values in zip(reversed(seen), reversed(pixels), strict=True):
                state = _push(step, state, block, level, jnp.int32(count), values)
            return state

        def pop(state: rans.State) -> tuple[rans.State, np.ndarray]:
            made = []
            for block, count in seen:
                state, values = _pop(step, state, block, level, jnp.int32(count))
                made.append(values[:count])
            return state, np.concatenate(made).reshape(*shape, 3)

        return jans.Codec(push, pop)

    def _seen(self, planes: list[np.ndarray] | tuple[np.ndarray, ...], shape: tuple[int, int]) -> np.ndarray:
        count = self.net.config.neighbours
        return network.windows(planes, shape, count).reshape(-1, count, 3)

    def _fingerprint(self, height: int, width: int) -> int:
        """Stands for the weights, for the floats that this machine computes from them, and for the header."""
        return jans.fingerprint((self.weights, self.canary, np.array([height, width], np.uint32)))


def _dealt(height: int, width: int, level: int) -> bool:
    """Whether an image is split again: no plane of it may be empty."""
    return level < DEEPEST and min(height, width) > 1


def _capacity(height: int, width: int) -> int:
    """A number of words that suffices for any image.

    It is a power of two, so that images of similar size share their programs.
    """
    return 1 << (3 * height * width + 64).bit_length()


def save(path: str | Path, net: Lossless) -> None:
    """Write everything that encoder and decoder share."""
    weights.save(path, net, config=dataclasses.asdict(net.config))


def load(path: str | Path) -> Lossless:
    """Read the file of `save`."""
    config, _ = weights.about(path, Config)
    net = Lossless(config, nnx.Rngs(0))
    weights.fill(net, path)
    return net
