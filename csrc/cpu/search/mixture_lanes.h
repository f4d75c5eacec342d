// Mixtures of eight symbols side by side, where the machine has AVX2: the same integers.
#ifndef JANS_CPU_SEARCH_MIXTURE_LANES_H_
#define JANS_CPU_SEARCH_MIXTURE_LANES_H_

#include <array>
#include <cstring>

#include "../../core/models/single.h"
#include "../simd/fixed_lanes.h"
#include "model_view.h"

namespace jans {

template <typename Component>
const Line* LinesOf() {
  static const std::array<Line, kLines> lines = [] {
    std::array<Line, kLines> made{};
    for (int i = 0; i < kLines; ++i) made[i] = MakeLine(Component::Table(), i);
    return made;
  }();
  return lines.data();
}

}  // namespace jans

#if defined(__x86_64__) || defined(__aarch64__)

namespace jans {

// Of the greatest drop between two values, the first, it is known whether its product with 2^10 fits 32 bits.
template <typename Component>
struct ComponentTable;
template <>
struct ComponentTable<NormalComponent> {
  static constexpr const uint32_t* kValues = kNormalTable;
  static constexpr float kLimit = kNormalLimit, kUnit = kNormalSteps * 1024.0f;
  static constexpr bool kFits = kNormalTable[0] - kNormalTable[1] < 1 << 22;
};
template <>
struct ComponentTable<LogisticComponent> {
  static constexpr const uint32_t* kValues = kLogisticTable;
  static constexpr float kLimit = kLogisticLimit, kUnit = kLogisticSteps * 1024.0f;
  static constexpr bool kFits = kLogisticTable[0] - kLogisticTable[1] < 1 << 22;
};

// The bits of each line's value and slope.
template <typename Component>
const uint32_t* LineBits() {
  static const std::array<uint32_t, 2 * kLines> bits = [] {
    std::array<uint32_t, 2 * kLines> words{};
    std::memcpy(words.data(), LinesOf<Component>(), sizeof(words));
    return words;
  }();
  return bits.data();
}

}  // namespace jans

#endif  // defined(__x86_64__) || defined(__aarch64__)

#if defined(__x86_64__)

#define JANS_SINGLES_INLINE JANS_SINGLES_LOOP inline __attribute__((always_inline))

#define JANS_REGISTERS singles_avx2
#define JANS_SINGLES_LOOP JANS_WIDE
#define JANS_SINGLES 8
#include "single_lanes.inc"
#undef JANS_REGISTERS
#undef JANS_SINGLES_LOOP
#undef JANS_SINGLES

#define JANS_REGISTERS singles_avx512
#define JANS_SINGLES_LOOP JANS_WIDEST
#define JANS_SINGLES 16
#include "single_lanes.inc"
#undef JANS_REGISTERS
#undef JANS_SINGLES_LOOP
#undef JANS_SINGLES

#undef JANS_SINGLES_INLINE

#elif defined(__aarch64__)

#define JANS_SINGLES_LOOP
#define JANS_SINGLES_INLINE inline __attribute__((always_inline))
#define JANS_REGISTERS singles_neon
#define JANS_SINGLES 4
#include "single_lanes.inc"
#undef JANS_REGISTERS
#undef JANS_SINGLES_LOOP
#undef JANS_SINGLES_INLINE
#undef JANS_SINGLES

#endif

#if defined(__x86_64__)

namespace jans {
namespace avx2 {

// SymmetricCdf.
template <typename Component>
JANS_WIDE_INLINE U32x8 Cdf(__m256 z) {
  using Table = ComponentTable<Component>;
  const __m256 size = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), z),
               t = _mm256_min_ps(size, _mm256_set1_ps(Table::kLimit));
  const U32x8 position = FromIntrinsic(_mm256_cvttps_epi32(_mm256_mul_ps(t, _mm256_set1_ps(Table::kUnit))));
  U32x8 value, next;
  LoadPairs(Table::kValues, position >> 10, value, next);
  const U32x8 fraction = position & 1023, drop = value - next;
  const U32x8 part = Table::kFits ? drop * fraction >> 10 : (drop >> 10) * fraction + ((drop & 1023) * fraction >> 10);
  const U32x8 below = value - part;
  const __m256i negative = _mm256_castps_si256(_mm256_cmp_ps(z, _mm256_setzero_ps(), _CMP_LT_OQ));
  return Choose(negative, below, All(int64_t{1} << 31) - below);
}

// Numbers of 64 bits for the even and for the odd lanes.
struct EvenOdd {
  __m256i even, odd;
};
JANS_WIDE_INLINE __m256i LowHalf(__m256i x) { return _mm256_blend_epi32(x, _mm256_setzero_si256(), 0xAA); }

// The mixtures of eight symbols.
template <typename Component>
struct EightMixtures {
  using Model = Leaky<Mixture<Component>>;
  static constexpr int kMost = kMaxComponents, kWeightBits = Mixture<Component>::kWeightBits;

  int components;
  U32x8 count, mass;  // of symbols, and of what they share
  __m256 first_edge;
  Mask valid;
  U32x8 weight[kMost];
  __m256 mean[kMost], inverse[kMost];

  // Those of symbols first, first + 1, ...; they share a support, which fits.
  JANS_WIDE_INLINE EightMixtures(const Model& model, int64_t first) {
    const Mixture<Component>& d = model.distribution;
    components = d.components;
    count = All(d.support.Size(0));
    mass = All(static_cast<int64_t>(Total(model.precision)) - d.support.Size(0));
    first_edge = _mm256_set1_ps(static_cast<float>(d.support.Low(0)) - 0.5f);
    LoadWeights(d.logits[first], d.logits.step);
    __m256 scales[kMost];
    LoadColumns(d.mean[first], d.mean.step, mean);
    LoadColumns(d.scale[first], d.scale.step, scales);
    const __m256 infinity = _mm256_set1_ps(__builtin_inff()), least = _mm256_set1_ps(Smallest<float>());
    __m256 good = _mm256_castsi256_ps(valid);
    for (int j = 0; j < components; ++j) {
      const __m256 one_over = _mm256_div_ps(_mm256_set1_ps(1.0f), scales[j]);
      inverse[j] = _mm256_and_ps(one_over, _mm256_cmp_ps(one_over, least, _CMP_GE_OQ));
      good = _mm256_and_ps(good, _mm256_cmp_ps(Abs(mean[j]), infinity, _CMP_LT_OQ));
      good = _mm256_and_ps(good, _mm256_cmp_ps(scales[j], least, _CMP_GE_OQ));
      good = _mm256_and_ps(good, _mm256_cmp_ps(scales[j], infinity, _CMP_LT_OQ));
    }
    valid = _mm256_castps_si256(good);
  }

  // Asks for the parameters of the symbols that are n before these.
  static JANS_WIDE_INLINE void Fetch(const Model& model, int64_t first, int64_t n) {
    const Mixture<Component>& d = model.distribution;
    for (const FloatRows& rows : {d.logits, d.mean, d.scale}) {
      const int64_t bytes = kEight * rows.step * int64_t{sizeof(float)};
      const char* data = reinterpret_cast<const char*>(rows[first]);
      for (int64_t at = 0; at < bytes; at += 64) FetchBefore(data + at, n / kEight * bytes);
    }
  }

  // Leaky::Left of places 0, ..., count.
  JANS_WIDE_INLINE U32x8 Left(U32x8 place) const {
    const __m256 edge = _mm256_add_ps(first_edge, _mm256_cvtepi32_ps(ToIntrinsic(place)));
    EvenOdd sum{_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (int j = 0; j < components; ++j) {
      const U32x8 cdf = Cdf<Component>(_mm256_mul_ps(_mm256_sub_ps(edge, mean[j]), inverse[j]));
      const __m256i f = ToIntrinsic(cdf), w = ToIntrinsic(weight[j]);
      sum.even = _mm256_add_epi64(sum.even, _mm256_mul_epu32(f, w));
      sum.odd = _mm256_add_epi64(sum.odd, _mm256_mul_epu32(_mm256_srli_epi64(f, 32), _mm256_srli_epi64(w, 32)));
    }
    const U32x8 even = FromIntrinsic(Scaled(sum.even)), odd = FromIntrinsic(_mm256_slli_epi64(Scaled(sum.odd), 32));
    const U32x8 left = FromIntrinsic(_mm256_blend_epi32(ToIntrinsic(even), ToIntrinsic(odd), 0xAA)) + place;
    return MaskZero(Equal(place, All(0)), Choose(Equal(place, count), mass + count, left));
  }

 private:
  static JANS_WIDE_INLINE __m256 Abs(__m256 x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }

  // floor(sum / 2^15 * mass / 2^32), where sum / 2^15 is up to 2^32.
  JANS_WIDE_INLINE __m256i Scaled(__m256i sum) const {
    const __m256i f = _mm256_srli_epi64(sum, kWeightBits - 1), m = ToIntrinsic(mass);
    const __m256i one = _mm256_cmpeq_epi64(_mm256_srli_epi64(f, 32), _mm256_set1_epi64x(1));
    const __m256i below = _mm256_srli_epi64(_mm256_mul_epu32(f, m), 32);
    return _mm256_add_epi64(below, _mm256_and_si256(one, LowHalf(m)));
  }

  // Column j of eight rows that are `step` apart. Nothing beyond a row is read.
  JANS_WIDE_INLINE void LoadColumns(const float* rows, int64_t step, __m256* columns) const {
    for (int j = 0; j < components; j += kEight) {
      const __m256i inside = ToIntrinsic(All(components - j)), lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
      const __m256i mask = _mm256_cmpgt_epi32(inside, lane);
      U32x8 block[kEight];
      for (int k = 0; k < kEight; ++k) {
        block[k] = FromIntrinsic(_mm256_castps_si256(_mm256_maskload_ps(rows + k * step + j, mask)));
      }
      Transpose(block);
      for (int k = 0; k < kEight; ++k) columns[j + k] = _mm256_castsi256_ps(ToIntrinsic(block[k]));
    }
  }

  // SoftmaxWeights. Sums are below 2^35 and the mass below 2^16: as a product of doubles, a quotient is wrong by less
  // than 2^-35, and one that is no integer is 2^-34 below the next.
  JANS_WIDE_INLINE void LoadWeights(const float* logits, int64_t step) {
    __m256 columns[kMost];
    LoadColumns(logits, step, columns);
    __m256 top = _mm256_set1_ps(-__builtin_inff());
    for (int j = 0; j < components; ++j) top = _mm256_max_ps(columns[j], top);
    __m256 good = _mm256_cmp_ps(Abs(top), _mm256_set1_ps(__builtin_inff()), _CMP_LT_OQ);
    __m256d low_sums[kMost], high_sums[kMost];
    __m256d low = _mm256_setzero_pd(), high = low;
    for (int j = 0; j < components; ++j) {
      good = _mm256_and_ps(good, _mm256_cmp_ps(columns[j], top, _CMP_LE_OQ));
      const __m256i value = ToIntrinsic(ExpFixed(_mm256_sub_ps(columns[j], top)));
      low_sums[j] = low = _mm256_add_pd(low, _mm256_cvtepi32_pd(_mm256_castsi256_si128(value)));
      high_sums[j] = high = _mm256_add_pd(high, _mm256_cvtepi32_pd(_mm256_extracti128_si256(value, 1)));
    }
    valid = _mm256_castps_si256(good);
    const __m256d all = _mm256_set1_pd(static_cast<double>((1 << kWeightBits) - components));
    const __m256d low_ratio = _mm256_div_pd(all, low), high_ratio = _mm256_div_pd(all, high);
    const __m256d doubt = _mm256_set1_pd(0x1p-35);
    U32x8 left = All(0);
    for (int j = 0; j < components; ++j) {
      const __m128i a = _mm256_cvttpd_epi32(_mm256_add_pd(_mm256_mul_pd(low_sums[j], low_ratio), doubt));
      const __m128i b = _mm256_cvttpd_epi32(_mm256_add_pd(_mm256_mul_pd(high_sums[j], high_ratio), doubt));
      const U32x8 right = FromIntrinsic(_mm256_set_m128i(b, a)) + All(j + 1);
      weight[j] = right - left;
      left = right;
    }
  }
};

// What a Finder, `any`, of mixtures answers.
template <typename Finder>
struct MixturesOf {
  using Eight = EightMixtures<typename Finder::Component>;

  JANS_WIDE static void Find(const void* any, int64_t first, int64_t n, const int32_t* symbols, uint32_t* start,
                             uint32_t* freq) {
    const Finder& finder = *static_cast<const Finder*>(any);
    const U32x8 low = All(finder.low());
    int64_t j = 0;
    for (; j + kEight <= n; j += kEight) {
      Eight::Fetch(finder.model(), first + j, n);
      const Eight eight(finder.model(), first + j);
      const U32x8 place = Load(symbols + j) - low;
      const Mask out = Outside(place, finder.size());
      const U32x8 inside = MaskZero(out, place), left = eight.Left(inside);
      Store(start + j, left);
      Store(freq + j, eight.Left(inside + 1) - left);
      const unsigned bad = Bits(out) | (0xFF & ~Bits(eight.valid));
      if (__builtin_expect(bad != 0, 0)) FindSome(finder, bad, first + j, symbols + j, start + j, freq + j);
    }
    FindPlain<typename Finder::Model>(any, first + j, n - j, symbols + j, start + j, freq + j);
  }
  JANS_WIDE static void LocateMany(const void* any, int64_t first, int64_t n, const uint32_t* quantiles,
                                   int32_t* symbols, uint32_t* start, uint32_t* freq) {
    const Finder& finder = *static_cast<const Finder*>(any);
    const U32x8 sign = All(int64_t{1} << 31);
    for (int64_t j = 0; j < n; j += kEight) {
      const Eight eight(finder.model(), first + j);
      const U32x8 quantile = Load(quantiles + j) ^ sign;
      U32x8 below = All(0), above = eight.count, left = All(0), right = eight.mass + eight.count;
      for (int64_t most = finder.size(); most > 1; most = most - most / 2) {
        const U32x8 middle = below + ((above - below) >> 1), value = eight.Left(middle);
        const Mask falls = Above(value ^ sign, quantile);
        below = Choose(falls, below, middle);
        left = Choose(falls, left, value);
        above = Choose(falls, middle, above);
        right = Choose(falls, value, right);
      }
      Store(symbols + j, below + All(finder.low()));
      Store(start + j, left);
      Store(freq + j, right - left);
      const unsigned bad = 0xFF & ~Bits(eight.valid);
      if (__builtin_expect(bad != 0, 0)) {
        LocateSome(finder, bad, first + j, quantiles + j, symbols + j, start + j, freq + j);
      }
    }
  }
};

}  // namespace avx2
}  // namespace jans

#endif  // defined(__x86_64__)

namespace jans {

// For one stream.
template <typename Component_>
class Finder<Leaky<Mixture<Component_>>> {
 public:
  using Component = Component_;
  using Model = Leaky<Mixture<Component>>;

  explicit Finder(const Model& model) : model_(model) {
    const Support& support = model.distribution.support;
    shared_ = support.low.stride == 0 && support.high.stride == 0;
    if (!shared_) return;
    low_ = support.Low(0);
    size_ = support.Size(0);
    shared_ = low_ >= -kMaxEdge && low_ + size_ - 1 <= kMaxEdge && size_ >= 1 &&
              static_cast<uint64_t>(size_) <= Total(model.precision) && model.precision < 32;
  }
  const Model& model() const { return model_; }
  int64_t low() const { return low_; }
  int64_t size() const { return size_; }

  FindFunction Find() const { return Best().find == nullptr ? FindPlain<Model> : Best().find; }
  LocateManyFunction LocateMany() const { return Best().locate_many; }
  LocateFunction Locate() const { return model_.distribution.components == 1 ? LocateSingle : LocatePlain<Model>; }

 private:
  static Found LocateSingle(const void* finder, int64_t i, uint32_t quantile) {
    const Model& model = static_cast<const Finder*>(finder)->model();
    const Mixture<Component>& d = model.distribution;
    const Single single{Component::Table(), LinesOf<Component>(), d.logits, d.mean, d.scale, d.support};
    return Found(Leaky<Single>{single, model.precision}.Locate(i, quantile));
  }

  struct Functions {
    FindFunction find;
    LocateManyFunction locate_many;
  };
  // None where one by one is best.
  Functions Best() const {
    if (!shared_ || !HasWide()) return {nullptr, nullptr};
    const bool single = model_.distribution.components == 1;
#if defined(__x86_64__)
    using Eights = avx2::MixturesOf<Finder>;
    using Narrow = singles_avx2::SinglesOf<Finder>;
    using Wide = singles_avx512::SinglesOf<Finder>;
    if (!single) return {Eights::Find, Eights::LocateMany};
    if (HasWidest()) return {Wide::Find, Wide::LocateMany};
    return {Narrow::Find, Narrow::LocateMany};
#elif defined(__aarch64__)
    using Narrow = singles_neon::SinglesOf<Finder>;
    if (single) return {Narrow::Find, Narrow::LocateMany};
#endif
    return {nullptr, nullptr};
  }

  Model model_;
  bool shared_;
  int64_t low_ = 0, size_ = 0;
};

}  // namespace jans

#endif  // JANS_CPU_SEARCH_MIXTURE_LANES_H_
