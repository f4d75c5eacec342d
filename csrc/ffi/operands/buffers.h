// The buffers of a call in which the state of a coder comes first, and results that replace its arrays come first.
#ifndef JANS_FFI_OPERANDS_BUFFERS_H_
#define JANS_FFI_OPERANDS_BUFFERS_H_

#include <algorithm>
#include <initializer_list>
#include <new>
#include <type_traits>

#include "../platform.h"

namespace jans {

// In the place of a result: this array of the state is only read.
constexpr int kGiven = -1;

// A few buffers, without a memory of their own.
class BufferArray {
 public:
  static constexpr size_t kMost = 16;

  void push_back(const AnyBuffer& buffer) { new (bytes_ + sizeof(AnyBuffer) * size_++) AnyBuffer(buffer); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const AnyBuffer* data() const { return reinterpret_cast<const AnyBuffer*>(bytes_); }
  const AnyBuffer& operator[](size_t i) const { return data()[i]; }
  const AnyBuffer& back() const { return data()[size_ - 1]; }

 private:
  static_assert(std::is_trivially_destructible_v<AnyBuffer>);
  alignas(AnyBuffer) unsigned char bytes_[kMost * sizeof(AnyBuffer)];
  size_t size_ = 0;
};

struct Buffers {
  BufferArray state;     // where the call finds and leaves it
  BufferArray operands;  // those after the state
  BufferArray results;   // those that replace nothing

  // `replaced[k]` is the result that replaces array k of the state.
  template <typename Where>
  ffi::Error Init(const Where& where, const Arguments& args, const Results& rets, std::initializer_list<int> replaced,
                  size_t more_results) {
    const size_t updated = replaced.size() - std::count(replaced.begin(), replaced.end(), kGiven);
    if (args.size() < replaced.size() || args.size() > BufferArray::kMost || rets.size() != updated + more_results) {
      return Invalid("wrong number of operands or results");
    }
    for (size_t i = 0; i < args.size(); ++i) {
      const AnyBuffer arg = args[i];
      const int result = i < replaced.size() ? replaced.begin()[i] : kGiven;
      if (result == kGiven) {
        (i < replaced.size() ? state : operands).push_back(arg);
        continue;
      }
      const Out ret = rets[static_cast<size_t>(result)];
      if (ret.element_type() != arg.element_type() || ret.size_bytes() != arg.size_bytes()) {
        return Invalid("a result does not fit what it replaces");
      }
      JANS_RETURN_IF_ERROR(where.Keep(arg, ret));
      state.push_back(ret);
    }
    for (size_t i = updated; i < rets.size(); ++i) results.push_back(rets[i]);
    return ffi::Error::Success();
  }

  // The intervals that are the only operands of a call.
  ffi::Error Intervals(const Batch& batch, IntervalOperands& intervals) const {
    if (operands.size() != 2) return Invalid("the operands are intervals: start and freq");
    return intervals.Init(batch, operands[0], operands[1]);
  }
};

}  // namespace jans

#endif  // JANS_FFI_OPERANDS_BUFFERS_H_
