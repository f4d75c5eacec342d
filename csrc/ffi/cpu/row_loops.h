// Loops of tables with guides, which are compiled apart from the others, in pop_guides.cc.
#ifndef JANS_FFI_CPU_ROW_LOOPS_H_
#define JANS_FFI_CPU_ROW_LOOPS_H_

#include "../../core/coders/variants.h"
#include "../../cpu/loops/row_loops.h"

namespace jans {

#define JANS_GUIDED_LOOPS(prefix, V)                                                   \
  prefix void PopGuided<V>(Stream<V>&, const GuidedRows&, const SymbolsOut&, int64_t); \
  prefix void PopByGuides<V>(Stream<V>&, const GuidedRows&, const SymbolsOut&, int64_t, int64_t);
#define JANS_DECLARE_LOOPS(_, V) JANS_GUIDED_LOOPS(extern template, V)
JANS_RANS_VARIANTS(JANS_DECLARE_LOOPS)
#undef JANS_DECLARE_LOOPS

}  // namespace jans

#endif  // JANS_FFI_CPU_ROW_LOOPS_H_
