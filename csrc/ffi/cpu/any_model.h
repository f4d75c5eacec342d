// The models of a call with their type forgotten: the coders that are asked through it are compiled once for all
// models.
#ifndef JANS_FFI_CPU_ANY_MODEL_H_
#define JANS_FFI_CPU_ANY_MODEL_H_

#include <functional>
#include <memory>

#include "../../cpu/search/finder.h"
#include "../../cpu/search/row_tables.h"
#include "../operands/arguments.h"

namespace jans {

// The model of one stream. Intervals are asked for in groups of 4, 8 or 16 symbols.
struct AnyModel {
  const void* finder;
  FindFunction find;
  LocateFunction locate;
  LocateManyFunction locate_many;  // or null
  int group;
  const Row* shared;  // a row that serves all symbols, or null

  // Calls body(group) with the size of a group as a constant.
  template <typename Body>
  void WithGroup(const Body& body) const {
    if (group == 16) return body(std::integral_constant<int, 16>{});
    if (group == 8) return body(std::integral_constant<int, 8>{});
    body(std::integral_constant<int, 4>{});
  }

  // Calls body(locate) with the fastest way to find n symbols: locate(i, quantile).
  template <typename Body>
  void WithLocate(int64_t n, const Body& body) const {
    auto with_row = [&body](const auto& locate_in_row) {
      body([&locate_in_row](int64_t, uint32_t quantile) { return locate_in_row(quantile); });
    };
    if (shared != nullptr && WithTable(*shared, n, with_row)) return;
    body([this](int64_t i, uint32_t quantile) { return locate(finder, i, quantile).Get(); });
  }
};

// The order in which a coder goes through symbols.
enum class Order { kForward, kBackward };

class AnyModels {
 public:
  virtual ~AnyModels() = default;
  // Calls use(model) with the model of stream b, for n symbols.
  virtual void Open(int64_t b, int64_t n, Order order, const std::function<void(const AnyModel&)>& use) const = 0;
  // A symbol's search in units of its coding.
  virtual int64_t cost() const = 0;
};

// From the operands of a call, beginning with `first`, for n symbols. The batch and the arguments must outlive it.
using MakeModels = ffi::Error (*)(const Batch& batch, const ffi::RemainingArgs& args, size_t first, int64_t n,
                                  int32_t precision, std::unique_ptr<AnyModels>& models);

// Every kind of model that has kernels; the functions stand beside its rANS handlers.
#define JANS_DECLARE_MODELS(name, _)                                                                  \
  ffi::Error Make_##name(const Batch& batch, const ffi::RemainingArgs& args, size_t first, int64_t n, \
                         int32_t precision, std::unique_ptr<AnyModels>& models);
JANS_KINDS(JANS_DECLARE_MODELS)
#undef JANS_DECLARE_MODELS

}  // namespace jans

#endif  // JANS_FFI_CPU_ANY_MODEL_H_
