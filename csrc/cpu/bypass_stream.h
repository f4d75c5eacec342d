// Symbols of tables with bypass coding on one stream. The lanes of a stream take turns in groups, symbols i to
// i + lanes - 1; a group is read symbol by symbol, and then number by number. Symbols that fill no group at the end are
// read one by one, each with its number.
#ifndef JANS_CPU_BYPASS_STREAM_H_
#define JANS_CPU_BYPASS_STREAM_H_

#include <vector>

#include "../core/bypass.h"
#include "../core/guide.h"
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
using BypassRows = BypassRowsOf<GuidedRows>;

// What is pushed for an interval of symbol i.
template <typename Table, typename Item>
JANS_HD const Item& ItemOf(const Table&, int64_t, const Item& interval) {
  return interval;
}

template <typename V, typename Item>
void PushOne(Stream<V>& stream, int64_t lane, const Item& item, int precision) {
  typename V::State x = LoadHead<V>(stream.heads, lane);
  Push<V>(x, stream.tail, item, precision);
  StoreHead<V>(stream.heads, lane, x);
}

// Pushes symbols begin, ..., end - 1, which are a group or a single one of the last.
template <typename V, typename Table>
void PushGroup(Stream<V>& stream, const BypassRowsOf<Table>& model, const int32_t* symbols, int64_t begin, int64_t end,
               int precision) {
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

// Pushes symbols begin, ..., end - 1, where begin is a multiple of the lanes; push(begin, end) pushes whole groups of
// symbols that have no numbers.
template <typename V, typename Table, typename PushPlain>
void PushBypassAll(Stream<V>& stream, const BypassRowsOf<Table>& model, const int32_t* symbols, int64_t begin,
                   int64_t end, int precision, const PushPlain& push) {
  const int64_t lanes = stream.lanes, whole = end / lanes * lanes;
  for (; end > whole; --end) PushGroup(stream, model, symbols, end - 1, end, precision);
  while (end > begin) {
    int64_t i = end - 1;
    while (i >= begin && model.Number(i, symbols[i]) == kInAlphabet) --i;
    const int64_t plain = (i + lanes) / lanes * lanes;
    if (plain < end) push(plain, end);
    if (i < begin) return;
    PushGroup(stream, model, symbols, plain - lanes, plain, precision);
    end = plain - lanes;
  }
}

// The numbers of a pop: escape symbols are noted as they come, and read out when their group is complete.
template <typename V, typename Table = GuidedRows>
class BypassReader {
 public:
  // Of n symbols those from `first` on, a multiple of the lanes.
  BypassReader(const BypassRowsOf<Table>& model, const Stream<V>& stream, int32_t* symbols, int64_t n, int64_t first)
      : model_(model),
        symbols_(symbols),
        lanes_(stream.lanes),
        whole_(n / stream.lanes * stream.lanes),
        first_(first),
        floor_(stream.floor()) {}

  bool Pending() const { return pending_; }

  JANS_HD Located Locate(int64_t i, uint32_t quantile) {
    const int64_t row = model_.RowOf(i);
    if (!model_.Known(row)) return {0, row == model_.kLeftOut ? Interval{0, 0} : NoInterval(kBadModel)};
    Located found = model_.table.Locate(i, quantile);
    if (__builtin_expect(found.symbol >= model_.escape[row], 0)) return Escaped(i, row, found);
    // The sum of two numbers of 32 bits; one that has no place in 32 bits was not pushed.
    const int64_t symbol = int64_t{found.symbol} + model_.offset[row];
    found.symbol = static_cast<int32_t>(symbol);
    if (__builtin_expect(found.symbol != symbol || found.interval.freq == 0, 0)) return Refused(found);
    return found;
  }

  template <typename Heads>
  JANS_SELDOM void Run(int64_t done, Heads& heads, Tail<typename V::Word>& tail) {
    if (first_ + done <= whole_ && done % lanes_ != 0) return;
    for (const int64_t i : places_) {
      const int64_t lane = i % lanes_, row = model_.RowOf(i);
      typename V::State x = heads.Get(lane);
      auto take = [&] {
        const uint32_t digit = Quantile<V>(x, model_.bits);
        Advance<V>(x, tail, {digit, 1}, floor_, model_.bits);
        return digit;
      };
      int64_t number = 0;
      const bool good = PopNumber(model_.bits, take, number);
      heads.Set(lane, x);
      const int64_t symbol = BypassValue(number, model_.escape[row]) + model_.offset[row];
      symbols_[i] = static_cast<int32_t>(symbol);
      if (good && symbols_[i] == symbol) continue;
      symbols_[i] = 0;
      status_ |= kBadData;
    }
    places_.clear();
    pending_ = false;
  }

  int32_t status() const { return status_; }

 private:
  JANS_SELDOM Located Refused(Located found) {
    if (found.interval.freq != 0) status_ |= kBadData;
    found.symbol = 0;
    return found;
  }
  JANS_SELDOM Located Escaped(int64_t i, int64_t row, Located found) {
    if (found.interval.freq != 0 && found.symbol == model_.escape[row]) {
      places_.push_back(i);
      pending_ = true;
      found.symbol = 0;
      return found;
    }
    return Refused(found);
  }

  const BypassRowsOf<Table>& model_;
  int32_t* symbols_;
  const int64_t lanes_, whole_, first_;
  const bool floor_;
  bool pending_ = false;
  int32_t status_ = 0;
  std::vector<int64_t> places_;
};

}  // namespace jans

#endif  // JANS_CPU_BYPASS_STREAM_H_
