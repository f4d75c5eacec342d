#include "threads.h"

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

namespace jans::host {
namespace {

struct Task {
  void (*run)(void*);
  void* data;
};

struct Pool {
  std::mutex mutex;
  std::condition_variable more;
  std::deque<Task> tasks;
  int64_t started = 0, idle = 0;
};

std::atomic<int64_t> threads{1};

// Never destroyed, as its threads wait in it until the process ends. A forked child leaves its parent's alone and makes
// one of its own: tasks that were in it belong to threads that the child does not have.
Pool* pool = nullptr;
std::once_flag once;

void Start() {
  pool = new Pool;
  // Nobody else holds the lock while a process forks, or the child could never take it.
  pthread_atfork([] { pool->mutex.lock(); }, [] { pool->mutex.unlock(); }, [] { pool = new Pool; });
}

void Work(Pool* own) {
  std::unique_lock<std::mutex> lock(own->mutex);
  for (;;) {
    ++own->idle;
    own->more.wait(lock, [own] { return !own->tasks.empty(); });
    --own->idle;
    const Task task = own->tasks.front();
    own->tasks.pop_front();
    lock.unlock();
    task.run(task.data);
    lock.lock();
  }
}

}  // namespace

void SetThreads(int64_t count) { threads = count; }
int64_t Threads() { return threads; }

void Schedule(void (*task)(void*), void* data) {
  std::call_once(once, Start);
  {
    std::lock_guard<std::mutex> lock(pool->mutex);
    pool->tasks.push_back({task, data});
    if (pool->idle < static_cast<int64_t>(pool->tasks.size()) && pool->started < threads - 1) {
      try {
        std::thread(Work, pool).detach();
        ++pool->started;
      } catch (const std::system_error&) {
        // The system has no thread left. Callers do what no other thread begins; see ParallelFor.
      }
    }
  }
  pool->more.notify_one();
}

}  // namespace jans::host
