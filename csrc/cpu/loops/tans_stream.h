// Loops of table ANS over one stream. Each has a careful form, good for any state, and a fast one for where bits lie in
// whole words and have room: three symbols at a time meet one window of the bits, since they move 45 of them at most.
// For an escape symbol and its digits, which are more, the fast form hands the bits to the careful one.
#ifndef JANS_CPU_LOOPS_TANS_STREAM_H_
#define JANS_CPU_LOOPS_TANS_STREAM_H_

#include <algorithm>
#include <cstring>

#include "../../core/coders/tans.h"

namespace jans {

// Words are strings of bits in memory, lowest first, where the lowest byte of a word is.
constexpr bool kBitsAreBytes = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
constexpr int kTansGroup = 3;
static_assert(kTansGroup * kMaxTansPrecision <= 57, "a window, of which 7 bits may be no use, must serve a group");

// Heads, row indices and symbols of one stream; symbol i belongs to head i % lanes.
template <typename Symbol, bool kOffsets>
struct TansStream {
  TansTables<kOffsets> tables;
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

// One by one: each stays in a register of its own then.
template <int kLanes>
inline void CopyHeads(const uint32_t* from, uint32_t* to) {
#pragma GCC unroll 32
  for (int k = 0; k < kLanes; ++k) to[k] = from[k];
}

// Pops turns from symbol i on while every window lies in the words, and returns the symbol after the last one that it
// popped: that of lane 0, or any where an escape symbol left too few bits for the rest of its turn.
template <int kLanes, typename Symbol, bool kOffsets>
int64_t PopTansTurns(const TansStream<Symbol, kOffsets>& stream, BitReader<true>& in, int64_t i) {
  constexpr int kTurn = kTansTurn<kLanes>;
  const TansStream<Symbol, kOffsets> call = stream;
  const unsigned char* bytes = reinterpret_cast<const unsigned char*>(in.words);
  uint64_t left = static_cast<uint64_t>(32 * in.at + in.count), window = 0;
  auto enough = [&] { return left >= 64 * kTansWindows<kLanes>; };
  auto look = [&] {
    std::memcpy(&window, bytes + (left - 1) / 8 - 7, 8);
    window <<= 7 - (left - 1) % 8;
  };
  auto close = [&] {
    in.at = static_cast<int64_t>(left / 32);
    const int rest = static_cast<int>(left % 32);
    in.Open(1u << rest | (rest == 0 ? 0 : in.words[in.at] & static_cast<uint32_t>(BitMask(rest))));
  };
  uint32_t heads[kLanes];
  CopyHeads<kLanes>(call.heads, heads);
  for (; i + kTurn <= call.n && enough(); i += kTurn) {
#pragma GCC unroll 32
    for (int j = 0; j < kTurn; ++j) {
      if (j % kTansGroup == 0) look();
      const uint32_t x = heads[j % kLanes];
      const int32_t index = call.Index(i + j);
      const uint32_t state = call.tables.Look(x, index), number = call.tables.Number(state);
      if (!call.tables.IsPlain(state, index)) {
        call.symbols[i + j] = 0;
        if (call.tables.LeavesOut(index)) continue;
        close();
        uint32_t head = x;  // the others stay in registers
        call.symbols[i + j] = static_cast<Symbol>(PopTansApart(stream.tables, head, index, in));
        heads[j % kLanes] = head;
        left = static_cast<uint64_t>(32 * in.at + in.count);
        if (!enough()) {
          CopyHeads<kLanes>(heads, call.heads);
          return i + j + 1;
        }
        look();
        continue;
      }
      call.symbols[i + j] = static_cast<Symbol>(call.tables.Symbol(state, index));
      const int missing = call.tables.Missing(number);
      heads[j % kLanes] = call.tables.Head(number, missing, static_cast<uint32_t>(window >> 1 >> (63 - missing)));
      window <<= missing;
      left -= static_cast<uint64_t>(missing);
    }
  }
  close();
  CopyHeads<kLanes>(heads, call.heads);
  return i;
}

// Pops all symbols of a stream.
template <int kLanes, typename Symbol, bool kOffsets>
void PopTansAll(const TansStream<Symbol, kOffsets>& stream, BitReader<true>& in) {
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
      const int64_t begin = i;
      i = PopTansTurns<kLanes>(stream, in, begin);
      lane = (i - begin) % kLanes;
    }
  }
  while (i < stream.n) pop();
}

// Pushes turns that end before symbol `left`, and returns the last symbol that it pushed: one of lane 0, or any where
// an escape symbol left too little room for the rest of its turn.
template <int kLanes, typename Symbol, bool kOffsets>
int64_t PushTansTurns(const TansStream<Symbol, kOffsets>& stream, BitWriter& out, int64_t left) {
  constexpr int kTurn = kTansTurn<kLanes>;
  const TansStream<Symbol, kOffsets> call = stream;
  unsigned char* const bytes = reinterpret_cast<unsigned char*>(out.tail.words);
  uint64_t held = out.held;
  int64_t at = 4 * out.tail.size, count = out.count;
  auto room = [&, end = 4 * out.tail.capacity] { return end - at >= 8 * (kTansWindows<kLanes> + 2); };
  auto flush = [&] {  // all but 7 bits or fewer; those are written as well, and later once more
    std::memcpy(bytes + at, &held, 8);
    at += count / 8;
    held >>= count / 8 * 8;
    count %= 8;
  };
  auto close = [&] {
    flush();
    out.tail.size = at / 4;
    out.held = 0;
    std::memcpy(&out.held, bytes + 4 * out.tail.size, static_cast<size_t>(at % 4));
    out.held |= held << 8 * (at % 4);
    out.count = static_cast<int>(8 * (at % 4) + count);
  };
  if (left < kTurn || !room()) return left;
  uint32_t heads[kLanes];
  CopyHeads<kLanes>(call.heads, heads);
  do {
    left -= kTurn;
#pragma GCC unroll 32
    for (int j = kTurn - 1; j >= 0; --j) {
      if ((kTurn - 1 - j) % kTansGroup == 0) flush();
      const int64_t symbol = static_cast<int64_t>(call.symbols[left + j]);
      const int32_t index = call.Index(left + j);
      const TansCode code = call.tables.Find(symbol, index);
      if (code.bits >= kNoTansCode) {
        if (call.tables.LeavesOut(index)) continue;
        close();
        uint32_t head = heads[j % kLanes];  // the others stay in registers
        PushTansApart(stream.tables, head, symbol, index, out);
        heads[j % kLanes] = head;
        held = out.held, at = 4 * out.tail.size, count = out.count;
        if (!room()) {
          CopyHeads<kLanes>(heads, call.heads);
          return left + j;
        }
        flush();
        continue;
      }
      call.tables.Push(heads[j % kLanes], code, index, [&](uint64_t bits, int length) {
        held |= bits << count;
        count += length;
      });
    }
  } while (left >= kTurn && room());
  close();
  CopyHeads<kLanes>(heads, call.heads);
  return left;
}

// Pushes all symbols of a stream, the last one first.
template <int kLanes, typename Symbol, bool kOffsets>
void PushTansAll(const TansStream<Symbol, kOffsets>& stream, BitWriter& out) {
  int64_t left = stream.n, lane = left % stream.lanes;
  auto push = [&] {
    lane = lane == 0 ? stream.lanes - 1 : lane - 1;
    --left;
    PushTans(stream.tables, stream.heads[lane], static_cast<int64_t>(stream.symbols[left]), stream.Index(left), out);
  };
  if constexpr (kLanes > 0 && kBitsAreBytes) {
    while (lane != 0) push();
    left = PushTansTurns<kLanes>(stream, out, left);
    lane = left % kLanes;
  }
  while (left > 0) push();
}

}  // namespace jans

#endif  // JANS_CPU_LOOPS_TANS_STREAM_H_
