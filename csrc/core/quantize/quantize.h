// Floats to integer cumulative frequencies: the one place where probabilities stop being floats.
#ifndef JANS_CORE_QUANTIZE_QUANTIZE_H_
#define JANS_CORE_QUANTIZE_QUANTIZE_H_

#include "../models/fixed.h"

namespace jans {

// Which symbols of a row there are: all where there is no mask.
JANS_HD bool Allowed(const uint8_t* mask, int64_t i) { return mask == nullptr || mask[i] != 0; }

// A row that holds no distribution is marked so that every coder refuses it.
JANS_HD void RefuseRow(int64_t n, uint32_t* cdf) {
  for (int64_t i = 0; i <= n; ++i) cdf[i] = 0xFFFFFFFFu;
}

// constriction's `fast` rule, in the dtype of the input: with S_i the sum of the first i probabilities, added left to
// right, m the number of symbols and scale = (2^precision - m) / S_n,
//   left(i) = min(floor(S_i * scale), 2^precision - m) + i,  left(n) = 2^precision.
// The minimum keeps every freq >= 1 where rounding would let the last interval vanish. Where S_n or scale leaves the
// range of the dtype, the probabilities are first multiplied by a power of two. Masked symbols add nothing, neither to
// S nor to i, and after the last that is not masked left is 2^precision.
template <typename Float>
struct ProbsRule {
  const Float* probs;
  const uint8_t* mask;
  uint64_t symbols = 0, mass;  // m, 2^precision - m
  Float top, factor = 1, scale = 0;
  bool valid = true;

  JANS_HD ProbsRule(const Float* row, const uint8_t* allowed, int64_t n, int precision) : probs(row), mask(allowed) {
    constexpr Float kBoost =
        sizeof(Float) == 4 ? Float(1.8446744073709552e19) : Float(3.402823669209385e38);  // 2^64, 2^128
    Float sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      if (!Allowed(mask, i)) continue;
      valid = valid && Flushed(probs[i]) >= 0 && IsFinite(probs[i]);
      sum += Share(i);
      ++symbols;
    }
    mass = (uint64_t{1} << precision) - symbols;
    top = static_cast<Float>(mass);
    scale = top / sum;
    if (!Fits(sum)) {
      factor = sum < 1 ? kBoost : 1 / kBoost;
      sum = 0;
      for (int64_t i = 0; i < n; ++i) sum += Share(i);
      scale = top / sum;
    }
    valid = valid && sum > 0;
  }

  // Whether sum and scale are in the range of the dtype.
  JANS_HD bool Fits(Float sum) const {
    return IsFinite(sum) && IsFinite(scale) && (mass == 0 || scale >= Smallest<Float>());
  }
  // What symbol i adds to the sum.
  JANS_HD Float Share(int64_t i) const { return Allowed(mask, i) ? Flushed(Flushed(probs[i]) * factor) : Float{0}; }
  // Where a symbol begins, from the sum and the number of those before it.
  JANS_HD uint64_t Left(Float before, uint64_t count) const {
    Float left = before * scale;
    uint64_t whole = left < top && count < symbols ? static_cast<uint64_t>(left) : mass;
    return (whole < mass ? whole : mass) + count;
  }
};

template <typename Float>
JANS_HD void QuantizeProbs(const Float* probs, const uint8_t* mask, int64_t n, int precision, uint32_t* cdf) {
  const ProbsRule<Float> rule(probs, mask, n, precision);
  if (!rule.valid) return RefuseRow(n, cdf);
  Float before = 0;
  uint64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    cdf[i] = static_cast<uint32_t>(rule.Left(before, count));
    before += rule.Share(i);
    count += Allowed(mask, i);
  }
  cdf[n] = static_cast<uint32_t>(rule.Left(before, count));
}

// Softmax of logits in integer arithmetic: with e_i = floor(2^30 exp(logit_i - max)), S_i the sum of the first i and m
// the number of symbols,
//   left(i) = floor(S'_i * (2^precision - m) / S'_n) + i,  S' = S shifted right until it fits 32 bits.
// Masked symbols add nothing, neither to S nor to i, and are not looked at.
JANS_HD void QuantizeLogits(const float* logits, const uint8_t* mask, int64_t n, int precision, uint32_t* cdf) {
  int64_t count = 0;
  float top = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (Allowed(mask, i) && (count++ == 0 || logits[i] > top)) top = logits[i];
  }
  bool valid = count > 0 && IsFinite(top);
  uint64_t sum = 0;
  for (int64_t i = 0; valid && i < n; ++i) {
    if (!Allowed(mask, i)) continue;
    valid = logits[i] <= top;
    sum += valid ? ExpFixed(logits[i] - top) : 0;
  }
  if (!valid) return RefuseRow(n, cdf);
  int shift = 0;
  while ((sum >> shift) >> 32 != 0) ++shift;
  uint64_t mass = (uint64_t{1} << precision) - count;
  uint64_t total = sum >> shift, before = 0;
  int64_t place = 0;
  for (int64_t i = 0; i < n; ++i) {
    cdf[i] = static_cast<uint32_t>((before >> shift) * mass / total + place);
    if (!Allowed(mask, i)) continue;
    before += ExpFixed(logits[i] - top);
    ++place;
  }
  cdf[n] = static_cast<uint32_t>(uint64_t{1} << precision);
}

}  // namespace jans

#endif  // JANS_CORE_QUANTIZE_QUANTIZE_H_
