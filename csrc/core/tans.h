// Table ANS: the step of a stack coder as a walk through a table of L = 2^precision states, and bits that it moves.
//
// The numbers 0 ... L - 1 are spread over the symbols, freq of them for each. Of the states of a symbol the r-th, in
// rising order, stands for the number freq + r.
//
//   push:  leave the lowest bits of the head x to the stack, until what is left is in [freq, 2 freq); then x = L + the
//          state that stands for what is left
//   pop:   what the state x - L stands for, followed by as many bits of the stack as give a number in [L, 2 L)
//
// A head is in [L, 2 L). (Duda 2013, arXiv:1311.2540; the order of states is that of Collet's FiniteStateEntropy.)
#ifndef JANS_CORE_TANS_H_
#define JANS_CORE_TANS_H_

#include "bits.h"

namespace jans {

constexpr int kMaxTansPrecision = 15;
constexpr int64_t kMaxTansSymbols = 1 << 16;

// How far apart in the table neighbours are: 5/8 of it and 3, and one more where that is even, as it is for 1 and 3
// bits. An odd step visits every state.
JANS_HD uint32_t TansStep(int precision) {
  const uint32_t total = 1u << precision;
  return ((total >> 1) + (total >> 3) + 3) | 1;
}

// Of a symbol: (x + bits) / 2^16 is how many bits leave a head x, and `place`, added to what is left of it, an index
// into the states. Where the top bit of `bits` is set the symbol has no states, and `place` is the Status that says
// why.
//
// With freq in (2^k, 2^(k+1)], and k = 0 for 1, heads from freq * 2^(precision - k) on leave precision - k bits, others
// one less: bits = (precision - k) * 2^16 - freq * 2^(precision - k).
struct TansCode {
  uint32_t bits;
  uint32_t place;
};
constexpr uint32_t kNoTansCode = 1u << 31;

JANS_HD TansCode MakeTansCode(uint32_t start, uint32_t freq, int precision) {
  if (freq == 0) return {kNoTansCode, kBadSymbol};
  const int most = precision - (freq == 1 ? 0 : BitLength(freq - 1) - 1);
  return {(static_cast<uint32_t>(most) << 16) - (freq << most), start - freq};
}

// Of a state: its symbol, and above bit 16 the number that it stands for; zero in a table that is none.
JANS_HD uint32_t TansState(uint32_t symbol, uint32_t number) { return number << 16 | symbol; }

// Makes the tables of one row of cumulative frequencies: n codes, and L states for each direction.
JANS_FUNCTION void MakeTansTables(const uint32_t* cdf, int64_t n, int precision, TansCode* codes, uint16_t* states,
                                  uint32_t* decoder) {
  const uint32_t total = 1u << precision;
  bool good = cdf[0] == 0 && cdf[n] == total;
  for (int64_t s = 0; s < n; ++s) good = good && cdf[s] <= cdf[s + 1];
  if (!good) {
    for (int64_t s = 0; s < n; ++s) codes[s] = {kNoTansCode, kBadModel};
    for (uint32_t u = 0; u < total; ++u) states[u] = 0, decoder[u] = 0;
    return;
  }
  const uint32_t step = TansStep(precision);
  uint32_t at = 0;
  for (int64_t s = 0; s < n; ++s) {
    codes[s].place = 0;  // for now, how many states have a number
    for (uint32_t k = cdf[s]; k < cdf[s + 1]; ++k, at = (at + step) & (total - 1)) {
      decoder[at] = static_cast<uint32_t>(s);
    }
  }
  for (uint32_t u = 0; u < total; ++u) {
    const uint32_t s = decoder[u], rank = codes[s].place++;
    states[cdf[s] + rank] = static_cast<uint16_t>(u);
    decoder[u] = TansState(s, cdf[s + 1] - cdf[s] + rank);
  }
  for (int64_t s = 0; s < n; ++s) codes[s] = MakeTansCode(cdf[s], cdf[s + 1] - cdf[s], precision);
}

// Tables of `count` rows. Whatever is in them, no step reads beyond them or leaves a head out of its range.
struct TansTables {
  const TansCode* codes;    // [count, n]
  const uint16_t* states;   // [count, L]
  const uint32_t* decoder;  // [count, L]
  int64_t count, n;
  int precision;

  JANS_HD uint32_t Total() const { return 1u << precision; }
  JANS_HD bool Has(int32_t index) const { return static_cast<uint32_t>(index) < static_cast<uint64_t>(count); }

  // The code of a symbol in row `index`, or none.
  JANS_HD TansCode Find(int64_t symbol, int32_t index) const {
    if (!Has(index)) return {kNoTansCode, kBadModel};
    if (symbol < 0 || symbol >= n) return {kNoTansCode, kBadSymbol};
    return codes[index * n + symbol];
  }
  // Puts a symbol that has a code on the head x; append(bits, how many) keeps what leaves it.
  template <typename Append>
  JANS_HD void Push(uint32_t& x, TansCode code, int32_t index, const Append& append) const {
    const int bits = (x + code.bits) >> 16 & 15;
    append(x & BitMask(bits), bits);
    const uint32_t place = ((x >> bits) + code.place) & (Total() - 1);
    x = Total() | (states[(int64_t{index} << precision) + place] & (Total() - 1));
  }

  // What the state of a head in row `index` stands for; 0 if nothing.
  JANS_HD uint32_t Look(uint32_t x, int32_t index) const {
    return Has(index) ? decoder[(int64_t{index} << precision) + (x & (Total() - 1))] : 0;
  }
  JANS_HD uint32_t Number(uint32_t state) const { return state >> 16 & (2 * Total() - 1); }
  // How many bits follow a number in [1, 2 L), and the head that it makes with them.
  JANS_HD int Missing(uint32_t number) const { return precision + 1 - BitLength(number); }
  JANS_HD uint32_t Head(uint32_t number, int missing, uint32_t bits) const { return number << missing | bits; }
};

// The Status of a symbol without states; of those that a damaged table names, the two that fit.
JANS_HD int32_t WhyNoCode(TansCode code) { return static_cast<int32_t>(code.place & (kBadSymbol | kBadModel)); }

JANS_HD void PushTans(const TansTables& tables, uint32_t& x, int64_t symbol, int32_t index, BitWriter& out) {
  const TansCode code = tables.Find(symbol, index);
  if (code.bits >= kNoTansCode) {
    out.tail.status |= WhyNoCode(code);
    return;
  }
  tables.Push(x, code, index, [&out](uint64_t bits, int length) { out.Append(bits, length); });
}

JANS_HD int32_t PopTans(const TansTables& tables, uint32_t& x, int32_t index, BitReader<true>& in) {
  const uint32_t state = tables.Look(x, index), number = tables.Number(state);
  if (number == 0) {
    in.status |= kBadModel;
    return 0;
  }
  const int missing = tables.Missing(number);
  in.Refill();
  x = tables.Head(number, missing, static_cast<uint32_t>(in.Peek(missing)));
  in.Take(missing);
  return static_cast<int32_t>(state & 0xFFFF);
}

}  // namespace jans

#endif  // JANS_CORE_TANS_H_
