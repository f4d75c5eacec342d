// CPU handlers of the range coder.
#include "../core/intervals.h"
#include "../cpu/range_stream.h"
#include "../cpu/row_tables.h"
#include "any_model.h"
#include "buffers.h"
#include "cpu_call.h"

namespace jans {
namespace {

// 64-bit numbers as halves, the low one first.
struct Number {
  Operand<uint32_t> halves;

  ffi::Error Init(const char* name, const AnyBuffer& buffer, const Batch& batch) {
    JANS_RETURN_IF_ERROR(halves.Init(name, buffer, ffi::DataType::U32, batch, 1));
    return halves.core[0] == 2 ? ffi::Error::Success() : Invalid(std::string(name) + " has two halves");
  }
  uint64_t Get(int64_t b) const { return halves.At(b)[0] | uint64_t{halves.At(b)[1]} << 32; }
  void Set(int64_t b, uint64_t value) const {
    halves.At(b)[0] = static_cast<uint32_t>(value);
    halves.At(b)[1] = static_cast<uint32_t>(value >> 32);
  }
};

// A range that no coder has; it goes on with that of a new one, marked.
inline uint64_t CheckRange(uint64_t range, int32_t& status) {
  if (range >= kLeastRange) return range;
  status |= kBadState;
  return ~uint64_t{0};
}

struct Encoders {
  // The order of the arrays is that of the results that replace them.
  static constexpr std::initializer_list<int> kReplaced = {0, 1, 2, 3, 4, 5, 6};
  Batch batch;
  Number lower, range;
  Operand<uint32_t> words, first;
  Operand<int32_t> size, held, status;

  ffi::Error Init(const std::vector<AnyBuffer>& state) {
    JANS_RETURN_IF_ERROR(batch.Init(state.back().dimensions()));
    JANS_RETURN_IF_ERROR(lower.Init("lower", state[0], batch));
    JANS_RETURN_IF_ERROR(range.Init("range", state[1], batch));
    JANS_RETURN_IF_ERROR(words.Init("words", state[2], ffi::DataType::U32, batch, 1));
    JANS_RETURN_IF_ERROR(size.Init("size", state[3], ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(held.Init("held", state[4], ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(first.Init("first", state[5], ffi::DataType::U32, batch, 0));
    return status.Init("status", state[6], ffi::DataType::S32, batch, 0);
  }
  // Runs body(coder, b) for every stream.
  template <typename Body>
  ffi::Error ForAll(ffi::ThreadPool& pool, int32_t precision, int64_t grain, const Body& body) const {
    JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
    ParallelFor(pool, batch.streams, grain, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        RangeEncoder coder{lower.Get(b), 0, *first.At(b), *held.At(b), OpenTail(words, size, b)};
        coder.range = CheckRange(range.Get(b), coder.tail.status);
        if (coder.held < 0) coder.tail.status |= kBadState;
        coder.held = std::max<int64_t>(coder.held, 0);
        body(coder, b);
        lower.Set(b, coder.lower);
        range.Set(b, coder.range);
        *held.At(b) = SaturatedSize(coder.held);
        *first.At(b) = coder.first;
        *status.At(b) |= CloseTail(coder.tail, size, b);
      }
    });
    return ffi::Error::Success();
  }
};

struct Decoders {
  static constexpr std::initializer_list<int> kReplaced = {0, 1, 2, kGiven, kGiven, 3, 4};
  Batch batch;
  Number point, lower, range;
  Operand<uint32_t> words;
  Operand<int32_t> size, index, status;

  ffi::Error Init(const std::vector<AnyBuffer>& state) {
    JANS_RETURN_IF_ERROR(batch.Init(state.back().dimensions()));
    JANS_RETURN_IF_ERROR(point.Init("point", state[0], batch));
    JANS_RETURN_IF_ERROR(lower.Init("lower", state[1], batch));
    JANS_RETURN_IF_ERROR(range.Init("range", state[2], batch));
    JANS_RETURN_IF_ERROR(words.Init("words", state[3], ffi::DataType::U32, batch, 1));
    JANS_RETURN_IF_ERROR(size.Init("size", state[4], ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(index.Init("index", state[5], ffi::DataType::S32, batch, 0));
    return status.Init("status", state[6], ffi::DataType::S32, batch, 0);
  }
  template <typename Body>
  ffi::Error ForAll(ffi::ThreadPool& pool, int32_t precision, int64_t grain, const Body& body) const {
    JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
    const int64_t capacity = words.core[0];
    ParallelFor(pool, batch.streams, grain, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        RangeDecoder coder{point.Get(b), lower.Get(b), 0, words.At(b), *size.At(b), *index.At(b), *status.At(b)};
        coder.range = CheckRange(range.Get(b), coder.status);
        if (coder.size < 0 || coder.size > capacity || coder.index < 0) coder.status |= kBadState;
        coder.size = std::clamp<int64_t>(coder.size, 0, capacity);
        coder.index = std::max<int64_t>(coder.index, 0);
        body(coder, b);
        point.Set(b, coder.point);
        lower.Set(b, coder.lower);
        range.Set(b, coder.range);
        *index.At(b) = SaturatedSize(coder.index);
        *status.At(b) = coder.status;
      }
    });
    return ffi::Error::Success();
  }
};

ffi::Error RangeEncode(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t precision) {
  Buffers call;
  Encoders coders;
  IntervalOperands intervals;
  JANS_RETURN_IF_ERROR(call.Init(args, rets, Encoders::kReplaced, 0));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  if (call.operands.size() != 2) return Invalid("range_encode takes intervals");
  JANS_RETURN_IF_ERROR(intervals.Init(coders.batch, call.operands[0], call.operands[1]));
  const int64_t n = intervals.n();
  return coders.ForAll(pool, precision, StreamGrain(n), [&](RangeEncoder& coder, int64_t b) {
    const Intervals source{intervals.start.At(b), intervals.freq.At(b), precision};
    RangeEncodeAll(coder, [&source](int64_t i) { return source.Check(source.Raw(i)); }, n, precision);
  });
}

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
  JANS_RETURN_IF_ERROR(call.Init(args, rets, Encoders::kReplaced, 0));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  if (call.operands.empty()) return Invalid("symbols are missing");
  JANS_RETURN_IF_ERROR(symbols.Init("symbols", call.operands[0], ffi::DataType::S32, coders.batch, 1));
  const int64_t n = symbols.core[0];
  JANS_RETURN_IF_ERROR(kMake(coders.batch, args, call.state.size() + 1, n, precision, models));
  return coders.ForAll(pool, precision, StreamGrain(n, models->cost()), [&](RangeEncoder& coder, int64_t b) {
    models->Open(b, n, Order::kForward,
                 [&](const AnyModel& model) { EncodeWith(coder, model, symbols.At(b), n, precision); });
  });
}

void DecodeWith(RangeDecoder& coder, const AnyModel& model, int32_t* symbols, int64_t n, int precision) {
  auto with_row = [&](const auto& locate) {
    RangeDecodeAll(coder, [&locate](int64_t, uint32_t quantile) { return locate(quantile); }, symbols, n, precision);
  };
  if (model.shared != nullptr && WithTable(*model.shared, n, with_row)) return;
  auto locate = [&model](int64_t i, uint32_t quantile) { return model.locate(model.finder, i, quantile).Get(); };
  RangeDecodeAll(coder, locate, symbols, n, precision);
}

template <MakeModels kMake>
ffi::Error RangeDecodeModel(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t precision) {
  Buffers call;
  Decoders coders;
  Operand<int32_t> symbols;
  std::unique_ptr<AnyModels> models;
  JANS_RETURN_IF_ERROR(call.Init(args, rets, Decoders::kReplaced, 1));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  JANS_RETURN_IF_ERROR(symbols.Init("symbols", call.results[0], ffi::DataType::S32, coders.batch, 1));
  const int64_t n = symbols.core[0];
  JANS_RETURN_IF_ERROR(kMake(coders.batch, args, call.state.size(), n, precision, models));
  return coders.ForAll(pool, precision, StreamGrain(n, models->cost()), [&](RangeDecoder& coder, int64_t b) {
    models->Open(b, n, Order::kForward,
                 [&](const AnyModel& model) { DecodeWith(coder, model, symbols.At(b), n, precision); });
  });
}

// The quantile of the next symbol, for models that only JAX knows.
ffi::Error RangePeek(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t precision) {
  Buffers call;
  Decoders coders;
  Operand<uint32_t> quantile;
  JANS_RETURN_IF_ERROR(call.Init(args, rets, Decoders::kReplaced, 1));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  JANS_RETURN_IF_ERROR(quantile.Init("quantile", call.results[0], ffi::DataType::U32, coders.batch, 0));
  return coders.ForAll(pool, precision, StreamGrain(1),
                       [&](RangeDecoder& coder, int64_t b) { *quantile.At(b) = coder.Quantile(precision); });
}

// Takes one interval off, which holds the quantile.
ffi::Error RangeAdvance(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t precision) {
  Buffers call;
  Decoders coders;
  IntervalOperands intervals;
  JANS_RETURN_IF_ERROR(call.Init(args, rets, Decoders::kReplaced, 0));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  if (call.operands.size() != 2) return Invalid("range_advance takes intervals");
  JANS_RETURN_IF_ERROR(intervals.Init(coders.batch, call.operands[0], call.operands[1]));
  const int64_t n = intervals.n();
  return coders.ForAll(pool, precision, StreamGrain(n), [&](RangeDecoder& coder, int64_t b) {
    const Intervals source{intervals.start.At(b), intervals.freq.At(b), precision};
    for (int64_t i = 0; i < n; ++i) {
      const Interval interval = source.Locate(i, coder.Quantile(precision)).interval;
      if (interval.freq == 0) {
        coder.status |= static_cast<int32_t>(interval.start);
      } else {
        coder.Advance(interval, precision);
      }
    }
  });
}

}  // namespace

#define JANS_RANGE_HANDLER(name, implementation) JANS_HANDLER(name, implementation, BIND BUFFERS ATTR(precision))
JANS_RANGE_HANDLER(range_encode, RangeEncode)
JANS_RANGE_HANDLER(range_peek, RangePeek)
JANS_RANGE_HANDLER(range_advance, RangeAdvance)
#define JANS_RANGE_HANDLERS(name, _)                                     \
  JANS_RANGE_HANDLER(range_encode_##name, RangeEncodeModel<Make_##name>) \
  JANS_RANGE_HANDLER(range_decode_##name, RangeDecodeModel<Make_##name>)
JANS_KINDS(JANS_RANGE_HANDLERS)

}  // namespace jans
