// CPU handlers of the models in closed form.
#include "../../cpu/loops/simd_dispatch.h"
#include "../../cpu/search/location_scale.h"
#include "../../cpu/search/mixture_lanes.h"
#include "../operands/families.h"
#include "any_model.h"
#include "call.h"

namespace jans {
namespace {

template <typename Family>
using FinderOf = Finder<typename Family::Model>;

template <typename Family>
class AnyFamily : public AnyModels {
 public:
  Family family;

  void Open(int64_t b, int64_t, Order, const std::function<void(const AnyModel&)>& use) const override {
    const FinderOf<Family> finder(family.At(b));
    use({&finder, finder.Find(), finder.Locate(), finder.LocateMany(), kModelGroup, nullptr});
  }
  int64_t cost() const override { return Family::kCost; }
};

ffi::Error PushAny(ffi::ThreadPool& pool, const Batch& batch, AnyBuffer& head, AnyBuffer& tail, AnyBuffer& size,
                   AnyBuffer& status, AnyBuffer& symbols, Out& head_out, Out& tail_out, Out& size_out, Out& status_out,
                   int32_t variant, int32_t precision, const AnyModels& models) {
  auto body = [&](auto& stream, int64_t b, const auto& in) {
    using V = typename std::decay_t<decltype(stream)>::Variant;
    const auto* symbols = in.At(b);
    const int64_t n = in.core[0];
    models.Open(b, n, Order::kBackward, [&](const AnyModel& model) {
      auto push = [&](int64_t first, int64_t last) {
        auto fill = [&](int64_t begin, int64_t count, uint32_t* start, uint32_t* freq) {
          int32_t part[kModelGroup];
          for (int64_t j = 0; j < count; ++j) part[j] = static_cast<int32_t>(symbols[first + begin + j]);
          model.find(model.finder, first + begin, count, part, start, freq);
        };
        WithOneOrMany(stream.lanes, [&](auto lanes) {
          PushFilled<V, decltype(lanes)::value, kModelGroup>(stream, fill, last - first, precision);
        });
      };
      const Asked asked{model.finder, model.find, model.locate_many, precision};
      if (!PushSideBySide(stream, asked, symbols, n, push)) push(0, n);
    });
  };
  return Push(pool, batch, head, tail, size, status, symbols, head_out, tail_out, size_out, status_out, variant,
              precision, models.cost(), body);
}

ffi::Error PopAny(ffi::ThreadPool& pool, const Batch& batch, AnyBuffer& head, AnyBuffer& tail, AnyBuffer& size,
                  AnyBuffer& status, Out& head_out, Out& size_out, Out& status_out, Out& symbols_out, int32_t variant,
                  int32_t precision, const AnyModels& models) {
  auto body = [&](auto& stream, int64_t b, int64_t n, const auto& store) {
    using V = typename std::decay_t<decltype(stream)>::Variant;
    models.Open(b, n, Order::kForward, [&](const AnyModel& model) {
      auto pop = [&](int64_t begin, int64_t end) {
        auto locate = [&](int64_t i, uint32_t quantile) {
          return model.locate(model.finder, begin + i, quantile).Get();
        };
        auto store_from = [&](int64_t i, int32_t symbol) { store(begin + i, symbol); };
        WithOneOrMany(stream.lanes, [&](auto lanes) {
          PopAll<V, decltype(lanes)::value>(stream, locate, store_from, end - begin, precision);
        });
      };
      const Asked asked{model.finder, model.find, model.locate_many, precision};
      if (asked.locate == nullptr || !PopSideBySide(stream, asked, store.symbols, n, pop)) pop(0, n);
    });
  };
  return Pop(pool, batch, head, tail, size, status, head_out, size_out, status_out, symbols_out, variant, precision,
             models.cost(), body);
}

template <MakeModels kMake>
ffi::Error PushFamily(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                      AnyBuffer symbols, ffi::RemainingArgs operands, Out head_out, Out tail_out, Out size_out,
                      Out status_out, int32_t variant, int32_t precision) {
  Batch batch;
  std::unique_ptr<AnyModels> models;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(CheckVector(symbols));
  JANS_RETURN_IF_ERROR(kMake(batch, operands, 0, symbols.dimensions().back(), precision, models));
  return PushAny(pool, batch, head, tail, size, status, symbols, head_out, tail_out, size_out, status_out, variant,
                 precision, *models);
}

template <MakeModels kMake>
ffi::Error PopFamily(ffi::ThreadPool pool, AnyBuffer head, AnyBuffer tail, AnyBuffer size, AnyBuffer status,
                     ffi::RemainingArgs operands, Out head_out, Out size_out, Out status_out, Out symbols_out,
                     int32_t variant, int32_t precision) {
  Batch batch;
  std::unique_ptr<AnyModels> models;
  JANS_RETURN_IF_ERROR(InitBatch(size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(CheckVector(*symbols_out));
  JANS_RETURN_IF_ERROR(kMake(batch, operands, 0, symbols_out->dimensions().back(), precision, models));
  return PopAny(pool, batch, head, tail, size, status, head_out, size_out, status_out, symbols_out, variant, precision,
                *models);
}

template <typename Family>
ffi::Error MakeFamily(const Batch& batch, const ffi::RemainingArgs& args, size_t first, int64_t n, int32_t precision,
                      std::unique_ptr<AnyModels>& models) {
  auto any = std::make_unique<AnyFamily<Family>>();
  OperandReader reader(batch, args, n, precision, first);
  JANS_RETURN_IF_ERROR(any->family.Init(reader));
  models = std::move(any);
  return ffi::Error::Success();
}

// Calls body(finder, b, begin, end) on ranges of the n symbols of every stream.
template <typename Family, typename Body>
ffi::Error ForSymbols(ffi::ThreadPool& pool, const Batch& batch, const Family& family, int64_t n, const Body& body) {
  const int64_t step = std::max<int64_t>(1, kGrain / Family::kCost), parts = (n + step - 1) / step;
  ParallelFor(pool, batch.streams * parts, StreamGrain(std::min(n, step), Family::kCost),
              [&](int64_t first, int64_t last) {
                for (int64_t part = first; part < last; ++part) {
                  const int64_t b = part / parts, begin = part % parts * step;
                  body(FinderOf<Family>(family.At(b)), b, begin, std::min(begin + step, n));
                }
              });
  return ffi::Error::Success();
}

// What maps an array of the batch shares: `full` has all of its streams and symbols.
template <typename Family>
ffi::Error InitMap(Batch& batch, Family& family, const AnyBuffer& full, const ffi::RemainingArgs& operands,
                   int32_t precision) {
  JANS_RETURN_IF_ERROR(CheckVector(full));
  JANS_RETURN_IF_ERROR(CheckPrecision(precision, 32));
  auto dims = full.dimensions();
  JANS_RETURN_IF_ERROR(InitBatch(dims.first(dims.size() - 1), batch));
  OperandReader reader(batch, operands, dims.back(), precision);
  return family.Init(reader);
}

// start, freq of symbols.
template <typename Family>
ffi::Error IntervalFamily(ffi::ThreadPool pool, AnyBuffer symbols, ffi::RemainingArgs operands, Out start_out,
                          Out freq_out, int32_t precision) {
  Batch batch;
  Family family;
  Operand<const int32_t> in;
  Operand<uint32_t> start, freq;
  JANS_RETURN_IF_ERROR(InitMap(batch, family, symbols, operands, precision));
  JANS_RETURN_IF_ERROR(in.Init("symbols", symbols, ffi::DataType::S32, batch, 1));
  JANS_RETURN_IF_ERROR(start.Init("start", *start_out, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(freq.Init("freq", *freq_out, ffi::DataType::U32, batch, 1));
  if (start.core != in.core || freq.core != in.core) return Invalid("intervals and symbols differ in length");
  return ForSymbols(pool, batch, family, in.core[0], [&](const auto& finder, int64_t b, int64_t begin, int64_t end) {
    finder.Find()(&finder, begin, end - begin, in.At(b) + begin, start.At(b) + begin, freq.At(b) + begin);
  });
}

// Symbols at quantiles; the least integer, which no model has, where there is no distribution.
template <typename Family>
ffi::Error LocateFamily(ffi::ThreadPool pool, AnyBuffer quantiles, ffi::RemainingArgs operands, Out symbols_out,
                        int32_t precision) {
  Batch batch;
  Family family;
  Operand<const uint32_t> in;
  Operand<int32_t> out;
  JANS_RETURN_IF_ERROR(InitMap(batch, family, quantiles, operands, precision));
  JANS_RETURN_IF_ERROR(in.Init("quantiles", quantiles, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(out.Init("symbols", *symbols_out, ffi::DataType::S32, batch, 1));
  if (out.core != in.core) return Invalid("symbols and quantiles differ in length");
  return ForSymbols(pool, batch, family, in.core[0], [&](const auto& finder, int64_t b, int64_t begin, int64_t end) {
    const LocateFunction locate = finder.Locate();
    const LocateManyFunction many = finder.LocateMany();
    const uint32_t* q = in.At(b);
    int32_t* s = out.At(b);
    constexpr int64_t kMost = 64;
    uint32_t start[kMost], freq[kMost];
    for (int64_t i = begin, count; i < end; i += count) {
      count = std::min(end - i, kMost);
      const int64_t eights = many == nullptr ? 0 : count & -8;
      if (eights > 0) many(&finder, i, eights, q + i, s + i, start, freq);
      for (int64_t j = eights; j < count; ++j) {
        const Located found = locate(&finder, i + j, q[i + j]).Get();
        s[i + j] = found.symbol;
        freq[j] = found.interval.freq;
      }
      for (int64_t j = 0; j < count; ++j) {
        if (freq[j] == 0) s[i + j] = std::numeric_limits<int32_t>::min();
      }
    }
  });
}

}  // namespace

#define JANS_MAKE_FAMILY(name, Family)                                                                \
  ffi::Error Make_##name(const Batch& batch, const ffi::RemainingArgs& args, size_t first, int64_t n, \
                         int32_t precision, std::unique_ptr<AnyModels>& models) {                     \
    return MakeFamily<Family>(batch, args, first, n, precision, models);                              \
  }
JANS_FAMILIES(JANS_MAKE_FAMILY)

#define JANS_FAMILY_HANDLERS(name, Family)                                                                    \
  JANS_HANDLER(rans_push_##name, PushFamily<Make_##name>,                                                     \
               JANS_BIND JANS_STATE JANS_ARG(symbols) JANS_OPERANDS JANS_PUSHED JANS_CODER)                   \
  JANS_HANDLER(rans_pop_##name, PopFamily<Make_##name>,                                                       \
               JANS_BIND JANS_STATE JANS_OPERANDS JANS_ADVANCED JANS_RET(symbols) JANS_CODER)                 \
  JANS_HANDLER(interval_##name, IntervalFamily<Family>,                                                       \
               JANS_BIND JANS_ARG(symbols) JANS_OPERANDS JANS_RET(start) JANS_RET(freq) JANS_ATTR(precision)) \
  JANS_HANDLER(locate_##name, LocateFamily<Family>,                                                           \
               JANS_BIND JANS_ARG(quantiles) JANS_OPERANDS JANS_RET(symbols) JANS_ATTR(precision))
JANS_FAMILIES(JANS_FAMILY_HANDLERS)

}  // namespace jans
