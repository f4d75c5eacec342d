// CUDA handlers of all kinds of models with all coders.
//
// A kernel for every pair of them would be hundreds. Instead each kind has two functions of its own on the device, and
// a kernel, one for each coder, asks them through a switch that all its threads take alike.
#include "../chain.h"
#include "../operands/families.h"
#include "../operands/lazy_operands.h"
#include "../operands/table_operands.h"
#include "../range.h"
#include "models.h"

namespace jans {
namespace {

#define JANS_DEVICE_KINDS(X)      \
  X(table, TableOperands)         \
  X(lazy, LazyOperands<float>)    \
  X(lazy64, LazyOperands<double>) \
  JANS_FAMILIES(X)

enum class Kind : int32_t {
#define JANS_NAME(name, _) name,
  JANS_DEVICE_KINDS(JANS_NAME)
#undef JANS_NAME
};

template <typename Operands>
JANS_APART Interval FindIn(const void* operands, int64_t b, int64_t i, int32_t symbol) {
  return static_cast<const Operands*>(operands)->At(b).Find(i, symbol);
}
template <typename Operands>
JANS_APART Located LocateIn(const void* operands, int64_t b, int64_t i, uint32_t quantile) {
  return static_cast<const Operands*>(operands)->At(b).Locate(i, quantile);
}

// The models of a call: the operands of one kind.
struct DeviceModels {
  struct Stream {
    const DeviceModels& models;
    int64_t b;

    JANS_HD Interval Find(int64_t i, int32_t symbol) const { return models.Find(b, i, symbol); }
    JANS_HD Located Locate(int64_t i, uint32_t quantile) const { return models.Locate(b, i, quantile); }
  };

#define JANS_SIZE(_, Operands) sizeof(Operands),
  static constexpr size_t kMaxBytes = std::max({JANS_DEVICE_KINDS(JANS_SIZE) size_t{0}});
#undef JANS_SIZE

  Kind kind;
  alignas(8) unsigned char operands[kMaxBytes];

  template <typename Operands>
  void Set(Kind of, const Operands& from) {
    static_assert(std::is_trivially_copyable_v<Operands> && alignof(Operands) <= 8);
    kind = of;
    new (operands) Operands(from);
  }
  template <typename Operands>
  const Operands& Get() const {
    return *std::launder(reinterpret_cast<const Operands*>(operands));
  }
  JANS_HD Stream At(int64_t b) const { return {*this, b}; }
  // Of symbol i of stream b.
  JANS_HD Interval Find(int64_t b, int64_t i, int32_t symbol) const {
    switch (kind) {
#define JANS_CASE(name, Operands) \
  case Kind::name:                \
    return FindIn<Operands>(operands, b, i, symbol);
      JANS_DEVICE_KINDS(JANS_CASE)
#undef JANS_CASE
    }
    return NoInterval(kBadModel);
  }
  JANS_HD Located Locate(int64_t b, int64_t i, uint32_t quantile) const {
    switch (kind) {
#define JANS_CASE(name, Operands) \
  case Kind::name:                \
    return LocateIn<Operands>(operands, b, i, quantile);
      JANS_DEVICE_KINDS(JANS_CASE)
#undef JANS_CASE
    }
    return {0, NoInterval(kBadModel)};
  }
};

// From the operands of a call, beginning with `first`, for n symbols.
using MakeModels = ffi::Error (*)(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision,
                                  DeviceModels& models);

ffi::Error MakeTable(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision, bool guided,
                     DeviceModels& models) {
  TableOperands operands;
  JANS_RETURN_IF_ERROR(operands.Init(batch, args, first, n, precision, guided));
  models.Set(Kind::table, operands);
  return ffi::Error::Success();
}

ffi::Error Make_rows(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision,
                     DeviceModels& models) {
  return MakeTable(batch, args, first, n, precision, false, models);
}

ffi::Error Make_table(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision,
                      DeviceModels& models) {
  return MakeTable(batch, args, first, n, precision, true, models);
}

ffi::Error Make_lazy(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision,
                     DeviceModels& models) {
  if (args.size() <= first) return Invalid("probs is missing");
  const AnyBuffer probs = args[first];
  return WithFloats(probs, [&](auto zero) {
    LazyOperands<decltype(zero)> operands;
    JANS_RETURN_IF_ERROR(operands.Init(batch, probs, n, precision));
    models.Set(sizeof(zero) == 4 ? Kind::lazy : Kind::lazy64, operands);
    return ffi::Error::Success();
  });
}

#define JANS_MAKE_FAMILY(name, Family)                                                                          \
  ffi::Error Make_##name(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision, \
                         DeviceModels& models) {                                                                \
    Family family;                                                                                              \
    OperandReader reader(batch, args, n, precision, first);                                                     \
    JANS_RETURN_IF_ERROR(family.Init(reader));                                                                  \
    models.Set(Kind::name, family);                                                                             \
    return ffi::Error::Success();                                                                               \
  }
JANS_FAMILIES(JANS_MAKE_FAMILY)

// ---- maps ----

struct FindIntervals {
  DeviceModels models;
  Operand<const int32_t> symbols;
  Operand<uint32_t> start, freq;

  JANS_HD void operator()(int64_t k) const {
    const int64_t n = symbols.core[0], b = k / n, i = k % n;
    const Interval found = models.Find(b, i, symbols.At(b)[i]);
    start.At(b)[i] = found.start;
    freq.At(b)[i] = found.freq;
  }
};

// Symbols at quantiles; the least integer, which no model has, where there is no distribution.
struct LocateSymbols {
  DeviceModels models;
  Operand<const uint32_t> quantiles;
  Operand<int32_t> symbols;

  JANS_HD void operator()(int64_t k) const {
    const int64_t n = quantiles.core[0], b = k / n, i = k % n;
    const Located found = models.Locate(b, i, quantiles.At(b)[i]);
    symbols.At(b)[i] = found.interval.freq == 0 ? std::numeric_limits<int32_t>::min() : found.symbol;
  }
};

// What maps an array of the batch shares: `full` has all of its streams and symbols.
ffi::Error InitMap(const AnyBuffer& full, const Arguments& operands, int32_t precision, MakeModels make, Batch& batch,
                   DeviceModels& models) {
  JANS_RETURN_IF_ERROR(CheckVector(full));
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
  auto dims = full.dimensions();
  JANS_RETURN_IF_ERROR(InitBatch(dims.first(dims.size() - 1), batch));
  if (batch.streams > kMost) return Invalid("more than 2^31 - 1 streams");
  return make(batch, operands, 0, dims.back(), precision, models);
}

template <MakeModels kMake>
ffi::Error IntervalModel(cudaStream_t stream, AnyBuffer symbols, Arguments operands, Out start, Out freq,
                         int32_t precision) {
  Batch batch;
  FindIntervals job;
  JANS_RETURN_IF_ERROR(InitMap(symbols, operands, precision, kMake, batch, job.models));
  JANS_RETURN_IF_ERROR(job.symbols.Init("symbols", symbols, ffi::DataType::S32, batch, 1));
  JANS_RETURN_IF_ERROR(job.start.Init("start", start, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(job.freq.Init("freq", freq, ffi::DataType::U32, batch, 1));
  if (job.start.core != job.symbols.core || job.freq.core != job.symbols.core) {
    return Invalid("intervals and symbols differ in length");
  }
  return OnDevice{stream}.Map(batch.streams * job.symbols.core[0], job);
}

template <MakeModels kMake>
ffi::Error LocateModel(cudaStream_t stream, AnyBuffer quantiles, Arguments operands, Out symbols, int32_t precision) {
  Batch batch;
  LocateSymbols job;
  JANS_RETURN_IF_ERROR(InitMap(quantiles, operands, precision, kMake, batch, job.models));
  JANS_RETURN_IF_ERROR(job.quantiles.Init("quantiles", quantiles, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(job.symbols.Init("symbols", symbols, ffi::DataType::S32, batch, 1));
  if (job.symbols.core != job.quantiles.core) return Invalid("symbols and quantiles differ in length");
  return OnDevice{stream}.Map(batch.streams * job.quantiles.core[0], job);
}

// ---- rANS ----

using KindArrays = ModelArrays<DeviceModels, cuda::kFewBlocks>;

// The call of a mixture, if it has one component.
template <typename V>
bool AsSingles(const cuda::Call<V, KindArrays>& call, cuda::Call<V, cuda::SingleArrays>* singles) {
  const DeviceModels& models = call.arrays.operands;
  const bool logistic = models.kind == Kind::logistic_mixture;
  if (!logistic && models.kind != Kind::gaussian_mixture) return false;
  const IntegerMixtureOperands* found = &models.Get<GaussianMixtureFamily>();
  if (logistic) found = &models.Get<LogisticMixtureFamily>();
  const IntegerMixtureOperands& mixture = *found;
  if (mixture.components() != 1) return false;
  const IntegerOperand &low = mixture.support.low, &high = mixture.support.high;
  *singles = {call.coder,
              {call.arrays.symbols,
               logistic,
               {mixture.logits, StrideOf(mixture.logits)},
               {mixture.mean, StrideOf(mixture.mean)},
               {mixture.scale, StrideOf(mixture.scale)},
               {low.values, StrideOf(low.values)},
               {high.values, StrideOf(high.values)}},
              call.n};
  return true;
}

template <typename V>
cudaError_t LaunchPush(const cuda::Call<V, KindArrays>& call, cudaStream_t stream) {
  cuda::Call<V, cuda::SingleArrays> singles;
  return AsSingles(call, &singles) ? cuda::PushSingles(singles, stream) : cuda::PushWith<OperandsModel>(call, stream);
}
template <typename V>
cudaError_t LaunchPop(const cuda::Call<V, KindArrays>& call, cudaStream_t stream) {
  cuda::Call<V, cuda::SingleArrays> singles;
  return AsSingles(call, &singles) ? cuda::PopSingles(singles, stream) : cuda::PopWith<OperandsModel>(call, stream);
}

template <MakeModels kMake>
ffi::Error MakeAll(const Batch& batch, const Arguments& args, int64_t n, int32_t precision, DeviceModels& models) {
  return kMake(batch, args, 0, n, precision, models);
}
template <MakeModels kMake>
constexpr auto PushModel = PushOperands<DeviceModels, MakeAll<kMake>, cuda::kFewBlocks>;
template <MakeModels kMake>
constexpr auto PopModel = PopOperands<DeviceModels, MakeAll<kMake>, cuda::kFewBlocks>;

// ---- the chain coder ----

// Pushes the intervals find(n - 1), ..., find(0) on stream b.
template <typename V, typename Find>
JANS_HD void PushOn(const ChainOperands<V>& coders, int64_t b, int64_t n, const Find& find) {
  ChainBits<V> to = coders.bits.Open(b);
  ChainRemainders<V> from = coders.remainders.Open(b, coders.max_precision);
  for (int64_t i = n; i-- > 0;) {
    const Interval interval = find(i);
    if (interval.freq == 0) {
      from.tail.status |= static_cast<int32_t>(interval.start);
      continue;
    }
    auto x = LoadHead<V>(from.heads, i % from.lanes);
    Give<V>(to.partial_word, to.tail, Recall<V>(x, from.tail, interval, coders.max_precision), coders.precision);
    StoreHead<V>(from.heads, i % from.lanes, x);
  }
  *coders.status.At(b) |= coders.bits.Close(b, to) | coders.remainders.Close(b, from);
}

// Pops n symbols off stream b, where locate(i, quantile) finds the i-th.
template <typename V, typename Locate>
JANS_HD void PopFrom(const ChainOperands<V>& coders, int64_t b, int64_t n, int32_t* symbols, const Locate& locate) {
  ChainBits<V> from = coders.bits.Open(b);
  ChainRemainders<V> to = coders.remainders.Open(b, coders.max_precision);
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t quantile = Take<V>(from.partial_word, from.tail, coders.precision);
    const Located found = locate(i, quantile);
    symbols[i] = found.symbol;
    to.Keep(i, found.interval, quantile, coders.max_precision);
  }
  *coders.status.At(b) |= coders.bits.Close(b, from) | coders.remainders.Close(b, to);
}

template <typename V>
struct PushChain {
  ChainOperands<V> coders;
  DeviceModels models;
  Operand<const int32_t> symbols;

  JANS_HD void operator()(int64_t b) const {
    const int32_t* s = symbols.At(b);
    PushOn(coders, b, symbols.core[0], [&](int64_t i) { return models.Find(b, i, s[i]); });
  }
};

template <MakeModels kMake>
ffi::Error ChainPushModel(cudaStream_t stream, Arguments args, Results rets, int32_t variant, int32_t precision,
                          int32_t max_precision) {
  const OnDevice where{stream};
  Buffers call;
  Batch batch;
  JANS_RETURN_IF_ERROR(call.Init(where, args, rets, {0, 1, 2, 3, kGiven, 4, 5}, 0));
  JANS_RETURN_IF_ERROR(InitBatch(call.state.back().dimensions(), batch));
  if (call.operands.empty()) return Invalid("symbols are missing");
  return WithChain(variant, precision, max_precision, [&](auto v) {
    PushChain<decltype(v)> job{};
    JANS_RETURN_IF_ERROR(job.coders.Init(batch, call.state, precision, max_precision));
    JANS_RETURN_IF_ERROR(job.symbols.Init("symbols", call.operands[0], ffi::DataType::S32, batch, 1));
    JANS_RETURN_IF_ERROR(kMake(batch, args, call.state.size() + 1, job.symbols.core[0], precision, job.models));
    return where.ForEach(batch.streams, 1, job);
  });
}

template <typename V>
struct PopChain {
  ChainOperands<V> coders;
  DeviceModels models;
  Operand<int32_t> symbols;

  JANS_HD void operator()(int64_t b) const {
    PopFrom(coders, b, symbols.core[0], symbols.At(b),
            [&](int64_t i, uint32_t quantile) { return models.Locate(b, i, quantile); });
  }
};

template <MakeModels kMake>
ffi::Error ChainPopModel(cudaStream_t stream, Arguments args, Results rets, int32_t variant, int32_t precision,
                         int32_t max_precision) {
  const OnDevice where{stream};
  Buffers call;
  Batch batch;
  JANS_RETURN_IF_ERROR(call.Init(where, args, rets, {0, kGiven, 1, 2, 3, 4, 5}, 1));
  JANS_RETURN_IF_ERROR(InitBatch(call.state.back().dimensions(), batch));
  return WithChain(variant, precision, max_precision, [&](auto v) {
    PopChain<decltype(v)> job{};
    JANS_RETURN_IF_ERROR(job.coders.Init(batch, call.state, precision, max_precision));
    JANS_RETURN_IF_ERROR(job.symbols.Init("symbols", call.results[0], ffi::DataType::S32, batch, 1));
    JANS_RETURN_IF_ERROR(kMake(batch, args, call.state.size(), job.symbols.core[0], precision, job.models));
    return where.ForEach(batch.streams, 1, job);
  });
}

template <typename V>
struct PushChainIntervals {
  ChainOperands<V> coders;
  Operand<const uint32_t> start, freq;

  JANS_HD void operator()(int64_t b) const {
    const Intervals source{start.At(b), freq.At(b), coders.precision};
    PushOn(coders, b, start.core[0], [&source](int64_t i) { return source.Check(source.Raw(i)); });
  }
};

ffi::Error ChainPush(cudaStream_t stream, Arguments args, Results rets, int32_t variant, int32_t precision,
                     int32_t max_precision) {
  const OnDevice where{stream};
  Buffers call;
  Batch batch;
  IntervalOperands intervals;
  JANS_RETURN_IF_ERROR(call.Init(where, args, rets, {0, 1, 2, 3, kGiven, 4, 5}, 0));
  JANS_RETURN_IF_ERROR(InitBatch(call.state.back().dimensions(), batch));
  JANS_RETURN_IF_ERROR(call.Intervals(batch, intervals));
  return WithChain(variant, precision, max_precision, [&](auto v) {
    PushChainIntervals<decltype(v)> job{{}, intervals.start, intervals.freq};
    JANS_RETURN_IF_ERROR(job.coders.Init(batch, call.state, precision, max_precision));
    return where.ForEach(batch.streams, 1, job);
  });
}

// ---- the range coder ----

struct EncodeSymbols {
  DeviceModels models;
  Operand<const int32_t> symbols;
  int32_t precision;

  JANS_HD void operator()(RangeEncoder& coder, int64_t b) const {
    const int32_t* s = symbols.At(b);
    RangeEncodeAll(coder, [&](int64_t i) { return models.Find(b, i, s[i]); }, symbols.core[0], precision);
  }
};

template <MakeModels kMake>
ffi::Error RangeEncodeModel(cudaStream_t stream, Arguments args, Results rets, int32_t precision) {
  const OnDevice where{stream};
  Buffers call;
  RangeJob<Encoders, EncodeSymbols> job{};
  job.body.precision = precision;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
  JANS_RETURN_IF_ERROR(call.Init(where, args, rets, Encoders::kReplaced, 0));
  JANS_RETURN_IF_ERROR(job.coders.Init(call.state));
  if (call.operands.empty()) return Invalid("symbols are missing");
  const Batch& batch = job.coders.batch();
  JANS_RETURN_IF_ERROR(job.body.symbols.Init("symbols", call.operands[0], ffi::DataType::S32, batch, 1));
  JANS_RETURN_IF_ERROR(kMake(batch, args, call.state.size() + 1, job.body.symbols.core[0], precision, job.body.models));
  return where.ForEach(batch.streams, 1, job);
}

struct DecodeSymbols {
  DeviceModels models;
  Operand<int32_t> symbols;
  int32_t precision;

  JANS_HD void operator()(RangeDecoder& coder, int64_t b) const {
    auto locate = [&](int64_t i, uint32_t quantile) { return models.Locate(b, i, quantile); };
    RangeDecodeAll(coder, locate, symbols.At(b), symbols.core[0], precision);
  }
};

template <MakeModels kMake>
ffi::Error RangeDecodeModel(cudaStream_t stream, Arguments args, Results rets, int32_t precision) {
  const OnDevice where{stream};
  Buffers call;
  RangeJob<Decoders, DecodeSymbols> job{};
  job.body.precision = precision;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
  JANS_RETURN_IF_ERROR(call.Init(where, args, rets, Decoders::kReplaced, 1));
  JANS_RETURN_IF_ERROR(job.coders.Init(call.state));
  const Batch& batch = job.coders.batch();
  JANS_RETURN_IF_ERROR(job.body.symbols.Init("symbols", call.results[0], ffi::DataType::S32, batch, 1));
  JANS_RETURN_IF_ERROR(kMake(batch, args, call.state.size(), job.body.symbols.core[0], precision, job.body.models));
  return where.ForEach(batch.streams, 1, job);
}

}  // namespace

#define JANS_MODEL_HANDLERS(name, _)                                             \
  JANS_HANDLER(rans_push_##name, PushModel<Make_##name>, "variant", "precision") \
  JANS_HANDLER(rans_pop_##name, PopModel<Make_##name>, "variant", "precision")   \
  JANS_HANDLER(interval_##name, IntervalModel<Make_##name>, "precision")         \
  JANS_HANDLER(locate_##name, LocateModel<Make_##name>, "precision")
JANS_MODEL_HANDLERS(lazy, _)
JANS_FAMILIES(JANS_MODEL_HANDLERS)

#define JANS_CHAIN_HANDLER(name, implementation) \
  JANS_HANDLER(name, implementation, "variant", "precision", "max_precision")
#define JANS_RANGE_HANDLER(name, implementation) JANS_HANDLER(name, implementation, "precision")
JANS_CHAIN_HANDLER(chain_take, ChainTake<OnDevice>)
JANS_CHAIN_HANDLER(chain_keep, ChainKeep<OnDevice>)
JANS_CHAIN_HANDLER(chain_push, ChainPush)
JANS_RANGE_HANDLER(range_encode, RangeEncode<OnDevice>)
JANS_RANGE_HANDLER(range_peek, RangePeek<OnDevice>)
JANS_RANGE_HANDLER(range_advance, RangeAdvance<OnDevice>)
#define JANS_KIND_HANDLERS(name, _)                                      \
  JANS_CHAIN_HANDLER(chain_push_##name, ChainPushModel<Make_##name>)     \
  JANS_CHAIN_HANDLER(chain_pop_##name, ChainPopModel<Make_##name>)       \
  JANS_RANGE_HANDLER(range_encode_##name, RangeEncodeModel<Make_##name>) \
  JANS_RANGE_HANDLER(range_decode_##name, RangeDecodeModel<Make_##name>)
JANS_KINDS(JANS_KIND_HANDLERS)

}  // namespace jans
