"""Checkpoints of trees whose arrays are spread over devices and processes: each process packs the parts that it holds.

A directory has a file of `jans.pack` for each process: of each array of JAX the parts that this process wrote, under
its shape and the index of their first element, and, from the first process, all other leaves.
"""

import os
import pathlib
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jans
from jans.archive import packing
from jans.status import CodingError

_FILE = "process_{}.jans"


def save(directory: Any, tree: Any, level: str = "fast") -> None:
    """Writes a checkpoint. Every process calls this, with the same directory, which all of them see.

    Of an array that several processes hold, one of them writes each part. Arrays of NumPy, numbers and strings are
    written by the first process.

    Args:
        directory: where to; it is made if it is not there, and must hold no checkpoint.
        tree: arrays of JAX, sharded in any way, arrays of NumPy, and all else that `jans.pack` takes.
        level: as for `jans.pack`.

    Raises:
        FileExistsError: if the directory has a checkpoint.
        TypeError: for a leaf that cannot be packed.
    """
    place = pathlib.Path(directory)
    process, processes = jax.process_index(), jax.process_count()
    path = place / _FILE.format(process)
    if path.exists():
        raise FileExistsError(f"{place} has a checkpoint. Save to another directory.")
    place.mkdir(parents=True, exist_ok=True)
    values, parts = {}, {}
    for name, leaf in packing.leaves_of(tree)[0].items():
        if isinstance(leaf, jax.Array) and not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            parts[name] = {
                f"{_text(leaf.shape)}@{_text(axis.start or 0 for axis in shard.index)}": np.asarray(shard.data)
                for shard in leaf.addressable_shards
                if shard.replica_id == 0
            }
        elif process == 0:
            values[name] = leaf
    packed = packing.pack_in_parts({"processes": processes, "values": values, "parts": parts}, level)
    # Renamed when it is complete, so that a checkpoint that was interrupted is none.
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.writelines(packed)
    os.replace(part, path)


def restore(directory: Any, like: Any, *, limit: int | None = None) -> Any:
    """The tree of a checkpoint. Every process calls this, and reads the parts that its devices need.

    Args:
        directory: what `save` wrote.
        like: a tree of the same structure: arrays of JAX, or `jax.ShapeDtypeStruct` with a sharding, for arrays of JAX
            with this sharding, which may be another one than before; anything else for what NumPy holds.
        limit: as for `jans.unpack`, for the file of each process.

    Raises:
        CodingError: if the directory has no complete checkpoint, or one of another tree.
    """
    place = pathlib.Path(directory)
    archives = [jans.open(path, limit=limit) for path in sorted(place.glob(_FILE.format("*")))]
    if not archives or len(archives) != archives[0].get("processes"):
        raise CodingError(f"{place} has {len(archives)} files of a checkpoint, which is not complete or none.")
    there: dict[str, dict[str, Any]] = {}
    for path, leaf in (item for archive in archives for item in archive.items()):
        if path != "processes":
            _, name, key = f"{path}//".split("/")[:3]
            there.setdefault(name, {})[key] = leaf
    leaves, structure = packing.leaves_of(like)
    wanted = {packing.name_of([name]): leaf for name, leaf in leaves.items()}
    if wanted.keys() != there.keys():
        name = min(wanted.keys() ^ there.keys())
        raise CodingError(f"the checkpoint and like do not have the same leaves: only one of them has {name!r}.")
    found = [_restored(name, leaf, there[name]) for name, leaf in wanted.items()]
    return jax.tree_util.tree_unflatten(structure, found)


def _restored(name: str, like: Any, parts: dict[str, Any]) -> Any:
    """A leaf from its parts, or from the value that stands for all of it."""
    if "" in parts:
        return parts[""][...] if isinstance(parts[""], packing.Leaf) else parts[""]
    known = {key.partition("@")[0] for key in parts}
    if known != {_text(np.shape(like))}:
        raise CodingError(f"{name!r} has the shape {min(known)} in the checkpoint, and {np.shape(like)} in like.")
    there = [(_numbers(key.partition("@")[2]), leaf) for key, leaf in parts.items()]
    if any(not isinstance(leaf, packing.Leaf) or len(start) != len(leaf.shape) for start, leaf in there):
        raise CodingError(f"the parts of {name!r} in the checkpoint are damaged or made up.")

    def part_of(index: Any) -> np.ndarray:
        ends = [axis.indices(length)[:2] for axis, length in zip(index, np.shape(like), strict=True)]
        whole = np.empty([end - begin for begin, end in ends], there[0][1].dtype)
        filled = 0
        for start, leaf in there:
            low = [max(begin, s) for (begin, _), s in zip(ends, start, strict=True)]
            high = [min(end, s + n) for (_, end), s, n in zip(ends, start, leaf.shape, strict=True)]
            if all(a < b for a, b in zip(low, high, strict=True)):
                source = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))
                if [b - a for a, b in zip(low, high, strict=True)] == list(whole.shape):
                    return leaf[source]
                target = tuple(slice(a - begin, b - begin) for a, b, (begin, _) in zip(low, high, ends, strict=True))
                whole[target] = leaf[source]
                filled += whole[target].size
        if filled != whole.size:
            raise CodingError(f"the checkpoint lacks a part of {name!r}.")
        return whole

    sharding = getattr(like, "sharding", None)
    if sharding is None:
        return part_of((slice(None),) * np.ndim(like))
    return jax.make_array_from_callback(np.shape(like), sharding, part_of)


def _text(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def _numbers(text: str) -> tuple[int, ...]:
    if not all(number.isdecimal() for number in text.split(",")):
        return ()
    return tuple(map(int, text.split(",")))
