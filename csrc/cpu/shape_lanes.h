// Intervals of distributions on integers side by side, in fused operations. Read once for each kind of registers, see
// shapes.h.

namespace jans {
namespace JANS_REGISTERS {

JANS_REALS_INLINE Doubles LoadIntegers(const void* p) { return Real(LoadWholes(p)); }

JANS_REALS_INLINE Doubles LoadReals(const Reals& reals, int64_t first) {
  if (reals.stride == 0) return All(reals.Raw(0));
  return reals.wide ? LoadReals(static_cast<const double*>(reals.data) + first)
                    : LoadReals(static_cast<const float*>(reals.data) + first);
}

// ---- elementary functions ----

// e^x, -700 <= x <= 0: what the series leaves out is below 2^-42 of it.
JANS_REALS_INLINE Doubles Exp(Doubles x) {
  const Doubles k = Rounded(x * All(1.44269504088896338700));
  const Doubles r = Fused(k, All(-kLn2Low), Fused(k, All(-kLn2High), x)), r2 = r * r, r4 = r2 * r2;
  const Doubles low = Fused(r2, Fused(r, All(1.0 / 6), All(0.5)), r + All(1));
  const Doubles middle = Fused(r2, Fused(r, All(1.0 / 5040), All(1.0 / 720)), Fused(r, All(1.0 / 120), All(1.0 / 24)));
  const Doubles high = Fused(r2, All(1.0 / 3628800), Fused(r, All(1.0 / 362880), All(1.0 / 40320)));
  return TimesPowerOfTwo(Fused(r4, Fused(r4, high, middle), low), k);
}

// About log x, x > 0: to 2^-25.
JANS_REALS_INLINE Doubles AboutLog(Doubles x) {
  constexpr double kMiddle = 1.41421356237309504880, kLn2 = 0.693147180559945309417;
  const Doubles m = Fraction(x), s = (m - All(kMiddle)) / (m + All(kMiddle)), ss = s * s;
  const Doubles series = Fused(ss, Fused(ss, Fused(ss, All(2.0 / 7), All(2.0 / 5)), All(2.0 / 3)), All(2));
  return Fused(s, series, (Exponent(x) + All(0.5)) * All(kLn2));
}

// ---- shapes ----
//
// Scaled is F(z) * mass, wrong by less than 2^-41 of the mass, beside the lanes where F is 0 or 1. Quantile is about
// the z of place q + 1/2 of `total`.

struct Product {
  Doubles value;
  Lanes beyond;
};

template <typename Shape>
struct LanesOf;

// GaussianShape::Near with fewer terms.
template <>
struct LanesOf<GaussianShape> {
  static JANS_REALS_INLINE Product Scaled(Doubles z, Doubles half_mass) {
    const Doubles size = Magnitudes(z), t = Least(size, All(kErfLimit));
    const Wholes node = Nearest(t * All(kErfPairSteps));
    Doubles value, slope;
    LoadPairs(kErfPairs, Twice(node), value, slope);
    const Doubles c = Real(node) * All(1 / kErfPairSteps), d = t - c, cc = c * c;
    const Doubles a2 = Fused(cc, All(2.0 / 3), All(-1.0 / 3));
    const Doubles a3 = c * Fused(cc, All(-1.0 / 3), All(0.5));
    const Doubles series = d * (Fused(d, Fused(d, a3, a2), -c));
    const Doubles step = slope * d, erf = Fused(step, series, value + step);
    return {Fused(WithSigns(erf, z), half_mass, half_mass), Less(All(kErfSurelyOne), size)};
  }
  static JANS_REALS_INLINE Doubles Quantile(Doubles q, Doubles, int precision) {
    const Wholes place = Nearest(q);
    const int shift = precision - kGuessBits;
    Doubles line, slope;
    LoadPairs(kNormalGuesses, Twice(Down(place, shift)), line, slope);
    const Doubles fraction = Real(LowBits(place, (uint32_t{1} << shift) - 1)) * All(PowerOfTwo(-shift)) + All(1);
    return Fused(slope, fraction, line);
  }
};

// Those with exponential tails: F(-t) is a function of e^-t, and 0 for certain where that is below 2^-57.
JANS_REALS_INLINE Doubles Decay(Doubles z) { return Exp(All(0) - Least(Magnitudes(z), All(44))); }
JANS_REALS_INLINE Product FromTail(Doubles z, Doubles tail, Doubles half_mass) {
  const Doubles from_middle = Fused(tail, All(-2) * half_mass, half_mass);
  return {half_mass + WithSigns(from_middle, z), Less(All(40), Magnitudes(z))};
}
template <>
struct LanesOf<LaplaceShape> {
  static JANS_REALS_INLINE Product Scaled(Doubles z, Doubles half_mass) {
    return FromTail(z, All(0.5) * Decay(z), half_mass);
  }
  static JANS_REALS_INLINE Doubles Quantile(Doubles q, Doubles total, int) {
    const Doubles below = q + All(0.5), above = total - below;
    return WithSigns(Magnitudes(AboutLog(All(2) * Least(below, above) / total)), below - above);
  }
};
template <>
struct LanesOf<LogisticShape> {
  static JANS_REALS_INLINE Product Scaled(Doubles z, Doubles half_mass) {
    const Doubles e = Decay(z);
    return FromTail(z, e / (All(1) + e), half_mass);
  }
  static JANS_REALS_INLINE Doubles Quantile(Doubles q, Doubles total, int) {
    const Doubles below = q + All(0.5);
    return AboutLog(below / (total - below));
  }
};

// ---- edges ----

// What all symbols of a stream share.
template <typename Shape>
struct Shared {
  Doubles low, high, total, half_mass, stretch, sure;

  JANS_REALS_INLINE explicit Shared(const ShapeFrame& f)
      : low(All(f.low)),
        high(All(f.high)),
        total(All(f.total)),
        half_mass(All(f.half_mass)),
        stretch(All(f.total / (2 * f.half_mass))),
        sure(All(f.sure)) {}

  // Where symbols begin, up to one above the last, whose parameters have been checked; and where that is certain.
  struct Floors {
    Doubles whole;
    Lanes certain;
  };
  JANS_REALS_INLINE Floors Left(Doubles symbol, Doubles z) const {
    const Product f = LanesOf<Shape>::Scaled(z, half_mass);
    const Doubles floor = Whole(f.value), from_middle = Magnitudes(f.value - floor - All(0.5));
    const Lanes certain = Or(Less(from_middle, sure), f.beyond);
    const Lanes first = AtMost(symbol, low), beyond = Less(high, symbol);
    const Doubles left = Choose(beyond, total, floor + (symbol - low));
    return {Choose(first, All(0), left), Or(certain, Or(first, beyond))};
  }
  JANS_REALS_INLINE static Lanes Legal(Doubles location, Doubles scale) {
    return And(Less(Magnitudes(location), All(Infinity())),
               And(AtMost(All(Smallest<float>()), scale), AtMost(scale, All(OnIntegers<Shape>::kWidest))));
  }
};

struct Edges {
  Doubles from, to;
  Lanes certain;
};
template <typename Shape>
JANS_REALS_INLINE Edges EdgesOf(const Shared<Shape>& shared, Doubles location, Doubles scale, Doubles symbol) {
  const Doubles inverse = All(1 / Shape::kUnit) / scale, centre = symbol - location;
  const auto from = shared.Left(symbol, (centre - All(0.5)) * inverse);
  const auto to = shared.Left(symbol + All(1), (centre + All(0.5)) * inverse);
  const Lanes certain = And(from.certain, to.certain);
  return {from.whole, to.whole, And(certain, Shared<Shape>::Legal(location, scale))};
}

// The intervals of kReals symbols: a bit for each that is certain.
template <typename Shape>
JANS_REALS_INLINE unsigned FindShapes(const Shared<Shape>& shared, const OnIntegers<Shape>& d, int64_t first,
                                      const int32_t* symbols, uint32_t* start, uint32_t* freq) {
  const Doubles symbol = LoadIntegers(symbols);
  const Edges edges = EdgesOf(shared, LoadReals(d.location, first), LoadReals(d.scale, first), symbol);
  const Lanes inside = And(AtMost(shared.low, symbol), AtMost(symbol, shared.high));
  StoreIntegers(start, edges.from);
  StoreIntegers(freq, edges.to - edges.from);
  return Bits(And(edges.certain, inside));
}

// The symbols of kReals quantiles by about the inverse of F, and their intervals: a bit for each that is certain. The
// precision is kGuessBits at least.
template <typename Shape>
JANS_REALS_INLINE unsigned LocateShapes(const Shared<Shape>& shared, Doubles location, Doubles scale, int precision,
                                        Doubles quantile, int32_t* symbols, uint32_t* start, uint32_t* freq) {
  // F is about (q - k) / mass, where k, the number of symbols below, counts for little among many quantiles.
  Doubles place = quantile;
  if (precision < kManyBits) {
    const Doubles u = (quantile + (shared.low - location)) * shared.stretch;
    place = Most(Least(u, shared.total - All(1)), All(0));
  }
  const Doubles z = LanesOf<Shape>::Quantile(place, shared.total, precision);
  const Doubles guess = Whole(Fused(z, scale, location + All(0.5)));
  const Doubles symbol = Most(shared.low, Least(guess, shared.high));
  const Edges edges = EdgesOf(shared, location, scale, symbol);
  StoreIntegers(reinterpret_cast<uint32_t*>(symbols), symbol);
  StoreIntegers(start, edges.from);
  StoreIntegers(freq, edges.to - edges.from);
  const Lanes inside = And(AtMost(edges.from, quantile), Less(quantile, edges.to));
  return Bits(And(edges.certain, inside));
}

// What a Finder, `any`, of such a distribution answers.
template <typename Finder>
struct ShapesOf {
  using Shape = typename Finder::Shape;

  JANS_REALS_LOOP static void Find(const void* any, int64_t first, int64_t n, const int32_t* symbols, uint32_t* start,
                                   uint32_t* freq) {
    const Finder& finder = *static_cast<const Finder*>(any);
    const Shared<Shape> shared(finder.frame());
    const OnIntegers<Shape>& distribution = finder.model().distribution;
    int64_t j = 0;
    for (; j + kReals <= n; j += kReals) {
      FetchBefore(distribution.location.At(first + j), n * distribution.location.bytes());
      FetchBefore(distribution.scale.At(first + j), n * distribution.scale.bytes());
      const unsigned good = FindShapes(shared, distribution, first + j, symbols + j, start + j, freq + j);
      if (__builtin_expect(good != kAllReals, 0)) {
        FindSome(finder, kAllReals & ~good, first + j, symbols + j, start + j, freq + j);
      }
    }
    FindPlain<typename Finder::Model>(any, first + j, n - j, symbols + j, start + j, freq + j);
  }
  JANS_REALS_LOOP static void LocateMany(const void* any, int64_t first, int64_t n, const uint32_t* quantiles,
                                         int32_t* symbols, uint32_t* start, uint32_t* freq) {
    const Finder& finder = *static_cast<const Finder*>(any);
    const Shared<Shape> shared(finder.frame());
    const OnIntegers<Shape>& distribution = finder.model().distribution;
    const int precision = finder.model().precision;
    for (int64_t j = 0; j < n; j += kReals) {
      const Doubles location = LoadReals(distribution.location, first + j);
      const Doubles scale = LoadReals(distribution.scale, first + j);
      const unsigned good = LocateShapes(shared, location, scale, precision, LoadIntegers(quantiles + j), symbols + j,
                                         start + j, freq + j);
      if (__builtin_expect(good != kAllReals, 0)) {
        LocateSome(finder, kAllReals & ~good, first + j, quantiles + j, symbols + j, start + j, freq + j);
      }
    }
  }
  // One in all lanes.
  JANS_REALS_LOOP static Found Locate(const void* any, int64_t i, uint32_t quantile) {
    const Finder& finder = *static_cast<const Finder*>(any);
    const OnIntegers<Shape>& distribution = finder.model().distribution;
    int32_t symbols[kReals];
    uint32_t starts[kReals], freqs[kReals];
    const unsigned good =
        LocateShapes(Shared<Shape>(finder.frame()), All(distribution.location.Raw(i)), All(distribution.scale.Raw(i)),
                     finder.model().precision, All(quantile), symbols, starts, freqs);
    if (__builtin_expect(good != kAllReals, 0)) return LocateCarefully(finder.model(), i, quantile);
    return Found({symbols[0], {starts[0], freqs[0]}});
  }
};

}  // namespace JANS_REGISTERS
}  // namespace jans
