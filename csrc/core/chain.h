// The chain coder: a stack whose symbols do not depend on each other. It takes a quantile of `precision` bits for every
// symbol from one stack of words, and puts what a quantile holds beyond its symbol on another:
//
//   pop:   q = the next bits, in [start, start + freq);   x' = x freq + (q - start)
//   push:  q = start + x' mod freq;   x = floor(x' / freq);   q goes back to the bits
//
// Bits that are read but not yet taken lie below the top 1 bit of `rest`. A head x of the remainders is kept inside
// [2^lower, 2^(lower + w)) with lower = state bits - w - `most`, the largest precision of a coder, by moving w-bit
// words to and from their stack. (Bamler 2022, arXiv:2201.01741.)
#ifndef JANS_CORE_CHAIN_H_
#define JANS_CORE_CHAIN_H_

#include "rans.h"

namespace jans {

template <typename State_, typename Word_>
struct ChainVariant {
  using State = State_;
  using Word = Word_;
  static constexpr int kWordBits = 8 * sizeof(Word);
  static constexpr int kStateBits = 8 * sizeof(State);

  static constexpr JANS_HD int LowerBits(int most) { return kStateBits - kWordBits - most; }
  // Whether a head needs a word less.
  static JANS_HD bool Full(State x, int most) { return (x >> (kStateBits - most - 1) >> 1) != 0; }
};

using Chain64 = ChainVariant<uint64_t, uint32_t>;  // constriction's ChainCoder
using Chain32_16 = ChainVariant<uint32_t, uint16_t>;

JANS_HD uint32_t LowBits(uint64_t x, int bits) { return static_cast<uint32_t>(x & ((uint64_t{1} << bits) - 1)); }

template <typename V>
JANS_HD uint32_t Take(uint64_t& rest, Tail<typename V::Word>& tail, int precision) {
  uint64_t word = rest;
  if (rest >> precision == 0) {
    word = tail.Read();
    rest = rest << (V::kWordBits - precision) | word >> precision;
  } else {
    rest >>= precision;
  }
  return LowBits(word, precision);
}

template <typename V>
JANS_HD void Give(uint64_t& rest, Tail<typename V::Word>& tail, uint32_t quantile, int precision) {
  const uint64_t joined = rest << precision | LowBits(quantile, precision);
  const int spare = V::kWordBits - precision;
  if (rest >> spare == 0) {
    rest = joined;
  } else {
    tail.Write(static_cast<typename V::Word>(joined));
    rest >>= spare;
  }
}

template <typename V>
JANS_HD void Keep(typename V::State& x, Tail<typename V::Word>& tail, Interval interval, uint32_t quantile, int most) {
  x = x * interval.freq + (quantile - interval.start);
  if (V::Full(x, most)) {
    tail.Write(static_cast<typename V::Word>(x));
    x >>= V::kWordBits;
  }
}

template <typename V>
JANS_HD uint32_t Recall(typename V::State& x, Tail<typename V::Word>& tail, Interval interval, int most) {
  if (x >> V::LowerBits(most) < interval.freq) x = x << V::kWordBits | tail.Read(kOutOfRemainders);
  const uint32_t quantile = interval.start + static_cast<uint32_t>(x % interval.freq);
  x /= interval.freq;
  return quantile;
}

}  // namespace jans

#endif  // JANS_CORE_CHAIN_H_
