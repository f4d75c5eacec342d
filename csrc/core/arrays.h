// Arrays of a call: which part of one belongs to which stream.
//
// All arrays of a call have the same leading dimensions, a stream for each of their elements; one that streams share is
// read with stride 0.
#ifndef JANS_CORE_ARRAYS_H_
#define JANS_CORE_ARRAYS_H_

#include "portable.h"

namespace jans {

struct Batch {
  static constexpr int kMaxRank = 8;
  int rank = 0;
  int64_t streams = 1;  // below 2^31 on a device
  int64_t dims[kMaxRank] = {};
};

template <typename T>
struct Array {
  T* data = nullptr;
  int64_t strides[Batch::kMaxRank] = {};  // in elements; 0 where streams share
  Batch batch;

  // Whether all streams have the same.
  bool Shared() const {
    for (const int64_t stride : strides) {
      if (stride != 0) return false;
    }
    return true;
  }
  // Where the part of a stream begins. One leading dimension, the common case, needs no division.
  JANS_HD T* At(int64_t stream) const {
    int64_t offset = 0;
#if defined(__CUDA_ARCH__)
    uint32_t rest = static_cast<uint32_t>(stream);
#pragma unroll 1
#else
    int64_t rest = stream;
#endif
    for (int d = batch.rank - 1; d > 0; --d) {
      const auto length = static_cast<decltype(rest)>(batch.dims[d]);
      offset += rest % length * strides[d];
      rest /= length;
    }
    return data + offset + rest * strides[0];
  }
};

}  // namespace jans

#endif  // JANS_CORE_ARRAYS_H_
