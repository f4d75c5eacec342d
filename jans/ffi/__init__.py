"""The layer between JAX and the kernels."""
