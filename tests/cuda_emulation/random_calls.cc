// Random calls, legal and hostile ones, to the kernels of csrc/cuda and to the loops of csrc/cpu: both must leave the
// same heads, words, sizes, status bits and symbols. Runs on a GPU, and with the headers of this folder on the host.
//
// Every buffer has exactly the size that the call claims, so that a sanitizer sees each access outside.
//   random_calls [cases of each kind] [seed]
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "../../csrc/core/models/intervals.h"
#include "../../csrc/core/quantize/quantize.h"
#include "../../csrc/cpu/loops/stream.h"
#include "../../csrc/cuda/calls.h"
#include "buffers.h"

namespace {

using namespace jans;

// ---- coders ----

template <typename V>
struct Coders {
  Batch batch;
  int64_t lanes;
  Buffer<uint32_t> head;
  Buffer<typename V::Word> tail;
  Buffer<int32_t> size, status;

  Coders(const Batch& batch, int64_t lanes, int64_t capacity)
      : batch(batch),
        lanes(lanes),
        head(batch, lanes * sizeof(typename V::State) / 4, 0),
        tail(batch, capacity, 0),
        size(batch, 1, 0),
        status(batch, 1, 0) {}

  cuda::Coder<V> View(Device& device, int precision) {
    return {head.View(device),
            tail.View(device),
            size.View(device),
            status.View(device),
            lanes,
            static_cast<uint32_t>(tail.core),
            precision};
  }
};

template <typename V>
void Randomise(Coders<V>& coders) {
  using State = typename V::State;
  const int64_t capacity = coders.tail.core;
  for (auto& word : coders.tail.data) word = static_cast<typename V::Word>(random_bits());
  for (int64_t b = 0; b < coders.batch.streams; ++b) {
    const bool hostile = Chance(0.15);
    for (int64_t lane = 0; lane < coders.lanes; ++lane) {
      State x = static_cast<State>(random_bits()) >> Below(8 * sizeof(State));
      if (Chance(0.1)) x = Chance(0.5) ? V::kLower : 0;
      if (!hostile) x = V::kLower | (x & ((V::kLower << (V::kWordBits - 1)) - 1));
      StoreHead<V>(coders.head.At(coders.batch, b), lane, x);
    }
    int64_t size = Chance(0.5) ? capacity : Below(capacity + 1);
    if (!hostile && HasFloor<V>(coders.lanes) && Chance(0.3)) {
      StoreHead<V>(coders.head.At(coders.batch, b), 0, static_cast<State>(random_bits() >> Below(64)));
      size = 0;
    }
    if (hostile) {
      const int64_t choices[] = {size, capacity + 1 + Below(9), -1 - Below(5), INT32_MAX - Below(3), INT32_MIN, 0};
      size = choices[Below(6)];
    }
    *coders.size.At(coders.batch, b) = static_cast<int32_t>(size);
    *coders.status.At(coders.batch, b) = hostile && Chance(0.5) ? static_cast<int32_t>(Below(32)) : 0;
  }
}

// body(stream, b) on every stream, as the CPU's handlers run it.
template <typename V, typename Body>
void ForStreams(Coders<V>& coders, const Body& body) {
  for (int64_t b = 0; b < coders.batch.streams; ++b) {
    int32_t *size = coders.size.At(coders.batch, b), *status = coders.status.At(coders.batch, b);
    Stream<V> stream{coders.head.At(coders.batch, b),
                     coders.lanes,
                     {coders.tail.At(coders.batch, b), coders.tail.core, *size, *status}};
    CheckState(stream);
    body(stream, b);
    if (stream.tail.size > stream.tail.capacity) stream.tail.status |= kOverflow;
    *size = static_cast<int32_t>(std::min<int64_t>(stream.tail.size, INT32_MAX));
    *status = stream.tail.status;
  }
}

// Status bits seen, by kind of call.
std::map<std::string, int32_t> seen;

// Words beyond the size are unspecified on the CPU; on a device they stay what they were.
template <typename V>
void Compare(const char* kind, Coders<V>& before, Coders<V>& host, Coders<V>& device) {
  Require(host.head.data == device.head.data, "heads differ");
  Require(host.size.data == device.size.data, "sizes differ");
  Require(host.status.data == device.status.data, "status bits differ");
  for (int64_t b = 0; b < host.batch.streams; ++b) {
    const int64_t used = std::clamp<int64_t>(*host.size.At(host.batch, b), 0, host.tail.core);
    for (int64_t i = 0; i < host.tail.core; ++i) {
      auto& wanted = i < used ? host : before;
      Require(wanted.tail.At(host.batch, b)[i] == device.tail.At(host.batch, b)[i], "words differ");
    }
    seen[kind] |= *host.status.At(host.batch, b);
  }
}

// ---- models ----

// Intervals for every symbol of every stream, most of them legal.
struct IntervalBuffers {
  Buffer<uint32_t> start, freq;

  IntervalBuffers(const Batch& batch, int64_t n, double share) : start(batch, n, share), freq(batch, n, share) {}
  Intervals At(const Batch& batch, int64_t b, int precision) {
    return {start.At(batch, b), freq.At(batch, b), precision};
  }
  cuda::IntervalArrays View(Device& device) {
    return {start.View<const uint32_t>(device), freq.View<const uint32_t>(device)};
  }
};

// Narrow intervals make heads move all the words that they can.
Interval RandomInterval(int precision, uint32_t quantile, bool narrow) {
  if (Chance(0.02)) return {static_cast<uint32_t>(random_bits()), static_cast<uint32_t>(random_bits())};
  if (Chance(0.02)) return NoInterval(Chance(0.5) ? kBadSymbol : kBadModel);
  const uint64_t total = Total(precision);
  const uint64_t width = narrow ? 1 : std::max<uint64_t>(1, (total - 1) >> Below(precision));
  const uint64_t start = quantile - std::min<uint64_t>(quantile, random_bits() % width);
  const uint64_t most = std::min<uint64_t>(total - start, 0xFFFFFFFFu);
  return {static_cast<uint32_t>(start),
          static_cast<uint32_t>(std::min(most, quantile - start + 1 + random_bits() % width))};
}

void FillRow(uint32_t* cdf, int64_t n, int precision) {
  const uint64_t total = Total(precision);
  for (int64_t s = 0; s <= n; ++s) cdf[s] = static_cast<uint32_t>(random_bits() % total);
  std::sort(cdf, cdf + n + 1);
  for (int64_t s = 1; s <= n; ++s) {
    if (Chance(0.2)) cdf[s] = cdf[s - 1];
  }
  cdf[0] = 0;
  cdf[n] = static_cast<uint32_t>(total);
  if (Chance(0.9)) return;
  if (Chance(0.4)) {
    cdf[Below(n + 1)] = static_cast<uint32_t>(random_bits());  // most of the row still is in order
  } else if (Chance(0.5)) {
    std::fill(cdf, cdf + n + 1, 0xFFFFFFFFu);  // refused by a quantiser
  } else {
    for (int64_t s = 0; s <= n; ++s) cdf[s] = static_cast<uint32_t>(random_bits());
    if (Chance(0.5)) cdf[0] = 0, cdf[n] = static_cast<uint32_t>(total);
  }
}

struct RowBuffers {
  int64_t count, row_symbols;
  Buffer<uint32_t> cdf;
  Buffer<int32_t> index;

  RowBuffers(const Batch& batch, int64_t n, int precision, double share)
      : count(1 + Below(4)),
        row_symbols(1 + Below(Chance(0.1) ? 1500 : 40)),
        cdf(batch, count * (row_symbols + 1), share),
        index(batch, Chance(0.5) ? 1 : n, share) {
    for (size_t at = 0; at < cdf.data.size(); at += row_symbols + 1) FillRow(&cdf.data[at], row_symbols, precision);
    for (int32_t& i : index.data) i = static_cast<int32_t>(Below(count));
    if (index.data.size() != 0 && Chance(0.1)) {
      const int32_t choices[] = {-1, static_cast<int32_t>(count), INT32_MIN, INT32_MAX};
      index.data[Below(index.data.size())] = choices[Below(4)];
    }
  }
  int64_t IndexStride() const { return index.core == 1 ? 0 : 1; }
  Rows At(const Batch& batch, int64_t b, int precision) {
    return {cdf.At(batch, b), count, row_symbols, index.At(batch, b), IndexStride(), precision};
  }
  template <typename T>
  cuda::RowArrays View(Device& device, Buffer<T>& symbols) {
    return {{symbols.template View<uint8_t>(device), sizeof(T)},
            cdf.View<const uint32_t>(device),
            count,
            row_symbols,
            index.View<const int32_t>(device),
            IndexStride()};
  }
};

// ---- kinds of calls ----

// Everything that a call has besides its model.
template <typename V>
struct Case {
  Batch batch = RandomBatch();
  int precision = 1 + Below(V::kLowerBits < 32 ? V::kLowerBits : 32);
  int64_t n;
  Coders<V> before, host, device;
  double share = Chance(0.5) ? 1 : 0.5;
  bool narrow = Chance(0.3);

  explicit Case(int64_t lanes)
      : n(batch.streams > 20 ? Below(40)
          : Chance(0.2)      ? Below(4) * 32
                             : Below(300)),
        before(batch, lanes, Chance(0.3) ? 0 : Below(4 * n + 4)),
        host(before),
        device(before) {
    Randomise(before);
    host = device = before;
    current = "lanes " + std::to_string(lanes) + ", streams " + std::to_string(batch.streams) + ", n " +
              std::to_string(n) + ", precision " + std::to_string(precision) + ", state bits " +
              std::to_string(8 * sizeof(typename V::State)) + ", word bits " + std::to_string(V::kWordBits) +
              ", lower bits " + std::to_string(V::kLowerBits);
#if defined(JANS_CUDA_EMULATION)
    simt::processors = 1 + Below(4);
#endif
  }
};

template <typename V>
void PushIntervals(int64_t lanes) {
  Case<V> c(lanes);
  IntervalBuffers intervals(c.batch, c.n, c.share);
  for (size_t i = 0; i < intervals.start.data.size(); ++i) {
    const uint32_t point = static_cast<uint32_t>(random_bits() & (Total(c.precision) - 1));
    const Interval interval = RandomInterval(c.precision, point, c.narrow);
    intervals.start.data[i] = interval.start;
    if (i < intervals.freq.data.size()) intervals.freq.data[i] = interval.freq;
  }
  ForStreams(c.host, [&](Stream<V>& stream, int64_t b) {
    const Intervals source = intervals.At(c.batch, b, c.precision);
    PushAll<V, 0>(stream, [&](int64_t i) { return source.Check(source.Raw(i)); }, c.n, c.precision);
  });
  Device device;
  const cuda::Call<V, cuda::IntervalArrays> call{c.device.View(device, c.precision), intervals.View(device), c.n};
  device.Finish(cuda::Push(call, nullptr));
  Compare("push intervals", c.before, c.host, c.device);
}

template <typename V>
void AdvanceIntervals(int64_t lanes) {
  Case<V> c(lanes);
  IntervalBuffers intervals(c.batch, c.n, 0);
  ForStreams(c.host, [&](Stream<V>& stream, int64_t b) {
    const Intervals source = intervals.At(c.batch, b, c.precision);
    auto locate = [&](int64_t i, uint32_t quantile) {
      const Interval interval = RandomInterval(c.precision, quantile, c.narrow);
      const_cast<uint32_t*>(source.start)[i] = interval.start;
      const_cast<uint32_t*>(source.freq)[i] = interval.freq;
      return source.Locate(i, quantile);
    };
    PopAll<V, 0>(stream, locate, [](int64_t, int32_t) {}, c.n, c.precision);
  });
  Device device;
  const cuda::Call<V, cuda::IntervalArrays> call{c.device.View(device, c.precision), intervals.View(device), c.n};
  device.Finish(cuda::Pop(call, nullptr));
  Compare("advance", c.before, c.host, c.device);
}

template <typename V, typename T>
void PushRows(int64_t lanes) {
  Case<V> c(lanes);
  RowBuffers rows(c.batch, c.n, c.precision, c.share);
  Buffer<T> symbols(c.batch, c.n, 0);
  for (T& symbol : symbols.data) symbol = static_cast<T>(Below(rows.row_symbols));
  if (symbols.data.size() != 0 && Chance(0.2)) {
    const int64_t choices[] = {-1, rows.row_symbols, std::numeric_limits<T>::max(), std::numeric_limits<T>::min()};
    symbols.data[Below(symbols.data.size())] = static_cast<T>(choices[Below(4)]);
  }
  ForStreams(c.host, [&](Stream<V>& stream, int64_t b) {
    const Rows source = rows.At(c.batch, b, c.precision);
    const T* s = symbols.At(c.batch, b);
    PushAll<V, 0>(stream, [&](int64_t i) { return source.Find(i, s[i]); }, c.n, c.precision);
  });
  Device device;
  const cuda::Call<V, cuda::RowArrays> call{c.device.View(device, c.precision), rows.View(device, symbols), c.n};
  device.Finish(cuda::Push(call, nullptr));
  Compare("push rows", c.before, c.host, c.device);
}

template <typename V, typename T>
void PopRows(int64_t lanes) {
  Case<V> c(lanes);
  RowBuffers rows(c.batch, c.n, c.precision, c.share);
  Buffer<T> wanted(c.batch, c.n, 0), found = wanted;
  ForStreams(c.host, [&](Stream<V>& stream, int64_t b) {
    const Rows source = rows.At(c.batch, b, c.precision);
    T* s = wanted.At(c.batch, b);
    PopAll<V, 0>(
        stream, [&](int64_t i, uint32_t quantile) { return source.Locate(i, quantile); },
        [&](int64_t i, int32_t symbol) { s[i] = static_cast<T>(symbol); }, c.n, c.precision);
  });
  Device device;
  const cuda::Call<V, cuda::RowArrays> call{c.device.View(device, c.precision), rows.View(device, found), c.n};
  device.Finish(cuda::Pop(call, nullptr));
  Require(wanted.data == found.data, "symbols differ");
  Compare("pop rows", c.before, c.host, c.device);
}

template <typename V>
void RunVariant(int cases) {
  for (int64_t lanes : {1, 3, 32}) {
    for (int i = 0; i < cases; ++i) {
      PushIntervals<V>(lanes);
      AdvanceIntervals<V>(lanes);
      PushRows<V, uint8_t>(lanes);
      PushRows<V, uint16_t>(lanes);
      PushRows<V, int32_t>(lanes);
      PopRows<V, uint8_t>(lanes);
      PopRows<V, uint16_t>(lanes);
      PopRows<V, int32_t>(lanes);
    }
  }
}

// ---- quantisers ----

template <typename Float>
Float RandomFloat() {
  const Float odd[] = {0,
                       -1,
                       std::numeric_limits<Float>::infinity(),
                       -std::numeric_limits<Float>::infinity(),
                       std::numeric_limits<Float>::quiet_NaN(),
                       std::numeric_limits<Float>::denorm_min(),
                       std::numeric_limits<Float>::max(),
                       std::numeric_limits<Float>::min()};
  if (Chance(0.02)) return odd[Below(8)];
  return std::ldexp(static_cast<Float>(random_bits() >> 40), static_cast<int>(Below(30)) - 20);
}

template <typename Float, typename Launch, typename Rule>
void Quantise(const Launch& launch, const Rule& rule) {
  const int64_t rows = 1 + Below(600), n = 1 + Below(20);
  const int precision = 5 + Below(28);
  std::vector<Float> values(rows * n);
  for (Float& value : values) value = RandomFloat<Float>();
  // No mask, one for all rows, or one for each.
  const int64_t masks = Chance(0.3) ? 0 : Chance(0.5) ? 1 : rows;
  std::vector<uint8_t> mask(masks * n);
  for (uint8_t& allowed : mask) allowed = Chance(0.7);
  std::vector<uint32_t> wanted(rows * (n + 1)), found(rows * (n + 1));
  for (int64_t row = 0; row < rows; ++row) {
    const uint8_t* allowed = masks == 0 ? nullptr : &mask[row % masks * n];
    rule(&values[row * n], allowed, n, precision, &wanted[row * (n + 1)]);
  }
  current = "quantise";
  Device device;
  cuda::QuantizerCall<Float> call{device.Put(values),
                                  {masks == 0 ? nullptr : device.Put(mask), {masks == rows ? n : 0}, {1, rows, {rows}}},
                                  device.Put(found),
                                  n,
                                  precision};
  device.Finish(launch(call, nullptr));
  Require(wanted == found, "rows differ");
}

}  // namespace

int main(int argc, char** argv) {
  const int cases = argc > 1 ? std::atoi(argv[1]) : 20;
  random_bits.seed(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  RunVariant<Rans64>(cases);
  RunVariant<Rans64Ryg>(cases);
  RunVariant<Rans32_16>(cases);
  RunVariant<Rans32>(cases);
  for (int i = 0; i < cases; ++i) {
    Quantise<float>(cuda::QuantizeProbs<float>, [](auto... row) { QuantizeProbs<float>(row...); });
    Quantise<double>(cuda::QuantizeProbs<double>, [](auto... row) { QuantizeProbs<double>(row...); });
    Quantise<float>(cuda::QuantizeLogits, [](auto... row) { QuantizeLogits(row...); });
  }
  // A case that never happens proves nothing.
  const int32_t pushed = kOverflow | kBadSymbol | kBadModel | kBadState;
  const int32_t popped = kOverflow | kUnderflow | kBadModel | kBadState;
  current = "coverage";
  Require((seen["push intervals"] & pushed) == pushed, "push of intervals did not meet every status");
  Require((seen["push rows"] & pushed) == pushed, "push of rows did not meet every status");
  Require((seen["advance"] & popped) == popped, "advance did not meet every status");
  Require((seen["pop rows"] & popped) == popped, "pop of rows did not meet every status");
  std::printf("%lld calls, all as on the CPU\n", static_cast<long long>(Device::calls));
  return 0;
}
