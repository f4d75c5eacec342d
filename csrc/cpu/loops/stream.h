// Loops over one stream. Symbol i belongs to lane i % lanes; arrays are pushed from the last symbol to the first and
// popped from the first to the last, every head renormalising at once.
//
// Each loop has a careful form, good for any state, and a fast form that is entered only where the tail has room
// (words) for all that it does, so that words move without a bounds check or a branch.
#ifndef JANS_CPU_LOOPS_STREAM_H_
#define JANS_CPU_LOOPS_STREAM_H_

#include <algorithm>
#include <array>
#include <cstring>

#include "../../core/coders/stream.h"
#include "../../core/models/models.h"
#include "../search/model_view.h"
#include "symbols.h"

namespace jans {

// How many streams are coded at once where that is faster, and how many heads, of one stream or of all of those.
constexpr int kMaxTogether = 32;
constexpr int kMaxHeads = 256;

// Heads of a stream while a loop runs. A loop codes kLanes of them side by side: 1 is the only one of a stream, in a
// register; 4 are a group of a multiple of that, on the stack; 0 is any number, one by one in the caller's buffer.
template <typename V, int kLanes>
class Heads {
 public:
  static constexpr int kMax = kLanes == 1 ? 1 : kMaxHeads;

  explicit Heads(const Stream<V>& stream) : stream_(stream) {
    for (int64_t lane = 0; lane < lanes(); ++lane) heads_[lane] = LoadHead<V>(stream.heads, lane);
  }
  ~Heads() {
    for (int64_t lane = 0; lane < lanes(); ++lane) StoreHead<V>(stream_.heads, lane, heads_[lane]);
  }
  Heads(const Heads&) = delete;
  Heads& operator=(const Heads&) = delete;
  int64_t lanes() const { return kLanes == 1 ? 1 : stream_.lanes; }
  JANS_HD typename V::State Get(int64_t lane) const { return heads_[lane]; }
  JANS_HD void Set(int64_t lane, typename V::State x) { heads_[lane] = x; }
  // Many heads stay in memory: compilers would shuffle them between vector registers.
  JANS_HD void Pin() {
    if constexpr (kLanes > 1) asm volatile("" : "+m"(heads_));
  }

 private:
  const Stream<V>& stream_;
  std::array<typename V::State, kMax> heads_;
};

template <typename V>
class Heads<V, 0> {
 public:
  explicit Heads(const Stream<V>& stream) : stream_(stream) {}
  int64_t lanes() const { return stream_.lanes; }
  JANS_HD typename V::State Get(int64_t lane) const { return LoadHead<V>(stream_.heads, lane); }
  JANS_HD void Set(int64_t lane, typename V::State x) { StoreHead<V>(stream_.heads, lane, x); }
  JANS_HD void Pin() {}

 private:
  const Stream<V>& stream_;
};

// Calls body(lanes) with the kLanes of the loop that serves a stream.
template <typename Body>
void WithLanes(int64_t lanes, const Body& body) {
  if (lanes == 1) return body(std::integral_constant<int, 1>{});
  if (lanes % 4 == 0 && lanes <= kMaxHeads) return body(std::integral_constant<int, 4>{});
  body(std::integral_constant<int, 0>{});
}

// As WithLanes, where a search or a fill outweighs what many lanes gain from a loop of their own.
template <typename Body>
void WithOneOrMany(int64_t lanes, const Body& body) {
  if (lanes == 1) return body(std::integral_constant<int, 1>{});
  body(std::integral_constant<int, 0>{});
}

// Calls body(0), ..., body(kCount - 1), with code of its own for each. (The pragma that unrolls a loop would go on with
// the loop around it.)
template <int kCount, int kFirst = 0, typename Body>
JANS_HD void Unrolled(const Body& body) {
  if constexpr (kFirst < kCount) {
    body(kFirst);
    Unrolled<kCount, kFirst + 1>(body);
  }
}

// ---- push ----

// Pushes the intervals source(n - 1), ..., source(0); division where no reciprocal is at hand.
template <typename V, int kLanes, typename Source>
void PushAll(Stream<V>& stream, const Source& source, int64_t n, int precision) {
  Heads<V, kLanes> heads(stream);
  Tail<typename V::Word> tail = stream.tail;
  const int64_t lanes = heads.lanes();
  int64_t lane = (n - 1) % lanes;
  for (int64_t i = n - 1; i >= 0; --i) {
    typename V::State x = heads.Get(lane);
    Push<V>(x, tail, source(i), precision);
    heads.Set(lane, x);
    lane = lane == 0 ? lanes - 1 : lane - 1;
  }
  stream.tail = tail;
}

// The most words that one symbol moves.
template <typename Word>
constexpr int kWordsPerSymbol = sizeof(Word) == 1 ? 4 : 1;

// As PushAll, from entries with reciprocals.
template <typename V, int kLanes, typename Source>
void PushEntries(Stream<V>& stream, const Source& given, int64_t n, int precision) {
  using State = typename V::State;
  using Word = typename V::Word;
  constexpr int kStep = kLanes == 0 ? 1 : kLanes;  // symbols side by side
  const Source source = given;                     // which no store of a word can change
  Heads<V, kLanes> heads(stream);
  Tail<Word> tail = stream.tail;
  const int64_t lanes = heads.lanes();

  int64_t i = n, lane = (n - 1) % lanes;  // of symbol i - 1
  auto next = [&] { lane = lane == 0 ? lanes - 1 : lane - 1; };
  while (i > 0) {
    const int64_t steps = std::min(i / kStep, tail.Room() / (kStep * kWordsPerSymbol<Word>));
    if (steps == 0 || (kLanes > 1 && lane % kStep != kStep - 1)) {
      --i;
      const auto& entry = source(i);
      if (entry.freq == 0) {
        tail.status |= static_cast<int32_t>(entry.start);
      } else {
        State x = heads.Get(lane);
        Flush<V>(x, tail, entry.freq, precision);
        heads.Set(lane, Step<V>(x, entry, precision));
      }
      next();
      continue;
    }
    Word* words = tail.words + tail.size;
    int32_t refused = 0;
    for (const int64_t stop = i - steps * kStep; i > stop;) {
      i -= kStep;
      heads.Pin();
      const int64_t first = kLanes == 1 ? 0 : lane - (kStep - 1);
      if (kLanes != 1) lane = first == 0 ? lanes - 1 : first - 1;
      auto push = [&](int k) __attribute__((always_inline)) {
        const int64_t j = kStep - 1 - k, at = first + j;
        const auto& entry = source(i + j);
        if (__builtin_expect(entry.freq == 0, 0)) {
          refused |= static_cast<int32_t>(entry.start);
          return;
        }
        State x = heads.Get(at);
        if constexpr (kWordsPerSymbol<Word> == 1) {
          *words = static_cast<Word>(x);
          const bool full = IsFull<V>(x, entry, precision);
          words += full;
          x = full ? x >> V::kWordBits : x;
        } else if constexpr (kLanes <= 1) {
          while (IsFull<V>(x, entry, precision)) {
            *words++ = static_cast<Word>(x);
            x >>= V::kWordBits;
          }
        } else {
          // Of a head's bytes up to three leave. Many heads are better served without jumps.
          static_assert(sizeof(Word) == 1 && sizeof(State) == 4);
          for (int k = 0; k < 4; ++k) words[k] = static_cast<Word>(x >> 8 * k);
          const int bytes = IsFull<V>(x, entry, precision) + IsFull<V>(x >> 8, entry, precision) +
                            IsFull<V>(x >> 16, entry, precision);
          words += bytes;
          x >>= 8 * bytes;
        }
        heads.Set(at, Step<V>(x, entry, precision));
      };
      Unrolled<kStep>(push);
    }
    tail.size = words - tail.words;
    tail.status |= refused;
  }
  stream.tail = tail;
}

// ---- pop ----

// What a pop does between symbols: nothing.
struct NothingMore {
  static constexpr bool kByTurns = false;
  static constexpr bool Pending() { return false; }
  template <typename Heads, typename Tail>
  void Run(int64_t, Heads&, Tail&) const {}
};

// Pops n symbols; locate(i, quantile) finds the i-th, store(i, symbol) keeps it. Where more.Pending() after some
// symbol, more.Run(i, heads, tail) is called with the number of symbols that are done, until nothing is pending. Where
// it does so by turns of the lanes (kByTurns), symbols that fill no turn at the end are popped one by one.
template <typename V, int kLanes, typename Locate, typename Store, typename More = const NothingMore>
void PopAll(Stream<V>& stream, const Locate& given, const Store& store, int64_t n, int precision,
            More& more = NothingMore{}) {
  using State = typename V::State;
  using Word = typename V::Word;
  constexpr int kStep = kLanes == 0 ? 1 : kLanes;
  const Locate locate = given;  // which no store of a symbol can change
  Heads<V, kLanes> heads(stream);
  Tail<Word> tail = stream.tail;
  const bool floor = stream.floor();
  const int64_t lanes = heads.lanes();

  const int64_t whole = More::kByTurns ? n / lanes * lanes : n;
  int64_t i = 0, lane = 0;  // of symbol i
  auto next = [&] { lane = lane == lanes - 1 ? 0 : lane + 1; };
  while (i < n) {
    const int64_t steps = std::min((whole - i) / kStep, tail.Held() / (kStep * kWordsPerSymbol<Word>));
    if (steps <= 0 || (kLanes > 1 && lane % kStep != 0) || more.Pending()) {
      State x = heads.Get(lane);
      Located found = locate(i, Quantile<V>(x, precision));
      Advance<V>(x, tail, found.interval, floor, precision);
      heads.Set(lane, x);
      store(i, found.symbol);
      ++i;
      next();
      if (more.Pending()) more.Run(i, heads, tail);
      continue;
    }
    const Word* words = tail.words + tail.size;
    int32_t refused = 0;
    for (const int64_t stop = i + steps * kStep; i < stop && !more.Pending(); i += kStep) {
      heads.Pin();
      const int64_t first = kLanes == 1 ? 0 : lane;
      if (kLanes != 1) lane = first == lanes - kStep ? 0 : first + kStep;
      auto pop = [&](int j) __attribute__((always_inline)) {
        const int64_t at = first + j;
        State x = heads.Get(at);
        uint32_t quantile = Quantile<V>(x, precision);
        Located found = locate(i + j, quantile);
        store(i + j, found.symbol);
        if (__builtin_expect(found.interval.freq == 0, 0)) {
          refused |= static_cast<int32_t>(found.interval.start);
          return;
        }
        const State freq = found.interval.freq, high = x >> precision, remainder = quantile - found.interval.start;
        x = freq * high + remainder;
        if constexpr (kWordsPerSymbol<Word> == 1) {
          // No jump, which could not be predicted: one head waits for a conditional move, and many are better served
          // by masks, which compilers leave alone.
          const bool low = __builtin_expect_with_probability(x < V::kLower, 1, 0.5);
          if constexpr (kLanes == 1) {
            // Refilled or not, it waits for one product.
            const State filled = (freq << V::kWordBits) * high + ((remainder << V::kWordBits) | words[-1]);
            x = low ? filled : x;
          } else {
            const State filled = (x << V::kWordBits) | words[-1];
            x ^= (x ^ filled) & (State{0} - low);
          }
          words -= low;
        } else {
          for (int bits = 0; bits < precision && x < V::kLower; bits += V::kWordBits) {
            x = (x << V::kWordBits) | *--words;
          }
        }
        heads.Set(at, x);
      };
      Unrolled<kStep>(pop);
    }
    tail.size = words - tail.words;
    tail.status |= refused;
    if (more.Pending()) more.Run(i, heads, tail);
  }
  stream.tail = tail;
}

// Keeps the symbols of a pop.
struct StoreTo {
  int32_t* symbols;

  void operator()(int64_t i, int32_t symbol) const { symbols[i] = symbol; }
};

// Entries of a model's intervals, for 64-bit heads with reciprocals by kReciprocal.
//
// They are asked for from the last to the first. The model finds the intervals of a group of symbols at a time, one
// group ahead, so that the processor works on the next intervals while the head waits for its divisions.
template <typename V>
class EntrySource {
 public:
  // Of n symbols of a model, which are its symbols first, first + 1, ...
  EntrySource(const ModelView& model, const int32_t* symbols, int64_t first, int64_t n)
      : model_(model), symbols_(symbols), first_(first) {
    const int precision = model.precision;
    if (kDivides && precision >= 13 && precision < 32) usual_ = (uint32_t{1} << precision) - 2;
    if (n == 0) return;
    const int64_t last = (n - 1) / kGroup * kGroup;
    Make(last, n - last);
    if (n - last < kGroup && last > 0) Make(last - kGroup, kGroup);
  }
  JANS_HD Entry operator()(int64_t i) const {
    const uint64_t j = static_cast<uint64_t>(i) % (2 * kGroup);
    if (j % kGroup == kGroup - 1 && i > kGroup) Make(i + 1 - 2 * kGroup, kGroup);
    const uint32_t start = start_[j], freq = freq_[j];
    if constexpr (kDivides) {
      if (__builtin_expect(freq - 2 < usual_, 1)) {
        if (freq == 0) __builtin_unreachable();
        const double reciprocal = kReciprocal / static_cast<int32_t>(freq);
        return {static_cast<uint64_t>(static_cast<int64_t>(reciprocal)), start, freq};
      }
    }
    return MakeEntry<V>({start, freq}, model_.precision);
  }

 private:
  static constexpr bool kDivides = sizeof(typename V::State) == 8;
  static constexpr int64_t kGroup = kModelGroup;

  __attribute__((noinline)) void Make(int64_t begin, int64_t count) const {
    const uint64_t j = static_cast<uint64_t>(begin) % (2 * kGroup);
    const int32_t* symbols = symbols_ == nullptr ? nullptr : symbols_ + begin;
    model_.find(model_.finder, first_ + begin, count, symbols, &start_[j], &freq_[j]);
  }

  const ModelView model_;
  const int32_t* const symbols_;
  const int64_t first_;
  uint32_t usual_ = 0;  // how many freqs from 2 on have a reciprocal of 63 bits by kReciprocal
  mutable std::array<uint32_t, 2 * kGroup> start_, freq_ = {};
};

// ---- any model ----

// Pushes n symbols, of which the first is one of lane 0, as the model's symbols first, first + 1, ...
template <typename V>
void PushModel(Stream<V>& stream, const ModelView& model, const int32_t* symbols, int64_t first, int64_t n) {
  const EntrySource<V> entries(model, symbols, first, n);
  auto source = [&entries](int64_t i) { return entries(i); };
  WithLanes(stream.lanes,
            [&](auto lanes) { PushEntries<V, decltype(lanes)::value>(stream, source, n, model.precision); });
}

// Pops n symbols.
template <typename V>
void PopModel(Stream<V>& stream, const ModelView& model, int32_t* symbols, int64_t first, int64_t n) {
  auto locate = [&model, first](int64_t i, uint32_t quantile) {
    return model.locate_one(model.finder, first + i, quantile).Get();
  };
  WithOneOrMany(stream.lanes, [&](auto lanes) {
    PopAll<V, decltype(lanes)::value>(stream, locate, StoreTo{symbols}, n, model.precision);
  });
}

// As these, with symbols begin, ..., end - 1 in the caller's type; `begin` is a multiple of the lanes.
template <typename V>
void PushModel(Stream<V>& stream, const ModelView& model, const Symbols& symbols, int64_t begin, int64_t end) {
  ForBlocksBackward(symbols, begin, end, stream.lanes, [&](const int32_t* some, int64_t first, int64_t last) {
    PushModel(stream, model, some, first, last - first);
  });
}
template <typename V>
void PopModel(Stream<V>& stream, const ModelView& model, const SymbolsOut& symbols, int64_t begin, int64_t end) {
  ForBlocksForward(symbols, begin, end, stream.lanes, [&](int32_t* some, int64_t first, int64_t last) {
    PopModel(stream, model, some, first, last - first);
  });
}

}  // namespace jans

#endif  // JANS_CPU_LOOPS_STREAM_H_
