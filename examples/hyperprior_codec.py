"""Photographs to bytes and back with a trained hyperprior: one stream, coded with tables that do not depend
on floats.

The receiver must have exactly the sender's table for every latent, or everything after it is noise. Therefore
the network that chooses tables is rounded to integers once, after training (Balle et al. 2019), and the
tables are made once. Both are saved with the weights. Floats determine only what the sender sends, and what
the receiver paints.
"""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import hyperprior_net as network
import jax.numpy as jnp
import numpy as np
from common import weights
from flax import nnx
from jax import Array

import jans

HEADER = struct.Struct("<IHHB")  # fingerprint, height, width, quality
PRECISION = 16
RADIUS = 288  # tables cover at most the values -RADIUS ... RADIUS
RARE = 2.0**-PRECISION  # a table leaves out values of at most this total probability; they are escaped
HIDDEN_BITS = 8  # fractional bits of the hidden layer


class Exact(nnx.Variable):
    """Integers that are made once, after training."""


class Codec(nnx.Module):
    """A network, and the exact integers made from it."""

    def __init__(self, net: network.Hyperprior) -> None:
        config = net.config
        count = network.SCALES + len(config.prices) * config.hyper
        self.net = net
        self.kernels = nnx.List([Exact(jnp.zeros(layer.kernel.shape, jnp.int32)) for layer in net.scales])
        biases = (net.scales[0].bias, net.usual_scale)
        self.biases = nnx.List([Exact(jnp.zeros(bias.shape, jnp.int32)) for bias in biases])
        self.shifts = Exact(jnp.zeros(2, jnp.int32))
        self.cdf = Exact(jnp.zeros((count, 2 * RADIUS + 3), jnp.uint32))
        self.radius = Exact(jnp.zeros(count, jnp.int32))

    def freeze(self) -> None:
        """Make integers of the network of scales and of all distributions."""
        self._freeze_scales()
        self._freeze_tables()

    def _freeze_scales(self) -> None:
        """Round each layer to the finest power of two for which no sum leaves int32."""
        highest = (network.Z_HIGH, network.HIDDEN_HIGH << HIDDEN_BITS)
        fractions = (0, HIDDEN_BITS, 0)  # fractional bits of z, of the hidden layer, and of the places
        net, units, shifts = self.net, (1.0, network.PLACES_PER_UNIT), []
        layers = [(net.scales[0].kernel, net.scales[0].bias), (net.scales[1].kernel, net.usual_scale)]
        for i, layer in enumerate(layers):
            kernel, bias = (units[i] * np.asarray(part[...], np.float64) for part in layer)
            bias *= 2.0 ** fractions[i]
            largest = (np.abs(kernel).sum((0, 1, 2)) * highest[i] + np.abs(bias)).max()
            # Half of int32 is reserved for what rounding adds to the weights.
            bits = int(np.floor(np.log2(2**30 / largest)))
            self.kernels[i][...] = jnp.asarray(np.round(kernel * 2.0**bits), jnp.int32)
            self.biases[i][...] = jnp.asarray(np.round(bias * 2.0**bits), jnp.int32)
            shifts.append(bits + fractions[i] - fractions[i + 1])
        if min(shifts) < 1:
            raise ValueError(
                f"The layers of the network of scales must leave room in int32 for bits to drop, but their weights are "
                f"so large that {shifts} would be dropped. Train again with a smaller learning rate."
            )
        self.shifts[...] = jnp.asarray(shifts, jnp.int32)

    def _freeze_tables(self) -> None:
        """Make a row for every scale, then one for every quality and channel of z."""
        values = jnp.arange(-RADIUS, RADIUS + 1)
        scales = network.scale_of(jnp.arange(network.SCALES))
        y = jnp.exp(network.log_mass(values, scales[:, None]))
        qualities, channels = len(self.net.config.prices), self.net.config.hyper
        each = jnp.broadcast_to(values[:, None, None], (len(values), qualities, channels))
        z = jnp.exp(self.net.z_log_mass(each, jnp.arange(qualities)[None]))
        mass = np.concatenate([y, z.reshape(len(values), -1).T]).astype(np.float64)
        inside = np.stack([mass[:, RADIUS - r : RADIUS + r + 1].sum(1) for r in range(RADIUS + 1)])
        radius = np.where((inside > 1 - RARE).any(0), (inside > 1 - RARE).argmax(0), RADIUS)
        # Each row begins with its own first value.
        places = RADIUS - radius[:, None] + np.arange(len(values))
        rows = np.take_along_axis(mass, np.minimum(places, len(values) - 1), 1)
        tail = np.maximum(1 - np.take_along_axis(inside, radius[None], 0)[0], RARE)
        coder = jans.TableCoder.from_probs(rows.astype(np.float32), tail, 2 * radius + 1, -radius, PRECISION)
        self.cdf[...] = coder.model.table.cdf
        self.radius[...] = jnp.asarray(radius, jnp.int32)

    def coder(self) -> jans.TableCoder:
        """A coder of y with a row for each scale, and of z with a row for each quality and channel."""
        radius = self.radius[...]
        table = jans.models.Table(self.cdf[...], precision=PRECISION).prepare()
        return jans.TableCoder(jans.models.Bypass(table, 2 * radius + 1, -radius))

    def y_rows(self, z: Array, quality: Array) -> Array:
        """The row of every y, from z: `Hyperprior.scale_places` in integers."""
        z = jnp.clip(z, -network.Z_HIGH, network.Z_HIGH)
        hidden = drop(integer_conv(z, self.kernels[0][...]) + self.biases[0][...], self.shifts[0])
        hidden = network.widen(jnp.clip(hidden, 0, network.HIDDEN_HIGH << HIDDEN_BITS))
        places = drop(
            integer_conv(hidden, self.kernels[1][...]) + self.biases[1][...][quality][:, None, None], self.shifts[1]
        )
        return jnp.clip(places, 0, network.SCALES - 1)

    def z_rows(self, shape: tuple[int, ...], quality: int) -> Array:
        """The row of every z."""
        channels = self.net.config.hyper
        return jnp.broadcast_to(network.SCALES + quality * channels + jnp.arange(channels), shape)

    def shapes(self, height: int, width: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of y and z for an image."""
        side = network.STRIDE * network.HYPER_STRIDE
        h, w = -(-height // side), -(-width // side)
        y = (1, h * network.HYPER_STRIDE, w * network.HYPER_STRIDE, self.net.config.latents)
        return y, (1, h, w, self.net.config.hyper)


def integer_conv(x: Array, kernel: Array) -> Array:
    """A convolution of int32 with zero padding; integer sums are the same in every order."""
    rows, columns = kernel.shape[:2]
    padded = jnp.pad(x, ((0, 0), (rows // 2,) * 2, (columns // 2,) * 2, (0, 0)))
    h, w = x.shape[1:3]
    parts = (padded[:, i : i + h, j : j + w] @ kernel[i, j] for i in range(rows) for j in range(columns))
    return sum(parts, start=jnp.int32(0))


def drop(x: Array, bits: Array) -> Array:
    """Drop the lowest `bits` bits of integers, with rounding."""
    return (x + (1 << (bits - 1))) >> bits


@nnx.jit
def analyse(codec: Codec, image: Array, quality: Array) -> tuple[Array, Array, Array]:
    """The parts of an image that are sent: z, and y minus its mean;
    and the bits that the likelihood predicts."""
    y, z = codec.net.encode(network.to_floats(image), quality)
    z = jnp.round(z)
    residual = jnp.round(y - codec.net.means(z))
    bits = codec.net.y_bits(residual, codec.net.scale_places(z, quality)).sum() + codec.net.z_bits(z, quality).sum()
    return z.astype(jnp.int32), residual.astype(jnp.int32), bits


@nnx.jit
def synthesise(codec: Codec, z: Array, residual: Array, quality: Array) -> Array:
    """Paint the image from z and the residual."""
    image = codec.net.decode(residual + codec.net.means(z.astype(jnp.float32)), quality)
    return jnp.clip(jnp.round((image + 0.5) * 255), 0, 255).astype(jnp.uint8)


rows_of_y = nnx.jit(Codec.y_rows)


class Files:
    """Photographs to files and back."""

    def __init__(self, codec: Codec) -> None:
        self.codec, self.coder = codec, codec.coder()
        self.shared = nnx.state(codec)

    def compress(self, image: np.ndarray, quality: int) -> tuple[bytes, float, np.ndarray]:
        """A photograph as a file, the bits that the likelihood predicts,
        and the image that the receiver gets."""
        qualities = len(self.codec.net.config.prices)
        if not 0 <= quality < qualities:
            raise ValueError(f"quality must be 0 ... {qualities - 1}, got {quality}.")
        height, width = image.shape[:2]
        y_shape, z_shape = self.codec.shapes(height, width)
        margin = ((0, y_shape[1] * network.STRIDE - height), (0, y_shape[2] * network.STRIDE - width), (0, 0))
        z, residual, bits = analyse(self.codec, np.pad(image, margin, "edge")[None], jnp.array([quality]))
        # A stack pops last what was pushed first. A word has room for a symbol of 16 bits and a number after
        # it.
        state = self.coder.init(capacity=z.size + residual.size + 16)
        state = self.coder.push(state, residual.reshape(-1), rows_of_y(self.codec, z, jnp.array([quality])).reshape(-1))
        state = self.coder.push(state, z.reshape(-1), self.codec.z_rows(z_shape, quality).reshape(-1))
        blob = self._header(height, width, quality) + self.coder.finish(state)
        painted = synthesise(self.codec, z, residual, jnp.array([quality]))
        return blob, float(bits), np.asarray(painted)[0, :height, :width]

    def decompress(self, blob: bytes) -> np.ndarray:
        """The image in a file."""
        if len(blob) < HEADER.size:
            raise ValueError(f"A file begins with {HEADER.size} bytes of header, but this one has {len(blob)} in all.")
        _, height, width, quality = HEADER.unpack_from(blob)
        if blob[: HEADER.size] != self._header(height, width, quality) or quality >= len(self.codec.net.config.prices):
            raise ValueError(
                "The file was made with other weights, or is damaged. Give the weights that made it, or another copy."
            )
        y_shape, z_shape = self.codec.shapes(height, width)
        state = self.coder.open(blob[HEADER.size :])
        state, z = self.coder.pop(state, self.codec.z_rows(z_shape, quality).reshape(-1))
        z = z.reshape(z_shape)
        state, residual = self.coder.pop(state, rows_of_y(self.codec, z, jnp.array([quality])).reshape(-1))
        self.coder.close(state)
        painted = synthesise(self.codec, z, residual.reshape(y_shape), jnp.array([quality]))
        return np.asarray(painted)[0, :height, :width]

    def _header(self, height: int, width: int, quality: int) -> bytes:
        """A header with a fingerprint of the shared weights and of the other fields."""
        fingerprint = jans.fingerprint((self.shared, np.array([height, width, quality], np.uint32)))
        return HEADER.pack(fingerprint & 0xFFFFFFFF, height, width, quality)


def save(path: str | Path, codec: Codec) -> None:
    """Write everything that encoder and decoder share."""
    weights.save(path, codec, config=dataclasses.asdict(codec.net.config))


def load(path: str | Path) -> Codec:
    """Read the file of `save`."""
    config, _ = weights.about(path, network.Config)
    codec = Codec(network.Hyperprior(config, nnx.Rngs(0)))
    weights.fill(codec, path)
    return codec
