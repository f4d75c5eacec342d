// Eight lanes in registers, for each kind of these that a machine may have.
#ifndef JANS_CPU_SIMD_EIGHT_REGISTERS_H_
#define JANS_CPU_SIMD_EIGHT_REGISTERS_H_

#include "eight.h"
#include "wide.h"

#if defined(__x86_64__)

#include <immintrin.h>

namespace jans {

// Numbers of 32 bits, one for each lane.
using U32x8 = uint32_t __attribute__((vector_size(32)));
using I32x8 = int32_t __attribute__((vector_size(32)));
using Floats = float __attribute__((vector_size(32)));

}  // namespace jans

#define JANS_EIGHT_INLINE JANS_EIGHT_LOOP inline __attribute__((always_inline))

#define JANS_REGISTERS avx2
#define JANS_EIGHT_LOOP JANS_WIDE
#define JANS_AVX512 0
#define JANS_LONGS 0
#include "eight_x86.inc"
#include "heads_of_eight.inc"
#undef JANS_REGISTERS
#undef JANS_EIGHT_LOOP
#undef JANS_AVX512
#undef JANS_LONGS

#define JANS_REGISTERS avx512
#define JANS_EIGHT_LOOP JANS_WIDEST
#define JANS_AVX512 1
#define JANS_LONGS 1
#include "eight_x86.inc"
#include "heads_of_eight.inc"
#undef JANS_REGISTERS
#undef JANS_EIGHT_LOOP
#undef JANS_AVX512
#undef JANS_LONGS

#undef JANS_EIGHT_INLINE

#elif defined(__aarch64__)

#include <arm_neon.h>

#define JANS_EIGHT_INLINE inline __attribute__((always_inline))

#define JANS_REGISTERS neon
#define JANS_LONGS 1
#include "eight_neon.inc"
#include "heads_of_eight.inc"
#undef JANS_REGISTERS
#undef JANS_LONGS

#undef JANS_EIGHT_INLINE

#endif

#endif  // JANS_CPU_SIMD_EIGHT_REGISTERS_H_
