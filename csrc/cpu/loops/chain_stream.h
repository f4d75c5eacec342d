// Loops of the chain coder over one stream. Each has a careful form, good for any state, and a fast form where both
// stacks have the words, or the room, for all that it does.
#ifndef JANS_CPU_LOOPS_CHAIN_STREAM_H_
#define JANS_CPU_LOOPS_CHAIN_STREAM_H_

#include "../../core/coders/chain.h"
#include "stream.h"

namespace jans {

template <typename V>
struct ChainStream {
  using Word = typename V::Word;
  uint64_t partial_word;
  Tail<Word> compressed;
  Stream<V> remainders;
  int precision, max_precision;
  bool sound;  // whether the heads are in their range, which reciprocals rely on
};

// Pops n symbols; locate(i, quantile) finds the i-th.
template <typename V, int kLanes, typename Locate>
void ChainPopAll(ChainStream<V>& stream, const Locate& given, int32_t* symbols, int64_t n) {
  using State = typename V::State;
  using Word = typename V::Word;
  const Locate locate = given;  // which no store of a symbol can change
  Heads<V, kLanes> heads(stream.remainders);
  Tail<Word> compressed = stream.compressed, remainders = stream.remainders.tail;
  uint64_t partial_word = stream.partial_word;
  const int precision = stream.precision, max_precision = stream.max_precision;
  const int64_t lanes = heads.lanes();
  int64_t i = 0, lane = 0;
  auto next = [&] { lane = lane == lanes - 1 ? 0 : lane + 1; };
  while (i < n) {
    const int64_t steps = std::min({n - i, compressed.Held(), remainders.Room()});
    if (steps == 0) {
      const uint32_t quantile = Take<V>(partial_word, compressed, precision);
      const Located found = locate(i, quantile);
      symbols[i++] = found.symbol;
      if (found.interval.freq == 0) {
        remainders.status |= static_cast<int32_t>(found.interval.start);
      } else {
        State x = heads.Get(lane);
        Keep<V>(x, remainders, found.interval, quantile, max_precision);
        heads.Set(lane, x);
      }
      next();
      continue;
    }
    const Word* in = compressed.words + compressed.size;
    Word* out = remainders.words + remainders.size;
    int32_t refused = 0;
    for (const int64_t stop = i + steps; i < stop; ++i) {
      uint64_t word = partial_word;
      if (partial_word >> precision == 0) {  // in a rhythm that processors learn
        word = *--in;
        partial_word = partial_word << (V::kWordBits - precision) | word >> precision;
      } else {
        partial_word >>= precision;
      }
      const uint32_t quantile = LowBits(word, precision);
      const Located found = locate(i, quantile);
      symbols[i] = found.symbol;
      if (__builtin_expect(found.interval.freq == 0, 0)) {
        refused |= static_cast<int32_t>(found.interval.start);
      } else {
        State x = heads.Get(lane);
        x = x * found.interval.freq + (quantile - found.interval.start);
        *out = static_cast<Word>(x);
        const bool full = JANS_EVEN(V::Full(x, max_precision));
        out += full;
        x = full ? x >> V::kWordBits : x;
        heads.Set(lane, x);
      }
      if (kLanes != 1) next();
    }
    compressed.size = in - compressed.words;
    remainders.size = out - remainders.words;
    remainders.status |= refused;
  }
  stream.compressed = compressed;
  stream.remainders.tail = remainders;
  stream.partial_word = partial_word;
}

// Pushes the entries source(n - 1), ..., source(0), exact or near. For a head x in its range, x < freq 2^(64 - most)
// once it is refilled: what is said of kReciprocal holds here too, for all precisions up to `most`.
template <typename V, int kLanes, typename Source>
void ChainPushAll(ChainStream<V>& stream, const Source& source, int64_t n) {
  using State = typename V::State;
  using Word = typename V::Word;
  Heads<V, kLanes> heads(stream.remainders);
  Tail<Word> compressed = stream.compressed, remainders = stream.remainders.tail;
  uint64_t partial_word = stream.partial_word;
  const int precision = stream.precision, max_precision = stream.max_precision, spare = V::kWordBits - precision;
  const int64_t lanes = heads.lanes();
  int64_t i = n, lane = (n - 1) % lanes;  // of symbol i - 1
  auto next = [&] { lane = lane == 0 ? lanes - 1 : lane - 1; };
  while (i > 0) {
    const int64_t steps = stream.sound ? std::min({i, compressed.Room(), remainders.Held()}) : 0;
    if (steps == 0) {
      const auto& entry = source(--i);
      if (entry.freq == 0) {
        remainders.status |= static_cast<int32_t>(entry.start);
      } else {
        State x = heads.Get(lane);
        Give<V>(partial_word, compressed, Recall<V>(x, remainders, {entry.start, entry.freq}, max_precision),
                precision);
        heads.Set(lane, x);
      }
      next();
      continue;
    }
    const Word* in = remainders.words + remainders.size;
    Word* out = compressed.words + compressed.size;
    int32_t refused = 0;
    for (const int64_t stop = i - steps; i > stop;) {
      const auto& entry = source(--i);
      if (__builtin_expect(entry.freq == 0, 0)) {
        refused |= static_cast<int32_t>(entry.start);
      } else {
        uint64_t x = heads.Get(lane);
        const uint64_t kept = x + entry.more, filled = (x << V::kWordBits | in[-1]) + entry.more;
        // Ones where the head needs a word; of a condition, which is hard to predict, compilers make a jump.
        const int64_t low = static_cast<int64_t>(x - (uint64_t{entry.freq} << V::LowerBits(max_precision))) >> 63;
        in += low;
        x = kept ^ ((kept ^ filled) & static_cast<uint64_t>(low));
        const uint64_t quotient = entry.Quotient(x);
        heads.Set(lane, static_cast<State>(quotient));
        const uint64_t joined = partial_word << precision | (entry.start + (x - entry.more - quotient * entry.freq));
        if (partial_word >> spare == 0) {
          partial_word = joined;
        } else {
          *out++ = static_cast<Word>(joined);
          partial_word >>= spare;
        }
      }
      if (kLanes != 1) next();
    }
    remainders.size = in - remainders.words;
    compressed.size = out - compressed.words;
    remainders.status |= refused;
  }
  stream.compressed = compressed;
  stream.remainders.tail = remainders;
  stream.partial_word = partial_word;
}

}  // namespace jans

#endif  // JANS_CPU_LOOPS_CHAIN_STREAM_H_
