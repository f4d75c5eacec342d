"""Checks that encoder and decoder compute with the same numbers: `fingerprint` before decoding,
`check_end` after."""

import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans.codecs import content
from jans.coders._state import CoderState, check_kind
from jans.status import CodingError, check, first_fault, sentence


def fingerprint(tree: Any) -> int:
    """64 bits that stand for a pytree, for `jans.to_bytes(state, fingerprint=...)`.

    Use it on weights, tables, models, or the output of a network for an input that both sides know. The same
    tree has the same fingerprint in every process; `docs/format.md` gives the rule. Not cryptographic:
    collisions can be constructed on purpose.

    Args:
        tree: a pytree whose leaves are concrete arrays or numbers. The fingerprint covers names, dtypes,
            shapes and bits of the leaves. For models and coders it also covers the class and the static
            fields, such as the precision. It ignores words of a coder that are not in use.

    Returns:
        An int from 0 to 2**64 - 1.

    Raises:
        TypeError: for leaves that are neither arrays nor numbers, and inside `jit`, where arrays have no
            values.

    >>> hex(fingerprint({"bias": jnp.zeros(3), "kernel": jnp.ones((2, 3))}))
    '0xcf9f19ed000ab4c4'
    """
    digest = hashlib.blake2b(digest_size=8)
    _digest(digest, "", content(tree))
    return int.from_bytes(digest.digest(), "little")


def _digest(digest: Any, name: str, tree: Any) -> None:
    """Adds a tree to a digest, in the order of `jax.tree.leaves`."""
    if isinstance(tree, type):
        raise TypeError(f"{name or 'tree'} must hold arrays and models, got the class {tree.__name__}. Make one of it.")
    if hasattr(tree, "public_name"):
        settings = "".join(f" {key}={_setting(getattr(tree, key))}" for key in tree.static)
        digest.update(f"{name}={tree.public_name}{settings}\n".encode())
    named = lambda part: part is not tree and hasattr(part, "public_name")
    for path, part in jax.tree.leaves_with_path(tree, is_leaf=named):
        full_name = "/".join(filter(None, (name, jax.tree_util.keystr(path, simple=True, separator="/"))))
        if named(part):
            _digest(digest, full_name, part)
        else:
            array = _numbers(full_name, part)
            digest.update(f"{full_name}:{array.dtype.name}{list(array.shape)}\n".encode())
            digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())


def _setting(value: Any) -> str:
    """A static field as text. A function counts by its name alone: its code has no form that lasts."""
    if not callable(value):
        return repr(value)
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def check_end(state: Any, start: Any = None) -> Any:
    """Returns the state after decoding, or raises an error unless it equals the start
    of encoding, bit for bit.

    The end of a stack depends on every symbol before it. If any symbol was decoded with other integers than
    it was encoded with, other bits are left, and `check_end` finds them. This adds nothing to the message.

    A queue ends where its words do. For a decoder or a reader, `check_end` finds that symbols are left, and most
    errors besides; `docs/determinism.md` says which it cannot find, and what finds them all.

    Args:
        state: a coder, or a batch of coders, after the last pop, with concrete arrays.
        start: the state that the encoder's first push began with, made again: `jans.rans.random` with the
            same key for bits-back coding, otherwise `jans.rans.init`. Its capacity may differ. Leave it out for
            a `jans.range_coder.Decoder` or a `jans.huffman.Reader`. Caution: an empty `rans64` coder with one
            lane stays empty however much you pop, so it may end empty after noise too. With it, begin with
            `jans.rans.random(key, n_words=0, ...)`, which costs 64 bits.

    Raises:
        CodingError: if other bits are left, or the status of a stream is not clean.
        ValueError: if the two coders differ in variant, lanes or batch.
        TypeError: if the start of a stack is missing, or if a queue has one.

    >>> from jans import models, rans
    >>> state = rans.push(rans.init(capacity=8), models.Uniform(10), jnp.arange(7))
    >>> state, symbols = rans.pop(state, models.Uniform(11), shape=(7,))
    >>> check_end(state, rans.init(capacity=0))
    Traceback (most recent call last):
    jans.status.CodingError: decoding left 0 words, encoding began with 0, and their bits differ: some symbols are \
noise, or were not decoded. Decode as many as were encoded, with the weights, the batch shape and the compiled network \
of the encoder.
    """
    check_kind(state, CoderState)
    _check_concrete("check_end", state.status)
    if state.reads_queue:
        return _check_end_of_queue(state, start)
    if start is None:
        raise TypeError(f"start is missing: pass the {state.public_name} that encoding began with.")
    check_kind(start, CoderState, "start")
    _check_concrete("check_end", start.status)
    if _kind(state) != _kind(start):
        raise ValueError(f"start must be as the encoder had it, {_kind(state)} like state, got {_kind(start)}.")
    batch = state.status.ndim
    differs = np.zeros(state.status.shape, bool)
    for name in state.ranks.keys() - {"status"}:
        left, right = (np.asarray(getattr(coder.canonical(), name)) for coder in (state, start))
        if name in state.stacks:
            used = min(left.shape[-1], right.shape[-1])
            left, right = left[..., :used], right[..., :used]
        differs |= (left != right).any(axis=tuple(range(batch, left.ndim)))
    if not differs.any():
        return check(state)
    at, name = first_fault(differs)
    (size, capacity), (began, _) = state.usage[0], start.usage[0]
    size, began = int(np.asarray(size)[at]), int(np.asarray(began)[at])
    also = sentence(int(state.status[at]), size, capacity)
    raise CodingError(
        f"{name}decoding left {size} words, encoding began with {began}, and their bits differ: some symbols "
        "are noise, or were not decoded. Decode as many as were encoded, with the weights, the batch shape and the "
        f"compiled network of the encoder.{also and f' Also, {also}'}"
    )


def _check_end_of_queue(state: Any, start: Any) -> Any:
    if start is not None:
        raise TypeError(f"a {state.public_name} has no start to compare with. Leave it out: jans.check_end(state).")
    left = ~np.asarray(state.is_empty_stream())
    if not left.any() or np.asarray(state.status).any():
        return check(state)
    _, name = first_fault(left)
    raise CodingError(
        f"{name}the message goes on after the last symbol: symbols are left, or some are noise. Decode as many as were "
        "encoded, with the weights, the batch shape and the compiled network of the encoder."
    )


def _kind(state: CoderState) -> str:
    """The settings that two coders must share so that their bits can be compared."""
    settings = [f"{name} {getattr(state, name)}" for name in state.static]
    settings += [f"lanes {state.lanes}", f"batch {state.status.shape}"]
    return f"{state.public_name} of {', '.join(settings)}"


def _check_concrete(name: str, value: Any) -> None:
    if isinstance(value, jax.core.Tracer):
        raise TypeError(
            f"jans.{name} looks at values and cannot run inside jit, vmap or scan. Call it on the result outside."
        )


def _numbers(name: str, leaf: Any) -> np.ndarray:
    """Returns a leaf as a NumPy array; raises TypeError if it is neither an array nor a number."""
    _check_concrete("fingerprint", leaf)
    key = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    array = np.asarray(None if key else leaf)
    if not (jnp.issubdtype(array.dtype, jnp.number) or array.dtype == bool):
        remedy = "Leave it out"
        if key:
            remedy = "Pass jax.random.key_data of it"
        elif isinstance(leaf, bytes | bytearray | memoryview):
            remedy = "Pass np.frombuffer(data, np.uint8)"
        raise TypeError(
            f"the leaves of tree must be arrays or numbers, got {type(leaf).__name__} at {name!r}. {remedy}."
        )
    return array
