"""Functions that compute the same floats in every program that calls them.

XLA compiles a function together with the code around it. It fuses operations, replaces a division by a
constant with a multiplication by its reciprocal, and picks other routines for constant weights. The same
network may therefore round differently in an encoder and in a decoder, and one wrong symbol ruins all symbols
after it.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jax.extend.core import jaxpr_as_fun


def isolated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `function`, compiled as a program of its own within every program that calls it.

    XLA compiles the body of a loop on its own and fuses nothing outside with it. The arrays that `function`
    closes over, for example the weights of a network, become operands of the loop. The floats are the same
    wherever you call the function if shapes, dtypes, the version of jaxlib and the kind of machine are the
    same. Under `jax.vmap` the batch is part of the shapes: encode and decode batches of the same size.

    Args:
        function: takes arrays or pytrees of arrays and returns a pytree of arrays, for example a model. At
            least one argument must hold an array that is not a constant.

    Returns:
        A function with the same arguments and results. It is not differentiable: use `function` for training.

    Raises:
        ValueError: if no argument holds an array.
        TypeError: if an argument is a random key.

    >>> import numpy as np
    >>> weights = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    >>> network = isolated(lambda x: jnp.tanh(x @ weights) / 3)
    >>> alone = jax.jit(network)(jnp.ones(3))
    >>> within = jax.jit(lambda x: jnp.exp(network(x) * 2))(jnp.ones(3))
    >>> bool((within == jnp.exp(alone * 2)).all())
    True
    """

    def call(*args: Any) -> Any:
        leaves, tree = jax.tree.flatten(args)
        if not leaves:
            raise ValueError("an isolated function needs an argument that holds an array, got none.")
        if any(jnp.issubdtype(jnp.asarray(leaf).dtype, jax.dtypes.prng_key) for leaf in leaves):
            raise TypeError("an isolated function takes numbers, got a random key. Give it jax.random.key_data(key).")
        flat = lambda *leaves: function(*jax.tree.unflatten(tree, leaves))
        closed, shapes = jax.make_jaxpr(flat, return_shape=True)(*leaves)
        run = _in_a_loop(lambda captured, leaves: jaxpr_as_fun(closed.replace(consts=captured))(*leaves))
        return jax.tree.unflatten(jax.tree.structure(shapes), run(closed.consts, [jnp.asarray(x) for x in leaves]))

    return call


def _in_a_loop(function: Callable[[list, list], list]) -> Callable[[list, list], list]:
    @custom_vmap
    def run(captured: list, leaves: list) -> list:
        # Each array has a barrier of its own, because only some arrays may differ between devices.
        captured, leaves = jax.tree.map(jax.lax.optimization_barrier, (captured, leaves))
        # The loop always takes one turn, but XLA cannot know it, and another turn would have other leaves.
        last = (jax.lax.population_count(_word(leaves[0])) > 32).astype(jnp.int32)

        def turn(carry):
            i, leaves, _ = carry
            return i + 1, [_other(leaf) for leaf in leaves], function(captured, leaves)

        nothing = [jnp.zeros_like(x) for x in jax.eval_shape(function, captured, leaves)]
        return jax.lax.while_loop(lambda carry: carry[0] <= last, turn, (jnp.int32(0), leaves, nothing))[2]

    @run.def_vmap
    def run_batch(size, batched, captured, leaves):
        axes = jax.tree.map(lambda b: 0 if b else None, batched)
        mapped = jax.vmap(function, in_axes=tuple(axes), axis_size=size)
        results = _in_a_loop(mapped)(captured, leaves)
        return results, [True] * len(results)

    return run


def _word(leaf: jax.Array) -> jax.Array:
    """32 bits that depend on the first number of an array; zero for an empty array."""
    return jax.lax.bitcast_convert_type(leaf.reshape(-1)[:1].astype(jnp.float32), jnp.uint32).sum()


def _other(leaf: jax.Array) -> jax.Array:
    return ~leaf if leaf.dtype == jnp.bool_ else -leaf
