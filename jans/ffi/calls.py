"""Every kernel by its name: the shapes of its operands and results, and what it is in plain JAX."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jans.ffi.primitives import CALLS as CALLS
from jans.ffi.primitives import TARGETS as TARGETS
from jans.ffi.primitives import Shapes, Target, define
from jans.reference import aliases, chain, guides, huffman, quantizers, tans, xla
from jans.reference import range as range_

HALVES = {0: 2, 1: 2, 2: 1, 3: 1}
"""uint32 halves of a head, by variant number."""


def _state_ranks(variant: int) -> tuple[int, ...]:
    return (HALVES[variant], 1, 0, 0)


def _state(head, tail, size, status, word) -> Shapes:
    return [(head, jnp.uint32), (tail, word), (size, jnp.int32), (status, jnp.int32)]


WORDS = {0: jnp.uint32, 1: jnp.uint32, 2: jnp.uint16, 3: jnp.uint8}
CODER = ("variant", "precision")
PUSHED = {0: 0, 1: 1, 2: 2, 3: 3}
POPPED = {0: 0, 2: 1, 3: 2}


def _pushed(head, tail, size, status, *_, variant, **__) -> Shapes:
    return _state(head, tail, size, status, WORDS[variant])


def _advanced(head, _tail, size, status, *_, **__) -> Shapes:
    return [(head, jnp.uint32), (size, jnp.int32), (status, jnp.int32)]


def _popped(head, _tail, size, status, *_, n, dtype, **__) -> Shapes:
    return [*_advanced(head, _tail, size, status), ((n,), dtype)]


def _define_push(name: str, *ranks: int, reference: Callable | None = None, steps: Callable | None = None):
    every = lambda variant, **_: (*_state_ranks(variant), *ranks)
    return define(Target(name, reference or getattr(xla, name), 4, every, _pushed, PUSHED, CODER, steps))


def _define_pop(name: str, *ranks: int, reference: Callable | None = None, steps: Callable | None = None):
    every = lambda variant, **_: (*_state_ranks(variant), *ranks)
    return define(Target(name, reference or getattr(xla, name), 4, every, _popped, POPPED, CODER, steps))


def _define_map(name: str, results: Callable[..., Shapes], *ranks: int, reference: Callable | None = None):
    return define(Target(name, reference or getattr(xla, name), 1, lambda **_: ranks, results, {}, ("precision",)))


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
    """The targets of a model in closed form: `push` and `pop` code symbols, `interval` and `locate` map arrays."""

    push: Callable[..., tuple[jax.Array, ...]]
    pop: Callable[..., tuple[jax.Array, ...]]
    interval: Callable[..., tuple[jax.Array, ...]]
    locate: Callable[..., tuple[jax.Array, ...]]


def _define_family(name: str, *ranks: int) -> Family:
    plain = lambda function: functools.partial(function, name)
    interval = _define_map(f"interval_{name}", _interval, 1, *ranks, reference=plain(xla.interval_kind))

    def push_intervals(head, tail, size, status, symbols, *operands, variant, precision):
        symbols = jnp.broadcast_to(symbols, (*size.shape, symbols.shape[-1])).astype(jnp.int32)
        start, freq = interval(symbols, *operands, precision=precision)
        return rans_push(head, tail, size, status, start, freq, variant=variant, precision=precision)

    push_steps, pop_steps = (_push_rows, _pop_rows) if name == "lazy" else (push_intervals, None)
    return Family(
        _define_push(f"rans_push_{name}", 1, *ranks, reference=plain(xla.rans_push_kind), steps=push_steps),
        _define_pop(f"rans_pop_{name}", *ranks, reference=plain(xla.rans_pop_kind), steps=pop_steps),
        interval,
        _define_map(f"locate_{name}", _located, 1, *ranks, reference=plain(xla.locate_kind)),
    )


def _rows_of(probs: jax.Array, precision: int) -> tuple[jax.Array, jax.Array]:
    """Cumulative frequencies of probabilities [..., rows, n], and which row each symbol has."""
    rank = probs.ndim - 2
    (cdf,) = quantize_probs(probs, jnp.zeros((1,) * (rank + 1) + (0,), bool), precision=precision)
    index = jnp.arange(probs.shape[-2], dtype=jnp.int32)
    return cdf, index.reshape((1,) * rank + index.shape)


def _push_rows(head, tail, size, status, symbols, probs, *, variant, precision):
    rows = _rows_of(probs, precision)
    return rans_push_rows(head, tail, size, status, symbols, *rows, variant=variant, precision=precision)


def _pop_rows(head, tail, size, status, probs, *, variant, precision, n, dtype):
    rows = _rows_of(probs, precision)
    return rans_pop_rows(head, tail, size, status, *rows, variant=variant, precision=precision, n=n, dtype=dtype)


KINDS: dict[str, tuple[int, ...]] = {
    "rows": (2, 1),
    "table": (2, 1, 2),
    "lazy": (2,),
    "uniform": (1,),
    "binned_gaussian": (1, 1, 1),
    "logistic_mixture": (2, 2, 2, 1, 1),
    "gaussian_mixture": (2, 2, 2, 1, 1),
    "gaussian": (1, 1, 1, 1),
    "laplace": (1, 1, 1, 1),
    "logistic": (1, 1, 1, 1),
    "cauchy": (1, 1, 1, 1),
    "geometric": (1, 1),
    "binomial": (1, 1),
    "poisson": (1, 1),
    "beta_binomial": (1, 1, 1),
}
"""Every kind of model that has kernels, and the ranks of its operands, in the order of csrc/ffi/families.h."""

ROWS = KINDS["rows"]
BYPASS = (*KINDS["table"], 1, 1)
REMAP, ALIAS = (*ROWS, 2), (2, 1)

rans_push = _define_push("rans_push", 1, 1)
rans_push_rows = _define_push("rans_push_rows", 1, *ROWS, reference=functools.partial(xla.rans_push_kind, "rows"))
rans_advance = define(
    Target(
        "rans_advance",
        xla.rans_advance,
        4,
        lambda variant, **_: (*_state_ranks(variant), 1, 1),
        _advanced,
        POPPED,
        CODER,
    )
)
rans_pop_rows = _define_pop("rans_pop_rows", *ROWS, reference=functools.partial(xla.rans_pop_kind, "rows"))


def _push_unguided(head, tail, size, status, symbols, cdf, index, _, **coder):
    return rans_push_rows(head, tail, size, status, symbols, cdf, index, **coder)


def _pop_unguided(head, tail, size, status, cdf, index, _, **coder):
    return rans_pop_rows(head, tail, size, status, cdf, index, **coder)


rans_push_table = _define_push(
    "rans_push_table",
    1,
    *KINDS["table"],
    reference=functools.partial(xla.rans_push_kind, "table"),
    steps=_push_unguided,
)
rans_pop_table = _define_pop(
    "rans_pop_table",
    *KINDS["table"],
    reference=functools.partial(xla.rans_pop_kind, "table"),
    steps=_pop_unguided,
)
rans_push_alias = _define_push("rans_push_alias", 1, *REMAP)
rans_pop_alias = _define_pop("rans_pop_alias", *ALIAS)


def _define_bypass(way: str, kind: str, *ranks: int):
    name = f"rans_{way}_{kind}"
    every = lambda variant, **_: (*_state_ranks(variant), *ranks)
    results, aliases = (_pushed, PUSHED) if way == "push" else (_popped, POPPED)
    return define(Target(name, getattr(xla, name), 4, every, results, aliases, (*CODER, "digit")))


rans_push_bypass = _define_bypass("push", "bypass", 1, *BYPASS)
rans_pop_bypass = _define_bypass("pop", "bypass", *BYPASS)
rans_push_bypass_alias = _define_bypass("push", "bypass_alias", 1, *REMAP, 1, 1)
rans_pop_bypass_alias = _define_bypass("pop", "bypass_alias", *ALIAS, 1, 1)


def _push_bypass(head, tail, size, status, symbols, *operands, **coder):
    """Its values are int32, whatever symbols come as."""
    return rans_push_bypass(head, tail, size, status, symbols.astype(jnp.int32), *operands, **coder)


def _pop_bypass(*operands, dtype, **coder):
    *state, symbols = rans_pop_bypass(*operands, dtype=jnp.dtype(jnp.int32), **coder)
    return *state, symbols.astype(dtype)


def _push_alias(head, tail, size, status, symbols, cdf, index, _, remap, **coder):
    """A push needs no buckets, and a pop nothing else."""
    return rans_push_alias(head, tail, size, status, symbols, cdf, index, remap, **coder)


def _pop_alias(head, tail, size, status, _, index, alias, __, **coder):
    return rans_pop_alias(head, tail, size, status, alias, index, **coder)


def _push_bypass_alias(head, tail, size, status, symbols, cdf, index, _, remap, *rows, **coder):
    symbols = symbols.astype(jnp.int32)
    return rans_push_bypass_alias(head, tail, size, status, symbols, cdf, index, remap, *rows, **coder)


def _pop_bypass_alias(head, tail, size, status, _, index, alias, __, *rows, dtype, **coder):
    int32 = jnp.dtype(jnp.int32)
    *state, symbols = rans_pop_bypass_alias(head, tail, size, status, alias, index, *rows, dtype=int32, **coder)
    return *state, symbols.astype(dtype)


compact = define(
    Target(
        "compact",
        xla.compact,
        1,
        lambda **_: (2, 1),
        lambda rows, _, *, dtype: [((rows[0] * rows[1],), dtype)],
        {},
        (),
    )
)
table_guide = define(
    Target(
        "table_guide",
        guides.table_guide,
        1,
        lambda **_: (1,),
        lambda cdf, *, bits, **_: [((2 ** (bits + 1),), jnp.uint32)],
        {},
        ("precision",),
    )
)
table_alias = _define_map("table_alias", _buckets, 1, reference=aliases.table_alias)
table_remap = _define_map("table_remap", _pieces, 1, reference=aliases.table_remap)
quantize_probs = _define_map("quantize_probs", _row, 1, 1, reference=quantizers.quantize_probs)
quantize_perfect = _define_map("quantize_perfect", _row, 1, 1, reference=quantizers.quantize_perfect)
quantize_logits = _define_map("quantize_logits", _row, 1, 1, reference=quantizers.quantize_logits)
quantize_nearest = define(
    Target("quantize_nearest", quantizers.quantize_nearest, 1, lambda **_: (1, 0), _row, {}, ("precision", "away"))
)
addresses = define(
    Target(
        "addresses",
        xla.addresses,
        1,
        lambda **_: (1,),
        lambda tail, **_: [(tail, jnp.uint32), ((4,), jnp.uint32)],
        {0: 0},
        (),
    )
)

FAMILIES = {name: _define_family(name, *ranks) for name, ranks in KINDS.items() if name not in ("rows", "table")}

PUSHES = {name: family.push for name, family in FAMILIES.items()} | {
    "rows": rans_push_rows,
    "table": rans_push_table,
    "alias": _push_alias,
    "bypass": _push_bypass,
    "bypass_alias": _push_bypass_alias,
}
POPS = {name: family.pop for name, family in FAMILIES.items()} | {
    "rows": rans_pop_rows,
    "table": rans_pop_table,
    "alias": _pop_alias,
    "bypass": _pop_bypass,
    "bypass_alias": _pop_bypass_alias,
}
"""How each kind of model is coded; see `jans.models.base.Kernel`."""

# ---- the chain coder ----

CHAIN_WORDS = {0: jnp.uint32, 1: jnp.uint16}
CHAIN_HALVES = {0: 2, 1: 1}
CHAIN = (*CODER, "most")


def _chain_ranks(variant: int) -> tuple[int, ...]:
    return (0, 1, 0, CHAIN_HALVES[variant], 1, 0, 0)


def _chain_pushed(rest, compressed, compressed_size, head, _, size, status, *__, variant, **___) -> Shapes:
    first = [(rest, jnp.uint32), (compressed, CHAIN_WORDS[variant]), (compressed_size, jnp.int32)]
    return [*first, (head, jnp.uint32), (size, jnp.int32), (status, jnp.int32)]


def _chain_popped(rest, _, compressed_size, head, remainders, size, status, *__, variant, n, **___) -> Shapes:
    first = [(rest, jnp.uint32), (compressed_size, jnp.int32), (head, jnp.uint32), (remainders, CHAIN_WORDS[variant])]
    return [*first, (size, jnp.int32), (status, jnp.int32), ((n,), jnp.int32)]


def _define_chain_push(name: str, reference: Callable, *ranks: int):
    every = lambda variant, **_: (*_chain_ranks(variant), *ranks)
    return define(Target(name, reference, 7, every, _chain_pushed, {0: 0, 1: 1, 2: 2, 3: 3, 5: 4, 6: 5}, CHAIN))


def _define_chain_pop(name: str, reference: Callable, *ranks: int):
    every = lambda variant, **_: (*_chain_ranks(variant), *ranks)
    return define(Target(name, reference, 7, every, _chain_popped, {0: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 5}, CHAIN))


chain_take = define(
    Target(
        "chain_take",
        chain.chain_take,
        4,
        lambda **_: (0, 1, 0, 0),
        lambda rest, words, size, status, *, n, **_: [*_advanced(rest, words, size, status), ((n,), jnp.uint32)],
        POPPED,
        CHAIN,
    )
)
chain_keep = define(
    Target(
        "chain_keep",
        chain.chain_keep,
        4,
        lambda variant, **_: (CHAIN_HALVES[variant], 1, 0, 0, 1, 1, 1),
        lambda head, words, size, status, *_, variant, **__: _state(head, words, size, status, CHAIN_WORDS[variant]),
        PUSHED,
        CHAIN,
    )
)
chain_push = _define_chain_push("chain_push", chain.chain_push, 1, 1)
CHAIN_PUSHES = {
    kind: _define_chain_push(f"chain_push_{kind}", functools.partial(chain.chain_push_kind, kind), 1, *ranks)
    for kind, ranks in KINDS.items()
}
CHAIN_POPS = {
    kind: _define_chain_pop(f"chain_pop_{kind}", functools.partial(chain.chain_pop_kind, kind), *ranks)
    for kind, ranks in KINDS.items()
}

# ---- the range coder ----

ENCODER = (1, 1, 1, 0, 0, 0, 0)
DECODER = (1, 1, 1, 1, 0, 0, 0)
DECODED = {0: 0, 1: 1, 2: 2, 5: 3, 6: 4}


def _encoded(lower, range_, words, size, held, first, status, *_, **__) -> Shapes:
    numbers = [(lower, jnp.uint32), (range_, jnp.uint32), (words, jnp.uint32), (size, jnp.int32), (held, jnp.int32)]
    return [*numbers, (first, jnp.uint32), (status, jnp.int32)]


def _decoder(point, lower, range_, _, __, index, status, *___, **____) -> Shapes:
    return [*((a, jnp.uint32) for a in (point, lower, range_)), (index, jnp.int32), (status, jnp.int32)]


def _define_encode(name: str, reference: Callable, *ranks: int):
    aliases = {k: k for k in range(len(ENCODER))}
    return define(Target(name, reference, 7, lambda **_: (*ENCODER, *ranks), _encoded, aliases, ("precision",)))


def _define_decode(name: str, reference: Callable, more: Callable[..., Shapes], *ranks: int):
    results = lambda *parts, **params: [*_decoder(*parts), *more(**params)]
    return define(Target(name, reference, 7, lambda **_: (*DECODER, *ranks), results, DECODED, ("precision",)))


range_encode = _define_encode("range_encode", range_.range_encode, 1, 1)
range_peek = _define_decode("range_peek", range_.range_peek, lambda **_: [((), jnp.uint32)])
range_advance = _define_decode("range_advance", range_.range_advance, lambda **_: [], 1, 1)
RANGE_ENCODES = {
    kind: _define_encode(f"range_encode_{kind}", functools.partial(range_.range_encode_kind, kind), 1, *ranks)
    for kind, ranks in KINDS.items()
}
RANGE_DECODES = {
    kind: _define_decode(
        f"range_decode_{kind}",
        functools.partial(range_.range_decode_kind, kind),
        lambda n, **_: [((n,), jnp.int32)],
        *ranks,
    )
    for kind, ranks in KINDS.items()
}

# ---- symbol codes ----


def _define_bits(name: str, order: bool, writes: bool, *ranks: int):
    """A target that writes symbols into a string of bits, or reads them from one; `order` is that of a Golomb code."""

    def results(rest, words, size, status, *_, n=None, dtype=None, **__):
        state = _state(rest, words, size, status, jnp.uint32)
        return state if writes else [state[0], *state[2:], ((n,), dtype)]

    every = lambda **_: (0, 1, 0, 0, *ranks)
    attributes = ("order",) if order else ()
    return define(Target(name, getattr(huffman, name), 4, every, results, PUSHED if writes else POPPED, attributes))


huffman_codebook = define(
    Target(
        "huffman_codebook",
        huffman.huffman_codebook,
        1,
        lambda **_: (1,),
        lambda probs: [((*probs, 2), jnp.uint32), ((2 * probs[0] - 1, 3), jnp.int32)],
        {},
        (),
    )
)
huffman_encode = _define_bits("huffman_encode", False, True, 1, 2, 2)
huffman_push = _define_bits("huffman_push", False, True, 1, 2, 2)
huffman_decode = _define_bits("huffman_decode", False, False, 0, 2)
huffman_pop = _define_bits("huffman_pop", False, False, 2)
golomb_encode = _define_bits("golomb_encode", True, True, 1)
golomb_push = _define_bits("golomb_push", True, True, 1)
golomb_decode = _define_bits("golomb_decode", True, False, 0)
golomb_pop = _define_bits("golomb_pop", True, False)

# ---- table ANS ----

TANS = (1, 0, 1, 0, 0)


def _tans(head, rest, words, size, status, *_, n=None, dtype=None, **__) -> Shapes:
    first = [(head, jnp.uint32), (rest, jnp.uint32)]
    last = [(size, jnp.int32), (status, jnp.int32)]
    return [*first, (words, jnp.uint32), *last] if dtype is None else [*first, *last, ((n,), dtype)]


tans_tables = define(
    Target(
        "tans_tables",
        tans.tans_tables,
        1,
        lambda **_: (1, 0),
        lambda cdf, _, *, precision: [
            ((cdf[0] - 1, 2), jnp.uint32),
            ((2**precision,), jnp.uint16),
            ((2**precision,), jnp.uint32),
            ((), jnp.int32),
        ],
        {},
        ("precision",),
    )
)
tans_push = define(
    Target(
        "tans_push",
        tans.tans_push,
        5,
        lambda **_: (*TANS, 1, 2, 2, 1, 1, 1),
        _tans,
        {k: k for k in range(5)},
        ("precision", "bypass_precision"),
    )
)
tans_pop = define(
    Target(
        "tans_pop",
        tans.tans_pop,
        5,
        lambda **_: (*TANS, 2, 1, 1, 1),
        _tans,
        {0: 0, 1: 1, 3: 2, 4: 3},
        ("precision", "bypass_precision"),
    )
)
