// The constant tables, in the memory where each compiler wants them.
#ifndef JANS_CORE_TABLES_H_
#define JANS_CORE_TABLES_H_

#include <cstdint>

namespace jans {

#if defined(__CUDACC__)
#define JANS_TABLE __device__ static const
#else
#define JANS_TABLE static constexpr
#endif
#include "tables.inc"
#undef JANS_TABLE

}  // namespace jans

#endif  // JANS_CORE_TABLES_H_
