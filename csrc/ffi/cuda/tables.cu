// CUDA handlers of rANS with tables: guides, alias tables and bypass coding.
#include "../../cuda/bypass.h"
#include "../operands/alias_operands.h"
#include "../operands/bypass_operands.h"
#include "models.h"

namespace jans {
namespace {

template <typename Operands>
ffi::Error Init(const Batch& batch, const ffi::RemainingArgs& args, int64_t n, int32_t precision, Operands& operands) {
  return operands.Init(batch, args, n, precision);
}
template <typename Operands>
constexpr auto PushTable = PushOperands<Operands, Init<Operands>, cuda::kMinBlocks>;
template <typename Operands>
constexpr auto PopTable = PopOperands<Operands, Init<Operands>, cuda::kMinBlocks>;

// ---- bypass coding ----

// Pushes or pops symbols, which are const for a push.
template <typename Operands, typename Symbol>
ffi::Error RunBypass(const OnDevice& where, CoderBuffers coders, const AnyBuffer& symbols_in,
                     const ffi::RemainingArgs& args, int32_t variant, int32_t precision, int32_t digit) {
  Batch batch;
  Operand<Symbol> symbols;
  JANS_RETURN_IF_ERROR(InitBatch(coders.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(coders.Keep(where));
  JANS_RETURN_IF_ERROR(symbols.Init("symbols", symbols_in, ffi::DataType::S32, batch, 1));
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    cuda::Call<V, cuda::BypassArrays<BypassOperands<Operands>, Symbol>> call{{}, {{}, symbols}, symbols.core[0]};
    JANS_RETURN_IF_ERROR(CheckPrecision(digit, MaxPrecision<V>()));
    JANS_RETURN_IF_ERROR(
        InitCoder(batch, coders.head_out, coders.tail, coders.size_out, coders.status_out, precision, &call.coder));
    JANS_RETURN_IF_ERROR(call.arrays.operands.Init(batch, args, call.n, precision, digit));
    return batch.streams == 0 ? ffi::Error::Success() : Launched(cuda::LaunchBypass(call, where.stream));
  });
}

template <typename Operands>
ffi::Error RansPushBypass(cudaStream_t stream, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                          AnyBuffer symbols, ffi::RemainingArgs operands, Out head_out, Out tail_out, Out size_out,
                          Out status_out, int32_t variant, int32_t precision, int32_t digit) {
  const OnDevice where{stream};
  JANS_RETURN_IF_ERROR(where.Keep(tail, tail_out));
  return RunBypass<Operands, const int32_t>(where, {head, *tail_out, size, status, head_out, size_out, status_out},
                                            symbols, operands, variant, precision, digit);
}

template <typename Operands>
ffi::Error RansPopBypass(cudaStream_t stream, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                         ffi::RemainingArgs operands, Out head_out, Out size_out, Out status_out, Out symbols,
                         int32_t variant, int32_t precision, int32_t digit) {
  return RunBypass<Operands, int32_t>(OnDevice{stream}, {head, tail, size, status, head_out, size_out, status_out},
                                      *symbols, operands, variant, precision, digit);
}

}  // namespace

JANS_HANDLER(rans_pop_table, PopTable<TableOperands>,
             JANS_BIND JANS_STATE JANS_OPERANDS JANS_ADVANCED JANS_RET(symbols) JANS_CODER)
JANS_HANDLER(rans_push_alias, PushTable<RemapOperands>,
             JANS_BIND JANS_STATE JANS_ARG(symbols) JANS_OPERANDS JANS_PUSHED JANS_CODER)
JANS_HANDLER(rans_pop_alias, PopTable<AliasOperands>,
             JANS_BIND JANS_STATE JANS_OPERANDS JANS_ADVANCED JANS_RET(symbols) JANS_CODER)
JANS_HANDLER(table_guide, TableGuide<OnDevice>, JANS_BIND JANS_ARG(cdf) JANS_RET(guide) JANS_ATTR(precision))

#define JANS_PUSH_BYPASS                 \
  JANS_BIND JANS_STATE JANS_ARG(symbols) \
  JANS_OPERANDS JANS_PUSHED JANS_CODER JANS_ATTR(digit)
#define JANS_POP_BYPASS                                              \
  JANS_BIND JANS_STATE JANS_OPERANDS JANS_ADVANCED JANS_RET(symbols) \
  JANS_CODER JANS_ATTR(digit)
JANS_HANDLER(rans_push_bypass, RansPushBypass<TableOperands>, JANS_PUSH_BYPASS)
JANS_HANDLER(rans_pop_bypass, RansPopBypass<TableOperands>, JANS_POP_BYPASS)
JANS_HANDLER(rans_push_bypass_alias, RansPushBypass<RemapOperands>, JANS_PUSH_BYPASS)
JANS_HANDLER(rans_pop_bypass_alias, RansPopBypass<AliasOperands>, JANS_POP_BYPASS)

}  // namespace jans
