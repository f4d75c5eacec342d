"""Photographs for training and to compress: those in Python packages, or the user's own."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

FEWEST_TRAINED, SMALLEST = 1, 128  # number of images, and pixels of a side

TRAINED = {
    "foolbox": ["data/imagenet_*.jpg"],
    "matplotlib": ["mpl-data/sample_data/grace_hopper.jpg"],
    "skimage": [f"data/{name}" for name in ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png")],
    "sklearn": ["datasets/images/*.jpg"],
}
COMPRESSED = {"sporco": [f"data/{name}.png" for name in ("monarch", "kodim23", "tulips", "sail", "barbara")]}


@dataclass(frozen=True)
class Photos:
    """RGB images of any sizes, uint8 `[H, W, 3]`, for training, and others to compress, with their names."""

    name: str
    train: list[np.ndarray]
    test: dict[str, np.ndarray]


def load(spec: str | None = None) -> Photos:
    """The photographs that `spec` names: those of packages by default,
    the two of "scikit-learn", or a folder."""
    if spec is None:
        train, test = (_read(_packaged(files)) for files in (TRAINED, COMPRESSED))
        return Photos("photographs of Python packages", list(train.values()), test)
    if spec == "scikit-learn":
        images = _read(_packaged({"sklearn": TRAINED["sklearn"]}))
        return Photos(spec, [images["china"]], {"flower": images["flower"]})
    return _from_folder(Path(spec).expanduser())


def of_each_package(fold: int) -> Photos:
    """All photographs in the packages. In each package, those at places `fold` + 3n are to compress."""
    train, test = [], {}
    for package in sorted(TRAINED | COMPRESSED):
        images = _read(sorted(_packaged({package: (TRAINED | COMPRESSED)[package]})))
        for i, (name, image) in enumerate(images.items()):
            if i % 3 == fold:
                test[name] = image
            else:
                train.append(image)
    return Photos("photographs of Python packages", train, test)


def random_patches(
    images: Sequence[np.ndarray], count: int, side: int, random: np.random.Generator, step: int = 1
) -> np.ndarray:
    """Patches `[count, side, side, 3]` of every `step`-th pixel of large enough images,
    flipped and rotated at random."""
    weights = np.array([np.sqrt(image.shape[0] * image.shape[1]) for image in images])
    reach, made = side * step, []
    for i in random.choice(len(images), count, p=weights / weights.sum()):
        y, x = (random.integers(length - reach + 1) for length in images[i].shape[:2])
        patch = images[i][y : y + reach : step, x : x + reach : step]
        made.append(np.rot90(patch[:, :: random.choice((-1, 1))], random.integers(4)))
    return np.stack(made)


def halved(image: np.ndarray) -> np.ndarray:
    """The image at half its size."""
    h, w = image.shape[0] // 2, image.shape[1] // 2
    return np.round(image[: 2 * h, : 2 * w].reshape(h, 2, w, 2, 3).mean((1, 3))).astype(np.uint8)


def _from_folder(folder: Path) -> Photos:
    if not folder.is_dir():
        raise FileNotFoundError(
            f"Wanted a folder of photographs or 'scikit-learn', but there is no folder {str(folder)!r}. Check the "
            "path, or name no data to use the photographs that packages carry."
        )
    images = _read(sorted(path for path in folder.rglob("*") if path.is_file()))
    names = [str(name) for name in np.random.default_rng(0).permutation(list(images))]
    count = max(1, len(names) // 10)
    if len(names) - count < FEWEST_TRAINED:
        raise ValueError(
            f"Wanted a folder with at least {FEWEST_TRAINED + 1} photographs of {SMALLEST}x{SMALLEST} pixels or more, "
            f"but {str(folder)!r} has {len(names)}. Add more or larger ones."
        )
    test, train = names[:count], names[count:]
    return Photos(folder.resolve().name, [images[name] for name in train], {name: images[name] for name in test})


def _packaged(files: dict[str, list[str]]) -> Iterator[Path]:
    for package, patterns in files.items():
        spec = importlib.util.find_spec(package)  # finds the package without running it
        if spec is None or not spec.submodule_search_locations:
            raise ImportError(
                f"Wanted the photographs of the package {package}, but it is not installed. Run "
                "`pip install '.[photos]'`, or give a folder of your own photographs with --data."
            )
        folder = Path(spec.submodule_search_locations[0])
        for pattern in patterns:
            found = sorted(folder.glob(pattern))
            if not found:
                raise FileNotFoundError(
                    f"Wanted {pattern!r} of the package {package}, but there is none in {str(folder)!r}. Install "
                    "another version of the package, or give a folder of your own photographs with --data."
                )
            yield from found


def _read(paths: Iterable[Path]) -> dict[str, np.ndarray]:
    images = {}
    for path in paths:
        try:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            continue  # a folder of images may hold other files as well
        if min(pixels.shape[:2]) >= SMALLEST:
            images[path.stem] = pixels
    return images
