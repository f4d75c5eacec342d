// Probabilities that are coded without a table of them, on the CPU, for any coder.
#include "../../cpu/search/lazy_block.h"
#include "../operands/lazy_operands.h"
#include "any_model.h"

namespace jans {
namespace {

// A block, and the direction in which it is asked.
template <typename Float>
struct LazyFinder {
  static constexpr int kRows = LazyBlock<Float>::kRows;
  mutable LazyBlock<Float> block;
  Order order;

  static void Find(const void* any, int64_t first, int64_t n, const int32_t* symbols, uint32_t* start, uint32_t* freq) {
    const LazyFinder& finder = *static_cast<const LazyFinder*>(any);
    auto find = [&](int64_t j, int64_t next) {
      finder.block.Find(first + j, std::min<int64_t>(kRows, n - j), first + next, symbols + j, start + j, freq + j);
    };
    if (finder.order == Order::kForward) {
      for (int64_t j = 0; j < n; j += kRows) find(j, j + kRows);
    } else {
      for (int64_t j = (n - 1) / kRows * kRows; j >= 0; j -= kRows) find(j, j - kRows);
    }
  }
  static Found Locate(const void* any, int64_t i, uint32_t quantile) {
    return static_cast<const LazyFinder*>(any)->block.Locate(i, quantile);
  }
};

template <typename Float>
class AnyLazy : public AnyModels {
 public:
  LazyOperands<Float> operands;

  void Open(int64_t b, int64_t n, Order order, FunctionRef<void(const ModelView&)> use) const override {
    using Finder = LazyFinder<Float>;
    const Finder finder{LazyBlock<Float>(operands.At(b), n), order};
    use({&finder, Finder::Find, Finder::Locate, nullptr, operands.precision, nullptr, false});
  }
  int64_t cost() const override { return operands.cost(); }
};

}  // namespace

ffi::Error Make_lazy(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision,
                     std::unique_ptr<AnyModels>& models) {
  if (args.size() <= first) return Invalid("probs is missing");
  const AnyBuffer probs = args[first];
  return WithFloats(probs, [&](auto zero) {
    auto lazy = std::make_unique<AnyLazy<decltype(zero)>>();
    JANS_RETURN_IF_ERROR(lazy->operands.Init(batch, probs, n, precision));
    models = std::move(lazy);
    return ffi::Error::Success();
  });
}

}  // namespace jans
