"""What a model is, and the parts that all models share."""

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

from jans._checks import Shape, brief, check_fit, tuples

DEFAULT_PRECISION = 24


class Kernel(NamedTuple):
    """How a coder's kernel gets at a model: its kind, arrays that lead with 1 or all n symbols, and static numbers."""

    kind: str
    operands: tuple[jax.Array, ...]
    attributes: Mapping[str, int] = MappingProxyType({})


class Model(abc.ABC):
    """A pytree that gives every symbol an interval [start, start + freq) of [0, 2**precision), with no gap between
    them.

    A model of `shape` () codes arrays of any shape with the same parameters; otherwise symbols have its shape, or one
    that it broadcasts to. A subclass names its array attributes in `leaves`, those of them that do not lead with the
    shape in `shared`, and its static ones in `static`, sets them in `__init__`, and gives `shape`, `interval`, `locate`
    and `log_prob`. That is enough to be coded. `kernel` is for models whose search runs inside a kernel of this
    library.
    """

    leaves: ClassVar[tuple[str, ...]] = ()
    shared: ClassVar[tuple[str, ...]] = ()
    """Leaves that are the same for all symbols; the others lead with the shape."""
    static: ClassVar[tuple[str, ...]] = ("precision",)
    ends: ClassVar[str] = "both"
    """Where the tails are, which `escape` opens unless told otherwise: "low", "high" or "both"."""
    certain: ClassVar[Any] = None
    """Bool [], true where coding would change nothing because all symbols are 0 without a choice; None if unknown."""
    public_name: ClassVar[str]
    """What errors and exported programs call the class."""
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
        # Models of jans are named as users know them, so that files may move and exported programs still load.
        room = "jans.models" if cls.__module__.startswith("jans.") else cls.__module__
        cls.public_name = f"{room}.{cls.__qualname__}"
        # A class that is defined again, as a notebook does, codes as before; only the first can be exported.
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
        """Shape of the symbols; () where all symbols share the parameters."""

    @property
    def parts(self) -> int:
        """Into how many parts coders split a symbol, see `Composite`; 0 where they take its interval."""
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
        """The largest number of bits that a symbol with a code can take."""
        return self.precision * max(self.parts, 1)

    def settings(self) -> dict[str, Any]:
        """The parameters by name, as `repr` shows them; None for one that is not shown."""
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
            start, freq: uint32 arrays of that shape. Where there is no interval freq is 0, and start is the status bit
            that says why: `BAD_SYMBOL` outside of the support, `BAD_MODEL` where the parameters are no distribution.
        """

    @abc.abstractmethod
    def locate(self, quantiles: jax.Array) -> jax.Array:
        """Symbols (int32) whose intervals contain `quantiles` (uint32), to whose shape that of the model broadcasts."""

    @abc.abstractmethod
    def log_prob(self, symbols: jax.Array) -> jax.Array:
        """Smooth surrogate of the coded probability, in nats: differentiable in the parameters, and within rounding
        equal to `-bits(symbols) * log(2)`."""

    def kernel(self, shape: Shape) -> Kernel | None:
        """The kernel that pops symbols of a shape; None sends coders to `locate` and `interval`."""
        return None

    def stack_kernel(self, shape: Shape) -> Kernel | None:
        """As `kernel`, for `jans.rans`."""
        return self.kernel(shape)

    def flat(self, shape: Shape) -> "Model":
        """This model for symbols of a shape that lie in a row: of shape [n], or () where all share the parameters."""
        own, rebuilt = self.per_symbol()
        one = math.prod(self.shape) == 1
        return rebuilt([_flat_leaf(leaf, self.shape, () if one else shape) for leaf in own])

    def per_symbol(self) -> tuple[list[jax.Array], Callable[[list[Any]], "Model"]]:
        """The leaves that lead with the shape, and a function that gives this model with others in their place; no
        leaves where all symbols share the parameters."""
        leaves, tree = jax.tree.flatten(self)
        flags = _flags(self) if self.shape else [False] * len(leaves)

        def rebuilt(own):
            fresh = iter(own)
            given = [next(fresh) if flag else leaf for leaf, flag in zip(leaves, flags, strict=True)]
            return jax.tree.unflatten(tree, given)

        return [leaf for leaf, flag in zip(leaves, flags, strict=True) if flag], rebuilt

    def bits(self, symbols: jax.Array) -> jax.Array:
        """Exact code length of each symbol under the quantised model, in bits (float32); infinite outside of the
        support.

        Its derivative in the parameters is that of `log_prob`.

        >>> import jans
        >>> jans.models.Uniform(8).bits(jax.numpy.array([0, 7, 8]))
        Array([ 3.,  3., inf], dtype=float32)
        """
        return _bits(self, jnp.asarray(symbols))


class Composite(Model):
    """A model whose symbols are coded in parts, each with a model that depends on the parts before it.

    A subclass says how many `parts` there are and gives `split`, `join` and `part`; coders do the rest. There is no
    single `interval` of a symbol, and nothing to `locate`.
    """

    @abc.abstractmethod
    def part(self, k: int, values: tuple[jax.Array, ...]) -> Model:
        """The model of part k, given the values of parts 0 ... k - 1."""

    @abc.abstractmethod
    def split(self, symbols: jax.Array) -> tuple[jax.Array, ...]:
        """The parts of symbols: int32 arrays of their shape."""

    @abc.abstractmethod
    def join(self, values: tuple[jax.Array, ...]) -> jax.Array:
        """The symbols (int32) that have these parts."""

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
    return _bits(model, symbols), change


def _flags(model: Model) -> list[bool]:
    """Which leaves of a model, those of models within it included, lead with its shape."""
    flags: list[bool] = []
    for name in model.leaves:
        own = name not in model.shared
        for part in jax.tree.leaves(getattr(model, name), is_leaf=lambda part: isinstance(part, Model)):
            flags += [own and flag for flag in _flags(part)] if isinstance(part, Model) else [own]
    return flags


def _flat_leaf(leaf: jax.Array, model: Shape, symbols: Shape) -> jax.Array:
    if leaf.shape[: len(model)] != model:
        raise ValueError(
            f"the leaves of a model of shape {model} must lead with this shape, or be named in its `shared`; got one "
            f"of shape {leaf.shape}."
        )
    rest = leaf.shape[len(model) :]
    if not symbols:
        return leaf.reshape(rest)
    return jnp.broadcast_to(leaf, (*symbols, *rest)).reshape(-1, *rest)


def check_floats(name: str, values: Any) -> jax.Array:
    """Parameters as float32, or float64 where they come as that; half precisions widen, which is exact."""
    array = jnp.asarray(values)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(f"{name} must be floating point, got {array.dtype}. Convert it with .astype(jnp.float32).")
    return array if array.dtype.itemsize >= 4 else array.astype(jnp.float32)


def check_single(name: str, values: Any) -> jax.Array:
    """Parameters as float32, from floats of any width."""
    return check_floats(name, values).astype(jnp.float32)


def check_symbols(symbols: Any, shape: Shape) -> jax.Array:
    """Symbols as an int32 array that a model's shape broadcasts to."""
    array = jnp.asarray(symbols)
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(f"symbols must be integers, got {array.dtype}. Round and convert them, e.g. to jnp.int32.")
    check_fit(shape, array.shape)
    return array.astype(jnp.int32)


def refuse(legal: jax.Array, interval: tuple[jax.Array, jax.Array], why: int) -> tuple[jax.Array, jax.Array]:
    """The interval where legal; elsewhere none, for the reason given."""
    start, freq = interval
    return jnp.where(legal, start, jnp.uint32(why)), jnp.where(legal, freq, jnp.uint32(0))


def log_share(model: Model, symbols: jax.Array) -> jax.Array:
    """The logarithm of the share of places that symbols have, for models whose integers are their parameters."""
    _, freq = model.interval(symbols)
    return jnp.log(freq.astype(jnp.float32)) - model.precision * math.log(2)


def flat_parameters(shape: Shape, symbols: Shape, *arrays: jax.Array) -> tuple[jax.Array, ...]:
    """Parameters that lead with a model's shape, as arrays that lead with 1 or all n symbols."""
    n = math.prod(symbols)
    rank = len(shape)

    def flat(array):
        if math.prod(shape) == 1:
            return array.reshape(1, *array.shape[rank:])
        return jnp.broadcast_to(array, (*symbols, *array.shape[rank:])).reshape(n, *array.shape[rank:])

    return tuple(flat(a) for a in arrays)


@jax.custom_jvp
def constant(integers: jax.Array, parameters: Any) -> jax.Array:
    """The integers, which were made from the parameters; a derivative that reaches them is an error, not zero."""
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
