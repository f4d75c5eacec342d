// The kernels of a stack coder, over where intervals come from.
#ifndef JANS_CUDA_KERNELS_H_
#define JANS_CUDA_KERNELS_H_

#include "sources.h"

namespace jans::cuda {

template <typename V, int kLanes, typename Model, typename Arrays>
__global__ void __launch_bounds__(kMaxThreads, Model::kBlocks)
    PushKernel(const __grid_constant__ Call<V, Arrays> call) {
  const Model model(call.arrays, call.coder.precision, 0);
  ForStreams<kLanes>(call.coder, [&](auto& stream, uint32_t b) {
    model.Visit(b, [&](const auto& source) { PushAll(stream, source, call.n); });
  });
}

template <typename V, int kLanes, typename Model, typename Arrays>
__global__ void __launch_bounds__(kMaxThreads, Model::kBlocks)
    PopKernel(const __grid_constant__ Call<V, Arrays> call, const int bucket_shift) {
  const Model model(call.arrays, call.coder.precision, bucket_shift);
  ForStreams<kLanes>(call.coder, [&](auto& stream, uint32_t b) {
    model.Visit(b, [&](const auto& source) { PopAll(stream, source, call.n); });
  });
}

// Calls launch(lanes, shape), with the number of lanes that has a loop of its own and the shape of a launch over the
// streams of a call.
template <typename V, typename Arrays, typename Body>
cudaError_t WithShape(const Call<V, Arrays>& call, const Body& launch) {
  return WithLanes(call.coder.lanes, [&](auto lanes) {
    LaunchShape shape;
    cudaError_t error = ShapeFor(call.coder.Streams(), StreamOf<V, decltype(lanes)::value>::kThreads, &shape);
    return error != cudaSuccess ? error : launch(lanes, shape);
  });
}

// As WithShape, with 32 lanes or with 0 for all others.
template <typename V, typename Arrays, typename Body>
cudaError_t WithWarps(const Call<V, Arrays>& call, const Body& launch) {
  return WithShape(call, [&](auto lanes, const LaunchShape& shape) {
    return launch(std::integral_constant<int, decltype(lanes)::value == kWarp ? kWarp : 0>{}, shape);
  });
}

// Pushes or pops with a Model that serves any number of lanes.
template <template <typename> class Model, typename V, typename Arrays>
cudaError_t PushWith(const Call<V, Arrays>& call, cudaStream_t stream) {
  return WithShape(call, [&](auto lanes, const LaunchShape& shape) {
    return Launch(PushKernel<V, decltype(lanes)::value, Model<Arrays>, Arrays>, shape, 0, stream, call);
  });
}
template <template <typename> class Model, typename V, typename Arrays>
cudaError_t PopWith(const Call<V, Arrays>& call, cudaStream_t stream) {
  return WithShape(call, [&](auto lanes, const LaunchShape& shape) {
    return Launch(PopKernel<V, decltype(lanes)::value, Model<Arrays>, Arrays>, shape, 0, stream, call, 0);
  });
}

}  // namespace jans::cuda

#endif  // JANS_CUDA_KERNELS_H_
