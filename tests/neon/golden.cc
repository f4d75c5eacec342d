// Golden messages through the loops of this machine: reads what run.py writes, a message in each line.
#include <iostream>
#include <sstream>
#include <string>

#include "../../csrc/cpu/loops/simd_dispatch.h"
#include "../fuzz/buffers.h"

namespace {

using namespace jans;

struct Message {
  std::string variant;
  int64_t lanes = 0;
  int precision = 0;
  std::vector<uint32_t> cdf;
  std::vector<int32_t> symbols;
  std::vector<uint64_t> words;
};

template <typename Number>
std::vector<Number> Read(std::istream& in) {
  size_t count = 0;
  in >> count;
  std::vector<Number> numbers(count);
  for (Number& number : numbers) {
    uint64_t value = 0;
    in >> value;
    number = static_cast<Number>(value);
  }
  return numbers;
}

// The words of a message are those of its tail and then those of its heads, the low ones first.
template <typename V>
void Check(const Message& message) {
  using Word = typename V::Word;
  const int64_t n = static_cast<int64_t>(message.symbols.size()), lanes = message.lanes;
  const int32_t index = 0;
  const int64_t width = static_cast<int64_t>(message.cdf.size()) - 1;
  constexpr int kBits = 6;
  std::vector<uint32_t> guide(message.precision <= kMaxGuidePrecision ? size_t{2} << kBits : 0);
  if (!guide.empty()) MakeGuide({message.cdf.data(), width, message.precision}, kBits, guide.data());
  const uint32_t* guides = guide.empty() ? nullptr : guide.data();
  const GuidedRows table{{message.cdf.data(), 1, width, &index, 0, message.precision}, guides, kBits, true};
  const TableSource source{table, PlainSymbols{}};

  Buffers<V> buffers{std::vector<uint32_t>(lanes * sizeof(typename V::State) / 4), std::vector<Word>(n + 2 * lanes), 0};
  for (int64_t lane = 0; lane < lanes; ++lane) {
    StoreHead<V>(buffers.heads.data(), lane, HasFloor<V>(lanes) ? 0 : V::kLower);
  }
  Stream<V> stream = buffers.Open(lanes);
  auto push = [&](int64_t begin, int64_t end) {
    auto find = [&](int64_t i) { return table.Find(begin + i, message.symbols[begin + i]); };
    PushAll<V, 0>(stream, find, end - begin, message.precision);
  };
  if (!PushSideBySide(stream, source, Symbols{message.symbols.data(), 4}, n, push)) push(0, n);
  std::vector<uint64_t> words(buffers.tail.begin(), buffers.tail.begin() + stream.tail.size);
  for (int64_t lane = 0; lane < lanes; ++lane) {
    typename V::State x = LoadHead<V>(buffers.heads.data(), lane);
    for (size_t k = 0; k < sizeof(x) / sizeof(Word) && !(HasFloor<V>(lanes) && x == 0); ++k) {
      words.push_back(static_cast<Word>(x));
      x = static_cast<typename V::State>(uint64_t{x} >> V::kWordBits);
    }
  }
  Require(stream.tail.status == 0 && words == message.words);

  std::vector<int32_t> symbols(n);
  auto pop = [&](int64_t begin, int64_t end) {
    auto locate = [&](int64_t i, uint32_t quantile) { return table.Locate(begin + i, quantile); };
    auto store = [&](int64_t i, int32_t symbol) { symbols[begin + i] = symbol; };
    PopAll<V, 0>(stream, locate, store, end - begin, message.precision);
  };
  if (guides == nullptr || !PopSideBySide(stream, source, SymbolsOut{symbols.data(), 4}, n, pop)) pop(0, n);
  Require(stream.tail.status == 0 && stream.tail.size == 0 && symbols == message.symbols);
}

}  // namespace

int main() {
  int64_t count = 0;
  for (std::string line; std::getline(std::cin, line); ++count) {
    std::istringstream in(line);
    Message message;
    in >> message.variant >> message.lanes >> message.precision;
    message.cdf = Read<uint32_t>(in);
    message.symbols = Read<int32_t>(in);
    message.words = Read<uint64_t>(in);
    if (message.variant == "rans64") Check<Rans64>(message);
    if (message.variant == "rans64_ryg") Check<Rans64Ryg>(message);
    if (message.variant == "rans32_16") Check<Rans32_16>(message);
  }
  std::cout << count << " golden messages, with " << jans::WidestName() << "\n";
  return count > 0 ? 0 : 1;
}
