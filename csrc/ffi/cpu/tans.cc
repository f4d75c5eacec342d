// CPU handlers of table ANS.
#include "../tans.h"

#include "../../cpu/loops/symbols.h"
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

// Symbols first, ..., last - 1 of stream b.
struct Part {
  const TansCoders& coders;
  const TansOperands& tables;
  int64_t b, first, last;

  template <bool kOffsets, typename Symbol>
  TansStream<Symbol, kOffsets> Stream(const TansTables<kOffsets>& rows, Symbol* symbols) const {
    const int64_t lanes = coders.heads.core[0], stride = tables.stride();
    return {rows, coders.heads.At(b), lanes, tables.index.At(b) + first * stride, stride, symbols, last - first};
  }
  template <typename Body>
  void WithLoop(const Body& body) const {
    WithTansLoop(tables.offset.core[0] > 0, coders.heads.core[0], body);
  }
  void Push(BitWriter& out, const int32_t* symbols) const {
    WithLoop([&](auto offsets, auto lanes) {
      PushTansAll<lanes.value>(Stream(tables.Encoder<offsets.value>(b), symbols), out);
    });
  }
  void Pop(BitReader<true>& in, int32_t* symbols) const {
    WithLoop([&](auto offsets, auto lanes) {
      PopTansAll<lanes.value>(Stream(tables.Decoder<offsets.value>(b), symbols), in);
    });
  }
};

template <typename Symbol>
struct PushJob {
  TansCall<Symbol> call;

  void operator()(int64_t b) const {
    BitWriter out = call.coders.OpenWriter(b, call.tables.precision);
    auto push = [&](const int32_t* symbols, int64_t first, int64_t last) {
      Part{call.coders, call.tables, b, first, last}.Push(out, symbols);
    };
    ForBlocksBackward(Symbols{call.symbols.At(b), sizeof(Symbol)}, 0, call.n(), call.lanes(), push);
    call.coders.Close(b, out);
  }
};

template <typename Symbol>
struct PopJob {
  TansCall<Symbol> call;

  void operator()(int64_t b) const {
    BitReader<true> in = call.coders.OpenReader(b, call.tables.precision);
    auto pop = [&](int32_t* symbols, int64_t first, int64_t last) {
      Part{call.coders, call.tables, b, first, last}.Pop(in, symbols);
    };
    ForBlocksForward(SymbolsOut{call.symbols.At(b), sizeof(Symbol)}, 0, call.n(), call.lanes(), pop);
    call.coders.Close(b, in);
  }
};

}  // namespace

JANS_TANS_HANDLERS(OnCpu, PushJob, PopJob)

}  // namespace jans
