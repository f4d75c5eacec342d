// CPU handlers of symbol codes.
#include "../symbol_codes.h"

#include "call.h"

namespace jans {
namespace {

template <bool kStack>
struct ReadBook {
  BookOperands books;

  template <typename Symbol>
  void operator()(BitReader<kStack>& in, Symbol* out, int64_t n, int64_t b) const {
    const Codebook book = books.At(b);
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
};

}  // namespace

JANS_SYMBOL_CODE_HANDLERS(OnCpu, ReadBook)

}  // namespace jans
