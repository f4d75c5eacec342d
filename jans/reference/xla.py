"""The kernels in plain JAX: one function per target, for one stream, readable before fast.

They run where no kernel exists and are what the kernels are tested against. All of them expect 64-bit types to be
enabled; `jans.ffi.primitives` sees to that, and to batches.
"""

import jax
import jax.numpy as jnp

from jans.reference.families import checked, choose
from jans.reference.kinds import KINDS, intervals, located
from jans.reference.plain import VARIANTS
from jans.reference.stacks import closed, flag, join_heads, loop, opened, read, split_heads, write
from jans.status import BAD_MODEL, UNDERFLOW

VARIANT_LIST = tuple(VARIANTS.values())

u32, u64, i32 = jnp.uint32, jnp.uint64, jnp.int32


def _open(head, size, status, variant):
    """Heads as uint64 [lanes], a valid size, the status, and whether the head may end at zero."""
    v = VARIANT_LIST[variant]
    heads = join_heads(head, v.state_bits)
    floor = v.name == "rans64" and head.shape[0] == 1
    low = (heads < u64(v.lower)) & ((size > 0) if floor else True)
    high = heads >> u64(v.top_bits - 1) >> u64(1) != 0
    return heads, *opened(size, status, jnp.any(low | high)), floor


def _close(heads, tail, size, status, variant):
    return split_heads(heads, VARIANT_LIST[variant].state_bits), *closed(tail, size, status)


def _push(head, tail, size, status, find, n, variant, precision):
    v = VARIANT_LIST[variant]
    heads, size, status, _ = _open(head, size, status, variant)

    def step(k, carry):
        heads, tail, size, status = carry
        i = n - 1 - k
        lane = i % heads.shape[0]
        start, freq = find(i)
        good = freq != 0
        x = heads[lane]
        for _ in range(-(-v.state_bits // v.word_bits)):
            out = good & (x >> u64(v.top_bits - precision) >= freq.astype(u64))
            tail, size = write(tail, size, x, out)
            x = jnp.where(out, x >> u64(v.word_bits), x)
        f = jnp.maximum(freq, 1).astype(u64)
        pushed = (x // f << u64(precision)) + x % f + start.astype(u64)
        heads = heads.at[lane].set(jnp.where(good, pushed, x))
        return heads, tail, size, status | jnp.where(good, u32(0), start).astype(i32)

    heads, tail, size, status = loop(n, step, (heads, tail, size, status))
    head, size, status = _close(heads, tail, size, status, variant)
    return head, tail, size, status


def _pop(head, tail, size, status, locate, n, variant, precision):
    v = VARIANT_LIST[variant]
    heads, size, status, floor = _open(head, size, status, variant)

    def step(i, carry):
        heads, size, status, symbols = carry
        lane = i % heads.shape[0]
        x = heads[lane]
        q = (x & u64(2**precision - 1)).astype(u32)
        symbol, (start, freq) = locate(i, q)
        good = freq != 0
        y = jnp.where(good, freq.astype(u64) * (x >> u64(precision)) + (q - start).astype(u64), x)
        for _ in range(0, precision, v.word_bits):
            low = good & (y < u64(v.lower)) & ((size > 0) if floor else True)
            word, size, empty = read(tail, size, low)
            y = jnp.where(low, y << u64(v.word_bits) | word, y)
            status = status | flag(empty, UNDERFLOW)
        status = status | jnp.where(good, u32(0), start).astype(i32)
        return heads.at[lane].set(y), size, status, symbols.at[i].set(symbol)

    heads, size, status, symbols = loop(n, step, (heads, size, status, jnp.zeros(n, i32)))
    return *_close(heads, tail, size, status, variant), symbols


# ---- intervals ----


def rans_push(head, tail, size, status, start, freq, *, variant, precision):
    start, freq = checked(start, freq, precision)
    find = lambda i: (start[i], freq[i])
    return _push(head, tail, size, status, find, start.shape[0], variant, precision)


def rans_advance(head, tail, size, status, start, freq, *, variant, precision):
    start, freq = checked(start, freq, precision)

    def locate(i, q):
        s, f = start[i], freq[i]
        return i32(0), choose((f == 0) | (q - s < f), (s, f), BAD_MODEL)

    return _pop(head, tail, size, status, locate, start.shape[0], variant, precision)[:3]


# ---- models of every kind ----


def rans_push_kind(kind, head, tail, size, status, symbols, *operands, variant, precision):
    def find(i):
        return KINDS[kind](i, *operands, precision=precision)[0](symbols[i].astype(i32))

    return _push(head, tail, size, status, find, symbols.shape[0], variant, precision)


def rans_pop_kind(kind, head, tail, size, status, *operands, variant, precision, n, dtype):
    locate = lambda i, q: located(kind, i, q, operands, precision)
    *popped, symbols = _pop(head, tail, size, status, locate, n, variant, precision)
    return *popped, symbols.astype(dtype)


def interval_kind(kind, symbols, *operands, precision):
    return intervals(kind, symbols, operands, precision)


def locate_kind(kind, quantiles, *operands, precision):
    def one(i, q):
        symbol, interval = KINDS[kind](i, *operands, precision=precision)[1](q)
        return jnp.where(interval[1] != 0, symbol, jnp.iinfo(i32).min)

    if quantiles.shape[0] == 0:
        return (quantiles.astype(i32),)
    return (jax.vmap(one)(jnp.arange(quantiles.shape[0]), quantiles),)


def addresses(tail):
    return tail, jnp.zeros(4, u32)
