"""Huffman trees, as in constriction's module `symbol.huffman`.

They take more types than the originals. Probabilities may be an array of NumPy or JAX, or a list, of floats
or integers. float16 and bfloat16 are converted to float32, integers to float64. An empty array, a negative
probability or an infinite one raises ValueError. Trees can be pickled and copied.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jans.ffi import host
from jans.reference import spec

__all__ = ["DecoderHuffmanTree", "EncoderHuffmanTree"]


def _children(probabilities: Any) -> spec.huffman.Children:
    array = np.asarray(probabilities)
    if jnp.issubdtype(array.dtype, jnp.integer):
        array = array.astype(np.float64)
    if not jnp.issubdtype(array.dtype, jnp.floating) or array.ndim != 1:
        raise TypeError(
            f"probabilities must be one axis of floats or integers, got {array.dtype} of shape {array.shape}."
        )
    if array.dtype.itemsize < 4:
        array = array.astype(np.float32)
    if array.size == 0:
        raise ValueError("probabilities are none: a code needs a symbol or more.")
    if np.isnan(array).any():
        raise FloatingPointError(f"probability {int(np.isnan(array).argmax())} is not a number (NaN).")
    wrong = (array < 0) | np.isinf(array)
    if wrong.any():
        at = int(wrong.argmax())
        raise ValueError(f"probabilities must be finite and not negative; probability {at} is {array[at]}.")
    _, tree = host.call("huffman_codebook", array)
    return [(first, second) for first, second in tree[array.size :, 1:].tolist()]


class EncoderHuffmanTree:
    """A Huffman tree to encode with.

    Args:
        probabilities: [n], float32, float64 or a type that converts to them; they need not add up to one.
    """

    def __init__(self, probabilities: Any):
        self._codewords = spec.huffman.codewords(_children(probabilities))


class DecoderHuffmanTree:
    """A Huffman tree to decode with.

    Args:
        probabilities: the probabilities that were encoded with, of the same dtype.
    """

    def __init__(self, probabilities: Any):
        self._children = _children(probabilities)
