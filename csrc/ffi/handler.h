// Handlers: functions of C++ types become functions that XLA calls. The parameters of a handler, after the context,
// say what it takes from a call:
//
//   AnyBuffer                   the next operand
//   Out                         the next result
//   StateIn, Pushed, Advanced   the next ones, which are the arrays of a coder
//   Arguments, Results          all operands or results that are left
//   int32_t                     the attribute whose name is the next one of JANS_HANDLER
#ifndef JANS_FFI_HANDLER_H_
#define JANS_FFI_HANDLER_H_

#include <array>
#include <tuple>

#include "xla/ffi/api/ffi.h"

namespace jans {

namespace ffi = xla::ffi;

using AnyBuffer = ffi::AnyBuffer;

class Out : public AnyBuffer {
 public:
  using AnyBuffer::AnyBuffer;
};

template <typename Buffer>
class BufferList {
 public:
  BufferList(void* const* first, size_t size) : first_(first), size_(size) {}
  size_t size() const { return size_; }
  // The caller has looked at size().
  Buffer operator[](size_t i) const { return Buffer(static_cast<const XLA_FFI_Buffer*>(first_[i])); }

 private:
  void* const* first_;
  size_t size_;
};

using Arguments = BufferList<AnyBuffer>;
using Results = BufferList<Out>;

// The state of a coder whose words are a stack, as operands; as results of a push; and of a pop, which only reads the
// tail.
struct StateIn {
  AnyBuffer head, tail, size, status;
};
struct Pushed {
  Out head, tail, size, status;
};
struct Advanced {
  Out head, size, status;
};

// How much a handler takes from a call.
struct Signature {
  int arguments = 0, results = 0, attributes = 0;
  bool more_arguments = false, more_results = false;

  constexpr Signature operator+(const Signature& other) const {
    return {arguments + other.arguments, results + other.results, attributes + other.attributes,
            more_arguments || other.more_arguments, more_results || other.more_results};
  }
};

// Hands out what a call has, in order. The call has been checked.
class CallReader {
 public:
  CallReader(const XLA_FFI_CallFrame& frame, const int32_t* attributes) : frame_(frame), attributes_(attributes) {}

  AnyBuffer Argument() { return AnyBuffer(static_cast<const XLA_FFI_Buffer*>(frame_.args.args[arguments_++])); }
  Out Result() { return Out(static_cast<const XLA_FFI_Buffer*>(frame_.rets.rets[results_++])); }
  Arguments MoreArguments() { return {frame_.args.args + arguments_, frame_.args.size - arguments_}; }
  Results MoreResults() { return {frame_.rets.rets + results_, frame_.rets.size - results_}; }
  int32_t Attribute() { return *attributes_++; }

 private:
  const XLA_FFI_CallFrame& frame_;
  const int32_t* attributes_;
  size_t arguments_ = 0, results_ = 0;
};

template <typename P>
struct Parameter;

template <>
struct Parameter<AnyBuffer> {
  static constexpr Signature kTakes{1, 0, 0, false, false};
  static AnyBuffer Read(CallReader& call) { return call.Argument(); }
};
template <>
struct Parameter<Out> {
  static constexpr Signature kTakes{0, 1, 0, false, false};
  static Out Read(CallReader& call) { return call.Result(); }
};
template <>
struct Parameter<StateIn> {
  static constexpr Signature kTakes{4, 0, 0, false, false};
  static StateIn Read(CallReader& call) { return {call.Argument(), call.Argument(), call.Argument(), call.Argument()}; }
};
template <>
struct Parameter<Pushed> {
  static constexpr Signature kTakes{0, 4, 0, false, false};
  static Pushed Read(CallReader& call) { return {call.Result(), call.Result(), call.Result(), call.Result()}; }
};
template <>
struct Parameter<Advanced> {
  static constexpr Signature kTakes{0, 3, 0, false, false};
  static Advanced Read(CallReader& call) { return {call.Result(), call.Result(), call.Result()}; }
};
template <>
struct Parameter<Arguments> {
  static constexpr Signature kTakes{0, 0, 0, true, false};
  static Arguments Read(CallReader& call) { return call.MoreArguments(); }
};
template <>
struct Parameter<Results> {
  static constexpr Signature kTakes{0, 0, 0, false, true};
  static Results Read(CallReader& call) { return call.MoreResults(); }
};
template <>
struct Parameter<int32_t> {
  static constexpr Signature kTakes{0, 0, 1, false, false};
  static int32_t Read(CallReader& call) { return call.Attribute(); }
};

// What XLA passes to a handler as its first parameter, and the tag by which its headers know it.
template <typename Context>
struct ContextTag {
  using Tag = Context;
};

// Checks a call against a signature and copies the attributes of these names. False where the handler must return
// `error` at once: null after XLA asked what the handler is. `capturable`: whether XLA may record the handler's work in
// a graph.
bool OpenCall(XLA_FFI_CallFrame* frame, const Signature& takes, const char* const* names, bool capturable,
              int32_t* attributes, XLA_FFI_Error** error);
XLA_FFI_Error* CloseCall(const XLA_FFI_CallFrame* frame, ffi::Error error);

template <typename Context, typename... P, size_t kNames>
XLA_FFI_Error* Handle(XLA_FFI_CallFrame* frame, ffi::Error (*body)(Context, P...),
                      const std::array<const char*, kNames>& names, bool capturable) {
  constexpr Signature kTakes = (Signature{} + ... + Parameter<P>::kTakes);
  static_assert(kTakes.attributes == kNames, "a handler has a name for each attribute");
  std::array<int32_t, kNames + 1> attributes;
  XLA_FFI_Error* error = nullptr;
  if (!OpenCall(frame, kTakes, names.data(), capturable, attributes.data(), &error)) return error;
  ffi::DiagnosticEngine diagnostic;
  auto context = ffi::CtxDecoding<typename ContextTag<Context>::Tag>::Decode(frame->api, frame->ctx, diagnostic);
  if (!context.has_value()) return CloseCall(frame, ffi::Error::Internal(diagnostic.Result()));
  CallReader call(*frame, attributes.data());
  const std::tuple<P...> values{Parameter<P>::Read(call)...};  // braces: from left to right
  return CloseCall(frame, std::apply([&](const P&... value) { return body(*context, value...); }, values));
}

template <typename... Name>
constexpr std::array<const char*, sizeof...(Name)> Names(Name... names) {
  return {names...};
}

// The handler of a target; `implementation` is a function, and its attributes have the names that follow. A platform
// has JANS_CAPTURABLE.
#define JANS_HANDLER(name, implementation, ...)                    \
  XLA_FFI_Error* name(XLA_FFI_CallFrame* frame) {                  \
    static constexpr auto names = Names(__VA_ARGS__);              \
    return Handle(frame, +implementation, names, JANS_CAPTURABLE); \
  }

}  // namespace jans

#endif  // JANS_FFI_HANDLER_H_
