// Integer models: symbol to interval, quantile to symbol.
//
// Every model here answers Interval(i, symbol) and Locate(i, quantile) for the i-th symbol of an array. Parameters are
// read by stride, 0 where all symbols share them.
#ifndef JANS_CORE_MODELS_H_
#define JANS_CORE_MODELS_H_

#include "fixed.h"
#include "rans.h"

namespace jans {

struct Located {
  int32_t symbol;
  Interval interval;
};

JANS_HD uint64_t Total(int precision) { return uint64_t{1} << precision; }

// One row of cumulative frequencies: cdf[0] = 0 < ... <= cdf[n] = 2^precision (modulo 2^32). A row that was refused by
// its quantiser has cdf[0] != 0.
struct Row {
  const uint32_t* cdf;
  int64_t n;
  int precision;

  JANS_HD bool Sealed() const { return cdf[0] == 0 && cdf[n] == static_cast<uint32_t>(Total(precision)); }

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
  JANS_HD Row At(int64_t i) const { return {cdf + index[i * index_stride] * (n + 1), n, precision}; }
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
    uint64_t freq = symbol == n - 1 ? Total(precision) - start : width;
    // Only a lone symbol at 32 bits has freq 2^32, and there is nothing to code.
    if (freq > 0xFFFFFFFFu) return NoInterval(kBadModel);
    return {static_cast<uint32_t>(start), static_cast<uint32_t>(freq)};
  }
  JANS_HD Located Locate(int64_t i, uint32_t quantile) const {
    int64_t n = sizes[i * stride];
    if (n < 1 || static_cast<uint64_t>(n) > Total(precision)) return {0, NoInterval(kBadModel)};
    int64_t symbol = quantile / (Total(precision) / n);
    if (symbol >= n) symbol = n - 1;
    return {static_cast<int32_t>(symbol), Find(i, symbol)};
  }
};

// A distribution function on n + 1 edges, quantised with one count for every symbol:
//   left(k) = floor(F(edge k) * (2^precision - n)) + k,  left(0) = 0,  left(n) = 2^precision.
// F rises, so left rises strictly, and is searched by bisection. Cdf gives F as an integer in [0, 2^32]. Symbol low + k
// lies between the edges k and k + 1.
template <typename Cdf>
struct Leaky {
  Cdf cdf;
  int64_t n;
  int precision;
  int64_t low = 0;

  JANS_HD uint64_t Left(const typename Cdf::Parameters& p, int64_t k) const {
    if (k == 0) return 0;
    if (k == n) return Total(precision);
    return (cdf.At(p, k) * (Total(precision) - n) >> 32) + k;
  }
  JANS_HD Interval Find(int64_t i, int64_t symbol) const {
    symbol -= low;
    if (symbol < 0 || symbol >= n) return NoInterval(kBadSymbol);
    typename Cdf::Parameters p = cdf.Load(i);
    if (!p.valid) return NoInterval(kBadModel);
    uint64_t start = Left(p, symbol), end = Left(p, symbol + 1);
    if (end <= start) return NoInterval(kBadModel);  // edges that fall
    return {static_cast<uint32_t>(start), static_cast<uint32_t>(end - start)};
  }
  JANS_HD Located Locate(int64_t i, uint32_t quantile) const {
    typename Cdf::Parameters p = cdf.Load(i);
    if (!p.valid) return {0, NoInterval(kBadModel)};
    int64_t below = 0, above = n;
    uint64_t left = 0, right = Total(precision);
    while (above - below > 1) {
      int64_t middle = below + (above - below) / 2;
      uint64_t value = Left(p, middle);
      if (value <= quantile) {
        below = middle;
        left = value;
      } else {
        above = middle;
        right = value;
      }
    }
    return {static_cast<int32_t>(low + below), {static_cast<uint32_t>(left), static_cast<uint32_t>(right - left)}};
  }
};

// Gaussians on given edges (n + 1 of them; the outer two stand for minus and plus infinity and are not read).
struct GaussianCdf {
  const float* mean;
  const float* scale;
  int64_t stride;
  const float* edges;

  struct Parameters {
    float mean, inverse;
    bool valid;
  };
  JANS_HD Parameters Load(int64_t i) const {
    float m = mean[i * stride], s = scale[i * stride];
    return {Flushed(m), Flushed(1.0f / s), IsFinite(m) && IsNormalScale(s)};
  }
  JANS_HD uint64_t At(const Parameters& p, int64_t k) const {
    return uint64_t{NormalCdf(Flushed(Flushed(edges[k]) - p.mean) * p.inverse)} << 1;
  }
};

// Mixtures of logistics on the integers low, low + 1, ...: the edge below symbol k is low + k - 1/2.
struct LogisticMixtureCdf {
  static constexpr int kMaxComponents = 16;
  static constexpr int kWeightBits = 16;

  const float* logits;
  const float* mean;
  const float* scale;
  int64_t stride;  // in symbols
  int components;
  float first_edge;  // low - 1/2

  struct Parameters {
    uint32_t weight[kMaxComponents];
    float mean[kMaxComponents], inverse[kMaxComponents];
    bool valid;
  };
  JANS_HD Parameters Load(int64_t i) const {
    Parameters p;
    int64_t at = i * stride * components;
    p.valid = SoftmaxWeights(logits + at, components, kWeightBits, p.weight);
    for (int j = 0; j < components; ++j) {
      float s = scale[at + j];
      p.mean[j] = mean[at + j];
      p.inverse[j] = Flushed(1.0f / s);
      p.valid = p.valid && IsFinite(p.mean[j]) && IsNormalScale(s);
    }
    return p;
  }
  JANS_HD uint64_t At(const Parameters& p, int64_t k) const {
    float edge = first_edge + static_cast<float>(k);
    uint64_t sum = 0;
    for (int j = 0; j < components; ++j) {
      sum += uint64_t{p.weight[j]} * LogisticCdf((edge - p.mean[j]) * p.inverse[j]);
    }
    return sum >> (kWeightBits - 1);
  }
};

}  // namespace jans

#endif  // JANS_CORE_MODELS_H_
