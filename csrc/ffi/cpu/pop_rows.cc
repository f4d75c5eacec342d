// CPU handlers that pop symbols of rows of cumulative frequencies, plain ("rows") or with guides ("table").
#include <optional>

#include "call.h"
#include "row_loops.h"
#include "tables.h"

namespace jans {
namespace {

// A guide to the row that the streams of a batch share, if that is worth it: `n` symbols of all `count` of them.
bool MakeSharedGuide(const GuidedRows* tables, int count, int64_t n, std::optional<OneGuide>& guide) {
  const Rows& rows = tables[0].rows;
  for (int s = 0; s < count; ++s) {
    const Rows& other = tables[s].rows;
    if (!OneGuide::Serves(other, n) || other.cdf != rows.cdf || *other.index != *rows.index) return false;
  }
  guide.emplace(rows.At(0), n);
  return true;
}

template <bool kGuided>
ffi::Error RansPopRows(ffi::ThreadPool pool, StateIn state, Arguments operands, Advanced results, Out symbols,
                       int32_t variant, int32_t precision) {
  const CoderCall call{{state, results}, variant, precision};
  Batch batch;
  CpuTables args;
  SymbolOperand out;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(out.Init(symbols, batch));
  const int64_t n = out.n();
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, 0, n, precision, kGuided));
  // Short streams that share a row share a guide to it.
  std::optional<OneGuide> for_all;
  if (args.OneRow() && batch.streams > 1 && n < kManySymbols) {
    const GuidedRows table = args.At(0);
    MakeSharedGuide(&table, 1, n * batch.streams, for_all);
  }
  auto body = [&](auto& stream, int64_t b) { PopRows(stream, for_all ? for_all->table : args.At(b), out.OutAt(b), n); };
  auto together = [&](auto* streams, int64_t b, int count) {
    if (!BetterTogether(streams[0], precision)) return false;
    auto tables = args.From(b, count);
    std::optional<OneGuide> guide;
    if (for_all) {
      tables.fill(for_all->table);
    } else if (tables[0].guides == nullptr) {
      if (!MakeSharedGuide(tables.data(), count, count * n, guide)) return false;
      tables.fill(guide->table);
    }
    const auto arrays = ArraysOf(b, count, [&out](int64_t k) { return out.OutAt(k); });
    auto pop = [&](int s, int64_t first, int64_t last) { PopByGuides(streams[s], tables[s], arrays[s], first, last); };
    return PopTogether(streams, tables.data(), count, PlainSymbols{}, arrays.data(), n, pop);
  };
  return RunCoders(pool, batch, call, n, 1, body, together);
}

}  // namespace

JANS_HANDLER(rans_pop_rows, RansPopRows<false>, "variant", "precision")
JANS_HANDLER(rans_pop_table, RansPopRows<true>, "variant", "precision")

}  // namespace jans
