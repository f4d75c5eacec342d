// The part of CUDA that csrc/cuda uses, on the host: put this folder before the toolkit's on the include path, and the
// very sources of the kernels compile as C++ and run under sanitizers.
//
// Every thread of a block is a fiber. Threads run one at a time, in an order that changes from block to block, until
// they meet in a collective: of a warp (ballot, any, shuffle) or of the block (barrier). What a device leaves undefined
// ends the program here: lanes that meet in different collectives, lanes that never arrive, masks that name lanes which
// returned, and, under AddressSanitizer, every access outside of a buffer or of the shared memory that the launch asked
// for. What it cannot show: races between warps on global memory, and speed.
#ifndef JANS_TESTS_CUDA_EMULATION_CUDA_RUNTIME_H_
#define JANS_TESTS_CUDA_EMULATION_CUDA_RUNTIME_H_

#define JANS_CUDA_EMULATION

#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#define __global__
#define __device__
#define __shared__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

namespace simt {

constexpr unsigned kWarp = 32;
constexpr size_t kStackBytes = 1 << 17;
constexpr size_t kSharedBytes = 48 << 10;

[[noreturn]] inline void Fail(const char* what) {
  std::fprintf(stderr, "simt: %s\n", what);
  std::abort();
}

}  // namespace simt

namespace jans::cuda {
// What csrc/cuda/tables.h declares.
alignas(16) inline uint4 shared[simt::kSharedBytes / sizeof(uint4)];
}  // namespace jans::cuda

namespace simt {

// Where the threads of a group, a warp or a block, meet. Results are those of the last meeting: the next one cannot end
// before all have read them.
struct Meeting {
  uint64_t live = 0;     // threads that have not returned
  uint64_t arrived = 0;  // threads
  uint64_t ended = 0;    // meetings
  int site = 0;          // which collective the first to arrive is in
  uint32_t in[kWarp] = {}, out[kWarp] = {};
  int all = 1, every = 1;  // of predicates: so far, and in the last meeting
};

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[kStackBytes]};
  unsigned thread = 0;
  Meeting* waits_in = nullptr;
  uint64_t waits_for = 0;
  bool returned = false;
  void* fake_stack = nullptr;
};

struct Block {
  std::vector<Fiber> fibers;
  std::vector<Meeting> warps;
  Meeting barrier;
  const std::function<void()>* body = nullptr;
  Fiber* running = nullptr;
  unsigned index = 0, threads = 0, blocks = 0;
  ucontext_t scheduler;
  void* scheduler_fake_stack = nullptr;
  const void* scheduler_stack = nullptr;
  size_t scheduler_stack_bytes = 0;
};

inline Block block;  // the one that runs
inline std::mutex one_launch;
inline std::mt19937 order(1);
inline int processors = 2;

inline void BeginSwitch([[maybe_unused]] void** fake, [[maybe_unused]] const void* bottom,
                        [[maybe_unused]] size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(fake, bottom, bytes);
#endif
}
inline void EndSwitch([[maybe_unused]] void* fake, [[maybe_unused]] const void** bottom,
                      [[maybe_unused]] size_t* bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake, bottom, bytes);
#endif
}

inline void Resume(Fiber& fiber) {
  block.running = &fiber;
  BeginSwitch(&block.scheduler_fake_stack, fiber.stack.get(), kStackBytes);
  swapcontext(&block.scheduler, &fiber.context);
  EndSwitch(block.scheduler_fake_stack, nullptr, nullptr);
}

inline void Suspend() {
  Fiber& self = *block.running;
  BeginSwitch(&self.fake_stack, block.scheduler_stack, block.scheduler_stack_bytes);
  swapcontext(&self.context, &block.scheduler);
  EndSwitch(self.fake_stack, &block.scheduler_stack, &block.scheduler_stack_bytes);
}

inline void RunFiber() {
  EndSwitch(nullptr, &block.scheduler_stack, &block.scheduler_stack_bytes);
  (*block.body)();
  Fiber& self = *block.running;
  self.returned = true;
  --block.warps[self.thread / kWarp].live;
  --block.barrier.live;
  BeginSwitch(nullptr, block.scheduler_stack, block.scheduler_stack_bytes);
  // The context's link leads back to the scheduler.
}

// Returns when all threads of the group have arrived.
inline void Meet(Meeting& meeting, uint64_t threads, int site) {
  if (meeting.live != threads) Fail("a collective names threads that have returned");
  if (meeting.arrived++ == 0) {
    meeting.site = site;
  } else if (meeting.site != site) {
    Fail("threads meet in different collectives");
  }
  if (meeting.arrived < threads) {
    block.running->waits_in = &meeting;
    block.running->waits_for = meeting.ended;
    Suspend();
    return;
  }
  std::memcpy(meeting.out, meeting.in, sizeof(meeting.out));
  meeting.every = meeting.all;
  meeting.all = 1;
  meeting.arrived = 0;
  ++meeting.ended;
}

inline void RunBlock() {
  const unsigned count = block.threads;
  block.warps.assign(count / kWarp, Meeting{});
  for (Meeting& warp : block.warps) warp.live = kWarp;
  block.barrier = Meeting{};
  block.barrier.live = count;
  std::vector<Fiber*> waiting;
  for (unsigned i = 0; i < count; ++i) {
    Fiber& fiber = block.fibers[i];
    fiber.thread = i;
    fiber.waits_in = nullptr;
    fiber.returned = false;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStackBytes;
    fiber.context.uc_link = &block.scheduler;
    makecontext(&fiber.context, RunFiber, 0);
    waiting.push_back(&fiber);
  }
  while (!waiting.empty()) {
    bool progress = false;
    std::vector<Fiber*> still;
    const size_t first = order() % waiting.size();
    for (size_t k = 0; k < waiting.size(); ++k) {
      Fiber& fiber = *waiting[(first + k) % waiting.size()];
      if (fiber.waits_in == nullptr || fiber.waits_in->ended != fiber.waits_for) {
        fiber.waits_in = nullptr;
        progress = true;
        Resume(fiber);
      }
      if (!fiber.returned) still.push_back(&fiber);
    }
    if (!progress) Fail("threads wait for others that never arrive");
    waiting.swap(still);
  }
}

inline void Launch(dim3 blocks, dim3 threads, size_t shared_bytes, const std::function<void()>& body) {
  if (blocks.x == 0 || blocks.y != 1 || blocks.z != 1 || threads.x == 0 || threads.x > 1024 || threads.x % kWarp != 0 ||
      threads.y != 1 || threads.z != 1 || shared_bytes > kSharedBytes) {
    Fail("the shape of a launch is out of range");
  }
  std::lock_guard<std::mutex> lock(one_launch);
  if (block.fibers.size() < threads.x) block.fibers = std::vector<Fiber>(threads.x);
  block.body = &body;
  block.threads = threads.x;
  block.blocks = blocks.x;
  char* const shared = reinterpret_cast<char*>(jans::cuda::shared);
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(shared + shared_bytes, kSharedBytes - shared_bytes);
#endif
  for (block.index = 0; block.index < blocks.x; ++block.index) {
    std::memset(shared, 0xA5, shared_bytes);
    RunBlock();
  }
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(shared, kSharedBytes);
#endif
}

// A collective of the running thread's whole warp.
inline Meeting& MeetWarp(uint32_t mask, uint32_t value, int site) {
  if (mask != 0xFFFFFFFFu) Fail("only whole warps are emulated");
  const unsigned thread = block.running->thread;
  Meeting& warp = block.warps[thread / kWarp];
  warp.in[thread % kWarp] = value;
  Meet(warp, kWarp, site);
  return warp;
}

}  // namespace simt

// Names that read like the built-in variables, of one dimension.
template <unsigned (*kValue)()>
struct Builtin {
  struct {
    operator unsigned() const { return kValue(); }
  } x;
};
inline unsigned ThreadIndex() { return simt::block.running->thread; }
inline unsigned BlockIndex() { return simt::block.index; }
inline unsigned BlockThreads() { return simt::block.threads; }
inline unsigned GridBlocks() { return simt::block.blocks; }
inline const Builtin<ThreadIndex> threadIdx{};
inline const Builtin<BlockIndex> blockIdx{};
inline const Builtin<BlockThreads> blockDim{};
inline const Builtin<GridBlocks> gridDim{};

inline uint32_t __ballot_sync(uint32_t mask, int predicate, int site = __builtin_LINE()) {
  const simt::Meeting& warp = simt::MeetWarp(mask, predicate != 0, site);
  uint32_t votes = 0;
  for (unsigned lane = 0; lane < simt::kWarp; ++lane) votes |= warp.out[lane] << lane;
  return votes;
}

inline int __any_sync(uint32_t mask, int predicate, int site = __builtin_LINE()) {
  return __ballot_sync(mask, predicate, -site) != 0;
}

inline int __shfl_sync(uint32_t mask, int value, int lane, int site = __builtin_LINE()) {
  return static_cast<int>(simt::MeetWarp(mask, static_cast<uint32_t>(value), site).out[lane % simt::kWarp]);
}

inline int __shfl_xor_sync(uint32_t mask, int value, int distance, int site = __builtin_LINE()) {
  const simt::Meeting& warp = simt::MeetWarp(mask, static_cast<uint32_t>(value), site);
  return static_cast<int>(warp.out[(simt::block.running->thread ^ distance) % simt::kWarp]);
}

inline int __syncthreads_and(int predicate, int site = __builtin_LINE()) {
  simt::Meeting& barrier = simt::block.barrier;
  barrier.all = barrier.all && predicate != 0;
  simt::Meet(barrier, simt::block.threads, site);
  return barrier.every;
}

inline void __syncthreads(int site = __builtin_LINE()) { __syncthreads_and(1, site); }

inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline int __clz(int value) { return value == 0 ? 32 : __builtin_clz(static_cast<unsigned>(value)); }
inline int __ffs(int value) { return __builtin_ffs(value); }

// ---- the runtime ----

enum cudaError_t { cudaSuccess = 0 };
enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };

namespace simt {
struct Stream;
}
using cudaStream_t = simt::Stream*;

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
};

inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  *value = simt::processors;
  return cudaSuccess;
}

inline cudaError_t cudaMalloc(void** memory, size_t bytes) {
  *memory = std::malloc(bytes);
  return cudaSuccess;
}

inline cudaError_t cudaFree(void* memory) {
  std::free(memory);
  return cudaSuccess;
}

inline cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }

inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

inline const char* cudaGetErrorString(cudaError_t) { return "no error"; }

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  simt::Launch(config->gridDim, config->blockDim, config->dynamicSmemBytes, [&] { kernel(arguments...); });
  return cudaSuccess;
}

#endif  // JANS_TESTS_CUDA_EMULATION_CUDA_RUNTIME_H_
