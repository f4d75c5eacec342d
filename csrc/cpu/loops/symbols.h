// Symbols in the caller's type, of one byte, two or four. Loops see int32 alone: narrow symbols are widened, or results
// narrowed, in blocks that stay in the first cache.
#ifndef JANS_CPU_LOOPS_SYMBOLS_H_
#define JANS_CPU_LOOPS_SYMBOLS_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "../simd/wide.h"
#include "function_ref.h"

namespace jans {

// The symbols of one stream: uint8, uint16 or int32, told apart by their width in bytes.
template <typename Void>
struct SymbolArray {
  Void* data;
  int width;

  bool Wide() const { return width == 4; }
  // Calls body(pointer) with a pointer of the symbols' type.
  template <typename Body>
  auto WithType(const Body& body) const {
    constexpr bool kConst = std::is_const_v<Void>;
    if (width == 1) return body(static_cast<std::conditional_t<kConst, const uint8_t, uint8_t>*>(data));
    if (width == 2) return body(static_cast<std::conditional_t<kConst, const uint16_t, uint16_t>*>(data));
    return body(static_cast<std::conditional_t<kConst, const int32_t, int32_t>*>(data));
  }
};
using Symbols = SymbolArray<const void>;
using SymbolsOut = SymbolArray<void>;

// Those of a model that does not read them.
inline constexpr Symbols kNoSymbols{nullptr, 4};

// Numbers of one type in another, with what registers there are; those that it does not hold lose their high bits.
template <typename From, typename To>
JANS_HD void Convert(const From* from, int64_t n, To* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<To>(from[i]);
}
template <typename From, typename To>
JANS_WIDE void ConvertWide(const From* from, int64_t n, To* to) {
  Convert(from, n, to);
}

// Symbols begin, ..., end - 1 as int32, and the inverse.
inline void Widen(const Symbols& symbols, int64_t begin, int64_t end, int32_t* wide) {
  symbols.WithType([=](const auto* from) {
    HasWide() ? ConvertWide(from + begin, end - begin, wide) : Convert(from + begin, end - begin, wide);
  });
}
inline void Narrow(const int32_t* wide, int64_t begin, int64_t end, const SymbolsOut& symbols) {
  symbols.WithType([=](auto* to) {
    HasWide() ? ConvertWide(wide, end - begin, to + begin) : Convert(wide, end - begin, to + begin);
  });
}

constexpr int64_t kBlock = 1024;

// A block of whole turns of the lanes.
class SymbolBlock {
 public:
  explicit SymbolBlock(int64_t lanes) : size_(lanes > kBlock ? lanes : kBlock / lanes * lanes) {
    if (size_ > kBlock) many_.resize(static_cast<size_t>(size_));
  }
  int64_t size() const { return size_; }
  int32_t* data() { return size_ > kBlock ? many_.data() : few_.data(); }

 private:
  int64_t size_;
  std::array<int32_t, kBlock> few_;
  std::vector<int32_t> many_;  // for more lanes than a block has symbols
};

// Calls push(symbols, first, last) for blocks of symbols begin, ..., end - 1, the last block first; `begin` is a
// multiple of the lanes, as every `first` is, and symbols[0] is symbol `first`.
template <typename Push>
void ForBlocksBackward(const Symbols& all, int64_t begin, int64_t end, int64_t lanes, const Push& push) {
  if (all.data == nullptr) return push(static_cast<const int32_t*>(nullptr), begin, end);
  if (all.Wide()) return push(static_cast<const int32_t*>(all.data) + begin, begin, end);
  SymbolBlock block(lanes);
  for (int64_t last = end; last > begin;) {
    const int64_t first = begin + (last - begin - 1) / block.size() * block.size();
    Widen(all, first, last, block.data());
    push(static_cast<const int32_t*>(block.data()), first, last);
    last = first;
  }
}

// Calls pop(symbols, first, last) for blocks of symbols begin, ..., end - 1, the first block first.
template <typename Pop>
void ForBlocksForward(const SymbolsOut& all, int64_t begin, int64_t end, int64_t lanes, const Pop& pop) {
  if (all.Wide()) return pop(static_cast<int32_t*>(all.data) + begin, begin, end);
  SymbolBlock block(lanes);
  for (int64_t first = begin; first < end;) {
    const int64_t last = std::min(end, first + block.size());
    pop(block.data(), first, last);
    Narrow(block.data(), first, last, all);
    first = last;
  }
}

}  // namespace jans

#endif  // JANS_CPU_LOOPS_SYMBOLS_H_
