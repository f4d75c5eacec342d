// Loops over one stream by one warp, which holds 32 heads, or by one thread, which loops over any number of them.
//
// Symbol i belongs to lane i % lanes; arrays are pushed from the last symbol to the first and popped from the first to
// the last, every head renormalising at once. In a row of 32 symbols the words of lane 31 are therefore written first
// and read last: a lane finds its place in the tail by counting the words that the lanes above it write, or those below
// it read.
#ifndef JANS_CUDA_STREAM_H_
#define JANS_CUDA_STREAM_H_

#include <cuda_runtime.h>

#include "../core/intervals.h"
#include "calls.h"
#include "launch.h"

namespace jans::cuda {

constexpr uint32_t kAllLanes = 0xFFFFFFFFu;

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

// ---- one warp for one stream ----

__device__ __forceinline__ int LaneId() { return threadIdx.x % kWarp; }
__device__ __forceinline__ uint32_t LanesBelow() { return (1u << LaneId()) - 1; }
__device__ __forceinline__ uint32_t LanesAbove() { return ~LanesBelow() << 1; }

// Most words that one head moves for one symbol, in any state of S bits and at any precision.
// Push: after m words x is below 2^(S - m w) and is shifted right by kTopBits - precision >= w, which leaves nothing
// once
//   (m + 1) w >= S. Pop: one word for every w bits of the precision or part of them, and precision <= S - w.
template <typename V>
constexpr int kMostWords = 8 * static_cast<int>(sizeof(typename V::State)) / V::kWordBits - 1;

// How many words every lane of a warp moves, at most 3 each, as the binary digits of the counts.
template <typename V>
struct WordCounts {
  uint32_t ones, twos;

  __device__ __forceinline__ explicit WordCounts(uint32_t count) : ones(__ballot_sync(kAllLanes, count & 1)), twos(0) {
    static_assert(kMostWords<V> <= 3);
    if constexpr (kMostWords<V> > 1) twos = __ballot_sync(kAllLanes, count & 2);
  }
  __device__ __forceinline__ uint32_t Sum(uint32_t lanes) const {
    if constexpr (kMostWords<V> == 1) return __popc(ones & lanes);
    return __popc(ones & lanes) + 2 * __popc(twos & lanes);
  }
};

// A stream in the registers of a warp: lane l holds head l; size is the same in all lanes, status bits are each lane's
// own.
//
// Rows are coded in a careful form, good for any state, or in a fast form where the tail has room (words) for a whole
// row. Capacities are below 2^31, so a size may stop counting there: neither the words nor the final size, which
// saturates at 2^31 - 1, can tell.
template <typename V>
class WarpStream {
 public:
  using State = typename V::State;
  using Word = typename V::Word;

  __device__ WarpStream(const Coder<V>& coder, uint32_t stream)
      : words_(At(coder.tail, coder.batch, stream)),
        capacity_(coder.capacity),
        precision_(coder.precision),
        status_(*At(coder.status, coder.batch, stream)) {
    x_ = LoadHead<V>(At(coder.head, coder.batch, stream), LaneId());
    const int32_t size = *At(coder.size, coder.batch, stream);
    size_ = size < 0 ? 0 : size;
    if (__any_sync(kAllLanes, size < 0 || OutOfRange<V>(x_, false))) status_ |= kBadState;
  }

  __device__ void Close(const Coder<V>& coder, uint32_t stream) {
    StoreHead<V>(At(coder.head, coder.batch, stream), LaneId(), x_);
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
      status_ |= __shfl_xor_sync(kAllLanes, status_, distance);
    }
    if (LaneId() != 0) return;
    *At(coder.size, coder.batch, stream) = static_cast<int32_t>(size_ < kFull ? size_ : kFull - 1);
    *At(coder.status, coder.batch, stream) = status_ | (size_ > capacity_ ? kOverflow : 0);
  }

  // Rows that the fast form may push or pop next.
  __device__ __forceinline__ uint32_t RowsOfRoom() const {
    return size_ <= capacity_ ? (capacity_ - size_) / (kWarp * kMostWords<V>) : 0;
  }
  __device__ __forceinline__ uint32_t RowsOfWords() const {
    return size_ <= capacity_ ? size_ / (kWarp * kMostWords<V>) : 0;
  }

  __device__ __forceinline__ uint32_t Quantile() const { return jans::Quantile<V>(x_, precision_); }

  // One symbol on every head whose item (an Interval or an Entry) has a freq.
  template <bool kCareful, typename Item>
  __device__ __forceinline__ void Push(const Item& item) {
    const bool legal = item.freq != 0;
    if (!legal) status_ |= static_cast<int32_t>(item.start);
    uint32_t count = 0;
    State rest = x_ >> (V::kTopBits - precision_);
#pragma unroll
    for (int k = 0; k < kMostWords<V>; ++k, rest >>= V::kWordBits) count += legal && rest >= item.freq;
    const WordCounts<V> counts(count);
    const uint32_t at = size_ + counts.Sum(LanesAbove());
#pragma unroll
    for (uint32_t k = 0; k < kMostWords<V>; ++k) {
      if (k >= count) break;
      if (!kCareful || at + k < capacity_) words_[at + k] = static_cast<Word>(x_);
      x_ >>= V::kWordBits;
    }
    size_ += counts.Sum(kAllLanes);
    if (kCareful) size_ = size_ < kFull ? size_ : kFull;
    if (legal) x_ = Step<V>(x_, item, precision_);
  }

  // One symbol off every head whose interval has a freq; the interval holds the head's quantile.
  template <bool kCareful>
  __device__ __forceinline__ void Pop(const Interval& interval) {
    const bool legal = interval.freq != 0;
    if (legal) x_ = StepBack<V>(x_, interval, precision_);
    if (!legal) status_ |= static_cast<int32_t>(interval.start);
    // After k words the head is below L if it was below L / 2^(k w), whatever the words are: L is a multiple of that.
    uint32_t count = 0;
#pragma unroll
    for (int k = 0; k < kMostWords<V>; ++k) {
      count += legal && k * V::kWordBits < precision_ && x_ < (V::kLower >> (k * V::kWordBits));
    }
    const WordCounts<V> counts(count);
    const uint32_t before = counts.Sum(LanesBelow());
#pragma unroll
    for (uint32_t k = 0; k < kMostWords<V>; ++k) {
      if (k >= count) break;
      Word word = 0;
      if (!kCareful) {
        word = words_[size_ - 1 - before - k];
      } else if (before + k >= size_) {
        status_ |= kUnderflow;
      } else if (size_ - 1 - before - k < capacity_) {
        word = words_[size_ - 1 - before - k];
      }
      x_ = (x_ << V::kWordBits) | word;
    }
    const uint32_t all = counts.Sum(kAllLanes);
    size_ = !kCareful || all < size_ ? size_ - all : 0;
  }

 private:
  static constexpr uint32_t kFull = 1u << 31;

  State x_;
  Word* words_;
  uint32_t capacity_, size_;
  int32_t precision_;
  int32_t status_;
};

// Pushes source items n - 1, ..., 0. Fetch(i) reads what does not depend on the state, a few rows ahead; Resolve makes
// an Interval or an Entry of it.
template <typename V, typename Source>
__device__ void PushAll(WarpStream<V>& stream, const Source& source, int64_t n) {
  constexpr int kAhead = 4;
  using Item = decltype(source.Resolve(source.Fetch(0)));
  const int lane = LaneId();
  // Symbols below `left`, a multiple of the warp but for the last row, are still to be pushed.
  for (int64_t left = n; left > 0;) {
    const int64_t rows = left % kWarp == 0 ? left / kWarp : 0;
    const uint32_t room = stream.RowsOfRoom();
    uint32_t groups = (room < rows ? room : static_cast<uint32_t>(rows)) / kAhead;
    if (groups == 0) {
      const int64_t end = left;
      left = (left - 1) / kWarp * kWarp;
      Item item{};
      if (left + lane < end) item = source.Resolve(source.Fetch(left + lane));
      stream.template Push<true>(item);
    }
    for (; groups > 0; --groups) {
      left -= kAhead * kWarp;
      decltype(source.Fetch(0)) fetched[kAhead];
#pragma unroll
      for (int k = 0; k < kAhead; ++k) fetched[k] = source.Fetch(left + k * kWarp + lane);
#pragma unroll
      for (int k = kAhead - 1; k >= 0; --k) stream.template Push<false>(source.Resolve(fetched[k]));
    }
  }
}

// Pops n symbols: Locate(i, quantile) finds the i-th, Store(i, symbol) keeps it.
template <typename V, typename Source>
__device__ void PopAll(WarpStream<V>& stream, const Source& source, int64_t n) {
  const int lane = LaneId();
  for (int64_t done = 0; done < n;) {
    const int64_t rows = (n - done) / kWarp;
    const uint32_t ready = stream.RowsOfWords();
    uint32_t fast = ready < rows ? ready : static_cast<uint32_t>(rows);
    if (fast == 0) {
      const bool active = done + lane < n;
      Located found{};
      if (active) found = source.Locate(done + lane, stream.Quantile());
      stream.template Pop<true>(found.interval);
      if (active) source.Store(done + lane, found.symbol);
      done += kWarp;
    }
#pragma unroll 1
    for (; fast > 0; --fast, done += kWarp) {
      const Located found = source.Locate(done + lane, stream.Quantile());
      stream.template Pop<false>(found.interval);
      source.Store(done + lane, found.symbol);
    }
  }
}

// ---- one thread for one stream ----

// A stream of one thread. A lone head (kLanes = 1) stays in a register, several (kLanes = 0) stay in memory.
template <typename V, int kLanes>
class ThreadStream {
 public:
  using State = typename V::State;

  __device__ ThreadStream(const Coder<V>& coder, uint32_t stream)
      : heads_(At(coder.head, coder.batch, stream)),
        lanes_(kLanes == 1 ? 1 : coder.lanes),
        precision_(coder.precision),
        x_(LoadHead<V>(heads_, 0)),
        tail_{At(coder.tail, coder.batch, stream), coder.capacity, *At(coder.size, coder.batch, stream),
              *At(coder.status, coder.batch, stream)} {
    bool bad = tail_.size < 0;
    if (bad) tail_.size = 0;
    for (int64_t lane = 0; lane < lanes_; ++lane) {
      bad = bad || OutOfRange<V>(LoadHead<V>(heads_, lane), Floor() && tail_.size == 0);
    }
    if (bad) tail_.status |= kBadState;
  }

  __device__ void Close(const Coder<V>& coder, uint32_t stream) {
    constexpr int64_t kMost = (int64_t{1} << 31) - 1;
    if (kLanes == 1) StoreHead<V>(heads_, 0, x_);
    if (tail_.size > tail_.capacity) tail_.status |= kOverflow;
    *At(coder.size, coder.batch, stream) = static_cast<int32_t>(tail_.size < kMost ? tail_.size : kMost);
    *At(coder.status, coder.batch, stream) = tail_.status;
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

// ---- every stream of a call ----

template <typename V, int kLanes>
struct StreamOf {
  using Type = ThreadStream<V, kLanes>;
  static constexpr int kThreads = 1;
};

template <typename V>
struct StreamOf<V, kWarp> {
  using Type = WarpStream<V>;
  static constexpr int kThreads = kWarp;
};

// Runs body(stream, b) for every stream b that is this thread's or this warp's.
template <int kLanes, typename V, typename Body>
__device__ __forceinline__ void ForStreams(const Coder<V>& coder, const Body& body) {
  constexpr int kThreads = StreamOf<V, kLanes>::kThreads;
  const uint32_t in_block = blockDim.x / kThreads;
  // Neither sum reaches 2^32: streams are below 2^31, and so is a stride.
  for (uint32_t b = blockIdx.x * in_block + threadIdx.x / kThreads; b < coder.batch.streams;
       b += gridDim.x * in_block) {
    typename StreamOf<V, kLanes>::Type stream(coder, b);
    body(stream, b);
    stream.Close(coder, b);
  }
}

}  // namespace jans::cuda

#endif  // JANS_CUDA_STREAM_H_
