// The models of a call with their type forgotten: the coders that ask them are compiled once for all kinds of models.
#ifndef JANS_FFI_CPU_ANY_MODEL_H_
#define JANS_FFI_CPU_ANY_MODEL_H_

#include <memory>

#include "../../cpu/loops/function_ref.h"
#include "../../cpu/search/model_view.h"
#include "../operands/arguments.h"

namespace jans {

// The order in which a coder goes through symbols.
enum class Order { kForward, kBackward };

class AnyModels {
 public:
  virtual ~AnyModels() = default;
  // Calls use(model) with the model of stream b, for n symbols.
  virtual void Open(int64_t b, int64_t n, Order order, FunctionRef<void(const ModelView&)> use) const = 0;
  // A symbol's search in units of its coding.
  virtual int64_t cost() const = 0;
};

// From the operands of a call, beginning with `first`, for n symbols. The batch and the arguments must outlive it.
using MakeModels = ffi::Error (*)(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision,
                                  std::unique_ptr<AnyModels>& models);

// Every kind of model that has kernels; the functions stand beside its rANS handlers.
#define JANS_DECLARE_MODELS(name, _)                                                                            \
  ffi::Error Make_##name(const Batch& batch, const Arguments& args, size_t first, int64_t n, int32_t precision, \
                         std::unique_ptr<AnyModels>& models);
JANS_KINDS(JANS_DECLARE_MODELS)
#undef JANS_DECLARE_MODELS

}  // namespace jans

#endif  // JANS_FFI_CPU_ANY_MODEL_H_
