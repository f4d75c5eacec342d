// The rule of ryg_rans: every probability becomes the nearest count, all of them are scaled to fit, and who is left
// with none is given one.
#ifndef JANS_CORE_QUANTIZE_NEAREST_H_
#define JANS_CORE_QUANTIZE_NEAREST_H_

#include "../elementary.h"
#include "quantize.h"

namespace jans {

// Doubles from 2^52 to 2^53 are the integers: sums there are rounded, from the middle between two to the even one.
constexpr double kUnits = 4503599627370496.0;  // 2^52

// The nearest integer to x from 0 to 2^52. What x is otherwise becomes some number.
JANS_HD uint64_t Nearest(double x) { return ToBits(x + kUnits) - ToBits(kUnits); }

// As a double, and rounded up where x exceeds the even one by `tie`: a half, or what no x does.
JANS_HD double Rounded(double x, double tie) {
  const double even = x + kUnits - kUnits;
  return even + (x - even == tie ? 1.0 : 0.0);
}

// Gives every symbol without a place one, of 2^precision >= n places in all: while there are such symbols, the one with
// the fewest places but more than one, of equal ones the first, gives one of them away.
//
// Who has given has the fewest until one place is left, and who was given one never gives. So givers stand in line by
// (freq, index), and each gives all but one before it is the next one's turn. There is a `few` such that those with
// fewer give all but one, and those with as many, in their order, until nothing is missing: the largest for which those
// with fewer have too little to give. It is found bit by bit. As the places suffice, some have no fewer.
JANS_HD void GiveOneToEach(uint32_t* freq, int64_t n, int precision) {
  uint32_t missing = 0;
  for (int64_t i = 0; i < n; ++i) {
    missing += freq[i] == 0;
    freq[i] += freq[i] == 0;
  }
  if (missing == 0) return;
  uint32_t few = 0, given = 0;
  for (int bit = precision; bit >= 0; --bit) {
    const uint32_t more = few + (1u << bit);
    uint32_t spare = 0;
    for (int64_t i = 0; i < n; ++i) spare += freq[i] < more ? freq[i] - 1 : 0;
    if (spare < missing) {
      few = more;
      given = spare;
    }
  }
  missing -= given;
  for (int64_t i = 0; i < n; ++i) {
    if (freq[i] < few) {
      freq[i] = 1;
    } else if (freq[i] == few) {
      const uint32_t part = missing < few - 1 ? missing : few - 1;
      freq[i] -= part;
      missing -= part;
    }
  }
}

// With F = 2^precision, precision < 32, and f_i = p_i F rounded, from the middle between two integers to the even one
// or away from zero,
//   freq_i = floor(f_i F / sum(f)), and for the last symbol what the others leave of F;
// then those with none are given one. The first `size` of n values are the symbols; what is behind them has no place.
//
// Refused are rows where sum(f) F reaches 2^64, or sum(f) 2^52. Those are limits of every x = p F as well, so that the
// sum of F numbers or less is below 2^64, or wraps to zero where all were rounded up to the limit. Subnormal values
// count as zero, which their products with F are rounded to.
template <typename Float>
JANS_HD void QuantizeNearest(const Float* probs, int32_t size, int64_t n, int precision, bool away, uint32_t* cdf) {
  const uint32_t places = uint32_t{1} << precision;
  if (size < 1 || size > n || static_cast<uint32_t>(size) > places) return RefuseRow(n, cdf);
  const uint64_t most = uint64_t{1} << (precision < 12 ? 52 : 64 - precision);
  const double scale = static_cast<double>(places), tie = away ? 0.5 : 2.0;
  const double least = -Smallest<Float>() * scale, end = static_cast<double>(most);
  uint64_t total = 0, bad = 0;
  for (int64_t i = 0; i < size; ++i) {
    const double x = probs[i] * scale;
    total += Nearest(Rounded(x, tie));
    bad |= ((x > least) & (x < end)) ? 0 : 1;
  }
  if (bad != 0 || total == 0 || total >= most) return RefuseRow(n, cdf);

  // f F / total is at most 2^31, so that the product of doubles is off by less than 2^-20. The nearest integer to that
  // is the whole part, or one more where the rest is negative; as the rest is no larger than total, bit 63 is its sign.
  const double ratio = scale / static_cast<double>(total);
  uint32_t left = places;
  for (int64_t i = 0; i < size - 1; ++i) {
    const double f = Rounded(probs[i] * scale, tie);
    const uint64_t near = Nearest(f * ratio), rest = (Nearest(f) << precision) - near * total;
    cdf[i] = static_cast<uint32_t>(near - (rest >> 63));
    left -= cdf[i];
  }
  cdf[size - 1] = left;
  GiveOneToEach(cdf, size, precision);
  uint32_t before = 0;
  for (int64_t i = 0; i <= n; ++i) {
    const uint32_t freq = i < size ? cdf[i] : 0;
    cdf[i] = before;
    before += freq;
  }
}

}  // namespace jans

#endif  // JANS_CORE_QUANTIZE_NEAREST_H_
