// CPU handlers of rANS with tables and bypass coding.
#include "../cpu/bypass_stream.h"
#include "../cpu/wide_rows.h"
#include "cpu_call.h"
#include "table_operands.h"

namespace jans {
namespace {

struct BypassOperands {
  TableOperands table;
  Operand<const int32_t> escape, offset;
  int32_t bits = 0;

  ffi::Error Init(const Batch& batch, const ffi::RemainingArgs& args, int64_t n, int32_t precision, int32_t digit) {
    bits = digit;
    if (bits < 1 || bits > kMaxBypassBits) return Invalid("a digit has 1 to 16 bits");
    JANS_RETURN_IF_ERROR(table.Init(batch, args, 0, n, precision, true));
    auto escape_in = args.get<AnyBuffer>(3), offset_in = args.get<AnyBuffer>(4);
    if (!escape_in.has_value() || !offset_in.has_value()) return Invalid("escape or offset is missing");
    JANS_RETURN_IF_ERROR(escape.Init("escape", *escape_in, ffi::DataType::S32, batch, 1));
    JANS_RETURN_IF_ERROR(offset.Init("offset", *offset_in, ffi::DataType::S32, batch, 1));
    const bool fits = escape.core[0] == table.rows.count() && offset.core[0] == table.rows.count();
    return fits ? ffi::Error::Success() : Invalid("escape or offset does not fit cdf");
  }
  BypassRows At(int64_t b) const { return {table.At(b), escape.At(b), offset.At(b), bits}; }
};

ffi::Error RansPushBypass(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                          AnyBuffer symbols, ffi::RemainingArgs operands, Out head_out, Out tail_out, Out size_out,
                          Out status_out, int32_t variant, int32_t precision, int32_t digit) {
  Batch batch;
  BypassOperands args;
  Operand<const int32_t> in;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(in.Init("symbols", symbols, ffi::DataType::S32, batch, 1));
  const int64_t n = in.core[0];
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, n, precision, digit));
  KeepBuffer(tail, tail_out);
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    JANS_RETURN_IF_ERROR(CheckPrecision(digit, MaxPrecision<V>()));
    auto body = [&](Stream<V>& stream, int64_t b) {
      const BypassRows model = args.At(b);
      const int32_t* s = in.At(b);
      WithMoreLanes(stream.lanes, [&](auto lanes) {
        constexpr int kLanes = decltype(lanes)::value;
        auto push_plain = [&](int64_t begin, int64_t end) {
          PushFilled<V, kLanes, 16>(stream, FillFrom(model, s, begin), end - begin, precision);
        };
        auto push = [&](int64_t begin, int64_t end) {
          PushBypassAll(stream, model, s, begin, end, precision, push_plain);
        };
        const BypassPlaces places{model.escape, model.offset};
        if (!PushSideBySide<kLanes>(stream, model.table, places, s, n, precision, push)) push(0, n);
      });
    };
    return ForCoders<V>(pool, batch, {head, *tail_out, size, status, head_out, size_out, status_out}, precision,
                        StreamGrain(n), body);
  });
}

ffi::Error RansPopBypass(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                         ffi::RemainingArgs operands, Out head_out, Out size_out, Out status_out, Out symbols_out,
                         int32_t variant, int32_t precision, int32_t digit) {
  Batch batch;
  BypassOperands args;
  Operand<int32_t> out;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(out.Init("symbols", *symbols_out, ffi::DataType::S32, batch, 1));
  const int64_t n = out.core[0];
  JANS_RETURN_IF_ERROR(args.Init(batch, operands, n, precision, digit));
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    JANS_RETURN_IF_ERROR(CheckPrecision(digit, MaxPrecision<V>()));
    auto body = [&](Stream<V>& stream, int64_t b) {
      const BypassRows model = args.At(b);
      BypassReader<V> reader(model, stream, out.At(b), n);
      WithMoreLanes(stream.lanes, [&](auto lanes) {
        constexpr int kLanes = decltype(lanes)::value;
        auto pop = [&](int64_t first, int64_t last) {
          auto locate = [&reader, first](int64_t i, uint32_t quantile) { return reader.Locate(first + i, quantile); };
          reader.Begin(first);
          PopAll<V, kLanes>(stream, locate, StoreTo<int32_t>{out.At(b) + first}, last - first, precision, reader);
        };
        const BypassPlaces places{model.escape, model.offset};
        const bool guided = model.table.guides != nullptr;
        if (guided && PopSideBySide<kLanes>(stream, model.table, places, out.At(b), n, precision, pop)) return;
        pop(0, n);
      });
      stream.tail.status |= reader.status();
    };
    return ForCoders<V>(pool, batch, {head, tail, size, status, head_out, size_out, status_out}, precision,
                        StreamGrain(n), body);
  });
}

}  // namespace

JANS_HANDLER(rans_push_bypass, RansPushBypass, BIND STATE ARG(symbols) OPERANDS PUSHED CODER ATTR(digit))
JANS_HANDLER(rans_pop_bypass, RansPopBypass, BIND STATE OPERANDS ADVANCED RET(symbols) CODER ATTR(digit))

}  // namespace jans
