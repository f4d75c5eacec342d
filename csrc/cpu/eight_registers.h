// Eight lanes in registers, for each kind of these that a machine may have.
#ifndef JANS_CPU_EIGHT_REGISTERS_H_
#define JANS_CPU_EIGHT_REGISTERS_H_

#include "eight.h"
#include "wide.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define JANS_EIGHT_INLINE JANS_EIGHT_LOOP inline __attribute__((always_inline))

#define JANS_REGISTERS avx2
#define JANS_EIGHT_LOOP JANS_WIDE
#define JANS_AVX512 0
#include "eight_x86.h"
#undef JANS_REGISTERS
#undef JANS_EIGHT_LOOP
#undef JANS_AVX512

#define JANS_REGISTERS avx512
#define JANS_EIGHT_LOOP JANS_WIDEST
#define JANS_AVX512 1
#include "eight_x86.h"
#undef JANS_REGISTERS
#undef JANS_EIGHT_LOOP
#undef JANS_AVX512

#undef JANS_EIGHT_INLINE

#endif  // defined(__x86_64__)

#endif  // JANS_CPU_EIGHT_REGISTERS_H_
