"""One picture of bits-back coding on a set of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from jans.recipes.accounting import Account

INK, GREY, PALE, ACCENT = "#24292f", "#8c959f", "#d0d7de", "#0b7285"
SHOWN = 14  # number of images in the top row


def picture(
    path: str | Path,
    images: np.ndarray,
    bits_per_image: np.ndarray,
    *,
    net: float,
    file: float,
    elbo: float,
    baselines: list[tuple[str, int]],
    name: str = "",
) -> None:
    """Draw `path`, a PNG: the first images with their sizes, the rate over the images,
    and the other compressors.

    `images` is uint8 `[N, H, W]`, and `bits_per_image` `[N]` are the bits that each image added to the
    message. `net` is their sum per pixel, `file` the bits per pixel of the whole file, and `elbo` the
    negative ELBO in the same unit. `baselines` is the result of the function of this name, and `name` is the
    name of the images.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.05)
    figure = Figure(figsize=(11, 5.2), dpi=160, facecolor="white", layout=layout)
    rows = figure.add_gridspec(2, 1, height_ratios=(1, 3))
    top, bottom = figure.add_subfigure(rows[0]), figure.add_subfigure(rows[1])
    shown = min(SHOWN, len(images))
    top.suptitle(
        f"{name + ': ' if name else ''}{len(images):,} images of {images[0].size:,} pixels, "
        f"and the bits that each of the first {shown} takes",
        color=INK, fontsize=11, fontweight="bold",
    )  # fmt: skip
    # Next to charts, dark ink on white reads better than light on black.
    for axes, image, bits in zip(top.subplots(1, shown, squeeze=False)[0], images, bits_per_image, strict=False):
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=images.max(), interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(PALE)
        axes.set_xlabel(f"{bits:,.0f}", color=INK, fontsize=9, labelpad=3)
    chain, bars = bottom.subplots(1, 2, width_ratios=(1.25, 1))
    _draw_chain(chain, bits_per_image / images[0].size, net, elbo)
    pixels = images.size
    rates = {label: 8 * size / pixels for label, size in baselines if label != "raw"}
    _draw_bars(bars, rates | {"jans": file})
    figure.savefig(path, metadata={"Software": None})


def account(path: str | Path, books: Account, pixels: int) -> None:
    """Draw `path`, a PNG: the bits that each part of a codec put on the stack for each image, per pixel."""
    figure = Figure(figsize=(9, 3.6), dpi=130, facecolor="white", layout="constrained")
    axes = figure.subplots()
    books.plot(axes, per=pixels, unit="bits per pixel")
    tidy(axes, "Where the bits go: bits that come back are below zero")
    axes.set_xlabel("images", color=GREY)
    figure.savefig(path, metadata={"Software": None})


def _draw_chain(axes: Axes, rates: np.ndarray, net: float, elbo: float) -> None:
    count = np.arange(1, len(rates) + 1)
    axes.scatter(count, rates, s=2, color=PALE, linewidths=0, rasterized=True)
    axes.plot(count, np.cumsum(rates) / count, color=ACCENT, linewidth=2)
    axes.axhline(elbo, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    low, high = np.quantile(rates, (0.005, 0.995))
    axes.set(xlim=(0, len(rates)), ylim=(low, high + 0.25 * (high - low)))
    tidy(axes, "Bits per pixel, image by image")
    axes.set_xlabel("images", color=GREY)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    one = Line2D([], [], color=GREY, marker="o", markersize=3, linewidth=0)
    axes.legend(
        handles=[one, *axes.lines],
        labels=["one image", f"mean so far, {net:.4f} over all", f"negative ELBO, {elbo:.4f}"],
        loc="upper right", ncols=3, frameon=False, fontsize=8.5, labelcolor=INK, borderpad=0, columnspacing=1.5,
        handlelength=1.6,
    )  # fmt: skip


def _draw_bars(axes: Axes, rates: dict[str, float]) -> None:
    rates = dict(sorted(rates.items(), key=lambda item: -item[1]))
    axes.barh(list(rates), list(rates.values()), height=0.68, color=[ACCENT if k == "jans" else PALE for k in rates])
    rival, best = min(((k, rate) for k, rate in rates.items() if k != "jans"), key=lambda item: item[1])
    tidy(axes, "Bits per pixel of the whole file")
    for i, (name, rate) in enumerate(rates.items()):
        text = f" {rate:.3f}"
        if name != "jans":
            axes.text(rate, i, text, va="center", color=INK)
            continue
        if rate < best:
            text += f"  ({100 * (1 - rate / best):.0f} % below {rival})"
        axes.text(rate, i, text, va="center", color=ACCENT, fontweight="bold")
        axes.get_yticklabels()[i].set(color=ACCENT, fontweight="bold")
    axes.set(xlim=(0, 1.14 * max(rates.values())), xticks=[])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def tidy(axes: Axes, title: str) -> None:
    """Sets the look of a panel."""
    axes.set_title(title, loc="left", color=INK, fontsize=10.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    axes.tick_params(color=PALE, labelcolor=INK)
