// The operands of probabilities that are coded without a table of them.
#ifndef JANS_FFI_OPERANDS_LAZY_OPERANDS_H_
#define JANS_FFI_OPERANDS_LAZY_OPERANDS_H_

#include "../../core/models/lazy.h"
#include "arguments.h"

namespace jans {

// A row of probabilities for each of n symbols, or one for all.
template <typename Float>
struct LazyOperands {
  Operand<const Float> probs;
  int precision = 0;

  ffi::Error Init(const Batch& batch, const AnyBuffer& buffer, int64_t n, int32_t bits) {
    JANS_RETURN_IF_ERROR(probs.Init("probs", buffer, DTypeOf<Float>(), batch, 2));
    JANS_RETURN_IF_ERROR(CheckPrecision(bits, 32));
    if (probs.core[0] != 1 && probs.core[0] != n) return Invalid("probs fits neither one nor all symbols");
    if (size() < 2 || static_cast<uint64_t>(size()) > Total(bits)) {
      return Invalid("probs needs two symbols, and no more than the precision has room for");
    }
    precision = bits;
    return ffi::Error::Success();
  }
  JANS_HD int64_t size() const { return probs.core[1]; }
  int64_t cost() const { return 1 + size() / 64; }
  JANS_HD LazyProbs<Float> At(int64_t b) const { return {probs.At(b), probs.core[0] == 1 ? 0 : 1, size(), precision}; }
};

}  // namespace jans

#endif  // JANS_FFI_OPERANDS_LAZY_OPERANDS_H_
