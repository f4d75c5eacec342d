// Pops of tables with guides, compiled once.
#include "row_loops.h"

namespace jans {

#define JANS_COMPILE_LOOPS(_, V) JANS_GUIDED_LOOPS(template, V)
JANS_RANS_VARIANTS(JANS_COMPILE_LOOPS)

}  // namespace jans
