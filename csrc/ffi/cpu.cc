// CPU handlers: arguments in, loops over streams on XLA's own threads.
#include "../cpu/parallel.h"
#include "../cpu/stream.h"
#include "../core/quantize.h"
#include "operands.h"
#include "state.h"
#include "targets.h"

namespace jans {
namespace {

using AnyBuffer = ffi::AnyBuffer;
using Out = ffi::Result<ffi::AnyBuffer>;

// Symbols for which a thread is worth waking.
constexpr int64_t kGrain = 1 << 14;

int64_t StreamGrain(int64_t symbols, int64_t cost = 1) {
  return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, symbols * cost));
}

void KeepBuffer(const AnyBuffer& in, Out& out) {
  if (in.untyped_data() != out->untyped_data()) std::memcpy(out->untyped_data(), in.untyped_data(), in.size_bytes());
}

// Runs body(stream, b) for every stream b of the batch.
template <typename V, typename Body>
void ForStreams(ffi::ThreadPool& pool, const Batch& batch, const State<V>& state, int64_t grain, const Body& body) {
  ParallelFor(pool, batch.streams, grain, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      Stream<V> stream{
          state.head.At(b), state.lanes, {state.tail.At(b), state.tail.core[0], *state.size.At(b), *state.status.At(b)}};
      CheckState(stream);
      body(stream, b);
      if (stream.tail.size > stream.tail.capacity) stream.tail.status |= kOverflow;
      *state.size.At(b) = SaturatedSize(stream.tail.size);
      *state.status.At(b) = stream.tail.status;
    }
  });
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

// ---- intervals ----

struct Intervals {
  const uint32_t* start;
  const uint32_t* freq;
  int precision;

  // Intervals that users made may be anything.
  Interval operator()(int64_t i) const {
    if (freq[i] == 0) return NoInterval(start[i] == kBadSymbol ? kBadSymbol : kBadModel);
    if (start[i] + uint64_t{freq[i]} > Total(precision)) return NoInterval(kBadModel);
    return {start[i], freq[i]};
  }
};

template <typename V>
struct IntervalArgs {
  State<V> state;
  Operand<const uint32_t> start, freq;

  ffi::Error Init(const Batch& batch, const AnyBuffer& start_in, const AnyBuffer& freq_in) {
    JANS_RETURN_IF_ERROR(start.Init("start", start_in, ffi::DataType::U32, batch, 1));
    JANS_RETURN_IF_ERROR(freq.Init("freq", freq_in, ffi::DataType::U32, batch, 1));
    if (start.core[0] != freq.core[0]) return Invalid("start and freq differ in length");
    return ffi::Error::Success();
  }
};

ffi::Error RansPush(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                    AnyBuffer start, AnyBuffer freq, Out head_out, Out tail_out, Out size_out, Out status_out,
                    int32_t variant, int32_t precision) {
  Batch batch;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  KeepBuffer(head, head_out);
  KeepBuffer(tail, tail_out);
  KeepBuffer(size, size_out);
  KeepBuffer(status, status_out);
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    IntervalArgs<V> args;
    JANS_RETURN_IF_ERROR(CheckPrecision(precision, MaxPrecision<V>()));
    JANS_RETURN_IF_ERROR(args.state.Init(batch, head_out, *tail_out, size_out, status_out));
    JANS_RETURN_IF_ERROR(args.Init(batch, start, freq));
    const int64_t n = args.start.core[0];
    ForStreams(pool, batch, args.state, StreamGrain(n), [&](Stream<V>& stream, int64_t b) {
      Intervals source{args.start.At(b), args.freq.At(b), precision};
      WithLanes(stream.lanes, [&](auto lanes) { PushAll<V, decltype(lanes)::value>(stream, source, n, precision); });
    });
    return ffi::Error::Success();
  });
}

ffi::Error RansAdvance(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                       AnyBuffer start, AnyBuffer freq, Out head_out, Out size_out, Out status_out, int32_t variant,
                       int32_t precision) {
  Batch batch;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  KeepBuffer(head, head_out);
  KeepBuffer(size, size_out);
  KeepBuffer(status, status_out);
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    IntervalArgs<V> args;
    JANS_RETURN_IF_ERROR(CheckPrecision(precision, MaxPrecision<V>()));
    JANS_RETURN_IF_ERROR(args.state.Init(batch, head_out, tail, size_out, status_out));
    JANS_RETURN_IF_ERROR(args.Init(batch, start, freq));
    const int64_t n = args.start.core[0];
    ForStreams(pool, batch, args.state, StreamGrain(n), [&](Stream<V>& stream, int64_t b) {
      Intervals source{args.start.At(b), args.freq.At(b), precision};
      auto locate = [&](int64_t i, uint32_t quantile) {
        Interval interval = source(i);
        if (interval.freq != 0 && quantile - interval.start >= interval.freq) interval = NoInterval(kBadModel);
        return Located{0, interval};
      };
      PopAll<V, 0>(stream, locate, [](int64_t, int32_t) {}, n, precision);
    });
    return ffi::Error::Success();
  });
}

// ---- rows of cumulative frequencies ----

struct RowsArgs {
  Operand<const uint32_t> cdf;
  Operand<const int32_t> index;
  int precision = 0;

  ffi::Error Init(const Batch& batch, const AnyBuffer& cdf_in, const AnyBuffer& index_in, int32_t bits, int64_t n) {
    JANS_RETURN_IF_ERROR(cdf.Init("cdf", cdf_in, ffi::DataType::U32, batch, 2));
    JANS_RETURN_IF_ERROR(index.Init("index", index_in, ffi::DataType::S32, batch, 1));
    if (cdf.core[1] < 2) return Invalid("a cdf row needs two entries or more");
    if (index.core[0] != 1 && index.core[0] != n) return Invalid("index fits neither one nor all symbols");
    precision = bits;
    return ffi::Error::Success();
  }
  Rows At(int64_t b) const {
    return {cdf.At(b), cdf.core[0], cdf.core[1] - 1, index.At(b), index.core[0] == 1 ? 0 : 1, precision};
  }
};

ffi::Error RansPushRows(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                        AnyBuffer symbols, AnyBuffer cdf, AnyBuffer index, Out head_out, Out tail_out, Out size_out,
                        Out status_out, int32_t variant, int32_t precision) {
  Batch batch;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  KeepBuffer(head, head_out);
  KeepBuffer(tail, tail_out);
  KeepBuffer(size, size_out);
  KeepBuffer(status, status_out);
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    return WithSymbols(symbols.element_type(), [&](auto symbol) {
      using Symbol = decltype(symbol);
      State<V> state;
      Operand<const Symbol> in;
      RowsArgs args;
      JANS_RETURN_IF_ERROR(CheckPrecision(precision, MaxPrecision<V>()));
      JANS_RETURN_IF_ERROR(state.Init(batch, head_out, *tail_out, size_out, status_out));
      JANS_RETURN_IF_ERROR(in.Init("symbols", symbols, DTypeOf<Symbol>(), batch, 1));
      const int64_t n = in.core[0];
      JANS_RETURN_IF_ERROR(args.Init(batch, cdf, index, precision, n));
      ForStreams(pool, batch, state, StreamGrain(n), [&](Stream<V>& stream, int64_t b) {
        const Symbol* s = in.At(b);
        const Rows rows = args.At(b);
        WithLanes(stream.lanes, [&](auto lanes) {
          constexpr int kLanes = decltype(lanes)::value;
          EntryTable table;
          // The reciprocals cost about one division each.
          if (rows.Shared() && n >= rows.n && rows.Valid(0) && table.Build<V>(rows.At(0))) {
            PushEntries<V, kLanes>(stream, [&table, s](int64_t i) { return table.Find(s[i]); }, n, precision);
          } else {
            PushAll<V, kLanes>(stream, [&](int64_t i) { return rows.Find(i, s[i]); }, n, precision);
          }
        });
      });
      return ffi::Error::Success();
    });
  });
}

// The shape of a pop, whatever the model: `make(b)` gives the model of stream b.
template <typename Model, typename Make>
ffi::Error Pop(ffi::ThreadPool& pool, const Batch& batch, AnyBuffer& head, AnyBuffer& tail, AnyBuffer& size,
               AnyBuffer& status, Out& head_out, Out& size_out, Out& status_out, Out& symbols_out, int32_t variant,
               int32_t precision, int64_t cost, const Make& make) {
  KeepBuffer(head, head_out);
  KeepBuffer(size, size_out);
  KeepBuffer(status, status_out);
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    return WithSymbols(symbols_out->element_type(), [&](auto symbol) {
      using Symbol = decltype(symbol);
      State<V> state;
      Operand<Symbol> out;
      JANS_RETURN_IF_ERROR(CheckPrecision(precision, MaxPrecision<V>()));
      JANS_RETURN_IF_ERROR(state.Init(batch, head_out, tail, size_out, status_out));
      JANS_RETURN_IF_ERROR(out.Init("symbols", *symbols_out, DTypeOf<Symbol>(), batch, 1));
      const int64_t n = out.core[0];
      ForStreams(pool, batch, state, StreamGrain(n, cost), [&](Stream<V>& stream, int64_t b) {
        Symbol* s = out.At(b);
        const Model model = make(b);
        auto store = [s](int64_t i, int32_t found) { s[i] = static_cast<Symbol>(found); };
        if constexpr (std::is_same_v<Model, Rows>) {
          WithLanes(stream.lanes, [&](auto lanes) {
            constexpr int kLanes = decltype(lanes)::value;
            auto pop = [&](const auto& locate) { PopAll<V, kLanes>(stream, locate, store, n, precision); };
            // A table is worth its making when it serves as many symbols as it has entries, nearly.
            if (model.Shared() && n >= 16 && model.Valid(0)) {
              DenseTable dense;
              if (2 * n >= int64_t{1} << precision && dense.Build(model.At(0))) {
                return pop([&](int64_t, uint32_t quantile) { return dense.Locate(quantile); });
              }
              BucketTable buckets;
              int bits = 4;
              while (bits < BucketTable::kMaxBits && (int64_t{1} << bits) < 2 * n) ++bits;
              if (buckets.Build(model.At(0), bits)) {
                return pop([&](int64_t, uint32_t quantile) { return buckets.Locate(quantile); });
              }
            }
            pop([&](int64_t i, uint32_t quantile) { return model.Locate(i, quantile); });
          });
        } else {
          auto locate = [&](int64_t i, uint32_t quantile) { return model.Locate(i, quantile); };
          PopAll<V, 0>(stream, locate, store, n, precision);
        }
      });
      return ffi::Error::Success();
    });
  });
}

ffi::Error RansPopRows(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                       AnyBuffer cdf, AnyBuffer index, Out head_out, Out size_out, Out status_out, Out symbols_out,
                       int32_t variant, int32_t precision) {
  Batch batch;
  RowsArgs args;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(args.Init(batch, cdf, index, precision, symbols_out->dimensions().back()));
  return Pop<Rows>(pool, batch, head, tail, size, status, head_out, size_out, status_out, symbols_out, variant,
                   precision, 1, [&](int64_t b) { return args.At(b); });
}

// ---- models in closed form ----

ffi::Error CheckCount(const char* name, int64_t count, int64_t n) {
  if (count != 1 && count != n) return Invalid(std::string(name) + " fits neither one nor all symbols");
  return ffi::Error::Success();
}

ffi::Error RansPopUniform(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                          AnyBuffer sizes, Out head_out, Out size_out, Out status_out, Out symbols_out,
                          int32_t variant, int32_t precision) {
  Batch batch;
  Operand<const int32_t> n;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(n.Init("sizes", sizes, ffi::DataType::S32, batch, 1));
  JANS_RETURN_IF_ERROR(CheckCount("sizes", n.core[0], symbols_out->dimensions().back()));
  return Pop<Uniform>(pool, batch, head, tail, size, status, head_out, size_out, status_out, symbols_out, variant,
                      precision, 1, [&](int64_t b) { return Uniform{n.At(b), n.core[0] == 1 ? 0 : 1, precision}; });
}

ffi::Error CheckLeaky(int64_t n, int32_t precision) {
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
  if (n < 1 || static_cast<uint64_t>(n) > Total(precision)) return Invalid("more symbols than the precision has room for");
  return ffi::Error::Success();
}

struct GaussianArgs {
  using Model = Leaky<GaussianCdf>;
  static constexpr int64_t kCost = 16;
  Operand<const float> mean, scale, edges;
  int precision = 0;

  ffi::Error Init(const Batch& batch, const AnyBuffer& mean_in, const AnyBuffer& scale_in, const AnyBuffer& edges_in,
                  int64_t count, int32_t bits) {
    JANS_RETURN_IF_ERROR(mean.Init("mean", mean_in, ffi::DataType::F32, batch, 1));
    JANS_RETURN_IF_ERROR(scale.Init("scale", scale_in, ffi::DataType::F32, batch, 1));
    JANS_RETURN_IF_ERROR(edges.Init("edges", edges_in, ffi::DataType::F32, batch, 1));
    JANS_RETURN_IF_ERROR(CheckCount("mean", mean.core[0], count));
    if (scale.core[0] != mean.core[0]) return Invalid("mean and scale differ in length");
    precision = bits;
    return CheckLeaky(edges.core[0] - 1, bits);
  }
  Model At(int64_t b) const {
    return {{mean.At(b), scale.At(b), mean.core[0] == 1 ? 0 : 1, edges.At(b)}, edges.core[0] - 1, precision};
  }
};

struct LogisticMixtureArgs {
  using Model = Leaky<LogisticMixtureCdf>;
  static constexpr int64_t kCost = 32;
  Operand<const float> logits, mean, scale;
  int64_t n = 0;
  float first_edge = 0;
  int precision = 0;

  ffi::Error Init(const Batch& batch, const AnyBuffer& logits_in, const AnyBuffer& mean_in, const AnyBuffer& scale_in,
                  int64_t count, int32_t bits, int32_t low, int32_t high) {
    JANS_RETURN_IF_ERROR(logits.Init("logits", logits_in, ffi::DataType::F32, batch, 2));
    JANS_RETURN_IF_ERROR(mean.Init("mean", mean_in, ffi::DataType::F32, batch, 2));
    JANS_RETURN_IF_ERROR(scale.Init("scale", scale_in, ffi::DataType::F32, batch, 2));
    JANS_RETURN_IF_ERROR(CheckCount("logits", logits.core[0], count));
    if (mean.core != logits.core || scale.core != logits.core) return Invalid("mixture parameters differ in shape");
    if (logits.core[1] < 1 || logits.core[1] > LogisticMixtureCdf::kMaxComponents) {
      return Invalid("a mixture has 1 to 16 components");
    }
    constexpr int32_t kMaxEdge = 1 << 22;  // edges are exact in float32
    if (low < -kMaxEdge || high > kMaxEdge || high < low) return Invalid("support is out of range");
    n = int64_t{high} - low + 1;
    first_edge = static_cast<float>(low) - 0.5f;
    precision = bits;
    return CheckLeaky(n, bits);
  }
  Model At(int64_t b) const {
    return {{logits.At(b), mean.At(b), scale.At(b), logits.core[0] == 1 ? 0 : 1, static_cast<int>(logits.core[1]),
             first_edge},
            n,
            precision};
  }
};

ffi::Error RansPopGaussian(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                           AnyBuffer mean, AnyBuffer scale, AnyBuffer edges, Out head_out, Out size_out, Out status_out,
                           Out symbols_out, int32_t variant, int32_t precision) {
  Batch batch;
  GaussianArgs args;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(args.Init(batch, mean, scale, edges, symbols_out->dimensions().back(), precision));
  return Pop<GaussianArgs::Model>(pool, batch, head, tail, size, status, head_out, size_out, status_out, symbols_out,
                                  variant, precision, GaussianArgs::kCost, [&](int64_t b) { return args.At(b); });
}

ffi::Error RansPopLogisticMixture(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size,
                                  AnyBuffer status, AnyBuffer logits, AnyBuffer mean, AnyBuffer scale, Out head_out,
                                  Out size_out, Out status_out, Out symbols_out, int32_t variant, int32_t precision,
                                  int32_t low, int32_t high) {
  Batch batch;
  LogisticMixtureArgs args;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(
      args.Init(batch, logits, mean, scale, symbols_out->dimensions().back(), precision, low, high));
  return Pop<LogisticMixtureArgs::Model>(pool, batch, head, tail, size, status, head_out, size_out, status_out,
                                         symbols_out, variant, precision, LogisticMixtureArgs::kCost,
                                         [&](int64_t b) { return args.At(b); });
}

// start, freq of symbols, in parallel over all of them.
template <typename Args>
ffi::Error FindIntervals(ffi::ThreadPool& pool, const Batch& batch, const AnyBuffer& symbols, const Args& args,
                         Out& start_out, Out& freq_out) {
  Operand<const int32_t> in;
  Operand<uint32_t> start, freq;
  JANS_RETURN_IF_ERROR(in.Init("symbols", symbols, ffi::DataType::S32, batch, 1));
  JANS_RETURN_IF_ERROR(start.Init("start", *start_out, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(freq.Init("freq", *freq_out, ffi::DataType::U32, batch, 1));
  const int64_t n = in.core[0];
  ParallelFor(pool, batch.streams, StreamGrain(n, Args::kCost / 4), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const typename Args::Model model = args.At(b);
      const int32_t* s = in.At(b);
      uint32_t *starts = start.At(b), *freqs = freq.At(b);
      for (int64_t i = 0; i < n; ++i) {
        Interval interval = model.Find(i, s[i]);
        starts[i] = interval.start;
        freqs[i] = interval.freq;
      }
    }
  });
  return ffi::Error::Success();
}

// Symbols at quantiles; -1 where the model is no distribution.
template <typename Args>
ffi::Error LocateAll(ffi::ThreadPool& pool, const Batch& batch, const AnyBuffer& quantiles, const Args& args,
                     Out& symbols_out) {
  Operand<const uint32_t> in;
  Operand<int32_t> out;
  JANS_RETURN_IF_ERROR(in.Init("quantiles", quantiles, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(out.Init("symbols", *symbols_out, ffi::DataType::S32, batch, 1));
  const int64_t n = in.core[0];
  ParallelFor(pool, batch.streams, StreamGrain(n, Args::kCost), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const typename Args::Model model = args.At(b);
      const uint32_t* q = in.At(b);
      int32_t* s = out.At(b);
      for (int64_t i = 0; i < n; ++i) {
        Located found = model.Locate(i, q[i]);
        s[i] = found.interval.freq == 0 ? -1 : found.symbol;
      }
    }
  });
  return ffi::Error::Success();
}

ffi::Error CheckVector(const AnyBuffer& buffer) {
  return buffer.dimensions().size() < 1 ? Invalid("an array of one dimension or more is needed") : ffi::Error::Success();
}

ffi::Error InitBatch(Batch& batch, const AnyBuffer& full) {
  JANS_RETURN_IF_ERROR(CheckVector(full));
  auto dims = full.dimensions();
  return batch.Init(dims.first(dims.size() - 1));
}

ffi::Error IntervalGaussian(ffi::ThreadPool pool, AnyBuffer symbols, AnyBuffer mean, AnyBuffer scale, AnyBuffer edges,
                            Out start, Out freq, int32_t precision) {
  Batch batch;
  GaussianArgs args;
  JANS_RETURN_IF_ERROR(InitBatch(batch, symbols));
  JANS_RETURN_IF_ERROR(args.Init(batch, mean, scale, edges, symbols.dimensions().back(), precision));
  return FindIntervals(pool, batch, symbols, args, start, freq);
}

ffi::Error IntervalLogisticMixture(ffi::ThreadPool pool, AnyBuffer symbols, AnyBuffer logits, AnyBuffer mean,
                                   AnyBuffer scale, Out start, Out freq, int32_t precision, int32_t low, int32_t high) {
  Batch batch;
  LogisticMixtureArgs args;
  JANS_RETURN_IF_ERROR(InitBatch(batch, symbols));
  JANS_RETURN_IF_ERROR(args.Init(batch, logits, mean, scale, symbols.dimensions().back(), precision, low, high));
  return FindIntervals(pool, batch, symbols, args, start, freq);
}

ffi::Error LocateGaussian(ffi::ThreadPool pool, AnyBuffer quantiles, AnyBuffer mean, AnyBuffer scale, AnyBuffer edges,
                          Out symbols, int32_t precision) {
  Batch batch;
  GaussianArgs args;
  JANS_RETURN_IF_ERROR(InitBatch(batch, quantiles));
  JANS_RETURN_IF_ERROR(args.Init(batch, mean, scale, edges, quantiles.dimensions().back(), precision));
  return LocateAll(pool, batch, quantiles, args, symbols);
}

ffi::Error LocateLogisticMixture(ffi::ThreadPool pool, AnyBuffer quantiles, AnyBuffer logits, AnyBuffer mean,
                                 AnyBuffer scale, Out symbols, int32_t precision, int32_t low, int32_t high) {
  Batch batch;
  LogisticMixtureArgs args;
  JANS_RETURN_IF_ERROR(InitBatch(batch, quantiles));
  JANS_RETURN_IF_ERROR(args.Init(batch, logits, mean, scale, quantiles.dimensions().back(), precision, low, high));
  return LocateAll(pool, batch, quantiles, args, symbols);
}

// ---- quantisers ----

// Rows of n values in, rows of n + 1 cumulative frequencies out.
template <typename Value, typename Quantize>
ffi::Error QuantizeRows(ffi::ThreadPool& pool, const AnyBuffer& values, Out& cdf, int32_t precision,
                        const Quantize& quantize) {
  auto in_dims = values.dimensions(), out_dims = cdf->dimensions();
  const int64_t n = in_dims.back();
  JANS_RETURN_IF_ERROR(CheckLeaky(n, precision));
  const int64_t rows = values.element_count() / n;
  if (cdf->element_type() != ffi::DataType::U32 || out_dims.back() != n + 1 ||
      static_cast<int64_t>(cdf->element_count()) != rows * (n + 1)) {
    return Invalid("cdf does not fit the values");
  }
  const Value* in = static_cast<const Value*>(values.untyped_data());
  uint32_t* out = static_cast<uint32_t*>(cdf->untyped_data());
  ParallelFor(pool, rows, StreamGrain(n, 4), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) quantize(in + row * n, n, out + row * (n + 1));
  });
  return ffi::Error::Success();
}

ffi::Error QuantizeProbsRows(ffi::ThreadPool pool, AnyBuffer probs, Out cdf, int32_t precision) {
  JANS_RETURN_IF_ERROR(CheckVector(probs));
  auto run = [&](auto zero) {
    using Float = decltype(zero);
    return QuantizeRows<Float>(pool, probs, cdf, precision, [&](const Float* row, int64_t n, uint32_t* out) {
      QuantizeProbs<Float>(row, n, precision, out);
    });
  };
  if (probs.element_type() == ffi::DataType::F32) return run(float{});
  if (probs.element_type() == ffi::DataType::F64) return run(double{});
  return Invalid("probs must be float32 or float64");
}

ffi::Error QuantizeLogitsRows(ffi::ThreadPool pool, AnyBuffer logits, Out cdf, int32_t precision) {
  JANS_RETURN_IF_ERROR(CheckVector(logits));
  if (logits.element_type() != ffi::DataType::F32) return Invalid("logits must be float32");
  return QuantizeRows<float>(pool, logits, cdf, precision, [&](const float* row, int64_t n, uint32_t* out) {
    QuantizeLogits(row, n, precision, out);
  });
}

// Where the tail lies before and after a call that updates it: four halves, low first. Tests hold them against each other.
ffi::Error Addresses(AnyBuffer tail, Out tail_out, ffi::ResultBufferR1<ffi::U32> addresses) {
  auto in = reinterpret_cast<uintptr_t>(tail.untyped_data()), out = reinterpret_cast<uintptr_t>(tail_out->untyped_data());
  KeepBuffer(tail, tail_out);
  if (addresses->element_count() != 4) return Invalid("addresses has four entries");
  uint32_t* halves = addresses->typed_data();
  halves[0] = static_cast<uint32_t>(in);
  halves[1] = static_cast<uint32_t>(static_cast<uint64_t>(in) >> 32);
  halves[2] = static_cast<uint32_t>(out);
  halves[3] = static_cast<uint32_t>(static_cast<uint64_t>(out) >> 32);
  return ffi::Error::Success();
}

#define ARG(name) .Arg<AnyBuffer>()
#define RET(name) .Ret<AnyBuffer>()
#define ATTR(name) .Attr<int32_t>(#name)
#define BIND ffi::Ffi::Bind().Ctx<ffi::ThreadPool>()
#define STATE ARG(head) ARG(tail) ARG(size) ARG(status)
#define PUSHED RET(head) RET(tail) RET(size) RET(status)
#define ADVANCED RET(head) RET(size) RET(status)
#define CODER ATTR(variant) ATTR(precision)

XLA_FFI_DEFINE_HANDLER(rans_push, RansPush, BIND STATE ARG(start) ARG(freq) PUSHED CODER);
XLA_FFI_DEFINE_HANDLER(rans_advance, RansAdvance, BIND STATE ARG(start) ARG(freq) ADVANCED CODER);
XLA_FFI_DEFINE_HANDLER(rans_push_rows, RansPushRows, BIND STATE ARG(symbols) ARG(cdf) ARG(index) PUSHED CODER);
XLA_FFI_DEFINE_HANDLER(rans_pop_rows, RansPopRows, BIND STATE ARG(cdf) ARG(index) ADVANCED RET(symbols) CODER);
XLA_FFI_DEFINE_HANDLER(rans_pop_uniform, RansPopUniform, BIND STATE ARG(sizes) ADVANCED RET(symbols) CODER);
XLA_FFI_DEFINE_HANDLER(rans_pop_gaussian, RansPopGaussian,
                       BIND STATE ARG(mean) ARG(scale) ARG(edges) ADVANCED RET(symbols) CODER);
XLA_FFI_DEFINE_HANDLER(rans_pop_logistic_mixture, RansPopLogisticMixture,
                       BIND STATE ARG(logits) ARG(mean) ARG(scale) ADVANCED RET(symbols) CODER ATTR(low) ATTR(high));
XLA_FFI_DEFINE_HANDLER(interval_gaussian, IntervalGaussian,
                       BIND ARG(symbols) ARG(mean) ARG(scale) ARG(edges) RET(start) RET(freq) ATTR(precision));
XLA_FFI_DEFINE_HANDLER(interval_logistic_mixture, IntervalLogisticMixture,
                       BIND ARG(symbols) ARG(logits) ARG(mean) ARG(scale) RET(start) RET(freq) ATTR(precision) ATTR(low)
                           ATTR(high));
XLA_FFI_DEFINE_HANDLER(locate_gaussian, LocateGaussian,
                       BIND ARG(quantiles) ARG(mean) ARG(scale) ARG(edges) RET(symbols) ATTR(precision));
XLA_FFI_DEFINE_HANDLER(locate_logistic_mixture, LocateLogisticMixture,
                       BIND ARG(quantiles) ARG(logits) ARG(mean) ARG(scale) RET(symbols) ATTR(precision) ATTR(low)
                           ATTR(high));
XLA_FFI_DEFINE_HANDLER(quantize_probs, QuantizeProbsRows, BIND ARG(probs) RET(cdf) ATTR(precision));
XLA_FFI_DEFINE_HANDLER(quantize_logits, QuantizeLogitsRows, BIND ARG(logits) RET(cdf) ATTR(precision));
XLA_FFI_DEFINE_HANDLER(addresses, Addresses,
                       ffi::Ffi::Bind().Arg<AnyBuffer>().Ret<AnyBuffer>().Ret<ffi::BufferR1<ffi::U32>>());

}  // namespace
}  // namespace jans

#include "library.h"

JANS_LIBRARY(JANS_CODER_TARGETS(JANS_ROW) JANS_MODEL_TARGETS(JANS_ROW))
