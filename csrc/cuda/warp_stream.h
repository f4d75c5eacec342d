// Loops over one stream of 32 heads by one warp.
//
// Symbol i belongs to lane i % 32; arrays are pushed from the last symbol to the first and popped from the first to the
// last, every head renormalising at once. In a row of 32 symbols the words of lane 31 are therefore written first and
// read last: a lane finds its place in the tail by counting the words that the lanes above it write, or those below it
// read.
#ifndef JANS_CUDA_WARP_STREAM_H_
#define JANS_CUDA_WARP_STREAM_H_

#include <cuda_runtime.h>

#include "../core/models/models.h"
#include "arrays.h"
#include "calls.h"
#include "launch.h"

namespace jans::cuda {

constexpr uint32_t kAllLanes = 0xFFFFFFFFu;

__device__ __forceinline__ int LaneId() { return threadIdx.x % kWarp; }
__device__ __forceinline__ uint32_t LanesBelow() { return (1u << LaneId()) - 1; }
__device__ __forceinline__ uint32_t LanesAbove() { return ~LanesBelow() << 1; }

// Most words that one head moves for one symbol, in any state of S bits and at any precision.
// Push: after m words x is below 2^(S - m w) and is shifted right by kTopBits - precision >= w, which leaves nothing
// once
//   (m + 1) w >= S. Pop: one word for every w bits of the precision or part of them, and precision <= S - w.
template <typename V>
constexpr int kMaxWords = 8 * static_cast<int>(sizeof(typename V::State)) / V::kWordBits - 1;

// How many words every lane of a warp moves, at most 3 each, as the binary digits of the counts.
template <typename V>
struct WordCounts {
  uint32_t ones, twos;

  __device__ __forceinline__ explicit WordCounts(uint32_t count) : ones(__ballot_sync(kAllLanes, count & 1)), twos(0) {
    static_assert(kMaxWords<V> <= 3);
    if constexpr (kMaxWords<V> > 1) twos = __ballot_sync(kAllLanes, count & 2);
  }
  __device__ __forceinline__ uint32_t Sum(uint32_t lanes) const {
    if constexpr (kMaxWords<V> == 1) return __popc(ones & lanes);
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
      : words_(At(coder.tail, stream)),
        capacity_(coder.capacity),
        precision_(coder.precision),
        status_(*At(coder.status, stream)) {
    x_ = LoadHead<V>(At(coder.head, stream), LaneId());
    const int32_t size = *At(coder.size, stream);
    size_ = size < 0 ? 0 : size;
    if (__any_sync(kAllLanes, size < 0 || OutOfRange<V>(x_, false))) status_ |= kBadState;
  }

  __device__ void Close(const Coder<V>& coder, uint32_t stream) {
    StoreHead<V>(At(coder.head, stream), LaneId(), x_);
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
      status_ |= __shfl_xor_sync(kAllLanes, status_, distance);
    }
    if (LaneId() != 0) return;
    *At(coder.size, stream) = static_cast<int32_t>(size_ < kFull ? size_ : kFull - 1);
    *At(coder.status, stream) = status_ | (size_ > capacity_ ? kOverflow : 0);
  }

  // Rows that the fast form may push or pop next.
  __device__ __forceinline__ uint32_t RowsOfRoom() const {
    return size_ <= capacity_ ? (capacity_ - size_) / (kWarp * kMaxWords<V>) : 0;
  }
  __device__ __forceinline__ uint32_t RowsOfWords() const {
    return size_ <= capacity_ ? size_ / (kWarp * kMaxWords<V>) : 0;
  }

  __device__ __forceinline__ uint32_t Quantile() const { return jans::Quantile<V>(x_, precision_); }

  __device__ __forceinline__ void Mark(Status status) { status_ |= status; }

  // Runs body(x, tail) on the head of one lane, and on the tail of all.
  template <typename Body>
  __device__ __forceinline__ void Alone(int lane, const Body& body) {
    Tail<Word> tail{words_, capacity_, size_, 0};
    if (LaneId() == lane) body(x_, tail);
    status_ |= tail.status;
    const uint32_t size = tail.size < kFull ? static_cast<uint32_t>(tail.size) : kFull;
    size_ = static_cast<uint32_t>(__shfl_sync(kAllLanes, static_cast<int>(size), lane));
  }

  // One symbol on every active head whose item (an Interval or an Entry) has a freq.
  template <bool kCareful, typename Item>
  __device__ __forceinline__ void Push(const Item& item, bool active = true) {
    const bool legal = item.freq != 0 && active;
    if (!legal && active) status_ |= static_cast<int32_t>(item.start);
    uint32_t count = 0;
    State rest = x_ >> (V::kTopBits - precision_);
#pragma unroll
    for (int k = 0; k < kMaxWords<V>; ++k, rest >>= V::kWordBits) count += legal && rest >= item.freq;
    const WordCounts<V> counts(count);
    const uint32_t at = size_ + counts.Sum(LanesAbove());
#pragma unroll
    for (uint32_t k = 0; k < kMaxWords<V>; ++k) {
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
    for (int k = 0; k < kMaxWords<V>; ++k) {
      count += legal && k * V::kWordBits < precision_ && x_ < (V::kLower >> (k * V::kWordBits));
    }
    const WordCounts<V> counts(count);
    const uint32_t before = counts.Sum(LanesBelow());
#pragma unroll
    for (uint32_t k = 0; k < kMaxWords<V>; ++k) {
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
  const int lane = LaneId();
  // Symbols below `left`, a multiple of the warp but for the last row, are still to be pushed.
  for (int64_t left = n; left > 0;) {
    const int64_t rows = left % kWarp == 0 ? left / kWarp : 0;
    const uint32_t room = stream.RowsOfRoom();
    uint32_t groups = (room < rows ? room : static_cast<uint32_t>(rows)) / kAhead;
    if (groups == 0) {
      const int64_t end = left;
      left = (left - 1) / kWarp * kWarp;
      const bool active = left + lane < end;
      stream.template Push<true>(source.Resolve(source.Fetch(active ? left + lane : left)), active);
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

}  // namespace jans::cuda

#endif  // JANS_CUDA_WARP_STREAM_H_
