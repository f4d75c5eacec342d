// What a library exports: rows of {name, handler}, closed by a null name, and the version of the headers it was built
// with.
#ifndef JANS_FFI_LIBRARY_H_
#define JANS_FFI_LIBRARY_H_

#include "targets.h"
#include "xla/ffi/api/c_api.h"

namespace jans {

#define JANS_DECLARE(name) XLA_FFI_Error* name(XLA_FFI_CallFrame* frame);
#define JANS_DECLARE_FAMILY(name, _) JANS_FAMILY_TARGETS(JANS_DECLARE, name)
#define JANS_DECLARE_KIND(name, _) JANS_KIND_TARGETS(JANS_DECLARE, name)
JANS_TARGETS(JANS_DECLARE)
JANS_CPU_TARGETS(JANS_DECLARE)
JANS_FAMILY_TARGETS(JANS_DECLARE, lazy)
JANS_FAMILIES(JANS_DECLARE_FAMILY)
JANS_KINDS(JANS_DECLARE_KIND)
#undef JANS_DECLARE_KIND
#undef JANS_DECLARE_FAMILY
#undef JANS_DECLARE

}  // namespace jans

struct JansTarget {
  const char* name;
  void* handler;
};

#define JANS_ROW(name) {"jans_" #name, reinterpret_cast<void*>(jans::name)},
#define JANS_FAMILY_ROWS(name, _) JANS_FAMILY_TARGETS(JANS_ROW, name)
#define JANS_KIND_ROWS(name, _) JANS_KIND_TARGETS(JANS_ROW, name)
// Those of every platform.
#define JANS_ROWS \
  JANS_TARGETS(JANS_ROW) JANS_FAMILY_ROWS(lazy, _) JANS_FAMILIES(JANS_FAMILY_ROWS) JANS_KINDS(JANS_KIND_ROWS)
#define JANS_EXPORT extern "C" __attribute__((visibility("default")))
#define JANS_LIBRARY(rows)                                        \
  JANS_EXPORT const JansTarget* jans_targets() {                  \
    static const JansTarget targets[] = {rows{nullptr, nullptr}}; \
    return targets;                                               \
  }                                                               \
  JANS_EXPORT int jans_ffi_major() { return XLA_FFI_API_MAJOR; }  \
  JANS_EXPORT int jans_ffi_minor() { return XLA_FFI_API_MINOR; }

#endif  // JANS_FFI_LIBRARY_H_
