// Kernels that push, and their launches.
#include "kernels.h"

namespace jans::cuda {
namespace {

template <int kLanes, typename V>
cudaError_t Shaped(const Call<V, IntervalArrays>& call, const LaunchShape& shape, cudaStream_t stream) {
  return Launch(PushKernel<V, kLanes, GivenModel, IntervalArrays>, shape, 0, stream, call);
}

template <int kLanes, typename V>
cudaError_t Shaped(const Call<V, RowArrays>& call, const LaunchShape& shape, cudaStream_t stream) {
  const RowArrays& rows = call.arrays;
  if constexpr (kLanes != 0) {
    const bool one_row = rows.index_stride == 0 && rows.cdf.Shared() && rows.index.Shared();
    // A table costs a block about one division for each entry.
    if (one_row && rows.row_symbols <= EntryTable<V>::kMaxSymbols &&
        call.n * shape.items_per_block >= rows.row_symbols) {
      return WithSymbols(rows.symbols.width, [&](auto symbol) {
        using Model = EntryModel<V, decltype(symbol)>;
        return Launch(PushKernel<V, kLanes, Model, RowArrays>, shape, EntryTable<V>::Bytes(rows.row_symbols), stream,
                      call);
      });
    }
  }
  return Launch(PushKernel<V, kLanes, RowsModel, RowArrays>, shape, 0, stream, call);
}

}  // namespace

template <typename V, typename Arrays>
cudaError_t Push(const Call<V, Arrays>& call, cudaStream_t stream) {
  return WithShape(
      call, [&](auto lanes, const LaunchShape& shape) { return Shaped<decltype(lanes)::value>(call, shape, stream); });
}

template cudaError_t Push(const Call<Rans64, IntervalArrays>&, cudaStream_t);
template cudaError_t Push(const Call<Rans64Ryg, IntervalArrays>&, cudaStream_t);
template cudaError_t Push(const Call<Rans32_16, IntervalArrays>&, cudaStream_t);
template cudaError_t Push(const Call<Rans32, IntervalArrays>&, cudaStream_t);
template cudaError_t Push(const Call<Rans64, RowArrays>&, cudaStream_t);
template cudaError_t Push(const Call<Rans64Ryg, RowArrays>&, cudaStream_t);
template cudaError_t Push(const Call<Rans32_16, RowArrays>&, cudaStream_t);
template cudaError_t Push(const Call<Rans32, RowArrays>&, cudaStream_t);

}  // namespace jans::cuda
