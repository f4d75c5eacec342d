// Student's t distribution, by the regularised incomplete beta function: F(-t) = I_x(df / 2, 1 / 2) / 2 for t >= 0,
// where x = df / (df + t^2).
//
// F is right to 2^-38 and is not sure to rise between neighbouring edges. Therefore its models give every symbol two
// counts: if F falls by less than a count, one of them is left.
#ifndef JANS_CORE_MODELS_STUDENT_H_
#define JANS_CORE_MODELS_STUDENT_H_

#include "distributions.h"

namespace jans {

constexpr int kStudentCounts = 2;
constexpr double kLeastDf = 0.0625, kMostDf = 1048576.0;

JANS_HD bool IsDf(double df) { return df >= kLeastDf && df <= kMostDf; }

// Gamma(a + 1/2) / (Gamma(a) sqrt(pi)) for a >= 1/32: eight steps up, and from there the series of the logarithm of
// Gamma(x + 1/2) / Gamma(x), whose next term is below 2^-40 from x = 8 on.
JANS_FUNCTION double InverseBetaHalf(double a) {
  double product = 0.56418958354775628695;  // 1 / sqrt(pi)
  for (int k = 0; k < 8; ++k) product = product * (a + k) / (a + k + 0.5);
  const double z = 1 / (a + 8), y = z * z;
  const double series = z * Horner(y, -0.125, 5.20833333333333333333e-03, -1.5625e-03, 1.18582589285714285714e-03,
                                   -1.68185763888888888889e-03);
  return product * SquareRoot(a + 8) * Exp(series);
}

// The continued fraction of I_x(a, b) by the rule of Lentz (Press et al., Numerical Recipes, section 6.4), for x below
// about (a + 1) / (a + b + 2): at most 40 turns for what StudentTail asks.
JANS_FUNCTION double BetaFraction(double a, double b, double x) {
  const double sum = a + b;
  double c = 1, d = 1 / (1 - sum * x / (a + 1)), h = d;
  for (int k = 1; k <= 64; ++k) {
    const double m = k, odd = a + 2 * m;
    const double even = m * (b - m) * x / ((odd - 1) * odd);
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    h = h * d * c;
    const double next = -(a + m) * (sum + m) * x / (odd * (odd + 1));
    d = 1 / (1 + next * d);
    c = 1 + next / c;
    const double change = d * c;
    h = h * change;
    if (Magnitude(change - 1) < 9.094947017729282379150390625e-13) break;  // 2^-40
  }
  return h;
}

// F(-t) for t >= 0, given InverseBetaHalf(df / 2).
JANS_FUNCTION double StudentTail(double t, double df, double inverse_beta) {
  if (t == 0) return 0.5;
  const double a = 0.5 * df, ratio = t / df * t;
  if (!(ratio < 1e200)) return 0;
  const double x = 1 / (1 + ratio), y = ratio / (1 + ratio);
  const double front = Exp(-a * Log1p(ratio)) * SquareRoot(y) * inverse_beta;
  const double tail =
      x * (a + 2.5) < a + 1 ? front * BetaFraction(a, 0.5, x) / a * 0.5 : 0.5 - front * BetaFraction(0.5, a, y);
  return tail > 0 ? (tail < 0.5 ? tail : 0.5) : 0;
}

JANS_HD double StudentF(double z, double df, double inverse_beta) {
  const double tail = StudentTail(Magnitude(z), df, inverse_beta);
  return z <= 0 ? tail : 1 - tail;
}

// About the inverse of F: Wallace's normal approximation (1959), solved for t.
JANS_HD double StudentQuantile(double u, double df) {
  const double z = GaussianShape::Quantile(u), stretch = (8 * df + 3) / (8 * df + 1);
  return WithSign(SquareRoot(df * (Exp(z * stretch * (z * stretch) / df) - 1)), z);
}

// On integers.
struct Student {
  static constexpr bool kGuesses = true;

  Reals df, location, scale;
  Support support;

  struct Parameters : Frame {
    double df, location, scale, inverse_beta;
  };
  JANS_HD Parameters Load(int64_t i) const {
    const double nu = df[i], m = location[i], s = scale[i];
    const bool valid = IsDf(nu) && IsFinite(m) && IsNormalScale(s);
    return {{support.Low(i), support.Size(i), valid, kStudentCounts}, nu, m, s, valid ? InverseBetaHalf(0.5 * nu) : 0};
  }
  JANS_HD uint64_t Scaled(const Parameters& f, int64_t k, uint64_t mass) const {
    const double x = static_cast<double>(f.low + k) - 0.5;
    return FloorProduct(StudentF((x - f.location) / f.scale, f.df, f.inverse_beta), mass);
  }
  JANS_HD double Guess(const Parameters& f, uint32_t quantile, int precision) const {
    const double t = StudentQuantile(Fraction(quantile, precision), f.df);
    return f.location + f.scale * t - static_cast<double>(f.low) + 0.5;
  }
};

}  // namespace jans

#endif  // JANS_CORE_MODELS_STUDENT_H_
