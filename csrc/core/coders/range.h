// The range coder: a queue. An interval of 64-bit numbers [lower, lower + range) narrows with every symbol:
//
//   encode:  scale = floor(range / 2^precision);   lower += scale start;   range = scale freq
//   decode:  the quantile is floor((point - lower) / scale), where `point` are the next 64 bits of the message
//
// Whenever range < 2^32, the upper word of `lower` is settled but for a carry, and leaves. While the interval wraps
// around 2^64, a carry may still come: the words are held back, the first of them in `first` and all after it ones,
// until it is clear. (Pasco 1976, Martin 1979; the words are those of constriction's `RangeEncoder`.)
//
// Invariant: range >= 2^32, so scale >= 1 for every precision up to 32.
#ifndef JANS_CORE_CODERS_RANGE_H_
#define JANS_CORE_CODERS_RANGE_H_

#include "../rans.h"

namespace jans {

constexpr uint64_t kMinRange = uint64_t{1} << 32;

struct RangeEncoder {
  uint64_t lower, range;
  uint32_t pending_first;
  int64_t pending_words;  // words held back
  Tail<uint32_t> tail;

  JANS_HD void Encode(Interval interval, int precision) {
    const uint64_t scale = range >> precision, next = lower + scale * interval.start;
    range = scale * interval.freq;
    if (pending_words > 0 && next + range > next) Settle(next < lower);
    lower = next;
    if (range >= kMinRange) return;
    const uint32_t word = static_cast<uint32_t>(lower >> 32);
    lower <<= 32;
    range <<= 32;
    if (pending_words > 0) {
      ++pending_words;
    } else if (lower + range > lower) {
      tail.Write(word);
    } else {
      pending_words = 1;
      pending_first = word;
    }
  }

  JANS_HD void Settle(bool carry) {
    tail.Write(pending_first + carry);
    const uint32_t word = carry ? 0 : ~uint32_t{0};
    const int64_t more = pending_words - 1, fits = more < tail.Room() ? more : tail.Room();
    for (int64_t i = 0; i < fits; ++i) tail.words[tail.size + i] = word;
    tail.size += more;
    pending_words = 0;
  }
};

struct RangeDecoder {
  uint64_t point, lower, range;
  const uint32_t* words;
  int64_t size;   // of the message; what follows it are zeros
  int64_t index;  // of the first word that `point` shows
  int32_t status;

  // `point` shows two words, and a message ends with the word that chooses a number of the last interval: the window
  // is one word beyond the end at most.
  JANS_HD uint32_t Read() {
    const int64_t at = index + 2;
    ++index;
    if (at > size) status |= kUnderflow;
    return at < size ? words[at] : 0;
  }
  // A quantile that does not exist is that of the last symbol.
  JANS_HD uint32_t Quantile(int precision) {
    const uint64_t quantile = (point - lower) / (range >> precision), high = (uint64_t{1} << precision) - 1;
    if (quantile <= high) return static_cast<uint32_t>(quantile);
    status |= kBadData;
    return static_cast<uint32_t>(high);
  }
  JANS_HD void Advance(Interval interval, int precision) {
    const uint64_t scale = range >> precision;
    lower += scale * interval.start;
    range = scale * interval.freq;
    if (range >= kMinRange) return;
    lower <<= 32;
    range <<= 32;
    point = point << 32 | Read();
  }
};

}  // namespace jans

#endif  // JANS_CORE_CODERS_RANGE_H_
