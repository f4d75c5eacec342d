// CPU handlers of the coder, and the table of all.
#include "../../core/models/intervals.h"
#include "../../cpu/loops/simd_dispatch.h"
#include "../../cpu/simd/wide.h"
#include "../library.h"
#include "../operands/compact_operands.h"
#include "call.h"

namespace jans {
namespace {

// Pushes n intervals that may be anything.
template <typename V>
void PushIntervals(Stream<V>& stream, const Intervals& intervals, int64_t n) {
  const ModelView model = ViewOf(intervals);
  auto push = [&](int64_t begin, int64_t end) { PushModel(stream, model, kNoSymbols, begin, end); };
  if (!PushSideBySide(stream, IntervalSource(intervals), kNoSymbols, n, push)) push(0, n);
}

// Takes n intervals off, which hold the quantiles.
template <typename V>
void Advance(Stream<V>& stream, const Intervals& intervals, int64_t n) {
  auto locate = [&intervals](int64_t i, uint32_t quantile) { return intervals.Locate(i, quantile); };
  PopAll<V, 0>(stream, locate, [](int64_t, int32_t) {}, n, intervals.precision);
}

ffi::Error RansPush(ffi::ThreadPool pool, StateIn state, AnyBuffer start, AnyBuffer freq, Pushed results,
                    int32_t variant, int32_t precision) {
  const CoderCall call{{state, results}, variant, precision};
  Batch batch;
  IntervalOperands args;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(args.Init(batch, start, freq));
  KeepBuffer(state.tail, results.tail);
  auto body = [&](auto& stream, int64_t b) {
    PushIntervals(stream, {args.start.At(b), args.freq.At(b), precision}, args.n());
  };
  return RunCoders(pool, batch, call, args.n(), 1, body);
}

ffi::Error RansAdvance(ffi::ThreadPool pool, StateIn state, AnyBuffer start, AnyBuffer freq, Advanced results,
                       int32_t variant, int32_t precision) {
  const CoderCall call{{state, results}, variant, precision};
  Batch batch;
  IntervalOperands args;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(args.Init(batch, start, freq));
  auto body = [&](auto& stream, int64_t b) {
    Advance(stream, {args.start.At(b), args.freq.At(b), precision}, args.n());
  };
  return RunCoders(pool, batch, call, args.n(), 1, body);
}

// Copies whole streams where ends rise.
template <typename Word>
struct CompactRows {
  CompactOperands<Word> operands;

  void operator()(int64_t b) const {
    const Compacted<Word> from = operands.At(b);
    Word* out = operands.words.At(b);
    const int64_t count = operands.count();
    bool rises = true;
    for (int64_t s = 0; s < from.streams; ++s) rises = rises && from.Begin(s) <= from.ends[s];
    if (!rises) {
      for (int64_t place = 0; place < count; ++place) out[place] = from[place];
      return;
    }
    int64_t place = 0;
    for (int64_t s = 0; s < from.streams; ++s) {
      const int64_t end = std::min<int64_t>(from.ends[s], count), n = std::min(end - place, from.capacity);
      std::copy_n(from.rows + s * from.capacity, n, out + place);
      std::fill(out + place + n, out + end, Word{0});
      place = end;
    }
    std::fill(out + place, out + count, Word{0});
  }
};

ffi::Error Compact(ffi::ThreadPool pool, AnyBuffer rows, AnyBuffer ends, Out words) {
  return WithWords(rows.element_type(), [&](auto word) {
    CompactRows<decltype(word)> job;
    JANS_RETURN_IF_ERROR(job.operands.Init(rows, ends, words));
    return OnCpu{pool}.ForEach(job.operands.batch.streams, StreamGrain(job.operands.count()), job);
  });
}

}  // namespace

JANS_HANDLER(rans_push, RansPush, "variant", "precision")
JANS_HANDLER(rans_advance, RansAdvance, "variant", "precision")
JANS_HANDLER(compact, Compact)

}  // namespace jans

JANS_LIBRARY(JANS_ROWS JANS_CPU_TARGETS(JANS_ROW))

JANS_EXPORT const char* jans_simd() { return jans::WidestName(); }

// The table of the variants, closed by a null coder; the lower bits of a chain coder are those of its largest
// precision.
struct JansVariant {
  const char* coder;
  int32_t number, state_bits, word_bits, lower_bits;
};

JANS_EXPORT const JansVariant* jans_variants() {
  using namespace jans;
#define JANS_RANS_ROW(number, V) {"rans", number, 8 * sizeof(V::State), V::kWordBits, V::kLowerBits},
#define JANS_CHAIN_ROW(number, V) {"chain", number, V::kStateBits, V::kWordBits, V::LowerBits(V::kWordBits)},
  static const JansVariant variants[] = {JANS_RANS_VARIANTS(JANS_RANS_ROW)
                                             JANS_CHAIN_VARIANTS(JANS_CHAIN_ROW){nullptr, 0, 0, 0, 0}};
  return variants;
}
