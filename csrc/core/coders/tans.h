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
//
// A row has a first symbol, its offset: a symbol is the offset plus a place in the row. In bypass coding the last place
// of a row's alphabet is its escape symbol. A value outside of the alphabet is the digits of bypass.h as they are, and
// on them the escape symbol.
#ifndef JANS_CORE_CODERS_TANS_H_
#define JANS_CORE_CODERS_TANS_H_

#include "bits.h"
#include "bypass.h"

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
// why; with the next bit as well, it is the escape symbol of its row, and the rest is as it would be without the two.
//
// With freq in (2^k, 2^(k+1)], and k = 0 for 1, heads from freq * 2^(precision - k) on leave precision - k bits, others
// one less: bits = (precision - k) * 2^16 - freq * 2^(precision - k).
struct TansCode {
  uint32_t bits;
  uint32_t place;
};
constexpr uint32_t kNoTansCode = 1u << 31;
constexpr uint32_t kEscapeCode = 3u << 30;

JANS_HD TansCode MakeTansCode(uint32_t start, uint32_t freq, int precision) {
  if (freq == 0) return {kNoTansCode, kBadSymbol};
  const int most = precision - (freq == 1 ? 0 : BitLength(freq - 1) - 1);
  return {(static_cast<uint32_t>(most) << 16) - (freq << most), start - freq};
}

// Of a state: its symbol, and above bit 16 the number that it stands for. Of a state of the escape symbol: the number
// alone, in the place of the symbol. Zero for symbols behind the escape symbol, and in a table that is none.
JANS_HD uint32_t TansState(uint32_t symbol, uint32_t number, uint32_t escape) {
  return symbol < escape ? number << 16 | symbol : symbol == escape ? number : 0;
}

// Makes the tables of one row of cumulative frequencies: n codes, and L states for each direction. `escape` is the
// place of the row's escape symbol, or n where it has none; -1 says afterwards that the row is none.
JANS_FUNCTION void MakeTansTables(const uint32_t* cdf, int64_t n, int precision, int32_t& escape, TansCode* codes,
                                  uint16_t* states, uint32_t* decoder) {
  const uint32_t total = 1u << precision;
  bool good = cdf[0] == 0 && cdf[n] == total && escape >= 0 && escape <= n;
  for (int64_t s = 0; s < n; ++s) good = good && cdf[s] <= cdf[s + 1];
  if (!good) {
    escape = -1;
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
    decoder[u] = TansState(s, cdf[s + 1] - cdf[s] + rank, static_cast<uint32_t>(escape));
  }
  for (int64_t s = 0; s < n; ++s) {
    codes[s] = MakeTansCode(cdf[s], s <= escape ? cdf[s + 1] - cdf[s] : 0, precision);
    if (s == escape) codes[s].bits |= codes[s].bits < kNoTansCode ? kEscapeCode : 0;
  }
}

// Tables of `count` rows. Whatever is in them, no step reads beyond them or leaves a head out of its range.
template <bool kOffsets>
struct TansTables {
  const TansCode* codes;    // [count, n]
  const uint16_t* states;   // [count, L]
  const uint32_t* decoder;  // [count, L]
  const int32_t* escape;    // [count]
  const int32_t* offset;    // [count]; not without kOffsets: every row begins with symbol 0 then
  int64_t count, n;
  int precision;
  int bypass;  // bits of a digit, 0 without bypass coding

  JANS_HD uint32_t Total() const { return 1u << precision; }
  JANS_HD bool Has(int32_t index) const { return static_cast<uint32_t>(index) < static_cast<uint64_t>(count); }
  // Whether nothing is coded with this index.
  JANS_HD bool LeavesOut(int32_t index) const { return bypass > 0 && index == -1; }
  JANS_HD int64_t Offset(int32_t index) const { return kOffsets ? offset[index] : 0; }

  // The code of a place in a row that there is, or none.
  JANS_HD TansCode At(int64_t place, int32_t index) const {
    if (place < 0 || place >= n) return {kNoTansCode, kBadSymbol};
    return codes[index * n + place];
  }
  // The code of a symbol that needs no escape, or none.
  JANS_HD TansCode Find(int64_t symbol, int32_t index) const {
    return Has(index) ? At(symbol - Offset(index), index) : TansCode{kNoTansCode, kBadModel};
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
  // The symbol of a state that stands for one of 32 bits and a number, as most do.
  JANS_HD int32_t Symbol(uint32_t state, int32_t index) const {
    return static_cast<int32_t>((state & 0xFFFF) + Offset(index));
  }
  JANS_HD bool IsPlain(uint32_t state, int32_t index) const {
    return Number(state) != 0 && (!kOffsets || (state & 0xFFFF) + Offset(index) <= INT32_MAX);
  }
  // How many bits follow a number in [1, 2 L), and the head that it makes with them.
  JANS_HD int Missing(uint32_t number) const { return precision + 1 - BitLength(number); }
  JANS_HD uint32_t Head(uint32_t number, int missing, uint32_t bits) const { return number << missing | bits; }
};

// The Status of a symbol without states; of those that a damaged table names, the two that fit.
JANS_HD int32_t WhyNoCode(TansCode code) { return static_cast<int32_t>(code.place & (kBadSymbol | kBadModel)); }

// PushTans for any symbol, also for those that are escaped or left out.
template <bool kOffsets>
JANS_SELDOM void PushTansApart(const TansTables<kOffsets>& tables, uint32_t& x, int64_t symbol, int32_t index,
                               BitWriter& out) {
  if (tables.LeavesOut(index)) return;
  TansCode code = tables.Find(symbol, index);
  if (code.bits >= kNoTansCode && tables.bypass > 0 && tables.Has(index)) {
    const int64_t escape = tables.escape[index];
    const int64_t number = BypassNumber(symbol - tables.Offset(index), escape);
    if (escape < 0 || escape >= tables.n) {
      code = {kNoTansCode, kBadModel};
    } else if (number != kInAlphabet) {
      code = tables.At(escape, index);
      if (code.bits >= kEscapeCode) {
        code.bits -= kEscapeCode;
        auto put = [&](uint32_t digit) { out.Append(digit, tables.bypass); };
        PushNumber(static_cast<uint64_t>(number), tables.bypass, put);
      }
    }
  }
  if (code.bits >= kNoTansCode) {
    out.tail.status |= WhyNoCode(code);
  } else {
    tables.Push(x, code, index, [&out](uint64_t bits, int length) { out.Append(bits, length); });
  }
}

template <bool kOffsets>
JANS_HD void PushTans(const TansTables<kOffsets>& tables, uint32_t& x, int64_t symbol, int32_t index, BitWriter& out) {
  const TansCode code = tables.Find(symbol, index);
  if (code.bits >= kNoTansCode) return PushTansApart(tables, x, symbol, index, out);
  tables.Push(x, code, index, [&out](uint64_t bits, int length) { out.Append(bits, length); });
}

// The bits below a number in [1, 2 L) go to the head x.
template <bool kOffsets>
JANS_HD void PopMissing(const TansTables<kOffsets>& tables, uint32_t& x, uint32_t number, BitReader<true>& in) {
  const int missing = tables.Missing(number);
  in.Refill();
  x = tables.Head(number, missing, static_cast<uint32_t>(in.Peek(missing)));
  in.Take(missing);
}

// PopTans for any state.
template <bool kOffsets>
JANS_SELDOM int32_t PopTansApart(const TansTables<kOffsets>& tables, uint32_t& x, int32_t index, BitReader<true>& in) {
  if (tables.LeavesOut(index)) return 0;
  const uint32_t state = tables.Look(x, index);
  const bool escaped = tables.Number(state) == 0 && tables.bypass > 0 && tables.Has(index);
  const uint32_t number = escaped ? state & (2 * tables.Total() - 1) : tables.Number(state);
  if (number == 0) {
    in.status |= escaped && tables.escape[index] >= 0 ? kBadData : kBadModel;
    return 0;
  }
  PopMissing(tables, x, number, in);
  int64_t place = state & 0xFFFF;
  bool good = true;
  if (escaped) {
    int64_t digits = 0;
    auto take = [&] {
      in.Refill();
      const uint64_t digit = in.Peek(tables.bypass);
      in.Take(tables.bypass);
      return static_cast<uint32_t>(digit);
    };
    good = PopNumber(tables.bypass, take, digits);
    place = BypassValue(digits, tables.escape[index]);
  }
  const int64_t symbol = place + tables.Offset(index);
  if (good && symbol == static_cast<int32_t>(symbol)) return static_cast<int32_t>(symbol);
  in.status |= kBadData;
  return 0;
}

template <bool kOffsets>
JANS_HD int32_t PopTans(const TansTables<kOffsets>& tables, uint32_t& x, int32_t index, BitReader<true>& in) {
  const uint32_t state = tables.Look(x, index), number = tables.Number(state);
  if (!tables.IsPlain(state, index)) return PopTansApart(tables, x, index, in);
  PopMissing(tables, x, number, in);
  return tables.Symbol(state, index);
}

}  // namespace jans

#endif  // JANS_CORE_CODERS_TANS_H_
