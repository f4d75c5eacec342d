// Forced in front of the handlers of csrc/ffi/*.cu, this lets them run on XLA's CPU backend, which has no stream to
// give.
#ifndef JANS_TESTS_CUDA_EMULATION_HOST_STREAM_H_
#define JANS_TESTS_CUDA_EMULATION_HOST_STREAM_H_

#include "cuda_runtime.h"
#include "xla/ffi/api/ffi.h"

template <>
struct xla::ffi::CtxDecoding<xla::ffi::PlatformStream<cudaStream_t>> {
  using Type = cudaStream_t;
  static std::optional<Type> Decode(const XLA_FFI_Api*, XLA_FFI_ExecutionContext*, DiagnosticEngine&) {
    return nullptr;
  }
};

#endif  // JANS_TESTS_CUDA_EMULATION_HOST_STREAM_H_
