"""The kernels of symbol codes in plain JAX, for one stream; see `jans.reference.jax.rans`.
`csrc/core/coders/huffman.h` specifies the arrays of a codebook."""

import jax.numpy as jnp
from jax import lax

from jans.reference.jax.bits import append, length_of, ones, open_bits, read_bit
from jans.reference.jax.stacks import closed, flag, i32, i64, loop, u32, u64
from jans.status import BAD_DATA, BAD_MODEL, BAD_SYMBOL, UNDERFLOW


def _reverse(x, bits):
    """The lowest `bits` <= 32 bits of x, in reverse order."""
    x = x.astype(u64)
    for shift, mask in ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF), (16, 0x0000FFFF)):
        x = x >> u64(shift) & u64(mask) | (x & u64(mask)) << u64(shift)
    return x >> (i64(32) - bits).astype(u64)


# ---- codebooks ----


def _float_sum(a, b, mantissa, infinity):
    """The sum of two nonnegative floats as IEEE bits: rounded to nearest, ties to even."""
    large, small = jnp.maximum(a, b), jnp.minimum(a, b)
    exponent = lambda x: jnp.maximum(x >> u64(mantissa), u64(1))
    significand = lambda x: (x & u64(2**mantissa - 1)) | flag(x >> u64(mantissa) != 0, 1).astype(u64) << u64(mantissa)
    shift = jnp.minimum(exponent(large) - exponent(small), u64(60))
    addend = significand(small) << u64(3)
    addend = addend >> shift | (addend & ones(shift) != 0).astype(u64)
    total = (significand(large) << u64(3)) + addend
    long = total >> u64(mantissa + 4) != 0
    total = jnp.where(long, total >> u64(1) | total & u64(1), total)
    dropped, even = total & u64(7), total >> u64(3)
    rounded = even + ((dropped > 4) | (dropped == 4) & (even & u64(1) != 0)).astype(u64)
    base = exponent(large) - u64(1) + long.astype(u64) << u64(mantissa)
    return jnp.minimum(base + rounded, u64(infinity))


def huffman_codebook(probs):
    n = probs.shape[0]
    single = probs.dtype == jnp.float32
    mantissa, infinity = (23, 0x7F800000) if single else (52, 0x7FF0000000000000)
    bits = lax.bitcast_convert_type(probs, u32 if single else u64).astype(u64)
    keys = jnp.where(bits == u64(2**31 if single else 2**63), u64(0), bits)
    order = jnp.argsort(keys, stable=True)

    def join(k, carry):
        """Joins the two least likely nodes. Leaves are sorted, and parents are made in rising order."""
        leaves, oldest, sums, links, children = carry
        total, pair = u64(0), []
        for bit in range(2):
            first = order[jnp.minimum(leaves, n - 1)]
            parent = sums[jnp.minimum(oldest, n - 1)]
            leaf = (leaves < n) & ((oldest == k) | (keys[first] <= parent))
            node = jnp.where(leaf, first, n + oldest)
            total = _float_sum(total, jnp.where(leaf, keys[first], parent), mantissa, infinity)
            leaves, oldest = leaves + leaf, oldest + ~leaf
            links = links.at[node].set((2 * (n + k) + bit).astype(i32))
            pair.append(node.astype(i32))
        return leaves, oldest, sums.at[k].set(total), links, children.at[n + k].set(jnp.stack(pair))

    carry = i64(0), i64(0), jnp.zeros(n, u64), jnp.zeros(2 * n - 1, i32), jnp.full((2 * n - 1, 2), -1, i32)
    *_, links, children = lax.fori_loop(0, n - 1, join, carry) if n > 1 else carry

    def number(k, carry):
        codes, lengths = carry
        node = 2 * n - 3 - k
        link = links[node]
        code, length = codes[link >> 1], lengths[link >> 1]
        bit = (link & 1).astype(u64) << jnp.minimum(length, 32).astype(u64)
        code = jnp.where(length < 32, code | bit, u64(0))
        return codes.at[node].set(code), lengths.at[node].set(length + 1)

    codes, lengths = lax.fori_loop(0, 2 * n - 2, number, (jnp.zeros(2 * n - 1, u64), jnp.zeros(2 * n - 1, i64)))
    good = jnp.all(keys < u64(infinity))
    codewords = jnp.stack([jnp.where(good, codes[:n], u64(0)), jnp.where(good, lengths[:n], -1).astype(u64)], axis=-1)
    return codewords.astype(u32), jnp.where(good, jnp.concatenate([links[:, None], children], axis=-1), -1)


# ---- bits ----


def _write(partial_word, words, size, status, symbols, put, stack):
    partial_word, size, status = open_bits(partial_word, size, status)
    n = symbols.shape[0]

    def step(k, carry):
        state, status = carry
        return put(state, status, symbols[n - 1 - k if stack else k].astype(i64))

    (partial_word, words, size), status = loop(n, step, ((partial_word, words, size), status))
    return partial_word.astype(u32), words, *closed(words, size, status)


def _read(partial_word, words, at, status, end, n, dtype, locate):
    state = open_bits(partial_word, at, status, end)

    def step(i, carry):
        before, symbols = carry
        after, symbol, why = locate(before)
        bad = why != 0
        partial_word, at, sticky = after
        after = jnp.where(bad, before[0], partial_word), jnp.where(bad, before[1], at), sticky | why
        return after, symbols.at[i].set(jnp.where(bad, 0, symbol).astype(dtype))

    carry = state, jnp.zeros(n, dtype)
    (partial_word, at, status), symbols = loop(n, step, carry)
    return partial_word.astype(u32), at.astype(i32), status, symbols


# ---- code words of a codebook ----


def _huffman_write(partial_word, words, size, status, symbols, codewords, tree, stack):
    n = codewords.shape[0]
    root = 2 * n - 2

    def path(symbol):
        """The bits from a leaf up and their number, which is -1 if a link is broken."""

        def up(carry):
            node, depth, bits = carry
            link = tree[node, 0].astype(i64)
            parent = link >> 1
            bad = (parent < n) | (parent <= node) | (parent > root)
            bits = bits.at[jnp.minimum(depth, n - 1)].set(link & 1)
            return jnp.where(bad, root, parent), jnp.where(bad, -1, depth + 1), bits

        _, depth, bits = lax.while_loop(lambda c: (c[0] != root) & (c[1] >= 0), up, (symbol, i64(0), jnp.zeros(n, i64)))
        return jnp.where(tree[root, 0] == 0, depth, -1), bits

    def put(state, status, symbol):
        known = (symbol >= 0) & (symbol < n)
        symbol = jnp.clip(symbol, 0, n - 1)
        code, length = codewords[symbol, 0].astype(u64), codewords[symbol, 1].astype(i64)
        short = known & (length <= 32)
        length = jnp.where(short, length, 0)
        code = _reverse(code, length) if stack else code & ones(length)

        def long(state):
            depth, bits = path(symbol)
            step = lambda j, s: append(s, bits[j if stack else depth - 1 - j].astype(u64), i64(1))
            return lax.fori_loop(0, depth, step, state), flag(depth < 0, BAD_MODEL)

        state, why = lax.cond(
            known & ~short, long, lambda s: (append(s, jnp.where(short, code, u64(0)), length), i32(0)), state
        )
        return state, status | why | flag(~known, BAD_SYMBOL)

    return _write(partial_word, words, size, status, symbols, put, stack)


def huffman_encode(partial_word, words, size, status, symbols, codewords, tree):
    return _huffman_write(partial_word, words, size, status, symbols, codewords, tree, stack=False)


def huffman_push(partial_word, words, size, status, symbols, codewords, tree):
    return _huffman_write(partial_word, words, size, status, symbols, codewords, tree, stack=True)


def _huffman_read(partial_word, words, at, status, end, tree, n, dtype, stack):
    leaves = (tree.shape[0] + 1) // 2

    def locate(state):
        def down(carry):
            state, node = carry
            state, bit = read_bit(state, words, end, stack)
            child = tree[node, 1 + bit].astype(i64)
            return state, jnp.where(child < node, jnp.maximum(child, -1), -1)

        root = jnp.where(tree[-1, 0] == 0, i64(2 * leaves - 2), i64(-1))
        state, node = lax.while_loop(lambda c: c[1] >= leaves, down, (state, root))
        return state, node, flag(node < 0, BAD_MODEL)

    return _read(partial_word, words, at, status, end, n, dtype, locate)


def huffman_decode(partial_word, words, position, status, end, tree, *, n, dtype):
    return _huffman_read(partial_word, words, position, status, end, tree, n, dtype, stack=False)


def huffman_pop(partial_word, words, size, status, tree, *, n, dtype):
    return _huffman_read(partial_word, words, size, status, None, tree, n, dtype, stack=True)


# ---- Exp-Golomb code words ----


def _golomb_write(partial_word, words, size, status, symbols, order, stack):
    def put(state, status, symbol):
        known = symbol >= 0
        value = jnp.maximum(symbol, 0) + 2**order
        digits = jnp.where(known, length_of(value), 0)
        zeros = jnp.where(known, digits - 1 - order, 0)
        code = (value.astype(u64) if stack else _reverse(value, digits)) & ones(digits)
        parts = ((code, digits), (u64(0), zeros))
        for part in parts if stack else parts[::-1]:
            state = append(state, *part)
        return state, status | flag(~known, BAD_SYMBOL)

    return _write(partial_word, words, size, status, symbols, put, stack)


def golomb_encode(partial_word, words, size, status, symbols, *, order):
    return _golomb_write(partial_word, words, size, status, symbols, order, stack=False)


def golomb_push(partial_word, words, size, status, symbols, *, order):
    return _golomb_write(partial_word, words, size, status, symbols, order, stack=True)


def _golomb_read(partial_word, words, at, status, end, order, n, dtype, stack):
    def locate(state):
        def count(carry):
            state, zeros, _ = carry
            state, bit = read_bit(state, words, end, stack)
            return state, zeros + 1 - bit, (bit == 1) | (state[2] & UNDERFLOW != 0)

        sticky = state[2]
        state = *state[:2], i32(0)
        more = lambda c: ~c[2] & (c[1] <= 31 - order)
        state, zeros, _ = lax.while_loop(more, count, (state, i64(0), jnp.bool_(False)))
        ended, endless = state[2] != 0, zeros > 31 - order

        def digit(_, carry):
            state, value = carry
            state, bit = read_bit(state, words, end, stack)
            return state, 2 * value + bit

        digits = jnp.where(ended | endless, 0, zeros + order)
        state, value = lax.fori_loop(0, digits, digit, (state, i64(1)))
        symbol = value - 2**order
        why = flag(~ended & (endless | (symbol >> 31 != 0)), BAD_DATA)
        return (*state[:2], state[2] | sticky), jnp.where(ended, 0, symbol), why

    return _read(partial_word, words, at, status, end, n, dtype, locate)


def golomb_decode(partial_word, words, position, status, end, *, order, n, dtype):
    return _golomb_read(partial_word, words, position, status, end, order, n, dtype, stack=False)


def golomb_pop(partial_word, words, size, status, *, order, n, dtype):
    return _golomb_read(partial_word, words, size, status, None, order, n, dtype, stack=True)
