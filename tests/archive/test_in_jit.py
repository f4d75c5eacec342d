"""Arrays packed inside programs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

import jans
from jans.archive import in_jit

DTYPES = (
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32"),
    *("float64", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e4m3b11fnuz"),
)
pack = jax.jit(jans.pack_array, static_argnames="share")
unpack = jax.jit(lambda packed: packed.unpack())


def same(a, b):
    return (a.dtype, a.shape, np.asarray(a).tobytes()) == (b.dtype, b.shape, np.asarray(b).tobytes())


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


BFLOAT16 = np.dtype(jnp.bfloat16)


def random_bits(dtype, n):
    bits = np.random.default_rng(n).integers(0, 256, n * dtype.itemsize, np.uint8)
    return jnp.asarray((bits & 1 if dtype.kind == "b" else bits).view(dtype))


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("n", [1, 33, 1000])
def test_every_dtype_comes_back(name, n):
    dtype = np.dtype(getattr(jnp, name))
    values = jnp.asarray(np.random.default_rng(0).normal(size=n) * 20).astype(dtype)
    for array in (values, random_bits(dtype, n), jnp.full(n, values[0])):
        packed = pack(array, share=1.0)
        if packed.fits:
            assert same(unpack(packed), array)
    assert pack(jnp.full(1000, values[0]), share=1.0).fits


def test_shapes_and_several_streams():
    values = jax.random.normal(jax.random.key(0), (3, 2, 15_000)).astype(jnp.bfloat16)
    packed = pack(values)
    assert packed.streams.size.shape == (3,)
    assert packed.fits
    assert same(unpack(packed), values)
    assert packed.nbytes < 0.81 * values.nbytes
    used = 2 * int(packed.streams.size.sum()) + packed.rest.size
    assert used < 0.7 * values.nbytes
    scalar = jnp.float32(2.5)
    assert same(unpack(pack(scalar, share=1.0)), scalar)


def test_what_does_not_fit_is_noticed():
    noise = random_bits(BFLOAT16, 20_000)
    packed = pack(noise)
    assert not packed.fits
    assert unpack(packed).shape == noise.shape  # other numbers, and no harm
    with pytest.raises(jans.CodingError, match="the tail is full"):
        jans.check(packed.streams)
    ones = jnp.ones(20_000, jnp.bfloat16)
    assert pack(ones, share=0.51).fits
    assert pack(noise, share=0.8).nbytes == pack(ones, share=0.8).nbytes


def test_maps_and_loops():
    values = jax.random.normal(jax.random.key(0), (4, 3000)).astype(jnp.bfloat16)
    packed = jax.jit(jax.vmap(jans.pack_array))(values)
    assert same(jax.jit(jax.vmap(lambda one: one.unpack()))(packed), values)
    one = pack(values[2])
    assert all(same(a[2], b) for a, b in zip(jax.tree.leaves(packed), jax.tree.leaves(one), strict=True))

    def step(cache, _):
        return jans.pack_array(cache.unpack() * 2), cache.fits

    cache, fits = jax.jit(functools.partial(jax.lax.scan, step, length=5))(one)
    assert fits.all()
    assert same(cache.unpack(), values[2] * 2**5)


@pytest.mark.parametrize("fits", [True, False])
def test_all_gather_with_a_fallback(fits):
    mesh = jax.make_mesh((8,), ("devices",))
    values = jax.random.normal(jax.random.key(0), (8, 500)).astype(jnp.bfloat16)
    noise = jnp.asarray(
        (random_bits(np.dtype(np.uint16), 500) & 0xBFFF).view(BFLOAT16)
    )  # XLA may change NaNs on its way
    values = values if fits else values.at[5].set(noise)

    def gather(part):
        packed = jans.pack_array(part, share=0.8)
        everywhere = jax.lax.pmin(packed.fits.astype(jnp.int32), "devices") == 1
        small = lambda: jax.vmap(lambda one: one.unpack())(jax.lax.all_gather(packed, "devices"))
        return jax.lax.cond(everywhere, small, lambda: jax.lax.all_gather(part, "devices")), everywhere

    spread = PartitionSpec("devices")
    out = (PartitionSpec(), PartitionSpec())
    program = jax.jit(jax.shard_map(gather, mesh=mesh, in_specs=spread, out_specs=out, check_vma=False))
    gathered, everywhere = program(jax.device_put(values, NamedSharding(mesh, spread)))
    assert bool(everywhere) == fits
    assert same(gathered.reshape(8, 500), values)
    for shard in gathered.addressable_shards:
        assert np.asarray(shard.data).tobytes() == np.asarray(values).tobytes()


def test_words_do_not_depend_on_the_program():
    values = jax.random.normal(jax.random.key(0), (700,)).astype(jnp.bfloat16)
    eager, compiled = jans.pack_array(values), pack(values)
    assert all(same(a, b) for a, b in zip(jax.tree.leaves(eager), jax.tree.leaves(compiled), strict=True))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: jans.pack_array(jnp.zeros(3, jnp.complex64)), TypeError, "or integers of 8 to 64 bits, got com"),
        (lambda: jans.pack_array(jnp.zeros(3, jnp.int4)), TypeError, "integers of 8 to 64 bits, got int4"),
        (lambda: jans.pack_array(["a"]), TypeError, "array must be numbers"),
        (lambda: jans.pack_array(jnp.zeros(0)), ValueError, "array has no elements"),
        (lambda: jans.pack_array(jnp.zeros(3, jnp.bfloat16), share=0.5), ValueError, "share must be above 0.5"),
        (lambda: jans.pack_array(jnp.zeros(3), share=1.5), ValueError, "share must be above .* at most 1, got 1.5"),
        (lambda: jans.pack_array(jnp.zeros(3), share="all"), ValueError, "at most 1, got 'all'"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_nothing_is_narrowed():
    with jax.enable_x64(False):
        with pytest.raises(TypeError, match="array must be of at most 32 bits, got float64"):
            jans.pack_array(np.zeros(3))
        assert jans.pack_array([0.5, 1.5], share=1.0).dtype == np.float32


def test_blocks_are_even():
    assert in_jit._split(1) == (1, 1)
    assert in_jit._split(in_jit.BLOCK) == (1, in_jit.BLOCK)
    assert in_jit._split(in_jit.BLOCK + 1) == (2, in_jit.BLOCK // 2 + 1)
