"""Alias tables in plain JAX: the table of one row, and the search for symbols with it.

See `csrc/core/models/alias.h`.
"""

import jax.numpy as jnp
from jax import lax

from jans.reference.jax.families import choose
from jans.reference.jax.stacks import i64
from jans.status import BAD_MODEL

BUCKET_WORDS = 8

u32, i32 = jnp.uint32, jnp.int32


def alias_bits(n: int, precision: int) -> int:
    """A row of n symbols has 2**alias_bits buckets."""
    return min((n - 1).bit_length(), precision)


def range_bits(bits: int, precision: int) -> int:
    """The guide to the pieces of a row has an entry for each of 2**range_bits ranges of places."""
    return min(bits + 2, precision)


def _choose_aliases(freq, buckets, cut):
    """For every bucket its alias, and the number of quantiles that its own symbol keeps."""
    size = freq.shape[0]
    symbols = jnp.arange(size)
    falling = lambda which: jnp.append(jnp.sort(jnp.where(which, symbols, -1))[::-1], -1)
    givers, takers = falling((freq < cut) & (symbols < buckets)), falling(freq >= cut)
    amount = lambda symbol: jnp.where(symbol >= 0, freq[symbol], 0)

    def goes_on(carry):
        _, j, giver, *_ = carry
        return (giver >= 0) & (takers[j] >= 0)

    def step(carry):
        i, j, giver, own, left, alias, kept = carry
        taker, left = takers[j], left - (cut - own)
        alias, kept = alias.at[giver].set(taker), kept.at[giver].set(own)
        stays = left >= cut
        gives = ~stays & (taker < buckets)
        j = jnp.where(stays, j, j + 1)
        giver, own = jnp.where(gives, taker, givers[i]), jnp.where(gives, left, amount(givers[i]))
        return jnp.where(gives, i, i + 1), j, giver, own, jnp.where(stays, left, amount(takers[j])), alias, kept

    start = (i64(1), i64(0), givers[0], amount(givers[0]), amount(takers[0]))
    own = jnp.arange(buckets)
    *_, alias, kept = lax.while_loop(goes_on, step, (*start, own, jnp.full_like(own, cut)))
    return alias, kept


def _sides(cdf, precision):
    """The sides of all buckets in the order of their quantiles, with the row that they are made of.

    Returns symbol, first quantile and length of each side, and the place of its first quantile among all
    quantiles in the order of symbols. Also returns the row, extended to one symbol for each bucket, and
    whether it is a distribution.
    """
    wide, total = cdf.astype(i64), 2**precision
    good = (wide[0] == 0) & (wide[-1] == total) & jnp.all(wide[:-1] <= wide[1:])
    buckets = 2 ** alias_bits(cdf.shape[0] - 1, precision)
    row = jnp.concatenate([wide, jnp.full(max(buckets + 1 - cdf.shape[0], 0), total)])
    cut = total // buckets
    alias, kept = _choose_aliases(jnp.diff(row), buckets, cut)
    symbol = jnp.stack([jnp.arange(buckets), alias], axis=-1).reshape(-1)
    length = jnp.stack([kept, cut - kept], axis=-1).reshape(-1)
    order = jnp.argsort(symbol, stable=True)
    place = jnp.zeros_like(length).at[order].set(jnp.cumsum(length[order]) - length[order])
    return symbol, jnp.cumsum(length) - length, length, place, row, good


def table_alias(cdf, *, precision):
    symbol, first, length, place, row, good = _sides(cdf, precision)
    start, freq = first - (place - row[symbol]), row[symbol + 1] - row[symbol]
    divider = jnp.stack([(first + length)[::2], jnp.zeros_like(first[::2])], axis=-1).reshape(-1)
    words = jnp.stack([symbol, start, freq, divider], axis=-1)
    return (jnp.where(good, words.reshape(-1), 0).astype(u32),)


def table_remap(cdf, *, precision):
    _, first, length, place, _, good = _sides(cdf, precision)
    total, bits = 2**precision, range_bits(alias_bits(cdf.shape[0] - 1, precision), precision)
    place = jnp.where(good & (length > 0), place, total)
    order = jnp.argsort(place, stable=True)
    pieces = jnp.stack([place, jnp.where(place < total, first, 0)], axis=-1)[order]
    ranges = jnp.arange(2**bits) << (precision - bits)
    guide = jnp.maximum(jnp.searchsorted(pieces[:, 0], ranges, side="right") - 1, 0)
    return (jnp.concatenate([guide, pieces.reshape(-1)]).astype(u32),)


def _row_of(i, index, count):
    at = index[i if index.shape[0] > 1 else 0]
    return jnp.clip(at, 0, count - 1), (at >= 0) & (at < count)


def quantile(i, place, index, remap, *, precision):
    """The quantile at a place in the order of symbols, for the row of the i-th symbol."""
    row, _ = _row_of(i, index, remap.shape[0])
    # A row has 5 to 8 words for each bucket.
    ranges = 2 ** range_bits(alias_bits(-(-remap.shape[1] // 8), precision), precision)
    guide, pieces = remap[row, :ranges], remap[row, ranges:].reshape(-1, 2)
    last = pieces.shape[0] - 1
    piece = jnp.minimum(guide[place >> u32(precision - ranges.bit_length() + 1)], u32(last - 1)).astype(i32)
    goes_on = lambda piece: (piece < last) & (pieces[jnp.minimum(piece + 1, last), 0] <= place)
    piece = lax.while_loop(goes_on, lambda piece: piece + 1, piece)
    return (pieces[piece, 1] + place - pieces[piece, 0]) & u32(2**precision - 1)


def locate(i, q, alias, index, *, precision):
    """The i-th symbol and its interval, in which start is the quantile minus its rank within the symbol."""
    row, valid = _row_of(i, index, alias.shape[0])
    buckets = alias[row].reshape(-1, BUCKET_WORDS)
    bits = alias_bits(buckets.shape[0], precision)
    own, other = jnp.split(buckets[q >> u32(precision - bits)], 2)
    symbol, start, freq, _ = jnp.where(q >= own[3], other, own)
    good = valid & (q - start < freq) & (freq <= u32(2**precision))
    symbol = jnp.where(good, symbol & u32(2**31 - 1), 0)
    return symbol.astype(i32), choose(good, (start, freq), BAD_MODEL)
