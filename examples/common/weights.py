"""Weights of a network in a file without pickles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx


def save(path: str | Path, network: nnx.Module, **about: Any) -> None:
    """Write the weights of `network`, and `about`, all that is needed to build it again, as an .npz file."""
    arrays: dict[str, Any] = {name: np.asarray(variable[...]) for name, variable in _named(network).items()}
    np.savez_compressed(path, about=json.dumps(about), **arrays)


def about(path: str | Path) -> dict[str, Any]:
    """What `save` was told about the network."""
    with np.load(path, allow_pickle=False) as file:
        return json.loads(str(file["about"]))


def fill(network: nnx.Module, path: str | Path) -> None:
    """Give a network of the same build the weights that `save` has written."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files if name != "about"}
    variables = _named(network)
    if arrays.keys() != variables.keys() or any(arrays[k].shape != v.shape for k, v in variables.items()):
        raise ValueError(
            f"The weights in {path} do not fit the network that the same file describes: it was written by another "
            "version of this example or is damaged. Train the network again."
        )
    for name, variable in variables.items():
        variable[...] = jnp.asarray(arrays[name])


def _named(network: nnx.Module) -> dict[str, nnx.Variable]:
    return {"/".join(map(str, path)): variable for path, variable in nnx.to_flat_state(nnx.state(network))}
