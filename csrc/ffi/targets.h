// The one table of targets. A name here is "jans_<name>" in XLA and in jans/ffi/targets, the same on every platform.
#ifndef JANS_FFI_TARGETS_H_
#define JANS_FFI_TARGETS_H_

// clang-format off
#define JANS_TARGETS(X)     \
  X(rans_push)              \
  X(rans_push_rows)         \
  X(rans_push_table)        \
  X(rans_push_alias)        \
  X(rans_push_bypass)       \
  X(rans_push_bypass_alias) \
  X(rans_advance)           \
  X(rans_pop_rows)          \
  X(rans_pop_table)         \
  X(rans_pop_alias)         \
  X(rans_pop_bypass)        \
  X(rans_pop_bypass_alias)  \
  X(compact)                \
  X(table_guide)            \
  X(quantize_probs)         \
  X(quantize_logits)        \
  X(quantize_nearest)       \
  X(chain_take)             \
  X(chain_keep)             \
  X(chain_push)             \
  X(range_encode)           \
  X(range_peek)             \
  X(range_advance)          \
  X(huffman_codebook)       \
  X(huffman_encode)         \
  X(huffman_push)           \
  X(huffman_decode)         \
  X(huffman_pop)            \
  X(golomb_encode)          \
  X(golomb_push)            \
  X(golomb_decode)          \
  X(golomb_pop)             \
  X(tans_tables)            \
  X(tans_push)              \
  X(tans_pop)

// Made once for a model, or for the memory of the host: a GPU has plain JAX for them.
#define JANS_CPU_TARGETS(X) \
  X(table_alias)            \
  X(table_remap)            \
  X(quantize_perfect)       \
  X(bytes_split)            \
  X(bytes_merge)            \
  X(fields_split)           \
  X(fields_merge)           \
  X(tops_split)             \
  X(tops_merge)             \
  X(lengths_split)          \
  X(lengths_merge)          \
  X(lengths_count)          \
  X(grid_split)             \
  X(grid_merge)             \
  X(tops_count)             \
  X(count)

// Models in closed form: X(name, its arguments in operands/families.h).
#define JANS_FAMILIES(X)                          \
  X(uniform, UniformFamily)                       \
  X(binned_gaussian, BinnedGaussianFamily)        \
  X(logistic_mixture, LogisticMixtureFamily)      \
  X(gaussian_mixture, GaussianMixtureFamily)      \
  X(gaussian, GaussianFamily)                     \
  X(laplace, LaplaceFamily)                       \
  X(logistic, LogisticFamily)                     \
  X(cauchy, CauchyFamily)                         \
  X(geometric, GeometricFamily)                   \
  X(binomial, BinomialFamily)                     \
  X(poisson, PoissonFamily)                       \
  X(beta_binomial, BetaBinomialFamily)            \
  X(student_t, StudentFamily)                     \
  X(float_line, FloatLineFamily)                  \
  X(float_mixture, FloatMixtureFamily)

// All models with kernels of their own.
#define JANS_KINDS(X) \
  X(rows, _)          \
  X(table, _)         \
  X(lazy, _)          \
  JANS_FAMILIES(X)

// Of every model without a table.
#define JANS_FAMILY_TARGETS(X, name) \
  X(rans_push_##name)                \
  X(rans_pop_##name)                 \
  X(interval_##name)                 \
  X(locate_##name)

// Of every kind of model.
#define JANS_KIND_TARGETS(X, name) \
  X(chain_push_##name)             \
  X(chain_pop_##name)              \
  X(range_encode_##name)           \
  X(range_decode_##name)
// clang-format on

#endif  // JANS_FFI_TARGETS_H_
