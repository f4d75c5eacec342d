"""Checkpoints of sharded trees, in one process and in two, and the handler of Orbax."""

import os
import socket
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from jax.sharding import NamedSharding, PartitionSpec

import jans
from jans.plugins import checkpoints
from jans.plugins.orbax import PackHandler, PackRestore, PackSave


def mesh(*shape):
    return jax.make_mesh(shape, ("x", "y")[: len(shape)], axis_types=(jax.sharding.AxisType.Auto,) * len(shape))


def state():
    rng = np.random.default_rng(0)
    place = lambda array, *axes: jax.device_put(array, NamedSharding(mesh(4, 2), PartitionSpec(*axes)))
    params = {
        "a/b": place(rng.normal(size=(64, 30)).astype(np.float32), "x", "y"),
        "bf16": place(jnp.asarray(rng.normal(size=(8, 16, 3)), jnp.bfloat16), None, "y"),
        "whole": place(np.arange(9)),
    }
    rest = {"none": None, "number": 3, "text": "x", "numpy": np.arange(5), "scalar": jnp.float32(2)}
    return {"params": params, "optimizer": optax.adamw(1e-3).init(params), **rest}


def assert_same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert type(x) is type(y)
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()
        if isinstance(x, jax.Array):
            assert (x.dtype, x.sharding) == (y.dtype, y.sharding)


@pytest.mark.parametrize("level", ["fast", "small"])
def test_sharded_trees_come_back(tmp_path, level):
    tree = state()
    checkpoints.save(tmp_path / "step", tree, level)
    assert_same(checkpoints.restore(tmp_path / "step", tree), tree)
    assert [path.name for path in (tmp_path / "step").iterdir()] == ["process_0.jans"]


def test_another_sharding(tmp_path):
    tree = state()["params"]
    checkpoints.save(tmp_path, tree)
    for axes, shape in ((("y", "x"), (4, 2)), ((None, None), (8, 1)), ((("x", "y"),), (2, 4))):
        spread = NamedSharding(mesh(*shape), PartitionSpec(*axes))
        like = tree | {"a/b": jax.ShapeDtypeStruct((64, 30), jnp.float32, sharding=spread)}
        if axes == ("y", "x"):
            like["a/b"] = jax.ShapeDtypeStruct(
                (64, 30), jnp.float32, sharding=NamedSharding(mesh(2, 4), PartitionSpec("y"))
            )
        found = checkpoints.restore(tmp_path, like)["a/b"]
        assert found.sharding == like["a/b"].sharding
        assert (np.asarray(found) == np.asarray(tree["a/b"])).all()
    on_host = checkpoints.restore(tmp_path, jax.tree.map(np.asarray, tree))
    assert all(type(leaf) is np.ndarray for leaf in jax.tree.leaves(on_host))
    assert (on_host["a/b"] == np.asarray(tree["a/b"])).all()


WORKER = """
import sys
import jax, numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec
from jans.plugins import checkpoints

port, process, directory = sys.argv[1], int(sys.argv[2]), sys.argv[3]
jax.distributed.initialize(f"localhost:{port}", 2, process)
mesh = jax.make_mesh((4,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
whole = np.arange(640, dtype=np.float32).reshape(64, 10)
spread = lambda *axes: jax.make_array_from_callback(
    (64, 10), NamedSharding(mesh, PartitionSpec(*axes)), lambda index: whole[index]
)
tree = {"rows": spread("x"), "same": spread(), "step": 7}
checkpoints.save(directory, tree)
multihost_utils.sync_global_devices("saved")
found = checkpoints.restore(directory, tree)
assert found["step"] == 7
for name in ("rows", "same"):
    for shard in found[name].addressable_shards:
        assert (np.asarray(shard.data) == whole[shard.index]).all()
print("restored", process)
"""


def test_two_processes(tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    workers = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", WORKER, str(port), str(process), str(tmp_path / "step")],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process in range(2)
    ]
    for process, worker in enumerate(workers):
        out, err = worker.communicate(timeout=300)
        assert f"restored {process}" in out, err
    files = sorted((tmp_path / "step").iterdir())
    assert [path.name for path in files] == ["process_0.jans", "process_1.jans"]
    # Each wrote its half of the rows, and one of them what both have.
    names = [sorted(jans.open(path)) for path in files]
    assert [name for name in names[0] if name.startswith("parts/rows")] == [
        "parts/rows/64,10@0,0",
        "parts/rows/64,10@16,0",
    ]
    assert sum(name.startswith("parts/same") for part in names for name in part) == 1
    # And one process reads all.
    whole = np.arange(640, dtype=np.float32).reshape(64, 10)
    like = {"rows": whole, "same": whole, "step": 0}
    found = checkpoints.restore(tmp_path / "step", like)
    assert (found["rows"] == whole).all()
    assert (found["same"] == whole).all()
    files[1].unlink()
    with pytest.raises(jans.CodingError, match="has 1 files of a checkpoint, which is not complete or none"):
        checkpoints.restore(tmp_path / "step", like)


def test_errors(tmp_path):
    tree = {"w": jnp.zeros((4, 6)), "n": 3}
    checkpoints.save(tmp_path / "a", tree)
    with pytest.raises(FileExistsError, match=r"has a checkpoint\. Save to another directory"):
        checkpoints.save(tmp_path / "a", tree)
    with pytest.raises(jans.CodingError, match="has 0 files of a checkpoint, which is not complete or none"):
        checkpoints.restore(tmp_path / "b", tree)
    with pytest.raises(jans.CodingError, match="only one of them has 'n'"):
        checkpoints.restore(tmp_path / "a", {"w": jnp.zeros((4, 6))})
    with pytest.raises(jans.CodingError, match=r"'w' has the shape 4,6 in the checkpoint, and \(6, 4\) in like"):
        checkpoints.restore(tmp_path / "a", {"w": jnp.zeros((6, 4)), "n": 3})
    with pytest.raises(TypeError, match="has a key"):
        checkpoints.save(tmp_path / "c", {"key": jax.random.key(0)})
    for number, parts in enumerate(({"4,6@0,0": 3}, {"4,6@0": np.zeros((4, 6))}, {"4,6@x,y": np.zeros((4, 6))},
                                    {"4,6@0,0": np.zeros((4, 5))}, {"4,6@9,9": np.zeros((4, 6))})):  # fmt: skip
        place = tmp_path / f"made_up_{number}"
        place.mkdir()
        made_up = {"processes": 1, "values": {"n": 3}, "parts": {"w": parts}}
        (place / "process_0.jans").write_bytes(jans.pack(made_up))
        with pytest.raises(jans.CodingError, match=r"are damaged or made up|lacks a part"):
            checkpoints.restore(place, tree)


def test_orbax(tmp_path):
    tree = state()
    with ocp.Checkpointer(PackHandler()) as checkpointer:
        checkpointer.save(tmp_path / "one", args=PackSave(tree, "small"))
        assert_same(checkpointer.restore(tmp_path / "one", args=PackRestore(tree)), tree)
    options = ocp.CheckpointManagerOptions(max_to_keep=2, enable_async_checkpointing=False)
    with ocp.CheckpointManager(tmp_path / "many", options=options) as manager:
        for step in range(3):
            manager.save(step, args=ocp.args.Composite(state=PackSave(tree), notes=ocp.args.JsonSave({"step": step})))
        assert manager.all_steps() == [1, 2]
        found = manager.restore(2, args=ocp.args.Composite(state=PackRestore(tree), notes=ocp.args.JsonRestore()))
        assert_same(found["state"], tree)
        assert found["notes"] == {"step": 2}


def test_equinox():
    """In place of `eqx.tree_serialise_leaves`."""
    model = eqx.nn.MLP(3, 2, 16, 2, key=jax.random.key(0))
    arrays, others = eqx.partition(model, eqx.is_array)
    data = jans.pack(arrays, "small")
    fresh = eqx.filter(eqx.nn.MLP(3, 2, 16, 2, key=jax.random.key(1)), eqx.is_array)
    again = eqx.combine(jans.unpack(data, like=fresh), others)
    assert (again(jnp.ones(3)) == model(jnp.ones(3))).all()
