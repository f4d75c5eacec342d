// Fields of the bits of floats: what a model predicts, which becomes a symbol of 8 bits, and the rest, which is packed.
//
// A word has a sign, `exponent` bits and `mantissa` bits. Its top is the exponent with the `top` bits after it, and its
// rest is the other mantissa bits and the sign. A scale t, in eighths of an octave, says how large the number is likely
// to be: the symbol is the top minus floor(t / 8) exponents, modulo 2^32, and the phase of t has the other bits, or the
// highest of them. Tops whose symbol is not in [1, 255] have symbol 0.
#ifndef JANS_CORE_FIELDS_H_
#define JANS_CORE_FIELDS_H_

#include <cstdint>

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

// A distance below 8 is its own symbol. A longer one, of L bits, has the symbol 4 (L - 2) plus the two bits behind the
// leading one, and L - 3 bits that are kept as they are.
JANS_HD int KeptBits(uint32_t symbol) { return symbol < 8 ? 0 : static_cast<int>(symbol / 4) - 1; }
JANS_HD uint32_t LengthSymbol(uint64_t distance) {
  if (distance < 8) return static_cast<uint32_t>(distance);
  const int kept = 61 - __builtin_clzll(distance);
  return static_cast<uint32_t>(4 * kept) + static_cast<uint32_t>(distance >> kept);
}
// The distance without the bits that are kept.
JANS_HD uint64_t LeastDistance(uint32_t symbol) {
  return symbol < 8 ? symbol : uint64_t{4 | (symbol & 3)} << KeptBits(symbol);
}

// How words are numbered: as they are, as integers with a sign, or as floats, so that neighbours in their order have
// neighbouring numbers.
enum class WordOrder : int32_t { kPlain, kSigned, kFloat };
template <typename T>
struct Ordered {
  static constexpr int kSign = 8 * sizeof(T) - 1;
  static constexpr T kHalf = static_cast<T>(T{1} << kSign);

  static JANS_HD T Number(T word, WordOrder order) {
    if (order == WordOrder::kPlain) return word;
    if (order == WordOrder::kSigned) return word ^ kHalf;
    return static_cast<T>(word ^ (kHalf | static_cast<T>(T{0} - static_cast<T>(word >> kSign))));
  }
  static JANS_HD T Word(T number, WordOrder order) {
    if (order == WordOrder::kPlain) return number;
    if (order == WordOrder::kSigned) return number ^ kHalf;
    return static_cast<T>(number ^ (kHalf | static_cast<T>(static_cast<T>(number >> kSign) - 1)));
  }
  // A difference, modulo the size of a word, with its sign as the lowest bit; and back.
  static JANS_HD T Folded(T step) {
    return static_cast<T>(static_cast<T>(step << 1) ^ static_cast<T>(T{0} - static_cast<T>(step >> kSign)));
  }
  static JANS_HD T Unfolded(T distance) {
    return static_cast<T>(static_cast<T>(distance >> 1) ^ static_cast<T>(T{0} - static_cast<T>(distance & 1)));
  }
};

// What a number is likely to be, from the one on its left, the one above, and the one above on the left; kSlope goes on
// with the step between the two on its left.
enum class Predictor : int32_t { kNone, kLeft, kUp, kPlane, kMedian, kMean, kSlope };
constexpr int kPredictors = 7;
template <typename T>
JANS_HD T Predicted(Predictor predictor, T left, T up, T corner) {
  const T low = left < up ? left : up, high = left < up ? up : left;
  const T plane = static_cast<T>(left + up - corner);
  switch (predictor) {
    case Predictor::kNone:
      return 0;
    case Predictor::kLeft:
    case Predictor::kSlope:
      return left;
    case Predictor::kUp:
      return up;
    case Predictor::kPlane:
      return plane;
    case Predictor::kMedian:  // of these three (LOCO-I, Weinberger et al. 2000)
      return corner >= high ? low : (corner <= low ? high : plane);
    case Predictor::kMean:
      return static_cast<T>((left & up) + ((left ^ up) >> 1));
  }
  return 0;
}

}  // namespace jans

#endif  // JANS_CORE_FIELDS_H_
