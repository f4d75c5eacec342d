// Symbols of tables with bypass coding on one stream. The lanes of a stream take turns in groups, symbols i to
// i + lanes - 1; a group is read symbol by symbol, and then number by number. Symbols that fill no group at the end are
// read one by one, each with its number.
#ifndef JANS_CORE_CODERS_BYPASS_GROUPS_H_
#define JANS_CORE_CODERS_BYPASS_GROUPS_H_

#include "../models/models.h"
#include "bypass.h"
#include "stream.h"

namespace jans {

// Rows with an escape symbol each, and the value of the first symbol of each.
template <typename Table>
struct BypassRowsOf {
  static constexpr int64_t kLeftOut = -1;  // index of a place where no symbol is

  Table table;
  const int32_t *escape, *offset;
  int bits;

  JANS_HD int64_t RowOf(int64_t i) const { return table.rows.index[i * table.rows.index_stride]; }
  JANS_HD bool Known(int64_t row) const { return row >= 0 && row < table.rows.count; }

  // The number that follows symbol i, or kInAlphabet.
  JANS_HD int64_t Number(int64_t i, int32_t symbol) const {
    const int64_t row = RowOf(i);
    return Known(row) ? BypassNumber(int64_t{symbol} - offset[row], escape[row]) : kInAlphabet;
  }
  // That of the escape symbol for values outside of the alphabet. Without a freq and a reason where nothing is coded.
  JANS_HD Interval Find(int64_t i, int32_t symbol) const {
    const int64_t row = RowOf(i);
    if (!Known(row)) return row == kLeftOut ? Interval{0, 0} : NoInterval(kBadModel);
    const int64_t v = int64_t{symbol} - offset[row];
    return table.Find(i, v < 0 || v >= escape[row] ? escape[row] : v);
  }
  // Without a freq where nothing is, and a reason where nothing can be.
  JANS_HD Located Locate(int64_t i, uint32_t quantile) const {
    const int64_t row = RowOf(i);
    if (!Known(row)) return {0, row == kLeftOut ? Interval{0, 0} : NoInterval(kBadModel)};
    return table.Locate(i, quantile);
  }
  // The value at a place of symbol i's row that is not the escape symbol's; false where there is none.
  JANS_HD bool ValueAt(int64_t i, int64_t place, int32_t& value) const {
    const int64_t row = RowOf(i), wide = place + offset[row];
    if (place >= escape[row] || wide != static_cast<int32_t>(wide)) return false;
    value = static_cast<int32_t>(wide);
    return true;
  }
};

// What is pushed for an interval of symbol i.
template <typename Table, typename Item>
JANS_HD const Item& ItemOf(const Table&, int64_t, const Item& interval) {
  return interval;
}

// ---- on one head ----

// The number of symbol i, if it has one and is coded.
template <typename V, typename Table>
JANS_HD void PushNumberOf(typename V::State& x, Tail<typename V::Word>& tail, const BypassRowsOf<Table>& model,
                          int64_t i, int32_t symbol) {
  const int64_t number = model.Number(i, symbol);
  if (number == kInAlphabet || model.Find(i, symbol).freq == 0) return;
  auto put = [&](uint32_t digit) { Push<V>(x, tail, Interval{digit, 1}, model.bits); };
  PushNumber(static_cast<uint64_t>(number), model.bits, put);
}

template <typename V, typename Table>
JANS_HD void PushSymbolOf(typename V::State& x, Tail<typename V::Word>& tail, const BypassRowsOf<Table>& model,
                          int64_t i, int32_t symbol, int precision) {
  Push<V>(x, tail, ItemOf(model.table, i, model.Find(i, symbol)), precision);
}

constexpr int64_t kNoPlace = -1;

// The place of symbol i in its row, or kNoPlace.
template <typename V, typename Table>
JANS_HD int64_t PopPlaceOf(typename V::State& x, Tail<typename V::Word>& tail, const BypassRowsOf<Table>& model,
                           int64_t i, bool floor, int precision) {
  const Located found = model.Locate(i, Quantile<V>(x, precision));
  Advance<V>(x, tail, found.interval, floor, precision);
  return found.interval.freq == 0 ? kNoPlace : found.symbol;
}

// The value whose number is on the head; 0 where no push can have written it, or where it has no place in 32 bits.
template <typename V, typename Table>
JANS_HD int32_t PopEscaped(typename V::State& x, Tail<typename V::Word>& tail, const BypassRowsOf<Table>& model,
                           int64_t i, bool floor) {
  auto take = [&] {
    const uint32_t digit = Quantile<V>(x, model.bits);
    Advance<V>(x, tail, {digit, 1}, floor, model.bits);
    return digit;
  };
  int64_t number = 0;
  const bool good = PopNumber(model.bits, take, number);
  const int64_t row = model.RowOf(i), value = BypassValue(number, model.escape[row]) + model.offset[row];
  if (good && value == static_cast<int32_t>(value)) return static_cast<int32_t>(value);
  tail.status |= kBadData;
  return 0;
}

// The value at a place, with its number if it has one.
template <typename V, typename Table>
JANS_HD int32_t PopValueOf(typename V::State& x, Tail<typename V::Word>& tail, const BypassRowsOf<Table>& model,
                           int64_t i, int64_t place, bool floor) {
  int32_t value = 0;
  if (place == kNoPlace) return value;
  if (place == model.escape[model.RowOf(i)]) return PopEscaped<V>(x, tail, model, i, floor);
  if (!model.ValueAt(i, place, value)) tail.status |= kBadData;
  return value;
}

// ---- on a stream ----

// Runs body(x) with the head of symbol i.
template <typename V, typename Body>
JANS_HD void OnHead(Stream<V>& stream, int64_t i, const Body& body) {
  typename V::State x = LoadHead<V>(stream.heads, i % stream.lanes);
  body(x);
  StoreHead<V>(stream.heads, i % stream.lanes, x);
}

// Pushes symbols begin, ..., end - 1, which are a group or a single one of the last.
template <typename V, typename Table>
JANS_HD void PushGroup(Stream<V>& stream, const BypassRowsOf<Table>& model, const int32_t* symbols, int64_t begin,
                       int64_t end, int precision) {
  for (int64_t i = end; i-- > begin;) {
    OnHead(stream, i, [&](auto& x) { PushNumberOf<V>(x, stream.tail, model, i, symbols[i]); });
  }
  for (int64_t i = end; i-- > begin;) {
    OnHead(stream, i, [&](auto& x) { PushSymbolOf<V>(x, stream.tail, model, i, symbols[i], precision); });
  }
}

// Pops symbols begin, ..., end - 1, which are a group or a single one of the last. Until their numbers are read, their
// places in a row, which are below 2^31, stand where they will.
template <typename V, typename Table>
JANS_HD void PopGroup(Stream<V>& stream, const BypassRowsOf<Table>& model, int32_t* symbols, int64_t begin, int64_t end,
                      int precision) {
  for (int64_t i = begin; i < end; ++i) {
    OnHead(stream, i, [&](auto& x) {
      symbols[i] = static_cast<int32_t>(PopPlaceOf<V>(x, stream.tail, model, i, stream.floor(), precision));
    });
  }
  for (int64_t i = begin; i < end; ++i) {
    OnHead(stream, i,
           [&](auto& x) { symbols[i] = PopValueOf<V>(x, stream.tail, model, i, symbols[i], stream.floor()); });
  }
}

}  // namespace jans

#endif  // JANS_CORE_CODERS_BYPASS_GROUPS_H_
