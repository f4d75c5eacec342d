// Calls of handlers from many threads at once, and from forked children, built with sanitizers. Each call spreads a
// batch of streams over the threads of csrc/ffi/host, and must give what it gives alone.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "../../csrc/ffi/host/call.h"
#include "../../csrc/ffi/host/threads.h"

namespace jans {
XLA_FFI_Error* rans_push_rows(XLA_FFI_CallFrame* frame);
XLA_FFI_Error* rans_pop_rows(XLA_FFI_CallFrame* frame);
}  // namespace jans

namespace {

using jans::host::MakeBuffer;
using jans::host::Target;

constexpr int64_t kStreams = 48, kSymbols = 4000, kCapacity = 4000;

// Arrays of one coder, and the buffers that stand for them.
struct Coder {
  std::vector<uint32_t> head = std::vector<uint32_t>(kStreams * 2), words = std::vector<uint32_t>(kStreams * kCapacity);
  std::vector<int32_t> size = std::vector<int32_t>(kStreams), status = size;
  int64_t head_dims[3] = {kStreams, 1, 2}, word_dims[2] = {kStreams, kCapacity}, dims[1] = {kStreams};
  XLA_FFI_Buffer buffers[4] = {MakeBuffer(XLA_FFI_DataType_U32, head.data(), 3, head_dims),
                               MakeBuffer(XLA_FFI_DataType_U32, words.data(), 2, word_dims),
                               MakeBuffer(XLA_FFI_DataType_S32, size.data(), 1, dims),
                               MakeBuffer(XLA_FFI_DataType_S32, status.data(), 1, dims)};
};

void Check(bool made, const std::string& error) {
  if (made) return;
  std::fprintf(stderr, "%s\n", error.c_str());
  std::abort();
}

// Pushes and pops the same symbols through the two handlers; the sizes of the streams between them.
std::vector<int32_t> CodeOnce(const Target& push, const Target& pop) {
  Coder coder;
  uint32_t cdf[4] = {0, 1u << 20, 1u << 22, 1u << 24};
  int32_t index[1] = {0};
  std::vector<int32_t> symbols(kStreams * kSymbols), found(symbols.size());
  for (size_t k = 0; k < symbols.size(); ++k) symbols[k] = k * 2654435761u % 3;
  int64_t symbol_dims[2] = {kStreams, kSymbols}, cdf_dims[3] = {1, 1, 4}, index_dims[2] = {1, 1};
  auto in = MakeBuffer(XLA_FFI_DataType_S32, symbols.data(), 2, symbol_dims);
  auto out = MakeBuffer(XLA_FFI_DataType_S32, found.data(), 2, symbol_dims);
  auto rows = MakeBuffer(XLA_FFI_DataType_U32, cdf, 3, cdf_dims);
  auto row = MakeBuffer(XLA_FFI_DataType_S32, index, 2, index_dims);
  XLA_FFI_Buffer* b[4] = {&coder.buffers[0], &coder.buffers[1], &coder.buffers[2], &coder.buffers[3]};
  std::string error;
  XLA_FFI_Buffer* pushed[7] = {b[0], b[1], b[2], b[3], &in, &rows, &row};
  Check(push.Call(pushed, 7, b, 4, &error), error);
  const std::vector<int32_t> sizes = coder.size;
  XLA_FFI_Buffer* popped[6] = {b[0], b[1], b[2], b[3], &rows, &row};
  XLA_FFI_Buffer* results[4] = {b[0], b[2], b[3], &out};
  Check(pop.Call(popped, 6, results, 4, &error), error);
  Check(found == symbols, "other symbols came back");
  return sizes;
}

void CodeSideBySide(const Target& push, const Target& pop, const std::vector<int32_t>& expected) {
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int round = 0; round < 10; ++round) Check(CodeOnce(push, pop) == expected, "other sizes");
    });
  }
  for (auto& caller : callers) caller.join();
}

void Fork(const Target& push, const Target& pop, const std::vector<int32_t>& expected) {
  const pid_t child = fork();
  if (child == 0) {
    CodeSideBySide(push, pop, expected);
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  Check(status == 0, "a forked child ended with " + std::to_string(status));
}

}  // namespace

int main() {
  const Target::Attributes attributes = {{"precision", 24}, {"variant", 0}};
  const Target push(reinterpret_cast<void*>(jans::rans_push_rows), attributes);
  const Target pop(reinterpret_cast<void*>(jans::rans_pop_rows), attributes);
  const std::vector<int32_t> expected = CodeOnce(push, pop);  // in one thread, as nobody asked for more
  jans::host::SetThreads(4);
  Fork(push, pop, expected);
  CodeSideBySide(push, pop, expected);
#ifndef __SANITIZE_THREAD__  // which does not let the child of a process with threads start its own
  // While other threads are in the pool, which a child must not find locked.
  std::thread busy([&] { CodeSideBySide(push, pop, expected); });
  for (int k = 0; k < 5; ++k) Fork(push, pop, expected);
  busy.join();
#endif
  std::puts("calls side by side and in forked children: all the same");
}
