// CUDA handlers that push and pop with whatever the operands of a call give for a stream.
#ifndef JANS_FFI_CUDA_MODELS_H_
#define JANS_FFI_CUDA_MODELS_H_

#include "../../core/coders/bypass_groups.h"
#include "../../cuda/kernels.h"
#include "call.h"

namespace jans {

// Operands have At(b), the model of stream b: Find(i, symbol) and Locate(i, quantile).
template <typename Operands_, int kBlocks_>
struct ModelArrays {
  using Operands = Operands_;
  static constexpr int kBlocks = kBlocks_;
  cuda::SymbolArray symbols;
  Operands operands;
};

// As the models of sources.h.
template <typename Arrays>
class OperandsModel {
 public:
  static constexpr int kBlocks = Arrays::kBlocks;
  struct Source {
    using Model = decltype(std::declval<const typename Arrays::Operands&>().At(0));
    cuda::Symbols<void> symbols;
    Model model;

    struct Fetched {
      int64_t i;
      int32_t symbol;
    };
    __device__ __forceinline__ Fetched Fetch(int64_t i) const { return {i, symbols.Load(i)}; }
    __device__ __forceinline__ auto Resolve(Fetched fetched) const {
      return ItemOf(model, fetched.i, model.Find(fetched.i, fetched.symbol));
    }
    __device__ __forceinline__ Located Locate(int64_t i, uint32_t quantile) const { return model.Locate(i, quantile); }
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

// The operands of a call for n symbols.
template <typename Operands>
using InitOperands = ffi::Error (*)(const Batch& batch, const Arguments& args, int64_t n, int32_t precision,
                                    Operands& operands);

// How calls are launched; operands that have kernels of their own overload these.
template <typename V, typename Arrays>
cudaError_t LaunchPush(const cuda::Call<V, Arrays>& call, cudaStream_t stream) {
  return cuda::PushWith<OperandsModel>(call, stream);
}
template <typename V, typename Arrays>
cudaError_t LaunchPop(const cuda::Call<V, Arrays>& call, cudaStream_t stream) {
  return cuda::PopWith<OperandsModel>(call, stream);
}

template <typename Operands, InitOperands<Operands> kInit, int kBlocks>
ffi::Error PushOperands(cudaStream_t stream, StateIn state, AnyBuffer symbols, Arguments args, Pushed results,
                        int32_t variant, int32_t precision) {
  Batch batch;
  ModelArrays<Operands, kBlocks> arrays;
  int64_t n = 0;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(InitSymbols(batch, symbols, &arrays.symbols, &n));
  JANS_RETURN_IF_ERROR(kInit(batch, args, n, precision, arrays.operands));
  return Push(stream, batch, state, results, variant, precision, arrays, n,
              [stream](const auto& call) { return LaunchPush(call, stream); });
}

template <typename Operands, InitOperands<Operands> kInit, int kBlocks>
ffi::Error PopOperands(cudaStream_t stream, StateIn state, Arguments args, Advanced results, Out symbols,
                       int32_t variant, int32_t precision) {
  Batch batch;
  ModelArrays<Operands, kBlocks> arrays;
  int64_t n = 0;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(InitSymbols(batch, symbols, &arrays.symbols, &n));
  JANS_RETURN_IF_ERROR(kInit(batch, args, n, precision, arrays.operands));
  return Pop(stream, batch, state, results, variant, precision, arrays, n,
             [stream](const auto& call) { return LaunchPop(call, stream); });
}

}  // namespace jans

#endif  // JANS_FFI_CUDA_MODELS_H_
