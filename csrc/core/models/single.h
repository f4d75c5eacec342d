// Distributions of one component in fixed point, by tables that may lie anywhere: the integers of a Mixture.
#ifndef JANS_CORE_MODELS_SINGLE_H_
#define JANS_CORE_MODELS_SINGLE_H_

#include "fixed_models.h"

namespace jans {

// Lines of about the inverse of F, between places 0, ..., kLines of it.
constexpr int kLines = 1024;
struct Line {
  float value, slope;
};

// About the t where F(-t) is f / 2^31.
JANS_HD float TailQuantile(const CdfTable& table, uint32_t f) {
  int at = 0;
  for (int length = static_cast<int>(table.limit * table.steps); length > 1;) {
    const int half = length / 2;
    at += table.values[at + half] >= f ? half : 0;
    length -= half;
  }
  const float drop = static_cast<float>(table.values[at] - table.values[at + 1]);
  const float part = (static_cast<float>(table.values[at]) - static_cast<float>(f)) / drop;
  return (static_cast<float>(at) + part) / table.steps;
}

// The inverse of F at a place of kLines; the outer two, where it is infinite, stand a quarter of a place inside.
JANS_HD float QuantileAt(const CdfTable& table, int place) {
  const bool low = place <= kLines / 2;
  const uint32_t tail = static_cast<uint32_t>(low ? place : kLines - place);
  const float t = TailQuantile(table, tail == 0 ? 1 << 19 : tail << 21);
  return low ? -t : t;
}

JANS_HD Line MakeLine(const CdfTable& table, int i) {
  const float value = QuantileAt(table, i);
  return {value, QuantileAt(table, i + 1) - value};
}

struct Single {
  static constexpr bool kGuesses = true;

  CdfTable table;
  const Line* lines;
  FloatRows logits, mean, scale;
  Support support;

  struct Parameters : Frame {
    float first_edge, mean, scale, inverse;
  };
  JANS_HD Parameters Load(int64_t i) const {
    const float m = *mean[i], s = *scale[i];
    Parameters f{NarrowFrame(support, i), 0, m, s, Flushed(1.0f / s)};
    f.first_edge = static_cast<float>(f.low) - 0.5f;
    f.valid = IsFinite(*logits[i]) && IsFinite(m) && IsNormalScale(s);
    return f;
  }
  JANS_HD uint64_t Scaled(const Parameters& f, int64_t k, uint64_t mass) const {
    const float edge = f.first_edge + static_cast<float>(k);
    return (uint64_t{table.Cdf((edge - f.mean) * f.inverse)} << 1) * mass >> 32;
  }
  // The symbols below, which a quantile counts beside its share of the mass, are taken for those below the mean.
  JANS_HD float Guess(const Parameters& f, uint32_t quantile, int precision) const {
    const float unit = static_cast<float>(kLines) / static_cast<float>(Total(precision) - f.n);
    const float below = Within(f.mean - f.first_edge, static_cast<float>(f.n));
    const float at = Within((static_cast<float>(quantile) - below) * unit, kLines - 0.001f);
    const int i = static_cast<int>(at);
    const float z = lines[i].value + lines[i].slope * (at - static_cast<float>(i));
    return f.mean + f.scale * z - f.first_edge;
  }

 private:
  // And zero, where it is no number.
  static JANS_HD float Within(float x, float most) { return x > 0 ? (x < most ? x : most) : 0; }
};

}  // namespace jans

#endif  // JANS_CORE_MODELS_SINGLE_H_
