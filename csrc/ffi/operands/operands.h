// Arguments of the targets: what their shapes mean, and the checks behind every pointer.
//
// All arrays of a call have the same number of leading batch dimensions, as many as `size` has dimensions. A batch
// dimension is as long as in `size`, or 1 where all streams share the array.
#ifndef JANS_FFI_OPERANDS_OPERANDS_H_
#define JANS_FFI_OPERANDS_OPERANDS_H_

#include <array>
#include <string>

#include "../../core/arrays.h"
#include "../handler.h"

namespace jans {

// An error of the caller's; in two parts, so that no string is made where it is returned.
__attribute__((noinline, cold)) inline ffi::Error Invalid(const char* what, const char* why = "") {
  return ffi::Error(ffi::ErrorCode::kInvalidArgument, std::string("jans: ") + what + why);
}

template <typename Buffer>
ffi::Error CheckVector(const Buffer& buffer) {
  return buffer.dimensions().size() < 1 ? Invalid("an array of one dimension or more is needed")
                                        : ffi::Error::Success();
}

// The leading dimensions of a call.
inline ffi::Error InitBatch(ffi::Span<const int64_t> dims, Batch& batch) {
  if (dims.size() > Batch::kMaxRank) return Invalid("more than 8 batch dimensions");
  batch = {};
  batch.rank = static_cast<int>(dims.size());
  for (int d = 0; d < batch.rank; ++d) {
    batch.dims[d] = dims[d];
    batch.streams *= dims[d];
  }
  return ffi::Error::Success();
}

// One array of a call, with the dimensions of the part that each stream has.
template <typename T>
struct Operand : Array<T> {
  std::array<int64_t, 2> core{1, 1};

  template <typename Buffer>
  ffi::Error Init(const char* name, const Buffer& buffer, ffi::DataType dtype, const Batch& of, int core_rank) {
    if (buffer.element_type() != dtype) return Invalid(name, " has the wrong dtype");
    this->data = static_cast<T*>(buffer.untyped_data());
    return InitShape(name, buffer.dimensions(), of, core_rank);
  }

 private:
  __attribute__((noinline)) ffi::Error InitShape(const char* name, ffi::Span<const int64_t> dims, const Batch& of,
                                                 int core_rank) {
    if (static_cast<int>(dims.size()) != of.rank + core_rank) return Invalid(name, " has the wrong rank");
    this->batch = of;
    int64_t stride = 1;
    for (int d = core_rank - 1; d >= 0; --d) {
      core[d] = dims[of.rank + d];
      stride *= core[d];
    }
    for (int d = of.rank - 1; d >= 0; --d) {
      int64_t length = dims[d];
      if (length != of.dims[d] && length != 1) return Invalid(name, " does not fit the batch");
      this->strides[d] = length == 1 ? 0 : stride;
      stride *= length;
    }
    return ffi::Error::Success();
  }
};

#define JANS_RETURN_IF_ERROR(expression) \
  do {                                   \
    ffi::Error error = (expression);     \
    if (error.failure()) return error;   \
  } while (false)

}  // namespace jans

#endif  // JANS_FFI_OPERANDS_OPERANDS_H_
