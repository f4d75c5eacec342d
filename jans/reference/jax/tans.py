"""The kernels of table ANS in plain JAX, for one stream; see `jans.reference.jax.rans`.

`csrc/core/coders/tans.h` specifies the tables.
"""

import jax.numpy as jnp
from jax import lax

from jans.reference.jax.bits import append, length_of, ones, open_bits, read_bit
from jans.reference.jax.bypass import IN_ALPHABET, number_of, pop_number, push_number, value_of
from jans.reference.jax.stacks import closed, flag, i32, i64, loop, u32, u64
from jans.status import BAD_DATA, BAD_MODEL, BAD_STATE, BAD_SYMBOL

NO_CODE = 2**31
ESCAPE_CODE = 3 * 2**30


def tans_tables(cdf, escape, *, precision):
    total, n = 2**precision, cdf.shape[0] - 1
    step = total // 2 + total // 8 + 3 | 1
    wide, escape = cdf.astype(i64), escape.astype(i64)
    good = (wide[0] == 0) & (wide[n] == total) & jnp.all(wide[:-1] <= wide[1:]) & (escape >= 0) & (escape <= n)
    turn = jnp.arange(total)
    symbols = jnp.minimum(jnp.searchsorted(wide[1:], turn, side="right"), n - 1)
    symbols = jnp.zeros(total, i64).at[turn * step % total].set(symbols)
    states = jnp.argsort(symbols, stable=True)
    place = jnp.zeros(total, i64).at[states].set(turn)
    start, freq = wide[:-1], wide[1:] - wide[:-1]
    numbers = freq[symbols] + place - start[symbols]
    max_bits = precision - jnp.where(freq <= 1, 0, length_of(jnp.maximum(freq, 2) - 1) - 1)
    bits, places = (max_bits << 16) - (freq << max_bits), jnp.arange(n)
    codes = jnp.stack([jnp.where(places == escape, bits | ESCAPE_CODE, bits), start - freq], axis=-1)
    codes = jnp.where(((freq == 0) | (places > escape))[:, None], jnp.array([NO_CODE, BAD_SYMBOL]), codes)
    codes = jnp.where(good, codes, jnp.array([NO_CODE, BAD_MODEL]))
    decoder = jnp.where(symbols < escape, numbers << 16 | symbols, jnp.where(symbols == escape, numbers, 0))
    decoder = jnp.where(good, decoder, 0)
    states = jnp.where(good, states, 0)
    return codes.astype(u32), states.astype(jnp.uint16), decoder.astype(u32), jnp.where(good, escape, -1).astype(i32)


def _open(head, partial_word, size, status, precision):
    good = head >> u32(precision) == 1
    head = jnp.where(good, head, u32(2**precision)).astype(i64)
    return head, *open_bits(partial_word, size, status | flag(~jnp.all(good), BAD_STATE))


def _row(index, i, count):
    """The row of symbol i, whether it exists, and whether the index skips the symbol in bypass coding."""
    k = index[i if index.shape[0] > 1 else 0].astype(i64)
    return jnp.clip(k, 0, count - 1), (k >= 0) & (k < count), k == -1


def _offset(offset, row):
    return offset[row].astype(i64) if offset.shape[0] else i64(0)


def _code_at(codes, place, row):
    """The two numbers of an entry; for an entry outside of the table, those of a symbol without a code."""
    width = codes.shape[1] // 2
    inside, at = (place >= 0) & (place < width), 2 * jnp.clip(place, 0, width - 1)
    pair = jnp.stack([codes[row, at], codes[row, at + 1]]).astype(i64)
    return jnp.where(inside, pair, jnp.array([NO_CODE, BAD_SYMBOL])), inside


def tans_push(
    head,
    partial_word,
    words,
    size,
    status,
    symbols,
    codes,
    states,
    escape,
    offset,
    index,
    *,
    precision,
    bypass_precision,
):
    n, lanes, total, count = symbols.shape[0], head.shape[0], 2**precision, codes.shape[0]
    head, partial_word, size, status = _open(head, partial_word, size, status, precision)

    def push_escaped(bits, code, place, row, known):
        """Writes the digits of a value outside of the alphabet.

        Returns the code of the escape symbol for it.
        """
        number = number_of(place, escape[row].astype(i64))
        of_escape, fits = _code_at(codes, escape[row].astype(i64), row)
        outside = known & (code[0] >= NO_CODE) & ((number != IN_ALPHABET) | ~fits)
        code = jnp.where(outside, jnp.where(fits, of_escape, jnp.array([NO_CODE, BAD_MODEL])), code)
        escaped = outside & fits & (code[0] >= ESCAPE_CODE)
        length = jnp.where(escaped, bypass_precision, 0)
        put = lambda bits, digit: append(bits, digit.astype(u64), length)
        bits = push_number(put, bits, jnp.where(escaped, number, 0), bypass_precision)
        return bits, code - jnp.where(escaped, jnp.array([ESCAPE_CODE, 0]), 0)

    def step(k, carry):
        head, bits, status = carry
        i = n - 1 - k
        row, known, none = _row(index, i, count)
        x, symbol = head[i % lanes], symbols[i].astype(i64) - _offset(offset, row)
        code, _ = _code_at(codes, symbol, row)
        if bypass_precision:
            bits, code = push_escaped(bits, code, symbol, row, known)
        coded = known & (code[0] < NO_CODE)
        why = jnp.where(known, code[1].astype(i32) & (BAD_SYMBOL | BAD_MODEL), BAD_MODEL)
        why = jnp.where(coded | (none if bypass_precision else False), 0, why)
        length = jnp.where(coded, (x + code[0]) >> 16 & 15, 0)
        bits = append(bits, x.astype(u64) & ones(length), length)
        after = total | states[row, (x >> length) + code[1] & total - 1].astype(i64) & total - 1
        return head.at[i % lanes].set(jnp.where(coded, after, x)), bits, status | why

    carry = head, (partial_word, words, size), status
    head, (partial_word, words, size), status = loop(n if codes.size else 0, step, carry)
    if n and not codes.size:
        status |= BAD_SYMBOL if count else BAD_MODEL
    return head.astype(u32), partial_word.astype(u32), words, *closed(words, size, status)


def tans_pop(
    head, partial_word, words, size, status, decoder, escape, offset, index, *, precision, bypass_precision, n, dtype
):
    lanes, total, count = head.shape[0], 2**precision, decoder.shape[0]
    head, partial_word, size, status = _open(head, partial_word, size, status, precision)

    def read(state, start, length):
        """A number whose leading bits are `start`, followed by `length` bits from the words."""

        def one(_, carry):
            state, value = carry
            state, bit = read_bit(state, words, None, True)
            return state, 2 * value + bit

        return lax.fori_loop(0, length, one, (state, start))

    def pop_escaped(state, escaped, row):
        """The place of the value after an escape symbol, and whether a push can have written it."""
        take = lambda state: read(state, i64(0), jnp.where(escaped, bypass_precision, 0))
        state, number, good = pop_number(take, state, bypass_precision)
        return state, value_of(number, escape[row].astype(i64)), good

    def step(i, carry):
        head, state, symbols = carry
        row, known, none = _row(index, i, count)
        x = head[i % lanes]
        entry = decoder[row, x & total - 1].astype(i64)
        number, place = entry >> 16 & 2 * total - 1, entry & 0xFFFF
        escaped = known & (number == 0) & (bypass_precision > 0)
        number = jnp.where(escaped, entry & 2 * total - 1, number)
        coded = known & (number > 0)
        missing = jnp.where(coded, precision + 1 - length_of(jnp.maximum(number, 1)), 0)
        state, after = read(state, number, missing)
        head = head.at[i % lanes].set(jnp.where(coded, after, x))
        why = flag(~coded, BAD_MODEL)
        if bypass_precision:
            behind = escaped & ~coded & (escape[row] >= 0)
            why = jnp.where(behind, BAD_DATA, jnp.where(none, 0, why))
            state, beyond, good = pop_escaped(state, coded & escaped, row)
            place = jnp.where(escaped, beyond, place)
            coded, why = coded & (~escaped | good), why | flag(coded & escaped & ~good, BAD_DATA)
        symbol = place + _offset(offset, row)
        fits = symbol == symbol.astype(i32)
        partial_word, at, status = state
        state = partial_word, at, status | why | flag(coded & ~fits, BAD_DATA)
        symbols = symbols.at[i].set(jnp.where(coded & fits, symbol, 0).astype(dtype))
        return head, state, symbols

    carry = head, (partial_word, size, status), jnp.zeros(n, dtype)
    head, (partial_word, size, status), symbols = loop(n if count else 0, step, carry)
    status = status | (BAD_MODEL if n and not count else 0)
    return head.astype(u32), partial_word.astype(u32), size.astype(i32), status, symbols
