// CPU handlers of rows of cumulative frequencies, plain ("rows") or with guides ("table").
#include "../cpu/row_tables.h"
#include "../cpu/wide_rows.h"
#include "any_model.h"
#include "cpu_call.h"
#include "table_operands.h"

namespace jans {
namespace {

// ---- rANS ----

template <typename V, typename Symbol>
void PushRows(Stream<V>& stream, const GuidedRows& table, const Symbol* symbols, int64_t n, int precision) {
  auto push_filled = [&](auto lanes, int64_t first, int64_t last) {
    PushFilled<V, decltype(lanes)::value, 16>(stream, FillFrom(table, symbols, first), last - first, precision);
  };
  const Rows& rows = table.rows;
  const bool one = rows.Shared() && n > 0 && rows.Valid(0);
  if (stream.lanes == 32) {
    std::integral_constant<int, 32> lanes;
    auto push = [&](int64_t first, int64_t last) { push_filled(lanes, first, last); };
    if (PushSideBySide<32>(stream, table, Places{}, symbols, n, precision, push)) return;
  }
  EntryTable<Entry> entries;
  auto make = [precision](Interval interval) { return MakeEntry<V>(interval, precision); };
  if (one && entries.Build(rows.At(0), n, make)) {
    auto source = [&entries, symbols](int64_t i) { return entries.Find(symbols[i]); };
    return WithLanes(stream.lanes,
                     [&](auto lanes) { PushEntries<V, decltype(lanes)::value>(stream, source, n, precision); });
  }
  WithMoreLanes(stream.lanes, [&](auto lanes) { push_filled(lanes, 0, n); });
}

// A push finds intervals without a guide.
ffi::Error RansPushRows(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                        AnyBuffer symbols, ffi::RemainingArgs operands, Out head_out, Out tail_out, Out size_out,
                        Out status_out, int32_t variant, int32_t precision) {
  Batch batch;
  TableOperands args;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(CheckVector(symbols));
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, 0, symbols.dimensions().back(), precision, false));
  auto body = [&](auto& stream, int64_t b, const auto& in) {
    PushRows(stream, args.At(b), in.At(b), in.core[0], precision);
  };
  return Push(pool, batch, head, tail, size, status, symbols, head_out, tail_out, size_out, status_out, variant,
              precision, 1, body);
}

// A guide to one row for the length of a call, as fine as n symbols pay for.
struct OneGuide {
  static constexpr int kMostBits = 10;
  static constexpr int64_t kFewest = 256;  // symbols that are worth one

  OneGuide(const Row& row, int64_t n) : bits(std::min(row.precision, 6)) {
    while (bits < std::min(row.precision, kMostBits) && int64_t{4} << bits < n) ++bits;
    MakeGuide(row, bits, halves.data());
    table = {{row.cdf, 1, row.n, &index, 0, row.precision}, halves.data(), bits, false};
  }
  OneGuide(const OneGuide&) = delete;
  OneGuide& operator=(const OneGuide&) = delete;

  int bits;
  std::array<uint32_t, 2 << kMostBits> halves;
  const int32_t index = 0;
  GuidedRows table;
};

template <int kLanes, typename V, typename Symbol>
void PopPairs(Stream<V>& stream, const GuidedRows& table, Symbol* symbols, int64_t n, int precision) {
  auto pop = [&](int64_t first, int64_t last) {
    auto locate = [&](int64_t i, uint32_t quantile) { return table.template LocateBy<true>(first + i, quantile); };
    PopAll<V, kLanes>(stream, locate, StoreTo<Symbol>{symbols + first}, last - first, precision);
  };
  if (!PopSideBySide<kLanes>(stream, table, Places{}, symbols, n, precision, pop)) pop(0, n);
}

template <typename V, typename Symbol>
void PopRows(Stream<V>& stream, const GuidedRows& table, Symbol* symbols, int64_t n, int precision) {
  if (table.guides != nullptr && table.pairs()) {
    return WithMoreLanes(stream.lanes,
                         [&](auto lanes) { PopPairs<decltype(lanes)::value>(stream, table, symbols, n, precision); });
  }
  auto pop = [&](const auto& locate) {
    WithLanes(stream.lanes, [&](auto lanes) {
      PopAll<V, decltype(lanes)::value>(stream, locate, StoreTo<Symbol>{symbols}, n, precision);
    });
  };
  const Rows& rows = table.rows;
  if (table.guides != nullptr) {
    return pop([&table](int64_t i, uint32_t quantile) { return table.LocateBy<false>(i, quantile); });
  }
  if (rows.Shared() && n > 0 && rows.Valid(0)) {
    if constexpr (kSideBySide<V, 32>) {
      if (stream.lanes == 32 && n >= OneGuide::kFewest && rows.n <= std::min(n, kMaxGuideSymbols)) {
        return PopPairs<32>(stream, OneGuide(rows.At(0), n).table, symbols, n, precision);
      }
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
  TableOperands args;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(CheckVector(*symbols_out));
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, 0, symbols_out->dimensions().back(), precision, kGuided));
  auto body = [&](auto& stream, int64_t b, int64_t n, const auto& store) {
    PopRows(stream, args.At(b), store.symbols, n, precision);
  };
  return Pop(pool, batch, head, tail, size, status, head_out, size_out, status_out, symbols_out, variant, precision, 1,
             body);
}

// ---- guides ----

ffi::Error TableGuide(ffi::ThreadPool pool, AnyBuffer cdf_in, Out guide_out, int32_t precision) {
  Batch batch;
  Operand<const uint32_t> cdf;
  Operand<uint32_t> guide;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, kMaxGuidePrecision));
  JANS_RETURN_IF_ERROR(CheckVector(cdf_in));
  JANS_RETURN_IF_ERROR(batch.Init(cdf_in.dimensions().first(cdf_in.dimensions().size() - 1)));
  JANS_RETURN_IF_ERROR(cdf.Init("cdf", cdf_in, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(guide.Init("guide", *guide_out, ffi::DataType::U32, batch, 1));
  const int64_t n = cdf.core[0] - 1;
  const int bits = GuideBits(guide.core[0]);
  if (n < 1 || n > kMaxGuideSymbols) return Invalid("a guide is for 1 to 2^16 symbols");
  if (bits > precision || guide.core[0] != int64_t{2} << bits) return Invalid("guide does not fit the precision");
  ParallelFor(pool, batch.streams, StreamGrain(n + (int64_t{1} << bits)), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) MakeGuide({cdf.At(b), n, precision}, bits, guide.At(b));
  });
  return ffi::Error::Success();
}

// ---- every other coder ----

class AnyTable : public AnyModels {
 public:
  TableOperands table;

  void Open(int64_t b, int64_t n, Order, const std::function<void(const AnyModel&)>& use) const override {
    const Finder<GuidedRows> finder(table.At(b));
    const Rows& rows = finder.model().rows;
    const bool shared = n > 0 && rows.Shared() && rows.Valid(0);
    const Row row = shared ? rows.At(0) : Row{};
    use({&finder, finder.Find(), finder.Locate(), 16, shared ? &row : nullptr});
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

JANS_HANDLER(rans_push_rows, RansPushRows, BIND STATE ARG(symbols) OPERANDS PUSHED CODER)
JANS_HANDLER(rans_pop_rows, RansPopRows<false>, BIND STATE OPERANDS ADVANCED RET(symbols) CODER)
JANS_HANDLER(rans_push_table, RansPushRows, BIND STATE ARG(symbols) OPERANDS PUSHED CODER)
JANS_HANDLER(rans_pop_table, RansPopRows<true>, BIND STATE OPERANDS ADVANCED RET(symbols) CODER)
JANS_HANDLER(table_guide, TableGuide, BIND ARG(cdf) RET(guide) ATTR(precision))

}  // namespace jans
