// The loops of the chain coder and of the range coder: fast ones against careful ones, and there and back.
#ifndef JANS_TESTS_FUZZ_CHAIN_AND_RANGE_H_
#define JANS_TESTS_FUZZ_CHAIN_AND_RANGE_H_

#include "../../csrc/core/coders/range_stream.h"
#include "../../csrc/core/models/intervals.h"
#include "../../csrc/cpu/loops/chain_stream.h"
#include "../../csrc/cpu/search/row_tables.h"
#include "input.h"

namespace jans {

template <typename V>
struct ChainBuffers {
  std::vector<uint32_t> heads;
  std::vector<typename V::Word> compressed, remainders;
  uint64_t partial_word;
  int precision, high;
  bool sound;

  ChainStream<V> Open(int64_t lanes) {
    const auto tail = [](auto& words) {
      return Tail<typename V::Word>{words.data(), static_cast<int64_t>(words.size()),
                                    static_cast<int64_t>(words.size()) / 2, 0};
    };
    return {partial_word, tail(compressed), {heads.data(), lanes, tail(remainders)}, precision, high, sound};
  }
};

template <typename Word>
bool SameTail(const Tail<Word>& a, const Tail<Word>& b) {
  const int64_t used = a.size < a.capacity ? a.size : a.capacity;
  return a.size == b.size && std::equal(a.words, a.words + used, b.words);
}

template <typename V>
bool SameChain(const ChainStream<V>& a, const ChainBuffers<V>& of_a, const ChainStream<V>& b,
               const ChainBuffers<V>& of_b) {
  const int status_a = a.compressed.status | a.remainders.tail.status;
  const int status_b = b.compressed.status | b.remainders.tail.status;
  return a.partial_word == b.partial_word && status_a == status_b && of_a.heads == of_b.heads &&
         SameTail(a.compressed, b.compressed) && SameTail(a.remainders.tail, b.remainders.tail);
}

template <typename V, int kLanes>
void RunChain(Input in, int64_t lanes) {
  using State = typename V::State;
  ChainBuffers<V> start;
  start.high = 1 + in.Take<uint8_t>() % V::kWordBits;
  start.precision = 1 + in.Take<uint8_t>() % start.high;
  const int64_t n = 1 + in.Take<uint8_t>() % (start.precision < 8 ? 1 << start.precision : 256);
  const int64_t count = in.Take<uint8_t>();
  start.heads = in.Fill<uint32_t>(lanes * sizeof(State) / 4);
  start.partial_word = 1 | in.Take<typename V::Word>();
  start.sound = true;
  const int lower = V::LowerBits(start.high);
  for (int64_t lane = 0; lane < lanes; ++lane) {
    State x = LoadHead<V>(start.heads.data(), lane);
    if (in.Take<uint8_t>() % 8 != 7) {  // in its range
      x = (x & ((State{1} << (lower + V::kWordBits - 1)) - 1)) | State{1} << lower;
      StoreHead<V>(start.heads.data(), lane, x);
    }
    start.sound = start.sound && x >> lower != 0 && !V::Full(x, start.high);
  }
  start.compressed = in.Fill<typename V::Word>(in.Take<uint8_t>());
  start.remainders = in.Fill<typename V::Word>(in.Take<uint8_t>());
  const std::vector<uint32_t> cdf = MakeRow(in, n, start.precision);
  const Row row{cdf.data(), n, start.precision};
  const std::vector<int32_t> symbols = in.Fill<int32_t>(count);
  const int precision = start.precision;

  // Push: exact and near reciprocals against plain division, which heads out of their range take.
  ChainBuffers<V> slow = start, fast = start;
  ChainStream<V> a = slow.Open(lanes), b = fast.Open(lanes);
  a.sound = false;
  auto exact = [&](int64_t i) { return MakeExactEntry(row.Find(symbols[i])); };
  auto near = [&](int64_t i) { return NearEntry{MakeEntry<Rans64>(row.Find(symbols[i]), precision)}; };
  ChainPushAll<V, 0>(a, near, count);
  ChainPushAll<V, kLanes>(b, exact, count);
  Require(SameChain(a, slow, b, fast));
  fast = start;
  ChainStream<V> c = fast.Open(lanes);
  ChainPushAll<V, kLanes>(c, near, count);
  Require(SameChain(a, slow, c, fast));

  // Pop, and push back.
  auto search = [&](int64_t, uint32_t q) { return row.Locate(q); };
  std::vector<int32_t> popped(count);
  ChainBuffers<V> back = start;
  ChainStream<V> d = back.Open(lanes);
  ChainPopAll<V, kLanes>(d, search, popped.data(), count);
  if (start.sound && (d.compressed.status | d.remainders.tail.status) == 0 &&
      d.remainders.tail.size <= d.remainders.tail.capacity) {
    auto again = [&](int64_t i) { return MakeExactEntry(row.Find(popped[i])); };
    ChainPushAll<V, kLanes>(d, again, count);
    ChainBuffers<V> same = start;
    Require(SameChain(d, back, same.Open(lanes), same));
  }
}

inline bool SameEncoder(const RangeEncoder& a, const RangeEncoder& b) {
  return a.lower == b.lower && a.range == b.range && a.pending_words == b.pending_words &&
         (a.pending_words == 0 || a.pending_first == b.pending_first) && a.tail.status == b.tail.status &&
         SameTail(a.tail, b.tail);
}

inline void RunRange(Input in) {
  const int precision = 1 + in.Take<uint8_t>() % 32;
  const int64_t n = 1 + in.Take<uint8_t>() % (precision < 8 ? 1 << precision : 256);
  const int64_t count = in.Take<uint8_t>();
  const std::vector<uint32_t> cdf = MakeRow(in, n, precision);
  const Row row{cdf.data(), n, precision};
  const std::vector<int32_t> symbols = in.Fill<int32_t>(count);
  std::vector<uint32_t> first(in.Take<uint8_t>()), second = first;
  const auto tail = [](std::vector<uint32_t>& words) {
    return Tail<uint32_t>{words.data(), static_cast<int64_t>(words.size()), 0, 0};
  };
  RangeEncoder start{in.Take<uint64_t>(), in.Take<uint64_t>() | kMinRange, in.Take<uint32_t>(), in.Take<uint8_t>() % 4,
                     tail(first)};
  const bool fresh = in.Take<uint8_t>() % 2 == 0;
  if (fresh) start = {0, ~uint64_t{0}, 0, 0, tail(first)};
  RangeEncoder fast = start, slow = start;
  slow.tail = tail(second);
  RangeEncodeAll(fast, [&](int64_t i) { return row.Find(symbols[i]); }, count, precision);
  for (int64_t i = 0; i < count; ++i) {
    const Interval interval = row.Find(symbols[i]);
    if (interval.freq == 0) {
      slow.tail.status |= static_cast<int32_t>(interval.start);
    } else {
      slow.Encode(interval, precision);
    }
  }
  Require(SameEncoder(fast, slow));

  // Any words are decoded alike by both loops, those of a message to what was encoded.
  std::vector<int32_t> found(count), expected(count);
  auto search = [&](int64_t, uint32_t q) { return row.Locate(q); };
  const int64_t size = std::min<int64_t>(fast.tail.size, static_cast<int64_t>(first.size()));
  std::vector<uint32_t> words(first.begin(), first.begin() + size);
  const auto word = [&](size_t at) { return at < words.size() ? words[at] : 0; };
  RangeDecoder decoder{uint64_t{word(0)} << 32 | word(1), 0, ~uint64_t{0}, words.data(), size, 0, 0}, careful = decoder;
  RangeDecodeAll(decoder, search, found.data(), count, precision);
  for (int64_t i = 0; i < count; ++i) {
    const Located located = row.Locate(careful.Quantile(precision));
    expected[i] = located.symbol;
    if (located.interval.freq == 0) {
      careful.status |= static_cast<int32_t>(located.interval.start);
    } else {
      careful.Advance(located.interval, precision);
    }
  }
  Require(found == expected && decoder.point == careful.point && decoder.lower == careful.lower &&
          decoder.range == careful.range && decoder.index == careful.index && decoder.status == careful.status);
}

}  // namespace jans

#endif  // JANS_TESTS_FUZZ_CHAIN_AND_RANGE_H_
