// Eight heads of rANS side by side in AVX2 registers: the steps of core/rans.h, and how words leave them and come to
// them. Numbers of eight lanes are 32 bits wide each, lane 0 lowest; a set of lanes is a mask of such numbers, or a
// byte with a bit for each.
#ifndef JANS_CPU_WIDE_HEADS_H_
#define JANS_CPU_WIDE_HEADS_H_

#include "stream.h"
#include "wide.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace jans {
namespace avx2 {

constexpr int kEight = 8;

JANS_WIDE_INLINE __m256i Load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
JANS_WIDE_INLINE void Store(void* p, __m256i x) { _mm256_storeu_si256(static_cast<__m256i*>(p), x); }
JANS_WIDE_INLINE __m256i Not(__m256i x) { return _mm256_xor_si256(x, _mm256_set1_epi32(-1)); }
JANS_WIDE_INLINE bool Any(__m256i x) { return _mm256_testz_si256(x, x) == 0; }
JANS_WIDE_INLINE unsigned SetOf(__m256i mask) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(mask)));
}

template <typename V>
constexpr bool kHasEight = std::is_same_v<V, Rans32_16> || std::is_same_v<V, Rans64> || std::is_same_v<V, Rans64Ryg>;

// Heads of 64 bits. `even` has lanes 0, 1, 4 and 5, `odd` lanes 2, 3, 6 and 7: so the instructions that pack and unpack
// halves leave lanes in order.
template <typename V>
struct Eight {
  static constexpr int kLeastPrecision = V::kTopBits - 50, kMostPrecision = 24, kRegisters = 2;

  __m256i even, odd;

  // From and to registers that are kept in memory.
  static JANS_WIDE_INLINE Eight From(const __m256i* kept) {
    return {_mm256_load_si256(kept), _mm256_load_si256(kept + 1)};
  }
  JANS_WIDE_INLINE void Keep(__m256i* kept) const {
    _mm256_store_si256(kept, even);
    _mm256_store_si256(kept + 1, odd);
  }

  static JANS_WIDE_INLINE Eight Of(const uint64_t* heads) {
    const __m256i low = Load(heads), high = Load(heads + 4);
    return {_mm256_permute2x128_si256(low, high, 0x20), _mm256_permute2x128_si256(low, high, 0x31)};
  }
  JANS_WIDE_INLINE void To(uint64_t* heads) const {
    Store(heads, _mm256_permute2x128_si256(even, odd, 0x20));
    Store(heads + 4, _mm256_permute2x128_si256(even, odd, 0x31));
  }

  // Moves a word out of the heads that are full for their freqs: gives them, and the lowest word of every head.
  JANS_WIDE_INLINE __m256i Flush(__m256i freq, int precision, __m256i& words) {
    const __m128i top = _mm_cvtsi32_si128(V::kTopBits - precision);
    const __m256i stays = _mm256_cmpgt_epi32(freq, Pack(_mm256_srl_epi64(even, top), _mm256_srl_epi64(odd, top)));
    words = Pack(even, odd);
    even = _mm256_blendv_epi8(_mm256_srli_epi64(even, 32), even, _mm256_unpacklo_epi32(stays, stays));
    odd = _mm256_blendv_epi8(_mm256_srli_epi64(odd, 32), odd, _mm256_unpackhi_epi32(stays, stays));
    return Not(stays);
  }
  // The push formula.
  JANS_WIDE_INLINE void Step(__m256i start, __m256i freq, int precision) {
    const __m256i zero = _mm256_setzero_si256();
    const __m128i p = _mm_cvtsi32_si128(precision);
    even = StepHalf(even, _mm256_unpacklo_epi32(start, zero), _mm256_unpacklo_epi32(freq, zero), p);
    odd = StepHalf(odd, _mm256_unpackhi_epi32(start, zero), _mm256_unpackhi_epi32(freq, zero), p);
  }

  JANS_WIDE_INLINE __m256i Quantiles(int precision) const {
    return _mm256_and_si256(Pack(even, odd), _mm256_set1_epi32((1 << precision) - 1));
  }
  // The pop formula, with what a quantile is above its start.
  JANS_WIDE_INLINE void StepBack(__m256i rest, __m256i freq, int precision) {
    const __m256i zero = _mm256_setzero_si256();
    const __m128i p = _mm_cvtsi32_si128(precision);
    even = Times(_mm256_srl_epi64(even, p), _mm256_unpacklo_epi32(freq, zero));
    odd = Times(_mm256_srl_epi64(odd, p), _mm256_unpackhi_epi32(freq, zero));
    even = _mm256_add_epi64(even, _mm256_unpacklo_epi32(rest, zero));
    odd = _mm256_add_epi64(odd, _mm256_unpackhi_epi32(rest, zero));
  }
  // The heads that are below their range, and Fill, which moves a word into some.
  JANS_WIDE_INLINE __m256i Low() const {
    const __m256i zero = _mm256_setzero_si256();
    return Pack(_mm256_cmpeq_epi64(_mm256_srli_epi64(even, V::kLowerBits), zero),
                _mm256_cmpeq_epi64(_mm256_srli_epi64(odd, V::kLowerBits), zero));
  }
  JANS_WIDE_INLINE void Fill(__m256i words, __m256i wants) {
    const __m256i zero = _mm256_setzero_si256();
    const __m256i filled_even = _mm256_or_si256(_mm256_slli_epi64(even, 32), _mm256_unpacklo_epi32(words, zero));
    const __m256i filled_odd = _mm256_or_si256(_mm256_slli_epi64(odd, 32), _mm256_unpackhi_epi32(words, zero));
    even = _mm256_blendv_epi8(even, filled_even, _mm256_unpacklo_epi32(wants, wants));
    odd = _mm256_blendv_epi8(odd, filled_odd, _mm256_unpackhi_epi32(wants, wants));
  }

 private:
  // The low halves of all lanes.
  static JANS_WIDE_INLINE __m256i Pack(__m256i even, __m256i odd) {
    return _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(even), _mm256_castsi256_ps(odd), 0x88));
  }
  static JANS_WIDE_INLINE __m256i Times(__m256i x, __m256i freq) {
    const __m256i high = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), freq);
    return _mm256_add_epi64(_mm256_mul_epu32(x, freq), _mm256_slli_epi64(high, 32));
  }
  // The nearest double, from the halves of x above 2^84 and 2^52.
  static JANS_WIDE_INLINE __m256d Double(__m256i x) {
    const __m256d above = _mm256_set1_pd(0x1p84), both = _mm256_set1_pd(0x1p84 + 0x1p52);
    const __m256i high = _mm256_or_si256(_mm256_srli_epi64(x, 32), _mm256_castpd_si256(above));
    const __m256i low = _mm256_blend_epi32(x, _mm256_castpd_si256(_mm256_set1_pd(0x1p52)), 0xAA);
    return _mm256_add_pd(_mm256_sub_pd(_mm256_castsi256_pd(high), both), _mm256_castsi256_pd(low));
  }
  // x / freq < 2^50. Its double is wrong by less than 1/4, as x and the quotient are rounded by 2^-53 of themselves;
  // the integer next to that, which a sum with 2^52 leaves in its low bits, is the floor or one more, and then the rest
  // is negative.
  static JANS_WIDE_INLINE __m256i StepHalf(__m256i x, __m256i start, __m256i freq, __m128i p) {
    const __m256d unit = _mm256_set1_pd(0x1p52);
    const __m256d divisor = _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(freq, _mm256_castpd_si256(unit))), unit);
    const __m256d near = _mm256_add_pd(_mm256_div_pd(Double(x), divisor), unit);
    __m256i quotient = _mm256_xor_si256(_mm256_castpd_si256(near), _mm256_castpd_si256(unit));
    __m256i rest = _mm256_sub_epi64(x, Times(quotient, freq));
    const __m256i high = _mm256_cmpgt_epi64(_mm256_setzero_si256(), rest);
    quotient = _mm256_add_epi64(quotient, high);
    rest = _mm256_add_epi64(rest, _mm256_and_si256(freq, high));
    return _mm256_add_epi64(_mm256_sll_epi64(quotient, p), _mm256_add_epi64(rest, start));
  }
};

template <>
struct Eight<Rans32_16> {
  static constexpr int kLeastPrecision = 10, kMostPrecision = 15, kRegisters = 1;

  __m256i x;

  static JANS_WIDE_INLINE Eight From(const __m256i* kept) { return {_mm256_load_si256(kept)}; }
  JANS_WIDE_INLINE void Keep(__m256i* kept) const { _mm256_store_si256(kept, x); }

  static JANS_WIDE_INLINE Eight Of(const uint32_t* heads) { return {Load(heads)}; }
  JANS_WIDE_INLINE void To(uint32_t* heads) const { Store(heads, x); }

  JANS_WIDE_INLINE __m256i Flush(__m256i freq, int precision, __m256i& words) {
    const __m128i top = _mm_cvtsi32_si128(Rans32_16::kTopBits - precision);
    const __m256i stays = _mm256_cmpgt_epi32(freq, _mm256_srl_epi32(x, top));
    words = x;
    x = _mm256_blendv_epi8(_mm256_srli_epi32(x, 16), x, stays);
    return Not(stays);
  }
  // x < freq * 2^21 and x < 2^31. The quotient of floats is below 2^21 and wrong by little more than 2^-23 of itself,
  // so that its floor is wrong by one at most, and the rest shows it.
  JANS_WIDE_INLINE void Step(__m256i start, __m256i freq, int precision) {
    __m256i quotient = _mm256_cvttps_epi32(_mm256_div_ps(_mm256_cvtepi32_ps(x), _mm256_cvtepi32_ps(freq)));
    __m256i rest = _mm256_sub_epi32(x, _mm256_mullo_epi32(quotient, freq));
    const __m256i low = _mm256_srai_epi32(rest, 31);
    quotient = _mm256_add_epi32(quotient, low);
    rest = _mm256_add_epi32(rest, _mm256_and_si256(freq, low));
    const __m256i fine = _mm256_cmpgt_epi32(freq, rest);
    quotient = _mm256_add_epi32(_mm256_add_epi32(quotient, _mm256_set1_epi32(1)), fine);
    rest = _mm256_sub_epi32(rest, _mm256_andnot_si256(fine, freq));
    x = _mm256_add_epi32(_mm256_sll_epi32(quotient, _mm_cvtsi32_si128(precision)), _mm256_add_epi32(rest, start));
  }

  JANS_WIDE_INLINE __m256i Quantiles(int precision) const {
    return _mm256_and_si256(x, _mm256_set1_epi32((1 << precision) - 1));
  }
  JANS_WIDE_INLINE void StepBack(__m256i rest, __m256i freq, int precision) {
    x = _mm256_add_epi32(_mm256_mullo_epi32(freq, _mm256_srl_epi32(x, _mm_cvtsi32_si128(precision))), rest);
  }
  JANS_WIDE_INLINE __m256i Low() const { return _mm256_cmpgt_epi32(_mm256_set1_epi32(Rans32_16::kLower), x); }
  JANS_WIDE_INLINE void Fill(__m256i words, __m256i wants) {
    x = _mm256_blendv_epi8(x, _mm256_or_si256(_mm256_slli_epi32(x, 16), words), wants);
  }
};

// Whether heads are below what steps allow; made-up states may have others.
template <typename V>
bool InRange(const Stream<V>& stream) {
  for (int64_t lane = 0; lane < stream.lanes; ++lane) {
    if ((LoadHead<V>(stream.heads, lane) >> (V::kTopBits - 1) >> 1) != 0) return false;
  }
  return true;
}

// For every set of lanes where the numbers of a register go.
struct Picks {
  alignas(16) uint8_t at[256][kEight];
};

// Those of the lanes in a set next to each other, the highest lane first.
constexpr Picks MakeLeaving() {
  Picks table{};
  for (int set = 0; set < 256; ++set) {
    int at = 0;
    for (int lane = kEight - 1; lane >= 0; --lane) {
      if ((set >> lane & 1) != 0) table.at[set][at++] = static_cast<uint8_t>(lane);
    }
  }
  return table;
}

// To the lanes in a set the last ones, the lowest lane first.
constexpr Picks MakeComing() {
  Picks table{};
  for (int set = 0; set < 256; ++set) {
    int at = kEight;
    for (int lane = 0; lane < kEight; ++lane) {
      at -= set >> lane & 1;
      table.at[set][lane] = static_cast<uint8_t>(at % kEight);
    }
  }
  return table;
}

inline constexpr Picks kLeaving = MakeLeaving(), kComing = MakeComing();

JANS_WIDE_INLINE __m256i Picked(const Picks& table, unsigned set, __m256i numbers) {
  const __m128i at = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(table.at[set]));
  return _mm256_permutevar8x32_epi32(numbers, _mm256_cvtepu8_epi32(at));
}

JANS_WIDE_INLINE __m256i LoadEight(const uint32_t* p) { return Load(p); }
JANS_WIDE_INLINE __m256i LoadEight(const int32_t* p) { return Load(p); }
JANS_WIDE_INLINE __m256i LoadEight(const uint16_t* p) {
  return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
JANS_WIDE_INLINE __m256i LoadEight(const uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
JANS_WIDE_INLINE void StoreEight(uint32_t* p, __m256i numbers) { Store(p, numbers); }
JANS_WIDE_INLINE void StoreEight(int32_t* p, __m256i numbers) { Store(p, numbers); }
// Of wider numbers the low bits.
JANS_WIDE_INLINE void StoreEight(uint16_t* p, __m256i numbers) {
  numbers = _mm256_and_si256(numbers, _mm256_set1_epi32(0xFFFF));
  const __m128i low = _mm256_castsi256_si128(numbers), high = _mm256_extracti128_si256(numbers, 1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packus_epi32(low, high));
}
JANS_WIDE_INLINE void StoreEight(uint8_t* p, __m256i numbers) {
  numbers = _mm256_and_si256(numbers, _mm256_set1_epi32(0xFF));
  const __m128i low = _mm256_castsi256_si128(numbers), high = _mm256_extracti128_si256(numbers, 1);
  const __m128i words = _mm_packus_epi32(low, high);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
}

// Number k of rows[j] becomes number j of rows[k].
JANS_WIDE_INLINE void Transpose(__m256i* rows) {
  __m256i two[kEight], four[kEight];
  for (int j = 0; j < kEight; j += 2) {
    two[j] = _mm256_unpacklo_epi32(rows[j], rows[j + 1]);
    two[j + 1] = _mm256_unpackhi_epi32(rows[j], rows[j + 1]);
  }
  for (int j = 0; j < kEight; j += 4) {
    for (int k = 0; k < 2; ++k) {
      four[j + 2 * k] = _mm256_unpacklo_epi64(two[j + k], two[j + k + 2]);
      four[j + 2 * k + 1] = _mm256_unpackhi_epi64(two[j + k], two[j + k + 2]);
    }
  }
  for (int j = 0; j < 4; ++j) {
    rows[j] = _mm256_permute2x128_si256(four[j], four[j + 4], 0x20);
    rows[j + 4] = _mm256_permute2x128_si256(four[j], four[j + 4], 0x31);
  }
}

}  // namespace avx2
}  // namespace jans

#endif  // defined(__x86_64__)

#endif  // JANS_CPU_WIDE_HEADS_H_
