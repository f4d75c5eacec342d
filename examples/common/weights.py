"""Weights of a network in a file without pickles."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from flax import nnx

Config = TypeVar("Config")


def save(path: str | Path, network: nnx.Module, **about: Any) -> None:
    """Write the weights of `network`, and `about`, which is everything needed to build it again,
    as an .npz file."""
    arrays: dict[str, Any] = {name: np.asarray(variable[...]) for name, variable in _named(network).items()}
    np.savez_compressed(path, about=json.dumps(about), **arrays)


def about(path: str | Path, config: type[Config]) -> tuple[Config, dict[str, Any]]:
    """The configuration of the network in a file, and the other arguments of `save`."""
    try:
        told = json.loads(str(_read(path)["about"]))
        values = told.pop("config")
        # JSON has no tuples.
        return config(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}), told
    except (KeyError, TypeError, AttributeError) as error:
        raise _refusal(path) from error


def fill(network: nnx.Module, path: str | Path) -> None:
    """Set the weights of a network of the same structure from a file of `save`."""
    arrays, variables = _read(path), _named(network)
    arrays.pop("about", None)
    if arrays.keys() != variables.keys() or any(arrays[k].shape != v.shape for k, v in variables.items()):
        raise _refusal(path)
    for name, variable in variables.items():
        variable[...] = jnp.asarray(arrays[name])


def _read(path: str | Path) -> dict[str, np.ndarray]:
    with open(path, "rb") as opened:
        try:
            with np.load(opened, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (OSError, EOFError, ValueError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
            raise _refusal(path) from error


def _refusal(path: str | Path) -> ValueError:
    return ValueError(
        f"Wanted weights that this version of the program has saved, but {path} holds others or is damaged. Give "
        "another file, or train again."
    )


def _named(network: nnx.Module) -> dict[str, nnx.Variable]:
    return {"/".join(map(str, path)): variable for path, variable in nnx.to_flat_state(nnx.state(network))}
