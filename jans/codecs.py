"""Codecs and how they combine. Nothing here knows a coder or a model: a codec is a pair of inverse functions.

`push(state, data) -> state` puts data on a stack and `pop(state) -> (state, data)` takes them off again. What is popped
first was pushed last, so every combinator pushes in the opposite order of its pops.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = [
    "Codec",
    "ancestral",
    "autoregressive",
    "bit_swap",
    "bits_back",
    "check_codec",
    "hierarchical",
    "multi_sample",
    "repeat",
    "serial",
    "substack",
    "vector_quantised",
]

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


def ancestral(codecs: Sequence[Callable[..., Codec]]) -> Codec:
    """Parts in turn, each by a codec that depends on those before it; data is a tuple with a part for each.

    Args:
        codecs: functions; the k-th takes the parts 0 ... k - 1 and gives the codec of part k.
    """

    def push(state, data):
        if len(data) != len(codecs):
            raise ValueError(f"data must be a tuple of {len(codecs)} parts, one for each codec, got {len(data)}.")
        for k in reversed(range(len(codecs))):
            state = codecs[k](*data[:k]).push(state, data[k])
        return state

    def pop(state):
        data: tuple[Any, ...] = ()
        for codec in codecs:
            state, part = codec(*data).pop(state)
            data = (*data, part)
        return state, data

    return Codec(push, pop)


def autoregressive(
    step: Callable[[Any, Any], tuple[Any, Any]],
    codec: Callable[[Any], Codec],
    start: Any,
    first: Any,
    n: int,
    parallel: Callable[[Any], Any] | None = None,
) -> Codec:
    """n data, each by a codec whose parameters a model computes from those before it.

        carry = start                      previous = first
        carry, parameters = step(carry, previous);  previous = data coded with codec(parameters);  and so on

    Pushes run the model over the data that they know, as a scan or by `parallel`, and then code from the last to the
    first; pops run it datum by datum. Both compute the same parameters only where the model gives the same floats in
    both programs. `jans.isolated` around the network in `step` (without large caches, which it would copy) makes it so
    on one kind of machine, `jans.models.snap` up to margins, and exact sums on all.

    Args:
        step: from a carry (a hidden state, a cache) and the datum before to the next carry and the parameters.
        codec: from parameters to the codec of a datum.
        start: the first carry.
        first: what stands before the first datum; of its shape and dtype.
        n: how many; the leaves of data lead with an axis of this length.
        parallel: for models that see all data at once, as transformers do: from what stands before each datum to the
            parameters of all, which are those of `step`; leaves lead with an axis of length n.
    """

    # Barriers keep what surrounds the model out of how it is compiled.
    def guarded(carry, previous):
        return jax.lax.optimization_barrier(step(*jax.lax.optimization_barrier((carry, previous))))

    def push(state, data):
        before = lambda head, rest: jnp.concatenate([jnp.asarray(head)[None], rest])[:-1]
        previous = jax.tree.map(before, first, data)
        if parallel is None:
            _, parameters = jax.lax.scan(guarded, start, previous, length=n)
        else:
            parameters = jax.lax.optimization_barrier(parallel(jax.lax.optimization_barrier(previous)))
        return jax.lax.scan(
            lambda s, part: (codec(part[0]).push(s, part[1]), None), state, (parameters, data), length=n, reverse=True
        )[0]

    def pop(state):
        def one(before, _):
            state, carry, previous = before
            carry, parameters = guarded(carry, previous)
            state, datum = codec(parameters).pop(state)
            return (state, carry, datum), datum

        (state, _, _), data = jax.lax.scan(one, (state, start, jax.tree.map(jnp.asarray, first)), length=n)
        return state, data

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


def bit_swap(prior: Codec, layers: Sequence[tuple[Callable[[Any], Codec], Callable[[Any], Codec]]]) -> Codec:
    """Codes data through a Markov chain of latents with the initial bits of one layer (Kingma et al. 2019,
    arXiv:1905.06845).

        x  -  z1  -  z2  -  ...  -  zL            push data x

        pop  z1 from posterior_1(x)               push x  with likelihood_1(z1)
        pop  z2 from posterior_2(z1)              push z1 with likelihood_2(z2)
        ...                                       push zL with prior

    It is `bits_back` whose prior is `bits_back`: a latent is data to the layer above.

    Args:
        prior: codec of the last latent.
        layers: pairs (likelihood, posterior) from the data up: functions from a latent to the codec of what is below
            it, and from that to the codec of the latent.
    """
    for likelihood, posterior in reversed(layers):
        prior = bits_back(prior, likelihood, posterior)
    return prior


def hierarchical(
    prior: Sequence[Callable[..., Codec]],
    likelihood: Callable[[tuple[Any, ...]], Codec],
    posterior: Callable[[Any], Sequence[Callable[..., Codec]]],
) -> Codec:
    """Codes data through latents that all depend on those before them, as top-down models do (Townsend et al. 2020,
    arXiv:1912.09953): all are popped before the data are pushed.

    Args:
        prior: functions; the k-th takes latents 0 ... k - 1 and gives the codec of latent k.
        likelihood: from the tuple of all latents to the codec of the data.
        posterior: from data to functions like those of the prior.
    """
    return bits_back(ancestral(prior), likelihood, lambda data: ancestral(posterior(data)))


def vector_quantised(prior: Codec, likelihood: Callable[[Any], Codec], encode: Callable[[Any], Any]) -> Codec:
    """Codes data behind a latent that they determine, as models with vector quantisation have it (van den Oord et al.
    2017, arXiv:1711.00937): nothing comes back, and no initial bits are needed.

    Args:
        prior: codec of the latent.
        likelihood: from a latent to the codec of the data.
        encode: from data to the latent.
    """

    def push(state, data):
        latent = encode(data)
        return prior.push(likelihood(latent).push(state, data), latent)

    def pop(state):
        state, latent = prior.pop(state)
        return likelihood(latent).pop(state)

    return Codec(push, pop)


def multi_sample(
    prior: Codec,
    likelihood: Callable[[Any], Codec],
    posterior: Callable[[Any], Codec],
    choice: Callable[[Any, Any], Codec],
    uniform: Codec,
    n: int,
) -> Codec:
    """Codes data at the cost of the bound of n samples, which is below the ELBO (Ruan et al. 2021, arXiv:2102.11086).

        push data x                                        pop

        pop  z_1 ... z_n from posterior(x)                 push z_1 ... z_n with posterior(x)
        pop  j from choice(x, z_1 ... z_n)                 push j with choice(x, z_1 ... z_n)
        push all but z_j with posterior(x)                 pop  all but z_j from posterior(x)
        push x with likelihood(z_j)                        pop  x from likelihood(z_j)
        push j with uniform, z_j with prior                pop  z_j from prior, j from uniform

    Args:
        prior, likelihood, posterior: as for `bits_back`.
        choice: from data and n latents, which lead with an axis of length n, to the codec of an index: int32 [], with
            probabilities proportional to p(x, z_i) / q(z_i | x).
        uniform: codec of an index 0 ... n - 1, all alike.
        n: samples, at least 1.
    """
    one = jnp.arange(n, dtype=jnp.int32)

    def push(state, data):
        own = posterior(data)
        state, latents = repeat(own, n).pop(state)
        state, j = choice(data, latents).pop(state)
        left = one[:-1] + (one[:-1] >= j)
        state = repeat(own, n - 1).push(state, jax.tree.map(lambda leaf: leaf[left], latents))
        latent = jax.tree.map(lambda leaf: leaf[j], latents)
        state = likelihood(latent).push(state, data)
        return prior.push(uniform.push(state, j), latent)

    def pop(state):
        state, latent = prior.pop(state)
        state, j = uniform.pop(state)
        state, data = likelihood(latent).pop(state)
        own = posterior(data)
        state, left = repeat(own, n - 1).pop(state)
        place = jnp.where(one == j, n - 1, one - (one > j))
        latents = jax.tree.map(lambda rest, chosen: jnp.concatenate([rest, chosen[None]])[place], left, latent)
        state = choice(data, latents).push(state, j)
        return repeat(own, n).push(state, latents), data

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
    _assert_same("state", content(state), content(popped))


def content(state: Any) -> Any:
    """A pytree with zeros for the words of coders that are not in use."""
    canonical = lambda part: part.canonical() if hasattr(part, "canonical") else part
    return jax.tree.map(canonical, state, is_leaf=lambda part: hasattr(part, "canonical"))


def _assert_same(what: str, before: Any, after: Any) -> None:
    same = str(jax.tree.structure(before)) == str(jax.tree.structure(after))
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=False)
    if not same or not all(np.array_equal(a, b) for a, b in pairs):
        raise AssertionError(f"push and then pop changed the {what}: {before} became {after}.")


def __dir__() -> list[str]:
    return __all__
