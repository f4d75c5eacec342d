// Fields of the bits of floats: what a model predicts, which becomes a symbol of 8 bits, and the rest, which is packed.
//
// A word has a sign, `exponent` bits and `mantissa` bits. Its top is the exponent with the `top` bits after it, and its
// rest is the other mantissa bits and the sign. A scale t, in eighths of an octave, says how large the number is likely
// to be: the symbol is the top minus floor(t / 8) exponents, modulo 2^32, and the phase of t has the other bits, or the
// highest of them. Tops whose symbol is not in [1, 255] have symbol 0.
#ifndef JANS_CORE_FIELDS_H_
#define JANS_CORE_FIELDS_H_

#include "portable.h"

namespace jans {

struct Fields {
  int exponent, mantissa, top, phases;

  JANS_HD bool Valid(int width) const {
    return exponent >= 1 && exponent <= 11 && mantissa >= 0 && exponent + mantissa + 1 == width && top >= 0 &&
           top <= mantissa && top <= 8 && phases >= 0 && phases <= 3;
  }
  JANS_HD int rest_bits() const { return mantissa - top + 1; }

  JANS_HD uint32_t Shift(uint32_t scale) const {
    return static_cast<uint32_t>(static_cast<int32_t>(scale) >> 3) << top;
  }
  JANS_HD uint32_t Phase(uint32_t scale) const { return (scale & 7) >> (3 - phases); }
  JANS_HD uint32_t Top(uint32_t word) const {
    return word >> (mantissa - top) & ((uint32_t{1} << (exponent + top)) - 1);
  }
  JANS_HD uint32_t Symbol(uint32_t word, uint32_t scale) const {
    const uint32_t symbol = Top(word) - Shift(scale);
    return symbol >> 8 == 0 ? symbol : 0;
  }
  JANS_HD uint32_t Rest(uint32_t word) const {
    const uint32_t low = word & ((uint32_t{1} << (mantissa - top)) - 1);
    return low << 1 | (word >> (exponent + mantissa) & 1);
  }
  // The word of a symbol; a symbol of 0 leaves the top at 0.
  JANS_HD uint32_t Word(uint32_t symbol, uint32_t scale, uint32_t rest) const {
    const uint32_t known = (symbol + Shift(scale)) & ((uint32_t{1} << (exponent + top)) - 1);
    const uint32_t found = symbol == 0 ? 0 : known;
    return (rest & 1) << (exponent + mantissa) | found << (mantissa - top) | rest >> 1;
  }
};

}  // namespace jans

#endif  // JANS_CORE_FIELDS_H_
