// Distributions in fixed point (fixed.h): float32 parameters, F in units of 2^-32.
#ifndef JANS_CORE_MODELS_FIXED_MODELS_H_
#define JANS_CORE_MODELS_FIXED_MODELS_H_

#include "fixed.h"
#include "leaky.h"

namespace jans {

struct NormalComponent {
  static JANS_HD CdfTable Table() { return NormalTable(); }
};
struct LogisticComponent {
  static JANS_HD CdfTable Table() { return LogisticTable(); }
};

// A Gaussian on given edges (n + 1 of them; the outer two stand for minus and plus infinity and are not read).
struct BinnedGaussian {
  static constexpr bool kGuesses = false;

  const float* mean;
  const float* scale;
  int64_t stride;
  const float* edges;
  int64_t n;

  struct Parameters : Frame {
    float mean, inverse;
  };
  JANS_HD Parameters Load(int64_t i) const {
    const float m = mean[i * stride], s = scale[i * stride];
    return {{0, n, IsFinite(m) && IsNormalScale(s)}, Flushed(m), Flushed(1.0f / s)};
  }
  JANS_HD uint64_t Scaled(const Parameters& f, int64_t k, uint64_t mass) const {
    return (uint64_t{NormalTable().Cdf(Flushed(Flushed(edges[k]) - f.mean) * f.inverse)} << 1) * mass >> 32;
  }
};

// Rows of parameters, one for each symbol or one for all, `step` apart.
struct FloatRows {
  const float* data;
  int64_t step;

  JANS_HD const float* operator[](int64_t i) const { return data + i * step; }
};

// What a support says of symbol i, where edges between symbols have to be exact: those of one beyond +-kMaxEdge are
// not.
constexpr int64_t kMaxEdge = int64_t{1} << 22;
JANS_HD Frame NarrowFrame(const Support& support, int64_t i) {
  const int64_t low = support.Low(i), n = support.Size(i);
  return {low, low < -kMaxEdge || low + n - 1 > kMaxEdge ? 0 : n, true};
}

constexpr int kMaxComponents = 16;

struct MixtureParameters : Frame {
  uint32_t weight[kMaxComponents];
  float mean[kMaxComponents], inverse[kMaxComponents];
};

// The components of every symbol.
struct MixtureRows {
  static constexpr int kWeightBits = 16;

  FloatRows logits, mean, scale;
  int components;

  JANS_HD MixtureParameters LoadRows(int64_t i, const Frame& frame) const {
    MixtureParameters f;
    static_cast<Frame&>(f) = frame;
    f.valid = SoftmaxWeights(logits[i], components, kWeightBits, f.weight);
    for (int j = 0; j < components; ++j) {
      const float s = scale[i][j];
      f.mean[j] = mean[i][j];
      f.inverse[j] = Flushed(1.0f / s);
      f.valid = f.valid && IsFinite(f.mean[j]) && IsNormalScale(s);
    }
    return f;
  }
  // The mean of cdf(j), F of component j in units of 2^-31, times a mass.
  template <typename Cdf>
  JANS_HD uint64_t ScaledSum(const MixtureParameters& f, uint64_t mass, const Cdf& cdf) const {
    uint64_t sum = 0;
    for (int j = 0; j < components; ++j) sum += uint64_t{f.weight[j]} * cdf(j);
    return (sum >> (kWeightBits - 1)) * mass >> 32;
  }
};

// Mixtures of a component on integers.
template <typename Component>
struct Mixture : MixtureRows {
  static constexpr bool kGuesses = false;

  Support support;

  struct Parameters : MixtureParameters {
    float first_edge;  // low - 1/2
  };
  JANS_HD Parameters Load(int64_t i) const {
    const Frame frame = NarrowFrame(support, i);
    return {LoadRows(i, frame), static_cast<float>(frame.low) - 0.5f};
  }
  JANS_HD uint64_t Scaled(const Parameters& f, int64_t k, uint64_t mass) const {
    const float edge = f.first_edge + static_cast<float>(k);
    return ScaledSum(f, mass, [&](int j) { return Component::Table().Cdf((edge - f.mean[j]) * f.inverse[j]); });
  }
};

}  // namespace jans

#endif  // JANS_CORE_MODELS_FIXED_MODELS_H_
