// Floats as every machine reads them.
#ifndef JANS_CORE_NUMBERS_H_
#define JANS_CORE_NUMBERS_H_

#include "portable.h"

namespace jans {

// Subnormal numbers count as zero everywhere: some machines flush them, and all must agree.
template <typename Float>
JANS_HD constexpr Float Smallest() {
  return sizeof(Float) == 4 ? Float(1.1754943508222875e-38) : Float(2.2250738585072014e-308);
}

template <typename Float>
JANS_HD Float Flushed(Float x) {
  return x < Smallest<Float>() && x > -Smallest<Float>() ? Float{0} : x;
}

template <typename Float>
JANS_HD bool IsFinite(Float x) {
  return x - x == 0;
}

template <typename Float>
JANS_HD bool IsNormalScale(Float x) {
  return x >= Smallest<Float>() && IsFinite(x);
}

}  // namespace jans

#endif  // JANS_CORE_NUMBERS_H_
