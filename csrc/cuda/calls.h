// What kernels are called with: plain structs of pointers, strides and numbers, and the functions that launch them.
//
// Device memory only. Nothing here allocates, waits or looks at the data; an error is one of the launch.
#ifndef JANS_CUDA_CALLS_H_
#define JANS_CUDA_CALLS_H_

#include <cuda_runtime_api.h>

#include "../core/arrays.h"
#include "../core/rans.h"

namespace jans::cuda {

// The coders of a call, one or more of them. Heads are 32-bit halves, low first.
template <typename V>
struct Coder {
  Array<uint32_t> head;
  Array<typename V::Word> tail;
  Array<int32_t> size, status;
  int64_t lanes;
  uint32_t capacity;  // below 2^31
  int32_t precision;

  JANS_HD uint32_t Streams() const { return static_cast<uint32_t>(size.batch.streams); }
};

struct IntervalArrays {
  Array<const uint32_t> start, freq;
};

// Symbols, which push reads and pop writes.
struct SymbolArray {
  Array<uint8_t> bytes;  // strides in bytes
  int32_t width;         // 1, 2: unsigned; 4: signed
};

// Rows of cumulative frequencies with the index of each symbol's row.
struct RowArrays {
  SymbolArray symbols;
  Array<const uint32_t> cdf;
  int64_t count;        // rows
  int64_t row_symbols;  // below 2^31
  Array<const int32_t> index;
  int64_t index_stride;  // 0 where all symbols of a stream share their row
};

// One value for each symbol of a stream, or one for all.
template <typename T>
struct Parameters {
  Array<const T> values;
  int64_t stride;  // 0 where all symbols share it
};

// Distributions of one component in fixed point, normal or logistic.
struct SingleArrays {
  SymbolArray symbols;
  bool logistic;
  Parameters<float> logits, mean, scale;
  Parameters<int32_t> low, high;
};

// n symbols for each stream.
template <typename V, typename Arrays>
struct Call {
  Coder<V> coder;
  Arrays arrays;
  int64_t n;
};

template <typename V, typename Arrays>
cudaError_t Push(const Call<V, Arrays>& call, cudaStream_t stream);

// With intervals that are known already this is `advance`.
template <typename V, typename Arrays>
cudaError_t Pop(const Call<V, Arrays>& call, cudaStream_t stream);

template <typename V>
cudaError_t PushSingles(const Call<V, SingleArrays>& call, cudaStream_t stream);
template <typename V>
cudaError_t PopSingles(const Call<V, SingleArrays>& call, cudaStream_t stream);

// Rows of n values in, rows of n + 1 cumulative frequencies out. Streams are rows here, those of `mask`; one without
// data is none.
template <typename Value>
struct QuantizerCall {
  const Value* values;
  Array<const uint8_t> mask;
  uint32_t* cdf;
  int64_t n;
  int32_t precision;
};

template <typename Float>
cudaError_t QuantizeProbs(const QuantizerCall<Float>& call, cudaStream_t stream);
cudaError_t QuantizeLogits(const QuantizerCall<float>& call, cudaStream_t stream);

}  // namespace jans::cuda

#endif  // JANS_CUDA_CALLS_H_
