"""The command line of the examples that write files: a demonstration,
and `encode` and `decode` with its weights."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

import jans

Command = Callable[[argparse.Namespace], None]


def parser(about: str | None, kind: str) -> argparse.ArgumentParser:
    """A parser with the arguments that all these examples share; `kind` names what they encode."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("command", nargs="?", choices=["demo", "encode", "decode"], default="demo")
    made.add_argument("files", nargs="*", type=Path, help=f"{kind} to encode, or files to decode")
    made.add_argument("--weights", type=Path, help="weights of an earlier run, instead of training")
    made.add_argument("--steps", type=int, help="of training")
    made.add_argument("--out", type=Path, help="folder for what is written")
    return made


def run(arguments: argparse.ArgumentParser, demo: Command, encode: Command, decode: Command) -> None:
    """Runs the command of the command line."""
    args = arguments.parse_intermixed_args()
    if args.command == "demo":
        demo(args)
        return
    if not args.weights or not args.files:
        arguments.error(f"{args.command} needs --weights and the names of files")
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
    try:
        {"encode": encode, "decode": decode}[args.command](args)
    except (OSError, ValueError, jans.CodingError) as error:
        raise SystemExit(str(error)) from error


def write(args: argparse.Namespace, path: Path, blob: bytes) -> None:
    """Writes the compressed bytes of `path` next to it, or to --out, and prints their size."""
    written = (args.out or path.parent) / f"{path.name}.jans"
    written.write_bytes(blob)
    print(f"{written}: {len(blob):,} bytes")


def decoded(path: Path, kind: str, folder: Path | None) -> Path:
    """The path for decoded content, next to the compressed file or in a folder;
    it never overwrites the original."""
    return (folder or path.parent) / f"{path.name.removesuffix('.jans')}.decoded{kind}"


def write_photos(args: argparse.Namespace, decompress: Callable[[bytes], np.ndarray]) -> None:
    """Decodes files to .png images next to them, or in --out."""
    for path in args.files:
        Image.fromarray(decompress(path.read_bytes())).save(decoded(path, ".png", args.out))


def decode_elsewhere(weights: Path, out: Path, files: Iterable[Path]) -> None:
    """Decodes files in a fresh process of the running program."""
    print("decoding in a fresh process", flush=True)
    command = [sys.executable, sys.argv[0], "decode", "--weights", weights, "--out", out, *files]
    subprocess.run([str(part) for part in command], check=True)


def compare_photos(images: dict[Path, np.ndarray]) -> None:
    """Compares every pixel of the decoded files with the images, by file."""
    for file, image in images.items():
        with Image.open(decoded(file, ".png", None)) as again:
            if not np.array_equal(np.asarray(again), image):
                raise SystemExit(f"{file} decodes to another image than was encoded")
    print(f"all {len(images)} files decoded exactly, every pixel\n")


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """The mean time of a call in seconds, after a first call that compiles."""
    work()
    clock = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - clock) / times
