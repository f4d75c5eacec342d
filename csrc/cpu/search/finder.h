// A model whose type is forgotten, so that loops are compiled once for all of them.
#ifndef JANS_CPU_SEARCH_FINDER_H_
#define JANS_CPU_SEARCH_FINDER_H_

#include <algorithm>

#include "../../core/models/models.h"

namespace jans {

// As many intervals as a push asks for at a time; elsewhere they may be asked for in any number.
constexpr int64_t kModelGroup = 16;

// From so many bits on, symbols below a place count for little among the quantiles below it.
constexpr int kManyBits = 20;

// A Located in two registers: as three words, it would go through memory, and a pop would wait for it.
struct Found {
  uint64_t interval, symbol;

  explicit Found(const Located& located)
      : interval(located.interval.start | uint64_t{located.interval.freq} << 32),
        symbol(static_cast<uint32_t>(located.symbol)) {}
  Located Get() const {
    return {static_cast<int32_t>(symbol), {static_cast<uint32_t>(interval), static_cast<uint32_t>(interval >> 32)}};
  }
};

// Of a Finder: the intervals of symbols[j] as symbol first + j, for j from 0 to n; the symbol of a quantile; and the
// symbols and the intervals of quantiles[j], n a multiple of 8.
using FindFunction = void (*)(const void* finder, int64_t first, int64_t n, const int32_t* symbols, uint32_t* start,
                              uint32_t* freq);
using LocateFunction = Found (*)(const void* finder, int64_t i, uint32_t quantile);
using LocateManyFunction = void (*)(const void* finder, int64_t first, int64_t n, const uint32_t* quantiles,
                                    int32_t* symbols, uint32_t* start, uint32_t* freq);

template <typename Model>
class Finder;

// Asks memory for what is `bytes` before the given place of an array: pushes find their symbols from the last to the
// first, which the processor does not foresee.
inline __attribute__((always_inline)) void FetchBefore(const void* place, int64_t bytes) {
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(place) - bytes));  // perhaps of no array
}

template <typename Model>
void FindPlain(const void* finder, int64_t first, int64_t n, const int32_t* symbols, uint32_t* start, uint32_t* freq) {
  const Model& model = static_cast<const Finder<Model>*>(finder)->model();
  for (int64_t j = 0; j < n; ++j) {
    const Interval interval = model.Find(first + j, symbols[j]);
    start[j] = interval.start;
    freq[j] = interval.freq;
  }
}

template <typename Model>
Found LocatePlain(const void* finder, int64_t i, uint32_t quantile) {
  return Found(static_cast<const Finder<Model>*>(finder)->model().Locate(i, quantile));
}

// For finders of many at once, those that they leave to their model: a bit for each.
template <typename Finder>
JANS_SELDOM void FindSome(const Finder& finder, unsigned set, int64_t first, const int32_t* symbols, uint32_t* start,
                          uint32_t* freq) {
  for (int64_t j = 0; set >> j != 0; ++j) {
    if ((set >> j & 1) == 0) continue;
    const Interval interval = finder.model().Find(first + j, symbols[j]);
    start[j] = interval.start;
    freq[j] = interval.freq;
  }
}
template <typename Finder>
JANS_SELDOM void LocateSome(const Finder& finder, unsigned set, int64_t first, const uint32_t* quantiles,
                            int32_t* symbols, uint32_t* start, uint32_t* freq) {
  const LocateFunction locate = finder.Locate();
  for (int64_t j = 0; set >> j != 0; ++j) {
    if ((set >> j & 1) == 0) continue;
    const Located found = locate(&finder, first + j, quantiles[j]).Get();
    symbols[j] = found.symbol;
    start[j] = found.interval.start;
    freq[j] = found.interval.freq;
  }
}

// A model for one stream, and how it is asked.
template <typename Model_>
class Finder {
 public:
  using Model = Model_;

  explicit Finder(const Model& model) : model_(model) {}
  const Model& model() const { return model_; }

  FindFunction Find() const { return FindPlain<Model>; }
  LocateFunction Locate() const { return LocatePlain<Model>; }
  LocateManyFunction LocateMany() const { return nullptr; }  // where one by one is as good

 private:
  Model model_;
};

}  // namespace jans

#endif  // JANS_CPU_SEARCH_FINDER_H_
