"""Symbol codes: every symbol has a string of bits, its code word, and no code word is the start of another.

    encode, decode:  on a queue; symbols are decoded in the order in which they were encoded
    push, pop:       on a stack; code words are written last bit first, so that reading from the end starts one

A symbol costs a whole number of bits; `jans.rans` needs fewer. Use symbol codes for formats that require
them, for hardware, and for teaching. One state is one stream; use `jax.vmap` for batches. (Huffman 1952; bits
and trees are those of constriction's module `symbol`.)
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import KERNEL_SYMBOLS, check_dtype, check_symbols, type_name
from jans.codecs import Codec
from jans.coders._bitstring import Queue, Reader, Stack, check_stream, from_words, queue, reader, stack, to_words
from jans.coders._state import content_bits, is_empty, kind_of, pytree
from jans.ffi import targets

__all__ = [
    "Codebook",
    "ExpGolomb",
    "Queue",
    "Reader",
    "Stack",
    "capacity_for",
    "codebook",
    "codebook_from_lengths",
    "codec",
    "content_bits",
    "decode",
    "encode",
    "from_words",
    "is_empty",
    "limited_lengths",
    "pop",
    "push",
    "queue",
    "reader",
    "stack",
    "to_words",
]

MAX_SYMBOLS = 2**29


@pytree("jans.huffman.Codebook")
@dataclasses.dataclass(frozen=True)
class Codebook:
    """A Huffman code of n symbols, for encoders and decoders: an immutable pytree, made by `codebook`.

    Attributes:
        codewords: uint32 [n, 2]: the bits of every symbol, first bit lowest, and their number. The bits of a
            code word of more than 32 bits are zeros here, and coders read them from the tree. Code words may
            have any length.
        tree: int32 [2 n - 1, 3]: a row for every node, symbols first, the root last. A row holds 2 times the
            parent, plus 1 for the second child of the parent (0 for the root), and the two children (-1 for a
            symbol).

    >>> from jans import huffman
    >>> code = huffman.codebook(jnp.array([0.3, 0.2, 0.4, 0.1]))
    >>> code, code.bits(jnp.array([2, 3]))
    (jans.huffman.Codebook(codewords=uint32[4, 2], tree=int32[7, 3]), Array([1., 3.], dtype=float32))
    """

    codewords: jax.Array
    tree: jax.Array

    @property
    def lengths(self) -> jax.Array:
        """The number of bits of every symbol: int32 [n]; -1 if the probabilities were invalid."""
        return self.codewords[..., 1].astype(jnp.int32)

    def bits(self, symbols: jax.Array) -> jax.Array:
        """The cost of symbols in bits: float32, infinite for symbols without a code word.

        Args:
            symbols: integers of any shape.
        """
        symbols = jnp.asarray(_inputs.integers("symbols", symbols), jnp.int32)
        _operands(self)
        lengths = self.lengths
        known = (symbols >= 0) & (symbols < lengths.shape[0])
        length = lengths[jnp.where(known, symbols, 0)]
        return jnp.where(known & (length >= 0), length, jnp.inf).astype(jnp.float32)


@pytree("jans.huffman.ExpGolomb", static=("k",))
@dataclasses.dataclass(frozen=True)
class ExpGolomb:
    """The Exp-Golomb code of order k, for symbols from 0 to 2**31 - 1. Use it in place of a `Codebook`.

    The code word is the number `symbol + 2**k` in binary, most significant digit first. If the number has d
    digits, d - k - 1 zeros come before it. Symbol s therefore costs 2 floor(log2(s + 2**k)) + 1 - k bits.
    This suits counts whose probability falls with the square of their size; use a larger k for larger counts.

    Args:
        k: order, 0 to 30; static. 0 is ue(v) of H.264, and constriction's `ExpGolomb`.

    >>> from jans import huffman
    >>> queue = huffman.encode(huffman.queue(capacity=1), huffman.ExpGolomb(), jnp.array([3, 7, 0, 1]))
    >>> huffman.to_words(queue)  # 00100 0001000 1 010
    array([20740], dtype=uint32)
    """

    k: int = 0

    def __post_init__(self):
        if not isinstance(self.k, int | np.integer) or not 0 <= self.k <= 30:
            raise ValueError(f"k must be an integer from 0 to 30, got {self.k!r}.")

    def bits(self, symbols: jax.Array) -> jax.Array:
        """The cost of symbols in bits: float32, infinite for negative symbols.

        Args:
            symbols: integers of any shape.
        """
        symbols = jnp.asarray(_inputs.integers("symbols", symbols), jnp.int32)
        digits = 32 - jax.lax.clz(symbols.astype(jnp.uint32) + jnp.uint32(2**self.k)).astype(jnp.int32)
        return jnp.where(symbols >= 0, 2 * digits - 1 - self.k, jnp.inf).astype(jnp.float32)


@_inputs.door(probs=_inputs.reals)
@jax.jit
def codebook(probs: jax.Array) -> Codebook:
    """The Huffman code of probabilities, which need not add up to one.

    The algorithm repeatedly joins the two least likely nodes without a parent under a new parent; the first
    of the two gets bit 0. Among equally likely nodes, symbols come first, in order, and then the parent that
    was made earlier. A parent's probability is the sum of its children's, rounded to the dtype of the
    probabilities. A single symbol has the empty code word.

    Args:
        probs: float32 or (with JAX's 64-bit types enabled) float64 [n], n at most 2**29; float16 and bfloat16
            are converted to float32. Subnormal numbers keep their value. Use `jax.vmap` for a batch of codes.

    Returns:
        The code, equal to constriction's for the same dtype. A NaN, negative or infinite probability gives a
        code that sets `BAD_MODEL` when it is used.

    Raises:
        TypeError: if an array of probabilities does not hold floats.
        ValueError: if they are not one axis of 1 to 2**29 symbols.

    >>> from jans import huffman
    >>> code = huffman.codebook(jnp.array([0.3, 0.2, 0.4, 0.1]))
    >>> code.lengths
    Array([2, 3, 1, 3], dtype=int32)
    >>> queue = huffman.encode(huffman.queue(capacity=2), code, jnp.array([1, 3, 2, 3, 0, 1]))
    >>> huffman.to_words(queue), float(huffman.content_bits(queue))
    (array([30111], dtype=uint32), 15.0)
    """
    probs = jnp.asarray(probs)
    if not jnp.issubdtype(probs.dtype, jnp.floating):
        raise TypeError(f"probs must be floats, got {probs.dtype}. Convert counts with .astype(jnp.float32).")
    if probs.ndim != 1 or not 1 <= probs.shape[0] <= MAX_SYMBOLS:
        raise ValueError(
            f"probs must be one axis of 1 to 2**29 symbols, got shape {probs.shape}. Map a batch of codes with "
            "jax.vmap."
        )
    if probs.dtype.itemsize < 4:
        probs = probs.astype(jnp.float32)
    return Codebook(*targets.bits.huffman_codebook(probs))


def codebook_from_lengths(lengths: Any) -> Codebook:
    """The canonical code with these lengths: both sides make the same code from the lengths alone.

    Short code words come first, and symbols with code words of one length come in their order. Each code word is
    the one before it plus one, with zeros at its end if it is longer. DEFLATE and most other formats use this
    code. (RFC 1951, section 3.2.2.)

    Args:
        lengths: integers [n], concrete: the number of bits of every symbol, such as `codebook(probs).lengths` or
            those of `limited_lengths`. The code words must fill all strings of bits (Kraft's sum is 1), so every
            symbol has a length of at least 1. A single symbol has length 0.

    Raises:
        ValueError: if no code has these lengths, or if some strings of bits would have no symbol.

    >>> from jans import huffman
    >>> code = huffman.codebook_from_lengths([2, 3, 1, 3])
    >>> [f"{w:0{n}b}"[::-1] for w, n in code.codewords.tolist()]
    ['10', '110', '0', '111']
    """
    array = np.asarray(_inputs.integers("lengths", lengths), np.int64)
    n = array.size
    if array.ndim != 1 or not 1 <= n <= MAX_SYMBOLS:
        raise ValueError(f"lengths must be one axis of 1 to 2**29 symbols, got shape {array.shape}.")
    if n > 1 and not 1 <= array.min() <= array.max() < n:
        raise ValueError(f"lengths of {n} symbols must be from 1 to {n - 1} bits, got {array.min()} to {array.max()}.")
    order = np.argsort(array, kind="stable")
    ends = np.searchsorted(array[order], np.arange(int(array.max()) + 2))
    of_length = lambda length: order[ends[length] : ends[length + 1]]
    # The nodes of a level in the order of their bits, from the longest code words to the root: symbols, and then
    # the parents of the level below.
    tree, made = np.full((2 * n - 1, 3), -1, np.int32), n
    level = of_length(int(array.max()))
    for length in range(int(array.max()), 0, -1):
        first, second = level[0::2], level[1::2]
        parents = np.arange(made, made + first.size)
        if first.size != second.size or parents[-1] > 2 * n - 2:
            raise _incomplete(array)
        tree[parents, 1], tree[parents, 2] = first, second
        tree[first, 0], tree[second, 0] = 2 * parents, 2 * parents + 1
        made += parents.size
        level = np.concatenate([of_length(length - 1), parents])
    if level.size != 1:
        raise _incomplete(array)
    tree[-1, 0] = 0
    return Codebook(jnp.asarray(_canonical(array, order)), jnp.asarray(tree))


def _canonical(lengths: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The code words of a canonical code: uint32 [n, 2], as in `Codebook`."""
    found = np.zeros((lengths.size, 2), np.uint32)
    found[:, 1] = lengths
    word, before = 0, int(lengths[order[0]])
    for symbol in order.tolist():
        length = int(lengths[symbol])
        word <<= length - before
        if 0 < length <= 32:
            found[symbol, 0] = int(f"{word:0{length}b}"[::-1], 2)
        word, before = word + 1, length
    return found


def _incomplete(lengths: np.ndarray) -> ValueError:
    share = float((0.5 ** lengths.astype(np.float64)).sum())
    return ValueError(
        f"no complete code has these lengths: the sum of 2**-length must be 1, got {share:.6g}. Leave out symbols "
        "without a code word."
    )


@_inputs.door(max_length=_inputs.whole)
def limited_lengths(probs: Any, max_length: int) -> np.ndarray:
    """The lengths of the best code whose code words have at most `max_length` bits, int32 [n].

    Formats limit the lengths so that decoders can use tables. Make the code with `codebook_from_lengths`.
    (Package-merge: Larmore and Hirschberg 1990.)

    Args:
        probs: floats or integers [n], concrete, finite and at least 0; they need not sum to 1.
        max_length: the largest number of bits, at least log2(n).

    Raises:
        ValueError: if a probability is invalid, or `max_length` is too small.

    >>> from jans import huffman
    >>> huffman.limited_lengths([100, 10, 5, 2, 1, 1], max_length=4)
    array([1, 2, 4, 4, 4, 4], dtype=int32)
    """
    weights = np.asarray(_inputs.reals("probs", probs)).astype(np.float64)
    n = weights.size
    if weights.ndim != 1 or n < 1:
        raise ValueError(f"probs must be one axis of symbols, got shape {weights.shape}.")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError("probs must be finite and at least 0.")
    if max_length < (n - 1).bit_length():
        raise ValueError(f"{n} symbols need a max_length of {(n - 1).bit_length()} bits or more, got {max_length!r}.")
    if n == 1:
        return np.zeros(1, np.int32)
    order = np.argsort(weights, kind="stable")
    leaves = weights[order]
    # A level has every symbol, and packages: neighbours of the level before, two by two.
    levels, row = [], leaves
    is_leaf = np.ones(n, bool)
    for _ in range(min(max_length, n - 1)):
        levels.append(is_leaf)
        pairs = row[: row.size // 2 * 2].reshape(-1, 2).sum(axis=1)
        merged = np.argsort(np.concatenate([leaves, pairs]), kind="stable")
        row, is_leaf = np.concatenate([leaves, pairs])[merged], merged < n
    # The cheapest 2 n - 2 of the last level; a symbol is as long as it is taken often.
    lengths, taken = np.zeros(n, np.int32), 2 * n - 2
    for is_leaf in reversed(levels):
        symbols = int(is_leaf[:taken].sum())
        lengths[order[:symbols]] += 1
        taken = 2 * (taken - symbols)
    return lengths


def _shape(name: str, value: Any) -> Any:
    return () if value is None else _inputs.shape(name, value)


def _code(name: str, book: Any) -> Any:
    if not isinstance(book, Codebook | ExpGolomb):
        raise TypeError(
            f"{name} must be a jans.huffman.Codebook or ExpGolomb, got {type_name(book)}. Make one with "
            "jans.huffman.codebook(probs)."
        )
    return book


def _operands(book: Any) -> tuple[tuple[jax.Array, ...], dict[str, int]]:
    """Returns the arrays of a code, and its parameters."""
    if isinstance(_code("codebook", book), ExpGolomb):
        return (), {"order": int(book.k)}
    n = book.codewords.shape[0]
    if book.codewords.shape != (n, 2) or book.tree.shape != (2 * n - 1, 3):
        raise ValueError(
            f"codebook must be one code; its code words have shape {book.codewords.shape} and its tree "
            f"{book.tree.shape}. Map a batch of codes with jax.vmap."
        )
    return (book.codewords, book.tree), {}


@_inputs.door(codebook=_code, n=_inputs.whole)
def capacity_for(codebook: Any, n: int) -> int:
    """The number of 32-bit words that always suffices for n symbols.

    Args:
        codebook: a `Codebook` with concrete arrays, or an `ExpGolomb`.
        n: number of symbols.

    >>> from jans import huffman
    >>> huffman.capacity_for(huffman.codebook(jnp.array([0.3, 0.2, 0.4, 0.1])), n=1000)
    95
    """
    _operands(codebook)
    longest = 63 - codebook.k if isinstance(codebook, ExpGolomb) else int(np.asarray(codebook.lengths).max(initial=0))
    return -(-n * longest // 32) + 1


_CALLS = {
    "encode": (targets.bits.huffman_encode, targets.bits.golomb_encode),
    "decode": (targets.bits.huffman_decode, targets.bits.golomb_decode),
    "push": (targets.bits.huffman_push, targets.bits.golomb_push),
    "pop": (targets.bits.huffman_pop, targets.bits.golomb_pop),
}


def _write(verb: str, kind: type, bits: Any, book: Any, symbols: Any) -> Any:
    check_stream(bits, kind)
    operands, params = _operands(book)
    symbols = check_symbols(symbols)
    if symbols.dtype not in KERNEL_SYMBOLS:
        symbols = symbols.astype(jnp.int32)
    call = _CALLS[verb][not operands]
    return kind(*call(bits.partial_word, bits.words, bits.size, bits.status, symbols.reshape(-1), *operands, **params))


def _read(
    verb: str, arrays: Sequence[jax.Array], book: Any, shape: tuple[int, ...], dtype: Any
) -> tuple[tuple[jax.Array, ...], jax.Array]:
    operands, params = _operands(book)
    dtype = check_dtype(dtype)
    inner = dtype if dtype in KERNEL_SYMBOLS else np.dtype(np.int32)
    call = _CALLS[verb][not operands]
    *state, symbols = call(*arrays, *operands[1:], **params, n=math.prod(shape), dtype=inner)
    return tuple(state), symbols.reshape(shape).astype(dtype)


@_inputs.door(queue=kind_of(Queue), codebook=_code, symbols=_inputs.integers)
@jax.jit
def encode(queue: Queue, codebook: Any, symbols: jax.Array) -> Queue:
    """Writes the code words of symbols at the end of a queue.

    Args:
        queue: one stream.
        codebook: a `Codebook` or an `ExpGolomb`.
        symbols: integers that fit int32, or bools, of any shape, in reading order. Traced symbols are uint8,
            int8, uint16, int16 or int32.

    Returns:
        The queue with the symbols. Words above the capacity are dropped and counted, and set `OVERFLOW`. A
        symbol without a code word is left out and sets `BAD_SYMBOL`. It sets `BAD_MODEL` if the codebook is
        damaged or its probabilities were invalid.

    Raises:
        ValueError: if the queue or the codebook is a batch.

    >>> from jans import huffman
    >>> code = huffman.codebook(jnp.array([0.3, 0.2, 0.4, 0.1]))
    >>> huffman.to_words(huffman.encode(huffman.queue(capacity=1), code, jnp.array([1, 3, 2])))
    array([31], dtype=uint32)
    """
    return _write("encode", Queue, queue, codebook, symbols)


@_inputs.door(reader=kind_of(Reader), codebook=_code, shape=_shape, dtype=_inputs.dtype)
@functools.partial(jax.jit, static_argnames=("shape", "dtype"))
def decode(
    reader: Reader, codebook: Any, shape: tuple[int, ...] = (), dtype: Any = jnp.int32
) -> tuple[Reader, jax.Array]:
    """Reads symbols from the front of a string of bits: the inverse of `encode`.

    Args:
        reader: one stream.
        codebook: the code that the symbols were encoded with.
        shape: shape of the symbols; by default one symbol.
        dtype: dtype of the symbols, one that `encode` takes. Symbols that do not fit it wrap around.

    Returns:
        The reader without the symbols, and the symbols. Reading past the end sets `UNDERFLOW` and gives
        zeros. An invalid codebook sets `BAD_MODEL`, and bits that are no code word of an `ExpGolomb` set
        `BAD_DATA`. In both cases the symbol is 0 and no bits are taken.

    Raises:
        ValueError: if the reader or the codebook is a batch.

    >>> from jans import huffman
    >>> code = huffman.ExpGolomb(2)
    >>> queue = huffman.encode(huffman.queue(capacity=1), code, jnp.array([3, 1, 4, 1, 5]))
    >>> huffman.decode(huffman.reader(queue), code, shape=(5,))[1]
    Array([3, 1, 4, 1, 5], dtype=int32)
    """
    check_stream(reader, Reader)
    arrays = reader.partial_word, reader.words, reader.position, reader.status, reader.size
    (partial_word, position, status), symbols = _read("decode", arrays, codebook, shape, dtype)
    return Reader(partial_word, reader.words, reader.size, status, position), symbols


@_inputs.door(stack=kind_of(Stack), codebook=_code, symbols=_inputs.integers)
@jax.jit
def push(stack: Stack, codebook: Any, symbols: jax.Array) -> Stack:
    """Puts symbols on a stack, last one first, so that `pop` returns them in reading order.

    Args:
        stack: one stream.
        codebook: a `Codebook` or an `ExpGolomb`.
        symbols: integers that fit int32, or bools, of any shape, in reading order. Traced symbols are uint8,
            int8, uint16, int16 or int32.

    Returns:
        The stack with the symbols. The status is set as by `encode`.

    Raises:
        ValueError: if the stack or the codebook is a batch.

    >>> from jans import huffman
    >>> code = huffman.codebook(jnp.array([0.3, 0.2, 0.4, 0.1]))
    >>> huffman.to_words(huffman.push(huffman.stack(capacity=1), code, jnp.array([1, 3, 2])))
    array([252], dtype=uint32)
    """
    return _write("push", Stack, stack, codebook, symbols)


@_inputs.door(stack=kind_of(Stack), codebook=_code, shape=_shape, dtype=_inputs.dtype)
@functools.partial(jax.jit, static_argnames=("shape", "dtype"))
def pop(stack: Stack, codebook: Any, shape: tuple[int, ...] = (), dtype: Any = jnp.int32) -> tuple[Stack, jax.Array]:
    """Takes symbols off a stack: the inverse of `push`.

    Args:
        stack: one stream.
        codebook: the code that the symbols were pushed with.
        shape: shape of the symbols; by default one symbol.
        dtype: dtype of the symbols, one that `push` takes. Symbols that do not fit it wrap around.

    Returns:
        The stack without the symbols, and the symbols. The status is set as by `decode`.

    Raises:
        ValueError: if the stack or the codebook is a batch.

    >>> from jans import huffman
    >>> code = huffman.codebook(jnp.array([0.3, 0.2, 0.4, 0.1]))
    >>> stack = huffman.push(huffman.stack(capacity=2), code, jnp.array([1, 3, 2, 3, 0, 1]))
    >>> huffman.pop(stack, code, shape=(6,))[1]
    Array([1, 3, 2, 3, 0, 1], dtype=int32)
    """
    check_stream(stack, Stack)
    arrays = stack.partial_word, stack.words, stack.size, stack.status
    (partial_word, size, status), symbols = _read("pop", arrays, codebook, shape, dtype)
    return Stack(partial_word, stack.words, size, status), symbols


def codec(codebook: Any, shape: Sequence[int] = (), dtype: Any = jnp.int32) -> Codec:
    """A code as a codec of a stack, which `jans.serial` and other functions combine.

    Args:
        codebook: a `Codebook` or an `ExpGolomb`.
        shape, dtype: as for `pop`.

    Returns:
        The codec: `push(state, symbols)` returns a state, `pop(state)` a state and symbols.

    >>> from jans import huffman
    >>> codec = huffman.codec(huffman.ExpGolomb(2), shape=(3,))
    >>> state = codec.push(huffman.stack(capacity=1), jnp.array([3, 1, 4]))
    >>> codec.pop(state)[1]
    Array([3, 1, 4], dtype=int32)
    """
    shape = _inputs.shape("shape", shape) or ()
    return Codec(
        push=lambda state, symbols: push(state, codebook, symbols),
        pop=lambda state: pop(state, codebook, shape=shape, dtype=dtype),
    )


def __dir__() -> list[str]:
    return __all__
