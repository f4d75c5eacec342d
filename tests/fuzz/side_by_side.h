// Loops over heads side by side against the plain ones: lanes of one stream, and several streams.
#ifndef JANS_TESTS_FUZZ_SIDE_BY_SIDE_H_
#define JANS_TESTS_FUZZ_SIDE_BY_SIDE_H_

#include "../../csrc/cpu/loops/row_loops.h"
#include "buffers.h"

namespace jans {

template <typename V>
Buffers<V> AnyState(Input& in, int64_t lanes, int64_t n) {
  Buffers<V> start;
  start.heads.resize(lanes * sizeof(typename V::State) / 4);
  for (int64_t lane = 0; lane < lanes; ++lane) {
    const auto x = in.Take<typename V::State>();
    const bool any = in.Take<uint8_t>() % 64 == 63;
    StoreHead<V>(start.heads.data(), lane, any ? x : V::kLower | (x & ((V::kLower << (V::kWordBits - 1)) - 1)));
  }
  const int64_t room = in.Take<uint8_t>() % 4 == 0 ? in.Take<uint8_t>() : n + lanes;
  start.tail = in.Fill<typename V::Word>(room);
  start.size = in.Take<uint8_t>() % 4 == 0 ? in.Take<int8_t>() : room / (1 + in.Take<uint8_t>() % 3);
  return start;
}

// The loops of one row where there are such; false where not.
template <typename V, typename Push>
bool PushInRegisters([[maybe_unused]] Stream<V>& stream, [[maybe_unused]] const Row& row,
                     [[maybe_unused]] const Symbols& symbols, [[maybe_unused]] int64_t n,
                     [[maybe_unused]] const Push& push) {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<V, Rans32_16>) {
    return OneRowServes(stream, row) && FitsPrecision<V>(row.precision) && PushOneRow(stream, row, symbols, n, push);
  }
#endif
  return false;
}
template <typename V, typename Pop>
bool PopInRegisters([[maybe_unused]] bool slots, [[maybe_unused]] Stream<V>& stream, [[maybe_unused]] const Row& row,
                    [[maybe_unused]] const SymbolsOut& symbols, [[maybe_unused]] int64_t n,
                    [[maybe_unused]] const Pop& pop) {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<V, Rans32_16>) {
    if (!OneRowServes(stream, row)) return false;
    return slots ? PopOneRow<avx512::Slots>(stream, row, symbols, n, pop)
                 : FitsPrecision<V>(row.precision) && PopOneRow<avx512::SymbolBytes>(stream, row, symbols, n, pop);
  }
#endif
  return false;
}

template <typename V, typename Symbol>
void RunSideBySide(Input in) {
  constexpr int64_t kLaneCounts[] = {1, 2, 4, 8, 24, 32, 64}, kStreamCounts[] = {8, 16, 32};
  const int least = kMinEight<V> - 1, precision = least + in.Take<uint8_t>() % (kMaxEight<V> - least + 1);
  const int64_t lanes = kLaneCounts[in.Take<uint8_t>() % 7], n = in.Take<uint16_t>() % 400;
  const int64_t rows = 1 + in.Take<uint8_t>() % 4, width = 1 + in.Take<uint8_t>() % 40, stride = in.Take<uint8_t>() % 2;
  std::vector<uint32_t> cdf;
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<float> weights(width, 1.0f);
    for (float& weight : weights) weight += in.Take<uint8_t>();
    std::vector<uint32_t> more(width + 1);
    QuantizeProbs<float>(weights.data(), nullptr, width, precision, more.data());
    cdf.insert(cdf.end(), more.begin(), more.end());
  }
  const int bits = std::min(precision, 4 + in.Take<uint8_t>() % 6);
  std::vector<uint32_t> guides;
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<uint32_t> more(size_t{2} << bits);
    MakeGuide({cdf.data() + row * (width + 1), width, precision}, bits, more.data());
    guides.insert(guides.end(), more.begin(), more.end());
  }

  struct One {
    std::vector<int32_t> index;
    std::vector<Symbol> symbols;
    GuidedRows table;
    Buffers<V> start, plain, fast;
  };
  auto make = [&](int64_t own_lanes) {
    One one;
    one.index.resize(stride == 0 ? 1 : n);
    for (int32_t& index : one.index) index = in.Take<uint8_t>() % rows;
    one.symbols.resize(n);
    for (Symbol& symbol : one.symbols) symbol = in.Take<uint8_t>() % width;
    if (n > 0 && in.Take<uint8_t>() % 4 == 0) one.symbols[in.Take<uint16_t>() % n] = in.Take<Symbol>();
    if (!one.index.empty() && in.Take<uint8_t>() % 8 == 0) one.index[in.Take<uint16_t>() % one.index.size()] = rows;
    one.start = AnyState<V>(in, own_lanes, n);
    one.plain = one.fast = one.start;
    return one;
  };
  auto bind = [&](One& one) {
    one.table = {{cdf.data(), rows, width, one.index.data(), stride, precision}, guides.data(), bits, true};
  };
  auto push_some = [&](Stream<V>& stream, const One& one, int64_t begin, int64_t end) {
    auto find = [&](int64_t i) { return one.table.Find(begin + i, one.symbols[begin + i]); };
    PushAll<V, 0>(stream, find, end - begin, precision);
  };
  auto pop_some = [&](Stream<V>& stream, const One& one, std::vector<Symbol>& out, int64_t begin, int64_t end) {
    auto locate = [&](int64_t i, uint32_t quantile) { return one.table.Locate(begin + i, quantile); };
    auto store = [&](int64_t i, int32_t symbol) { out[begin + i] = static_cast<Symbol>(symbol); };
    PopAll<V, 0>(stream, locate, store, end - begin, precision);
  };
  auto open = [](Buffers<V>& buffers, int64_t own_lanes) {
    Stream<V> stream = buffers.Open(own_lanes);
    CheckState(stream);
    return stream;
  };

  // One stream.
  One one = make(lanes);
  bind(one);
  const bool one_row = stride == 0 && one.table.rows.Valid(0);
  const Symbols in_symbols{one.symbols.data(), sizeof(Symbol)};
  for (int way = 0; way < 3; ++way) {
    one.plain = one.fast = one.start;
    Stream<V> a = open(one.plain, lanes), b = open(one.fast, lanes);
    auto push = [&](int64_t begin, int64_t end) { push_some(b, one, begin, end); };
    push_some(a, one, 0, n);
    bool done = true;
    if (way == 0) done = PushSideBySide(b, TableSource{one.table, PlainSymbols{}}, in_symbols, n, push);
    if (way == 1) done = one_row && PushInRegisters(b, one.table.rows.At(0), in_symbols, n, push);
    if (way == 2) PushRows(b, one.table, in_symbols, n);
    Require(!done || Same(a, one.plain, b, one.fast));
  }
  for (int way = 0; way < 5; ++way) {
    std::vector<Symbol> expected(n), found(n);
    const SymbolsOut out{found.data(), sizeof(Symbol)};
    one.plain = one.fast = one.start;
    Stream<V> a = open(one.plain, lanes), b = open(one.fast, lanes);
    auto pop = [&](int64_t begin, int64_t end) { pop_some(b, one, found, begin, end); };
    pop_some(a, one, expected, 0, n);
    GuidedRows table = one.table;
    if (way == 4) table.guides = nullptr;
    bool done = true;
    if (way == 0) done = PopSideBySide(b, TableSource{table, PlainSymbols{}}, out, n, pop);
    if (way == 1 || way == 2) done = one_row && PopInRegisters(way == 1, b, table.rows.At(0), out, n, pop);
    if (way > 2) PopRows(b, table, out, n);
    Require(!done || (Same(a, one.plain, b, one.fast) && found == expected));
  }

  // Several streams.
  const int count = static_cast<int>(kStreamCounts[in.Take<uint8_t>() % 3]);
  const int64_t own_lanes = 1 + in.Take<uint8_t>() % 3;
  std::vector<One> many;
  for (int s = 0; s < count; ++s) many.push_back(make(own_lanes));
  for (One& each : many) bind(each);
  std::vector<GuidedRows> tables;
  for (const One& each : many) tables.push_back(each.table);
  auto open_all = [&](Buffers<V> One::* buffers) {
    std::vector<Stream<V>> streams;
    for (One& each : many) streams.push_back(open(each.*buffers, own_lanes));
    return streams;
  };
  auto same = [&](const std::vector<Stream<V>>& a, const std::vector<Stream<V>>& b) {
    for (int s = 0; s < count; ++s) Require(Same(a[s], many[s].plain, b[s], many[s].fast));
  };
  {
    std::vector<Stream<V>> a = open_all(&One::plain), b = open_all(&One::fast);
    std::vector<Symbols> symbols;
    for (const One& each : many) symbols.push_back({each.symbols.data(), sizeof(Symbol)});
    for (int s = 0; s < count; ++s) push_some(a[s], many[s], 0, n);
    auto push = [&](int s, int64_t begin, int64_t end) { push_some(b[s], many[s], begin, end); };
    if (PushTogether(b.data(), tables.data(), count, PlainSymbols{}, symbols.data(), n, push)) same(a, b);
  }
  for (One& each : many) each.plain = each.fast = each.start;
  std::vector<Stream<V>> a = open_all(&One::plain), b = open_all(&One::fast);
  std::vector<std::vector<Symbol>> expected(count, std::vector<Symbol>(n)), found = expected;
  std::vector<SymbolsOut> symbols;
  for (std::vector<Symbol>& each : found) symbols.push_back({each.data(), sizeof(Symbol)});
  for (int s = 0; s < count; ++s) pop_some(a[s], many[s], expected[s], 0, n);
  auto pop = [&](int s, int64_t begin, int64_t end) { pop_some(b[s], many[s], found[s], begin, end); };
  if (PopTogether(b.data(), tables.data(), count, PlainSymbols{}, symbols.data(), n, pop)) {
    same(a, b);
    Require(found == expected);
  }
}

}  // namespace jans

#endif  // JANS_TESTS_FUZZ_SIDE_BY_SIDE_H_
