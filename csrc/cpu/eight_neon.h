// Eight lanes in registers of AArch64: numbers and sets of lanes, four to a register, as eight_x86.h has them.

namespace jans {
namespace neon {

// Numbers of 32 bits, one for each lane.
struct Numbers {
  uint32x4_t low, high;

  Numbers() = default;
  JANS_EIGHT_INLINE Numbers(uint32x4_t a, uint32x4_t b) : low(a), high(b) {}
  JANS_EIGHT_INLINE Numbers(uint32_t x) : low(vdupq_n_u32(x)), high(low) {}
};

JANS_EIGHT_INLINE Numbers operator+(Numbers a, Numbers b) {
  return {vaddq_u32(a.low, b.low), vaddq_u32(a.high, b.high)};
}
JANS_EIGHT_INLINE Numbers operator-(Numbers a, Numbers b) {
  return {vsubq_u32(a.low, b.low), vsubq_u32(a.high, b.high)};
}
JANS_EIGHT_INLINE Numbers operator*(Numbers a, Numbers b) {
  return {vmulq_u32(a.low, b.low), vmulq_u32(a.high, b.high)};
}
JANS_EIGHT_INLINE Numbers operator&(Numbers a, Numbers b) {
  return {vandq_u32(a.low, b.low), vandq_u32(a.high, b.high)};
}
JANS_EIGHT_INLINE Numbers operator|(Numbers a, Numbers b) {
  return {vorrq_u32(a.low, b.low), vorrq_u32(a.high, b.high)};
}
JANS_EIGHT_INLINE Numbers operator^(Numbers a, Numbers b) {
  return {veorq_u32(a.low, b.low), veorq_u32(a.high, b.high)};
}
JANS_EIGHT_INLINE Numbers operator<<(Numbers x, int bits) {
  const int32x4_t by = vdupq_n_s32(bits);
  return {vshlq_u32(x.low, by), vshlq_u32(x.high, by)};
}
JANS_EIGHT_INLINE Numbers operator>>(Numbers x, int bits) { return x << -bits; }

JANS_EIGHT_INLINE Numbers All(int64_t x) { return Numbers(static_cast<uint32_t>(x)); }

// ---- sets ----
//
// All bits of a lane that is in a set, none of another.

struct Set {
  uint32x4_t low, high;
};

JANS_EIGHT_INLINE int32x4_t Signed(uint32x4_t x) { return vreinterpretq_s32_u32(x); }

JANS_EIGHT_INLINE Set None() { return {vdupq_n_u32(0), vdupq_n_u32(0)}; }
JANS_EIGHT_INLINE Set Above(Numbers a, Numbers b) {
  return {vcgtq_s32(Signed(a.low), Signed(b.low)), vcgtq_s32(Signed(a.high), Signed(b.high))};
}
JANS_EIGHT_INLINE Set NotAbove(Numbers a, Numbers b) {
  return {vcleq_s32(Signed(a.low), Signed(b.low)), vcleq_s32(Signed(a.high), Signed(b.high))};
}
JANS_EIGHT_INLINE Set Equal(Numbers a, Numbers b) { return {vceqq_u32(a.low, b.low), vceqq_u32(a.high, b.high)}; }
JANS_EIGHT_INLINE Set Negative(Numbers x) { return {vcltzq_s32(Signed(x.low)), vcltzq_s32(Signed(x.high))}; }
JANS_EIGHT_INLINE Set Outside(Numbers x, int64_t count) {
  const Numbers least = All(count);
  return {vcgeq_u32(x.low, least.low), vcgeq_u32(x.high, least.high)};
}
JANS_EIGHT_INLINE Set Either(Set a, Set b) { return {vorrq_u32(a.low, b.low), vorrq_u32(a.high, b.high)}; }
JANS_EIGHT_INLINE Set Both(Set a, Set b) { return {vandq_u32(a.low, b.low), vandq_u32(a.high, b.high)}; }
JANS_EIGHT_INLINE Set Without(Set a, Set b) { return {vbicq_u32(a.low, b.low), vbicq_u32(a.high, b.high)}; }
JANS_EIGHT_INLINE unsigned Bits(Set set) {
  const uint16x8_t weights = {1, 2, 4, 8, 16, 32, 64, 128};
  return vaddvq_u16(vandq_u16(vcombine_u16(vmovn_u32(set.low), vmovn_u32(set.high)), weights));
}
JANS_EIGHT_INLINE bool Any(Set set) { return vmaxvq_u32(vorrq_u32(set.low, set.high)) != 0; }

JANS_EIGHT_INLINE Numbers Choose(Set set, Numbers in, Numbers out) {
  return {vbslq_u32(set.low, in.low, out.low), vbslq_u32(set.high, in.high, out.high)};
}
JANS_EIGHT_INLINE Numbers ZeroIn(Set set, Numbers x) {
  return {vbicq_u32(x.low, set.low), vbicq_u32(x.high, set.high)};
}
JANS_EIGHT_INLINE Numbers AddIn(Set set, Numbers x, Numbers y) { return x + (y & Numbers(set.low, set.high)); }
JANS_EIGHT_INLINE Numbers SubIn(Set set, Numbers x, Numbers y) { return x - (y & Numbers(set.low, set.high)); }
JANS_EIGHT_INLINE Numbers CountUp(Set set, Numbers x) { return x - Numbers(set.low, set.high); }
JANS_EIGHT_INLINE Numbers CountDown(Set set, Numbers x) { return x + Numbers(set.low, set.high); }

// ---- memory ----

JANS_EIGHT_INLINE Numbers Load(const uint32_t* p) { return {vld1q_u32(p), vld1q_u32(p + 4)}; }
JANS_EIGHT_INLINE Numbers Load(const int32_t* p) { return Load(reinterpret_cast<const uint32_t*>(p)); }
JANS_EIGHT_INLINE Numbers Wider(uint16x8_t x) { return {vmovl_u16(vget_low_u16(x)), vmovl_high_u16(x)}; }
JANS_EIGHT_INLINE Numbers Load(const uint16_t* p) { return Wider(vld1q_u16(p)); }
JANS_EIGHT_INLINE Numbers Load(const uint8_t* p) { return Wider(vmovl_u8(vld1_u8(p))); }
JANS_EIGHT_INLINE void Store(uint32_t* p, Numbers x) {
  vst1q_u32(p, x.low);
  vst1q_u32(p + 4, x.high);
}
JANS_EIGHT_INLINE void Store(int32_t* p, Numbers x) { Store(reinterpret_cast<uint32_t*>(p), x); }
// Of wider numbers the low bits.
JANS_EIGHT_INLINE uint16x8_t LowWords(Numbers x) { return vcombine_u16(vmovn_u32(x.low), vmovn_u32(x.high)); }
JANS_EIGHT_INLINE void Store(uint16_t* p, Numbers x) { vst1q_u16(p, LowWords(x)); }
JANS_EIGHT_INLINE void Store(uint8_t* p, Numbers x) { vst1_u8(p, vmovn_u16(LowWords(x))); }

// The numbers that a function has for lanes.
template <typename Function>
JANS_EIGHT_INLINE Numbers Each(const Function& f) {
  const uint32_t numbers[kEight] = {f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)};
  return Load(numbers);
}

// The two numbers at each of eight places.
JANS_EIGHT_INLINE void LoadPairs(const uint32_t* base, Numbers places, Numbers& first, Numbers& second) {
  uint32_t at[kEight];
  Store(at, places);
  auto two = [&](int k) { return vcombine_u32(vld1_u32(base + at[k]), vld1_u32(base + at[k + 1])); };
  const uint32x4_t a = two(0), b = two(2), c = two(4), d = two(6);
  first = {vuzp1q_u32(a, b), vuzp1q_u32(c, d)};
  second = {vuzp2q_u32(a, b), vuzp2q_u32(c, d)};
}

JANS_EIGHT_INLINE Numbers Picked(const Picks& table, unsigned set, Numbers x) {
  const uint8x16x2_t bytes = {{vreinterpretq_u8_u32(x.low), vreinterpretq_u8_u32(x.high)}};
  const Numbers at = Load(table.at[set]) * 0x04040404 + 0x03020100;
  return {vreinterpretq_u32_u8(vqtbl2q_u8(bytes, vreinterpretq_u8_u32(at.low))),
          vreinterpretq_u32_u8(vqtbl2q_u8(bytes, vreinterpretq_u8_u32(at.high)))};
}

// Number k of rows[j] becomes number j of rows[k].
JANS_EIGHT_INLINE void TransposeFour(uint32x4_t& a, uint32x4_t& b, uint32x4_t& c, uint32x4_t& d) {
  auto pairs = [](uint32x4_t x) { return vreinterpretq_u64_u32(x); };
  auto numbers = [](uint64x2_t x) { return vreinterpretq_u32_u64(x); };
  const uint64x2_t ab_even = pairs(vtrn1q_u32(a, b)), ab_odd = pairs(vtrn2q_u32(a, b));
  const uint64x2_t cd_even = pairs(vtrn1q_u32(c, d)), cd_odd = pairs(vtrn2q_u32(c, d));
  a = numbers(vtrn1q_u64(ab_even, cd_even));
  b = numbers(vtrn1q_u64(ab_odd, cd_odd));
  c = numbers(vtrn2q_u64(ab_even, cd_even));
  d = numbers(vtrn2q_u64(ab_odd, cd_odd));
}
JANS_EIGHT_INLINE void Transpose(Numbers* rows) {
  TransposeFour(rows[0].low, rows[1].low, rows[2].low, rows[3].low);
  TransposeFour(rows[0].high, rows[1].high, rows[2].high, rows[3].high);
  TransposeFour(rows[4].low, rows[5].low, rows[6].low, rows[7].low);
  TransposeFour(rows[4].high, rows[5].high, rows[6].high, rows[7].high);
  for (int k = 0; k < 4; ++k) std::swap(rows[k].high, rows[k + 4].low);
}

// ---- numbers of 64 bits ----

struct Longs {
  uint64x2_t part[4];
};

// What a function makes of the parts of some.
template <typename Function, typename... Some>
JANS_EIGHT_INLINE Longs EachPart(const Function& f, const Some&... x) {
  return {{f(x.part[0]...), f(x.part[1]...), f(x.part[2]...), f(x.part[3]...)}};
}

JANS_EIGHT_INLINE Longs operator+(Longs a, Longs b) {
  return EachPart([](uint64x2_t x, uint64x2_t y) { return vaddq_u64(x, y); }, a, b);
}
JANS_EIGHT_INLINE Longs operator-(Longs a, Longs b) {
  return EachPart([](uint64x2_t x, uint64x2_t y) { return vsubq_u64(x, y); }, a, b);
}
JANS_EIGHT_INLINE Longs operator|(Longs a, Longs b) {
  return EachPart([](uint64x2_t x, uint64x2_t y) { return vorrq_u64(x, y); }, a, b);
}
JANS_EIGHT_INLINE Longs operator<<(Longs x, int bits) {
  const int64x2_t by = vdupq_n_s64(bits);
  return EachPart([&](uint64x2_t part) { return vshlq_u64(part, by); }, x);
}
JANS_EIGHT_INLINE Longs operator>>(Longs x, int bits) { return x << -bits; }

JANS_EIGHT_INLINE Longs Load(const uint64_t* p) {
  return {{vld1q_u64(p), vld1q_u64(p + 2), vld1q_u64(p + 4), vld1q_u64(p + 6)}};
}
JANS_EIGHT_INLINE void Store(uint64_t* p, Longs x) {
  for (int k = 0; k < 4; ++k) vst1q_u64(p + 2 * k, x.part[k]);
}
JANS_EIGHT_INLINE Longs AllLongs(uint64_t x) {
  const uint64x2_t two = vdupq_n_u64(x);
  return {{two, two, two, two}};
}
JANS_EIGHT_INLINE Longs Long(Numbers x) {
  return {
      {vmovl_u32(vget_low_u32(x.low)), vmovl_high_u32(x.low), vmovl_u32(vget_low_u32(x.high)), vmovl_high_u32(x.high)}};
}
JANS_EIGHT_INLINE Numbers LowHalves(Longs x) {
  return {vcombine_u32(vmovn_u64(x.part[0]), vmovn_u64(x.part[1])),
          vcombine_u32(vmovn_u64(x.part[2]), vmovn_u64(x.part[3]))};
}
JANS_EIGHT_INLINE Longs Times(Longs x, Numbers y) {
  auto times = [](uint64x2_t a, uint64x2_t b) {
    const uint32x2_t by = vmovn_u64(b);
    return vaddq_u64(vmull_u32(vmovn_u64(a), by), vshlq_n_u64(vmull_u32(vshrn_n_u64(a, 32), by), 32));
  };
  return EachPart(times, x, Long(y));
}
JANS_EIGHT_INLINE Set Narrow(Longs all_or_none) {
  const Numbers halves = LowHalves(all_or_none);
  return {halves.low, halves.high};
}
JANS_EIGHT_INLINE Set AtLeast(Longs a, Longs b) {
  return Narrow(EachPart([](uint64x2_t x, uint64x2_t y) { return vcgeq_u64(x, y); }, a, b));
}
JANS_EIGHT_INLINE Set Negative(Longs x) {
  return Narrow(EachPart([](uint64x2_t part) { return vcltzq_s64(vreinterpretq_s64_u64(part)); }, x));
}
JANS_EIGHT_INLINE Longs Choose(Set set, Longs in, Longs out) {
  auto lanes = [](uint32x2_t half) { return vreinterpretq_u64_s64(vmovl_s32(vreinterpret_s32_u32(half))); };
  const Longs mask = {{lanes(vget_low_u32(set.low)), lanes(vget_high_u32(set.low)), lanes(vget_low_u32(set.high)),
                       lanes(vget_high_u32(set.high))}};
  return EachPart([](uint64x2_t m, uint64x2_t x, uint64x2_t y) { return vbslq_u64(m, x, y); }, mask, in, out);
}

// ---- quotients ----

// Floors of quotients of floats, of numbers below 2^31.
JANS_EIGHT_INLINE Numbers FloatQuotient(Numbers x, Numbers y) {
  auto quotient = [](uint32x4_t a, uint32x4_t b) {
    return vcvtq_u32_f32(vdivq_f32(vcvtq_f32_u32(a), vcvtq_f32_u32(b)));
  };
  return {quotient(x.low, y.low), quotient(x.high, y.high)};
}
// The integers nearest to quotients of doubles, and those below and above.
JANS_EIGHT_INLINE Longs NearestQuotient(Longs x, Numbers y) {
  auto quotient = [](uint64x2_t a, uint64x2_t b) {
    return vcvtnq_u64_f64(vdivq_f64(vcvtq_f64_u64(a), vcvtq_f64_u64(b)));
  };
  return EachPart(quotient, x, Long(y));
}
JANS_EIGHT_INLINE Longs FloorOfQuotient(double x, Numbers y) {
  auto quotient = [&](uint64x2_t b) { return vcvtq_u64_f64(vdivq_f64(vdupq_n_f64(x), vcvtq_f64_u64(b))); };
  return EachPart(quotient, Long(y));
}
JANS_EIGHT_INLINE void StoreQuotientsUp(uint64_t* p, double x, Numbers y) {
  auto quotient = [&](uint64x2_t b) { return vcvtpq_u64_f64(vdivq_f64(vdupq_n_f64(x), vcvtq_f64_u64(b))); };
  Store(p, EachPart(quotient, Long(y)));
}

}  // namespace neon
}  // namespace jans
