// Distributions in float64, by the formulas of constriction's models: the same integers at 24 bits.
//
// F rises, and so every symbol keeps an interval: the functions of elementary.h have relative errors below 2^-51, so
// that they cannot fall between arguments that are 2^-37 apart (each is used where it, or one minus it, is not small
// beside its derivative), and what is done to their values afterwards are single operations, whose rounding keeps the
// order. Edges are one scale over the scale apart; scales above 2^36 take their arguments from a grid of 2^-36.
#ifndef JANS_CORE_MODELS_DISTRIBUTIONS_H_
#define JANS_CORE_MODELS_DISTRIBUTIONS_H_

#include "../elementary.h"
#include "../tables.h"
#include "leaky.h"

namespace jans {

JANS_HD uint64_t FloorProduct(double f, uint64_t mass) {
  const double product = f * static_cast<double>(mass);
  return product > 0 ? static_cast<uint64_t>(product) : 0;
}

// Whether floor(f * mass) is certain if f is right to `doubt`; and then this floor.
JANS_HD bool FloorIfCertain(double f, uint64_t mass, double doubt, uint64_t* floor) {
  const double all = static_cast<double>(mass), product = f * all, slack = all * doubt;
  const int64_t whole = static_cast<int64_t>(product);
  const double rest = product - static_cast<double>(whole);
  *floor = static_cast<uint64_t>(whole);
  return rest > slack && rest < 1 - slack;
}

// min(u, 1 - u).
JANS_HD double Folded(double u) { return 0.5 - Magnitude(u - 0.5); }

// ---- location and scale ----

// A shape has kUnit, which is what F's argument counts in, in scales (Quantile gives scales); kHasNear, whether there
// is a shorter F near the centre; and kHasLanes, whether the CPU has it in registers, as a LanesOf in
// cpu/search/location_scale_lanes.inc. Quantile may be rough.
struct GaussianShape {
  static constexpr double kUnit = 1.41421356237309504880;  // the argument of erf
  static constexpr bool kHasNear = true, kHasLanes = true;
  static JANS_HD double F(double z) { return (1 + Erf(z)) / 2; }

  // F for |z| <= kErfLimit, by the Taylor series of erf at the nearest node, to the seventh power of at most 2^-6.
  static JANS_HD double Near(double z) {
    const double t = Magnitude(z);
    const int node = static_cast<int>(t * kErfSteps + 0.5);
    const double* a = kErfSeries + 8 * node;
    const double erf = Horner(t - node * (1 / kErfSteps), a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
    return 0.5 + WithSign(erf * 0.5, z);
  }
  // A straight line through a table: right to a few thousandths.
  static JANS_HD double Quantile(double u) {
    const uint64_t bits = ToBits(Folded(u));
    const int exponent = 1021 - static_cast<int>(bits >> 52);
    const int row = exponent < kNormalQuantileRows ? exponent : kNormalQuantileRows - 1;
    const float* knot = &kNormalQuantiles[(row < 0 ? 0 : row) * 17 + static_cast<int>(bits >> 48 & 15)];
    const double fraction = static_cast<double>(static_cast<uint32_t>(bits >> 16)) * PowerOfTwo(-32);
    return WithSign(-(knot[0] + (knot[1] - knot[0]) * fraction), u - 0.5);
  }
};

struct LaplaceShape {
  static constexpr double kUnit = 1;
  static constexpr bool kHasNear = false, kHasLanes = true;
  static JANS_HD double F(double z) { return z <= 0 ? 0.5 * Exp(z) : 1 - 0.5 * Exp(-z); }
  static JANS_HD double Quantile(double u) { return WithSign(-Log(2 * Folded(u)), u - 0.5); }
};

struct LogisticShape {
  static constexpr double kUnit = 1;
  static constexpr bool kHasNear = false, kHasLanes = true;
  static JANS_HD double F(double z) { return 1 / (1 + Exp(-z)); }
  static JANS_HD double Quantile(double u) { return Log(u / (1 - u)); }
};

struct CauchyShape {
  static constexpr double kUnit = 1;
  static constexpr bool kHasNear = false, kHasLanes = false;
  static JANS_HD double F(double z) { return 0.318309886183790671538 * Atan(z) + 0.5; }
  // -cot(pi t), to one percent.
  static JANS_HD double Quantile(double u) {
    const double t = Folded(u), tt = t * t;
    return WithSign((1 - 4 * tt) * (1 + tt * (0.71 + 0.9 * tt)) / (3.14159265358979323846 * t), u - 0.5);
  }
};

// A shape gives F and about its inverse. Where it has Near, which is quicker, that decides whenever the floor is beyond
// doubt; see kDoubt.
template <typename Shape>
struct OnIntegers {
  static constexpr bool kGuesses = true;
  static constexpr double kWidest = 68719476736.0;  // 2^36

  // Near and F differ by less than 2^-48: the series leaves out less than 2^-53, and all roundings are below 2^-50.
  static constexpr double kDoubt = 3.552713678800500929355621337890625e-15;

  Reals location, scale;
  Support support;

  struct Parameters : Frame {
    double location, scale, unit, inverse;
  };
  JANS_HD Parameters Load(int64_t i) const {
    const double m = location[i], s = scale[i], unit = s * Shape::kUnit;
    return {{support.Low(i), support.Size(i), IsFinite(m) && IsNormalScale(s)}, m, s, unit, 1 / unit};
  }
  JANS_SELDOM uint64_t ScaledByF(const Parameters& f, double x, uint64_t mass) const {
    double z = (x - f.location) / f.unit;
    // On the grid of 2^-36: adding 3 * 2^15 leaves no finer bits.
    if (f.scale > kWidest && Magnitude(z) < 32768) z = (z + 98304) - 98304;
    return FloorProduct(Shape::F(z), mass);
  }
  JANS_HD uint64_t Scaled(const Parameters& f, int64_t k, uint64_t mass) const {
    const double x = static_cast<double>(f.low + k) - 0.5;
    if constexpr (Shape::kHasNear) {
      const double z = (x - f.location) * f.inverse;
      uint64_t floor = 0;
      const bool near = Magnitude(z) < kErfLimit && f.scale <= kWidest;
      if (near && FloorIfCertain(Shape::Near(z), mass, kDoubt, &floor)) return floor;
    }
    return ScaledByF(f, x, mass);
  }
  JANS_HD double Guess(const Parameters& f, uint32_t quantile, int precision) const {
    return f.location + f.scale * Shape::Quantile(Fraction(quantile, precision)) - static_cast<double>(f.low) + 0.5;
  }
};

using Gaussian = OnIntegers<GaussianShape>;
using Laplace = OnIntegers<LaplaceShape>;
using Logistic = OnIntegers<LogisticShape>;
using Cauchy = OnIntegers<CauchyShape>;

// ---- counts ----

// Failures before the first success, the tail on the last symbol: F(k) = 1 - (1 - p)^k below symbol k.
struct Geometric {
  static constexpr bool kGuesses = true;
  static constexpr double kLeast = 9.094947017729282379150390625e-13;  // 2^-40, where edges are still apart

  Integers high;
  Reals prob;

  struct Parameters : Frame {
    double log_failure;
  };
  JANS_HD Parameters Load(int64_t i) const {
    const double p = prob[i];
    const bool valid = p >= kLeast && p <= 1;
    return {{0, high[i] + 1, valid}, valid && p < 1 ? Log1p(-p) : -Infinity()};
  }
  JANS_HD uint64_t Scaled(const Parameters& f, int64_t k, uint64_t mass) const {
    return FloorProduct(1 - Exp(static_cast<double>(k) * f.log_failure), mass);
  }
  JANS_HD double Guess(const Parameters& f, uint32_t quantile, int precision) const {
    return Log1p(-Fraction(quantile, precision)) / f.log_failure;
  }
};

// I_x(p, q), the regularised incomplete beta function (Majumder and Bhattacharjee 1973, algorithm AS 63, with remark
// AS R19), for 0 < x < 1 and positive integers p, q.
//
// The loop ends: parts >= q, so that the factor of term number q is zero where no earlier one was small enough. Terms
// fall like exp(-i^2 (1/p + 1/q) / 2), so that about 8 sqrt(min(p, q)) of them are summed.
JANS_FUNCTION double IncompleteBeta(double x, double p, double q) {
  const double log_beta = LogGamma(p) + LogGamma(q) - LogGamma(p + q);
  double sum_pq = p + q;
  const bool flip = p < sum_pq * x;
  const double base = flip ? 1 - x : x, rest = flip ? x : 1 - x;
  if (flip) {
    const double swapped = p;
    p = q;
    q = swapped;
  }
  int64_t parts = static_cast<int64_t>(q + rest * sum_pq);
  double ratio = parts == 0 ? base : base / rest;
  double term = 1, index = 1, sum = 1, factor = q - index;
  for (;;) {
    term = term * factor * ratio / (p + index);
    sum += term;
    const double size = Magnitude(term);
    if (size <= 1e-15 && size <= 1e-15 * sum) break;
    index += 1;
    --parts;
    if (parts >= 0) {
      factor = q - index;
      if (parts == 0) ratio = base;
    } else {
      factor = sum_pq;
      sum_pq += 1;
    }
  }
  sum = sum * Exp(p * Log(base) + (q - 1) * Log(rest) - log_beta) / p;
  return flip ? 1 - sum : sum;
}

// Successes in a number of trials.
struct Binomial {
  static constexpr bool kGuesses = true;

  Integers trials;
  Reals prob;

  struct Parameters : Frame {
    double prob;
  };
  JANS_HD Parameters Load(int64_t i) const {
    const double p = prob[i];
    const int64_t n = trials[i];
    return {{0, n < 0 ? 0 : n + 1, p >= 0 && p <= 1}, p};
  }
  JANS_HD uint64_t Scaled(const Parameters& f, int64_t k, uint64_t mass) const {
    const double n = static_cast<double>(f.n - 1), failure = 1 - f.prob;
    if (failure <= 0) return 0;
    if (failure >= 1) return mass;
    if (k == 1) return FloorProduct(Pow(failure, n), mass);
    return FloorProduct(IncompleteBeta(failure, n - static_cast<double>(k - 1), static_cast<double>(k)), mass);
  }
  JANS_HD double Guess(const Parameters& f, uint32_t quantile, int precision) const {
    const double u = Fraction(quantile, precision);
    const double mean = static_cast<double>(f.n - 1) * f.prob;
    return mean + SquareRoot(mean * (1 - f.prob)) * GaussianShape::Quantile(u) + 0.5;
  }
};

}  // namespace jans

#endif  // JANS_CORE_MODELS_DISTRIBUTIONS_H_
