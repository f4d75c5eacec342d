// Strings of bits in words of 32, the first bit lowest: what symbol codes write and read.
//
// A queue is written at its end and read from its start. A stack is written and read at its end, so that a code word
// goes on it last bit first. Bits that fill no word lie below the top 1 bit of `rest`, which is 1 where there are none.
#ifndef JANS_CORE_CODERS_BITS_H_
#define JANS_CORE_CODERS_BITS_H_

#include "../rans.h"

namespace jans {

JANS_HD uint64_t BitMask(int bits) { return (uint64_t{1} << bits) - 1; }

// The number of bits of x > 0.
JANS_HD int BitLength(uint32_t x) {
#if defined(__CUDA_ARCH__)
  return 32 - __clz(static_cast<int>(x));
#else
  return 32 - __builtin_clz(x);
#endif
}

// The low `bits` <= 32 bits of x, in the other order.
JANS_HD uint32_t ReverseBits(uint32_t x, int bits) {
  x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
  x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
  x = (x >> 4 & 0x0F0F0F0Fu) | (x & 0x0F0F0F0Fu) << 4;
  x = (x >> 8 & 0x00FF00FFu) | (x & 0x00FF00FFu) << 8;
  return static_cast<uint32_t>(uint64_t{x >> 16 | x << 16} >> (32 - bits));
}

// The end that is written. Invariant: held < 2^count, count < 32.
struct BitWriter {
  uint64_t held;
  int count;
  Tail<uint32_t> tail;

  JANS_HD void Open(uint32_t partial_word) {
    if (partial_word == 0) tail.status |= kBadState;
    count = partial_word == 0 ? 0 : BitLength(partial_word) - 1;
    held = partial_word & BitMask(count);
  }
  JANS_HD uint32_t Rest() const { return static_cast<uint32_t>(held | uint64_t{1} << count); }

  // Writes a code below 2^length, length <= 32, its lowest bit first.
  JANS_HD void Append(uint64_t code, int length) {
    held |= code << count;
    count += length;
    if (count >= 32) {
      tail.Write(static_cast<uint32_t>(held));
      held >>= 32;
      count -= 32;
    }
  }
};

// The end that is read. The next `count` bits are at the low end of `held` for a queue, the first one lowest, and at
// the high end for a stack, the first one highest; all other bits of it are zero. Words come from `at` on, up to `end`,
// or from below `at`; those beyond the capacity were dropped, and read as zeros.
template <bool kStack>
struct BitReader {
  uint64_t held;
  int count;
  const uint32_t* words;
  int64_t capacity, at, end;
  int32_t status;

  JANS_HD void Open(uint32_t partial_word) {
    if (partial_word == 0) status |= kBadState;
    count = partial_word == 0 ? 0 : BitLength(partial_word) - 1;
    held = partial_word & BitMask(count);
    if (kStack) held = held << (63 - count) << 1;
  }
  // Puts back the words of which no bit was taken, and says what is left of the last one.
  JANS_HD uint32_t Close() {
    for (; count >= 32; count -= 32) at += kStack ? 1 : -1;
    return 1u << count | static_cast<uint32_t>(Peek(count));
  }

  // Holds 32 bits or more afterwards, if there are as many.
  JANS_HD void Refill() {
    if (count > 32 || (kStack ? at <= 0 : at >= end)) return;
    if (kStack) --at;
    const uint64_t word = at < capacity ? words[at] : 0;
    held |= kStack ? word << (32 - count) : word << count;
    count += 32;
    if (!kStack) ++at;
  }
  // The next `bits` <= 32 bits, zeros where there are none.
  JANS_HD uint64_t Peek(int bits) const { return kStack ? held >> 1 >> (63 - bits) : held & BitMask(bits); }
  JANS_HD void Take(int bits) {
    if (bits > count) {
      status |= kUnderflow;
      bits = count;
    }
    held = kStack ? held << bits : held >> bits;
    count -= bits;
  }
  JANS_HD int Bit() {
    Refill();
    const int bit = static_cast<int>(Peek(1));
    Take(1);
    return bit;
  }
  // As another was, but for its status: what was read since then is not a code word.
  JANS_HD void Return(const BitReader& before) {
    held = before.held;
    count = before.count;
    at = before.at;
  }
};

}  // namespace jans

#endif  // JANS_CORE_CODERS_BITS_H_
