"""The network of integers in `examples/hyperprior.py`, and its files, with a network that has learnt nothing."""

import importlib

import jax.numpy as jnp
import numpy as np
import pytest
from places import EXAMPLES


@pytest.fixture(scope="module")
def codec():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        yield importlib.import_module("hyperprior_codec")


def random_net(codec, seed):
    """Its scales depend on z, where those of a network before training do not."""
    random = np.random.default_rng(seed)
    network = codec.network
    net = network.Hyperprior(network.Config(channels=8, latents=12, hyper=4), network.nnx.Rngs(seed))
    for layer in net.scales:
        layer.kernel[...] = jnp.asarray(random.normal(0, 0.02, layer.kernel.shape), jnp.float32)
    net.usual_scale[...] = jnp.asarray(random.uniform(0, 4, net.usual_scale.shape), jnp.float32)
    return net


@pytest.fixture(scope="module")
def frozen(codec):
    made = codec.Codec(random_net(codec, 0))
    made.freeze()
    return made


def exact_conv(x, kernel):
    """In 64 bits, which no sum leaves."""
    rows, columns = kernel.shape[:2]
    padded = np.pad(x, ((0, 0), (rows // 2,) * 2, (columns // 2,) * 2, (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), (1, 2))
    return np.einsum("bhwcij,ijcd->bhwd", seen, kernel)


@pytest.mark.parametrize("largest", [3, 127, 10_000])
def test_rows_are_those_of_integers_without_a_bound(codec, frozen, largest):
    network = codec.network
    random = np.random.default_rng(1)
    z = random.integers(-largest, largest, (2, 3, 5, 4), endpoint=True).astype(np.int32)
    quality = np.array([0, 3])
    kernels, biases = ([np.asarray(part[...], np.int64) for part in parts] for parts in (frozen.kernels, frozen.biases))
    drop = lambda x, bits: (x + (1 << (bits - 1))) >> bits
    shifts = [int(bits) for bits in frozen.shifts[...]]
    clipped = np.clip(z, -network.Z_HIGH, network.Z_HIGH).astype(np.int64)
    hidden = drop(exact_conv(clipped, kernels[0]) + biases[0], shifts[0])
    hidden = np.clip(hidden, 0, network.HIDDEN_HIGH << codec.HIDDEN_BITS)
    hidden = np.asarray(network.widen(jnp.asarray(hidden, jnp.int32)), np.int64)
    places = drop(exact_conv(hidden, kernels[1]) + biases[1][quality][:, None, None], shifts[1])
    rows = np.asarray(codec.rows_of_y(frozen, jnp.asarray(z), jnp.asarray(quality)))
    assert (rows == np.clip(places, 0, network.SCALES - 1)).all()
    assert len(np.unique(rows)) > 10
    floats = np.asarray(frozen.net.scale_places(jnp.asarray(z, jnp.float32), jnp.asarray(quality)))
    assert np.abs(rows - floats).max() < 0.75


def test_rows_depend_on_what_is_near_alone(codec, frozen):
    z = np.random.default_rng(2).integers(-9, 9, (1, 8, 8, 4)).astype(np.int32)
    rows = lambda part: np.asarray(codec.rows_of_y(frozen, jnp.asarray(part), jnp.array([1])))
    assert (rows(z)[:, 4:8, 4:8] == rows(z[:, :6, :6])[:, 4:8, 4:8]).all()


def test_weights_without_room_are_refused(codec):
    net = random_net(codec, 0)
    net.scales[1].kernel[...] *= 1e6
    with pytest.raises(ValueError, match="must leave room in int32"):
        codec.Codec(net).freeze()


@pytest.mark.parametrize("sides", [(32, 32), (33, 50)])
def test_files_come_back_as_they_were_painted(codec, frozen, sides):
    image = np.random.default_rng(3).integers(0, 256, (*sides, 3), np.uint8)
    files = codec.Files(frozen)
    for quality in (0, 3):
        blob, bits, painted = files.compress(image, quality)
        assert painted.shape == image.shape
        assert (files.decompress(blob) == painted).all()
        head = 64  # and an escape may cost less than what the likelihood says of so rare a value
        assert 8 * (len(blob) - codec.HEADER.size) - bits < head + 0.05 * bits


def test_qualities_that_are_not_there_are_refused(codec, frozen):
    for quality in (-1, 4):
        with pytest.raises(ValueError, match=f"quality must be 0 ... 3, got {quality}"):
            codec.Files(frozen).compress(np.zeros((32, 32, 3), np.uint8), quality)


def test_damaged_headers_and_other_weights_are_refused(codec, frozen):
    files = codec.Files(frozen)
    blob, *_ = files.compress(np.zeros((32, 32, 3), np.uint8), 1)
    for i in range(codec.HEADER.size):
        with pytest.raises(ValueError, match="made with other weights, or is damaged"):
            files.decompress(blob[:i] + bytes([blob[i] ^ 1]) + blob[i + 1 :])
    with pytest.raises(ValueError, match="9 bytes of header"):
        files.decompress(blob[:5])
    other = codec.Codec(random_net(codec, 1))
    other.freeze()
    with pytest.raises(ValueError, match="made with other weights"):
        codec.Files(other).decompress(blob)
