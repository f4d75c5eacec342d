// CPU handlers of rANS with alias tables, with bypass coding and without.
#include <vector>

#include "../../cpu/loops/bypass_stream.h"
#include "../operands/alias_operands.h"
#include "../operands/bypass_operands.h"
#include "call.h"

namespace jans {
namespace {

// ---- loops ----

// Pushes n symbols of a model, which may be rows or rows with escape symbols, as its symbols first, first + 1, ...
template <typename V, typename Model>
void PushRemapped(Stream<V>& stream, const Model& model, const RemappedRows& rows, const int32_t* symbols,
                  int64_t first, int64_t n) {
  const Finder<Model> finder(model);
  const ModelView view{&finder, finder.Find(), nullptr, nullptr, rows.rows.precision};
  const EntrySource<V> entries(view, symbols, first, n);
  auto source = [&entries, rows, first](int64_t i) { return ItemOf(rows, first + i, entries(i)); };
  WithLanes(stream.lanes,
            [&](auto lanes) { PushEntries<V, decltype(lanes)::value>(stream, source, n, rows.rows.precision); });
}

// Pops n symbols, from the model's symbol `first` on.
template <typename V>
void PopAlias(Stream<V>& stream, const AliasRows& rows, int32_t* symbols, int64_t first, int64_t n) {
  auto locate = [rows, first](int64_t i, uint32_t quantile) { return rows.Locate(first + i, quantile); };
  WithLanes(stream.lanes, [&](auto lanes) {
    PopAll<V, decltype(lanes)::value>(stream, locate, StoreTo{symbols}, n, rows.rows.precision);
  });
}

ffi::Error RansPushAlias(ffi::ThreadPool pool, StateIn state, AnyBuffer symbols, Arguments operands, Pushed results,
                         int32_t variant, int32_t precision) {
  const CoderCall call{{state, results}, variant, precision};
  Batch batch;
  RemapOperands args;
  SymbolOperand in;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(in.Init(symbols, batch));
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, in.n(), precision));
  KeepBuffer(state.tail, results.tail);
  auto body = [&](auto& stream, int64_t b) {
    const RemappedRows rows = args.At(b);
    auto push = [&](const int32_t* some, int64_t first, int64_t last) {
      PushRemapped(stream, rows, rows, some, first, last - first);
    };
    ForBlocksBackward(in.At(b), 0, in.n(), stream.lanes, push);
  };
  return RunCoders(pool, batch, call, in.n(), 1, body);
}

ffi::Error RansPopAlias(ffi::ThreadPool pool, StateIn state, Arguments operands, Advanced results, Out symbols,
                        int32_t variant, int32_t precision) {
  const CoderCall call{{state, results}, variant, precision};
  Batch batch;
  AliasOperands args;
  SymbolOperand out;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(out.Init(symbols, batch));
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, out.n(), precision));
  auto body = [&](auto& stream, int64_t b) {
    const AliasRows rows = args.At(b);
    auto pop = [&](int32_t* some, int64_t first, int64_t last) { PopAlias(stream, rows, some, first, last - first); };
    ForBlocksForward(out.OutAt(b), 0, out.n(), stream.lanes, pop);
  };
  return RunCoders(pool, batch, call, out.n(), 1, body);
}

ffi::Error RansPushBypassAlias(ffi::ThreadPool pool, StateIn state, AnyBuffer symbols, Arguments operands,
                               Pushed results, int32_t variant, int32_t precision, int32_t bypass_precision) {
  const CoderCall call{{state, results}, variant, precision};
  Batch batch;
  BypassOperands<RemapOperands> args;
  Operand<const int32_t> in;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(in.Init("symbols", symbols, ffi::DataType::S32, batch, 1));
  const int64_t n = in.core[0];
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, n, precision, bypass_precision));
  JANS_RETURN_IF_ERROR(CheckBypass(variant, bypass_precision));
  KeepBuffer(state.tail, results.tail);
  auto body = [&](auto& stream, int64_t b) {
    const auto model = args.At(b);
    const int32_t* all = in.At(b);
    auto push = [&](int64_t begin, int64_t end) {
      PushRemapped(stream, model, model.table, all + begin, begin, end - begin);
    };
    PushBypassAll(stream, model, all, 0, n, precision, push);
  };
  return RunCoders(pool, batch, call, n, 1, body);
}

ffi::Error RansPopBypassAlias(ffi::ThreadPool pool, StateIn state, Arguments operands, Advanced results, Out symbols,
                              int32_t variant, int32_t precision, int32_t bypass_precision) {
  const CoderCall call{{state, results}, variant, precision};
  Batch batch;
  BypassOperands<AliasOperands> args;
  Operand<int32_t> out;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(out.Init("symbols", symbols, ffi::DataType::S32, batch, 1));
  const int64_t n = out.core[0];
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, n, precision, bypass_precision));
  JANS_RETURN_IF_ERROR(CheckBypass(variant, bypass_precision));
  auto body = [&](auto& stream, int64_t b) { PopBypassAll(stream, args.At(b), out.At(b), 0, n, n, precision); };
  return RunCoders(pool, batch, call, n, 1, body);
}

// ---- tables ----

// A row of a table and a row of what is made of it, as long as `length(bits)`: make(row, bits, out, scratch).
template <typename Length, typename Make>
ffi::Error MakeRows(ffi::ThreadPool& pool, const AnyBuffer& cdf_in, const Out& made_out, int32_t precision,
                    const Length& length, const Make& make) {
  Batch batch;
  Operand<const uint32_t> cdf;
  Operand<uint32_t> made;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, kMaxAliasPrecision));
  JANS_RETURN_IF_ERROR(CheckVector(cdf_in));
  JANS_RETURN_IF_ERROR(InitBatch(cdf_in.dimensions().first(cdf_in.dimensions().size() - 1), batch));
  JANS_RETURN_IF_ERROR(cdf.Init("cdf", cdf_in, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(made.Init("result", made_out, ffi::DataType::U32, batch, 1));
  const int64_t n = cdf.core[0] - 1;
  if (n < 1 || n > kMaxAliasSymbols) return Invalid("an alias table is for 1 to 2^24 symbols");
  const int bits = AliasBits(n, precision);
  if (made.core[0] != length(bits)) return Invalid("the result does not fit the row and the precision");
  OnThreads(pool, batch.streams, StreamGrain(n + made.core[0]), [&](int64_t begin, int64_t end) {
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

JANS_HANDLER(rans_push_alias, RansPushAlias, "variant", "precision")
JANS_HANDLER(rans_pop_alias, RansPopAlias, "variant", "precision")
JANS_HANDLER(rans_push_bypass_alias, RansPushBypassAlias, "variant", "precision", "bypass_precision")
JANS_HANDLER(rans_pop_bypass_alias, RansPopBypassAlias, "variant", "precision", "bypass_precision")
JANS_HANDLER(table_alias, TableAlias, "precision")
JANS_HANDLER(table_remap, TableRemap, "precision")

}  // namespace jans
