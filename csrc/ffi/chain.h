// The chain coder: its operands, and handlers that are the same on every platform.
#ifndef JANS_FFI_CHAIN_H_
#define JANS_FFI_CHAIN_H_

#include "../core/coders/chain.h"
#include "../core/models/intervals.h"
#include "operands/buffers.h"

namespace jans {

// Calls body(variant) with the variant of that number, if the precisions fit it.
template <typename Body>
ffi::Error WithChain(int32_t variant, int32_t precision, int32_t max_precision, const Body& body) {
  auto run = [&](auto v) {
    JANS_RETURN_IF_ERROR(CheckPrecision(max_precision, decltype(v)::kWordBits));
    JANS_RETURN_IF_ERROR(CheckPrecision(precision, max_precision));
    return body(v);
  };
  switch (variant) {
#define JANS_CASE(number, V) \
  case number:               \
    return run(V{});
    JANS_CHAIN_VARIANTS(JANS_CASE)
#undef JANS_CASE
    default:
      return Invalid("unknown variant");
  }
}

// The three arrays of each part of a state.
constexpr size_t kPart = 3;

// The words that quantiles come from, and the bits that are left of one.
template <typename V>
struct ChainBits {
  uint64_t partial_word;
  Tail<typename V::Word> tail;
};

template <typename V>
struct BitsOperands {
  Operand<uint32_t> partial_word;
  Operand<typename V::Word> words;
  Operand<int32_t> size;

  ffi::Error Init(const Batch& batch, const AnyBuffer* state) {
    JANS_RETURN_IF_ERROR(partial_word.Init("partial_word", state[0], ffi::DataType::U32, batch, 0));
    JANS_RETURN_IF_ERROR(words.Init("compressed", state[1], DTypeOf<typename V::Word>(), batch, 1));
    return size.Init("compressed_size", state[2], ffi::DataType::S32, batch, 0);
  }
  JANS_HD ChainBits<V> Open(int64_t b) const {
    ChainBits<V> bits{*partial_word.At(b), OpenTail(words, size, b)};
    if (bits.partial_word == 0 || bits.partial_word >> V::kWordBits != 0) bits.tail.status |= kBadState;
    return bits;
  }
  JANS_HD int32_t Close(int64_t b, const ChainBits<V>& bits) const {
    *partial_word.At(b) = static_cast<uint32_t>(bits.partial_word);
    return CloseTail(bits.tail, size, b);
  }
};

// The heads and words that keep remainders.
template <typename V>
struct ChainRemainders {
  uint32_t* heads;
  int64_t lanes;
  Tail<typename V::Word> tail;
  bool sound;  // whether the heads are in their range, which reciprocals rely on

  JANS_HD void Keep(int64_t i, Interval interval, uint32_t quantile, int max_precision) {
    if (interval.freq == 0) {
      tail.status |= static_cast<int32_t>(interval.start);
      return;
    }
    auto x = LoadHead<V>(heads, i % lanes);
    jans::Keep<V>(x, tail, interval, quantile, max_precision);
    StoreHead<V>(heads, i % lanes, x);
  }
};

template <typename V>
struct RemaindersOperands {
  Operand<uint32_t> head;
  Operand<typename V::Word> words;
  Operand<int32_t> size;

  ffi::Error Init(const Batch& batch, const AnyBuffer* state) {
    constexpr int kHalves = sizeof(typename V::State) / 4;
    JANS_RETURN_IF_ERROR(head.Init("head", state[0], ffi::DataType::U32, batch, kHalves));
    JANS_RETURN_IF_ERROR(words.Init("remainders", state[1], DTypeOf<typename V::Word>(), batch, 1));
    if (head.core[0] < 1 || (kHalves == 2 && head.core[1] != 2)) return Invalid("head has the wrong shape");
    return size.Init("remainders_size", state[2], ffi::DataType::S32, batch, 0);
  }
  JANS_HD ChainRemainders<V> Open(int64_t b, int max_precision) const {
    ChainRemainders<V> remainders{head.At(b), head.core[0], OpenTail(words, size, b), true};
    for (int64_t lane = 0; lane < head.core[0]; ++lane) {
      const auto x = LoadHead<V>(remainders.heads, lane);
      if (x >> V::LowerBits(max_precision) == 0 || V::Full(x, max_precision)) remainders.sound = false;
    }
    if (!remainders.sound) remainders.tail.status |= kBadState;
    return remainders;
  }
  JANS_HD int32_t Close(int64_t b, const ChainRemainders<V>& remainders) const {
    return CloseTail(remainders.tail, size, b);
  }
};

// Both parts and the status, from the arrays of a state.
template <typename V>
struct ChainOperands {
  BitsOperands<V> bits;
  RemaindersOperands<V> remainders;
  Operand<int32_t> status;
  int32_t precision = 0, max_precision = 0;

  ffi::Error Init(const Batch& batch, const BufferArray& state, int32_t bits_each, int32_t max_precision_in) {
    precision = bits_each;
    max_precision = max_precision_in;
    JANS_RETURN_IF_ERROR(bits.Init(batch, state.data()));
    JANS_RETURN_IF_ERROR(remainders.Init(batch, state.data() + kPart));
    return status.Init("status", state.back(), ffi::DataType::S32, batch, 0);
  }
};

// ---- the halves of a pop ----

template <typename V>
struct TakeQuantiles {
  BitsOperands<V> bits;
  Operand<int32_t> status;
  Operand<uint32_t> quantiles;
  int32_t precision;

  JANS_HD void operator()(int64_t b) const {
    ChainBits<V> from = bits.Open(b);
    uint32_t* out = quantiles.At(b);
    for (int64_t i = 0; i < quantiles.core[0]; ++i) out[i] = Take<V>(from.partial_word, from.tail, precision);
    *status.At(b) |= bits.Close(b, from);
  }
};

template <typename Where>
ffi::Error ChainTake(typename Where::Context context, Arguments args, Results rets, int32_t variant, int32_t precision,
                     int32_t max_precision) {
  const Where where{context};
  Buffers call;
  Batch batch;
  JANS_RETURN_IF_ERROR(call.Init(where, args, rets, {0, kGiven, 1, 2}, 1));
  JANS_RETURN_IF_ERROR(InitBatch(call.state.back().dimensions(), batch));
  return WithChain(variant, precision, max_precision, [&](auto v) {
    TakeQuantiles<decltype(v)> job{};
    job.precision = precision;
    JANS_RETURN_IF_ERROR(job.bits.Init(batch, call.state.data()));
    JANS_RETURN_IF_ERROR(job.status.Init("status", call.state.back(), ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(job.quantiles.Init("quantiles", call.results[0], ffi::DataType::U32, batch, 1));
    return where.ForEach(batch.streams, StreamGrain(job.quantiles.core[0]), job);
  });
}

template <typename V>
struct KeepRemainders {
  RemaindersOperands<V> remainders;
  Operand<int32_t> status;
  Operand<const uint32_t> start, freq, quantiles;
  int32_t precision, max_precision;

  JANS_HD void operator()(int64_t b) const {
    const Intervals source{start.At(b), freq.At(b), precision};
    const uint32_t* quantile = quantiles.At(b);
    ChainRemainders<V> to = remainders.Open(b, max_precision);
    for (int64_t i = 0; i < start.core[0]; ++i) {
      to.Keep(i, source.Locate(i, quantile[i]).interval, quantile[i], max_precision);
    }
    *status.At(b) |= remainders.Close(b, to);
  }
};

template <typename Where>
ffi::Error ChainKeep(typename Where::Context context, Arguments args, Results rets, int32_t variant, int32_t precision,
                     int32_t max_precision) {
  const Where where{context};
  Buffers call;
  Batch batch;
  IntervalOperands intervals;
  JANS_RETURN_IF_ERROR(call.Init(where, args, rets, {0, 1, 2, 3}, 0));
  JANS_RETURN_IF_ERROR(InitBatch(call.state.back().dimensions(), batch));
  if (call.operands.size() != 3) return Invalid("chain_keep takes intervals and quantiles");
  JANS_RETURN_IF_ERROR(intervals.Init(batch, call.operands[0], call.operands[1]));
  return WithChain(variant, precision, max_precision, [&](auto v) {
    KeepRemainders<decltype(v)> job{};
    job.start = intervals.start;
    job.freq = intervals.freq;
    job.precision = precision;
    job.max_precision = max_precision;
    JANS_RETURN_IF_ERROR(job.remainders.Init(batch, call.state.data()));
    JANS_RETURN_IF_ERROR(job.status.Init("status", call.state.back(), ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(job.quantiles.Init("quantiles", call.operands[2], ffi::DataType::U32, batch, 1));
    if (job.quantiles.core[0] != intervals.n()) return Invalid("intervals and quantiles differ in length");
    return where.ForEach(batch.streams, StreamGrain(intervals.n()), job);
  });
}

}  // namespace jans

#endif  // JANS_FFI_CHAIN_H_
