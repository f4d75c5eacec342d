"""A language model of tokens that is the same on every machine: a recurrent network,
and a memory of what followed.

A context is the last 1, 2, 3 or 5 tokens. The memory knows which tokens followed a context the last few
times. The network sees these tokens, and adds to their logits as much as such a memory deserves here.

Every number of the network lies on a grid. So few numbers are summed that all sums are exact in float32. The
order does not matter, nor does it matter whether a text is processed in one pass or token by token, with or
without fused operations, or on which processor.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from common.progress import Progress
from flax import nnx
from jax import Array
from recall import Memory, recall, remember

from jans.models import snap

GRID, STATE_GRID = 8, 14  # fractional bits of all numbers except the state between tokens, and of that state
HIGHEST, MAX_WEIGHT = 2.0, 8.0  # largest input of the output layer, and largest weight of recalled tokens
EXACT = 2.0**24  # float32 represents integers up to here exactly


@dataclass(frozen=True)
class Config:
    """The size of the network, and the settings of its training."""

    tokens: int = 2048
    width: int = 256
    orders: tuple[int, ...] = (1, 2, 3, 5)  # lengths of the contexts in the memory
    recalled: int = 16  # number of earlier places of a context that are recalled
    steps: int = 1500
    batch: int = 32
    length: int = 64  # of the sequences that the network is trained on
    learning_rate: float = 4e-3


class Language(nnx.Module):
    """A network from a token, the previous token, and the recalled tokens, to logits of the next token.

    It has three parts: `gates`, `update` and `findings`. A whole text can go through the first and the last
    part at once. Only the part between them, which has no matrix products, must be a loop. The output layer
    is `logits`.
    """

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        self.config = config
        n, width, kinds, recalled = config.tokens, config.width, len(config.orders), config.recalled
        normal = lambda *shape, scale: nnx.Param(scale * jax.random.normal(rngs.params(), shape))
        self.embedding = normal(n, width, scale=0.3)
        self.output = normal(width, n, scale=0.05)
        self.output_bias = nnx.Param(jnp.zeros(n))
        self.gate = normal(2 * width, 2 * width, scale=(2 * width) ** -0.5)
        self.gate_bias = nnx.Param(jnp.zeros(2 * width).at[:width].set(-1.0))
        self.mix = normal(2 * width, width, scale=(2 * width) ** -0.5)
        self.mix_bias = nnx.Param(jnp.zeros(width))
        # Indexed by how often the newest recalled token was recalled, and by the number of recalled tokens.
        self.confidence = nnx.Param(jnp.zeros((kinds, recalled + 1, recalled + 1, width)))
        self.trust = nnx.Param(jnp.full((kinds, recalled, recalled + 1, recalled + 1), 0.5))
        self.weigh = nnx.Param(jnp.zeros((width, kinds * recalled)))
        self.weigh_bias = nnx.Param(jnp.zeros(kinds * recalled))

    def gates(self, tokens: Array, before: Array) -> tuple[Array, Array]:
        """How much of the state is replaced `[..., width]`, and with what,
        for tokens and previous tokens `[...]`."""
        embedding = self.embedding[...]
        x = jnp.concatenate([embedding[tokens], embedding[before]], -1)
        forget, new = jnp.split(linear(x, self.gate, self.gate_bias), 2, -1)
        return snap(jnp.clip(0.5 + forget / 4, 0, 1)), jnp.clip(new, -1, 1)

    def update(self, state: Array, gates: tuple[Array, Array]) -> Array:
        """The next state `[..., width]`."""
        forget, new = gates
        return snap(state + forget * (new - state), STATE_GRID)

    def findings(self, state: Array, new: Array, tokens: Array, recalled: Array) -> tuple[Array, Array]:
        """The input of the output layer `[..., width]`,
        and what to add for tokens recalled `[..., orders, recalled]`."""
        known = recalled >= 0
        count = known.sum(-1)
        same = (recalled[..., :, None] == recalled[..., None, :]).sum(-1)
        kind, age = jnp.arange(recalled.shape[-2]), jnp.arange(recalled.shape[-1])
        sure = self.confidence[...][kind, count, same[..., 0]].sum(-2)
        mixed = jax.nn.relu(linear(jnp.concatenate([snap(state), new], -1), self.mix, self.mix_bias))
        hidden = jnp.clip(self.embedding[...][tokens] + mixed + sure, -HIGHEST, HIGHEST)
        weight = jnp.clip(1 + linear(hidden, self.weigh, self.weigh_bias), 0, MAX_WEIGHT).reshape(recalled.shape)
        trust = self.trust[...][kind[:, None], age, same, count[..., None]]
        return hidden, jnp.where(known, snap(trust * weight), 0)

    def logits(self, findings: tuple[Array, Array], recalled: Array) -> Array:
        """Logits `[..., tokens]` of the next token."""
        hidden, added = findings
        out = linear(hidden, self.output, self.output_bias)
        flat, at = out.reshape(-1, out.shape[-1]), jnp.maximum(recalled, 0).reshape(out[..., 0].size, -1)
        return flat.at[jnp.arange(len(flat))[:, None], at].add(added.reshape(at.shape)).reshape(out.shape)

    def start(self, streams: int) -> Array:
        """The state before the first token."""
        return jnp.zeros((streams, self.config.width))

    def everything(self, tokens: Array, before: Array, recalled: Array) -> tuple[Array, Array]:
        """Findings after each of `tokens` `[n, streams]`, in one pass."""
        gates = self.gates(tokens, before)

        def one(state, gates):
            state = self.update(state, gates)
            return state, state

        _, states = jax.lax.scan(one, self.start(tokens.shape[1]), gates)
        return self.findings(states, gates[1], tokens, recalled)


def linear(x: Array, kernel: nnx.Param, bias: nnx.Param) -> Array:
    """A layer whose sums are exact, on the grid."""
    return snap(jnp.matmul(x, kernel[...], precision="highest") + bias[...])


def train(text: np.ndarray, config: Config) -> Language:
    """A network trained on tokens. For each token, the memory contains the tokens before it."""
    memory = remember(text, config.orders)
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adam(
            optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, config.steps // 20, config.steps), b2=0.98
        ),
    )
    graph, parameters = nnx.split(Language(config, nnx.Rngs(0)))

    def loss(parameters: nnx.State, memory: Memory, place: Array) -> Array:
        net = nnx.merge(graph, jax.tree.map(snap, parameters))
        recalled = recall(memory, jnp.moveaxis(memory.link[:, place], 0, -1), config.recalled)
        findings = net.everything(memory.tokens[place - 1], memory.tokens[place - 2], recalled)
        logits = net.logits(findings, recalled)
        return optax.softmax_cross_entropy_with_integer_labels(logits, memory.tokens[place]).mean()

    @functools.partial(jax.jit, donate_argnums=0)
    def step(carry: tuple, memory: Memory, first: Array) -> tuple[tuple, Array]:
        parameters, state = carry
        place = first + jnp.arange(config.length)[:, None]
        value, gradient = jax.value_and_grad(loss)(parameters, memory, place)
        update, state = optimiser.update(gradient, state, parameters)
        return (optax.apply_updates(parameters, update), state), value

    random = np.random.default_rng(0)
    # Position 3 is the first with two tokens before it.
    parts = (len(text) - 2 - config.length) // config.length
    if parts < config.batch:
        raise ValueError(
            f"A text to train on must have {config.length * (config.batch + 1) + 2} tokens or more, got {len(text)}. "
            "Take a longer one, or a smaller batch or length in the Config."
        )
    order: list[int] = []
    report, losses = Progress("training", config.steps), []
    carry = (parameters, optimiser.init(parameters))
    for i in range(config.steps):
        if len(order) < config.batch:
            order = list(3 + random.integers(config.length) + config.length * random.permutation(parts))
        chosen, order = order[: config.batch], order[config.batch :]
        carry, value = step(carry, memory, jnp.asarray(chosen, jnp.int32))
        losses.append(float(value))
        report(i + 1, f"{np.mean(losses[-100:]) / np.log(2):.3f} bits per token")
    net = nnx.merge(graph, jax.tree.map(snap, carry[0]))
    check_exact(net)
    return net


def check_exact(net: Language) -> None:
    """Raises ValueError unless every sum is exact: no partial sum, in any order,
    exceeds the exact integers of float32."""
    parameters = jax.tree.leaves(nnx.state(net))
    if not all((snap(values) == values).all() for values in parameters):
        raise ValueError(
            f"Weights must be multiples of 2**-{GRID}, but some are not. Give those that `train` returned."
        )
    embedding = np.abs(net.embedding[...]).max(0)
    width = net.config.width
    layers = {
        "gate": (np.tile(embedding, 2), net.gate, net.gate_bias),
        "mix": (np.ones(2 * width), net.mix, net.mix_bias),
        "output": (np.full(width, HIGHEST), net.output, net.output_bias),
        "weigh": (np.full(width, HIGHEST), net.weigh, net.weigh_bias),
        "trust": (np.full(1, MAX_WEIGHT), net.trust[...].reshape(1, -1), np.zeros(1)),
    }
    for name, (inputs, kernel, bias) in layers.items():
        largest = (np.asarray(inputs, np.float64) @ np.abs(kernel[...]) + np.abs(bias[...])).max()
        if largest * 4**GRID >= EXACT:
            raise ValueError(
                f"Sums of the layer {name!r} must stay below {EXACT / 4**GRID:g} to be exact, but could reach "
                f"{largest:.0f}. Train again with a smaller learning rate."
            )
