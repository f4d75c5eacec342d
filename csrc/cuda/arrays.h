// Where a stream's part of an array lies, as kernels read it.
#ifndef JANS_CUDA_ARRAYS_H_
#define JANS_CUDA_ARRAYS_H_

#include <cuda_runtime.h>

#include "../core/arrays.h"

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

// Where stream b's part of an array starts.
template <typename T>
__device__ __forceinline__ T* At(const Array<T>& array, uint32_t b) {
  return Opaque(array.At(b));
}

}  // namespace jans::cuda

#endif  // JANS_CUDA_ARRAYS_H_
