// Eight lanes in registers of x86-64: numbers and sets of lanes. Read once for each kind of registers, see
// eight_registers.h: for AVX2, where a set is numbers with all bits or none, and for AVX-512, where it is a mask.

namespace jans {
namespace JANS_REGISTERS {

JANS_EIGHT_INLINE __m256i Raw(Numbers x) { return reinterpret_cast<__m256i>(x); }
JANS_EIGHT_INLINE Numbers Cooked(__m256i x) { return reinterpret_cast<Numbers>(x); }
JANS_EIGHT_INLINE Numbers All(int64_t x) { return Cooked(_mm256_set1_epi32(static_cast<int32_t>(x))); }

// ---- sets ----

#if JANS_AVX512

using Set = __mmask8;

// Lanes where a > b and where a <= b, of signed numbers.
JANS_EIGHT_INLINE Set Above(Numbers a, Numbers b) { return _mm256_cmpgt_epi32_mask(Raw(a), Raw(b)); }
JANS_EIGHT_INLINE Set NotAbove(Numbers a, Numbers b) { return _mm256_cmple_epi32_mask(Raw(a), Raw(b)); }
JANS_EIGHT_INLINE Set Equal(Numbers a, Numbers b) { return _mm256_cmpeq_epi32_mask(Raw(a), Raw(b)); }
JANS_EIGHT_INLINE Set Negative(Numbers x) { return _mm256_movepi32_mask(Raw(x)); }
// Lanes where a number is none of 0, ..., count - 1.
JANS_EIGHT_INLINE Set Outside(Numbers x, int64_t count) { return _mm256_cmpge_epu32_mask(Raw(x), Raw(All(count))); }
JANS_EIGHT_INLINE Set Either(Set a, Set b) { return static_cast<Set>(a | b); }
JANS_EIGHT_INLINE Set Both(Set a, Set b) { return static_cast<Set>(a & b); }
JANS_EIGHT_INLINE Set Without(Set a, Set b) { return static_cast<Set>(a & ~b); }
JANS_EIGHT_INLINE unsigned Bits(Set set) { return set; }
JANS_EIGHT_INLINE bool Any(Set set) { return set != 0; }

// Numbers, with others in a set.
JANS_EIGHT_INLINE Numbers Choose(Set set, Numbers in, Numbers out) {
  return Cooked(_mm256_mask_mov_epi32(Raw(out), set, Raw(in)));
}
JANS_EIGHT_INLINE Numbers ZeroIn(Set set, Numbers x) {
  return Cooked(_mm256_maskz_mov_epi32(static_cast<Set>(~set), Raw(x)));
}
JANS_EIGHT_INLINE Numbers AddIn(Set set, Numbers x, Numbers y) {
  return Cooked(_mm256_mask_add_epi32(Raw(x), set, Raw(x), Raw(y)));
}
JANS_EIGHT_INLINE Numbers SubIn(Set set, Numbers x, Numbers y) {
  return Cooked(_mm256_mask_sub_epi32(Raw(x), set, Raw(x), Raw(y)));
}
JANS_EIGHT_INLINE Numbers CountUp(Set set, Numbers x) { return AddIn(set, x, All(1)); }
JANS_EIGHT_INLINE Numbers CountDown(Set set, Numbers x) { return SubIn(set, x, All(1)); }

#else

using Set = __m256i;

JANS_EIGHT_INLINE Set Above(Numbers a, Numbers b) { return _mm256_cmpgt_epi32(Raw(a), Raw(b)); }
JANS_EIGHT_INLINE Set NotAbove(Numbers a, Numbers b) { return ~Above(a, b); }
JANS_EIGHT_INLINE Set Equal(Numbers a, Numbers b) { return _mm256_cmpeq_epi32(Raw(a), Raw(b)); }
JANS_EIGHT_INLINE Set Negative(Numbers x) { return _mm256_srai_epi32(Raw(x), 31); }
JANS_EIGHT_INLINE Set Outside(Numbers x, int64_t count) {
  return _mm256_cmpeq_epi32(_mm256_max_epu32(Raw(x), Raw(All(count))), Raw(x));
}
JANS_EIGHT_INLINE Set Either(Set a, Set b) { return a | b; }
JANS_EIGHT_INLINE Set Both(Set a, Set b) { return a & b; }
JANS_EIGHT_INLINE Set Without(Set a, Set b) { return a & ~b; }
JANS_EIGHT_INLINE unsigned Bits(Set set) { return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(set))); }
JANS_EIGHT_INLINE bool Any(Set set) { return _mm256_testz_si256(set, set) == 0; }

JANS_EIGHT_INLINE Numbers Choose(Set set, Numbers in, Numbers out) {
  return Cooked(_mm256_blendv_epi8(Raw(out), Raw(in), set));
}
JANS_EIGHT_INLINE Numbers ZeroIn(Set set, Numbers x) { return Cooked(_mm256_andnot_si256(set, Raw(x))); }
JANS_EIGHT_INLINE Numbers AddIn(Set set, Numbers x, Numbers y) { return x + (y & Cooked(set)); }
JANS_EIGHT_INLINE Numbers SubIn(Set set, Numbers x, Numbers y) { return x - (y & Cooked(set)); }
JANS_EIGHT_INLINE Numbers CountUp(Set set, Numbers x) { return x - Cooked(set); }
JANS_EIGHT_INLINE Numbers CountDown(Set set, Numbers x) { return x + Cooked(set); }

#endif

JANS_EIGHT_INLINE Set None() { return Set{}; }

// ---- memory ----

JANS_EIGHT_INLINE __m256i LoadRaw(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
JANS_EIGHT_INLINE void StoreRaw(void* p, __m256i x) { _mm256_storeu_si256(static_cast<__m256i*>(p), x); }

JANS_EIGHT_INLINE Numbers Load(const uint32_t* p) { return Cooked(LoadRaw(p)); }
JANS_EIGHT_INLINE Numbers Load(const int32_t* p) { return Cooked(LoadRaw(p)); }
JANS_EIGHT_INLINE Numbers Load(const uint16_t* p) {
  return Cooked(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
JANS_EIGHT_INLINE Numbers Load(const uint8_t* p) {
  return Cooked(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
JANS_EIGHT_INLINE void Store(uint32_t* p, Numbers x) { StoreRaw(p, Raw(x)); }
JANS_EIGHT_INLINE void Store(int32_t* p, Numbers x) { StoreRaw(p, Raw(x)); }
// Of wider numbers the low bits.
JANS_EIGHT_INLINE void Store(uint16_t* p, Numbers x) {
  const __m256i words = Raw(x & 0xFFFF);
  const __m128i low = _mm256_castsi256_si128(words), high = _mm256_extracti128_si256(words, 1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packus_epi32(low, high));
}
JANS_EIGHT_INLINE void Store(uint8_t* p, Numbers x) {
  const __m256i bytes = Raw(x & 0xFF);
  const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
  const __m128i words = _mm_packus_epi32(low, high);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
}

// The numbers that a function has for lanes.
template <typename Function>
JANS_EIGHT_INLINE Numbers Each(const Function& f) {
  return Numbers{f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)};
}

// The two numbers at each of eight places. (On the processors of today loads are quicker than a gather.)
JANS_EIGHT_INLINE void LoadPairs(const uint32_t* base, Numbers places, Numbers& first, Numbers& second) {
  alignas(32) uint32_t at[kEight];
  Store(at, places);
  __m128i two[4];
  for (int k = 0; k < 4; ++k) {
    const __m128i low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(base + at[2 * k]));
    const __m128i high = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(base + at[2 * k + 1]));
    two[k] = _mm_unpacklo_epi64(low, high);
  }
  const __m256 even = _mm256_castsi256_ps(_mm256_set_m128i(two[2], two[0]));
  const __m256 odd = _mm256_castsi256_ps(_mm256_set_m128i(two[3], two[1]));
  first = Cooked(_mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0x88)));
  second = Cooked(_mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0xDD)));
}

JANS_EIGHT_INLINE Numbers Picked(const Picks& table, unsigned set, Numbers x) {
  const __m128i at = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(table.at[set]));
  return Cooked(_mm256_permutevar8x32_epi32(Raw(x), _mm256_cvtepu8_epi32(at)));
}

// Number k of rows[j] becomes number j of rows[k].
JANS_EIGHT_INLINE void Transpose(Numbers* rows) {
  __m256i two[kEight], four[kEight];
  for (int j = 0; j < kEight; j += 2) {
    two[j] = _mm256_unpacklo_epi32(Raw(rows[j]), Raw(rows[j + 1]));
    two[j + 1] = _mm256_unpackhi_epi32(Raw(rows[j]), Raw(rows[j + 1]));
  }
  for (int j = 0; j < kEight; j += 4) {
    for (int k = 0; k < 2; ++k) {
      four[j + 2 * k] = _mm256_unpacklo_epi64(two[j + k], two[j + k + 2]);
      four[j + 2 * k + 1] = _mm256_unpackhi_epi64(two[j + k], two[j + k + 2]);
    }
  }
  for (int j = 0; j < 4; ++j) {
    rows[j] = Cooked(_mm256_permute2x128_si256(four[j], four[j + 4], 0x20));
    rows[j + 4] = Cooked(_mm256_permute2x128_si256(four[j], four[j + 4], 0x31));
  }
}

// ---- quotients ----

// Floors of quotients of floats, of numbers below 2^31.
JANS_EIGHT_INLINE Numbers FloatQuotient(Numbers x, Numbers y) {
  const Floats a = __builtin_convertvector(reinterpret_cast<SignedNumbers>(x), Floats);
  const Floats b = __builtin_convertvector(reinterpret_cast<SignedNumbers>(y), Floats);
  return reinterpret_cast<Numbers>(__builtin_convertvector(a / b, SignedNumbers));
}

// Quotients of doubles, below 2^52, rounded up: a sum with 2^52 leaves the integer in the low bits.
JANS_EIGHT_INLINE void StoreQuotientsUp(uint64_t* p, double x, Numbers y) {
  const __m256d above = _mm256_set1_pd(x), unit = _mm256_set1_pd(0x1p52);
  const __m256i halves = Raw(y);
  const __m256d low = _mm256_ceil_pd(above / _mm256_cvtepi32_pd(_mm256_castsi256_si128(halves)));
  const __m256d high = _mm256_ceil_pd(above / _mm256_cvtepi32_pd(_mm256_extracti128_si256(halves, 1)));
  StoreRaw(p, _mm256_castpd_si256(_mm256_xor_pd(_mm256_add_pd(low, unit), unit)));
  StoreRaw(p + 4, _mm256_castpd_si256(_mm256_xor_pd(_mm256_add_pd(high, unit), unit)));
}

// ---- numbers of 64 bits ----

#if JANS_AVX512

using Longs = uint64_t __attribute__((vector_size(64)));

// (The forms with masks of all lanes, as compilers warn about what the others leave undefined.)
JANS_EIGHT_INLINE __m512i Raw(Longs x) { return reinterpret_cast<__m512i>(x); }
JANS_EIGHT_INLINE Longs CookedLongs(__m512i x) { return reinterpret_cast<Longs>(x); }
JANS_EIGHT_INLINE Longs Load(const uint64_t* p) { return CookedLongs(_mm512_loadu_si512(p)); }
JANS_EIGHT_INLINE void Store(uint64_t* p, Longs x) { _mm512_storeu_si512(p, Raw(x)); }
JANS_EIGHT_INLINE Longs AllLongs(uint64_t x) { return Longs{} + x; }
JANS_EIGHT_INLINE Longs Long(Numbers x) { return CookedLongs(_mm512_maskz_cvtepu32_epi64(0xFF, Raw(x))); }
JANS_EIGHT_INLINE Numbers LowHalves(Longs x) { return Cooked(_mm512_maskz_cvtepi64_epi32(0xFF, Raw(x))); }
JANS_EIGHT_INLINE Longs Times(Longs x, Numbers y) { return x * Long(y); }
JANS_EIGHT_INLINE Set AtLeast(Longs a, Longs b) { return _mm512_cmpge_epu64_mask(Raw(a), Raw(b)); }
JANS_EIGHT_INLINE Set Negative(Longs x) { return _mm512_movepi64_mask(Raw(x)); }
JANS_EIGHT_INLINE Longs Choose(Set set, Longs in, Longs out) {
  return CookedLongs(_mm512_mask_mov_epi64(Raw(out), set, Raw(in)));
}
// The integers nearest to quotients of doubles, and those below a quotient.
JANS_EIGHT_INLINE Longs NearestQuotient(Longs x, Numbers y) {
  const __m512d near = _mm512_maskz_cvtepu64_pd(0xFF, Raw(x)) / _mm512_maskz_cvtepi32_pd(0xFF, Raw(y));
  return CookedLongs(_mm512_maskz_cvtpd_epu64(0xFF, near));
}
JANS_EIGHT_INLINE Longs FloorOfQuotient(double x, Numbers y) {
  const __m512d near = _mm512_set1_pd(x) / _mm512_maskz_cvtepi32_pd(0xFF, Raw(y));
  return CookedLongs(_mm512_maskz_cvttpd_epu64(0xFF, near));
}

#else

// Heads of 64 bits; see heads_of_eight.h for why quotients are exact. `even` has lanes 0, 1, 4 and 5, `odd` lanes 2, 3,
// 6 and 7: so the instructions that pack and unpack halves leave lanes in order.
template <typename V>
struct Eight {
  __m256i even, odd;

  static JANS_EIGHT_INLINE Eight Of(const uint64_t* heads) {
    const __m256i low = LoadRaw(heads), high = LoadRaw(heads + 4);
    return {_mm256_permute2x128_si256(low, high, 0x20), _mm256_permute2x128_si256(low, high, 0x31)};
  }
  JANS_EIGHT_INLINE void To(uint64_t* heads) const {
    StoreRaw(heads, _mm256_permute2x128_si256(even, odd, 0x20));
    StoreRaw(heads + 4, _mm256_permute2x128_si256(even, odd, 0x31));
  }

  JANS_EIGHT_INLINE Set Flush(Numbers freq, int precision, Numbers& words) {
    const __m128i top = _mm_cvtsi32_si128(V::kTopBits - precision);
    const Set stays = Above(freq, Cooked(Pack(_mm256_srl_epi64(even, top), _mm256_srl_epi64(odd, top))));
    words = Cooked(Pack(even, odd));
    even = _mm256_blendv_epi8(_mm256_srli_epi64(even, 32), even, _mm256_unpacklo_epi32(stays, stays));
    odd = _mm256_blendv_epi8(_mm256_srli_epi64(odd, 32), odd, _mm256_unpackhi_epi32(stays, stays));
    return ~stays;
  }
  JANS_EIGHT_INLINE void Step(Numbers start, Numbers freq, int precision) {
    const __m128i p = _mm_cvtsi32_si128(precision);
    even = StepHalf(even, LongEven(start), LongEven(freq), p);
    odd = StepHalf(odd, LongOdd(start), LongOdd(freq), p);
  }

  JANS_EIGHT_INLINE Numbers Quantiles(int precision) const {
    return Cooked(Pack(even, odd)) & All((1 << precision) - 1);
  }
  JANS_EIGHT_INLINE void StepBack(Numbers rest, Numbers freq, int precision) {
    const __m128i p = _mm_cvtsi32_si128(precision);
    even = _mm256_add_epi64(Times(_mm256_srl_epi64(even, p), LongEven(freq)), LongEven(rest));
    odd = _mm256_add_epi64(Times(_mm256_srl_epi64(odd, p), LongOdd(freq)), LongOdd(rest));
  }
  JANS_EIGHT_INLINE Set Low() const {
    const __m256i zero = _mm256_setzero_si256();
    return Pack(_mm256_cmpeq_epi64(_mm256_srli_epi64(even, V::kLowerBits), zero),
                _mm256_cmpeq_epi64(_mm256_srli_epi64(odd, V::kLowerBits), zero));
  }
  JANS_EIGHT_INLINE void Fill(Numbers words, Set wants) {
    const __m256i filled_even = _mm256_or_si256(_mm256_slli_epi64(even, 32), LongEven(words));
    const __m256i filled_odd = _mm256_or_si256(_mm256_slli_epi64(odd, 32), LongOdd(words));
    even = _mm256_blendv_epi8(even, filled_even, _mm256_unpacklo_epi32(wants, wants));
    odd = _mm256_blendv_epi8(odd, filled_odd, _mm256_unpackhi_epi32(wants, wants));
  }

  static JANS_EIGHT_INLINE void Most(Numbers freq, int precision, uint64_t* most) {
    const __m128i top = _mm_cvtsi32_si128(V::kTopBits - precision);
    const __m256i one = _mm256_set1_epi64x(1);
    Eight{_mm256_sub_epi64(_mm256_sll_epi64(LongEven(freq), top), one),
          _mm256_sub_epi64(_mm256_sll_epi64(LongOdd(freq), top), one)}
        .To(most);
  }
  static JANS_EIGHT_INLINE void Reciprocals(Numbers freq, int, uint64_t* m) {
    Eight{Reciprocal(LongEven(freq)), Reciprocal(LongOdd(freq))}.To(m);
  }

 private:
  // The low halves of all lanes, and halves for all lanes.
  static JANS_EIGHT_INLINE __m256i Pack(__m256i even, __m256i odd) {
    return _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(even), _mm256_castsi256_ps(odd), 0x88));
  }
  static JANS_EIGHT_INLINE __m256i LongEven(Numbers x) { return _mm256_unpacklo_epi32(Raw(x), _mm256_setzero_si256()); }
  static JANS_EIGHT_INLINE __m256i LongOdd(Numbers x) { return _mm256_unpackhi_epi32(Raw(x), _mm256_setzero_si256()); }
  static JANS_EIGHT_INLINE __m256i Times(__m256i x, __m256i freq) {
    const __m256i high = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), freq);
    return _mm256_add_epi64(_mm256_mul_epu32(x, freq), _mm256_slli_epi64(high, 32));
  }
  // The nearest double, from the halves of x above 2^84 and 2^52.
  static JANS_EIGHT_INLINE __m256d Double(__m256i x) {
    const __m256d above = _mm256_set1_pd(0x1p84), both = _mm256_set1_pd(0x1p84 + 0x1p52);
    const __m256i high = _mm256_or_si256(_mm256_srli_epi64(x, 32), _mm256_castpd_si256(above));
    const __m256i low = _mm256_blend_epi32(x, _mm256_castpd_si256(_mm256_set1_pd(0x1p52)), 0xAA);
    return _mm256_add_pd(_mm256_sub_pd(_mm256_castsi256_pd(high), both), _mm256_castsi256_pd(low));
  }
  static JANS_EIGHT_INLINE __m256d DoubleOf(__m256i freq) {
    const __m256d unit = _mm256_set1_pd(0x1p52);
    return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(freq, _mm256_castpd_si256(unit))), unit);
  }
  // The quotient of doubles is its mantissa, shifted up or down.
  static JANS_EIGHT_INLINE __m256i Reciprocal(__m256i freq) {
    const __m256i near = _mm256_castpd_si256(_mm256_div_pd(_mm256_set1_pd(kReciprocal), DoubleOf(freq)));
    const __m256i one = _mm256_set1_epi64x(int64_t{1} << 52), low = _mm256_set1_epi64x((int64_t{1} << 52) - 1);
    const __m256i mantissa = _mm256_or_si256(_mm256_and_si256(near, low), one);
    const __m256i exponent = _mm256_sub_epi64(_mm256_srli_epi64(near, 52), _mm256_set1_epi64x(1023 + 52));
    const __m256i up = _mm256_sllv_epi64(mantissa, exponent);
    const __m256i down = _mm256_srlv_epi64(mantissa, _mm256_sub_epi64(_mm256_setzero_si256(), exponent));
    // Counts of 64 and more, as negative ones are, leave nothing; both are the same where the count is none.
    return _mm256_or_si256(up, down);
  }
  // A sum with 2^52 leaves the nearest integer in the low bits.
  static JANS_EIGHT_INLINE __m256i StepHalf(__m256i x, __m256i start, __m256i freq, __m128i p) {
    const __m256d unit = _mm256_set1_pd(0x1p52);
    const __m256d near = _mm256_add_pd(_mm256_div_pd(Double(x), DoubleOf(freq)), unit);
    __m256i quotient = _mm256_xor_si256(_mm256_castpd_si256(near), _mm256_castpd_si256(unit));
    __m256i rest = _mm256_sub_epi64(x, Times(quotient, freq));
    const __m256i high = _mm256_cmpgt_epi64(_mm256_setzero_si256(), rest);
    quotient = _mm256_add_epi64(quotient, high);
    rest = _mm256_add_epi64(rest, _mm256_and_si256(freq, high));
    return _mm256_add_epi64(_mm256_sll_epi64(quotient, p), _mm256_add_epi64(rest, start));
  }
};

#endif

}  // namespace JANS_REGISTERS
}  // namespace jans
