// Where the intervals of a stream come from, and where its symbols go.
//
// A block makes one of these models from the arrays of a call, all its threads together; Visit(b, body) then
// calls body with the source of stream b, as the loops of stream.h want it.
#ifndef JANS_CUDA_SOURCES_H_
#define JANS_CUDA_SOURCES_H_

#include <type_traits>

#include "../core/models/intervals.h"
#include "launch.h"
#include "stream.h"
#include "tables.h"

namespace jans::cuda {

// Symbols of a type known at compile time.
template <typename T>
struct Symbols {
  T* data;

  __device__ Symbols(const SymbolArray& symbols, uint32_t stream)
      : data(reinterpret_cast<T*>(At(symbols.bytes, stream))) {}
  __device__ __forceinline__ int32_t Load(int64_t i) const { return data[i]; }
  __device__ __forceinline__ void Store(int64_t i, int32_t symbol) const { data[i] = static_cast<T>(symbol); }
};

// Symbols of a type known at run time.
template <>
struct Symbols<void> {
  uint8_t* data;
  int32_t bytes;

  __device__ Symbols(const SymbolArray& symbols, uint32_t stream)
      : data(At(symbols.bytes, stream)), bytes(symbols.width) {}
  __device__ __forceinline__ int32_t Load(int64_t i) const {
    if (bytes == 1) return data[i];
    return bytes == 2 ? reinterpret_cast<const uint16_t*>(data)[i] : reinterpret_cast<const int32_t*>(data)[i];
  }
  __device__ __forceinline__ void Store(int64_t i, int32_t symbol) const {
    if (bytes == 1) {
      data[i] = static_cast<uint8_t>(symbol);
    } else if (bytes == 2) {
      reinterpret_cast<uint16_t*>(data)[i] = static_cast<uint16_t>(symbol);
    } else {
      reinterpret_cast<int32_t*>(data)[i] = symbol;
    }
  }
};

// Intervals that are known already.
class GivenModel {
 public:
  static constexpr int kBlocks = kMinBlocks;
  struct Source {
    Intervals intervals;

    __device__ __forceinline__ Interval Fetch(int64_t i) const { return intervals.Raw(i); }
    __device__ __forceinline__ Interval Resolve(Interval raw) const { return intervals.Check(raw); }
    __device__ __forceinline__ Located Locate(int64_t i, uint32_t quantile) const {
      return intervals.Locate(i, quantile);
    }
    __device__ __forceinline__ void Store(int64_t, int32_t) const {}
  };

  __device__ GivenModel(const IntervalArrays& arrays, int precision, int) : arrays_(arrays), precision_(precision) {}
  template <typename Body>
  __device__ void Visit(uint32_t stream, const Body& body) const {
    body(Source{{At(arrays_.start, stream), At(arrays_.freq, stream), precision_}});
  }

 private:
  const IntervalArrays& arrays_;
  int precision_;
};

__device__ __forceinline__ Rows RowsAt(const RowArrays& arrays, uint32_t stream, int precision) {
  return {At(arrays.cdf, stream),   arrays.count,        arrays.row_symbols,
          At(arrays.index, stream), arrays.index_stride, precision};
}

// Rows as they are: one division for a push, one bisection for a pop.
class RowsModel {
 public:
  static constexpr int kBlocks = kMinBlocks;
  struct Source {
    Symbols<void> symbols;
    Rows rows;

    struct Fetched {
      int32_t row, symbol;
    };
    __device__ __forceinline__ Fetched Fetch(int64_t i) const {
      return {rows.index[i * rows.index_stride], symbols.Load(i)};
    }
    __device__ __forceinline__ Interval Resolve(Fetched fetched) const {
      Rows at = rows;
      at.index = &fetched.row;
      return at.Find(0, fetched.symbol);
    }
    __device__ __forceinline__ Located Locate(int64_t i, uint32_t quantile) const {
      if (!rows.Valid(i)) return {0, NoInterval(kBadModel)};
      return rows.At(i).LocateAmong(uint32_t{0}, static_cast<uint32_t>(rows.n), quantile);
    }
    __device__ __forceinline__ void Store(int64_t i, int32_t symbol) const { symbols.Store(i, symbol); }
  };

  __device__ RowsModel(const RowArrays& arrays, int precision, int) : arrays_(arrays), precision_(precision) {}
  template <typename Body>
  __device__ void Visit(uint32_t stream, const Body& body) const {
    body(Source{{arrays_.symbols, stream}, RowsAt(arrays_, stream, precision_)});
  }

 private:
  const RowArrays& arrays_;
  int precision_;
};

// One row for all symbols of all streams, as entries to push.
template <typename V, typename T>
class EntryModel {
 public:
  static constexpr int kBlocks = kMinBlocks;
  struct Source {
    Symbols<T> symbols;
    const EntryTable<V>& table;

    __device__ __forceinline__ int32_t Fetch(int64_t i) const { return symbols.Load(i); }
    __device__ __forceinline__ Entry Resolve(int32_t symbol) const { return table.Find(symbol); }
  };

  __device__ EntryModel(const RowArrays& arrays, int precision, int)
      : arrays_(arrays), table_(RowsAt(arrays, 0, precision)) {}
  template <typename Body>
  __device__ void Visit(uint32_t stream, const Body& body) const {
    body(Source{{arrays_.symbols, stream}, table_});
  }

 private:
  const RowArrays& arrays_;
  EntryTable<V> table_;
};

// One row for all symbols of all streams, as buckets of 2^shift quantiles to pop from.
template <typename T>
class BucketModel {
 public:
  static constexpr int kBlocks = kMinBlocks;
  struct Source {
    Symbols<T> symbols;
    const BucketTable& table;

    __device__ __forceinline__ Located Locate(int64_t, uint32_t quantile) const { return table.Locate(quantile); }
    __device__ __forceinline__ void Store(int64_t i, int32_t symbol) const { symbols.Store(i, symbol); }
  };

  __device__ BucketModel(const RowArrays& arrays, int precision, int shift)
      : arrays_(arrays), precision_(precision), table_(RowsAt(arrays, 0, precision), shift) {}
  template <typename Body>
  __device__ void Visit(uint32_t stream, const Body& body) const {
    if (table_.Rises()) {
      body(Source{{arrays_.symbols, stream}, table_});
    } else {
      RowsModel(arrays_, precision_, 0).Visit(stream, body);
    }
  }

 private:
  const RowArrays& arrays_;
  int precision_;
  BucketTable table_;
};

// Calls body(T{}) with the symbol type of a width, which the argument checks have limited to 1, 2 or 4 bytes.
template <typename Body>
cudaError_t WithSymbols(int bytes, const Body& body) {
  if (bytes == 1) return body(uint8_t{});
  return bytes == 2 ? body(uint16_t{}) : body(int32_t{});
}

// Calls body with the number of lanes that has a loop of its own: 1, 32, or 0 for all others.
template <typename Body>
cudaError_t WithLanes(int64_t lanes, const Body& body) {
  if (lanes == 1) return body(std::integral_constant<int, 1>{});
  if (lanes == kWarp) return body(std::integral_constant<int, kWarp>{});
  return body(std::integral_constant<int, 0>{});
}

}  // namespace jans::cuda

#endif  // JANS_CUDA_SOURCES_H_
