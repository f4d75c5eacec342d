"""Models of floating-point numbers: an interval for every bit pattern of a dtype."""

import functools
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jans import _inputs
from jans._checks import Shape, check_fit, check_precision, check_symbols
from jans.models import _base, _family
from jans.models.integers import LocationScale, StudentT
from jans.models.mixture import LogisticMixture, Mixture
from jans.models.uniform import Uniform

MAX_KEY_BITS = 16


class Format(NamedTuple):
    """A floating-point format, or the first bits of one; see `FloatFormat` in csrc/core/models/floats.h.

    Attributes:
        bits: of a value, with its sign.
        mantissa: bits after the sign and the exponent.
        bias: of the exponent.
        last: the largest magnitude, as an integer of bits - 1 bits, that is a number or infinity.
        whole: whether values have no more bits than these.
        one_zero: whether -0 is a NaN.
    """

    bits: int
    mantissa: int
    bias: int
    last: int
    whole: bool = True
    one_zero: bool = False

    def first(self, bits: int) -> "Format":
        """The format of the first bits of the values."""
        left_out = self.bits - bits
        return self._replace(
            bits=bits, mantissa=self.mantissa - left_out, last=self.last >> left_out, whole=left_out == 0
        )


FORMATS = {
    "bfloat16": Format(16, 7, 127, 0x7F80),
    "float16": Format(16, 10, 15, 0x7C00),
    "float32": Format(32, 23, 127, 0x7F80_0000),
    "float64": Format(64, 52, 1023, 0x7FF0_0000_0000_0000),
    "float8_e3m4": Format(8, 4, 3, 0x70),
    "float8_e4m3": Format(8, 3, 7, 0x78),
    "float8_e4m3fn": Format(8, 3, 7, 0x7E),
    "float8_e4m3b11fnuz": Format(8, 3, 11, 0x7F, one_zero=True),
    "float8_e4m3fnuz": Format(8, 3, 8, 0x7F, one_zero=True),
    "float8_e5m2": Format(8, 2, 15, 0x7C),
    "float8_e5m2fnuz": Format(8, 2, 16, 0x7F, one_zero=True),
}


@functools.cache
def edges(form: Format) -> np.ndarray:
    """The edges between the keys of a format of at most 16 bits: float64 [2**bits + 1], from -inf to inf."""
    p = np.arange(1, 2 ** (form.bits - 1) + 1)
    fraction_bits = form.mantissa + form.whole
    q = 2 * p - 1 if form.whole else p
    exponent, fraction = q >> fraction_bits, q & (2**fraction_bits - 1)
    subnormal = (
        np.zeros(p.shape) if form.bias == 1023 else np.ldexp(fraction.astype(float), 1 - form.bias - fraction_bits)
    )
    with np.errstate(over="ignore"):
        normal = np.ldexp(2.0**fraction_bits + fraction, exponent - form.bias - fraction_bits)
    above = np.where(p > form.last, np.inf, np.where(exponent == 0, subnormal, normal))
    above[-1] = np.inf
    zero = -above[0] if form.one_zero else 0.0
    made = np.concatenate([-above[::-1], [zero], above])
    made.flags.writeable = False
    return made


class _Keys(_family.FamilyModel):
    """The keys of floats under a distribution of real numbers."""

    leaves = ("distribution",)
    static = ("form", "precision")
    lines: ClassVar[tuple[str, ...]] = ("gaussian", "laplace", "logistic", "cauchy", "student_t")

    def __init__(self, distribution: LocationScale | Mixture, form: Format):
        self.distribution, self.form = distribution, form
        self.precision = check_precision(distribution.precision, self.bounds[1] + 1, distribution.counts)

    @property
    def family(self) -> str:  # type: ignore[override]
        return "float_mixture" if isinstance(self.distribution, Mixture) else "float_line"

    @property
    def shape(self) -> Shape:
        return self.distribution.shape

    @property
    def bounds(self) -> tuple[int, int]:
        return 0, 2 ** Format(*self.form).bits - 1

    def operands(self, shape: Shape) -> tuple[jax.Array, ...]:
        distribution: Any = self.distribution
        if isinstance(distribution, Mixture):
            number, parameters = int(isinstance(distribution, LogisticMixture)), distribution.rows(shape)
        else:
            number = self.lines.index(distribution.family)
            df: Any = (
                distribution.df if isinstance(distribution, StudentT) else np.zeros(distribution.shape, np.float32)
            )
            parameters = _base.flat_parameters(self.shape, shape, df, distribution.loc, distribution.scale)
        layout: Any = np.array([number, *self.form], np.int32)
        return *parameters, layout

    def log_prob(self, symbols: jax.Array) -> jax.Array:
        keys = _base.check_symbols(symbols, self.shape)
        inside = (keys >= 0) & (keys <= self.bounds[1])
        table = edges(Format(*self.form))
        at = jnp.clip(keys, 0, self.bounds[1])
        dtype = self.distribution.loc.dtype
        with np.errstate(over="ignore"):
            low, high = (jnp.asarray(part.astype(dtype))[at] for part in (table[:-1], table[1:]))
        mass = self.distribution.mass_between(low, high)
        return _family.log_floored(mass, self.bounds[1] + 1, self.precision, inside, self.distribution.counts)


class Float(_base.Composite):
    """Floating-point numbers under a distribution: an exact model of every bit pattern of a dtype.

    The values of a dtype, in their order, have the keys 0, 1, 2, ...: NaNs with a sign, -inf, the negative
    numbers, -0, 0, the positive numbers, inf, NaNs. A key has the probability of all real numbers that round to
    its value, and at least one count of 2**precision, so that NaNs with all their payloads, infinities,
    subnormal numbers and both zeros have a code. Of wider dtypes, the first 16 bits are a key; the other bits
    follow it as they are, because a density is nearly constant over numbers that share sign, exponent and 4 or
    more bits of the mantissa.

    The keys' intervals are integers from the same arithmetic on every machine, as for the distribution on
    integers (`csrc/core/models/floats.h`).

    Args:
        distribution: the distribution of the numbers, and the precision: a `Gaussian`, `Laplace`, `Logistic`,
            `Cauchy` or `StudentT` without `low` and `high`; a `GaussianMixture`, `LogisticMixture`,
            `FixedPointGaussian` or `FixedPointLogistic`, whose support does not matter; or a model of the keys,
            such as a `Histogram` on 0 ... 2**bits - 1, see `float_keys`. Parameters may differ for each symbol.
        dtype: bfloat16, float16, float32, float64, or one of 8 bits with a sign, by name or as a type.
        bits: of the key, from the bits of sign and exponent to 16, or to all of the dtype; by default as many
            as possible. Fewer bits suit a coder with a low precision.

    Symbols are arrays of the dtype. A key costs about 0.006 bits more than under the distribution itself at 24
    bits of precision, because 65 536 keys have a count each (and a `StudentT` gives each two). Mixtures look at
    edges as float32.

    Raises:
        TypeError: for another distribution or dtype.
        ValueError: if `bits` do not fit the dtype, the keys do not fit the precision, or float64 is not enabled.

    >>> import jans
    >>> model = Float(jans.models.Gaussian(0.0, 0.02), "bfloat16")
    >>> weights = jnp.array([0.0123, -0.0311, jnp.nan], jnp.bfloat16)
    >>> model.bits(weights).round()
    Array([10., 10., 24.], dtype=float32)
    >>> state = jans.rans.push(jans.rans.init(8), model, weights)
    >>> jans.rans.pop(state, model, shape=(3,))[1]
    Array([0.0123291, -0.0311279, nan], dtype=bfloat16)
    """

    leaves = ("head",)
    static = ("dtype_name", "bits_of_key", "precision")

    def __init__(self, distribution: Any, dtype: Any, bits: int | None = None):
        self.dtype_name, whole = _format(dtype)
        self.bits_of_key = _bits_of_key(whole, bits)
        if isinstance(distribution, LocationScale | Mixture):
            self.head: _base.Model = _Keys(distribution, whole.first(self.bits_of_key))
        else:
            self.head = _model_of_keys(distribution, self.bits_of_key)
        self.precision = self.head.precision

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the symbols."""
        return np.dtype(getattr(jnp, self.dtype_name))

    @property
    def shape(self) -> Shape:
        return self.head.shape

    def settings(self) -> dict[str, Any]:
        inner = self.head.distribution if isinstance(self.head, _Keys) else self.head
        return {"distribution": inner, "dtype": self.dtype_name, "bits": self.bits_of_key}

    @property
    def _rest(self) -> int:
        """The bits behind the key."""
        return FORMATS[self.dtype_name].bits - self.bits_of_key

    @property
    def _pieces(self) -> list[int]:
        """Of the bits behind the key, how many each part has, first bits first."""
        most = min(MAX_KEY_BITS, self.precision)
        return [min(most, self._rest - done) for done in range(0, self._rest, most)]

    @property
    def parts(self) -> int:
        return 1 + len(self._pieces)

    @property
    def max_bits(self) -> int:
        return self.head.max_bits + self._rest

    def part(self, k: int, values: tuple[jax.Array, ...]) -> _base.Model:
        if k == 0:
            return self.head
        bits = self._pieces[k - 1]
        return Uniform(2**bits, bits)

    def split(self, symbols: jax.Array) -> tuple[jax.Array, ...]:
        values = check_symbols(_inputs.symbols("symbols", symbols), self)
        check_fit(self.shape, values.shape)
        width = FORMATS[self.dtype_name].bits
        pattern = jax.lax.bitcast_convert_type(values, _unsigned(width))
        at, parts = width - self.bits_of_key, []
        for bits in self._pieces:
            at -= bits
            parts.append((pattern >> at & 2**bits - 1).astype(jnp.int32))
        return _keys_of(pattern, width, self.bits_of_key), *parts

    def join(self, values: tuple[jax.Array, ...]) -> jax.Array:
        key, *parts = values
        half, unsigned = 2 ** (self.bits_of_key - 1), _unsigned(FORMATS[self.dtype_name].bits)
        pattern = jnp.where(key < half, 2 * half - 1 - key, key - half).astype(unsigned)
        for bits, part in zip(self._pieces, parts, strict=True):
            pattern = pattern << bits | part.astype(unsigned)
        return jax.lax.bitcast_convert_type(pattern, self.dtype)


@_inputs.door(values=_inputs.symbols, bits=_inputs.whole_or_none)
def float_keys(values: Any, bits: int | None = None) -> jax.Array:
    """The keys of floating-point numbers: integers in the order of the numbers, see `Float`.

    Use them to fit a model of the keys, such as a `Histogram`.

    Args:
        values: floats of a dtype that `Float` takes.
        bits: of the key, as for `Float`.

    Returns:
        int32 array of the shape of the values, from 0 to 2**bits - 1.

    >>> float_keys(jnp.array([-1, -0.0, 0.0, 1], jnp.float8_e5m2))
    Array([ 67, 127, 128, 188], dtype=int32)
    """
    array = jnp.asarray(values)
    _, whole = _format(array.dtype)
    pattern = jax.lax.bitcast_convert_type(array, _unsigned(whole.bits))
    return _keys_of(pattern, whole.bits, _bits_of_key(whole, bits))


def _keys_of(pattern: jax.Array, width: int, bits: int) -> jax.Array:
    half = 2 ** (bits - 1)
    first = (pattern >> (width - bits)).astype(jnp.int32)
    return jnp.where(first < half, half + first, 2 * half - 1 - first)


def _unsigned(width: int) -> Any:
    return getattr(jnp, f"uint{width}")


def _format(dtype: Any) -> tuple[str, Format]:
    """The name of a dtype of floats, and its format."""
    try:
        name = "" if dtype is None else np.dtype(getattr(jnp, dtype) if isinstance(dtype, str) else dtype).name
    except (AttributeError, TypeError, ValueError):
        name = ""
    if name not in FORMATS:
        raise TypeError(f"dtype must be one of {', '.join(FORMATS)}, got {dtype!r}.")
    if name == "float64" and jax.dtypes.canonicalize_dtype(np.float64) != np.float64:
        raise ValueError("float64 needs JAX's 64-bit types: set jax.config.update('jax_enable_x64', True).")
    return name, FORMATS[name]


def _bits_of_key(whole: Format, bits: int | None) -> int:
    least, most = whole.bits - whole.mantissa, min(whole.bits, MAX_KEY_BITS)
    bits = most if bits is None else _inputs.whole("bits", bits)
    if not least <= bits <= most:
        raise ValueError(f"bits must be from {least} to {most} for floats of {whole.bits} bits, got {bits}.")
    return bits


def _model_of_keys(model: Any, bits: int) -> _base.Model:
    """Returns a model of keys, if that is what it is."""
    last = 2**bits - 1
    found = getattr(_inputs.model("distribution", model), "bounds", (None, None))
    wrong = [not isinstance(b, jax.core.Tracer) and np.any(b != e) for b, e in zip(found, (0, last), strict=True)]
    if model.parts or any(wrong):
        raise TypeError(
            "distribution must be a Gaussian, Laplace, Logistic, Cauchy, StudentT or a mixture, or a model of the keys "
            f"0 ... {last}, got {model!r}."
        )
    return model
