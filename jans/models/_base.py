"""The base classes of models, and the functions that all models share."""

import abc
import contextlib
import functools
import json
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import Shape, brief, check_fit, tuples

DEFAULT_PRECISION = 24


class Kernel(NamedTuple):
    """The view that a coder's kernel has of a model.

    Attributes:
        kind: the name of the kernel.
        operands: arrays with a leading axis of 1 or all n symbols.
        attributes: static numbers by name.

    >>> import jans
    >>> jans.models.Uniform(10).kernel(shape=(5,))
    Kernel(kind='uniform', operands=(Array([10], dtype=int32),), attributes=mappingproxy({}))
    """

    kind: str
    operands: tuple[jax.Array, ...]
    attributes: Mapping[str, int] = MappingProxyType({})


class Model(abc.ABC):
    """A pytree that gives every symbol an interval [start, start + freq) of [0, 2**precision).

    Intervals leave no gaps.

    A model of `shape` () codes arrays of any shape with the same parameters. Any other model codes symbols of
    its shape, or of a shape that its shape broadcasts to.

    To write a model, name its array attributes in `leaves` and its static attributes in `static`. Name in
    `shared` the leaves whose shape does not start with the shape of the model. Set all attributes in
    `__init__`, and define `shape`, `interval`, `locate` and `log_prob`. This is enough for all coders.
    Override `kernel` only if a kernel of this library can search the model.

    >>> from jans import rans, status
    >>> class Bits(Model):  # 1 has `ones` of the 2**precision quantiles, 0 has the others
    ...     leaves = ("ones",)
    ...     def __init__(self, ones, precision=8):
    ...         self.ones, self.precision = ones, precision
    ...     @property
    ...     def shape(self):
    ...         return self.ones.shape
    ...     def interval(self, symbols):
    ...         zeros = 2**self.precision - self.ones
    ...         start, freq = jnp.where(symbols == 0, 0, zeros), jnp.where(symbols == 0, zeros, self.ones)
    ...         inside = (symbols == 0) | (symbols == 1)
    ...         return jnp.where(inside, start, status.BAD_SYMBOL), jnp.where(inside, freq, 0)
    ...     def locate(self, quantiles):
    ...         return (quantiles >= 2**self.precision - self.ones).astype(jnp.int32)
    ...     def log_prob(self, symbols):
    ...         return jnp.log(self.interval(symbols)[1] / 2**self.precision)
    >>> model = Bits(jnp.array([16, 128], jnp.uint32))
    >>> rans.pop(rans.push(rans.init(capacity=4), model, jnp.array([0, 1])), model)[1]
    Array([0, 1], dtype=int32)
    """

    leaves: ClassVar[tuple[str, ...]] = ()
    shared: ClassVar[tuple[str, ...]] = ()
    """Leaves that all symbols share. The shape of every other leaf starts with the shape of the model."""
    static: ClassVar[tuple[str, ...]] = ("precision",)
    ends: ClassVar[str] = "both"
    """The tails that `escape` opens by default: "low", "high" or "both"."""
    certain: ClassVar[Any] = None
    """Bool [], true if all symbols are certainly 0, so that coding them changes nothing; None if unknown."""
    public_name: ClassVar[str] = "jans.models.Model"
    """The name of the class in errors and exported programs."""
    precision: int

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)

        def flatten(model):
            return [getattr(model, name) for name in cls.leaves], tuple(getattr(model, name) for name in cls.static)

        def unflatten(static, leaves):
            model = object.__new__(cls)
            for name, value in zip(cls.leaves + cls.static, (*leaves, *static), strict=True):
                setattr(model, name, value)
            return model

        jax.tree_util.register_pytree_node(cls, flatten, unflatten)
        # Models of jans keep their public names, so that exported programs still load after a file has moved.
        room = "jans.models" if cls.__module__.startswith("jans.") else cls.__module__
        cls.public_name = f"{room}.{cls.__qualname__}"
        # A notebook may define a class again. The new class codes as before, but only the first can be
        # exported.
        with contextlib.suppress(ValueError):
            jax.export.register_pytree_node_serialization(
                cls,
                serialized_name=cls.public_name,
                serialize_auxdata=lambda static: json.dumps(static).encode(),
                deserialize_auxdata=lambda text: tuples(json.loads(text)),
            )

    @property
    @abc.abstractmethod
    def shape(self) -> Shape:
        """Shape of the symbols; () if all symbols share the parameters."""

    @property
    def parts(self) -> int:
        """The number of parts that coders split a symbol into, see `Composite`;
        0 if a symbol has one interval."""
        return 0

    @property
    def bounds(self) -> tuple[Any, Any]:
        """The first and the last symbol with an interval: ints, or int32 arrays that broadcast to symbols."""
        try:
            return self.low, self.high  # type: ignore[attr-defined]
        except AttributeError:
            raise TypeError(
                f"{type(self).__name__} does not say where its support ends. Give it a property `bounds`, the first "
                "and the last symbol."
            ) from None

    @property
    def max_bits(self) -> int:
        """The largest number of bits that a symbol can cost."""
        return self.precision * max(self.parts, 1)

    def settings(self) -> dict[str, Any]:
        """The parameters by name, as `repr` shows them; it leaves out parameters that are None."""
        return {name: getattr(self, name) for name in (*self.leaves, *self.static)}

    def __repr__(self) -> str:
        shown = (f"{name}={brief(value)}" for name, value in self.settings().items() if value is not None)
        return f"{self.public_name}({', '.join(shown)})"

    @abc.abstractmethod
    def interval(self, symbols: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Intervals of symbols.

        Args:
            symbols: integers, of a shape that `shape` broadcasts to.

        Returns:
            start and freq, uint32 arrays of the shape of the symbols. A symbol without an interval has freq
            0, and its start is a status bit with the reason: `BAD_SYMBOL` outside of the support, `BAD_MODEL`
            for invalid parameters.
        """

    @abc.abstractmethod
    def locate(self, quantiles: jax.Array) -> jax.Array:
        """The symbols whose intervals contain quantiles.

        Args:
            quantiles: uint32 in [0, 2**precision), of a shape that `shape` broadcasts to.

        Returns:
            int32 symbols of the shape of the quantiles.
        """

    @abc.abstractmethod
    def log_prob(self, symbols: jax.Array) -> jax.Array:
        """The log of the coded probability in nats, smoothed so that it is differentiable in the parameters.

        Args:
            symbols: integers, of a shape that `shape` broadcasts to.

        Returns:
            Floats of the shape of the symbols, equal to `-bits(symbols) * log(2)` up to rounding.
        """

    def kernel(self, shape: Shape) -> Kernel | None:
        """The kernel that codes symbols of a shape; with None,
        coders call `locate` and `interval` instead."""
        return None

    def stack_kernel(self, shape: Shape) -> Kernel | None:
        """As `kernel`, for `jans.rans`."""
        return self.kernel(shape)

    def flat(self, shape: Shape) -> "Model":
        """This model for symbols of a shape along one axis.

        Its shape is [n], or () if all symbols share parameters.
        """
        leaves, rebuilt = self.per_symbol()
        one = math.prod(self.shape) == 1
        return rebuilt([_flat_leaf(leaf, self.shape, () if one else shape) for leaf in leaves])

    def per_symbol(self) -> tuple[list[jax.Array], Callable[[list[Any]], "Model"]]:
        """The leaves whose shape starts with the shape of the model, and a function that rebuilds the model.

        The function returns this model with other leaves in place of these. If all symbols share the
        parameters, the list is empty.
        """
        leaves, tree = jax.tree.flatten(self)
        flags = _flags(self) if self.shape else [False] * len(leaves)

        def rebuilt(new_leaves):
            fresh = iter(new_leaves)
            merged = [next(fresh) if flag else leaf for leaf, flag in zip(leaves, flags, strict=True)]
            return jax.tree.unflatten(tree, merged)

        return [leaf for leaf, flag in zip(leaves, flags, strict=True) if flag], rebuilt

    def bits(self, symbols: jax.Array) -> jax.Array:
        """The exact code length of each symbol under the quantised model, in bits (float32).

        It is infinite outside of the support. Its derivative in the parameters is that of `log_prob`.

        Args:
            symbols: integers, of a shape that `shape` broadcasts to.

        >>> import jans
        >>> jans.models.Uniform(8).bits(jax.numpy.array([0, 7, 8]))
        Array([ 3.,  3., inf], dtype=float32)
        """
        return _bits(self, jnp.asarray(_inputs.integers("symbols", symbols)))


class Composite(Model):
    """A model whose symbols are coded in parts, each with a model that depends on the parts before it.

    A subclass defines the number of `parts`, and `split`, `join` and `part`; coders do the rest. A symbol has
    no single `interval`, so `interval` and `locate` raise TypeError.

    >>> from jans import models, rans
    >>> class Digits(Composite):  # 0 ... 99 as two digits
    ...     static, shape, precision, parts = (), (), 24, 2
    ...     def part(self, k, values):
    ...         return models.Uniform(10)
    ...     def split(self, symbols):
    ...         return symbols // 10, symbols % 10
    ...     def join(self, values):
    ...         return 10 * values[0] + values[1]
    >>> rans.pop(rans.push(rans.init(capacity=4), Digits(), jnp.array([42, 7])), Digits(), shape=(2,))[1]
    Array([42,  7], dtype=int32)
    """

    @abc.abstractmethod
    def part(self, k: int, values: tuple[jax.Array, ...]) -> Model:
        """The model of part k, given the values of parts 0 ... k - 1."""

    @abc.abstractmethod
    def split(self, symbols: jax.Array) -> tuple[jax.Array, ...]:
        """The parts of symbols: int32 arrays of their shape."""

    @abc.abstractmethod
    def join(self, values: tuple[jax.Array, ...]) -> jax.Array:
        """The symbols (int32) with these parts."""

    def interval(self, symbols: jax.Array) -> tuple[jax.Array, jax.Array]:
        raise TypeError(self._refusal("interval"))

    def locate(self, quantiles: jax.Array) -> jax.Array:
        raise TypeError(self._refusal("locate"))

    def _refusal(self, name: str) -> str:
        return (
            f"{type(self).__name__} has no {name}: its symbols are coded in {self.parts} parts, each with an interval. "
            "Push and pop with the model itself, or go through split, part and join."
        )

    def bits(self, symbols: jax.Array) -> jax.Array:
        return self._sum(symbols, lambda part, value: part.bits(value))

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        return self._sum(symbols, lambda part, value: part.log_prob(value))

    def _sum(self, symbols: jax.Array, of: Callable[[Model, jax.Array], jax.Array]) -> jax.Array:
        values = self.split(symbols)
        terms = [of(self.part(k, values[:k]), value) for k, value in enumerate(values)]
        return functools.reduce(jnp.add, terms)


@jax.custom_jvp
def _bits(model: Model, symbols: jax.Array) -> jax.Array:
    _, freq = model.interval(symbols)
    exact = model.precision - jnp.log2(freq.astype(jnp.float32))
    return jnp.where(freq == 0, jnp.inf, exact)


@_bits.defjvp
def _bits_jvp(primals, tangents):
    model, symbols = primals
    _, change = jax.jvp(lambda m: -m.log_prob(symbols) / math.log(2), (model,), (tangents[0],))
    return _bits(model, symbols), change.astype(jnp.float32)


def _flags(model: Model) -> list[bool]:
    """For every leaf of a model, including the leaves of inner models,
    whether its shape starts with the model's."""
    flags: list[bool] = []
    for name in model.leaves:
        leads = name not in model.shared
        for part in jax.tree.leaves(getattr(model, name), is_leaf=lambda part: isinstance(part, Model)):
            flags += [leads and flag for flag in _flags(part)] if isinstance(part, Model) else [leads]
    return flags


def _flat_leaf(leaf: jax.Array, model: Shape, symbols: Shape) -> jax.Array:
    if leaf.shape[: len(model)] != model:
        raise ValueError(
            f"the leaves of a model of shape {model} must lead with this shape, or be named in its `shared`; got one "
            f"of shape {leaf.shape}."
        )
    inner = leaf.shape[len(model) :]
    if not symbols:
        return leaf.reshape(inner)
    return jnp.broadcast_to(leaf, (*symbols, *inner)).reshape(-1, *inner)


def check_floats(name: str, values: Any) -> jax.Array:
    """Returns parameters as float32, or as float64 if they are float64; raises TypeError for other types.

    Half precisions are converted to float32, which is exact.
    """
    array = jnp.asarray(_inputs.reals(name, values))
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(f"{name} must be floating point, got {array.dtype}. Convert it with .astype(jnp.float32).")
    return array if array.dtype.itemsize >= 4 else array.astype(jnp.float32)


def check_single(name: str, values: Any) -> jax.Array:
    """Returns parameters as float32, from floats of any width."""
    return check_floats(name, values).astype(jnp.float32)


def check_symbols(symbols: Any, shape: Shape) -> jax.Array:
    """Returns symbols as an int32 array; raises if the model's shape does not broadcast to theirs."""
    array = jnp.asarray(_inputs.integers("symbols", symbols))
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(f"symbols must be integers, got {array.dtype}. Round and convert them to int32.")
    check_fit(shape, array.shape)
    return array.astype(jnp.int32)


def refuse(legal: jax.Array, interval: tuple[jax.Array, jax.Array], why: int) -> tuple[jax.Array, jax.Array]:
    """The interval where `legal` is true; elsewhere freq 0, with the status bit `why` in start."""
    start, freq = interval
    return jnp.where(legal, start, jnp.uint32(why)), jnp.where(legal, freq, jnp.uint32(0))


def log_share(model: Model, symbols: jax.Array) -> jax.Array:
    """The log of freq / 2**precision, for models whose integers are their parameters."""
    _, freq = model.interval(symbols)
    return jnp.log(freq.astype(jnp.float32)) - model.precision * math.log(2)


def broadcast(array: Any, shape: Shape) -> Any:
    """An array, broadcast; by NumPy if it is one of NumPy, so that JAX compiles nothing."""
    return (np if isinstance(array, np.ndarray) else jnp).broadcast_to(array, shape)


def flat_parameters(shape: Shape, symbols: Shape, *arrays: jax.Array) -> tuple[jax.Array, ...]:
    """Parameters whose shapes start with a model's shape,
    as arrays with a leading axis of 1 or all n symbols."""
    n = math.prod(symbols)
    rank = len(shape)

    def flat(array):
        if math.prod(shape) == 1:
            return array.reshape(1, *array.shape[rank:])
        return broadcast(array, (*symbols, *array.shape[rank:])).reshape(n, *array.shape[rank:])

    return tuple(flat(a) for a in arrays)


@jax.custom_jvp
def constant(integers: jax.Array, parameters: Any) -> jax.Array:
    """Returns integers that were made from parameters.

    A derivative through them raises TypeError instead of being 0.
    """
    return integers


def _constant_jvp(primals, tangents):
    integers, parameters = primals
    if any(type(t) is not jax.custom_derivatives.SymbolicZero for t in jax.tree.leaves(tangents[1])):
        raise TypeError(
            "push, pop and quantised frequencies have no derivative. Train on model.bits(symbols) or "
            "model.log_prob(symbols), and keep coding out of jax.grad (jax.lax.stop_gradient)."
        )
    return constant(integers, parameters), tangents[0]


constant.defjvp(_constant_jvp, symbolic_zeros=True)
