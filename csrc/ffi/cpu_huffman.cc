// CPU handlers of symbol codes: codebooks of probabilities, and bits that are written to and read from words.
#include "../core/golomb.h"
#include "../core/huffman.h"
#include "cpu_call.h"

namespace jans {
namespace {

ffi::Error HuffmanCodebook(ffi::ThreadPool pool, AnyBuffer probs_in, Out codewords_out, Out tree_out) {
  return WithFloats(probs_in, [&](auto zero) {
    using Float = decltype(zero);
    Batch batch;
    Operand<const Float> probs;
    Operand<uint32_t> codewords;
    Operand<int32_t> tree;
    JANS_RETURN_IF_ERROR(CheckVector(probs_in));
    JANS_RETURN_IF_ERROR(batch.Init(probs_in.dimensions().first(probs_in.dimensions().size() - 1)));
    JANS_RETURN_IF_ERROR(probs.Init("probs", probs_in, DTypeOf<Float>(), batch, 1));
    JANS_RETURN_IF_ERROR(codewords.Init("codewords", *codewords_out, ffi::DataType::U32, batch, 2));
    JANS_RETURN_IF_ERROR(tree.Init("tree", *tree_out, ffi::DataType::S32, batch, 2));
    const int64_t n = probs.core[0];
    if (n < 1 || n > int64_t{1} << 29) return Invalid("a codebook has from 1 to 2^29 symbols");
    if (codewords.core[0] != n || codewords.core[1] != 2) return Invalid("codewords do not fit probs");
    if (tree.core[0] != 2 * n - 1 || tree.core[1] != 3) return Invalid("tree does not fit probs");
    ParallelFor(pool, batch.streams, StreamGrain(n, 16), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) TreeMaker<Float>{probs.At(b), n, codewords.At(b), tree.At(b)}.Run();
    });
    return ffi::Error::Success();
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
  Codebook At(int64_t b) const {
    return {codewords.data == nullptr ? nullptr : codewords.At(b), tree.At(b), (tree.core[0] + 1) / 2};
  }
};

ffi::Error CheckOrder(int32_t order) {
  return order < 0 || order > 30 ? Invalid("an order is from 0 to 30") : ffi::Error::Success();
}

// Writes the symbols of stream b with the code book_at(b), to a stack last one first.
template <bool kStack, typename BookAt>
ffi::Error Write(ffi::ThreadPool& pool, const Batch& batch, CoderBuffers bits, const AnyBuffer& symbols_in,
                 const BookAt& book_at) {
  bits.Keep();
  Operand<uint32_t> rest, words;
  Operand<int32_t> size, status;
  JANS_RETURN_IF_ERROR(rest.Init("rest", *bits.head_out, ffi::DataType::U32, batch, 0));
  JANS_RETURN_IF_ERROR(words.Init("words", bits.tail, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(size.Init("size", *bits.size_out, ffi::DataType::S32, batch, 0));
  JANS_RETURN_IF_ERROR(status.Init("status", *bits.status_out, ffi::DataType::S32, batch, 0));
  return WithSymbols(symbols_in.element_type(), [&](auto symbol) {
    using Symbol = decltype(symbol);
    Operand<const Symbol> symbols;
    JANS_RETURN_IF_ERROR(symbols.Init("symbols", symbols_in, DTypeOf<Symbol>(), batch, 1));
    const int64_t n = symbols.core[0];
    ParallelFor(pool, batch.streams, StreamGrain(n), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const auto book = book_at(b);
        const Symbol* in = symbols.At(b);
        BitWriter out{0, 0, OpenTail(words, size, b)};
        out.Open(*rest.At(b));
        for (int64_t i = 0; i < n; ++i) book.template Put<kStack>(out, in[kStack ? n - 1 - i : i]);
        *rest.At(b) = out.Rest();
        *status.At(b) |= CloseTail(out.tail, size, b);
      }
    });
    return ffi::Error::Success();
  });
}

// Reads symbols of stream b: body(reader, out, n, b) does. A queue has an end; a stack is as large as it is.
template <bool kStack, typename Body>
ffi::Error Read(ffi::ThreadPool& pool, const Batch& batch, CoderBuffers bits, const AnyBuffer* end_in, Out& symbols_out,
                const Body& body) {
  bits.Keep();
  Operand<uint32_t> rest;
  Operand<const uint32_t> words;
  Operand<int32_t> at, status;
  Operand<const int32_t> ends;
  JANS_RETURN_IF_ERROR(rest.Init("rest", *bits.head_out, ffi::DataType::U32, batch, 0));
  JANS_RETURN_IF_ERROR(words.Init("words", bits.tail, ffi::DataType::U32, batch, 1));
  JANS_RETURN_IF_ERROR(at.Init("position", *bits.size_out, ffi::DataType::S32, batch, 0));
  JANS_RETURN_IF_ERROR(status.Init("status", *bits.status_out, ffi::DataType::S32, batch, 0));
  if (end_in != nullptr) JANS_RETURN_IF_ERROR(ends.Init("end", *end_in, ffi::DataType::S32, batch, 0));
  return WithSymbols(symbols_out->element_type(), [&](auto symbol) {
    using Symbol = decltype(symbol);
    Operand<Symbol> symbols;
    JANS_RETURN_IF_ERROR(symbols.Init("symbols", *symbols_out, DTypeOf<Symbol>(), batch, 1));
    const int64_t n = symbols.core[0];
    ParallelFor(pool, batch.streams, StreamGrain(n), [&](int64_t begin, int64_t stop) {
      for (int64_t b = begin; b < stop; ++b) {
        BitReader<kStack> in{0, 0, words.At(b), words.core[0], *at.At(b), 0, *status.At(b)};
        in.end = end_in == nullptr ? std::max<int64_t>(in.at, 0) : *ends.At(b);
        if (in.at < 0 || in.at > in.end) in.status |= kBadState;
        in.end = std::max<int64_t>(in.end, 0);
        in.at = std::min(std::max<int64_t>(in.at, 0), in.end);
        in.Open(*rest.At(b));
        body(in, symbols.At(b), n, b);
        *rest.At(b) = in.Close();
        *at.At(b) = static_cast<int32_t>(in.at);
        *status.At(b) = in.status;
      }
    });
    return ffi::Error::Success();
  });
}

template <bool kStack, typename Symbol>
void ReadBook(const Codebook& book, BitReader<kStack>& in, Symbol* out, int64_t n) {
  if (n > 0 && !book.HasRoot()) {
    in.status |= kBadModel;
    std::fill(out, out + n, Symbol{0});
    return;
  }
  // A table is worth its making when it serves a few times as many symbols as it has entries.
  PathTable<kStack> table;
  int bits = 0;
  while (bits < table.kMaxBits && (int64_t{8} << bits) <= n && (int64_t{1} << bits) < 16 * book.n) ++bits;
  table.Build(book, bits);
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<Symbol>(table.Locate(in));
}

template <bool kStack>
ffi::Error WriteBooks(ffi::ThreadPool pool, AnyBuffer rest, AnyBuffer words, AnyBuffer size, AnyBuffer status,
                      AnyBuffer symbols, AnyBuffer codewords, AnyBuffer tree, Out rest_out, Out words_out, Out size_out,
                      Out status_out) {
  Batch batch;
  BookOperands books;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(books.Init(batch, &codewords, tree));
  KeepBuffer(words, words_out);
  return Write<kStack>(pool, batch, {rest, *words_out, size, status, rest_out, size_out, status_out}, symbols,
                       [&](int64_t b) { return books.At(b); });
}

template <bool kStack>
ffi::Error WriteGolomb(ffi::ThreadPool pool, AnyBuffer rest, AnyBuffer words, AnyBuffer size, AnyBuffer status,
                       AnyBuffer symbols, Out rest_out, Out words_out, Out size_out, Out status_out, int32_t order) {
  Batch batch;
  JANS_RETURN_IF_ERROR(batch.Init(size.dimensions()));
  JANS_RETURN_IF_ERROR(CheckOrder(order));
  KeepBuffer(words, words_out);
  return Write<kStack>(pool, batch, {rest, *words_out, size, status, rest_out, size_out, status_out}, symbols,
                       [&](int64_t) { return Golomb{order}; });
}

template <bool kStack>
ffi::Error ReadBooks(ffi::ThreadPool& pool, CoderBuffers bits, const AnyBuffer* end, const AnyBuffer& tree,
                     Out& symbols) {
  Batch batch;
  BookOperands books;
  JANS_RETURN_IF_ERROR(batch.Init(bits.size.dimensions()));
  JANS_RETURN_IF_ERROR(books.Init(batch, nullptr, tree));
  return Read<kStack>(pool, batch, bits, end, symbols,
                      [&](auto& in, auto* out, int64_t n, int64_t b) { ReadBook<kStack>(books.At(b), in, out, n); });
}

template <bool kStack>
ffi::Error ReadGolomb(ffi::ThreadPool& pool, CoderBuffers bits, const AnyBuffer* end, Out& symbols, int32_t order) {
  Batch batch;
  JANS_RETURN_IF_ERROR(batch.Init(bits.size.dimensions()));
  JANS_RETURN_IF_ERROR(CheckOrder(order));
  return Read<kStack>(pool, batch, bits, end, symbols, [&](auto& in, auto* out, int64_t n, int64_t) {
    using Symbol = std::decay_t<decltype(*out)>;
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<Symbol>(Golomb{order}.Locate(in));
  });
}

ffi::Error HuffmanDecode(ffi::ThreadPool pool, AnyBuffer rest, AnyBuffer words, AnyBuffer position, AnyBuffer status,
                         AnyBuffer end, AnyBuffer tree, Out rest_out, Out position_out, Out status_out, Out symbols) {
  return ReadBooks<false>(pool, {rest, words, position, status, rest_out, position_out, status_out}, &end, tree,
                          symbols);
}

ffi::Error HuffmanPop(ffi::ThreadPool pool, AnyBuffer rest, AnyBuffer words, AnyBuffer size, AnyBuffer status,
                      AnyBuffer tree, Out rest_out, Out size_out, Out status_out, Out symbols) {
  return ReadBooks<true>(pool, {rest, words, size, status, rest_out, size_out, status_out}, nullptr, tree, symbols);
}

ffi::Error GolombDecode(ffi::ThreadPool pool, AnyBuffer rest, AnyBuffer words, AnyBuffer position, AnyBuffer status,
                        AnyBuffer end, Out rest_out, Out position_out, Out status_out, Out symbols, int32_t order) {
  return ReadGolomb<false>(pool, {rest, words, position, status, rest_out, position_out, status_out}, &end, symbols,
                           order);
}

ffi::Error GolombPop(ffi::ThreadPool pool, AnyBuffer rest, AnyBuffer words, AnyBuffer size, AnyBuffer status,
                     Out rest_out, Out size_out, Out status_out, Out symbols, int32_t order) {
  return ReadGolomb<true>(pool, {rest, words, size, status, rest_out, size_out, status_out}, nullptr, symbols, order);
}

}  // namespace

JANS_HANDLER(huffman_codebook, HuffmanCodebook, BIND ARG(probs) RET(codewords) RET(tree))
JANS_HANDLER(huffman_encode, WriteBooks<false>, BIND STATE ARG(symbols) ARG(codewords) ARG(tree) PUSHED)
JANS_HANDLER(huffman_push, WriteBooks<true>, BIND STATE ARG(symbols) ARG(codewords) ARG(tree) PUSHED)
JANS_HANDLER(huffman_decode, HuffmanDecode, BIND STATE ARG(end) ARG(tree) ADVANCED RET(symbols))
JANS_HANDLER(huffman_pop, HuffmanPop, BIND STATE ARG(tree) ADVANCED RET(symbols))
JANS_HANDLER(golomb_encode, WriteGolomb<false>, BIND STATE ARG(symbols) PUSHED ATTR(order))
JANS_HANDLER(golomb_push, WriteGolomb<true>, BIND STATE ARG(symbols) PUSHED ATTR(order))
JANS_HANDLER(golomb_decode, GolombDecode, BIND STATE ARG(end) ADVANCED RET(symbols) ATTR(order))
JANS_HANDLER(golomb_pop, GolombPop, BIND STATE ADVANCED RET(symbols) ATTR(order))

}  // namespace jans
