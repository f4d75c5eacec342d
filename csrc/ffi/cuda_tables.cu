// CUDA handlers of rANS with tables: guides, alias tables and bypass coding.
#include "../cuda/kernels.h"
#include "alias_operands.h"
#include "bypass_operands.h"
#include "cuda_call.h"

namespace jans {
namespace {

template <typename Operands_>
struct TableArrays {
  using Operands = Operands_;
  cuda::SymbolArray symbols;
  Operands operands;
};

// As the models of sources.h, of whatever the operands of a call give for a stream.
template <typename Arrays>
class OperandsModel {
 public:
  static constexpr int kBlocks = cuda::kMinBlocks;
  struct Source {
    using Table = decltype(std::declval<const typename Arrays::Operands&>().At(0));
    cuda::Symbols<void> symbols;
    Table table;

    struct Fetched {
      int64_t i;
      int32_t symbol;
    };
    __device__ __forceinline__ Fetched Fetch(int64_t i) const { return {i, symbols.Load(i)}; }
    __device__ __forceinline__ auto Resolve(Fetched fetched) const {
      return ItemOf(table, fetched.i, table.Find(fetched.i, fetched.symbol));
    }
    __device__ __forceinline__ Located Locate(int64_t i, uint32_t quantile) const { return table.Locate(i, quantile); }
    __device__ __forceinline__ void Store(int64_t i, int32_t symbol) const { symbols.Store(i, symbol); }
  };

  __device__ OperandsModel(const Arrays& arrays, int, int) : arrays_(arrays) {}
  template <typename Body>
  __device__ void Visit(uint32_t stream, const Body& body) const {
    body(Source{{arrays_.symbols, stream}, arrays_.operands.At(stream)});
  }

 private:
  const Arrays& arrays_;
};

template <typename Operands>
ffi::Error PushTable(cudaStream_t stream, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                     AnyBuffer symbols, ffi::RemainingArgs operands, Out head_out, Out tail_out, Out size_out,
                     Out status_out, int32_t variant, int32_t precision) {
  Batch batch;
  TableArrays<Operands> arrays;
  int64_t n = 0;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(InitSymbols(batch, symbols, &arrays.symbols, &n));
  JANS_RETURN_IF_ERROR(arrays.operands.Init(batch, operands, n, precision));
  return Push(stream, batch, head, tail, size, status, head_out, tail_out, size_out, status_out, variant, precision,
              arrays, n, [stream](const auto& call) { return cuda::PushWith<OperandsModel>(call, stream); });
}

template <typename Operands>
ffi::Error PopTable(cudaStream_t stream, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                    ffi::RemainingArgs operands, Out head_out, Out size_out, Out status_out, Out symbols,
                    int32_t variant, int32_t precision) {
  Batch batch;
  TableArrays<Operands> arrays;
  int64_t n = 0;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(InitSymbols(batch, *symbols, &arrays.symbols, &n));
  JANS_RETURN_IF_ERROR(arrays.operands.Init(batch, operands, n, precision));
  return Pop(stream, batch, head, tail, size, status, head_out, size_out, status_out, variant, precision, arrays, n,
             [stream](const auto& call) { return cuda::PopWith<OperandsModel>(call, stream); });
}

// ---- bypass coding ----

template <typename V>
struct Coders {
  State<V> state;
  int32_t precision;

  JANS_HD Stream<V> Open(int64_t b) const {
    Stream<V> stream{
        state.head.At(b), state.lanes, {state.tail.At(b), state.tail.core[0], *state.size.At(b), *state.status.At(b)}};
    CheckState(stream);
    return stream;
  }
  JANS_HD void Close(int64_t b, const Stream<V>& stream) const {
    *state.size.At(b) = SaturatedSize(stream.tail.size);
    *state.status.At(b) = stream.tail.status | (stream.tail.size > stream.tail.capacity ? kOverflow : 0);
  }
};

template <typename V, typename Operands>
struct PushBypass {
  Coders<V> coders;
  BypassOperands<Operands> operands;
  Operand<const int32_t> symbols;

  JANS_HD void operator()(int64_t b) const {
    Stream<V> stream = coders.Open(b);
    const auto model = operands.At(b);
    const int32_t* in = symbols.At(b);
    const int64_t lanes = stream.lanes;
    int64_t end = symbols.core[0];
    for (const int64_t whole = end / lanes * lanes; end > whole; --end) {
      PushGroup(stream, model, in, end - 1, end, coders.precision);
    }
    for (; end > 0; end -= lanes) PushGroup(stream, model, in, end - lanes, end, coders.precision);
    coders.Close(b, stream);
  }
};

template <typename V, typename Operands>
struct PopBypass {
  Coders<V> coders;
  BypassOperands<Operands> operands;
  Operand<int32_t> symbols;

  JANS_HD void operator()(int64_t b) const {
    Stream<V> stream = coders.Open(b);
    const auto model = operands.At(b);
    int32_t* out = symbols.At(b);
    const int64_t lanes = stream.lanes, n = symbols.core[0], whole = n / lanes * lanes;
    int64_t begin = 0;
    for (; begin < whole; begin += lanes) PopGroup(stream, model, out, begin, begin + lanes, coders.precision);
    for (; begin < n; ++begin) PopGroup(stream, model, out, begin, begin + 1, coders.precision);
    coders.Close(b, stream);
  }
};

// Runs a job that has coders, operands and symbols.
template <template <typename, typename> class Job, typename Operands>
ffi::Error RunBypass(const OnDevice& where, CoderBuffers coders, const AnyBuffer& symbols,
                     const ffi::RemainingArgs& operands, int32_t variant, int32_t precision, int32_t digit) {
  Batch batch;
  JANS_RETURN_IF_ERROR(InitBatch(coders.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(coders.Keep(where));
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    Job<V, Operands> job{};
    job.coders.precision = precision;
    JANS_RETURN_IF_ERROR(CheckPrecision(precision, MaxPrecision<V>()));
    JANS_RETURN_IF_ERROR(CheckPrecision(digit, MaxPrecision<V>()));
    JANS_RETURN_IF_ERROR(
        job.coders.state.Init(batch, coders.head_out, coders.tail, coders.size_out, coders.status_out));
    JANS_RETURN_IF_ERROR(job.symbols.Init("symbols", symbols, ffi::DataType::S32, batch, 1));
    JANS_RETURN_IF_ERROR(job.operands.Init(batch, operands, job.symbols.core[0], precision, digit));
    return where.ForEach(batch.streams, 1, job);
  });
}

template <typename Operands>
ffi::Error RansPushBypass(cudaStream_t stream, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                          AnyBuffer symbols, ffi::RemainingArgs operands, Out head_out, Out tail_out, Out size_out,
                          Out status_out, int32_t variant, int32_t precision, int32_t digit) {
  const OnDevice where{stream};
  JANS_RETURN_IF_ERROR(where.Keep(tail, tail_out));
  return RunBypass<PushBypass, Operands>(where, {head, *tail_out, size, status, head_out, size_out, status_out},
                                         symbols, operands, variant, precision, digit);
}

template <typename Operands>
ffi::Error RansPopBypass(cudaStream_t stream, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                         ffi::RemainingArgs operands, Out head_out, Out size_out, Out status_out, Out symbols,
                         int32_t variant, int32_t precision, int32_t digit) {
  return RunBypass<PopBypass, Operands>(OnDevice{stream}, {head, tail, size, status, head_out, size_out, status_out},
                                        *symbols, operands, variant, precision, digit);
}

}  // namespace

JANS_HANDLER(rans_pop_table, PopTable<TableOperands>, BIND STATE OPERANDS ADVANCED RET(symbols) CODER)
JANS_HANDLER(rans_push_alias, PushTable<RemapOperands>, BIND STATE ARG(symbols) OPERANDS PUSHED CODER)
JANS_HANDLER(rans_pop_alias, PopTable<AliasOperands>, BIND STATE OPERANDS ADVANCED RET(symbols) CODER)
JANS_HANDLER(table_guide, TableGuide<OnDevice>, BIND ARG(cdf) RET(guide) ATTR(precision))

#define JANS_PUSH_BYPASS  \
  BIND STATE ARG(symbols) \
  OPERANDS PUSHED CODER ATTR(digit)
#define JANS_POP_BYPASS                     \
  BIND STATE OPERANDS ADVANCED RET(symbols) \
  CODER ATTR(digit)
JANS_HANDLER(rans_push_bypass, RansPushBypass<TableOperands>, JANS_PUSH_BYPASS)
JANS_HANDLER(rans_pop_bypass, RansPopBypass<TableOperands>, JANS_POP_BYPASS)
JANS_HANDLER(rans_push_bypass_alias, RansPushBypass<RemapOperands>, JANS_PUSH_BYPASS)
JANS_HANDLER(rans_pop_bypass_alias, RansPopBypass<AliasOperands>, JANS_POP_BYPASS)

}  // namespace jans
