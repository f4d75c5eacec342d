"""The seam between JAX and the kernels."""
