"""Text to bytes and back with a trained language model: encoded in one pass, decoded in one scan.

The integers of the memory and the exact sums of the network are the same in the pass and in the scan, and on
every machine. For speed, a text can be cut into streams of equal length that are coded in parallel: each step
of the scan takes the next token of every stream. All streams share one memory, so each learns from what the
others have read.
"""

from __future__ import annotations

import dataclasses
import functools
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import language_model as model
import numpy as np
import recall
from common import weights
from flax import nnx
from jax import Array
from subwords import Subwords

import jans

HEADER = struct.Struct("<2I")  # tokens, streams


class Shared(nnx.Variable):
    """Integers that are made once, before training."""


class Compressor(nnx.Module):
    """All that encoder and decoder share: a network, the merges of its vocabulary,
    and the text that it remembers."""

    def __init__(self, net: model.Language, merges: np.ndarray, text: np.ndarray) -> None:
        self.net = net
        self.merges = Shared(jnp.asarray(merges, jnp.int32))
        self.text = Shared(jnp.asarray(text, jnp.uint16))


def codec(
    net: model.Language, memory: recall.Memory, shape: tuple[int, int], symbols: Callable[[Any], jans.Codec]
) -> jans.Codec:
    """A codec of tokens int32 `[steps, streams]`; `symbols` makes a codec of the models of a step.

    The memory must have room for `(steps + 1) * streams` more tokens.
    """
    steps, streams = shape
    orders = net.config.orders
    kinds = jnp.arange(len(orders))

    def read(carry: tuple, tokens: Array) -> tuple[tuple, tuple]:
        """Remembers tokens `[streams]`, and recalls the tokens that followed the same contexts before."""
        memory, window, where, last, position = carry
        # Heads come from the step before, because XLA would copy a table that one step reads and then writes.
        memory = recall.insert(memory, where, last, tokens, position)
        window = jnp.concatenate([tokens[:, None], window[:, :-1]], 1)
        where = recall.slots(window, orders)
        last = memory.head[kinds, where]
        recalled = recall.recall(memory, last, net.config.recalled)
        return (memory, window, where, last, position + streams), (tokens, window[:, 1], recalled)

    def step(carry: tuple, tokens: Array) -> tuple[tuple, tuple]:
        memory, state = carry
        memory, (newest, before, recalled) = read(memory, tokens)
        gates = net.gates(newest, before)
        state = net.update(state, gates)
        return (memory, state), (net.findings(state, gates[1], newest, recalled), recalled)

    def parallel(tokens: Array) -> tuple:
        _, (newest, before, recalled) = jax.lax.scan(read, start, tokens)
        return net.everything(newest, before, recalled), recalled

    def next_token(findings: tuple) -> jans.Codec:
        return symbols(jans.models.Categorical(logits=net.logits(*findings)))

    nothing = jnp.zeros(streams, jnp.int32)
    window = jnp.zeros((streams, max(orders)), jnp.int32)
    where = recall.slots(window, orders)
    start = (memory, window, where, memory.head[kinds, where], jnp.int32(memory.tokens.size - (steps + 1) * streams))
    return jans.autoregressive(step, next_token, (start, net.start(streams)), nothing, steps, parallel)


class Files:
    """Text to files and back."""

    def __init__(self, compressor: Compressor) -> None:
        model.check_exact(compressor.net)
        self.config = compressor.net.config
        self.subwords = Subwords(np.asarray(compressor.merges[...]))
        self.text = np.asarray(compressor.text[...], np.int32)
        self.graph, self.parameters = nnx.split(compressor.net)
        self.shared = nnx.state(compressor)

    def compress(self, text: bytes, streams: int = 1) -> bytes:
        """Any bytes as a file."""
        count, data = self._arrange(text, streams)
        # A token takes at most the 24 bits of its model.
        state = self._encode(self.parameters, self._memory(data), jans.rans.init(capacity=data.size + 2), data)
        streams = data.shape[1]
        return HEADER.pack(count, streams) + jans.to_bytes(state, self._fingerprint(count, streams))

    def decompress(self, blob: bytes) -> bytes:
        """The bytes in a file."""
        if len(blob) < HEADER.size:
            raise ValueError(f"A file begins with {HEADER.size} bytes of header, but this one has {len(blob)} in all.")
        count, streams = HEADER.unpack_from(blob)
        state = jans.from_bytes(blob[HEADER.size :], fingerprint=self._fingerprint(count, streams))
        empty = np.zeros((-(-count // streams), streams), np.int32)
        state, data = self._decode(self.parameters, self._memory(empty), state, empty.shape)
        jans.check_end(state, jans.rans.init(capacity=0))
        return self.subwords.decode(np.asarray(data).T.reshape(-1)[:count])

    def bits(self, text: bytes, streams: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """The tokens of a text, and the bits of each token."""
        count, data = self._arrange(text, streams)
        bits = self._measure(self.parameters, self._memory(data), data)
        return data.T.reshape(-1)[:count], np.asarray(bits).T.reshape(-1)[:count]

    def _fingerprint(self, count: int, streams: int) -> int:
        """A fingerprint of everything shared and of the header,
        so that a damaged header raises an error too."""
        return jans.fingerprint((self.shared, np.array([count, streams], np.uint32)))

    def _arrange(self, text: bytes, streams: int) -> tuple[int, np.ndarray]:
        """The number of tokens of a text, and the tokens in streams, `[steps, streams]`,
        padded with zeros at the end."""
        if streams < 1:
            raise ValueError(f"streams must be at least 1, got {streams}.")
        tokens = self.subwords.encode(text)
        data = np.zeros((streams, -(-len(tokens) // streams)), np.int32)
        data.reshape(-1)[: len(tokens)] = tokens
        return len(tokens), np.ascontiguousarray(data.T)

    def _memory(self, data: np.ndarray) -> recall.Memory:
        return recall.remember(self.text, self.config.orders, room=data.size + data.shape[1])

    @functools.partial(jax.jit, static_argnums=0)
    def _encode(self, parameters: nnx.State, memory: recall.Memory, state: Any, data: Array) -> Any:
        return codec(nnx.merge(self.graph, parameters), memory, data.shape, jans.rans.codec).push(state, data)

    @functools.partial(jax.jit, static_argnums=(0, 4))
    def _decode(self, parameters: nnx.State, memory: recall.Memory, state: Any, shape: tuple[int, int]) -> Any:
        return codec(nnx.merge(self.graph, parameters), memory, shape, jans.rans.codec).pop(state)

    @functools.partial(jax.jit, static_argnums=0)
    def _measure(self, parameters: nnx.State, memory: recall.Memory, data: Array) -> Array:
        """Pushes on a list of costs instead of on a coder."""

        def cost(symbol: Any) -> jans.Codec:
            def push(state: tuple[Array, Array], tokens: Array) -> tuple[Array, Array]:
                step, bits = state
                return step - 1, bits.at[step].set(symbol.bits(tokens))

            return jans.Codec(push, None)

        start = (jnp.int32(len(data) - 1), jnp.zeros(data.shape))
        return codec(nnx.merge(self.graph, parameters), memory, data.shape, cost).push(start, data)[1]


def save(path: str | Path, compressor: Compressor) -> None:
    """Write everything that encoder and decoder share."""
    sizes = {"merges": len(compressor.merges[...]), "text": len(compressor.text[...])}
    weights.save(path, compressor, config=dataclasses.asdict(compressor.net.config), **sizes)


def load(path: str | Path) -> Compressor:
    """Read the file of `save`."""
    config, sizes = weights.about(path, model.Config)
    net = model.Language(config, nnx.Rngs(0))
    compressor = Compressor(net, np.zeros((sizes["merges"], 2)), np.zeros(sizes["text"]))
    weights.fill(compressor, path)
    return compressor
