// Where a stream's part of the arrays of a call lies, and what its heads are.
#ifndef JANS_CUDA_ARRAYS_H_
#define JANS_CUDA_ARRAYS_H_

#include <cuda_runtime.h>

#include "calls.h"

namespace jans::cuda {

// The same pointer into global memory, of unknown origin: otherwise compilers add up its parts again at every access.
template <typename T>
__device__ __forceinline__ T* Opaque(T* pointer) {
#if defined(__CUDA_ARCH__)
  asm("" : "+l"(pointer));
  __builtin_assume(__isGlobal(pointer));
#endif
  return pointer;
}

// Where stream b's part of an array starts. One leading dimension, the common case, needs no division.
template <typename T>
__device__ __forceinline__ T* At(const Array<T>& array, const Batch& batch, uint32_t b) {
  int64_t offset = 0;
#pragma unroll 1
  for (int d = batch.rank - 1; d > 0; --d) {
    offset += b % batch.dims[d] * array.strides[d];
    b /= batch.dims[d];
  }
  return Opaque(array.data + offset + b * array.strides[0]);
}

template <typename V>
__device__ __forceinline__ typename V::State LoadHead(const uint32_t* heads, int64_t lane) {
  if constexpr (sizeof(typename V::State) == 8) {
    return heads[2 * lane] | uint64_t{heads[2 * lane + 1]} << 32;
  } else {
    return heads[lane];
  }
}

template <typename V>
__device__ __forceinline__ void StoreHead(uint32_t* heads, int64_t lane, typename V::State x) {
  if constexpr (sizeof(typename V::State) == 8) {
    heads[2 * lane] = static_cast<uint32_t>(x);
    heads[2 * lane + 1] = static_cast<uint32_t>(x >> 32);
  } else {
    heads[lane] = x;
  }
}

// A head that no sequence of calls can produce; `empty` for a head that may be anything below L, see HasFloor.
template <typename V>
__device__ __forceinline__ bool OutOfRange(typename V::State x, bool empty) {
  bool high = V::kTopBits < 8 * static_cast<int>(sizeof(x)) && (x >> (V::kTopBits - 1) >> 1) != 0;
  return high || (x < V::kLower && !empty);
}

}  // namespace jans::cuda

#endif  // JANS_CUDA_ARRAYS_H_
