// A fuzz target for the loops over one stream: any bytes become a state, a table, parameters and symbols, in buffers of
// exactly the size that they claim, so that a sanitizer sees every access outside.
//
//   clang++ -std=c++17 -O1 -g -fsanitize=fuzzer,address,undefined tests/fuzz/fuzz_coder.cc -o fuzz && ./fuzz
//   -max_total_time=60
//
// Checks beyond memory: a clean pop can be pushed back, and the careful and the fast loops agree.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "../../csrc/core/quantize.h"
#include "../../csrc/cpu/stream.h"

namespace {

using namespace jans;

// Bytes of the input in turn, zeros after its end.
struct Input {
  const uint8_t* data;
  size_t size;

  template <typename T>
  T Take() {
    T value{};
    size_t n = size < sizeof(T) ? size : sizeof(T);
    if (n != 0) std::memcpy(&value, data, n);
    data += n;
    size -= n;
    return value;
  }
  template <typename T>
  std::vector<T> Fill(size_t count) {
    std::vector<T> values(count);
    for (T& value : values) value = Take<T>();
    return values;
  }
};

void Require(bool condition) {
  if (!condition) std::abort();
}

template <typename V>
struct Buffers {
  std::vector<uint32_t> heads;
  std::vector<typename V::Word> tail;
  int64_t size;

  Stream<V> Open(int64_t lanes) {
    return {heads.data(), lanes, {tail.data(), static_cast<int64_t>(tail.size()), size, 0}};
  }
};

// Words beyond the size are unspecified.
template <typename V>
bool Same(const Stream<V>& a, const Buffers<V>& of_a, const Stream<V>& b, const Buffers<V>& of_b) {
  const int64_t used = a.tail.size < a.tail.capacity ? a.tail.size : a.tail.capacity;
  return a.tail.size == b.tail.size && a.tail.status == b.tail.status && of_a.heads == of_b.heads &&
         std::equal(of_a.tail.begin(), of_a.tail.begin() + used, of_b.tail.begin());
}

std::vector<uint32_t> MakeRow(Input& in, int64_t n, int precision) {
  const uint8_t kind = in.Take<uint8_t>();
  if (kind % 8 == 0) return in.Fill<uint32_t>(n + 1);
  std::vector<uint32_t> cdf(n + 1);
  std::vector<float> values = in.Fill<float>(n);
  if (kind % 8 > 2) {  // rows that are distributions, which random floats seldom are
    const std::vector<uint8_t> small = in.Fill<uint8_t>(n);
    std::copy(small.begin(), small.end(), values.begin());
    values[0] += 1;
  }
  if (kind % 2 == 0) {
    QuantizeProbs<float>(values.data(), n, precision, cdf.data());
  } else {
    QuantizeLogits(values.data(), n, precision, cdf.data());
  }
  return cdf;
}

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
  auto table = std::make_unique<EntryTable>();
  Buffers<V> slow = start, fast = start;
  Stream<V> a = slow.Open(lanes), b = fast.Open(lanes);
  CheckState(a);
  CheckState(b);
  PushAll<V, 0>(a, [&](int64_t i) { return row.Find(symbols[i]); }, count, precision);
  if (table->Build<V>(row)) {
    PushEntries<V, kLanes>(b, [&](int64_t i) { return table->Find(symbols[i]); }, count, precision);
    Require(Same(a, slow, b, fast));
  }

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

// Distribution functions on any parameters: intervals tile, and symbols are found where they lie.
void RunLeaky(Input in) {
  const int64_t n = 2 + in.Take<uint8_t>();
  const int precision = 9 + in.Take<uint8_t>() % 24;
  const std::vector<float> parameters = in.Fill<float>(9);
  const LogisticMixtureCdf mixture{&parameters[0], &parameters[3], &parameters[6], 0, 3, -0.5f};
  std::vector<float> edges = in.Fill<float>(n + 1);
  const GaussianCdf gaussian{&parameters[0], &parameters[1], 0, edges.data()};
  const Leaky<LogisticMixtureCdf> first{mixture, n, precision};
  const Leaky<GaussianCdf> second{gaussian, n, precision};
  const uint32_t q = in.Take<uint32_t>() & static_cast<uint32_t>(Total(precision) - 1);
  const Located found = first.Locate(0, q);
  if (found.interval.freq != 0) {
    Require(q - found.interval.start < found.interval.freq);
    const Interval interval = first.Find(0, found.symbol);
    Require(interval.start == found.interval.start && interval.freq == found.interval.freq);
  }
  const Located bin = second.Locate(0, q);
  if (bin.interval.freq != 0) Require(q - bin.interval.start < bin.interval.freq);
  second.Find(0, in.Take<int32_t>());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in{data, size};
  const uint8_t choice = in.Take<uint8_t>();
  switch (choice % 9) {
    case 0:
      Run<Rans64, 1>(in, 1);
      break;
    case 1:
      Run<Rans64, 32>(in, 32);
      break;
    case 2:
      Run<Rans64Ryg, 1>(in, 1);
      break;
    case 3:
      Run<Rans64Ryg, 0>(in, 3);
      break;
    case 4:
      Run<Rans32_16, 32>(in, 32);
      break;
    case 5:
      Run<Rans32_16, 1>(in, 1);
      break;
    case 6:
      Run<Rans32, 0>(in, 5);
      break;
    case 7:
      Run<Rans32, 32>(in, 32);
      break;
    default:
      RunLeaky(in);
  }
  return 0;
}
