// The operands of a table: rows of cumulative frequencies, the row of each symbol, and guides to the rows if there are.
#ifndef JANS_FFI_OPERANDS_TABLE_OPERANDS_H_
#define JANS_FFI_OPERANDS_TABLE_OPERANDS_H_

#include "../../core/models/guide.h"
#include "../platform.h"

namespace jans {

struct TableOperands {
  RowOperands rows;
  Operand<const uint32_t> guide;
  int32_t precision = 0;
  int bits = 0;
  bool sealed = false;  // whether all rows are known to be

  // From the operands of a call, beginning with `first`: cdf, index, and the guide, of length 0 where there is none, if
  // `guided`.
  ffi::Error Init(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision_in,
                  bool guided) {
    precision = precision_in;
    if (args.size() < first + (guided ? 3 : 2)) return Invalid("cdf, index or guide is missing");
    JANS_RETURN_IF_ERROR(rows.Init(batch, args[first], args[first + 1], n));
    return guided ? InitGuide(batch, args[first + 2]) : ffi::Error::Success();
  }
  static constexpr size_t kOperands = 3;
  // All of them.
  ffi::Error Init(const Batch& batch, const Arguments& args, int64_t n, int32_t precision_in) {
    return Init(batch, args, 0, n, precision_in, true);
  }
  JANS_HD int64_t count() const { return rows.count(); }
  JANS_HD GuidedRows At(int64_t b) const {
    const Rows at{rows.cdf.At(b), rows.count(), rows.row_symbols(), rows.index.At(b), rows.index_stride(), precision};
    return {at, guide.data == nullptr ? nullptr : guide.At(b), bits, sealed};
  }
  // Whether all symbols of all streams share a row, and no guide was given.
  bool OneRow() const {
    return rows.cdf.Shared() && rows.index.Shared() && rows.index_stride() == 0 && guide.data == nullptr;
  }

 private:
  ffi::Error InitGuide(const Batch& batch, const AnyBuffer& guide_in) {
    JANS_RETURN_IF_ERROR(guide.Init("guide", guide_in, ffi::DataType::U32, batch, 2));
    if (guide.core[1] == 0) {
      guide.data = nullptr;
      return ffi::Error::Success();
    }
    bits = GuideBits(guide.core[1]);
    const bool fits = guide.core[0] == rows.count() && bits <= precision && precision <= kMaxGuidePrecision;
    return fits && guide.core[1] == int64_t{2} << bits ? ffi::Error::Success() : Invalid("guide does not fit cdf");
  }
};

// Guides to all rows of an array.
struct MakeGuides {
  Operand<const uint32_t> cdf;
  Operand<uint32_t> guide;
  int32_t precision = 0, bits = 0;

  JANS_HD void operator()(int64_t b) const { MakeGuide({cdf.At(b), cdf.core[0] - 1, precision}, bits, guide.At(b)); }
};

template <typename Where>
ffi::Error TableGuide(typename Where::Context context, AnyBuffer cdf, Out guide, int32_t precision) {
  Batch batch;
  MakeGuides job;
  job.precision = precision;
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, kMaxGuidePrecision));
  JANS_RETURN_IF_ERROR(CheckVector(cdf));
  JANS_RETURN_IF_ERROR(InitBatch(cdf.dimensions().first(cdf.dimensions().size() - 1), batch));
  JANS_RETURN_IF_ERROR(job.cdf.Init("cdf", cdf, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(job.guide.Init("guide", guide, ffi::DataType::U32, batch, 1));
  const int64_t n = job.cdf.core[0] - 1, halves = job.guide.core[0];
  const int bits = job.bits = GuideBits(halves);
  if (n < 1 || n > kMaxGuideSymbols) return Invalid("a guide is for 1 to 2^16 symbols");
  if (bits > precision || halves != int64_t{2} << bits) return Invalid("guide does not fit the precision");
  return Where{context}.ForEach(batch.streams, StreamGrain(n + (int64_t{1} << bits)), job);
}

}  // namespace jans

#endif  // JANS_FFI_OPERANDS_TABLE_OPERANDS_H_
