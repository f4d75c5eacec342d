// The arguments that targets share on every platform.
#ifndef JANS_FFI_OPERANDS_ARGUMENTS_H_
#define JANS_FFI_OPERANDS_ARGUMENTS_H_

#include "../../core/models/models.h"
#include "../targets.h"
#include "state.h"

namespace jans {

// Intervals, one for each symbol.
struct IntervalOperands {
  Operand<const uint32_t> start, freq;

  ffi::Error Init(const Batch& batch, const AnyBuffer& start_in, const AnyBuffer& freq_in) {
    JANS_RETURN_IF_ERROR(start.Init("start", start_in, ffi::DataType::U32, batch, 1));
    JANS_RETURN_IF_ERROR(freq.Init("freq", freq_in, ffi::DataType::U32, batch, 1));
    if (start.core[0] != freq.core[0]) return Invalid("start and freq differ in length");
    return ffi::Error::Success();
  }
  int64_t n() const { return start.core[0]; }
};

// Rows of cumulative frequencies, and the row of each of n symbols.
struct RowOperands {
  Operand<const uint32_t> cdf;
  Operand<const int32_t> index;

  ffi::Error Init(const Batch& batch, const AnyBuffer& cdf_in, const AnyBuffer& index_in, int64_t n) {
    JANS_RETURN_IF_ERROR(cdf.Init("cdf", cdf_in, ffi::DataType::U32, batch, 2));
    JANS_RETURN_IF_ERROR(index.Init("index", index_in, ffi::DataType::S32, batch, 1));
    if (cdf.core[1] < 2) return Invalid("a cdf row needs two entries or more");
    if (index.core[0] != 1 && index.core[0] != n) return Invalid("index fits neither one nor all symbols");
    return ffi::Error::Success();
  }
  JANS_HD int64_t count() const { return cdf.core[0]; }
  JANS_HD int64_t row_symbols() const { return cdf.core[1] - 1; }
  JANS_HD int64_t index_stride() const { return index.core[0] == 1 ? 0 : 1; }
};

// Rows of n values, and the rows of n + 1 cumulative frequencies that they become. A row is a stream here.
template <typename Value>
struct ValueRows {
  Batch batch;
  Operand<const Value> values;
  Operand<uint32_t> cdf;
  int32_t precision = 0;

  ffi::Error Init(const AnyBuffer& values_in, const Out& cdf_out, int32_t bits, int32_t most_bits) {
    auto dims = values_in.dimensions();
    if (dims.size() < 1) return Invalid("an array of one dimension or more is needed");
    precision = bits;
    JANS_RETURN_IF_ERROR(CheckPrecision(precision, most_bits));
    JANS_RETURN_IF_ERROR(InitBatch(dims.first(dims.size() - 1), batch));
    JANS_RETURN_IF_ERROR(values.Init("values", values_in, DTypeOf<Value>(), batch, 1));
    JANS_RETURN_IF_ERROR(cdf.Init("cdf", cdf_out, ffi::DataType::U32, batch, 1));
    if (n() < 1) return Invalid("a row has a symbol or more");
    return cdf.core[0] != n() + 1 ? Invalid("cdf does not fit the values") : ffi::Error::Success();
  }
  JANS_HD int64_t n() const { return values.core[0]; }
};

// With a mask, or one of length 0 where there is none.
template <typename Value>
struct QuantizerOperands : ValueRows<Value> {
  Operand<const uint8_t> mask;

  ffi::Error Init(const AnyBuffer& values_in, const AnyBuffer& mask_in, const Out& cdf_out, int32_t bits) {
    JANS_RETURN_IF_ERROR(ValueRows<Value>::Init(values_in, cdf_out, bits, 32));
    JANS_RETURN_IF_ERROR(mask.Init("mask", mask_in, ffi::DataType::PRED, this->batch, 1));
    if (static_cast<uint64_t>(this->n()) > Total(bits)) return Invalid("more symbols than the precision has room for");
    if (masked() && mask.core[0] != this->n()) return Invalid("mask does not fit the values");
    return ffi::Error::Success();
  }
  JANS_HD bool masked() const { return mask.core[0] != 0; }
};

// With the number of symbols in each row.
template <typename Value>
struct NearestOperands : ValueRows<Value> {
  Operand<const int32_t> size;

  ffi::Error Init(const AnyBuffer& values_in, const AnyBuffer& size_in, const Out& cdf_out, int32_t bits) {
    JANS_RETURN_IF_ERROR(ValueRows<Value>::Init(values_in, cdf_out, bits, 31));
    return size.Init("size", size_in, ffi::DataType::S32, this->batch, 0);
  }
};

// Calls body(float or double zero) for the dtype of an array of floats.
template <typename Body>
ffi::Error WithFloats(const AnyBuffer& values, const Body& body) {
  if (values.element_type() == ffi::DataType::F32) return body(float{});
  if (values.element_type() == ffi::DataType::F64) return body(double{});
  return Invalid("values must be float32 or float64");
}

}  // namespace jans

#endif  // JANS_FFI_OPERANDS_ARGUMENTS_H_
