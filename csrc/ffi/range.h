// The range coder: its operands, and handlers that are the same on every platform.
#ifndef JANS_FFI_RANGE_H_
#define JANS_FFI_RANGE_H_

#include "../core/coders/range_stream.h"
#include "../core/models/intervals.h"
#include "operands/buffers.h"

namespace jans {

// 64-bit numbers as halves, the low one first.
struct Number {
  Operand<uint32_t> halves;

  ffi::Error Init(const char* name, const AnyBuffer& buffer, const Batch& batch) {
    JANS_RETURN_IF_ERROR(halves.Init(name, buffer, ffi::DataType::U32, batch, 1));
    return halves.core[0] == 2 ? ffi::Error::Success() : Invalid(name, " has two halves");
  }
  JANS_HD uint64_t Get(int64_t b) const { return halves.At(b)[0] | uint64_t{halves.At(b)[1]} << 32; }
  JANS_HD void Set(int64_t b, uint64_t value) const {
    halves.At(b)[0] = static_cast<uint32_t>(value);
    halves.At(b)[1] = static_cast<uint32_t>(value >> 32);
  }
};

// A range that no coder has; it goes on with that of a new one, marked.
JANS_HD uint64_t CheckRange(uint64_t range, int32_t& status) {
  if (range >= kMinRange) return range;
  status |= kBadState;
  return ~uint64_t{0};
}

struct Encoders {
  // The order of the arrays is that of the results that replace them.
  static constexpr std::initializer_list<int> kReplaced = {0, 1, 2, 3, 4, 5, 6};
  Number lower, range;
  Operand<uint32_t> words, pending_first;
  Operand<int32_t> size, pending_words, status;

  ffi::Error Init(const BufferArray& state) {
    Batch batch;
    JANS_RETURN_IF_ERROR(InitBatch(state.back().dimensions(), batch));
    JANS_RETURN_IF_ERROR(lower.Init("lower", state[0], batch));
    JANS_RETURN_IF_ERROR(range.Init("range", state[1], batch));
    JANS_RETURN_IF_ERROR(words.Init("words", state[2], ffi::DataType::U32, batch, 1));
    JANS_RETURN_IF_ERROR(size.Init("size", state[3], ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(pending_words.Init("held", state[4], ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(pending_first.Init("first", state[5], ffi::DataType::U32, batch, 0));
    return status.Init("status", state[6], ffi::DataType::S32, batch, 0);
  }
  const Batch& batch() const { return status.batch; }
  JANS_HD RangeEncoder Open(int64_t b) const {
    RangeEncoder coder{lower.Get(b), 0, *pending_first.At(b), *pending_words.At(b), OpenTail(words, size, b)};
    coder.range = CheckRange(range.Get(b), coder.tail.status);
    if (coder.pending_words < 0) coder.tail.status |= kBadState;
    coder.pending_words = std::max<int64_t>(coder.pending_words, 0);
    return coder;
  }
  JANS_HD void Close(int64_t b, const RangeEncoder& coder) const {
    lower.Set(b, coder.lower);
    range.Set(b, coder.range);
    *pending_words.At(b) = SaturatedSize(coder.pending_words);
    *pending_first.At(b) = coder.pending_first;
    *status.At(b) |= CloseTail(coder.tail, size, b);
  }
};

struct Decoders {
  static constexpr std::initializer_list<int> kReplaced = {0, 1, 2, kGiven, kGiven, 3, 4};
  Number point, lower, range;
  Operand<uint32_t> words;
  Operand<int32_t> size, index, status;

  ffi::Error Init(const BufferArray& state) {
    Batch batch;
    JANS_RETURN_IF_ERROR(InitBatch(state.back().dimensions(), batch));
    JANS_RETURN_IF_ERROR(point.Init("point", state[0], batch));
    JANS_RETURN_IF_ERROR(lower.Init("lower", state[1], batch));
    JANS_RETURN_IF_ERROR(range.Init("range", state[2], batch));
    JANS_RETURN_IF_ERROR(words.Init("words", state[3], ffi::DataType::U32, batch, 1));
    JANS_RETURN_IF_ERROR(size.Init("size", state[4], ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(index.Init("index", state[5], ffi::DataType::S32, batch, 0));
    return status.Init("status", state[6], ffi::DataType::S32, batch, 0);
  }
  const Batch& batch() const { return status.batch; }
  JANS_HD RangeDecoder Open(int64_t b) const {
    const int64_t capacity = words.core[0];
    RangeDecoder coder{point.Get(b), lower.Get(b), 0, words.At(b), *size.At(b), *index.At(b), *status.At(b)};
    coder.range = CheckRange(range.Get(b), coder.status);
    if (coder.size < 0 || coder.size > capacity || coder.index < 0) coder.status |= kBadState;
    coder.size = std::clamp<int64_t>(coder.size, 0, capacity);
    coder.index = std::max<int64_t>(coder.index, 0);
    return coder;
  }
  JANS_HD void Close(int64_t b, const RangeDecoder& coder) const {
    point.Set(b, coder.point);
    lower.Set(b, coder.lower);
    range.Set(b, coder.range);
    *index.At(b) = SaturatedSize(coder.index);
    *status.At(b) = coder.status;
  }
};

// Runs body(coder, b) on stream b.
template <typename Coders, typename Body>
struct RangeJob {
  Coders coders;
  Body body;

  JANS_HD void operator()(int64_t b) const {
    auto coder = coders.Open(b);
    body(coder, b);
    coders.Close(b, coder);
  }
};
template <typename Coders, typename Body>
RangeJob(Coders, Body) -> RangeJob<Coders, Body>;

struct EncodeIntervals {
  Operand<const uint32_t> start, freq;
  int32_t precision;

  JANS_HD void operator()(RangeEncoder& coder, int64_t b) const {
    const Intervals source{start.At(b), freq.At(b), precision};
    RangeEncodeAll(coder, [&source](int64_t i) { return source.Check(source.Raw(i)); }, start.core[0], precision);
  }
};

template <typename Where>
ffi::Error RangeEncode(typename Where::Context context, Arguments args, Results rets, int32_t precision) {
  const Where where{context};
  Buffers call;
  Encoders coders;
  IntervalOperands intervals;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
  JANS_RETURN_IF_ERROR(call.Init(where, args, rets, Encoders::kReplaced, 0));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  JANS_RETURN_IF_ERROR(call.Intervals(coders.batch(), intervals));
  return where.ForEach(coders.batch().streams, StreamGrain(intervals.n()),
                       RangeJob{coders, EncodeIntervals{intervals.start, intervals.freq, precision}});
}

struct PeekQuantile {
  Operand<uint32_t> quantile;
  int32_t precision;

  JANS_HD void operator()(RangeDecoder& coder, int64_t b) const { *quantile.At(b) = coder.Quantile(precision); }
};

// The quantile of the next symbol, for models that only JAX knows.
template <typename Where>
ffi::Error RangePeek(typename Where::Context context, Arguments args, Results rets, int32_t precision) {
  const Where where{context};
  Buffers call;
  Decoders coders;
  Operand<uint32_t> quantile;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
  JANS_RETURN_IF_ERROR(call.Init(where, args, rets, Decoders::kReplaced, 1));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  JANS_RETURN_IF_ERROR(quantile.Init("quantile", call.results[0], ffi::DataType::U32, coders.batch(), 0));
  return where.ForEach(coders.batch().streams, StreamGrain(1), RangeJob{coders, PeekQuantile{quantile, precision}});
}

struct AdvanceIntervals {
  Operand<const uint32_t> start, freq;
  int32_t precision;

  JANS_HD void operator()(RangeDecoder& coder, int64_t b) const {
    const Intervals source{start.At(b), freq.At(b), precision};
    for (int64_t i = 0; i < start.core[0]; ++i) {
      const Interval interval = source.Locate(i, coder.Quantile(precision)).interval;
      if (interval.freq == 0) {
        coder.status |= static_cast<int32_t>(interval.start);
      } else {
        coder.Advance(interval, precision);
      }
    }
  }
};

// Takes intervals off, which hold the quantiles.
template <typename Where>
ffi::Error RangeAdvance(typename Where::Context context, Arguments args, Results rets, int32_t precision) {
  const Where where{context};
  Buffers call;
  Decoders coders;
  IntervalOperands intervals;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
  JANS_RETURN_IF_ERROR(call.Init(where, args, rets, Decoders::kReplaced, 0));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  JANS_RETURN_IF_ERROR(call.Intervals(coders.batch(), intervals));
  return where.ForEach(coders.batch().streams, StreamGrain(intervals.n()),
                       RangeJob{coders, AdvanceIntervals{intervals.start, intervals.freq, precision}});
}

}  // namespace jans

#endif  // JANS_FFI_RANGE_H_
