// The state of one stream in buffers of its own.
#ifndef JANS_TESTS_FUZZ_BUFFERS_H_
#define JANS_TESTS_FUZZ_BUFFERS_H_

#include "../../csrc/cpu/loops/stream.h"
#include "input.h"

namespace jans {

template <typename V>
struct Buffers {
  std::vector<uint32_t> heads;
  std::vector<typename V::Word> tail;
  int64_t size;

  Stream<V> Open(int64_t lanes) {
    return {heads.data(), lanes, {tail.data(), static_cast<int64_t>(tail.size()), size, 0}};
  }
};

// Words beyond the size are unspecified.
template <typename V>
bool Same(const Stream<V>& a, const Buffers<V>& of_a, const Stream<V>& b, const Buffers<V>& of_b) {
  const int64_t used = a.tail.size < a.tail.capacity ? a.tail.size : a.tail.capacity;
  return a.tail.size == b.tail.size && a.tail.status == b.tail.status && of_a.heads == of_b.heads &&
         std::equal(of_a.tail.begin(), of_a.tail.begin() + used, of_b.tail.begin());
}

}  // namespace jans

#endif  // JANS_TESTS_FUZZ_BUFFERS_H_
