// The widest registers that are nearly everywhere: AVX2 on x86-64, NEON on AArch64, elsewhere what there is. A function
// that uses them says so with JANS_WIDE, and may be called where HasWide(); one that also fuses products and sums, with
// JANS_FUSED, and where HasFused(); one for AVX-512, with JANS_WIDEST, and where HasWidest(), on x86-64 alone. Results
// do not depend on them: the environment variable JANS_SIMD, "avx2", "neon" or "none", forbids wider ones than it
// names.
#ifndef JANS_CPU_SIMD_WIDE_H_
#define JANS_CPU_SIMD_WIDE_H_

#include <cstdlib>
#include <cstring>

namespace jans {

// Whether JANS_SIMD allows registers of that kind, which are numbered as they grow.
inline bool Allowed(int kind) {
  static const int most = [] {
    const char* name = std::getenv("JANS_SIMD");
    if (name == nullptr) return 2;
    return std::strcmp(name, "none") == 0 ? 0 : std::strcmp(name, "avx2") == 0 ? 1 : 2;
  }();
  return kind <= most;
}

#if defined(__x86_64__)
#define JANS_WIDE __attribute__((target("avx2")))
#define JANS_FUSED __attribute__((target("avx2,fma")))
#define JANS_WIDEST __attribute__((target("avx2,avx512f,avx512bw,avx512dq,avx512vl")))
constexpr int kWideBytes = 32;
inline bool HasWide() { return Allowed(1) && __builtin_cpu_supports("avx2"); }
inline bool HasFused() { return HasWide() && __builtin_cpu_supports("fma"); }
inline bool HasWidest() {
  return Allowed(2) && HasWide() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#else
#define JANS_WIDE
#define JANS_FUSED
constexpr int kWideBytes = 16;
inline bool HasWide() { return Allowed(1); }
inline bool HasFused() { return HasWide(); }
#endif

// The widest of them here, by the names of JANS_SIMD.
inline const char* WidestName() {
#if defined(__x86_64__)
  if (HasWidest()) return "avx512";
  return HasWide() ? "avx2" : "none";
#elif defined(__aarch64__)
  return HasWide() ? "neon" : "none";
#else
  return "none";
#endif
}

#define JANS_WIDE_INLINE JANS_WIDE inline __attribute__((always_inline))
#define JANS_WIDEST_INLINE JANS_WIDEST inline __attribute__((always_inline))
#define JANS_FUSED_INLINE JANS_FUSED inline __attribute__((always_inline))

}  // namespace jans

#endif  // JANS_CPU_SIMD_WIDE_H_
