// Loops over symbols of tables with bypass coding on one stream, group by group; see core/coders/bypass_groups.h.
#ifndef JANS_CPU_LOOPS_BYPASS_STREAM_H_
#define JANS_CPU_LOOPS_BYPASS_STREAM_H_

#include <vector>

#include "../../core/coders/bypass_groups.h"
#include "../../core/models/guide.h"
#include "stream.h"

namespace jans {

using BypassRows = BypassRowsOf<GuidedRows>;

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
  static constexpr bool kByTurns = true;

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
      typename V::State x = heads.Get(i % lanes_);
      symbols_[i] = PopEscaped<V>(x, tail, model_, i, floor_);
      heads.Set(i % lanes_, x);
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

// Pops symbols first, ..., last - 1 of n; `first` is a multiple of the lanes.
template <typename V, typename Table>
void PopBypassAll(Stream<V>& stream, const BypassRowsOf<Table>& model, int32_t* symbols, int64_t first, int64_t last,
                  int64_t n, int precision) {
  BypassReader<V, Table> reader(model, stream, symbols, n, first);
  auto locate = [&reader, first](int64_t i, uint32_t quantile)
                    __attribute__((always_inline)) { return reader.Locate(first + i, quantile); };
  WithLanes(stream.lanes, [&](auto lanes) {
    PopAll<V, decltype(lanes)::value>(stream, locate, StoreTo{symbols + first}, last - first, precision, reader);
  });
  stream.tail.status |= reader.status();
}

}  // namespace jans

#endif  // JANS_CPU_LOOPS_BYPASS_STREAM_H_
