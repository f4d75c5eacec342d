// A fuzz target for the loops over one stream: any bytes become a state, a table, parameters and symbols, in buffers of
// exactly the size that they claim, so that a sanitizer sees every access outside.
//
//   clang++ -std=c++17 -O1 -g -fsanitize=fuzzer,address,undefined tests/fuzz/fuzz_coder.cc -o fuzz && ./fuzz
//   -max_total_time=60
//
// Checks beyond memory: a clean pop can be pushed back, and the careful and the fast loops agree.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "../../csrc/core/models/distributions.h"
#include "../../csrc/core/models/fixed_models.h"
#include "../../csrc/core/models/floats.h"
#include "../../csrc/core/models/sums.h"
#include "../../csrc/core/quantize/perfect.h"
#include "../../csrc/cpu/loops/stream.h"
#include "../../csrc/cpu/search/lazy_block.h"
#include "../../csrc/cpu/search/location_scale.h"
#include "../../csrc/cpu/search/mixture_lanes.h"
#include "../../csrc/cpu/search/row_tables.h"
#include "buffers.h"
#include "chain_and_range.h"
#include "side_by_side.h"

namespace {

using namespace jans;

template <typename V, int kLanes>
void Run(Input in, int64_t lanes) {
  constexpr int kMost = V::kLowerBits < 32 ? V::kLowerBits : 32;
  const int precision = 1 + in.Take<uint8_t>() % kMost;
  const int64_t room = precision < 9 ? int64_t{1} << precision : 512;
  const int64_t n = 1 + in.Take<uint16_t>() % room;
  const int64_t count = in.Take<uint8_t>();
  Buffers<V> start;
  start.heads = in.Fill<uint32_t>(lanes * sizeof(typename V::State) / 4);
  if (in.Take<uint8_t>() % 4 != 0) {  // heads in their range
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const auto x = LoadHead<V>(start.heads.data(), lane);
      StoreHead<V>(start.heads.data(), lane, V::kLower | (x & ((V::kLower << (V::kWordBits - 1)) - 1)));
    }
  }
  start.tail = in.Fill<typename V::Word>(in.Take<uint8_t>());
  start.size = in.Take<uint8_t>() % 4 == 0 ? in.Take<int32_t>() : static_cast<int64_t>(start.tail.size());
  const std::vector<uint32_t> cdf = MakeRow(in, n, precision);
  const Row row{cdf.data(), n, precision};
  const std::vector<int32_t> symbols = in.Fill<int32_t>(count);

  // Push: entries with reciprocals against plain division.
  auto table = std::make_unique<EntryTable<TableEntry<V>>>();
  Buffers<V> slow = start, fast = start;
  Stream<V> a = slow.Open(lanes), b = fast.Open(lanes);
  CheckState(a);
  CheckState(b);
  PushAll<V, 0>(a, [&](int64_t i) { return row.Find(symbols[i]); }, count, precision);
  auto make = [precision](Interval interval) { return MakeTableEntry<V>(interval, precision); };
  if (table->Build(row, row.n, make)) {
    PushEntries<V, kLanes>(b, [&](int64_t i) { return table->Find()(symbols[i]); }, count, precision);
    Require(Same(a, slow, b, fast));
  }
  if constexpr (sizeof(typename V::State) == 8) {
    uint32_t most = 0;
    for (int64_t s = 0; s < n; ++s) most = std::max(most, row.At(s).freq);
    auto flushed = std::make_unique<EntryTable<FlushedEntry>>();
    fast = start;
    Stream<V> d = fast.Open(lanes);
    CheckState(d);
    auto make_flushed = [precision](Interval interval) { return MakeFlushedEntry<V>(interval, precision); };
    if (most < Total(precision) / 2 && InRange(d) && flushed->Build(row, row.n, make_flushed)) {
      PushEntries<V, kLanes>(d, [&](int64_t i) { return flushed->Find()(symbols[i]); }, count, precision);
      Require(Same(a, slow, d, fast));
    }
  }
  const int32_t index = 0;
  const Finder<GuidedRows> finder({{row.cdf, 1, row.n, &index, 0, precision}, nullptr, 0, false});
  const ModelView model = ViewOf(finder, precision);
  const EntrySource<V> entries(model, symbols.data(), 0, count);
  fast = start;
  Stream<V> c = fast.Open(lanes);
  CheckState(c);
  PushEntries<V, kLanes>(c, [&](int64_t i) { return entries(i); }, count, precision);
  Require(Same(a, slow, c, fast));
  fast = start;
  Stream<V> e = fast.Open(lanes);
  CheckState(e);
  PushModel(e, model, symbols.data(), 0, count);
  Require(Same(a, slow, e, fast));

  // Pop: every kind of search gives the same.
  auto pop = [&](auto lane_count, const auto& locate, Buffers<V>& buffers, std::vector<int32_t>& out) {
    Stream<V> stream = buffers.Open(lanes);
    CheckState(stream);
    PopAll<V, decltype(lane_count)::value>(
        stream, locate, [&](int64_t i, int32_t symbol) { out[i] = symbol; }, count, precision);
    return stream;
  };
  Buffers<V> plain = start;
  std::vector<int32_t> expected(count), found(count);
  auto search = [&](int64_t, uint32_t q) { return row.Locate(q); };
  const Stream<V> popped = pop(std::integral_constant<int, 0>{}, search, plain, expected);
  auto buckets = std::make_unique<BucketTable>();
  if (buckets->Build(row, 4 + count % 10)) {
    Buffers<V> again = start;
    auto locate = [&](int64_t, uint32_t q) { return buckets->Locate(q); };
    Require(Same(pop(std::integral_constant<int, kLanes>{}, locate, again, found), again, popped, plain));
    Require(found == expected);
  }
  auto dense = std::make_unique<DenseTable>();
  if (dense->Build(row)) {
    Buffers<V> again = start;
    auto locate = [&](int64_t, uint32_t q) { return dense->Locate(q); };
    Require(Same(pop(std::integral_constant<int, kLanes>{}, locate, again, found), again, popped, plain));
    Require(found == expected);
  }
  if (popped.tail.status == 0) {
    plain.size = popped.tail.size;
    Stream<V> back = plain.Open(lanes);
    PushAll<V, 0>(back, [&](int64_t i) { return row.Find(expected[i]); }, count, precision);
    Require(back.tail.status == 0 && back.tail.size == start.size && plain.heads == start.heads);
  }
}

// A quantile is found in the interval of its symbol, and a model with legal parameters gives every symbol one.
template <typename Model>
void RunModel(const Model& model, bool legal, int64_t low, int64_t n, uint32_t quantile, int64_t symbol) {
  const Located found = model.Locate(0, quantile);
  if (found.interval.freq != 0) {
    Require(quantile - found.interval.start < found.interval.freq);
    const Interval interval = model.Find(0, found.symbol);
    Require(interval.start == found.interval.start && interval.freq == found.interval.freq);
  }
  const Interval interval = model.Find(0, symbol);
  const bool inside = symbol >= low && symbol < low + n;
  const bool lone = n == 1 && model.precision == 32;  // nothing to code
  if (legal && !lone) Require(found.interval.freq != 0 && (interval.freq != 0) == inside);
}

template <typename Distribution>
void RunLeaky(const Distribution& distribution, int precision, uint32_t quantile, int64_t symbol) {
  const auto f = distribution.Load(0);
  const Leaky<Distribution> model{distribution, precision};
  RunModel(model, f.valid && model.Fits(f), f.low, f.n, quantile, symbol);
}

template <typename Distribution>
void RunSummed(const Distribution& distribution, int precision, uint32_t quantile, int64_t symbol) {
  const auto f = distribution.Load(0);
  const Summed<Distribution> model{distribution, precision};
  RunModel(model, f.valid && model.Fits(f), 0, f.n, quantile, symbol);
}

// A model is asked for many symbols and quantiles at once, and gives what it gives one by one.
template <typename Model>
void RunMany(Input& in, const Model& model, int32_t low, int32_t high, int64_t n) {
  std::vector<int32_t> symbols(n);
  for (int32_t& symbol : symbols) symbol = low - 1 + in.Take<uint16_t>() % (high - low + 3);
  std::vector<uint32_t> start(n), freq(n), expected_start(n), expected_freq(n), quantiles(n);
  const Finder<Model> finder(model);
  finder.Find()(&finder, 0, n, symbols.data(), start.data(), freq.data());
  FindPlain<Model>(&finder, 0, n, symbols.data(), expected_start.data(), expected_freq.data());
  Require(start == expected_start && freq == expected_freq);
  const LocateFunction locate = finder.Locate();
  const uint32_t last = static_cast<uint32_t>(Total(model.precision) - 1);
  for (uint32_t& quantile : quantiles) quantile = in.Take<uint32_t>() & last;
  const int64_t eights = finder.LocateMany() == nullptr ? 0 : n / 8 * 8;
  if (eights > 0) {
    finder.LocateMany()(&finder, 0, eights, quantiles.data(), symbols.data(), start.data(), freq.data());
  }
  for (int64_t i = 0; i < n; ++i) {
    const Located found = locate(&finder, i, quantiles[i]).Get(), careful = model.Locate(i, quantiles[i]);
    Require(found.symbol == careful.symbol && found.interval.start == careful.interval.start &&
            found.interval.freq == careful.interval.freq);
    Require(i >= eights ||
            (freq[i] == careful.interval.freq && start[i] == careful.interval.start && symbols[i] == careful.symbol));
  }
}

// Several distributions at once: vectors and guesses give what the careful code gives.
template <typename Shape>
void RunShapes(Input in) {
  using Distribution = OnIntegers<Shape>;
  constexpr int64_t kMost = 40;
  const int precision = 1 + in.Take<uint8_t>() % 32;
  const int64_t n = in.Take<uint8_t>() % (kMost + 1);
  const bool is_wide = in.Take<uint8_t>() % 2 == 0, plain = in.Take<uint8_t>() % 4 != 0;
  const int64_t strides[2] = {in.Take<uint8_t>() % 2, in.Take<uint8_t>() % 2};
  const int32_t low = in.Take<int8_t>(), high = low + in.Take<uint16_t>() % 600;
  std::vector<float> location = in.Fill<float>(kMost), scale = in.Fill<float>(kMost);
  if (plain) {  // numbers of a usual size, which random floats seldom are
    for (float& x : location) x = static_cast<float>(in.Take<int16_t>()) / 128;
    location[in.Take<uint8_t>() % kMost] /= in.Take<uint8_t>() % 8 == 0 ? 0.0f : 1.0f;
    for (float& x : scale) x = static_cast<float>(1 + in.Take<uint16_t>()) / (1 << in.Take<uint8_t>() % 16);
  }
  const std::vector<double> wide_location(location.begin(), location.end()), wide_scale(scale.begin(), scale.end());
  const Reals locations{is_wide ? static_cast<const void*>(wide_location.data()) : location.data(), strides[0],
                        is_wide};
  const Reals scales{is_wide ? static_cast<const void*>(wide_scale.data()) : scale.data(), strides[1], is_wide};
  const Leaky<Distribution> model{{locations, scales, {{&low, 0}, {&high, 0}}}, precision};
  RunMany(in, model, low, high, n);
  for (int64_t i = 0; i < n; ++i) {
    const Distribution& g = model.distribution;
    const auto f = g.Load(i);
    if (!f.valid || !model.Fits(f) || f.n < 2) continue;
    const int64_t k = 1 + in.Take<uint16_t>() % (f.n - 1);
    const uint64_t mass = Total(precision) - f.n;
    Require(g.Scaled(f, k, mass) == g.ScaledByF(f, static_cast<double>(f.low + k) - 0.5, mass));
  }
}

template <typename Component>
void RunMixtures(Input in) {
  constexpr int64_t kMost = 24;
  const int precision = 1 + in.Take<uint8_t>() % 32, components = std::max(1, in.Take<uint8_t>() % 20 - 3);
  const int64_t n = in.Take<uint8_t>() % (kMost + 1);
  const bool plain = in.Take<uint8_t>() % 4 != 0;
  const int32_t low = in.Take<int8_t>(), high = low + in.Take<uint16_t>() % 600;
  std::vector<float> values[3];
  FloatRows rows[3];
  for (int k = 0; k < 3; ++k) {
    // Exactly as many as there are.
    const bool each = in.Take<uint8_t>() % 4 != 0;
    values[k] = in.Fill<float>((each ? n : 1) * components);
    for (float& x : values[k]) {
      if (!plain) continue;
      x = k == 2 ? static_cast<float>(1 + in.Take<uint16_t>()) / (1 << in.Take<uint8_t>() % 16)
                 : static_cast<float>(in.Take<int16_t>()) / (k == 0 ? 4096 : 128);
    }
    rows[k] = {values[k].data(), each ? components : 0};
  }
  const Support support{{&low, 0}, {&high, 0}};
  const Mixture<Component> mixture{{rows[0], rows[1], rows[2], components}, support};
  RunMany(in, Leaky<Mixture<Component>>{mixture, precision}, low, high, n);
}

// Models in closed form on any parameters.
void RunFamilies(Input in) {
  const uint8_t kind = in.Take<uint8_t>();
  const int precision = 1 + in.Take<uint8_t>() % 32;
  const uint32_t quantile = in.Take<uint32_t>() & static_cast<uint32_t>(Total(precision) - 1);
  // Supports of any kind, mostly small ones.
  const int32_t size = in.Take<uint8_t>(), wide = in.Take<int32_t>();
  const int32_t low = in.Take<uint8_t>() % 4 == 0 ? in.Take<int32_t>() : in.Take<int8_t>();
  const int32_t high = wide % 4 == 0 ? wide : static_cast<int32_t>(static_cast<uint32_t>(low) + size);
  const int64_t symbol = kind % 2 == 0 ? in.Take<int32_t>() : int64_t{low} + in.Take<uint8_t>();
  const Support support{{&low, 0}, {&high, 0}};
  const std::vector<double> doubles = in.Fill<double>(2);
  const std::vector<float> floats = in.Fill<float>(9);
  const bool is_wide = kind / 2 % 2 == 0;
  const Reals first{is_wide ? static_cast<const void*>(&doubles[0]) : &floats[0], 0, is_wide};
  const Reals second{is_wide ? static_cast<const void*>(&doubles[1]) : &floats[1], 0, is_wide};
  const Integers most{&size, 0};
  const double degrees = is_wide ? doubles[0] : 1 + in.Take<uint8_t>() / 16.0;
  const Reals third{&degrees, 0, true};
  const MixtureRows three{{&floats[0], 0}, {&floats[3], 0}, {&floats[6], 0}, 3};
  // A format of floats, or any numbers.
  std::vector<int32_t> numbers = in.Fill<int32_t>(FloatFormat::kNumbers);
  if (kind % 4 != 0) {
    const int bits = 4 + size % 13, mantissa = std::max(0, bits - 2 - wide % 8);
    numbers = {bits, mantissa, wide % 3 == 0 ? 1023 : size % 128, size << 8 | 255, size % 2, size / 2 % 2};
  }
  const FloatFormat format(numbers.data());
  switch (kind / 4 % 14) {
    case 0:
      return RunLeaky(Gaussian{first, second, support}, precision, quantile, symbol);
    case 1:
      return RunLeaky(Laplace{first, second, support}, precision, quantile, symbol);
    case 2:
      return RunLeaky(Logistic{first, second, support}, precision, quantile, symbol);
    case 3:
      return RunLeaky(Cauchy{first, second, support}, precision, quantile, symbol);
    case 4:
      return RunLeaky(Geometric{{&high, 0}, first}, precision, quantile, symbol);
    case 5:
      return RunLeaky(Binomial{most, first}, precision, quantile, symbol);
    case 6:
      return RunSummed(Poisson{most, first}, precision, quantile, symbol);
    case 7:
      return RunSummed(BetaBinomial{most, first, second}, precision, quantile, symbol);
    case 8:
      return RunLeaky(Mixture<LogisticComponent>{three, support}, precision, quantile, symbol);
    case 9:
      return RunLeaky(Mixture<NormalComponent>{three, support}, precision, quantile, symbol);
    case 10:
      return RunLeaky(Student{third, first, second, support}, precision, quantile, symbol);
    case 11: {
      const FloatLine line{third, first, second, static_cast<LineShape>(size % 7 - 1), format};
      return RunLeaky(line, precision, quantile, format.Valid() ? symbol & (2 * format.Half() - 1) : symbol);
    }
    case 12:
      return RunLeaky(FloatMixture{three, size % 2 == 0, format}, precision, quantile,
                      format.Valid() ? symbol & (2 * format.Half() - 1) : symbol);
    default: {
      const std::vector<float> edges = in.Fill<float>(size + 2);
      const Leaky<BinnedGaussian> model{{&floats[0], &floats[1], 0, edges.data(), size + 1}, precision};
      return RunModel(model, false, 0, size + 1, quantile, symbol);  // edges may fall
    }
  }
}

bool Same(const Interval& a, const Interval& b) { return a.start == b.start && a.freq == b.freq; }

// Rows of probabilities: without a table and with one a symbol has the same interval, and a table has a place for the
// symbols that are not masked, or before its size, and for no other.
template <typename Float>
void RunProbs(Input in) {
  const int precision = 6 + in.Take<uint8_t>() % 26;
  const int64_t n = 2 + in.Take<uint8_t>() % 62, count = 1 + in.Take<uint8_t>() % 20;
  const uint8_t kind = in.Take<uint8_t>();
  // Any bits, or small numbers of one magnitude, down to subnormal ones.
  std::vector<Float> probs = in.Fill<Float>(kind % 4 == 0 ? n * count : 0);
  const int least = sizeof(Float) == 4 ? -150 : -1075, exponent = least + in.Take<uint16_t>() % (-2 * least - 30);
  while (static_cast<int64_t>(probs.size()) < n * count) {
    probs.push_back(
        std::ldexp(static_cast<Float>(in.Take<uint8_t>()), exponent + (in.Take<uint8_t>() % 8 == 0 ? 20 : 0)));
  }
  const std::vector<uint8_t> mask = in.Fill<uint8_t>(n);
  const LazyProbs<Float> lazy{probs.data(), 1, n, precision}, one_row{probs.data(), 0, n, precision};
  LazyBlock<Float> block(lazy, count), shared(one_row, count);
  std::vector<int32_t> symbols(count);
  std::vector<uint32_t> start(count), freq(count);
  for (int32_t& symbol : symbols) symbol = in.Take<uint8_t>() % (n + 2) - 1;
  for (int64_t i = 0; i < count; i += block.kRows) {
    const int64_t size = std::min<int64_t>(block.kRows, count - i), next = i + (kind % 2 == 0 ? 1 : -1) * block.kRows;
    block.Find(i, size, next, &symbols[i], &start[i], &freq[i]);
    for (int64_t j = i; j < i + size; ++j) Require(Same(Interval{start[j], freq[j]}, lazy.Find(j, symbols[j])));
    shared.Find(i, size, next, &symbols[i], &start[i], &freq[i]);
    for (int64_t j = i; j < i + size; ++j) Require(Same(Interval{start[j], freq[j]}, one_row.Find(j, symbols[j])));
  }
  std::vector<uint32_t> cdf(n + 1), again(n + 1);
  std::vector<double> room(PerfectRule::Room(n));
  QuantizeRows quantize(n);
  for (int64_t i = 0; i < count; ++i) {
    const Float* row = &probs[i * n];
    for (int rule = 0; rule < 2; ++rule) {
      if (rule == 0) {
        QuantizeProbs(row, mask.data(), n, precision, cdf.data());
      } else {
        PerfectRule(room.data(), n).Run(row, mask.data(), n, precision, cdf.data());
      }
      for (int64_t j = 0; j < n && cdf[0] == 0; ++j) Require((cdf[j + 1] > cdf[j]) == (mask[j] != 0));
      Require(cdf[0] == 0 ? cdf[n] == Total(precision) : cdf[0] == 0xFFFFFFFFu);
    }
    const int32_t size = in.Take<uint8_t>() % 4 == 0 ? in.Take<int8_t>() : static_cast<int32_t>(n);
    QuantizeNearest(row, size, n, precision, kind / 4 % 2 == 0, cdf.data());
    for (int64_t j = 0; j < n && cdf[0] == 0; ++j) Require((cdf[j + 1] > cdf[j]) == (j < size));
    Require(cdf[0] == 0 ? cdf[n] == Total(precision) : cdf[0] == 0xFFFFFFFFu);
    QuantizeProbs(row, nullptr, n, precision, cdf.data());
    quantize.Probs(row, nullptr, precision, again.data());
    Require(again == cdf);
    if constexpr (sizeof(Float) == 4) {
      std::vector<uint32_t> plain(n + 1);
      QuantizeLogits(row, nullptr, n, precision, plain.data());
      quantize.Logits(row, nullptr, precision, again.data());
      Require(again == plain);
    }
    const Row table{cdf.data(), n, precision};
    const int64_t symbol = in.Take<uint8_t>() % (n + 2) - 1;
    const Interval wanted = table.Find(symbol);
    Require(Same(lazy.Find(i, symbol), wanted));
    const uint8_t end = in.Take<uint8_t>();
    const uint32_t top = static_cast<uint32_t>(Total(precision) - 1);
    const uint32_t quantile = end % 4 == 0 ? top : end % 4 == 1 ? cdf[end % n] & top : in.Take<uint32_t>() & top;
    const Located found = table.Locate(quantile), one = lazy.Locate(i, quantile), two = block.Locate(i, quantile).Get();
    Require(one.symbol == found.symbol && Same(one.interval, found.interval));
    Require(two.symbol == found.symbol && Same(two.interval, found.interval));
    const Located every = shared.Locate(i, quantile).Get(), each = one_row.Locate(i, quantile);
    Require(every.symbol == each.symbol && Same(every.interval, each.interval));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in{data, size};
  const uint8_t choice = in.Take<uint8_t>();
  switch (choice % 19) {
    case 0:
      Run<Rans64, 1>(in, 1);
      break;
    case 1:
      Run<Rans64, 8>(in, 32);
      break;
    case 2:
      Run<Rans64Ryg, 1>(in, 1);
      break;
    case 3:
      Run<Rans64Ryg, 0>(in, 3);
      break;
    case 4:
      Run<Rans32_16, 8>(in, 32);
      break;
    case 5:
      Run<Rans32_16, 1>(in, 1);
      break;
    case 6:
      Run<Rans32, 0>(in, 5);
      break;
    case 7:
      Run<Rans32, 4>(in, 12);
      break;
    case 8:
      RunShapes<GaussianShape>(in);
      RunShapes<LaplaceShape>(in);
      RunShapes<LogisticShape>(in);
      RunMixtures<LogisticComponent>(in);
      RunMixtures<NormalComponent>(in);
      break;
    case 9:
      RunProbs<float>(in);
      RunProbs<double>(in);
      break;
    case 10:
      RunChain<Chain64, 1>(in, 1);
      break;
    case 11:
      RunChain<Chain32_16, 0>(in, 3);
      break;
    case 12:
      RunRange(in);
      break;
    case 13:
      RunSideBySide<Rans64, int32_t>(in);
      break;
    case 14:
      RunSideBySide<Rans64Ryg, uint16_t>(in);
      break;
    case 15:
      RunSideBySide<Rans32_16, uint8_t>(in);
      break;
    case 16:
      RunSideBySide<Rans32_16, int32_t>(in);
      break;
    default:
      RunFamilies(in);
  }
  return 0;
}
