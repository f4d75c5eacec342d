// Tables that a block makes of a row of cumulative frequencies which all its streams share, in shared memory.
#ifndef JANS_CUDA_TABLES_H_
#define JANS_CUDA_TABLES_H_

#include <cuda_runtime.h>

#include "../core/models/models.h"

namespace jans::cuda {

extern __shared__ uint4 shared[];

// Entries with reciprocals for every symbol of a row, and one more for symbols outside of the alphabet. All threads of
// the block construct it together.
template <typename V>
class EntryTable {
 public:
  static constexpr int64_t kMaxSymbols = 1024;

  static size_t Bytes(int64_t symbols) { return (symbols + 1) * sizeof(uint4); }

  __device__ explicit EntryTable(const Rows& rows) : outside_(rows.n) {
    const bool valid = rows.Valid(0);
    for (uint32_t s = threadIdx.x; s <= outside_; s += blockDim.x) {
      const Entry entry = MakeEntry<V>(valid ? rows.At(0).Find(s) : NoInterval(kBadModel), rows.precision);
      shared[s] = make_uint4(static_cast<uint32_t>(entry.reciprocal), static_cast<uint32_t>(entry.reciprocal >> 32),
                             entry.start, entry.freq);
    }
    __syncthreads();
  }
  // Negative symbols are large ones here.
  __device__ __forceinline__ Entry Find(int32_t symbol) const {
    const uint32_t s = static_cast<uint32_t>(symbol);
    const uint4 packed = shared[s < outside_ ? s : outside_];
    return {packed.x | uint64_t{packed.y} << 32, packed.z, packed.w};
  }

 private:
  uint32_t outside_;
};

// For each of 2^bits equal buckets of quantiles the symbol at its start, packed with its interval. A quantile beyond
// that interval is searched for among the symbols up to the next bucket's. All threads of the block construct it
// together.
class BucketTable {
 public:
  static constexpr int kMaxBits = 12;
  static constexpr int kMaxPrecision = 24;
  static constexpr int64_t kMaxSymbols = 65536;

  static size_t Bytes(int bits) { return ((size_t{1} << bits) + 1) * sizeof(uint64_t); }

  // A bucket holds 2^shift quantiles.
  __device__ BucketTable(const Rows& rows, int shift) : shift_(shift) {
    bool rises = rows.Valid(0) && rows.At(0).Sealed();
    if (rises) {
      const Row row = rows.At(0);
      cdf_ = row.cdf;
      for (uint32_t s = threadIdx.x; s < row.n; s += blockDim.x) {
        rises = rises && cdf_[s] <= cdf_[s + 1] && cdf_[s + 1] <= Total(row.precision);
      }
    }
    rises_ = __syncthreads_and(rises);
    if (!rises_) return;
    const Row row = rows.At(0);
    const uint32_t buckets = static_cast<uint32_t>(Total(row.precision) >> shift);
    for (uint32_t bucket = threadIdx.x; bucket < buckets; bucket += blockDim.x) {
      const Located found = row.Locate(bucket << shift_);
      Buckets()[bucket] =
          found.interval.start | uint64_t{found.interval.freq - 1} << 24 | static_cast<uint64_t>(found.symbol) << 48;
    }
    if (threadIdx.x == 0) Buckets()[buckets] = static_cast<uint64_t>(row.n - 1) << 48;
    __syncthreads();
  }

  // Whether the row is a distribution. If not there is no table, and the row is to be searched as it is.
  __device__ bool Rises() const { return rises_; }

  __device__ __forceinline__ Located Locate(uint32_t quantile) const {
    const uint64_t* bucket = Buckets() + (quantile >> shift_);
    uint32_t low = static_cast<uint32_t>(*bucket >> 48);
    uint32_t start = *bucket & 0xFFFFFF, freq = (static_cast<uint32_t>(*bucket >> 24) & 0xFFFFFF) + 1;
    if (quantile - start >= freq) {
      for (uint32_t length = static_cast<uint32_t>(bucket[1] >> 48) - low + 1; length > 1;) {
        const uint32_t half = length / 2;
        low += cdf_[low + half] <= quantile ? half : 0;
        length -= half;
      }
      start = cdf_[low];
      freq = cdf_[low + 1] - start;
      if (freq == 0) __builtin_unreachable();  // the row rises across every quantile
    }
    return {static_cast<int32_t>(low), {start, freq}};
  }

 private:
  __device__ static uint64_t* Buckets() { return reinterpret_cast<uint64_t*>(shared); }

  const uint32_t* cdf_ = nullptr;
  int shift_;
  bool rises_;
};

}  // namespace jans::cuda

#endif  // JANS_CUDA_TABLES_H_
