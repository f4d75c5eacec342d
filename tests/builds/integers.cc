// Prints a checksum of many integers of every model in closed form and of every quantiser. Builds of any kind print the
// same: tests/ffi/test_builds.py compares them.
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "../../csrc/core/models/distributions.h"
#include "../../csrc/core/models/fixed_models.h"
#include "../../csrc/core/models/floats.h"
#include "../../csrc/core/models/sums.h"
#include "../../csrc/core/quantize/nearest.h"
#include "../../csrc/core/quantize/perfect.h"
#include "../../csrc/core/quantize/quantize.h"
#include "../../csrc/cpu/search/lazy_block.h"
#include "../../csrc/cpu/search/location_scale.h"
#include "../../csrc/cpu/search/mixture_lanes.h"

namespace {

using namespace jans;

// A linear congruential generator (Knuth, MMIX).
struct Random {
  uint64_t state = 1;

  uint32_t Bits() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state >> 32);
  }
  int32_t Below(uint32_t n) { return static_cast<int32_t>(Bits() % n); }
  double Unit() { return (Bits() + 0.5) / 4294967296.0; }
  // From 2^-24 to 2^24, exact in float32.
  double Magnitude() { return (1 + (Bits() >> 9) / 8388608.0) * PowerOfTwo(Below(48) - 24); }
};

class Checksum {
 public:
  void Add(uint64_t value) { hash_ = (hash_ ^ value) * 1099511628211u; }
  void Add(const Interval& interval) { Add(uint64_t{interval.start} << 32 | interval.freq); }
  ~Checksum() { std::printf("%s %016llx\n", name_, static_cast<unsigned long long>(hash_)); }
  explicit Checksum(const char* name) : name_(name) {}

 private:
  const char* name_;
  uint64_t hash_ = 14695981039346656037u;
};

constexpr int kCount = 20000;

void Add(Checksum& sum, const Located& found) {
  sum.Add(static_cast<uint32_t>(found.symbol));
  sum.Add(found.interval);
}

template <typename Model>
void Run(const char* name, Random& random, const Model& model) {
  Checksum sum(name);
  std::vector<int32_t> symbols(kCount);
  for (int32_t& symbol : symbols) symbol = random.Below(44) - 2;
  std::vector<uint32_t> start(kCount), freq(kCount);
  const Finder<Model> finder(model);
  finder.Find()(&finder, 0, kCount, symbols.data(), start.data(), freq.data());
  const LocateFunction locate = finder.Locate();
  for (int i = 0; i < kCount; i += 8) {
    uint32_t quantiles[8], starts[8], freqs[8];
    for (uint32_t& quantile : quantiles) quantile = random.Bits() >> 8;
    if (finder.LocateMany() != nullptr) {
      finder.LocateMany()(&finder, i, 8, quantiles, &symbols[i], starts, freqs);
      for (int j = 0; j < 8; ++j) Add(sum, {symbols[i + j], {starts[j], freqs[j]}});
    } else {
      for (int j = 0; j < 8; ++j) Add(sum, locate(&finder, i + j, quantiles[j]).Get());
    }
  }
  for (int i = 0; i < kCount; ++i) {
    sum.Add(Interval{start[i], freq[i]});
    Add(sum, locate(&finder, i, random.Bits() >> 8).Get());
  }
}

template <typename Float>
void RunRows(const char* name, Random& random) {
  constexpr int kSize = 30, kRows = 500;
  Checksum sum(name);
  std::vector<Float> probs(kRows * kSize), logits(kRows * kSize);
  for (Float& p : probs) p = static_cast<Float>(random.Unit() * random.Unit() * random.Unit());
  for (Float& x : logits) x = static_cast<Float>(random.Unit() * 30);
  const LazyProbs<Float> model{probs.data(), 1, kSize, 24};
  LazyBlock<Float> block(model, kRows);
  std::vector<double> room(PerfectRule::Room(kSize));
  PerfectRule perfect(room.data(), kSize);
  QuantizeRows quantize(kSize);
  std::vector<uint32_t> cdf(kSize + 1);
  for (int row = 0; row < kRows; ++row) {
    quantize.Probs(probs.data() + row * kSize, nullptr, 24, cdf.data());
    for (uint32_t left : cdf) sum.Add(left);
    perfect.Run(probs.data() + row * kSize, nullptr, kSize, 24, cdf.data());
    for (uint32_t left : cdf) sum.Add(left);
    QuantizeNearest<Float>(probs.data() + row * kSize, kSize, kSize, 6 + row % 20, row % 2 == 0, cdf.data());
    for (uint32_t left : cdf) sum.Add(left);
    if constexpr (sizeof(Float) == 4) {
      quantize.Logits(logits.data() + row * kSize, nullptr, 24, cdf.data());
      for (uint32_t left : cdf) sum.Add(left);
    }
  }
  constexpr int kGroup = LazyBlock<Float>::kRows;
  for (int row = 0; row < kRows; row += kGroup) {
    const int count = std::min(kGroup, kRows - row);
    for (int32_t symbol = 0; symbol < kSize; ++symbol) {
      std::vector<int32_t> symbols(count, symbol);
      std::vector<uint32_t> start(count), freq(count);
      block.Find(row, count, row + kGroup, symbols.data(), start.data(), freq.data());
      for (int j = 0; j < count; ++j) sum.Add(Interval{start[j], freq[j]});
    }
  }
}

}  // namespace

int main() {
  Random random;
  std::vector<float> location(kCount), scale(kCount), prob(kCount), parts(3 * kCount);
  std::vector<double> wide_location(kCount), wide_scale(kCount);
  for (int i = 0; i < kCount; ++i) {
    wide_location[i] = random.Unit() * 60 - 10;
    wide_scale[i] = random.Below(4) == 0 ? random.Magnitude() : random.Unit() * 20;
    location[i] = static_cast<float>(wide_location[i]);
    scale[i] = static_cast<float>(wide_scale[i]);
    prob[i] = static_cast<float>(random.Unit());
  }
  for (float& x : parts) x = static_cast<float>(random.Unit() * 8);
  const int32_t low = 0, high = 40;
  const Support support{{&low, 0}, {&high, 0}};
  const Integers most{&high, 0};
  const Reals locations{location.data(), 1, false}, scales{scale.data(), 1, false}, probs{prob.data(), 1, false};
  const Reals wide_locations{wide_location.data(), 1, true}, wide_scales{wide_scale.data(), 1, true};
  Run("gaussian", random, Leaky<Gaussian>{{locations, scales, support}, 24});
  Run("gaussian float64", random, Leaky<Gaussian>{{wide_locations, wide_scales, support}, 24});
  Run("laplace", random, Leaky<Laplace>{{locations, scales, support}, 24});
  Run("logistic", random, Leaky<Logistic>{{locations, scales, support}, 24});
  Run("cauchy", random, Leaky<Cauchy>{{locations, scales, support}, 24});
  Run("geometric", random, Leaky<Geometric>{{most, probs}, 24});
  Run("binomial", random, Leaky<Binomial>{{most, probs}, 24});
  Run("poisson", random, Summed<Poisson>{{most, scales}, 24});
  Run("beta binomial", random, Summed<BetaBinomial>{{most, scales, probs}, 24});
  const FloatRows parts_of_three{parts.data(), 3}, mean_of_one{location.data(), 1}, scale_of_one{scale.data(), 1};
  Run("logistics", random,
      Leaky<Mixture<LogisticComponent>>{{{parts_of_three, parts_of_three, parts_of_three, 3}, support}, 24});
  Run("gaussians", random,
      Leaky<Mixture<NormalComponent>>{{{parts_of_three, parts_of_three, parts_of_three, 3}, support}, 24});
  Run("one gaussian", random,
      Leaky<Mixture<NormalComponent>>{{{{parts.data(), 0}, mean_of_one, scale_of_one, 1}, support}, 24});
  Run("student t", random, Leaky<Student>{{scales, locations, scales, support}, 24});
  // Of bfloat16 and of half of its bits; and of a distribution that is none.
  const int32_t bfloat16[] = {16, 7, 127, 0x7F80, 1, 0}, top[] = {9, 0, 127, 255, 0, 0},
                small[] = {8, 2, 16, 127, 1, 1};
  const std::pair<const char*, const int32_t*> formats[] = {{"bfloat16", bfloat16}, {"top", top}, {"small", small}};
  for (const auto& [of, numbers] : formats) {
    const FloatFormat format(numbers);
    for (int shape = 0; shape < 6; ++shape) {
      const std::string name = std::string("floats ") + of + " " + std::to_string(shape);
      Run(name.c_str(), random,
          Leaky<FloatLine>{{scales, locations, scales, static_cast<LineShape>(shape), format}, 24});
    }
    for (const bool logistic : {false, true}) {
      const std::string name = std::string(logistic ? "logistics of floats " : "gaussians of floats ") + of;
      const MixtureRows three{parts_of_three, parts_of_three, parts_of_three, 3};
      Run(name.c_str(), random, Leaky<FloatMixture>{{three, logistic, format}, 24});
    }
  }
  RunRows<float>("rows", random);
  RunRows<double>("rows float64", random);
}
