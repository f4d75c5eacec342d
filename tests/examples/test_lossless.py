"""Planes of images in `examples/lossless.py`, and its files, with a network that has learnt nothing."""

import importlib

import numpy as np
import pytest
from places import EXAMPLES

import jans


@pytest.fixture
def network(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("lossless_net")


@pytest.fixture
def files(network):
    """A codec, and another with other weights."""
    codec = importlib.import_module("lossless_codec")
    config = network.Config(neighbours=12, hidden=8, head=8)
    return [codec.Files(network.Lossless(config, network.nnx.Rngs(seed))) for seed in (0, 1)]


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(2, 2, 3), (3, 2, 3), (2, 5, 3), (7, 9, 3), (16, 31, 1), (4, 6, 7, 3)])
def test_planes_are_dealt_and_merged(network, shape):
    image = noise(*shape)
    planes = network.split(image)
    assert [plane.shape[-3:-1] for plane in planes] == network.plane_shapes(*shape[-3:-1])
    assert (network.merge(planes) == image).all()


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("sides", [(12, 12), (13, 15), (2, 3)])
def test_windows_hold_known_neighbours_of_the_image(network, k, sides):
    """Away from the edges each is where `nearest` says, and at the edges there are no others than known pixels."""
    image = np.arange(sides[0] * sides[1]).reshape(*sides, 1)
    planes = network.split(image)
    seen = network.windows(planes[:k], planes[k].shape[:2], 12)[..., 0]
    assert seen.shape == (*planes[k].shape[:2], 12)
    assert np.isin(seen, np.concatenate([plane.reshape(-1) for plane in planes[:k]])).all()
    for (i, j), pixel in np.ndenumerate(planes[k][..., 0]):
        y, x = divmod(int(pixel), sides[1])
        for n, (v, u) in enumerate(network.nearest(k, 12)):
            if 0 <= y + v < sides[0] and 0 <= x + u < sides[1]:
                assert seen[i, j, n] == image[y + v, x + u, 0]


@pytest.mark.parametrize("sides", [(1, 1), (1, 9), (2, 2), (37, 51), (101, 83)])
def test_files_of_any_size_come_back(files, sides):
    image = noise(*sides, 3)
    image[: sides[0] // 2] //= 16
    blob = files[0].compress(image)
    assert (files[0].decompress(blob) == image).all()
    heads = 32 * 8
    assert 0 < len(blob) - files[0].bits(image).sum() / 8 < heads + 64


def test_other_weights_and_other_sizes_are_refused(files):
    blob = files[0].compress(noise(10, 12, 3))
    with pytest.raises(jans.CodingError, match="fingerprint"):
        files[1].decompress(blob)
    with pytest.raises(jans.CodingError, match="fingerprint"):
        files[0].decompress(blob[4:8] + blob[:4] + blob[8:])
    with pytest.raises(ValueError, match="8 bytes of header"):
        files[0].decompress(blob[:5])


def test_one_program_serves_images_of_about_one_size(files):
    codec = importlib.import_module("lossless_codec")
    before = codec._push._cache_size()
    for sides in ((33, 40), (34, 39)):
        files[0].compress(noise(*sides, 3))
    assert codec._push._cache_size() == before + 1
