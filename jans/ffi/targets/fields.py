"""The kernels that take the words of arrays apart, and put them together."""

import jax.numpy as jnp

from jans.ffi.primitives import Shapes
from jans.ffi.targets._define import define_map
from jans.reference.jax import fields


def _turned(words, **_) -> Shapes:
    return [(words[::-1], jnp.uint8)]


def _parts(words, *_, mantissa, top, phases, **__) -> Shapes:
    n = words[0] * words[1]
    return [((n,), jnp.uint8), ((n if phases else 0,), jnp.int32), ((-(-n * (mantissa - top + 1) // 8),), jnp.uint8)]


def _words(symbols, *_, n, dtype, **__) -> Shapes:
    return [((symbols[0] // max(n, 1), n), dtype)]


def _symbols(words, _, *, mantissa, top, **__) -> Shapes:
    return [(words, jnp.uint8), ((-(-words[0] * (mantissa - top + 1) // 8),), jnp.uint8)]


def _merged(symbols, *_, dtype, **__) -> Shapes:
    return [(symbols, dtype)]


def _lengths(words, *, width) -> Shapes:
    return [(words, jnp.uint8), ((words[0] * width,), jnp.uint8), ((), jnp.int32)]


def _same(words, *, dtype, **_) -> Shapes:
    return [(words, dtype)]


def _lengths_counts(*_) -> Shapes:
    return [((256,), jnp.uint32)]


def _tops_counts(*_, exponent, top, **__) -> Shapes:
    return [((2 ** (exponent + top),), jnp.uint32)]


def _counts(*_, rows) -> Shapes:
    return [((rows, 256), jnp.uint32)]


bytes_split = define_map("bytes_split", fields.bytes_split, _turned, 2, attributes=("rotate",))
bytes_merge = define_map("bytes_merge", fields.bytes_merge, _turned, 2, attributes=("rotate",))
fields_split = define_map(
    "fields_split", fields.fields_split, _parts, 2, 1, 1, attributes=("exponent", "mantissa", "top", "phases")
)
fields_merge = define_map(
    "fields_merge", fields.fields_merge, _words, 1, 1, 1, 1, attributes=("exponent", "mantissa", "top")
)
tops_split = define_map("tops_split", fields.tops_split, _symbols, 1, 1, attributes=("exponent", "mantissa", "top"))
tops_merge = define_map("tops_merge", fields.tops_merge, _merged, 1, 1, 1, attributes=("exponent", "mantissa", "top"))
lengths_split = define_map("lengths_split", fields.lengths_split, _lengths, 1, attributes=("width",))
lengths_merge = define_map("lengths_merge", fields.lengths_merge, _merged, 1, 1, attributes=())
lengths_count = define_map("lengths_count", fields.lengths_count, _lengths_counts, 1, attributes=())
_GRID = ("channels", "predictor", "order", "mixed")
grid_split = define_map("grid_split", fields.grid_split, _same, 2, attributes=_GRID)
grid_merge = define_map("grid_merge", fields.grid_merge, _same, 2, attributes=_GRID)
tops_count = define_map("tops_count", fields.tops_count, _tops_counts, 1, attributes=("exponent", "mantissa", "top"))
count = define_map("count", fields.count, _counts, 1, 1, attributes=("rows",))
