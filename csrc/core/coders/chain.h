// The chain coder: a stack whose symbols do not depend on each other. It takes a quantile of `precision` bits for every
// symbol from one stack of words, and puts what a quantile holds beyond its symbol on another:
//
//   pop:   q = the next bits, in [start, start + freq);   x' = x freq + (q - start)
//   push:  q = start + x' mod freq;   x = floor(x' / freq);   q goes back to the bits
//
// Bits that are read but not yet taken lie below the top 1 bit of `rest`. A head x of the remainders is kept inside
// [2^lower, 2^(lower + w)) with lower = state bits - w - `most`, the largest precision of a coder, by moving w-bit
// words to and from their stack. (Bamler 2022, arXiv:2201.01741.)
#ifndef JANS_CORE_CODERS_CHAIN_H_
#define JANS_CORE_CODERS_CHAIN_H_

#include "../rans.h"

namespace jans {

template <typename State_, typename Word_>
struct ChainVariant {
  using State = State_;
  using Word = Word_;
  static constexpr int kWordBits = 8 * sizeof(Word);
  static constexpr int kStateBits = 8 * sizeof(State);

  static constexpr JANS_HD int LowerBits(int max_precision) { return kStateBits - kWordBits - max_precision; }
  // Whether a head needs a word less.
  static JANS_HD bool Full(State x, int max_precision) { return (x >> (kStateBits - max_precision - 1) >> 1) != 0; }
};

using Chain64 = ChainVariant<uint64_t, uint32_t>;  // constriction's ChainCoder
using Chain32_16 = ChainVariant<uint32_t, uint16_t>;

JANS_HD uint32_t LowBits(uint64_t x, int bits) { return static_cast<uint32_t>(x & ((uint64_t{1} << bits) - 1)); }

template <typename V>
JANS_HD uint32_t Take(uint64_t& partial_word, Tail<typename V::Word>& tail, int precision) {
  uint64_t word = partial_word;
  if (partial_word >> precision == 0) {
    word = tail.Read();
    partial_word = partial_word << (V::kWordBits - precision) | word >> precision;
  } else {
    partial_word >>= precision;
  }
  return LowBits(word, precision);
}

template <typename V>
JANS_HD void Give(uint64_t& partial_word, Tail<typename V::Word>& tail, uint32_t quantile, int precision) {
  const uint64_t joined = partial_word << precision | LowBits(quantile, precision);
  const int spare = V::kWordBits - precision;
  if (partial_word >> spare == 0) {
    partial_word = joined;
  } else {
    tail.Write(static_cast<typename V::Word>(joined));
    partial_word >>= spare;
  }
}

template <typename V>
JANS_HD void Keep(typename V::State& x, Tail<typename V::Word>& tail, Interval interval, uint32_t quantile,
                  int max_precision) {
  x = x * interval.freq + (quantile - interval.start);
  if (V::Full(x, max_precision)) {
    tail.Write(static_cast<typename V::Word>(x));
    x >>= V::kWordBits;
  }
}

template <typename V>
JANS_HD uint32_t Recall(typename V::State& x, Tail<typename V::Word>& tail, Interval interval, int max_precision) {
  if (x >> V::LowerBits(max_precision) < interval.freq) x = x << V::kWordBits | tail.Read(kOutOfRemainders);
  const uint32_t quantile = interval.start + static_cast<uint32_t>(x % interval.freq);
  x /= interval.freq;
  return quantile;
}

// ---- Optimizations below: the same integers, without a division on the path from head to head. ----

// An interval with a reciprocal of its freq that gives exact quotients of a refilled head x, Robison 2005:
//
//   floor(x / freq) = floor(m (x + more) / 2^(64 + k)),   2^k <= freq < 2^(k+1)
//
// With m = (2^(64+k) + e) / freq rounded up, 0 < e < freq, the right side is x / freq + x e / (freq 2^(64+k)), and the
// last term is below 1 / freq for e <= 2^k. Rounded down, m = (2^(64+k) - e) / freq, and it is
// x / freq + (2^(64+k) - (x + 1) e) / (freq 2^(64+k)), whose last term lies in (0, 1 / freq] for e < 2^k; either e or
// freq - e is so small. Powers of two have m = 2^63 and k less by one; but for 1: floor((2^64 - 1) (x + 1) / 2^64) = x.
// Nothing wraps: what needs x + 1 has freq < 2^most, so that x < freq 2^(64 - most) < 2^64 - 1.
struct ExactEntry {
  uint64_t m;
  uint32_t start, freq;
  uint8_t k;
  bool more;

  JANS_HD uint64_t Quotient(uint64_t raised) const { return MulHi(raised, m) >> k; }
};

inline ExactEntry MakeExactEntry(Interval interval) {
  const uint32_t freq = interval.freq;
  if (freq == 0) return {0, interval.start, 0, 0, false};
  uint8_t k = 31;
  while (freq >> k == 0) --k;
  if (freq == 1) return {~uint64_t{0}, interval.start, freq, 0, true};
  if ((freq & (freq - 1)) == 0) return {uint64_t{1} << 63, interval.start, freq, static_cast<uint8_t>(k - 1), false};
  const uint64_t down = static_cast<uint64_t>((static_cast<unsigned __int128>(1) << (64 + k)) / freq);
  const bool up = down * freq + freq <= uint64_t{1} << k;  // e, modulo 2^64
  return {down + up, interval.start, freq, k, !up};
}

// As ExactEntry, from a reciprocal whose quotient is exact or one too small; see Entry.
struct NearEntry : Entry {
  static constexpr bool more = false;

  JANS_HD uint64_t Quotient(uint64_t x) const {
    const uint64_t quotient = MulHi(x, reciprocal);
    return quotient + (x - quotient * freq >= freq);
  }
};

}  // namespace jans

#endif  // JANS_CORE_CODERS_CHAIN_H_
