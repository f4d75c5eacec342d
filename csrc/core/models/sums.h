// Distributions on 0, 1, ..., n - 1 whose masses follow from one another by a ratio, quantised with one count for every
// symbol: with S_k the sum of the first k masses and scale = (2^precision - n) / S_n,
//
//   left(k) = min(floor(S_k * scale), 2^precision - n) + k,  left(n) = 2^precision.
//
// Nothing is known of a symbol before all masses were summed: a call costs n steps.
#ifndef JANS_CORE_MODELS_SUMS_H_
#define JANS_CORE_MODELS_SUMS_H_

#include "../elementary.h"
#include "leaky.h"

namespace jans {

// A distribution gives, for the frame f that Load(i) made of the parameters of symbol i, Ratio(f, k), the mass of
// symbol k + 1 in units of that of symbol k.
template <typename Distribution>
struct Summed {
  using Parameters = typename Distribution::Parameters;
  static constexpr int64_t kMaxSymbols = int64_t{1} << 16;
  Distribution distribution;
  int precision;

  // A sum of masses, in units of 2^(512 * scalings) times the mass of symbol 0.
  struct Sum {
    double value;
    int scalings;

    // In the unit of a later sum; what is more than 2^512 times smaller than the whole counts as nothing.
    JANS_HD double In(int unit) const {
      return scalings == unit ? value : (scalings + 1 == unit ? value * PowerOfTwo(-512) : 0);
    }
  };

  // Calls visit(k, sum of the first k masses) for k = 0, 1, ..., n until it returns false.
  template <typename Visit>
  JANS_HD void Walk(const Parameters& f, const Visit& visit) const {
    double term = 1;
    Sum sum{0, 0};
    for (int64_t k = 0; visit(k, sum) && k < f.n; ++k) {
      sum.value += term;
      if (sum.value > PowerOfTwo(512)) {
        sum.value *= PowerOfTwo(-512);
        term *= PowerOfTwo(-512);
        ++sum.scalings;
      }
      if (k + 1 < f.n) term *= distribution.Ratio(f, k);
      if (term < PowerOfTwo(-900)) term = 0;
    }
  }
  JANS_HD bool Fits(const Parameters& f) const {
    return f.n >= 1 && f.n <= kMaxSymbols && static_cast<uint64_t>(f.n) <= Total(precision);
  }
  JANS_HD uint64_t Left(const Parameters& f, int64_t k, const Sum& sum, const Sum& all) const {
    if (k == f.n) return Total(precision);
    const uint64_t mass = Total(precision) - f.n;
    const double scale = static_cast<double>(mass) / all.value;
    const uint64_t scaled = static_cast<uint64_t>(sum.In(all.scalings) * scale);
    return (scaled < mass ? scaled : mass) + k;
  }

  JANS_HD Interval Find(int64_t i, int64_t symbol) const {
    const Parameters f = distribution.Load(i);
    if (!Fits(f)) return NoInterval(kBadModel);
    if (symbol < 0 || symbol >= f.n) return NoInterval(kBadSymbol);
    if (!f.valid) return NoInterval(kBadModel);
    Sum before{}, after{}, all{};
    Walk(f, [&](int64_t k, const Sum& sum) {
      if (k == symbol) before = sum;
      if (k == symbol + 1) after = sum;
      all = sum;
      return true;
    });
    return MakeInterval(Left(f, symbol, before, all), Left(f, symbol + 1, after, all));
  }

  JANS_HD Located Locate(int64_t i, uint32_t quantile) const {
    const Parameters f = distribution.Load(i);
    if (!Fits(f) || !f.valid) return {0, NoInterval(kBadModel)};
    Sum all{};
    Walk(f, [&](int64_t, const Sum& sum) {
      all = sum;
      return true;
    });
    int64_t symbol = 0;
    uint64_t left = 0, right = 0;
    Walk(f, [&](int64_t k, const Sum& sum) {
      right = Left(f, k, sum, all);
      if (right > quantile) return false;
      left = right;
      symbol = k;
      return true;
    });
    return LocatedAt(symbol, MakeInterval(left, right));
  }
};

// The rate lies where neither it nor a ratio leaves the range of the sums.
struct Poisson {
  static constexpr double kMost = 1e30;

  Integers high;
  Reals rate;

  struct Parameters : Frame {
    double rate;
  };
  JANS_HD Parameters Load(int64_t i) const {
    const double r = rate[i];
    return {{0, high[i] + 1, r >= 1 / kMost && r <= kMost}, r};
  }
  JANS_HD double Ratio(const Parameters& f, int64_t k) const { return f.rate / static_cast<double>(k + 1); }
};

struct BetaBinomial {
  Integers trials;
  Reals alpha, beta;

  struct Parameters : Frame {
    double alpha, beta;
  };
  JANS_HD Parameters Load(int64_t i) const {
    const double a = alpha[i], b = beta[i];
    auto legal = [](double x) { return x >= 1 / Poisson::kMost && x <= Poisson::kMost; };
    return {{0, trials[i] + 1, legal(a) && legal(b)}, a, b};
  }
  JANS_HD double Ratio(const Parameters& f, int64_t k) const {
    const double n = static_cast<double>(f.n - 1), at = static_cast<double>(k);
    return (n - at) * (at + f.alpha) / ((at + 1) * (n - at - 1 + f.beta));
  }
};

}  // namespace jans

#endif  // JANS_CORE_MODELS_SUMS_H_
