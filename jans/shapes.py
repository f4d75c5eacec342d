"""How symbols meet a model: shapes and precisions, checked where they can still be named."""

import jax.numpy as jnp
import numpy as np

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


def check_precision(precision: int, symbols: int | None = None) -> int:
    """The precision as an int, or an error that says what fits."""
    if not isinstance(precision, int | np.integer) or not 1 <= precision <= 32:
        raise ValueError(f"precision must be an integer from 1 to 32 bits, got {precision!r}.")
    if symbols is not None and symbols > 2**precision:
        raise ValueError(
            f"{symbols} symbols do not fit a precision of {precision} bits, which has room for {2**precision}. "
            f"Raise precision to at least {(symbols - 1).bit_length()}."
        )
    if symbols == 1 and precision == 32:
        raise ValueError("a single symbol has no interval of 32 bits. Use a precision below 32.")
    return int(precision)
