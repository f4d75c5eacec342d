// One row of at most 256 symbols for all symbols of a stream, in AVX-512: heads of 32 bits, sixteen to a register, 32
// or 64 to a stream. Frequencies stay in registers, and for a pop every quantile has a slot. See eight_loops.inc for
// the others.
#ifndef JANS_CPU_LOOPS_ONE_ROW_H_
#define JANS_CPU_LOOPS_ONE_ROW_H_

#include "../simd/eight.h"
#include "../simd/wide.h"
#include "turns.h"

#if defined(__x86_64__)

#include <immintrin.h>

namespace jans {
namespace avx512 {

constexpr int kSixteen = 16;

using Sixteen = uint32_t __attribute__((vector_size(64)));
using SixteenSigned = int32_t __attribute__((vector_size(64)));
using SixteenFloats = float __attribute__((vector_size(64)));

JANS_WIDEST_INLINE __m512i ToIntrinsic(Sixteen x) { return reinterpret_cast<__m512i>(x); }
JANS_WIDEST_INLINE Sixteen Of(__m512i x) { return reinterpret_cast<Sixteen>(x); }

// ---- symbols and words ----
//
// Registers have their lanes in reverse, so that words leave and come in the order of the stream. (The forms with masks
// of all lanes, as compilers warn about what the others leave undefined.)

JANS_WIDEST_INLINE Sixteen Reverse(Sixteen x) {
  const Sixteen order = {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
  return Of(_mm512_maskz_permutexvar_epi32(0xFFFF, ToIntrinsic(order), ToIntrinsic(x)));
}
JANS_WIDEST_INLINE Sixteen LoadWords(const uint16_t* p) {
  return Of(_mm512_maskz_cvtepu16_epi32(0xFFFF, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
}
JANS_WIDEST_INLINE void StoreWords(uint16_t* p, __m512i x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_maskz_cvtepi32_epi16(0xFFFF, x));
}

JANS_WIDEST_INLINE __m512i Joined(__m256i low, __m256i high) {
  return _mm512_maskz_inserti64x4(0xFF, _mm512_maskz_broadcast_i64x4(0xFF, low), high, 1);
}
JANS_WIDEST_INLINE __m256i LowWords(const int32_t* p) {
  return _mm512_maskz_cvtusepi32_epi16(0xFFFF, _mm512_loadu_si512(p));
}
// Of 32 symbols the numbers of 16 bits, those that have no place in them as 2^16 - 1.
JANS_WIDEST_INLINE __m512i LoadSymbols(const int32_t* p) { return Joined(LowWords(p), LowWords(p + kSixteen)); }
JANS_WIDEST_INLINE __m512i LoadSymbols(const uint16_t* p) { return _mm512_loadu_si512(p); }
JANS_WIDEST_INLINE __m512i LoadSymbols(const uint8_t* p) {
  return _mm512_maskz_cvtepu8_epi16(~__mmask32{0}, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
// Sixteen symbols, of which the low bytes count, in reverse.
JANS_WIDEST_INLINE void StoreSymbols(int32_t* p, Sixteen x) { _mm512_storeu_si512(p, ToIntrinsic(Reverse(x & 0xFF))); }
JANS_WIDEST_INLINE void StoreSymbols(uint16_t* p, Sixteen x) { StoreWords(p, ToIntrinsic(Reverse(x & 0xFF))); }
JANS_WIDEST_INLINE void StoreSymbols(uint8_t* p, Sixteen x) {
  const __m128i order = _mm_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m128i bytes = _mm512_maskz_cvtepi32_epi8(0xFFFF, ToIntrinsic(x));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_shuffle_epi8(bytes, order));
}

// Numbers of 32 bits at places that are kScale bytes apart.
template <int kScale>
JANS_WIDEST_INLINE Sixteen Gather(const void* base, Sixteen places) {
  return Of(_mm512_mask_i32gather_epi32(_mm512_setzero_si512(), 0xFFFF, ToIntrinsic(places), base, kScale));
}

// The low halves of two registers in one, and the numbers of 16 bits of a half.
JANS_WIDEST_INLINE __m512i Both(Sixteen low, Sixteen high) {
  const __m256i a = _mm512_maskz_cvtepi32_epi16(0xFFFF, ToIntrinsic(low)),
                b = _mm512_maskz_cvtepi32_epi16(0xFFFF, ToIntrinsic(high));
  return Joined(a, b);
}
template <int kHalf>
JANS_WIDEST_INLINE Sixteen Half(__m512i numbers) {
  return Of(_mm512_maskz_cvtepu16_epi32(0xFFFF, _mm512_maskz_extracti64x4_epi64(0xF, numbers, kHalf)));
}

// ---- push ----

constexpr int64_t kMaxInRegisters = 256;

// 256 numbers of 16 bits in eight registers.
struct NumberTable {
  alignas(64) std::array<uint16_t, kMaxInRegisters> numbers{};

  struct Registers {
    __m512i part[8];

    // Those of 32 symbols below 256, which have their bits 6 and 7 in the masks.
    JANS_WIDEST_INLINE __m512i At(__m512i symbols, __mmask32 bit6, __mmask32 bit7) const {
      const __m512i a = Among(0, symbols, bit6), b = Among(4, symbols, bit6);
      return _mm512_mask_mov_epi16(a, bit7, b);
    }
    JANS_WIDEST_INLINE __m512i Among(int first, __m512i symbols, __mmask32 bit6) const {
      const __m512i a = _mm512_permutex2var_epi16(part[first], symbols, part[first + 1]);
      const __m512i b = _mm512_permutex2var_epi16(part[first + 2], symbols, part[first + 3]);
      return _mm512_mask_mov_epi16(a, bit6, b);
    }
  };
  JANS_WIDEST_INLINE Registers Load() const {
    Registers registers;
    for (int k = 0; k < 8; ++k) registers.part[k] = _mm512_load_si512(numbers.data() + 32 * k);
    return registers;
  }
};

// The row of a push: starts and freqs of its symbols, freqs of 0 where there are none.
struct RowInRegisters {
  NumberTable start, freq;

  // False where a row is none for this.
  bool Build(const Row& row) {
    if (row.n > kMaxInRegisters || row.precision > kMaxEight<Rans32_16> || !row.Rises()) return false;
    for (int64_t s = 0; s < row.n; ++s) {
      start.numbers[s] = static_cast<uint16_t>(row.cdf[s]);
      freq.numbers[s] = static_cast<uint16_t>(row.cdf[s + 1] - row.cdf[s]);
    }
    return true;
  }
};

JANS_WIDEST_INLINE SixteenFloats Float(Sixteen x) {
  return __builtin_convertvector(reinterpret_cast<SixteenSigned>(x), SixteenFloats);
}

// The push formula; see Heads8<Rans32_16> for why that is exact.
JANS_WIDEST_INLINE Sixteen PushStep(Sixteen x, Sixteen start, Sixteen freq, int precision) {
  Sixteen quotient = reinterpret_cast<Sixteen>(__builtin_convertvector(Float(x) / Float(freq), SixteenSigned));
  Sixteen remainder = x - quotient * freq;
  const Sixteen one = Sixteen{} + 1;
  const __mmask16 low = _mm512_movepi32_mask(ToIntrinsic(remainder));
  quotient = Of(_mm512_mask_sub_epi32(ToIntrinsic(quotient), low, ToIntrinsic(quotient), ToIntrinsic(one)));
  remainder = Of(_mm512_mask_add_epi32(ToIntrinsic(remainder), low, ToIntrinsic(remainder), ToIntrinsic(freq)));
  const __mmask16 high = _mm512_cmpge_epu32_mask(ToIntrinsic(remainder), ToIntrinsic(freq));
  quotient = Of(_mm512_mask_add_epi32(ToIntrinsic(quotient), high, ToIntrinsic(quotient), ToIntrinsic(one)));
  remainder = Of(_mm512_mask_sub_epi32(ToIntrinsic(remainder), high, ToIntrinsic(remainder), ToIntrinsic(freq)));
  return (quotient << precision) + remainder + start;
}

// Pushes turns of 16 kRegisters symbols, the last first, and gives how many are left: none, or those up to one that has
// a symbol without an interval or no room for its words.
template <int kRegisters, typename Symbol>
JANS_WIDEST int64_t PushRow(Stream<Rans32_16>& stream, const RowInRegisters& row, const Symbol* symbols, int64_t turns,
                            int precision) {
  constexpr int kLanes = kSixteen * kRegisters;
  const NumberTable::Registers starts = row.start.Load(), freqs = row.freq.Load();
  Sixteen heads[kRegisters];
  for (int k = 0; k < kRegisters; ++k) heads[k] = Reverse(Of(_mm512_loadu_si512(stream.heads + kSixteen * k)));
  uint16_t* const words = stream.tail.words;
  int64_t size = stream.tail.size;
  const __m512i order = _mm512_set_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                         22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
  for (; turns > 0 && size + kLanes <= stream.tail.capacity; --turns) {
    Sixteen start[kRegisters], freq[kRegisters];
    __mmask32 bad = 0;
#pragma GCC unroll 2
    for (int k = 0; k < kRegisters; k += 2) {
      const Symbol* some = symbols + (turns - 1) * kLanes + kSixteen * k;
      const __m512i symbol = _mm512_maskz_permutexvar_epi16(~__mmask32{0}, order, LoadSymbols(some));
      const __mmask32 bit6 = _mm512_test_epi16_mask(symbol, _mm512_set1_epi16(1 << 6));
      const __mmask32 bit7 = _mm512_test_epi16_mask(symbol, _mm512_set1_epi16(1 << 7));
      const __m512i start_both = starts.At(symbol, bit6, bit7), freq_both = freqs.At(symbol, bit6, bit7);
      bad |= _mm512_testn_epi16_mask(freq_both, freq_both);
      if constexpr (sizeof(Symbol) > 1) {
        bad |= _mm512_test_epi16_mask(symbol, _mm512_set1_epi16(static_cast<int16_t>(0xFF00)));
      }
      // Lanes in reverse: those of the second register come first.
      start[k] = Half<1>(start_both);
      start[k + 1] = Half<0>(start_both);
      freq[k] = Half<1>(freq_both);
      freq[k + 1] = Half<0>(freq_both);
    }
    if (__builtin_expect(bad != 0, 0)) break;
#pragma GCC unroll 4
    for (int k = kRegisters - 1; k >= 0; --k) {
      const Sixteen x = heads[k];
      const __mmask16 full =
          _mm512_cmpge_epu32_mask(ToIntrinsic(x >> (Rans32_16::kTopBits - precision)), ToIntrinsic(freq[k]));
      StoreWords(words + size, _mm512_maskz_compress_epi32(full, ToIntrinsic(x)));
      size += __builtin_popcount(full);
      const Sixteen flushed = Of(_mm512_mask_mov_epi32(ToIntrinsic(x), full, ToIntrinsic(x >> 16)));
      heads[k] = PushStep(flushed, start[k], freq[k], precision);
    }
  }
  for (int k = 0; k < kRegisters; ++k) _mm512_storeu_si512(stream.heads + kSixteen * k, ToIntrinsic(Reverse(heads[k])));
  stream.tail.size = size;
  return turns;
}

// ---- pop ----
//
// A table of quantiles finds two registers of them at a time: their symbols, what they are above their starts, and
// their freqs. One that waits long for them finds those of the next turn as soon as two heads are ready (kAhead).

using Two = Sixteen[2];
struct Found32 {
  Two symbol, remainder, freq;
};

// For every quantile its freq, its symbol, and what it is above its start: 12 bits, 8 and 12.
struct Slots {
  static constexpr int kMaxPrecision = 12;
  static constexpr bool kAhead = false;
  alignas(64) std::array<uint32_t, size_t{1} << kMaxPrecision> slots;

  // False where a row is none for this. A freq of 2^12 has no place.
  bool Build(const Row& row) {
    if (row.n > kMaxInRegisters || row.precision > kMaxPrecision || !row.Rises()) return false;
    for (int64_t s = 0; s < row.n; ++s) {
      const uint32_t start = row.cdf[s], end = row.cdf[s + 1];
      if ((end - start) >> kMaxPrecision != 0) return false;
      uint32_t slot = (end - start) << 20 | static_cast<uint32_t>(s) << 12;
      for (uint32_t q = start; q < end; ++q) slots[q] = slot++;
    }
    return true;
  }

  struct Registers {
    const uint32_t* slots;

    JANS_WIDEST_INLINE Found32 Find(const Two& quantile) const {
      Found32 found;
      for (int k = 0; k < 2; ++k) {
        const Sixteen slot = Gather<4>(slots, quantile[k]);
        found.symbol[k] = slot >> 12;
        found.remainder[k] = slot & 0xFFF;
        found.freq[k] = slot >> 20;
      }
      return found;
    }
  };
  JANS_WIDEST_INLINE Registers Load() const { return {slots.data()}; }
};

// For every quantile its symbol; starts and freqs of symbols stay in registers.
struct SymbolBytes {
  static constexpr int kMaxPrecision = kMaxEight<Rans32_16>;
  static constexpr bool kAhead = true;
  // Four bytes are read at a time.
  alignas(64) std::array<uint8_t, (size_t{1} << kMaxPrecision) + 3> symbols;
  RowInRegisters row;

  bool Build(const Row& from) {
    if (!row.Build(from)) return false;
    for (int64_t s = 0; s < from.n; ++s) {
      std::memset(&symbols[from.cdf[s]], static_cast<int>(s), from.cdf[s + 1] - from.cdf[s]);
    }
    return true;
  }

  struct Registers {
    const uint8_t* symbols;
    NumberTable::Registers starts, freqs;

    JANS_WIDEST_INLINE Found32 Find(const Two& quantile) const {
      Found32 found;
      for (int k = 0; k < 2; ++k) found.symbol[k] = Gather<1>(symbols, quantile[k]) & 0xFF;
      const __m512i both = Both(found.symbol[0], found.symbol[1]);
      const __mmask32 bit6 = _mm512_test_epi16_mask(both, _mm512_set1_epi16(1 << 6));
      const __mmask32 bit7 = _mm512_test_epi16_mask(both, _mm512_set1_epi16(1 << 7));
      const __m512i start = starts.At(both, bit6, bit7), freq = freqs.At(both, bit6, bit7);
      found.remainder[0] = quantile[0] - Half<0>(start);
      found.remainder[1] = quantile[1] - Half<1>(start);
      found.freq[0] = Half<0>(freq);
      found.freq[1] = Half<1>(freq);
      return found;
    }
  };
  JANS_WIDEST_INLINE Registers Load() const { return {symbols.data(), row.start.Load(), row.freq.Load()}; }
};

// Heads with the last words in those that are low. (Words are zero elsewhere.)
JANS_WIDEST_INLINE Sixteen Refilled(Sixteen head, __mmask16 low, const uint16_t* words, int64_t& size) {
  size -= __builtin_popcount(low);
  const Sixteen word = Of(_mm512_maskz_expand_epi32(low, ToIntrinsic(LoadWords(words + size))));
  return Of(_mm512_mask_slli_epi32(ToIntrinsic(head), low, ToIntrinsic(head), 16)) | word;
}

// Pops turns and gives how many it did: all, or those before one that might want more words than there are, or would
// read beyond the room for them.
template <int kRegisters, typename Table, typename Symbol>
JANS_WIDEST int64_t PopRow(Stream<Rans32_16>& stream, const Table& table, Symbol* symbols, int64_t turns,
                           int precision) {
  constexpr int kLanes = kSixteen * kRegisters;
  const typename Table::Registers by = table.Load();
  Sixteen heads[kRegisters];
  for (int k = 0; k < kRegisters; ++k) heads[k] = Reverse(Of(_mm512_loadu_si512(stream.heads + kSixteen * k)));
  const uint16_t* const words = stream.tail.words;
  int64_t size = stream.tail.size, turn = 0;
  const uint32_t quantiles = (uint32_t{1} << precision) - 1;
  Found32 found[kRegisters / 2];
  if constexpr (Table::kAhead) {
#pragma GCC unroll 2
    for (int k = 0; k < kRegisters; k += 2) found[k / 2] = by.Find({heads[k] & quantiles, heads[k + 1] & quantiles});
  }
  for (; turn < turns && size >= kLanes && size + kSixteen <= stream.tail.capacity; ++turn) {
    __mmask16 low[kRegisters];
#pragma GCC unroll 2
    for (int k = 0; k < kRegisters; k += 2) {
      if constexpr (!Table::kAhead) found[k / 2] = by.Find({heads[k] & quantiles, heads[k + 1] & quantiles});
#pragma GCC unroll 2
      for (int j = 0; j < 2; ++j) {
        const Found32& two = found[k / 2];
        StoreSymbols(symbols + turn * kLanes + kSixteen * (k + j), two.symbol[j]);
        heads[k + j] = two.freq[j] * (heads[k + j] >> precision) + two.remainder[j];
        low[k + j] = _mm512_cmplt_epu32_mask(ToIntrinsic(heads[k + j]), ToIntrinsic(Sixteen{} + Rans32_16::kLower));
        if constexpr (Table::kAhead) heads[k + j] = Refilled(heads[k + j], low[k + j], words, size);
      }
      if constexpr (Table::kAhead) found[k / 2] = by.Find({heads[k] & quantiles, heads[k + 1] & quantiles});
    }
    if constexpr (!Table::kAhead) {
#pragma GCC unroll 4
      for (int k = 0; k < kRegisters; ++k) heads[k] = Refilled(heads[k], low[k], words, size);
    }
  }
  for (int k = 0; k < kRegisters; ++k) _mm512_storeu_si512(stream.heads + kSixteen * k, ToIntrinsic(Reverse(heads[k])));
  stream.tail.size = size;
  return turn;
}

}  // namespace avx512

// Pushes n symbols of one row, push(begin, end) those for which that is not possible. False, and nothing done, where
// the row does not serve.
inline bool PushOneRow(Stream<Rans32_16>& stream, const Row& row, const Symbols& symbols, int64_t n,
                       FunctionRef<void(int64_t, int64_t)> push) {
  avx512::RowInRegisters registers;
  if (!registers.Build(row)) return false;
  const int64_t turn = stream.lanes, end = n / turn * turn;
  if (end < n) push(end, n);
  symbols.WithType([&](const auto* in) {
    auto fast = [&](int64_t turns) {
      return turn == 32 ? avx512::PushRow<2>(stream, registers, in, turns, row.precision)
                        : avx512::PushRow<4>(stream, registers, in, turns, row.precision);
    };
    TurnsBackward(end / turn, fast, [&](int64_t first, int64_t last) { push(first * turn, last * turn); });
  });
  return true;
}

// As PushOneRow, with a table of the row's quantiles.
template <typename Table>
bool PopOneRow(Stream<Rans32_16>& stream, const Row& row, const SymbolsOut& symbols, int64_t n,
               FunctionRef<void(int64_t, int64_t)> pop) {
  Table table;
  if (!table.Build(row)) return false;
  const int64_t turn = stream.lanes, end = n / turn * turn;
  symbols.WithType([&](auto* out) {
    auto fast = [&](int64_t done) {
      auto* left = out + done * turn;
      return turn == 32 ? avx512::PopRow<2>(stream, table, left, end / turn - done, row.precision)
                        : avx512::PopRow<4>(stream, table, left, end / turn - done, row.precision);
    };
    TurnsForward(end / turn, fast, [&](int64_t first, int64_t last) { pop(first * turn, last * turn); });
  });
  if (end < n) pop(end, n);
  return true;
}

}  // namespace jans

#endif  // defined(__x86_64__)

#endif  // JANS_CPU_LOOPS_ONE_ROW_H_
