"""Models in closed form in plain JAX: one function for each family of `csrc/ffi/operands/families.h`.

A function takes the index i of a symbol and the operands. It returns `find(symbol)`, which gives an interval,
and `locate(quantile)`, which gives a symbol and its interval. If there is no interval, freq is 0 and start is
the status bit with the reason.
"""

import functools
import math

import jax.numpy as jnp
from jax import lax

from jans._checks import MAX_EDGE
from jans.reference.jax import fixed, quantizers
from jans.reference.jax.elementary import Exact, from_bits
from jans.status import BAD_MODEL, BAD_SYMBOL

u32, u64, i32, i64, f32, f64 = jnp.uint32, jnp.uint64, jnp.int32, jnp.int64, jnp.float32, jnp.float64


def choose(condition, interval, why):
    """The interval where the condition holds; elsewhere freq 0, with the status bit `why` in start."""
    start, freq = interval
    return jnp.where(condition, start, u32(why)), jnp.where(condition, freq, u32(0))


def checked(start, freq, precision):
    """Intervals from a caller, with freq 0 for invalid ones."""
    why = jnp.where((freq == 0) & (start == BAD_SYMBOL), u32(BAD_SYMBOL), u32(BAD_MODEL))
    return choose((freq != 0) & (start.astype(u64) + freq.astype(u64) <= u64(2**precision)), (start, freq), why)


def _make_interval(start, end):
    freq = end - start
    legal = (end > start) & (freq < u64(2**32))
    return choose(legal, (start.astype(u32), freq.astype(u32)), BAD_MODEL)


def _pick(array, i):
    return array[i if array.shape[0] > 1 else 0]


def _real(array, i):
    return fixed.flushed(_pick(array, i)).astype(f64)


def _floor_product(value, mass):
    product = value * mass.astype(f64)
    return jnp.minimum(jnp.where(product > 0, product, 0.0).astype(u64), mass)


def _uniform(i, sizes, *, precision):
    n = _pick(sizes, i).astype(i64)
    total = u64(2**precision)
    fits = (n >= 1) & (n <= 2**precision)
    count = jnp.where(fits, n, 1).astype(u64)
    width = total // count

    def at(symbol):
        start = width * symbol
        return choose(fits, _make_interval(start, jnp.where(symbol == count - u64(1), total, start + width)), BAD_MODEL)

    def find(symbol):
        inside = (symbol >= 0) & (symbol < n)
        return choose(~fits | inside, at(jnp.clip(symbol, 0, n - 1).astype(u64)), BAD_SYMBOL)

    def locate(q):
        symbol = jnp.minimum(q.astype(u64) // width, count - u64(1))
        return symbol.astype(i32), at(symbol)

    return find, locate


def _leaky(scaled, low, n, valid, precision, counts=1):
    """Quantises F with at least `counts` counts for each of n symbols from low on.

    scaled(k, mass) is F at edge k times mass.
    """
    fits = (n >= 1) & (n * counts <= 2**precision)
    n = jnp.where(fits, n, 1)
    mass = u64(2**precision) - jnp.where(fits, n * counts, 0).astype(u64)

    def left(k):
        inner = scaled(jnp.clip(k, 1, jnp.maximum(n - 1, 1)), mass) + (k * counts).astype(u64)
        return jnp.where(k <= 0, u64(0), jnp.where(k >= n, u64(2**precision), inner))

    def find(symbol):
        k = symbol.astype(i64) - low
        at = jnp.clip(k, 0, n - 1)
        interval = choose(valid, _make_interval(left(at), left(at + 1)), BAD_MODEL)
        return choose(fits, choose((k >= 0) & (k < n), interval, BAD_SYMBOL), BAD_MODEL)

    def locate(q):
        def halve(bounds):
            below, above = bounds
            middle = below + (above - below) // 2
            rises = left(middle) <= q.astype(u64)
            return jnp.where(rises, middle, below), jnp.where(rises, above, middle)

        below, above = lax.while_loop(lambda b: b[1] - b[0] > 1, halve, (jnp.zeros_like(n), n))
        interval = choose(fits & valid, _make_interval(left(below), left(above)), BAD_MODEL)
        return (low + below).astype(i32), interval

    return find, locate


def _support(low, high, i):
    low, high = _pick(low, i).astype(i64), _pick(high, i).astype(i64)
    return low, high - low + 1


# ---- fixed point ----


def _in_fixed_point(cdf, low, n, valid, precision):
    """As `_leaky`, where cdf(k) is F at edge k in units of 2**-32."""
    return _leaky(lambda k, mass: cdf(k) * mass >> u64(32), low, n, valid, precision)


def _binned_gaussian(i, mean, scale, edges, *, precision):
    m, s = _pick(mean, i), _pick(scale, i)
    inverse = fixed.flushed(f32(1) / s)

    def cdf(k):
        z = fixed.flushed(fixed.flushed(edges[k]) - fixed.flushed(m)) * inverse
        return fixed.normal_cdf(z).astype(u64) << u64(1)

    n = jnp.asarray(edges.shape[0] - 1, i64)
    return _in_fixed_point(cdf, i64(0), n, fixed.is_finite(m) & fixed.is_scale(s), precision)


def _mixture_rows(logits, mean, scale):
    """The weights of a mixture, one over its scales, and whether its parameters are valid."""
    weights, valid = fixed.softmax_weights(logits, 16)
    return weights, fixed.flushed(f32(1) / scale), valid & jnp.all(fixed.is_finite(mean) & fixed.is_scale(scale))


def _mixture(component):
    def model(i, logits, mean, scale, low, high, *, precision):
        m, s = _pick(mean, i), _pick(scale, i)
        low, n = _support(low, high, i)
        n = jnp.where((low < -MAX_EDGE) | (low + n - 1 > MAX_EDGE), 0, n)
        first_edge = low.astype(f32) - f32(0.5)
        weights, inverse, valid = _mixture_rows(_pick(logits, i), m, s)

        def cdf(k):
            z = (first_edge + k.astype(f32) - m) * inverse
            return jnp.sum(weights * component(z).astype(u64)) >> u64(15)

        return _in_fixed_point(cdf, low, n, valid, precision)

    return model


# ---- float64 ----


def _gaussian_cdf(exact, z):
    return (1 + exact.erf(z)) * 0.5


def _laplace_cdf(exact, z):
    half = exact.times(exact.exp(-jnp.abs(z)), 0.5)
    return jnp.where(z <= 0, half, 1 - half)


def _logistic_cdf(exact, z):
    return exact.divide(f64(1), 1 + exact.exp(-z))


def _cauchy_cdf(exact, z):
    return exact.times(exact.atan(z), 0.318309886183790671538) + 0.5


def _on_integers(cdf, unit=1.0):
    def model(i, location, scale, low, high, *, precision):
        m, s = _real(location, i), _real(scale, i)
        valid = fixed.is_finite(_pick(location, i)) & fixed.is_scale(_pick(scale, i))
        low, n = _support(low, high, i)
        exact = Exact(s)

        def scaled(k, mass):
            z = exact.divide((low + k).astype(f64) - 0.5 - m, exact.times(s, unit))
            snapped = exact.fixed(exact.fixed(z + 98304.0) - 98304.0)
            z = jnp.where((s > 2.0**36) & (jnp.abs(z) < 32768), snapped, z)
            return _floor_product(exact.fixed(cdf(exact, z)), mass)

        return _leaky(scaled, low, n, valid, precision)

    return model


def _geometric(i, high, prob, *, precision):
    p = _real(prob, i)
    valid = (p >= 2.0**-40) & (p <= 1)
    exact = Exact(p)
    log_failure = jnp.where(valid & (p < 1), exact.log1p(-jnp.where(valid & (p < 1), p, 0.5)), -math.inf)

    def scaled(k, mass):
        return _floor_product(exact.fixed(1 - exact.exp(exact.times(k.astype(f64), log_failure))), mass)

    return _leaky(scaled, i64(0), _pick(high, i).astype(i64) + 1, valid, precision)


def _incomplete_beta(exact, x, p, q):
    log_beta = exact.log_gamma(p) + exact.log_gamma(q) - exact.log_gamma(p + q)
    sum_pq = p + q
    flip = p < exact.times(sum_pq, x)
    base, complement = jnp.where(flip, 1 - x, x), jnp.where(flip, x, 1 - x)
    p, q = jnp.where(flip, q, p), jnp.where(flip, p, q)
    parts = jnp.trunc(q + exact.times(complement, sum_pq)).astype(i64)
    ratio = exact.divide(base, complement)

    def step(carry):
        term, index, total, parts, factor, sum_pq, _ = carry
        now = jnp.where(parts == 0, base, ratio)
        now = jnp.where(parts < 0, base, now)
        term = exact.divide(exact.times(exact.times(term, factor), now), p + index)
        total = total + term
        size = jnp.abs(term)
        done = (size <= 1e-15) & (size <= exact.times(total, 1e-15))
        index, parts = index + 1, parts - 1
        factor = jnp.where(parts >= 0, q - index, sum_pq)
        sum_pq = jnp.where(parts >= 0, sum_pq, sum_pq + 1)
        return term, index, total, parts, factor, sum_pq, done

    one = jnp.ones_like(x)
    start = (one, one, one, parts, q - 1, sum_pq, x != x)
    total = lax.while_loop(lambda carry: ~carry[-1], step, start)[2]
    power = exact.times(p, exact.log(base)) + exact.times(q - 1, exact.log(complement)) - log_beta
    total = exact.divide(exact.times(total, exact.exp(power)), p)
    return jnp.where(flip, 1 - total, total)


def _binomial(i, trials, prob, *, precision):
    p, n = _real(prob, i), _pick(trials, i).astype(i64)
    valid = (p >= 0) & (p <= 1)
    exact = Exact(p)
    failure = 1 - p
    inner = valid & (failure > 0) & (failure < 1)
    x = jnp.where(inner, failure, 0.5)

    def scaled(k, mass):
        at = jnp.minimum(k, jnp.maximum(n, 1)).astype(f64)
        count = jnp.maximum(n, 1).astype(f64)
        first = exact.pow(x, count)
        later = _incomplete_beta(exact, x, jnp.maximum(count - (at - 1), 1.0), at)
        value = _floor_product(exact.fixed(jnp.where(k == 1, first, later)), mass)
        return jnp.where(inner, value, jnp.where(failure <= 0, u64(0), mass))

    return _leaky(scaled, i64(0), jnp.where(n < 0, 0, n + 1), valid, precision)


# ---- Student's t ----


def _inverse_beta_half(exact, a):
    product = jnp.full_like(a, 0.56418958354775628695)
    for k in range(8):
        product = exact.divide(exact.times(product, a + k), a + k + 0.5)
    z = exact.divide(f64(1), a + 8)
    y = exact.times(z, z)
    terms = (-0.125, 5.20833333333333333333e-03, -1.5625e-03, 1.18582589285714285714e-03, -1.68185763888888888889e-03)
    series = exact.times(z, exact.horner(y, terms))
    return exact.times(exact.times(product, jnp.sqrt(a + 8)), exact.exp(series))


def _beta_fraction(exact, a, b, x):
    total = a + b
    start = exact.divide(f64(1), 1 - exact.divide(exact.times(total, x), a + 1))

    def half(c, d, step):
        return 1 + exact.divide(step, c), exact.divide(f64(1), 1 + exact.times(step, d))

    def turn(carry):
        m, c, d, h, _ = carry
        odd = a + 2 * m
        even = exact.divide(exact.times(exact.times(m, b - m), x), exact.times(odd - 1, odd))
        c, d = half(c, d, even)
        h = exact.times(exact.times(h, d), c)
        following = exact.divide(exact.times(exact.times(-(a + m), total + m), x), exact.times(odd, odd + 1))
        c, d = half(c, d, following)
        change = exact.times(d, c)
        return m + 1, c, d, exact.times(h, change), jnp.abs(change - 1) < 2.0**-40

    one = jnp.ones_like(x)
    carry = (one, one, start, start, x != x)
    return lax.while_loop(lambda carry: (carry[0] <= 64) & ~carry[-1], turn, carry)[3]


def _student_cdf(exact, z, df, inverse_beta):
    t = jnp.abs(z)
    a = 0.5 * df
    ratio = exact.times(exact.divide(t, df), t)
    inner = (t != 0) & (ratio < 1e200)
    ratio = jnp.where(inner, ratio, 1.0)
    x, y = exact.divide(f64(1), 1 + ratio), exact.divide(ratio, 1 + ratio)
    front = exact.times(
        exact.times(exact.exp(exact.times(-a, exact.log1p(ratio))), jnp.sqrt(exact.fixed(y))), inverse_beta
    )
    outside = exact.times(x, a + 2.5) < a + 1
    half = jnp.full_like(a, 0.5)
    fraction = _beta_fraction(exact, jnp.where(outside, a, half), jnp.where(outside, half, a), jnp.where(outside, x, y))
    product = exact.times(front, fraction)
    tail = jnp.where(outside, exact.times(exact.divide(product, a), 0.5), 0.5 - product)
    tail = jnp.where(tail > 0, jnp.minimum(tail, 0.5), 0.0)
    tail = jnp.where(inner, tail, jnp.where(t == 0, 0.5, 0.0))
    return jnp.where(z <= 0, tail, 1 - tail)


def _is_df(df):
    return (df >= 0.0625) & (df <= 1048576.0)


def _student_t(i, df, location, scale, low, high, *, precision):
    nu, m, s = _real(df, i), _real(location, i), _real(scale, i)
    valid = _is_df(nu) & fixed.is_finite(_pick(location, i)) & fixed.is_scale(_pick(scale, i))
    low, n = _support(low, high, i)
    exact = Exact(s)
    nu = jnp.where(valid, nu, 1.0)
    inverse_beta = _inverse_beta_half(exact, 0.5 * nu)

    def scaled(k, mass):
        z = exact.divide((low + k).astype(f64) - 0.5 - m, s)
        return _floor_product(exact.fixed(_student_cdf(exact, z, nu, inverse_beta)), mass)

    return _leaky(scaled, low, n, valid, precision, counts=2)


# ---- floats ----


class _FloatFormat:
    """See FloatFormat in csrc/core/models/floats.h."""

    def __init__(self, numbers):
        self.bits, self.mantissa, self.bias, self.last, self.whole, self.one_zero = numbers.astype(i64)
        exponent = self.bits - 1 - self.mantissa
        usual = (self.bias >= 0) & (self.bias <= 127) & (exponent <= 8)
        self.valid = (
            ((self.bits >= 2) & (self.bits <= 16) & (self.mantissa >= 0) & (exponent >= 1) & (exponent <= 11))
            & (self.last >= 0)
            & (usual | (self.bias == 1023))
        )
        self.half = i64(1) << jnp.clip(self.bits - 1, 0, 15)

    @property
    def size(self):
        return jnp.where(self.valid, 2 * self.half, 0)

    def _edge_of(self, p):
        fraction_bits = jnp.clip(self.mantissa, 0, 15) + (self.whole != 0)
        q = jnp.where(self.whole != 0, 2 * p - 1, p)
        exponent = q >> fraction_bits
        fraction = q - (exponent << fraction_bits)
        power = jnp.clip(1 - self.bias - fraction_bits, -1022, 1023)
        small = jnp.where(
            self.bias == 1023, 0.0, fraction.astype(f64) * from_bits((power + 1023).astype(u64) << u64(52))
        )
        shifted = exponent - self.bias + 1023
        shifted_bits = jnp.clip(shifted, 0, 2047).astype(u64) << u64(52)
        usual = from_bits(shifted_bits | fraction.astype(u64) << (52 - fraction_bits).astype(u64))
        beyond = (p > self.last) | ((exponent != 0) & (shifted >= 2047))
        return jnp.where(beyond, math.inf, jnp.where(exponent == 0, small, usual))

    def edge(self, k):
        p = k - self.half
        p = jnp.where((p == 0) & (self.one_zero != 0), -1, p)
        edge = self._edge_of(jnp.maximum(jnp.abs(p), 1))
        return jnp.where(p > 0, edge, jnp.where(p < 0, -edge, 0.0))


_LINES = (_gaussian_cdf, _laplace_cdf, _logistic_cdf, _cauchy_cdf)


def _float_line(i, df, location, scale, layout, *, precision):
    shape, numbers = layout[0], _FloatFormat(layout[1:])
    m, s = _real(location, i), _real(scale, i)
    student = shape == len(_LINES)
    nu = _real(df, i)
    valid = (
        (shape >= 0) & (shape <= len(_LINES)) & fixed.is_finite(_pick(location, i)) & fixed.is_scale(_pick(scale, i))
    )
    valid &= ~student | _is_df(nu)
    exact = Exact(s)
    nu = jnp.where(valid & student, nu, 1.0)
    inverse_beta = _inverse_beta_half(exact, 0.5 * nu)
    unit = jnp.where(shape == 0, exact.times(s, 1.41421356237309504880), s)

    def scaled(k, mass):
        edge = numbers.edge(k)
        z = exact.divide(edge - m, unit)
        snapped = exact.fixed(exact.fixed(z + 98304.0) - 98304.0)
        z = jnp.where(jnp.abs(z) < 32768, snapped, z)
        student_cdf = functools.partial(_student_cdf, df=nu, inverse_beta=inverse_beta)
        forms = [functools.partial(cdf, exact) for cdf in (*_LINES, student_cdf)]
        value = lax.switch(jnp.clip(shape, 0, len(_LINES)), forms, z)
        value = jnp.where(jnp.isinf(edge), jnp.where(edge > 0, 1.0, 0.0), value)
        return _floor_product(exact.fixed(value), mass)

    return _leaky(scaled, i64(0), numbers.size, valid, precision, counts=jnp.where(student, 2, 1))


def _float_mixture(i, logits, mean, scale, layout, *, precision):
    m, s = _pick(mean, i), _pick(scale, i)
    numbers = _FloatFormat(layout[1:])
    weights, inverse, valid = _mixture_rows(_pick(logits, i), m, s)

    def cdf(k):
        edge = fixed.flushed(numbers.edge(k).astype(f32))
        distance = fixed.flushed(edge - fixed.flushed(m))
        z = distance * inverse
        parts = jnp.where(layout[0] != 0, fixed.logistic_cdf(z), fixed.normal_cdf(z)).astype(u64)
        ends = jnp.where(distance > 0, u64(2**31), u64(0))
        return jnp.sum(weights * jnp.where(jnp.isfinite(distance), parts, ends)) >> u64(15)

    return _in_fixed_point(cdf, i64(0), numbers.size, valid, precision)


# ---- sums of masses ----


def _summed(exact, ratio, n, valid, precision):
    """A model whose masses follow from one another:
    ratio(k) is the mass of symbol k + 1 divided by that of symbol k."""
    fits = (n >= 1) & (n <= min(2**precision, 2**16))
    n = jnp.where(fits, n, 1)
    mass = u64(2**precision) - n.astype(u64)

    def walk(stop):
        """Adds up masses until stop(k, sum, scalings) holds, or k is n.

        The sum is that of the first k masses, and `scalings` counts how often it was scaled down. Returns
        (k, sum, scalings) at the end, and the same for the k before.
        """

        def step(carry):
            (k, total, scalings), _, term = carry
            grown = total + term
            large = grown > 2.0**512
            term = jnp.where(large, term * 2.0**-512, term)
            after = (k + 1, jnp.where(large, grown * 2.0**-512, grown), scalings + large)
            term = jnp.where(k + 1 < n, exact.times(term, ratio(k)), term)
            return after, (k, total, scalings), jnp.where(term < 2.0**-900, 0.0, term)

        start = (jnp.zeros_like(n), 0.0 * mass.astype(f64), jnp.zeros_like(n))
        now, before, _ = lax.while_loop(
            lambda carry: (carry[0][0] < n) & ~stop(*carry[0]), step, (start, start, jnp.ones_like(start[1]))
        )
        return now, before

    _, whole, unit = walk(lambda k, *_: k < 0)[0]
    scale = exact.divide(mass.astype(f64), whole)

    def left(k, total, scalings):
        value = jnp.where(scalings == unit, total, jnp.where(scalings + 1 == unit, total * 2.0**-512, 0.0))
        scaled = jnp.minimum((value * scale).astype(u64), mass)
        return jnp.where(k == n, u64(2**precision), scaled + k.astype(u64))

    def find(symbol):
        at = jnp.clip(symbol, 0, n - 1)
        after, before = walk(lambda k, *_: k == at + 1)
        interval = choose(valid, _make_interval(left(*before), left(*after)), BAD_MODEL)
        return choose(fits, choose((symbol >= 0) & (symbol < n), interval, BAD_SYMBOL), BAD_MODEL)

    def locate(q):
        after, before = walk(lambda *sum: left(*sum) > q.astype(u64))
        return before[0].astype(i32), choose(fits & valid, _make_interval(left(*before), left(*after)), BAD_MODEL)

    return find, locate


def _poisson(i, high, rate, *, precision):
    r = _real(rate, i)
    valid = (r >= 1 / 1e30) & (r <= 1e30)
    safe = jnp.where(valid, r, 1.0)
    exact = Exact(r)
    ratio = lambda k: exact.divide(safe, (k + 1).astype(f64))
    return _summed(exact, ratio, _pick(high, i).astype(i64) + 1, valid, precision)


def _beta_binomial(i, trials, alpha, beta, *, precision):
    a, b, n = _real(alpha, i), _real(beta, i), _pick(trials, i).astype(i64)
    legal = lambda x: (x >= 1 / 1e30) & (x <= 1e30)
    valid = legal(a) & legal(b)
    exact = Exact(a)
    a, b = jnp.where(valid, a, 1.0), jnp.where(valid, b, 1.0)

    def ratio(k):
        at, count = k.astype(f64), n.astype(f64)
        return exact.divide(exact.times(count - at, at + a), exact.times(at + 1, exact.fixed(count - at - 1) + b))

    return _summed(exact, ratio, n + 1, valid, precision)


def _lazy(i, probs, *, precision):
    (cdf,) = quantizers.quantize_probs(_pick(probs, i), jnp.zeros(0, bool), precision=precision)
    n, valid = cdf.shape[0] - 1, cdf[0] == 0

    def at(symbol):
        start = cdf[symbol]
        return choose(valid, (start, cdf[symbol + 1] - start), BAD_MODEL)

    def find(symbol):
        return choose((symbol >= 0) & (symbol < n), at(jnp.clip(symbol, 0, n - 1)), BAD_SYMBOL)

    def locate(q):
        symbol = jnp.where(valid, jnp.sum(cdf[:-1] <= q) - 1, 0).astype(i32)
        return symbol, at(symbol)

    return find, locate


FAMILIES = {
    "lazy": _lazy,
    "uniform": _uniform,
    "binned_gaussian": _binned_gaussian,
    "logistic_mixture": _mixture(fixed.logistic_cdf),
    "gaussian_mixture": _mixture(fixed.normal_cdf),
    "gaussian": _on_integers(_gaussian_cdf, 1.41421356237309504880),
    "laplace": _on_integers(_laplace_cdf),
    "logistic": _on_integers(_logistic_cdf),
    "cauchy": _on_integers(_cauchy_cdf),
    "geometric": _geometric,
    "binomial": _binomial,
    "poisson": _poisson,
    "beta_binomial": _beta_binomial,
    "student_t": _student_t,
    "float_line": _float_line,
    "float_mixture": _float_mixture,
}
