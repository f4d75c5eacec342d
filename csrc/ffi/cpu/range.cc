// CPU handlers of the range coder.
#include "../range.h"

#include "any_model.h"
#include "call.h"

namespace jans {
namespace {

// Encodes with a model of any kind, whose intervals are made group by group.
void EncodeWith(RangeEncoder& coder, const AnyModel& model, const int32_t* symbols, int64_t n, int precision) {
  if (model.shared != nullptr) {
    const Row row = *model.shared;
    return RangeEncodeAll(coder, [row, symbols](int64_t i) { return row.Find(symbols[i]); }, n, precision);
  }
  model.WithGroup([&](auto group) {
    constexpr int64_t kSize = decltype(group)::value;
    uint32_t start[kSize], freq[kSize];
    auto find = [&](int64_t i) {
      const int64_t j = i % kSize;
      if (j == 0) model.find(model.finder, i, std::min(kSize, n - i), symbols + i, start, freq);
      return Interval{start[j], freq[j]};
    };
    RangeEncodeAll(coder, find, n, precision);
  });
}

template <MakeModels kMake>
ffi::Error RangeEncodeModel(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t precision) {
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
  JANS_RETURN_IF_ERROR(kMake(coders.batch(), args, call.state.size() + 1, n, precision, models));
  auto body = [&](RangeEncoder& coder, int64_t b) {
    models->Open(b, n, Order::kForward,
                 [&](const AnyModel& model) { EncodeWith(coder, model, symbols.At(b), n, precision); });
  };
  return OnCpu{pool}.ForEach(coders.batch().streams, StreamGrain(n, models->cost()), RangeJob{coders, body});
}

void DecodeWith(RangeDecoder& coder, const AnyModel& model, int32_t* symbols, int64_t n, int precision) {
  model.WithLocate(n, [&](const auto& locate) { RangeDecodeAll(coder, locate, symbols, n, precision); });
}

template <MakeModels kMake>
ffi::Error RangeDecodeModel(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t precision) {
  Buffers call;
  Decoders coders;
  Operand<int32_t> symbols;
  std::unique_ptr<AnyModels> models;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
  JANS_RETURN_IF_ERROR(call.Init(OnCpu{pool}, args, rets, Decoders::kReplaced, 1));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  JANS_RETURN_IF_ERROR(symbols.Init("symbols", call.results[0], ffi::DataType::S32, coders.batch(), 1));
  const int64_t n = symbols.core[0];
  JANS_RETURN_IF_ERROR(kMake(coders.batch(), args, call.state.size(), n, precision, models));
  auto body = [&](RangeDecoder& coder, int64_t b) {
    models->Open(b, n, Order::kForward,
                 [&](const AnyModel& model) { DecodeWith(coder, model, symbols.At(b), n, precision); });
  };
  return OnCpu{pool}.ForEach(coders.batch().streams, StreamGrain(n, models->cost()), RangeJob{coders, body});
}

}  // namespace

#define JANS_RANGE_HANDLER(name, implementation) \
  JANS_HANDLER(name, implementation, JANS_BIND JANS_BUFFERS JANS_ATTR(precision))
JANS_RANGE_HANDLER(range_encode, RangeEncode<OnCpu>)
JANS_RANGE_HANDLER(range_peek, RangePeek<OnCpu>)
JANS_RANGE_HANDLER(range_advance, RangeAdvance<OnCpu>)
#define JANS_RANGE_HANDLERS(name, _)                                     \
  JANS_RANGE_HANDLER(range_encode_##name, RangeEncodeModel<Make_##name>) \
  JANS_RANGE_HANDLER(range_decode_##name, RangeDecodeModel<Make_##name>)
JANS_KINDS(JANS_RANGE_HANDLERS)

}  // namespace jans
