"""Makes one JAX primitive for every kernel. Shapes, aliasing, batching and fallback of all kernels are in
this file; `jans.ffi.targets` lists the kernels.

Batches. Every operand has the same number of leading batch axes. The first operands of a call carry the whole
batch; these are the ones that the call updates or maps over. Any later operand may have length 1 along a
batch axis, and then all streams share it. `vmap` therefore adds an axis of length 1 to a shared table and
never copies it.

Aliasing. A call aliases the operands that it updates with its results, so it updates them in place inside a
donated `jit`, a `scan` or a `while_loop`.

Platforms. A call lowers to the kernel if the platform has one, and otherwise to `jans.reference.jax`.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from jans.ffi import registry, sharding

Shapes = list[tuple[tuple[int, ...], Any]]


@dataclasses.dataclass(frozen=True)
class Target:
    """A kernel.

    Attributes:
        name: its name, the same on every platform.
        reference: the same function in plain JAX, for one stream.
        full: the number of leading operands that carry the whole batch.
        ranks: from the parameters to the number of axes of each operand in one stream.
        results: the shapes and dtypes of one stream's results.
        aliases: maps operands to the results that replace them.
        attributes: the parameters that the kernel reads; it sees the other ones in the shapes.
        steps: the same function for a batch, made of other targets; None if there is none.
    """

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
CALLS: dict[str, Callable[..., tuple[jax.Array, ...]]] = {}
"""The functions that call the targets, by name."""


def define(target: Target) -> Callable[..., tuple[jax.Array, ...]]:
    """Makes the primitive of a target, and returns the function that calls it."""
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
            sharding.check_whole(f"operand {position} of jans_{target.name}", aval, batch_rank)
            parts.append(aval.shape[batch_rank:])
        return [
            sharding.result_type(avals, batch_rank, (*batch, *shape), np.dtype(dtype))
            for shape, dtype in target.results(*parts, **params)
        ]

    def batch(args, dims, **params):
        first, axis = next((a, d) for a, d in zip(args, dims, strict=True) if d is not None)
        moved = []
        for position, (arg, dim) in enumerate(zip(args, dims, strict=True)):
            if dim is not None:
                moved.append(jnp.moveaxis(arg, dim, 0))
            elif position < target.full:
                moved.append(sharding.broadcast_like(arg, first, axis))
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
        batch_rank = ctx.avals_in[0].ndim - target.ranks(**params)[0]
        if batch_rank > 0 and sharding.is_split(ctx.module_context.axis_context):
            shapes = ([aval.shape for aval in avals] for avals in (ctx.avals_in, ctx.avals_out))
            call = lambda *args: tuple(primitive.bind(*args, **params))
            split = sharding.split_along_batch(call, target.full, batch_rank, *shapes)
            return mlir.lower_fun(split, multiple_results=True)(ctx, *operands)
        rule = jax.ffi.ffi_lowering(f"jans_{target.name}", operand_output_aliases=target.aliases)
        return rule(ctx, *operands, **{name: np.int32(params[name]) for name in target.attributes})

    def plain(ctx, *operands, **params):
        # Inside shard_map, types say over which mesh axes a value varies. Below this line that no longer
        # matters.
        bare = ctx.replace(avals_in=[jax.core.ShapedArray(a.shape, a.dtype) for a in ctx.avals_in])
        with jax.enable_x64(True):
            return mlir.lower_fun(functools.partial(_batched_reference, target, params))(bare, *operands)

    sharding.needs_devices(primitive)
    batching.primitive_batchers[primitive] = batch
    ad.primitive_jvps[primitive] = differentiate
    mlir.register_lowering(primitive, plain)
    for platform in registry.LIBRARIES:
        names = registry.targets(platform)
        if f"jans_{target.name}" in names:
            mlir.register_lowering(primitive, kernel, platform=platform)
        elif names and target.steps is not None:
            mlir.register_lowering(primitive, mlir.lower_fun(target.steps), platform=platform)

    def call(*args, **params):
        return tuple(primitive.bind(*_vary_alike(args), **params))

    CALLS[target.name] = call
    return call


def _batched_reference(target: Target, params: dict[str, Any], *args):
    """Calls the plain JAX implementation over the batch; batch axes of length 1 are shared."""

    def over(batch_rank, *xs):
        if batch_rank == 0:
            return tuple(target.reference(*xs, **params))
        size = xs[0].shape[0]
        axes = [0 if x.shape[0] == size else None for x in xs]
        parts = [x if axis == 0 else x[0] for x, axis in zip(xs, axes, strict=True)]
        return jax.vmap(functools.partial(over, batch_rank - 1), in_axes=axes)(*parts)

    return list(over(args[0].ndim - target.ranks(**params)[0], *args))


def _vary_alike(args):
    """Makes all operands of a call vary over the same mesh axes, as shard_map requires."""
    axes: list[frozenset[str]] = [getattr(jax.typeof(a), "vma", frozenset()) for a in args]
    every = frozenset[str]().union(*axes)
    return [
        a if have == every else jax.lax.pcast(a, tuple(every - have), to="varying")
        for a, have in zip(args, axes, strict=True)
    ]
