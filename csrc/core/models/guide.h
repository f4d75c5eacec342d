// A guide to a row of cumulative frequencies: for each of 2^bits equal buckets of quantiles the symbol at its start,
// with its interval, and for precisions of at most 16 bits the interval of the next symbol as well. A quantile beyond
// those is searched for among the symbols that follow. With as many bits as the precision every quantile has an entry
// of its own (a "dense inverse CDF").
#ifndef JANS_CORE_MODELS_GUIDE_H_
#define JANS_CORE_MODELS_GUIDE_H_

#include "models.h"

namespace jans {

constexpr int kMaxGuidePrecision = 24;
constexpr int64_t kMaxGuideSymbols = int64_t{1} << 16;

// An entry is 64 bits, stored as two halves of 32 bits, the low one first.
//
// Of precisions of at most 16 bits ("pairs"): start | last << 16 | next_last << 32 | symbol << 48, where `last` is the
// last quantile of the symbol, and `next_last` that of symbol + 1, or `last` where that has none. An entry that sends
// every quantile to a search of the whole row has a start above `last`.
//
// Of others: symbol | start << 16 | freq << 40; a freq of zero sends every quantile to a search.
//
// Rows that are no distribution are searched, and say so then.
constexpr int kMaxPairPrecision = 16;

JANS_HD uint64_t PairEntry(int64_t symbol, uint32_t start, uint32_t last, uint32_t next_last) {
  return start | uint64_t{last} << 16 | uint64_t{next_last} << 32 | static_cast<uint64_t>(symbol) << 48;
}
constexpr uint64_t kSearchPair = 1;  // start 1, last 0

JANS_HD uint64_t SingleEntry(int64_t symbol, uint32_t start, uint32_t freq) {
  return static_cast<uint64_t>(symbol) | uint64_t{start} << 16 | uint64_t{freq} << 40;
}

// The bits of a guide of that many halves, or of a smaller one where there is none of just that length.
JANS_HD int GuideBits(int64_t halves) {
  int bits = 0;
  while (bits < kMaxGuidePrecision && int64_t{4} << bits <= halves) ++bits;
  return bits;
}

// Fills the 2^bits entries of a row, as halves.
JANS_HD void MakeGuide(const Row& row, int bits, uint32_t* halves) {
  const int64_t buckets = int64_t{1} << bits;
  const int shift = row.precision - bits;
  const bool pairs = row.precision <= kMaxPairPrecision;
  const bool good = row.Rises();
  int64_t s = 0;
  for (int64_t b = 0; b < buckets; ++b) {
    uint64_t entry = pairs ? kSearchPair : 0;
    if (good) {
      const uint32_t quantile = static_cast<uint32_t>(b << shift);
      while (row.cdf[s + 1] <= quantile) ++s;
      const uint32_t start = row.cdf[s], end = row.cdf[s + 1];
      if (pairs) {
        entry = PairEntry(s, start, end - 1, (s + 1 < row.n ? row.cdf[s + 2] : end) - 1);
      } else if ((end - start) >> kMaxGuidePrecision == 0) {
        entry = SingleEntry(s, start, end - start);
      }
    }
    halves[2 * b] = static_cast<uint32_t>(entry);
    halves[2 * b + 1] = static_cast<uint32_t>(entry >> 32);
  }
}

// Rows with their guides, one after the other; none where `guides` is null. `sealed` says that all rows are known to
// be.
struct GuidedRows {
  Rows rows;
  const uint32_t* guides;
  int bits;
  bool sealed;

  JANS_HD Interval Find(int64_t i, int64_t symbol) const {
    const uint64_t row = rows.index[i * rows.index_stride], width = rows.n;
    if (__builtin_expect(!sealed || row >= static_cast<uint64_t>(rows.count), 0)) return rows.Find(i, symbol);
    if (__builtin_expect(static_cast<uint64_t>(symbol) >= width, 0)) return NoInterval(kBadSymbol);
    const uint32_t* at = rows.cdf + row * (width + 1) + symbol;
    const uint32_t start = at[0], freq = at[1] - start;
    if (__builtin_expect(freq == 0 || start + uint64_t{freq} > Total(rows.precision), 0)) return rows.Find(i, symbol);
    return {start, freq};
  }
  template <bool kPairs>
  JANS_HD Located LocateIn(int64_t row, uint32_t quantile) const {
    if (__builtin_expect(row < 0 || row >= rows.count, 0)) return {0, NoInterval(kBadModel)};
    const uint32_t* at = guides + 2 * ((row << bits) + (quantile >> (rows.precision - bits)));
    const uint32_t low = at[0], high = at[1];
    uint32_t symbol, start, freq;
    if constexpr (kPairs) {
      // Without jumps, which could not be predicted.
      const uint32_t last = low >> 16, second = quantile > last;
      symbol = (high >> 16) + second;
      start = second ? last + 1 : low & 0xFFFF;
      freq = (second ? high & 0xFFFF : last) - start + 1;
    } else {
      symbol = low & 0xFFFF;
      start = low >> 16 | (high & 0xFF) << 16;
      freq = high >> 8;
    }
    if (__builtin_expect(quantile - start >= freq, 0)) return Search(row, symbol, freq, quantile);
    if (freq == 0) __builtin_unreachable();
    return {static_cast<int32_t>(symbol), {start, freq}};
  }
  template <bool kPairs>
  JANS_HD Located LocateBy(int64_t i, uint32_t quantile) const {
    return LocateIn<kPairs>(rows.index[i * rows.index_stride], quantile);
  }
  JANS_HD Located Locate(int64_t i, uint32_t quantile) const {
    if (guides == nullptr) return rows.Locate(i, quantile);
    return pairs() ? LocateBy<true>(i, quantile) : LocateBy<false>(i, quantile);
  }
  JANS_HD bool pairs() const { return rows.precision <= kMaxPairPrecision; }

 private:
  // From a symbol that the quantile lies beyond, or in the whole row.
  JANS_SELDOM Located Search(int64_t index, int64_t symbol, uint32_t freq, uint32_t quantile) const {
    const Row row = rows.Of(index);
    if (freq == 0 || symbol >= row.n || row.cdf[symbol] > quantile) return row.Locate(quantile);
    while (symbol < row.n - 1 && row.cdf[symbol + 1] <= quantile) ++symbol;
    return row.LocateAmong(symbol, int64_t{1}, quantile);
  }
};

}  // namespace jans

#endif  // JANS_CORE_MODELS_GUIDE_H_
