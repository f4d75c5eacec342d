// CUDA handlers of rANS with tables: guides, alias tables and bypass coding.
#include "../../cuda/bypass.h"
#include "../operands/alias_operands.h"
#include "../operands/bypass_operands.h"
#include "models.h"

namespace jans {
namespace {

template <typename Operands>
ffi::Error Init(const Batch& batch, const Arguments& args, int64_t n, int32_t precision, Operands& operands) {
  return operands.Init(batch, args, n, precision);
}
template <typename Operands>
constexpr auto PushTable = PushOperands<Operands, Init<Operands>, cuda::kMinBlocks>;
template <typename Operands>
constexpr auto PopTable = PopOperands<Operands, Init<Operands>, cuda::kMinBlocks>;

// ---- bypass coding ----

// Pushes or pops symbols, which are const for a push.
template <typename Operands, typename Symbol>
ffi::Error RunBypass(const OnDevice& where, CoderBuffers coders, const AnyBuffer& symbols_in, const Arguments& args,
                     int32_t variant, int32_t precision, int32_t bypass_precision) {
  Batch batch;
  Operand<Symbol> symbols;
  JANS_RETURN_IF_ERROR(InitBatch(coders.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(coders.Keep(where));
  JANS_RETURN_IF_ERROR(symbols.Init("symbols", symbols_in, ffi::DataType::S32, batch, 1));
  return WithVariant(variant, [&](auto v) {
    using V = decltype(v);
    cuda::Call<V, cuda::BypassArrays<BypassOperands<Operands>, Symbol>> call{{}, {{}, symbols}, symbols.core[0]};
    JANS_RETURN_IF_ERROR(CheckPrecision(bypass_precision, MaxPrecision<V>()));
    JANS_RETURN_IF_ERROR(InitCoder(batch, coders, precision, &call.coder));
    JANS_RETURN_IF_ERROR(call.arrays.operands.Init(batch, args, call.n, precision, bypass_precision));
    return batch.streams == 0 ? ffi::Error::Success() : Launched(cuda::LaunchBypass(call, where.stream));
  });
}

template <typename Operands>
ffi::Error RansPushBypass(cudaStream_t stream, StateIn state, AnyBuffer symbols, Arguments operands, Pushed results,
                          int32_t variant, int32_t precision, int32_t bypass_precision) {
  const OnDevice where{stream};
  JANS_RETURN_IF_ERROR(where.Keep(state.tail, results.tail));
  return RunBypass<Operands, const int32_t>(where, {state, results}, symbols, operands, variant, precision,
                                            bypass_precision);
}

template <typename Operands>
ffi::Error RansPopBypass(cudaStream_t stream, StateIn state, Arguments operands, Advanced results, Out symbols,
                         int32_t variant, int32_t precision, int32_t bypass_precision) {
  return RunBypass<Operands, int32_t>(OnDevice{stream}, {state, results}, symbols, operands, variant, precision,
                                      bypass_precision);
}

}  // namespace

JANS_HANDLER(rans_pop_table, PopTable<TableOperands>, "variant", "precision")
JANS_HANDLER(rans_push_alias, PushTable<RemapOperands>, "variant", "precision")
JANS_HANDLER(rans_pop_alias, PopTable<AliasOperands>, "variant", "precision")
JANS_HANDLER(table_guide, TableGuide<OnDevice>, "precision")

JANS_HANDLER(rans_push_bypass, RansPushBypass<TableOperands>, "variant", "precision", "bypass_precision")
JANS_HANDLER(rans_pop_bypass, RansPopBypass<TableOperands>, "variant", "precision", "bypass_precision")
JANS_HANDLER(rans_push_bypass_alias, RansPushBypass<RemapOperands>, "variant", "precision", "bypass_precision")
JANS_HANDLER(rans_pop_bypass_alias, RansPopBypass<AliasOperands>, "variant", "precision", "bypass_precision")

}  // namespace jans
