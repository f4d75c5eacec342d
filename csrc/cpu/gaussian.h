// Intervals of Gaussians, four at a time, and their symbols, where the machine has AVX2 and FMA. The results do not
// depend on it: where these are not certain of their integers, the model makes them.
#ifndef JANS_CPU_GAUSSIAN_H_
#define JANS_CPU_GAUSSIAN_H_

#include "../core/distributions.h"
#include "finder.h"
#include "wide.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace jans {
namespace avx2 {

// The error of short series in fused operations, and where F is 0 or 1 for certain: it is from 6 on.
constexpr double kLooseDoubt = 9.094947017729282379150390625e-13;  // 2^-40
constexpr double kBeyond = 6.0625;

JANS_FUSED_INLINE __m256d All(double x) { return _mm256_set1_pd(x); }

JANS_FUSED_INLINE __m256d And(__m256d a, __m256d b) { return _mm256_and_pd(a, b); }

// erf and its derivative at two nodes, by the places of their pairs.
JANS_FUSED_INLINE __m256d Nodes(uint64_t first, uint64_t second) {
  return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_load_pd(kErfPairs + first)), _mm_load_pd(kErfPairs + second),
                              1);
}

// floor(F(z) * mass), and in which lanes that is certain: GaussianShape::Near with fewer terms, in fused operations,
// has an error below 2^-41.
struct Floor {
  __m256d whole, certain;
};
JANS_FUSED_INLINE Floor Scaled(__m256d z, __m256d half_mass, __m256d sure) {
  const __m256d sign = And(z, All(-0.0)), size = _mm256_andnot_pd(All(-0.0), z);
  const __m256d t = _mm256_min_pd(size, All(kErfLimit));
  const __m128i node = _mm256_cvtpd_epi32(_mm256_mul_pd(t, All(kErfPairSteps))), place = _mm_add_epi32(node, node);
  const uint64_t lower = static_cast<uint64_t>(_mm_cvtsi128_si64(place));
  const uint64_t upper = static_cast<uint64_t>(_mm_extract_epi64(place, 1));
  // Lanes 0 and 2, 1 and 3: unpacking puts values and slopes in the order of the lanes.
  const __m256d even = Nodes(static_cast<uint32_t>(lower), static_cast<uint32_t>(upper));
  const __m256d odd = Nodes(lower >> 32, upper >> 32);
  const __m256d value = _mm256_unpacklo_pd(even, odd), slope = _mm256_unpackhi_pd(even, odd);
  const __m256d c = _mm256_mul_pd(_mm256_cvtepi32_pd(node), All(1 / kErfPairSteps));
  const __m256d d = _mm256_sub_pd(t, c), cc = _mm256_mul_pd(c, c);
  const __m256d a2 = _mm256_fmadd_pd(cc, All(2.0 / 3), All(-1.0 / 3));
  const __m256d a3 = _mm256_mul_pd(c, _mm256_fmadd_pd(cc, All(-1.0 / 3), All(0.5)));
  const __m256d series = _mm256_mul_pd(d, _mm256_fmsub_pd(d, _mm256_fmadd_pd(d, a3, a2), c));
  const __m256d step = _mm256_mul_pd(slope, d);
  const __m256d erf = _mm256_fmadd_pd(step, series, _mm256_add_pd(value, step));
  const __m256d product = _mm256_fmadd_pd(_mm256_or_pd(erf, sign), half_mass, half_mass);
  const __m256d whole = _mm256_floor_pd(product);
  const __m256d from_middle = _mm256_sub_pd(_mm256_sub_pd(product, whole), All(0.5));
  // t is at the limit only where the product is an integer, which is not certain.
  return {whole, _mm256_or_pd(_mm256_cmp_pd(_mm256_andnot_pd(All(-0.0), from_middle), sure, _CMP_LT_OQ),
                              _mm256_cmp_pd(size, All(kBeyond), _CMP_GT_OQ))};
}

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
    return {static_cast<uint32_t>(static_cast<int32_t>(half_mass + half + count)), t > kBeyond};
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

JANS_SELDOM inline Found LocateCarefully(const Leaky<Gaussian>& model, int64_t i, uint32_t quantile) {
  return Found(model.Locate(i, quantile));
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

}  // namespace avx2

// For one stream; what all of its symbols share is computed once.
template <>
class Finder<Leaky<Gaussian>> {
 public:
  using Model = Leaky<Gaussian>;

  explicit Finder(const Model& model) : model_(model) {
    const Support& support = model.distribution.support;
    // Above 30 bits, integers no longer fit 32 with a sign.
    shared_ = support.low.stride == 0 && support.high.stride == 0 && model.precision <= 30 && support.Size(0) >= 1 &&
              static_cast<uint64_t>(support.Size(0)) <= Total(model.precision);
    const Reals &location = model.distribution.location, &scale = model.distribution.scale;
    floats_ = !location.wide && !scale.wide && location.stride == 1 && scale.stride == 1;
    if (!shared_) return;
    const double size = static_cast<double>(support.Size(0));
    total_ = static_cast<double>(Total(model.precision));
    low_ = static_cast<double>(support.Low(0));
    high_ = low_ + size - 1;
    half_mass_ = (total_ - size) / 2;
    // A fraction this near to 1/2 is not moved past an integer by 2^-40 of the mass.
    sure_ = 0.5 - (total_ - size) * avx2::kLooseDoubt;
  }
  const Model& model() const { return model_; }

  static FindFunction Find() { return HasFused() ? FindFused : FindPlain<Model>; }
  static LocateFunction Locate() { return HasFused() ? LocateFused : LocatePlain<Model>; }

 private:
  JANS_FUSED static void FindFused(const void* any, int64_t first, int64_t n, const int32_t* symbols, uint32_t* start,
                                   uint32_t* freq) {
    const Finder& finder = *static_cast<const Finder*>(any);
    if (n == kFour && finder.shared_ && finder.FindFour(first, symbols, start, freq)) return;
    FindPlain<Model>(any, first, n, symbols, start, freq);
  }
  static Found LocateFused(const void* any, int64_t i, uint32_t quantile) {
    return avx2::LocateGaussian(static_cast<const Finder*>(any)->model_, i, quantile);
  }

  // False where one of them is not certain.
  JANS_FUSED_INLINE bool FindFour(int64_t first, const int32_t* symbols, uint32_t* start, uint32_t* freq) const {
    using avx2::All;
    using avx2::And;
    const __m256d symbol = _mm256_cvtepi32_pd(_mm_loadu_si128(reinterpret_cast<const __m128i*>(symbols)));
    const __m256d centre = _mm256_sub_pd(symbol, Load(model_.distribution.location, first));
    const __m256d scale = Load(model_.distribution.scale, first);
    const __m256d inverse = _mm256_div_pd(All(1 / GaussianShape::kUnit), scale);
    const __m256d half_mass = All(half_mass_), sure = All(sure_), low = All(low_), high = All(high_);
    const avx2::Floor left = avx2::Scaled(_mm256_mul_pd(_mm256_sub_pd(centre, All(0.5)), inverse), half_mass, sure);
    const avx2::Floor right = avx2::Scaled(_mm256_mul_pd(_mm256_add_pd(centre, All(0.5)), inverse), half_mass, sure);
    const __m256d k = _mm256_sub_pd(symbol, low);
    const __m256d lowest = _mm256_cmp_pd(symbol, low, _CMP_EQ_OQ), highest = _mm256_cmp_pd(symbol, high, _CMP_EQ_OQ);
    const __m256d from = _mm256_andnot_pd(lowest, _mm256_add_pd(left.whole, k));
    const __m256d to = _mm256_blendv_pd(_mm256_add_pd(_mm256_add_pd(right.whole, k), All(1)), All(total_), highest);
    const __m256d inside = And(_mm256_cmp_pd(symbol, low, _CMP_GE_OQ), _mm256_cmp_pd(symbol, high, _CMP_LE_OQ));
    const __m256d finite = _mm256_cmp_pd(_mm256_sub_pd(centre, centre), All(0), _CMP_EQ_OQ);
    const __m256d legal = And(finite, And(_mm256_cmp_pd(scale, All(Smallest<float>()), _CMP_GE_OQ),
                                          _mm256_cmp_pd(scale, All(Gaussian::kWidest), _CMP_LE_OQ)));
    const __m256d certain = And(_mm256_or_pd(left.certain, lowest), _mm256_or_pd(right.certain, highest));
    if (__builtin_expect(_mm256_movemask_pd(And(certain, And(inside, legal))) != 15, 0)) return false;
    const __m128i starts = _mm256_cvttpd_epi32(from), ends = _mm256_cvttpd_epi32(to);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(start), starts);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(freq), _mm_sub_epi32(ends, starts));
    return true;
  }

  JANS_FUSED_INLINE __m256d Load(const Reals& reals, int64_t first) const {
    if (floats_) return _mm256_cvtps_pd(_mm_loadu_ps(static_cast<const float*>(reals.data) + first));
    if (reals.stride == 0) return avx2::All(reals.Raw(0));
    if (reals.wide) return _mm256_loadu_pd(static_cast<const double*>(reals.data) + first);
    return _mm256_cvtps_pd(_mm_loadu_ps(static_cast<const float*>(reals.data) + first));
  }

  Model model_;
  bool shared_, floats_;
  double total_, low_, high_, half_mass_, sure_;
};

}  // namespace jans
#endif

#endif  // JANS_CPU_GAUSSIAN_H_
