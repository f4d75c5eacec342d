// Kernels that turn rows of floats into cumulative frequencies: one thread for a row, because sums of floats depend on
// their order.
#include "../core/quantize/quantize.h"
#include "arrays.h"
#include "calls.h"
#include "launch.h"

namespace jans::cuda {
namespace {

struct ProbsRule {
  template <typename Float>
  __device__ void operator()(const Float* probs, const uint8_t* mask, int64_t n, int precision, uint32_t* cdf) const {
    jans::QuantizeProbs<Float>(probs, mask, n, precision, cdf);
  }
};

struct LogitsRule {
  __device__ void operator()(const float* logits, const uint8_t* mask, int64_t n, int precision, uint32_t* cdf) const {
    jans::QuantizeLogits(logits, mask, n, precision, cdf);
  }
};

template <typename Rule, typename Value>
__global__ void __launch_bounds__(kMaxThreads, kMinBlocks) QuantizeKernel(QuantizerCall<Value> call) {
  const uint32_t stride = gridDim.x * blockDim.x;
  for (uint32_t row = blockIdx.x * blockDim.x + threadIdx.x; row < call.mask.batch.streams; row += stride) {
    const uint8_t* mask = call.mask.data == nullptr ? nullptr : At(call.mask, row);
    Rule()(call.values + row * call.n, mask, call.n, call.precision, call.cdf + row * (call.n + 1));
  }
}

template <typename Rule, typename Value>
cudaError_t Quantize(const QuantizerCall<Value>& call, cudaStream_t stream) {
  LaunchShape shape;
  cudaError_t error = ShapeFor(call.mask.batch.streams, 1, &shape);
  if (error != cudaSuccess) return error;
  return Launch(QuantizeKernel<Rule, Value>, shape, 0, stream, call);
}

}  // namespace

template <typename Float>
cudaError_t QuantizeProbs(const QuantizerCall<Float>& call, cudaStream_t stream) {
  return Quantize<ProbsRule>(call, stream);
}

cudaError_t QuantizeLogits(const QuantizerCall<float>& call, cudaStream_t stream) {
  return Quantize<LogitsRule>(call, stream);
}

template cudaError_t QuantizeProbs(const QuantizerCall<float>&, cudaStream_t);
template cudaError_t QuantizeProbs(const QuantizerCall<double>&, cudaStream_t);

}  // namespace jans::cuda
