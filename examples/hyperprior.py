"""Lossy compression of photographs with a small hyperprior: real files, decoded in another process.

    python examples/hyperprior.py [--data folder of photographs | scikit-learn] [--weights out/hyperprior/weights.npz]
    python examples/hyperprior.py encode --weights out/hyperprior/weights.npz --quality 2 photo.png
    python examples/hyperprior.py decode --weights out/hyperprior/weights.npz photo.png.jans

Without a command it trains a network (or loads --weights). It compresses photographs that were not in the
training set, at every quality, one file each. A fresh process decodes them all. It compares every pixel,
compares the bytes with the prediction of the likelihood, and draws rate and distortion next to JPEG and WebP.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import hyperprior_codec as files
import hyperprior_net as network
import numpy as np
from common import command_line, photos
from common.baselines import lossy
from hyperprior_report import Point, mean, picture, point
from PIL import Image

LOSSY = {"JPEG": range(4, 93, 4), "WEBP": range(0, 97, 4)}


def rate_at(psnr: float, curve: list[tuple[float, float]]) -> float:
    """The rate at which a curve reaches a PSNR, interpolated between its points; NaN outside of the curve."""
    rates, heights = np.array(curve).T
    return float(np.exp(np.interp(psnr, heights, np.log(rates), left=np.nan, right=np.nan)))


def encode_command(args: argparse.Namespace) -> None:
    """Encodes photographs to .jans files next to them, or in --out."""
    compressor = files.Files(files.load(args.weights))
    for path in args.files:
        with Image.open(path) as image:
            blob, *_ = compressor.compress(np.asarray(image.convert("RGB")), args.quality)
        command_line.write(args, path, blob)


def decode_command(args: argparse.Namespace) -> None:
    """Decodes files to .png images next to them, or in --out."""
    command_line.write_photos(args, files.Files(files.load(args.weights)).decompress)


def trained(args: argparse.Namespace, data: photos.Photos, path: Path) -> files.Codec:
    """Loads the codec in --weights, or trains a new one and saves it."""
    if args.weights:
        return files.load(args.weights)
    steps = {} if args.steps is None else {"steps": args.steps}
    codec = files.Codec(network.train(data, network.Config(**steps)))
    codec.freeze()
    files.save(path, codec)
    return codec


def compress_all(
    compressor: files.Files, data: photos.Photos, out: Path
) -> tuple[list[list[Point]], dict[Path, np.ndarray], np.ndarray]:
    """Writes every photograph at every quality.

    Returns points by quality, images by file, and predicted bits by quality.
    """
    ours: list[list[Point]] = []
    written: dict[Path, np.ndarray] = {}
    promises = []
    for quality in range(len(compressor.codec.net.config.prices)):
        ours.append([])
        promises.append(0.0)
        for name, image in data.test.items():
            blob, bits, painted = compressor.compress(image, quality)
            file = out / f"{name}-{quality}.jans"
            file.write_bytes(blob)
            written[file] = painted
            promises[-1] += bits
            ours[-1].append(point(name, image, len(blob), painted))
    return ours, written, np.array(promises)


def compare(ours: list[list[Point]], promises: np.ndarray) -> float:
    """Prints rates, PSNR and predicted bytes;
    returns the bytes of all files divided by the predicted bytes."""
    print(f"{'quality':<9}{'bits/pixel':>11}{'PSNR, dB':>10}{'bytes':>11}{'promised':>12}{'ratio':>9}")
    sizes = [sum(p.size for p in points) for points in ours]
    for quality, (points, size, promise) in enumerate(zip(ours, sizes, promises / 8, strict=True)):
        rate, psnr = mean(points)
        print(f"{quality:<9}{rate:11.4f}{psnr:10.2f}{size:11,}{promise:12,.1f}{size / promise:9.4f}")
    total, promised = sum(sizes), promises.sum() / 8
    print(f"{'all':<30}{total:11,}{promised:12,.1f}{total / promised:9.4f}")
    return total / promised


def demo_command(args: argparse.Namespace) -> None:
    """Trains, compresses, decodes in another process, compares, and reports."""
    out = args.out or Path("out/hyperprior")
    out.mkdir(parents=True, exist_ok=True)
    data = photos.load(args.data)
    pixels = sum(image.shape[0] * image.shape[1] for image in data.train)
    print(f"{len(data.train)} photographs ({pixels / 1e6:.1f} megapixels) to train on, {len(data.test)} to compress")
    path = args.weights or out / "weights.npz"
    clock = time.perf_counter()
    compressor = files.Files(trained(args, data, path))
    if not args.weights:
        print(f"trained for {time.perf_counter() - clock:.0f} s")
    ours, written, promises = compress_all(compressor, data, out)
    command_line.decode_elsewhere(path, out, written)
    command_line.compare_photos(written)
    ratio = compare(ours, promises)
    if abs(ratio - 1) > args.within:
        raise SystemExit(f"the files have {ratio:.4f} times the bytes that the likelihood promised")
    measure_speed(compressor, data, len(ours) // 2)

    others = {
        kind: [[point(name, x, *lossy(x, kind, quality)) for name, x in data.test.items()] for quality in steps]
        for kind, steps in LOSSY.items()
    }
    for quality, points in enumerate(ours):
        rate, psnr = mean(points)
        needed = {kind: rate_at(psnr, [mean(each) for each in curve]) for kind, curve in others.items()}
        words = ", ".join(f"{100 * (rate / needed[kind] - 1):+.0f} % bits against {kind}" for kind in needed)
        print(f"quality {quality}, at the same PSNR: {words}")
    picture(out / "picture.png", data.test, ours, others)
    print(f"picture: {out / 'picture.png'}")


def measure_speed(compressor: files.Files, data: photos.Photos, quality: int) -> None:
    """Prints the time to write and to read a file, after compilation."""
    name, image = next(iter(data.test.items()))
    blob, *_ = compressor.compress(image, quality)
    encode = 1e3 * command_line.seconds(lambda: compressor.compress(image, quality), 5)
    decode = 1e3 * command_line.seconds(lambda: compressor.decompress(blob), 5)
    h, w = image.shape[:2]
    print(f"\n{name}, {w}x{h}: encoded in {encode:.0f} ms and decoded in {decode:.0f} ms, networks included")


def main() -> None:
    """Reads the command line."""
    parser = command_line.parser(__doc__, "photographs")
    parser.add_argument("--data", help="a folder of photographs, or 'scikit-learn' for its two")
    parser.add_argument("--quality", type=int, default=1, help="0 for the smallest files")
    parser.add_argument("--within", type=float, default=0.01, help="of the promised bytes, else the demo fails")
    command_line.run(parser, demo_command, encode_command, decode_command)


if __name__ == "__main__":
    main()
