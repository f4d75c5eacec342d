// CPU handlers of the coder and the quantisers, and the table of all.
#include "../core/intervals.h"
#include "../core/quantize.h"
#include "cpu_call.h"
#include "library.h"

namespace jans {
namespace {

// ---- intervals ----

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
      auto find = [source](int64_t i) { return source.Check(source.Raw(i)); };
      WithLanes(stream.lanes, [&](auto lanes) { PushAll<V, decltype(lanes)::value>(stream, find, n, precision); });
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
      auto locate = [source](int64_t i, uint32_t quantile) { return source.Locate(i, quantile); };
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

// Where the tail lies before and after a call that updates it: four halves, low first. Tests hold them against each
// other.
ffi::Error Addresses(AnyBuffer tail, Out tail_out, ffi::ResultBufferR1<ffi::U32> addresses) {
  auto in = reinterpret_cast<uintptr_t>(tail.untyped_data()),
       out = reinterpret_cast<uintptr_t>(tail_out->untyped_data());
  KeepBuffer(tail, tail_out);
  if (addresses->element_count() != 4) return Invalid("addresses has four entries");
  uint32_t* halves = addresses->typed_data();
  halves[0] = static_cast<uint32_t>(in);
  halves[1] = static_cast<uint32_t>(static_cast<uint64_t>(in) >> 32);
  halves[2] = static_cast<uint32_t>(out);
  halves[3] = static_cast<uint32_t>(static_cast<uint64_t>(out) >> 32);
  return ffi::Error::Success();
}

}  // namespace

JANS_HANDLER(rans_push, RansPush, BIND STATE ARG(start) ARG(freq) PUSHED CODER)
JANS_HANDLER(rans_advance, RansAdvance, BIND STATE ARG(start) ARG(freq) ADVANCED CODER)
JANS_HANDLER(rans_push_rows, RansPushRows, BIND STATE ARG(symbols) ARG(cdf) ARG(index) PUSHED CODER)
JANS_HANDLER(rans_pop_rows, RansPopRows, BIND STATE ARG(cdf) ARG(index) ADVANCED RET(symbols) CODER)
JANS_HANDLER(quantize_probs, QuantizeProbsRows, BIND ARG(probs) RET(cdf) ATTR(precision))
JANS_HANDLER(quantize_logits, QuantizeLogitsRows, BIND ARG(logits) RET(cdf) ATTR(precision))
JANS_HANDLER(addresses, Addresses, ffi::Ffi::Bind().Arg<AnyBuffer>().Ret<AnyBuffer>().Ret<ffi::BufferR1<ffi::U32>>())

}  // namespace jans

JANS_LIBRARY(JANS_CODER_TARGETS(JANS_ROW) JANS_MODEL_TARGETS(JANS_ROW))
