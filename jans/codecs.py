"""Codecs, and functions that combine them. Nothing here depends on a coder or a model.

A codec is a pair of inverse functions on a stack. `push(state, data) -> state` puts data on the stack, and
`pop(state) -> (state, data)` takes them off again. A stack returns first what was pushed last, so every
combinator pushes its parts in the opposite order of its pops.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs

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
    """A pair of functions on a stack that undo each other.

    Attributes:
        push: `push(state, data) -> state` puts data on the stack.
        pop: `pop(state) -> (state, data)` takes them off again.

    A coder makes a codec of a model, for example `jans.rans.codec`. This one codes years:

    >>> from jans import models, rans
    >>> def push(state, year):
    ...     return rans.push(state, models.Uniform(100), year - 2000)
    >>> def pop(state):
    ...     state, symbol = rans.pop(state, models.Uniform(100))
    ...     return state, symbol + 2000
    >>> Codec(push, pop).pop(push(rans.init(capacity=4), jnp.array(2024)))[1]
    Array(2024, dtype=int32)
    """

    push: Push
    pop: Pop


@_inputs.door(codecs=_inputs.each(_inputs.codec))
def serial(codecs: Sequence[Codec]) -> Codec:
    """Codes several parts in turn, each with its own codec.

    Args:
        codecs: one codec for each part; data is a tuple of as many parts. Parts are popped in the order of
            the codecs.

    Returns:
        The codec of the tuple.

    Raises:
        ValueError: in `push`, if data does not have one part for each codec.

    >>> from jans import models, rans
    >>> codec = serial([rans.codec(models.Uniform(10)), rans.codec(models.Bernoulli(0.2), shape=(2,))])
    >>> state = codec.push(rans.init(capacity=4), (jnp.array(7), jnp.array([0, 1])))
    >>> codec.pop(state)[1]
    (Array(7, dtype=int32), Array([0, 1], dtype=int32))
    """

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


@_inputs.door(codec=_inputs.codec)
def repeat(codec: Codec, n: int) -> Codec:
    """Codes n data with the same codec, as a `jax.lax.scan`.

    Args:
        codec: the codec of one datum.
        n: how many data; the leaves of data have a leading axis of length n.

    Returns:
        The codec of all n data. The first datum is popped first.

    >>> from jans import models, rans
    >>> codec = repeat(rans.codec(models.Uniform(10), shape=(2,)), n=3)
    >>> state = codec.push(rans.init(capacity=4), jnp.array([[1, 2], [3, 4], [5, 6]]))
    >>> codec.pop(state)[1].tolist()
    [[1, 2], [3, 4], [5, 6]]
    """

    def push(state, data):
        return jax.lax.scan(lambda s, part: (codec.push(s, part), None), state, data, length=n, reverse=True)[0]

    def pop(state):
        return jax.lax.scan(lambda s, _: codec.pop(s), state, length=n)

    return Codec(push, pop)


@_inputs.door(codec=_inputs.codec)
def substack(codec: Codec, view: Callable[[Any], Any], replace: Callable[[Any, Any], Any]) -> Codec:
    """Applies a codec to a part of the state.

    Args:
        codec: a codec whose state is the part.
        view: returns the part of a state.
        replace: `replace(state, part)` returns the state with that part in place of its own.

    Returns:
        A codec on the whole state, for the same data.

    >>> from jans import models, rans
    >>> digit = rans.codec(models.Uniform(10))
    >>> codec = substack(digit, lambda pair: pair[1], lambda pair, part: (pair[0], part))
    >>> pair = codec.push((rans.init(capacity=4), rans.init(capacity=4)), jnp.array(7))
    >>> [bool(rans.is_empty(state)) for state in pair], codec.pop(pair)[1]
    ([True, False], Array(7, dtype=int32))
    """

    def push(state, data):
        return replace(state, codec.push(view(state), data))

    def pop(state):
        part, data = codec.pop(view(state))
        return replace(state, part), data

    return Codec(push, pop)


@_inputs.door(codecs=_inputs.each(_inputs.makes_codec))
def ancestral(codecs: Sequence[Callable[..., Codec]]) -> Codec:
    """Codes parts in turn, each with a codec that depends on the parts before it.

    Args:
        codecs: functions. Function k takes parts 0 ... k - 1 and returns the codec of part k; data is a tuple
            with one part for each function.

    Returns:
        The codec of the tuple.

    Raises:
        ValueError: in `push`, if data does not have one part for each function.

    >>> from jans import models, rans
    >>> codec = ancestral([lambda: rans.codec(models.Uniform(10)), lambda k: rans.codec(models.Uniform(k + 1))])
    >>> state = codec.push(rans.init(capacity=4), (jnp.array(7), jnp.array(3)))  # the second is at most the first
    >>> codec.pop(state)[1]
    (Array(7, dtype=int32), Array(3, dtype=int32))
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


@_inputs.door(codec=_inputs.makes_codec)
def autoregressive(
    step: Callable[[Any, Any], tuple[Any, Any]],
    codec: Callable[[Any], Codec],
    start: Any,
    first: Any,
    n: int,
    parallel: Callable[[Any], Any] | None = None,
) -> Codec:
    """Codes n data, each with a codec whose parameters a model computes from the data before it.

        carry = start                      previous = first
        carry, parameters = step(carry, previous);  previous = data coded with codec(parameters);  and so on

    A push knows all data. It runs the model over them, as a scan or with `parallel`, and then codes from the
    last datum to the first. A pop runs the model datum by datum.

    Decoding works only if the model gives the same floats in both programs. There are three ways to
    ensure this. On one kind of machine, put `jans.isolated` around the network in `step`, but not around large
    caches, which it would copy. For floats that differ a little, use `jans.models.snap`. For all machines, use a
    network of `jans.exact`: it needs no isolation, and `parallel` may be any program that computes the same.

    Args:
        step: takes a carry (a hidden state or a cache) and the previous datum, and returns the next carry and
            the parameters.
        codec: takes parameters and returns the codec of one datum.
        start: the first carry.
        first: stands in for the datum before the first one; it has the shape and dtype of a datum.
        n: how many data; the leaves of data have a leading axis of this length.
        parallel: for models that see all data at once, as transformers do. It takes all previous data and
            returns the parameters of all data, equal to those of `step`. Leaves have a leading axis of length n.

    Returns:
        The codec of all n data.

    >>> from jans import models, rans
    >>> codec = autoregressive(
    ...     step=lambda carry, previous: (carry, previous.astype(float)),  # predicts the same number again
    ...     codec=lambda loc: rans.codec(models.FixedPointLogistic(loc, 1.0)),
    ...     start=(), first=jnp.int32(100), n=4,
    ... )
    >>> codec.pop(codec.push(rans.init(capacity=8), jnp.array([101, 103, 102, 99])))[1]
    Array([101, 103, 102,  99], dtype=int32)
    """

    # The barriers keep the code around the model from changing how XLA compiles the model.
    def guarded(carry, previous):
        return jax.lax.optimization_barrier(step(*jax.lax.optimization_barrier((carry, previous))))

    def push(state, data):
        before = lambda head, values: jnp.concatenate([jnp.asarray(head)[None], values])[:-1]
        previous = jax.tree.map(before, first, data)
        if parallel is None:
            _, parameters = jax.lax.scan(guarded, start, previous, length=n)
        else:
            parameters = jax.lax.optimization_barrier(parallel(jax.lax.optimization_barrier(previous)))
        one = lambda s, part: (codec(part[0]).push(s, part[1]), None)
        return jax.lax.scan(one, state, (parameters, data), length=n, reverse=True)[0]

    def pop(state):
        def one(before, _):
            state, carry, previous = before
            carry, parameters = guarded(carry, previous)
            state, datum = codec(parameters).pop(state)
            return (state, carry, datum), datum

        (state, _, _), data = jax.lax.scan(one, (state, start, jax.tree.map(jnp.asarray, first)), length=n)
        return state, data

    return Codec(push, pop)


@_inputs.door(prior=_inputs.codec, likelihood=_inputs.makes_codec, posterior=_inputs.makes_codec)
def bits_back(prior: Codec, likelihood: Callable[[Any], Codec], posterior: Callable[[Any], Codec]) -> Codec:
    """Codes data through a latent variable at the cost of the negative ELBO (Townsend et al. 2019,
    arXiv:1901.04866).

        push data x                                pop

        pop  z from posterior(x)   -log q(z|x)     push z with posterior(x)
        push x with likelihood(z)   log p(x|z)     pop  x from likelihood(z)
        push z with prior           log p(z)       pop  z from prior

    A push pops first, so the stack needs initial bits, for example from `jans.rans.random`.

    Args:
        prior: codec of the latent.
        likelihood: takes a latent and returns the codec of the data.
        posterior: takes data and returns the codec of the latent.

    Returns:
        The codec of the data. If there are too few initial bits, popping the latent sets `UNDERFLOW`, as
        `jans.rans.pop` says.

    >>> from jans import models, rans
    >>> grid = models.NormalGrid(bits=8)
    >>> codec = bits_back(
    ...     prior=rans.codec(grid.prior(), shape=(2,)),
    ...     likelihood=lambda z: rans.codec(models.FixedPointLogistic(10 * grid.value(z) + 50, 1.0)),
    ...     posterior=lambda x: rans.codec(grid.posterior((x - 50) / 10, 0.1)),
    ... )
    >>> state = codec.push(rans.random(jax.random.key(0), n_words=4, capacity=9), jnp.array([42, 57]))
    >>> codec.pop(state)[1]
    Array([42, 57], dtype=int32)
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


@_inputs.door(prior=_inputs.codec)
def bit_swap(prior: Codec, layers: Sequence[tuple[Callable[[Any], Codec], Callable[[Any], Codec]]]) -> Codec:
    """Codes data through a Markov chain of latents with the initial bits of one layer (Kingma et al. 2019,
    arXiv:1905.06845).

        x  -  z1  -  z2  -  ...  -  zL            push data x

        pop  z1 from posterior_1(x)               push x  with likelihood_1(z1)
        pop  z2 from posterior_2(z1)              push z1 with likelihood_2(z2)
        ...                                       push zL with prior

    This is `bits_back` whose prior is again `bits_back`: a latent is the data of the layer above.

    Args:
        prior: codec of the last latent.
        layers: pairs (likelihood, posterior), from the data up. The likelihood takes the latent of its layer
            and returns the codec of the layer below. The posterior takes the layer below and returns the
            codec of the latent.

    Returns:
        The codec of the data. A push needs initial bits, as for `bits_back`.

    >>> from jans import models, rans
    >>> grid = models.NormalGrid(bits=8)
    >>> pixel = lambda z1: rans.codec(models.FixedPointLogistic(10 * grid.value(z1) + 50, 1.0))
    >>> latent = lambda loc: rans.codec(grid.posterior(loc, 0.5))
    >>> near = lambda z: latent(0.8 * grid.value(z))
    >>> codec = bit_swap(rans.codec(grid.prior()), [(pixel, lambda x: latent((x - 50) / 10)), (near, near)])
    >>> state = codec.push(rans.random(jax.random.key(0), n_words=4, capacity=9), jnp.array(42))
    >>> codec.pop(state)[1]
    Array(42, dtype=int32)
    """
    for likelihood, posterior in reversed(layers):
        prior = bits_back(prior, likelihood, posterior)
    return prior


@_inputs.door(prior=_inputs.each(_inputs.makes_codec))
def hierarchical(
    prior: Sequence[Callable[..., Codec]],
    likelihood: Callable[[tuple[Any, ...]], Codec],
    posterior: Callable[[Any], Sequence[Callable[..., Codec]]],
) -> Codec:
    """Codes data through latents that all depend on the latents before them, as in top-down models (Townsend
    et al. 2020, arXiv:1912.09953).

    A push pops all latents before it pushes the data.

    Args:
        prior: functions; function k takes latents 0 ... k - 1 and returns the codec of latent k.
        likelihood: takes the tuple of all latents and returns the codec of the data.
        posterior: takes data and returns functions like those of the prior.

    Returns:
        The codec of the data. A push needs initial bits, as for `bits_back`.

    >>> from jans import models, rans
    >>> grid = models.NormalGrid(bits=8)
    >>> latent = lambda loc: rans.codec(grid.posterior(loc, 0.5))
    >>> codec = hierarchical(
    ...     prior=[lambda: latent(0.0), lambda z1: latent(grid.value(z1))],
    ...     likelihood=lambda z: rans.codec(models.FixedPointLogistic(10 * grid.value(z[1]) + 50, 1.0)),
    ...     posterior=lambda x: [lambda: latent((x - 50) / 20), lambda z1: latent((x - 50) / 10)],
    ... )
    >>> codec.pop(codec.push(rans.random(jax.random.key(0), n_words=4, capacity=9), jnp.array(42)))[1]
    Array(42, dtype=int32)
    """
    return bits_back(ancestral(prior), likelihood, lambda data: ancestral(posterior(data)))


@_inputs.door(prior=_inputs.codec, likelihood=_inputs.makes_codec)
def vector_quantised(prior: Codec, likelihood: Callable[[Any], Codec], encode: Callable[[Any], Any]) -> Codec:
    """Codes data with a latent that the data determine, as in models with vector quantisation (van den Oord
    et al. 2017, arXiv:1711.00937).

    No bits come back from the latent, so no initial bits are needed.

    Args:
        prior: codec of the latent.
        likelihood: takes a latent and returns the codec of the data.
        encode: takes data and returns the latent.

    Returns:
        The codec of the data.

    >>> from jans import models, rans
    >>> book = jnp.array([10.0, 50.0, 90.0])
    >>> codec = vector_quantised(
    ...     prior=rans.codec(models.Uniform(3)),
    ...     likelihood=lambda z: rans.codec(models.FixedPointLogistic(book[z], 2.0)),
    ...     encode=lambda x: jnp.abs(book - x).argmin(),
    ... )
    >>> codec.pop(codec.push(rans.init(capacity=4), jnp.array(52)))[1]
    Array(52, dtype=int32)
    """

    def push(state, data):
        latent = encode(data)
        return prior.push(likelihood(latent).push(state, data), latent)

    def pop(state):
        state, latent = prior.pop(state)
        return likelihood(latent).pop(state)

    return Codec(push, pop)


@_inputs.door(
    prior=_inputs.codec,
    likelihood=_inputs.makes_codec,
    posterior=_inputs.makes_codec,
    choice=_inputs.makes_codec,
    uniform=_inputs.codec,
)
def multi_sample(
    prior: Codec,
    likelihood: Callable[[Any], Codec],
    posterior: Callable[[Any], Codec],
    choice: Callable[[Any, Any], Codec],
    uniform: Codec,
    n: int,
) -> Codec:
    """Codes data at the cost of the bound of n samples, which is lower than the ELBO's (Ruan et al. 2021,
    arXiv:2102.11086).

        push data x                                        pop

        pop  z_1 ... z_n from posterior(x)                 push z_1 ... z_n with posterior(x)
        pop  j from choice(x, z_1 ... z_n)                 push j with choice(x, z_1 ... z_n)
        push all but z_j with posterior(x)                 pop  all but z_j from posterior(x)
        push x with likelihood(z_j)                        pop  x from likelihood(z_j)
        push j with uniform, z_j with prior                pop  z_j from prior, j from uniform

    Args:
        prior, likelihood, posterior: as for `bits_back`.
        choice: takes data and n latents, whose leaves have a leading axis of length n. It returns the codec
            of an index, int32 [], with probabilities proportional to p(x, z_i) / q(z_i | x).
        uniform: codec of an index from 0 to n - 1, all equally likely.
        n: number of samples, at least 1.

    Returns:
        The codec of the data. A push needs the initial bits of n latents, as for `bits_back`.

    >>> from jans import models, rans
    >>> table = jnp.array([[0.6, 0.3, 0.1], [0.1, 0.3, 0.6]])  # p(x | z)
    >>> coin = rans.codec(models.Uniform(2))  # the prior, and a posterior that ignores x
    >>> codec = multi_sample(
    ...     coin, lambda z: rans.codec(models.Categorical(table[z])), lambda x: coin,
    ...     lambda x, z: rans.codec(models.Categorical(table[z, x])), rans.codec(models.Uniform(4)), n=4,
    ... )
    >>> codec.pop(codec.push(rans.random(jax.random.key(0), n_words=4, capacity=9), jnp.array(2)))[1]
    Array(2, dtype=int32)
    """
    one = jnp.arange(n, dtype=jnp.int32)

    def push(state, data):
        posterior_codec = posterior(data)
        state, latents = repeat(posterior_codec, n).pop(state)
        state, j = choice(data, latents).pop(state)
        left = one[:-1] + (one[:-1] >= j)
        state = repeat(posterior_codec, n - 1).push(state, jax.tree.map(lambda leaf: leaf[left], latents))
        latent = jax.tree.map(lambda leaf: leaf[j], latents)
        state = likelihood(latent).push(state, data)
        return prior.push(uniform.push(state, j), latent)

    def pop(state):
        state, latent = prior.pop(state)
        state, j = uniform.pop(state)
        state, data = likelihood(latent).pop(state)
        posterior_codec = posterior(data)
        state, left = repeat(posterior_codec, n - 1).pop(state)
        place = jnp.where(one == j, n - 1, one - (one > j))
        latents = jax.tree.map(lambda others, chosen: jnp.concatenate([others, chosen[None]])[place], left, latent)
        state = choice(data, latents).push(state, j)
        return repeat(posterior_codec, n).push(state, latents), data

    return Codec(push, pop)


@_inputs.door(codec=_inputs.codec)
def check_codec(codec: Codec, state: Any, data: Any) -> None:
    """Raises AssertionError unless the codec is a pair of inverses on this state and data.

    Use it to test your own codecs and models. `pop(push(state, data))` must return both the state and the
    data, bit for bit. The comparison ignores the words of a coder that are not in use.

    Args:
        codec: the codec to test.
        state: a coder with a clean status and room for the data.
        data: what to push.

    Raises:
        AssertionError: if `pop` returns other data or another state.

    >>> import jans
    >>> codec = jans.rans.codec(jans.models.Uniform(6), shape=(3,))
    >>> check_codec(codec, jans.rans.init(capacity=4), jax.numpy.array([5, 0, 2]))
    """
    pushed = codec.push(state, data)
    popped, again = codec.pop(pushed)
    _assert_same("data", data, again)
    _assert_same("state", content(state), content(popped))


def content(state: Any) -> Any:
    """A pytree of states, with zeros for the words that are not in use."""
    canonical = lambda part: part.canonical() if hasattr(part, "canonical") else part
    return jax.tree.map(canonical, state, is_leaf=lambda part: hasattr(part, "canonical"))


def _assert_same(what: str, before: Any, after: Any) -> None:
    same = str(jax.tree.structure(before)) == str(jax.tree.structure(after))
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=False)
    if not same or not all(np.array_equal(a, b) for a, b in pairs):
        raise AssertionError(f"push and then pop changed the {what}: {before} became {after}.")


def __dir__() -> list[str]:
    return __all__
