"""How symbols meet a model: shapes, checked where they can still be named."""

import jax.numpy as jnp

Shape = tuple[int, ...]


def check_fit(model: Shape, symbols: Shape) -> None:
    """Raises ValueError where a model's shape does not broadcast to that of the symbols."""
    try:
        fits = jnp.broadcast_shapes(model, symbols) == tuple(symbols)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"symbols of shape {tuple(symbols)} do not fit a model of shape {tuple(model)}: the model's shape must "
            "broadcast to theirs. For a batch of streams use jax.vmap over state, model and symbols."
        )
