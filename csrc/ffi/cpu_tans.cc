// CPU handlers of table ANS.
#include "../cpu/tans_stream.h"
#include "buffers.h"
#include "cpu_call.h"

namespace jans {
namespace {

ffi::Error CheckTansPrecision(int32_t precision) { return CheckPrecision(precision, kMaxTansPrecision); }

ffi::Error TansMake(ffi::ThreadPool pool, AnyBuffer cdf_in, AnyBuffer escape_in, Out codes_out, Out states_out,
                    Out decoder_out, Out escape_out, int32_t precision) {
  Batch batch;
  Operand<const uint32_t> cdf;
  Operand<uint32_t> codes, decoder;
  Operand<uint16_t> states;
  Operand<const int32_t> places;
  Operand<int32_t> escape;
  JANS_RETURN_IF_ERROR(CheckTansPrecision(precision));
  JANS_RETURN_IF_ERROR(CheckVector(cdf_in));
  JANS_RETURN_IF_ERROR(batch.Init(cdf_in.dimensions().first(cdf_in.dimensions().size() - 1)));
  JANS_RETURN_IF_ERROR(cdf.Init("cdf", cdf_in, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(places.Init("escape", escape_in, ffi::DataType::S32, batch, 0));
  JANS_RETURN_IF_ERROR(codes.Init("codes", *codes_out, ffi::DataType::U32, batch, 2));
  JANS_RETURN_IF_ERROR(states.Init("states", *states_out, ffi::DataType::U16, batch, 1));
  JANS_RETURN_IF_ERROR(decoder.Init("decoder", *decoder_out, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(escape.Init("escape", *escape_out, ffi::DataType::S32, batch, 0));
  const int64_t n = cdf.core[0] - 1, total = int64_t{1} << precision;
  if (n < 1 || n > kMaxTansSymbols) return Invalid("a table has from 1 to 2^16 symbols");
  if (codes.core[0] != n || codes.core[1] != 2) return Invalid("codes do not fit cdf");
  if (states.core[0] != total || decoder.core[0] != total) return Invalid("states do not fit the precision");
  ParallelFor(pool, batch.streams, StreamGrain(n + total, 4), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      *escape.At(b) = *places.At(b);
      MakeTansTables(cdf.At(b), n, precision, *escape.At(b), reinterpret_cast<TansCode*>(codes.At(b)), states.At(b),
                     decoder.At(b));
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
  Operand<const int32_t> escape, offset, index;
  int32_t precision = 0, bypass = 0;

  // What both directions have after the tables: escape, offset and index, for `count` rows and n symbols.
  ffi::Error InitRows(const Batch& batch, const AnyBuffer* last, int64_t count, int64_t n) {
    if (bypass < 0 || bypass > kMaxBypassBits) return Invalid("a digit has from 0 to 16 bits");
    JANS_RETURN_IF_ERROR(escape.Init("escape", last[0], ffi::DataType::S32, batch, 1));
    JANS_RETURN_IF_ERROR(offset.Init("offset", last[1], ffi::DataType::S32, batch, 1));
    JANS_RETURN_IF_ERROR(index.Init("index", last[2], ffi::DataType::S32, batch, 1));
    if (escape.core[0] != count) return Invalid("escape does not fit the tables");
    if (offset.core[0] != 0 && offset.core[0] != count) return Invalid("offset does not fit the tables");
    if (index.core[0] != 1 && index.core[0] != n) return Invalid("index fits neither one nor all symbols");
    return ffi::Error::Success();
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
  // Those of stream b.
  template <bool kOffsets>
  TansTables<kOffsets> Encoder(int64_t b) const {
    return {reinterpret_cast<const TansCode*>(codes.At(b)),
            states.At(b),
            nullptr,
            escape.At(b),
            offset.At(b),
            codes.core[0],
            codes.core[1] / 2,
            precision,
            bypass};
  }
  template <bool kOffsets>
  TansTables<kOffsets> Decoder(int64_t b) const {
    return {nullptr, nullptr, decoder.At(b), escape.At(b), offset.At(b), decoder.core[0], 0, precision, bypass};
  }
  int64_t stride() const { return index.core[0] == 1 ? 0 : 1; }
};

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

ffi::Error TansPush(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t precision,
                    int32_t bypass_precision) {
  Buffers call;
  TansCoders coders;
  TansOperands tables;
  JANS_RETURN_IF_ERROR(CheckTansPrecision(precision));
  tables.precision = precision;
  tables.bypass = bypass_precision;
  JANS_RETURN_IF_ERROR(call.Init(args, rets, {0, 1, 2, 3, 4}, 0));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  if (call.operands.size() != 6) return Invalid("tans_push takes symbols, codes, states, escape, offset and index");
  JANS_RETURN_IF_ERROR(tables.InitCodes(coders.batch, call.operands[1], call.operands[2]));
  return WithSymbols(call.operands[0].element_type(), [&](auto symbol) {
    using Symbol = const decltype(symbol);
    Operand<Symbol> symbols;
    JANS_RETURN_IF_ERROR(
        symbols.Init("symbols", call.operands[0], DTypeOf<std::remove_const_t<Symbol>>(), coders.batch, 1));
    const int64_t n = symbols.core[0];
    JANS_RETURN_IF_ERROR(tables.InitRows(coders.batch, &call.operands[3], tables.codes.core[0], n));
    ParallelFor(pool, coders.batch.streams, StreamGrain(n), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        BitWriter out{0, 0, OpenTail(coders.words, coders.size, b)};
        out.tail.status |= coders.CheckHeads(b, precision);
        out.Open(*coders.rest.At(b));
        WithTansLoop(tables.offset.core[0] > 0, coders.heads.core[0], [&](auto offsets, auto lanes) {
          const TansTables<offsets.value> rows = tables.Encoder<offsets.value>(b);
          const TansStream<Symbol, offsets.value> stream{
              rows, coders.heads.At(b), coders.heads.core[0], tables.index.At(b), tables.stride(), symbols.At(b), n};
          PushTansAll<lanes.value>(stream, out);
        });
        *coders.rest.At(b) = out.Rest();
        *coders.status.At(b) |= CloseTail(out.tail, coders.size, b);
      }
    });
    return ffi::Error::Success();
  });
}

ffi::Error TansPop(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, int32_t precision,
                   int32_t bypass_precision) {
  Buffers call;
  TansCoders coders;
  TansOperands tables;
  JANS_RETURN_IF_ERROR(CheckTansPrecision(precision));
  tables.precision = precision;
  tables.bypass = bypass_precision;
  JANS_RETURN_IF_ERROR(call.Init(args, rets, {0, 1, kGiven, 2, 3}, 1));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  if (call.operands.size() != 4) return Invalid("tans_pop takes a decoder, escape, offset and index");
  JANS_RETURN_IF_ERROR(tables.InitDecoder(coders.batch, call.operands[0]));
  return WithSymbols(call.results[0].element_type(), [&](auto symbol) {
    using Symbol = decltype(symbol);
    Operand<Symbol> symbols;
    JANS_RETURN_IF_ERROR(symbols.Init("symbols", call.results[0], DTypeOf<Symbol>(), coders.batch, 1));
    const int64_t n = symbols.core[0];
    JANS_RETURN_IF_ERROR(tables.InitRows(coders.batch, &call.operands[1], tables.decoder.core[0], n));
    ParallelFor(pool, coders.batch.streams, StreamGrain(n), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        BitReader<true> in{0, 0, coders.words.At(b), coders.words.core[0], *coders.size.At(b), 0, *coders.status.At(b)};
        if (in.at < 0) in.status |= kBadState;
        in.at = std::max<int64_t>(in.at, 0);
        in.status |= coders.CheckHeads(b, precision);
        in.Open(*coders.rest.At(b));
        WithTansLoop(tables.offset.core[0] > 0, coders.heads.core[0], [&](auto offsets, auto lanes) {
          const TansTables<offsets.value> rows = tables.Decoder<offsets.value>(b);
          const TansStream<Symbol, offsets.value> stream{
              rows, coders.heads.At(b), coders.heads.core[0], tables.index.At(b), tables.stride(), symbols.At(b), n};
          PopTansAll<lanes.value>(stream, in);
        });
        *coders.rest.At(b) = in.Close();
        *coders.size.At(b) = static_cast<int32_t>(in.at);
        *coders.status.At(b) = in.status;
      }
    });
    return ffi::Error::Success();
  });
}

}  // namespace

JANS_HANDLER(tans_tables, TansMake,
             BIND ARG(cdf) ARG(escape) RET(codes) RET(states) RET(decoder) RET(escape) ATTR(precision))
JANS_HANDLER(tans_push, TansPush, BIND BUFFERS ATTR(precision) ATTR(bypass_precision))
JANS_HANDLER(tans_pop, TansPop, BIND BUFFERS ATTR(precision) ATTR(bypass_precision))

}  // namespace jans
