"""The command `jans`: packs, unpacks and shows files of arrays."""

import argparse
import functools
import importlib
import lzma
import math
import os
import pathlib
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

import jans
from jans._version import __version__
from jans.archive import packing
from jans.plugins import files

SUFFIX = ".jans"
_MEGABYTE = 10**6
_SAMPLE = 2**26
"""`bench` packs arrays of so many bytes together, and leaves out the others."""
EXAMPLES = """
examples:
  jans pack model.safetensors                      writes model.safetensors.jans
  jans pack --level small step_200.npz --base step_100.npz
  jans unpack model.safetensors.jans               writes model.safetensors
  jans info model.safetensors.jans                 what is in it, without reading the arrays
  jans bench model.safetensors                     sizes and speeds, beside zlib, lzma and zstd
  cat array.npy | jans pack - > array.npy.jans     - stands for the standard streams
"""


class RefusedError(Exception):
    """What a user did not allow."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command. Returns 0, 1 if a file could not be handled, or 2 for arguments that make no sense."""
    parser = _parser()
    options = parser.parse_args(arguments)
    outcome = 0
    for path in options.files:
        try:
            options.run(path, options)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except (jans.CodingError, OSError, TypeError, ValueError, RefusedError) as error:
            print(f"jans: {path}: {_text(error)}", file=sys.stderr)
            outcome = 1
    return outcome


def _text(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jans",
        description="Packs arrays of .npy, .npz and .safetensors files, and any other files, without loss.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"jans {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[str, argparse.Namespace], None], text: str, writes: bool):
        made = commands.add_parser(name, help=text, description=text)
        made.add_argument("files", nargs="+", metavar="FILE", help="a path, or - for the standard input")
        made.set_defaults(run=run)
        if writes:
            made.add_argument("-o", "--output", help="where to write, with a single FILE; - for the standard output")
            made.add_argument("-f", "--force", action="store_true", help="overwrite files")
            made.add_argument("-q", "--quiet", action="store_true", help="show no progress and no sizes")
        if name in ("pack", "unpack"):
            made.add_argument("--base", help="a similar file, packed or not, that the reader will have too")
        return made

    pack = command("pack", _pack, f"write FILE{SUFFIX} for each FILE", True)
    pack.add_argument("-l", "--level", choices=packing.LEVELS, default="fast", help="small takes longer")
    pack.add_argument("--format", choices=tuple(files.KINDS), help="of FILE; by default, its content tells")
    unpack = command("unpack", _unpack, f"write FILE for each FILE{SUFFIX}", True)
    unpack.add_argument("--format", choices=tuple(files.KINDS), help="to write; by default, its name tells")
    unpack.add_argument("--limit", type=int, help="the most bytes of all arrays together")
    command("info", _info, "show what is in packed files", False)
    command("bench", _bench, "pack and unpack each FILE with jans and others, and compare", False)
    return parser


# ---- files ----


def _read(path: str) -> memoryview:
    return memoryview(sys.stdin.buffer.read() if path == "-" else pathlib.Path(path).read_bytes())


def _write(data: bytes, path: str, force: bool) -> None:
    """Writes a file as a whole or not at all."""
    if path == "-":
        if sys.stdout.isatty() and not force:
            raise RefusedError("would write bytes to the terminal. Use -o, or --force.")
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    if not force and os.path.lexists(path):
        raise RefusedError(f"{path} exists. Use --force to overwrite it.")
    part = f"{path}.{os.getpid()}.part"
    try:
        with open(part, "xb") as file:
            file.write(data)
        if force:
            os.replace(part, path)
        else:
            _rename_to_new(part, path)
    finally:
        if os.path.lexists(part):
            os.unlink(part)


def _rename_to_new(part: str, path: str) -> None:
    """Fails if a file of this name has been made meanwhile, where the file system can tell."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        os.replace(part, path)


def _tree(path: str, kind: str | None = None) -> Any:
    """The arrays of a file, or the archive that it is."""
    data = _read(path)
    if kind is None and data[: len(packing.MAGIC)] == packing.MAGIC:
        return jans.open(data)
    return files.read(kind or files.kind_of(data), data)


def _output(path: str, options: argparse.Namespace, name: Callable[[str], str]) -> str:
    if options.output is None:
        return "-" if path == "-" else name(path)
    if len(options.files) > 1:
        raise RefusedError("-o is for a single FILE.")
    return options.output


# ---- commands ----


def _pack(path: str, options: argparse.Namespace) -> None:
    output = _output(path, options, lambda path: path + SUFFIX)
    base = None if options.base is None else _tree(options.base)
    data = _read(path)
    tree = files.read(options.format or files.kind_of(data), data)
    with _Progress(len(data), options.quiet) as progress:
        packed = b"".join(packing.pack_in_parts(tree, options.level, base, progress.add))
    _write(packed, output, options.force)
    if not options.quiet:
        share = len(packed) / max(len(data), 1)
        print(f"{path}: {len(data)} -> {len(packed)} bytes, {share:.2%}", file=sys.stderr)


def _unpack(path: str, options: argparse.Namespace) -> None:
    def name(path: str) -> str:
        if not path.endswith(SUFFIX):
            raise RefusedError(f"the name does not end with {SUFFIX}. Say where to write with -o.")
        return path.removesuffix(SUFFIX)

    output = _output(path, options, name)
    base = None if options.base is None else _tree(options.base)
    source = _read(path) if path == "-" else path
    tree = jans.unpack(source, base=base, limit=options.limit)
    _write(files.write(options.format or files.kind_for(output, tree), tree), output, options.force)


def _info(path: str, options: argparse.Namespace) -> None:
    archive = jans.open(_read(path) if path == "-" else path)
    rows: list[tuple[str, ...]] = []
    raw = stored = 0
    for name, leaf in archive.items():
        if not isinstance(leaf, packing.Leaf):
            shown = repr(leaf)
            rows.append((name, shown if len(shown) < 40 else shown[:36] + "...", "", "", "", "", ""))
            continue
        count = math.prod(leaf.shape)
        raw, stored = raw + leaf.nbytes, stored + leaf.stored
        sizes = f"{leaf.nbytes}", f"{leaf.stored}", _share(leaf.stored, leaf.nbytes), _share(leaf.stored, count, 8)
        rows.append((name, leaf.dtype.name, str(list(leaf.shape)), *sizes))
    rows.append(("all", "", "", f"{raw}", f"{stored}", _share(stored, raw), ""))
    _show(("array", "dtype", "shape", "bytes", "packed", "share", "bits each"), rows)


def _share(part: float, whole: float, unit: int = 0) -> str:
    if not whole:
        return ""
    return f"{unit * part / whole:.2f}" if unit else f"{part / whole:.2%}"


class _Method(NamedTuple):
    pack: Callable[[Any], Any]
    unpack: Callable[[Any], Any]


def _bench(path: str, options: argparse.Namespace) -> None:
    tree = _tree(path)
    if isinstance(tree, jans.Archive):
        tree = tree.tree()
    arrays = packing.arrays_of(tree)
    sample: dict[str, np.ndarray] = {}
    total = 0
    for name, array in arrays.items():
        if not sample or total + array.nbytes <= _SAMPLE:
            sample[name], total = array, total + array.nbytes
    print(f"{path}: {len(sample)} of {len(arrays)} arrays, {total} bytes")
    rows = []
    for name, method in _methods(sample):
        begin = time.perf_counter()
        packed = method.pack(sample)
        middle = time.perf_counter()
        method.unpack(packed)
        end = time.perf_counter()
        size = len(packed) if isinstance(packed, bytes) else sum(map(len, packed))
        rates = (f"{total / _MEGABYTE / max(seconds, 1e-9):.0f}" for seconds in (middle - begin, end - middle))
        rows.append((name, f"{size}", _share(size, total), *rates))
    _show(("method", "bytes", "share", "pack MB/s", "unpack MB/s"), rows)


def _methods(sample: dict[str, np.ndarray]) -> Iterable[tuple[str, _Method]]:
    jans.unpack(jans.pack(np.arange(9)))  # loads the kernels
    for level in packing.LEVELS:
        yield f"jans, {level}", _Method(functools.partial(jans.pack, level=level), jans.unpack)

    def each(pack: Callable[[bytes], bytes], unpack: Callable[[bytes], Any]) -> _Method:
        return _Method(
            lambda tree: [pack(array.tobytes()) for array in tree.values()],
            lambda packed: [unpack(data) for data in packed],
        )

    yield "zlib, level 6", each(lambda data: zlib.compress(data, 6), zlib.decompress)
    yield "lzma, preset 1", each(lambda data: lzma.compress(data, preset=1), lzma.decompress)
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError:
        print("zstandard is not installed, and left out")
        return
    compress, decompress = zstandard.ZstdCompressor(3).compress, zstandard.ZstdDecompressor().decompress
    yield "zstd, level 3", each(compress, decompress)


# ---- what people see ----


def _show(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """A table: columns of numbers are aligned on the right."""
    columns = list(zip(head, *rows, strict=True))
    right = [all(cell[-1:].isdigit() or cell[-1:] in ("", "%") for cell in column[1:]) for column in columns]
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        cells = zip(row, widths, right, strict=True)
        print("  ".join(cell.rjust(width) if end else cell.ljust(width) for cell, width, end in cells).rstrip())


class _Progress:
    """A bar on the terminal; nothing elsewhere."""

    width = 30

    def __init__(self, total: int, quiet: bool):
        self.total, self.done, self.shown = max(total, 1), 0, sys.stderr.isatty() and not quiet

    def __enter__(self) -> "_Progress":
        return self

    def add(self, count: int) -> None:
        """Says that so many bytes more are done."""
        self.done += count
        if self.shown:
            share = min(1.0, self.done / self.total)
            filled = round(self.width * share)
            print(f"\r[{'#' * filled}{'.' * (self.width - filled)}] {share:4.0%}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: Any) -> None:
        if self.shown:
            print("\r" + " " * (self.width + 8) + "\r", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
