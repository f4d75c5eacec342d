// Intervals of Gaussians side by side, in fused operations. Read once for each kind of registers, see gaussian.h.

namespace jans {
namespace JANS_REGISTERS {

// ---- numbers and sets ----

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

JANS_REALS_INLINE Doubles LoadIntegers(const void* p) { return Real(LoadWholes(p)); }

JANS_REALS_INLINE Doubles LoadReals(const Reals& reals, int64_t first) {
  if (reals.stride == 0) return All(reals.Raw(0));
  return reals.wide ? LoadReals(static_cast<const double*>(reals.data) + first)
                    : LoadReals(static_cast<const float*>(reals.data) + first);
}

// ---- edges ----

// floor(F(z) * mass), and in which lanes that is certain: GaussianShape::Near with fewer terms, in fused operations,
// has an error below 2^-41.
struct Floors {
  Doubles whole;
  Lanes certain;
};
JANS_REALS_INLINE Floors Scaled(Doubles z, Doubles half_mass, Doubles sure) {
  const Doubles size = Magnitudes(z), t = Least(size, All(kErfLimit));
  const Wholes node = Nearest(t * All(kErfPairSteps));
  Doubles value, slope;
  LoadPairs(kErfPairs, Twice(node), value, slope);
  const Doubles c = Real(node) * All(1 / kErfPairSteps), d = t - c, cc = c * c;
  const Doubles a2 = Fused(cc, All(2.0 / 3), All(-1.0 / 3));
  const Doubles a3 = c * Fused(cc, All(-1.0 / 3), All(0.5));
  const Doubles series = d * (Fused(d, Fused(d, a3, a2), -c));
  const Doubles step = slope * d, erf = Fused(step, series, value + step);
  const Doubles product = Fused(WithSigns(erf, z), half_mass, half_mass), whole = Whole(product);
  const Doubles from_middle = Magnitudes(product - whole - All(0.5));
  // t is at the limit only where the product is an integer, which is not certain.
  return {whole, Or(Less(from_middle, sure), Less(All(kBeyond), size))};
}

// What all symbols of a stream share.
struct Shared {
  Doubles low, high, total, half_mass, stretch, sure;

  JANS_REALS_INLINE explicit Shared(const GaussianFrame& f)
      : low(All(f.low)),
        high(All(f.high)),
        total(All(f.total)),
        half_mass(All(f.half_mass)),
        stretch(All(f.total / (2 * f.half_mass))),
        sure(All(f.sure)) {}

  // Where symbols begin, up to one above the last, whose parameters have been checked; and where that is certain.
  JANS_REALS_INLINE Floors Left(Doubles symbol, Doubles z) const {
    const Floors f = Scaled(z, half_mass, sure);
    const Lanes first = AtMost(symbol, low), beyond = Less(high, symbol);
    const Doubles left = Choose(beyond, total, f.whole + (symbol - low));
    return {Choose(first, All(0), left), Or(f.certain, Or(first, beyond))};
  }
  JANS_REALS_INLINE static Lanes Legal(Doubles location, Doubles scale) {
    return And(Less(Magnitudes(location), All(Infinity())),
               And(AtMost(All(Smallest<float>()), scale), AtMost(scale, All(Gaussian::kWidest))));
  }
};

// The intervals of kReals symbols: a bit for each that is certain.
JANS_REALS_INLINE unsigned FindGaussians(const Shared& shared, const Gaussian& g, int64_t first, const int32_t* symbols,
                                         uint32_t* start, uint32_t* freq) {
  const Doubles symbol = LoadIntegers(symbols), scale = LoadReals(g.scale, first);
  const Doubles location = LoadReals(g.location, first), centre = symbol - location;
  const Doubles inverse = All(1 / GaussianShape::kUnit) / scale;
  const Floors from = shared.Left(symbol, (centre - All(0.5)) * inverse);
  const Floors to = shared.Left(symbol + All(1), (centre + All(0.5)) * inverse);
  const Lanes inside = And(AtMost(shared.low, symbol), AtMost(symbol, shared.high));
  StoreIntegers(start, from.whole);
  StoreIntegers(freq, to.whole - from.whole);
  return Bits(And(And(from.certain, to.certain), And(inside, Shared::Legal(location, scale))));
}

// The symbols of kReals quantiles that a table suggests, and their intervals: a bit for each that is certain. The
// precision is kGuessBits at least.
JANS_REALS_INLINE unsigned LocateGaussians(const Shared& shared, const Gaussian& g, int precision, int64_t first,
                                           const uint32_t* quantile, int32_t* symbols, uint32_t* start,
                                           uint32_t* freq) {
  const Doubles location = LoadReals(g.location, first), scale = LoadReals(g.scale, first);
  const Doubles inverse = All(1 / GaussianShape::kUnit) / scale, half = All(0.5);
  Wholes wholes = LoadWholes(quantile);
  const Doubles q = Real(wholes);
  // F is about (q - k) / mass, where k, the number of symbols below, counts for little among many quantiles.
  if (precision < kManyBits) {
    const Doubles u = (q + (shared.low - location)) * shared.stretch;
    wholes = Nearest(Most(Least(u, shared.total - All(1)), All(0)));
  }
  const int shift = precision - kGuessBits;
  Doubles line, slope;
  LoadPairs(kNormalGuesses, Twice(Down(wholes, shift)), line, slope);
  const Doubles fraction = Real(LowBits(wholes, (uint32_t{1} << shift) - 1)) * All(PowerOfTwo(-shift)) + All(1);
  const Doubles guess = Fused(Fused(slope, fraction, line), scale, location + half);
  const Doubles symbol = Most(shared.low, Least(Whole(guess), shared.high)), centre = symbol - location;
  const Floors from = shared.Left(symbol, (centre - half) * inverse);
  const Floors to = shared.Left(symbol + All(1), (centre + half) * inverse);
  StoreIntegers(reinterpret_cast<uint32_t*>(symbols), symbol);
  StoreIntegers(start, from.whole);
  StoreIntegers(freq, to.whole - from.whole);
  const Lanes inside = And(AtMost(from.whole, q), Less(q, to.whole));
  return Bits(And(And(from.certain, to.certain), And(inside, Shared::Legal(location, scale))));
}

// What a Finder of Gaussians, `any`, answers.
template <typename Finder>
struct GaussiansOf {
  JANS_REALS_LOOP static void Find(const void* any, int64_t first, int64_t n, const int32_t* symbols, uint32_t* start,
                                   uint32_t* freq) {
    const Finder& finder = *static_cast<const Finder*>(any);
    const Shared shared(finder.frame());
    const Gaussian& gaussian = finder.model().distribution;
    int64_t j = 0;
    for (; j + kReals <= n; j += kReals) {
      const unsigned good = FindGaussians(shared, gaussian, first + j, symbols + j, start + j, freq + j);
      if (__builtin_expect(good != kAllReals, 0)) {
        finder.FindEach(kAllReals & ~good, first + j, symbols + j, start + j, freq + j);
      }
    }
    FindPlain<typename Finder::Model>(any, first + j, n - j, symbols + j, start + j, freq + j);
  }
  JANS_REALS_LOOP static void LocateMany(const void* any, int64_t first, int64_t n, const uint32_t* quantiles,
                                         int32_t* symbols, uint32_t* start, uint32_t* freq) {
    const Finder& finder = *static_cast<const Finder*>(any);
    const Shared shared(finder.frame());
    const Gaussian& gaussian = finder.model().distribution;
    const int precision = finder.model().precision;
    for (int64_t j = 0; j < n; j += kReals) {
      const unsigned good =
          LocateGaussians(shared, gaussian, precision, first + j, quantiles + j, symbols + j, start + j, freq + j);
      if (__builtin_expect(good != kAllReals, 0)) {
        finder.LocateEach(kAllReals & ~good, first + j, quantiles + j, symbols + j, start + j, freq + j);
      }
    }
  }
};

}  // namespace JANS_REGISTERS
}  // namespace jans
