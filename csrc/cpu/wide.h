// The widest registers that are nearly everywhere: AVX2 on x86-64, elsewhere what there is. A function that uses them
// says so with JANS_WIDE, and may be called where HasWide(); one that also fuses products and sums, with JANS_FUSED,
// and where HasFused(), on x86-64 alone. Results do not depend on them.
#ifndef JANS_CPU_WIDE_H_
#define JANS_CPU_WIDE_H_

namespace jans {

#if defined(__x86_64__)
#define JANS_WIDE __attribute__((target("avx2")))
constexpr int kWideBytes = 32;
inline bool HasWide() { return __builtin_cpu_supports("avx2"); }
#define JANS_FUSED __attribute__((target("avx2,fma")))
inline bool HasFused() { return HasWide() && __builtin_cpu_supports("fma"); }
#else
#define JANS_WIDE
constexpr int kWideBytes = 16;
inline bool HasWide() { return true; }
#endif
#define JANS_WIDE_INLINE JANS_WIDE inline __attribute__((always_inline))
#define JANS_FUSED_INLINE JANS_FUSED inline __attribute__((always_inline))

}  // namespace jans

#endif  // JANS_CPU_WIDE_H_
