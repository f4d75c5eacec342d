// Exp-Golomb codes of order k: the binary digits of n + 2^k, and before them one zero for each digit but k + 1 of them.
//
// (Teuhola 1978; k = 0 is ue(v) of H.264, and constriction's ExpGolomb.)
#ifndef JANS_CORE_CODERS_GOLOMB_H_
#define JANS_CORE_CODERS_GOLOMB_H_

#include "bits.h"

namespace jans {

struct Golomb {
  int order;  // 0 <= order <= 30, so that n + 2^order has 32 digits at most

  template <bool kStack>
  JANS_HD void Put(BitWriter& out, int64_t symbol) const {
    if (symbol < 0) {
      out.tail.status |= kBadSymbol;
      return;
    }
    const uint32_t value = static_cast<uint32_t>(symbol) + (1u << order);
    const int digits = BitLength(value), zeros = digits - 1 - order;
    if (kStack) {
      out.Append(value, digits);
      out.Append(0, zeros);
    } else {
      out.Append(0, zeros);
      out.Append(ReverseBits(value, digits), digits);
    }
  }

  template <bool kStack>
  JANS_HD int32_t Locate(BitReader<kStack>& in) const {
    const BitReader<kStack> before = in;
    const int most = 31 - order;
    in.Refill();
    // The first 1 bit as the lowest: zeros above it do not matter.
    const uint32_t next = static_cast<uint32_t>(in.Peek(32));
    const uint32_t ahead = kStack ? ReverseBits(next, 32) : next;
    const int zeros = ahead == 0 ? 32 : BitLength(ahead & (0 - ahead)) - 1;
    if (zeros > most) {
      if (in.count <= most) {
        in.Take(in.count);
        in.status |= kUnderflow;
      } else {
        in.Return(before);
        in.status |= kBadData;
      }
      return 0;
    }
    in.Take(zeros + 1);
    in.Refill();
    const int digits = zeros + order;
    const uint32_t low = static_cast<uint32_t>(in.Peek(digits));
    in.Take(digits);
    const uint64_t value = (uint64_t{1} << digits) + (kStack ? low : ReverseBits(low, digits)) - (1u << order);
    if (value >> 31 != 0) {
      in.Return(before);
      in.status |= kBadData;
      return 0;
    }
    return static_cast<int32_t>(value);
  }
};

}  // namespace jans

#endif  // JANS_CORE_CODERS_GOLOMB_H_
