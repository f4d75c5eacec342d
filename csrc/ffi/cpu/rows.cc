// CPU handlers of rows of cumulative frequencies, plain ("rows") or with guides ("table").
#include <memory>
#include <optional>

#include "../../cpu/loops/simd_dispatch.h"
#include "../../cpu/search/row_tables.h"
#include "any_model.h"
#include "call.h"
#include "tables.h"

namespace jans {
namespace {

// ---- rANS ----

// Fewer symbols than this do not pay for tables of their own.
constexpr int64_t kShort = 4096;

// Pushes symbols first, ..., last - 1, of which the first is one of lane 0.
template <typename V, typename Symbol>
void PushSome(Stream<V>& stream, const GuidedRows& table, const Symbol* symbols, int64_t first, int64_t last,
              int precision) {
  WithMoreLanes(stream.lanes, [&](auto lanes) {
    PushFilled<V, decltype(lanes)::value, 16>(stream, FillFrom(table, symbols, first), last - first, precision);
  });
}

// The greatest freq among the symbols of a row that have an interval.
uint32_t MostFreq(const Row& row) {
  uint32_t most = 0;
  for (int64_t s = 0; s < row.n; ++s) most = std::max(most, row.At(s).freq);
  return most;
}

template <typename V, typename Symbol>
void PushRows(Stream<V>& stream, const GuidedRows& table, const Symbol* symbols, int64_t n, int precision) {
  auto push = [&](int64_t first, int64_t last) { PushSome(stream, table, symbols, first, last, precision); };
  const Rows& rows = table.rows;
  const bool shared = rows.Shared() && n > 0 && rows.Valid(0);
  if (shared && PushOneRow(stream, rows.At(0), symbols, n, push)) return;
  auto by_side = [&] { return PushSideBySide(stream, table, Places{}, symbols, n, push); };
  auto push_entries = [&](const auto& entries, auto lanes) {
    auto source = [&entries, symbols](int64_t i) { return entries.Find(symbols[i]); };
    PushEntries<V, decltype(lanes)::value>(stream, source, n, precision);
  };
  auto by_entries = [&] {
    if constexpr (sizeof(typename V::State) == 8) {
      // One head waits for itself.
      EntryTable<FlushedEntry> entries;
      auto make = [precision](Interval interval) { return MakeFlushedEntry<V>(interval, precision); };
      if (stream.lanes == 1 && n >= kShort && shared && MostFreq(rows.At(0)) < Total(precision) / 2 &&
          InRange(stream) && entries.Build(rows.At(0), n, make)) {
        push_entries(entries, std::integral_constant<int, 1>{});
        return true;
      }
    }
    EntryTable<Entry> entries;
    auto make = [precision](Interval interval) { return MakeEntry<V>(interval, precision); };
    if (!shared || !entries.Build(rows.At(0), n, make)) return false;
    WithLanes(stream.lanes, [&](auto lanes) { push_entries(entries, lanes); });
    return true;
  };
  // Reciprocals that many symbols share are worth more than heads side by side where those fill no register.
  const bool done = stream.lanes < 8 && n >= kShort ? by_entries() || by_side() : by_side() || by_entries();
  if (!done) push(0, n);
}

// A push finds intervals without a guide.
ffi::Error RansPushRows(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                        AnyBuffer symbols, ffi::RemainingArgs operands, Out head_out, Out tail_out, Out size_out,
                        Out status_out, int32_t variant, int32_t precision) {
  Batch batch;
  CpuTables args;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(CheckVector(symbols));
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, 0, symbols.dimensions().back(), precision, false));
  auto body = [&](auto& stream, int64_t b, const auto& in) {
    FetchNext(args.rows.index, b);
    PushRows(stream, args.At(b), in.At(b), in.core[0], precision);
  };
  auto together = [&](auto* streams, int64_t b, int count, const auto& in) {
    if (!BetterTogether(streams[0], precision)) return false;
    const auto tables = args.From(b, count);
    const auto symbols = PointersOf(in, b, count);
    auto push = [&](int s, int64_t first, int64_t last) {
      PushSome(streams[s], tables[s], symbols[s], first, last, precision);
    };
    return PushTogether(streams, tables.data(), count, Places{}, symbols.data(), in.core[0], push);
  };
  return Push(pool, batch, head, tail, size, status, symbols, head_out, tail_out, size_out, status_out, variant,
              precision, 1, body, Together{together});
}

// A guide to one row for the length of a call, as fine as its symbols ask for and n of them pay for.
struct OneGuide {
  static constexpr int kLeastBits = 6, kUsualBits = 10, kMostBits = 16;
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
    while (most < kMostBits && row.n << 3 > int64_t{1} << most) ++most;
    most = std::min(row.precision, most);
    bits = std::min(row.precision, kLeastBits);
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

// The symbols from `first` on. It has a copy of the table, which no store of symbols can change.
template <bool kPairs>
struct LocateGuided {
  GuidedRows table;
  int64_t first;

  JANS_HD Located operator()(int64_t i, uint32_t quantile) const { return table.LocateBy<kPairs>(first + i, quantile); }
};

template <typename V, typename Symbol>
void PopSome(Stream<V>& stream, const GuidedRows& table, Symbol* symbols, int64_t first, int64_t last, int precision) {
  auto pop_by = [&](auto locate) {
    WithMoreLanes(stream.lanes, [&](auto lanes) {
      PopAll<V, decltype(lanes)::value>(stream, locate, StoreTo<Symbol>{symbols + first}, last - first, precision);
    });
  };
  table.pairs() ? pop_by(LocateGuided<true>{table, first}) : pop_by(LocateGuided<false>{table, first});
}

template <typename V, typename Symbol>
void PopGuided(Stream<V>& stream, const GuidedRows& table, Symbol* symbols, int64_t n, int precision) {
  auto pop = [&](int64_t first, int64_t last) { PopSome(stream, table, symbols, first, last, precision); };
  if (!PopSideBySide(stream, table, Places{}, symbols, n, pop)) pop(0, n);
}

template <typename V, typename Symbol>
void PopRows(Stream<V>& stream, const GuidedRows& table, Symbol* symbols, int64_t n, int precision) {
  auto pop_some = [&](const auto& locate, int64_t first, int64_t last) {
    WithLanes(stream.lanes, [&](auto lanes) {
      PopAll<V, decltype(lanes)::value>(stream, locate, StoreTo<Symbol>{symbols + first}, last - first, precision);
    });
  };
  auto pop = [&](const auto& locate) { pop_some(locate, 0, n); };
  const Rows& rows = table.rows;
  const bool shared = rows.Shared() && n > 0 && rows.Valid(0);
  if (shared) {
    const Row row = rows.At(0);
    auto locate = [&row](int64_t, uint32_t quantile) { return row.Locate(quantile); };
    auto pop_row = [&](int64_t first, int64_t last) { pop_some(locate, first, last); };
    if (PopOneRow(stream, row, symbols, n, pop_row)) return;
  }
  if (table.guides != nullptr) return PopGuided(stream, table, symbols, n, precision);
  if (shared) {
    const bool better = (kSideBySide<V> && stream.lanes % 8 == 0) || OneGuide::Large(rows);
    if (better && OneGuide::Serves(rows, n)) {
      return PopGuided(stream, OneGuide(rows.At(0), n).table, symbols, n, precision);
    }
    auto pop_row = [&](const auto& locate) { pop([&](int64_t, uint32_t quantile) { return locate(quantile); }); };
    if (WithTable(rows.At(0), n, pop_row)) return;
  }
  pop([&rows](int64_t i, uint32_t quantile) { return rows.Locate(i, quantile); });
}

template <bool kGuided>
ffi::Error RansPopRows(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                       ffi::RemainingArgs operands, Out head_out, Out size_out, Out status_out, Out symbols_out,
                       int32_t variant, int32_t precision) {
  Batch batch;
  CpuTables args;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(CheckVector(*symbols_out));
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, 0, symbols_out->dimensions().back(), precision, kGuided));
  // Short streams that share a row share a guide to it.
  std::optional<OneGuide> for_all;
  const int64_t length = symbols_out->dimensions().back();
  if (args.OneRow() && batch.streams > 1 && length < kShort) {
    const Rows rows = args.At(0).rows;
    if (OneGuide::Serves(rows, length * batch.streams)) for_all.emplace(rows.At(0), length * batch.streams);
  }
  auto body = [&](auto& stream, int64_t b, int64_t n, const auto& store) {
    PopRows(stream, for_all ? for_all->table : args.At(b), store.symbols, n, precision);
  };
  auto together = [&](auto* streams, int64_t b, int count, const auto& out) {
    if (!BetterTogether(streams[0], precision)) return false;
    auto tables = args.From(b, count);
    std::optional<OneGuide> guide;
    if (for_all) {
      tables.fill(for_all->table);
    } else if (tables[0].guides == nullptr) {
      const Rows rows = tables[0].rows;
      for (int s = 0; s < count; ++s) {
        const Rows& other = tables[s].rows;
        if (!OneGuide::Serves(other, count * out.core[0]) || other.cdf != rows.cdf || *other.index != *rows.index) {
          return false;
        }
      }
      guide.emplace(rows.At(0), count * out.core[0]);
      tables.fill(guide->table);
    }
    const auto symbols = PointersOf(out, b, count);
    auto pop = [&](int s, int64_t first, int64_t last) {
      PopSome(streams[s], tables[s], symbols[s], first, last, precision);
    };
    return PopTogether(streams, tables.data(), count, Places{}, symbols.data(), out.core[0], pop);
  };
  return Pop(pool, batch, head, tail, size, status, head_out, size_out, status_out, symbols_out, variant, precision, 1,
             body, Together{together});
}

// ---- every other coder ----

class AnyTable : public AnyModels {
 public:
  CpuTables table;

  void Open(int64_t b, int64_t n, Order, const std::function<void(const AnyModel&)>& use) const override {
    const Finder<GuidedRows> finder(table.At(b));
    const Rows& rows = finder.model().rows;
    const bool shared = n > 0 && rows.Shared() && rows.Valid(0);
    const Row row = shared ? rows.At(0) : Row{};
    use({&finder, finder.Find(), finder.Locate(), nullptr, 16, shared ? &row : nullptr});
  }
  int64_t cost() const override { return 1; }
};

ffi::Error MakeTable(const Batch& batch, const ffi::RemainingArgs& args, size_t first, int64_t n, int32_t precision,
                     bool guided, std::unique_ptr<AnyModels>& models) {
  auto any = std::make_unique<AnyTable>();
  JANS_RETURN_IF_ERROR(any->table.Init(batch, args, first, n, precision, guided));
  models = std::move(any);
  return ffi::Error::Success();
}

}  // namespace

ffi::Error Make_rows(const Batch& batch, const ffi::RemainingArgs& args, size_t first, int64_t n, int32_t precision,
                     std::unique_ptr<AnyModels>& models) {
  return MakeTable(batch, args, first, n, precision, false, models);
}

ffi::Error Make_table(const Batch& batch, const ffi::RemainingArgs& args, size_t first, int64_t n, int32_t precision,
                      std::unique_ptr<AnyModels>& models) {
  return MakeTable(batch, args, first, n, precision, true, models);
}

JANS_HANDLER(rans_push_rows, RansPushRows, JANS_BIND JANS_STATE JANS_ARG(symbols) JANS_OPERANDS JANS_PUSHED JANS_CODER)
JANS_HANDLER(rans_pop_rows, RansPopRows<false>,
             JANS_BIND JANS_STATE JANS_OPERANDS JANS_ADVANCED JANS_RET(symbols) JANS_CODER)
JANS_HANDLER(rans_push_table, RansPushRows, JANS_BIND JANS_STATE JANS_ARG(symbols) JANS_OPERANDS JANS_PUSHED JANS_CODER)
JANS_HANDLER(rans_pop_table, RansPopRows<true>,
             JANS_BIND JANS_STATE JANS_OPERANDS JANS_ADVANCED JANS_RET(symbols) JANS_CODER)
JANS_HANDLER(table_guide, TableGuide<OnCpu>, JANS_BIND JANS_ARG(cdf) JANS_RET(guide) JANS_ATTR(precision))

}  // namespace jans
