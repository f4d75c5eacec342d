"""One picture of a language model on a text: where its bits go, and its rate next to other compressors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from common.report import ACCENT, GREY, INK, PALE, tidy
from common.text_baselines import Size
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

COLUMNS, LINES = 64, 18
MAX_BITS = 16.0  # bits of a token in the darkest colour
HEAT = LinearSegmentedColormap.from_list("heat", ["white", "#ffd8a8", "#e8590c"])


def picture(
    path: str | Path, spelled: list[bytes], bits: np.ndarray, sizes: list[Size], name: str, ours: str = "jans"
) -> None:
    """Draw `path`, a PNG: tokens of a text, the bits of each, and the sizes of the text after compressors."""
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06)
    figure = Figure(figsize=(11.5, 4.6), dpi=100, facecolor="white", layout=layout)
    passage, bars = figure.subplots(1, 2, width_ratios=(1.5, 1))
    _draw_passage(passage, spelled, bits, name)
    length = sum(map(len, spelled))
    _draw_bars(bars, sizes, length, ours)
    figure.savefig(path, metadata={"Software": None})


def _draw_passage(axes: Axes, spelled: list[bytes], bits: np.ndarray, name: str) -> None:
    """The middle of the text, from the start of a line, with each token in the colour of its bits."""
    middle = len(spelled) // 2
    start = next((i + 1 for i in range(middle, len(spelled)) if spelled[i].endswith(b"\n")), 0)
    row = column = 0
    for token, cost in zip(spelled[start:], bits[start:], strict=True):
        word = token.decode("utf-8", "replace")
        if column + len(word) > COLUMNS or "\n" in word:
            row, column = row + 1, 0
            word = word.strip("\n").lstrip(" ")
        if row >= LINES:
            break
        colour = HEAT(min(1.0, cost / MAX_BITS))
        axes.add_patch(Rectangle((column, row - 0.5), len(word), 1, color=colour, linewidth=0))
        for i, letter in enumerate(word):
            axes.text(
                column + i + 0.5, row, letter, family="monospace", fontsize=8, ha="center", va="center", color=INK
            )
        column += len(word)
    axes.set(xlim=(0, COLUMNS), ylim=(LINES - 0.4, -0.6), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_title(
        f"{name}: no bits (white) to {MAX_BITS:.0f} or more for each token", loc="left", color=INK, fontsize=10.5
    )


def _draw_bars(axes: Axes, sizes: list[Size], length: int, ours: str) -> None:
    sizes = sorted(sizes, key=lambda size: -size.primed)
    best = min((size for size in sizes if size.name != ours), key=lambda size: size.primed)
    tidy(axes, "Bits per byte, alone (pale) and after the rest of the text")
    for i, (name, alone, primed) in enumerate(sizes):
        rate = 8 * primed / length
        colour = ACCENT if name == ours else GREY
        axes.barh(i, 8 * alone / length, height=0.68, color=PALE)
        axes.barh(i, rate, height=0.68, color=colour)
        text = f" {rate:.3f}"
        if name == ours and primed < best.primed:
            text += f"  ({100 * (1 - primed / best.primed):.0f} % below {best.name})"
        weight = "bold" if name == ours else "normal"
        axes.text(
            8 * max(alone, primed) / length,
            i,
            text,
            va="center",
            color=INK if name != ours else ACCENT,
            fontweight=weight,
        )
    axes.set_yticks(range(len(sizes)), [size.name for size in sizes])
    axes.set(xlim=(0, 1.2 * 8 * max(max(size.alone, size.primed) for size in sizes) / length), xticks=[])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)
