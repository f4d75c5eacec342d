// Kernels that turn rows of floats into cumulative frequencies: one thread for a row, because sums of floats depend on
// their order.
#include "../core/quantize.h"
#include "calls.h"
#include "launch.h"

namespace jans::cuda {
namespace {

struct ProbsRule {
  template <typename Float>
  __device__ void operator()(const Float* probs, int64_t n, int precision, uint32_t* cdf) const {
    jans::QuantizeProbs<Float>(probs, n, precision, cdf);
  }
};

struct LogitsRule {
  __device__ void operator()(const float* logits, int64_t n, int precision, uint32_t* cdf) const {
    jans::QuantizeLogits(logits, n, precision, cdf);
  }
};

template <typename Rule, typename Float>
__global__ void __launch_bounds__(kMaxThreads, kMinBlocks)
    QuantizeKernel(const Float* values, int64_t rows, int64_t n, int precision, uint32_t* cdf) {
  const int64_t stride = int64_t{gridDim.x} * blockDim.x;
  for (int64_t row = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; row < rows; row += stride) {
    Rule()(values + row * n, n, precision, cdf + row * (n + 1));
  }
}

template <typename Rule, typename Float>
cudaError_t Quantize(const Float* values, int64_t rows, int64_t n, int precision, uint32_t* cdf, cudaStream_t stream) {
  Shape shape;
  cudaError_t error = ShapeFor(rows, 1, &shape);
  if (error != cudaSuccess) return error;
  return Launch(QuantizeKernel<Rule, Float>, shape, 0, stream, values, rows, n, precision, cdf);
}

}  // namespace

template <typename Float>
cudaError_t QuantizeProbs(const Float* probs, int64_t rows, int64_t n, int precision, uint32_t* cdf,
                          cudaStream_t stream) {
  return Quantize<ProbsRule>(probs, rows, n, precision, cdf, stream);
}

cudaError_t QuantizeLogits(const float* logits, int64_t rows, int64_t n, int precision, uint32_t* cdf,
                           cudaStream_t stream) {
  return Quantize<LogitsRule>(logits, rows, n, precision, cdf, stream);
}

template cudaError_t QuantizeProbs(const float*, int64_t, int64_t, int, uint32_t*, cudaStream_t);
template cudaError_t QuantizeProbs(const double*, int64_t, int64_t, int, uint32_t*, cudaStream_t);

}  // namespace jans::cuda
