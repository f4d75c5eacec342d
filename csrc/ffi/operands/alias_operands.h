// The operands of rANS with alias tables.
#ifndef JANS_FFI_OPERANDS_ALIAS_OPERANDS_H_
#define JANS_FFI_OPERANDS_ALIAS_OPERANDS_H_

#include "../../core/models/alias.h"
#include "table_operands.h"

namespace jans {

// Rows for a push, from the operands of a call: cdf, index, remap.
struct RemapOperands {
  RowOperands rows;
  Operand<const uint32_t> remap;
  int32_t precision = 0;
  int bits = 0;

  static constexpr size_t kOperands = 3;
  ffi::Error Init(const Batch& batch, const Arguments& args, int64_t n, int32_t precision_in) {
    precision = precision_in;
    JANS_RETURN_IF_ERROR(CheckPrecision(precision, kMaxAliasPrecision));
    if (args.size() < kOperands) return Invalid("cdf, index or remap is missing");
    JANS_RETURN_IF_ERROR(rows.Init(batch, args[0], args[1], n));
    JANS_RETURN_IF_ERROR(remap.Init("remap", args[2], ffi::DataType::U32, batch, 2));
    // A row has 5 to 8 words for each bucket.
    bits = AliasBits((remap.core[1] + 7) / 8, precision);
    const bool fits = remap.core[0] == rows.count() && remap.core[1] == RemapWords(bits, precision);
    return fits ? ffi::Error::Success() : Invalid("remap does not fit cdf and the precision");
  }
  JANS_HD int64_t count() const { return rows.count(); }
  JANS_HD RemappedRows At(int64_t b) const {
    const Rows at{rows.cdf.At(b), rows.count(), rows.row_symbols(), rows.index.At(b), rows.index_stride(), precision};
    return {at, remap.At(b), bits};
  }
};

// Buckets for a pop: alias, index.
struct AliasOperands {
  Operand<const uint32_t> alias;
  Operand<const int32_t> index;
  int32_t precision = 0;
  int bits = 0;

  static constexpr size_t kOperands = 2;
  ffi::Error Init(const Batch& batch, const Arguments& args, int64_t n, int32_t precision_in) {
    precision = precision_in;
    JANS_RETURN_IF_ERROR(CheckPrecision(precision, kMaxAliasPrecision));
    if (args.size() < kOperands) return Invalid("alias or index is missing");
    JANS_RETURN_IF_ERROR(alias.Init("alias", args[0], ffi::DataType::U32, batch, 2));
    JANS_RETURN_IF_ERROR(index.Init("index", args[1], ffi::DataType::S32, batch, 1));
    if (index.core[0] != 1 && index.core[0] != n) return Invalid("index fits neither one nor all symbols");
    bits = AliasBits(alias.core[1] / kBucketWords, precision);
    const bool fits = alias.core[1] == kBucketWords << bits;
    return fits ? ffi::Error::Success() : Invalid("alias does not fit the precision");
  }
  JANS_HD int64_t count() const { return alias.core[0]; }
  JANS_HD AliasRows At(int64_t b) const {
    const int64_t stride = index.core[0] == 1 ? 0 : 1;
    return {{nullptr, count(), 0, index.At(b), stride, precision}, alias.At(b), bits};
  }
};

}  // namespace jans

#endif  // JANS_FFI_OPERANDS_ALIAS_OPERANDS_H_
