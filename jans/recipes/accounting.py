"""Accounts of bits: how many bits each part of a codec puts on a stack, and how many it takes back."""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from jans import _inputs
from jans.codecs import Codec
from jans.coders._rans_state import State, find_variant
from jans.coders._state import check_kind, pytree
from jans.status import check

OTHER = "other"
"""The name of the account for bits that no named codec moved."""

_FRACTION = 16
_UNIT = 2.0**-_FRACTION
"""Contents of heads are counted in units of 2**-16 bits, as integers, so that sums are exact."""


@pytree("jans.recipes.Ledger", static=("variant", "names", "run"))
@dataclasses.dataclass(frozen=True, repr=False)
class _Ledger(State):
    """A coder with an account for each name: whole words, and units of less than a word, int32 [names]."""

    words: jax.Array
    units: jax.Array
    names: tuple[str, ...]
    run: int

    @property
    def content(self) -> tuple[jax.Array, jax.Array]:
        """The number of words in the tail, and the content of the heads in units."""
        head = self.head.astype(jnp.float32)
        x = head[:, 0] + head[:, 1] * 2.0**32 if head.ndim == 2 else head
        each = jnp.where(x > 0, jnp.log2(jnp.maximum(x, 1)), 0)
        return self.size, jnp.round(each / _UNIT).astype(jnp.int32).sum()


_RUNS = itertools.count()
_FOUND: dict[int, list[str]] = {}
"""The names that were found while a codec was traced, for each run that looks for names."""


def named(name: str, codec: Codec) -> Codec:
    """A codec whose bits `account` books under a name. Otherwise it behaves like `codec`.

    If one named codec contains another, the bits that the inner one moves are booked on the inner one only.

    Args:
        name: the name of the account.
        codec: any codec on a stack coder (`jans.rans`).

    Returns:
        A codec for the same data and the same bits.

    >>> from jans import models, rans
    >>> codec = named("digits", rans.codec(models.Uniform(8)))
    >>> _, books = account(codec, rans.random(jax.random.key(0), n_words=1, capacity=9), jnp.array(3))
    >>> books.names
    ('digits', 'other')
    """

    def push(state, data):
        return _book(name, state, codec.push(state, data))

    def pop(state):
        after, data = codec.pop(state)
        return _book(name, state, after), data

    return Codec(push, pop)


def _book(name: str, before: Any, after: Any) -> Any:
    """The state after a step. Books the bits that the step moved, except those booked on names within it."""
    if not isinstance(after, _Ledger):
        return after
    if after.run in _FOUND:
        if name not in _FOUND[after.run]:
            _FOUND[after.run].append(name)
        return after
    k = after.names.index(name)
    (words, units), (words_before, units_before) = after.content, before.content
    words = words - words_before - (after.words - before.words).sum()
    units = units - units_before - (after.units - before.units).sum() + after.units[k]
    word = find_variant(after.variant).word_bits << _FRACTION
    return dataclasses.replace(
        after, words=after.words.at[k].add(words + units // word), units=after.units.at[k].set(units % word)
    )


@dataclasses.dataclass(frozen=True)
class Account:
    """Bits by name, and their sums.

    Attributes:
        names: names of the columns; the last one is "other".
        bits: float64 [..., names], the bits that each name put on the stack, minus the bits that it took
            back.
        initial: float64 [...], the contents of the coders before, in bits.

    >>> from jans import models, rans
    >>> codec = named("digits", rans.codec(models.Uniform(8), shape=(2,)))
    >>> _, books = account(codec, rans.random(jax.random.key(0), n_words=1, capacity=9), jnp.array([3, 7]))
    >>> print(books.table(per=2, unit="bits per digit"))
    digits        3.0000 bits per digit
    other         0.0000 bits per digit
    sum           3.0000 bits per digit
    """

    names: tuple[str, ...]
    bits: np.ndarray
    initial: np.ndarray

    @property
    def total(self) -> dict[str, float]:
        """The bits of each name, summed over all data."""
        sums = self.bits.reshape(-1, len(self.names)).sum(0)
        return {name: float(sums[k]) for k, name in enumerate(self.names)}

    def of_file(self, data: bytes) -> dict[str, float]:
        """As `total`, with two more rows, so that the sum is that of the file, `8 * len(data)`.

        The row "initial bits" is the content of the coders before. The row "format" is the header, the
        checksum, and the unused room in the heads.

        Args:
            data: the bytes that `jans.to_bytes` made of the coders.
        """
        rows = self.total | {"initial bits": float(self.initial.sum())}
        return rows | {"format": 8.0 * len(data) - sum(rows.values())}

    def table(self, data: bytes | None = None, per: float = 1.0, unit: str = "bits") -> str:
        """The rows as text, each divided by `per`.

        Args:
            data: as for `of_file`; without it, the rows of `total`.
            per, unit: the divisor of the bits, for example the number of pixels, and the name of the quotient.
        """
        rows = self.total if data is None else self.of_file(data)
        rows = rows | {"sum": sum(rows.values())}
        width = max(map(len, rows))
        lines = [f"{name:<{width}}  {bits / per:12.4f} {unit}" for name, bits in rows.items()]
        return "\n".join(lines)

    def plot(self, axes: Any, per: float = 1.0, unit: str = "bits") -> None:
        """Draws a bar for each datum, with bits taken back below zero, and a line for the net bits.

        Args:
            axes: axes of matplotlib, for example `matplotlib.pyplot.gca()`.
            per, unit: the divisor of the bits, and the name of the quotient.
        """
        bits = self.bits.reshape(-1, len(self.names)) / per
        place = np.arange(len(bits))
        high, low = np.zeros(len(bits)), np.zeros(len(bits))
        for k, name in enumerate(self.names):
            if not bits[:, k].any():
                continue
            column = bits[:, k]
            axes.bar(place, column, 0.9, np.where(column >= 0, high, low), label=f"{name}  {column.mean():.2f}")
            high, low = high + np.maximum(column, 0), low + np.minimum(column, 0)
        net = bits.sum(1)
        edges = np.arange(len(bits) + 1) - 0.5
        axes.stairs(net, edges, baseline=None, color="black", linewidth=1, label=f"net  {net.mean():.2f}")
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set(ylabel=unit, xlabel="datum")
        axes.margins(x=0.01)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")


@_inputs.door(codec=_inputs.codec, data=_inputs.arrays)
def account(codec: Codec, state: State, data: Any) -> tuple[State, Account]:
    """Pushes data and books the bits of every `named` part of the codec.

    Args:
        codec: the codec of the data.
        state: a stack coder (`jans.rans`) to push on, or a batch of them [streams]; the data of a batch have
            a leading axis of streams.
        data: the argument of `codec.push`.

    Returns:
        The state with the data, and the account: bits [streams,] [names].

    Raises:
        CodingError: if the status of the state is not clean afterwards.
        TypeError: for the state of another coder.

    >>> from jans import models, rans
    >>> part = named("digits", rans.codec(models.Uniform(8), shape=(2,)))
    >>> state, books = account(part, rans.random(jax.random.key(0), 1, 9), jnp.array([3, 7]))
    >>> round(books.total["digits"], 3)
    6.0
    """
    batch = _check_batch(state)
    after, books = account_each(codec, state, jax.tree.map(lambda leaf: jnp.expand_dims(leaf, batch), data))
    return after, dataclasses.replace(books, bits=books.bits.squeeze(-2))


@_inputs.door(codec=_inputs.codec, data=_inputs.arrays)
def account_each(codec: Codec, state: State, data: Any) -> tuple[State, Account]:
    """As `account`, for a codec that takes data one by one, with the bits of each datum.

    Args:
        codec: the codec of one datum.
        state: as for `account`.
        data: pytree whose leaves have a leading axis of data, after the axis of streams. The data are pushed
            from the last to the first, as in `repeat`.

    Returns:
        The state with the data, and the account: bits [streams,] [data] [names].

    Raises:
        CodingError, TypeError: as for `account`.
        ValueError: if a leaf of data lacks an axis.

    >>> from jans import models, rans
    >>> bit = named("bit", rans.codec(models.Bernoulli(0.25)))
    >>> _, books = account_each(bit, rans.random(jax.random.key(0), n_words=1, capacity=9), jnp.array([0, 1, 0]))
    >>> books.bits[:, 0].round(2)
    array([0.42, 2.  , 0.42])
    """
    batch = _check_batch(state)
    if any(jnp.ndim(leaf) <= batch for leaf in jax.tree.leaves(data)):
        raise ValueError(f"data must have {'axes of streams and of data' if batch else 'an axis of data'} in front.")
    widened = lambda tree: tree if batch else jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], tree)
    states, all_data = widened(state), widened(data)
    names = _names(codec, _structs(states, 1), _structs(all_data, 2))
    after, *counts = _with_constants_as_arguments(jax.vmap(functools.partial(_push, codec, names)))(states, all_data)
    word = find_variant(state.variant).word_bits
    booked, contents = (word * np.asarray(words, float) + _UNIT * np.asarray(units, float) for words, units in counts)
    start = contents[:, -1]
    # Data are pushed from the last to the first, so differences between neighbours are the bits of each
    # datum.
    booked, contents = booked[:, :-1] - booked[:, 1:], contents[:, :-1] - contents[:, 1:]
    bits = np.concatenate([booked, contents[..., None] - booked.sum(-1, keepdims=True)], axis=-1)
    if not batch:
        after, bits, start = jax.tree.map(lambda leaf: leaf[0], after), bits[0], start[0]
    return check(after), Account((*names, OTHER), bits, start)


def _check_batch(state: Any) -> int:
    """Returns the number of batch axes, 0 or 1; raises for other states."""
    check_kind(state, State)
    if state.size.ndim > 1:
        raise ValueError(f"state must be one coder or a batch [streams], got a batch of shape {state.size.shape}.")
    return state.size.ndim


def _push(codec: Codec, names: tuple[str, ...], state: State, data: Any) -> tuple[Any, ...]:
    """The state with the data on it, and books and contents (words and units) before every datum
    and at the end."""
    start = _open(state, names, -1)

    def step(ledger, datum):
        pushed = codec.push(ledger, datum)
        return pushed, ((ledger.words, ledger.units), ledger.content)

    end, before = jax.lax.scan(step, start, data, reverse=True)
    last = ((end.words, end.units), end.content)
    # In the order of data: first the state after the first datum was pushed (the end), last the state before
    # any push.
    books, contents = jax.tree.map(lambda head, others: jnp.concatenate([head[None], others]), last, before)
    return State(*(getattr(end, field.name) for field in dataclasses.fields(State))), books, contents


def _with_constants_as_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `function` jitted, with the arrays that it closes over as arguments.

    Otherwise the weights of a network within a codec would be constants of the program. Constant weights
    compile to other floats than weights that are arguments.
    """

    def run(*args: Any) -> Any:
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
        program = jax.jit(lambda constants, leaves: jaxpr_as_fun(ClosedJaxpr(closed.jaxpr, constants))(*leaves))
        return jax.tree.unflatten(jax.tree.structure(shapes), program(closed.consts, jax.tree.leaves(args)))

    return run


def _names(codec: Codec, state: Any, data: Any) -> tuple[str, ...]:
    """The names in a push, in the order in which they occur; needs only shapes and dtypes."""
    run = next(_RUNS)
    _FOUND[run] = []
    try:
        jax.eval_shape(lambda s, x: codec.push(_open(s, (), run), x), state, data)
        return tuple(_FOUND[run])
    finally:
        del _FOUND[run]


def _structs(tree: Any, lead: int) -> Any:
    """Shapes and dtypes without the `lead` leading axes."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[lead:], leaf.dtype), tree)


def _open(state: State, names: tuple[str, ...], run: int) -> _Ledger:
    parts = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    nothing = jnp.zeros(len(names), jnp.int32)
    return _Ledger(**parts, words=nothing, units=nothing, names=names, run=run)
