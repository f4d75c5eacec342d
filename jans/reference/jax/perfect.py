"""constriction's `perfect` rule in plain JAX, as in `csrc/core/quantize/perfect.h`: slow, with the same integers."""

import jax.numpy as jnp
from jax import lax

from jans.reference.jax.elementary import Exact

NOT_FOR_SALE = 1.7976931348623157e308


def _win(exact, p, freq):
    """The bits that one more count saves."""
    return exact.times(p, exact.log1p(1.0 / freq))


def _loss(exact, p, freq):
    """The bits that one less count costs. A symbol never gives away its last count."""
    return jnp.where(freq < 2, NOT_FOR_SALE, exact.times(-p, exact.log1p(-1.0 / jnp.maximum(freq, 2.0))))


def _scaled(probs):
    """Probabilities times a power of two that brings the largest into [2, 4).

    Values below 2**-950 then become zero.
    """
    bits = lax.bitcast_convert_type(jnp.max(probs), jnp.uint64)
    exponents = jnp.uint64(2047 << 52)
    p = probs * lax.bitcast_convert_type(exponents - (bits & exponents), jnp.float64)
    return jnp.where(p < 2.0**-950, 0.0, p)


def frequencies(probs, allowed, precision):
    """The frequencies of allowed symbols: uint64 [n] that sum to 2**precision, and 0 for other symbols.

    probs: float64 [n], with at least one positive value among the allowed symbols; other values are ignored.
    """
    p = _scaled(jnp.where(allowed, probs, 0.0))
    exact = Exact(p[0])
    count = jnp.sum(allowed).astype(jnp.uint64)
    places = jnp.arange(p.shape[0])

    # 1. Give each symbol its whole part plus one, then one count each to the symbols with the largest wins.
    total, _ = lax.scan(lambda total, x: (total + x, None), jnp.zeros((), p.dtype), p)
    mass = jnp.uint64(2**precision) - count
    scale = mass.astype(p.dtype) / total

    def take(left, whole):
        whole = jnp.minimum(whole, left)
        return left - whole, whole

    left, wholes = lax.scan(take, mass, (p * scale).astype(jnp.uint64))
    rounds = jnp.where(left > 0, (left - jnp.minimum(left, jnp.uint64(1))) // count, 0)
    left = left - rounds * count
    freq = jnp.where(allowed, (wholes + rounds + 1).astype(p.dtype), 1.0)
    wins = jnp.where(allowed, _win(exact, p, freq), -1.0)
    line = jnp.zeros_like(places).at[jnp.argsort(-wins, stable=True)].set(places)
    freq = freq + jnp.where(allowed & (line.astype(jnp.uint64) < left), 1.0, 0.0)
    line = jnp.where(left == 0, places, line)

    # 2. Move single counts from the symbol with the smallest loss to the symbol with the largest win.
    def parties(carry):
        _, win, loss = carry
        buyer = jnp.argmax(jnp.where(win == jnp.max(win), line, -1))
        seller = jnp.argmin(jnp.where(loss == jnp.min(loss), line, p.shape[0]))
        return buyer, seller

    def worthwhile(carry):
        buyer, seller = parties(carry)
        return carry[1][buyer] > carry[2][seller]

    def trade(carry):
        freq, win, loss = carry
        b, s = parties(carry)
        freq = freq.at[b].add(1.0).at[s].add(-1.0)
        win = win.at[b].set(_win(exact, p[b], freq[b])).at[s].set(-1.0)
        loss = loss.at[s].set(_loss(exact, p[s], freq[s])).at[b].set(NOT_FOR_SALE)
        return freq, win, loss

    win = jnp.where(allowed, _win(exact, p, freq), -1.0)
    loss = jnp.where(allowed, _loss(exact, p, freq), NOT_FOR_SALE)
    freq, _, _ = lax.while_loop(worthwhile, trade, (freq, win, loss))
    return jnp.where(allowed, freq.astype(jnp.uint64), 0)
