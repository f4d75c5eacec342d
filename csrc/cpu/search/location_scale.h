// Intervals of distributions on integers side by side, and their symbols, where the machine has registers for that. The
// results do not depend on it: where these are not certain of their integers, the model makes them.
#ifndef JANS_CPU_SEARCH_LOCATION_SCALE_H_
#define JANS_CPU_SEARCH_LOCATION_SCALE_H_

#include "../../core/models/distributions.h"
#include "../../core/models/floats.h"
#include "../simd/wide.h"
#include "model_view.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__x86_64__) || defined(__aarch64__)

namespace jans {

// The error of short series in fused operations, and where erf is 1 for certain: it is from 6 on.
constexpr double kLooseDoubt = 9.094947017729282379150390625e-13;  // 2^-40
constexpr double kErfSurelyOne = 6.0625;

// What all symbols of a stream share.
struct ShapeFrame {
  double low, high, total, half_mass;
  double sure;  // a fraction this near to 1/2 is not moved past an integer by 2^-40 of the mass
};

template <typename Model>
JANS_SELDOM Found LocateCarefully(const Model& model, int64_t i, uint32_t quantile) {
  return Found(model.Locate(i, quantile));
}

}  // namespace jans

#define JANS_REALS_INLINE JANS_REALS_LOOP inline __attribute__((always_inline))

#if defined(__x86_64__)

#define JANS_REGISTERS reals_avx2
#define JANS_REALS_LOOP JANS_FUSED
#define JANS_AVX512 0
#include "../simd/reals_x86.inc"
#include "location_scale_lanes.inc"
#include "location_scale_on_floats.inc"
#undef JANS_REGISTERS
#undef JANS_REALS_LOOP
#undef JANS_AVX512

#define JANS_REGISTERS reals_avx512
#define JANS_REALS_LOOP JANS_WIDEST
#define JANS_AVX512 1
#include "../simd/reals_x86.inc"
#include "location_scale_lanes.inc"
#include "location_scale_on_floats.inc"
#undef JANS_REGISTERS
#undef JANS_REALS_LOOP
#undef JANS_AVX512

#else

#define JANS_REGISTERS reals_neon
#define JANS_REALS_LOOP
#include "../simd/reals_neon.inc"
#include "location_scale_lanes.inc"
#include "location_scale_on_floats.inc"
#undef JANS_REGISTERS
#undef JANS_REALS_LOOP

#endif

#undef JANS_REALS_INLINE

namespace jans {

// floor(F(z) * mass) + count, count > 0, and whether that is certain: the series of GaussianShape::Near to the fifth
// power, which leaves out less than 2^-41, its terms side by side.
struct Edge {
  uint32_t left;
  bool certain;
};
JANS_FUSED_INLINE Edge FindEdge(double z, double half_mass, double sure, double count) {
  constexpr double kWhole = 4503599627370496.0,
                   kMagic = 1.5 * kWhole;  // adding 2^52 rounds to an integer, in the low bits
  const double t = Magnitude(z), half = WithSign(half_mass, z);
  if (__builtin_expect(!(t < kErfLimit), 0)) {
    return {static_cast<uint32_t>(static_cast<int32_t>(half_mass + half + count)), t > kErfSurelyOne};
  }
  const double node = __builtin_fma(t, kErfSteps, kMagic);
  const double* a = kErfSeries + 8 * static_cast<uint64_t>(static_cast<uint32_t>(ToBits(node)));
  const double d = __builtin_fma(node - kMagic, -1 / kErfSteps, t), step = d * half;
  const double low = __builtin_fma(a[1], step, __builtin_fma(a[0], half, half_mass - 0.5));
  const double high = __builtin_fma(__builtin_fma(a[5], d, a[4]), d * d, __builtin_fma(a[3], d, a[2]));
  const double middle = __builtin_fma(high, step * d, low);  // rounded to nearest, it is the floor
  const double whole = middle + (kWhole + count);
  return {static_cast<uint32_t>(ToBits(whole)), Magnitude(middle - (whole - (kWhole + count))) < sure};
}

// The symbol that a table of quantiles suggests, if both of its edges are certain; else the careful search.
JANS_FUSED inline Found LocateGaussian(const Leaky<Gaussian>& model, int64_t i, uint32_t quantile) {
  const Gaussian& g = model.distribution;
  const int shift = model.precision - kGuessBits;
  if (shift < 0 || model.precision > 30) return LocateCarefully(model, i, quantile);
  const double m = g.location.Raw(i), s = g.scale.Raw(i), middle = m + 0.5;
  const double low = static_cast<double>(g.support.Low(i)), n = static_cast<double>(g.support.Size(i));
  const double mass = static_cast<double>(Total(model.precision)) - n;
  const double inverse = (1 / GaussianShape::kUnit) / s, offset = -middle * inverse;
  const double* line = kNormalGuesses + 2 * (quantile >> shift);
  const double one_to_two = FromBits((uint64_t{quantile} << (52 - shift) & ((uint64_t{1} << 52) - 1)) | ToBits(1.0));
  const double symbol = __builtin_floor(__builtin_fma(__builtin_fma(line[1], one_to_two, line[0]), s, middle));
  const double k = symbol - low;
  // Neither of the end symbols; the rounding of `offset`, which may cancel, moves an edge by 2^-46; and no NaN.
  const bool usual =
      k > 0 && k < n - 1 && Magnitude(offset) < 64 && s >= Smallest<float>() && s <= Gaussian::kWidest && mass >= 0;
  if (__builtin_expect(!usual, 0)) return LocateCarefully(model, i, quantile);
  const double sure = 0.5 - mass * kLooseDoubt, half_mass = mass * 0.5;
  const Edge left = FindEdge(__builtin_fma(symbol, inverse, offset), half_mass, sure, k);
  const Edge right = FindEdge(__builtin_fma(symbol, inverse, offset + inverse), half_mass, sure, k + 1);
  const uint32_t freq = right.left - left.left;
  if (__builtin_expect(!left.certain || !right.certain || quantile - left.left >= freq, 0)) {
    return LocateCarefully(model, i, quantile);
  }
  return Found({static_cast<int32_t>(symbol), {left.left, freq}});
}

// Those of the best registers; none where there are no such ones. (One quantile fills no wide ones.)
struct ShapeFunctions {
  FindFunction find = nullptr;
  LocateFunction locate = nullptr;
  LocateManyFunction locate_many = nullptr;
};
template <typename Narrow>
ShapeFunctions FusedOf() {
  if (HasFused()) return {Narrow::Find, Narrow::Locate, Narrow::LocateMany};
  return {};
}
#if defined(__x86_64__)
template <typename Narrow, typename Wide>
ShapeFunctions WidestOf() {
  if (HasWidest()) return {Wide::Find, Narrow::Locate, Wide::LocateMany};
  return FusedOf<Narrow>();
}
template <typename Finder>
ShapeFunctions BestShapes() {
  return WidestOf<reals_avx2::ShapesOf<Finder>, reals_avx512::ShapesOf<Finder>>();
}
template <typename Finder, typename Shape>
ShapeFunctions BestFloats() {
  return WidestOf<reals_avx2::FloatsOf<Finder, Shape>, reals_avx512::FloatsOf<Finder, Shape>>();
}
#else
template <typename Finder>
ShapeFunctions BestShapes() {
  return FusedOf<reals_neon::ShapesOf<Finder>>();
}
template <typename Finder, typename Shape>
ShapeFunctions BestFloats() {
  return FusedOf<reals_neon::FloatsOf<Finder, Shape>>();
}
#endif

// For one stream; what all of its symbols share is computed once.
template <typename Shape_>
class Finder<Leaky<OnIntegers<Shape_>>> {
 public:
  using Shape = Shape_;
  using Model = Leaky<OnIntegers<Shape>>;

  explicit Finder(const Model& model) : model_(model) {
    const Support& support = model.distribution.support;
    // Above 30 bits, integers no longer fit 32 with a sign.
    shared_ = support.low.stride == 0 && support.high.stride == 0 && model.precision <= 30 && support.Size(0) >= 1 &&
              static_cast<uint64_t>(support.Size(0)) <= Total(model.precision);
    if (!shared_) return;
    const double size = static_cast<double>(support.Size(0)), low = static_cast<double>(support.Low(0));
    const double total = static_cast<double>(Total(model.precision)), mass = total - size;
    frame_ = {low, low + size - 1, total, mass / 2, 0.5 - mass * kLooseDoubt};
  }
  const Model& model() const { return model_; }
  const ShapeFrame& frame() const { return frame_; }

  FindFunction Find() const { return shared_ && Best().find != nullptr ? Best().find : FindPlain<Model>; }
  LocateFunction Locate() const {
    if constexpr (std::is_same_v<Shape, GaussianShape>) return HasFused() ? LocateFused : LocatePlain<Model>;
    return Guesses() && Best().locate != nullptr ? Best().locate : LocatePlain<Model>;
  }
  LocateManyFunction LocateMany() const { return Guesses() ? Best().locate_many : nullptr; }

 private:
  static ShapeFunctions Best() {
    if constexpr (Shape::kHasLanes) return BestShapes<Finder>();
    return {};
  }
  bool Guesses() const { return shared_ && model_.precision >= kGuessBits; }
  static Found LocateFused(const void* any, int64_t i, uint32_t quantile) {
    return LocateGaussian(static_cast<const Finder*>(any)->model_, i, quantile);
  }

  Model model_;
  bool shared_;
  ShapeFrame frame_;
};

template <>
class Finder<Leaky<FloatLine>> {
 public:
  using Model = Leaky<FloatLine>;

  explicit Finder(const Model& model) : model_(model) {
    const FloatFormat& format = model.distribution.format;
    const int precision = model.precision;
    if (!format.Valid() || precision > 30 || precision < std::max(kGuessBits, format.bits)) return;
    const double size = 2 * static_cast<double>(format.Half()), total = static_cast<double>(Total(precision));
    const double mass = total - size;
    frame_ = {0, size - 1, total, mass / 2, 0.5 - mass * FloatLine::kDoubt};
    best_ = Best(model.distribution.shape);
  }
  const Model& model() const { return model_; }
  const ShapeFrame& frame() const { return frame_; }

  FindFunction Find() const { return best_.find != nullptr ? best_.find : FindPlain<Model>; }
  LocateFunction Locate() const { return best_.locate != nullptr ? best_.locate : LocatePlain<Model>; }
  LocateManyFunction LocateMany() const { return best_.locate_many; }

 private:
  static ShapeFunctions Best(LineShape shape) {
    switch (shape) {
      case LineShape::kGaussian:
        return BestFloats<Finder, GaussianShape>();
      case LineShape::kLaplace:
        return BestFloats<Finder, LaplaceShape>();
      case LineShape::kLogistic:
        return BestFloats<Finder, LogisticShape>();
      default:
        return {};
    }
  }

  Model model_;
  ShapeFunctions best_;
  ShapeFrame frame_{};
};

}  // namespace jans

#endif  // defined(__x86_64__) || defined(__aarch64__)

#endif  // JANS_CPU_SEARCH_LOCATION_SCALE_H_
