"""The table and the picture of `chain.py`: the latents that change when one posterior moves,
and the bits that a search saves."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

INK, GREY, PALE, PAPER = "#24292f", "#8c959f", "#d0d7de", "#f1f3f5"
COLORS = {"stack": "#e8590c", "chain": "#0b7285"}
CODERS = tuple(COLORS)
SHOWN = 48  # number of latents in the top panel
ROWS = {
    "nearest": "every value rounded to the nearest",
    "last": "  searched from there, last sweep",
    "best": "  searched from there, best sweep",
    "average": "searched for the average of the posteriors",
    "average, last": "  searched from there, last sweep",
    "average, best": "  searched from there, best sweep",
}
Runs = Mapping[str, Sequence[Any]]  # `chain.Run` objects of each coder


def table(runs: Runs) -> str:
    """Net bits and squared distances of every row: means over the runs, and the spread of the bits."""
    lines = [
        f"{'':44}{'net bits':>16}{'':16}{'distance':>12}",
        f"{'':44}{'stack':>16}{'chain':>16}{'stack':>12}{'chain':>9}",
    ]
    for row, what in ROWS.items():
        nets = [np.array([run.net[row] for run in runs[coder]]) for coder in CODERS]
        distances = [np.mean([run.distance[row] for run in runs[coder]]) for coder in CODERS]
        spread = "".join(f"{net.mean():10,.0f} ± {net.std():3.0f}" for net in nets)
        lines.append(f"{what:44}{spread}   " + "".join(f"{distance:9.3f}" for distance in distances))
    overheads = [np.mean([list(run.overhead.values()) for run in runs[coder]]) for coder in CODERS]
    lines.append(
        f"{'of the bits, what the models do not say':44}" + "".join(f"{bits:10.1f}      " for bits in overheads)
    )
    return "\n".join(line.rstrip() for line in lines)


def picture(path: pathlib.Path, nudged: tuple[int, Mapping[str, np.ndarray]], runs: Runs) -> None:
    """Draws `path`, a PNG.

    `nudged` is the index of a latent, and for each coder all latents before and after it moved.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06)
    figure = Figure(figsize=(11, 5.8), dpi=130, facecolor="white", layout=layout)
    rows = figure.add_gridspec(2, 1, height_ratios=(1, 1.75))
    draw_cells(figure.add_subfigure(rows[0]).subplots(), *nudged)
    left, right = figure.add_subfigure(rows[1]).subplots(1, 2, width_ratios=(1.5, 1))
    draw_bits(left, runs)
    draw_moved(right, runs)
    figure.savefig(path, metadata={"Software": None})


def draw_cells(axes: Axes, at: int, pairs: Mapping[str, np.ndarray]) -> None:
    """Draws a row of cells for each coder before and after. Latents that changed have the coder's colour."""
    ticks = {}
    for block, (coder, pair) in enumerate(pairs.items()):
        changed = pair[0] != pair[1]
        for row in range(2):
            y = 2.35 * block + row
            ticks[y + 0.5] = f"{coder}, {'after' if row else 'before'}"
            for k, symbol in enumerate(pair[row, :SHOWN]):
                hot = row == 1 and changed[k]
                face = COLORS[coder] if hot else PAPER
                axes.add_patch(Rectangle((k + 0.04, y + 0.06), 0.92, 0.88, facecolor=face, linewidth=0))
                ink = "white" if hot else INK
                weight = "bold" if hot else "normal"
                axes.text(
                    k + 0.5, y + 0.52, str(symbol), ha="center", va="center", fontsize=7.5, color=ink, weight=weight
                )
    bottom = max(ticks) + 0.5
    axes.annotate(
        "this posterior moves by one standard deviation", (at + 0.5, -0.02), (at + 1.4, -0.62), fontsize=8.5, color=INK,
        va="center", arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1, "relpos": (0, 0.5)},
    )  # fmt: skip
    shown = min(SHOWN, pairs["chain"].shape[1])
    axes.set(xlim=(0, shown), ylim=(bottom, -1), xticks=[])
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=9)
    axes.spines[:].set_visible(False)
    count = {coder: int((pair[0] != pair[1]).sum()) for coder, pair in pairs.items()}
    total = pairs["chain"].shape[1]
    axes.set_title(
        f"Latents taken off the same bits: with the stack coder {count['stack']:,} of {total:,} change, "
        f"with the chain coder {count['chain']}",
        loc="left", fontsize=10.5, fontweight="bold", color=INK,
    )  # fmt: skip


def draw_bits(axes: Axes, runs: Runs) -> None:
    """Draws the net bits after every sweep, for each run and in the mean."""
    starts = {"nearest": ("the nearest values", "-"), "average": ("values for the average posterior", (0, (3, 1.5)))}
    for coder, made in runs.items():
        for name, (where, style) in starts.items():
            each = np.array([run.bits[name] for run in made])
            axes.plot(each.T, color=COLORS[coder], linewidth=0.6, alpha=0.3)
            label = f"{coder} coder, from {where}"
            axes.plot(each.mean(0), color=COLORS[coder], linestyle=style, linewidth=2.2, label=label)
    tidy(axes, "Net bits, while values are rounded one way or the other")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
    axes.legend(loc=(0.42, 0.37), framealpha=1, edgecolor="white", fontsize=8.5, labelcolor=INK, handlelength=2.4)


def draw_moved(axes: Axes, runs: Runs) -> None:
    """Draws the share of latents that a sweep changed."""
    for coder, made in runs.items():
        share = 100 * np.array([run.moved["nearest"] for run in made]).mean(0)
        sweeps = np.arange(1, share.size + 1)
        axes.plot(sweeps, share, color=COLORS[coder], linewidth=2.2, marker="o", markersize=4)
        axes.text(
            sweeps[-1], share[-1] + 2, f"{share[-1]:.0f} %", ha="right", va="bottom", fontsize=9, color=COLORS[coder]
        )
    axes.set_ylim(-3, 100)
    tidy(axes, "Latents that change in a sweep, %")


def tidy(axes: Axes, title: str) -> None:
    """Sets the look of a panel."""
    axes.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=INK)
    axes.set_xlabel("sweeps over all values", color=GREY, fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(PALE)
    axes.tick_params(color=PALE, labelcolor=GREY, labelsize=9, length=2)
