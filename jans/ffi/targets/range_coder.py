"""The kernels of the range coder."""

import functools

import jax.numpy as jnp

from jans.ffi.targets._define import KINDS, Fields, define_coder, symbols_of
from jans.reference.jax import range_coder

_ENCODER: Fields = {
    "lower": (1, jnp.uint32),
    "range": (1, jnp.uint32),
    "words": (1, jnp.uint32),
    "size": (0, jnp.int32),
    "pending_words": (0, jnp.int32),
    "pending_first": (0, jnp.uint32),
    "status": (0, jnp.int32),
}
_DECODER: Fields = {
    "point": (1, jnp.uint32),
    "lower": (1, jnp.uint32),
    "range": (1, jnp.uint32),
    "words": (1, jnp.uint32),
    "size": (0, jnp.int32),
    "index": (0, jnp.int32),
    "status": (0, jnp.int32),
}
_DECODED = ("point", "lower", "range", "index", "status")


def _encode(name: str, reference, *ranks: int):
    return define_coder(name, reference, lambda **_: _ENCODER, tuple(_ENCODER), *ranks, attributes=("precision",))


def _decode(name: str, reference, *ranks: int, more=symbols_of):
    return define_coder(name, reference, lambda **_: _DECODER, _DECODED, *ranks, attributes=("precision",), more=more)


encode = _encode("range_encode", range_coder.range_encode, 1, 1)
peek = _decode("range_peek", range_coder.range_peek, more=lambda **_: [((), jnp.uint32)])
advance = _decode("range_advance", range_coder.range_advance, 1, 1, more=lambda **_: [])
ENCODES = {
    kind: _encode(f"range_encode_{kind}", functools.partial(range_coder.range_encode_kind, kind), 1, *ranks)
    for kind, ranks in KINDS.items()
}
DECODES = {
    kind: _decode(f"range_decode_{kind}", functools.partial(range_coder.range_decode_kind, kind), *ranks)
    for kind, ranks in KINDS.items()
}
