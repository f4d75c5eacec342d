"""Images in one file, by bits-back coding in chains.

One jitted program encodes and one decodes, networks included.
"""

from __future__ import annotations

import dataclasses
import struct
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import training
from flax import nnx
from vae import VAE

import jans


@dataclasses.dataclass(frozen=True)
class Layout:
    """The arrangement of images in chains.

    The first images are on one stack, and chains start with its bytes.
    """

    count: int
    height: int
    width: int
    chains: int
    first: int  # number of images before there are chains
    steps: int  # number of images in each chain
    start: int  # number of bytes that a chain starts with

    HEADER = struct.Struct("<7I")

    def to_bytes(self) -> bytes:
        """The header of a file."""
        return self.HEADER.pack(*dataclasses.astuple(self))

    @classmethod
    def from_bytes(cls, blob: bytes, shape: tuple[int, int]) -> Layout:
        """The layout from the header of a file of images with this height and width."""
        if len(blob) >= cls.HEADER.size:
            layout = cls(*cls.HEADER.unpack_from(blob))
            blank = layout.first + layout.chains * layout.steps - layout.count
            # Each chain has a head of 8 bytes.
            if (layout.height, layout.width) == shape and 0 <= blank < layout.chains <= len(blob) // 8:
                return layout
        raise ValueError(
            f"Wanted a file with images of {shape[0]}x{shape[1]} pixels, as the network is for, but its header says "
            "otherwise. Give the weights that it was written with, or a file that is whole."
        )


def plan(network: VAE, images: np.ndarray, chains: int, first: int | None = None) -> Layout:
    """A layout with enough `first` images for the first latents of all chains; if `first` is 0,
    these are random."""
    count, height, width = images.shape
    start = network.latents * network.config.latent_bits // 8 + 8
    if first is None:
        each = training.evaluate(network, images[:200], samples=1).mean() * images[0].size / 8  # bytes
        first = min(count, int(np.ceil(1.5 * (chains - 1) * start / each)))
    return Layout(count, height, width, chains, first, -(-(count - first) // chains), start)


def programs(network: VAE, layout: Layout):
    """Makes one program to encode and one to decode.

    encode(weights, state, images [n, pixels]) -> (states [chains], bits [n])
    decode(weights, states) -> (state, images)

    If the count does not divide evenly, the last images of n are blank. Each program is a scan over the
    images of a chain with the network inside, mapped over chains.
    """
    graph, weights = nnx.split(network)

    def encode(weights, state, images):
        codec = nnx.merge(graph, weights).codec()

        def run(state, images):
            def step(state, image):
                pushed = codec.push(state, image)
                return pushed, jans.rans.content_bits(pushed) - jans.rans.content_bits(state)

            return jax.lax.scan(step, state, images, reverse=True)

        state, first_bits = run(state, images[: layout.first])
        states = jans.fork(state, layout.chains, layout.start)
        others = images[layout.first :].reshape(layout.chains, layout.steps, images.shape[-1])
        states, bits = jax.vmap(run)(states, others)
        return states, jnp.concatenate([first_bits, bits.reshape(-1)])

    def decode(weights, states):
        codec = nnx.merge(graph, weights).codec()
        states, others = jax.vmap(jans.repeat(codec, layout.steps).pop)(states)
        state, first = jans.repeat(codec, layout.first).pop(jans.rejoin(states, layout.start))
        return state, jnp.concatenate([first, others.reshape(-1, others.shape[-1])])

    return jax.jit(encode), jax.jit(decode), weights


def random_bits(n_words: int, capacity: int, chains: int | None = None) -> jans.rans.State:
    """A stack of random words, or one for each chain; the same in every process."""
    if chains is None:
        return jans.rans.random(jax.random.key(0), n_words, capacity)
    keys = jax.random.split(jax.random.key(1), chains)
    return jax.vmap(lambda key: jans.rans.random(key, n_words, capacity))(keys)


def initial_words(layout: Layout) -> int:
    """The number of words that the first latents are popped from."""
    return layout.start // 4 * (1 if layout.first else layout.chains)


def canary(network: VAE, layout: Layout) -> int:
    """64 bits that stand for everything that decoding computes here: a fingerprint of decoded random bits."""
    short = dataclasses.replace(layout, first=1, steps=2)
    _, decode, weights = programs(network, short)
    words = max_words(short)
    return jans.fingerprint(decode(weights, random_bits(words, words + spare(short), layout.chains)))


def max_words(layout: Layout) -> int:
    """The largest number of words for the images of one stack."""
    return (layout.first + layout.steps) * (layout.height * layout.width // 8 + 64)


def spare(layout: Layout) -> int:
    """Extra words on a stack in decoding: latents before an image is popped,
    then the starting bytes of the chains."""
    return layout.chains * layout.start // 4 + layout.start


@dataclasses.dataclass(frozen=True)
class Encoded:
    """The bytes and the measurements of the encoder."""

    blob: bytes
    seconds: float
    compile_seconds: float
    net_bits: float
    bits_per_image: np.ndarray


def encode(network: VAE, images: np.ndarray, chains: int, first: int | None = None) -> Encoded:
    """The images as bytes; `first` is the argument of `plan`."""
    layout = plan(network, images, chains, first)
    flat = np.zeros((layout.first + chains * layout.steps, layout.height * layout.width), np.uint8)
    flat[: layout.count] = images.reshape(layout.count, -1)
    program, _, weights = programs(network, layout)
    n_words = initial_words(layout)
    state = random_bits(n_words, n_words + max_words(layout))
    initial = float(jans.rans.content_bits(state))
    fingerprint = canary(network, layout)

    clock = time.perf_counter()
    compiled = program.lower(weights, state, flat).compile()
    compile_seconds = time.perf_counter() - clock
    clock = time.perf_counter()
    states, bits = jax.block_until_ready(compiled(weights, state, flat))
    blob = layout.to_bytes() + jans.to_bytes(states, fingerprint)
    seconds = time.perf_counter() - clock
    net = float(jans.rans.content_bits(states).sum()) - initial
    return Encoded(blob, seconds, compile_seconds, net, np.asarray(bits)[: layout.count])


def decode(path: Path, network: VAE) -> tuple[np.ndarray, float]:
    """The images in a file, and the seconds that decoding took without compilation."""
    blob = path.read_bytes()
    layout = Layout.from_bytes(blob, network.shape)
    _, program, weights = programs(network, layout)
    states = jans.from_bytes(blob[Layout.HEADER.size :], spare=spare(layout), fingerprint=canary(network, layout))
    compiled = program.lower(weights, states).compile()
    clock = time.perf_counter()
    state, images = jax.block_until_ready(compiled(weights, states))
    seconds = time.perf_counter() - clock
    n_words = initial_words(layout)
    jans.check_end(state, random_bits(n_words, n_words))
    return np.asarray(images)[: layout.count].reshape(-1, layout.height, layout.width), seconds


@dataclasses.dataclass(frozen=True)
class Accounted:
    """The cost of images in chains that each start with random bits."""

    start: jans.rans.State
    state: jans.rans.State
    books: jans.Account

    @property
    def net(self) -> float:
        """Bits of all images, without the initial bits."""
        return float(self.books.bits.sum())

    @property
    def initial(self) -> float:
        """The initial bits that an image needs, on average."""
        # The names are in the order of the pushes, so their running sum is the height of the stack.
        height = np.cumsum(self.books.bits, axis=-1)
        return float(-np.minimum(height.min(-1), 0).mean())


def account(codec: jans.Codec, images: np.ndarray, latents: int) -> Accounted:
    """An account of the bits of images `[chains, steps, pixels]`, each with this number of latents."""
    start = random_bits(latents, latents + images[0].size // 4, len(images))
    return Accounted(start, *jans.account_each(codec, start, jnp.asarray(images)))
