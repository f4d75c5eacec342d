// What both compilers (host and device) agree on.
#ifndef JANS_CORE_PORTABLE_H_
#define JANS_CORE_PORTABLE_H_

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#define JANS_HD __host__ __device__ __forceinline__
#define JANS_FUNCTION __host__ __device__ inline
#define JANS_APART __host__ __device__ __noinline__
#define JANS_SELDOM JANS_APART
#define JANS_EVEN(condition) (condition)
#else
#define JANS_HD inline __attribute__((always_inline))
#define JANS_FUNCTION inline
#define JANS_APART __attribute__((noinline))
#define JANS_SELDOM __attribute__((noinline, cold))
// Of a condition that is true as often as not: jumps could not be predicted.
#define JANS_EVEN(condition) __builtin_expect_with_probability(condition, 1, 0.5)
#endif

namespace jans {

// High 64 bits of the 128-bit product.
JANS_HD uint64_t MulHi(uint64_t a, uint64_t b) {
#if defined(__CUDA_ARCH__)
  return __umul64hi(a, b);
#else
  return static_cast<uint64_t>((static_cast<unsigned __int128>(a) * b) >> 64);
#endif
}

}  // namespace jans

#endif  // JANS_CORE_PORTABLE_H_
