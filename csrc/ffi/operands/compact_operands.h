// The operands of `compact`.
#ifndef JANS_FFI_OPERANDS_COMPACT_OPERANDS_H_
#define JANS_FFI_OPERANDS_COMPACT_OPERANDS_H_

#include "../../core/coders/compact.h"
#include "../platform.h"

namespace jans {

// A stream here is a batch of streams.
template <typename Word>
struct CompactOperands {
  Batch batch;
  Operand<const Word> rows;
  Operand<const int32_t> ends;
  Operand<Word> words;

  ffi::Error Init(const AnyBuffer& rows_in, const AnyBuffer& ends_in, const Out& words_out) {
    auto dims = rows_in.dimensions();
    if (dims.size() < 2) return Invalid("rows of words are needed");
    JANS_RETURN_IF_ERROR(InitBatch(dims.first(dims.size() - 2), batch));
    JANS_RETURN_IF_ERROR(rows.Init("rows", rows_in, DTypeOf<Word>(), batch, 2));
    JANS_RETURN_IF_ERROR(ends.Init("ends", ends_in, ffi::DataType::S32, batch, 1));
    JANS_RETURN_IF_ERROR(words.Init("words", words_out, DTypeOf<Word>(), batch, 1));
    const bool fits = ends.core[0] == rows.core[0] && words.core[0] == rows.core[0] * rows.core[1];
    return fits ? ffi::Error::Success() : Invalid("ends or words do not fit the rows");
  }
  JANS_HD int64_t count() const { return words.core[0]; }
  JANS_HD Compacted<Word> At(int64_t b) const { return {rows.At(b), ends.At(b), rows.core[0], rows.core[1]}; }
};

// Calls body(Word{}) with the type of the words of a tail.
template <typename Body>
ffi::Error WithWords(ffi::DataType dtype, const Body& body) {
  if (dtype == ffi::DataType::U8) return body(uint8_t{});
  if (dtype == ffi::DataType::U16) return body(uint16_t{});
  if (dtype == ffi::DataType::U32) return body(uint32_t{});
  return Invalid("words must be uint8, uint16 or uint32");
}

}  // namespace jans

#endif  // JANS_FFI_OPERANDS_COMPACT_OPERANDS_H_
