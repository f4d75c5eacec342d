// What all CUDA handlers share: arguments in, launches on XLA's stream out. No device data is looked at, and nothing
// waits.
#ifndef JANS_FFI_CUDA_CALL_H_
#define JANS_FFI_CUDA_CALL_H_

#include <cuda_runtime.h>

#include "../../cuda/calls.h"
#include "../../cuda/each.h"
#include "../platform.h"

namespace jans {

// Indices of 32 bits do on a device.
constexpr int64_t kMost = std::numeric_limits<int32_t>::max();

inline ffi::Error Launched(cudaError_t error) {
  if (error == cudaSuccess) return ffi::Error::Success();
  return ffi::Error(ffi::ErrorCode::kInternal, std::string("jans: ") + cudaGetErrorString(error));
}

struct OnDevice {
  using Context = cudaStream_t;
  cudaStream_t stream;

  // What a call updates is aliased in and out by XLA; where it is not, the content moves first.
  ffi::Error Keep(const AnyBuffer& in, const Out& out) const {
    if (in.size_bytes() != out.size_bytes()) return Invalid("a result differs in size from the operand it replaces");
    if (in.untyped_data() == out.untyped_data() || in.size_bytes() == 0) return ffi::Error::Success();
    return Launched(
        cudaMemcpyAsync(out.untyped_data(), in.untyped_data(), in.size_bytes(), cudaMemcpyDeviceToDevice, stream));
  }
  // Jobs are streams.
  template <typename Job>
  ffi::Error ForEach(int64_t count, int64_t, const Job& job) const {
    return count > kMost ? Invalid("more than 2^31 - 1 streams") : Map(count, job);
  }
  template <typename Job>
  ffi::Error Map(int64_t count, const Job& job) const {
    return count == 0 ? ffi::Error::Success() : Launched(cuda::ForEach(count, job, stream));
  }
};

// The coders of a call, checked.
template <typename V>
ffi::Error InitCoder(const Batch& batch, const CoderBuffers& coders, int32_t precision, cuda::Coder<V>* coder) {
  State<V> state;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, MaxPrecision<V>()));
  JANS_RETURN_IF_ERROR(state.Init(batch, coders));
  if (batch.streams > kMost) return Invalid("more than 2^31 - 1 streams");
  if (state.tail.core[0] > kMost) return Invalid("capacity is more than 2^31 - 1 words");
  *coder = {state.head, state.tail, state.size, state.status, state.lanes, static_cast<uint32_t>(state.tail.core[0]),
            precision};
  return ffi::Error::Success();
}

// n symbols of each stream, of any of their types.
inline ffi::Error InitSymbols(const Batch& batch, const AnyBuffer& buffer, cuda::SymbolArray* symbols, int64_t* n) {
  return WithSymbols(buffer.element_type(), [&](auto symbol) {
    using Symbol = decltype(symbol);
    Operand<Symbol> in;
    JANS_RETURN_IF_ERROR(in.Init("symbols", buffer, DTypeOf<Symbol>(), batch, 1));
    *n = in.core[0];
    *symbols = {{reinterpret_cast<uint8_t*>(in.data), {}, batch}, sizeof(Symbol)};
    for (int d = 0; d < batch.rank; ++d)
      symbols->bytes.strides[d] = in.strides[d] * static_cast<int64_t>(sizeof(Symbol));
    return ffi::Error::Success();
  });
}

// The shape of a push or a pop: launch(call) where there are streams.
template <typename Arrays, typename LaunchCall>
ffi::Error Launch(cudaStream_t stream, const Batch& batch, const CoderBuffers& coders, int32_t variant,
                  int32_t precision, const Arrays& arrays, int64_t n, const LaunchCall& launch) {
  JANS_RETURN_IF_ERROR(coders.Keep(OnDevice{stream}));
  return WithVariant(variant, [&](auto v) {
    cuda::Call<decltype(v), Arrays> call{{}, arrays, n};
    JANS_RETURN_IF_ERROR(InitCoder(batch, coders, precision, &call.coder));
    return batch.streams == 0 ? ffi::Error::Success() : Launched(launch(call));
  });
}
template <typename Arrays, typename LaunchCall>
ffi::Error Push(cudaStream_t stream, const Batch& batch, const StateIn& state, const Pushed& results, int32_t variant,
                int32_t precision, const Arrays& arrays, int64_t n, const LaunchCall& launch) {
  JANS_RETURN_IF_ERROR(OnDevice{stream}.Keep(state.tail, results.tail));
  return Launch(stream, batch, {state, results}, variant, precision, arrays, n, launch);
}
template <typename Arrays, typename LaunchCall>
ffi::Error Pop(cudaStream_t stream, const Batch& batch, const StateIn& state, const Advanced& results, int32_t variant,
               int32_t precision, const Arrays& arrays, int64_t n, const LaunchCall& launch) {
  return Launch(stream, batch, {state, results}, variant, precision, arrays, n, launch);
}

template <>
struct ContextTag<cudaStream_t> {
  using Tag = ffi::PlatformStream<cudaStream_t>;
};

// Handlers only enqueue copies and launches, so that XLA may capture them into a graph.
#define JANS_CAPTURABLE true

}  // namespace jans

#endif  // JANS_FFI_CUDA_CALL_H_
