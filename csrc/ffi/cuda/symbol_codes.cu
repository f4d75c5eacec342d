// CUDA handlers of symbol codes and table ANS: a thread for each stream.
#include "../symbol_codes.h"
#include "../tans.h"
#include "call.h"

namespace jans {
namespace {

// Bit by bit: a table of paths would have no room.
template <bool kStack>
struct ReadBook {
  BookOperands books;

  template <typename Symbol>
  JANS_HD void operator()(BitReader<kStack>& in, Symbol* out, int64_t n, int64_t b) const {
    const Codebook book = books.At(b);
    const bool has_root = n == 0 || book.HasRoot();
    if (!has_root) in.status |= kBadModel;
    const int32_t root = static_cast<int32_t>(book.Root());
    for (int64_t i = 0; i < n; ++i) out[i] = has_root ? static_cast<Symbol>(book.Locate(in, root, 0)) : Symbol{0};
  }
};

template <typename Symbol>
struct PushJob {
  TansCall<Symbol> call;

  JANS_HD void operator()(int64_t b) const {
    BitWriter out = call.coders.OpenWriter(b, call.tables.precision);
    call.has_offsets() ? Push(b, call.tables.template Encoder<true>(b), out)
                       : Push(b, call.tables.template Encoder<false>(b), out);
    call.coders.Close(b, out);
  }
  template <typename Tables>
  JANS_HD void Push(int64_t b, const Tables& tables, BitWriter& out) const {
    uint32_t* heads = call.coders.heads.At(b);
    const int32_t* index = call.tables.index.At(b);
    const Symbol* symbols = call.symbols.At(b);
    for (int64_t i = call.n(); i-- > 0;) {
      PushTans(tables, heads[i % call.lanes()], symbols[i], index[i * call.tables.stride()], out);
    }
  }
};

template <typename Symbol>
struct PopJob {
  TansCall<Symbol> call;

  JANS_HD void operator()(int64_t b) const {
    BitReader<true> in = call.coders.OpenReader(b, call.tables.precision);
    call.has_offsets() ? Pop(b, call.tables.template Decoder<true>(b), in)
                       : Pop(b, call.tables.template Decoder<false>(b), in);
    call.coders.Close(b, in);
  }
  template <typename Tables>
  JANS_HD void Pop(int64_t b, const Tables& tables, BitReader<true>& in) const {
    uint32_t* heads = call.coders.heads.At(b);
    const int32_t* index = call.tables.index.At(b);
    Symbol* symbols = call.symbols.At(b);
    for (int64_t i = 0; i < call.n(); ++i) {
      symbols[i] = static_cast<Symbol>(PopTans(tables, heads[i % call.lanes()], index[i * call.tables.stride()], in));
    }
  }
};

}  // namespace

JANS_SYMBOL_CODE_HANDLERS(OnDevice, ReadBook)
JANS_TANS_HANDLERS(OnDevice, PushJob, PopJob)

}  // namespace jans
