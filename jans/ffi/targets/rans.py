"""The kernels of the stack coder."""

import functools

import jax
import jax.numpy as jnp

from jans import _variants
from jans.ffi.targets import maps
from jans.ffi.targets._define import KINDS, Call, Fields, define_coder, symbols_of
from jans.reference.jax import rans

_CODER = ("variant", "precision")
_PUSHED, _POPPED = ("head", "tail", "size", "status"), ("head", "size", "status")
_ROWS = KINDS["rows"]
_BYPASS = (*KINDS["table"], 1, 1)
_REMAP, _ALIAS = (*_ROWS, 2), (2, 1)


def _fields(*, variant: int, **_) -> Fields:
    v = _variants.numbered(_variants.RANS, variant)
    return {"head": (v.halves, jnp.uint32), "tail": (1, v.word), "size": (0, jnp.int32), "status": (0, jnp.int32)}


def _push(name: str, reference: Call, *ranks: int, steps: Call | None = None, attributes: tuple[str, ...] = _CODER):
    return define_coder(f"rans_{name}", reference, _fields, _PUSHED, *ranks, attributes=attributes, steps=steps)


def _pop(name: str, reference: Call, *ranks: int, steps: Call | None = None, attributes: tuple[str, ...] = _CODER):
    return define_coder(
        f"rans_{name}", reference, _fields, _POPPED, *ranks, attributes=attributes, steps=steps, more=symbols_of
    )


# ---- intervals, and rows of frequencies ----

push = _push("push", rans.rans_push, 1, 1)
advance = define_coder("rans_advance", rans.rans_advance, _fields, _POPPED, 1, 1, attributes=_CODER)
push_rows = _push("push_rows", functools.partial(rans.rans_push_kind, "rows"), 1, *_ROWS)
pop_rows = _pop("pop_rows", functools.partial(rans.rans_pop_kind, "rows"), *_ROWS)


def _push_unguided(head, tail, size, status, symbols, cdf, index, _, **coder):
    return push_rows(head, tail, size, status, symbols, cdf, index, **coder)


def _pop_unguided(head, tail, size, status, cdf, index, _, **coder):
    return pop_rows(head, tail, size, status, cdf, index, **coder)


_push_table = _push(
    "push_table", functools.partial(rans.rans_push_kind, "table"), 1, *KINDS["table"], steps=_push_unguided
)
_pop_table = _pop("pop_table", functools.partial(rans.rans_pop_kind, "table"), *KINDS["table"], steps=_pop_unguided)

# ---- models in closed form ----


def _rows_of(probs: jax.Array, precision: int) -> tuple[jax.Array, jax.Array]:
    """Cumulative frequencies of probabilities [..., rows, n], and the row index of each symbol."""
    rank = probs.ndim - 2
    (cdf,) = maps.quantize_probs(probs, jnp.zeros((1,) * (rank + 1) + (0,), bool), precision=precision)
    index = jnp.arange(probs.shape[-2], dtype=jnp.int32)
    return cdf, index.reshape((1,) * rank + index.shape)


def _push_lazy(head, tail, size, status, symbols, probs, *, variant, precision):
    rows = _rows_of(probs, precision)
    return push_rows(head, tail, size, status, symbols, *rows, variant=variant, precision=precision)


def _pop_lazy(head, tail, size, status, probs, *, variant, precision, n, dtype):
    rows = _rows_of(probs, precision)
    return pop_rows(head, tail, size, status, *rows, variant=variant, precision=precision, n=n, dtype=dtype)


def _push_family(name: str, *ranks: int) -> Call:
    def push_intervals(head, tail, size, status, symbols, *operands, variant, precision):
        symbols = jnp.broadcast_to(symbols, (*size.shape, symbols.shape[-1])).astype(jnp.int32)
        start, freq = maps.FAMILIES[name].interval(symbols, *operands, precision=precision)
        return push(head, tail, size, status, start, freq, variant=variant, precision=precision)

    steps = _push_lazy if name == "lazy" else push_intervals
    return _push(f"push_{name}", functools.partial(rans.rans_push_kind, name), 1, *ranks, steps=steps)


def _pop_family(name: str, *ranks: int) -> Call:
    steps = _pop_lazy if name == "lazy" else None
    return _pop(f"pop_{name}", functools.partial(rans.rans_pop_kind, name), *ranks, steps=steps)


# ---- alias tables and bypass coding ----

_push_alias = _push("push_alias", rans.rans_push_alias, 1, *_REMAP)
_pop_alias = _pop("pop_alias", rans.rans_pop_alias, *_ALIAS)
_WITH_BYPASS = (*_CODER, "bypass_precision")
_push_bypass = _push("push_bypass", rans.rans_push_bypass, 1, *_BYPASS, attributes=_WITH_BYPASS)
_pop_bypass = _pop("pop_bypass", rans.rans_pop_bypass, *_BYPASS, attributes=_WITH_BYPASS)
_push_bypass_alias = _push("push_bypass_alias", rans.rans_push_bypass_alias, 1, *_REMAP, 1, 1, attributes=_WITH_BYPASS)
_pop_bypass_alias = _pop("pop_bypass_alias", rans.rans_pop_bypass_alias, *_ALIAS, 1, 1, attributes=_WITH_BYPASS)


def _push_with_remap(head, tail, size, status, symbols, cdf, index, _, remap, **coder):
    """Pushes with the remap only, because only pops need the buckets."""
    return _push_alias(head, tail, size, status, symbols, cdf, index, remap, **coder)


def _pop_with_buckets(head, tail, size, status, _, index, alias, __, **coder):
    return _pop_alias(head, tail, size, status, alias, index, **coder)


def _push_wide(head, tail, size, status, symbols, *operands, **coder):
    """Converts symbols to int32 first, because values of bypass coding are int32."""
    return _push_bypass(head, tail, size, status, symbols.astype(jnp.int32), *operands, **coder)


def _pop_wide(*operands, dtype, **coder):
    *state, symbols = _pop_bypass(*operands, dtype=jnp.dtype(jnp.int32), **coder)
    return *state, symbols.astype(dtype)


def _push_wide_with_remap(head, tail, size, status, symbols, cdf, index, _, remap, *rows, **coder):
    symbols = symbols.astype(jnp.int32)
    return _push_bypass_alias(head, tail, size, status, symbols, cdf, index, remap, *rows, **coder)


def _pop_wide_with_buckets(head, tail, size, status, _, index, alias, __, *rows, dtype, **coder):
    int32 = jnp.dtype(jnp.int32)
    *state, symbols = _pop_bypass_alias(head, tail, size, status, alias, index, *rows, dtype=int32, **coder)
    return *state, symbols.astype(dtype)


_FAMILIES = {name: ranks for name, ranks in KINDS.items() if name not in ("rows", "table")}
PUSHES: dict[str, Call] = {name: _push_family(name, *ranks) for name, ranks in _FAMILIES.items()} | {
    "rows": push_rows,
    "table": _push_table,
    "alias": _push_with_remap,
    "bypass": _push_wide,
    "bypass_alias": _push_wide_with_remap,
}
POPS: dict[str, Call] = {name: _pop_family(name, *ranks) for name, ranks in _FAMILIES.items()} | {
    "rows": pop_rows,
    "table": _pop_table,
    "alias": _pop_with_buckets,
    "bypass": _pop_wide,
    "bypass_alias": _pop_wide_with_buckets,
}
"""The kernels of each kind of model; see `jans.models.Kernel`."""
