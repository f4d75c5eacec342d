// CPU handlers of table ANS.
#include "../cpu/tans_stream.h"
#include "buffers.h"
#include "cpu_call.h"

namespace jans {
namespace {

ffi::Error CheckTansPrecision(int32_t precision) { return CheckPrecision(precision, kMaxTansPrecision); }

ffi::Error TansMake(ffi::ThreadPool pool, AnyBuffer cdf_in, Out codes_out, Out states_out, Out decoder_out,
                    int32_t precision) {
  Batch batch;
  Operand<const uint32_t> cdf;
  Operand<uint32_t> codes, decoder;
  Operand<uint16_t> states;
  JANS_RETURN_IF_ERROR(CheckTansPrecision(precision));
  JANS_RETURN_IF_ERROR(CheckVector(cdf_in));
  JANS_RETURN_IF_ERROR(batch.Init(cdf_in.dimensions().first(cdf_in.dimensions().size() - 1)));
  JANS_RETURN_IF_ERROR(cdf.Init("cdf", cdf_in, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(codes.Init("codes", *codes_out, ffi::DataType::U32, batch, 2));
  JANS_RETURN_IF_ERROR(states.Init("states", *states_out, ffi::DataType::U16, batch, 1));
  JANS_RETURN_IF_ERROR(decoder.Init("decoder", *decoder_out, ffi::DataType::U32, batch, 1));
  const int64_t n = cdf.core[0] - 1, total = int64_t{1} << precision;
  if (n < 1 || n > kMaxTansSymbols) return Invalid("a table has from 1 to 2^16 symbols");
  if (codes.core[0] != n || codes.core[1] != 2) return Invalid("codes do not fit cdf");
  if (states.core[0] != total || decoder.core[0] != total) return Invalid("states do not fit the precision");
  ParallelFor(pool, batch.streams, StreamGrain(n + total, 4), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      MakeTansTables(cdf.At(b), n, precision, reinterpret_cast<TansCode*>(codes.At(b)), states.At(b), decoder.At(b));
    }
  });
  return ffi::Error::Success();
}

// A stack of bits, and heads.
struct TansCoders {
  Batch batch;
  Operand<uint32_t> heads, rest, words;
  Operand<int32_t> size, status;

  ffi::Error Init(const std::vector<AnyBuffer>& state) {
    JANS_RETURN_IF_ERROR(batch.Init(state.back().dimensions()));
    JANS_RETURN_IF_ERROR(heads.Init("head", state[0], ffi::DataType::U32, batch, 1));
    JANS_RETURN_IF_ERROR(rest.Init("rest", state[1], ffi::DataType::U32, batch, 0));
    JANS_RETURN_IF_ERROR(words.Init("words", state[2], ffi::DataType::U32, batch, 1));
    JANS_RETURN_IF_ERROR(size.Init("size", state[3], ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(status.Init("status", state[4], ffi::DataType::S32, batch, 0));
    return heads.core[0] < 1 ? Invalid("a state has a head or more") : ffi::Error::Success();
  }
  // Heads that no coder has become empty ones, marked.
  int32_t CheckHeads(int64_t b, int32_t precision) const {
    int32_t why = 0;
    for (uint32_t* x = heads.At(b); x < heads.At(b) + heads.core[0]; ++x) {
      if (*x >> precision == 1) continue;
      *x = 1u << precision;
      why = kBadState;
    }
    return why;
  }
};

// The tables of a call, for one direction, and the row of each symbol.
struct TansOperands {
  Operand<const uint32_t> codes, decoder;
  Operand<const uint16_t> states;
  Operand<const int32_t> index;
  int32_t precision = 0;

  ffi::Error InitIndex(const Batch& batch, const AnyBuffer& index_in, int64_t n) {
    JANS_RETURN_IF_ERROR(index.Init("index", index_in, ffi::DataType::S32, batch, 1));
    return index.core[0] != 1 && index.core[0] != n ? Invalid("index fits neither one nor all symbols")
                                                    : ffi::Error::Success();
  }
  ffi::Error InitCodes(const Batch& batch, const AnyBuffer& codes_in, const AnyBuffer& states_in) {
    JANS_RETURN_IF_ERROR(codes.Init("codes", codes_in, ffi::DataType::U32, batch, 2));
    JANS_RETURN_IF_ERROR(states.Init("states", states_in, ffi::DataType::U16, batch, 2));
    if (codes.core[0] != states.core[0] || codes.core[1] % 2 != 0) return Invalid("codes do not fit the states");
    return states.core[1] == int64_t{1} << precision ? ffi::Error::Success() : Invalid("states do not fit precision");
  }
  ffi::Error InitDecoder(const Batch& batch, const AnyBuffer& decoder_in) {
    JANS_RETURN_IF_ERROR(decoder.Init("decoder", decoder_in, ffi::DataType::U32, batch, 2));
    return decoder.core[1] == int64_t{1} << precision ? ffi::Error::Success()
                                                      : Invalid("decoder does not fit precision");
  }
  int64_t stride() const { return index.core[0] == 1 ? 0 : 1; }
};

// Calls body with the numbers of lanes that have a loop of their own.
template <typename Body>
void WithTansLanes(int64_t lanes, const Body& body) {
  switch (lanes) {
    case 1:
      return body(std::integral_constant<int, 1>{});
    case 2:
      return body(std::integral_constant<int, 2>{});
    case 4:
      return body(std::integral_constant<int, 4>{});
    case 8:
      return body(std::integral_constant<int, 8>{});
    case 32:
      return body(std::integral_constant<int, 32>{});
    default:
      return body(std::integral_constant<int, 0>{});
  }
}

ffi::Error TansPush(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t precision) {
  Buffers call;
  TansCoders coders;
  TansOperands tables;
  JANS_RETURN_IF_ERROR(CheckTansPrecision(precision));
  tables.precision = precision;
  JANS_RETURN_IF_ERROR(call.Init(args, rets, {0, 1, 2, 3, 4}, 0));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  if (call.operands.size() != 4) return Invalid("tans_push takes symbols, codes, states and index");
  JANS_RETURN_IF_ERROR(tables.InitCodes(coders.batch, call.operands[1], call.operands[2]));
  return WithSymbols(call.operands[0].element_type(), [&](auto symbol) {
    using Symbol = const decltype(symbol);
    Operand<Symbol> symbols;
    JANS_RETURN_IF_ERROR(
        symbols.Init("symbols", call.operands[0], DTypeOf<std::remove_const_t<Symbol>>(), coders.batch, 1));
    const int64_t n = symbols.core[0];
    JANS_RETURN_IF_ERROR(tables.InitIndex(coders.batch, call.operands[3], n));
    ParallelFor(pool, coders.batch.streams, StreamGrain(n), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const auto* codes = reinterpret_cast<const TansCode*>(tables.codes.At(b));
        const TansTables rows{codes,    tables.states.At(b), nullptr, tables.codes.core[0], tables.codes.core[1] / 2,
                              precision};
        const TansStream<Symbol> stream{
            rows, coders.heads.At(b), coders.heads.core[0], tables.index.At(b), tables.stride(), symbols.At(b), n};
        BitWriter out{0, 0, OpenTail(coders.words, coders.size, b)};
        out.tail.status |= coders.CheckHeads(b, precision);
        out.Open(*coders.rest.At(b));
        WithTansLanes(coders.heads.core[0], [&](auto lanes) { PushTansAll<lanes.value>(stream, out); });
        *coders.rest.At(b) = out.Rest();
        *coders.status.At(b) |= CloseTail(out.tail, coders.size, b);
      }
    });
    return ffi::Error::Success();
  });
}

ffi::Error TansPop(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t precision) {
  Buffers call;
  TansCoders coders;
  TansOperands tables;
  JANS_RETURN_IF_ERROR(CheckTansPrecision(precision));
  tables.precision = precision;
  JANS_RETURN_IF_ERROR(call.Init(args, rets, {0, 1, kGiven, 2, 3}, 1));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  if (call.operands.size() != 2) return Invalid("tans_pop takes a decoder and index");
  JANS_RETURN_IF_ERROR(tables.InitDecoder(coders.batch, call.operands[0]));
  return WithSymbols(call.results[0].element_type(), [&](auto symbol) {
    using Symbol = decltype(symbol);
    Operand<Symbol> symbols;
    JANS_RETURN_IF_ERROR(symbols.Init("symbols", call.results[0], DTypeOf<Symbol>(), coders.batch, 1));
    const int64_t n = symbols.core[0];
    JANS_RETURN_IF_ERROR(tables.InitIndex(coders.batch, call.operands[1], n));
    ParallelFor(pool, coders.batch.streams, StreamGrain(n), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const TansTables rows{nullptr, nullptr, tables.decoder.At(b), tables.decoder.core[0], 0, precision};
        const TansStream<Symbol> stream{
            rows, coders.heads.At(b), coders.heads.core[0], tables.index.At(b), tables.stride(), symbols.At(b), n};
        BitReader<true> in{0, 0, coders.words.At(b), coders.words.core[0], *coders.size.At(b), 0, *coders.status.At(b)};
        if (in.at < 0) in.status |= kBadState;
        in.at = std::max<int64_t>(in.at, 0);
        in.status |= coders.CheckHeads(b, precision);
        in.Open(*coders.rest.At(b));
        WithTansLanes(coders.heads.core[0], [&](auto lanes) { PopTansAll<lanes.value>(stream, in); });
        *coders.rest.At(b) = in.Close();
        *coders.size.At(b) = static_cast<int32_t>(in.at);
        *coders.status.At(b) = in.status;
      }
    });
    return ffi::Error::Success();
  });
}

}  // namespace

JANS_HANDLER(tans_tables, TansMake, BIND ARG(cdf) RET(codes) RET(states) RET(decoder) ATTR(precision))
JANS_HANDLER(tans_push, TansPush, BIND BUFFERS ATTR(precision))
JANS_HANDLER(tans_pop, TansPop, BIND BUFFERS ATTR(precision))

}  // namespace jans
