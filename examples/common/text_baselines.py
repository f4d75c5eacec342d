"""Sizes of a text after general compressors, alone and after the text that the network was trained on."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
from collections.abc import Callable
from typing import Any, NamedTuple

PACKAGES = {"zstandard": "zstd", "brotli": "brotli", "pyppmd": "PPMd"}


class Size(NamedTuple):
    """Bytes of a compressed text alone, and bytes that it adds when it follows the text before."""

    name: str
    alone: int
    primed: int


def baselines(before: bytes, text: bytes) -> list[Size]:
    """Sizes with compressors at their strongest settings.

    A compressor that is not installed is skipped with a note.
    """
    return [
        Size(name, len(compress(text)), len(compress(before + text)) - len(compress(before)))
        for name, compress in _compressors().items()
    ]


def _compressors() -> dict[str, Callable[[bytes], bytes]]:
    found: dict[str, Callable[[bytes], bytes]] = {
        "gzip -9": lambda data: gzip.compress(data, 9),
        "bz2 -9": lambda data: bz2.compress(data, 9),
        "xz -9e": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
    }
    # Windows and memory are large enough for the whole text before.
    if zstandard := _package("zstandard"):
        parameters = zstandard.ZstdCompressionParameters.from_level(22, window_log=27)
        found["zstd -22"] = lambda data: zstandard.ZstdCompressor(compression_params=parameters).compress(data)
    if brotli := _package("brotli"):
        found["brotli -11"] = lambda data: brotli.compress(data, mode=brotli.MODE_TEXT, quality=11, lgwin=24)
    if pyppmd := _package("pyppmd"):
        for order in (8, 16):
            found[f"PPMd -o{order}"] = lambda data, order=order: pyppmd.compress(
                data, max_order=order, mem_size=1 << 28
            )
    return found


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"without {PACKAGES[name]}, as the package {name} is not installed")
        return None
