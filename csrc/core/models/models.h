// Integer models: symbol to interval, quantile to symbol.
//
// Every model here answers Interval(i, symbol) and Locate(i, quantile) for the i-th symbol of an array. Parameters are
// read by stride, 0 where all symbols share them.
#ifndef JANS_CORE_MODELS_MODELS_H_
#define JANS_CORE_MODELS_MODELS_H_

#include "../rans.h"

namespace jans {

struct Located {
  int32_t symbol;
  Interval interval;
};

JANS_HD uint64_t Total(int precision) { return uint64_t{1} << precision; }

// From start to end; none where that is empty, or all of 32 bits: then a lone symbol has nothing to code.
JANS_HD Interval MakeInterval(uint64_t start, uint64_t end) {
  if (end <= start || end - start > 0xFFFFFFFFu) return NoInterval(kBadModel);
  return {static_cast<uint32_t>(start), static_cast<uint32_t>(end - start)};
}

JANS_HD Located LocatedAt(int64_t symbol, Interval interval) {
  return {interval.freq == 0 ? 0 : static_cast<int32_t>(symbol), interval};
}

// One row of cumulative frequencies: cdf[0] = 0 < ... <= cdf[n] = 2^precision (modulo 2^32). A row that was refused by
// its quantiser has cdf[0] != 0.
struct Row {
  const uint32_t* cdf;
  int64_t n;
  int precision;

  JANS_HD bool Sealed() const { return cdf[0] == 0 && cdf[n] == static_cast<uint32_t>(Total(precision)); }
  // Whether it is a distribution, for precisions below 32.
  JANS_HD bool Rises() const {
    bool rises = Sealed();
    for (int64_t s = 0; s < n; ++s) rises = rises && cdf[s] <= cdf[s + 1];
    return rises;
  }

  JANS_HD Interval At(int64_t symbol) const {
    uint32_t start = cdf[symbol];
    uint32_t freq = cdf[symbol + 1] - start;
    if (!Sealed() || start + uint64_t{freq} > Total(precision)) return NoInterval(kBadModel);
    if (freq == 0) return NoInterval(kBadSymbol);
    return {start, freq};
  }
  JANS_HD Interval Find(int64_t symbol) const {
    return symbol < 0 || symbol >= n ? NoInterval(kBadSymbol) : At(symbol);
  }
  JANS_HD Located Locate(uint32_t quantile) const { return LocateAmong(int64_t{0}, n, quantile); }

  // As Locate where the symbol is known to be one of low, ..., low + length - 1.
  template <typename Int>
  JANS_HD Located LocateAmong(Int low, Int length, uint32_t quantile) const {
    while (length > 1) {
      Int half = length / 2;
      low += cdf[low + half] <= quantile ? half : 0;
      length -= half;
    }
    Interval interval = At(low);
    if (interval.freq == 0 || quantile - interval.start >= interval.freq) return {0, NoInterval(kBadModel)};
    return {static_cast<int32_t>(low), interval};
  }
};

// Rows of cumulative frequencies and, for every symbol, the index of its row.
struct Rows {
  const uint32_t* cdf;
  int64_t count;  // rows
  int64_t n;      // symbols in a row
  const int32_t* index;
  int64_t index_stride;
  int precision;

  JANS_HD bool Shared() const { return index_stride == 0; }
  JANS_HD bool Valid(int64_t i) const {
    int64_t row = index[i * index_stride];
    return row >= 0 && row < count;
  }
  JANS_HD Row Of(int64_t row) const { return {cdf + row * (n + 1), n, precision}; }
  JANS_HD Row At(int64_t i) const { return Of(index[i * index_stride]); }
  JANS_HD Interval Find(int64_t i, int64_t symbol) const {
    return Valid(i) ? At(i).Find(symbol) : NoInterval(kBadModel);
  }
  JANS_HD Located Locate(int64_t i, uint32_t quantile) const {
    return Valid(i) ? At(i).Locate(quantile) : Located{0, NoInterval(kBadModel)};
  }
};

// n equal intervals; the last one takes what the division leaves.
struct Uniform {
  const int32_t* sizes;
  int64_t stride;
  int precision;

  JANS_HD Interval Find(int64_t i, int64_t symbol) const {
    int64_t n = sizes[i * stride];
    if (n < 1 || static_cast<uint64_t>(n) > Total(precision)) return NoInterval(kBadModel);
    if (symbol < 0 || symbol >= n) return NoInterval(kBadSymbol);
    uint64_t width = Total(precision) / n;
    uint64_t start = width * symbol;
    return MakeInterval(start, symbol == n - 1 ? Total(precision) : start + width);
  }
  JANS_HD Located Locate(int64_t i, uint32_t quantile) const {
    int64_t n = sizes[i * stride];
    if (n < 1 || static_cast<uint64_t>(n) > Total(precision)) return {0, NoInterval(kBadModel)};
    int64_t symbol = quantile / (Total(precision) / n);
    if (symbol >= n) symbol = n - 1;
    return LocatedAt(symbol, Find(i, symbol));
  }
};

}  // namespace jans

#endif  // JANS_CORE_MODELS_MODELS_H_
