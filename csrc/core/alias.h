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
#ifndef JANS_CORE_ALIAS_H_
#define JANS_CORE_ALIAS_H_

#include "models.h"

namespace jans {

constexpr int kMaxAliasPrecision = 24;
constexpr int64_t kMaxAliasSymbols = int64_t{1} << 16;

// A bucket has two sides of four words, its own symbol's and the alias's: symbol, quantile - rank, freq; the fourth
// word of the first side is the divider. A freq of zero says that there is no distribution.
constexpr int64_t kBucketWords = 8, kSideWords = 4, kDivider = 3;

// In the place of a row's first quantile, where the row is no distribution.
constexpr uint32_t kNoQuantile = 0xFFFFFFFF;

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

// The quantile of every symbol and rank, symbol by symbol, from the buckets that MakeAlias made.
JANS_FUNCTION void MakeRemap(const Row& row, int bits, const uint32_t* words, uint32_t* remap) {
  const uint32_t total = static_cast<uint32_t>(Total(row.precision));
  if (!row.Rises()) {
    for (uint32_t k = 0; k < total; ++k) remap[k] = kNoQuantile;
    return;
  }
  const int shift = row.precision - bits;
  for (int64_t b = 0; b < int64_t{1} << bits; ++b) {
    const uint32_t* own = words + kBucketWords * b;
    const uint32_t divider = own[kDivider], end = static_cast<uint32_t>((b + 1) << shift);
    uint32_t q = static_cast<uint32_t>(b << shift);
    auto side = [&](const uint32_t* words, uint32_t after) {
      const uint32_t* of = words;
      uint32_t* to = remap + row.cdf[of[0] < row.n ? of[0] : 0];
      for (; q < after; ++q) to[q - of[1]] = q;
    };
    side(own, divider);
    side(own + kSideWords, end);
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
    return {static_cast<int32_t>(at[0] & (kMaxAliasSymbols - 1)), {start, freq}};
  }
};

// What is pushed, an Interval or an Entry, with the quantiles of its row.
template <typename Item>
struct Remapped : Item {
  const uint32_t* remap;
  uint64_t first;
};

// Rows with the quantiles of each.
struct RemappedRows {
  Rows rows;
  const uint32_t* remap;

  JANS_HD uint64_t First(int64_t i) const {
    return static_cast<uint64_t>(int64_t{rows.index[i * rows.index_stride]}) << rows.precision;
  }
  JANS_HD Interval Find(int64_t i, int64_t symbol) const {
    if (!rows.Valid(i) || remap[First(i)] == kNoQuantile) return NoInterval(kBadModel);
    return rows.At(i).Find(symbol);
  }
};

// What is pushed for an interval or an entry of symbol i.
template <typename Item>
JANS_HD Remapped<Item> ItemOf(const RemappedRows& rows, int64_t i, const Item& item) {
  return {item, rows.remap, rows.First(i)};
}

// The push step. The quantile of an undamaged table fits the precision; any other is cut to it.
template <typename V, typename Item>
JANS_HD typename V::State Step(typename V::State x, const Remapped<Item>& item, int precision) {
  const typename V::State y = Step<V>(x, static_cast<const Item&>(item), precision);
  const uint32_t low = Quantile<V>(y, precision);
  return y - low + (item.remap[item.first + low] & static_cast<uint32_t>(Total(precision) - 1));
}

}  // namespace jans

#endif  // JANS_CORE_ALIAS_H_
