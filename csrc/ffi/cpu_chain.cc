// CPU handlers of the chain coder: quantiles from and to one stack, remainders to and from another.
#include "../core/intervals.h"
#include "../cpu/chain_stream.h"
#include "../cpu/row_tables.h"
#include "any_model.h"
#include "buffers.h"
#include "cpu_call.h"

namespace jans {
namespace {

// The numbers of the variants are those of jans/chain.py.
template <typename Body>
ffi::Error WithChain(int32_t variant, int32_t precision, int32_t most, const Body& body) {
  auto run = [&](auto v) {
    JANS_RETURN_IF_ERROR(CheckPrecision(most, decltype(v)::kWordBits));
    JANS_RETURN_IF_ERROR(CheckPrecision(precision, most));
    return body(v);
  };
  if (variant == 0) return run(Chain64{});
  if (variant == 1) return run(Chain32_16{});
  return Invalid("unknown variant");
}

// The words that quantiles come from, and the bits that are left of one.
template <typename V>
struct Bits {
  Operand<uint32_t> rest;
  Operand<typename V::Word> words;
  Operand<int32_t> size;

  ffi::Error Init(const Batch& batch, const AnyBuffer* state) {
    JANS_RETURN_IF_ERROR(rest.Init("rest", state[0], ffi::DataType::U32, batch, 0));
    JANS_RETURN_IF_ERROR(words.Init("compressed", state[1], DTypeOf<typename V::Word>(), batch, 1));
    return size.Init("compressed_size", state[2], ffi::DataType::S32, batch, 0);
  }
  void Open(int64_t b, ChainStream<V>& stream) const {
    stream.rest = *rest.At(b);
    stream.compressed = OpenTail(words, size, b);
    if (stream.rest == 0 || stream.rest >> V::kWordBits != 0) stream.compressed.status |= kBadState;
  }
  int32_t Close(int64_t b, const ChainStream<V>& stream) const {
    *rest.At(b) = static_cast<uint32_t>(stream.rest);
    return CloseTail(stream.compressed, size, b);
  }
};

// The heads and words that keep remainders.
template <typename V>
struct Remainders {
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
  void Open(int64_t b, ChainStream<V>& stream) const {
    stream.remainders = {head.At(b), head.core[0], OpenTail(words, size, b)};
    stream.sound = true;
    for (int64_t lane = 0; lane < head.core[0]; ++lane) {
      const auto x = LoadHead<V>(stream.remainders.heads, lane);
      if (x >> V::LowerBits(stream.most) == 0 || V::Full(x, stream.most)) stream.sound = false;
    }
    if (!stream.sound) stream.remainders.tail.status |= kBadState;
  }
  int32_t Close(int64_t b, const ChainStream<V>& stream) const { return CloseTail(stream.remainders.tail, size, b); }
};

// A part of a coder that a call does not touch.
struct Untouched {
  ffi::Error Init(const Batch&, const AnyBuffer*) { return ffi::Error::Success(); }
  template <typename Stream>
  void Open(int64_t, Stream&) const {}
  template <typename Stream>
  int32_t Close(int64_t, const Stream&) const {
    return 0;
  }
};

// The three arrays of each part, and the status.
constexpr size_t kPart = 3;

// Runs body(stream, b) for the coders of a call; `state` has the arrays of both parts, or of one, and the status.
template <typename V, typename First, typename Second, typename Body>
ffi::Error ForChains(ffi::ThreadPool& pool, const Batch& batch, const std::vector<AnyBuffer>& state, int32_t precision,
                     int32_t most, int64_t grain, const Body& body) {
  First bits;
  Second remainders;
  Operand<int32_t> status;
  JANS_RETURN_IF_ERROR(bits.Init(batch, state.data()));
  JANS_RETURN_IF_ERROR(remainders.Init(batch, state.data() + state.size() - 1 - kPart));
  JANS_RETURN_IF_ERROR(status.Init("status", state.back(), ffi::DataType::S32, batch, 0));
  ParallelFor(pool, batch.streams, grain, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      ChainStream<V> stream{};
      stream.precision = precision;
      stream.most = most;
      bits.Open(b, stream);
      remainders.Open(b, stream);
      body(stream, b);
      *status.At(b) |= bits.Close(b, stream) | remainders.Close(b, stream);
    }
  });
  return ffi::Error::Success();
}

ffi::Error ChainTake(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t variant,
                     int32_t precision, int32_t most) {
  Buffers call;
  Batch batch;
  Operand<uint32_t> quantiles;
  JANS_RETURN_IF_ERROR(call.Init(args, rets, {0, kGiven, 1, 2}, 1));
  JANS_RETURN_IF_ERROR(batch.Init(call.state.back().dimensions()));
  JANS_RETURN_IF_ERROR(quantiles.Init("quantiles", call.results[0], ffi::DataType::U32, batch, 1));
  const int64_t n = quantiles.core[0];
  return WithChain(variant, precision, most, [&](auto v) {
    using V = decltype(v);
    return ForChains<V, Bits<V>, Untouched>(pool, batch, call.state, precision, most, StreamGrain(n),
                                            [&](ChainStream<V>& stream, int64_t b) {
                                              uint32_t* out = quantiles.At(b);
                                              for (int64_t i = 0; i < n; ++i) {
                                                out[i] = Take<V>(stream.rest, stream.compressed, precision);
                                              }
                                            });
  });
}

ffi::Error ChainKeep(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t variant,
                     int32_t precision, int32_t most) {
  Buffers call;
  Batch batch;
  IntervalOperands intervals;
  Operand<const uint32_t> quantiles;
  JANS_RETURN_IF_ERROR(call.Init(args, rets, {0, 1, 2, 3}, 0));
  JANS_RETURN_IF_ERROR(batch.Init(call.state.back().dimensions()));
  if (call.operands.size() != 3) return Invalid("chain_keep takes intervals and quantiles");
  JANS_RETURN_IF_ERROR(intervals.Init(batch, call.operands[0], call.operands[1]));
  JANS_RETURN_IF_ERROR(quantiles.Init("quantiles", call.operands[2], ffi::DataType::U32, batch, 1));
  const int64_t n = intervals.n();
  if (quantiles.core[0] != n) return Invalid("intervals and quantiles differ in length");
  return WithChain(variant, precision, most, [&](auto v) {
    using V = decltype(v);
    auto keep = [&](ChainStream<V>& stream, int64_t b) {
      const Intervals source{intervals.start.At(b), intervals.freq.At(b), precision};
      const uint32_t* quantile = quantiles.At(b);
      Stream<V>& remainders = stream.remainders;
      for (int64_t i = 0; i < n; ++i) {
        const Interval interval = source.Locate(i, quantile[i]).interval;
        if (interval.freq == 0) {
          remainders.tail.status |= static_cast<int32_t>(interval.start);
          continue;
        }
        auto x = LoadHead<V>(remainders.heads, i % remainders.lanes);
        Keep<V>(x, remainders.tail, interval, quantile[i], most);
        StoreHead<V>(remainders.heads, i % remainders.lanes, x);
      }
    };
    return ForChains<V, Untouched, Remainders<V>>(pool, batch, call.state, precision, most, StreamGrain(n), keep);
  });
}

// Pushes intervals that fill(begin, count, start, freq) makes in groups of kGroup.
template <int kGroup, typename V, typename Fill>
void PushFilledOn(ChainStream<V>& stream, const Fill& fill, int64_t n) {
  const EntrySource<Rans64, kGroup, Fill> entries(fill, n, stream.precision);
  auto source = [&entries](int64_t i) { return NearEntry{entries(i)}; };
  WithOneOrMany(stream.remainders.lanes,
                [&](auto lanes) { ChainPushAll<V, decltype(lanes)::value>(stream, source, n); });
}

ffi::Error ChainPush(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t variant,
                     int32_t precision, int32_t most) {
  Buffers call;
  Batch batch;
  IntervalOperands intervals;
  JANS_RETURN_IF_ERROR(call.Init(args, rets, {0, 1, 2, 3, kGiven, 4, 5}, 0));
  JANS_RETURN_IF_ERROR(batch.Init(call.state.back().dimensions()));
  JANS_RETURN_IF_ERROR(call.Intervals(batch, intervals));
  const int64_t n = intervals.n();
  return WithChain(variant, precision, most, [&](auto v) {
    using V = decltype(v);
    auto push = [&](ChainStream<V>& stream, int64_t b) {
      const Intervals source{intervals.start.At(b), intervals.freq.At(b), precision};
      auto fill = [&source](int64_t begin, int64_t count, uint32_t* start, uint32_t* freq) {
        source.Fill(begin, count, start, freq);
      };
      PushFilledOn<16>(stream, fill, n);
    };
    return ForChains<V, Bits<V>, Remainders<V>>(pool, batch, call.state, precision, most, StreamGrain(n), push);
  });
}

ffi::Error PushModels(ffi::ThreadPool& pool, const Batch& batch, const std::vector<AnyBuffer>& state,
                      const Operand<const int32_t>& symbols, int32_t variant, int32_t precision, int32_t most,
                      const AnyModels& models) {
  const int64_t n = symbols.core[0];
  return WithChain(variant, precision, most, [&](auto v) {
    using V = decltype(v);
    auto push = [&](ChainStream<V>& stream, int64_t b) {
      const int32_t* s = symbols.At(b);
      models.Open(b, n, Order::kBackward, [&](const AnyModel& model) {
        EntryTable<ExactEntry> table;
        if (model.shared != nullptr && table.Build(*model.shared, n, MakeExactEntry)) {
          auto source = [&table, s](int64_t i) -> const ExactEntry& { return table.Find(s[i]); };
          return WithOneOrMany(stream.remainders.lanes,
                               [&](auto lanes) { ChainPushAll<V, decltype(lanes)::value>(stream, source, n); });
        }
        auto fill = [&model, s](int64_t begin, int64_t count, uint32_t* start, uint32_t* freq) {
          model.find(model.finder, begin, count, s + begin, start, freq);
        };
        model.WithGroup([&](auto group) { PushFilledOn<decltype(group)::value>(stream, fill, n); });
      });
    };
    return ForChains<V, Bits<V>, Remainders<V>>(pool, batch, state, precision, most, StreamGrain(n, models.cost()),
                                                push);
  });
}

template <MakeModels kMake>
ffi::Error ChainPushModel(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t variant,
                          int32_t precision, int32_t most) {
  Buffers call;
  Batch batch;
  Operand<const int32_t> symbols;
  std::unique_ptr<AnyModels> models;
  JANS_RETURN_IF_ERROR(call.Init(args, rets, {0, 1, 2, 3, kGiven, 4, 5}, 0));
  JANS_RETURN_IF_ERROR(batch.Init(call.state.back().dimensions()));
  if (call.operands.empty()) return Invalid("symbols are missing");
  JANS_RETURN_IF_ERROR(symbols.Init("symbols", call.operands[0], ffi::DataType::S32, batch, 1));
  JANS_RETURN_IF_ERROR(kMake(batch, args, call.state.size() + 1, symbols.core[0], precision, models));
  return PushModels(pool, batch, call.state, symbols, variant, precision, most, *models);
}

ffi::Error PopModels(ffi::ThreadPool& pool, const Batch& batch, const std::vector<AnyBuffer>& state,
                     const Operand<int32_t>& symbols, int32_t variant, int32_t precision, int32_t most,
                     const AnyModels& models) {
  const int64_t n = symbols.core[0];
  return WithChain(variant, precision, most, [&](auto v) {
    using V = decltype(v);
    auto pop = [&](ChainStream<V>& stream, int64_t b) {
      auto with = [&](const auto& locate) {
        WithOneOrMany(stream.remainders.lanes,
                      [&](auto lanes) { ChainPopAll<V, decltype(lanes)::value>(stream, locate, symbols.At(b), n); });
      };
      models.Open(b, n, Order::kForward, [&](const AnyModel& model) { model.WithLocate(n, with); });
    };
    return ForChains<V, Bits<V>, Remainders<V>>(pool, batch, state, precision, most, StreamGrain(n, models.cost()),
                                                pop);
  });
}

template <MakeModels kMake>
ffi::Error ChainPopModel(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t variant,
                         int32_t precision, int32_t most) {
  Buffers call;
  Batch batch;
  Operand<int32_t> symbols;
  std::unique_ptr<AnyModels> models;
  JANS_RETURN_IF_ERROR(call.Init(args, rets, {0, kGiven, 1, 2, 3, 4, 5}, 1));
  JANS_RETURN_IF_ERROR(batch.Init(call.state.back().dimensions()));
  JANS_RETURN_IF_ERROR(symbols.Init("symbols", call.results[0], ffi::DataType::S32, batch, 1));
  JANS_RETURN_IF_ERROR(kMake(batch, args, call.state.size(), symbols.core[0], precision, models));
  return PopModels(pool, batch, call.state, symbols, variant, precision, most, *models);
}

}  // namespace

#define JANS_CHAIN_HANDLER(name, implementation) JANS_HANDLER(name, implementation, BIND BUFFERS CODER ATTR(most))
JANS_CHAIN_HANDLER(chain_take, ChainTake)
JANS_CHAIN_HANDLER(chain_keep, ChainKeep)
JANS_CHAIN_HANDLER(chain_push, ChainPush)
#define JANS_CHAIN_HANDLERS(name, _)                                 \
  JANS_CHAIN_HANDLER(chain_push_##name, ChainPushModel<Make_##name>) \
  JANS_CHAIN_HANDLER(chain_pop_##name, ChainPopModel<Make_##name>)
JANS_KINDS(JANS_CHAIN_HANDLERS)

}  // namespace jans
