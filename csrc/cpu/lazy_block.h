// LazyProbs for symbols that are coded in order: sums of many rows side by side, because one row is a chain of
// additions that each wait for the one before.
#ifndef JANS_CPU_LAZY_BLOCK_H_
#define JANS_CPU_LAZY_BLOCK_H_

#include <algorithm>
#include <memory>

#include "../core/lazy.h"
#include "wide.h"

namespace jans {

// Elements of two vectors by their numbers in both.
#if defined(__clang__)
#define JANS_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define JANS_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Bits{__VA_ARGS__})
#endif

template <typename Float>
struct Wide;
template <>
struct Wide<float> {
  typedef float Lanes __attribute__((vector_size(kWideBytes)));
  typedef float Packed __attribute__((vector_size(kWideBytes), aligned(alignof(float)), may_alias));
  typedef int32_t Bits __attribute__((vector_size(kWideBytes)));
};
template <>
struct Wide<double> {
  typedef double Lanes __attribute__((vector_size(kWideBytes)));
  typedef double Packed __attribute__((vector_size(kWideBytes), aligned(alignof(double)), may_alias));
  typedef int64_t Bits __attribute__((vector_size(kWideBytes)));
};

// Running sums of as many rows as a register has lanes.
template <typename Float>
struct LaneSums {
  using Lanes = typename Wide<Float>::Lanes;
  using Bits = typename Wide<Float>::Bits;
  static constexpr int kLanes = kWideBytes / sizeof(Float);

  Lanes sum;
  Bits signs;

  // Subnormal numbers count as zero; NaN stays.
  JANS_WIDE_INLINE void Add(const Lanes& probs) {
    signs |= reinterpret_cast<Bits>(probs);
    sum += reinterpret_cast<Lanes>(reinterpret_cast<Bits>(probs) & ~(probs < Smallest<Float>()));
  }
  // Columns first, first + 1, ... of the rows.
  JANS_WIDE_INLINE void AddColumns(const Float* const* rows, int64_t first) {
    Lanes m[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      m[lane] = *reinterpret_cast<const typename Wide<Float>::Packed*>(rows[lane] + first);
    }
    Transpose(m);
    for (int column = 0; column < kLanes; ++column) Add(m[column]);
  }
  JANS_WIDE_INLINE void AddColumn(const Float* const* rows, int64_t column) {
    Lanes probs;
    for (int lane = 0; lane < kLanes; ++lane) probs[lane] = rows[lane][column];
    Add(probs);
  }
  JANS_WIDE_INLINE void Store(Float* sums, int64_t stride) const {
    for (int lane = 0; lane < kLanes; ++lane) sums[lane * stride] = sum[lane];
  }

 private:
  JANS_WIDE_INLINE static void Transpose(Lanes* m) {
    Lanes a[kLanes], b[kLanes];
    if constexpr (kLanes == 2) {
      a[0] = JANS_SHUFFLE(m[0], m[1], 0, 2);
      b[0] = JANS_SHUFFLE(m[0], m[1], 1, 3);
      m[0] = a[0];
      m[1] = b[0];
    } else if constexpr (kLanes == 4) {
      for (int i = 0; i < 2; ++i) {
        a[i] = JANS_SHUFFLE(m[2 * i], m[2 * i + 1], 0, 4, 1, 5);
        b[i] = JANS_SHUFFLE(m[2 * i], m[2 * i + 1], 2, 6, 3, 7);
      }
      m[0] = JANS_SHUFFLE(a[0], a[1], 0, 1, 4, 5);
      m[1] = JANS_SHUFFLE(a[0], a[1], 2, 3, 6, 7);
      m[2] = JANS_SHUFFLE(b[0], b[1], 0, 1, 4, 5);
      m[3] = JANS_SHUFFLE(b[0], b[1], 2, 3, 6, 7);
    } else {
      for (int i = 0; i < 8; i += 2) {
        a[i] = JANS_SHUFFLE(m[i], m[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        a[i + 1] = JANS_SHUFFLE(m[i], m[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
      }
      for (int i = 0; i < 8; ++i) {
        const int low = i / 4 * 4 + i % 4 / 2;
        b[i] = i % 2 == 0 ? JANS_SHUFFLE(a[low], a[low + 2], 0, 1, 8, 9, 4, 5, 12, 13)
                          : JANS_SHUFFLE(a[low], a[low + 2], 2, 3, 10, 11, 6, 7, 14, 15);
      }
      for (int i = 0; i < 4; ++i) {
        m[i] = JANS_SHUFFLE(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        m[i + 4] = JANS_SHUFFLE(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
      }
    }
  }
};

// Find and Locate of a LazyProbs for symbols 0 ... count - 1 in any order, fast for neighbours.
//
// The rows of a block are added up together, and every kStep-th sum is kept; from there a symbol is found in a few
// steps. Left to the model are rows with a sign, or whose sum or scale is out of range, and all rows where 2^precision
// is too much for a float or an int, or the processor has no wide registers.
template <typename Float>
class LazyBlock {
 public:
  LazyBlock(const LazyProbs<Float>& model, int64_t count)
      : model_(model),
        count_(model.stride == 0 ? std::min<int64_t>(count, 1) : count),
        steps_((model.n + kStep - 1) / kStep),
        top_(static_cast<Float>(Total(model.precision) - model.n)),
        able_(HasWide() && model.precision <= (sizeof(Float) == 4 ? 24 : 30)),
        sums_(new Float[kRows * steps_]) {}

  Interval Find(int64_t i, int64_t symbol) {
    if (symbol < 0 || symbol >= model_.n) return NoInterval(kBadSymbol);
    const int row = Load(i);
    if (scale_[row] == 0) return model_.Find(i, symbol);
    Float probs[kStep];
    const int64_t step = symbol / kStep;
    Copy(i, step * kStep, probs);
    const int place = static_cast<int>(symbol % kStep);
    Float before = sums_[row * steps_ + step];
    for (int j = 0; j < kStep - 1; ++j) before += j < place ? probs[j] : Float{0};
    return Between(row, before, before + probs[place], static_cast<int32_t>(symbol));
  }

  Located Locate(int64_t i, uint32_t quantile) {
    const int row = Load(i);
    if (scale_[row] == 0) return model_.Locate(i, quantile);
    const Float* sums = sums_.get() + row * steps_;
    const int32_t q = static_cast<int32_t>(quantile), steps = static_cast<int32_t>(steps_);
    int32_t step = -1;
    for (int32_t s = 0; s < steps; ++s) step += Left(row, sums[s], s * kStep) <= q;
    const int32_t first = step * kStep;
    Float probs[kStep], before[kStep + 1];
    Copy(i, first, probs);
    before[0] = sums[step];
    for (int j = 0; j < kStep; ++j) before[j + 1] = before[j] + probs[j];
    int32_t place = -1;
    for (int j = 0; j < kStep; ++j) place += Left(row, before[j], first + j) <= q;
    place = std::min(place, static_cast<int32_t>(model_.n - 1 - first));
    return {first + place, Between(row, before[place], before[place + 1], first + place)};
  }

 private:
  static constexpr int kRows = LaneSums<Float>::kLanes, kStep = 16;

  // As ProbsRule::Left. That top is exact and fits an int leaves one minimum.
  JANS_HD int32_t Left(int row, Float before, int32_t symbol) const {
    Float left = before * scale_[row];
    return static_cast<int32_t>(left < top_ ? left : top_) + symbol;
  }
  JANS_HD Interval Between(int row, Float before, Float after, int32_t symbol) const {
    const uint32_t start = Left(row, before, symbol);
    const uint32_t end = symbol + 1 == model_.n ? Total(model_.precision) : Left(row, after, symbol + 1);
    return {start, end - start};
  }
  // kStep probabilities, zeros after the last.
  JANS_HD void Copy(int64_t i, int64_t first, Float* probs) const {
    const Float* row = model_.Row(i) + first;
    if (first + kStep <= model_.n) {
      for (int j = 0; j < kStep; ++j) probs[j] = Flushed(row[j]);
    } else {
      for (int j = 0; j < kStep; ++j) probs[j] = first + j < model_.n ? Flushed(row[j]) : Float{0};
    }
  }

  // The place of symbol i's row in the block, which is made to hold it.
  JANS_HD int Load(int64_t i) {
    if (model_.stride == 0) i = 0;
    if (i < first_ || i >= first_ + kRows) Refill(i);
    return static_cast<int>(i - first_);
  }

  __attribute__((noinline)) void Refill(int64_t i) {
    first_ = i - i % kRows;
    if (able_) return AddUp();
    for (Float& scale : scale_) scale = 0;
  }

  JANS_WIDE void AddUp() {
    const Float* rows[kRows];  // those beyond the last are the last
    for (int row = 0; row < kRows; ++row) rows[row] = model_.Row(std::min(first_ + row, count_ - 1));
    LaneSums<Float> sums{};
    int64_t j = 0;
    for (; j + kStep <= model_.n; j += kStep) {
      // The next block, in the order of memory. An address beyond the last row is never read.
      const uintptr_t ahead = reinterpret_cast<uintptr_t>(rows[0]) + (model_.n + j) * kRows * sizeof(Float);
#pragma GCC unroll 8
      for (int row = 0; row < kRows; ++row) {
        __builtin_prefetch(reinterpret_cast<const void*>(ahead + row * kStep * sizeof(Float)));
      }
      sums.Store(sums_.get() + j / kStep, steps_);
#pragma GCC unroll 8
      for (int64_t k = 0; k < kStep; k += kRows) sums.AddColumns(rows, j + k);
    }
    if (j < model_.n) sums.Store(sums_.get() + j / kStep, steps_);
    for (; j < model_.n; ++j) sums.AddColumn(rows, j);
    for (int row = 0; row < kRows; ++row) {
      const Float sum = sums.sum[row], scale = top_ / sum;
      const bool plain =
          sums.signs[row] >= 0 && sum > 0 && IsFinite(sum) && IsFinite(scale) && scale >= Smallest<Float>();
      scale_[row] = plain ? scale : Float{0};
    }
  }

  LazyProbs<Float> model_;
  int64_t count_, steps_, first_ = -kRows;
  Float top_;  // 2^precision - n
  bool able_;
  Float scale_[kRows];  // 0 for a row that is left to the model
  std::unique_ptr<Float[]> sums_;
};

#undef JANS_SHUFFLE

}  // namespace jans

#endif  // JANS_CPU_LAZY_BLOCK_H_
