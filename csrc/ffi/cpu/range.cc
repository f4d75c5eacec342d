// CPU handlers of the range coder.
#include "../range.h"

#include "../../cpu/search/row_tables.h"
#include "any_model.h"
#include "call.h"

namespace jans {
namespace {

// Encodes with a model of any kind, whose intervals are made group by group.
void EncodeWith(RangeEncoder& coder, const ModelView& model, const int32_t* symbols, int64_t n, int precision) {
  if (model.shared != nullptr) {
    const Row row = *model.shared;
    return RangeEncodeAll(coder, [row, symbols](int64_t i) { return row.Find(symbols[i]); }, n, precision);
  }
  uint32_t start[kModelGroup], freq[kModelGroup];
  auto find = [&](int64_t i) {
    const int64_t j = i % kModelGroup;
    if (j == 0) model.find(model.finder, i, std::min(kModelGroup, n - i), symbols + i, start, freq);
    return Interval{start[j], freq[j]};
  };
  RangeEncodeAll(coder, find, n, precision);
}

ffi::Error RangeEncodeModels(ffi::ThreadPool& pool, const Arguments& args, const Results& rets, int32_t precision,
                             MakeModels make) {
  Buffers call;
  Encoders coders;
  Operand<const int32_t> symbols;
  std::unique_ptr<AnyModels> models;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
  JANS_RETURN_IF_ERROR(call.Init(OnCpu{pool}, args, rets, Encoders::kReplaced, 0));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  if (call.operands.empty()) return Invalid("symbols are missing");
  JANS_RETURN_IF_ERROR(symbols.Init("symbols", call.operands[0], ffi::DataType::S32, coders.batch(), 1));
  const int64_t n = symbols.core[0];
  JANS_RETURN_IF_ERROR(make(coders.batch(), args, call.state.size() + 1, n, precision, models));
  auto body = [&](RangeEncoder& coder, int64_t b) {
    models->Open(b, n, Order::kForward,
                 [&](const ModelView& model) { EncodeWith(coder, model, symbols.At(b), n, precision); });
  };
  return OnCpu{pool}.ForEach(coders.batch().streams, StreamGrain(n, models->cost()), RangeJob{coders, body});
}

void DecodeWith(RangeDecoder& coder, const ModelView& model, int32_t* symbols, int64_t n, int precision) {
  WithLocate(model, n, [&](const auto& locate) { RangeDecodeAll(coder, locate, symbols, n, precision); });
}

ffi::Error RangeDecodeModels(ffi::ThreadPool& pool, const Arguments& args, const Results& rets, int32_t precision,
                             MakeModels make) {
  Buffers call;
  Decoders coders;
  Operand<int32_t> symbols;
  std::unique_ptr<AnyModels> models;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
  JANS_RETURN_IF_ERROR(call.Init(OnCpu{pool}, args, rets, Decoders::kReplaced, 1));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  JANS_RETURN_IF_ERROR(symbols.Init("symbols", call.results[0], ffi::DataType::S32, coders.batch(), 1));
  const int64_t n = symbols.core[0];
  JANS_RETURN_IF_ERROR(make(coders.batch(), args, call.state.size(), n, precision, models));
  auto body = [&](RangeDecoder& coder, int64_t b) {
    models->Open(b, n, Order::kForward,
                 [&](const ModelView& model) { DecodeWith(coder, model, symbols.At(b), n, precision); });
  };
  return OnCpu{pool}.ForEach(coders.batch().streams, StreamGrain(n, models->cost()), RangeJob{coders, body});
}

template <MakeModels kMake>
ffi::Error RangeEncodeKind(ffi::ThreadPool pool, Arguments args, Results rets, int32_t precision) {
  return RangeEncodeModels(pool, args, rets, precision, kMake);
}
template <MakeModels kMake>
ffi::Error RangeDecodeKind(ffi::ThreadPool pool, Arguments args, Results rets, int32_t precision) {
  return RangeDecodeModels(pool, args, rets, precision, kMake);
}

}  // namespace

#define JANS_RANGE_HANDLER(name, implementation) JANS_HANDLER(name, implementation, "precision")
JANS_RANGE_HANDLER(range_encode, RangeEncode<OnCpu>)
JANS_RANGE_HANDLER(range_peek, RangePeek<OnCpu>)
JANS_RANGE_HANDLER(range_advance, RangeAdvance<OnCpu>)
#define JANS_RANGE_HANDLERS(name, _)                                    \
  JANS_RANGE_HANDLER(range_encode_##name, RangeEncodeKind<Make_##name>) \
  JANS_RANGE_HANDLER(range_decode_##name, RangeDecodeKind<Make_##name>)
JANS_KINDS(JANS_RANGE_HANDLERS)

}  // namespace jans
