// What fuzz targets make of their bytes.
#ifndef JANS_TESTS_FUZZ_INPUT_H_
#define JANS_TESTS_FUZZ_INPUT_H_

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "../../csrc/core/quantize/nearest.h"
#include "../../csrc/core/quantize/perfect.h"
#include "../../csrc/core/quantize/quantize.h"

namespace jans {

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

inline void Require(bool condition) {
  if (!condition) std::abort();
}

inline std::vector<uint32_t> MakeRow(Input& in, int64_t n, int precision) {
  const uint8_t kind = in.Take<uint8_t>();
  if (kind % 8 == 0) return in.Fill<uint32_t>(n + 1);
  std::vector<uint32_t> cdf(n + 1);
  std::vector<float> values = in.Fill<float>(n);
  if (kind % 8 > 2) {  // rows that are distributions, which random floats seldom are
    const std::vector<uint8_t> small = in.Fill<uint8_t>(n);
    std::copy(small.begin(), small.end(), values.begin());
    values[0] += 1;
  }
  const std::vector<uint8_t> allowed = in.Fill<uint8_t>(n);
  const uint8_t* mask = kind % 16 < 8 ? nullptr : allowed.data();
  if (kind / 16 % 2 == 0 && precision < 32) {
    QuantizeNearest<float>(values.data(), kind / 32 % 2 == 0 ? static_cast<int32_t>(n) : in.Take<int8_t>(), n,
                           precision, kind / 64 % 2 == 0, cdf.data());
  } else if (kind % 3 == 0) {
    QuantizeProbs<float>(values.data(), mask, n, precision, cdf.data());
  } else if (kind % 3 == 1) {
    QuantizeLogits(values.data(), mask, n, precision, cdf.data());
  } else {
    std::vector<double> room(PerfectRule::Room(n));
    PerfectRule(room.data(), n).Run(values.data(), mask, n, precision, cdf.data());
  }
  return cdf;
}

}  // namespace jans

#endif  // JANS_TESTS_FUZZ_INPUT_H_
