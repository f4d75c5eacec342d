// A function that is passed by reference: what calls it is compiled once, whatever the function is.
#ifndef JANS_CPU_LOOPS_FUNCTION_REF_H_
#define JANS_CPU_LOOPS_FUNCTION_REF_H_

#include <cstddef>
#include <type_traits>

namespace jans {

template <typename Signature>
class FunctionRef;

// The function must outlive the call that it is an argument of.
template <typename Result, typename... Args>
class FunctionRef<Result(Args...)> {
 public:
  FunctionRef(std::nullptr_t) {}  // no function: test it before a call
  template <typename Function, typename = std::enable_if_t<!std::is_same_v<Function, FunctionRef>>>
  FunctionRef(const Function& function)
      : function_(&function),
        call_([](const void* any, Args... args) -> Result { return (*static_cast<const Function*>(any))(args...); }) {}

  explicit operator bool() const { return call_ != nullptr; }
  Result operator()(Args... args) const { return call_(function_, args...); }

 private:
  const void* function_ = nullptr;
  Result (*call_)(const void*, Args...) = nullptr;
};

}  // namespace jans

#endif  // JANS_CPU_LOOPS_FUNCTION_REF_H_
