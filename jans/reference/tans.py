"""The kernels of table ANS in plain JAX, for one stream; see `jans.reference.xla`, and `csrc/core/tans.h` for the
tables."""

import jax.numpy as jnp
from jax import lax

from jans.reference.bits import append, length_of, ones, open_bits, read_bit
from jans.reference.stacks import closed, flag, i32, i64, loop, u32, u64
from jans.status import BAD_MODEL, BAD_STATE, BAD_SYMBOL

NO_CODE = 2**31


def tans_tables(cdf, *, precision):
    total, n = 2**precision, cdf.shape[0] - 1
    step = total // 2 + total // 8 + 3 | 1
    wide = cdf.astype(i64)
    good = (wide[0] == 0) & (wide[n] == total) & jnp.all(wide[:-1] <= wide[1:])
    turn = jnp.arange(total)
    symbols = jnp.minimum(jnp.searchsorted(wide[1:], turn, side="right"), n - 1)
    symbols = jnp.zeros(total, i64).at[turn * step % total].set(symbols)
    states = jnp.argsort(symbols, stable=True)
    place = jnp.zeros(total, i64).at[states].set(turn)
    start, freq = wide[:-1], wide[1:] - wide[:-1]
    numbers = freq[symbols] + place - start[symbols]
    most = precision - jnp.where(freq <= 1, 0, length_of(jnp.maximum(freq, 2) - 1) - 1)
    codes = jnp.stack([(most << 16) - (freq << most), start - freq], axis=-1)
    codes = jnp.where((freq == 0)[:, None], jnp.array([NO_CODE, BAD_SYMBOL]), codes)
    codes = jnp.where(good, codes, jnp.array([NO_CODE, BAD_MODEL]))
    decoder = jnp.where(good, numbers << 16 | symbols, 0)
    return codes.astype(u32), jnp.where(good, states, 0).astype(jnp.uint16), decoder.astype(u32)


def _open(head, rest, size, status, precision):
    good = head >> u32(precision) == 1
    head = jnp.where(good, head, u32(2**precision)).astype(i64)
    return head, *open_bits(rest, size, status | flag(~jnp.all(good), BAD_STATE))


def _row(index, i, count):
    """The row of symbol i, and whether there is one."""
    k = index[i if index.shape[0] > 1 else 0].astype(i64)
    return jnp.clip(k, 0, count - 1), (k >= 0) & (k < count)


def tans_push(head, rest, words, size, status, symbols, codes, states, index, *, precision):
    n, lanes, total = symbols.shape[0], head.shape[0], 2**precision
    count, width = codes.shape
    width //= 2
    head, rest, size, status = _open(head, rest, size, status, precision)

    def step(k, carry):
        head, bits, status = carry
        i = n - 1 - k
        symbol, (row, known) = symbols[i].astype(i64), _row(index, i, count)
        x, inside = head[i % lanes], (symbol >= 0) & (symbol < width)
        at = 2 * jnp.clip(symbol, 0, width - 1)
        code = jnp.where(inside, codes[row, at].astype(i64), NO_CODE)
        place = jnp.where(inside, codes[row, at + 1].astype(i64), BAD_SYMBOL)
        coded = known & (code < NO_CODE)
        why = jnp.where(known, place.astype(i32) & (BAD_SYMBOL | BAD_MODEL), BAD_MODEL)
        length = jnp.where(coded, (x + code) >> 16 & 15, 0)
        bits = append(bits, x.astype(u64) & ones(length), length)
        after = total | states[row, (x >> length) + place & total - 1].astype(i64) & total - 1
        return head.at[i % lanes].set(jnp.where(coded, after, x)), bits, status | jnp.where(coded, 0, why)

    carry = head, (rest, words, size), status
    head, (rest, words, size), status = loop(n if count and width else 0, step, carry)
    if n and not (count and width):
        status |= BAD_SYMBOL if count else BAD_MODEL
    return head.astype(u32), rest.astype(u32), words, *closed(words, size, status)


def tans_pop(head, rest, words, size, status, decoder, index, *, precision, n, dtype):
    lanes, total, count = head.shape[0], 2**precision, decoder.shape[0]
    head, rest, size, status = _open(head, rest, size, status, precision)

    def step(i, carry):
        head, state, symbols = carry
        row, known = _row(index, i, count)
        x = head[i % lanes]
        entry = decoder[row, x & total - 1].astype(i64)
        number = entry >> 16 & 2 * total - 1
        coded = known & (number > 0)
        missing = jnp.where(coded, precision + 1 - length_of(jnp.maximum(number, 1)), 0)

        def digit(_, carry):
            state, value = carry
            state, bit = read_bit(state, words, None, True)
            return state, 2 * value + bit

        (rest, at, status), after = lax.fori_loop(0, missing, digit, (state, number))
        state = rest, at, status | flag(~coded, BAD_MODEL)
        symbol = jnp.where(coded, entry & 0xFFFF, 0).astype(dtype)
        return head.at[i % lanes].set(jnp.where(coded, after, x)), state, symbols.at[i].set(symbol)

    carry = head, (rest, size, status), jnp.zeros(n, dtype)
    head, (rest, size, status), symbols = loop(n if count else 0, step, carry)
    status = status | (BAD_MODEL if n and not count else 0)
    return head.astype(u32), rest.astype(u32), size.astype(i32), status, symbols
