// Work without an order: one thread for each item.
#ifndef JANS_CUDA_EACH_H_
#define JANS_CUDA_EACH_H_

#include "launch.h"

namespace jans::cuda {

template <typename Job>
__global__ void __launch_bounds__(kMaxThreads, kFewBlocks) EachKernel(const __grid_constant__ Job job, int64_t count) {
  const int64_t stride = int64_t{gridDim.x} * blockDim.x;
  for (int64_t k = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; k < count; k += stride) job(k);
}

// job(0), ..., job(count - 1), of which there is one or more.
template <typename Job>
cudaError_t ForEach(int64_t count, const Job& job, cudaStream_t stream) {
  LaunchShape shape;
  cudaError_t error = ShapeFor(count, 1, &shape);
  return error != cudaSuccess ? error : Launch(EachKernel<Job>, shape, 0, stream, job, count);
}

}  // namespace jans::cuda

#endif  // JANS_CUDA_EACH_H_
