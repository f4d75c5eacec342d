"""Words of arrays in parts that models predict well, as specified in `csrc/core/fields.h` and
`csrc/ffi/cpu/fields.cc`."""

import jax.numpy as jnp
from jax import lax

u8, u32, i32 = jnp.uint8, jnp.uint32, jnp.int32


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


def tops_merge(symbols, tops, rest, *, exponent, mantissa, top, dtype):
    """The words [n] of symbols that have these tops, uint16 [256], and their packed rest."""
    found = tops[symbols.astype(i32)].astype(u32) & 2 ** (exponent + top) - 1
    words = found << (mantissa - top) | _unpack_rest(rest, symbols.size, exponent, mantissa, top)
    return (words.astype(dtype),)


def count(symbols, index, *, rows):
    """How often each symbol has each index, uint32 [rows, 256]; an index outside of 0 ... rows - 1 is not counted."""
    index = jnp.broadcast_to(index, symbols.shape)
    places = jnp.where((index >= 0) & (index < rows), index, rows)
    return (jnp.zeros((rows, 256), u32).at[places, symbols.astype(i32)].add(1, mode="drop"),)
