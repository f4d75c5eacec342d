// Tables made of one row for the length of one call.
#ifndef JANS_CPU_SEARCH_ROW_TABLES_H_
#define JANS_CPU_SEARCH_ROW_TABLES_H_

#include <algorithm>
#include <array>
#include <memory>

#include "../../core/models/guide.h"
#include "model_view.h"

namespace jans {

// Entries with reciprocals for every symbol of a row. An Item has start and freq, as an Interval.
template <typename Item>
class EntryTable {
 public:
  static constexpr int64_t kMaxSymbols = 1024;

  // Whether n symbols of a row pay for its entries, whose making costs about one division each.
  static bool Serves(int64_t row_symbols, int64_t n) { return row_symbols <= std::min(n, kMaxSymbols); }
  // False where they do not.
  template <typename Make>
  bool Build(const Row& row, int64_t n, const Make& make) {
    if (!Serves(row.n, n)) return false;
    size_ = row.n;
    for (int64_t s = 0; s < row.n; ++s) items_[s] = make(row.At(s));
    items_[size_] = make(NoInterval(kBadSymbol));
    return true;
  }
  // Symbols outside of the alphabet, negative ones too, find the last entry. (To be copied into a loop, where no store
  // can change it.)
  struct Finder {
    const Item* items;
    uint64_t size;

    JANS_HD const Item& operator()(int64_t symbol) const {
      return items[std::min(static_cast<uint64_t>(symbol), size)];
    }
  };
  Finder Find() const { return {items_.data(), static_cast<uint64_t>(size_)}; }

 private:
  int64_t size_ = 0;
  std::array<Item, kMaxSymbols + 1> items_;
};

// For every quantile its symbol, its freq and its distance from the start of the interval.
class DenseTable {
 public:
  static constexpr int kMaxPrecision = 12;

  // False when the row is no distribution or too fine; see BucketTable.
  bool Build(const Row& row) {
    if (row.n > 65536 || row.precision > kMaxPrecision || !row.Sealed()) return false;
    for (int64_t s = 0; s < row.n; ++s) {
      uint32_t start = row.cdf[s], end = row.cdf[s + 1];
      if (end < start || end > Total(row.precision)) return false;
      for (uint32_t q = start; q < end; ++q) {
        slot_[q] = (end - start) | (q - start) << 16;
        symbol_[q] = static_cast<uint16_t>(s);
      }
    }
    return true;
  }
  JANS_HD Located Locate(uint32_t quantile) const {
    uint32_t slot = slot_[quantile], freq = slot & 0xFFFF;
    if (freq == 0) __builtin_unreachable();
    return {symbol_[quantile], {quantile - (slot >> 16), freq}};
  }

 private:
  std::array<uint32_t, size_t{1} << kMaxPrecision> slot_;
  std::array<uint16_t, size_t{1} << kMaxPrecision> symbol_;
};

// For each of 2^bits equal buckets of quantiles the symbol at its start, with its interval. A quantile beyond that
// interval is searched for among the symbols up to the next bucket's.
class BucketTable {
 public:
  static constexpr int kMaxBits = 11;  // 20 KiB: with twice as many, a table fills the first cache

  // False when the row is no distribution or its symbols do not fit; the caller then searches the row itself.
  bool Build(const Row& row, int bits) {
    if (row.n > 65536 || row.precision > 31 || !row.Sealed()) return false;
    row_ = row;
    bits = bits < kMaxBits ? bits : kMaxBits;
    shift_ = row.precision > bits ? row.precision - bits : 0;
    int64_t buckets = int64_t{1} << (row.precision - shift_), bucket = 0;
    for (int64_t s = 0; s < row.n; ++s) {
      uint32_t start = row.cdf[s], end = row.cdf[s + 1];
      if (end < start || end > Total(row.precision)) return false;
      if (end == start) continue;
      int64_t last = (end - 1) >> shift_;
      for (; bucket <= last; ++bucket) {
        start_[bucket] = start;
        freq_[bucket] = end - start;
        symbol_[bucket] = static_cast<uint16_t>(s);
      }
    }
    symbol_[buckets] = static_cast<uint16_t>(row.n - 1);
    return true;
  }
  JANS_HD Located Locate(uint32_t quantile) const {
    uint32_t bucket = quantile >> shift_;
    uint32_t start = start_[bucket], freq = freq_[bucket];
    if (__builtin_expect(quantile - start >= freq, 0)) return Search(quantile);
    if (freq == 0) __builtin_unreachable();
    return {symbol_[bucket], {start, freq}};
  }

 private:
  __attribute__((noinline)) Located Search(uint32_t quantile) const {
    uint32_t bucket = quantile >> shift_;
    int64_t low = symbol_[bucket];
    for (int64_t length = symbol_[bucket + 1] - low + 1; length > 1;) {
      int64_t half = length / 2;
      low += row_.cdf[low + half] <= quantile ? half : 0;
      length -= half;
    }
    return {static_cast<int32_t>(low), {row_.cdf[low], row_.cdf[low + 1] - row_.cdf[low]}};
  }

  static constexpr size_t kSize = (size_t{1} << kMaxBits) + 1;
  Row row_{};
  int shift_ = 0;
  std::array<uint32_t, kSize> start_, freq_;
  std::array<uint16_t, kSize> symbol_;
};

// Calls body(locate) with locate(quantile) of the table that serves n symbols best; false when none is worth its
// making, or the row is no distribution.
template <typename Body>
bool WithTable(const Row& row, int64_t n, const Body& body) {
  if (n < 16) return false;
  DenseTable dense;
  if (2 * n >= int64_t{1} << row.precision && dense.Build(row)) {
    body([&dense](uint32_t quantile) { return dense.Locate(quantile); });
    return true;
  }
  BucketTable buckets;
  int bits = 4;
  while (bits < BucketTable::kMaxBits && (int64_t{1} << bits) < 2 * n) ++bits;
  if (!buckets.Build(row, bits)) return false;
  body([&buckets](uint32_t quantile) { return buckets.Locate(quantile); });
  return true;
}

// Calls body(locate) with the fastest way to find n symbols of a model: locate(i, quantile).
template <typename Body>
void WithLocate(const ModelView& model, int64_t n, const Body& body) {
  auto with_row = [&body](const auto& locate_in_row) {
    body([locate_in_row](int64_t, uint32_t quantile) { return locate_in_row(quantile); });
  };
  if (model.shared != nullptr && WithTable(*model.shared, n, with_row)) return;
  body([locate = model.locate_one, finder = model.finder](int64_t i, uint32_t quantile) {
    return locate(finder, i, quantile).Get();
  });
}

// A guide to one row for the length of a call, as fine as its symbols ask for and n of them pay for.
struct OneGuide {
  static constexpr int kMinBits = 6, kUsualBits = 10, kMaxBits = 16;
  static constexpr int64_t kFewest = 256;

  // Whether n symbols of these rows are worth one.
  static bool Serves(const Rows& rows, int64_t n) {
    return rows.Shared() && n >= kFewest && rows.Valid(0) && rows.n <= std::min(n, kMaxGuideSymbols) &&
           rows.precision <= kMaxGuidePrecision;
  }
  // Rows of so many symbols have more of them in a bucket of other tables than are quickly searched.
  static bool Large(const Rows& rows) { return rows.n > 1024; }

  OneGuide(const Row& row, int64_t n) {
    int most = kUsualBits;
    while (most < kMaxBits && row.n << 3 > int64_t{1} << most) ++most;
    most = std::min(row.precision, most);
    bits = std::min(row.precision, kMinBits);
    while (bits < most && int64_t{4} << bits < n) ++bits;
    halves.reset(new uint32_t[size_t{2} << bits]);
    MakeGuide(row, bits, halves.get());
    table = {{row.cdf, 1, row.n, &index, 0, row.precision}, halves.get(), bits, false};
  }
  OneGuide(const OneGuide&) = delete;
  OneGuide& operator=(const OneGuide&) = delete;

  int bits;
  std::unique_ptr<uint32_t[]> halves;
  const int32_t index = 0;
  GuidedRows table;
};

}  // namespace jans

#endif  // JANS_CPU_SEARCH_ROW_TABLES_H_
