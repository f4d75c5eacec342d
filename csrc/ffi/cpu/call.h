// What all CPU handlers share: from arguments to streams on XLA's own threads.
#ifndef JANS_FFI_CPU_CALL_H_
#define JANS_FFI_CPU_CALL_H_

#include "../../cpu/loops/parallel.h"
#include "../../cpu/loops/stream.h"
#include "../platform.h"

namespace jans {

inline void KeepBuffer(const AnyBuffer& in, const Out& out) {
  if (in.untyped_data() != out.untyped_data()) std::memcpy(out.untyped_data(), in.untyped_data(), in.size_bytes());
}

// Calls body(begin, end) on ranges that cover [0, count), on XLA's threads; see ParallelFor.
void OnThreads(ffi::ThreadPool& pool, int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body);

// Where the handlers run that are the same on every platform; see platform.h.
struct OnCpu {
  using Context = ffi::ThreadPool;
  ffi::ThreadPool& pool;

  ffi::Error Keep(const AnyBuffer& in, const Out& out) const {
    KeepBuffer(in, out);
    return ffi::Error::Success();
  }
  template <typename Job>
  ffi::Error ForEach(int64_t count, int64_t grain, const Job& job) const {
    OnThreads(pool, count, grain, [&job](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) job(k);
    });
    return ffi::Error::Success();
  }
};

// Symbols of any type, an array for each stream.
class SymbolOperand {
 public:
  template <typename Buffer>
  ffi::Error Init(const Buffer& buffer, const Batch& batch) {
    const ffi::DataType dtype = buffer.element_type();
    width_ = dtype == ffi::DataType::U8 ? 1 : dtype == ffi::DataType::U16 ? 2 : dtype == ffi::DataType::S32 ? 4 : 0;
    if (width_ == 0) return Invalid("symbols must be uint8, uint16 or int32");
    return elements_.Init("symbols", buffer, dtype, batch, 1);
  }
  int64_t n() const { return elements_.core[0]; }
  int width() const { return width_; }
  const Batch& batch() const { return elements_.batch; }
  Symbols At(int64_t b) const { return {Begin(b), width_}; }
  SymbolsOut OutAt(int64_t b) const { return {Begin(b), width_}; }

 private:
  unsigned char* Begin(int64_t b) const { return elements_.data + (elements_.At(b) - elements_.data) * width_; }

  Operand<unsigned char> elements_;  // whose strides count elements, whatever their width
  int width_ = 0;
};

// Asks for what a push of the stream after b reads. A processor foresees an array that is read forwards, and the next
// one, but not that many short ones are read backwards. (Inline: a call without results would be dropped.)
JANS_HD void Fetch(const void* array, int64_t bytes) {
  constexpr int64_t kLine = 64, kMost = 4096;
  if (bytes > kMost) return;
  const char* next = static_cast<const char*>(array);
  for (int64_t at = bytes - 1; at >= 0; at -= kLine) __builtin_prefetch(next + at);
}
template <typename T>
JANS_HD void FetchNext(const Operand<T>& operand, int64_t b) {
  if (b + 1 < operand.batch.streams) Fetch(operand.At(b + 1), operand.core[0] * static_cast<int64_t>(sizeof(T)));
}
inline void FetchNext(const SymbolOperand& operand, int64_t b) {
  if (b + 1 < operand.batch().streams) Fetch(operand.At(b + 1).data, operand.n() * operand.width());
}

// What a call does with stream b, and with streams b, ..., b + count - 1 if it can code them at once: it is false
// otherwise. `count` is a power of two from 8 to kMaxTogether.
template <typename V>
using ForOne = FunctionRef<void(Stream<V>&, int64_t b)>;
template <typename V>
using ForMany = FunctionRef<bool(Stream<V>*, int64_t b, int count)>;

// Runs body(stream, b), or `together`, for the coders of a call.
template <typename V>
ffi::Error ForCoders(ffi::ThreadPool& pool, const Batch& batch, CoderBuffers coders, int32_t precision, int64_t grain,
                     ForOne<V> body, ForMany<V> together = nullptr) {
  constexpr int kUnit = 8;
  JANS_RETURN_IF_ERROR(coders.Keep(OnCpu{pool}));
  State<V> state;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, MaxPrecision<V>()));
  JANS_RETURN_IF_ERROR(state.Init(batch, coders));
  auto open = [&](int64_t b) {
    Stream<V> stream{
        state.head.At(b), state.lanes, {state.tail.At(b), state.tail.core[0], *state.size.At(b), *state.status.At(b)}};
    CheckState(stream);
    return stream;
  };
  auto close = [&](Stream<V>& stream, int64_t b) {
    if (stream.tail.size > stream.tail.capacity) stream.tail.status |= kOverflow;
    *state.size.At(b) = SaturatedSize(stream.tail.size);
    *state.status.At(b) = stream.tail.status;
  };
  auto run = [&](int64_t b, int64_t end) {
    if (together) {
      std::array<Stream<V>, kMaxTogether> streams;
      for (int count; end - b >= kUnit; b += count) {
        for (count = kMaxTogether; count > end - b || (count > kUnit && count * state.lanes > kMaxHeads);) count /= 2;
        for (int s = 0; s < count; ++s) streams[s] = open(b + s);
        const bool done = together(streams.data(), b, count);
        for (int s = 0; s < count; ++s) {
          if (!done) body(streams[s], b + s);
          close(streams[s], b + s);
        }
      }
    }
    for (; b < end; ++b) {
      Stream<V> stream = open(b);
      body(stream, b);
      close(stream, b);
    }
  };
  // Every thread should have as many streams as go together, if there are enough.
  const int64_t unit = together ? kUnit : 1, most = together ? kMaxTogether / kUnit : 1;
  const int64_t units = (batch.streams + unit - 1) / unit, threads = std::max<int64_t>(1, pool.num_threads());
  const int64_t least = std::clamp<int64_t>((units + threads - 1) / threads, 1, most);
  OnThreads(pool, units, std::max(least, grain / unit),
            [&](int64_t begin, int64_t end) { run(begin * unit, std::min(end * unit, batch.streams)); });
  return ffi::Error::Success();
}

// What several models share is compiled once, in call.cc.
#define JANS_SHARED_LOOPS(prefix, V)                                                                        \
  prefix ffi::Error ForCoders<V>(ffi::ThreadPool&, const Batch&, CoderBuffers, int32_t, int64_t, ForOne<V>, \
                                 ForMany<V>);                                                               \
  prefix void PushModel<V>(Stream<V>&, const ModelView&, const int32_t*, int64_t, int64_t);                 \
  prefix void PushModel<V>(Stream<V>&, const ModelView&, const Symbols&, int64_t, int64_t);                 \
  prefix void PopModel<V>(Stream<V>&, const ModelView&, int32_t*, int64_t, int64_t);                        \
  prefix void PopModel<V>(Stream<V>&, const ModelView&, const SymbolsOut&, int64_t, int64_t);
#define JANS_DECLARE_LOOPS(_, V) JANS_SHARED_LOOPS(extern template, V)
JANS_RANS_VARIANTS(JANS_DECLARE_LOOPS)
#undef JANS_DECLARE_LOOPS

// What an operand has of streams b, ..., b + count - 1: at(b), ...
template <typename At>
auto ArraysOf(int64_t b, int count, const At& at) {
  std::array<decltype(at(b)), kMaxTogether> arrays{};
  for (int s = 0; s < count; ++s) arrays[s] = at(b + s);
  return arrays;
}

// What every push and pop has: the arrays of its coders, and what coders they are.
struct CoderCall {
  CoderBuffers buffers;
  int32_t variant, precision;
};

// For coders that take one stream after the other.
struct NotTogether {};

// Runs body(stream, b) for each stream b of a call, or together(streams, b, count); `cost` is that of a symbol.
template <typename Body, typename Together = NotTogether>
ffi::Error RunCoders(ffi::ThreadPool& pool, const Batch& batch, const CoderCall& call, int64_t n, int64_t cost,
                     const Body& body, const Together& together = {}) {
  return WithVariant(call.variant, [&](auto v) {
    using V = decltype(v);
    auto one = [&body](Stream<V>& stream, int64_t b) { body(stream, b); };
    if constexpr (std::is_same_v<Together, NotTogether>) {
      return ForCoders<V>(pool, batch, call.buffers, call.precision, StreamGrain(n, cost), one);
    } else {
      auto many = [&together](Stream<V>* streams, int64_t b, int count) { return together(streams, b, count); };
      return ForCoders<V>(pool, batch, call.buffers, call.precision, StreamGrain(n, cost), one, many);
    }
  });
}

#define JANS_CAPTURABLE false

}  // namespace jans

#endif  // JANS_FFI_CPU_CALL_H_
