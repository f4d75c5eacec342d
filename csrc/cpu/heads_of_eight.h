// Heads in groups of eight, of which a push or a pop changes all at once. Read once for each kind of registers, see
// eight_registers.h.

namespace jans {
namespace JANS_REGISTERS {

#if JANS_LONGS

// Heads of 64 bits. Quotients are below 2^50. The quotient of the nearest doubles is wrong by less than 1/4, as head
// and quotient are rounded by 2^-53 of themselves; the integer next to that is the floor or one more, and then the rest
// is negative.
template <typename V>
struct Eight {
  Longs x;

  static JANS_EIGHT_INLINE Eight Of(const uint64_t* heads) { return {Load(heads)}; }
  JANS_EIGHT_INLINE void To(uint64_t* heads) const { Store(heads, x); }

  // Moves a word out of the heads that are full for their freqs: gives them, and the lowest word of every head.
  JANS_EIGHT_INLINE Set Flush(Numbers freq, int precision, Numbers& words) {
    const Set full = AtLeast(x >> (V::kTopBits - precision), Long(freq));
    words = LowHalves(x);
    x = Choose(full, x >> 32, x);
    return full;
  }
  // The push formula.
  JANS_EIGHT_INLINE void Step(Numbers start, Numbers freq, int precision) {
    const Longs quotient = NearestQuotient(x, freq), rest = x - Times(quotient, freq);
    const Set high = Negative(rest);
    const Longs floor = Choose(high, quotient - AllLongs(1), quotient);
    x = (floor << precision) + Choose(high, rest + Long(freq), rest) + Long(start);
  }

  JANS_EIGHT_INLINE Numbers Quantiles(int precision) const { return LowHalves(x) & All((1 << precision) - 1); }
  // The pop formula, with what a quantile is above its start.
  JANS_EIGHT_INLINE void StepBack(Numbers rest, Numbers freq, int precision) {
    x = Times(x >> precision, freq) + Long(rest);
  }
  // The heads that are below their range, and Fill, which moves a word into some.
  JANS_EIGHT_INLINE Set Low() const { return AtLeast(AllLongs(V::kLower - 1), x); }
  JANS_EIGHT_INLINE void Fill(Numbers words, Set wants) { x = Choose(wants, x << 32 | Long(words), x); }

  // The greatest heads that are not full for their freqs.
  static JANS_EIGHT_INLINE void Most(Numbers freq, int precision, uint64_t* most) {
    Store(most, (Long(freq) << (V::kTopBits - precision)) - AllLongs(1));
  }
  // For Entry.
  static JANS_EIGHT_INLINE void Reciprocals(Numbers freq, int, uint64_t* m) {
    Store(m, FloorOfQuotient(kReciprocal, freq));
  }
};

#endif

// Heads of 32 bits, which stay below 2^31.
template <>
struct Eight<Rans32_16> {
  Numbers x;

  static JANS_EIGHT_INLINE Eight Of(const uint32_t* heads) { return {Load(heads)}; }
  JANS_EIGHT_INLINE void To(uint32_t* heads) const { Store(heads, x); }

  JANS_EIGHT_INLINE Set Flush(Numbers freq, int precision, Numbers& words) {
    const Set full = NotAbove(freq, x >> (Rans32_16::kTopBits - precision));
    words = x;
    x = Choose(full, x >> 16, x);
    return full;
  }
  // The quotient of floats is below 2^21 and wrong by little more than 2^-23 of itself, so that its floor is wrong by
  // one at most, and the rest shows it.
  JANS_EIGHT_INLINE void Step(Numbers start, Numbers freq, int precision) {
    Numbers quotient = FloatQuotient(x, freq), rest = x - quotient * freq;
    const Set low = Negative(rest);
    quotient = CountDown(low, quotient);
    rest = AddIn(low, rest, freq);
    const Set high = NotAbove(freq, rest);
    quotient = CountUp(high, quotient);
    rest = SubIn(high, rest, freq);
    x = (quotient << precision) + rest + start;
  }

  JANS_EIGHT_INLINE Numbers Quantiles(int precision) const { return x & All((1 << precision) - 1); }
  JANS_EIGHT_INLINE void StepBack(Numbers rest, Numbers freq, int precision) { x = freq * (x >> precision) + rest; }
  JANS_EIGHT_INLINE Set Low() const { return Above(All(Rans32_16::kLower), x); }
  JANS_EIGHT_INLINE void Fill(Numbers words, Set wants) { x = Choose(wants, x << 16 | words, x); }

  static JANS_EIGHT_INLINE void Most(Numbers freq, int precision, uint32_t* most) {
    Store(most, (freq << (Rans32_16::kTopBits - precision)) - 1);
  }
  // For Entry, 2^(31 + precision) / freq is rounded up. The nearest double is as far from an integer as the quotient,
  // or is one: that is 1 / freq at least, and more than it is wrong by.
  static JANS_EIGHT_INLINE void Reciprocals(Numbers freq, int precision, uint64_t* m) {
    StoreQuotientsUp(m, static_cast<double>(uint64_t{1} << (31 + precision)), freq);
  }
};

}  // namespace JANS_REGISTERS
}  // namespace jans
