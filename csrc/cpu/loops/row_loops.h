// Symbols of one stream from rows of cumulative frequencies: which loop is best is decided first, by a plan, and then
// there is one switch.
#ifndef JANS_CPU_LOOPS_ROW_LOOPS_H_
#define JANS_CPU_LOOPS_ROW_LOOPS_H_

#include "../search/row_tables.h"
#include "one_row.h"
#include "simd_dispatch.h"

namespace jans {

// So many symbols pay for tables that fewer do not pay for.
constexpr int64_t kManySymbols = 4096;

// Whether a stream whose symbols share a row can be coded sixteen heads to a register, if that row is a distribution.
template <typename V>
bool OneRowServes([[maybe_unused]] const Stream<V>& stream, [[maybe_unused]] const Row& row) {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<V, Rans32_16>) {
    return HasWidest() && (stream.lanes == 32 || stream.lanes == 64) && row.n <= avx512::kMaxInRegisters &&
           row.precision <= kMaxEight<V> && InRange(stream);
  }
#endif
  return false;
}

// Whether there is a loop side by side for its lanes.
template <typename V>
bool LanesServe(const Stream<V>& stream) {
  const bool few = stream.lanes == 1 || stream.lanes == 2 || stream.lanes == 4;
  return kHasEight<V> && HasWide() && (few || (stream.lanes % kEight == 0 && stream.lanes <= kMaxHeads));
}

// The greatest freq among the symbols of a row that have an interval.
inline uint32_t MaxFreq(const Row& row) {
  uint32_t high = 0;
  for (int64_t s = 0; s < row.n; ++s) high = std::max(high, row.At(s).freq);
  return high;
}

// ---- push ----

enum class PushPlan {
  kOneRow,          // one row in registers, sixteen heads to a register
  kFlushedEntries,  // one head, and exact reciprocals of one row
  kEntries,         // reciprocals of one row
  kSideBySide,      // eight heads to a register, or eight intervals for a few heads
  kModel,           // an interval and a division for each symbol
};

template <typename V>
PushPlan PlanPush(const Stream<V>& stream, const GuidedRows& table, int64_t n) {
  const Rows& rows = table.rows;
  const bool shared = n > 0 && rows.Shared() && rows.Valid(0);
  if (shared && rows.precision >= kMinEight<V> && OneRowServes(stream, rows.At(0))) return PushPlan::kOneRow;
  const bool entries = shared && EntryTable<TableEntry<V>>::Serves(rows.n, n);
  // Reciprocals that many symbols share are worth more than heads side by side where those fill no register.
  if (entries && stream.lanes < 8 && n >= kManySymbols) {
    // One head waits for itself.
    const bool flushed = sizeof(typename V::State) == 8 && stream.lanes == 1 && InRange(stream) &&
                         MaxFreq(rows.At(0)) < Total(rows.precision) / 2;
    return flushed ? PushPlan::kFlushedEntries : PushPlan::kEntries;
  }
  if (LanesServe(stream) && TableSource{table, PlainSymbols{}}.template ServesPush<V>()) return PushPlan::kSideBySide;
  return entries ? PushPlan::kEntries : PushPlan::kModel;
}

// Pushes n symbols with a table of entries that make(interval) gives.
template <typename V, typename Item, typename Make>
void PushByEntries(Stream<V>& stream, const Row& row, const Symbols& symbols, int64_t n, const Make& make) {
  EntryTable<Item> items;
  items.Build(row, n, make);
  ForBlocksBackward(symbols, 0, n, stream.lanes, [&](const int32_t* some, int64_t first, int64_t last) {
    auto source = [find = items.Find(), some](int64_t i) -> const Item& { return find(some[i]); };
    if constexpr (std::is_same_v<Item, FlushedEntry>) {
      PushEntries<V, 1>(stream, source, last - first, row.precision);
    } else {
      WithLanes(stream.lanes, [&](auto lanes) {
        PushEntries<V, decltype(lanes)::value>(stream, source, last - first, row.precision);
      });
    }
  });
}

// Pushes n symbols.
template <typename V>
void PushRows(Stream<V>& stream, const GuidedRows& table, const Symbols& symbols, int64_t n) {
  const int precision = table.rows.precision;
  const Finder<GuidedRows> finder(table);
  const ModelView model = ViewOf(finder, precision);
  auto plain = [&](int64_t begin, int64_t end) { PushModel(stream, model, symbols, begin, end); };
  switch (PlanPush(stream, table, n)) {
    case PushPlan::kOneRow:
#if defined(__x86_64__)
      if constexpr (std::is_same_v<V, Rans32_16>) {
        if (PushOneRow(stream, table.rows.At(0), symbols, n, plain)) return;
      }
#endif
      return plain(0, n);
    case PushPlan::kFlushedEntries:
      if constexpr (sizeof(typename V::State) == 8) {
        auto make = [precision](Interval interval) { return MakeFlushedEntry<V>(interval, precision); };
        return PushByEntries<V, FlushedEntry>(stream, table.rows.At(0), symbols, n, make);
      }
      return plain(0, n);
    case PushPlan::kEntries: {
      auto make = [precision](Interval interval) { return MakeTableEntry<V>(interval, precision); };
      return PushByEntries<V, TableEntry<V>>(stream, table.rows.At(0), symbols, n, make);
    }
    case PushPlan::kSideBySide:
      if (!PushSideBySide(stream, TableSource{table, PlainSymbols{}}, symbols, n, plain)) plain(0, n);
      return;
    case PushPlan::kModel:
      return plain(0, n);
  }
}

// ---- pop ----

enum class PopPlan {
  kOneRowSlots,  // one row, sixteen heads to a register, all there is to know of each quantile
  kOneRowBytes,  // the same with the symbol of each quantile
  kGuides,       // the table's guides
  kOwnGuide,     // a guide made for this call
  kRowTable,     // another table of one row
  kSearch,       // a search for each symbol
};

template <typename V>
PopPlan PlanPop(const Stream<V>& stream, const GuidedRows& table, int64_t n) {
  const Rows& rows = table.rows;
  const bool shared = n > 0 && rows.Shared() && rows.Valid(0);
  // As many symbols as pay for the table. With 32 lanes, bytes are no quicker than guides.
  const int64_t quantiles = static_cast<int64_t>(Total(rows.precision));
  const bool slots = n >= quantiles && rows.precision <= 12;
  const bool bytes = n >= quantiles / 8 && stream.lanes == 64 && rows.precision >= kMinEight<V>;
  if (shared && (slots || bytes) && OneRowServes(stream, rows.At(0))) {
    return slots ? PopPlan::kOneRowSlots : PopPlan::kOneRowBytes;
  }
  if (table.guides != nullptr) return PopPlan::kGuides;
  if (!shared) return PopPlan::kSearch;
  const bool side_by_side = kHasEight<V> && stream.lanes % 8 == 0 && FitsPrecision<V>(rows.precision);
  const bool guide = side_by_side || OneGuide::Large(rows);
  if (guide && OneGuide::Serves(rows, n)) return PopPlan::kOwnGuide;
  return PopPlan::kRowTable;
}

// Finds symbols from `first` on. It has a copy of the table, which no store of symbols can change.
template <bool kPairs>
struct LocateGuided {
  GuidedRows table;
  int64_t first;

  JANS_HD Located operator()(int64_t i, uint32_t quantile) const { return table.LocateBy<kPairs>(first + i, quantile); }
};

// Pops symbols begin, ..., end - 1 one by one; `begin` is a multiple of the lanes.
template <typename V, typename LocateFrom>
void PopByLocate(Stream<V>& stream, const LocateFrom& locate_from, int precision, const SymbolsOut& symbols,
                 int64_t begin, int64_t end) {
  ForBlocksForward(symbols, begin, end, stream.lanes, [&](int32_t* some, int64_t first, int64_t last) {
    const auto locate = locate_from(first);
    WithLanes(stream.lanes, [&](auto lanes) {
      PopAll<V, decltype(lanes)::value>(stream, locate, StoreTo{some}, last - first, precision);
    });
  });
}
template <typename V>
void PopByGuides(Stream<V>& stream, const GuidedRows& table, const SymbolsOut& symbols, int64_t begin, int64_t end) {
  const int precision = table.rows.precision;
  if (table.pairs()) {
    auto locate_from = [&table](int64_t first) { return LocateGuided<true>{table, first}; };
    return PopByLocate(stream, locate_from, precision, symbols, begin, end);
  }
  auto locate_from = [&table](int64_t first) { return LocateGuided<false>{table, first}; };
  PopByLocate(stream, locate_from, precision, symbols, begin, end);
}

// Pops n symbols of a table with guides.
template <typename V>
void PopGuided(Stream<V>& stream, const GuidedRows& table, const SymbolsOut& symbols, int64_t n) {
  auto plain = [&](int64_t begin, int64_t end) { PopByGuides(stream, table, symbols, begin, end); };
  if (!PopSideBySide(stream, TableSource{table, PlainSymbols{}}, symbols, n, plain)) plain(0, n);
}

// Pops symbols by searches in their rows.
template <typename V>
void PopBySearch(Stream<V>& stream, const Rows& rows, const SymbolsOut& symbols, int64_t begin, int64_t end) {
  auto locate_from = [&rows](int64_t first) {
    return [rows, first](int64_t i, uint32_t quantile) { return rows.Locate(first + i, quantile); };
  };
  PopByLocate(stream, locate_from, rows.precision, symbols, begin, end);
}

// Pops n symbols with another table of one row. False, and nothing done, where that is worth none.
template <typename V>
bool PopByRowTable(Stream<V>& stream, const Row& row, const SymbolsOut& symbols, int64_t n) {
  auto pop = [&](const auto& locate) {
    auto locate_from = [locate](int64_t) { return [locate](int64_t, uint32_t quantile) { return locate(quantile); }; };
    PopByLocate(stream, locate_from, row.precision, symbols, 0, n);
  };
  return WithTable(row, n, pop);
}

// Pops n symbols.
template <typename V>
void PopRows(Stream<V>& stream, const GuidedRows& table, const SymbolsOut& symbols, int64_t n) {
  const Rows& rows = table.rows;
  auto search = [&](int64_t begin, int64_t end) { PopBySearch(stream, rows, symbols, begin, end); };
  switch (PlanPop(stream, table, n)) {
    case PopPlan::kOneRowSlots:
#if defined(__x86_64__)
      if constexpr (std::is_same_v<V, Rans32_16>) {
        if (PopOneRow<avx512::Slots>(stream, rows.At(0), symbols, n, search)) return;
      }
#endif
      break;
    case PopPlan::kOneRowBytes:
#if defined(__x86_64__)
      if constexpr (std::is_same_v<V, Rans32_16>) {
        if (PopOneRow<avx512::SymbolBytes>(stream, rows.At(0), symbols, n, search)) return;
      }
#endif
      break;
    case PopPlan::kGuides:
      return PopGuided(stream, table, symbols, n);
    case PopPlan::kOwnGuide:
      return PopGuided(stream, OneGuide(rows.At(0), n).table, symbols, n);
    case PopPlan::kRowTable:
      break;
    case PopPlan::kSearch:
      return search(0, n);
  }
  if (!PopByRowTable(stream, rows.At(0), symbols, n)) search(0, n);
}

}  // namespace jans

#endif  // JANS_CPU_LOOPS_ROW_LOOPS_H_
