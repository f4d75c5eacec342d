// What the CPU handlers share, compiled once.
#include "call.h"

namespace jans {

void OnThreads(ffi::ThreadPool& pool, int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  ParallelFor(pool, count, grain, body);
}

#define JANS_COMPILE_LOOPS(_, V) JANS_SHARED_LOOPS(template, V)
JANS_RANS_VARIANTS(JANS_COMPILE_LOOPS)

}  // namespace jans
