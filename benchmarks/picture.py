"""Draws bars for `cpu.py`, encoding and decoding of each workload next to the peer's on a logarithmic scale, and dots
for `arrays.py`, one for each library."""

import pathlib

BARS = [
    # workload, section, the peer's row, ours
    ("one table, 24 bits\n1 lane", "One table", "constriction AnsCoder", "jans one lane, 24 bit, u8"),
    ("one table, 12 bits\n64 lanes", "One table", "simple_ans", "jans 64 lanes rans32_16, 12 bit"),
    ("Gaussian each\n1 lane", "A distribution for every symbol", "constriction, Gaussian", "jans, Gaussian, 1 lane"),
    (
        "Gaussian each\n32 lanes",
        "A distribution for every symbol",
        "constriction, Gaussian",
        "jans, Gaussian, 32 lanes",
    ),
    ("256 probabilities\neach", "256 probabilities for every symbol", "constriction fast", "jans fast"),
    ("chain coder\none table", "Chain coder and range coder", "constriction chain coder, one", "jans chain coder, one"),
    ("range coder\none table", "Chain coder and range coder", "constriction range coder, one", "jans range coder, one"),
    ("Huffman queue", "A Huffman code of 256 symbols", "constriction queue", "jans queue, uint8"),
]
THEIRS, OURS, INK = ("#c9c4ba", "#a39d90"), ("#7fb3d5", "#1f618d"), "#333333"


def draw(path: pathlib.Path, sections: dict[str, list[tuple[str, ...]]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 4.2), layout="constrained")
    for place, (_, section, peer, ours) in enumerate(BARS):
        rates = [_rates(sections[section], name) for name in (peer, ours)]
        for k, (rate, colours) in enumerate(zip(rates, (THEIRS, OURS), strict=True)):
            for way in range(2):
                at = place + (k - 0.5) * 0.4 + (way - 0.5) * 0.19
                axes.bar(at, rate[way], 0.18, color=colours[way])
                axes.text(at, rate[way] * 1.06, _text(rate[way]), ha="center", fontsize=6, color=INK)
    for colours, name in ((THEIRS, "constriction (simple_ans for 12 bits)"), (OURS, "jans")):
        for colour, way in zip(colours, ("encode", "decode"), strict=True):
            axes.bar(0, 0, color=colour, label=f"{name}, {way}")
    axes.set_yscale("log")
    axes.set_ylabel("million symbols a second, one core")
    axes.set_xticks(range(len(BARS)), [label for label, *_ in BARS], fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(ncols=2, frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


LIBRARIES = {
    "zstd, level 3": ("#c9c4ba", "o"),
    "pcodec, level 8": ("#8d8778", "s"),
    "zipnn": ("#c08552", "D"),
    "jans, fast": ("#7fb3d5", "^"),
    "jans, small": ("#1f618d", "v"),
}


def draw_arrays(path: pathlib.Path, tables: list[tuple[str, list[tuple[str, ...]]]]) -> None:
    """Tables of sizes and rates: a title, and rows of a library, its share of raw, and its rates."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 3, figsize=(11, 4.4), layout="constrained", sharey=True)
    titles = ["size in % of raw: left is better", "packing, MB/s: right is better", "unpacking, MB/s: right is better"]
    for column, (axes, title) in enumerate(zip(panels, titles, strict=True), 1):
        for place, (_, rows) in enumerate(tables):
            axes.axhline(-place, color="#eeeeee", zorder=0)
            for row in rows:
                colour, marker = LIBRARIES[row[0]]
                axes.scatter(float(row[column].rstrip("%")), -place, color=colour, marker=marker, s=42)
        axes.set_title(title, fontsize=9)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        if column > 1:
            axes.set_xscale("log")
            low, high = axes.get_xlim()
            ticks = [rate for rate in (20, 50, 100, 200, 500, 1000, 2000, 5000) if low <= rate <= high]
            axes.set_xticks(ticks, map(str, ticks))
            axes.minorticks_off()
    panels[0].set_yticks([-k for k in range(len(tables))], [title for title, _ in tables], fontsize=8)
    handles = [plt.Line2D([], [], color=c, marker=m, linestyle="", label=name) for name, (c, m) in LIBRARIES.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _text(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"


def _rates(rows: list[tuple[str, ...]], name: str) -> tuple[float, float]:
    row = next(row for row in rows if row[0].startswith(name))
    return float(row[1]), float(row[2])
