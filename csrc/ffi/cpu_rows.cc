// CPU handlers of rows of cumulative frequencies, plain ("rows") or with guides ("table").
#include "../cpu/row_tables.h"
#include "any_model.h"
#include "cpu_call.h"
#include "table_operands.h"

namespace jans {
namespace {

// ---- rANS ----

template <typename V, typename Symbol>
void PushRows(Stream<V>& stream, const Rows& rows, const Symbol* symbols, int64_t n, int precision) {
  WithMoreLanes(stream.lanes, [&](auto lanes) {
    constexpr int kLanes = decltype(lanes)::value;
    EntryTable<Entry> table;
    auto make = [precision](Interval interval) { return MakeEntry<V>(interval, precision); };
    if (rows.Shared() && n > 0 && rows.Valid(0) && table.Build(rows.At(0), n, make)) {
      auto source = [&table, symbols](int64_t i) { return table.Find(symbols[i]); };
      return PushEntries<V, kLanes>(stream, source, n, precision);
    }
    auto fill = [&rows, symbols](int64_t begin, int64_t count, uint32_t* start, uint32_t* freq) {
      for (int64_t j = 0; j < count; ++j) {
        const Interval interval = rows.Find(begin + j, symbols[begin + j]);
        start[j] = interval.start;
        freq[j] = interval.freq;
      }
    };
    PushFilled<V, kLanes, 16>(stream, fill, n, precision);
  });
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
    PushRows(stream, args.At(b).rows, in.At(b), in.core[0], precision);
  };
  return Push(pool, batch, head, tail, size, status, symbols, head_out, tail_out, size_out, status_out, variant,
              precision, 1, body);
}

template <typename V, typename Store>
void PopRows(Stream<V>& stream, const GuidedRows& table, const Store& store, int64_t n, int precision) {
  WithMoreLanes(stream.lanes, [&](auto lanes) {
    auto pop = [&](const auto& locate) { PopAll<V, decltype(lanes)::value>(stream, locate, store, n, precision); };
    if (table.guides != nullptr && table.pairs()) {
      return pop([table](int64_t i, uint32_t quantile) { return table.template LocateBy<true>(i, quantile); });
    }
    if (table.guides != nullptr) {
      return pop([table](int64_t i, uint32_t quantile) { return table.template LocateBy<false>(i, quantile); });
    }
    const Rows& rows = table.rows;
    auto pop_row = [&](const auto& locate) { pop([&](int64_t, uint32_t quantile) { return locate(quantile); }); };
    if (rows.Shared() && n > 0 && rows.Valid(0) && WithTable(rows.At(0), n, pop_row)) return;
    pop([&rows](int64_t i, uint32_t quantile) { return rows.Locate(i, quantile); });
  });
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
    PopRows(stream, args.At(b), store, n, precision);
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
