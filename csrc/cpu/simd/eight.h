// What loops over heads that stand side by side share whatever the registers: eight heads are a group.
#ifndef JANS_CPU_SIMD_EIGHT_H_
#define JANS_CPU_SIMD_EIGHT_H_

#include "../../core/models/guide.h"
#include "../../core/models/intervals.h"
#include "../loops/stream.h"
#include "../search/model_view.h"

namespace jans {

constexpr int kEight = 8;

constexpr int kMaxGroups = kMaxHeads / kEight;

// Symbols of other types, and of several streams, are laid out for the loops in chunks of about so many.
constexpr int64_t kChunk = 4096;

// Symbols of a turn of a stream with few lanes.
constexpr int kFewTurn = 2 * kEight;

// The coders that have such loops.
template <typename V>
constexpr bool kHasEight =
#if defined(__x86_64__) || defined(__aarch64__)
    std::is_same_v<V, Rans32_16> || std::is_same_v<V, Rans64> || std::is_same_v<V, Rans64Ryg>;
#else
    false;
#endif

// The precisions that steps are made for: quotients of heads of 64 bits are below 2^50.
template <typename V>
constexpr int kMinEight = std::is_same_v<V, Rans32_16> ? 10 : V::kTopBits - 50;
template <typename V>
constexpr int kMaxEight = std::is_same_v<V, Rans32_16> ? 15 : 24;

// Whether heads are below what steps allow; made-up states may have others.
template <typename V>
bool InRange(const Stream<V>& stream) {
  for (int64_t lane = 0; lane < stream.lanes; ++lane) {
    if ((LoadHead<V>(stream.heads, lane) >> (V::kTopBits - 1) >> 1) != 0) return false;
  }
  return true;
}

// Symbols that are places in their rows.
struct PlainSymbols {};

// Symbols that are values of places in rows with an escape symbol, which is left to others. Rows of index -1 are left
// out.
struct BypassSymbols {
  const uint32_t* ends;  // for every row the place of its escape symbol, and the value at place 0
};

// What turns are about: groups of eight symbols one after the other, and the index of each symbol's row, `step` apart
// for groups; 0 where all groups share eight of them.
template <typename Symbols>
struct Groups {
  Symbols symbols;
  const int32_t* index;
  int64_t step;
};

// For every set of lanes, a bit for each, where the numbers of a register go.
struct Picks {
  alignas(16) uint8_t at[256][kEight];
};

// Those of the lanes in a set next to each other, the highest lane first.
constexpr Picks MakeLeaving() {
  Picks table{};
  for (int set = 0; set < 256; ++set) {
    int at = 0;
    for (int lane = kEight - 1; lane >= 0; --lane) {
      if ((set >> lane & 1) != 0) table.at[set][at++] = static_cast<uint8_t>(lane);
    }
  }
  return table;
}

// To the lanes in a set the last ones, the lowest lane first.
constexpr Picks MakeComing() {
  Picks table{};
  for (int set = 0; set < 256; ++set) {
    int at = kEight;
    for (int lane = 0; lane < kEight; ++lane) {
      at -= set >> lane & 1;
      table.at[set][lane] = static_cast<uint8_t>(at % kEight);
    }
  }
  return table;
}

inline constexpr Picks kLeaving = MakeLeaving(), kComing = MakeComing();

}  // namespace jans

#endif  // JANS_CPU_SIMD_EIGHT_H_
