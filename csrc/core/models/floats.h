// Distributions of real numbers on the values of a floating-point format, quantised by leaky.h.
//
// A format of `bits` bits has half = 2^(bits - 1) magnitudes p, ordered by their bits, with either sign. The keys 0,
// ..., 2^bits - 1 are its values in their order: key half + p is +p, and key half - 1 - p is -p. So -0 is the key
// before +0, and NaNs are at both ends. The edges are symmetric: the lower edge of +p is minus the upper edge of -p.
//
// The argument of F is on the grid of 2^-36 or above 2^15, so that two arguments are equal or 2^-37 apart and F cannot
// fall between them (distributions.h).
#ifndef JANS_CORE_MODELS_FLOATS_H_
#define JANS_CORE_MODELS_FLOATS_H_

#include "distributions.h"
#include "fixed_models.h"
#include "student.h"

namespace jans {

// What a call says of a format, in this order. A value that is wider than `bits` bits is coded by its first bits.
struct FloatFormat {
  static constexpr int kNumbers = 6;

  int bits;       // 2 ... 16
  int mantissa;   // of these, the bits after sign and exponent
  int bias;       // of the exponent
  int last;       // the largest magnitude that is a number or infinity; those beyond it are NaNs
  bool whole;     // whether values have no more bits: then edges are in the middle between values, else they are values
  bool one_zero;  // whether -0 is a NaN

  JANS_HD explicit FloatFormat(const int32_t* numbers)
      : bits(numbers[0]),
        mantissa(numbers[1]),
        bias(numbers[2]),
        last(numbers[3]),
        whole(numbers[4] != 0),
        one_zero(numbers[5] != 0) {}

  // Whether all arithmetic below stays in the range of float64.
  JANS_HD bool Valid() const {
    if (bits < 2 || bits > 16 || mantissa < 0 || mantissa > bits - 2 || last < 0) return false;
    const int exponent = bits - 1 - mantissa;
    return exponent <= 11 && (bias == 1023 || (bias >= 0 && bias <= 127 && exponent <= 8));
  }
  JANS_HD int64_t Half() const { return int64_t{1} << (bits - 1); }

  // The lower edge of +p, p > 0.
  JANS_HD double EdgeOf(int64_t p) const {
    const int fraction_bits = mantissa + (whole ? 1 : 0);
    const uint64_t q = static_cast<uint64_t>(whole ? 2 * p - 1 : p), exponent = q >> fraction_bits;
    if (p > last || exponent + static_cast<uint64_t>(1023 - bias) >= 2047) return Infinity();
    if (exponent != 0) return FromBits((q << (52 - fraction_bits)) + (static_cast<uint64_t>(1023 - bias) << 52));
    return bias == 1023 ? 0 : static_cast<double>(q) * PowerOfTwo(1 - bias - fraction_bits);
  }
  // The edge below key k, 0 < k < 2^bits.
  JANS_HD double Edge(int64_t k) const {
    const int64_t p = k - Half();
    if (p > 0) return EdgeOf(p);
    if (p < 0) return -EdgeOf(-p);
    return one_zero ? -EdgeOf(1) : 0;
  }
  // The key of a number, about, with a fraction.
  JANS_HD double KeyOf(double x) const {
    const double t = Magnitude(x), middle = whole ? 0.5 : 0;
    const int64_t exponents = int64_t{1023 - bias} << 52, bits_of_t = static_cast<int64_t>(ToBits(t)) - exponents;
    const bool normal = bias == 1023 || bits_of_t >= int64_t{1} << 52;
    const double p =
        normal ? static_cast<double>(bits_of_t) * PowerOfTwo(mantissa - 52) : t * PowerOfTwo(bias - 1 + mantissa);
    const double half = static_cast<double>(Half());
    return x < 0 ? half - middle - p : half + middle + p;
  }
};

// About the share of F below a quantile. Of the quantiles below it, the counts of the keys below it say nothing of F.
// Their number is about the key of a usual number on the same side.
JANS_HD double GuessFraction(const FloatFormat& format, const Frame& frame, double location, double scale,
                             uint32_t quantile, int precision) {
  const double total = static_cast<double>(Total(precision)), counts = static_cast<double>(frame.counts);
  const double side = 2.0 * quantile < total ? -0.75 : 0.75;
  const double below = format.KeyOf(location + scale * side) * counts;
  const double u = (static_cast<double>(quantile) + 0.5 - below) / (total - static_cast<double>(frame.n) * counts);
  return u > 1e-12 ? (u < 1 - 1e-12 ? u : 1 - 1e-12) : 1e-12;
}

enum class LineShape : int32_t { kGaussian, kLaplace, kLogistic, kCauchy, kStudent };

// A distribution with a location and a scale, whose shape is known when a call is made.
struct FloatLine {
  static constexpr bool kGuesses = true;
  // What the grid and a product with the inverse in place of a quotient move F by, and more.
  static constexpr double kDoubt = 1.4551915228366851806640625e-11;  // 2^-36

  Reals df, location, scale;
  LineShape shape;
  FloatFormat format;

  struct Parameters : Frame {
    double location, scale, unit, inverse, df, inverse_beta;
  };
  JANS_HD Parameters Load(int64_t i) const {
    const double m = location[i], s = scale[i];
    const bool student = shape == LineShape::kStudent;
    const double nu = student ? df[i] : 1;
    const bool known = shape >= LineShape::kGaussian && shape <= LineShape::kStudent;
    const bool sound = known && IsFinite(m) && IsNormalScale(s) && (!student || IsDf(nu));
    const double unit = s * Unit();
    Parameters f{{0, format.Valid() ? 2 * format.Half() : 0, sound}, m, s, unit, 1 / unit, nu, 0};
    if (student) {
      f.counts = kStudentCounts;
      f.inverse_beta = sound ? InverseBetaHalf(0.5 * nu) : 0;
    }
    return f;
  }
  JANS_HD uint64_t Scaled(const Parameters& f, int64_t k, uint64_t mass) const {
    const double edge = format.Edge(k);
    if (shape == LineShape::kGaussian) {
      const double z = (edge - f.location) * f.inverse;
      uint64_t floor = 0;
      if (Magnitude(z) < kErfLimit && FloorIfCertain(GaussianShape::Near(z), mass, kDoubt, &floor)) return floor;
    }
    return ScaledByF(f, edge, mass);
  }
  JANS_FUNCTION uint64_t ScaledByF(const Parameters& f, double edge, uint64_t mass) const {
    if (!IsFinite(edge)) return edge > 0 ? mass : 0;
    double z = (edge - f.location) / f.unit;
    if (Magnitude(z) < 32768) z = (z + 98304) - 98304;  // on the grid of 2^-36
    return FloorProduct(F(f, z), mass);
  }
  JANS_HD double Guess(const Parameters& f, uint32_t quantile, int precision) const {
    const double u = GuessFraction(format, f, f.location, f.scale, quantile, precision);
    return format.KeyOf(f.location + f.scale * Quantile(f, u));
  }

 private:
  JANS_HD double Unit() const { return shape == LineShape::kGaussian ? GaussianShape::kUnit : 1; }
  JANS_HD double F(const Parameters& f, double z) const {
    switch (shape) {
      case LineShape::kGaussian:
        return GaussianShape::F(z);
      case LineShape::kLaplace:
        return LaplaceShape::F(z);
      case LineShape::kLogistic:
        return LogisticShape::F(z);
      case LineShape::kCauchy:
        return CauchyShape::F(z);
      case LineShape::kStudent:
        return StudentF(z, f.df, f.inverse_beta);
    }
    return 0;
  }
  JANS_HD double Quantile(const Parameters& f, double u) const {
    switch (shape) {
      case LineShape::kGaussian:
        return GaussianShape::Quantile(u);
      case LineShape::kLaplace:
        return LaplaceShape::Quantile(u);
      case LineShape::kLogistic:
        return LogisticShape::Quantile(u);
      case LineShape::kCauchy:
        return CauchyShape::Quantile(u);
      case LineShape::kStudent:
        return StudentQuantile(u, f.df);
    }
    return 0;
  }
};

// A mixture of Gaussians or logistics in fixed point.
struct FloatMixture : MixtureRows {
  static constexpr bool kGuesses = true;

  bool logistic;
  FloatFormat format;

  // The centre and the width of the whole, for guesses.
  struct Parameters : MixtureParameters {
    float centre, width;
  };
  JANS_HD Parameters Load(int64_t i) const {
    Parameters f{LoadRows(i, {0, format.Valid() ? 2 * format.Half() : 0, true}), 0, 0};
    const float unit = 1.0f / (1 << kWeightBits);
    for (int j = 0; j < components; ++j) f.centre += static_cast<float>(f.weight[j]) * unit * f.mean[j];
    for (int j = 0; j < components; ++j) {
      f.width += static_cast<float>(f.weight[j]) * unit * (scale[i][j] + Magnitude(f.mean[j] - f.centre));
    }
    return f;
  }
  JANS_HD uint64_t Scaled(const Parameters& f, int64_t k, uint64_t mass) const {
    const float edge = Flushed(static_cast<float>(format.Edge(k)));
    const CdfTable table = logistic ? LogisticTable() : NormalTable();
    return ScaledSum(f, mass, [&](int j) -> uint32_t {
      const float distance = Flushed(edge - Flushed(f.mean[j]));
      if (!IsFinite(distance)) return distance > 0 ? uint32_t{1} << 31 : 0;
      return table.Cdf(distance * f.inverse[j]);
    });
  }
  JANS_HD double Guess(const Parameters& f, uint32_t quantile, int precision) const {
    const double u = GuessFraction(format, f, f.centre, f.width, quantile, precision);
    return format.KeyOf(f.centre + f.width * (logistic ? LogisticShape::Quantile(u) : GaussianShape::Quantile(u)));
  }
};

}  // namespace jans

#endif  // JANS_CORE_MODELS_FLOATS_H_
