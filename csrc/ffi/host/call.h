// Calls of handlers without XLA.
#ifndef JANS_FFI_HOST_CALL_H_
#define JANS_FFI_HOST_CALL_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "xla/ffi/api/c_api.h"

namespace jans::host {

// What XLA makes of an array.
XLA_FFI_Buffer MakeBuffer(XLA_FFI_DataType dtype, void* data, int64_t rank, const int64_t* dims);

// A handler, and the attributes of its calls.
class Target {
 public:
  using Attributes = std::vector<std::pair<std::string, int32_t>>;
  static constexpr int kMost = 32;  // operands, and results

  Target(void* handler, Attributes attributes);
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // True if the call was made; otherwise `error` says why not. Any number of threads may call at once.
  bool Call(XLA_FFI_Buffer* const* operands, int64_t operand_count, XLA_FFI_Buffer* const* results,
            int64_t result_count, std::string* error) const;

 private:
  XLA_FFI_Handler* handler_;
  Attributes attributes_;
  std::vector<XLA_FFI_ByteSpan> names_;
  std::vector<XLA_FFI_Scalar> scalars_;
  std::vector<XLA_FFI_ByteSpan*> name_of_;
  std::vector<void*> value_of_;
  std::vector<XLA_FFI_AttrType> types_;
};

}  // namespace jans::host

#endif  // JANS_FFI_HOST_CALL_H_
