// The state of a coder as four arrays: head, tail, size, status.
#ifndef JANS_FFI_OPERANDS_STATE_H_
#define JANS_FFI_OPERANDS_STATE_H_

#include <algorithm>
#include <cstring>
#include <limits>

#include "../../core/coders/variants.h"
#include "operands.h"

namespace jans {

// Calls body(variant) with the variant of that number.
template <typename Body>
ffi::Error WithVariant(int32_t variant, const Body& body) {
  switch (variant) {
#define JANS_CASE(number, V) \
  case number:               \
    return body(V{});
    JANS_RANS_VARIANTS(JANS_CASE)
#undef JANS_CASE
    default:
      return Invalid("unknown variant");
  }
}

template <typename T>
constexpr ffi::DataType DTypeOf() {
  if constexpr (std::is_same_v<T, uint8_t>) return ffi::DataType::U8;
  if constexpr (std::is_same_v<T, uint16_t>) return ffi::DataType::U16;
  if constexpr (std::is_same_v<T, uint32_t>) return ffi::DataType::U32;
  if constexpr (std::is_same_v<T, int32_t>) return ffi::DataType::S32;
  if constexpr (std::is_same_v<T, float>) return ffi::DataType::F32;
  if constexpr (std::is_same_v<T, double>) return ffi::DataType::F64;
}

template <typename Body>
ffi::Error WithSymbols(ffi::DataType dtype, const Body& body) {
  switch (dtype) {
    case ffi::DataType::U8:
      return body(uint8_t{});
    case ffi::DataType::U16:
      return body(uint16_t{});
    case ffi::DataType::S32:
      return body(int32_t{});
    default:
      return Invalid("symbols must be uint8, uint16 or int32");
  }
}

inline ffi::Error CheckPrecision(int32_t precision, int32_t most) {
  if (precision < 1 || precision > most) return Invalid("precision is out of range for this coder");
  return ffi::Error::Success();
}

template <typename V>
constexpr int MaxPrecision() {
  return V::kLowerBits < 32 ? V::kLowerBits : 32;
}

// Where a call that updates coders finds them, and where it leaves them; `tail` is an operand or a result.
struct CoderBuffers {
  AnyBuffer head, tail, size, status;
  Out head_out, size_out, status_out;

  CoderBuffers(const StateIn& in, const Pushed& results)
      : CoderBuffers(in, results.tail, results.head, results.size, results.status) {}
  CoderBuffers(const StateIn& in, const Advanced& results)
      : CoderBuffers(in, in.tail, results.head, results.size, results.status) {}

  template <typename Where>
  ffi::Error Keep(const Where& where) const {
    JANS_RETURN_IF_ERROR(where.Keep(head, head_out));
    JANS_RETURN_IF_ERROR(where.Keep(size, size_out));
    return where.Keep(status, status_out);
  }

 private:
  CoderBuffers(const StateIn& in, const AnyBuffer& tail, const Out& head_out, const Out& size_out,
               const Out& status_out)
      : head(in.head),
        tail(tail),
        size(in.size),
        status(in.status),
        head_out(head_out),
        size_out(size_out),
        status_out(status_out) {}
};

// The arrays of a coder.
template <typename V>
struct State {
  Operand<uint32_t> head;
  Operand<typename V::Word> tail;
  Operand<int32_t> size, status;
  int64_t lanes = 0;

  ffi::Error Init(const Batch& batch, const CoderBuffers& coders) {
    constexpr int kHalves = sizeof(typename V::State) / 4;
    JANS_RETURN_IF_ERROR(head.Init("head", coders.head_out, ffi::DataType::U32, batch, kHalves));
    JANS_RETURN_IF_ERROR(tail.Init("tail", coders.tail, DTypeOf<typename V::Word>(), batch, 1));
    JANS_RETURN_IF_ERROR(size.Init("size", coders.size_out, ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(status.Init("status", coders.status_out, ffi::DataType::S32, batch, 0));
    lanes = head.core[0];
    if (lanes < 1 || (kHalves == 2 && head.core[1] != 2)) return Invalid("head has the wrong shape");
    return ffi::Error::Success();
  }
};

// Sizes beyond int32 can only come from an overflow of more than 2^31 words.
JANS_HD int32_t SaturatedSize(int64_t size) {
  return static_cast<int32_t>(std::min<int64_t>(size, std::numeric_limits<int32_t>::max()));
}

// The words of stream b, and the status of a size that no call can have produced.
template <typename Word>
JANS_HD Tail<Word> OpenTail(const Operand<Word>& words, const Operand<int32_t>& size, int64_t b) {
  Tail<Word> tail{words.At(b), words.core[0], *size.At(b), 0};
  if (tail.size < 0) {
    tail.size = 0;
    tail.status |= kBadState;
  }
  return tail;
}

// Keeps the size, and gives the status that the words end with.
template <typename Word>
JANS_HD int32_t CloseTail(const Tail<Word>& tail, const Operand<int32_t>& size, int64_t b) {
  *size.At(b) = SaturatedSize(tail.size);
  return tail.status | (tail.size > tail.capacity ? kOverflow : 0);
}

}  // namespace jans

#endif  // JANS_FFI_OPERANDS_STATE_H_
