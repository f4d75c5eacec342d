// Values outside of a row's alphabet, as torch_ans and CompressAI code them ("bypass" coding): the escape symbol of the
// row, and a number behind it. With v = symbol - offset and e the place of the escape symbol in its row,
//
//   number = 2 (v - e) for v >= e,  -2 v - 1 for v < 0
//
// It is read in digits of b bits, the lowest first, behind the count of digits. That count comes in digits of b bits as
// well: as many of 2^b - 1 as it has, then what is left.
#ifndef JANS_CORE_CODERS_BYPASS_H_
#define JANS_CORE_CODERS_BYPASS_H_

#include "../rans.h"

namespace jans {

constexpr int kMaxBypassBits = 16;
constexpr int kNumberBits = 34;  // |v| < 2^32 for symbols and offsets of 32 bits
constexpr int64_t kInAlphabet = -1;

// The number behind the escape symbol, or kInAlphabet.
JANS_HD int64_t BypassNumber(int64_t v, int64_t escape) {
  if (v < 0) return -2 * v - 1;
  return v >= escape ? 2 * (v - escape) : kInAlphabet;
}

// The inverse of BypassNumber.
JANS_HD int64_t BypassValue(int64_t number, int64_t escape) {
  return number % 2 == 1 ? -(number / 2) - 1 : escape + number / 2;
}

// Calls put(digit) for the digits of a number, the one that is read first last.
template <typename Put>
JANS_HD void PushNumber(uint64_t number, int bits, const Put& put) {
  const uint32_t most = (uint32_t{1} << bits) - 1;
  uint32_t count = 0;
  while (count * bits < 64 && number >> (count * bits) != 0) ++count;
  for (uint32_t j = count; j-- > 0;) put(static_cast<uint32_t>(number >> (j * bits)) & most);
  put(count % most);
  for (uint32_t j = 0; j < count / most; ++j) put(most);
}

// Reads a number with take(); false where no push can have written the digits. It takes a bounded number of them.
template <typename Take>
JANS_HD bool PopNumber(int bits, const Take& take, int64_t& number) {
  const uint32_t most = (uint32_t{1} << bits) - 1, limit = (kNumberBits + bits - 1) / bits;
  uint32_t count = 0, digit = most;
  while (digit == most && count <= limit) {
    digit = take();
    count += digit;
  }
  if (count > limit) return false;
  uint64_t value = 0;
  for (uint32_t j = 0; j < count; ++j) {
    digit = take();
    value |= uint64_t{digit} << (j * bits);
  }
  number = static_cast<int64_t>(value);
  return value >> kNumberBits == 0 && (count == 0 || digit != 0);
}

}  // namespace jans

#endif  // JANS_CORE_CODERS_BYPASS_H_
