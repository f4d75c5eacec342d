"""Sizes of images after general compressors and image compressors, for comparison."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma

import numpy as np
from PIL import Image


def baselines(images: np.ndarray) -> list[tuple[str, int]]:
    """Names and sizes in bytes of `images`, uint8 `[N, H, W]`, after compressors at strong settings.

    gzip, bz2 and xz see all the images as one string of pixels without a header, with eight pixels to a byte
    if all pixels are 0 or 1. PNG and WebP compress every image to a file of its own, as they are meant to.
    WebP's `quality=100` would save another 0.7 % on MNIST and take twenty times as long.
    """
    binary = images.max() <= 1
    raw = np.packbits(images).tobytes() if binary else np.ascontiguousarray(images, np.uint8).tobytes()
    pictures = [Image.fromarray(255 * image).convert("1") if binary else Image.fromarray(image) for image in images]
    return [
        ("raw", len(raw)),
        ("gzip -9", len(gzip.compress(raw, 9))),
        ("bz2 -9", len(bz2.compress(raw, 9))),
        ("xz -9e", len(lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME))),
        ("PNG each", sum(_size(image, "PNG", optimize=True) for image in pictures)),
        ("WebP each", sum(_size(image, "WEBP", lossless=True, method=6) for image in pictures)),
    ]


def lossy(image: np.ndarray, kind: str, quality: int) -> tuple[int, np.ndarray]:
    """Size in bytes of an RGB image as "JPEG" or "WEBP" at a quality and strong settings,
    and the decoded image."""
    file = io.BytesIO()
    effort = {"JPEG": {"optimize": True, "progressive": True}, "WEBP": {"method": 6}}[kind]
    Image.fromarray(image).save(file, kind, quality=quality, **effort)
    with Image.open(file) as decoded:
        return len(file.getvalue()), np.asarray(decoded.convert("RGB"))


def lossless(image: np.ndarray) -> dict[str, int]:
    """Sizes in bytes of an RGB image in lossless formats, at their strongest settings."""
    picture = Image.fromarray(image)
    return {
        "PNG": _size(picture, "PNG", optimize=True),
        "WebP": _size(picture, "WEBP", lossless=True, method=6, quality=100),
        "JPEG 2000": _size(picture, "JPEG2000", irreversible=False, mct=1),
    }


def _size(image: Image.Image, kind: str, **options: object) -> int:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.tell()
