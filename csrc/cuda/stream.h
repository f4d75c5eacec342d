// The streams of a call, spread over the threads or warps of a grid.
#ifndef JANS_CUDA_STREAM_H_
#define JANS_CUDA_STREAM_H_

#include "thread_stream.h"
#include "warp_stream.h"

namespace jans::cuda {

template <typename V, int kLanes>
struct StreamOf {
  using Type = ThreadStream<V, kLanes>;
  static constexpr int kThreads = 1;
};

template <typename V>
struct StreamOf<V, kWarp> {
  using Type = WarpStream<V>;
  static constexpr int kThreads = kWarp;
};

// Runs body(stream, b) for every stream b that is this thread's or this warp's.
template <int kLanes, typename V, typename Body>
__device__ __forceinline__ void ForStreams(const Coder<V>& coder, const Body& body) {
  constexpr int kThreads = StreamOf<V, kLanes>::kThreads;
  const uint32_t in_block = blockDim.x / kThreads;
  // Neither sum reaches 2^32: streams are below 2^31, and so is a stride.
  for (uint32_t b = blockIdx.x * in_block + threadIdx.x / kThreads; b < coder.Streams(); b += gridDim.x * in_block) {
    typename StreamOf<V, kLanes>::Type stream(coder, b);
    body(stream, b);
    stream.Close(coder, b);
  }
}

}  // namespace jans::cuda

#endif  // JANS_CUDA_STREAM_H_
