"""One JAX primitive for every kernel: shapes, aliasing, batching and fallback, for all of them in this file.

Batches. Every operand has the same number of leading batch dimensions. The first operands of a call, those it updates
or maps over, carry the whole batch; each later one may have length 1 in a batch dimension, which means that all streams
share it. `vmap` therefore adds a dimension of length 1 to a shared table and never copies it.

Aliasing. What a call updates is aliased in and out, so that inside a donated `jit`, a `scan` or a `while_loop` it
happens in place.

Platforms. A call lowers to the kernel where the platform has one and to `jans.reference.xla` everywhere else.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from jans.ffi import registry
from jans.reference import chain, huffman, quantizers, xla

Shapes = list[tuple[tuple[int, ...], Any]]


@dataclasses.dataclass(frozen=True)
class Target:
    """A kernel: `full` leading operands carry the batch, `ranks` are dimensions of one stream's part, `aliases` maps
    operands to the results that replace them, `results` gives one stream's result shapes and dtypes, and `attributes`
    are the parameters that the kernel reads (the others it sees in the shapes). `reference` is the same in plain JAX,
    for one stream; `steps`, where it can be done by other targets, is that, for a batch."""

    name: str
    reference: Callable[..., tuple[jax.Array, ...]]
    full: int
    ranks: Callable[..., Sequence[int]]
    results: Callable[..., Shapes]
    aliases: dict[int, int]
    attributes: tuple[str, ...]
    steps: Callable[..., tuple[jax.Array, ...]] | None = None


TARGETS: dict[str, Target] = {}
"""Every target by name."""


def _define(target: Target) -> Callable[..., tuple[jax.Array, ...]]:
    TARGETS[target.name] = target
    primitive = Primitive(f"jans_{target.name}")
    primitive.multiple_results = True

    @functools.cache
    def compiled(params):
        return jax.jit(functools.partial(primitive.bind, **dict(params)))

    @primitive.def_impl
    def eager(*args, **params):
        with jax.disable_jit(False):
            return compiled(tuple(sorted(params.items())))(*args)

    @primitive.def_abstract_eval
    def shapes(*avals, **params):
        ranks = target.ranks(**params)
        if len(avals) != len(ranks):
            raise TypeError(f"jans_{target.name} takes {len(ranks)} operands, not {len(avals)}")
        batch_rank = avals[0].ndim - ranks[0]
        batch = avals[0].shape[:batch_rank]
        parts = []
        for position, (aval, rank) in enumerate(zip(avals, ranks, strict=True)):
            lengths = aval.shape[: aval.ndim - rank]
            fits = len(lengths) == batch_rank and all(
                a == b or (a == 1 and position >= target.full) for a, b in zip(lengths, batch, strict=True)
            )
            if not fits:
                raise TypeError(f"operand {position} of jans_{target.name} has shape {aval.shape}, batch {batch}")
            parts.append(aval.shape[batch_rank:])
        return [
            avals[0].update(shape=(*batch, *shape), dtype=np.dtype(dtype), weak_type=False)
            for shape, dtype in target.results(*parts, **params)
        ]

    def batch(args, dims, **params):
        size = next(a.shape[d] for a, d in zip(args, dims, strict=True) if d is not None)
        moved = []
        for position, (arg, dim) in enumerate(zip(args, dims, strict=True)):
            if dim is not None:
                moved.append(jnp.moveaxis(arg, dim, 0))
            elif position < target.full:
                moved.append(jnp.broadcast_to(arg, (size, *arg.shape)))
            else:
                moved.append(arg[None])
        results = primitive.bind(*_vary_alike(moved), **params)
        return results, [0] * len(results)

    def differentiate(*_, **__):
        raise TypeError(
            f"jans_{target.name} turns numbers into code words and has no derivative. Train on model.bits(symbols) or "
            "model.log_prob(symbols), and keep push, pop and quantisation out of jax.grad (jax.lax.stop_gradient)."
        )

    def kernel(ctx, *operands, **params):
        rule = jax.ffi.ffi_lowering(f"jans_{target.name}", operand_output_aliases=target.aliases)
        return rule(ctx, *operands, **{name: np.int32(params[name]) for name in target.attributes})

    def plain(ctx, *operands, **params):
        # Inside shard_map types say over which mesh axes a value varies; below this line that no longer matters.
        bare = ctx.replace(avals_in=[jax.core.ShapedArray(a.shape, a.dtype) for a in ctx.avals_in])
        with jax.enable_x64(True):
            return mlir.lower_fun(functools.partial(_batched_reference, target, params))(bare, *operands)

    batching.primitive_batchers[primitive] = batch
    ad.primitive_jvps[primitive] = differentiate
    mlir.register_lowering(primitive, plain)
    _PENDING.append((primitive, target, kernel))

    def call(*args, **params):
        _register_lowerings()
        return tuple(primitive.bind(*_vary_alike(args), **params))

    return call


def _batched_reference(target: Target, params: dict[str, Any], *args):
    """The plain JAX implementation over the batch; dimensions of length 1 are shared."""

    def over(batch_rank, *xs):
        if batch_rank == 0:
            return tuple(target.reference(*xs, **params))
        size = xs[0].shape[0]
        axes = [0 if x.shape[0] == size else None for x in xs]
        parts = [x if axis == 0 else x[0] for x, axis in zip(xs, axes, strict=True)]
        return jax.vmap(functools.partial(over, batch_rank - 1), in_axes=axes)(*parts)

    return list(over(args[0].ndim - target.ranks(**params)[0], *args))


def _vary_alike(args):
    """Inside shard_map all operands of a call vary over the same mesh axes."""
    axes: list[frozenset[str]] = [getattr(jax.typeof(a), "vma", frozenset()) for a in args]
    every = frozenset[str]().union(*axes)
    return [
        a if have == every else jax.lax.pcast(a, tuple(every - have), to="varying")
        for a, have in zip(args, axes, strict=True)
    ]


_PENDING: list[tuple[Primitive, Target, Callable]] = []


@functools.cache
def _register_lowerings() -> None:
    """Opens the libraries and gives every primitive the kernels there are. On the first call, not on import: the CUDA
    library is opened only when JAX has a CUDA backend, and asking for backends starts them."""
    for platform in registry.platforms():
        names = registry.targets(platform)
        for primitive, target, kernel in _PENDING:
            if f"jans_{target.name}" in names:
                mlir.register_lowering(primitive, kernel, platform=platform)
            elif names and target.steps is not None:
                mlir.register_lowering(primitive, mlir.lower_fun(target.steps), platform=platform)


# ---- the targets ----

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
    return _define(Target(name, reference or getattr(xla, name), 4, every, _pushed, PUSHED, CODER, steps))


def _define_pop(name: str, *ranks: int, reference: Callable | None = None, steps: Callable | None = None):
    every = lambda variant, **_: (*_state_ranks(variant), *ranks)
    return _define(Target(name, reference or getattr(xla, name), 4, every, _popped, POPPED, CODER, steps))


def _define_map(name: str, results: Callable[..., Shapes], *ranks: int, reference: Callable | None = None):
    return _define(Target(name, reference or getattr(xla, name), 1, lambda **_: ranks, results, {}, ("precision",)))


def _interval(symbols, *_, **__) -> Shapes:
    return [(symbols, jnp.uint32), (symbols, jnp.uint32)]


def _located(quantiles, *_, **__) -> Shapes:
    return [(quantiles, jnp.int32)]


def _row(values, *_, **__) -> Shapes:
    return [((values[0] + 1,), jnp.uint32)]


class Family(NamedTuple):
    """The targets of a model in closed form: `push` and `pop` code symbols, `interval` and `locate` map arrays."""

    push: Callable[..., tuple[jax.Array, ...]]
    pop: Callable[..., tuple[jax.Array, ...]]
    interval: Callable[..., tuple[jax.Array, ...]]
    locate: Callable[..., tuple[jax.Array, ...]]


def _define_family(name: str, *ranks: int) -> Family:
    plain = lambda function: functools.partial(function, name)
    interval = _define_map(f"interval_{name}", _interval, 1, *ranks, reference=plain(xla.interval_family))

    def push_intervals(head, tail, size, status, symbols, *operands, variant, precision):
        symbols = jnp.broadcast_to(symbols, (*size.shape, symbols.shape[-1])).astype(jnp.int32)
        start, freq = interval(symbols, *operands, precision=precision)
        return rans_push(head, tail, size, status, start, freq, variant=variant, precision=precision)

    push_steps, pop_steps = (_push_rows, _pop_rows) if name == "lazy" else (push_intervals, None)
    return Family(
        _define_push(f"rans_push_{name}", 1, *ranks, reference=plain(xla.rans_push_family), steps=push_steps),
        _define_pop(f"rans_pop_{name}", *ranks, reference=plain(xla.rans_pop_family), steps=pop_steps),
        interval,
        _define_map(f"locate_{name}", _located, 1, *ranks, reference=plain(xla.locate_family)),
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


def _define_chain(name: str, head: Callable[[int], int], writes: bool, *ranks: int):
    """A target of one of the two stacks of a chain coder; `head` gives the rank of its head, and those that write no
    words give quantiles."""

    def results(head, words, size, status, *_, variant, n=None, **__):
        state = _state(head, words, size, status, CHAIN_WORDS[variant])
        if writes:
            return state
        return [state[0], *state[2:], ((n,) if n is not None else _[0], jnp.uint32)]

    every = lambda variant, **_: (head(variant), 1, 0, 0, *ranks)
    return _define(
        Target(name, getattr(chain, name), 4, every, results, PUSHED if writes else POPPED, (*CODER, "most"))
    )


CHAIN_WORDS = {0: jnp.uint32, 1: jnp.uint16}
CHAIN_HALVES = {0: 2, 1: 1}

chain_take = _define_chain("chain_take", lambda variant: 0, False)
chain_give = _define_chain("chain_give", lambda variant: 0, True, 1, 1)
chain_keep = _define_chain("chain_keep", CHAIN_HALVES.__getitem__, True, 1, 1, 1)
chain_recall = _define_chain("chain_recall", CHAIN_HALVES.__getitem__, False, 1, 1)


def _define_bits(name: str, order: bool, writes: bool, *ranks: int):
    """A target that writes symbols into a string of bits, or reads them from one; `order` is that of a Golomb code."""

    def results(rest, words, size, status, *_, n=None, dtype=None, **__):
        state = _state(rest, words, size, status, jnp.uint32)
        return state if writes else [state[0], *state[2:], ((n,), dtype)]

    every = lambda **_: (0, 1, 0, 0, *ranks)
    attributes = ("order",) if order else ()
    return _define(Target(name, getattr(huffman, name), 4, every, results, PUSHED if writes else POPPED, attributes))


huffman_codebook = _define(
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

rans_push = _define_push("rans_push", 1, 1)
rans_push_rows = _define_push("rans_push_rows", 1, 2, 1)
rans_advance = _define(
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
rans_pop_rows = _define_pop("rans_pop_rows", 2, 1)
quantize_probs = _define_map("quantize_probs", _row, 1, 1, reference=quantizers.quantize_probs)
quantize_perfect = _define_map("quantize_perfect", _row, 1, 1, reference=quantizers.quantize_perfect)
quantize_logits = _define_map("quantize_logits", _row, 1, 1, reference=quantizers.quantize_logits)
addresses = _define(
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

# The ranks of their operands, in the order of csrc/ffi/families.h.
FAMILIES = {
    name: _define_family(name, *ranks)
    for name, ranks in {
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
    }.items()
}

PUSHES = {"rows": rans_push_rows} | {name: family.push for name, family in FAMILIES.items()}
POPS = {"rows": rans_pop_rows} | {name: family.pop for name, family in FAMILIES.items()}
"""How each kind of model is coded; see `jans.models.base.Kernel`."""
