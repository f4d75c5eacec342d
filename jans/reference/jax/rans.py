"""The kernels in plain JAX: one function for each target, for one stream,
written for the reader and not for speed.

They run on platforms without kernels, and the tests compare the kernels with them. They need 64-bit types;
`jans.ffi.primitives` enables these, and makes batches.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jans._variants import RANS, numbered
from jans.reference.jax import aliases, bypass
from jans.reference.jax.families import checked, choose
from jans.reference.jax.kinds import KINDS, intervals, located
from jans.reference.jax.stacks import closed, flag, join_heads, loop, opened, read, split_heads, write
from jans.status import BAD_DATA, BAD_MODEL, UNDERFLOW

u32, u64, i32, i64 = jnp.uint32, jnp.uint64, jnp.int32, jnp.int64


def _open(head, size, status, variant):
    """Heads as uint64 [lanes], a valid size, the status, and whether the head may reach zero."""
    v = numbered(RANS, variant)
    heads = join_heads(head, v.state_bits)
    floor = v.name == "rans64" and head.shape[0] == 1
    low = (heads < u64(v.lower)) & ((size > 0) if floor else True)
    high = heads >> u64(v.top_bits - 1) >> u64(1) != 0
    return heads, *opened(size, status, jnp.any(low | high)), floor


def _close(heads, tail, size, status, variant):
    return split_heads(heads, numbered(RANS, variant).state_bits), *closed(tail, size, status)


def _put(v, carry, lane, start, freq, precision, quantile=lambda place: place):
    """Puts an interval on a head. If freq is 0, it puts nothing and sets the status in start.

    `quantile` maps a place in the order of symbols to its quantile.
    """
    heads, tail, size, status = carry
    good, x = freq != 0, heads[lane]
    for _ in range(-(-v.state_bits // v.word_bits)):
        out = good & (x >> u64(v.top_bits - precision) >= freq.astype(u64))
        tail, size = write(tail, size, x, out)
        x = jnp.where(out, x >> u64(v.word_bits), x)
    f = jnp.maximum(freq, 1).astype(u64)
    place = (x % f + start.astype(u64)).astype(u32)
    pushed = (x // f << u64(precision)) + quantile(place).astype(u64)
    heads = heads.at[lane].set(jnp.where(good, pushed, x))
    return heads, tail, size, status | jnp.where(good, u32(0), start).astype(i32)


def _take(v, carry, tail, lane, locate, floor, precision):
    """Takes a symbol off a head, with locate(quantile) -> symbol, interval."""
    heads, size, status = carry
    x = heads[lane]
    q = (x & u64(2**precision - 1)).astype(u32)
    symbol, (start, freq) = locate(q)
    good = freq != 0
    y = jnp.where(good, freq.astype(u64) * (x >> u64(precision)) + (q - start).astype(u64), x)
    for _ in range(0, precision, v.word_bits):
        low = good & (y < u64(v.lower)) & ((size > 0) if floor else True)
        word, size, empty = read(tail, size, low)
        y = jnp.where(low, y << u64(v.word_bits) | word, y)
        status = status | flag(empty, UNDERFLOW)
    status = status | jnp.where(good, u32(0), start).astype(i32)
    return (heads.at[lane].set(y), size, status), symbol


def _in_order(i, place):
    """The quantile at a place of a row whose quantiles are in the order of its symbols."""
    return place


def _push(head, tail, size, status, find, n, variant, precision, quantile=_in_order):
    heads, size, status, _ = _open(head, size, status, variant)

    def step(k, carry):
        i = n - 1 - k
        start, freq = find(i)
        at = functools.partial(quantile, i)
        return _put(numbered(RANS, variant), carry, i % heads.shape[0], start, freq, precision, at)

    heads, tail, size, status = loop(n, step, (heads, tail, size, status))
    head, size, status = _close(heads, tail, size, status, variant)
    return head, tail, size, status


def _pop(head, tail, size, status, locate, n, variant, precision):
    heads, size, status, floor = _open(head, size, status, variant)
    lanes = heads.shape[0]

    def step(i, carry):
        state, symbols = carry
        find = lambda q: locate(i, q)
        state, symbol = _take(numbered(RANS, variant), state, tail, i % lanes, find, floor, precision)
        return state, symbols.at[i].set(symbol)

    (heads, size, status), symbols = loop(n, step, ((heads, size, status), jnp.zeros(n, i32)))
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


# ---- alias tables ----


def rans_push_alias(head, tail, size, status, symbols, cdf, index, remap, *, variant, precision):
    find = lambda i: KINDS["rows"](i, cdf, index, precision=precision)[0](symbols[i].astype(i32))
    quantile = lambda i, place: aliases.quantile(i, place, index, remap, precision=precision)
    return _push(head, tail, size, status, find, symbols.shape[0], variant, precision, quantile)


def rans_pop_alias(head, tail, size, status, alias, index, *, variant, precision, n, dtype):
    locate = lambda i, q: aliases.locate(i, q, alias, index, precision=precision)
    *popped, symbols = _pop(head, tail, size, status, locate, n, variant, precision)
    return *popped, symbols.astype(dtype)


# ---- bypass coding ----


def _bypass_row(i, index, escape, offset):
    """The row of the i-th symbol.

    Returns the place of its escape symbol, the value at place 0, whether the row exists, and whether the
    index skips the symbol.
    """
    at = index[i if index.shape[0] > 1 else 0]
    row = jnp.clip(at, 0, escape.shape[0] - 1)
    return escape[row].astype(i64), offset[row].astype(i64), (at >= 0) & (at < escape.shape[0]), at == -1


def _where_known(interval, known, left_out):
    """The interval if the row exists; otherwise freq 0,
    with a status in start unless the index skips the symbol."""
    start, freq = interval
    return jnp.where(known, start, jnp.where(left_out, u32(0), u32(BAD_MODEL))), jnp.where(known, freq, u32(0))


def _turns(n, lanes):
    """The order of reading: symbols (2 i) and numbers (2 i + 1), in groups of lanes,
    and one by one at the end."""
    whole = n // lanes * lanes
    symbols, numbers = 2 * np.arange(n, dtype=np.int32), 2 * np.arange(n, dtype=np.int32) + 1
    groups = [turn[:whole].reshape(-1, lanes) for turn in (symbols, numbers)]
    leftover = [turn[whole:, None] for turn in (symbols, numbers)]
    return jnp.asarray(np.concatenate([np.hstack(groups).reshape(-1), np.hstack(leftover).reshape(-1)]))


def rans_push_bypass(
    head, tail, size, status, symbols, cdf, index, guide, escape, offset, *, variant, precision, bypass_precision
):
    find = lambda i, place: KINDS["rows"](i, cdf, index, precision=precision)[0](place)
    state, rows = (head, tail, size, status), (index, escape, offset)
    return _push_bypass(state, symbols, rows, find, _in_order, variant, precision, bypass_precision)


def rans_push_bypass_alias(
    head, tail, size, status, symbols, cdf, index, remap, escape, offset, *, variant, precision, bypass_precision
):
    find = lambda i, place: KINDS["rows"](i, cdf, index, precision=precision)[0](place)
    quantile = lambda i, place: aliases.quantile(i, place, index, remap, precision=precision)
    state, rows = (head, tail, size, status), (index, escape, offset)
    return _push_bypass(state, symbols, rows, find, quantile, variant, precision, bypass_precision)


def _push_bypass(state, symbols, rows, find, quantile, variant, precision, bypass_precision):
    head, tail, size, status = state
    v, n, lanes = numbered(RANS, variant), symbols.shape[0], head.shape[0]
    heads, size, status, _ = _open(head, size, status, variant)
    turns = _turns(n, lanes)

    def step(k, carry):
        i, number_next = turns[2 * n - 1 - k] // 2, turns[2 * n - 1 - k] % 2 == 1
        e, first, known, left_out = _bypass_row(i, *rows)
        value = symbols[i].astype(i64) - first
        number = bypass.number_of(value, e)
        place = jnp.clip(jnp.where(number >= 0, e, value), -1, 2**31 - 1).astype(i32)
        start, freq = _where_known(find(i, place), known, left_out)
        put_digit = lambda carry, d: _put(v, carry, i % lanes, d.astype(u32), u32(1), bypass_precision)
        return lax.cond(
            number_next,
            lambda c: lax.cond(
                (number >= 0) & (freq != 0),
                lambda c: bypass.push_number(put_digit, c, number, bypass_precision),
                lambda c: c,
                c,
            ),
            lambda c: _put(v, c, i % lanes, start, freq, precision, functools.partial(quantile, i)),
            carry,
        )

    heads, tail, size, status = loop(2 * n, step, (heads, tail, size, status))
    head, size, status = _close(heads, tail, size, status, variant)
    return head, tail, size, status


def rans_pop_bypass(
    head, tail, size, status, cdf, index, guide, escape, offset, *, variant, precision, bypass_precision, n, dtype
):
    find = lambda i, q: KINDS["rows"](i, cdf, index, precision=precision)[1](q)
    state, rows = (head, tail, size, status), (index, escape, offset)
    return _pop_bypass(state, rows, find, variant, precision, bypass_precision, n)


def rans_pop_bypass_alias(
    head, tail, size, status, alias, index, escape, offset, *, variant, precision, bypass_precision, n, dtype
):
    find = lambda i, q: aliases.locate(i, q, alias, index, precision=precision)
    state, rows = (head, tail, size, status), (index, escape, offset)
    return _pop_bypass(state, rows, find, variant, precision, bypass_precision, n)


def _pop_bypass(state, rows, find, variant, precision, bypass_precision, n):
    head, tail, size, status = state
    v, lanes = numbered(RANS, variant), head.shape[0]
    heads, size, status, floor = _open(head, size, status, variant)
    turns = _turns(n, lanes)

    def step(k, carry):
        i = turns[k] // 2
        e, first, known, left_out = _bypass_row(i, *rows)

        def locate(q):
            symbol, interval = find(i, q)
            return jnp.where(interval[1] != 0, symbol, -1), _where_known(interval, known, left_out)

        def symbol_turn(carry):
            state, symbols, places = carry
            state, place = _take(v, state, tail, i % lanes, locate, floor, precision)
            coded, value = known & (place >= 0), place + first
            bad = coded & ((place > e) | (place < e) & ~fits(value))
            symbol = jnp.where(coded & (place < e) & fits(value), value, 0).astype(i32)
            state = *state[:2], state[2] | flag(bad, BAD_DATA)
            return state, symbols.at[i].set(symbol), places.at[i].set(jnp.where(coded, place, -1))

        def number_turn(carry):
            def take(state):
                return _take(v, state, tail, i % lanes, lambda q: (q.astype(i64), (q, u32(1))), floor, bypass_precision)

            def read_number(carry):
                state, symbols = carry
                state, number, good = bypass.pop_number(take, state, bypass_precision)
                value = bypass.value_of(number, e) + first
                good &= fits(value)
                state = *state[:2], state[2] | flag(~good, BAD_DATA)
                return state, symbols.at[i].set(jnp.where(good, value, 0).astype(i32))

            state, symbols, places = carry
            escaped = (places[i] == e) & (places[i] >= 0)
            return *lax.cond(escaped, read_number, lambda c: c, (state, symbols)), places

        return lax.cond(turns[k] % 2 == 1, number_turn, symbol_turn, carry)

    fits = lambda value: (value >= -(2**31)) & (value < 2**31)
    carry = (heads, size, status), jnp.zeros(n, i32), jnp.zeros(n, i32)
    (heads, size, status), symbols, _ = loop(2 * n, step, carry)
    return *_close(heads, tail, size, status, variant), symbols


def compact(rows, ends, *, dtype):
    """Packs words one stream after another, as specified in `csrc/core/coders/compact.h`."""
    streams, capacity = rows.shape
    place = jnp.arange(streams * capacity, dtype=jnp.int32)
    bounds = jnp.append(ends, 0)
    stream, length = jnp.zeros_like(place), streams + 1
    while length > 1:
        half = length // 2
        stream += jnp.where(bounds[stream + half - 1] <= place, half, 0)
        length -= half
    begin = jnp.where(stream == 0, 0, bounds[stream - 1])
    i = place - begin
    there = (stream < streams) & ((i < capacity) & (i >= 0))
    if rows.size == 0:
        return (jnp.zeros(0, dtype),)
    found = rows[jnp.minimum(stream, streams - 1), jnp.clip(i, 0, capacity - 1)]
    return (jnp.where(there, found, jnp.zeros((), dtype)),)
