// What a library exports: rows of {name, handler}, closed by a null name, and the version of the headers it was built
// with.
#ifndef JANS_FFI_LIBRARY_H_
#define JANS_FFI_LIBRARY_H_

#include "xla/ffi/api/c_api.h"

struct JansTarget {
  const char* name;
  void* handler;
};

#define JANS_ROW(name) {"jans_" #name, reinterpret_cast<void*>(jans::name)},
#define JANS_EXPORT extern "C" __attribute__((visibility("default")))
#define JANS_LIBRARY(rows)                                        \
  JANS_EXPORT const JansTarget* jans_targets() {                  \
    static const JansTarget targets[] = {rows{nullptr, nullptr}}; \
    return targets;                                               \
  }                                                               \
  JANS_EXPORT int jans_ffi_major() { return XLA_FFI_API_MAJOR; }  \
  JANS_EXPORT int jans_ffi_minor() { return XLA_FFI_API_MINOR; }

#endif  // JANS_FFI_LIBRARY_H_
