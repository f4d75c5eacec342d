// CPU handlers of the quantisers: rows of n values, and which of them are symbols, in; rows of n + 1 cumulative
// frequencies out.
#include "../../core/quantize/quantize.h"

#include <vector>

#include "../../core/quantize/nearest.h"
#include "../../core/quantize/perfect.h"
#include "../../cpu/search/quantize_rows.h"
#include "call.h"

namespace jans {
namespace {

template <typename Value>
struct RowOf {
  const Value* values;
  const uint8_t* mask;
  uint32_t* cdf;

  RowOf(const QuantizerOperands<Value>& rows, int64_t row)
      : values(rows.values.At(row)), mask(rows.masked() ? rows.mask.At(row) : nullptr), cdf(rows.cdf.At(row)) {}
};

// Calls quantize(rows, begin, end) with ranges of all rows; `cost` compares a value with a coded symbol.
template <typename Operands, typename Quantize>
ffi::Error QuantizeAll(ffi::ThreadPool& pool, const AnyBuffer& values, const AnyBuffer& symbols, const Out& cdf,
                       int32_t precision, int64_t cost, const Quantize& quantize) {
  Operands rows;
  JANS_RETURN_IF_ERROR(rows.Init(values, symbols, cdf, precision));
  OnThreads(pool, rows.batch.streams, StreamGrain(rows.n(), cost),
            [&](int64_t begin, int64_t end) { quantize(rows, begin, end); });
  return ffi::Error::Success();
}

ffi::Error QuantizeProbsRows(ffi::ThreadPool pool, AnyBuffer probs, AnyBuffer mask, Out cdf, int32_t precision) {
  return WithFloats(probs, [&](auto zero) {
    using Float = decltype(zero);
    auto quantize = [](const auto& rows, int64_t begin, int64_t end) {
      QuantizeRows by(rows.n());
      for (int64_t i = begin; i < end; ++i) {
        const RowOf<Float> row(rows, i);
        by.Probs(row.values, row.mask, rows.precision, row.cdf);
      }
    };
    return QuantizeAll<QuantizerOperands<Float>>(pool, probs, mask, cdf, precision, 4, quantize);
  });
}

template <typename Float>
JANS_HD void QuantizePerfect(const QuantizerOperands<Float>& rows, int64_t begin, int64_t end, double* room) {
  PerfectRule rule(room, rows.n());
  for (int64_t i = begin; i < end; ++i) {
    const RowOf<Float> row(rows, i);
    rule.Run(row.values, row.mask, rows.n(), rows.precision, row.cdf);
  }
}

template <typename Float>
JANS_WIDE void QuantizePerfectWide(const QuantizerOperands<Float>& rows, int64_t begin, int64_t end, double* room) {
  QuantizePerfect(rows, begin, end, room);
}

ffi::Error QuantizePerfectRows(ffi::ThreadPool pool, AnyBuffer probs, AnyBuffer mask, Out cdf, int32_t precision) {
  auto quantize = [](const auto& rows, int64_t begin, int64_t end) {
    std::vector<double> room(PerfectRule::Room(rows.n()));
    if (HasWide()) {
      QuantizePerfectWide(rows, begin, end, room.data());
    } else {
      QuantizePerfect(rows, begin, end, room.data());
    }
  };
  return WithFloats(probs, [&](auto zero) {
    return QuantizeAll<QuantizerOperands<decltype(zero)>>(pool, probs, mask, cdf, precision, 16, quantize);
  });
}

ffi::Error QuantizeLogitsRows(ffi::ThreadPool pool, AnyBuffer logits, AnyBuffer mask, Out cdf, int32_t precision) {
  auto quantize = [](const auto& rows, int64_t begin, int64_t end) {
    QuantizeRows by(rows.n());
    for (int64_t i = begin; i < end; ++i) {
      const RowOf<float> row(rows, i);
      by.Logits(row.values, row.mask, rows.precision, row.cdf);
    }
  };
  return QuantizeAll<QuantizerOperands<float>>(pool, logits, mask, cdf, precision, 4, quantize);
}

template <typename Float>
JANS_HD void QuantizeNearestPlain(const NearestOperands<Float>& rows, int64_t begin, int64_t end, bool away) {
  for (int64_t i = begin; i < end; ++i) {
    QuantizeNearest(rows.values.At(i), *rows.size.At(i), rows.n(), rows.precision, away, rows.cdf.At(i));
  }
}

template <typename Float>
JANS_WIDE void QuantizeNearestWide(const NearestOperands<Float>& rows, int64_t begin, int64_t end, bool away) {
  QuantizeNearestPlain(rows, begin, end, away);
}

ffi::Error QuantizeNearestRows(ffi::ThreadPool pool, AnyBuffer probs, AnyBuffer size, Out cdf, int32_t precision,
                               int32_t away) {
  auto quantize = [away](const auto& rows, int64_t begin, int64_t end) {
    if (HasWide()) {
      QuantizeNearestWide(rows, begin, end, away != 0);
    } else {
      QuantizeNearestPlain(rows, begin, end, away != 0);
    }
  };
  return WithFloats(probs, [&](auto zero) {
    return QuantizeAll<NearestOperands<decltype(zero)>>(pool, probs, size, cdf, precision, 4, quantize);
  });
}

}  // namespace

JANS_HANDLER(quantize_probs, QuantizeProbsRows, "precision")
JANS_HANDLER(quantize_perfect, QuantizePerfectRows, "precision")
JANS_HANDLER(quantize_logits, QuantizeLogitsRows, "precision")
JANS_HANDLER(quantize_nearest, QuantizeNearestRows, "precision", "away")

}  // namespace jans
