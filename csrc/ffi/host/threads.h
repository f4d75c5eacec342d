// The threads of calls that do not come from XLA.
#ifndef JANS_FFI_HOST_THREADS_H_
#define JANS_FFI_HOST_THREADS_H_

#include <cstdint>

namespace jans::host {

// The number of threads of a call, with the calling one; from now on, as threads that have started stay.
void SetThreads(int64_t count);
int64_t Threads();

// Runs task(data) on another thread. The threads start with the first task, and with the first one of a forked child:
// it has none of its parent's.
void Schedule(void (*task)(void*), void* data);

}  // namespace jans::host

#endif  // JANS_FFI_HOST_THREADS_H_
