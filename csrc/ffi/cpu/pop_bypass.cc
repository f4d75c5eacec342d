// CPU handler that pops symbols of tables with bypass coding.
#include "../../cpu/loops/bypass_stream.h"
#include "../../cpu/loops/simd_dispatch.h"
#include "bypass_tables.h"
#include "call.h"

namespace jans {
namespace {

ffi::Error RansPopBypass(ffi::ThreadPool pool, StateIn state, Arguments operands, Advanced results, Out symbols,
                         int32_t variant, int32_t precision, int32_t bypass_precision) {
  const CoderCall call{{state, results}, variant, precision};
  Batch batch;
  CpuBypassTables args;
  Operand<int32_t> out;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(out.Init("symbols", symbols, ffi::DataType::S32, batch, 1));
  const int64_t n = out.core[0];
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, n, precision, bypass_precision));
  JANS_RETURN_IF_ERROR(CheckBypass(variant, bypass_precision));
  const bool wide = !args.ends.empty() && args.table.guide.data != nullptr;
  const BypassSymbols values{args.ends.data()};
  auto body = [&](auto& stream, int64_t b) {
    const BypassRows model = args.At(b);
    auto pop = [&](int64_t first, int64_t last) { PopBypassAll(stream, model, out.At(b), first, last, n, precision); };
    if (wide && PopSideBySide(stream, TableSource{model.table, values}, SymbolsOut{out.At(b), 4}, n, pop)) return;
    pop(0, n);
  };
  auto together = [&](auto* streams, int64_t b, int count) {
    if (!wide || !BetterTogether(streams[0], precision)) return false;
    const auto arrays = ArraysOf(b, count, [&out](int64_t k) { return SymbolsOut{out.At(k), 4}; });
    auto pop = [&](int s, int64_t first, int64_t last) {
      PopBypassAll(streams[s], args.At(b + s), out.At(b + s), first, last, n, precision);
    };
    return PopTogether(streams, args.table.From(b, count).data(), count, values, arrays.data(), n, pop);
  };
  return RunCoders(pool, batch, call, n, 1, body, together);
}

}  // namespace

JANS_HANDLER(rans_pop_bypass, RansPopBypass, "variant", "precision", "bypass_precision")

}  // namespace jans
