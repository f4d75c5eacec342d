// Distribution functions in fixed point: one float subtraction and one product, then integers only.
//
// A difference and a product of floats cannot be contracted into a fused operation, the scaling by a power of two is
// exact, and all that follows is integer arithmetic: every machine computes the same numbers.
// The tables are written by `python -m jans.reference.tables`, which is their definition.
#ifndef JANS_CORE_MODELS_FIXED_H_
#define JANS_CORE_MODELS_FIXED_H_

#include "../numbers.h"
#include "../tables.h"

namespace jans {

// Value of a falling table at position / 2^10, between its entries by a straight line. Monotone because each entry is.
JANS_HD uint32_t Interpolate(const uint32_t* table, uint32_t position) {
  uint32_t i = position >> 10, fraction = position & 1023;
  uint64_t drop = table[i] - table[i + 1];
  return table[i] - static_cast<uint32_t>(drop * fraction >> 10);
}

// F(-t) in units of 2^-31 at t = 0, 1/steps, ..., limit, of a symmetric distribution.
struct CdfTable {
  const uint32_t* values;
  float limit, steps;

  // F(z) in [0, 2^31].
  JANS_HD uint32_t Cdf(float z) const {
    float t = z < 0 ? -z : z;
    t = t < limit ? t : limit;
    uint32_t below = Interpolate(values, static_cast<uint32_t>(t * (steps * 1024.0f)));
    return z < 0 ? below : (uint32_t{1} << 31) - below;
  }
};

JANS_HD CdfTable NormalTable() { return {kNormalTable, kNormalLimit, kNormalSteps}; }
JANS_HD CdfTable LogisticTable() { return {kLogisticTable, kLogisticLimit, kLogisticSteps}; }

// exp(x) for x <= 0 in units of 2^-30; zero below -21.
JANS_HD uint32_t ExpFixed(float x) {
  x = x > -32.0f ? x : -32.0f;
  // -x in units of 2^-20, times log2(e) in units of 2^-30: the exponent of two in units of 2^-50.
  uint64_t power = static_cast<uint64_t>(static_cast<uint32_t>(x * -1048576.0f)) * kLog2E30;
  uint32_t whole = static_cast<uint32_t>(power >> 50);
  uint32_t position = static_cast<uint32_t>(power >> 32) & 0x3FFFF;  // fraction in units of 2^-18
  return whole > 31 ? 0 : Interpolate(kExp2Table, position) >> whole;
}

JANS_HD float Maximum(const float* values, int64_t n) {
  float top = values[0];
  for (int64_t i = 1; i < n; ++i) top = values[i] > top ? values[i] : top;
  return top;
}

// Softmax as integers >= 1 that sum to 2^bits. False when a logit is NaN or plus infinity, or all are minus infinity.
JANS_HD bool SoftmaxWeights(const float* logits, int n, int bits, uint32_t* weights) {
  float top = Maximum(logits, n);
  uint64_t sum = 0;
  bool valid = IsFinite(top);
  for (int j = 0; j < n; ++j) {
    valid = valid && logits[j] <= top;
    weights[j] = valid ? ExpFixed(logits[j] - top) : 0;
    sum += weights[j];
  }
  if (!valid) return false;
  uint64_t mass = (uint64_t{1} << bits) - n, before = 0, left = 0;
  for (int j = 0; j < n; ++j) {
    before += weights[j];
    uint64_t right = before * mass / sum + j + 1;
    weights[j] = static_cast<uint32_t>(right - left);
    left = right;
  }
  return true;
}

}  // namespace jans

#endif  // JANS_CORE_MODELS_FIXED_H_
