"""The codec "jans" of numcodecs, for zarr 2 and all others that use it."""

from typing import Any

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ndarray_copy

import jans
from jans.archive import packing


class Pack(Codec):
    """Packs arrays with `jans.pack`. Other buffers are arrays of bytes.

    Args:
        level: "fast" or "small".

    >>> codec = Pack("small")
    >>> codec.get_config()
    {'id': 'jans', 'level': 'small'}
    >>> codec.decode(codec.encode(np.arange(3.0)))
    array([0., 1., 2.])
    """

    codec_id = "jans"

    def __init__(self, level: str = "fast"):
        if level not in packing.LEVELS:
            raise ValueError(f"level must be one of {', '.join(packing.LEVELS)}, got {level!r}.")
        self.level = level

    def encode(self, buf: Any) -> bytes:
        """The bytes of an array."""
        return jans.pack(buf if hasattr(buf, "dtype") else np.frombuffer(buf, np.uint8), self.level)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """The array, in `out` if that is given."""
        found = jans.unpack(buf)
        if not isinstance(found, np.ndarray):
            raise jans.CodingError("these bytes hold a tree, and not one array.")
        return ndarray_copy(found, out)
