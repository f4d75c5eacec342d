// Whose heads stand side by side in the loops of loops.h: the lanes of one stream, or those of several streams. A side
// gives the heads, the symbols in groups, and the words of a turn. Read once for each kind of registers, see
// side_by_side.h.

namespace jans {
namespace JANS_REGISTERS {

// The symbols of one stream, in groups. So many are a turn.
template <typename V>
class StreamGroups {
 public:
  StreamGroups(Stream<V>& stream, const Rows& rows, int64_t turn) : stream_(stream), rows_(rows), turn_(turn) {
    if (rows.index_stride == 0) indexes_.fill(rows.index[0]);
  }
  int64_t turn() const { return turn_; }
  Stream<V>& stream() { return stream_; }

  // How many symbols from `begin` on, up to `end`, are laid out at once.
  template <typename Symbol>
  int64_t Most(const Symbol*) const {
    return std::is_same_v<Symbol, int32_t> ? INT64_MAX : kChunk / turn() * turn();
  }
  int64_t Most(const Intervals&) const { return INT64_MAX; }
  template <typename Symbol>
  Groups<const int32_t*> In(const Symbol* symbols, int64_t begin, int64_t end) {
    return {Laid(symbols, begin, end), Index(begin), Step()};
  }
  Intervals In(const Intervals& intervals, int64_t begin, int64_t) const { return intervals.From(begin); }
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

  Stream<V>& stream_;
  const Rows& rows_;
  const int64_t turn_;
  std::array<int32_t, kEight> indexes_;
  std::array<int32_t, kChunk> symbols_;
};

// One stream with one, two or four lanes, whose heads do not stand side by side: only the intervals of a turn do. For
// pushes.
template <typename V>
class FewLanes : public StreamGroups<V> {
 public:
  static bool Serves(const Stream<V>& stream, const Rows&) {
    return (stream.lanes == 1 || stream.lanes == 2 || stream.lanes == 4) && InRange(stream);
  }
  FewLanes(Stream<V>& stream, const Rows& rows) : StreamGroups<V>(stream, rows, kFewTurn) {}
};

// One stream; eight lanes are a group.
template <typename V>
class OneStream : public StreamGroups<V> {
 public:
  using Variant = V;
  static bool Serves(const Stream<V>& stream, const Rows&) {
    return stream.lanes % kEight == 0 && stream.lanes <= kMostHeads && InRange(stream);
  }
  OneStream(Stream<V>& stream, const Rows& rows) : StreamGroups<V>(stream, rows, stream.lanes), stream_(stream) {}
  int groups() const { return static_cast<int>(stream_.lanes / kEight); }

  // The words of the stream, for the length of a loop.
  class Words {
   public:
    using Word = typename V::Word;

    explicit Words(OneStream& side)
        : side_(side),
          most_(side.stream_.lanes),
          capacity_(side.stream_.tail.capacity),
          at_(side.stream_.tail.words),
          size_(side.stream_.tail.size) {}
    ~Words() { side_.stream_.tail.size = size_; }
    Words(const Words&) = delete;
    Words& operator=(const Words&) = delete;

    // Whether there is room for all words of a turn.
    JANS_EIGHT_INLINE bool Room() const { return size_ + most_ <= capacity_; }
    JANS_EIGHT_INLINE void Leave(int, Numbers words, Set full) {
      const unsigned leaving = Bits(full);
      Store(at_ + size_, Picked(kLeaving, leaving, words));
      size_ += __builtin_popcount(leaving);
    }

    // A turn reads a whole register below its words: the last ones lie on zeros.
    JANS_EIGHT_INLINE void Begin() {
      if (__builtin_expect(size_ < most_, 0)) at_ = side_.LastWords(size_);
      left_ = size_;
    }
    JANS_EIGHT_INLINE Numbers Come(int, Set wants) {
      const unsigned coming = Bits(wants);
      const Numbers words = Picked(kComing, coming, Load(at_ + left_ - kEight));
      left_ -= __builtin_popcount(coming);
      return words;
    }
    // False where the turn wanted more words than there are; otherwise it is done.
    JANS_EIGHT_INLINE bool End() {
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

 private:
  // A copy of the last words with zeros below.
  JANS_SELDOM typename V::Word* LastWords(int64_t size) {
    const auto zeros = last_.begin(), words = zeros + stream_.lanes;
    if (!copied_) {
      std::fill(zeros, words, 0);
      std::copy(stream_.tail.words, stream_.tail.words + size, words);
    }
    copied_ = true;
    return &*words;
  }

  Stream<V>& stream_;
  bool copied_ = false;
  std::array<typename V::Word, 2 * kMostHeads> last_;
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

    JANS_EIGHT_INLINE bool Room() const {
      Set beyond = None();
      for (int s = 0; s < count_; s += kEight) beyond = Either(beyond, Above(Load(&at_[s]), Load(&last_[s])));
      return !Any(beyond);
    }
    JANS_EIGHT_INLINE void Leave(int group, Numbers words, Set full) {
      const int s = group * kEight & (count_ - 1);
      alignas(32) uint32_t word[kEight];
      Store(word, words);
      for (int k = 0; k < kEight; ++k) base_[at_[s + k]] = static_cast<Word>(word[k]);
      Store(&at_[s], CountUp(full, Load(&at_[s])));
    }

    JANS_EIGHT_INLINE void Begin() {
      left_ = at_;
      missing_ = 0;
    }
    JANS_EIGHT_INLINE Numbers Come(int group, Set wants) {
      const int s = group * kEight & (count_ - 1);
      const Numbers left = Load(&left_[s]);
      const Set none = Equal(left, Load(&first_[s]));
      missing_ |= Bits(Both(wants, none));
      alignas(32) int32_t at[kEight];
      Store(at, Choose(none, left, left - 1));
      Store(&left_[s], CountDown(Without(wants, none), left));
      return Each([&](int k) { return uint32_t{base_[at[k]]}; });
    }
    JANS_EIGHT_INLINE bool End() {
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
  JANS_EIGHT_LOOP void Put(Symbol* const* symbols, int64_t begin, int64_t first, int64_t last) const {
    const int32_t* laid = &symbols_[(first - begin) * count_];
    const int64_t whole = first + (last - first) / kEight * kEight;
    for (int s = 0; s < count_; s += kEight) {
      for (int64_t i = first; i < whole; i += kEight) {
        Numbers rows[kEight];
        for (int k = 0; k < kEight; ++k) rows[k] = Load(laid + (i - first + k) * count_ + s);
        Transpose(rows);
        for (int k = 0; k < kEight; ++k) Store(symbols[s + k] + i, rows[k]);
      }
    }
    for (int s = 0; s < count_; ++s) {
      for (int64_t i = whole; i < last; ++i) symbols[s][i] = static_cast<Symbol>(laid[(i - first) * count_ + s]);
    }
  }

 private:
  template <typename Number>
  JANS_EIGHT_LOOP void Lay(const Number* const* numbers, int64_t begin, int64_t end, int32_t* laid) const {
    const int64_t whole = begin + (end - begin) / kEight * kEight;
    for (int s = 0; s < count_; s += kEight) {
      // The next streams are fetched meanwhile.
      const Number* const* here = numbers + s;
      const Number* const* next = numbers + std::min(s + kEight, count_ - kEight);
      for (int64_t i = begin; i < whole; i += kEight) {
        Numbers rows[kEight];
        for (int k = 0; k < kEight; ++k) {
          __builtin_prefetch(next[k] + i);
          rows[k] = Load(here[k] + i);
        }
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

// The loops of these registers by one name.
struct Loops {
  template <typename V>
  using OneStreamSide = OneStream<V>;
  template <typename V>
  using FewLanesSide = FewLanes<V>;
  template <typename V>
  using StreamsSide = Streams<V>;

  // Those of what a call is given: of symbols in groups, from symbol `first` on, or of intervals.
  template <typename Values>
  static auto From(const GuidedRows& table, const Values& values, const Groups<const int32_t*>& groups, int64_t) {
    return FromRows<decltype(OfEight(values))>{table.rows, OfEight(values), groups};
  }
  static FromModel From(const Asked& asked, Given, const Groups<const int32_t*>& groups, int64_t first) {
    return {asked, groups.symbols, first};
  }
  static FromIntervals From(Given, Given, const Intervals& intervals, int64_t) { return {intervals}; }

  template <typename Side, typename Finder>
  static int64_t Push(Side& side, const Finder& finder, int64_t turns) {
    return PushTurns(side, finder, turns);
  }
  template <typename V, typename Finder>
  static int64_t Push(FewLanes<V>& side, const Finder& finder, int64_t turns) {
    Stream<V>& stream = side.stream();
    if (stream.lanes == 1) return PushFew<1>(stream, finder, turns);
    if (stream.lanes == 2) return PushFew<2>(stream, finder, turns);
    return PushFew<4>(stream, finder, turns);
  }
  template <typename Side, typename Values>
  static int64_t Pop(Side& side, const GuidedRows& table, const Values& values, const Groups<int32_t*>& groups,
                     int64_t turns, int64_t) {
    using Eights = decltype(OfEight(values));
    return table.pairs() ? PopTurns(side, InTables<true, Eights>{table, OfEight(values), groups}, turns)
                         : PopTurns(side, InTables<false, Eights>{table, OfEight(values), groups}, turns);
  }
  template <typename Side>
  static int64_t Pop(Side& side, const Asked& asked, const Given&, const Groups<int32_t*>& groups, int64_t turns,
                     int64_t first) {
    return PopTurns(side, InModel{asked, groups.symbols, first}, turns);
  }
};

}  // namespace JANS_REGISTERS
}  // namespace jans
