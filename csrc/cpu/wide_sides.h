// Whose heads stand side by side in the loops of wide_rows.h: the lanes of one stream, or those of several streams. A
// side gives the heads, the symbols in groups, and the words of a turn.
#ifndef JANS_CPU_WIDE_SIDES_H_
#define JANS_CPU_WIDE_SIDES_H_

#include "wide_rows.h"

#if defined(__x86_64__)

namespace jans {
namespace avx2 {

// Symbols of other types, and of several streams, are laid out for the loops in chunks of about so many.
constexpr int64_t kChunk = 4096;

// One stream; eight lanes are a group.
template <typename V>
class OneStream {
 public:
  using Variant = V;
  static bool Serves(const Stream<V>& stream) {
    return stream.lanes % kEight == 0 && stream.lanes <= kMostHeads && InRange(stream);
  }

  OneStream(Stream<V>& stream, const Rows& rows) : stream_(stream), rows_(rows) {
    if (rows.index_stride == 0) indexes_.fill(rows.index[0]);
  }
  int groups() const { return static_cast<int>(stream_.lanes / kEight); }
  int64_t turn() const { return stream_.lanes; }

  // The words of the stream, for the length of a loop.
  class Words {
   public:
    using Word = typename V::Word;

    explicit Words(OneStream& side)
        : side_(side),
          most_(side.turn()),
          capacity_(side.stream_.tail.capacity),
          at_(side.stream_.tail.words),
          size_(side.stream_.tail.size) {}
    ~Words() { side_.stream_.tail.size = size_; }
    Words(const Words&) = delete;
    Words& operator=(const Words&) = delete;

    // Whether there is room for all words of a turn.
    JANS_WIDE_INLINE bool Room() const { return size_ + most_ <= capacity_; }
    JANS_WIDE_INLINE void Leave(int, __m256i words, __m256i full) {
      const unsigned leaving = SetOf(full);
      StoreEight(at_ + size_, Picked(kLeaving, leaving, words));
      size_ += __builtin_popcount(leaving);
    }

    // A turn reads a whole register below its words: the last ones lie on zeros.
    JANS_WIDE_INLINE void Begin() {
      if (__builtin_expect(size_ < most_, 0)) at_ = side_.LastWords(size_);
      left_ = size_;
    }
    JANS_WIDE_INLINE __m256i Come(int, __m256i wants) {
      const unsigned coming = SetOf(wants);
      const __m256i words = Picked(kComing, coming, LoadEight(at_ + left_ - kEight));
      left_ -= __builtin_popcount(coming);
      return words;
    }
    // False where the turn wanted more words than there are; otherwise it is done.
    JANS_WIDE_INLINE bool End() {
      if (left_ < 0) return false;
      size_ = left_;
      return true;
    }

   private:
    OneStream& side_;
    const int64_t most_, capacity_;
    Word* at_;
    int64_t size_, left_ = 0;
  };

  typename V::State* LoadHeads() { return reinterpret_cast<typename V::State*>(stream_.heads); }
  void StoreHeads() {}

  // How many symbols from `begin` on, up to `end`, are laid out at once.
  template <typename Symbol>
  int64_t Most(const Symbol*) const {
    return std::is_same_v<Symbol, int32_t> ? INT64_MAX : kChunk / turn() * turn();
  }
  template <typename Symbol>
  Groups<const int32_t*> In(const Symbol* symbols, int64_t begin, int64_t end) {
    return {Laid(symbols, begin, end), Index(begin), Step()};
  }
  Groups<int32_t*> Out(int32_t* symbols, int64_t begin, int64_t) { return {symbols + begin, Index(begin), Step()}; }
  template <typename Symbol>
  Groups<int32_t*> Out(Symbol*, int64_t begin, int64_t) {
    return {symbols_.data(), Index(begin), Step()};
  }
  template <typename Symbol>
  void Put(Symbol* symbols, int64_t begin, int64_t first, int64_t last) const {
    if constexpr (std::is_same_v<Symbol, int32_t>) return;
    for (int64_t i = first; i < last; ++i) symbols[i] = static_cast<Symbol>(symbols_[i - begin]);
  }

 private:
  const int32_t* Laid(const int32_t* symbols, int64_t begin, int64_t) { return symbols + begin; }
  template <typename Symbol>
  const int32_t* Laid(const Symbol* symbols, int64_t begin, int64_t end) {
    std::copy(symbols + begin, symbols + end, symbols_.begin());
    return symbols_.data();
  }
  const int32_t* Index(int64_t begin) const { return rows_.index_stride == 0 ? indexes_.data() : rows_.index + begin; }
  int64_t Step() const { return rows_.index_stride == 0 ? 0 : kEight; }
  // A copy of the last words with zeros below.
  JANS_SELDOM typename V::Word* LastWords(int64_t size) {
    if (!copied_) std::copy(stream_.tail.words, stream_.tail.words + size, last_.begin() + turn());
    copied_ = true;
    return last_.data() + turn();
  }

  Stream<V>& stream_;
  const Rows& rows_;
  bool copied_ = false;
  std::array<typename V::Word, 2 * kMostHeads> last_{};
  std::array<int32_t, kEight> indexes_;
  std::array<int32_t, kChunk> symbols_;
};

// The same lane of each of several streams, eight to a group.
template <typename V>
class Streams {
 public:
  using Variant = V;
  static bool Serves(const Stream<V>* streams, const GuidedRows* tables, int count) {
    if (streams[0].lanes * count > kMostHeads) return false;
    for (int s = 0; s < count; ++s) {
      const int64_t from = streams[s].tail.words - streams[0].tail.words, end = from + streams[s].tail.capacity;
      const bool near = from > -(int64_t{1} << 30) && end < int64_t{1} << 30 && streams[s].tail.capacity > 0;
      const bool held = streams[s].tail.size <= streams[s].tail.capacity;
      const bool shared = tables[s].rows.cdf == tables[0].rows.cdf && tables[s].guides == tables[0].guides;
      if (!near || !held || !shared || !InRange(streams[s])) return false;
    }
    return true;
  }

  Streams(Stream<V>* streams, const GuidedRows* tables, int count)
      : streams_(streams), tables_(tables), count_(count) {}
  int groups() const { return static_cast<int>(turn()) * count_ / kEight; }
  int64_t turn() const { return streams_[0].lanes; }

  class Words {
   public:
    using Word = typename V::Word;

    explicit Words(Streams& side) : streams_(side.streams_), count_(side.count_), base_(streams_[0].tail.words) {
      for (int s = 0; s < count_; ++s) {
        const Tail<Word>& tail = streams_[s].tail;
        first_[s] = static_cast<int32_t>(tail.words - base_);
        at_[s] = static_cast<int32_t>(first_[s] + tail.size);
        // Words that do not leave are written as well, above those that do.
        last_[s] = static_cast<int32_t>(first_[s] + tail.capacity - side.turn());
      }
    }
    ~Words() {
      for (int s = 0; s < count_; ++s) streams_[s].tail.size = at_[s] - first_[s];
    }
    Words(const Words&) = delete;
    Words& operator=(const Words&) = delete;

    JANS_WIDE_INLINE bool Room() const {
      __m256i beyond = _mm256_setzero_si256();
      for (int s = 0; s < count_; s += kEight) {
        beyond = _mm256_or_si256(beyond, _mm256_cmpgt_epi32(Load(&at_[s]), Load(&last_[s])));
      }
      return !Any(beyond);
    }
    JANS_WIDE_INLINE void Leave(int group, __m256i words, __m256i full) {
      const int s = group * kEight & (count_ - 1);
      alignas(32) uint32_t word[kEight];
      Store(word, words);
      for (int k = 0; k < kEight; ++k) base_[at_[s + k]] = static_cast<Word>(word[k]);
      Store(&at_[s], _mm256_sub_epi32(Load(&at_[s]), full));
    }

    JANS_WIDE_INLINE void Begin() {
      left_ = at_;
      missing_ = 0;
    }
    JANS_WIDE_INLINE __m256i Come(int group, __m256i wants) {
      const int s = group * kEight & (count_ - 1);
      const __m256i left = Load(&left_[s]), first = Load(&first_[s]), none = _mm256_cmpeq_epi32(left, first);
      missing_ |= SetOf(_mm256_and_si256(wants, none));
      alignas(32) int32_t at[kEight];
      Store(at, _mm256_max_epi32(_mm256_add_epi32(left, _mm256_set1_epi32(-1)), first));
      Store(&left_[s], _mm256_add_epi32(left, wants));
      auto word = [&](int k) { return static_cast<int>(base_[at[k]]); };
      return _mm256_set_epi32(word(7), word(6), word(5), word(4), word(3), word(2), word(1), word(0));
    }
    JANS_WIDE_INLINE bool End() {
      if (missing_ != 0) return false;
      at_ = left_;
      return true;
    }

   private:
    Stream<V>* streams_;
    const int count_;
    Word* base_;
    alignas(32) std::array<int32_t, kMostTogether> first_, at_, last_, left_;
    unsigned missing_ = 0;
  };

  typename V::State* LoadHeads() {
    for (int64_t lane = 0; lane < turn(); ++lane) {
      for (int s = 0; s < count_; ++s) heads_[lane * count_ + s] = LoadHead<V>(streams_[s].heads, lane);
    }
    return heads_.data();
  }
  void StoreHeads() {
    for (int64_t lane = 0; lane < turn(); ++lane) {
      for (int s = 0; s < count_; ++s) StoreHead<V>(streams_[s].heads, lane, heads_[lane * count_ + s]);
    }
  }

  template <typename Symbol>
  int64_t Most(Symbol* const*) const {
    return kChunk / (turn() * count_) * turn();
  }
  template <typename Symbol>
  Groups<const int32_t*> In(const Symbol* const* symbols, int64_t begin, int64_t end) {
    Lay(symbols, begin, end, symbols_.data());
    const Groups<int32_t*> laid = Laid(begin, end);
    return {laid.symbols, laid.index, laid.step};
  }
  template <typename Symbol>
  Groups<int32_t*> Out(Symbol* const*, int64_t begin, int64_t end) {
    return Laid(begin, end);
  }
  template <typename Symbol>
  JANS_WIDE void Put(Symbol* const* symbols, int64_t begin, int64_t first, int64_t last) const {
    const int32_t* laid = &symbols_[(first - begin) * count_];
    const int64_t whole = first + (last - first) / kEight * kEight;
    for (int s = 0; s < count_; s += kEight) {
      for (int64_t i = first; i < whole; i += kEight) {
        __m256i rows[kEight];
        for (int k = 0; k < kEight; ++k) rows[k] = Load(laid + (i - first + k) * count_ + s);
        Transpose(rows);
        for (int k = 0; k < kEight; ++k) StoreEight(symbols[s + k] + i, rows[k]);
      }
    }
    for (int s = 0; s < count_; ++s) {
      for (int64_t i = whole; i < last; ++i) symbols[s][i] = static_cast<Symbol>(laid[(i - first) * count_ + s]);
    }
  }

 private:
  template <typename Number>
  JANS_WIDE void Lay(const Number* const* numbers, int64_t begin, int64_t end, int32_t* laid) const {
    const int64_t whole = begin + (end - begin) / kEight * kEight;
    for (int s = 0; s < count_; s += kEight) {
      for (int64_t i = begin; i < whole; i += kEight) {
        __m256i rows[kEight];
        for (int k = 0; k < kEight; ++k) rows[k] = LoadEight(numbers[s + k] + i);
        Transpose(rows);
        for (int k = 0; k < kEight; ++k) Store(laid + (i - begin + k) * count_ + s, rows[k]);
      }
    }
    for (int s = 0; s < count_; ++s) {
      for (int64_t i = whole; i < end; ++i) laid[(i - begin) * count_ + s] = static_cast<int32_t>(numbers[s][i]);
    }
  }
  Groups<int32_t*> Laid(int64_t begin, int64_t end) {
    std::array<const int32_t*, kMostTogether> index;
    for (int s = 0; s < count_; ++s) index[s] = tables_[s].rows.index;
    if (tables_[0].rows.index_stride != 0) {
      Lay(index.data(), begin, end, indexes_.data());
    } else {
      for (int64_t i = 0; i < (end - begin) * count_; ++i) indexes_[i] = *index[i & (count_ - 1)];
    }
    return {symbols_.data(), indexes_.data(), kEight};
  }

  Stream<V>* streams_;
  const GuidedRows* tables_;
  const int count_;
  std::array<typename V::State, kMostHeads> heads_;
  std::array<int32_t, kChunk> symbols_, indexes_;
};

}  // namespace avx2
}  // namespace jans

#endif  // defined(__x86_64__)

#endif  // JANS_CPU_WIDE_SIDES_H_
