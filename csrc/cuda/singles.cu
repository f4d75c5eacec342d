// Kernels of distributions of one component: what a normal or logistic F is made of lies in shared memory.
#include "../core/models/single.h"
#include "kernels.h"
#include "tables.h"

namespace jans::cuda {
namespace {

constexpr int kMaxValues = std::max(sizeof(kNormalTable), sizeof(kLogisticTable)) / sizeof(uint32_t);
// Lines lie behind the values.
constexpr size_t kValueBytes = (kMaxValues * sizeof(uint32_t) + sizeof(uint4) - 1) / sizeof(uint4) * sizeof(uint4);
constexpr size_t kLineBytes = kLines * sizeof(Line);

// As the models of sources.h; pops need lines.
template <bool kPops>
class SingleModel {
 public:
  static constexpr int kBlocks = kFewBlocks;
  struct Source {
    Symbols<void> symbols;
    Leaky<Single> model;

    struct Fetched {
      Single::Parameters parameters;
      int32_t symbol;
    };
    __device__ __forceinline__ Fetched Fetch(int64_t i) const { return {model.distribution.Load(i), symbols.Load(i)}; }
    __device__ __forceinline__ Interval Resolve(const Fetched& fetched) const {
      return model.FindWith(fetched.parameters, fetched.symbol);
    }
    __device__ __forceinline__ Located Locate(int64_t i, uint32_t quantile) const { return model.Locate(i, quantile); }
    __device__ __forceinline__ void Store(int64_t i, int32_t symbol) const { symbols.Store(i, symbol); }
  };

  __device__ SingleModel(const SingleArrays& arrays, int precision, int) : arrays_(arrays), precision_(precision) {
    const CdfTable from = arrays.logistic ? LogisticTable() : NormalTable();
    const int count = static_cast<int>(from.limit * from.steps) + 2;
    uint32_t* values = reinterpret_cast<uint32_t*>(shared);
    for (int i = threadIdx.x; i < count; i += blockDim.x) values[i] = from.values[i];
    __syncthreads();
    table_ = {values, from.limit, from.steps};
    if (!kPops) return;
    Line* lines = reinterpret_cast<Line*>(reinterpret_cast<unsigned char*>(shared) + kValueBytes);
    for (int i = threadIdx.x; i < kLines; i += blockDim.x) lines[i] = MakeLine(table_, i);
    __syncthreads();
    lines_ = lines;
  }
  template <typename Body>
  __device__ void Visit(uint32_t stream, const Body& body) const {
    const Support support{{At(arrays_.low.values, stream), arrays_.low.stride},
                          {At(arrays_.high.values, stream), arrays_.high.stride}};
    const Single single{
        table_, lines_, Rows(arrays_.logits, stream), Rows(arrays_.mean, stream), Rows(arrays_.scale, stream), support};
    body(Source{{arrays_.symbols, stream}, {single, precision_}});
  }

 private:
  static __device__ FloatRows Rows(const Parameters<float>& parameters, uint32_t stream) {
    return {At(parameters.values, stream), parameters.stride};
  }

  const SingleArrays& arrays_;
  int precision_;
  CdfTable table_;
  const Line* lines_ = nullptr;
};

}  // namespace

template <typename V>
cudaError_t PushSingles(const Call<V, SingleArrays>& call, cudaStream_t stream) {
  return WithShape(call, [&](auto lanes, const LaunchShape& shape) {
    return Launch(PushKernel<V, decltype(lanes)::value, SingleModel<false>, SingleArrays>, shape, kValueBytes, stream,
                  call);
  });
}
template <typename V>
cudaError_t PopSingles(const Call<V, SingleArrays>& call, cudaStream_t stream) {
  return WithShape(call, [&](auto lanes, const LaunchShape& shape) {
    return Launch(PopKernel<V, decltype(lanes)::value, SingleModel<true>, SingleArrays>, shape,
                  kValueBytes + kLineBytes, stream, call, 0);
  });
}

template cudaError_t PushSingles(const Call<Rans64, SingleArrays>&, cudaStream_t);
template cudaError_t PushSingles(const Call<Rans64Ryg, SingleArrays>&, cudaStream_t);
template cudaError_t PushSingles(const Call<Rans32_16, SingleArrays>&, cudaStream_t);
template cudaError_t PushSingles(const Call<Rans32, SingleArrays>&, cudaStream_t);
template cudaError_t PopSingles(const Call<Rans64, SingleArrays>&, cudaStream_t);
template cudaError_t PopSingles(const Call<Rans64Ryg, SingleArrays>&, cudaStream_t);
template cudaError_t PopSingles(const Call<Rans32_16, SingleArrays>&, cudaStream_t);
template cudaError_t PopSingles(const Call<Rans32, SingleArrays>&, cudaStream_t);

}  // namespace jans::cuda
