"""The kernels of symbol codes, which write to strings of bits and read from them."""

import jax.numpy as jnp

from jans.ffi.targets._define import Fields, define_coder, define_map, symbols_of
from jans.reference.jax import huffman

_STRING: Fields = {
    "partial_word": (0, jnp.uint32),
    "words": (1, jnp.uint32),
    "size": (0, jnp.int32),
    "status": (0, jnp.int32),
}
"""The state of a string. A reader passes its position in place of `size`, and its size after the status."""


def _write(name: str, *ranks: int, attributes: tuple[str, ...] = ()):
    return define_coder(
        name, getattr(huffman, name), lambda **_: _STRING, tuple(_STRING), *ranks, attributes=attributes
    )


def _read(name: str, *ranks: int, attributes: tuple[str, ...] = ()):
    updates = ("partial_word", "size", "status")
    return define_coder(
        name, getattr(huffman, name), lambda **_: _STRING, updates, *ranks, attributes=attributes, more=symbols_of
    )


huffman_codebook = define_map(
    "huffman_codebook",
    huffman.huffman_codebook,
    lambda probs: [((*probs, 2), jnp.uint32), ((2 * probs[0] - 1, 3), jnp.int32)],
    1,
    attributes=(),
)
huffman_encode = _write("huffman_encode", 1, 2, 2)
huffman_push = _write("huffman_push", 1, 2, 2)
huffman_decode = _read("huffman_decode", 0, 2)
huffman_pop = _read("huffman_pop", 2)
golomb_encode = _write("golomb_encode", 1, attributes=("order",))
golomb_push = _write("golomb_push", 1, attributes=("order",))
golomb_decode = _read("golomb_decode", 0, attributes=("order",))
golomb_pop = _read("golomb_pop", attributes=("order",))
