"""Streams that are spread over devices: kernels run where their streams are.

JAX partitions a jitted program over the devices of its arguments, but it does not know how to split a custom
call: it would gather all streams on every device. So a call with batch axes that is compiled for several devices
says how it splits: along its batch axes, and along nothing else. Operands that all streams share stay whole.
"""

import string
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec

Shape = tuple[int, ...]


def is_split(context: Any) -> bool:
    """Whether a program is compiled for several devices that JAX chooses the parts of.

    Inside `shard_map` all axes are manual, and the operands are the part of one device already. A program that is
    exported does not know its devices yet, and without a mesh there is nothing to split along.
    """
    mesh = getattr(context, "abstract_mesh", None)
    return getattr(context, "device_assignment", None) is not None and mesh is not None and mesh.size > 1


def needs_devices(primitive: Any) -> None:
    """Makes JAX lower programs with a primitive for the devices that they run on."""
    from jax._src import dispatch

    dispatch.prim_requires_devices_during_lowering.add(primitive)


def split_along_batch(
    call: Callable[..., Any], full: int, batch_rank: int, operands: Sequence[Shape], results: Sequence[Shape]
) -> Callable[..., Any]:
    """The same function, which JAX may split along batch axes.

    Args:
        call: a function of the operands, or of parts of them.
        full: the number of leading operands that carry the whole batch.
        batch_rank: number of leading batch axes.
        operands, results: shapes; an operand has length 1 along a batch axis that it is shared along.
    """
    batch = operands[0][:batch_rank]

    def specs(shapes, split):
        """The parts of arrays, for batch axes that are split like this."""
        along = lambda shape: [part if n == b else None for part, n, b in zip(split, shape, batch, strict=False)]
        return [PartitionSpec(*along(shape)) for shape in shapes]

    def split_of(shardings):
        """How the batch axes are split: as the first operand has them that does not have them whole."""
        found: list[Any] = [None] * batch_rank
        for sharding in shardings[:full]:
            given = [*sharding.spec, *[None] * batch_rank]
            found = [mine or theirs for mine, theirs in zip(found, given, strict=False)]
        return found

    def partition(mesh, operand_shapes, result_shapes):
        split = split_of([shape.sharding for shape in operand_shapes])
        named = lambda shapes: [NamedSharding(mesh, spec) for spec in specs(shapes, split)]
        return mesh, call, tuple(named(results)), tuple(named(operands))

    def infer(mesh, operand_shapes, result_shapes):
        split = split_of([shape.sharding for shape in operand_shapes])
        return tuple(NamedSharding(mesh, spec) for spec in specs(results, split))

    partitioned = custom_partitioning(call)
    partitioned.def_partition(
        partition=partition,
        infer_sharding_from_operands=infer,
        sharding_rule=_rule(batch, operands, results),
    )
    return partitioned


def _rule(batch: Shape, operands: Sequence[Shape], results: Sequence[Shape]) -> str:
    """Which axes of arrays are the same, in the notation of Shardy: the batch axes; all others stand alone."""
    alone = 0

    def axes(shape):
        nonlocal alone
        names = []
        for k, length in enumerate(shape):
            if k < len(batch) and length == batch[k]:
                names.append(f"batch{string.ascii_lowercase[k]}")
            else:
                names.append(f"alone{alone}")
                alone += 1
        return " ".join(names)

    return f"{', '.join(map(axes, operands))} -> {', '.join(map(axes, results))}"


def check_whole(name: str, operand: Any, batch_rank: int) -> None:
    """Raises ValueError if an operand is spread along an axis of one stream, which one device codes in order."""
    parts = [part for part in operand.sharding.spec[batch_rank:] if part is not None]
    if parts:
        raise ValueError(
            f"{name} is spread over mesh axis {parts[0]!r} along an axis that belongs to one stream. Spread the "
            "streams of a batch instead, or gather the symbols of a stream first, with jax.sharding.reshard."
        )


def result_type(operands: Sequence[Any], batch_rank: int, shape: Shape, dtype: Any) -> Any:
    """The type of a result, whose batch axes are spread as those of the first operand are.

    Under a mesh with explicit axes, types say how arrays are spread. Constants know no mesh.
    """
    first = operands[0]
    like = next((aval.sharding for aval in operands if not aval.sharding.mesh.empty), first.sharding)
    given = [*first.sharding.spec, *[None] * first.ndim][:batch_rank]
    spec = PartitionSpec(*given, *[None] * (len(shape) - batch_rank))
    return first.update(shape=shape, dtype=dtype, weak_type=False, sharding=like.update(spec=spec))


def broadcast_like(array: jax.Array, first: jax.Array, axis: int) -> jax.Array:
    """An array with a new leading axis, as long as an axis of `first` and spread as that is."""
    like, size = jax.typeof(first).sharding, first.shape[axis]
    if like.mesh.empty:
        return jax.numpy.broadcast_to(array, (size, *array.shape))
    part = [*like.spec, *[None] * first.ndim][axis]
    rest = [*jax.typeof(array).sharding.spec, *[None] * array.ndim][: array.ndim]
    return jax.lax.broadcast(array, (size,), out_sharding=like.update(spec=PartitionSpec(part, *rest)))
