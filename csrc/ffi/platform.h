// Handlers that are the same on every platform are templates over where they run, OnCpu or OnDevice, which has
//
//   Context               what XLA passes to a handler, of which it is made
//   Keep(in, out)         out becomes what in is, where they are not the same memory
//   ForEach(n, grain, job)    job(0), ..., job(n - 1) in any order, by threads that have `grain` of them or more; a job
//                         is copied to where it runs
#ifndef JANS_FFI_PLATFORM_H_
#define JANS_FFI_PLATFORM_H_

#include "operands/arguments.h"

namespace jans {

// Symbols for which a thread is worth waking.
constexpr int64_t kGrain = 1 << 14;

inline int64_t StreamGrain(int64_t symbols, int64_t cost = 1) {
  return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, symbols * cost));
}

}  // namespace jans

#endif  // JANS_FFI_PLATFORM_H_
