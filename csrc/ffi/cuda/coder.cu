// CUDA handlers of intervals, rows and quantisers, and the table of all.
#include "../../core/quantize/nearest.h"
#include "../library.h"
#include "../operands/compact_operands.h"
#include "call.h"

namespace jans {
namespace {

// ---- coders ----

ffi::Error InitIntervals(const Batch& batch, const AnyBuffer& start, const AnyBuffer& freq,
                         cuda::IntervalArrays* arrays, int64_t* n) {
  IntervalOperands args;
  JANS_RETURN_IF_ERROR(args.Init(batch, start, freq));
  *arrays = {args.start, args.freq};
  *n = args.n();
  return ffi::Error::Success();
}

ffi::Error InitRows(const Batch& batch, const AnyBuffer& symbols, const AnyBuffer& cdf, const AnyBuffer& index,
                    cuda::RowArrays* arrays, int64_t* n) {
  RowOperands args;
  JANS_RETURN_IF_ERROR(InitSymbols(batch, symbols, &arrays->symbols, n));
  JANS_RETURN_IF_ERROR(args.Init(batch, cdf, index, *n));
  if (args.row_symbols() >= kMost) return Invalid("a cdf row has more than 2^31 - 1 entries");
  arrays->cdf = args.cdf;
  arrays->count = args.count();
  arrays->row_symbols = args.row_symbols();
  arrays->index = args.index;
  arrays->index_stride = args.index_stride();
  return ffi::Error::Success();
}

ffi::Error RansPush(cudaStream_t stream, StateIn state, AnyBuffer start, AnyBuffer freq, Pushed results,
                    int32_t variant, int32_t precision) {
  Batch batch;
  cuda::IntervalArrays arrays;
  int64_t n = 0;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(InitIntervals(batch, start, freq, &arrays, &n));
  return Push(stream, batch, state, results, variant, precision, arrays, n,
              [stream](const auto& call) { return cuda::Push(call, stream); });
}

// A push finds intervals without a guide, which is what operands behind the index are.
ffi::Error RansPushRows(cudaStream_t stream, StateIn state, AnyBuffer symbols, AnyBuffer cdf, AnyBuffer index,
                        Arguments, Pushed results, int32_t variant, int32_t precision) {
  Batch batch;
  cuda::RowArrays arrays;
  int64_t n = 0;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(InitRows(batch, symbols, cdf, index, &arrays, &n));
  return Push(stream, batch, state, results, variant, precision, arrays, n,
              [stream](const auto& call) { return cuda::Push(call, stream); });
}

ffi::Error RansAdvance(cudaStream_t stream, StateIn state, AnyBuffer start, AnyBuffer freq, Advanced results,
                       int32_t variant, int32_t precision) {
  Batch batch;
  cuda::IntervalArrays arrays;
  int64_t n = 0;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(InitIntervals(batch, start, freq, &arrays, &n));
  return Pop(stream, batch, state, results, variant, precision, arrays, n,
             [stream](const auto& call) { return cuda::Pop(call, stream); });
}

ffi::Error RansPopRows(cudaStream_t stream, StateIn state, AnyBuffer cdf, AnyBuffer index, Advanced results,
                       Out symbols, int32_t variant, int32_t precision) {
  Batch batch;
  cuda::RowArrays arrays;
  int64_t n = 0;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(InitRows(batch, symbols, cdf, index, &arrays, &n));
  return Pop(stream, batch, state, results, variant, precision, arrays, n,
             [stream](const auto& call) { return cuda::Pop(call, stream); });
}

// ---- quantisers ----

// Calls quantize(call) with the rows of a call.
template <typename Value, typename Quantize>
ffi::Error QuantizeAll(const AnyBuffer& values, const AnyBuffer& mask, const Out& cdf, int32_t precision,
                       const Quantize& quantize) {
  QuantizerOperands<Value> rows;
  JANS_RETURN_IF_ERROR(rows.Init(values, mask, cdf, precision));
  if (rows.batch.streams > kMost) return Invalid("more than 2^31 - 1 rows");
  if (rows.batch.streams == 0) return ffi::Error::Success();
  if (!rows.masked()) rows.mask.data = nullptr;
  return Launched(
      quantize(cuda::QuantizerCall<Value>{rows.values.data, rows.mask, rows.cdf.data, rows.n(), precision}));
}

ffi::Error QuantizeProbsRows(cudaStream_t stream, AnyBuffer probs, AnyBuffer mask, Out cdf, int32_t precision) {
  return WithFloats(probs, [&](auto zero) {
    return QuantizeAll<decltype(zero)>(probs, mask, cdf, precision,
                                       [stream](const auto& call) { return cuda::QuantizeProbs(call, stream); });
  });
}

ffi::Error QuantizeLogitsRows(cudaStream_t stream, AnyBuffer logits, AnyBuffer mask, Out cdf, int32_t precision) {
  return QuantizeAll<float>(logits, mask, cdf, precision,
                            [stream](const auto& call) { return cuda::QuantizeLogits(call, stream); });
}

template <typename Value>
struct Nearest {
  NearestOperands<Value> rows;
  bool away;

  JANS_HD void operator()(int64_t b) const {
    QuantizeNearest(rows.values.At(b), *rows.size.At(b), rows.n(), rows.precision, away, rows.cdf.At(b));
  }
};

ffi::Error QuantizeNearestRows(cudaStream_t stream, AnyBuffer probs, AnyBuffer size, Out cdf, int32_t precision,
                               int32_t away) {
  return WithFloats(probs, [&](auto zero) {
    Nearest<decltype(zero)> job{{}, away != 0};
    JANS_RETURN_IF_ERROR(job.rows.Init(probs, size, cdf, precision));
    return OnDevice{stream}.ForEach(job.rows.batch.streams, 1, job);
  });
}

// ---- words ----

template <typename Word>
struct CompactWords {
  CompactOperands<Word> operands;

  JANS_HD void operator()(int64_t k) const {
    const int64_t b = k / operands.count(), place = k % operands.count();
    operands.words.At(b)[place] = operands.At(b)[place];
  }
};

ffi::Error Compact(cudaStream_t stream, AnyBuffer rows, AnyBuffer ends, Out words) {
  return WithWords(rows.element_type(), [&](auto word) {
    CompactWords<decltype(word)> job;
    JANS_RETURN_IF_ERROR(job.operands.Init(rows, ends, words));
    return OnDevice{stream}.Map(job.operands.batch.streams * job.operands.count(), job);
  });
}

}  // namespace

JANS_HANDLER(rans_push, RansPush, "variant", "precision")
JANS_HANDLER(rans_advance, RansAdvance, "variant", "precision")
JANS_HANDLER(rans_push_rows, RansPushRows, "variant", "precision")
JANS_HANDLER(rans_push_table, RansPushRows, "variant", "precision")
JANS_HANDLER(rans_pop_rows, RansPopRows, "variant", "precision")
JANS_HANDLER(quantize_probs, QuantizeProbsRows, "precision")
JANS_HANDLER(quantize_logits, QuantizeLogitsRows, "precision")
JANS_HANDLER(quantize_nearest, QuantizeNearestRows, "precision", "away")
JANS_HANDLER(compact, Compact)

}  // namespace jans

JANS_LIBRARY(JANS_ROWS)
