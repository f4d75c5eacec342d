"""Lossless compression of photographs with a network that predicts pixels from their neighbours:
real files, and back.

    python examples/lossless.py [--data folder of photographs | scikit-learn] [--weights out/lossless/weights.npz]
    python examples/lossless.py encode --weights out/lossless/weights.npz photo.png
    python examples/lossless.py decode --weights out/lossless/weights.npz photo.png.jans

Without a command it trains a network (or loads --weights). It compresses photographs that were not in the
training set, one file each. A fresh process decodes them all. It compares every pixel, compares the bytes
with PNG, WebP, JPEG 2000 and the prediction of the network, and draws where the bits go.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import lossless_codec as files
import lossless_net as network
import numpy as np
from common import command_line, photos
from common.baselines import lossless
from common.report import ACCENT, GREY, INK, PALE, tidy
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image


def encode_command(args: argparse.Namespace) -> None:
    """Encodes photographs to .jans files next to them, or in --out."""
    compressor = files.Files(files.load(args.weights))
    for path in args.files:
        with Image.open(path) as image:
            if image.mode != "RGB":
                raise SystemExit(
                    f"Wanted RGB photographs of 8 bits, but {path} is of mode {image.mode}. Convert it first; where it "
                    "has transparency or more bits, that loses them."
                )
            blob = compressor.compress(np.asarray(image))
        command_line.write(args, path, blob)


def decode_command(args: argparse.Namespace) -> None:
    """Decodes files to .png images next to them, or in --out."""
    command_line.write_photos(args, files.Files(files.load(args.weights)).decompress)


def trained(args: argparse.Namespace, data: photos.Photos, path: Path) -> network.Lossless:
    """Loads the network in --weights, or trains a new one and saves it."""
    if args.weights:
        return files.load(args.weights)
    steps = {} if args.steps is None else {"steps": args.steps}
    clock = time.perf_counter()
    net = network.train(data.train, network.Config(**steps))
    print(f"trained for {time.perf_counter() - clock:.0f} s")
    files.save(path, net)
    return net


def demo_command(args: argparse.Namespace) -> None:
    """Trains, compresses, decodes in another process, compares, and reports."""
    out = args.out or Path("out/lossless")
    out.mkdir(parents=True, exist_ok=True)
    data = photos.of_each_package(args.fold) if args.data is None else photos.load(args.data)
    pixels = sum(image.shape[0] * image.shape[1] for image in data.train)
    print(f"{len(data.train)} photographs ({pixels / 1e6:.1f} megapixels) to train on, {len(data.test)} to compress")
    path = args.weights or out / "weights.npz"
    compressor = files.Files(trained(args, data, path))
    blobs = {name: compressor.compress(image) for name, image in data.test.items()}
    for name, blob in blobs.items():
        (out / f"{name}.jans").write_bytes(blob)
    written = {out / f"{name}.jans": image for name, image in data.test.items()}
    command_line.decode_elsewhere(path, out, written)
    command_line.compare_photos(written)

    maps = {name: compressor.bits(image) for name, image in data.test.items()}
    sizes = {name: {"jans": len(blobs[name]), **lossless(image)} for name, image in data.test.items()}
    rates = compare(data.test, sizes)
    total, promised = (
        sum(len(blob) for blob in blobs.values()),
        sum(bits.sum(dtype=float) for bits in maps.values()) / 8,
    )
    print(f"{total:,} bytes in all, {total / promised:.4f} times what the network promised")
    if abs(total / promised - 1) > args.within:
        raise SystemExit(f"the files have {total / promised:.4f} times the bytes that the network promised")
    measure_speed(compressor, data.test, blobs)
    picture(out / "picture.png", data.test, maps, rates)
    print(f"picture: {out / 'picture.png'}")


def compare(images: dict[str, np.ndarray], sizes: dict[str, dict[str, int]]) -> dict[str, dict[str, float]]:
    """Prints and returns bits per subpixel, by format, for each image and for all."""
    numbers = {name: image.size for name, image in images.items()}
    rates = {name: {kind: 8 * size / numbers[name] for kind, size in row.items()} for name, row in sizes.items()}
    kinds = list(next(iter(sizes.values())))
    rates["all"] = {kind: 8 * sum(row[kind] for row in sizes.values()) / sum(numbers.values()) for kind in kinds}
    print(f"{'bits per subpixel':<22}" + "".join(f"{kind:>11}" for kind in kinds))
    for name, row in rates.items():
        print(f"{name:<22}" + "".join(f"{rate:11.3f}" for rate in row.values()))
    return rates


def measure_speed(compressor: files.Files, images: dict[str, np.ndarray], blobs: dict[str, bytes]) -> None:
    """Prints the speed of writing and reading files, after compilation."""
    pixels = sum(image.size // 3 for image in images.values())
    encode = command_line.seconds(lambda: [compressor.compress(image) for image in images.values()])
    decode = command_line.seconds(lambda: [compressor.decompress(blob) for blob in blobs.values()])
    print(
        f"megapixels a second: {pixels / 1e6 / encode:.2f} encoded, {pixels / 1e6 / decode:.2f} decoded, all included"
    )


def picture(
    path: Path, images: dict[str, np.ndarray], maps: dict[str, np.ndarray], rates: dict[str, dict[str, float]]
) -> None:
    """Draw `path`, a PNG: a photograph, the bits of each of its pixels, and the rates of all formats."""
    figure = Figure(figsize=(11.5, 6.2), dpi=90, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.15))
    name = list(images)[-1]
    bits, panels = maps[name], []
    for place, shown, title, look in (
        (grid[0, 0], images[name], name, {}),
        (grid[1, 0], bits, "Bits of each pixel", {"cmap": "magma", "vmin": 0, "vmax": np.quantile(bits, 0.995)}),
    ):
        axes = figure.add_subplot(place)
        panels.append(axes)
        colours = axes.imshow(shown, interpolation="antialiased", **look)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_title(title, loc="left", color=INK, fontsize=10.5)
    bar = figure.colorbar(colours, ax=panels, fraction=0.05, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=PALE, labelcolor=INK)
    _draw_rates(figure.add_subplot(grid[:, 1]), rates)
    figure.savefig(path, metadata={"Software": None})
    with Image.open(path) as drawn:
        drawn.convert("RGB").quantize(256).save(path, optimize=True)  # this needs a third of the bytes


def _draw_rates(axes: Axes, rates: dict[str, dict[str, float]]) -> None:
    looks = {"jans": (ACCENT, "o"), "WebP": (INK, "s"), "JPEG 2000": (GREY, "D"), "PNG": (PALE, "o")}
    for i, row in enumerate(reversed(rates.values())):
        axes.plot([min(row.values()), max(row.values())], [i, i], color=PALE, linewidth=1, zorder=1)
        for kind, (colour, marker) in looks.items():
            axes.scatter(row[kind], i, color=colour, marker=marker, s=70 if kind == "jans" else 30, zorder=2,
                         label=kind if i == 0 else None)  # fmt: skip
    axes.set_yticks(range(len(rates)), [*reversed(rates)])
    axes.get_yticklabels()[0].set_fontweight("bold")
    tidy(axes, "Bits per subpixel, every byte of a file counted")
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="best", frameon=False, labelcolor=INK)


def main() -> None:
    """Reads the command line."""
    parser = command_line.parser(__doc__, "photographs")
    parser.add_argument("--data", help="a folder of photographs, or 'scikit-learn' for its two")
    parser.add_argument(
        "--fold", type=int, choices=range(3), default=1, help="which third of the packages' photographs to compress"
    )
    parser.add_argument("--within", type=float, default=0.01, help="of the promised bytes, else the demo fails")
    command_line.run(parser, demo_command, encode_command, decode_command)


if __name__ == "__main__":
    main()
