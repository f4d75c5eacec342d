// The rANS step: an interval [start, start + freq) of [0, 2^precision) goes on a head, or comes off it.
//
//   push:  x' = floor(x / freq) * 2^precision + start + x mod freq
//   pop:   x  = freq * floor(x' / 2^precision) + (x' mod 2^precision) - start
//
// The head is kept inside [L, L * 2^w) by moving w-bit words to and from the tail, L = 2^lower_bits. A push first moves
// words out while x >= freq * 2^(lower_bits + w - precision): those and only those heads would leave the range. A pop
// moves words in while x < L, which undoes exactly that. (Duda 2013, arXiv:1311.2540; Giesen 2014, arXiv:1402.3392.)
#ifndef JANS_CORE_RANS_H_
#define JANS_CORE_RANS_H_

#include <type_traits>

#include "portable.h"

namespace jans {

// The sticky status of a coder; the sentences for the bits are in jans/status.py.
enum Status : int32_t {
  kOverflow = 1,
  kUnderflow = 2,
  kBadSymbol = 4,
  kBadModel = 8,
  kBadState = 16,
  kOutOfRemainders = 32,
  kBadData = 64,
};

// freq == 0 marks "no interval", and start then holds the Status bit that says why.
struct Interval {
  uint32_t start;
  uint32_t freq;
};

JANS_HD Interval NoInterval(Status why) { return {static_cast<uint32_t>(why), 0}; }

template <typename State_, typename Word_, int kLowerBits_>
struct Variant {
  using State = State_;
  using Word = Word_;
  static constexpr int kWordBits = 8 * sizeof(Word);
  static constexpr int kLowerBits = kLowerBits_;
  static constexpr int kTopBits = kLowerBits + kWordBits;  // heads stay below 2^kTopBits
  static constexpr State kLower = State{1} << kLowerBits;
};

using Rans64 = Variant<uint64_t, uint32_t, 32>;     // constriction's AnsCoder
using Rans64Ryg = Variant<uint64_t, uint32_t, 31>;  // ryg_rans rans64.h
using Rans32_16 = Variant<uint32_t, uint16_t, 15>;
using Rans32 = Variant<uint32_t, uint8_t, 23>;  // ryg_rans rans_byte.h

// The shared stack of words below the heads of one stream. Invariant: words[0 .. min(size, capacity)) are valid; a size
// beyond the capacity counts words that were dropped.
template <typename Word>
struct Tail {
  Word* words;
  int64_t capacity;
  int64_t size;
  int32_t status;

  // How many words can still be written, and how many be read.
  JANS_HD int64_t Room() const { return size < capacity ? capacity - size : 0; }
  JANS_HD int64_t Held() const { return size <= capacity ? size : 0; }

  JANS_HD void Write(Word word) {
    if (size < capacity) words[size] = word;
    ++size;
  }
  JANS_HD Word Read(Status empty = kUnderflow) {
    if (size == 0) {
      status |= empty;
      return 0;
    }
    --size;
    return size < capacity ? words[size] : Word{0};
  }
};

// A single rans64 head over an empty tail may fall below L: it is then simply the number that is left, zero when
// nothing is. That is constriction's coder, which starts at zero; with several heads one tail cannot tell whose words
// are missing.
template <typename V>
JANS_HD bool HasFloor(int64_t lanes) {
  return V::kLowerBits == 32 && lanes == 1;
}

// A head that no sequence of calls can produce; `empty` for a head that may be anything below L, see HasFloor.
template <typename V>
JANS_HD bool OutOfRange(typename V::State x, bool empty) {
  bool high = V::kTopBits < 8 * static_cast<int>(sizeof(x)) && (x >> (V::kTopBits - 1) >> 1) != 0;
  return high || (x < V::kLower && !empty);
}

// In the caller's buffers heads of 64 bits are two halves, low first.
template <typename V>
JANS_HD typename V::State LoadHead(const uint32_t* heads, int64_t lane) {
  if constexpr (sizeof(typename V::State) == 8) {
    return heads[2 * lane] | uint64_t{heads[2 * lane + 1]} << 32;
  } else {
    return heads[lane];
  }
}

template <typename V>
JANS_HD void StoreHead(uint32_t* heads, int64_t lane, typename V::State x) {
  if constexpr (sizeof(typename V::State) == 8) {
    heads[2 * lane] = static_cast<uint32_t>(x);
    heads[2 * lane + 1] = static_cast<uint32_t>(x >> 32);
  } else {
    heads[lane] = x;
  }
}

template <typename V>
JANS_HD uint32_t Quantile(typename V::State x, int precision) {
  return static_cast<uint32_t>(x & ((typename V::State{1} << precision) - 1));
}

template <typename V>
JANS_HD void Flush(typename V::State& x, Tail<typename V::Word>& tail, uint32_t freq, int precision) {
  while ((x >> (V::kTopBits - precision)) >= freq) {
    tail.Write(static_cast<typename V::Word>(x));
    x >>= V::kWordBits;
  }
}

// The push formula, for a head that has been flushed.
template <typename V>
JANS_HD typename V::State Step(typename V::State x, Interval interval, int precision) {
  return ((x / interval.freq) << precision) + x % interval.freq + interval.start;
}

// The pop formula; the head may be below L afterwards.
template <typename V>
JANS_HD typename V::State StepBack(typename V::State x, Interval interval, int precision) {
  return interval.freq * (x >> precision) + (Quantile<V>(x, precision) - interval.start);
}

// An item is an Interval or, below, an Entry.
template <typename V, typename Item>
JANS_HD void Push(typename V::State& x, Tail<typename V::Word>& tail, const Item& item, int precision) {
  if (item.freq == 0) {
    tail.status |= static_cast<int32_t>(item.start);
    return;
  }
  Flush<V>(x, tail, item.freq, precision);
  x = Step<V>(x, item, precision);
}

// One word suffices when words are as wide as the precision; the count is bounded so that no head can loop for ever.
template <typename V>
JANS_HD void Refill(typename V::State& x, Tail<typename V::Word>& tail, bool floor, int precision) {
  for (int bits = 0; bits < precision && x < V::kLower; bits += V::kWordBits) {
    if (floor && tail.size == 0) return;
    x = (x << V::kWordBits) | tail.Read();
  }
}

template <typename V>
JANS_HD void Advance(typename V::State& x, Tail<typename V::Word>& tail, Interval interval, bool floor, int precision) {
  if (interval.freq == 0) {
    tail.status |= static_cast<int32_t>(interval.start);
    return;
  }
  x = StepBack<V>(x, interval, precision);
  Refill<V>(x, tail, floor, precision);
}

// ---- Optimizations below: the same integers, without a division on the path from head to head. ----

// An interval with the reciprocal of its freq.
struct Entry {
  uint64_t reciprocal;
  uint32_t start;
  uint32_t freq;
};

template <typename V>
JANS_HD Entry MakeEntry(Interval interval, int precision) {
  if (interval.freq == 0) return {0, interval.start, 0};
  if constexpr (sizeof(typename V::State) == 8) {
    return {~uint64_t{0} / interval.freq, interval.start, interval.freq};
  } else {
    uint64_t scale = uint64_t{1} << (31 + precision);
    return {(scale + interval.freq - 1) / interval.freq, interval.start, interval.freq};
  }
}

// For 64-bit heads a division of doubles is quicker than an integer division: m = floor(c / freq) of the nearest double
// serves as well as that of MakeEntry, for precisions p from 13 to 31. Let r = 2^64 - m freq. The quotient is wrong by
// 2^-53 of itself, and what rounding down takes off is t < 1, so that 0 <= r <= 2^12 + t freq.
//   freq <= 2^(p-1): r < 2^12 + 2^(p-1) <= 2^p.
//   freq above that: the quotient is a multiple of 2^(12-p), thus t <= 1 - 2^(12-p), and
//     r <= 2^12 + freq - freq 2^(12-p) = freq + (2^p - freq) 2^(12-p) <= 2^p.
// Then x * r / (freq * 2^64) < 2^(64-p) * 2^p / 2^64 = 1, which is all that Step asks of m.
constexpr double kReciprocal = 0x1p64 - 0x1p11;

// The push step for a head that has been flushed, so that x < freq * 2^(kTopBits - precision).
//
// 32-bit heads: m = ceil(2^(31+p) / freq) = (2^(31+p) + e) / freq with 0 <= e < freq <= 2^p, so
//   x * m / 2^(31+p) = x / freq + x * e / (freq * 2^(31+p)), and x * e < 2^31 * 2^p makes the last term smaller than
//   1 / freq: the floor is exact. No overflow: x * m < freq * 2^(31-p) * (2^(31+p) / freq + 1) < 2^63.
// 64-bit heads: m = floor((2^64 - 1) / freq) = (2^64 - 1 - e) / freq with 0 <= e < freq, so
//   x * m / 2^64 = x / freq - x * (1 + e) / (freq * 2^64) > x / freq - 1: the floor is exact or one too small, and
//   then the remainder shows it.
template <typename V>
JANS_HD typename V::State Step(typename V::State x, const Entry& entry, int precision) {
  if constexpr (sizeof(typename V::State) == 8) {
    uint64_t complement = (uint64_t{1} << precision) - entry.freq;
    uint64_t quotient = MulHi(x, entry.reciprocal);
    uint64_t remainder = x - quotient * entry.freq;
    uint64_t y = x + entry.start + quotient * complement;
    return remainder >= entry.freq ? y + complement : y;
  } else {
    uint32_t quotient = static_cast<uint32_t>((x * entry.reciprocal) >> (31 + precision));
    return x + entry.start + quotient * ((uint32_t{1} << precision) - entry.freq);
  }
}

// An entry for a table, which has room for all that does not depend on the head: the greatest head that gives no word,
// and 2^precision - freq.
template <typename V>
struct TableEntry : Entry {
  typename V::State max_head;
  uint32_t complement;
};

template <typename V>
TableEntry<V> MakeTableEntry(Interval interval, int precision) {
  const uint64_t max_head = (uint64_t{interval.freq} << (V::kTopBits - precision)) - 1;
  const uint64_t complement = (uint64_t{1} << precision) - interval.freq;
  return {MakeEntry<V>(interval, precision), static_cast<typename V::State>(max_head),
          static_cast<uint32_t>(complement)};
}

template <typename V>
JANS_HD typename V::State Step(typename V::State x, const TableEntry<V>& entry, int precision) {
  if constexpr (sizeof(typename V::State) == 8) {
    const uint64_t quotient = MulHi(x, entry.reciprocal), remainder = x - quotient * entry.freq;
    const uint64_t y = x + entry.start + quotient * entry.complement;
    return remainder >= entry.freq ? y + entry.complement : y;
  } else {
    const uint32_t quotient = static_cast<uint32_t>((x * entry.reciprocal) >> (31 + precision));
    return x + entry.start + quotient * entry.complement;
  }
}

// An interval with a reciprocal that is exact for heads of 64 bits that have been flushed, and the greatest of these.
// For freqs below half of the quantiles: m = (2^(64+k) + e) / freq rounded up, 2^k <= freq < 2^(k+1) and e < freq, so
//   x m / 2^(64+k) = x / freq + x e / (freq 2^(64+k)), and x < freq 2^(64-p) with k + 2 <= p makes x e < 2^(64+k) and
//   the last term smaller than 1 / freq: the floor is exact.
// Powers of two have m = 2^63 and k less by one, but for 1: there x is raised by p bits, and the quotient is 0.
struct FlushedEntry {
  uint64_t reciprocal, max_head;
  uint32_t start, freq;
  uint8_t shift, raise;
};

template <typename V>
FlushedEntry MakeFlushedEntry(Interval interval, int precision) {
  static_assert(sizeof(typename V::State) == 8);
  const uint64_t freq = interval.freq;
  if (freq == 0) return {0, 0, interval.start, 0, 0, 0};
  const uint64_t max_head = (freq << (V::kTopBits - precision)) - 1;
  if (freq == 1) return {0, max_head, interval.start, 1, 0, static_cast<uint8_t>(precision)};
  uint8_t k = 31;
  while (freq >> k == 0) --k;
  const bool power = (freq & (freq - 1)) == 0;
  const uint64_t one = uint64_t{1} << (32 + k), high = one / freq, low = (one % freq << 32) / freq;
  const uint64_t m = power ? uint64_t{1} << 63 : (high << 32) + low + 1;
  return {m, max_head, interval.start, interval.freq, static_cast<uint8_t>(k - power), 0};
}

template <typename V>
JANS_HD uint64_t Step(uint64_t x, const FlushedEntry& entry, int precision) {
  const uint64_t complement = (uint64_t{1} << precision) - entry.freq;
  return (x << entry.raise) + entry.start + (MulHi(x, entry.reciprocal) >> entry.shift) * complement;
}

// Whether a head gives a word before this one is pushed.
template <typename V, typename Item>
JANS_HD bool IsFull(typename V::State x, const Item& item, int precision) {
  if constexpr (std::is_same_v<Item, FlushedEntry> || std::is_same_v<Item, TableEntry<V>>) {
    return x > item.max_head;
  } else {
    return (x >> (V::kTopBits - precision)) >= item.freq;
  }
}

}  // namespace jans

#endif  // JANS_CORE_RANS_H_
