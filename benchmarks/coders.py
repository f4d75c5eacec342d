"""Compares the chain coder and the range coder with constriction's, for `cpu.py`."""

from collections.abc import Callable

# Import this before JAX, because it sets the flags of XLA.
from measure import interleaved, laplace, rates_of, ratios_of  # isort: skip

import constriction
import jax
import numpy as np

from jans import chain, models, range_coder

peers, peer_models = constriction.stream, constriction.stream.model
HIGH = 127


def chain_and_range(repetitions: int) -> list[tuple[str, ...]]:
    """Both coders, with one table for all symbols, and with a mean and a scale for each; 24 bits,
    the same words."""
    n = 1_000_000
    rng = np.random.default_rng(6)
    probs = laplace(256, 6.0)
    mean, scale = rng.normal(0, 5, n).astype(np.float32), np.exp(rng.normal(0.5, 1, n)).astype(np.float32)
    table = peer_models.Categorical(probs, perfect=False), (), models.Categorical, (probs,)
    gaussian = (
        peer_models.QuantizedGaussian(-HIGH, HIGH),
        (mean.astype(np.float64), scale.astype(np.float64)),
        lambda mean, scale: models.Gaussian(mean, scale, -HIGH, HIGH),
        (mean, scale),
    )
    symbols = {
        "one table": rng.choice(256, n, p=probs / probs.sum()).astype(np.int32),
        "Gaussians": np.clip(np.round(rng.normal(mean, scale)), -HIGH, HIGH).astype(np.int32),
    }
    calls: dict[str, Callable[[], object]] = {}
    for name, model in (("one table", table), ("Gaussians", gaussian)):
        calls |= _chain(f"chain coder, {name}", n, rng, *model)
        calls |= _range(f"range coder, {name}", symbols[name], *model)
    rates = {name: n / seconds / 1e6 for name, seconds in interleaved(calls, repetitions).items()}
    rows = []
    for name in dict.fromkeys(call.rsplit(" ", 1)[0] for call in calls if not call.startswith("peer")):
        rows.append((f"constriction {name}", *rates_of(rates, f"peer {name}"), "", ""))
        rows.append((f"jans {name}", *rates_of(rates, name), *ratios_of(rates, name, f"peer {name}")))
    return rows


def _chain(name, n, rng, peer, peer_args, build, args):
    """Pushing counts as encoding here, and popping as decoding."""
    words = rng.integers(2**32, size=n, dtype=np.uint32)

    def peer_pop():
        coder = peers.chain.ChainCoder(words, seal=True)
        return coder, coder.decode(peer, *(peer_args or (n,)))

    coder, symbols = peer_pop()
    left = np.concatenate(coder.get_remainders())

    def peer_push():
        coder = peers.chain.ChainCoder(left, is_remainders=True)
        coder.encode_reverse(symbols, peer, *peer_args)
        return coder

    pop = jax.jit(lambda words, args: chain.pop(chain.init(words), build(*args), shape=(n,)))
    push = jax.jit(lambda left, x, args: chain.push(chain.init_remainders(left, n), build(*args), x))
    w, r, x, a = jax.device_put((words, left, symbols, args))
    assert (np.asarray(pop(w, a)[1]) == symbols).all()
    assert (np.concatenate(chain.to_data(push(r, x, a))) == words).all()
    return {
        f"peer {name} encode": peer_push,
        f"peer {name} decode": peer_pop,
        f"{name} encode": lambda: push(r, x, a),
        f"{name} decode": lambda: pop(w, a),
    }


def _range(name, symbols, peer, peer_args, build, args):
    n = symbols.size

    def peer_encode():
        coder = peers.queue.RangeEncoder()
        coder.encode(symbols, peer, *peer_args)
        return coder

    words = peer_encode().get_compressed()
    encode = jax.jit(lambda x, args: range_coder.encode(range_coder.encoder(words.size + 2), build(*args), x))
    decode = jax.jit(lambda words, args: range_coder.decode(range_coder.decoder(words), build(*args), shape=(n,))[1])
    w, x, a = jax.device_put((words, symbols, args))
    assert (range_coder.to_words(encode(x, a)) == words).all()
    assert (np.asarray(decode(w, a)) == symbols).all()
    return {
        f"peer {name} encode": peer_encode,
        f"peer {name} decode": lambda: peers.queue.RangeDecoder(words).decode(peer, *(peer_args or (n,))),
        f"{name} encode": lambda: encode(x, a),
        f"{name} decode": lambda: decode(w, a),
    }
