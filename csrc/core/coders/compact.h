// Streams of words one behind the other.
#ifndef JANS_CORE_CODERS_COMPACT_H_
#define JANS_CORE_CODERS_COMPACT_H_

#include "../portable.h"

namespace jans {

// Rows of `capacity` words, of which stream b has those at places ends[b - 1], ..., ends[b] - 1. Behind the last
// stream, and where one is longer than its row, there are zeros. Ends that do not rise are searched as if they did.
template <typename Word>
struct Compacted {
  const Word* rows;
  const int32_t* ends;
  int64_t streams, capacity;

  JANS_HD Word operator[](int64_t place) const {
    int64_t b = 0;
    for (int64_t length = streams + 1; length > 1;) {
      const int64_t half = length / 2;
      b += ends[b + half - 1] <= place ? half : 0;
      length -= half;
    }
    if (b == streams) return 0;
    const int64_t i = place - Begin(b);
    return i < capacity ? rows[b * capacity + i] : Word{0};
  }
  JANS_HD int64_t Begin(int64_t b) const { return b == 0 ? 0 : ends[b - 1]; }
};

}  // namespace jans

#endif  // JANS_CORE_CODERS_COMPACT_H_
