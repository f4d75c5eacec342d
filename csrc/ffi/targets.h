// The one table of targets. A name here is "jans_<name>" in XLA and in jans/ffi/calls.py, the same on every platform.
#ifndef JANS_FFI_TARGETS_H_
#define JANS_FFI_TARGETS_H_

// clang-format off
#define JANS_CODER_TARGETS(X)   \
  X(rans_push)                  \
  X(rans_push_rows)             \
  X(rans_advance)               \
  X(rans_pop_rows)              \
  X(quantize_probs)             \
  X(quantize_logits)

#define JANS_MODEL_TARGETS(X)   \
  X(rans_pop_uniform)           \
  X(rans_pop_gaussian)          \
  X(rans_pop_logistic_mixture)  \
  X(interval_gaussian)          \
  X(interval_logistic_mixture)  \
  X(locate_gaussian)            \
  X(locate_logistic_mixture)    \
  X(addresses)
// clang-format on

#endif  // JANS_FFI_TARGETS_H_
