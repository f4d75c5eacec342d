// Huffman codes. Of all nodes that have no parent, the two least likely get one, until a single one is left, the root:
// leaves are nodes 0 ... n - 1, parents n, n + 1, ... in the order in which they are made, and of equally likely nodes
// the one with the smaller number comes first. A code word is the path from the root to a leaf, 0 for the first child.
//
//   row of node i in the tree:  2 parent + which child i is (0 at the root);  its two children (-1 at a leaf)
//   codewords of leaf i:        its bits, the first one lowest (0 where they are more than 32);  how many they are
//
// A parent is a sum, rounded to the probabilities' own type. Sums never fall, so parents are made in rising order, and
// the least likely node is that of the leaves or the oldest parent. (Huffman 1952; constriction's trees.)
#ifndef JANS_CORE_CODERS_HUFFMAN_H_
#define JANS_CORE_CODERS_HUFFMAN_H_

#include <cstring>

#include "bits.h"

namespace jans {

// Floats without a sign as integers of the same order: IEEE bits, kMantissa of them below the exponent.
template <typename Float>
struct FloatBits {
  static constexpr int kMantissa = sizeof(Float) == 4 ? 23 : 52;
  static constexpr uint64_t kInfinity = sizeof(Float) == 4 ? 0x7F800000u : 0x7FF0000000000000u;
  static constexpr uint64_t kSign = sizeof(Float) == 4 ? 0x80000000u : 0x8000000000000000u;

  static JANS_HD uint64_t Of(Float value) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(Float));
    return bits == kSign ? 0 : bits;  // minus zero is zero
  }

  // a + b, rounded to nearest, ties to even. In integers, because machines differ in what they make of subnormals.
  static JANS_HD uint64_t Sum(uint64_t a, uint64_t b) {
    const uint64_t large = a > b ? a : b, small = a > b ? b : a;
    const int exponent = Exponent(large), shift = exponent - Exponent(small);
    // Three more bits: a half, a quarter, and whether anything lies below them.
    uint64_t addend = Significand(small) << 3;
    addend = shift > 60 ? addend != 0 : addend >> shift | ((addend & BitMask(shift)) != 0);
    uint64_t sum = (Significand(large) << 3) + addend;
    uint64_t base = static_cast<uint64_t>(exponent - 1) << kMantissa;
    if (sum >> (kMantissa + 4) != 0) {
      sum = sum >> 1 | (sum & 1);
      base += uint64_t{1} << kMantissa;
    }
    const uint64_t rest = sum & 7, even = sum >> 3;
    // A significand carries its leading one into the exponent, and so does one that rounding lengthens.
    const uint64_t bits = base + even + (rest > 4 || (rest == 4 && (even & 1) != 0));
    return bits < kInfinity ? bits : kInfinity;
  }

 private:
  static JANS_HD int Exponent(uint64_t bits) {
    const int exponent = static_cast<int>(bits >> kMantissa);
    return exponent > 0 ? exponent : 1;
  }
  static JANS_HD uint64_t Significand(uint64_t bits) {
    const uint64_t fraction = bits & BitMask(kMantissa);
    return bits >> kMantissa != 0 ? fraction | uint64_t{1} << kMantissa : fraction;
  }
};

// Makes the tree and code words of n probabilities. What is none leaves a tree of -1 and code words that point to it,
// which every coder refuses.
template <typename Float>
struct TreeMaker {
  using Bits = FloatBits<Float>;

  const Float* probs;
  int64_t n;
  uint32_t* codewords;
  int32_t* tree;

  JANS_FUNCTION void Run() const {
    for (int64_t i = 0; i < n; ++i) {
      if (Bits::Of(probs[i]) >= Bits::kInfinity) return Refuse();
    }
    Join();
    Number();
  }

 private:
  JANS_FUNCTION void Refuse() const {
    for (int64_t i = 0; i < 3 * (2 * n - 1); ++i) tree[i] = -1;
    for (int64_t i = 0; i < n; ++i) {
      codewords[2 * i] = 0;
      codewords[2 * i + 1] = 0xFFFFFFFFu;
    }
  }

  // Until they get their -1, the children of leaf k are room for two halves of a number of the parent n + k.
  JANS_HD void Note(int64_t k, uint64_t number) const {
    tree[3 * k + 1] = static_cast<int32_t>(static_cast<uint32_t>(number));
    tree[3 * k + 2] = static_cast<int32_t>(static_cast<uint32_t>(number >> 32));
  }
  JANS_HD uint64_t Noted(int64_t k) const {
    return static_cast<uint32_t>(tree[3 * k + 1]) | uint64_t{static_cast<uint32_t>(tree[3 * k + 2])} << 32;
  }

  JANS_HD bool Before(uint32_t a, uint32_t b) const {
    const uint64_t x = Bits::Of(probs[a]), y = Bits::Of(probs[b]);
    return x < y || (x == y && a < b);
  }
  // Lets the leaf at place i of the heap sink to where it belongs.
  JANS_HD void Sink(uint32_t* heap, int64_t i, int64_t size) const {
    const uint32_t leaf = heap[i];
    for (int64_t child; (child = 2 * i + 1) < size; i = child) {
      if (child + 1 < size && Before(heap[child + 1], heap[child])) ++child;
      if (!Before(heap[child], leaf)) break;
      heap[i] = heap[child];
    }
    heap[i] = leaf;
  }

  JANS_FUNCTION void Join() const {
    uint32_t* heap = codewords;  // of leaves without a parent; the code words come later
    int64_t leaves = n, oldest = 0;
    for (int64_t i = 0; i < n; ++i) heap[i] = static_cast<uint32_t>(i);
    for (int64_t i = n / 2; i-- > 0;) Sink(heap, i, n);
    for (int64_t k = 0; k < n - 1; ++k) {
      uint64_t sum = 0;
      for (int bit = 0; bit < 2; ++bit) {
        // On a tie the leaf is first: its number is smaller.
        const bool leaf = leaves > 0 && (oldest == k || Bits::Of(probs[heap[0]]) <= Noted(oldest));
        const int64_t node = leaf ? heap[0] : n + oldest;
        sum = Bits::Sum(sum, leaf ? Bits::Of(probs[node]) : Noted(oldest));
        if (leaf) {
          heap[0] = heap[--leaves];
          Sink(heap, 0, leaves);
        } else {
          ++oldest;
        }
        tree[3 * node] = static_cast<int32_t>(2 * (n + k) + bit);
        tree[3 * (n + k) + 1 + bit] = static_cast<int32_t>(node);
      }
      Note(k, sum);
    }
    tree[3 * (2 * n - 2)] = 0;
  }

  // Code and length of a child of the parent n + k, whose own are noted.
  JANS_HD uint64_t Extend(int32_t link) const {
    const uint64_t above = Noted((link >> 1) - n), length = above >> 32;
    const uint64_t code = length < 32 ? (above & BitMask(32)) | static_cast<uint64_t>(link & 1) << length : 0;
    return code | (length + 1) << 32;
  }

  JANS_FUNCTION void Number() const {
    if (n > 1) Note(n - 2, 0);
    for (int64_t k = n - 3; k >= 0; --k) Note(k, Extend(tree[3 * (n + k)]));
    for (int64_t i = 0; i < n; ++i) {
      const uint64_t code = n > 1 ? Extend(tree[3 * i]) : 0;
      codewords[2 * i] = static_cast<uint32_t>(code);
      codewords[2 * i + 1] = static_cast<uint32_t>(code >> 32);
    }
    for (int64_t i = 0; i < n; ++i) Note(i, ~uint64_t{0});
  }
};

// A codebook as it was given, which may be damaged: every link is looked at before it is followed. Links to a parent
// rise and links to a child fall, so each path ends.
struct Codebook {
  const uint32_t* codewords;
  const int32_t* tree;
  int64_t n;

  JANS_HD int64_t Root() const { return 2 * n - 2; }
  JANS_HD bool HasRoot() const { return tree[3 * Root()] == 0; }

  // The child of an inner node, or -1.
  JANS_HD int32_t Child(int32_t node, int bit) const {
    const int32_t child = tree[3 * int64_t{node} + 1 + bit];
    return child < node ? child : -1;
  }

  // Edges from a leaf to the root, or -1.
  JANS_HD int64_t Depth(int64_t leaf) const {
    int64_t depth = 0;
    for (int64_t node = leaf, parent; node != Root(); node = parent, ++depth) {
      parent = tree[3 * node] >> 1;
      if (parent < n || parent <= node || parent > Root()) return -1;
    }
    return HasRoot() ? depth : -1;
  }

  template <bool kStack>
  JANS_HD void Put(BitWriter& out, int64_t symbol) const {
    if (symbol < 0 || symbol >= n) {
      out.tail.status |= kBadSymbol;
      return;
    }
    const uint32_t code = codewords[2 * symbol], length = codewords[2 * symbol + 1];
    if (length > 32) return PutPath<kStack>(out, symbol);
    const int bits = static_cast<int>(length);
    out.Append(kStack ? ReverseBits(code, bits) : code & BitMask(bits), bits);
  }

  // A code word of any length, from its last bit to its first.
  template <bool kStack>
  JANS_SELDOM void PutPath(BitWriter& out, int64_t symbol) const {
    const int64_t depth = Depth(symbol);
    if (depth < 0) {
      out.tail.status |= kBadModel;
      return;
    }
    const int64_t end = out.count + depth, words = out.tail.size;
    uint64_t last = 0, word = 0;
    const auto store = [&](int64_t at) {
      if (at == end / 32) {
        last = word;
      } else if (words + at < out.tail.capacity) {
        out.tail.words[words + at] = static_cast<uint32_t>(word);
      }
      word = 0;
    };
    int64_t place = end;
    for (int64_t node = symbol; node != Root(); node = tree[3 * node] >> 1) {
      const uint64_t bit = tree[3 * node] & 1;
      if (kStack) {
        out.Append(bit, 1);
        continue;
      }
      if (place % 32 == 0) store(place / 32);
      --place;
      word |= bit << place % 32;
    }
    if (kStack) return;
    word |= out.held;
    store(0);
    out.held = last;
    out.count = static_cast<int>(end % 32);
    out.tail.size += end / 32;
  }

  // The leaf that the next bits lead to, from the node that the first `length` of them lead to, which is -1 where a
  // link is broken.
  template <bool kStack>
  JANS_HD int32_t Locate(BitReader<kStack>& in, int32_t node, int length) const {
    const BitReader<kStack> before = in;
    if (node < 0) {
      node = static_cast<int32_t>(Root());
    } else {
      in.Take(length);
    }
    while (node >= n) node = Child(node, in.Bit());
    if (node >= 0) return node;
    in.Return(before);
    in.status |= kBadModel;
    return 0;
  }
};

// Where each string of `bits` bits leads from the root: to a leaf, and how many bits that takes, or to an inner node. A
// broken link leads to -1.
template <bool kStack>
struct PathTable {
  static constexpr int kMaxBits = 11;
  struct Path {
    int32_t node, length;
  };

  Codebook book;
  int bits;
  Path paths[1 << kMaxBits];

  JANS_HD void Extend(Path path, Path* children, int64_t distance) const {
    for (int bit = 0; bit < 2; ++bit) {
      const bool inner = path.node >= book.n;
      children[bit * distance] = inner ? Path{book.Child(path.node, bit), path.length + 1} : path;
    }
  }
  JANS_HD void Build(const Codebook& of, int for_bits) {
    book = of;
    bits = for_bits;
    paths[0] = {static_cast<int32_t>(book.Root()), 0};
    for (int64_t size = 1; size < int64_t{1} << bits; size *= 2) {
      for (int64_t p = size - 1; p >= 0; --p) {
        const Path path = paths[p];
        kStack ? Extend(path, paths + 2 * p, 1) : Extend(path, paths + p, size);
      }
    }
  }

  JANS_HD int32_t Locate(BitReader<kStack>& in) const {
    in.Refill();
    const Path path = paths[in.Peek(bits)];
    if (static_cast<uint32_t>(path.node) >= static_cast<uint64_t>(book.n))
      return book.Locate(in, path.node, path.length);
    in.Take(path.length);
    return path.node;
  }
};

}  // namespace jans

#endif  // JANS_CORE_CODERS_HUFFMAN_H_
