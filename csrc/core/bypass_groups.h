// Symbols of tables with bypass coding on one stream. The lanes of a stream take turns in groups, symbols i to
// i + lanes - 1; a group is read symbol by symbol, and then number by number. Symbols that fill no group at the end are
// read one by one, each with its number.
#ifndef JANS_CORE_BYPASS_GROUPS_H_
#define JANS_CORE_BYPASS_GROUPS_H_

#include "bypass.h"
#include "models.h"
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
};

// What is pushed for an interval of symbol i.
template <typename Table, typename Item>
JANS_HD const Item& ItemOf(const Table&, int64_t, const Item& interval) {
  return interval;
}

template <typename V, typename Item>
JANS_HD void PushOne(Stream<V>& stream, int64_t lane, const Item& item, int precision) {
  typename V::State x = LoadHead<V>(stream.heads, lane);
  Push<V>(x, stream.tail, item, precision);
  StoreHead<V>(stream.heads, lane, x);
}

// Pushes symbols begin, ..., end - 1, which are a group or a single one of the last.
template <typename V, typename Table>
JANS_HD void PushGroup(Stream<V>& stream, const BypassRowsOf<Table>& model, const int32_t* symbols, int64_t begin,
                       int64_t end, int precision) {
  for (int64_t i = end; i-- > begin;) {
    const int64_t number = model.Number(i, symbols[i]);
    if (number == kInAlphabet || model.Find(i, symbols[i]).freq == 0) continue;
    auto put = [&](uint32_t digit) { PushOne(stream, i % stream.lanes, Interval{digit, 1}, model.bits); };
    PushNumber(static_cast<uint64_t>(number), model.bits, put);
  }
  for (int64_t i = end; i-- > begin;) {
    PushOne(stream, i % stream.lanes, ItemOf(model.table, i, model.Find(i, symbols[i])), precision);
  }
}

// Pops symbols begin, ..., end - 1, which are a group or a single one of the last. Until their numbers are read, places
// in a row stand where the symbols will, and -1 for what could not be located.
template <typename V, typename Table>
JANS_HD void PopGroup(Stream<V>& stream, const BypassRowsOf<Table>& model, int32_t* symbols, int64_t begin, int64_t end,
                      int precision) {
  for (int64_t i = begin; i < end; ++i) {
    const int64_t row = model.RowOf(i);
    typename V::State x = LoadHead<V>(stream.heads, i % stream.lanes);
    Located found{0, row == model.kLeftOut ? Interval{0, 0} : NoInterval(kBadModel)};
    if (model.Known(row)) found = model.table.Locate(i, Quantile<V>(x, precision));
    symbols[i] = found.interval.freq == 0 ? -1 : found.symbol;
    Advance<V>(x, stream.tail, found.interval, stream.floor(), precision);
    StoreHead<V>(stream.heads, i % stream.lanes, x);
  }
  for (int64_t i = begin; i < end; ++i) {
    const int64_t place = symbols[i];
    symbols[i] = 0;
    if (place < 0) continue;
    const int64_t row = model.RowOf(i), escape = model.escape[row];
    int64_t value = place;
    bool good = place <= escape;
    if (place == escape) {
      typename V::State x = LoadHead<V>(stream.heads, i % stream.lanes);
      auto take = [&] {
        const uint32_t digit = Quantile<V>(x, model.bits);
        Advance<V>(x, stream.tail, {digit, 1}, stream.floor(), model.bits);
        return digit;
      };
      int64_t number = 0;
      good = PopNumber(model.bits, take, number);
      StoreHead<V>(stream.heads, i % stream.lanes, x);
      value = BypassValue(number, escape);
    }
    value += model.offset[row];
    if (good && value == static_cast<int32_t>(value)) {
      symbols[i] = static_cast<int32_t>(value);
    } else {
      stream.tail.status |= kBadData;
    }
  }
}

}  // namespace jans

#endif  // JANS_CORE_BYPASS_GROUPS_H_
