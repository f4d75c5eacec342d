// A guide to a row of cumulative frequencies: for each of 2^bits equal buckets of quantiles the symbol at its start,
// with its interval. A quantile beyond that interval is searched for among the symbols that follow. With as many bits
// as the precision every quantile has an entry of its own (a "dense inverse CDF").
#ifndef JANS_CORE_GUIDE_H_
#define JANS_CORE_GUIDE_H_

#include "models.h"

namespace jans {

// An entry is symbol | start << 16 | freq << 40, as two halves of 32 bits, the low one first. A freq of zero sends
// every quantile of the bucket to a search of the whole row: rows that are no distribution, or have a single symbol.
constexpr int kMaxGuidePrecision = 24;
constexpr int64_t kMaxGuideSymbols = int64_t{1} << 16;
constexpr int kGuideStart = 16, kGuideFreq = 40;

JANS_HD uint64_t GuideEntry(int64_t symbol, uint32_t start, uint32_t freq) {
  return static_cast<uint64_t>(symbol) | uint64_t{start} << kGuideStart | uint64_t{freq} << kGuideFreq;
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
  bool good = row.Sealed();
  for (int64_t s = 0; s < row.n; ++s) good = good && row.cdf[s] <= row.cdf[s + 1];
  int64_t s = 0;
  for (int64_t b = 0; b < buckets; ++b) {
    uint64_t entry = 0;
    if (good) {
      const uint32_t quantile = static_cast<uint32_t>(b << shift);
      while (row.cdf[s + 1] <= quantile) ++s;
      const uint32_t freq = row.cdf[s + 1] - row.cdf[s];
      if (freq >> kMaxGuidePrecision == 0) entry = GuideEntry(s, row.cdf[s], freq);
    }
    halves[2 * b] = static_cast<uint32_t>(entry);
    halves[2 * b + 1] = static_cast<uint32_t>(entry >> 32);
  }
}

// Rows with their guides, one after the other; none where `guides` is null.
struct GuidedRows {
  Rows rows;
  const uint32_t* guides;
  int bits;

  JANS_HD bool Shared() const { return rows.Shared(); }
  JANS_HD Interval Find(int64_t i, int64_t symbol) const { return rows.Find(i, symbol); }
  JANS_HD Located Locate(int64_t i, uint32_t quantile) const {
    if (guides == nullptr) return rows.Locate(i, quantile);
    const int64_t row = rows.index[i * rows.index_stride];
    if (row < 0 || row >= rows.count) return {0, NoInterval(kBadModel)};
    const uint32_t* at = guides + 2 * ((row << bits) + (quantile >> (rows.precision - bits)));
    const uint64_t entry = at[0] | uint64_t{at[1]} << 32;
    const uint32_t start = static_cast<uint32_t>(entry >> kGuideStart) & 0xFFFFFF;
    const uint32_t freq = static_cast<uint32_t>(entry >> kGuideFreq);
    if (__builtin_expect(quantile - start >= freq, 0)) return Search(i, entry, quantile);
    if (freq == 0) __builtin_unreachable();
    return {static_cast<int32_t>(entry & 0xFFFF), {start, freq}};
  }

 private:
  __attribute__((noinline)) Located Search(int64_t i, uint64_t entry, uint32_t quantile) const {
    const Row row = rows.At(i);
    int64_t s = static_cast<int64_t>(entry & 0xFFFF) + 1;
    if (entry >> kGuideFreq == 0 || s >= row.n) return row.Locate(quantile);
    while (s < row.n - 1 && row.cdf[s + 1] <= quantile) ++s;
    return row.LocateAmong(s, int64_t{1}, quantile);
  }
};

}  // namespace jans

#endif  // JANS_CORE_GUIDE_H_
