// CPU handlers of every model that is asked through a ModelView: pushes and pops, and their intervals and searches.
#include <limits>

#include "../../cpu/loops/simd_dispatch.h"
#include "any_model.h"
#include "call.h"

namespace jans {
namespace {

template <typename V>
void PushView(Stream<V>& stream, const ModelView& model, const Symbols& symbols, int64_t n) {
  auto plain = [&](int64_t begin, int64_t end) { PushModel(stream, model, symbols, begin, end); };
  if (!PushSideBySide(stream, ModelSource(model), symbols, n, plain)) plain(0, n);
}

template <typename V>
void PopView(Stream<V>& stream, const ModelView& model, const SymbolsOut& symbols, int64_t n) {
  auto plain = [&](int64_t begin, int64_t end) { PopModel(stream, model, symbols, begin, end); };
  if (!PopSideBySide(stream, ModelSource(model), symbols, n, plain)) plain(0, n);
}

ffi::Error PushModels(ffi::ThreadPool& pool, const CoderCall& call, const AnyBuffer& symbols, const Arguments& operands,
                      MakeModels make) {
  Batch batch;
  SymbolOperand in;
  std::unique_ptr<AnyModels> models;
  JANS_RETURN_IF_ERROR(InitBatch(call.buffers.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(in.Init(symbols, batch));
  JANS_RETURN_IF_ERROR(make(batch, operands, 0, in.n(), call.precision, models));
  auto body = [&](auto& stream, int64_t b) {
    FetchNext(in, b);
    auto push = [&](const ModelView& model) { PushView(stream, model, in.At(b), in.n()); };
    models->Open(b, in.n(), Order::kBackward, push);
  };
  return RunCoders(pool, batch, call, in.n(), models->cost(), body);
}

ffi::Error PopModels(ffi::ThreadPool& pool, const CoderCall& call, const AnyBuffer& symbols, const Arguments& operands,
                     MakeModels make) {
  Batch batch;
  SymbolOperand out;
  std::unique_ptr<AnyModels> models;
  JANS_RETURN_IF_ERROR(InitBatch(call.buffers.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(out.Init(symbols, batch));
  JANS_RETURN_IF_ERROR(make(batch, operands, 0, out.n(), call.precision, models));
  auto body = [&](auto& stream, int64_t b) {
    auto pop = [&](const ModelView& model) { PopView(stream, model, out.OutAt(b), out.n()); };
    models->Open(b, out.n(), Order::kForward, pop);
  };
  return RunCoders(pool, batch, call, out.n(), models->cost(), body);
}

template <MakeModels kMake>
ffi::Error PushKind(ffi::ThreadPool pool, StateIn state, AnyBuffer symbols, Arguments operands, Pushed results,
                    int32_t variant, int32_t precision) {
  KeepBuffer(state.tail, results.tail);
  const CoderCall call{{state, results}, variant, precision};
  return PushModels(pool, call, symbols, operands, kMake);
}

template <MakeModels kMake>
ffi::Error PopKind(ffi::ThreadPool pool, StateIn state, Arguments operands, Advanced results, Out symbols,
                   int32_t variant, int32_t precision) {
  const CoderCall call{{state, results}, variant, precision};
  return PopModels(pool, call, symbols, operands, kMake);
}

// ---- intervals and searches alone ----

// The models of an array of symbols or quantiles, whose last dimension is that of the symbols.
struct Map {
  Batch batch;
  int64_t n = 0;
  std::unique_ptr<AnyModels> models;

  ffi::Error Init(const AnyBuffer& full, const Arguments& operands, int32_t precision, MakeModels make) {
    JANS_RETURN_IF_ERROR(CheckVector(full));
    JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
    auto dims = full.dimensions();
    n = dims.back();
    JANS_RETURN_IF_ERROR(InitBatch(dims.first(dims.size() - 1), batch));
    return make(batch, operands, 0, n, precision, models);
  }
  // Calls body(model, b, begin, end) on ranges of the n symbols of every stream.
  ffi::Error Run(ffi::ThreadPool& pool, FunctionRef<void(const ModelView&, int64_t, int64_t, int64_t)> body) const {
    const int64_t step = std::max<int64_t>(64, kGrain / models->cost()), parts = (n + step - 1) / step;
    OnThreads(pool, batch.streams * parts, StreamGrain(std::min(n, step), models->cost()),
              [&](int64_t first, int64_t last) {
                for (int64_t part = first; part < last; ++part) {
                  const int64_t b = part / parts, begin = part % parts * step, end = std::min(begin + step, n);
                  models->Open(b, n, Order::kForward, [&](const ModelView& model) { body(model, b, begin, end); });
                }
              });
    return ffi::Error::Success();
  }
};

// start, freq of symbols.
ffi::Error IntervalsOf(ffi::ThreadPool& pool, const AnyBuffer& symbols, const Arguments& operands, const Out& start_out,
                       const Out& freq_out, int32_t precision, MakeModels make) {
  Map map;
  Operand<const int32_t> in;
  Operand<uint32_t> start, freq;
  JANS_RETURN_IF_ERROR(map.Init(symbols, operands, precision, make));
  JANS_RETURN_IF_ERROR(in.Init("symbols", symbols, ffi::DataType::S32, map.batch, 1));
  JANS_RETURN_IF_ERROR(start.Init("start", start_out, ffi::DataType::U32, map.batch, 1));
  JANS_RETURN_IF_ERROR(freq.Init("freq", freq_out, ffi::DataType::U32, map.batch, 1));
  if (start.core != in.core || freq.core != in.core) return Invalid("intervals and symbols differ in length");
  return map.Run(pool, [&](const ModelView& model, int64_t b, int64_t begin, int64_t end) {
    model.find(model.finder, begin, end - begin, in.At(b) + begin, start.At(b) + begin, freq.At(b) + begin);
  });
}

// Symbols begin, ..., end - 1 at their quantiles; the least integer, which no model has, where there is no
// distribution.
void LocateRange(const ModelView& model, const uint32_t* quantiles, int32_t* symbols, int64_t begin, int64_t end) {
  constexpr int64_t kPart = 64;
  uint32_t start[kPart], freq[kPart];
  for (int64_t i = begin, count; i < end; i += count) {
    count = std::min(end - i, kPart);
    const int64_t eights = model.locate_many == nullptr ? 0 : count & -8;
    if (eights > 0) model.locate_many(model.finder, i, eights, quantiles + i, symbols + i, start, freq);
    for (int64_t j = eights; j < count; ++j) {
      const Located found = model.locate_one(model.finder, i + j, quantiles[i + j]).Get();
      symbols[i + j] = found.symbol;
      freq[j] = found.interval.freq;
    }
    for (int64_t j = 0; j < count; ++j) {
      if (freq[j] == 0) symbols[i + j] = std::numeric_limits<int32_t>::min();
    }
  }
}

ffi::Error SymbolsAt(ffi::ThreadPool& pool, const AnyBuffer& quantiles, const Arguments& operands,
                     const Out& symbols_out, int32_t precision, MakeModels make) {
  Map map;
  Operand<const uint32_t> in;
  Operand<int32_t> out;
  JANS_RETURN_IF_ERROR(map.Init(quantiles, operands, precision, make));
  JANS_RETURN_IF_ERROR(in.Init("quantiles", quantiles, ffi::DataType::U32, map.batch, 1));
  JANS_RETURN_IF_ERROR(out.Init("symbols", symbols_out, ffi::DataType::S32, map.batch, 1));
  if (out.core != in.core) return Invalid("symbols and quantiles differ in length");
  return map.Run(pool, [&](const ModelView& model, int64_t b, int64_t begin, int64_t end) {
    LocateRange(model, in.At(b), out.At(b), begin, end);
  });
}

template <MakeModels kMake>
ffi::Error IntervalKind(ffi::ThreadPool pool, AnyBuffer symbols, Arguments operands, Out start, Out freq,
                        int32_t precision) {
  return IntervalsOf(pool, symbols, operands, start, freq, precision, kMake);
}

template <MakeModels kMake>
ffi::Error LocateKind(ffi::ThreadPool pool, AnyBuffer quantiles, Arguments operands, Out symbols, int32_t precision) {
  return SymbolsAt(pool, quantiles, operands, symbols, precision, kMake);
}

}  // namespace

#define JANS_KIND_HANDLERS(name, _)                                             \
  JANS_HANDLER(rans_push_##name, PushKind<Make_##name>, "variant", "precision") \
  JANS_HANDLER(rans_pop_##name, PopKind<Make_##name>, "variant", "precision")   \
  JANS_HANDLER(interval_##name, IntervalKind<Make_##name>, "precision")         \
  JANS_HANDLER(locate_##name, LocateKind<Make_##name>, "precision")
JANS_KIND_HANDLERS(lazy, _)
JANS_FAMILIES(JANS_KIND_HANDLERS)

}  // namespace jans
