// CPU handler that pushes symbols of tables with bypass coding.
#include "../../cpu/loops/bypass_stream.h"
#include "../../cpu/loops/simd_dispatch.h"
#include "bypass_tables.h"
#include "call.h"

namespace jans {
namespace {

// Pushes symbols first, ..., last - 1, of which the first is one of lane 0.
template <typename V>
void PushSome(Stream<V>& stream, const BypassRows& model, const int32_t* symbols, int64_t first, int64_t last,
              int precision) {
  const Finder<BypassRows> finder(model);
  const ModelView view = ViewOf(finder, precision);
  auto push_plain = [&](int64_t begin, int64_t end) { PushModel(stream, view, symbols + begin, begin, end - begin); };
  PushBypassAll(stream, model, symbols, first, last, precision, push_plain);
}

ffi::Error RansPushBypass(ffi::ThreadPool pool, StateIn state, AnyBuffer symbols, Arguments operands, Pushed results,
                          int32_t variant, int32_t precision, int32_t bypass_precision) {
  const CoderCall call{{state, results}, variant, precision};
  Batch batch;
  CpuBypassTables args;
  Operand<const int32_t> in;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(in.Init("symbols", symbols, ffi::DataType::S32, batch, 1));
  const int64_t n = in.core[0];
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, n, precision, bypass_precision));
  JANS_RETURN_IF_ERROR(CheckBypass(variant, bypass_precision));
  KeepBuffer(state.tail, results.tail);
  const bool wide = !args.ends.empty();
  const BypassSymbols values{args.ends.data()};
  auto body = [&](auto& stream, int64_t b) {
    FetchNext(in, b);
    FetchNext(args.table.rows.index, b);
    const BypassRows model = args.At(b);
    auto push = [&](int64_t first, int64_t last) { PushSome(stream, model, in.At(b), first, last, precision); };
    if (wide && PushSideBySide(stream, TableSource{model.table, values}, Symbols{in.At(b), 4}, n, push)) return;
    push(0, n);
  };
  auto together = [&](auto* streams, int64_t b, int count) {
    if (!wide || !BetterTogether(streams[0], precision)) return false;
    const auto arrays = ArraysOf(b, count, [&in](int64_t k) { return Symbols{in.At(k), 4}; });
    auto push = [&](int s, int64_t first, int64_t last) {
      PushSome(streams[s], args.At(b + s), in.At(b + s), first, last, precision);
    };
    return PushTogether(streams, args.table.From(b, count).data(), count, values, arrays.data(), n, push);
  };
  return RunCoders(pool, batch, call, n, 1, body, together);
}

}  // namespace

JANS_HANDLER(rans_push_bypass, RansPushBypass, "variant", "precision", "bypass_precision")

}  // namespace jans
