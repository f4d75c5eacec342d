// One kernel by its number, for `instructions.py`: what is counted is what `Measured` calls.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "../csrc/cpu/loops/simd_dispatch.h"
#include "../csrc/cpu/search/location_scale.h"
#include "../csrc/cpu/search/quantize_rows.h"
#include "../csrc/cpu/search/row_tables.h"

using namespace jans;

extern "C" __attribute__((noipa)) void Measured(const std::function<void()>& kernel) {
  kernel();
  asm volatile("");
}

namespace {

constexpr int64_t kSymbols = 1 << 15;
constexpr int kSize = 256;

double Unit() { return (std::rand() + 0.5) / (RAND_MAX + 1.0); }

// A coder, a row of a Laplace, symbols of it, and a Gaussian for every symbol.
template <typename V>
struct Coder {
  Coder(int64_t lanes, int precision)
      : heads(lanes * sizeof(typename V::State) / 4), words(kSymbols + 64), cdf(kSize + 1), precision(precision) {
    stream = {heads.data(), lanes, {words.data(), static_cast<int64_t>(words.size()), 0, 0}};
    for (int64_t lane = 0; lane < lanes; ++lane) StoreHead<V>(heads.data(), lane, V::kLower);
    std::vector<float> probs(kSize);
    for (int s = 0; s < kSize; ++s) probs[s] = std::exp(-std::fabs(s - 128.0f) / 6);
    QuantizeProbs(probs.data(), nullptr, kSize, precision, cdf.data());
    for (int32_t& symbol : symbols) {
      symbol = Row{cdf.data(), kSize, precision}.Locate(static_cast<uint32_t>(Unit() * (1 << precision))).symbol;
    }
    MakeGuide({cdf.data(), kSize, precision}, kBits, guide.data());
    table = {{cdf.data(), 1, kSize, &index, 0, precision}, guide.data(), kBits, true};
    for (int64_t i = 0; i < kSymbols; ++i) {
      mean[i] = static_cast<float>(20 * Unit() - 10);
      scale[i] = static_cast<float>(std::exp(4 * Unit() - 1));
      near[i] = static_cast<int32_t>(std::lround(mean[i] + scale[i] * (Unit() + Unit() + Unit() - 1.5)));
    }
  }

  static constexpr int kBits = 10;
  std::vector<uint32_t> heads;
  std::vector<typename V::Word> words;
  std::vector<uint32_t> cdf, guide = std::vector<uint32_t>(2 << kBits);
  std::vector<int32_t> symbols = std::vector<int32_t>(kSymbols), near = symbols;
  std::vector<float> mean = std::vector<float>(kSymbols), scale = mean;
  const int precision;
  const int32_t index = 0, low = -200, high = 200;
  Stream<V> stream;
  GuidedRows table;
};

[[noreturn]] void Refuse(const char* why) {
  std::fprintf(stderr, "%s\n", why);
  std::exit(1);
}
auto Never(const char* why) {
  return [why](int64_t, int64_t) { Refuse(why); };
}

// One lane, symbol by symbol: entries with reciprocals to push, buckets of quantiles to pop.
void OneLane(bool measure_pop) {
  Coder<Rans64> c(1, 24);
  const Row row = c.table.rows.At(0);
  static EntryTable<FlushedEntry> entries;
  entries.Build(row, kSymbols, [](Interval interval) { return MakeFlushedEntry<Rans64>(interval, 24); });
  auto push = [&] {
    PushEntries<Rans64, 1>(c.stream, [&](int64_t i) { return entries.Find()(c.symbols[i]); }, kSymbols, 24);
  };
  static BucketTable buckets;
  buckets.Build(row, BucketTable::kMaxBits);
  std::vector<int32_t> out(kSymbols);
  auto pop = [&] {
    PopAll<Rans64, 1>(
        c.stream, [&](int64_t, uint32_t quantile) { return buckets.Locate(quantile); },
        [&](int64_t i, int32_t symbol) { out[i] = symbol; }, kSymbols, 24);
  };
  if (!measure_pop) return Measured(push);
  push();
  Measured(pop);
  if (out != c.symbols) Refuse("other symbols");
}

// Heads side by side, from rows or from Gaussians. (Turns that run out of words are for other loops.)
template <typename V>
void SideBySide(int64_t lanes, int precision, bool gaussian, bool measure_pop) {
  Coder<V> c(lanes, precision);
  const Leaky<Gaussian> model{{{c.mean.data(), 1, false}, {c.scale.data(), 1, false}, {{&c.low, 0}, {&c.high, 0}}},
                              precision};
  const Finder<Leaky<Gaussian>> finder(model);
  const ModelSource gaussians(ViewOf(finder, precision));
  const TableSource rows{c.table, PlainSymbols{}};
  const std::vector<int32_t>& in = gaussian ? c.near : c.symbols;
  auto push = [&] {
    const auto never = Never("a push that stops");
    const Symbols symbols{in.data(), 4};
    gaussian ? PushSideBySide(c.stream, gaussians, symbols, kSymbols, never)
             : PushSideBySide(c.stream, rows, symbols, kSymbols, never);
  };
  std::vector<int32_t> out(kSymbols);
  // The last turns of a pop may find that words might run out.
  c.stream.tail.size = 64;
  auto pop = [&] {
    const auto never = Never("a pop that stops");
    const SymbolsOut symbols{out.data(), 4};
    gaussian ? PopSideBySide(c.stream, gaussians, symbols, kSymbols, never)
             : PopSideBySide(c.stream, rows, symbols, kSymbols, never);
  };
  if (!measure_pop) return Measured(push);
  push();
  Measured(pop);
  if (out != in) Refuse("other symbols");
}

void Quantise(bool logits) {
  constexpr int64_t kRows = kSymbols / kSize;
  std::vector<float> values(kRows * kSize);
  for (float& value : values) value = static_cast<float>(Unit());
  std::vector<uint32_t> cdf(kSize + 1);
  QuantizeRows quantize(kSize);
  Measured([&] {
    for (int64_t row = 0; row < kRows; ++row) {
      const float* some = values.data() + row * kSize;
      logits ? quantize.Logits(some, nullptr, 24, cdf.data()) : quantize.Probs(some, nullptr, 24, cdf.data());
    }
  });
}

struct Kernel {
  const char* name;
  std::function<void()> run;
};

const Kernel kKernels[] = {
    {"push, one lane", [] { OneLane(false); }},
    {"pop, one lane", [] { OneLane(true); }},
    {"push, rows, one lane", [] { SideBySide<Rans64>(1, 24, false, false); }},
    {"push, rows, 32 lanes", [] { SideBySide<Rans64>(32, 24, false, false); }},
    {"pop, rows, 32 lanes", [] { SideBySide<Rans64>(32, 24, false, true); }},
    {"push, rows, 32 lanes of 32 bits", [] { SideBySide<Rans32_16>(32, 15, false, false); }},
    {"pop, rows, 32 lanes of 32 bits", [] { SideBySide<Rans32_16>(32, 15, false, true); }},
    {"push, Gaussians, one lane", [] { SideBySide<Rans64>(1, 24, true, false); }},
    {"push, Gaussians, 32 lanes", [] { SideBySide<Rans64>(32, 24, true, false); }},
    {"pop, Gaussians, 32 lanes", [] { SideBySide<Rans64>(32, 24, true, true); }},
    {"quantise probabilities", [] { Quantise(false); }},
    {"quantise logits", [] { Quantise(true); }},
};

}  // namespace

// Without a number, the names, and how many symbols each kernel codes.
int main(int argc, char** argv) {
  if (argc < 2) {
    for (const Kernel& kernel : kKernels) std::printf("%lld %s\n", static_cast<long long>(kSymbols), kernel.name);
    return 0;
  }
  const size_t number = std::strtoul(argv[1], nullptr, 10);
  if (number >= sizeof(kKernels) / sizeof(kKernels[0])) Refuse("no such kernel");
  kKernels[number].run();
  return 0;
}
