// Models in closed form: from the operands of a call, in the order of jans/ffi/targets, to the model of one stream.
#ifndef JANS_FFI_OPERANDS_FAMILIES_H_
#define JANS_FFI_OPERANDS_FAMILIES_H_

#include "../../core/models/distributions.h"
#include "../../core/models/fixed_models.h"
#include "../../core/models/floats.h"
#include "../../core/models/sums.h"
#include "arguments.h"

namespace jans {

// Hands out the operands of a family one after the other.
class OperandReader {
 public:
  OperandReader(const Batch& batch, const Arguments& args, int64_t n, int32_t precision, size_t first = 0)
      : precision(precision), batch_(batch), args_(args), n_(n), next_(first) {}

  template <typename T>
  ffi::Error Next(const char* name, Operand<const T>& operand, int core_rank) {
    if (next_ >= args_.size()) return Invalid(name, " is missing");
    return operand.Init(name, args_[next_++], DTypeOf<T>(), batch_, core_rank);
  }
  // One for all symbols, or one each.
  template <typename T>
  ffi::Error NextOfSymbols(const char* name, Operand<const T>& operand, int core_rank = 1) {
    JANS_RETURN_IF_ERROR(Next(name, operand, core_rank));
    if (operand.core[0] == 1 || operand.core[0] == n_) return ffi::Error::Success();
    return Invalid(name, " fits neither one nor all symbols");
  }
  bool NextIsWide() const { return next_ < args_.size() && args_[next_].element_type() == ffi::DataType::F64; }

  const int32_t precision;

 private:
  const Batch& batch_;
  const Arguments& args_;
  const int64_t n_;
  size_t next_;
};

template <typename T>
JANS_HD int64_t StrideOf(const Operand<T>& operand) {
  return operand.core[0] == 1 ? 0 : 1;
}

struct RealOperand {
  Operand<const float> single;
  Operand<const double> wide;
  bool is_wide = false;

  ffi::Error Init(const char* name, OperandReader& reader) {
    is_wide = reader.NextIsWide();
    return is_wide ? reader.NextOfSymbols(name, wide) : reader.NextOfSymbols(name, single);
  }
  JANS_HD Reals At(int64_t b) const {
    if (is_wide) return {wide.At(b), StrideOf(wide), true};
    return {single.At(b), StrideOf(single), false};
  }
};

struct IntegerOperand {
  Operand<const int32_t> values;

  ffi::Error Init(const char* name, OperandReader& reader) { return reader.NextOfSymbols(name, values); }
  JANS_HD Integers At(int64_t b) const { return {values.At(b), StrideOf(values)}; }
};

struct SupportOperand {
  IntegerOperand low, high;

  ffi::Error Init(OperandReader& reader) {
    JANS_RETURN_IF_ERROR(low.Init("low", reader));
    return high.Init("high", reader);
  }
  JANS_HD Support At(int64_t b) const { return {low.At(b), high.At(b)}; }
};

// A family has Model, kCost (its search in units of a symbol's coding), Init(reader) and At(b), the model of stream b.

struct UniformFamily {
  using Model = Uniform;
  static constexpr int64_t kCost = 1;
  IntegerOperand sizes;
  int precision = 0;

  ffi::Error Init(OperandReader& reader) {
    precision = reader.precision;
    return sizes.Init("size", reader);
  }
  JANS_HD Model At(int64_t b) const {
    const Integers n = sizes.At(b);
    return {n.data, n.stride, precision};
  }
};

struct BinnedGaussianFamily {
  using Model = Leaky<BinnedGaussian>;
  static constexpr int64_t kCost = 16;
  Operand<const float> mean, scale, edges;
  int precision = 0;

  ffi::Error Init(OperandReader& reader) {
    precision = reader.precision;
    JANS_RETURN_IF_ERROR(reader.NextOfSymbols("mean", mean));
    JANS_RETURN_IF_ERROR(reader.NextOfSymbols("scale", scale));
    JANS_RETURN_IF_ERROR(reader.Next("edges", edges, 1));
    return scale.core == mean.core ? ffi::Error::Success() : Invalid("mean and scale differ in length");
  }
  JANS_HD Model At(int64_t b) const {
    return {{mean.At(b), scale.At(b), StrideOf(mean), edges.At(b), edges.core[0] - 1}, precision};
  }
};

struct MixtureOperands {
  Operand<const float> logits, mean, scale;
  int precision = 0;

  ffi::Error Init(OperandReader& reader) {
    precision = reader.precision;
    JANS_RETURN_IF_ERROR(reader.NextOfSymbols("logits", logits, 2));
    JANS_RETURN_IF_ERROR(reader.NextOfSymbols("mean", mean, 2));
    JANS_RETURN_IF_ERROR(reader.NextOfSymbols("scale", scale, 2));
    if (mean.core[1] != logits.core[1] || scale.core[1] != logits.core[1]) {
      return Invalid("mixture parameters differ in their components");
    }
    if (components() < 1 || components() > kMaxComponents) return Invalid("a mixture has 1 to 16 components");
    return ffi::Error::Success();
  }
  JANS_HD int64_t components() const { return logits.core[1]; }
  JANS_HD MixtureRows RowsAt(int64_t b) const {
    return {Rows(logits, b), Rows(mean, b), Rows(scale, b), static_cast<int>(components())};
  }

 private:
  static JANS_HD FloatRows Rows(const Operand<const float>& operand, int64_t b) {
    return {operand.At(b), StrideOf(operand) * operand.core[1]};
  }
};

struct IntegerMixtureOperands : MixtureOperands {
  SupportOperand support;

  ffi::Error Init(OperandReader& reader) {
    JANS_RETURN_IF_ERROR(MixtureOperands::Init(reader));
    return support.Init(reader);
  }
};

template <typename Component>
struct MixtureFamily : IntegerMixtureOperands {
  using Model = Leaky<Mixture<Component>>;
  static constexpr int64_t kCost = 32;

  JANS_HD Model At(int64_t b) const { return {{RowsAt(b), support.At(b)}, precision}; }
};

using LogisticMixtureFamily = MixtureFamily<LogisticComponent>;
using GaussianMixtureFamily = MixtureFamily<NormalComponent>;

template <typename Shape>
struct LocationScaleFamily {
  using Model = Leaky<OnIntegers<Shape>>;
  static constexpr int64_t kCost = 16;
  RealOperand location, scale;
  SupportOperand support;
  int precision = 0;

  ffi::Error Init(OperandReader& reader) {
    precision = reader.precision;
    JANS_RETURN_IF_ERROR(location.Init("location", reader));
    JANS_RETURN_IF_ERROR(scale.Init("scale", reader));
    return support.Init(reader);
  }
  JANS_HD Model At(int64_t b) const { return {{location.At(b), scale.At(b), support.At(b)}, precision}; }
};

using GaussianFamily = LocationScaleFamily<GaussianShape>;
using LaplaceFamily = LocationScaleFamily<LaplaceShape>;
using LogisticFamily = LocationScaleFamily<LogisticShape>;
using CauchyFamily = LocationScaleFamily<CauchyShape>;

struct LineOperands {
  RealOperand df, location, scale;
  int precision = 0;

  ffi::Error Init(OperandReader& reader) {
    precision = reader.precision;
    JANS_RETURN_IF_ERROR(df.Init("df", reader));
    JANS_RETURN_IF_ERROR(location.Init("location", reader));
    return scale.Init("scale", reader);
  }
};

struct StudentFamily : LineOperands {
  using Model = Leaky<Student>;
  static constexpr int64_t kCost = 128;
  SupportOperand support;

  ffi::Error Init(OperandReader& reader) {
    JANS_RETURN_IF_ERROR(LineOperands::Init(reader));
    return support.Init(reader);
  }
  JANS_HD Model At(int64_t b) const { return {{df.At(b), location.At(b), scale.At(b), support.At(b)}, precision}; }
};

// The number of a distribution, and then those of a FloatFormat.
struct FloatFormatOperand {
  Operand<const int32_t> numbers;

  ffi::Error Init(OperandReader& reader) {
    JANS_RETURN_IF_ERROR(reader.Next("format", numbers, 1));
    if (numbers.core[0] == 1 + FloatFormat::kNumbers) return ffi::Error::Success();
    return Invalid("a format of floats has seven numbers");
  }
  JANS_HD int32_t Shape(int64_t b) const { return numbers.At(b)[0]; }
  JANS_HD FloatFormat At(int64_t b) const { return FloatFormat(numbers.At(b) + 1); }
};

struct FloatLineFamily : LineOperands {
  using Model = Leaky<FloatLine>;
  static constexpr int64_t kCost = 32;
  FloatFormatOperand format;

  ffi::Error Init(OperandReader& reader) {
    JANS_RETURN_IF_ERROR(LineOperands::Init(reader));
    return format.Init(reader);
  }
  JANS_HD Model At(int64_t b) const {
    return {{df.At(b), location.At(b), scale.At(b), static_cast<LineShape>(format.Shape(b)), format.At(b)}, precision};
  }
};

struct FloatMixtureFamily : MixtureOperands {
  using Model = Leaky<FloatMixture>;
  static constexpr int64_t kCost = 64;
  FloatFormatOperand format;

  ffi::Error Init(OperandReader& reader) {
    JANS_RETURN_IF_ERROR(MixtureOperands::Init(reader));
    return format.Init(reader);
  }
  JANS_HD Model At(int64_t b) const { return {{RowsAt(b), format.Shape(b) != 0, format.At(b)}, precision}; }
};

// Two parameters, the largest symbol and a number.
template <typename Distribution, template <typename> class Quantized, int kCostOf>
struct CountFamily {
  using Model = Quantized<Distribution>;
  static constexpr int64_t kCost = kCostOf;
  IntegerOperand most;
  RealOperand real;
  int precision = 0;

  ffi::Error Init(OperandReader& reader) {
    precision = reader.precision;
    JANS_RETURN_IF_ERROR(most.Init("the largest symbol", reader));
    return real.Init("the parameter", reader);
  }
  JANS_HD Model At(int64_t b) const { return {{most.At(b), real.At(b)}, precision}; }
};

using GeometricFamily = CountFamily<Geometric, Leaky, 16>;
using BinomialFamily = CountFamily<Binomial, Leaky, 128>;
using PoissonFamily = CountFamily<Poisson, Summed, 512>;

struct BetaBinomialFamily {
  using Model = Summed<BetaBinomial>;
  static constexpr int64_t kCost = 512;
  IntegerOperand trials;
  RealOperand alpha, beta;
  int precision = 0;

  ffi::Error Init(OperandReader& reader) {
    precision = reader.precision;
    JANS_RETURN_IF_ERROR(trials.Init("trials", reader));
    JANS_RETURN_IF_ERROR(alpha.Init("alpha", reader));
    return beta.Init("beta", reader);
  }
  JANS_HD Model At(int64_t b) const { return {{trials.At(b), alpha.At(b), beta.At(b)}, precision}; }
};

}  // namespace jans

#endif  // JANS_FFI_OPERANDS_FAMILIES_H_
