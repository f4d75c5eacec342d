// The quantisers of quantize.h for rows without a mask, where the machine has wide registers: the same integers.
#ifndef JANS_CPU_SEARCH_QUANTIZE_ROWS_H_
#define JANS_CPU_SEARCH_QUANTIZE_ROWS_H_

#include <memory>

#include "../../core/quantize/quantize.h"
#include "../simd/fixed_lanes.h"

#if defined(__x86_64__)

namespace jans {
namespace avx2 {

// floor(b * mass / total) of four numbers up to total < 2^32, mass < 2^32. The quotient of doubles is wrong by less
// than 2^-18, so that the integer next to it is the floor or one more, and then the rest is negative.
struct Scale {
  __m256i mass, total;
  __m256d ratio;

  JANS_WIDE_INLINE Scale(uint64_t m, uint64_t t)
      : mass(_mm256_set1_epi64x(static_cast<int64_t>(m))),
        total(_mm256_set1_epi64x(static_cast<int64_t>(t))),
        ratio(_mm256_set1_pd(static_cast<double>(m) / static_cast<double>(t))) {}
  JANS_WIDE_INLINE __m256i operator()(__m256i b) const {
    const __m256d unit = _mm256_set1_pd(0x1p52);
    const __m256d real = _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(b, _mm256_castpd_si256(unit))), unit);
    const __m256d near = _mm256_add_pd(_mm256_mul_pd(real, ratio), unit);
    const __m256i quotient = _mm256_xor_si256(_mm256_castpd_si256(near), _mm256_castpd_si256(unit));
    const __m256i remainder = _mm256_sub_epi64(_mm256_mul_epu32(b, mass), _mm256_mul_epu32(quotient, total));
    return _mm256_add_epi64(quotient, _mm256_cmpgt_epi64(_mm256_setzero_si256(), remainder));
  }
};

// `room` holds n numbers.
JANS_WIDE inline void QuantizeLogits(const float* logits, int64_t n, int precision, uint32_t* cdf, uint32_t* room) {
  const int64_t whole = n / kEight * kEight;
  __m256 most = _mm256_set1_ps(-__builtin_inff());
  for (int64_t i = 0; i < whole; i += kEight) most = _mm256_max_ps(_mm256_loadu_ps(logits + i), most);
  float tops[kEight], top = -__builtin_inff();
  _mm256_storeu_ps(tops, most);
  for (int k = 0; k < kEight; ++k) top = tops[k] > top ? tops[k] : top;
  for (int64_t i = whole; i < n; ++i) top = logits[i] > top ? logits[i] : top;
  if (!IsFinite(top)) return RefuseRow(n, cdf);

  const __m256 tops8 = _mm256_set1_ps(top);
  __m256 valid = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
  for (int64_t i = 0; i < whole; i += kEight) {
    const __m256 some = _mm256_loadu_ps(logits + i);
    valid = _mm256_and_ps(valid, _mm256_cmp_ps(some, tops8, _CMP_LE_OQ));
    Store(room + i, ExpFixed(_mm256_sub_ps(some, tops8)));
  }
  bool good = _mm256_movemask_ps(valid) == 0xFF;
  for (int64_t i = whole; i < n; ++i) {
    good = good && logits[i] <= top;
    room[i] = good ? jans::ExpFixed(logits[i] - top) : 0;
  }
  if (!good) return RefuseRow(n, cdf);

  uint64_t sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += room[i];
  const int shift = sum >> 32 == 0 ? 0 : 32 - __builtin_clzll(sum);
  uint64_t before = 0;
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t here = room[i];
    room[i] = static_cast<uint32_t>(before >> shift);
    before += here;
  }
  const uint64_t mass = (uint64_t{1} << precision) - static_cast<uint64_t>(n), total = sum >> shift;
  const Scale scale(mass, total);
  U32x8 count = {0, 1, 2, 3, 4, 5, 6, 7};
  for (int64_t i = 0; i < whole; i += kEight, count += kEight) {
    const __m256i b = LoadIntrinsic(room + i);
    const __m256i even = scale(_mm256_blend_epi32(b, _mm256_setzero_si256(), 0xAA)),
                  odd = scale(_mm256_srli_epi64(b, 32));
    Store(cdf + i, FromIntrinsic(_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA)) + count);
  }
  for (int64_t i = whole; i < n; ++i) cdf[i] = static_cast<uint32_t>(room[i] * mass / total + static_cast<uint64_t>(i));
  cdf[n] = static_cast<uint32_t>(uint64_t{1} << precision);
}

}  // namespace avx2
}  // namespace jans

#endif  // defined(__x86_64__)

namespace jans {

// left(0), ..., left(n - 1) of a row from its sums; see LazyBlock::Left for why that is one minimum.
template <typename Float>
JANS_WIDE void ScaleSums(const Float* sums, int64_t n, Float scale, Float top, uint32_t* cdf) {
  for (int64_t i = 0; i < n; ++i) {
    const Float left = sums[i] * scale;
    cdf[i] = static_cast<uint32_t>(static_cast<int32_t>(left < top ? left : top) + static_cast<int32_t>(i));
  }
}

// By the best way for rows of n values.
class QuantizeRows {
 public:
  explicit QuantizeRows(int64_t n) : n_(n), wide_(HasWide()), room_(wide_ ? new unsigned char[8 * n] : nullptr) {}

  template <typename Float>
  void Probs(const Float* probs, const uint8_t* mask, int precision, uint32_t* cdf) {
    // The mass is exact, and an int.
    if (mask == nullptr && wide_ && precision <= (sizeof(Float) == 4 ? 24 : 30) && Scaled(probs, precision, cdf))
      return;
    QuantizeProbs(probs, mask, n_, precision, cdf);
  }
  void Logits(const float* logits, const uint8_t* mask, int precision, uint32_t* cdf) {
#if defined(__x86_64__)
    if (mask == nullptr && wide_) return avx2::QuantizeLogits(logits, n_, precision, cdf, Room<uint32_t>());
#endif
    QuantizeLogits(logits, mask, n_, precision, cdf);
  }

 private:
  // False where a value is none, or sum or scale are out of range.
  template <typename Float>
  bool Scaled(const Float* probs, int precision, uint32_t* cdf) {
    Float* sums = Room<Float>();
    Float sum = 0;
    bool valid = true;
    for (int64_t i = 0; i < n_; ++i) {
      const Float prob = Flushed(probs[i]);
      valid = valid & (prob >= 0);
      sums[i] = sum;
      sum += prob;
    }
    const Float top = static_cast<Float>(Total(precision) - static_cast<uint64_t>(n_)), scale = top / sum;
    if (!valid || !(sum > 0) || !IsFinite(sum) || !IsFinite(scale) || scale < Smallest<Float>()) return false;
    ScaleSums(sums, n_, scale, top, cdf);
    cdf[n_] = static_cast<uint32_t>(Total(precision));
    return true;
  }
  template <typename T>
  T* Room() {
    return reinterpret_cast<T*>(room_.get());
  }

  int64_t n_;
  bool wide_;
  std::unique_ptr<unsigned char[]> room_;  // for n numbers of 8 bytes
};

}  // namespace jans

#endif  // JANS_CPU_SEARCH_QUANTIZE_ROWS_H_
