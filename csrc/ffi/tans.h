// Table ANS: its operands, and handlers that are the same on every platform.
#ifndef JANS_FFI_TANS_H_
#define JANS_FFI_TANS_H_

#include "../core/coders/tans.h"
#include "operands/buffers.h"

namespace jans {

inline ffi::Error CheckTansPrecision(int32_t precision) { return CheckPrecision(precision, kMaxTansPrecision); }

// ---- tables ----

struct MakeTans {
  Operand<const uint32_t> cdf;
  Operand<uint32_t> codes, decoder;
  Operand<uint16_t> states;
  Operand<const int32_t> places;
  Operand<int32_t> escape;
  int32_t precision = 0;

  JANS_HD void operator()(int64_t b) const {
    *escape.At(b) = *places.At(b);
    MakeTansTables(cdf.At(b), cdf.core[0] - 1, precision, *escape.At(b), reinterpret_cast<TansCode*>(codes.At(b)),
                   states.At(b), decoder.At(b));
  }
};

template <typename Where>
ffi::Error TansMake(typename Where::Context context, AnyBuffer cdf, AnyBuffer escape, Out codes, Out states,
                    Out decoder, Out escape_out, int32_t precision) {
  Batch batch;
  MakeTans job;
  job.precision = precision;
  JANS_RETURN_IF_ERROR(CheckTansPrecision(precision));
  JANS_RETURN_IF_ERROR(CheckVector(cdf));
  JANS_RETURN_IF_ERROR(InitBatch(cdf.dimensions().first(cdf.dimensions().size() - 1), batch));
  JANS_RETURN_IF_ERROR(job.cdf.Init("cdf", cdf, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(job.places.Init("escape", escape, ffi::DataType::S32, batch, 0));
  JANS_RETURN_IF_ERROR(job.codes.Init("codes", codes, ffi::DataType::U32, batch, 2));
  JANS_RETURN_IF_ERROR(job.states.Init("states", states, ffi::DataType::U16, batch, 1));
  JANS_RETURN_IF_ERROR(job.decoder.Init("decoder", decoder, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(job.escape.Init("escape", escape_out, ffi::DataType::S32, batch, 0));
  const int64_t n = job.cdf.core[0] - 1, total = int64_t{1} << precision;
  if (n < 1 || n > kMaxTansSymbols) return Invalid("a table has from 1 to 2^16 symbols");
  if (job.codes.core[0] != n || job.codes.core[1] != 2) return Invalid("codes do not fit cdf");
  if (job.states.core[0] != total || job.decoder.core[0] != total) return Invalid("states do not fit the precision");
  return Where{context}.ForEach(batch.streams, StreamGrain(n + total, 4), job);
}

// ---- coders ----

// A stack of bits, and heads.
struct TansCoders {
  Operand<uint32_t> heads, partial_word, words;
  Operand<int32_t> size, status;

  ffi::Error Init(const BufferArray& state) {
    Batch batch;
    JANS_RETURN_IF_ERROR(InitBatch(state.back().dimensions(), batch));
    JANS_RETURN_IF_ERROR(heads.Init("head", state[0], ffi::DataType::U32, batch, 1));
    JANS_RETURN_IF_ERROR(partial_word.Init("partial_word", state[1], ffi::DataType::U32, batch, 0));
    JANS_RETURN_IF_ERROR(words.Init("words", state[2], ffi::DataType::U32, batch, 1));
    JANS_RETURN_IF_ERROR(size.Init("size", state[3], ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(status.Init("status", state[4], ffi::DataType::S32, batch, 0));
    return heads.core[0] < 1 ? Invalid("a state has a head or more") : ffi::Error::Success();
  }
  const Batch& batch() const { return status.batch; }

  JANS_HD BitWriter OpenWriter(int64_t b, int32_t precision) const {
    BitWriter out{0, 0, OpenTail(words, size, b)};
    out.tail.status |= CheckHeads(b, precision);
    out.Open(*partial_word.At(b));
    return out;
  }
  JANS_HD void Close(int64_t b, const BitWriter& out) const {
    *partial_word.At(b) = out.Rest();
    *status.At(b) |= CloseTail(out.tail, size, b);
  }
  JANS_HD BitReader<true> OpenReader(int64_t b, int32_t precision) const {
    BitReader<true> in{0, 0, words.At(b), words.core[0], *size.At(b), 0, *status.At(b)};
    if (in.at < 0) in.status |= kBadState;
    in.at = std::max<int64_t>(in.at, 0);
    in.status |= CheckHeads(b, precision);
    in.Open(*partial_word.At(b));
    return in;
  }
  JANS_HD void Close(int64_t b, BitReader<true>& in) const {
    *partial_word.At(b) = in.Close();
    *size.At(b) = static_cast<int32_t>(in.at);
    *status.At(b) = in.status;
  }

 private:
  // Heads that no coder has become empty ones, marked.
  JANS_HD int32_t CheckHeads(int64_t b, int32_t precision) const {
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
  JANS_HD TansTables<kOffsets> Encoder(int64_t b) const {
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
  JANS_HD TansTables<kOffsets> Decoder(int64_t b) const {
    return {nullptr, nullptr, decoder.At(b), escape.At(b), offset.At(b), decoder.core[0], 0, precision, bypass};
  }
  JANS_HD int64_t stride() const { return index.core[0] == 1 ? 0 : 1; }
};

// A push or a pop of n symbols: the job is given the coders, tables and symbols of the call.
template <typename Symbol>
struct TansCall {
  TansCoders coders;
  TansOperands tables;
  Operand<Symbol> symbols;

  JANS_HD int64_t n() const { return symbols.core[0]; }
  JANS_HD int64_t lanes() const { return coders.heads.core[0]; }
  JANS_HD bool has_offsets() const { return tables.offset.core[0] > 0; }
};

// Job<Symbol>{call}(b) pushes the symbols of stream b.
template <template <typename> class Job, typename Where>
ffi::Error TansPush(typename Where::Context context, Arguments args, Results rets, int32_t precision,
                    int32_t bypass_precision) {
  const Where where{context};
  Buffers call;
  TansCoders coders;
  TansOperands tables;
  JANS_RETURN_IF_ERROR(CheckTansPrecision(precision));
  tables.precision = precision;
  tables.bypass = bypass_precision;
  JANS_RETURN_IF_ERROR(call.Init(where, args, rets, {0, 1, 2, 3, 4}, 0));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  const Batch& batch = coders.batch();
  if (call.operands.size() != 6) return Invalid("tans_push takes symbols, codes, states, escape, offset and index");
  JANS_RETURN_IF_ERROR(tables.InitCodes(batch, call.operands[1], call.operands[2]));
  return WithSymbols(call.operands[0].element_type(), [&](auto symbol) {
    using Symbol = decltype(symbol);
    TansCall<const Symbol> job{coders, tables, {}};
    JANS_RETURN_IF_ERROR(job.symbols.Init("symbols", call.operands[0], DTypeOf<Symbol>(), batch, 1));
    JANS_RETURN_IF_ERROR(job.tables.InitRows(batch, &call.operands[3], tables.codes.core[0], job.n()));
    return where.ForEach(batch.streams, StreamGrain(job.n()), Job<const Symbol>{job});
  });
}

// Job<Symbol>{call}(b) pops the symbols of stream b.
template <template <typename> class Job, typename Where>
ffi::Error TansPop(typename Where::Context context, Arguments args, Results rets, int32_t precision,
                   int32_t bypass_precision) {
  const Where where{context};
  Buffers call;
  TansCoders coders;
  TansOperands tables;
  JANS_RETURN_IF_ERROR(CheckTansPrecision(precision));
  tables.precision = precision;
  tables.bypass = bypass_precision;
  JANS_RETURN_IF_ERROR(call.Init(where, args, rets, {0, 1, kGiven, 2, 3}, 1));
  JANS_RETURN_IF_ERROR(coders.Init(call.state));
  const Batch& batch = coders.batch();
  if (call.operands.size() != 4) return Invalid("tans_pop takes a decoder, escape, offset and index");
  JANS_RETURN_IF_ERROR(tables.InitDecoder(batch, call.operands[0]));
  return WithSymbols(call.results[0].element_type(), [&](auto symbol) {
    using Symbol = decltype(symbol);
    TansCall<Symbol> job{coders, tables, {}};
    JANS_RETURN_IF_ERROR(job.symbols.Init("symbols", call.results[0], DTypeOf<Symbol>(), batch, 1));
    JANS_RETURN_IF_ERROR(job.tables.InitRows(batch, &call.operands[1], tables.decoder.core[0], job.n()));
    return where.ForEach(batch.streams, StreamGrain(job.n()), Job<Symbol>{job});
  });
}

// The handlers of table ANS.
#define JANS_TANS_HANDLERS(Where, PushJob, PopJob)                                     \
  JANS_HANDLER(tans_tables, TansMake<Where>, "precision")                              \
  JANS_HANDLER(tans_push, (TansPush<PushJob, Where>), "precision", "bypass_precision") \
  JANS_HANDLER(tans_pop, (TansPop<PopJob, Where>), "precision", "bypass_precision")

}  // namespace jans

#endif  // JANS_FFI_TANS_H_
