// Streams with the rows of tables coded side by side where that is possible, and one by one where a turn stops. Where
// there are no such registers, nothing stands side by side.
#ifndef JANS_CPU_LOOPS_SIMD_DISPATCH_H_
#define JANS_CPU_LOOPS_SIMD_DISPATCH_H_

#include <algorithm>
#include <limits>

#include "../simd/eight_registers.h"
#include "turns.h"

namespace jans {

// No rows, of which only the precision counts.
inline Rows NoRows(int precision) {
  static constexpr int32_t kIndex = 0;
  return {nullptr, 0, 0, &kIndex, 0, precision};
}

// The precisions that steps are made for.
template <typename V>
bool FitsPrecision(int precision) {
  return precision >= kMinEight<V> && precision <= kMaxEight<V>;
}

// Where the intervals of the loops come from: rows, with what symbols are in them; a model; or arrays of intervals.

template <typename Values>
struct TableSource {
  GuidedRows table;
  Values values;

  const Rows& rows() const { return table.rows; }
  template <typename V>
  bool ServesPush() const {
    return table.sealed && Serves<V>(false);
  }
  // Tables of a pop have guides.
  template <typename V>
  bool ServesPop() const {
    return Serves<V>(true);
  }

 private:
  // Rows, and guides, must have places of 31 bits.
  template <typename V>
  bool Serves(bool guided) const {
    const int64_t width = std::max(table.rows.n + 1, guided ? int64_t{2} << table.bits : 0);
    const bool small = width < int64_t{1} << 30 && table.rows.count < (int64_t{1} << 30) / width;
    return FitsPrecision<V>(table.rows.precision) && table.rows.count > 0 && small;
  }
};
template <typename Values>
TableSource(GuidedRows, Values) -> TableSource<Values>;

struct ModelSource {
  explicit ModelSource(const ModelView& view) : model(view), rows_(NoRows(view.precision)) {}
  const ModelView model;

  const Rows& rows() const { return rows_; }
  template <typename V>
  bool ServesPush() const {
    return model.any_group && FitsPrecision<V>(model.precision);
  }
  template <typename V>
  bool ServesPop() const {
    return model.locate_many != nullptr && FitsPrecision<V>(model.precision);
  }

 private:
  const Rows rows_;
};

struct IntervalSource {
  explicit IntervalSource(const Intervals& given) : intervals(given), rows_(NoRows(given.precision)) {}
  const Intervals intervals;

  const Rows& rows() const { return rows_; }
  template <typename V>
  bool ServesPush() const {
    return FitsPrecision<V>(intervals.precision);
  }

 private:
  const Rows rows_;
};

}  // namespace jans

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

namespace jans {

// Calls body(loops) with those of the best registers; false where there are none. Eight heads of 32 bits fill no wider
// ones than AVX2 has.
template <typename V, typename Body>
bool WithLoops([[maybe_unused]] const Body& body) {
  if constexpr (kHasEight<V>) {
#if defined(__x86_64__)
    if constexpr (sizeof(typename V::State) == 8) {
      if (HasWidest()) return body(avx512::Loops{});
    }
    return HasWide() && body(avx2::Loops{});
#elif defined(__aarch64__)
    return HasWide() && body(neon::Loops{});
#endif
  }
  return false;
}

// Codes symbols begin, ..., end - 1 of a stream, or of stream s, for which the loops below are not made.
using SlowLoop = FunctionRef<void(int64_t begin, int64_t end)>;
using SlowLoops = FunctionRef<void(int s, int64_t begin, int64_t end)>;

// Pushes n symbols of each stream.
template <typename Loops, typename Layout, typename Source, typename SymbolsOf>
void PushLayout(Layout& layout, const Source& source, const SymbolsOf& symbols, int64_t n, SlowLoop push) {
  const int64_t turn = layout.turn();
  int64_t end = n / turn * turn;
  if (end < n) push(end, n);
  while (end > 0) {
    const int64_t begin = std::max<int64_t>(0, end - layout.Capacity(symbols));
    const auto finder = Loops::From(source, layout.In(symbols, begin, end), begin);
    TurnsBackward((end - begin) / turn, [&](int64_t turns) { return Loops::Push(layout, finder, turns); },
                  [&](int64_t first, int64_t last) { push(begin + first * turn, begin + last * turn); });
    end = begin;
  }
}

// Pops n symbols of each stream.
template <typename Loops, typename Layout, typename Source, typename SymbolsOf>
void PopLayout(Layout& layout, const Source& source, const SymbolsOf& symbols, int64_t n, SlowLoop pop) {
  const int64_t turn = layout.turn(), whole = n / turn * turn;
  for (int64_t begin = 0; begin < whole;) {
    const int64_t count = std::min(whole - begin, layout.Capacity(symbols)) / turn;
    const Groups<int32_t*> groups = layout.Out(symbols, begin, begin + count * turn);
    auto fast = [&](int64_t done) {
      const int64_t groups_done = done * layout.groups();
      const Groups<int32_t*> left{groups.symbols + groups_done * kEight, groups.index + groups_done * groups.step,
                                  groups.step};
      const int64_t some = Loops::Pop(layout, source, left, count - done, begin + done * turn);
      layout.Put(symbols, begin, begin + done * turn, begin + (done + some) * turn);
      return some;
    };
    TurnsForward(count, fast, [&](int64_t first, int64_t last) { pop(begin + first * turn, begin + last * turn); });
    begin += count * turn;
  }
  if (whole < n) pop(whole, n);
}

// Calls body(layout) with a Layout of these; false where it does not serve them.
template <typename Layout, typename Body, typename... Of>
bool WithLayout(const Body& body, Of&... of) {
  if (!Layout::Serves(of...)) return false;
  Layout layout(of...);
  body(layout);
  return true;
}

// Pushes n symbols of a stream side by side; push(begin, end) does those for which that is not possible. False, and
// nothing done, where that would be all of them.
template <typename V, typename Source>
bool PushSideBySide(Stream<V>& stream, const Source& source, const Symbols& symbols, int64_t n, SlowLoop push) {
  return source.template ServesPush<V>() && WithLoops<V>([&](auto loops) {
           using Loops = decltype(loops);
           auto all = [&](auto& layout) { PushLayout<Loops>(layout, source, symbols, n, push); };
           return WithLayout<typename Loops::template FewLanesLayout<V>>(all, stream, source.rows()) ||
                  WithLayout<typename Loops::template OneStreamLayout<V>>(all, stream, source.rows());
         });
}

// As PushSideBySide.
template <typename V, typename Source>
bool PopSideBySide(Stream<V>& stream, const Source& source, const SymbolsOut& symbols, int64_t n, SlowLoop pop) {
  const bool held = stream.tail.size <= stream.tail.capacity;
  return held && source.template ServesPop<V>() && WithLoops<V>([&](auto loops) {
           using Loops = decltype(loops);
           auto all = [&](auto& layout) { PopLayout<Loops>(layout, source, symbols, n, pop); };
           return WithLayout<typename Loops::template OneStreamLayout<V>>(all, stream, source.rows());
         });
}

// Whether several streams like this one had better be coded at once: where it has not many lanes, or some that fill no
// register.
template <typename V>
bool BetterTogether(const Stream<V>& stream, int precision) {
  return kHasEight<V> && HasWide() && FitsPrecision<V>(precision) && (stream.lanes < 16 || stream.lanes % 8 != 0);
}

// As PushSideBySide, for n symbols of each of several streams; push(s, begin, end) does those of one.
template <typename V, typename Values>
bool PushTogether(Stream<V>* streams, const GuidedRows* tables, int count, const Values& values, const Symbols* symbols,
                  int64_t n, SlowLoops push) {
  const TableSource source{tables[0], values};
  return source.template ServesPush<V>() && WithLoops<V>([&](auto loops) {
           using Loops = decltype(loops);
           auto push_all = [&](int64_t begin, int64_t end) {
             for (int s = 0; s < count; ++s) push(s, begin, end);
           };
           auto all = [&](auto& layout) { PushLayout<Loops>(layout, source, symbols, n, push_all); };
           return WithLayout<typename Loops::template StreamsLayout<V>>(all, streams, tables, count);
         });
}

// As PopSideBySide, for n symbols of each of several streams; pop(s, begin, end) does those of one.
template <typename V, typename Values>
bool PopTogether(Stream<V>* streams, const GuidedRows* tables, int count, const Values& values,
                 const SymbolsOut* symbols, int64_t n, SlowLoops pop) {
  const TableSource source{tables[0], values};
  return source.template ServesPop<V>() && WithLoops<V>([&](auto loops) {
           using Loops = decltype(loops);
           auto pop_all = [&](int64_t begin, int64_t end) {
             for (int s = 0; s < count; ++s) pop(s, begin, end);
           };
           auto all = [&](auto& layout) { PopLayout<Loops>(layout, source, symbols, n, pop_all); };
           return WithLayout<typename Loops::template StreamsLayout<V>>(all, streams, tables, count);
         });
}

}  // namespace jans

#endif  // JANS_CPU_LOOPS_SIMD_DISPATCH_H_
