"""Streams spread over the devices of several processes, as over several hosts."""

import os
import socket
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np

import jans
from jans import models, rans

STREAMS, N = 12, 200

PROCESS = """
import sys
import jax
import numpy as np
import test_processes

port, rank, out = sys.argv[1:]
jax.distributed.initialize(f"localhost:{port}", num_processes=2, process_id=int(rank))
assert len(jax.devices()) == 4 and len(jax.local_devices()) == 2
mesh = jax.make_mesh((4,), ("streams",))
spread = jax.sharding.PartitionSpec("streams")
rows = test_processes.symbols()
sharding = jax.sharding.NamedSharding(mesh, spread)
symbols = jax.make_array_from_callback(rows.shape, sharding, lambda index: rows[index])
code = jax.shard_map(test_processes.code, mesh=mesh, in_specs=spread, out_specs=spread)
test_processes.write(jax.jit(code)(symbols), out)
"""


def symbols():
    return np.random.default_rng(0).integers(0, 3, (STREAMS, N))


def code(rows):
    table = models.Table(np.array([[0, 3000, 4000, 4096]]), precision=12)
    empty = rans.init(60, 32, "rans32_16")
    return jax.vmap(lambda x: rans.push(empty, table, x))(rows)


def write(states, path):
    """The streams that this process holds."""
    local = jax.tree.map(lambda a: np.concatenate([np.asarray(s.data) for s in a.addressable_shards]), states)
    with open(path, "wb") as file:
        file.write(jans.to_bytes(local))


def test_processes_write_what_one_would(tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        # An empty entry would be the directory at hand, whose package has no kernels.
        "PYTHONPATH": os.pathsep.join(filter(None, [os.path.dirname(__file__), os.environ.get("PYTHONPATH")])),
    }
    files = [tmp_path / "0", tmp_path / "1"]
    processes = [
        subprocess.Popen([sys.executable, "-P", "-c", PROCESS, str(port), str(rank), file], env=environment)
        for rank, file in enumerate(files)
    ]
    try:
        assert [process.wait(timeout=300) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    written = [jans.from_bytes(file.read_bytes(), capacity=60) for file in files]
    together = jax.tree.map(lambda *parts: jnp.concatenate(parts), *written)
    assert jans.to_bytes(together) == jans.to_bytes(jax.jit(code)(jnp.asarray(symbols())))
