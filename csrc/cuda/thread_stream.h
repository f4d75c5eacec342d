// Loops over one stream of any number of heads by one thread.
#ifndef JANS_CUDA_THREAD_STREAM_H_
#define JANS_CUDA_THREAD_STREAM_H_

#include <cuda_runtime.h>

#include "../core/coders/stream.h"
#include "../core/models/models.h"
#include "arrays.h"
#include "calls.h"

namespace jans::cuda {

// A stream of one thread. A lone head (kLanes = 1) stays in a register, several (kLanes = 0) stay in memory.
template <typename V, int kLanes>
class ThreadStream {
 public:
  using State = typename V::State;

  __device__ ThreadStream(const Coder<V>& coder, uint32_t stream)
      : heads_(At(coder.head, stream)),
        lanes_(kLanes == 1 ? 1 : coder.lanes),
        precision_(coder.precision),
        x_(LoadHead<V>(heads_, 0)),
        tail_{At(coder.tail, stream), coder.capacity, *At(coder.size, stream), *At(coder.status, stream)} {
    Stream<V> whole{heads_, lanes_, tail_};
    CheckState(whole);
    tail_ = whole.tail;
  }

  __device__ void Close(const Coder<V>& coder, uint32_t stream) {
    constexpr int64_t kMost = (int64_t{1} << 31) - 1;
    if (kLanes == 1) StoreHead<V>(heads_, 0, x_);
    if (tail_.size > tail_.capacity) tail_.status |= kOverflow;
    *At(coder.size, stream) = static_cast<int32_t>(tail_.size < kMost ? tail_.size : kMost);
    *At(coder.status, stream) = tail_.status;
  }

  // Runs body(stream) with all of it, its heads in memory.
  template <typename Body>
  __device__ void Whole(const Body& body) {
    static_assert(kLanes == 0);
    Stream<V> stream{heads_, lanes_, tail_};
    body(stream);
    tail_ = stream.tail;
  }

  template <typename Source>
  __device__ void PushFrom(const Source& source, int64_t n) {
    int64_t lane = (n - 1) % lanes_;
    for (int64_t i = n - 1; i >= 0; --i) {
      if (kLanes != 1) x_ = LoadHead<V>(heads_, lane);
      jans::Push<V>(x_, tail_, source.Resolve(source.Fetch(i)), precision_);
      if (kLanes != 1) StoreHead<V>(heads_, lane, x_);
      lane = lane == 0 ? lanes_ - 1 : lane - 1;
    }
  }

  template <typename Source>
  __device__ void PopInto(const Source& source, int64_t n) {
    int64_t lane = 0;
    for (int64_t i = 0; i < n; ++i) {
      if (kLanes != 1) x_ = LoadHead<V>(heads_, lane);
      const Located found = source.Locate(i, Quantile<V>(x_, precision_));
      Advance<V>(x_, tail_, found.interval, Floor(), precision_);
      source.Store(i, found.symbol);
      if (kLanes != 1) StoreHead<V>(heads_, lane, x_);
      lane = lane == lanes_ - 1 ? 0 : lane + 1;
    }
  }

 private:
  __device__ bool Floor() const { return HasFloor<V>(lanes_); }

  uint32_t* heads_;
  int64_t lanes_;
  int32_t precision_;
  State x_;
  Tail<typename V::Word> tail_;
};

template <typename V, int kLanes, typename Source>
__device__ void PushAll(ThreadStream<V, kLanes>& stream, const Source& source, int64_t n) {
  stream.PushFrom(source, n);
}

template <typename V, int kLanes, typename Source>
__device__ void PopAll(ThreadStream<V, kLanes>& stream, const Source& source, int64_t n) {
  stream.PopInto(source, n);
}

}  // namespace jans::cuda

#endif  // JANS_CUDA_THREAD_STREAM_H_
