// A model whose type is forgotten: loops that ask it are compiled once for all models.
#ifndef JANS_CPU_SEARCH_MODEL_VIEW_H_
#define JANS_CPU_SEARCH_MODEL_VIEW_H_

#include <algorithm>

#include "../../core/models/intervals.h"
#include "../../core/models/models.h"

namespace jans {

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

// find: the intervals of symbols first, ..., first + n - 1, which are symbols[0], ..., symbols[n - 1].
using FindFunction = void (*)(const void* finder, int64_t first, int64_t n, const int32_t* symbols, uint32_t* start,
                              uint32_t* freq);
// locate_one: symbol i and its interval, from its quantile.
using LocateFunction = Found (*)(const void* finder, int64_t i, uint32_t quantile);
// locate_many: symbols first, ..., first + n - 1 and their intervals, from their quantiles; n is a multiple of 8.
using LocateManyFunction = void (*)(const void* finder, int64_t first, int64_t n, const uint32_t* quantiles,
                                    int32_t* symbols, uint32_t* start, uint32_t* freq);

// Pushes ask for the intervals of aligned groups of so many symbols; the last group may be shorter.
constexpr int64_t kModelGroup = 16;

// The model of one stream as a coder sees it. A freq of 0 says that there is no interval, and start then why.
struct ModelView {
  const void* finder;
  FindFunction find;
  LocateFunction locate_one;
  LocateManyFunction locate_many;  // null where one by one is as good
  int precision;
  const Row* shared = nullptr;  // a row that serves all symbols, if there is one
  bool any_group = true;        // whether find serves other groups as well as aligned ones
};

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

// The finder must outlive the view.
template <typename Finder>
ModelView ViewOf(const Finder& finder, int precision) {
  return {&finder, finder.Find(), finder.Locate(), finder.LocateMany(), precision};
}

// Intervals that a caller made, as those of a model: symbols are not read.
inline ModelView ViewOf(const Intervals& intervals) {
  auto find = [](const void* any, int64_t first, int64_t n, const int32_t*, uint32_t* start, uint32_t* freq) {
    static_cast<const Intervals*>(any)->Fill(first, n, start, freq);
  };
  auto locate = [](const void* any, int64_t i, uint32_t quantile) {
    return Found(static_cast<const Intervals*>(any)->Locate(i, quantile));
  };
  return {&intervals, find, locate, nullptr, intervals.precision};
}

}  // namespace jans

#endif  // JANS_CPU_SEARCH_MODEL_VIEW_H_
