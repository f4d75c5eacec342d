"""The kernels of the chain coder in plain JAX, for one stream; see `jans.reference.jax.rans`."""

import functools

import jax
import jax.numpy as jnp

from jans._variants import CHAIN, numbered
from jans.reference.jax.families import checked, choose
from jans.reference.jax.kinds import intervals, located
from jans.reference.jax.stacks import closed, flag, join_heads, loop, opened, read, split_heads, write
from jans.status import BAD_MODEL, OUT_OF_REMAINDERS, UNDERFLOW

u32, u64, i32 = jnp.uint32, jnp.uint64, jnp.int32


def _open_bits(partial_word, size, status, v):
    return partial_word.astype(u64), *opened(
        size, status, (partial_word == 0) | (partial_word.astype(u64) >> u64(v.word_bits) != 0)
    )


def _open_remainders(head, size, status, v, max_precision):
    heads, lower = join_heads(head, v.state_bits), u64(v.lower_bits(max_precision))
    bad = (heads >> lower == 0) | (heads >> lower >> u64(v.word_bits - 1) >> u64(1) != 0)
    return heads, *opened(size, status, jnp.any(bad))


# ---- the two halves of a pop ----


def chain_take(partial_word, words, size, status, *, variant, precision, max_precision, n):
    v = numbered(CHAIN, variant)
    p, spare = u64(precision), u64(v.word_bits - precision)
    partial_word, size, status = _open_bits(partial_word, size, status, v)

    def step(i, carry):
        partial_word, size, status, quantiles = carry
        reads = partial_word >> p == 0
        word, size, empty = read(words, size, reads)
        taken = jnp.where(reads, word, partial_word)
        partial_word = jnp.where(reads, partial_word << spare | word >> p, partial_word >> p)
        quantile = (taken & u64(2**precision - 1)).astype(u32)
        return partial_word, size, status | flag(empty, UNDERFLOW), quantiles.at[i].set(quantile)

    partial_word, size, status, quantiles = loop(n, step, (partial_word, size, status, jnp.zeros(n, u32)))
    return partial_word.astype(u32), *closed(words, size, status), quantiles


def chain_keep(head, words, size, status, start, freq, quantiles, *, variant, precision, max_precision):
    v = numbered(CHAIN, variant)
    heads, size, status = _open_remainders(head, size, status, v, max_precision)
    start, freq = checked(start, freq, precision)
    start, freq = choose((freq == 0) | (quantiles - start < freq), (start, freq), BAD_MODEL)

    def step(i, carry):
        heads, words, size, status = carry
        lane = i % heads.shape[0]
        good, x = freq[i] != 0, heads[lane]
        y = x * freq[i].astype(u64) + (quantiles[i] - start[i]).astype(u64) & u64(2**v.state_bits - 1)
        writes = good & (y >> u64(v.lower_bits(max_precision) + v.word_bits - 1) >> u64(1) != 0)
        words, size = write(words, size, y, writes)
        y = jnp.where(writes, y >> u64(v.word_bits), y)
        status = status | jnp.where(good, u32(0), start[i]).astype(i32)
        return heads.at[lane].set(jnp.where(good, y, x)), words, size, status

    heads, words, size, status = loop(start.shape[0], step, (heads, words, size, status))
    size, status = closed(words, size, status)
    return split_heads(heads, v.state_bits), words, size, status


def chain_pop_kind(
    kind, partial_word, compressed, compressed_size, head, remainders, size, status, *operands, n, precision, **coder
):
    partial_word, compressed_size, status, quantiles = chain_take(
        partial_word, compressed, compressed_size, status, n=n, precision=precision, **coder
    )
    symbols, start, freq = jnp.zeros(0, i32), jnp.zeros(0, u32), jnp.zeros(0, u32)
    if n > 0:
        locate = functools.partial(located, kind, operands=operands, precision=precision)
        symbols, (start, freq) = jax.vmap(locate)(jnp.arange(n), quantiles)
    head, remainders, size, status = chain_keep(
        head, remainders, size, status, start, freq, quantiles, precision=precision, **coder
    )
    return partial_word, compressed_size, head, remainders, size, status, symbols.astype(i32)


# ---- a push ----


def chain_push(
    partial_word,
    compressed,
    compressed_size,
    head,
    remainders,
    size,
    status,
    start,
    freq,
    *,
    variant,
    precision,
    max_precision,
):
    v = numbered(CHAIN, variant)
    p, spare = u64(precision), u64(v.word_bits - precision)
    partial_word, compressed_size, status = _open_bits(partial_word, compressed_size, status, v)
    heads, size, status = _open_remainders(head, size, status, v, max_precision)
    start, freq = checked(start, freq, precision)
    n = start.shape[0]

    def step(k, carry):
        partial_word, compressed, compressed_size, heads, size, status = carry
        i = n - 1 - k
        lane = i % heads.shape[0]
        good, x, f = freq[i] != 0, heads[lane], jnp.maximum(freq[i], 1).astype(u64)
        reads = good & (x >> u64(v.lower_bits(max_precision)) < f)
        word, size, empty = read(remainders, size, reads)
        y = jnp.where(reads, x << u64(v.word_bits) | word, x) & u64(2**v.state_bits - 1)
        heads = heads.at[lane].set(jnp.where(good, y // f, x))
        status = status | flag(empty, OUT_OF_REMAINDERS) | jnp.where(good, u32(0), start[i]).astype(i32)
        joined = partial_word << p | start[i].astype(u64) + y % f & u64(2**precision - 1)
        writes = good & (partial_word >> spare != 0)
        compressed, compressed_size = write(compressed, compressed_size, joined, writes)
        partial_word = jnp.where(writes, partial_word >> spare, jnp.where(good, joined, partial_word))
        return partial_word, compressed, compressed_size, heads, size, status

    carry = partial_word, compressed, compressed_size, heads, size, status
    partial_word, compressed, compressed_size, heads, size, status = loop(n, step, carry)
    compressed_size, status = closed(compressed, compressed_size, status)
    size, status = closed(remainders, size, status)
    return partial_word.astype(u32), compressed, compressed_size, split_heads(heads, v.state_bits), size, status


def chain_push_kind(kind, *args, precision, **coder):
    state, symbols, operands = args[:7], args[7], args[8:]
    return chain_push(*state, *intervals(kind, symbols, operands, precision), precision=precision, **coder)
