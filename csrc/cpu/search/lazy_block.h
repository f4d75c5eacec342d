// LazyProbs for symbols that are coded in order: sums of many rows side by side, because one row is a chain of
// additions that each wait for the one before.
#ifndef JANS_CPU_SEARCH_LAZY_BLOCK_H_
#define JANS_CPU_SEARCH_LAZY_BLOCK_H_

#include <algorithm>
#include <cstring>
#include <memory>
#include <type_traits>

#include "../../core/models/lazy.h"
#include "model_view.h"
#include "quantize_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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
  typedef int32_t Bits __attribute__((vector_size(kWideBytes)));
};
template <>
struct Wide<double> {
  typedef double Lanes __attribute__((vector_size(kWideBytes)));
  typedef int64_t Bits __attribute__((vector_size(kWideBytes)));
};

// 16 bytes of one row or, in a wider register, of two.
#if defined(__x86_64__)
JANS_WIDE_INLINE Wide<float>::Lanes LoadRows(const float* low, const float* high) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
}
JANS_WIDE_INLINE Wide<double>::Lanes LoadRows(const double* low, const double* high) {
  return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(low)), _mm_loadu_pd(high), 1);
}
#else
template <typename Float>
typename Wide<Float>::Lanes LoadRows(const Float* low, const Float*) {
  typename Wide<Float>::Lanes lanes;
  std::memcpy(&lanes, low, sizeof(lanes));
  return lanes;
}
#endif

// Running sums of many rows and, where kAsks, for each the sum before one column: two registers of rows, so that the
// additions to one go on while those to the other end.
template <typename Float, bool kAsks>
class RowSums {
 public:
  using Lanes = typename Wide<Float>::Lanes;
  using Bits = typename Wide<Float>::Bits;
  using Column = std::conditional_t<sizeof(Float) == 4, int32_t, int64_t>;
  static constexpr int kLanes = kWideBytes / sizeof(Float), kRows = 2 * kLanes;
  static constexpr int kColumns = 16 / sizeof(Float);  // are read at a time

  JANS_WIDE_INLINE explicit RowSums(const Column* asked) {
    if (kAsks) std::memcpy(asked_, asked, sizeof(asked_));
  }

  // Columns first, first + 1, ..., the next ones.
  JANS_WIDE_INLINE void AddColumns(const Float* const* rows, int64_t first) {
    Lanes columns[2][kColumns];
    for (int half = 0; half < 2; ++half) {
      const Float* const* mine = rows + half * kLanes;
      for (int i = 0; i < kColumns; ++i) {
        columns[half][i] = LoadRows(mine[i] + first, mine[(kLanes > kColumns ? kColumns : 0) + i] + first);
      }
      Transpose(columns[half]);
    }
    for (int i = 0; i < kColumns; ++i) Add(columns[0][i], columns[1][i]);
  }
  JANS_WIDE_INLINE void AddColumn(const Float* const* rows, int64_t column) {
    Float values[kRows];
    for (int row = 0; row < kRows; ++row) values[row] = rows[row][column];
    Lanes probs[2];
    std::memcpy(probs, values, sizeof(probs));
    Add(probs[0], probs[1]);
  }

  // Of all rows: what they add up to, the sums before the columns that were asked for, and whether any has a minus
  // sign.
  JANS_WIDE_INLINE void Sums(Float* sums, int64_t stride) const {
    for (int row = 0; row < kRows; ++row) sums[row * stride] = sum_[row / kLanes][row % kLanes];
  }
  JANS_WIDE_INLINE void Before(Float* sums) const { std::memcpy(sums, before_, sizeof(before_)); }
  JANS_WIDE_INLINE bool Signed(int row) const { return signs_[row / kLanes][row % kLanes] < 0; }

 private:
  // Subnormal numbers count as zero; NaN stays.
  JANS_WIDE_INLINE void Add(const Lanes& low, const Lanes& high) {
    const Lanes probs[2] = {low, high};
    for (int half = 0; half < 2; ++half) {
      const Bits bits = reinterpret_cast<Bits>(probs[half]);
      signs_[half] |= bits;
      if (kAsks) before_[half] = asked_[half] == column_ ? sum_[half] : before_[half];
      sum_[half] += reinterpret_cast<Lanes>(bits & ~(probs[half] < Smallest<Float>()));
    }
    if (kAsks) column_ += 1;
  }

  JANS_WIDE_INLINE static void Transpose(Lanes* m) {
    if constexpr (kColumns == 2) {
      const Lanes a = m[0], b = m[1];
      if constexpr (kLanes == 2) {
        m[0] = JANS_SHUFFLE(a, b, 0, 2);
        m[1] = JANS_SHUFFLE(a, b, 1, 3);
      } else {
        m[0] = JANS_SHUFFLE(a, b, 0, 4, 2, 6);
        m[1] = JANS_SHUFFLE(a, b, 1, 5, 3, 7);
      }
    } else {
      Lanes low[2], high[2];
      for (int i = 0; i < 2; ++i) {
        if constexpr (kLanes == 4) {
          low[i] = JANS_SHUFFLE(m[2 * i], m[2 * i + 1], 0, 4, 1, 5);
          high[i] = JANS_SHUFFLE(m[2 * i], m[2 * i + 1], 2, 6, 3, 7);
        } else {
          low[i] = JANS_SHUFFLE(m[2 * i], m[2 * i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
          high[i] = JANS_SHUFFLE(m[2 * i], m[2 * i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
        }
      }
      if constexpr (kLanes == 4) {
        m[0] = JANS_SHUFFLE(low[0], low[1], 0, 1, 4, 5);
        m[1] = JANS_SHUFFLE(low[0], low[1], 2, 3, 6, 7);
        m[2] = JANS_SHUFFLE(high[0], high[1], 0, 1, 4, 5);
        m[3] = JANS_SHUFFLE(high[0], high[1], 2, 3, 6, 7);
      } else {
        m[0] = JANS_SHUFFLE(low[0], low[1], 0, 1, 8, 9, 4, 5, 12, 13);
        m[1] = JANS_SHUFFLE(low[0], low[1], 2, 3, 10, 11, 6, 7, 14, 15);
        m[2] = JANS_SHUFFLE(high[0], high[1], 0, 1, 8, 9, 4, 5, 12, 13);
        m[3] = JANS_SHUFFLE(high[0], high[1], 2, 3, 10, 11, 6, 7, 14, 15);
      }
    }
  }

  Lanes sum_[2] = {}, before_[2] = {};
  Bits signs_[2] = {}, asked_[2] = {}, column_ = {};
};

// Find and Locate of a LazyProbs for symbols 0 ... count - 1, fast for neighbours.
//
// The rows of a block are added up together. Left to the model are rows with a sign, or whose sum or scale is out of
// range, and all rows where 2^precision is too much for a float or an int, or the processor has no wide registers. One
// row for all symbols is quantised once.
template <typename Float>
class LazyBlock {
 public:
  static constexpr int kRows = RowSums<Float, true>::kRows;

  LazyBlock(const LazyProbs<Float>& model, int64_t count)
      : model_(model),
        count_(count),
        steps_((model.n + kStep - 1) / kStep),
        top_(static_cast<Float>(Total(model.precision) - model.n)),
        able_(HasWide() && model.precision <= (sizeof(Float) == 4 ? 24 : 30)) {
    if (model.stride == 0) {
      cdf_.reset(new uint32_t[model.n + 1]);
      QuantizeRows(model.n).Probs<Float>(model.Row(0), nullptr, model.precision, cdf_.get());
    } else {
      sums_.reset(new Float[kRows * steps_]);
    }
  }

  // The intervals of symbols[j] as symbol first + j, for j from 0 to n <= kRows, before those as symbol `next`, ...
  template <typename Symbol>
  void Find(int64_t first, int64_t n, int64_t next, const Symbol* symbols, uint32_t* start, uint32_t* freq) {
    Column asked[kRows] = {};
    Float sums[kRows];
    if (able_ && !cdf_) {
      for (int64_t j = 0; j < n; ++j) asked[j] = static_cast<Column>(symbols[j]);
      AddUp<true>(first, next, asked, sums);
    }
    for (int64_t j = 0; j < n; ++j) {
      const int row = static_cast<int>(j);
      const int64_t symbol = symbols[j];
      Interval interval;
      if (scale_[row] != 0 && symbol >= 0 && symbol < model_.n) {
        const Float before = sums[row], prob = Flushed(model_.Row(first + j)[symbol]);
        interval = Between(row, before, before + prob, static_cast<int32_t>(symbol));
      } else {
        interval = cdf_ ? Shared().Find(symbol) : model_.Find(first + j, symbol);
      }
      start[j] = interval.start;
      freq[j] = interval.freq;
    }
  }

  Found Locate(int64_t i, uint32_t quantile) {
    if (cdf_) return Found(Shared().Locate(quantile));
    if (i < first_ || i >= first_ + kRows) Refill(i);
    const int row = static_cast<int>(i - first_);
    if (scale_[row] == 0) return Found(model_.Locate(i, quantile));
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
    return Found({first + place, Between(row, before[place], before[place + 1], first + place)});
  }

 private:
  using Column = typename RowSums<Float, true>::Column;
  static constexpr int kStep = 16;

  Row Shared() const { return {cdf_.get(), model_.n, model_.precision}; }

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

  // Every kStep-th sum of the rows around symbol i.
  __attribute__((noinline)) void Refill(int64_t i) {
    first_ = i - i % kRows;
    if (able_) AddUp<false>(first_, first_ + kRows, nullptr, nullptr);
  }

  // Rows first, first + 1, ...; those at `next` are to come. Gives the sums before the columns that are asked for, or
  // keeps every kStep-th sum.
  template <bool kAsks>
  JANS_WIDE void AddUp(int64_t first, int64_t next, const Column* asked, Float* before) {
    constexpr int kColumns = RowSums<Float, kAsks>::kColumns;
    const Float* rows[kRows];  // those beyond the last are the last
    for (int row = 0; row < kRows; ++row) rows[row] = model_.Row(std::min(first + row, count_ - 1));
    // The next rows, in the order of memory. An address beyond them is never read.
    uintptr_t ahead = reinterpret_cast<uintptr_t>(model_.probs) + next * model_.n * sizeof(Float);
    RowSums<Float, kAsks> sums(asked);
    int64_t j = 0;
    for (; j + kColumns <= model_.n; j += kColumns) {
      for (int line = 0; line < kRows * 16 / 64; ++line, ahead += 64)
        __builtin_prefetch(reinterpret_cast<void*>(ahead));
      if (!kAsks && j % kStep == 0) sums.Sums(&sums_[j / kStep], steps_);
      sums.AddColumns(rows, j);
    }
    if (!kAsks && j < model_.n && j % kStep == 0) sums.Sums(&sums_[j / kStep], steps_);
    for (; j < model_.n; ++j) sums.AddColumn(rows, j);
    Float all[kRows];
    sums.Sums(all, 1);
    for (int row = 0; row < kRows; ++row) {
      const Float sum = all[row], scale = top_ / sum;
      const bool plain = !sums.Signed(row) && sum > 0 && IsFinite(sum) && IsFinite(scale) && scale >= Smallest<Float>();
      scale_[row] = plain ? scale : Float{0};
    }
    if (kAsks) sums.Before(before);
  }

  LazyProbs<Float> model_;
  int64_t count_, steps_, first_ = -kRows;
  Float top_;  // 2^precision - n
  bool able_;
  Float scale_[kRows] = {};  // 0 for a row that is left to the model
  std::unique_ptr<Float[]> sums_;
  std::unique_ptr<uint32_t[]> cdf_;  // of a row for all symbols
};

#undef JANS_SHUFFLE

}  // namespace jans

#endif  // JANS_CPU_SEARCH_LAZY_BLOCK_H_
