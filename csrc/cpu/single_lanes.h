// Distributions of one component in fixed point, side by side. Read once for each kind of registers, see
// mixture_lanes.h.

namespace jans {
namespace JANS_REGISTERS {

constexpr int kSingles = JANS_SINGLES;
constexpr unsigned kAllSingles = (1u << kSingles) - 1;

using Floats = float __attribute__((vector_size(4 * kSingles)));
using Wholes = int32_t __attribute__((vector_size(4 * kSingles)));
using Units = uint32_t __attribute__((vector_size(4 * kSingles)));

JANS_SINGLES_INLINE Floats AllFloats(float x) { return Floats{} + x; }
JANS_SINGLES_INLINE Units AllUnits(int64_t x) { return Units{} + static_cast<uint32_t>(x); }
JANS_SINGLES_INLINE Floats Real(Units x) {
  return __builtin_convertvector(reinterpret_cast<Wholes>(x), Floats);  // numbers below 2^31
}
JANS_SINGLES_INLINE Floats FromBits(Units x) { return reinterpret_cast<Floats>(x); }
JANS_SINGLES_INLINE Units Whole(Floats x) { return reinterpret_cast<Units>(__builtin_convertvector(x, Wholes)); }
// As the processor has them: the second where one is NaN.
JANS_SINGLES_INLINE Floats Least(Floats a, Floats b) { return a < b ? a : b; }
JANS_SINGLES_INLINE Floats Most(Floats a, Floats b) { return a > b ? a : b; }
JANS_SINGLES_INLINE Floats Within(Floats x, Floats most) { return Most(Least(x, most), Floats{}); }  // and zero
JANS_SINGLES_INLINE Floats Size(Floats x) { return FromBits(reinterpret_cast<Units>(x) & 0x7FFFFFFFu); }
template <typename T, typename Vector>
JANS_SINGLES_INLINE void StoreAll(T* p, Vector x) {
  std::memcpy(p, &x, sizeof(x));
}
template <typename Vector, typename T>
JANS_SINGLES_INLINE Vector LoadAll(const T* p) {
  Vector x;
  std::memcpy(&x, p, sizeof(x));
  return x;
}

// ---- what no compiler makes of vectors ----

// LookUp is the two numbers at each of some places, Scaled the floors of f * mass / 2^31, and Bits the lanes where all
// bits are set.
#if JANS_SINGLES == 16

JANS_SINGLES_INLINE __m512i Raw(Units x) { return reinterpret_cast<__m512i>(x); }
JANS_SINGLES_INLINE Units Joined(Numbers low, Numbers high) {
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
JANS_SINGLES_INLINE void LookUp(const uint32_t* base, Units places, Units& first, Units& second) {
  Numbers a, b, c, d;
  avx512::LoadPairs(base, __builtin_shufflevector(places, places, 0, 1, 2, 3, 4, 5, 6, 7), a, b);
  avx512::LoadPairs(base, __builtin_shufflevector(places, places, 8, 9, 10, 11, 12, 13, 14, 15), c, d);
  first = Joined(a, c);
  second = Joined(b, d);
}
JANS_SINGLES_INLINE Units Scaled(Units f, Units mass) {
  const __m512i even = _mm512_maskz_mul_epu32(0xFF, Raw(f), Raw(mass));
  const __m512i odd = _mm512_maskz_mul_epu32(0xFF, _mm512_maskz_srli_epi64(0xFF, Raw(f), 32), Raw(mass));
  const __m512i high = _mm512_maskz_slli_epi64(0xFF, _mm512_maskz_srli_epi64(0xFF, odd, 31), 32);
  return reinterpret_cast<Units>(_mm512_mask_blend_epi32(0xAAAA, _mm512_maskz_srli_epi64(0xFF, even, 31), high));
}
JANS_SINGLES_INLINE unsigned Bits(Wholes set) { return _mm512_movepi32_mask(reinterpret_cast<__m512i>(set)); }

#elif JANS_SINGLES == 8

JANS_SINGLES_INLINE void LookUp(const uint32_t* base, Units places, Units& first, Units& second) {
  avx2::LoadPairs(base, places, first, second);
}
JANS_SINGLES_INLINE Units Scaled(Units f, Units mass) {
  const __m256i x = reinterpret_cast<__m256i>(f), m = reinterpret_cast<__m256i>(mass);
  const __m256i even = _mm256_mul_epu32(x, m), odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), m);
  const __m256i high = _mm256_slli_epi64(_mm256_srli_epi64(odd, 31), 32);
  return reinterpret_cast<Units>(_mm256_blend_epi32(_mm256_srli_epi64(even, 31), high, 0xAA));
}
JANS_SINGLES_INLINE unsigned Bits(Wholes set) {
  return static_cast<unsigned>(_mm256_movemask_ps(reinterpret_cast<__m256>(set)));
}

#else

JANS_SINGLES_INLINE void LookUp(const uint32_t* base, Units places, Units& first, Units& second) {
  const uint32x2x2_t low = vtrn_u32(vld1_u32(base + places[0]), vld1_u32(base + places[1]));
  const uint32x2x2_t high = vtrn_u32(vld1_u32(base + places[2]), vld1_u32(base + places[3]));
  first = reinterpret_cast<Units>(vcombine_u32(low.val[0], high.val[0]));
  second = reinterpret_cast<Units>(vcombine_u32(low.val[1], high.val[1]));
}
JANS_SINGLES_INLINE Units Scaled(Units f, Units mass) {
  const uint32x4_t x = reinterpret_cast<uint32x4_t>(f), m = reinterpret_cast<uint32x4_t>(mass);
  const uint32x2_t low = vshrn_n_u64(vmull_u32(vget_low_u32(x), vget_low_u32(m)), 31);
  const uint32x2_t high = vshrn_n_u64(vmull_u32(vget_high_u32(x), vget_high_u32(m)), 31);
  return reinterpret_cast<Units>(vcombine_u32(low, high));
}
JANS_SINGLES_INLINE unsigned Bits(Wholes set) {
  const uint32x4_t bits = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(reinterpret_cast<uint32x4_t>(set), bits));
}

#endif

// ---- distributions ----

// What the symbols of a stream share: a support, which fits.
struct SinglesFrame {
  Units count, mass;
  Floats first_edge;

  template <typename Finder>
  JANS_SINGLES_INLINE explicit SinglesFrame(const Finder& finder)
      : count(AllUnits(finder.size())),
        mass(AllUnits(static_cast<int64_t>(Total(finder.model().precision)) - finder.size())),
        first_edge(AllFloats(static_cast<float>(finder.low()) - 0.5f)) {}
};

// Symbols first, first + 1, ...; see Mixture.
template <typename Component>
struct Singles {
  Units count, mass;
  Floats first_edge, mean, scale, inverse;
  Wholes valid;

  JANS_SINGLES_INLINE Singles(const SinglesFrame& frame, const Mixture<Component>& d, int64_t first)
      : count(frame.count),
        mass(frame.mass),
        first_edge(frame.first_edge),
        mean(LoadRow(d.mean, first)),
        scale(LoadRow(d.scale, first)) {
    const Floats infinity = AllFloats(__builtin_inff()), one_over = 1.0f / scale;
    inverse = one_over >= Smallest<float>() ? one_over : Floats{};
    valid = (Size(mean) < infinity) & (scale >= Smallest<float>()) & (scale < infinity) &
            (Size(LoadRow(d.logits, first)) < infinity);
  }

  // Leaky::Left of places 0, ..., count.
  JANS_SINGLES_INLINE Units Left(Units place) const {
    const Units left = Scaled(Cdf((first_edge + Real(place) - mean) * inverse), mass) + place;
    const Units beyond = place == count ? mass + count : left;
    return place == 0 ? Units{} : beyond;
  }

  // About the place of a quantile. F is about (q - k) / mass, where k is the number of symbols below: those below the
  // mean, and where symbols count for much among the quantiles, those below the place that was found so.
  JANS_SINGLES_INLINE Units Guess(Units quantile, int precision, const uint32_t* lines) const {
    const Floats last = Real(count - 1), unit = static_cast<float>(kLines) / Real(mass);
    Floats place = Within(mean - first_edge, last);
    for (int rounds = precision < kManyBits ? 2 : 1; rounds > 0; --rounds) {
      const Floats at = Within((Real(quantile) - place) * unit, AllFloats(kLines - 0.001f));
      const Units line = Whole(at);
      Units value, slope;
      LookUp(lines, line + line, value, slope);
      const Floats z = FromBits(value) + FromBits(slope) * (at - Real(line));
      place = Within(mean + scale * z - first_edge, last);
    }
    return Whole(place);
  }

 private:
  static JANS_SINGLES_INLINE Floats LoadRow(const FloatRows& rows, int64_t first) {
    return rows.step == 0 ? AllFloats(*rows.data) : LoadAll<Floats>(rows[first]);
  }

  // SymmetricCdf. Where a product of a drop and 2^10 does not fit 32 bits, it is made of two.
  static JANS_SINGLES_INLINE Units Cdf(Floats z) {
    using Table = ComponentTable<Component>;
    const Units position = Whole(Least(Size(z), AllFloats(Table::kLimit)) * Table::kUnit), fraction = position & 1023;
    Units value, next;
    LookUp(Table::kValues, position >> 10, value, next);
    const Units drop = value - next;
    const Units part =
        Table::kFits ? drop * fraction >> 10 : (drop >> 10) * fraction + ((drop & 1023) * fraction >> 10);
    const Units below = value - part;
    return z < 0 ? below : (uint32_t{1} << 31) - below;
  }
};

// What a Finder, `any`, of such distributions answers.
template <typename Finder>
struct SinglesOf {
  using Component = typename Finder::Component;

  JANS_SINGLES_LOOP static void Find(const void* any, int64_t first, int64_t n, const int32_t* symbols, uint32_t* start,
                                     uint32_t* freq) {
    const Finder& finder = *static_cast<const Finder*>(any);
    const Mixture<Component> distribution = finder.model().distribution;
    const SinglesFrame frame(finder);
    const Units low = AllUnits(finder.low());
    int64_t j = 0;
    for (; j + kSingles <= n; j += kSingles) {
      FetchBefore(distribution.mean[first + j], n * int64_t{sizeof(float)});
      FetchBefore(distribution.scale[first + j], n * int64_t{sizeof(float)});
      const Singles<Component> singles(frame, distribution, first + j);
      const Units place = LoadAll<Units>(symbols + j) - low;
      const Wholes inside = place < frame.count;
      const Units from = inside ? place : Units{}, left = singles.Left(from);
      StoreAll(start + j, left);
      StoreAll(freq + j, singles.Left(from + 1) - left);
      const unsigned good = Bits(inside & singles.valid);
      if (__builtin_expect(good != kAllSingles, 0)) {
        FindSome(finder, kAllSingles & ~good, first + j, symbols + j, start + j, freq + j);
      }
    }
    FindPlain<typename Finder::Model>(any, first + j, n - j, symbols + j, start + j, freq + j);
  }

  JANS_SINGLES_LOOP static void LocateMany(const void* any, int64_t first, int64_t n, const uint32_t* quantiles,
                                           int32_t* symbols, uint32_t* start, uint32_t* freq) {
    const Finder& finder = *static_cast<const Finder*>(any);
    const Mixture<Component> distribution = finder.model().distribution;
    const SinglesFrame frame(finder);
    const uint32_t* lines = LineBits<Component>();
    int64_t j = 0;
    for (; j + kSingles <= n; j += kSingles) {
      const Singles<Component> singles(frame, distribution, first + j);
      const Units quantile = LoadAll<Units>(quantiles + j);
      Units place = singles.Guess(quantile, finder.model().precision, lines), left = singles.Left(place),
            right = singles.Left(place + 1);
      if (__builtin_expect(Bits((left <= quantile) & (quantile < right)) != kAllSingles, 0)) {
        Search(singles, finder.size(), quantile, place, left, right);
      }
      StoreAll(symbols + j, place + AllUnits(finder.low()));
      StoreAll(start + j, left);
      StoreAll(freq + j, right - left);
      const unsigned good = Bits(singles.valid);
      if (__builtin_expect(good != kAllSingles, 0)) {
        LocateSome(finder, kAllSingles & ~good, first + j, quantiles + j, symbols + j, start + j, freq + j);
      }
    }
#if JANS_SINGLES == 16
    if (j < n) {
      using Narrow = singles_avx2::SinglesOf<Finder>;
      Narrow::LocateMany(any, first + j, n - j, quantiles + j, symbols + j, start + j, freq + j);
    }
#endif
  }

 private:
  // By bisection.
  static JANS_SINGLES_INLINE void Search(const Singles<Component>& singles, int64_t size, Units quantile, Units& place,
                                         Units& left, Units& right) {
    Units above = singles.count;
    place = left = Units{};
    right = singles.mass + singles.count;
    for (int64_t most = size; most > 1; most = most - most / 2) {
      const Units middle = place + ((above - place) >> 1), value = singles.Left(middle);
      const Wholes rises = value <= quantile;
      place = rises ? middle : place;
      left = rises ? value : left;
      above = rises ? above : middle;
      right = rises ? right : value;
    }
  }
};

}  // namespace JANS_REGISTERS
}  // namespace jans
