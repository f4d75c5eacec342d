"""Follows what is known of numbers through a program, and refuses all that may round."""

import dataclasses
import math
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np

from jans.exact import _bounds
from jans.exact._bounds import Numbers, aligned, join

core = jax.extend.core
_T = TypeVar("_T")

_ROUNDS = 12
"""A loop whose numbers still grow after so many rounds has no bound."""


class InexactError(ValueError):
    """A program may round, so that its results may depend on the machine."""


@dataclasses.dataclass(frozen=True)
class Sum:
    """A sum of products in a program.

    Attributes:
        operation: "dot", "conv", "mean" or "sum".
        where: the place in the program.
        digits: how many binary digits the largest partial sum may need.
        room: how many of the digits of its dtype are left.
    """

    operation: str
    where: str
    digits: int
    room: int


def known(array: Any, what: str) -> Numbers:
    if jnp.issubdtype(array.dtype, jax.dtypes.extended):  # keys of random numbers
        return Numbers.integers(array.dtype)
    try:
        return Numbers.known(array)
    except ValueError as error:
        raise InexactError(f"{what} of shape {array.shape} cannot be exact: {error}. Use finite numbers.") from None


class Program:
    """Follows what is known of numbers through a program."""

    def __init__(self, quiet: bool = False) -> None:
        self.sums: list[Sum] = []
        self._quiet = int(quiet)

    def run(self, jaxpr: Any, consts: list[Numbers], arguments: list[Numbers]) -> list[Numbers]:
        """What is known of the results."""
        there: dict[Any, Numbers] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *arguments), strict=True))

        def read(atom: Any) -> Numbers:
            if isinstance(atom, core.Literal):
                return known(np.asarray(atom.val, atom.aval.dtype), "a constant")  # type: ignore[attr-defined]
            return there[atom]

        for eqn in jaxpr.eqns:
            found = self.step(eqn, [read(atom) for atom in eqn.invars])
            there |= zip(eqn.outvars, found, strict=True)
        return [read(atom) for atom in jaxpr.outvars]

    def step(self, eqn: Any, inputs: list[Numbers]) -> list[Numbers]:
        """What is known of the results of one operation."""
        name = eqn.primitive.name
        rule = getattr(self, f"_{name.replace('-', '_')}", None)
        if rule is not None:
            found = rule(eqn, *inputs)
        elif name in _SAME:
            found = inputs[0].together
        elif name in _EACH:
            found = [part.together for part in inputs]
        elif all(_bounds.digits_of(out.aval.dtype) is None for out in eqn.outvars):
            # Any operation on integers gives the same ones everywhere.
            found = [Numbers.integers(out.aval.dtype) for out in eqn.outvars]
        else:
            self._refuse(eqn, f"{name} rounds, or is not known to be exact", _INSTEAD.get(name, _DEFAULT))
        results = found if isinstance(found, list) else [found]
        for out, numbers in zip(eqn.outvars, results, strict=True):
            self._check(eqn, numbers, out.aval.dtype)
        if name in PROGRAMS or not inputs or any(part.value is None for part in inputs):
            return results
        # Of known arrays, the result is known. (Their operations have just been found to be exact.)
        with jax.ensure_compile_time_eval():
            values = eqn.primitive.bind(*(jnp.asarray(part.value) for part in inputs), **eqn.params)
        values = values if eqn.primitive.multiple_results else [values]
        return [known(value, "a result") for value in values]

    # ---- what cannot be exact ----

    def _check(self, eqn: Any, numbers: Numbers, dtype: Any) -> None:
        if excess := _bounds.too_large(numbers, dtype):
            digits = _bounds.digits_of(dtype) or 0
            self._refuse(
                eqn,
                f"{eqn.primitive.name} may need {digits + excess} binary digits, and {dtype.name} has {digits}",
                f"Take {excess} bits from its operands: grids with fewer bits or a smaller high, or smaller weights",
            )

    def _refuse(self, eqn: Any, what: str, instead: str) -> Any:
        raise InexactError(f"{what} ({_place(eqn)}). {instead}.")

    def _note(self, eqn: Any, operation: str, sizes: Numbers) -> None:
        """Keeps a sum whose partial sums have these sizes, and checks that they are exact."""
        dtype = eqn.outvars[0].aval.dtype
        digits = _bounds.digits_of(dtype)
        if digits is not None:
            self._check(eqn, sizes, dtype)
            if not self._quiet:
                self.sums.append(Sum(operation, _place(eqn), sizes.digits(), digits - sizes.digits()))

    # ---- one number at a time ----

    def _add(self, eqn: Any, x: Numbers, y: Numbers) -> Numbers:
        x, y = aligned(x, y)
        return self._wrapped(eqn, Numbers(x.bits, x.low + y.low, x.high + y.high))

    _add_any = _add

    def _sub(self, eqn: Any, x: Numbers, y: Numbers) -> Numbers:
        x, y = aligned(x, y)
        return self._wrapped(eqn, Numbers(x.bits, x.low - y.high, x.high - y.low))

    def _mul(self, eqn: Any, x: Numbers, y: Numbers) -> Numbers:
        if eqn.invars[0] is eqn.invars[1]:
            return self._square(eqn, x)
        if len({len(x.bits), len(y.bits)} - {1}) > 1:
            x, y = x.together, y.together
        ends = [a * b for a in (x.low, x.high) for b in (y.low, y.high)]
        low, high = ends[0], ends[0]
        for end in ends[1:]:
            low, high = np.minimum(low, end), np.maximum(high, end)
        return self._wrapped(eqn, Numbers(x.bits + y.bits, low, high))

    def _square(self, eqn: Any, x: Numbers) -> Numbers:
        low = np.where((x.low < 0) & (x.high > 0), 0 * x.low, np.minimum(x.low**2, x.high**2))
        return self._wrapped(eqn, Numbers(2 * x.bits, low, x.size**2))

    def _integer_pow(self, eqn: Any, x: Numbers) -> Numbers:
        if eqn.params["y"] != 2:
            self._refuse(eqn, "a power rounds, or is not known to be exact", "Multiply, and round to a Grid in between")
        return self._square(eqn, x)

    def _div(self, eqn: Any, x: Numbers, y: Numbers) -> Numbers:
        if _bounds.digits_of(eqn.outvars[0].aval.dtype) is None:
            size = max(1, *x.size)  # of a quotient, or -1 where XLA divides by 0
            return self._wrapped(eqn, Numbers.of(0, -size, size))
        # Division by a power of two is a product.
        if len(y.bits) > 1 or y.low[0] != y.high[0] or y.low[0] <= 0 or int(y.low[0]).bit_count() != 1:
            self._refuse(eqn, "a division rounds", "Divide by powers of two, or divide integers")
        return Numbers(x.bits + (int(y.low[0]).bit_length() - 1) - y.bits, x.low, x.high)

    def _rem(self, eqn: Any, x: Numbers, y: Numbers) -> Numbers:
        if _bounds.digits_of(eqn.outvars[0].aval.dtype) is not None:
            self._refuse(eqn, "a remainder of floats is not known to be exact", "Use integers")
        size = max(x.size) if min(y.low) <= 0 else min(max(x.size), max(y.high) - 1)
        return Numbers.of(0, -size if min(x.low) < 0 else 0, size if max(x.high) > 0 else 0)

    def _and(self, eqn: Any, x: Numbers, y: Numbers) -> Numbers:
        highs = [max(part.high) for part in (x, y) if min(part.low) >= 0]
        return Numbers.of(0, 0, min(highs)) if highs else self._xor(eqn, x, y)

    def _xor(self, eqn: Any, x: Numbers, y: Numbers) -> Numbers:
        size = 1 << max(int(k).bit_length() for part in (x, y) for k in (*part.low, *part.high))
        negative = min(*x.low, *y.low) < 0
        return self._wrapped(eqn, Numbers.of(0, -size if negative else 0, size - 1))

    _or = _xor

    def _shift_left(self, eqn: Any, x: Numbers, by: Numbers) -> Numbers:
        most = 1 << max(0, min(64, *by.high))
        ends = [k * step for k in (min(x.low), max(x.high)) for step in (1, most)]
        return self._wrapped(eqn, Numbers.of(0, min(ends), max(ends)))

    def _shift_right_arithmetic(self, eqn: Any, x: Numbers, by: Numbers) -> Numbers:
        ends = [
            int(k) >> int(max(0, min(64, s))) for k in (min(x.low), max(x.high)) for s in (min(by.low), max(by.high))
        ]
        return self._wrapped(eqn, Numbers.of(0, min(ends), max(ends)))

    def _shift_right_logical(self, eqn: Any, x: Numbers, by: Numbers) -> Numbers:
        return Numbers.of(0, 0, max(x.high)) if min(x.low) >= 0 else Numbers.integers(eqn.outvars[0].aval.dtype)

    def _clz(self, eqn: Any, x: Numbers) -> Numbers:
        return Numbers.of(0, 0, 64)

    _population_count = _clz

    def _argmax(self, eqn: Any, x: Numbers) -> Numbers:
        (axis,) = eqn.params["axes"]
        return Numbers.of(0, 0, max(0, eqn.invars[0].aval.shape[axis] - 1))

    _argmin = _argmax

    def _neg(self, eqn: Any, x: Numbers) -> Numbers:
        return self._wrapped(eqn, Numbers(x.bits, -x.high, -x.low))

    def _abs(self, eqn: Any, x: Numbers) -> Numbers:
        low = np.where((x.low < 0) & (x.high > 0), 0 * x.low, np.minimum(np.abs(x.low), np.abs(x.high)))
        return self._wrapped(eqn, Numbers(x.bits, low, x.size))

    def _sign(self, eqn: Any, x: Numbers) -> Numbers:
        return Numbers.of(0, -1, 1)

    def _max(self, eqn: Any, x: Numbers, y: Numbers) -> Numbers:
        x, y = aligned(x, y)
        return Numbers(x.bits, np.maximum(x.low, y.low), np.maximum(x.high, y.high))

    def _min(self, eqn: Any, x: Numbers, y: Numbers) -> Numbers:
        x, y = aligned(x, y)
        return Numbers(x.bits, np.minimum(x.low, y.low), np.minimum(x.high, y.high))

    def _clamp(self, eqn: Any, low: Numbers, x: Numbers, high: Numbers) -> Numbers:
        return self._min(eqn, self._max(eqn, x, low), high)

    def _select_n(self, eqn: Any, which: Numbers, *cases: Numbers) -> Numbers:
        return join(*cases)

    def _round(self, eqn: Any, x: Numbers) -> Numbers:
        shift = np.maximum(x.bits, 0)
        if eqn.params["rounding_method"] == jax.lax.RoundingMethod.TO_NEAREST_EVEN:
            odd = lambda counts: np.array([int(k) >> int(s) & 1 for k, s in _pairs(counts, shift)], object)
            up = np.array([(1 << int(k) >> 1) - 1 if k > 0 else 0 for k in shift], object)
            more = np.array([int(k > 0) for k in shift], object)
            low, high = x.low + up + odd(x.low) * more, x.high + up + odd(x.high) * more
        else:
            half = np.array([1 << int(k) >> 1 for k in shift], object)
            low, high = x.low + np.maximum(half - 1, 0), x.high + half
        return Numbers(np.minimum(x.bits, 0), _down(low, shift), _down(high, shift))

    def _floor(self, eqn: Any, x: Numbers) -> Numbers:
        shift = np.maximum(x.bits, 0)
        return Numbers(np.minimum(x.bits, 0), _down(x.low, shift), _down(x.high, shift))

    def _ceil(self, eqn: Any, x: Numbers) -> Numbers:
        return self._neg(eqn, self._floor(eqn, self._neg(eqn, x)))

    def _convert_element_type(self, eqn: Any, x: Numbers) -> Numbers:
        dtype = eqn.outvars[0].aval.dtype
        if _bounds.digits_of(dtype) is not None:
            return x.forgotten
        if dtype.kind == "b":
            return Numbers.of(0, 0, 1)
        if max(x.bits) > 0:  # towards zero
            down, up = self._floor(eqn, x), self._ceil(eqn, x)
            x = Numbers(down.bits, np.where(x.low < 0, up.low, down.low), np.where(x.high < 0, up.high, down.high))
        return self._wrapped(eqn, x.on(np.zeros(1, object)) if min(x.bits) < 0 else x.forgotten)

    def _reduce_precision(self, eqn: Any, x: Numbers) -> Numbers:
        if eqn.params["mantissa_bits"] < 23:
            self._refuse(eqn, "reduce_precision rounds", "Round to a Grid")
        return x

    def _wrapped(self, eqn: Any, x: Numbers) -> Numbers:
        """Integers that may overflow are any integers of their dtype."""
        dtype = eqn.outvars[0].aval.dtype
        if _bounds.digits_of(dtype) is not None:
            return x
        every = Numbers.integers(dtype)
        inside = min(x.low) >= every.low[0] and max(x.high) <= every.high[0]
        return x if inside else every

    # ---- shapes ----

    def _broadcast_in_dim(self, eqn: Any, x: Numbers, *_: Numbers) -> Numbers:
        shape, places = eqn.params["shape"], eqn.params["broadcast_dimensions"]
        last = bool(places) and places[-1] == len(shape) - 1 and eqn.invars[0].aval.shape[-1] == shape[-1]
        return x.forgotten if last else x.together

    def _concatenate(self, eqn: Any, *parts: Numbers) -> Numbers:
        return join(*(part.together for part in parts))

    _pad = _concatenate

    def _iota(self, eqn: Any) -> Numbers:
        return Numbers.of(0, 0, max(0, eqn.params["shape"][eqn.params["dimension"]] - 1))

    def _gather(self, eqn: Any, x: Numbers, where: Numbers) -> Numbers:
        return join(x.together, Numbers.of(0, 0, 0))

    def _dynamic_slice(self, eqn: Any, x: Numbers, *_: Numbers) -> Numbers:
        return x.together

    def _dynamic_update_slice(self, eqn: Any, x: Numbers, update: Numbers, *_: Numbers) -> Numbers:
        return join(x.together, update.together)

    def _scatter(self, eqn: Any, x: Numbers, where: Numbers, update: Numbers) -> Numbers:
        return join(x.together, update.together)

    def _scatter_add(self, eqn: Any, x: Numbers, where: Numbers, update: Numbers) -> Numbers:
        count = math.prod(eqn.invars[2].aval.shape)
        x, update = aligned(x.together, update.together)
        zero = np.zeros(1, object)
        sizes = Numbers(x.bits, zero, x.size + count * update.size)
        self._note(eqn, "sum", sizes)
        low = x.low + count * np.minimum(update.low, 0)
        return self._wrapped(eqn, Numbers(x.bits, low, x.high + count * np.maximum(update.high, 0)))

    def _top_k(self, eqn: Any, x: Numbers) -> list[Numbers]:
        return [x.together, Numbers.of(0, 0, eqn.invars[0].aval.shape[-1] - 1)]

    # ---- sums ----

    def _reduce_sum(self, eqn: Any, x: Numbers) -> Numbers:
        shape = eqn.invars[0].aval.shape
        return self._sum_of(eqn, x, math.prod(shape[axis] for axis in eqn.params["axes"]))

    def _cumsum(self, eqn: Any, x: Numbers) -> Numbers:
        return self._sum_of(eqn, x, eqn.invars[0].aval.shape[eqn.params["axis"]])

    def _sum_of(self, eqn: Any, x: Numbers, count: int) -> Numbers:
        x = x.together
        self._note(eqn, "sum", Numbers(x.bits, 0 * x.low, count * x.size))
        low, high = count * np.minimum(x.low, 0), count * np.maximum(x.high, 0)
        return self._wrapped(eqn, Numbers(x.bits, low, high))

    def _dot_general(self, eqn: Any, x: Numbers, y: Numbers) -> Numbers:
        (x_axes, y_axes), (x_batch, y_batch) = eqn.params["dimension_numbers"]
        shapes = [atom.aval.shape for atom in eqn.invars]
        free = len(shapes[1]) - len(y_axes) - len(y_batch)
        count = math.prod(shapes[0][axis] for axis in x_axes)
        self._precise(eqn, x, y)
        if y.value is not None and not y_batch:
            last = [axis for axis in range(len(shapes[1])) if axis not in y_axes]
            return self._products(eqn, "dot", x, y, y_axes, last[-1] if free == 1 else None)
        if x.value is not None and not x_batch:
            return self._products(eqn, "dot", y, x, x_axes, None)
        return self._any_products(eqn, "dot", x, y, count)

    def _conv_general_dilated(self, eqn: Any, x: Numbers, y: Numbers) -> Numbers:
        numbers = eqn.params["dimension_numbers"]
        outputs, inputs, *window = numbers.rhs_spec
        shape = eqn.invars[1].aval.shape
        self._precise(eqn, x, y)
        if eqn.params["batch_group_count"] == 1 and y.value is not None:
            last = outputs if numbers.out_spec[1] == len(shape) - 1 else None
            return self._products(eqn, "conv", x, y, (inputs, *window), last)
        return self._any_products(eqn, "conv", x, y, math.prod(shape[axis] for axis in (inputs, *window)))

    def _products(
        self, eqn: Any, operation: str, x: Numbers, weights: Numbers, axes: tuple[int, ...], last: int | None
    ) -> Numbers:
        """Sums over some axes of an array that is known; each place of its axis `last` has numbers of its own."""
        assert weights.value is not None
        array, x = np.asarray(weights.value, np.float64), x.together
        columns = 1 if last is None else array.shape[last]
        moved = array if last is None else np.moveaxis(array, last, -1)
        weights = Numbers.known(moved.reshape(-1, columns).astype(weights.value.dtype))
        # Absolute sums: over all other axes if they are more than the summed ones, the largest of them.
        summed = tuple(axis if last is None or axis < last else axis - 1 for axis in axes)
        sums = lambda part: _largest_sum(part, summed, columns, last)
        scale = np.exp2(weights.bits.astype(np.float64))
        sizes = [int(s) for s in np.ceil(sums(np.abs(moved)) * scale)]
        up = [int(s) for s in np.ceil(sums(np.maximum(moved, 0)) * scale)]
        down = [int(s) for s in np.ceil(sums(np.maximum(-moved, 0)) * scale)]
        bits, up_, down_ = weights.bits + x.bits, np.array(up, object), np.array(down, object)
        self._note(eqn, operation, Numbers(bits, 0 * up_, np.array(sizes, object) * x.size))
        high = up_ * np.maximum(x.high, 0) + down_ * np.maximum(-x.low, 0)
        low = -(up_ * np.maximum(-x.low, 0) + down_ * np.maximum(x.high, 0))
        return self._wrapped(eqn, Numbers(bits, low, high))

    def _any_products(self, eqn: Any, operation: str, x: Numbers, y: Numbers, count: int) -> Numbers:
        x, y = x.together, y.together
        size = count * x.size * y.size
        self._note(eqn, operation, Numbers(x.bits + y.bits, 0 * size, size))
        return self._wrapped(eqn, Numbers(x.bits + y.bits, -size, size))

    def _precise(self, eqn: Any, *operands: Numbers) -> None:
        """Accelerators round the operands of products to fewer digits unless they are told not to."""
        if _bounds.digits_of(eqn.outvars[0].aval.dtype) is None:
            return
        precision = eqn.params.get("precision")
        highest = precision is not None and all(p == jax.lax.Precision.HIGHEST for p in np.atleast_1d(precision))
        if not highest and any(part.digits() > 8 for part in operands):
            self._refuse(
                eqn,
                "a product of floats of more than 8 digits may be rounded on accelerators",
                'Pass precision="highest", or use the layers of jans.exact',
            )

    # ---- programs within programs ----

    def _inner(self, eqn: Any, *inputs: Numbers) -> list[Numbers]:
        if is_mean(eqn):
            weights, value = inputs[0].together, inputs[1].together
            size = Numbers(weights.bits + value.bits, 0 * value.low, (1 << weights.bits) * value.size)
            self._note(eqn, "mean", size)
            return [Numbers(size.bits, -size.high, size.high)]
        inner = inner_of(eqn)
        consts = [known(const, "a constant") for const in getattr(inner, "consts", ())]
        return self.run(getattr(inner, "jaxpr", inner), consts, list(inputs))

    _jit = _pjit = _closed_call = _core_call = _checkpoint = _remat2 = _inner
    _custom_jvp_call = _custom_vjp_call = _custom_vjp_call_jaxpr = _inner

    def _cond(self, eqn: Any, which: Numbers, *inputs: Numbers) -> list[Numbers]:
        every = [
            self.run(branch.jaxpr, [known(c, "a constant") for c in branch.consts], list(inputs))
            for branch in eqn.params["branches"]
        ]
        return [join(*parts) for parts in zip(*every, strict=True)]

    def _scan(self, eqn: Any, *inputs: Numbers) -> list[Numbers]:
        params = eqn.params
        consts, carry, rows = parts_of_scan(params, inputs)
        k, rows = len(carry), [part.forgotten for part in rows]
        body = params["jaxpr"]
        inner = [known(const, "a constant") for const in body.consts]
        step = lambda carry: self.run(body.jaxpr, inner, [*consts, *carry, *rows])
        carry = self._settled(eqn, carry, lambda carry: step(carry)[:k], params["length"])
        return [*carry, *(part.forgotten for part in step(carry)[k:])]

    def _while(self, eqn: Any, *inputs: Numbers) -> list[Numbers]:
        params = eqn.params
        n, m = params["cond_nconsts"], params["body_nconsts"]
        body = params["body_jaxpr"]
        inner = [known(const, "a constant") for const in body.consts]
        consts, carry = list(inputs[n : n + m]), list(inputs[n + m :])
        carry = self._settled(eqn, carry, lambda carry: self.run(body.jaxpr, inner, [*consts, *carry]))
        self.run(body.jaxpr, inner, [*consts, *carry])  # its sums
        return carry

    def _settled(
        self,
        eqn: Any,
        carry: list[Numbers],
        step: Callable[[list[Numbers]], list[Numbers]],
        length: int | None = None,
    ) -> list[Numbers]:
        """What is known of numbers that a loop carries, after any number of its `length` rounds."""
        self._quiet += 1
        dtypes = [out.aval.dtype for out in eqn.outvars]
        try:
            carry = [part.forgotten for part in carry]
            for k in range(_ROUNDS):
                if k == length:
                    return carry
                after = [join(a, b) for a, b in zip(carry, step(carry), strict=True)]
                if all(_equal(a, b) for a, b in zip(carry, after, strict=True)):
                    return carry
                if k >= _ROUNDS // 2:  # integers may grow: then they are any
                    after = [
                        b if _equal(a, b) or _bounds.digits_of(dtype) is not None else Numbers.integers(dtype)
                        for a, b, dtype in zip(carry, after, dtypes, strict=False)
                    ]
                carry = after
        finally:
            self._quiet -= 1
        self._refuse(eqn, f"the numbers that this {eqn.primitive.name} carries may grow", "Round them to a Grid in it")
        raise AssertionError


def inner_of(eqn: Any) -> Any:
    """The program that an operation calls once."""
    return eqn.params.get("jaxpr") or eqn.params.get("call_jaxpr") or eqn.params.get("fun_jaxpr")


def is_mean(eqn: Any) -> bool:
    """Whether an operation is a sum of products with weights that are at most 1 together."""
    return eqn.params.get("name") == "jans_exact_mean"


def parts_of_scan(params: Any, inputs: Sequence[_T]) -> tuple[list[_T], list[_T], list[_T]]:
    """The constants, the carry and the rows of a scan."""
    if "ft_in" in params:  # from jax 0.12 on
        consts, carry, rows = map(list, params["ft_in"].update(inputs).unpack())
        return consts, carry, rows
    n, k = params["num_consts"], params["num_carry"]
    return list(inputs[:n]), list(inputs[n : n + k]), list(inputs[n + k :])


def _largest_sum(array: np.ndarray, axes: tuple[int, ...], columns: int, last: int | None) -> np.ndarray:
    """Sums over axes, and the largest of them over all axes but the last, or over all."""
    sums = array.sum(axis=axes)
    return sums.reshape(-1, columns).max(0) if last is not None else np.atleast_1d(sums.max())


def _down(counts: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Counts divided by 2**shift, rounded down."""
    return np.array([int(k) >> int(s) for k, s in _pairs(counts, shift)], object)


def _pairs(counts: np.ndarray, shift: np.ndarray) -> Any:
    return zip(*np.broadcast_arrays(counts, shift), strict=True)


def _equal(a: Numbers, b: Numbers) -> bool:
    return all(np.array_equal(x, y) for x, y in ((a.bits, b.bits), (a.low, b.low), (a.high, b.high)))


PROGRAMS = frozenset((
    "jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2", "custom_jvp_call", "custom_vjp_call",
    "custom_vjp_call_jaxpr", "cond", "scan", "while",
))  # fmt: skip
"""Operations that hold programs."""
_SAME = frozenset((
    "copy", "copy_p", "reshape", "transpose", "squeeze", "expand_dims", "slice", "rev", "reduce_max", "reduce_min",
    "stop_gradient", "cummax", "cummin", "real", "device_put", "sharding_constraint",
))  # fmt: skip
"""Operations whose results are numbers of their first operand."""
_EACH = frozenset(["sort", "optimization_barrier"])
"""Operations with a result for each operand."""
_DEFAULT = "Compute it with integers, or with a table of jans.exact"
_INSTEAD = {
    "exp": "Use jans.exact.exp",
    "tanh": "Use jans.exact.tanh",
    "logistic": "Use jans.exact.sigmoid",
    "erf": "Use jans.exact.gelu",
    "rsqrt": "Use jans.exact.rms_norm",
    "sqrt": "Use jans.exact.rms_norm",
}


def _place(eqn: Any) -> str:
    """Where an operation is in the program of the caller."""
    scope = str(eqn.source_info.name_stack)
    place = "unknown place"
    traceback = eqn.source_info.traceback
    own = os.path.dirname(__file__)
    inside = os.path.dirname(jax.__file__)
    for frame in traceback.frames if traceback is not None else ():
        if not frame.file_name.startswith((own, inside)) and not frame.file_name.startswith("<"):
            place = f"{os.path.basename(frame.file_name)}:{frame.line_num}"
            break
    return f"{scope}, {place}" if scope else place
