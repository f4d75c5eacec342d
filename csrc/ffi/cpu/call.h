// What all CPU handlers share: from arguments to streams on XLA's own threads.
#ifndef JANS_FFI_CPU_CALL_H_
#define JANS_FFI_CPU_CALL_H_

#include "../../cpu/loops/parallel.h"
#include "../../cpu/loops/stream.h"
#include "../platform.h"

namespace jans {

inline void KeepBuffer(const AnyBuffer& in, Out& out) {
  if (in.untyped_data() != out->untyped_data()) std::memcpy(out->untyped_data(), in.untyped_data(), in.size_bytes());
}

// Where the handlers run that are the same on every platform; see platform.h.
struct OnCpu {
  using Context = ffi::ThreadPool;
  ffi::ThreadPool& pool;

  ffi::Error Keep(const AnyBuffer& in, Out& out) const {
    KeepBuffer(in, out);
    return ffi::Error::Success();
  }
  template <typename Job>
  ffi::Error ForEach(int64_t count, int64_t grain, const Job& job) const {
    ParallelFor(pool, count, grain, [&job](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) job(k);
    });
    return ffi::Error::Success();
  }
};

// Asks for what a push of the stream after b reads. A processor foresees an array that is read forwards, and the next
// one, but not that many short ones are read backwards. (Inline: a call without results would be dropped.)
template <typename T>
JANS_HD void FetchNext(const Operand<T>& operand, int64_t b) {
  constexpr int64_t kLine = 64, kMost = 4096;
  const int64_t bytes = operand.core[0] * static_cast<int64_t>(sizeof(T));
  if (bytes > kMost || b + 1 >= operand.batch.streams) return;
  const char* next = reinterpret_cast<const char*>(operand.At(b + 1));
  for (int64_t at = bytes - 1; at >= 0; at -= kLine) __builtin_prefetch(next + at);
}

// For coders that take one stream after the other.
struct NotTogether {
  static constexpr int kMost = 1;
};

// For those that code several at once, if call(streams, ...) is true.
template <typename Call>
struct Together {
  static constexpr int kMost = kMostTogether;
  Call call;

  template <typename... Args>
  bool operator()(Args&&... args) const {
    return call(std::forward<Args>(args)...);
  }
};
template <typename Call>
Together(Call) -> Together<Call>;

// Runs body(stream, b) for every stream b of the batch. Before that it asks together(streams, b, count), which may do
// streams b, ..., b + count - 1 and is then true; count is a power of two from 8 to All::kMost.
template <typename V, typename Body, typename All>
void ForStreams(ffi::ThreadPool& pool, const Batch& batch, const State<V>& state, int64_t grain, const Body& body,
                const All& together) {
  constexpr int kMost = All::kMost, kUnit = std::min(kMost, 8);
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
    if constexpr (kMost > 1) {
      std::array<Stream<V>, kMost> streams;
      for (int count; end - b >= kUnit; b += count) {
        for (count = kMost; count > end - b || (count > kUnit && count * state.lanes > kMostHeads);) count /= 2;
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
  const int64_t units = (batch.streams + kUnit - 1) / kUnit, threads = std::max<int64_t>(1, pool.num_threads());
  const int64_t least = std::clamp<int64_t>((units + threads - 1) / threads, 1, kMost / kUnit);
  ParallelFor(pool, units, std::max(least, grain / kUnit),
              [&](int64_t begin, int64_t end) { run(begin * kUnit, std::min(end * kUnit, batch.streams)); });
}

// Calls body.template operator()<kLanes>() with the widths that have a loop of their own.
template <typename Body>
void WithLanes(int64_t lanes, const Body& body) {
  if (lanes == 1) {
    body(std::integral_constant<int, 1>{});
  } else if (lanes == 32) {
    body(std::integral_constant<int, 32>{});
  } else {
    body(std::integral_constant<int, 0>{});
  }
}

// As WithLanes, with more widths: for models whose search is short enough that it shows.
template <typename Body>
void WithMoreLanes(int64_t lanes, const Body& body) {
  if (lanes == 4) {
    body(std::integral_constant<int, 4>{});
  } else if (lanes == 8) {
    body(std::integral_constant<int, 8>{});
  } else {
    WithLanes(lanes, body);
  }
}

// As WithLanes, where a search or a fill outweighs what many lanes gain from a loop of their own.
template <typename Body>
void WithOneOrMany(int64_t lanes, const Body& body) {
  if (lanes == 1) {
    body(std::integral_constant<int, 1>{});
  } else {
    body(std::integral_constant<int, 0>{});
  }
}

// Runs body(stream, b) for the coders of a call, or `together`; see ForStreams.
template <typename V, typename Body, typename All = NotTogether>
ffi::Error ForCoders(ffi::ThreadPool& pool, const Batch& batch, CoderBuffers coders, int32_t precision, int64_t grain,
                     const Body& body, const All& together = {}) {
  JANS_RETURN_IF_ERROR(coders.Keep(OnCpu{pool}));
  State<V> state;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, MaxPrecision<V>()));
  JANS_RETURN_IF_ERROR(state.Init(batch, coders.head_out, coders.tail, coders.size_out, coders.status_out));
  ForStreams(pool, batch, state, grain, body, together);
  return ffi::Error::Success();
}

// Where the arrays of streams b, ..., b + count - 1 begin.
template <typename T>
std::array<T*, kMostTogether> PointersOf(const Operand<T>& operand, int64_t b, int count) {
  std::array<T*, kMostTogether> pointers{};
  for (int s = 0; s < count; ++s) pointers[s] = operand.At(b + s);
  return pointers;
}

// A together that gets one more argument.
template <typename All, typename More>
auto With(const All& together, const More& more) {
  if constexpr (All::kMost == 1) {
    return together;
  } else {
    return Together{[&](auto* streams, int64_t b, int count) { return together(streams, b, count, more); }};
  }
}

// The shape of a push, whatever is pushed: body(stream, b, in) puts the symbols in.At(b) on stream b, or
// together(streams, b, count, in) those of several.
template <typename Body, typename All = NotTogether>
ffi::Error Push(ffi::ThreadPool& pool, const Batch& batch, AnyBuffer& head, AnyBuffer& tail, AnyBuffer& size,
                AnyBuffer& status, AnyBuffer& symbols, Out& head_out, Out& tail_out, Out& size_out, Out& status_out,
                int32_t variant, int32_t precision, int64_t cost, const Body& body, const All& together = {}) {
  KeepBuffer(tail, tail_out);
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    return WithSymbols(symbols.element_type(), [&](auto symbol) {
      using Symbol = decltype(symbol);
      Operand<const Symbol> in;
      JANS_RETURN_IF_ERROR(in.Init("symbols", symbols, DTypeOf<Symbol>(), batch, 1));
      return ForCoders<V>(
          pool, batch, {head, *tail_out, size, status, head_out, size_out, status_out}, precision,
          StreamGrain(in.core[0], cost),
          [&](Stream<V>& stream, int64_t b) {
            FetchNext(in, b);
            body(stream, b, in);
          },
          With(together, in));
    });
  });
}

template <typename Symbol>
struct StoreTo {
  Symbol* symbols;

  void operator()(int64_t i, int32_t symbol) const { symbols[i] = static_cast<Symbol>(symbol); }
};

// The shape of a pop, whatever is popped: body(stream, b, n, store) takes n symbols off stream b, or
// together(streams, b, count, out) those of several, to out.At(b).
template <typename Body, typename All = NotTogether>
ffi::Error Pop(ffi::ThreadPool& pool, const Batch& batch, AnyBuffer& head, AnyBuffer& tail, AnyBuffer& size,
               AnyBuffer& status, Out& head_out, Out& size_out, Out& status_out, Out& symbols_out, int32_t variant,
               int32_t precision, int64_t cost, const Body& body, const All& together = {}) {
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    return WithSymbols(symbols_out->element_type(), [&](auto symbol) {
      using Symbol = decltype(symbol);
      Operand<Symbol> out;
      JANS_RETURN_IF_ERROR(out.Init("symbols", *symbols_out, DTypeOf<Symbol>(), batch, 1));
      const int64_t n = out.core[0];
      return ForCoders<V>(
          pool, batch, {head, tail, size, status, head_out, size_out, status_out}, precision, StreamGrain(n, cost),
          [&](Stream<V>& stream, int64_t b) { body(stream, b, n, StoreTo<Symbol>{out.At(b)}); }, With(together, out));
    });
  });
}

#define JANS_BIND ffi::Ffi::Bind().Ctx<ffi::ThreadPool>()
#define JANS_TRAITS

}  // namespace jans

#endif  // JANS_FFI_CPU_CALL_H_
