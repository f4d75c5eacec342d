// Words of arrays as distances to what their neighbours predict, and distances as symbols; these are the CPU's alone.
#include <vector>

#include "../../core/fields.h"
#include "../../cpu/loops/packed_bits.h"
#include "../operands/compact_operands.h"
#include "call.h"

namespace jans {
namespace {

// Calls body(T{}) with the unsigned integer of this dtype.
template <typename Body>
ffi::Error WithAnyWords(ffi::DataType dtype, const Body& body) {
  return dtype == ffi::DataType::U64 ? body(uint64_t{}) : WithWords(dtype, body);
}

// ---- distances ----

// Symbols of distances, and the bits that are kept, one behind the other, the lowest first.
ffi::Error LengthsSplit(ffi::ThreadPool pool, AnyBuffer words, Out symbols, Out rest, Out used, int32_t width) {
  return WithAnyWords(words.element_type(), [&](auto word) {
    using T = decltype(word);
    Batch batch;
    Operand<const T> in;
    Operand<uint8_t> symbol, kept;
    Operand<int32_t> bytes;
    JANS_RETURN_IF_ERROR(CheckVector(words));
    JANS_RETURN_IF_ERROR(InitBatch(words.dimensions().first(words.dimensions().size() - 1), batch));
    JANS_RETURN_IF_ERROR(in.Init("words", words, words.element_type(), batch, 1));
    JANS_RETURN_IF_ERROR(symbol.Init("symbols", symbols, ffi::DataType::U8, batch, 1));
    JANS_RETURN_IF_ERROR(kept.Init("rest", rest, ffi::DataType::U8, batch, 1));
    JANS_RETURN_IF_ERROR(bytes.Init("used", used, ffi::DataType::S32, batch, 0));
    const int64_t n = in.core[0];
    const bool fits = symbol.core[0] == n && kept.core[0] == n * int64_t{sizeof(T)} && width == sizeof(T);
    if (!fits) return Invalid("the parts do not fit the words");
    return OnCpu{pool}.ForEach(batch.streams, StreamGrain(n), [&](int64_t b) {
      const T* from = in.At(b);
      uint8_t *to = symbol.At(b), *out = kept.At(b), *const start = out, *const end = out + kept.core[0];
      uint64_t pending = 0;
      int filled = 0;                             // below 8 between distances
      auto put = [&](uint64_t bits, int count) {  // up to 56 bits
        pending |= bits << filled;
        filled += count;
        if (end - out >= 8) {
          std::memcpy(out, &pending, 8);
          out += filled / 8;
          pending >>= filled & ~7;
          filled &= 7;
        } else {
          for (; filled >= 8; filled -= 8, pending >>= 8) *out++ = static_cast<uint8_t>(pending);
        }
      };
      for (int64_t i = 0; i < n; ++i) {
        const uint64_t distance = from[i];
        const uint32_t found = LengthSymbol(distance);
        to[i] = static_cast<uint8_t>(found);
        const int count = KeptBits(found);
        const uint64_t bits = distance & Ones(count);
        if (sizeof(T) == 8 && count > 56) {
          put(bits & Ones(32), 32);
          put(bits >> 32, count - 32);
        } else {
          put(bits, count);
        }
      }
      if (filled > 0) *out++ = static_cast<uint8_t>(pending);
      bytes.At(b)[0] = static_cast<int32_t>(out - start);
    });
  });
}

ffi::Error LengthsMerge(ffi::ThreadPool pool, AnyBuffer symbols, AnyBuffer rest, Out words) {
  return WithAnyWords(words.element_type(), [&](auto word) {
    using T = decltype(word);
    Batch batch;
    Operand<T> to;
    Operand<const uint8_t> symbol, kept;
    JANS_RETURN_IF_ERROR(CheckVector(symbols));
    JANS_RETURN_IF_ERROR(InitBatch(symbols.dimensions().first(symbols.dimensions().size() - 1), batch));
    JANS_RETURN_IF_ERROR(symbol.Init("symbols", symbols, ffi::DataType::U8, batch, 1));
    JANS_RETURN_IF_ERROR(kept.Init("rest", rest, ffi::DataType::U8, batch, 1));
    JANS_RETURN_IF_ERROR(to.Init("words", words, words.element_type(), batch, 1));
    const int64_t n = symbol.core[0];
    if (to.core[0] != n) return Invalid("words and symbols differ in length");
    return OnCpu{pool}.ForEach(batch.streams, StreamGrain(n), [&](int64_t b) {
      const uint8_t *from = symbol.At(b), *in = kept.At(b), *const end = in + kept.core[0];
      T* out = to.At(b);
      uint64_t pending = 0;
      int filled = 0;
      auto take = [&](int count) {  // up to 56 bits; zeros behind the last byte
        for (; filled < count; filled += 8) pending |= uint64_t{in < end ? *in++ : uint8_t{0}} << filled;
        const uint64_t bits = pending & Ones(count);
        pending >>= count;
        filled -= count;
        return bits;
      };
      for (int64_t i = 0; i < n; ++i) {
        const int count = KeptBits(from[i]), low = count > 56 ? 32 : count;
        uint64_t bits = take(low);
        if (count > low) bits |= take(count - low) << low;
        out[i] = static_cast<T>(LeastDistance(from[i]) | bits);
      }
    });
  });
}

// How often each symbol is there; distances of one byte are their own symbols.
ffi::Error LengthsCount(ffi::ThreadPool pool, AnyBuffer words, Out counts) {
  return WithAnyWords(words.element_type(), [&](auto word) {
    using T = decltype(word);
    Batch batch;
    Operand<const T> in;
    Operand<uint32_t> out;
    JANS_RETURN_IF_ERROR(CheckVector(words));
    JANS_RETURN_IF_ERROR(InitBatch(words.dimensions().first(words.dimensions().size() - 1), batch));
    JANS_RETURN_IF_ERROR(in.Init("words", words, words.element_type(), batch, 1));
    JANS_RETURN_IF_ERROR(out.Init("counts", counts, ffi::DataType::U32, batch, 1));
    if (out.core[0] != 256) return Invalid("there must be 256 counts");
    const int64_t n = in.core[0];
    return OnCpu{pool}.ForEach(batch.streams, StreamGrain(n), [&](int64_t b) {
      const T* from = in.At(b);
      uint32_t parts[4][256] = {};  // so that equal neighbours do not wait for each other
      for (int64_t i = 0; i < n; ++i) ++parts[i & 3][sizeof(T) == 1 ? from[i] : LengthSymbol(from[i])];
      for (int s = 0; s < 256; ++s) out.At(b)[s] = parts[0][s] + parts[1][s] + parts[2][s] + parts[3][s];
    });
  });
}

// ---- grids ----

// Words in rows. Each is predicted from those before it in its row and in the row above; `channels` neighbours in a row
// belong together, and may be predicted from each other's errors.
template <typename T>
struct Grid {
  Batch batch;
  Operand<const T> in;
  Operand<T> out;
  int64_t height = 0, width = 0;
  int32_t channels = 0;
  Predictor predictor{};
  WordOrder order{};
  bool mixed = false;

  ffi::Error Init(const AnyBuffer& from, const Out& to) {
    const auto dims = from.dimensions();
    if (dims.size() < 2) return Invalid("rows of words are needed");
    JANS_RETURN_IF_ERROR(InitBatch(dims.first(dims.size() - 2), batch));
    JANS_RETURN_IF_ERROR(in.Init("words", from, from.element_type(), batch, 2));
    JANS_RETURN_IF_ERROR(out.Init("result", to, from.element_type(), batch, 2));
    height = in.core[0];
    width = in.core[1];
    const bool known = static_cast<int32_t>(predictor) >= 0 && static_cast<int32_t>(predictor) < kPredictors &&
                       order >= WordOrder::kPlain && order <= WordOrder::kFloat && channels >= 1;
    return known && out.core == in.core ? ffi::Error::Success() : Invalid("the grid does not fit the words");
  }
  // What number c of a row is likely to be; `above` is the row above, or null.
  template <Predictor kPredictor>
  T Expected(const T* row, const T* above, int64_t c) const {
    if (c < channels) return above == nullptr || kPredictor == Predictor::kNone ? T{0} : above[c];
    if (kPredictor == Predictor::kSlope && c >= 2 * channels) {
      return static_cast<T>(2 * row[c - channels] - row[c - 2 * channels]);
    }
    if (above == nullptr) return kPredictor == Predictor::kNone ? T{0} : row[c - channels];
    return Predicted(kPredictor, row[c - channels], above[c], above[c - channels]);
  }
  template <Predictor kPredictor>
  void Split(int64_t b) const {
    const auto shift = static_cast<int64_t>(channels);
    std::vector<T> rows(2 * width), errors(width), kept;
    if (mixed) {  // all ones where the error on the left is of the same pixel
      kept.assign(width, static_cast<T>(~T{0}));
      for (int64_t c = 0; c < width; c += shift) kept[c] = 0;
    }
    T *row = rows.data(), *above = nullptr, *spare = rows.data() + width;
    for (int64_t r = 0; r < height; ++r) {
      const T* from = in.At(b) + r * width;
      T* to = out.At(b) + r * width;
      for (int64_t c = 0; c < width; ++c) row[c] = Ordered<T>::Number(from[c], order);
      const int64_t edge = std::min<int64_t>(kPredictor == Predictor::kSlope ? width : shift, width);
      for (int64_t c = 0; c < edge; ++c) errors[c] = static_cast<T>(row[c] - Expected<kPredictor>(row, above, c));
      if (above == nullptr) {
        for (int64_t c = edge; c < width; ++c) {
          errors[c] = static_cast<T>(row[c] - (kPredictor == Predictor::kNone ? T{0} : row[c - shift]));
        }
      } else {
        Errors<kPredictor>(row + edge, above + edge, width - edge, shift, errors.data() + edge);
      }
      mixed ? Fold(errors.data(), kept.data(), to) : Fold(errors.data(), to);
      above = row;
      std::swap(row, spare);
    }
  }
  // These are loops of their own, so that the compiler sees that nothing else changes.
  template <Predictor kPredictor>
  static void Errors(const T* __restrict row, const T* __restrict above, int64_t n, int64_t shift, T* __restrict out) {
    for (int64_t c = 0; c < n; ++c) {
      out[c] = static_cast<T>(row[c] - Predicted(kPredictor, row[c - shift], above[c], above[c - shift]));
    }
  }
  void Fold(const T* __restrict errors, T* __restrict to) const {
    for (int64_t c = 0, n = width; c < n; ++c) to[c] = Ordered<T>::Folded(errors[c]);
  }
  void Fold(const T* __restrict errors, const T* __restrict kept, T* __restrict to) const {
    if (width > 0) to[0] = Ordered<T>::Folded(errors[0]);
    for (int64_t c = 1, n = width; c < n; ++c) {
      to[c] = Ordered<T>::Folded(static_cast<T>(errors[c] - (errors[c - 1] & kept[c])));
    }
  }
  template <Predictor kPredictor>
  void Merge(int64_t b) const {
    std::vector<T> rows(2 * width);
    T *row = rows.data(), *above = nullptr, *spare = rows.data() + width;
    for (int64_t r = 0; r < height; ++r) {
      const T* from = in.At(b) + r * width;
      T* to = out.At(b) + r * width;
      T error = 0;
      for (int64_t c = 0, channel = 0; c < width; ++c) {
        const T step = Ordered<T>::Unfolded(from[c]);
        error = mixed && channel > 0 ? static_cast<T>(error + step) : step;
        row[c] = static_cast<T>(Expected<kPredictor>(row, above, c) + error);
        channel = channel + 1 == channels ? 0 : channel + 1;
      }
      for (int64_t c = 0; c < width; ++c) to[c] = Ordered<T>::Word(row[c], order);
      above = row;
      std::swap(row, spare);
    }
  }
  template <bool kSplit, Predictor kPredictor>
  void Run(int64_t b) const {
    if (kSplit) return Split<kPredictor>(b);
    Merge<kPredictor>(b);
  }
  template <bool kSplit>
  void RunAny(int64_t b) const {
    switch (predictor) {
      case Predictor::kNone:
        return Run<kSplit, Predictor::kNone>(b);
      case Predictor::kLeft:
        return Run<kSplit, Predictor::kLeft>(b);
      case Predictor::kUp:
        return Run<kSplit, Predictor::kUp>(b);
      case Predictor::kPlane:
        return Run<kSplit, Predictor::kPlane>(b);
      case Predictor::kMedian:
        return Run<kSplit, Predictor::kMedian>(b);
      case Predictor::kMean:
        return Run<kSplit, Predictor::kMean>(b);
      case Predictor::kSlope:
        return Run<kSplit, Predictor::kSlope>(b);
    }
  }
};

template <bool kSplit>
ffi::Error OnGrid(ffi::ThreadPool pool, AnyBuffer in, Out out, int32_t channels, int32_t predictor, int32_t order,
                  int32_t mixed) {
  return WithAnyWords(in.element_type(), [&](auto word) {
    Grid<decltype(word)> grid;
    grid.channels = channels;
    grid.predictor = static_cast<Predictor>(predictor);
    grid.order = static_cast<WordOrder>(order);
    grid.mixed = mixed != 0;
    JANS_RETURN_IF_ERROR(grid.Init(in, out));
    return OnCpu{pool}.ForEach(grid.batch.streams, StreamGrain(grid.height * grid.width),
                               [&](int64_t b) { grid.template RunAny<kSplit>(b); });
  });
}

}  // namespace

JANS_HANDLER(lengths_split, LengthsSplit, "width")
JANS_HANDLER(lengths_merge, LengthsMerge)
JANS_HANDLER(lengths_count, LengthsCount)
JANS_HANDLER(grid_split, OnGrid<true>, "channels", "predictor", "order", "mixed")
JANS_HANDLER(grid_merge, OnGrid<false>, "channels", "predictor", "order", "mixed")

}  // namespace jans
