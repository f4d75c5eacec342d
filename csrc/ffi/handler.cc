#include "handler.h"

#include <string>
#include <string_view>

namespace jans {
namespace {

ffi::Error Mismatch(const char* what, int64_t expected, int64_t got) {
  return ffi::Error(ffi::ErrorCode::kInvalidArgument, std::string("jans: wrong number of ") + what + ": expected " +
                                                          std::to_string(expected) + ", got " + std::to_string(got));
}

ffi::Error Check(const XLA_FFI_CallFrame& frame, const Signature& takes, const char* const* names,
                 int32_t* attributes) {
  const XLA_FFI_Args& args = frame.args;
  const XLA_FFI_Rets& rets = frame.rets;
  const XLA_FFI_Attrs& attrs = frame.attrs;
  if (takes.more_arguments ? args.size < takes.arguments : args.size != takes.arguments) {
    return Mismatch("operands", takes.arguments, args.size);
  }
  if (takes.more_results ? rets.size < takes.results : rets.size != takes.results) {
    return Mismatch("results", takes.results, rets.size);
  }
  if (attrs.size != takes.attributes) return Mismatch("attributes", takes.attributes, attrs.size);
  for (int64_t i = 0; i < args.size; ++i) {
    if (args.types[i] != XLA_FFI_ArgType_BUFFER) return ffi::Error::InvalidArgument("jans: an operand is no buffer");
  }
  for (int64_t i = 0; i < rets.size; ++i) {
    if (rets.types[i] != XLA_FFI_RetType_BUFFER) return ffi::Error::InvalidArgument("jans: a result is no buffer");
  }
  for (int k = 0; k < takes.attributes; ++k) {
    const std::string_view name = names[k];
    const XLA_FFI_Scalar* found = nullptr;
    for (int64_t i = 0; i < attrs.size; ++i) {
      if (attrs.types[i] == XLA_FFI_AttrType_SCALAR &&
          name == std::string_view(attrs.names[i]->ptr, attrs.names[i]->len)) {
        found = static_cast<const XLA_FFI_Scalar*>(attrs.attrs[i]);
      }
    }
    if (found == nullptr || found->dtype != XLA_FFI_DataType_S32) {
      return ffi::Error::InvalidArgument("jans: there is no attribute \"" + std::string(name) + "\" of type int32");
    }
    attributes[k] = *static_cast<const int32_t*>(found->value);
  }
  return ffi::Error::Success();
}

}  // namespace

bool OpenCall(XLA_FFI_CallFrame* frame, const Signature& takes, const char* const* names, bool capturable,
              int32_t* attributes, XLA_FFI_Error** error) {
  // A handler without parameters checks the frame, and tells XLA what it asks.
  static const auto* plain = ffi::Ffi::Bind().To(ffi::Error::Success).release();
  static const auto* recorded = ffi::Ffi::Bind().To(ffi::Error::Success, {ffi::Traits::kCmdBufferCompatible}).release();
  *error = (capturable ? recorded : plain)->Call(frame);
  if (*error != nullptr) return false;
  const XLA_FFI_Extension_Base* extension = frame->extension_start;
  if (extension != nullptr && extension->type == XLA_FFI_Extension_Metadata) return false;
  *error = CloseCall(frame, Check(*frame, takes, names, attributes));
  return *error == nullptr;
}

XLA_FFI_Error* CloseCall(const XLA_FFI_CallFrame* frame, ffi::Error error) {
  using Encoding = ffi::ResultEncoding<ffi::ExecutionStage::kExecute, ffi::Error>;
  return Encoding::Encode(frame->api, frame->ctx, std::move(error));
}

}  // namespace jans
