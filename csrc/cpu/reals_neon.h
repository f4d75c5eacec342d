// Numbers in float64 side by side, and sets of their lanes, in registers of AArch64; see reals_x86.h.

namespace jans {
namespace reals_neon {

constexpr int kReals = 2;
constexpr unsigned kAllReals = 0x3;
using Doubles = float64x2_t;
using Wholes = int32x2_t;
using Lanes = uint64x2_t;

JANS_REALS_INLINE Lanes BitsOf(Doubles x) { return vreinterpretq_u64_f64(x); }
JANS_REALS_INLINE Doubles FromBitsOf(Lanes x) { return vreinterpretq_f64_u64(x); }

JANS_REALS_INLINE Doubles All(double x) { return vdupq_n_f64(x); }
JANS_REALS_INLINE Doubles Fused(Doubles a, Doubles b, Doubles c) { return vfmaq_f64(c, a, b); }
JANS_REALS_INLINE Doubles Magnitudes(Doubles x) { return vabsq_f64(x); }
JANS_REALS_INLINE Doubles WithSigns(Doubles x, Doubles of) {
  return FromBitsOf(vorrq_u64(BitsOf(x), vandq_u64(BitsOf(of), BitsOf(All(-0.0)))));
}
JANS_REALS_INLINE Doubles Least(Doubles a, Doubles b) { return vminnmq_f64(a, b); }
JANS_REALS_INLINE Doubles Most(Doubles a, Doubles b) { return vmaxnmq_f64(a, b); }
JANS_REALS_INLINE Doubles Whole(Doubles x) { return vrndmq_f64(x); }
JANS_REALS_INLINE Lanes Less(Doubles a, Doubles b) { return vcltq_f64(a, b); }
JANS_REALS_INLINE Lanes AtMost(Doubles a, Doubles b) { return vcleq_f64(a, b); }
JANS_REALS_INLINE Lanes And(Lanes a, Lanes b) { return vandq_u64(a, b); }
JANS_REALS_INLINE Lanes Or(Lanes a, Lanes b) { return vorrq_u64(a, b); }
JANS_REALS_INLINE unsigned Bits(Lanes set) {
  return static_cast<unsigned>((vgetq_lane_u64(set, 0) & 1) | (vgetq_lane_u64(set, 1) & 2));
}
JANS_REALS_INLINE Doubles Choose(Lanes set, Doubles in, Doubles out) { return vbslq_f64(set, in, out); }

JANS_REALS_INLINE Doubles Rounded(Doubles x) { return vrndnq_f64(x); }
JANS_REALS_INLINE Doubles TimesPowerOfTwo(Doubles x, Doubles k) {
  const int64x2_t power = vaddq_s64(vcvtnq_s64_f64(k), vdupq_n_s64(1023));
  return vmulq_f64(x, vreinterpretq_f64_s64(vshlq_n_s64(power, 52)));
}
JANS_REALS_INLINE Doubles Exponent(Doubles x) {
  const Lanes power = vshrq_n_u64(BitsOf(x), 52);
  return vcvtq_f64_s64(vsubq_s64(vreinterpretq_s64_u64(power), vdupq_n_s64(1023)));
}
JANS_REALS_INLINE Doubles Fraction(Doubles x) {
  const Lanes fraction = vandq_u64(BitsOf(x), vdupq_n_u64((uint64_t{1} << 52) - 1));
  return FromBitsOf(vorrq_u64(fraction, BitsOf(All(1))));
}

JANS_REALS_INLINE Wholes Nearest(Doubles x) { return vmovn_s64(vcvtnq_s64_f64(x)); }
JANS_REALS_INLINE Doubles Real(Wholes x) { return vcvtq_f64_s64(vmovl_s32(x)); }
JANS_REALS_INLINE Wholes Twice(Wholes x) { return vadd_s32(x, x); }
JANS_REALS_INLINE Wholes Down(Wholes x, int bits) {
  return vreinterpret_s32_u32(vshl_u32(vreinterpret_u32_s32(x), vdup_n_s32(-bits)));
}
JANS_REALS_INLINE Wholes LowBits(Wholes x, uint32_t mask) {
  return vand_s32(x, vdup_n_s32(static_cast<int32_t>(mask)));
}

JANS_REALS_INLINE Wholes LoadWholes(const void* p) { return vld1_s32(static_cast<const int32_t*>(p)); }
JANS_REALS_INLINE Doubles LoadReals(const double* p) { return vld1q_f64(p); }
JANS_REALS_INLINE Doubles LoadReals(const float* p) { return vcvt_f64_f32(vld1_f32(p)); }
JANS_REALS_INLINE void StoreIntegers(uint32_t* p, Doubles x) {
  vst1_u32(p, vreinterpret_u32_s32(vmovn_s64(vcvtq_s64_f64(x))));
}

JANS_REALS_INLINE void LoadPairs(const double* table, Wholes places, Doubles& first, Doubles& second) {
  const Doubles a = vld1q_f64(table + vget_lane_s32(places, 0)), b = vld1q_f64(table + vget_lane_s32(places, 1));
  first = vzip1q_f64(a, b);
  second = vzip2q_f64(a, b);
}

}  // namespace reals_neon
}  // namespace jans
