// Kernels that pop, and their launches.
#include "kernels.h"

namespace jans::cuda {
namespace {

template <int kLanes, typename V>
cudaError_t Shaped(const Call<V, IntervalArrays>& call, const LaunchShape& shape, cudaStream_t stream) {
  return Launch(PopKernel<V, kLanes, GivenModel, IntervalArrays>, shape, 0, stream, call, 0);
}

// A bucket is worth its search where a block pops four symbols for it.
int BucketBits(int64_t symbols, int precision) {
  const int most = std::min(precision, BucketTable::kMaxBits);
  int bits = 0;
  while (bits < most && symbols >> (bits + 3) != 0) ++bits;
  return bits;
}

template <int kLanes, typename V>
cudaError_t Shaped(const Call<V, RowArrays>& call, const LaunchShape& shape, cudaStream_t stream) {
  const RowArrays& rows = call.arrays;
  if constexpr (kLanes != 0) {
    const bool one_row = rows.index_stride == 0 && rows.cdf.Shared() && rows.index.Shared();
    const bool packs =
        rows.row_symbols <= BucketTable::kMaxSymbols && call.coder.precision <= BucketTable::kMaxPrecision;
    const int bits = BucketBits(call.n * shape.items_per_block, call.coder.precision);
    if (one_row && packs && bits > 0) {
      return WithSymbols(rows.symbols.width, [&](auto symbol) {
        using Model = BucketModel<decltype(symbol)>;
        return Launch(PopKernel<V, kLanes, Model, RowArrays>, shape, BucketTable::Bytes(bits), stream, call,
                      call.coder.precision - bits);
      });
    }
  }
  return Launch(PopKernel<V, kLanes, RowsModel, RowArrays>, shape, 0, stream, call, 0);
}

}  // namespace

template <typename V, typename Arrays>
cudaError_t Pop(const Call<V, Arrays>& call, cudaStream_t stream) {
  return WithShape(
      call, [&](auto lanes, const LaunchShape& shape) { return Shaped<decltype(lanes)::value>(call, shape, stream); });
}

template cudaError_t Pop(const Call<Rans64, IntervalArrays>&, cudaStream_t);
template cudaError_t Pop(const Call<Rans64Ryg, IntervalArrays>&, cudaStream_t);
template cudaError_t Pop(const Call<Rans32_16, IntervalArrays>&, cudaStream_t);
template cudaError_t Pop(const Call<Rans32, IntervalArrays>&, cudaStream_t);
template cudaError_t Pop(const Call<Rans64, RowArrays>&, cudaStream_t);
template cudaError_t Pop(const Call<Rans64Ryg, RowArrays>&, cudaStream_t);
template cudaError_t Pop(const Call<Rans32_16, RowArrays>&, cudaStream_t);
template cudaError_t Pop(const Call<Rans32, RowArrays>&, cudaStream_t);

}  // namespace jans::cuda
