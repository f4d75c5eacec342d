"""Codecs and how they combine. Nothing here knows a coder or a model: a codec is a pair of inverse functions.

`push(state, data) -> state` puts data on a stack and `pop(state) -> (state, data)` takes them off again. What is popped
first was pushed last, so every combinator pushes in the opposite order of its pops.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

Push = Callable[[Any, Any], Any]
Pop = Callable[[Any], tuple[Any, Any]]


class Codec(NamedTuple):
    """`push(state, data) -> state` and its inverse `pop(state) -> (state, data)`."""

    push: Push
    pop: Pop


def serial(codecs: Sequence[Codec]) -> Codec:
    """Several codecs in turn; data is a tuple with a part for each, popped in reading order."""

    def push(state, data):
        for codec, part in reversed(list(zip(codecs, data, strict=True))):
            state = codec.push(state, part)
        return state

    def pop(state):
        data = []
        for codec in codecs:
            state, part = codec.pop(state)
            data.append(part)
        return state, tuple(data)

    return Codec(push, pop)


def repeat(codec: Codec, n: int) -> Codec:
    """One codec n times, as a `jax.lax.scan`; the leaves of data lead with an axis of length n."""

    def push(state, data):
        return jax.lax.scan(lambda s, part: (codec.push(s, part), None), state, data, length=n, reverse=True)[0]

    def pop(state):
        return jax.lax.scan(lambda s, _: codec.pop(s), state, length=n)

    return Codec(push, pop)


def substack(codec: Codec, view: Callable[[Any], Any], replace: Callable[[Any, Any], Any]) -> Codec:
    """A codec on a part of the state: `view(state)` takes the part out, `replace(state, part)` puts it back."""

    def push(state, data):
        return replace(state, codec.push(view(state), data))

    def pop(state):
        part, data = codec.pop(view(state))
        return replace(state, part), data

    return Codec(push, pop)


def bits_back(prior: Codec, likelihood: Callable[[Any], Codec], posterior: Callable[[Any], Codec]) -> Codec:
    """Codes data through a latent variable at the cost of the ELBO (Townsend et al. 2019, arXiv:1901.04866).

        push data x                                pop

        pop  z from posterior(x)   -log q(z|x)     push z with posterior(x)
        push x with likelihood(z)   log p(x|z)     pop  x from likelihood(z)
        push z with prior           log p(z)       pop  z from prior

    Args:
        prior: codec of the latent.
        likelihood: from a latent to the codec of the data.
        posterior: from data to the codec of the latent.
    """

    def push(state, data):
        state, latent = posterior(data).pop(state)
        state = likelihood(latent).push(state, data)
        return prior.push(state, latent)

    def pop(state):
        state, latent = prior.pop(state)
        state, data = likelihood(latent).pop(state)
        return posterior(data).push(state, latent), data

    return Codec(push, pop)


def check_codec(codec: Codec, state: Any, data: Any) -> None:
    """Raises AssertionError unless the codec is a pair of inverses on this state and data.

    `pop(push(state, data))` must give both back, bit for bit. For tests of codecs and models of your own; the state
    must be clean and have room for the data. Only what a coder holds is compared, not what lies in its tail beyond
    `size`.

    >>> import jans
    >>> codec = jans.rans.codec(jans.models.Uniform(6), shape=(3,))
    >>> check_codec(codec, jans.rans.init(capacity=4), jax.numpy.array([5, 0, 2]))
    """
    pushed = codec.push(state, data)
    popped, again = codec.pop(pushed)
    _assert_same("data", data, again)
    _assert_same("state", _content(state), _content(popped))


def _content(state: Any) -> Any:
    """A pytree with unused words blanked, for states that have any."""

    blank = lambda part: part.blank() if hasattr(part, "blank") else part
    return jax.tree.map(blank, state, is_leaf=lambda part: hasattr(part, "blank"))


def _assert_same(what: str, before: Any, after: Any) -> None:
    same = str(jax.tree.structure(before)) == str(jax.tree.structure(after))
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=False)
    if not same or not all(np.array_equal(a, b) for a, b in pairs):
        raise AssertionError(f"push and then pop changed the {what}: {before} became {after}.")
