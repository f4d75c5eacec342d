// Loops of table ANS over one stream. Each has a careful form, good for any state, and a fast one for where bits lie in
// whole words and have room: three symbols at a time meet one window of the bits, since they move 45 of them at most.
#ifndef JANS_CPU_TANS_STREAM_H_
#define JANS_CPU_TANS_STREAM_H_

#include <algorithm>
#include <cstring>

#include "../core/tans.h"

namespace jans {

// Words are strings of bits in memory, lowest first, where the lowest byte of a word is.
constexpr bool kBitsAreBytes = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
constexpr int kTansGroup = 3;
static_assert(kTansGroup * kMaxTansPrecision <= 57, "a window, of which 7 bits may be no use, must serve a group");

// Heads, row indices and symbols of one stream; symbol i belongs to head i % lanes.
template <typename Symbol>
struct TansStream {
  TansTables tables;
  uint32_t* heads;
  int64_t lanes;
  const int32_t* index;
  int64_t stride;  // 0 where one index serves all symbols
  Symbol* symbols;
  int64_t n;

  int32_t Index(int64_t i) const { return index[i * stride]; }
};

// Symbols of a turn of the fast loops, which begins with lane 0, and how many windows it takes. There is a fast loop
// for every positive number of lanes that is asked for here; 0 stands for all others.
template <int kLanes>
constexpr int kTansTurn = kLanes == 1   ? 3
                          : kLanes == 2 ? 6
                                        : kLanes;
template <int kLanes>
constexpr int kTansWindows = (kTansTurn<kLanes> + kTansGroup - 1) / kTansGroup;

// Pops turns from symbol i on while every window lies in the words, and returns the symbol after them. `at` counts the
// bits that are left.
template <int kLanes, typename Symbol>
int64_t PopTansTurns(const TansStream<Symbol>& stream, const uint32_t* words, uint64_t& at, int32_t& status,
                     int64_t i) {
  constexpr int kTurn = kTansTurn<kLanes>;
  const TansStream<Symbol> call = stream;
  const unsigned char* bytes = reinterpret_cast<const unsigned char*>(words);
  uint64_t left = at;
  int32_t why = 0;
  uint32_t heads[kLanes];
  std::copy(call.heads, call.heads + kLanes, heads);
  for (; i + kTurn <= call.n && left >= 64 * kTansWindows<kLanes>; i += kTurn) {
    uint64_t window = 0;
#pragma GCC unroll 32
    for (int j = 0; j < kTurn; ++j) {
      if (j % kTansGroup == 0) {
        std::memcpy(&window, bytes + (left - 1) / 8 - 7, 8);
        window <<= 7 - (left - 1) % 8;
      }
      uint32_t& x = heads[j % kLanes];
      const uint32_t state = call.tables.Look(x, call.Index(i + j)), number = call.tables.Number(state);
      if (number == 0) {
        why = kBadModel;
        call.symbols[i + j] = 0;
        continue;
      }
      call.symbols[i + j] = static_cast<Symbol>(state & 0xFFFF);
      const int missing = call.tables.Missing(number);
      x = call.tables.Head(number, missing, static_cast<uint32_t>(window >> 1 >> (63 - missing)));
      window <<= missing;
      left -= static_cast<uint64_t>(missing);
    }
  }
  std::copy(heads, heads + kLanes, call.heads);
  at = left;
  status |= why;
  return i;
}

// Pops all symbols of a stream.
template <int kLanes, typename Symbol>
void PopTansAll(const TansStream<Symbol>& stream, BitReader<true>& in) {
  int64_t i = 0, lane = 0;
  auto pop = [&] {
    stream.symbols[i] = static_cast<Symbol>(PopTans(stream.tables, stream.heads[lane], stream.Index(i), in));
    ++i;
    if (++lane == stream.lanes) lane = 0;
  };
  if constexpr (kLanes > 0 && kBitsAreBytes) {
    const int64_t words = in.at;
    if (words <= in.capacity) {
      // Until the bits that fill no word are gone, and it is the turn of lane 0.
      while (i < stream.n && (lane != 0 || 32 * in.at + in.count > 32 * words)) pop();
      if (i == stream.n) return;
      uint64_t at = static_cast<uint64_t>(32 * in.at + in.count);
      i = PopTansTurns<kLanes>(stream, in.words, at, in.status, i);
      in.at = static_cast<int64_t>(at / 32);
      const int rest = static_cast<int>(at % 32);
      in.Open(1u << rest | (rest == 0 ? 0 : in.words[in.at] & static_cast<uint32_t>(BitMask(rest))));
    }
  }
  while (i < stream.n) pop();
}

// Pushes turns that end before symbol `left`, and returns the symbol that they begin with.
template <int kLanes, typename Symbol>
int64_t PushTansTurns(const TansStream<Symbol>& stream, BitWriter& out, int64_t left) {
  constexpr int kTurn = kTansTurn<kLanes>;
  const TansStream<Symbol> call = stream;
  unsigned char* const bytes = reinterpret_cast<unsigned char*>(out.tail.words);
  uint64_t held = out.held;
  int64_t at = 4 * out.tail.size, count = out.count;
  int32_t why = 0;
  auto fits = [&, end = 4 * out.tail.capacity] { return left >= kTurn && end - at >= 8 * (kTansWindows<kLanes> + 1); };
  auto flush = [&] {  // all but 7 bits or fewer; those are written as well, and later once more
    std::memcpy(bytes + at, &held, 8);
    at += count / 8;
    held >>= count / 8 * 8;
    count %= 8;
  };
  if (!fits()) return left;
  uint32_t heads[kLanes];
  std::copy(call.heads, call.heads + kLanes, heads);
  do {
    left -= kTurn;
#pragma GCC unroll 32
    for (int j = kTurn - 1; j >= 0; --j) {
      if ((kTurn - 1 - j) % kTansGroup == 0) flush();
      const int32_t index = call.Index(left + j);
      const TansCode code = call.tables.Find(static_cast<int64_t>(call.symbols[left + j]), index);
      if (code.bits >= kNoTansCode) {
        why |= WhyNoCode(code);
        continue;
      }
      call.tables.Push(heads[j % kLanes], code, index, [&](uint64_t bits, int length) {
        held |= bits << count;
        count += length;
      });
    }
  } while (fits());
  flush();
  std::copy(heads, heads + kLanes, call.heads);
  out.tail.status |= why;
  out.tail.size = at / 4;
  out.held = 0;
  std::memcpy(&out.held, bytes + 4 * out.tail.size, static_cast<size_t>(at % 4));
  out.held |= held << 8 * (at % 4);
  out.count = static_cast<int>(8 * (at % 4) + count);
  return left;
}

// Pushes all symbols of a stream, the last one first.
template <int kLanes, typename Symbol>
void PushTansAll(const TansStream<Symbol>& stream, BitWriter& out) {
  int64_t left = stream.n, lane = left % stream.lanes;
  auto push = [&] {
    lane = lane == 0 ? stream.lanes - 1 : lane - 1;
    --left;
    PushTans(stream.tables, stream.heads[lane], static_cast<int64_t>(stream.symbols[left]), stream.Index(left), out);
  };
  if constexpr (kLanes > 0 && kBitsAreBytes) {
    while (lane != 0) push();
    left = PushTansTurns<kLanes>(stream, out, left);
  }
  while (left > 0) push();
}

}  // namespace jans

#endif  // JANS_CPU_TANS_STREAM_H_
