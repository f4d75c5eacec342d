// Loops of the range coder over one stream, careful ones and fast ones; see cpu/loops/stream.h.
#ifndef JANS_CORE_CODERS_RANGE_STREAM_H_
#define JANS_CORE_CODERS_RANGE_STREAM_H_

#include <algorithm>

#include "../models/models.h"
#include "range.h"

namespace jans {

// Encodes the intervals find(0), ..., find(n - 1).
template <typename Find>
JANS_FUNCTION void RangeEncodeAll(RangeEncoder& stream, const Find& find, int64_t n, int precision) {
  RangeEncoder coder = stream;
  for (int64_t i = 0; i < n;) {
    const int64_t steps = std::min(n - i, coder.pending_words > 0 ? 0 : coder.tail.Room());
    if (steps == 0) {
      const Interval interval = find(i++);
      if (interval.freq == 0) {
        coder.tail.status |= static_cast<int32_t>(interval.start);
      } else {
        coder.Encode(interval, precision);
      }
      continue;
    }
    // As long as no word is held back, one leaves without a jump, which could not be predicted.
    uint64_t lower = coder.lower, range = coder.range;
    uint32_t* words = coder.tail.words + coder.tail.size;
    int32_t refused = 0;
    for (const int64_t stop = i + steps; i < stop && coder.pending_words == 0;) {
      const Interval interval = find(i++);
      if (__builtin_expect(interval.freq == 0, 0)) {
        refused |= static_cast<int32_t>(interval.start);
        continue;
      }
      const uint64_t scale = range >> precision;
      lower += scale * interval.start;
      range = scale * interval.freq;
      const bool small = JANS_EVEN(range < kMinRange);
      const uint32_t word = static_cast<uint32_t>(lower >> 32);
      *words = word;
      lower = small ? lower << 32 : lower;
      range = small ? range << 32 : range;
      if (__builtin_expect(small && lower + range <= lower, 0)) {
        coder.pending_first = word;
        coder.pending_words = 1;
      } else {
        words += small;
      }
    }
    coder.lower = lower;
    coder.range = range;
    coder.tail.size = words - coder.tail.words;
    coder.tail.status |= refused;
  }
  stream = coder;
}

// Decodes n symbols; locate(i, quantile) finds the i-th.
template <typename Locate>
JANS_FUNCTION void RangeDecodeAll(RangeDecoder& stream, const Locate& locate, int32_t* symbols, int64_t n,
                                  int precision) {
  RangeDecoder coder = stream;
  for (int64_t i = 0; i < n;) {
    const int64_t steps = std::min(n - i, coder.size - coder.index - 2);
    if (steps <= 0) {
      const Located found = locate(i, coder.Quantile(precision));
      symbols[i++] = found.symbol;
      if (found.interval.freq == 0) {
        coder.status |= static_cast<int32_t>(found.interval.start);
      } else {
        coder.Advance(found.interval, precision);
      }
      continue;
    }
    const uint32_t* words = coder.words + coder.index + 2;
    int32_t refused = 0;
    for (const int64_t stop = i + steps; i < stop; ++i) {
      const Located found = locate(i, coder.Quantile(precision));
      symbols[i] = found.symbol;
      if (__builtin_expect(found.interval.freq == 0, 0)) {
        refused |= static_cast<int32_t>(found.interval.start);
        continue;
      }
      const uint64_t scale = coder.range >> precision;
      const uint64_t lower = coder.lower + scale * found.interval.start, range = scale * found.interval.freq;
      const uint64_t filled = coder.point << 32 | *words;
      const bool small = JANS_EVEN(range < kMinRange);
      words += small;
      coder.point = small ? filled : coder.point;
      coder.lower = small ? lower << 32 : lower;
      coder.range = small ? range << 32 : range;
    }
    coder.index = words - coder.words - 2;
    coder.status |= refused;
  }
  stream = coder;
}

}  // namespace jans

#endif  // JANS_CORE_CODERS_RANGE_STREAM_H_
