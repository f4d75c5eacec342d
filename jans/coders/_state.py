"""What the states of all coders share: they are immutable pytrees,
and words that are not in use carry no meaning."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from jans._checks import brief, tuples, type_name

_T = TypeVar("_T")


def pytree(name: str, static: tuple[str, ...] = ()) -> Callable[[type[_T]], type[_T]]:
    """Makes a frozen dataclass a pytree that exported programs can take.

    Args:
        name: the name of the class in errors and exported programs. It never changes, even if the class
            moves.
        static: names of the static fields.
    """

    def register(cls: type[_T]) -> type[_T]:
        cls.public_name, cls.static = name, static  # type: ignore[attr-defined]
        if not issubclass(cls, CoderState):
            cls.__repr__ = _brief_repr  # type: ignore[method-assign]
        data = [field.name for field in dataclasses.fields(cls) if field.name not in static]  # type: ignore[arg-type]
        jax.tree_util.register_dataclass(cls, data, list(static))
        jax.export.register_pytree_node_serialization(
            cls,
            serialized_name=name,
            serialize_auxdata=lambda values: json.dumps(values).encode(),
            deserialize_auxdata=lambda text: tuples(json.loads(text)),
        )
        return cls

    return register


def _brief_repr(self: Any) -> str:
    """The fields, with arrays by dtype and shape."""
    fields = (f"{field.name}={brief(getattr(self, field.name))}" for field in dataclasses.fields(self))
    return f"{self.public_name}({', '.join(fields)})"


class CoderState:
    """The base of all states: one stream, or a batch of streams from `jax.vmap`.

    A subclass is a frozen dataclass of arrays. It has a field `status`, and its static fields come last.
    """

    public_name: ClassVar[str] = "state of a coder"
    static: ClassVar[tuple[str, ...]]
    made_by: ClassVar[str] = "the functions of its coder"
    """What errors tell to call for a state of this kind."""
    stacks: ClassVar[Mapping[str, str]] = MappingProxyType({"words": "size"})
    """Maps each field that holds words to the field that counts the words in use."""
    reads_queue: ClassVar[bool] = False
    """Whether the state decodes from the front of a message and is empty at its end."""

    status: jax.Array

    @property
    def ranks(self) -> Mapping[str, int]:
        """The arrays in the order of the fields, with the number of axes of each in one stream."""
        raise NotImplementedError

    @property
    def lanes(self) -> int:
        """The number of interleaved heads."""
        return 1

    @property
    def capacity(self) -> int:
        """The number of words that there is room for."""
        return getattr(self, next(iter(self.stacks))).shape[-1]

    @property
    def usage(self) -> tuple[tuple[jax.Array, int], ...]:
        """For each stack of words, the number in use (int32) and the capacity.

        The number in use exceeds the capacity if words were dropped.
        """
        return tuple((getattr(self, size), getattr(self, words).shape[-1]) for words, size in self.stacks.items())

    @property
    def reserve(self) -> jax.Array | int:
        """How many more words the end of the message may need."""
        return 0

    def canonical(self: _T) -> _T:
        """The same content, with zeros for the words that are not in use.

        Equal coders have equal canonical states.
        """
        used = {
            words: used_words(getattr(self, words), getattr(self, size))
            for words, size in self.stacks.items()  # type: ignore[attr-defined]
        }
        return dataclasses.replace(self, **used)  # type: ignore[type-var]

    def arrays(self) -> tuple[jax.Array, ...]:
        """The arrays of the state in the order of its fields, which its kernels share."""
        return tuple(getattr(self, name) for name in self.ranks)

    def replace(self: _T, *arrays: jax.Array) -> _T:
        """A state with other arrays, in the order of the fields."""
        changes: dict[str, Any] = dict(zip(self.ranks, arrays, strict=True))  # type: ignore[attr-defined]
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def is_empty_stream(self) -> jax.Array:
        """Bool, of the shape of the batch: see `is_empty`."""
        raise NotImplementedError

    def content_of_stream(self, xp: Any) -> Any:
        """The content in bits, of the shape of the batch; `xp` is NumPy or, inside `jit`, `jax.numpy`."""
        raise NotImplementedError

    def is_sound(self) -> np.ndarray:
        """Bool, of the shape of the batch: whether a coder can have these numbers. Needs concrete arrays."""
        raise NotImplementedError

    def __repr__(self) -> str:
        if not all(hasattr(leaf, "shape") for leaf in jax.tree.leaves(self)):  # what jax.tree.map made of one
            return f"{self.public_name}({', '.join(map(repr, jax.tree.leaves(self)))})"
        settings = [f"{name}={getattr(self, name)!r}" for name in self.static]
        batch = np.shape(self.status)
        settings += [f"lanes={self.lanes}"] * (self.lanes != 1) + [f"batch={batch}"] * bool(batch)
        for (words, _), (size, capacity) in zip(self.stacks.items(), self.usage, strict=True):
            used = np.max(np.asarray(size), initial=0) if _is_concrete(size) else "?"
            settings.append(f"{words}={used} of {capacity}")
        if _is_concrete(self.status):
            settings.append(f"status={np.bitwise_or.reduce(np.asarray(self.status), axis=None)}")
        return f"{self.public_name}({', '.join(settings)})"


def _is_concrete(array: Any) -> bool:
    return isinstance(array, jax.Array | np.ndarray | np.generic) and not isinstance(array, jax.core.Tracer)


def used_words(words: jax.Array, size: jax.Array) -> jax.Array:
    """Words, with zeros in place of the words that are not in use."""
    return jnp.where(jnp.arange(words.shape[-1]) < jnp.asarray(size)[..., None], words, 0)


def check_kind(state: Any, kind: type[CoderState], name: str = "state") -> None:
    """Raises TypeError if a state is not an instance of `kind`."""
    if not isinstance(state, kind):
        raise TypeError(f"{name} must be a {kind.public_name}, got {type_name(state)}. Make one with {kind.made_by}.")


def kind_of(kind: type[CoderState]) -> Callable[[str, Any], Any]:
    """A converter of `jans._inputs.door` for states of one kind."""

    def convert(name, state):
        if type(state) is not kind:
            check_kind(state, kind, name)
        return state

    return convert


def check_one_stream(state: Any, kind: type[CoderState], name: str = "state") -> None:
    """Raises TypeError for another kind of state, and ValueError for a batch of streams."""
    check_kind(state, kind, name)
    if any(jnp.ndim(getattr(state, field)) != rank for field, rank in state.ranks.items()):
        shapes = ", ".join(f"{field} {jnp.shape(getattr(state, field))}" for field in state.ranks)
        raise ValueError(
            f"{name} must be one stream, got arrays of shapes {shapes}. Map a batch of streams with jax.vmap."
        )


def is_empty(state: Any) -> jax.Array:
    """Whether a coder holds nothing; this is true after you have decoded everything.

    A chain coder is empty if no bits are left for quantiles. A reader or a decoder is empty if its message may
    have ended; false says that there is more. Any other coder is empty if it holds what a new one holds.

    Args:
        state: a coder, or a batch of coders.

    Returns:
        bool, of the shape of the batch.

    >>> from jans import rans
    >>> rans.is_empty(rans.init(capacity=4))
    Array(True, dtype=bool)
    """
    _check_has(state, "is_empty_stream")
    return state.is_empty_stream()


def content_bits(state: Any) -> jax.Array | np.ndarray:
    """The information content of a coder in bits.

    It adds the bits of all words and the base-2 logarithm of every head.

    Args:
        state: a coder, or a batch of coders.

    Returns:
        Bits, of the shape of the batch. Outside of `jit` they are float64. Inside they are float32, and
        differences of large contents lose their last bits.

    >>> from jans import models, range_coder
    >>> encoder = range_coder.encode(range_coder.encoder(capacity=8), models.Uniform(10), jnp.arange(5))
    >>> round(float(range_coder.content_bits(encoder)), 2)  # 5 * log2(10)
    16.61
    """
    _check_has(state, "content_of_stream")
    return state.content_of_stream(jnp if isinstance(state.status, jax.core.Tracer) else np)


def _check_has(state: Any, method: str) -> None:
    if not hasattr(state, method):
        raise TypeError(f"state must be the state of a coder, got {type_name(state)}.")


def float_of(xp: Any) -> Any:
    """The dtype of contents in bits."""
    return xp.float32 if xp is jnp else xp.float64


def joined_heads(head: Any, halves: int) -> np.ndarray:
    """Concrete heads, [..., lanes, 2] halves or [..., lanes], as uint64 [..., lanes]."""
    if halves == 2:
        return np.asarray(head).astype("<u4", order="C").view("<u8")[..., 0]
    return np.asarray(head).astype(np.uint64)


def log2_heads(head: Any, halves: int, xp: Any) -> Any:
    """The sum of the base-2 logarithms of heads, [..., lanes, 2] halves or [..., lanes].

    A zero head counts as 0.
    """
    head = xp.asarray(head).astype(float_of(xp))
    x = head[..., 0] + head[..., 1] * 2.0**32 if halves == 2 else head
    return xp.where(x > 0, xp.log2(xp.maximum(x, 1)), 0).sum(-1)


def bits_below_one(x: Any, xp: Any) -> Any:
    """The number of bits below the leading one of 32-bit integers."""
    if xp is jnp:
        return (31 - jax.lax.clz(jnp.asarray(x)).astype(jnp.int32)).astype(jnp.float32)
    return np.frexp(np.asarray(x, np.float64))[1] - 1.0  # exact: this is the exponent of a 32-bit integer


def check_layout(lanes: int, capacity: int) -> None:
    """Raises ValueError for numbers of lanes or words that no state can have."""
    if lanes < 1:
        raise ValueError(f"lanes must be at least 1, got {lanes}.")
    if lanes >= 2**31:
        raise ValueError(f"lanes must be fewer than 2**31, got {lanes}.")
    if not 0 <= capacity < 2**31:
        raise ValueError(f"capacity must be from 0 to 2**31 - 1 words, got {capacity}.")


def check_words(words: Any, dtype: Any = np.uint32) -> jax.Array:
    """Returns words from another program as an array;
    raises TypeError for another dtype or more than one axis."""
    array = words if isinstance(words, jax.Array) else np.asarray(words)  # JAX would narrow 64-bit words
    if array.ndim != 1 or array.dtype != dtype:
        raise TypeError(f"words must be one axis of {np.dtype(dtype).name}, got {array.dtype} of shape {array.shape}.")
    return jnp.asarray(array)
