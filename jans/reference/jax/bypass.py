"""Bypass coding in plain JAX; `csrc/core/coders/bypass.h` specifies the format. Needs 64-bit types."""

import jax.numpy as jnp
from jax import lax

from jans.reference.jax.stacks import i64, u64

NUMBER_BITS = 34
IN_ALPHABET = -1


def number_of(v, escape):
    """The number after the escape symbol for v = symbol - offset, or `IN_ALPHABET`."""
    return jnp.where(v < 0, -2 * v - 1, jnp.where(v >= escape, 2 * (v - escape), i64(IN_ALPHABET)))


def value_of(number, escape):
    """The inverse of `number_of`."""
    return jnp.where(number % 2 == 1, -(number // 2) - 1, escape + number // 2)


def push_number(put, state, number, bits):
    """Calls `put(state, digit)` for every digit of a number, in the opposite order of reading."""
    max_digit = 2**bits - 1
    number = jnp.maximum(number, 0).astype(u64)
    count = sum((number >> u64(j) != 0).astype(i64) for j in range(0, NUMBER_BITS, bits))
    full = count // max_digit

    def step(k, state):
        j = count - 1 - k
        digit = (number >> (jnp.maximum(j, 0) * bits).astype(u64) & u64(max_digit)).astype(i64)
        return put(state, jnp.where(j >= 0, digit, jnp.where(j == -1, count % max_digit, max_digit)))

    return lax.fori_loop(0, count + 1 + full, step, state)


def pop_number(take, state, bits):
    """Reads a number with `take(state)`, which returns `(state, digit)`.

    Returns the state, the number, and whether a push can have written it.
    """
    max_digit, limit = 2**bits - 1, -(-NUMBER_BITS // bits)

    def counting(carry):
        _, count, digit = carry
        return (digit == max_digit) & (count <= limit)

    def add(carry):
        state, count, _ = carry
        state, digit = take(state)
        return state, count + digit, digit

    state, count, _ = lax.while_loop(counting, add, (state, i64(0), i64(max_digit)))
    good = count <= limit

    def step(j, carry):
        state, value, _ = carry
        state, digit = take(state)
        return state, value | digit << (j * bits), digit

    count = jnp.where(good, count, 0)
    state, value, last = lax.fori_loop(0, count, step, (state, i64(0), i64(0)))
    return state, value, good & (value >> NUMBER_BITS == 0) & ((count == 0) | (last != 0))
