"""Bitstreams of torch_ans 0.4.0 in `torch_ans.npz.xz`: forty streams of 1152 symbols, of all its coders.

The package itself wrote them on a CPU: `TorchANSInterface(impl, freq_precision, num_interleaves=lanes, bypass_coding)`,
`init_params(freqs, num_freqs, offsets)`, and `encode_with_indexes(symbols, indexes)`. In streams that end in `.bypass`
about 3 % of the symbols lie outside of the alphabet.

The file holds every field of all streams as one array of the narrowest dtype, and the shape of each. Tables stand in it
as differences of neighbours.
"""

import functools
import lzma
import math

import numpy as np
from places import VECTORS

FILE = VECTORS / "torch_ans.npz.xz"
Stream = dict[str, np.ndarray]


@functools.cache
def load() -> dict[str, Stream]:
    """Name, such as `rans64.i4.bypass`, to the arrays of a stream: int32, and uint8 for the bytes in `encoded`."""
    streams: dict[str, Stream] = {}
    with lzma.open(FILE) as packed, np.load(packed) as file:
        for field in (name for name in file.files if not name.startswith("shapes.")):
            values, first = file[field].astype(np.uint8 if field == "encoded" else np.int32), 0
            for line in str(file[f"shapes.{field}"]).splitlines():
                name, *shape = line.split()
                end = first + math.prod(map(int, shape))
                array = values[first:end].reshape([int(n) for n in shape])
                streams.setdefault(name, {})[field] = np.cumsum(array, axis=-1, dtype=np.int32) if field == "cdfs" else array
                first = end
    return streams


def pack(streams: dict[str, Stream]) -> dict[str, np.ndarray]:
    """The arrays of the file: the inverse of `load`."""
    packed = {}
    for field in sorted({field for stream in streams.values() for field in stream}):
        parts = {name: stream[field] for name, stream in sorted(streams.items()) if field in stream}
        if field == "cdfs":
            parts = {name: np.diff(array, axis=-1, prepend=0) for name, array in parts.items()}
        flat = np.concatenate([array.ravel() for array in parts.values()])
        narrow = next(t for t in ("u1", "i1", "u2", "i2", "i4") if (flat.astype(t) == flat).all())
        packed[field] = flat.astype(narrow)
        packed[f"shapes.{field}"] = np.array("\n".join(" ".join(map(str, (n, *a.shape))) for n, a in parts.items()))
    return packed
