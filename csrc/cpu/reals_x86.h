// Numbers in float64 side by side, and sets of their lanes, in registers of x86-64. Read once for each kind of
// registers, see shapes.h.

namespace jans {
namespace JANS_REGISTERS {

#if JANS_AVX512

constexpr int kReals = 8;
constexpr unsigned kAllReals = 0xFF;
using Doubles = __m512d;
using Wholes = __m256i;
using Lanes = __mmask8;

JANS_REALS_INLINE Doubles All(double x) { return _mm512_set1_pd(x); }
JANS_REALS_INLINE Doubles Fused(Doubles a, Doubles b, Doubles c) { return _mm512_fmadd_pd(a, b, c); }
JANS_REALS_INLINE Doubles Magnitudes(Doubles x) { return _mm512_abs_pd(x); }
JANS_REALS_INLINE Doubles WithSigns(Doubles x, Doubles of) { return _mm512_or_pd(x, _mm512_and_pd(of, All(-0.0))); }
JANS_REALS_INLINE Doubles Least(Doubles a, Doubles b) { return _mm512_maskz_min_pd(0xFF, a, b); }
JANS_REALS_INLINE Doubles Most(Doubles a, Doubles b) { return _mm512_maskz_max_pd(0xFF, a, b); }
JANS_REALS_INLINE Doubles Whole(Doubles x) {
  return _mm512_maskz_roundscale_pd(0xFF, x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
JANS_REALS_INLINE Lanes Less(Doubles a, Doubles b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
JANS_REALS_INLINE Lanes AtMost(Doubles a, Doubles b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ); }
JANS_REALS_INLINE Lanes And(Lanes a, Lanes b) { return static_cast<Lanes>(a & b); }
JANS_REALS_INLINE Lanes Or(Lanes a, Lanes b) { return static_cast<Lanes>(a | b); }
JANS_REALS_INLINE unsigned Bits(Lanes set) { return set; }
JANS_REALS_INLINE Doubles Choose(Lanes set, Doubles in, Doubles out) { return _mm512_mask_mov_pd(out, set, in); }

// To the nearest integer; times 2^k, |k| < 1000; the exponent of two, and what it multiplies, from 1 to 2.
JANS_REALS_INLINE Doubles Rounded(Doubles x) {
  return _mm512_maskz_roundscale_pd(0xFF, x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
JANS_REALS_INLINE Doubles TimesPowerOfTwo(Doubles x, Doubles k) { return _mm512_maskz_scalef_pd(0xFF, x, k); }
JANS_REALS_INLINE Doubles Exponent(Doubles x) { return _mm512_maskz_getexp_pd(0xFF, x); }
JANS_REALS_INLINE Doubles Fraction(Doubles x) {
  return _mm512_maskz_getmant_pd(0xFF, x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero);
}

// Integers of 32 bits: the nearest ones, twice that, shifted down.
JANS_REALS_INLINE Wholes Nearest(Doubles x) { return _mm512_maskz_cvtpd_epi32(0xFF, x); }
JANS_REALS_INLINE Doubles Real(Wholes x) { return _mm512_maskz_cvtepi32_pd(0xFF, x); }
JANS_REALS_INLINE Wholes Twice(Wholes x) { return _mm256_add_epi32(x, x); }
JANS_REALS_INLINE Wholes Down(Wholes x, int bits) { return _mm256_srl_epi32(x, _mm_cvtsi32_si128(bits)); }
JANS_REALS_INLINE Wholes LowBits(Wholes x, uint32_t mask) {
  return _mm256_and_si256(x, _mm256_set1_epi32(static_cast<int32_t>(mask)));
}

// Numbers in memory.
JANS_REALS_INLINE Wholes LoadWholes(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
JANS_REALS_INLINE Doubles LoadReals(const double* p) { return _mm512_loadu_pd(p); }
JANS_REALS_INLINE Doubles LoadReals(const float* p) { return _mm512_maskz_cvtps_pd(0xFF, _mm256_loadu_ps(p)); }
JANS_REALS_INLINE void StoreIntegers(uint32_t* p, Doubles x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_maskz_cvttpd_epi32(0xFF, x));
}

// The two numbers at each of kReals even places of a table.
JANS_REALS_INLINE __m256d TwoPairs(const double* table, uint32_t a, uint32_t b) {
  return _mm256_set_m128d(_mm_load_pd(table + b), _mm_load_pd(table + a));
}
JANS_REALS_INLINE Doubles FourPairs(const double* table, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  const Doubles low = _mm512_maskz_broadcast_f64x4(0xFF, TwoPairs(table, a, b));
  return _mm512_maskz_insertf64x4(0xFF, low, TwoPairs(table, c, d), 1);
}
JANS_REALS_INLINE void LoadPairs(const double* table, Wholes places, Doubles& first, Doubles& second) {
  alignas(32) uint32_t at[kReals];
  _mm256_store_si256(reinterpret_cast<__m256i*>(at), places);
  asm("" : "+m"(at));  // not piece by piece out of the register
  // Unpacking puts them in the order of the lanes.
  const Doubles even = FourPairs(table, at[0], at[2], at[4], at[6]);
  const Doubles odd = FourPairs(table, at[1], at[3], at[5], at[7]);
  first = _mm512_maskz_unpacklo_pd(0xFF, even, odd);
  second = _mm512_maskz_unpackhi_pd(0xFF, even, odd);
}

#else

constexpr int kReals = 4;
constexpr unsigned kAllReals = 0xF;
using Doubles = __m256d;
using Wholes = __m128i;
using Lanes = __m256d;

JANS_REALS_INLINE Doubles All(double x) { return _mm256_set1_pd(x); }
JANS_REALS_INLINE Doubles Fused(Doubles a, Doubles b, Doubles c) { return _mm256_fmadd_pd(a, b, c); }
JANS_REALS_INLINE Doubles Magnitudes(Doubles x) { return _mm256_andnot_pd(All(-0.0), x); }
JANS_REALS_INLINE Doubles WithSigns(Doubles x, Doubles of) { return _mm256_or_pd(x, _mm256_and_pd(of, All(-0.0))); }
JANS_REALS_INLINE Doubles Least(Doubles a, Doubles b) { return _mm256_min_pd(a, b); }
JANS_REALS_INLINE Doubles Most(Doubles a, Doubles b) { return _mm256_max_pd(a, b); }
JANS_REALS_INLINE Doubles Whole(Doubles x) { return _mm256_floor_pd(x); }
JANS_REALS_INLINE Lanes Less(Doubles a, Doubles b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
JANS_REALS_INLINE Lanes AtMost(Doubles a, Doubles b) { return _mm256_cmp_pd(a, b, _CMP_LE_OQ); }
JANS_REALS_INLINE Lanes And(Lanes a, Lanes b) { return _mm256_and_pd(a, b); }
JANS_REALS_INLINE Lanes Or(Lanes a, Lanes b) { return _mm256_or_pd(a, b); }
JANS_REALS_INLINE unsigned Bits(Lanes set) { return static_cast<unsigned>(_mm256_movemask_pd(set)); }
JANS_REALS_INLINE Doubles Choose(Lanes set, Doubles in, Doubles out) { return _mm256_blendv_pd(out, in, set); }

JANS_REALS_INLINE Doubles Rounded(Doubles x) {
  return _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// A sum with 2^52 has an integer in its low bits.
JANS_REALS_INLINE Doubles TimesPowerOfTwo(Doubles x, Doubles k) {
  const __m256i power = _mm256_castpd_si256(_mm256_add_pd(k, All(0x1p52 + 1023)));
  return _mm256_mul_pd(x, _mm256_castsi256_pd(_mm256_slli_epi64(power, 52)));
}
JANS_REALS_INLINE Doubles Exponent(Doubles x) {
  const __m256i power = _mm256_srli_epi64(_mm256_castpd_si256(x), 52);
  const Doubles sum = _mm256_or_pd(_mm256_castsi256_pd(power), All(0x1p52));
  return _mm256_sub_pd(sum, All(0x1p52 + 1023));
}
JANS_REALS_INLINE Doubles Fraction(Doubles x) {
  const Doubles fraction = _mm256_andnot_pd(All(-__builtin_inf()), x);
  return _mm256_or_pd(fraction, All(1));
}

JANS_REALS_INLINE Wholes Nearest(Doubles x) { return _mm256_cvtpd_epi32(x); }
JANS_REALS_INLINE Doubles Real(Wholes x) { return _mm256_cvtepi32_pd(x); }
JANS_REALS_INLINE Wholes Twice(Wholes x) { return _mm_add_epi32(x, x); }
JANS_REALS_INLINE Wholes Down(Wholes x, int bits) { return _mm_srl_epi32(x, _mm_cvtsi32_si128(bits)); }
JANS_REALS_INLINE Wholes LowBits(Wholes x, uint32_t mask) {
  return _mm_and_si128(x, _mm_set1_epi32(static_cast<int32_t>(mask)));
}

JANS_REALS_INLINE Wholes LoadWholes(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
JANS_REALS_INLINE Doubles LoadReals(const double* p) { return _mm256_loadu_pd(p); }
JANS_REALS_INLINE Doubles LoadReals(const float* p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }
JANS_REALS_INLINE void StoreIntegers(uint32_t* p, Doubles x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvttpd_epi32(x));
}

JANS_REALS_INLINE Doubles TwoPairs(const double* table, uint64_t a, uint64_t b) {
  return _mm256_set_m128d(_mm_load_pd(table + b), _mm_load_pd(table + a));
}
JANS_REALS_INLINE void LoadPairs(const double* table, Wholes places, Doubles& first, Doubles& second) {
  const uint64_t low = static_cast<uint64_t>(_mm_cvtsi128_si64(places));
  const uint64_t high = static_cast<uint64_t>(_mm_extract_epi64(places, 1));
  const Doubles even = TwoPairs(table, static_cast<uint32_t>(low), static_cast<uint32_t>(high));
  const Doubles odd = TwoPairs(table, low >> 32, high >> 32);
  first = _mm256_unpacklo_pd(even, odd);
  second = _mm256_unpackhi_pd(even, odd);
}

#endif

}  // namespace JANS_REGISTERS
}  // namespace jans
