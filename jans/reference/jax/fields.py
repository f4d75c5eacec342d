"""Words of arrays in parts that models predict well, as specified in `csrc/core/fields.h` and
`csrc/ffi/cpu/fields.cc`."""

import jax.numpy as jnp
from jax import lax

u8, u32, u64, i32 = jnp.uint8, jnp.uint32, jnp.uint64, jnp.int32


def bytes_split(words, *, rotate):
    """Words, uint8 [n, width], as planes of bytes, [width, n], the lowest byte first."""
    if rotate:
        words = words << 1 | jnp.roll(words, 1, axis=1) >> 7
    return (words.T,)


def bytes_merge(planes, *, rotate):
    """The inverse of `bytes_split`."""
    words = planes.T
    if rotate:
        words = words >> 1 | jnp.roll(words, -1, axis=1) << 7
    return (words,)


def _scales(rows, columns, shape):
    """The scale of each word of a shape; one row or one column of scales serves all."""
    return jnp.broadcast_to(rows[:, None] + columns, shape).ravel()


def _shift(scales, top):
    return lax.bitcast_convert_type(scales >> 3, u32) << top


def _top(words, exponent, mantissa, top):
    return words >> (mantissa - top) & 2 ** (exponent + top) - 1


def _pack_rest(words, exponent, mantissa, top):
    """The bits that are not coded, packed; the sign is the lowest of each word."""
    low = words & 2 ** (mantissa - top) - 1
    rest = low << 1 | words >> (exponent + mantissa) & 1
    bits = rest[:, None] >> jnp.arange(mantissa - top + 1, dtype=u32) & 1
    return jnp.packbits(bits.ravel().astype(u8), bitorder="little")


def _unpack_rest(rest, n, exponent, mantissa, top):
    """The inverse of `_pack_rest`: words without their tops, uint32 [n]."""
    length = mantissa - top + 1
    bits = jnp.unpackbits(rest, bitorder="little")[: n * length].reshape(-1, length).astype(u32)
    low = (bits << jnp.arange(length, dtype=u32)).sum(1, dtype=u32)
    return (low & 1) << (exponent + mantissa) | low >> 1


def fields_split(words, rows, columns, *, exponent, mantissa, top, phases):
    """Symbols, the phase of each (none if there are no bits of it), and the packed rest of words [R, C]."""
    words, scales = words.ravel().astype(u32), _scales(rows, columns, words.shape)
    symbols = _top(words, exponent, mantissa, top) - _shift(scales, top)
    index = (scales & 7) >> (3 - phases) if phases else jnp.zeros(0, i32)
    packed = _pack_rest(words, exponent, mantissa, top)
    return jnp.where(symbols <= 255, symbols, 0).astype(u8), index, packed


def fields_merge(symbols, rows, columns, rest, *, exponent, mantissa, top, n, dtype):
    """The words [R, n] of what `fields_split` gives; the top of those with symbol 0 is 0."""
    shape = symbols.size // max(n, 1), n
    known = symbols.astype(u32) + _shift(_scales(rows, columns, shape), top) & 2 ** (exponent + top) - 1
    known = jnp.where(symbols == 0, 0, known)
    words = known << (mantissa - top) | _unpack_rest(rest, symbols.size, exponent, mantissa, top)
    return (words.astype(dtype).reshape(shape),)


def tops_split(words, codes, *, exponent, mantissa, top):
    """Symbols, the codes of the tops of words [n], and their packed rest."""
    words = words.astype(u32)
    return codes[_top(words, exponent, mantissa, top)], _pack_rest(words, exponent, mantissa, top)


def tops_count(words, *, exponent, mantissa, top):
    """How often each top is there in words [n], uint32 [2**(exponent + top)]."""
    tops = _top(words.astype(u32), exponent, mantissa, top)
    return (jnp.zeros(2 ** (exponent + top), u32).at[tops].add(1),)


def tops_merge(symbols, tops, rest, *, exponent, mantissa, top, dtype):
    """The words [n] of symbols that have these tops, uint16 [256], and their packed rest."""
    found = tops[symbols.astype(i32)].astype(u32) & 2 ** (exponent + top) - 1
    words = found << (mantissa - top) | _unpack_rest(rest, symbols.size, exponent, mantissa, top)
    return (words.astype(dtype),)


# ---- distances ----


def _kept_bits(symbols):
    return jnp.where(symbols < 8, 0, symbols.astype(i32) // 4 - 1)


def _ends(kept):
    """Where the bits of each distance begin, and how many there are together."""
    ends = jnp.cumsum(kept)
    return ends - kept, ends[-1] if kept.size else i32(0)


def _length_symbols(words):
    """The symbols of distances, uint64, and how many bits are behind each."""
    length = 64 - lax.clz(words).astype(i32)
    kept = jnp.maximum(length - 3, 0)
    return (4 * kept + (words >> kept.astype(u64)).astype(i32)).astype(u8), kept


def lengths_count(words):
    """How often each symbol of distances [n] is there, uint32 [256]; distances of one byte are their own symbols."""
    symbols = words if words.dtype.itemsize == 1 else _length_symbols(words.astype(u64))[0]
    return (jnp.zeros(256, u32).at[symbols.astype(i32)].add(1),)


def lengths_split(words, *, width):
    """Symbols of distances [n] of `width` bytes, the packed bits behind them, and how many bytes these are."""
    words = words.astype(u64)
    symbols, kept = _length_symbols(words)
    starts, total = _ends(kept)
    size = words.size * width
    bits = jnp.zeros(8 * size, u8)
    for k in range(_MOST_KEPT):
        value = (words >> u64(k) & u64(1)).astype(u8)
        bits = bits.at[jnp.where(k < kept, starts + k, 8 * size)].add(value, mode="drop")
    return symbols, jnp.packbits(bits, bitorder="little"), (total + 7) // 8


_MOST_KEPT = 61
"""The most bits that are kept of a distance."""


def lengths_merge(symbols, rest, *, dtype):
    """The distances [n] of what `lengths_split` gives; bits that are missing are zeros."""
    kept = _kept_bits(symbols)
    starts, _ = _ends(kept)
    bits = jnp.unpackbits(jnp.pad(rest, (0, 1)), bitorder="little")
    first = jnp.where(symbols < 8, symbols, 4 | (symbols & 3)).astype(u64) << kept.astype(u64)
    words = first
    for k in range(_MOST_KEPT):
        there = bits.at[starts + k].get(mode="fill", fill_value=0).astype(u64)
        words |= jnp.where(k < kept, there, u64(0)) << u64(k)
    return (words.astype(dtype),)


# ---- grids ----


def _numbers(words, order):
    """Words as numbers in their order; see WordOrder in csrc/core/fields.h."""
    sign = 8 * words.dtype.itemsize - 1
    half = jnp.array(1, words.dtype) << sign
    if order == 0:
        return words
    return words ^ half if order == 1 else words ^ (half | -(words >> sign))


def _of_numbers(numbers, order):
    sign = 8 * numbers.dtype.itemsize - 1
    half = jnp.array(1, numbers.dtype) << sign
    if order == 0:
        return numbers
    return numbers ^ half if order == 1 else numbers ^ (half | (numbers >> sign) - 1)


def _expected(predictor, left, up, corner):
    low, high, plane = jnp.minimum(left, up), jnp.maximum(left, up), left + up - corner
    median = jnp.where(corner >= high, low, jnp.where(corner <= low, high, plane))
    mean = (left & up) + ((left ^ up) >> 1)
    return (jnp.zeros_like(left), left, up, plane, median, mean, left)[predictor]


def _expected_at(predictor, c, channels, first_row, left, second, up, corner):
    """What number c of a row is likely to be; on the edges there is less to say it from."""
    if predictor == 0:
        return jnp.zeros_like(left)
    if predictor == 6:
        inside = jnp.where(c < 2 * channels, left, 2 * left - second)
        return jnp.where(c < channels, jnp.where(first_row, 0, up), inside)
    edge = jnp.where(c < channels, jnp.where(first_row, 0, up), jnp.where(first_row, left, up))
    return jnp.where((c < channels) | first_row, edge, _expected(predictor, left, up, corner))


def grid_split(words, *, channels, predictor, order, mixed, dtype):
    """Distances of words [R, C] to what the words before them predict."""
    numbers = _numbers(words, order)
    height, width = words.shape
    left = jnp.pad(numbers, ((0, 0), (channels, 0)))[:, :width]
    second = jnp.pad(numbers, ((0, 0), (2 * channels, 0)))[:, :width]
    up = jnp.pad(numbers, ((1, 0), (0, 0)))[:height]
    corner = jnp.pad(left, ((1, 0), (0, 0)))[:height]
    c, first_row = jnp.arange(width), (jnp.arange(height) == 0)[:, None]
    errors = numbers - _expected_at(predictor, c, channels, first_row, left, second, up, corner)
    if mixed:
        before = jnp.pad(errors, ((0, 0), (1, 0)))[:, :width]
        errors = errors - jnp.where(c % channels == 0, 0, before)
    return (errors << 1 ^ -(errors >> (8 * words.dtype.itemsize - 1)),)


def grid_merge(words, *, channels, predictor, order, mixed, dtype):
    """The inverse of `grid_split`."""
    errors = words >> 1 ^ -(words & 1)
    height, width = words.shape

    def row_step(above, row):
        r, steps = row

        def step(carry, at):
            recent, error = carry  # the last 2 * `channels` numbers, the oldest first
            c, step, up, corner = at
            error = jnp.where((c % channels != 0) & bool(mixed), error + step, step)
            number = _expected_at(predictor, c, channels, r == 0, recent[channels], recent[0], up, corner) + error
            return (jnp.append(recent[1:], number), error), number

        corner = jnp.pad(above, (channels, 0))[:width]
        start = jnp.zeros(2 * channels, words.dtype), jnp.zeros((), words.dtype)
        _, numbers = lax.scan(step, start, (jnp.arange(width), steps, above, corner))
        return numbers, numbers

    _, numbers = lax.scan(row_step, jnp.zeros(width, words.dtype), (jnp.arange(height), errors))
    return (_of_numbers(numbers, order),)


def count(symbols, index, *, rows):
    """How often each symbol has each index, uint32 [rows, 256]; an index outside of 0 ... rows - 1 is not counted."""
    index = jnp.broadcast_to(index, symbols.shape)
    places = jnp.where((index >= 0) & (index < rows), index, rows)
    return (jnp.zeros((rows, 256), u32).at[places, symbols.astype(i32)].add(1, mode="drop"),)
