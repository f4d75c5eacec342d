// Elementary functions in float64, the same to the last bit on every machine: only + - * /, comparisons, conversions
// and integer operations, in the order in which fdlibm does them (Sun Microsystems 1993; the algorithms, coefficients
// and thresholds are those of FreeBSD's msun, which musl and Rust's libm share). Errors are below one unit in the last
// place.
//
// Results below the normal range are zero, and arguments are never subnormal: some machines flush such numbers.
#ifndef JANS_CORE_ELEMENTARY_H_
#define JANS_CORE_ELEMENTARY_H_

#include <cmath>
#include <cstring>

#include "portable.h"

namespace jans {

JANS_HD uint64_t ToBits(double x) {
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}

JANS_HD double FromBits(uint64_t bits) {
  double x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

// Sign, exponent and the first 20 bits of the fraction: what fdlibm compares.
JANS_HD uint32_t HighWord(double x) { return static_cast<uint32_t>(ToBits(x) >> 32); }
JANS_HD double WithoutLowWord(double x) { return FromBits(ToBits(x) >> 32 << 32); }
JANS_HD double Magnitude(double x) { return fabs(x); }
JANS_HD double WithSign(double x, double of) { return copysign(x, of); }
JANS_HD double SquareRoot(double x) { return sqrt(x); }
JANS_HD double Infinity() { return FromBits(uint64_t{0x7FF} << 52); }

// 2^k, -1022 <= k <= 1023.
JANS_HD double PowerOfTwo(int k) { return FromBits(static_cast<uint64_t>(k + 1023) << 52); }

// c0 + x * (c1 + x * (...)).
JANS_HD double Horner(double, double c) { return c; }
template <typename... Rest>
JANS_HD double Horner(double x, double c, Rest... rest) {
  return c + x * Horner(x, rest...);
}

constexpr double kLn2High = 6.93147180369123816490e-01;  // with trailing zeros, so that small multiples are exact
constexpr double kLn2Low = 1.90821492927058770002e-10;

JANS_FUNCTION double Exp(double x) {
  if (x > 709.782712893383973096) return Infinity();
  if (x < -708.39641853226410622) return 0;
  const uint32_t high = HighWord(x) & 0x7FFFFFFF;
  if (high <= 0x3E300000) return 1 + x;  // |x| < 2^-28
  // x = k ln 2 + r, |r| <= ln 2 / 2.
  int k = 0;
  double upper = x, lower = 0;
  if (high > 0x3FD62E42) {
    k = high >= 0x3FF0A2B2 ? static_cast<int>(1.44269504088896338700 * x + (x < 0 ? -0.5 : 0.5)) : (x < 0 ? -1 : 1);
    upper = x - k * kLn2High;
    lower = k * kLn2Low;
    x = upper - lower;
  }
  const double xx = x * x;
  const double c = x - xx * Horner(xx, 1.66666666666666019037e-01, -2.77777777770155933842e-03,
                                   6.61375632143793436117e-05, -1.65339022054652515390e-06, 4.13813679705723846039e-08);
  const double y = 1 + (x * c / (2 - c) - lower + upper);
  if (k == 1024) return y * 2 * PowerOfTwo(1023);
  return k < -1022 ? 0 : y * PowerOfTwo(k);
}

// What Log and Log1p share: log(1 + f) + c + k ln 2 for 1 + f from sqrt(1/2) to sqrt(2).
JANS_HD double LogOnePlus(double f, double c, int k) {
  const double half_square = 0.5 * f * f;
  const double s = f / (2.0 + f);
  const double z = s * s, w = z * z;
  const double even = w * Horner(w, 3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01);
  const double odd = z * Horner(w, 6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01,
                                1.479819860511658591e-01);
  return s * (half_square + (odd + even)) + (k * kLn2Low + c) - half_square + f + k * kLn2High;
}

// Of a positive number.
JANS_FUNCTION double Log(double x) {
  if (x == 1) return 0;
  const uint32_t high = HighWord(x) + (0x3FF00000 - 0x3FE6A09E);
  const int k = static_cast<int>(high >> 20) - 0x3FF;
  const uint64_t reduced = uint64_t{(high & 0x000FFFFF) + 0x3FE6A09E} << 32 | (ToBits(x) & 0xFFFFFFFF);
  return LogOnePlus(FromBits(reduced) - 1, 0, k);
}

// Of a number above -1.
JANS_FUNCTION double Log1p(double x) {
  const uint32_t high = HighWord(x);
  if ((high & 0x7FFFFFFF) < 0x3CA00000) return x;                    // |x| < 2^-53
  const bool near = x < 0 ? high <= 0xBFD2BEC4 : high < 0x3FDA827A;  // 1 + x from sqrt(1/2) to sqrt(2)
  if (near) return LogOnePlus(x, 0, 0);
  const double u = 1 + x;
  const uint32_t shifted = HighWord(u) + (0x3FF00000 - 0x3FE6A09E);
  const int k = static_cast<int>(shifted >> 20) - 0x3FF;
  // What the rounding of u lost.
  double c = k >= 2 ? 1 - (u - x) : x - (u - 1);
  c = k < 54 ? c / u : 0;
  const uint64_t reduced = uint64_t{(shifted & 0x000FFFFF) + 0x3FE6A09E} << 32 | (ToBits(u) & 0xFFFFFFFF);
  return LogOnePlus(FromBits(reduced) - 1, c, k);
}

JANS_FUNCTION double Atan(double x) {
  const uint32_t high = HighWord(x) & 0x7FFFFFFF;
  constexpr double kHalfPi = 1.57079632679489655800e+00, kHalfPiLow = 6.12323399573676603587e-17;
  if (high >= 0x44100000) return x < 0 ? -kHalfPi : kHalfPi;  // |x| >= 2^66
  if (high < 0x3E400000) return x;                            // |x| < 2^-27
  const double t = Magnitude(x);
  double r = x, upper = 0, lower = 0;
  const bool direct = high < 0x3FDC0000;  // |x| < 7/16
  if (direct) {
  } else if (high < 0x3FE60000) {
    r = (2 * t - 1) / (2 + t);
    upper = 4.63647609000806093515e-01;
    lower = 2.26987774529616870924e-17;
  } else if (high < 0x3FF30000) {
    r = (t - 1) / (t + 1);
    upper = 7.85398163397448278999e-01;
    lower = 3.06161699786838301793e-17;
  } else if (high < 0x40038000) {
    r = (t - 1.5) / (1 + 1.5 * t);
    upper = 9.82793723247329054082e-01;
    lower = 1.39033110312309984516e-17;
  } else {
    r = -1 / t;
    upper = kHalfPi;
    lower = kHalfPiLow;
  }
  const double z = r * r, w = z * z;
  const double odd = z * Horner(w, 3.33333333333329318027e-01, 1.42857142725034663711e-01, 9.09088713343650656196e-02,
                                6.66107313738753120669e-02, 4.97687799461593236017e-02, 1.62858201153657823623e-02);
  const double even = w * Horner(w, -1.99999999998764832476e-01, -1.11111104054623557880e-01,
                                 -7.69187620504482999495e-02, -5.83357013379057348645e-02, -3.65315727442169155270e-02);
  if (direct) return r - r * (odd + even);
  const double y = upper - (r * (odd + even) - lower - r);
  return x < 0 ? -y : y;
}

// 1 - erf(x) for 0.84375 <= x < 6.
JANS_HD double ErfComplement(double x, uint32_t high) {
  if (high < 0x3FF40000) {  // x < 1.25
    const double s = x - 1;
    const double p = Horner(s, -2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01,
                            3.18346619901161753674e-01, -1.10894694282396677476e-01, 3.54783043256182359371e-02,
                            -2.16637559486879084300e-03);
    const double q = Horner(s, 1.0, 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02,
                            1.26171219808761642112e-01, 1.36370839120290507362e-02, 1.19844998467991074170e-02);
    return 1 - 8.45062911510467529297e-01 - p / q;
  }
  const double s = 1 / (x * x);
  double r, t;
  if (high < 0x4006DB6D) {  // x < 1 / 0.35
    r = Horner(s, -9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e+01,
               -6.23753324503260060396e+01, -1.62396669462573470355e+02, -1.84605092906711035994e+02,
               -8.12874355063065934246e+01, -9.81432934416914548592e+00);
    t = Horner(s, 1.0, 1.96512716674392571292e+01, 1.37657754143519042600e+02, 4.34565877475229228821e+02,
               6.45387271733267880336e+02, 4.29008140027567833386e+02, 1.08635005541779435134e+02,
               6.57024977031928170135e+00, -6.04244152148580987438e-02);
  } else {
    r = Horner(s, -9.86494292470009928597e-03, -7.99283237680523006574e-01, -1.77579549177547519889e+01,
               -1.60636384855821916062e+02, -6.37566443368389627722e+02, -1.02509513161107724954e+03,
               -4.83519191608651397019e+02);
    t = Horner(s, 1.0, 3.03380607434824582924e+01, 3.25792512996573918826e+02, 1.53672958608443695994e+03,
               3.19985821950859553908e+03, 2.55305040643316442583e+03, 4.74528541206955367215e+02,
               -2.24409524465858183362e+01);
  }
  const double z = WithoutLowWord(x);
  return Exp(-z * z - 0.5625) * Exp((z - x) * (z + x) + r / t) / x;
}

JANS_FUNCTION double Erf(double x) {
  const uint32_t high = HighWord(x) & 0x7FFFFFFF;
  if (high < 0x3FEB0000) {                                                           // |x| < 0.84375
    if (high < 0x3E300000) return 0.125 * (8 * x + 1.02703333676410069053e+00 * x);  // |x| < 2^-28
    const double z = x * x;
    const double r = Horner(z, 1.28379167095512558561e-01, -3.25042107247001499370e-01, -2.84817495755985104766e-02,
                            -5.77027029648944159157e-03, -2.37630166566501626084e-05);
    const double s = Horner(z, 1.0, 3.97917223959155352819e-01, 6.50222499887672944485e-02, 5.08130628187576562776e-03,
                            1.32494738004321644526e-04, -3.96022827877536812320e-06);
    return x + x * (r / s);
  }
  const double y = high < 0x40180000 ? 1 - ErfComplement(Magnitude(x), high) : 1;
  return x < 0 ? -y : y;
}

// log (x - 1)! of an integer from 1 to 2^58.
JANS_FUNCTION double LogGamma(double x) {
  if (x <= 2) return 0;
  if (x < 8) {
    double factorial = 1;
    for (int k = 6; k > 1; --k) factorial = x > k ? factorial * k : factorial;
    return Log(factorial);
  }
  const double t = Log(x);
  const double z = 1 / x, y = z * z;
  const double w = Horner(y, 8.33333333333329678849e-02, -2.77777777728775536470e-03, 7.93650558643019558500e-04,
                          -5.95187557450339963135e-04, 8.36339918996282139126e-04, -1.63093934096575273989e-03);
  return (x - 0.5) * (t - 1) + (4.18938533204672725052e-01 + z * w);
}

// x^y for 0 < x < 1 and 1 <= y < 2^31.
JANS_FUNCTION double Pow(double x, double y) {
  if (y == 1) return x;
  if (y == 2) return x * x;
  // log2(x) = t1 + t2, t1 with 21 bits.
  uint32_t high = HighWord(x);
  int n = static_cast<int>(high >> 20) - 0x3FF;
  const uint32_t fraction = high & 0x000FFFFF;
  high = fraction | 0x3FF00000;
  const bool upper = fraction > 0x3988E && fraction < 0xBB67A;  // nearer to 3/2 than to 1 or 2
  if (fraction >= 0xBB67A) {
    ++n;
    high -= 0x00100000;
  }
  const double a = FromBits(uint64_t{high} << 32 | (ToBits(x) & 0xFFFFFFFF));
  const double base = upper ? 1.5 : 1.0;
  const double base_log = upper ? 5.84962487220764160156e-01 : 0;
  const double base_log_low = upper ? 1.35003920212974897128e-08 : 0;
  double u = a - base, v = 1 / (a + base);
  const double s = u * v, s_high = WithoutLowWord(s);
  const uint32_t sum_high = ((high >> 1) | 0x20000000) + 0x00080000 + (upper ? 1u << 18 : 0u);
  double t_high = FromBits(uint64_t{sum_high} << 32);
  double t_low = a - (t_high - base);
  const double s_low = v * ((u - s_high * t_high) - s_high * t_low);
  double s2 = s * s;
  double r = s2 * s2 *
             Horner(s2, 5.99999999999994648725e-01, 4.28571428578550184252e-01, 3.33333329818377432918e-01,
                    2.72728123808534006489e-01, 2.30660745775561754067e-01, 2.06975017800338417784e-01);
  r += s_low * (s_high + s);
  s2 = s_high * s_high;
  t_high = WithoutLowWord(3 + s2 + r);
  t_low = r - ((t_high - 3) - s2);
  u = s_high * t_high;
  v = s_low * t_high + t_low * s;
  double p_high = WithoutLowWord(u + v);
  double p_low = v - (p_high - u);
  const double z_high = 9.61796700954437255859e-01 * p_high;
  const double z_low = -7.02846165095275826516e-09 * p_high + p_low * 9.61796693925975554329e-01 + base_log_low;
  const double t1 = WithoutLowWord(((z_high + z_low) + base_log) + n);
  const double t2 = z_low - (((t1 - n) - base_log) - z_high);
  // y log2(x) = p_high + p_low.
  const double y1 = WithoutLowWord(y);
  p_low = (y - y1) * t1 + y * t2;
  p_high = y1 * t1;
  double z = p_low + p_high;
  if (z < -1022) return 0;
  // 2^z = 2^n exp(z' ln 2), |z'| <= 1/2.
  n = 0;
  const uint32_t z_word = HighWord(z);
  if ((z_word & 0x7FFFFFFF) > 0x3FE00000) {
    const uint32_t rounded = z_word + (0x00100000u >> (((z_word & 0x7FFFFFFF) >> 20) - 0x3FF + 1));
    const int k = static_cast<int>((rounded & 0x7FFFFFFF) >> 20) - 0x3FF;
    p_high -= FromBits(uint64_t{rounded & ~(0x000FFFFFu >> k)} << 32);
    n = -static_cast<int>(((rounded & 0x000FFFFF) | 0x00100000) >> (20 - k));
  }
  const double t = WithoutLowWord(p_low + p_high);
  u = t * 6.93147182464599609375e-01;
  v = (p_low - (t - p_high)) * 6.93147180559945286227e-01 + t * -1.90465429995776804525e-09;
  z = u + v;
  const double w = v - (z - u), zz = z * z;
  const double c = z - zz * Horner(zz, 1.66666666666666019037e-01, -2.77777777770155933842e-03,
                                   6.61375632143793436117e-05, -1.65339022054652515390e-06, 4.13813679705723846039e-08);
  r = (z * c) / (c - 2) - (w + z * w);
  z = 1 - (r - z);
  return n < -1022 ? 0 : z * PowerOfTwo(n);
}

}  // namespace jans

#endif  // JANS_CORE_ELEMENTARY_H_
