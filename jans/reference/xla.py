"""The kernels in plain JAX: one function per target, for one stream, readable before fast.

They run where no kernel exists and are what the kernels are tested against. All of them expect 64-bit types to be
enabled; `jans.ffi.calls` sees to that, and to batches.
"""

import jax
import jax.numpy as jnp
from jax import lax

from jans.reference.families import FAMILIES, checked, choose
from jans.reference.plain import VARIANTS
from jans.status import BAD_MODEL, BAD_STATE, BAD_SYMBOL, OVERFLOW, UNDERFLOW

VARIANT_LIST = tuple(VARIANTS.values())

u32, u64, i32, i64, f32 = jnp.uint32, jnp.uint64, jnp.int32, jnp.int64, jnp.float32


def _open(head, size, status, variant):
    """Heads as uint64 [lanes], a valid size, and the status of a state that no call can have produced."""
    v = VARIANT_LIST[variant]
    heads = head.astype(u64) if v.state_bits == 32 else head[:, 0].astype(u64) | head[:, 1].astype(u64) << u64(32)
    floor = v.name == "rans64" and head.shape[0] == 1
    low = (heads < u64(v.lower)) & ((size > 0) if floor else True)
    high = heads >> u64(v.top_bits - 1) >> u64(1) != 0
    bad = (size < 0) | jnp.any(low | high)
    return heads, jnp.maximum(size, 0).astype(i64), status | jnp.where(bad, i32(BAD_STATE), i32(0)), floor


def _close(heads, tail, size, status, variant):
    full = jnp.where(size > tail.shape[0], i32(OVERFLOW), i32(0))
    size = jnp.minimum(size, 2**31 - 1).astype(i32)
    if VARIANT_LIST[variant].state_bits == 32:
        head = heads.astype(u32)
    else:
        head = jnp.stack([heads.astype(u32), (heads >> u64(32)).astype(u32)], axis=-1)
    return head, size, status | full


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
            if tail.size:
                at = jnp.where(out, size, tail.shape[0])
                tail = tail.at[at].set(x.astype(tail.dtype), mode="drop")
            size = size + out
            x = jnp.where(out, x >> u64(v.word_bits), x)
        f = jnp.maximum(freq, 1).astype(u64)
        pushed = (x // f << u64(precision)) + x % f + start.astype(u64)
        heads = heads.at[lane].set(jnp.where(good, pushed, x))
        return heads, tail, size, status | jnp.where(good, u32(0), start).astype(i32)

    if n > 0:  # operands of length 0 cannot be indexed, not even in a loop that does not run
        heads, tail, size, status = lax.fori_loop(0, n, step, (heads, tail, size, status))
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
            read = good & (y < u64(v.lower)) & ((size > 0) if floor else True)
            empty = read & (size == 0)
            stored = (size > 0) & (size <= tail.shape[0])
            word = jnp.where(stored, tail[jnp.clip(size - 1, 0, max(tail.shape[0] - 1, 0))], 0) if tail.size else 0
            y = jnp.where(read, y << u64(v.word_bits) | jnp.asarray(word, u64), y)
            size = jnp.where(read & ~empty, size - 1, size)
            status = status | jnp.where(empty, i32(UNDERFLOW), i32(0))
        status = status | jnp.where(good, u32(0), start).astype(i32)
        return heads.at[lane].set(y), size, status, symbols.at[i].set(symbol)

    symbols = jnp.zeros(n, i32)
    if n > 0:
        heads, size, status, symbols = lax.fori_loop(0, n, step, (heads, size, status, symbols))
    return *_close(heads, tail, size, status, variant), symbols


# ---- intervals ----


def rans_push(head, tail, size, status, start, freq, *, variant, precision):
    intervals = checked(start, freq, precision)
    find = lambda i: (intervals[0][i], intervals[1][i])
    return _push(head, tail, size, status, find, start.shape[0], variant, precision)


def rans_advance(head, tail, size, status, start, freq, *, variant, precision):
    intervals = checked(start, freq, precision)

    def locate(i, q):
        s, f = intervals[0][i], intervals[1][i]
        return i32(0), choose((f == 0) | (q - s < f), (s, f), BAD_MODEL)

    return _pop(head, tail, size, status, locate, start.shape[0], variant, precision)[:3]


# ---- rows of cumulative frequencies ----


def _row_interval(row, symbol, precision):
    total = 2**precision
    start, end = row[symbol], row[symbol + 1]
    freq = end - start
    sealed = (row[0] == 0) & (row[-1] == u32(total % 2**32))
    legal = sealed & (start.astype(u64) + freq.astype(u64) <= u64(total))
    return choose(legal & (freq != 0), (start, freq), jnp.where(legal, u32(BAD_SYMBOL), u32(BAD_MODEL)))


def _row(cdf, index, i):
    at = index[i if index.shape[0] > 1 else 0]
    return cdf[jnp.clip(at, 0, cdf.shape[0] - 1)], (at >= 0) & (at < cdf.shape[0])


def rans_push_rows(head, tail, size, status, symbols, cdf, index, *, variant, precision):
    n = cdf.shape[1] - 1

    def find(i):
        row, valid = _row(cdf, index, i)
        symbol = symbols[i].astype(i32)
        inside = (symbol >= 0) & (symbol < n)
        interval = _row_interval(row, jnp.clip(symbol, 0, n - 1), precision)
        return choose(valid, choose(inside, interval, BAD_SYMBOL), BAD_MODEL)

    return _push(head, tail, size, status, find, symbols.shape[0], variant, precision)


def rans_pop_rows(head, tail, size, status, cdf, index, *, variant, precision, n, dtype):
    def locate(i, q):
        row, valid = _row(cdf, index, i)
        low, length = i32(0), row.shape[0] - 1
        while length > 1:
            low = low + jnp.where(row[low + length // 2] <= q, i32(length // 2), i32(0))
            length -= length // 2
        start, freq = _row_interval(row, low, precision)
        found = valid & (freq != 0) & (q - start < freq)
        return jnp.where(found, low, 0), choose(found, (start, freq), BAD_MODEL)

    *state, symbols = _pop(head, tail, size, status, locate, n, variant, precision)
    return *state, symbols.astype(dtype)


# ---- models in closed form ----


def rans_push_family(family, head, tail, size, status, symbols, *operands, variant, precision):
    def find(i):
        return FAMILIES[family](i, *operands, precision=precision)[0](symbols[i].astype(i32))

    return _push(head, tail, size, status, find, symbols.shape[0], variant, precision)


def rans_pop_family(family, head, tail, size, status, *operands, variant, precision, n, dtype):
    def locate(i, q):
        symbol, interval = FAMILIES[family](i, *operands, precision=precision)[1](q)
        return jnp.where(interval[1] != 0, symbol, 0), interval

    *popped, symbols = _pop(head, tail, size, status, locate, n, variant, precision)
    return *popped, symbols.astype(dtype)


def interval_family(family, symbols, *operands, precision):
    def one(i, symbol):
        return FAMILIES[family](i, *operands, precision=precision)[0](symbol)

    if symbols.shape[0] == 0:
        return symbols.astype(u32), symbols.astype(u32)
    return tuple(jax.vmap(one)(jnp.arange(symbols.shape[0]), symbols))


def locate_family(family, quantiles, *operands, precision):
    def one(i, q):
        symbol, interval = FAMILIES[family](i, *operands, precision=precision)[1](q)
        return jnp.where(interval[1] != 0, symbol, jnp.iinfo(i32).min)

    if quantiles.shape[0] == 0:
        return (quantiles.astype(i32),)
    return (jax.vmap(one)(jnp.arange(quantiles.shape[0]), quantiles),)


def addresses(tail):
    return tail, jnp.zeros(4, u32)
