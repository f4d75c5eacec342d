"""Lossless compression of text with a small language model: encoded in one pass, decoded in a scan,
in another process.

    python examples/language.py [--data kjv | pydoc | file] [--weights out/language/weights.npz]
    python examples/language.py encode --weights out/language/weights.npz letter.txt
    python examples/language.py decode --weights out/language/weights.npz letter.txt.jans

Without a command it trains a network on all of a text except its end (or loads --weights), and compresses the
end. A fresh process decodes the file. It compares every byte, and prints the size next to gzip, bz2, xz,
zstd, brotli and PPMd.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import language_codec as files
import language_model as model
import subwords
from common import command_line, text_data
from common.text_baselines import Size, baselines
from flax import nnx
from language_report import picture

import jans


def encode_command(args: argparse.Namespace) -> None:
    """Encodes texts to .jans files next to them, or in --out."""
    compressor = files.Files(files.load(args.weights))
    for path in args.files:
        blob = compressor.compress(path.read_bytes(), args.streams)
        command_line.write(args, path, blob)


def decode_command(args: argparse.Namespace) -> None:
    """Decodes files to texts next to them, or in --out."""
    compressor = files.Files(files.load(args.weights))
    for path in args.files:
        text = compressor.decompress(path.read_bytes())
        command_line.decoded(path, ".txt", args.out).write_bytes(text)


def trained(args: argparse.Namespace, text: bytes, path: Path) -> files.Compressor:
    """Loads the compressor in --weights, or trains a new one and saves it."""
    if args.weights:
        return files.load(args.weights)
    config = model.Config() if args.steps is None else model.Config(steps=args.steps)
    vocabulary = subwords.learn(text, config.tokens)
    config = dataclasses.replace(config, tokens=len(vocabulary))
    tokens = vocabulary.encode(text)
    compressor = files.Compressor(model.train(tokens, config), vocabulary.merges, tokens)
    files.save(path, compressor)
    return compressor


def refuse_others(compressor: files.Compressor, blob: bytes) -> None:
    """Checks that a network with one slightly different weight raises an error."""
    other = nnx.clone(compressor)
    other.net.mix[...] = other.net.mix[...].at[0, 0].add(2.0**-model.GRID)
    try:
        files.Files(other).decompress(blob)
    except jans.CodingError as error:
        print(f"with one weight of another value: {error}")
    else:
        raise SystemExit("a file was decoded with other weights than those that it was made with")


def demo_command(args: argparse.Namespace) -> None:
    """Trains, compresses, decodes in another process, compares, and reports."""
    out = args.out or Path("out/language")
    out.mkdir(parents=True, exist_ok=True)
    data = text_data.load(args.data)
    print(f"{data.name}: {len(data.train):,} bytes to learn from, the last {len(data.test):,} to compress")
    path = args.weights or out / "weights.npz"
    wall, processor = time.perf_counter(), time.process_time()
    compressor = trained(args, data.train, path)
    if not args.weights:
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        print(f"trained for {wall:.0f} s, {processor:.0f} s of processors")

    coder = files.Files(compressor)
    blob = coder.compress(data.test, args.streams)
    written = out / "text.jans"
    written.write_bytes(blob)
    command_line.decode_elsewhere(path, out, [written])
    if command_line.decoded(written, ".txt", out).read_bytes() != data.test:
        raise SystemExit("the decoded text differs from the original")
    print(f"all {len(data.test):,} bytes decoded exactly")
    refuse_others(compressor, blob)
    encode = command_line.seconds(lambda: coder.compress(data.test, args.streams))
    decode = command_line.seconds(lambda: coder.decompress(blob))

    print("measuring the other compressors", flush=True)
    tokens, bits = coder.bits(data.test, args.streams)
    others = baselines(data.train, data.test)
    print(f"\nbits per byte of {len(data.test):,} bytes{'alone':>14}{'after the rest':>18}")
    for name, alone, primed in others:
        print(f"{name:<30}{8 * alone / len(data.test):13.3f}{8 * primed / len(data.test):18.3f}")
    rate = 8 * len(blob) / len(data.test)
    print(f"{'jans, the file':<30}{'':>13}{rate:18.3f}   {len(blob):,} bytes, every one counted")
    print(f"{'-log2 of its probabilities':<30}{'':>13}{bits.sum() / len(data.test):18.3f}")
    best = min(others, key=lambda size: size.primed)
    print(f"\n{100 * (len(blob) / best.primed - 1):+.1f} % against {best.name} after the rest")
    print(f"encoded {len(data.test) / encode:,.0f} bytes/s, decoded {len(data.test) / decode:,.0f} bytes/s")
    print(f"not in the file: the network and the text it remembers, {path.stat().st_size:,} bytes of weights")
    spelled = [coder.subwords.spelling[token] for token in tokens]
    picture(out / "picture.png", spelled, bits, [*others, Size("jans", 0, len(blob))], data.name)
    print(f"picture: {out / 'picture.png'}")


def main() -> None:
    """Reads the command line."""
    parser = command_line.parser(__doc__, "texts")
    parser.add_argument("--data", default="kjv", help="'kjv', 'pydoc' or a text file; its last twentieth is compressed")
    parser.add_argument("--streams", type=int, default=1, help="coded side by side: faster, and larger files")
    command_line.run(parser, demo_command, encode_command, decode_command)


if __name__ == "__main__":
    main()
