// Randomness, failures and memory of the random calls.
#ifndef JANS_TESTS_CUDA_EMULATION_BUFFERS_H_
#define JANS_TESTS_CUDA_EMULATION_BUFFERS_H_

#include <cuda_runtime_api.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "../../csrc/cuda/calls.h"

namespace jans {

inline std::mt19937_64 random_bits(1);

inline int64_t Below(int64_t n) { return static_cast<int64_t>(random_bits() % static_cast<uint64_t>(n)); }
inline bool Chance(double p) { return random_bits() < p * 18446744073709551616.0; }

// Whichever case runs, for the message of a failure.
inline std::string current;

inline void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s: %s\n", current.c_str(), what);
  std::abort();
}

inline void RequireSuccess(cudaError_t error) { Require(error == cudaSuccess, cudaGetErrorString(error)); }

// Copies of vectors in device memory, for the time of one call.
class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  ~Device() {
    for (const Copy& copy : copies_) cudaFree(copy.device);
  }
  template <typename T>
  T* Put(std::vector<T>& data) {
    const size_t bytes = data.size() * sizeof(T);
    if (bytes == 0) return nullptr;
    void* device = nullptr;
    RequireSuccess(cudaMalloc(&device, bytes));
    RequireSuccess(cudaMemcpy(device, data.data(), bytes, cudaMemcpyHostToDevice));
    copies_.push_back({data.data(), device, bytes});
    return static_cast<T*>(device);
  }
  // After a launch: waits, and brings everything back.
  void Finish(cudaError_t launched) {
    RequireSuccess(launched);
    RequireSuccess(cudaDeviceSynchronize());
    for (const Copy& copy : copies_) {
      RequireSuccess(cudaMemcpy(copy.host, copy.device, copy.bytes, cudaMemcpyDeviceToHost));
    }
    ++calls;
  }

  static inline int64_t calls = 0;

 private:
  struct Copy {
    void* host;
    void* device;
    size_t bytes;
  };
  std::vector<Copy> copies_;
};

inline Batch RandomBatch() {
  Batch batch{static_cast<int>(Below(4)), 1, {}};
  for (int d = 0; d < batch.rank; ++d) {
    batch.dims[d] = 1 + Below(d == 0 && Chance(0.05) ? 300 : 3);
    batch.streams *= batch.dims[d];
  }
  return batch;
}

// An array of a call; dimensions of a shared one may have length 1.
template <typename T>
struct Buffer {
  std::vector<T> data;
  int64_t core;
  int64_t strides[Batch::kMaxRank] = {};

  Batch batch;

  Buffer(const Batch& batch, int64_t core, double share) : core(core), batch(batch) {
    int64_t stride = core;
    for (int d = batch.rank - 1; d >= 0; --d) {
      const int64_t length = Chance(share) ? 1 : batch.dims[d];
      strides[d] = length == 1 ? 0 : stride;
      stride *= length;
    }
    data = std::vector<T>(stride);
    data.shrink_to_fit();
  }
  T* At(const Batch& batch, int64_t b) {
    int64_t offset = 0;
    for (int d = batch.rank - 1; d >= 0; --d) {
      offset += b % batch.dims[d] * strides[d];
      b /= batch.dims[d];
    }
    return data.data() + offset;
  }
  template <typename To = T>
  Array<To> View(Device& device) {
    Array<To> array{reinterpret_cast<To*>(device.Put(data)), {}, batch};
    for (int d = 0; d < Batch::kMaxRank; ++d) array.strides[d] = strides[d] * sizeof(T) / sizeof(To);
    return array;
  }
};

}  // namespace jans

#endif  // JANS_TESTS_CUDA_EMULATION_BUFFERS_H_
