// CPU handlers of probabilities that are coded without a table of them.
#include "../../cpu/search/lazy_block.h"
#include "../operands/lazy_operands.h"
#include "any_model.h"
#include "call.h"

namespace jans {
namespace {

ffi::Error RansPushLazy(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                        AnyBuffer symbols, AnyBuffer probs, Out head_out, Out tail_out, Out size_out, Out status_out,
                        int32_t variant, int32_t precision) {
  Batch batch;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(CheckVector(symbols));
  return WithFloats(probs, [&](auto zero) {
    using Float = decltype(zero);
    LazyOperands<Float> operands;
    JANS_RETURN_IF_ERROR(operands.Init(batch, probs, symbols.dimensions().back(), precision));
    auto body = [&](auto& stream, int64_t b, const auto& in) {
      using V = typename std::decay_t<decltype(stream)>::Variant;
      const auto* s = in.At(b);
      const int64_t n = in.core[0];
      LazyBlock<Float> block(operands.At(b), n);
      auto fill = [&](int64_t begin, int64_t count, uint32_t* start, uint32_t* freq) {
        block.Find(begin, count, begin - block.kRows, s + begin, start, freq);
      };
      WithOneOrMany(stream.lanes, [&](auto lanes) {
        PushFilled<V, decltype(lanes)::value, LazyBlock<Float>::kRows>(stream, fill, n, precision);
      });
    };
    return Push(pool, batch, head, tail, size, status, symbols, head_out, tail_out, size_out, status_out, variant,
                precision, operands.cost(), body);
  });
}

ffi::Error RansPopLazy(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                       AnyBuffer probs, Out head_out, Out size_out, Out status_out, Out symbols_out, int32_t variant,
                       int32_t precision) {
  Batch batch;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(CheckVector(*symbols_out));
  return WithFloats(probs, [&](auto zero) {
    using Float = decltype(zero);
    LazyOperands<Float> operands;
    JANS_RETURN_IF_ERROR(operands.Init(batch, probs, symbols_out->dimensions().back(), precision));
    auto body = [&](auto& stream, int64_t b, int64_t n, const auto& store) {
      using V = typename std::decay_t<decltype(stream)>::Variant;
      LazyBlock<Float> block(operands.At(b), n);
      auto locate = [&block](int64_t i, uint32_t quantile) { return block.Locate(i, quantile).Get(); };
      WithOneOrMany(stream.lanes,
                    [&](auto lanes) { PopAll<V, decltype(lanes)::value>(stream, locate, store, n, precision); });
    };
    return Pop(pool, batch, head, tail, size, status, head_out, size_out, status_out, symbols_out, variant, precision,
               operands.cost(), body);
  });
}

template <typename Float>
class AnyLazy : public AnyModels {
 public:
  LazyOperands<Float> operands;

  void Open(int64_t b, int64_t n, Order order, const std::function<void(const AnyModel&)>& use) const override {
    Asked asked{LazyBlock<Float>(operands.At(b), n), order == Order::kForward ? kRows : -kRows};
    use({&asked, Find, Locate, nullptr, kRows, nullptr});
  }
  int64_t cost() const override { return operands.cost(); }

 private:
  static constexpr int kRows = LazyBlock<Float>::kRows;
  struct Asked {
    mutable LazyBlock<Float> block;
    int64_t step;  // from one group to the next
  };

  static void Find(const void* finder, int64_t first, int64_t n, const int32_t* symbols, uint32_t* start,
                   uint32_t* freq) {
    const auto* asked = static_cast<const Asked*>(finder);
    asked->block.Find(first, n, first + asked->step, symbols, start, freq);
  }
  static Found Locate(const void* finder, int64_t i, uint32_t quantile) {
    return static_cast<const Asked*>(finder)->block.Locate(i, quantile);
  }
};

// Calls body(block, b, begin, end) on ranges of the n symbols of every stream.
template <typename Body>
ffi::Error ForSymbols(ffi::ThreadPool& pool, const Batch& batch, const AnyBuffer& probs, int64_t n, int32_t precision,
                      const Body& body) {
  return WithFloats(probs, [&](auto zero) {
    using Float = decltype(zero);
    LazyOperands<Float> operands;
    JANS_RETURN_IF_ERROR(operands.Init(batch, probs, n, precision));
    const int64_t step = std::max<int64_t>(64, kGrain / operands.cost()), parts = (n + step - 1) / step;
    ParallelFor(pool, batch.streams * parts, StreamGrain(std::min(n, step), operands.cost()),
                [&](int64_t first, int64_t last) {
                  for (int64_t part = first; part < last; ++part) {
                    const int64_t b = part / parts, begin = part % parts * step;
                    LazyBlock<Float> block(operands.At(b), n);
                    body(block, b, begin, std::min(begin + step, n));
                  }
                });
    return ffi::Error::Success();
  });
}

ffi::Error IntervalLazy(ffi::ThreadPool pool, AnyBuffer symbols, AnyBuffer probs, Out start_out, Out freq_out,
                        int32_t precision) {
  Batch batch;
  Operand<const int32_t> in;
  Operand<uint32_t> start, freq;
  JANS_RETURN_IF_ERROR(CheckVector(symbols));
  auto dims = symbols.dimensions();
  JANS_RETURN_IF_ERROR(InitBatch(dims.first(dims.size() - 1), batch));
  JANS_RETURN_IF_ERROR(in.Init("symbols", symbols, ffi::DataType::S32, batch, 1));
  JANS_RETURN_IF_ERROR(start.Init("start", *start_out, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(freq.Init("freq", *freq_out, ffi::DataType::U32, batch, 1));
  if (start.core != in.core || freq.core != in.core) return Invalid("intervals and symbols differ in length");
  return ForSymbols(pool, batch, probs, in.core[0], precision, [&](auto& block, int64_t b, int64_t begin, int64_t end) {
    const int32_t* s = in.At(b);
    uint32_t *starts = start.At(b), *freqs = freq.At(b);
    for (int64_t i = begin; i < end; i += block.kRows) {
      const int64_t next = i + block.kRows;
      block.Find(i, std::min(next, end) - i, next, s + i, starts + i, freqs + i);
    }
  });
}

// Symbols at quantiles; the least integer, which no model has, where there is no distribution.
ffi::Error LocateLazy(ffi::ThreadPool pool, AnyBuffer quantiles, AnyBuffer probs, Out symbols_out, int32_t precision) {
  Batch batch;
  Operand<const uint32_t> in;
  Operand<int32_t> out;
  JANS_RETURN_IF_ERROR(CheckVector(quantiles));
  auto dims = quantiles.dimensions();
  JANS_RETURN_IF_ERROR(InitBatch(dims.first(dims.size() - 1), batch));
  JANS_RETURN_IF_ERROR(in.Init("quantiles", quantiles, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(out.Init("symbols", *symbols_out, ffi::DataType::S32, batch, 1));
  if (out.core != in.core) return Invalid("symbols and quantiles differ in length");
  return ForSymbols(pool, batch, probs, in.core[0], precision, [&](auto& block, int64_t b, int64_t begin, int64_t end) {
    const uint32_t* q = in.At(b);
    int32_t* s = out.At(b);
    for (int64_t i = begin; i < end; ++i) {
      const Located found = block.Locate(i, q[i]).Get();
      s[i] = found.interval.freq == 0 ? std::numeric_limits<int32_t>::min() : found.symbol;
    }
  });
}

}  // namespace

ffi::Error Make_lazy(const Batch& batch, const ffi::RemainingArgs& args, size_t first, int64_t n, int32_t precision,
                     std::unique_ptr<AnyModels>& models) {
  auto probs = args.get<AnyBuffer>(first);
  if (!probs.has_value()) return Invalid("probs is missing");
  return WithFloats(*probs, [&](auto zero) {
    auto lazy = std::make_unique<AnyLazy<decltype(zero)>>();
    JANS_RETURN_IF_ERROR(lazy->operands.Init(batch, *probs, n, precision));
    models = std::move(lazy);
    return ffi::Error::Success();
  });
}

JANS_HANDLER(rans_push_lazy, RansPushLazy,
             JANS_BIND JANS_STATE JANS_ARG(symbols) JANS_ARG(probs) JANS_PUSHED JANS_CODER)
JANS_HANDLER(rans_pop_lazy, RansPopLazy,
             JANS_BIND JANS_STATE JANS_ARG(probs) JANS_ADVANCED JANS_RET(symbols) JANS_CODER)
JANS_HANDLER(interval_lazy, IntervalLazy,
             JANS_BIND JANS_ARG(symbols) JANS_ARG(probs) JANS_RET(start) JANS_RET(freq) JANS_ATTR(precision))
JANS_HANDLER(locate_lazy, LocateLazy,
             JANS_BIND JANS_ARG(quantiles) JANS_ARG(probs) JANS_RET(symbols) JANS_ATTR(precision))

}  // namespace jans
