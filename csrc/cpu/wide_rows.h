// 32 lanes of rans32_16 side by side, eight to a register, with the rows of tables: the fast form of the loops in
// stream.h. A block is 32 symbols, one for each lane. What a block cannot do in registers, it leaves as it was.
#ifndef JANS_CPU_WIDE_ROWS_H_
#define JANS_CPU_WIDE_ROWS_H_

#include "../core/guide.h"
#include "stream.h"
#include "wide.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace jans {
namespace avx2 {

constexpr int64_t kBlock = 32;
constexpr int kGroups = 4, kEight = 8;

// For every set of lanes the bytes that pshufb picks.
struct Shuffles {
  alignas(16) uint8_t bytes[256][16];
};

// The words of the lanes in a set, the highest lane first.
constexpr Shuffles MakeLeaving() {
  Shuffles table{};
  for (int set = 0; set < 256; ++set) {
    int at = 0;
    for (int lane = kEight - 1; lane >= 0; --lane) {
      if ((set >> lane & 1) == 0) continue;
      table.bytes[set][at++] = static_cast<uint8_t>(2 * lane);
      table.bytes[set][at++] = static_cast<uint8_t>(2 * lane + 1);
    }
  }
  return table;
}

// To the lanes in a set the words on top of the eight that lie below the end of a tail, the lowest lane first.
constexpr Shuffles MakeComing() {
  Shuffles table{};
  for (int set = 0; set < 256; ++set) {
    int word = kEight;
    for (int lane = 0; lane < kEight; ++lane) {
      const bool wanted = (set >> lane & 1) != 0;
      word -= wanted;
      table.bytes[set][2 * lane] = static_cast<uint8_t>(wanted ? 2 * word : 0x80);
      table.bytes[set][2 * lane + 1] = static_cast<uint8_t>(wanted ? 2 * word + 1 : 0x80);
    }
  }
  return table;
}

inline constexpr Shuffles kLeaving = MakeLeaving(), kComing = MakeComing();

JANS_WIDE_INLINE __m256i Load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
JANS_WIDE_INLINE unsigned SetOf(__m256i mask) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(mask)));
}
JANS_WIDE_INLINE __m256i Shuffled(const Shuffles& table, unsigned set, __m128i words) {
  const __m128i picks = _mm_load_si128(reinterpret_cast<const __m128i*>(table.bytes[set]));
  return _mm256_castsi128_si256(_mm_shuffle_epi8(words, picks));
}

JANS_WIDE_INLINE __m256i LoadSymbols(const int32_t* p) { return Load(p); }
JANS_WIDE_INLINE __m256i LoadSymbols(const uint16_t* p) {
  return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
JANS_WIDE_INLINE __m256i LoadSymbols(const uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
template <typename Symbol>
JANS_WIDE_INLINE void StoreSymbols(Symbol* p, __m256i symbols) {
  if constexpr (sizeof(Symbol) == 4) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), symbols);
  } else {
    alignas(32) int32_t all[kEight];
    _mm256_store_si256(reinterpret_cast<__m256i*>(all), symbols);
    for (int lane = 0; lane < kEight; ++lane) p[lane] = static_cast<Symbol>(all[lane]);
  }
}

// The two 32-bit numbers at each of eight places. (On the processors of today loads are quicker than a gather.)
JANS_WIDE_INLINE void LoadPairs(const uint32_t* base, __m256i places, __m256i& first, __m256i& second) {
  alignas(32) uint32_t at[kEight];
  _mm256_store_si256(reinterpret_cast<__m256i*>(at), places);
  __m128i two[4];
  for (int k = 0; k < 4; ++k) {
    const __m128i low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(base + at[2 * k]));
    const __m128i high = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(base + at[2 * k + 1]));
    two[k] = _mm_unpacklo_epi64(low, high);
  }
  const __m256 even = _mm256_castsi256_ps(_mm256_set_m128i(two[2], two[0]));
  const __m256 odd = _mm256_castsi256_ps(_mm256_set_m128i(two[3], two[1]));
  first = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0x88));
  second = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0xDD));
}

// Eight rows and whether all of them are rows.
JANS_WIDE_INLINE __m256i RowsOf(const Rows& rows, int64_t i) {
  return rows.index_stride == 0 ? _mm256_set1_epi32(rows.index[0]) : Load(rows.index + i);
}
// Lanes where a number is none of 0, ..., count - 1.
JANS_WIDE_INLINE __m256i Outside(__m256i numbers, int64_t count) {
  const __m256i last = _mm256_set1_epi32(static_cast<int32_t>(count - 1));
  return _mm256_or_si256(_mm256_cmpgt_epi32(numbers, last), _mm256_srai_epi32(numbers, 31));
}

// Whether a stream and a table may be coded side by side: places in the rows fit 31 bits, and heads their range.
inline bool Fits(const Stream<Rans32_16>& stream, const GuidedRows& table, int64_t width) {
  bool fits = HasWide() && stream.lanes == kBlock && table.rows.count * width < int64_t{1} << 30;
  for (int64_t lane = 0; fits && lane < kBlock; ++lane) {
    fits = stream.heads[lane] >> Rans32_16::kLowerBits != 0 && stream.heads[lane] >> Rans32_16::kTopBits == 0;
  }
  return fits;
}

constexpr int kLeastPrecision = 10;

// floor(x / freq) and the rest, for x < freq * 2^21 and x < 2^31. The quotient of floats is below 2^21 and wrong by
// little more than 2^-23 of itself, so that its floor is wrong by one at most, and the rest shows it.
JANS_WIDE_INLINE __m256i Divide(__m256i x, __m256i freq, __m256i& rest) {
  __m256i quotient = _mm256_cvttps_epi32(_mm256_div_ps(_mm256_cvtepi32_ps(x), _mm256_cvtepi32_ps(freq)));
  rest = _mm256_sub_epi32(x, _mm256_mullo_epi32(quotient, freq));
  const __m256i low = _mm256_srai_epi32(rest, 31);
  quotient = _mm256_add_epi32(quotient, low);
  rest = _mm256_add_epi32(rest, _mm256_and_si256(freq, low));
  const __m256i fine = _mm256_cmpgt_epi32(freq, rest);
  quotient = _mm256_add_epi32(_mm256_add_epi32(quotient, _mm256_set1_epi32(1)), fine);
  rest = _mm256_sub_epi32(rest, _mm256_andnot_si256(fine, freq));
  return quotient;
}

// Symbols that are places in their rows.
struct Places {
  JANS_WIDE_INLINE __m256i PlaceOf(const Rows& rows, __m256i, __m256i symbol, __m256i& bad) const {
    bad = _mm256_or_si256(bad, Outside(symbol, rows.n));
    return symbol;
  }
  JANS_WIDE_INLINE __m256i SymbolAt(__m256i, __m256i place, __m256i&) const { return place; }
};

// Values of places in rows with an escape symbol, which is left to others.
struct BypassPlaces {
  const int32_t *escape, *offset;

  JANS_WIDE_INLINE __m256i PlaceOf(const Rows& rows, __m256i row, __m256i symbol, __m256i& bad) const {
    const __m256i first = _mm256_i32gather_epi32(offset, row, 4), place = _mm256_sub_epi32(symbol, first);
    // A difference that has no place in 32 bits has another sign than the symbol, which has another than the offset.
    const __m256i wraps = _mm256_and_si256(_mm256_xor_si256(symbol, first), _mm256_xor_si256(symbol, place));
    const __m256i inside = _mm256_cmpgt_epi32(_mm256_i32gather_epi32(escape, row, 4), place);
    bad = _mm256_or_si256(bad, _mm256_or_si256(Outside(place, rows.n), _mm256_srai_epi32(wraps, 31)));
    bad = _mm256_or_si256(bad, _mm256_xor_si256(inside, _mm256_set1_epi32(-1)));
    return place;
  }
  JANS_WIDE_INLINE __m256i SymbolAt(__m256i row, __m256i place, __m256i& bad) const {
    const __m256i first = _mm256_i32gather_epi32(offset, row, 4), symbol = _mm256_add_epi32(place, first);
    const __m256i inside = _mm256_cmpgt_epi32(_mm256_i32gather_epi32(escape, row, 4), place);
    // A place is no negative number: the sum wraps where it is below the offset.
    bad = _mm256_or_si256(bad, _mm256_cmpgt_epi32(first, symbol));
    bad = _mm256_or_si256(bad, _mm256_xor_si256(inside, _mm256_set1_epi32(-1)));
    return symbol;
  }
};

// Pushes blocks of symbols that end at `end`, a multiple of 32, and gives where it stopped: at 0, at a block that has a
// symbol without an interval, or for lack of room. The rows are sealed, the precision is kLeastPrecision or more.
template <typename Values, typename Symbol>
JANS_WIDE int64_t PushBlocks(Stream<Rans32_16>& stream, const Rows& rows, const Values& values, const Symbol* symbols,
                             int64_t end, int precision) {
  Tail<uint16_t>& tail = stream.tail;
  const __m128i p = _mm_cvtsi32_si128(precision), full_bits = _mm_cvtsi32_si128(Rans32_16::kTopBits - precision);
  const __m256i width = _mm256_set1_epi32(static_cast<int32_t>(rows.n + 1));
  const __m256i total = _mm256_set1_epi32(1 << precision), low_word = _mm256_set1_epi32(0xFFFF);
  __m256i x[kGroups], start[kGroups], freq[kGroups];
  for (int g = 0; g < kGroups; ++g) x[g] = Load(stream.heads + kEight * g);
  int64_t words = tail.size;
  for (; end >= kBlock && words + kBlock <= tail.capacity; end -= kBlock) {
    __m256i bad = _mm256_setzero_si256();
    for (int g = 0; g < kGroups; ++g) {
      const int64_t i = end - kBlock + kEight * g;
      const __m256i index = RowsOf(rows, i);
      __m256i none = Outside(index, rows.count), after;
      const __m256i row = _mm256_andnot_si256(none, index);
      __m256i place = values.PlaceOf(rows, row, LoadSymbols(symbols + i), none);
      place = _mm256_add_epi32(_mm256_mullo_epi32(row, width), place);
      LoadPairs(rows.cdf, _mm256_andnot_si256(none, place), start[g], after);
      freq[g] = _mm256_sub_epi32(after, start[g]);
      // 0 <= start < after <= total; a start above 2^31 is negative.
      const __m256i fine = _mm256_andnot_si256(_mm256_cmpgt_epi32(after, total), _mm256_cmpgt_epi32(after, start[g]));
      bad = _mm256_or_si256(bad, _mm256_or_si256(none, _mm256_srai_epi32(start[g], 31)));
      bad = _mm256_or_si256(bad, _mm256_xor_si256(fine, _mm256_set1_epi32(-1)));
    }
    if (__builtin_expect(!_mm256_testz_si256(bad, bad), 0)) break;
    for (int g = kGroups - 1; g >= 0; --g) {
      const __m256i stays = _mm256_cmpgt_epi32(freq[g], _mm256_srl_epi32(x[g], full_bits));
      const unsigned leaving = ~SetOf(stays) & 0xFF;
      const __m256i low = _mm256_and_si256(x[g], low_word);
      const __m128i eight = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(tail.words + words),
                       _mm256_castsi256_si128(Shuffled(kLeaving, leaving, eight)));
      words += __builtin_popcount(leaving);
      x[g] = _mm256_blendv_epi8(_mm256_srli_epi32(x[g], 16), x[g], stays);
      __m256i rest;
      const __m256i quotient = Divide(x[g], freq[g], rest);
      x[g] = _mm256_add_epi32(_mm256_add_epi32(_mm256_sll_epi32(quotient, p), rest), start[g]);
    }
  }
  for (int g = 0; g < kGroups; ++g) _mm256_storeu_si256(reinterpret_cast<__m256i*>(stream.heads + kEight * g), x[g]);
  tail.size = words;
  return end;
}

// For the lanes in `miss`, which an entry of the guide does not know: the interval and the symbol by search. False
// where there is none.
JANS_SELDOM inline bool SearchLanes(const GuidedRows& table, int64_t i, unsigned miss, const uint32_t* quantile,
                                    int32_t* symbol, uint32_t* start, uint32_t* freq) {
  for (int lane = 0; lane < kEight; ++lane) {
    if ((miss >> lane & 1) == 0) continue;
    const Located found = table.LocateBy<true>(i + lane, quantile[lane]);
    if (found.interval.freq == 0) return false;
    symbol[lane] = found.symbol;
    start[lane] = found.interval.start;
    freq[lane] = found.interval.freq;
  }
  return true;
}

// Pops blocks of symbols from `i` on, a multiple of 32, and gives where it stopped: near n, at a block that has a
// quantile without a symbol, or where words may run out. The table has guides of pairs.
template <typename Values, typename Symbol>
JANS_WIDE int64_t PopBlocks(Stream<Rans32_16>& stream, const GuidedRows& table, const Values& values, Symbol* symbols,
                            int64_t i, int64_t n, int precision) {
  Tail<uint16_t>& tail = stream.tail;
  const Rows& rows = table.rows;
  const __m128i p = _mm_cvtsi32_si128(precision), shift = _mm_cvtsi32_si128(precision - table.bits);
  const __m128i bits = _mm_cvtsi32_si128(table.bits + 1);
  const __m256i mask = _mm256_set1_epi32((1 << precision) - 1), low_half = _mm256_set1_epi32(0xFFFF);
  const __m256i one = _mm256_set1_epi32(1), lower = _mm256_set1_epi32(Rans32_16::kLower);
  __m256i x[kGroups];
  for (int g = 0; g < kGroups; ++g) x[g] = Load(stream.heads + kEight * g);
  int64_t words = tail.size;
  for (; n - i >= kBlock && words >= kBlock && words <= tail.capacity; i += kBlock) {
    __m256i y[kGroups];
    bool good = true;
    int64_t left = words;
    for (int g = 0; g < kGroups; ++g) {
      const __m256i index = RowsOf(rows, i + kEight * g), none = Outside(index, rows.count);
      const __m256i row = _mm256_andnot_si256(none, index);
      const __m256i quantile = _mm256_and_si256(x[g], mask);
      const __m256i bucket = _mm256_slli_epi32(_mm256_srl_epi32(quantile, shift), 1);
      const __m256i place = _mm256_add_epi32(_mm256_sll_epi32(row, bits), bucket);
      __m256i low, high;
      LoadPairs(table.guides, place, low, high);
      const __m256i first_last = _mm256_srli_epi32(low, 16), second = _mm256_cmpgt_epi32(quantile, first_last);
      __m256i symbol = _mm256_sub_epi32(_mm256_srli_epi32(high, 16), second);
      __m256i start = _mm256_blendv_epi8(_mm256_and_si256(low, low_half), _mm256_add_epi32(first_last, one), second);
      const __m256i last = _mm256_blendv_epi8(first_last, _mm256_and_si256(high, low_half), second);
      __m256i freq = _mm256_add_epi32(_mm256_sub_epi32(last, start), one);
      const __m256i beyond = _mm256_or_si256(_mm256_cmpgt_epi32(quantile, last), _mm256_cmpgt_epi32(start, quantile));
      const unsigned miss = SetOf(_mm256_or_si256(none, beyond));
      if (__builtin_expect(miss != 0, 0)) {
        alignas(32) uint32_t quantiles[kEight], starts[kEight], freqs[kEight];
        alignas(32) int32_t found[kEight];
        _mm256_store_si256(reinterpret_cast<__m256i*>(quantiles), quantile);
        _mm256_store_si256(reinterpret_cast<__m256i*>(starts), start);
        _mm256_store_si256(reinterpret_cast<__m256i*>(freqs), freq);
        _mm256_store_si256(reinterpret_cast<__m256i*>(found), symbol);
        good = good && SearchLanes(table, i + kEight * g, miss, quantiles, found, starts, freqs);
        start = _mm256_load_si256(reinterpret_cast<const __m256i*>(starts));
        freq = _mm256_load_si256(reinterpret_cast<const __m256i*>(freqs));
        symbol = _mm256_load_si256(reinterpret_cast<const __m256i*>(found));
      }
      __m256i bad = _mm256_setzero_si256();
      StoreSymbols(symbols + i + kEight * g, values.SymbolAt(row, symbol, bad));
      good = good && _mm256_testz_si256(bad, bad) != 0;
      const __m256i rest = _mm256_sub_epi32(quantile, start);
      y[g] = _mm256_add_epi32(_mm256_mullo_epi32(freq, _mm256_srl_epi32(x[g], p)), rest);
      const __m256i wants = _mm256_cmpgt_epi32(lower, y[g]);
      const unsigned coming = SetOf(wants);
      const __m128i eight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(tail.words + left - kEight));
      const __m256i word = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(Shuffled(kComing, coming, eight)));
      y[g] = _mm256_blendv_epi8(y[g], _mm256_or_si256(_mm256_slli_epi32(y[g], 16), word), wants);
      left -= __builtin_popcount(coming);
    }
    if (__builtin_expect(!good, 0)) break;
    for (int g = 0; g < kGroups; ++g) x[g] = y[g];
    words = left;
  }
  for (int g = 0; g < kGroups; ++g) _mm256_storeu_si256(reinterpret_cast<__m256i*>(stream.heads + kEight * g), x[g]);
  tail.size = words;
  return i;
}

}  // namespace avx2

using avx2::BypassPlaces;
using avx2::Places;

template <typename V, int kLanes>
constexpr bool kSideBySide = kLanes == avx2::kBlock && std::is_same_v<V, Rans32_16>;

// Pushes n symbols side by side; push(begin, end) does those for which that is not possible. False where it is for
// none.
template <int kLanes, typename V, typename Values, typename Symbol, typename PushSome>
bool PushSideBySide(Stream<V>& stream, const GuidedRows& table, const Values& values, const Symbol* symbols, int64_t n,
                    int precision, const PushSome& push) {
  if constexpr (kSideBySide<V, kLanes>) {
    const bool possible = table.sealed && precision >= avx2::kLeastPrecision;
    if (!possible || !avx2::Fits(stream, table, table.rows.n + 1)) return false;
    int64_t end = n / kLanes * kLanes;
    if (end < n) push(end, n);
    while ((end = avx2::PushBlocks(stream, table.rows, values, symbols, end, precision)) > 0) {
      push(end - kLanes, end);
      end -= kLanes;
    }
    return true;
  }
  return false;
}

// As PushSideBySide. The table has guides of pairs.
template <int kLanes, typename V, typename Values, typename Symbol, typename PopSome>
bool PopSideBySide(Stream<V>& stream, const GuidedRows& table, const Values& values, Symbol* symbols, int64_t n,
                   int precision, const PopSome& pop) {
  if constexpr (kSideBySide<V, kLanes>) {
    if (!avx2::Fits(stream, table, int64_t{2} << table.bits)) return false;
    int64_t i = 0;
    while (n - (i = avx2::PopBlocks(stream, table, values, symbols, i, n, precision)) >= kLanes) {
      pop(i, i + kLanes);
      i += kLanes;
    }
    pop(i, n);
    return true;
  }
  return false;
}

}  // namespace jans

#else

namespace jans {

struct Places {};
struct BypassPlaces {
  const int32_t *escape, *offset;
};

template <typename V, int kLanes>
constexpr bool kSideBySide = false;

template <int kLanes, typename... Anything>
bool PushSideBySide(const Anything&...) {
  return false;
}
template <int kLanes, typename... Anything>
bool PopSideBySide(const Anything&...) {
  return false;
}

}  // namespace jans

#endif  // defined(__x86_64__)

#endif  // JANS_CPU_WIDE_ROWS_H_
