// CUDA handlers: arguments in, launches on XLA's stream out. No device data is looked at here, and nothing waits.
#include <cuda_runtime_api.h>

#include "../cuda/calls.h"
#include "arguments.h"

namespace jans {
namespace {

ffi::Error Launched(cudaError_t error) {
  if (error == cudaSuccess) return ffi::Error::Success();
  return ffi::Error(ffi::ErrorCode::kInternal, std::string("jans: ") + cudaGetErrorString(error));
}

// What a call updates is aliased in and out by XLA; where it is not, the content moves first.
ffi::Error KeepBuffer(cudaStream_t stream, const AnyBuffer& in, Out& out) {
  if (in.size_bytes() != out->size_bytes()) return Invalid("a result differs in size from the operand it replaces");
  if (in.untyped_data() == out->untyped_data() || in.size_bytes() == 0) return ffi::Error::Success();
  return Launched(
      cudaMemcpyAsync(out->untyped_data(), in.untyped_data(), in.size_bytes(), cudaMemcpyDeviceToDevice, stream));
}

// ---- operands as the kernels see them ----

// Indices of 32 bits do on a device.
constexpr int64_t kMost = std::numeric_limits<int32_t>::max();

template <typename T>
cuda::Array<T> ArrayOf(const Operand<T>& operand) {
  cuda::Array<T> array{operand.data, {}};
  std::copy(operand.strides.begin(), operand.strides.end(), array.strides);
  return array;
}

cuda::Batch BatchOf(const Batch& batch) {
  cuda::Batch out{batch.rank, static_cast<uint32_t>(batch.streams), {}};
  for (int d = 0; d < batch.rank; ++d) out.dims[d] = static_cast<uint32_t>(batch.dims[d]);
  return out;
}

template <typename V>
ffi::Error CoderOf(const Batch& batch, const State<V>& state, int32_t precision, cuda::Coder<V>* coder) {
  static_assert(Batch::kMaxRank == cuda::Batch::kMaxRank);
  if (batch.streams > kMost) return Invalid("more than 2^31 - 1 streams");
  if (state.tail.core[0] > kMost) return Invalid("capacity is more than 2^31 - 1 words");
  coder->batch = BatchOf(batch);
  coder->head = ArrayOf(state.head);
  coder->tail = ArrayOf(state.tail);
  coder->size = ArrayOf(state.size);
  coder->status = ArrayOf(state.status);
  coder->lanes = state.lanes;
  coder->capacity = static_cast<uint32_t>(state.tail.core[0]);
  coder->precision = precision;
  return ffi::Error::Success();
}

// The coders of a call, checked; `tail` is an operand of a pop, and the result of a push.
template <typename V>
ffi::Error InitCoder(const Batch& batch, Out& head, const AnyBuffer& tail, Out& size, Out& status, int32_t precision,
                     cuda::Coder<V>* coder) {
  State<V> state;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, MaxPrecision<V>()));
  JANS_RETURN_IF_ERROR(state.Init(batch, head, tail, size, status));
  return CoderOf<V>(batch, state, precision, coder);
}

ffi::Error InitIntervals(const Batch& batch, const AnyBuffer& start, const AnyBuffer& freq,
                         cuda::IntervalArrays* arrays, int64_t* n) {
  IntervalOperands args;
  JANS_RETURN_IF_ERROR(args.Init(batch, start, freq));
  *arrays = {ArrayOf(args.start), ArrayOf(args.freq)};
  *n = args.n();
  return ffi::Error::Success();
}

ffi::Error InitRows(const Batch& batch, const AnyBuffer& symbols, const AnyBuffer& cdf, const AnyBuffer& index,
                    cuda::RowArrays* arrays, int64_t* n) {
  return WithSymbols(symbols.element_type(), [&](auto symbol) {
    using Symbol = decltype(symbol);
    Operand<Symbol> in;
    JANS_RETURN_IF_ERROR(in.Init("symbols", symbols, DTypeOf<Symbol>(), batch, 1));
    *n = in.core[0];
    RowOperands args;
    JANS_RETURN_IF_ERROR(args.Init(batch, cdf, index, *n));
    if (args.row_symbols() >= kMost) return Invalid("a cdf row has more than 2^31 - 1 entries");
    *arrays = {{reinterpret_cast<uint8_t*>(in.data), {}},
               sizeof(Symbol),
               ArrayOf(args.cdf),
               args.count(),
               args.row_symbols(),
               ArrayOf(args.index),
               args.index_stride()};
    for (int d = 0; d < batch.rank; ++d) arrays->symbols.strides[d] = in.strides[d] * sizeof(Symbol);
    return ffi::Error::Success();
  });
}

// ---- coders ----

ffi::Error RansPush(cudaStream_t stream, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                    AnyBuffer start, AnyBuffer freq, Out head_out, Out tail_out, Out size_out, Out status_out,
                    int32_t variant, int32_t precision) {
  Batch batch;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, head, head_out));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, tail, tail_out));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, size, size_out));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, status, status_out));
  return WithVariant(variant, [&](auto v) {
    cuda::Call<decltype(v), cuda::IntervalArrays> call{};
    JANS_RETURN_IF_ERROR(InitCoder(batch, head_out, *tail_out, size_out, status_out, precision, &call.coder));
    JANS_RETURN_IF_ERROR(InitIntervals(batch, start, freq, &call.arrays, &call.n));
    return batch.streams == 0 ? ffi::Error::Success() : Launched(cuda::Push(call, stream));
  });
}

ffi::Error RansPushRows(cudaStream_t stream, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                        AnyBuffer symbols, AnyBuffer cdf, AnyBuffer index, Out head_out, Out tail_out, Out size_out,
                        Out status_out, int32_t variant, int32_t precision) {
  Batch batch;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, head, head_out));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, tail, tail_out));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, size, size_out));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, status, status_out));
  return WithVariant(variant, [&](auto v) {
    cuda::Call<decltype(v), cuda::RowArrays> call{};
    JANS_RETURN_IF_ERROR(InitCoder(batch, head_out, *tail_out, size_out, status_out, precision, &call.coder));
    JANS_RETURN_IF_ERROR(InitRows(batch, symbols, cdf, index, &call.arrays, &call.n));
    return batch.streams == 0 ? ffi::Error::Success() : Launched(cuda::Push(call, stream));
  });
}

ffi::Error RansAdvance(cudaStream_t stream, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                       AnyBuffer start, AnyBuffer freq, Out head_out, Out size_out, Out status_out, int32_t variant,
                       int32_t precision) {
  Batch batch;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, head, head_out));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, size, size_out));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, status, status_out));
  return WithVariant(variant, [&](auto v) {
    cuda::Call<decltype(v), cuda::IntervalArrays> call{};
    JANS_RETURN_IF_ERROR(InitCoder(batch, head_out, tail, size_out, status_out, precision, &call.coder));
    JANS_RETURN_IF_ERROR(InitIntervals(batch, start, freq, &call.arrays, &call.n));
    return batch.streams == 0 ? ffi::Error::Success() : Launched(cuda::Pop(call, stream));
  });
}

ffi::Error RansPopRows(cudaStream_t stream, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                       AnyBuffer cdf, AnyBuffer index, Out head_out, Out size_out, Out status_out, Out symbols_out,
                       int32_t variant, int32_t precision) {
  Batch batch;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, head, head_out));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, size, size_out));
  JANS_RETURN_IF_ERROR(KeepBuffer(stream, status, status_out));
  return WithVariant(variant, [&](auto v) {
    cuda::Call<decltype(v), cuda::RowArrays> call{};
    JANS_RETURN_IF_ERROR(InitCoder(batch, head_out, tail, size_out, status_out, precision, &call.coder));
    JANS_RETURN_IF_ERROR(InitRows(batch, *symbols_out, cdf, index, &call.arrays, &call.n));
    return batch.streams == 0 ? ffi::Error::Success() : Launched(cuda::Pop(call, stream));
  });
}

// ---- quantisers ----

// Calls quantize(call) with the rows of a call.
template <typename Value, typename Quantize>
ffi::Error QuantizeAll(const AnyBuffer& values, const AnyBuffer& mask, Out& cdf, int32_t precision,
                       const Quantize& quantize) {
  QuantizerOperands<Value> rows;
  JANS_RETURN_IF_ERROR(rows.Init(values, mask, cdf, precision));
  if (rows.batch.streams > kMost) return Invalid("more than 2^31 - 1 rows");
  if (rows.batch.streams == 0) return ffi::Error::Success();
  if (!rows.masked()) rows.mask.data = nullptr;
  return Launched(quantize(cuda::QuantizerCall<Value>{BatchOf(rows.batch), rows.values.data, ArrayOf(rows.mask),
                                                      rows.cdf.data, rows.n(), precision}));
}

ffi::Error QuantizeProbsRows(cudaStream_t stream, AnyBuffer probs, AnyBuffer mask, Out cdf, int32_t precision) {
  return WithFloats(probs, [&](auto zero) {
    return QuantizeAll<decltype(zero)>(probs, mask, cdf, precision,
                                       [stream](const auto& call) { return cuda::QuantizeProbs(call, stream); });
  });
}

ffi::Error QuantizeLogitsRows(cudaStream_t stream, AnyBuffer logits, AnyBuffer mask, Out cdf, int32_t precision) {
  return QuantizeAll<float>(logits, mask, cdf, precision,
                            [stream](const auto& call) { return cuda::QuantizeLogits(call, stream); });
}

#define BIND ffi::Ffi::Bind().Ctx<ffi::PlatformStream<cudaStream_t>>()
// Handlers only enqueue copies and launches, so that XLA may capture them into a graph.
#define HANDLER(name, function, binding) \
  XLA_FFI_DEFINE_HANDLER(name, function, binding, {ffi::Traits::kCmdBufferCompatible})

HANDLER(rans_push, RansPush, BIND STATE ARG(start) ARG(freq) PUSHED CODER);
HANDLER(rans_advance, RansAdvance, BIND STATE ARG(start) ARG(freq) ADVANCED CODER);
HANDLER(rans_push_rows, RansPushRows, BIND STATE ARG(symbols) ARG(cdf) ARG(index) PUSHED CODER);
HANDLER(rans_pop_rows, RansPopRows, BIND STATE ARG(cdf) ARG(index) ADVANCED RET(symbols) CODER);
HANDLER(quantize_probs, QuantizeProbsRows, BIND ARG(probs) ARG(mask) RET(cdf) ATTR(precision));
HANDLER(quantize_logits, QuantizeLogitsRows, BIND ARG(logits) ARG(mask) RET(cdf) ATTR(precision));

}  // namespace
}  // namespace jans

#include "library.h"

JANS_LIBRARY(JANS_CODER_TARGETS(JANS_ROW))
