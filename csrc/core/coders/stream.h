// One stream.
#ifndef JANS_CORE_CODERS_STREAM_H_
#define JANS_CORE_CODERS_STREAM_H_

#include "../rans.h"

namespace jans {

// The state of one stream in the caller's buffers.
template <typename V>
struct Stream {
  using Variant = V;
  uint32_t* heads;
  int64_t lanes;
  Tail<typename V::Word> tail;

  JANS_HD bool floor() const { return HasFloor<V>(lanes); }
};

// States that no sequence of calls can produce, for example bytes that were made up. They are coded on, safely, and
// marked.
template <typename V>
JANS_HD void CheckState(Stream<V>& stream) {
  bool bad = stream.tail.size < 0;
  if (bad) stream.tail.size = 0;
  for (int64_t lane = 0; lane < stream.lanes; ++lane) {
    bad = bad || OutOfRange<V>(LoadHead<V>(stream.heads, lane), stream.floor() && stream.tail.size == 0);
  }
  if (bad) stream.tail.status |= kBadState;
}

}  // namespace jans

#endif  // JANS_CORE_CODERS_STREAM_H_
