// The operands of tables with bypass coding.
#ifndef JANS_FFI_OPERANDS_BYPASS_OPERANDS_H_
#define JANS_FFI_OPERANDS_BYPASS_OPERANDS_H_

#include "../../core/coders/bypass_groups.h"
#include "arguments.h"

namespace jans {

// The place of each row's escape symbol and the value at its place 0, and the bits of a digit.
struct EscapeOperands {
  Operand<const int32_t> escape, offset;
  int32_t bits = 0;

  // Of `rows` rows, from the operands of a call, beginning with `first`.
  ffi::Error Init(const Batch& batch, const Arguments& args, size_t first, int64_t rows, int32_t bypass_precision) {
    bits = bypass_precision;
    if (bits < 1 || bits > kMaxBypassBits) return Invalid("a digit has 1 to 16 bits");
    if (args.size() < first + 2) return Invalid("escape or offset is missing");
    JANS_RETURN_IF_ERROR(escape.Init("escape", args[first], ffi::DataType::S32, batch, 1));
    JANS_RETURN_IF_ERROR(offset.Init("offset", args[first + 1], ffi::DataType::S32, batch, 1));
    const bool fits = escape.core[0] == rows && offset.core[0] == rows;
    return fits ? ffi::Error::Success() : Invalid("escape or offset does not fit the rows");
  }
};

// Digits are pushed as intervals of one quantile.
inline ffi::Error CheckBypass(int32_t variant, int32_t bypass_precision) {
  return WithVariant(
      variant, [bypass_precision](auto v) { return CheckPrecision(bypass_precision, MaxPrecision<decltype(v)>()); });
}

// Those of a table, and the escape symbols behind them.
template <typename Operands>
struct BypassOperands {
  Operands table;
  EscapeOperands escapes;

  ffi::Error Init(const Batch& batch, const Arguments& args, int64_t n, int32_t precision, int32_t bypass_precision) {
    JANS_RETURN_IF_ERROR(table.Init(batch, args, n, precision));
    return escapes.Init(batch, args, Operands::kOperands, table.count(), bypass_precision);
  }
  JANS_HD auto At(int64_t b) const {
    return BypassRowsOf<decltype(table.At(b))>{table.At(b), escapes.escape.At(b), escapes.offset.At(b), escapes.bits};
  }
};

}  // namespace jans

#endif  // JANS_FFI_OPERANDS_BYPASS_OPERANDS_H_
