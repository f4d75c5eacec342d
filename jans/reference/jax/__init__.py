"""The kernels in plain JAX: what runs where there is no kernel, and what the kernels are tested against."""
