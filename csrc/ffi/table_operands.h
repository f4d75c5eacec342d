// The operands of a table: rows of cumulative frequencies, the row of each symbol, and guides to the rows if there are.
#ifndef JANS_FFI_TABLE_OPERANDS_H_
#define JANS_FFI_TABLE_OPERANDS_H_

#include "../core/bypass.h"
#include "../core/guide.h"
#include "../cpu/stream.h"
#include "arguments.h"

namespace jans {

struct TableOperands {
  RowOperands rows;
  Operand<const uint32_t> guide;
  int32_t precision = 0;
  int bits = 0;
  bool sealed = false;

  // From the operands of a call, beginning with `first`: cdf, index, and the guide, of length 0 where there is none, if
  // `guided`.
  ffi::Error Init(const Batch& batch, const ffi::RemainingArgs& args, size_t first, int64_t n, int32_t precision_in,
                  bool guided) {
    precision = precision_in;
    auto cdf = args.get<AnyBuffer>(first), index = args.get<AnyBuffer>(first + 1);
    if (!cdf.has_value() || !index.has_value()) return Invalid("cdf or index is missing");
    JANS_RETURN_IF_ERROR(rows.Init(batch, *cdf, *index, n));
    sealed = Sealed(batch, n);
    if (!guided) return ffi::Error::Success();
    auto guide_in = args.get<AnyBuffer>(first + 2);
    if (!guide_in.has_value()) return Invalid("guide is missing");
    return InitGuide(batch, *guide_in);
  }
  GuidedRows At(int64_t b) const {
    const Rows at{rows.cdf.At(b), rows.count(), rows.row_symbols(), rows.index.At(b), rows.index_stride(), precision};
    return {at, guide.data == nullptr ? nullptr : guide.At(b), bits, sealed};
  }
  // Whether all symbols of all streams share a row, and no guide was given.
  bool OneRow() const {
    return rows.cdf.Shared() && rows.index.Shared() && rows.index_stride() == 0 && guide.data == nullptr;
  }
  // Those of streams b, ..., b + count - 1, of which there are kMostTogether at most.
  std::array<GuidedRows, kMostTogether> From(int64_t b, int count) const {
    std::array<GuidedRows, kMostTogether> tables;
    for (int s = 0; s < count; ++s) tables[s] = At(b + s);
    return tables;
  }

 private:
  // Whether all rows are known to be: they are looked at where all streams share them and that is little work.
  bool Sealed(const Batch& batch, int64_t n) const {
    if (!rows.cdf.Shared() || rows.count() > n * batch.streams / 4) return false;
    for (int64_t row = 0; row < rows.count(); ++row) {
      const int64_t width = rows.row_symbols();
      if (!Row{rows.cdf.data + row * (width + 1), width, precision}.Sealed()) return false;
    }
    return true;
  }
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

// For bypass coding: the place of each row's escape symbol and the value at its place 0, and the bits of a digit.
struct EscapeOperands {
  Operand<const int32_t> escape, offset;
  int32_t bits = 0;

  // Of `rows` rows, from the operands of a call, beginning with `first`.
  ffi::Error Init(const Batch& batch, const ffi::RemainingArgs& args, size_t first, int64_t rows, int32_t digit) {
    bits = digit;
    if (bits < 1 || bits > kMaxBypassBits) return Invalid("a digit has 1 to 16 bits");
    auto escape_in = args.get<AnyBuffer>(first), offset_in = args.get<AnyBuffer>(first + 1);
    if (!escape_in.has_value() || !offset_in.has_value()) return Invalid("escape or offset is missing");
    JANS_RETURN_IF_ERROR(escape.Init("escape", *escape_in, ffi::DataType::S32, batch, 1));
    JANS_RETURN_IF_ERROR(offset.Init("offset", *offset_in, ffi::DataType::S32, batch, 1));
    const bool fits = escape.core[0] == rows && offset.core[0] == rows;
    return fits ? ffi::Error::Success() : Invalid("escape or offset does not fit the rows");
  }
};

}  // namespace jans

#endif  // JANS_FFI_TABLE_OPERANDS_H_
