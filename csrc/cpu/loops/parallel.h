// Splits independent items over the threads of a pool that others use as well.
#ifndef JANS_CPU_LOOPS_PARALLEL_H_
#define JANS_CPU_LOOPS_PARALLEL_H_

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

namespace jans {

// Calls body(begin, end) on ranges that cover [0, count), on the calling thread and on those of `pool` that are free.
//
// The caller takes ranges as well and waits only for ranges that another thread has begun, never for tasks that the
// pool has not started: a pool whose threads all wait here still makes progress.
template <typename Pool, typename Body>
void ParallelFor(Pool& pool, int64_t count, int64_t grain, const Body& body) {
  const int64_t helpers = std::min<int64_t>(pool.num_threads(), (count + grain - 1) / grain) - 1;
  if (helpers <= 0) {
    if (count > 0) body(0, count);
    return;
  }
  // A few ranges for each thread even out their speed.
  const int64_t step = std::max(grain, (count + 4 * (helpers + 1) - 1) / (4 * (helpers + 1)));

  struct Shared {
    std::atomic<int64_t> next{0};
    std::mutex mutex;
    std::condition_variable idle;
    int64_t working = 0;
  };
  auto shared = std::make_shared<Shared>();
  // `body` is only touched after a range was won, and the caller waits for every range that was.
  auto work = [shared, count, step, &body] {
    for (;;) {
      {
        std::lock_guard<std::mutex> lock(shared->mutex);
        if (shared->next >= count) return;
        ++shared->working;
      }
      for (int64_t begin; (begin = shared->next.fetch_add(step)) < count;) body(begin, std::min(begin + step, count));
      std::lock_guard<std::mutex> lock(shared->mutex);
      if (--shared->working == 0) shared->idle.notify_all();
    }
  };
  for (int64_t i = 0; i < helpers; ++i) {
    auto task = work;
    pool.Schedule(std::move(task));
  }
  work();
  std::unique_lock<std::mutex> lock(shared->mutex);
  shared->idle.wait(lock, [&] { return shared->working == 0; });
}

}  // namespace jans

#endif  // JANS_CPU_LOOPS_PARALLEL_H_
