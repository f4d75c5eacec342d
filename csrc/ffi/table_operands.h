// The operands of a table: rows of cumulative frequencies, the row of each symbol, and guides to the rows if there are.
#ifndef JANS_FFI_TABLE_OPERANDS_H_
#define JANS_FFI_TABLE_OPERANDS_H_

#include "../core/guide.h"
#include "arguments.h"

namespace jans {

struct TableOperands {
  RowOperands rows;
  Operand<const uint32_t> guide;
  int32_t precision = 0;
  int bits = 0;

  // From the operands of a call, beginning with `first`: cdf, index, and the guide, of length 0 where there is none, if
  // `guided`.
  ffi::Error Init(const Batch& batch, const ffi::RemainingArgs& args, size_t first, int64_t n, int32_t precision_in,
                  bool guided) {
    precision = precision_in;
    auto cdf = args.get<AnyBuffer>(first), index = args.get<AnyBuffer>(first + 1);
    if (!cdf.has_value() || !index.has_value()) return Invalid("cdf or index is missing");
    JANS_RETURN_IF_ERROR(rows.Init(batch, *cdf, *index, n));
    if (!guided) return ffi::Error::Success();
    auto guide_in = args.get<AnyBuffer>(first + 2);
    if (!guide_in.has_value()) return Invalid("guide is missing");
    return InitGuide(batch, *guide_in);
  }
  GuidedRows At(int64_t b) const {
    const Rows at{rows.cdf.At(b), rows.count(), rows.row_symbols(), rows.index.At(b), rows.index_stride(), precision};
    return {at, guide.data == nullptr ? nullptr : guide.At(b), bits};
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

}  // namespace jans

#endif  // JANS_FFI_TABLE_OPERANDS_H_
