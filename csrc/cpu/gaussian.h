// Intervals of many Gaussians, four at a time where the machine can. The result does not depend on it: where a lane is
// not certain of its integers, scalar code makes them.
#ifndef JANS_CPU_GAUSSIAN_H_
#define JANS_CPU_GAUSSIAN_H_

#include <type_traits>

#include "../core/distributions.h"
#include "wide.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace jans {

// The intervals of symbols[j] as symbol first + j, for j from 0 to n.
template <typename Model>
void FindEach(const Model& model, int64_t first, int64_t n, const int32_t* symbols, uint32_t* start, uint32_t* freq) {
  for (int64_t j = 0; j < n; ++j) {
    const Interval interval = model.Find(first + j, symbols[j]);
    start[j] = interval.start;
    freq[j] = interval.freq;
  }
}

#if defined(__x86_64__)
namespace avx2 {

JANS_FUSED_INLINE __m256d Load(const Reals& reals, int64_t i) {
  if (reals.wide) {
    const double* at = static_cast<const double*>(reals.data) + i * reals.stride;
    return reals.stride == 0 ? _mm256_set1_pd(*at) : _mm256_loadu_pd(at);
  }
  const float* at = static_cast<const float*>(reals.data) + i * reals.stride;
  return reals.stride == 0 ? _mm256_set1_pd(*at) : _mm256_cvtps_pd(_mm_loadu_ps(at));
}

JANS_FUSED_INLINE __m256d All(double x) { return _mm256_set1_pd(x); }

JANS_FUSED_INLINE __m256d And(__m256d a, __m256d b) { return _mm256_and_pd(a, b); }

// erf and its derivative at two nodes.
JANS_FUSED_INLINE __m256d Nodes(uint64_t first, uint64_t second) {
  return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(kErfPairs + 2 * first)),
                              _mm_loadu_pd(kErfPairs + 2 * second), 1);
}

// floor(F(z) * mass), and in which lanes that is certain: GaussianShape::Near without its last term, in fused
// operations, has an error below 2^-41.
constexpr double kBeyond = 6.0625;                                 // from 6 on F is 0 or 1
constexpr double kLooseDoubt = 9.094947017729282379150390625e-13;  // 2^-40
struct Floor {
  __m256d whole, certain;
};
JANS_FUSED_INLINE Floor Scaled(__m256d z, __m256d half_mass, __m256d sure) {
  const __m256d sign = And(z, All(-0.0)), size = _mm256_andnot_pd(All(-0.0), z);
  const __m256d t = _mm256_min_pd(size, All(kErfLimit));
  const __m128i node = _mm256_cvtpd_epi32(_mm256_mul_pd(t, All(kErfPairSteps)));
  const __m256d c = _mm256_mul_pd(_mm256_cvtepi32_pd(node), All(1 / kErfPairSteps));
  const __m256d d = _mm256_sub_pd(t, c), cc = _mm256_mul_pd(c, c);
  const __m256d a2 = _mm256_fmadd_pd(cc, All(2.0 / 3), All(-1.0 / 3));
  const __m256d a3 = _mm256_mul_pd(c, _mm256_fmadd_pd(cc, All(-1.0 / 3), All(0.5)));
  const __m256d series = _mm256_mul_pd(d, _mm256_fmsub_pd(d, _mm256_fmadd_pd(d, a3, a2), c));
  const uint64_t lower = static_cast<uint64_t>(_mm_cvtsi128_si64(node));
  const uint64_t upper = static_cast<uint64_t>(_mm_extract_epi64(node, 1));
  // Lanes 0 and 2, 1 and 3: unpacking puts values and slopes in the order of the lanes.
  const __m256d even = Nodes(lower & 0xFFFFFFFF, upper & 0xFFFFFFFF), odd = Nodes(lower >> 32, upper >> 32);
  const __m256d value = _mm256_unpacklo_pd(even, odd), slope = _mm256_unpackhi_pd(even, odd);
  const __m256d step = _mm256_mul_pd(slope, d);
  const __m256d erf = _mm256_fmadd_pd(step, series, _mm256_add_pd(value, step));
  const __m256d product = _mm256_fmadd_pd(_mm256_or_pd(erf, sign), half_mass, half_mass);
  const __m256d whole = _mm256_floor_pd(product);
  const __m256d from_middle = _mm256_sub_pd(_mm256_sub_pd(product, whole), All(0.5));
  // t is at the limit only where the product is an integer, which is not certain.
  return {whole, _mm256_or_pd(_mm256_cmp_pd(_mm256_andnot_pd(All(-0.0), from_middle), sure, _CMP_LT_OQ),
                              _mm256_cmp_pd(size, All(kBeyond), _CMP_GT_OQ))};
}

// For a support that all symbols share.
JANS_FUSED inline void FindGaussians(const Leaky<Gaussian>& model, int64_t first, int64_t n, const int32_t* symbols,
                                     uint32_t* start, uint32_t* freq) {
  const Gaussian& g = model.distribution;
  const double total = static_cast<double>(Total(model.precision));
  const double least = static_cast<double>(g.support.Low(0)), size = static_cast<double>(g.support.Size(0));
  const __m256d low = All(least), high = All(least + size - 1), half_mass = All((total - size) / 2);
  // A fraction this near to 1/2 is not moved past an integer by 2^-40 of the mass.
  const __m256d sure = All(0.5 - (total - size) * kLooseDoubt);
  int64_t j = 0;
  for (; j + 4 <= n; j += 4) {
    const __m256d symbol = _mm256_cvtepi32_pd(_mm_loadu_si128(reinterpret_cast<const __m128i*>(symbols + j)));
    const __m256d scale = Load(g.scale, first + j);
    const __m256d inverse = _mm256_div_pd(All(1 / GaussianShape::kUnit), scale);
    const __m256d centre = _mm256_sub_pd(symbol, Load(g.location, first + j));
    const Floor left = Scaled(_mm256_mul_pd(_mm256_sub_pd(centre, All(0.5)), inverse), half_mass, sure);
    const Floor right = Scaled(_mm256_mul_pd(_mm256_add_pd(centre, All(0.5)), inverse), half_mass, sure);
    const __m256d k = _mm256_sub_pd(symbol, low);
    const __m256d lowest = _mm256_cmp_pd(symbol, low, _CMP_EQ_OQ), highest = _mm256_cmp_pd(symbol, high, _CMP_EQ_OQ);
    const __m256d from = _mm256_andnot_pd(lowest, _mm256_add_pd(left.whole, k));
    const __m256d to = _mm256_blendv_pd(_mm256_add_pd(_mm256_add_pd(right.whole, k), All(1)), All(total), highest);
    const __m256d inside = And(_mm256_cmp_pd(symbol, low, _CMP_GE_OQ), _mm256_cmp_pd(symbol, high, _CMP_LE_OQ));
    const __m256d finite = _mm256_cmp_pd(_mm256_sub_pd(centre, centre), All(0), _CMP_EQ_OQ);
    const __m256d legal = And(finite, And(_mm256_cmp_pd(scale, All(Smallest<float>()), _CMP_GE_OQ),
                                          _mm256_cmp_pd(scale, All(Gaussian::kWidest), _CMP_LE_OQ)));
    const __m256d certain = And(_mm256_or_pd(left.certain, lowest), _mm256_or_pd(right.certain, highest));
    if (_mm256_movemask_pd(And(certain, And(inside, legal))) == 15) {
      const __m128i starts = _mm256_cvttpd_epi32(from), ends = _mm256_cvttpd_epi32(to);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(start + j), starts);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(freq + j), _mm_sub_epi32(ends, starts));
    } else {
      FindEach(model, first + j, 4, symbols + j, start + j, freq + j);
    }
  }
  FindEach(model, first + j, n - j, symbols + j, start + j, freq + j);
}

// F(z) * mass by the series of GaussianShape::Near, its powers side by side, and whether its floor is certain.
struct Product {
  double value;
  bool certain;
};
JANS_FUSED_INLINE Product ScaledOne(double z, double half_mass, double sure) {
  constexpr double kMagic = 6755399441055744.0;  // 3 * 2^51: adding it rounds to an integer, the lowest bits of the sum
  const double t = Magnitude(z) < kErfLimit ? Magnitude(z) : kErfLimit;
  const double rounded = __builtin_fma(t, kErfSteps, kMagic);
  const double* a = kErfSeries + 8 * static_cast<int32_t>(ToBits(rounded));
  const double d = __builtin_fma(rounded - kMagic, -1 / kErfSteps, t), d2 = d * d, d4 = d2 * d2;
  const double a01 = __builtin_fma(a[1], d, a[0]), a23 = __builtin_fma(a[3], d, a[2]);
  const double a45 = __builtin_fma(a[5], d, a[4]), a67 = __builtin_fma(a[7], d, a[6]);
  const double erf = __builtin_fma(__builtin_fma(a67, d2, a45), d4, __builtin_fma(a23, d2, a01));
  const double product = __builtin_fma(WithSign(erf, z), half_mass, half_mass);
  return {product, Magnitude(product - __builtin_trunc(product) - 0.5) < sure || Magnitude(z) > kBeyond};
}

JANS_SELDOM inline Located LocateCarefully(const Leaky<Gaussian>& model, int64_t i, uint32_t quantile) {
  return model.Locate(i, quantile);
}

// The symbol that a table of quantiles suggests, if both of its edges are certain; else the careful search.
JANS_FUSED inline Located LocateGaussian(const void* any, int64_t i, uint32_t quantile) {
  const Leaky<Gaussian>& model = *static_cast<const Leaky<Gaussian>*>(any);
  const Gaussian& g = model.distribution;
  const int shift = model.precision - kGuessBits;
  if (shift < 0 || model.precision > 30) return LocateCarefully(model, i, quantile);
  const double m = g.location.Raw(i), s = g.scale.Raw(i), middle = m + 0.5;
  const double low = static_cast<double>(g.support.Low(i)), n = static_cast<double>(g.support.Size(i));
  const double mass = static_cast<double>(Total(model.precision)) - n;
  const double inverse = (1 / GaussianShape::kUnit) / s, offset = -middle * inverse;
  const float* knot = kNormalGuesses + (quantile >> shift);
  const double slope = (knot[1] - knot[0]) * PowerOfTwo(-shift), rest = quantile & ((uint32_t{1} << shift) - 1);
  const double symbol = __builtin_floor(__builtin_fma(__builtin_fma(slope, rest, knot[0]), s, middle));
  // Neither of the end symbols; the rounding of `offset`, which may cancel, moves an edge by 2^-46; and no NaN.
  const bool usual = symbol > low && symbol < low + n - 1 && Magnitude(offset) < 64 && s >= Smallest<float>() &&
                     s <= Gaussian::kWidest && mass >= 0;
  if (__builtin_expect(!usual, 0)) return LocateCarefully(model, i, quantile);
  const double from = __builtin_fma(symbol, inverse, offset), to = from + inverse;
  const double sure = 0.5 - mass * Gaussian::kDoubt, half_mass = mass * 0.5;
  const Product left = ScaledOne(from, half_mass, sure), right = ScaledOne(to, half_mass, sure);
  const uint32_t k = static_cast<uint32_t>(static_cast<int32_t>(symbol - low));
  const uint32_t start = static_cast<uint32_t>(static_cast<int32_t>(left.value)) + k;
  const uint32_t freq = static_cast<uint32_t>(static_cast<int32_t>(right.value)) + k + 1 - start;
  if (__builtin_expect(!left.certain || !right.certain || quantile - start >= freq, 0)) {
    return LocateCarefully(model, i, quantile);
  }
  return {static_cast<int32_t>(symbol), {start, freq}};
}

}  // namespace avx2

inline void FindAll(const Leaky<Gaussian>& model, int64_t first, int64_t n, const int32_t* symbols, uint32_t* start,
                    uint32_t* freq) {
  const Support& support = model.distribution.support;
  const bool shared = support.low.stride == 0 && support.high.stride == 0;
  // Above 30 bits, integers no longer fit 32 with a sign.
  if (shared && model.precision <= 30 && n > 0 && support.Size(0) >= 1 &&
      static_cast<uint64_t>(support.Size(0)) <= Total(model.precision) && HasFused()) {
    return avx2::FindGaussians(model, first, n, symbols, start, freq);
  }
  FindEach(model, first, n, symbols, start, freq);
}
#endif

template <typename Model>
void FindAll(const Model& model, int64_t first, int64_t n, const int32_t* symbols, uint32_t* start, uint32_t* freq) {
  FindEach(model, first, n, symbols, start, freq);
}

// Model::Locate for a model whose type is forgotten.
using LocateFunction = Located (*)(const void* model, int64_t i, uint32_t quantile);

template <typename Model>
LocateFunction LocateOf() {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<Model, Leaky<Gaussian>>) {
    if (HasFused()) return avx2::LocateGaussian;
  }
#endif
  return [](const void* model, int64_t i, uint32_t quantile) {
    return static_cast<const Model*>(model)->Locate(i, quantile);
  };
}

}  // namespace jans

#endif  // JANS_CPU_GAUSSIAN_H_
