"""Elementary functions in float64 in plain JAX, as in `csrc/core/elementary.h`.

A compiler may fuse a product and a sum into one operation, or replace a quotient by a product with a
reciprocal. Either changes the last bit. Here products and divisors therefore pass through integers, combined
with a zero that the compiler cannot recognise.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax

f64, i64, u64 = jnp.float64, jnp.int64, jnp.uint64

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
EXP = (
    1.66666666666666019037e-01,
    -2.77777777770155933842e-03,
    6.61375632143793436117e-05,
    -1.65339022054652515390e-06,
    4.13813679705723846039e-08,
)
LOG_EVEN = (3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01)
LOG_ODD = (6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01, 1.479819860511658591e-01)
ATAN_ODD = (
    3.33333333333329318027e-01,
    1.42857142725034663711e-01,
    9.09088713343650656196e-02,
    6.66107313738753120669e-02,
    4.97687799461593236017e-02,
    1.62858201153657823623e-02,
)
ATAN_EVEN = (
    -1.99999999998764832476e-01,
    -1.11111104054623557880e-01,
    -7.69187620504482999495e-02,
    -5.83357013379057348645e-02,
    -3.65315727442169155270e-02,
)
ERF_SMALL = (
    (
        1.28379167095512558561e-01,
        -3.25042107247001499370e-01,
        -2.84817495755985104766e-02,
        -5.77027029648944159157e-03,
        -2.37630166566501626084e-05,
    ),
    (
        1.0,
        3.97917223959155352819e-01,
        6.50222499887672944485e-02,
        5.08130628187576562776e-03,
        1.32494738004321644526e-04,
        -3.96022827877536812320e-06,
    ),
)
ERF_MIDDLE = (
    (
        -2.36211856075265944077e-03,
        4.14856118683748331666e-01,
        -3.72207876035701323847e-01,
        3.18346619901161753674e-01,
        -1.10894694282396677476e-01,
        3.54783043256182359371e-02,
        -2.16637559486879084300e-03,
    ),
    (
        1.0,
        1.06420880400844228286e-01,
        5.40397917702171048937e-01,
        7.18286544141962662868e-02,
        1.26171219808761642112e-01,
        1.36370839120290507362e-02,
        1.19844998467991074170e-02,
    ),
)
ERFC_NEAR = (
    (
        -9.86494403484714822705e-03,
        -6.93858572707181764372e-01,
        -1.05586262253232909814e01,
        -6.23753324503260060396e01,
        -1.62396669462573470355e02,
        -1.84605092906711035994e02,
        -8.12874355063065934246e01,
        -9.81432934416914548592e00,
    ),
    (
        1.0,
        1.96512716674392571292e01,
        1.37657754143519042600e02,
        4.34565877475229228821e02,
        6.45387271733267880336e02,
        4.29008140027567833386e02,
        1.08635005541779435134e02,
        6.57024977031928170135e00,
        -6.04244152148580987438e-02,
    ),
)
ERFC_FAR = (
    (
        -9.86494292470009928597e-03,
        -7.99283237680523006574e-01,
        -1.77579549177547519889e01,
        -1.60636384855821916062e02,
        -6.37566443368389627722e02,
        -1.02509513161107724954e03,
        -4.83519191608651397019e02,
    ),
    (
        1.0,
        3.03380607434824582924e01,
        3.25792512996573918826e02,
        1.53672958608443695994e03,
        3.19985821950859553908e03,
        2.55305040643316442583e03,
        4.74528541206955367215e02,
        -2.24409524465858183362e01,
    ),
)
GAMMA_FAR = (
    8.33333333333329678849e-02,
    -2.77777777728775536470e-03,
    7.93650558643019558500e-04,
    -5.95187557450339963135e-04,
    8.36339918996282139126e-04,
    -1.63093934096575273989e-03,
)
POW_LOG = (
    5.99999999999994648725e-01,
    4.28571428578550184252e-01,
    3.33333329818377432918e-01,
    2.72728123808534006489e-01,
    2.30660745775561754067e-01,
    2.06975017800338417784e-01,
)


def to_bits(x):
    return lax.bitcast_convert_type(x, jnp.uint64)


def from_bits(bits):
    return lax.bitcast_convert_type(bits, jnp.float64)


def high_word(x):
    return (to_bits(x) >> u64(32)).astype(i64)


def without_low_word(x):
    return from_bits(to_bits(x) >> u64(32) << u64(32))


def _with_high_word(high, x):
    return from_bits(high.astype(u64) << u64(32) | to_bits(x) & u64(0xFFFFFFFF))


def power_of_two(k):
    return from_bits((k + 1023).astype(u64) << u64(52))


class Exact:
    """Arithmetic that the compiler does not fuse.

    `witness` is any float of the data. It is not NaN, but the compiler cannot know this.
    """

    def __init__(self, witness: jax.Array):
        self._zero = (witness != witness).astype(u64)

    def fixed(self, x):
        """x, in a form into which the compiler folds nothing."""
        return from_bits(to_bits(x) ^ self._zero)

    def times(self, a, b):
        return self.fixed(a * b)

    def divide(self, a, b):
        # The zero comes from the dividend, so that the divisor is not the same for all elements of an array.
        return self.fixed(a / from_bits(to_bits(b) ^ (a != a).astype(u64)))

    def horner(self, x, coefficients):
        value = f64(coefficients[-1])
        for c in reversed(coefficients[:-1]):
            value = c + self.times(x, value)
        return value

    def exp(self, x):
        high = high_word(x) & 0x7FFFFFFF
        negative = x < 0
        whole = jnp.trunc(self.times(x, 1.44269504088896338700) + jnp.where(negative, -0.5, 0.5))
        k = jnp.where(high >= 0x3FF0A2B2, whole, jnp.where(negative, -1.0, 1.0))
        reduce = high > 0x3FD62E42
        k = jnp.where(reduce, jnp.clip(k, -1080, 1025), 0.0)
        upper = jnp.where(reduce, x - self.times(k, LN2_HIGH), x)
        lower = jnp.where(reduce, self.times(k, LN2_LOW), 0.0)
        r = jnp.where(reduce, self.fixed(upper - lower), x)
        square = self.times(r, r)
        c = r - self.times(square, self.horner(square, EXP))
        y = 1 + (self.divide(self.times(r, c), 2 - c) - lower + upper)
        k = k.astype(i64)
        scaled = jnp.where(
            k >= 1024,
            y * 2 * power_of_two(jnp.full_like(k, 1023)),
            jnp.where(k < -1022, 0.0, y * power_of_two(jnp.clip(k, -1022, 1023))),
        )
        scaled = jnp.where(high <= 0x3E300000, 1 + x, scaled)
        return jnp.where(x > 709.782712893383973096, math.inf, jnp.where(x < -708.39641853226410622, 0.0, scaled))

    def _log_one_plus(self, f, c, k):
        half_square = self.times(self.times(f64(0.5), f), f)
        s = self.divide(f, 2.0 + f)
        z = self.times(s, s)
        w = self.times(z, z)
        even = self.times(w, self.horner(w, LOG_EVEN))
        odd = self.times(z, self.horner(w, LOG_ODD))
        low, high = self.times(k, LN2_LOW), self.times(k, LN2_HIGH)
        return self.times(s, half_square + (odd + even)) + (low + c) - half_square + f + high

    def _reduced(self, u):
        high = high_word(u) + (0x3FF00000 - 0x3FE6A09E)
        k = (high >> 20) - 0x3FF
        return _with_high_word((high & 0x000FFFFF) + 0x3FE6A09E, u), k.astype(f64)

    def log(self, x):
        a, k = self._reduced(x)
        return jnp.where(x == 1, 0.0, self._log_one_plus(self.fixed(a) - 1, 0.0, k))

    def log1p(self, x):
        high = high_word(x)
        near = jnp.where(x < 0, high <= 0xBFD2BEC4, high < 0x3FDA827A)
        u = self.fixed(1 + x)
        a, k = self._reduced(u)
        c = jnp.where(k >= 2, 1 - self.fixed(u - x), x - self.fixed(u - 1))
        c = jnp.where(k < 54, self.divide(c, u), 0.0)
        f = jnp.where(near, x, self.fixed(a) - 1)
        value = self._log_one_plus(f, jnp.where(near, 0.0, c), jnp.where(near, 0.0, k))
        return jnp.where((high & 0x7FFFFFFF) < 0x3CA00000, x, value)

    def atan(self, x):
        high = high_word(x) & 0x7FFFFFFF
        t = jnp.abs(x)
        turned = self.divide(t - 1.5, 1 + self.times(t, 1.5))
        # Each piece: the end of its arguments, the reduced argument, and atan of the reduction in two parts.
        pieces = (
            (0x3FE60000, self.divide(2 * t - 1, 2 + t), 4.63647609000806093515e-01, 2.26987774529616870924e-17),
            (0x3FF30000, self.divide(t - 1, t + 1), 7.85398163397448278999e-01, 3.06161699786838301793e-17),
            (0x40038000, turned, 9.82793723247329054082e-01, 1.39033110312309984516e-17),
            (0x7FF00000, self.divide(f64(-1), t), 1.57079632679489655800e00, 6.12323399573676603587e-17),
        )
        r, upper, lower = f64(0), f64(0), f64(0)
        for end, value, above, below in reversed(pieces):
            inside = high < end
            r, upper = jnp.where(inside, value, r), jnp.where(inside, above, upper)
            lower = jnp.where(inside, below, lower)
        direct = high < 0x3FDC0000
        r = self.fixed(jnp.where(direct, x, r))
        z = self.times(r, r)
        w = self.times(z, z)
        odd, even = self.times(z, self.horner(w, ATAN_ODD)), self.times(w, self.horner(w, ATAN_EVEN))
        bent = self.times(r, odd + even)
        whole = upper - (bent - lower - r)
        value = jnp.where(direct, r - bent, jnp.where(x < 0, -whole, whole))
        far = jnp.where(x < 0, -1.57079632679489655800e00, 1.57079632679489655800e00)
        return jnp.where(high >= 0x44100000, far, jnp.where(high < 0x3E400000, x, value))

    def _ratio(self, x, pair):
        return self.divide(self.horner(x, pair[0]), self.horner(x, pair[1]))

    def erf(self, x):
        high = high_word(x) & 0x7FFFFFFF
        tiny = 0.125 * (8 * x + self.times(x, 1.02703333676410069053e00))
        small = x + self.times(x, self._ratio(self.times(x, x), ERF_SMALL))
        t = jnp.clip(jnp.abs(x), 0.5, 6.0)
        middle = (1 - 8.45062911510467529297e-01) - self._ratio(t - 1, ERF_MIDDLE)
        s = self.divide(f64(1), self.times(t, t))
        ratio = jnp.where(high < 0x4006DB6D, self._ratio(s, ERFC_NEAR), self._ratio(s, ERFC_FAR))
        z = without_low_word(t)
        first = self.exp(-self.times(z, z) - 0.5625)
        second = self.exp(self.times(z - t, z + t) + ratio)
        tail = self.divide(self.times(first, second), t)
        complement = self.fixed(jnp.where(high < 0x3FF40000, middle, tail))
        large = jnp.where(high < 0x40180000, 1 - complement, 1.0)
        large = jnp.where(x < 0, -large, large)
        return jnp.where(high < 0x3E300000, tiny, jnp.where(high < 0x3FEB0000, small, large))

    def log_gamma(self, x):
        """log(gamma(x)) of an integer x of at least 1."""
        factorial = f64(1)
        for k in range(6, 1, -1):
            factorial = jnp.where(x > k, factorial * k, factorial)
        near = self.log(self.fixed(factorial))
        t = self.log(x)
        z = self.divide(f64(1), x)
        square = self.times(z, z)
        w = 4.18938533204672725052e-01 + self.times(z, self.horner(square, GAMMA_FAR))
        far = self.times(x - 0.5, t - 1) + w
        return jnp.where(x <= 2, 0.0, jnp.where(x < 8, near, far))

    def pow(self, x, y):
        """x**y for 0 < x < 1 and 1 <= y < 2**31."""
        high = high_word(x)
        n = (high >> 20) - 0x3FF
        fraction = high & 0x000FFFFF
        up = fraction >= 0xBB67A
        upper = (fraction > 0x3988E) & ~up
        n = n + up
        high = (fraction | 0x3FF00000) - jnp.where(up, 0x00100000, 0)
        a = self.fixed(_with_high_word(high, x))
        base = jnp.where(upper, 1.5, 1.0)
        base_log = jnp.where(upper, 5.84962487220764160156e-01, 0.0)
        base_log_low = jnp.where(upper, 1.35003920212974897128e-08, 0.0)
        u, v = a - base, self.divide(f64(1), a + base)
        s = self.times(u, v)
        s_high = without_low_word(s)
        wholehigh = (high >> 1 | 0x20000000) + 0x00080000 + jnp.where(upper, 1 << 18, 0)
        t_high = self.fixed(from_bits(wholehigh.astype(u64) << u64(32)))
        t_low = a - self.fixed(t_high - base)
        s_low = self.times(v, (u - self.times(s_high, t_high)) - self.times(s_high, t_low))
        s2 = self.times(s, s)
        r = self.times(self.times(s2, s2), self.horner(s2, POW_LOG))
        r = r + self.times(s_low, s_high + s)
        s2 = self.times(s_high, s_high)
        t_high = without_low_word(3 + s2 + r)
        t_low = r - (self.fixed(t_high - 3) - s2)
        u = self.times(s_high, t_high)
        v = self.times(s_low, t_high) + self.times(t_low, s)
        p_high = without_low_word(u + v)
        p_low = v - self.fixed(p_high - u)
        z_high = self.times(p_high, 9.61796700954437255859e-01)
        z_low = (
            self.times(p_high, -7.02846165095275826516e-09) + self.times(p_low, 9.61796693925975554329e-01)
        ) + base_log_low
        whole = n.astype(f64)
        t1 = without_low_word(((z_high + z_low) + base_log) + whole)
        t2 = z_low - ((self.fixed(t1 - whole) - base_log) - z_high)
        y1 = without_low_word(y)
        p_low = self.times(y - y1, t1) + self.times(y, t2)
        p_high = self.times(y1, t1)
        z = self.fixed(p_low + p_high)
        underflow = z < -1022
        z = jnp.where(underflow, -1022.0, z)
        word = high_word(z)
        shift = jnp.clip(((word & 0x7FFFFFFF) >> 20) - 0x3FF + 1, 0, 20)
        rounded = word + (0x00100000 >> shift)
        k = jnp.clip(((rounded & 0x7FFFFFFF) >> 20) - 0x3FF, 0, 20)
        large = (word & 0x7FFFFFFF) > 0x3FE00000
        whole = from_bits((rounded & ~(0x000FFFFF >> k) & 0xFFFFFFFF).astype(u64) << u64(32))
        p_high = jnp.where(large, self.fixed(p_high - whole), p_high)
        n = jnp.where(large, -((rounded & 0x000FFFFF | 0x00100000) >> (20 - k)), 0)
        t = without_low_word(p_low + p_high)
        u = self.times(t, 6.93147182464599609375e-01)
        v = self.times(p_low - self.fixed(t - p_high), 6.93147180559945286227e-01) + self.times(
            t, -1.90465429995776804525e-09
        )
        z = self.fixed(u + v)
        w = v - self.fixed(z - u)
        square = self.times(z, z)
        c = z - self.times(square, self.horner(square, EXP))
        r = self.divide(self.times(z, c), c - 2) - (w + self.times(z, w))
        value = 1 - (r - z)
        value = jnp.where(n < -1022, 0.0, value * power_of_two(jnp.maximum(n, -1022)))
        return jnp.where(y == 1, x, jnp.where(y == 2, self.times(x, x), jnp.where(underflow, 0.0, value)))
