// Distribution functions on the integers low, low + 1, ..., low + n - 1, quantised with one count for every symbol:
//
//   left(k) = floor(F(edge k) * (2^precision - n)) + k,  left(0) = 0,  left(n) = 2^precision,
//
// where symbol low + k lies between the edges k and k + 1. F rises, so left rises strictly and is searched by
// bisection, from a guess where the distribution has one: a bad guess costs time, never correctness. A distribution
// whose F may fall by less than a count asks for two of them for every symbol, in place of one.
#ifndef JANS_CORE_MODELS_LEAKY_H_
#define JANS_CORE_MODELS_LEAKY_H_

#include "../numbers.h"
#include "models.h"

namespace jans {

// What a distribution says of one symbol, beside its own parameters.
struct Frame {
  int64_t low, n;      // the support; n < 1 where there is none
  bool valid;          // whether the parameters are those of a distribution
  int64_t counts = 1;  // that every symbol has at least
};

// Parameters of all symbols, read by stride: 0 where they share them.
struct Reals {
  const void* data;
  int64_t stride;
  bool wide;  // float64, not float32

  JANS_HD double operator[](int64_t i) const {
    if (wide) return Flushed(static_cast<const double*>(data)[i * stride]);
    return Flushed(static_cast<const float*>(data)[i * stride]);
  }
  int64_t bytes() const { return wide ? sizeof(double) : sizeof(float); }
  const void* At(int64_t i) const { return static_cast<const char*>(data) + i * stride * bytes(); }
  // Subnormal numbers as they are, or as zero.
  JANS_HD double Raw(int64_t i) const {
    return wide ? static_cast<const double*>(data)[i * stride] : static_cast<const float*>(data)[i * stride];
  }
};

struct Integers {
  const int32_t* data;
  int64_t stride;

  JANS_HD int64_t operator[](int64_t i) const { return data[i * stride]; }
};

struct Support {
  Integers low, high;

  JANS_HD int64_t Low(int64_t i) const { return low[i]; }
  JANS_HD int64_t Size(int64_t i) const { return high[i] - low[i] + 1; }
};

// Where in (0, 1) a quantile is.
JANS_HD double Fraction(uint32_t quantile, int precision) {
  return (static_cast<double>(quantile) + 0.5) * (1.0 / static_cast<double>(Total(precision)));
}

// A distribution gives, for the frame f that Load(i) made of the parameters of symbol i,
//   Scaled(f, k, mass)   floor(F(edge k) * mass) for 0 < k < f.n, and
//   Guess(f, quantile, precision)    about the k whose symbol has this quantile, any number will do; where kGuesses.
template <typename Distribution>
struct Leaky {
  using Parameters = typename Distribution::Parameters;
  Distribution distribution;
  int precision;

  JANS_HD uint64_t Left(const Parameters& f, int64_t k) const {
    if (k <= 0) return 0;
    if (k >= f.n) return Total(precision);
    const uint64_t mass = Total(precision) - f.n * f.counts, scaled = distribution.Scaled(f, k, mass);
    return (scaled < mass ? scaled : mass) + k * f.counts;
  }
  JANS_HD bool Fits(const Parameters& f) const {
    return f.n >= 1 && static_cast<uint64_t>(f.n * f.counts) <= Total(precision);
  }

  JANS_HD Interval Find(int64_t i, int64_t symbol) const { return FindWith(distribution.Load(i), symbol); }
  JANS_HD Interval FindWith(const Parameters& f, int64_t symbol) const {
    if (!Fits(f)) return NoInterval(kBadModel);
    const int64_t k = symbol - f.low;
    if (k < 0 || k >= f.n) return NoInterval(kBadSymbol);
    if (!f.valid) return NoInterval(kBadModel);
    return MakeInterval(Left(f, k), Left(f, k + 1));
  }

  JANS_HD Located Locate(int64_t i, uint32_t quantile) const {
    const Parameters f = distribution.Load(i);
    if (!Fits(f) || !f.valid) return {0, NoInterval(kBadModel)};
    // left(below) <= quantile < left(above) from here on.
    int64_t below = 0, above = f.n;
    uint64_t left = 0, right = Total(precision);
    auto divide = [&](int64_t k) {
      const uint64_t value = Left(f, k);
      const bool rises = value <= quantile;
      below = rises ? k : below;
      left = rises ? value : left;
      above = rises ? above : k;
      right = rises ? right : value;
      return rises;
    };
    if constexpr (Distribution::kGuesses) {
      if (divide(WithinSupport(distribution.Guess(f, quantile, precision), f.n))) {
        for (int64_t step = 1; above - below > step && divide(below + step); step *= 2) {
        }
      } else {
        for (int64_t step = 1; above - below > step && !divide(above - step); step *= 2) {
        }
      }
    }
    while (above - below > 1) divide(below + (above - below) / 2);
    return LocatedAt(f.low + below, MakeInterval(left, right));
  }

 private:
  template <typename Float>
  static JANS_HD int64_t WithinSupport(Float guess, int64_t n) {
    if (!(guess > 0)) return 0;
    return guess < static_cast<Float>(n - 1) ? static_cast<int64_t>(guess) : n - 1;
  }
};

}  // namespace jans

#endif  // JANS_CORE_MODELS_LEAKY_H_
