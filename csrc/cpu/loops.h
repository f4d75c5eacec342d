// Streams with the rows of tables side by side, eight heads to a register: the fast form of the loops in stream.h.
// Heads take turns in groups of eight, which are lanes of one stream, or the same lane of eight streams. What a turn
// cannot do in registers, it leaves as it was. Read once for each kind of registers, see side_by_side.h.

namespace jans {
namespace JANS_REGISTERS {

struct EightPlaces : Places {
  // The lanes where nothing is coded: none. Numbers and sets without them, and numbers with others there.
  JANS_EIGHT_INLINE Set LeftOut(Numbers) const { return None(); }
  JANS_EIGHT_INLINE Numbers Except(Set, Numbers numbers) const { return numbers; }
  JANS_EIGHT_INLINE Numbers Except(Set, Numbers numbers, Numbers) const { return numbers; }
  JANS_EIGHT_INLINE Set But(Set, Set lanes) const { return lanes; }
  JANS_EIGHT_INLINE Numbers PlaceOf(const Rows& rows, Numbers, Numbers symbol, Set& bad) const {
    bad = Either(bad, Outside(symbol, rows.n));
    return symbol;
  }
  JANS_EIGHT_INLINE Numbers SymbolAt(Numbers, Numbers place, Set&) const { return place; }
};

struct EightBypassPlaces : BypassPlaces {
  JANS_EIGHT_INLINE Set LeftOut(Numbers index) const { return Equal(index, All(-1)); }
  JANS_EIGHT_INLINE Numbers Except(Set out, Numbers numbers) const { return ZeroIn(out, numbers); }
  JANS_EIGHT_INLINE Numbers Except(Set out, Numbers numbers, Numbers same) const { return Choose(out, same, numbers); }
  JANS_EIGHT_INLINE Set But(Set out, Set lanes) const { return Without(lanes, out); }
  JANS_EIGHT_INLINE Numbers PlaceOf(const Rows& rows, Numbers row, Numbers symbol, Set& bad) const {
    Numbers escape, first;
    LoadPairs(ends, row << 1, escape, first);
    const Numbers place = symbol - first;
    // A difference that has no place in 32 bits has another sign than the symbol, which has another than the offset.
    bad = Either(bad, Negative((symbol ^ first) & (symbol ^ place)));
    bad = Either(bad, Either(Outside(place, rows.n), NotAbove(escape, place)));
    return place;
  }
  JANS_EIGHT_INLINE Numbers SymbolAt(Numbers row, Numbers place, Set& bad) const {
    Numbers escape, first;
    LoadPairs(ends, row << 1, escape, first);
    const Numbers symbol = place + first;
    // A place is no negative number: the sum wraps where it is below the offset.
    bad = Either(bad, Either(Above(first, symbol), NotAbove(escape, place)));
    return symbol;
  }
};

inline EightPlaces OfEight(const Places& places) { return {places}; }
inline EightBypassPlaces OfEight(const BypassPlaces& places) { return {places}; }

// The intervals of group j, and the lanes that have none. The rows are sealed.
template <typename Values>
JANS_EIGHT_INLINE Set FindEight(const Rows& rows, const Values& values, const Groups<const int32_t*>& groups, int64_t j,
                                Numbers& start, Numbers& freq) {
  const Numbers total = All(1 << rows.precision);
  const Numbers index = Load(groups.index + j * groups.step);
  const Set out = values.LeftOut(index);
  Set none = Outside(index, rows.count);
  const Numbers row = ZeroIn(none, index);
  const Numbers place = values.PlaceOf(rows, row, Load(groups.symbols + j * kEight), none);
  Numbers after;
  LoadPairs(rows.cdf, ZeroIn(none, row * All(rows.n + 1) + place), start, after);
  freq = after - start;
  // 0 <= start < after <= total; a start above 2^31 is negative.
  none = Either(none, Either(Above(after, total), NotAbove(after, start)));
  none = Either(none, Negative(start));
  // An interval of all quantiles changes nothing.
  start = values.Except(out, start);
  freq = values.Except(out, freq, total);
  return values.But(out, none);
}

// Where the intervals of a push come from: Find gives those of group j, and the lanes that have none. Before it, Begin
// tells of a turn's groups j, j + 1, ...; turns come from the last to the first.

// Sealed rows.
template <typename Values>
struct FromRows {
  Rows rows;
  Values values;
  Groups<const int32_t*> groups;

  JANS_EIGHT_INLINE int Precision() const { return rows.precision; }
  JANS_EIGHT_INLINE void Begin(int64_t, int64_t) const {}
  JANS_EIGHT_INLINE Set Find(int64_t j, Numbers& start, Numbers& freq) const {
    return FindEight(rows, values, groups, j, start, freq);
  }
};

struct FromIntervals {
  Intervals intervals;

  JANS_EIGHT_INLINE int Precision() const { return intervals.precision; }
  JANS_EIGHT_INLINE void Begin(int64_t, int64_t) const {}
  JANS_EIGHT_INLINE Set Find(int64_t j, Numbers& start, Numbers& freq) const {
    start = Load(intervals.start + j * kEight);
    freq = Load(intervals.freq + j * kEight);
    const int64_t total = int64_t{1} << Precision();
    const Set none = Either(Outside(start, total), Outside(freq - 1, total));
    return Either(none, Above(start + freq, All(total)));
  }
};

// A model is asked for more and more turns at a time: a push that soon stops has not asked for many in vain.
struct FromModel {
  static constexpr int64_t kHeld = 32;

  Asked asked;
  const int32_t* symbols;
  int64_t first;
  int64_t from = std::numeric_limits<int64_t>::max();  // the groups that are held
  int64_t ahead = 1;                                   // turns that come next
  uint32_t starts[std::max<int64_t>(kHeld, kMostGroups) * kEight];
  uint32_t freqs[std::max<int64_t>(kHeld, kMostGroups) * kEight];

  FromModel(const Asked& asked, const int32_t* symbols, int64_t first) : asked(asked), symbols(symbols), first(first) {}
  FromModel(const FromModel& other) : FromModel(other.asked, other.symbols, other.first) {}  // which holds none yet

  JANS_EIGHT_INLINE int Precision() const { return asked.precision; }
  JANS_EIGHT_INLINE void Begin(int64_t j, int64_t count) {
    if (j >= from) return;
    from = std::max<int64_t>(0, j - (ahead - 1) * count);
    ahead = std::max<int64_t>(1, std::min(2 * ahead, kHeld / count));
    asked.find(asked.finder, first + from * kEight, (j + count - from) * kEight, symbols + from * kEight, starts,
               freqs);
  }
  JANS_EIGHT_INLINE Set Find(int64_t j, Numbers& start, Numbers& freq) const {
    start = Load(starts + (j - from) * kEight);
    freq = Load(freqs + (j - from) * kEight);
    return Equal(freq, All(0));
  }
};

// Pushes turns, the last first, and gives how many are left: none, or those up to one that has a symbol without an
// interval or no room for its words. (What it reads it takes by value: stores of registers might be to anything else.)
template <typename Side, typename Finder>
JANS_EIGHT_LOOP int64_t PushTurns(Side& side, Finder finder, int64_t turns) {
  using V = typename Side::Variant;
  typename V::State* heads = side.LoadHeads();
  typename Side::Words words(side);
  const int count = side.groups();
  Eight<V> kept[kMostGroups];
  for (int g = 0; g < count; ++g) kept[g] = Eight<V>::Of(heads + kEight * g);
  const int precision = finder.Precision();
  Numbers start[kMostGroups], freq[kMostGroups];
  for (; turns > 0 && words.Room(); --turns) {
    Set bad = None();
    finder.Begin((turns - 1) * count, count);
    for (int g = 0; g < count; ++g) {
      bad = Either(bad, finder.Find((turns - 1) * count + g, start[g], freq[g]));
    }
    if (__builtin_expect(Any(bad), 0)) break;
    for (int g = count - 1; g >= 0; --g) {
      Numbers low;
      Eight<V> x = kept[g];
      const Set full = x.Flush(freq[g], precision, low);
      words.Leave(g, low, full);
      x.Step(start[g], freq[g], precision);
      kept[g] = x;
    }
  }
  for (int g = 0; g < count; ++g) kept[g].To(heads + kEight * g);
  side.StoreHeads();
  return turns;
}

// The intervals of a turn of a stream with few lanes, with the reciprocals of their freqs, see Entry, and the greatest
// heads that are not full for them.
template <typename V>
struct FewEntries {
  alignas(64) uint64_t reciprocal[kFewTurn];
  alignas(64) typename V::State most[kFewTurn];
  uint32_t start[kFewTurn], freq[kFewTurn];

  // False where a symbol of the turn has none.
  template <typename Finder>
  JANS_EIGHT_INLINE bool Find(Finder& finder, int64_t turn) {
    constexpr int kGroups = kFewTurn / kEight;
    Set bad = None();
    finder.Begin(turn * kGroups, kGroups);
    for (int g = 0; g < kGroups; ++g) {
      Numbers starts, freqs;
      bad = Either(bad, finder.Find(turn * kGroups + g, starts, freqs));
      Store(start + g * kEight, starts);
      Store(freq + g * kEight, freqs);
      Eight<V>::Most(freqs, finder.Precision(), most + g * kEight);
      Eight<V>::Reciprocals(freqs, finder.Precision(), reciprocal + g * kEight);
    }
    return !Any(bad);
  }
};

// As PushTurns, for a stream with few lanes. Intervals are found one turn ahead, so that the processor works on them
// while a head waits for its product.
template <int kLanes, typename V, typename Finder>
JANS_EIGHT_LOOP int64_t PushFew(Stream<V>& stream, Finder finder, int64_t turns) {
  typename V::State heads[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) heads[lane] = LoadHead<V>(stream.heads, lane);
  if (stream.tail.Room() <= 0) return turns;
  typename V::Word *words = stream.tail.words + stream.tail.size, *const end = stream.tail.words + stream.tail.capacity;
  const int precision = finder.Precision();
  FewEntries<V> entries[2];
  bool found = turns > 0 && entries[turns % 2].Find(finder, turns - 1);
  while (found && end - words >= kFewTurn) {
    const FewEntries<V>& now = entries[turns-- % 2];
    found = turns > 0 && entries[turns % 2].Find(finder, turns - 1);
#pragma GCC unroll 16
    for (int j = kFewTurn - 1; j >= 0; --j) {
      const Entry entry{now.reciprocal[j], now.start[j], now.freq[j]};
      typename V::State x = heads[j % kLanes];
      *words = static_cast<typename V::Word>(x);
      const bool full = x > now.most[j];
      words += full;
      x = full ? x >> V::kWordBits : x;
      heads[j % kLanes] = Step<V>(x, entry, precision);
    }
  }
  for (int lane = 0; lane < kLanes; ++lane) StoreHead<V>(stream.heads, lane, heads[lane]);
  stream.tail.size = words - stream.tail.words;
  return turns;
}

// For the lanes in `miss`, which an entry of the guide does not know: the interval and the symbol by search. False
// where there is none.
template <bool kPairs>
JANS_SELDOM bool SearchLanes(const GuidedRows& table, unsigned miss, const int32_t* index, const uint32_t* quantile,
                             int32_t* symbol, uint32_t* start, uint32_t* freq) {
  for (int lane = 0; lane < kEight; ++lane) {
    if ((miss >> lane & 1) == 0) continue;
    const Located found = table.LocateIn<kPairs>(index[lane], quantile[lane]);
    if (found.interval.freq == 0) return false;
    symbol[lane] = found.symbol;
    start[lane] = found.interval.start;
    freq[lane] = found.interval.freq;
  }
  return true;
}

// The symbol and the interval of each quantile by the table's guides; false where one has none.
template <bool kPairs, typename Values>
JANS_EIGHT_INLINE bool LocateEight(const GuidedRows& table, const Values& values, Numbers index, Numbers quantile,
                                   Numbers& symbol, Numbers& start, Numbers& freq) {
  const Set none = Outside(index, table.rows.count);
  const Numbers row = ZeroIn(none, index);
  Numbers low, high;
  LoadPairs(table.guides, (row << (table.bits + 1)) + (quantile >> (table.rows.precision - table.bits) << 1), low,
            high);
  Set beyond;
  if constexpr (kPairs) {
    const Numbers first_last = low >> 16;
    const Set second = Above(quantile, first_last);
    symbol = CountUp(second, high >> 16);
    start = Choose(second, first_last + 1, low & 0xFFFF);
    const Numbers last = Choose(second, high & 0xFFFF, first_last);
    freq = last - start + 1;
    beyond = Either(Above(quantile, last), Above(start, quantile));
  } else {
    symbol = low & 0xFFFF;
    start = low >> 16 | (high & 0xFF) << 16;
    freq = high >> 8;
    const Numbers rest = quantile - start;
    beyond = Either(Negative(rest), NotAbove(freq, rest));
  }
  const unsigned miss = Bits(values.But(values.LeftOut(index), Either(none, beyond)));
  if (__builtin_expect(miss == 0, 1)) return true;
  alignas(32) uint32_t quantiles[kEight], starts[kEight], freqs[kEight];
  alignas(32) int32_t indexes[kEight], symbols[kEight];
  Store(indexes, index);
  Store(quantiles, quantile);
  Store(starts, start);
  Store(freqs, freq);
  Store(symbols, symbol);
  const bool good = SearchLanes<kPairs>(table, miss, indexes, quantiles, symbols, starts, freqs);
  start = Load(starts);
  freq = Load(freqs);
  symbol = Load(symbols);
  return good;
}

// How the symbols of a turn are found: Locate stores those of group j and gives the lanes where nothing is coded;
// `good` becomes false where a quantile has no symbol. Those that are asked for whole turns have Ask before it, with
// the quantiles of groups j, j + 1, ... in place.
template <bool kPairs, typename Values>
struct InTables {
  static constexpr bool kAsks = false;

  GuidedRows table;
  Values values;
  Groups<int32_t*> groups;

  JANS_EIGHT_INLINE int Precision() const { return table.rows.precision; }
  JANS_EIGHT_INLINE Set Locate(int64_t j, Numbers quantile, Numbers& start, Numbers& freq, bool& good) const {
    const Numbers index = Load(groups.index + j * groups.step);
    const Set out = values.LeftOut(index);
    Numbers place;
    Set wrong = None();
    good = LocateEight<kPairs>(table, values, index, quantile, place, start, freq) && good;
    const Numbers symbol = values.SymbolAt(ZeroIn(Outside(index, table.rows.count), index), place, wrong);
    good = good && !Any(values.But(out, wrong));
    Store(groups.symbols + j * kEight, values.Except(out, symbol));
    start = values.Except(out, start);
    freq = values.Except(out, freq, All(1 << Precision()));
    return out;
  }
  JANS_EIGHT_INLINE Set But(Set out, Set lanes) const { return values.But(out, lanes); }
};

struct InModel {
  static constexpr bool kAsks = true;

  Asked asked;
  int32_t* symbols;
  int64_t first;
  int64_t from = 0;
  uint32_t quantiles[kMostHeads], starts[kMostHeads], freqs[kMostHeads];

  InModel(const Asked& asked, int32_t* symbols, int64_t first) : asked(asked), symbols(symbols), first(first) {}

  JANS_EIGHT_INLINE int Precision() const { return asked.precision; }
  JANS_EIGHT_INLINE void Ask(int64_t j, int64_t count) {
    from = j;
    asked.locate(asked.finder, first + j * kEight, count * kEight, quantiles, symbols + j * kEight, starts, freqs);
  }
  JANS_EIGHT_INLINE Set Locate(int64_t j, Numbers, Numbers& start, Numbers& freq, bool& good) const {
    start = Load(starts + (j - from) * kEight);
    freq = Load(freqs + (j - from) * kEight);
    good = good && !Any(Equal(freq, All(0)));
    return None();
  }
  JANS_EIGHT_INLINE Set But(Set, Set lanes) const { return lanes; }
};

// Pops turns and gives how many it did: all, or those before one that has a quantile without a symbol or wants more
// words than there are.
template <typename Side, typename Finder>
JANS_EIGHT_LOOP int64_t PopTurns(Side& side, Finder finder, int64_t turns) {
  using V = typename Side::Variant;
  typename V::State* heads = side.LoadHeads();
  typename Side::Words words(side);
  const int count = side.groups(), precision = finder.Precision();
  Eight<V> kept[2][kMostGroups];
  Eight<V>*now = kept[0], *next = kept[1];
  for (int g = 0; g < count; ++g) now[g] = Eight<V>::Of(heads + kEight * g);
  int64_t turn = 0;
  for (; turn < turns; ++turn) {
    bool good = true;
    words.Begin();
    if constexpr (Finder::kAsks) {
      for (int g = 0; g < count; ++g) Store(finder.quantiles + g * kEight, now[g].Quantiles(precision));
      finder.Ask(turn * count, count);
    }
    for (int g = 0; g < count; ++g) {
      Eight<V> x = now[g];
      const Numbers quantile = x.Quantiles(precision);
      Numbers start, freq;
      const Set out = finder.Locate(turn * count + g, quantile, start, freq, good);
      x.StepBack(quantile - start, freq, precision);
      const Set wants = finder.But(out, x.Low());
      x.Fill(words.Come(g, wants), wants);
      next[g] = x;
    }
    if (__builtin_expect(!good || !words.End(), 0)) break;
    std::swap(now, next);
  }
  for (int g = 0; g < count; ++g) now[g].To(heads + kEight * g);
  side.StoreHeads();
  return turn;
}

}  // namespace JANS_REGISTERS
}  // namespace jans
