// Kernels of tables with bypass coding; see core/coders/bypass_groups.h. Numbers are rare: in a warp one lane at a time
// codes them, while the others wait.
#ifndef JANS_CUDA_BYPASS_H_
#define JANS_CUDA_BYPASS_H_

#include "../core/coders/bypass_groups.h"
#include "kernels.h"

namespace jans::cuda {

template <typename V, typename Table>
__device__ void PushBypass(WarpStream<V>& stream, const BypassRowsOf<Table>& model, const int32_t* symbols, int64_t n,
                           int precision) {
  int64_t left = n;
  for (; left % kWarp != 0; --left) {
    const int64_t i = left - 1;
    stream.Alone(i % kWarp, [&](auto& x, auto& tail) {
      PushNumberOf<V>(x, tail, model, i, symbols[i]);
      PushSymbolOf<V>(x, tail, model, i, symbols[i], precision);
    });
  }
  for (; left > 0; left -= kWarp) {
    const int64_t i = left - kWarp + LaneId();
    const int32_t symbol = symbols[i];
    uint32_t lanes = __ballot_sync(kAllLanes, model.Number(i, symbol) != kInAlphabet);
    while (lanes != 0) {
      const int lane = kWarp - 1 - __clz(static_cast<int>(lanes));
      lanes ^= 1u << lane;
      stream.Alone(lane, [&](auto& x, auto& tail) { PushNumberOf<V>(x, tail, model, i, symbol); });
    }
    stream.template Push<true>(ItemOf(model.table, i, model.Find(i, symbol)));
  }
}

template <typename V, typename Table>
__device__ void PopBypass(WarpStream<V>& stream, const BypassRowsOf<Table>& model, int32_t* symbols, int64_t n,
                          int precision) {
  int64_t done = 0;
  for (; n - done >= kWarp; done += kWarp) {
    const int64_t i = done + LaneId();
    const Located found = model.Locate(i, stream.Quantile());
    stream.template Pop<true>(found.interval);
    const int64_t place = found.interval.freq == 0 ? kNoPlace : found.symbol;
    const bool escaped = place != kNoPlace && place == model.escape[model.RowOf(i)];
    int32_t value = 0;
    if (!escaped && place != kNoPlace && !model.ValueAt(i, place, value)) stream.Mark(kBadData);
    uint32_t lanes = __ballot_sync(kAllLanes, escaped);
    while (lanes != 0) {
      const int lane = __ffs(static_cast<int>(lanes)) - 1;
      lanes ^= 1u << lane;
      stream.Alone(lane, [&](auto& x, auto& tail) { value = PopEscaped<V>(x, tail, model, i, false); });
    }
    symbols[i] = value;
  }
  for (; done < n; ++done) {
    stream.Alone(done % kWarp, [&](auto& x, auto& tail) {
      const int64_t place = PopPlaceOf<V>(x, tail, model, done, false, precision);
      symbols[done] = PopValueOf<V>(x, tail, model, done, place, false);
    });
  }
}

// One thread for a stream of any lanes.
template <typename V, typename Table>
__device__ void PushBypass(ThreadStream<V, 0>& stream, const BypassRowsOf<Table>& model, const int32_t* symbols,
                           int64_t n, int precision) {
  stream.Whole([&](Stream<V>& whole) {
    int64_t end = n;
    for (; end % whole.lanes != 0; --end) PushGroup(whole, model, symbols, end - 1, end, precision);
    for (; end > 0; end -= whole.lanes) PushGroup(whole, model, symbols, end - whole.lanes, end, precision);
  });
}
template <typename V, typename Table>
__device__ void PopBypass(ThreadStream<V, 0>& stream, const BypassRowsOf<Table>& model, int32_t* symbols, int64_t n,
                          int precision) {
  stream.Whole([&](Stream<V>& whole) {
    int64_t begin = 0;
    for (; n - begin >= whole.lanes; begin += whole.lanes) {
      PopGroup(whole, model, symbols, begin, begin + whole.lanes, precision);
    }
    for (; begin < n; ++begin) PopGroup(whole, model, symbols, begin, begin + 1, precision);
  });
}

// The symbols of a call, and the operands that give the model of each stream.
template <typename Operands, typename Symbol>
struct BypassArrays {
  Operands operands;
  Array<Symbol> symbols;
};

template <typename V, int kLanes, typename Arrays>
__global__ void __launch_bounds__(kMaxThreads, kFewBlocks)
    PushBypassKernel(const __grid_constant__ Call<V, Arrays> call) {
  ForStreams<kLanes>(call.coder, [&](auto& stream, uint32_t b) {
    PushBypass(stream, call.arrays.operands.At(b), At(call.arrays.symbols, b), call.n, call.coder.precision);
  });
}
template <typename V, int kLanes, typename Arrays>
__global__ void __launch_bounds__(kMaxThreads, kFewBlocks)
    PopBypassKernel(const __grid_constant__ Call<V, Arrays> call) {
  ForStreams<kLanes>(call.coder, [&](auto& stream, uint32_t b) {
    PopBypass(stream, call.arrays.operands.At(b), At(call.arrays.symbols, b), call.n, call.coder.precision);
  });
}

template <typename V, typename Operands>
cudaError_t LaunchBypass(const Call<V, BypassArrays<Operands, const int32_t>>& call, cudaStream_t stream) {
  using Arrays = BypassArrays<Operands, const int32_t>;
  return WithWarps(call, [&](auto lanes, const LaunchShape& shape) {
    return Launch(PushBypassKernel<V, decltype(lanes)::value, Arrays>, shape, 0, stream, call);
  });
}
template <typename V, typename Operands>
cudaError_t LaunchBypass(const Call<V, BypassArrays<Operands, int32_t>>& call, cudaStream_t stream) {
  using Arrays = BypassArrays<Operands, int32_t>;
  return WithWarps(call, [&](auto lanes, const LaunchShape& shape) {
    return Launch(PopBypassKernel<V, decltype(lanes)::value, Arrays>, shape, 0, stream, call);
  });
}

}  // namespace jans::cuda

#endif  // JANS_CUDA_BYPASS_H_
