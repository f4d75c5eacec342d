// Numbers of a few bits each, packed one behind the other.
#ifndef JANS_CPU_LOOPS_PACKED_BITS_H_
#define JANS_CPU_LOOPS_PACKED_BITS_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace jans {

// So many words at once, which stay in the nearest cache, in loops that compilers turn into registers: those of the
// function that they become a part of.
constexpr int64_t kWordsAtOnce = 1024;
#define JANS_LOOPS inline __attribute__((always_inline))

template <typename Body>
void InChunks(int64_t n, const Body& body) {
  for (int64_t i = 0; i < n; i += kWordsAtOnce) body(i, std::min(kWordsAtOnce, n - i));
}

// Numbers of up to 31 bits, one behind the other, the lowest bits first. They go eight at a time, which are whole
// bytes. Of those of up to 8 bits, neighbours become pairs, pairs fours, and fours the eight; those of up to 28 bits go
// in pairs.
constexpr uint64_t kPairs = 0x0001000100010001, kFours = 0x0000000100000001;

constexpr uint64_t Ones(int bits) { return (uint64_t{1} << bits) - 1; }

// Where the pairs of eight numbers begin: in bytes, and in bits of that byte.
struct PairPlaces {
  int byte[4], bit[4];

  explicit PairPlaces(int bits) {
    for (int k = 0; k < 4; ++k) {
      byte[k] = 2 * k * bits / 8;
      bit[k] = 2 * k * bits % 8;
    }
  }
};
constexpr int kMostInPairs = 28;

class Packer {
 public:
  Packer(uint8_t* out, int64_t size, int bits) : out_(out), end_(out + size), bits_(bits) {}

  template <typename Number>
  JANS_LOOPS void Put(const Number* numbers, int64_t n) {
    int64_t i = 0;
    if (bits_ <= 8) {
      for (; i < n && filled_ != 0; ++i) PutOne(numbers[i]);
      uint8_t narrow[kWordsAtOnce];
      uint64_t eights[kWordsAtOnce / 8];
      const int64_t count = std::min<int64_t>((n - i) / 8, end_ - out_ < 8 ? 0 : (end_ - out_ - 8) / bits_ + 1);
      for (int64_t k = 0; k < 8 * count; ++k) narrow[k] = static_cast<uint8_t>(numbers[i + k]);
      std::memcpy(eights, narrow, 8 * count);
      const int bits = bits_;
      for (int64_t k = 0; k < count; ++k) {
        uint64_t eight = eights[k];
        eight = (eight & 255 * kPairs) | (eight >> 8 & 255 * kPairs) << bits;
        eight = (eight & 65535 * kFours) | (eight >> 16 & 65535 * kFours) << (2 * bits);
        eights[k] = (eight & Ones(32)) | eight >> 32 << (4 * bits);
      }
      uint8_t* out = out_;
      for (int64_t k = 0; k < count; ++k, out += bits) std::memcpy(out, eights + k, 8);
      out_ = out;
      i += 8 * count;
    } else if (bits_ <= kMostInPairs) {
      for (; i < n && filled_ != 0; ++i) PutOne(numbers[i]);
      const int bits = bits_;
      const PairPlaces at(bits);
      uint8_t* out = out_;
      for (; i + 8 <= n && end_ - out >= bits + 8; i += 8, out += bits) {
        uint64_t word = 0;
        for (int k = 0; k < 4; ++k) {
          const uint64_t pair = uint64_t{numbers[i + 2 * k]} | uint64_t{numbers[i + 2 * k + 1]} << bits;
          word = pair << at.bit[k] | (k == 0 ? 0 : word >> (8 * (at.byte[k] - at.byte[k - (k > 0)])));
          std::memcpy(out + at.byte[k], &word, 8);
        }
      }
      out_ = out;
    }
    for (; i < n; ++i) PutOne(numbers[i]);
  }
  void Close() { std::memcpy(out_, &pending_, (filled_ + 7) / 8); }

 private:
  void PutOne(uint32_t number) {
    pending_ |= uint64_t{number} << filled_;
    filled_ += bits_;
    if (bits_ <= 8) {
      if (filled_ < 8) return;
      *out_++ = static_cast<uint8_t>(pending_);
      pending_ >>= 8;
      filled_ -= 8;
      return;
    }
    if (filled_ < 32) return;
    std::memcpy(out_, &pending_, 4);
    out_ += 4;
    pending_ >>= 32;
    filled_ -= 32;
  }

  uint8_t *out_, *end_;
  uint64_t pending_ = 0;
  int bits_, filled_ = 0;
};

class Unpacker {
 public:
  Unpacker(const uint8_t* in, int64_t size, int bits) : in_(in), end_(in + size), bits_(bits) {}

  template <typename Number>
  JANS_LOOPS void Take(Number* numbers, int64_t n) {
    int64_t i = 0;
    if (bits_ <= 8) {
      for (; i < n && filled_ != 0; ++i) numbers[i] = static_cast<Number>(TakeOne());
      uint8_t narrow[kWordsAtOnce];
      uint64_t eights[kWordsAtOnce / 8];
      const int64_t count = std::min<int64_t>((n - i) / 8, end_ - in_ < 8 ? 0 : (end_ - in_ - 8) / bits_ + 1);
      const int bits = bits_;
      const uint8_t* in = in_;
      for (int64_t k = 0; k < count; ++k, in += bits) std::memcpy(eights + k, in, 8);
      in_ = in;
      const uint64_t fours = Ones(4 * bits), pairs = Ones(2 * bits) * kFours, singles = Ones(bits) * kPairs;
      for (int64_t k = 0; k < count; ++k) {
        uint64_t eight = eights[k];
        eight = (eight & fours) | (eight >> (4 * bits) & fours) << 32;
        eight = (eight & pairs) | (eight >> (2 * bits) & pairs) << 16;
        eights[k] = (eight & singles) | (eight >> bits & singles) << 8;
      }
      std::memcpy(narrow, eights, 8 * count);
      for (int64_t k = 0; k < 8 * count; ++k) numbers[i + k] = narrow[k];
      i += 8 * count;
    } else if (bits_ <= kMostInPairs) {
      for (; i < n && filled_ != 0; ++i) numbers[i] = static_cast<Number>(TakeOne());
      const int bits = bits_;
      const PairPlaces at(bits);
      const uint64_t mask = Ones(bits);
      const uint8_t* in = in_;
      for (; i + 8 <= n && end_ - in >= bits + 8; i += 8, in += bits) {
        for (int k = 0; k < 4; ++k) {
          uint64_t word;
          std::memcpy(&word, in + at.byte[k], 8);
          word >>= at.bit[k];
          numbers[i + 2 * k] = static_cast<Number>(word & mask);
          numbers[i + 2 * k + 1] = static_cast<Number>(word >> bits & mask);
        }
      }
      in_ = in;
    }
    for (; i < n; ++i) numbers[i] = static_cast<Number>(TakeOne());
  }

 private:
  uint32_t TakeOne() {
    if (filled_ < bits_) {
      uint32_t next = 0;
      const int64_t bytes = std::min<int64_t>(bits_ <= 8 ? 1 : 4, end_ - in_);
      std::memcpy(&next, in_, bytes);
      in_ += bytes;
      pending_ |= uint64_t{next} << filled_;
      filled_ += bits_ <= 8 ? 8 : 32;
    }
    const uint32_t number = static_cast<uint32_t>(pending_ & Ones(bits_));
    pending_ >>= bits_;
    filled_ -= bits_;
    return number;
  }

  const uint8_t *in_, *end_;
  uint64_t pending_ = 0;
  int bits_, filled_ = 0;
};

}  // namespace jans

#endif  // JANS_CPU_LOOPS_PACKED_BITS_H_
