// Intervals that a caller made, an array of starts and one of freqs: they may be anything, and are checked here.
#ifndef JANS_CORE_MODELS_INTERVALS_H_
#define JANS_CORE_MODELS_INTERVALS_H_

#include "models.h"

namespace jans {

struct Intervals {
  const uint32_t* start;
  const uint32_t* freq;
  int precision;

  JANS_HD Intervals From(int64_t i) const { return {start + i, freq + i, precision}; }
  JANS_HD Interval Raw(int64_t i) const { return {start[i], freq[i]}; }

  JANS_HD Interval Check(Interval raw) const {
    if (raw.freq == 0) return NoInterval(raw.start == kBadSymbol ? kBadSymbol : kBadModel);
    return raw.start + uint64_t{raw.freq} > Total(precision) ? NoInterval(kBadModel) : raw;
  }
  JANS_HD void Fill(int64_t begin, int64_t count, uint32_t* starts, uint32_t* freqs) const {
    for (int64_t j = 0; j < count; ++j) {
      const Interval interval = Check(Raw(begin + j));
      starts[j] = interval.start;
      freqs[j] = interval.freq;
    }
  }
  // An interval that does not hold the quantile cannot be taken off.
  JANS_HD Located Locate(int64_t i, uint32_t quantile) const {
    Interval interval = Check(Raw(i));
    if (interval.freq != 0 && quantile - interval.start >= interval.freq) interval = NoInterval(kBadModel);
    return {0, interval};
  }
};

}  // namespace jans

#endif  // JANS_CORE_MODELS_INTERVALS_H_
