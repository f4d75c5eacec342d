// Alias tables: for a row of n symbols, 2^bits buckets of as many quantiles each, of which bucket b belongs to symbol b
// below a divider, and to one other symbol, its alias, from there on. The place of a quantile is found by reading one
// entry, whatever the row is like. The quantiles of a symbol are scattered over buckets then; in ascending order they
// have ranks 0, ..., freq - 1, and
//
//   push:  x' = floor(x / freq) * 2^precision + quantile of rank (x mod freq)
//   pop:   x  = freq * floor(x' / 2^precision) + rank of (x' mod 2^precision)
//
// For all quantiles of one symbol in a bucket, quantile - rank is the same number: with it in the place of `start`, a
// pop is that of an interval. (Vose 1991; Giesen 2014, arXiv:1402.3392, and ryg_rans main_alias.cpp.)
#ifndef JANS_CORE_MODELS_ALIAS_H_
#define JANS_CORE_MODELS_ALIAS_H_

#include "models.h"

namespace jans {

constexpr int kMaxAliasPrecision = 31;
constexpr int64_t kMaxAliasSymbols = int64_t{1} << 24;

// A bucket has two sides of four words, its own symbol's and the alias's: symbol, quantile - rank, freq; the fourth
// word of the first side is the divider. A freq of zero says that there is no distribution.
constexpr int64_t kBucketWords = 8, kSideWords = 4, kDivider = 3;

// A bucket for every symbol, but no more of them than quantiles.
JANS_HD int AliasBits(int64_t n, int precision) {
  int bits = 0;
  while (bits < precision && int64_t{1} << bits < n) ++bits;
  return bits;
}

// Whose quantiles the buckets are. A symbol with less than a bucket's quantiles gives the rest of its bucket to one
// with more, which may then have less itself: it is the next to give. Both kinds are gone through from the last symbol
// to the first. At every step the symbols left have on average a bucket's quantiles each, so that a taker is there.
//
// Where there are more symbols than buckets, a bucket is one quantile: symbols without a bucket of their own have
// nothing or more than that, and are never asked to give.
JANS_FUNCTION void ChooseAliases(const Row& row, int bits, uint32_t* words) {
  const int64_t buckets = int64_t{1} << bits;
  const int shift = row.precision - bits;
  const uint32_t cut = uint32_t{1} << shift;
  auto freq = [&row](int64_t s) { return s < row.n ? row.cdf[s + 1] - row.cdf[s] : 0; };
  auto set = [words, shift](int64_t b, uint32_t own, int64_t alias) {
    words[kBucketWords * b + kDivider] = static_cast<uint32_t>(b << shift) + own;
    words[kBucketWords * b + kSideWords] = static_cast<uint32_t>(alias);
  };
  for (int64_t b = 0; b < buckets; ++b) set(b, cut, b);
  int64_t taker = (row.n > buckets ? row.n : buckets);
  uint32_t left = 0;
  auto next = [&] {
    --taker;
    while (taker >= 0 && freq(taker) < cut) --taker;
    left = taker < 0 ? 0 : freq(taker);
  };
  next();
  for (int64_t b = buckets - 1; b >= 0; --b) {
    if (freq(b) >= cut) continue;
    uint32_t own = freq(b);
    for (int64_t giver = b; giver >= 0 && giver < buckets && taker >= 0;) {
      set(giver, own, taker);
      left -= cut - own;
      if (left >= cut) break;
      giver = taker;
      own = left;
      next();
    }
  }
}

// Fills the buckets of a row. `counts` has room for as many numbers as there are symbols or buckets.
JANS_FUNCTION void MakeAlias(const Row& row, int bits, uint32_t* words, uint32_t* counts) {
  const int64_t buckets = int64_t{1} << bits;
  const int shift = row.precision - bits;
  if (!row.Rises()) {
    for (int64_t k = 0; k < kBucketWords * buckets; ++k) words[k] = 0;
    return;
  }
  ChooseAliases(row, bits, words);
  for (int64_t s = 0; s < row.n || s < buckets; ++s) counts[s] = 0;
  for (int64_t b = 0; b < buckets; ++b) {
    uint32_t* own = words + kBucketWords * b;
    uint32_t* alias = own + kSideWords;
    const uint32_t begin = static_cast<uint32_t>(b << shift), end = static_cast<uint32_t>((b + 1) << shift);
    const uint32_t divider = own[kDivider];
    own[0] = static_cast<uint32_t>(b);
    auto side = [&row, counts](uint32_t* words, uint32_t first, uint32_t after) {
      const int64_t s = words[0];
      words[1] = first - counts[s];
      words[2] = s < row.n ? row.cdf[s + 1] - row.cdf[s] : 0;
      counts[s] += after - first;
    };
    side(own, begin, divider);
    side(alias, divider, end);
    alias[kDivider] = 0;
  }
}

// The other way round: the quantile of every symbol and rank, which has a place among all in the order of symbols,
// cdf[symbol] + rank. The sides of buckets are pieces of consecutive places and quantiles, two words each: the first
// place and the first quantile, in ascending order, and behind those that are not empty any number at the end of all
// places. Before them is a guide: for each of 2^RangeBits equal ranges of places the piece of the first one.
JANS_HD int RangeBits(int bits, int precision) { return bits + 2 < precision ? bits + 2 : precision; }

// Words of a row.
JANS_HD int64_t RemapWords(int bits, int precision) {
  return (int64_t{1} << RangeBits(bits, precision)) + (int64_t{4} << bits);
}

// From the buckets that MakeAlias made. `counts` has room for as many numbers as there are symbols or buckets.
JANS_FUNCTION void MakeRemap(const Row& row, int bits, const uint32_t* words, uint32_t* remap, uint32_t* counts) {
  const int range_bits = RangeBits(bits, row.precision), shift = row.precision - bits;
  const int64_t ranges = int64_t{1} << range_bits, buckets = int64_t{1} << bits;
  uint32_t* pieces = remap + ranges;
  for (int64_t k = 0; k < ranges; ++k) remap[k] = 0;
  for (int64_t k = 0; k < 2 * buckets; ++k) {
    pieces[2 * k] = static_cast<uint32_t>(Total(row.precision));
    pieces[2 * k + 1] = 0;
  }
  if (!row.Rises()) return;
  // Calls use(side, first quantile) for the sides that are not empty.
  auto each = [=](const auto& use) {
    for (int64_t b = 0; b < buckets; ++b) {
      const uint32_t* own = words + kBucketWords * b;
      const uint32_t begin = static_cast<uint32_t>(b << shift), end = static_cast<uint32_t>((b + 1) << shift);
      if (own[kDivider] != begin) use(own, begin);
      if (own[kDivider] != end) use(own + kSideWords, own[kDivider]);
    }
  };
  for (int64_t s = 0; s < row.n || s < buckets; ++s) counts[s] = 0;
  each([counts](const uint32_t* side, uint32_t) { ++counts[side[0]]; });
  uint32_t before = 0;
  for (int64_t s = 0; s < row.n; ++s) {
    const uint32_t count = counts[s];
    counts[s] = before;
    before += count;
  }
  each([&](const uint32_t* side, uint32_t first) {
    uint32_t* piece = pieces + 2 * int64_t{counts[side[0]]++};
    piece[0] = row.cdf[side[0]] + (first - side[1]);
    piece[1] = first;
  });
  uint32_t piece = 0;
  for (int64_t k = 0; k < ranges; ++k) {
    while (piece + 1 < before && pieces[2 * (piece + 1)] <= static_cast<uint64_t>(k << (row.precision - range_bits))) {
      ++piece;
    }
    remap[k] = piece;
  }
}

// Buckets of rows, one after the other; of `rows` only the index is read.
struct AliasRows {
  Rows rows;
  const uint32_t* alias;
  int bits;

  JANS_HD Located Locate(int64_t i, uint32_t quantile) const {
    const uint64_t row = static_cast<uint64_t>(int64_t{rows.index[i * rows.index_stride]});
    if (__builtin_expect(row >= static_cast<uint64_t>(rows.count), 0)) return {0, NoInterval(kBadModel)};
    const uint32_t* at = alias + kBucketWords * ((row << bits) + (quantile >> (rows.precision - bits)));
    at += quantile >= at[kDivider] ? kSideWords : 0;
    const uint32_t start = at[1], freq = at[2];
    // Whatever the words are, a rank lies below its freq, and that fits the precision.
    if (__builtin_expect(quantile - start >= freq || freq > Total(rows.precision), 0)) {
      return {0, NoInterval(kBadModel)};
    }
    return {static_cast<int32_t>(at[0] & 0x7FFFFFFF), {start, freq}};
  }
};

// Rows with what MakeRemap made of them.
struct RemappedRows {
  JANS_HD RemappedRows(const Rows& rows_in, const uint32_t* remap_in, int bits)
      : rows(rows_in),
        remap(remap_in),
        words(RemapWords(bits, rows_in.precision)),
        ranges(int64_t{1} << RangeBits(bits, rows_in.precision)),
        shift(rows_in.precision - RangeBits(bits, rows_in.precision)),
        last((uint32_t{2} << bits) - 1) {}

  Rows rows;
  const uint32_t* remap;
  int64_t words, ranges;
  int shift;
  uint32_t last;  // of the pieces

  JANS_HD Interval Find(int64_t i, int64_t symbol) const { return rows.Find(i, symbol); }
};

// What is pushed for symbol i, an Interval or an Entry, with the quantiles of its row.
template <typename Item>
struct Remapped : Item {
  const RemappedRows& rows;
  int64_t i;
};

template <typename Item>
JANS_HD Remapped<Item> ItemOf(const RemappedRows& rows, int64_t i, const Item& item) {
  return {item, rows, i};
}

// The push step. Whatever the words are, a quantile fits the precision.
template <typename V, typename Item>
JANS_HD typename V::State Step(typename V::State x, const Remapped<Item>& item, int precision) {
  const RemappedRows& rows = item.rows;
  const typename V::State y = Step<V>(x, static_cast<const Item&>(item), precision);
  const uint32_t place = Quantile<V>(y, precision);
  const uint32_t* guide = rows.remap + rows.rows.index[item.i * rows.rows.index_stride] * rows.words;
  const uint32_t* pieces = guide + rows.ranges;
  const uint32_t found = guide[place >> rows.shift];
  uint64_t piece = found < rows.last ? found : rows.last - 1;
  // The first step without a jump, which could not be predicted; there are seldom more.
  piece += JANS_EVEN(pieces[2 * piece + 2] <= place);
  while (__builtin_expect(piece < rows.last && pieces[2 * piece + 2] <= place, 0)) ++piece;
  const uint32_t quantile = pieces[2 * piece + 1] + (place - pieces[2 * piece]);
  return y - place + (quantile & static_cast<uint32_t>(Total(precision) - 1));
}

}  // namespace jans

#endif  // JANS_CORE_MODELS_ALIAS_H_
