"""The kernels of models: intervals, searches, frequencies, and the tables that make searches fast."""

import functools
from typing import NamedTuple

import jax.numpy as jnp

from jans.ffi.primitives import Shapes
from jans.ffi.targets._define import KINDS, Call, define_map
from jans.reference.jax import aliases, guides, quantizers, rans


def _interval(symbols, *_, **__) -> Shapes:
    return [(symbols, jnp.uint32), (symbols, jnp.uint32)]


def _located(quantiles, *_, **__) -> Shapes:
    return [(quantiles, jnp.int32)]


def _row(values, *_, **__) -> Shapes:
    return [((values[0] + 1,), jnp.uint32)]


def _buckets(cdf, *, precision) -> Shapes:
    return [((aliases.BUCKET_WORDS * 2 ** aliases.alias_bits(cdf[0] - 1, precision),), jnp.uint32)]


def _pieces(cdf, *, precision) -> Shapes:
    bits = aliases.alias_bits(cdf[0] - 1, precision)
    return [((2 ** aliases.range_bits(bits, precision) + 4 * 2**bits,), jnp.uint32)]


class Family(NamedTuple):
    """The targets of a model in closed form that need no coder: symbols to intervals,
    and quantiles to symbols."""

    interval: Call
    locate: Call


def _family(name: str, *ranks: int) -> Family:
    return Family(
        define_map(f"interval_{name}", functools.partial(rans.interval_kind, name), _interval, 1, *ranks),
        define_map(f"locate_{name}", functools.partial(rans.locate_kind, name), _located, 1, *ranks),
    )


FAMILIES = {name: _family(name, *ranks) for name, ranks in KINDS.items() if name not in ("rows", "table")}

compact = define_map(
    "compact",
    rans.compact,
    lambda rows, _, *, dtype: [((rows[0] * rows[1],), dtype)],
    2,
    1,
    attributes=(),
)
table_guide = define_map(
    "table_guide", guides.table_guide, lambda cdf, *, bits, **_: [((2 ** (bits + 1),), jnp.uint32)], 1
)
table_alias = define_map("table_alias", aliases.table_alias, _buckets, 1)
table_remap = define_map("table_remap", aliases.table_remap, _pieces, 1)
quantize_probs = define_map("quantize_probs", quantizers.quantize_probs, _row, 1, 1)
quantize_perfect = define_map("quantize_perfect", quantizers.quantize_perfect, _row, 1, 1)
quantize_logits = define_map("quantize_logits", quantizers.quantize_logits, _row, 1, 1)
quantize_nearest = define_map(
    "quantize_nearest", quantizers.quantize_nearest, _row, 1, 0, attributes=("precision", "away")
)
