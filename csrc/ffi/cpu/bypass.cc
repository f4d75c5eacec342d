// CPU handlers of rANS with tables and bypass coding.
#include "../../cpu/loops/bypass_stream.h"
#include "../../cpu/loops/simd_dispatch.h"
#include "../operands/bypass_operands.h"
#include "call.h"
#include "tables.h"

namespace jans {
namespace {

struct CpuOperands : BypassOperands<CpuTables> {
  // Laid out for streams that are coded side by side where all share them and that is little work.
  std::vector<uint32_t> ends;

  ffi::Error Init(const Batch& batch, const ffi::RemainingArgs& args, int64_t n, int32_t precision, int32_t digit) {
    JANS_RETURN_IF_ERROR(BypassOperands::Init(batch, args, n, precision, digit));
    const int64_t count = table.count();
    const auto &escape = escapes.escape, &offset = escapes.offset;
    if (!escape.Shared() || !offset.Shared() || count > n * batch.streams / 4) return ffi::Error::Success();
    for (int64_t row = 0; row < count; ++row) {
      ends.push_back(static_cast<uint32_t>(escape.data[row]));
      ends.push_back(static_cast<uint32_t>(offset.data[row]));
    }
    return ffi::Error::Success();
  }
};

// Pushes symbols first, ..., last - 1, of which the first is one of lane 0.
template <typename V>
void PushSome(Stream<V>& stream, const BypassRows& model, const int32_t* symbols, int64_t first, int64_t last,
              int precision) {
  const Finder<BypassRows> finder(model);
  const ModelView view = ViewOf(finder, precision);
  auto push_plain = [&](int64_t begin, int64_t end) { PushModel(stream, view, symbols + begin, begin, end - begin); };
  PushBypassAll(stream, model, symbols, first, last, precision, push_plain);
}

ffi::Error RansPushBypass(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                          AnyBuffer symbols, ffi::RemainingArgs operands, Out head_out, Out tail_out, Out size_out,
                          Out status_out, int32_t variant, int32_t precision, int32_t digit) {
  const CoderCall call{{head, *tail_out, size, status, head_out, size_out, status_out}, variant, precision};
  Batch batch;
  CpuOperands args;
  Operand<const int32_t> in;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(in.Init("symbols", symbols, ffi::DataType::S32, batch, 1));
  const int64_t n = in.core[0];
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, n, precision, digit));
  JANS_RETURN_IF_ERROR(CheckDigit(variant, digit));
  KeepBuffer(tail, tail_out);
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

ffi::Error RansPopBypass(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                         ffi::RemainingArgs operands, Out head_out, Out size_out, Out status_out, Out symbols,
                         int32_t variant, int32_t precision, int32_t digit) {
  const CoderCall call{{head, tail, size, status, head_out, size_out, status_out}, variant, precision};
  Batch batch;
  CpuOperands args;
  Operand<int32_t> out;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(out.Init("symbols", *symbols, ffi::DataType::S32, batch, 1));
  const int64_t n = out.core[0];
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, n, precision, digit));
  JANS_RETURN_IF_ERROR(CheckDigit(variant, digit));
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

JANS_HANDLER(rans_push_bypass, RansPushBypass,
             JANS_BIND JANS_STATE JANS_ARG(symbols) JANS_OPERANDS JANS_PUSHED JANS_CODER JANS_ATTR(digit))
JANS_HANDLER(rans_pop_bypass, RansPopBypass,
             JANS_BIND JANS_STATE JANS_OPERANDS JANS_ADVANCED JANS_RET(symbols) JANS_CODER JANS_ATTR(digit))

}  // namespace jans
