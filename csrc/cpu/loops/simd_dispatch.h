// Streams with the rows of tables coded side by side where that is possible, and one by one where a turn stops. Where
// there are no such registers, nothing stands side by side.
#ifndef JANS_CPU_LOOPS_SIMD_DISPATCH_H_
#define JANS_CPU_LOOPS_SIMD_DISPATCH_H_

#include <algorithm>
#include <limits>

#include "../simd/eight_registers.h"
#include "one_row.h"

#if defined(__x86_64__)

#define JANS_EIGHT_INLINE JANS_EIGHT_LOOP inline __attribute__((always_inline))

#define JANS_REGISTERS avx2
#define JANS_EIGHT_LOOP JANS_WIDE
#include "eight_loops.inc"
#include "lane_layouts.inc"
#undef JANS_REGISTERS
#undef JANS_EIGHT_LOOP

#define JANS_REGISTERS avx512
#define JANS_EIGHT_LOOP JANS_WIDEST
#include "eight_loops.inc"
#include "lane_layouts.inc"
#undef JANS_REGISTERS
#undef JANS_EIGHT_LOOP

#elif defined(__aarch64__)

#define JANS_EIGHT_INLINE inline __attribute__((always_inline))

#define JANS_REGISTERS neon
#define JANS_EIGHT_LOOP
#include "eight_loops.inc"
#include "lane_layouts.inc"
#undef JANS_REGISTERS
#undef JANS_EIGHT_LOOP

#endif

#undef JANS_EIGHT_INLINE

#if defined(__x86_64__) || defined(__aarch64__)

namespace jans {

// Calls body(loops) with those of the best registers; false where there are none. Eight heads of 32 bits fill no wider
// ones than AVX2 has.
template <typename V, typename Body>
bool WithLoops(const Body& body) {
#if defined(__x86_64__)
  if constexpr (sizeof(typename V::State) == 8) {
    if (HasWidest()) return body(avx512::Loops{});
  }
  return HasWide() && body(avx2::Loops{});
#else
  return HasWide() && body(neon::Loops{});
#endif
}

// Whether steps are made for a precision.
template <typename V>
bool FitsPrecision(int precision) {
  return precision >= kLeastEight<V> && precision <= kMostEight<V>;
}

// Whether they are for a table, whose rows, and guides, must have places of 31 bits.
template <typename V>
bool Fits(const GuidedRows& table, bool guided) {
  const int64_t width = std::max(table.rows.n + 1, guided ? int64_t{2} << table.bits : 0);
  const bool small = width < int64_t{1} << 30 && table.rows.count < (int64_t{1} << 30) / width;
  return FitsPrecision<V>(table.rows.precision) && table.rows.count > 0 && small;
}

// Turns that are coded one by one after one that could not be: more where that comes again and again.
constexpr int64_t kMostBehind = 16;

// Does turns, the last first: fast(turns) does some and says how many are left, slow(begin, end) those where it stops.
template <typename Fast, typename Slow>
void TurnsBackward(int64_t turns, const Fast& fast, const Slow& slow) {
  for (int64_t behind = 1; turns > 0;) {
    const int64_t left = fast(turns);
    behind = left < turns ? 1 : std::min(2 * behind, kMostBehind);
    turns = std::max<int64_t>(0, left - behind);
    if (left > 0) slow(turns, left);
  }
}

// Does turns, the first first: fast(begin) does some and says how many.
template <typename Fast, typename Slow>
void TurnsForward(int64_t turns, const Fast& fast, const Slow& slow) {
  for (int64_t behind = 1, done = 0; done < turns;) {
    const int64_t some = fast(done);
    done += some;
    behind = some > 0 ? 1 : std::min(2 * behind, kMostBehind);
    const int64_t next = std::min(turns, done + behind);
    if (done < next) slow(done, next);
    done = next;
  }
}

// Pushes n symbols of each stream, whose intervals are in a model; push(begin, end) does some one by one.
template <typename Loops, typename Side, typename Model, typename Values, typename Symbols, typename Push>
void PushSides(Side& side, const Model& model, const Values& values, Symbols symbols, int64_t n, const Push& push) {
  const int64_t turn = side.turn();
  int64_t end = n / turn * turn;
  if (end < n) push(end, n);
  while (end > 0) {
    const int64_t begin = std::max<int64_t>(0, end - side.Most(symbols));
    const auto finder = Loops::From(model, values, side.In(symbols, begin, end), begin);
    TurnsBackward((end - begin) / turn, [&](int64_t turns) { return Loops::Push(side, finder, turns); },
                  [&](int64_t first, int64_t last) { push(begin + first * turn, begin + last * turn); });
    end = begin;
  }
}

// Pops n symbols of each stream, which a model finds; pop(begin, end) does some one by one. Tables have guides.
template <typename Loops, typename Side, typename Model, typename Values, typename Symbols, typename Pop>
void PopSides(Side& side, const Model& model, const Values& values, Symbols symbols, int64_t n, const Pop& pop) {
  const int64_t turn = side.turn(), whole = n / turn * turn;
  for (int64_t begin = 0; begin < whole;) {
    const int64_t count = std::min(whole - begin, side.Most(symbols)) / turn;
    const Groups<int32_t*> groups = side.Out(symbols, begin, begin + count * turn);
    auto fast = [&](int64_t done) {
      const int64_t groups_done = done * side.groups();
      const Groups<int32_t*> rest{groups.symbols + groups_done * kEight, groups.index + groups_done * groups.step,
                                  groups.step};
      const int64_t some = Loops::Pop(side, model, values, rest, count - done, begin + done * turn);
      side.Put(symbols, begin, begin + done * turn, begin + (done + some) * turn);
      return some;
    };
    TurnsForward(count, fast, [&](int64_t first, int64_t last) { pop(begin + first * turn, begin + last * turn); });
    begin += count * turn;
  }
  if (whole < n) pop(whole, n);
}

#if defined(__x86_64__)

// Whether a stream whose symbols share a row is coded sixteen heads to a register.
inline bool ServesOneRow(const Stream<Rans32_16>& stream) {
  return HasWidest() && (stream.lanes == 32 || stream.lanes == 64) && InRange(stream);
}

// Pushes n symbols of one row, push(begin, end) those for which that is not possible. False, and nothing done, where
// that would be all of them.
template <typename V, typename Symbol, typename Push>
bool PushOneRow(Stream<V>& stream, const Row& row, const Symbol* symbols, int64_t n, const Push& push) {
  if constexpr (std::is_same_v<V, Rans32_16>) {
    if (!ServesOneRow(stream) || !FitsPrecision<V>(row.precision)) return false;
    avx512::RowInRegisters registers;
    if (!registers.Build(row)) return false;
    const int64_t turn = stream.lanes, end = n / turn * turn;
    if (end < n) push(end, n);
    auto fast = [&](int64_t turns) {
      return turn == 32 ? avx512::PushRow<2>(stream, registers, symbols, turns, row.precision)
                        : avx512::PushRow<4>(stream, registers, symbols, turns, row.precision);
    };
    TurnsBackward(end / turn, fast, [&](int64_t first, int64_t last) { push(first * turn, last * turn); });
    return true;
  }
  return false;
}

// As PushOneRow, with a table of the row's quantiles.
template <typename Table, typename Symbol, typename Pop>
bool PopOneRowBy(Stream<Rans32_16>& stream, const Row& row, Symbol* symbols, int64_t n, const Pop& pop) {
  Table table;
  if (!table.Build(row)) return false;
  const int64_t turn = stream.lanes, end = n / turn * turn;
  auto fast = [&](int64_t done) {
    Symbol* rest = symbols + done * turn;
    return turn == 32 ? avx512::PopRow<2>(stream, table, rest, end / turn - done, row.precision)
                      : avx512::PopRow<4>(stream, table, rest, end / turn - done, row.precision);
  };
  TurnsForward(end / turn, fast, [&](int64_t first, int64_t last) { pop(first * turn, last * turn); });
  if (end < n) pop(end, n);
  return true;
}
template <typename V, typename Symbol, typename Pop>
bool PopOneRow(Stream<V>& stream, const Row& row, Symbol* symbols, int64_t n, const Pop& pop) {
  if constexpr (std::is_same_v<V, Rans32_16>) {
    if (!ServesOneRow(stream)) return false;
    // As many symbols as pay for the table. With 32 lanes, bytes are no quicker than guides.
    const int64_t quantiles = int64_t{1} << row.precision;
    const bool bytes = stream.lanes == 64 && n >= quantiles / 8 && FitsPrecision<V>(row.precision);
    return (n >= quantiles && PopOneRowBy<avx512::Slots>(stream, row, symbols, n, pop)) ||
           (bytes && PopOneRowBy<avx512::SymbolBytes>(stream, row, symbols, n, pop));
  }
  return false;
}

#else

template <typename... Anything>
bool PushOneRow(const Anything&...) {
  return false;
}
template <typename... Anything>
bool PopOneRow(const Anything&...) {
  return false;
}

#endif

template <typename V>
constexpr bool kSideBySide = kHasEight<V>;

// Calls body(side) with a Side of these; false where it serves them not.
template <typename Side, typename Body, typename... Of>
bool WithSide(const Body& body, Of&... of) {
  if (!Side::Serves(of...)) return false;
  Side side(of...);
  body(side);
  return true;
}

// Pushes n symbols of a stream side by side; push(begin, end) does those for which that is not possible. False, and
// nothing done, where that would be all of them.
template <typename V, typename Values, typename Symbol, typename Push>
bool PushSideBySide(Stream<V>& stream, const GuidedRows& table, const Values& values, const Symbol* symbols, int64_t n,
                    const Push& push) {
  if constexpr (kSideBySide<V>) {
    return table.sealed && Fits<V>(table, false) && WithLoops<V>([&](auto loops) {
             using Loops = decltype(loops);
             auto all = [&](auto& side) { PushSides<Loops>(side, table, values, symbols, n, push); };
             return WithSide<typename Loops::template FewLanesSide<V>>(all, stream, table.rows) ||
                    WithSide<typename Loops::template OneStreamSide<V>>(all, stream, table.rows);
           });
  }
  return false;
}

// No rows, of which only the precision counts.
inline Rows NoRows(int precision) {
  static constexpr int32_t kIndex = 0;
  return {nullptr, 0, 0, &kIndex, 0, precision};
}

// As PushSideBySide, for n intervals.
template <typename V, typename Push>
bool PushSideBySide(Stream<V>& stream, const Intervals& intervals, int64_t n, const Push& push) {
  if constexpr (kSideBySide<V>) {
    return FitsPrecision<V>(intervals.precision) && WithLoops<V>([&](auto loops) {
             using Loops = decltype(loops);
             const Rows rows = NoRows(intervals.precision);
             auto all = [&](auto& side) { PushSides<Loops>(side, Given{}, Given{}, intervals, n, push); };
             return WithSide<typename Loops::template FewLanesSide<V>>(all, stream, rows) ||
                    WithSide<typename Loops::template OneStreamSide<V>>(all, stream, rows);
           });
  }
  return false;
}

// As PushSideBySide, for a model that is asked.
template <typename V, typename Symbol, typename Push>
bool PushSideBySide(Stream<V>& stream, const Asked& asked, const Symbol* symbols, int64_t n, const Push& push) {
  if constexpr (kSideBySide<V>) {
    return FitsPrecision<V>(asked.precision) && WithLoops<V>([&](auto loops) {
             using Loops = decltype(loops);
             const Rows rows = NoRows(asked.precision);
             auto all = [&](auto& side) { PushSides<Loops>(side, asked, Given{}, symbols, n, push); };
             return WithSide<typename Loops::template FewLanesSide<V>>(all, stream, rows) ||
                    WithSide<typename Loops::template OneStreamSide<V>>(all, stream, rows);
           });
  }
  return false;
}

// As PushSideBySide. The table has guides.
template <typename V, typename Values, typename Symbol, typename Pop>
bool PopSideBySide(Stream<V>& stream, const GuidedRows& table, const Values& values, Symbol* symbols, int64_t n,
                   const Pop& pop) {
  if constexpr (kSideBySide<V>) {
    const bool held = stream.tail.size <= stream.tail.capacity;
    return held && Fits<V>(table, true) && WithLoops<V>([&](auto loops) {
             using Loops = decltype(loops);
             auto all = [&](auto& side) { PopSides<Loops>(side, table, values, symbols, n, pop); };
             return WithSide<typename Loops::template OneStreamSide<V>>(all, stream, table.rows);
           });
  }
  return false;
}

// As PushSideBySide.
template <typename V, typename Symbol, typename Pop>
bool PopSideBySide(Stream<V>& stream, const Asked& asked, Symbol* symbols, int64_t n, const Pop& pop) {
  if constexpr (kSideBySide<V>) {
    const bool held = stream.tail.size <= stream.tail.capacity;
    return held && FitsPrecision<V>(asked.precision) && WithLoops<V>([&](auto loops) {
             using Loops = decltype(loops);
             const Rows rows = NoRows(asked.precision);
             auto all = [&](auto& side) { PopSides<Loops>(side, asked, Given{}, symbols, n, pop); };
             return WithSide<typename Loops::template OneStreamSide<V>>(all, stream, rows);
           });
  }
  return false;
}

// Whether several streams like this one had better be coded at once: where it has not many lanes, or some that fill no
// register.
template <typename V>
bool BetterTogether(const Stream<V>& stream, int precision) {
  if constexpr (kSideBySide<V>) {
    return HasWide() && FitsPrecision<V>(precision) && (stream.lanes < 16 || stream.lanes % 8 != 0);
  }
  return false;
}

// As PushSideBySide, for n symbols of each of several streams; push(s, begin, end) does those of one.
template <typename V, typename Values, typename Symbol, typename Push>
bool PushTogether(Stream<V>* streams, const GuidedRows* tables, int count, const Values& values,
                  const Symbol* const* symbols, int64_t n, const Push& push) {
  if constexpr (kSideBySide<V>) {
    return tables[0].sealed && Fits<V>(tables[0], false) && WithLoops<V>([&](auto loops) {
             using Loops = decltype(loops);
             auto push_all = [&](int64_t begin, int64_t end) {
               for (int s = 0; s < count; ++s) push(s, begin, end);
             };
             auto all = [&](auto& side) { PushSides<Loops>(side, tables[0], values, symbols, n, push_all); };
             return WithSide<typename Loops::template StreamsSide<V>>(all, streams, tables, count);
           });
  }
  return false;
}

// As PopSideBySide, for n symbols of each of several streams; pop(s, begin, end) does those of one.
template <typename V, typename Values, typename Symbol, typename Pop>
bool PopTogether(Stream<V>* streams, const GuidedRows* tables, int count, const Values& values, Symbol* const* symbols,
                 int64_t n, const Pop& pop) {
  if constexpr (kSideBySide<V>) {
    return Fits<V>(tables[0], true) && WithLoops<V>([&](auto loops) {
             using Loops = decltype(loops);
             auto pop_all = [&](int64_t begin, int64_t end) {
               for (int s = 0; s < count; ++s) pop(s, begin, end);
             };
             auto all = [&](auto& side) { PopSides<Loops>(side, tables[0], values, symbols, n, pop_all); };
             return WithSide<typename Loops::template StreamsSide<V>>(all, streams, tables, count);
           });
  }
  return false;
}

}  // namespace jans

#else

namespace jans {

template <typename V>
constexpr bool kSideBySide = false;

template <typename... Anything>
bool PushSideBySide(const Anything&...) {
  return false;
}
template <typename... Anything>
bool PopSideBySide(const Anything&...) {
  return false;
}
template <typename... Anything>
bool PushOneRow(const Anything&...) {
  return false;
}
template <typename... Anything>
bool PopOneRow(const Anything&...) {
  return false;
}
template <typename... Anything>
bool BetterTogether(const Anything&...) {
  return false;
}
template <typename... Anything>
bool PushTogether(const Anything&...) {
  return false;
}
template <typename... Anything>
bool PopTogether(const Anything&...) {
  return false;
}

}  // namespace jans

#endif  // defined(__x86_64__) || defined(__aarch64__)

#endif  // JANS_CPU_LOOPS_SIMD_DISPATCH_H_
