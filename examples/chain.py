"""Shows what the chain coder is for: bits-back coding in
which quantisation continues after the latents are popped.

    python examples/chain.py [--picture docs/pictures/chain.png]

The sender rounds a measured signal to integers, and may round each value up or down. The integers are coded
given latents. The latents are popped from bits that have to be sent anyway, with posteriors given the
integers. A value that is rounded the other way therefore moves some posteriors a little.

With the chain coder, one or two latents then change too, and rounding is a search that descends to a minimum.
With the stack coder, all later latents are drawn anew, and the search gets nowhere. The script measures both
and sends everything. It checks that the receiver recovers the integers, the latents and the bits that they
were popped from.
"""

import argparse
import dataclasses
import functools
import itertools
import pathlib
from collections.abc import Callable

import chain_report
import jax
import jax.numpy as jnp
import numpy as np

from jans import chain, models, rans

STRIDE, WINDOW, REACH = 2, 8, 40  # samples: for each latent, in the bump of a latent, in the view of a posterior
NOISE = 0.5
DRAWS = 16
CODERS = chain_report.CODERS
WORD = 32


class Model:
    """A signal of overlapping bumps: `x = W z + noise`, with standard normal z on a grid.

    The posterior of each z is a Gaussian, as an encoder network computes it: mean = A x with a short filter,
    and no covariance. All factors are multiples of small powers of two. Sums are then exact in any order, so
    sender and receiver agree.
    """

    def __init__(self, latents: int, bits: int):
        self.latents, self.samples = latents, latents * STRIDE
        self.grid = models.NormalGrid(bits)
        away = np.arange(self.samples)[:, None] - (np.arange(latents) * STRIDE + 0.5)
        bumps = 4 * np.exp(-((away / WINDOW) ** 2) * 5.5) * (abs(away) <= WINDOW / 2)
        information = bumps.T @ bumps / NOISE**2 + np.eye(latents)
        filters = np.linalg.solve(information, bumps.T / NOISE**2) * (abs(away.T) <= REACH)
        multiples = lambda array, bits: jnp.asarray(np.round(array * 2**bits) / 2**bits, jnp.float32)
        self.bumps, self.filters = multiples(bumps, 6), multiples(filters, 12)
        self.centres = multiples(np.asarray(self.grid.centres), 8)
        self.scale = float(np.median(np.diag(information)) ** -0.5)
        self.prior = self.grid.prior()

    def mean(self, values: jax.Array) -> jax.Array:
        """Means of the posteriors."""
        return jnp.matmul(self.filters, jnp.asarray(values, jnp.float32), precision="highest")

    def posterior(self, mean: jax.Array) -> models.BinnedGaussian:
        """q(latents | values), from `mean(values)`."""
        return self.grid.posterior(mean, self.scale)

    def likelihood(self, latents: jax.Array) -> models.Gaussian:
        """p(values | latents)."""
        signal = jnp.matmul(self.bumps, self.centres[latents], precision="highest")
        return models.Gaussian(signal, NOISE, low=-128, high=127)

    def measure(self, rng: np.random.Generator) -> np.ndarray:
        """Draws a signal."""
        exact = np.asarray(self.bumps) @ rng.standard_normal(self.latents)
        return np.clip(exact + NOISE * rng.standard_normal(self.samples), -127, 126)


# ---- both coders: bits in, latents out ----


def start(coder: str, side: np.ndarray) -> rans.State | chain.State:
    """A coder that holds the bits that latents are popped from; a sentinel bit on top marks their end."""
    return chain.init(side) if coder == "chain" else rans.from_words(np.append(side, np.uint32(1)))


def take(state: rans.State | chain.State, posterior: models.Model) -> tuple[rans.State | chain.State, jax.Array]:
    """Pops latents from the bits."""
    return chain.pop(state, posterior) if isinstance(state, chain.State) else rans.pop(state, posterior)


def cost(model: Model, state: rans.State | chain.State, values: jax.Array) -> tuple[jax.Array, ...]:
    """Latents, the bits of every value, and the net bits of every latent (prior minus posterior)."""
    posterior = model.posterior(model.mean(values))
    _, latents = take(state, posterior)
    return latents, model.likelihood(latents).bits(values), model.prior.bits(latents) - posterior.bits(latents)


def send(model: Model, coder: str, side: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, float]:
    """The message, and its size in bits."""
    state, latents = take(start(coder, side), model.posterior(model.mean(values)))
    words = np.concatenate(chain.to_remainders(state)) if coder == "chain" else rans.to_words(state)
    stack = rans.from_words(words, capacity=len(words) + model.samples)  # both coders push values on a stack
    stack = rans.push(stack, model.likelihood(latents), jnp.asarray(values))
    stack = rans.push(stack, model.prior, latents)
    return rans.to_words(stack), float(rans.content_bits(stack))


def receive(model: Model, coder: str, message: np.ndarray, words: int) -> tuple[np.ndarray, ...]:
    """The bits that latents were popped from (`words` words), the latents and the values."""
    stack, latents = rans.pop(rans.from_words(message), model.prior, shape=(model.latents,))
    stack, values = rans.pop(stack, model.likelihood(latents))
    posterior = model.posterior(model.mean(values))
    if coder == "chain":
        state = chain.push(chain.init_remainders(rans.to_words(stack), capacity=words), posterior, latents)
        side = np.concatenate(chain.to_data(state))
    else:
        stack = rans.from_words(rans.to_words(stack), capacity=words + 2)
        side = rans.to_words(rans.push(stack, posterior, latents))[:-1]
    return side, np.asarray(latents), np.asarray(values)


# ---- rounding as a search ----

Cost = Callable[[np.ndarray], tuple[np.ndarray, ...]]


def sweep(values: np.ndarray, ends: np.ndarray, costs: Cost) -> np.ndarray:
    """Tries to round every value the other way, and keeps this if it saves bits in the neighbourhood.

    Values far apart are tried together. A value moves the posteriors within REACH of it, and their latents
    move the likelihood of samples half a window further. This assumes that no other latent moves.
    """
    around = REACH + WINDOW // 2 + STRIDE
    for first in range(min(2 * around + 1, len(values))):
        tried = np.zeros(len(values), bool)
        tried[first :: 2 * around + 1] = True
        other = np.where(tried, ends.sum(0) - values, values)
        (_, before, before_z), (_, after, after_z) = costs(values), costs(other)
        saved = before - after
        saved[::STRIDE] += before_z - after_z
        saved = np.convolve(saved, np.ones(2 * around + 1))[around:-around]
        values = np.where(tried & (saved > 1e-3), other, values)
    return values


def search(values: np.ndarray, ends: np.ndarray, costs: Cost, sweeps: int) -> list[np.ndarray]:
    """The values before and after each sweep."""
    found = [values]
    for _ in range(sweeps):
        found.append(sweep(found[-1], ends, costs))
    return found


# ---- measurements ----


@dataclasses.dataclass
class Run:
    """The results of one coder with one set of bits: for each row of the table,
    and for each sweep from each start."""

    net: dict[str, float]  # bits of the message, minus the bits that the receiver recovers
    overhead: dict[str, float]  # the part of the net bits that the models do not account for
    distance: dict[str, float]  # mean squared distance from the measured values
    bits: dict[str, np.ndarray]  # net bits before and after each sweep
    moved: dict[str, np.ndarray]  # the share of latents that each sweep changed


def run(
    model: Model, coder: str, side: np.ndarray, starts: dict[str, list[np.ndarray]], costs: Cost, signal: np.ndarray
) -> Run:
    """Sends the values of every row, and receives them."""
    result = Run({}, {}, {}, {}, {})
    for name, found in starts.items():
        parts = [costs(values) for values in found]
        totals = np.array([values.sum() + latents.sum() for _, values, latents in parts])
        result.bits[name] = totals
        result.moved[name] = np.array([(a[0] != b[0]).mean() for a, b in itertools.pairwise(parts)])
        last, best = ("last", "best") if name == "nearest" else (f"{name}, last", f"{name}, best")
        for row, at in {name: 0, last: len(found) - 1, best: int(totals.argmin())}.items():
            message, size = send(model, coder, side, found[at])
            received = receive(model, coder, message, len(side))
            if not all(map(np.array_equal, received, (side, parts[at][0], found[at]))):
                raise SystemExit(f"{coder}: what was received is not what was sent")
            result.net[row] = size - WORD * len(side)
            result.overhead[row] = result.net[row] - totals[at]
            result.distance[row] = ((found[at] - signal) ** 2).mean()
    return result


def nudge(model: Model, values: np.ndarray, side: np.ndarray) -> tuple[int, dict[str, np.ndarray]]:
    """A latent whose posterior moves by its own scale,
    and for each coder the latents [2] before and after."""
    mean = model.mean(values)
    for at in range(6, model.latents):
        both = (model.posterior(mean), model.posterior(mean.at[at].add(model.scale)))
        pairs = {coder: np.stack([take(start(coder, side), q)[1] for q in both]) for coder in CODERS}
        changed = {coder: np.flatnonzero(pair[0] != pair[1]) for coder, pair in pairs.items()}
        if all(at in changed[coder] for coder in CODERS):  # otherwise it moved within its bin
            if len(changed["chain"]) > 1:
                raise SystemExit("the chain coder changed more than the latent whose posterior moved")
            return at, pairs
    raise SystemExit("no latent moved")


def main() -> None:
    """Reads the command line, measures, checks, prints and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latents", type=int, default=1024, help="the signal has twice as many samples")
    parser.add_argument("--bits", type=int, default=4, help="of the grid of the latents")
    parser.add_argument("--sides", type=int, default=4, help="sets of bits that latents come from, to average over")
    parser.add_argument("--sweeps", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=pathlib.Path, default=pathlib.Path("out/chain.png"))
    args = parser.parse_args()

    rng = np.random.default_rng(args.seed)
    model = Model(args.latents, args.bits)
    signal = model.measure(rng)
    ends = np.stack([np.floor(signal), np.ceil(signal)]).astype(np.int32)
    nearest = np.round(signal).astype(np.int32)
    draw = lambda: rng.integers(2**WORD, size=args.latents, dtype=np.uint32)
    evaluate = jax.jit(jax.vmap(functools.partial(cost, model), in_axes=(0, None)))

    def costs(coder: str, *sides: np.ndarray) -> Cost:
        states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(start(coder, side) for side in sides))
        return lambda values: tuple(np.asarray(array, float).mean(0) for array in evaluate(states, values))

    # Many draws show what is best for the posteriors in general, and nothing about the one draw that is sent.
    average = search(nearest, ends, costs("chain", *(draw() for _ in range(DRAWS))), args.sweeps)[-1]
    runs: dict[str, list[Run]] = {coder: [] for coder in CODERS}
    for _ in range(args.sides):
        side = draw()
        for coder in CODERS:
            here = costs(coder, side)
            starts = {"nearest": nearest, "average": average}
            found = {name: search(values, ends, here, args.sweeps) for name, values in starts.items()}
            runs[coder].append(run(model, coder, side, found, here, signal))
    if any((np.diff(bits) > 0).any() for r in runs["chain"] for bits in r.bits.values()):
        raise SystemExit("the chain coder did not go down with every sweep")

    print(f"{model.samples} values with {model.latents} latents, over {args.sides} sets of bits\n")
    print(chain_report.table(runs))
    print("\nall values, latents and bits that latents came from were received exactly")
    args.picture.parent.mkdir(parents=True, exist_ok=True)
    chain_report.picture(args.picture, nudge(model, nearest, side), runs)
    print(f"picture: {args.picture}")


if __name__ == "__main__":
    main()
