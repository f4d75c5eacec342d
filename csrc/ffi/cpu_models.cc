// CPU handlers of the models in closed form.
#include "cpu_call.h"

namespace jans {
namespace {

ffi::Error CheckCount(const char* name, int64_t count, int64_t n) {
  if (count != 1 && count != n) return Invalid(std::string(name) + " fits neither one nor all symbols");
  return ffi::Error::Success();
}

ffi::Error RansPopUniform(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                          AnyBuffer sizes, Out head_out, Out size_out, Out status_out, Out symbols_out, int32_t variant,
                          int32_t precision) {
  Batch batch;
  Operand<const int32_t> n;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(n.Init("sizes", sizes, ffi::DataType::S32, batch, 1));
  JANS_RETURN_IF_ERROR(CheckCount("sizes", n.core[0], symbols_out->dimensions().back()));
  return Pop<Uniform>(pool, batch, head, tail, size, status, head_out, size_out, status_out, symbols_out, variant,
                      precision, 1, [&](int64_t b) { return Uniform{n.At(b), n.core[0] == 1 ? 0 : 1, precision}; });
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
  int64_t n = 0, low = 0;
  float first_edge = 0;
  int precision = 0;

  ffi::Error Init(const Batch& batch, const AnyBuffer& logits_in, const AnyBuffer& mean_in, const AnyBuffer& scale_in,
                  int64_t count, int32_t bits, int32_t least, int32_t most) {
    JANS_RETURN_IF_ERROR(logits.Init("logits", logits_in, ffi::DataType::F32, batch, 2));
    JANS_RETURN_IF_ERROR(mean.Init("mean", mean_in, ffi::DataType::F32, batch, 2));
    JANS_RETURN_IF_ERROR(scale.Init("scale", scale_in, ffi::DataType::F32, batch, 2));
    JANS_RETURN_IF_ERROR(CheckCount("logits", logits.core[0], count));
    if (mean.core != logits.core || scale.core != logits.core) return Invalid("mixture parameters differ in shape");
    if (logits.core[1] < 1 || logits.core[1] > LogisticMixtureCdf::kMaxComponents) {
      return Invalid("a mixture has 1 to 16 components");
    }
    constexpr int32_t kMaxEdge = 1 << 22;  // edges are exact in float32
    if (least < -kMaxEdge || most > kMaxEdge || most < least) return Invalid("support is out of range");
    n = int64_t{most} - least + 1;
    low = least;
    first_edge = static_cast<float>(least) - 0.5f;
    precision = bits;
    return CheckLeaky(n, bits);
  }
  Model At(int64_t b) const {
    return {{logits.At(b), mean.At(b), scale.At(b), logits.core[0] == 1 ? 0 : 1, static_cast<int>(logits.core[1]),
             first_edge},
            n,
            precision,
            low};
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
  JANS_RETURN_IF_ERROR(args.Init(batch, logits, mean, scale, symbols_out->dimensions().back(), precision, low, high));
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

// Symbols at quantiles; the least integer, which no model has, where there is no distribution.
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
        s[i] = found.interval.freq == 0 ? std::numeric_limits<int32_t>::min() : found.symbol;
      }
    }
  });
  return ffi::Error::Success();
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

}  // namespace

JANS_HANDLER(rans_pop_uniform, RansPopUniform, BIND STATE ARG(sizes) ADVANCED RET(symbols) CODER)
JANS_HANDLER(rans_pop_gaussian, RansPopGaussian, BIND STATE ARG(mean) ARG(scale) ARG(edges) ADVANCED RET(symbols) CODER)
JANS_HANDLER(rans_pop_logistic_mixture, RansPopLogisticMixture,
             BIND STATE ARG(logits) ARG(mean) ARG(scale) ADVANCED RET(symbols) CODER ATTR(low) ATTR(high))
JANS_HANDLER(interval_gaussian, IntervalGaussian,
             BIND ARG(symbols) ARG(mean) ARG(scale) ARG(edges) RET(start) RET(freq) ATTR(precision))
JANS_HANDLER(interval_logistic_mixture, IntervalLogisticMixture,
             BIND ARG(symbols) ARG(logits) ARG(mean) ARG(scale) RET(start) RET(freq) ATTR(precision) ATTR(low)
                 ATTR(high))
JANS_HANDLER(locate_gaussian, LocateGaussian,
             BIND ARG(quantiles) ARG(mean) ARG(scale) ARG(edges) RET(symbols) ATTR(precision))
JANS_HANDLER(locate_logistic_mixture, LocateLogisticMixture,
             BIND ARG(quantiles) ARG(logits) ARG(mean) ARG(scale) RET(symbols) ATTR(precision) ATTR(low) ATTR(high))

}  // namespace jans
