// Tables as the CPU's loops want them.
#ifndef JANS_FFI_CPU_TABLES_H_
#define JANS_FFI_CPU_TABLES_H_

#include "../../cpu/loops/stream.h"
#include "../operands/table_operands.h"

namespace jans {

struct CpuTables : TableOperands {
  // Rows are looked at where all streams share them and that is little work.
  ffi::Error Init(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision_in,
                  bool guided) {
    JANS_RETURN_IF_ERROR(TableOperands::Init(batch, args, first, n, precision_in, guided));
    if (!rows.cdf.Shared() || rows.count() > n * batch.streams / 4) return ffi::Error::Success();
    const int64_t width = rows.row_symbols();
    sealed = true;
    for (int64_t row = 0; row < rows.count(); ++row) {
      sealed = sealed && Row{rows.cdf.data + row * (width + 1), width, precision}.Sealed();
    }
    return ffi::Error::Success();
  }
  ffi::Error Init(const Batch& batch, const Arguments& args, int64_t n, int32_t precision_in) {
    return Init(batch, args, 0, n, precision_in, true);
  }
  // Those of streams b, ..., b + count - 1, of which there are kMaxTogether at most.
  std::array<GuidedRows, kMaxTogether> From(int64_t b, int count) const {
    std::array<GuidedRows, kMaxTogether> tables;
    for (int s = 0; s < count; ++s) tables[s] = At(b + s);
    return tables;
  }
};

}  // namespace jans

#endif  // JANS_FFI_CPU_TABLES_H_
