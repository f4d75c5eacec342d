// CPU handlers of rANS with alias tables, with bypass coding and without.
#include <vector>

#include "../../cpu/loops/bypass_stream.h"
#include "../operands/alias_operands.h"
#include "../operands/bypass_operands.h"
#include "call.h"

namespace jans {
namespace {

// ---- loops ----

// Pushes symbols begin, ..., end - 1 of a model, which may be rows or rows with escape symbols.
template <typename V, int kLanes, typename Model, typename Symbol>
void PushRemapped(Stream<V>& stream, const Model& model, const RemappedRows& rows, const Symbol* symbols, int64_t begin,
                  int64_t end, int precision) {
  const auto fill = FillFrom(model, symbols, begin);
  const EntrySource<V, 16, decltype(fill)> entries(fill, end - begin, precision);
  auto source = [&entries, rows, begin](int64_t i) { return ItemOf(rows, begin + i, entries(i)); };
  PushEntries<V, kLanes>(stream, source, end - begin, precision);
}

ffi::Error RansPushAlias(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                         AnyBuffer symbols, ffi::RemainingArgs operands, Out head_out, Out tail_out, Out size_out,
                         Out status_out, int32_t variant, int32_t precision) {
  Batch batch;
  RemapOperands args;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(CheckVector(symbols));
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, symbols.dimensions().back(), precision));
  auto body = [&](auto& stream, int64_t b, const auto& in) {
    using V = typename std::decay_t<decltype(stream)>::Variant;
    const RemappedRows rows = args.At(b);
    WithMoreLanes(stream.lanes, [&](auto lanes) {
      PushRemapped<V, decltype(lanes)::value>(stream, rows, rows, in.At(b), 0, in.core[0], precision);
    });
  };
  return Push(pool, batch, head, tail, size, status, symbols, head_out, tail_out, size_out, status_out, variant,
              precision, 1, body);
}

ffi::Error RansPopAlias(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                        ffi::RemainingArgs operands, Out head_out, Out size_out, Out status_out, Out symbols_out,
                        int32_t variant, int32_t precision) {
  Batch batch;
  AliasOperands args;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(CheckVector(*symbols_out));
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, symbols_out->dimensions().back(), precision));
  auto body = [&](auto& stream, int64_t b, int64_t n, const auto& store) {
    using V = typename std::decay_t<decltype(stream)>::Variant;
    const AliasRows rows = args.At(b);
    auto locate = [&rows](int64_t i, uint32_t quantile) { return rows.Locate(i, quantile); };
    WithMoreLanes(stream.lanes,
                  [&](auto lanes) { PopAll<V, decltype(lanes)::value>(stream, locate, store, n, precision); });
  };
  return Pop(pool, batch, head, tail, size, status, head_out, size_out, status_out, symbols_out, variant, precision, 1,
             body);
}

ffi::Error RansPushBypassAlias(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                               AnyBuffer symbols, ffi::RemainingArgs operands, Out head_out, Out tail_out, Out size_out,
                               Out status_out, int32_t variant, int32_t precision, int32_t digit) {
  Batch batch;
  BypassOperands<RemapOperands> args;
  Operand<const int32_t> in;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(in.Init("symbols", symbols, ffi::DataType::S32, batch, 1));
  const int64_t n = in.core[0];
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, n, precision, digit));
  KeepBuffer(tail, tail_out);
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    JANS_RETURN_IF_ERROR(CheckPrecision(digit, MaxPrecision<V>()));
    auto body = [&](Stream<V>& stream, int64_t b) {
      const auto model = args.At(b);
      const int32_t* s = in.At(b);
      WithMoreLanes(stream.lanes, [&](auto lanes) {
        auto push = [&](int64_t begin, int64_t end) {
          PushRemapped<V, decltype(lanes)::value>(stream, model, model.table, s, begin, end, precision);
        };
        PushBypassAll(stream, model, s, 0, n, precision, push);
      });
    };
    return ForCoders<V>(pool, batch, {head, *tail_out, size, status, head_out, size_out, status_out}, precision,
                        StreamGrain(n), body);
  });
}

ffi::Error RansPopBypassAlias(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                              ffi::RemainingArgs operands, Out head_out, Out size_out, Out status_out, Out symbols_out,
                              int32_t variant, int32_t precision, int32_t digit) {
  Batch batch;
  BypassOperands<AliasOperands> args;
  Operand<int32_t> out;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(out.Init("symbols", *symbols_out, ffi::DataType::S32, batch, 1));
  const int64_t n = out.core[0];
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, n, precision, digit));
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    JANS_RETURN_IF_ERROR(CheckPrecision(digit, MaxPrecision<V>()));
    auto body = [&](Stream<V>& stream, int64_t b) {
      const auto model = args.At(b);
      BypassReader<V, AliasRows> reader(model, stream, out.At(b), n, 0);
      auto locate = [&reader](int64_t i, uint32_t quantile) { return reader.Locate(i, quantile); };
      WithMoreLanes(stream.lanes, [&](auto lanes) {
        PopAll<V, decltype(lanes)::value>(stream, locate, StoreTo<int32_t>{out.At(b)}, n, precision, reader);
      });
      stream.tail.status |= reader.status();
    };
    return ForCoders<V>(pool, batch, {head, tail, size, status, head_out, size_out, status_out}, precision,
                        StreamGrain(n), body);
  });
}

// ---- tables ----

// A row of a table and a row of what is made of it, as long as `length(bits)`: make(row, bits, out, scratch).
template <typename Length, typename Make>
ffi::Error MakeRows(ffi::ThreadPool& pool, const AnyBuffer& cdf_in, Out& made_out, int32_t precision,
                    const Length& length, const Make& make) {
  Batch batch;
  Operand<const uint32_t> cdf;
  Operand<uint32_t> made;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, kMaxAliasPrecision));
  JANS_RETURN_IF_ERROR(CheckVector(cdf_in));
  JANS_RETURN_IF_ERROR(InitBatch(cdf_in.dimensions().first(cdf_in.dimensions().size() - 1), batch));
  JANS_RETURN_IF_ERROR(cdf.Init("cdf", cdf_in, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(made.Init("result", *made_out, ffi::DataType::U32, batch, 1));
  const int64_t n = cdf.core[0] - 1;
  if (n < 1 || n > kMaxAliasSymbols) return Invalid("an alias table is for 1 to 2^24 symbols");
  const int bits = AliasBits(n, precision);
  if (made.core[0] != length(bits)) return Invalid("the result does not fit the row and the precision");
  ParallelFor(pool, batch.streams, StreamGrain(n + made.core[0]), [&](int64_t begin, int64_t end) {
    std::vector<uint32_t> scratch(std::max(n, int64_t{1} << bits) + (kBucketWords << bits));
    for (int64_t b = begin; b < end; ++b) make(Row{cdf.At(b), n, precision}, bits, made.At(b), scratch.data());
  });
  return ffi::Error::Success();
}

ffi::Error TableAlias(ffi::ThreadPool pool, AnyBuffer cdf, Out alias, int32_t precision) {
  return MakeRows(
      pool, cdf, alias, precision, [](int bits) { return kBucketWords << bits; },
      [](const Row& row, int bits, uint32_t* out, uint32_t* scratch) { MakeAlias(row, bits, out, scratch); });
}

ffi::Error TableRemap(ffi::ThreadPool pool, AnyBuffer cdf, Out remap, int32_t precision) {
  return MakeRows(
      pool, cdf, remap, precision, [precision](int bits) { return RemapWords(bits, precision); },
      [](const Row& row, int bits, uint32_t* out, uint32_t* scratch) {
        uint32_t* counts = scratch + (kBucketWords << bits);
        MakeAlias(row, bits, scratch, counts);
        MakeRemap(row, bits, scratch, out, counts);
      });
}

}  // namespace

JANS_HANDLER(rans_push_alias, RansPushAlias,
             JANS_BIND JANS_STATE JANS_ARG(symbols) JANS_OPERANDS JANS_PUSHED JANS_CODER)
JANS_HANDLER(rans_pop_alias, RansPopAlias,
             JANS_BIND JANS_STATE JANS_OPERANDS JANS_ADVANCED JANS_RET(symbols) JANS_CODER)
JANS_HANDLER(rans_push_bypass_alias, RansPushBypassAlias,
             JANS_BIND JANS_STATE JANS_ARG(symbols) JANS_OPERANDS JANS_PUSHED JANS_CODER JANS_ATTR(digit))
JANS_HANDLER(rans_pop_bypass_alias, RansPopBypassAlias,
             JANS_BIND JANS_STATE JANS_OPERANDS JANS_ADVANCED JANS_RET(symbols) JANS_CODER JANS_ATTR(digit))
JANS_HANDLER(table_alias, TableAlias, JANS_BIND JANS_ARG(cdf) JANS_RET(alias) JANS_ATTR(precision))
JANS_HANDLER(table_remap, TableRemap, JANS_BIND JANS_ARG(cdf) JANS_RET(remap) JANS_ATTR(precision))

}  // namespace jans
