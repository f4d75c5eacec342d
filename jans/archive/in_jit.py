"""Arrays packed inside a compiled program, for what devices send to each other and for caches.

The bytes of all elements are symbols of one table: of floats the exponent, of integers all bytes. The table is made of
the array, and travels with it. The other bits are kept as they are.
"""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs, models, quantize
from jans._checks import brief
from jans.coders import rans

VARIANT, LANES = "rans32_16", 32
PRECISION = 14
BLOCK = 2**15
"""A stream has at most so many elements: streams are coded side by side."""


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["frequencies", "rest", "streams"],
    meta_fields=["shape", "dtype"],
)
@dataclasses.dataclass(frozen=True)
class PackedArray:
    """An array as `pack_array` packed it: a pytree of arrays with static shapes, which collectives and loops carry.

    Attributes:
        frequencies: uint16 [planes, 256], the table of each plane of bytes that is coded.
        rest: uint8 [other planes, n], the bytes that are kept as they are.
        streams: the states of the coder, a batch.
        shape, dtype: those of the array; static.

    >>> packed = pack_array(jnp.arange(1000) // 100)
    >>> packed.shape, bool(packed.fits), packed.unpack()[-1]
    ((1000,), True, Array(9, dtype=int32))
    """

    frequencies: jax.Array
    rest: jax.Array
    streams: rans.State
    shape: tuple[int, ...]
    dtype: Any

    @property
    def fits(self) -> jax.Array:
        """Bool [], whether the share sufficed. If not, `unpack` returns other numbers."""
        return (self.streams.status == 0).all()

    @property
    def nbytes(self) -> int:
        """The bytes of all its arrays."""
        return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(self))

    def unpack(self) -> jax.Array:
        """The array, bit for bit."""
        n = math.prod(self.shape)
        width, coded = _planes(self.dtype)
        _, length = _split(n)
        table = _table(self.frequencies, length)
        shape = (length, coded)
        symbols = jax.vmap(lambda stream: rans.pop(stream, table, shape=shape, dtype=jnp.uint8)[1])(self.streams)
        planes = [*self.rest, *symbols.reshape(-1, coded)[:n].T]
        unsigned = _unsigned(width)
        words = functools.reduce(jnp.bitwise_or, (plane.astype(unsigned) << (8 * k) for k, plane in enumerate(planes)))
        return _of_words(words, self.dtype).reshape(self.shape)


@_inputs.door(array=_inputs.as_they_are)
def pack_array(array: Any, share: float = 0.8) -> PackedArray:
    """Packs an array inside `jit`, `vmap` or `shard_map`, into arrays of a static size.

    What fits depends on the values, so look at `fits` before you use the result, and keep the array itself as a
    fallback.

    Args:
        array: floats of 8, 16, 32 or 64 bits, integers of 8 to 64 bits, or bools, with at least one element.
        share: the size of the result, as a share of the array. Weights and activations in bfloat16 need about
            0.7. The tables and the heads of the coder take up to 0.5 % and 2 kB more.

    Returns:
        A pytree, whose method `unpack` returns the array.

    Raises:
        TypeError: for another dtype, or one that JAX would narrow because its 64-bit types are off.
        ValueError: if the array is empty, or the share is not above that of the bits that are never coded, or above 1.

    >>> activations = jnp.sin(jnp.arange(5000.0)).astype(jnp.bfloat16)
    >>> packed = jax.jit(pack_array)(activations)
    >>> bool(packed.fits), packed.nbytes < 0.9 * activations.nbytes, bool((packed.unpack() == activations).all())
    (True, True, True)
    """
    values = jnp.asarray(array)
    width, coded = _planes(values.dtype)
    n, kept = values.size, width - coded
    if n == 0:
        raise ValueError("array has no elements.")
    if isinstance(share, bool) or not isinstance(share, int | float) or not kept / width < share <= 1:
        raise ValueError(
            f"share must be above {kept / width:g}, the share of {values.dtype} that is never coded, and at most 1, "
            f"got {brief(share)}."
        )
    words = _words(values.reshape(-1))
    planes = jnp.stack([(words >> (8 * k) & 255).astype(jnp.uint8) for k in range(width)])
    counts = jnp.stack([jnp.bincount(plane, length=256) for plane in planes[kept:]])
    cdf = quantize.fast(counts.astype(jnp.float32), PRECISION, mask=counts > 0)
    frequencies = jnp.diff(cdf, axis=-1).astype(jnp.uint16)

    streams, length = _split(n)
    symbols = planes[kept:].T
    symbols = jnp.concatenate([symbols, jnp.broadcast_to(symbols[:1], (streams * length - n, coded))])
    capacity = math.ceil((share * width - kept) * length / 2)
    table = _table(frequencies, length)
    empty = rans.init(capacity, LANES, VARIANT)
    states = jax.vmap(lambda part: rans.push(empty, table, part))(symbols.reshape(streams, length, coded)).canonical()
    return PackedArray(frequencies, planes[:kept], states, values.shape, values.dtype)


def _planes(dtype: Any) -> tuple[int, int]:
    """How many bytes an element has, and how many of them are coded."""
    whole, floats = (jnp.issubdtype(dtype, kind) for kind in (jnp.integer, jnp.floating))
    if not (floats or dtype == jnp.bool_ or (whole and jnp.iinfo(dtype).bits >= 8)):
        raise TypeError(f"array must have floats, bools, or integers of 8 to 64 bits, got {dtype}.")
    width = np.dtype(dtype).itemsize
    return width, 1 if floats else width


def _split(n: int) -> tuple[int, int]:
    """The number of streams of n elements, and how many elements each has; the last one may lack some."""
    streams = -(-n // BLOCK)
    return streams, -(-n // streams)


def _table(frequencies: jax.Array, length: int) -> models.Table:
    cdf = jnp.cumsum(frequencies.astype(jnp.uint32), axis=-1, dtype=jnp.uint32)
    cdf = jnp.pad(cdf, ((0, 0), (1, 0)))
    rows = len(frequencies)
    index: Any = 0 if rows == 1 else np.broadcast_to(np.arange(rows, dtype=np.int32), (length, rows))
    return models.Table(cdf, index, PRECISION).prepare("guide")


def _unsigned(width: int) -> Any:
    return getattr(jnp, f"uint{8 * width}")


def _words(values: jax.Array) -> jax.Array:
    """Elements as unsigned integers; the exponent of floats is their highest byte, or begins there."""
    if values.dtype == jnp.bool_:
        return values.astype(jnp.uint8)
    width = values.dtype.itemsize
    words = jax.lax.bitcast_convert_type(values, _unsigned(width))
    if not jnp.issubdtype(values.dtype, jnp.floating):
        return words
    return words << 1 | words >> (8 * width - 1)


def _of_words(words: jax.Array, dtype: Any) -> jax.Array:
    """The inverse of `_words`."""
    if dtype == jnp.bool_:
        return words.astype(jnp.bool_)
    if jnp.issubdtype(dtype, jnp.floating):
        words = words >> 1 | words << (8 * words.dtype.itemsize - 1)
    return jax.lax.bitcast_convert_type(words, dtype)
