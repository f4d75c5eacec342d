// CPU handlers of the coder, and the table of all.
#include "../core/intervals.h"
#include "../cpu/row_tables.h"
#include "any_model.h"
#include "cpu_call.h"
#include "library.h"

namespace jans {
namespace {

// ---- intervals ----

ffi::Error RansPush(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                    AnyBuffer start, AnyBuffer freq, Out head_out, Out tail_out, Out size_out, Out status_out,
                    int32_t variant, int32_t precision) {
  Batch batch;
  IntervalOperands args;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(args.Init(batch, start, freq));
  KeepBuffer(tail, tail_out);
  const int64_t n = args.n();
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    auto body = [&](Stream<V>& stream, int64_t b) {
      Intervals source{args.start.At(b), args.freq.At(b), precision};
      WithLanes(stream.lanes, [&](auto lanes) {
        if constexpr (sizeof(typename V::State) == 8) {
          auto fill = [source](int64_t begin, int64_t count, uint32_t* start, uint32_t* freq) {
            source.Fill(begin, count, start, freq);
          };
          PushFilled<V, decltype(lanes)::value, 16>(stream, fill, n, precision);
        } else {
          auto find = [source](int64_t i) { return source.Check(source.Raw(i)); };
          PushAll<V, decltype(lanes)::value>(stream, find, n, precision);
        }
      });
    };
    return ForCoders<V>(pool, batch, {head, *tail_out, size, status, head_out, size_out, status_out}, precision,
                        StreamGrain(n), body);
  });
}

ffi::Error RansAdvance(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                       AnyBuffer start, AnyBuffer freq, Out head_out, Out size_out, Out status_out, int32_t variant,
                       int32_t precision) {
  Batch batch;
  IntervalOperands args;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(args.Init(batch, start, freq));
  const int64_t n = args.n();
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    auto body = [&](Stream<V>& stream, int64_t b) {
      Intervals source{args.start.At(b), args.freq.At(b), precision};
      auto locate = [source](int64_t i, uint32_t quantile) { return source.Locate(i, quantile); };
      PopAll<V, 0>(stream, locate, [](int64_t, int32_t) {}, n, precision);
    };
    return ForCoders<V>(pool, batch, {head, tail, size, status, head_out, size_out, status_out}, precision,
                        StreamGrain(n), body);
  });
}

// ---- rows of cumulative frequencies ----

Rows RowsAt(const RowOperands& rows, int64_t b, int32_t precision) {
  return {rows.cdf.At(b), rows.count(), rows.row_symbols(), rows.index.At(b), rows.index_stride(), precision};
}

ffi::Error RansPushRows(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                        AnyBuffer symbols, AnyBuffer cdf, AnyBuffer index, Out head_out, Out tail_out, Out size_out,
                        Out status_out, int32_t variant, int32_t precision) {
  Batch batch;
  RowOperands args;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(CheckVector(symbols));
  JANS_RETURN_IF_ERROR(args.Init(batch, cdf, index, symbols.dimensions().back()));
  auto body = [&](auto& stream, int64_t b, const auto& in) {
    using V = typename std::decay_t<decltype(stream)>::Variant;
    const auto* s = in.At(b);
    const int64_t n = in.core[0];
    const Rows rows = RowsAt(args, b, precision);
    WithLanes(stream.lanes, [&](auto lanes) {
      constexpr int kLanes = decltype(lanes)::value;
      EntryTable<Entry> table;
      auto make = [precision](Interval interval) { return MakeEntry<V>(interval, precision); };
      if (rows.Shared() && n > 0 && rows.Valid(0) && table.Build(rows.At(0), n, make)) {
        PushEntries<V, kLanes>(stream, [&table, s](int64_t i) { return table.Find(s[i]); }, n, precision);
      } else {
        PushAll<V, kLanes>(stream, [&](int64_t i) { return rows.Find(i, s[i]); }, n, precision);
      }
    });
  };
  return Push(pool, batch, head, tail, size, status, symbols, head_out, tail_out, size_out, status_out, variant,
              precision, 1, body);
}

ffi::Error RansPopRows(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                       AnyBuffer cdf, AnyBuffer index, Out head_out, Out size_out, Out status_out, Out symbols_out,
                       int32_t variant, int32_t precision) {
  Batch batch;
  RowOperands args;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(CheckVector(*symbols_out));
  JANS_RETURN_IF_ERROR(args.Init(batch, cdf, index, symbols_out->dimensions().back()));
  auto body = [&](auto& stream, int64_t b, int64_t n, const auto& store) {
    using V = typename std::decay_t<decltype(stream)>::Variant;
    const Rows rows = RowsAt(args, b, precision);
    WithLanes(stream.lanes, [&](auto lanes) {
      auto pop = [&](const auto& locate) { PopAll<V, decltype(lanes)::value>(stream, locate, store, n, precision); };
      auto pop_row = [&](const auto& locate) { pop([&](int64_t, uint32_t quantile) { return locate(quantile); }); };
      if (rows.Shared() && n > 0 && rows.Valid(0) && WithTable(rows.At(0), n, pop_row)) return;
      pop([&](int64_t i, uint32_t quantile) { return rows.Locate(i, quantile); });
    });
  };
  return Pop(pool, batch, head, tail, size, status, head_out, size_out, status_out, symbols_out, variant, precision, 1,
             body);
}

class AnyRows : public AnyModels {
 public:
  ffi::Error Init(const Batch& batch, const AnyBuffer& cdf, const AnyBuffer& index, int64_t n, int32_t precision) {
    precision_ = precision;
    return rows_.Init(batch, cdf, index, n);
  }
  void Open(int64_t b, int64_t n, Order, const std::function<void(const AnyModel&)>& use) const override {
    const Finder<Rows> finder(RowsAt(rows_, b, precision_));
    const Rows& rows = finder.model();
    const bool shared = n > 0 && rows.Shared() && rows.Valid(0);
    const Row row = shared ? rows.At(0) : Row{};
    use({&finder, finder.Find(), finder.Locate(), 16, shared ? &row : nullptr});
  }
  int64_t cost() const override { return 1; }

 private:
  RowOperands rows_;
  int precision_ = 0;
};

// Where the tail lies before and after a call that updates it: four halves, low first. Tests hold them against each
// other.
ffi::Error Addresses(AnyBuffer tail, Out tail_out, ffi::ResultBufferR1<ffi::U32> addresses) {
  auto in = reinterpret_cast<uintptr_t>(tail.untyped_data()),
       out = reinterpret_cast<uintptr_t>(tail_out->untyped_data());
  KeepBuffer(tail, tail_out);
  if (addresses->element_count() != 4) return Invalid("addresses has four entries");
  uint32_t* halves = addresses->typed_data();
  halves[0] = static_cast<uint32_t>(in);
  halves[1] = static_cast<uint32_t>(static_cast<uint64_t>(in) >> 32);
  halves[2] = static_cast<uint32_t>(out);
  halves[3] = static_cast<uint32_t>(static_cast<uint64_t>(out) >> 32);
  return ffi::Error::Success();
}

}  // namespace

ffi::Error Make_rows(const Batch& batch, const ffi::RemainingArgs& args, size_t first, int64_t n, int32_t precision,
                     std::unique_ptr<AnyModels>& models) {
  auto cdf = args.get<AnyBuffer>(first), index = args.get<AnyBuffer>(first + 1);
  if (!cdf.has_value() || !index.has_value()) return Invalid("cdf or index is missing");
  auto rows = std::make_unique<AnyRows>();
  JANS_RETURN_IF_ERROR(rows->Init(batch, *cdf, *index, n, precision));
  models = std::move(rows);
  return ffi::Error::Success();
}

JANS_HANDLER(rans_push, RansPush, BIND STATE ARG(start) ARG(freq) PUSHED CODER)
JANS_HANDLER(rans_advance, RansAdvance, BIND STATE ARG(start) ARG(freq) ADVANCED CODER)
JANS_HANDLER(rans_push_rows, RansPushRows, BIND STATE ARG(symbols) ARG(cdf) ARG(index) PUSHED CODER)
JANS_HANDLER(rans_pop_rows, RansPopRows, BIND STATE ARG(cdf) ARG(index) ADVANCED RET(symbols) CODER)
JANS_HANDLER(addresses, Addresses, ffi::Ffi::Bind().Arg<AnyBuffer>().Ret<AnyBuffer>().Ret<ffi::BufferR1<ffi::U32>>())

}  // namespace jans

#define JANS_FAMILY_ROWS(name, _) JANS_FAMILY_TARGETS(JANS_ROW, name)
#define JANS_KIND_ROWS(name, _) JANS_KIND_TARGETS(JANS_ROW, name)
JANS_LIBRARY(JANS_CODER_TARGETS(JANS_ROW) JANS_FAMILIES(JANS_FAMILY_ROWS) JANS_CPU_TARGETS(JANS_ROW)
                 JANS_KINDS(JANS_KIND_ROWS))
