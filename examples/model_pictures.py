"""Draws every model: the intervals of its symbols in [0, 2**precision),
and the probabilities that they stand for.

python examples/model_pictures.py docs/pictures/models.png
"""

from __future__ import annotations

import sys

import jax.numpy as jnp
import numpy as np
from common.report import GREY, INK, PALE
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from jans import models

SHADES = ("#0b7285", "#66d9e8")
PRECISION = 12
HIGH = 24


def gumbel(loc, scale, x):
    """The cdf of a distribution that the library does not have."""
    return jnp.exp(-jnp.exp(-(x - loc) / scale))


def all_models() -> list[tuple[str, models.Model]]:
    """Each model, with a title that tells how it was made."""
    span = {"low": 0, "high": HIGH, "precision": PRECISION}
    two = jnp.array([0.3, -0.3]), jnp.array([6.0, 17.0]), jnp.array([1.2, 1.8])
    steps = [0, 4, 6, 12, 25], jnp.array([0.2, 0.3, 0.4, 0.1])
    table = jnp.array([[0, 100, 100, 1500, 2300, 2300, 3900, 4096]])
    made = [
        ("Uniform", "size=9", lambda make: make(9, PRECISION)),
        ("Bernoulli", "prob=0.2", lambda make: make(0.2, PRECISION)),
        ("Categorical", "logits", lambda make: make(logits=jnp.sin(jnp.arange(12.0)) * 2, precision=PRECISION)),
        ("Table", "two symbols of probability 0", lambda make: make(table, 0, PRECISION)),
        ("Gaussian", "loc=11.3, scale=3", lambda make: make(11.3, 3.0, **span)),
        ("Laplace", "loc=11.3, scale=3", lambda make: make(11.3, 3.0, **span)),
        ("Logistic", "loc=11.3, scale=2", lambda make: make(11.3, 2.0, **span)),
        ("Cauchy", "loc=11.3, scale=2", lambda make: make(11.3, 2.0, **span)),
        ("LogisticMixture", "2 components", lambda make: make(*two, **span)),
        ("GaussianMixture", "2 components", lambda make: make(*two, **span)),
        ("Binomial", "trials=24, prob=0.3", lambda make: make(HIGH, 0.3, PRECISION)),
        ("BetaBinomial", "trials=24, alpha=2, beta=3", lambda make: make(HIGH, 2.0, 3.0, PRECISION)),
        ("Poisson", "rate=7, high=24", lambda make: make(7.0, HIGH, PRECISION)),
        ("Geometric", "prob=0.2, high=24", lambda make: make(0.2, HIGH, PRECISION)),
        (
            "BinnedGaussian",
            "on 16 bins",
            lambda _: models.NormalGrid(4).posterior(0.5, 0.4, PRECISION),
        ),
        ("Histogram", "4 bins", lambda make: make(*steps, PRECISION)),
        ("Custom", "cdf of a Gumbel", lambda make: make(gumbel, 8.0, 3.0, **span)),
    ]
    return [(f"{name}  {what}", build(getattr(models, name))) for name, what, build in made]


def draw(axes: Axes, title: str, model: models.Model) -> None:
    """Draws one panel: the intervals as a bar, and below it the probabilities in the same colours."""
    low, high = (int(end) for end in model.bounds)
    symbols = np.arange(low, high + 1)
    start, freq = (np.asarray(a).astype(float) / 2**PRECISION for a in model.interval(jnp.asarray(symbols)))
    start = np.where(freq > 0, start, 0)
    shade = (np.cumsum(freq > 0) - 1) % 2  # neighbours differ, also across symbols of probability zero
    colors = [SHADES[k] for k in shade]
    pmf, bar = axes, axes.inset_axes((0, 1.06, 1, 0.16))
    pmf.bar(symbols, freq, width=0.86, color=colors)
    bar.barh(0, freq, left=start, height=1, color=colors)
    for k, left, width, dark in zip(symbols, start, freq, shade == 0, strict=True):
        if width > 0.045:
            ink = "white" if dark else INK
            bar.text(left + width / 2, 0, str(k), ha="center", va="center", fontsize=6, color=ink)
    bar.set(xlim=(0, 1), ylim=(-0.5, 0.5), xticks=[], yticks=[])
    bar.spines[:].set_visible(False)
    name, _, what = title.partition("  ")
    bar.set_title(name, loc="left", fontsize=9.5, color=INK, fontweight="bold", pad=4)
    bar.set_title(what, loc="right", fontsize=7.5, color=GREY, pad=4)
    pmf.set(xlim=(low - 0.6, high + 0.6), yticks=[])
    pmf.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    pmf.spines[["top", "right", "left"]].set_visible(False)
    pmf.spines["bottom"].set_color(PALE)
    pmf.tick_params(color=PALE, labelcolor=GREY, labelsize=7, length=2)


def picture(path: str) -> None:
    """Writes a PNG with a panel for every model."""
    shown = all_models()
    columns = 4
    rows = -(-len(shown) // columns)
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)
    figure = Figure(figsize=(11, 1.55 * rows + 0.4), dpi=110, facecolor="white", layout=layout)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (title, model) in zip(panels, shown, strict=False):
        draw(axes, title, model)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    figure.suptitle(
        "Above, the intervals of the symbols from 0 to 2**precision; below, how long they are",
        color=INK, fontsize=10,
    )  # fmt: skip
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    picture(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures/models.png")
