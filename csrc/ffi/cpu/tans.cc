// CPU handlers of table ANS.
#include "../tans.h"

#include "../../cpu/loops/tans_stream.h"
#include "call.h"

namespace jans {
namespace {

// Calls body with whether rows have offsets, and with the number of lanes where that has a loop of its own.
template <typename Body>
void WithTansLoop(bool has_offsets, int64_t lanes, const Body& body) {
  auto with = [&](auto offsets) {
    switch (lanes) {
      case 1:
        return body(offsets, std::integral_constant<int, 1>{});
      case 2:
        return body(offsets, std::integral_constant<int, 2>{});
      case 4:
        return body(offsets, std::integral_constant<int, 4>{});
      case 8:
        return body(offsets, std::integral_constant<int, 8>{});
      case 32:
        return body(offsets, std::integral_constant<int, 32>{});
      default:
        return body(offsets, std::integral_constant<int, 0>{});
    }
  };
  return has_offsets ? with(std::true_type{}) : with(std::false_type{});
}

template <typename Symbol>
struct PushJob {
  TansCall<Symbol> call;

  void operator()(int64_t b) const {
    const TansOperands& tables = call.tables;
    BitWriter out = call.coders.OpenWriter(b, tables.precision);
    WithTansLoop(call.has_offsets(), call.lanes(), [&](auto offsets, auto lanes) {
      const TansTables<offsets.value> rows = tables.Encoder<offsets.value>(b);
      const TansStream<Symbol, offsets.value> stream{
          rows,    call.coders.heads.At(b), call.lanes(), tables.index.At(b), tables.stride(), call.symbols.At(b),
          call.n()};
      PushTansAll<lanes.value>(stream, out);
    });
    call.coders.Close(b, out);
  }
};

template <typename Symbol>
struct PopJob {
  TansCall<Symbol> call;

  void operator()(int64_t b) const {
    const TansOperands& tables = call.tables;
    BitReader<true> in = call.coders.OpenReader(b, tables.precision);
    WithTansLoop(call.has_offsets(), call.lanes(), [&](auto offsets, auto lanes) {
      const TansTables<offsets.value> rows = tables.Decoder<offsets.value>(b);
      const TansStream<Symbol, offsets.value> stream{
          rows,    call.coders.heads.At(b), call.lanes(), tables.index.At(b), tables.stride(), call.symbols.At(b),
          call.n()};
      PopTansAll<lanes.value>(stream, in);
    });
    call.coders.Close(b, in);
  }
};

}  // namespace

JANS_TANS_HANDLERS(OnCpu, PushJob, PopJob)

}  // namespace jans
