// Models in closed form on the CPU, for any coder.
#include "../operands/families.h"

#include "../../cpu/search/location_scale.h"
#include "../../cpu/search/mixture_lanes.h"
#include "any_model.h"

namespace jans {
namespace {

template <typename Family>
class AnyFamily : public AnyModels {
 public:
  Family family;

  void Open(int64_t b, int64_t, Order, FunctionRef<void(const ModelView&)> use) const override {
    const Finder<typename Family::Model> finder(family.At(b));
    use(ViewOf(finder, family.precision));
  }
  int64_t cost() const override { return Family::kCost; }
};

template <typename Family>
ffi::Error MakeFamily(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision,
                      std::unique_ptr<AnyModels>& models) {
  auto any = std::make_unique<AnyFamily<Family>>();
  OperandReader reader(batch, args, n, precision, first);
  JANS_RETURN_IF_ERROR(any->family.Init(reader));
  models = std::move(any);
  return ffi::Error::Success();
}

}  // namespace

#define JANS_MAKE_FAMILY(name, Family)                                                                          \
  ffi::Error Make_##name(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision, \
                         std::unique_ptr<AnyModels>& models) {                                                  \
    return MakeFamily<Family>(batch, args, first, n, precision, models);                                        \
  }
JANS_FAMILIES(JANS_MAKE_FAMILY)

}  // namespace jans
