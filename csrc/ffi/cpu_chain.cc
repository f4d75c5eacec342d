// CPU handlers of the chain coder: quantiles from and to one stack, remainders to and from another.
#include "../core/chain.h"
#include "../core/intervals.h"
#include "cpu_call.h"

namespace jans {
namespace {

// The numbers of the variants are those of jans/chain.py.
template <typename Body>
ffi::Error WithChain(int32_t variant, int32_t precision, int32_t most, const Body& body) {
  auto run = [&](auto v) {
    JANS_RETURN_IF_ERROR(CheckPrecision(most, decltype(v)::kWordBits));
    JANS_RETURN_IF_ERROR(CheckPrecision(precision, most));
    return body(v);
  };
  if (variant == 0) return run(Chain64{});
  if (variant == 1) return run(Chain32_16{});
  return Invalid("unknown variant");
}

// Opens the stack of words of stream b, runs body(tail) and closes it.
template <typename Word, typename Body>
void WithTail(const Operand<Word>& words, const Operand<int32_t>& size, const Operand<int32_t>& status, int64_t b,
              const Body& body) {
  Tail<Word> tail{words.At(b), words.core[0], *size.At(b), *status.At(b)};
  if (tail.size < 0) {
    tail.size = 0;
    tail.status |= kBadState;
  }
  body(tail);
  if (tail.size > tail.capacity) tail.status |= kOverflow;
  *size.At(b) = SaturatedSize(tail.size);
  *status.At(b) = tail.status;
}

// Runs body(rest, tail, b) for the bits and words that quantiles come from.
template <typename V, typename Body>
ffi::Error ForBits(ffi::ThreadPool& pool, const Batch& batch, CoderBuffers coders, int64_t n, const Body& body) {
  coders.Keep();
  Operand<uint32_t> rest;
  Operand<typename V::Word> words;
  Operand<int32_t> size, status;
  JANS_RETURN_IF_ERROR(rest.Init("rest", *coders.head_out, ffi::DataType::U32, batch, 0));
  JANS_RETURN_IF_ERROR(words.Init("words", coders.tail, DTypeOf<typename V::Word>(), batch, 1));
  JANS_RETURN_IF_ERROR(size.Init("size", *coders.size_out, ffi::DataType::S32, batch, 0));
  JANS_RETURN_IF_ERROR(status.Init("status", *coders.status_out, ffi::DataType::S32, batch, 0));
  ParallelFor(pool, batch.streams, StreamGrain(n), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      WithTail(words, size, status, b, [&](auto& tail) {
        uint64_t bits = *rest.At(b);
        if (bits == 0 || bits >> V::kWordBits != 0) tail.status |= kBadState;
        body(bits, tail, b);
        *rest.At(b) = static_cast<uint32_t>(bits);
      });
    }
  });
  return ffi::Error::Success();
}

// Runs body(heads, lanes, tail, b) for the heads and words that keep remainders.
template <typename V, typename Body>
ffi::Error ForRemainders(ffi::ThreadPool& pool, const Batch& batch, CoderBuffers coders, int32_t most, int64_t n,
                         const Body& body) {
  coders.Keep();
  State<V> state;
  JANS_RETURN_IF_ERROR(state.Init(batch, coders.head_out, coders.tail, coders.size_out, coders.status_out));
  ParallelFor(pool, batch.streams, StreamGrain(n), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      WithTail(state.tail, state.size, state.status, b, [&](auto& tail) {
        uint32_t* heads = state.head.At(b);
        for (int64_t lane = 0; lane < state.lanes; ++lane) {
          const auto x = LoadHead<V>(heads, lane);
          if (x >> V::LowerBits(most) == 0 || V::Full(x, most)) tail.status |= kBadState;
        }
        body(heads, state.lanes, tail, b);
      });
    }
  });
  return ffi::Error::Success();
}

ffi::Error ChainTake(ffi::ThreadPool pool, AnyBuffer rest, AnyBuffer words, AnyBuffer size, AnyBuffer status,
                     Out rest_out, Out size_out, Out status_out, Out quantiles_out, int32_t variant, int32_t precision,
                     int32_t most) {
  Batch batch;
  Operand<uint32_t> quantiles;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(quantiles.Init("quantiles", *quantiles_out, ffi::DataType::U32, batch, 1));
  const int64_t n = quantiles.core[0];
  return WithChain(variant, precision, most, [&](auto v) {
    using V = decltype(v);
    return ForBits<V>(pool, batch, {rest, words, size, status, rest_out, size_out, status_out}, n,
                      [&](uint64_t& bits, auto& tail, int64_t b) {
                        uint32_t* out = quantiles.At(b);
                        for (int64_t i = 0; i < n; ++i) out[i] = Take<V>(bits, tail, precision);
                      });
  });
}

ffi::Error ChainGive(ffi::ThreadPool pool, AnyBuffer rest, AnyBuffer words, AnyBuffer size, AnyBuffer status,
                     AnyBuffer quantiles_in, AnyBuffer freq_in, Out rest_out, Out words_out, Out size_out,
                     Out status_out, int32_t variant, int32_t precision, int32_t most) {
  Batch batch;
  IntervalOperands args;  // of quantiles and freqs
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(args.Init(batch, quantiles_in, freq_in));
  KeepBuffer(words, words_out);
  return WithChain(variant, precision, most, [&](auto v) {
    using V = decltype(v);
    return ForBits<V>(pool, batch, {rest, *words_out, size, status, rest_out, size_out, status_out}, args.n(),
                      [&](uint64_t& bits, auto& tail, int64_t b) {
                        const uint32_t *quantile = args.start.At(b), *freq = args.freq.At(b);
                        for (int64_t i = args.n() - 1; i >= 0; --i) {
                          if (freq[i] != 0) Give<V>(bits, tail, quantile[i], precision);
                        }
                      });
  });
}

ffi::Error ChainKeep(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer words, AnyBuffer size, AnyBuffer status,
                     AnyBuffer start_in, AnyBuffer freq_in, AnyBuffer quantiles_in, Out head_out, Out words_out,
                     Out size_out, Out status_out, int32_t variant, int32_t precision, int32_t most) {
  Batch batch;
  IntervalOperands args;
  Operand<const uint32_t> quantiles;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(args.Init(batch, start_in, freq_in));
  JANS_RETURN_IF_ERROR(quantiles.Init("quantiles", quantiles_in, ffi::DataType::U32, batch, 1));
  if (quantiles.core[0] != args.n()) return Invalid("intervals and quantiles differ in length");
  KeepBuffer(words, words_out);
  return WithChain(variant, precision, most, [&](auto v) {
    using V = decltype(v);
    return ForRemainders<V>(pool, batch, {head, *words_out, size, status, head_out, size_out, status_out}, most,
                            args.n(), [&](uint32_t* heads, int64_t lanes, auto& tail, int64_t b) {
                              const Intervals source{args.start.At(b), args.freq.At(b), precision};
                              const uint32_t* quantile = quantiles.At(b);
                              for (int64_t i = 0; i < args.n(); ++i) {
                                const Interval interval = source.Locate(i, quantile[i]).interval;
                                if (interval.freq == 0) {
                                  tail.status |= static_cast<int32_t>(interval.start);
                                  continue;
                                }
                                auto x = LoadHead<V>(heads, i % lanes);
                                Keep<V>(x, tail, interval, quantile[i], most);
                                StoreHead<V>(heads, i % lanes, x);
                              }
                            });
  });
}

ffi::Error ChainRecall(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer words, AnyBuffer size, AnyBuffer status,
                       AnyBuffer start_in, AnyBuffer freq_in, Out head_out, Out size_out, Out status_out,
                       Out quantiles_out, int32_t variant, int32_t precision, int32_t most) {
  Batch batch;
  IntervalOperands args;
  Operand<uint32_t> quantiles;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(args.Init(batch, start_in, freq_in));
  JANS_RETURN_IF_ERROR(quantiles.Init("quantiles", *quantiles_out, ffi::DataType::U32, batch, 1));
  if (quantiles.core[0] != args.n()) return Invalid("intervals and quantiles differ in length");
  return WithChain(variant, precision, most, [&](auto v) {
    using V = decltype(v);
    return ForRemainders<V>(pool, batch, {head, words, size, status, head_out, size_out, status_out}, most, args.n(),
                            [&](uint32_t* heads, int64_t lanes, auto& tail, int64_t b) {
                              const Intervals source{args.start.At(b), args.freq.At(b), precision};
                              uint32_t* out = quantiles.At(b);
                              for (int64_t i = args.n() - 1; i >= 0; --i) {
                                const Interval interval = source.Check(source.Raw(i));
                                out[i] = 0;
                                if (interval.freq == 0) {
                                  tail.status |= static_cast<int32_t>(interval.start);
                                  continue;
                                }
                                auto x = LoadHead<V>(heads, i % lanes);
                                out[i] = Recall<V>(x, tail, interval, most);
                                StoreHead<V>(heads, i % lanes, x);
                              }
                            });
  });
}

}  // namespace

JANS_HANDLER(chain_take, ChainTake, BIND STATE ADVANCED RET(quantiles) CODER ATTR(most))
JANS_HANDLER(chain_give, ChainGive, BIND STATE ARG(quantiles) ARG(freq) PUSHED CODER ATTR(most))
JANS_HANDLER(chain_keep, ChainKeep, BIND STATE ARG(start) ARG(freq) ARG(quantiles) PUSHED CODER ATTR(most))
JANS_HANDLER(chain_recall, ChainRecall, BIND STATE ARG(start) ARG(freq) ADVANCED RET(quantiles) CODER ATTR(most))

}  // namespace jans
