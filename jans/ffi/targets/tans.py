"""The kernels of table ANS."""

import jax.numpy as jnp

from jans.ffi.targets._define import Fields, define_coder, define_map, symbols_of
from jans.reference.jax import tans

_CODER = ("precision", "bypass_precision")
_STATE: Fields = {
    "head": (1, jnp.uint32),
    "partial_word": (0, jnp.uint32),
    "words": (1, jnp.uint32),
    "size": (0, jnp.int32),
    "status": (0, jnp.int32),
}

tables = define_map(
    "tans_tables",
    tans.tans_tables,
    lambda cdf, _, *, precision: [
        ((cdf[0] - 1, 2), jnp.uint32),
        ((2**precision,), jnp.uint16),
        ((2**precision,), jnp.uint32),
        ((), jnp.int32),
    ],
    1,
    0,
)
push = define_coder("tans_push", tans.tans_push, lambda **_: _STATE, tuple(_STATE), 1, 2, 2, 1, 1, 1, attributes=_CODER)
pop = define_coder(
    "tans_pop",
    tans.tans_pop,
    lambda **_: _STATE,
    ("head", "partial_word", "size", "status"),
    2,
    1,
    1,
    1,
    attributes=_CODER,
    more=symbols_of,
)
