"""One picture of a hyperprior on photographs: rate and distortion, and how it looks next to JPEG and WebP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common.report import ACCENT, GREY, INK, PALE, tidy
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

NAMES = {"JPEG": "JPEG", "WEBP": "WebP"}
COLOURS = {"JPEG": "#c2590c", "WEBP": GREY}
CROP = 192  # side in pixels


@dataclass(frozen=True)
class Point:
    """One photograph at one quality."""

    name: str
    size: int  # in bytes, with every byte counted
    rate: float  # in bits per pixel
    psnr: float  # in dB, over all pixels and colours
    image: np.ndarray


def point(name: str, original: np.ndarray, size: int, image: np.ndarray) -> Point:
    """The result of coding `original` in `size` bytes."""
    error = ((image.astype(np.float64) - original) ** 2).mean()
    rate = 8 * size / (original.shape[0] * original.shape[1])
    return Point(name, size, rate, 10 * np.log10(255**2 / max(error, 1e-10)), image)


def mean(points: list[Point]) -> tuple[float, float]:
    """Rate and PSNR, averaged over photographs."""
    return float(np.mean([p.rate for p in points])), float(np.mean([p.psnr for p in points]))


def picture(
    path: str | Path,
    originals: dict[str, np.ndarray],
    ours: list[list[Point]],
    others: dict[str, list[list[Point]]],
) -> None:
    """Draw `path`, a PNG.

    Points are indexed by quality and photograph, and those of `others` by codec first.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06)
    figure = Figure(figsize=(11.5, 5.4), dpi=110, facecolor="white", layout=layout)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.02))
    _draw_curves(left.subplots(), ours, others, len(originals))
    index = min(1, len(originals) - 1)
    name, original = list(originals.items())[index]
    chosen = ours[0][index]
    # Give the others at least as many bits.
    rivals = {}
    for kind, curve in others.items():
        large = [points[index] for points in curve if points[index].rate >= chosen.rate]
        rivals[NAMES[kind]] = min(large, key=lambda p: p.rate) if large else curve[-1][index]
    shown = {"original": None, **rivals, "jans": chosen}
    cut = _crop(original)
    for axes, (label, point) in zip(right.subplots(2, 2).flat, shown.items(), strict=True):
        axes.imshow((original if point is None else point.image)[cut], interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(PALE)
        ink = ACCENT if label == "jans" else INK
        text = (
            f"{name}, original" if point is None else f"{label}, {point.rate:.3f} bits per pixel, {point.psnr:.1f} dB"
        )
        axes.set_title(text, loc="left", fontsize=9, color=ink, fontweight="bold" if label == "jans" else "normal")
    figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})


def _crop(image: np.ndarray) -> tuple[slice, slice]:
    """The square with the most contrast."""
    grey = image.astype(np.float32).mean(-1)
    places = [(y, x) for y in range(0, grey.shape[0] - CROP + 1, 32) for x in range(0, grey.shape[1] - CROP + 1, 32)]
    y, x = max(places or [(0, 0)], key=lambda place: grey[place[0] : place[0] + CROP, place[1] : place[1] + CROP].std())
    return slice(y, y + CROP), slice(x, x + CROP)


def _draw_curves(axes: Axes, ours: list[list[Point]], others: dict[str, list[list[Point]]], count: int) -> None:
    curves = {NAMES[kind]: (curve, COLOURS[kind], 1.6, "") for kind, curve in others.items()}
    curves["jans, hyperprior"] = (ours, ACCENT, 2.4, "o")
    for label, (curve, colour, width, marker) in curves.items():
        rates, psnr = np.array([(np.mean([p.rate for p in e]), np.mean([p.psnr for p in e])) for e in curve]).T
        axes.plot(rates, psnr, color=colour, linewidth=width, marker=marker, markersize=6, label=label)
    mine = np.array([(p.rate, p.psnr) for points in ours for p in points])
    high, (low, top) = 1.15 * mine[:, 0].mean(0) * 2, (mine[:, 1].min(), mine[:, 1].max())
    averages = np.array([(np.mean([p.rate for p in e]), np.mean([p.psnr for p in e])) for e in ours])
    high, low, top = 1.25 * averages[-1, 0], averages[0, 1] - 2.5, averages[-1, 1] + 2
    axes.set(xlim=(0, high), ylim=(low, top))
    tidy(axes, f"PSNR in dB, mean of {count} photographs that it was not trained on")
    axes.set_xlabel("bits per pixel, every byte of a file counted", color=GREY)
    axes.grid(color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="lower right", frameon=False, labelcolor=INK)
