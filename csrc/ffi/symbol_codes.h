// Symbol codes: their operands, and handlers that are the same on every platform.
#ifndef JANS_FFI_SYMBOL_CODES_H_
#define JANS_FFI_SYMBOL_CODES_H_

#include "../core/coders/golomb.h"
#include "../core/coders/huffman.h"
#include "platform.h"

namespace jans {

// ---- codebooks ----

template <typename Float>
struct MakeBooks {
  Operand<const Float> probs;
  Operand<uint32_t> codewords;
  Operand<int32_t> tree;

  JANS_HD void operator()(int64_t b) const {
    TreeMaker<Float>{probs.At(b), probs.core[0], codewords.At(b), tree.At(b)}.Run();
  }
};

template <typename Where>
ffi::Error HuffmanCodebook(typename Where::Context context, AnyBuffer probs, Out codewords, Out tree) {
  return WithFloats(probs, [&](auto zero) {
    using Float = decltype(zero);
    Batch batch;
    MakeBooks<Float> job;
    JANS_RETURN_IF_ERROR(CheckVector(probs));
    JANS_RETURN_IF_ERROR(InitBatch(probs.dimensions().first(probs.dimensions().size() - 1), batch));
    JANS_RETURN_IF_ERROR(job.probs.Init("probs", probs, DTypeOf<Float>(), batch, 1));
    JANS_RETURN_IF_ERROR(job.codewords.Init("codewords", codewords, ffi::DataType::U32, batch, 2));
    JANS_RETURN_IF_ERROR(job.tree.Init("tree", tree, ffi::DataType::S32, batch, 2));
    const int64_t n = job.probs.core[0];
    if (n < 1 || n > int64_t{1} << 29) return Invalid("a codebook has from 1 to 2^29 symbols");
    if (job.codewords.core[0] != n || job.codewords.core[1] != 2) return Invalid("codewords do not fit probs");
    if (job.tree.core[0] != 2 * n - 1 || job.tree.core[1] != 3) return Invalid("tree does not fit probs");
    return Where{context}.ForEach(batch.streams, StreamGrain(n, 16), job);
  });
}

// The codebooks of a call.
struct BookOperands {
  Operand<const uint32_t> codewords;
  Operand<const int32_t> tree;

  ffi::Error Init(const Batch& batch, const AnyBuffer* codewords_in, const AnyBuffer& tree_in) {
    JANS_RETURN_IF_ERROR(tree.Init("tree", tree_in, ffi::DataType::S32, batch, 2));
    if (tree.core[0] % 2 != 1 || tree.core[0] >= int64_t{1} << 30 || tree.core[1] != 3) {
      return Invalid("tree has the wrong shape");
    }
    if (codewords_in == nullptr) return ffi::Error::Success();
    JANS_RETURN_IF_ERROR(codewords.Init("codewords", *codewords_in, ffi::DataType::U32, batch, 2));
    if (codewords.core[0] != (tree.core[0] + 1) / 2 || codewords.core[1] != 2) {
      return Invalid("codewords do not fit the tree");
    }
    return ffi::Error::Success();
  }
  JANS_HD Codebook At(int64_t b) const {
    return {codewords.data == nullptr ? nullptr : codewords.At(b), tree.At(b), (tree.core[0] + 1) / 2};
  }
};

inline ffi::Error CheckOrder(int32_t order) {
  return order < 0 || order > 30 ? Invalid("an order is from 0 to 30") : ffi::Error::Success();
}

// As a BookOperands, the same for all streams.
struct GolombOperands {
  Golomb code;

  JANS_HD Golomb At(int64_t) const { return code; }
};

// ---- strings of bits ----

// Writes symbols with the codes of a call, to a stack last one first.
template <bool kStack, typename Codes, typename Symbol>
struct WriteBits {
  Codes codes;
  Operand<const Symbol> symbols;
  Operand<uint32_t> partial_word, words;
  Operand<int32_t> size, status;

  JANS_HD void operator()(int64_t b) const {
    const auto code = codes.At(b);
    const Symbol* in = symbols.At(b);
    const int64_t n = symbols.core[0];
    BitWriter out{0, 0, OpenTail(words, size, b)};
    out.Open(*partial_word.At(b));
    for (int64_t i = 0; i < n; ++i) code.template Put<kStack>(out, in[kStack ? n - 1 - i : i]);
    *partial_word.At(b) = out.Rest();
    *status.At(b) |= CloseTail(out.tail, size, b);
  }
};

template <bool kStack, typename Where, typename Codes>
ffi::Error Write(const Where& where, const Batch& batch, CoderBuffers bits, const AnyBuffer& symbols,
                 const Codes& codes) {
  JANS_RETURN_IF_ERROR(bits.Keep(where));
  return WithSymbols(symbols.element_type(), [&](auto symbol) {
    using Symbol = decltype(symbol);
    WriteBits<kStack, Codes, Symbol> job{codes, {}, {}, {}, {}, {}};
    JANS_RETURN_IF_ERROR(job.partial_word.Init("partial_word", bits.head_out, ffi::DataType::U32, batch, 0));
    JANS_RETURN_IF_ERROR(job.words.Init("words", bits.tail, ffi::DataType::U32, batch, 1));
    JANS_RETURN_IF_ERROR(job.size.Init("size", bits.size_out, ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(job.status.Init("status", bits.status_out, ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(job.symbols.Init("symbols", symbols, DTypeOf<Symbol>(), batch, 1));
    return where.ForEach(batch.streams, StreamGrain(job.symbols.core[0]), job);
  });
}

// Reads symbols: read(reader, out, n, b) does. A queue has ends; a stack, which has none, is as large as it is.
template <bool kStack, typename Body, typename Symbol>
struct ReadBits {
  Body read;
  Operand<Symbol> symbols;
  Operand<uint32_t> partial_word;
  Operand<const uint32_t> words;
  Operand<int32_t> at, status;
  Operand<const int32_t> ends;

  JANS_HD void operator()(int64_t b) const {
    BitReader<kStack> in{0, 0, words.At(b), words.core[0], *at.At(b), 0, *status.At(b)};
    in.end = kStack ? std::max<int64_t>(in.at, 0) : *ends.At(b);
    if (in.at < 0 || in.at > in.end) in.status |= kBadState;
    in.end = std::max<int64_t>(in.end, 0);
    in.at = std::min(std::max<int64_t>(in.at, 0), in.end);
    in.Open(*partial_word.At(b));
    read(in, symbols.At(b), symbols.core[0], b);
    *partial_word.At(b) = in.Close();
    *at.At(b) = static_cast<int32_t>(in.at);
    *status.At(b) = in.status;
  }
};

template <bool kStack, typename Where, typename Body>
ffi::Error Read(const Where& where, const Batch& batch, CoderBuffers bits, const AnyBuffer* end, const Out& symbols,
                const Body& read) {
  JANS_RETURN_IF_ERROR(bits.Keep(where));
  return WithSymbols(symbols.element_type(), [&](auto symbol) {
    using Symbol = decltype(symbol);
    ReadBits<kStack, Body, Symbol> job{read, {}, {}, {}, {}, {}, {}};
    JANS_RETURN_IF_ERROR(job.partial_word.Init("partial_word", bits.head_out, ffi::DataType::U32, batch, 0));
    JANS_RETURN_IF_ERROR(job.words.Init("words", bits.tail, ffi::DataType::U32, batch, 1));
    JANS_RETURN_IF_ERROR(job.at.Init("position", bits.size_out, ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(job.status.Init("status", bits.status_out, ffi::DataType::S32, batch, 0));
    if (!kStack) JANS_RETURN_IF_ERROR(job.ends.Init("end", *end, ffi::DataType::S32, batch, 0));
    JANS_RETURN_IF_ERROR(job.symbols.Init("symbols", symbols, DTypeOf<Symbol>(), batch, 1));
    return where.ForEach(batch.streams, StreamGrain(job.symbols.core[0]), job);
  });
}

// ---- handlers ----

template <bool kStack, typename Where>
ffi::Error WriteBooks(typename Where::Context context, StateIn state, AnyBuffer symbols, AnyBuffer codewords,
                      AnyBuffer tree, Pushed results) {
  const Where where{context};
  Batch batch;
  BookOperands books;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(books.Init(batch, &codewords, tree));
  JANS_RETURN_IF_ERROR(where.Keep(state.tail, results.tail));
  return Write<kStack>(where, batch, {state, results}, symbols, books);
}

template <bool kStack, typename Where>
ffi::Error WriteGolomb(typename Where::Context context, StateIn state, AnyBuffer symbols, Pushed results,
                       int32_t order) {
  const Where where{context};
  Batch batch;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(CheckOrder(order));
  JANS_RETURN_IF_ERROR(where.Keep(state.tail, results.tail));
  return Write<kStack>(where, batch, {state, results}, symbols, GolombOperands{{order}});
}

// ReadBook<kStack>{books}(reader, out, n, b) reads with the codebook of stream b.
template <bool kStack, template <bool> class ReadBook, typename Where>
ffi::Error ReadBooks(const Where& where, CoderBuffers bits, const AnyBuffer* end, const AnyBuffer& tree,
                     const Out& symbols) {
  Batch batch;
  BookOperands books;
  JANS_RETURN_IF_ERROR(InitBatch(bits.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(books.Init(batch, nullptr, tree));
  return Read<kStack>(where, batch, bits, end, symbols, ReadBook<kStack>{books});
}

template <template <bool> class ReadBook, typename Where>
ffi::Error HuffmanDecode(typename Where::Context context, StateIn state, AnyBuffer end, AnyBuffer tree,
                         Advanced results, Out symbols) {
  return ReadBooks<false, ReadBook>(Where{context}, {state, results}, &end, tree, symbols);
}

template <template <bool> class ReadBook, typename Where>
ffi::Error HuffmanPop(typename Where::Context context, StateIn state, AnyBuffer tree, Advanced results, Out symbols) {
  return ReadBooks<true, ReadBook>(Where{context}, {state, results}, nullptr, tree, symbols);
}

struct ReadGolomb {
  Golomb code;

  template <bool kStack, typename Symbol>
  JANS_HD void operator()(BitReader<kStack>& in, Symbol* out, int64_t n, int64_t) const {
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<Symbol>(code.Locate(in));
  }
};

template <typename Where>
ffi::Error GolombDecode(typename Where::Context context, StateIn state, AnyBuffer end, Advanced results, Out symbols,
                        int32_t order) {
  Batch batch;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(CheckOrder(order));
  return Read<false>(Where{context}, batch, {state, results}, &end, symbols, ReadGolomb{{order}});
}

template <typename Where>
ffi::Error GolombPop(typename Where::Context context, StateIn state, Advanced results, Out symbols, int32_t order) {
  Batch batch;
  JANS_RETURN_IF_ERROR(InitBatch(state.size.dimensions(), batch));
  JANS_RETURN_IF_ERROR(CheckOrder(order));
  return Read<true>(Where{context}, batch, {state, results}, nullptr, symbols, ReadGolomb{{order}});
}

// The handlers of all symbol codes.
#define JANS_SYMBOL_CODE_HANDLERS(Where, ReadBook)                  \
  JANS_HANDLER(huffman_codebook, HuffmanCodebook<Where>)            \
  JANS_HANDLER(huffman_encode, (WriteBooks<false, Where>))          \
  JANS_HANDLER(huffman_push, (WriteBooks<true, Where>))             \
  JANS_HANDLER(huffman_decode, (HuffmanDecode<ReadBook, Where>))    \
  JANS_HANDLER(huffman_pop, (HuffmanPop<ReadBook, Where>))          \
  JANS_HANDLER(golomb_encode, (WriteGolomb<false, Where>), "order") \
  JANS_HANDLER(golomb_push, (WriteGolomb<true, Where>), "order")    \
  JANS_HANDLER(golomb_decode, GolombDecode<Where>, "order")         \
  JANS_HANDLER(golomb_pop, GolombPop<Where>, "order")

}  // namespace jans

#endif  // JANS_FFI_SYMBOL_CODES_H_
