// Shapes of launches.
#ifndef JANS_CUDA_LAUNCH_H_
#define JANS_CUDA_LAUNCH_H_

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

namespace jans::cuda {

constexpr int kWarp = 32;
constexpr int kMaxThreads = 256;
// Resident blocks that kernels are compiled for, which fit every device. Without a number the compiler spills registers
// in order to reach the next one.
constexpr int kMinBlocks = 4;
// Of kernels whose threads need many registers.
constexpr int kFewBlocks = 2;

// A grid over independent items, each of them the work of `threads_each` threads (1 or a warp). Items beyond the grid
// are reached by striding.
struct LaunchShape {
  int blocks;
  int threads;
  int64_t items_per_block;  // at most, over all strides
};

// Blocks are as large as they can be while every multiprocessor gets one, so that few items spread over the device and
// many share a table; and there are no more than can be resident at once.
inline cudaError_t ShapeFor(int64_t items, int threads_each, LaunchShape* shape) {
  constexpr int kResidentWarps = 64;
  int device = 0, processors = 0;
  cudaError_t error = cudaGetDevice(&device);
  if (error != cudaSuccess) return error;
  error = cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device);
  if (error != cudaSuccess) return error;
  const int64_t warps = (items * threads_each + kWarp - 1) / kWarp;
  int64_t warps_per_block = kMaxThreads / kWarp;
  while (warps_per_block > 1 && warps < warps_per_block * processors) warps_per_block /= 2;
  const int64_t most = processors * int64_t{kResidentWarps} / warps_per_block;
  const int64_t blocks = std::min((warps + warps_per_block - 1) / warps_per_block, most);
  *shape = {static_cast<int>(blocks), static_cast<int>(warps_per_block * kWarp), (items + blocks - 1) / blocks};
  return cudaSuccess;
}

template <typename... Parameters, typename... Arguments>
cudaError_t Launch(void (*kernel)(Parameters...), const LaunchShape& shape, size_t shared_bytes, cudaStream_t stream,
                   const Arguments&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(shape.blocks);
  config.blockDim = dim3(shape.threads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

}  // namespace jans::cuda

#endif  // JANS_CUDA_LAUNCH_H_
