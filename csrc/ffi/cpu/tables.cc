// Tables as models of any coder, and their guides on the CPU.
#include "tables.h"

#include "any_model.h"
#include "call.h"

namespace jans {
namespace {

class AnyTable : public AnyModels {
 public:
  CpuTables table;

  void Open(int64_t b, int64_t n, Order, FunctionRef<void(const ModelView&)> use) const override {
    const Finder<GuidedRows> finder(table.At(b));
    const Rows& rows = finder.model().rows;
    const bool shared = n > 0 && rows.Shared() && rows.Valid(0);
    const Row row = shared ? rows.At(0) : Row{};
    ModelView view = ViewOf(finder, table.precision);
    view.shared = shared ? &row : nullptr;
    use(view);
  }
  int64_t cost() const override { return 1; }
};

ffi::Error MakeTable(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision, bool guided,
                     std::unique_ptr<AnyModels>& models) {
  auto any = std::make_unique<AnyTable>();
  JANS_RETURN_IF_ERROR(any->table.Init(batch, args, first, n, precision, guided));
  models = std::move(any);
  return ffi::Error::Success();
}

}  // namespace

ffi::Error Make_rows(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision,
                     std::unique_ptr<AnyModels>& models) {
  return MakeTable(batch, args, first, n, precision, false, models);
}

ffi::Error Make_table(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision,
                      std::unique_ptr<AnyModels>& models) {
  return MakeTable(batch, args, first, n, precision, true, models);
}

JANS_HANDLER(table_guide, TableGuide<OnCpu>, "precision")

}  // namespace jans
