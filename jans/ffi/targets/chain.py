"""The kernels of the chain coder."""

import functools

import jax.numpy as jnp

from jans import _variants
from jans.ffi.targets._define import KINDS, Fields, define_coder, symbols_of
from jans.reference.jax import chain

_CODER = ("variant", "precision", "max_precision")


def _fields(*, variant: int, **_) -> Fields:
    v = _variants.numbered(_variants.CHAIN, variant)
    return {
        "partial_word": (0, jnp.uint32),
        "compressed": (1, v.word),
        "compressed_size": (0, jnp.int32),
        "head": (v.halves, jnp.uint32),
        "remainders": (1, v.word),
        "remainders_size": (0, jnp.int32),
        "status": (0, jnp.int32),
    }


def _some(*names: str):
    """The fields of a kernel that does one half of a pop."""
    return lambda **params: {name: _fields(**params)[name] for name in names}


_PUSHED = ("partial_word", "compressed", "compressed_size", "head", "remainders_size", "status")
_POPPED = ("partial_word", "compressed_size", "head", "remainders", "remainders_size", "status")

take = define_coder(
    "chain_take",
    chain.chain_take,
    _some("partial_word", "compressed", "compressed_size", "status"),
    ("partial_word", "compressed_size", "status"),
    attributes=_CODER,
    more=lambda *, n, **_: [((n,), jnp.uint32)],
)
keep = define_coder(
    "chain_keep",
    chain.chain_keep,
    _some("head", "remainders", "remainders_size", "status"),
    ("head", "remainders", "remainders_size", "status"),
    1,
    1,
    1,
    attributes=_CODER,
)
push = define_coder("chain_push", chain.chain_push, _fields, _PUSHED, 1, 1, attributes=_CODER)
PUSHES = {
    kind: define_coder(
        f"chain_push_{kind}",
        functools.partial(chain.chain_push_kind, kind),
        _fields,
        _PUSHED,
        1,
        *ranks,
        attributes=_CODER,
    )
    for kind, ranks in KINDS.items()
}
POPS = {
    kind: define_coder(
        f"chain_pop_{kind}",
        functools.partial(chain.chain_pop_kind, kind),
        _fields,
        _POPPED,
        *ranks,
        attributes=_CODER,
        more=symbols_of,
    )
    for kind, ranks in KINDS.items()
}
