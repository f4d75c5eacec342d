// CPU handlers of the chain coder: quantiles from and to one stack, remainders to and from another.
#include "../chain.h"

#include "../../cpu/loops/chain_stream.h"
#include "../../cpu/search/row_tables.h"
#include "any_model.h"
#include "call.h"

namespace jans {
namespace {

// Runs body(stream, b) for the coders of a call.
template <typename V, typename Body>
ffi::Error ForChains(ffi::ThreadPool& pool, const Batch& batch, const BufferArray& state, int32_t precision,
                     int32_t max_precision, int64_t grain, const Body& body) {
  ChainOperands<V> coders;
  JANS_RETURN_IF_ERROR(coders.Init(batch, state, precision, max_precision));
  return OnCpu{pool}.ForEach(batch.streams, grain, [&](int64_t b) {
    const ChainBits<V> bits = coders.bits.Open(b);
    const ChainRemainders<V> kept = coders.remainders.Open(b, max_precision);
    ChainStream<V> stream{bits.partial_word, bits.tail,     {kept.heads, kept.lanes, kept.tail},
                          precision,         max_precision, kept.sound};
    body(stream, b);
    *coders.status.At(b) |= coders.bits.Close(b, {stream.partial_word, stream.compressed}) |
                            coders.remainders.Close(b, {kept.heads, kept.lanes, stream.remainders.tail, kept.sound});
  });
}

// Pushes n symbols as a model's first ones.
template <typename V>
void PushModelOn(ChainStream<V>& stream, const ModelView& model, const int32_t* symbols, int64_t n) {
  const EntrySource<Rans64> entries(model, symbols, 0, n);
  auto source = [&entries](int64_t i) { return NearEntry{entries(i)}; };
  WithOneOrMany(stream.remainders.lanes,
                [&](auto lanes) { ChainPushAll<V, decltype(lanes)::value>(stream, source, n); });
}

ffi::Error ChainPush(ffi::ThreadPool pool, Arguments args, Results rets, int32_t variant, int32_t precision,
                     int32_t max_precision) {
  Buffers call;
  Batch batch;
  IntervalOperands intervals;
  JANS_RETURN_IF_ERROR(call.Init(OnCpu{pool}, args, rets, {0, 1, 2, 3, kGiven, 4, 5}, 0));
  JANS_RETURN_IF_ERROR(InitBatch(call.state.back().dimensions(), batch));
  JANS_RETURN_IF_ERROR(call.Intervals(batch, intervals));
  const int64_t n = intervals.n();
  return WithChain(variant, precision, max_precision, [&](auto v) {
    using V = decltype(v);
    auto push = [&](ChainStream<V>& stream, int64_t b) {
      const Intervals source{intervals.start.At(b), intervals.freq.At(b), precision};
      PushModelOn(stream, ViewOf(source), nullptr, n);
    };
    return ForChains<V>(pool, batch, call.state, precision, max_precision, StreamGrain(n), push);
  });
}

ffi::Error PushModels(ffi::ThreadPool& pool, const Batch& batch, const BufferArray& state,
                      const Operand<const int32_t>& symbols, int32_t variant, int32_t precision, int32_t max_precision,
                      const AnyModels& models) {
  const int64_t n = symbols.core[0];
  return WithChain(variant, precision, max_precision, [&](auto v) {
    using V = decltype(v);
    auto push = [&](ChainStream<V>& stream, int64_t b) {
      const int32_t* s = symbols.At(b);
      models.Open(b, n, Order::kBackward, [&](const ModelView& model) {
        EntryTable<ExactEntry> table;
        if (model.shared != nullptr && table.Build(*model.shared, n, MakeExactEntry)) {
          auto source = [find = table.Find(), s](int64_t i) -> const ExactEntry& { return find(s[i]); };
          return WithOneOrMany(stream.remainders.lanes,
                               [&](auto lanes) { ChainPushAll<V, decltype(lanes)::value>(stream, source, n); });
        }
        PushModelOn(stream, model, s, n);
      });
    };
    return ForChains<V>(pool, batch, state, precision, max_precision, StreamGrain(n, models.cost()), push);
  });
}

ffi::Error ChainPushModels(ffi::ThreadPool& pool, const Arguments& args, const Results& rets, int32_t variant,
                           int32_t precision, int32_t max_precision, MakeModels make) {
  Buffers call;
  Batch batch;
  Operand<const int32_t> symbols;
  std::unique_ptr<AnyModels> models;
  JANS_RETURN_IF_ERROR(call.Init(OnCpu{pool}, args, rets, {0, 1, 2, 3, kGiven, 4, 5}, 0));
  JANS_RETURN_IF_ERROR(InitBatch(call.state.back().dimensions(), batch));
  if (call.operands.empty()) return Invalid("symbols are missing");
  JANS_RETURN_IF_ERROR(symbols.Init("symbols", call.operands[0], ffi::DataType::S32, batch, 1));
  JANS_RETURN_IF_ERROR(make(batch, args, call.state.size() + 1, symbols.core[0], precision, models));
  return PushModels(pool, batch, call.state, symbols, variant, precision, max_precision, *models);
}

ffi::Error PopModels(ffi::ThreadPool& pool, const Batch& batch, const BufferArray& state,
                     const Operand<int32_t>& symbols, int32_t variant, int32_t precision, int32_t max_precision,
                     const AnyModels& models) {
  const int64_t n = symbols.core[0];
  return WithChain(variant, precision, max_precision, [&](auto v) {
    using V = decltype(v);
    auto pop = [&](ChainStream<V>& stream, int64_t b) {
      auto with = [&](const auto& locate) {
        WithOneOrMany(stream.remainders.lanes,
                      [&](auto lanes) { ChainPopAll<V, decltype(lanes)::value>(stream, locate, symbols.At(b), n); });
      };
      models.Open(b, n, Order::kForward, [&](const ModelView& model) { WithLocate(model, n, with); });
    };
    return ForChains<V>(pool, batch, state, precision, max_precision, StreamGrain(n, models.cost()), pop);
  });
}

ffi::Error ChainPopModels(ffi::ThreadPool& pool, const Arguments& args, const Results& rets, int32_t variant,
                          int32_t precision, int32_t max_precision, MakeModels make) {
  Buffers call;
  Batch batch;
  Operand<int32_t> symbols;
  std::unique_ptr<AnyModels> models;
  JANS_RETURN_IF_ERROR(call.Init(OnCpu{pool}, args, rets, {0, kGiven, 1, 2, 3, 4, 5}, 1));
  JANS_RETURN_IF_ERROR(InitBatch(call.state.back().dimensions(), batch));
  JANS_RETURN_IF_ERROR(symbols.Init("symbols", call.results[0], ffi::DataType::S32, batch, 1));
  JANS_RETURN_IF_ERROR(make(batch, args, call.state.size(), symbols.core[0], precision, models));
  return PopModels(pool, batch, call.state, symbols, variant, precision, max_precision, *models);
}

template <MakeModels kMake>
ffi::Error ChainPushKind(ffi::ThreadPool pool, Arguments args, Results rets, int32_t variant, int32_t precision,
                         int32_t max_precision) {
  return ChainPushModels(pool, args, rets, variant, precision, max_precision, kMake);
}
template <MakeModels kMake>
ffi::Error ChainPopKind(ffi::ThreadPool pool, Arguments args, Results rets, int32_t variant, int32_t precision,
                        int32_t max_precision) {
  return ChainPopModels(pool, args, rets, variant, precision, max_precision, kMake);
}

}  // namespace

#define JANS_CHAIN_HANDLER(name, implementation) \
  JANS_HANDLER(name, implementation, "variant", "precision", "max_precision")
JANS_CHAIN_HANDLER(chain_take, ChainTake<OnCpu>)
JANS_CHAIN_HANDLER(chain_keep, ChainKeep<OnCpu>)
JANS_CHAIN_HANDLER(chain_push, ChainPush)
#define JANS_CHAIN_HANDLERS(name, _)                                \
  JANS_CHAIN_HANDLER(chain_push_##name, ChainPushKind<Make_##name>) \
  JANS_CHAIN_HANDLER(chain_pop_##name, ChainPopKind<Make_##name>)
JANS_KINDS(JANS_CHAIN_HANDLERS)

}  // namespace jans
