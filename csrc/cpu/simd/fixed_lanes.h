// Functions of fixed.h for eight numbers, where the machine has AVX2.
#ifndef JANS_CPU_SIMD_FIXED_LANES_H_
#define JANS_CPU_SIMD_FIXED_LANES_H_

#include "../../core/models/fixed.h"
#include "eight_registers.h"

#if defined(__x86_64__)

namespace jans {
namespace avx2 {

// Values as ExpFixed has them, of differences that are not above zero; any number where there is NaN.
JANS_WIDE_INLINE U32x8 ExpFixed(__m256 x) {
  x = _mm256_mul_ps(_mm256_max_ps(x, _mm256_set1_ps(-32.0f)), _mm256_set1_ps(-1048576.0f));
  const __m256i power = _mm256_cvttps_epi32(x), factor = _mm256_set1_epi64x(kLog2E30);
  // The high halves of products: the exponent of two in units of 2^-18.
  const __m256i even = _mm256_srli_epi64(_mm256_mul_epu32(power, factor), 32);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(power, 32), factor);
  const U32x8 exponent = FromIntrinsic(_mm256_blend_epi32(even, odd, 0xAA)), position = exponent & 0x3FFFF;
  U32x8 value, next;
  LoadPairs(kExp2Table, position >> 10, value, next);
  value -= (value - next) * (position & 1023) >> 10;
  return FromIntrinsic(_mm256_srlv_epi32(ToIntrinsic(value), ToIntrinsic(exponent >> 18)));
}

}  // namespace avx2
}  // namespace jans

#endif  // defined(__x86_64__)

#endif  // JANS_CPU_SIMD_FIXED_LANES_H_
