// Floats to integer cumulative frequencies: the one place where probabilities stop being floats.
#ifndef JANS_CORE_QUANTIZE_H_
#define JANS_CORE_QUANTIZE_H_

#include "fixed.h"

namespace jans {

// A row that holds no distribution is marked so that every coder refuses it.
JANS_HD void RefuseRow(int64_t n, uint32_t* cdf) {
  for (int64_t i = 0; i <= n; ++i) cdf[i] = 0xFFFFFFFFu;
}

// constriction's `fast` rule, in the dtype of the input: with S_i the sum of the first i probabilities, added left to
// right, and scale = (2^precision - n) / S_n,
//   left(i) = min(floor(S_i * scale), 2^precision - n) + i.
// The minimum keeps every freq >= 1 where rounding would let the last interval vanish. Where S_n or scale leaves the
// range of the dtype, the probabilities are first multiplied by a power of two.
template <typename Float>
JANS_HD void QuantizeProbs(const Float* probs, int64_t n, int precision, uint32_t* cdf) {
  constexpr Float kBoost =
      sizeof(Float) == 4 ? Float(1.8446744073709552e19) : Float(3.402823669209385e38);  // 2^64, 2^128
  uint64_t mass = (uint64_t{1} << precision) - n;
  Float top = static_cast<Float>(mass), factor = 1, sum = 0, scale = 0;
  auto scaled = [&](int64_t i) { return Flushed(Flushed(probs[i]) * factor); };
  bool valid = true;
  for (int64_t i = 0; i < n; ++i) {
    valid = valid && probs[i] >= 0 && IsFinite(probs[i]);
    sum += scaled(i);
  }
  scale = top / sum;
  if (!IsFinite(sum) || !IsFinite(scale) || (mass != 0 && scale < Smallest<Float>())) {
    factor = sum < 1 ? kBoost : 1 / kBoost;
    sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += scaled(i);
    scale = top / sum;
  }
  if (!valid || !(sum > 0)) return RefuseRow(n, cdf);
  Float before = 0;
  for (int64_t i = 0; i < n; ++i) {
    Float left = before * scale;
    uint64_t whole = left < top ? static_cast<uint64_t>(left) : mass;
    cdf[i] = static_cast<uint32_t>((whole < mass ? whole : mass) + i);
    before += scaled(i);
  }
  cdf[n] = static_cast<uint32_t>(uint64_t{1} << precision);
}

// Softmax of logits in integer arithmetic: with e_i = floor(2^30 exp(logit_i - max)) and S_i the sum of the first i,
//   left(i) = floor(S'_i * (2^precision - n) / S'_n) + i,  S' = S shifted right until it fits 32 bits.
JANS_HD void QuantizeLogits(const float* logits, int64_t n, int precision, uint32_t* cdf) {
  float top = Maximum(logits, n);
  bool valid = IsFinite(top);
  uint64_t sum = 0;
  for (int64_t i = 0; valid && i < n; ++i) {
    valid = logits[i] <= top;
    sum += valid ? ExpFixed(logits[i] - top) : 0;
  }
  if (!valid) return RefuseRow(n, cdf);
  int shift = 0;
  while ((sum >> shift) >> 32 != 0) ++shift;
  uint64_t mass = (uint64_t{1} << precision) - n;
  uint64_t total = sum >> shift, before = 0;
  for (int64_t i = 0; i < n; ++i) {
    cdf[i] = static_cast<uint32_t>((before >> shift) * mass / total + i);
    before += ExpFixed(logits[i] - top);
  }
  cdf[n] = static_cast<uint32_t>(uint64_t{1} << precision);
}

}  // namespace jans

#endif  // JANS_CORE_QUANTIZE_H_
