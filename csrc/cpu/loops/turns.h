// Turns of a loop, most of them by a fast form, and by a slow one where that stops.
#ifndef JANS_CPU_LOOPS_TURNS_H_
#define JANS_CPU_LOOPS_TURNS_H_

#include <algorithm>
#include <cstdint>

namespace jans {

// Turns that are coded one by one after one that could not be: more where that comes again and again.
constexpr int64_t kMaxBehind = 16;

// Does turns, the last first: fast(turns) does some and says how many are left, slow(begin, end) those where it stops.
template <typename Fast, typename Slow>
void TurnsBackward(int64_t turns, const Fast& fast, const Slow& slow) {
  for (int64_t behind = 1; turns > 0;) {
    const int64_t left = fast(turns);
    behind = left < turns ? 1 : std::min(2 * behind, kMaxBehind);
    turns = std::max<int64_t>(0, left - behind);
    if (left > 0) slow(turns, left);
  }
}

// Does turns, the first first: fast(begin) does some and says how many.
template <typename Fast, typename Slow>
void TurnsForward(int64_t turns, const Fast& fast, const Slow& slow) {
  for (int64_t behind = 1, done = 0; done < turns;) {
    const int64_t some = fast(done);
    done += some;
    behind = some > 0 ? 1 : std::min(2 * behind, kMaxBehind);
    const int64_t next = std::min(turns, done + behind);
    if (done < next) slow(done, next);
    done = next;
  }
}

}  // namespace jans

#endif  // JANS_CPU_LOOPS_TURNS_H_
