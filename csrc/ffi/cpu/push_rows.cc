// CPU handlers that push rows of cumulative frequencies: plain ("rows") or with guides ("table"), which a push does not
// read.
#include "../../cpu/loops/row_loops.h"
#include "call.h"
#include "tables.h"

namespace jans {
namespace {

ffi::Error RansPushRows(ffi::ThreadPool pool, StateIn state, AnyBuffer symbols, Arguments operands, Pushed results,
                        int32_t variant, int32_t precision) {
  const CoderCall call{{state, results}, variant, precision};
  Batch batch;
  CpuTables args;
  SymbolOperand in;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(in.Init(symbols, batch));
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, 0, in.n(), precision, false));
  KeepBuffer(state.tail, results.tail);
  auto body = [&](auto& stream, int64_t b) {
    FetchNext(in, b);
    FetchNext(args.rows.index, b);
    PushRows(stream, args.At(b), in.At(b), in.n());
  };
  auto together = [&](auto* streams, int64_t b, int count) {
    if (!BetterTogether(streams[0], precision)) return false;
    const auto tables = args.From(b, count);
    const auto arrays = ArraysOf(b, count, [&in](int64_t k) { return in.At(k); });
    auto push = [&](int s, int64_t first, int64_t last) {
      const Finder<GuidedRows> finder(tables[s]);
      PushModel(streams[s], ViewOf(finder, precision), arrays[s], first, last);
    };
    return PushTogether(streams, tables.data(), count, PlainSymbols{}, arrays.data(), in.n(), push);
  };
  return RunCoders(pool, batch, call, in.n(), 1, body, together);
}

}  // namespace

JANS_HANDLER(rans_push_rows, RansPushRows, "variant", "precision")
JANS_HANDLER(rans_push_table, RansPushRows, "variant", "precision")

}  // namespace jans
