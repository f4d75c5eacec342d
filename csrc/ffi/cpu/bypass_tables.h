// Tables with bypass coding as the CPU's loops want them.
#ifndef JANS_FFI_CPU_BYPASS_TABLES_H_
#define JANS_FFI_CPU_BYPASS_TABLES_H_

#include <vector>

#include "../operands/bypass_operands.h"
#include "tables.h"

namespace jans {

struct CpuBypassTables : BypassOperands<CpuTables> {
  // Laid out for streams that are coded side by side where all share them and that is little work.
  std::vector<uint32_t> ends;

  ffi::Error Init(const Batch& batch, const Arguments& args, int64_t n, int32_t precision, int32_t bypass_precision) {
    JANS_RETURN_IF_ERROR(BypassOperands::Init(batch, args, n, precision, bypass_precision));
    const int64_t count = table.count();
    const auto &escape = escapes.escape, &offset = escapes.offset;
    if (!escape.Shared() || !offset.Shared() || count > n * batch.streams / 4) return ffi::Error::Success();
    for (int64_t row = 0; row < count; ++row) {
      ends.push_back(static_cast<uint32_t>(escape.data[row]));
      ends.push_back(static_cast<uint32_t>(offset.data[row]));
    }
    return ffi::Error::Success();
  }
};

}  // namespace jans

#endif  // JANS_FFI_CPU_BYPASS_TABLES_H_
