// Streams with the rows of tables side by side, eight heads to a register: the fast form of the loops in stream.h.
// Heads take turns in groups of eight, which are lanes of one stream, or the same lane of eight streams. What a turn
// cannot do in registers, it leaves as it was.
#ifndef JANS_CPU_WIDE_ROWS_H_
#define JANS_CPU_WIDE_ROWS_H_

#include "../core/guide.h"
#include "wide_heads.h"

#if defined(__x86_64__)

namespace jans {
namespace avx2 {

constexpr int kMostGroups = kMostHeads / kEight;

// The two 32-bit numbers at each of eight places. (On the processors of today loads are quicker than a gather.)
JANS_WIDE_INLINE void LoadPairs(const uint32_t* base, __m256i places, __m256i& first, __m256i& second) {
  alignas(32) uint32_t at[kEight];
  Store(at, places);
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

// Lanes where a number is none of 0, ..., count - 1.
JANS_WIDE_INLINE __m256i Outside(__m256i numbers, int64_t count) {
  const __m256i least = _mm256_set1_epi32(static_cast<int32_t>(count));
  return _mm256_cmpeq_epi32(_mm256_max_epu32(numbers, least), numbers);
}

// Symbols that are places in their rows.
struct Places {
  // The lanes where nothing is coded: none. Numbers with zeros there, and numbers with others.
  JANS_WIDE_INLINE __m256i LeftOut(__m256i) const { return _mm256_setzero_si256(); }
  JANS_WIDE_INLINE __m256i Except(__m256i, __m256i numbers) const { return numbers; }
  JANS_WIDE_INLINE __m256i Except(__m256i, __m256i numbers, __m256i) const { return numbers; }
  JANS_WIDE_INLINE __m256i PlaceOf(const Rows& rows, __m256i, __m256i symbol, __m256i& bad) const {
    bad = _mm256_or_si256(bad, Outside(symbol, rows.n));
    return symbol;
  }
  JANS_WIDE_INLINE __m256i SymbolAt(__m256i, __m256i place, __m256i&) const { return place; }
};

// Values of places in rows with an escape symbol, which is left to others. Rows of index -1 are left out.
struct BypassPlaces {
  const uint32_t* ends;  // for every row the place of its escape symbol, and the value at place 0

  JANS_WIDE_INLINE __m256i LeftOut(__m256i index) const { return _mm256_cmpeq_epi32(index, _mm256_set1_epi32(-1)); }
  JANS_WIDE_INLINE __m256i Except(__m256i out, __m256i numbers) const { return _mm256_andnot_si256(out, numbers); }
  JANS_WIDE_INLINE __m256i Except(__m256i out, __m256i numbers, __m256i same) const {
    return _mm256_blendv_epi8(numbers, same, out);
  }
  JANS_WIDE_INLINE __m256i PlaceOf(const Rows& rows, __m256i row, __m256i symbol, __m256i& bad) const {
    __m256i escape, first;
    LoadPairs(ends, _mm256_slli_epi32(row, 1), escape, first);
    const __m256i place = _mm256_sub_epi32(symbol, first);
    // A difference that has no place in 32 bits has another sign than the symbol, which has another than the offset.
    const __m256i wraps = _mm256_and_si256(_mm256_xor_si256(symbol, first), _mm256_xor_si256(symbol, place));
    bad = _mm256_or_si256(bad, _mm256_or_si256(Outside(place, rows.n), _mm256_srai_epi32(wraps, 31)));
    bad = _mm256_or_si256(bad, Not(_mm256_cmpgt_epi32(escape, place)));
    return place;
  }
  JANS_WIDE_INLINE __m256i SymbolAt(__m256i row, __m256i place, __m256i& bad) const {
    __m256i escape, first;
    LoadPairs(ends, _mm256_slli_epi32(row, 1), escape, first);
    const __m256i symbol = _mm256_add_epi32(place, first);
    // A place is no negative number: the sum wraps where it is below the offset.
    bad = _mm256_or_si256(bad, _mm256_cmpgt_epi32(first, symbol));
    bad = _mm256_or_si256(bad, Not(_mm256_cmpgt_epi32(escape, place)));
    return symbol;
  }
};

// What turns are about: groups of eight symbols one after the other, and the index of each symbol's row, `step` apart
// for groups; 0 where all groups share eight of them.
template <typename Symbols>
struct Groups {
  Symbols symbols;
  const int32_t* index;
  int64_t step;
};

// Pushes turns, the last first, and gives how many are left: none, or those up to one that has a symbol without an
// interval or no room for its words. The rows are sealed. (What it reads it takes by value: stores of registers might
// be to anything else.)
template <typename Side, typename Values>
JANS_WIDE int64_t PushTurns(Side& side, const Rows rows, const Values values, const Groups<const int32_t*> groups,
                            int64_t turns) {
  using V = typename Side::Variant;
  typename V::State* heads = side.LoadHeads();
  typename Side::Words words(side);
  const int count = side.groups();
  constexpr int kRegisters = Eight<V>::kRegisters;
  __m256i kept[kMostGroups * kRegisters];
  for (int g = 0; g < count; ++g) Eight<V>::Of(heads + kEight * g).Keep(kept + kRegisters * g);
  const int precision = rows.precision;
  const __m256i width = _mm256_set1_epi32(static_cast<int32_t>(rows.n + 1));
  const __m256i total = _mm256_set1_epi32(1 << precision);
  __m256i start[kMostGroups], freq[kMostGroups];
  for (; turns > 0 && words.Room(); --turns) {
    __m256i bad = _mm256_setzero_si256();
    for (int g = 0; g < count; ++g) {
      const int64_t j = (turns - 1) * count + g;
      const __m256i index = Load(groups.index + j * groups.step), out = values.LeftOut(index);
      __m256i none = Outside(index, rows.count), after;
      const __m256i row = _mm256_andnot_si256(none, index);
      __m256i place = values.PlaceOf(rows, row, Load(groups.symbols + j * kEight), none);
      place = _mm256_add_epi32(_mm256_mullo_epi32(row, width), place);
      LoadPairs(rows.cdf, _mm256_andnot_si256(none, place), start[g], after);
      freq[g] = _mm256_sub_epi32(after, start[g]);
      // 0 <= start < after <= total; a start above 2^31 is negative.
      const __m256i fine = _mm256_andnot_si256(_mm256_cmpgt_epi32(after, total), _mm256_cmpgt_epi32(after, start[g]));
      none = _mm256_or_si256(none, _mm256_or_si256(Not(fine), _mm256_srai_epi32(start[g], 31)));
      bad = _mm256_or_si256(bad, values.Except(out, none));
      // An interval of all quantiles changes nothing.
      start[g] = values.Except(out, start[g]);
      freq[g] = values.Except(out, freq[g], total);
    }
    if (__builtin_expect(Any(bad), 0)) break;
    for (int g = count - 1; g >= 0; --g) {
      __m256i low;
      Eight<V> x = Eight<V>::From(kept + kRegisters * g);
      const __m256i full = x.Flush(freq[g], precision, low);
      words.Leave(g, low, full);
      x.Step(start[g], freq[g], precision);
      x.Keep(kept + kRegisters * g);
    }
  }
  for (int g = 0; g < count; ++g) Eight<V>::From(kept + kRegisters * g).To(heads + kEight * g);
  side.StoreHeads();
  return turns;
}

// For the lanes in `miss`, which an entry of the guide does not know: the interval and the symbol by search. False
// where there is none.
template <bool kPairs>
JANS_SELDOM bool SearchLanes(const GuidedRows& table, unsigned miss, const int32_t* index, const uint32_t* quantile,
                             int32_t* symbol, uint32_t* start, uint32_t* freq) {
  for (int lane = 0; lane < kEight; ++lane) {
    if ((miss >> lane & 1) == 0) continue;
    const Located found = table.LocateIn<kPairs>(index[lane], quantile[lane]);
    if (found.interval.freq == 0) return false;
    symbol[lane] = found.symbol;
    start[lane] = found.interval.start;
    freq[lane] = found.interval.freq;
  }
  return true;
}

// The symbol and the interval of each quantile by the table's guides; false where one has none.
template <bool kPairs, typename Values>
JANS_WIDE_INLINE bool LocateEight(const GuidedRows& table, const Values& values, __m256i index, __m256i quantile,
                                  __m256i& symbol, __m256i& start, __m256i& freq) {
  const __m256i none = Outside(index, table.rows.count), row = _mm256_andnot_si256(none, index);
  const __m256i one = _mm256_set1_epi32(1), low_half = _mm256_set1_epi32(0xFFFF);
  const __m128i shift = _mm_cvtsi32_si128(table.rows.precision - table.bits);
  __m256i place = _mm256_sll_epi32(row, _mm_cvtsi32_si128(table.bits + 1)), low, high, beyond;
  place = _mm256_add_epi32(place, _mm256_slli_epi32(_mm256_srl_epi32(quantile, shift), 1));
  LoadPairs(table.guides, place, low, high);
  if constexpr (kPairs) {
    const __m256i first_last = _mm256_srli_epi32(low, 16), second = _mm256_cmpgt_epi32(quantile, first_last);
    symbol = _mm256_sub_epi32(_mm256_srli_epi32(high, 16), second);
    start = _mm256_blendv_epi8(_mm256_and_si256(low, low_half), _mm256_add_epi32(first_last, one), second);
    const __m256i last = _mm256_blendv_epi8(first_last, _mm256_and_si256(high, low_half), second);
    freq = _mm256_add_epi32(_mm256_sub_epi32(last, start), one);
    beyond = _mm256_or_si256(_mm256_cmpgt_epi32(quantile, last), _mm256_cmpgt_epi32(start, quantile));
  } else {
    symbol = _mm256_and_si256(low, low_half);
    const __m256i start_high = _mm256_slli_epi32(_mm256_and_si256(high, _mm256_set1_epi32(0xFF)), 16);
    start = _mm256_or_si256(_mm256_srli_epi32(low, 16), start_high);
    freq = _mm256_srli_epi32(high, 8);
    const __m256i rest = _mm256_sub_epi32(quantile, start);
    beyond = _mm256_or_si256(_mm256_srai_epi32(rest, 31), Not(_mm256_cmpgt_epi32(freq, rest)));
  }
  const unsigned miss = SetOf(values.Except(values.LeftOut(index), _mm256_or_si256(none, beyond)));
  if (__builtin_expect(miss == 0, 1)) return true;
  alignas(32) uint32_t quantiles[kEight], starts[kEight], freqs[kEight];
  alignas(32) int32_t indexes[kEight], symbols[kEight];
  Store(indexes, index);
  Store(quantiles, quantile);
  Store(starts, start);
  Store(freqs, freq);
  Store(symbols, symbol);
  const bool good = SearchLanes<kPairs>(table, miss, indexes, quantiles, symbols, starts, freqs);
  start = Load(starts);
  freq = Load(freqs);
  symbol = Load(symbols);
  return good;
}

// Pops turns and gives how many it did: all, or those before one that has a quantile without a symbol
// or wants more words than there are. The table has guides.
template <bool kPairs, typename Side, typename Values>
JANS_WIDE int64_t PopTurns(Side& side, const GuidedRows table, const Values values, const Groups<int32_t*> groups,
                           int64_t turns) {
  using V = typename Side::Variant;
  typename V::State* heads = side.LoadHeads();
  typename Side::Words words(side);
  const int count = side.groups();
  const int precision = table.rows.precision;
  const __m256i total = _mm256_set1_epi32(1 << precision);
  constexpr int kRegisters = Eight<V>::kRegisters;
  __m256i kept[2][kMostGroups * kRegisters];
  __m256i *now = kept[0], *next = kept[1];
  for (int g = 0; g < count; ++g) Eight<V>::Of(heads + kEight * g).Keep(now + kRegisters * g);
  int64_t turn = 0;
  for (; turn < turns; ++turn) {
    __m256i bad = _mm256_setzero_si256();
    bool good = true;
    words.Begin();
    for (int g = 0; g < count; ++g) {
      const int64_t j = turn * count + g;
      const __m256i index = Load(groups.index + j * groups.step), out = values.LeftOut(index);
      Eight<V> x = Eight<V>::From(now + kRegisters * g);
      const __m256i quantile = x.Quantiles(precision);
      __m256i place, start, freq, wrong = _mm256_setzero_si256();
      good = LocateEight<kPairs>(table, values, index, quantile, place, start, freq) && good;
      const __m256i symbol =
          values.SymbolAt(_mm256_andnot_si256(Outside(index, table.rows.count), index), place, wrong);
      bad = _mm256_or_si256(bad, values.Except(out, wrong));
      Store(groups.symbols + j * kEight, values.Except(out, symbol));
      start = values.Except(out, start);
      x.StepBack(_mm256_sub_epi32(quantile, start), values.Except(out, freq, total), precision);
      const __m256i wants = values.Except(out, x.Low());
      x.Fill(words.Come(g, wants), wants);
      x.Keep(next + kRegisters * g);
    }
    if (__builtin_expect(!good || Any(bad) || !words.End(), 0)) break;
    std::swap(now, next);
  }
  for (int g = 0; g < count; ++g) Eight<V>::From(now + kRegisters * g).To(heads + kEight * g);
  side.StoreHeads();
  return turn;
}

}  // namespace avx2
}  // namespace jans

#endif  // defined(__x86_64__)

#endif  // JANS_CPU_WIDE_ROWS_H_
