// The intervals of probabilities without a table of them: the integers of QuantizeProbs, found by adding up the row.
#ifndef JANS_CORE_MODELS_LAZY_H_
#define JANS_CORE_MODELS_LAZY_H_

#include "../quantize/quantize.h"
#include "models.h"

namespace jans {

// A row of n probabilities for every symbol, or one for all.
template <typename Float>
struct LazyProbs {
  const Float* probs;
  int64_t stride;  // in symbols
  int64_t n;
  int precision;

  JANS_HD const Float* Row(int64_t i) const { return probs + i * stride * n; }

  JANS_HD Interval Find(int64_t i, int64_t symbol) const {
    if (symbol < 0 || symbol >= n) return NoInterval(kBadSymbol);
    const ProbsRule<Float> rule(Row(i), nullptr, n, precision);
    if (!rule.valid) return NoInterval(kBadModel);
    Float before = 0;
    for (int64_t j = 0; j < symbol; ++j) before += rule.Share(j);
    uint64_t start = rule.Left(before, symbol);
    uint64_t end = rule.Left(before + rule.Share(symbol), symbol + 1);
    return {static_cast<uint32_t>(start), static_cast<uint32_t>(end - start)};
  }
  JANS_HD Located Locate(int64_t i, uint32_t quantile) const {
    const ProbsRule<Float> rule(Row(i), nullptr, n, precision);
    if (!rule.valid) return {0, NoInterval(kBadModel)};
    int64_t symbol = 0;
    Float before = rule.Share(0);
    uint64_t start = 0, end = rule.Left(before, 1);
    while (end <= quantile) {  // ends at the last symbol, whose interval ends at 2^precision
      ++symbol;
      before += rule.Share(symbol);
      start = end;
      end = rule.Left(before, symbol + 1);
    }
    return {static_cast<int32_t>(symbol), {static_cast<uint32_t>(start), static_cast<uint32_t>(end - start)}};
  }
};

}  // namespace jans

#endif  // JANS_CORE_MODELS_LAZY_H_
