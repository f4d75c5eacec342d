// Words of arrays in parts that models predict well, and back; these are the CPU's alone.
#include "../../core/fields.h"

#include <algorithm>
#include <vector>

#include "../../cpu/loops/packed_bits.h"
#include "../../cpu/simd/wide.h"
#include "../operands/compact_operands.h"
#include "call.h"

namespace jans {
namespace {

// ---- bytes ----

template <typename T>
ffi::Error InitBytes(const AnyBuffer& in, const Out& out, bool split, Operand<const uint8_t>& from,
                     Operand<uint8_t>& to) {
  Batch batch;
  if (in.dimensions().size() < 2) return Invalid("words of bytes are needed");
  JANS_RETURN_IF_ERROR(InitBatch(in.dimensions().first(in.dimensions().size() - 2), batch));
  JANS_RETURN_IF_ERROR(from.Init("words", in, ffi::DataType::U8, batch, 2));
  JANS_RETURN_IF_ERROR(to.Init("result", out, ffi::DataType::U8, batch, 2));
  const bool fits = from.core[0] == to.core[1] && from.core[1] == to.core[0] && from.core[split] == sizeof(T);
  return fits ? ffi::Error::Success() : Invalid("the result does not fit the words");
}

// Rotated, so that the sign of a float is the lowest bit.
template <typename T>
T Rotated(T word, bool left) {
  constexpr int kBits = 8 * sizeof(T);
  return static_cast<T>(left ? word << 1 | word >> (kBits - 1) : word >> 1 | word << (kBits - 1));
}

// Plane p of the bytes of n words, the lowest first.
template <typename T, bool kRotate>
void Split(const uint8_t* words, int64_t n, uint8_t* planes) {
  InChunks(n, [&](int64_t first, int64_t count) {
    T chunk[kWordsAtOnce];
    std::memcpy(chunk, words + first * sizeof(T), count * sizeof(T));
    if (kRotate) {
      for (int64_t i = 0; i < count; ++i) chunk[i] = Rotated(chunk[i], true);
    }
    for (size_t p = 0; p < sizeof(T); ++p) {
      uint8_t* plane = planes + p * n + first;
      for (int64_t i = 0; i < count; ++i) plane[i] = static_cast<uint8_t>(chunk[i] >> (8 * p));
    }
  });
}
template <typename T, bool kRotate>
void Merge(const uint8_t* planes, int64_t n, uint8_t* words) {
  InChunks(n, [&](int64_t first, int64_t count) {
    T chunk[kWordsAtOnce] = {};
    for (size_t p = 0; p < sizeof(T); ++p) {
      const uint8_t* plane = planes + p * n + first;
      for (int64_t i = 0; i < count; ++i) chunk[i] = static_cast<T>(chunk[i] | T{plane[i]} << (8 * p));
    }
    if (kRotate) {
      for (int64_t i = 0; i < count; ++i) chunk[i] = Rotated(chunk[i], false);
    }
    std::memcpy(words + first * sizeof(T), chunk, count * sizeof(T));
  });
}

// Calls body(T{}) with the unsigned integer of a number of bytes.
template <typename Body>
ffi::Error WithWidth(int64_t bytes, const Body& body) {
  if (bytes == 1) return body(uint8_t{});
  if (bytes == 2) return body(uint16_t{});
  if (bytes == 4) return body(uint32_t{});
  if (bytes == 8) return body(uint64_t{});
  return Invalid("words must have 1, 2, 4 or 8 bytes");
}

template <bool kSplit>
ffi::Error Bytes(ffi::ThreadPool pool, AnyBuffer in, Out out, int32_t rotate) {
  const auto dims = in.dimensions();
  if (dims.size() < 2) return Invalid("words of bytes are needed");
  return WithWidth(dims[dims.size() - (kSplit ? 1 : 2)], [&](auto word) {
    using T = decltype(word);
    Operand<const uint8_t> from;
    Operand<uint8_t> to;
    JANS_RETURN_IF_ERROR(InitBytes<T>(in, out, kSplit, from, to));
    const int64_t n = from.core[kSplit ? 0 : 1];
    return OnCpu{pool}.ForEach(from.batch.streams, StreamGrain(n), [&](int64_t b) {
      if (kSplit && rotate) Split<T, true>(from.At(b), n, to.At(b));
      if (kSplit && !rotate) Split<T, false>(from.At(b), n, to.At(b));
      if (!kSplit && rotate) Merge<T, true>(from.At(b), n, to.At(b));
      if (!kSplit && !rotate) Merge<T, false>(from.At(b), n, to.At(b));
    });
  });
}

// ---- fields of floats ----

// Words in rows and columns; scales of one row or one column serve all.
struct Matrix {
  Batch batch;
  Operand<const int32_t> rows, columns;
  Operand<uint8_t> symbols, rest;
  int64_t height = 0, width = 0, count = 0;

  template <typename Words>
  ffi::Error Init(const Words& words, const AnyBuffer& rows_in, const AnyBuffer& columns_in) {
    const auto dims = words.dimensions();
    if (dims.size() < 2) return Invalid("rows of words are needed");
    JANS_RETURN_IF_ERROR(InitBatch(dims.first(dims.size() - 2), batch));
    JANS_RETURN_IF_ERROR(rows.Init("rows", rows_in, ffi::DataType::S32, batch, 1));
    JANS_RETURN_IF_ERROR(columns.Init("columns", columns_in, ffi::DataType::S32, batch, 1));
    height = dims[dims.size() - 2];
    width = dims[dims.size() - 1];
    count = height * width;
    auto serves = [](int64_t there, int64_t needed) { return there == needed || there == 1; };
    const bool fits = serves(rows.core[0], height) && serves(columns.core[0], width);
    return fits ? ffi::Error::Success() : Invalid("scales do not fit the words");
  }
  template <typename Buffer>
  ffi::Error Parts(const Buffer& symbols_in, const Buffer& rest_in, const Fields& fields) {
    JANS_RETURN_IF_ERROR(symbols.Init("symbols", symbols_in, ffi::DataType::U8, batch, 1));
    JANS_RETURN_IF_ERROR(rest.Init("rest", rest_in, ffi::DataType::U8, batch, 1));
    const bool fits = symbols.core[0] == count && rest.core[0] == (count * fields.rest_bits() + 7) / 8;
    return fits ? ffi::Error::Success() : Invalid("symbols or rest do not fit the words");
  }
  // Calls body(first, count, scales) for up to kWordsAtOnce words of a row, with their scales.
  template <typename Body>
  void ForEachChunk(int64_t b, const Body& body) const {
    const int32_t *row = rows.At(b), *column = columns.At(b);
    uint32_t scales[kWordsAtOnce];
    for (int64_t r = 0; r < height; ++r) {
      const uint32_t own = static_cast<uint32_t>(row[rows.core[0] == 1 ? 0 : r]);
      InChunks(width, [&](int64_t c, int64_t n) {
        if (columns.core[0] == 1) {
          std::fill_n(scales, n, own + static_cast<uint32_t>(column[0]));
        } else {
          for (int64_t i = 0; i < n; ++i) scales[i] = own + static_cast<uint32_t>(column[c + i]);
        }
        body(r * width + c, n, scales);
      });
    }
  }
};

ffi::Error FieldsSplit(ffi::ThreadPool pool, AnyBuffer words, AnyBuffer rows, AnyBuffer columns, Out symbols, Out index,
                       Out rest, int32_t exponent, int32_t mantissa, int32_t top, int32_t phases) {
  return WithWords(words.element_type(), [&](auto word) {
    using T = decltype(word);
    const Fields fields{exponent, mantissa, top, phases};
    if (!fields.Valid(8 * sizeof(T))) return Invalid("the fields do not fit the words");
    Matrix matrix;
    Operand<const T> in;
    Operand<int32_t> phase;
    JANS_RETURN_IF_ERROR(matrix.Init(words, rows, columns));
    JANS_RETURN_IF_ERROR(in.Init("words", words, words.element_type(), matrix.batch, 2));
    JANS_RETURN_IF_ERROR(matrix.Parts(symbols, rest, fields));
    JANS_RETURN_IF_ERROR(phase.Init("index", index, ffi::DataType::S32, matrix.batch, 1));
    if (phase.core[0] != (phases > 0 ? matrix.count : 0)) return Invalid("the index does not fit the words");
    return OnCpu{pool}.ForEach(matrix.batch.streams, StreamGrain(matrix.count), [&](int64_t b) {
      const T* from = in.At(b);
      uint8_t* symbol = matrix.symbols.At(b);
      int32_t* out = phase.At(b);
      Packer packer(matrix.rest.At(b), matrix.rest.core[0], fields.rest_bits());
      matrix.ForEachChunk(b, [&](int64_t first, int64_t n, const uint32_t* scales) {
        const Fields own = fields;  // which no store can change
        const T* in_words = from + first;
        uint8_t* out_symbols = symbol + first;
        int32_t* out_index = out + first;
        uint32_t words[kWordsAtOnce], found[kWordsAtOnce], rests[kWordsAtOnce];
        for (int64_t i = 0; i < n; ++i) words[i] = in_words[i];
        for (int64_t i = 0; i < n; ++i) found[i] = own.Symbol(words[i], scales[i]);
        for (int64_t i = 0; i < n; ++i) out_symbols[i] = static_cast<uint8_t>(found[i]);
        for (int64_t i = 0; i < n; ++i) rests[i] = own.Rest(words[i]);
        for (int64_t i = 0; i < (own.phases > 0 ? n : 0); ++i)
          out_index[i] = static_cast<int32_t>(own.Phase(scales[i]));
        packer.Put(rests, n);
      });
      packer.Close();
    });
  });
}

ffi::Error FieldsMerge(ffi::ThreadPool pool, AnyBuffer symbols, AnyBuffer rows, AnyBuffer columns, AnyBuffer rest,
                       Out words, int32_t exponent, int32_t mantissa, int32_t top) {
  return WithWords(words.element_type(), [&](auto word) {
    using T = decltype(word);
    const Fields fields{exponent, mantissa, top, 0};
    if (!fields.Valid(8 * sizeof(T))) return Invalid("the fields do not fit the words");
    Matrix matrix;
    Operand<T> made;
    JANS_RETURN_IF_ERROR(matrix.Init(words, rows, columns));
    JANS_RETURN_IF_ERROR(made.Init("words", words, words.element_type(), matrix.batch, 2));
    JANS_RETURN_IF_ERROR(matrix.Parts(symbols, rest, fields));
    return OnCpu{pool}.ForEach(matrix.batch.streams, StreamGrain(matrix.count), [&](int64_t b) {
      T* to = made.At(b);
      const uint8_t* symbol = matrix.symbols.At(b);
      Unpacker unpacker(matrix.rest.At(b), matrix.rest.core[0], fields.rest_bits());
      matrix.ForEachChunk(b, [&](int64_t first, int64_t n, const uint32_t* scales) {
        const Fields own = fields;
        const uint8_t* in_symbols = symbol + first;
        T* out_words = to + first;
        uint32_t found[kWordsAtOnce], rests[kWordsAtOnce];
        unpacker.Take(rests, n);
        for (int64_t i = 0; i < n; ++i) found[i] = in_symbols[i];
        for (int64_t i = 0; i < n; ++i) found[i] = own.Word(found[i], scales[i], rests[i]);
        for (int64_t i = 0; i < n; ++i) out_words[i] = static_cast<T>(found[i]);
      });
    });
  });
}

// ---- tops of floats, by the order of a table ----

// The narrowest numbers that loops have in registers.
template <typename T>
using Wide = std::conditional_t<sizeof(T) <= 2, uint16_t, uint32_t>;

// Words [n], their symbols, and their packed rest.
template <typename T>
struct Tops {
  Batch batch;
  Operand<T> words;
  Operand<uint8_t> symbols, rest;

  template <typename Words, typename Parts>
  ffi::Error Init(const Words& words_in, const Parts& symbols_in, const Parts& rest_in, const Fields& fields) {
    if (!fields.Valid(8 * sizeof(T)) || fields.exponent + fields.top > 16) {
      return Invalid("the fields do not fit the words");
    }
    JANS_RETURN_IF_ERROR(CheckVector(words_in));
    JANS_RETURN_IF_ERROR(InitBatch(words_in.dimensions().first(words_in.dimensions().size() - 1), batch));
    JANS_RETURN_IF_ERROR(words.Init("words", words_in, words_in.element_type(), batch, 1));
    JANS_RETURN_IF_ERROR(symbols.Init("symbols", symbols_in, ffi::DataType::U8, batch, 1));
    JANS_RETURN_IF_ERROR(rest.Init("rest", rest_in, ffi::DataType::U8, batch, 1));
    const int64_t n = words.core[0];
    const bool fits = symbols.core[0] == n && rest.core[0] == (n * fields.rest_bits() + 7) / 8;
    return fits ? ffi::Error::Success() : Invalid("symbols or rest do not fit the words");
  }
};

// Neighbouring tops that have the symbols 1, 2, ..., as most floats have; a top without a symbol has symbol 0, and a
// symbol without a top the top 0.
struct TopRange {
  uint32_t first = 0, count = 0;  // none where the tables are other ones

  // From the number n of entries, of which entry first + i is i + 1 or, the other way round, entry i + 1 is first + i.
  template <typename Entry>
  static TopRange Of(int64_t n, uint32_t first, int64_t begin, uint32_t value, const Entry* entries) {
    int64_t end = begin;
    while (end < n && end - begin < 255 && entries[end] == value + (end - begin)) ++end;
    const bool others = std::any_of(entries, entries + begin, [](Entry e) { return e != 0; }) ||
                        std::any_of(entries + end, entries + n, [](Entry e) { return e != 0; });
    return others ? TopRange{} : TopRange{first, static_cast<uint32_t>(end - begin)};
  }
  static TopRange OfCodes(const uint8_t* codes, int64_t n) {
    const int64_t begin = std::find_if(codes, codes + n, [](uint8_t code) { return code != 0; }) - codes;
    return Of(n, static_cast<uint32_t>(begin), begin, 1, codes);
  }
  // `most` is the largest top that words have.
  static TopRange OfTops(const uint16_t* tops, uint32_t most) {
    const TopRange found = Of(256, tops[1], 1, tops[1], tops);
    return found.first + found.count <= most + 1 ? found : TopRange{};
  }
};

// The symbols and the rest of up to kWordsAtOnce words, and back.
template <typename T>
JANS_LOOPS void SplitTops(const Fields& fields, const T* words, int64_t n, const uint8_t* codes, const TopRange& range,
                          uint8_t* symbols, Packer* packer) {
  using W = Wide<T>;
  const int low = fields.mantissa - fields.top, sign = fields.exponent + fields.mantissa;
  const W tops = static_cast<W>((uint32_t{1} << (fields.exponent + fields.top)) - 1);
  const W lows = static_cast<W>((uint32_t{1} << low) - 1);
  W found[kWordsAtOnce], rests[kWordsAtOnce];
  for (int64_t i = 0; i < n; ++i) found[i] = static_cast<W>(words[i] >> low) & tops;
  for (int64_t i = 0; i < n; ++i) {
    rests[i] = static_cast<W>(static_cast<W>((words[i] & lows) << 1) | static_cast<W>(words[i] >> sign));
  }
  if (range.count > 0) {
    const W begin = static_cast<W>(range.first), size = static_cast<W>(range.count);
    for (int64_t i = 0; i < n; ++i) {
      const W place = static_cast<W>(found[i] - begin);
      symbols[i] = static_cast<uint8_t>(place < size ? place + 1 : 0);
    }
  } else {
    for (int64_t i = 0; i < n; ++i) symbols[i] = codes[found[i]];
  }
  packer->Put(rests, n);
}
template <typename T>
JANS_LOOPS void MergeTops(const Fields& fields, const uint8_t* symbols, int64_t n, const Wide<T>* placed,
                          const TopRange& range, Unpacker* unpacker, T* words) {
  using W = Wide<T>;
  const int sign = fields.exponent + fields.mantissa;
  W found[kWordsAtOnce], rests[kWordsAtOnce];
  unpacker->Take(rests, n);
  if (range.count > 0) {
    const int low = fields.mantissa - fields.top;
    const W first = static_cast<W>(range.first), count = static_cast<W>(range.count);
    for (int64_t i = 0; i < n; ++i) {
      const W place = static_cast<W>(W{symbols[i]} - 1);
      found[i] = place < count ? static_cast<W>(static_cast<W>(place + first) << low) : W{0};
    }
  } else {
    for (int64_t i = 0; i < n; ++i) found[i] = placed[symbols[i]];
  }
  for (int64_t i = 0; i < n; ++i) {
    words[i] = static_cast<T>(found[i] | static_cast<W>(rests[i] >> 1) | static_cast<W>(rests[i] << sign));
  }
}
#define JANS_TOPS(SUFFIX, REGISTERS)                                                                           \
  template <typename T>                                                                                        \
  REGISTERS void Split##SUFFIX(const Fields& fields, const T* words, int64_t n, const uint8_t* codes,          \
                               const TopRange& range, uint8_t* symbols, Packer* packer) {                      \
    SplitTops<T>(fields, words, n, codes, range, symbols, packer);                                             \
  }                                                                                                            \
  template <typename T>                                                                                        \
  REGISTERS void Merge##SUFFIX(const Fields& fields, const uint8_t* symbols, int64_t n, const Wide<T>* placed, \
                               const TopRange& range, Unpacker* unpacker, T* words) {                          \
    MergeTops<T>(fields, symbols, n, placed, range, unpacker, words);                                          \
  }
JANS_TOPS(Plain, )
JANS_TOPS(InWide, JANS_WIDE)
#undef JANS_TOPS

ffi::Error TopsSplit(ffi::ThreadPool pool, AnyBuffer words, AnyBuffer codes, Out symbols, Out rest, int32_t exponent,
                     int32_t mantissa, int32_t top) {
  return WithWords(words.element_type(), [&](auto word) {
    using T = decltype(word);
    const Fields fields{exponent, mantissa, top, 0};
    Tops<T> tops;
    Operand<const uint8_t> code;
    JANS_RETURN_IF_ERROR(tops.Init(words, symbols, rest, fields));
    JANS_RETURN_IF_ERROR(code.Init("codes", codes, ffi::DataType::U8, tops.batch, 1));
    if (code.core[0] != int64_t{1} << (exponent + top)) return Invalid("the codes are not those of all tops");
    const int64_t count = tops.words.core[0];
    return OnCpu{pool}.ForEach(tops.batch.streams, StreamGrain(count), [&](int64_t b) {
      const uint8_t* table = code.At(b);
      const auto range = TopRange::OfCodes(table, code.core[0]);
      Packer packer(tops.rest.At(b), tops.rest.core[0], fields.rest_bits());
      InChunks(count, [&](int64_t first, int64_t n) {
        const auto split = HasWide() ? SplitInWide<T> : SplitPlain<T>;
        split(fields, tops.words.At(b) + first, n, table, range, tops.symbols.At(b) + first, &packer);
      });
      packer.Close();
    });
  });
}

ffi::Error TopsMerge(ffi::ThreadPool pool, AnyBuffer symbols, AnyBuffer tops_in, AnyBuffer rest, Out words,
                     int32_t exponent, int32_t mantissa, int32_t top) {
  return WithWords(words.element_type(), [&](auto word) {
    using T = decltype(word);
    const Fields fields{exponent, mantissa, top, 0};
    Tops<T> tops;
    Operand<const uint16_t> table;
    JANS_RETURN_IF_ERROR(tops.Init(words, symbols, rest, fields));
    JANS_RETURN_IF_ERROR(table.Init("tops", tops_in, ffi::DataType::U16, tops.batch, 1));
    if (table.core[0] != 256) return Invalid("there must be 256 tops");
    const int64_t count = tops.words.core[0];
    return OnCpu{pool}.ForEach(tops.batch.streams, StreamGrain(count), [&](int64_t b) {
      using W = Wide<T>;
      W placed[256];  // where a word has them
      const uint32_t mask = (uint32_t{1} << (exponent + top)) - 1;
      for (int s = 0; s < 256; ++s) placed[s] = static_cast<W>((table.At(b)[s] & mask) << (mantissa - top));
      const auto range = TopRange::OfTops(table.At(b), mask);
      Unpacker unpacker(tops.rest.At(b), tops.rest.core[0], fields.rest_bits());
      InChunks(count, [&](int64_t first, int64_t n) {
        const auto merge = HasWide() ? MergeInWide<T> : MergePlain<T>;
        merge(fields, tops.symbols.At(b) + first, n, placed, range, &unpacker, tops.words.At(b) + first);
      });
    });
  });
}

// ---- counts ----

// All of them count in four tables, so that equal neighbours do not wait for each other.

// How often each symbol of 8 bits has each index.
ffi::Error Count(ffi::ThreadPool pool, AnyBuffer symbols, AnyBuffer index, Out counts, int32_t rows) {
  Batch batch;
  Operand<const uint8_t> in;
  Operand<const int32_t> row;
  Operand<uint32_t> out;
  JANS_RETURN_IF_ERROR(CheckVector(symbols));
  JANS_RETURN_IF_ERROR(InitBatch(symbols.dimensions().first(symbols.dimensions().size() - 1), batch));
  JANS_RETURN_IF_ERROR(in.Init("symbols", symbols, ffi::DataType::U8, batch, 1));
  JANS_RETURN_IF_ERROR(row.Init("index", index, ffi::DataType::S32, batch, 1));
  JANS_RETURN_IF_ERROR(out.Init("counts", counts, ffi::DataType::U32, batch, 2));
  const int64_t n = in.core[0];
  if (out.core[0] != rows || out.core[1] != 256 || rows < 1 || (row.core[0] != n && row.core[0] != 1)) {
    return Invalid("index or counts do not fit the symbols");
  }
  return OnCpu{pool}.ForEach(batch.streams, StreamGrain(n), [&](int64_t b) {
    const uint8_t* symbol = in.At(b);
    const int32_t* which = row.At(b);
    uint32_t* total = out.At(b);
    std::fill_n(total, int64_t{rows} * 256, 0);
    auto inside = [rows](int32_t k) { return k >= 0 && k < rows; };
    if (row.core[0] != n || n == 1) {
      uint32_t parts[4][256] = {};
      int64_t i = 0;
      for (; i + 8 <= n; i += 8) {
        uint64_t eight;
        std::memcpy(&eight, symbol + i, 8);
        for (int k = 0; k < 8; ++k) ++parts[k % 4][eight >> (8 * k) & 255];
      }
      for (; i < n; ++i) ++parts[0][symbol[i]];
      if (!inside(which[0])) return;
      for (int s = 0; s < 256; ++s) total[which[0] * 256 + s] = parts[0][s] + parts[1][s] + parts[2][s] + parts[3][s];
      return;
    }
    for (int64_t i = 0; i < n; ++i) {
      if (inside(which[i])) ++total[int64_t{which[i]} * 256 + symbol[i]];
    }
  });
}

// How often each top is there.
ffi::Error TopsCount(ffi::ThreadPool pool, AnyBuffer words, Out counts, int32_t exponent, int32_t mantissa,
                     int32_t top) {
  return WithWords(words.element_type(), [&](auto word) {
    using T = decltype(word);
    const Fields fields{exponent, mantissa, top, 0};
    if (!fields.Valid(8 * sizeof(T)) || exponent + top > 16) return Invalid("the fields do not fit the words");
    Batch batch;
    Operand<const T> in;
    Operand<uint32_t> out;
    JANS_RETURN_IF_ERROR(CheckVector(words));
    JANS_RETURN_IF_ERROR(InitBatch(words.dimensions().first(words.dimensions().size() - 1), batch));
    JANS_RETURN_IF_ERROR(in.Init("words", words, words.element_type(), batch, 1));
    JANS_RETURN_IF_ERROR(out.Init("counts", counts, ffi::DataType::U32, batch, 1));
    const int64_t n = in.core[0], size = int64_t{1} << (exponent + top);
    if (out.core[0] != size) return Invalid("the counts are not those of all tops");
    return OnCpu{pool}.ForEach(batch.streams, StreamGrain(n), [&](int64_t b) {
      const T* from = in.At(b);
      std::vector<uint32_t> parts(4 * size);
      for (int64_t i = 0; i < n; ++i) ++parts[(i & 3) * size + fields.Top(from[i])];
      uint32_t* total = out.At(b);
      for (int64_t s = 0; s < size; ++s) {
        total[s] = parts[s] + parts[size + s] + parts[2 * size + s] + parts[3 * size + s];
      }
    });
  });
}

}  // namespace

JANS_HANDLER(bytes_split, Bytes<true>, "rotate")
JANS_HANDLER(bytes_merge, Bytes<false>, "rotate")
JANS_HANDLER(fields_split, FieldsSplit, "exponent", "mantissa", "top", "phases")
JANS_HANDLER(fields_merge, FieldsMerge, "exponent", "mantissa", "top")
JANS_HANDLER(tops_split, TopsSplit, "exponent", "mantissa", "top")
JANS_HANDLER(tops_merge, TopsMerge, "exponent", "mantissa", "top")
JANS_HANDLER(tops_count, TopsCount, "exponent", "mantissa", "top")
JANS_HANDLER(count, Count, "rows")

}  // namespace jans
